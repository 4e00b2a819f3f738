"""Reads the objects of a cluster by kind and namespace: paged, a few lists at once, and nothing lost unsaid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from driftgate.live.connection import JSON, METADATA_LIST, WORKERS, Cluster
from driftgate.live.discovery import Discovery, Resource, discover
from driftgate.live.failure import ApiError, Why
from driftgate.model.secret import mask_secret

__all__ = ["Listing", "Unread", "Wanted", "opaque", "read_objects"]

PAGE = 500
# A list that goes on for ever must not hold us up for ever; no cluster has so many objects of one kind.
MOST_PAGES = 1000
# As many lists are under way at once; where all of them meet with silence, it is not the matter of one kind.
MOST_SILENT = WORKERS
_SECRET = ("", "Secret")
# A release holds every manifest and all values of a chart, some of them secret, and nobody renders one.
_NO_RELEASES = "type!=helm.sh/release.v1"


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """The objects of one kind in one namespace; without a namespace all of them, or those of a cluster-scoped kind.

    `metadata_only` leaves out everything but apiVersion, kind and metadata. It always does for Secrets, unless
    `secret_values` asks for all of them. `labels` and `fields` are selectors as kubectl takes them. `version` is the
    version of the API that is asked for, the server's first choice where it is empty.
    """

    group: str
    kind: str
    namespace: str = ""
    metadata_only: bool = False
    labels: str = ""
    fields: str = ""
    version: str = ""
    secret_values: bool = False


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

    What a Secret holds is SecretValue, and so is the annotation that repeats it; of those in which helm keeps its
    releases nothing is read but the metadata. What cannot be read is an Unread and never an empty list; a namespace
    that does not exist has no objects. Raises ApiError where the cluster does not tell its kinds.
    """
    questions = sorted(set(wanted))
    known = discover(cluster) if discovery is None else discovery
    silence = _Silence()
    answers = cluster.each(lambda one: silence.kept(one, lambda: _read(cluster, one, known)), questions)
    objects = [item for answer in answers if not isinstance(answer, Unread) for item in answer]
    return Listing(tuple(objects), tuple(answer for answer in answers if isinstance(answer, Unread)))


@dataclass(slots=True)
class _Silence:
    """Gives a server up that has stopped answering, so that a hundred lists do not wait for it one after another."""

    in_a_row: int = 0

    def kept(self, wanted: Wanted, read: Callable[[], list[dict[str, Any]] | Unread]) -> list[dict[str, Any]] | Unread:
        if self.in_a_row >= MOST_SILENT:
            return Unread(wanted, Why.UNREACHABLE, 0, f"not asked: {MOST_SILENT} lists before had no answer at all")
        answer = read()
        is_silent = isinstance(answer, Unread) and answer.why in (Why.UNREACHABLE, Why.TIMEOUT) and not answer.status
        self.in_a_row = self.in_a_row + 1 if is_silent else 0
        return answer


def _read(cluster: Cluster, wanted: Wanted, discovery: Discovery) -> list[dict[str, Any]] | Unread:
    resource = discovery.find(wanted.group, wanted.kind)
    is_served = resource is not None and wanted.version in ("", *resource.versions)
    if resource is None or not is_served or "list" not in resource.verbs:
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
    if resource is not None and wanted.version in ("", *resource.versions):
        message = f"{resource.label} cannot be listed"
    elif resource is not None and fault is None:
        served = ", ".join(resource.versions)
        message = f"the cluster serves {resource.label} in {served}, not in {wanted.version}"
    elif fault is not None:
        return Unread(wanted, Why.SERVER, 0, f"{fault.group}/{fault.version}: {fault.message}")
    else:
        message = f"the cluster serves no {wanted.kind}" + (f" of {wanted.group}" if wanted.group else "")
    return Unread(wanted, Why.NOT_SERVED, 0, message)


def _pages(cluster: Cluster, wanted: Wanted, resource: Resource) -> list[dict[str, Any]]:
    is_secret = (wanted.group, wanted.kind) == _SECRET
    metadata_only = wanted.metadata_only or (is_secret and not wanted.secret_values)
    fields = [wanted.fields, _NO_RELEASES if is_secret and not metadata_only else ""]
    path = resource.path(wanted.namespace, version=wanted.version)
    query = {"limit": str(PAGE), "labelSelector": wanted.labels, "fieldSelector": ",".join(filter(None, fields))}
    query = {key: value for key, value in query.items() if value}
    version = wanted.version or resource.version
    told = {"apiVersion": f"{resource.group}/{version}" if resource.group else version, "kind": resource.kind}
    found: list[dict[str, Any]] = []
    for _ in range(MOST_PAGES):
        page = cluster.get(path, query, accept=METADATA_LIST if metadata_only else JSON)
        found += (opaque({**told, **_told(item, metadata_only)}) for item in _items(page, path))
        further = page.get("metadata")
        token = further.get("continue") if isinstance(further, dict) else None
        if not token:
            return found
        query["continue"] = str(token)
    raise ApiError(Why.CUT_SHORT, f"GET {path}", f"the list goes on after {len(found)} objects")


def _items(page: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    items = page.get("items")
    if items is None and isinstance(page.get("metadata"), dict):
        items = []  # Go writes an empty list as null
    if not isinstance(items, list) or not all(_is_object(item) for item in items):
        raise ApiError(Why.FOREIGN, f"GET {path}", "the answer is no list of objects")
    return items


def opaque(item: dict[str, Any]) -> dict[str, Any]:
    """An object with the values of a Secret made unprintable; who wrote which field of it is none of them."""
    masked = mask_secret(item)
    managers = item["metadata"].get("managedFields")
    if masked is not item and managers is not None:
        shown: Any = masked["metadata"]
        masked["metadata"] = {**shown, "managedFields": managers}
    return masked


def _is_object(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("metadata"), dict)


def _told(item: Mapping[str, Any], metadata_only: bool) -> dict[str, Any]:
    """An element without its own apiVersion and kind: lists leave them out, or call all of them by another name.

    What a server sends although only the metadata was asked for is dropped.
    """
    return {
        key: item[key] for key in item if (key == "metadata" if metadata_only else key not in ("apiVersion", "kind"))
    }
