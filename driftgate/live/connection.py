"""The connection to one cluster: raw JSON out, and nothing but get, list and the review of one's own rights in.

The `kubernetes` client reads the kubeconfig and logs in (exec plugins, proxies, auth-providers) where the login is more
than a certificate or a token; its generated models are not used, so that an object arrives exactly as the API server
sent it.
"""

from __future__ import annotations

import email.utils
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlencode

from driftgate.live.failure import ApiError, Why
from driftgate.live.login import PlainLogin

if TYPE_CHECKING:
    from kubernetes.client import Configuration

__all__ = ["JSON", "METADATA", "METADATA_LIST", "WORKERS", "Cluster"]

JSON: Final = "application/json"
# The API server then leaves out spec, status and data (Kubernetes: API concepts, metadata-only fetches).
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

WORKERS = 6
CONNECT_SECONDS = 10.0
# Without a byte, and for the whole answer: a server that sends a byte now and then must not hold us up for ever.
SILENT_SECONDS = 30.0
ANSWER_SECONDS = 120.0
ATTEMPTS = 4
MAX_WAIT_SECONDS = 15.0
_LONGEST_WORDS = 600

_REVIEWS = {
    "SelfSubjectAccessReview": "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "SelfSubjectReview": "/apis/authentication.k8s.io/v1/selfsubjectreviews",
}

Q = TypeVar("Q")
A = TypeVar("A")


