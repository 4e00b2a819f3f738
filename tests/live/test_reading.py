"""What a cluster serves and holds: discovery, lists, rights and identity, asked of a real API server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgate.live import (
    Access,
    ApiError,
    Cluster,
    Denied,
    Identity,
    Resource,
    Right,
    Unread,
    Wanted,
    Why,
    access_of,
    discover,
    identify,
    listing,
    open_cluster,
    read_objects,
    who_am_i,
)
from driftgate.policy import ClusterDestination
from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import ControlPlane
from tests.live.faults import Fault, kubeconfig, once, proxy_before, status

APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


def opened(plane: ControlPlane, identity: str = "admin") -> Cluster:
    return open_cluster(identity, str(plane.kubeconfig(identity)))


def configmaps(plane: ControlPlane, namespace: str, count: int) -> None:
    for number in range(count):
        body = {"metadata": {"name": f"c{number}"}, "data": {"number": str(number)}}
        plane.create(f"/api/v1/namespaces/{namespace}/configmaps", body)


@pytest.mark.parametrize("aggregated", [True, False])
def test_kinds_are_known_by_group_and_name(api_server: ControlPlane, *, aggregated: bool) -> None:
    """A kind tells its resource, scope, verbs and versions, by the new form of discovery and by the old one."""
    with opened(api_server, "reader") as cluster:
        found = discover(cluster, aggregated=aggregated)
        calls = cluster.calls

    deployment = found.find("apps", "Deployment")
    scaler = found.find("autoscaling", "HorizontalPodAutoscaler")
    everything = frozenset({"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"})
    assert deployment == Resource("apps", "Deployment", "deployments", True, everything, ("v1",))
    assert deployment.path("a", "b") == "/apis/apps/v1/namespaces/a/deployments/b"
    assert scaler is not None
    assert scaler.versions == ("v2", "v1")
    node = found.find("", "Node")
    assert node is not None
    assert (node.namespaced, node.label, node.path("ignored")) == (False, "nodes", "/api/v1/nodes")
    assert found.find("", "Scale") is None
    assert found.find("example.com", "Deployment") is None
    assert found.faults == ()
    assert (calls == 2) is aggregated


@contextlib.contextmanager
def dead_api(plane: ControlPlane, group: str) -> Iterator[None]:
    """An API that another server should answer for, and no such server."""
    spec = {
        "group": group,
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "gone", "namespace": "default"},
    }
    path = f"{APISERVICES}/v1beta1.{group}"
    plane.create(APISERVICES, {"metadata": {"name": f"v1beta1.{group}"}, "spec": spec})
    try:

        def listed() -> bool:
            return group in json.dumps(plane.request("GET", "/apis").body)

        plane.processes.wait_until(listed, "group of the dead API", 30)
        yield
    finally:
        plane.request("DELETE", path)
        plane.processes.wait_until(lambda: not listed(), "end of the dead API", 30)


@pytest.mark.parametrize("aggregated", [True, False])
def test_an_api_that_is_down_hides_nothing_else(api_server: ControlPlane, *, aggregated: bool) -> None:
    """Kinds of a group whose own server does not answer are not known to be missing, and all others are there."""
    group = "metrics.example.com"
    with dead_api(api_server, group), opened(api_server) as cluster:
        found = discover(cluster, aggregated=aggregated)
        read = read_objects(cluster, {Wanted(group, "NodeMetrics"), Wanted("", "Node")}, found)

    assert [(fault.group, fault.version) for fault in found.faults] == [(group, "v1beta1")]
    assert found.find("apps", "Deployment") is not None
    assert [(one.wanted, one.why) for one in read.unread] == [(Wanted(group, "NodeMetrics"), Why.SERVER)]
    assert read.unread[0].message.startswith(f"{group}/v1beta1: ")


def test_a_custom_kind_is_found_once_it_is_served(
    api_server: ControlPlane, published_crds: dict[str, list[Crd]]
) -> None:
    """A CRD makes a kind known, with the versions that it serves."""
    with opened(api_server) as cluster:
        assert discover(cluster).find("argoproj.io", "AppProject") is None
        project = next(crd for crd in published_crds["argocd"] if crd["spec"]["names"]["kind"] == "AppProject")
        with served(api_server, [project]):
            found = discover(cluster).find("argoproj.io", "AppProject")
    assert found is not None
    assert (found.name, found.namespaced, found.versions) == ("appprojects", True, ("v1alpha1",))


def test_lists_are_read_page_by_page(api_server: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object of every page is there, with its own apiVersion and kind; a list without objects is empty."""
    monkeypatch.setattr(listing, "PAGE", 2)
    namespace = api_server.namespace()
    configmaps(api_server, namespace, 5)
    with opened(api_server, "reader") as cluster:
        found = read_objects(
            cluster,
            {
                Wanted("", "ConfigMap", namespace),
                Wanted("apps", "Deployment", namespace),
                Wanted("", "ConfigMap", "there-is-no-such-namespace"),
            },
        )
    assert found.unread == ()
    assert [(one["apiVersion"], one["kind"], one["data"]["number"]) for one in found.objects] == [
        ("v1", "ConfigMap", str(number)) for number in range(5)
    ]
    assert found.of("", "ConfigMap", namespace) == found.objects
    assert found.of("apps", "ConfigMap") == ()


