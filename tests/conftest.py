"""What every test of driftgate can use."""

from __future__ import annotations

import os

pytest_plugins = ["tests.tooling", "tests.agreement.report", "pytester"]

# The deploy script end to end takes as long as everything else together: `make deploy-test` runs it by itself.
collect_ignore = [] if os.environ.get("DRIFTGATE_TEST_DEPLOY") == "1" else ["deploy"]
