"""The logins of a kubeconfig that need no plugin: a certificate or a token that stands in it, and the server's CA.

The `kubernetes` client follows these and all others, but takes longer to import than a small cluster takes to read,
and keeps private keys in temporary files, which outlive a run that is killed. What is not known here for certain is
left to it: a program to run, a proxy, a path that is relative to a file, whatever a later Kubernetes adds.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driftgate.model.node import Node

__all__ = ["PlainLogin", "plain_login"]

_OF_CLUSTER = {
    "server",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "extensions",
}
_NO_TEXTS = {"insecure-skip-tls-verify", "extensions"}
_OF_USER = {
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "token",
}


@dataclass(frozen=True, slots=True)
class PlainLogin:
    """Where a server is, how it proves itself, and how we prove ourselves to it."""

    host: str
    verify_ssl: bool
    tls_server_name: str
    context: ssl.SSLContext = field(repr=False)
    token: str = field(repr=False)

    def auth_settings(self) -> dict[str, Any]:
        """The header by which a request is ours, in the client's shape."""
        return {"BearerToken": {"key": "authorization", "value": f"Bearer {self.token}"}} if self.token else {}

    def connections(self, size: int) -> Any:
        """A pool of connections, at most so many kept open."""
        from urllib3 import PoolManager

        named: dict[str, Any] = {"server_hostname": self.tls_server_name} if self.tls_server_name else {}
        return PoolManager(ssl_context=self.context, maxsize=size, **named)


def plain_login(cluster: Mapping[str, Node], user: Mapping[str, Node]) -> PlainLogin | None:
    """The login that the `cluster` and the `user` of a kubeconfig amount to; None where the client has to be asked.

    That is also where a file is missing or does not hold what it should: the client's way tells it.
    """
    from urllib.request import getproxies

    if not set(cluster) <= _OF_CLUSTER or not set(user) <= _OF_USER or getproxies():
        return None
    texts = {key: node.text for key, node in {**cluster, **user}.items() if key not in _NO_TEXTS}
    server, token = texts.get("server") or "", texts.get("token") or ""
    is_proven = token or {"client-certificate", "client-certificate-data"} & set(texts)
    if None in texts.values() or "" in texts.values() or not server.startswith("https://") or not is_proven:
        return None
    insecure = cluster["insecure-skip-tls-verify"].plain() if "insecure-skip-tls-verify" in cluster else False
    if not isinstance(insecure, bool):
        return None
    try:
        context = _context(texts, verify=not insecure)
    except (OSError, ValueError, LookupError):  # ssl.SSLError is an OSError
        return None
    return PlainLogin(server.rstrip("/"), not insecure, texts.get("tls-server-name") or "", context, token)


def _context(texts: Mapping[str, str | None], *, verify: bool) -> ssl.SSLContext:
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    authority = _bytes(texts, "certificate-authority")
    if authority is not None:
        context.load_verify_locations(cadata=authority.decode("ascii"))
    else:
        context.load_default_certs()
    certificate, key = _bytes(texts, "client-certificate"), _bytes(texts, "client-key")
    if certificate is not None and key is not None:
        # OpenSSL takes them from a file only, which is gone before the first request.
        with tempfile.NamedTemporaryFile(prefix="driftgate-login-") as file:  # mode 0600
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name, password=_no_password)
    elif certificate is not None or key is not None:
        raise ValueError("half of a pair")
    return context


def _bytes(texts: Mapping[str, str | None], name: str) -> bytes | None:
    """What an entry holds, or the file that it names; LookupError for both, or for a path that is relative."""
    path, data = texts.get(name), texts.get(f"{name}-data")
    if path is not None and (data is not None or not Path(path).is_absolute()):
        raise LookupError(name)
    if path is not None:
        return Path(path).read_bytes()
    return None if data is None else base64.b64decode(data, validate=True)


def _no_password() -> str:
    """A key that wants a password must not stop the run to ask for it."""
    raise ValueError("the key is encrypted")
