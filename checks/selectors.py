"""What selects by labels finds something: Services, monitors, disruption budgets, network policies."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.graph import (
    Among,
    Graph,
    Labelled,
    PodTemplate,
    Selection,
    differences,
    labelled,
    nearest,
    selected,
    wanted_labels,
    who_may_match,
)
from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Subject,
    Unchecked,
    check,
    graph_of,
    graphs_of,
    incomplete,
    is_complete,
)
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.semantics.labels import is_empty

_SHOWN = 5


def selections(subject: Subject, *kinds: str) -> list[Selection]:
    """The selectors of the Application's own objects of some kinds."""
    found = subject.once(_by_application)
    return [one for kind in kinds for one in found.get((subject.app.label, kind), ())]


def _by_application(subject: Subject) -> dict[tuple[str, str], list[Selection]]:
    found: dict[tuple[str, str], list[Selection]] = {}
    for graph in graphs_of(subject).values():
        for selection in graph.selections:
            found.setdefault((selection.manifest.application, selection.manifest.kind), []).append(selection)
    return found


def _among(subject: Subject) -> dict[tuple[str, str], Among]:
    return {
        (cluster, kind): labelled(graph, kind)
        for cluster, graph in graphs_of(subject).items()
        for kind in ("Pod", "Service")
    }


def _found(subject: Subject, selection: Selection) -> list[Manifest]:
    """What a selector of the Application's cluster reaches."""
    return selected(selection, subject.once(_among)[graph_of(subject).cluster, selection.kind])


def chosen_services(subject: Subject, selection: Selection) -> list[Manifest]:
    """The Services that a monitor reaches."""
    return _found(subject, selection)


def chosen_pods(subject: Subject, selection: Selection) -> list[PodTemplate]:
    """The Pods that a selector reaches, one for each workload."""
    templates = subject.once(_templates)
    return [templates[id(manifest)] for manifest in _found(subject, selection)]


def _templates(subject: Subject) -> dict[int, PodTemplate]:
    return {id(pod.manifest): pod for graph in graphs_of(subject).values() for pod in graph.pods}


@check()
def service_selects_nothing(subject: Subject) -> Iterator[Result]:
    """A Service selects no Pods

    Why: A Service without Pods has no endpoints: connections to it are refused, and a route that leads to it answers
    503. It selects Pods of its own namespace alone, by all of its labels (kubernetes: pkg/controller/endpointslice).

    Fix: Give the selector the labels of the Pod template, not those of the Deployment itself; or leave the selector
    out, where somebody else writes the endpoints.
    """
    yield from _nothing(subject, selections(subject, "Service"))


@check(severity=Severity.WARNING)
def disruption_budget_selects_nothing(subject: Subject) -> Iterator[Result]:
    """A PodDisruptionBudget selects no Pods

    Why: It protects nobody: draining a node may take every Pod of the workload at once.

    Fix: Give the selector the labels of the Pod template.
    """
    yield from _nothing(subject, selections(subject, "PodDisruptionBudget"))


@check(severity=Severity.WARNING)
def network_policy_selects_nothing(subject: Subject) -> Iterator[Result]:
    """A NetworkPolicy selects no Pods

    Why: It restricts nobody: the Pods that it was written for talk to everybody (kubernetes: api/networking/v1
    `NetworkPolicySpec`). An empty podSelector selects every Pod of the namespace.

    Fix: Give podSelector the labels of the Pod template.
    """
    yield from _nothing(subject, selections(subject, "NetworkPolicy"))


@check(severity=Severity.WARNING)
def monitor_selects_nothing(subject: Subject) -> Iterator[Result]:
    """A monitor selects nothing to scrape

    Why: A ServiceMonitor selects Services by the labels of the Service itself, a PodMonitor Pods, each in its own
    namespace unless namespaceSelector names others. Prometheus scrapes nothing and says nothing (prometheus-operator:
    `ServiceMonitorSpec`).

    Fix: Give the selector the labels of the Service's metadata, and name its namespace.
    """
    yield from _nothing(subject, selections(subject, "ServiceMonitor", "PodMonitor"))


