"""Schemas at work: what is accepted, what is refused and in which words."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.model.secret import SecretValue, mask_secret
from driftgate.schemas import Fault, FaultKind, SchemaFileError, Schemas
from tests.schemas.support import CERTIFICATE, DEPLOYMENT, EXTERNAL_SECRET, SERVICE, crd, of_spec, widget

Told = tuple[str, tuple[str | int, ...], str, str]


def told(fault: Fault) -> Told:
    """What a test compares of a fault."""
    return fault.kind.value, fault.path, fault.found, fault.expected


def spec_faults(schema: Any, spec: Any) -> list[Told]:
    """What the CRD of Widget refuses of a spec, paths from spec on."""
    schemas = Schemas()
    schemas.add(crd(of_spec(schema)), "crd.yaml")
    return [(kind, path[1:], found, wanted) for kind, path, found, wanted in map(told, schemas.faults(widget(spec)))]


@pytest.mark.parametrize(
    "document", [DEPLOYMENT, SERVICE, EXTERNAL_SECRET, CERTIFICATE], ids=lambda document: document["kind"]
)
def test_an_object_in_order_has_no_fault(document: dict[str, Any]) -> None:
    """What the API server takes as it is yields nothing."""
    assert Schemas().faults(document) == ()


CASES: list[tuple[str, Any, Any, list[Told]]] = [
    (
        "an unknown field",
        {"type": "object", "properties": {"size": {"type": "integer"}}},
        {"sise": 3},
        [("unknown", ("sise",), "sise", "")],
    ),
    ("a free object", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}, {"a": {"b": [None]}}, []),
    ("an object of which nothing is said", {}, {"a": 1}, []),
    (
        "free keys of one type",
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"a": 1, "b": "2", "c": None},
        [("type", ("b",), "text", "an integer")],
    ),
    (
        "a named field beside free keys keeps its own type",
        {"type": "object", "properties": {"a": {"type": "object"}}, "additionalProperties": {"type": "string"}},
        {"a": "text", "b": "text"},
        [("type", ("a",), "text", "a mapping")],
    ),
    (
        "integer or text",
        {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        True,
        [("type", (), "a boolean", "an integer or text")],
    ),
    ("an integer written as a fraction", {"type": "integer"}, 2.0, []),
    ("a true fraction", {"type": "integer"}, 2.5, [("type", (), "a number", "an integer")]),
    ("a boolean is no integer", {"type": "integer"}, True, [("type", (), "a boolean", "an integer")]),
    (
        "null counts as absent",
        {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "of": {"type": "string"}}},
        {"name": None, "of": None},
        [("missing", ("name",), "null", "a value")],
    ),
    (
        "null in a list",
        {"type": "array", "items": {"type": "string"}},
        ["a", None],
        [("type", (1,), "null", "text in quotes")],
    ),
    ("null in a list that allows it", {"type": "array", "items": {"type": "string", "nullable": True}}, [None], []),
    ("an enumeration", {"type": "string", "enum": ["a", "b"]}, "A", [("value", (), "'A'", "one of a, b")]),
    ("an enumeration of numbers", {"type": "integer", "enum": [1, 2]}, 3, [("value", (), "an integer", "one of 1, 2")]),
    ("true is not one", {"enum": [1]}, True, [("value", (), "a boolean", "one of 1")]),
    (
        "a pattern",
        {"type": "string", "pattern": "^[a-z]+$"},
        "a\n",
        [("value", (), "text", "text that matches ^[a-z]+$")],
    ),
    ("a bound", {"type": "integer", "minimum": 1, "maximum": 3}, 0, [("value", (), "an integer", "1 or more")]),
    ("a length", {"type": "string", "maxLength": 1}, "ab", [("value", (), "text", "at most 1 characters")]),
    (
        "a number of elements",
        {"type": "array", "minItems": 1, "items": {"type": "string"}},
        [],
        [("value", (), "a list", "at least 1 elements")],
    ),
    (
        "keys of a list",
        {
            "type": "array",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        [{"name": "a"}, {"name": "b"}, {"name": "a"}],
        [("duplicate", (2,), "name a", "one of each")],
    ),
    (
        "exactly one form",
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        {"a": "1", "b": "2"},
        [("value", (), "a mapping", "exactly one of the forms that the schema lists")],
    ),
    (
        "a form that is ruled out",
        {"type": "string", "not": {"enum": ["a"]}},
        "a",
        [("value", (), "text", "what the schema does not rule out")],
    ),
    (
        "an embedded object",
        {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}},
        {"apiVersion": "v1", "kind": "A", "metadata": {"nam": "a"}, "spec": {}},
        [("unknown", ("metadata", "nam"), "nam", "")],
    ),
]


@pytest.mark.parametrize(("schema", "spec", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_structural_schema_means_what_it_means_to_the_api_server(
    schema: Any, spec: Any, expected: list[Told]
) -> None:
    """Each keyword refuses exactly the values that Kubernetes refuses, and says so without the value."""
    assert spec_faults(schema, spec) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b", "1", ""]) | st.just(1.0) | st.just(0.5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "name"]), below, max_size=3),
    max_leaves=8,
)
LEAVES = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "number"}, {},
     {"type": "string", "enum": ["a", ""]}, {"x-kubernetes-int-or-string": True}, {"type": "integer", "minimum": 1},
     {"type": "string", "pattern": "^a", "maxLength": 1}, {"type": "string", "nullable": True}]
)  # fmt: skip


def containers(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists and objects of schemas."""
    named = st.dictionaries(st.sampled_from(["a", "b", "name"]), below, max_size=3)
    required = st.lists(st.sampled_from(["a", "name"]), unique=True, max_size=2)
    objects = st.builds(
        lambda names, needed: {"type": "object", "properties": names, "required": needed}, named, required
    )
    free = st.builds(lambda one: {"type": "object", "additionalProperties": one}, below)
    lists = st.builds(lambda one: {"type": "array", "items": one}, below)
    keyed = st.builds(lambda one: {"type": "array", "items": one, "x-kubernetes-list-map-keys": ["name"]}, below)
    either = st.builds(lambda one, other: {"anyOf": [one, other]}, below, below)
    return objects | free | lists | keyed | either


