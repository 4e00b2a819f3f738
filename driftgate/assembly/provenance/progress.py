"""A line on the terminal for work that takes long."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

__all__ = ["Progress"]

PATIENCE_SECONDS = 2.0


@dataclass
class Progress:
    """Says on standard error how far something is, once it has taken two seconds, and only on a terminal.

    A context manager: leaving it wipes the line.
    """

    work: str
    unit: str
    total: int
    _start: float = field(default_factory=time.monotonic)
    _shown: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            _write("\r\x1b[K")

    def show(self, done: int) -> None:
        """Say how much is done, where somebody waits and looks on."""
        if sys.stderr.isatty() and time.monotonic() - self._start > PATIENCE_SECONDS:
            self._shown = True
            _write(f"\r\x1b[K{self.work}: {done} of {self.total} {self.unit}")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
