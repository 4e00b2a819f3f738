"""The connection to a real API server, and each way in which it fails."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from driftgate.live import ApiError, Cluster, Why, connection, open_cluster
from tests.controlplane.keys import write_keys
from tests.controlplane.plane import ControlPlane
from tests.live.faults import Fault, Proxy, kubeconfig, once, proxy_before, status

NAMESPACES = "/api/v1/namespaces"


def opened(plane: ControlPlane, identity: str = "admin") -> Cluster:
    return open_cluster(identity, str(plane.kubeconfig(identity)))


def failure(cluster: Cluster, path: str = NAMESPACES) -> ApiError:
    with cluster, pytest.raises(ApiError) as caught:
        cluster.get(path)
    return caught.value


def through(
    plane: ControlPlane, proxy: Proxy, folder: Path, sleep: Callable[[float], None] = lambda _seconds: None
) -> Cluster:
    return open_cluster("admin", str(kubeconfig(plane, folder / "proxied", server=proxy.server)), sleep=sleep)


def test_an_object_comes_as_the_server_sends_it(api_server: ControlPlane) -> None:
    """What is read is the server's own JSON, under the identity of the context, and each request is counted."""
    namespace = api_server.namespace()
    api_server.create(f"{NAMESPACES}/{namespace}/configmaps", {"metadata": {"name": "plain"}, "data": {"a": "1"}})

    with opened(api_server, "reader") as cluster:
        found = cluster.get(f"{NAMESPACES}/{namespace}/configmaps/plain")
        calls = cluster.calls

    assert found == api_server.request("GET", f"{NAMESPACES}/{namespace}/configmaps/plain").body
    assert calls == 1
    asked = [
        event for event in api_server.audit_events() if event["requestURI"].endswith(f"{namespace}/configmaps/plain")
    ]
    assert asked[0]["user"]["username"] == "reader"


def test_only_metadata_is_sent_where_only_that_is_wanted(api_server: ControlPlane) -> None:
    """The metadata form leaves the data of an object on the server."""
    namespace = api_server.namespace()
    path = f"{NAMESPACES}/{namespace}/secrets"
    api_server.create(path, {"metadata": {"name": "token"}, "stringData": {"key": "s3cret"}})

    with opened(api_server) as cluster:
        one = cluster.get(f"{path}/token", accept=connection.METADATA)
        several = cluster.get(path, accept=connection.METADATA_LIST)

    assert sorted(one) == ["apiVersion", "kind", "metadata"]
    assert [item["kind"] for item in several["items"]] == ["PartialObjectMetadata"]
    assert "data" not in several["items"][0]


def test_a_review_asks_and_changes_nothing(api_server: ControlPlane) -> None:
    """The API server tells who we are; no other object can be posted."""
    with opened(api_server, "limited") as cluster:
        assert cluster.review("SelfSubjectReview")["userInfo"]["username"] == "limited"
        with pytest.raises(KeyError):
            cluster.review("ConfigMap")


def test_nobody_listens(api_server: ControlPlane, tmp_path: Path) -> None:
    """A refused connection is told as one that cannot be reached, in the system's words."""
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        file = kubeconfig(api_server, tmp_path / "a", server=f"https://127.0.0.1:{taken.getsockname()[1]}")
        found = failure(open_cluster("admin", str(file)))
    assert (found.why, found.status, found.message) == (Why.UNREACHABLE, 0, "Connection refused")
    assert f"{found}" == "GET /api/v1/namespaces: not reachable: Connection refused"


def test_a_name_that_leads_nowhere(api_server: ControlPlane, tmp_path: Path) -> None:
    """A host that is not known is told as such, and not as a refusal."""
    file = kubeconfig(api_server, tmp_path / "a", server="https://nowhere.invalid:6443")
    found = failure(open_cluster("admin", str(file)))
    assert found.why is Why.UNREACHABLE
    assert found.message.startswith("the name of the server is not known: ")


def test_a_certificate_of_somebody_else(api_server: ControlPlane, tmp_path: Path) -> None:
    """A server whose certificate another authority has signed is not talked to."""
    keys = write_keys(tmp_path / "keys")
    found = failure(open_cluster("admin", str(kubeconfig(api_server, tmp_path / "a", authority=keys.authority))))
    assert found.why is Why.TLS
    assert "signature failure" in found.message or "unable to get local issuer certificate" in found.message


def test_a_dead_token(api_server: ControlPlane, tmp_path: Path) -> None:
    """A token that the server does not know is a login that failed, not a right that is missing."""
    found = failure(open_cluster("admin", str(kubeconfig(api_server, tmp_path / "a", token="0" * 32))))
    assert (found.why, found.status, found.message) == (Why.UNAUTHORIZED, 401, "Unauthorized")


def test_a_missing_right(api_server: ControlPlane) -> None:
    """What an identity may not read is told in the server's own words."""
    found = failure(opened(api_server, "limited"))
    assert (found.why, found.status) == (Why.FORBIDDEN, 403)
    assert found.message.startswith('namespaces is forbidden: User "limited" cannot list resource "namespaces"')


def test_a_path_that_is_not_served(api_server: ControlPlane) -> None:
    """A path that is not served is not found, and the answer need not be JSON."""
    found = failure(opened(api_server), "/apis/example.com/v1/things")
    assert (found.why, found.status, found.message) == (Why.NOT_FOUND, 404, "404 page not found")


