"""In which order Argo CD applies Applications, and which of them needs another one first.

Between Applications Argo CD knows one order only: the sync waves of the children of one parent, which are objects of
the parent's own sync (argo-cd: gitops-engine/pkg/sync/sync_tasks.go). Everything else starts when it starts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from itertools import takewhile

from driftgate.graph.admission import webhook_uses
from driftgate.graph.index import IN_CLUSTER, Graph, cluster_of
from driftgate.graph.terms import Definition, Need, Origin, Target, Use
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.semantics.hooks import hook_types
from driftgate.semantics.sync_options import SYNC_OPTIONS_ANNOTATION
from driftgate.semantics.sync_waves import KIND_ORDER, kind_rank, sync_turns

__all__ = ["Dependency", "LateNeed", "Order", "Standing", "Strength", "Turn", "late_needs", "skips_dry_run"]

Step = tuple[int, int]
_SYNC = 1
_DRY_RUN = "SkipDryRunOnMissingResource=true"


class Strength(Enum):
    """What happens to an object that is applied before what it needs.

    REFUSED: the API server refuses it, and the sync of its Application fails. HELD: it is there and stays unready.
    SOFT: it is ready, and does its work later.
    """

    REFUSED = "refused"
    HELD = "held"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class Dependency:
    """A need of one Application that another one meets, with the two fields that say so."""

    use: Use
    provider: Definition
    strength: Strength

    @property
    def consumer(self) -> str:
        """The label of the Application that needs it."""
        return self.use.manifest.application

    @property
    def producer(self) -> str:
        """The label of the Application that brings it."""
        return self.provider.application

    @property
    def target(self) -> Target:
        """What is needed."""
        return self.use.target

    @property
    def is_webhook(self) -> bool:
        """Whether the need is for a webhook to answer, which nobody asks before the webhook is there."""
        return self.use.relation.startswith("webhook ")

    @property
    def is_crd(self) -> bool:
        """Whether the need is for the CRD of the object's own kind."""
        return self.use.relation == "kind"

    @property
    def needed(self) -> str:
        """What is needed, as people say it."""
        if self.is_webhook:
            return f"an answer of {self.use.relation} for {self.use.manifest.kind} {self.use.manifest.name}"
        if self.is_crd:
            return f"the CustomResourceDefinition of {self.use.manifest.kind}"
        return str(self.target)

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """The most compelling need first: what is refused, then what stays unready, then the rest."""
        weight = list(Strength).index(self.strength)
        kinds = ("Namespace", "CustomResourceDefinition", "Secret", "ConfigMap")
        kind = self.target.kind
        return (weight, kinds.index(kind) if kind in kinds else len(kinds), str(self.target), self.use.manifest.name)


