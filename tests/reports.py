"""What a report of judgements says, for tests that look at no cluster."""

from __future__ import annotations

from pathlib import Path

from driftgate.model.outcome import Judgement
from driftgate.report.formats import FORMATS, Report, Section, report_text

__all__ = ["every_report", "json_of"]


def json_of(*judgements: Judgement) -> str:
    """The JSON report."""
    return report_text("json", Report(tuple(map(Section, judgements)), Path()))


def every_report(*judgements: Judgement) -> str:
    """The reports in all formats, one behind the other."""
    report = Report(tuple(map(Section, judgements)), Path())
    return "\n".join(report_text(name, report) for name in FORMATS)
