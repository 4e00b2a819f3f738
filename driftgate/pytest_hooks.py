"""Hooks that a project's conftest.py may define."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookspec(firstresult=True)
def pytest_driftgate_root() -> Path | None:
    """The root of the tree to judge, where it is not pytest's own rootdir."""