def test_a_server_that_says_nothing(api_server: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and is silent is given up after a while."""
    monkeypatch.setattr(connection, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = kubeconfig(api_server, tmp_path / "a", server=f"https://127.0.0.1:{silent.getsockname()[1]}")
        found = failure(open_cluster("admin", str(file)))
    assert (found.why, found.message) == (Why.TIMEOUT, "nothing came for 0.2 seconds")


def test_an_answer_that_is_cut_short(api_server: ControlPlane, tmp_path: Path) -> None:
    """Half of an answer is no answer, whether the connection ends or the text does."""
    half = b'{"kind": "NamespaceList", "items": ['
    with proxy_before(api_server) as proxy:
        proxy.spoil = once(Fault(keep=40))
        ended = failure(through(api_server, proxy, tmp_path))
        proxy.spoil = once(Fault(status=200, body=half, headers=(("Content-Type", "application/json"),)))
        shortened = failure(through(api_server, proxy, tmp_path))
        proxy.spoil = once(Fault())
        nothing = failure(through(api_server, proxy, tmp_path))

    assert (ended.why, ended.message) == (Why.CUT_SHORT, "the connection ended before the answer was complete")
    assert (shortened.why, shortened.message) == (Why.CUT_SHORT, f"the answer ends after {len(half)} bytes")
    assert nothing.why is Why.UNREACHABLE


def test_something_else_answers(api_server: ControlPlane, tmp_path: Path) -> None:
    """A login page of a proxy, or a redirect to one, is not taken for the answer of an API server."""
    with proxy_before(api_server) as proxy:
        proxy.spoil = once(Fault(status=200, body=b"<html>\n please log in </html>"))
        page = failure(through(api_server, proxy, tmp_path))
        proxy.spoil = once(Fault(status=302, body=b"elsewhere", headers=(("Location", "https://example.com/"),)))
        redirect = failure(through(api_server, proxy, tmp_path))

    assert (page.why, page.message) == (Why.FOREIGN, "<html> please log in </html>")
    assert (redirect.why, redirect.status, redirect.message) == (Why.FOREIGN, 302, "elsewhere")


@pytest.mark.parametrize(("code", "text", "seconds"), [(429, "3", 3.0), (503, "1", 1.0), (429, "900", 15.0)])
def test_a_busy_server_is_asked_again(
    api_server: ControlPlane, tmp_path: Path, code: int, text: str, seconds: float
) -> None:
    """A server that says when to come back is asked again then, though not in an hour."""
    waited: list[float] = []
    with proxy_before(api_server) as proxy:
        proxy.spoil = once(Fault(status=code, body=status(code, "later"), headers=(("Retry-After", text),)))
        with through(api_server, proxy, tmp_path, waited.append) as cluster:
            found = cluster.get("/version")
            calls = cluster.calls
    assert "gitVersion" in found
    assert (waited, calls) == ([seconds], 2)


def test_a_server_that_stays_busy_is_given_up(api_server: ControlPlane, tmp_path: Path) -> None:
    """The tries are bounded; one that does not say when to come back is not tried again at all."""
    waited: list[float] = []
    with proxy_before(api_server) as proxy:
        proxy.spoil = lambda *_: Fault(status=429, body=status(429, "too many"), headers=(("Retry-After", "1"),))
        found = failure(through(api_server, proxy, tmp_path, waited.append))
        tries = len(proxy.asked)
        proxy.spoil = lambda *_: Fault(status=503, body=status(503, "service unavailable"))
        down = failure(through(api_server, proxy, tmp_path, waited.append))

    assert (found.why, found.status, found.message) == (Why.BUSY, 429, "too many")
    assert (tries, waited) == (4, [1.0, 1.0, 1.0])
    assert (down.status, len(proxy.asked)) == (503, 5)


def test_no_failure_shows_the_token(
    api_server: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, the token is in no message, no traceback with its local variables, no log and no repr."""
    token = api_server.tokens["admin"]
    texts = []
    with proxy_before(api_server) as proxy:
        for fault in (Fault(), Fault(keep=10), Fault(status=500, body=b"{"), Fault(status=401, body=b"no")):
            proxy.spoil = once(fault)
            with through(api_server, proxy, tmp_path) as cluster:
                texts += [repr(cluster), *_told(cluster)]
    assert len(texts) == 12
    captured = capsys.readouterr()
    assert token not in "".join([*texts, captured.out, captured.err, caplog.text])


def _told(cluster: Cluster) -> tuple[str, str]:
    """A failure as a traceback with local variables shows it; in a function that knows no token itself."""
    try:
        cluster.get(NAMESPACES)
    except ApiError as error:
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(told.format()), repr(error)
    raise AssertionError("nothing failed")


def test_it_ends_its_connections(api_server: ControlPlane) -> None:
    """After the block nothing is open, and an error in a thread reaches the caller."""
    with opened(api_server) as cluster:
        assert len(cluster.each(cluster.get, ["/version"] * 8)) == 8
        with pytest.raises(ApiError):
            cluster.each(cluster.get, ["/version", "/nothing", "/version"])
    assert len(cluster._pool.pools) == 0
