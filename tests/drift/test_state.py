"""What a state of a cluster says of objects that it has, that are missing, and that nobody could read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from driftgate.drift.state import EVERY_KIND, MASK, ClusterState, is_masked
from driftgate.live import Discovery, Identity, Unread, Wanted, Why
from driftgate.model.secret import SecretValue


def state(*objects: dict[str, Any], listed: tuple[Wanted, ...] = (), unread: tuple[Wanted, ...] = ()) -> ClusterState:
    identity = Identity("https://127.0.0.1:6443", "uid", "v1.36.3")
    gone = tuple(Unread(one, Why.FORBIDDEN, 403, "no") for one in unread)
    taken = datetime(2026, 1, 2, tzinfo=UTC)
    return ClusterState("staging", "in-cluster", identity, taken, objects, (), Discovery(), listed, gone, 7)


def scaler(version: str) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "shop"}
    return {"apiVersion": f"autoscaling/{version}", "kind": "HorizontalPodAutoscaler", "metadata": metadata}


def test_an_object_is_found_in_the_version_in_which_it_is_asked_for() -> None:
    """Two Applications may render one kind in two versions: each gets the live object in its own."""
    first, second = scaler("v2"), scaler("v1")
    about = ("autoscaling", "HorizontalPodAutoscaler", "shop", "web")
    found = state(first, second)
    assert found.find(*about) is first
    assert found.find(*about, version="v1") is second
    assert found.find(*about, version="v2beta2") is None
    assert found.find("", "HorizontalPodAutoscaler", "shop", "web") is None


def test_missing_is_told_from_unread() -> None:
    """A list counts for its namespace, its version and its depth; what no list covers is neither missing nor unread."""
    read, everywhere = Wanted("", "Service", "a", version="v1"), Wanted("", "Node")
    survey = Wanted("apps", "Deployment", "a", metadata_only=True)
    refused = Wanted("", "Secret", "a", version="v1", secret_values=True)
    down = Wanted("example.com", EVERY_KIND, metadata_only=True)
    found = state(listed=(read, everywhere, survey), unread=(refused, down))

    assert found.is_listed("", "Service", "a")
    assert not found.is_listed("", "Service", "b")
    assert not found.is_listed("", "Service", "a", "v2")
    assert found.is_listed("", "Node", "")
    assert not found.is_listed("apps", "Deployment", "a")
    assert found.is_listed("apps", "Deployment", "a", metadata_only=True)
    assert found.unread_of("", "Service", "a") is None
    assert found.unread_of("", "Secret", "b") is None
    secret = found.unread_of("", "Secret", "a")
    assert secret is not None
    assert secret.wanted == refused
    thing = found.unread_of("example.com", "Thing", "a", "v1")
    assert thing is not None
    assert thing.wanted == down


@pytest.mark.parametrize(
    "value",
    [MASK, f"prefix {MASK}", SecretValue(MASK), {"a": [{"b": MASK}]}, {MASK: 1}, [SecretValue({"x": MASK})], (MASK,)],
    ids=["text", "part of a text", "secret", "in lists and maps", "key", "in a secret's map", "tuple"],
)
def test_a_value_that_a_recording_does_not_hold_is_known_wherever_it_stands(value: object) -> None:
    """Alone, in a list or a map, and within a Secret's value."""
    assert is_masked(value)


@pytest.mark.parametrize("value", ["", None, 1, "MASKED", SecretValue("x"), {"a": ["b"]}])
def test_any_other_value_is_not_masked(value: object) -> None:
    """Nor is the word alone, which a repository may hold."""
    assert not is_masked(value)
