"""Hooks, waves and the order of a sync: driftgate applies objects in the order in which Argo CD applies them."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping

from driftgate.semantics.hooks import SYNC_HOOK_TYPES
from driftgate.semantics.sync_waves import sync_turns
from tests.agreement.orders import drawn_objects, ordered_here, ordered_there
from tests.oracle import Oracle

SYNCS = 600


def test_driftgate_orders_a_sync_as_argo_cd_does(oracle: Oracle, tallied: Callable[[Mapping[str, int]], None]) -> None:
    """Every object has the same phases and waves, hooks and ignored ones as well, and stands at the same place."""
    different = []
    phases: collections.Counter[str] = collections.Counter()
    for number in range(SYNCS):
        objects = drawn_objects(number)
        ours = ordered_here(objects)
        if ours != ordered_there(objects, oracle):
            different.append(number)
        phases.update({f"a sync with {SYNC_HOOK_TYPES[step.phase]}" for step in ours} or {"a sync of nothing"})
    tallied({"order of a sync": SYNCS})

    assert different == []
    assert min(phases[f"a sync with {phase}"] for phase in ("PreSync", "Sync", "PostSync")) > 100


def test_a_namespace_moves_up_to_what_is_inside(oracle: Oracle) -> None:
    """Argo CD applies a Namespace and a CRD no later than the first object that needs it; driftgate leaves its wave."""
    late = {"argocd.argoproj.io/sync-wave": "5"}
    definition = {"group": "acme.test", "names": {"kind": "Widget"}}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stock", "annotations": late}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "stock"}},
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.acme.test", "annotations": late},
            "spec": definition,
        },
        {"apiVersion": "acme.test/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "stock"}},
    ]
    steps = ordered_there(objects, oracle)

    assert [(step.kind, step.wave) for step in steps] == [
        ("Namespace", 0),
        ("ConfigMap", 0),
        ("CustomResourceDefinition", 0),
        ("Widget", 0),
    ]
    assert sync_turns(late) == [(SYNC_HOOK_TYPES.index("Sync"), 5)]
