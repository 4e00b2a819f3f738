"""Remote charts and repositories that `driftgate fetch` has stored, found again by what the source names."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.semantics.giturl import normalize_git_url

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
        """What an entry is called."""
        return json.dumps([normalize_git_url(repo_url), chart, revision])

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
        """Take a folder over into the store; the index is replaced as a whole, so a reader never sees half of it."""
        digest = folder_digest(content)
        target = self.folder / digest
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not target.exists():
            content.rename(target)
        index = self._index()
        index[self.key(repo_url, chart, revision)] = {"version": version, "digest": digest}
        draft = self.folder / f"index.{os.getpid()}.tmp"
        draft.write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")
        draft.replace(self.folder / "index.json")
        return Fetched(target, version, digest)


def folder_digest(folder: Path) -> str:
    """SHA-256 over the relative paths and contents of every file of a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and ".git" not in p.relative_to(folder).parts):
        name = path.relative_to(folder).as_posix().encode()
        data = path.read_bytes()
        digest.update(b"%d:%s%d:" % (len(name), name, len(data)))
        digest.update(data)
    return digest.hexdigest()
