"""What is remembered of a finding, and what one more run makes of it: pure functions over frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from driftgate.model.outcome import Finding, Outcome, Severity
from driftgate.policy import DriftSection

__all__ = [
    "Comparison",
    "Entry",
    "HistoryRules",
    "PastRun",
    "Run",
    "Seen",
    "Standing",
    "advance",
    "compare_run",
    "failing",
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What identifies a finding from run to run, and how much it weighs; no text that a cluster or a file wrote.

    `key`, `check`, `application`, `object` and `field` are those of the finding, `severity` and `outcome` the values of
    their enums.
    """

    key: str
    check: str
    application: str
    object: str
    field: str
    severity: str
    outcome: str

    @classmethod
    def of(cls, finding: Finding) -> Seen:
        """What of a finding is remembered; half a surrogate pair, which is no text, by its escape."""
        return cls(
            remembered_text(finding.key),
            finding.check,
            remembered_text(finding.application),
            remembered_text(finding.object),
            remembered_text(finding.field),
            finding.severity.value,
            finding.outcome.value,
        )

    @classmethod
    def all_of(cls, findings: Sequence[Finding]) -> tuple[Seen, ...]:
        """What of several findings is remembered: of those with one key the heaviest, which comes first."""
        return tuple({one.key: one for one in map(cls.of, reversed(findings))}.values())


