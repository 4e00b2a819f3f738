"""Remote charts and repositories that `driftgate fetch` has stored, found again by what the source names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.semantics.giturl import normalize_git_url, without_credentials

__all__ = ["FetchStore", "Fetched", "folder_digest"]


@dataclass(frozen=True, slots=True)
class Fetched:
    """One stored chart or repository. `version` is what the revision resolved to, `digest` covers every byte."""

    path: Path
    version: str
    digest: str


class FetchStore:
    """A folder outside the tree: `index.json` names each entry by repository, chart and revision.

    An entry whose content no longer has its digest counts as absent: a judgement must not rest on it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def key(repo_url: str, chart: str, revision: str) -> str:
        """What an entry is called: the same for every user of a URL."""
        return json.dumps([normalize_git_url(without_credentials(repo_url)), chart, revision])

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the store's file system, for what is to be added; gone afterwards."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix="fetching-", dir=self.folder) as folder:
            yield Path(folder)

    def _index(self) -> dict[str, Any]:
        try:
            index = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return index if isinstance(index, dict) else {}

    def find(self, repo_url: str, chart: str, revision: str) -> Fetched | None:
        """The stored entry, or None."""
        entry = self._index().get(self.key(repo_url, chart, revision))
        if not isinstance(entry, dict):
            return None
        path = self.folder / str(entry.get("digest"))
        if not path.is_dir() or folder_digest(path) != entry.get("digest"):
            return None
        return Fetched(path, str(entry.get("version", "")), str(entry["digest"]))

    def add(self, repo_url: str, chart: str, revision: str, version: str, content: Path) -> Fetched:
        """Take over a folder that lies in `scratch`, in place of a damaged one.

        The index is replaced as a whole, so a reader never sees half of it.
        """
        digest = folder_digest(content)
        target = self.folder / digest
        if target.exists() and folder_digest(target) != digest:
            shutil.rmtree(target)
        if not target.exists():
            content.rename(target)
        index = self._index()
        index[self.key(repo_url, chart, revision)] = {"version": version, "digest": digest}
        draft = self.folder / f"index.{os.getpid()}.tmp"
        draft.write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")
        draft.replace(self.folder / "index.json")
        return Fetched(target, version, digest)


def folder_digest(folder: Path) -> str:
    """SHA-256 over every file's path and content, and every symlink's path and target: no link is followed."""
    digest = hashlib.sha256()
    for path in sorted(Path(directory, name) for directory, *names in os.walk(folder) for name in names[0] + names[1]):
        if path.is_symlink():
            kind, data = b"link", os.fsencode(os.readlink(path))
        elif path.is_file():
            kind, data = b"file", path.read_bytes()
        else:
            continue
        name = os.fsencode(path.relative_to(folder).as_posix())
        digest.update(b"%s %d:%s%d:" % (kind, len(name), name, len(data)))
        digest.update(data)
    return digest.hexdigest()
