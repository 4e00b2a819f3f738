"""What helm, kustomize and plain directories make of the sources: failed, empty, incomplete, or not what it seems."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    check,
    incomplete,
    problem_result,
    problems,
)
from driftgate.model.environment import (
    ASSUMED_REPOSITORY,
    Chart,
    OutputFault,
    Problem,
    ProblemKind,
    Render,
    RenderStatus,
    SourceType,
)
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import Section, setting
from driftgate.semantics.globs import doublestar_match

POLICY: dict[str, type[Section]] = {}


@dataclass(frozen=True, slots=True)
class Rendering(Section):
    """What may lie in the tree without being rendered for anybody."""

    unused_charts_allowed: tuple[str, ...] | None = setting(
        None, "Globs of charts that no Application has to use; unset, unused charts are not told."
    )


POLICY["rendering"] = Rendering


@check()
def render_failed(subject: Subject) -> Iterator[Result]:
    """A source does not render

    Why: Argo CD cannot make manifests of it: the Application becomes Unknown and nothing of it is synced any more.

    Fix: Correct the template or value at the place that is named; `driftgate render APP` shows the outcome.
    """
    yield from problems(subject, "render-failed")


@check()
def render_nothing(subject: Subject) -> Iterator[Result]:
    """A source renders no object at all

    Why: An emptied chart or folder looks like a success. With automated pruning Argo CD then either refuses to sync,
    or, with allowEmpty, deletes everything that the Application ever deployed (argo-cd: controller/appcontroller.go
    `autoSync`).

    Fix: Restore what the source should render, correct its path, or delete the Application.
    """
    renders = subject.app.renders
    if not subject.application.sources:
        yield NotApplicable()
    elif not renders:
        yield _nothing(
            subject,
            "every source only lends its files by ref",
            "a source with a path or a chart",
            ("spec", "sources"),
            "spec.sources",
        )
    for render in renders:
        if render.status is RenderStatus.RENDERED and not (render.manifests or render.faults or render.problems):
            source = render.source
            key = "chart" if source.chart else "path"
            name = source.chart or source.path
            path = (*source.path_in_spec, key)
            yield _nothing(subject, f"{name} renders no object", "at least one object", path, f"{key} {name}")


def _nothing(subject: Subject, found: str, expected: str, path: Path, field: str) -> Breach:
    """What others need of an Application that renders nothing is missing for that."""
    place, cause = subject.place(*path), incomplete(subject.app.label)
    return Breach(place, found, expected, field=field, cause=cause, is_cause=True)


@check(severity=Severity.NOTE)
def render_assumed(subject: Subject) -> Iterator[Result]:
    """A render rests on an assumption

    Why: Something that the render depends on is known only to the cluster or at the sync, so Argo CD may render other
    objects than those that were judged.

    Fix: Name the cluster in policy (cluster.kubernetesVersion, cluster.apiVersions), or take the variable out of the
    source. What a hydrator has committed can only be judged on its own branch.
    """
    if not subject.app.renders:
        yield NotApplicable()
    for render in subject.app.renders:
        for assumption in render.assumptions:
            if assumption != ASSUMED_REPOSITORY:
                field = f"{_source_name(render)}: {assumption}"
                yield Breach(subject.place(*render.source.path_in_spec), assumption, "a fact from policy", field=field)


@check(severity=Severity.NOTE, scope=Scope.ENVIRONMENT)
def repository_assumed(subject: Subject) -> Iterator[Result]:
    """Sources were taken for this repository because their path exists in it

    Why: Neither policy nor a Git remote says under which URL Applications name this repository, so a source that means
    another one, with the same folder in it, was judged by the wrong files.

    Fix: Name the URLs in policy under repository.urls, or judge a clone that has its remote.
    """
    taken = [
        (render.source.repo_url, loaded.application.place_of(*render.source.path_in_spec, "repoURL"))
        for loaded in subject.environment.applications
        for render in loaded.renders
        if ASSUMED_REPOSITORY in render.assumptions
    ]
    for url in dict.fromkeys(url for url, _ in taken):
        places = [place for name, place in taken if name == url]
        found = f"{url} in {len(places)} source{'s' if len(places) > 1 else ''}"
        yield Breach(places[0], found, "the URL in policy or among the remotes", field=url)


@check(severity=Severity.WARNING)
def render_unstable(subject: Subject) -> Iterator[Result]:
    """Two renders of the same source differ

    Why: Argo CD renders again whenever its cache ends, so a template with a random or current value is OutOfSync for
    ever, and a password made that way changes under the running workload. `lookup`, which would keep the old value on a
    cluster, finds nothing there (argo-cd: docs/user-guide/helm.md).

    Fix: Take the value from a Secret that is made once (an ExternalSecret, or by hand), or derive it from the release.
    """
    if not subject.app.renders:
        yield NotApplicable()
    for template in dict.fromkeys(name for render in subject.app.renders for name in render.unstable):
        yield Breach(
            Place(template), "another output at the second render", "the same output each time", field=template
        )


@check()
def output_not_yaml(subject: Subject) -> Iterator[Result]:
    """A template's output is not YAML

    Why: `helm template` looks at every document before it prints any, and fails over one that does not parse; with it
    the whole Application becomes Unknown (helm: pkg/release/v1/util/manifest_sorter.go).

    Fix: Look at the output with `helm template --debug`; most often it is an indentation (`nindent`) or a
    missing quote.
    """
    yield from _output_faults(subject, "output-not-yaml", "a YAML document")


@check(severity=Severity.WARNING)
def output_duplicate_key(subject: Subject) -> Iterator[Result]:
    """A rendered object holds one key twice

    Why: Argo CD keeps the last of two equal keys and drops the first without a word, with everything below it
    (sigs.k8s.io/yaml over go-yaml v2). Two blocks of labels or annotations from two helpers are the usual case.

    Fix: Merge the two blocks in the template.
    """
    yield from _output_faults(subject, "output-duplicate-key", "each key once")


@check()
def output_separator_swallowed(subject: Subject) -> Iterator[Result]:
    """Two objects run into one document

    Why: A template action that trims white space (`{{-`) beside `---` takes the separator with it. Of two objects that
    become one document only the last keys are left, so one of the objects is never deployed.

    Fix: Remove the dash from the action, or put an empty line between it and the separator.
    """
    yield from _output_faults(subject, "output-separator-swallowed", "`---` on a line of its own between two objects")


@check()
def output_not_object(subject: Subject) -> Iterator[Result]:
    """A rendered document is not a Kubernetes object

    Why: Helm fails over a document that is a list or a text, and Argo CD over one without kind
    (argo-cd: gitops-engine/pkg/utils/kube/kube.go `SplitYAML`).

    Fix: Render nothing at all where there is no object, white space and comments excepted.
    """
    yield from _output_faults(subject, "output-not-object", "an object with apiVersion and kind")


def _output_faults(subject: Subject, fault: str, expected: str) -> Iterator[Result]:
    if not any(render.status is RenderStatus.RENDERED for render in subject.app.renders):
        yield NotApplicable()
    counted: Counter[str] = Counter()
    for render in subject.app.renders:
        for found in render.faults:
            if found.fault == fault:
                yield _output_breach(found, expected, counted, incomplete(subject.app.label))


def _output_breach(fault: OutputFault, expected: str, counted: Counter[str], cause: str = "") -> Breach:
    """The key names the template and how often it had this fault before, because the document has no name to go by."""
    name = f"{fault.template}:{fault.found}" if fault.fault == "output-duplicate-key" else fault.template
    counted[name] += 1
    field = name if counted[name] == 1 else f"{name} ({counted[name]})"
    found = f"document {fault.document + 1} of the output: {fault.found}"
    place = fault.node_place or Place(fault.template)
    return Breach(place, found, expected, field=field, cause=cause, is_cause=True)


@check(severity=Severity.WARNING)
def object_repeated(subject: Subject) -> Iterator[Result]:
    """An Application renders one object twice

    Why: Argo CD tells objects apart by group, kind, namespace and name. Of two that share them it keeps the last,
    over all sources in their order, and sets the condition RepeatedResourceWarning (argo-cd: controller/state.go
    `DeduplicateTargetObjects`).

    Fix: Rename one of them, or render it in one place only.
    """
    if not subject.manifests:
        yield NotApplicable()
    seen: dict[tuple[str, str, str, str], Manifest] = {}
    for manifest in subject.manifests:
        if not manifest.kind or not manifest.metadata.get("name"):
            continue  # generateName gives each a name of its own
        if (manifest.group, manifest.kind) == ("argoproj.io", "Application"):
            continue  # application-name-duplicate tells, wherever the two come from
        first = seen.setdefault(manifest.identity, manifest)
        if first is not manifest:
            place, earlier = manifest.place_of("metadata", "name"), first.place_of("metadata", "name")
            related = (Related(earlier, "the first one, which is dropped"),)
            found = f"{manifest.kind} {manifest.name} a second time"
            yield Breach(place, found, "each object once", manifest.object_id, related=related)


@check()
def chart_dependency_not_vendored(subject: Subject) -> Iterator[Result]:
    """A chart's dependency is not in its charts folder

    Why: Argo CD fetches it while rendering (`helm dependency build`); what comes is not in this repository, and nothing
    here can be rendered without it.

    Fix: Vendor it (`helm dependency update` and commit charts/), or run `driftgate fetch` before judging.
    """
    yield from problems(subject, "chart-dependency-not-vendored")


@check()
def render_limit_exceeded(subject: Subject) -> Iterator[Result]:
    """A render took too much time or memory

    Why: A template that never ends, or that builds a text of gigabytes, takes the repo-server of Argo CD down with it.
    It is stopped here before that, and nothing of the source is known.

    Fix: Look for `range`, `until` and `repeat` over numbers from values, and for templates that include themselves.
    """
    yield from problems(subject, "render-limit-exceeded")


@check()
def render_tool_missing(subject: Subject) -> Iterator[Result]:
    """There is no tool to render a source with

    Why: Without the tool nothing of the source is known, so nothing of it was judged.

    Fix: Install what is named, or point DRIFTGATE_HELM, DRIFTGATE_KUSTOMIZE or DRIFTGATE_KUBECTL at it.
    """
    yield from problems(subject, "render-tool-missing")


@check()
def directory_too_large(subject: Subject) -> Iterator[Result]:
    """A directory source holds more than Argo CD reads

    Why: The repo-server refuses a folder whose manifests are larger together than its flag
    --max-combined-directory-manifests-size, 10M by default, and the Application becomes Unknown.

    Fix: Split the folder into several Applications, leave files out with exclude, or raise the flag.
    """
    yield from problems(subject, "directory-too-large")


@check()
def render_kustomize_helm(subject: Subject) -> Iterator[Result]:
    """A kustomization inflates a Helm chart

    Why: Kustomize does this only with --enable-helm in Argo CD's build options, and fetches the chart while building;
    what it would render cannot be told from this tree.

    Fix: Make the chart a Helm source of the Application, beside the kustomization.
    """
    yield from problems(subject, "render-kustomize-helm")


@check()
def source_override_invalid(subject: Subject) -> Iterator[Result]:
    """An override file in the source folder cannot be applied

    Why: Argo CD merges .argocd-source.yaml and .argocd-source-<application>.yaml over the source before it renders; one
    that is not a mapping in YAML, or gives a field another type, fails the whole Application
    (argo-cd: reposerver/repository/repository.go `mergeSourceParameters`).

    Fix: Correct the file, or delete it and set the parameters in the Application itself.
    """
    yield from problems(subject, "source-override-invalid")


@check()
def source_plugin(subject: Subject) -> Iterator[Result]:
    """A source is rendered by a config management plugin

    Why: A plugin is a program of the cluster's own, so nothing of what it renders can be known from this tree.

    Fix: Use helm, kustomize or a directory where they do, or waive this with the reason.
    """
    yield from problems(subject, "source-plugin")


@check()
def source_jsonnet(subject: Subject) -> Iterator[Result]:
    """A source holds Jsonnet

    Why: Jsonnet is evaluated by Argo CD and not here, so the objects that it yields are not known.

    Fix: Render it to YAML in the repository, or waive this with the reason.
    """
    yield from problems(subject, "source-jsonnet")


@check(scope=Scope.ENVIRONMENT)
def unused_chart_render_failed(subject: Subject) -> Iterator[Result]:
    """A chart that no Application uses does not render

    Why: A broken chart is found when somebody needs it, which is too late. It is rendered with its own values, or with
    the first ci/*-values.yaml that it brings for its tests; where a template stops because a value is missing, the
    chart is not at fault and could not be checked.

    Fix: Correct the template; give the chart defaults, or ci/test-values.yaml, that make it render; or delete it.
    """
    charts = [chart for chart in subject.environment.charts if chart.render is not None]
    if not charts:
        yield NotApplicable()
    for chart in charts:
        yield from _spare_results(chart)


# What helm says where a template runs into its values, in contrast to one that does not parse: its own errors from
# `required` and `fail`, text/template's, and those of values.schema.json.
_WANTS_VALUES = ("execution error at", ": executing ", "values don't meet the specifications of the schema")


def _spare_results(chart: Chart) -> Iterator[Result]:
    assert chart.render is not None
    for problem in chart.render.problems:
        yield _spare_result(chart, problem)
    counted: Counter[str] = Counter()
    for fault in chart.render.faults:
        yield _output_breach(fault, "output that Argo CD can read", counted)


def _spare_result(chart: Chart, problem: Problem) -> Result:
    result = problem_result(problem)
    wants = problem.fault == "render-failed" and any(text in problem.found for text in _WANTS_VALUES)
    kind = Unchecked if wants or problem.kind is not ProblemKind.BROKEN else Breach
    return kind(problem.place, problem.found, result.expected, field=f"{chart.path} {problem.fault}")


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def chart_unused(subject: Subject) -> Iterator[Result]:
    """No Application uses a chart

    Why: A chart without an Application is deployed nowhere: left over, or forgotten when the Application was written.

    Fix: Delete it, write the Application, or allow it in policy under rendering.unusedChartsAllowed.
    """
    allowed = subject.section(Rendering).unused_charts_allowed
    if allowed is None:
        yield NotApplicable()
        return
    unused = [chart.path for chart in subject.environment.charts if not chart.used_by and not chart.library]
    # A source that could not be found, or an Application that is gone, may mean any of them and is told as such.
    lost = any(_is_lost(render) for loaded in subject.environment.applications for render in loaded.renders)
    names = {loaded.application.name for loaded in subject.environment.applications}
    lost = lost or not names.issuperset(subject.policy.inventory or ())
    named = _named_elsewhere(subject)
    for path in unused:
        if not lost and path not in named and not any(doublestar_match(pattern, path) for pattern in allowed):
            place = Place(f"{path}/Chart.yaml" if path else "Chart.yaml")
            yield Breach(place, "no Application has it as its source", "an Application", field=path)
    for index, pattern in enumerate(allowed):
        if not any(doublestar_match(pattern, path) for path in unused):
            place = subject.policy.place_of("rendering", "unusedChartsAllowed", index)
            found, fix = f"{pattern} allows no unused chart", "Delete the entry, or correct it."
            yield Breach(place, found, "a glob with a match", field=f"unusedChartsAllowed {pattern}", fix=fix)


def _named_elsewhere(subject: Subject) -> set[str]:
    """The paths of sources that lie in other repositories: the repository may be what is wrong with them."""
    renders = [render for loaded in subject.environment.applications for render in loaded.renders]
    return {
        posixpath.normpath(render.source.path)
        for render in renders
        if any(problem.kind is ProblemKind.REMOTE for problem in render.problems)
    }


def _is_lost(render: Render) -> bool:
    """Whether the folder or the tool of a source of this repository is unknown."""
    return render.type is SourceType.NONE and any(one.kind is not ProblemKind.REMOTE for one in render.problems)


def _source_name(render: Render) -> str:
    return render.source.chart or render.source.path
