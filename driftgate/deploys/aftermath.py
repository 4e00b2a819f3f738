"""What came of a deploy: each finding against the snapshot, what is done, and what changed beside the plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from driftgate.compare import ABSENT, Step, written_path
from driftgate.deploys.plan import Planned, Told
from driftgate.deploys.skeleton import changed_since
from driftgate.deploys.snapshot import Seen, Snapshot, seen_objects
from driftgate.drift.consequences import Deliverer
from driftgate.drift.owners import Writer, WriterKind, all_writers, value_at, writers
from driftgate.drift.pairing import LiveEnvironment, Pair
from driftgate.model.outcome import Finding, Judgement, Outcome

__all__ = ["Aftermath", "Collateral", "Phase", "aftermath_of", "collateral_of"]


class Phase(StrEnum):
    """What a deploy has to do with a finding."""

    NOT_DONE = "the deploy was to do away with it, and has not"
    BEFORE = "it was so before the deploy"
    INTRODUCED = "it was not so before the deploy"
    COLLATERAL = "it was not so before the deploy, and is not the deploy's doing: somebody changed it meanwhile"
    UNKNOWN = "not known: before the deploy it could not be checked"


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What came of a deploy. `phases` are by the keys of the findings.

    `done` is the part of the plan that is, `unknown` the part that could not be checked; `fixed` are the keys of the
    findings that are gone without having been planned.
    """

    snapshot: Snapshot
    phases: Mapping[str, Phase]
    done: tuple[Planned, ...]
    unknown: tuple[Planned, ...]
    fixed: tuple[str, ...]

    @property
    def not_done(self) -> tuple[Planned, ...]:
        """The part of the plan that is not done."""
        gone = {*self.done, *self.unknown}
        return tuple(one for one in self.snapshot.planned if one not in gone)

    def told(self, judgement: Judgement) -> Judgement:
        """The judgement with what the deploy has to do with each finding."""
        findings = tuple(
            replace(one, deploy=self.phases[one.key].value) if one.key in self.phases else one
            for one in judgement.findings
        )
        return replace(judgement, findings=findings)


def aftermath_of(snapshot: Snapshot, judgement: Judgement, live: LiveEnvironment, told: Collection[Told]) -> Aftermath:
    """What came of the deploy that the snapshot was taken before; `told` are the differences that there are now."""
    open_now = {one.key for one in judgement.findings if not _is_unchecked(one)}
    unknown = _unknown(snapshot, judgement, live)
    done = tuple(one for one in snapshot.planned if one.key not in open_now and one not in unknown)
    plan = {one.key for one in snapshot.planned}
    fixed = tuple(
        sorted(
            key
            for key in snapshot.there - plan - open_now
            if not _is_of_unjudged(key, snapshot, live) and not _is_unchecked_now(key, judgement)
        )
    )
    differences = {one.key: one for one in told}
    phases = {
        one.key: _phase(one, snapshot, plan, differences, live)
        for one in judgement.findings
        if one.application in snapshot.judged and not _is_unchecked(one)
    }
    return Aftermath(snapshot, phases, done, unknown, fixed)


def _is_unchecked(finding: Finding) -> bool:
    return finding.outcome is Outcome.COULD_NOT_CHECK or finding.could_not_check


def _phase(
    finding: Finding, snapshot: Snapshot, plan: set[str], told: Mapping[str, Told], live: LiveEnvironment
) -> Phase:
    if finding.key in plan:
        return Phase.NOT_DONE
    if finding.key in snapshot.there:
        return Phase.BEFORE
    one = told.get(finding.key)
    if _could_not_be_known(finding, snapshot):
        return Phase.UNKNOWN
    if finding.check == _COLLATERAL_CHECK:
        return Phase.COLLATERAL
    if one is None:
        return Phase.INTRODUCED
    return Phase.INTRODUCED if _is_of_deploy(one.writers, live, finding.application) else Phase.COLLATERAL


_COLLATERAL_CHECK = "changed-outside-plan"


def _could_not_be_known(finding: Finding, snapshot: Snapshot) -> bool:
    """Whether the object of a finding, or its Application, could not be checked before."""
    unread = {(parts[1], parts[2]) for parts in (key.split("/") for key in snapshot.unchecked)}
    about = finding.key.split("/")
    return (about[1], about[2]) in unread or (bool(about[2]) and (about[1], "") in unread)


