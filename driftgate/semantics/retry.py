"""How long Argo CD waits between the attempts of a failing sync.

Source: Argo CD ``types.go`` (``RetryStrategy.NextRetryAt``), ``application_defaults.go`` and
``appcontroller.go``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from driftgate.semantics.numbers import parse_retry_duration

DEFAULT_DURATION = "5s"
DEFAULT_FACTOR = 2
DEFAULT_MAX_DURATION = "3m"
#: Retries of an automated sync whose Application has no ``retry`` block; a manual sync has none.
DEFAULT_AUTOMATED_LIMIT = 5
#: The most waits that are listed one by one, for limits that are larger or endless.
MAX_LISTED_WAITS = 100


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """What a ``retry`` block amounts to; all times in seconds."""

    #: Retries after the first attempt; negative means endless, 0 (also an empty block) none.
    limit: int
    #: The wait before each retry, at most the first ``MAX_LISTED_WAITS`` of them.
    waits: tuple[float, ...]
    #: The sum over all retries; None when they are endless.
    total: float | None

    @property
    def unlimited(self) -> bool:
        """Whether Argo CD retries for ever."""
        return self.limit < 0

    @classmethod
    def of(
        cls,
        limit: int,
        duration: str | None = None,
        factor: int | None = None,
        max_duration: str | None = None,
    ) -> RetryPlan:
        """Build the plan of a block; a missing or empty field takes Argo CD's default.

        Raises ValueError for a duration that Argo CD cannot read. It would find out only when a sync fails,
        and then end the operation with an error.
        """
        backoff = _Backoff(
            duration=_seconds("duration", duration, DEFAULT_DURATION),
            factor=DEFAULT_FACTOR if factor is None else factor,
            cap=_seconds("maxDuration", max_duration, DEFAULT_MAX_DURATION),
        )
        listed = MAX_LISTED_WAITS if limit < 0 else min(limit, MAX_LISTED_WAITS)
        waits = tuple(backoff.wait(retry) for retry in range(1, listed + 1))
        return cls(limit=limit, waits=waits, total=None if limit < 0 else backoff.total(limit, waits))


@dataclass(frozen=True, slots=True)
class _Backoff:
    duration: float
    factor: int
    cap: float

    def wait(self, retry: int) -> float:
        """Return the real wait before a retry, counted from 1.

        The stored retry count is already one higher when the wait is evaluated, so the first is duration
        times factor.
        """
        growth: int = self.factor**retry
        try:
            wait = self.duration * growth
        except OverflowError:
            # Go's float arithmetic goes to infinity here, with the sign of the product.
            wait = math.inf if (growth > 0) == (self.duration > 0) else -math.inf
        if self.cap > 0:
            wait = min(self.cap, wait)
        return max(0.0, wait)

    def total(self, limit: int, waits: tuple[float, ...]) -> float:
        """Sum all waits; beyond the listed ones the last two repeat in turn, or grow past all measure."""
        total = math.fsum(waits)
        rest = limit - len(waits)
        if rest <= 0:
            return total
        even, odd = waits[-2], waits[-1]
        if self.cap <= 0 and abs(self.factor) > 1 and even + odd > 0:
            return math.inf
        return total + even * ((rest + 1) // 2) + odd * (rest // 2)


def retry_waits(
    limit: int, duration: str | None = None, factor: int | None = None, max_duration: str | None = None
) -> list[float]:
    """List the real waits in seconds before each retry, at most the first ``MAX_LISTED_WAITS``.

    The defaults are 5s, 2 and 3m. A *max_duration* of 0 or less lifts the cap; a negative *limit* never ends.
    Raises ValueError for a duration that Argo CD cannot read.
    """
    return list(RetryPlan.of(limit, duration, factor, max_duration).waits)


def _seconds(field: str, text: str | None, default: str) -> float:
    seconds = parse_retry_duration(text or default)
    if seconds is None:
        raise ValueError(f"{field}: {text!r} is neither a number of seconds nor a Go duration such as '1m30s'")
    return seconds
