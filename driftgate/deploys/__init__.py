"""Around a deploy: what it will change, what the cluster looked like before, and what came of it."""

from __future__ import annotations

from driftgate.deploys.aftermath import Aftermath, Phase, aftermath_of
from driftgate.deploys.deploy import Deploy, Unsettled
from driftgate.deploys.plan import Action, Planned, Told, plan_of, told_of
from driftgate.deploys.snapshot import Snapshot, SnapshotCluster, read_snapshot, snapshot_of, write_snapshot

__all__ = [
    "Action",
    "Aftermath",
    "Deploy",
    "Phase",
    "Planned",
    "Snapshot",
    "SnapshotCluster",
    "Told",
    "Unsettled",
    "aftermath_of",
    "plan_of",
    "read_snapshot",
    "snapshot_of",
    "told_of",
    "write_snapshot",
]
