"""One look at a cluster: what is read, and what it says about each Application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from driftgate.facts import kinds
from driftgate.health import (
    ApplicationState,
    Health,
    Json,
    Live,
    Ref,
    Status,
    Trouble,
    accesses,
    application_state,
    has_rule,
    health_of,
    is_scripted,
    ref_of,
    troubles,
    worst,
)
from driftgate.live import Cluster, Discovery, Listing, Unread, Wanted, Why, discover, read_objects
from driftgate.model.manifest import dig
from driftgate.status.desired import Desired
from driftgate.status.result import ApplicationStatus, EnvironmentStatus, Unknown, Waiting
from driftgate.status.rows import ingress_row, pod_row, service_row

__all__ = ["Watch", "reads_of"]

_APPLICATION = ("argoproj.io", "Application")
_IGNORE_HEALTH = "argocd.argoproj.io/ignore-healthcheck"
_INGRESS = ("networking.k8s.io", "Ingress")
_NAMESPACE = ("", "Namespace")
_SECRET = ("", "Secret")
# What tells of trouble in a namespace, whatever is deployed there.
_ALWAYS = (
    ("", "Event"),
    ("", "Pod"),
    ("", "ResourceQuota"),
    _SECRET,
    ("", "Service"),
    ("apps", "ReplicaSet"),
    ("discovery.k8s.io", "EndpointSlice"),
)
# What tells more about objects of a kind or a group, where the cluster serves it: in their namespace, or cluster-wide.
_BESIDE: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = {
    _INGRESS: (
        ("networking.k8s.io", "IngressClass"),
        ("cert-manager.io", "Certificate"),
        ("cert-manager.io", "CertificateRequest"),
        ("cert-manager.io", "Issuer"),
        ("cert-manager.io", "ClusterIssuer"),
        ("acme.cert-manager.io", "Order"),
        ("acme.cert-manager.io", "Challenge"),
    ),
    ("batch", "CronJob"): (("batch", "Job"),),
    ("apps", "StatefulSet"): (("", "PersistentVolumeClaim"),),
}
_WITH_GROUP: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cert-manager.io": _BESIDE[_INGRESS][1:],
    "external-secrets.io": (("external-secrets.io", "SecretStore"), ("external-secrets.io", "ClusterSecretStore")),
}
# Pods of Applications deployed before need the Secrets of these as well.
_WHERE_SERVED = (("external-secrets.io", "ExternalSecret"),)
# What Argo CD has no words for.
_UNTOLD = {"Ingress": "no address yet", "Service": "no address yet", "PersistentVolumeClaim": "no volume yet"}


class Watch:
    """Looks at the objects of an environment in one cluster, as often as it is asked to.

    `revision` is a commit that Argo CD has to have reached; `scripts` are the kinds that scripts in argocd-cm judge.
    """

    def __init__(
        self,
        cluster: Cluster,
        environment: str,
        desired: Sequence[Desired],
        revision: str | None = None,
        *,
        scripts: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._cluster = cluster
        self._environment = environment
        self._desired = tuple(desired)
        self._revision = revision
        self._scripts = tuple(scripts)
        self._now = now

    def look(self) -> EnvironmentStatus:
        """What the cluster says now. Raises ApiError where it does not even tell its kinds."""
        before = self._cluster.calls
        # Asked each time: operators that are being installed bring their kinds while we wait.
        discovery = discover(self._cluster)
        desired = tuple(_scoped(one, discovery) for one in self._desired)
        wanted = set(_wanted(desired, discovery))
        served = {one for one in wanted if _is_served(one, discovery)}
        listing = read_objects(self._cluster, served, discovery)
        live = Live(listing.objects, _listed(wanted, listing), self._now())
        status = _Reader(live, desired, discovery, self._revision, self._scripts).status(self._environment)
        unknown = (*_unknown(listing), *_unrendered(desired))
        return replace(status, unknown=unknown, calls=self._cluster.calls - before)


def _scoped(desired: Desired, discovery: Discovery) -> Desired:
    """With the namespaces left out of objects whose kind has none, which only the cluster knows of custom kinds."""

    def scoped(ref: Ref) -> Ref:
        resource = discovery.find(*ref[:2])
        return ref if resource is None or resource.namespaced else (*ref[:2], "", ref[3])

    return replace(desired, refs=tuple(map(scoped, desired.refs)))


def _wanted(desired: Iterable[Desired], discovery: Discovery) -> Iterator[Wanted]:
    for one in desired:
        yield Wanted(*_APPLICATION, one.argocd_namespace)
        spaces = {ref[2] for ref in one.refs} | ({one.destination_namespace} if one.refs else set())
        for namespace in spaces - {""}:
            yield Wanted(*_NAMESPACE, fields=f"metadata.name={namespace}")
            for always in (*_ALWAYS, *_WHERE_SERVED):
                yield Wanted(*always, namespace, metadata_only=always == _SECRET)
        for group, kind, namespace, name in one.refs:
            if (group, kind) == _NAMESPACE:
                yield Wanted(group, kind, fields=f"metadata.name={name}")
                continue
            # Of what nobody judges it is enough to know that it is there.
            bare = not has_rule(group, kind) and (group, kind) not in _ALWAYS
            yield Wanted(group, kind, namespace, metadata_only=bare or (group, kind) == _SECRET)
            for other in (*_BESIDE.get((group, kind), ()), *_WITH_GROUP.get(group, ())):
                resource = discovery.find(*other)
                yield Wanted(*other, namespace if resource is None or resource.namespaced else "")


def reads_of(desired: Iterable[Desired], discovery: Discovery) -> frozenset[Wanted]:
    """What a look reads for these Applications, as far as the cluster serves it: the rights to ask for beforehand."""
    scoped = (_scoped(one, discovery) for one in desired)
    return frozenset(one for one in _wanted(scoped, discovery) if _is_served(one, discovery))


def _is_served(wanted: Wanted, discovery: Discovery) -> bool:
    """Whether there is somebody to ask; a part of the API that is down is asked, so that its failure is told."""
    return discovery.find(wanted.group, wanted.kind) is not None or discovery.fault_of(wanted.group) is not None


def _listed(wanted: Iterable[Wanted], listing: Listing) -> set[tuple[str, str, str]]:
    """What was read in full, and what the cluster does not serve and therefore has none of."""
    unread = {one.wanted for one in listing.unread}
    return {(one.group, one.kind, one.namespace) for one in wanted if one not in unread}


def _unknown(listing: Listing) -> Iterator[Unknown]:
    for one in listing.unread:
        where = f" in namespace {one.wanted.namespace}" if one.wanted.namespace else ""
        status = f" ({one.status})" if one.status else ""
        lasting = one.why in (Why.FORBIDDEN, Why.UNAUTHORIZED, Why.NOT_SERVED)
        yield Unknown(f"{_kind_name(one)}{where}", f"{one.why.value}{status}: {one.message}", lasting)


def _kind_name(unread: Unread) -> str:
    group = unread.wanted.group
    return f"{unread.wanted.kind}.{group}" if group else unread.wanted.kind


def _unrendered(desired: Iterable[Desired]) -> Iterator[Unknown]:
    for one in desired:
        if not one.complete:
            yield Unknown(f"Application {one.label}", "not rendered in full: some of its objects are not known", True)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one look."""

    live: Live
    desired: tuple[Desired, ...]
    discovery: Discovery
    revision: str | None
    scripts: tuple[str, ...]

    def status(self, environment: str) -> EnvironmentStatus:
        """All of it, but what could not be read."""
        states = {one.label: self._state(one) for one in self.desired}
        # Who demands a revision of Argo CD is not told that all is well by a cluster that Argo CD has not reached.
        by_argocd = any(states.values()) or self.revision is not None
        shown = [one for one in self.desired if by_argocd or not one.is_parent]
        ours = [ref for one in shown for ref in one.refs]
        spaces = {("", "Namespace", "", ref[2]) for ref in ours if ref[2]}
        told = self._by_application(troubles(self.live, {*ours, *spaces}), shown)
        applications = tuple(self._application(one, told, states[one.label], by_argocd=by_argocd) for one in shown)
        found = sum(self.live.find(*ref) is not None for ref in ours) + sum(
            state is not None for state in states.values()
        )
        mine = [value for ref in dict.fromkeys(ours) if (value := self.live.find(*ref)) is not None]
        ingresses = [value for value in mine if ref_of(value)[:2] == _INGRESS]
        return EnvironmentStatus(
            environment=environment,
            delivery="argocd" if by_argocd else "helm",
            applications=applications,
            pods=tuple(pod_row(self.live, pod) for pod in self._pods(ours)),
            services=tuple(service_row(self.live, one) for one in mine if ref_of(one)[:2] == ("", "Service")),
            ingresses=tuple(map(ingress_row, ingresses)),
            accesses=accesses(self.live, ingresses),
            unknown=(),
            found=found,
            calls=0,
        )

    def _state(self, desired: Desired) -> ApplicationState | None:
        live = self.live.find(*_APPLICATION, desired.argocd_namespace, desired.name)
        revision = self.revision if desired.follows_revision else None
        return application_state(live, revision) if live is not None else None

    def _by_application(
        self, found: Sequence[Trouble], desired: Sequence[Desired]
    ) -> Mapping[str, tuple[Trouble, ...]]:
        """Each trouble with the first Application that it touches: the one whose object it is told of comes first."""
        owners: dict[Ref, str] = {}
        for one in reversed(desired):
            owners |= dict.fromkeys(one.refs, one.label)
        told: dict[str, tuple[Trouble, ...]] = {}
        for trouble in found:
            labels = [owners[ref] for ref in self._touched(trouble) if ref in owners]
            first = next((one.label for one in desired if one.label in labels[:1] or one.label in labels), "")
            label = labels[0] if labels else first or next((one.label for one in desired), "")
            told[label] = (*told.get(label, ()), trouble)
        return told

    def _touched(self, trouble: Trouble) -> Iterator[Ref]:
        for ref in (trouble.ref, *sorted(trouble.objects)):
            yield ref
            value = self.live.find(*ref)
            if value is not None:
                yield from self.live.owners(value)

    def _application(
        self,
        desired: Desired,
        told: Mapping[str, tuple[Trouble, ...]],
        state: ApplicationState | None,
        *,
        by_argocd: bool,
    ) -> ApplicationStatus:
        own = told.get(desired.label, ())
        others = [trouble for label, found in told.items() if label != desired.label for trouble in found]
        elsewhere = [trouble for trouble in others if trouble.objects.intersection(desired.refs)]
        known = [value for ref in desired.refs if (value := self.live.find(*ref)) is not None]
        judged = [(ref_of(value), health) for value in known if (health := self._counted(value)) is not None]
        explained = {ref for trouble in (*own, *elsewhere) for ref in trouble.objects}
        missing = [ref for ref in desired.refs if self.live.lacks(*ref)]
        served = [ref for ref in missing if self.discovery.find(*ref[:2]) is not None]
        gone = desired.refs and len(missing) == len(desired.refs)
        children = [name for name in desired.children if self._lacks_child(desired, name)] if by_argocd else []
        return ApplicationStatus(
            label=desired.label,
            wave=desired.wave,
            objects=len(known),
            health=_health(gone=bool(gone), known=self._tells(known), judged=judged),
            missing=(*served, *((*_APPLICATION, desired.argocd_namespace, name) for name in children)),
            unserved=tuple(dict.fromkeys(_dotted(ref) for ref in missing if ref not in served)),
            waiting=tuple(
                Waiting(ref, replace(health, message=health.message or _UNTOLD.get(ref[1], "")))
                for ref, health in judged
                if health.status is not Status.HEALTHY and ref not in explained
            ),
            troubles=own,
            elsewhere=tuple(elsewhere),
            state=state,
            demanded=by_argocd and self.revision is not None,
            absent=by_argocd
            and state is None
            and self.live.lacks(*_APPLICATION, desired.argocd_namespace, desired.name),
            unread=len(desired.refs) - len(known) - len(missing),
            unjudged=tuple(dict.fromkeys(_dotted(ref) for ref in desired.refs if self._may_be_judged(*ref[:2]))),
        )

    def _counted(self, value: Json) -> Health | None:
        """The health of an object, where it counts for its Application (argo-cd: controller/health.go)."""
        annotations = dig(value, ("metadata", "annotations")) or {}
        return None if annotations.get(_IGNORE_HEALTH) == "true" else health_of(value, self.scripts)

    def _tells(self, known: Iterable[Json]) -> bool:
        """Whether the health of these objects tells anything: not where only scripts that are not run would tell."""
        return any(not self._may_be_judged(*ref_of(value)[:2]) for value in known)

    def _may_be_judged(self, group: str, kind: str) -> bool:
        """Whether Argo CD may judge a kind that is not judged here: one of a script, which custom kinds may bring."""
        scripted = is_scripted(group, kind, self.scripts)
        return scripted or not (has_rule(group, kind) or (group, kind) in kinds())

    def _lacks_child(self, desired: Desired, name: str) -> bool:
        return self.live.lacks(*_APPLICATION, desired.argocd_namespace, name)

    def _pods(self, ours: Collection[Ref]) -> list[Json]:
        mine = frozenset(ours)
        return [
            pod
            for pod in self.live.all("", "Pod")
            if ref_of(pod) in mine or any(owner in mine for owner in self.live.owners(pod))
        ]


def _health(*, gone: bool, known: bool, judged: Sequence[tuple[Ref, Health]]) -> Status | None:
    if gone:
        return Status.MISSING
    return worst(health.status for _, health in judged) if known else None


def _dotted(ref: Ref) -> str:
    return f"{ref[1]}.{ref[0]}" if ref[0] else ref[1]
