"""Applications: which there must be, how they hang together, what stands in them."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    application_set_label,
    check,
    incomplete,
)
from driftgate.model.application import FINALIZERS, Application
from driftgate.model.environment import LoadedApplication, ProblemKind, Reach, RenderStatus
from driftgate.model.node import Node, Path
from driftgate.model.outcome import Related, Severity
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.schema_fields import FieldFault, field_faults
from driftgate.semantics.sync_waves import SYNC_WAVE_ANNOTATION

POLICY: dict[str, type[Section]] = {}
# What the controller itself puts on an Application whose manifests have hooks of these phases.
_HOOK_FINALIZERS = (
    "pre-delete-finalizer.argocd.argoproj.io",
    "pre-delete-finalizer.argocd.argoproj.io/cleanup",
    "post-delete-finalizer.argocd.argoproj.io",
    "post-delete-finalizer.argocd.argoproj.io/cleanup",
)
_DEFAULT_HISTORY = 10


@dataclass(frozen=True, slots=True)
class Bounds(Section):
    """The lowest and the highest value allowed."""

    minimum: int | None = setting(None, "The lowest value allowed.")
    maximum: int | None = setting(None, "The highest value allowed.")


@dataclass(frozen=True, slots=True)
class Applications(Section):
    """What an Application must be, beside what Argo CD itself asks for."""

    finalizers: tuple[str, ...] = setting((), "Finalizers of which every Application must have one.")
    revision_history_limit: Bounds | None = setting(None, "How many past syncs may be kept; Argo CD's default is 10.")
    info: tuple[str, ...] = setting((), "The names that spec.info must have, each with a value.")


POLICY["applications"] = Applications


@check(scope=Scope.ENVIRONMENT)
def application_missing(subject: Subject) -> Iterator[Result]:
    """An Application of the inventory is not there

    Why: What is not there is not judged, and what was deployed by it is pruned or left alone for good; a deleted or
    emptied manifest looks like success to everything that only reads what is left.

    Fix: Put the manifest back, or take the name out of the policy's inventory if the Application is retired.
    """
    if subject.policy.inventory is None:
        yield NotApplicable()
        return
    names = {loaded.application.name for loaded in subject.environment.applications}
    for index, name in enumerate(subject.policy.inventory):
        if name not in names and not _manifest_is_broken(subject, name):
            near = difflib.get_close_matches(name, sorted(names), n=1)
            expected = f"an Application called {name}" + (f"; there is {near[0]}" if near else "")
            yield Breach(
                subject.policy.place_of("inventory", index),
                "no Application of that name",
                expected,
                field=name,
                cause=incomplete(name),
                is_cause=True,
            )


def _manifest_is_broken(subject: Subject, name: str) -> bool:
    """Whether a file that is called like the Application cannot be read, which a check of its own tells."""
    return any(
        problem.place.file.rpartition("/")[2].partition(".")[0] == name
        and subject.policy.severity(problem.fault, Severity.ERROR) is not None
        for problem in subject.environment.problems
    )


@check()
def application_unexpected(subject: Subject) -> Iterator[Result]:
    """An Application is not in the inventory

    Why: The inventory is the list that people agreed on; what is not in it is deployed without anybody having said so.

    Fix: Add the name to the policy's inventory, or remove the Application.
    """
    if subject.policy.inventory is None:
        yield NotApplicable()
    elif subject.application.name not in subject.policy.inventory:
        inventory = Related(subject.policy.place_of("inventory"), "the inventory")
        found = subject.application.name or "an Application without a name"
        yield Breach(subject.application.place, found, "a name of the inventory", related=(inventory,))


@check()
def application_not_rendered(subject: Subject) -> Iterator[Result]:
    """An Application of the inventory was not rendered in full, and nothing else says so

    Why: A required Application whose objects are unknown has not been judged, whatever the other checks say; that
    must not stay silent because a source yields nothing or because the check that would tell is switched off.

    Fix: Give the Application a source that renders, or switch on the check that names the problem.
    """
    if subject.application.name not in (subject.policy.inventory or ()):
        yield NotApplicable()
        return
    untold = [(name, found) for name, found, broken in _gaps(subject.app) if not _is_told(subject, name, broken)]
    if untold:
        name, found = untold[0]
        index = (subject.policy.inventory or ()).index(subject.application.name)
        related = [Related(subject.policy.place_of("inventory", index), "the inventory requires it")]
        if subject.policy.node.get("checks", name) is not None:
            related.append(Related(subject.policy.place_of("checks", name), "the check that would tell"))
        yield Breach(subject.application.place, found, "every source rendered", field=name, related=tuple(related))


def _gaps(loaded: LoadedApplication) -> Iterator[tuple[str, str, bool]]:
    """Why an Application is not rendered in full: the check that tells, what was found, whether that is a breach."""
    for render in loaded.renders:
        for problem in render.problems:
            yield problem.fault, f"{problem.fault}: {problem.found}", problem.kind is ProblemKind.BROKEN
        if render.status is not RenderStatus.RENDERED and not render.problems:
            yield "", f"{render.source.label} was not rendered", True
    if not loaded.application.sources:
        yield "source-incomplete", "no source", True
    elif not loaded.manifests and loaded.complete:
        yield "render-nothing", "no source renders anything", True


def _is_told(subject: Subject, name: str, broken: bool) -> bool:
    """Whether a check of that name is on, and its finding fails the run; what could not be checked always does."""
    severity = subject.policy.severity(name, Severity.ERROR) if name else None
    return severity is not None and not (broken and severity is Severity.NOTE)


@check(scope=Scope.ENVIRONMENT)
def application_name_duplicate(subject: Subject) -> Iterator[Result]:
    """Two Applications have the same name

    Why: The cluster holds one object of a name. Of two in one parent, or applied by hand, the later manifest replaces
    the earlier; two parents overwrite it for each other at every sync (argo-cd: controller/state.go, with
    RepeatedResourceWarning and SharedResourceWarning at most). Only one of the two is deployed.

    Fix: Rename or delete one of them.
    """
    control_plane = subject.policy.section(ArgoCDSection).namespace
    twins: dict[tuple[str, str], list[LoadedApplication]] = defaultdict(list)
    for loaded in subject.environment.applications:
        namespace = loaded.application.namespace or control_plane
        twins[(namespace, loaded.application.name)].append(loaded)
    for (namespace, name), group in twins.items():
        in_order = sorted(group, key=lambda one: one.application.place)
        meeting = _meeting(in_order, one_cluster=bool(subject.policy.file))
        if name and len(meeting) > 1:
            first, second, *more = (one.application.place for one in meeting)
            related = tuple(Related(place, "the same name") for place in (first, *more))
            yield Breach(
                second,
                f"{namespace}/{name} is there {len(meeting)} times",
                "one",
                f"{namespace}/{name}",
                related=related,
            )


def _meeting(group: list[LoadedApplication], *, one_cluster: bool) -> list[LoadedApplication]:
    """Those of one name that come to one cluster as far as the tree tells: by one parent, or out of one folder.

    Under a policy all of them do, because the policy describes one environment.
    """
    if one_cluster:
        return group
    together: dict[str, list[LoadedApplication]] = defaultdict(list)
    for loaded in group:
        folder = f"{loaded.application.node.file.rpartition('/')[0]}/"
        for where in loaded.parents or (folder,):
            together[where].append(loaded)
    return max(together.values(), key=len)


@check()
def application_unreachable(subject: Subject) -> Iterator[Result]:
    """No root reaches an Application

    Why: Policy names the Applications that are applied by hand; every other one has to be rendered by one of them or
    of their children. What none of them reads is never created, although it stands in Git and looks deployed.

    Fix: Move the manifest to where a root's source reads it, add it to the kustomization or chart that does, or name
    the Application among the policy's roots.
    """
    if not subject.policy.roots:
        yield NotApplicable()
    elif subject.app.reach is Reach.UNREACHED:
        applications = subject.environment.applications
        # What a parent renders may be this very one; that the parent is not known in full is told as such.
        if not all(one.complete for one in applications if one.reach is Reach.ROOT or one.is_parent):
            yield NotApplicable()
            return
        roots = Related(subject.policy.place_of("roots"), "the roots")
        expected = f"rendered by {' or '.join(subject.policy.roots)}, or by one of their children"
        yield Breach(subject.application.place, "no Application renders it", expected, related=(roots,))


@check(scope=Scope.ENVIRONMENT)
def application_set_not_expanded(subject: Subject) -> Iterator[Result]:
    """The Applications of an ApplicationSet are unknown

    Why: Only Argo CD's ApplicationSet controller makes Applications out of an ApplicationSet, from generators that may
    ask Git hosts and clusters; none of the Applications it yields has been judged.

    Fix: Waive the finding with the reason why these Applications need no gate, or write them out as Applications.
    """
    for name, place in subject.environment.application_sets:
        label = application_set_label(name)
        expected, cause = "Applications that stand in the tree", incomplete(label)
        yield Unchecked(place, label, expected, field=name, cause=cause, is_cause=True)


@check()
def application_field_unknown(subject: Subject) -> Iterator[Result]:
    """An Application has a field that Argo CD does not know

    Why: The API server drops a field that the CRD does not have, so whatever it was meant to switch on stays off
    (argo-cd: manifests/crds/application-crd.yaml).

    Fix: Move the field to the place that is named, correct its spelling, or delete it.
    """
    for fault in _faults(subject.application.node):
        if fault.unknown:
            yield _field_breach(subject, fault)


@check()
def application_field_invalid(subject: Subject) -> Iterator[Result]:
    """A field of an Application is missing or has a value of the wrong type

    Why: The API server refuses the whole Application, and the version before it stays in force
    (argo-cd: manifests/crds/application-crd.yaml). An unquoted number or boolean is the usual reason.

    Fix: Write the field with the type that is named; quote what has to be a string.
    """
    for fault in _faults(subject.application.node):
        if not fault.unknown and not _has_its_own_check(subject.application, fault.path):
            yield _field_breach(subject, fault)


@lru_cache(maxsize=1024)
def _faults(manifest: Node) -> tuple[FieldFault, ...]:
    """What the schema refuses; remembered, because two checks ask and the schema is the slow part of both."""
    return tuple(field_faults(manifest.plain()))


def _has_its_own_check(application: Application, path: Path) -> bool:
    """Whether a check that knows more speaks of it: of waves that are no strings, of sources without URL or path."""
    parts = {(*source.path_in_spec, name) for source in application.sources for name in ("repoURL", "path")}
    return path == ("metadata", "annotations", SYNC_WAVE_ANNOTATION) or (
        path in parts and application.node.lacks(*path)
    )


def _field_breach(subject: Subject, fault: FieldFault) -> Breach:
    place = subject.place(*fault.path)
    return Breach(place, fault.found, fault.expected, field=subject.key_of(fault.path))


@check()
def finalizer_unknown(subject: Subject) -> Iterator[Result]:
    """A finalizer of an Application is one that nobody answers

    Why: Argo CD removes only the finalizers that it knows; with any other of its kind the Application can never be
    deleted, and the deployed objects are not cleaned up (argo-cd: pkg/apis/application/v1alpha1/types.go).

    Fix: Write resources-finalizer.argocd.argoproj.io, or the same with /foreground or /background.
    """
    if not subject.application.finalizers:
        yield NotApplicable()
    for index, text in _unknown_finalizers(subject.application):
        near = difflib.get_close_matches(text, FINALIZERS, n=1, cutoff=0)
        yield Breach(subject.place("metadata", "finalizers", index), text, near[0], field=f"metadata.finalizers.{text}")


def _unknown_finalizers(application: Application) -> list[tuple[int, str]]:
    """Entries that mean to be Argo CD's own and are not among them."""
    known = {*FINALIZERS, *_HOOK_FINALIZERS}
    return [
        (index, located.text)
        for index, located in enumerate(application.finalizers)
        if located.text not in known
        and ("argocd.argoproj.io" in located.text or difflib.get_close_matches(located.text, known, n=1, cutoff=0.85))
    ]


