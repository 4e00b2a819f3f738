"""What runs, and what does not: rollouts, Pods, their images and containers, Jobs and volumes."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.checks.live_health import told

from driftgate.judge import Result, Subject, check
from driftgate.model.outcome import Severity


@check(live=True)
def rollout_incomplete(subject: Subject) -> Iterator[Result]:
    """A rollout has not come to its end: not all Pods are of the new generation and available

    Why: Some requests are answered by the old version and some by none; Synced only says that the template was applied,
    and the next deploy starts from this half.

    Fix: Find out what the newest Pods lack, mend it in Git or go back to the version before.
    """
    yield from told(subject, "rollout-incomplete", "every Pod of the newest generation, and available")


@check(live=True)
def pod_refused(subject: Subject) -> Iterator[Result]:
    """The API server does not let the Pods of a workload be made

    Why: No Pod, no event at a Pod, no log: a quota, Pod Security, a webhook or a missing ServiceAccount refuses it each
    time, and the workload stays at what it had.

    Fix: Change what is refused in the chart or its values, or what refuses it.
    """
    yield from told(subject, "pod-refused", "Pods that are admitted")


@check(live=True, severity=Severity.WARNING)
def pod_pending(subject: Subject) -> Iterator[Result]:
    """A Pod waits for a node, or stands on one and does not start

    Why: What it was to do is not done, and a rollout waits for it. Argo CD calls this Progressing for as long as it
    lasts.

    Fix: See what the scheduler or the kubelet says: make room, ask for less in the values, or bring the volume that is
    missing.
    """
    yield from told(subject, "pod-pending", "a Pod that has a node and starts")


@check(live=True)
def image_not_pulled(subject: Subject) -> Iterator[Result]:
    """An image cannot be pulled

    Why: The container never starts; where an older version still runs, it goes with its node or the next restart.

    Fix: Look whether the registry has the image and tag that the values name, and whether the pull secret may read it.
    """
    yield from told(subject, "image-not-pulled", "an image that the node can pull")


@check(live=True)
def container_not_created(subject: Subject) -> Iterator[Result]:
    """A container cannot be created, mostly for want of a Secret, a ConfigMap or a key of one

    Why: The kubelet tries again and again, and no process is ever started, so that there is no log either.

    Fix: Bring what it names, or correct the name or key in the values.
    """
    yield from told(subject, "container-not-created", "a container that is created")


@check(live=True)
def container_crashing(subject: Subject) -> Iterator[Result]:
    """A container ends again and again

    Why: It answers for a moment at most; between its restarts the kubelet waits for up to five minutes.

    Fix: Read why it ended in the log of the run before; most often the new version, its settings or something that it
    needs is wrong.
    """
    yield from told(subject, "container-crashing", "a container that keeps running")


@check(live=True)
def container_out_of_memory(subject: Subject) -> Iterator[Result]:
    """A container was killed for want of memory

    Why: What it was doing is lost, without a word in its log; under the same load it happens again.

    Fix: Raise the memory limit in the values, or find what it needs so much for.
    """
    yield from told(subject, "container-out-of-memory", "a container that stays below its memory limit")


@check(live=True, severity=Severity.WARNING)
def container_not_ready(subject: Subject) -> Iterator[Result]:
    """A container runs and is not ready: a probe fails, or a readiness gate is closed

    Why: No Service sends it a request, a rollout stops at it, and a failing liveness probe restarts it in the end.

    Fix: Read its log, and look at path, port and times of the probe in the values.
    """
    yield from told(subject, "container-not-ready", "a container that is ready")


@check(live=True, severity=Severity.WARNING)
def pod_failed(subject: Subject) -> Iterator[Result]:
    """A Pod has failed, was evicted, or does not go

    Why: What it did is not done by it any more, and where nothing replaces it by nobody; one that does not go holds its
    volume and its name.

    Fix: See why it ended, and delete it if nothing replaces it.
    """
    yield from told(subject, "pod-failed", "Pods that run, or end well")


@check(live=True)
def job_failed(subject: Subject) -> Iterator[Result]:
    """A Job has failed, or the last run of a CronJob has

    Why: What it was to do (a migration, a backup, a report) was not done, and a Job by itself is not run again.

    Fix: Read its log, mend the cause, and run it again: delete the Job so that the next sync makes it anew.
    """
    yield from told(subject, "job-failed", "a run that succeeds")


@check(live=True, severity=Severity.WARNING)
def volume_claim_not_bound(subject: Subject) -> Iterator[Result]:
    """A PersistentVolumeClaim has no volume, or has lost it

    Why: The Pods that mount it cannot start; a lost volume takes its data with it.

    Fix: See what the provisioner says, and whether the storage class exists in this cluster.
    """
    yield from told(subject, "volume-claim-not-bound", "a claim that is bound")
