from __future__ import annotations

import pytest

from driftgate.semantics.images import Image, default_pull_policy, parse_image

from .support import vectors


@pytest.mark.parametrize(("text", "registry", "path", "tag", "digest"), vectors("images"))
def test_image(text: str, registry: str | None, path: str, tag: str, digest: str) -> None:
    """Image references are taken apart, filled in and refused as the kubelet does."""
    assert parse_image(text) == (None if registry is None else Image(registry, path, tag, digest))


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        ("app:1", "IfNotPresent"),
        ("app@sha256:" + "a" * 64, "IfNotPresent"),
        ("app:latest@sha256:" + "a" * 64, "Always"),
    ],
)
def test_default_pull_policy(text: str, policy: str) -> None:
    """Without a pull policy the tag decides, and a missing tag is latest unless there is a digest."""
    image = parse_image(text)
    assert image is not None
    assert default_pull_policy(image) == policy


def test_registries_are_compared_by_whole_components() -> None:
    """A registry's name, or a path of it, covers what lies below it and not what merely begins alike."""
    image = parse_image("registry.example.com/team/app:1")
    assert image is not None
    below = {prefix: image.is_below(prefix) for prefix in (
        "registry.example.com", "registry.example.com/", "registry.example.com/team", "registry.example.com/team/app",
        "registry.example.com/te", "registry.example.co", "docker.io",
    )}  # fmt: skip
    assert below == {
        "registry.example.com": True, "registry.example.com/": True, "registry.example.com/team": True,
        "registry.example.com/team/app": True, "registry.example.com/te": False, "registry.example.co": False,
        "docker.io": False,
    }  # fmt: skip
