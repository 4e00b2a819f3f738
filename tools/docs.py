"""Write the generated parts of the documents: command output in README.md, the catalogue, the policy schema.

    python tools/docs.py            write them
    python tools/docs.py --check    compare, and exit 1 with the names of those that differ

In README.md a block between `<!-- output: COMMAND -->` and `<!-- end -->` is replaced by what the command prints. With
`<!-- output of CASE: COMMAND -->` it runs in a clone made of a fixture case of a change: its `base` is the branch main,
and its `head` what stands in the work tree.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- output(?: of (?P<case>\S+))?: (?P<command>[^>]+) -->\n.*?<!-- end -->", re.DOTALL)
WIDTH = "100"
# What fixtures call their repository.
URL = "https://git.example.com/platform/deployments.git"


def generated() -> Iterator[tuple[Path, str]]:
    """Every generated file with the text that it should have."""
    yield ROOT / "policies/README.md", _run("driftgate catalogue")
    yield ROOT / "policies/policy.schema.json", _run("driftgate schema")
    readme = ROOT / "README.md"
    yield readme, BLOCK.sub(_block, readme.read_text(encoding="utf-8"))


def _block(match: re.Match[str]) -> str:
    command, case = match["command"].strip(), match["case"]
    with tempfile.TemporaryDirectory() as scratch:
        text = _run(command, _clone(ROOT / case, Path(scratch)) if case else ROOT)
    output = "\n".join(line.rstrip() for line in text.rstrip().splitlines())
    of = f" of {case}" if case else ""
    return f"<!-- output{of}: {command} -->\n```console\n$ {command}\n{output}\n```\n<!-- end -->"


def _clone(case: Path, folder: Path) -> Path:
    """A clone of a case's base with the files of its head; always the same commit, so that it has the same name."""
    root = folder / "deployments"
    shutil.copytree(case / "base", root)
    date = "2026-01-01T00:00:00Z"
    own = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "GIT_CONFIG_GLOBAL": os.devnull}
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("GIT_")}, **own}
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["remote", "add", "origin", URL],
        ["add", "--all"],
        ["-c", "user.name=docs", "-c", "user.email=docs@example.com", "commit", "--quiet", "--message=base"],
    ):
        subprocess.run(["git", *arguments], cwd=root, env=environment, check=True)
    for entry in (entry for entry in root.iterdir() if entry.name != ".git"):
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(case / "head", root, dirs_exist_ok=True)
    return root


def _run(command: str, folder: Path = ROOT) -> str:
    """What a driftgate command prints in a tree, on a terminal of a fixed width, with nothing cached."""
    name, *arguments = command.split()
    assert name == "driftgate", command
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1", "XDG_CACHE_HOME": cache, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [sys.executable, "-m", "driftgate.cli", *arguments],
            cwd=folder,
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
