"""AppProjects: which one an Application belongs to, and what the fence lets through."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from driftgate.checks.sources import is_repository

from driftgate.judge import Breach, NotApplicable, Result, Subject, Unchecked, check
from driftgate.model.application import AppProject, ResourcePattern
from driftgate.model.manifest import Manifest
from driftgate.model.outcome import Related
from driftgate.model.place import Place
from driftgate.policy import Section, setting
from driftgate.semantics.giturl import without_credentials
from driftgate.semantics.hooks import hook_types
from driftgate.semantics.projects import (
    DestinationRule,
    KindRule,
    destination_permitted,
    kind_permitted,
    source_permitted,
)

POLICY: dict[str, type[Section]] = {}
DEFAULT_PROJECT = "default"
IN_CLUSTER = ("https://kubernetes.default.svc", "in-cluster")


@dataclass(frozen=True, slots=True)
class Projects(Section):
    """Which AppProjects there are for the environment."""

    allowed: tuple[str, ...] = setting((), "The AppProjects that an Application may belong to; any, if none is listed.")


POLICY["projects"] = Projects


@check()
def application_project_unexpected(subject: Subject) -> Iterator[Result]:
    """An Application belongs to a project that policy does not allow

    Why: The project is the fence around an Application; in another one it may deploy from other repositories and to
    other places than the team has agreed on.

    Fix: Set spec.project to one of the allowed projects, or add the project to projects.allowed in policy.
    """
    allowed = subject.section(Projects).allowed
    if not allowed:
        yield NotApplicable()
    elif subject.application.project not in allowed:
        related = subject.policy_entry("projects", "allowed", note="the allowed projects")
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

    Fix: Correct spec.project, keep the AppProject in this repository, or list it under projects.allowed in
    policy if it is managed elsewhere.
    """
    if subject.section(Projects).allowed:
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
        if is_repository(source) and not source_permitted(project.source_repos, source.repo_url):
            expected = f"one of sourceRepos: {', '.join(map(without_credentials, project.source_repos)) or 'none'}"
            related = _fence(project, "sourceRepos")
            found = without_credentials(source.repo_url)
            yield Breach(subject.place(*path), found, expected, field=subject.key_of(path), related=related)


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
