"""How far Argo CD is with an Application.

Source: argo-cd 3.6 `controller/appcontroller.go`, `controller/state.go`, `pkg/apis/application/v1alpha1/types.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from driftgate.health.fields import Json, conditions, integer, items, names, text, time_of
from driftgate.health.trouble import said
from driftgate.model.manifest import dig

__all__ = ["ApplicationState", "application_state"]

_REFRESH = "argocd.argoproj.io/refresh"
_SHORTEST_SHA = 7
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ApplicationState:
    """Whether an Application is where it should be, in words, with what Argo CD says.

    `done` says that it is: refreshed, synced to the wanted revision, healthy, and nothing under way. `failed` says
    that Argo CD has given up: it does not try the same revision again by itself.
    """

    done: bool
    words: str
    evidence: tuple[str, ...] = ()
    failed: bool = False
    sync: str = ""
    health: str = ""
    revisions: tuple[str, ...] = ()


def application_state(live: Json, revision: str | None = None) -> ApplicationState:
    """The state of a live Application; with a revision, whether it has come to that one.

    Synced and Healthy count only when they are of today: the refresh that was asked for is over, the comparison is of
    the Application's own source and of the revision, and was made after the last operation had ended. `revision` is a
    commit, whole or by its first seven characters or more; of several sources one has to be at it.
    """
    sync, health = text(live, "status", "sync", "status"), text(live, "status", "health", "status")
    revisions = _revisions(dig(live, ("status", "sync")))
    failure = _failure(live, revision)
    waiting = next(_waiting(live, revision, revisions, sync, health), "")
    words = failure or waiting or f"Synced and Healthy{_at(revisions)}"
    return ApplicationState(
        done=not failure and not waiting,
        words=words,
        evidence=tuple(_evidence(live)) if failure or waiting else (),
        failed=bool(failure),
        sync=sync or "Unknown",
        health=health or "Unknown",
        revisions=revisions,
    )


def _waiting(live: Json, revision: str | None, revisions: tuple[str, ...], sync: str, health: str) -> Iterator[str]:
    """What is still to come, the first thing first."""
    if dig(live, ("metadata", "deletionTimestamp")) is not None:
        held = ", ".join(names(live, "metadata", "finalizers"))
        yield "is being deleted" + (f", held by {held}" if held else "")
    if text(dig(live, ("metadata", "annotations")), _REFRESH):
        yield "has not been refreshed yet"
    if not dig(live, ("status", "sync")):
        yield "Argo CD has not looked at it yet"
    if not _is_compared(live):
        yield "has changed since Argo CD compared it"
    if revision is not None and not any(_is_same(each, revision) for each in revisions):
        yield f"is at {_short(revisions)}, wanted is {revision[:12]}"
    yield from _operation(live)
    if sync != "Synced":
        yield f"is {sync or 'not compared'}"
    if health != "Healthy":
        yield f"is {health or 'not judged yet'}"
    if errors := [text(each, "type") for each in conditions(live) if text(each, "type").endswith("Error")]:
        yield f"has a condition {errors[0]}"


def _operation(live: Json) -> Iterator[str]:
    if dig(live, ("operation",)):
        yield "a sync has been asked for and has not begun"
    state = dig(live, ("status", "operationState"))
    phase = text(state, "phase")
    if phase in ("Running", "Terminating"):
        retries = integer(state, "retryCount")
        yield "is being synced" + (f", attempt {retries + 1}" if retries else "")
    ended, compared = time_of(state, "finishedAt"), time_of(live, "status", "reconciledAt")
    # Moments are whole seconds: a comparison in the second in which the operation ended may be the one after it.
    if ended is not None and (compared is None or compared < ended):
        yield "has been synced and not been compared since"


def _failure(live: Json, revision: str | None) -> str:
    """The last operation, where it failed and was for the revision that is wanted, or for the one that is compared."""
    state = dig(live, ("status", "operationState"))
    phase = text(state, "phase")
    if phase not in ("Failed", "Error") or dig(live, ("operation",)):
        return ""
    tried = _revisions(dig(state, ("syncResult",))) or _revisions(dig(state, ("operation", "sync")))
    wanted = (revision,) if revision is not None else _revisions(dig(live, ("status", "sync")))
    if tried and wanted and not any(_is_same(one, other) for one in tried for other in wanted):
        return ""
    return f"the sync{_at(tried)} has failed"


def _is_compared(live: Json) -> bool:
    """Whether the comparison is of the source that the Application has now."""
    compared = dig(live, ("status", "sync", "comparedTo"))
    if not compared:
        return True
    return all(
        _without_empty(dig(compared, (field,))) == _without_empty(dig(live, ("spec", field)))
        for field in ("source", "sources")
    )


def _without_empty(value: Any) -> Any:
    """Without what Go leaves out when it writes a struct: the comparison keeps the source as such."""
    if isinstance(value, dict):
        kept = {key: _without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, "", False, 0, [], {})} or None
    return [_without_empty(each) for each in value] or None if isinstance(value, list) else value


def _revisions(value: Any) -> tuple[str, ...]:
    several = tuple(names(value, "revisions"))
    return several or ((text(value, "revision"),) if text(value, "revision") else ())


def _is_same(revision: str, wanted: str) -> bool:
    return revision == wanted or (len(wanted) >= _SHORTEST_SHA and revision.startswith(wanted))


def _short(revisions: tuple[str, ...]) -> str:
    return ", ".join(each[:12] for each in revisions) or "no revision"


def _at(revisions: tuple[str, ...]) -> str:
    return f" at {_short(revisions)}" if revisions else ""


def _evidence(live: Json) -> Iterator[str]:
    """What Argo CD says: conditions, the operation, and the resources that are out of sync or unwell."""
    for each in conditions(live):
        yield said(f"condition {text(each, 'type')}", text(each, "message"))
    state = dig(live, ("status", "operationState"))
    if text(state, "phase") != "Succeeded" and text(state, "message"):
        yield said(f"operation {text(state, 'phase')}", text(state, "message"))
    failed = [each for each in items(state, "syncResult", "resources") if _has_failed(each)]
    for each in failed[:_SHOWN]:
        yield said(_resource(each), text(each, "message"))
    if message := text(live, "status", "health", "message"):
        yield said("health", message)
    unwell = [each for each in items(live, "status", "resources") if _is_unwell(each)]
    for each in unwell[:_SHOWN]:
        state_words = " ".join(part for part in (text(each, "status"), text(each, "health", "status")) if part)
        yield said(f"{_resource(each)} is {state_words}", text(each, "health", "message") or "no message")
    if len(unwell) > _SHOWN:
        yield f"and {len(unwell) - _SHOWN} more resources"


def _has_failed(resource: Json) -> bool:
    return text(resource, "status") == "SyncFailed" or text(resource, "hookPhase") in ("Failed", "Error")


def _is_unwell(resource: Json) -> bool:
    health = text(resource, "health", "status")
    return text(resource, "status") not in ("", "Synced") or health not in ("", "Healthy", "Suspended")


def _resource(each: Json) -> str:
    namespace, name = text(each, "namespace"), text(each, "name")
    return f"{text(each, 'kind')} {namespace}/{name}" if namespace else f"{text(each, 'kind')} {name}"
