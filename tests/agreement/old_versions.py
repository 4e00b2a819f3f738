"""Pairs of API versions that clusters once served, and a few that they serve only when asked to."""

from __future__ import annotations

import copy
import json
import random
from functools import cache

from driftgate.facts import load_types
from tests.agreement.kinds import Json, kubernetes_schema
from tests.agreement.pairs import LAST_APPLIED, Pair, drawn_pair
from tests.agreement.rules import Setup

#: Kinds that moved to another group.
MOVED = {
    ("apps", "DaemonSet"): ("extensions/v1beta1",),
    ("apps", "Deployment"): ("extensions/v1beta1",),
    ("apps", "ReplicaSet"): ("extensions/v1beta1",),
    ("networking.k8s.io", "Ingress"): ("extensions/v1beta1",),
    ("networking.k8s.io", "NetworkPolicy"): ("extensions/v1beta1",),
}


@cache
def old_versions() -> dict[str, tuple[str, ...]]:
    """The other versions that Argo CD's code has types of, by the `apiVersion/kind` that is served."""
    known: dict[tuple[str, str], tuple[str, ...]] = dict(MOVED)
    for name in load_types()["kinds"]:
        version, _, kind = name.rpartition("/")
        key = (version.rpartition("/")[0], kind)
        known[key] = (*known.get(key, ()), version)
    found = {}
    for name in kubernetes_schema().kinds:
        version, _, kind = name.rpartition("/")
        others = tuple(each for each in known.get((version.rpartition("/")[0], kind), ()) if each != version)
        if others and version.endswith("/v1"):
            found[name] = others
    return found


def drawn_old_pair(number: int) -> Pair:
    """The pair of a number: one that is drawn of the served version, and says another everywhere."""
    chance = random.Random(number)
    name = chance.choice(sorted(old_versions()))
    pair = drawn_pair(number, kubernetes_schema(), lambda state: state, name)
    version = chance.choice(old_versions()[name])
    states = [None if state is None else _of_version(state, version) for state in (pair.desired, pair.live)]
    # What a manager owns takes the types of the cluster, and which of these versions it serves is its own affair.
    rules = tuple(rule for rule in pair.setup.ignore_differences if "managedFieldsManagers" not in rule)
    settings = {key: text for key, text in pair.setup.settings.items() if "managedFieldsManagers" not in text}
    return Pair(states[0], states[1], Setup(rules, settings))


def _of_version(state: Json, version: str) -> Json:
    state = {**copy.deepcopy(state), "apiVersion": version}
    metadata = state.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict) and LAST_APPLIED in annotations:
        try:
            applied = json.loads(annotations[LAST_APPLIED])
        except ValueError:
            return state
        if isinstance(applied, dict):
            annotations[LAST_APPLIED] = json.dumps({**applied, "apiVersion": version})
    return state