@settings(max_examples=400, deadline=None)
@given(st.recursive(LEAVES, containers, max_leaves=6), VALUES)
def test_what_is_accepted_fast_has_no_fault_and_what_is_refused_has_one(schema: Any, value: Any) -> None:
    """The compiled functions and the reader of faults agree on every schema and every value."""
    schemas = Schemas()
    schemas.add(crd(of_spec(schema)), "crd.yaml")
    (known,) = schemas.kind("example.com/v1", "Widget")
    document = widget(value)
    assert known.accepts(document) is not any(known.rules.faults(known.schema, document))


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every field of an object."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in entries:
        yield (*path, step)
        yield from paths(below, (*path, step))


@pytest.mark.parametrize("document", [DEPLOYMENT, SERVICE, EXTERNAL_SECRET, CERTIFICATE], ids=lambda one: one["kind"])
def test_a_field_that_nobody_knows_is_found_wherever_it_stands(document: dict[str, Any]) -> None:
    """In every mapping of an object, a field more is either unknown, at its own path, or one of free keys."""
    free = {"labels", "annotations", "matchLabels", "selector", "requests", "limits"}
    places = [(), *paths(document)]
    for path in places:
        edited = copy.deepcopy(document)
        target: Any = edited
        for step in path:
            target = target[step]
        if isinstance(target, dict):
            is_free = bool(path) and path[-1] in free and "matchLabels" not in target
            target["zzz"] = "1" if is_free else {"a": 1}
            found = [(fault.kind, fault.path) for fault in Schemas().faults(edited)]
            assert found == ([] if is_free else [(FaultKind.UNKNOWN, (*path, "zzz"))])


