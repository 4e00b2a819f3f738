"""Run whole processes and tell how long they took and how much memory they had."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Run", "median_of", "peak_memory", "run"]

_SAMPLE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Run:
    """One process from start to end: seconds by the wall clock, what it printed, and its exit code."""

    seconds: float
    output: str
    code: int


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Run:
    """Run a command in a folder and wait for it; RuntimeError with what it said where it does not start or crashes."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
        )
        seconds = time.perf_counter() - start
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace")
    if done.returncode < 0 or "Traceback" in said:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {said}")
    return Run(seconds, done.stdout, done.returncode)


def median_of(runs: int, once: Callable[[], float]) -> float:
    """The median of several values: a machine that is busy now and then moves it little."""
    return statistics.median(once() for _ in range(runs))


def peak_memory(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> int | None:
    """The most bytes that a command and all processes below it had in memory at one time; None without /proc.

    Pages that several processes share count for each of them, so this is an upper bound.
    """
    if not sys.platform.startswith("linux"):
        return None
    peak = 0
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            peak = max(peak, _tree_memory(process.pid))
            time.sleep(_SAMPLE_SECONDS)
    return peak


def _tree_memory(root: int) -> int:
    """Resident bytes of a process and everything below it."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it may end while we look
                stat = Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace")
                fields = stat.rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
                sizes[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    below = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        below |= more
        grown = bool(more)
    return sum(sizes.get(pid, 0) for pid in below)
