"""A state of a cluster as a folder of JSON files, without a secret, and back.

The folder has a header, `driftgate-recording.json`, which names every other file; `kinds.json` with what the cluster
serves; and a file for each kind below `objects/` and `others/`. Files are sorted and indented, so that two recordings
of one cluster differ only where the cluster does.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TypeGuard

from driftgate.compare.values import Json
from driftgate.drift.masking import LEFT_OUT, leave_out
from driftgate.drift.state import MASK, ClusterState, key_of
from driftgate.errors import UsageError
from driftgate.files import FileRoot
from driftgate.live import Discovery, DiscoveryFault, Identity, Resource, Unread, Wanted, Why
from driftgate.live.listing import opaque

__all__ = ["FORMAT", "HEADER", "read_recording", "write_recording"]

#: Raised when a recording of today could not be read by the driftgate of yesterday.
FORMAT: Final = 1
HEADER: Final = "driftgate-recording.json"
KINDS: Final = "kinds.json"
FOLDERS: Final = ("objects", "others")
# A cluster of ten thousand objects has some tens of megabytes.
MOST_BYTES = 512 * 1024 * 1024
MOST_LEVELS = 150
_FILE = re.compile(rf"(?:{'|'.join(FOLDERS)})/[A-Za-z0-9][A-Za-z0-9._-]{{0,250}}\.json")
_ODD = re.compile(r"[^A-Za-z0-9.-]+")
# Whoever delivered an object left one of these on it; of what else is in a cluster nobody asks who wrote it.
_DELIVERED = re.compile(r"argocd\.argoproj\.io/|helm\.sh/|app\.kubernetes\.io/(?:instance|managed-by)$")
_METADATA = ("annotations", "creationTimestamp", "deletionTimestamp", "finalizers", "labels", "managedFields", "name",
             "namespace", "uid")  # fmt: skip


def write_recording(state: ClusterState, folder: Path) -> None:
    """Write a state into a folder, a new one, an empty one or an older recording, which it replaces.

    What may be a secret is left out (`driftgate.drift.masking`). UsageError where the folder holds something else or
    cannot be written.
    """
    # Everything is made before anything is removed.
    documents = _documents(state)
    try:
        _make_room(folder)
        for name, document in documents.items():
            path = folder / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _write(path, document)
    except OSError as error:
        raise UsageError(f"recording {error.filename or folder}: {error.strerror or error}") from None


def _documents(state: ClusterState) -> dict[str, Any]:
    """Every file by its name, the header last: without it nothing of the folder counts."""
    entries: dict[str, list[tuple[Any, ...]]] = {}
    for folder, objects in zip(FOLDERS, (state.objects, map(_shortened, state.others)), strict=True):
        for one in objects:
            entries.setdefault(f"{folder}/{_file_of(one)}", []).append((*key_of(one), one["apiVersion"], one))
    files = {
        name: {"objects": [_entry(one[-1]) for one in sorted(several, key=lambda entry: entry[:-1])]}
        for name, several in sorted(entries.items())
    }
    header = {
        "format": FORMAT,
        "context": state.context,
        "destination": state.destination,
        "cluster": _as_map(state.identity),
        "taken": state.taken.isoformat(),
        "calls": state.calls,
        "listed": [_as_map(one) for one in sorted(state.listed)],
        "unread": [
            {"wanted": _as_map(one.wanted), "why": one.why.name, "status": one.status, "message": one.message}
            for one in sorted(state.unread, key=lambda one: one.wanted)
        ],
        "files": {name: len(document["objects"]) for name, document in files.items()},
    }
    return {**files, KINDS: _kinds(state.kinds), HEADER: header}


def _file_of(document: Json) -> str:
    group, _, version = document["apiVersion"].rpartition("/")
    name = ".".join(filter(None, (document["kind"], version, group)))
    return f"{_ODD.sub('_', name).lstrip('.-_')[:200] or 'unnamed'}.json"


def _shortened(document: Json) -> Json:
    """Metadata, with who wrote it only where somebody has delivered it."""
    metadata = {key: value for key, value in document["metadata"].items() if key in _METADATA}
    marks = [*(metadata.get("annotations") or {}), *(metadata.get("labels") or {})]
    if not any(map(_DELIVERED.search, marks)):
        metadata.pop("managedFields", None)
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": metadata}


def _entry(document: Json) -> dict[str, Any]:
    kept, ways = leave_out(document)
    return {"object": kept, "notRecorded": [list(way) for way in ways]} if ways else {"object": kept}


def _kinds(kinds: Discovery) -> dict[str, Any]:
    served = [
        {**_as_map(kinds.resources[about]), "verbs": sorted(kinds.resources[about].verbs)}
        for about in sorted(kinds.resources)
    ]
    return {"resources": served, "faults": [_as_map(one) for one in kinds.faults]}


def _as_map(value: Any) -> dict[str, Any]:
    """A frozen dataclass of plain values; what is empty or false is not written."""
    named = ((one.name, getattr(value, one.name)) for one in fields(value))
    return {name: below for name, below in named if below not in ("", False)}


def _make_room(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    there = sorted(entry.name for entry in folder.iterdir())
    strange = [name for name in there if name not in (HEADER, KINDS, *FOLDERS)]
    if there and (HEADER not in there or strange):
        held = f"holds {strange[0]}" if strange else f"has no {HEADER}"
        raise UsageError(f"recording {folder}: the folder {held}; name a new one, or a recording to replace")
    for name in (HEADER, KINDS):  # the header first: a recording that was begun is none
        (folder / name).unlink(missing_ok=True)
    for name in FOLDERS:
        below = folder / name
        if below.is_symlink():
            raise UsageError(f"recording {below}: is a link; remove it first")
        for path in sorted(below.glob("*.json")) if below.is_dir() else ():
            path.unlink()


def _write(path: Path, document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        # Half of a surrogate pair is no text, but its escape is JSON.
        file.write(text.encode("utf-8", "backslashreplace") + b"\n")


def read_recording(folder: Path) -> ClusterState:
    """The state that was written into a folder, with MASK for every value that was not.

    UsageError names the file where the recording is incomplete, damaged or of a newer format. It is untrusted input.
    """
    root = _Folder(folder)
    header = root.document(HEADER, missing="the folder is no recording")
    found = header.value.get("format")
    if type(found) is not int or found < 1:
        header.refuse("format is no number of a format")
    if found > FORMAT:
        raise UsageError(
            f"{header.path}: the recording has format {found} and this driftgate reads up to {FORMAT}: update driftgate"
        )
    kinds = _kinds_of(root.document(KINDS))
    objects: dict[str, list[Json]] = {name: [] for name in FOLDERS}
    for name, count in header.map("files").items():
        if not _FILE.fullmatch(name):
            header.refuse(f"files names {name[:80]!r}, which is no file of a recording")
        objects[name.partition("/")[0]] += _objects_of(root.document(name), count)
    identity: Identity = header.made(Identity, header.value.get("cluster"), "cluster")
    if not identity.uid:
        header.refuse("cluster has no uid")
    return ClusterState(
        header.text("context"),
        header.text("destination"),
        identity,
        header.parsed(_time, header.text("taken"), "taken"),
        tuple(objects[FOLDERS[0]]),
        tuple(objects[FOLDERS[1]]),
        kinds,
        tuple(header.made(Wanted, one, "listed") for one in header.list("listed")),
        tuple(_unread_of(header, one) for one in header.list("unread")),
        header.number("calls"),
        recorded=True,
    )


@dataclass(frozen=True, slots=True)
class _Document:
    """A file of the folder that is a JSON object; each `refuse` is a UsageError with the file's name."""

    path: Path
    value: dict[str, Any]

    def refuse(self, problem: str) -> NoReturn:
        raise UsageError(f"{self.path}: {problem}")

    def text(self, key: str) -> str:
        value = self.value.get(key)
        return value if isinstance(value, str) else self.refuse(f"{key} is no text")

    def number(self, key: str) -> int:
        value = self.value.get(key)
        return value if type(value) is int else self.refuse(f"{key} is no whole number")

    def map(self, key: str) -> dict[str, Any]:
        value = self.value.get(key)
        return value if isinstance(value, dict) else self.refuse(f"{key} is no map")

    def list(self, key: str) -> list[Any]:
        value = self.value.get(key)
        return value if isinstance(value, list) else self.refuse(f"{key} is no list")

    def parsed(self, parse: Callable[[Any], Any], value: Any, key: str) -> Any:
        try:
            return parse(value)
        except (ValueError, KeyError, TypeError):
            self.refuse(f"{key} cannot be read")

    def made(self, of: type[Any], value: Any, key: str) -> Any:
        """An instance of a dataclass of texts and booleans (annotations are texts); absent ones are empty or false."""
        kinds = {one.name: bool if one.type == "bool" else str for one in fields(of)}
        if not isinstance(value, dict) or not value.keys() <= kinds.keys():
            self.refuse(f"{key} has an entry that is none")
        if not all(type(below) is kinds[name] for name, below in value.items()):
            self.refuse(f"{key} has an entry with a value of the wrong kind")
        return of(**{name: value.get(name, kind()) for name, kind in kinds.items()})


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    def document(self, name: str, missing: str = f"is missing, though {HEADER} needs it") -> _Document:
        """A JSON object of the folder; neither a link nor anything else that is no plain file is followed."""
        path = self.path / name
        try:
            root = FileRoot(self.path)
            root.resolve(name)  # a link in the way may lead anywhere
            head = root.head(name, MOST_BYTES)
        except FileNotFoundError:
            raise UsageError(f"{path}: {missing}") from None
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from None
        if head is None or len(head[0]) < head[1]:
            problem = "is no plain file" if head is None else f"is larger than {MOST_BYTES} bytes"
            raise UsageError(f"{path}: {problem}")
        problem = ""
        try:
            value = json.loads(head[0], parse_constant=_no_number)
        except json.JSONDecodeError as error:
            problem = f"not readable as JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        except RecursionError:
            problem = "nested too deeply"
        except ValueError:
            problem = "not readable as JSON: it is no UTF-8, or has a number that is none"
        if problem:
            raise UsageError(f"{path}: {problem}")
        if not isinstance(value, dict) or _is_deep(value):
            raise UsageError(f"{path}: nested too deeply" if isinstance(value, dict) else f"{path}: is no JSON object")
        return _Document(path, value)


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            below
            for one in level
            if isinstance(one, dict | list)
            for below in (one.values() if isinstance(one, dict) else one)
            if isinstance(below, dict | list)
        ]
        if not level:
            return False
    return True


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time


