"""Which line of which values layer counts: held to what Helm itself makes of the layers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from driftgate.files import FileRoot
from driftgate.model.application import Application
from driftgate.model.environment import LayerKind, ValuesLayer
from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.render import helm_engine
from driftgate.render.jobs import HelmJob, SetFlag
from driftgate.semantics.helm_values import printed_value, set_conflict, set_path
from driftgate.values.effect import effective_leaves, is_parameter
from driftgate.values.layers import resolve_layers
from driftgate.yaml_reader import read_yaml

KEYS = ("a", "b", "c")


def layer(content: dict[str, Any], label: str) -> ValuesLayer:
    text = json.dumps(content)
    return ValuesLayer(LayerKind.VALUE_FILE, label, read_yaml(text, label).roots[0], Place(label), label, text)


def parameter(name: str, value: str) -> ValuesLayer:
    return ValuesLayer(
        LayerKind.PARAMETER, "--set-string", Node(value, "app.yaml", 1, 1), Place("app.yaml", 1), "", name
    )


def mapping(draw: random.Random, label: str, depth: int = 0) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key in draw.sample(KEYS, draw.randint(1, 3)):
        shape = draw.choice(["text", "text", "mapping", "list", "null", "empty"])
        if shape == "mapping" and depth < 2:
            content[key] = mapping(draw, label, depth + 1)
        elif shape == "list":
            content[key] = [f"{label}-{key}{n}" for n in range(draw.randint(0, 2))]
        elif shape == "null":
            content[key] = None
        elif shape == "empty":
            content[key] = {}
        else:
            content[key] = f"{label}-{key}-{depth}"
    return content


def merged(layers: list[ValuesLayer]) -> Any:
    """The values that Helm's own parser makes of the layers, without any chart beneath."""
    values = tuple(one.text for one in layers if not is_parameter(one))
    sets = tuple(SetFlag(one.label, one.text, str(one.node.value)) for one in layers if is_parameter(one))
    return helm_engine._values(HelmJob("", "", "", values, sets))[0]


def texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(texts, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(texts, value)) if value else set()
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize("seed", range(300))
def test_the_effective_leaves_are_those_that_helm_keeps(seed: int) -> None:
    """Of random layers and parameters exactly the texts that Helm's merge keeps are called effective."""
    draw = random.Random(seed)
    layers = [layer(mapping(draw, label), label) for label in ("low", "mid", "top")]
    if seed % 2:
        name = ".".join(draw.sample(KEYS, draw.randint(1, 2))) + draw.choice(["", "", "[0]"])
        if not set_conflict(merged(layers), name):  # Helm refuses it
            layers.append(parameter(name, "set"))
    effective = {leaf.text for _, _, leaf in effective_leaves(layers) if leaf.text}
    assert effective == texts(merged(layers)) - {"set"}


@pytest.mark.parametrize(("value", "gone"), [(None, True), ("text", True), (1, True), ({}, False), ([], True)], ids=str)
def test_what_a_deeper_parameter_leaves_of_a_leaf(value: Any, gone: bool) -> None:
    """Setting `a.b` fails where `a` is no mapping, as in the helm command; an empty mapping takes it in."""
    below, above = layer({"a": value}, "low"), parameter("a.b", "set")
    if gone:
        with pytest.raises(helm_engine.HelmError, match=r"unable to parse key: a\.b leads into"):
            merged([below, above])
    else:
        assert merged([below, above]) == {"a": {"b": "set"}}
    assert [path for _, path, _ in effective_leaves([below, above])] == ([] if gone else [("a",)])


NAMES = [
    "a", "a.b", r"a\.b.c", "a[0]", "a[1].b", "a[0][1]", r"a\,b", r"a\[0", "a b", "a-b_c/d", "app.kubernetes.io/name",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_parameters_path_is_where_helm_puts_it(name: str) -> None:
    """Following the path through what Helm's parser makes of `name=value` leads to the value."""
    path = set_path(name)
    assert path is not None
    found: Any = merged([parameter(name, "set")])
    for step in path:
        found = found[step]
    assert found == "set"


@pytest.mark.parametrize("name", ["", "a..b", ".a", "a.", "a[x]", "a,b", "a=b", "a[0", "a[-1]"])
def test_a_name_that_is_no_path_has_none(name: str) -> None:
    """What Helm reads as something else than one path, or refuses, is not guessed at."""
    assert set_path(name) is None


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0, "0"), (-1, "-1"), (1.5, "1.5"), (999999, "999999"), (1000000, "1e+06"), (1234567, "1.234567e+06"),
        (0.0001, "0.0001"), (0.00001, "1e-05"), (12345678901234567890, "1.2345678901234567e+19"), (100.25, "100.25"),
        (True, "true"), (False, "false"), (float("inf"), "+Inf"), (2.0, "2"), (-2500000, "-2.5e+06"),
    ],
)  # fmt: skip
def test_numbers_are_printed_as_templates_print_them(value: float, printed: str) -> None:
    """Go's `%v` of a float64, which is what every number of a values file is to a template."""
    assert printed_value(value) == printed


APPLICATION = """\
metadata:
  name: shop
spec:
  source:
    repoURL: x
    path: chart
    helm:
      values: {style}
"""


def inline(style: str) -> list[ValuesLayer]:
    node = read_yaml(APPLICATION.format(style=style), "app.yaml").roots[0]
    application = Application.from_manifest(node)
    return resolve_layers(application, application.sources[0], FileRoot(Path("/nowhere")), "chart", {}, {}).layers


@pytest.mark.parametrize(
    ("style", "lines"),
    [
        ("|\n        a: 1\n        b:\n          c: 2\n", [9, 11]),
        ("|-\n\n        # a comment\n        a: 1\n\n        b: {c: 2}", [11, 13]),
        ("|2  # an indicator and a comment\n          a: 1\n          b: {c: 2}\n", [9, 10]),
        ("|+\r\n        a: 1\r\n        b: {c: 2}\r\n\r\n", [9, 10]),
        (">\n        a: 1\n\n        b: {c: 2}\n", [0, 0]),
        ('"a: 1\\nb: {c: 2}"', [0, 0]),
    ],
    ids=["literal", "leading lines", "indicator", "CRLF", "folded", "quoted"],
)
def test_inline_values_have_lines_where_the_block_is_literal(style: str, lines: list[int]) -> None:
    """In a literal block every leaf has its own line of the manifest; any other style gives the block only."""
    (found,) = inline(style)
    leaves = list(found.node.leaves())
    assert [(path, leaf.value, leaf.line) for path, leaf in leaves] == [
        (("a",), 1, lines[0]),
        (("b", "c"), 2, lines[1]),
    ]
    assert found.entry == Place("app.yaml", 8, 7)
