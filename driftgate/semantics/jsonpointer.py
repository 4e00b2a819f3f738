"""JSON pointers of ignore rules, with the behaviour of the library that Argo CD applies them with.

Source: evanphx/json-patch (API of v4), operation ``remove``; Argo CD
``util/argo/normalizers/diff_normalizer.go`` skips a pointer that fails on an object, so a missing path is no
error. Argo CD never rejects a pointer.
"""

from __future__ import annotations

import re
from typing import Any

from driftgate.semantics.numbers import parse_atoi

_BAD_ESCAPE = re.compile(r"~(?![01])")
_STRING_MAPS = frozenset({"annotations", "labels", "matchLabels"})


def remove(document: Any, pointer: str) -> tuple[Any, bool]:
    """Return the document without what the pointer addresses, and whether anything was removed.

    The given document is never changed; untouched parts are shared with the result. The text before the first
    slash is ignored, list indexes may be negative, a missing path removes nothing.
    """
    segments = [segment.replace("~1", "/").replace("~0", "~") for segment in pointer.split("/")[1:]]
    if not segments or not isinstance(document, dict | list):
        return document, False
    return _remove(document, segments)


def _remove(container: Any, segments: list[str]) -> tuple[Any, bool]:
    parents: list[tuple[Any, Any]] = []
    document = container
    for segment in segments:
        key = _key(container, segment)
        if key is None:
            return document, False
        parents.append((container, key))
        container = container[key]
    container, key = parents.pop()
    changed = container.copy()
    del changed[key]
    for parent, parent_key in reversed(parents):
        copy = parent.copy()
        copy[parent_key] = changed
        changed = copy
    return changed, True


def _key(container: Any, segment: str) -> str | int | None:
    """Return the key or index that the segment names in a mapping or list; None when there is none."""
    if isinstance(container, dict):
        return segment if segment in container else None
    if isinstance(container, list):
        index = parse_atoi(segment)
        if index is not None and -len(container) <= index < len(container):
            return index
    return None


def pointer_problem(pointer: str) -> str | None:
    """Say why the pointer cannot remove what its author means from any object; None when it may.

    Only what the text alone tells: whether the path exists depends on the object.
    """
    if not pointer:
        return "an empty pointer removes nothing"
    if not pointer.startswith("/"):
        return _no_leading_slash(pointer)
    segments = pointer[1:].split("/")
    for segment in segments:
        problem = _segment_problem(segment)
        if problem:
            return problem
    if "." in segments[0]:
        return f"no object has a top-level field {segments[0]!r}: slashes separate fields, not dots"
    return _unescaped_slash(segments)


def _no_leading_slash(pointer: str) -> str:
    dropped, slash, rest = pointer.partition("/")
    if pointer.lstrip().startswith((".", "$")):
        return "this is a path expression, not a JSON pointer: a pointer starts with a slash"
    if not slash:
        return "without a slash the pointer removes nothing"
    return f"without a leading slash the first segment {dropped!r} is dropped, so it removes {'/' + rest!r}"


def _segment_problem(segment: str) -> str | None:
    if not segment:
        return "an empty segment addresses the key '', which no object has"
    if segment == "-":
        return "'-' addresses no list element when removing; use an index, or a jq path expression"
    if "*" in segment:
        return f"{segment!r} is taken literally: JSON pointers have no wildcards; use a jq path expression"
    if "[" in segment:
        return f"{segment!r} is taken literally: a list index is a segment of its own"
    if _BAD_ESCAPE.search(segment):
        return f"{segment!r} has a tilde that is no escape: '~0' stands for '~' and '~1' for '/'"
    if segment != segment.strip():
        return f"{segment!r} has white space around it, which belongs to the key"
    return None


def _unescaped_slash(segments: list[str]) -> str | None:
    """Find a path that goes on below one value of a map whose values are always text."""
    for position, segment in enumerate(segments):
        below = segments[position + 1 :]
        if segment in _STRING_MAPS and len(below) > 1 and _holds_strings(segments, position):
            meant = "/" + "/".join([*segments[: position + 1], "~1".join(below)])
            return f"the slash in the key must be written '~1': {meant!r}"
    return None


def _holds_strings(segments: list[str], position: int) -> bool:
    """Labels and annotations hold text only below metadata; elsewhere the names may mean something else."""
    if segments[position] in {"annotations", "labels"}:
        return position > 0 and segments[position - 1] == "metadata"
    return True
