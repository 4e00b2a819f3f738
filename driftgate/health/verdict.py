"""What the health of an object can be, and which of several is the worst."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

__all__ = ["Health", "NoVerdictError", "Status", "worst"]


class Status(Enum):
    """The health codes of Argo CD, from the best to the worst (argo-cd: gitops-engine/pkg/health/health.go)."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


class NoVerdictError(Exception):
    """Argo CD's own rule fails on an object, which makes it Unknown, also while it is being deleted."""


@dataclass(frozen=True, slots=True)
class Health:
    """A health code, and why in the words of Argo CD or of whoever wrote the object's status."""

    status: Status
    message: str = ""


_BADNESS = {status: number for number, status in enumerate(Status)}


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of several codes, as Argo CD adds them up; Healthy where there are none."""
    return max(statuses, key=_BADNESS.__getitem__, default=Status.HEALTHY)
