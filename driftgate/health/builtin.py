"""Argo CD's health of Kubernetes' own kinds, rule by rule.

Source: argo-cd `gitops-engine/pkg/health/health_*.go`, release 3.6. A field that is absent counts as Go's zero value,
except where Argo CD looks whether it is there (`spec.replicas`). Messages are those of Argo CD: both show the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from driftgate.health.fields import Json, condition, conditions, integer, is_true, items, text
from driftgate.health.verdict import Health, NoVerdictError, Status
from driftgate.model.manifest import dig
from driftgate.semantics.hooks import hook_types

__all__ = ["BUILT_IN"]

_IGNORE_RESTART_POLICY = "argocd.argoproj.io/ignore-restart-policy"
_HPA_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_UNREADABLE_CONDITIONS = "failed to convert conditions annotation to typed"
_WAITING_FOR_ROLLOUT = "Waiting for rollout to finish: "
_HPA_DEGRADED = {
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "FailedGetObjectMetric"),
    ("ScalingActive", "FailedGetPodsMetric"),
    ("ScalingActive", "FailedGetExternalMetric"),
    ("ScalingActive", "FailedComputeMetricsReplicas"),
    ("ScalingActive", "InvalidSelector"),
}


def _deployment(value: Json) -> Health:
    if is_true(value, "spec", "paused"):
        return Health(Status.SUSPENDED, "Deployment is paused")
    if _is_unobserved(value):
        return _rollout("observed deployment generation less than desired generation")
    progressing = condition(value, "Progressing")
    if progressing is not None and text(progressing, "reason") == "ProgressDeadlineExceeded":
        name = json.dumps(text(value, "metadata", "name"), ensure_ascii=False)
        return Health(Status.DEGRADED, f"Deployment {name} exceeded its progress deadline")
    wanted = dig(value, ("spec", "replicas"))
    updated, available = _count(value, "updatedReplicas"), _count(value, "availableReplicas")
    old = _count(value, "replicas") - updated
    if isinstance(wanted, int) and updated < wanted:
        return _rollout(f"{updated} out of {wanted} new replicas have been updated...")
    if old > 0:
        return _rollout(f"{old} old replicas are pending termination...")
    if available < updated:
        return _rollout(f"{available} of {updated} updated replicas are available...")
    return Health(Status.HEALTHY)


def _rollout(what: str) -> Health:
    return Health(Status.PROGRESSING, f"{_WAITING_FOR_ROLLOUT}{what}")


def _count(value: Json, field: str) -> int:
    return integer(value, "status", field)


def _is_unobserved(value: Json) -> bool:
    return integer(value, "metadata", "generation") > _count(value, "observedGeneration")


def _stateful_set(value: Json) -> Health:
    if _count(value, "observedGeneration") == 0 or _is_unobserved(value):
        return Health(Status.PROGRESSING, "Waiting for statefulset spec update to be observed...")
    replicas, ready = dig(value, ("spec", "replicas")), _count(value, "readyReplicas")
    if isinstance(replicas, int) and ready < replicas:
        return Health(Status.PROGRESSING, f"Waiting for {replicas - ready} pods to be ready...")
    strategy = text(value, "spec", "updateStrategy", "type")
    block = dig(value, ("spec", "updateStrategy", "rollingUpdate"))
    if strategy == "RollingUpdate" and block is not None:
        return _partitioned(value, replicas, dig(block, ("partition",)))
    if strategy == "OnDelete":
        return Health(Status.HEALTHY, f"statefulset has {ready} ready pods")
    current, updated = (text(value, "status", field) for field in ("currentRevision", "updateRevision"))
    if updated != current:
        pods = _count(value, "updatedReplicas")
        what = f"waiting for statefulset rolling update to complete {pods} pods at revision {updated}..."
        return Health(Status.PROGRESSING, what)
    pods = _count(value, "currentReplicas")
    return Health(Status.HEALTHY, f"statefulset rolling update complete {pods} pods at revision {current}...")


def _partitioned(value: Json, replicas: Any, partition: Any) -> Health:
    updated = _count(value, "updatedReplicas")
    if isinstance(replicas, int) and isinstance(partition, int) and updated < replicas - partition:
        what = f"{updated} out of {replicas - partition} new pods have been updated..."
        return Health(Status.PROGRESSING, f"Waiting for partitioned roll out to finish: {what}")
    return Health(Status.HEALTHY, f"partitioned roll out complete: {updated} new pods have been updated...")


def _daemon_set(value: Json) -> Health:
    if _is_unobserved(value):
        return _rollout("observed daemon set generation less than desired generation")
    wanted, updated = _count(value, "desiredNumberScheduled"), _count(value, "updatedNumberScheduled")
    if text(value, "spec", "updateStrategy", "type") == "OnDelete":
        return Health(Status.HEALTHY, f"daemon set {updated} out of {wanted} new pods have been updated")
    name = json.dumps(text(value, "metadata", "name"), ensure_ascii=False)
    waiting = f"Waiting for daemon set {name} rollout to finish: "
    if updated < wanted:
        return Health(Status.PROGRESSING, f"{waiting}{updated} out of {wanted} new pods have been updated...")
    available = _count(value, "numberAvailable")
    if available < wanted:
        return Health(Status.PROGRESSING, f"{waiting}{available} of {wanted} updated pods are available...")
    return Health(Status.HEALTHY)


def _replica_set(value: Json) -> Health:
    if _is_unobserved(value):
        return _rollout("observed replica set generation less than desired generation")
    failure = condition(value, "ReplicaFailure")
    if failure is not None and text(failure, "status") == "True":
        return Health(Status.DEGRADED, text(failure, "message"))
    wanted, available = dig(value, ("spec", "replicas")), _count(value, "availableReplicas")
    if isinstance(wanted, int) and available < wanted:
        return _rollout(f"{available} out of {wanted} new replicas are available...")
    return Health(Status.HEALTHY)


def _pod(value: Json) -> Health:
    policy = text(value, "spec", "restartPolicy")
    if _is_restarted(value, policy):
        messages = [text(waiting, "message") for waiting in _failing(value)]
        if messages:
            return Health(Status.DEGRADED, ", ".join(messages))
    message, phase = text(value, "status", "message"), text(value, "status", "phase")
    match phase:
        case "Pending":
            return Health(Status.PROGRESSING, message)
        case "Succeeded":
            return Health(Status.HEALTHY, message)
        case "Failed":
            return Health(Status.DEGRADED, message or _end_of_containers(value))
        case "Running" if _is_restarted(value, policy):
            return Health(_running(value), message)
        case "Running" if policy in ("OnFailure", "Never"):
            # It is meant to end, and has not yet.
            return Health(Status.PROGRESSING, message)
    return Health(Status.UNKNOWN, message)


def _is_restarted(value: Json, policy: str) -> bool:
    """Whether the Pod is judged as one that runs for ever; an annotation asks for that, but not for hooks."""
    annotations = dig(value, ("metadata", "annotations")) or {}
    return policy == "Always" or (
        annotations.get(_IGNORE_RESTART_POLICY) == "true" and not hook_types(annotations).is_hook
    )


def _failing(value: Json) -> list[Json]:
    waiting = [dig(each, ("state", "waiting")) or {} for each in items(value, "status", "containerStatuses")]
    return [each for each in waiting if _is_failure(text(each, "reason"))]


def _is_failure(reason: str) -> bool:
    return reason.startswith("Err") or reason.endswith(("Error", "BackOff"))


def _end_of_containers(value: Json) -> str:
    """Why the Pod failed, from the first container that tells it, init containers first."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for status in items(value, "status", field):
            ended = dig(status, ("state", "terminated")) or {}
            if text(ended, "message"):
                return text(ended, "message")
            if text(ended, "reason") == "OOMKilled":
                return "OOMKilled"
            if code := integer(ended, "exitCode"):
                return f"container {json.dumps(text(status, 'name'))} failed with exit code {code}"
    return ""


