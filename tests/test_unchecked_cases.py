from __future__ import annotations

import pytest

from driftgate.model.outcome import Outcome
from tests.cases import FIXTURES, judge_case


@pytest.mark.parametrize(
    ("check", "case", "outcome"),
    [
        ("ignore-difference-unmatched", "case-parts", Outcome.FAILED),
        ("ignore-difference-unmatched", "case-assumed-capabilities", Outcome.COULD_NOT_CHECK),
        ("ignore-difference-hides-rendered", "case-whole", Outcome.FAILED),
        ("ignore-difference-hides-rendered", "case-takes-jq", Outcome.COULD_NOT_CHECK),
        ("sync-waves-do-not-wait", "case-no-check", Outcome.FAILED),
        ("sync-waves-do-not-wait", "case-config-not-named", Outcome.COULD_NOT_CHECK),
        ("unused-chart-render-failed", "case-parse", Outcome.FAILED),
        ("unused-chart-render-failed", "case-wants-values", Outcome.COULD_NOT_CHECK),
        ("unused-chart-render-failed", "case-dependency", Outcome.COULD_NOT_CHECK),
        ("private-image-without-pull-secret", "case-no-secret", Outcome.FAILED),
        ("private-image-without-pull-secret", "case-account-unknown", Outcome.COULD_NOT_CHECK),
        ("parity-object-missing", "case-only-here", Outcome.FAILED),
        ("parity-object-missing", "case-incomplete", Outcome.COULD_NOT_CHECK),
        ("ignored-share-too-large", "case-own-rules", Outcome.FAILED),
        ("ignored-share-too-large", "case-takes-jq", Outcome.COULD_NOT_CHECK),
        ("system-rule-hides-rendered", "case-whole", Outcome.FAILED),
        ("system-rule-hides-rendered", "case-takes-jq", Outcome.COULD_NOT_CHECK),
        ("render-limit-exceeded", "case-time", Outcome.COULD_NOT_CHECK),
        ("render-tool-missing", "case-kustomize", Outcome.COULD_NOT_CHECK),
    ],
)
def test_what_cannot_be_told_is_not_called_a_fault(check: str, case: str, outcome: Outcome) -> None:
    """A check that lacks a fact says "could not check", and says "failed" where it has the fact."""
    judgement = judge_case(FIXTURES / check / "bad" / case)
    assert {finding.outcome for finding in judgement.findings if finding.check == check} == {outcome}
