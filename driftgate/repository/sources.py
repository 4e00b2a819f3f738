"""Which folder a source names: in this work tree, at a commit of this clone, among the fetched, or nowhere."""

from __future__ import annotations

import contextlib
import posixpath
import re
from dataclasses import dataclass, field

from driftgate.files import FileRoot
from driftgate.model.application import Application, Source
from driftgate.model.environment import ASSUMED_REPOSITORY, Problem, ProblemKind
from driftgate.repository.git import GitClone
from driftgate.repository.store import Fetched, FetchStore
from driftgate.semantics.giturl import same_repository, without_credentials

__all__ = ["Located", "Locator", "is_placeholder"]

_PLACEHOLDER = re.compile(
    # No alternative looks past the next thing that could open it: a long text takes linear time.
    r"<[^<>]+>|\$\{[^$}]*\}|\{\{(?:(?!\{\{).)*?\}\}|\b(CHANGE_?ME|REPLACE_?ME|YOUR[-_][A-Z-_]+)\b",
    re.IGNORECASE,
)
_VERSION = re.compile(r"[*~^<>=|\s]|\d\.(\d|x\b)|^v?\d+$|^[0-9a-f]{40}$")


_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:[^@/]*@)?(?P<host>[^/:]+)(?::\d*(?=/))?[/:]++(?P<path>.*[^/])/*+", re.IGNORECASE
)


def _names_same(url: str, other: str) -> bool:
    """Whether two URLs lead to one repository: for Argo CD, or because only the way there differs.

    Applications name it over HTTPS, a developer's clone often over SSH: scheme, user and port do not tell them apart.
    """
    if same_repository(url, other):
        return True
    left, right = _ADDRESS.fullmatch(url.strip().lower()), _ADDRESS.fullmatch(other.strip().lower())
    if left is None or right is None:
        return False
    return left["host"] == right["host"] and left["path"].removesuffix(".git") == right["path"].removesuffix(".git")


def is_placeholder(text: str) -> bool:
    """Whether a text is there to be replaced, such as `<REPO_URL>`."""
    return bool(_PLACEHOLDER.search(text))


@dataclass(frozen=True, slots=True)
class Located:
    """Where a source's files are: the root of its repository, and its folder below it ("" for the root itself)."""

    root: FileRoot
    directory: str
    assumptions: tuple[str, ...] = ()


@dataclass
class Locator:
    """Answers for one judged tree.

    `urls` are its names in Applications; without any, and without remotes, a source whose path exists here is taken
    for ours, and the assumption is told.
    """

    root: FileRoot
    clone: GitClone
    urls: tuple[str, ...]
    store: FetchStore
    _exports: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _roots: dict[str, FileRoot | None] = field(default_factory=dict)
    _stored: dict[tuple[str, str, str], Fetched | None] = field(default_factory=dict)

    def close(self) -> None:
        """Remove what was exported."""
        self._exports.close()

    def repository(self, application: Application, source: Source) -> FileRoot | Problem:
        """The root of the repository or chart that a source names, or why it is not to be had."""
        url_path = (*source.path_in_spec, "repoURL")
        place = application.place_of(*url_path)
        if not source.repo_url:
            return Problem(ProblemKind.BROKEN, "source-incomplete", place, "no repoURL", "repoURL of the repository")
        for name in ("repoURL", "path", "chart", "targetRevision"):
            value = source.node.get(name)
            if value is not None and value.text and is_placeholder(value.text):
                at = application.place_of(*source.path_in_spec, name)
                found = without_credentials(value.text)
                return Problem(ProblemKind.PLACEHOLDER, "source-placeholder", at, found, "a real value")
        if source.chart or source.repo_url.startswith("oci://"):
            return self._fetched(application, source, f"chart {source.chart or without_credentials(source.repo_url)}")
        if self.is_ours(source):
            return self._at_revision(application, source)
        return self._fetched(application, source, f"repository {without_credentials(source.repo_url)}")

    def is_ours(self, source: Source) -> bool:
        """Whether a source's repository is the judged tree."""
        if source.chart or source.repo_url.startswith("oci://"):
            return False
        if self.urls:
            return any(_names_same(url, source.repo_url) for url in self.urls)
        return bool(source.path) and self.root.is_dir(source.path)

    def is_remote(self, source: Source) -> bool:
        """Whether a source has to be fetched before it can be read."""
        texts = (source.repo_url, source.path, source.chart, source.target_revision)
        return bool(source.repo_url) and not any(map(is_placeholder, texts)) and not self.is_ours(source)

    def stored(self, repo_url: str, chart: str, revision: str) -> Fetched | None:
        """What was fetched of a chart or repository, read whole once a run to see that it is undamaged."""
        key = (repo_url, chart, revision)
        if key not in self._stored:
            self._stored[key] = self.store.find(*key)
        return self._stored[key]

    def locate(self, application: Application, source: Source) -> Located | Problem:
        """The folder that a source renders from, or why there is none."""
        root = self.repository(application, source)
        if isinstance(root, Problem):
            return root
        assumed = () if self.urls or source.chart else (ASSUMED_REPOSITORY,)
        if source.chart:
            return Located(root, "", assumed)
        problem = self._path_problem(application, source, root)
        directory = posixpath.normpath(source.path)
        return problem or Located(root, "" if directory == "." else directory, assumed)

    def _path_problem(self, application: Application, source: Source, root: FileRoot) -> Problem | None:
        place = application.place_of(*source.path_in_spec, "path")
        if not source.path:
            return Problem(
                ProblemKind.BROKEN,
                "source-incomplete",
                place,
                "neither path, chart nor ref",
                "path of the manifests; . for the root",
            )
        if posixpath.isabs(source.path):
            return Problem(ProblemKind.BROKEN, "source-path-missing", place, source.path, "a path relative to the root")
        normal = posixpath.normpath(source.path)
        if normal == ".." or normal.startswith("../"):
            return Problem(
                ProblemKind.BROKEN,
                "path-leaves-repository",
                place,
                source.path,
                "a path inside the repository",
            )
        if root.is_dir(normal):
            return None
        is_file = root.is_file(normal)
        near = posixpath.dirname(normal) if is_file else root.nearest(normal)
        found = f"{source.path} is a file" if is_file else f"{source.path} does not exist"
        expected = "a folder of the repository" + (f"; the nearest is {near}" if near else "")
        return Problem(ProblemKind.BROKEN, "source-path-missing", place, found, expected)

    def _at_revision(self, application: Application, source: Source) -> FileRoot | Problem:
        revision = source.target_revision or "HEAD"
        if revision not in self._roots:
            self._roots[revision] = self._revision_root(revision)
        root = self._roots[revision]
        if root is not None:
            return root
        place = application.place_of(*source.path_in_spec, "targetRevision")
        return Problem(
            ProblemKind.PINNED,
            "source-pinned",
            place,
            f"targetRevision {revision} is not in this clone",
            "a clone that holds the tag or commit (git fetch --tags)",
        )

    def _revision_root(self, revision: str) -> FileRoot | None:
        """The work tree for HEAD and branches, an export for tags and commits, None for what the clone lacks.

        A shallow clone knows few branches, so an unknown name counts as a branch unless it looks like a version.
        """
        if revision == "HEAD" or self.clone.is_branch(revision):
            return self.root
        commit = self.clone.pinned_commit(revision)
        if commit is not None:
            folder = self._exports.enter_context(self.clone.exported(commit))
            return FileRoot(folder, f"{revision}:") if folder else None
        return None if _VERSION.search(revision) else self.root

    def _fetched(self, application: Application, source: Source, what: str) -> FileRoot | Problem:
        fetched = self.stored(source.repo_url, source.chart, source.target_revision)
        if fetched is not None:
            return FileRoot(fetched.path, f"{source.chart or without_credentials(source.repo_url)}@{fetched.version}:")
        return Problem(
            ProblemKind.REMOTE,
            "source-remote",
            application.place_of(*source.path_in_spec, "repoURL"),
            f"{what} at {source.target_revision or 'HEAD'} is not in this tree",
            "a local copy, which `driftgate fetch` makes",
        )
