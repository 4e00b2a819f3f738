"""Worker processes with a time limit each, replaced when they hang or die.

A plain process with JSON lines, not `multiprocessing`: its spawn method runs the importing program's main module again
(a user's script, pytest's own), fork is unsafe beside Go's threads, and pickles from a process that runs untrusted
templates would be trusted blindly.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import IO, Self

from driftgate.render.jobs import Job, Reply, job_data
from driftgate.render.worker import MEMORY_EXIT
from driftgate.settings import Settings

__all__ = ["WorkerPool"]


class _Worker:
    """One worker process. `ask` gives None where it died or had to be killed; it is of no use afterwards."""

    def __init__(self, memory: int) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        # Made and removed here, because a worker that is killed removes nothing.
        self._home = tempfile.mkdtemp(prefix="driftgate-worker-")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "driftgate.render.worker", str(memory), str(os.getpid()), self._home],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError:
            shutil.rmtree(self._home, ignore_errors=True)
            raise
        self.timed_out = False

    def ask(self, job: Job, seconds: float) -> Reply | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._expire)
        timer.start()
        try:
            self._process.stdin.write(json.dumps(job_data(job)).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = b""
        finally:
            timer.cancel()
        return Reply.from_json(json.loads(line)) if line.endswith(b"\n") else None

    def _expire(self) -> None:
        self.timed_out = True
        self.kill()

    def failure(self, seconds: float) -> Reply:
        """What to say of the job that this worker did not survive."""
        code = self._process.wait()
        if self.timed_out:
            return Reply(fault="render-timeout", message=f"the render did not end within {seconds:g} seconds")
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace")
        if code == MEMORY_EXIT or "out of memory" in said or "cannot allocate" in said or code == -signal.SIGKILL:
            return Reply(fault="render-memory", message="the render took more memory than it may")
        if code == 1 and "No module named" in said:
            return Reply(fault="engine-missing", message=said.strip().splitlines()[-1])
        return Reply(fault="render-crashed", message=f"the worker ended with status {code}")

    def kill(self) -> None:
        """End the worker and whatever it has started."""
        try:
            if sys.platform != "win32":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except (OSError, ProcessLookupError):
            pass

    def close(self) -> None:
        """Let the worker end by itself, or make it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=2)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()
        shutil.rmtree(self._home, ignore_errors=True)


class WorkerPool:
    """Up to `settings.workers` worker processes, started when first needed. A context manager: leaving it ends them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._busy: set[_Worker] = set()
        self.renders = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every worker."""
        while not self._idle.empty():
            self._idle.get().close()

    def run(self, jobs: Sequence[Job]) -> list[Reply]:
        """The reply to every job, in order; whoever interrupts it does not wait for renders that are under way."""
        self.renders += len(jobs)
        if not jobs:
            return []
        threads = ThreadPoolExecutor(max_workers=min(self._settings.workers, len(jobs)))
        try:
            return list(threads.map(self._one, jobs))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in list(self._busy):
                worker.kill()
            raise
        finally:
            threads.shutdown()

    def _one(self, job: Job) -> Reply:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker(self._settings.render_bytes)
        self._busy.add(worker)
        reply = worker.ask(job, self._settings.render_seconds)
        self._busy.discard(worker)
        if reply is None:
            reply = worker.failure(self._settings.render_seconds)
            worker.close()
        else:
            self._idle.put(worker)
        return reply
