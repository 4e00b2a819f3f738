"""What follows from one fault is told under it, and shares its fate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from driftgate.judge import Breach, Catalogue, Check, Result, Scope, Subject, Unchecked, judge
from driftgate.model.environment import Environment
from driftgate.model.node import Node
from driftgate.model.outcome import Finding, Judgement, Outcome, Severity
from driftgate.model.place import Place
from driftgate.policy import Policy
from driftgate.policy.waivers import Waiver
from driftgate.report.terminal import terminal_report

CAUSE = "incomplete:web"


def _check(check_id: str, *results: Result, severity: Severity = Severity.ERROR) -> Check:
    def function(_subject: Subject) -> Iterator[Result]:
        yield from results

    return Check(check_id, "topic", Scope.ENVIRONMENT, severity, "Title", "Why.", "Fix.", function)


def _judged(*checks: Check, waivers: tuple[Waiver, ...] = ()) -> Judgement:
    catalogue = Catalogue({check.id: check for check in checks}, {})
    policy = Policy("test", "", Node({}, ""), waivers=waivers)
    return judge(Environment("test", ()), policy, catalogue, today=dt.date(2026, 1, 1))


def _told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.key, finding.consequence_of) for finding in findings]


BROKEN = Breach(Place("web/Chart.yaml", 1), "it does not render", "a chart", field="web", cause=CAUSE, is_cause=True)
UNKNOWN = Unchecked(Place("api/values.yaml", 7), "Secret db", object="Secret/db", cause=CAUSE)
OTHER = Unchecked(Place("api/values.yaml", 3), "Secret cache", object="Secret/cache", cause=CAUSE)


def test_what_follows_stands_behind_the_finding_that_is_the_cause() -> None:
    """Every result with a cause points at the finding that is it, whichever check ran first."""
    judgement = _judged(_check("uses", UNKNOWN, OTHER), _check("render", BROKEN))
    assert _told(judgement.findings) == [
        ("render///web", ""),
        ("uses//Secret~1cache/", "render///web"),
        ("uses//Secret~1db/", "render///web"),
    ]


def test_two_causes_stay_two_findings() -> None:
    """A second fault of the same Application is no consequence of the first."""
    second = Breach(Place("web/values.yaml", 2), "no file", "a file", field="values", cause=CAUSE, is_cause=True)
    judgement = _judged(_check("render", BROKEN, second))
    assert _told(judgement.findings) == [("render///web", ""), ("render///values", "")]


def test_without_a_cause_among_them_the_heaviest_is_told_for_all() -> None:
    """What shares a cause that no check tells of itself is one finding, and the rest follows."""
    light = _check("light", Breach(Place("a.yaml", 1), "a", "b", field="x", cause="Secret/db"), severity=Severity.NOTE)
    heavy = _check("heavy", Breach(Place("b.yaml", 1), "a", "b", field="y", cause="Secret/db"))
    assert _told(_judged(light, heavy).findings) == [("heavy///y", ""), ("light///x", "heavy///y")]


@pytest.mark.parametrize("pattern", ["render///web", "render/*"])
def test_who_accepts_a_fault_accepts_what_follows(pattern: str) -> None:
    """A waiver of the cause waives its consequences, in its own words, and nothing fails."""
    waiver = Waiver(pattern, "known", "platform", dt.date(2026, 2, 1), "2026-02-01", Place("waivers.yaml", 1))
    judgement = _judged(_check("uses", UNKNOWN, OTHER), _check("render", BROKEN), waivers=(waiver,))
    assert {(finding.outcome, finding.waiver) for finding in judgement.findings} == {
        (Outcome.WAIVED, "known (platform, until 2026-02-01)")
    }
    assert (judgement.ledger.waived_failures, judgement.ledger.waived_unchecked) == (1, 2)


def test_a_waived_consequence_does_not_waive_the_fault() -> None:
    """Accepting one consequence leaves the fault and the other consequences as they are."""
    waiver = Waiver("uses//Secret~1db/", "known", "platform", dt.date(2026, 2, 1), "2026-02-01", Place("w.yaml", 1))
    judgement = _judged(_check("uses", UNKNOWN, OTHER), _check("render", BROKEN), waivers=(waiver,))
    assert [(finding.key, finding.outcome) for finding in judgement.findings] == [
        ("render///web", Outcome.FAILED),
        ("uses//Secret~1cache/", Outcome.COULD_NOT_CHECK),
        ("uses//Secret~1db/", Outcome.WAIVED),
    ]


def test_the_report_shows_consequences_as_lines_of_their_cause() -> None:
    """A reader sees one finding with what follows from it, and a count that tells the two apart."""
    text = terminal_report([_judged(_check("uses", UNKNOWN, OTHER), _check("render", BROKEN))], width=100)
    assert text.splitlines()[:8] == [
        "web/Chart.yaml:1  error  render",
        "  found     it does not render",
        "  expected  a chart",
        "  why       Why.",
        "  fix       Fix.",
        "  so        api/values.yaml:3: uses: Secret/cache: Secret cache",
        "  so        api/values.yaml:7: uses: Secret/db: Secret db",
        "",
    ]
