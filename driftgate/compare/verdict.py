"""The verdict on one object."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from driftgate.compare.differences import differences
from driftgate.compare.engine import LAST_APPLIED, Pair, bare, last_applied, object_type, run
from driftgate.compare.ignore import NO_RULES, IgnoreRules, Path, annotated_rule
from driftgate.compare.objects import annotations_of, opened, split_kind
from driftgate.compare.problems import CompareError
from driftgate.compare.quick import holds
from driftgate.compare.remarshal import remarshalled
from driftgate.compare.result import Comparison, Difference, Prediction, ProblemKind, Step, Verdict
from driftgate.compare.rules import IgnoreRule, Rules, TrackingMethod
from driftgate.compare.strategic_merge import can_be_filled_in
from driftgate.compare.tracking import belongs_to, even_tracking, refers_to_itself
from driftgate.compare.values import Json
from driftgate.semantics.hooks import HELM_HOOK_ANNOTATION, HOOK_ANNOTATION, HookVerdict, hook_types
from driftgate.semantics.jsonpointer import remove

__all__ = ["compare", "predict"]

_NO_HOOK = hook_types({})
#: Kinds that are evened out before they are compared.
_TAKE_ALL_STEPS = {
    ("", "Endpoints"),
    ("", "Secret"),
    ("argoproj.io", "Rollout"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "Role"),
}


def compare(desired: Json | None, live: Json | None, rules: Rules) -> Comparison:
    """Compare a desired object, as it is handed to the cluster, with the live one; one of them may not be there.

    Both are plain JSON; the values of a Secret may be `SecretValue`. A desired object has its namespace and tracking
    metadata already (`desired_object`), and a live one is in the desired one's API version.
    """
    try:
        desired, live = _checked(desired), _checked(live)
        # Rules that cannot be read fail the whole Application, whatever object is asked about.
        ignore = _ignore_rules(rules)
        not_compared = _not_compared(desired, live)
        if not_compared:
            return Comparison(Verdict.NOT_COMPARED, reason=not_compared)
        if desired is None:
            assert live is not None
            return _extra(live, rules)
        if _hook(desired).is_hook:
            assert live is not None
            return _left_behind(live, rules)
        if live is None:
            return Comparison(Verdict.MISSING)
        return _compared(desired, live, rules, ignore)
    except CompareError as error:
        return Comparison(Verdict.COULD_NOT_CHECK, problem=error.problem)


def predict(desired: Json | None, live: Json | None, rules: Rules) -> Prediction:
    """The live object as it is compared, and what a sync would make of it; raises CompareError for no answer."""
    return run(_checked(desired), _checked(live), rules, _ignore_rules(rules)).prediction


@lru_cache(maxsize=64)
def _ignore_rules(rules: Rules) -> IgnoreRules:
    ignore = IgnoreRules(rules.ignore, rules.system)
    ignore.check()
    return ignore


def _checked(document: Json | None) -> Json | None:
    """The object with its values in the open; raises CompareError for what Argo CD could not even read."""
    if document is None:
        return None
    if not isinstance(document.get("kind"), str) or not document["kind"]:
        raise CompareError(ProblemKind.OBJECT, "an object has no kind")
    return opened(document)


def _not_compared(desired: Json | None, live: Json | None) -> str:
    """Why an object gets no sync status; empty where it does."""
    document = live if live is not None else desired
    if document is None:
        raise CompareError(ProblemKind.OBJECT, "there is neither a desired nor a live object")
    if _hook(document).is_hook:
        return "it is a hook"
    if desired is not None and _hook(desired).skip:
        return "its hook annotation says Skip"
    return ""


def _hook(document: Json) -> HookVerdict:
    annotations = annotations_of(document)
    marked = HOOK_ANNOTATION in annotations or HELM_HOOK_ANNOTATION in annotations
    return hook_types(annotations) if marked else _NO_HOOK


def _extra(live: Json, rules: Rules) -> Comparison:
    owner = belongs_to(live, rules.tracking)
    metadata = live.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    if owners:
        return Comparison(Verdict.NOT_COMPARED, reason="another object owns it")
    if not owner or owner != rules.tracking.application:
        what = "release" if rules.tracking.method is TrackingMethod.HELM else "Application"
        return Comparison(Verdict.ORPHANED, reason=f"of {what} {owner}" if owner else f"of no {what}")
    return _left_behind(live, rules)


def _left_behind(live: Json, rules: Rules) -> Comparison:
    """The verdict on a live object that nothing stands for any more.

    That is also one whose desired object has become a hook, whoever the live one belongs to: Argo CD looks for it by
    its name, and then finds no desired object to go with it.
    """
    if not refers_to_itself(live, rules.tracking):
        return Comparison(Verdict.NOT_COMPARED, reason="its tracking id is that of another object")
    return Comparison(Verdict.EXTRA)


def _compared(desired: Json, live: Json, rules: Rules, ignore: IgnoreRules) -> Comparison:
    if _surely_in_sync(desired, live, rules, ignore):
        return Comparison(Verdict.IN_SYNC)
    pair = run(desired, live, rules, ignore)
    found = _differences(pair.prediction, rules)
    if pair.prediction.modified:
        return Comparison(Verdict.CHANGED, found)
    ignored = _ignored(desired, live, rules, pair) if _may_hide(pair, desired, live) else ()
    return Comparison(Verdict.IGNORED, ignored) if ignored else Comparison(Verdict.IN_SYNC)


def _surely_in_sync(desired: Json, live: Json, rules: Rules, ignore: IgnoreRules) -> bool:
    """Whether a pair is in sync by what is plain to see; False where it takes the whole comparison to tell."""
    if rules.server_side or rules.known_types or split_kind(desired) in _TAKE_ALL_STEPS or annotated_rule(desired):
        return False
    live = even_tracking(desired, live, rules.tracking)
    if any(desired.get(field) != live.get(field) for field in ("apiVersion", "kind")) or ignore.managers(desired):
        return False
    applied = last_applied(live)
    if applied is not None and bare(applied) != bare(desired):
        return False
    # A rule that takes nothing from the desired object takes nothing from the live one that counts.
    if any(rule.jq_path_expressions or _points_into(rule, desired) for rule in ignore.about(live)):
        return False
    kind = object_type(desired)
    return holds(desired, live, kind) and (kind is None or can_be_filled_in(live, kind))


def _points_into(rule: IgnoreRule, document: Json) -> bool:
    return any(remove(document, pointer)[1] for pointer in rule.json_pointers)


def _differences(prediction: Prediction, rules: Rules) -> tuple[Difference, ...]:
    if not prediction.modified or prediction.live is None or prediction.predicted is None:
        return ()
    kind = object_type(prediction.live)
    return differences(prediction.live, prediction.predicted, kind, rules.sensitive_annotations)


def _may_hide(pair: Pair, desired: Json, live: Json) -> bool:
    """Whether what the rules took could have made a difference.

    A top-level field that only the live object has, as most have a status, is none, unless it was applied once, or
    keeps the object from fitting its type.
    """
    if not pair.taken:
        return False
    kind = object_type(live)
    if kind is not None and remarshalled(live, kind) is live:
        return True
    return LAST_APPLIED in annotations_of(live) or any(len(path) != 1 or path[0] in desired for _, path in pair.taken)


def _ignored(desired: Json, live: Json, rules: Rules, pair: Pair) -> tuple[Difference, ...]:
    """What would differ if no rule looked away, each field with the rule that does."""
    try:
        bare = run(desired, live, rules, NO_RULES).prediction
    except CompareError as error:
        if not error.problem.in_argocd:
            raise
        # Without the rules Argo CD could not tell; with them nothing differs, and that is what counts.
        return ()
    return tuple(
        Difference(found.path, found.desired, found.live, _rule_for(found.path, pair.taken, bare))
        for found in _differences(bare, rules)
    )


def _rule_for(path: tuple[Step, ...], taken: tuple[tuple[IgnoreRule, Path], ...], bare: Prediction) -> IgnoreRule:
    """The first rule that took the field, something around it or something in it.

    A field may differ for what a rule took elsewhere, such as a default for a value that does not fit its type.
    """
    sides = [_indexed(path, side) for side in (bare.live, bare.predicted)]
    for rule, removed in taken:
        if any(side[: len(removed)] == removed or removed[: len(side)] == side for side in sides):
            return rule
    return taken[0][0]


def _indexed(path: tuple[Step, ...], document: Any) -> tuple[str | int, ...]:
    """A path with elements by their index, as far as it goes in a document."""
    steps: list[str | int] = []
    for step in path:
        plain = (
            step
            if not isinstance(step, tuple)
            else next((index for index, item in enumerate(document or ()) if item.get(step[0]) == step[1]), -1)
        )
        steps.append(plain)
        try:
            document = document[plain]
        except (LookupError, TypeError):
            document = None
    return tuple(steps)
