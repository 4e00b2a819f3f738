"""What a look at a cluster has shown: of each Application, and of the environment."""

from __future__ import annotations

from dataclasses import dataclass

from driftgate.health import Access, ApplicationState, Health, Ref, Status, Trouble
from driftgate.status.rows import IngressRow, PodRow, ServiceRow

__all__ = ["ApplicationStatus", "EnvironmentStatus", "Unknown", "Waiting"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An object that is not healthy, with nothing known to be wrong with it."""

    ref: Ref
    health: Health


@dataclass(frozen=True, slots=True)
class ApplicationStatus:
    """One Application: the worst health of its objects as Argo CD adds it up, and what keeps it from being well.

    `health` is None where none of its objects is known, `unread` counts those of which nobody knows whether they are
    there. What is wrong with several Applications is among the `troubles` of the first, and `elsewhere` for the others.
    `state` is what Argo CD itself says, where it is the one who
    delivers; `demanded` that it has to be done. `unjudged` are kinds without a health rule here, though Argo CD may
    have one.
    """

    label: str
    wave: int
    objects: int
    health: Status | None
    missing: tuple[Ref, ...] = ()
    unserved: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    elsewhere: tuple[Trouble, ...] = ()
    state: ApplicationState | None = None
    demanded: bool = False
    absent: bool = False
    unread: int = 0
    unjudged: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether all of it is known to be there and healthy, and where Argo CD was asked, it says so too."""
        return not self.is_unwell and not self.unread

    @property
    def is_unwell(self) -> bool:
        """Whether something of it is known to be missing, wrong or not yet healthy."""
        delivered = not self.absent and (not self.demanded or (self.state is not None and self.state.done))
        lacking = self.missing or self.unserved or self.troubles or self.elsewhere or self.waiting
        return bool(lacking) or self.health not in (Status.HEALTHY, None) or not delivered

    @property
    def has_failed(self) -> bool:
        """Whether Argo CD has given up on what was demanded of it."""
        return self.demanded and self.state is not None and self.state.failed


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be found out; `lasting` says that asking again will not help."""

    what: str
    why: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """What one look has shown.

    `delivery` is `argocd` where the cluster has Applications of the environment, or a revision of them is demanded.
    `found` counts the objects that are there, `calls` what it took to ask for them.
    """

    environment: str
    delivery: str
    applications: tuple[ApplicationStatus, ...]
    pods: tuple[PodRow, ...]
    services: tuple[ServiceRow, ...]
    ingresses: tuple[IngressRow, ...]
    accesses: tuple[Access, ...]
    unknown: tuple[Unknown, ...]
    found: int
    calls: int

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Every trouble, each told once."""
        return tuple(trouble for one in self.applications for trouble in one.troubles)

    @property
    def exit_code(self) -> int:
        """0 all healthy, 1 troubles or not healthy, 5 nothing is there, 6 something could not be read."""
        if not self.found and not self.unknown:
            return 5
        if self.found and any(one.is_unwell for one in self.applications):
            return 1
        return 6 if self.unknown else 0

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing is left that waiting could mend."""
        if any(one.has_failed for one in self.applications):
            return True
        blocked = any(one.unserved for one in self.applications)
        return (bool(self.troubles) or blocked) and all(trouble.hopeless for trouble in self.troubles)
