"""A cluster is read as far as it can be, and every list that could not be read is named."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from driftgate.drift import reading
from driftgate.drift.reading import Rendered, read_state
from driftgate.drift.state import EVERY_KIND, ClusterState
from driftgate.live import ApiError, Cluster, Identity, Wanted, Why, connection, identify, listing, open_cluster
from driftgate.model.secret import SecretValue
from tests.controlplane.keys import write_keys
from tests.controlplane.plane import ControlPlane
from tests.drift.clusters import CANARIES, TRACKING, fill, rendered
from tests.live.faults import Fault, Proxy, kubeconfig, proxy_before, status
from tests.live.test_reading import configmaps, dead_api

Spoil = Callable[[str, str], Fault | None]


@pytest.fixture(scope="module")
def namespace(api_server: ControlPlane) -> str:
    """What is read; tests of this module only add ConfigMaps to it."""
    return fill(api_server)


@pytest.fixture(scope="module")
def proxy(api_server: ControlPlane) -> Iterator[Proxy]:
    with proxy_before(api_server) as opened:
        yield opened


@pytest.fixture(scope="module")
def identity(api_server: ControlPlane) -> Identity:
    with open_cluster("admin", str(api_server.kubeconfig())) as cluster:
        return identify(cluster)


def read(plane: ControlPlane, wanted: set[Rendered], user: str = "admin", *, argocd: str | None = None) -> ClusterState:
    with open_cluster(user, str(plane.kubeconfig(user))) as cluster:
        return read_state(cluster, "in-cluster", Identity(plane.server, "uid", "v1"), wanted, argocd)


@pytest.fixture
def spoiled(
    api_server: ControlPlane, proxy: Proxy, identity: Identity, namespace: str, tmp_path: Path
) -> Callable[[Spoil], ClusterState]:
    """Reads the namespace while a function spoils answers."""

    def look(spoil: Spoil) -> ClusterState:
        file = kubeconfig(api_server, tmp_path / "proxied", server=proxy.server)
        proxy.spoil = spoil
        with open_cluster("admin", str(file), sleep=lambda _seconds: None) as cluster:
            return read_state(cluster, "in-cluster", identity, rendered(namespace))

    return look


def names(state: ClusterState, kind: str, *, others: bool = False) -> list[str]:
    return [one["metadata"]["name"] for one in (state.others if others else state.objects) if one["kind"] == kind]


def unread(state: ClusterState) -> list[tuple[str, str, Why, int]]:
    """Kind and version of each list that was not read, `*` for metadata, and why."""
    return [
        (one.wanted.kind, "*" if one.wanted.metadata_only else one.wanted.version, one.why, one.status)
        for one in state.unread
    ]


def on(text: str, fault: Fault) -> Spoil:
    """Spoil every request for which the path with its query holds a text."""
    return lambda _method, path: fault if text in unquote(path) else None


def test_what_is_rendered_is_read_in_full_and_the_rest_by_its_metadata(
    api_server: ControlPlane, namespace: str
) -> None:
    """Rendered kinds in their versions, the others without what has an owner; both are known to be complete."""
    state = read(api_server, rendered(namespace))

    assert state.unread == ()
    assert "settings" in names(state, "ConfigMap")
    assert names(state, "Service") == ["owned", "web"]
    (left_over,) = (one for one in state.others if one["kind"] == "ServiceAccount")
    assert left_over["metadata"]["annotations"] == {TRACKING: f"shop:/ServiceAccount:{namespace}/left-over"}
    assert sorted({tuple(sorted(one)) for one in state.others}) == [("apiVersion", "kind", "metadata")]
    about = ("autoscaling", "HorizontalPodAutoscaler", namespace, "web")
    first, second = state.find(*about, version="v1"), state.find(*about, version="v2")
    assert first is not None
    assert second is not None
    assert first["spec"].keys() - second["spec"].keys() == {"targetCPUUtilizationPercentage"}
    assert second["spec"].keys() - first["spec"].keys() == {"metrics"}
    assert state.is_listed("scheduling.k8s.io", "PriorityClass", "", "v1")
    assert not state.is_listed("apps", "Deployment", namespace)
    assert state.is_listed("apps", "Deployment", namespace, metadata_only=True)
    # Cluster-scoped kinds are of interest too, and what nobody declares is not.
    listed = {(one.group, one.kind) for one in state.listed if one.metadata_only}
    assert ("rbac.authorization.k8s.io", "ClusterRole") in listed
    assert listed.isdisjoint(reading._NOT_DECLARED)


def test_what_tells_how_rendered_objects_are_doing_is_read_once_and_only_for_them(
    api_server: ControlPlane, namespace: str
) -> None:
    """For a Deployment Pods, ReplicaSets, quotas and events, for a Service endpoints: each by one list, in full."""
    start = len(api_server.audit_events())
    state = read(api_server, rendered(namespace) | {Rendered("apps/v1", "Deployment", namespace)})
    asked = [urlsplit(one["requestURI"]).path for one in api_server.audit_events()[start:]]
    lists = [path for path in asked if "/namespaces/" in path and not path.endswith("/secrets")]

    assert sorted(lists) == sorted(set(lists))
    assert state.calls == len(asked)
    for kind in ("Pod", "Event", "ResourceQuota", "Namespace"):
        assert state.is_listed("", kind, "" if kind == "Namespace" else namespace)
    assert state.is_listed("apps", "ReplicaSet", namespace)
    assert state.is_listed("discovery.k8s.io", "EndpointSlice", namespace)
    assert namespace in names(state, "Namespace")
    assert not state.is_listed("networking.k8s.io", "IngressClass", "")

    state = read(api_server, {Rendered("v1", "ConfigMap", namespace)})
    assert {one.kind for one in state.listed if not one.metadata_only} == {"ConfigMap", "Namespace"}


def test_values_of_secrets_are_opaque_and_releases_are_never_opened(api_server: ControlPlane, namespace: str) -> None:
    """A Secret is there with values that have no printable form; of helm's records only the metadata is asked for."""
    start = len(api_server.audit_events())
    state = read(api_server, rendered(namespace))
    asked = [unquote(one["requestURI"]) for one in api_server.audit_events()[start:]]

    secret = state.find("", "Secret", namespace, "db")
    assert secret is not None
    assert secret["data"] == {"password": SecretValue("Y2FuYXJ5MnhaOQ==")}
    managers = secret["metadata"]["managedFields"]
    assert [one["manager"] for one in managers] == ["kubectl-client-side-apply"]
    assert names(state, "Secret", others=True) == ["sh.helm.release.v1.shop.v1"]
    assert not any(canary in repr(state) for canary in CANARIES)
    assert sorted(path for path in asked if "/secrets" in path) == [
        f"/api/v1/namespaces/{namespace}/secrets?limit=500&fieldSelector=type!=helm.sh/release.v1",
        f"/api/v1/namespaces/{namespace}/secrets?limit=500&fieldSelector=type=helm.sh/release.v1",
    ]


