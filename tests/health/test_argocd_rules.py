"""Health by Argo CD's own test data: its scripts' rows with status and message, its Go tests' rows with the status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.health import Health, Status, health_of, worst
from driftgate.health.builtin import BUILT_IN
from driftgate.health.custom import CUSTOM
from tools.facts.generate import ARGOCD_MODULE, ARGOCD_VERSION, FactsError, download

ENGINE = f"github.com/argoproj/argo-cd/gitops-engine/v3@{ARGOCD_VERSION}"
GO_ROW = re.compile(r'assertAppHealth\(t, "\./(testdata/[\w.-]+)", HealthStatus(\w+)\)')
# Argo CD's data for kinds of other groups that its Go tests name, and for which both have no rule.
NO_RULE = ("testdata/knative-service.yaml", "testdata/application-healthy.yaml", "testdata/application-degraded.yaml")


def module(name: str) -> Path:
    try:
        return download(name).directory
    except FactsError as error:
        pytest.skip(f"no test data of Argo CD: {str(error).partition(chr(10))[0]}; it comes from the Go module proxy")


class AsTheApiWritesIt(yaml.CSafeLoader):
    """Reads YAML into what JSON can say: a moment stays the text that it is."""


AsTheApiWritesIt.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=AsTheApiWritesIt)


def script_rows(root: Path) -> Iterator[tuple[str, tuple[str, str], Any, Health]]:
    for group, kind in CUSTOM:
        folder = root / "resource_customizations" / group / kind
        for row in read(folder / "health_test.yaml")["tests"]:
            wanted = Health(Status(row["healthStatus"]["status"]), row["healthStatus"].get("message", ""))
            yield f"{group}/{kind}/{row['inputPath']}", (group, kind), read(folder / row["inputPath"]), wanted


def test_kinds_with_a_script_have_the_status_and_the_message_of_argo_cd() -> None:
    """Every row of Argo CD's own tests comes out the same, for every kind with a script that is judged here."""
    rows = list(script_rows(module(ARGOCD_MODULE)))
    # Argo CD's tests run the script alone: what a deletion makes of its verdict is tested below.
    assert {name: CUSTOM[rule](value) for name, rule, value, _ in rows} == {name: row for name, _, _, row in rows}
    assert {rule for _, rule, _, _ in rows} == set(CUSTOM)


def test_built_in_kinds_have_the_status_of_argo_cd() -> None:
    """Every row of the Go tests comes out the same, and every built-in rule but that of Workflow has one."""
    folder = module(ENGINE) / "pkg" / "health"
    rows = GO_ROW.findall((folder / "health_test.go").read_text(encoding="utf-8"))
    judged = {path: health_of(read(folder / path)) for path, _ in rows}
    assert {path: health.status if health else None for path, health in judged.items()} == {
        path: Status(wanted) for path, wanted in rows
    }
    assert {read(folder / path)["kind"] for path in judged} == {kind for _, kind in BUILT_IN} - {"ReplicaSet"}


@pytest.mark.parametrize("path", NO_RULE)
def test_kinds_without_a_rule_have_no_health(path: str) -> None:
    """What Argo CD has no rule for is neither healthy nor unhealthy."""
    assert health_of(read(module(ENGINE) / "pkg" / "health" / path)) is None


def test_an_order_in_progress_does_not_tell_its_reason() -> None:
    """Argo CD shows the reason of a Challenge in progress, and of an Order only when that has failed."""
    pending = {"state": "pending", "reason": "because"}
    kinds = ("Challenge", "Order")
    judged = [health_of({"apiVersion": "acme.cert-manager.io/v1", "kind": each, "status": pending}) for each in kinds]
    assert judged == [Health(Status.PROGRESSING, "because"), Health(Status.PROGRESSING, "Order is pending")]


def deployment(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "generation": 3},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, **status},
    }


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ({}, Health(Status.HEALTHY)),
        (
            {"observedGeneration": 2},
            Health(
                Status.PROGRESSING,
                "Waiting for rollout to finish: observed deployment generation less than desired generation",
            ),
        ),
        (
            {"updatedReplicas": 1},
            Health(
                Status.PROGRESSING,
                "Waiting for rollout to finish: 1 out of 2 new replicas have been updated...",
            ),
        ),
        (
            {"replicas": 3},
            Health(Status.PROGRESSING, "Waiting for rollout to finish: 1 old replicas are pending termination..."),
        ),
        (
            {"availableReplicas": 1},
            Health(Status.PROGRESSING, "Waiting for rollout to finish: 1 of 2 updated replicas are available..."),
        ),
        (
            {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]},
            Health(Status.DEGRADED, 'Deployment "web" exceeded its progress deadline'),
        ),
    ],
)
def test_a_rollout_is_told_with_its_numbers(status: dict[str, Any], health: Health) -> None:
    """A Deployment is healthy when all replicas are of the newest generation and available, and no old one is left."""
    assert health_of(deployment(**status)) == health


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (
            {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]},
            Health(Status.DEGRADED, "exceeded quota"),
        ),
        (
            {"availableReplicas": 1},
            Health(Status.PROGRESSING, "Waiting for rollout to finish: 1 out of 2 new replicas are available..."),
        ),
        ({}, Health(Status.HEALTHY)),
    ],
)
def test_a_replica_set_that_cannot_make_pods_is_degraded(status: dict[str, Any], health: Health) -> None:
    """A ReplicaSet is judged by what keeps it from making Pods, and then by how many are available."""
    assert health_of({**deployment(**status), "kind": "ReplicaSet"}) == health


def test_what_is_being_deleted_is_in_progress() -> None:
    """Whatever its kind and state, an object that goes is in progress, and what holds it is named."""
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z", "name": "x"}
    held = {**going, "finalizers": ["a.example.com/one", "b.example.com/two"]}
    hook = {**going, "finalizers": ["argocd.argoproj.io/hook-finalizer"]}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap"}
    blocked = "Pending deletion; blocked by finalizers: a.example.com/one, b.example.com/two"
    assert [
        health_of({**config_map, "metadata": going}),
        health_of({**config_map, "metadata": held}),
        health_of({**config_map, "metadata": hook}),
        health_of({**deployment(), "metadata": {**held, "generation": 3}}),
    ] == [
        Health(Status.PROGRESSING, "Pending deletion"),
        Health(Status.PROGRESSING, blocked),
        None,
        Health(Status.PROGRESSING, blocked),
    ]


def test_a_version_that_argo_cd_cannot_read_is_unknown() -> None:
    """A built-in kind of another version is Unknown, never healthy."""
    assert health_of({**deployment(), "apiVersion": "apps/v1beta1"}) == Health(
        Status.UNKNOWN, "unsupported Deployment GVK: apps/v1beta1, Kind=Deployment"
    )


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(Status))))
def test_the_worst_of_several_is_one_of_them_and_none_is_worse(statuses: list[Status]) -> None:
    """Adding up health codes yields the one that stands last in Argo CD's order, and Healthy for nothing."""
    found = worst(statuses)
    assert found in [*statuses, Status.HEALTHY]
    assert [each for each in statuses if worst([found, each]) is not found] == []