class Cluster:
    """An open connection to one API server; a context manager. Its methods may be called from several threads.

    `context` is what the user calls the cluster, `api_server` its URL. `calls` counts the requests that were sent.
    `verified` is False where the kubeconfig asks not to look at the server's certificate.
    """

    def __init__(
        self, configuration: Configuration | PlainLogin, context: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.context = context
        self.api_server = str(configuration.host).rstrip("/")
        self.verified = bool(configuration.verify_ssl)
        self.calls = 0
        self._configuration = configuration
        self._pool = _pool(configuration)
        self._lock = threading.Lock()
        self._sleep = sleep
        self._is_stopped = False
        if not self.verified:
            _do_not_warn()

    def __repr__(self) -> str:
        return f"<Cluster {self.context} at {self.api_server}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End every open connection."""
        self._pool.clear()

    def stop(self) -> None:
        """Send nothing any more, so that whoever still has many questions is through with them at once."""
        self._is_stopped = True

    def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = JSON) -> dict[str, Any]:
        """What the API server answers to GET, as plain JSON; `query` without its `?`.

        Raises ApiError. A server that is busy is asked again, when it says when, a few times.
        """
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path, accept)

    def review(self, kind: str, spec: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The status of a SelfSubjectAccessReview or SelfSubjectReview: they are created, and change nothing."""
        path = _REVIEWS[kind]
        body = {"apiVersion": path.removeprefix("/apis/").rpartition("/")[0], "kind": kind}
        status = self._ask("POST", path, JSON, json.dumps({**body, "spec": spec} if spec else body)).get("status")
        if not isinstance(status, dict):
            raise ApiError(Why.FOREIGN, f"POST {path}", "the answer has no status")
        return status

    def each(self, ask: Callable[[Q], A], questions: list[Q]) -> list[A]:
        """Put many questions at once, a few at a time; the answers in the order of the questions."""
        if len(questions) < 2:
            return [ask(question) for question in questions]
        pool = ThreadPoolExecutor(min(WORKERS, len(questions)), thread_name_prefix="driftgate-live")
        try:
            return list(pool.map(ask, questions))
        finally:
            pool.shutdown(cancel_futures=True)

    def _ask(self, method: str, path: str, accept: str, body: str | None = None) -> dict[str, Any]:
        asked = f"{method} {path}"
        for attempt in range(ATTEMPTS):
            status, waiting, data = self._exchange(method, path, accept, body)
            if waiting is None or attempt == ATTEMPTS - 1:
                break
            self._sleep(waiting)
        return _document(asked, status, data)

    def _exchange(self, method: str, path: str, accept: str, body: str | None) -> tuple[int, float | None, bytes]:
        """Status, the seconds after which to ask again (None: do not), and the body of one answer."""
        if self._is_stopped:
            raise ApiError(Why.UNREACHABLE, f"{method} {path}", "not asked: the run was interrupted")
        with self._lock:
            self.calls += 1
        response = None
        # Raised outside of `except`, and with nothing secret in a local variable: a traceback shows both.
        try:
            response = self._pool.request(
                method,
                self.api_server + path,
                body=body,
                headers=self._headers(accept),
                timeout=_timeout(),
                retries=False,
                preload_content=False,
            )
            return response.status, _waiting(response.status, response.headers), _whole(response)
        except Exception as error:  # whatever the network or a credential plugin does, it is told as a failure
            failure = _network_failure(f"{method} {path}", error, answered=response is not None)
        finally:
            if response is not None and _unread(response):
                response.close()
            elif response is not None:
                response.release_conn()
        raise failure

    def _headers(self, accept: str) -> dict[str, str]:
        with self._lock:  # may run a plugin that renews the token
            settings: dict[str, Any] = dict(self._configuration.auth_settings())
        headers = {"Accept": accept, "Accept-Encoding": "gzip", "Content-Type": JSON, "User-Agent": "driftgate"}
        return headers | {str(one["key"]): str(one["value"]) for one in settings.values() if one["value"]}


def _pool(configuration: Configuration | PlainLogin) -> Any:
    if isinstance(configuration, PlainLogin):
        return configuration.connections(WORKERS)
    from kubernetes.client.rest import RESTClientObject

    configuration.connection_pool_maxsize = WORKERS
    return RESTClientObject(configuration).pool_manager


def _timeout() -> Any:
    from urllib3 import Timeout

    return Timeout(connect=CONNECT_SECONDS, read=SILENT_SECONDS)


def _do_not_warn() -> None:
    """The kubeconfig says so, and whoever prints the connection says it once; not a warning at every request."""
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _whole(response: Any) -> bytes:
    deadline = time.monotonic() + ANSWER_SECONDS
    parts = []
    for part in response.stream(1 << 16, decode_content=True):
        parts.append(part)
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)


def _unread(response: Any) -> bool:
    return not response.isclosed() and bool(response.length_remaining or response.chunked)


def _waiting(status: int, headers: Mapping[str, str]) -> float | None:
    """The seconds that a busy server asks for; None where it does not ask, as for an aggregated API that is down."""
    text = headers.get("Retry-After", "")
    if status not in (429, 503) or not text:
        return None
    if text.isdigit():
        return min(float(text), MAX_WAIT_SECONDS)
    when = email.utils.parsedate_to_datetime(text) if text[:1].isalpha() else None
    return 1.0 if when is None else min(max(when.timestamp() - time.time(), 0.0), MAX_WAIT_SECONDS)


def _document(asked: str, status: int, data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not 200 <= status < 300:
        raise ApiError(Why.of_status(status), asked, _said(document, data), status)
    if isinstance(document, dict):
        return document
    if document is None and data.lstrip()[:1] == b"{":
        raise ApiError(Why.CUT_SHORT, asked, f"the answer ends after {len(data)} bytes", status)
    raise ApiError(Why.FOREIGN, asked, _said(None, data), status)


def _said(document: Any, data: bytes) -> str:
    """The server's own words: the message of its Status, or the beginning of whatever it sent."""
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        text = document["message"]
    else:
        text = " ".join(data.decode("utf-8", "replace").split())
    return text[:_LONGEST_WORDS] or "the answer is empty"


def _network_failure(asked: str, error: Exception, *, answered: bool) -> ApiError:
    """What the network did; `answered` where the beginning of an answer had come."""
    from urllib3 import exceptions

    causes = tuple(_causes(error))
    refusal = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if refusal is not None:
        return ApiError(Why.TLS, asked, getattr(refusal, "verify_message", "") or refusal.reason or str(refusal))
    silent = exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError, TimeoutError
    if isinstance(error, silent) and not isinstance(error, exceptions.NewConnectionError):
        limit = CONNECT_SECONDS if isinstance(error, exceptions.ConnectTimeoutError) else SILENT_SECONDS
        return ApiError(Why.TIMEOUT, asked, f"nothing came for {limit:g} seconds")
    if answered:
        return ApiError(Why.CUT_SHORT, asked, "the connection ended before the answer was complete")
    system = next((one.strerror for one in causes if isinstance(one, OSError) and one.strerror), "")
    if isinstance(error, FileNotFoundError):
        return ApiError(Why.CREDENTIALS, asked, f"{error.filename or 'a file of the kubeconfig'}: {system}")
    lost = any(isinstance(one, socket.gaierror) for one in causes)
    # The text of an exception may repeat the address of a proxy with its password: only words that we know.
    words = f"the name of the server is not known: {system}" if lost else system or type(error).__name__
    return ApiError(Why.UNREACHABLE, asked, words)


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error, what it was raised from and what it carries, outermost first."""
    found: list[BaseException] = []
    pending = [error]
    while pending:
        one = pending.pop()
        if one is None or one in found:
            continue
        found.append(one)
        pending += [one.__cause__, one.__context__, *(arg for arg in one.args if isinstance(arg, BaseException))]
    return found
