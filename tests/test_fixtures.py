"""Every check against its fixtures."""

from __future__ import annotations

from collections import Counter

import pytest

from driftgate.judge import load_catalogue
from tests.cases import Case, cases, judge_case, seen


@pytest.mark.parametrize("case", cases("bad"), ids=lambda case: case.id)
def test_a_bad_case_yields_exactly_the_findings_that_it_marks(case: Case) -> None:
    """File, line and check id of every finding are those that the case marks, and the check itself is among them."""
    expected = case.expected()
    assert case.check in {check for _, _, check in expected}, "the case marks no finding of its own check"
    assert seen(judge_case(case.path)) == expected


@pytest.mark.parametrize("case", cases("good"), ids=lambda case: case.id)
def test_a_good_case_is_judged_and_yields_nothing(case: Case) -> None:
    """A good case has no finding that is not waived, and its own check has really judged something in it."""
    judgement = judge_case(case.path)
    assert seen(judgement) == Counter()
    assert judgement.ledger.checks[case.check].passed > 0


# What no repository can bring about, because it takes a broken driftgate; tests/test_problem_unreported.py breaks it.
OWN_FAULTS = {"problem-unreported"}


def test_every_check_has_good_and_bad_fixtures() -> None:
    """No check is in the catalogue without a case that it must find and one that it must leave alone."""
    catalogue = set(load_catalogue().checks) - OWN_FAULTS
    for kind in ("bad", "good"):
        assert {case.check for case in cases(kind)} == catalogue
