"""What a kustomization reaches, found before kustomize starts: it would fetch a remote base without asking."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from driftgate.files import FileRoot
from driftgate.model.environment import Problem, ProblemKind
from driftgate.model.node import Node
from driftgate.render.kustomize_edits import FILE_NAMES
from driftgate.yaml_reader import read_yaml

__all__ = ["FILE_NAMES", "Closure", "closure_of"]

_LISTS = (
    "resources",
    "bases",
    "components",
    "crds",
    "generators",
    "transformers",
    "validators",
    "configurations",
)
_REMOTE = re.compile(
    r"^(https?|ssh|git|file|s3|gs|hg)::?|^git@|^github\.com[/:]|\?ref=|\?timeout=|^[\w.-]+\.[a-z]{2,}/.+//"
)
_EXECUTES = ("helmCharts", "helmChartInflationGenerator")


@dataclass(slots=True)
class Closure:
    """Every folder and kustomization file that a build reads, and why it cannot be built here."""

    folders: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def closure_of(root: FileRoot, directory: str, components: Iterable[Node] = ()) -> Closure:
    """Follow a kustomization's local references, depth first; remote ones become problems.

    `components` are those that the source adds to the kustomization's own.
    """
    closure = Closure()
    _follow(root, directory, closure)
    for entry in components:
        _reference(root, directory, entry, closure)
    return closure


def _follow(root: FileRoot, directory: str, closure: Closure) -> None:
    if directory in closure.folders:
        return
    closure.folders.append(directory)
    path = next((p for name in FILE_NAMES if root.is_file(p := posixpath.join(directory, name))), None)
    if path is None:
        return
    text = read_yaml(root.read(path), root.display(path))
    if text.fault is not None:
        closure.problems.append(
            Problem(
                ProblemKind.BROKEN,
                "render-failed",
                text.fault.place,
                text.fault.message,
                "a kustomization in YAML",
            )
        )
        return
    for node in text.roots:
        _look(root, directory, node, closure)


def _look(root: FileRoot, directory: str, node: Node, closure: Closure) -> None:
    for key in _EXECUTES:
        below = node.get(key)
        if below is not None and below.items:
            found, expected = f"{key} inflates a chart while building", "charts as Helm sources"
            problem = Problem(ProblemKind.UNSUPPORTED, "render-kustomize-helm", node.place_of(key), found, expected)
            closure.problems.append(problem)
    for entry in _entries(node):
        _reference(root, directory, entry, closure)


def _reference(root: FileRoot, directory: str, entry: Node, closure: Closure) -> None:
    target = entry.text or ""
    local = posixpath.normpath(posixpath.join(directory, target))
    if root.is_dir(local):
        _follow(root, local, closure)
    elif not root.is_file(local) and _REMOTE.search(target):
        closure.problems.append(
            Problem(ProblemKind.REMOTE, "source-remote", entry.place, f"the remote base {target}", "a local base")
        )


def _entries(node: Node) -> Iterator[Node]:
    for key in _LISTS:
        below = node.get(key)
        if below is not None:
            yield from (item for item in below.items if item.text)
