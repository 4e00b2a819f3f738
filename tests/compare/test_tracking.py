from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.compare import Rules, Tracking, TrackingMethod, desired_object
from driftgate.compare.tracking import TrackingId, even_tracking

from .objects import Json, built_in, verdict

ID = "argocd.argoproj.io/tracking-id"
LABEL = "app.kubernetes.io/instance"
_PART = st.text(st.characters(exclude_characters=":/"), max_size=12)


def metadata(kind: str, tracking: Tracking, *, namespaced: bool | None, **fields: object) -> Json:
    manifest = built_in("rbac.authorization.k8s.io/v1" if kind == "ClusterRole" else "v1", kind)
    manifest["metadata"] |= fields
    found: Json = desired_object(manifest, tracking, namespaced=namespaced)["metadata"]
    return found


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (TrackingMethod.ANNOTATION, {"annotations": {ID: "shop:/ConfigMap:prod/x"}}),
        (TrackingMethod.LABEL, {"labels": {LABEL: "shop"}}),
        (TrackingMethod.BOTH, {"annotations": {ID: "shop:/ConfigMap:prod/x"}, "labels": {LABEL: "shop"}}),
        (
            TrackingMethod.HELM,
            {
                "annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "prod"},
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
            },
        ),
    ],
)
def test_what_is_put_on_a_rendered_object(method: TrackingMethod, expected: Json) -> None:
    """The destination namespace, and the metadata by which the tracking method finds the object again."""
    tracking = Tracking(method, "shop", "prod")
    assert metadata("ConfigMap", tracking, namespaced=True) == {"name": "x", "namespace": "prod", **expected}


def test_cluster_scoped_objects_carry_the_destination_namespace_in_their_id() -> None:
    """A cluster-scoped object loses its namespace, and its tracking id has the Application's."""
    found = metadata("ClusterRole", Tracking(application="shop", namespace="prod"), namespaced=False, namespace="x")
    assert found == {"name": "x", "annotations": {ID: "shop:rbac.authorization.k8s.io/ClusterRole:prod/x"}}


def test_a_namespace_of_its_own_is_kept() -> None:
    """An object that names its namespace stays there, and kinds that nobody knows count as namespaced."""
    tracking = Tracking(application="shop", namespace="prod")
    assert metadata("ConfigMap", tracking, namespaced=True, namespace="other")["namespace"] == "other"
    assert metadata("Widget", tracking, namespaced=None)["namespace"] == "prod"
    assert "namespace" not in metadata("ConfigMap", Tracking(application="shop"), namespaced=True)


def test_definitions_carry_no_tracking() -> None:
    """A CustomResourceDefinition is not marked by Argo CD, but by helm."""
    manifest = built_in("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    assert desired_object(manifest, Tracking(application="shop"), namespaced=False) == manifest
    marked = desired_object(manifest, Tracking(TrackingMethod.HELM, "shop", "prod"), namespaced=False)
    assert marked["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}


def test_long_names_are_cut_for_a_label() -> None:
    """With annotation and label the label's value fits; with the label alone it is the whole name."""
    name = "a" * 62 + "-" * 10
    both = metadata("ConfigMap", Tracking(TrackingMethod.BOTH, name), namespaced=False)
    alone = metadata("ConfigMap", Tracking(TrackingMethod.LABEL, name), namespaced=False)
    assert (both["labels"][LABEL], alone["labels"][LABEL]) == ("a" * 62, name)


def test_an_installation_marks_its_objects() -> None:
    """An installation id is written where one is set, and taken off where none is."""
    key = "argocd.argoproj.io/installation-id"
    tracking = Tracking(application="shop", installation_id="one")
    assert metadata("ConfigMap", tracking, namespaced=False)["annotations"][key] == "one"
    assert key not in metadata("ConfigMap", Tracking(), namespaced=False, annotations={key: "x"})["annotations"]

    live = built_in("v1", "ConfigMap")
    live["metadata"]["annotations"] = {ID: "shop:/ConfigMap:/x", key: "two"}
    assert verdict(None, live, Rules(tracking=tracking)) == "orphaned"
    live["metadata"]["annotations"][key] = "one"
    assert verdict(None, live, Rules(tracking=tracking)) == "extra"


@given(st.builds(TrackingId, _PART, _PART, _PART, _PART, _PART))
def test_a_tracking_id_reads_as_it_is_written(identity: TrackingId) -> None:
    """Every id comes back from its text."""
    assert TrackingId.parse(str(identity)) == identity


@pytest.mark.parametrize(
    "text", ["", "shop", "shop:apps/Deployment", "shop:a/b/c:n/x", "shop:Deployment:n/x", "a:b/c:d"]
)
def test_what_is_no_tracking_id(text: str) -> None:
    """A text with other parts tracks nothing."""
    assert TrackingId.parse(text) is None


def test_a_new_tracking_method_is_no_drift() -> None:
    """An object that was tracked by label gets the id it would have, and loses a label that nobody desires."""
    live, target = built_in("v1", "ConfigMap"), built_in("v1", "ConfigMap")
    live["metadata"]["labels"] = {LABEL: "shop", "a": "b"}
    target["metadata"]["annotations"] = {ID: "shop:/ConfigMap:prod/x"}
    evened = even_tracking(target, live, Tracking())
    assert evened["metadata"] == {"name": "x", "labels": {"a": "b"}, "annotations": target["metadata"]["annotations"]}

    target["metadata"]["labels"] = {LABEL: "shop"}
    live["metadata"]["annotations"] = {ID: "other:/ConfigMap:prod/x"}
    assert even_tracking(target, live, Tracking()) == live
    assert even_tracking(target, live, Tracking(TrackingMethod.LABEL)) is live


def test_labels_that_are_no_text_are_left_alone() -> None:
    """Metadata that Argo CD cannot read stays as it is."""
    live, target = built_in("v1", "ConfigMap"), built_in("v1", "ConfigMap")
    for labels, marks in (({LABEL: 1}, {}), ({LABEL: "shop"}, {"a": None}), ("x", {}), ({}, {})):
        live["metadata"] |= {"labels": labels, "annotations": marks}
        assert even_tracking(target, live, Tracking()) is live
