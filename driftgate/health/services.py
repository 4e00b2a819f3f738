"""Services behind which nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from driftgate.health.fields import Json, Ref, integer, items, ref_of, text
from driftgate.health.live import Live, carries
from driftgate.health.trouble import Family, Trouble, trouble_at
from driftgate.model.manifest import dig

__all__ = ["ready_endpoints", "service_troubles"]

_SLICE_LABEL = "kubernetes.io/service-name"
_SLOW_SECONDS = 60
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


def service_troubles(live: Live) -> Iterator[Trouble]:
    """Services without a ready endpoint, and load balancers without an address."""
    for service in live.all("", "Service"):
        if dig(service, ("metadata", "deletionTimestamp")) is not None:
            continue
        if ready_endpoints(live, service) == 0 and (trouble := _unanswered(live, service)):
            yield replace(trouble, family=Family.ENDPOINTS, field=("spec", "selector"))
        if text(service, "spec", "type") == "LoadBalancer" and not dig(service, ("status", "loadBalancer", "ingress")):
            yield from _no_balancer(live, service)


def ready_endpoints(live: Live, service: Json) -> int | None:
    """How many addresses answer for a Service; None where that is not known, or no Pods are meant to.

    An endpoint without the condition `ready` counts as ready (Kubernetes: EndpointSlice API).
    """
    _group, _kind, namespace, name = ref_of(service)
    if not dig(service, ("spec", "selector")) or not live.knows("discovery.k8s.io", "EndpointSlice", namespace):
        return None
    slices = [
        each
        for each in live.all("discovery.k8s.io", "EndpointSlice", namespace)
        if dig(each, ("metadata", "labels", _SLICE_LABEL)) == name
    ]
    ready = [
        endpoint
        for each in slices
        for endpoint in items(each, "endpoints")
        if dig(endpoint, ("conditions", "ready")) is not False
    ]
    return len(ready)


def _unanswered(live: Live, service: Json) -> Trouble | None:
    namespace = text(service, "metadata", "namespace")
    selector = dig(service, ("spec", "selector"))
    pods = live.selected(selector, namespace)
    ready = [pod for pod in pods if _is_ready(pod)]
    if pods and not ready:
        if all(map(live.is_young, pods)):
            return None
        because = tuple(ref for pod in pods for ref in (ref_of(pod), *live.owners(pod)))
        what = f"no Pod behind it is ready (0 of {len(pods)})"
        return trouble_at(service, what, (), _step(namespace, selector), because=because)
    if ready:
        if not live.is_old(service, _SLOW_SECONDS):
            return None
        what = f"{len(ready)} Pods behind it are ready, and none is an endpoint"
        ports = ", ".join(
            str(dig(port, ("targetPort",)) or dig(port, ("port",))) for port in items(service, "spec", "ports")
        )
        return trouble_at(
            service, what, (f"target ports: {ports}",), "Compare the target ports with those of the Pods."
        )
    makers = tuple(_makers(live, selector, namespace))
    idle = [ref for ref in makers if integer(live.find(*ref), "spec", "replicas") == 0 and ref[1] != "DaemonSet"]
    words = _selector_text(selector)
    if makers and len(idle) == len(makers):
        names = ", ".join(f"{ref[1]} {ref[3]}" for ref in makers)
        step = f"Raise the replicas of {names} in the values."
        return trouble_at(service, f"nobody is behind it: {names} has 0 replicas", (f"selector: {words}",), step,
                          hopeless=True, because=makers)  # fmt: skip
    if makers:
        if all(live.is_young(live.find(*ref) or service) for ref in makers):
            return None
        return trouble_at(service, "no Pod is behind it yet", (f"selector: {words}",), _step(namespace, selector),
                          because=makers)  # fmt: skip
    known = live.knows("", "Pod", namespace) and live.is_old(service, _SLOW_SECONDS)
    return trouble_at(
        service,
        "its selector selects no Pod",
        (f"selector: {words}", _nearest(live, selector, namespace)),
        "Compare the selector with the labels of the Pod template, in the chart.",
    ) if known else None  # fmt: skip


def _makers(live: Live, selector: Any, namespace: str) -> Iterator[Ref]:
    """The workloads whose Pods would be selected."""
    for kind in _WORKLOADS:
        for workload in live.all("apps", kind, namespace):
            if kind == "ReplicaSet" and live.owner(workload):
                continue
            if carries(dig(workload, ("spec", "template", "metadata", "labels")), selector):
                yield ref_of(workload)


def _nearest(live: Live, selector: dict[str, Any], namespace: str) -> str:
    """The Pod that carries the most of the labels, with what it has instead of the others."""
    best: tuple[int, str, str] = (0, "", "")
    for pod in live.all("", "Pod", namespace):
        labels = dig(pod, ("metadata", "labels")) or {}
        same = sum(labels.get(key) == value for key, value in selector.items())
        others = ", ".join(
            f"{key}={labels.get(key, '(none)')}" for key, value in selector.items() if labels.get(key) != value
        )
        best = max(best, (same, text(pod, "metadata", "name"), others))
    return f"nearest: Pod {best[1]} with {best[2]}" if best[0] else ""


def _is_ready(pod: Json) -> bool:
    found = [each for each in items(pod, "status", "conditions") if text(each, "type") == "Ready"]
    return bool(found) and text(found[0], "status") == "True" and dig(pod, ("metadata", "deletionTimestamp")) is None


def _selector_text(selector: dict[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in selector.items())


def _step(namespace: str, selector: dict[str, Any]) -> str:
    return f"See the Pods: kubectl get pods -n {namespace} -l {_selector_text(selector)}"


def _no_balancer(live: Live, service: Json) -> Iterator[Trouble]:
    told = live.told(service, "SyncLoadBalancerFailed", "AllocationFailed", "UnAvailableLoadBalancer")
    if not told and not live.is_old(service, _SLOW_SECONDS):
        return
    _group, _kind, namespace, name = ref_of(service)
    yield trouble_at(
        service,
        "its load balancer has no address",
        told or ("no event tells why: does anybody provide load balancers here?",),
        f"Look closer: kubectl describe service {name} -n {namespace}",
        family=Family.LOAD_BALANCER,
        field=("spec", "type"),
    )
