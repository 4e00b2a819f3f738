"""The health of one live object, as Argo CD judges it."""

from __future__ import annotations

from collections.abc import Iterable

from driftgate.health.builtin import BUILT_IN
from driftgate.health.custom import CUSTOM
from driftgate.health.fields import Json, names, ref_of, text
from driftgate.health.verdict import Health, NoVerdictError, Status
from driftgate.model.manifest import dig
from driftgate.semantics.globs import gobwas_match

__all__ = ["has_rule", "health_of", "is_scripted"]

#: What Argo CD's errors call a kind.
_SHORT = {"HorizontalPodAutoscaler": "HPA"}
_HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"


def has_rule(group: str, kind: str) -> bool:
    """Whether driftgate has Argo CD's own rule about a kind."""
    return (group, kind) in BUILT_IN or (group, kind) in CUSTOM


def is_scripted(group: str, kind: str, scripts: Iterable[str]) -> bool:
    """Whether one of the scripts in argocd-cm judges a kind, in place of every other rule.

    `scripts` are the kinds that they are for, as `group/Kind` or a pattern of it (argo-cd: util/lua/lua.go).
    """
    key = f"{group}/{kind}" if group else kind
    return any(pattern == key or gobwas_match(pattern, key) for pattern in scripts)


def health_of(value: Json, scripts: Iterable[str] = ()) -> Health | None:
    """The health of an object, or None for a kind that is not judged here.

    Such a kind is one that has no health in Argo CD either (ConfigMap, Role, Namespace, …), or one whose script
    driftgate does not know; `scripts` in argocd-cm are not run. An object that is being deleted is in progress,
    whatever its kind, unless a hook's finalizer holds it (argo-cd: gitops-engine/pkg/health/health.go).
    """
    try:
        group, kind, _namespace, _name = ref_of(value)
        health = _by_rule(value) if has_rule(group, kind) and not is_scripted(group, kind, scripts) else None
    except NoVerdictError as error:
        return Health(Status.UNKNOWN, str(error))
    if dig(value, ("metadata", "deletionTimestamp")) is None:
        return health
    finalizers = names(value, "metadata", "finalizers")
    if _HOOK_FINALIZER in finalizers:
        return health
    blocked = f"; blocked by finalizers: {', '.join(finalizers)}" if finalizers else ""
    return Health(Status.PROGRESSING, f"Pending deletion{blocked}")


def _by_rule(value: Json) -> Health:
    group, kind, _namespace, _name = ref_of(value)
    if custom := CUSTOM.get((group, kind)):
        return custom(value)
    versions, rule = BUILT_IN[group, kind]
    if versions and text(value, "apiVersion").rpartition("/")[2] not in versions:
        raise NoVerdictError(f"unsupported {_SHORT.get(kind, kind)} GVK: {text(value, 'apiVersion')}, Kind={kind}")
    return rule(value)
