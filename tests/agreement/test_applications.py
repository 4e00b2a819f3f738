"""Whole Applications: driftgate gives every object the status that a refresh by Argo CD gives it."""

from __future__ import annotations

import itertools

import pytest

from driftgate.compare import Verdict, compare
from tests.agreement.applications import STATUS, disagreement, drawn_refresh
from tests.oracle import Oracle

APPLICATIONS = 200


@pytest.mark.parametrize("chunk", range(3))
def test_driftgate_gives_the_status_that_argo_cd_gives(chunk: int, oracle: Oracle) -> None:
    """Tracking, namespaces, hooks, copies, extras and owners make of each object the same for both."""
    numbers = range(chunk * APPLICATIONS, (chunk + 1) * APPLICATIONS)
    found = {number: disagreement(drawn_refresh(number), oracle) for number in numbers}

    assert {number: reason for number, reason in found.items() if reason} == {}


def test_the_applications_hold_what_decides() -> None:
    """The drawn Applications have objects of every verdict that they are about."""
    refreshes = [drawn_refresh(number) for number in range(300)]
    found = {
        compare(None, live, refresh.rules).verdict
        for refresh, live in itertools.chain.from_iterable([(each, live) for live in each.live] for each in refreshes)
    }

    assert found == {Verdict.EXTRA, Verdict.ORPHANED, Verdict.NOT_COMPARED}
    assert set(STATUS) == set(Verdict) - {Verdict.COULD_NOT_CHECK}
    assert len({each.instance for each in refreshes}) == 6
