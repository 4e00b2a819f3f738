"""Files: what cannot be read as manifests, each told once, at its place."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, check, missing_from, problem_result, problems
from driftgate.model.environment import ProblemKind
from driftgate.model.place import Place


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
    found = [pair for pair in subject.environment.all_problems if pair[1].fault == fault]
    for label, problem in sorted(found, key=lambda pair: (pair[1].kind is not ProblemKind.BROKEN, pair[0] == "")):
        if problem.place.file not in seen:
            seen.add(problem.place.file)
            yield problem_result(problem, label or missing_from(subject, problem))


@check(scope=Scope.ENVIRONMENT)
def manifest_duplicate_key(subject: Subject) -> Iterator[Result]:
    """A manifest has the same key twice

    Why: The parser keeps the second and drops the first without a word (sigs.k8s.io/yaml); what a reader sees first
    is not what is deployed.

    Fix: Merge the two into one.
    """
    told: set[Place] = set()
    for label, problem in subject.environment.all_problems:
        if problem.fault == "manifest-duplicate-key":
            told.add(problem.place)
            yield problem_result(problem, label or missing_from(subject, problem))
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
