"""Look for credentials in every text file that Git holds of a tree."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import driftgate
from driftgate.credentials.spot import is_quiet, spot
from driftgate.files import FileRoot
from driftgate.model.credentials import CredentialScan, Spotted
from driftgate.semantics.globs import doublestar_match
from driftgate.yaml_reader import as_utf8

__all__ = ["CredentialFinder", "is_script"]

FORMAT = 1
# Far beyond any text that people write; what is larger is data, and is told.
MAX_BYTES = 32 * 1024 * 1024
_LOOKED_AT = 8192
_FOLDER_GLOB = re.compile(r"\*\*/([^*?\[\]{}\\/]+)/\*\*")
_SCRIPTS = (".sh", ".bash", ".zsh", ".ksh", ".mk", ".env", ".envrc")
_SCRIPT_NAMES = frozenset({"Makefile", "GNUmakefile", "makefile", ".env", ".envrc", "Justfile", "justfile"})


def is_script(name: str, data: bytes) -> bool:
    """Whether a file is a shell script, a Makefile or a file of environment variables, by its name or first line."""
    base = name.rpartition("/")[2]
    if base in _SCRIPT_NAMES or base.endswith(_SCRIPTS) or base.startswith(".env."):
        return True
    return data.startswith(b"#!") and b"sh" in data.partition(b"\n")[0]


@dataclass
class CredentialFinder:
    """Searches a tree when it is asked, once for each list of excluded globs.

    `folders` and `files` belong to the environment and are read whatever is excluded. What Git is told to ignore is
    not in Git, and is left out; `ignored` answers that for some paths at once. What is found in a file is kept below
    `cache` by the digest of its content, as kinds and lines, mode 0600.
    """

    root: FileRoot
    ignored: Callable[[Sequence[str]], frozenset[str]]
    cache: Path | None
    folders: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    _scans: dict[tuple[str, ...], CredentialScan] = field(default_factory=dict)

    def __call__(self, exclude: Sequence[str]) -> CredentialScan:
        """What stands in the tree's text files, without those that the globs exclude."""
        key = tuple(exclude)
        if key not in self._scans:
            self._scans[key] = self._scan(self._chosen(key))
        return self._scans[key]

    def _chosen(self, exclude: tuple[str, ...]) -> Iterator[str]:
        # Most globs only name a folder, and a set of names is asked much faster than a glob.
        names = {match[1] for glob in exclude if (match := _FOLDER_GLOB.fullmatch(glob))}
        globs = [glob for glob in exclude if not _FOLDER_GLOB.fullmatch(glob)]

        def excluded(name: str) -> bool:
            return not names.isdisjoint(name.split("/")[:-1]) or any(doublestar_match(glob, name) for glob in globs)

        own = tuple(f"{folder}/" for folder in self.folders if folder and (globs or excluded(f"{folder}/x")))
        for name in self.root.files():
            if not excluded(name) or name in self.files or name.startswith(own):
                yield name

    def _scan(self, names: Iterable[str]) -> CredentialScan:
        found: dict[str, tuple[Spotted, ...]] = {}
        unread: dict[str, str] = {}
        count = 0
        for name in names:
            try:
                head = self.root.head(name, MAX_BYTES)
            except OSError as error:
                unread[name] = str(error.strerror or error)
                continue
            if head is None:
                continue
            data, size = as_utf8(head[0]), head[1]
            if b"\0" in data[:_LOOKED_AT]:
                continue
            if size > MAX_BYTES:
                unread[name] = f"{size} bytes, over {MAX_BYTES}"
                continue
            count += 1
            if spotted := self._spotted(name, data):
                found[name] = spotted
        outside = self.ignored(sorted({*found, *unread})) if found or unread else frozenset()
        return CredentialScan(
            tuple((name, found[name]) for name in sorted(found.keys() - outside)),
            count,
            tuple((name, unread[name]) for name in sorted(unread.keys() - outside)),
        )

    def _spotted(self, name: str, data: bytes) -> tuple[Spotted, ...]:
        script = is_script(name, data)
        if not script and is_quiet(data):
            return ()
        entry = self._entry(script, data)
        known = _read_entry(entry)
        if known is None:
            known = spot(data, script=script)
            _write_entry(entry, known)
        return known

    def _entry(self, script: bool, data: bytes) -> Path | None:
        if self.cache is None:
            return None
        digest = hashlib.sha256(f"{FORMAT} {driftgate.__version__} {script}\n".encode())
        digest.update(data)
        return self.cache / "credentials" / digest.hexdigest()


def _read_entry(path: Path | None) -> tuple[Spotted, ...] | None:
    """What is kept of a content; None where nothing is, or where the entry is damaged."""
    if path is None:
        return None
    try:
        return tuple(Spotted(int(line), str(kind), str(key)) for line, kind, key in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _write_entry(path: Path | None, found: tuple[Spotted, ...]) -> None:
    if path is None:
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([(one.line, one.kind, one.key) for one in found], file)
        os.replace(draft, path)
