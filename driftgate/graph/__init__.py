"""Who needs what, who provides it: one index over everything that the Applications of a cluster render."""

from driftgate.graph.index import Graph, build_graphs, cluster_of
from driftgate.graph.terms import (
    Answer,
    Definition,
    External,
    Need,
    Origin,
    PodTemplate,
    Selection,
    State,
    Target,
    Use,
)

__all__ = [
    "Answer",
    "Definition",
    "External",
    "Graph",
    "Need",
    "Origin",
    "PodTemplate",
    "Selection",
    "State",
    "Target",
    "Use",
    "build_graphs",
    "cluster_of",
]
