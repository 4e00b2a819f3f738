"""`driftgate preflight`: whether a real cluster would take a deploy, and what speaks against it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import ControlPlane
from tests.live.faults import Fault, kubeconfig, proxy_before, status
from tests.live.trees import DEPLOYMENT, SECRET_STORE, SERVER, SERVICE, TOKEN_SECRET, Done, policy, run, shop, uid_of
from tests.repositories import application, chart, write

Capture = pytest.CaptureFixture[str]


def look(capsys: Capture, plane: ControlPlane, tree: Path, *arguments: str | Path, identity: str = "admin") -> Done:
    return run(capsys, plane, "preflight", tree, "--format", "json", *arguments, identity=identity)


def minor(plane: ControlPlane) -> str:
    version: str = plane.request("GET", "/version").body["gitVersion"]
    return version


@pytest.fixture
def namespace(api_server: ControlPlane) -> str:
    return api_server.namespace()


@pytest.fixture
def tree(api_server: ControlPlane, namespace: str, tmp_path: Path) -> Path:
    """The shop, with the cluster named by policy."""
    return shop(tmp_path / "tree", namespace, uid=uid_of(api_server))


def test_a_cluster_that_is_ready(api_server: ControlPlane, tree: Path, namespace: str, capsys: Capture) -> None:
    """Where nothing speaks against the deploy, each thing that was looked at has its good word."""
    done = look(capsys, api_server, tree)
    assert (done.code, done.err) == (0, "")
    assert done.points == [
        (
            "identity",
            "ok",
            f"{api_server.server}, uid {uid_of(api_server)}: as policies/staging.yaml names it for {SERVER}",
        ),
        ("version", "ok", f"Kubernetes {minor(api_server)}"),
        ("user", "ok", "admin"),
        ("kinds", "ok", "all 2 kinds that are rendered are served"),
        (f"namespace {namespace}", "ok", "it is there"),
        ("rights", "ok", "admin has all 26 rights that the deploy needs"),
        ("delivery", "ok", "by helm: the cluster serves no Argo CD Applications"),
    ]
    assert {key: done.json[0][key] for key in ("environment", "context", "user", "delivery", "applications")} == {
        "environment": "staging",
        "context": "admin",
        "user": "admin",
        "delivery": "helm",
        "applications": ["web"],
    }


def test_an_operator_reads_it_at_a_glance(
    api_server: ControlPlane, tree: Path, namespace: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text has one entry for each thing, the mark first, evidence and next step below, and a verdict at the end."""
    monkeypatch.setenv("COLUMNS", "200")
    write(tree, {"web/templates/store.yaml": SECRET_STORE})
    done = run(capsys, api_server, "preflight", tree)
    lines = done.out.splitlines()
    width = len(f"namespace {namespace}") + 2
    assert done.code == 1
    assert lines[:2] == ["environment staging, context admin", ""]
    assert lines[2].startswith(f"ok       {'identity':<{width}}{api_server.server}")
    first = next(index for index, line in enumerate(lines) if line.startswith("PROBLEM"))
    assert [line.strip() for line in lines[first : first + 2]] == [
        f"PROBLEM  {'kinds':<{width}}the cluster does not serve external-secrets.io/v1: SecretStore",
        "| rendered by web",
    ], done.out
    assert lines[first + 2].strip().startswith("-> Install External Secrets Operator in this cluster:")
    assert lines[-1].startswith("NOT READY for 1 Application by helm: 1 problem ("), done.out


def test_a_cluster_that_policy_does_not_name_is_not_looked_at(
    api_server: ControlPlane, namespace: str, tmp_path: Path, capsys: Capture
) -> None:
    """Without a name in policy the look ends there, with the command that writes it; --any-cluster goes on aloud."""
    tree = shop(tmp_path / "tree", namespace)
    stopped = look(capsys, api_server, tree)
    anyway = look(capsys, api_server, tree, "--any-cluster")
    shown = f"{api_server.server}, uid {uid_of(api_server)}"

    assert stopped.code == 1
    assert stopped.json[0]["points"] == [
        {
            "topic": "identity",
            "state": "problem",
            "found": f"policy names no cluster for {SERVER}; nothing else was looked at",
            "evidence": [],
            "nextStep": f"If {shown} is the one: driftgate cluster --context admin --write",
        }
    ]
    assert stopped.json[0]["apiCalls"] == 2
    assert anyway.code == 0
    assert anyway.points[0] == (
        "identity",
        "note",
        f"policy names no cluster for {SERVER}; looked at because of --any-cluster",
    )
    assert len(anyway.points) == 7


