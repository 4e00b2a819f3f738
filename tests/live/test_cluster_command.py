"""`driftgate cluster`: which cluster this is, whether policy names it, and the lines that would."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.cli import main
from tests.controlplane.plane import ControlPlane
from tests.live.faults import kubeconfig
from tests.live.trees import SERVER, policy, run, shop, uid_of
from tests.repositories import application, write

Capture = pytest.CaptureFixture[str]


def version_of(plane: ControlPlane) -> str:
    version: str = plane.request("GET", "/version").body["gitVersion"]
    return version


def test_a_cluster_that_nobody_names(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """The identity is printed with the lines that would name it, and nothing is written."""
    tree = shop(tmp_path / "tree", "shop")
    done = run(capsys, api_server, "cluster", tree)
    assert (done.code, done.err) == (1, "")
    assert done.out == (
        "context     admin\n"
        f"API server  {api_server.server}\n"
        f"uid         {uid_of(api_server)}  (of namespace kube-system)\n"
        f"Kubernetes  {version_of(api_server)}\n"
        f"policy      policies/staging.yaml names no cluster for {SERVER}\n"
        "\n"
        "These lines in policies/staging.yaml name it; --write puts them there:\n"
        "\n"
        "cluster:\n"
        "  destinations:\n"
        f"    - server: {SERVER}\n"
        "      context: admin\n"
        f"      uid: {uid_of(api_server)}\n"
    )
    assert "destinations" not in (tree / "policies/staging.yaml").read_text()


def test_what_it_writes_it_finds(
    api_server: ControlPlane, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After --write policy names the cluster, and its context leads there without any option."""
    tree = shop(tmp_path / "tree", "shop")
    before = (tree / "policies/staging.yaml").read_text()
    written = run(capsys, api_server, "cluster", "--write", tree)
    assert written.code == 0
    assert written.out.endswith(f"policy      policies/staging.yaml names it for {SERVER}\n")
    assert (tree / "policies/staging.yaml").read_text() == (
        f"{before}\ncluster:\n  destinations:\n"
        f"    - server: {SERVER}\n      context: admin\n      uid: {uid_of(api_server)}\n"
    )

    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig()))
    again = (tree / "policies/staging.yaml").read_text()
    assert main(["cluster", "--write", str(tree), "--no-cache"]) == 0
    assert capsys.readouterr().out == written.out
    assert (tree / "policies/staging.yaml").read_text() == again


