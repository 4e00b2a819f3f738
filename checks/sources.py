"""Sources of Applications: repository, revision, path, and whether there is anything to render."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from driftgate.judge import Breach, NotApplicable, Result, Subject, check, incomplete, problems
from driftgate.model.application import Application, Source
from driftgate.policy import Section, setting
from driftgate.repository.sources import is_placeholder
from driftgate.semantics.giturl import is_oci, without_credentials
from driftgate.semantics.globs import gobwas_match
from driftgate.semantics.projects import (
    source_permitted,
)

POLICY: dict[str, type[Section]] = {}


@dataclass(frozen=True, slots=True)
class Sources(Section):
    """Where Applications may come from."""

    repositories: tuple[str, ...] = setting(
        (), "Patterns of the repositories that sources may name, written as in sourceRepos of an AppProject."
    )
    revisions: tuple[str, ...] = setting(
        (), "Globs of the revisions that Git sources may follow; HEAD stands for an absent targetRevision."
    )


POLICY["sources"] = Sources


def is_repository(source: Source) -> bool:
    """Whether there is a repository to judge: an absent URL and a placeholder are told as such."""
    return bool(source.repo_url) and not is_placeholder(source.repo_url)


@check()
def source_repository_unexpected(subject: Subject) -> Iterator[Result]:
    """A source comes from a repository that policy does not allow

    Why: What a repository holds is deployed; one that the team has not agreed on is reviewed by somebody else, or by
    nobody.

    Fix: Name an allowed repository, or add this one to sources.repositories in policy.
    """
    allowed = subject.section(Sources).repositories
    if not allowed or not subject.application.sources:
        yield NotApplicable()
        return
    for source in subject.application.sources:
        path = (*source.path_in_spec, "repoURL")
        if is_repository(source) and not source_permitted(allowed, source.repo_url):
            related = subject.policy_entry("sources", "repositories", note="the allowed repositories")
            found = without_credentials(source.repo_url)
            yield Breach(subject.place(*path), found, " or ".join(allowed), field=subject.key_of(path), related=related)


@check()
def source_revision_unexpected(subject: Subject) -> Iterator[Result]:
    """A source follows a revision that policy does not allow

    Why: A branch left over from a trial deploys what nobody merged, and HEAD deploys whatever the repository's default
    branch is that day.

    Fix: Set targetRevision to an allowed revision, or add this one to sources.revisions in policy.
    """
    allowed = subject.section(Sources).revisions
    sources = [s for s in subject.application.sources if not (s.chart or is_oci(s.repo_url))]
    if not allowed or not sources:
        yield NotApplicable()
        return
    for source in sources:
        revision = source.target_revision or "HEAD"
        if not is_placeholder(revision) and not any(gobwas_match(pattern, revision) for pattern in allowed):
            path = (*source.path_in_spec, "targetRevision")
            related = subject.policy_entry("sources", "revisions", note="the allowed revisions")
            yield Breach(
                subject.place(*path), revision, " or ".join(allowed), field=subject.key_of(path), related=related
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
        place, cause = subject.place("spec"), incomplete(subject.app.label)
        expected = "spec.source or spec.sources"
        yield Breach(place, "neither source nor sources", expected, field="spec.source", cause=cause, is_cause=True)
    for source in application.sources:
        for name, found, expected in _missing_parts(application, source.index):
            path = (*source.path_in_spec, name)
            cause = incomplete(subject.app.label)
            yield Breach(subject.place(*path), found, expected, field=subject.key_of(path), cause=cause, is_cause=True)


def _missing_parts(application: Application, index: int) -> Iterator[tuple[str, str, str]]:
    source = application.sources[index]
    present = {name for name in ("repoURL", "path", "chart", "ref") if not source.node.lacks(name)}
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
