"""Whether every Application is there, is known to Argo CD, and may be what it is."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, Unchecked, check, problem_result, problems
from driftgate.model.application import FINALIZERS, Application, AppProject, ResourcePattern
from driftgate.model.environment import Environment, LoadedApplication, Problem, ProblemKind, Reach, RenderStatus
from driftgate.model.manifest import Manifest, named_path
from driftgate.model.node import Node, Path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.repository.sources import is_placeholder
from driftgate.semantics.giturl import is_oci, without_credentials
from driftgate.semantics.globs import gobwas_match
from driftgate.semantics.hooks import hook_types
from driftgate.semantics.projects import (
    DestinationRule,
    KindRule,
    destination_permitted,
    kind_permitted,
    source_permitted,
)
from driftgate.semantics.schema_fields import FieldFault, field_faults
from driftgate.semantics.sync_waves import SYNC_WAVE_ANNOTATION

POLICY: dict[str, type[Section]] = {}
DEFAULT_PROJECT = "default"
IN_CLUSTER = ("https://kubernetes.default.svc", "in-cluster")
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

    projects: tuple[str, ...] = setting(
        (), "The AppProjects that an Application may belong to; any, if none is listed."
    )
    repositories: tuple[str, ...] = setting(
        (), "Patterns of the repositories that sources may name, written as in sourceRepos of an AppProject."
    )
    revisions: tuple[str, ...] = setting(
        (), "Globs of the revisions that Git sources may follow; HEAD stands for an absent targetRevision."
    )
    finalizers: tuple[str, ...] = setting((), "Finalizers of which every Application must have one.")
    revision_history_limit: Bounds | None = setting(None, "How many past syncs may be kept; Argo CD's default is 10.")
    info: tuple[str, ...] = setting((), "The names that spec.info must have, each with a value.")


POLICY["applications"] = Applications


def _key(subject: Subject, path: Path) -> str:
    return named_path(subject.application.node.plain(), path)


def _policy_place(subject: Subject, setting: str, note: str) -> tuple[Related, ...]:
    """Where policy asks for it: the Application's own entry, or that of the environment."""
    name = subject.application.name
    own = ("overrides", name, "applications", setting)
    path = own if subject.policy.node.get(*own) is not None else ("applications", setting)
    return (Related(subject.policy.place_of(*path), note),)


# Inventory


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
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), n=1)
            expected = f"an Application called {name}" + (f"; there is {near[0]}" if near else "")
            yield Breach(
                subject.policy.place_of("inventory", index), "no Application of that name", expected, field=name
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


@check(scope=Scope.ENVIRONMENT)
def manifest_empty(subject: Subject) -> Iterator[Result]:
    """A manifest file holds nothing

    Why: Below the folders that policy calls manifests, an empty file or one that holds comments only is a manifest
    that somebody emptied; with prune on, what it deployed is deleted, and no error is shown anywhere.

    Fix: Restore the manifest, or delete the file.
    """
    if not subject.policy.manifests:
        yield NotApplicable()
    yield from problems(subject, "manifest-empty")


@check()
def application_unreachable(subject: Subject) -> Iterator[Result]:
    """No root reaches an Application

    Why: Policy names the Applications that are applied by hand; every other one has to be rendered by one of them or
    of their children. What none of them reads is never created, although it stands in Git and looks deployed.

    Fix: Move the manifest to where a root's source reads it, add it to the kustomization or chart that does, or name
    the Application among the policy's roots.
    """
    parents = [one for one in subject.environment.applications if one.reach is Reach.ROOT or one.is_parent]
    if not subject.policy.roots or (
        # What a parent renders may be this very one; that the parent is not known in full is told as such.
        subject.app.reach is Reach.UNREACHED and not all(parent.complete for parent in parents)
    ):
        yield NotApplicable()
    elif subject.app.reach is Reach.UNREACHED:
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
        yield Unchecked(place, f"ApplicationSet {name}", "Applications that stand in the tree", field=name)


# Fields


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
        path in parts and _is_absent(application.node, path)
    )


def _is_absent(node: Node, path: Path) -> bool:
    below = node.get(*path)
    return below is None or below.value in (None, "")


def _field_breach(subject: Subject, fault: FieldFault) -> Breach:
    place = subject.place(*fault.path)
    return Breach(place, fault.found, fault.expected, field=_key(subject, fault.path))


# Project


