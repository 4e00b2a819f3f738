"""What Argo CD does to an object that is no longer rendered, or that the API server refuses to change.

Source: argo-cd, gitops-engine/pkg/sync/sync_context.go (`pruneObject`, `isPruningDisabled`, `applyObject`,
`shouldUseServerSideApply`), gitops-engine/pkg/utils/kube/resource_ops.go (`ApplyResource`, `ReplaceResource`) and
controller/appcontroller.go (`shouldBeDeleted`, `finalizeApplicationDeletion`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from driftgate.model.application import FINALIZERS, Application
from driftgate.semantics.go_text import trim_space
from driftgate.semantics.sync_options import SYNC_OPTIONS_ANNOTATION

__all__ = [
    "Fate",
    "fate_when_application_deleted",
    "fate_when_not_rendered",
    "is_cascading",
    "is_recreated",
    "options_of",
]

_CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
_RESOURCE_POLICY = "helm.sh/resource-policy"
_RBAC = "rbac.authorization.k8s.io"
_BINDINGS = frozenset({"RoleBinding", "ClusterRoleBinding"})


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether an object is deleted without anybody's doing more, and what happens to it, as part of a sentence."""

    deleted: bool
    text: str


def options_of(annotations: Mapping[str, object]) -> tuple[str, ...]:
    """The sync options in an object's own annotation, as Argo CD splits and trims them."""
    value = annotations.get(SYNC_OPTIONS_ANNOTATION)
    return tuple(trim_space(item) for item in value.split(",")) if isinstance(value, str) else ()


def _option(application: Application, annotations: Mapping[str, object], name: str, *, app_wide: bool) -> str:
    """The value of an option: the object's own, else the Application's where Argo CD reads it there."""
    listed = tuple(entry.text for entry in application.sync_policy.sync_options) if app_wide else ()
    prefix = f"{name}="
    return next((text[len(prefix) :] for text in (*options_of(annotations), *listed) if text.startswith(prefix)), "")


def fate_when_not_rendered(application: Application, annotations: Mapping[str, object], *, app_wide: bool) -> Fate:
    """What becomes of a live object that its Application does not render any more.

    `annotations` are the live object's, which are those that it was last rendered with; `app_wide` says whether this
    Argo CD reads Prune on the Application (since 3.4).
    """
    option = _option(application, annotations, "Prune", app_wide=app_wide)
    if option == "false":
        return Fate(False, "it stays in the cluster and keeps the Application OutOfSync (Prune=false)")
    if option == "confirm":
        return Fate(False, "it stays until somebody confirms that it may be pruned (Prune=confirm)")
    if not application.sync_policy.is_automated:
        return Fate(False, "it stays in the cluster until somebody syncs with prune")
    automated = application.sync_policy.automated
    if automated is None or not automated.prune:
        return Fate(False, "it stays in the cluster and keeps the Application OutOfSync, because prune is off")
    last = application.sync_policy.has_option("PruneLast=true") or "PruneLast=true" in options_of(annotations)
    return Fate(True, f"the next sync deletes it{', after everything else (PruneLast)' if last else ''}")


def is_cascading(application: Application) -> bool:
    """Whether deleting the Application deletes what it deployed."""
    return any(finalizer.text in FINALIZERS for finalizer in application.finalizers)


def fate_when_application_deleted(
    application: Application, group_kind: tuple[str, str], annotations: Mapping[str, object], *, app_wide: bool
) -> Fate:
    """What becomes of an object when its Application is deleted."""
    if not is_cascading(application):
        return Fate(False, "it stays in the cluster, and no Application owns it any more")
    if group_kind == _CRD:
        return Fate(False, "it stays in the cluster: Argo CD does not delete definitions of kinds with an Application")
    option = _option(application, annotations, "Delete", app_wide=app_wide)
    if option == "false" or annotations.get(_RESOURCE_POLICY) == "keep":
        return Fate(False, "it stays in the cluster (Delete=false, or Helm's resource policy)")
    if option == "confirm":
        return Fate(False, "it stays until somebody confirms that it may be deleted (Delete=confirm)")
    return Fate(True, "it is deleted with its Application")


def is_recreated(
    application: Application, group_kind: tuple[str, str], before: Mapping[str, object], after: Mapping[str, object]
) -> bool:
    """Whether Argo CD deletes and creates an object that cannot be updated, so that the sync goes through.

    `before` and `after` are the annotations of the live object and of the new one. Replace alone updates, and is
    refused as well; Force counts on the object only, and not together with server-side apply. Bindings are recreated
    by `kubectl auth reconcile`, which runs before a client-side apply.
    """
    new, both = options_of(after), {*options_of(before), *options_of(after)}
    listed = application.sync_policy.has_option
    replaced = listed("Replace=true") or "Replace=true" in both
    server_side = "ServerSideApply=false" not in new and (
        listed("ServerSideApply=true") or "ServerSideApply=true" in new
    )
    if replaced:
        # Replacing would delete every object of the kind, or in the namespace, so these two are updated.
        return "Force=true" in both and group_kind not in (_CRD, ("", "Namespace"))
    reconciled = group_kind[0] == _RBAC and group_kind[1] in _BINDINGS
    return not server_side and ("Force=true" in both or reconciled)