class Turn(Enum):
    """When a consumer comes, seen from its producer."""

    AFTER = "after"
    SAME = "same"
    UNORDERED = "unordered"
    BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a need stands in the sync of the parent that the two Applications share.

    `consumer` and `producer` are the children of `parent` by which the two sides come, or `parent` itself where the
    object is one of its own. Without a parent nothing orders them.
    """

    turn: Turn
    parent: str = ""
    consumer: str = ""
    producer: str = ""
    consumer_wave: int = 0
    producer_wave: int = 0


@dataclass(frozen=True)
class Order:
    """The parents, waves and needs of all Applications of an environment.

    `graphs` are those of its clusters. `existing` are namespaces that are there before any sync. Where the tree may
    hold several environments (`one_control_plane` is false), Applications of different roots do not meet in a cluster
    that each control plane calls its own.
    """

    applications: Mapping[str, LoadedApplication]
    graphs: Mapping[str, Graph] = field(repr=False)
    existing: Collection[str] = ()
    one_control_plane: bool = True

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The labels of the children of each parent, in the order of their waves and names."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for label in self.applications:
            for parent in self.chain(label)[-2:-1]:
                found[parent].append(label)
        return {
            parent: tuple(sorted(labels, key=lambda one: (self.step(one), one))) for parent, labels in found.items()
        }

    @cached_property
    def tops(self) -> tuple[str, ...]:
        """The labels of the Applications that no other one renders, sorted."""
        return tuple(sorted(label for label in self.applications if len(self.chain(label)) == 1))

    def step(self, label: str) -> Step:
        """When a child is applied in its parent's sync: phase and wave."""
        annotations = self.applications[label].application.annotations
        turns = sync_turns({key: node.plain() for key, node in annotations.items()})
        return min(turns, default=(_SYNC, 0))

    def wave(self, label: str) -> int:
        """The wave of a child in its parent's sync."""
        return self.step(label)[1]

    def waves_of(self, parent: str) -> set[Step]:
        """The turns that the children of a parent are spread over; one alone orders nothing."""
        return {self.step(child) for child in self.children.get(parent, ())}

    def chain(self, label: str) -> tuple[str, ...]:
        """The way from the topmost parent down to an Application."""
        return self._chains[label]

    @cached_property
    def _chains(self) -> dict[str, tuple[str, ...]]:
        """The ways from the top; of Applications that render each other in a ring, the first by name is the top."""
        rendering: defaultdict[str, list[str]] = defaultdict(list)
        for label, loaded in self.applications.items():
            # The first of several parents counts. An Application that renders itself is no child for that.
            own = next((one for one in loaded.parents if one != label and one in self.applications), "")
            rendering[own].append(label)
        chains: dict[str, tuple[str, ...]] = {}
        for top in (*rendering[""], *sorted(self.applications)):
            pending: list[tuple[str, tuple[str, ...]]] = [] if top in chains else [(top, ())]
            while pending:
                label, above = pending.pop()
                if label not in chains:
                    chains[label] = (*above, label)
                    pending += [(child, chains[label]) for child in rendering[label]]
        return chains

    def meet(self, label: str, other: str) -> bool:
        """Whether two Applications with one destination certainly come to one cluster."""
        first, second = self.applications[label], self.applications[other]
        cluster = cluster_of(first.application)
        if not cluster or cluster != cluster_of(second.application):
            return False
        if cluster != IN_CLUSTER or self.one_control_plane:
            return True
        return self.same_control_plane(label, other)

    def same_control_plane(self, label: str, other: str) -> bool:
        """Whether one control plane reads two Applications, as far as the tree tells: by one root, or one folder."""
        top, other_top = self.chain(label)[0], self.chain(other)[0]
        return self.one_control_plane or top == other_top or self._folder(top) == self._folder(other_top)

    def _folder(self, label: str) -> str:
        return self.applications[label].application.node.file.rpartition("/")[0]

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        """Every need of one Application that only another one meets; of several that meet it, the best placed one."""
        found: dict[tuple[str, Target, Strength, str], Dependency] = {}
        for graph in self.graphs.values():
            known: dict[Target, tuple[frozenset[str], tuple[Definition, ...]]] = {}
            for use in (*graph.uses, *webhook_uses(graph)):
                if use.target not in known:
                    providers = graph.find(use.target).definitions
                    known[use.target] = (frozenset(one.application for one in providers), providers)
                labels, providers = known[use.target]
                # Nobody brings it, or the consumer itself, or what nobody orders: the cluster, or somebody declared.
                if not labels or use.manifest.application in labels or "" in labels or not self._is_open(use):
                    continue
                strength = _strength(use)
                key = (use.manifest.application, use.target, strength or Strength.SOFT, use.relation)
                if strength is not None and key not in found:
                    dependency = self._best(use, providers, strength)
                    found |= {} if dependency is None else {key: dependency}
        return tuple(sorted(found.values(), key=lambda one: (one.consumer, one.producer, one.rank)))

    def _is_open(self, use: Use) -> bool:
        """Whether others can meet a need: what the Application holds itself has to be known for that."""
        is_there = use.target.kind == "Namespace" and use.target.name in self.existing
        return not is_there and self.applications[use.manifest.application].complete

    def _best(self, use: Use, providers: tuple[Definition, ...], strength: Strength) -> Dependency | None:
        consumer = use.manifest.application
        candidates = [Dependency(use, one, strength) for one in providers if self.meet(consumer, one.application)]
        turns = list(Turn)
        return min(candidates, key=lambda one: turns.index(self.standing(one).turn), default=None)

    @cached_property
    def pairs(self) -> Mapping[tuple[str, str], tuple[Dependency, ...]]:
        """The needs by consumer and producer, the most compelling first."""
        found: defaultdict[tuple[str, str], list[Dependency]] = defaultdict(list)
        for dependency in self.dependencies:
            found[(dependency.consumer, dependency.producer)].append(dependency)
        return {pair: tuple(needs) for pair, needs in found.items()}

    def standing(self, dependency: Dependency) -> Standing:
        """Whether the parent that both sides share applies the consumer after the producer."""
        consumer, producer = self.chain(dependency.consumer), self.chain(dependency.producer)
        shared = _shared(consumer, producer)
        if not shared:
            return Standing(Turn.UNORDERED)
        parent = consumer[shared - 1]
        first, second = (consumer[shared:] or (parent,))[0], (producer[shared:] or (parent,))[0]
        needs = self._when(first, parent, dependency.use.manifest)
        brings = self._when(second, parent, dependency.provider.manifest, dependency.provider.origin)
        turn = Turn.AFTER if needs > brings else Turn.SAME if needs == brings else Turn.BEFORE
        if turn is Turn.SAME and second == parent and _comes_first_in_wave(dependency.provider):
            turn = Turn.AFTER
        return Standing(turn, parent, first, second, needs[1], brings[1])

    def _when(self, label: str, parent: str, manifest: Manifest | None, origin: Origin = Origin.RENDERED) -> Step:
        """The turn of a child, or of an object of the parent's own."""
        if label != parent:
            return self.step(label)
        if manifest is None or origin is Origin.SYNC:  # Argo CD makes the destination namespace before everything else
            return (-1, 0)
        return min(sync_turns(manifest.annotations), default=(_SYNC, 0))

    @cached_property
    def circles(self) -> tuple[tuple[str, ...], ...]:
        """The Applications that need each other, directly or by others, each circle sorted by name."""
        edges: defaultdict[str, set[str]] = defaultdict(set)
        for dependency in self.dependencies:
            standing = self.standing(dependency)
            # What a parent renders itself is ordered by object; only Applications as a whole can stand in a circle.
            is_parents_own = standing.parent != "" and standing.parent in (standing.consumer, standing.producer)
            if dependency.strength is not Strength.SOFT and not dependency.is_webhook and not is_parents_own:
                edges[dependency.consumer].add(dependency.producer)
        return tuple(sorted(circles(edges)))

    def in_order(self) -> tuple[str, ...]:
        """Every Application once: parents before children, then by waves, then by needs, then by name."""
        return tuple(self._below(self.tops))

    def _below(self, labels: Iterable[str]) -> Iterator[str]:
        waves: defaultdict[Step, list[str]] = defaultdict(list)
        for label in labels:
            waves[self.step(label) if len(self.chain(label)) > 1 else (_SYNC, 0)].append(label)
        for _, wave in sorted(waves.items()):
            for label in self.sorted_by_needs(wave):
                yield label
                yield from self._below(self.children.get(label, ()))

    def sorted_by_needs(self, labels: Collection[str]) -> list[str]:
        """Applications of one turn, each after those of them that it needs; in a circle the name decides."""
        hard, soft = ({label: self._before[kind][label] & set(labels) for label in labels} for kind in (True, False))
        if not any(hard.values()) and not any(soft.values()):
            return sorted(labels)
        done: list[str] = []
        left = set(labels)
        while left:
            free = [one for one in left if not hard[one] & left]
            done.append(min(free or left, key=lambda one: (len(soft[one] & left), one)))
            left.remove(done[-1])
        return done

    @cached_property
    def _before(self) -> Mapping[bool, defaultdict[str, set[str]]]:
        """Who has to come before whom, lifted to the level at which the two ways part; by whether it is a hard need."""
        found: dict[bool, defaultdict[str, set[str]]] = {True: defaultdict(set), False: defaultdict(set)}
        for consumer, producer in self.pairs:
            below, beside = self.chain(consumer), self.chain(producer)
            shared = _shared(below, beside)
            if shared < min(len(below), len(beside)):
                is_hard = any(one.strength is not Strength.SOFT for one in self.pairs[(consumer, producer)])
                found[is_hard][below[shared]].add(beside[shared])
        return found


