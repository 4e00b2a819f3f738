"""Every object of every Application with its live counterpart, and what is in the cluster and no longer in Git.

Pairs are made as Argo CD makes them: namespaces are filled in by the scope that the cluster knows, of two objects of
one name the last one counts, a live object is looked up by its name whoever it belongs to, and what is tracked to an
Application without being rendered is an extra object of it. Source: Argo CD `controller/state.go` (`CompareAppState`,
`NormalizeTargetObjects`, `DeduplicateTargetObjects`), `gitops-engine/pkg/cache/cluster.go` (`GetManagedLiveObjs`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from driftgate.compare import (
    CompareError,
    Comparison,
    Rules,
    Tracking,
    TrackingMethod,
    Verdict,
    compare,
    desired_object,
)
from driftgate.compare.tracking import belongs_to
from driftgate.compare.values import Json
from driftgate.drift.consequences import Deliverer
from driftgate.drift.delivery import deliverers_of, live_application
from driftgate.drift.reading import Rendered
from driftgate.drift.rules import ArgoCDSettings, application_rules, release_name, release_rules
from driftgate.drift.state import ClusterState, Key, Unreached, key_of
from driftgate.graph.index import cluster_of
from driftgate.live import Unread, Why
from driftgate.model.application import API_GROUP, AppProject, ResourcePattern
from driftgate.model.environment import Environment, LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.semantics.projects import KindRule, kind_permitted

__all__ = ["LiveApplication", "LiveEnvironment", "Pair", "pair_environment", "wanted_of"]

_ARGOCD_KINDS = ("Application", "ApplicationSet", "AppProject")
_NOT_HELMS = "helm delivers, and only Argo CD makes anything of it"
_EXCLUDED = "Argo CD takes no notice of its kind (resource.exclusions)"
_GENERATED = "the API server makes its name"
_REPEATED = "its Application renders it once more, and the last one counts"


@dataclass(frozen=True, slots=True)
class Pair:
    """One object as Git renders it and as the cluster has it, and what the comparison says of the two.

    `manifest` is what Git renders, with its places, and `desired` that object as it is handed to the cluster; both are
    None for an extra object. With an `unread` the verdict is COULD_NOT_CHECK, because the cluster did not tell.
    """

    manifest: Manifest | None = field(repr=False)
    desired: Json | None = field(repr=False)
    live: Json | None = field(repr=False)
    comparison: Comparison = field(repr=False)
    unread: Unread | None = None

    @property
    def verdict(self) -> Verdict:
        """What became of the object."""
        return self.comparison.verdict

    @property
    def key(self) -> Key:
        """Group, kind, namespace and name."""
        document = self.live if self.live is not None else self.desired
        if document is None:
            assert self.manifest is not None
            return self.manifest.identity
        return key_of(document)

    @property
    def object_id(self) -> str:
        """The object in a finding: group/Kind/namespace/name, empty parts left out."""
        return "/".join(part for part in self.key if part)


@dataclass(frozen=True, slots=True)
class LiveApplication:
    """One Application with the live counterpart of everything that it renders, and what is left over of it.

    `reason` says why this is who delivers it. `application` is the live Application itself; None where helm delivers,
    where it is missing, or where its cluster was not read. With `complete` false it was not rendered in full, and
    nothing is known of what is left over.
    """

    label: str
    deliverer: Deliverer
    reason: str
    rules: Rules
    state: ClusterState = field(repr=False)
    pairs: tuple[Pair, ...] = field(repr=False)
    application: Json | None = field(default=None, repr=False)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class LiveEnvironment:
    """Everything that was read for an environment, by Application; `unreached` is what could not be read at all."""

    states: tuple[ClusterState, ...]
    settings: ArgoCDSettings
    applications: Mapping[str, LiveApplication]
    unreached: tuple[Unreached, ...] = ()

    @property
    def argocd(self) -> ClusterState | None:
        """What the cluster said in which Argo CD keeps its Applications; None where that was not read."""
        for state in self.states:
            if state.is_listed(API_GROUP, "Application", self.settings.namespace):
                return state
        return None

    def gaps(self, state: ClusterState) -> tuple[Unread, ...]:
        """The lists that were not read of a cluster and may hide something.

        A kind that is not served holds nothing that could be left over. It is a gap where one of its objects is to be
        compared, as Applications are not where helm delivers.
        """
        needed = {pair.unread for one in self.applications.values() for pair in one.pairs}
        return tuple(one for one in state.unread if one.why is not Why.NOT_SERVED or one in needed)

    @property
    def has_compared(self) -> bool:
        """Whether there is any object that was to be compared, whatever came of it."""
        return any(pair.verdict is not Verdict.NOT_COMPARED for one in self.applications.values() for pair in one.pairs)


def wanted_of(applications: Sequence[LoadedApplication]) -> tuple[frozenset[Rendered], frozenset[str]]:
    """What has to be read in full for these Applications, and the namespaces that they deploy to."""
    rendered, namespaces = set(), set()
    for loaded in applications:
        # A release may be in another namespace than Argo CD would put its objects into; helm keeps its records there.
        release = release_name(loaded.application)[1]
        for manifest in loaded.manifests:
            if manifest.api_version and manifest.kind:
                rendered.add(Rendered(manifest.api_version, manifest.kind, manifest.target_namespace))
                if not manifest.namespace and manifest.target_namespace:
                    rendered.add(Rendered(manifest.api_version, manifest.kind, release))
        if not loaded.is_parent:
            namespaces |= {loaded.application.destination.namespace, release}
    return frozenset(rendered), frozenset(namespaces - {""})


def pair_environment(
    environment: Environment,
    states: Sequence[ClusterState],
    settings: ArgoCDSettings,
    names: Collection[str] = (),
    via: Deliverer | None = None,
) -> LiveEnvironment:
    """Pair everything that goes to the clusters that were read; `names` leaves only these Applications.

    `via` says who delivers, where the user knows better than the cluster shows.
    """
    found = {}
    for state in states:
        there = [one for one in environment.applications if cluster_of(one.application) == state.destination]
        chosen = [one for one in there if not names or one.application.name in names]
        deliverers = deliverers_of(there, settings, state, states)
        if via is not None:
            deliverers = dict.fromkeys(deliverers, (via, "as the command says"))
        drafts = [_Draft.of(one, settings, state, states, deliverers[one.label]) for one in chosen]
        extras = _extras(drafts, state, settings, environment.projects)
        for draft in drafts:
            found[draft.loaded.label] = draft.frozen(extras.get(draft.loaded.label, ()))
    in_order = {one.label: found[one.label] for one in environment.applications if one.label in found}
    return LiveEnvironment(tuple(states), settings, in_order)


@dataclass(frozen=True, slots=True)
class _Draft:
    """An Application with the pairs of what it renders."""

    loaded: LoadedApplication
    deliverer: Deliverer
    reason: str
    rules: Rules
    state: ClusterState
    application: Json | None = field(repr=False)
    pairs: tuple[Pair, ...] = field(repr=False)

    @classmethod
    def of(
        cls,
        loaded: LoadedApplication,
        settings: ArgoCDSettings,
        state: ClusterState,
        states: Sequence[ClusterState],
        delivery: tuple[Deliverer, str],
    ) -> _Draft:
        deliverer, reason = delivery
        by_argocd = deliverer is Deliverer.ARGOCD
        rules = (application_rules if by_argocd else release_rules)(loaded.application, settings)
        application = live_application(loaded, settings, states) if by_argocd else None
        pairs = tuple(_Pairing(deliverer, rules, state, settings).pairs(loaded.manifests))
        return cls(loaded, deliverer, reason, rules, state, application, pairs)

    @property
    def owner(self) -> _Owner:
        """How live objects refer to it."""
        tracking = self.rules.tracking
        by_helm = tracking.method is TrackingMethod.HELM
        return by_helm, tracking.namespace if by_helm else "", tracking.application

    @property
    def known(self) -> frozenset[Key | str]:
        """Key and uid of everything that it renders."""
        keys: set[Key | str] = {pair.key for pair in self.pairs}
        return frozenset(keys | {_uid(pair.live) for pair in self.pairs} - {""})

    def frozen(self, extras: Sequence[Pair]) -> LiveApplication:
        loaded = self.loaded
        pairs = (*self.pairs, *extras)
        return LiveApplication(
            loaded.label, self.deliverer, self.reason, self.rules, self.state, pairs, self.application, loaded.complete
        )


@dataclass(frozen=True, slots=True)
class _Pairing:
    deliverer: Deliverer
    rules: Rules
    state: ClusterState
    settings: ArgoCDSettings

    def pairs(self, manifests: Sequence[Manifest]) -> Iterator[Pair]:
        """Each manifest with its live object, in the order of rendering."""
        last = {self._key(manifest): manifest for manifest in manifests}
        for manifest in manifests:
            if manifest.name.endswith("*"):
                yield _not_compared(manifest, _GENERATED)
            elif last[self._key(manifest)] is not manifest:
                yield _not_compared(manifest, _REPEATED)
            elif reason := self._left_out(manifest):
                yield _not_compared(manifest, reason)
            else:
                yield self._pair(manifest)

    def _left_out(self, manifest: Manifest) -> str:
        if self.deliverer is Deliverer.HELM:
            is_argocd = manifest.group == API_GROUP and manifest.kind in _ARGOCD_KINDS
            return _NOT_HELMS if is_argocd else ""
        return _EXCLUDED if self.settings.excludes(manifest.group, manifest.kind) else ""

    def _scope(self, manifest: Manifest) -> bool | None:
        """Whether the kind has namespaces: the cluster knows best, also of custom kinds."""
        resource = self.state.kinds.find(manifest.group, manifest.kind)
        return resource.namespaced if resource is not None else manifest.namespaced

    def _key(self, manifest: Manifest) -> Key:
        tracking = self.rules.tracking
        namespace = "" if self._scope(manifest) is False else manifest.namespace or tracking.namespace
        return manifest.group, manifest.kind, namespace, manifest.name

    def _pair(self, manifest: Manifest) -> Pair:
        key = self._key(manifest)
        try:
            desired = self._desired(manifest)
        except CompareError as error:
            return Pair(manifest, None, None, Comparison(Verdict.COULD_NOT_CHECK, problem=error.problem))
        live = self.state.find(*key, version=manifest.version)
        comparison = compare(desired, live, self.rules)
        # What is not compared anyway, such as a hook, need not have been read.
        if comparison.verdict is Verdict.MISSING and not self.state.is_listed(*key[:3], version=manifest.version):
            comparison = Comparison(Verdict.COULD_NOT_CHECK, reason="nobody asked the cluster for it")
            unread = self.state.unread_of(*key[:3], version=manifest.version)
            return Pair(manifest, desired, None, comparison, unread)
        return Pair(manifest, desired, live, comparison)

    def _desired(self, manifest: Manifest) -> Json:
        if self.deliverer is Deliverer.HELM and "/crds/" in f"/{manifest.template}":
            return manifest.object  # helm installs these as they are, as nobody's
        return desired_object(manifest.object, self.rules.tracking, namespaced=self._scope(manifest))


def _not_compared(manifest: Manifest, reason: str) -> Pair:
    return Pair(manifest, None, None, Comparison(Verdict.NOT_COMPARED, reason=reason))


def _extras(
    drafts: Sequence[_Draft], state: ClusterState, settings: ArgoCDSettings, projects: Sequence[AppProject]
) -> dict[str, list[Pair]]:
    """What is in a cluster as an Application's, and not rendered by it, by the label of the Application.

    Nothing is said of Applications that were not rendered in full: what is left over may be what could not be.
    """
    owners = {draft.owner: draft for draft in drafts if draft.loaded.complete and draft.rules.tracking.application}
    trackings = {draft.deliverer: draft.rules.tracking for draft in drafts}
    known = {draft.loaded.label: draft.known for draft in drafts}
    found: dict[str, list[Pair]] = {}
    seen: set[Key] = set()
    for live in (*state.objects, *state.others):
        key = key_of(live)
        if key in seen or live["metadata"].get("ownerReferences"):
            continue
        seen.add(key)
        for tracking in trackings.values():
            draft = owners.get(_owner(live, tracking))
            # An object may be listed under two groups; the one that is in Git counts.
            if draft is None or not known[draft.loaded.label].isdisjoint((key, _uid(live))):
                continue
            pair = _extra(draft, live, settings, state, projects)
            if pair is not None:
                found.setdefault(draft.loaded.label, []).append(pair)
    return found


#: Who delivers, and by which name live objects refer to it; a release has its namespace too.
_Owner = tuple[bool, str, str]


def _owner(live: Json, tracking: Tracking) -> _Owner:
    """Whose an object says it is, by one way of tracking."""
    if tracking.method is not TrackingMethod.HELM:
        return False, "", belongs_to(live, tracking)
    namespace, _, name = belongs_to(live, replace(tracking, namespace="")).rpartition("/")
    return True, namespace, name


def _extra(
    draft: _Draft, live: Json, settings: ArgoCDSettings, state: ClusterState, projects: Sequence[AppProject]
) -> Pair | None:
    """A live object that an Application does not render, with its verdict; None for one that Argo CD does not see."""
    group, kind, namespace, name = key_of(live)
    if draft.deliverer is Deliverer.ARGOCD:
        application = draft.loaded.application
        if settings.excludes(group, kind):
            return None
        resource = state.kinds.find(group, kind)
        project = next((one for one in projects if one.name == application.project), None)
        namespaced = bool(namespace) if resource is None else resource.namespaced
        if project is not None and not _is_permitted(project, group, kind, name, namespaced=namespaced):
            return None
        managed = application.sync_policy.managed_namespace_metadata is not None
        if managed and (group, kind, name) == ("", "Namespace", application.destination.namespace):
            return None
    return Pair(None, None, live, compare(None, live, draft.rules))


def _is_permitted(project: AppProject, group: str, kind: str, name: str, *, namespaced: bool) -> bool:
    whitelist = project.namespace_resource_whitelist
    return kind_permitted(
        group,
        kind,
        name,
        namespaced=namespaced,
        cluster_whitelist=_kind_rules(project.cluster_resource_whitelist),
        cluster_blacklist=_kind_rules(project.cluster_resource_blacklist),
        namespace_whitelist=None if whitelist is None else _kind_rules(whitelist),
        namespace_blacklist=_kind_rules(project.namespace_resource_blacklist or ()),
    )


def _kind_rules(patterns: Sequence[ResourcePattern]) -> list[KindRule]:
    return [KindRule(one.group, one.kind, one.name) for one in patterns]


def _uid(live: Json | None) -> str:
    uid = live["metadata"].get("uid") if live is not None else None
    return uid if isinstance(uid, str) else ""
