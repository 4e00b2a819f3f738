"""Errors that end a run, each with the place and the way out."""

from __future__ import annotations

from driftgate.model.place import Place

__all__ = ["DriftgateError", "PolicyError", "UsageError"]


class DriftgateError(Exception):
    """Base of every error that a user of driftgate is meant to read."""


class UsageError(DriftgateError):
    """The command or its configuration cannot be carried out as given."""


class PolicyError(UsageError):
    """A policy or waiver file says something that driftgate cannot follow.

    `problems` holds every problem of the file, each with its place: a reader repairs all of them at once.
    """

    def __init__(self, problems: tuple[tuple[Place, str], ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{place}: {text}" for place, text in problems))
