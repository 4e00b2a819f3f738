"""References to variables, read as the kubelet reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.variables import is_service_link, references


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("plain", []),
        ("$(A)", ["A"]),
        ("$(A)$(B)/$(A)", ["A", "B", "A"]),
        ("$$(A)", []),
        ("$$$(A)", ["A"]),
        ("$$$$(A)", []),
        ("$(A", []),
        ("$(A$(B)", ["A$(B"]),
        ("$A ${B} $", []),
        ("$()", [""]),
        ("$(date +%s)", ["date +%s"]),
        ("a)$(B)", ["B"]),
    ],
)
def test_references_of_a_text(text: str, names: list[str]) -> None:
    """A reference opens with `$(`, ends at the next `)`, and an escaped dollar sign opens none."""
    assert list(references(text)) == names


@given(st.lists(st.tuples(st.sampled_from(["x", "$$", "$y", " ", "("]), st.sampled_from(["", "A", "B_C"]))))
def test_references_are_those_that_were_written(parts: list[tuple[str, str]]) -> None:
    """Between escapes and other text every reference is found, in order."""
    text = "".join(f"{between}$({name})" if name else between for between, name in parts)
    assert list(references(text)) == [name for _, name in parts if name]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("API_SERVICE_HOST", True),
        ("API_SERVICE_PORT", True),
        ("API_SERVICE_PORT_HTTP", True),
        ("API_PORT", True),
        ("API_PORT_80_TCP", True),
        ("API_PORT_80_TCP_ADDR", True),
        ("API_HOST", False),
        ("PORT", False),
        ("api_SERVICE_HOST", False),
    ],
)
def test_variables_of_services(name: str, is_one: bool) -> None:
    """The kubelet's own variables are told by their ending."""
    assert is_service_link(name) is is_one
