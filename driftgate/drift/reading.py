"""Reads a cluster: what is rendered in full, what tells how it is doing, and the metadata of everything else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from driftgate.compare.values import Json
from driftgate.drift.state import EVERY_KIND, ClusterState
from driftgate.health import lists_beside
from driftgate.live import Cluster, Discovery, Identity, Listing, Unread, Wanted, Why, discover, read_objects
from driftgate.model.application import API_GROUP

__all__ = ["Gathered", "Rendered", "gather", "read_state"]

# One list for each namespace up to here, one over all of them beyond: the answer is filtered then.
MANY_NAMESPACES = 8
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET: Final = ("", "Secret")
_RELEASES: Final = "type=helm.sh/release.v1"

# What nobody declares, so that nothing of it can be left over from a deploy. It is read where it is rendered. By
# group, and by kind where not the whole group is meant. Most of it is what Argo CD excludes unless it is told
# otherwise (argo-cd: manifests/base/config/argocd-cm.yaml, util/settings/resources_filter.go).
_NOT_DECLARED: Final = frozenset(
    {
        # What happened, what was measured, and answers to questions: made when they are asked for, or gone in an hour.
        ("", "Event"),
        ("", "ComponentStatus"),
        ("events.k8s.io", EVERY_KIND),
        ("metrics.k8s.io", EVERY_KIND),
        ("custom.metrics.k8s.io", EVERY_KIND),
        ("external.metrics.k8s.io", EVERY_KIND),
        ("authentication.k8s.io", EVERY_KIND),
        ("authorization.k8s.io", EVERY_KIND),
        # Renewed every few seconds by whoever holds them, or by the API servers among themselves.
        ("coordination.k8s.io", EVERY_KIND),
        ("internal.apiserver.k8s.io", EVERY_KIND),
        # Written by controllers and nodes: one for each Service, node, device, login, certificate, Pod or report.
        ("", "Endpoints"),
        ("", "Node"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("networking.k8s.io", "IPAddress"),
        ("resource.k8s.io", "ResourceSlice"),
        ("storage.k8s.io", "CSINode"),
        ("storage.k8s.io", "CSIStorageCapacity"),
        ("storage.k8s.io", "VolumeAttachment"),
        ("certificates.k8s.io", "CertificateSigningRequest"),
        ("cert-manager.io", "CertificateRequest"),
        ("cilium.io", "CiliumIdentity"),
        ("cilium.io", "CiliumEndpoint"),
        ("cilium.io", "CiliumEndpointSlice"),
        ("wgpolicyk8s.io", EVERY_KIND),
        ("reports.kyverno.io", EVERY_KIND),
        ("kyverno.io", "AdmissionReport"),
        ("kyverno.io", "BackgroundScanReport"),
        ("kyverno.io", "ClusterAdmissionReport"),
        ("kyverno.io", "ClusterBackgroundScanReport"),
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Rendered:
    """A kind as it is rendered into a namespace; without a namespace for a cluster-scoped kind."""

    api_version: str
    kind: str
    namespace: str = ""


def read_state(
    cluster: Cluster,
    destination: str,
    identity: Identity,
    wanted: Iterable[Rendered],
    argocd: str | None = None,
    namespaces: Iterable[str] = (),
) -> ClusterState:
    """What a cluster says of the kinds that are rendered, and of what else is in the namespaces concerned.

    A kind is read in full in the namespaces into which it is rendered, and so is what tells how the objects of such a
    kind are doing (`driftgate.health.lists_beside`); every other kind that somebody may declare as metadata alone, in
    all of these `namespaces` and for the whole cluster. `argocd` is the namespace whose
    Applications and AppProjects are read in full; None where Argo CD runs elsewhere. What could not be read is named
    list by list. Raises ApiError where the cluster does not even tell its kinds.
    """
    taken = datetime.now(UTC)
    calls = cluster.calls
    kinds = discover(cluster)
    found = gather(lambda lists: read_objects(cluster, lists, kinds), kinds, wanted, argocd, namespaces)
    return ClusterState(
        cluster.context,
        destination,
        identity,
        taken,
        found.objects,
        found.others,
        kinds,
        found.listed,
        found.unread,
        cluster.calls - calls,
    )


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read of a cluster, each part as in `ClusterState`."""

    objects: tuple[Json, ...]
    others: tuple[Json, ...]
    listed: tuple[Wanted, ...]
    unread: tuple[Unread, ...]


