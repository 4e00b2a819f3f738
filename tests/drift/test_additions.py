"""What somebody added to an object, and what is nobody's doing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.compare import IgnoreRule, Rules, compare
from driftgate.drift.additions import additions
from driftgate.drift.consequences import Consequence, Deliverer, Delivery, fate
from driftgate.model.secret import SecretValue
from tests.drift.test_deliveries import application
from tests.drift.test_owners import owned

Json = dict[str, Any]
DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}]},
        },
    },
}
WIDGET: Json = {
    "apiVersion": "acme.test/v1",
    "kind": "Widget",
    "metadata": {"name": "one"},
    "spec": {"size": 1, "parts": [{"name": "a"}]},
}
POD: tuple[str, ...] = ("spec", "template", "spec")


def with_value(document: Json, value: Any, *path: Any) -> Json:
    """A copy with a value at a path; what is missing on the way is made."""
    result = copy.deepcopy(document)
    here: Any = result
    for step in path[:-1]:
        here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
    if isinstance(here, list):
        here.insert(path[-1], value)
    else:
        here[path[-1]] = value
    return result


def fields_of(spelled: str) -> Json:
    """Managed fields of one path: names with slashes between them."""
    fields: Json = {}
    for step in reversed(spelled.split(" ")):
        fields = {step: fields}
    return fields


def by(live: Json, *entries: Json) -> Json:
    """The object with managed fields."""
    return {**live, "metadata": {**live["metadata"], "managedFields": list(entries)}}


def added(desired: Json, live: Json, rules: Rules = Rules()) -> list[str]:  # noqa: B008  (frozen)
    """The fields that are told, as text."""
    return [addition.field for addition in additions(desired, live, rules)]


IMAGE = 'f:spec f:template f:spec f:containers k:{"name":"web"} f:image'
DELIVERED = owned("argocd-controller", fields_of(IMAGE))


@pytest.mark.parametrize(
    ("value", "path", "field"),
    [
        ("x", ("metadata", "labels", "by-hand"), "metadata.labels.by-hand"),
        ("x", ("metadata", "annotations", "acme.test/a"), 'metadata.annotations["acme.test/a"]'),
        ("x", (*POD, "nodeSelector", "disk"), "spec.template.spec.nodeSelector.disk"),
        ({"name": "proxy", "image": "p"}, (*POD, "containers", 1), "spec.template.spec.containers[name=proxy]"),
        (
            [{"name": "A", "value": "1"}],
            (*POD, "containers", 0, "env"),
            f"{'.'.join(POD)}.containers[name=web].env[name=A]",
        ),
        ([{"name": "tmp", "emptyDir": {}}], (*POD, "volumes"), "spec.template.spec.volumes[name=tmp]"),
        (
            {"containerPort": 81, "protocol": "TCP"},
            (*POD, "containers", 0, "ports", 1),
            f"{'.'.join(POD)}.containers[name=web].ports[containerPort=81]",
        ),
    ],
)
def test_what_no_program_fills_in_is_told_without_managed_fields(value: Any, path: Any, field: str) -> None:
    """Labels, containers, variables, volumes and ports have been added by somebody, whoever it was."""
    (addition,) = additions(DEPLOYMENT, with_value(DEPLOYMENT, value, *path), Rules())
    assert (addition.field, addition.writers) == (field, ())


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (7, ("spec", "minReadySeconds")),
        (10, ("spec", "revisionHistoryLimit")),
        ("10.0.0.7", ("spec", "clusterIP")),
        ("x", ("metadata", "uid")),
        (["x"], ("metadata", "finalizers")),
        ({"replicas": 1}, ("status",)),
        ("1", ("metadata", "annotations", "deployment.kubernetes.io/revision")),
        ("{}", ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")),
        ("shop:apps/Deployment:shop/web", ("metadata", "annotations", "argocd.argoproj.io/tracking-id")),
        ("web", ("metadata", "annotations", "meta.helm.sh/release-name")),
        ([], (*POD, "volumes")),
        ({}, (*POD, "securityContext")),
    ],
)
def test_what_could_be_filled_in_is_passed_over_without_managed_fields(value: Any, path: Any) -> None:
    """Where nothing says who wrote a field that a program could have filled in, nothing is said of it."""
    assert added(DEPLOYMENT, with_value(DEPLOYMENT, value, *path)) == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (owned("kubectl-edit", fields_of("f:spec f:minReadySeconds")), ["spec.minReadySeconds"]),
        (owned("node-fetch", fields_of("f:spec f:minReadySeconds")), ["spec.minReadySeconds"]),
        (owned("kube-controller-manager", fields_of("f:spec f:minReadySeconds")), []),
        # With an update, whoever creates an object owns the defaults as well; with an apply he does not.
        (owned("argocd-controller", fields_of("f:spec f:minReadySeconds")), []),
        (
            owned("argocd-controller", fields_of("f:spec f:minReadySeconds"), operation="Apply"),
            ["spec.minReadySeconds"],
        ),
        # Nobody in particular.
        (owned("kubectl-edit", fields_of("f:spec f:paused")), []),
    ],
)
def test_what_could_be_filled_in_is_told_of_those_who_fill_in_nothing(entry: Json, told: list[str]) -> None:
    """A person's field is told, a controller's and a deliverer's is not."""
    live = by(with_value(DEPLOYMENT, 7, "spec", "minReadySeconds"), DELIVERED, entry)
    found = additions(DEPLOYMENT, live, Rules())
    assert [addition.field for addition in found] == told
    assert [writer.manager for addition in found for writer in addition.writers] == [entry["manager"]] * len(told)


