from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.quantity import format_quantity, parse_quantity

from .support import vectors

_SUFFIXES: dict[str, int | Fraction] = {
    "": 1, "m": Fraction(1, 1000), "u": Fraction(1, 10**6), "n": Fraction(1, 10**9),
    "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "e3": 1000, "E-3": Fraction(1, 1000),
}  # fmt: skip
_QUANTITY = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**20),
    st.one_of(st.just(""), st.integers(0, 10**12).map(".{}".format)),
    st.sampled_from(sorted(_SUFFIXES)),
)


@pytest.mark.parametrize(("text", "printed", "amount"), vectors("quantities"))
def test_quantity(text: str, printed: str | None, amount: str | None) -> None:
    """Quantities are read, rounded, capped, refused and printed as Kubernetes does."""
    assert parse_quantity(text) == (None if amount is None else Fraction(amount))
    if printed is not None:
        assert format_quantity(text) == printed


@pytest.mark.parametrize(("text", "printed"), [("1000m", "1"), ("1024Mi", "1Gi"), ("0.5", "500m"), ("1.5", "1500m")])
def test_canonical_form(text: str, printed: str) -> None:
    """The canonical form is the one that Argo CD compares on built-in kinds."""
    assert format_quantity(text) == printed


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (2, Fraction(2)),
        (0.5, Fraction(1, 2)),
        (1e22, Fraction(10**22)),
        (-3, Fraction(-3)),
        (True, None),
        (False, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_numbers_of_a_manifest(value: float, amount: Fraction | None) -> None:
    """YAML numbers are quantities, booleans and numbers without a value are not."""
    assert parse_quantity(value) == amount


def test_what_is_no_quantity_cannot_be_printed() -> None:
    """Printing refuses what Kubernetes refuses to read."""
    with pytest.raises(ValueError, match=r"^'1Gb' is no Kubernetes quantity$"):
        format_quantity("1Gb")


@pytest.mark.parametrize("text", ["1e2147483647", "1e-2147483648", "1" * 100_000, "1e" + "9" * 50])
def test_monstrous_numbers_cost_nothing(text: str) -> None:
    """A number of absurd size is answered without computing it."""
    assert parse_quantity(text) in {None, Fraction(1, 10**9)}


@given(_QUANTITY)
def test_printing_keeps_the_amount(text: str) -> None:
    """What is printed is read as the same amount again, up to the largest suffix."""
    amount = parse_quantity(text)
    assert amount is not None
    if abs(amount) < 10**20:
        assert parse_quantity(format_quantity(text)) == amount


@given(st.integers(0, 10**6), st.sampled_from(sorted(_SUFFIXES)))
def test_suffixes_multiply(number: int, suffix: str) -> None:
    """A suffix multiplies the number before it."""
    assert parse_quantity(f"{number}{suffix}") == number * _SUFFIXES[suffix]


@given(st.text(alphabet="0123456789.+-eEinumkKMGTP "))
def test_any_text_has_an_answer(text: str) -> None:
    """Reading never raises, and whatever can be read can be printed."""
    if parse_quantity(text) is not None:
        assert format_quantity(text)
