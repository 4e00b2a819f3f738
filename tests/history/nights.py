"""Runs of an environment with two Applications, one a night; light, because processes of their own make them too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from driftgate.history import HistoryRules, Run, Seen

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)


def night(number: int) -> datetime:
    """When the run of a night is."""
    return START + timedelta(days=number)


def seen(name: str, outcome: str = "failed", severity: str = "error") -> Seen:
    """A finding of the Application that the first letter names."""
    return Seen(f"drifted-field/{name[0]}/{name}/", "drifted-field", name[0], name, "", severity, outcome)


@dataclass(frozen=True)
class Told:
    """A run can tell of these Applications, but for these findings."""

    judged: frozenset[str]
    but: frozenset[str] = frozenset()

    def tells(self, one: Seen) -> bool:
        """Whether it is one of those."""
        return one.application in self.judged and one.object not in self.but


def run_at(
    taken: datetime, findings: Iterable[Seen], judged: str = "ab", but: Iterable[str] = (), name: str = "shop"
) -> Run:
    """A run of an environment whose Applications have names of one letter."""
    return Run(name, taken, tuple(findings), Told(frozenset(judged), frozenset(but)), len(judged))


def big_runs() -> list[tuple[Run, HistoryRules]]:
    """A night of two environments, of more pages than the smallest cache holds."""
    findings = [seen(f"a{number:03}") for number in range(200)]
    return [(run_at(night(1), findings, name=name), HistoryRules()) for name in ("shop", "other")]