@check()
def application_project_unexpected(subject: Subject) -> Iterator[Result]:
    """An Application belongs to a project that policy does not allow

    Why: The project is the fence around an Application; in another one it may deploy from other repositories and to
    other places than the team has agreed on.

    Fix: Set spec.project to one of the allowed projects, or add the project to applications.projects in policy.
    """
    allowed = subject.section(Applications).projects
    if not allowed:
        yield NotApplicable()
    elif subject.application.project not in allowed:
        related = _policy_place(subject, "projects", "the allowed projects")
        yield Breach(
            subject.place("spec", "project"),
            subject.application.project,
            " or ".join(allowed),
            field="spec.project",
            related=related,
        )


@check()
def application_project_missing(subject: Subject) -> Iterator[Result]:
    """The project of an Application is not in the tree

    Why: What the project permits cannot be judged; and if it does not exist in the cluster either, Argo CD refuses to
    sync the Application at all (argo-cd: util/argo/argo.go). Only the project `default` always exists.

    Fix: Correct spec.project, keep the AppProject in this repository, or list it under applications.projects in
    policy if it is managed elsewhere.
    """
    if subject.section(Applications).projects:
        # Policy knows which projects there are, and any other is told as not allowed.
        yield NotApplicable()
        return
    project = subject.application.project
    known = {one.name for one in subject.environment.projects}
    if project in {DEFAULT_PROJECT, *known}:
        return
    near = difflib.get_close_matches(project, sorted({DEFAULT_PROJECT, *known}), n=1)
    expected = "an AppProject of the tree" + (f"; there is {near[0]}" if near else "")
    yield Unchecked(subject.place("spec", "project"), f"no AppProject {project}", expected, field="spec.project")


@check()
def application_project_forbids(subject: Subject) -> Iterator[Result]:
    """The project of an Application forbids what the Application does

    Why: Argo CD refuses to sync an Application whose repository or destination its AppProject does not permit, and a
    sync fails over an object of a kind that it does not permit. Cluster-scoped kinds are forbidden unless listed
    (argo-cd: pkg/apis/application/v1alpha1/app_project_types.go).

    Fix: Extend the AppProject if this is meant to be allowed; otherwise change the Application.
    """
    projects = [one for one in subject.environment.projects if one.name == subject.application.project]
    if not projects:
        yield NotApplicable()
        return
    # Where two environments of a tree have a project of that name, either may be meant.
    verdicts = [list(_refusals(subject, project)) for project in projects]
    yield from min(verdicts, key=len)


def _refusals(subject: Subject, project: AppProject) -> Iterator[Result]:
    yield from _refused_sources(subject, project)
    yield from _refused_destination(subject, project)
    yield from _refused_namespaces(subject, project)
    yield from _refused_kinds(subject, project)


def _fence(project: AppProject, field: str) -> tuple[Related, ...]:
    return (Related(project.node.place_of("spec", field), f"AppProject {project.name}"),)


def _refused_sources(subject: Subject, project: AppProject) -> Iterator[Result]:
    for source in subject.application.sources:
        path = (*source.path_in_spec, "repoURL")
        if _is_url(source.repo_url) and not source_permitted(project.source_repos, source.repo_url):
            expected = f"one of sourceRepos: {', '.join(project.source_repos) or 'none'}"
            related = _fence(project, "sourceRepos")
            found = without_credentials(source.repo_url)
            yield Breach(subject.place(*path), found, expected, field=_key(subject, path), related=related)


def _refused_destination(subject: Subject, project: AppProject) -> Iterator[Result]:
    destination = subject.application.destination
    if bool(destination.server) == bool(destination.name):
        return
    yield from _judged_namespace(
        subject, project, destination.namespace, subject.place("spec", "destination"), "spec.destination"
    )


def _refused_namespaces(subject: Subject, project: AppProject) -> Iterator[Result]:
    """Objects that name a namespace of their own, each namespace once."""
    seen = {subject.application.destination.namespace, ""}
    for manifest in subject.manifests:
        if manifest.target_namespace in seen or hook_types(manifest.annotations).ignored:
            continue
        seen.add(manifest.target_namespace)
        place, _ = subject.cause(manifest, "metadata", "namespace")
        yield from _judged_namespace(
            subject, project, manifest.target_namespace, place, f"namespaces.{manifest.target_namespace}"
        )


def _judged_namespace(
    subject: Subject, project: AppProject, namespace: str, place: Place, field: str
) -> Iterator[Result]:
    destination = subject.application.destination
    rules = [DestinationRule(one.server, one.name, one.namespace) for one in project.destinations]
    answers = {
        destination_permitted(rules, *cluster, namespace)
        for cluster in _clusters(destination.server, destination.name, rules)
    }
    where = f"{destination.server or destination.name} {namespace}".strip()
    if answers == {False}:
        yield Breach(
            place, where, "a destination that the project permits", field=field, related=_fence(project, "destinations")
        )
    elif len(answers) > 1:
        found = f"{where}, and the project names clusters {'by server' if destination.name else 'by name'}"
        yield Unchecked(
            place,
            found,
            "a cluster whose name and server the tree tells",
            field=field,
            related=_fence(project, "destinations"),
        )


