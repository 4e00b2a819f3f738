"""Live objects in many states of health, each drawn from a number, and what both say of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftgate.health import Status, health_of
from driftgate.health.builtin import BUILT_IN
from driftgate.health.custom import CUSTOM
from tests.agreement.kinds import Json
from tests.agreement.verdicts import Outcome
from tests.oracle import Oracle

KINDS = (*sorted(BUILT_IN), *sorted(CUSTOM))
#: Versions that are served, and, now and then, one that Argo CD does not read.
VERSIONS = {
    "apiregistration.k8s.io": ("v1", "v1", "v1beta1", "v2"),
    "apps": ("v1", "v1", "v1", "v1", "v1beta2"),
    "autoscaling": ("v2", "v2", "v2", "v1", "v1", "v2beta2"),
    "batch": ("v1", "v1", "v1", "v1", "v1beta1"),
    "": ("v1",),
}
TYPES = (
    *("Ready", "Ready", "Available", "Progressing", "ReplicaFailure", "Complete", "Failed", "Suspended", "Issuing"),
    *("Denied", "InvalidRequest", "PartiallyReady", "NotReady", "Established", "NamesAccepted", "NonStructuralSchema"),
    *("Terminating", "ErrorOccurred", "ResourcesUpToDate", "RolloutProgressing", "AbleToScale", "ScalingActive"),
    *("ScalingLimited", "DisruptionAllowed", "Other"),
)
REASONS = (
    *("ProgressDeadlineExceeded", "FailedGetScale", "FailedUpdateScale", "FailedGetResourceMetric", "InvalidSelector"),
    *("FailedComputeMetricsReplicas", "Pending", "Failed", "InsufficientPods", "SufficientPods", "SyncFailed"),
    *("InvalidCABundle", "Installing", "Passed", ""),
)
MESSAGES = ("it is so", 'with "quotes" and \u00e9', "", "line\nline")
WAITING = ("ErrImagePull", "ImagePullBackOff", "CrashLoopBackOff", "ContainerCreating", "PodInitializing", "RunError")
PHASES = ("Pending", "Running", "Running", "Running", "Succeeded", "Failed", "Unknown", "", "Bound", "Lost")
STATES = ("valid", "invalid", "expired", "errored", "pending", "ready", "processing", "")
COUNTS = (
    *("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "currentReplicas", "observedGeneration"),
    *("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"),
)
#: The condition types that each kind's rule looks at are drawn most often, so that conditions meet.
_OF_KIND: dict[str, Sequence[str]] = {
    "HorizontalPodAutoscaler": ("AbleToScale", "ScalingActive", "ScalingLimited"),
    "Job": ("Complete", "Failed", "Suspended"),
    "CustomResourceDefinition": ("Established", "NamesAccepted", "NonStructuralSchema", "Terminating"),
    "ApplicationSet": ("ErrorOccurred", "ResourcesUpToDate", "RolloutProgressing"),
    "Certificate": ("Ready", "Issuing"),
    "CertificateRequest": ("Ready", "Denied", "InvalidRequest"),
    "ClusterExternalSecret": ("Ready", "PartiallyReady", "NotReady"),
    "Deployment": ("Progressing", "Available"),
    "ReplicaSet": ("ReplicaFailure",),
    "APIService": ("Available",),
}


def drawn_object(number: int) -> Json:
    """The object of a number: of the kinds in turn, as an API server could hold it."""
    return _Drawing(random.Random(number), *KINDS[number % len(KINDS)]).object()


def judged_health(value: Json, oracle: Oracle) -> Outcome:
    """Ask both about an object."""
    answer = oracle.ask("health", object=value)
    ours = health_of(value)
    if answer.failed:
        # An error of a script tells lines of the script, which we do not have.
        said = answer.error or answer.panic
        same = ours is not None and ours.status is Status.UNKNOWN
        own = ours is not None and ours.message.startswith(("unsupported", "failed to convert"))
        if same and own and ours is not None and not said.startswith(ours.message):
            return Outcome("Unknown", f"driftgate says {ours.message!r}, Argo CD {said!r}")
        return Outcome("Unknown", "" if same else f"driftgate says {ours and ours.status}, and Argo CD fails: {said}")
    theirs = answer.value["health"]
    other = None if theirs is None else (theirs.get("status"), theirs.get("message", ""))
    mine = None if ours is None else (ours.status.value, ours.message)
    same = mine == other
    return Outcome(mine[0] if mine else "no health", "" if same else f"driftgate says {mine}, Argo CD {other}")


@dataclass(frozen=True, slots=True)
class _Drawing:
    chance: random.Random
    group: str
    kind: str

    def object(self) -> Json:
        version = self.chance.choice(VERSIONS.get(self.group, ("v1",)))
        metadata: Json = {"name": self.chance.choice(("web", 'a"b')), "namespace": "shop", **self._metadata()}
        found: Json = {
            "apiVersion": f"{self.group}/{version}" if self.group else version,
            "kind": self.kind,
            "metadata": metadata,
            "spec": self._spec(),
        }
        if self.chance.random() < 0.93:
            found["status"] = self._status()
        return found

    def _metadata(self) -> Json:
        found: Json = {}
        if self.chance.random() < 0.5:
            found["generation"] = self.chance.randint(1, 3)
        if self.chance.random() < 0.12:
            found["deletionTimestamp"] = "2026-03-01T10:00:00Z"
        if self.chance.random() < 0.2:
            finalizers = ("argocd.argoproj.io/hook-finalizer", "acme.test/one", "kubernetes.io/pvc-protection")
            found["finalizers"] = self.chance.sample(finalizers, self.chance.randint(1, 2))
        annotations = {}
        if self.chance.random() < 0.2:
            annotations["argocd.argoproj.io/ignore-restart-policy"] = self.chance.choice(("true", "true", "false"))
        if self.chance.random() < 0.1:
            annotations["argocd.argoproj.io/hook"] = self.chance.choice(("PreSync", "Skip", ""))
        if self.kind == "HorizontalPodAutoscaler" and self.chance.random() < 0.7:
            annotations["autoscaling.alpha.kubernetes.io/conditions"] = self.chance.choice(
                (*[json.dumps(self._conditions())] * 5, "[]", "null", "", "{", "{}", "[1]", '[{"type": 1}]', "[null]")
            )
        return {**found, **({"annotations": annotations} if annotations else {})}

    def _maybe(self, key: str, *values: Any, share: float = 0.7) -> Json:
        return {key: self.chance.choice(values)} if self.chance.random() < share else {}

    def _spec(self) -> Json:
        match self.kind:
            case "Service":
                return self._maybe("type", "ClusterIP", "LoadBalancer", "LoadBalancer", "NodePort")
            case "Pod":
                return self._maybe("restartPolicy", "Always", "Always", "OnFailure", "Never", share=0.9)
            case "CronJob":
                return self._maybe("suspend", True, False, share=0.4)
        rolling = self._maybe("rollingUpdate", {}, {"partition": 0}, {"partition": 1}, {"partition": 2})
        strategy = {**self._maybe("type", "RollingUpdate", "RollingUpdate", "OnDelete"), **rolling}
        return {
            **self._maybe("replicas", 0, 1, 2, 3),
            **self._maybe("paused", True, False, share=0.2),
            **({"updateStrategy": strategy} if self.kind in ("StatefulSet", "DaemonSet") else {}),
        }

    def _status(self) -> Json:
        found: Json = {}
        for field in COUNTS:
            found |= self._maybe(field, 0, 1, 2, 3, 3)
        found |= self._maybe("conditions", self._conditions(), share=0.9)
        found |= self._maybe("phase", *PHASES)
        found |= self._maybe("message", *MESSAGES, share=0.3)
        found |= self._maybe("state", *STATES)
        found |= self._maybe("reason", *MESSAGES[:2])
        found |= self._maybe("currentRevision", "a", "b")
        found |= self._maybe("updateRevision", "a", "b")
        found |= self._maybe("loadBalancer", {}, {"ingress": []}, {"ingress": [{"ip": "10.0.0.1"}]}, {"ingress": [{}]})
        found |= self._maybe("lastScheduleTime", "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z")
        found |= self._maybe("lastSuccessfulTime", "2026-03-01T10:00:00Z", "2026-03-01T11:30:00Z")
        if self.kind == "CronJob":
            found |= self._maybe("active", [], [{"name": "job"}], share=0.3)
        if self.kind == "Pod":
            found |= self._maybe("containerStatuses", [self._container() for _ in range(self.chance.randint(0, 2))])
            found |= self._maybe("initContainerStatuses", [self._container()], share=0.3)
        return found

    def _container(self) -> Json:
        waiting = {**self._maybe("reason", *WAITING, share=0.95), **self._maybe("message", *MESSAGES)}
        ended = {
            "exitCode": self.chance.choice((0, 1, 137)),
            **self._maybe("reason", "OOMKilled", "Error", "Completed"),
            **self._maybe("message", *MESSAGES, share=0.4),
        }
        return {
            "name": self.chance.choice(("web", "proxy")),
            "state": self.chance.choice(({}, {"running": {}}, {"waiting": waiting}, {"terminated": ended})),
            **self._maybe("lastState", {}, {"terminated": ended}, share=0.4),
        }

    def _conditions(self) -> list[Json]:
        own = _OF_KIND.get(self.kind, ("Ready",))
        return [
            {
                "type": self.chance.choice(own if self.chance.random() < 0.8 else TYPES),
                **self._maybe("status", "True", "True", "False", "False", "Unknown", share=0.98),
                **self._maybe("reason", *REASONS, share=0.93),
                **self._maybe("message", *MESSAGES, share=0.93),
            }
            for _ in range(self.chance.choice((0, 1, 1, 2, 2, 3)))
        ]
