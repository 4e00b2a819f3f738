"""Each difference of an Application in a person's words: what it is, who made it, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from driftgate.compare import ABSENT, Difference, IgnoreRule, Step, Verdict
from driftgate.compare.values import Json
from driftgate.credentials import spot
from driftgate.drift.additions import Addition, additions
from driftgate.drift.consequences import Delivery, Fate, fate, is_reordered
from driftgate.drift.masking import is_credential
from driftgate.drift.owners import Writer, value_at, writers
from driftgate.drift.pairing import LiveApplication, Pair
from driftgate.drift.state import is_masked
from driftgate.model.application import Application
from driftgate.model.manifest import Manifest
from driftgate.model.node import Node, Path
from driftgate.model.outcome import DriftFacts
from driftgate.model.secret import SecretValue
from driftgate.semantics.secret_names import may_be_literal, sounds_secret

__all__ = [
    "Change",
    "Changes",
    "delivery_of",
    "facts_of",
    "first_leaf",
    "made",
    "manifest_path",
    "shown",
    "told",
    "written",
]

_HIDDEN = "<hidden: it may be a credential>"
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one object that is not as Git has it.

    `desired` and `live` are the values, `ABSENT` for none. `ignored_by` is the rule that looks away.
    """

    pair: Pair
    path: tuple[Step, ...]
    field: str
    desired: Any
    live: Any
    fate: Fate
    writers: tuple[Writer, ...]
    ignored_by: IgnoreRule | None = None

    @property
    def why(self) -> str:
        """What becomes of it, and the setting that decides."""
        return told(self.fate)

    @property
    def facts(self) -> DriftFacts:
        """The same in parts."""
        last = self.writers[0] if self.writers else None
        return facts_of(self._live, self.expected, last, self.fate)

    @property
    def is_masked(self) -> bool:
        """Whether a recording does not hold the live value, so that nobody knows whether it differs."""
        return is_masked(self.live)

    @property
    def found(self) -> str:
        """The live value, and who wrote it when."""
        if self.live is ABSENT:
            return f"{self._live}{written(self.writers, 'made so')}"
        if is_reordered(self.live, self.desired):
            return f"{self._live}: the same in another order, which leaves no name"
        return f"{self._live}{written(self.writers, 'written')}"

    @property
    def _live(self) -> str:
        if self.live is ABSENT:
            return "not there"
        if isinstance(self.live, SecretValue):
            return "another secret value"
        return shown(self.live, self.path, value_at(self.pair.live, self.path[:-1]))

    @property
    def expected(self) -> str:
        """The desired value."""
        if isinstance(self.desired, SecretValue):
            return "the secret value that Git has"
        if self.is_masked:  # what was too much of a secret to be recorded is not told from Git either
            return "the value that Git has"
        around = value_at(self.pair.desired, self.path[:-1])
        return "no such field" if self.desired is ABSENT else shown(self.desired, self.path, around)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is told of the differences of one Application."""

    deployed: LiveApplication
    delivery: Delivery

    @classmethod
    def of(cls, deployed: LiveApplication, application: Application, *, prune_on_application: bool) -> Changes:
        """Those of an Application; `prune_on_application` says whether its Argo CD reads Prune there."""
        return cls(deployed, delivery_of(deployed, application, prune_on_application=prune_on_application))

    def with_verdict(self, *verdicts: Verdict) -> Iterator[Pair]:
        """The objects that came to one of these verdicts."""
        return (pair for pair in self.deployed.pairs if pair.verdict in verdicts)

    def drifted(self) -> Iterator[Change]:
        """The fields that Argo CD, or helm's next upgrade, sees as changed."""
        for pair in self.with_verdict(Verdict.CHANGED):
            yield from (self._change(pair, one) for one in pair.comparison.differences)

    def ignored(self) -> Iterator[Change]:
        """The fields that differ where a rule looks away."""
        for pair in self.with_verdict(Verdict.IGNORED):
            yield from (self._change(pair, one) for one in pair.comparison.differences)

    def added(self) -> Iterator[Change]:
        """What somebody has added and the comparison does not see."""
        for pair in self.with_verdict(Verdict.CHANGED, Verdict.IN_SYNC, Verdict.IGNORED):
            assert pair.desired is not None
            assert pair.live is not None
            for one in additions(pair.desired, pair.live, self.deployed.rules):
                yield self._addition(pair, one)

    def why_of(self, pair: Pair) -> str:
        """What becomes of an object that is missing, or left over, and the setting that decides."""
        return told(self.fate_of(pair))

    def fate_of(self, pair: Pair) -> Fate:
        """What becomes of an object that is missing, or left over."""
        return fate(pair.comparison, pair.desired, pair.live, self.delivery)

    def _change(self, pair: Pair, one: Difference) -> Change:
        becomes = fate(one, pair.desired, pair.live, self.delivery)
        # Argo CD drops a `false` or 0 of Git's before it compares; whoever reads the finding has it before his eyes.
        desired = value_at(pair.desired, one.path) if one.desired is ABSENT else one.desired
        return Change(pair, one.path, one.field, desired, one.live, becomes, _by(pair, one.path), one.ignored_by)

    def _addition(self, pair: Pair, one: Addition) -> Change:
        becomes = fate(one, pair.desired, pair.live, self.delivery)
        return Change(pair, one.path, one.field, one.desired, one.live, becomes, one.writers)


