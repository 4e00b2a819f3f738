"""To which Application an object belongs, and the metadata that says so.

Source: Argo CD `util/argo/resource_tracking.go`, `util/kube/kube.go`, `controller/state.go` (`NormalizeTargetObjects`,
`isSelfReferencedObj`); Helm `pkg/action/validate.go`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from driftgate.compare.objects import (
    annotations_of,
    is_crd,
    labels_of,
    metadata_text,
    split_kind,
    with_metadata_map,
)
from driftgate.compare.problems import CompareError
from driftgate.compare.result import ProblemKind
from driftgate.compare.rules import Tracking, TrackingMethod
from driftgate.compare.values import Json

__all__ = ["TRACKING_ANNOTATION", "TrackingId", "belongs_to", "desired_object", "even_tracking", "refers_to_itself"]

TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id"
_INSTALLATION = "argocd.argoproj.io/installation-id"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_RELEASE = "meta.helm.sh/release-name"
_RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"


@dataclass(frozen=True, slots=True)
class TrackingId:
    """`<application>:<group>/<kind>:<namespace>/<name>`; for cluster-scoped objects the destination namespace."""

    application: str
    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> TrackingId | None:
        """Read an annotation; None for what Argo CD does not take for one."""
        parts = text.split(":", 2)
        if len(parts) != 3 or parts[1].count("/") != 1 or parts[2].count("/") != 1:
            return None
        return cls(parts[0], *parts[1].split("/"), *parts[2].split("/"))

    def __str__(self) -> str:
        return f"{self.application}:{self.group}/{self.kind}:{self.namespace}/{self.name}"


def desired_object(manifest: Json, tracking: Tracking, *, namespaced: bool | None) -> Json:
    """A rendered object as Argo CD, or helm, hands it to the cluster: with a namespace and with tracking metadata.

    `namespaced` is the scope of the kind, None for a kind that the cluster does not know, which counts as namespaced.
    Raises CompareError for labels or annotations into which Argo CD cannot write; that fails the whole Application.
    """
    metadata = manifest.get("metadata", {})
    if metadata is None:
        return manifest  # Argo CD writes into no null, and says nothing of it
    if not isinstance(metadata, dict):
        raise CompareError(ProblemKind.OBJECT, "its metadata is no mapping")
    document = _in_namespace(manifest, tracking.namespace, namespaced=namespaced)
    if tracking.method is TrackingMethod.HELM:
        return _of_release(document, tracking)
    # Argo CD leaves CRDs without tracking when it renders, but writes it anew into whatever changes its namespace.
    if is_crd(document) and document is manifest:
        return document
    if tracking.method is not TrackingMethod.LABEL:
        _check_texts(document, "annotations")
        document = _annotated(document, tracking)
    if tracking.method in {TrackingMethod.LABEL, TrackingMethod.BOTH}:
        _check_texts(document, "labels")
        whole = tracking.method is TrackingMethod.LABEL
        label = tracking.application if whole else _label(tracking.application)
        document = with_metadata_map(document, "labels", {**(labels_of(document) or {}), tracking.label_key: label})
    return document


def _in_namespace(document: Json, namespace: str, *, namespaced: bool | None) -> Json:
    metadata = document.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    if namespaced is False:
        if not metadata.get("namespace"):
            return document
        del metadata["namespace"]
    elif metadata.get("namespace") or not namespace:
        return document
    else:
        metadata["namespace"] = namespace
    return {**document, "metadata": metadata}


def _check_texts(document: Json, field: str) -> None:
    metadata = document.get("metadata", {})
    found = (metadata.get(field) or {}) if isinstance(metadata, dict) else None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise CompareError(ProblemKind.OBJECT, f"its {field} are not all texts, so that none can be added")


def _annotated(document: Json, tracking: Tracking) -> Json:
    group, kind = split_kind(document)
    namespace = metadata_text(document, "namespace") or tracking.namespace
    own = TrackingId(tracking.application, group, kind, namespace, metadata_text(document, "name"))
    annotations = {key: value for key, value in annotations_of(document).items() if key != _INSTALLATION}
    if tracking.installation_id:
        annotations[_INSTALLATION] = tracking.installation_id
    return with_metadata_map(document, "annotations", {**annotations, TRACKING_ANNOTATION: str(own)})


def _label(application: str) -> str:
    """The name as the value of a label: 63 characters at most, and a letter or digit at its end."""
    return application if len(application) <= 63 else re.sub(r"[^a-zA-Z0-9]+$", "", application[:63])


def _of_release(document: Json, tracking: Tracking) -> Json:
    release = {_RELEASE: tracking.application, _RELEASE_NAMESPACE: tracking.namespace}
    document = with_metadata_map(document, "annotations", {**annotations_of(document), **release})
    return with_metadata_map(document, "labels", {**(labels_of(document) or {}), _MANAGED_BY: "Helm"})


def even_tracking(target: Json, live: Json, tracking: Tracking) -> Json:
    """The live object without the differences that a change of the tracking method leaves behind.

    Only where it carries the instance label: without a tracking id it gets the target's, and where the target has no
    such label it loses it.
    """
    if tracking.method in {TrackingMethod.LABEL, TrackingMethod.HELM} or is_crd(live):
        return live
    labels = labels_of(live)
    if not labels or not labels.get(tracking.label_key):
        return live
    annotations = _nullable(live)
    if annotations is None:
        return live
    if not annotations.get(TRACKING_ANNOTATION):
        wanted = _nullable(target)
        if wanted is None:
            return live
        own = wanted.get(TRACKING_ANNOTATION, "")
        live = with_metadata_map(live, "annotations", {**annotations, TRACKING_ANNOTATION: own})
    wanted_labels = labels_of(target)
    if wanted_labels is not None and not wanted_labels.get(tracking.label_key):
        rest = {key: value for key, value in labels.items() if key != tracking.label_key}
        live = with_metadata_map(live, "labels", rest)
    return live


def _nullable(document: Json) -> dict[str, str] | None:
    """The annotations; None where one of them is null or no text."""
    metadata = document.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    if found is None:
        return {}
    return found if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()) else None


def belongs_to(live: Json, tracking: Tracking) -> str:
    """The Application, or the helm release, that a live object says it belongs to; empty for none."""
    match tracking.method:
        case TrackingMethod.LABEL:
            return (labels_of(live) or {}).get(tracking.label_key, "")
        case TrackingMethod.HELM:
            annotations = annotations_of(live)
            if (labels_of(live) or {}).get(_MANAGED_BY) != "Helm":
                return ""
            release, namespace = annotations.get(_RELEASE, ""), annotations.get(_RELEASE_NAMESPACE, "")
            return release if namespace == tracking.namespace or not release else f"{namespace}/{release}"
    own = _tracked(live, tracking)
    return own.application if own is not None else ""


def _tracked(live: Json, tracking: Tracking) -> TrackingId | None:
    annotations = annotations_of(live)
    if tracking.installation_id and annotations.get(_INSTALLATION) != tracking.installation_id:
        return None
    return TrackingId.parse(annotations.get(TRACKING_ANNOTATION, ""))


def refers_to_itself(live: Json, tracking: Tracking) -> bool:
    """Whether the tracking id of an object is its own, and not one that was copied from another object."""
    if tracking.method in {TrackingMethod.LABEL, TrackingMethod.OTHER, TrackingMethod.HELM}:
        return True
    own = _tracked(live, tracking)
    if own is None:
        return True
    namespace = metadata_text(live, "namespace")
    group, kind = split_kind(live)
    return (own.group, own.kind, own.name) == (group, kind, metadata_text(live, "name")) and namespace in {
        own.namespace,
        "",
    }
