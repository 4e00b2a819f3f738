"""The API server that tests run: who may do what, what it writes down, and what it serves."""

from __future__ import annotations

import dataclasses
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import plane as planes
from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import Answer, ControlPlane
from tests.controlplane.processes import ControlPlaneError
from tools import build


def config_map(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"key": "value"}}


def test_it_is_the_pinned_release(api_server: ControlPlane) -> None:
    """The API server is ready, and its minor version is the pinned one."""
    version = api_server.request("GET", "/version").body["gitVersion"]

    assert api_server.request("GET", "/readyz") == Answer(200, "ok")
    assert version.split(".")[:2] == build.TOOLS["kube-apiserver"].version.split(".")[:2]


def test_each_identity_has_its_rights(api_server: ControlPlane) -> None:
    """`admin` may do everything, `reader` read everything, `limited` read a few kinds."""
    inside = f"/api/v1/namespaces/{api_server.namespace()}"
    questions: Mapping[str, tuple[str, str, dict[str, Any] | None]] = {
        "read ConfigMaps": ("GET", f"{inside}/configmaps", None),
        "read Secrets": ("GET", f"{inside}/secrets", None),
        "read nodes": ("GET", "/api/v1/nodes", None),
        "write ConfigMaps": ("POST", f"{inside}/configmaps", {"metadata": {"generateName": "a-"}}),
    }
    answers = {
        identity: {name: api_server.request(*asked, identity=identity).status for name, asked in questions.items()}
        for identity in ("admin", "reader", "limited")
    }

    everything = {"read ConfigMaps": 200, "read Secrets": 200, "read nodes": 200}
    assert answers == {
        "admin": everything | {"write ConfigMaps": 201},
        "reader": everything | {"write ConfigMaps": 403},
        "limited": {"read ConfigMaps": 200, "read Secrets": 403, "read nodes": 403, "write ConfigMaps": 403},
    }


def test_kubectl_is_who_the_kubeconfig_says(api_server: ControlPlane) -> None:
    """What kubectl is given leads to this cluster and this identity, not to what the developer works on."""
    asked = {
        identity: api_server.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", identity=identity)
        for identity in ("admin", "reader", "limited")
    }

    assert {identity: done.stdout for identity, done in asked.items()} == {name: name for name in asked}


def test_a_stranger_is_refused(api_server: ControlPlane) -> None:
    """A token of another cluster opens nothing."""
    stranger = dataclasses.replace(api_server, tokens={"admin": "0" * 32})

    assert stranger.request("GET", "/api/v1/namespaces").status == 401


def test_every_request_is_written_down(api_server: ControlPlane) -> None:
    """The audit log tells who asked for what and what came of it, as soon as the answer is there."""
    namespace = api_server.namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    api_server.create(path, config_map("seen"))
    api_server.request("GET", f"{path}/seen", identity="reader")
    api_server.request("DELETE", f"{path}/seen", identity="limited")

    events = [
        (
            event["user"]["username"],
            event["verb"],
            event["objectRef"]["resource"],
            event["objectRef"].get("name"),
            event["responseStatus"]["code"],
        )
        for event in api_server.audit_events()
        if event.get("objectRef", {}).get("namespace") == namespace and event["objectRef"]["resource"] == "configmaps"
    ]
    assert events == [
        ("admin", "create", "configmaps", "seen", 201),
        ("reader", "get", "configmaps", "seen", 200),
        ("limited", "delete", "configmaps", "seen", 403),
    ]


def test_nothing_moves_by_itself(api_server: ControlPlane) -> None:
    """A Deployment stays without Pods and status, because nobody acts on it."""
    namespace = api_server.namespace()
    made = api_server.kubectl("create", "deployment", "idle", "--image=idle", "-n", namespace)
    assert made.returncode == 0, made.stderr
    deployment = api_server.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/idle").body
    pods = api_server.request("GET", f"/api/v1/namespaces/{namespace}/pods").body

    assert (deployment["status"], pods["items"]) == ({}, [])


def test_two_sessions_do_not_meet(api_server: ControlPlane) -> None:
    """A second control plane at the same time has other objects, another certificate and other tokens."""
    namespace = api_server.namespace()
    with planes.running(api_server.programs) as other:
        assert other.folder != api_server.folder
        assert other.request("GET", f"/api/v1/namespaces/{namespace}").status == 404
        assert dataclasses.replace(other, tokens=api_server.tokens).request("GET", "/api").status == 401
        with pytest.raises(ssl.SSLCertVerificationError):
            dataclasses.replace(other, keys=api_server.keys).request("GET", "/readyz")

    assert not other.folder.exists()
    assert api_server.request("GET", f"/api/v1/namespaces/{namespace}").status == 200


def test_a_port_that_somebody_took_is_given_up(api_server: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program listens on a port that was free a moment ago, the start tries others."""
    free_ports = planes._free_ports
    taken = iter([api_server.port])
    monkeypatch.setattr(
        planes, "_free_ports", lambda count: [*free_ports(count)[1:], next(taken, None) or free_ports(1)[0]]
    )

    with planes.running(api_server.programs) as other:
        assert other.request("GET", "/readyz").status == 200
        assert next(taken, None) is None


def test_a_part_that_does_not_start_tells_why(api_server: ControlPlane, tmp_path: Path) -> None:
    """A part that ends is an error with the end of its log, and the other parts are gone with it."""
    broken = tmp_path / "etcd"
    broken.write_text("#!/bin/sh\necho no room on the disk; exit 3\n", encoding="utf-8")
    broken.chmod(0o755)

    with pytest.raises(ControlPlaneError) as failed, planes.running({**api_server.programs, "etcd": broken}):
        pass
    assert str(failed.value) == "etcd ended with status 3\nno room on the disk"


@pytest.mark.parametrize(
    ("project", "kinds"),
    [
        ("argocd", ["Application", "ApplicationSet", "AppProject"]),
        ("external-secrets", ["ExternalSecret", "ClusterExternalSecret", "SecretStore", "ClusterSecretStore"]),
        ("cert-manager", ["Certificate", "Issuer", "ClusterIssuer"]),
    ],
)
def test_published_kinds_are_served_for_a_while(
    api_server: ControlPlane, published_crds: Mapping[str, list[Crd]], project: str, kinds: list[str]
) -> None:
    """The CRDs of a project are served as published inside the block, and unknown after it."""
    crds = published_crds[project]
    kind = f"{crds[0]['spec']['names']['plural']}.{crds[0]['spec']['group']}"

    assert [crd["spec"]["names"]["kind"] for crd in crds] == kinds
    with served(api_server, crds):
        assert api_server.kubectl("get", kind).stderr == "No resources found in default namespace.\n"
        wrong = {"apiVersion": api_version(crds[0]), "kind": kinds[0], "metadata": {"name": "it"}, "spec": 7}
        refused = api_server.kubectl("create", "-f", "-", stdin=json.dumps(wrong)).stderr
        assert f'The {kinds[0]} "it" is invalid' in refused
    assert "the server doesn't have a resource type" in api_server.kubectl("get", kind).stderr


def api_version(crd: Crd) -> str:
    return f"{crd['spec']['group']}/{crd['spec']['versions'][0]['name']}"
