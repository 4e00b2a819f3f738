"""What the steps of a comparison ask an object for, in the way in which Argo CD asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from driftgate.compare.values import Json
from driftgate.model.secret import SecretValue

__all__ = [
    "annotations_of",
    "is_crd",
    "is_secret",
    "labels_of",
    "metadata_text",
    "opened",
    "split_kind",
    "with_metadata_map",
]


def split_kind(document: Json) -> tuple[str, str]:
    """The group ("" for core) and the kind; both empty where `apiVersion` has more than one slash."""
    version, kind = document.get("apiVersion"), document.get("kind")
    parts = (version if isinstance(version, str) else "").split("/")
    if len(parts) > 2:
        return "", ""
    return parts[0] if len(parts) == 2 else "", kind if isinstance(kind, str) else ""


def is_crd(document: Json) -> bool:
    """Whether the object is a CustomResourceDefinition, which carries no tracking metadata."""
    return split_kind(document) == ("apiextensions.k8s.io", "CustomResourceDefinition")


def is_secret(document: Json) -> bool:
    """Whether the object is a core Secret."""
    return split_kind(document) == ("", "Secret")


def metadata_text(document: Json, field: str) -> str:
    """A text of the metadata, such as its name; empty where there is none."""
    metadata = document.get("metadata")
    value = metadata.get(field) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else ""


def annotations_of(document: Json) -> dict[str, str]:
    """The annotations, a null being empty text; none at all where one of them is no text."""
    return _texts(document, "annotations", nulls=True) or {}


def labels_of(document: Json) -> dict[str, str] | None:
    """The labels; None where one of them is no text."""
    return _texts(document, "labels", nulls=False)


def _texts(document: Json, field: str, *, nulls: bool) -> dict[str, str] | None:
    metadata = document.get("metadata")
    found = metadata.get(field) if isinstance(metadata, dict) else None
    if found is None:
        return {}
    if not isinstance(found, dict):
        return None
    texts = {key: "" if nulls and value is None else value for key, value in found.items()}
    return texts if all(isinstance(value, str) for value in texts.values()) else None


def with_metadata_map(document: Json, field: str, entries: dict[str, str]) -> Json:
    """The object with other labels or annotations; without the field where there are none."""
    metadata = dict(document.get("metadata") or {})
    metadata.pop(field, None)
    if entries:
        metadata[field] = entries
    return {**document, "metadata": metadata}


def opened(document: Json) -> Json:
    """The object with the values of a Secret in the open, which only the comparison may do."""
    kind = document.get("kind")
    return _revealed(document) if isinstance(kind, str) and kind.strip().casefold() == "secret" else document


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretValue):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _revealed(below) for key, below in value.items()}
    if isinstance(value, list):
        return _each(value)
    return value


def _each(items: Iterable[Any]) -> list[Any]:
    return [_revealed(item) for item in items]
