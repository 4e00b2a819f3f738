"""Runs the processes of one control plane, and ends them when whoever asked for them is gone.

pytest starts this file as a program and holds its standard input. Each line there is a request, each line on
standard output its answer, both JSON; the first line of output is the folder in which everything lies. The end of
input, which the system brings about however pytest ends, ends the processes and removes the folder. Should the
keeper itself be killed, Linux kills its processes. Standard library only: it runs isolated from what pytest imports.

    {"start": {"name": "etcd", "command": ["/bin/etcd"], "environment": {}}}   -> {"pid": 7}
    {"ended": {}}                                                             -> {"etcd": 1}
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

PR_SET_PDEATHSIG = 1


class Keeper:
    """The processes by name, and the folder that holds their logs as `NAME.log`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, int]:
        """Do what a request asks for."""
        match request:
            case {"start": {"name": str(name), "command": [*command], "environment": dict(environment)}}:
                return {"pid": self.start(name, command, environment)}
            case {"ended": _}:
                return self.ended()
        raise ValueError(f"no such request: {request}")

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> int:
        """Start a process in a group of its own; one of the same name must have ended."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread here
            )
        return self.processes[name].pid

    def ended(self) -> dict[str, int]:
        """The exit status of every process that ended."""
        statuses = {name: process.poll() for name, process in self.processes.items()}
        return {name: status for name, status in statuses.items() if status is not None}

    def end(self) -> None:
        """Kill everything at once: nobody will read what an orderly stop would write."""
        for process in reversed(self.processes.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait()


_keeper_pid = os.getpid()
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    assert _libc is not None
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != _keeper_pid:  # the keeper was killed before the line above
        os._exit(1)


def _tell(answer: str | dict[str, int]) -> None:
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def main() -> None:
    """Answer requests until there are no more."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)
    keeper = Keeper(Path(tempfile.mkdtemp(prefix="driftgate-control-plane-")))
    try:
        _tell(str(keeper.folder))
        for line in sys.stdin:
            _tell(keeper.answer(json.loads(line)))
    finally:
        keeper.end()
        shutil.rmtree(keeper.folder)


if __name__ == "__main__":
    main()
