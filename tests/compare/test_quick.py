"""The short way: whatever it calls in sync, the long way does too."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.compare import Rules
from driftgate.compare.engine import object_type, run
from driftgate.compare.go_types import kind_type
from driftgate.compare.ignore import IgnoreRules
from driftgate.compare.problems import CompareError
from driftgate.compare.quick import holds
from driftgate.compare.strategic_merge import can_be_filled_in

from .objects import Json, built_in, custom, deployment

NO_RULES = IgnoreRules((), ())
VALUES = st.sampled_from(
    [None, "", "1", "a", 0, 1, 1.5, True, False, [], {}, ["a"], {"a": "b"}, [{"name": "a"}], "0.5"]
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a document with each of its keys or indexes."""
    for key, below in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(below, dict | list):
            yield from places(below)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json]:
    """A live object, and a desired one that began as its copy and was changed in a few places."""
    spec = {"a": [1, {"b": None, "c": [True]}], "d": {"e": "f"}, "g": 1}
    service = built_in(
        "v1", "Service", spec={"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80}], "type": "NodePort"}
    )
    live = draw(st.sampled_from([deployment(), custom(spec), service]))
    live = copy.deepcopy(live)
    live["metadata"]["finalizers"] = draw(st.lists(st.sampled_from(["a", "b"]), max_size=3))
    desired = copy.deepcopy(live)
    for document in (live, desired):
        for _ in range(draw(st.integers(0, 2))):
            options = [
                (holder, key) for holder, key in places(document) if key not in {"apiVersion", "kind", "metadata"}
            ]
            holder, key = options[draw(st.integers(0, len(options) - 1))]
            if draw(st.booleans()):
                del holder[key]
            else:
                holder[key] = copy.deepcopy(draw(VALUES))
    return desired, live


@settings(max_examples=600, deadline=None)
@given(pairs())
def test_what_is_plain_to_see_is_true(pair: tuple[Json, Json]) -> None:
    """Where the desired object stands in the live one, a sync changes nothing, and the merge does not fail."""
    desired, live = pair
    kind = object_type(desired)
    if not holds(desired, live, kind) or (kind is not None and not can_be_filled_in(live, kind)):
        return
    try:
        assert not run(desired, live, Rules(), NO_RULES).prediction.modified
    except CompareError as error:
        pytest.fail(f"the long way fails: {error}")


def test_the_short_way_is_taken() -> None:
    """What a sync leaves behind is found in sync the short way: defaults, fields of controllers, a status."""
    live = deployment(progressDeadlineSeconds=600) | {"status": {"replicas": 2}}
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent"
    live["metadata"] |= {"uid": "1", "managedFields": []}

    assert holds(deployment(), live, kind_type("apps/v1", "Deployment"))
    assert holds(custom({"a": [{"b": 1}]}), custom({"a": [{"b": 1, "c": 2}], "d": 1}), None)


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        # Not as the re-marshal writes it, or left out by it.
        ({"minReadySeconds": 0}, {"minReadySeconds": 0}),
        ({"paused": False}, {"paused": False}),
        ({"replicas": None}, {"replicas": None}),
        ({"Replicas": 2}, {"Replicas": 2}),
        ({"unknown": 1}, {"unknown": 1}),
        # A struct that keeps only its own keys.
        ({"strategy": {"type": "Recreate"}}, {"strategy": {"type": "Recreate", "rollingUpdate": {}}}),
        ({"replicas": 1}, {"replicas": True}),
        # A list that is one value.
        (
            {"template": {"spec": {"tolerations": [{"key": "a"}]}}},
            {"template": {"spec": {"tolerations": [{"key": "a", "operator": "Exists"}]}}},
        ),
    ],
)
def test_what_takes_the_long_way(desired: Json, live: Json) -> None:
    """What a later step might change is not called in sync by looking."""
    kind = kind_type("apps/v1", "Deployment")
    assert not holds(
        built_in("apps/v1", "Deployment", spec=desired), built_in("apps/v1", "Deployment", spec=live), kind
    )


def test_repeated_values_take_the_long_way() -> None:
    """Merging a list with repeated keys or values is a matter of its own."""
    service = built_in("v1", "Service", spec={"ports": [{"port": 53}, {"port": 53}]})
    assert not holds(service, service, kind_type("v1", "Service"))
    pod = built_in("v1", "Pod")
    pod["metadata"]["finalizers"] = ["a", "a"]
    assert not holds(pod, pod, kind_type("v1", "Pod"))
    quantity = {"containers": [{"name": "a", "resources": {"limits": {"cpu": "1000m"}}}]}
    assert not holds(built_in("v1", "Pod", spec=quantity), built_in("v1", "Pod", spec=quantity), kind_type("v1", "Pod"))
