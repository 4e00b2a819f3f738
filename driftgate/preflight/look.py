"""Looks at a cluster before a deploy: everything that is rendered for it, held against what is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from driftgate.assembly import Assembly
from driftgate.live import ApiError, Cluster, Listing, User, access_of, discover, read_objects, who_am_i
from driftgate.policy import ArgoCDSection, ClusterSection
from driftgate.preflight.argocd import look_at_argocd
from driftgate.preflight.delivery import delivery_of, look_at_delivery, wanted_for_delivery
from driftgate.preflight.kinds import look_at_kinds
from driftgate.preflight.namespaces import look_at_namespaces, namespaces_of
from driftgate.preflight.plan import Plan, plan_of
from driftgate.preflight.points import Delivery, Point, Preflight, State, not_asked
from driftgate.preflight.rights import look_at_rights, rights_of
from driftgate.status import desired_of, reads_of
from driftgate.target import Target, Way, target_of

__all__ = ["preflight"]


def preflight(
    cluster: Cluster,
    assembly: Assembly,
    way: Way,
    *,
    via: Delivery | None = None,
    names: Collection[str] = (),
    any_cluster: bool = False,
) -> Preflight:
    """Look whether a cluster would take the deploy of an environment; nothing but get, list and reviews of rights.

    `names` leaves only these Applications. A cluster that policy does not name is not looked at any further, unless
    `any_cluster` says so. Raises ApiError where the cluster does not even tell who it is, UsageError where the names
    or the destination do not fit the environment.
    """
    target = target_of(cluster, way, assembly.environment, assembly.policy)
    plan = plan_of(assembly, target.destination, names)
    start = Preflight(assembly.policy.environment, target.destination, cluster.context, target.identity, plan.names, ())
    points = [*_identity(target, assembly.policy.file, cluster, any_cluster=any_cluster), *_rendered(plan)]
    if (target.is_named or any_cluster) and plan.applications:
        look = _Look(cluster, assembly, plan, names, via)
        points += look.points(target)
        told = plan.deployed if look.delivery is Delivery.HELM else plan.names
        start = replace(start, user=look.user, delivery=look.delivery, applications=told)
    return replace(start, points=tuple(points), calls=cluster.calls)


def _identity(target: Target, policy: str, cluster: Cluster, *, any_cluster: bool) -> Iterator[Point]:
    topic, identity = "identity", target.identity
    shown = f"{identity.api_server}, uid {identity.uid}"
    if not cluster.verified:
        found = "the server's certificate is not verified: the kubeconfig says insecure-skip-tls-verify"
        yield Point(topic, State.NOTE, found)
    if target.is_named:
        yield Point(topic, State.OK, f"{shown}: as {policy} names it for {target.destination}")
        return
    state = State.NOTE if any_cluster else State.PROBLEM
    aloud = "; looked at because of --any-cluster" if any_cluster else "; nothing else was looked at"
    if target.entry is None:
        found = f"policy names no cluster for {target.destination}{aloud}"
        step = f"If {shown} is the one: driftgate cluster --context {cluster.context} --write"
        yield Point(topic, state, found, (), step)
    else:
        found = f"this is NOT the cluster that policy names for {target.destination}{aloud}"
        step = f"Choose another context, or correct cluster.destinations in {policy}."
        yield Point(topic, state, found, target.differences, step)


def _rendered(plan: Plan) -> Iterator[Point]:
    """What is not known of the deploy itself."""
    for loaded in plan.applications:
        problems = [problem for _, problem in loaded.problems]
        if not loaded.complete:
            evidence = tuple(f"{problem.place}: {problem.found}" for problem in problems)
            found = f"all that {loaded.label} needs: it is not rendered in full"
            yield Point("rendering", State.UNKNOWN, found, evidence, f"driftgate render {loaded.application.name}")


@dataclass
class _Look:
    """One look at one cluster. Each part goes on without the others: what could be found out is told."""

    cluster: Cluster
    assembly: Assembly
    plan: Plan
    names: Collection[str]
    via: Delivery | None
    user: str = ""
    delivery: Delivery | None = None

    def points(self, target: Target) -> Iterator[Point]:
        """Everything but the identity, in the order in which it would stop a deploy."""
        yield from self._version(target.identity.version)
        yield from self._who()
        try:
            discovery = discover(self.cluster)
            listing = read_objects(self.cluster, wanted_for_delivery(self.plan, discovery), discovery)
        except ApiError as error:
            yield not_asked("kinds", "which kinds are served", error)
            return
        delivery, reason = delivery_of(discovery, self.via)
        self.delivery = delivery
        yield from look_at_kinds(self.plan, discovery)
        namespaces = namespaces_of(self.cluster, self._namespaces(delivery))
        yield from look_at_namespaces(namespaces, self.plan, delivery)
        reads = reads_of(desired_of(self.assembly, self.plan.destination, self.names), discovery)
        rights = rights_of(self.plan, discovery, delivery, namespaces.missing, reads)
        yield from look_at_rights(access_of(self.cluster, rights), self.user, len(rights))
        yield from look_at_delivery(self.plan, discovery, listing, delivery, reason)
        if delivery is Delivery.ARGOCD:
            yield from self._argocd(listing)

    def _namespaces(self, delivery: Delivery) -> tuple[str, ...]:
        own = {self.plan.argocd_namespace} if delivery is Delivery.ARGOCD else set()
        return tuple(sorted({*self.plan.namespaces, *own}))

    def _argocd(self, listing: Listing) -> Iterator[Point]:
        config = self.assembly.environment.argocd_config
        file = self.assembly.policy.section(ArgoCDSection).config
        yield from look_at_argocd(self.cluster, self.plan, listing, config, file)

    def _version(self, version: str) -> Iterator[Point]:
        wanted = self.assembly.policy.section(ClusterSection).kubernetes_version
        if wanted and _minor(wanted) != _minor(version):
            found = f"the cluster is {version}, policy has kubernetesVersion {wanted}"
            step = "Charts were rendered and judged for the version in policy: correct it, or the cluster."
            yield Point("version", State.NOTE, found, (), step)
        else:
            yield Point("version", State.OK, f"Kubernetes {version}")

    def _who(self) -> Iterator[Point]:
        try:
            user = who_am_i(self.cluster) or User("")
        except ApiError as error:
            yield not_asked("user", "who the cluster takes us for", error)
            return
        self.user = user.name
        if user.name:
            yield Point("user", State.OK, user.name)


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.removeprefix("v").split(".")[:2])