def test_another_cluster_is_told_with_both_names(
    api_server: ControlPlane, namespace: str, tmp_path: Path, capsys: Capture
) -> None:
    """A context that leads elsewhere stops the deploy, and shows what policy names and what is there."""
    tree = shop(tmp_path / "tree", namespace, uid="of-production")
    done = look(capsys, api_server, tree)
    assert done.code == 1
    assert done.json[0]["points"] == [
        {
            "topic": "identity",
            "state": "problem",
            "found": f"this is NOT the cluster that policy names for {SERVER}; nothing else was looked at",
            "evidence": [f"uid of kube-system: policy has of-production, the cluster {uid_of(api_server)}"],
            "nextStep": "Choose another context, or correct cluster.destinations in policies/staging.yaml.",
        }
    ]


def test_another_version_is_a_note(api_server: ControlPlane, tree: Path, capsys: Capture) -> None:
    """What was rendered for another minor version of Kubernetes may be right all the same; a patch is no other one."""
    entry = f"    - {{server: {SERVER}, uid: {uid_of(api_server)}}}\n"
    write(tree, {"policies/staging.yaml": policy(entry, more="  kubernetesVersion: '1.30.1'\n")})
    done = look(capsys, api_server, tree)
    assert done.code == 0
    assert done.point("version", "note")["found"] == (
        f"the cluster is {minor(api_server)}, policy has kubernetesVersion 1.30.1"
    )
    major, middle = minor(api_server).removeprefix("v").split(".")[:2]
    write(tree, {"policies/staging.yaml": policy(entry, more=f"  kubernetesVersion: '{major}.{middle}.99'\n")})
    assert look(capsys, api_server, tree).points[1] == ("version", "ok", f"Kubernetes {minor(api_server)}")


def test_a_kind_whose_operator_is_missing(api_server: ControlPlane, tree: Path, capsys: Capture) -> None:
    """A CRD that is not there stops the deploy before it starts, and the operator that brings it is named."""
    write(tree, {"web/templates/store.yaml": SECRET_STORE})
    done = look(capsys, api_server, tree)
    assert done.code == 1
    assert done.point("kinds") == {
        "topic": "kinds",
        "state": "problem",
        "found": "the cluster does not serve external-secrets.io/v1: SecretStore",
        "evidence": ["rendered by web"],
        "nextStep": "Install External Secrets Operator in this cluster: kubectl api-resources "
        "--api-group=external-secrets.io",
    }


def test_a_version_that_is_not_served(api_server: ControlPlane, tree: Path, capsys: Capture) -> None:
    """A kind that is served in other versions is told with these."""
    write(tree, {"web/templates/deployment.yaml": DEPLOYMENT.replace("apps/v1", "apps/v1beta2")})
    assert look(capsys, api_server, tree).point("kinds") == {
        "topic": "kinds",
        "state": "problem",
        "found": "the cluster does not serve apps/v1beta2: Deployment",
        "evidence": ["rendered by web", "Deployment is served as v1"],
        "nextStep": "Render one of these versions instead.",
    }


def test_a_kind_that_comes_with_the_deploy(
    api_server: ControlPlane, tree: Path, capsys: Capture, published_crds: dict[str, list[Crd]]
) -> None:
    """A CRD in the charts themselves makes its kind no problem."""
    crd = next(one for one in published_crds["external-secrets"] if one["spec"]["names"]["kind"] == "SecretStore")
    write(tree, {"web/templates/store.yaml": SECRET_STORE, "web/crds/store.yaml": yaml.safe_dump(crd)})
    done = look(capsys, api_server, tree)
    assert [point for point in done.points if point[0] == "kinds"] == [
        ("kinds", "ok", "all 3 kinds that are rendered are served")
    ]


