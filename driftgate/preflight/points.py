"""What a look at a cluster before a deploy found: one point for each thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from driftgate.live import ApiError, Identity, Unread

__all__ = ["Delivery", "Point", "Preflight", "State", "not_asked", "not_read"]


class State(Enum):
    """What came of looking at one thing; the value is what a person reads."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"
    UNKNOWN = "could not check"


class Delivery(Enum):
    """Who puts the objects into the cluster."""

    HELM = "helm"
    ARGOCD = "argocd"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was looked at: what was found, the cluster's own words for it, and what to do about it."""

    topic: str
    state: State
    found: str
    evidence: tuple[str, ...] = ()
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """Whether a cluster would take a deploy, and what speaks against it.

    `user` is who the API server takes us for, `delivery` who would deliver; neither is known where the look ended
    early. `calls` counts the requests that it took.
    """

    environment: str
    destination: str
    context: str
    identity: Identity
    applications: tuple[str, ...]
    points: tuple[Point, ...]
    user: str = ""
    delivery: Delivery | None = None
    calls: int = 0

    @property
    def exit_code(self) -> int:
        """1 where something speaks against the deploy, 5 for nothing to deploy, 6 for what is not known, else 0."""
        states = {point.state for point in self.points}
        if not self.applications:
            return 5
        return 1 if State.PROBLEM in states else 6 if State.UNKNOWN in states else 0


def not_asked(topic: str, what: str, error: ApiError) -> Point:
    """A question that the cluster did not answer."""
    return Point(topic, State.UNKNOWN, what, (f"{error}",), "Mend the connection or the rights, and look again.")


def not_read(unread: Unread) -> str:
    """A list that could not be read, as evidence."""
    wanted = unread.wanted
    where = f" in {wanted.namespace}" if wanted.namespace else ""
    status = f" ({unread.status})" if unread.status else ""
    return f"{wanted.kind}{where}: {unread.why.value}{status}: {unread.message}"
