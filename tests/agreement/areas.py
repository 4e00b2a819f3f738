"""What is compared besides pairs: each area gives a number a row of the page and an outcome."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Mapping

from tests.agreement.applications import disagreement, drawn_refresh
from tests.agreement.figures import Run, tree_versions
from tests.agreement.healths import drawn_object, judged_health
from tests.agreement.known_words import DIFFERENT
from tests.agreement.old_versions import drawn_old_pair
from tests.agreement.orders import drawn_objects, ordered_here, ordered_there
from tests.agreement.verdicts import judged
from tests.oracle import Oracle

#: The row of a number, and how it came out.
Counted = tuple[str, str]


def _application(number: int, oracle: Oracle) -> Counted:
    refresh = drawn_refresh(number)
    reason = disagreement(refresh, oracle)
    return f"Tracking: {refresh.rules.tracking.method.value}", f"{DIFFERENT}: {reason}" if reason else "same"


def _health(number: int, oracle: Oracle) -> Counted:
    value = drawn_object(number)
    outcome = judged_health(value, oracle)
    group = value["apiVersion"].rpartition("/")[0]
    return _OWNERS.get(group.removeprefix("acme."), "Kubernetes' own kinds"), _counted(
        outcome.name, outcome.disagreement
    )


_OWNERS = {
    "cert-manager.io": "cert-manager",
    "external-secrets.io": "External Secrets",
    "argoproj.io": "Argo CD's own kinds",
}


def _order(number: int, oracle: Oracle) -> Counted:
    objects = drawn_objects(number)
    hooks = any({"argocd.argoproj.io/hook", "helm.sh/hook"} & set(each["metadata"]["annotations"]) for each in objects)
    same = ordered_here(objects) == ordered_there(objects, oracle)
    return "With hooks" if hooks else "Waves, kinds and names", "same" if same else DIFFERENT


def _old(number: int, oracle: Oracle) -> Counted:
    pair = drawn_old_pair(number)
    outcome = judged(pair, oracle)
    version = str((pair.desired or pair.live or {})["apiVersion"])
    return version.rpartition("/")[0], _counted(outcome.name, outcome.disagreement)


def _counted(name: str, reason: str) -> str:
    return f"{DIFFERENT}: {name}" if reason else name


AREAS: Mapping[str, Callable[[int, Oracle], Counted]] = {
    "applications": _application,
    "health": _health,
    "order": _order,
    "old-versions": _old,
}


def run_area(area: str, first: int, count: int, oracle: Oracle) -> Run:
    """Compare the numbers of an area."""
    began = time.monotonic()
    rows: dict[str, collections.Counter[str]] = {}
    for number in range(first, first + count):
        row, outcome = AREAS[area](number, oracle)
        rows.setdefault(row, collections.Counter())[outcome] += 1
    command = f"python -m tests.agreement --area {area} --pairs {count} --first {first}"
    ordered = {row: dict(rows[row].most_common()) for row in sorted(rows)}
    return Run(command, first, count, round(time.monotonic() - began), tree_versions(), ordered)