def test_a_version_that_is_not_served_is_named_with_those_that_are(api_server: ControlPlane, namespace: str) -> None:
    """It is neither missing nor compared with another version."""
    state = read(api_server, {Rendered("autoscaling/v2beta2", "HorizontalPodAutoscaler", namespace)})
    (gone,) = state.unread
    assert (gone.why, gone.message) == (
        Why.NOT_SERVED,
        "the cluster serves horizontalpodautoscalers.autoscaling in v2, v1, not in v2beta2",
    )
    assert state.unread_of("autoscaling", "HorizontalPodAutoscaler", namespace, "v2beta2") == gone


def test_many_namespaces_are_one_list(
    api_server: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a few namespaces a kind is listed once and the answer filtered; who may not do that asks one by one."""
    monkeypatch.setattr(reading, "MANY_NAMESPACES", 1)
    other, elsewhere = api_server.namespace(), api_server.namespace()
    for place in (other, elsewhere):
        api_server.create(f"/api/v1/namespaces/{place}/configmaps", {"metadata": {"name": "far"}})
    wanted = {Rendered("v1", "ConfigMap", place) for place in (namespace, other)}

    state = read(api_server, wanted, "limited")
    assert {"far", "settings"} <= set(names(state, "ConfigMap"))
    assert names(state, "ConfigMap").count("far") == 1
    assert [one.namespace for one in state.listed if one.kind == "ConfigMap"] == sorted([namespace, other])
    assert not state.is_listed("", "ConfigMap", elsewhere)
    narrowed = {(one.wanted.namespace, one.status) for one in state.unread if one.wanted.kind == "Secret"}
    assert narrowed == {(namespace, 403), (other, 403)}


def test_calls_grow_with_kinds_and_not_with_objects(api_server: ControlPlane, namespace: str) -> None:
    """One request for each list that fits a page, and two for discovery."""
    state = read(api_server, rendered(namespace))
    assert state.calls == 2 + len(state.listed)


def test_a_kind_that_may_not_be_read(spoiled: Callable[[Spoil], ClusterState]) -> None:
    """403 on one kind takes this kind only."""
    state = spoiled(on("/services?", Fault(status=403, body=status(403, "services is forbidden"))))
    assert unread(state) == [("Service", "v1", Why.FORBIDDEN, 403)]
    assert "settings" in names(state, "ConfigMap")


def test_a_login_that_ends_in_the_middle(spoiled: Callable[[Spoil], ClusterState]) -> None:
    """After a 401 on a list the others are asked for all the same, and each one that fails is named."""
    ended = Fault(status=401, body=status(401, "Unauthorized"))
    state = spoiled(lambda _method, path: None if path.startswith(("/api?", "/apis?")) or _is_bare(path) else ended)
    assert {(why, code) for *_, why, code in unread(state)} == {(Why.UNAUTHORIZED, 401)}
    assert (state.objects, state.others, state.listed) == ((), (), ())
    assert {one.wanted for one in state.unread} == not_read(spoiled, state)


def _is_bare(path: str) -> bool:
    return path in ("/api", "/apis")


def not_read(spoiled: Callable[[Spoil], ClusterState], state: ClusterState) -> set[Wanted]:
    """What a whole reading lists and this one did not; a list of metadata is not named beside the one in full."""
    rest = set(spoiled(lambda _method, _path: None).listed) - set(state.listed)
    in_full = {(one.group, one.kind) for one in rest if not one.metadata_only}
    return {one for one in rest if not one.metadata_only or (one.group, one.kind) not in in_full}


def test_a_busy_kind(spoiled: Callable[[Spoil], ClusterState]) -> None:
    """429 with Retry-After is tried again and then given up, for this kind only."""
    busy = Fault(status=429, body=status(429, "too many requests"), headers=(("Retry-After", "1"),))
    once = itertools.count()
    state = spoiled(lambda _method, path: busy if "/services?" in path and next(once) < 1 else None)
    assert (state.unread, names(state, "Service")) == ((), ["owned", "web"])
    state = spoiled(on("/services?", busy))
    assert unread(state) == [("Service", "v1", Why.BUSY, 429)]


def test_a_list_that_expires(
    api_server: ControlPlane,
    spoiled: Callable[[Spoil], ClusterState],
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """410 in the middle starts the list over once; where it comes again, the kind is unread and not half there."""
    monkeypatch.setattr(listing, "PAGE", 20)
    configmaps(api_server, namespace, 20)
    gone = Fault(status=410, body=status(410, "too old"))

    def is_second_page(path: str) -> bool:
        return "/configmaps?" in path and "continue=" in path

    once = itertools.count()
    state = spoiled(lambda _method, path: gone if is_second_page(path) and next(once) < 1 else None)
    assert (state.unread, len(names(state, "ConfigMap"))) == ((), 21)
    state = spoiled(lambda _method, path: gone if is_second_page(path) else None)
    assert unread(state) == [("ConfigMap", "v1", Why.EXPIRED, 410)]
    assert names(state, "ConfigMap") == []


def test_a_list_that_does_not_end(spoiled: Callable[[Spoil], ClusterState], monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that goes on and on is given up."""
    monkeypatch.setattr(listing, "MOST_PAGES", 3)
    endless = Fault(status=200, body=b'{"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "more"}}')
    state = spoiled(on("/services?", endless))
    assert unread(state) == [("Service", "v1", Why.CUT_SHORT, 0)]
    assert state.unread[0].message == "the list goes on after 3 objects"


def test_a_kind_that_takes_too_long(spoiled: Callable[[Spoil], ClusterState], monkeypatch: pytest.MonkeyPatch) -> None:
    """A list without an answer in time is unread; the others do not wait for it."""
    monkeypatch.setattr(connection, "SILENT_SECONDS", 1)

    def slow(_method: str, path: str) -> Fault | None:
        if "/services?" in path:
            time.sleep(2)
        return None

    assert unread(spoiled(slow)) == [("Service", "v1", Why.TIMEOUT, 0)]


def test_an_answer_that_is_cut_short(spoiled: Callable[[Spoil], ClusterState]) -> None:
    """Half a list is no list, whether the connection ends or the text does; nothing of it is kept."""
    state = spoiled(on("/services?", Fault(keep=100)))
    assert unread(state) == [("Service", "v1", Why.CUT_SHORT, 0)]
    state = spoiled(on("/services?", Fault(status=200, body=b'{"items": [{"metadata": {"name": "a"}}')))
    assert unread(state) == [("Service", "v1", Why.CUT_SHORT, 200)]
    assert names(state, "Service") == []


def test_a_server_that_dies_in_the_middle(spoiled: Callable[[Spoil], ClusterState]) -> None:
    """What was read is kept and what was not is named, together every list; the dead are not asked for ever."""
    asked = itertools.count()
    state = spoiled(lambda _method, _path: Fault() if next(asked) >= 4 else None)
    assert {one.wanted for one in state.unread} == not_read(spoiled, state)
    assert len(state.listed) == 2
    assert {one.why for one in state.unread} == {Why.UNREACHABLE}
    # Both passes, in full and by metadata, give up after a few.
    assert len([one for one in state.unread if not one.message.startswith("not asked")]) <= 2 * 2 * connection.WORKERS


def test_an_api_that_is_down(api_server: ControlPlane, namespace: str) -> None:
    """A group whose own server does not answer is named as a whole, beside the kinds of it that are rendered."""
    group = "metrics.example.com"
    with dead_api(api_server, group):
        state = read(api_server, {*rendered(namespace), Rendered(f"{group}/v1beta1", "Gauge", namespace)})
    assert unread(state) == [(EVERY_KIND, "*", Why.SERVER, 0), ("Gauge", "v1beta1", Why.SERVER, 0)]
    assert "settings" in names(state, "ConfigMap")


def test_a_kind_that_is_not_installed(api_server: ControlPlane, namespace: str) -> None:
    """A rendered kind that the cluster does not know is named; without Argo CD nobody misses its Applications."""
    wanted = {*rendered(namespace), Rendered("example.com/v1", "Thing", namespace)}
    state = read(api_server, wanted, argocd=namespace)
    assert unread(state) == [("Thing", "v1", Why.NOT_SERVED, 0)]
    assert state.unread[0].message == "the cluster serves no Thing of example.com"


@pytest.mark.parametrize(("problem", "why"), [("certificate", Why.TLS), ("token", Why.UNAUTHORIZED)])
def test_who_cannot_begin_reads_nothing(
    api_server: ControlPlane, namespace: str, tmp_path: Path, problem: str, why: Why
) -> None:
    """Without the trust or the login that discovery takes there is no state at all, but an error."""
    changes = {"authority": write_keys(tmp_path / "keys").authority} if problem == "certificate" else {"token": "0"}
    with opened(api_server, tmp_path, **changes) as cluster, pytest.raises(ApiError) as caught:
        read_state(cluster, "in-cluster", Identity(api_server.server, "uid", "v1"), rendered(namespace))
    assert caught.value.why is why


@contextmanager
def opened(plane: ControlPlane, folder: Path, **changes: Any) -> Iterator[Cluster]:
    with open_cluster("admin", str(kubeconfig(plane, folder / "config", **changes))) as cluster:
        yield cluster
