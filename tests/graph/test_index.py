"""What the graph answers: present, absent with a guess, or cannot tell with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from driftgate.graph import External, Graph, Origin, State, Target, build_graphs
from tests.repositories import application, assembly_of, write

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {url: x, user: y}\n"
EXTERNAL_SECRET = """\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: cache}
spec:
  target: {name: cache-credentials}
  data: [{secretKey: url, remoteRef: {key: a}}]
"""
FROM_STORE = """\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: all}
spec:
  dataFrom: [{extract: {key: a}}]
"""
DATABASE = "apiVersion: postgres.example.com/v1\nkind: Database\nmetadata: {name: orders}\n"


@contextmanager
def graph_of(
    root: Path, objects: dict[str, str], *more: External, applications: dict[str, str] | None = None
) -> Iterator[Graph]:
    """The graph of one cluster, to which `web` deploys the objects and perhaps others deploy theirs."""
    files = {f"web/{name}.yaml": text for name, text in objects.items()}
    named = {"web": "web", **(applications or {})}
    files |= {f"apps/{name}.yaml": application(name, path) for name, path in named.items()}
    with assembly_of(write(root, files)) as assembly:
        (graph,) = build_graphs(assembly.environment.applications, more).values()
        yield graph


def secret(name: str, namespace: str = "plate-stg") -> Target:
    """A Secret of the destination namespace."""
    return Target("", "Secret", namespace, name)


def test_what_is_rendered_is_present_with_who_brings_it(tmp_path: Path) -> None:
    """A rendered object answers with itself, in the namespace that Argo CD fills in."""
    with graph_of(tmp_path, {"secret": SECRET}) as graph:
        answer = graph.find(secret("db"))
    assert answer.state is State.PRESENT
    assert [(d.application, d.origin, d.keys) for d in answer.definitions] == [
        ("web", Origin.RENDERED, frozenset({"url", "user"}))
    ]


def test_a_controllers_work_is_present(tmp_path: Path) -> None:
    """An ExternalSecret provides its target, under the target's name."""
    with graph_of(tmp_path, {"external": EXTERNAL_SECRET}) as graph:
        found, own = graph.find(secret("cache-credentials")), graph.find(secret("cache"))
    assert (found.state, found.definitions[0].origin) == (State.PRESENT, Origin.CONTROLLER)
    assert own.state is State.ABSENT
    assert own.hint == "ExternalSecret cache makes it under the name cache-credentials"


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        (secret("dbs"), "there is Secret plate-stg/db"),
        (secret("db", "plate-prod"), "there is Secret plate-stg/db, in another namespace"),
        (secret("something-else"), ""),
    ],
)
def test_what_is_missing_comes_with_what_may_be_meant(tmp_path: Path, wanted: Target, hint: str) -> None:
    """The nearest name of the namespace, else the same name of another one, else nothing at all."""
    with graph_of(tmp_path, {"secret": SECRET}) as graph:
        answer = graph.find(wanted)
    assert (answer.state, answer.hint) == (State.ABSENT, hint)
    assert (answer.guess.target if answer.guess else None) == (secret("db") if hint else None)


def test_beside_an_application_that_does_not_render_nothing_is_missing(tmp_path: Path) -> None:
    """As long as an Application is not known in full, it may hold what is not found elsewhere."""
    with graph_of(tmp_path, {"secret": SECRET}, applications={"gone": "nowhere"}) as graph:
        answer, present = graph.find(secret("cache")), graph.find(secret("db"))
    assert (answer.state, answer.incomplete) == (State.CANNOT_TELL, "gone")
    assert answer.reason == "gone is not known in full and may hold it"
    assert present.state is State.PRESENT


def test_what_an_emptied_application_may_have_held_is_not_missing(tmp_path: Path) -> None:
    """An Application that renders nothing at all is a finding of its own, and the cause of what others miss."""
    write(tmp_path, {"emptied/notes.txt": "nothing here"})
    with graph_of(tmp_path, {"secret": SECRET}, applications={"emptied": "emptied"}) as graph:
        answer = graph.find(secret("cache"))
    assert (answer.state, answer.incomplete) == (State.CANNOT_TELL, "emptied")


