"""An object without its values: the shape of it, a short digest in the place of each value, and what changed since.

A digest tells that a value is another one, and not which one it is. What is or may be a credential has no digest
either, because a weak one would be found again by trying.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from driftgate.compare import Step
from driftgate.compare.values import Json
from driftgate.drift.masking import LEFT_OUT, leave_out
from driftgate.model.secret import SecretValue

__all__ = ["Skeleton", "changed_since", "skeleton_of"]

#: Maps and lists as the object has them, with a text in the place of each value.
Skeleton: TypeAlias = Any

#: In the place of a value that may be a credential: any other value is taken for the same.
_UNKNOWN = "?"
_DIGEST_BYTES = 6
# What the API server and the controllers write without anybody's changing anything.
_OF_THE_CLUSTER = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})
_OF_CONTROLLERS = frozenset(
    {
        "deployment.kubernetes.io/revision",
        # Repeats the object.
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)


def skeleton_of(live: Json, salt: bytes) -> Skeleton:
    """The skeleton of a live object, without its status and what the API server writes in its metadata."""
    document = {key: value for key, value in live.items() if key not in ("status", "metadata")}
    metadata = {key: value for key, value in live["metadata"].items() if key not in _OF_THE_CLUSTER}
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key not in _OF_CONTROLLERS}
    kept, _ = leave_out({**document, "metadata": metadata})
    return _digested(kept, salt)


def _digested(value: Any, salt: bytes) -> Skeleton:
    if isinstance(value, dict):
        return {key: _digested(below, salt) for key, below in value.items()}
    if isinstance(value, list):
        return [_element(below, salt) for below in value]
    if isinstance(value, SecretValue) or (isinstance(value, str) and LEFT_OUT in value):
        return _UNKNOWN
    text = json.dumps(value).encode()
    return base64.b64encode(hashlib.blake2b(text, key=salt, digest_size=_DIGEST_BYTES).digest()).decode()


def _element(value: Any, salt: bytes) -> Skeleton:
    """An element of a list, which keeps its name: what happens to it is told by that."""
    named = isinstance(value, dict) and isinstance(value.get("name"), str)
    found = _digested(value, salt)
    return {**found, "name": value["name"]} if named else found


def changed_since(before: Skeleton, now: Skeleton) -> tuple[tuple[Step, ...], ...]:
    """The paths at which one object has changed: values that are others, and topmost fields that came or went.

    An element of a list is called by its `name` where all of its list have one, else by its place.
    """
    return tuple(_changed(before, now, ()))


def _changed(before: Skeleton, now: Skeleton, path: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            if key not in before or key not in now:
                yield (*path, key)
            else:
                yield from _changed(before[key], now[key], (*path, key))
    elif isinstance(before, list) and isinstance(now, list):
        yield from _changed_lists(before, now, path)
    elif before != now and _UNKNOWN not in (before, now):
        yield path


def _changed_lists(before: list[Any], now: list[Any], path: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    old, new = _by_name(before), _by_name(now)
    if old is None or new is None:
        if len(before) != len(now):
            yield path
            return
        for index, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _changed(one, other, (*path, index))
        return
    for name in dict.fromkeys([*old, *new]):
        step: Step = ("name", name)
        if name not in old or name not in new:
            yield (*path, step)
        else:
            yield from _changed(old[name], new[name], (*path, step))


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """The elements by name; None where they are not called so."""
    found = {item["name"]: item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)}
    return found if len(found) == len(items) else None
