"""Label selectors select what Kubernetes would select."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.labels import is_empty, matches, plain_selector

KEYS = st.sampled_from(["app", "tier", "env"])
VALUES = st.sampled_from(["web", "api", ""])
LABELS = st.dictionaries(KEYS, VALUES)


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    """A selector of one expression."""
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ({}, {"app": "web"}, True),
        ({"matchLabels": {"app": "web"}}, {"app": "web", "tier": "front"}, True),
        ({"matchLabels": {"app": "web", "tier": "front"}}, {"app": "web"}, False),
        (expression("app", "In", "web", "api"), {"app": "api"}, True),
        (expression("app", "In", "web"), {}, False),
        (expression("app", "NotIn", "web"), {}, True),
        (expression("app", "NotIn", "web"), {"app": "web"}, False),
        (expression("app", "Exists"), {"app": ""}, True),
        (expression("app", "DoesNotExist"), {"app": ""}, False),
        (expression("app", "Gt", "1"), {"app": "2"}, False),
        ({"matchExpressions": ["app"]}, {"app": "web"}, False),
        ({"matchExpressions": [{"key": ["app"], "operator": "Exists"}]}, {"app": "web"}, False),
    ],
)
def test_a_selector_selects_as_kubernetes_says(
    selector: dict[str, Any], labels: dict[str, str], expected: bool
) -> None:
    """Every label and every expression has to hold; an operator that Kubernetes does not know selects nothing."""
    assert matches(selector, labels) is expected


@given(LABELS, LABELS)
def test_a_plain_selector_selects_the_labels_that_contain_it(wanted: dict[str, str], labels: dict[str, str]) -> None:
    """A Service selects exactly the Pods whose labels hold its selector."""
    assert matches(plain_selector(wanted), labels) is (wanted.items() <= labels.items())


@given(KEYS, st.lists(VALUES, min_size=1), LABELS)
def test_in_and_not_in_are_each_others_opposite(key: str, values: list[str], labels: dict[str, str]) -> None:
    """Whatever the labels, one of the two selects and the other does not; so with Exists and DoesNotExist."""
    assert matches(expression(key, "In", *values), labels) is not matches(expression(key, "NotIn", *values), labels)
    assert matches(expression(key, "Exists"), labels) is not matches(expression(key, "DoesNotExist"), labels)


@pytest.mark.parametrize(
    ("selector", "empty"),
    [({}, True), ({"matchLabels": {}}, True), ({"matchLabels": {"a": "b"}}, False), (expression("a", "Exists"), False)],
)
def test_a_selector_that_asks_for_nothing_is_empty(selector: dict[str, Any], empty: bool) -> None:
    """Only a selector without any label and expression selects everything."""
    assert is_empty(selector) is empty
