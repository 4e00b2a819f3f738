"""Says at the end of a test session how many pairs came out how; `tests/conftest.py` loads it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping

import pytest

OUTCOMES = "outcomes of pairs"


@pytest.fixture
def tallied(request: pytest.FixtureRequest) -> Callable[[Mapping[str, int]], None]:
    """Takes the outcomes of a test, so that the session's summary counts them."""

    def take(outcomes: Mapping[str, int]) -> None:
        # What a node carries travels from the workers of a parallel run to the one that writes the summary.
        request.node.user_properties.append((OUTCOMES, dict(outcomes)))

    return take


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the counts, most frequent first."""
    found: collections.Counter[str] = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                for name, value in report.user_properties:
                    if name == OUTCOMES and isinstance(value, dict):
                        found.update(value)
    if found:
        terminalreporter.section(f"{found.total()} pairs compared with Argo CD's own code")
        for outcome, count in found.most_common():
            terminalreporter.line(f"{count:7} {outcome}")
