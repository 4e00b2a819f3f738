"""Waits until what was deployed has come to rest, before anybody judges it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from driftgate.argocd_config import health_scripts
from driftgate.assembly import Assembly
from driftgate.deploys import Unsettled
from driftgate.live import ApiError, Cluster
from driftgate.report.status import reason_of
from driftgate.status import EnvironmentStatus, Watch, desired_of, wait_until_settled

__all__ = ["Settling"]

_ARGOCD = "argocd"


@dataclass(frozen=True, slots=True)
class Settling:
    """How to wait: the most seconds for each cluster, the commit that Argo CD has to reach, and who is told of it.

    `revision` is empty where there is none to wait for. `tell` gets each look and the seconds since the first.
    """

    seconds: float
    revision: str
    tell: Callable[[EnvironmentStatus, float], None]

    def wait(
        self, cluster: Cluster, assembly: Assembly, destination: str, names: Collection[str] = ()
    ) -> tuple[Unsettled, ...]:
        """Wait for the Applications that go to a destination; what has not come to rest when the time is up.

        All is well, or wrong in a way that waiting does not mend: then nobody waits any longer. An API server that
        does not answer at the end leaves everything of it unknown.
        """
        desired = desired_of(assembly, destination, names)
        scripts = health_scripts(assembly.environment.argocd_config)
        name = assembly.environment.name
        try:
            revision = self.revision if self._is_by_argocd(Watch(cluster, name, desired, scripts=scripts)) else None
            watch = Watch(cluster, name, desired, revision, scripts=scripts)
            status = wait_until_settled(watch, self.seconds, clock=time.monotonic, sleep=time.sleep, tell=self.tell)
        except ApiError as error:
            return tuple(Unsettled(one.label, str(error), is_known=False) for one in desired)
        return tuple(_unsettled(status))

    def _is_by_argocd(self, watch: Watch) -> bool:
        """Whether a commit can be waited for: only Argo CD says which one it has synced."""
        return bool(self.revision) and watch.look().delivery == _ARGOCD


def _unsettled(status: EnvironmentStatus) -> Iterator[Unsettled]:
    for one in status.applications:
        if one.is_unwell:
            yield Unsettled(one.label, reason_of(one))
        elif one.unread:
            yield Unsettled(one.label, f"{one.unread} of its objects could not be read", is_known=False)
