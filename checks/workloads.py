"""What runs in the Pods: resources, replicas, probes; and how it is reached. Images have a topic of their own."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from driftgate.judge import Breach, NotApplicable, Result, Subject, Unchecked, check
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Related
from driftgate.policy import Section, setting
from driftgate.semantics.images import Image, parse_image
from driftgate.semantics.quantity import parse_quantity

POLICY: dict[str, type[Section]] = {}
PullPolicy = Literal["Always", "IfNotPresent", "Never"]
Probe = Literal["liveness", "readiness", "startup"]
ProbeKind = Literal["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Rollout", "Pod"]
ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]
_BLOCKS = ("requests", "limits")
_RESOURCES = ("cpu", "memory")
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
_SCALED = {
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "ReplicaSet"),
    ("", "ReplicationController"),
    ("argoproj.io", "Rollout"),
}
_SCALERS = {("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")}
# Byte amounts: a fraction of a byte is nothing a node can give.
_BYTES = re.compile(r"memory|storage|ephemeral-storage|hugepages-.*|sizeLimit")
_MAX_SHOWN = 120
_FITS: dict[str, Callable[[Any, Any], bool]] = {"exact": operator.eq, "minimum": operator.ge, "maximum": operator.le}
_ATTRIBUTES = {
    "imagePullPolicies": "image_pull_policies",
    "imageRegistries": "image_registries",
    "mutableTags": "mutable_tags",
}


@dataclass(frozen=True, slots=True)
class Amount(Section):
    """What one quantity must be; an entry by itself asks that it is set."""

    required: bool = setting(True, "Whether it has to be set.")
    exact: str | int | float | None = setting(None, "The quantity it must equal, however it is written.")
    minimum: str | int | float | None = setting(None, "The smallest quantity it may be.")
    maximum: str | int | float | None = setting(None, "The largest quantity it may be.")


@dataclass(frozen=True, slots=True)
class Amounts(Section):
    """The quantities of one block of resources."""

    cpu: Amount | None = setting(None, "CPU.")
    memory: Amount | None = setting(None, "Memory.")


@dataclass(frozen=True, slots=True)
class Resources(Section):
    """The resources of a container."""

    requests: Amounts = setting(Amounts(), "What the scheduler sets aside.")
    limits: Amounts = setting(Amounts(), "What the container may use.")


@dataclass(frozen=True, slots=True)
class ContainerRules(Section):
    """What a container must be; what is left out is free."""

    resources: Resources = setting(Resources(), "Requests and limits.")
    image_pull_policies: tuple[PullPolicy, ...] | None = setting(None, "The allowed pull policies.")
    image_registries: tuple[str, ...] | None = setting(
        None, "Where images may come from: a registry, or a path of one such as registry.example.com/team."
    )
    mutable_tags: tuple[str, ...] | None = setting(
        None, "Tags that are pushed again and again, as patterns with *; an image without tag is latest."
    )
    probes: tuple[Probe, ...] | None = setting(None, "The probes it must have; init containers need none.")


@dataclass(frozen=True, slots=True)
class Replicas(Section):
    """How many replicas a workload must have."""

    exact: int | None = setting(None, "The number it must have.")
    minimum: int | None = setting(None, "The lowest number it may have.")
    maximum: int | None = setting(None, "The highest number it may have.")


@dataclass(frozen=True, slots=True)
class Workloads(ContainerRules):
    """What runs: for all containers, and for single ones by their name."""

    containers: dict[str, ContainerRules] = setting({}, "Rules of single containers, laid over those of all.")
    replicas: Replicas = setting(Replicas(), "The replicas of each workload that has them.")
    probe_kinds: tuple[ProbeKind, ...] = setting(
        ("Deployment", "StatefulSet", "DaemonSet"), "The kinds whose containers must have the probes."
    )
    service_types: tuple[ServiceType, ...] | None = setting(None, "The allowed types of Services.")


POLICY["workloads"] = Workloads


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a Pod template, and where it stands in the manifest."""

    manifest: Manifest
    path: Path
    body: dict[str, Any]
    init: bool

    @property
    def name(self) -> str:
        """Its name, or the empty text."""
        name = self.body.get("name")
        return name if isinstance(name, str) else ""

    @property
    def title(self) -> str:
        """How a finding calls it."""
        return f"{'init container' if self.init else 'container'} {self.name or '(unnamed)'}"

    @property
    def image_text(self) -> str | None:
        """The image as written."""
        text = self.body.get("image")
        return text if isinstance(text, str) else None

    @property
    def image(self) -> Image | None:
        """The image as a kubelet reads it; None for one that it refuses."""
        return None if self.image_text is None else parse_image(self.image_text)

    def amount(self, block: str, resource: str) -> Any:
        """A request or limit as written."""
        return dig(self.body, ("resources", block, resource))

    def pod_amount(self, block: str, resource: str) -> Any:
        """What the Pod as a whole sets, which then counts for its containers together."""
        return dig(self.manifest.object, (*self.path[:-2], "resources", block, resource))


