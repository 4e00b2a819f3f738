"""What the commands that hold a cluster against Git read it with: the options that say where from."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.cli.options import refuse_another_cluster, way_of
from driftgate.errors import UsageError

if TYPE_CHECKING:
    from driftgate.clusters import ClusterReader, Reader
    from driftgate.policy import Policy
    from driftgate.target import Target

__all__ = ["cluster_reader", "reader_of", "refuse_two_ways"]


def refuse_two_ways(options: argparse.Namespace) -> None:
    """A recording and a cluster at once are a mistake."""
    if options.live_from and (options.context or options.in_cluster):
        raise UsageError("--live-from reads no cluster: leave out --context and --in-cluster")


def reader_of(options: argparse.Namespace, *, is_alone: bool) -> AbstractContextManager[Reader]:
    """What says what clusters are like: a recording, or themselves."""
    from driftgate.clusters import RecordingReader

    if options.live_from:
        return nullcontext(RecordingReader(Path(options.live_from), _permit(options), options.application))
    return cluster_reader(options, is_alone=is_alone)


def cluster_reader(options: argparse.Namespace, *, is_alone: bool) -> ClusterReader:
    """What reads the clusters themselves."""
    from driftgate.clusters import ClusterReader

    return ClusterReader(Path(options.path), way_of(options), _permit(options), options.application, is_alone)


def _permit(options: argparse.Namespace) -> Callable[[Target, str, Policy], None]:
    return partial(refuse_another_cluster, any_cluster=options.any_cluster)
