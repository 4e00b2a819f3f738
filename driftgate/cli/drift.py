"""The commands that hold a cluster against Git: what differs, and what the cluster said, to look at it again."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.cli.options import (
    EXIT_CODES,
    AddCommand,
    cluster_options,
    refuse_another_cluster,
    settings_of,
    tree_options,
    way_of,
)
from driftgate.errors import UsageError
from driftgate.report.terminal import printable
from driftgate.run import judge_drift, policies_of

if TYPE_CHECKING:
    from driftgate.assembly import Assembly
    from driftgate.drift.state import ClusterState
    from driftgate.policy import ClusterDestination
    from driftgate.target import Way

__all__ = ["add_drift_commands"]

_UNREAD_EXIT = 6
_RECORD_EXIT_CODES = "Exit codes: 0 recorded, 4 usage, 6 recorded, and something could not be read, or nothing could."


def add_drift_commands(add: AddCommand) -> None:
    """Add the commands of this module to the parser of the command line."""
    drift = add(
        "drift",
        help="what differs between Git and the cluster, who did it, and what will become of it",
        description="Compare everything that Git renders with the live objects, by Argo CD's own rules: what was "
        "changed, deleted, added or left over, who wrote it and when, whether it will be reverted, and which line of "
        "Git says otherwise. Only get and list; no value of a Secret is printed.",
        epilog=EXIT_CODES,
    )
    tree_options(drift)
    cluster_options(drift)
    drift.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    drift.add_argument("--live-from", metavar="DIR", help="a recording instead of a cluster: see `driftgate record`")
    drift.add_argument(
        "--via", choices=("helm", "argocd"), help="who delivers (default: what the cluster shows, by Application)"
    )
    drift.add_argument("--any-cluster", action="store_true", help="also a cluster that policy does not name")
    drift.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    drift.set_defaults(run=_drift)
    record = add(
        "record",
        help="write down what a cluster says, without any secret, for `driftgate drift --live-from`",
        description="Read what `driftgate drift` reads, and write it into a folder: one file for each kind, without "
        "the values of Secrets and without what looks like a credential.",
        epilog=_RECORD_EXIT_CODES,
    )
    record.add_argument("folder", metavar="DIR", help="where to write; a folder that is not there yet, or empty")
    tree_options(record, root="--root")
    cluster_options(record)
    record.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    record.add_argument("--any-cluster", action="store_true", help="also a cluster that policy does not name")
    record.set_defaults(run=_record)


def _drift(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.drift.consequences import Deliverer
    from driftgate.live import ApiError
    from driftgate.report.drift import drift_json, drift_text

    root = Path(options.path)
    via = Deliverer(options.via) if options.via else None
    width = shutil.get_terminal_size((100, 24)).columns
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    _refuse_two_ways(options)
    found, codes = [], set()
    for policy in policies_of(root, options.policy, options.environment):
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            try:
                states = tuple(_states(assembly, options))
            except ApiError as error:
                print(printable(f"driftgate: {policy.environment}: {error}"), file=sys.stderr)
                codes.add(_UNREAD_EXIT)
                continue
            judgement, live = judge_drift(assembly, states, options.application, via=via)
        found.append((judgement, live))
        codes.add(judgement.exit_code)
        if options.format == "text":
            print("\n" * (len(found) > 1) + drift_text(judgement, live, width=width, colour=colour), end="")
    if options.format == "json":
        print(drift_json(found), end="")
    return next((code for code in (1, 5, 6) if code in codes), 0)


def _record(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.drift.recording import write_recording
    from driftgate.live import ApiError

    root = Path(options.path)
    policies = policies_of(root, options.policy, options.environment)
    if len(policies) > 1:
        names = ", ".join(policy.environment for policy in policies)
        raise UsageError(f"a recording is of one environment: name it by --environment ({names})")
    options.live_from = None
    with assemble(root, policies[0], settings_of(options), options.repository_url) as assembly:
        ways = _ways(assembly, options)
        if len(ways) > 1:
            known = ", ".join(str(way.destination) for way in ways)
            raise UsageError(f"a recording is of one cluster: name it by --destination ({known})")
        try:
            (state,) = _states(assembly, options)
        except ApiError as error:
            print(printable(f"driftgate: {error}"), file=sys.stderr)
            return _UNREAD_EXIT
    write_recording(state, Path(options.folder))
    objects = len(state.objects) + len(state.others)
    print(printable(f"{options.folder}: {objects} objects of {state.context}, {state.calls} API calls"))
    for unread in state.unread:
        where = f" in namespace {unread.wanted.namespace}" if unread.wanted.namespace else ""
        print(printable(f"  not read: {unread.wanted.kind}{where}: {unread.why.value}: {unread.message}"))
    return _UNREAD_EXIT if state.unread else 0


def _refuse_two_ways(options: argparse.Namespace) -> None:
    if options.live_from and (options.context or options.in_cluster):
        raise UsageError("--live-from reads no cluster: leave out --context and --in-cluster")


def _states(assembly: Assembly, options: argparse.Namespace) -> Iterator[ClusterState]:
    """What each cluster of the environment says, or said; raises ApiError, and UsageError for another cluster."""
    from driftgate.policy import ClusterSection
    from driftgate.target import Target, applications_of

    if options.live_from:
        from driftgate.drift.recording import read_recording

        state = read_recording(Path(options.live_from))
        entry = assembly.policy.section(ClusterSection).destination(state.destination)
        target = Target(state.destination, state.identity, entry)
        refuse_another_cluster(target, state.context, assembly.policy, any_cluster=options.any_cluster)
        applications_of(assembly.environment, state.destination, options.application)
        yield state
        return
    for way in _ways(assembly, options):
        yield _read(assembly, way, options)


def _ways(assembly: Assembly, options: argparse.Namespace) -> tuple[Way, ...]:
    """The clusters to read: the one that the user names, or every one that policy knows the way to."""
    from driftgate.policy import ClusterSection
    from driftgate.target import destinations_of

    way, section = way_of(options), assembly.policy.section(ClusterSection)
    destinations = destinations_of(assembly.environment)
    if way.context or way.in_cluster or way.destination or len(destinations) < 2:
        return (way,)
    unknown = [one for one in destinations if (entry := section.destination(one)) is None or not _leads(entry)]
    if unknown:
        where = ", ".join(unknown)
        raise UsageError(f"policy has no context for {where} under cluster.destinations; name one by --destination")
    return tuple(replace(way, destination=one) for one in destinations)


def _leads(entry: ClusterDestination) -> bool:
    return bool(entry.context or entry.in_cluster)


def _read(assembly: Assembly, way: Way, options: argparse.Namespace) -> ClusterState:
    from driftgate.drift.pairing import wanted_of
    from driftgate.drift.reading import read_state
    from driftgate.policy import ArgoCDSection
    from driftgate.semantics.destinations import IN_CLUSTER
    from driftgate.target import applications_of, connect, target_of

    environment, policy = assembly.environment, assembly.policy
    with connect(way, environment, policy, Path(options.path)) as cluster:
        target = target_of(cluster, way, environment, policy)
        refuse_another_cluster(target, cluster.context, policy, any_cluster=options.any_cluster)
        wanted, namespaces = wanted_of(applications_of(environment, target.destination, options.application))
        argocd = policy.section(ArgoCDSection).namespace if target.destination == IN_CLUSTER else None
        state = read_state(cluster, target.destination, target.identity, wanted, argocd, namespaces)
        return replace(state, calls=cluster.calls)
