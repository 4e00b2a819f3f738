from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.envsubst import expand, variables

from .support import vectors

_ENV = {"ARGOCD_APP_NAME": "shop", "A": "1", "_x": "z", "ARGOCD_APP_NAME_2": "two"}


@pytest.mark.parametrize(("text", "expanded"), vectors("envsubst"))
def test_expand(text: str, expanded: str) -> None:
    """Variables are replaced as Argo CD does in valueFiles and parameter values."""
    assert expand(text, _ENV) == expanded


@pytest.mark.parametrize(("text", "expanded"), [("pa$sword", "pa"), ("$1.00", ".00"), ("a$$b", "a$b"), ("${A:-b}", "")])
def test_a_dollar_in_a_value_is_eaten(text: str, expanded: str) -> None:
    """A dollar that was meant literally takes part of the value with it."""
    assert expand(text, {}) == expanded


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$A/${B}-$A$$C", ["A", "B"]),
        ("${}${", []),
        ("$1 $ x", ["1"]),
        ("${A:-b}", ["A:-b"]),
        ("plain", []),
    ],
)
def test_variables(text: str, names: list[str]) -> None:
    """The names that are looked up are listed once, without the escaped dollar."""
    assert variables(text) == names


@given(st.text().filter(lambda text: "$" not in text))
def test_text_without_a_dollar_stays(text: str) -> None:
    """Without a dollar nothing changes."""
    assert expand(text, _ENV) == text
    assert variables(text) == []


@given(st.text())
def test_doubled_dollars_protect(text: str) -> None:
    """With every dollar doubled, the text comes out as it was."""
    assert expand(text.replace("$", "$$"), _ENV) == text


@given(st.text(alphabet="${}AB1_-. "))
def test_only_listed_variables_matter(text: str) -> None:
    """The outcome depends on no other variable than those listed."""
    env = {name: f"<{name}>" for name in variables(text)}
    assert expand(text, env) == expand(text, {**env, "unused name": "x", "": "y"})
