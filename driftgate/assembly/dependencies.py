"""The dependencies of a chart that are not in its `charts/` folder."""

from __future__ import annotations

import glob
import posixpath
from dataclasses import dataclass

from driftgate.files import FileRoot
from driftgate.model.node import Node
from driftgate.yaml_reader import read_yaml

__all__ = ["Dependency", "missing_dependencies", "unaliased"]


@dataclass(frozen=True, slots=True, order=True)
class Dependency:
    """One dependency that Argo CD's `helm dependency build` would bring: its `version` is the locked one, if any is."""

    name: str
    repository: str
    version: str

    @property
    def is_remote(self) -> bool:
        """Whether a server has it; aliases of repositories are known to the machine only where they were added."""
        return self.repository.startswith(("https://", "http://", "oci://"))

    def folder(self, chart: str) -> str | None:
        """The folder that a `file://` repository names, seen from the chart's own; None for any other."""
        if not self.repository.startswith("file://"):
            return None
        return posixpath.normpath(posixpath.join(chart, self.repository.removeprefix("file://")))


def missing_dependencies(root: FileRoot, directory: str) -> tuple[Dependency, ...]:
    """What Chart.yaml asks for and `charts/` lacks, packed and unpacked."""
    locked = {one.name: one for one in _listed(root, posixpath.join(directory, "Chart.lock"))}
    return tuple(
        locked.get(wanted.name, wanted)
        for wanted in _listed(root, posixpath.join(directory, "Chart.yaml"))
        if not _vendored(root, directory, wanted.name)
    )


def unaliased(root: FileRoot, path: str) -> str:
    """The file of a template that Helm names by the aliases of its subcharts; the path itself where it has none."""
    chart, *subcharts = path.split("/charts/")
    for part in subcharts:
        folder, separator, rest = part.partition("/")
        if not root.is_dir(f"{chart}/charts/{folder}"):
            entries = [one for one in _entries(root, f"{chart}/Chart.yaml") if _text_of(one, "alias") == folder]
            names = (_text_of(one, "name") for one in entries)
            folder = next((name for name in names if root.is_dir(f"{chart}/charts/{name}")), folder)
        chart = f"{chart}/charts/{folder}{separator}{rest}"
    return chart


def _entries(root: FileRoot, file: str) -> list[Node]:
    try:
        text = read_yaml(root.read(file), file)
    except OSError:
        return []
    below = [node.get("dependencies") for node in text.roots[:1]]
    return [entry for node in below if node is not None for entry in node.items]


def _text_of(entry: Node, key: str) -> str:
    node = entry.get(key)
    return "" if node is None or node.value is None else str(node.value)


def _listed(root: FileRoot, file: str) -> list[Dependency]:
    entries = _entries(root, file)
    found = [_dependency(entry) for entry in entries if entry.get("name") is not None]
    # The name is a file's and a folder's name below `charts/`; Helm finds no chart by any other.
    return [one for one in found if posixpath.basename(one.name) == one.name and one.name not in ("", ".", "..")]


def _dependency(entry: Node) -> Dependency:
    return Dependency(_text_of(entry, "name"), _text_of(entry, "repository"), _text_of(entry, "version"))


def _vendored(root: FileRoot, directory: str, name: str) -> bool:
    charts = posixpath.join(directory, "charts")
    if root.is_dir(posixpath.join(charts, name)):
        return True
    return root.is_dir(charts) and any(root.resolve(charts).glob(f"{glob.escape(name)}-*.tgz"))
