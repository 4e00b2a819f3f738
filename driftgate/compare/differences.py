"""The fields in which two objects differ, with the elements of lists named by their merge key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from driftgate.compare.go_types import GoType, Listing, Mapped, Struct, pointed_to
from driftgate.compare.objects import is_secret
from driftgate.compare.result import ABSENT, Difference, Step
from driftgate.compare.values import Json, equal
from driftgate.model.secret import SecretValue, mask_secret

__all__ = ["differences", "masked"]


def differences(
    live: Json, desired: Json, kind: Struct | None, sensitive_annotations: frozenset[str] = frozenset()
) -> tuple[Difference, ...]:
    """Every field that differs, sorted by its path; the values of a Secret have no printable form."""
    live, desired = masked(live, sensitive_annotations), masked(desired, sensitive_annotations)
    found = _of_maps(live, desired, kind, ())
    return tuple(sorted(found, key=lambda difference: difference.field))


def masked(document: Json, annotations: frozenset[str]) -> Json:
    """The object with what is not to be shown without a printable form: a Secret's values, and these annotations."""
    if is_secret(document):
        document = mask_secret(document)
    metadata = document.get("metadata")
    there = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not annotations or not isinstance(metadata, dict) or not isinstance(there, dict):
        return document
    shown = {key: SecretValue(value) if key in annotations else value for key, value in there.items()}
    return {**document, "metadata": {**metadata, "annotations": shown}}


def _differing(live: Any, desired: Any, kind: GoType | None, path: tuple[Step, ...]) -> Iterator[Difference]:
    if type(live) is dict and type(desired) is dict:
        yield from _of_maps(live, desired, kind, path)
    elif not _same(live, desired):
        yield Difference(path, desired, live)


def _of_maps(live: Json, desired: Json, kind: GoType | None, path: tuple[Step, ...]) -> Iterator[Difference]:
    kind = pointed_to(kind) if kind is not None else None
    for key in live.keys() | desired.keys():
        first, second = live.get(key, ABSENT), desired.get(key, ABSENT)
        if first is second or (type(first) is type(second) and equal(first, second)):
            continue
        below, merge_key = _below(kind, key)
        if type(first) is list and type(second) is list:
            yield from _of_lists(first, second, below, merge_key, (*path, key))
        else:
            yield from _differing(first, second, below, (*path, key))


def _below(kind: GoType | None, key: str) -> tuple[GoType | None, str]:
    """The type of a field, for a list that of its elements, and the merge key of a list."""
    if isinstance(kind, Mapped):
        return kind.of, ""
    field = kind.field(key) if isinstance(kind, Struct) else None
    if field is None:
        return None, ""
    type_ = pointed_to(field.type)
    return (type_.of if isinstance(type_, Listing) else type_), field.merge_key


def _of_lists(
    live: list[Any], desired: list[Any], of: GoType | None, merge_key: str, path: tuple[Step, ...]
) -> Iterator[Difference]:
    first, second = _by_key(live, merge_key), _by_key(desired, merge_key)
    if first is None or second is None:
        for index in range(max(len(live), len(desired))):
            before = live[index] if index < len(live) else ABSENT
            after = desired[index] if index < len(desired) else ABSENT
            if type(before) is list and type(after) is list:
                yield from _of_lists(before, after, None, "", (*path, index))
            else:
                yield from _differing(before, after, of, (*path, index))
        return
    found = [
        difference
        for value in first.keys() | second.keys()
        for difference in _differing(
            first.get(value, ABSENT), second.get(value, ABSENT), of, (*path, (merge_key, value))
        )
    ]
    # The same elements in another order: there is no single one to be blamed.
    yield from found or ([Difference(path, desired, live)] if list(first) != list(second) else [])


def _by_key(items: list[Any], key: str) -> dict[str | int, Any] | None:
    """The elements by their merge key; None where not every one has one of its own."""
    if not key or not all(type(item) is dict and type(item.get(key)) in (str, int) for item in items):
        return None
    keyed = {item[key]: item for item in items}
    return keyed if len(keyed) == len(items) else None


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, SecretValue) and isinstance(second, SecretValue):
        return first == second
    return equal(first, second)