def _clusters(server: str, name: str, rules: list[DestinationRule]) -> list[tuple[str, str]]:
    """The clusters that a destination may mean: Argo CD knows name and server of each, the tree one of the two."""
    server = server.rstrip("/")
    if IN_CLUSTER[0] == server or IN_CLUSTER[1] == name:
        return [IN_CLUSTER]
    if name:
        return [
            (guess, name)
            for guess in {"https://another.invalid", *(rule.server.lstrip("!") for rule in rules)}
            if guess
        ]
    return [(server, guess) for guess in {"another", *(rule.name.lstrip("!") for rule in rules)} if guess]


def _refused_kinds(subject: Subject, project: AppProject) -> Iterator[Result]:
    """Objects whose kind the project does not permit, each kind once."""
    seen: set[tuple[str, str]] = set()
    for manifest in subject.manifests:
        if (manifest.group, manifest.kind) in seen or hook_types(manifest.annotations).ignored:
            continue
        # A kind that nothing tells of counts as namespaced, as it does for Argo CD.
        if _permits(project, manifest, namespaced=manifest.namespaced is not False):
            continue
        seen.add((manifest.group, manifest.kind))
        certain = manifest.namespaced is not None or not _permits(project, manifest, namespaced=False)
        yield _refused_kind(subject, project, manifest, certain=certain)


def _permits(project: AppProject, manifest: Manifest, *, namespaced: bool) -> bool:
    whitelist = project.namespace_resource_whitelist
    return kind_permitted(
        manifest.group,
        manifest.kind,
        manifest.name,
        namespaced=namespaced,
        cluster_whitelist=_rules(project.cluster_resource_whitelist),
        cluster_blacklist=_rules(project.cluster_resource_blacklist),
        namespace_whitelist=None if whitelist is None else _rules(whitelist),
        namespace_blacklist=_rules(project.namespace_resource_blacklist),
    )


def _rules(patterns: Iterable[ResourcePattern]) -> list[KindRule]:
    return [KindRule(pattern.group, pattern.kind, pattern.name) for pattern in patterns]


def _refused_kind(subject: Subject, project: AppProject, manifest: Manifest, *, certain: bool) -> Breach | Unchecked:
    place, _ = subject.cause(manifest, "kind")
    kind = f"{manifest.group}/{manifest.kind}".lstrip("/")
    field = "clusterResourceWhitelist" if manifest.namespaced is False else "namespaceResourceWhitelist"
    related = _fence(project, field)
    if certain:
        return Breach(
            place,
            f"{kind} {manifest.name}",
            f"a kind that AppProject {project.name} permits",
            field=f"kinds.{kind}",
            related=related,
        )
    found = f"{kind} {manifest.name}, a kind of unknown scope"
    return Unchecked(
        place,
        found,
        "its CRD in the tree, or the kind in cluster.clusterScopedKinds",
        field=f"kinds.{kind}",
        related=related,
    )


# Sources


def _is_url(text: str) -> bool:
    """Whether there is something to judge: an absent URL and a placeholder are told as such."""
    return bool(text) and not is_placeholder(text)


@check()
def source_repository_unexpected(subject: Subject) -> Iterator[Result]:
    """A source comes from a repository that policy does not allow

    Why: What a repository holds is deployed; one that the team has not agreed on is reviewed by somebody else, or by
    nobody.

    Fix: Name an allowed repository, or add this one to applications.repositories in policy.
    """
    allowed = subject.section(Applications).repositories
    if not allowed or not subject.application.sources:
        yield NotApplicable()
        return
    for source in subject.application.sources:
        path = (*source.path_in_spec, "repoURL")
        if _is_url(source.repo_url) and not source_permitted(allowed, source.repo_url):
            related = _policy_place(subject, "repositories", "the allowed repositories")
            found = without_credentials(source.repo_url)
            yield Breach(subject.place(*path), found, " or ".join(allowed), field=_key(subject, path), related=related)


