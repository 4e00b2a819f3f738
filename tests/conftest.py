"""What every test of driftgate can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.groups import DEAR, GROUP_OF, Groups

if TYPE_CHECKING:
    from xdist.remote import Producer

pytest_plugins = ["tests.tooling", "tests.agreement.report", "pytester"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Let one worker run what shares a control plane."""
    return Groups(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    """See to it that a file that uses something dear has its group."""
    file = item.nodeid.partition("::")[0]
    used = next((name for name in DEAR if name in getattr(item, "fixturenames", ())), None)
    if used is not None and file.startswith("tests/") and file not in GROUP_OF:
        raise pytest.UsageError(f"{file} uses {used}: give it a group in tests/groups.py")
