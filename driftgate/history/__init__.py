"""Since when each finding has been there: what is new, old, fixed, and what comes and goes, from run to run."""

from driftgate.history.coverage import Coverage, run_of
from driftgate.history.entries import (
    Comparison,
    Entry,
    HistoryRules,
    PastRun,
    Run,
    Seen,
    Standing,
    advance,
    compare_run,
    failing,
)
from driftgate.history.store import FORMAT, History, HistoryError, Remembered

__all__ = [
    "FORMAT",
    "Comparison",
    "Coverage",
    "Entry",
    "History",
    "HistoryError",
    "HistoryRules",
    "PastRun",
    "Remembered",
    "Run",
    "Seen",
    "Standing",
    "advance",
    "compare_run",
    "failing",
    "run_of",
]
