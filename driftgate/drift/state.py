"""What one cluster said at one time, and of what it said nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driftgate.compare.values import Json
from driftgate.live import Discovery, Identity, Unread, Wanted
from driftgate.model.secret import SecretValue

__all__ = ["EVERY_KIND", "MASK", "ClusterState", "Unreached", "is_masked", "key_of", "version_of"]

#: In the place of a kind: every kind of a group, where the group's own API server does not tell its kinds.
EVERY_KIND = "*"
#: What stands in an object that was read from a recording in the place of a value that was not recorded. New in each
#: run, so that no desired value is ever equal to it; letters of base64, as the values of Secrets have to be.
MASK = f"MASKED{os.urandom(15).hex()}"

#: Group, kind, namespace ("" for cluster-scoped kinds) and name.
Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The objects of one cluster, and every list of objects that could not be read.

    `context` is what the user calls the cluster, `destination` as in `driftgate.target.destinations_of`, `taken` the
    time in UTC at which reading began. `objects` are in full, in the API version in which they are rendered, and with
    them what tells how they are doing: Pods, events, endpoints; what a Secret holds is SecretValue in them, and so is
    its last-applied annotation. `others` have apiVersion, kind and metadata alone: the objects of every other kind that
    nobody owns (`ownerReferences`), and all Secrets, to find what is tracked to an Application and no longer
    rendered. `listed` are the lists that were read to the end, `unread` those that were
    not. `calls` counts the requests. A state that was read from a recording is `recorded`, and holds MASK wherever a
    value was not written down.
    """

    context: str
    destination: str
    identity: Identity
    taken: datetime
    # Of what a cluster holds nothing stands in a traceback.
    objects: tuple[Json, ...] = field(repr=False)
    others: tuple[Json, ...] = field(repr=False)
    kinds: Discovery
    listed: tuple[Wanted, ...]
    unread: tuple[Unread, ...]
    calls: int
    recorded: bool = False
    _by_key: dict[Key, tuple[Json, ...]] = field(init=False, repr=False, compare=False)
    _lists: dict[tuple[str, str], tuple[Wanted, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key: dict[Key, tuple[Json, ...]] = {}
        for one in self.objects:
            key = key_of(one)
            by_key[key] = (*by_key.get(key, ()), one)
        lists: dict[tuple[str, str], tuple[Wanted, ...]] = {}
        for wanted in self.listed:
            about = wanted.group, wanted.kind
            lists[about] = (*lists.get(about, ()), wanted)
        object.__setattr__(self, "_by_key", by_key)
        object.__setattr__(self, "_lists", lists)

    def find(self, group: str, kind: str, namespace: str, name: str, version: str = "") -> Json | None:
        """The object in full, in this version of the API where one is given, else in any in which it was read."""
        found = self._by_key.get((group, kind, namespace, name), ())
        return next((one for one in found if version in ("", version_of(one))), None)

    def is_listed(
        self, group: str, kind: str, namespace: str, version: str = "", *, metadata_only: bool = False
    ) -> bool:
        """Whether the objects were read to the end, so that what `find` does not have is missing in the cluster.

        With `metadata_only` a list of the metadata is enough, so that what is in neither `objects` nor `others` and
        has no owner is missing. A list that leaves out what nobody renders, the records of helm's releases, counts.
        """
        return any(
            _is_of(wanted, namespace, version, metadata_only=metadata_only)
            for wanted in self._lists.get((group, kind), ())
        )

    def unread_of(
        self, group: str, kind: str, namespace: str, version: str = "", *, metadata_only: bool = False
    ) -> Unread | None:
        """Why the objects were not read; None where they were, or where nobody asked for them.

        With `metadata_only` a list of the metadata alone is meant too.
        """
        for one in self.unread:
            wanted = one.wanted
            about = wanted.group == group and wanted.kind in (kind, EVERY_KIND)
            if about and _is_of(wanted, namespace, version, metadata_only=metadata_only):
                return one
        return None


@dataclass(frozen=True, slots=True)
class Unreached:
    """A cluster of which nothing was read: no way there, no answer, or another cluster than the one that is meant.

    `destination` is empty where it is not even known which one the cluster would have been; `why` is what a person
    reads, `applications` are the labels of those of which nothing is known therefore.
    """

    destination: str
    context: str
    why: str
    applications: tuple[str, ...]


def _is_of(wanted: Wanted, namespace: str, version: str, *, metadata_only: bool) -> bool:
    if wanted.namespace not in ("", namespace):
        return False
    if metadata_only or wanted.kind == EVERY_KIND:
        return True
    return not wanted.metadata_only and (version == "" or wanted.version in ("", version))


def is_masked(value: Any) -> bool:
    """Whether a value is one that a recording does not hold, or has one anywhere in it.

    Whoever compares such a value has learnt nothing of it: neither that it differs nor that it does not.
    """
    if isinstance(value, SecretValue):
        return is_masked(value.reveal())
    if isinstance(value, str):
        return MASK in value
    if isinstance(value, dict):
        return any(is_masked(key) or is_masked(below) for key, below in value.items())
    return isinstance(value, list | tuple) and any(map(is_masked, value))


def key_of(document: Json) -> Key:
    """Group, kind, namespace and name of an object of a cluster."""
    metadata = document["metadata"]
    group = document["apiVersion"].rpartition("/")[0]
    return group, document["kind"], metadata.get("namespace", ""), metadata.get("name", "")


def version_of(document: Json) -> str:
    """The version of an object's API, such as `v1`."""
    return str(document["apiVersion"].rpartition("/")[2])
