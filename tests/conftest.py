"""What every test of driftgate can use."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.tooling", "tests.agreement.report", "pytester"]

# What is dear to set up, so that one worker does it for all tests that use it.
SHARED = ("control_plane", "api_server", "wheel")
# The deploy script mostly waits. Two halves, each with a control plane of its own, wait at the same time.
FIRST_HALF = {"test_helm", "test_argocd"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group of each test that shares something dear, for `--dist loadgroup`."""
    for item in items:
        group = _group(item)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str:
    used = getattr(item, "fixturenames", ())
    if item.path.parent.name == "deploy" and "cluster" in used:
        return "deploy 1" if item.path.stem in FIRST_HALF else "deploy 2"
    return next((name for name in SHARED if name in used), "")
