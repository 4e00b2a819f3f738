"""Who owns what: hosts and paths that more than one Ingress claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, check
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path
from driftgate.model.outcome import Related, Severity

_CANARY = "nginx.ingress.kubernetes.io/canary"


@dataclass(frozen=True, slots=True)
class _Claim:
    """One claim of an Ingress on a host; `target` is what is claimed of it, `path` the field that says so."""

    manifest: Manifest
    cluster: str
    host: str
    target: tuple[str, ...]
    path: Path

    @property
    def owner(self) -> str:
        """The Ingress as people name it."""
        return f"{self.manifest.kind} {self.manifest.name} of {self.manifest.application}"


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def ingress_path_claimed_twice(subject: Subject) -> Iterator[Result]:
    """Two Ingresses of one cluster claim the same host and path

    Why: Which of the two backends answers is up to the controller; ingress-nginx refuses the second one at admission,
    and the Application that holds it stops syncing.

    Fix: Let one Ingress own the path, and give the other a path or a host of its own.
    """
    claims = [claim for ingress in _ingresses(subject) for claim in _paths(*ingress)]
    if not claims:
        yield NotApplicable()
    seen: dict[tuple[str, ...], _Claim] = {}
    for claim in claims:
        key = (claim.cluster, claim.host, *claim.target)
        first = seen.setdefault(key, claim)
        if first is not claim:
            route = f"{claim.host or 'every host'}{claim.target[1]}"
            yield _second(
                subject, claim, first, f"{route}, which {first.owner} claims too", "a host and path of its own"
            )


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def ingress_host_tls_differs(subject: Subject) -> Iterator[Result]:
    """One host has two TLS Secrets in one namespace

    Why: A controller serves one certificate per host, so one of the two is never seen; where cert-manager issues both,
    they also count twice against the issuer's rate limit.

    Fix: Name the same TLS Secret in every Ingress of the host.
    """
    claims = [claim for ingress in _ingresses(subject) for claim in _tls(*ingress)]
    if not claims:
        yield NotApplicable()
    seen: dict[tuple[str, str, str], _Claim] = {}
    for claim in claims:
        first = seen.setdefault((claim.cluster, claim.manifest.target_namespace, claim.host), claim)
        if first.target != claim.target:
            found = f"{claim.host} with {claim.target[0]}, and with {first.target[0]} in {first.owner}"
            yield _second(subject, claim, first, found, "one TLS Secret for the host")


def _second(subject: Subject, claim: _Claim, first: _Claim, found: str, expected: str) -> Breach:
    place, related = subject.cause(claim.manifest, *claim.path)
    other, _ = subject.cause(first.manifest, *first.path)
    return Breach(
        place,
        found,
        expected,
        object=claim.manifest.object_id,
        field=".".join((claim.host, *claim.target)),
        related=(*related, Related(other, f"the claim of {first.owner}")),
    )


def _ingresses(subject: Subject) -> Iterator[tuple[Manifest, str]]:
    """Every Ingress with the cluster and the controller's class that it goes to."""
    for loaded in subject.environment.applications:
        destination = loaded.application.destination
        for manifest in loaded.manifests:
            if (manifest.group, manifest.kind) == ("networking.k8s.io", "Ingress"):
                cluster = destination.server or destination.name
                yield manifest, f"{cluster} {manifest.get('spec', 'ingressClassName') or ''}"


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _paths(manifest: Manifest, cluster: str) -> Iterator[_Claim]:
    if str(manifest.annotations.get(_CANARY)).lower() == "true":
        return  # a canary claims its host and path a second time on purpose
    for number, rule in enumerate(_items(manifest.get("spec", "rules"))):
        http = rule.get("http")
        for index, entry in enumerate(_items(http.get("paths") if isinstance(http, dict) else None)):
            path, kind = str(entry.get("path") or "/"), str(entry.get("pathType"))
            target = ("Exact" if kind == "Exact" else "Prefix", path)
            field: Path = ("spec", "rules", number, "http", "paths", index, "path")
            yield _Claim(manifest, cluster, str(rule.get("host") or ""), target, field)


def _tls(manifest: Manifest, cluster: str) -> Iterator[_Claim]:
    for number, entry in enumerate(_items(manifest.get("spec", "tls"))):
        hosts = entry.get("hosts")
        for host in hosts if isinstance(hosts, list) else ():
            target = (str(entry.get("secretName") or ""),)
            yield _Claim(manifest, cluster, str(host), target, ("spec", "tls", number, "secretName"))
