"""What the cluster runs against what Git renders: every field and object that differs, who did it, what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, Unchecked, check
from driftgate.model.application import API_GROUP
from driftgate.model.manifest import dig
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import ArgoCDSection, ClusterSection

if TYPE_CHECKING:  # the comparison is loaded where clusters are judged, and not for files
    from driftgate.drift.changes import Change, Changes
    from driftgate.drift.pairing import Pair
    from driftgate.live import Unread


def changes_of(subject: Subject) -> Changes:
    """What is told of the differences of an Application."""
    from driftgate.drift.changes import Changes

    since = subject.policy.section(ArgoCDSection).is_at_least("3.4")
    return Changes.of(subject.deployed, subject.application, prune_on_application=since)


# Fields


@check(live=True)
def drifted_field(subject: Subject) -> Iterator[Result]:
    """A field of a live object is not what Git says

    Why: What runs is not what was reviewed: whoever reads Git reads something else, and the next sync, or the next
    upgrade of the release, decides over the difference without asking.

    Fix: Put the change into Git, at the place that is named, or undo it in the cluster.
    """
    from driftgate.drift.troubles import changed_cause

    if not subject.manifests:
        yield NotApplicable()
    for change in changes_of(subject).drifted():
        if not (change.is_masked or _is_told_as_application(change.pair)):
            place, related = place_of(subject, change)
            yield Breach(
                place,
                f"{change.field}: {change.found}",
                change.expected,
                change.pair.object_id,
                change.field,
                related,
                why=change.why,
                cause=changed_cause(change.pair, change.field),
                is_cause=True,
                drift=change.facts,
            )


def place_of(subject: Subject, change: Change) -> tuple[Place, tuple[Related, ...]]:
    """The line that sets the desired value, or the nearest place around a field that Git does not have."""
    from driftgate.drift.changes import first_leaf, manifest_path

    manifest = change.pair.manifest
    assert manifest is not None
    path, whole = manifest_path(manifest, change.path)
    if not whole:
        return manifest.place_of(*path), ()
    return subject.cause(manifest, *first_leaf(dig(manifest.object, path), path))


def _is_told_as_application(pair: Pair) -> bool:
    """Whether it is an Application, of which `live-application-changed` tells under its own name."""
    return pair.manifest is not None and pair.manifest.is_application


@check(severity=Severity.WARNING, live=True)
def added_field(subject: Subject) -> Iterator[Result]:
    """Somebody has added to a live object what Git does not have, and Argo CD says Synced

    Why: Argo CD compares what is in Git, and a merge keeps what is not: an added container, variable or label stays
    for good, and nobody who reads Git or Argo CD ever learns of it.

    Fix: Put it into Git if it is needed, or remove it from the live object.
    """
    from driftgate.compare import ABSENT

    if not subject.manifests:
        yield NotApplicable()
    for change in changes_of(subject).added():
        if not _is_told_as_application(change.pair):
            place, related = place_of(subject, change)
            expected = "nothing: Git has no such field"
            if change.desired is not ABSENT:
                expected = f"{change.expected}, which Argo CD does not compare"
            found = f"{change.field}: {change.found}"
            about = (change.pair.object_id, change.field, related)
            yield Breach(place, found, expected, *about, why=change.why, drift=change.facts)


@check(severity=Severity.NOTE, live=True)
def ignored_drift(subject: Subject) -> Iterator[Result]:
    """A field differs where a rule of ignoreDifferences looks away

    Why: Argo CD says Synced of it. Most often that is what the rule is for; it hides every other change there too.

    Fix: Nothing, if this is what the rule is meant for; else narrow the rule.
    """
    from driftgate.drift.rules import rule_place

    if not subject.manifests:
        yield NotApplicable()
    for change in changes_of(subject).ignored():
        place, related = place_of(subject, change)
        rule = change.ignored_by
        written = rule_place(rule, subject.application, subject.clusters.settings) if rule is not None else None
        if rule is not None and written is not None:
            related = (*related, Related(written, f"ignored by {rule.label}"))
        found = f"{change.field}: {change.found}" if not change.is_masked else f"{change.field}: not in the recording"
        about = (change.pair.object_id, change.field, related)
        facts = None if change.is_masked else change.facts
        yield Breach(place, found, change.expected, *about, why=change.why, drift=facts)


# Objects


@check(live=True)
def missing_object(subject: Subject) -> Iterator[Result]:
    """An object that Git has is not in the cluster

    Why: It was deleted, never applied, or applied elsewhere; what needs it fails, now or when it is started again.

    Fix: Sync the Application, or upgrade the release; if it is not wanted any more, remove it from Git.
    """
    from driftgate.compare import Verdict
    from driftgate.drift.changes import facts_of
    from driftgate.drift.troubles import gone_cause

    if not subject.manifests:
        yield NotApplicable()
    changes = changes_of(subject)
    for pair in changes.with_verdict(Verdict.MISSING):
        if not _is_told_as_application(pair):
            assert pair.manifest is not None
            place, related = subject.cause(pair.manifest, "metadata", "name")
            where = f" in namespace {pair.key[2]}" if pair.key[2] else ""
            expected = f"{pair.manifest.kind} {pair.manifest.name}{where}"
            yield Breach(
                place,
                "not in the cluster",
                expected,
                pair.object_id,
                related=related,
                why=changes.why_of(pair),
                cause=gone_cause(pair),
                is_cause=True,
                drift=facts_of("not in the cluster", expected, None, changes.fate_of(pair)),
            )


@check(severity=Severity.WARNING, live=True)
def extra_object(subject: Subject) -> Iterator[Result]:
    """An object of the Application is in the cluster and no longer in Git

    Why: It goes on running, takes requests, holds rights or costs money, and no change in Git reaches it any more.

    Fix: Let it be pruned, or delete it; if it is needed, put it into Git.
    """
    from driftgate.compare import Verdict
    from driftgate.drift.changes import facts_of, made, written
    from driftgate.drift.owners import writers

    if not subject.app.complete:
        yield NotApplicable()
        return
    changes = changes_of(subject)
    for pair in changes.with_verdict(Verdict.EXTRA):
        assert pair.live is not None
        by = writers(pair.live, ())
        found = f"{made(pair.live)}{written(by, 'last written')}"
        yield Breach(
            subject.application.place,
            found,
            "not in the cluster: the Application does not render it",
            pair.object_id,
            why=changes.why_of(pair),
            drift=facts_of(made(pair.live), "not in Git", next(iter(by), None), changes.fate_of(pair)),
        )


# What could not be told


@check(live=True)
def drift_unread(subject: Subject) -> Iterator[Result]:
    """An object could not be compared with the cluster

    Why: Nothing is known of it: neither that it is as Git has it, nor that it is not.

    Fix: Do what the message asks for (most often a right to list the kind), and run again.
    """
    from driftgate.compare import Verdict

    if not subject.manifests and subject.app.complete:
        yield NotApplicable()
    yield from _unrendered(subject)
    changes = changes_of(subject)
    for pair in changes.with_verdict(Verdict.COULD_NOT_CHECK):
        manifest = pair.manifest
        place = manifest.place_of("metadata", "name") if manifest is not None else subject.application.place
        cause = unread_cause(subject.deployed.state.destination, pair.unread) if pair.unread is not None else ""
        yield Unchecked(place, _why_not(pair), "a verdict", pair.object_id, cause=cause)
    # Only a recording leaves values out.
    recorded = subject.deployed.state.recorded
    for change in (*changes.drifted(), *changes.ignored()) if recorded else ():
        if change.is_masked:
            place, related = place_of(subject, change)
            found = f"{change.field}: the recording does not hold its value"
            yield Unchecked(place, found, change.expected, change.pair.object_id, change.field, related)


def _unrendered(subject: Subject) -> Iterator[Result]:
    if subject.app.complete:
        return
    problems = [problem for _, problem in subject.app.problems]
    related = tuple(Related(problem.place, problem.found) for problem in problems)
    found = "not rendered in full: some of its objects are not known, and so is not what is left over of it"
    yield Unchecked(subject.application.place, found, "all of its objects", field="rendered", related=related)


def _why_not(pair: Pair) -> str:
    if pair.unread is not None:
        return unread_words(pair.unread)
    if pair.comparison.problem is not None:
        problem = pair.comparison.problem
        also = "; Argo CD fails over it as well, and says Unknown of the whole Application" if problem.in_argocd else ""
        return f"{problem.kind}: {problem.message}{also}"
    return pair.comparison.reason


def unread_words(unread: Unread) -> str:
    """Why a list was not read: `forbidden (403): secrets is forbidden: …`."""
    status = f" ({unread.status})" if unread.status else ""
    return f"{unread.why.value}{status}: {unread.message}"


def unread_cause(destination: str, unread: Unread) -> str:
    """The cause that everything has in common which follows from one list's not being read."""
    wanted = unread.wanted
    return f"unread:{destination}:{wanted.group}/{wanted.version}/{wanted.kind}/{wanted.namespace}"


