"""How the objects of an Application are doing in the cluster, where no other topic knows more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from driftgate.checks.drift import unread_cause, unread_words

from driftgate.judge import Breach, NotApplicable, Result, Subject, Unchecked, check
from driftgate.model.manifest import dig
from driftgate.model.outcome import Related
from driftgate.model.place import Place
from driftgate.policy import Section, setting

if TYPE_CHECKING:  # what is wrong in clusters is not loaded where only files are judged
    from driftgate.drift.troubles import Suffered
    from driftgate.health import Family

POLICY: dict[str, type[Section]] = {}


@dataclass(frozen=True, slots=True)
class LiveHealth(Section):
    """How long and how far something may go in the cluster before it is told."""

    pending_minutes: int = setting(10, "Minutes in which a Pod may find a node, start and become ready.")
    rollout_minutes: int = setting(30, "Minutes for which a rollout may stand still where it has no deadline itself.")
    memory_hours: int = setting(24, "Hours for which a container that was killed for want of memory is told.")
    certificate_days: int = setting(14, "Days before its end from which a certificate is told.")
    quota_percent: int = setting(100, "Percentage from which the use of a ResourceQuota is told.")


POLICY["liveHealth"] = LiveHealth


def told(subject: Subject, check_id: str, expected: str) -> Iterator[Result]:
    """The results of one check: each trouble of its family, and each list without which one may be missed."""
    from driftgate.drift.troubles import concerns, unread_for
    from driftgate.health import Family

    family = Family(check_id)
    found = subject.once(_suffered).get((subject.app.label, family), ())
    if not found and not concerns(subject.deployed, family):
        yield NotApplicable()
        return
    for one in found:
        place, related = _place_of(subject, one)
        yield Breach(
            place,
            one.found,
            expected,
            one.object,
            one.field,
            related,
            fix=one.trouble.next_step,
            cause=one.cause,
            is_cause=one.is_cause,
        )
    destination = subject.deployed.state.destination
    for unread in unread_for(subject.deployed, family):
        wanted = unread.wanted
        kind = f"{wanted.kind}.{wanted.group}" if wanted.group else wanted.kind
        where = f" in namespace {wanted.namespace}" if wanted.namespace else ""
        yield Unchecked(
            subject.application.place,
            f"{kind}{where}: {unread_words(unread)}",
            expected,
            field=f"{kind}/{wanted.namespace}",
            cause=unread_cause(destination, unread),
        )


def _place_of(subject: Subject, one: Suffered) -> tuple[Place, tuple[Related, ...]]:
    """The line in Git to look at first; the destination for what Git does not have."""
    from driftgate.drift.changes import first_leaf

    if one.manifest is None:
        return subject.place("spec", "destination", "namespace"), ()
    path = one.path or ("metadata", "name")
    return subject.cause(one.manifest, *first_leaf(dig(one.manifest.object, path), path))


def _suffered(subject: Subject) -> Mapping[tuple[str, Family], tuple[Suffered, ...]]:
    from driftgate.drift.troubles import suffered
    from driftgate.health import Limits

    section = subject.section(LiveHealth)
    limits = Limits(
        pending=section.pending_minutes * 60,
        rollout=timedelta(minutes=section.rollout_minutes),
        memory=timedelta(hours=section.memory_hours),
        certificate=timedelta(days=section.certificate_days),
        quota=section.quota_percent,
    )
    return suffered(subject.clusters, limits)


@check(live=True)
def object_degraded(subject: Subject) -> Iterator[Result]:
    """A live object is Degraded, Suspended or Unknown by Argo CD's rules

    Why: Whatever the object is there for, it does not do it; the sync stops at it, and the Application is not Healthy.

    Fix: Look closer at the object; its conditions and events say what it lacks.
    """
    yield from told(subject, "object-degraded", "Healthy by Argo CD's rules")
