"""Ports: what a route names is a port of its Service, and what a Service names is a port of its Pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from driftgate.checks.references import id_of, uses_of
from driftgate.checks.selectors import chosen_pods, chosen_services, selections

from driftgate.graph import Origin, PodTemplate, Selection, Target, Use
from driftgate.judge import Breach, NotApplicable, Result, Subject, check, graph_of
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path
from driftgate.model.outcome import Related, Severity


@check()
def ingress_backend_port_missing(subject: Subject) -> Iterator[Result]:
    """A route leads to a port that its Service does not have

    Why: A backend's port is the Service's own port, by number or name, neither its targetPort nor the container's
    (kubernetes: api/networking/v1 `ServiceBackendPort`). Without it the controller has no endpoint and answers 503.

    Fix: Name one of the ports that the Service lists.
    """
    yield from _port_missing(subject, "ingress-backend-missing")


@check()
def service_port_missing(subject: Subject) -> Iterator[Result]:
    """The API server calls a port that the Service does not have

    Why: A webhook or an APIService is called on port 443 of its Service unless it names another (kubernetes:
    api/admissionregistration/v1 `ServiceReference`); it is the Service's port, not the container's.

    Fix: Name the Service's port, or give the Service port 443.
    """
    yield from _port_missing(subject, "service-missing")


def _port_missing(subject: Subject, sort: str) -> Iterator[Result]:
    uses = [use for use in uses_of(subject, sort) if use.key_path]
    if not uses:
        yield NotApplicable()
    told: set[tuple[Target, str | int]] = set()
    for use in uses:
        services = _rendered(subject, use.target)
        if services and (use.target, use.key) not in told and not any(_has_port(one, use) for one in services):
            told.add((use.target, use.key))
            yield _no_port(subject, services[0], use)


def _rendered(subject: Subject, target: Target) -> list[Manifest]:
    """The Services that a target is, if all of them are rendered and have ports of their own."""
    answer = graph_of(subject).state_of(target)
    if any(definition.origin is not Origin.RENDERED for definition in answer.definitions):
        return []
    services = [definition.manifest for definition in answer.definitions if definition.manifest is not None]
    is_open = any(one.get("spec", "type") == "ExternalName" or not _ports(one) for one in services)
    return [] if is_open else services


def _ports(service: Manifest) -> list[dict[str, Any]]:
    return _mappings(service.get("spec", "ports"))


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _has_port(service: Manifest, use: Use) -> bool:
    return any(str(use.key) in (port.get("name"), str(port.get("port"))) for port in _ports(service))


def _no_port(subject: Subject, service: Manifest, use: Use) -> Breach:
    ports = _ports(service)
    place, related = subject.cause(use.manifest, *use.key_path)
    there, _ = subject.cause(service, "spec", "ports", 0, "port")
    return Breach(
        place,
        f"port {use.key} of {use.target}, which has {_listed(ports)}{_other_port(subject, service, use)}",
        " or ".join(str(port.get("port")) for port in ports),
        object=use.manifest.object_id,
        field=f"{id_of(use.target)}:{use.key}",
        related=(*related, Related(there, f"the ports of {use.target}")),
        cause=f"{graph_of(subject).cluster} {use.target} {use.key}",
    )


def _listed(ports: list[dict[str, Any]]) -> str:
    named = [f"{port.get('port')} ({port['name']})" if port.get("name") else f"{port.get('port')}" for port in ports]
    return ", ".join(named)


def _other_port(subject: Subject, service: Manifest, use: Use) -> str:
    """What the port is, if it is none of the Service: the classic mistakes."""
    for port in _ports(service):
        if str(port.get("targetPort")) == str(use.key):
            return f"; {use.key} is the targetPort of its port {port.get('port')}"
    for pod in _pods_behind(subject, service):
        for container, port in container_ports(pod):
            if str(use.key) in (port.get("name"), str(port.get("containerPort"))):
                return f"; {use.key} is the port of container {container}"
    return ""


def _pods_behind(subject: Subject, service: Manifest) -> list[PodTemplate]:
    """The Pods of a Service of any Application."""
    for selection in graph_of(subject).selections:
        if selection.manifest is service:
            return chosen_pods(subject, selection)
    return []


def container_ports(pod: PodTemplate) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every port that a Pod's containers declare, with the container's name."""
    for _, container in pod.containers:
        for port in _mappings(container.get("ports")):
            yield str(container.get("name")), port


@check()
def service_target_port_missing(subject: Subject) -> Iterator[Result]:
    """A Service leads to a port name that its Pods do not have

    Why: A targetPort that is a name is looked up among the containers' ports of each Pod; without one of that name the
    Pod is left out of the endpoints, and the Service answers nobody (kubernetes: pkg/api/v1/pod `FindPort`).

    Fix: Name a port of the container, or give the container's port this name.
    """
    ports = [found for found in _target_ports(subject) if isinstance(found[2], str)]
    if not ports:
        yield NotApplicable()
    for selection, path, target, pods in ports:
        known = {str(port.get("name")) for pod in pods for _, port in container_ports(pod) if port.get("name")}
        if target not in known:
            found = f"targetPort {target}, and {_who(pods)} has {_names(pods)}"
            yield _no_target(subject, selection.manifest, path, found, " or ".join(sorted(known)) or "a port", pods)


