"""The one way in which a step of a comparison gives up."""

from __future__ import annotations

from driftgate.compare.result import Problem, ProblemKind
from driftgate.errors import DriftgateError

__all__ = ["CompareError"]


class CompareError(DriftgateError):
    """There is no verdict on a pair; `problem` says why."""

    def __init__(self, kind: ProblemKind, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(kind, message)
