"""Sync waves and the order of kinds within one.

Source: Argo CD ``gitops-engine/pkg/sync/syncwaves/waves.go``, ``hook/helm/weight.go`` and ``sync_tasks.go``;
``util/lua/lua.go`` for what makes a wave wait for Applications.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from driftgate.semantics.globs import gobwas_match
from driftgate.semantics.hooks import HELM_HOOK_ANNOTATION, HOOK_ANNOTATION, SYNC_HOOK_TYPES, hook_types
from driftgate.semantics.numbers import parse_atoi

SYNC_WAVE_ANNOTATION = "argocd.argoproj.io/sync-wave"
HOOK_WEIGHT_ANNOTATION = "helm.sh/hook-weight"
#: The source that :func:`sync_wave` names when neither annotation holds an integer.
DEFAULT_SOURCE = "default"
DEFAULT_WAVE = 0

#: Kinds in the order in which Argo CD applies them within a wave; it looks at the kind alone, not at the
#: group.
KIND_ORDER = (
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
)
#: The key of argocd-cm that holds a health check of Applications; without one no wave waits for a child.
APPLICATION_HEALTH_KEY = "resource.customizations.health.argoproj.io_Application"
_HEALTH_PREFIX = "resource.customizations.health."
_OLD_CUSTOMIZATIONS = "resource.customizations"
_IN_ONE_BLOCK = re.compile(
    r"""^['"]?argoproj\.io/Application['"]?:\s*\n(?:[ \t]+.*\n)*?[ \t]+health\.lua:""", re.MULTILINE
)
_KIND_RANKS = {kind: rank for rank, kind in enumerate(KIND_ORDER)}


def sync_wave(annotations: Mapping[str, object]) -> tuple[int, str]:
    """Return the wave in force and the annotation that sets it, or ``default``.

    A sync-wave annotation that is absent or that Go's ``Atoi`` refuses silently gives way to the Helm hook
    weight, on any object. A value that is not a string counts as absent: Argo CD cannot render such an object
    at all.
    """
    for name in (SYNC_WAVE_ANNOTATION, HOOK_WEIGHT_ANNOTATION):
        text = annotations.get(name)
        wave = parse_atoi(text) if isinstance(text, str) else None
        if wave is not None:
            return wave, name
    return DEFAULT_WAVE, DEFAULT_SOURCE


def kind_rank(kind: str) -> int:
    """Return the kind's place within a wave, lowest first; kinds that the list does not name come last."""
    return _KIND_RANKS.get(kind, len(KIND_ORDER))


def sync_turns(annotations: Mapping[str, object]) -> list[tuple[int, int]]:
    """The turns of a sync in which an object is applied, each as (phase, wave); none after a failure only.

    A phase is its place in ``SYNC_HOOK_TYPES``; the list is empty for an object that no sync applies.
    """
    wave, _ = sync_wave(annotations)
    if HOOK_ANNOTATION not in annotations and HELM_HOOK_ANNOTATION not in annotations:  # nearly everything
        return [(SYNC_HOOK_TYPES.index("Sync"), wave)]
    verdict = hook_types(annotations)
    if verdict.skip or verdict.ignored:
        return []
    phases = verdict.types if verdict.is_hook else ("Sync",)
    return [
        (SYNC_HOOK_TYPES.index(phase), wave) for phase in phases if phase in SYNC_HOOK_TYPES and phase != "SyncFail"
    ]


def judges_applications(key: str, text: str) -> bool:
    """Whether an entry of argocd-cm holds a health check that Applications get: by name, by pattern, or in one block.

    A key writes the kind as group_Kind and may be a pattern (argo-cd: util/lua/lua.go GetHealthScript).
    """
    text = text.strip()
    if key == _OLD_CUSTOMIZATIONS:
        return _IN_ONE_BLOCK.search(text) is not None
    pattern = key.removeprefix(_HEALTH_PREFIX).replace("_", "/", 1)
    return key.startswith(_HEALTH_PREFIX) and bool(text) and gobwas_match(pattern, "argoproj.io/Application")