def containers_of(manifests: Iterable[Manifest]) -> Iterator[Container]:
    """Every container of the manifests' Pods, init containers included."""
    for manifest in manifests:
        spec = manifest.pod_spec_path
        for block in ("initContainers", "containers") if spec is not None else ():
            path = (*(spec or ()), block)
            listed = manifest.get(*path)
            for index, body in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(body, dict):
                    yield Container(manifest, (*path, index), body, block == "initContainers")


@dataclass(frozen=True, slots=True)
class Ruled:
    """A container, what policy asks of it in one respect, and where policy says so."""

    container: Container
    rule: Any
    related: tuple[Related, ...]


def ruled_by(subject: Subject, *keys: str) -> list[Ruled]:
    """The containers that policy asks something of: their own rule where they have one, else that of all."""
    section = subject.section(Workloads)
    ruled = []
    for container in containers_of(subject.manifests):
        own = _rule(section.containers.get(container.name), keys)
        rule = own if own is not None else _rule(section, keys)
        if rule is not None:
            prefix = ("containers", container.name) if own is not None else ()
            ruled.append(Ruled(container, rule, subject.policy_entry("workloads", *prefix, *keys)))
    return ruled


def _rule(rules: ContainerRules | None, keys: tuple[str, ...]) -> Any:
    value: Any = rules
    for key in keys:
        value = getattr(value, _ATTRIBUTES.get(key, key), None)
    return value


def _amounts(subject: Subject) -> Iterator[tuple[Ruled, tuple[str, str]]]:
    """Every rule about a quantity, with the block and the resource that it speaks of."""
    for block in _BLOCKS:
        for resource in _RESOURCES:
            for ruled in ruled_by(subject, "resources", block, resource):
                yield ruled, (block, resource)


def with_related(breach: Breach, related: tuple[Related, ...]) -> Breach:
    """A breach with further places that prove it."""
    return replace(breach, related=(*breach.related, *related))


@check()
def resources_missing(subject: Subject) -> Iterator[Result]:
    """A container lacks a request or limit that policy asks for

    Why: Without a request the scheduler places the Pod as if it used nothing; without a limit one container can take
    the whole node, and everything else on it pays.

    Fix: Set the quantity in the values of the environment, or say in policy that this container needs none.
    """
    asked = [(ruled, where) for ruled, where in _amounts(subject) if ruled.rule.required]
    if not asked:
        yield NotApplicable()
    for ruled, where in asked:
        container = ruled.container
        if container.amount(*where) is None and container.pod_amount(*where) is None:
            yield with_related(_missing(subject, container, *where, ruled.rule), ruled.related)


def _missing(subject: Subject, container: Container, block: str, resource: str, amount: Amount) -> Breach:
    found = f"no {block}.{resource} in {container.title}"
    limit = container.amount("limits", resource)
    if block == "requests" and limit is not None:
        found += f"; Kubernetes takes the limit, {shown(limit)}"
    expected = f"{block}.{resource} {_wanted(amount)}".strip()
    path = (*container.path, "resources", block, resource)
    return subject.breach(container.manifest, path, found, expected, anchor=_beside(container, block, resource))