def _nothing(subject: Subject, own: list[Selection]) -> Iterator[Result]:
    # An empty selector is meant for whatever there is.
    judged = [one for one in own if not is_empty(one.selector) and is_complete(subject, one.kind)]
    if not judged:
        yield NotApplicable()
        return
    graph, unknown = graph_of(subject), list[Selection]()
    for selection in judged:
        among = subject.once(_among)[graph.cluster, selection.kind]
        if selected(selection, among) or who_may_match(graph, selection, among):
            continue
        if graph.incomplete:
            unknown.append(selection)
        else:
            yield _selects_nothing(subject, selection, among)
    if unknown:
        yield _untold(subject, graph, unknown)


def _selects_nothing(subject: Subject, selection: Selection, among: Among) -> Breach:
    manifest = selection.manifest
    near = nearest(selection, among)
    lacking = differences(selection, near[1]) if near else []
    path = _label_path(selection, lacking)
    place, related = subject.cause(manifest, *path)
    where = "in any namespace" if selection.namespaces is None else f"in namespace {', '.join(selection.namespaces)}"
    there: tuple[Related, ...] = ()
    if near is not None:
        # Where the labels stand that it should have named.
        there = (Related(_labels_place(subject, near[0], lacking), f"the labels of {near[0].kind} {near[0].name}"),)
    return Breach(
        place,
        f"{_asked(selection)} selects no {selection.kind} {where}{_difference(selection, near, lacking)}",
        "labels of a Pod template" if selection.kind == "Pod" else "labels of a Service",
        object=manifest.object_id,
        field=manifest.field(*selection.path),
        related=(*related, *there),
    )


def _asked(selection: Selection) -> str:
    """The selector for people."""
    labels = [f"{key}={value}" for key, value in wanted_labels(selection.selector).items()]
    more = ["matchExpressions"] if selection.selector.get("matchExpressions") else []
    return ", ".join([*labels, *more]) or "the selector"


def _difference(selection: Selection, near: Labelled | None, lacking: list[str]) -> str:
    if near is None:
        return ""
    manifest, labels = near
    who = f"{manifest.kind} {manifest.name}"
    if selection.namespaces is not None and manifest.target_namespace not in selection.namespaces:
        return f"; {who} is in namespace {manifest.target_namespace}"
    told = [f"{key}={labels[key]}" if key in labels else f"no {key}" for key in lacking]
    return f"; {who} has {', '.join(told)}" if told else ""


def _label_path(selection: Selection, lacking: list[str]) -> Path:
    """The label that is wrong, else the first one; the selector as a whole where it has none."""
    path = selection.path
    if selection.manifest.kind != "Service":
        path = (*path, "matchLabels")
    wanted = list(wanted_labels(selection.selector))
    if not wanted:
        return selection.path
    return (*path, (lacking or wanted)[0])


def _labels_place(subject: Subject, manifest: Manifest, lacking: list[str]) -> Place:
    spec = manifest.pod_spec_path
    path: Path = ("metadata", "labels") if spec is None else (*spec[:-1], "metadata", "labels")
    place, _ = subject.cause(manifest, *path, *lacking[:1])
    return place


def _untold(subject: Subject, graph: Graph, unknown: list[Selection]) -> Unchecked:
    first, label = unknown[0], graph.incomplete[0]
    names = [f"{one.manifest.kind} {one.manifest.name}" for one in unknown]
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    place, related = subject.cause(first.manifest, *_label_path(first, []))
    return Unchecked(
        place,
        f"{', '.join(names[:_SHOWN])}{rest}: what they select may be in what was not rendered of {label}",
        f"{label} with all its objects",
        field="incomplete",
        related=related,
        fix=f"Make {label} render in full; the findings about it say what keeps it from that.",
        cause=incomplete(label),
    )
