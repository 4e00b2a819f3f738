"""However pytest ends, its control plane ends with it: no process, no port and no file is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane.plane import ControlPlane
from tests.tooling import NO_SKIPS

ROOT = Path(__file__).resolve().parents[2]

# A test that tells what it was given, and then ends in some way.
TEST = """
import json, os, pathlib, time

def test_it(api_server):
    told = {{"pids": api_server.processes.pids, "folder": str(api_server.folder), "port": api_server.port}}
    pathlib.Path("told.new").write_text(json.dumps(told))
    os.rename("told.new", "told.json")
    {ending}
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A pytest of its own, what it started, and the port its API server listens on."""

    process: subprocess.Popen[str]
    pids: Mapping[str, int]
    folder: Path
    port: int

    def left(self) -> list[str]:
        """What is still there of the control plane."""
        left = [name for name, pid in self.pids.items() if is_running(pid)]
        if self.folder.exists():
            left.append(str(self.folder))
        with socket.socket() as connection:
            if connection.connect_ex(("127.0.0.1", self.port)) == 0:
                left.append(f"port {self.port}")
        return left


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def session(folder: Path, programs: Mapping[str, Path], ending: str) -> Iterator[Session]:
    """Run pytest on a test with this ending, from the moment at which the test has its control plane."""
    (folder / "test_it.py").write_text(TEST.format(ending=ending), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.tooling", "-p", "no:cacheprovider", "test_it.py"],
        cwd=folder,
        env={**os.environ, **named(programs), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for((folder / "told.json").exists, 60)
        told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
        yield Session(process, told["pids"], Path(told["folder"]), told["port"])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


def named(programs: Mapping[str, Path]) -> dict[str, str]:
    return {f"DRIFTGATE_{name.upper().replace('-', '_')}": str(path) for name, path in programs.items()}


def wait_for(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("pass", 0), ("assert False", 1), ("os._exit(9)", 9), ("os.kill(os.getpid(), 9)", -signal.SIGKILL)],
)
def test_nothing_is_left_of_a_session_that_ends_by_itself(
    api_server: ControlPlane, tmp_path: Path, ending: str, status: int
) -> None:
    """A session that passes, fails, leaves without clean-up or kills itself leaves nothing."""
    with session(tmp_path, api_server.programs, ending) as ended:
        assert ended.process.wait(timeout=60) == status
        wait_for(lambda: not ended.left(), 10)
        assert ended.left() == []


@pytest.mark.parametrize(
    ("send", "number"),
    [
        pytest.param(os.kill, signal.SIGKILL, id="killed"),
        pytest.param(os.killpg, signal.SIGKILL, id="killed with its group"),
        pytest.param(os.kill, signal.SIGTERM, id="asked to end"),
        pytest.param(os.killpg, signal.SIGINT, id="interrupted at a terminal"),
        pytest.param(os.killpg, signal.SIGHUP, id="terminal closed"),
    ],
)
def test_nothing_is_left_of_a_killed_session(
    api_server: ControlPlane, tmp_path: Path, send: Callable[[int, int], None], number: signal.Signals
) -> None:
    """A session, alone or with its whole group, may be killed or interrupted; seconds later nothing is left."""
    with session(tmp_path, api_server.programs, "time.sleep(600)") as killed:
        assert set(killed.left()) == {*killed.pids, str(killed.folder), f"port {killed.port}"}
        assert set(killed.pids) == {"keeper", "etcd", "kube-apiserver"}
        send(killed.process.pid, number)
        killed.process.wait(timeout=30)
        wait_for(lambda: not killed.left(), 10)
        assert killed.left() == []


# Only Linux ends a process with its parent. Elsewhere nothing is promised, so nothing is skipped either.
if sys.platform == "linux":

    def test_nothing_is_left_of_a_killed_keeper(api_server: ControlPlane, tmp_path: Path) -> None:
        """Should the keeper be killed, the system kills its processes, and pytest tells of it and clears up."""
        ending = "api_server.processes.wait_until(lambda: False, 'end', 60)"
        with session(tmp_path, api_server.programs, ending) as killed:
            os.kill(killed.pids["keeper"], signal.SIGKILL)
            output, _ = killed.process.communicate(timeout=60)
            assert "ControlPlaneError: the keeper of the control plane ended" in output
            wait_for(lambda: not killed.left(), 10)
            assert killed.left() == []

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_a_leashed_command_goes_with_who_started_it(number: signal.Signals) -> None:
        """What a killed session had started is asked to end, under the process id that the session knew."""
        starting = (
            "import subprocess, sys, time; from tests.controlplane.leash import leashed\n"
            "print(subprocess.Popen(leashed('sleep', '600')).pid, flush=True); time.sleep(600)"
        )
        with subprocess.Popen([sys.executable, "-c", starting], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            wait_for(lambda: Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x00600\x00", 10)
            parent.send_signal(number)
        wait_for(lambda: not is_running(pid), 10)
        assert not is_running(pid)


@pytest.mark.parametrize(("strict", "status"), [("", 0), ("1", 1)])
def test_a_run_without_a_control_plane_counts_what_it_left_out(tmp_path: Path, strict: str, status: int) -> None:
    """One line says what is missing and how to get it; where no skip is allowed, as in CI, the run fails."""
    test = "def test_a(api_server):\n    pass\n\ndef test_b(control_plane):\n    pass\n\ndef test_c():\n    pass\n"
    (tmp_path / "test_it.py").write_text(test, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.tooling", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DRIFTGATE_ETCD": "/nonexistent/etcd", NO_SKIPS: strict},
        capture_output=True,
        text=True,
    )

    assert done.returncode == status, done.stdout + done.stderr
    assert "2 did not run" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("2 x ")]
    assert line == (
        "2 x Skipped: no control plane: cannot run /nonexistent/etcd: No such file or directory; "
        "`python tools/build.py` builds it where the Go module proxy is, or KUBEBUILDER_ASSETS names a folder"
    )