def test_another_cluster_is_never_written_over(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """Where policy names another uid, both are shown and the file stays as it is."""
    tree = shop(tmp_path / "tree", "shop", uid="another")
    before = (tree / "policies/staging.yaml").read_text()
    shown = run(capsys, api_server, "cluster", tree)
    written = run(capsys, api_server, "cluster", "--write", tree)
    verdict = (
        f"policy      policies/staging.yaml names ANOTHER cluster for {SERVER}:\n"
        f"            uid of kube-system: policy has another, the cluster {uid_of(api_server)}\n"
    )
    assert (shown.code, shown.out.endswith(verdict)) == (1, True)
    assert (written.code, written.out) == (4, shown.out)
    assert written.err == "driftgate: policy has an entry of another cluster; nothing was written\n"
    assert (tree / "policies/staging.yaml").read_text() == before


def test_another_address_is_another_cluster(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """The address counts where policy has one: a copy restored elsewhere has the same uid."""
    tree = shop(tmp_path / "tree", "shop")
    entry = f"    - {{server: {SERVER}, uid: {uid_of(api_server)}, apiServer: 'https://api.example.com:6443'}}\n"
    write(tree, {"policies/staging.yaml": policy(entry)})
    done = run(capsys, api_server, "cluster", tree, "--format", "json")
    assert done.code == 1
    assert done.json == [
        {
            "environment": "staging",
            "policy": "policies/staging.yaml",
            "destination": SERVER,
            "context": "admin",
            "apiServer": api_server.server,
            "uid": uid_of(api_server),
            "version": version_of(api_server),
            "named": False,
            "differences": [f"API server: policy has https://api.example.com:6443, the context {api_server.server}"],
        }
    ]


def test_the_current_context_is_never_taken(
    api_server: ControlPlane, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a context, of the command or of policy, nothing is asked, although kubectl would ask."""
    tree = shop(tmp_path / "tree", "shop", uid="u")
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig()))
    before = len(api_server.audit_events())
    assert main(["cluster", str(tree), "--no-cache"]) == 4
    assert capsys.readouterr().err == (
        "driftgate: which cluster? policy has no context under cluster.destinations; name one by --context "
        "(kubectl's current context is never taken)\n"
    )
    after = api_server.audit_events()[before:]
    assert [event["requestURI"] for event in after if "driftgate" in event.get("userAgent", "")] == []


def test_of_several_destinations_one_is_meant(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """Where Applications go to several clusters, policy tells which one this is, or else --destination does."""
    tree = shop(tmp_path / "tree", "shop")
    other = application("eu", "web").replace(f"server: {SERVER}", "name: eu")
    write(tree, {"apps/eu.yaml": other})
    unclear = run(capsys, api_server, "cluster", tree)
    named = run(capsys, api_server, "cluster", tree, "--destination", "eu", "--write")
    known = run(capsys, api_server, "cluster", tree)
    nobody = run(capsys, api_server, "cluster", tree, "--destination", "asia")

    assert (unclear.code, unclear.err) == (
        4,
        f"driftgate: which destination is context admin? Name it by --destination; there is eu, {SERVER}\n",
    )
    assert (named.code, named.out) == (known.code, known.out)
    assert known.out.endswith("policy      policies/staging.yaml names it for eu\n")
    assert (nobody.code, nobody.err) == (4, f"driftgate: no Application goes to asia; they go to eu, {SERVER}\n")


def test_one_policy_is_written_to(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """Of several environments the one that is meant has to be named; without a policy there is none to write to."""
    tree = shop(tmp_path / "tree", "shop")
    write(tree, {"policies/production.yaml": policy().replace("staging", "production")})
    both = run(capsys, api_server, "cluster", tree, "--write")
    one = run(capsys, api_server, "cluster", tree, "--write", "--environment", "staging")
    for file in (tree / "policies").iterdir():
        file.unlink()
    none = run(capsys, api_server, "cluster", tree, "--write", "--repository-url", "https://git.example.com/a.git")

    assert (both.code, both.err) == (
        4,
        "driftgate: --write puts one cluster into one policy: name it by --environment (production, staging)\n",
    )
    assert one.code == 0
    assert none.code == 4
    assert "has no policy to write to" in none.err


def test_a_cluster_that_does_not_answer_ends_with_6(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """What could not be asked is told in the server's own words, with the exit code of what could not be checked."""
    tree = shop(tmp_path / "tree", "shop")
    dead = kubeconfig(api_server, tmp_path / "dead", token="0" * 32)
    refused = run(capsys, api_server, "cluster", tree, "--kubeconfig", dead)
    denied = run(capsys, api_server, "cluster", tree, identity="limited")
    assert (refused.code, refused.out) == (6, "")
    assert refused.err == "driftgate: staging: GET /version: not logged in (401): Unauthorized\n"
    assert denied.code == 6
    assert denied.err.startswith(
        "driftgate: staging: GET /api/v1/namespaces/kube-system: forbidden (403): namespaces "
        '"kube-system" is forbidden: User "limited" cannot get resource "namespaces"'
    )


def test_a_kubeconfig_in_the_tree_is_refused(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """The authors of the judged tree do not choose who is asked, and as whom."""
    tree = shop(tmp_path / "tree", "shop")
    inside = kubeconfig(api_server, tree / "kubeconfig")
    done = run(capsys, api_server, "cluster", tree, "--kubeconfig", inside)
    assert (done.code, done.err) == (
        4,
        f"driftgate: kubeconfig {inside} lies in the judged tree, whose authors it would obey: move it out\n",
    )


def test_it_only_looks(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """Two requests, both get."""
    tree = shop(tmp_path / "tree", "shop")
    before = len(api_server.audit_events())
    assert run(capsys, api_server, "cluster", tree, identity="reader").code == 1
    asked = [e for e in api_server.audit_events()[before:] if e["user"]["username"] == "reader"]
    assert [(event["verb"], event["requestURI"]) for event in asked] == [
        ("get", "/version"),
        ("get", "/api/v1/namespaces/kube-system"),
    ]