def _beside(container: Container, block: str, resource: str) -> Path | None:
    """The nearest quantity that is set: its values line is where the missing one belongs."""
    if container.manifest.node is not None:
        return None
    other_block = _BLOCKS[_BLOCKS[0] == block]
    other = _RESOURCES[_RESOURCES[0] == resource]
    for where in ((block, other), (other_block, resource), (other_block, other)):
        if container.amount(*where) is not None:
            return (*container.path, "resources", *where)
    return None


def _wanted(amount: Amount | Replicas) -> str:
    words = {"exactly": amount.exact, "at least": amount.minimum, "at most": amount.maximum}
    return ", ".join(f"{word} {value}" for word, value in words.items() if value is not None)


@check()
def resources_out_of_policy(subject: Subject) -> Iterator[Result]:
    """A container's request or limit is not what policy gives it

    Why: The figures of an environment are a decision about its nodes and their cost. They are compared as quantities,
    so that 0.5 and 500m are the same.

    Fix: Set the figure that policy names, or change the policy with its reason.
    """
    asked = [(ruled, where) for ruled, where in _amounts(subject) if _wanted(ruled.rule)]
    if not asked:
        yield NotApplicable()
    for ruled, where in asked:
        yield from _out_of_policy(subject, ruled, where)


def _out_of_policy(subject: Subject, ruled: Ruled, where: tuple[str, str]) -> Iterator[Result]:
    container, amount = ruled.container, ruled.rule
    manifest, path = container.manifest, (*container.path, "resources", *where)
    texts = {name: getattr(amount, name) for name in _FITS if getattr(amount, name) is not None}
    bounds = {name: parse_quantity(text) for name, text in texts.items()}
    unreadable = [f"{name} {texts[name]}" for name, bound in bounds.items() if bound is None]
    if unreadable:
        found = f"policy says {', '.join(unreadable)}"
        place = ruled.related[0].place
        yield Unchecked(place, found, "a Kubernetes quantity", manifest.object_id, manifest.field(*path))
        return
    value = container.amount(*where)
    quantity = _quantity(value)
    if quantity is None:
        return  # missing or invalid: checks of their own
    if not all(_FITS[name](quantity, bound) for name, bound in bounds.items()):
        found = f"{field_path(where)} {shown(value)} in {container.title}"
        yield with_related(subject.breach(manifest, path, found, _wanted(amount)), ruled.related)


def _quantity(value: Any) -> Any:
    return parse_quantity(value) if isinstance(value, str | int | float) else None


