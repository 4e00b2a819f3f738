"""What is said of a difference, by sync policy, options and what the objects tell; the servers' word is elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from driftgate.compare import Comparison, Difference, IgnoreRule, Verdict
from driftgate.drift.additions import Addition
from driftgate.drift.consequences import Consequence, Deliverer, Delivery, Fate, fate
from tests.drift.test_deliveries import application
from tests.drift.test_owners import owned

Json = dict[str, Any]
DESIRED: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}
LIVE: Json = {**DESIRED, "data": {"a": "2"}}
DIFFERENCE = Difference(("data", "a"), "1", "2")
RULE = IgnoreRule("", "ConfigMap", json_pointers=("/data",), label="ignoreDifferences[2]")
IGNORED = Difference(("data", "a"), "1", "2", RULE)
ADDITION = Addition(("data", "a"), "2", ())
JOB: Json = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "migrate"},
    "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "a"}]}}},
}
OTHER_JOB: Json = {**JOB, "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "b"}]}}}}
JOB_IMAGE = ("spec", "template", "spec", "containers", ("name", "main"), "image")


def argocd(
    *options: str, policy: str = "automated: {prune: true, selfHeal: true}", live: Json | None = None
) -> Delivery:
    """A delivery by Argo CD."""
    return Delivery(Deliverer.ARGOCD, application(*options, policy=policy), live)


HELM = Delivery(Deliverer.HELM, application())


def failed(*, revision: str = "abc", phase: str = "Failed") -> Json:
    """An Application whose last sync ended in some way."""
    return {
        "status": {
            "sync": {"revision": "abc"},
            "operationState": {"phase": phase, "syncResult": {"revision": revision}},
        }
    }


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (
            argocd(),
            Fate(Consequence.SELF_HEAL, "selfHeal is on: Argo CD syncs the object as soon as it sees the difference."),
        ),
        (
            argocd(policy="automated: {}"),
            Fate(Consequence.NEXT_SYNC, "selfHeal is off: it stays until the next commit, or until somebody syncs."),
        ),
        (
            argocd(policy="automated: {enabled: false, selfHeal: true}"),
            Fate(Consequence.NEXT_SYNC, "Automated sync is off: it stays until somebody syncs."),
        ),
        (
            argocd(live=failed()),
            Fate(
                Consequence.NEXT_SYNC,
                "The last sync to this revision ended as Failed, and Argo CD does not try it again by itself.",
            ),
        ),
        (
            argocd(live=failed(revision="older")),
            Fate(Consequence.SELF_HEAL, "selfHeal is on: Argo CD syncs the object as soon as it sees the difference."),
        ),
        (
            argocd(live=failed(phase="Succeeded")),
            Fate(Consequence.SELF_HEAL, "selfHeal is on: Argo CD syncs the object as soon as it sees the difference."),
        ),
        (
            argocd(live={"metadata": {"deletionTimestamp": "2026-03-01T12:00:00Z"}}),
            Fate(Consequence.NEXT_SYNC, "The Application is being deleted, and syncs no more."),
        ),
        (HELM, Fate(Consequence.NEXT_UPGRADE, "The next helm upgrade writes what the chart says, changed or not.")),
    ],
)
def test_the_policy_says_when_a_difference_ends(delivery: Delivery, expected: Fate) -> None:
    """Who delivers, how automated it is and how the last sync went decide when the desired value comes back."""
    assert fate(DIFFERENCE, DESIRED, LIVE, delivery) == expected


@pytest.mark.parametrize(
    ("manager", "sentence"),
    [
        ("kubectl-edit", ""),
        (
            "kube-controller-manager",
            " kube-controller-manager wrote the live value, and will most likely write it again.",
        ),
        (
            "argocd-controller",
            (
                " argocd-controller itself wrote the live value: either Git has changed since, or an admission webhook"
                " changes what is applied, and will do so again."
            ),
        ),
    ],
)
def test_a_value_that_will_come_back_is_told(manager: str, sentence: str) -> None:
    """Where a program wrote the live value, a sync does not end the difference for good, and that is said."""
    live = {**LIVE, "metadata": {"name": "settings", "managedFields": [owned(manager, {"f:data": {"f:a": {}}})]}}
    plain = fate(DIFFERENCE, DESIRED, LIVE, argocd())
    assert fate(DIFFERENCE, DESIRED, live, argocd()) == Fate(plain.consequence, plain.why + sentence)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            (),
            (
                "ignoreDifferences[2] looks away, so nothing happens by itself; a sync that comes for another reason"
                " still writes the desired value."
            ),
        ),
        (
            ("ApplyOutOfSyncOnly=true",),
            (
                "ignoreDifferences[2] looks away, so nothing happens by itself; a sync when something else in the"
                " object differs still writes the desired value."
            ),
        ),
        (
            ("RespectIgnoreDifferences=true",),
            (
                "ignoreDifferences[2] looks away, and with RespectIgnoreDifferences=true a sync keeps the live value as"
                " well."
            ),
        ),
    ],
)
def test_an_ignored_difference_names_its_rule(options: tuple[str, ...], why: str) -> None:
    """A rule hides a difference from the status, and without a further option not from a sync."""
    assert fate(IGNORED, DESIRED, LIVE, argocd(*options)) == Fate(Consequence.IGNORED, why)


def test_a_rule_of_argo_cds_is_nothing_to_helm() -> None:
    """What Argo CD would ignore, helm writes over."""
    assert fate(IGNORED, DESIRED, LIVE, HELM) == fate(DIFFERENCE, DESIRED, LIVE, HELM)


JOBS_RULE = "spec.template cannot be changed (the Pods of a Job come from the template that it was created with)"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            Difference(JOB_IMAGE, "a", "b"),
            f"The next sync fails: {JOBS_RULE}; the object has to be deleted first, or Git has to follow.",
        ),
        (
            Difference(("metadata", "labels", "app"), "a", "b"),
            f"The next sync fails: {JOBS_RULE}; until then spec.template is in the way.",
        ),
        (
            Difference(JOB_IMAGE, "a", "b", RULE),
            (
                f"ignoreDifferences[2] looks away, but a sync does not. The next sync fails: {JOBS_RULE};"
                " the object has to be deleted first, or Git has to follow."
            ),
        ),
    ],
)
def test_what_cannot_be_changed_blocks_the_whole_object(change: Difference, expected: str) -> None:
    """A field that is fixed fails the sync, for itself, for the rest of its object, and behind an ignore rule."""
    assert fate(change, JOB, OTHER_JOB, argocd()) == Fate(Consequence.BLOCKS, expected)


def test_an_ignored_field_that_cannot_be_changed_blocks_nothing_where_the_rule_is_respected() -> None:
    """With RespectIgnoreDifferences the live value is sent, so that nothing is refused."""
    change = Difference(JOB_IMAGE, "a", "b", RULE)
    found = fate(change, JOB, OTHER_JOB, argocd("RespectIgnoreDifferences=true"))
    assert found.consequence is Consequence.IGNORED


@pytest.mark.parametrize(
    ("options", "consequence"),
    [
        ((), Consequence.SURVIVES),
        (("Replace=true",), Consequence.NEXT_SYNC),
        (("Replace=true", "ApplyOutOfSyncOnly=true"), Consequence.SURVIVES),
        # Not as Argo CD reads it.
        (("replace=true",), Consequence.SURVIVES),
    ],
)
def test_an_addition_goes_only_with_a_replace(options: tuple[str, ...], consequence: Consequence) -> None:
    """A merge leaves what is not in Git, a replace does not, and an object that is in sync may be passed over."""
    desired = {**DESIRED, "data": {}}
    assert fate(ADDITION, desired, LIVE, argocd(*options)).consequence is consequence


def test_what_was_applied_by_hand_stays_where_argo_cd_does_not_migrate() -> None:
    """Argo CD takes over what kubectl applied before it applies on the server's side, unless it is told not to."""
    live = {**LIVE, "metadata": {"managedFields": [owned("kubectl-client-side-apply", {"f:data": {"f:a": {}}})]}}
    desired = {**DESIRED, "data": {}}
    plain = argocd("ServerSideApply=true")
    told = argocd("ServerSideApply=true", "ClientSideApplyMigration=false")
    assert fate(ADDITION, desired, live, plain).consequence is Consequence.NEXT_SYNC
    assert fate(ADDITION, desired, live, told) == Fate(
        Consequence.SURVIVES,
        "It is not in Git, and a server-side apply removes only fields that Argo CD owns; this is"
        " kubectl-client-side-apply's.",
    )


