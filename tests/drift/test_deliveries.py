"""What becomes of a difference is what the next delivery makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftgate.compare import Comparison, Difference, Rules, Tracking, compare
from driftgate.drift.additions import Addition, additions
from driftgate.drift.consequences import Consequence, Delivery, fate
from driftgate.drift.owners import value_at
from driftgate.model.application import Application
from driftgate.yaml_reader import read_yaml
from tests.controlplane.crds import served
from tests.controlplane.plane import ControlPlane
from tests.drift.deliveries import (
    CRD,
    OPTIONS,
    Applied,
    Clients,
    Delivered,
    Json,
    MadeByHand,
    Outcome,
    Patched,
    Recreated,
    Row,
    Way,
    deliver_all,
    kubectl,
    patch,
)


def added(path: str, value: Any) -> Patched:
    """Something that somebody adds to a list."""
    return patch([{"op": "add", "path": path, "value": value}], "json")


WEB = "spec.template.spec.containers[name=web]"
PROXY = {"name": "proxy", "image": "registry.test:5000/proxy:1"}
SIDECAR = patch({"spec": {"template": {"spec": {"containers": [PROXY]}}}}, "strategic-merge")
ADMIN_PORT = patch({"spec": {"ports": [{"name": "admin", "port": 8443}]}}, "strategic-merge")
OTHER_HOST = added("/spec/rules/-", {"host": "b.test"})
LARGER = Recreated({"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
TWO_PARTS = patch({"spec": {"parts": [{"name": "one", "size": 1}, {"name": "two"}]}})
SLOWER = patch({"spec": {"minReadySeconds": 5}})
NOTE = 'metadata.annotations["acme.test/note"]'
TOLERATED = added("/spec/template/spec/tolerations/-", {"key": "spot", "operator": "Exists"})
BY_HAND = kubectl("label {} acme.test/by-hand=yes")
OF_HAND = 'metadata.labels["acme.test/by-hand"]'
SCALE = kubectl("scale {} --replicas=1")
IMAGE = kubectl("set image {} web=registry.test:5000/web:9")
#: Git says false, which Argo CD drops before it compares, and a delivery writes.
HOST_PID = patch({"spec": {"template": {"spec": {"hostPID": True}}}})
PID_FIELD = "spec.template.spec.hostPID"
EXTRA_ENV = kubectl("set env {} EXTRA=1")
OTHER_MODE = kubectl("set env {} MODE=slow")
DELETED = kubectl("delete {} --cascade=background")
#: What Git had in a Deployment before, and has no more.
OLDER = {"spec": {"minReadySeconds": 7}}
OTHER_MAIN = {"name": "main", "image": "registry.test:5000/other"}
OTHER_JOB = Recreated({"spec": {"template": {"spec": {"containers": [OTHER_MAIN]}}}})
JOB_FIELD = "spec.template.spec.containers[name=main].image"
FORCED = {"argocd.argoproj.io/sync-options": "Force=true"}
KEPT = {"helm.sh/resource-policy": "keep"}

HEALS, SYNC, UPGRADE = Consequence.SELF_HEAL, Consequence.NEXT_SYNC, Consequence.NEXT_UPGRADE
SURVIVES, BLOCKS, CREATED = Consequence.SURVIVES, Consequence.BLOCKS, Consequence.CREATED
PRUNED, STAYS = Consequence.PRUNED, Consequence.STAYS


def rows(way: Way, *lines: tuple[Any, ...]) -> Iterator[Row]:
    """Rows of one way of delivery: object, drift, field, consequence, and whatever else a row has."""
    for name, drift, field, consequence, *more in lines:
        yield Row(way, name, drift, field, consequence, **(more[0] if more else {}))


#: What becomes of each difference, as the control plane says.
ROWS: tuple[Row, ...] = (
    *rows(
        Way.APPLY,
        ("Deployment", HOST_PID, PID_FIELD, HEALS),
        ("Deployment", SCALE, "spec.replicas", HEALS),
        ("Deployment", IMAGE, f"{WEB}.image", HEALS),
        ("Deployment", EXTRA_ENV, f"{WEB}.env[name=EXTRA]", SURVIVES),
        ("Deployment", OTHER_MODE, f"{WEB}.env[name=MODE].value", HEALS),
        ("Deployment", kubectl("set env {} MODE-"), f"{WEB}.env", HEALS),
        ("Deployment", kubectl("set resources {} --limits=cpu=2"), f"{WEB}.resources.limits.cpu", HEALS),
        ("Deployment", kubectl("set resources {} --requests=cpu=1"), f"{WEB}.resources.requests.cpu", SURVIVES),
        ("Deployment", BY_HAND, OF_HAND, SURVIVES),
        ("Deployment", kubectl("annotate {} acme.test/note=x"), NOTE, SURVIVES),
        ("Deployment", kubectl("label {} tier-"), "metadata.labels.tier", HEALS),
        ("Deployment", kubectl("label {} tier=back --overwrite"), "metadata.labels.tier", HEALS),
        (
            "Deployment",
            kubectl("rollout restart {}"),
            'spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]',
            SURVIVES,
        ),
        ("Deployment", kubectl("rollout pause {}"), "spec.paused", SURVIVES),
        ("Deployment", SIDECAR, "spec.template.spec.containers[name=proxy]", SURVIVES),
        ("Deployment", TOLERATED, "spec.template.spec.tolerations[1]", HEALS),
        (
            "Deployment",
            patch({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "50%"}}}}),
            "spec.strategy.rollingUpdate.maxSurge",
            HEALS,
        ),
        ("Deployment", SLOWER, "spec.minReadySeconds", SURVIVES),
        ("Deployment", None, "spec.minReadySeconds", HEALS, {"before": OLDER}),
        ("Deployment", DELETED, "", CREATED),
        ("StatefulSet", SCALE, "spec.replicas", HEALS),
        ("StatefulSet", Recreated({"spec": {"serviceName": "other"}}), "spec.serviceName", BLOCKS),
        # Nothing of an object is written as long as something in it is refused.
        ("StatefulSet", Recreated({"spec": {"serviceName": "other", "replicas": 1}}), "spec.replicas", BLOCKS),
        ("Service", patch({"spec": {"type": "NodePort"}}), "spec.type", HEALS),
        (
            "Service",
            ADMIN_PORT,
            "spec.ports[port=8443]",
            SURVIVES,
        ),
        ("Service", patch({"spec": {"selector": {"version": "2"}}}), "spec.selector.version", SURVIVES),
        ("Service", kubectl("set selector {} app=other"), "spec.selector.app", HEALS),
        ("ConfigMap", patch({"data": {"a": "9"}}), "data.a", HEALS),
        ("ConfigMap", patch({"data": {"c": "3"}}), "data.c", SURVIVES),
        ("ConfigMap", patch({"data": {"b": None}}), "data.b", HEALS),
        ("ConfigMap", patch({"data": {"a": "9"}, "immutable": True}), "data.a", BLOCKS),
        ("Secret", patch({"stringData": {"token": "changed"}}), "data.token", HEALS),
        ("Secret", patch({"stringData": {"other": "added"}}), "data.other", SURVIVES),
        ("Ingress", OTHER_HOST, "spec.rules[1]", HEALS),
        ("Ingress", patch({"spec": {"ingressClassName": "other"}}), "spec.ingressClassName", SURVIVES),
        ("NetworkPolicy", added("/spec/ingress/-", {}), "spec.ingress[1]", HEALS),
        ("CronJob", patch({"spec": {"schedule": "@monthly"}}), "spec.schedule", HEALS),
        ("CronJob", patch({"spec": {"suspend": True}}), "spec.suspend", SURVIVES),
        ("Job", OTHER_JOB, JOB_FIELD, BLOCKS),
        ("Job", patch({"spec": {"parallelism": 2}}), "spec.parallelism", SURVIVES),
        ("HorizontalPodAutoscaler", patch({"spec": {"maxReplicas": 9}}), "spec.maxReplicas", HEALS),
        ("HorizontalPodAutoscaler", patch({"spec": {"minReplicas": 3}}), "spec.minReplicas", SURVIVES),
        ("PodDisruptionBudget", patch({"spec": {"minAvailable": 2}}), "spec.minAvailable", HEALS),
        (
            "PodDisruptionBudget",
            patch({"spec": {"selector": {"matchLabels": {"tier": "front"}}}}),
            "spec.selector.matchLabels.tier",
            HEALS,
        ),
        ("ServiceAccount", patch({"imagePullSecrets": [{"name": "other"}]}), "imagePullSecrets", SURVIVES),
        ("PersistentVolumeClaim", LARGER, "spec.resources.requests.storage", BLOCKS),
        ("Role", added("/rules/0/verbs/-", "delete"), "rules[0].verbs[2]", HEALS),
        ("RoleBinding", kubectl("set subject {} --user=somebody"), "subjects[1]", HEALS),
        ("RoleBinding", Recreated({"roleRef": {"name": "other"}}), "roleRef.name", HEALS),
        ("Widget", patch({"spec": {"size": 9}}), "spec.size", HEALS),
        ("Widget", patch({"spec": {"colour": "red"}}), "spec.colour", SURVIVES),
        ("Widget", patch({"spec": {"hosts": ["a.test", "b.test"]}}), "spec.hosts[1]", HEALS),
        ("Widget", DELETED, "", CREATED),
    ),
    *rows(Way.APPLY_FORCE, ("Job", OTHER_JOB, JOB_FIELD, HEALS, {"annotations": FORCED})),
    *rows(
        Way.SERVER_SIDE,
        ("Deployment", HOST_PID, PID_FIELD, SYNC),
        ("Deployment", SCALE, "spec.replicas", HEALS),
        ("Deployment", OTHER_MODE, f"{WEB}.env[name=MODE].value", HEALS),
        ("Deployment", EXTRA_ENV, f"{WEB}.env[name=EXTRA]", SURVIVES),
        ("Deployment", TOLERATED, "spec.template.spec.tolerations[1]", HEALS),
        # What Argo CD alone owns goes with it; what somebody else has changed since is not its own any more.
        ("Deployment", None, "spec.minReadySeconds", SYNC, {"before": OLDER}),
        ("Deployment", SLOWER, "spec.minReadySeconds", SURVIVES, {"before": OLDER}),
        ("Deployment", DELETED, "", CREATED),
        ("Service", ADMIN_PORT, "spec.ports[port=8443]", SURVIVES),
        ("ConfigMap", patch({"data": {"b": None}}), "data.b", HEALS),
        # What was applied by hand is taken over, and then removed, as Git does not have it.
        ("ConfigMap", Applied({"data": {"c": "3"}}), "data.c", HEALS),
        ("Job", OTHER_JOB, JOB_FIELD, BLOCKS),
        ("Widget", patch({"spec": {"size": 9}}), "spec.size", HEALS),
        # Argo CD compares the list as one value, and the server merges it: out of sync for good.
        ("Widget", TWO_PARTS, "spec.parts[1]", SURVIVES),
    ),
    *rows(
        Way.REPLACE,
        ("Deployment", HOST_PID, PID_FIELD, SYNC),
        ("Deployment", SCALE, "spec.replicas", HEALS),
        ("Deployment", EXTRA_ENV, f"{WEB}.env[name=EXTRA]", SYNC),
        ("Deployment", BY_HAND, OF_HAND, SYNC),
        ("ConfigMap", patch({"data": {"c": "3"}}), "data.c", SYNC),
        ("Widget", patch({"spec": {"colour": "red"}}), "spec.colour", SYNC),
        ("Job", OTHER_JOB, JOB_FIELD, BLOCKS),
    ),
    *rows(Way.REPLACE_FORCE, ("Job", OTHER_JOB, JOB_FIELD, HEALS, {"annotations": FORCED})),
    *rows(
        Way.HELM_3,
        ("Deployment", HOST_PID, PID_FIELD, UPGRADE),
        ("Deployment", SCALE, "spec.replicas", UPGRADE),
        ("Deployment", IMAGE, f"{WEB}.image", UPGRADE),
        ("Deployment", EXTRA_ENV, f"{WEB}.env[name=EXTRA]", SURVIVES),
        ("Deployment", BY_HAND, OF_HAND, SURVIVES),
        ("Deployment", TOLERATED, "spec.template.spec.tolerations[1]", UPGRADE),
        ("Deployment", DELETED, "", CREATED),
        # helm does not look at what was applied by hand last.
        ("ConfigMap", Applied({"data": {"c": "3"}}), "data.c", SURVIVES),
        ("ConfigMap", patch({"data": {"a": "9"}}), "data.a", UPGRADE),
        ("Secret", patch({"stringData": {"token": "changed"}}), "data.token", UPGRADE),
        ("Job", OTHER_JOB, JOB_FIELD, BLOCKS),
        ("Widget", patch({"spec": {"size": 9}}), "spec.size", SURVIVES),
        ("Widget", DELETED, "", CREATED),
        ("ConfigMap", None, "", PRUNED, {"gone": True}),
        ("ConfigMap", None, "", STAYS, {"gone": True, "annotations": KEPT}),
        ("ConfigMap", MadeByHand(), "", STAYS),
    ),
    *rows(
        Way.HELM_4,
        ("Deployment", HOST_PID, PID_FIELD, BLOCKS),
        ("Deployment", SCALE, "spec.replicas", BLOCKS),
        ("Deployment", EXTRA_ENV, f"{WEB}.env[name=EXTRA]", SURVIVES),
        ("Deployment", kubectl("label {} tier-"), "metadata.labels.tier", UPGRADE),
        ("Deployment", None, "spec.minReadySeconds", UPGRADE, {"before": OLDER}),
        ("Deployment", DELETED, "", CREATED),
        ("Ingress", OTHER_HOST, "spec.rules[1]", BLOCKS),
        ("Widget", patch({"spec": {"size": 9}}), "spec.size", BLOCKS),
        ("ConfigMap", None, "", PRUNED, {"gone": True}),
    ),
    *rows(
        Way.HELM_4_CLIENT_SIDE,
        ("Deployment", HOST_PID, PID_FIELD, UPGRADE),
        ("Deployment", SCALE, "spec.replicas", UPGRADE),
        ("Widget", patch({"spec": {"size": 9}}), "spec.size", SURVIVES),
    ),
)  # fmt: skip

#: What a consequence promises of the next delivery.
PROMISES = {
    Consequence.SELF_HEAL: Outcome.REVERTED,
    Consequence.NEXT_SYNC: Outcome.REVERTED,
    Consequence.NEXT_UPGRADE: Outcome.REVERTED,
    Consequence.SURVIVES: Outcome.SURVIVED,
    Consequence.BLOCKS: Outcome.REFUSED,
    Consequence.CREATED: Outcome.CREATED,
    Consequence.PRUNED: Outcome.DELETED,
    Consequence.STAYS: Outcome.STAYED,
}


def application(*options: str, policy: str = "automated: {prune: true, selfHeal: true}") -> Application:
    """An Application with a sync policy."""
    listed = ", ".join(options)
    text = f"kind: Application\nmetadata: {{name: shop}}\nspec: {{syncPolicy: {{{policy}, syncOptions: [{listed}]}}}}\n"
    return Application.from_manifest(read_yaml(text, "shop.yaml").roots[0])


@pytest.fixture(scope="module")
def delivered(
    control_plane: ControlPlane, helm3: Path, helm4: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Delivered]]:
    """Every row, delivered, drifted, and delivered again."""
    with served(control_plane, [CRD]):
        yield deliver_all(Clients(control_plane, helm3, helm4, tmp_path_factory.mktemp("charts")), ROWS)


Change = Difference | Addition


def changes(desired: Json | None, live: Json | None, tracking: Tracking) -> tuple[Comparison, dict[str, Change]]:
    """What differs, and what was added, by the text of its path."""
    rules = Rules(tracking=tracking)
    comparison = compare(desired, live, rules)
    found: list[Change] = [*comparison.differences]
    if desired is not None and live is not None:
        found += additions(desired, live, rules)
    return comparison, {one.field: one for one in found}


def outcome(each: Delivered, change: Change | Comparison) -> Outcome | str:
    """What the delivery made of the change, read off the object; in words where it is none of the outcomes."""
    if isinstance(change, Comparison):
        if each.drifted is None:
            return Outcome.CREATED if each.after is not None else "still missing"
        return Outcome.STAYED if each.after is not None else Outcome.DELETED
    assert each.drifted is not None
    assert each.after is not None
    if each.row.field not in changes(each.desired, each.after, each.tracking)[1]:
        return Outcome.REVERTED if not each.error else f"reverted, and {each.error}"
    if value_at(each.drifted, change.path) != value_at(each.after, change.path):
        return "something else"
    return Outcome.REFUSED if each.error else Outcome.SURVIVED


def test_what_is_said_to_become_of_a_difference_is_what_becomes_of_it(delivered: list[Delivered]) -> None:
    """For every row the consequence is that of the table, and the next delivery does what it promises."""
    wrong = []
    for each in delivered:
        row = each.row
        comparison, found = changes(each.desired, each.drifted, each.tracking)
        change = found.get(row.field) if row.field else comparison
        if change is None:
            wrong.append(f"{row.way} {row.object} {row.field}: nothing found")
            continue
        delivery = Delivery(row.way.deliverer, application(*OPTIONS.get(row.way, ())))
        said, happened = fate(change, each.desired, each.drifted, delivery), outcome(each, change)
        if (said.consequence, happened) != (row.consequence, PROMISES[row.consequence]):
            wrong.append(f"{row.way} {row.object} {row.field}: {said}; {happened} {each.error[:300]}")
    assert wrong == [], "\n".join(wrong)


def test_what_was_just_delivered_has_nothing_added(delivered: list[Delivered]) -> None:
    """What the API server and the controllers fill in is nobody's, by whichever client the object came."""
    fresh = [each for each in delivered if each.first is not None and each.desired is not None and not each.row.before]
    found = {each.name: changes(each.desired, each.first, each.tracking) for each in fresh}
    assert len(found) > 80
    assert {name: (comparison, fields) for name, (comparison, fields) in found.items() if fields} == {}
    assert {str(comparison.verdict) for comparison, _ in found.values()} == {"in sync"}