def _shared(chain: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many Applications two ways from the top have in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(chain, other, strict=False)))


def circles(edges: Mapping[str, Collection[str]]) -> list[tuple[str, ...]]:
    """The strongly connected parts of more than one member (Tarjan's algorithm, without recursion)."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    found: list[tuple[str, ...]] = []
    for start in sorted(edges):
        if start in numbers:
            continue
        work = [(start, iter(sorted(edges.get(start, ()))))]
        numbers[start] = lowest[start] = len(numbers)
        open_.append(start)
        while work:
            label, following = work[-1]
            other = next(following, None)
            if other is None:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[label])
                if lowest[label] == numbers[label]:
                    members = open_[open_.index(label) :]
                    del open_[open_.index(label) :]
                    if len(members) > 1:
                        found.append(tuple(sorted(members)))
            elif other not in numbers:
                numbers[other] = lowest[other] = len(numbers)
                open_.append(other)
                work.append((other, iter(sorted(edges.get(other, ())))))
            elif other in open_:
                lowest[label] = min(lowest[label], numbers[other])
    return found


def _comes_first_in_wave(provider: Definition) -> bool:
    """Whether a parent's own object comes before its children of the same wave, as every kind does that has a rank."""
    manifest = provider.manifest
    return provider.origin is Origin.RENDERED and manifest is not None and kind_rank(manifest.kind) < len(KIND_ORDER)


