"""The line that says how far long work is."""

from __future__ import annotations

import io
import sys

import pytest

from driftgate.assembly.provenance import progress


class Terminal(io.StringIO):
    """A standard error that somebody looks at."""

    def isatty(self) -> bool:
        """Tell that it is a terminal."""
        return True


@pytest.mark.parametrize(
    ("stream", "patience", "expected"),
    [
        (Terminal(), 0.0, "\r\x1b[Kprobing values: 3 of 9 Applications\r\x1b[K"),
        (Terminal(), 60.0, ""),
        (io.StringIO(), 0.0, ""),
    ],
    ids=["long on a terminal", "short on a terminal", "long in a file"],
)
def test_only_a_person_who_waits_is_told(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, patience: float, expected: str
) -> None:
    """Progress is told on a terminal, once the work has taken long, and the line is wiped at the end."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", patience)
    with progress.Progress("probing values", "Applications", 9) as shown:
        shown.show(3)
    assert stream.getvalue() == expected
