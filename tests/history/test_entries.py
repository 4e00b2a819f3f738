"""What one more run makes of what is remembered: new, old, back again, fixed, unknown, flapping, failing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.history import (
    Comparison,
    Coverage,
    Entry,
    HistoryRules,
    PastRun,
    Run,
    Seen,
    Standing,
    advance,
    compare_run,
    failing,
)
from tests.history.nights import night, run_at, seen


def after(*runs: Run) -> dict[str, Entry]:
    """What is remembered after several runs."""
    entries: dict[str, Entry] = {}
    latest = None
    for run in runs:
        entries = advance(entries, run, latest)
        latest = run.taken if latest is None else max(latest, run.taken)
    return entries


def compared(*runs: Run) -> Comparison:
    """The last run beside those before."""
    *earlier, last = runs
    times = [run.taken for run in earlier]
    judged = [PastRun(run.taken, run.judged, 0, 0, 0) for run in earlier if run.judged]
    return compare_run(after(*earlier), last, judged[-1] if judged else None, max(times, default=None))


def standings(comparison: Comparison) -> dict[str, Standing]:
    """What each finding is to the last run, by its object."""
    return {entry.seen.object: comparison.standings[key] for key, entry in comparison.entries.items()}


def test_the_first_run_calls_nothing_new() -> None:
    """Without a run that judged anything there is nothing to be newer than, whatever ran before."""
    first = run_at(night(1), [seen("a1")])
    assert standings(compared(first)) == {"a1": Standing.FIRST}
    blind = run_at(night(0), [], judged="")
    assert standings(compared(blind, first)) == {"a1": Standing.FIRST}


def test_new_old_back_again_and_fixed_are_told_apart() -> None:
    """Each by its times: seen before, gone before, never seen, and gone now."""
    told = compared(
        run_at(night(0), [seen("a1"), seen("a2"), seen("b1")]),
        run_at(night(1), [seen("a1"), seen("b1")]),
        run_at(night(2), [seen("a1"), seen("a2"), seen("b2")]),
    )
    assert standings(told) == {"a1": Standing.OLD, "a2": Standing.RETURNED, "b2": Standing.NEW}
    assert told.fixed == (Entry(seen("b1"), night(0), night(0), night(1), 2, night(2)),)
    assert told.entries[seen("a1").key] == Entry(seen("a1"), night(0), night(0), night(2), 3)
    assert told.entries[seen("a2").key] == Entry(seen("a2"), night(0), night(2), night(2), 2, None, (night(2),))


def test_what_was_not_looked_at_is_not_fixed() -> None:
    """Neither of an Application that was not judged nor of what could not be checked; it is old afterwards."""
    runs = [
        run_at(night(0), [seen("a1"), seen("a2"), seen("b1")]),
        run_at(night(1), [], judged="a", but=["a1"]),
    ]
    told = compared(*runs)
    assert [entry.seen.object for entry in told.unknown] == ["a1", "b1"]
    assert [entry.seen.object for entry in told.fixed] == ["a2"]
    assert told.unknown[1] == Entry(seen("b1"), night(0), night(0), night(0))
    assert standings(compared(*runs, run_at(night(2), [seen("b1")])))["b1"] is Standing.OLD


def test_a_waiver_that_ends_makes_its_finding_new() -> None:
    """What was accepted counts from the night on in which no waiver holds any more."""
    told = compared(run_at(night(0), [seen("a1", "waived")]), run_at(night(1), [seen("a1")]))
    assert standings(told) == {"a1": Standing.UNWAIVED}
    assert failing(told, HistoryRules(frozenset({"new"}))) == {seen("a1").key}


def test_a_run_of_an_earlier_time_decides_nothing() -> None:
    """A recording of long ago, or a run that was overtaken, adds what it saw; nothing is fixed or back by it."""
    runs = [run_at(night(5), [seen("a1")]), run_at(night(6), [])]
    late = run_at(night(2), [seen("a1"), seen("a2")])
    told = compared(run_at(night(4), [seen("b1")]), *runs, late)
    assert told.is_late
    assert told.fixed == ()
    entries = after(*runs, late)
    assert entries[seen("a1").key] == Entry(seen("a1"), night(2), night(5), night(5), 2, night(6))
    assert entries[seen("a2").key] == Entry(seen("a2"), night(2), night(2), night(2))


def test_flapping_is_counted_within_its_days() -> None:
    """Two returns in fourteen days; the same with months between is none."""
    rules = HistoryRules(flapping_times=2, flapping_within=timedelta(days=14))
    often = compared(*(run_at(night(n), [seen("a1")] if n % 2 == 0 else []) for n in range(5)))
    seldom = compared(*(run_at(night(30 * n), [seen("a1")] if n % 2 == 0 else []) for n in range(5)))
    assert [rules.is_flapping(one.entries[seen("a1").key], one.run.taken) for one in (often, seldom)] == [True, False]
    assert failing(often, replace(rules, fail_on=frozenset({"flapping"}))) == {seen("a1").key}
    assert failing(seldom, replace(rules, fail_on=frozenset({"flapping"}))) == set()


FINDINGS = [
    seen("a1"), seen("a2"), seen("a3", "could-not-check"), seen("a4", "waived"), seen("a5", severity="note"),
    seen("a6", severity="warning"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fail_on", "failed"),
    [
        (["any"], ["a1", "a2", "a3", "a6"]),
        (["new"], ["a2", "a3"]),
        (["older-than"], ["a1"]),
        (["could-not-check"], ["a3"]),
        (["older-than", "could-not-check"], ["a1", "a3"]),
        ([], []),
    ],
)
def test_policy_says_what_fails(fail_on: Sequence[str], failed: Sequence[str]) -> None:
    """Notes and what is waived never do; a finding is older than N days from its Nth day on."""
    told = compared(
        run_at(night(0), [seen("a1")]), run_at(night(6), [seen("a1"), seen("a6")]), run_at(night(7), FINDINGS)
    )
    found = failing(told, HistoryRules(frozenset(fail_on), older_than=timedelta(days=7)))
    assert sorted(told.entries[key].seen.object for key in found) == failed


NAMES = [f"{application}{number}" for application in "ab" for number in (1, 2)]
SOME = st.frozensets(st.sampled_from(NAMES))
NIGHTS = st.lists(st.tuples(SOME, SOME, st.sampled_from(["", "a", "ab"])), max_size=8)


@given(NIGHTS)
def test_any_sequence_of_runs_gives_what_a_ledger_by_hand_gives(
    nights: list[tuple[frozenset[str], frozenset[str], str]],
) -> None:
    """Whoever writes for each finding in which nights it was seen, and in which it surely was not, gets the same."""
    runs = []
    marks: dict[str, list[str]] = {name: [] for name in NAMES}
    for number, (there, but, judged) in enumerate(nights):
        visible = {name for name in there if name[0] in judged and name not in but}
        runs.append(run_at(night(number), map(seen, sorted(visible)), judged, but))
        for name in NAMES:
            known = name[0] in judged and name not in but
            marks[name].append("seen" if name in visible else "gone" if known else "unknown")
    entries = after(*runs)
    assert entries.keys() == {seen(name).key for name in NAMES if "seen" in marks[name]}
    for key, entry in entries.items():
        (history,) = [marks[name] for name in NAMES if seen(name).key == key]
        assert entry == by_hand(seen(entry.seen.object), history)


def by_hand(one: Seen, marks: Sequence[str]) -> Entry:
    """The entry that the marks of all nights give."""
    there = [number for number, mark in enumerate(marks) if mark == "seen"]
    returns = [two for one, two in pairwise(there) if "gone" in marks[one:two]]
    gone = next((night(number) for number in range(there[-1], len(marks)) if marks[number] == "gone"), None)
    since = night(returns[-1] if returns else there[0])
    return Entry(one, night(there[0]), since, night(there[-1]), len(there), gone, tuple(map(night, returns)))


SHOP = Coverage(frozenset({"drifted-field", "extra-object", "live"}), frozenset({"a"}), frozenset({"a", "b"}), True)


def one(check: str, application: str, object_id: str = "", field: str = "") -> Seen:
    """A finding with everything that decides over what a run can tell of it."""
    return Seen("", check, application, object_id, field, "error", "failed")


WEB = "apps/Deployment/shop/web"
UNREAD = {("", "ConfigMap", "shop"), ("example.com", "*", ""), ("rbac.authorization.k8s.io", "ClusterRole", "")}


@pytest.mark.parametrize(
    ("coverage", "finding", "tells"),
    [
        (SHOP, one("drifted-field", "a", WEB), True),
        (SHOP, one("gone-check", "a", WEB), False),
        (SHOP, one("drifted-field", "b", WEB), False),
        (SHOP, one("drifted-field", "removed-from-git", WEB), True),
        (replace(SHOP, tree=None), one("drifted-field", "perhaps-in-a-broken-file", WEB), False),
        (SHOP, one("live", ""), True),
        (replace(SHOP, is_whole=False), one("live", ""), False),
        (replace(SHOP, unread=frozenset(UNREAD)), one("extra-object", "a", "ConfigMap/shop/old"), False),
        (replace(SHOP, unread=frozenset(UNREAD)), one("extra-object", "a", "ConfigMap/other/old"), True),
        (replace(SHOP, unread=frozenset(UNREAD)), one("extra-object", "a", "example.com/Any/shop/old"), False),
        (
            replace(SHOP, unread=frozenset(UNREAD)),
            one("extra-object", "a", "rbac.authorization.k8s.io/ClusterRole/old"),
            False,
        ),
        (replace(SHOP, unchecked=(one("drift-unread", "a", WEB),)), one("drifted-field", "a", WEB, "spec.x"), False),
        (replace(SHOP, unchecked=(one("drift-unread", "a", WEB),)), one("drifted-field", "a", WEB + "2"), True),
        (replace(SHOP, unchecked=(one("live", "a", WEB, "data.x"),)), one("live", "a", WEB, "data.x[0]"), False),
        (replace(SHOP, unchecked=(one("drift-unread", "a", WEB, "data.x"),)), one("live", "a", WEB, "data.xy"), True),
        (replace(SHOP, unchecked=(one("drift-unread", "a", "", "rendered"),)), one("extra-object", "a", WEB), False),
        (replace(SHOP, unchecked=(one("live", "", "", "crash"),)), one("live", "", "", "x"), False),
        (replace(SHOP, unchecked=(one("live", "", "", "crash"),)), one("extra-object", "a", WEB), True),
    ],
)  # fmt: skip
def test_a_run_tells_only_of_what_it_looked_at(coverage: Coverage, finding: Seen, *, tells: bool) -> None:
    """Check, Application, list, object and field all have to have been read for a finding to be gone."""
    assert coverage.tells(finding) is tells