def _strength(use: Use) -> Strength | None:
    if use.need is Need.OPTIONAL or not sync_turns(use.manifest.annotations):
        return None
    if use.relation in ("namespace", "kind") or use.relation.startswith("webhook "):
        return Strength.REFUSED
    return Strength.HELD if use.need is Need.HARD and _is_waited_for(use.manifest) else Strength.SOFT


def _is_waited_for(manifest: Manifest) -> bool:
    """Whether the object is unready without its need: a CronJob is healthy before it runs, as is what has no Pods."""
    return manifest.kind != "CronJob" and manifest.get("spec", "replicas") != 0


def skips_dry_run(loaded: LoadedApplication, manifest: Manifest) -> bool:
    """Whether Argo CD applies an object although its kind is not there yet when the sync begins."""
    options = str(manifest.annotations.get(SYNC_OPTIONS_ANNOTATION) or "").split(",")
    return _DRY_RUN in [option.strip() for option in options] or loaded.application.sync_policy.has_option(_DRY_RUN)


@dataclass(frozen=True, slots=True)
class LateNeed:
    """A need that an Application meets itself, in a later turn of its sync than the one that waits for it."""

    use: Use
    provider: Definition
    needed: Step
    provided: Step

    @property
    def is_hook(self) -> bool:
        """Whether a hook waits for it."""
        return hook_types(self.use.manifest.annotations).is_hook


def late_needs(graph: Graph, label: str, uses: Iterable[Use]) -> Iterator[LateNeed]:
    """The needs of Pods that only a later phase or wave of the same sync meets, one for each object and target.

    Argo CD begins a turn when everything of the one before is healthy (argo-cd: gitops-engine/pkg/sync/
    sync_context.go): Pods that wait for what comes later wait for ever.
    """
    told: set[tuple[str, Target]] = set()
    for use in uses:
        key = (use.manifest.object_id, use.target)
        if use.manifest.pod_spec_path is None or key in told or _strength(use) is not Strength.HELD:
            continue
        providers = graph.find(use.target).definitions
        if not providers or any(one.application != label for one in providers):
            continue
        turns = [
            (min(found), one) for one in providers if one.manifest and (found := sync_turns(one.manifest.annotations))
        ]
        needed = min(sync_turns(use.manifest.annotations))
        if turns and needed < min(turns, key=lambda pair: pair[0])[0]:
            provided, provider = min(turns, key=lambda pair: pair[0])
            told.add(key)
            yield LateNeed(use, provider, needed, provided)
