"""What decides a comparison besides the two objects: ignore rules, tracking and the settings of `argocd-cm`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["INSTANCE_LABEL", "STATUS_RULE", "IgnoreRule", "KnownType", "Origin", "Rules", "Tracking", "TrackingMethod"]

#: The label that carries the name of the Application unless `application.instanceLabelKey` names another.
INSTANCE_LABEL = "app.kubernetes.io/instance"


class Origin(StrEnum):
    """Where an ignore rule is written."""

    APPLICATION = "application"
    SYSTEM = "argocd-cm"
    ANNOTATION = "annotation"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One entry of `ignoreDifferences`: which objects it is about, and what is left out of their comparison.

    Group and kind are globs without separators, so an empty group is the core group only. Name and namespace are
    exact, and any when empty. `label` is what a person calls the rule by, such as `ignoreDifferences[2]`.
    """

    group: str
    kind: str
    name: str = ""
    namespace: str = ""
    json_pointers: tuple[str, ...] = ()
    jq_path_expressions: tuple[str, ...] = ()
    managed_fields_managers: tuple[str, ...] = ()
    origin: Origin = Origin.APPLICATION
    label: str = ""


#: What Argo CD ignores unless `ignoreResourceStatusField` says otherwise (argo-cd: `util/settings/settings.go`,
#: `GetResourceOverrides`).
STATUS_RULE = IgnoreRule("*", "*", json_pointers=("/status",), origin=Origin.DEFAULT, label="status of every object")


@dataclass(frozen=True, slots=True)
class KnownType:
    """A field of a custom resource that is a type of Kubernetes' own, from `knownTypeFields` of `argocd-cm`.

    `field` is a path with dots; lists on the way are walked through. `type` is such as `core/v1/PodSpec`,
    `core/Quantity` or `meta/v1/Duration`; one that Argo CD does not know is without effect.
    """

    group: str
    kind: str
    field: str
    type: str


class TrackingMethod(StrEnum):
    """How an object says which Application it belongs to, by `application.resourceTrackingMethod` of `argocd-cm`."""

    ANNOTATION = "annotation"
    LABEL = "label"
    BOTH = "annotation+label"
    #: Any other value: the annotation is written and read, but an object that was copied with it is not told apart.
    OTHER = "other"
    #: No Application at all: a helm release, which helm's own label and annotations name.
    HELM = "helm"


@dataclass(frozen=True, slots=True)
class Tracking:
    """To whom objects belong, and how they say so.

    `application` is the instance name (`<namespace>_<name>` outside Argo CD's own namespace) or, for helm, the name of
    the release; `namespace` is the destination namespace, for helm that of the release.
    """

    method: TrackingMethod = TrackingMethod.ANNOTATION
    application: str = ""
    namespace: str = ""
    label_key: str = INSTANCE_LABEL
    installation_id: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that decides a comparison besides the two objects.

    `ignore` are the Application's rules in their order, `system` those of `argocd-cm`, with `STATUS_RULE` unless it was
    switched off. `server_side` is true where Argo CD would ask the API server for its prediction, which nothing here
    claims to know. `sensitive_annotations` are those whose values are not to be shown either.
    """

    ignore: tuple[IgnoreRule, ...] = ()
    system: tuple[IgnoreRule, ...] = (STATUS_RULE,)
    tracking: Tracking = Tracking()
    ignore_aggregated_roles: bool = False
    known_types: tuple[KnownType, ...] = ()
    server_side: bool = False
    sensitive_annotations: frozenset[str] = frozenset()
