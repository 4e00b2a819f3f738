"""Points the driftgate plugin at this repository."""

from __future__ import annotations

from pathlib import Path


def pytest_driftgate_root() -> Path:
    """The tree that `pytest` judges here."""
    return Path(__file__).parent
