"""The command that looks ahead at a deploy, and writes down what was so before it."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from driftgate.cli.options import AddCommand, cluster_options, settings_of, tree_options
from driftgate.cli.readers import reader_of, refuse_two_ways
from driftgate.errors import UsageError
from driftgate.run import policies_of

__all__ = ["add_snapshot_commands"]

_EXIT_CODES = (
    "Exit codes: 0 told and written, 4 usage, 5 nothing was compared, 6 written, and something is not known: it could "
    "not be read or compared."
)
_NOTHING_EXIT, _UNREAD_EXIT = 5, 6


def add_snapshot_commands(add: AddCommand) -> None:
    """Add the commands of this module to the parser of the command line."""
    snapshot = add(
        "snapshot",
        help="what a deploy will change, written down for `pytest -m live --driftgate-before` afterwards",
        description="Tell what delivering this checkout will do to the cluster, by the same comparison as `driftgate "
        "drift`, and write down what is so before: what is planned, what differs anyway, and the shape of each object. "
        "The file holds names, keys of findings and digests, no value. Only get and list.",
        epilog=_EXIT_CODES,
    )
    snapshot.add_argument("file", metavar="FILE", help="where to write; an older snapshot is replaced")
    tree_options(snapshot, root="--root")
    cluster_options(snapshot)
    snapshot.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    snapshot.add_argument("--live-from", metavar="DIR", help="a recording instead of a cluster")
    snapshot.add_argument(
        "--via", choices=("helm", "argocd"), help="who will deliver (default: what the cluster shows, by Application)"
    )
    snapshot.add_argument("--any-cluster", action="store_true", help="also a cluster that policy does not name")
    snapshot.set_defaults(run=_snapshot)


def _snapshot(options: argparse.Namespace) -> int:
    from driftgate.clusters import differences_of, judge_clusters
    from driftgate.deploys import plan_of, snapshot_of, write_snapshot
    from driftgate.drift.consequences import Deliverer
    from driftgate.model.outcome import Outcome
    from driftgate.report.deploys import plan_text
    from driftgate.report.drift import clusters_lines
    from driftgate.repository.git import GitClone

    root, file = Path(options.path), Path(options.file)
    refuse_two_ways(options)
    if not file.absolute().parent.is_dir():
        raise UsageError(f"snapshot {file}: there is no folder {file.parent}")
    policies = policies_of(root, options.policy, options.environment)
    if len(policies) > 1:
        names = ", ".join(policy.environment for policy in policies)
        raise UsageError(f"a snapshot is of one environment: name it by --environment ({names})")
    via = Deliverer(options.via) if options.via else None
    width = shutil.get_terminal_size((100, 24)).columns
    with reader_of(options, is_alone=True) as reader:
        urls = options.repository_url
        (one,) = judge_clusters(root, policies, settings_of(options), reader, urls=urls, via=via)
    planned = plan_of(differences_of(one.environment, one.policy, one.live), one.judgement.findings)
    print(*clusters_lines(one.live, width), "", plan_text(one.judgement, planned, width=width), sep="\n", end="")
    if not one.live.has_compared:
        return _UNREAD_EXIT if one.live.unreached else _NOTHING_EXIT
    revision = GitClone(root).commit("HEAD") or ""
    write_snapshot(snapshot_of(one.judgement, one.live, planned, revision=revision), file)
    unknown = one.live.unreached or one.judgement.with_outcome(Outcome.COULD_NOT_CHECK)
    return _UNREAD_EXIT if unknown else 0
