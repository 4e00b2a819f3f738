"""The rows of the tables of Pods, Services and Ingresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftgate.health import Json, Live, ready_endpoints, ref_of
from driftgate.model.manifest import dig

__all__ = ["IngressRow", "PodRow", "ServiceRow", "ingress_row", "pod_row", "service_row"]


@dataclass(frozen=True, slots=True)
class PodRow:
    """One Pod in the table."""

    namespace: str
    name: str
    ready: str
    state: str
    restarts: int
    age: int


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One Service in the table; `endpoints` is None where nobody is selected or it is not known."""

    namespace: str
    name: str
    type: str
    ports: str
    endpoints: int | None


@dataclass(frozen=True, slots=True)
class IngressRow:
    """One Ingress in the table."""

    namespace: str
    name: str
    ingress_class: str
    hosts: str
    address: str


def pod_row(live: Live, pod: Json) -> PodRow:
    """A Pod as `kubectl get pods` shows it: what its containers wait for stands before its phase."""
    statuses = _dicts(dig(pod, ("status", "containerStatuses")))
    wanted = len(_dicts(dig(pod, ("spec", "containers"))))
    ready = sum(each.get("ready") is True for each in statuses)
    waiting = [
        dig(each, ("state", "waiting", "reason")) or dig(each, ("state", "terminated", "reason")) for each in statuses
    ]
    state = next((str(reason) for reason in waiting if reason), str(dig(pod, ("status", "phase")) or "Unknown"))
    if dig(pod, ("metadata", "deletionTimestamp")) is not None:
        state = "Terminating"
    restarts = sum(int(each.get("restartCount") or 0) for each in statuses)
    _group, _kind, namespace, name = ref_of(pod)
    return PodRow(namespace, name, f"{ready}/{wanted}", state, restarts, int(live.age(pod).total_seconds()))


def service_row(live: Live, service: Json) -> ServiceRow:
    """A Service, with how many addresses behind it are ready."""
    _group, _kind, namespace, name = ref_of(service)
    ports = [f"{each.get('port')}/{each.get('protocol', 'TCP')}" for each in _dicts(dig(service, ("spec", "ports")))]
    kind = str(dig(service, ("spec", "type")) or "ClusterIP")
    return ServiceRow(namespace, name, kind, ", ".join(ports), ready_endpoints(live, service))


def ingress_row(ingress: Json) -> IngressRow:
    """An Ingress, with the addresses that its controller has given it."""
    _group, _kind, namespace, name = ref_of(ingress)
    hosts = [str(rule.get("host") or "*") for rule in _dicts(dig(ingress, ("spec", "rules")))]
    addresses = [
        str(each.get("ip") or each.get("hostname") or "")
        for each in _dicts(dig(ingress, ("status", "loadBalancer", "ingress")))
    ]
    ingress_class = str(dig(ingress, ("spec", "ingressClassName")) or "")
    return IngressRow(namespace, name, ingress_class, ", ".join(dict.fromkeys(hosts)), ", ".join(addresses))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
