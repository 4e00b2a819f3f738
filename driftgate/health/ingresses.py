"""Ingresses that lead nowhere: no class, no address, no certificate, no Service behind a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from driftgate.health.certificates import GROUP as CERT_MANAGER
from driftgate.health.fields import Json, Ref, items, ref_of, text
from driftgate.health.live import Live
from driftgate.health.trouble import Family, Trouble, trouble_at
from driftgate.model.manifest import dig

__all__ = ["GROUP", "class_of", "ingress_troubles", "tls_secrets"]

GROUP = "networking.k8s.io"
_SLOW_SECONDS = 60
_OLD_CLASS = "kubernetes.io/ingress.class"
_ISSUERS = ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "kubernetes.io/tls-acme")


def class_of(ingress: Json) -> str:
    """The class of an Ingress, by its field or by the annotation that came before it; "" for the default one."""
    annotations = dig(ingress, ("metadata", "annotations")) or {}
    return text(ingress, "spec", "ingressClassName") or text(annotations, _OLD_CLASS)


def tls_secrets(ingress: Json) -> Iterator[tuple[str, list[str]]]:
    """Each TLS Secret that an Ingress names, with the hosts that it is for."""
    for entry in items(ingress, "spec", "tls"):
        if name := text(entry, "secretName"):
            yield name, [host for host in dig(entry, ("hosts",)) or [] if isinstance(host, str)]


def ingress_troubles(live: Live) -> Iterator[Trouble]:
    """What is wrong with each Ingress; a class, a controller or a Secret that several lack is told once."""
    lacking: dict[Ref, list[tuple[Json, list[str]]]] = {}
    leading_nowhere: dict[tuple[str, tuple[str, ...]], tuple[Trouble, list[Ref]]] = {}
    for ingress in live.all(GROUP, "Ingress"):
        if dig(ingress, ("metadata", "deletionTimestamp")) is not None:
            continue
        if trouble := _no_class(live, ingress) or _no_address(live, ingress):
            leading_nowhere.setdefault((trouble.what, trouble.evidence), (trouble, []))[1].append(ref_of(ingress))
        yield from _no_backend(live, ingress)
        namespace = text(ingress, "metadata", "namespace")
        for name, hosts in tls_secrets(ingress):
            if live.lacks("", "Secret", namespace, name) and not live.is_young(ingress):
                lacking.setdefault(("", "Secret", namespace, name), []).append((ingress, hosts))
    for trouble, ingresses in leading_nowhere.values():
        yield replace(trouble, what=f"{trouble.what}{_shared(ingresses)}", objects=frozenset(ingresses))
    for secret, users in lacking.items():
        named = [text(entry, "secretName") for entry in dig(users[0][0], ("spec", "tls"))]
        field = ("spec", "tls", named.index(secret[3]), "secretName")
        yield replace(_no_certificate(live, secret, users), family=Family.TLS, field=field)


def _shared(ingresses: Sequence[Ref]) -> str:
    """The further Ingresses of which the same is true as of the first."""
    return f" (also of {', '.join(ref[3] for ref in ingresses[1:])})" if ingresses[1:] else ""


def _no_class(live: Live, ingress: Json) -> Trouble | None:
    name = text(ingress, "spec", "ingressClassName")
    if not name or not live.lacks(GROUP, "IngressClass", "", name):
        return None
    known = ", ".join(text(each, "metadata", "name") for each in live.all(GROUP, "IngressClass")) or "none"
    return trouble_at(
        ingress,
        f"its class {name} does not exist in this cluster",
        (f"ingress classes: {known}",),
        f"Install the ingress controller of class {name}, or name another class in the values.",
        hopeless=True,
        family=Family.INGRESS_ADDRESS,
        field=("spec", "ingressClassName"),
    )


def _no_address(live: Live, ingress: Json) -> Trouble | None:
    told = live.told(ingress, "Rejected", "SyncError", "TranslationError", "BuildDeferred")
    if dig(ingress, ("status", "loadBalancer", "ingress")) or not (told or live.is_old(ingress, _SLOW_SECONDS)):
        return None
    name = class_of(ingress)
    found = live.find(GROUP, "IngressClass", "", name) if name else None
    controller = text(found, "spec", "controller")
    whose = f" ({controller})" if controller else ""
    return trouble_at(
        ingress,
        "has no address",
        told or (f"the controller of class {name or '(default)'}{whose} has not answered",),
        "See whether the ingress controller runs, and whether its own Service has an address: kubectl get services -A",
        family=Family.INGRESS_ADDRESS,
        field=("spec", "ingressClassName"),
    )


def _no_backend(live: Live, ingress: Json) -> Iterator[Trouble]:
    namespace = text(ingress, "metadata", "namespace")
    missing: dict[str, list[str]] = {}
    for host, path, service in backends(ingress):
        if live.lacks("", "Service", namespace, service) and not live.is_young(ingress):
            missing.setdefault(service, []).append(f"{host or '*'}{path}")
    for service, paths in missing.items():
        yield trouble_at(
            ingress,
            f"leads to Service {service}, which does not exist",
            (f"paths: {', '.join(paths)}",),
            f"Deploy what brings Service {service}: kubectl get services -n {namespace}",
            family=Family.INGRESS_BACKEND,
            field=_backend_field(ingress, service),
        )


def _backend_field(ingress: Json, service: str) -> tuple[str | int, ...]:
    """Where an Ingress first names a Service."""
    for number, rule in enumerate(dig(ingress, ("spec", "rules")) or []):
        for index, path in enumerate(dig(rule, ("http", "paths")) or []):
            if text(path, "backend", "service", "name") == service:
                return ("spec", "rules", number, "http", "paths", index, "backend", "service", "name")
    return ("spec", "defaultBackend", "service", "name")


def backends(ingress: Json) -> Iterator[tuple[str, str, str]]:
    """Host, path and Service of every route; both are "" for the default backend."""
    default = text(ingress, "spec", "defaultBackend", "service", "name")
    if default:
        yield "", "", default
    for rule in items(ingress, "spec", "rules"):
        for path in items(rule, "http", "paths"):
            if service := text(path, "backend", "service", "name"):
                yield text(rule, "host"), text(path, "path") or "/", service


def _no_certificate(live: Live, secret: Ref, users: list[tuple[Json, list[str]]]) -> Trouble:
    """A TLS Secret that is not there: with the Certificate that is to bring it, if there is one."""
    ingress = users[0][0]
    namespace, name = secret[2:]
    hosts = ", ".join(dict.fromkeys(host for _, each in users for host in each))
    others = tuple(ref_of(each) for each, _ in users)
    certificates = [
        each for each in live.all(CERT_MANAGER, "Certificate", namespace) if text(each, "spec", "secretName") == name
    ]
    annotations = [dig(each, ("metadata", "annotations")) or {} for each, _ in users]
    asked = [f"{key}: {each[key]}" for each in annotations for key in _ISSUERS if key in each]
    what = f"its TLS Secret {name} does not exist{_shared(others)}: {hosts} has no certificate"
    if certificates:
        certificate = text(certificates[0], "metadata", "name")
        evidence: tuple[str, ...] = (f"Certificate {certificate} is to bring it and is not issued yet",)
        step = f"kubectl describe certificate {certificate} -n {namespace}"
        return trouble_at(ingress, what, evidence, step, because=tuple(map(ref_of, certificates)), objects=others)
    knows = live.knows(CERT_MANAGER, "Certificate", namespace)
    if asked:
        return trouble_at(
            ingress,
            what,
            (
                *asked,
                "no Certificate brings it: cert-manager has not made one" if knows else "Certificates were not read",
            ),
            "See whether cert-manager runs: kubectl get pods -A -l app.kubernetes.io/name=cert-manager",
            objects=others,
        )
    return trouble_at(
        ingress,
        what,
        ("no Certificate and no cert-manager annotation brings it",) if knows else (),
        f"Make Secret {name} of type kubernetes.io/tls in namespace {namespace}, or name an issuer in the values.",
        hopeless=knows,
        objects=others,
    )
