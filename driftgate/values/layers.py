"""Resolve the values layers of a Helm source as Argo CD does, each with its place."""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftgate.files import FileRoot
from driftgate.model.application import Application, Located, Parameter, Source
from driftgate.model.environment import LayerKind, Problem, ProblemKind, ValuesLayer
from driftgate.model.node import Literal, Node
from driftgate.model.place import Place
from driftgate.semantics import envsubst
from driftgate.semantics.giturl import without_credentials
from driftgate.semantics.glob_expansion import expand_doublestar
from driftgate.semantics.globs import doublestar_valid
from driftgate.yaml_reader import read_yaml

__all__ = ["Layers", "RefRoots", "build_environment", "resolve_layers"]

RefRoots = Mapping[str, "FileRoot | Problem"]
_REMOTE_SCHEMES = ("https", "http")
# What Go's net/url takes for a scheme; anything else before a colon makes its parser fail, and Argo CD takes a path.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# A parameter's name of which Helm's parser makes one key.
_SET_NAME = re.compile(r"(?:\\.|[^\\,=])*", re.DOTALL)


@dataclass(slots=True)
class Layers:
    """The layers of one source, lowest first, and what kept any of them from being read."""

    layers: list[ValuesLayer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def build_environment(application: Application, source: Source, control_plane: str) -> dict[str, str]:
    """The variables that Argo CD's repo-server expands (argo-cd: reposerver/repository/repository.go `newEnv`).

    Revisions are unknown before a sync, so `ARGOCD_APP_REVISION` and its short forms are left out, and a source that
    uses them is told as an assumption by the caller.
    """
    outside = application.namespace not in ("", control_plane)
    name = f"{application.namespace}_{application.name}" if outside else application.name
    return {
        "ARGOCD_APP_NAME": name,
        "ARGOCD_APP_NAMESPACE": application.destination.namespace,
        "ARGOCD_APP_PROJECT_NAME": application.project,
        "ARGOCD_APP_SOURCE_REPO_URL": source.repo_url,
        "ARGOCD_APP_SOURCE_PATH": source.path,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": source.target_revision,
    }


def resolve_layers(
    application: Application,
    source: Source,
    root: FileRoot,
    directory: str,
    refs: RefRoots,
    env: Mapping[str, str],
) -> Layers:
    """Every layer of a Helm source: chart values, valueFiles in order, the inline block, parameters, fileParameters.

    `root` and `directory` say where the chart is, `refs` where the `$name/` prefixes of a multi-source Application
    lead. Follows argo-cd: reposerver/repository/repository.go `getResolvedValueFiles`.
    """
    resolver = _Resolver(application, source, root, directory, refs, env)
    resolver.chart_values()
    resolver.value_files()
    resolver.inline()
    resolver.parameters()
    resolver.file_parameters()
    return resolver.result


@dataclass(slots=True)
class _Resolver:
    application: Application
    source: Source
    root: FileRoot
    directory: str
    refs: RefRoots
    env: Mapping[str, str]
    result: Layers = field(default_factory=Layers)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def chart_values(self) -> None:
        path = posixpath.join(self.directory, "values.yaml")
        if self.root.is_file(path):
            self._add_file(LayerKind.CHART, self.root, path, self.root.place(path))

    def value_files(self) -> None:
        explicit = {
            resolved
            for entry in self.source.helm.value_files
            if isinstance(resolved := self._resolve(entry), tuple) and not _is_glob(resolved[1])
        }
        for entry in self.source.helm.value_files:
            self._value_file(entry, explicit)

    def _value_file(self, entry: Located, explicit: set[tuple[FileRoot, str]]) -> None:
        resolved = self._resolve(entry)
        if isinstance(resolved, Problem):
            self.result.problems.append(resolved)
            return
        root, path = resolved
        if _is_glob(path):
            self._glob(entry, root, path, explicit)
        elif root.is_file(path):
            self._add_value_file(entry, root, path)
        elif root.is_dir(path):
            self._folder(entry, root, path)
        elif not self.source.helm.ignore_missing_value_files:
            self._missing(entry, root, path)

    def _glob(self, entry: Located, root: FileRoot, pattern: str, explicit: set[tuple[FileRoot, str]]) -> None:
        if not doublestar_valid(pattern):
            self._problem("value-file-missing", entry.place, f"{entry.text} is no pattern", "a pattern", entry.text)
            return
        matches = expand_doublestar(pattern, root.files())
        for path in matches:
            if (root, path) not in explicit:
                self._add_value_file(entry, root, path)
        if not matches and not self.source.helm.ignore_missing_value_files:
            self._problem(
                "value-file-missing", entry.place, f"{entry.text} matches no file", "a pattern with a match", entry.text
            )

    def _add_value_file(self, entry: Located, root: FileRoot, path: str) -> None:
        if "," in path:
            # --values takes a list with commas, and Argo CD escapes none.
            found = f"{root.display(path)} has a comma, at which Helm parts it into two files"
            self._problem("value-file-unreadable", entry.place, found, "a path without a comma", entry.text)
            return
        self._add_file(LayerKind.VALUE_FILE, root, path, entry.place)

    def _folder(self, entry: Located, root: FileRoot, path: str) -> None:
        """A folder exists, so `ignoreMissingValueFiles` does not leave it out, and Helm fails over it."""
        found = f"{root.display(path)} is a folder"
        self._problem("value-file-unreadable", entry.place, found, "a readable file", entry.text)

    def _missing(self, entry: Located, root: FileRoot, path: str) -> None:
        near = root.nearest(path)
        expected = f"{root.display(path)}" + (f"; the nearest that exists is {near}" if near else "")
        self._problem("value-file-missing", entry.place, f"{entry.text} does not exist", expected, entry.text)

    def _resolve(self, entry: Located) -> tuple[FileRoot, str] | Problem:
        text = entry.text
        if text.startswith("$"):
            name, _, rest = text[1:].partition("/")
            if self.application.multi_source:
                return self._resolve_ref(entry, name, rest)
        path = envsubst.expand(text, self.env)
        scheme = _SCHEME.match(path)
        if scheme is not None:
            return self._remote(entry, scheme[1])
        joined = path.lstrip("/") if path.startswith("/") else posixpath.join(self.directory, path)
        return self._inside(entry, self.root, joined)

    def _resolve_ref(self, entry: Located, name: str, rest: str) -> tuple[FileRoot, str] | Problem:
        target = self.refs.get(name)
        if target is None:
            known = ", ".join(f"${ref}" for ref in sorted(self.refs)) or "no source has a ref"
            return Problem(
                ProblemKind.BROKEN,
                "value-file-ref-unknown",
                entry.place,
                f"${name} names no source",
                f"one of: {known}",
                field=entry.text,
            )
        if isinstance(target, Problem):
            return Problem(
                target.kind, target.fault, entry.place, f"{entry.text}: {target.found}", target.expected,
                ((target.place, "the source that lends the file"),), entry.text,
            )  # fmt: skip
        return self._inside(entry, target, envsubst.expand(rest, self.env).lstrip("/"))

    def _inside(self, entry: Located, root: FileRoot, path: str) -> tuple[FileRoot, str] | Problem:
        normal = posixpath.normpath(path)
        if normal in (".", "..") or normal.startswith("../"):
            return Problem(
                ProblemKind.BROKEN,
                "path-leaves-repository",
                entry.place,
                entry.text,
                "a file inside the repository",
                field=entry.text,
            )
        return root, normal

    def _remote(self, entry: Located, scheme: str) -> Problem:
        if scheme.lower() in _REMOTE_SCHEMES:
            return Problem(
                ProblemKind.REMOTE,
                "value-file-remote",
                entry.place,
                without_credentials(entry.text),
                "a values file in the repository",
                field=without_credentials(entry.text),
            )
        return Problem(
            ProblemKind.BROKEN,
            "value-file-scheme",
            entry.place,
            f"{entry.text}: Argo CD takes {scheme!r} for a URL scheme and refuses it",
            "a path without a colon, or an https URL",
            field=entry.text,
        )

    def _add_file(self, kind: LayerKind, root: FileRoot, path: str, entry: Place) -> None:
        if kind is LayerKind.VALUE_FILE:
            # A list may name the chart's own values.yaml, which then counts a second time and higher up.
            if (str(root.path), path) in self._seen:
                return
            self._seen.add((str(root.path), path))
        try:
            data = root.read(path)
        except OSError as error:
            self._problem("value-file-unreadable", root.place(path), str(error.strerror or error), "a readable file")
            return
        self.result.files.append(root.display(path))
        self._add_text(kind, path, data, root.display(path), entry)

    def _add_text(self, kind: LayerKind, label: str, data: bytes | str, file: str, entry: Place) -> None:
        text = read_yaml(data, file)
        if text.fault is not None:
            self._problem("value-file-not-yaml", text.fault.place, text.fault.message, "YAML in UTF-8")
            return
        node = _together(text.roots) if text.roots else Node({}, file)
        if not isinstance(node.value, dict):
            self._problem("value-file-not-yaml", node.place, f"a {node.type_name}", "a mapping of values")
            return
        duplicates = tuple(d for document in text.documents for d in document.duplicates)
        decoded = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        self.result.layers.append(ValuesLayer(kind, label, node, entry, file, decoded, duplicates))

    def inline(self) -> None:
        helm = self.source.helm
        if helm.values_object is not None:
            place = self.source.node.place_of("helm", "valuesObject")
            self.result.layers.append(
                ValuesLayer(LayerKind.INLINE, "valuesObject", helm.values_object, place, place.file)
            )
        elif helm.values is not None:
            self._inline_text(helm.values)

    def _inline_text(self, values: Node) -> None:
        """Inline text has its own lines in a literal block; any other style folds them, and the block is the place."""
        text = read_yaml(
            values.text or "", values.file, exact=isinstance(values, Literal) and values.line > 0, below=values.line
        )
        place = self.source.node.place_of("helm", "values")
        if text.fault is not None:
            at = text.fault.place if text.fault.place.exact else place
            self._problem("value-file-not-yaml", at, text.fault.message, "YAML in the values block", "values")
            return
        if not text.roots:
            return
        node = _together(text.roots)
        if not isinstance(node.value, dict):
            found = f"a {node.type_name} in the values block"
            self._problem("value-file-not-yaml", place, found, "a mapping of values", "values")
            return
        duplicates = tuple(d for document in text.documents for d in document.duplicates)
        self.result.layers.append(
            ValuesLayer(LayerKind.INLINE, "values", node, place, place.file, values.text or "", duplicates)
        )

    def parameters(self) -> None:
        """One layer per parameter, in Helm's fixed order: `--set` before `--set-string`; a later twin replaces."""
        for force in (False, True):
            last = {p.name: p for p in self.source.helm.parameters if p.force_string is force}
            for parameter in last.values():
                self.result.layers.append(self._parameter(parameter))

    def _parameter(self, parameter: Parameter) -> ValuesLayer:
        value = envsubst.expand(parameter.value, self.env)
        node = Node(value, parameter.place.file, parameter.place.line, parameter.place.column)
        label = "--set-string" if parameter.force_string else "--set"
        return ValuesLayer(LayerKind.PARAMETER, label, node, parameter.place, parameter.place.file, parameter.name)

    def file_parameters(self) -> None:
        for parameter in self.source.helm.file_parameters:
            entry = Located(parameter.path, parameter.place)
            resolved = self._resolve(entry)
            if not _SET_NAME.fullmatch(parameter.name):
                expected = "a name with escaped commas and equals signs: Helm reads whatever file follows one"
                self._problem("path-leaves-repository", parameter.place, parameter.name, expected, parameter.name)
                continue
            if isinstance(resolved, Problem):
                self.result.problems.append(resolved)
                continue
            root, path = resolved
            if not root.is_file(path):
                (self._folder if root.is_dir(path) else self._missing)(entry, root, path)
                continue
            node = Node(str(root.resolve(path)), parameter.place.file, parameter.place.line, parameter.place.column)
            self.result.files.append(root.display(path))
            self.result.layers.append(
                ValuesLayer(
                    LayerKind.FILE_PARAMETER,
                    "--set-file",
                    node,
                    parameter.place,
                    root.display(path),
                    parameter.name,
                )
            )

    def _problem(self, fault: str, place: Place, found: str, expected: str, field: str = "") -> None:
        self.result.problems.append(Problem(ProblemKind.BROKEN, fault, place, found, expected, field=field))


def _together(documents: Sequence[Node]) -> Node:
    """The documents of a text laid over each other, as Helm 4 reads them; the first that is no mapping, if one is."""
    odd = next((node for node in documents if not isinstance(node.value, dict)), None)
    return odd if odd is not None else functools.reduce(_over, documents)


def _over(base: Node, node: Node) -> Node:
    if not isinstance(base.value, dict) or not isinstance(node.value, dict):
        return node
    entries = {key: _over(base.value[key], below) if key in base.value else below for key, below in node.value.items()}
    return Node({**base.value, **entries}, base.file, base.line, base.column, {**base.keys, **node.keys})


def _is_glob(path: str) -> bool:
    return any(character in path for character in "*?[")
