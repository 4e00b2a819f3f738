"""Where Applications go: which cluster, which namespace, and who creates it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from driftgate.judge import Breach, NotApplicable, Result, Subject, Unchecked, check
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.semantics.hooks import hook_types

POLICY: dict[str, type[Section]] = {}
CREATE_NAMESPACE = "CreateNamespace=true"
IN_CLUSTER = frozenset({"https://kubernetes.default.svc", "in-cluster"})
# Every cluster has these from its first start (kubernetes: pkg/controlplane/controller/systemnamespaces).
SYSTEM_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
_NAMESPACE = ("metadata", "namespace")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Destinations(Section):
    """Where Applications may go."""

    servers: tuple[str, ...] = setting((), "Allowed clusters, by server URL or by name; any, if none is listed.")
    namespaces: tuple[str, ...] = setting((), "Allowed destination namespaces; any, if none is listed.")
    object_namespaces: tuple[str, ...] | None = setting(
        None, "Namespaces that rendered objects may name, beside their destination's; absent means any."
    )
    existing_namespaces: tuple[str, ...] | None = setting(
        None, "Namespaces that exist without anybody here creating them; absent means that nobody keeps this list."
    )


POLICY["destinations"] = Destinations


@check()
def destination_invalid(subject: Subject) -> Iterator[Result]:
    """A destination does not name exactly one cluster

    Why: Argo CD asks for either server or name; with both or with neither the Application is invalid and never syncs
    (argo-cd: util/argo/argo.go).

    Fix: Keep one of spec.destination.server and spec.destination.name.
    """
    destination = subject.application.destination
    node = subject.application.node.get("spec", "destination")
    if node is None or not isinstance(node.value, dict):
        # The schema asks for the block and tells of its absence.
        yield NotApplicable()
    elif destination.server and destination.name:
        server = Related(subject.place("spec", "destination", "server"), "the server")
        yield Breach(
            subject.place("spec", "destination", "name"),
            "server and name",
            "one of the two",
            field="spec.destination",
            related=(server,),
        )
    elif not any(_is_written(subject, key) for key in ("server", "name")):
        yield Breach(
            subject.place("spec", "destination"), "neither server nor name", "one of the two", field="spec.destination"
        )


def _is_written(subject: Subject, key: str) -> bool:
    node = subject.application.node.get("spec", "destination", key)
    return node is not None and node.value not in (None, "")


@check()
def destination_server_unexpected(subject: Subject) -> Iterator[Result]:
    """An Application goes to a cluster that policy does not allow

    Why: An environment lives in its own cluster; one copied line is enough to deploy a trial into production.

    Fix: Correct spec.destination, or add the cluster to destinations.servers in policy.
    """
    allowed = subject.section(Destinations).servers
    destination = subject.application.destination
    cluster = destination.server or destination.name
    if not allowed or not cluster:
        yield NotApplicable()
    elif _cluster(cluster) not in {_cluster(entry) for entry in allowed}:
        path = ("spec", "destination", "server" if destination.server else "name")
        related = subject.policy_entry("destinations", "servers", note="what policy allows")
        yield Breach(subject.place(*path), cluster, " or ".join(allowed), field=".".join(path), related=related)


def _cluster(text: str) -> str:
    """One word for one cluster: Argo CD cuts a final slash, and calls the cluster it runs in by two names."""
    text = text.rstrip("/")
    return "in-cluster" if text in IN_CLUSTER else text


@check()
def destination_namespace_unexpected(subject: Subject) -> Iterator[Result]:
    """An Application goes to a namespace that policy does not allow

    Why: The destination namespace is where every object goes that names none itself; in another environment's
    namespace they overwrite that environment's objects.

    Fix: Correct spec.destination.namespace, or add the namespace to destinations.namespaces in policy.
    """
    allowed = subject.section(Destinations).namespaces
    namespace = subject.application.destination.namespace
    if not allowed:
        yield NotApplicable()
    elif namespace not in allowed:
        path = ("spec", "destination", "namespace")
        related = subject.policy_entry("destinations", "namespaces", note="what policy allows")
        yield Breach(
            subject.place(*path),
            namespace or "no namespace",
            " or ".join(allowed),
            field=".".join(path),
            related=related,
        )


@check()
def object_namespace_unexpected(subject: Subject) -> Iterator[Result]:
    """A rendered object names a namespace that policy does not allow

    Why: A namespace written into a template wins over the destination's, so the object leaves its environment without
    the Application showing it (argo-cd: controller/state.go `NormalizeTargetObjects`).

    Fix: Take metadata.namespace out of the template, or add the namespace to destinations.objectNamespaces.
    """
    section = subject.section(Destinations)
    allowed, own = section.object_namespaces, subject.application.destination.namespace
    # Without a destination namespace charts render `default`, which is no finding beside the one that tells the cause.
    if allowed is None or not subject.manifests or (section.namespaces and not own):
        yield NotApplicable()
        return
    expected = {own, *allowed} - {""}
    for manifest in subject.manifests:
        if manifest.target_namespace and manifest.target_namespace not in expected:
            wanted = " or ".join(sorted(expected)) or "no namespace"
            yield subject.breach(manifest, _NAMESPACE, manifest.namespace, wanted)


@check()
def object_namespace_missing(subject: Subject) -> Iterator[Result]:
    """Objects have no namespace to go to

    Why: A namespaced object that names no namespace goes to the destination's; where that is empty too, the
    Application is invalid and never syncs (argo-cd: controller/state.go `NormalizeTargetObjects`).

    Fix: Set spec.destination.namespace, or metadata.namespace of every namespaced object.
    """
    if not subject.manifests:
        yield NotApplicable()
        return
    homeless = [m for m in subject.manifests if not m.target_namespace and m.namespaced is not False]
    if not homeless:
        return
    place = subject.place("spec", "destination", "namespace")
    related = tuple(Related(m.place_of("kind"), f"{m.kind} {m.name}") for m in homeless[:_SHOWN])
    field = "spec.destination.namespace"
    certain = [m for m in homeless if m.namespaced]
    if certain:
        found = f"no namespace for {_listed(certain)}"
        yield Breach(place, found, "a destination namespace", field=field, related=related)
    else:
        found = f"no namespace for {_listed(homeless)}, if that is a namespaced kind"
        expected = "a destination namespace, or the kind in cluster.clusterScopedKinds"
        yield Unchecked(place, found, expected, field=field, related=related)


def _listed(manifests: list[Manifest]) -> str:
    shown = ", ".join(f"{manifest.kind} {manifest.name}" for manifest in manifests[:_SHOWN])
    more = len(manifests) - _SHOWN
    return shown + (f" and {more} more" if more > 0 else "")


@check()
def namespace_not_created(subject: Subject) -> Iterator[Result]:
    """Nobody creates a namespace that objects go to

    Why: Argo CD creates a namespace only for the destination, and only with CreateNamespace=true; a sync into one that
    does not exist fails (argo-cd: controller/sync_namespace.go). A namespace that only templates name is never made.

    Fix: Set CreateNamespace=true, add a Namespace manifest, or list the namespace under
    destinations.existingNamespaces if it is made elsewhere.
    """
    existing = subject.section(Destinations).existing_namespaces
    if existing is None or not subject.manifests:
        yield NotApplicable()
        return
    control_plane = subject.policy.section(ArgoCDSection).namespace
    known = {*existing, *SYSTEM_NAMESPACES, control_plane, *_created_by(subject.app)}
    wanted = {name: line for name, line in _wanted_namespaces(subject).items() if name not in known}
    if not wanted:
        return
    applications = subject.environment.applications
    cluster = _cluster_of(subject.app)
    created = {name for one in applications if _cluster_of(one) == cluster for name in _created_by(one)}
    everything_known = all(one.complete for one in applications)
    for namespace, (place, related) in wanted.items():
        if namespace in created:
            continue
        field = f"namespaces.{namespace}"
        expected = f"a Namespace manifest of {namespace}"
        if namespace == subject.application.destination.namespace:
            expected = f"{CREATE_NAMESPACE}, or {expected}"
        if everything_known:
            yield Breach(place, f"nobody creates {namespace}", expected, field=field, related=related)
        else:
            found = f"nobody creates {namespace}, as far as the Applications could be rendered"
            yield Unchecked(place, found, expected, field=field, related=related)


def _wanted_namespaces(subject: Subject) -> dict[str, tuple[Place, tuple[Related, ...]]]:
    """Every namespace that an object goes to, with the line that says so."""
    wanted: dict[str, tuple[Place, tuple[Related, ...]]] = {}
    for manifest in subject.manifests:
        namespace = manifest.target_namespace
        if not namespace or namespace in wanted or hook_types(manifest.annotations).ignored:
            continue
        if namespace == subject.application.destination.namespace:
            wanted[namespace] = subject.place("spec", "destination", "namespace"), ()
        else:
            wanted[namespace] = subject.cause(manifest, *_NAMESPACE)
    return wanted


def _created_by(loaded: LoadedApplication) -> set[str]:
    """The namespaces that an Application creates: its manifests of that kind, and its destination if it asks."""
    created = {manifest.name for manifest in loaded.manifests if _is_namespace(manifest)}
    if loaded.application.sync_policy.has_option(CREATE_NAMESPACE):
        created.add(loaded.application.destination.namespace)
    return created


def _cluster_of(loaded: LoadedApplication) -> str:
    destination = loaded.application.destination
    return _cluster(destination.server or destination.name)


def _is_namespace(manifest: Manifest) -> bool:
    return manifest.kind == "Namespace" and not manifest.group


@check(severity=Severity.WARNING)
def managed_namespace_metadata_ineffective(subject: Subject) -> Iterator[Result]:
    """The block managedNamespaceMetadata has no effect

    Why: Argo CD applies the labels and annotations only together with CreateNamespace=true and for a destination
    namespace that is named; a Namespace manifest among the rendered objects wins over the block (argo-cd:
    controller/sync_namespace.go). Without the option the block only makes the Application OutOfSync for good.

    Fix: Add CreateNamespace=true, or move the metadata into the Namespace manifest and drop the block.
    """
    block = subject.application.sync_policy.managed_namespace_metadata
    if block is None or not any(below.mapping for below in block.mapping.values()):
        yield NotApplicable()
        return
    path = ("spec", "syncPolicy", "managedNamespaceMetadata")
    namespace = subject.application.destination.namespace
    own = next((m for m in subject.manifests if _is_namespace(m) and m.name == namespace), None)
    if own is not None and not hook_types(own.annotations).is_hook:
        related = (Related(own.place_of("metadata"), f"the manifest of Namespace {namespace}, which wins"),)
        yield Breach(
            subject.place(*path),
            "a Namespace manifest beside it",
            "one of the two",
            field=".".join(path),
            related=related,
        )
    elif not namespace:
        yield Breach(
            subject.place(*path), "no destination namespace", "spec.destination.namespace", field=".".join(path)
        )
    elif not subject.application.sync_policy.has_option(CREATE_NAMESPACE):
        yield Breach(
            subject.place(*path),
            f"no {CREATE_NAMESPACE}",
            f"{CREATE_NAMESPACE} in spec.syncPolicy.syncOptions",
            field=".".join(path),
        )
