"""The graphs of the environment that is judged, made once a run for all checks."""

from __future__ import annotations

from driftgate.graph import External, Graph, Need, State, Use, build_graphs, cluster_of
from driftgate.judge.check import Subject
from driftgate.policy import ReferencesSection

__all__ = [
    "application_set_label",
    "from_elsewhere",
    "graph_of",
    "graphs_of",
    "is_complete",
    "is_judged",
    "uses_by_application",
]


def graphs_of(subject: Subject) -> dict[str, Graph]:
    """A graph for each destination cluster, with what policy declares external."""
    return subject.once(_built)


def graph_of(subject: Subject) -> Graph:
    """The graph of the cluster that the Application deploys to."""
    return graphs_of(subject)[cluster_of(subject.application)]


def is_complete(subject: Subject, kind: str) -> bool:
    """Whether policy says that all objects of a kind that are needed are in the tree or declared external."""
    complete = subject.section(ReferencesSection).complete
    return "*" in complete or kind in complete


def application_set_label(name: str) -> str:
    """What an ApplicationSet is called where an Application's label would stand."""
    return f"ApplicationSet {name}"


def is_judged(subject: Subject, use: Use) -> bool:
    """Whether the object that a use names is expected in the tree; else it is taken to come from elsewhere.

    What lies in a namespace that nothing is rendered into is somebody else's, unless policy says that the tree holds
    everything.
    """
    return _is_expected(subject, graph_of(subject), use)


def _is_expected(subject: Subject, graph: Graph, use: Use) -> bool:
    complete = subject.section(ReferencesSection).complete
    target, own = use.target, use.manifest.target_namespace
    if "*" in complete:
        return True
    return target.kind in complete and (target.namespace in ("", own) or graph.renders_into(target.namespace))


def from_elsewhere(subject: Subject) -> tuple[str, ...]:
    """What Applications need, nobody in the tree brings, and policy does not expect there; by name, sorted."""
    found = set[str]()
    for graph in graphs_of(subject).values():
        for use in graph.uses:
            if use.need is Need.OPTIONAL or use.target.kind == "Namespace" or _is_expected(subject, graph, use):
                continue
            answer = graph.state_of(use.target)
            # Of the rest, something in the tree may make it.
            if answer.state is State.ABSENT or answer.incomplete:
                found.add(str(use.target))
    return tuple(sorted(found))


def uses_by_application(subject: Subject) -> dict[str, list[Use]]:
    """Every use of the environment, by the label of the Application that it is in."""
    return subject.once(_by_application)


def _by_application(subject: Subject) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = {}
    for graph in graphs_of(subject).values():
        for use in graph.uses:
            found.setdefault(use.manifest.application, []).append(use)
    return found


def _built(subject: Subject) -> dict[str, Graph]:
    entries = subject.policy.section(ReferencesSection).external
    external = [
        External(
            entry.kind,
            entry.name,
            entry.namespace,
            entry.group,
            None if entry.keys is None else frozenset(entry.keys),
            subject.policy.place_of("references", "external", index),
        )
        for index, entry in enumerate(entries)
    ]
    unexpanded = [application_set_label(name) for name, _ in subject.environment.application_sets]
    # What the inventory has and the tree lacks would have brought something.
    there = {loaded.application.name for loaded in subject.environment.applications}
    unexpanded += [name for name in subject.policy.inventory or () if name not in there]
    return build_graphs(subject.environment.applications, external, unexpanded)
