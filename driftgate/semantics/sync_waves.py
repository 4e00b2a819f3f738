"""Sync waves and the order of kinds within one.

Source: Argo CD ``gitops-engine/pkg/sync/syncwaves/waves.go``, ``hook/helm/weight.go`` and ``sync_tasks.go``.
"""

from __future__ import annotations

from collections.abc import Mapping

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
