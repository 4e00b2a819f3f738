"""Deployments, StatefulSets, DaemonSets, Jobs and CronJobs that do not come to what was asked of them.

What their Pods suffer from is told at the Pods; here is what keeps Pods from being made, or a rollout from being seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from driftgate.health.fields import Json, Ref, condition, conditions, integer, ref_of, text
from driftgate.health.judge import health_of
from driftgate.health.live import Live
from driftgate.health.trouble import Family, Trouble, said, trouble_at
from driftgate.health.verdict import Status
from driftgate.model.manifest import dig

__all__ = ["workload_troubles"]

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_UNSEEN_SECONDS = 30
_QUOTA = re.compile(r"(?:exceeded|failed) quota: ([^:,\s]+)")
# Admission refuses the same Pod each time: Kubernetes `apiserver/pkg/admission`, Pod Security, webhooks.
_ADMISSION = re.compile(
    r"violates PodSecurity|admission webhook \S+ denied|denied the request|is invalid|no relationship"
)


def workload_troubles(live: Live) -> Iterator[Trouble]:
    """Rollouts that nobody has looked at, Pods that cannot be made, deadlines that are over, and Jobs that failed."""
    for kind in _KINDS:
        for workload in live.all("apps", kind):
            if dig(workload, ("metadata", "deletionTimestamp")) is None:
                yield from _rollout_troubles(live, workload)
    yield from _job_troubles(live)


def _rollout_troubles(live: Live, workload: Json) -> Iterator[Trouble]:
    if trouble := _refused(live, workload):
        yield replace(trouble, family=Family.POD_REFUSED)
    elif trouble := _unseen(live, workload) or _overdue(live, workload) or _stalled(live, workload):
        yield replace(trouble, family=Family.ROLLOUT)


def _unseen(live: Live, workload: Json) -> Trouble | None:
    """The newest generation that nobody has looked at: what the status says is about the one before."""
    generation, seen = integer(workload, "metadata", "generation"), integer(workload, "status", "observedGeneration")
    if seen >= generation or not live.is_old(workload, _UNSEEN_SECONDS) or _changed_lately(live, workload):
        return None
    return trouble_at(
        workload,
        f"generation {generation} has not been looked at, the status is of {seen}",
        (),
        "See whether the controller manager of the cluster runs: kubectl get pods -n kube-system",
    )


def _changed_lately(live: Live, workload: Json) -> bool:
    """Whether somebody wrote the object a moment ago, as far as its managed fields tell."""
    written = [entry for entry in dig(workload, ("metadata", "managedFields")) or [] if isinstance(entry, dict)]
    ages = [live.since(entry, "time").total_seconds() for entry in written if text(entry, "time")]
    return bool(ages) and min(ages) < _UNSEEN_SECONDS


def _refused(live: Live, workload: Json) -> Trouble | None:
    """Pods that the API server does not let be made: quota, Pod Security, webhooks, a missing ServiceAccount."""
    ref = ref_of(workload)
    makers = [workload, *live.owned(ref, "apps", "ReplicaSet")]
    message = next(
        (
            text(failure, "message")
            for maker in makers
            if (failure := condition(maker, "ReplicaFailure")) is not None and text(failure, "status") == "True"
        ),
        "",
    )
    # A StatefulSet or DaemonSet has no such condition: there only events tell, and they stay after it was mended.
    told: tuple[str, ...] = ()
    if not message and ref[1] != "Deployment" and not _is_healthy(workload):
        failed = live.events(workload, "FailedCreate")
        message = text(failed[0], "message") if failed else ""
        told = live.told(workload, "FailedCreate")
    if not message:
        return None
    quota = _QUOTA.search(message)
    name = quota[1] if quota else ""
    because: tuple[Ref, ...] = (("", "ResourceQuota", ref[2], name),) if name else ()
    account = re.search(r'serviceaccount "([^"]+)" not found', message)
    what = (
        f"its Pods exceed ResourceQuota {name}"
        if name
        else f"its Pods need ServiceAccount {account[1]}, which does not exist"
        if account
        else "its Pods are refused"
    )
    return trouble_at(
        workload,
        what,
        told or (said("the API server", message),),
        f"See what is used of it: kubectl describe resourcequota {name} -n {ref[2]}"
        if name
        else f"Change what is refused in the chart or its values, or see: kubectl describe {_word(ref)}",
        hopeless=bool(_ADMISSION.search(message)),
        because=because,
        objects=tuple(ref_of(maker) for maker in makers),
    )


def _overdue(live: Live, workload: Json) -> Trouble | None:
    progressing = condition(workload, "Progressing") or {}
    if text(progressing, "reason") != "ProgressDeadlineExceeded":
        return None
    ref = ref_of(workload)
    ready = integer(workload, "status", "readyReplicas")
    sets = [each for each in live.owned(ref, "apps", "ReplicaSet") if integer(each, "status", "replicas")]
    shown = [f"ReplicaSet {_set_words(each)}" for each in sets[:2]]
    pods = tuple(ref_of(pod) for each in sets for pod in live.owned(ref_of(each), "", "Pod"))
    return trouble_at(
        workload,
        f"its rollout made no progress within {dig(workload, ('spec', 'progressDeadlineSeconds')) or 600} seconds, "
        f"{ready} of {dig(workload, ('spec', 'replicas'))} Pods are ready",
        (said("condition Progressing", text(progressing, "message")), *shown),
        f"See what the newest Pods do: kubectl describe {_word(ref)}",
        because=pods,
    )


def _stalled(live: Live, workload: Json) -> Trouble | None:
    """A rollout that has stood still for longer than it may, where no deadline of its own tells.

    A Deployment says when it last made progress; of the others the newest Pod tells.
    """
    limit = live.limits.rollout
    wanted, updated, available = _replicas(workload)
    if limit is None or min(updated, available) >= wanted or dig(workload, ("spec", "paused")) is True:
        return None
    ref = ref_of(workload)
    pods = live.pods_of(ref)
    if ref[1] == "Deployment":
        stands = live.since(condition(workload, "Progressing") or {}, "lastUpdateTime")
    else:
        stands = min((live.age(pod) for pod in pods), default=live.age(workload))
        if text(workload, "spec", "updateStrategy", "type") == "OnDelete":
            return None
    if stands < limit:
        return None
    generation = integer(workload, "metadata", "generation")
    return trouble_at(
        workload,
        f"its rollout stands still: {updated} of {wanted} Pods are of generation {generation}, {available} available",
        (f"nothing has moved for {int(stands.total_seconds() // 60)} minutes",),
        f"See what the newest Pods do: kubectl describe {_word(ref)}",
        because=tuple(map(ref_of, pods)),
    )


def _replicas(workload: Json) -> tuple[int, int, int]:
    """How many Pods are asked for, are of the newest template, and are available."""
    if text(workload, "kind") == "DaemonSet":
        fields = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
        wanted, updated, available = (integer(workload, "status", field) for field in fields)
        return wanted, updated, available
    asked = dig(workload, ("spec", "replicas"))
    wanted = asked if isinstance(asked, int) else 1
    updated, available = (integer(workload, "status", field) for field in ("updatedReplicas", "availableReplicas"))
    partition = integer(workload, "spec", "updateStrategy", "rollingUpdate", "partition")
    return wanted, updated + min(partition, wanted), available


def _set_words(value: Json) -> str:
    name, there, ready = (text(value, "metadata", "name"), *(integer(value, "status", f) for f in _SET_FIELDS))
    return f"{name}: {ready} of {there} Pods ready"


_SET_FIELDS = ("replicas", "readyReplicas")


def _job_troubles(live: Live) -> Iterator[Trouble]:
    """Jobs that have failed; of those that a CronJob makes, the newest decides."""
    newest = {
        ref_of(cron): next(iter(live.owned(ref_of(cron), "batch", "Job")), None)
        for cron in live.all("batch", "CronJob")
    }
    for job in live.all("batch", "Job"):
        owner = live.owner(job)
        if owner in newest and newest[owner] is not job:
            continue
        failure = next(
            (each for each in conditions(job) if (text(each, "type"), text(each, "status")) == ("Failed", "True")), None
        )
        if failure is not None:
            yield _failed_job(live, job, failure)
    for cron in live.all("batch", "CronJob"):
        health = health_of(cron)
        last = newest[ref_of(cron)]
        if health is not None and health.status is Status.DEGRADED:
            step = f"See its last Jobs: kubectl get jobs -n {text(cron, 'metadata', 'namespace')}"
            because = (ref_of(last),) if last is not None else ()
            what = "its last run did not succeed"
            yield trouble_at(cron, what, (health.message,), step, because=because, family=Family.JOB)


def _failed_job(live: Live, job: Json, failure: Json) -> Trouble:
    ref = ref_of(job)
    pods = live.owned(ref, "", "Pod")
    ended = [line for pod in pods[:1] for line in _ends(pod)]
    above = live.owners(job)
    # Whoever makes the next one may have more luck; a Job by itself is not run again.
    return trouble_at(
        job,
        "has failed",
        (said(f"condition Failed ({text(failure, 'reason')})", text(failure, "message")), *ended),
        f"Read why: kubectl logs job/{ref[3]} -n {ref[2]}",
        hopeless=not above,
        objects=(*above, *map(ref_of, pods)),
        family=Family.JOB,
    )


def _ends(pod: Json) -> Iterator[str]:
    for status in dig(pod, ("status", "containerStatuses")) or []:
        ended = dig(status, ("state", "terminated")) or {}
        if code := integer(ended, "exitCode"):
            name = text(pod, "metadata", "name")
            yield f"Pod {name}: container {text(status, 'name')} ended with exit code {code} ({text(ended, 'reason')})"


def _is_healthy(value: Json) -> bool:
    health = health_of(value)
    return health is not None and health.status is Status.HEALTHY


def _word(ref: Ref) -> str:
    return f"{ref[1].lower()} {ref[3]} -n {ref[2]}"
