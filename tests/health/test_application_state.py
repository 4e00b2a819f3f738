"""How far Argo CD is with an Application: yesterday's Synced and Healthy never count for today."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.health import ApplicationState, Json, application_state
from driftgate.model.manifest import dig
from tests.health.shapes import ago, condition, thing

OLD, NEW = "1" * 40, "2" * 40
SOURCE = {"repoURL": "https://git.example.com/shop.git", "path": "web", "targetRevision": "main"}


def application(**changes: Any) -> Json:
    """One that was synced to `NEW` and is well, with dotted paths set otherwise; None leaves a field out."""
    value = thing(
        "argoproj.io/v1alpha1",
        "Application",
        "web",
        namespace="argocd",
        spec={"source": dict(SOURCE)},
        status={
            "sync": {"status": "Synced", "revision": NEW, "comparedTo": {"source": dict(SOURCE)}},
            "health": {"status": "Healthy"},
            "reconciledAt": ago(10),
            "operationState": {
                "phase": "Succeeded",
                "message": "successfully synced",
                "startedAt": ago(40),
                "finishedAt": ago(20),
                "syncResult": {"revision": NEW},
            },
        },
    )
    for path, change in changes.items():
        *above, last = path.split("__")
        where = value
        for step in above:
            where = where.setdefault(step, {})
        if change is None:
            where.pop(last, None)
        else:
            where[last] = change
    return value


def test_an_application_is_done_when_all_of_it_is_of_today() -> None:
    """Synced to the wanted revision, healthy, refreshed and compared after its operation: it is done."""
    wanted = ApplicationState(
        done=True, words=f"Synced and Healthy at {NEW[:12]}", sync="Synced", health="Healthy", revisions=(NEW,)
    )
    assert [application_state(application(), each) for each in (None, NEW, NEW[:7])] == [wanted] * 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata__annotations": {"argocd.argoproj.io/refresh": "normal"}}, "has not been refreshed yet"),
        ({"status__sync__revision": OLD}, f"is at {OLD[:12]}, wanted is {NEW[:12]}"),
        ({"status__sync__revision": None}, f"is at no revision, wanted is {NEW[:12]}"),
        ({"status__sync": None}, "Argo CD has not looked at it yet"),
        ({"status": {}}, "Argo CD has not looked at it yet"),
        ({"spec__source__targetRevision": "v2"}, "has changed since Argo CD compared it"),
        ({"operation": {"sync": {"revision": NEW}}}, "a sync has been asked for and has not begun"),
        ({"status__operationState__phase": "Running"}, "is being synced"),
        (
            {"status__operationState__phase": "Running", "status__operationState__retryCount": 2},
            "is being synced, attempt 3",
        ),
        ({"status__operationState__finishedAt": ago(5)}, "has been synced and not been compared since"),
        ({"status__reconciledAt": None}, "has been synced and not been compared since"),
        ({"status__sync__status": "OutOfSync"}, "is OutOfSync"),
        ({"status__health__status": "Progressing"}, "is Progressing"),
        ({"status__health": None}, "is not judged yet"),
        ({"status__conditions": [condition("ComparisonError", "", "", "no path")]}, "has a condition ComparisonError"),
        (
            {"metadata__deletionTimestamp": ago(5), "metadata__finalizers": ["resources-finalizer.argocd.argoproj.io"]},
            "is being deleted, held by resources-finalizer.argocd.argoproj.io",
        ),
    ],
)  # fmt: skip
def test_an_application_that_is_under_way_is_not_done(changes: dict[str, Any], words: str) -> None:
    """Each sign that the verdict is not of today, or not a good one, is told, and is no failure of Argo CD."""
    state = application_state(application(**changes), NEW)
    assert (state.done, state.failed, state.words) == (False, False, words)


@pytest.mark.parametrize(
    ("changes", "revision", "words"),
    [
        ({}, NEW, f"the sync at {NEW[:12]} has failed"),
        ({}, None, f"the sync at {NEW[:12]} has failed"),
        ({"status__operationState__syncResult": None}, NEW, "the sync has failed"),
        ({"status__operationState__syncResult": {"revision": OLD}}, NEW, ""),
        ({"operation": {"sync": {}}}, NEW, ""),
    ],
)
def test_a_failed_sync_of_this_revision_is_final(changes: dict[str, Any], revision: str | None, words: str) -> None:
    """Argo CD does not try a revision again by itself; the failure of another revision is of yesterday."""
    failed = {"status__operationState__phase": "Failed", **changes}
    state = application_state(application(**failed), revision)
    assert (state.failed, state.words if state.failed else "") == (bool(words), words)


def test_the_evidence_is_what_argo_cd_says() -> None:
    """Conditions, the operation's message, failed resources and those that are out of sync or unwell."""
    state = application_state(
        application(
            status__conditions=[condition("SyncError", "", "", "Failed last sync attempt")],
            status__operationState={
                "phase": "Failed",
                "message": "one or more objects failed to apply",
                "syncResult": {
                    "revision": NEW,
                    "resources": [
                        {
                            "kind": "Service",
                            "namespace": "shop",
                            "name": "web",
                            "status": "SyncFailed",
                            "message": "denied",
                        },
                        {
                            "kind": "ConfigMap",
                            "namespace": "shop",
                            "name": "a",
                            "status": "Synced",
                            "message": "unchanged",
                        },
                    ],
                },
            },
            status__resources=[
                {"kind": "Service", "namespace": "shop", "name": "web", "status": "OutOfSync"},
                {
                    "kind": "Deployment",
                    "namespace": "shop",
                    "name": "web",
                    "status": "Synced",
                    "health": {"status": "Degraded", "message": "exceeded its progress deadline"},
                },
                {"kind": "Pod", "namespace": "shop", "name": "x", "status": "Synced", "health": {"status": "Healthy"}},
            ],
        ),
        NEW,
    )
    assert state.evidence == (
        "condition SyncError: Failed last sync attempt",
        "operation Failed: one or more objects failed to apply",
        "Service shop/web: denied",
        "Service shop/web is OutOfSync: no message",
        "Deployment shop/web is Synced Degraded: exceeded its progress deadline",
    )


def test_one_of_several_sources_has_to_be_at_the_revision() -> None:
    """An Application of several sources has a revision for each; the commit is that of one repository."""
    several = application(status__sync__revisions=["9.1.0", NEW], status__sync__revision=None)
    assert application_state(several, NEW).done
    assert application_state(several, OLD).words == f"is at 9.1.0, {NEW[:12]}, wanted is {OLD[:12]}"


def test_what_go_leaves_out_is_no_change_of_the_source() -> None:
    """Argo CD writes the source it compared without empty fields: that alone is no difference."""
    assert application_state(application(spec__source={**SOURCE, "chart": "", "helm": {"parameters": []}}), NEW).done


STRAY = st.sampled_from(["status.sync.revision", "status.sync.status", "status.health.status", "status.reconciledAt"])


@settings(deadline=None)
@given(STRAY, st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=2), max_size=2))
def test_a_status_that_is_not_as_it_should_be_is_never_done(path: str, junk: Any) -> None:
    """Where a field that the verdict rests on holds anything else, the Application is not done, and nothing breaks."""
    value = application()
    *above, last = path.split(".")
    dig(value, tuple(above))[last] = junk
    assert not application_state(value, NEW).done