def _unread_of(header: _Document, entry: Any) -> Unread:
    if not isinstance(entry, dict) or type(entry.get("status")) is not int or not isinstance(entry.get("message"), str):
        header.refuse("unread has an entry that is none")
    why: Why = header.parsed(Why.__getitem__, entry.get("why"), "why of unread")
    wanted: Wanted = header.made(Wanted, entry.get("wanted"), "unread")
    return Unread(wanted, why, entry["status"], entry["message"])


def _kinds_of(document: _Document) -> Discovery:
    resources = {}
    for entry in document.list("resources"):
        held = entry if isinstance(entry, dict) else {}
        verbs, versions = held.get("verbs"), held.get("versions")
        if not _are_texts(verbs) or not _are_texts(versions) or not versions:
            document.refuse("resources has an entry without verbs or versions")
        about: _Plain = document.made(
            _Plain, {key: value for key, value in held.items() if key not in ("verbs", "versions")}, "resources"
        )
        one = Resource(about.group, about.kind, about.name, about.namespaced, frozenset(verbs), tuple(versions))
        resources[one.group, one.kind] = one
    return Discovery(resources, tuple(document.made(DiscoveryFault, one, "faults") for one in document.list("faults")))


@dataclass(frozen=True, slots=True)
class _Plain:
    """What a resource has besides lists."""

    group: str
    kind: str
    name: str
    namespaced: bool