def shown(value: Any) -> str:
    """A value for a message: a quantity bare, other text in quotes, structures by their type."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    bare = not isinstance(value, bool) and _quantity(value) is not None
    return (str(value) if bare else repr(value))[:_MAX_SHOWN]


@check()
def requests_above_limits(subject: Subject) -> Iterator[Result]:
    """A container requests more than its limit

    Why: The API server refuses the Pod: a request must be less than or equal to its limit (kubernetes:
    pkg/apis/core/validation). A Deployment is accepted all the same, and then never starts a Pod.

    Fix: Lower the request, or raise the limit.
    """
    holders = list(_holders(subject))
    if not any(dig(manifest.object, (*path, "resources")) for manifest, path, _ in holders):
        yield NotApplicable()
    for manifest, path, title in holders:
        requests = dig(manifest.object, (*path, "resources", "requests"))
        for resource, value in requests.items() if isinstance(requests, dict) else ():
            limit_path = (*path, "resources", "limits", resource)
            limit = manifest.get(*limit_path)
            request, bound = _quantity(value), _quantity(limit)
            if request is None or bound is None or request <= bound:
                continue
            found = f"requests.{resource} {shown(value)}, limits.{resource} {shown(limit)} in {title}"
            place, _ = subject.cause(manifest, *limit_path)
            breach = subject.breach(
                manifest, (*path, "resources", "requests", resource), found, f"at most {shown(limit)}"
            )
            yield with_related(breach, (Related(place, "the limit"),))


def _holders(subject: Subject) -> Iterator[tuple[Manifest, Path, str]]:
    """Everything that has resources: each container, and the Pod as a whole."""
    for container in containers_of(subject.manifests):
        yield container.manifest, container.path, container.title
    for manifest in subject.manifests:
        if manifest.pod_spec_path is not None:
            yield manifest, manifest.pod_spec_path, "the Pod"


@check()
def quantity_invalid(subject: Subject) -> Iterator[Result]:
    """A quantity is none that Kubernetes can use

    Why: The API server refuses what it cannot read and what is below zero (apimachinery: pkg/api/resource,
    kubernetes: pkg/apis/core/validation). A fraction of a byte, such as 512m of memory, is read and of no use.

    Fix: Write a number with an optional suffix: m for thousandths of a CPU; Ki, Mi, Gi or k, M, G for bytes.
    """
    found = [entry for manifest in subject.manifests for entry in _quantities(manifest)]
    if not found:
        yield NotApplicable()
    for manifest, path, value in found:
        fault = _quantity_fault(str(path[-1]), value)
        if fault:
            text = f"{field_path(path[-2:])} {shown(value)} {fault}"
            yield subject.breach(manifest, path, text, "a quantity such as 500m or 512Mi")


@check()
def resource_name_unknown(subject: Subject) -> Iterator[Result]:
    """A request or limit is for a resource that there is not

    Why: A name without a domain must be one of Kubernetes' own, so the API server refuses the Pod over a misspelt one
    (kubernetes: pkg/apis/core/validation `ValidateContainerResourceName`); what was meant keeps its default meanwhile.

    Fix: Correct the name, or give that of an extended resource its domain, as in nvidia.com/gpu.
    """
    found = [entry for manifest in subject.manifests for entry in _quantities(manifest) if entry[1][-2] in _BLOCKS]
    if not found:
        yield NotApplicable()
    for manifest, path, _ in found:
        name, known = str(path[-1]), _known_resources(manifest, path)
        if name not in known and "/" not in name and not name.startswith("hugepages-"):
            near = difflib.get_close_matches(name, known, n=1)
            expected = near[0] if near else f"{' or '.join(known)}, or a name with a domain"
            yield subject.breach(manifest, path, field_path(path[-2:]), expected)


def _known_resources(manifest: Manifest, path: Path) -> tuple[str, ...]:
    """The resources that a container, or a volume claim, may ask for by a name without a domain."""
    is_claim = manifest.kind == "PersistentVolumeClaim" or not {
        "volumeClaimTemplate",
        "volumeClaimTemplates",
    }.isdisjoint(path)
    return ("storage",) if is_claim else ("cpu", "memory", "ephemeral-storage")


def _quantities(manifest: Manifest) -> Iterator[tuple[Manifest, Path, Any]]:
    """Every quantity of a workload and of its volumes, with its path; null counts as not set."""
    for path in _amount_blocks(manifest):
        block = manifest.get(*path)
        for name, value in block.items() if isinstance(block, dict) else ():
            if value is not None:
                yield manifest, (*path, name), value
    for path in _elements(manifest, manifest.pod_spec_path, "volumes"):
        value = manifest.get(*path, "emptyDir", "sizeLimit")
        if value is not None:
            yield manifest, (*path, "emptyDir", "sizeLimit"), value


def _amount_blocks(manifest: Manifest) -> Iterator[Path]:
    """The paths of all `requests` and `limits`: of containers, of the Pod, of volume claims."""
    spec = manifest.pod_spec_path
    holders = [*_elements(manifest, spec, "initContainers"), *_elements(manifest, spec, "containers")]
    holders += [spec] if spec is not None else []
    claims = [*_elements(manifest, ("spec",), "volumeClaimTemplates")]
    claims += [(*path, "ephemeral", "volumeClaimTemplate") for path in _elements(manifest, spec, "volumes")]
    claims += [()] if (manifest.group, manifest.kind) == ("", "PersistentVolumeClaim") else []
    for holder in [*holders, *((*claim, "spec") for claim in claims)]:
        for block in _BLOCKS:
            yield (*holder, "resources", block)


def _elements(manifest: Manifest, path: Path | None, key: str) -> list[Path]:
    if path is None:
        return []
    listed = manifest.get(*path, key)
    return [(*path, key, index) for index in range(len(listed) if isinstance(listed, list) else 0)]


def _quantity_fault(resource: str, value: Any) -> str:
    quantity = _quantity(value)
    if quantity is None:
        return "is no quantity"
    if quantity < 0:
        return "is below zero"
    return "is not a whole number of bytes" if quantity.denominator != 1 and _BYTES.fullmatch(resource) else ""


@check()
def replicas_out_of_policy(subject: Subject) -> Iterator[Result]:
    """A workload has another number of replicas than policy gives it

    Why: One replica is what a small environment can pay for, two are what survives a node. Without the field
    Kubernetes takes 1, except where an autoscaler decides.

    Fix: Set the number that policy names, or change the policy with its reason.
    """
    rule = subject.section(Workloads).replicas
    wanted = _wanted(rule)
    workloads = [manifest for manifest in subject.manifests if (manifest.group, manifest.kind) in _SCALED]
    judged = [manifest for manifest in workloads if not _is_autoscaled(subject, manifest)]
    if not wanted or not judged:
        yield NotApplicable()
        return
    for manifest in judged:
        value = manifest.get("spec", "replicas")
        count = 1 if value is None else value
        if not _fits(count, rule):
            found = "no replicas, which is 1" if value is None else f"replicas {shown(value)}"
            breach = subject.breach(manifest, ("spec", "replicas"), found, wanted)
            yield with_related(breach, subject.policy_entry("workloads", "replicas"))


def _fits(count: Any, rule: Replicas) -> bool:
    if not isinstance(count, int) or isinstance(count, bool):
        return False
    low = rule.minimum if rule.minimum is not None else count
    high = rule.maximum if rule.maximum is not None else count
    return low <= count <= high and rule.exact in (None, count)


def _is_autoscaled(subject: Subject, workload: Manifest) -> bool:
    """Whether the number is left to an autoscaler: one aims at the workload, which says no number itself."""
    if workload.get("spec", "replicas") is not None:
        return False
    return any(
        (scaler.group, scaler.kind) in _SCALERS
        and scaler.target_namespace == workload.target_namespace
        and scaler.get("spec", "scaleTargetRef", "name") == workload.name
        and scaler.get("spec", "scaleTargetRef", "kind") in (workload.kind, None)
        for scaler in subject.manifests
    )


@check()
def probe_missing(subject: Subject) -> Iterator[Result]:
    """A container lacks a probe that policy asks for

    Why: Without a readiness probe a Pod gets traffic before it can answer; without a liveness probe one that hangs is
    never restarted; without a startup probe a slow start looks like a hang.

    Fix: Add the probe with a handler (httpGet, tcpSocket, grpc or exec), or say in policy that this container has none.
    """
    kinds = subject.section(Workloads).probe_kinds
    asked = [
        ruled
        for ruled in ruled_by(subject, "probes")
        if ruled.rule and not ruled.container.init and ruled.container.manifest.kind in kinds
    ]
    if not asked:
        yield NotApplicable()
    for ruled in asked:
        container = ruled.container
        for probe in ruled.rule:
            if not _has_handler(container.body.get(f"{probe}Probe")):
                path = (*container.path, f"{probe}Probe")
                found = f"no {probe} probe in {container.title}"
                yield with_related(subject.breach(container.manifest, path, found, f"a {probe} probe"), ruled.related)


def _has_handler(probe: Any) -> bool:
    return isinstance(probe, dict) and any(probe.get(handler) is not None for handler in _HANDLERS)


@check()
def service_type_unexpected(subject: Subject) -> Iterator[Result]:
    """A Service is of a type that policy does not allow

    Why: A NodePort or LoadBalancer opens a way into the cluster past the Ingress and its TLS, and may cost money.

    Fix: Make it a ClusterIP behind the Ingress, or add the type to policy with its reason.
    """
    allowed = subject.section(Workloads).service_types
    services = [manifest for manifest in subject.manifests if (manifest.group, manifest.kind) == ("", "Service")]
    if allowed is None or not services:
        yield NotApplicable()
        return
    for manifest in services:
        value = manifest.get("spec", "type")
        effective = "ClusterIP" if value in (None, "") else value
        if effective not in allowed:
            found = f"type {shown(effective)}" + (", because none is set" if value != effective else "")
            breach = subject.breach(manifest, ("spec", "type"), found, " or ".join(allowed))
            yield with_related(breach, subject.policy_entry("workloads", "serviceTypes"))
