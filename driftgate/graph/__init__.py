"""Who needs what, who provides it: one index over everything that the Applications of a cluster render."""

from driftgate.graph.index import Graph, build_graphs, cluster_of
from driftgate.graph.matching import (
    Among,
    Labelled,
    differences,
    labelled,
    nearest,
    selected,
    wanted_labels,
    who_may_match,
)
from driftgate.graph.terms import (
    CRD_GROUP,
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
    "CRD_GROUP",
    "Among",
    "Answer",
    "Definition",
    "External",
    "Graph",
    "Labelled",
    "Need",
    "Origin",
    "PodTemplate",
    "Selection",
    "State",
    "Target",
    "Use",
    "build_graphs",
    "cluster_of",
    "differences",
    "labelled",
    "nearest",
    "selected",
    "wanted_labels",
    "who_may_match",
]
