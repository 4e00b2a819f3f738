"""Logins that need no client: the same as the client's, and nothing that only the client knows."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from kubernetes import client, config

from driftgate.live.login import PlainLogin, plain_login
from driftgate.yaml_reader import read_yaml
from tests.controlplane.keys import Keys, write_keys

SERVER = "https://cluster.test:6443/"
TOKEN = {"token": "tok"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """An authority and certificates."""
    return write_keys(tmp_path_factory.mktemp("login") / "keys")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def login(cluster: dict[str, Any], user: dict[str, Any]) -> PlainLogin | None:
    """What becomes of the two blocks of a kubeconfig."""
    (root,) = read_yaml(json.dumps({"cluster": {"server": SERVER, **cluster}, "user": user}).encode(), "kc").roots
    return plain_login(root.mapping["cluster"].mapping, root.mapping["user"].mapping)


def followed(cluster: dict[str, Any], user: dict[str, Any]) -> client.Configuration:
    """What the client makes of them."""
    configuration = client.Configuration()
    document = {
        "current-context": "a",
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
    }
    config.load_kube_config_from_dict(document, client_configuration=configuration)  # type: ignore[no-untyped-call]
    return configuration


def test_a_plain_login_is_the_one_of_the_client(keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, header, name and verification are those that the client reads, and no key stays in a file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    certificate = {
        "client-certificate-data": data(keys.server),
        "client-key-data": data(keys.server.with_suffix(".key")),
    }
    rows: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"certificate-authority": str(keys.authority)}, TOKEN),
        ({"certificate-authority-data": data(keys.authority), "tls-server-name": "other.test"}, certificate),
        ({"insecure-skip-tls-verify": True}, TOKEN | certificate),
        ({"insecure-skip-tls-verify": False, "extensions": [{"name": "of minikube"}]}, TOKEN),
    ]
    for cluster, user in rows:
        found = login(cluster, user)
        assert list(tmp_path.iterdir()) == []
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(tempfile, "tempdir", None)
            theirs = followed(cluster, user)
        assert found is not None
        assert (found.host, found.verify_ssl, found.tls_server_name or None) == (
            theirs.host,
            theirs.verify_ssl,
            theirs.tls_server_name,
        )
        settings: dict[str, Any] = dict(theirs.auth_settings())
        headers = {one["key"]: one["value"] for one in settings.values()}
        assert {one["key"]: one["value"] for one in found.auth_settings().values()} == headers
        if "certificate-authority" in cluster or "certificate-authority-data" in cluster:
            (trusted,) = found.context.get_ca_certs()
            assert trusted["subject"] == ((("commonName", "driftgate-test-authority"),),)
        assert "tok" not in repr(found)


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({}, {}),
        ({}, {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat"}}),
        ({}, {"auth-provider": {"name": "oidc"}}),
        ({}, {"username": "u", "password": "p"}),
        ({}, TOKEN | {"tokenFile": "/token"}),
        ({}, TOKEN | {"of-a-later-kubernetes": "x"}),
        ({"proxy-url": "http://proxy.test"}, TOKEN),
        ({"server": "http://cluster.test"}, TOKEN),
        ({"insecure-skip-tls-verify": "yes"}, TOKEN),
        ({"certificate-authority": "ca.crt"}, TOKEN),
        ({"certificate-authority": "/no/such/ca.crt"}, TOKEN),
        ({"certificate-authority-data": "%%%"}, TOKEN),
        ({"certificate-authority-data": base64.b64encode(b"no PEM").decode()}, TOKEN),
        ({"certificate-authority": "/ca.crt", "certificate-authority-data": "YQ=="}, TOKEN),
        ({}, TOKEN | {"client-certificate-data": "YQ=="}),
        ({}, TOKEN | {"client-certificate-data": "YQ==", "client-key-data": "YQ=="}),
    ],
)
def test_what_is_not_plain_is_left_to_the_client(cluster: dict[str, Any], user: dict[str, Any]) -> None:
    """Plugins, proxies, paths that are relative, two entries for one thing, what is missing or broken: not ours."""
    assert login(cluster, user) is None


def test_a_proxy_of_the_environment_is_left_to_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client knows which hosts go by a proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    assert login({}, TOKEN) is None


def test_a_key_with_a_password_does_not_ask_for_it(keys: Keys) -> None:
    """Nobody is asked anything on a terminal by a run that may have none."""
    key = serialization.load_pem_private_key(keys.server.with_suffix(".key").read_bytes(), None)
    hidden = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    user = {"client-certificate": str(keys.server), "client-key-data": base64.b64encode(hidden).decode()}
    assert login({}, user) is None


def test_a_plain_login_imports_no_client(tmp_path: Path) -> None:
    """A command that reaches a cluster by certificate or token is not slowed down by importing the client."""
    file = tmp_path / "config"
    file.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": TOKEN}],
                "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
            }
        ),
        encoding="utf-8",
    )
    program = (
        "import sys\nfrom driftgate.live import ApiError, open_cluster\n"
        "try:\n    open_cluster('a', sys.argv[1]).get('/version')\nexcept ApiError as error:\n    print(error)\n"
        "print([name for name in ('kubernetes', 'jsonschema', 'pydantic', 'requests') if name in sys.modules])\n"
    )
    bare = {"PATH": "/usr/bin"}
    said = subprocess.run(
        [sys.executable, "-c", program, str(file)], env=bare, capture_output=True, text=True, check=True
    ).stdout
    assert said == "GET /version: not reachable: Connection refused\n[]\n"
