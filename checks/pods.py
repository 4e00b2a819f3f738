"""Pods in themselves: mounts have their volumes, variables their values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from driftgate.graph import PodTemplate, State, Target
from driftgate.judge import NotApplicable, Result, Subject, check, graph_of, graphs_of
from driftgate.model.node import Path
from driftgate.model.outcome import Severity
from driftgate.semantics.variables import is_service_link, references

_BLOCKS = ("initContainers", "containers", "ephemeralContainers")
_MOUNTS = ("volumeMounts", "volumeDevices")
# How variables are called, and programs hardly ever are: what else stands in $( ) is the shell's own.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_FIELDS = ("command", "args")
_SOURCES = {"configMapRef": "ConfigMap", "secretRef": "Secret"}

Entry = tuple[Path, dict[str, Any]]


def _pods(subject: Subject) -> list[PodTemplate]:
    return subject.once(_by_application).get(subject.app.label, [])


def _by_application(subject: Subject) -> dict[str, list[PodTemplate]]:
    found: dict[str, list[PodTemplate]] = {}
    for graph in graphs_of(subject).values():
        for pod in graph.pods:
            found.setdefault(pod.manifest.application, []).append(pod)
    return found


def _entries(value: Any, path: Path) -> list[Entry]:
    listed = value if isinstance(value, list) else ()
    return [((*path, index), entry) for index, entry in enumerate(listed) if isinstance(entry, dict)]


def _containers(pod: PodTemplate) -> list[Entry]:
    return [entry for block in _BLOCKS for entry in _entries(pod.spec.get(block), (*pod.spec_path, block))]


def _volumes(pod: PodTemplate) -> list[Entry]:
    return _entries(pod.spec.get("volumes"), (*pod.spec_path, "volumes"))


def _mounts(pod: PodTemplate) -> list[tuple[Entry, str]]:
    """Every mount of a volume, with the container's name."""
    return [
        (mount, str(container.get("name")))
        for path, container in _containers(pod)
        for field in _MOUNTS
        for mount in _entries(container.get(field), (*path, field))
    ]


def _claim_templates(pod: PodTemplate) -> set[str]:
    """The volumes that a StatefulSet gives its Pods itself."""
    found = _entries(pod.manifest.get("spec", "volumeClaimTemplates"), ())
    metadata = (entry.get("metadata") for _, entry in found)
    return {str(one.get("name")) for one in metadata if isinstance(one, dict)}


@check()
def volume_mount_without_volume(subject: Subject) -> Iterator[Result]:
    """A container mounts a volume that its Pod does not have

    Why: The API server refuses the workload: `volumeMounts[0].name: Not found` (kubernetes: pkg/apis/core/validation).

    Fix: Add the volume to the Pod, name one that it has, or take the mount out together with its volume.
    """
    mounts = [(pod, *found) for pod in _pods(subject) for found in _mounts(pod)]
    if not mounts:
        yield NotApplicable()
    for pod, (path, mount), container in mounts:
        known = {str(volume.get("name")) for _, volume in _volumes(pod)} | _claim_templates(pod)
        name = mount.get("name")
        if isinstance(name, str) and name not in known:
            found = f"{name} in container {container}; the Pod has {', '.join(sorted(known)) or 'no volume'}"
            yield subject.breach(pod.manifest, (*path, "name"), found, "a volume of the Pod")


@check(severity=Severity.NOTE)
def volume_not_mounted(subject: Subject) -> Iterator[Result]:
    """A volume of a Pod is mounted by no container

    Why: The Pod waits for the volume all the same, and does not start without its Secret, ConfigMap or claim; most
    often the mount was taken out and the volume left behind.

    Fix: Delete the volume, or mount it.
    """
    pods = [pod for pod in _pods(subject) if _volumes(pod)]
    if not pods:
        yield NotApplicable()
    for pod in pods:
        mounted = {str(mount.get("name")) for (_, mount), _ in _mounts(pod)}
        for path, volume in _volumes(pod):
            name = volume.get("name")
            if isinstance(name, str) and name not in mounted:
                yield subject.breach(pod.manifest, (*path, "name"), f"{name} in no container", "a mount of it")


@check(severity=Severity.WARNING)
def variable_reference_unresolved(subject: Subject) -> Iterator[Result]:
    """A reference to a variable of the container leads nowhere

    Why: Kubernetes puts `$(NAME)` in only for variables that are known: for a variable's value those that stand before
    it in the list, never itself and never the image's own. Anything else stays in the text as it is (kubernetes:
    third_party/forked/golang/expansion).

    Fix: Define the variable, or move it up before the one that uses it; `$$(NAME)` writes the text itself.
    """
    containers = [(pod, path, body) for pod in _pods(subject) for path, body in _containers(pod)]
    if not any(_texts(path, body) for _, path, body in containers):
        yield NotApplicable()
    for pod, path, body in containers:
        from_elsewhere = _from_elsewhere(subject, pod, body)
        if from_elsewhere is None:
            continue
        for text_path, text, known, own in _texts(path, body):
            for name in dict.fromkeys(references(text)):
                if name in known | from_elsewhere or not _VARIABLE.fullmatch(name) or _is_linked(pod, name):
                    continue
                found = f"$({name}) in container {body.get('name')}; {_why_not(name, own, body)}"
                yield subject.breach(pod.manifest, text_path, found, "a variable that is known there")


def _texts(path: Path, body: dict[str, Any]) -> list[tuple[Path, str, set[str], str]]:
    """Every text with references: its path, the variables that it may name, and the one that it is the value of."""
    known: set[str] = set()
    found: list[tuple[Path, str, set[str], str]] = []
    for at, variable in _entries(body.get("env"), (*path, "env")):
        name, value = str(variable.get("name")), variable.get("value")
        if isinstance(value, str) and "$(" in value:
            found.append(((*at, "value"), value, set(known), name))
        known.add(name)
    for field in _FIELDS:
        listed = body.get(field)
        for index, text in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(text, str) and "$(" in text:
                found.append(((*path, field, index), text, known, ""))
    return found


def _from_elsewhere(subject: Subject, pod: PodTemplate, body: dict[str, Any]) -> set[str] | None:
    """The variables that envFrom brings; None where they are not all known."""
    graph, found = graph_of(subject), set[str]()
    for _, source in _entries(body.get("envFrom"), ()):
        for field, kind in _SOURCES.items():
            reference = source.get(field)
            name = reference.get("name") if isinstance(reference, dict) else None
            if isinstance(name, str):
                answer = graph.state_of(Target("", kind, pod.namespace, name))
                if answer.state is not State.PRESENT or any(one.keys is None for one in answer.definitions):
                    return None
                prefix = source.get("prefix") or ""
                found |= {f"{prefix}{key}" for one in answer.definitions for key in one.keys or ()}
    return found


def _is_linked(pod: PodTemplate, name: str) -> bool:
    """Whether the kubelet may set the variable for a Service of the namespace, as it does for the API server's."""
    is_on = pod.spec.get("enableServiceLinks") is not False
    return is_service_link(name) and (is_on or name.startswith("KUBERNETES_"))


def _why_not(name: str, own: str, body: dict[str, Any]) -> str:
    if name == own:
        return f"{name} names itself"
    defined = {str(variable.get("name")) for _, variable in _entries(body.get("env"), ())}
    return f"{name} is defined after {own}" if own and name in defined else f"nothing defines {name}"
