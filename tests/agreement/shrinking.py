"""The smallest pair that still shows what a pair shows."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.agreement.changes import at, places
from tests.agreement.kinds import Json, Path_
from tests.agreement.pairs import LAST_APPLIED, Pair

#: Without these it would be no object, so nothing is learnt from leaving them away.
KEPT = frozenset({("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")})
MOST_TRIES = 1500
APPLIED = "applied"


def shrunk(pair: Pair, shows: Callable[[Pair], bool]) -> Pair:
    """Take away from a pair whatever can go while it `shows` the same, largest parts first."""
    tries = 0
    found = True
    while found and tries < MOST_TRIES:
        found = False
        for smaller in _smaller(pair):
            tries += 1
            if shows(smaller):
                pair, found = smaller, True
                break
            if tries >= MOST_TRIES:
                break
    return pair


def _smaller(pair: Pair) -> Iterator[Pair]:
    document = _opened(pair.document())
    for path in _removable(document):
        # What both objects have goes from both first: most of it has nothing to do with the matter.
        if path[0] == "desired" and _has(document, ("live", *path[1:])):
            yield Pair.of(_closed(_without(document, path, ("live", *path[1:]))))
        yield Pair.of(_closed(_without(document, path)))


def _opened(document: Json) -> Json:
    """With the last-applied object as an object, so that it can become smaller like the others."""
    annotations = _annotations(document)
    try:
        applied = json.loads(annotations[LAST_APPLIED])
    except (KeyError, TypeError, ValueError):
        return document
    return {**document, APPLIED: applied} if isinstance(applied, dict) and applied else document


def _closed(document: Json) -> Json:
    applied = document.pop(APPLIED, None)
    if applied is not None and LAST_APPLIED in _annotations(document):
        _annotations(document)[LAST_APPLIED] = json.dumps(applied)
    return document


def _annotations(document: Json) -> Json:
    metadata = (document["live"] or {}).get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _removable(document: Json) -> list[Path_]:
    found = [
        path
        for path, _ in places(document)
        if len(path) > 1 and path[1:] not in KEPT and not (path[0] == "ignoreDifferences" and path[2:] == ("kind",))
    ]
    return sorted(found, key=lambda path: (len(path), str(path)))


def _has(document: Json, path: Path_) -> bool:
    try:
        at(document, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _without(document: Json, *paths: Path_) -> Json:
    smaller: Any = copy.deepcopy(document)
    for path in paths:
        above = at(smaller, path[:-1])
        if isinstance(above, dict | list):
            del above[path[-1]]  # type: ignore[arg-type]
    return dict(smaller)
