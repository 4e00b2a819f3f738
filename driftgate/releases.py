"""Each Application as the helm release that Argo CD's rendering of it amounts to, in the order of deployment.

Argo CD renders with `helm template` and applies the outcome itself (argo-cd: util/helm/cmd.go). The same chart, values
and parameters given to `helm upgrade --install` deliver the same objects, as far as helm can be told; where it cannot,
the Application is no release, and `NotRelease.reason` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from driftgate.assembly import Assembly
from driftgate.assembly.plan import HYDRATED, REVISION
from driftgate.errors import UsageError
from driftgate.graph.index import cluster_of
from driftgate.graph.order import Order
from driftgate.judge import Subject, order_of
from driftgate.model.application import API_GROUP, Application
from driftgate.model.environment import LayerKind, LoadedApplication, Reach, Render, RenderStatus, SourceType
from driftgate.model.manifest import Manifest
from driftgate.policy import ArgoCDSection, ClusterSection
from driftgate.render.jobs import HelmJob, SetFlag
from driftgate.semantics.destinations import cluster_called
from driftgate.semantics.giturl import without_credentials
from driftgate.semantics.helm_values import set_path
from driftgate.semantics.hooks import HELM_HOOK_ANNOTATION, HOOK_ANNOTATION, hook_types
from driftgate.semantics.object_names import name_fault
from driftgate.semantics.retry import DEFAULT_AUTOMATED_LIMIT, RetryPlan
from driftgate.semantics.sync_waves import SYNC_WAVE_ANNOTATION
from driftgate.yaml_reader import read_yaml

__all__ = ["NotRelease", "Parent", "Release", "Releases", "releases_of"]

_OWN_GROUP_KINDS = {(API_GROUP, kind) for kind in ("Application", "ApplicationSet", "AppProject")}
_VALUES = (LayerKind.VALUE_FILE, LayerKind.INLINE)
_CRDS_STAY = "helm installs what is in crds/ with the first revision and leaves it alone afterwards"
_ANNOTATIONS_IGNORED = "helm does not read the hooks and waves of Argo CD on its objects: it applies all at once"
_NO_RETRY = "the backoff of its retries cannot be read, so Argo CD would not retry, and neither is it done here"


@dataclass(frozen=True, slots=True)
class Release:
    """One helm release.

    `name` and `namespace` are helm's, `application_namespace` that of the Application itself. `cluster` is the
    destination, by its server's URL or the name that Argo CD has for it; `context` the kubeconfig context that policy
    has for that, "" without one. `chart` is the chart's folder in the tree, or what it was fetched as; with `own_chart`
    the folder `job.chart` is that of the tree and may be given to helm as it is. `repository` and `revision` are what
    Argo CD deploys. `values` are the names of the values that Helm gets, lowest first, and `job.values` their texts.
    `waits` are the seconds before each retry; a negative `limit` is endless, and then only the first waits are listed.
    `kinds` are (group, kind) of what it creates. `remarks` tell what helm does otherwise than Argo CD would.
    """

    application: str
    label: str
    application_namespace: str
    name: str
    namespace: str
    cluster: str
    context: str
    chart: str
    own_chart: bool
    repository: str
    revision: str
    values: tuple[str, ...]
    wave: int
    limit: int
    waits: tuple[float, ...]
    create_namespace: bool
    kinds: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    job: HelmJob = field(repr=False)

    @property
    def flags(self) -> tuple[str, ...]:
        """What else Helm is told, for `helm upgrade` and `helm template` alike; `helm lint` knows no --skip-crds."""
        crds = () if self.job.include_crds else ("--skip-crds",)
        schemas = ("--skip-schema-validation",) if self.job.skip_schema_validation else ()
        return (*crds, *schemas)


@dataclass(frozen=True, slots=True)
class Parent:
    """An Application that renders Applications only; helm has nothing to deliver for it.

    `manifest` is its file in the tree. A parent that is `root` is what a person applies to hand everything to Argo CD.
    """

    application: str
    label: str
    application_namespace: str
    manifest: str
    repository: str
    revision: str
    root: bool


@dataclass(frozen=True, slots=True)
class NotRelease:
    """An Application that helm cannot deliver, or not as Argo CD would, and why."""

    application: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Releases:
    """What an environment amounts to for helm; everything in the order of deployment.

    One run of helm has one cluster: all `releases` go to `cluster`.
    """

    environment: str
    cluster: str = ""
    releases: tuple[Release, ...] = ()
    parents: tuple[Parent, ...] = ()
    others: tuple[NotRelease, ...] = ()

    def only(self, names: Collection[str]) -> Releases:
        """Those of some Applications, by name or label; everything where no name is given. Parents stay."""
        if not names:
            return self

        def is_wanted(one: Release | NotRelease) -> bool:
            return one.application in names or one.label in names

        return replace(
            self,
            releases=tuple(filter(is_wanted, self.releases)),
            others=tuple(filter(is_wanted, self.others)),
        )


def releases_of(assembly: Assembly, cluster: str = "") -> Releases:
    """The releases of an environment that is assembled, for as long as it is; `cluster` chooses the destination.

    Without it the cluster of the first release counts, and what goes elsewhere is told as no release. UsageError where
    nothing goes to the cluster that is named.
    """
    order = order_of(Subject(assembly.environment, assembly.policy))
    found = [_Reader(assembly, order, order.applications[label]).read() for label in order.in_order()]
    releases = [one for one in found if isinstance(one, Release)]
    clusters = tuple(dict.fromkeys(one.cluster for one in releases))
    chosen = cluster_called(cluster, "") or (clusters[0] if clusters else "")
    if cluster and chosen not in clusters:
        raise UsageError(f"no release goes to {cluster}; there is {', '.join(clusters) or 'none at all'}")
    claims = Counter((one.name, one.namespace) for one in releases if one.cluster == chosen)
    judged = [_for_cluster(one, chosen, claims) if isinstance(one, Release) else one for one in found]
    return Releases(
        assembly.environment.name,
        chosen,
        tuple(one for one in judged if isinstance(one, Release)),
        tuple(one for one in judged if isinstance(one, Parent)),
        tuple(one for one in judged if isinstance(one, NotRelease)),
    )


def _for_cluster(release: Release, cluster: str, claims: Counter[tuple[str, str]]) -> Release | NotRelease:
    if release.cluster != cluster:
        return NotRelease(release.application, release.label, f"goes to another cluster, {release.cluster}")
    if claims[(release.name, release.namespace)] > 1:
        reason = f"shares release {release.name} of namespace {release.namespace} with another Application"
        return NotRelease(release.application, release.label, reason)
    return release


class _RefusedError(Exception):
    """What keeps an Application from being a release."""


@dataclass(frozen=True, slots=True)
class _Reader:
    assembly: Assembly
    order: Order
    loaded: LoadedApplication

    @property
    def application(self) -> Application:
        return self.loaded.application

    def read(self) -> Release | Parent | NotRelease:
        """What the Application is for helm."""
        name, label = self.application.name, self.loaded.label
        if self.loaded.complete and self._is_parent():
            is_root = not set(self.loaded.parents) - {label}
            source = self.loaded.renders[0].source
            repository, revision = without_credentials(source.repo_url), source.target_revision or "HEAD"
            manifest = self.application.node.file
            return Parent(name, label, self._application_namespace, manifest, repository, revision, is_root)
        try:
            return self._release()
        except _RefusedError as refused:
            return NotRelease(name, label, str(refused))

    @property
    def _application_namespace(self) -> str:
        return self.application.namespace or self.assembly.policy.section(ArgoCDSection).namespace

    def _is_parent(self) -> bool:
        return self.loaded.is_parent and all((one.group, one.kind) in _OWN_GROUP_KINDS for one in self.loaded.manifests)

    def _release(self) -> Release:
        render = self._one_render()
        job = self.assembly.job(self.loaded.label, render.source.index)
        assert isinstance(job, HelmJob)
        self._refuse_what_helm_cannot_be_told(render, job)
        limit, waits, retry_remarks = _retries(self.application)
        cluster = cluster_of(self.application)
        entry = self.assembly.policy.section(ClusterSection).destination(cluster)
        own_chart = not job.local_dependencies and Path(job.chart).is_relative_to(self.assembly.root.resolve(""))
        return Release(
            application=self.application.name,
            label=self.loaded.label,
            application_namespace=self._application_namespace,
            name=job.release,
            namespace=job.namespace,
            cluster=cluster,
            context=(entry.context or "") if entry is not None else "",
            chart=render.chart or render.source.chart or render.directory or ".",
            own_chart=own_chart,
            repository=without_credentials(render.source.repo_url),
            revision=render.source.target_revision or "HEAD",
            values=tuple(_values_names(render)),
            wave=self.order.wave(self.loaded.label),
            limit=limit,
            waits=waits,
            create_namespace=self.application.sync_policy.has_option("CreateNamespace=true"),
            kinds=tuple(sorted({(one.group, one.kind) for one in self.loaded.manifests if _is_created(one)})),
            remarks=(*_remarks(render, job), *retry_remarks),
            job=job,
        )

    def _one_render(self) -> Render:
        """The one Helm source; refused where there is another, or where it is not rendered in full."""
        if self.loaded.reach is Reach.UNREACHED:
            raise _RefusedError("no root of the policy leads to it, so Argo CD would not deploy it")
        if self.application.hydrated:
            raise _RefusedError(HYDRATED)
        for _, problem in self.loaded.problems:
            raise _RefusedError(f"{problem.fault}: {problem.found} ({problem.place})")
        if len(self.loaded.renders) > 1:
            raise _RefusedError(f"has {len(self.loaded.renders)} sources that render, and a release has one chart")
        (render,) = self.loaded.renders
        if render.status is not RenderStatus.RENDERED:
            raise _RefusedError("renders nothing")
        if render.type is not SourceType.HELM:
            raise _RefusedError(f"its source is of type {render.type.value}, not a Helm chart")
        for fault in render.faults:
            raise _RefusedError(f"{fault.fault}: {fault.found} ({fault.template})")
        return render

    def _refuse_what_helm_cannot_be_told(self, render: Render, job: HelmJob) -> None:
        helm = render.source.helm
        if self.loaded.is_parent:
            raise _RefusedError("renders Applications besides other objects, which nobody but Argo CD acts on")
        if "{{" in job.release:
            raise _RefusedError("its release name is a template")
        if not cluster_of(self.application):
            raise _RefusedError("names no destination cluster")
        fault = name_fault("", "Namespace", job.namespace)
        if fault:
            raise _RefusedError(f"its namespace {job.namespace!r} is not {fault}; helm keeps the release in it")
        if helm.kube_version or helm.api_versions:
            field = "kubeVersion" if helm.kube_version else "apiVersions"
            raise _RefusedError(f"sets helm.{field}; `helm upgrade` asks the cluster instead")
        if REVISION in render.assumptions:
            raise _RefusedError(f"its values depend on {REVISION}")
        if job.namespace != self.application.destination.namespace:
            self._refuse_objects_in_two_namespaces(job)
        for layer in render.layers:
            if layer.kind in (LayerKind.CHART, *_VALUES) and _has_several_documents(layer.text):
                raise _RefusedError(f"{layer.label} has several YAML documents: Helm 3 reads the first, Helm 4 all")
        _refuse_parameters(job.sets)
        for what, text in (("name", self.application.name), ("chart folder", job.chart)):
            if not text.isprintable():
                raise _RefusedError(f"its {what} holds a line break or a control character")

    def _refuse_objects_in_two_namespaces(self, job: HelmJob) -> None:
        """What names no namespace goes to the destination's for Argo CD, to that of `helm.namespace` for helm."""
        for manifest in self.loaded.manifests:
            if not manifest.namespace and manifest.target_namespace:
                raise _RefusedError(
                    f"{manifest.kind} {manifest.name} names no namespace: Argo CD applies it in "
                    f"{manifest.target_namespace}, helm in {job.namespace}"
                )