def _running(value: Json) -> Status:
    ready = condition(value, "Ready")
    if ready is not None and text(ready, "status") == "True":
        return Status.HEALTHY
    ended = [dig(each, ("lastState", "terminated")) for each in items(value, "status", "containerStatuses")]
    return Status.DEGRADED if any(each is not None for each in ended) else Status.PROGRESSING


def _job(value: Json) -> Health:
    """By the types of its conditions; only of Suspended the status counts as well."""
    status, message = Status.PROGRESSING, ""
    failure = None
    for each in conditions(value):
        match text(each, "type"):
            case "Failed":
                failure = text(each, "message")
            case "Complete":
                message = text(each, "message")
                status = Status.HEALTHY if status is Status.PROGRESSING else status
            case "Suspended":
                message = text(each, "message")
                suspended = text(each, "status") == "True" or status is Status.SUSPENDED
                status = Status.SUSPENDED if suspended else Status.HEALTHY
    return Health(Status.DEGRADED, failure) if failure is not None else Health(status, message)


def _ingress(value: Json) -> Health:
    return Health(_has_address(value))


def _has_address(value: Json) -> Status:
    return Status.HEALTHY if dig(value, ("status", "loadBalancer", "ingress")) else Status.PROGRESSING


def _service(value: Json) -> Health:
    is_balanced = text(value, "spec", "type") == "LoadBalancer"
    return Health(_has_address(value) if is_balanced else Status.HEALTHY)


