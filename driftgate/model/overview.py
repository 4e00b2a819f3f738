"""What an environment consists of, as plain data for reports: Applications, sources, waves and needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from driftgate.model.place import Place

__all__ = ["ApplicationOverview", "NeedOverview", "Overview", "SourceOverview"]


@dataclass(frozen=True, slots=True)
class SourceOverview:
    """One source of an Application; `values` are its layers of values, lowest first: what each is, and its file.

    `at` is a folder of the repository, or the repository and the path or chart there, without credentials.
    """

    type: str
    at: str
    values: tuple[tuple[str, str], ...] = ()
    status: str = ""


@dataclass(frozen=True, slots=True)
class ApplicationOverview:
    """One Application: where it is written, where it goes, when it is applied, and what it renders.

    `parent` is the label of the Application that renders it, "" for none, and `wave` its sync wave there. `objects` are
    written group/Kind/namespace/name. With `complete` false more may be rendered than is listed.
    """

    label: str
    place: Place
    destination: str
    namespace: str
    parent: str = ""
    wave: int = 0
    sources: tuple[SourceOverview, ...] = ()
    objects: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class NeedOverview:
    """What one Application needs of another: `is_hard` without which it does not become healthy.

    `turn` says when the consumer comes, seen from its producer: after, same, unordered or before.
    """

    consumer: str
    producer: str
    things: tuple[str, ...]
    is_hard: bool
    turn: str

    @property
    def is_late(self) -> bool:
        """Whether the consumer does not come after what it needs, so that an arrow points backwards."""
        return self.turn in ("same", "before")


@dataclass(frozen=True)
class Overview:
    """The Applications of an environment, each after its parent, wave by wave and after what it needs.

    `waits` says whether a wave waits until the Applications of the one before are healthy; None where it is not known.
    """

    applications: tuple[ApplicationOverview, ...] = ()
    needs: tuple[NeedOverview, ...] = ()
    waits: bool | None = None

    @cached_property
    def _known(self) -> dict[str, ApplicationOverview]:
        return {one.label: one for one in self.applications}

    @cached_property
    def parents(self) -> frozenset[str]:
        """The labels of the Applications that render others."""
        return frozenset(one.parent for one in self.applications if one.parent)

    def find(self, label: str) -> ApplicationOverview | None:
        """The Application of a label."""
        return self._known.get(label)

    def waves(self, parent: str) -> Iterator[tuple[int, tuple[ApplicationOverview, ...]]]:
        """The children of a parent, wave by wave."""
        children = [one for one in self.applications if one.parent == parent]
        for wave in sorted({one.wave for one in children}):
            yield wave, tuple(one for one in children if one.wave == wave)

    @property
    def tops(self) -> tuple[ApplicationOverview, ...]:
        """The Applications that no other one renders."""
        return tuple(one for one in self.applications if not one.parent)
