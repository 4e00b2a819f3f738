"""`cluster.destinations` of policy: what it may say, and how a command adds to it without touching the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from driftgate.errors import PolicyError, UsageError
from driftgate.judge import load_catalogue
from driftgate.policy import ClusterDestination, ClusterSection, Policy, read_policies
from driftgate.policy.writing import destination_lines, with_destination, write_destination
from driftgate.semantics.destinations import cluster_called
from driftgate.yaml_reader import read_yaml

HEAD = "driftgate: 1\nenvironment: staging\n"
ENTRY = ClusterDestination("u-1", server="https://kubernetes.default.svc", context="staging")
LINES = ["- server: https://kubernetes.default.svc", "  context: staging", "  uid: u-1"]


def policy_of(root: Path, text: str) -> Policy:
    folder = root / "policies"
    folder.mkdir(exist_ok=True)
    (folder / "staging.yaml").write_bytes(text.encode())
    catalogue = load_catalogue()
    return read_policies(root, None, catalogue.sections, catalogue.checks)[0]


def problems(root: Path, destinations: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        policy_of(root, f"{HEAD}cluster:\n  destinations:\n{destinations}")
    return str(caught.value).splitlines()


def test_entries_are_found_by_whatever_name_argo_cd_has(tmp_path: Path) -> None:
    """Argo CD's own cluster has two names, and a final slash makes no other cluster."""
    section = policy_of(
        tmp_path,
        f"{HEAD}cluster:\n  destinations:\n"
        "    - {name: in-cluster, uid: a, inCluster: true}\n"
        "    - {server: https://eu.example.com/, uid: b, apiServer: https://10.0.0.1:6443}\n"
        "    - {name: asia, uid: c, context: asia}\n",
    ).section(ClusterSection)
    found = {
        called: entry and entry.uid
        for called in (
            cluster_called("https://kubernetes.default.svc/", ""),
            cluster_called("https://eu.example.com", ""),
            cluster_called("", "asia"),
            cluster_called("", "eu"),
        )
        for entry in [section.destination(called)]
    }
    assert found == {
        "https://kubernetes.default.svc": "a",
        "https://eu.example.com": "b",
        "asia": "c",
        "eu": None,
    }


def test_an_entry_says_once_which_destination_it_is(tmp_path: Path) -> None:
    """Neither, both and the same destination twice are told, each at its line."""
    found = problems(
        tmp_path,
        "    - {uid: a}\n"
        "    - {server: https://a.example.com, name: a, uid: a}\n"
        "    - {name: in-cluster, uid: a}\n"
        "    - {server: https://kubernetes.default.svc/, uid: b}\n",
    )
    twin = "cluster.destinations[3]: https://kubernetes.default.svc"
    rest = "exactly one says which destination of Applications is meant"
    assert found == [
        f"policies/staging.yaml:5:7: cluster.destinations[0]: neither server nor name; {rest}",
        f"policies/staging.yaml:6:7: cluster.destinations[1]: both server and name; {rest}",
        f"policies/staging.yaml:8:8: {twin} has an entry already, at policies/staging.yaml:7:7",
    ]


def test_an_entry_contradicts_itself_in_no_other_way(tmp_path: Path) -> None:
    """Two ways to the cluster, an empty uid and an address that is none are told together."""
    example_address = "https://api.example.com:6443"
    found = problems(tmp_path, "    - {name: a, context: a, inCluster: true, uid: ' ', apiServer: 'api.example.com'}\n")
    assert found == [
        "policies/staging.yaml:5:29: cluster.destinations[0]: both context and inCluster; one way leads to the cluster",
        "policies/staging.yaml:5:46: cluster.destinations[0].uid: empty; `driftgate cluster` prints the cluster's",
        f"policies/staging.yaml:5:56: cluster.destinations[0].apiServer: expected a URL such as {example_address}",
    ]


def test_an_entry_without_a_uid_names_nothing(tmp_path: Path) -> None:
    """The uid is what makes it that cluster, so it is required; misspelt keys are told as everywhere."""
    assert problems(tmp_path, "    - {name: a, contxt: b}\n") == [
        "policies/staging.yaml:5:7: cluster.destinations[0] needs uid",
        "policies/staging.yaml:5:17: cluster.destinations[0]: unknown key contxt; did you mean context?",
    ]


