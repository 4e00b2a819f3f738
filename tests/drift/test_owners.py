"""Managed fields: who wrote a field of a live object, and when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.compare import Step
from driftgate.drift.owners import Writer, WriterKind, kind_of, value_at, writers, writes_by_apply

Json = dict[str, Any]
NOON = "2026-03-01T12:00:00Z"


def owned(
    manager: str, fields: Any, *, time: str | None = NOON, operation: str = "Update", subresource: str = ""
) -> Json:
    """One entry of managed fields."""
    entry: Json = {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}
    return entry | ({"time": time} if time else {}) | ({"subresource": subresource} if subresource else {})


def live_object(*entries: Any, **content: Any) -> Json:
    """An object with these managed fields."""
    return {"apiVersion": "v1", "kind": "Some", "metadata": {"name": "some", "managedFields": list(entries)}, **content}


def names(live: Json, *path: Step) -> list[str]:
    """The managers that wrote a field."""
    return [writer.manager for writer in writers(live, path)]


# --- the grammar, drawn

KEYS = st.sampled_from(["a", "b", "image", "acme.test/x", ".", "f:odd", 'quo"te', "ü"])
PLAIN = st.one_of(st.integers(-3, 3), st.sampled_from(["x", "y", "f:a", ""]), st.booleans())
#: A value with, for each place below it, the steps of its path and the way in which managed fields spell them.
Place = tuple[tuple[Step, str], ...]
VALUES = st.recursive(
    PLAIN,
    lambda below: st.one_of(
        st.dictionaries(KEYS, below, max_size=3),
        # Elements told apart by a key, as `name` of containers.
        st.dictionaries(
            st.sampled_from(["web", "proxy", "80"]), st.dictionaries(KEYS, below, max_size=2), max_size=3
        ).map(lambda named: [{"name": name, **rest} for name, rest in named.items()]),
        # A set of plain values, and a list that goes by index.
        st.lists(st.sampled_from(["one", "two", "three"]), unique=True, max_size=3).map(
            lambda items: [["set"], *items]
        ),
        st.lists(st.dictionaries(KEYS, below, max_size=2), max_size=2).map(lambda items: [["index"], *items]),
    ),
    max_leaves=12,
)


def places(value: Any, above: Place = ()) -> list[Place]:
    """Every place in a drawn value."""
    found: list[Place] = []
    if isinstance(value, dict):
        steps: list[tuple[Step, str, Any]] = [(key, f"f:{key}", below) for key, below in value.items()]
    elif isinstance(value, list) and value and value[0] == ["set"]:
        steps = [(index, f"v:{json.dumps(item)}", item) for index, item in enumerate(value) if index]
    elif isinstance(value, list) and value and value[0] == ["index"]:
        steps = [(index, f"i:{index}", item) for index, item in enumerate(value) if index]
    elif isinstance(value, list):
        steps = [(("name", item["name"]), f"k:{json.dumps({'name': item['name']})}", item) for item in value]
    else:
        steps = []
    for step, spelled, below in steps:
        found += [(*above, (step, spelled)), *places(below, (*above, (step, spelled)))]
    return found


def trie(paths: list[Place]) -> Json:
    """A set of places as managed fields have it: a place that is in it has `.` unless nothing is below it."""
    root: Json = {}
    for path in paths:
        here = root
        for _step, spelled in path:
            here = here.setdefault(spelled, {})
    for path in paths:
        here = root
        for _step, spelled in path:
            here = here[spelled]
        if here:
            here["."] = {}
    return root


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Json, list[Place], dict[str, list[Place]]]:
    """An object, all its places, and which of them each of three managers owns."""
    spec = draw(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3))
    every = places({"spec": spec})
    owners = {
        manager: draw(st.lists(st.sampled_from(every), max_size=4, unique=True)) for manager in ("one", "two", "three")
    }
    entries = [owned(manager, trie(paths)) for manager, paths in owners.items()]
    return live_object(*entries, spec=spec), every, owners


def expected(path: Place, owners: dict[str, list[Place]]) -> set[str]:
    """Whose a place is, by the words of the docstring of `writers`."""
    inside = {manager for manager, paths in owners.items() if any(owned_[: len(path)] == path for owned_ in paths)}
    if inside:
        return inside
    every = [owned_ for paths in owners.values() for owned_ in paths]
    around = {
        manager: max(
            (
                (all(other[: len(place)] != place or other == place for other in every), len(place))
                for place in paths
                if path[: len(place)] == place
            ),
            default=None,
        )
        for manager, paths in owners.items()
    }
    strongest = max((rank for rank in around.values() if rank is not None), default=None)
    return {manager for manager, rank in around.items() if rank is not None and rank == strongest}


@settings(max_examples=200, deadline=None)
@given(drawn())
def test_the_writers_of_a_field_are_those_whose_sets_have_it(
    case: tuple[Json, list[Place], dict[str, list[Place]]],
) -> None:
    """For any set of paths, every path of the object has exactly the writers that the set gives it."""
    live, every, owners = case
    found = {path: set(names(live, *(step for step, _ in path))) for path in every}
    assert found == {path: expected(path, owners) for path in every}


# --- by example

DEPLOYED = live_object(
    owned(
        "argocd-controller",
        {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:template": {
                    "f:spec": {
                        "f:containers": {
                            'k:{"name":"web"}': {
                                ".": {},
                                "f:image": {},
                                "f:ports": {
                                    'k:{"containerPort":53,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
                                },
                            }
                        },
                        "f:tolerations": {},
                    }
                },
            },
        },
        time="2026-03-01T10:00:00Z",
    ),
    owned(
        "kubectl-edit",
        {
            "f:spec": {
                "f:template": {
                    "f:spec": {
                        "f:containers": {
                            'k:{"name":"web"}': {
                                "f:image": {},
                                "f:ports": {'k:{"containerPort":53,"protocol":"UDP"}': {".": {}, "f:name": {}}},
                            }
                        }
                    }
                }
            }
        },
    ),
    owned("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale", time="2026-03-02T08:00:00+09:00"),
    owned("kube-controller-manager", {"f:status": {"f:replicas": {}}}, subresource="status"),
    spec={
        "replicas": 3,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:2",
                        "args": ["-v"],
                        "ports": [
                            {"containerPort": 53, "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP", "name": "dns"},
                        ],
                    }
                ],
                "tolerations": [{"key": "a"}, {"key": "b"}],
            }
        },
    },
)
POD: tuple[Step, ...] = ("spec", "template", "spec")
WEB: tuple[Step, ...] = (*POD, "containers", ("name", "web"))


@pytest.mark.parametrize(
    ("path", "managers"),
    [
        (("spec", "replicas"), ["kubectl", "argocd-controller"]),
        ((*WEB, "image"), ["kubectl-edit", "argocd-controller"]),
        # Nobody owns the arguments: the nearest is who made the container.
        ((*WEB, "args"), ["argocd-controller"]),
        # A list that is owned as one value, an element of it, and one that somebody has taken out.
        ((*POD, "tolerations"), ["argocd-controller"]),
        ((*POD, "tolerations", 1, "key"), ["argocd-controller"]),
        ((*POD, "tolerations", 2), ["argocd-controller"]),
        # What is not there leaves no trace of who removed it.
        ((*WEB, "command"), []),
        (("metadata", "labels", "gone"), []),
        # Two keys tell these elements apart; one of them is not enough.
        ((*WEB, "ports", 1, "name"), ["kubectl-edit"]),
        ((*WEB, "ports", 0, "protocol"), ["argocd-controller"]),
    ],
)
def test_a_field_has_its_writers_newest_first(path: tuple[Step, ...], managers: list[str]) -> None:
    """Elements are found by key, by several keys and by index, and times of other zones are times."""
    assert names(DEPLOYED, *path) == managers


def test_a_writer_has_a_name_a_way_and_a_time() -> None:
    """What an entry says of its manager is told whole, the time in UTC."""
    assert writers(DEPLOYED, ("spec", "replicas")) == (
        Writer("kubectl", "Update", "scale", datetime(2026, 3, 1, 23, tzinfo=UTC), WriterKind.KUBECTL),
        Writer("argocd-controller", "Update", "", datetime(2026, 3, 1, 10, tzinfo=UTC), WriterKind.ARGOCD),
    )


def test_a_place_that_another_owns_in_parts_is_not_one_value() -> None:
    """Who created an empty map did not write what somebody else put into it, nor what is not in it."""
    live = live_object(
        owned("helm", {"f:spec": {"f:resources": {}}}),
        owned("kubectl-set", {"f:spec": {"f:resources": {"f:limits": {}}}}),
        spec={"resources": {"limits": {"cpu": "1"}}},
    )
    assert names(live, "spec", "resources", "limits", "cpu") == ["kubectl-set"]
    assert names(live, "spec", "resources", "requests") == []


def test_a_subresource_is_a_writer_of_its_own() -> None:
    """The same manager stands once for each subresource through which it wrote a field."""
    fields: Json = {"f:spec": {"f:replicas": {}}}
    live = live_object(owned("kubectl", fields, subresource="scale"), owned("kubectl", fields), spec={"replicas": 1})
    assert [(one.manager, one.subresource) for one in writers(live, ("spec", "replicas"))] == [
        ("kubectl", ""),
        ("kubectl", "scale"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        "text",
        None,
        {"manager": "nobody"},
        owned("nobody", None),
        owned("nobody", ["f:spec"]),
        owned("nobody", {"f:spec": "f:replicas"}),
        owned("nobody", {"f:spec": None}),
        owned("nobody", {"spec": {"replicas": {}}, "": {}, "x:": {}, "k:{": {}, "v:": {}, "k:[]": {}}),
        owned("nobody", {"k:" + "[" * 100_000: {}}),
    ],
)
def test_what_cannot_be_read_takes_nothing_from_the_rest(broken: Any) -> None:
    """A broken entry has written nothing, and the entries beside it are read."""
    fields: Json = {"f:spec": {"f:items": {'v:"a"': {}}}}
    live = live_object(broken, owned("somebody", fields), spec={"items": ["a"]})
    assert names(live, "spec", "items", 0) == ["somebody"]


@pytest.mark.parametrize("time", [None, "", "yesterday", "2026-03-01T12:00:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_cannot_be_read_is_none(time: str | None) -> None:
    """A writer without a time is told after those that have one."""
    fields: Json = {"f:spec": {"f:replicas": {}}}
    live = live_object(owned("undated", fields, time=time), owned("dated", fields), spec={"replicas": 1})
    assert [(one.manager, one.time is None) for one in writers(live, ("spec", "replicas"))] == [
        ("dated", False),
        ("undated", True),
    ]


@pytest.mark.parametrize("metadata", [{}, {"managedFields": None}, {"managedFields": {}}, {"managedFields": []}, None])
def test_without_managed_fields_nobody_wrote_anything(metadata: Any) -> None:
    """An object without managed fields has no writers, and that is no error."""
    assert writers({"metadata": metadata, "spec": {"replicas": 1}}, ("spec", "replicas")) == ()


@pytest.mark.parametrize(
    ("manager", "kind"),
    [
        ("argocd-controller", WriterKind.ARGOCD),
        ("argocd-application-controller", WriterKind.ARGOCD),
        # People's edits in Argo CD's own pages are no delivery.
        ("argocd-server", WriterKind.OTHER),
        ("helm", WriterKind.HELM),
        ("Helm", WriterKind.HELM),
        ("helm3", WriterKind.HELM),
        ("helm-v3.14.0", WriterKind.HELM),
        ("helm-controller", WriterKind.CONTROLLER),
        ("kubectl", WriterKind.KUBECTL),
        ("kubectl.exe", WriterKind.KUBECTL),
        ("kubectl-client-side-apply", WriterKind.KUBECTL),
        ("kubectl-edit", WriterKind.KUBECTL),
        ("kubectl-rollout", WriterKind.KUBECTL),
        ("kubectls", WriterKind.OTHER),
        ("kube-controller-manager", WriterKind.CONTROLLER),
        ("kubelet", WriterKind.CONTROLLER),
        ("kube-scheduler", WriterKind.CONTROLLER),
        ("cert-manager-certificates-issuing", WriterKind.CONTROLLER),
        ("cert-manager-cainjector", WriterKind.CONTROLLER),
        ("external-secrets", WriterKind.CONTROLLER),
        ("prometheus-operator", WriterKind.CONTROLLER),
        ("manager", WriterKind.CONTROLLER),
        ("vpa-recommender", WriterKind.CONTROLLER),
        ("node-fetch", WriterKind.OTHER),
        ("before-first-apply", WriterKind.OTHER),
        ("", WriterKind.OTHER),
    ],
)
def test_a_manager_is_known_by_its_name(manager: str, kind: WriterKind) -> None:
    """Deliverers, kubectl and controllers are told apart by the names that they give themselves."""
    assert kind_of(manager) is kind


def test_server_side_apply_is_told_from_updates() -> None:
    """A deliverer that wrote by updates has not applied, and another's apply is not its own."""
    applied = live_object(owned("helm", {}, operation="Apply"), owned("argocd-controller", {}))
    assert writes_by_apply(applied, WriterKind.HELM)
    assert not writes_by_apply(applied, WriterKind.ARGOCD)


def test_a_value_is_found_by_its_path() -> None:
    """Every kind of step leads to its value, and what is not there is told from null."""
    assert value_at(DEPLOYED, (*WEB, "ports", 1, "name")) == "dns"
    assert value_at({"a": None}, ("a",)) is None
    assert not any(value_at(DEPLOYED, path) for path in [("x",), (*WEB, 0), ("spec", 0), (*WEB, "ports", 7)])
