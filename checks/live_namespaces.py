"""What concerns a namespace as a whole: that it goes, or has no room left."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.checks.live_health import told

from driftgate.judge import Result, Subject, check
from driftgate.model.outcome import Severity


@check(live=True)
def namespace_terminating(subject: Subject) -> Iterator[Result]:
    """The destination namespace is being deleted

    Why: Nothing can be made in it, and everything in it goes; what is still there is told as if nothing were wrong.

    Fix: See what holds it, let it go, and deploy again.
    """
    yield from told(subject, "namespace-terminating", "a namespace that stays")


@check(live=True, severity=Severity.WARNING)
def quota_exhausted(subject: Subject) -> Iterator[Result]:
    """A ResourceQuota is used up

    Why: The next Pod is refused: a rollout that starts new Pods before it ends old ones stands still.

    Fix: Raise the quota, or ask for less in the values.
    """
    yield from told(subject, "quota-exhausted", "room for the Pods of a rollout")
