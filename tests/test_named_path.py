"""What a field is called in a finding's key."""

from __future__ import annotations

import pytest

from driftgate.model.manifest import named_path
from driftgate.model.node import Path

OBJECT = {
    "metadata": {"labels": {"app.kubernetes.io/name": "web", "tier": "front"}},
    "spec": {"containers": [{"name": "web", "args": ["a", "b"]}], "rules": [{"host": "a.example.com"}]},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("metadata", "labels", "tier"), "metadata.labels.tier"),
        (("metadata", "labels", "app.kubernetes.io/name"), 'metadata.labels["app.kubernetes.io/name"]'),
        (("spec", "containers", 0, "args", 1), "spec.containers[name=web].args[1]"),
        (("spec", "rules", 0, "host"), "spec.rules[host=a.example.com].host"),
        (("spec", "rules", 7, "a.b", "c"), 'spec.rules[7]["a.b"].c'),
    ],
)
def test_a_field_is_called_by_names_and_not_by_numbers(path: Path, expected: str) -> None:
    """Elements go by their merge key where they have one, keys with dots stand in brackets, as people write them."""
    assert named_path(OBJECT, path) == expected
