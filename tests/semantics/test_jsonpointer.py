from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.jsonpointer import pointer_problem, remove

from .support import vectors

_KEYS = st.text(alphabet="ab/~0-", max_size=3)
_DOCUMENTS = st.dictionaries(
    _KEYS,
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=2)),
        lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(_KEYS, below, max_size=3)),
        max_leaves=8,
    ),
    max_size=4,
)


@pytest.mark.parametrize(("document", "pointer", "result", "removed"), vectors("json_pointers"))
def test_remove(document: Any, pointer: str, result: Any, removed: bool) -> None:
    """A pointer removes what evanphx/json-patch removes, and nothing where that fails."""
    before = copy.deepcopy(document)
    assert remove(document, pointer) == (result, removed)
    assert document == before


def test_indexes_shift_after_each_removal() -> None:
    """A second pointer into the same list sees the indexes that the first one left."""
    first, _ = remove({"l": ["a", "b", "c"]}, "/l/0")
    assert remove(first, "/l/0") == ({"l": ["c"]}, True)


@given(_DOCUMENTS, st.lists(_KEYS, min_size=1, max_size=4))
def test_removing_takes_exactly_one_place(document: dict[str, Any], path: list[str]) -> None:
    """An escaped path removes its own place, leaves the rest alone, and never changes the given document."""
    pointer = "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)
    before = copy.deepcopy(document)
    result, removed = remove(document, pointer)
    assert document == before
    if not removed:
        assert result is document
        return
    parent: Any = before
    for key in path[:-1]:
        parent = parent[int(key) if isinstance(parent, list) else key]
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
    assert result == before


@pytest.mark.parametrize(
    ("pointer", "problem"),
    [
        ("", "an empty pointer removes nothing"),
        ("replicas", "without a slash the pointer removes nothing"),
        (
            "spec/replicas",
            "without a leading slash the first segment 'spec' is dropped, so it removes '/replicas'",
        ),
        (
            ".spec.replicas",
            "this is a path expression, not a JSON pointer: a pointer starts with a slash",
        ),
        (
            "$.spec/replicas",
            "this is a path expression, not a JSON pointer: a pointer starts with a slash",
        ),
        (
            "/spec.replicas",
            "no object has a top-level field 'spec.replicas': slashes separate fields, not dots",
        ),
        ("/spec/", "an empty segment addresses the key '', which no object has"),
        (
            "/spec/list/-",
            "'-' addresses no list element when removing; use an index, or a jq path expression",
        ),
        (
            "/spec/containers/*/image",
            "'*' is taken literally: JSON pointers have no wildcards; use a jq path expression",
        ),
        (
            "/spec/containers[0]/image",
            "'containers[0]' is taken literally: a list index is a segment of its own",
        ),
        ("/metadata/a~b", "'a~b' has a tilde that is no escape: '~0' stands for '~' and '~1' for '/'"),
        ("/spec/replicas ", "'replicas ' has white space around it, which belongs to the key"),
        (
            "/metadata/annotations/example.com/x",
            "the slash in the key must be written '~1': '/metadata/annotations/example.com~1x'",
        ),
        (
            "/spec/selector/matchLabels/app.kubernetes.io/name",
            "the slash in the key must be written '~1': '/spec/selector/matchLabels/app.kubernetes.io~1name'",
        ),
    ],
)
def test_pointer_problem(pointer: str, problem: str) -> None:
    """A pointer that cannot do what it looks like is explained."""
    assert pointer_problem(pointer) == problem


@pytest.mark.parametrize(
    "pointer",
    [
        "/data",
        "/status",
        "/spec/replicas",
        "/spec/template/spec/containers/0/image",
        "/spec/list/-1",
        "/metadata/annotations/example.com~1x",
        "/metadata/annotations",
        "/data/values.yaml",
        "/spec/labels/a/b",
        "/metadata/t~0k",
    ],
)
def test_sound_pointer(pointer: str) -> None:
    """A pointer that may remove something is left alone."""
    assert pointer_problem(pointer) is None


@given(_DOCUMENTS, st.text(alphabet="/~01ab-", max_size=8))
def test_any_pointer_has_an_answer(document: dict[str, Any], pointer: str) -> None:
    """No pointer raises, and one without any slash removes nothing."""
    assert remove(document, pointer)[1] is False or "/" in pointer
    assert pointer.startswith("/") or pointer_problem(pointer) is not None