@check(severity=Severity.NOTE)
def service_target_port_undeclared(subject: Subject) -> Iterator[Result]:
    """A Service leads to a port number that no container declares

    Why: A container may listen on a port that it does not declare, so this need not be wrong; but where it declares
    others, one of the two numbers was most often changed without the other, and requests are refused.

    Fix: Write the number that the program listens on in both places, or name the port and use the name.
    """
    ports = [found for found in _target_ports(subject) if isinstance(found[2], int)]
    if not ports:
        yield NotApplicable()
    for selection, path, target, pods in ports:
        declared = [{str(port.get("containerPort")) for _, port in container_ports(pod)} for pod in pods]
        if all(numbers and str(target) not in numbers for numbers in declared):
            found = f"targetPort {target}, and {_who(pods)} has {_names(pods)}"
            expected = " or ".join(sorted({number for numbers in declared for number in numbers}))
            yield _no_target(subject, selection.manifest, path, found, expected, pods)


_TargetPort = tuple[Selection, Path, str | int, list[PodTemplate]]


def _target_ports(subject: Subject) -> Iterator[_TargetPort]:
    """The targetPort of each port of the Application's Services that have Pods; a headless one forwards nothing."""
    for selection in selections(subject, "Service"):
        pods = chosen_pods(subject, selection)
        for index, port in enumerate(_ports(selection.manifest) if pods else ()):
            written = port.get("targetPort")
            is_name = isinstance(written, str) and not written.isdigit()
            if not is_name and selection.manifest.get("spec", "clusterIP") == "None":
                continue
            target = port.get("port") if written is None else written
            field = "port" if written is None else "targetPort"
            if isinstance(target, str | int) and not isinstance(target, bool):
                number = int(target) if isinstance(target, str) and target.isdigit() else target
                yield selection, ("spec", "ports", index, field), number, pods


def _who(pods: list[PodTemplate]) -> str:
    first = f"{pods[0].manifest.kind} {pods[0].manifest.name}"
    return first if len(pods) == 1 else f"{first} and others"


def _names(pods: list[PodTemplate]) -> str:
    """The declared ports, for people."""
    listed = [
        f"{port.get('containerPort')} ({port['name']})" if port.get("name") else f"{port.get('containerPort')}"
        for pod in pods
        for _, port in container_ports(pod)
    ]
    return ", ".join(dict.fromkeys(listed)) or "no port"


def _no_target(
    subject: Subject, service: Manifest, path: Path, found: str, expected: str, pods: list[PodTemplate]
) -> Breach:
    place, related = subject.cause(service, *path)
    return Breach(
        place,
        found,
        expected,
        object=service.object_id,
        field=service.field(*path),
        related=(*related, *_declaration(subject, pods)),
    )


def _declaration(subject: Subject, pods: list[PodTemplate]) -> tuple[Related, ...]:
    """Where the first of the Pods' ports is declared."""
    for pod in pods:
        for path, container in pod.containers:
            if _mappings(container.get("ports")):
                place, _ = subject.cause(pod.manifest, *path, "ports", 0, "containerPort")
                return (Related(place, f"the ports of container {container.get('name')}"),)
    return ()


@check(severity=Severity.WARNING)
def monitor_port_missing(subject: Subject) -> Iterator[Result]:
    """A monitor scrapes a port that is not there

    Why: A ServiceMonitor's endpoint names a port of the Service by its name, a PodMonitor's one of a container;
    Prometheus drops every target without it, and alerts on its metrics stay silent (prometheus-operator: `Endpoint`).

    Fix: Name the port as the Service, or for a PodMonitor the container, calls it; a number is no name.
    """
    monitors = [one for kind in ("ServiceMonitor", "PodMonitor") for one in selections(subject, kind)]
    endpoints = [(one, *found) for one in monitors for found in _endpoints(one.manifest)]
    if not endpoints:
        yield NotApplicable()
    for selection, path, name in endpoints:
        known = _scraped_ports(subject, selection)
        if known is not None and name not in known:
            found = f"port {name}, and what {selection.manifest.name} selects has {', '.join(sorted(known)) or 'none'}"
            expected = " or ".join(sorted(known)) or "a port with a name"
            yield subject.breach(selection.manifest, path, found, expected)


def _endpoints(monitor: Manifest) -> Iterator[tuple[Path, str]]:
    field = "endpoints" if monitor.kind == "ServiceMonitor" else "podMetricsEndpoints"
    for index, endpoint in enumerate(_mappings(monitor.get("spec", field))):
        name = endpoint.get("port")
        if isinstance(name, str) and name:
            yield ("spec", field, index, "port"), name


def _scraped_ports(subject: Subject, selection: Selection) -> set[str] | None:
    """The names of the ports of all that a monitor selects; None where it selects nothing that is known."""
    if selection.kind == "Pod":
        pods = chosen_pods(subject, selection)
        return (
            {str(port["name"]) for pod in pods for _, port in container_ports(pod) if port.get("name")}
            if pods
            else None
        )
    services = chosen_services(subject, selection)
    return {str(port["name"]) for one in services for port in _ports(one) if port.get("name")} if services else None
