"""Which findings a change brings, and which the base has as well: told apart by their keys."""

from __future__ import annotations

from dataclasses import replace

from driftgate.judge.check import Catalogue, EarlierPolicy, Scope
from driftgate.judge.judge import judge
from driftgate.model.environment import Environment
from driftgate.model.outcome import Judgement
from driftgate.policy import Policy

__all__ = ["with_newness"]


def with_newness(
    judgement: Judgement, base: Environment, policy: Policy, earlier: EarlierPolicy, catalogue: Catalogue
) -> Judgement:
    """The judgement with every finding told to be new or not.

    The base is judged under the same policy, but only by the checks and on the Applications that have findings now:
    what is in order now needs no comparison. Checks of the run, which look at the policy and at all findings, are asked
    what they said of the earlier policy.
    """
    if not judgement.findings:
        return judgement
    only: dict[str, set[str]] = {}
    for finding in judgement.findings:
        only.setdefault(finding.check, set()).add(finding.application)
    of_run = {check for check in only if catalogue.checks[check].scope is Scope.RUN}
    # Where a finding of the base stands is not asked: its key does not hold it.
    bare = replace(base, origin=_nowhere)
    known = {finding.key for finding in judge(bare, policy, catalogue, only=only).findings}
    if of_run and earlier.policy is not None:
        known |= {one.key for one in judge(bare, earlier.policy, catalogue).findings if one.check in of_run}
    findings = tuple(replace(finding, new=finding.key not in known) for finding in judgement.findings)
    return replace(judgement, findings=findings)


def _nowhere(*_: object) -> None:
    return None
