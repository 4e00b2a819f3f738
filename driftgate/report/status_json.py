"""The status of an environment as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from driftgate.health import Access, Trouble, named
from driftgate.report.status import Place
from driftgate.status import ApplicationStatus, EnvironmentStatus, IngressRow, PodRow, ServiceRow

__all__ = ["status_json"]


def status_json(statuses: Sequence[tuple[EnvironmentStatus, Place]]) -> str:
    """One element for each environment; nothing in it holds more than `status_text` shows."""
    return json.dumps([_plain(status, place) for status, place in statuses], indent=2)


def _plain(status: EnvironmentStatus, place: Place) -> dict[str, object]:
    return {
        "environment": status.environment,
        "context": place.context,
        "apiServer": place.api_server,
        "version": place.version,
        "delivery": status.delivery,
        "exitCode": status.exit_code,
        "hopeless": status.is_hopeless,
        "apiCalls": status.calls,
        "applications": [_plain_application(one) for one in status.applications],
        "pods": [_plain_pod(one) for one in status.pods],
        "services": [_plain_service(one) for one in status.services],
        "ingresses": [_plain_ingress(one) for one in status.ingresses],
        "urls": [_plain_access(one) for one in status.accesses],
        "unread": [{"what": one.what, "why": one.why} for one in status.unknown],
    }


def _plain_pod(one: PodRow) -> dict[str, object]:
    return {
        "namespace": one.namespace,
        "name": one.name,
        "ready": one.ready,
        "status": one.state,
        "restarts": one.restarts,
        "ageSeconds": one.age,
    }


def _plain_service(one: ServiceRow) -> dict[str, object]:
    return {
        "namespace": one.namespace,
        "name": one.name,
        "type": one.type,
        "ports": one.ports,
        "readyEndpoints": one.endpoints,
    }


def _plain_ingress(one: IngressRow) -> dict[str, object]:
    return {
        "namespace": one.namespace,
        "name": one.name,
        "class": one.ingress_class,
        "hosts": one.hosts,
        "address": one.address,
    }


def _plain_access(one: Access) -> dict[str, object]:
    return {
        "url": one.url,
        "addresses": list(one.addresses),
        "whyNotHttps": one.why_not_https,
        "routes": [{"path": route.path, "service": route.service} for route in one.routes],
    }


def _plain_application(one: ApplicationStatus) -> dict[str, object]:
    state = one.state
    return {
        "name": one.label,
        "wave": one.wave,
        "healthy": one.is_well,
        "health": one.health.value if one.health is not None else None,
        "objects": one.objects,
        "notRead": one.unread,
        "missing": [named(ref) for ref in one.missing],
        "notServed": list(one.unserved),
        "notJudged": list(one.unjudged),
        "waiting": [
            {"object": named(each.ref), "health": each.health.status.value, "message": each.health.message}
            for each in one.waiting
        ],
        "troubles": [_plain_trouble(trouble) for trouble in one.troubles],
        "troublesElsewhere": [trouble.title for trouble in one.elsewhere],
        "argocd": None
        if state is None
        else {
            "sync": state.sync,
            "health": state.health,
            "revisions": list(state.revisions),
            "done": state.done,
            "failed": state.failed,
            "words": state.words,
            "evidence": list(state.evidence),
        },
    }


def _plain_trouble(trouble: Trouble) -> dict[str, object]:
    return {
        "kind": trouble.kind,
        "namespace": trouble.namespace,
        "name": trouble.name,
        "what": trouble.what,
        "evidence": list(trouble.evidence),
        "follows": list(trouble.follows),
        "nextStep": trouble.next_step,
        "hopeless": trouble.hopeless,
    }
