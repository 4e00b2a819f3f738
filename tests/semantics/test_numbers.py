from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.numbers import parse_atoi, parse_go_duration, parse_retry_duration

from .support import vectors


def _seconds(nanoseconds: str | None) -> float | None:
    return None if nanoseconds is None else int(nanoseconds) / 1e9


@pytest.mark.parametrize(("text", "value"), vectors("atoi"))
def test_atoi(text: str, value: str | None) -> None:
    """Integers are read and refused as strconv.Atoi does."""
    assert parse_atoi(text) == (None if value is None else int(value))


@pytest.mark.parametrize(("text", "nanoseconds"), vectors("durations"))
def test_go_duration(text: str, nanoseconds: str | None) -> None:
    """Durations are read and refused as time.ParseDuration does."""
    assert parse_go_duration(text) == _seconds(nanoseconds)


@pytest.mark.parametrize(("text", "nanoseconds"), vectors("retry_durations"))
def test_retry_duration(text: str, nanoseconds: str | None) -> None:
    """A bare integer of a retry block counts seconds, everything else is a Go duration."""
    assert parse_retry_duration(text) == _seconds(nanoseconds)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1), st.integers(min_value=0, max_value=30))
def test_integers_survive(value: int, zeros: int) -> None:
    """Every 64-bit integer is read, with any number of leading zeros."""
    sign = "-" if value < 0 else ""
    assert parse_atoi(f"{sign}{'0' * zeros}{abs(value)}") == value


@given(st.one_of(st.integers(min_value=2**63), st.integers(max_value=-(2**63) - 1)))
def test_integers_beyond_64_bits_are_refused(value: int) -> None:
    """An integer that needs more than 64 bits is none to Go."""
    assert parse_atoi(str(value)) is None


@given(st.integers(0, 2000), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_add_up(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    """The terms of a duration are added, and a minus sign negates the sum."""
    text = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    expected = (((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds) / 1000
    assert parse_go_duration(text) == pytest.approx(expected, abs=1e-9)
    assert parse_go_duration("-" + text) == pytest.approx(-expected, abs=1e-9)


@given(st.text(alphabet="0123456789.+-hmsnuµ _"))
def test_any_text_has_an_answer(text: str) -> None:
    """No text makes a parser raise, and what is an integer is a retry duration."""
    duration = parse_go_duration(text)
    assert parse_atoi(text) is None or parse_retry_duration(text) is not None
    assert duration is None or parse_retry_duration(text) is not None
