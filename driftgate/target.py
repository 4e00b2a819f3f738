"""Which cluster a command talks to: a destination of the environment, the way there, and whether policy names it."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from driftgate.errors import UsageError
from driftgate.graph.index import cluster_of
from driftgate.live import IN_CLUSTER_CONTEXT, Cluster, Identity, identify, open_cluster, open_own_cluster
from driftgate.model.environment import Environment, LoadedApplication
from driftgate.policy import ClusterDestination, ClusterSection, Policy
from driftgate.semantics.destinations import cluster_called

__all__ = ["Target", "Way", "applications_of", "connect", "destinations_of", "target_of"]


@dataclass(frozen=True, slots=True)
class Way:
    """What the user said about the cluster: how to reach it, and which destination of Applications it is."""

    context: str | None = None
    kubeconfig: str | None = None
    in_cluster: bool = False
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster that was reached, as the destination that it is meant to be.

    `entry` is what policy has for the destination, None where it has nothing.
    """

    destination: str
    identity: Identity
    entry: ClusterDestination | None

    @property
    def differences(self) -> tuple[str, ...]:
        """In what the cluster is another one than policy names; nothing where policy names none."""
        return self.identity.differences(self.entry) if self.entry is not None else ()

    @property
    def is_named(self) -> bool:
        """Whether policy names this very cluster for the destination."""
        return self.entry is not None and not self.differences

    def refusal(self, context: str, environment: str, option: str) -> str:
        """Why nothing is said of the cluster: policy does not name it; empty where it does.

        The way out of it is told too: `option` is the one by which the user looks at it all the same.
        """
        if self.is_named:
            return ""
        name = f"`driftgate cluster --context {context} --environment {environment} --write`"
        way_out = f"{name} names it" if self.entry is None else "take another context"
        return f"context {context}: {self.mismatch}; {way_out}, or {option} looks all the same"

    @property
    def mismatch(self) -> str:
        """In what the cluster is not the one that policy names."""
        return "; ".join(self.differences) or f"policy names no cluster for {self.destination}"

    def new_entry(self, context: str) -> ClusterDestination:
        """What policy would have to say to name this cluster, reached by a context or from within."""
        is_server, address = "://" in self.destination, self.identity.api_server
        within = context == IN_CLUSTER_CONTEXT
        return ClusterDestination(
            uid=self.identity.uid,
            server=self.destination if is_server else None,
            name=None if is_server else self.destination,
            context=None if within else context,
            in_cluster=within,
            api_server=None if within or _is_tunnel(address) else address,
        )


def _is_tunnel(url: str) -> bool:
    """Whether an address leads through this machine, so that it may be another one tomorrow."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def destinations_of(environment: Environment) -> tuple[str, ...]:
    """Every cluster that Applications of the environment go to, in one word each, sorted."""
    return tuple(sorted({cluster_of(loaded.application) for loaded in environment.applications} - {""}))


def applications_of(
    environment: Environment, destination: str, names: Collection[str] = ()
) -> tuple[LoadedApplication, ...]:
    """The Applications that go to a destination, or those of these names; UsageError for a name that is none's."""
    there = tuple(one for one in environment.applications if cluster_of(one.application) == destination)
    known = {one.application.name for one in there}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"no Application that goes to {destination} is called {name}{hint}")
    return tuple(one for one in there if not names or one.application.name in names)


def connect(way: Way, environment: Environment, policy: Policy, root: Path) -> Cluster:
    """The cluster that the user names, or the one that policy has a context for; never kubectl's current one.

    UsageError where neither says which, ApiError where the login fails. Nothing is sent yet.
    """
    if way.in_cluster:
        return open_own_cluster()
    if way.context is not None:
        return open_cluster(way.context, way.kubeconfig, root=root)
    section = policy.section(ClusterSection)
    wanted = [_called(way.destination)] if way.destination else destinations_of(environment)
    entries = [
        entry for entry in section.destinations if entry.cluster in wanted and (entry.context or entry.in_cluster)
    ]
    if len(entries) == 1:
        entry = entries[0]
        return open_cluster(entry.context, way.kubeconfig, root=root) if entry.context else open_own_cluster()
    found = f"{len(entries)} contexts ({', '.join(entry.context or 'its own' for entry in entries)})" if entries else ""
    where = f"policy has {found or 'no context'} under cluster.destinations"
    raise UsageError(f"which cluster? {where}; name one by --context (kubectl's current context is never taken)")


def target_of(cluster: Cluster, way: Way, environment: Environment, policy: Policy) -> Target:
    """The cluster as the destination that the user names, that is the only one, or for which policy names it.

    Asks the cluster who it is. Raises ApiError, and UsageError where it could be one of several destinations.
    """
    section = policy.section(ClusterSection)
    destinations = destinations_of(environment)
    if way.destination:
        destination = _called(way.destination)
        if destination not in destinations:
            raise UsageError(f"no Application goes to {destination}; they go to {', '.join(destinations) or 'nowhere'}")
        return Target(destination, identify(cluster), section.destination(destination))
    identity = identify(cluster)
    targets = [Target(one, identity, section.destination(one)) for one in destinations]
    fitting = [target for target in targets if target.is_named] or targets
    if len(fitting) != 1:
        known = ", ".join(destinations) or "none"
        raise UsageError(f"which destination is context {cluster.context}? Name it by --destination; there is {known}")
    return fitting[0]


def _called(destination: str) -> str:
    is_server = "://" in destination
    return cluster_called(destination if is_server else "", "" if is_server else destination)
