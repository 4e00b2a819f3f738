from __future__ import annotations

import pytest

from driftgate.semantics.sync_waves import (
    APPLICATION_HEALTH_KEY,
    DEFAULT_SOURCE,
    HOOK_WEIGHT_ANNOTATION,
    KIND_ORDER,
    SYNC_WAVE_ANNOTATION,
    judges_applications,
    kind_rank,
    sync_turns,
    sync_wave,
)


@pytest.mark.parametrize(
    ("annotations", "wave", "source"),
    [
        ({}, 0, DEFAULT_SOURCE),
        ({SYNC_WAVE_ANNOTATION: "10"}, 10, SYNC_WAVE_ANNOTATION),
        ({SYNC_WAVE_ANNOTATION: "-1"}, -1, SYNC_WAVE_ANNOTATION),
        ({SYNC_WAVE_ANNOTATION: "+2"}, 2, SYNC_WAVE_ANNOTATION),
        ({SYNC_WAVE_ANNOTATION: "007"}, 7, SYNC_WAVE_ANNOTATION),
        ({SYNC_WAVE_ANNOTATION: "0", HOOK_WEIGHT_ANNOTATION: "3"}, 0, SYNC_WAVE_ANNOTATION),
        ({SYNC_WAVE_ANNOTATION: "1.5"}, 0, DEFAULT_SOURCE),
        ({SYNC_WAVE_ANNOTATION: " 1"}, 0, DEFAULT_SOURCE),
        ({SYNC_WAVE_ANNOTATION: ""}, 0, DEFAULT_SOURCE),
        ({SYNC_WAVE_ANNOTATION: "two", HOOK_WEIGHT_ANNOTATION: "3"}, 3, HOOK_WEIGHT_ANNOTATION),
        ({SYNC_WAVE_ANNOTATION: "two", HOOK_WEIGHT_ANNOTATION: "three"}, 0, DEFAULT_SOURCE),
        ({HOOK_WEIGHT_ANNOTATION: "-5"}, -5, HOOK_WEIGHT_ANNOTATION),
        ({SYNC_WAVE_ANNOTATION: 5}, 0, DEFAULT_SOURCE),
        ({SYNC_WAVE_ANNOTATION: None, HOOK_WEIGHT_ANNOTATION: "1"}, 1, HOOK_WEIGHT_ANNOTATION),
    ],
)
def test_sync_wave(annotations: dict[str, object], wave: int, source: str) -> None:
    """The wave in force comes from the first annotation that holds a Go integer."""
    assert sync_wave(annotations) == (wave, source)


def test_kinds_in_order() -> None:
    """Namespaces come before configuration, workloads after it, custom resources last of all."""
    kinds = [
        "Widget",
        "Ingress",
        "Deployment",
        "CustomResourceDefinition",
        "Secret",
        "APIService",
        "Namespace",
    ]
    assert sorted(kinds, key=kind_rank) == [
        "Namespace",
        "Secret",
        "CustomResourceDefinition",
        "Deployment",
        "Ingress",
        "APIService",
        "Widget",
    ]


def test_every_kind_has_a_rank_of_its_own() -> None:
    """The list names each kind once; whatever it does not name shares the last rank, in any spelling."""
    assert [kind_rank(kind) for kind in KIND_ORDER] == list(range(len(KIND_ORDER)))
    assert kind_rank("namespace") == kind_rank("Certificate") == len(KIND_ORDER)


@pytest.mark.parametrize(
    ("annotations", "turns"),
    [
        ({}, [(1, 0)]),
        ({SYNC_WAVE_ANNOTATION: "-3"}, [(1, -3)]),
        ({"argocd.argoproj.io/hook": "PreSync", SYNC_WAVE_ANNOTATION: "2"}, [(0, 2)]),
        ({"argocd.argoproj.io/hook": "PostSync,PreSync"}, [(0, 0), (2, 0)]),
        ({"helm.sh/hook": "pre-upgrade", "helm.sh/hook-weight": "-5"}, [(0, -5)]),
        ({"argocd.argoproj.io/hook": "SyncFail"}, []),
        ({"argocd.argoproj.io/hook": "PostDelete"}, []),
        ({"argocd.argoproj.io/hook": "Skip"}, []),
        ({"helm.sh/hook": "test"}, []),
    ],
)
def test_an_object_has_a_turn_in_every_phase_that_applies_it(
    annotations: dict[str, object], turns: list[tuple[int, int]]
) -> None:
    """Phase and wave of each turn in a sync that succeeds; what none applies has no turn."""
    assert sync_turns(annotations) == turns


@pytest.mark.parametrize(
    ("key", "text", "judges"),
    [
        (APPLICATION_HEALTH_KEY, "return {}", True),
        (APPLICATION_HEALTH_KEY, "  \n", False),
        ("resource.customizations.health.argoproj.io_*", "return {}", True),
        ("resource.customizations.health.argoproj.io_AppProject", "return {}", False),
        ("resource.customizations", "argoproj.io/Application:\n  health.lua: |\n    return {}\n", True),
        ("resource.customizations", "argoproj.io/Application:\n  ignoreDifferences: |\n    {}\n", False),
    ],
)
def test_a_health_check_of_applications_is_known_by_name_pattern_or_block(key: str, text: str, judges: bool) -> None:
    """Only an entry of argocd-cm that says something of Applications' health makes waves wait for them."""
    assert judges_applications(key, text) is judges
