"""Label selectors (kubernetes: apimachinery/pkg/apis/meta/v1/helpers.go `LabelSelectorAsSelector`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["is_empty", "matches", "plain_selector"]


def plain_selector(labels: Mapping[str, Any]) -> dict[str, Any]:
    """A Service's selector, which is a mapping of labels, as a label selector."""
    return {"matchLabels": dict(labels)}


def is_empty(selector: Mapping[str, Any]) -> bool:
    """Whether a selector asks for nothing, and so selects everything."""
    return not selector.get("matchLabels") and not selector.get("matchExpressions")


def matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether a label selector with `matchLabels` and `matchExpressions` selects an object of these labels.

    An expression with an operator that Kubernetes does not know selects nothing.
    """
    wanted = selector.get("matchLabels")
    if isinstance(wanted, Mapping) and any(labels.get(key) != value for key, value in wanted.items()):
        return False
    expressions = selector.get("matchExpressions")
    if not isinstance(expressions, list):
        return True
    return all(isinstance(entry, Mapping) and _holds(entry, labels) for entry in expressions)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, values = expression.get("key"), expression.get("values")
    if not isinstance(key, str):
        return False
    listed = values if isinstance(values, list) else []
    match expression.get("operator"):
        case "In":
            return key in labels and labels[key] in listed
        case "NotIn":  # an object without the label is not in the list either
            return key not in labels or labels[key] not in listed
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
