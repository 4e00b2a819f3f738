"""The deploy that a run looks back at."""

from __future__ import annotations

from dataclasses import dataclass

from driftgate.deploys.snapshot import Snapshot

__all__ = ["Deploy", "Unsettled"]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An Application that had not come to rest when the time was up: what it waits for, or why nobody knows."""

    label: str
    why: str
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Deploy:
    """A deploy that is over: what was so before, and what has not come to rest after `seconds` of waiting.

    With `waited` false nobody waited, and `unsettled` is empty.
    """

    before: Snapshot | None = None
    unsettled: tuple[Unsettled, ...] = ()
    seconds: float = 0
    waited: bool = False
