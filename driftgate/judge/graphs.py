"""The graphs of the environment that is judged, made once a run for all checks."""

from __future__ import annotations

from driftgate.graph import External, Graph, build_graphs, cluster_of
from driftgate.judge.check import Subject
from driftgate.policy import ReferencesSection

__all__ = ["graph_of", "graphs_of", "is_complete"]


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
    return build_graphs(subject.environment.applications, external)
