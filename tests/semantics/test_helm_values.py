from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.helm_values import (
    MAX_RELEASE_NAME,
    coalesce_chart_values,
    escape_set_value,
    merge_layers,
    valid_release_name,
)

from .support import vectors

_LEAVES = st.one_of(st.none(), st.integers(), st.lists(st.integers(), max_size=2))
_VALUES = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(_LEAVES, lambda below: st.dictionaries(st.sampled_from("abc"), below, max_size=3), max_leaves=8),
    max_size=3,
)


@pytest.mark.parametrize(("base", "override", "merged"), vectors("helm_merge_layers"))
def test_merge_layers(base: dict[str, Any], override: dict[str, Any], merged: dict[str, Any]) -> None:
    """Two values files merge as Helm merges them, and neither is changed."""
    before = copy.deepcopy((base, override))
    assert merge_layers(base, override) == merged
    assert (base, override) == before


@pytest.mark.parametrize(("chart_values", "layers", "subcharts", "values"), vectors("helm_coalesce"))
def test_coalesce(
    chart_values: dict[str, Any], layers: dict[str, Any], subcharts: list[str], values: dict[str, Any]
) -> None:
    """The layers fall on the chart's own values as in Helm, and neither is changed."""
    before = copy.deepcopy((chart_values, layers))
    assert coalesce_chart_values(chart_values, layers, subcharts) == values
    assert (chart_values, layers) == before


def test_nulls_for_a_subchart_stay() -> None:
    """Below a subchart's name a null is kept, for the subchart's own defaults to be deleted by it."""
    chart_values = {"db": {"port": 1, "host": "h"}, "web": {"port": 1}}
    layers = {"db": {"port": None}, "web": {"port": None}}
    assert coalesce_chart_values(chart_values, layers, {"db"}) == {
        "db": {"port": None, "host": "h"},
        "web": {},
    }


@given(_VALUES, _VALUES)
def test_the_later_layer_wins(base: dict[str, Any], override: dict[str, Any]) -> None:
    """A key of the later layer wins, merged only where both hold mappings, and the rest stays."""

    def expected(key: str) -> Any:
        if key not in override:
            return base[key]
        if isinstance(base.get(key), dict) and isinstance(override[key], dict):
            return merge_layers(base[key], override[key])
        return override[key]

    merged = merge_layers(base, override)
    assert merged == {key: expected(key) for key in {*base, *override}}
    assert merge_layers(merged, override) == merged


@given(_VALUES)
def test_a_chart_alone_loses_its_nulls(chart_values: dict[str, Any]) -> None:
    """Without layers the templates see the chart's values without nulls."""

    def has_null(value: Any) -> bool:
        return value is None or (isinstance(value, dict) and any(has_null(below) for below in value.values()))

    result = coalesce_chart_values(chart_values, {})
    assert not has_null(result)
    assert has_null(chart_values) or result == chart_values


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("a,b", "a\\,b"),
        ("a\\,b", "a\\,b"),
        ("a\\\\,b", "a\\\\,b"),
        (",,", "\\,\\,"),
        ("{a,b}", "{a,b}"),
        ("{a,b", "{a\\,b"),
        ("a,b}", "a\\,b}"),
        ("", ""),
        ("1.10", "1.10"),
    ],
)
def test_escape_set_value(value: str, escaped: str) -> None:
    """Commas are escaped once, and never inside Helm's list form."""
    assert escape_set_value(value) == escaped


@given(st.text(alphabet="a,\\{}"))
def test_escaping_twice_changes_nothing(value: str) -> None:
    """What is escaped stays as it is."""
    assert escape_set_value(escape_set_value(value)) == escape_set_value(value)


@pytest.mark.parametrize(("name", "valid"), vectors("helm_release_names"))
def test_release_name(name: str, valid: bool) -> None:
    """Release names are refused exactly where Helm refuses them."""
    assert (valid_release_name(name) is None) is valid


def test_release_name_problems() -> None:
    """The problem says which rule is broken, and by how much."""
    assert valid_release_name("") == "a release needs a name"
    too_long = "a" * (MAX_RELEASE_NAME + 1)
    assert valid_release_name(too_long) == "a release name has at most 53 characters, this one has 54"
    assert valid_release_name("Plate") == (
        "a release name consists of lower-case letters, digits, '-' and '.', "
        "and each part between dots starts and ends with a letter or digit"
    )
