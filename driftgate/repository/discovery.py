"""Find Applications, AppProjects and charts in a tree, wherever they stand."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from driftgate.files import FileRoot, OutOfRootError
from driftgate.model.environment import Problem, ProblemKind
from driftgate.model.node import Duplicate, Node
from driftgate.semantics.globs import doublestar_match
from driftgate.yaml_reader import YamlText, as_utf8, read_yaml

__all__ = ["Discovery", "Found", "discover"]

# A cheap look before parsing: most files of a repository are none of ours.
_CANDIDATE = re.compile(rb"""kind["']?\s*:\s*(?:[!&]\S*\s+){0,2}["']?(Application|AppProject|ApplicationSet)\b""")
_GROUP = b"argoproj.io/"
_SUFFIXES = (".yaml", ".yml", ".json")
# A line that says something: neither blank, nor a comment, nor a document marker, nor an empty value.
_CONTENT = re.compile(rb"^(?!(?:---)?[ \t\r]*+(?:#.*|\.\.\.|\{\s*+\}|\[\s*+\]|null|~)?[ \t\r]*+$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """One manifest of Argo CD's group that stands in the tree."""

    file: str
    document: int
    node: Node

    @property
    def kind(self) -> str:
        """The manifest's kind."""
        kind = self.node.get("kind")
        return (kind.text or "") if kind else ""

    @property
    def name(self) -> str:
        """The manifest's name."""
        name = self.node.get("metadata", "name")
        return (name.text or "") if name else ""


@dataclass(slots=True)
class Discovery:
    """What a tree holds: Argo CD's own manifests, charts by folder, and what could not be read."""

    applications: list[Found] = field(default_factory=list)
    projects: list[Found] = field(default_factory=list)
    application_sets: list[Found] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    files: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    duplicates: dict[str, tuple[Duplicate, ...]] = field(default_factory=dict)


def discover(root: FileRoot, exclude: Sequence[str], within: Sequence[str] = ()) -> Discovery:
    """Read the tree once.

    `exclude` are globs of paths that are not deployed; `within` limits Applications to folders or files (all of the
    tree if empty). Files inside a chart's templates are rendered, not read.
    """
    files = sorted(root.files())
    found = Discovery(files=frozenset(files))
    charts = {posixpath.dirname(name) for name in files if posixpath.basename(name) == "Chart.yaml"}
    found.charts = sorted(
        chart for chart in charts if not _vendored(chart, charts) and not _matches(chart + "/", exclude)
    )
    for name in files:
        if name.endswith(_SUFFIXES) and not _inside_templates(name, charts) and _within(name, within):
            _read_candidate(root, name, _matches(name, exclude), found, bool(within) and not _in_chart(name, charts))
    for link in root.escaping_links():
        found.problems.append(
            Problem(
                ProblemKind.BROKEN,
                "symlink-out-of-repository",
                root.place(link),
                "a symlink that is absolute or leads out of the repository",
                "links that stay inside the repository",
            )
        )
    return found


def _within(name: str, within: Sequence[str]) -> bool:
    return not within or any(name == place or name.startswith(place.rstrip("/") + "/") for place in within)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(doublestar_match(pattern, name) for pattern in patterns)


def _vendored(chart: str, charts: set[str]) -> bool:
    """Whether a chart lies in another chart's `charts/` folder and so is a part of that one."""
    parts = chart.split("/")
    return any(part == "charts" and "/".join(parts[:depth]) in charts for depth, part in enumerate(parts) if depth) or (
        parts[0] == "charts" and "" in charts
    )


def _inside_templates(name: str, charts: set[str]) -> bool:
    parts = name.split("/")[:-1]
    return any(
        part in ("templates", "charts", "crds") and "/".join(parts[:depth]) in charts
        for depth, part in enumerate(parts)
    )


def _in_chart(name: str, charts: set[str]) -> bool:
    parts = name.split("/")[:-1]
    return any("/".join(parts[:depth]) in charts for depth in range(len(parts) + 1))


def _read_candidate(root: FileRoot, name: str, excluded: bool, found: Discovery, declared: bool) -> None:
    """Read one file; `declared` ones stand where policy says that manifests are, so that none may be empty."""
    try:
        data = as_utf8(root.read(name))
    except OutOfRootError:
        return  # the link itself is the problem, and is told as one
    except OSError as error:
        if not excluded:
            found.problems.append(_unreadable(root, name, error))
        return
    if declared and not excluded and not _CONTENT.search(data.removeprefix(b"\xef\xbb\xbf")):
        found.problems.append(
            Problem(ProblemKind.BROKEN, "manifest-empty", root.place(name), "no object in it", "a manifest")
        )
        return
    if _GROUP not in data or not _CANDIDATE.search(data):
        return
    if excluded:
        found.excluded.append(name)
        return
    text = read_yaml(data, root.display(name))
    if text.fault is not None:
        found.problems.append(_read_problem(text))
    for document in text.documents:
        if document.root is None:
            continue
        if document.duplicates and any(map(_is_ours, _expanded(document.root))):
            found.duplicates[text.file] = (*found.duplicates.get(text.file, ()), *document.duplicates)
        for node in _expanded(document.root):
            _sort_in(Found(name, document.index, node), found)


def _expanded(node: Node) -> list[Node]:
    """A List stands for its items, as it does for Argo CD."""
    items = node.get("items")
    return items.items if items is not None and isinstance(items.value, list) else [node]


def _is_ours(node: Node) -> bool:
    version = node.get("apiVersion")
    return bool(version and (version.text or "").startswith("argoproj.io/"))


def _sort_in(manifest: Found, found: Discovery) -> None:
    if not _is_ours(manifest.node):
        return
    piles = {
        "Application": found.applications,
        "AppProject": found.projects,
        "ApplicationSet": found.application_sets,
    }
    pile = piles.get(manifest.kind)
    if pile is not None:
        pile.append(manifest)


def _unreadable(root: FileRoot, name: str, error: OSError) -> Problem:
    return Problem(
        ProblemKind.BROKEN,
        "file-unreadable",
        root.place(name),
        str(error.strerror or error),
        "a readable file",
    )


def _read_problem(text: YamlText) -> Problem:
    assert text.fault is not None
    kind = ProblemKind.UNSUPPORTED if text.fault.fault == "templated" else ProblemKind.BROKEN
    fault = "manifest-templated" if text.fault.fault == "templated" else "manifest-not-yaml"
    expected = "plain YAML, or a chart that renders it" if fault == "manifest-templated" else "YAML in UTF-8"
    return Problem(kind, fault, text.fault.place, text.fault.message, expected)
