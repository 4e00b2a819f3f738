"""Where something stands in the judged tree."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Place"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file of the judged tree, with line and column where they are known.

    `file` is relative to the judged root, with forward slashes. `line` and `column` count from 1; 0 means that the
    place is the file as a whole, because the exact line is not known: a line is never guessed.
    """

    file: str
    line: int = 0
    column: int = 0

    @property
    def exact(self) -> bool:
        """Whether the line is known."""
        return self.line > 0

    def __str__(self) -> str:
        if not self.exact:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"
