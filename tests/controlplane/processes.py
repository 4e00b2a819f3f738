"""pytest's side of the keeper: starts processes that end when this process does, and looks after them."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

KEEPER = Path(__file__).with_name("keeper.py")


class ControlPlaneError(Exception):
    """A part of the control plane did not start, or ended; the message holds the end of its log."""


class PortTakenError(ControlPlaneError):
    """Somebody else took a port between our choosing it and the part's listening on it."""


class Processes:
    """Processes with a common folder, which go when `close` is called or this process ends, however it ends."""

    def __init__(self) -> None:
        # In a session of its own: what a terminal or a CI system sends to pytest's group must not reach the keeper
        # before pytest has used what the keeper holds.
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", KEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pids = {"keeper": self._keeper.pid}
        self.folder = Path(self._read())

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start a process; what it prints goes to `NAME.log` in the folder."""
        start = {"name": name, "command": [str(part) for part in command], "environment": dict(environment)}
        self.pids[name] = self._ask({"start": start})["pid"]

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for `ready`, as long as every process runs.

        Raises `PortTakenError` or `ControlPlaneError` when a process ends or the time is over; `what` completes
        "after N s there is no ...".
        """
        end = time.monotonic() + seconds
        while not ready():
            for name, status in self._ask({"ended": {}}).items():
                raise self._why_ended(name, status)
            if time.monotonic() > end:
                raise ControlPlaneError(f"after {seconds:g} s there is no {what}\n{self._logs()}")
            time.sleep(0.05)

    def close(self) -> None:
        """End the processes and remove the folder; once they are gone, it returns."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.close()
        self._keeper.wait(timeout=60)
        self._keeper.stdout.close()
        # Already gone, unless the keeper was killed.
        shutil.rmtree(self.folder, ignore_errors=True)

    def _why_ended(self, name: str, status: int) -> ControlPlaneError:
        log = self._log(name)
        kind = PortTakenError if "address already in use" in log else ControlPlaneError
        return kind(f"{name} ended with status {status}\n{log}")

    def _logs(self) -> str:
        return "\n".join(f"--- {path.stem}\n{self._log(path.stem)}" for path in sorted(self.folder.glob("*.log")))

    def _log(self, name: str) -> str:
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-20:])

    def _ask(self, request: Mapping[str, Any]) -> dict[str, int]:
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer that does not come tells it better
            self._keeper.stdin.write(f"{json.dumps(request)}\n")
            self._keeper.stdin.flush()
        answer: dict[str, int] = self._read()
        return answer

    def _read(self) -> Any:
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline()
        if not line:
            raise ControlPlaneError("the keeper of the control plane ended; what it has to say is on standard error")
        return json.loads(line)
