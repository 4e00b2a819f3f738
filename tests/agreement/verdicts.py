"""What driftgate and Argo CD say of the same pair, and whether that is the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftgate.compare import (
    Comparison,
    Prediction,
    Problem,
    ProblemKind,
    Verdict,
    compare,
    predict,
)
from driftgate.compare.problems import CompareError
from tests.agreement.kinds import Json
from tests.agreement.pairs import Pair
from tests.agreement.settings import rules_of, without_rules
from tests.agreement.shown import made_good
from tests.oracle import Answer, Oracle

#: Which step of Argo CD's an error comes from, by how its text begins.
ERRORS = {
    "failed to create diff normalizer": ProblemKind.JQ,
    "failed to perform pre-diff normalization": ProblemKind.MANAGED_FIELDS,
    "failed to calculate diff": ProblemKind.MERGE,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one pair: a word to count it by, and where the two disagree, in words and without values."""

    name: str
    disagreement: str = ""


def judged(pair: Pair, oracle: Oracle) -> Outcome:
    """Ask both about a pair."""
    answer = oracle.diff(pair.desired, pair.live, pair.setup.ignore_differences, pair.setup.settings)
    bare = answer
    if not answer.failed and not answer.value["modified"]:
        bare = oracle.diff(pair.desired, pair.live, settings=without_rules(pair.setup.settings))
    return agreement(pair, answer, bare)


def agreement(pair: Pair, answer: Answer, bare: Answer) -> Outcome:
    """Compare driftgate's verdict on a pair with Argo CD's, and with Argo CD's where no rule looks away (`bare`)."""
    rules = rules_of(pair.setup)
    try:
        prediction = predict(pair.desired, pair.live, rules)
    except CompareError as error:
        return _unanswered(error.problem, answer)
    comparison = compare(pair.desired, pair.live, rules)
    if comparison.problem is not None and not comparison.problem.in_argocd:
        # Whether anything differs is known; whether a rule is the reason takes another answer.
        return _unanswered(comparison.problem, answer)
    if answer.failed:
        return Outcome("answered", f"driftgate says {comparison.verdict}, and Argo CD {_failure(answer)}")
    return Outcome(str(comparison.verdict), _differently(prediction, comparison, answer, bare))


def _unanswered(problem: Problem, answer: Answer) -> Outcome:
    name = f"{Verdict.COULD_NOT_CHECK}: {problem.kind}"
    if not problem.in_argocd:
        return Outcome(name)
    if not answer.failed:
        return Outcome(name, f"driftgate has no answer ({problem.kind}), and Argo CD has one")
    kind = _kind(answer)
    # Where two things are wrong with a pair, Argo CD meets one or the other first: it walks maps in no fixed order.
    same = kind is problem.kind or {kind, problem.kind} == {ProblemKind.OBJECT, ProblemKind.MERGE}
    return Outcome(name, "" if same else f"driftgate says {problem.kind}, and Argo CD {kind}")


def _kind(answer: Answer) -> ProblemKind:
    if answer.panic:
        return ProblemKind.OBJECT
    return next(kind for beginning, kind in ERRORS.items() if answer.error.startswith(beginning))


def _failure(answer: Answer) -> str:
    return "panics" if answer.panic else f"fails: {_kind(answer)}"


def _differently(prediction: Prediction, comparison: Comparison, answer: Answer, bare: Answer) -> str:
    """How an answer differs from Argo CD's; empty where it does not."""
    said: Json = answer.value
    if prediction.modified != said["modified"]:
        return f"modified: driftgate {prediction.modified}, Argo CD {said['modified']}"
    # Driftgate fills in defaults only where they can matter, so what is in sync may lack them on both sides.
    states = (("normalised live", "live"), ("predicted", "predicted")) if prediction.modified else ()
    for name, attribute in states:
        theirs = said["normalizedLive" if attribute == "live" else "predictedLive"]
        if where := first_difference(getattr(prediction, attribute), theirs):
            return f"{name} state: {where}"
    # Whether an object takes part at all, and which it is compared with, is what `applications` holds to Argo CD.
    left_behind = comparison.verdict is Verdict.EXTRA and said["predictedLive"] is not None
    if comparison.verdict is not Verdict.NOT_COMPARED and not left_behind:
        return _verdict_differs(comparison, said, bare) or _fields_differ(comparison, said)
    return ""


def _verdict_differs(comparison: Comparison, said: Json, bare: Answer) -> str:
    verdict = comparison.verdict
    if said["normalizedLive"] is None and said["modified"]:
        allowed = {Verdict.MISSING}
    elif said["predictedLive"] is None:
        allowed = {Verdict.EXTRA, Verdict.ORPHANED}
    elif said["modified"]:
        allowed = {Verdict.CHANGED}
    elif not bare.failed and bare.value["modified"]:
        allowed = {Verdict.IGNORED}
    else:
        allowed = {Verdict.IN_SYNC}
    return (
        "" if verdict in allowed else f"driftgate says {verdict}, and by Argo CD it is {' or '.join(sorted(allowed))}"
    )


def _fields_differ(comparison: Comparison, said: Json) -> str:
    """Whether the fields that are shown are exactly those that differ: with them live becomes what is predicted."""
    shown = [each for each in comparison.differences if each.ignored_by is None]
    if comparison.verdict is not Verdict.CHANGED:
        unexpected = [each.field for each in shown] if comparison.verdict is not Verdict.MISSING else []
        return f"shown although nothing differs: {unexpected}" if unexpected else ""
    try:
        state = made_good(said["normalizedLive"], shown, said["predictedLive"])
    except (LookupError, TypeError) as error:
        return f"a field that is shown is not in the live state: {error}"
    return first_difference(state, said["predictedLive"], "the fields that are shown do not lead there: ")


def first_difference(ours: Any, theirs: Any, title: str = "", path: str = "") -> str:
    """The path of the first place where two states differ, and in what; empty where they are the same JSON."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            if key not in theirs or key not in ours:
                return f"{title}{path}.{key} is only in {'ours' if key in ours else 'theirs'}"
            if found := first_difference(ours[key], theirs[key], title, f"{path}.{key}"):
                return found
        return ""
    if isinstance(ours, list) and isinstance(theirs, list):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if found := first_difference(one, other, title, f"{path}[{index}]"):
                return found
        return "" if len(ours) == len(theirs) else f"{title}{path} has {len(ours)} elements, theirs {len(theirs)}"
    same = ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool)
    return "" if same else f"{title}{path} differs"
