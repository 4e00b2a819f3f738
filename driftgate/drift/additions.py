"""Nobody's fields: what somebody has added to a live object, and what Argo CD says nothing of.

Argo CD compares what Git renders with what is live, so a key or an element that only the live object has is no
difference to it. Most of them are nobody's doing: defaults, addresses and revisions that the API server and the
controllers fill in. What is left is told by who wrote it, and where that is not known, only what no program fills in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from driftgate.compare import ABSENT, CompareError, Rules, Step, predict, written_path
from driftgate.compare.defaults import with_defaults
from driftgate.compare.differences import masked
from driftgate.compare.engine import object_type
from driftgate.compare.go_types import Field, GoType, Listing, Mapped, Struct, pointed_to
from driftgate.compare.ignore import IgnoreRules
from driftgate.compare.objects import opened
from driftgate.compare.values import Json, equal
from driftgate.drift.owners import Hold, Writer, WriterKind, all_writers, holders, value_at

__all__ = ["Addition", "additions"]


@dataclass(frozen=True, slots=True)
class Addition:
    """One field that only the live object has: the topmost of a branch, with its value and who wrote it.

    The value of a Secret is `SecretValue`. `writers` are newest first, and none where the object does not say.
    `desired` is what Git has there all the same: a `false`, 0 or empty value, which Argo CD drops before it compares.
    """

    path: tuple[Step, ...]
    live: Any
    writers: tuple[Writer, ...]
    desired: Any = ABSENT

    @property
    def field(self) -> str:
        """The path as it is written: `spec.template.spec.containers[name=proxy]`."""
        return written_path(self.path)


#: Of the metadata, what people write.
_METADATA = frozenset({"annotations", "finalizers", "labels"})
#: Labels and annotations of these domains are for programs to write, and for people only where it is known of one.
_OF_KUBERNETES = (".kubernetes.io", ".k8s.io")
#: Keys that the API server writes into a Job for whoever creates it.
_OF_JOBS = frozenset({"controller-uid", "job-name"})
#: Annotations that the API server itself writes, under no domain.
_OF_SERVER = frozenset({"deprecated.daemonset.template.generation"})
#: Whoever writes these, they are part of a delivery.
_OF_DELIVERY = ("argocd.argoproj.io/", "kubectl.kubernetes.io/last-applied-configuration", "meta.helm.sh/")
#: The volume of the token that every Pod gets.
_TOKEN_VOLUME = "kube-api-access-"  # noqa: S105  (the name of a volume)


def additions(desired: Json, live: Json, rules: Rules) -> tuple[Addition, ...]:
    """What the live object has and a sync would leave there, sorted by path; nothing where that cannot be told.

    Left out are defaults of the API server, status, what controllers write, and what an ignore rule names. The objects
    are as `compare` takes them. Without managed fields only that is told which no program fills in.
    """
    plain = replace(rules, server_side=False)
    try:
        told = _Telling(desired, live, all_writers(live), frozenset(_trusted(desired, rules)))
        if not _may_have_any(told):
            return ()
        kept = predict(desired, live, plain).predicted
        wanted = predict(desired, None, plain).predicted
        assert kept is not None
        assert wanted is not None
        kind = object_type(wanted)
        filled = wanted if kind is None else with_defaults(wanted, kind)
    except CompareError:
        return ()
    shown = masked(kept, rules.sensitive_annotations)
    found = [
        Addition(path, value_at(shown, path), writers, asked)
        for path, certain in _of_objects(kept, wanted, filled, kind)
        for asked in [value_at(desired, path)]
        # Beside what Git says no program fills in anything.
        if (writers := told.writers_of(path, certain=certain or asked is not ABSENT)) is not None
        and (certain or asked is not ABSENT or not _is_default(live, path, kind))
    ]
    return tuple(sorted(found, key=lambda addition: addition.field))


def _is_default(live: Json, path: tuple[Step, ...], kind: Struct | None) -> bool:
    """Whether the API server would fill in the same value beside what else the live object has."""
    if kind is None:
        return False
    rest = opened(live)
    try:
        return equal(value_at(with_defaults(_without(rest, path), kind), path), value_at(rest, path))
    except CompareError:
        return False


def _without(value: Any, path: tuple[Step, ...]) -> Any:
    """A copy without what stands at a path of maps and of elements by their keys."""
    step, *rest = path
    if isinstance(value, dict) and isinstance(step, str):
        kept = {key: below for key, below in value.items() if key != step or rest}
        return kept | ({step: _without(value[step], tuple(rest))} if rest and step in value else {})
    if isinstance(value, list) and isinstance(step, tuple) and rest:
        key, name = step
        return [
            _without(item, tuple(rest)) if isinstance(item, dict) and equal(item.get(key), name) else item
            for item in value
        ]
    return value


def _trusted(desired: Json, rules: Rules) -> Iterable[str]:
    return IgnoreRules(rules.ignore, rules.system).managers(desired)


def _may_have_any(told: _Telling) -> bool:
    """Whether anything would be told if nothing was filled in or ignored, which is quick to see."""
    desired = told.desired
    if isinstance(desired.get("stringData"), dict):
        data = desired.get("data")
        desired = {**desired, "data": {**(data if isinstance(data, dict) else {}), **desired["stringData"]}}
    found = _of_objects(told.live, desired, desired, object_type(told.live))
    return any(told.writers_of(path, certain=certain) is not None for path, certain in found)


# --- whose it is


@dataclass(frozen=True, slots=True)
class _Telling:
    """What one object tells of its fields.

    `everybody` wrote something in it, and `trusted` are the managers that an ignore rule names.
    """

    desired: Json
    live: Json
    everybody: tuple[Writer, ...]
    trusted: frozenset[str]

    def writers_of(self, path: tuple[Step, ...], *, certain: bool) -> tuple[Writer, ...] | None:
        """Who wrote what was added; None where it is not to be told. `certain`: no program fills in such a field."""
        if not self.everybody:
            return () if certain else None
        if not certain and all(map(_fills_in, self.everybody)):
            return None
        hold, found = holders(self.live, path)
        if hold < Hold.WHOLE:
            # What a webhook adds to a new object is in nobody's name; into a Pod the server itself adds much.
            return () if certain and self.live.get("kind") != "Pod" else None
        if all(writer.manager in self.trusted for writer in found):
            return None
        # Who applies on the server's side owns what he has written, and no default beside it.
        certain = certain or any(writer.operation == "Apply" for writer in found)
        kinds = {writer.kind for writer in found}
        if kinds & {WriterKind.KUBECTL, WriterKind.OTHER}:
            by_hand = certain or not all(self._delivers(writer) for writer in found)
            return found if by_hand else None
        # The deliverer's own: a webhook's, or what Git has had until lately. A controller's is its own affair.
        return found if certain and WriterKind.CONTROLLER not in kinds else None

    def _delivers(self, writer: Writer) -> bool:
        """Whether a writer brought the desired fields into the cluster, and then the defaults beside them."""
        if writer.kind in {WriterKind.ARGOCD, WriterKind.HELM}:
            return True
        return any(
            writer in holders(self.live, path)[1] and equal(value_at(self.live, path), value)
            for path, value in _leaves({key: self.desired[key] for key in self.desired if key not in _NOT_CONTENT}, ())
        )


def _fills_in(writer: Writer) -> bool:
    """Whether a writer may own fields that nobody decided on: a program's own, or defaults beside a deliverer's."""
    return writer.kind not in {WriterKind.KUBECTL, WriterKind.OTHER} and writer.operation != "Apply"


_NOT_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status"})


def _leaves(value: Any, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Plain values that are reached by maps alone."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    elif not isinstance(value, list):
        yield path, value


# --- what only the live object has: its path, and whether no program fills in such a field

_Found = tuple[tuple[Step, ...], bool]


def _of_objects(kept: Json, wanted: Json, filled: Json, kind: Struct | None) -> Iterator[_Found]:
    for key, value in kept.items():
        if key == "metadata":
            yield from _of_metadata(value, wanted.get(key), kept.get("kind"))
        elif key not in _NOT_CONTENT:
            yield from _of_fields({key: value}, wanted, filled, kind, ())


def _of_metadata(kept: Any, wanted: Any, kind: Any) -> Iterator[_Found]:
    for field in _METADATA & kept.keys() if isinstance(kept, dict) else ():
        there, known = kept[field], wanted.get(field) if isinstance(wanted, dict) else None
        if isinstance(there, dict):
            for key in there:
                is_known = key in (known if isinstance(known, dict) else ())
                if not (is_known or key in _OF_SERVER or key.startswith(_OF_DELIVERY)):
                    yield ("metadata", field, key), not _is_for_programs(key)
        elif isinstance(there, list) and kind != "Namespace":
            for index, item in enumerate(there):
                if item not in (known if isinstance(known, list) else ()):
                    yield ("metadata", field, index), False


def _is_for_programs(key: str) -> bool:
    domain, slash, _ = key.partition("/")
    return (bool(slash) and f".{domain}".endswith(_OF_KUBERNETES)) or key in _OF_JOBS


def _of_fields(kept: Json, wanted: Any, filled: Any, kind: GoType | None, path: tuple[Step, ...]) -> Iterator[_Found]:
    """Of a map: `filled` is the desired one with defaults, and so has whatever `wanted` has."""
    type_ = pointed_to(kind) if kind is not None else None
    for key, value in kept.items():
        field = type_.field(key) if isinstance(type_, Struct) else None
        below = type_.of if isinstance(type_, Mapped) else field.type if field is not None else None
        there = filled.get(key, ABSENT) if isinstance(filled, dict) else ABSENT
        asked = wanted.get(key, ABSENT) if isinstance(wanted, dict) else ABSENT
        yield from _of_field(value, asked, there, (below, field, isinstance(type_, Mapped)), (*path, key))


def _of_field(
    value: Any, wanted: Any, filled: Any, about: tuple[GoType | None, Field | None, bool], path: tuple[Step, ...]
) -> Iterator[_Found]:
    kind, field, free = about
    type_ = pointed_to(kind) if kind is not None else None
    if value in (None, "", {}, []) and wanted is ABSENT:
        return
    if isinstance(value, dict) and (isinstance(filled, dict) or (filled is ABSENT and isinstance(type_, Mapped))):
        yield from _of_fields(value, wanted, {} if filled is ABSENT else filled, kind, path)
    elif isinstance(value, list) and isinstance(filled, list):
        yield from _of_elements(value, wanted, filled, field, path)
    elif isinstance(value, list) and filled is ABSENT and field is not None and field.merge_key:
        yield from _of_elements(value, [], [], field, path)
    elif _is_unasked(value, wanted) and (filled is ABSENT or not equal(value, filled)):
        yield path, free and not _is_for_programs(str(path[-1]))


def _is_unasked(value: Any, wanted: Any) -> bool:
    """Whether Git has no such field, or a value that may be dropped before anything is compared."""
    return wanted is ABSENT or (wanted in (False, 0, "") and not equal(value, wanted))


def _of_elements(
    kept: list[Any], wanted: Any, filled: list[Any], field: Field | None, path: tuple[Step, ...]
) -> Iterator[_Found]:
    """Of a list: what is one value is compared whole, so that only elements with a merge key can be added."""
    wanted = wanted if isinstance(wanted, list) else []
    if field is None:
        # A custom resource's list goes by index; one of another length differs, and is no addition.
        for index, (one, asked, there) in enumerate(zip(kept, wanted, filled, strict=False)):
            if isinstance(one, dict) and len(kept) == len(filled):
                yield from _of_fields(one, asked, there, None, (*path, index))
        return
    key, type_ = field.merge_key, pointed_to(field.type)
    if not key or not isinstance(type_, Listing):
        return
    mine, known, asked_for = (_by_key(items, key) for items in (kept, filled, wanted))
    if mine is None or known is None:
        return
    for value, item in mine.items():
        if value in known:
            yield from _of_fields(item, (asked_for or {}).get(value), known[value], type_.of, (*path, (key, value)))
        elif not str(value).startswith(_TOKEN_VOLUME):
            yield (*path, (key, value)), True


def _by_key(items: list[Any], key: str) -> dict[str | int, Json] | None:
    """The elements by their merge key; None where two have the same, which tells nothing apart."""
    keyed = {item[key]: item for item in items if isinstance(item, dict) and isinstance(item.get(key), str | int)}
    return keyed if len(keyed) == len(items) else None
