"""One pair on its way from two objects to what a sync would make of the live one.

Source: Argo CD `util/argo/diff/diff.go` (`StateDiffs`), `gitops-engine/pkg/diff/diff.go` (`Diff`, `ThreeWayDiff`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from driftgate.compare import json_merge, strategic_merge
from driftgate.compare.defaults import with_defaults
from driftgate.compare.go_types import Struct, kind_type
from driftgate.compare.ignore import NO_RULES, IgnoreRules, Path, annotated_rule, removals
from driftgate.compare.managed_fields import without_managed
from driftgate.compare.normalise import known_fields, normalised_kind
from driftgate.compare.objects import annotations_of, split_kind
from driftgate.compare.problems import CompareError
from driftgate.compare.remarshal import remarshalled
from driftgate.compare.result import Prediction, ProblemKind
from driftgate.compare.rules import IgnoreRule, Rules
from driftgate.compare.tracking import even_tracking
from driftgate.compare.values import Json, as_decoded, equal

__all__ = ["LAST_APPLIED", "Pair", "bare", "last_applied", "object_type", "run"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Pair:
    """What became of a pair, and what the rules took out of its objects on the way."""

    prediction: Prediction
    taken: tuple[tuple[IgnoreRule, Path], ...]


def run(desired: Json | None, live: Json | None, rules: Rules, ignore: IgnoreRules) -> Pair:
    """Predict what a sync would make of the live object; raises CompareError where that cannot be told.

    `ignore` are the rules to go by, which may be other than those of `rules`.
    """
    desired, live = as_decoded(desired), as_decoded(live)
    extra = annotated_rule(desired) if desired is not None and ignore is not NO_RULES else ()
    step = _Step(rules, ignore, extra, [])
    if desired is not None and live is not None:
        if rules.server_side:
            raise CompareError(ProblemKind.SERVER_SIDE, "Argo CD asks the API server what a sync would change")
        live = even_tracking(desired, live, rules.tracking)
        managers = ignore.managers(desired)
        if managers:
            live, desired, managed = without_managed(live, desired, managers)
            step.taken.extend((managers[manager], path) for manager, path in managed)
    target = step.prepared(desired, typed=True) if desired is not None else None
    current = step.prepared(live, typed=True) if live is not None else None
    if desired is None or live is None:
        prediction = Prediction(current, target, modified=live is None)
    elif target is None or current is None:
        prediction = _without_one(target, current, last_applied(live), object_type(desired))
    else:
        prediction = _predicted(target, current, step)
    return Pair(prediction, tuple(step.taken))


@dataclass(frozen=True, slots=True)
class _Step:
    """The normalisation that target, live and last-applied object go through alike."""

    rules: Rules
    ignore: IgnoreRules
    extra: tuple[IgnoreRule, ...]
    taken: list[tuple[IgnoreRule, Path]]

    def prepared(self, document: Json, *, typed: bool) -> Json | None:
        """The object as it is compared; None where a rule takes it out whole."""
        kind = object_type(document) if typed else None
        if kind is not None:
            document = remarshalled(document, kind)
        document = normalised_kind(document, ignore_aggregated_roles=self.rules.ignore_aggregated_roles)
        about = self.ignore.about(document, self.extra)
        if about:
            rest, taken = removals(document, about)
            self.taken.extend(taken)
            if rest is None:
                return None
            document = rest
        return known_fields(document, self.rules.known_types)


def object_type(document: Json) -> Struct | None:
    """The type of a built-in object; None for any other."""
    version, kind = document.get("apiVersion"), document.get("kind")
    return kind_type(version, kind) if isinstance(version, str) and isinstance(kind, str) else None


def _predicted(target: Json, live: Json, step: _Step) -> Prediction:
    applied = last_applied(live)
    if applied is not None:
        try:
            return _merged(_original(applied, step), target, live)
        except CompareError as error:
            # What Argo CD cannot merge with the last-applied object, it merges without; what we cannot do stays undone.
            if error.problem.kind is not ProblemKind.MERGE:
                raise
    return _merged(target, target, live)


def _original(applied: Json, step: _Step) -> Json:
    original = step.prepared(applied, typed=False)
    if original is None:
        raise CompareError(ProblemKind.JQ_UNSUPPORTED, "a rule takes out the whole last-applied object")
    return original


def _without_one(target: Json | None, current: Json | None, applied: Json | None, kind: Struct | None) -> Prediction:
    """The prediction where a rule takes out the whole desired object, the whole live one, or both.

    Without a desired object, and without a last-applied one, there is nothing to change.
    """
    if current is not None:
        if applied is not None:
            raise CompareError(ProblemKind.JQ_UNSUPPORTED, "a rule takes out the whole desired object")
        return Prediction(current, current, modified=False)
    # Only of a built-in kind a merge can begin with nothing, as long as something is desired.
    if kind is not None and target is not None:
        raise CompareError(ProblemKind.JQ_UNSUPPORTED, "a rule takes out the whole live object")
    raise CompareError(ProblemKind.MERGE, "a rule takes out the whole live object")


def last_applied(live: Json) -> Json | None:
    """The object in the last-applied annotation; None where there is none, or none that can be read."""
    text = annotations_of(live).get(LAST_APPLIED)
    if text is None:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kind = document.get("kind") if isinstance(document, dict) else None
    return document if isinstance(kind, str) and kind else None


def _merged(original: Json, target: Json, live: Json) -> Prediction:
    """The three-way merge; for a merge of two the original is the target."""
    kind = object_type(original)
    original, target = bare(original), bare(target)
    if kind is None:
        patch = json_merge.three_way_patch(original, target, json_merge.shared_fields(original, live))
        predicted = json_merge.merged(live, patch)
        return Prediction(live, predicted, not equal(predicted, live))
    current = _without_claim_defaults(original, live)
    patch = strategic_merge.three_way_patch(original, target, current, kind)
    predicted = strategic_merge.applied(live, patch, kind) if patch else live
    # What is the same is the same with its defaults, too, as long as there can be any.
    if not equal(predicted, live) or not strategic_merge.can_be_filled_in(live, kind):
        predicted, live = with_defaults(predicted, kind), with_defaults(live, kind)
    return Prediction(live, predicted, not equal(predicted, live))


def bare(document: Json) -> Json:
    """The object without its namespace and without an empty map of annotations, which say nothing of a change."""
    if "metadata" not in document:
        return document
    if not isinstance(document["metadata"], dict):
        raise CompareError(ProblemKind.OBJECT, "metadata is no mapping")
    metadata: dict[str, Any] = {key: value for key, value in document["metadata"].items() if key != "namespace"}
    if metadata.get("annotations", "some") in (None, {}):
        del metadata["annotations"]
    return {**document, "metadata": metadata}


def _without_claim_defaults(original: Json, live: Json) -> Json:
    """A StatefulSet without what the API server has filled into its claim templates, which nothing here knows."""
    group, kind = split_kind(original)
    if kind != "StatefulSet" or group not in {"apps", "extensions"}:
        return live
    wanted, there = _claims(original), _claims(live)
    if not isinstance(wanted, list) or not isinstance(there, list):
        return live
    cut = json_merge.shared_fields({"": wanted}, {"": there})[""]
    return {**live, "spec": {**live["spec"], "volumeClaimTemplates": cut}}


def _claims(document: Json) -> Any:
    spec = document.get("spec")
    return spec.get("volumeClaimTemplates") if isinstance(spec, dict) else None
