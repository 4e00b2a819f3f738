"""The JSON report; its shape is `report.schema.json` beside this module."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import driftgate
from driftgate.model.outcome import Finding, Judgement

__all__ = ["VERSION", "json_report", "report_data"]

VERSION = 1


def json_report(judgements: Sequence[Judgement]) -> str:
    """The report of a run as JSON text, environments in order."""
    return json.dumps(report_data(judgements), indent=2, ensure_ascii=False) + "\n"


def report_data(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The report of a run as plain data."""
    return {
        "version": VERSION,
        "driftgate": driftgate.__version__,
        "ledger": [asdict(judgement.ledger) for judgement in judgements],
        "changes": [
            {"environment": j.ledger.environment, **asdict(change)} for j in judgements for change in j.changes
        ],
        "findings": [_finding(f, j.ledger.environment) for j in judgements for f in j.findings],
    }


def _finding(finding: Finding, environment: str) -> dict[str, Any]:
    return {
        "key": finding.key,
        "check": finding.check,
        "severity": finding.severity.value,
        "outcome": finding.outcome.value,
        "environment": environment,
        "application": finding.application,
        "object": finding.object,
        "field": finding.field,
        "file": finding.place.file,
        "line": finding.place.line or None,
        "column": finding.place.column or None,
        "related": [
            {
                "file": r.place.file,
                "line": r.place.line or None,
                "column": r.place.column or None,
                "note": r.note,
            }
            for r in finding.related
        ],
        "found": finding.found,
        "expected": finding.expected,
        "why": finding.why,
        "fix": finding.fix,
        "waiver": finding.waiver,
        "consequence_of": finding.consequence_of,
        "new": finding.new,
        "deploy": finding.deploy,
    }