def test_selectors_leave_the_rest_on_the_server(api_server: ControlPlane) -> None:
    """Labels and fields select as kubectl's do, characters of URLs in them included."""
    namespace = api_server.namespace()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name, labels in (("a", {"app": "x"}), ("b", {"app": "x"}), ("c", {"app": "y"})):
        api_server.create(path, {"metadata": {"name": name, "labels": labels}})
    wanted = Wanted("", "ConfigMap", namespace, True, "app in (x)", "metadata.name!=b")
    with opened(api_server, "reader") as cluster:
        assert [one["metadata"]["name"] for one in read_objects(cluster, [wanted]).objects] == ["a"]


def test_a_list_that_expires_in_the_middle_is_read_again(
    api_server: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server forgets the state of the pages, the list starts over once and holds no object twice."""
    monkeypatch.setattr(listing, "PAGE", 2)
    namespace = api_server.namespace()
    configmaps(api_server, namespace, 5)
    wanted = Wanted("", "ConfigMap", namespace)
    gone = Fault(status=410, body=status(410, "The provided continue parameter is too old"))
    with proxy_before(api_server) as proxy:
        file = kubeconfig(api_server, tmp_path / "config", server=proxy.server)
        with open_cluster("admin", str(file)) as cluster:
            discovery = discover(cluster)
            proxy.spoil = once(gone, lambda path: "continue=" in path)
            again = read_objects(cluster, [wanted], discovery)
            proxy.spoil = lambda _method, path: gone if "continue=" in path else None
            never = read_objects(cluster, [wanted], discovery)

    assert [one["metadata"]["name"] for one in again.objects] == ["c0", "c1", "c2", "c3", "c4"]
    assert never.objects == ()
    assert never.unread == (Unread(wanted, Why.EXPIRED, 410, "The provided continue parameter is too old"),)


def test_a_list_that_is_lost_takes_no_other_with_it(
    api_server: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind that may not be read, one that is not served and one whose answer is cut are told, one by one."""
    monkeypatch.setattr(listing, "PAGE", 2)
    namespace = api_server.namespace()
    configmaps(api_server, namespace, 3)
    wanted = [
        Wanted("", "ConfigMap", namespace),
        Wanted("", "Pod", namespace),
        Wanted("", "Secret", namespace),
        Wanted("", "Service", namespace),
        Wanted("authorization.k8s.io", "SelfSubjectAccessReview"),
        Wanted("example.com", "Thing", namespace),
    ]
    with proxy_before(api_server) as proxy:
        file = kubeconfig(api_server, tmp_path / "config", "limited", server=proxy.server)
        proxy.spoil = once(Fault(keep=20), lambda path: "continue=" in path)
        with open_cluster("limited", str(file)) as cluster:
            found = read_objects(cluster, wanted)

    assert found.objects == ()
    assert [(one.wanted, one.why, one.status) for one in found.unread] == [
        (wanted[0], Why.CUT_SHORT, 0),
        (wanted[2], Why.FORBIDDEN, 403),
        (wanted[4], Why.NOT_SERVED, 0),
        (wanted[5], Why.NOT_SERVED, 0),
    ]
    assert found.unread[1].message.startswith('secrets is forbidden: User "limited" cannot list resource "secrets"')
    assert [one.message for one in found.unread[2:]] == [
        "selfsubjectaccessreviews.authorization.k8s.io cannot be listed",
        "the cluster serves no Thing of example.com",
    ]


def test_no_value_of_a_secret_is_read(api_server: ControlPlane) -> None:
    """Secrets come as metadata, whatever is asked for; what kubectl wrote into an annotation is not printable."""
    namespace = api_server.namespace()
    canary = "canary-of-the-listing"
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "applied", "namespace": namespace},
        "stringData": {"password": canary},
    }
    applied = api_server.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    assert applied.returncode == 0, applied.stderr
    assert canary in json.dumps(api_server.request("GET", f"/api/v1/namespaces/{namespace}/secrets").body)

    with opened(api_server) as cluster:
        found = read_objects(cluster, [Wanted("", "Secret", namespace, metadata_only=False)])
    asked = [
        e for e in api_server.audit_events() if e["requestURI"].startswith(f"/api/v1/namespaces/{namespace}/secrets")
    ]

    assert [(sorted(one), one["metadata"]["name"]) for one in found.objects] == [
        (["apiVersion", "kind", "metadata"], "applied")
    ]
    assert canary not in repr(found)
    assert {event["verb"] for event in asked if event["user"]["username"] == "admin"} >= {"list"}


