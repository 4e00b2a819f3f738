"""The charts of a tree: who uses each, and those that nobody uses, rendered with their own values."""

from __future__ import annotations

import contextlib
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from driftgate.assembly.plan import Draft, Planner
from driftgate.files import FileRoot
from driftgate.model.application import Application
from driftgate.model.environment import SourceType
from driftgate.model.node import Node
from driftgate.semantics.helm_values import MAX_RELEASE_NAME
from driftgate.yaml_reader import read_yaml

__all__ = ["ChartDraft", "chart_drafts", "unlisted_values_files"]


_TEST_VALUES = re.compile(r"(^|/)ci/[^/]*-values\.yaml$")


@dataclass(frozen=True, slots=True)
class ChartDraft:
    """One chart; `spare` is the draft of a chart that no Application uses and that can be rendered by itself."""

    path: str
    name: str
    library: bool
    users: tuple[str, ...]
    spare: Draft | None


def chart_drafts(
    root: FileRoot, charts: Sequence[str], drafts: Iterable[tuple[str, Draft]], planner: Planner
) -> list[ChartDraft]:
    """Every chart of the tree with the labels of the Applications that use it."""
    users: dict[str, list[str]] = {}
    for label, draft in drafts:
        if draft.type is SourceType.HELM and draft.root is not None and not draft.root.label:
            users.setdefault(draft.directory, []).append(label)
    found = []
    for path in charts:
        name, library = _facts(root, path)
        spare = None if path in users or library else _spare(path, name, planner)
        found.append(ChartDraft(path, name, library, tuple(users.get(path, ())), spare))
    return found


def _facts(root: FileRoot, path: str) -> tuple[str, bool]:
    """The chart's name, and whether it is a library, as far as its Chart.yaml can be read."""
    with contextlib.suppress(OSError):
        text = read_yaml(root.read(posixpath.join(path, "Chart.yaml")), path)
        for node in text.roots[:1]:
            name, kind = node.get("name"), node.get("type")
            return (name.text if name else "") or path, bool(kind and kind.text == "library")
    return path, False


def _spare(path: str, name: str, planner: Planner) -> Draft:
    """A draft for a chart without an Application: as if one with the chart's name used it.

    Charts that want values bring some for their tests as `ci/*-values.yaml`, where chart-testing looks for them.
    """
    tests = sorted(name for name in planner.locator.root.files(path) if _TEST_VALUES.search(name))
    helm = {"valueFiles": [posixpath.relpath(tests[0], path)]} if tests else {}
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name[:MAX_RELEASE_NAME]},
        "spec": {"destination": {"namespace": "default"}, "source": {"repoURL": "", "path": path, "helm": helm}},
    }
    application = Application.from_manifest(Node.from_plain(manifest, posixpath.join(path, "Chart.yaml")))
    return planner.own_chart(application)


def unlisted_values_files(
    files: Iterable[str], charts: Sequence[ChartDraft], used: set[str]
) -> tuple[tuple[str, str], ...]:
    """Values files beside a used chart's own that no Application lists, with the chart."""
    folders = {chart.path for chart in charts if chart.users}
    found = []
    for name in sorted(files):
        folder, _, base = name.rpartition("/")
        if folder in folders and name not in used and base.startswith("values") and base.endswith((".yaml", ".yml")):
            found.append((name, folder))
    return tuple(found)
