"""The commands that look at a cluster before anything is done to it: which one it is, and whether it takes a deploy."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from driftgate.cli.options import AddCommand, cluster_options, settings_of, tree_options, way_of
from driftgate.errors import UsageError
from driftgate.report.terminal import printable
from driftgate.run import policies_of

__all__ = ["add_cluster_commands"]

_UNASKED_EXIT = 6
_CLUSTER_EXIT_CODES = (
    "Exit codes: 0 policy names this cluster, 1 it names another one or none, 4 usage, 6 it could not be asked."
)

_PREFLIGHT_EXIT_CODES = (
    "Exit codes: 0 it would take the deploy, 1 problems, 4 usage, 5 nothing to deploy, 6 something could not be asked."
)


def add_cluster_commands(add: AddCommand) -> None:
    """Add the commands of this module to the parser of the command line."""
    cluster = add(
        "cluster",
        help="which cluster this is, and whether policy names it",
        description="Print the identity of a cluster (API server, uid of its namespace kube-system, version), and "
        "whether policy names it for the destination of the Applications; if not, the lines of policy that would.",
        epilog=_CLUSTER_EXIT_CODES,
    )
    tree_options(cluster)
    cluster_options(cluster)
    cluster.add_argument("--write", action="store_true", help="put the lines into the policy file, if it names none")
    cluster.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    cluster.set_defaults(run=_cluster)
    preflight = add(
        "preflight",
        help="whether a cluster would take the deploy, before anything is changed",
        description="Look whether a cluster would take a deploy: the identity that policy names, served kinds, "
        "namespaces, the rights that helm or Argo CD's user needs, and who delivers. Nothing is changed: only get, "
        "list and the review of one's own rights.",
        epilog=_PREFLIGHT_EXIT_CODES,
    )
    tree_options(preflight)
    cluster_options(preflight)
    preflight.add_argument(
        "--via",
        choices=("helm", "argocd"),
        help="who delivers (default: argocd where the cluster serves its Applications, else helm)",
    )
    preflight.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    preflight.add_argument("--any-cluster", action="store_true", help="also a cluster that policy does not name")
    preflight.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    preflight.set_defaults(run=_preflight)


def _cluster(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.live import ApiError
    from driftgate.policy.writing import write_destination
    from driftgate.report.cluster import cluster_json, cluster_text
    from driftgate.target import connect, target_of

    root, way = Path(options.path), way_of(options)
    policies = policies_of(root, options.policy, options.environment)
    if options.write and len(policies) > 1:
        names = ", ".join(policy.environment for policy in policies)
        raise UsageError(f"--write puts one cluster into one policy: name it by --environment ({names})")
    found, code = [], 0
    for policy in policies:
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            environment = assembly.environment
        try:
            with connect(way, environment, policy, root) as cluster:
                target = target_of(cluster, way, environment, policy)
        except ApiError as error:
            print(printable(f"driftgate: {policy.environment}: {error}"), file=sys.stderr)
            code = _UNASKED_EXIT
            continue
        if options.write and target.entry is None:
            entry = target.new_entry(cluster.context)
            write_destination(root, policy, entry)
            target = replace(target, entry=entry)
        found.append((target, cluster, policy))
        code = code or (0 if target.is_named else 1)
        if options.format == "text":
            print("\n" * (len(found) > 1) + cluster_text(target, cluster, policy), end="")
    if options.format == "json":
        print(cluster_json(found))
    if options.write and code == 1:
        raise UsageError("policy has an entry of another cluster; nothing was written")
    return code


def _preflight(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.live import ApiError
    from driftgate.preflight import Delivery, preflight
    from driftgate.report.preflight import preflight_json, preflight_text
    from driftgate.target import connect

    root, way = Path(options.path), way_of(options)
    via = Delivery(options.via) if options.via else None
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((100, 24)).columns
    found, codes = [], set()
    for policy in policies_of(root, options.policy, options.environment):
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            try:
                with connect(way, assembly.environment, policy, root) as cluster:
                    one = preflight(
                        cluster, assembly, way, via=via, names=options.application, any_cluster=options.any_cluster
                    )
            except ApiError as error:
                print(printable(f"driftgate: {policy.environment}: {error}"), file=sys.stderr)
                codes.add(_UNASKED_EXIT)
                continue
        found.append(one)
        codes.add(one.exit_code)
        if options.format == "text":
            print("\n" * (len(found) > 1) + preflight_text(one, width=width, colour=colour), end="")
    if options.format == "json":
        print(preflight_json(found))
    return next((code for code in (1, 6, 5) if code in codes), 0)