def test_rights_are_asked_of_the_server(api_server: ControlPlane) -> None:
    """Each right is asked once, and what is denied is named; a name or a namespace narrows the question."""
    namespace = api_server.namespace()
    granted = Right("list", "", "pods", namespace)
    missing = {Right("list", "", "secrets", namespace), Right("delete", "apps", "deployments", namespace)}
    with opened(api_server, "limited") as cluster:
        found = access_of(cluster, [granted, *missing, granted])
        calls = cluster.calls
        user = who_am_i(cluster)
    assert found == Access(tuple(Denied(right) for right in sorted(missing)))
    assert calls == 3
    assert user is not None
    assert (user.name, user.groups[-1]) == ("limited", "system:authenticated")


def test_a_right_that_could_not_be_asked_is_not_granted(api_server: ControlPlane, tmp_path: Path) -> None:
    """Where the question itself fails, the right is neither there nor missing."""
    right = Right("list", "", "pods", "default")
    with proxy_before(api_server) as proxy:
        proxy.spoil = lambda method, _path: Fault(status=500, body=status(500, "boom")) if method == "POST" else None
        file = kubeconfig(api_server, tmp_path / "config", server=proxy.server)
        with open_cluster("admin", str(file)) as cluster:
            found = access_of(cluster, [right])
    assert found.denied == ()
    assert [(asked, error.why, error.message) for asked, error in found.unknown] == [(right, Why.SERVER, "boom")]


def test_a_cluster_is_known_by_its_uid(api_server: ControlPlane) -> None:
    """The identity is the uid of kube-system, the address and the version."""
    uid = api_server.request("GET", "/api/v1/namespaces/kube-system").body["metadata"]["uid"]
    version = api_server.request("GET", "/version").body["gitVersion"]
    with opened(api_server, "reader") as cluster:
        assert identify(cluster) == Identity(api_server.server, uid, version)


def test_who_may_not_look_at_kube_system_gets_no_identity(api_server: ControlPlane) -> None:
    """Without the right to look at kube-system nothing is guessed."""
    with opened(api_server, "limited") as cluster, pytest.raises(ApiError) as caught:
        identify(cluster)
    assert (caught.value.why, caught.value.asked) == (Why.FORBIDDEN, "GET /api/v1/namespaces/kube-system")


@pytest.mark.parametrize(
    ("entry", "differences"),
    [
        (ClusterDestination("u1"), ()),
        (ClusterDestination("u1", api_server="https://API.example.com/k8s/clusters/c-1"), ()),
        (ClusterDestination("u1", api_server="https://api.example.com:443"), ()),
        (ClusterDestination("u2"), ("uid of kube-system: policy has u2, the cluster u1",)),
        (
            ClusterDestination("u1", api_server="https://api.example.com:6443"),
            ("API server: policy has https://api.example.com:6443, the context https://api.example.com",),
        ),
    ],
)
def test_policy_is_compared_by_uid_host_and_port(entry: ClusterDestination, differences: tuple[str, ...]) -> None:
    """Another uid is another cluster; of the address, case, path and the port that is meant anyway do not count."""
    assert Identity("https://api.example.com", "u1", "v1.36.3").differences(entry) == differences