def _retries(application: Application) -> tuple[int, tuple[float, ...], tuple[str, ...]]:
    """Limit, waits and remarks; without a block 5 of an automated sync (argo-cd: controller/appcontroller.go)."""
    policy = application.sync_policy
    retry = policy.retry
    if retry is None:
        plan = RetryPlan.of(DEFAULT_AUTOMATED_LIMIT if policy.is_automated else 0)
        return plan.limit, plan.waits, ()
    try:
        plan = RetryPlan.of(retry.limit or 0, retry.duration, retry.factor, retry.max_duration)
    except ValueError:
        return 0, (), (_NO_RETRY,)
    return plan.limit, plan.waits, ()


def _values_names(render: Render) -> Iterator[str]:
    for layer in render.layers:
        if layer.kind in _VALUES:
            yield layer.label if layer.kind is LayerKind.VALUE_FILE else f"{layer.label} of {layer.file}"


def _has_several_documents(text: str) -> bool:
    """Whether anything stands after the first document (Helm 4 merges that: pkg/chart/v2/loader/load.go)."""
    documents = read_yaml(text, "", exact=False).documents[1:] if "---" in text else ()
    return any(one.root is not None and one.root.value is not None for one in documents)


def _remarks(render: Render, job: HelmJob) -> Iterator[str]:
    if job.include_crds and any("/crds/" in f"/{one.template}" for one in render.manifests):
        yield _CRDS_STAY
    if any({HOOK_ANNOTATION, SYNC_WAVE_ANNOTATION} & set(one.annotations) for one in render.manifests):
        yield _ANNOTATIONS_IGNORED


