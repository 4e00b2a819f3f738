"""Fixtures for the programs that tests run, and the rule that a test which was skipped is a test that failed.

`tests/conftest.py` loads this module with `pytest_plugins = ["tests.tooling"]`.
"""

from __future__ import annotations

import collections
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.agreement.kinds import kubernetes_schema
from tests.controlplane.crds import Crd, published, serve
from tests.controlplane.plane import API_SERVER, CONTROLLERS, ControlPlane, running
from tests.oracle import Oracle
from tests.workers import end_shared_pools
from tools import build
from tools.facts.generate import FactsError

NO_SKIPS = "DRIFTGATE_TESTS_NO_SKIPS"

_skipped = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture(scope="session", autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    yield
    end_shared_pools()


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


@pytest.fixture(scope="session")
def oracle(pytestconfig: pytest.Config) -> Iterator[Oracle]:
    """Argo CD's own code, with the schema of Kubernetes' kinds; an error, never a skip, where it cannot be built."""
    with Oracle(_ensure("oracle", pytestconfig), kubernetes_schema().path) as asked:
        yield asked


@pytest.fixture(scope="session")
def api_server(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """An API server with etcd and nothing else: no object changes that a test does not change.

    A test that needs it does not run where its programs can be neither found nor built; `make test` fails then.
    """
    with running(_parts(API_SERVER, pytestconfig)) as plane:
        yield plane


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """A whole control plane with two nodes, on which Deployments roll out and Pods come and go.

    It is not that of `api_server`. `tests/controlplane/stages.yaml` tells how a test makes a Pod fail.
    """
    with running(_parts(API_SERVER + CONTROLLERS, pytestconfig), controllers=True) as plane:
        yield plane


@pytest.fixture(scope="session")
def operators_plane(control_plane: ControlPlane, published_crds: dict[str, list[Crd]]) -> ControlPlane:
    """The control plane, from now on with the kinds of External Secrets and cert-manager: they take long to come."""
    serve(control_plane, [*published_crds["external-secrets"], *published_crds["cert-manager"]])
    return control_plane


@pytest.fixture(scope="session")
def published_crds() -> dict[str, list[Crd]]:
    """The published CRDs of `argocd`, `external-secrets` and `cert-manager`, for `crds.served`."""
    try:
        return published()
    except FactsError as error:
        pytest.skip(f"no CRDs: {_first_line(error)}; they come from the Go module proxy")


def _parts(names: Sequence[str], config: pytest.Config) -> dict[str, Path]:
    try:
        return {name: _ensure(name, config) for name in names}
    except build.ToolError as error:
        remedy = f"`python tools/build.py` builds it where the Go module proxy is, or {build.ASSETS} names a folder"
        pytest.skip(f"no control plane: {_first_line(error)}; {remedy}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _ensure(name: str, config: pytest.Config) -> Path:
    capture = config.pluginmanager.getplugin("capturemanager")
    # A first build takes minutes, so its progress line must not wait until the test is over.
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        return build.ensure(name)


class _Skips:
    """Says which tests or modules did not run; where `fatal`, they fail the run. Expected failures are no skips."""

    def __init__(self, config: pytest.Config, *, fatal: bool) -> None:
        self.fatal = fatal
        self.skipped = config.stash.setdefault(_skipped, [])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append((report.nodeid, _reason(report)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append((report.nodeid, _reason(report)))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        ended_well = session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
        if self.fatal and self.skipped and ended_well:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.skipped:
            return
        because = f", although {NO_SKIPS} is set" if self.fatal else ""
        terminalreporter.section(f"{len(self.skipped)} did not run{because}", red=self.fatal)
        if self.fatal:
            for name, _reason in self.skipped:
                terminalreporter.line(name)
        for reason, count in collections.Counter(reason for _name, reason in self.skipped).items():
            terminalreporter.line(f"{count} x {reason}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    # pytest documents (path, line, reason) as the shape for skips; anything else still prints whole.
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext


def pytest_configure(config: pytest.Config) -> None:
    """Watch for skipped tests; they fail the run where the caller asks for it, as `make test` does."""
    fatal = os.environ.get(NO_SKIPS) == "1"
    config.pluginmanager.register(_Skips(config, fatal=fatal), "driftgate-tests-skips")
