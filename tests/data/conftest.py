"""The marker of the tests that load released sources anew."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker for a run that may be selected by it."""
    config.addinivalue_line("markers", "network: needs the Go module proxy, or a filled Go module cache")
