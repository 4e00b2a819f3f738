"""Looking at a cluster again and again, until all is well or waiting is of no use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from driftgate.live import ApiError
from driftgate.status.result import EnvironmentStatus

__all__ = ["POLL_SECONDS", "Looks", "wait_until_settled"]

POLL_SECONDS = 2.0


class Looks(Protocol):
    """What can look at a cluster."""

    def look(self) -> EnvironmentStatus:
        """What the cluster says now."""


def wait_until_settled(
    watch: Looks,
    seconds: float,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    tell: Callable[[EnvironmentStatus, float], None],
) -> EnvironmentStatus:
    """The last of several looks: all is well, the time is up, or what is wrong does not mend by waiting.

    `tell` gets each look and the seconds since the first. What looks hopeless has to look so twice: while objects are
    being made, one may lack for a moment what comes next. Raises ApiError where the API server does not answer when
    the time is up.
    """
    began, before = clock(), False
    while True:
        status = _looked(watch, late=clock() - began >= seconds)
        passed = clock() - began
        if status is not None:
            tell(status, passed)
            stuck = _is_stuck(status)
            if passed >= seconds or status.exit_code == 0 or (stuck and before):
                return status
            before = stuck
        sleep(min(POLL_SECONDS, max(seconds - passed, 0.0)))


def _looked(watch: Looks, *, late: bool) -> EnvironmentStatus | None:
    """A look; None where the API server did not answer and there is time to ask again."""
    try:
        return watch.look()
    except ApiError:
        if late:
            raise
        return None


def _is_stuck(status: EnvironmentStatus) -> bool:
    """Whether there is nothing to wait for: only a person can mend what is wrong, or let us read the rest."""
    if status.exit_code == 6:
        return all(one.lasting for one in status.unknown)
    return status.is_hopeless
