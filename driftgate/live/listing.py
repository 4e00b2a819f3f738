"""Reads the objects of a cluster by kind and namespace: paged, a few lists at once, and nothing lost unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from driftgate.live.connection import JSON, METADATA_LIST, Cluster
from driftgate.live.discovery import Discovery, Resource, discover
from driftgate.live.failure import ApiError, Why
from driftgate.model.secret import mask_secret

__all__ = ["Listing", "Unread", "Wanted", "read_objects"]

PAGE = 500
_SECRET = ("", "Secret")


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """The objects of one kind in one namespace; without a namespace all of them, or those of a cluster-scoped kind.

    `metadata_only` leaves out everything but apiVersion, kind and metadata. It always does for Secrets. `labels` and
    `fields` are selectors as kubectl takes them.
    """

    group: str
    kind: str
    namespace: str = ""
    metadata_only: bool = False
    labels: str = ""
    fields: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A list that could not be read in full; nothing of it is among the objects."""

    wanted: Wanted
    why: Why
    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What was read, in the order of the lists, and what was not."""

    objects: tuple[dict[str, Any], ...] = ()
    unread: tuple[Unread, ...] = ()

    def of(self, group: str, kind: str, namespace: str | None = None) -> tuple[dict[str, Any], ...]:
        """The objects of a kind, of one namespace where that is given."""
        return tuple(
            one
            for one in self.objects
            if one["kind"] == kind
            and one["apiVersion"].rpartition("/")[0] == group
            and namespace in (None, one["metadata"].get("namespace", ""))
        )


def read_objects(cluster: Cluster, wanted: Iterable[Wanted], discovery: Discovery | None = None) -> Listing:
    """Every object that is wanted, as a plain JSON object with its apiVersion and kind.

    Secrets come as metadata alone, with what repeats their values made unprintable. What cannot be read is an Unread
    and never an empty list; a namespace that does not exist has no objects. Raises ApiError where the cluster does
    not tell its kinds.
    """
    questions = sorted(set(wanted))
    known = discover(cluster) if discovery is None else discovery
    answers = cluster.each(lambda one: _read(cluster, one, known), questions)
    objects = [item for answer in answers if not isinstance(answer, Unread) for item in answer]
    return Listing(tuple(objects), tuple(answer for answer in answers if isinstance(answer, Unread)))


def _read(cluster: Cluster, wanted: Wanted, discovery: Discovery) -> list[dict[str, Any]] | Unread:
    resource = discovery.find(wanted.group, wanted.kind)
    if resource is None or "list" not in resource.verbs:
        return _not_served(wanted, discovery, resource)
    try:
        try:
            return _pages(cluster, wanted, resource)
        except ApiError as failure:
            if failure.why is not Why.EXPIRED:
                raise
            # The server has forgotten the state that the pages were of, so that they have to be of a new one.
            return _pages(cluster, wanted, resource)
    except ApiError as failure:
        return Unread(wanted, failure.why, failure.status, failure.message)


def _not_served(wanted: Wanted, discovery: Discovery, resource: Resource | None) -> Unread:
    fault = discovery.fault_of(wanted.group)
    if resource is not None:
        message = f"{resource.label} cannot be listed"
    elif fault is not None:
        return Unread(wanted, Why.SERVER, 0, f"{fault.group}/{fault.version}: {fault.message}")
    else:
        message = f"the cluster serves no {wanted.kind}" + (f" of {wanted.group}" if wanted.group else "")
    return Unread(wanted, Why.NOT_SERVED, 0, message)


def _pages(cluster: Cluster, wanted: Wanted, resource: Resource) -> list[dict[str, Any]]:
    metadata_only = wanted.metadata_only or (wanted.group, wanted.kind) == _SECRET
    path = resource.path(wanted.namespace)
    query = {"limit": str(PAGE), "labelSelector": wanted.labels, "fieldSelector": wanted.fields}
    query = {key: value for key, value in query.items() if value}
    found: list[dict[str, Any]] = []
    while True:
        page = cluster.get(path, query, accept=METADATA_LIST if metadata_only else JSON)
        found += _items(page, resource, path, metadata_only=metadata_only)
        further = page.get("metadata")
        token = further.get("continue") if isinstance(further, dict) else None
        if not token:
            return found
        query["continue"] = str(token)


def _items(page: Mapping[str, Any], resource: Resource, path: str, *, metadata_only: bool) -> list[dict[str, Any]]:
    items = page.get("items")
    if items is None and isinstance(page.get("metadata"), dict):
        items = []  # Go writes an empty list as null
    if not isinstance(items, list) or not all(_is_object(item) for item in items):
        raise ApiError(Why.FOREIGN, f"GET {path}", "the answer is no list of objects")
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    named = ({"apiVersion": version, "kind": resource.kind, **_told(item, metadata_only)} for item in items)
    return [mask_secret(item) for item in named]


def _is_object(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("metadata"), dict)


def _told(item: Mapping[str, Any], metadata_only: bool) -> dict[str, Any]:
    """An element without its own apiVersion and kind: lists leave them out, or call all of them by another name.

    What a server sends although only the metadata was asked for is dropped.
    """
    return {
        key: item[key] for key in item if (key == "metadata" if metadata_only else key not in ("apiVersion", "kind"))
    }
