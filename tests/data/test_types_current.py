"""The shipped types against the released sources, loaded anew through the Go module proxy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "driftgate" / "data" / "types"

pytestmark = pytest.mark.network


def check(data: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of the generator's comparison."""
    command = [sys.executable, "-m", "tools.facts.go_types", "--check", "--data", str(data)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    return run.returncode, run.stdout, run.stderr


def test_committed_types_are_current() -> None:
    """What the generator reads from the pinned sources is what is committed, byte by byte."""
    assert check(DATA) == (0, "", "")


def test_an_edited_merge_key_is_noticed(tmp_path: Path) -> None:
    """A line changed by hand makes the comparison fail and names the file."""
    copy = shutil.copytree(DATA, tmp_path / "types")
    edited = copy / "kubernetes.json"
    text = edited.read_text(encoding="utf-8")
    edited.write_text(
        text.replace('"[]core.v1.EnvVar? merge:name"', '"[]core.v1.EnvVar? merge:value"'), encoding="utf-8"
    )
    assert check(copy) == (1, "differs: kubernetes.json\n", "")
