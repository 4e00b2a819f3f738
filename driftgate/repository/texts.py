"""Texts of the tree that are read for what they name, and not because they are deployed."""

from __future__ import annotations

from collections.abc import Sequence

from driftgate.files import FileRoot
from driftgate.semantics.globs import doublestar_match
from driftgate.yaml_reader import as_utf8

__all__ = ["line_of", "texts_of"]

# Beyond anything that people write by hand.
MAX_BYTES = 4 * 1024 * 1024


def line_of(root: FileRoot, file: str, text: str) -> int:
    """The line of a file on which a text stands, counted from 1; 0 where it does not stand there exactly once."""
    data, wanted = _read(root, file), text.encode()
    if not wanted or data.count(wanted) != 1:
        return 0
    return data.count(b"\n", 0, data.index(wanted)) + 1


def texts_of(root: FileRoot, globs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Path and text of each file that a glob matches, sorted; what is no UTF-8 is none."""
    found = []
    for name in sorted(name for name in root.files() if any(doublestar_match(glob, name) for glob in globs)):
        data = _read(root, name)
        if data and b"\0" not in data:
            found.append((name, data.decode("utf-8", "replace")))
    return tuple(found)


def _read(root: FileRoot, file: str) -> bytes:
    try:
        head = root.head(file, MAX_BYTES)
    except OSError:
        return b""
    return as_utf8(head[0]) if head is not None and head[1] <= MAX_BYTES else b""