@check()
def source_revision_unexpected(subject: Subject) -> Iterator[Result]:
    """A source follows a revision that policy does not allow

    Why: A branch left over from a trial deploys what nobody merged, and HEAD deploys whatever the repository's default
    branch is that day.

    Fix: Set targetRevision to an allowed revision, or add this one to applications.revisions in policy.
    """
    allowed = subject.section(Applications).revisions
    sources = [s for s in subject.application.sources if not (s.chart or is_oci(s.repo_url))]
    if not allowed or not sources:
        yield NotApplicable()
        return
    for source in sources:
        revision = source.target_revision or "HEAD"
        if not is_placeholder(revision) and not any(gobwas_match(pattern, revision) for pattern in allowed):
            path = (*source.path_in_spec, "targetRevision")
            related = _policy_place(subject, "revisions", "the allowed revisions")
            yield Breach(
                subject.place(*path), revision, " or ".join(allowed), field=_key(subject, path), related=related
            )


@check()
def source_incomplete(subject: Subject) -> Iterator[Result]:
    """A source does not say where its manifests are

    Why: Argo CD asks for repoURL and one of path and chart (or ref, among several sources), and for targetRevision
    with a chart; without them the Application is invalid and never syncs (argo-cd: util/argo/argo.go).

    Fix: Write the field that is named; the root of a repository is `path: .`.
    """
    application = subject.application
    if not application.node.get("spec"):
        yield NotApplicable()
    elif not application.sources:
        yield Breach(
            subject.place("spec"), "neither source nor sources", "spec.source or spec.sources", field="spec.source"
        )
    for source in application.sources:
        for name, found, expected in _missing_parts(application, source.index):
            path = (*source.path_in_spec, name)
            yield Breach(subject.place(*path), found, expected, field=_key(subject, path))


def _missing_parts(application: Application, index: int) -> Iterator[tuple[str, str, str]]:
    source = application.sources[index]
    present = {name for name in ("repoURL", "path", "chart", "ref") if not _is_absent(source.node, (name,))}
    if "repoURL" not in present:
        yield "repoURL", "no repoURL", "the URL of the repository"
    if present.isdisjoint({"path", "chart", "ref"} if application.multi_source else {"path", "chart"}):
        choice = "path, chart or ref" if application.multi_source else "path or chart"
        yield "path", f"no {choice}", f"{choice}; the root of a repository is the path ."
    if "chart" in present and not source.target_revision:
        yield "targetRevision", "a chart without targetRevision", "the chart's version"


@check()
def source_placeholder(subject: Subject) -> Iterator[Result]:
    """A source still holds a placeholder

    Why: The text stands for something that is filled in elsewhere or was forgotten; what the Application deploys
    cannot be known, and Argo CD takes the text as it is.

    Fix: Write the real value, or leave the file out of the judged manifests if it is a template for people.
    """
    yield from problems(subject, "source-placeholder")


@check()
def source_path_missing(subject: Subject) -> Iterator[Result]:
    """The folder that a source names does not exist

    Why: Argo CD cannot render the Application any more; whatever is deployed stays as it was (argo-cd:
    util/app/path/path.go).

    Fix: Correct spec.source.path, or put the folder back.
    """
    yield from problems(subject, "source-path-missing")


@check()
def path_leaves_repository(subject: Subject) -> Iterator[Result]:
    """A path leads out of the repository

    Why: Argo CD refuses a source path and a values file outside the repository's root, so the Application is not
    rendered (argo-cd: util/app/path/path.go, util/io/path/resolved.go).

    Fix: Name a path inside the repository; a values file of another one needs a second source with a ref.
    """
    yield from problems(subject, "path-leaves-repository")


@check()
def source_pinned(subject: Subject) -> Iterator[Result]:
    """A source is pinned to a revision that this clone does not hold

    Why: The tag or commit is what is deployed, not the work tree; without it nothing of this source can be judged.

    Fix: Judge in a clone that has the revision (`git fetch --tags`, or a full clone in CI).
    """
    yield from problems(subject, "source-pinned")


@check()
def source_remote(subject: Subject) -> Iterator[Result]:
    """A source lies in another repository

    Why: Its manifests are not in this tree, so nothing of them has been judged.

    Fix: Run `driftgate fetch` to keep a pinned copy, or waive the finding with the reason why it needs no gate.
    """
    yield from problems(subject, "source-remote")


@check()
def source_type_ambiguous(subject: Subject) -> Iterator[Result]:
    """A source asks for several tools at once

    Why: Only one of helm, kustomize, directory and plugin may be set; with two, Argo CD refuses to render
    (argo-cd: pkg/apis/application/v1alpha1/types.go `ExplicitType`).

    Fix: Keep the block of the tool that is meant.
    """
    yield from problems(subject, "source-type-ambiguous")


