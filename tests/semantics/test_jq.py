from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from driftgate.semantics.jq import (
    JQRunError,
    JQSyntaxError,
    addressed_paths,
    compile_problem,
    not_a_path,
    removed_paths,
)

from .support import vectors

_CASES = vectors("jq")
_DOCUMENT = json.loads((Path(__file__).parent / "vectors" / "jq.json").read_text(encoding="utf-8"))["document"]
_COMPILED = [(expression, outcome, value) for expression, compiles, outcome, value in _CASES if compiles]


@pytest.mark.parametrize(("expression", "compiles"), [case[:2] for case in _CASES])
def test_compile(expression: str, compiles: bool) -> None:
    """An expression has a problem when gojq does not compile its deletion, and only then."""
    assert (compile_problem(expression) is None) == compiles


@pytest.mark.parametrize(("expression", "outcome", "value"), _COMPILED)
def test_removed_paths(expression: str, outcome: str, value: Any) -> None:
    """What is removed is what gojq removes, and nothing where gojq ends with an error; else it is left open."""
    paths = removed_paths(expression, _DOCUMENT)
    if paths is not None:
        assert _without(paths) == (value if outcome == "value" else _DOCUMENT)


@pytest.mark.parametrize(
    "expression", [e for e, outcome, value in _COMPILED if outcome == "value" and value != _DOCUMENT]
)
def test_what_removes_something_is_a_path(expression: str) -> None:
    """An expression with which gojq removes anything is never said to be no path."""
    assert not_a_path(expression) is None


def _without(paths: tuple[tuple[str | int, ...], ...]) -> Any:
    """The document without the paths, the last elements of a list first."""
    if () in paths:
        return None
    document = copy.deepcopy(_DOCUMENT)
    for path in sorted(
        paths, key=lambda path: [(isinstance(s, int), s if isinstance(s, int) else 0) for s in path], reverse=True
    ):
        below = document
        for step in path[:-1]:
            below = below[step]
        del below[path[-1]]
    return document


def test_the_common_expressions_are_evaluated() -> None:
    """Fields, iteration, selection by name and optional steps never need a jq interpreter."""
    common = (
        ".spec.replicas",
        ".spec.template.spec.containers[].image",
        ".spec.template.spec.containers[]?.env[]?.value",
        '.spec.template.spec.containers[] | select(.name == "istio-proxy")',
        '.metadata.labels["a.b/c"]',
        "..|.name?",
    )
    assert [removed_paths(expression, _DOCUMENT) for expression in common] == [
        (("spec", "replicas"),),
        tuple(("spec", "template", "spec", "containers", index, "image") for index in (0, 1)),
        (("spec", "template", "spec", "containers", 0, "env", 0, "value"),),
        (("spec", "template", "spec", "containers", 1),),
        (("metadata", "labels", "a.b/c"),),
        (
            ("metadata", "name"),
            *(
                ("spec", "template", "spec", "containers", *rest, "name")
                for rest in ((0,), (0, "env", 0), (0, "env", 1), (1,))
            ),
        ),
    ]


