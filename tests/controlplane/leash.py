"""Runs a command that is asked to end when whoever started it is gone, however that came about."""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
# A program rather than Popen's `preexec_fn`, which may hang where the starting process has threads.
_PROGRAM = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {signal.SIGTERM.value})
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def leashed(*command: str) -> list[str]:
    """The command with Linux looking after it; elsewhere as it is, because nothing else tells of a parent's end.

    The process keeps its id. It must be started by a thread that lives as long as it shall.
    """
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _PROGRAM, str(os.getpid()), *command]
