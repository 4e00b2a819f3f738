"""What has to be there before what: between Applications, and within the sync of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from driftgate.checks.sync_waves import is_told_of_wave

from driftgate.graph.order import (
    Dependency,
    LateNeed,
    Order,
    Standing,
    Strength,
    Turn,
    circles,
    late_needs,
    skips_dry_run,
)
from driftgate.graph.terms import Definition
from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Scope,
    Subject,
    check,
    graph_of,
    order_of,
    uses_by_application,
)
from driftgate.model.environment import LoadedApplication, Reach
from driftgate.model.manifest import Manifest
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import Section, setting
from driftgate.semantics.hooks import SYNC_HOOK_TYPES, hook_types
from driftgate.semantics.sync_waves import SYNC_WAVE_ANNOTATION, sync_turns, sync_wave

POLICY: dict[str, type[Section]] = {}
_ANNOTATIONS = ("metadata", "annotations")
_NAMED = 3


@dataclass(frozen=True, slots=True)
class OrderRules(Section):
    """What counts as an order between Applications that need each other."""

    strict: bool = setting(
        False,
        "Whether every need has to be ordered: also what Pods wait for by themselves, such as a Secret, and also where "
        "a parent has all its children in one wave.",
    )


POLICY["order"] = OrderRules


@check()
def wave_before_producer(subject: Subject) -> Iterator[Result]:
    """An Application is in an earlier wave than the one that it needs

    Why: Argo CD begins a wave when the one before is healthy. An Application that waits for what only a later wave
    brings never becomes healthy, and the later wave never comes; where waves do not wait for Applications, it starts
    without what it needs (argo-cd: gitops-engine/pkg/sync/sync_context.go).

    Fix: Give the Application that needs it a later wave than the one that provides it.
    """
    pairs = _pairs(subject)
    if not pairs:
        yield NotApplicable()
    for needs in pairs:
        # A webhook that is not there yet refuses nothing.
        late = [(need, at) for need, at in needs if at.turn is Turn.BEFORE and not need.is_webhook]
        if late:
            need, standing = late[0]
            found = f"wave {standing.consumer_wave}, but it needs {need.needed}, which {_comes_with(need, standing)}"
            yield _breach(subject, need, standing, found, f"a wave after {standing.producer_wave}")


@check(severity=Severity.WARNING)
def wave_beside_producer(subject: Subject) -> Iterator[Result]:
    """An Application is in the same wave as the one that it needs

    Why: Argo CD applies a wave all at once. An object whose namespace or kind is not there yet, or whose webhook does
    not answer yet, is refused and its sync fails; after the last retry Argo CD does not try the same revision again.
    Pods wait for a Secret or a ConfigMap by themselves, which counts only where policy says so (order.strict).

    Fix: Give the Application that needs it a later wave than the one that provides it.
    """
    pairs = _pairs(subject)
    if not pairs:
        yield NotApplicable()
    for needs in pairs:
        beside = [pair for pair in needs if _is_beside(subject, *pair)]
        if beside:
            need, standing = beside[0]
            found = f"wave {standing.consumer_wave}, and it needs {need.needed}, which {_comes_with(need, standing)}"
            yield _breach(subject, need, standing, found, f"a wave after {standing.producer_wave}")


@check(severity=Severity.NOTE)
def wave_before_used(subject: Subject) -> Iterator[Result]:
    """An Application is in an earlier wave than one that it uses

    Why: It becomes healthy by itself and does its work only when the other one is there: an Ingress of an earlier wave
    than its Service answers with 503 until then, for good if the wave between the two never becomes healthy.

    Fix: Give it a later wave than what it uses, unless the time between does not matter.
    """
    pairs = _pairs(subject, soft=True)
    if not pairs:
        yield NotApplicable()
    before = [[pair for pair in needs if pair[1].turn is Turn.BEFORE] for needs in pairs]
    early = [needs[0] for needs in before if needs]
    if early:
        last, standing = max(early, key=lambda pair: pair[1].producer_wave)
        uses = _listed([f"{need.needed}, which {_comes_with(need, at)}" for need, at in early])
        found = f"wave {standing.consumer_wave}, and it uses {uses}"
        yield replace(
            _breach(subject, last, standing, found, f"a wave after {standing.producer_wave}"), field="uses", cause=""
        )


@check(severity=Severity.NOTE)
def producer_not_ordered(subject: Subject) -> Iterator[Result]:
    """Nothing makes others wait for an Application that they need

    Why: Only children of one parent that are in different waves have an order. Everything else begins at once, and an
    object whose namespace or kind is not there yet fails its sync until a retry meets it; Pods wait for a Secret or a
    ConfigMap by themselves, which counts only where policy says so (order.strict).

    Fix: Put the Applications below one parent, in waves, or apply this one first by hand.
    """
    order, label = order_of(subject), subject.app.label
    asked = [
        (pair[0], needs)
        for pair, needs in order.pairs.items()
        if pair[1] == label and _counts(subject, needs[0]) and not needs[0].is_webhook
    ]
    if not asked:
        yield NotApplicable()
    open_ = [(consumer, needs[0]) for consumer, needs in asked if _is_unordered(order, needs[0])]
    # A strict policy tells of a parent without waves at each Application that needs something.
    if subject.section(OrderRules).strict:
        open_ = [(consumer, need) for consumer, need in open_ if order.standing(need).turn is Turn.UNORDERED]
    if open_:
        consumers = _listed([consumer for consumer, _ in open_])
        first = open_[0][1]
        place, _ = subject.cause(first.use.manifest, *_path_of(first))
        yield Breach(
            subject.application.place,
            f"{consumers} {'needs' if len(open_) == 1 else 'need'} {first.needed}, and nothing puts {label} first",
            "one parent, with waves",
            field="order",
            related=(Related(place, f"{first.consumer} needs it here"),),
        )


@check(scope=Scope.ENVIRONMENT)
def applications_need_each_other(subject: Subject) -> Iterator[Result]:
    """Applications need each other, so that no order is right

    Why: Each of them has to be there before the other. Waves that put one first make it wait for the second without
    end; where each holds objects of a kind that the other one defines, every sync fails before anything is applied
    (argo-cd: gitops-engine/pkg/sync/sync_context.go, the dry run).

    Fix: Move what both need into an Application of its own, in a wave before them.
    """
    order = order_of(subject)
    if len(order.applications) < 2:
        yield NotApplicable()
    for circle in _broken_circles(subject):
        edges = [order.pairs[pair][0] for pair in sorted(order.pairs) if set(pair) <= set(circle)]
        edges = [need for need in edges if need.strength is not Strength.SOFT and not need.is_webhook]
        first, *more = edges
        place, related = _need_place(subject, first)
        others = tuple(
            Related(_need_place(subject, need)[0], f"{need.consumer} needs {need.needed} of {need.producer}")
            for need in more
        )
        needs = "; ".join(f"{need.consumer} needs {need.needed} of {need.producer}" for need in edges[:_NAMED])
        yield Breach(place, needs, "needs that go one way", field=" ".join(circle), related=(*related, *others))


@check()
def kind_from_own_child(subject: Subject) -> Iterator[Result]:
    """An app of apps renders an object of a kind that only its own child defines

    Why: Before anything is applied Argo CD tries everything, and fails where a kind is not known. The child that
    brings the CRD is an object of the same sync, so it is never created, whatever the waves say (argo-cd:
    docs/user-guide/sync-options.md, skip dry run for new custom resource types).

    Fix: Move the object into a child, or annotate it with argocd.argoproj.io/sync-options:
    SkipDryRunOnMissingResource=true and give it a later wave than the child.
    """
    order, label = order_of(subject), subject.app.label
    if not subject.app.is_parent:
        yield NotApplicable()
    for need in order.dependencies:
        is_below = label in order.chain(need.producer)[:-1]
        if need.consumer != label or not need.is_crd or not is_below:
            continue
        if skips_dry_run(subject.app, need.use.manifest):
            continue
        found = (
            f"{need.use.manifest.kind} {need.use.manifest.name}, whose CustomResourceDefinition {need.producer} brings"
        )
        breach = subject.breach(need.use.manifest, ("kind",), found, "an object of a child")
        yield _with_related(breach, _provided(subject, need.provider, f"{need.producer} provides it here"))


@check()
def hook_needs_later_object(subject: Subject) -> Iterator[Result]:
    """A hook needs an object that the same sync applies only after it

    Why: A hook has to end before the next phase or wave begins. Its Pods wait for a Secret, ConfigMap, ServiceAccount
    or volume that comes later, and so does the sync, without limit; only where an earlier sync has left the object
    behind does it pass. Argo CD runs Helm's pre-upgrade hooks on the first installation too (argo-cd:
    gitops-engine/pkg/sync/hook/helm, sync_context.go).

    Fix: Make what the hook needs a hook of the same phase, with a lower or the same wave, or move the hook to PostSync.
    """
    yield from _late(subject, hooks=True)


@check()
def wave_deadlock(subject: Subject) -> Iterator[Result]:
    """An object needs another one of a later wave of the same sync

    Why: Argo CD begins a wave when everything of the one before is healthy. Pods that wait for a Secret, ConfigMap,
    ServiceAccount or volume of a later wave never are, so that wave is never reached; only where an earlier sync has
    left the object behind does it pass (argo-cd: gitops-engine/pkg/sync/sync_context.go).

    Fix: Give what is needed a lower or the same wave, or the object that needs it a higher one.
    """
    yield from _late(subject, hooks=False)


def _late(subject: Subject, *, hooks: bool) -> Iterator[Result]:
    judged = [one for one in subject.manifests if one.pod_spec_path and hook_types(one.annotations).is_hook == hooks]
    if not judged:
        yield NotApplicable()
        return
    if len({turn for manifest in subject.manifests for turn in sync_turns(manifest.annotations)}) < 2:
        return  # everything is applied at once
    uses = uses_by_application(subject).get(subject.app.label, [])
    # One annotation puts an object before everything that it needs: that is one fault.
    faults: dict[tuple[str, str], list[LateNeed]] = {}
    for late in late_needs(graph_of(subject), subject.app.label, uses):
        if late.is_hook == hooks:
            own = _order_annotation(late.use.manifest)
            brought = "" if own or late.provider.manifest is None else late.provider.manifest.object_id
            faults.setdefault((late.use.manifest.object_id, brought), []).append(late)
    for needs in faults.values():
        yield _late_breach(subject, needs)


def _late_breach(subject: Subject, needs: list[LateNeed]) -> Breach:
    first = needs[0]
    needing, brought = first.use.manifest, first.provider.manifest
    assert brought is not None
    wanted = _listed([f"{late.use.target} of {_turn(late.provided)}" for late in needs])
    own = _order_annotation(needing)
    # Without an annotation of its own it is the other object's that parts the two.
    place, related = subject.cause(needing, *own) if own else _turn_place(subject, brought)
    places = [
        Related(subject.cause(late.use.manifest, *late.use.path)[0], f"needs {late.use.target}") for late in needs
    ]
    places += [related for late in needs for related in _provided(subject, late.provider, f"brings {late.use.target}")]
    return Breach(
        place,
        f"{needing.kind} {needing.name} of {_turn(first.needed)} needs {wanted}",
        f"what it needs in {_turn(first.needed)}, or earlier",
        needing.object_id,
        needing.field(*own) if own else needing.field(*first.use.path),
        (*related, *places),
    )


def _turn_place(subject: Subject, manifest: Manifest) -> tuple[Place, tuple[Related, ...]]:
    return subject.cause(manifest, *(_order_annotation(manifest) or ("metadata", "name")))


def _turn(step: tuple[int, int]) -> str:
    phase, wave = step
    return f"{SYNC_HOOK_TYPES[phase]}, wave {wave}"


def _order_annotation(manifest: Manifest) -> tuple[str, ...]:
    """The annotation that puts an object into its turn: the hook's, else the wave's; nothing for wave 0 of Sync."""
    hook = hook_types(manifest.annotations).annotation
    wave, source = sync_wave(manifest.annotations)
    name = hook or (source if wave else "")
    return (*_ANNOTATIONS, name) if name else ()


Placed = tuple[Dependency, Standing]


def _pairs(subject: Subject, *, soft: bool = False) -> list[list[Placed]]:
    """The hard needs of the Application that a common parent orders, by producer, the most compelling first.

    With `soft` the needs of those producers of which it needs nothing harder. Left out is what is told as another
    fault: a wave that is none or is not the one that policy asks for, and Applications that need each other.
    """
    order, label = order_of(subject), subject.app.label
    circles_told = _broken_circles(subject) if subject.is_on("applications-need-each-other") else ()
    found = []
    for (consumer, producer), needs in order.pairs.items():
        if consumer != label or any({consumer, producer} <= set(circle) for circle in circles_told):
            continue
        hard = [need for need in needs if need.strength is not Strength.SOFT]
        wanted = hard if not soft else [] if hard else needs
        placed = [(need, order.standing(need)) for need in wanted]
        placed = [pair for pair in placed if pair[1].turn is not Turn.UNORDERED and not _is_told(subject, *pair)]
        if placed:
            found.append(placed)
    return found


def _is_told(subject: Subject, need: Dependency, standing: Standing) -> bool:
    """Whether another check speaks of the same fault: of a wave, or of a kind that the parent cannot even try."""
    applications = order_of(subject).applications
    if standing.consumer == standing.parent and need.is_crd and subject.is_on("kind-from-own-child"):
        return not skips_dry_run(applications[need.consumer], need.use.manifest)
    children = {standing.consumer, standing.producer} - {standing.parent}
    return any(is_told_of_wave(subject, applications[child].application) for child in children)


def _counts(subject: Subject, need: Dependency) -> bool:
    """Whether a need has to be ordered: what is refused has to, and under a strict policy what waits by itself too."""
    is_strict = subject.section(OrderRules).strict and need.strength is Strength.HELD
    return need.strength is Strength.REFUSED or is_strict


def _is_beside(subject: Subject, need: Dependency, standing: Standing) -> bool:
    has_waves = len(order_of(subject).waves_of(standing.parent)) > 1
    is_ordering = has_waves or subject.section(OrderRules).strict
    return standing.turn is Turn.SAME and is_ordering and _counts(subject, need)


def _is_unordered(order: Order, need: Dependency) -> bool:
    """Whether nothing orders a need: no parent in common, or one whose children are all in one wave.

    What is not rendered in full may be the parent, and what no root reaches is never applied.
    """
    standing = order.standing(need)
    if standing.turn is Turn.UNORDERED:
        ends = [order.applications[label] for label in (need.consumer, need.producer)]
        is_reached = all(one.reach is not Reach.UNREACHED for one in ends)
        return is_reached and all(order.applications[label].complete for label in order.tops)
    is_own = standing.parent in (standing.consumer, standing.producer)
    return standing.turn is Turn.SAME and len(order.waves_of(standing.parent)) < 2 and not is_own


def _broken_circles(subject: Subject) -> tuple[tuple[str, ...], ...]:
    return subject.once(_circles)


def _circles(subject: Subject) -> tuple[tuple[str, ...], ...]:
    """The circles that break: by waves that part them, by kinds that none of them can try, or by a strict policy.

    Others come up: what is refused is tried again, and Pods wait.
    """
    order = order_of(subject)
    kinds: dict[str, set[str]] = {}
    apart: set[frozenset[str]] = set()
    for need in order.dependencies:
        if need.is_crd and not skips_dry_run(order.applications[need.consumer], need.use.manifest):
            kinds.setdefault(need.consumer, set()).add(need.producer)
        if need.strength is not Strength.SOFT and not need.is_webhook and order.standing(need).turn is Turn.BEFORE:
            apart.add(frozenset((need.consumer, need.producer)))
    stuck = circles(kinds)
    strict = subject.section(OrderRules).strict
    return tuple(
        circle
        for circle in order.circles
        if strict or any(pair <= set(circle) for pair in apart) or any(set(one) <= set(circle) for one in stuck)
    )


def _comes_with(need: Dependency, standing: Standing) -> str:
    is_below = standing.producer not in (need.producer, standing.parent)
    who = f"{need.producer} below {standing.producer}" if is_below else need.producer
    return f"{who} provides in wave {standing.producer_wave}"


def _breach(subject: Subject, need: Dependency, standing: Standing, found: str, expected: str) -> Breach:
    place, related = _wave_place(subject, standing.consumer, standing.parent, need.use.manifest)
    other, _ = _wave_place(subject, standing.producer, standing.parent, need.provider.manifest)
    wanted, _ = subject.cause(need.use.manifest, *_path_of(need))
    return Breach(
        place,
        found,
        expected,
        field=f"needs.{need.producer}",
        related=(
            *related,
            Related(other, f"the wave of {standing.producer}"),
            Related(wanted, f"{need.consumer} needs it here"),
            *_provided(subject, need.provider, f"{need.producer} provides it here"),
        ),
        # Two children that stand the wrong way round do so for everything below them.
        cause=f"waves:{standing.consumer}:{standing.producer}",
    )


def _wave_place(
    subject: Subject, label: str, parent: str, manifest: Manifest | None
) -> tuple[Place, tuple[Related, ...]]:
    """The line of a child's wave, or where it would stand; of an object of the parent's own, that object's."""
    path = (*_ANNOTATIONS, SYNC_WAVE_ANNOTATION)
    if label == parent and manifest is not None:
        return subject.cause(manifest, *path)
    applications = order_of(subject).applications
    child = applications[label].application
    place = child.place_of(*path)
    rendered = None if place.exact else _rendered(applications[parent], child.name)
    return (place, ()) if rendered is None else subject.cause(rendered, *path)


def _rendered(parent: LoadedApplication, name: str) -> Manifest | None:
    return next((one for one in parent.manifests if one.is_application and one.name == name), None)


def _path_of(need: Dependency) -> tuple[str | int, ...]:
    return ("metadata", "name") if need.is_webhook else need.use.path


def _need_place(subject: Subject, need: Dependency) -> tuple[Place, tuple[Related, ...]]:
    return subject.cause(need.use.manifest, *_path_of(need))


def _provided(subject: Subject, provider: Definition, note: str) -> tuple[Related, ...]:
    if provider.manifest is None or not provider.path:  # what Argo CD makes as it syncs stands in the Application
        return (Related(provider.place, note),) if provider.place is not None else ()
    return (Related(subject.cause(provider.manifest, *provider.path)[0], note),)


def _with_related(breach: Breach, related: tuple[Related, ...]) -> Breach:
    return Breach(
        breach.place,
        breach.found,
        breach.expected,
        breach.object,
        breach.field,
        (*breach.related, *related),
        breach.fix,
    )


def _listed(names: list[str]) -> str:
    shown, rest = names[:_NAMED], len(names) - _NAMED
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