@check()
def finalizer_missing(subject: Subject) -> Iterator[Result]:
    """An Application lacks the finalizer that policy asks for

    Why: Without Argo CD's finalizer, deleting the Application leaves everything that it deployed running, owned by
    nobody.

    Fix: Add the finalizer to metadata.finalizers, or change applications.finalizers in policy.
    """
    required = subject.section(Applications).finalizers
    if not required:
        yield NotApplicable()
        return
    texts = [located.text for located in subject.application.finalizers]
    # A misspelt one is told as such.
    misspelt = _unknown_finalizers(subject.application) and subject.policy.severity("finalizer-unknown", Severity.ERROR)
    if misspelt or not set(required).isdisjoint(texts):
        return
    found = ", ".join(texts) or "no finalizer"
    related = subject.policy_entry("applications", "finalizers", note="the finalizer that policy asks for")
    yield Breach(
        subject.place("metadata", "finalizers"),
        found,
        " or ".join(required),
        field="metadata.finalizers",
        related=related,
    )


@check()
def revision_history_limit_out_of_bounds(subject: Subject) -> Iterator[Result]:
    """An Application keeps more or fewer past syncs than policy allows

    Why: Without history there is nothing to roll back to; every entry of a long one is kept inside the Application
    object, which the control plane reads and writes as a whole.

    Fix: Set spec.revisionHistoryLimit within the bounds; Argo CD keeps 10 where it is absent.
    """
    bounds = subject.section(Applications).revision_history_limit
    if bounds is None:
        yield NotApplicable()
        return
    written = subject.application.revision_history_limit
    limit = _DEFAULT_HISTORY if written is None else written
    low, high = bounds.minimum, bounds.maximum
    if (low is not None and limit < low) or (high is not None and limit > high):
        found = f"{limit}" if written is not None else f"{limit}, Argo CD's default"
        bounds_text = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
        wanted = " and ".join(filter(None, bounds_text))
        related = subject.policy_entry("applications", "revisionHistoryLimit", note="the bounds of policy")
        yield Breach(
            subject.place("spec", "revisionHistoryLimit"),
            found,
            wanted,
            field="spec.revisionHistoryLimit",
            related=related,
        )


@check()
def info_missing(subject: Subject) -> Iterator[Result]:
    """An Application does not tell what policy asks it to tell

    Why: spec.info is what people see beside the Application in Argo CD; whoever is called at night finds there what it
    is and where it runs.

    Fix: Add the entry with its value to spec.info, or change applications.info in policy.
    """
    required = subject.section(Applications).info
    if not required:
        yield NotApplicable()
    told = {name for name, value in subject.application.info if value.strip()}
    names = {name for name, _ in subject.application.info}
    for name in required:
        if name not in told:
            found = f"{name} without a value" if name in names else f"no {name}"
            related = subject.policy_entry("applications", "info", note="what policy asks for")
            yield Breach(
                subject.place("spec", "info"),
                found,
                f"spec.info with {name}",
                field=f"spec.info.{name}",
                related=related,
            )
