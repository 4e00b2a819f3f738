"""`python -m driftgate.cli` is the command, for those who choose the Python themselves."""

from __future__ import annotations

import sys

from driftgate.cli import main

if __name__ == "__main__":
    sys.exit(main())
