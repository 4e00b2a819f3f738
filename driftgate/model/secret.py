"""Secret values that cannot be printed."""

from __future__ import annotations

import hashlib
import hmac
import os

__all__ = ["SecretValue", "mask_secret"]

# What a Secret says without telling a value.
_PLAIN = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
_METADATA = frozenset(
    {"annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers",
     "generateName", "generation", "labels", "name", "namespace", "ownerReferences", "resourceVersion",
     "selfLink", "uid"}
)  # fmt: skip
_RUN_KEY = os.urandom(32)


class SecretValue:
    """A value that has no printable form.

    Two values of one run compare as equal or different; `reveal` is for the comparison and the encoding checks only.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretValue) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> str:
        raise TypeError("a secret value is not serialised")

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it, which is no secret."""
        return self._value in (None, "")

    @property
    def fingerprint(self) -> str:
        """Equal for equal values of this run, and meaningless outside it."""
        return hmac.new(_RUN_KEY, repr(self._value).encode(), hashlib.sha256).hexdigest()[:16]

    def reveal(self) -> object:
        """The value itself."""
        return self._value


def mask_secret(document: dict[str, object]) -> dict[str, object]:
    """A core Secret with every value that it may hold made unprintable; anything else as it is.

    One whose apiVersion is forgotten counts too: what it holds is no less secret for it.
    `kubectl.kubernetes.io/last-applied-configuration` repeats the whole object and is masked too.
    """
    if str(document.get("kind")).strip().casefold() != "secret" or "/" in str(document.get("apiVersion")):
        return document
    masked = dict(document)
    # Whatever is not known to be harmless: a misspelt `stringdata` holds a value as well.
    for block in document.keys() - _PLAIN:
        values = document.get(block)
        if isinstance(values, dict):
            masked[block] = {key: SecretValue(value) for key, value in values.items()}
        elif values is not None:
            masked[block] = SecretValue(values)
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    last_applied = "kubectl.kubernetes.io/last-applied-configuration"
    if isinstance(metadata, dict):
        masked["metadata"] = shown = {k: v if k in _METADATA else SecretValue(v) for k, v in metadata.items()}
        if isinstance(annotations, dict) and last_applied in annotations:
            shown["annotations"] = {**annotations, last_applied: SecretValue(annotations[last_applied])}
        elif annotations is not None and not isinstance(annotations, dict):
            shown["annotations"] = SecretValue(annotations)
    return masked
