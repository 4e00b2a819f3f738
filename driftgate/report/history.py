"""What a history adds to a report: what is new and what is old, since when, and what was fixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from driftgate.history import (
    Comparison,
    Entry,
    HistoryRules,
    PastRun,
    Remembered,
    Seen,
    Standing,
    failing,
)
from driftgate.model.outcome import Finding, Judgement, Outcome
from driftgate.report.terminal import printable, wrapped

__all__ = ["aged", "history_data", "history_lines", "history_text", "remembered_data"]

_NAMED = 10
_NEWS = (Standing.NEW, Standing.RETURNED, Standing.UNWAIVED)
_WIDTH = 14


def aged(judgement: Judgement, comparison: Comparison, rules: HistoryRules) -> Judgement:
    """The judgement with the age of each finding: clusters that could not be read first, then what is new."""
    findings = [_aged(finding, comparison, rules) for finding in judgement.findings]
    return replace(judgement, findings=tuple(sorted(findings, key=_rank)))


def _rank(finding: Finding) -> int:
    return 0 if finding.check == "cluster-unreached" else 1 if finding.new else 2


def _aged(finding: Finding, comparison: Comparison, rules: HistoryRules) -> Finding:
    key = Seen.of(finding).key
    standing, entry = comparison.standings[key], comparison.entries[key]
    new = None if standing is Standing.FIRST else standing in _NEWS
    return replace(finding, new=new, age=_age(standing, entry, comparison, rules))


def _age(standing: Standing, entry: Entry, comparison: Comparison, rules: HistoryRules) -> str:
    now = comparison.run.taken
    first = f"first seen {_moment(entry.first_seen)}, in {_count(entry.times, 'run')}"
    told = {
        Standing.FIRST: "",
        Standing.NEW: "new: it was not there in the last run",
        Standing.RETURNED: f"back again: it was gone in the last run; {first}",
        Standing.UNWAIVED: f"new: no waiver holds any more; {first}",
        Standing.OLD: _old(entry, now),
    }[standing]
    flapping = _flapping(entry, now, rules)
    return "; ".join(filter(None, (told, flapping)))


def _old(entry: Entry, now: datetime) -> str:
    first = f"first seen {_moment(entry.first_seen)}, in {_count(entry.times, 'run')}"
    if entry.since != entry.first_seen:
        return f"{_span(now - entry.since)}: back since {_moment(entry.since)}, {first}"
    return f"{_span(now - entry.since)}: {first}"


def _flapping(entry: Entry, now: datetime, rules: HistoryRules) -> str:
    if not rules.is_flapping(entry, now):
        return ""
    times = sum(now - one <= rules.flapping_within for one in entry.returns)
    return f"flapping: it came back {_times(times)} in {_span(rules.flapping_within)}"


def history_lines(comparison: Comparison, rules: HistoryRules, width: int) -> Iterator[str]:
    """What a run tells beside the last one, and what is fixed: the findings themselves are told below."""
    run, last = comparison.run, comparison.last
    if last is None:
        open_ = len(comparison.with_standing(Standing.FIRST))
        text = f"first run: {_count(open_, 'finding')} remembered; from the next run on it is told what is new"
        yield from wrapped(text, "history  ", width)
    else:
        text = f"since the last run, {_moment(last.taken)} ({_span(run.taken - last.taken)} before): "
        yield from wrapped(text + _counts(comparison, rules), "history  ", width)
    if comparison.is_late:
        text = "this is of an earlier time than the last run: what it saw is added, and nothing of it counts as fixed"
        yield from _row("out of order", text, width)
    yield from _few("fixed", [_was_there(entry) for entry in comparison.fixed if not _is_unchecked(entry)], width)
    yield from _few("not looked at", [_stays(entry) for entry in comparison.unknown], width)
    if rules.fail_on != {"any"}:
        failed = failing(comparison, rules)
        told = len(comparison.with_standing(*Standing))
        yield from _row("fails on", f"{_fails_on(rules)}: {len(failed)} of {_count(told, 'finding')}", width)


def _counts(comparison: Comparison, rules: HistoryRules) -> str:
    """Numbers, what could not be checked first and by itself: it is neither drift nor its absence."""
    news, olds = comparison.with_standing(*_NEWS), comparison.with_standing(Standing.OLD)
    unchecked = [sum(map(_is_unchecked, several)) for several in (news, olds, comparison.fixed)]
    parts = [f"could not check {unchecked[0] + unchecked[1]} ({unchecked[0]} new)"] if any(unchecked[:2]) else []
    parts += [f"{unchecked[2]} could be checked again"] if unchecked[2] else []
    # Always all three, so that a number that is not there never has to be taken for a zero.
    parts.append(
        f"{len(news) - unchecked[0]} new, {len(olds) - unchecked[1]} old, {len(comparison.fixed) - unchecked[2]} fixed"
    )
    flapping = sum(rules.is_flapping(one, comparison.run.taken) for one in (*news, *olds))
    parts += [f"{flapping} flapping"] if flapping else []
    parts += [f"{len(comparison.unknown)} not looked at this time"] if comparison.unknown else []
    return "; ".join(parts)


def _is_unchecked(entry: Entry) -> bool:
    return entry.seen.outcome == Outcome.COULD_NOT_CHECK.value


def _few(name: str, texts: Sequence[str], width: int) -> Iterator[str]:
    for text in texts[:_NAMED]:
        yield from _row(name, text, width)
    if len(texts) > _NAMED:
        yield from _row(name, f"and {len(texts) - _NAMED} more", width)


def _was_there(entry: Entry) -> str:
    return f"{named(entry.seen)} (first seen {entry.first_seen:%Y-%m-%d}, last {entry.last_seen:%Y-%m-%d})"


def _stays(entry: Entry) -> str:
    return f"{named(entry.seen)} (last seen {_moment(entry.last_seen)}; whether it still is there is not known)"


def _fails_on(rules: HistoryRules) -> str:
    words = {"older-than": f"older-than {_span(rules.older_than)}"}
    return ", ".join(words.get(one, one) for one in sorted(rules.fail_on)) or "nothing"


def named(seen: Seen) -> str:
    """A finding in a few words: check, Application, object and field."""
    return " ".join(filter(None, (seen.check, seen.application, seen.object, seen.field)))


def history_data(comparison: Comparison, rules: HistoryRules) -> dict[str, Any]:
    """The same for programs, with every finding of the run."""
    run, last = comparison.run, comparison.last
    failed = failing(comparison, rules)
    return {
        "environment": run.environment,
        "taken": run.taken.isoformat(),
        "last_run": last.taken.isoformat() if last is not None else None,
        "out_of_order": comparison.is_late,
        "judged": run.judged,
        "unjudged": run.unjudged,
        "findings": [
            {
                **_entry_data(entry),
                "standing": comparison.standings[key].value,
                "flapping": rules.is_flapping(entry, run.taken),
                "fails": key in failed,
            }
            for key, entry in comparison.entries.items()
        ],
        "fixed": [_entry_data(entry) for entry in comparison.fixed],
        "not_looked_at": [_entry_data(entry) for entry in comparison.unknown],
    }


def _entry_data(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.seen.key,
        "check": entry.seen.check,
        "application": entry.seen.application,
        "object": entry.seen.object,
        "field": entry.seen.field,
        "severity": entry.seen.severity,
        "outcome": entry.seen.outcome,
        "first_seen": entry.first_seen.isoformat(),
        "since": entry.since.isoformat(),
        "last_seen": entry.last_seen.isoformat(),
        "times": entry.times,
        "fixed_at": entry.fixed_at.isoformat() if entry.fixed_at else None,
        "returns": [one.isoformat() for one in entry.returns],
    }


def history_text(found: Sequence[Remembered], *, width: int = 100) -> str:
    """What a history holds, by environment: the runs, and of its findings the new, the old, the fixed and the lost."""
    lines = [line for one in found for line in (*_remembered(one, width), "")]
    return "\n".join(lines[:-1]) + "\n" if lines else "nothing is remembered yet\n"


def _remembered(one: Remembered, width: int) -> Iterator[str]:
    latest = one.runs[-1]
    yield from wrapped(
        f"{_count(len(one.runs), 'run')}, the last one {_moment(latest.taken)}", f"{one.environment}  ", width
    )
    yield from _row("last run", _run_words(latest), width)
    if one.last is not None and one.last != latest:
        yield from _row("before that", f"{_moment(one.last.taken)}: {_run_words(one.last)}", width)
    groups: dict[str, list[Entry]] = {"new": [], "old": [], "not looked at": [], "waived": [], "fixed": []}
    for entry in sorted(one.entries.values(), key=lambda entry: (entry.since, entry.seen.key)):
        groups[_group(entry, one)].append(entry)
    groups["fixed"].sort(key=lambda entry: entry.last_seen, reverse=True)
    for name, entries in groups.items():
        for entry in entries:
            yield from _row(name, f"{named(entry.seen)}: {_history_of(entry, latest)}", width)


def _group(entry: Entry, one: Remembered) -> str:
    if not entry.is_open:
        return "fixed"
    if entry.last_seen < one.runs[-1].taken:
        return "not looked at"
    if entry.seen.outcome == Outcome.WAIVED.value:
        return "waived"
    is_first = sum(run.judged > 0 for run in one.runs) == 1
    return "new" if entry.since == entry.last_seen and not is_first else "old"


def _run_words(run: PastRun) -> str:
    parts = [f"{_count(run.judged, 'Application')} judged" if run.judged else "nothing judged"]
    parts += [f"{run.unjudged} not judged"] if run.unjudged else []
    parts += [_count(run.failed, "finding"), f"{run.unchecked} could not be checked"]
    return ", ".join(parts)


def _history_of(entry: Entry, latest: PastRun) -> str:
    parts = [f"first seen {_moment(entry.first_seen)}, in {_count(entry.times, 'run')}"]
    if entry.fixed_at is not None:
        parts.append(f"last seen {_moment(entry.last_seen)}, gone {_moment(entry.fixed_at)}")
    elif entry.last_seen < latest.taken:
        parts.append(f"last seen {_moment(entry.last_seen)}")
    if entry.returns:
        parts.append(f"came back {_times(len(entry.returns))}, last {_moment(entry.returns[-1])}")
    return "; ".join(parts)


def remembered_data(found: Sequence[Remembered]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "environments": [
            {
                "environment": one.environment,
                "runs": [
                    {
                        "taken": run.taken.isoformat(),
                        "judged": run.judged,
                        "unjudged": run.unjudged,
                        "failed": run.failed,
                        "could_not_check": run.unchecked,
                    }
                    for run in one.runs
                ],
                "findings": [{**_entry_data(entry), "state": _group(entry, one)} for entry in one.entries.values()],
            }
            for one in found
        ]
    }


def _row(name: str, text: str, width: int) -> Iterator[str]:
    yield from wrapped(text, f"  {printable(name):<{_WIDTH}}", width)


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _span(span: timedelta) -> str:
    minutes = max(int(span.total_seconds() // 60), 0)
    if not minutes:
        return "less than a minute"
    if minutes < 120:
        return _count(minutes, "minute")
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
