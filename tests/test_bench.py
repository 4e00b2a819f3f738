from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.drift import KINDS, generate_objects, judged_objects
from bench.generate import generate
from bench.measure import median_of, peak_memory, run
from bench.table import Row, table_text
from driftgate.run import judge_tree, policies_of
from driftgate.settings import Settings


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_seed_makes_the_same_repository(tmp_path: Path) -> None:
    """A generated repository is the same bytes for the same seed, and others for another."""
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        generate(tmp_path / name, 3, seed)
    one, two, three = (_files(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one != three


def test_generated_repository_is_judged_whole(tmp_path: Path) -> None:
    """Every Application of a generated repository renders its own chart, and nothing in it is wrong."""
    generate(tmp_path / "tree", 5)
    tree = tmp_path / "tree"
    (judgement,) = judge_tree(tree, policies_of(tree, None), Settings(cache=None, workers=1))
    names = {path.stem for path in (tree / "apps").iterdir()}
    ledger = judgement.ledger
    assert (set(ledger.rendered), set(ledger.charts)) == (names | {"root"}, {f"charts/{name}" for name in names})
    assert judgement.findings == ()
    assert {kind: count for kind, count in ledger.kinds.items() if kind != "Ingress"} == dict.fromkeys(
        ("Application", "ConfigMap", "Deployment", "Service", "ServiceAccount"), 5
    )


def test_generated_objects_are_judged_whole(tmp_path: Path) -> None:
    """Every object of twenty kinds has its live one, and the scaled Deployments are told, and nothing else."""
    assert len(KINDS) == 20
    generate_objects(tmp_path, 40)
    judged = judged_objects(tmp_path, 1)  # which looks at the findings itself
    assert judged.seconds > 0
    assert judged.peak > 0


def test_table_shows_what_missed_its_goal() -> None:
    """The table tells value, goal, verdict and ratio of each measure, in columns."""
    rows = [
        Row("check", 0.5, "s", 1.0, 0.25, "bare pytest"),
        Row("import", 30.0, "ms", 30),
        Row("memory", 230.4, "MB"),
    ]
    assert table_text(rows).splitlines() == [
        "work    median   goal             ratio",
        "check   0.50 s   < 1 s    met     2.00 x bare pytest",
        "import  30.0 ms  < 30 ms  MISSED",
        "memory  230 MB",
    ]
    assert [row.met for row in rows] == [True, False, True]


def test_process_is_measured_from_start_to_end(tmp_path: Path) -> None:
    """A run takes as long as its process, and one that crashes is no measure but an error."""
    done = run((sys.executable, "-c", "import time; time.sleep(0.2); print('done')"), os.environ, tmp_path)
    assert (done.output, done.code, 0.2 <= done.seconds < 10) == ("done\n", 0, True)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run((sys.executable, "-c", "1 / 0"), os.environ, tmp_path)


def test_median_ignores_one_slow_run() -> None:
    """One run during which the machine was busy does not move the figure."""
    values = iter([1.0, 99.0, 2.0])
    assert median_of(3, lambda: next(values)) == 2.0


def test_memory_counts_every_process(tmp_path: Path) -> None:
    """The peak is that of a process together with what it has started; nothing is told where there is no /proc."""
    hold = "b = bytearray(60_000_000); import time; time.sleep(0.5)"
    both = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', '{hold}']); {hold}; p.wait()"
    peak = peak_memory((sys.executable, "-c", both), os.environ, tmp_path)
    if sys.platform == "linux":
        assert peak is not None
        assert 120_000_000 < peak < 220_000_000
    else:
        assert peak is None
