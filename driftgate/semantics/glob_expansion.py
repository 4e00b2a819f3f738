"""The order in which bmatcuk/doublestar v4.10 lists the files of a valueFiles glob, over a listing in memory.

Later values files win in Helm, so the order is part of what a glob means.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from driftgate.semantics.globs import doublestar_match, doublestar_valid, go_bytes

_Tree: TypeAlias = "dict[str, _Tree | None]"

_META = "*?[{"


def expand_doublestar(pattern: str, files: Iterable[str]) -> list[str]:
    """List what the pattern matches among the files, in Argo CD's order, matching directories included.

    *files* are slash-separated paths below the directory that the pattern is relative to. An invalid pattern
    lists nothing. A directory without files does not exist here, as it does not exist in Git. Where an
    alternative in braces ends with ``**``, doublestar leaves its findings half sorted; here they are sorted.
    """
    pattern = posixpath.normpath(pattern)
    if not doublestar_valid(pattern):
        return []
    found = _Expansion(_tree(files), pattern).paths(pattern, with_files=True)
    return list(dict.fromkeys(found))


def _tree(files: Iterable[str]) -> _Tree:
    root: _Tree = {}
    for file in files:
        *directories, name = file.split("/")
        node = root
        for directory in directories:
            child = node.setdefault(directory, {})
            node = child if child is not None else {}
        node.setdefault(name, None)
    return root


class _Expansion:
    """One expansion; what braces find is sorted as a whole when a ``**`` stands before the pattern's end."""

    def __init__(self, root: _Tree, pattern: str) -> None:
        self._root = root
        self._sorts_across_directories = "**" in pattern[:-1].removesuffix("*")

    def paths(self, pattern: str, *, with_files: bool) -> list[str]:
        if not _has_meta(pattern):
            path = _unescape(pattern)
            return [path] if path == "." or self._entry(path) != () else []
        split = _last_split(pattern)
        if split >= 0 and pattern[split] == "}":
            return self._alternatives(pattern, split, with_files=with_files)
        directories = self.paths(pattern[:split], with_files=False) if split >= 0 else ["."]
        name = pattern[split + 1 :]
        return [found for directory in directories for found in self._listing(directory, name, with_files=with_files)]

    def _entry(self, path: str) -> _Tree | tuple[()] | None:
        """Return a directory's entries, None for a file, an empty tuple for what does not exist."""
        node: _Tree | None = self._root
        for segment in [] if path == "." else path.split("/"):
            if node is None or segment not in node:
                return ()
            node = node[segment]
        return node

    def _listing(self, directory: str, name: str, *, with_files: bool) -> Iterator[str]:
        entries = self._entry(directory)
        if not isinstance(entries, dict):
            return
        if name == "**":
            yield from self._everything(directory, entries, with_files=with_files)
            return
        for entry in sorted(entries, key=go_bytes):
            if (with_files or entries[entry] is not None) and doublestar_match(name, entry):
                yield _join(directory, entry)

    def _everything(self, directory: str, entries: _Tree, *, with_files: bool) -> Iterator[str]:
        yield directory
        for entry in sorted(entries, key=go_bytes):
            below = entries[entry]
            if below is not None:
                yield from self._everything(_join(directory, entry), below, with_files=with_files)
            elif with_files:
                yield _join(directory, entry)

    def _alternatives(self, pattern: str, close: int, *, with_files: bool) -> list[str]:
        opening = _opening_brace(pattern, close)
        before = _last_split(pattern[:opening])
        if before < 0 or pattern[before] == "}":
            bases, start = ["."], 0
        else:
            bases, start = self.paths(pattern[:before], with_files=False), before + 1
        groups: list[set[str]] = []
        for base in bases:
            prefix = "" if base == "." else _escape(base) + "/"
            found: set[str] = set()
            for option in _options(pattern[opening + 1 : close]):
                tail = pattern[start:opening] + option + pattern[close + 1 :]
                found.update(self.paths(prefix + tail, with_files=with_files))
            groups.append(found)
        if self._sorts_across_directories:
            groups = [set().union(*groups)]
        return [path for group in groups for path in sorted(group, key=go_bytes)]


def _join(directory: str, entry: str) -> str:
    return entry if directory == "." else f"{directory}/{entry}"


def _has_meta(pattern: str) -> bool:
    return any(character in _META for character, _ in _unescaped(pattern))


def _unescaped(pattern: str) -> Iterator[tuple[str, int]]:
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
        else:
            yield pattern[at], at
        at += 1


def _last_split(pattern: str) -> int:
    return max((at for character, at in _unescaped(pattern) if character in "/}"), default=-1)


def _opening_brace(pattern: str, close: int) -> int:
    open_braces: list[int] = []
    for character, at in _unescaped(pattern[:close]):
        if character == "{":
            open_braces.append(at)
        elif character == "}":
            open_braces.pop()
    return open_braces[-1]


def _options(body: str) -> list[str]:
    cuts = [-1]
    depth = 0
    for character, at in _unescaped(body):
        depth += (character == "{") - (character == "}")
        if character == "," and not depth:
            cuts.append(at)
    return [body[start + 1 : end] for start, end in zip(cuts, [*cuts[1:], len(body)], strict=True)]


def _escape(path: str) -> str:
    return "".join("\\" + character if character in _META + "\\" else character for character in path)


def _unescape(pattern: str) -> str:
    kept: list[str] = []
    at = 0
    while at < len(pattern):
        at += pattern[at] == "\\"
        kept.append(pattern[at : at + 1])
        at += 1
    return "".join(kept)
