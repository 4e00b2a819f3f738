"""The health of live objects as Argo CD judges it, and what is wrong with them, from what the cluster itself says."""

from __future__ import annotations

from driftgate.health.access import Access, Route, accesses
from driftgate.health.argocd import ApplicationState, application_state
from driftgate.health.diagnose import troubles
from driftgate.health.fields import Json, Ref, ref_of
from driftgate.health.judge import has_rule, health_of, is_scripted
from driftgate.health.live import Live
from driftgate.health.services import ready_endpoints
from driftgate.health.trouble import Trouble, named
from driftgate.health.verdict import Health, Status, worst

__all__ = [
    "Access",
    "ApplicationState",
    "Health",
    "Json",
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
    "named",
    "ready_endpoints",
    "ref_of",
    "troubles",
    "worst",
]
