"""What every test of driftgate can use."""

from __future__ import annotations

pytest_plugins = ["tests.tooling", "tests.agreement.report", "pytester"]