#: What reads lists, as `driftgate.live.read_objects` does.
Read = Callable[[Collection[Wanted]], Listing]


def gather(
    read: Read,
    kinds: Discovery,
    wanted: Iterable[Rendered],
    argocd: str | None = None,
    namespaces: Iterable[str] = (),
) -> Gathered:
    """What `read_state` asks for, by whatever reads lists, of a cluster that serves these kinds."""
    plan = _plan(kinds, set(wanted), argocd, set(namespaces) - {""})
    full = _read(read, plan.in_full, plan.namespaces, kinds)
    survey = _read(read, plan.metadata, plan.namespaces, kinds)
    return Gathered(
        full.objects,
        _left_over(survey.objects, full.objects),
        tuple(sorted({*full.done, *survey.done})),
        _once([*full.unread, *survey.unread, *_untold(kinds)]),
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """The lists to read, and the namespaces whose objects count."""

    in_full: frozenset[Wanted]
    metadata: frozenset[Wanted]
    namespaces: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Read:
    objects: tuple[Json, ...]
    done: tuple[Wanted, ...]
    unread: tuple[Unread, ...]


def _plan(kinds: Discovery, wanted: set[Rendered], argocd: str | None, namespaces: set[str]) -> _Plan:
    rendered = set(_placed(kinds, wanted))
    concerned = namespaces | {one.namespace for one in rendered} - {""}
    places: dict[Wanted, set[str]] = {}
    for one in rendered | set(_of_argocd(kinds, argocd)):
        group, _, version = one.api_version.rpartition("/")
        is_secret = (group, one.kind) == ("", "Secret")
        # Secrets in full come without the records of helm's releases: these by their metadata.
        places.setdefault(Wanted(group, one.kind, version=version, secret_values=is_secret), set()).add(one.namespace)
    known: dict[tuple[str, str], set[str]] = {}
    for question, there in places.items():
        known.setdefault((question.group, question.kind), set()).update(there)
    for question, place in _tell_of_health(kinds, rendered, known):
        places.setdefault(question, set()).add(place)
    in_full = {place for one, there in places.items() for place in _each(one, there)}
    metadata = set(_survey(kinds, concerned, places))
    metadata |= {
        replace(one, version="", secret_values=False, metadata_only=True, fields=_RELEASES)
        for one in in_full
        if one.secret_values
    }
    return _Plan(frozenset(in_full), frozenset(metadata), frozenset(concerned | ({argocd} if argocd else set())))


def _placed(kinds: Discovery, wanted: Iterable[Rendered]) -> Iterator[Rendered]:
    """What is rendered, with no namespace where its kind has none."""
    for one in wanted:
        resource = kinds.find(one.api_version.rpartition("/")[0], one.kind)
        yield replace(one, namespace="") if resource is not None and not resource.namespaced else one


def _tell_of_health(
    kinds: Discovery, rendered: Iterable[Rendered], known: dict[tuple[str, str], set[str]]
) -> Iterator[tuple[Wanted, str]]:
    """What tells how the rendered objects are doing, in their namespaces: Pods, events and the like.

    What is read in full anyway is not read twice. Of Secrets their metadata is enough, which is in the survey.
    """
    there: dict[str, set[tuple[str, str]]] = {}
    for one in rendered:
        there.setdefault(one.namespace, set()).add((one.api_version.rpartition("/")[0], one.kind))
    for namespace, about in there.items():
        for kind in lists_beside(about) - {_SECRET}:
            resource = kinds.find(*kind)
            if resource is not None and "list" in resource.verbs:
                place = namespace if resource.namespaced else ""
                if place not in known.get(kind, ()) and (place or not resource.namespaced):
                    yield Wanted(*kind), place


def _of_argocd(kinds: Discovery, namespace: str | None) -> Iterator[Rendered]:
    for kind in ("Application", "AppProject") if namespace else ():
        if kinds.find(API_GROUP, kind) is not None or kinds.fault_of(API_GROUP) is not None:
            yield Rendered(f"{API_GROUP}/v1alpha1", kind, namespace or "")


def _survey(kinds: Discovery, namespaces: Collection[str], in_full: dict[Wanted, set[str]]) -> Iterator[Wanted]:
    """The lists of metadata that find what is no longer rendered, where nothing is read in full."""
    read: dict[tuple[str, str], set[str]] = {}
    for wanted, there in in_full.items():
        read.setdefault((wanted.group, wanted.kind), set()).update(there)
    for about, resource in kinds.resources.items():
        if "list" not in resource.verbs or _is_not_declared(*about):
            continue
        one, there = Wanted(*about, metadata_only=True), read.get(about, set())
        if resource.namespaced:
            yield from _each(one, set(namespaces) - there)
        elif not there:
            yield one


def _is_not_declared(group: str, kind: str) -> bool:
    return not {(group, kind), (group, EVERY_KIND)}.isdisjoint(_NOT_DECLARED)


def _each(wanted: Wanted, namespaces: Collection[str]) -> set[Wanted]:
    places = {""} if len(namespaces) > MANY_NAMESPACES else set(namespaces)
    return {replace(wanted, namespace=namespace) for namespace in places}


def _read(read: Read, lists: Collection[Wanted], namespaces: frozenset[str], kinds: Discovery) -> _Read:
    first = read(lists)
    # Who may not list a kind everywhere may do so in the namespaces that count.
    refused = {one.wanted for one in first.unread if one.why is Why.FORBIDDEN and _is_everywhere(one.wanted, kinds)}
    narrower = {replace(one, namespace=namespace) for one in refused for namespace in namespaces}
    second = read(narrower) if narrower else Listing()
    unread = (*(one for one in first.unread if one.wanted not in refused), *second.unread)
    done = ({*lists} | narrower) - {one.wanted for one in unread} - refused
    # Of a list over all namespaces only these are kept, and nothing is known of the others.
    there = {
        replace(one, namespace=namespace)
        for one in done
        for namespace in (namespaces if _is_everywhere(one, kinds) else (one.namespace,))
    }
    objects = (*first.objects, *second.objects)
    here = tuple(one for one in objects if one["metadata"].get("namespace", "") in {"", *namespaces})
    return _Read(here, tuple(there), unread)


def _is_everywhere(wanted: Wanted, kinds: Discovery) -> bool:
    resource = kinds.find(wanted.group, wanted.kind)
    return wanted.namespace == "" and resource is not None and resource.namespaced


def _left_over(survey: Iterable[Json], objects: Iterable[Json]) -> tuple[Json, ...]:
    """What nobody owns of a survey and is not there in full, each object once, though two groups may serve it.

    Of Secrets also what has an owner: Pods and Ingresses ask whether it is there.
    """
    known = {one["metadata"].get("uid") for one in objects} - {None}
    found = []
    for one in survey:
        uid = one["metadata"].get("uid")
        if uid not in known and (one["kind"] == "Secret" or not one["metadata"].get("ownerReferences")):
            known.add(uid or object())
            found.append(_without_last_applied(one))
    return tuple(found)


def _without_last_applied(document: Json) -> Json:
    """Metadata without the annotation that repeats the whole object: there is nothing to compare it with."""
    metadata = document["metadata"]
    annotations = metadata.get("annotations")
    if not isinstance(annotations, dict) or _LAST_APPLIED not in annotations:
        return document
    kept = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return {**document, "metadata": {**metadata, "annotations": kept}}


def _untold(kinds: Discovery) -> Iterator[Unread]:
    """Groups whose own API server is down: any kind of theirs may hold what is no longer rendered."""
    for fault in kinds.faults:
        if not _is_not_declared(fault.group, EVERY_KIND):
            wanted = Wanted(fault.group, EVERY_KIND, metadata_only=True, version=fault.version)
            yield Unread(wanted, Why.SERVER, 0, fault.message)


def _once(unread: Iterable[Unread]) -> tuple[Unread, ...]:
    """The lists that were not read, by kind and namespace; not the metadata of what was not read in full either."""
    found = sorted(unread, key=lambda one: one.wanted)
    full = {_about(one) for one in found if not one.wanted.metadata_only}
    return tuple(one for one in found if not one.wanted.metadata_only or _about(one) not in full)


def _about(unread: Unread) -> tuple[str, str, str, Why]:
    return unread.wanted.group, unread.wanted.kind, unread.wanted.namespace, unread.why
