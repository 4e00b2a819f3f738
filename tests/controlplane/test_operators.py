"""The operators of the test control plane: what they bring, what they say when they fail, and that they end."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.controlplane.operators import ADDRESS, operators
from tests.controlplane.plane import ControlPlane

SECRETS = "external-secrets.io/v1"
STORE = {
    "apiVersion": SECRETS,
    "kind": "SecretStore",
    "metadata": {"name": "store"},
    "spec": {
        "provider": {"vault": {"server": "https://x", "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}}}
    },
}
WANTED = {
    "apiVersion": SECRETS,
    "kind": "ExternalSecret",
    "metadata": {"name": "db"},
    "spec": {
        "secretStoreRef": {"kind": "SecretStore", "name": "store"},
        "target": {"name": "db-secret"},
        "data": [{"secretKey": "url", "remoteRef": {"key": "x"}}],
    },
}
INGRESS = {
    "metadata": {"name": "web", "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"}},
    "spec": {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["web.example.com"], "secretName": "web-tls"}],
        "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}},
    },
}


@pytest.fixture
def plane(operators_plane: ControlPlane) -> ControlPlane:
    return operators_plane


def path(namespace: str, version: str, plural: str, name: str = "") -> str:
    root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    return f"{root}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def says(plane: ControlPlane, at: str) -> dict[str, tuple[str, str, str]]:
    """The conditions of an object: status, reason and message by type."""
    answer = plane.request("GET", at)
    status = answer.body.get("status", {}) if answer.status == 200 else {}
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in status.get("conditions", ())}


def becomes(plane: ControlPlane, at: str, wanted: dict[str, tuple[str, str, str]]) -> None:
    plane.processes.wait_until(lambda: says(plane, at) == wanted, f"{at} with {wanted}", 30)


def test_secrets_come_once_the_store_has_its_token(plane: ControlPlane) -> None:
    """Without the token nothing is synced and events say why; with it the target Secret is there, owned and ready."""
    namespace = plane.namespace()
    store, wanted = path(namespace, SECRETS, "secretstores", "store"), path(namespace, SECRETS, "externalsecrets", "db")
    plane.create(path(namespace, "v1", "secrets"), {"metadata": {"name": "token"}})
    plane.create(path(namespace, SECRETS, "secretstores"), STORE)
    owner = plane.create(path(namespace, SECRETS, "externalsecrets"), WANTED)["metadata"]["uid"]
    with operators(plane, namespace):
        becomes(plane, store, {"Ready": ("False", "InvalidProviderConfig", "unable to create client")})
        becomes(plane, wanted, {"Ready": ("False", "SecretSyncedError", "could not get secret data from provider")})
        assert plane.request("GET", path(namespace, "v1", "secrets", "db-secret")).status == 404
        token = {"stringData": {"token": "t"}}
        plane.request(
            "PATCH", path(namespace, "v1", "secrets", "token"), token, content_type="application/merge-patch+json"
        )
        becomes(plane, store, {"Ready": ("True", "Valid", "store validated")})
        becomes(plane, wanted, {"Ready": ("True", "SecretSynced", "secret synced")})
    secret = plane.request("GET", path(namespace, "v1", "secrets", "db-secret")).body
    assert (secret["type"], list(secret["data"])) == ("Opaque", ["url"])
    assert [(one["kind"], one["uid"], one["controller"]) for one in secret["metadata"]["ownerReferences"]] == [
        ("ExternalSecret", owner, True)
    ]
    events = plane.request("GET", path(namespace, "v1", "events")).body["items"]
    assert {(one["reason"], one["message"]) for one in events} == {
        ("InvalidProviderConfig", 'cannot find secret data for key: "token"'),
        ("UpdateFailed", 'could not get secret data from provider: SecretStore "store" is not ready'),
    }


def test_an_ingress_gets_address_and_certificate(plane: ControlPlane) -> None:
    """The controller of class nginx writes the address, and cert-manager makes Certificate and TLS Secret."""
    namespace = plane.namespace()
    with operators(plane, namespace):
        plane.create(path(namespace, "networking.k8s.io/v1", "ingresses"), INGRESS)
        certificate = path(namespace, "cert-manager.io/v1", "certificates", "web-tls")
        becomes(plane, certificate, {"Ready": ("True", "Ready", "Certificate is up to date and has not expired")})
        found = plane.request("GET", path(namespace, "networking.k8s.io/v1", "ingresses", "web")).body
    assert found["status"]["loadBalancer"]["ingress"] == [{"ip": ADDRESS}]
    assert plane.request("GET", path(namespace, "v1", "secrets", "web-tls")).body["type"] == "kubernetes.io/tls"


def test_what_is_switched_off_does_nothing_and_what_fails_says_so(plane: ControlPlane) -> None:
    """A message makes an operator fail with it, and one that is away leaves its objects alone."""
    namespace = plane.namespace()
    plane.create(path(namespace, "v1", "secrets"), {"metadata": {"name": "token"}, "stringData": {"token": "t"}})
    plane.create(path(namespace, SECRETS, "secretstores"), STORE)
    plane.create(path(namespace, "networking.k8s.io/v1", "ingresses"), INGRESS)
    with operators(
        plane, namespace, external_secrets="permission denied", ingress_controller=False, cert_manager="rate limited"
    ) as working:
        store = path(namespace, SECRETS, "secretstores", "store")
        certificate = path(namespace, "cert-manager.io/v1", "certificates", "web-tls")
        becomes(plane, store, {"Ready": ("False", "InvalidProviderConfig", "unable to create client")})
        failed = "The certificate request has failed to complete and will be retried: rate limited"
        becomes(plane, certificate, {
            "Ready": ("False", "DoesNotExist", "Issuing certificate as Secret does not exist"),
            "Issuing": ("False", "Failed", failed),
        })  # fmt: skip
        ingress: dict[str, Any] = plane.request("GET", path(namespace, "networking.k8s.io/v1", "ingresses", "web")).body
        assert ingress["status"]["loadBalancer"] == {}
        working.external_secrets = True
        becomes(plane, store, {"Ready": ("True", "Valid", "store validated")})
    events = plane.request("GET", path(namespace, "v1", "events")).body["items"]
    assert {(one["reason"], one["message"]) for one in events} == {
        ("InvalidProviderConfig", "permission denied"), ("Failed", failed)
    }  # fmt: skip


def test_the_thread_ends_and_its_error_is_told(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the block no thread is left, and an error in it is an error of the test."""
    monkeypatch.setattr("tests.controlplane.operators.Operators.round", lambda _self: 1 / 0)
    with pytest.raises(ZeroDivisionError), operators(plane, "default"):
        threading.Event().wait(1)
    assert [one.name for one in threading.enumerate() if one.name.startswith("operators of")] == []
