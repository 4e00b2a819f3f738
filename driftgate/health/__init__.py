"""The health of live objects as Argo CD judges it, and what is wrong with them, from what the cluster itself says."""

from __future__ import annotations

from driftgate.health.access import Access, Route, accesses
from driftgate.health.argocd import ApplicationState, application_state
from driftgate.health.diagnose import troubles, troubles_by_cause
from driftgate.health.fields import Json, Ref, ref_of
from driftgate.health.judge import has_rule, health_of, is_scripted
from driftgate.health.live import Limits, Live
from driftgate.health.reads import READS, lists_beside, lists_for
from driftgate.health.services import ready_endpoints
from driftgate.health.trouble import Family, Trouble, named
from driftgate.health.verdict import Health, Status, worst

__all__ = [
    "READS",
    "Access",
    "ApplicationState",
    "Family",
    "Health",
    "Json",
    "Limits",
    "Live",
    "Ref",
    "Route",
    "Status",
    "Trouble",
    "accesses",
    "application_state",
    "has_rule",
    "health_of",
    "is_scripted",
    "lists_beside",
    "lists_for",
    "named",
    "ready_endpoints",
    "ref_of",
    "troubles",
    "troubles_by_cause",
    "worst",
]
