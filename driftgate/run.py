"""One run over a tree: policies read, environments assembled and judged. What the command and pytest both call."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from driftgate.assembly import Assembly, assemble
from driftgate.errors import UsageError
from driftgate.judge import Catalogue, EarlierPolicy, judge, load_catalogue, with_newness
from driftgate.model.changes import application_changes, summaries
from driftgate.model.environment import Environment
from driftgate.model.outcome import Judgement
from driftgate.policy import ArgoCDSection, Policy, read_policies
from driftgate.render.pool import WorkerPool
from driftgate.repository.base import BaseTree, base_tree
from driftgate.settings import Settings

if TYPE_CHECKING:
    from driftgate.deploys import Deploy
    from driftgate.drift.consequences import Deliverer
    from driftgate.drift.pairing import LiveEnvironment
    from driftgate.drift.state import ClusterState, Unreached

__all__ = ["Base", "base_of", "exit_code", "judge_drift", "judge_tree", "policies_of"]


@dataclass(frozen=True, slots=True)
class Base:
    """What a change starts from: the tree, and the policies that stood in it.

    `fault` says why these cannot be read; the head's policy judges both sides in any case.
    """

    tree: BaseTree
    policies: tuple[Policy, ...] = ()
    fault: str = ""

    @classmethod
    def read(cls, tree: BaseTree, configured: str | None = None) -> Base:
        """The base in a folder; `configured` is where its policies are."""
        catalogue = load_catalogue()
        try:
            policies = read_policies(tree.path, configured, catalogue.sections, catalogue.checks)
        except UsageError as error:
            missing = not (tree.path / (configured or "policies")).exists()
            return cls(tree, fault="" if missing else str(error).splitlines()[0])
        return cls(tree, tuple(policy for policy in policies if policy.file))

    def earlier(self, root: Path, environment: str, judged: Collection[str]) -> EarlierPolicy:
        """The policy that an environment had; told to the first of those that are judged are the ones that are gone."""
        found = next((policy for policy in self.policies if policy.environment == environment), None)
        gone = tuple(
            (policy.file, policy.environment)
            for policy in self.policies
            if policy.environment not in judged and not (root / policy.file).exists() and environment == min(judged)
        )
        return EarlierPolicy(found, self.tree.revision, self.fault, gone)


@contextmanager
def base_of(root: Path, reference: str | None, configured: str | None = None) -> Iterator[Base | None]:
    """The base of the change since HEAD left a revision, gone afterwards; None without a revision.

    UsageError where this clone does not hold it.
    """
    if reference is None:
        yield None
        return
    with base_tree(root, reference) as tree:
        yield Base.read(tree, configured)


def policies_of(
    root: Path, configured: str | None, environment: str | Sequence[str] | None = None
) -> tuple[Policy, ...]:
    """The policies that apply to a tree, or those of one or several of its environments.

    UsageError where the tree or an environment does not exist.
    """
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder")
    catalogue = load_catalogue()
    policies = read_policies(root, configured, catalogue.sections, catalogue.checks)
    wanted = (environment,) if isinstance(environment, str) else tuple(environment or ())
    names = [policy.environment for policy in policies]
    for name in wanted:
        if name not in names:
            raise UsageError(f"environment {name}: no policy of that name; there is {', '.join(names)}")
    return tuple(policy for policy in policies if not wanted or policy.environment in wanted)


def judge_tree(
    root: Path,
    policies: Sequence[Policy],
    settings: Settings,
    urls: Sequence[str] = (),
    *,
    catalogue: Catalogue | None = None,
    pool: WorkerPool | None = None,
    base: Base | None = None,
    new_only: bool = False,
) -> tuple[Judgement, ...]:
    """The judgement of every environment of a tree.

    `catalogue` replaces the installed checks; a `pool` of workers is used and left running. With a `base` the change
    since then is judged as well; with `new_only` the findings that the base has too decide nothing.
    """
    checks = catalogue or load_catalogue()
    judgements = []
    siblings = _Siblings(root, settings, urls, pool)
    for policy in policies:
        assembly = assemble(root, policy, settings, urls, pool)
        if base is not None:
            assembly.share_renders()
        with _without_collector(), siblings, assembly:
            assembly.environment = replace(assembly.environment, siblings=siblings.of(policy))
            if base is None:
                judgement = judge(assembly.environment, policy, checks)
            else:
                earlier = base.earlier(root, policy.environment, [one.environment for one in policies])
                judgement = replace(_reviewed(assembly, earlier, base, urls, checks), new_only=new_only)
            # Counted last: to find the cause of a finding takes renders too.
            judgements.append(replace(judgement, ledger=replace(judgement.ledger, renders=assembly.renders)))
    return tuple(judgements)


def judge_drift(
    assembly: Assembly,
    states: Sequence[ClusterState],
    names: Collection[str] = (),
    *,
    via: Deliverer | None = None,
    catalogue: Catalogue | None = None,
    unreached: Sequence[Unreached] = (),
    deploy: Deploy | None = None,
) -> tuple[Judgement, LiveEnvironment]:
    """The judgement of what clusters said against an environment that is assembled, and what it rests on.

    `names` leaves only these Applications; `via` says who delivers, where the user knows better than the clusters show.
    `unreached` are the clusters that said nothing, and `deploy` is what the run looks back at.
    """
    from driftgate.drift.pairing import pair_environment
    from driftgate.drift.rules import ArgoCDSettings

    environment, policy = assembly.environment, assembly.policy
    settings = ArgoCDSettings.read(environment.argocd_config, policy.section(ArgoCDSection).namespace)
    live = replace(pair_environment(environment, states, settings, names, via), unreached=tuple(unreached))
    judgement = judge(environment, policy, catalogue or load_catalogue(), live=live, deploy=deploy)
    unread = tuple(label for one in unreached for label in one.applications)
    ledger = replace(judgement.ledger, renders=assembly.renders, unreached=unread)
    if not live.has_compared:
        # Applications that helm does not deliver, hooks: who has looked at nothing must not be green.
        ledger = replace(ledger, applications=(), rendered=())
    return replace(judgement, ledger=ledger), live


def _reviewed(
    assembly: Assembly, earlier: EarlierPolicy, base: Base, urls: Sequence[str], checks: Catalogue
) -> Judgement:
    """The judgement of a tree and of the change that led to it."""
    policy = assembly.policy
    siblings = _Siblings(base.tree.path, assembly.settings, assembly.urls, assembly.pool)
    with siblings, assembly.compared_with(base.tree.path, base.tree.revision, urls) as environment:
        judgement = judge(environment, policy, checks, earlier=earlier)
        assert environment.base is not None
        before = replace(environment.base, siblings=siblings.of(policy))
        judgement = with_newness(judgement, before, policy, earlier, checks)
        changes = summaries(application_changes(environment, policy.section(ArgoCDSection).namespace))
        return replace(judgement, changes=changes, ledger=replace(judgement.ledger, base=base.tree.revision))


@dataclass
class _Siblings:
    """Other environments of the tree, for checks that compare with them: read when first asked for.

    A context manager for the judging of one environment: what was read for it is given up with it, so that a tree
    with many environments never holds more than those that one is compared with.
    """

    root: Path
    settings: Settings
    urls: Sequence[str]
    pool: WorkerPool | None
    _stack: ExitStack = field(default_factory=ExitStack)
    _known: dict[str, Environment] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._known.clear()
        self._stack.close()

    def of(self, policy: Policy) -> Callable[[str], Environment | None]:
        """What answers for the siblings of one environment."""

        def sibling(name: str) -> Environment | None:
            other = next((one for one in policy.others if one.environment == name), None)
            if other is not None and name not in self._known:
                assembly = assemble(self.root, other, self.settings, self.urls, self.pool)
                self._known[name] = self._stack.enter_context(assembly).environment
            return self._known.get(name)

        return sibling


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
