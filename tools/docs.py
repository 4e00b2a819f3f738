"""Write the generated parts of the documents: command output in README.md, the catalogue, the policy schema.

    python tools/docs.py            write them
    python tools/docs.py --check    compare, and exit 1 with the names of those that differ

In README.md a block between `<!-- output: COMMAND -->` and `<!-- end -->` is replaced by what the command prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- output: (?P<command>[^>]+) -->\n.*?<!-- end -->", re.DOTALL)
WIDTH = "100"


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file with the text that it should have."""
    yield ROOT / "policies/README.md", _run("driftgate catalogue")
    yield ROOT / "policies/policy.schema.json", _run("driftgate schema")
    readme = ROOT / "README.md"
    yield readme, BLOCK.sub(_block, readme.read_text(encoding="utf-8"))


def _block(match: re.Match[str]) -> str:
    command = match["command"].strip()
    output = "\n".join(line.rstrip() for line in _run(command).rstrip().splitlines())
    return f"<!-- output: {command} -->\n```console\n$ {command}\n{output}\n```\n<!-- end -->"


def _run(command: str) -> str:
    """What a driftgate command prints in this tree, on a terminal of a fixed width, with nothing cached."""
    name, *arguments = command.split()
    assert name == "driftgate", command
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1", "XDG_CACHE_HOME": cache, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [sys.executable, "-m", "driftgate.cli", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.stderr:
        raise SystemExit(f"{command} said: {done.stderr}")
    return done.stdout


def stale() -> dict[Path, str]:
    """The generated files that are not what they should be, with the text they should have."""
    return {path: text for path, text in generated() if not path.exists() or path.read_text(encoding="utf-8") != text}


def main() -> int:
    """Write, or compare with `--check`."""
    check = sys.argv[1:] == ["--check"]
    differing = stale()
    for path, text in differing.items():
        if not check:
            path.write_text(text, encoding="utf-8")
        what = "differs from what the commands print; run `make docs`" if check else "written"
        print(f"{path.relative_to(ROOT).as_posix()}: {what}")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
