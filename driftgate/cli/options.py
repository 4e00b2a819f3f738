"""Options that several commands share."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from driftgate.errors import UsageError
from driftgate.report.formats import Report, ReportFile, format_names, report_text, target_of, write_report
from driftgate.report.terminal import printable
from driftgate.settings import RENDER_SECONDS, Settings

if TYPE_CHECKING:
    from driftgate.policy import Policy
    from driftgate.target import Target, Way

__all__ = [
    "EXIT_CODES",
    "USAGE_EXIT",
    "AddCommand",
    "Parser",
    "cluster_options",
    "refuse_another_cluster",
    "report_option",
    "report_targets",
    "settings_of",
    "tree_options",
    "way_of",
    "write_reports",
]

USAGE_EXIT = 4
EXIT_CODES = "Exit codes: 0 nothing found, 1 findings, 4 usage, 5 nothing was judged, 6 something could not be checked."


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, with the exit code of all mistakes in usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Say what is wrong with the usage, and end."""
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(USAGE_EXIT)


# What adds a command of a name to the command line: `add_parser` of its subparsers.
AddCommand: TypeAlias = Callable[..., Parser]


def tree_options(parser: argparse.ArgumentParser, *, root: str = "", several: bool = False) -> None:
    """Which tree is read and how; `root` is the option that names it where arguments of the command come first.

    With `several` more than one environment can be named.
    """
    text = "the root of the repository (default: this folder)"
    if root:
        parser.add_argument(root, dest="path", default=".", metavar="PATH", help=text)
    else:
        parser.add_argument("path", nargs="?", default=".", help=text)
    parser.add_argument("--policy", metavar="PATH", help="policy file or folder below the root (default: policies)")
    if several:
        text = "only the environment of this name; repeatable (default: every environment of the tree)"
        parser.add_argument("--environment", action="append", default=[], metavar="NAME", help=text)
    else:
        parser.add_argument("--environment", metavar="NAME", help="only the environment of this name")
    parser.add_argument(
        "--repository-url",
        action="append",
        default=[],
        metavar="URL",
        help="a URL under which Applications name this repository; repeatable",
    )
    parser.add_argument("--no-cache", action="store_true", help="neither read nor write rendered charts on disk")
    parser.add_argument("--no-embedded-helm", action="store_true", help="render with the helm command only")
    parser.add_argument(
        "--render-timeout",
        type=_seconds,
        default=RENDER_SECONDS,
        metavar="SECONDS",
        help="the longest that one render may take (default: 30)",
    )


def cluster_options(parser: argparse.ArgumentParser) -> None:
    """Which cluster is meant, and how it is reached."""
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--context",
        metavar="NAME",
        help="the kubeconfig context (default: the one that policy has for the destination; never the current one)",
    )
    ways.add_argument("--in-cluster", action="store_true", help="the cluster that this Pod runs in, as its account")
    parser.add_argument("--kubeconfig", metavar="FILE", help="instead of KUBECONFIG and ~/.kube/config")
    parser.add_argument(
        "--destination",
        metavar="SERVER|NAME",
        help="which destination of the Applications the cluster is, where they have several",
    )


def report_option(parser: argparse.ArgumentParser) -> None:
    """In which formats, and to which files, the run is written besides."""
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="FORMAT=FILE",
        help=f"also write a report; FORMAT is {format_names()}; repeatable",
    )


def report_targets(options: argparse.Namespace) -> list[ReportFile]:
    """The reports that were asked for; UsageError before anything is judged for what cannot be written."""
    return [target_of("--report", text) for text in options.report]


def write_reports(targets: Sequence[ReportFile], report: Report) -> None:
    """Write the reports that were asked for; UsageError where that fails."""
    for target in targets:
        write_report(target, report_text(target.format, report))


def way_of(options: argparse.Namespace) -> Way:
    """What the options say about the cluster."""
    from driftgate.target import Way

    return Way(options.context, options.kubeconfig, options.in_cluster, options.destination)


def refuse_another_cluster(target: Target, context: str, policy: Policy, *, any_cluster: bool) -> None:
    """Nothing is said of a cluster that policy does not name, unless the user says so; then it is told aloud."""
    refusal = target.refusal(context, policy.environment, "--any-cluster")
    if refusal and not any_cluster:
        raise UsageError(refusal)
    if refusal:
        text = f"driftgate: --any-cluster: not looked whether this is the right one: {target.mismatch}"
        print(printable(text), file=sys.stderr)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time to wait")
    return seconds


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that the options of a tree ask for."""
    settings = Settings(embedded_helm=not options.no_embedded_helm, render_seconds=options.render_timeout)
    return replace(settings, cache=None) if options.no_cache else settings