_CONTAINERS = ("spec", "template", "spec", "containers")


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        (".list[1:3]", (("list", 1), ("list", 2))),
        (".list[-1:], .list[:1]?", (("list", 3), ("list", 0))),
        (".spec.missing[1:]", ()),
        (".metadata.labels[1:]", ()),
        (".metadata.name[1:]", ()),
        (".metadata.name, .metadata.name[1:]", (("metadata", "name"),)),
        (".list[1:][0]", None),
        (".list[] | numbers", (("list", 0),)),
        ('.list[] | values | select(type != "string")', (("list", 0), ("list", 1))),
        ('if .kind == "Deployment" then .spec.replicas else .metadata end', (("spec", "replicas"),)),
        ('if .kind == "Job" then .spec elif .spec.replicas > 1 then .list else .kind end', (("list",),)),
        (".spec.template.spec.containers[] | select(.env | length == 2)", ((*_CONTAINERS, 0),)),
        ('.spec.template.spec.containers[] | select(.name >= "b") | .image', ((*_CONTAINERS, 1, "image"),)),
        ('.spec.template.spec.containers[] | select(.name | test("(?i)^APP$"))', ((*_CONTAINERS, 0),)),
        (".list[] | select(. < true)", (("list", 3),)),
        (".list[] | select(. == -1 or . == +1)", (("list", 0),)),
        (".list[-1], .list[3], (.list | last)", (("list", 3),)),
        (".list[-9]", ()),
        (".list[] | select(length > 0)", ()),
        ("first(.list[] | select(. == 1))", (("list", 0),)),
    ],
)
def test_conditions_types_and_slices(expression: str, paths: tuple[tuple[str | int, ...], ...] | None) -> None:
    """Values have a type, a length and an order, and a slice at the end of an expression is its elements."""
    assert removed_paths(expression, _DOCUMENT) == paths


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        (".spec.replicas |", "it is incomplete"),
        (".spec[", "it is incomplete"),
        (".spec # the count", "it ends too early"),
        (".spec; .metadata", "the function del does not take 2 arguments"),
        ("/spec/replicas", "'/' is not expected there"),
        (
            ".metadata.labels.a-b",
            'there is no function b: a key with a dash, slash or dot is written in brackets, .["a-b"]',
        ),
        ('.spec["replicas]', "a string has no end"),
        ('.spec["\\q"]', "a string holds the unknown escape \\q"),
        ("$spec", "the variable $spec is not defined"),
        ("'.spec'", '"\'" means nothing here'),
        ("(" * 500 + ".", "it is nested too deep"),
    ],
)
def test_problems_in_words(expression: str, problem: str) -> None:
    """The problem says what a person would mend."""
    assert compile_problem(expression) == problem


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        (".spec.replicas == 2", "true or false"),
        (".spec.replicas = 2", "the result of ="),
        (".metadata.labels | keys", "what keys makes"),
        (".spec.template.spec.containers | map(.image)", "what map makes"),
        ('"spec"', "the constant 'spec'"),
        ("{a: .spec}", "an object"),
        (".spec.replicas", None),
        (".list | first", None),
    ],
)
def test_what_is_no_path(expression: str, kind: str | None) -> None:
    """An expression that makes a new value is told from one that addresses a field."""
    assert not_a_path(expression) == kind


def test_removed_paths_of_what_does_not_compile() -> None:
    """Asking for the paths of an expression that does not compile is an error, not an empty answer."""
    with pytest.raises(JQSyntaxError):
        removed_paths(".spec |", _DOCUMENT)


@pytest.mark.parametrize("expression", [".a" * 5000, "-" * 5000 + ".a", "try " * 5000 + ".a", ".a" + "|.a" * 50])
def test_long_expressions_end(expression: str) -> None:
    """However long an expression is, it has an answer, and the long chain of fields is not called a mistake."""
    if compile_problem(expression) is None:
        assert not_a_path(expression) is None
        assert removed_paths(expression, {}) in ((), None)
    else:
        assert compile_problem(expression) == "it is nested too deep"


@pytest.mark.parametrize(
    ("expression", "document", "paths"),
    [
        # gojq takes a new value for the place where it stands, if it cannot tell the two apart.
        (".a | keys", {"a": []}, (("a",),)),
        (".a | ascii_downcase", {"a": "x"}, None),
        (".a | add", {"a": None}, None),
        (".a | keys", {"a": [1]}, ()),
        (".a | keys", {"a": None}, ()),
    ],
)
def test_new_values_that_look_like_their_place(
    expression: str, document: dict[str, object], paths: tuple[object, ...] | None
) -> None:
    """Where a new value may equal the one at hand there is no answer; everywhere else jq ends with an error."""
    assert removed_paths(expression, document) == paths


def test_an_error_is_told_from_nothing() -> None:
    """An expression that removes nothing is another thing than one that jq ends with an error."""
    assert addressed_paths(".a[]", {"a": []}) == ()
    with pytest.raises(JQRunError):
        addressed_paths(".a[]", {"a": None})
