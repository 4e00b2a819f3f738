"""Argo CD's health of kinds that it judges by scripts: External Secrets, cert-manager, and a few of Kubernetes' own.

Source: argo-cd `resource_customizations/<group>/<kind>/health.lua`, release 3.6. A script that stumbles over a missing
field makes the object Unknown, and so do these rules (`NoVerdictError`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from driftgate.health.fields import Json, condition, conditions, is_true, items, text
from driftgate.health.verdict import Health, NoVerdictError, Status
from driftgate.model.manifest import dig

__all__ = ["CUSTOM"]

_UNREADABLE = "Argo CD's script cannot read the status"


def _said(condition: Json, field: str) -> str:
    """The text of a field that a script joins to another text, and fails without."""
    found = dig(condition, (field,))
    if not isinstance(found, str):
        raise NoVerdictError(_UNREADABLE)
    return found


def _by_ready(waiting: str, value: Json) -> Health:
    """By the first Ready condition that is True or False."""
    for each in conditions(value):
        if text(each, "type") == "Ready" and text(each, "status") in ("True", "False"):
            status = Status.HEALTHY if text(each, "status") == "True" else Status.DEGRADED
            return Health(status, text(each, "message"))
    return Health(Status.PROGRESSING, waiting)


def _certificate(value: Json) -> Health:
    """One that is being issued is in progress, also while its old one is good."""
    for each in conditions(value):
        if text(each, "type") == "Issuing" and text(each, "status") == "True":
            return Health(Status.PROGRESSING, text(each, "message"))
    return _by_ready("Waiting for certificate", value)


def _certificate_request(value: Json) -> Health:
    for each in conditions(value):
        if text(each, "type") in ("Denied", "InvalidRequest") and text(each, "status") == "True":
            return Health(Status.DEGRADED, text(each, "message"))
    ready = condition(value, "Ready")
    if ready is None:
        return Health(Status.PROGRESSING, "Waiting for certificate request")
    pending = Status.PROGRESSING if text(ready, "reason") == "Pending" else Status.DEGRADED
    return Health(Status.HEALTHY if text(ready, "status") == "True" else pending, text(ready, "message"))


def _by_state(noun: str, value: Json, *, tells_reason: bool) -> Health:
    """An Order or a Challenge; of an Order in progress the reason is not shown."""
    state = text(value, "status", "state")
    if not state:
        return Health(Status.PROGRESSING, f"Waiting for {noun.lower()}")
    if state == "valid":
        return Health(Status.HEALTHY, f"{noun} is valid")
    failed = state in ("invalid", "expired", "errored")
    reason = dig(value, ("status", "reason")) if failed or tells_reason else None
    message = reason if isinstance(reason, str) else f"{noun} is {state}"
    return Health(Status.DEGRADED if failed else Status.PROGRESSING, message)


def _cluster_external_secret(value: Json) -> Health:
    """By the last condition, which is the newest."""
    listed = dig(value, ("status", "conditions"))
    if listed == []:
        raise NoVerdictError(_UNREADABLE)
    last = conditions(value)[-1] if conditions(value) else {}
    if text(last, "status") == "True":
        verdict = {"Ready": Status.HEALTHY, "PartiallyReady": Status.DEGRADED, "NotReady": Status.DEGRADED}
        if status := verdict.get(text(last, "type")):
            return Health(status, text(last, "message"))
    return Health(Status.PROGRESSING, "Waiting for ClusterExternalSecret")


def _cron_job(value: Json) -> Health:
    if is_true(value, "spec", "suspend"):
        return Health(Status.HEALTHY, "CronJob is Suspended")
    if dig(value, ("status",)) is None:
        return Health(Status.PROGRESSING, "Waiting for CronJob")
    scheduled, succeeded = (text(value, "status", field) for field in ("lastScheduleTime", "lastSuccessfulTime"))
    if not scheduled:
        return Health(Status.HEALTHY, "CronJob has not been scheduled yet")
    if not succeeded:
        return Health(Status.HEALTHY, "The CronJob never completed successfully. It may not be healthy")
    if items(value, "status", "active"):
        return Health(Status.HEALTHY, "The job is running. Its last execution may not have been successful")
    if succeeded < scheduled:
        return Health(Status.DEGRADED, "CronJob has not completed its last execution successfully")
    return Health(Status.HEALTHY, "CronJob has completed its last execution successfully")


def _disruption_budget(value: Json) -> Health:
    health = Health(Status.PROGRESSING, "Waiting for status")
    for each in conditions(value):
        reason = _said(each, "reason")
        failed = text(each, "status") == "False" and reason != "InsufficientPods"
        health = Health(Status.DEGRADED if failed else Status.HEALTHY, f"PodDisruptionBudget has {reason}")
        if failed:
            return health
    return health


def _crd(value: Json) -> Health:
    if dig(value, ("metadata", "deletionTimestamp")) is not None:
        return Health(Status.PROGRESSING, "CRD is terminating")
    if dig(value, ("status",)) is None:
        raise NoVerdictError(_UNREADABLE)
    if not conditions(value):
        return Health(Status.PROGRESSING, "Status conditions not found")
    for each in conditions(value):
        if health := _crd_condition(each):
            return health
    established = any(
        (text(each, "type"), text(each, "status")) == ("Established", "True") for each in conditions(value)
    )
    if not established:
        return Health(Status.PROGRESSING, "CRD is not established")
    return Health(Status.HEALTHY, "CRD is healthy")


def _crd_condition(each: Json) -> Health | None:
    """The verdict of a condition that decides alone."""
    match text(each, "type"), text(each, "status"), text(each, "reason"):
        case "Terminating", "True", _:
            return Health(Status.PROGRESSING, f"CRD is terminating: {_said(each, 'message')}")
        case "NamesAccepted", "False", _:
            return Health(Status.DEGRADED, f"CRD names have not been accepted: {_said(each, 'message')}")
        case "NonStructuralSchema", "True", _:
            return Health(Status.DEGRADED, f"Schema violations found: {_said(each, 'message')}")
        case "Established", status, "InvalidCABundle" if status != "True":
            return Health(Status.DEGRADED, f"CRD is not established: {_said(each, 'message')}")
        case "Established", status, "Installing" if status != "True":
            return Health(Status.PROGRESSING, "CRD is being installed")
    return None


def _application_set(value: Json) -> Health:
    order = (
        ("ErrorOccurred", "True", Status.DEGRADED),
        ("ResourcesUpToDate", "False", Status.DEGRADED),
        ("RolloutProgressing", "True", Status.PROGRESSING),
        ("ResourcesUpToDate", "True", Status.HEALTHY),
    )
    for kind, status, verdict in order:
        for each in conditions(value):
            if (text(each, "type"), text(each, "status")) == (kind, status):
                return Health(verdict, text(each, "message"))
    return Health(Status.PROGRESSING, "Waiting for the status to be reported")


CUSTOM: dict[tuple[str, str], Callable[[Json], Health]] = {
    ("acme.cert-manager.io", "Challenge"): partial(_by_state, "Challenge", tells_reason=True),
    ("acme.cert-manager.io", "Order"): partial(_by_state, "Order", tells_reason=False),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("argoproj.io", "ApplicationSet"): _application_set,
    ("batch", "CronJob"): _cron_job,
    ("cert-manager.io", "Certificate"): _certificate,
    ("cert-manager.io", "CertificateRequest"): _certificate_request,
    ("cert-manager.io", "ClusterIssuer"): partial(_by_ready, "Initializing ClusterIssuer"),
    ("cert-manager.io", "Issuer"): partial(_by_ready, "Initializing issuer"),
    ("external-secrets.io", "ClusterExternalSecret"): _cluster_external_secret,
    ("external-secrets.io", "ClusterSecretStore"): partial(_by_ready, "Waiting for ClusterSecretStore"),
    ("external-secrets.io", "ExternalSecret"): partial(_by_ready, "Waiting for ExternalSecret"),
    ("external-secrets.io", "PushSecret"): partial(_by_ready, "Waiting for PushSecret"),
    ("external-secrets.io", "SecretStore"): partial(_by_ready, "Waiting for SecretStore"),
    ("policy", "PodDisruptionBudget"): _disruption_budget,
}