@check()
def release_name_invalid(subject: Subject) -> Iterator[Result]:
    """Helm refuses the release name

    Why: A release name has at most 53 characters and is a DNS name; without helm.releaseName the Application's own
    name is taken, which may be longer. The Application does not render (helm: pkg/chart/common/util).

    Fix: Set a shorter helm.releaseName, or rename the Application.
    """
    if not any(render.type.value == "helm" for render in subject.app.renders):
        yield NotApplicable()
    yield from problems(subject, "release-name-invalid")


# Files


@check(scope=Scope.ENVIRONMENT)
def symlink_out_of_repository(subject: Subject) -> Iterator[Result]:
    """A symlink leads out of the repository

    Why: Argo CD refuses to render anything of a repository that holds one symlink which is absolute or steps outside
    the root (argo-cd: util/app/path/path.go `CheckOutOfBoundsSymlinks`).

    Fix: Replace the link by a file, or by a relative link that stays inside.
    """
    yield from problems(subject, "symlink-out-of-repository")


@check(scope=Scope.ENVIRONMENT)
def file_unreadable(subject: Subject) -> Iterator[Result]:
    """A file cannot be read

    Why: It may hold an Application or an object that is deployed; nothing of it has been judged.

    Fix: Restore the file or its permissions, mend the link, or delete it.
    """
    yield from problems(subject, "file-unreadable")


@check(scope=Scope.ENVIRONMENT)
def manifest_templated(subject: Subject) -> Iterator[Result]:
    """A manifest outside a chart holds template actions

    Why: It is not YAML until something fills it in; Argo CD would fail over it, or does not read it, and what it
    becomes cannot be judged.

    Fix: Move it into a chart that renders it, or leave it out by repository.exclude if it is a template for people.
    """
    yield from _first_of_each_file(subject, "manifest-templated")


@check(scope=Scope.ENVIRONMENT)
def manifest_not_yaml(subject: Subject) -> Iterator[Result]:
    """A manifest is not YAML

    Why: Argo CD fails over a source that holds such a file, and renders none of the source's objects (argo-cd:
    reposerver/repository/repository.go `getObjsFromYAMLOrJSON`); everything after the place is unknown.

    Fix: Correct the syntax at the place that is named; the file must be UTF-8.
    """
    yield from _first_of_each_file(subject, "manifest-not-yaml")


def _first_of_each_file(subject: Subject, fault: str) -> Iterator[Result]:
    """Reading a file ends at its first fault; where two readers met it, the one that ends a render tells it."""
    seen: set[str] = set()
    for problem in sorted(_problems(subject.environment, fault), key=lambda one: one.kind is not ProblemKind.BROKEN):
        if problem.place.file not in seen:
            seen.add(problem.place.file)
            yield problem_result(problem)


def _problems(environment: Environment, fault: str) -> list[Problem]:
    renders = [render for loaded in environment.applications for render in loaded.renders]
    everything = [*environment.problems, *(problem for render in renders for problem in render.problems)]
    return [problem for problem in everything if problem.fault == fault]


@check(scope=Scope.ENVIRONMENT)
def manifest_duplicate_key(subject: Subject) -> Iterator[Result]:
    """A manifest has the same key twice

    Why: The parser keeps the second and drops the first without a word (sigs.k8s.io/yaml); what a reader sees first
    is not what is deployed.

    Fix: Merge the two into one.
    """
    told: set[Place] = set()
    for problem in _problems(subject.environment, "manifest-duplicate-key"):
        told.add(problem.place)
        yield problem_result(problem)
    for loaded in subject.environment.applications:
        for fault in (fault for render in loaded.renders for fault in render.faults):
            place = fault.node_place or Place(fault.template)
            if fault.fault == "manifest-duplicate-key" and place not in told:
                told.add(place)
                yield Breach(place, fault.found, "each key once", field=fault.field)


@check(scope=Scope.ENVIRONMENT)
def manifest_without_kind(subject: Subject) -> Iterator[Result]:
    """A document among manifests is no Kubernetes object

    Why: In a file that otherwise looks like a manifest, Argo CD fails over a document without kind and renders none of
    the source's objects (argo-cd: reposerver/repository/repository.go `getObjsFromYAMLOrJSON`).

    Fix: Give the document its apiVersion and kind, or move it to a file that no source reads.
    """
    yield from problems(subject, "manifest-without-kind")


# What a team asks for


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
    related = _policy_place(subject, "finalizers", "the finalizer that policy asks for")
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
        related = _policy_place(subject, "revisionHistoryLimit", "the bounds of policy")
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
            related = _policy_place(subject, "info", "what policy asks for")
            yield Breach(
                subject.place("spec", "info"),
                found,
                f"spec.info with {name}",
                field=f"spec.info.{name}",
                related=related,
            )
