"""The `driftgate` command."""

from __future__ import annotations

import argparse
import atexit
import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence

import driftgate
from driftgate.cli.cluster import add_cluster_commands
from driftgate.cli.drift import add_drift_commands
from driftgate.cli.options import EXIT_CODES, USAGE_EXIT, Parser
from driftgate.cli.releases import add_releases_commands
from driftgate.cli.snapshot import add_snapshot_commands
from driftgate.cli.status import add_status_commands
from driftgate.cli.tree import add_tree_commands
from driftgate.errors import DriftgateError
from driftgate.facts import facts_versions
from driftgate.report.terminal import printable

__all__ = ["main"]

_TIDY_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; a user's mistake is one line on standard error."""
    if arguments is None:  # the process is ours and ends soon: no cycle is worth looking for, nor at its end
        gc.disable()
        atexit.register(gc.freeze)
        _tidy_up_when_terminated()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no Korean still gets its report
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except DriftgateError as error:
        for line in f"driftgate: {error}".splitlines():
            print(printable(line), file=sys.stderr)
        return USAGE_EXIT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        print("driftgate: interrupted; nothing was judged", file=sys.stderr)
        return 130


def _tidy_up_when_terminated() -> None:
    """Let SIGTERM and SIGHUP, which jobs and terminals are ended by, remove what was made for the run, as Ctrl-C does.

    By default they end a process on the spot, and files of a Git state would stay, in memory at that.
    """

    def leave(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)  # who asks twice does not want to wait
        late = threading.Timer(_TIDY_SECONDS, os._exit, (128 + number,))  # a server may keep a thread waiting
        late.daemon = True
        late.start()
        print("driftgate: terminated", file=sys.stderr)
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        known = getattr(signal, name, None)  # Windows has no SIGHUP
        if known is not None and signal.getsignal(known) is signal.SIG_DFL:  # `nohup` ignores it, and means it
            signal.signal(known, leave)


class _Version(argparse.Action):
    """Says the version, and of which Argo CD and Kubernetes the rules are: read only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_values: object) -> None:
        """Print both, and end."""
        versions = facts_versions()
        print(f"driftgate {driftgate.__version__}")
        print(f"rules of Argo CD {versions['argocd']}, kinds of Kubernetes {versions['kubernetes']}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="driftgate", description=driftgate.__doc__, epilog=EXIT_CODES)
    parser.add_argument("--version", action=_Version, nargs=0, help="the version, and whose rules it follows")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    add_tree_commands(commands.add_parser)
    add_cluster_commands(commands.add_parser)
    add_releases_commands(commands.add_parser)
    add_status_commands(commands.add_parser)
    add_drift_commands(commands.add_parser)
    add_snapshot_commands(commands.add_parser)
    return parser