def test_a_default_is_nobodys_whoever_wrote_it() -> None:
    """A value that the API server would have filled in is passed over; another one in its place is told."""
    hand = owned("kubectl-edit", fields_of("f:spec f:revisionHistoryLimit"))
    assert added(DEPLOYMENT, by(with_value(DEPLOYMENT, 10, "spec", "revisionHistoryLimit"), DELIVERED, hand)) == []
    assert added(DEPLOYMENT, by(with_value(DEPLOYMENT, 3, "spec", "revisionHistoryLimit"), DELIVERED, hand)) == [
        "spec.revisionHistoryLimit"
    ]


def test_who_brought_a_custom_resource_brought_its_defaults() -> None:
    """Defaults of a custom resource belong to who created it, be it by kubectl; who came later added what he owns."""
    live = with_value(WIDGET, "auto", "spec", "mode")
    created = owned("kubectl-create", {"f:spec": {"f:size": {}, "f:mode": {}}})
    assert added(WIDGET, by(live, created)) == []
    assert added(WIDGET, by(live, DELIVERED, owned("kubectl-edit", fields_of("f:spec f:mode")))) == ["spec.mode"]


def test_a_field_in_an_element_of_a_custom_resource_is_told_by_index() -> None:
    """Lists of custom resources go by index, and one of another length is a difference, and no addition."""
    hand = owned("kubectl-edit", fields_of('f:spec f:parts k:{"name":"a"} f:size'))
    live = with_value(WIDGET, 3, "spec", "parts", 0, "size")
    assert added(WIDGET, by(live, DELIVERED, hand)) == ["spec.parts[0].size"]
    assert added(WIDGET, by(with_value(live, {"name": "b"}, "spec", "parts", 1), DELIVERED, hand)) == []


def test_what_a_webhook_adds_stands_under_its_caller() -> None:
    """A sidecar that only the deliverer can have written, and Git does not have, is told with the deliverer's name."""
    live = with_value(DEPLOYMENT, {"name": "proxy", "image": "p"}, *POD, "containers", 1)
    injected = owned("argocd-controller", fields_of('f:spec f:template f:spec f:containers k:{"name":"proxy"}'))
    (addition,) = additions(DEPLOYMENT, by(live, injected), Rules())
    assert (addition.field, [writer.manager for writer in addition.writers]) == (
        "spec.template.spec.containers[name=proxy]",
        ["argocd-controller"],
    )


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (IgnoreRule("apps", "Deployment", json_pointers=("/metadata/labels/by-hand",)), []),
        (IgnoreRule("apps", "Deployment", jq_path_expressions=(".metadata.labels",)), []),
        (IgnoreRule("apps", "Deployment", managed_fields_managers=("kubectl-label",)), []),
        (IgnoreRule("apps", "Deployment", managed_fields_managers=("kubectl-edit",)), ["metadata.labels.by-hand"]),
        (IgnoreRule("apps", "StatefulSet", json_pointers=("/metadata/labels/by-hand",)), ["metadata.labels.by-hand"]),
    ],
)
def test_what_a_rule_names_is_not_told(rule: IgnoreRule, told: list[str]) -> None:
    """Rules look away from additions as from differences, by path or by manager."""
    hand = owned("kubectl-label", fields_of("f:metadata f:labels f:by-hand"))
    live = by(with_value(DEPLOYMENT, "x", "metadata", "labels", "by-hand"), DELIVERED, hand)
    assert added(DEPLOYMENT, live, Rules(ignore=(rule,))) == told


