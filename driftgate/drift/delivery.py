"""Who delivers: what a cluster shows of Argo CD and of helm, for it as a whole and for one Application."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from driftgate.compare.tracking import TRACKING_ANNOTATION, TrackingId
from driftgate.compare.values import Json
from driftgate.drift.consequences import Deliverer
from driftgate.drift.rules import ArgoCDSettings, instance_name, release_name
from driftgate.drift.state import ClusterState
from driftgate.live import Discovery
from driftgate.model.application import API_GROUP
from driftgate.model.environment import LoadedApplication, SourceType

__all__ = ["Release", "deliverers_of", "live_application", "release_states", "served_deliverer"]

#: Namespace and name of a helm release.
Release = tuple[str, str]

# helm keeps earlier revisions as superseded, and with --keep-history the last one as uninstalled.
_GONE = ("superseded", "uninstalled")


def served_deliverer(kinds: Discovery) -> tuple[Deliverer, str]:
    """Who delivers to a cluster, and why, as far as the kinds tell that it serves."""
    if kinds.find(API_GROUP, "Application") is not None:
        return Deliverer.ARGOCD, "the cluster serves Argo CD's Applications"
    return Deliverer.HELM, "the cluster serves no Argo CD Applications"


def release_states(objects: Iterable[Mapping[str, Any]], wanted: Collection[Release]) -> dict[Release, str]:
    """The state of each of these releases that is there, by the labels of its newest record.

    `objects` may hold anything; helm's records are the Secrets among them that it has labelled as its own.
    """
    newest: dict[Release, tuple[int, str]] = {}
    for one in objects:
        labels = _texts(one["metadata"].get("labels"))
        release = one["metadata"].get("namespace", ""), labels.get("name", "")
        version = labels.get("version", "")
        if one["kind"] == "Secret" and labels.get("owner") == "helm" and release in wanted and version.isdigit():
            newest[release] = max(newest.get(release, (0, "")), (int(version), labels.get("status", "")))
    return {release: status for release, (_, status) in newest.items() if status not in _GONE}


def live_application(
    loaded: LoadedApplication, settings: ArgoCDSettings, states: Iterable[ClusterState]
) -> Json | None:
    """The Application as it is in the cluster that Argo CD runs in."""
    namespace, name = loaded.application.namespace or settings.namespace, loaded.application.name
    found = (state.find(API_GROUP, "Application", namespace, name) for state in states)
    return next((one for one in found if one is not None), None)


def deliverers_of(
    applications: Sequence[LoadedApplication],
    settings: ArgoCDSettings,
    state: ClusterState,
    states: Sequence[ClusterState],
) -> dict[str, tuple[Deliverer, str]]:
    """Who delivers each Application to a cluster, and why, by its label; the surest sign counts.

    That is the Application itself or a helm release of its name, then what marks its objects, then who has delivered
    the others, and at last what the cluster serves. What has no chart, nobody but Argo CD can deliver.
    """
    signs = {loaded.label: _sign(loaded, settings, state, states) for loaded in applications}
    seen = {sign[0] for sign in signs.values() if sign is not None}
    default = served_deliverer(state.kinds)
    if len(seen) == 1:
        (one,) = seen
        default = one, f"{'helm' if one is Deliverer.HELM else 'Argo CD'} has delivered others"
    return {loaded.label: signs[loaded.label] or _unsigned(loaded, default) for loaded in applications}


def _unsigned(loaded: LoadedApplication, default: tuple[Deliverer, str]) -> tuple[Deliverer, str]:
    if default[0] is Deliverer.HELM and not loaded.is_parent and not _has_chart(loaded):
        return Deliverer.ARGOCD, "it has no chart, so helm cannot deliver it"
    return default


def _sign(
    loaded: LoadedApplication, settings: ArgoCDSettings, state: ClusterState, states: Sequence[ClusterState]
) -> tuple[Deliverer, str] | None:
    name, namespace = release_name(loaded.application)
    if live_application(loaded, settings, states) is not None:
        where = loaded.application.namespace or settings.namespace
        return Deliverer.ARGOCD, f"Application {loaded.application.name} is in namespace {where}"
    status = release_states(state.others, [(namespace, name)]).get((namespace, name))
    if status is not None:
        return Deliverer.HELM, f"helm release {name} is in namespace {namespace}: {status}"
    return next(_marks(loaded, settings, state), None)


def _marks(loaded: LoadedApplication, settings: ArgoCDSettings, state: ClusterState) -> Iterator[tuple[Deliverer, str]]:
    """What the rendered objects that are there say of who brought them."""
    instance, release = instance_name(loaded.application, settings.namespace), release_name(loaded.application)
    for manifest in loaded.manifests:
        live = state.find(*manifest.identity)
        if live is None:
            continue
        annotations = _texts(live["metadata"].get("annotations"))
        tracked = TrackingId.parse(annotations.get(TRACKING_ANNOTATION, ""))
        shown = f"{manifest.kind} {manifest.name}"
        if tracked is not None and tracked.application == instance:
            yield Deliverer.ARGOCD, f"{shown} is tracked by Application {instance}"
        elif release == (
            annotations.get("meta.helm.sh/release-name"),
            annotations.get("meta.helm.sh/release-namespace"),
        ):
            yield Deliverer.HELM, f"{shown} belongs to helm release {release[0]}"


def _has_chart(loaded: LoadedApplication) -> bool:
    types = [render.type for render in loaded.renders if render.type is not SourceType.NONE]
    return not types or types == [SourceType.HELM]


def _texts(value: Any) -> dict[str, str]:
    return {key: one for key, one in value.items() if isinstance(one, str)} if isinstance(value, dict) else {}
