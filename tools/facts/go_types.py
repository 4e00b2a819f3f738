"""Writes `driftgate/data/types/*.json`: the types of Kubernetes' API that Argo CD compares with.

`python -m tools.facts.go_types` writes them, with `--check` it names the files that differ and exits with 1. For
`kubernetes.json` the Go program in `tools/facts/gotypes` reads the types of client-go's scheme by reflection; its
`go.mod` pins the version that Argo CD's own `go.mod` names, and `go.sum` proves what is loaded. `merge.json` is what
`tools/facts/merge_types.py` makes of the document of structured merge.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.facts.generate import KUBERNETES_MODULE, FactsError, Json, download, go_command, layout, written
from tools.facts.merge_types import MODULE, merge_types

PROGRAM = Path(__file__).resolve().parent / "gotypes"
DATA = Path(__file__).resolve().parents[2] / "driftgate" / "data" / "types"


def go_types() -> Json:
    """The kinds and the types of the pinned scheme, with the release that they are from."""
    run = subprocess.run(
        [go_command(), "run", "."],
        cwd=PROGRAM,
        env={**os.environ, "GOWORK": "off", "GOTOOLCHAIN": "local", "GOFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise FactsError(f"go run in {PROGRAM} failed:\n{run.stderr}")
    types: Json = json.loads(run.stdout)
    return {**types, "x-source": {"module": f"k8s.io/client-go@{pinned()}"}}


def pinned() -> str:
    """The version of client-go in the program's `go.mod`."""
    for line in (PROGRAM / "go.mod").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[:1] == ["k8s.io/client-go"]:
            return words[1]
    raise FactsError(f"{PROGRAM / 'go.mod'} does not name k8s.io/client-go")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when written or equal, 1 when `--check` finds a difference, 2 when the types cannot be had."""
    parser = argparse.ArgumentParser(description="Write the types that Argo CD compares with.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the files")
    options = parser.parse_args(arguments)
    try:
        facts = {
            "kubernetes.json": go_types(),
            "merge.json": merge_types(download(MODULE), download(KUBERNETES_MODULE)),
        }
    except FactsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    contents = {name: layout(value) + "\n" for name, value in facts.items()}
    return written(contents, options.data, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