def _claim(value: Json) -> Health:
    phases = {"Bound": Status.HEALTHY, "Pending": Status.PROGRESSING, "Lost": Status.DEGRADED}
    return Health(phases.get(text(value, "status", "phase"), Status.UNKNOWN))


def _autoscaler(value: Json) -> Health:
    found = conditions(value)
    if text(value, "apiVersion") == "autoscaling/v1":
        found = _annotated_conditions(dig(value, ("metadata", "annotations")) or {})
    for each in found:
        if (text(each, "type"), text(each, "reason")) in _HPA_DEGRADED:
            return Health(Status.DEGRADED, text(each, "message"))
    for each in found:
        if text(each, "type") in ("AbleToScale", "ScalingLimited") and text(each, "status") == "True":
            return Health(Status.HEALTHY, text(each, "message"))
    return Health(Status.PROGRESSING, "Waiting to Autoscale")


def _annotated_conditions(annotations: Json) -> list[Json]:
    """The conditions of the first version, which stand in an annotation as JSON."""
    try:
        written = json.loads(annotations.get(_HPA_CONDITIONS, "null"))
    except json.JSONDecodeError as error:
        raise NoVerdictError(_UNREADABLE_CONDITIONS) from error
    found = [each or {} for each in written] if isinstance(written, list) else [] if written is None else written
    fields = ("type", "status", "reason", "message")
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and all(isinstance(each.get(field) or "", str) for field in fields) for each in found
    ):
        raise NoVerdictError(_UNREADABLE_CONDITIONS)
    return found


def _api_service(value: Json) -> Health:
    available = condition(value, "Available")
    if available is None:
        return Health(Status.PROGRESSING, "Waiting to be processed")
    status = Status.HEALTHY if text(available, "status") == "True" else Status.PROGRESSING
    return Health(status, f"{text(available, 'reason')}: {text(available, 'message')}")


# By group and kind: the versions that Argo CD can read (none named: any), and the rule.
BUILT_IN: dict[tuple[str, str], tuple[tuple[str, ...], Callable[[Json], Health]]] = {
    ("", "PersistentVolumeClaim"): (("v1",), _claim),
    ("", "Pod"): (("v1",), _pod),
    ("", "Service"): (("v1",), _service),
    ("apiregistration.k8s.io", "APIService"): (("v1", "v1beta1"), _api_service),
    ("apps", "DaemonSet"): (("v1",), _daemon_set),
    ("apps", "Deployment"): (("v1",), _deployment),
    ("apps", "ReplicaSet"): (("v1",), _replica_set),
    ("apps", "StatefulSet"): (("v1",), _stateful_set),
    ("autoscaling", "HorizontalPodAutoscaler"): (("v1", "v2"), _autoscaler),
    ("batch", "Job"): (("v1",), _job),
    ("extensions", "Ingress"): ((), _ingress),
    ("networking.k8s.io", "Ingress"): ((), _ingress),
}
