"""The process that pulls a chart where there is no `helm` command: one JSON request on standard input, files out."""

from __future__ import annotations

import json
import sys

__all__ = ["main"]


def main() -> int:
    """Pull one chart; 1 where that fails, with Helm's reason on standard error."""
    request = json.load(sys.stdin)
    try:
        from driftgate.render.helm_engine import HelmError, pull
    except (ImportError, OSError) as error:
        print(f"neither a helm command nor the helm-python-sdk package: {error}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        pull(**request)
    except HelmError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the parent reads it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
