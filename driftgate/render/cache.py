"""Replies kept between runs, by everything that goes into a render."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import driftgate
from driftgate.model.secret import SecretValue, mask_secret
from driftgate.render.jobs import HelmJob, Job, KustomizeJob, Reply, job_data

__all__ = ["RenderCache"]

FORMAT = 1
# Not `render-failed`: its message may repeat any value that a template was given.
_CACHED_FAULTS = frozenset({"", "dependencies-missing"})
# How the keys of what is never written begin.
_BUILD = "build-"


class RenderCache:
    """A folder of JSON files, mode 0600, each with a digest of its content.

    The key covers all bytes of the chart, values, flags, and the versions of engine and reader. Renders that differ
    from run to run, or that hold Secret values, are not kept. A cache that cannot be read or written is no cache.

    With `memory` every reply is also kept until the run ends: the base of a change is mostly what the head is.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / "renders" if folder else None
        self._digests: dict[str, str] = {}
        self.memory: dict[str, Reply] | None = None
        self.hits = 0
        self.shared = 0

    def key(self, job: Job, folders: Sequence[str] = ()) -> str | None:
        """The name of a job's entry; None for jobs whose input is not worth covering.

        A kustomize build starts a process and is kept for the run alone; `folders` are all that it reads.
        """
        if isinstance(job, KustomizeJob):
            # The root of a repository is mostly what no build reads.
            wanted = self.memory is not None and folders and "" not in folders
            return self._build_key(job, folders) if wanted else None
        if self._folder is None and self.memory is None:
            return None
        return self._chart_key(job)

    def _build_key(self, job: KustomizeJob, folders: Sequence[str]) -> str | None:
        try:
            content = [(folder, self._digest(os.path.join(job.root, folder))) for folder in sorted(folders)]
        except OSError:
            return None
        return _BUILD + _hashed([content, {**job_data(job), "root": ""}])

    def _chart_key(self, job: HelmJob) -> str | None:
        folders = [job.chart, *(path for _, path in job.local_dependencies)]
        files = [flag.value for flag in job.sets if flag.flag == "--set-file"]
        try:
            content = [self._digest(path) for path in folders] + [_file_digest(path) for path in files]
        except OSError:
            return None
        plain = {
            **job_data(job),
            "chart": "",
            "local_dependencies": [name for name, _ in job.local_dependencies],
        }
        return _hashed([FORMAT, _versions(), content, plain])

    def _digest(self, folder: str) -> str:
        if folder not in self._digests:
            digest = hashlib.sha256()
            for name in sorted(_files_below(folder, "")):
                path, data = os.fsencode(name), Path(folder, name).read_bytes()
                digest.update(b"%d:%s%d:" % (len(path), path, len(data)))
                digest.update(data)
            self._digests[folder] = digest.hexdigest()
        return self._digests[folder]

    def get(self, key: str | None) -> Reply | None:
        """The kept reply, or None; an entry that was damaged counts as absent."""
        if key is None:
            return None
        if self.memory is not None and key in self.memory:
            self.shared += 1
            return self.memory[key]
        data = None if key.startswith(_BUILD) else self.recall(key)
        try:
            reply = None if data is None else Reply.from_json(data)
        except (KeyError, TypeError):
            return None
        if reply is not None:
            self.hits += 1
            self._remember(key, reply)
        return reply

    def put(self, key: str | None, reply: Reply) -> None:
        """Keep a reply, if it may be kept."""
        if key is None:
            return
        self._remember(key, reply)
        if self._folder is not None and not key.startswith(_BUILD) and _may_keep(reply):
            self.keep(key, reply.to_json())

    def _remember(self, key: str, reply: Reply) -> None:
        if self.memory is not None:
            self.memory[key] = reply

    def recall(self, name: str | None) -> Any:
        """The JSON data that is kept under a name, or None; a damaged entry counts as absent."""
        if name is None or self._folder is None:
            return None
        try:
            digest, _, text = (self._folder / name).read_text(encoding="utf-8").partition("\n")
            return json.loads(text) if hashlib.sha256(text.encode()).hexdigest() == digest else None
        except (OSError, ValueError):
            return None

    def keep(self, name: str | None, data: Any) -> None:
        """Keep JSON data under a name that says all that it was made of."""
        if name is None or self._folder is None:
            return
        text = json.dumps(data)
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, draft = tempfile.mkstemp(dir=self._folder)  # mode 0600
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
            os.replace(draft, self._folder / name)


def _hashed(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _files_below(folder: str, below: str) -> Iterator[str]:
    """The paths of the files of a folder; OSError for a linked folder, which Helm follows and which may be a loop."""
    with os.scandir(os.path.join(folder, below)) as entries:
        for entry in entries:
            path = os.path.join(below, entry.name)
            if entry.is_dir():
                if entry.is_symlink():
                    raise OSError(f"{path} is a link to a folder")
                yield from _files_below(folder, path)
            elif entry.is_file():
                yield path


def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _may_keep(reply: Reply) -> bool:
    return reply.fault in _CACHED_FAULTS and not reply.unstable and not any(map(_holds_secret, reply.documents))


def _holds_secret(document: Any) -> bool:
    return _has_secret(mask_secret(document.object))


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_secret, value.values() if isinstance(value, dict) else value))
    return isinstance(value, SecretValue) and not value.empty


@cache
def _versions() -> list[str]:
    import importlib.metadata  # slow to import, and wanted only where there is a chart

    try:
        engine = importlib.metadata.version("helm-python-sdk")
    except importlib.metadata.PackageNotFoundError:
        engine = "none"
    return [driftgate.__version__, engine, platform.python_version()]
