"""One run over a tree: policies read, environments assembled and judged. What the command and pytest both call."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from driftgate.assembly import assemble
from driftgate.errors import UsageError
from driftgate.judge import Catalogue, judge, load_catalogue
from driftgate.model.outcome import Judgement
from driftgate.policy import Policy, read_policies
from driftgate.render.pool import WorkerPool
from driftgate.settings import Settings

__all__ = ["exit_code", "judge_tree", "policies_of"]


def policies_of(root: Path, configured: str | None, environment: str | None = None) -> tuple[Policy, ...]:
    """The policies that apply to a tree; UsageError where the tree or the environment does not exist."""
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder")
    catalogue = load_catalogue()
    policies = read_policies(root, configured, catalogue.sections, catalogue.checks)
    if environment is None:
        return policies
    chosen = tuple(policy for policy in policies if policy.environment == environment)
    if not chosen:
        known = ", ".join(policy.environment for policy in policies)
        raise UsageError(f"environment {environment}: no policy of that name; there is {known}")
    return chosen


def judge_tree(
    root: Path,
    policies: Sequence[Policy],
    settings: Settings,
    urls: Sequence[str] = (),
    *,
    catalogue: Catalogue | None = None,
    pool: WorkerPool | None = None,
) -> tuple[Judgement, ...]:
    """The judgement of every environment of a tree.

    `catalogue` replaces the installed checks; a `pool` of workers is used and left running.
    """
    checks = catalogue or load_catalogue()
    judgements = []
    for policy in policies:
        with _without_collector(), assemble(root, policy, settings, urls, pool) as assembly:
            judgement = judge(assembly.environment, policy, checks)
            # Counted last: to find the cause of a finding takes renders too.
            judgements.append(replace(judgement, ledger=replace(judgement.ledger, renders=assembly.renders)))
    return tuple(judgements)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Do without the collector of cycles: a run makes hardly any, and looking for them is a tenth of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def exit_code(judgements: Sequence[Judgement]) -> int:
    """The exit code of a run: findings before nothing judged, nothing judged before could not check."""
    codes = [judgement.exit_code for judgement in judgements] or [5]
    return next((code for code in (1, 5, 6) if code in codes), 0)