def test_the_value_of_a_secret_is_not_shown() -> None:
    """An added key of a Secret is told, and its value has no printable form, nor has a sensitive annotation's."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"a": "made-up"}}
    live = {
        **{key: value for key, value in secret.items() if key != "stringData"},
        "metadata": {"name": "token", "annotations": {"acme": "canary"}},
        "data": {"a": SecretValue("bWFkZS11cA=="), "b": SecretValue("Y2FuYXJ5")},
    }
    found = additions(secret, live, Rules(sensitive_annotations=frozenset({"acme"})))
    assert [(addition.field, addition.live) for addition in found] == [
        ("data.b", SecretValue("Y2FuYXJ5")),
        ("metadata.annotations.acme", SecretValue("canary")),
    ]
    assert "canary" not in repr(found)
    assert "Y2FuYXJ5" not in repr(found)


def test_elements_with_the_same_key_tell_nothing() -> None:
    """Where two elements of a list cannot be told apart, none of them is called added."""
    ports = [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}]
    live = with_value(DEPLOYMENT, ports, *POD, "containers", 0, "ports")
    assert added(DEPLOYMENT, live) == []


JUNK: st.SearchStrategy[Any] = st.sampled_from([None, 0, 1.5, True, "", "x", [], {}, [None], [["x"]], {"x": None}])


def slots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document in which a value stands: the mapping or list, and the key or index."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in list(below) for place in [(value, key), *slots(item)]]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_a_cluster_says_is_read(data: st.DataObject) -> None:
    """Objects that are broken anywhere, desired or live, are judged or passed over, and never an error."""
    sidecar = with_value(DEPLOYMENT, {"name": "proxy", "image": "p"}, *POD, "containers", 1)
    live = by(with_value(sidecar, "x", "metadata", "labels", "by-hand"), DELIVERED, owned("kubectl", fields_of(IMAGE)))
    pair = [copy.deepcopy(DEPLOYMENT), copy.deepcopy(live)]
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(slots(pair)))
        if holder is not pair:
            holder[key] = copy.deepcopy(data.draw(JUNK))
    desired, live = pair
    for addition in additions(desired, live, Rules()):
        fate(addition, desired, live, Delivery(Deliverer.ARGOCD, application()))
    for difference in compare(desired, live, Rules()).differences:
        for deliverer in Deliverer:
            fate(difference, desired, live, Delivery(deliverer, application()))


def test_objects_that_cannot_be_compared_have_no_additions() -> None:
    """Where the comparison gives up, nothing is called added."""
    broken = Rules(ignore=(IgnoreRule("apps", "Deployment", jq_path_expressions=(".spec |",)),))
    assert added(DEPLOYMENT, with_value(DEPLOYMENT, "x", "metadata", "labels", "by-hand"), broken) == []


def test_what_a_webhook_adds_to_a_new_object_is_in_nobodys_name() -> None:
    """An element, label or annotation that nobody owns was added on the way in; what else nobody owns is a default."""
    live = with_value(DEPLOYMENT, {"name": "proxy", "image": "p"}, *POD, "containers", 1)
    live = with_value(live, "yes", "metadata", "labels", "injected")
    live = with_value(live, 7, "spec", "minReadySeconds")
    found = additions(DEPLOYMENT, by(live, DELIVERED), Rules())
    assert [(one.field, one.writers) for one in found] == [
        ("metadata.labels.injected", ()),
        ("spec.template.spec.containers[name=proxy]", ()),
    ]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a"}]}}
    assert added(pod, by(with_value(pod, [{"name": "pull"}], "spec", "imagePullSecrets"), DELIVERED)) == []


def test_the_server_itself_annotates_a_daemon_set() -> None:
    """The counter of templates, which the API server writes under the name of whoever asks, is nobody's doing."""
    kind = {**DEPLOYMENT, "kind": "DaemonSet"}
    key = "deprecated.daemonset.template.generation"
    live = with_value(kind, "1", "metadata", "annotations", key)
    assert added(kind, by(live, owned("argocd-controller", {"f:metadata": {"f:annotations": {f"f:{key}": {}}}}))) == []


def test_a_default_that_follows_from_a_change_is_no_addition() -> None:
    """Who makes a Service a NodePort has not decided what the API server fills in beside it."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
    live = with_value(with_value(service, "NodePort", "spec", "type"), "Cluster", "spec", "externalTrafficPolicy")
    hand = owned("kubectl-patch", {"f:spec": {"f:type": {}, "f:externalTrafficPolicy": {}}})
    assert added(service, by(live, DELIVERED, hand)) == ["spec.type"]
    local = with_value(live, "Local", "spec", "externalTrafficPolicy")
    assert added(service, by(local, DELIVERED, hand)) == ["spec.externalTrafficPolicy", "spec.type"]


@pytest.mark.parametrize(
    ("deliverer", "options", "consequence"),
    [
        (Deliverer.ARGOCD, (), Consequence.NEXT_SYNC),
        (Deliverer.ARGOCD, ("ServerSideApply=true",), Consequence.NEXT_SYNC),
        (Deliverer.ARGOCD, ("ApplyOutOfSyncOnly=true",), Consequence.SURVIVES),
        (Deliverer.HELM, (), Consequence.NEXT_UPGRADE),
    ],
)
def test_a_false_of_git_that_argo_cd_drops_is_told_where_the_live_field_is_true(
    deliverer: Deliverer, options: tuple[str, ...], consequence: Consequence
) -> None:
    """Argo CD compares no `false` of Git's with a live `true`; it is told, with what a delivery makes of it."""
    desired = with_value(DEPLOYMENT, False, *POD, "hostNetwork")
    live = by(with_value(DEPLOYMENT, True, *POD, "hostNetwork"), DELIVERED, HOST_NETWORK)
    assert compare(desired, live, Rules()).differences == ()
    (addition,) = additions(desired, live, Rules())
    assert (addition.field, addition.live, addition.desired) == ("spec.template.spec.hostNetwork", True, False)
    assert fate(addition, desired, live, Delivery(deliverer, application(*options))).consequence is consequence


HOST_NETWORK = owned("kubectl-edit", fields_of("f:spec f:template f:spec f:hostNetwork"))
