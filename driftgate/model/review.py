"""What a change did, asked of the edited values: which of them has an effect, and which one is the cause of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from driftgate.model.node import Path
from driftgate.model.place import Place

__all__ = ["NO_REVIEW", "EditedValue", "Review"]


@dataclass(frozen=True, slots=True)
class EditedValue:
    """One value that the change sets otherwise, adds or takes away, in a layer of one source of an Application.

    `place` is its line now; where it was taken away, that of the block that held it. `is_removal` tells that something
    was taken away or switched off, so that what it yields is meant to go. `shadow` is the line of a higher layer that
    replaces the value. `number` counts the edits of the source.
    """

    application: str
    source_index: int
    number: int
    place: Place
    path: Path
    gone: bool = False
    is_removal: bool = False
    shadow: Place | None = field(default=None)


class Review(Protocol):
    """Answers about a change, found by undoing one edit of the values at a time and rendering again."""

    def edited(self, path: str) -> bool:
        """Whether a file of the tree is another one than on the base, or stands on one side only."""

    def edits(self, application: str) -> tuple[EditedValue, ...]:
        """Every edited value that an Application of the head gets, of the highest layer first."""

    def has_effect(self, edit: EditedValue) -> bool | None:
        """Whether anything is rendered otherwise with the edit undone; None where that cannot be told."""

    def cause(
        self, application: str, source_index: int, restored: Callable[[Iterable[Any]], bool]
    ) -> EditedValue | None:
        """The first edit that, undone by itself, makes `restored` true of the plain objects that the source renders."""


class _NoReview:
    """Without a base nothing is a change."""

    def edited(self, _path: str) -> bool:
        return False

    def edits(self, _application: str) -> tuple[EditedValue, ...]:
        return ()

    def has_effect(self, _edit: EditedValue) -> bool | None:
        return None

    def cause(self, _application: str, _source_index: int, _restored: object) -> EditedValue | None:
        return None


NO_REVIEW = _NoReview()
