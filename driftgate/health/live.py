"""What was read of a cluster, ready to be asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from driftgate.health.fields import Json, Ref, integer, is_true, items, names, ref_of, text, time_of
from driftgate.health.trouble import said
from driftgate.model.manifest import dig

__all__ = ["Limits", "Live"]

_EVENTS_SHOWN = 3
Scope = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long something may last before it is told; the defaults are those of somebody who waits for a deploy.

    `pending` are the seconds in which a Pod may find a node, start and become ready, `rollout` the time in which a
    rollout may stand still (None: as long as its own deadline says), `memory` how long a kill for want of memory is
    told after the container runs again, `certificate` how long before its end a certificate is told, `quota` the
    percentage from which a ResourceQuota is told that has not refused anything yet.
    """

    pending: int = 0
    rollout: timedelta | None = None
    memory: timedelta = timedelta()
    certificate: timedelta = timedelta()
    quota: int | None = None


class Live:
    """Live objects by kind, name, owner and label, and the events about them, at one moment.

    `listed` names group, kind and namespace of every list that was read in full ("" for all namespaces), and of kinds
    that the cluster does not serve: only there does an object that is not among `objects` not exist.
    """

    def __init__(
        self, objects: Iterable[Json], listed: Collection[Scope], now: datetime, limits: Limits | None = None
    ) -> None:
        self.now = now
        self.limits = limits or Limits()
        self._listed = frozenset(listed)
        self._by_ref: dict[Ref, Json] = {ref_of(value): value for value in objects}

    @property
    def refs(self) -> Iterable[Ref]:
        """All objects that were read."""
        return self._by_ref

    def find(self, group: str, kind: str, namespace: str, name: str) -> Json | None:
        """The object of this name."""
        return self._by_ref.get((group, kind, namespace, name))

    def lacks(self, group: str, kind: str, namespace: str, name: str) -> bool:
        """Whether an object certainly does not exist: one that was not read may."""
        return (group, kind, namespace, name) not in self._by_ref and self.knows(group, kind, namespace)

    def knows(self, group: str, kind: str, namespace: str) -> bool:
        """Whether all objects of a kind in a namespace were read."""
        return (group, kind, namespace) in self._listed or (group, kind, "") in self._listed

    def all(self, group: str, kind: str, namespace: str | None = None) -> list[Json]:
        """The objects of a kind, by namespace and name."""
        found = self._by_kind.get((group, kind), [])
        return [each for each in found if namespace is None or text(each, "metadata", "namespace") == namespace]

    @cached_property
    def _by_kind(self) -> Mapping[tuple[str, str], list[Json]]:
        found: defaultdict[tuple[str, str], list[Json]] = defaultdict(list)
        for ref in sorted(self._by_ref):
            found[ref[:2]].append(self._by_ref[ref])
        return found

    def owner(self, value: Json) -> Ref | None:
        """The controller of an object, which may itself not have been read."""
        namespace = text(value, "metadata", "namespace")
        for each in items(value, "metadata", "ownerReferences"):
            if is_true(each, "controller"):
                group, slash, _version = text(each, "apiVersion").partition("/")
                return (group if slash else "", text(each, "kind"), namespace, text(each, "name"))
        return None

    def owners(self, value: Json) -> tuple[Ref, ...]:
        """Controller, controller's controller, and so on; a Pod's ReplicaSet, then its Deployment."""
        found: list[Ref] = []
        above: Json | None = value
        while above is not None and (ref := self.owner(above)) is not None and ref not in found:
            found.append(ref)
            above = self._by_ref.get(ref)
        return tuple(found)

    def owned(self, ref: Ref, group: str, kind: str) -> list[Json]:
        """The objects of a kind that another one controls, the newest first."""
        mine = [each for each in self.all(group, kind, ref[2]) if self.owner(each) == ref]
        return sorted(mine, key=lambda each: text(each, "metadata", "creationTimestamp"), reverse=True)

    def pods_of(self, ref: Ref) -> list[Json]:
        """The Pods that belong to a workload, by whatever controllers between."""
        return [pod for pod in self.all("", "Pod", ref[2]) if ref in self.owners(pod)]

    def selected(self, selector: Any, namespace: str) -> list[Json]:
        """The Pods of a namespace that carry all of these labels."""
        return [pod for pod in self.all("", "Pod", namespace) if carries(dig(pod, ("metadata", "labels")), selector)]

    def age(self, value: Json) -> timedelta:
        """How long an object has been there."""
        return self.since(value, "metadata", "creationTimestamp")

    def since(self, value: Json, *path: str | int) -> timedelta:
        """How long ago a moment was; no time at all where none is written."""
        moment = time_of(value, *path)
        return self.now - moment if moment else timedelta()

    def is_old(self, value: Json, seconds: int) -> bool:
        """Whether an object has been there for longer than it should take somebody to look at it."""
        return self.age(value) > timedelta(seconds=max(seconds, self.limits.pending))

    def is_young(self, value: Json) -> bool:
        """Whether an object is within the time that it may take to come to life; never where no time is given."""
        return self.age(value) < timedelta(seconds=self.limits.pending)

    def events(self, value: Json, *reasons: str) -> list[Json]:
        """The events about an object, of these reasons where any is named, the newest first."""
        _group, kind, namespace, name = ref_of(value)
        uid = text(value, "metadata", "uid")
        mine = [
            event
            for event in self._events.get((kind, namespace, name), ())
            # An object of the same name that is gone had events too.
            if not uid or text(event, "involvedObject", "uid") in ("", uid)
        ]
        chosen = [event for event in mine if not reasons or text(event, "reason") in reasons]
        return sorted(chosen, key=_moment, reverse=True)

    def told(self, value: Json, *reasons: str) -> tuple[str, ...]:
        """What the newest events of these reasons say, each message once."""
        messages = {text(event, "message"): event for event in reversed(self.events(value, *reasons))}
        newest = sorted(messages.values(), key=_moment, reverse=True)[:_EVENTS_SHOWN]
        return tuple(said(f"event {text(event, 'reason')}{_times(event)}", text(event, "message")) for event in newest)

    @cached_property
    def _events(self) -> Mapping[tuple[str, str, str], list[Json]]:
        found: defaultdict[tuple[str, str, str], list[Json]] = defaultdict(list)
        for event in self.all("", "Event"):
            about = dig(event, ("involvedObject",)) or {}
            found[text(about, "kind"), text(about, "namespace"), text(about, "name")].append(event)
        return found

    def secrets_of(self, pod: Json) -> Iterator[str]:
        """The pull secrets of a Pod, by name."""
        for each in items(pod, "spec", "imagePullSecrets"):
            if name := text(each, "name"):
                yield name

    def finalizers(self, value: Json) -> list[str]:
        """What has to be done before an object may go."""
        return names(value, "metadata", "finalizers")


def carries(labels: Any, selector: Any) -> bool:
    """Whether labels have all that a Service's selector asks for; an empty selector asks for nobody."""
    if not isinstance(selector, dict) or not selector or not isinstance(labels, dict):
        return False
    return all(labels.get(key) == value for key, value in selector.items())


def _moment(event: Json) -> str:
    """When an event was last seen; the API writes moments so that they sort as text."""
    seen = (
        text(event, "series", "lastObservedTime"),
        text(event, "lastTimestamp"),
        text(event, "eventTime"),
        text(event, "metadata", "creationTimestamp"),
    )
    return max(seen)


def _times(event: Json) -> str:
    count = max(integer(event, "count"), integer(event, "series", "count"))
    return f" ({count} times)" if count > 1 else ""
