"""The generator of the schemas, on small inputs of its own; no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.facts.generate import FactsError, Source
from tools.facts.schemas import enumerations, expression, life_cycles, spans, terse


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ({"type": ["string", "null"]}, "string"),
        ({"$ref": "#/$defs/io.k8s.api.core.v1.Container"}, "core.v1.Container"),
        ({"$ref": "#/$defs/io.k8s.apimachinery.pkg.api.resource.Quantity"}, "quantity"),
        ({"type": ["array", "null"], "items": {"type": "integer"}}, "[integer]"),
        (
            {"type": "array", "items": {"$ref": "x/io.k8s.api.core.v1.Volume"}, "x-kubernetes-list-map-keys": ["name"]},
            "[core.v1.Volume by name]",
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "{string}"),
        ({"type": ["object", "null"]}, "object"),
    ],
)
def test_a_field_is_one_line(schema: dict[str, Any], line: str) -> None:
    """Each form that the published schemas have is written as the reader of the lines knows it."""
    assert expression(schema, "here") == line


def test_a_field_of_several_types_stops_the_generator() -> None:
    """A form that nobody has thought of must not become a guess."""
    with pytest.raises(FactsError, match="here: a field of the types"):
        expression({"type": ["string", "integer"]}, "here")


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        ({25: "a", 26: "a", 27: "a"}, "a"),
        ({26: "a", 27: "a"}, "a 26-"),
        ({25: "a"}, "a -25"),
        ({26: "a"}, "a 26-26"),
        ({25: "a", 26: "b", 27: "b"}, ["a -25", "b 26-"]),
        ({25: "a", 27: "a"}, ["a -25", "a 27-"]),
    ],
)
def test_releases_are_written_where_they_are_not_all(texts: dict[int, str], written: str | list[str]) -> None:
    """A line holds for a run of releases; a gap, or another type, begins a line of its own."""
    assert spans(texts, [25, 26, 27]) == written


GO = """
// Policy says when.
// +enum
type Policy string

const (
	// Always does.
	PolicyAlways Policy = "Always"
	PolicyNever  Policy = "Never"
)

type Mode string

const ModeA Mode = "A"

type Box struct {
	// Policy of the box.
	Policy Policy `json:"policy,omitempty" protobuf:"bytes,1,opt,name=policy"`
	Policies []Policy `json:"policies"`
	Mode Mode `json:"mode"`
}
"""
CYCLE = """
func (in *Box) APILifecycleIntroduced() (major, minor int) {
	return 1, 8
}

func (in *Box) APILifecycleRemoved() (major, minor int) {
	return 1, 22
}

func (in *Box) APILifecycleReplacement() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "shop.example.com", Version: "v1", Kind: "Box"}
}

func (in *BoxList) APILifecycleIntroduced() (major, minor int) {
	return 1, 8
}
"""


@pytest.fixture
def module(tmp_path: Path) -> Source:
    """A Go module with one API package."""
    folder = tmp_path / "shop" / "v1beta1"
    folder.mkdir(parents=True)
    (folder / "types.go").write_text(GO, encoding="utf-8")
    (folder / "register.go").write_text('const GroupName = "shop.example.com"\n', encoding="utf-8")
    (folder / "zz_generated.prerelease-lifecycle.go").write_text(CYCLE, encoding="utf-8")
    return Source("example.com/shop@v1", tmp_path)


def test_only_types_that_are_marked_are_enumerations(module: Source) -> None:
    """A text type without the mark is open, whatever constants it has."""
    values = "string=Always|Never"
    box = "io.k8s.api.shop.v1beta1.Box"
    assert enumerations([module]) == {(box, "policy"): values, (box, "policies"): values}


def test_a_life_cycle_is_read_from_the_generated_functions(module: Source) -> None:
    """Group, version and kind, the minors, and the kind that replaces it; lists are no kinds of their own."""
    assert life_cycles([module]) == {
        "shop.example.com/v1beta1/Box": {"introduced": 8, "removed": 22, "replacement": "shop.example.com/v1/Box"}
    }


def test_prose_is_left_out_and_rules_are_kept() -> None:
    """Of a structural schema the rules remain, at every depth; what has no rule here stops the generator."""
    part = {"description": "A name.", "type": "string", "pattern": "^a", "default": "a"}
    schema = {"type": "object", "properties": {"name": part, "description": part}, "required": ["name"]}
    kept = {"type": "string", "pattern": "^a"}
    assert terse(schema, "here") == {
        "type": "object",
        "properties": {"name": kept, "description": kept},
        "required": ["name"],
    }
    with pytest.raises(FactsError, match=r"here\.name: no rule for the schema keywords propertyNames"):
        terse({"properties": {"name": {"propertyNames": {}}}}, "here")