def indented(spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in LINES)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(HEAD, f"{HEAD}\ncluster:\n  destinations:\n{indented(4)}", id="no cluster yet"),
        pytest.param(HEAD.rstrip(), f"{HEAD}\ncluster:\n  destinations:\n{indented(4)}", id="no last newline"),
        pytest.param(
            f"{HEAD}cluster:\n  kubernetesVersion: '1.34'  # ours\n\n# 다음\nargocd:\n  version: '3.6'\n",
            f"{HEAD}cluster:\n  kubernetesVersion: '1.34'  # ours\n  destinations:\n{indented(4)}\n"
            "# 다음\nargocd:\n  version: '3.6'\n",
            id="a cluster, with what follows",
        ),
        pytest.param(
            f"{HEAD}cluster:\n    apiVersions:\n    - a/v1\n    # deep\n\n\na: 1\n",
            f"{HEAD}cluster:\n    apiVersions:\n    - a/v1\n    # deep\n    destinations:\n{indented(6)}\n\na: 1\n",
            id="its own indentation",
        ),
        pytest.param(
            f"{HEAD}cluster:\n  destinations:\n    - name: a\n      uid: b  # of a\n  next: []\n",
            f"{HEAD}cluster:\n  destinations:\n    - name: a\n      uid: b  # of a\n{indented(4)}  next: []\n",
            id="a list with entries",
        ),
        pytest.param(
            f"{HEAD}cluster:\n  destinations:\n  - name: a\n    uid: b\n  apiVersions: [c/v1]\n",
            f"{HEAD}cluster:\n  destinations:\n  - name: a\n    uid: b\n{indented(2)}  apiVersions: [c/v1]\n",
            id="a list as far left as its key",
        ),
        pytest.param(
            f"{HEAD}cluster:\n  destinations: [] # none yet\n",
            f"{HEAD}cluster:\n  destinations: # none yet\n{indented(4)}",
            id="an empty list",
        ),
        pytest.param(f"{HEAD}cluster:\n", f"{HEAD}cluster:\n  destinations:\n{indented(4)}", id="an empty cluster"),
        pytest.param(
            f"{HEAD}cluster:\n  kubernetesVersion: '1.34'\n".replace("\n", "\r\n"),
            f"{HEAD}cluster:\n  kubernetesVersion: '1.34'\n  destinations:\n{indented(4)}".replace("\n", "\r\n"),
            id="CRLF",
        ),
    ],
)
def test_the_entry_is_put_where_it_belongs(before: str, after: str) -> None:
    """Comments, order, indentation and line ends stay, and the entry stands in the style of what is around it."""
    assert with_destination(before, "policies/staging.yaml", ENTRY) == after


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}cluster: {{kubernetesVersion: '1.34'}}\n",
        f"{HEAD}cluster:\n  destinations: [{{name: a, uid: b}}]\n",
        f"{HEAD}checks: &c\n  a: {{}}\ncluster: *c\n",
        f"{HEAD}cluster:\n  a: [\n",
        f"{HEAD}---\na: b\n",
    ],
)
def test_a_style_that_leaves_no_place_is_refused(text: str) -> None:
    """Where more than a few lines would have to change, nothing is changed and the lines are left to a person."""
    with pytest.raises(UsageError) as caught:
        with_destination(text, "policies/staging.yaml", ENTRY)
    assert str(caught.value) == (
        "policies/staging.yaml: its style leaves no place for the entry; put the lines there by hand"
    )


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), min_size=1, max_size=12)
COMMENTS = st.sampled_from(["", "# 주석\n", "  # deeper\n", "\n", "\n\n# two\n\n"])
CLUSTERS = st.sampled_from(
    [
        "",
        "cluster:\n",
        "cluster:\n  kubernetesVersion: '1.34'\n",
        "cluster:\n  destinations: []\n",
        "cluster:\n  destinations:\n  - name: z\n    uid: y\n",
        "cluster:\n    destinations:\n      - name: z\n        uid: y\n    apiVersions: [a/v1]\n",
        "cluster:\n  apiVersions:\n  - |\n    # text\n    x\n",
    ]
)


@given(context=WORDS, uid=WORDS, before=COMMENTS, cluster=CLUSTERS, after=COMMENTS, tail=st.booleans())
@example(context="a: b", uid="1e3", before="", cluster="", after="", tail=True)
@example(context="off", uid="\u2028", before="", cluster="cluster:\n", after="  # deeper\n", tail=False)
def test_what_is_written_reads_as_it_was_meant(
    context: str, uid: str, before: str, cluster: str, after: str, *, tail: bool
) -> None:
    """Whatever the names hold: the file reads as before plus the entry, and no line of it is lost or reordered."""
    text = HEAD + before + cluster + after + ("checks: {}\n" if tail else "")
    entry = ClusterDestination(uid, name="there", context=context)
    old = read_yaml(text, "p").roots[0]
    edited = with_destination(text, "p", entry)
    listed = old.get("cluster", "destinations")
    found = read_yaml(edited, "p").roots[0]
    assert [*(item.plain() for item in (listed.items if listed else ())), _plain(entry)] == [
        item.plain() for item in (found.get("cluster", "destinations") or old).items
    ]
    kept = iter(edited.splitlines())
    assert all(line.replace(" []", "") in kept for line in text.splitlines())


def _plain(entry: ClusterDestination) -> dict[str, str | None]:
    return {"name": entry.name, "context": entry.context, "uid": entry.uid}


def test_every_fact_of_an_entry_has_its_line() -> None:
    """What policy can hold of a cluster is written as it is read, and what is not known is left out."""
    entry = ClusterDestination("1", name="asia", in_cluster=True, api_server="https://10.0.0.1:6443")
    assert destination_lines(entry) == (
        "- name: asia",
        "  inCluster: true",
        "  apiServer: https://10.0.0.1:6443",
        '  uid: "1"',
    )


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """Mode and neighbours stay as they are, and what cannot be changed is told and left alone."""
    policy = policy_of(tmp_path, HEAD)
    file = tmp_path / policy.file
    file.chmod(0o640)
    write_destination(tmp_path, policy, ENTRY)
    assert (file.read_text(), file.stat().st_mode & 0o777) == (
        f"{HEAD}\ncluster:\n  destinations:\n{indented(4)}",
        0o640,
    )
    assert [path.name for path in file.parent.iterdir()] == ["staging.yaml"]

    with pytest.raises(UsageError, match="has no policy to write to"):
        write_destination(tmp_path, Policy.shipped({}), ENTRY)
