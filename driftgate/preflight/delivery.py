"""Who delivers, Argo CD or helm, and whether the other one already holds what would be delivered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from driftgate.drift.delivery import release_states, served_deliverer
from driftgate.live import Discovery, Listing, Wanted, Why
from driftgate.model.application import API_GROUP
from driftgate.preflight.plan import Plan, Wish
from driftgate.preflight.points import Delivery, Point, State, not_read
from driftgate.semantics.hooks import HELM_HOOK_ANNOTATION
from driftgate.semantics.tracking import TRACKING_ID, parse_tracking_id

__all__ = ["delivery_of", "look_at_delivery", "wanted_for_delivery"]

_RELEASE_TYPE = "type=helm.sh/release.v1"
_RELEASE_LABELS = "owner=helm"
_SHOWN = 8


def wanted_for_delivery(plan: Plan, discovery: Discovery) -> list[Wanted]:
    """What has to be read to tell: metadata of what is there already, of helm's releases and of Applications."""
    wanted = [
        Wanted(resource.group, resource.kind, namespace, metadata_only=True)
        for resource, namespace in plan.kinds(discovery)
    ]
    wanted += [_releases_in(release.namespace) for release in plan.releases]
    for kind in ("Application", "AppProject"):
        if discovery.find(API_GROUP, kind) is not None:
            wanted.append(Wanted(API_GROUP, kind, plan.argocd_namespace, metadata_only=True))
    return wanted


def _releases_in(namespace: str) -> Wanted:
    return Wanted("", "Secret", namespace, metadata_only=True, labels=_RELEASE_LABELS, fields=_RELEASE_TYPE)


def delivery_of(discovery: Discovery, via: Delivery | None) -> tuple[Delivery, str]:
    """Who delivers, and why: what the user says, else Argo CD where the cluster serves its Applications."""
    if via is not None:
        return via, "as the command says"
    deliverer, reason = served_deliverer(discovery)
    return Delivery(deliverer.value), reason


@dataclass(frozen=True, slots=True)
class _Held:
    """What the cluster has of what would be delivered.

    `tracked` maps the name of an Argo CD Application to the objects that carry its tracking id, `strangers` names the
    objects that no release of ours may take over, `releases` the state of each of our releases that is there.
    """

    applications: tuple[str, ...]
    tracked: Mapping[str, tuple[str, ...]]
    strangers: tuple[str, ...]
    releases: Mapping[str, str]


def look_at_delivery(
    plan: Plan, discovery: Discovery, listing: Listing, delivery: Delivery, reason: str
) -> Iterator[Point]:
    """Who delivers, and what stands in the way of it."""
    held = _held(plan, discovery, listing)
    problems = [*_against_helm(plan, held)] if delivery is Delivery.HELM else [*_against_argocd(plan, discovery, held)]
    who = "helm" if delivery is Delivery.HELM else "Argo CD"
    if problems:
        yield from problems
    else:
        yield Point("delivery", State.OK, f"by {who}: {reason}")
    yield from _pending(held) if delivery is Delivery.HELM else ()
    # What is not served has been told with the kinds.
    unread = [one for one in listing.unread if one.why is not Why.NOT_SERVED]
    if unread:
        what = "whether somebody else holds some of the objects"
        step = "Grant list on these kinds, and look again."
        yield Point("delivery", State.UNKNOWN, what, tuple(map(not_read, unread)), step)


def _held(plan: Plan, discovery: Discovery, listing: Listing) -> _Held:
    live = {_identity(one): one for one in listing.objects}
    tracked: dict[str, list[str]] = {}
    strangers = []
    releases_by_label = {release.label: release for release in plan.releases}
    for wish in plan.objects:
        group, kind, namespace, name = wish.manifest.identity
        resource = discovery.find(group, kind)
        identity = group, kind, namespace if resource is not None and resource.namespaced else "", name
        found = live.get(identity)
        if found is None:
            continue
        annotations = _texts(found["metadata"].get("annotations"))
        tracking = parse_tracking_id(annotations.get(TRACKING_ID, ""))
        # A copied annotation names another object, and Argo CD takes no notice of it.
        if tracking is not None and tracking.names(*identity):
            tracked.setdefault(tracking.application, []).append(_shown(wish))
        release = releases_by_label.get(wish.label)
        if release is not None and not _may_adopt(wish, found, annotations, release.name, release.namespace):
            owner = annotations.get("meta.helm.sh/release-name")
            strangers.append(f"{_shown(wish)}: " + (f"of release {owner}" if owner else "made without helm"))
    names = {wish.manifest.name for wish in plan.wishes if wish.manifest.is_application} | set(plan.names)
    ours = sorted({one["metadata"]["name"] for one in listing.of(API_GROUP, "Application")} & names)
    return _Held(
        tuple(ours),
        {name: tuple(objects) for name, objects in sorted(tracked.items())},
        tuple(strangers),
        _release_states(plan, listing),
    )


