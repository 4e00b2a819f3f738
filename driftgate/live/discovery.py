"""Which kinds an API server serves, under which resource names, and which of its parts do not answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from driftgate.live.connection import JSON, Cluster
from driftgate.live.failure import ApiError, Why

__all__ = ["Discovery", "DiscoveryFault", "Resource", "discover"]

_AGGREGATED = ",".join(
    [*(f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")),
     JSON]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as the API server serves it: `name` is the plural in paths, `group` is empty for the core group.

    `version` is the first version of the group, in the server's own order, that has the kind; `versions` are all.
    """

    group: str
    kind: str
    name: str
    namespaced: bool
    verbs: frozenset[str]
    versions: tuple[str, ...]

    @property
    def version(self) -> str:
        """The version in which the kind is read."""
        return self.versions[0]

    @property
    def label(self) -> str:
        """The resource as RBAC and kubectl name it: `deployments.apps`."""
        return f"{self.name}.{self.group}" if self.group else self.name

    def path(self, namespace: str = "", name: str = "", version: str = "") -> str:
        """The path of its objects: of one namespace, or of all where none is given or the kind has none.

        With a `version` in that one of `versions`.
        """
        version = quote(version or self.version, safe="")
        start = f"/apis/{quote(self.group, safe='')}/{version}" if self.group else f"/api/{version}"
        middle = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{start}{middle}/{quote(self.name, safe='')}" + (f"/{quote(name, safe='')}" if name else "")


@dataclass(frozen=True, slots=True)
class DiscoveryFault:
    """A version of a group that is registered and does not tell its kinds: its own API server is down, mostly."""

    group: str
    version: str
    message: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """Every kind that is served, by group and kind, and what could not be found out."""

    resources: Mapping[tuple[str, str], Resource] = field(default_factory=dict)
    faults: tuple[DiscoveryFault, ...] = ()

    def find(self, group: str, kind: str) -> Resource | None:
        """The resource of a kind; None where it is not served, or by a part that does not answer (`fault_of`)."""
        return self.resources.get((group, kind))

    def fault_of(self, group: str) -> DiscoveryFault | None:
        """Why kinds of a group may be missing although they are served."""
        return next((fault for fault in self.faults if fault.group == group), None)


def discover(cluster: Cluster, *, aggregated: bool = True) -> Discovery:
    """The kinds of a cluster. Raises ApiError where the API server itself does not tell.

    Two requests where aggregated discovery is served (Kubernetes 1.26 and later), else one for each version of a group.
    An aggregated API that is down becomes a fault and hides nothing else.
    """
    accept = _AGGREGATED if aggregated else JSON
    core, groups = cluster.get("/api", accept=accept), cluster.get("/apis", accept=accept)
    lists: list[_Version] = []
    faults: list[DiscoveryFault] = []
    legacy: list[tuple[str, str]] = []
    for document in (core, groups):
        if document.get("kind") == "APIGroupDiscoveryList":
            _add_aggregated(document, lists, faults)
        else:
            legacy += _group_versions(document)
    for (group, version), answer in zip(legacy, cluster.each(lambda one: _version_list(cluster, *one), legacy),
                                        strict=True):  # fmt: skip
        if isinstance(answer, ApiError):
            faults.append(DiscoveryFault(group, version, answer.words))
        else:
            lists.append(_Version(group, version, tuple(_legacy_kinds(answer))))
    return Discovery(_by_kind(lists), tuple(faults))


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str
    name: str
    namespaced: bool
    verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Version:
    group: str
    version: str
    kinds: tuple[_Kind, ...]


def _by_kind(lists: list[_Version]) -> dict[tuple[str, str], Resource]:
    versions: dict[tuple[str, str], list[str]] = {}
    first: dict[tuple[str, str], _Kind] = {}
    for one in lists:
        for kind in one.kinds:
            key = (one.group, kind.kind)
            first.setdefault(key, kind)
            versions.setdefault(key, []).append(one.version)
    return {
        (group, name): Resource(group, name, kind.name, kind.namespaced, kind.verbs, tuple(versions[group, name]))
        for (group, name), kind in first.items()
    }


def _add_aggregated(document: Mapping[str, Any], lists: list[_Version], faults: list[DiscoveryFault]) -> None:
    for item in _dicts(document.get("items")):
        group = _text(_dict(item.get("metadata")).get("name"))
        for entry in _dicts(item.get("versions")):
            version = _text(entry.get("version"))
            if entry.get("freshness") == "Stale":
                message = f"the API server behind APIService {version}.{group} does not answer"
                faults.append(DiscoveryFault(group, version, message))
            lists.append(_Version(group, version, tuple(_aggregated_kinds(entry))))


def _aggregated_kinds(entry: Mapping[str, Any]) -> Iterator[_Kind]:
    for resource in _dicts(entry.get("resources")):
        kind = _text(_dict(resource.get("responseKind")).get("kind"))
        verbs = frozenset(filter(None, map(_text, resource.get("verbs") or ())))
        if kind:
            yield _Kind(kind, _text(resource.get("resource")), resource.get("scope") == "Namespaced", verbs)


def _group_versions(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Group and version of everything in an APIVersions or APIGroupList, the preferred version first."""
    found = [("", _text(version)) for version in document.get("versions") or () if isinstance(version, str)]
    for group in _dicts(document.get("groups")):
        preferred = _text(_dict(group.get("preferredVersion")).get("version"))
        versions = [_text(entry.get("version")) for entry in _dicts(group.get("versions"))]
        ordered = sorted(versions, key=lambda version: version != preferred)
        found += [(_text(group.get("name")), version) for version in ordered]
    return found


def _version_list(cluster: Cluster, group: str, version: str) -> dict[str, Any] | ApiError:
    try:
        return cluster.get(f"/apis/{group}/{version}" if group else f"/api/{version}")
    except ApiError as failure:
        # A part that is down; not to be logged in, or not to reach the server at all, is no matter of one group.
        if failure.why in (Why.BUSY, Why.SERVER, Why.NOT_FOUND, Why.TIMEOUT, Why.FORBIDDEN):
            return failure
        raise


def _legacy_kinds(document: Mapping[str, Any]) -> Iterator[_Kind]:
    for resource in _dicts(document.get("resources")):
        name, kind = _text(resource.get("name")), _text(resource.get("kind"))
        if kind and "/" not in name:
            verbs = frozenset(filter(None, map(_text, resource.get("verbs") or ())))
            yield _Kind(kind, name, resource.get("namespaced") is True, verbs)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
