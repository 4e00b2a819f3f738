"""The table that a measurement ends in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Row", "table_text"]


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: what was done, its value and goal in `unit`, and beside what it stands as a ratio.

    `goal` is None where there is none; a value at its goal has missed it, because the goals say "under".
    `base` is the value that the ratio divides by, and `against` says what that is.
    """

    work: str
    value: float
    unit: str
    goal: float | None = None
    base: float | None = None
    against: str = ""

    @property
    def met(self) -> bool:
        """Whether the value is under its goal, or has none."""
        return self.goal is None or self.value < self.goal

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as it is shown."""
        goal = "" if self.goal is None else f"< {self.goal:g} {self.unit}"
        verdict = "" if self.goal is None else ("met" if self.met else "MISSED")
        ratio = "" if not self.base else f"{self.value / self.base:.2f} x {self.against}"
        return (self.work, f"{self.value:.{_DIGITS[self.unit]}f} {self.unit}", goal, verdict, ratio)


_DIGITS = {"s": 2, "ms": 1, "µs": 1, "MB": 0}
_HEAD = ("work", "median", "goal", "", "ratio")


def table_text(rows: Sequence[Row]) -> str:
    """The rows under a head, in columns as wide as their widest cell."""
    lines = [_HEAD, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
