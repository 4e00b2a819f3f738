"""The process that renders: one JSON job a line in, one JSON reply a line out, until its input ends.

It runs untrusted templates, so it limits its own memory, keeps itself off the network, and ends itself when the
process that started it is gone. Time is limited from outside, because a Go library cannot be interrupted.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from types import ModuleType
from typing import Any

from driftgate.render.commands import offline_environment, render_helm, render_kustomize
from driftgate.render.jobs import HelmJob, KustomizeJob, Reply, SetFlag

__all__ = ["MEMORY_EXIT", "main"]

MEMORY_EXIT = 77
_WATCH_SECONDS = 0.02


def main() -> None:
    """Serve jobs from standard input. Arguments: the memory limit in bytes, the process that asks, a folder to use.

    Whatever ends the worker, its folder goes: by itself, or by the process that asks where that still runs.
    """
    limit, parent, home = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    _limit_memory(limit)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not pass for a reply
    threading.Thread(target=_watch, args=(limit, parent, home), daemon=True).start()
    # Also for what a library or a program that it starts leaves behind when it is killed.
    os.environ.update(offline_environment(home), **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), home))
    try:
        for line in sys.stdin:
            print(json.dumps(_answer(json.loads(line)).to_json()), file=replies, flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _answer(data: dict[str, Any]) -> Reply:
    try:
        if data["type"] == "kustomize":
            return render_kustomize(_kustomize_job(data))
        return _render_helm(_helm_job(data))
    except MemoryError:
        os._exit(MEMORY_EXIT)
    except OSError as error:
        return Reply(fault="render-failed", message=error.strerror or str(error))


def _kustomize_job(data: dict[str, Any]) -> KustomizeJob:
    lists = {key: tuple(data[key]) for key in ("command", "folders", "patches", "components")}
    return KustomizeJob(**{**data, **lists, "edits": tuple(tuple(arguments) for arguments in data["edits"])})


def _helm_job(data: dict[str, Any]) -> HelmJob:
    lists = {
        "values": tuple(data["values"]),
        "sets": tuple(SetFlag(**flag) for flag in data["sets"]),
        "api_versions": tuple(data["api_versions"]),
        "local_dependencies": tuple((name, path) for name, path in data["local_dependencies"]),
    }
    return HelmJob(**{**data, **lists})


def _render_helm(job: HelmJob) -> Reply:
    """The embedded engine; the command where there is no engine, or where only the command gets integers right."""
    embedded, reason = _load_engine() if job.embedded else (None, "the embedded engine is switched off")
    if embedded is None:
        if job.helm is None:
            return Reply(fault="engine-missing", message=f"{reason}, and there is no helm command on the PATH")
        return render_helm(job)
    reply: Reply = embedded.render(job)
    if embedded.INTEGER_PARAMETERS in reply.assumptions and job.helm is not None:
        return render_helm(job)
    return reply


@functools.cache
def _load_engine() -> tuple[ModuleType | None, str]:
    """The embedded engine, or why it is not to be had: no package, or a library that does not fit this system."""
    try:
        return importlib.import_module("driftgate.render.helm_engine"), ""
    except ImportError:
        return None, "the package helm-python-sdk is not installed"
    except Exception as error:  # whatever a foreign library raises while it is loaded
        return None, f"the embedded engine does not load ({type(error).__name__})"


def _limit_memory(limit: int) -> None:
    """A hard limit where the system has one: data and heap, not the address space that Go reserves and never uses."""
    try:
        import resource
    except ImportError:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit * 2, limit * 2))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _watch(limit: int, parent: int, home: str) -> None:
    """Leave when the memory in use passes the limit, or when the parent has died, which it may before this begins."""
    while True:
        time.sleep(_WATCH_SECONDS)
        if os.getppid() != parent:
            _leave(home)
        if _resident() > limit:
            os._exit(MEMORY_EXIT)


def _leave(home: str) -> None:
    """Nobody waits for the render, nor for a program that it has started: end both, and take the folder along."""
    shutil.rmtree(home, ignore_errors=True)
    with contextlib.suppress(OSError, AttributeError):
        if os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _resident() -> int:
    """Bytes in memory now; on systems without /proc the peak, which for a limit is as good."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