def remembered_text(text: str) -> str:
    """A text as it can be stored."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding as it is remembered: open while `fixed_at` is None.

    It was first and last seen in the runs of these times, `times` times in all; `since` is when it came, or came back,
    to stay until now. `returns` are the times at which it had come back after it was gone.
    """

    seen: Seen
    first_seen: datetime
    since: datetime
    last_seen: datetime
    times: int = 1
    fixed_at: datetime | None = None
    returns: tuple[datetime, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it was there when it was last looked at."""
        return self.fixed_at is None


class Teller(Protocol):
    """What knows whether a run would have seen a finding, had it been there."""

    def tells(self, one: Seen) -> bool:
        """Whether not to have seen it means that it is gone."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run saw of one environment: every finding, waived ones too, and of what it can tell anything.

    `taken` is the time of what was read, in UTC: of a recording, when it was made. `judged` counts the Applications
    that were compared, `unjudged` those that were not.
    """

    environment: str
    taken: datetime
    seen: tuple[Seen, ...]
    coverage: Teller
    judged: int
    unjudged: int = 0


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier run: when, how many Applications it judged and did not, and what it found and could not check."""

    taken: datetime
    judged: int
    unjudged: int
    failed: int
    unchecked: int


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """How policy wants a history to be read; see `driftgate.policy.DriftSection`."""

    fail_on: frozenset[str] = frozenset({"any"})
    older_than: timedelta = timedelta(days=7)
    flapping_times: int = 2
    flapping_within: timedelta = timedelta(days=14)
    keep: timedelta = timedelta(days=90)

    @classmethod
    def of(cls, section: DriftSection) -> HistoryRules:
        """The rules that policy sets."""
        return cls(
            frozenset(section.fail_on),
            timedelta(days=section.older_than_days),
            section.flapping_times,
            timedelta(days=section.flapping_days),
            timedelta(days=section.keep_days),
        )

    def is_flapping(self, entry: Entry, now: datetime) -> bool:
        """Whether it has come back so often of late that it is not to be called new once more."""
        recent = [one for one in entry.returns if now - one <= self.flapping_within]
        return len(recent) >= max(self.flapping_times, 1)


class Standing(Enum):
    """What a finding is to the last run."""

    FIRST = "first run"
    NEW = "new"
    RETURNED = "back again"
    UNWAIVED = "no longer waived"
    OLD = "old"


_NEWS = (Standing.NEW, Standing.RETURNED, Standing.UNWAIVED)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run beside what is remembered.

    `last` is the last run that judged anything, None for the first one. A run that `is_late` is of an earlier time than
    one that is remembered. `entries` are the findings of this run as they will be remembered, by key, and `standings`
    what each is to the last run. `fixed` is what was open and is gone, `unknown` what was open and this run can tell
    nothing of.
    """

    run: Run
    last: PastRun | None
    is_late: bool
    entries: Mapping[str, Entry]
    standings: Mapping[str, Standing]
    fixed: tuple[Entry, ...] = ()
    unknown: tuple[Entry, ...] = ()

    def is_new(self, key: str) -> bool:
        """Whether the last run did not have it."""
        return self.standings[key] in _NEWS

    def with_standing(self, *wanted: Standing) -> tuple[Entry, ...]:
        """The findings that fail or could not be checked, and are this to the last run."""
        return tuple(
            entry
            for key, entry in self.entries.items()
            if self.standings[key] in wanted and entry.seen.outcome != Outcome.WAIVED.value
        )


def advance(entries: Mapping[str, Entry], run: Run, latest: datetime | None) -> dict[str, Entry]:
    """Everything that is remembered after a run; `latest` is the time of the latest run before it.

    What a run does not see is fixed if it would have seen it. A run of an earlier time than one that is remembered adds
    what it saw and decides nothing: what came after it is known already.
    """
    is_late = latest is not None and run.taken < latest
    seen = {one.key: one for one in run.seen}
    after = dict(entries)
    for key, one in seen.items():
        before = entries.get(key)
        if before is None:
            after[key] = Entry(one, run.taken, run.taken, run.taken)
        elif is_late:
            after[key] = _also_seen(before, run.taken)
        else:
            after[key] = _seen_again(before, one, run.taken)
    for key, before in entries.items():
        if before.is_open and key not in seen and not is_late and run.coverage.tells(before.seen):
            after[key] = replace(before, fixed_at=run.taken)
    return after


def _also_seen(entry: Entry, taken: datetime) -> Entry:
    return replace(
        entry,
        first_seen=min(entry.first_seen, taken),
        last_seen=max(entry.last_seen, taken),
        times=entry.times + 1,
    )


def _seen_again(entry: Entry, seen: Seen, taken: datetime) -> Entry:
    again = replace(entry, seen=seen, last_seen=taken, times=entry.times + 1)
    if entry.is_open:
        return again
    return replace(again, since=taken, fixed_at=None, returns=(*entry.returns, taken))


def compare_run(entries: Mapping[str, Entry], run: Run, last: PastRun | None, latest: datetime | None) -> Comparison:
    """What a run tells beside what is remembered; `last` judged something, `latest` is the time of any run before."""
    after = advance(entries, run, latest)
    here = {one.key: after[one.key] for one in run.seen}
    standings = {key: _standing(entries.get(key), entry, last) for key, entry in here.items()}
    gone = [(before, after[key]) for key, before in entries.items() if before.is_open and key not in here]
    return Comparison(
        run,
        last,
        latest is not None and run.taken < latest,
        here,
        standings,
        tuple(entry for _, entry in gone if not entry.is_open),
        tuple(entry for _, entry in gone if entry.is_open),
    )


def _standing(before: Entry | None, now: Entry, last: PastRun | None) -> Standing:
    if last is None:
        return Standing.FIRST
    if before is None:
        return Standing.NEW
    if not before.is_open:
        return Standing.RETURNED
    waived = Outcome.WAIVED.value
    if before.seen.outcome == waived and now.seen.outcome != waived:
        return Standing.UNWAIVED
    return Standing.OLD


def failing(comparison: Comparison, rules: HistoryRules) -> frozenset[str]:
    """The keys of the findings that fail the run, as policy wants it: drift, and what could not be checked.

    Notes never fail, and what is waived does not.
    """
    return frozenset(
        key
        for key, entry in comparison.entries.items()
        if entry.seen.outcome != Outcome.WAIVED.value
        and (entry.seen.outcome == Outcome.COULD_NOT_CHECK.value or entry.seen.severity != Severity.NOTE.value)
        and rules.fail_on & set(_classes(comparison, key, entry, rules))
    )


def _classes(comparison: Comparison, key: str, entry: Entry, rules: HistoryRules) -> set[str]:
    now = comparison.run.taken
    held = {
        "any": True,
        "new": comparison.is_new(key),
        "older-than": now - entry.since >= rules.older_than,
        "flapping": rules.is_flapping(entry, now),
        "could-not-check": entry.seen.outcome == Outcome.COULD_NOT_CHECK.value,
    }
    return {name for name, holds in held.items() if holds}
