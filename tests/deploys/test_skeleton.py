"""The shape of an object without its values."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftgate.deploys.skeleton import changed_since, skeleton_of

SALT = b"0123456789abcdef"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=12,
)


def live(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "resourceVersion": "1"}, **fields}


@given(VALUES)
def test_what_has_not_changed_is_not_told(value: Any) -> None:
    """Two looks at one object give the same, also after a file: only the resource version and the status move."""
    before = json.loads(json.dumps(skeleton_of(live(spec=value, status={"a": 1}), SALT)))
    later = live(spec=value, status={"a": 2})
    later["metadata"]["resourceVersion"] = "2"
    assert changed_since(before, skeleton_of(later, SALT)) == ()


def test_changes_are_told_by_the_names_of_elements() -> None:
    """A value that is another one, a field that came, one that went, and an element of a list by its name."""
    before = live(spec={"image": "a:1", "old": 1, "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]})
    after = live(spec={"image": "a:2", "new": 1, "env": [{"name": "B", "value": "3"}, {"name": "A", "value": "1"}]})
    assert changed_since(skeleton_of(before, SALT), skeleton_of(after, SALT)) == (
        ("spec", "env", ("name", "B"), "value"),
        ("spec", "image"),
        ("spec", "new"),
        ("spec", "old"),
    )


def test_a_skeleton_holds_no_value() -> None:
    """Values stand as digests that depend on the salt, and what may be a credential not even so."""
    document = live(spec={"greeting": "hello-everybody", "password": "canary-4711"})
    text = json.dumps(skeleton_of(document, SALT))
    assert "hello" not in text
    assert "canary" not in text
    assert skeleton_of(document, SALT)["spec"]["password"] == "?"
    assert skeleton_of(document, b"another salt")["spec"]["greeting"] != skeleton_of(document, SALT)["spec"]["greeting"]


def test_the_values_of_a_secret_have_no_digest() -> None:
    """The keys of a Secret are told to come and go; whether a value is another one is not looked at."""
    before = {**live(data={"a": "YQ==", "b": "Yg=="}), "kind": "Secret"}
    after = {**live(data={"a": "eA==", "c": "Yw=="}), "kind": "Secret"}
    assert changed_since(skeleton_of(before, SALT), skeleton_of(after, SALT)) == (("data", "b"), ("data", "c"))