@check(scope=Scope.ENVIRONMENT, live=True)
def cluster_unread(subject: Subject) -> Iterator[Result]:
    """A list of objects could not be read from a cluster, or something of the tree is not known

    Why: What is in a list that was not read may be anything, also what is left over from an earlier deploy. A run that
    says nothing of it would be green on a part of the cluster.

    Fix: Grant get and list on the kind, or mend what the server says; then run again.
    """
    for state in subject.clusters.states:
        place = _destination_place(subject, state.destination)
        for unread in subject.clusters.gaps(state):
            wanted = unread.wanted
            kind = f"{wanted.kind}.{wanted.group}" if wanted.group else wanted.kind
            where = f" in namespace {wanted.namespace}" if wanted.namespace else ""
            yield Unchecked(
                place,
                f"{kind}{where}: {unread_words(unread)}",
                "a list that is read to its end",
                field=f"{state.destination}/{kind}/{wanted.version}/{wanted.namespace}",
                cause=unread_cause(state.destination, unread),
                is_cause=True,
            )
    yield from _unknown_of_the_tree(subject)


@check(scope=Scope.ENVIRONMENT, live=True)
def cluster_unreached(subject: Subject) -> Iterator[Result]:
    """A cluster that Applications go to could not be read at all

    Why: Nothing is known of what runs there. Other clusters are judged all the same, and none of them speaks for this.

    Fix: Do what the message asks for: the way there in policy, the login, the network or the server; then run again.
    """
    applications = {loaded.label: loaded.application for loaded in subject.environment.applications}
    for one in subject.clusters.unreached:
        cause = f"unreached:{one.destination}:{one.context}"
        place = _destination_place(subject, one.destination)
        yield Unchecked(
            place, one.why, "a cluster that answers", field=one.destination or one.context, cause=cause, is_cause=True
        )
        for label in one.applications:
            application = applications[label]
            namespace = application.namespace or subject.clusters.settings.namespace
            object_id = f"{API_GROUP}/Application/{namespace}/{application.name}"
            found = "not compared: nothing is known of what it runs"
            yield Unchecked(application.place, found, "a comparison", object_id, one.destination, cause=cause)


def _destination_place(subject: Subject, destination: str) -> Place:
    entries = subject.policy.section(ClusterSection).destinations
    index = next((index for index, entry in enumerate(entries) if entry.cluster == destination), None)
    return subject.policy.place_of("cluster", "destinations", *(() if index is None else (index,)))


def _unknown_of_the_tree(subject: Subject) -> Iterator[Result]:
    """What Git may hold besides: Applications that the inventory names, and files that could not be read."""
    there = {loaded.application.name for loaded in subject.environment.applications}
    for index, name in enumerate(subject.policy.inventory or ()):
        if name not in there:
            place = subject.policy.place_of("inventory", index)
            found = f"Application {name} is not in the tree: nothing of it was compared"
            yield Unchecked(place, found, "its manifest", field=f"inventory.{name}")
    for problem in subject.environment.problems:
        field = problem.field or problem.place.file
        yield Unchecked(problem.place, f"{problem.fault}: {problem.found}", problem.expected, field=field)
