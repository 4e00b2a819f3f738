"""Namespaces that are on their way out, and ResourceQuotas that refuse Pods."""

from __future__ import annotations

import re
from collections.abc import Iterator

from driftgate.health.fields import Json, conditions, ref_of, text
from driftgate.health.live import Live
from driftgate.health.trouble import Family, Trouble, said, trouble_at
from driftgate.model.manifest import dig
from driftgate.semantics.quantity import parse_quantity

__all__ = ["namespace_troubles"]

_REFUSED = re.compile(r"(?:exceeded|failed) quota: ([^:,\s]+)")
_MAKERS = (("apps", "Deployment"), ("apps", "ReplicaSet"))


def namespace_troubles(live: Live) -> Iterator[Trouble]:
    """What concerns a namespace as a whole."""
    for namespace in live.all("", "Namespace"):
        if dig(namespace, ("metadata", "deletionTimestamp")) is not None:
            yield _terminating(namespace)
    refusals = dict(_refusals(live))
    for quota in live.all("", "ResourceQuota"):
        _group, _kind, space, name = ref_of(quota)
        if message := refusals.get((space, name)):
            yield _exhausted(quota, message)
        elif live.limits.quota is not None and (used_up := dict(_used_up(quota, live.limits.quota))):
            step = f"Raise the quota, or ask for less in the values: kubectl describe resourcequota {name} -n {space}"
            what = f"is used up: {', '.join(used_up.values())}"
            field = ("spec", "hard", next(iter(used_up)))
            yield trouble_at(quota, what, (), step, family=Family.QUOTA_EXHAUSTED, field=field)


def _terminating(namespace: Json) -> Trouble:
    """What holds it, by the conditions of the namespace controller (Kubernetes `namespaced_resources_deleter.go`)."""
    holding = [each for each in conditions(namespace) if text(each, "status") == "True"]
    evidence = tuple(said(f"condition {text(each, 'type')}", text(each, "message")) for each in holding)
    name = text(namespace, "metadata", "name")
    return trouble_at(
        namespace,
        "is being deleted: nothing can be made in it, and what is in it goes",
        evidence or (f"since {text(namespace, 'metadata', 'deletionTimestamp')}",),
        f"Wait until it is gone: kubectl get namespace {name} -o yaml names what holds it; deploy again afterwards.",
        family=Family.NAMESPACE_TERMINATING,
    )


def _refusals(live: Live) -> Iterator[tuple[tuple[str, str], str]]:
    for group, kind in _MAKERS:
        for maker in live.all(group, kind):
            failed = [each for each in conditions(maker) if text(each, "type") == "ReplicaFailure"]
            for message in (text(each, "message") for each in failed if text(each, "status") == "True"):
                for name in _REFUSED.findall(message):
                    yield (text(maker, "metadata", "namespace"), name), message


def _used_up(quota: Json, percent: int) -> Iterator[tuple[str, str]]:
    """What of a quota is used to this percentage or beyond; what it forbids altogether is used by nobody."""
    hard, used = (dig(quota, ("status", field)) or {} for field in ("hard", "used"))
    for name, limit in sorted(hard.items()):
        most, now = parse_quantity(limit), parse_quantity(used.get(name, "0"))
        if most and now is not None and now * 100 >= most * percent:
            yield name, f"{used.get(name)} of {limit} {name}"


def _exhausted(quota: Json, message: str) -> Trouble:
    hard, used = (dig(quota, ("status", field)) or {} for field in ("hard", "used"))
    lines = [f"{name}: {used.get(name, 0)} of {limit} used" for name, limit in sorted(hard.items())]
    _group, _kind, namespace, name = ref_of(quota)
    # Not hopeless: what uses it up may go.
    return trouble_at(
        quota,
        "leaves no room for more Pods",
        (said("the API server", message), *lines),
        f"Raise the quota, or ask for less in the values: kubectl describe resourcequota {name} -n {namespace}",
        family=Family.QUOTA_EXHAUSTED,
    )
