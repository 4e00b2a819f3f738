"""Pairs of a desired and a live object as repositories and clusters have them, each made from a number alone."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.agreement.changes import Changes
from tests.agreement.customs import CUSTOM_RESOURCES
from tests.agreement.kinds import OTHER_VERSIONS, WEIGHTS, Json, Kind, Schema, Values
from tests.agreement.managed import managed_fields
from tests.agreement.rules import Setup, drawn_setup

TRACKING = "argocd.argoproj.io/tracking-id"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
INSTANCE = "app.kubernetes.io/instance"
CUSTOM_SHARE = 0.16

#: What a desired object may say of its own comparison, well or badly.
OPTIONS = (
    ("argocd.argoproj.io/ignore-differences", "jsonPointers: [/spec/replicas, /data]"),
    (
        "argocd.argoproj.io/ignore-differences",
        "jsonPointers:\n- /spec/template/spec/containers/0\n- /metadata/labels\n",
    ),
    ("argocd.argoproj.io/ignore-differences", '{"jsonPointers": ["/spec", ""], "jqPathExpressions": [".data"]}'),
    ("argocd.argoproj.io/ignore-differences", "- jsonPointers: [/spec]"),
    ("argocd.argoproj.io/ignore-differences", "jsonPointers: [/spec, 1]"),
    ("argocd.argoproj.io/ignore-differences", "jsonPointers: ["),
    ("argocd.argoproj.io/ignore-differences", ""),
    # Without a server-side comparison of the whole Application it changes nothing.
    ("argocd.argoproj.io/sync-options", "ServerSideApply=true"),
    ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
    ("argocd.argoproj.io/hook", "PreSync"),
    ("argocd.argoproj.io/hook", "Skip"),
    ("helm.sh/hook", "test"),
)

#: Gives an object with what the API server would fill in.
Defaulted = Callable[[Json], Json]


@dataclass(frozen=True, slots=True)
class Pair:
    """One comparison to make: two objects, one of which may be missing, and what decides about them.

    The objects of a Secret are made up here, but they are kept out of the representation like all others.
    """

    desired: Json | None = field(repr=False)
    live: Json | None = field(repr=False)
    setup: Setup = field(default_factory=Setup)

    def document(self) -> Json:
        """The pair as JSON, as a row of a regression test has it."""
        return {
            "desired": self.desired,
            "live": self.live,
            "ignoreDifferences": list(self.setup.ignore_differences),
            "settings": dict(self.setup.settings),
        }

    @classmethod
    def of(cls, document: Json) -> Pair:
        """The pair of a row."""
        setup = Setup(tuple(document["ignoreDifferences"]), document["settings"])
        return cls(document["desired"], document["live"], setup)


def drawn_pair(number: int, schema: Schema, defaulted: Defaulted, kind: str = "") -> Pair:
    """The pair of a number: the same one every time; of any kind, or of the one that is named `apiVersion/kind`."""
    return _Drawing(random.Random(number), schema, defaulted, kind).pair()


@dataclass(frozen=True, slots=True)
class _Drawing:
    chance: random.Random
    schema: Schema
    defaulted: Defaulted
    only: str = ""

    def pair(self) -> Pair:
        kind, desired = self._written()
        changes = Changes(self.chance, self.schema, kind)
        if self.chance.random() < 0.2:
            desired = changes.changed(desired, self.chance.choice((1, 1, 2)))
        live = self._in_cluster(kind, desired, changes)
        desired = self._tracked(desired, self.chance.choice(("shop", "shop", "shop", "")))
        if self.chance.random() < 0.06:
            _annotate(desired, *self.chance.choice(OPTIONS))
        setup = drawn_setup(self.chance, desired, live)
        match self.chance.randrange(40):
            case 0:
                return Pair(None, live, setup)
            case 1:
                return Pair(desired, None, setup)
        return Pair(desired, live, setup)

    def _written(self) -> tuple[Kind, Json]:
        if self.only:
            kind = self.schema.kinds[self.only]
            return kind, Values(self.chance, self.schema).object(kind)
        if self.chance.random() < CUSTOM_SHARE:
            drawn = copy.deepcopy(self.chance.choice(CUSTOM_RESOURCES))
            return Kind(drawn["apiVersion"], drawn["kind"], ""), drawn
        name = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        kind = self.schema.kinds[name if self.chance.random() < 0.94 else self.chance.choice(self.schema.stored())]
        drawn = Values(self.chance, self.schema).object(kind)
        if kind.kind in OTHER_VERSIONS and self.chance.random() < 0.05:
            drawn["apiVersion"] = self.chance.choice(OTHER_VERSIONS[kind.kind])
        if kind.kind == "Secret" and not kind.group and self.chance.random() < 0.4:
            drawn["stringData"] = {"password": self.chance.choice(("x", "", "y")), "app": "secret"}
        return kind, drawn

    def _in_cluster(self, kind: Kind, desired: Json, changes: Changes) -> Json:
        """What has become of an object since it was applied, perhaps from an earlier commit."""
        applied = changes.changed(desired, self.chance.choice((0, 0, 0, 0, 1, 2)))
        live = copy.deepcopy(applied)
        if self.chance.random() < 0.5:
            live = self.defaulted(live)
        live = changes.changed(live, self.chance.choice((0, 0, 0, 1, 1, 2, 4)))
        live = self._tracked(live, self.chance.choice(("shop", "shop", "shop", "shop", "other", "")))
        self._recorded(kind, live)
        if self.chance.random() < 0.35:
            _annotate(live, LAST_APPLIED, self._last_applied(applied, changes))
        return live

    def _last_applied(self, applied: Json, changes: Changes) -> str:
        match self.chance.randrange(25):
            case 0:
                return self.chance.choice(
                    ("", "null", "{", "[]", "{}", "text", '{"kind": "Other", "apiVersion": "v1"}')
                )
            case 1 | 2 | 3:
                return json.dumps(changes.changed(applied, 1))
            case 4:
                return json.dumps(self._tracked(applied, "shop"))
            case 6 | 7 if isinstance(applied.get("metadata"), dict):
                return json.dumps(
                    {**applied, "metadata": {"namespace": "shop", "annotations": {}, **applied["metadata"]}}
                )
            case 5 if applied.get("kind") in OTHER_VERSIONS:
                return json.dumps({**applied, "apiVersion": self.chance.choice(OTHER_VERSIONS[applied["kind"]])})
        return json.dumps(applied)

    def _tracked(self, state: Json, application: str) -> Json:
        """A copy that says to which Application it belongs, by annotation, by label or by both."""
        state = copy.deepcopy(state)
        metadata = state.get("metadata")
        if not application or not isinstance(metadata, dict) or self.chance.random() < 0.3:
            return state
        group = str(state.get("apiVersion", "")).rpartition("/")[0]
        place = f"{metadata.get('namespace', 'shop')}/{metadata.get('name')}"
        if self.chance.random() < 0.8:
            _annotate(state, TRACKING, f"{application}:{group}/{state.get('kind')}:{place}")
        if self.chance.random() < 0.3:
            _put(state, "labels", self.chance.choice((INSTANCE, INSTANCE, "acme.test/app")), application)
        return state

    def _recorded(self, kind: Kind, live: Json) -> None:
        """Put on a live object what only an API server writes."""
        metadata = live.get("metadata")
        if not isinstance(metadata, dict):
            return
        metadata |= {"uid": "6c4d0c2e-6f52-4f0e-9d31-0a3b5c1f7e11", "resourceVersion": "4711"}
        metadata |= {"creationTimestamp": "2026-03-01T10:00:00Z", "generation": 3}
        if self.chance.random() < 0.5:
            metadata.setdefault("namespace", "shop")
        node = self.schema.at(kind, ("status",))
        if self.chance.random() < 0.5:
            values = Values(self.chance, self.schema)
            live["status"] = values.value(node, "status", 3) if node else {"phase": "Ready"}
        if self.chance.random() < 0.5:
            owned = {key: value for key, value in live.items() if key != "status"}
            metadata["managedFields"] = managed_fields(self.chance, self.schema, kind, owned)


def _annotate(state: Json, key: str, value: str) -> None:
    _put(state, "annotations", key, value)


def _put(state: Json, name: str, key: str, value: Any) -> None:
    metadata = state.get("metadata")
    if not isinstance(metadata, dict):
        return
    if not isinstance(metadata.get(name), dict):
        metadata[name] = {}
    metadata[name][key] = value
