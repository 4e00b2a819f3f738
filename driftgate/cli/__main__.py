"""`python -m driftgate.cli` is the command, for those who choose the Python themselves."""

from __future__ import annotations

import sys

from driftgate.cli import main

sys.exit(main())
