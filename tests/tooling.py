"""Fixtures for the programs that tests run, and the rule that a test which was skipped is a test that failed.

`tests/conftest.py` loads this module with `pytest_plugins = ["tests.tooling"]`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from tools import build

NO_SKIPS = "DRIFTGATE_TESTS_NO_SKIPS"

_skipped = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def helm3(pytestconfig: pytest.Config) -> Path:
    """The pinned helm 3; an error, never a skip, where it can be neither found nor built."""
    return _ensure("helm3", pytestconfig)


@pytest.fixture(scope="session")
def helm4(pytestconfig: pytest.Config) -> Path:
    """The pinned helm 4; an error, never a skip, where it can be neither found nor built."""
    return _ensure("helm4", pytestconfig)


@pytest.fixture(scope="session")
def kustomize(pytestconfig: pytest.Config) -> Path:
    """The pinned kustomize; an error, never a skip, where it can be neither found nor built."""
    return _ensure("kustomize", pytestconfig)


def _ensure(name: str, config: pytest.Config) -> Path:
    capture = config.pluginmanager.getplugin("capturemanager")
    # A first build takes minutes, so its progress line must not wait until the test is over.
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        return build.ensure(name)


class _NoSkips:
    """Fails a run in which a test or a module was skipped; expected failures are no skips."""

    def __init__(self, config: pytest.Config) -> None:
        self.skipped = config.stash.setdefault(_skipped, [])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(f"{report.nodeid}: {_reason(report)}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(f"{report.nodeid}: {_reason(report)}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skipped:
            terminalreporter.section(f"skipped, although {NO_SKIPS} is set", red=True)
            for line in self.skipped:
                terminalreporter.line(line)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    # pytest documents (path, line, reason) as the shape for skips; anything else still prints whole.
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext


def pytest_configure(config: pytest.Config) -> None:
    """Watch for skipped tests where the caller asks for it, as `make test` does."""
    if os.environ.get(NO_SKIPS) == "1":
        config.pluginmanager.register(_NoSkips(config), "driftgate-tests-no-skips")
