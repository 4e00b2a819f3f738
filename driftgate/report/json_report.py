"""The JSON report; its shape is `report.schema.json` beside this module."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import driftgate
from driftgate.model.outcome import Finding, Judgement
from driftgate.model.overview import ApplicationOverview
from driftgate.report.drift import list_name, verdicts
from driftgate.report.formats import Report
from driftgate.report.history import history_data

if TYPE_CHECKING:
    from driftgate.drift.pairing import LiveEnvironment
    from driftgate.drift.state import ClusterState

__all__ = ["VERSION", "json_report"]

VERSION = 1


def json_report(report: Report) -> str:
    """The report of a run as JSON text, environments in order."""
    judgements = [section.told for section in report.sections]
    data = {
        "version": VERSION,
        "driftgate": driftgate.__version__,
        "ledger": [asdict(judgement.ledger) for judgement in judgements],
        "applications": [_application(j, one) for j in judgements for one in j.overview.applications],
        "needs": [{"environment": j.ledger.environment, **asdict(one)} for j in judgements for one in j.overview.needs],
        "changes": [
            {"environment": j.ledger.environment, **asdict(change)} for j in judgements for change in j.changes
        ],
        "findings": [_finding(f, j.ledger.environment) for j in judgements for f in j.findings],
        **_clusters_data(report),
    }
    if any(section.history is not None for section in report.sections):
        data["history"] = [history_data(*section.history) for section in report.sections if section.history is not None]
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _application(judgement: Judgement, one: ApplicationOverview) -> dict[str, Any]:
    return {
        "environment": judgement.ledger.environment,
        "name": one.label,
        "file": one.place.file,
        "line": one.place.line or None,
        "destination": one.destination,
        "namespace": one.namespace,
        "parent": one.parent,
        "wave": one.wave,
        "complete": one.complete,
        "sources": [
            {
                "type": source.type,
                "at": source.at,
                "status": source.status,
                "values": [{"layer": layer, "at": at} for layer, at in source.values],
            }
            for source in one.sources
        ],
        "objects": list(one.objects),
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
        "drift": asdict(finding.drift) if finding.drift is not None else None,
    }


def _clusters_data(report: Report) -> dict[str, Any]:
    """Which clusters were read and which were not; nothing where none was asked."""
    found = [(section.environment, section.live) for section in report.sections if section.live is not None]
    if not found:
        return {}
    return {
        "clusters": [
            {"environment": environment, **_cluster_data(state, live)}
            for environment, live in found
            for state in live.states
        ],
        "unreached": [
            {
                "environment": environment,
                "destination": one.destination,
                "context": one.context,
                "why": one.why,
                "applications": list(one.applications),
            }
            for environment, live in found
            for one in live.unreached
        ],
    }


def _cluster_data(state: ClusterState, live: LiveEnvironment) -> dict[str, Any]:
    there = [one for one in live.applications.values() if one.state is state]
    return {
        "context": state.context,
        "destination": state.destination,
        "api_server": state.identity.api_server,
        "uid": state.identity.uid,
        "version": state.identity.version,
        "taken": state.taken.isoformat(),
        "recorded": state.recorded,
        "calls": state.calls,
        "verdicts": verdicts(there),
        "unread": [
            {"kind": list_name(one), "why": one.why.value, "status": one.status, "message": one.message}
            for one in live.gaps(state)
        ],
        "applications": [
            {"name": one.label, "deliverer": one.deliverer.value, "reason": one.reason, "verdicts": verdicts([one])}
            for one in there
        ],
    }
