"""Under which URLs an environment answers, and what keeps a host from HTTPS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from driftgate.health.fields import Json, items, text
from driftgate.health.ingresses import backends, tls_secrets
from driftgate.health.live import Live

__all__ = ["Access", "Route", "accesses"]


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One path of a host, with the Service that answers."""

    path: str
    service: str


@dataclass(frozen=True, slots=True)
class Access:
    """One host: its URL, its routes, where its name has to lead, and why it is not HTTPS, where it is not."""

    url: str
    routes: tuple[Route, ...]
    addresses: tuple[str, ...]
    why_not_https: str = ""


def accesses(live: Live, ingresses: Iterable[Json]) -> tuple[Access, ...]:
    """The hosts of several Ingresses of a cluster, in order of their names; Ingresses may share a host."""
    found = list(ingresses)
    hosts = sorted({host for ingress in found for host, _, _ in backends(ingress)})
    return tuple(_access(live, host, found) for host in hosts)


def _access(live: Live, host: str, ingresses: list[Json]) -> Access:
    serving = [each for each in ingresses if any(named == host for named, _, _ in backends(each))]
    routes = {
        Route(path or "/", service) for each in serving for named, path, service in backends(each) if named == host
    }
    addresses = {
        text(each, "ip") or text(each, "hostname")
        for ingress in serving
        for each in items(ingress, "status", "loadBalancer", "ingress")
    }
    why = _why_not_https(live, host, serving)
    scheme = "http" if why else "https"
    return Access(f"{scheme}://{host or '*'}", tuple(sorted(routes)), tuple(sorted(addresses - {""})), why)


def _why_not_https(live: Live, host: str, ingresses: list[Json]) -> str:
    """The first reason; none where one Ingress has an entry for the host whose Secret is there."""
    reasons = []
    for ingress in ingresses:
        namespace = text(ingress, "metadata", "namespace")
        for secret, hosts in tls_secrets(ingress):
            if not any(covers(each, host) for each in hosts):
                continue
            if live.find("", "Secret", namespace, secret) is not None:
                return ""
            there = "does not exist" if live.lacks("", "Secret", namespace, secret) else "was not read"
            reasons.append(f"TLS Secret {secret} {there}")
    return reasons[0] if reasons else "no TLS entry covers the host"


def covers(pattern: str, host: str) -> bool:
    """Whether an entry is for a host: by name, or by a wildcard for exactly one label (Kubernetes: Ingress)."""
    if pattern.startswith("*."):
        return bool(host.partition(".")[0]) and host.partition(".")[2] == pattern[2:]
    return bool(host) and pattern == host