def test_a_namespace_that_is_missing_is_created(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """A missing namespace is a note, and the right to create it is asked for."""
    tree = shop(tmp_path / "tree", "not-there-yet", uid=uid_of(api_server))
    admin, reader = (look(capsys, api_server, tree, identity=identity) for identity in ("admin", "reader"))
    assert (admin.code, admin.point("namespace not-there-yet", "note")["found"]) == (
        0,
        "it is not there; the deploy creates it",
    )
    assert ("rights", "problem", "reader cannot create namespaces") in reader.points


def test_a_namespace_that_does_not_go(control_plane: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """A namespace that is being deleted is a problem, with what holds it in the words of its controller."""
    namespace = control_plane.namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.create(path, {"metadata": {"name": "held", "finalizers": ["example.com/forgotten"]}})
    control_plane.request("DELETE", f"/api/v1/namespaces/{namespace}")

    def tells() -> bool:
        conditions = control_plane.request("GET", f"/api/v1/namespaces/{namespace}").body["status"].get("conditions")
        return any(
            one["type"] == "NamespaceFinalizersRemaining" and one["status"] == "True" for one in conditions or ()
        )

    control_plane.processes.wait_until(tells, "condition of the namespace", 60)
    tree = shop(tmp_path / "tree", namespace, uid=uid_of(control_plane))
    found = look(capsys, control_plane, tree).point(f"namespace {namespace}")
    held = {"op": "remove", "path": "/metadata/finalizers"}
    control_plane.request("PATCH", f"{path}/held", [held], content_type="application/json-patch+json")  # type: ignore[arg-type]

    assert found["found"] == "it is being deleted, and takes no new objects"
    assert sorted(line.partition(":")[0] for line in found["evidence"]) == [
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
    ]
    assert any("example.com/forgotten in 1 resource instances" in line for line in found["evidence"])
    assert found["nextStep"].startswith(
        "End what the finalizers wait for, mostly a controller that is gone: kubectl get"
    )


def test_rights_that_are_missing_are_told_together(
    api_server: ControlPlane, tree: Path, namespace: str, capsys: Capture
) -> None:
    """Resources with the same missing verbs stand in one line, with the rule that would grant them."""
    done = look(capsys, api_server, tree, identity="reader")
    assert done.code == 1
    problems = [point for point in done.json[0]["points"] if point["topic"] == "rights"]
    bind = f"Bind a Role in {namespace} to reader with "
    verbs, all_verbs = "create, update, delete", "create, patch, update, delete"
    assert [(point["found"], point["nextStep"]) for point in problems] == [
        (
            f"reader cannot {verbs} secrets in {namespace}",
            f'{bind}{{apiGroups: [""], resources: [secrets], verbs: [{verbs}]}}',
        ),
        (
            f"reader cannot {all_verbs} services, deployments.apps in {namespace}",
            f'{bind}{{apiGroups: ["", "apps"], resources: [services, deployments], verbs: [{all_verbs}]}}',
        ),
    ]


def test_what_could_not_be_asked_is_told(
    api_server: ControlPlane, tree: Path, namespace: str, tmp_path: Path, capsys: Capture
) -> None:
    """A failing review, namespace or list is neither good nor bad, and ends with the exit code of what is not known."""
    spoiled = ("selfsubjectaccessreviews", f"/api/v1/namespaces/{namespace}", "/services?")

    def spoil(_method: str, path: str) -> Fault | None:
        fits = path.endswith(spoiled[:2]) or spoiled[2] in path
        return Fault(status=500, body=status(500, "etcd is gone")) if fits else None

    with proxy_before(api_server) as proxy:
        proxy.spoil = spoil
        file = kubeconfig(api_server, tmp_path / "config", server=proxy.server)
        done = look(capsys, api_server, tree, "--kubeconfig", file)
    unknown = [point for point in done.json[0]["points"] if point["state"] == "could not check"]
    assert done.code == 6
    assert [(point["topic"], point["found"], point["evidence"]) for point in unknown] == [
        (
            f"namespace {namespace}",
            "whether it is there",
            [f"GET /api/v1/namespaces/{namespace}: server error (500): etcd is gone"],
        ),
        (
            "rights",
            "26 of 26 rights",
            ["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews: server error (500): etcd is gone"],
        ),
        (
            "delivery",
            "whether somebody else holds some of the objects",
            [f"Service in {namespace}: server error (500): etcd is gone"],
        ),
    ]


def test_what_a_cluster_says_does_not_reach_the_terminal_raw(
    api_server: ControlPlane, tree: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Words of a server that would steer a terminal are shown as what they are, as text, as JSON and in errors."""
    steering = "\x1b[2J\x9b31m\u202egone"
    fault = Fault(status=403, body=status(403, steering))
    printed = []
    with proxy_before(api_server) as proxy:
        file = kubeconfig(api_server, tmp_path / "config", server=proxy.server)
        for spoiled in ("/services?", "/kube-system"):
            proxy.spoil = lambda _method, path, spoiled=spoiled: fault if spoiled in path else None  # type: ignore[misc]
            for shape in ("text", "json"):
                done = run(capsys, api_server, "preflight", tree, "--kubeconfig", file, "--format", shape)
                assert done.code == 6
                printed.append(done.out + done.err)
    assert ["gone" in text for text in printed] == [True] * 4
    assert [character for character in steering if character in "".join(printed) and not character.isprintable()] == []


def test_what_is_not_rendered_is_not_known_to_fit(api_server: ControlPlane, tree: Path, capsys: Capture) -> None:
    """An Application that does not render in full is named: what it needs of the cluster is not known."""
    write(tree, {"web/templates/broken.yaml": "{{ .Values.a.b.c }}\n"})
    done = look(capsys, api_server, tree)
    assert done.code != 0
    assert done.point("rendering", "could not check")["found"] == ("all that web needs: it is not rendered in full")


def test_only_some_applications(api_server: ControlPlane, tree: Path, namespace: str, capsys: Capture) -> None:
    """--application leaves out what the others need; a name that is nobody's is a mistake."""
    other = application("store", "store").replace("plate-stg", namespace)
    write(tree, {"apps/store.yaml": other, **chart("store", {"store.yaml": SECRET_STORE})})
    everything = look(capsys, api_server, tree)
    one = look(capsys, api_server, tree, "--application", "web")
    nobody = look(capsys, api_server, tree, "--application", "wep")
    assert (everything.code, everything.json[0]["applications"]) == (1, ["store", "web"])
    assert (one.code, one.json[0]["applications"]) == (0, ["web"])
    assert (nobody.code, nobody.err) == (
        4,
        f"driftgate: no Application that goes to {SERVER} is called wep; did you mean web?\n",
    )


def test_helm_does_not_take_over_what_somebody_made(
    api_server: ControlPlane, tree: Path, namespace: str, capsys: Capture
) -> None:
    """Objects that are there already and not of the release stop helm, and are named; its own do not."""
    services = f"/api/v1/namespaces/{namespace}/services"
    api_server.create(services, {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})
    made = look(capsys, api_server, tree)
    helms = {
        "metadata": {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "old", "meta.helm.sh/release-namespace": namespace},
        }
    }
    merge = "application/merge-patch+json"
    api_server.request("PATCH", f"{services}/web", helms, content_type=merge)
    others = look(capsys, api_server, tree)
    helms["metadata"]["annotations"]["meta.helm.sh/release-name"] = "web"
    api_server.request("PATCH", f"{services}/web", helms, content_type=merge)
    ours = look(capsys, api_server, tree)

    assert made.code == 1
    assert made.point("delivery")["found"] == (
        "helm would refuse: objects that are not of its releases are there already"
    )
    assert made.point("delivery")["evidence"] == ["Service/web: made without helm"]
    assert others.point("delivery")["evidence"] == ["Service/web: of release old"]
    assert ours.code == 0


def test_what_another_argo_cd_tracks_is_left_to_it(
    api_server: ControlPlane, tree: Path, namespace: str, capsys: Capture
) -> None:
    """An object with Argo CD's tracking id is managed, even where the Application is in another cluster.

    An id that names another object is a copy, and says nothing.
    """
    services = f"/api/v1/namespaces/{namespace}/services"
    tracking = {"argocd.argoproj.io/tracking-id": f"hub_web:/Service:{namespace}/web"}
    body = {"metadata": {"name": "web", "annotations": tracking}, "spec": {"ports": [{"port": 80}]}}
    api_server.create(services, body)
    done = look(capsys, api_server, tree)
    copied = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": f"hub_web:/Service:{namespace}/other"}}}
    api_server.request("PATCH", f"{services}/web", copied, content_type="application/merge-patch+json")
    after = look(capsys, api_server, tree)

    assert done.code == 1
    assert done.point("delivery") == {
        "topic": "delivery",
        "state": "problem",
        "found": "Argo CD manages hub_web: it would revert what helm does",
        "evidence": ["tracked by Application hub_web: Service/web"],
        "nextStep": "Deploy with --via argocd, or delete these Applications first, without their objects.",
    }
    assert after.point("delivery")["evidence"] == ["Service/web: made without helm"]


@pytest.fixture
def argocd(
    api_server: ControlPlane, tmp_path: Path, published_crds: dict[str, list[Crd]]
) -> Iterator[tuple[Path, str]]:
    """The shop in a cluster that serves Argo CD's kinds: the tree, and the namespace of Argo CD and the shop."""
    namespace = api_server.namespace()
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata:\n"
    config += "  resource.customizations.health.argoproj.io_Application: |\n    return obj.status.health\n"
    tree = shop(
        tmp_path / "tree",
        namespace,
        uid=uid_of(api_server),
        more=f"argocd: {{namespace: {namespace}, config: argocd-cm.yaml}}\n",
    )
    write(tree, {"argocd-cm.yaml": config})
    manifest = (tree / "apps/web.yaml").read_text().replace("namespace: argocd", f"namespace: {namespace}")
    write(tree, {"apps/web.yaml": manifest})
    with served(api_server, published_crds["argocd"]):
        yield tree, namespace


def _live_application(tree: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((tree / "apps/web.yaml").read_text())
    return found


def _release(namespace: str, name: str, state: str, version: int, value: str = "eA==") -> dict[str, Any]:
    """The record of a release, as helm writes it."""
    labels = {"owner": "helm", "name": name, "status": state, "version": str(version)}
    return {
        "metadata": {"name": f"sh.helm.release.v1.{name}.v{version}", "namespace": namespace, "labels": labels},
        "type": "helm.sh/release.v1",
        "data": {"release": value},
    }


def test_argo_cd_delivers_where_it_is(api_server: ControlPlane, argocd: tuple[Path, str], capsys: Capture) -> None:
    """Each side of the question who delivers: Argo CD is there, manages, and is not fought; helm's releases neither.

    One test, because Argo CD's kinds take seconds to come and go.
    """
    tree, namespace = argocd
    first = look(capsys, api_server, tree)
    assert first.code == 0
    assert first.points[3:] == [
        ("kinds", "ok", "all 2 kinds that are rendered are served"),
        (f"namespace {namespace}", "ok", "it is there"),
        ("rights", "ok", "admin has all 15 rights that the deploy needs"),
        ("delivery", "ok", "by Argo CD: the cluster serves Argo CD's Applications"),
        ("waves", "note", "waves order only creation: argocd-cm of the cluster has no health check of Application"),
    ]
    assert first.point("waves", "note")["nextStep"] == (
        f"kubectl patch configmap argocd-cm -n {namespace} --patch-file argocd-cm.yaml"
    )

    config = yaml.safe_load((tree / "argocd-cm.yaml").read_text())
    api_server.create(f"/api/v1/namespaces/{namespace}/configmaps", config)
    assert look(capsys, api_server, tree).points[-1] == (
        "waves",
        "ok",
        "each wave waits for the Applications of the one before",
    )

    reader = look(capsys, api_server, tree, identity="reader")
    assert reader.point("rights")["found"] == f"reader cannot create, patch applications.argoproj.io in {namespace}"

    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    api_server.create(secrets, _release(namespace, "web", "superseded", 1))
    api_server.create(secrets, _release(namespace, "web", "pending-upgrade", 2))
    api_server.create(secrets, _release(namespace, "other", "deployed", 1))
    by_argocd, by_helm = look(capsys, api_server, tree), look(capsys, api_server, tree, "--via", "helm")
    assert by_argocd.point("delivery") == {
        "topic": "delivery",
        "state": "problem",
        "found": "helm has delivered web: it and Argo CD would undo each other's work",
        "evidence": ["release web is pending-upgrade"],
        "nextStep": "Deploy with --via helm, or end the releases first: helm uninstall NAME -n NAMESPACE",
    }
    assert by_helm.code == 0
    assert by_helm.points[-2:] == [
        ("delivery", "ok", "by helm: as the command says"),
        ("delivery", "note", "release web is pending-upgrade: another deploy is at work, or one was killed"),
    ]
    for version in (1, 2):
        api_server.request("DELETE", f"{secrets}/sh.helm.release.v1.web.v{version}")

    live = _live_application(tree)
    api_server.create(f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications", live)
    assert look(capsys, api_server, tree).code == 0
    managed = look(capsys, api_server, tree, "--via", "helm")
    assert managed.code == 1
    assert (managed.point("delivery")["found"], managed.point("delivery")["evidence"]) == (
        "Argo CD manages web: it would revert what helm does",
        [f"Application web is in namespace {namespace}"],
    )

    manifest = (tree / "apps/web.yaml").read_text()
    write(tree, {"apps/web.yaml": manifest.replace("project: default", "project: shops")})
    assert look(capsys, api_server, tree).point("projects") == {
        "topic": "projects",
        "state": "problem",
        "found": f"AppProject shops is not in namespace {namespace}",
        "evidence": ["named by web"],
        "nextStep": "Create it, or correct spec.project: Argo CD refuses an Application without its project.",
    }


def test_helm_delivers_releases_only(api_server: ControlPlane, tree: Path, namespace: str, capsys: Capture) -> None:
    """A source that is no chart is told as what helm cannot deliver; Argo CD where there is none, too."""
    plain = application("plain", "plain").replace("plate-stg", namespace) + "  \n"
    write(tree, {"apps/plain.yaml": plain, "plain/service.yaml": SERVICE.replace("name: web", "name: plain")})
    helm, argocd_way = look(capsys, api_server, tree), look(capsys, api_server, tree, "--via", "argocd")
    assert helm.code == 1
    assert helm.point("delivery")["found"].startswith("helm cannot deliver plain: ")
    assert argocd_way.point("delivery")["found"] == "the cluster serves no Argo CD Applications"


def test_nothing_to_deploy_is_no_success(api_server: ControlPlane, tmp_path: Path, capsys: Capture) -> None:
    """An environment without anything for helm ends with 5, like a run that judged nothing."""
    root = application("root", "children")
    child = application("child", "child").replace("server: https://kubernetes.default.svc", "name: elsewhere")
    tree = write(
        tmp_path / "tree",
        {
            "root.yaml": root,
            "children/child.yaml": child,
            "policies/staging.yaml": policy(f"    - {{server: {SERVER}, uid: {uid_of(api_server)}}}\n"),
            **chart("child", {"service.yaml": SERVICE}),
        },
    )
    done = look(capsys, api_server, tree, "--destination", SERVER)
    assert (done.code, done.json[0]["applications"]) == (5, [])


def test_no_secret_and_no_token_is_printed(
    api_server: ControlPlane,
    tree: Path,
    namespace: str,
    capsys: Capture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Canaries in Secrets, releases, annotations and tokens come out nowhere, whatever the identity may read."""
    canary = "canary-of-the-preflight"
    write(tree, {"web/templates/token.yaml": f"{TOKEN_SECRET}stringData: {{key: {canary}}}\n"})
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": namespace},
        "stringData": {"key": canary},
    }
    assert api_server.kubectl("apply", "-f", "-", stdin=json.dumps(secret)).returncode == 0
    api_server.create(f"/api/v1/namespaces/{namespace}/secrets", _release(namespace, "web", "failed", 1, "Y2FuYXJ5"))
    texts = []
    for identity in ("admin", "reader", "limited"):
        for command in (("preflight", tree), ("preflight", tree, "--format", "json"), ("cluster", tree)):
            done = run(capsys, api_server, *command, identity=identity)
            texts += [done.out, done.err]
    everything = "".join([*texts, caplog.text])
    assert f"namespace {namespace}" in everything
    assert [one for one in (canary, "Y2FuYXJ5", *api_server.tokens.values()) if one in everything] == []
