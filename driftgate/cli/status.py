"""The command that tells what an environment does in its cluster."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.cli.options import (
    AddCommand,
    cluster_options,
    refuse_another_cluster,
    settings_of,
    tree_options,
    way_of,
)
from driftgate.errors import UsageError
from driftgate.report.terminal import printable
from driftgate.run import policies_of

if TYPE_CHECKING:  # the command line starts without what only some commands use
    from driftgate.live import Cluster
    from driftgate.policy import Policy
    from driftgate.status import Desired, EnvironmentStatus

__all__ = ["add_status_commands"]

_EXIT_CODES = (
    "Exit codes: 0 all is healthy, 1 something is wrong or not healthy, or was not in time, 4 usage, 5 nothing of the "
    "environment is in the cluster, 6 something could not be read."
)
_UNREAD_EXIT = 6
_SHORTEST_SHA = 7
_HEX = frozenset("0123456789abcdef")


def add_status_commands(add: AddCommand) -> None:
    """Add the commands of this module to the parser of the command line."""
    status = add(
        "status",
        help="what the environment does in its cluster: health, what is wrong and what to do about it, URLs",
        description="Show what an environment does in its cluster: the health of each Application by Argo CD's rules, "
        "what is missing, what is wrong with the cluster's own words and the next step, Pods, Services, Ingresses and "
        "URLs. Only get and list; of Secrets the metadata alone.",
        epilog=_EXIT_CODES,
    )
    tree_options(status)
    cluster_options(status)
    status.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    status.add_argument(
        "--wait",
        type=_seconds,
        metavar="SECONDS",
        help="look again until all is healthy, the time is up, or what is wrong does not mend by waiting",
    )
    status.add_argument(
        "--revision",
        metavar="SHA",
        help="where Argo CD delivers: demand that it has synced this commit, and that what it says is of today",
    )
    status.add_argument("--brief", action="store_true", help="only health and what is wrong, without the tables")
    status.add_argument("--any-cluster", action="store_true", help="also a cluster that policy does not name")
    status.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    status.set_defaults(run=_status)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time to wait")
    return seconds


def _status(options: argparse.Namespace) -> int:
    from driftgate.argocd_config import health_scripts
    from driftgate.assembly import assemble
    from driftgate.live import ApiError
    from driftgate.report.status import Place, status_text
    from driftgate.report.status_json import status_json
    from driftgate.status import desired_of
    from driftgate.target import connect, target_of

    root, way = Path(options.path), way_of(options)
    _refuse_short_revision(options.revision)
    width = shutil.get_terminal_size((100, 24)).columns
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    found, codes = [], set()
    for policy in policies_of(root, options.policy, options.environment):
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            try:
                with connect(way, assembly.environment, policy, root) as cluster:
                    target = target_of(cluster, way, assembly.environment, policy)
                    refuse_another_cluster(target, cluster.context, policy, any_cluster=options.any_cluster)
                    desired = desired_of(assembly, target.destination, options.application)
                    scripts = health_scripts(assembly.environment.argocd_config)
                    status = _looked(cluster, policy, desired, options, scripts)
            except ApiError as error:
                print(printable(f"driftgate: {policy.environment}: {error}"), file=sys.stderr)
                codes.add(_UNREAD_EXIT)
                continue
        place = Place(cluster.context, target.identity.api_server, target.identity.version)
        found.append((status, place))
        codes.add(status.exit_code)
        if options.format == "text":
            print(status_text(status, place, width=width, colour=colour, brief=options.brief), end="")
    if options.format == "json":
        print(status_json(found))
    return next((code for code in (1, 5, 6) if code in codes), 0)


def _looked(
    cluster: Cluster,
    policy: Policy,
    desired: tuple[Desired, ...],
    options: argparse.Namespace,
    scripts: tuple[str, ...],
) -> EnvironmentStatus:
    from driftgate.status import Watch, wait_until_settled

    watch = Watch(cluster, policy.environment, desired, options.revision, scripts=scripts)
    if options.wait is None:
        return watch.look()
    progress = _Progress()
    try:
        return wait_until_settled(watch, options.wait, clock=time.monotonic, sleep=time.sleep, tell=progress.tell)
    finally:
        progress.end()


class _Progress:
    """How far it is, on standard error: one line that is rewritten on a terminal, elsewhere one line a change."""

    def __init__(self) -> None:
        self._last = ""
        self._rewrites = sys.stderr.isatty()

    def tell(self, status: EnvironmentStatus, seconds: float) -> None:
        """Show a look."""
        from driftgate.report.status import progress_line

        line = progress_line(status)
        if self._rewrites:
            width = shutil.get_terminal_size((100, 24)).columns
            print(f"\r\x1b[K{f'{seconds:.0f}s  {line}'[: width - 1]}", end="", file=sys.stderr, flush=True)
        elif line != self._last and status.exit_code != 0:  # of a good end the status itself tells
            print(f"{seconds:.0f}s  {line}", file=sys.stderr, flush=True)
        self._last = line

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._rewrites and self._last:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _refuse_short_revision(revision: str | None) -> None:
    """A branch or a tag is no commit: Argo CD tells commits only, so nothing would ever be at it."""
    if revision is not None and not (len(revision) >= _SHORTEST_SHA and _HEX.issuperset(revision)):
        raise UsageError(
            f"--revision {revision}: expected a commit, at least {_SHORTEST_SHA} of its hexadecimal digits"
        )
