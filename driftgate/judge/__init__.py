"""Judging: checks run over a model; waivers, required subjects and the ledger are applied here."""

from driftgate.judge.check import (
    Breach,
    Catalogue,
    Check,
    EarlierPolicy,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    check,
    incomplete,
    load_catalogue,
    missing_from,
    problem_result,
    problems,
)
from driftgate.judge.graphs import (
    application_set_label,
    graph_of,
    graphs_of,
    is_complete,
    is_judged,
    uses_by_application,
)
from driftgate.judge.judge import judge
from driftgate.judge.newness import with_newness
from driftgate.judge.order import order_of, waves_wait

__all__ = [
    "Breach",
    "Catalogue",
    "Check",
    "EarlierPolicy",
    "NotApplicable",
    "Result",
    "Scope",
    "Subject",
    "Unchecked",
    "application_set_label",
    "check",
    "graph_of",
    "graphs_of",
    "incomplete",
    "is_complete",
    "is_judged",
    "judge",
    "load_catalogue",
    "missing_from",
    "order_of",
    "problem_result",
    "problems",
    "uses_by_application",
    "waves_wait",
    "with_newness",
]
