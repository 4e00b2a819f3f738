"""What a kustomization reaches, found before kustomize starts: it would fetch a remote base without asking."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from driftgate.files import FileRoot, OutOfRootError
from driftgate.model.environment import Problem, ProblemKind
from driftgate.model.node import Node
from driftgate.render.kustomize_edits import FILE_NAMES
from driftgate.semantics.giturl import without_credentials
from driftgate.yaml_reader import read_yaml

__all__ = ["FILE_NAMES", "Closure", "closure_of", "link_problem"]

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
_EXECUTES = ("helmcharts", "helmchartinflationgenerator")


# Fields that name files besides the lists above, in any depth; generators and transformers may stand in the text.
_PLUGINS = frozenset({"generators", "transformers", "validators"})
_FILE_KEYS = _PLUGINS | {"path", "files", "env", "envs", "patchesstrategicmerge"}
_URL = re.compile(r"(?:^|[=\s\"'\[])https?://", re.IGNORECASE)


@dataclass(slots=True)
class Closure:
    """Every folder and kustomization file that a build reads, and why it cannot be built here."""

    folders: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list, repr=False)


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
    # `..` in a kustomization that a link leads to starts from where it really is.
    directory = posixpath.relpath(root.resolve(directory), root.resolve(""))
    directory = "" if directory == "." else directory
    if directory in closure.folders:
        return
    closure.folders.append(directory)
    links = root.links_out_of(directory)
    if links:
        closure.problems.append(link_problem(root, links[0]))
        return
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
    for key, below in node.mapping.items():
        if key.casefold() in _EXECUTES and below.items:
            found, expected = f"{key} inflates a chart while building", "charts as Helm sources"
            problem = Problem(ProblemKind.UNSUPPORTED, "render-kustomize-helm", node.place_of(key), found, expected)
            closure.problems.append(problem)
    for key, entry in _entries(node):
        _reference(root, directory, entry, closure, plugin=key in _PLUGINS)
    _look_for_urls(node, closure)
    for path, leaf in node.leaves():
        if [str(step).casefold() for step in (*path[:1], *path[2:3])] == ["secretgenerator", "literals"]:
            closure.secrets += [leaf.text or "", (leaf.text or "").partition("=")[2].strip("\"'")]


def _look_for_urls(node: Node, closure: Closure) -> None:
    """Kustomize downloads any file that it is told to read, and no proxy keeps it from this machine's own servers."""
    for path, leaf in node.leaves():
        keys = {str(step).casefold() for step in path}
        # A text of several lines is what would stand in a file, not the name of one.
        if keys & _FILE_KEYS and "\n" not in (leaf.text or "") and _URL.search(leaf.text or ""):
            found = f"the remote file {without_credentials(leaf.text or '')}"
            problem = Problem(ProblemKind.REMOTE, "source-remote", leaf.place, found, "a local file")
            closure.problems.append(problem)


def _reference(root: FileRoot, directory: str, entry: Node, closure: Closure, *, plugin: bool = False) -> None:
    target = entry.text or ""
    if plugin and "\n" in target:  # the plugin's own configuration, written in place of a path
        for node in read_yaml(target, entry.file, below=entry.line).roots:
            _look_for_urls(node, closure)
        return
    local = posixpath.normpath(posixpath.join(directory, target))
    try:
        root.resolve(local)
    except OutOfRootError:
        expected = "a path inside the repository"
        closure.problems.append(
            Problem(ProblemKind.BROKEN, "path-leaves-repository", entry.place, target, expected, field=target)
        )
        return
    except (OSError, ValueError):
        return  # no path at all, for kustomize to refuse
    if root.is_dir(local):
        _follow(root, local, closure)
    elif root.is_file(local) and plugin:
        for node in read_yaml(root.read(local), root.display(local)).roots:
            _look_for_urls(node, closure)
    elif not root.is_file(local) and _REMOTE.search(target):
        found = f"the remote base {without_credentials(target)}"
        closure.problems.append(Problem(ProblemKind.REMOTE, "source-remote", entry.place, found, "a local base"))


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    for key, below in node.mapping.items():
        if key.casefold() in _LISTS:  # Go's JSON decoder takes a field in any case of letters
            yield from ((key.casefold(), item) for item in below.items if item.text)


def link_problem(root: FileRoot, link: str) -> Problem:
    """What to say of a symlink by which a render would leave the root."""
    found = "a symlink that is absolute or leads out of the repository"
    expected = "links that stay inside the repository"
    return Problem(ProblemKind.BROKEN, "symlink-out-of-repository", root.place(link), found, expected)
