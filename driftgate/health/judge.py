"""The health of one live object, as Argo CD judges it."""

from __future__ import annotations

from driftgate.health.builtin import BUILT_IN
from driftgate.health.custom import CUSTOM
from driftgate.health.fields import Json, names, ref_of, text
from driftgate.health.verdict import Health, Status
from driftgate.model.manifest import dig

__all__ = ["has_rule", "health_of"]

_HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"


def has_rule(group: str, kind: str) -> bool:
    """Whether objects of a kind are judged here."""
    return (group, kind) in BUILT_IN or (group, kind) in CUSTOM


def health_of(value: Json) -> Health | None:
    """The health of an object, or None for a kind that has no rule here.

    Such a kind is one that has no health in Argo CD either (ConfigMap, Role, Namespace, …), or a custom kind whose
    script driftgate does not know; scripts in argocd-cm are not run. An object that is being deleted is in progress,
    whatever its kind, unless a hook's finalizer holds it (argo-cd: gitops-engine/pkg/health/health.go).
    """
    health = _by_rule(value)
    if health is not None and health.status is Status.UNKNOWN and not _has_known_version(value):
        return health
    if dig(value, ("metadata", "deletionTimestamp")) is None:
        return health
    finalizers = names(value, "metadata", "finalizers")
    if _HOOK_FINALIZER in finalizers:
        return health
    blocked = f"; blocked by finalizers: {', '.join(finalizers)}" if finalizers else ""
    return Health(Status.PROGRESSING, f"Pending deletion{blocked}")


def _by_rule(value: Json) -> Health | None:
    group, kind, _namespace, _name = ref_of(value)
    if custom := CUSTOM.get((group, kind)):
        return custom(value)
    if (group, kind) not in BUILT_IN:
        return None
    if not _has_known_version(value):
        return Health(Status.UNKNOWN, f"unsupported {kind} GVK: {text(value, 'apiVersion')}, Kind={kind}")
    return BUILT_IN[group, kind][1](value)


def _has_known_version(value: Json) -> bool:
    group, kind, _namespace, _name = ref_of(value)
    versions, _rule = BUILT_IN.get((group, kind), ((), None))
    return not versions or text(value, "apiVersion").rpartition("/")[2] in versions