def _identity(live: Mapping[str, Any]) -> tuple[str, str, str, str]:
    metadata = live["metadata"]
    group = live["apiVersion"].rpartition("/")[0]
    return group, live["kind"], metadata.get("namespace", ""), metadata.get("name", "")


def _may_adopt(
    wish: Wish, live: Mapping[str, Any], annotations: Mapping[str, str], release: str, namespace: str
) -> bool:
    """Whether helm takes a live object for one of the release (helm: pkg/action/validate.go `checkOwnership`).

    Hooks are replaced without being asked, and what is in `crds/` is left alone if it is there.
    """
    if HELM_HOOK_ANNOTATION in wish.manifest.annotations or wish.manifest.kind == "CustomResourceDefinition":
        return True
    labels = _texts(live["metadata"].get("labels"))
    return (
        labels.get("app.kubernetes.io/managed-by") == "Helm"
        and annotations.get("meta.helm.sh/release-name") == release
        and annotations.get("meta.helm.sh/release-namespace") == namespace
    )


def _release_states(plan: Plan, listing: Listing) -> dict[str, str]:
    """The state of each of our releases, by its newest record."""
    wanted = {(release.namespace, release.name) for release in plan.releases}
    states = release_states(listing.of("", "Secret"), wanted)
    return {name: status for (_, name), status in sorted(states.items())}


def _against_helm(plan: Plan, held: _Held) -> Iterator[Point]:
    if held.applications or held.tracked:
        names = sorted({*held.applications, *held.tracked})
        evidence = [f"Application {name} is in namespace {plan.argocd_namespace}" for name in held.applications]
        for name, objects in held.tracked.items():
            evidence += [f"tracked by Application {name}: {_some(objects)}"]
        found = f"Argo CD manages {', '.join(names)}: it would revert what helm does"
        step = "Deploy with --via argocd, or delete these Applications first, without their objects."
        yield Point("delivery", State.PROBLEM, found, tuple(evidence), step)
    elif held.strangers:
        found = "helm would refuse: objects that are not of its releases are there already"
        step = "Delete them, or have helm adopt them: label app.kubernetes.io/managed-by=Helm, and the annotations "
        step += "meta.helm.sh/release-name and meta.helm.sh/release-namespace"
        yield Point("delivery", State.PROBLEM, found, held.strangers[:_SHOWN], step)
    delivered = {release.label for release in plan.releases}
    for label in dict.fromkeys(wish.label for wish in plan.objects if wish.label not in delivered):
        found = f"helm cannot deliver {label}: {plan.others.get(label, 'it is no release')}"
        yield Point("delivery", State.PROBLEM, found, (), "Deploy it with --via argocd.")


def _against_argocd(plan: Plan, discovery: Discovery, held: _Held) -> Iterator[Point]:
    if discovery.find(API_GROUP, "Application") is None:
        step = "Install Argo CD in this cluster, or deploy with --via helm."
        yield Point("delivery", State.PROBLEM, "the cluster serves no Argo CD Applications", (), step)
    if held.releases:
        evidence = tuple(f"release {name} is {status}" for name, status in held.releases.items())
        found = f"helm has delivered {', '.join(held.releases)}: it and Argo CD would undo each other's work"
        step = "Deploy with --via helm, or end the releases first: helm uninstall NAME -n NAMESPACE"
        yield Point("delivery", State.PROBLEM, found, evidence, step)
    foreign = {name: objects for name, objects in held.tracked.items() if name.rpartition("_")[2] not in plan.names}
    for name, objects in foreign.items():
        found = f"another Application, {name}, already holds {len(objects)} of the objects"
        step = "Let one of the two Applications go: they would take the objects from each other for ever."
        yield Point("delivery", State.PROBLEM, found, (_some(objects),), step)


def _pending(held: _Held) -> Iterator[Point]:
    for name, status in held.releases.items():
        if status.startswith("pending-") or status == "uninstalling":
            found = f"release {name} is {status}: another deploy is at work, or one was killed"
            yield Point("delivery", State.NOTE, found, (), f"helm history {name}")


def _shown(wish: Wish) -> str:
    return f"{wish.manifest.kind}/{wish.manifest.name}"


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _texts(value: Any) -> dict[str, str]:
    return {key: one for key, one in value.items() if isinstance(one, str)} if isinstance(value, dict) else {}