def test_what_a_controller_of_a_custom_kind_may_make_is_not_missing(tmp_path: Path) -> None:
    """A name that begins with that of a custom resource may be its controller's; a mere beginning of a word is not."""
    with graph_of(tmp_path, {"database": DATABASE}) as graph:
        maybe, other = graph.find(secret("orders-password")), graph.find(secret("ordersheet"))
    assert (maybe.state, maybe.reason) == (State.CANNOT_TELL, "the controller of Database orders may make it")
    assert other.state is State.ABSENT


def test_a_declared_external_is_present_and_counts_as_used(tmp_path: Path) -> None:
    """What policy declares is there, where namespace and name fit, and the graph remembers that it was asked for."""
    entries = (External("Secret", "*-tls", "plate-*"), External("Secret", "never"))
    with graph_of(tmp_path, {"secret": SECRET}, *entries) as graph:
        assert graph.find(secret("web-tls")).state is State.PRESENT
        assert graph.find(secret("web-tls", "other")).state is State.ABSENT
        assert graph.used_external == {0}


@pytest.mark.parametrize("name", ["widgets.example.com", "*.example.com", "Widget.example.com"])
def test_a_declared_definition_is_found_by_its_plural(tmp_path: Path, name: str) -> None:
    """A CustomResourceDefinition may be declared as the cluster calls it, or by its kind."""
    kind = Target("apiextensions.k8s.io", "CustomResourceDefinition", "", "Widget.example.com")
    with graph_of(tmp_path, {"secret": SECRET}, External("CustomResourceDefinition", name)) as graph:
        assert graph.find(kind).state is State.PRESENT


@pytest.mark.parametrize(
    ("name", "key", "state", "words"),
    [
        ("db", "url", State.PRESENT, ""),
        ("db", "usr", State.ABSENT, "it has user"),
        ("db", "port", State.ABSENT, "it has url, user"),
        ("cache-credentials", "url", State.PRESENT, ""),
        ("cache-credentials", "password", State.ABSENT, "it has url"),
        ("all", "anything", State.CANNOT_TELL, "what ExternalSecret all yields is not in Git"),
        ("declared", "anything", State.CANNOT_TELL, "policy declares it without its keys"),
        ("listed", "token", State.PRESENT, ""),
        ("listed", "tokens", State.ABSENT, "it has token"),
    ],
)
def test_keys_are_known_where_git_tells_them(tmp_path: Path, name: str, key: str, state: State, words: str) -> None:
    """A key is present, absent with what there is, or not to be told where a store or nobody says."""
    objects = {"secret": SECRET, "external": EXTERNAL_SECRET, "all": FROM_STORE}
    entries = (External("Secret", "declared"), External("Secret", "listed", keys=frozenset({"token"})))
    with graph_of(tmp_path, objects, *entries) as graph:
        answer = graph.find_key(secret(name), key)
    assert (answer.state, answer.hint or answer.reason) == (state, words)


def test_what_every_cluster_has_is_present(tmp_path: Path) -> None:
    """The default ServiceAccount and the cluster's CA are there in every namespace, built-in roles in the cluster."""
    with graph_of(tmp_path, {"secret": SECRET}) as graph:
        for target in (
            Target("", "ServiceAccount", "plate-stg", "default"),
            Target("", "ConfigMap", "anywhere", "kube-root-ca.crt"),
            Target("rbac.authorization.k8s.io", "ClusterRole", "", "system:auth-delegator"),
        ):
            assert graph.find(target).state is State.PRESENT, target


def test_each_cluster_has_a_graph_of_its_own(tmp_path: Path) -> None:
    """The same names in another cluster provide nothing here; `in-cluster` is the cluster of Argo CD itself."""
    near = application("near", "near").replace("server: https://kubernetes.default.svc", "name: in-cluster")
    far = application("far", "far").replace("https://kubernetes.default.svc", "https://far.example.com/")
    files = {"apps/web.yaml": application("web", "web"), "apps/near.yaml": near, "apps/far.yaml": far}
    files |= {f"{folder}/secret.yaml": SECRET.replace("db", folder) for folder in ("web", "near", "far")}
    with assembly_of(write(tmp_path, files)) as assembly:
        graphs = build_graphs(assembly.environment.applications)
    states = {
        cluster: [name for name in ("web", "near", "far") if graph.find(secret(name)).state is State.PRESENT]
        for cluster, graph in graphs.items()
    }
    assert states == {"https://kubernetes.default.svc": ["web", "near"], "https://far.example.com": ["far"]}
