"""The manifests in docs/rbac grant what the commands and a deploy need, and reading needs no more than they say."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgate.drift.reading import Rendered, read_state
from driftgate.live import identify, open_cluster
from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import RBAC, ControlPlane
from tests.drift.clusters import fill, rendered
from tests.live.trees import DEPLOYMENT, TOKEN_SECRET, run, shop, uid_of
from tests.repositories import write

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "docs" / "rbac"


@contextlib.contextmanager
def granted(plane: ControlPlane, bindings: dict[str, str], *files: str) -> Iterator[None]:
    """Give `deployer` the roles of the manifests: by name of the role the namespace, or "" for the whole cluster."""
    roles = [one for file in files for one in yaml.safe_load_all((MANIFESTS / file).read_text())]
    made = []
    try:
        for role in roles:
            plane.create(f"{RBAC}/clusterroles", role)
            made.append(f"{RBAC}/clusterroles/{role['metadata']['name']}")
        for name, namespace in bindings.items():
            path = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
            user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "deployer"}
            plane.create(path, {"metadata": {"name": name}, "roleRef": reference, "subjects": [user]})
            made.append(f"{path}/{name}")
        yield
    finally:
        for path in made:
            plane.request("DELETE", path)


def everything(namespace: str) -> set[Rendered]:
    """What is read in a namespace into which also workloads, an Ingress and an ExternalSecret are rendered."""
    more = (("apps/v1", "StatefulSet"), ("batch/v1", "CronJob"), ("networking.k8s.io/v1", "Ingress"))
    external = ("external-secrets.io/v1", "ExternalSecret")
    return rendered(namespace) | {Rendered(*kind, namespace) for kind in (*more, external)}


def events_of(plane: ControlPlane, start: int) -> list[dict[str, Any]]:
    return [event for event in plane.audit_events()[start:] if event["user"]["username"] == "deployer"]


def test_the_manifest_for_helm_grants_a_deploy(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """With docs/rbac/read.yaml and deploy-helm.yaml preflight passes, and each part of them is needed.

    The audit log shows that preflight gets, lists and reviews, and is refused nothing.
    """
    namespace = api_server.namespace()
    bindings = {"driftgate-cluster": "", "driftgate-read": namespace, "driftgate-deploy-helm": namespace}
    files = ("read.yaml", "deploy-helm.yaml")
    tree = shop(tmp_path / "tree", namespace, uid=uid_of(api_server))
    write(tree, {"web/templates/token.yaml": TOKEN_SECRET})
    with granted(api_server, bindings, *files):
        start = len(api_server.audit_events())
        done = run(capsys, api_server, "preflight", tree, identity="deployer")
        asked = events_of(api_server, start)
    assert done.code == 0, done.out
    assert {(event["verb"], event["responseStatus"]["code"]) for event in asked} == {
        ("get", 200),
        ("list", 200),
        ("create", 201),
    }
    assert {event["objectRef"]["resource"] for event in asked if event["verb"] == "create"} == {
        "selfsubjectaccessreviews",
        "selfsubjectreviews",
    }
    for missing in bindings:
        rest = {name: where for name, where in bindings.items() if name != missing}
        with granted(api_server, rest, *files):
            assert run(capsys, api_server, "preflight", tree, identity="deployer").code in (1, 6), missing


@pytest.mark.parametrize("release", ["helm3", "helm4"])
def test_helm_itself_needs_no_more(
    control_plane: ControlPlane, tmp_path: Path, capsys: Capture, request: pytest.FixtureRequest, release: str
) -> None:
    """Where preflight finds all rights, helm installs, upgrades, waits and uninstalls, and is refused nothing."""
    helm: Path = request.getfixturevalue(release)
    namespace = control_plane.namespace()
    tree = shop(tmp_path / "tree", namespace, uid=uid_of(control_plane))
    write(tree, {"web/templates/token.yaml": TOKEN_SECRET})
    bindings = {"driftgate-cluster": "", "driftgate-read": namespace, "driftgate-deploy-helm": namespace}
    with granted(control_plane, bindings, "read.yaml", "deploy-helm.yaml"):
        assert run(capsys, control_plane, "preflight", tree, identity="deployer").code == 0
        start = len(control_plane.audit_events())
        for deployment in (DEPLOYMENT, DEPLOYMENT.replace("spec:\n", "spec:\n  replicas: 2\n", 1)):
            write(tree, {"web/templates/deployment.yaml": deployment})
            done = control_plane.run(
                helm, "upgrade", "--install", "web", tree / "web", "-n", namespace, "--wait", "--timeout", "60s",
                identity="deployer",
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        gone = control_plane.run(helm, "uninstall", "web", "-n", namespace, "--wait", identity="deployer")
        assert gone.returncode == 0, gone.stderr
        refused = [
            (event["verb"], event["requestURI"])
            for event in events_of(control_plane, start)
            if event["responseStatus"]["code"] == 403
        ]
    assert refused == []


@pytest.mark.usefixtures("every_kind")
@pytest.mark.parametrize("via", ["helm", "argocd"])
def test_the_manifests_fit_our_own_environment(
    api_server: ControlPlane, tmp_path: Path, capsys: Capture, via: str
) -> None:
    """The roles cover every kind of the staging environment, by helm and by Argo CD, and all that `status` reads."""
    tree, plate, control = tmp_path / "tree", "plate-stg", "argocd"
    for folder in ("environments", "helm", "policies"):
        shutil.copytree(ROOT / folder, tree / folder)
    url = ("--repository-url", "https://github.com/cocdev/plate-gitops.git")
    assert run(capsys, api_server, "cluster", tree, "--write", *url).code == 0
    roles = {"driftgate-cluster": "", "driftgate-read": plate, "driftgate-read-argocd": control}
    roles[f"driftgate-deploy-{via}"] = plate if via == "helm" else control
    with granted(api_server, roles, "read.yaml", f"deploy-{via}.yaml"):
        start = len(api_server.audit_events())
        preflight = run(capsys, api_server, "preflight", tree, "--via", via, *url, identity="deployer")
        status = run(capsys, api_server, "status", tree, *url, identity="deployer")
        refused = refusals(api_server, start)
    assert (preflight.code, refused) == (0, []), preflight.out
    assert status.code == 5, status.out  # nothing of the environment is there yet, and nothing went unread


@pytest.mark.usefixtures("every_kind")
def test_the_manifest_grants_what_drift_reads(api_server: ControlPlane) -> None:
    """With read.yaml and drift.yaml nothing goes unread, and the audit log has gets and lists alone."""
    namespace, argocd = fill(api_server), api_server.namespace()
    roles = {"driftgate-cluster": "", "driftgate-drift-cluster": "", "driftgate-drift": namespace}
    roles["driftgate-read-argocd"] = argocd
    with granted(api_server, roles, "read.yaml", "drift.yaml"):
        start = len(api_server.audit_events())
        with open_cluster("deployer", str(api_server.kubeconfig("deployer"))) as cluster:
            state = read_state(cluster, "in-cluster", identify(cluster), everything(namespace), argocd)
        asked = events_of(api_server, start)
    assert state.unread == ()
    assert state.is_listed("argoproj.io", "Application", argocd, "v1alpha1")
    assert state.is_listed("argoproj.io", "AppProject", argocd, "v1alpha1")
    assert state.is_listed("", "Event", namespace)
    assert state.is_listed("discovery.k8s.io", "EndpointSlice", namespace)
    assert {(event["verb"], event["responseStatus"]["code"]) for event in asked} == {("get", 200), ("list", 200)}
    # `get` is for discovery and the identity; no object but the namespace kube-system is read by its name.
    assert {event["requestURI"] for event in asked if event["verb"] == "get" and "objectRef" in event} == {
        "/api/v1/namespaces/kube-system"
    }


@pytest.mark.usefixtures("every_kind")
def test_without_secrets_all_else_is_read(api_server: ControlPlane) -> None:
    """The variant of the manifest leaves Secrets unread, named as forbidden, and nothing else."""
    namespace = fill(api_server)
    roles = {"driftgate-cluster": "", "driftgate-drift-cluster": "", "driftgate-drift-without-secrets": namespace}
    with (
        granted(api_server, roles, "read.yaml", "drift.yaml", "drift-without-secrets.yaml"),
        open_cluster("deployer", str(api_server.kubeconfig("deployer"))) as cluster,
    ):
        state = read_state(cluster, "in-cluster", identify(cluster), everything(namespace))
    assert [(one.wanted.kind, one.wanted.metadata_only, one.status) for one in state.unread] == [("Secret", False, 403)]
    assert state.unread_of("", "Secret", namespace, "v1") == state.unread[0]
    assert state.find("", "ConfigMap", namespace, "settings") is not None


@pytest.fixture(scope="module")
def every_kind(api_server: ControlPlane, published_crds: dict[str, list[Crd]]) -> Iterator[None]:
    """The kinds that staging needs, and the namespaces; served once, because they take long to come and go."""
    with (
        api_server.namespaces("plate-stg", "argocd"),
        served(api_server, [crd for crds in published_crds.values() for crd in crds]),
    ):
        yield


def refusals(plane: ControlPlane, start: int) -> list[str]:
    return [event["requestURI"] for event in events_of(plane, start) if event["responseStatus"]["code"] == 403]
