"""What a run could tell of: a finding that it does not have is gone only where it would have been found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from driftgate.graph.index import cluster_of
from driftgate.history.entries import Run, Seen
from driftgate.model.application import API_GROUP

if TYPE_CHECKING:
    from driftgate.drift.pairing import LiveEnvironment
    from driftgate.judge import Catalogue
    from driftgate.model.environment import Environment
    from driftgate.model.outcome import Judgement
    from driftgate.policy import Policy

__all__ = ["Coverage", "run_of"]

_EVERY_KIND = "*"
# What is told of Applications themselves comes of the cluster that Argo CD runs in, wherever they go.
_OF_ARGOCD = "live_applications"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of which findings a run can say that they are gone.

    `checks` were run; `judged` are the Applications that were compared, `tree` those that Git has, None where Git could
    not be read in full. With `is_whole` every Application was compared. `unread` are group, kind and namespace of lists
    that were not read, the namespace empty for all. `unchecked` is what the run itself could not check.
    """

    checks: frozenset[str]
    judged: frozenset[str]
    tree: frozenset[str] | None
    is_whole: bool
    unread: frozenset[tuple[str, str, str]] = frozenset()
    unchecked: tuple[Seen, ...] = field(default=(), repr=False)

    def tells(self, one: Seen) -> bool:
        """Whether the run would have this finding, if it were there still."""
        if one.check not in self.checks:
            return False
        if one.application and one.application not in self.judged:
            # What Git does not deploy any more cannot differ from it.
            return self.tree is not None and one.application not in self.tree
        if not one.application and not self.is_whole:
            return False
        return not (self._is_unread(one.object) or any(_hides(unchecked, one) for unchecked in self.unchecked))

    def _is_unread(self, object_id: str) -> bool:
        """Whether the list was not read in which an object would be; `group/Kind/namespace/name`, empty parts left out.

        An id of three parts is of a kind without group, or without namespace: both are looked at.
        """
        match object_id.split("/"):
            case [group, kind, namespace, _]:
                return self._holds(group, kind, namespace)
            case [first, second, _]:
                return self._holds("", first, second) or self._holds(first, second, "")
            case [kind, _]:
                return self._holds("", kind, "")
        return False

    def _holds(self, group: str, kind: str, namespace: str) -> bool:
        return any(
            one[0] == group and one[1] in (kind, _EVERY_KIND) and one[2] in ("", namespace) for one in self.unread
        )


def _hides(unchecked: Seen, one: Seen) -> bool:
    """Whether a finding may be behind what could not be checked."""
    if unchecked.application not in ("", one.application):
        return False
    if unchecked.object:
        return unchecked.object == one.object and _touch(unchecked.field, one.field)
    # Of an Application as a whole nothing is known then; of the environment only what this check says.
    return bool(unchecked.application) or unchecked.check == one.check


def _touch(one: str, other: str) -> bool:
    """Whether two fields are the same, or one is in the other; no field is the whole object."""
    shorter, longer = sorted((one, other), key=len)
    return not shorter or longer == shorter or (longer.startswith(shorter) and longer[len(shorter)] in ".[")


def run_of(
    judgement: Judgement, live: LiveEnvironment, environment: Environment, policy: Policy, catalogue: Catalogue
) -> Run:
    """A run over clusters, as a history takes it in."""
    judged = frozenset(live.applications) if live.has_compared else frozenset()
    there = {one.label for one in environment.applications if cluster_of(one.application)}
    is_whole = there <= judged and not live.unreached
    coverage = Coverage(
        _checks(live, policy, catalogue, is_whole=is_whole),
        judged,
        _tree(environment, policy),
        is_whole,
        frozenset(
            (gap.wanted.group, gap.wanted.kind, gap.wanted.namespace)
            for state in live.states
            for gap in live.gaps(state)
        ),
        tuple(Seen.of(finding) for finding in judgement.findings if finding.could_not_check),
    )
    taken = min((state.taken for state in live.states), default=datetime.now(UTC)).astimezone(UTC)
    return Run(environment.name, taken, Seen.all_of(judgement.findings), coverage, len(judged), len(there - judged))


def _checks(live: LiveEnvironment, policy: Policy, catalogue: Catalogue, *, is_whole: bool) -> frozenset[str]:
    """The checks that are on, without those that know nothing while the cluster of Argo CD is unread."""
    gaps = {(gap.wanted.group, gap.wanted.kind) for state in live.states for gap in live.gaps(state)}
    is_blind = live.argocd is None and (not is_whole or (API_GROUP, "Application") in gaps)
    return frozenset(
        check.id
        for check in catalogue.judging(live=True).values()
        if policy.severity(check.id, check.severity) is not None and not (is_blind and check.topic == _OF_ARGOCD)
    )


def _tree(environment: Environment, policy: Policy) -> frozenset[str] | None:
    """The Applications that Git has, None where a file is not known or one of the inventory is not there."""
    names = {one.application.name for one in environment.applications}
    if environment.problems or not names.issuperset(policy.inventory or ()):
        return None
    return frozenset(one.label for one in environment.applications)