SECRET: dict[str, object] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "web"},
    "type": "Opaque",
    "data": {"a": "aGVsbG8="},
    "stringData": {"b": "hunter2", "c": 4711, "d": ["hunter2"]},
    "stringdata": {"e": "hunter2"},
}


def test_a_secret_is_held_to_its_schema_without_a_word_of_its_values() -> None:
    """Types are judged through the mask, and no text of a fault holds what is masked."""
    masked = mask_secret(SECRET)
    assert isinstance(masked["stringData"]["c"], SecretValue)  # type: ignore[index]
    faults = Schemas().faults(masked)
    assert sorted(map(told, faults)) == [
        ("type", ("stringData", "c"), "an integer", "text in quotes"),
        ("type", ("stringData", "d"), "a list", "text in quotes"),
        ("unknown", ("stringdata",), "stringdata", ""),
    ]
    assert "hunter2" not in repr(faults)
    assert "4711" not in repr(faults)


def test_a_masked_value_of_an_enumeration_is_not_shown() -> None:
    """An enumeration shows the text that breaks it, but never that of a masked value, nor anything below one."""
    mode = {"type": "string", "enum": ["calm"]}
    deep = {"type": "object", "properties": {"mode": mode}}
    spec = {"mode": SecretValue("hunter2"), "deep": SecretValue({"mode": "hunter2"})}
    found = spec_faults({"type": "object", "properties": {"mode": mode, "deep": deep}}, spec)
    assert found == [
        ("value", ("mode",), "text", "one of calm"),
        ("value", ("deep", "mode"), "text", "one of calm"),
    ]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "properties": []}, "the keyword properties of a schema has a value of the wrong type"),
        ({"$ref": "#/x"}, "a CustomResourceDefinition with $ref, which Kubernetes refuses"),
        ({"type": "object", "properties": {"a": 3}}, "a schema that is no mapping, or is nested too deep"),
        ({"type": "object", "properties": {"a": {"enum": {}}}}, "the keyword enum of a schema has a value"),
    ],
)  # fmt: skip
def test_a_definition_that_kubernetes_refuses_is_no_schema(schema: Any, said: str) -> None:
    """A CRD whose schema is none is refused with the reason, and nothing is judged by it."""
    with pytest.raises(SchemaFileError, match=said.replace("$", r"\$")):
        Schemas().add(crd(of_spec(schema)), "crd.yaml")


def test_hostile_patterns_end() -> None:
    """A pattern over which Python would try for ever is not tried, and refuses nothing."""
    hostile = [
        "^(a+)+$",
        "^(a|aa)+$",
        "^(a?){40}$",
        "^(.*a){20}$",
        r"^(\.[.a]+)*$",
        "^a*a*a*a*a*a*a*a*b$",
        "(" * 90,
        "^(a|a)*$",
    ]
    text = "a" * 2000 + "!"
    start = time.monotonic()
    for pattern in hostile:
        found = spec_faults({"type": "string", "pattern": pattern}, text)
        assert found in ([], [("value", (), "text", f"text that matches {pattern}")])
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "a-b.example.com", True),
        (r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "a-b..example.com", False),
        (r"^(-[a-z]+)*$", "-a-b", True),
        (r"^(-[a-z]+)*$", "-a--b", False),
        (r"^\d+(ms|s|m|h)$", "10s", True),
        (r"^\d+(ms|s|m|h)$", "10 s", False),
        (r"[", "anything", True),
    ],
)
def test_the_patterns_that_crds_use_are_matched(pattern: str, text: str, *, fits: bool) -> None:
    """Names, durations and lists of either are matched as Go matches them; what cannot be read refuses nothing."""
    assert (spec_faults({"type": "string", "pattern": pattern}, text) == []) is fits