def _is_created(manifest: Manifest) -> bool:
    """Whether a deploy makes the object: helm's tests wait until somebody asks for them."""
    return not (HELM_HOOK_ANNOTATION in manifest.annotations and hook_types(manifest.annotations).ignored)


def _refuse_parameters(sets: Collection[SetFlag]) -> None:
    """What no line of a shell script can hand to helm.

    A value of several lines goes by a file, which is read after all other parameters, so that nothing else may set the
    same or a part of it; and Helm must read it as the plain text that it is.
    """
    for flag in sets:
        if not flag.name.isprintable():
            raise _RefusedError("the name of a parameter holds a line break or a control character")
        if "\0" in flag.value:
            raise _RefusedError(f"parameter {flag.name} holds a NUL character")
        if "\n" not in flag.value:
            continue
        if flag.value.startswith("{") or "\\" in flag.value:
            raise _RefusedError(f"parameter {flag.name} has several lines, and a list or a backslash in them")
        if any(other is not flag and _overlap(flag.name, other.name) for other in sets):
            raise _RefusedError(f"parameter {flag.name} has several lines, and another parameter sets a part of it")


def _overlap(name: str, other: str) -> bool:
    """Whether two parameters may set the same value: one path leads to the other, or is not known."""
    first, second = set_path(name), set_path(other)
    if first is None or second is None:
        return True
    shared = min(len(first), len(second))
    return first[:shared] == second[:shared]
