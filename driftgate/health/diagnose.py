"""All that is wrong, one trouble for each cause: what follows from another trouble is told with that one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from driftgate.health import certificates, external_secrets
from driftgate.health.certificates import certificate_troubles
from driftgate.health.external_secrets import external_secret_troubles
from driftgate.health.fields import Ref
from driftgate.health.ingresses import ingress_troubles
from driftgate.health.judge import health_of
from driftgate.health.live import Live
from driftgate.health.namespaces import namespace_troubles
from driftgate.health.pods import pod_troubles
from driftgate.health.services import service_troubles
from driftgate.health.trouble import Trouble, said, trouble_at
from driftgate.health.verdict import Status
from driftgate.health.volumes import volume_troubles
from driftgate.health.workloads import workload_troubles

__all__ = ["by_cause", "troubles", "troubles_by_cause"]

# Causes first: where two troubles are told of one object, the first is its trouble.
_TOPICS = (
    namespace_troubles,
    external_secret_troubles,
    certificate_troubles,
    volume_troubles,
    pod_troubles,
    workload_troubles,
    service_troubles,
    ingress_troubles,
)


def troubles(live: Live, ours: Collection[Ref]) -> list[Trouble]:
    """Every trouble that touches one of our objects: by itself, through what it owns, or through what follows.

    `ours` are the objects that were asked for. What is wrong with the store of an ExternalSecret is told once, with
    the ExternalSecrets, Pods and Services that suffer from it.
    """
    return [_with_followers(cause, followers) for cause, followers in troubles_by_cause(live, ours)]


def troubles_by_cause(live: Live, ours: Collection[Ref]) -> list[tuple[Trouble, list[Trouble]]]:
    """The same, each with the troubles that follow from it, as they are by themselves."""
    found = [trouble for topic in _TOPICS for trouble in topic(live)]
    found += _unexplained(live, ours, found)
    groups = by_cause(found, _causes(live))
    wanted = frozenset(ours)
    return [
        (cause, followers)
        for cause, followers in groups
        if any(_touches(live, wanted, each) for each in (cause, *followers))
    ]


def _touches(live: Live, ours: frozenset[Ref], trouble: Trouble) -> bool:
    for ref in trouble.objects:
        value = live.find(*ref)
        if ref in ours or (value is not None and any(owner in ours for owner in live.owners(value))):
            return True
    return False


def _unexplained(live: Live, ours: Collection[Ref], found: Sequence[Trouble]) -> Iterator[Trouble]:
    """Our objects that are unwell by Argo CD's rules and of which no topic knows more."""
    told = {ref for trouble in found for ref in trouble.objects}
    for ref in ours:
        value = live.find(*ref)
        health = health_of(value) if value is not None else None
        if value is None or health is None or ref in told:
            continue
        if health.status in (Status.DEGRADED, Status.UNKNOWN, Status.SUSPENDED):
            _group, kind, namespace, name = ref
            flag = f" -n {namespace}" if namespace else ""
            paused = health.status is Status.SUSPENDED
            step = (
                f"kubectl rollout resume {kind.lower()} {name}{flag}"
                if paused and kind == "Deployment"
                else f"Look closer: kubectl describe {kind.lower()} {name}{flag}"
            )
            yield trouble_at(
                value, f"is {health.status.value}", (said("Argo CD", health.message),), step, hopeless=paused
            )


def _causes(live: Live) -> Mapping[Ref, tuple[Ref, ...]]:
    """What makes each Secret: somebody who lacks the Secret suffers from what keeps it from being made."""
    found: defaultdict[Ref, list[Ref]] = defaultdict(list)
    for producers in (external_secrets.secret_producers(live), certificates.secret_producers(live)):
        for secret, producer in producers:
            found[secret].append(producer)
    return {secret: tuple(producers) for secret, producers in found.items()}


def by_cause(
    found: Sequence[Trouble], makers: Mapping[Ref, tuple[Ref, ...]]
) -> Iterator[tuple[Trouble, list[Trouble]]]:
    """Each trouble that has no other one for its cause, with all those that have it for theirs."""
    first: dict[Ref, Trouble] = {}
    for trouble in found:
        for ref in (trouble.ref, *trouble.objects):
            first.setdefault(ref, trouble)
    roots: dict[int, int] = {}
    number = {id(trouble): position for position, trouble in enumerate(found)}
    for trouble in found:
        roots[number[id(trouble)]] = number[id(_root(trouble, first, makers))]
    for position, trouble in enumerate(found):
        if roots[position] == position:
            yield trouble, [found[other] for other, root in roots.items() if root == position and other != position]


def _root(trouble: Trouble, first: Mapping[Ref, Trouble], makers: Mapping[Ref, tuple[Ref, ...]]) -> Trouble:
    """The cause behind a trouble; of those that have each other for a cause, the one that is met again."""
    seen = [trouble]
    while True:
        above = next(_above(seen[-1], first, makers), None)
        if above is None:
            return seen[-1]
        ring = next((seen[number:] for number, each in enumerate(seen) if each is above), None)
        if ring is not None:
            return min(ring, key=lambda each: each.ref)
        seen.append(above)


def _above(trouble: Trouble, first: Mapping[Ref, Trouble], makers: Mapping[Ref, tuple[Ref, ...]]) -> Iterator[Trouble]:
    """Troubles of the namespace and of the objects because of which this one may have come."""
    candidates = [
        ("", "Namespace", "", trouble.namespace),
        *(maker for ref in trouble.because for maker in makers.get(ref, ())),
        *trouble.because,
    ]
    for ref in candidates:
        cause = first.get(ref)
        if cause is not None and cause is not trouble:
            yield cause


def _with_followers(cause: Trouble, followers: Iterable[Trouble]) -> Trouble:
    lines = tuple(f"{each.title}: {each.what}" for each in followers)
    return replace(
        cause,
        follows=lines,
        objects=cause.objects.union(*(each.objects for each in followers)),
    )