def _objects_of(document: _Document, count: Any) -> Iterator[Json]:
    entries = document.list("objects")
    if len(entries) != count:
        document.refuse(f"has {len(entries)} objects, and {HEADER} says {count}")
    for number, entry in enumerate(entries, 1):
        found = entry.get("object") if isinstance(entry, dict) else None
        problem = _problem_of(found) if isinstance(found, dict) else "is none"
        if problem or not isinstance(found, dict):
            document.refuse(f"object {number} {problem}")
        ways = entry.get("notRecorded", [])
        if not isinstance(ways, list) or not all(isinstance(way, list) and _mask(found, way) for way in ways):
            document.refuse(f"notRecorded of object {number} names a place where nothing was left out")
        yield opaque(found)


def _problem_of(found: Json) -> str:
    """In what an object is none of a cluster, in the fields that everybody relies on; empty where it is one."""
    metadata = found.get("metadata")
    if not isinstance(metadata, dict):
        return "is none: it has no metadata"
    texts = [found.get("apiVersion"), found.get("kind"), metadata.get("name")]
    if not all(isinstance(text, str) and text for text in texts) or str(texts[0]).count("/") > 1:
        return "is none: apiVersion, kind or name is missing or no text"
    for key in ("namespace", "uid", "creationTimestamp", "deletionTimestamp"):
        if not isinstance(metadata.get(key, ""), str):
            return f"is damaged: metadata.{key} is no text"
    for key in ("labels", "annotations"):
        held = metadata.get(key, {})
        if not isinstance(held, dict) or not _are_texts(list(held.values())):
            return f"is damaged: metadata.{key} is no map of texts"
    for key in ("managedFields", "ownerReferences"):
        held = metadata.get(key, [])
        if not isinstance(held, list) or not all(isinstance(one, dict) for one in held):
            return f"is damaged: metadata.{key} is no list of maps"
    return ""


def _mask(document: Any, way: list[Any]) -> bool:
    """Put MASK where a value was left out; False where none was."""
    if not way:
        return False
    *above, last = way
    try:
        for step in above:
            document = document[step]
        held = document[last]
        if not isinstance(held, str) or LEFT_OUT not in held:
            return False
        document[last] = held.replace(LEFT_OUT, MASK)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
