"""Objects of any shape: what a chart renders may hold anything anywhere, and ends nothing."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.graph import Graph, State, pods, producers, selections, uses
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path

KINDS = sorted(
    {*uses._EXTRACTORS, *producers._PRODUCERS, *selections._SELECTORS, ("apps", "Deployment"), ("", "Secret")}
)


def _words(module: ModuleType) -> set[str]:
    """Every string of a module that may be the name of a field."""
    tree = ast.parse(inspect.getsource(module))
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in found if word.isidentifier()}


WORDS = sorted(set().union(*map(_words, (uses, pods, producers, selections))) | {"template"})
SCALARS = st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["web", "Secret", "v1", "a/b", ""])
FIELDS = st.sampled_from(WORDS)
ANYTHING = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(FIELDS, below, max_size=5), max_leaves=25
)


def _exists(value: Any, path: Path) -> bool:
    """Whether the parent of a path's last step is there: a use may name a field that is left out."""
    for step in path[:-1]:
        value = value[step]
    return isinstance(value, dict | list)


@pytest.mark.parametrize("kind", KINDS, ids="/".join)
@settings(max_examples=20, deadline=None)
@given(spec=ANYTHING, more=st.dictionaries(FIELDS, ANYTHING, max_size=3))
def test_no_shape_of_an_object_ends_the_index(kind: tuple[str, str], spec: Any, more: dict[str, Any]) -> None:
    """Whatever an object holds, the index is made, and every use stands at a field of the object."""
    group, name = kind
    body = {**more, "spec": spec, "kind": name, "apiVersion": f"{group}/v1" if group else "v1"}
    manifest = Manifest("web", 0, 0, {**body, "metadata": {"name": "web"}}, "web.yaml", "plate-stg")
    graph = Graph("cluster", ())
    graph._add(manifest)
    assert all(_exists(manifest.object, use.path) for use in graph.uses)
    assert all(_exists(manifest.object, use.key_path) for use in graph.uses if use.key_path)
    for use in graph.uses:
        assert graph.find(use.target).state in State