def delivery_of(deployed: LiveApplication, application: Application, *, prune_on_application: bool) -> Delivery:
    """How the objects of an Application are delivered: what acts is the live Application, where there is one."""
    live = deployed.application
    acting = application if live is None else Application.from_manifest(Node.from_plain(dict(live), ""))
    return Delivery(deployed.deliverer, acting, live, prune_on_application)


def facts_of(live: str, desired: str, last: Writer | None, becomes: Fate) -> DriftFacts:
    """The parts of a difference of which a person knows the two sides; `last` is who wrote it."""
    consequence = becomes.consequence.value
    if last is None:
        return DriftFacts(live, desired, consequence=consequence)
    by = f"{last.manager} ({last.subresource})" if last.subresource else last.manager
    time = f"{last.time:%Y-%m-%dT%H:%M:%SZ}" if last.time is not None else ""
    return DriftFacts(live, desired, by, last.kind.value, time, consequence)


def told(becomes: Fate) -> str:
    """What becomes of a difference, and why."""
    consequence = becomes.consequence.value
    return f"{consequence[:1].upper()}{consequence[1:]}. {becomes.why}"


def _by(pair: Pair, path: tuple[Step, ...]) -> tuple[Writer, ...]:
    return writers(pair.live, path) if pair.live is not None else ()


def written(by: tuple[Writer, ...], what: str) -> str:
    """Who wrote something and when, the last one: `, written by kubectl-edit at 2026-02-03 04:05:06 UTC`."""
    if not by:
        return ""
    last = by[0]
    part = f" ({last.subresource})" if last.subresource else ""
    at = f" at {last.time:%Y-%m-%d %H:%M:%S} UTC" if last.time is not None else ""
    return f", {what} by {last.manager}{part}{at}"


def shown(value: Any, path: tuple[Step, ...], around: Any = None) -> str:
    """A value of an object as it may be printed: nothing of a Secret, and nothing that may be a credential.

    `around` is the map in which it stands: what is called `value` there has its name beside it.
    """
    called = around.get("name") if isinstance(around, dict) else None
    if path[-1:] == ("value",) and isinstance(called, str):
        path = (*path[:-1], called)
    text = _text(_without_credentials(value, path))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    return json.dumps(value, ensure_ascii=False, default=str)


def _without_credentials(value: Any, path: tuple[Step, ...]) -> Any:
    """The value with whatever may be a credential left out: by its form, or by the name that it has."""
    if isinstance(value, dict):
        called = value.get("name")
        named = isinstance(called, str) and sounds_secret(called)
        return {
            key: _HIDDEN
            if named and key == "value" and may_be_literal(one)
            else _without_credentials(one, (*path, key))
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_without_credentials(one, path) for one in value]
    if isinstance(value, str) and value:
        is_named = any(sounds_secret(name) for name in _names(path)) and may_be_literal(value)
        name = path[-1] if path and isinstance(path[-1], str) else ""
        by_form = is_credential(name, value) or spot(value.encode("utf-8", "surrogatepass"), script=True)
        return _HIDDEN if is_named or by_form else value
    return value


def _names(path: tuple[Step, ...]) -> Iterator[str]:
    """What a value is called by: its own key, or the name of the element around it."""
    for step in path[-2:]:
        name = step[1] if isinstance(step, tuple) else step
        if isinstance(name, str):
            yield name


def manifest_path(manifest: Manifest, path: tuple[Step, ...]) -> tuple[Path, bool]:
    """A path of a difference in the rendered object, as far as it goes there, and whether it goes all the way.

    The plain texts of a Secret's `stringData` come to the cluster as its `data`.
    """
    found: list[str | int] = []
    document: Any = manifest.object
    if path[:1] == ("data",) and manifest.kind == "Secret" and len(path) > 1:
        plain = document.get("stringData")
        if isinstance(plain, dict) and path[1] in plain:
            path = ("stringData", *path[1:])
    for step in path:
        index = _index(document, step)
        if index is None:
            return tuple(found), False
        found.append(index)
        document = document[index]
    return tuple(found), True


def _index(document: Any, step: Step) -> str | int | None:
    if isinstance(step, str):
        return step if isinstance(document, dict) and step in document else None
    if not isinstance(document, list):
        return None
    if isinstance(step, int):
        return step if 0 <= step < len(document) else None
    key, value = step
    return next((at for at, item in enumerate(document) if isinstance(item, dict) and item.get(key) == value), None)


def first_leaf(value: Any, path: Path) -> Path:
    """The path of the scalar below a value that says most of it: what is called `value`, else the first."""
    while isinstance(value, dict | list) and value:
        step: str | int = 0 if isinstance(value, list) else "value" if "value" in value else next(iter(value))
        value, path = value[step], (*path, step)  # type: ignore[index]
    return path


def made(live: Json) -> str:
    """Since when an object is there: `there since 2026-02-03 04:05:06 UTC`."""
    time = live["metadata"].get("creationTimestamp")
    return f"there since {time.replace('T', ' ').replace('Z', ' UTC')}" if isinstance(time, str) else "there"
