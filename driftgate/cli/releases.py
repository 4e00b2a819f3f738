"""The command that tells what helm has to be given for what Argo CD would deploy."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.cli.options import AddCommand, settings_of, tree_options
from driftgate.errors import UsageError
from driftgate.run import policies_of

if TYPE_CHECKING:  # the command line starts without what only some commands use
    from driftgate.releases import Releases

__all__ = ["add_releases_commands"]

_EXIT_CODES = (
    "Exit codes: 0 helm can deliver all of it, 4 usage, 5 no Application to deliver, 6 something cannot be delivered "
    "by helm."
)


def add_releases_commands(add: AddCommand) -> None:
    """Add the commands of this module to the parser of the command line."""
    releases = add(
        "releases",
        help="show each Application as a helm release, in the order of deployment",
        description="Show each Application as the helm release that Argo CD's rendering of it amounts to, in the order "
        "of deployment: release, namespace, chart, values, parameters, and the waits between retries. What helm cannot "
        "deliver is told with the reason. No value is shown.",
        epilog=_EXIT_CODES,
    )
    tree_options(releases)
    releases.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    releases.add_argument(
        "--cluster",
        default="",
        metavar="DESTINATION",
        help="the destination, server or name, whose releases are meant (default: that of the first one)",
    )
    releases.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    releases.add_argument(
        "--into",
        metavar="DIR",
        help="also write a folder, new or empty, of small text files from which a shell script can deploy",
    )
    releases.set_defaults(run=_releases)


def _releases(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.releases import releases_of
    from driftgate.report.release_folder import write_releases

    root = Path(options.path)
    policies = policies_of(root, options.policy, options.environment)
    if options.into and len(policies) > 1:
        names = ", ".join(policy.environment for policy in policies)
        raise UsageError(f"--into is for one environment: name it by --environment ({names})")
    found = []
    known: set[str] = set()
    for policy in policies:
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            known |= {name for one in assembly.environment.applications for name in (one.application.name, one.label)}
            releases = releases_of(assembly, options.cluster).only(options.application)
            if options.into:
                _refuse_unknown(options.application, known)
                write_releases(releases, root, Path(options.into))
        found.append(releases)
    _refuse_unknown(options.application, known)
    _show(found, options.format)
    return _exit_code(found)


def _refuse_unknown(names: Sequence[str], known: Collection[str]) -> None:
    from driftgate.report.blame import nearest

    for name in names:
        if name not in known:
            raise UsageError(f"no Application is called {name}{nearest(name, known)}")


def _show(found: Sequence[Releases], format_: str) -> None:
    from driftgate.report.releases import releases_json, releases_text

    if format_ == "json":
        print(releases_json(found), end="")
        return
    width = shutil.get_terminal_size((100, 24)).columns
    print("\n".join(releases_text(one, width=width) for one in found), end="")


def _exit_code(found: Sequence[Releases]) -> int:
    if any(one.others for one in found):
        return 6
    return 0 if any(one.releases for one in found) else 5
