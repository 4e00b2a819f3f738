"""The quick way through a policy's schema, held to the library that it saves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.policy.acceptance import accepts

ROOT = Path(__file__).resolve().parent.parent

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2), st.sampled_from([0.0, 1.0, 0.5]), st.sampled_from(["", "a", "off"])
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=2), st.dictionaries(NAMES, below, max_size=3)),
    max_leaves=6,
)
TYPES = ["object", "array", "string", "integer", "number", "boolean", "null"]


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of every shape that a policy's schema has, and of some that it has not."""
    leaves = st.one_of(
        st.builds(lambda kind: {"type": kind}, st.sampled_from(TYPES)),
        st.builds(lambda choices: {"enum": choices}, st.lists(SCALARS, min_size=1, max_size=3)),
        st.builds(lambda only: {"const": only}, VALUES),
        st.just({"type": "string", "minLength": 1}),
        st.just({"description": "anything"}),
    )

    def larger(below: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        objects = st.fixed_dictionaries(
            {"type": st.just("object")},
            optional={
                "properties": st.dictionaries(NAMES, below, max_size=3),
                "required": st.lists(NAMES, max_size=2, unique=True),
                "additionalProperties": st.one_of(st.booleans(), below),
            },
        )
        lists = st.builds(lambda items: {"type": "array", "items": items}, below)
        choices = st.builds(lambda any_of: {"anyOf": any_of}, st.lists(below, min_size=1, max_size=3))
        return st.one_of(objects, lists, choices)

    return st.recursive(leaves, larger, max_leaves=6)


@given(schemas(), VALUES)
def test_what_is_accepted_follows_the_schema(schema: dict[str, Any], value: Any) -> None:
    """Nothing is accepted that the library refuses, whatever the schema."""
    if accepts(schema, value):
        assert list(jsonschema.Draft202012Validator(schema).iter_errors(value)) == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "minLength": 1}, "text"),
        ({"type": "integer"}, 1.0),
        ({"const": 1}, 1.0),
        ({"type": ["string", "null"]}, None),
        ({"type": "object", "additionalProperties": True}, {"a": 1}),
    ],
    ids=["a keyword more", "a whole number with a point", "another type", "a list of types", "anything allowed"],
)
def test_what_is_not_certain_is_left_to_the_library(schema: dict[str, Any], value: Any) -> None:
    """What the library would accept by a rule that is not repeated here is not accepted."""
    assert jsonschema.Draft202012Validator(schema).is_valid(value)
    assert not accepts(schema, value)


def test_a_policy_that_is_right_needs_no_library(tmp_path: Path) -> None:
    """Our own policy, with sections, checks and overrides, is read without importing jsonschema; a wrong one is not."""
    (tmp_path / "policies").mkdir()
    wrong = "driftgate: 1\nenvironment: staging\nchecks:\n  sync-wave-not-integer: {severty: error}\n"
    (tmp_path / "policies" / "wrong.yaml").write_text(wrong, encoding="utf-8")
    program = (
        "import sys\nfrom pathlib import Path\nfrom driftgate.errors import PolicyError\n"
        "from driftgate.run import policies_of\n"
        "try:\n    print([policy.environment for policy in policies_of(Path(sys.argv[1]), None)], end=' ')\n"
        "except PolicyError as error:\n    print(error, end=' ')\n"
        "print('jsonschema' in sys.modules)\n"
    )
    asked = [[sys.executable, "-c", program, str(root)] for root in (ROOT, tmp_path)]
    said = [subprocess.run(one, capture_output=True, text=True, check=True).stdout for one in asked]
    assert said[0] == "['staging'] False\n"
    assert "unknown key severty; did you mean severity?" in said[1]
    assert said[1].endswith(" True\n")
