"""The objects of a sync, drawn from a number, and the order in which both apply them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from driftgate.semantics.hooks import SYNC_HOOK_TYPES
from driftgate.semantics.sync_waves import KIND_ORDER, kind_rank, sync_turns
from tests.agreement.kinds import Json
from tests.oracle import Oracle

NAMESPACE = "shop"
_GROUPS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "Job": "batch/v1", "Ingress": "networking.k8s.io/v1"}
_KINDS = (*KIND_ORDER, "ConfigMap", "Deployment", "Job", "Job", "Widget", "Gadget")
WAVES = ("0", "1", "-1", "5", "-2147483648", "+1", " 1", "1.0", "x", "", "0x1", "1_000", "01", "9223372036854775808")
HOOKS = (
    *("PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreSync,PostSync", " PreSync , Sync ", "Nonsense", ""),
    *("PreDelete", "PostDelete", "PreSync,PostDelete", "Skip,Sync", "presync", "PreSync,,Skip", "PostSync,Nonsense"),
)
HELM_HOOKS = (
    *("pre-install", "post-install", "pre-upgrade,post-upgrade", "pre-install,pre-upgrade", "test", "crd-install"),
    *("pre-delete", "post-delete", "pre-rollback", "pre-install,test", "nonsense", "", "crd-install,pre-install"),
)


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """An object in the order of a sync: where it stands, before what tells it from others."""

    phase: int
    wave: int
    rank: int
    name: str
    kind: str


def drawn_objects(number: int) -> list[Json]:
    """The objects of a number, each with a name of its own; none is in a Namespace, or of a CRD, among them."""
    chance = random.Random(number)
    return [_object(chance, index) for index in range(chance.randint(2, 9))]


def _object(chance: random.Random, index: int) -> Json:
    kind = chance.choice(_KINDS)
    annotations: dict[str, str] = {}
    if chance.random() < 0.6:
        annotations["argocd.argoproj.io/sync-wave"] = chance.choice(WAVES)
    if chance.random() < 0.2:
        annotations["helm.sh/hook-weight"] = chance.choice(WAVES)
    if chance.random() < 0.25:
        annotations["argocd.argoproj.io/hook"] = chance.choice(HOOKS)
    if chance.random() < 0.2:
        annotations["helm.sh/hook"] = chance.choice(HELM_HOOKS)
    version = _GROUPS.get(kind, "acme.test/v1" if kind in ("Widget", "Gadget") else "v1")
    name = f"{chance.choice('abc')}{index}"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "annotations": annotations}}


def ordered_here(objects: list[Json]) -> list[Step]:
    """The order by driftgate's rules: phase, wave, kind, name."""
    return sorted(step for each in objects for step in _steps(each))


def _steps(value: Json) -> Iterator[Step]:
    for phase, wave in sync_turns(value["metadata"]["annotations"]):
        yield Step(phase, wave, kind_rank(value["kind"]), value["metadata"]["name"], value["kind"])


def ordered_there(objects: list[Json], oracle: Oracle) -> list[Step]:
    """The order by Argo CD's code, without what it would apply only after a failure."""
    namespaced = {f"{_group(each)}/{each['kind']}": True for each in objects}
    answer = oracle.ask("order", objects=objects, namespace=NAMESPACE, namespaced=namespaced)
    assert not answer.failed, answer.error or answer.panic
    phases = {phase: number for number, phase in enumerate(SYNC_HOOK_TYPES)}
    return [
        Step(phases[each["phase"]], each["wave"], kind_rank(each["kind"]), each["name"], each["kind"])
        for each in answer.value
        if each["phase"] != "SyncFail"
    ]


def _group(value: Json) -> str:
    version: str = value["apiVersion"]
    return version.rpartition("/")[0]
