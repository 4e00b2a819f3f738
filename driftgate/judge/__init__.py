"""Judging: checks run over a model; waivers, required subjects and the ledger are applied here."""

from driftgate.judge.check import (
    Breach,
    Catalogue,
    Check,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    check,
    incomplete,
    load_catalogue,
    problem_result,
    problems,
)
from driftgate.judge.graphs import graph_of, graphs_of, is_complete
from driftgate.judge.judge import judge

__all__ = [
    "Breach",
    "Catalogue",
    "Check",
    "NotApplicable",
    "Result",
    "Scope",
    "Subject",
    "Unchecked",
    "check",
    "graph_of",
    "graphs_of",
    "incomplete",
    "is_complete",
    "judge",
    "load_catalogue",
    "problem_result",
    "problems",
]