def _is_of_deploy(by: Collection[Writer], live: LiveEnvironment, label: str) -> bool:
    """Whether the last who wrote is who delivers, or a controller that follows it. Nobody's name is nobody's deploy."""
    last = next(iter(by), None)
    deployed = live.applications.get(label)
    return last is not None and last.kind in _of_deploy(deployed.deliverer if deployed is not None else None)


def _of_deploy(deliverer: Deliverer | None) -> frozenset[WriterKind]:
    ours = {Deliverer.ARGOCD: WriterKind.ARGOCD, Deliverer.HELM: WriterKind.HELM}
    return frozenset({WriterKind.CONTROLLER, *([ours[deliverer]] if deliverer is not None else ours.values())})


def _unknown(snapshot: Snapshot, judgement: Judgement, live: LiveEnvironment) -> tuple[Planned, ...]:
    """What was planned, and cannot be told to be done: the object, or its whole Application, was not judged now."""
    return tuple(
        one
        for one in snapshot.planned
        if _is_of_unjudged(one.key, snapshot, live) or _is_unchecked_now(one.key, judgement)
    )


def _is_of_unjudged(key: str, snapshot: Snapshot, live: LiveEnvironment) -> bool:
    label = key.split("/")[1].replace("~1", "/")
    return label in snapshot.judged and label not in live.applications


def _is_unchecked_now(key: str, judgement: Judgement) -> bool:
    about = key.split("/")[1:3]
    unread = [one.key.split("/")[1:3] for one in judgement.findings if _is_unchecked(one)]
    return about in unread or [about[0], ""] in unread


# --- what changed beside the plan


@dataclass(frozen=True, slots=True)
class Collateral:
    """A field of an object that changed since the snapshot, though neither the plan nor the deliverer touched it.

    `path` is empty where the object as a whole is another one; `writers` are newest first, none where that leaves no
    name.
    """

    pair: Pair
    path: tuple[Step, ...]
    gone: bool
    writers: tuple[Writer, ...]

    @property
    def field(self) -> str:
        """The path as it is written."""
        return written_path(self.path)


def collateral_of(snapshot: Snapshot, live: LiveEnvironment, label: str) -> Iterator[Collateral]:
    """What of an Application's objects changed since the snapshot, and was neither planned nor done by who delivers."""
    deployed = live.applications[label]
    planned: dict[str, set[str]] = {}
    for one in snapshot.planned:
        planned.setdefault(one.object, set()).add(one.field)
    now = seen_objects(replace(live, applications={label: deployed}), snapshot.salt)
    ours = _of_deploy(deployed.deliverer)
    for pair in deployed.pairs:
        before = snapshot.objects.get((deployed.state.destination, pair.object_id))
        if before is None or pair.live is None or pair.manifest is None:
            continue
        seen = now[deployed.state.destination, pair.object_id]
        fields = planned.get(pair.object_id, set())
        yield from _beside(pair, before, seen, fields, ours, snapshot.taken)


def _beside(
    pair: Pair, before: Seen, now: Seen, planned: set[str], ours: frozenset[WriterKind], taken: datetime
) -> Iterator[Collateral]:
    assert pair.live is not None
    delivered = any(one.kind in ours and one.time is not None and one.time >= taken for one in all_writers(pair.live))
    if before.uid != now.uid:
        if not delivered and "" not in planned:
            yield Collateral(pair, (), gone=False, writers=writers(pair.live, ()))
        return
    for path in changed_since(before.skeleton, now.skeleton):
        if _is_planned(path, planned):
            continue
        gone = value_at(pair.live, path) is ABSENT
        by = () if gone else writers(pair.live, path)
        # Who removes a field leaves no name; where the deliverer was at work it will have been that one.
        if (by and by[0].kind in ours) or (not by and delivered):
            continue
        yield Collateral(pair, path, gone, by)


def _is_planned(path: tuple[Step, ...], planned: set[str]) -> bool:
    """Whether the plan changes the field, something around it, or something in it."""
    # Beyond an element that has no name the plan may call it by another key of its.
    end = next((index for index, step in enumerate(path) if isinstance(step, int)), len(path))
    text = written_path(path[:end])
    return any(_is_around(text, field) or _is_around(field, text) for field in planned)


def _is_around(outer: str, inner: str) -> bool:
    if not inner.startswith(outer):
        return False
    return outer in ("", inner) or inner[len(outer)] in ".["
