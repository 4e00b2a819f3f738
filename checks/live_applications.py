"""The Applications themselves, as they are in the cluster of Argo CD: there, as Git has them, reconciled, and well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from driftgate.checks.drift import place_of

from driftgate.graph.index import cluster_of
from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, check
from driftgate.model.application import API_GROUP, Application
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Node
from driftgate.model.outcome import Severity
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.semantics.giturl import normalize_git_url

if TYPE_CHECKING:
    from driftgate.drift.changes import Change
    from driftgate.drift.consequences import Delivery
    from driftgate.drift.pairing import LiveApplication, Pair

POLICY: dict[str, type[Section]] = {}
_KIND = "Application"
_RECONCILIATION = "timeout.reconciliation"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LiveApplications(Section):
    """What is asked of Applications in the cluster of Argo CD."""

    reconciled_within: int = setting(30, "Minutes after which an Application that nobody reconciled is told.")


POLICY["liveApplications"] = LiveApplications


def _is_argocds(subject: Subject) -> bool:
    """Whether Argo CD delivers the Application, and its cluster was read."""
    from driftgate.drift.consequences import Deliverer

    return subject.deployed.deliverer is Deliverer.ARGOCD and subject.clusters.argocd is not None


def _rendering(subject: Subject) -> tuple[LiveApplication, Pair] | None:
    """The Application that renders this one, and this one as an object of it; None for one that nobody renders."""
    application = subject.application
    for label in subject.app.parents:
        parent = subject.clusters.applications.get(label)
        for pair in parent.pairs if parent is not None else ():
            manifest = pair.manifest
            if manifest is not None and manifest.is_application and manifest.name == application.name:
                assert parent is not None
                return parent, pair
    return None


@check(live=True)
def live_application_missing(subject: Subject) -> Iterator[Result]:
    """An Application that Git has is not in the cluster

    Why: Argo CD delivers what it has an Application for: nothing of this one is compared, synced or repaired.

    Fix: Sync the Application that renders it, or apply its manifest; if it is not wanted any more, remove it from Git.
    """
    if not _is_argocds(subject):
        yield NotApplicable()
        return
    if subject.deployed.application is None:
        application = subject.application
        namespace = application.namespace or subject.clusters.settings.namespace
        expected = f"Application {application.name} in namespace {namespace}"
        yield Breach(application.place, "not in the cluster", expected, why=_becomes_of_missing(subject))


def _becomes_of_missing(subject: Subject) -> str:
    from driftgate.drift.changes import Changes

    rendering = _rendering(subject)
    if rendering is None:
        return "Nobody renders it, so it stays away until somebody applies its manifest."
    parent, pair = rendering
    return Changes(parent, _delivery(subject, parent)).why_of(pair)


def _delivery(subject: Subject, parent: LiveApplication) -> Delivery:
    from driftgate.drift.changes import delivery_of

    loaded = subject.environment.find(parent.label)
    assert loaded is not None
    since = subject.policy.section(ArgoCDSection).is_at_least("3.4")
    return delivery_of(parent, loaded.application, prune_on_application=since)


@check(live=True)
def live_application_changed(subject: Subject) -> Iterator[Result]:
    """An Application is not what Git says: its revision, path, values, sync policy or ignore rules

    Why: Argo CD follows the live Application and not its manifest: somebody who pins a revision, switches self-heal off
    or ignores a field there decides what runs, and everything below still looks Synced.

    Fix: Put the change into the manifest in Git, or undo it in the cluster.
    """
    if not _is_argocds(subject) or subject.deployed.application is None:
        yield NotApplicable()
        return
    for change in _changes(subject):
        place, related = place_of(subject, change)
        found = f"{change.field}: {change.found}"
        yield Breach(place, found, change.expected, field=change.field, related=related, why=change.why)


def _changes(subject: Subject) -> Iterator[Change]:
    """The fields in which the live Application is another one, as its parent has it compared or by itself."""
    from driftgate.drift.changes import Changes
    from driftgate.drift.consequences import Consequence, Fate

    rendering = _rendering(subject)
    if rendering is not None:
        parent, pair = rendering
        changes = Changes(_only(parent, pair), _delivery(subject, parent))
        yield from (change for change in (*changes.drifted(), *changes.added()) if not change.is_masked)
        return
    stays = "Nobody renders it, so it stays as it is until somebody applies its manifest."
    pair = _alone(subject)
    changes = Changes(_only(subject.deployed, pair), _delivery(subject, subject.deployed))
    for change in changes.drifted():
        if not change.is_masked:
            yield replace(change, fate=Fate(Consequence.SURVIVES, stays))


def _only(deployed: LiveApplication, pair: Pair) -> LiveApplication:
    return replace(deployed, pairs=(pair,))


def _alone(subject: Subject) -> Pair:
    """An Application that nobody renders, as an object of nobody."""
    from driftgate.compare import Rules, compare
    from driftgate.drift.pairing import Pair

    node = subject.application.node
    manifest = Manifest(subject.app.label, 0, 0, _plain(node), node.file, subject.application.namespace, node)
    live = subject.deployed.application
    assert live is not None
    desired = {**manifest.object, "metadata": {**manifest.metadata, "namespace": live["metadata"]["namespace"]}}
    return Pair(manifest, desired, live, compare(desired, live, Rules()))


def _plain(node: Node) -> dict[str, Any]:
    plain = node.plain()
    assert isinstance(plain, dict)
    return {**plain}


@check(live=True, severity=Severity.WARNING)
def live_application_unwell(subject: Subject) -> Iterator[Result]:
    """Argo CD itself says of an Application that it is not Synced, not Healthy, or that something went wrong

    Why: It is Argo CD that delivers: what it cannot sync or compare stays as it is, whatever Git says.

    Fix: Read the conditions that are shown; `driftgate status` shows what is wrong with the objects themselves.
    """
    from driftgate.health import application_state

    if not _is_argocds(subject) or subject.deployed.application is None:
        yield NotApplicable()
        return
    live = subject.deployed.application
    state = application_state(live)
    if not state.done:
        since = _since(live, subject.deployed.state.taken)
        told = "; ".join(state.evidence[:_SHOWN])
        found = f"{state.words}{since}" + (f": {told}" if told else "")
        yield Breach(subject.application.place, found, "Synced and Healthy", field="status")


def _since(live: Mapping[str, Any], now: datetime) -> str:
    """How long the last thing that Argo CD tells of has lasted."""
    from driftgate.health.fields import time_of

    moments = (
        time_of(live, "status", "operationState", "finishedAt"),
        time_of(live, "status", "health", "lastTransitionTime"),
    )
    known = [moment for moment in moments if moment is not None]
    return f" for {_age((now - max(known)).total_seconds())}" if known else ""


def _age(seconds: float) -> str:
    minutes = max(int(seconds // 60), 0)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


@check(live=True)
def live_application_not_reconciled(subject: Subject) -> Iterator[Result]:
    """Argo CD has stopped looking at an Application

    Why: It compares every Application again and again; one that it has not looked at for long is of yesterday: its
    Synced and Healthy mean nothing, and what changes in Git is not delivered.

    Fix: Look at the application controller (its Pods, their logs and shards), and at a project or cluster that is gone.
    """
    from driftgate.health.fields import time_of

    if not _is_argocds(subject) or subject.deployed.application is None or _is_switched_off(subject):
        yield NotApplicable()
        return
    live, state = subject.deployed.application, subject.deployed.state
    limit = subject.section(LiveApplications).reconciled_within
    last = time_of(live, "status", "reconciledAt")
    began = last or time_of(live, "metadata", "creationTimestamp")
    if began is None or (state.taken - began).total_seconds() <= limit * 60:
        return
    age = _age((state.taken - began).total_seconds())
    found = f"last compared {age} ago" if last is not None else f"never compared since it was made, {age} ago"
    yield Breach(subject.application.place, found, f"compared in the last {limit} min", field="status.reconciledAt")


def _is_switched_off(subject: Subject) -> bool:
    """Whether Argo CD looks at Applications only when somebody tells it to."""
    node = subject.environment.argocd_config.get(_RECONCILIATION)
    return node is not None and str(node.value).rstrip("smh") in ("0", "")


@check(scope=Scope.ENVIRONMENT, severity=Severity.WARNING, live=True)
def live_application_unknown(subject: Subject) -> Iterator[Result]:
    """An Application of our repository is in the cluster, deploys to where we deploy, and is not in Git

    Why: It delivers from our own charts what nobody reviews as part of this environment; most often it is left over
    from a trial, or was renamed.

    Fix: Delete it, or put its manifest into Git.
    """
    state = subject.clusters.argocd
    if state is None:
        yield NotApplicable()
        return
    ours = [one.application for one in subject.environment.applications]
    known = {(one.namespace or subject.clusters.settings.namespace, one.name) for one in ours}
    elsewhere = {name for other in subject.policy.others for name in other.inventory or ()}
    repositories = {normalize_git_url(source.repo_url) for one in ours for source in one.sources}
    # Roots of other environments go to Argo CD's namespace as ours do.
    targets = {(cluster_of(one), one.destination.namespace) for one in ours}
    targets = {target for target in targets if target[1] != subject.clusters.settings.namespace}
    # What one of ours renders no longer is told as an extra object of that one.
    told = {
        pair.key[2:]
        for one in subject.clusters.applications.values()
        for pair in one.pairs
        if pair.manifest is None and pair.key[:2] == (API_GROUP, _KIND)
    }
    for live in state.objects:
        metadata = live["metadata"]
        place = metadata.get("namespace", ""), metadata.get("name", "")
        if live["kind"] != _KIND or not live["apiVersion"].startswith(f"{API_GROUP}/"):
            continue
        if place in known | told or place[1] in elsewhere or metadata.get("ownerReferences"):
            continue
        one = Application.from_manifest(Node.from_plain(dict(live), ""))
        urls = {normalize_git_url(source.repo_url) for source in one.sources}
        if urls & repositories and (cluster_of(one), one.destination.namespace) in targets:
            made = metadata.get("creationTimestamp", "at an unknown time")
            found = f"Application {place[1]} in namespace {place[0]}, made {made}, deploys {_sources(one)}"
            expected = "only Applications that Git has"
            object_id = f"{API_GROUP}/{_KIND}/{place[0]}/{place[1]}"
            yield Breach(subject.policy.place_of("inventory"), found, expected, object_id)


def _sources(application: Application) -> str:
    return ", ".join(
        f"{source.path or source.chart or source.repo_url} at {source.target_revision or 'HEAD'}"
        for source in application.sources
    )


@check(scope=Scope.ENVIRONMENT, live=True)
def live_project_changed(subject: Subject) -> Iterator[Result]:
    """An AppProject in the cluster permits something else than the one in Git

    Why: The project is the fence around its Applications; one that was widened by hand lets through what nobody chose.

    Fix: Put the change into Git, or apply the manifest again.
    """
    from driftgate.compare import Rules, compare
    from driftgate.drift.changes import shown

    state = subject.clusters.argocd
    # What an Application renders is compared as an object of it.
    rendered = {
        manifest.name
        for one in subject.environment.applications
        for manifest in one.manifests
        if (manifest.group, manifest.kind) == (API_GROUP, "AppProject")
    }
    projects = [one for one in subject.environment.projects if one.name not in rendered]
    if state is None or not projects:
        yield NotApplicable()
        return
    namespace = subject.clusters.settings.namespace
    for project in projects:
        live = state.find(API_GROUP, "AppProject", project.namespace or namespace, project.name)
        object_id = f"{API_GROUP}/AppProject/{project.namespace or namespace}/{project.name}"
        if live is None:
            yield Breach(project.place, "not in the cluster", f"AppProject {project.name}", object_id)
            continue
        desired = _plain(project.node)
        for one in compare(desired, live, Rules()).differences:
            steps = [step for step in one.path if isinstance(step, str | int)]
            place = project.node.place_of(*steps)
            wanted = dig(desired, tuple(steps))
            found = f"{one.field}: {shown(one.live, one.path)}"
            expected = shown(wanted, one.path) if wanted is not None else "no such field"
            yield Breach(place, found, expected, object_id, one.field)
