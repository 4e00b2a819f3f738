from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.retry import MAX_LISTED_WAITS, RetryPlan, retry_waits

from .support import vectors


@pytest.mark.parametrize(("limit", "duration", "factor", "max_duration", "waits"), vectors("retry_waits"))
def test_waits(limit: int, duration: str, factor: int, max_duration: str, waits: list[float]) -> None:
    """The waits are those that Argo CD computes, the first being duration times factor."""
    assert retry_waits(limit, duration, factor, max_duration) == pytest.approx(waits)


@pytest.mark.parametrize(
    ("block", "waits", "total"),
    [
        ({"limit": 5}, (10, 20, 40, 80, 160), 310),
        ({"limit": 5, "duration": "", "max_duration": ""}, (10, 20, 40, 80, 160), 310),
        ({"limit": 4, "duration": "1m", "factor": 3, "max_duration": "5m"}, (180, 300, 300, 300), 1080),
        ({"limit": 4, "duration": "30"}, (60, 120, 180, 180), 540),
        ({"limit": 3, "duration": "15s", "factor": 1}, (15, 15, 15), 45),
        ({"limit": 2, "factor": 0}, (0, 0), 0),
        ({"limit": 0}, (), 0),
    ],
)
def test_plan(block: dict[str, object], waits: tuple[float, ...], total: float) -> None:
    """A block with missing fields takes the defaults 5s, 2 and 3m, and the plan sums the waits."""
    assert RetryPlan.of(**block) == RetryPlan(limit=block["limit"], waits=waits, total=total)  # type: ignore[arg-type]


def test_growth_beyond_floats() -> None:
    """A factor of absurd size gives the cap, or no wait where the product is negative."""
    assert retry_waits(2, "5s", 10**200) == [180, 180]
    assert retry_waits(3, "5s", -(10**200)) == [0, 180, 0]
    assert retry_waits(3, "-5s", -(10**200)) == [180, 0, 180]
    assert retry_waits(2, "-5s", 10**200) == [0, 0]
    assert retry_waits(2, "1s", 10**200, "0") == [1e200, math.inf]


def test_endless() -> None:
    """A negative limit never ends, so it has no total."""
    plan = RetryPlan.of(-1)
    assert (plan.unlimited, plan.total, len(plan.waits)) == (True, None, MAX_LISTED_WAITS)
    assert plan.waits[:6] == (10, 20, 40, 80, 160, 180)
    assert not RetryPlan.of(0).unlimited


def test_a_large_limit_is_summed_without_listing_it() -> None:
    """Two billion retries cost no memory, and the total counts them all."""
    plan = RetryPlan.of(2_000_000_000)
    assert len(plan.waits) == MAX_LISTED_WAITS
    assert plan.total == 10 + 20 + 40 + 80 + 160 + 180 * (2_000_000_000 - 5)
    assert RetryPlan.of(2_000_000_000, max_duration="0").total == math.inf
    assert RetryPlan.of(2_000_000_000, duration="0", max_duration="0").total == 0


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            {"duration": "5d"},
            "duration: '5d' is neither a number of seconds nor a Go duration such as '1m30s'",
        ),
        (
            {"max_duration": "x"},
            "maxDuration: 'x' is neither a number of seconds nor a Go duration such as '1m30s'",
        ),
    ],
)
def test_unreadable_duration(block: dict[str, str], message: str) -> None:
    """A duration that Argo CD cannot read is refused by the field's name."""
    with pytest.raises(ValueError, match="neither") as error:
        retry_waits(1, **block)  # type: ignore[arg-type]
    assert str(error.value) == message


@given(st.integers(0, 150), st.integers(0, 10**6), st.integers(-5, 10**30), st.integers(-5, 10**6))
def test_no_wait_is_negative_or_above_the_cap(limit: int, duration: int, factor: int, cap: int) -> None:
    """Whatever the block says, every wait lies between zero and a positive cap."""
    waits = retry_waits(limit, str(duration), factor, str(cap))
    assert len(waits) == min(limit, MAX_LISTED_WAITS)
    assert all(0 <= wait <= (cap if cap > 0 else math.inf) for wait in waits)


@given(st.integers(1, 400), st.integers(0, 50), st.integers(-3, 3), st.integers(1, 300))
def test_total_is_the_sum(limit: int, duration: int, factor: int, cap: int) -> None:
    """The total is the sum of all waits, also of those that are not listed."""
    every_wait = [max(0, min(cap, duration * factor**retry)) for retry in range(1, limit + 1)]
    assert RetryPlan.of(limit, str(duration), factor, str(cap)).total == pytest.approx(sum(every_wait))
