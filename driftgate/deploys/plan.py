"""What a deploy will change: the differences between Git and the cluster that delivering does away with."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from driftgate.compare import Verdict
from driftgate.drift.changes import Changes
from driftgate.drift.consequences import Consequence
from driftgate.drift.owners import Writer, writers
from driftgate.drift.pairing import LiveEnvironment, Pair
from driftgate.model.environment import Environment
from driftgate.model.outcome import Finding

__all__ = ["Action", "Planned", "Told", "plan_of", "told_of"]

#: What becomes of a difference where it is gone after the deploy.
_DONE_BY_DEPLOY = frozenset(
    {
        Consequence.SELF_HEAL,
        Consequence.NEXT_SYNC,
        Consequence.NEXT_UPGRADE,
        Consequence.PRUNED,
        Consequence.CREATED,
    }
)


class Action(StrEnum):
    """What is done to an object."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


_ACTIONS = {Verdict.MISSING: Action.CREATE, Verdict.CHANGED: Action.CHANGE, Verdict.EXTRA: Action.DELETE}


@dataclass(frozen=True, slots=True)
class Told:
    """One difference as the finding that tells it: its key, what becomes of it, and who made it, newest first."""

    key: str
    pair: Pair
    field: str
    consequence: Consequence
    writers: tuple[Writer, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing that a deploy will do; `key` is that of the finding which is open until it is done.

    `application` is the label of an Application, `object` group/Kind/namespace/name, and `field` a path, empty for an
    object as a whole.
    """

    key: str
    action: Action
    application: str
    object: str
    field: str = ""


def plan_of(told: Collection[Told], findings: Collection[Finding]) -> tuple[Planned, ...]:
    """What a deploy does, in the order of the findings; those that it leaves as they are, or fails over, are none."""
    by_key = {one.key: one for one in told}
    planned = []
    for finding in findings:
        one = by_key.get(finding.key)
        if one is not None and one.consequence in _DONE_BY_DEPLOY:
            action = _ACTIONS[one.pair.verdict]
            planned.append(Planned(finding.key, action, finding.application, one.pair.object_id, one.field))
    return tuple(dict.fromkeys(planned))


def told_of(environment: Environment, live: LiveEnvironment, *, prune_on_application: bool) -> tuple[Told, ...]:
    """Every difference by the key under which the checks tell it."""
    labels = {loaded.application.name: loaded.label for loaded in environment.applications}
    return tuple(_told(environment, live, labels, prune_on_application=prune_on_application))


def _told(
    environment: Environment, live: LiveEnvironment, labels: Mapping[str, str], *, prune_on_application: bool
) -> Iterator[Told]:
    for label, deployed in live.applications.items():
        loaded = environment.find(label)
        assert loaded is not None
        changes = Changes.of(deployed, loaded.application, prune_on_application=prune_on_application)
        for change in changes.drifted():
            key = _key(change.pair, label, labels, "drifted-field", "live-application-changed", change.field)
            yield Told(key, change.pair, change.field, change.fate.consequence, change.writers)
        for change in changes.added():
            key = _key(change.pair, label, labels, "added-field", "live-application-changed", change.field)
            yield Told(key, change.pair, change.field, change.fate.consequence, change.writers)
        for pair in changes.with_verdict(Verdict.MISSING):
            key = _key(pair, label, labels, "missing-object", "live-application-missing", "")
            yield Told(key, pair, "", changes.fate_of(pair).consequence, ())
        for pair in changes.with_verdict(Verdict.EXTRA):
            assert pair.live is not None
            key = Finding.key_of("extra-object", label, pair.object_id, "")
            yield Told(key, pair, "", changes.fate_of(pair).consequence, writers(pair.live, ()))


def _key(pair: Pair, label: str, labels: Mapping[str, str], check: str, of_applications: str, field: str) -> str:
    """The key of the finding; an Application is told of under its own label, whoever renders it."""
    manifest = pair.manifest
    if manifest is not None and manifest.is_application:
        return Finding.key_of(of_applications, labels.get(manifest.name, label), "", field)
    return Finding.key_of(check, label, pair.object_id, field)
