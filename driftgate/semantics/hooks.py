"""Which objects Argo CD treats as hooks, and of which types.

Source: Argo CD ``gitops-engine/pkg/sync/hook``, ``hook/helm`` and ``ignore``; ``controller/hook.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from driftgate.semantics.go_text import trim_space

HOOK_ANNOTATION = "argocd.argoproj.io/hook"
HELM_HOOK_ANNOTATION = "helm.sh/hook"
#: Hook types that are phases of a sync, in the order in which the phases run.
SYNC_HOOK_TYPES = ("PreSync", "Sync", "PostSync", "SyncFail")
#: Hook types that run when the Application is deleted.
DELETE_HOOK_TYPES = ("PreDelete", "PostDelete")
SKIP = "Skip"

_ARGO_TYPES = (*SYNC_HOOK_TYPES, *DELETE_HOOK_TYPES, SKIP)
_HELM_TYPES = {
    "pre-install": "PreSync",
    "pre-upgrade": "PreSync",
    "post-install": "PostSync",
    "post-upgrade": "PostSync",
    "pre-delete": "PreDelete",
    "post-delete": "PostDelete",
}
#: Helm's own hook names that Argo CD knows of and never runs.
_HELM_NEVER_RUN = frozenset({"test", "test-success", "test-failure", "pre-rollback", "post-rollback"})
_CRD_INSTALL = "crd-install"


@dataclass(frozen=True, slots=True)
class HookVerdict:
    """What the hook annotations of one object amount to."""

    #: Whether the object is a hook, and therefore no part of the desired state that is compared.
    is_hook: bool
    #: The types in force, in the order of the phases; never holds ``Skip``.
    types: tuple[str, ...]
    #: A hook without any type: never applied, never compared.
    ignored: bool
    #: ``Skip`` alone: no hook, yet left out of sync, status and health.
    skip: bool
    #: The annotation that decides; None when the object has neither.
    annotation: str | None
    #: Names in the annotations that mean nothing, in order of appearance.
    unknown: tuple[str, ...]


def hook_types(annotations: Mapping[str, object]) -> HookVerdict:
    """Judge an object's hook annotations.

    An Argo CD annotation with at least one type of a sync decides alone about the sync. Otherwise Helm's is mapped, and
    names that Argo CD has no phase for (tests, rollbacks) make an ignored hook. The types of a deletion count in both.
    Values that are not strings count as absent.
    """
    argo = _items(annotations.get(HOOK_ANNOTATION))
    helm = _items(annotations.get(HELM_HOOK_ANNOTATION))
    argo_types = {item for item in argo or () if item in _ARGO_TYPES}
    helm_types = {_HELM_TYPES[item] for item in helm or () if item in _HELM_TYPES}
    # A sync does not know the types of a deletion, and a deletion looks at each annotation by itself.
    deletion = (argo_types | helm_types).intersection(DELETE_HOOK_TYPES)
    sync = argo_types.difference(DELETE_HOOK_TYPES) or helm_types.difference(DELETE_HOOK_TYPES)
    declared = sync | deletion
    skip = declared == {SKIP}
    is_hook = not skip and (argo is not None or _is_helm_hook(annotations.get(HELM_HOOK_ANNOTATION)))
    types = tuple(name for name in _ARGO_TYPES if name in declared and name != SKIP) if is_hook else ()
    return HookVerdict(
        is_hook=is_hook,
        types=types,
        ignored=is_hook and not types,
        skip=skip,
        annotation=_deciding_annotation(argo, argo_types, helm, helm_types),
        unknown=_unknown(argo or (), helm or ()),
    )


def _items(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, str):
        return None
    items = (trim_space(item) for item in value.split(","))
    return tuple(dict.fromkeys(item for item in items if item))


def _is_helm_hook(value: object) -> bool:
    # Helm 2 marked CRDs as hooks; Argo CD applies those as ordinary objects, if this is the whole value.
    return isinstance(value, str) and value != _CRD_INSTALL


def _deciding_annotation(
    argo: tuple[str, ...] | None, argo_types: set[str], helm: tuple[str, ...] | None, helm_types: set[str]
) -> str | None:
    if argo is not None and (argo_types or not helm_types):
        return HOOK_ANNOTATION
    return HELM_HOOK_ANNOTATION if helm is not None else None


def _unknown(argo: tuple[str, ...], helm: tuple[str, ...]) -> tuple[str, ...]:
    known_to_helm = {*_HELM_TYPES, *_HELM_NEVER_RUN, _CRD_INSTALL}
    return (
        *(item for item in argo if item not in _ARGO_TYPES),
        *(item for item in helm if item not in known_to_helm),
    )
