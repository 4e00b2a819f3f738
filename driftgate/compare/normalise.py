"""What is evened out before objects are compared: a few kinds, the fields that rules ignore, fields of known types.

Source: Argo CD `gitops-engine/pkg/diff/diff.go` (`Normalize`, `NormalizeSecret`, `normalizeRole`, `normalizeEndpoint`),
`util/argo/normalizers/knowntypes_normalizer.go`.
"""

from __future__ import annotations

import base64
from typing import Any

from driftgate.compare.endpoints import sorted_endpoints
from driftgate.compare.go_types import GoType, Mapped, Plain, named_type
from driftgate.compare.objects import split_kind
from driftgate.compare.remarshal import UndecodableError, converted, encoded
from driftgate.compare.rules import KnownType
from driftgate.compare.values import Json

__all__ = ["known_fields", "normalised_kind"]

_ROLLOUT = KnownType("argoproj.io", "Rollout", "spec.template.spec", "core/v1/PodSpec")
_RBAC = "rbac.authorization.k8s.io"


def normalised_kind(document: Json, *, ignore_aggregated_roles: bool) -> Json:
    """The object without `metadata.creationTimestamp`, and with the corrections of its kind."""
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and "creationTimestamp" in metadata:
        document = {**document, "metadata": {k: v for k, v in metadata.items() if k != "creationTimestamp"}}
    match split_kind(document):
        case ("", "Secret"):
            return _secret(document)
        case (group, "Role" | "ClusterRole") if group == _RBAC:
            return _role(document, ignore_aggregated=ignore_aggregated_roles)
        case ("", "Endpoints"):
            return sorted_endpoints(document)
    return document


def _secret(document: Json) -> Json:
    """`stringData` goes into `data`, values become canonical base64, and nulls empty text."""
    texts = document.get("stringData")
    if isinstance(texts, dict):
        data = document.get("data")
        merged = {
            **(data if isinstance(data, dict) else {}),
            **{key: _base64(value) if isinstance(value, str) else value for key, value in texts.items()},
        }
        document = {**{key: value for key, value in document.items() if key != "stringData"}, "data": merged}
    try:
        whole = converted(document, named_type("core.v1.Secret"))
    except UndecodableError:
        return document
    data = document.get("data")
    if data is None:
        return document
    # Without a single key the encoder leaves the field out, and Argo CD then writes a null.
    values = whole.get("data")
    return {**document, "data": None if values is None else {key: value or "" for key, value in values.items()}}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _role(document: Json, *, ignore_aggregated: bool) -> Json:
    """An empty list of rules is none; those of an aggregated role are the cluster's business, if so configured."""
    aggregated = ignore_aggregated and isinstance(document.get("aggregationRule"), dict)
    return {**document, "rules": None} if aggregated or document.get("rules") == [] else document


# --- known types


def known_fields(document: Json, known: tuple[KnownType, ...]) -> Json:
    """The object with the configured fields of custom resources read as types of Kubernetes' own.

    A value that its type cannot hold ends this for the object, with what was done until then.
    """
    group_kind = split_kind(document)
    fields = [field for field in known if (field.group, field.kind) == group_kind and _type(field.type) is not None]
    if not fields and group_kind == (_ROLLOUT.group, _ROLLOUT.kind):
        fields = [_ROLLOUT]
    for field in fields:
        kind = _type(field.type)
        assert kind is not None
        try:
            document = _with_field(document, field.field.split("."), kind)
        except UndecodableError:
            return document
    return document


def _type(name: str) -> GoType | None:
    if name == "core/Quantity":
        return Plain("quantity")
    if name == "meta/v1/Duration":
        return Plain("duration")
    if name == "core/v1/ResourceList":
        return Mapped(Plain("quantity"))
    if not name.startswith("core/v1/"):
        return None
    try:
        return named_type(name.replace("/", "."))
    except KeyError:
        return None


def _with_field(value: Any, path: list[str], kind: GoType) -> Any:
    """The value with what stands at a path re-marshalled; the first list on the way is walked through."""
    if not path:
        return encoded(value, kind)
    if not isinstance(value, dict) or path[0] not in value:
        return value
    below = value[path[0]]
    if isinstance(below, list):
        items = [_with_field(item, path[1:], kind) if isinstance(item, dict) else item for item in below]
        return {**value, path[0]: items}
    if len(path) == 1 or isinstance(below, dict):
        return {**value, path[0]: _with_field(below, path[1:], kind)}
    return value
