"""What an environment does in its cluster: health, troubles and URLs, at one look or until all is well."""

from __future__ import annotations

from driftgate.status.desired import Desired, desired_of
from driftgate.status.look import Watch, reads_of
from driftgate.status.result import ApplicationStatus, EnvironmentStatus, Unknown, Waiting
from driftgate.status.rows import IngressRow, PodRow, ServiceRow
from driftgate.status.wait import wait_until_settled

__all__ = [
    "ApplicationStatus",
    "Desired",
    "EnvironmentStatus",
    "IngressRow",
    "PodRow",
    "ServiceRow",
    "Unknown",
    "Waiting",
    "Watch",
    "desired_of",
    "reads_of",
    "wait_until_settled",
]
