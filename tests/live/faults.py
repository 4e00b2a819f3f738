"""A proxy in front of the real API server that spoils single answers, as networks and busy servers do."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.controlplane.plane import ControlPlane


@dataclass(frozen=True, slots=True)
class Fault:
    """What comes instead of the server's answer.

    With a `status` an answer of the proxy's own; with `keep` the first bytes of the real one, after which the
    connection ends; with neither the connection ends at once.
    """

    status: int = 0
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    keep: int | None = None


@dataclass
class Proxy:
    """`spoil` is asked for each request, by method and path with its query; None lets the answer through."""

    port: int
    spoil: Callable[[str, str], Fault | None] = lambda _method, _path: None
    asked: list[str] = field(default_factory=list)

    @property
    def server(self) -> str:
        """Its address, as a kubeconfig has it."""
        return f"https://127.0.0.1:{self.port}"


def status(code: int, message: str) -> bytes:
    """The body of an answer in which an API server refuses."""
    return json.dumps({"kind": "Status", "apiVersion": "v1", "code": code, "message": message}).encode()


def once(fault: Fault, when: Callable[[str], bool] = lambda _path: True) -> Callable[[str, str], Fault | None]:
    """Spoil the first request whose path fits, and no other."""
    left = [fault]
    return lambda _method, path: left.pop() if left and when(path) else None


@contextlib.contextmanager
def proxy_before(plane: ControlPlane, *, certificates: bool = False) -> Iterator[Proxy]:
    """Run a proxy with the API server's own certificate until the block ends.

    With `certificates` it talks to nobody without a certificate of the plane's authority.
    """
    proxy = Proxy(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._pass_on()

        do_POST = do_GET  # noqa: N815 likewise

        def _pass_on(self) -> None:
            proxy.asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = proxy.spoil(self.command, self.path)
            if fault is None:
                self._send(*self._real(body))
            elif fault.status:
                self._send(fault.status, dict(fault.headers), fault.body)
            elif fault.keep is not None:
                code, headers, whole = self._real(body)
                self._send(code, headers, whole, keep=fault.keep)
            else:
                self._end()

        def _real(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            context = ssl.create_default_context(cafile=str(plane.keys.authority))
            connection = http.client.HTTPSConnection("127.0.0.1", plane.port, timeout=30, context=context)
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() in ("accept", "authorization", "content-type")
            }
            with contextlib.closing(connection):
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                kept = {name: value for name, value in answer.getheaders() if name in ("Content-Type", "Retry-After")}
                return answer.status, kept, answer.read()

        def _send(self, code: int, headers: dict[str, str], body: bytes, keep: int | None = None) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:keep])
            if keep is not None:
                self._end()

        def _end(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plane.keys.server, plane.keys.server.with_suffix(".key"))
    if certificates:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(plane.keys.authority)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def kubeconfig(plane: ControlPlane, path: Path, identity: str = "admin", **changes: Any) -> Path:
    """The kubeconfig of an identity with other facts: `server`, `authority`, `token`, `user` (the whole block)."""
    document = json.loads(plane.kubeconfig(identity).read_text(encoding="utf-8"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]
    cluster["server"] = changes.get("server", cluster["server"])
    cluster["certificate-authority"] = str(changes.get("authority", cluster["certificate-authority"]))
    user["user"] = changes.get("user", {"token": changes.get("token", plane.tokens[identity])})
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
