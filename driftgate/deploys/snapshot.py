"""What was so before a deploy, in one file: what it will change, what differed anyway, and the shape of each object.

The file holds names, keys of findings and digests, and no value: it may lie in the artifacts of a pipeline.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from driftgate.deploys.plan import Action, Planned
from driftgate.deploys.skeleton import Skeleton, skeleton_of
from driftgate.drift.pairing import LiveEnvironment
from driftgate.errors import UsageError
from driftgate.files import FileRoot
from driftgate.live import Identity
from driftgate.model.outcome import Finding, Judgement, Outcome

__all__ = ["FORMAT", "Seen", "Snapshot", "SnapshotCluster", "read_snapshot", "snapshot_of", "write_snapshot"]

#: Raised when a snapshot of today could not be read by the driftgate of yesterday.
FORMAT: Final = 1
MOST_BYTES = 256 * 1024 * 1024
MOST_LEVELS = 200
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class SnapshotCluster:
    """A cluster that the snapshot is of: the uid of its namespace kube-system tells it from every other one."""

    destination: str
    api_server: str
    uid: str

    @classmethod
    def of(cls, destination: str, identity: Identity) -> SnapshotCluster:
        """The cluster that was read as a destination."""
        return cls(destination, identity.api_server, identity.uid)


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it was: its uid, and its shape without values."""

    uid: str
    skeleton: Skeleton


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An environment and its clusters before a deploy.

    `taken` is in UTC; `revision` the commit of the tree that is to be deployed, empty where there is none. `there` are
    the keys of the findings that were open, `unchecked` of those that could not be checked, and `judged` the labels of
    the Applications that were looked at. `objects` are the live objects by destination and object id.
    """

    environment: str
    taken: datetime
    revision: str
    clusters: tuple[SnapshotCluster, ...]
    judged: frozenset[str]
    planned: tuple[Planned, ...]
    there: frozenset[str]
    unchecked: frozenset[str]
    salt: bytes = field(repr=False)
    objects: Mapping[tuple[str, str], Seen] = field(repr=False)

    def refuse_other(self, environment: str, live: LiveEnvironment, file: Path) -> None:
        """UsageError where the snapshot is of another environment, or of another cluster, than was judged now."""
        if self.environment != environment:
            raise UsageError(f"snapshot {file}: is of environment {self.environment}, and this is {environment}")
        known = {cluster.destination: cluster for cluster in self.clusters}
        for state in live.states:
            before = known.get(state.destination)
            if before is None:
                raise UsageError(
                    f"snapshot {file}: has nothing of {state.destination}, which context {state.context} is"
                )
            if before.uid != state.identity.uid:
                raise UsageError(
                    f"snapshot {file}: is of another cluster: {state.destination} was {before.uid} at "
                    f"{before.api_server}, and context {state.context} is {state.identity.uid}"
                )


def snapshot_of(
    judgement: Judgement, live: LiveEnvironment, planned: Collection[Planned], *, revision: str = ""
) -> Snapshot:
    """The snapshot of what was just judged."""
    salt = secrets.token_bytes(_SALT_BYTES)
    findings = judgement.findings
    return Snapshot(
        environment=judgement.ledger.environment,
        taken=min(state.taken for state in live.states),
        revision=revision,
        clusters=tuple(SnapshotCluster.of(state.destination, state.identity) for state in live.states),
        judged=frozenset(live.applications),
        planned=tuple(planned),
        there=frozenset(finding.key for finding in findings if not _is_unchecked(finding)),
        unchecked=frozenset(finding.key for finding in findings if _is_unchecked(finding)),
        salt=salt,
        objects=seen_objects(live, salt),
    )


def seen_objects(live: LiveEnvironment, salt: bytes) -> dict[tuple[str, str], Seen]:
    """Every live object that Git renders, by destination and object id."""
    return {
        (deployed.state.destination, pair.object_id): Seen(
            str(pair.live["metadata"].get("uid", "")), skeleton_of(pair.live, salt)
        )
        for deployed in live.applications.values()
        for pair in deployed.pairs
        if pair.live is not None
    }


def _is_unchecked(finding: Finding) -> bool:
    return finding.outcome is Outcome.COULD_NOT_CHECK or finding.could_not_check


# --- the file


def write_snapshot(snapshot: Snapshot, file: Path) -> None:
    """Write a snapshot, in place of an older one; whoever is interrupted leaves the older one.

    UsageError where the folder cannot be written.
    """
    text = json.dumps(_document(snapshot), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(text.encode("utf-8", "backslashreplace") + b"\n")
        scratch.replace(file)
    except OSError as error:
        raise UsageError(f"snapshot {file}: {error.strerror or error}") from None
    finally:
        scratch.unlink(missing_ok=True)


def _document(snapshot: Snapshot) -> dict[str, Any]:
    objects: dict[str, dict[str, Any]] = {}
    for (destination, name), seen in snapshot.objects.items():
        objects.setdefault(destination, {})[name] = {"uid": seen.uid, "shape": seen.skeleton}
    return {
        "format": FORMAT,
        "environment": snapshot.environment,
        "taken": snapshot.taken.isoformat(),
        "revision": snapshot.revision,
        "clusters": [asdict(cluster) for cluster in snapshot.clusters],
        "judged": sorted(snapshot.judged),
        "planned": [{**asdict(one), "action": one.action.value} for one in snapshot.planned],
        "there": sorted(snapshot.there),
        "unchecked": sorted(snapshot.unchecked),
        "salt": snapshot.salt.hex(),
        "objects": objects,
    }


def read_snapshot(file: Path) -> Snapshot:
    """The snapshot in a file; UsageError for anything that is none, with what is wrong with it."""
    document = _Document(file, _loaded(file))
    if document.value.get("format") != FORMAT:
        document.refuse(f"has the format {document.value.get('format')!r}, and this driftgate reads {FORMAT}")
    return Snapshot(
        environment=document.text("environment"),
        taken=document.parsed("taken", _time),
        revision=document.text("revision"),
        clusters=tuple(SnapshotCluster(**one) for one in document.entries("clusters", SnapshotCluster)),
        judged=frozenset(document.texts("judged")),
        planned=tuple(
            Planned(**{**one, "action": document.parsed("planned", Action, one["action"])})
            for one in document.entries("planned", Planned)
        ),
        there=frozenset(document.texts("there")),
        unchecked=frozenset(document.texts("unchecked")),
        salt=document.parsed("salt", bytes.fromhex),
        objects=document.objects(),
    )


def _loaded(file: Path) -> Any:
    try:
        head = FileRoot(file.parent).head(file.name, MOST_BYTES)
        if head is None or len(head[0]) < head[1]:
            problem = "is no plain file" if head is None else f"is larger than {MOST_BYTES} bytes"
            raise UsageError(f"snapshot {file}: {problem}")
        return json.loads(head[0])
    except OSError as error:
        raise UsageError(f"snapshot {file}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"snapshot {file}: is not readable as JSON") from None


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time


@dataclass(frozen=True, slots=True)
class _Document:
    file: Path
    value: Any

    def __post_init__(self) -> None:
        if not isinstance(self.value, dict):
            self.refuse("is no snapshot")

    def refuse(self, problem: str) -> NoReturn:
        raise UsageError(f"snapshot {self.file}: {problem}")

    def text(self, key: str) -> str:
        value = self.value.get(key)
        return value if isinstance(value, str) else self.refuse(f"{key} is no text")

    def texts(self, key: str) -> list[str]:
        value = self.value.get(key)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.refuse(f"{key} is no list of texts")
        return value

    def parsed(self, key: str, parse: Callable[[str], Any], text: str | None = None) -> Any:
        try:
            return parse(self.text(key) if text is None else text)
        except ValueError:
            self.refuse(f"{key} cannot be read")

    def entries(self, key: str, of: type[Any]) -> list[dict[str, str]]:
        """Maps of texts with the fields of a dataclass."""
        value, names = self.value.get(key), set(of.__dataclass_fields__)
        if not isinstance(value, list):
            self.refuse(f"{key} is no list")
        for one in value:
            if (
                not isinstance(one, dict)
                or set(one) != names
                or not all(isinstance(text, str) for text in one.values())
            ):
                self.refuse(f"{key} has an entry that is none")
        return value

    def objects(self) -> dict[tuple[str, str], Seen]:
        found = {}
        by_destination = self.value.get("objects")
        if not isinstance(by_destination, dict):
            self.refuse("objects is no map")
        for destination, objects in by_destination.items():
            for name, one in objects.items() if isinstance(objects, dict) else self.refuse("objects is no map"):
                if not isinstance(one, dict) or not isinstance(one.get("uid"), str) or not _is_shape(one.get("shape")):
                    self.refuse("objects has an entry that is none")
                found[destination, name] = Seen(one["uid"], one["shape"])
        return found


def _is_shape(value: Any) -> bool:
    """Whether it is made of maps, lists and texts, and not too deep to walk."""
    level = [value]
    for _ in range(MOST_LEVELS):
        if not all(isinstance(one, dict | list | str) for one in level):
            return False
        nested = (one.values() if isinstance(one, dict) else one for one in level if not isinstance(one, str))
        level = [below for one in nested for below in one]
        if not level:
            return isinstance(value, dict)
    return False