def test_an_object_may_opt_out_of_server_side_apply() -> None:
    """What Argo CD once owned by server-side apply is nobody's to remove where the object is merged again."""
    applied = owned("argocd-controller", {"f:data": {"f:a": {}}}, operation="Apply")
    live = {**LIVE, "metadata": {"managedFields": [applied]}}
    out = {"annotations": {"argocd.argoproj.io/sync-options": "ServerSideApply=false"}}
    found = [
        fate(ADDITION, {**DESIRED, "data": {}, "metadata": metadata}, live, argocd("ServerSideApply=true")).consequence
        for metadata in ({}, out)
    ]
    assert found == [Consequence.NEXT_SYNC, Consequence.SURVIVES]


def extra(options: str = "", **metadata: Any) -> Json:
    """A live object that nobody renders."""
    annotations = {"argocd.argoproj.io/sync-options": options} if options else {}
    return {**LIVE, "metadata": {"name": "settings", "annotations": annotations, **metadata}}


@pytest.mark.parametrize(
    ("live", "delivery", "expected"),
    [
        (extra(), argocd(), Fate(Consequence.PRUNED, "The next sync deletes it.")),
        (
            extra(),
            argocd(policy="automated: {prune: true}"),
            Fate(
                Consequence.PRUNED,
                "The next sync deletes it. selfHeal is off: it stays until the next commit, or until somebody syncs.",
            ),
        ),
        (
            extra(),
            argocd("PruneLast=true"),
            Fate(Consequence.PRUNED, "The next sync deletes it, after everything else (PruneLast)."),
        ),
        (
            extra(finalizers=["acme.test/wait"]),
            argocd(),
            Fate(
                Consequence.PRUNED,
                "The next sync deletes it; it is gone only when somebody has removed its finalizers (acme.test/wait).",
            ),
        ),
        (
            extra(finalizers=["acme.test/wait"], deletionTimestamp="2026-03-01T12:00:00Z"),
            argocd(policy="automated: {}"),
            Fate(Consequence.PRUNED, "It is being deleted already, and waits for its finalizers (acme.test/wait)."),
        ),
        (
            extra(annotations={"argocd.argoproj.io/compare-options": "IgnoreExtraneous"}),
            argocd(),
            Fate(
                Consequence.PRUNED,
                "The next sync deletes it, when one comes for another reason: IgnoreExtraneous keeps the Application"
                " from being OutOfSync over it.",
            ),
        ),
        (
            extra(),
            argocd(policy="automated: {}"),
            Fate(
                Consequence.STAYS, "It stays in the cluster and keeps the Application OutOfSync, because prune is off."
            ),
        ),
        (
            extra("Prune=false"),
            argocd(),
            Fate(Consequence.STAYS, "It stays in the cluster and keeps the Application OutOfSync (Prune=false)."),
        ),
        (
            extra(),
            HELM,
            Fate(
                Consequence.UNKNOWN,
                "helm deletes it if the last release still has it, which only the release itself tells.",
            ),
        ),
    ],
)
def test_an_extra_object_is_pruned_or_stays(live: Json, delivery: Delivery, expected: Fate) -> None:
    """Prune, its options, finalizers and the sync policy decide what becomes of what is no longer rendered."""
    assert fate(Comparison(Verdict.EXTRA), None, live, delivery) == expected


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (
            Comparison(Verdict.MISSING),
            Fate(
                Consequence.CREATED,
                "selfHeal is on: Argo CD syncs the object as soon as it sees the difference."
                " Self-heal creates it anew.",
            ),
        ),
        (
            Comparison(Verdict.ORPHANED, reason="of no Application"),
            Fate(Consequence.STAYS, "Nobody who delivers here knows it: it is of no Application."),
        ),
        (
            Comparison(Verdict.NOT_COMPARED, reason="it is a hook"),
            Fate(Consequence.UNKNOWN, "It is not compared: it is a hook."),
        ),
        (Comparison(Verdict.COULD_NOT_CHECK), Fate(Consequence.UNKNOWN, "It could not be compared.")),
    ],
)
def test_a_whole_object_has_a_fate(comparison: Comparison, expected: Fate) -> None:
    """What is missing is made anew, and of what was not compared nothing is claimed."""
    assert fate(comparison, DESIRED, LIVE, argocd()) == expected


def test_a_changed_object_has_no_fate_of_its_own() -> None:
    """Each of its differences has one; asking for the object's is a mistake."""
    with pytest.raises(ValueError, match="changed"):
        fate(Comparison(Verdict.CHANGED), DESIRED, LIVE, argocd())


def test_who_changed_a_custom_resource_decides_what_helm_does() -> None:
    """Without server-side apply helm sends only what the chart has changed, which the last writer tells."""
    desired = {"apiVersion": "acme.test/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 1}}
    change = Difference(("spec", "size"), 1, 2)
    found = {}
    for manager in ("helm", "kubectl-edit", ""):
        entries = [owned(manager, {"f:spec": {"f:size": {}}})] if manager else []
        live = {**desired, "metadata": {"name": "one", "managedFields": entries}, "spec": {"size": 2}}
        found[manager] = fate(change, desired, live, HELM).consequence
    assert found == {"helm": Consequence.NEXT_UPGRADE, "kubectl-edit": Consequence.SURVIVES, "": Consequence.UNKNOWN}
