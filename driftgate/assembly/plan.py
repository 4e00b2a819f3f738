"""What it takes to render one source: its type, its layers, the worker's job."""

from __future__ import annotations

import base64
import contextlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path as FilePath
from typing import Any

from driftgate.assembly.dependencies import Dependency, missing_dependencies, unaliased
from driftgate.assembly.overrides import overridden
from driftgate.facts import api_versions
from driftgate.files import FileRoot
from driftgate.model.application import Application, Source
from driftgate.model.environment import (
    LayerKind,
    OutputFault,
    Problem,
    ProblemKind,
    Render,
    RenderStatus,
    SourceType,
    ValuesLayer,
)
from driftgate.model.manifest import named_path
from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.policy import ArgoCDSection, ClusterSection, Policy
from driftgate.render.directory import read_directory
from driftgate.render.jobs import HelmJob, Job, KustomizeJob, Reply, SetFlag
from driftgate.render.kustomize import FILE_NAMES, closure_of, link_problem
from driftgate.render.kustomize_edits import SourceEdits, source_edits
from driftgate.repository.sources import Locator
from driftgate.semantics import envsubst
from driftgate.semantics.giturl import without_credentials
from driftgate.semantics.helm_values import valid_release_name, values_text
from driftgate.settings import Settings
from driftgate.values.layers import build_environment, resolve_layers

__all__ = ["Draft", "Planner", "source_type"]

_CAPABILITIES = re.compile(rb"\.Capabilities\.(APIVersions|KubeVersion)")
_KUBE_CONSTRAINT = re.compile(rb"^kubeVersion:", re.MULTILINE)
_KUBE_VERSION = re.compile(r"\s*v?((?:0|[1-9]\d*)(?:\.\d+)+).*", re.DOTALL)
_HELM_VERSIONS = ("", "v3", "v4")
CAPABILITIES = "the cluster's version and APIs, which the templates ask for and policy does not name"
HYDRATED = "the dry source: Argo CD deploys what its hydrator has committed to the sync branch"
REVISION = "the revision that is synced, which no variable holds before the sync"


@dataclass(slots=True)
class Draft:
    """One source on its way to a Render: a job that waits for its reply, or what is known without one.

    `documents` holds (template file, index, object or Node) once the source is rendered.
    """

    application: Application
    source: Source
    type: SourceType = SourceType.NONE
    directory: str = ""
    root: FileRoot | None = None
    layers: tuple[ValuesLayer, ...] = ()
    job: Job | None = None
    problems: list[Problem] = field(default_factory=list)
    faults: list[OutputFault] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    documents: list[tuple[str, int, dict[str, Any] | Node]] = field(default_factory=list, repr=False)
    unstable: tuple[str, ...] = ()
    # The same relative to the chart, as replies name templates.
    unstable_templates: tuple[str, ...] = ()
    engine: str = ""
    done: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    # Every folder that a kustomize build reads.
    folders: tuple[str, ...] = ()

    def take(self, reply: Reply) -> None:
        """Fill the draft from a worker's reply."""
        self.done = True
        self.engine = reply.engine
        self.assumptions.extend(reply.assumptions)
        self.unstable = tuple(map(self._file, reply.unstable))
        self.unstable_templates = reply.unstable
        self.documents = list(self.documents_of(reply))
        self.faults = [OutputFault(f.fault, self._file(f.template), f.document, f.found) for f in reply.faults]
        if reply.fault:
            self.problems.append(self._problem(reply))

    def documents_of(self, reply: Reply) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """The documents of a reply, each with its template's file in the tree."""
        return ((self._file(document.template), document.index, document.object) for document in reply.documents)

    def _file(self, template: str) -> str:
        """A template's file in the tree; the archive, for a template of a packaged subchart."""
        assert self.root is not None
        path = posixpath.join(self.directory, template)
        if "/charts/" in path and not self.root.is_file(path):
            path = unaliased(self.root, path)
        while not self.root.is_file(path) and "/charts/" in path:
            path = path.rpartition("/charts/")[0]
        return self.root.display(path or template)

    def _problem(self, reply: Reply) -> Problem:
        kind, fault = _REPLY_FAULTS[reply.fault]
        file = self._file(reply.template) if reply.template else self._entry_file()
        line = reply.line if reply.template and file.endswith(reply.template) else 0
        place = Place(file, line, reply.column if line else 0)
        related = ((self.application.place_of(*self.source.path_in_spec), "the source that renders it"),)
        return Problem(kind, fault, place, _scrubbed(reply.message, self.layers, self.secrets), "", related)

    def _entry_file(self) -> str:
        assert self.root is not None
        for name in ("Chart.yaml", *FILE_NAMES):
            path = posixpath.join(self.directory, name)
            if self.root.is_file(path):
                return self.root.display(path)
        return self.root.display(self.directory) or "."

    @property
    def status(self) -> RenderStatus:
        """What came of it."""
        if self.done and not any(p.fault in _STOPPING for p in self.problems):
            return RenderStatus.RENDERED
        if not self.problems:
            return RenderStatus.NOTHING_TO_RENDER
        broken = any(problem.kind is ProblemKind.BROKEN for problem in self.problems)
        return RenderStatus.FAILED if broken else RenderStatus.COULD_NOT

    def render(self, manifests: tuple[Any, ...]) -> Render:
        """The frozen result."""
        return Render(
            source=self.source,
            type=self.type,
            status=self.status,
            directory=self.directory,
            layers=self.layers,
            manifests=manifests,
            problems=tuple(self.problems),
            faults=tuple(self.faults),
            assumptions=tuple(dict.fromkeys(self.assumptions)),
            unstable=self.unstable,
            engine=self.engine,
            chart=self.directory if self.type is SourceType.HELM and self.root and not self.root.label else "",
        )


_REPLY_FAULTS = {
    "render-failed": (ProblemKind.BROKEN, "render-failed"),
    "dependencies-missing": (ProblemKind.REMOTE, "chart-dependency-not-vendored"),
    "render-timeout": (ProblemKind.LIMIT, "render-limit-exceeded"),
    "render-memory": (ProblemKind.LIMIT, "render-limit-exceeded"),
    "render-crashed": (ProblemKind.LIMIT, "render-limit-exceeded"),
    "engine-missing": (ProblemKind.TOOL, "render-tool-missing"),
}
_STOPPING = frozenset(fault for _, fault in _REPLY_FAULTS.values())
_SECRET_WORD = re.compile(r"pass(word|wd)?|token|secret|credential|private|api[-_]?key|auth", re.IGNORECASE)


def _scrubbed(message: str, layers: tuple[ValuesLayer, ...], more: tuple[str, ...] = ()) -> str:
    """An engine's message without the values of keys that sound secret: a template may put any value into an error.

    Each as it is, with its white space joined, in base64, and escaped as JSON and Go's `quote` write it.
    """
    text = " ".join(without_credentials(message).split())
    secrets = {secret for layer in layers for secret in _secrets(layer)} | set(more)
    for secret in sorted(secrets, key=len, reverse=True):
        for form in _forms(secret) if len(secret.strip()) > 3 else ():
            text = text.replace(form, "<secret>")
    return text


def _secrets(layer: ValuesLayer) -> Iterator[str]:
    """The values of a layer that must not be told: of keys that sound secret, and what a file lends to a parameter."""
    if layer.kind is LayerKind.FILE_PARAMETER:
        with contextlib.suppress(OSError):
            yield FilePath(str(layer.node.value)).read_text(encoding="utf-8", errors="replace")
        return
    named = (layer.text,) if layer.kind is LayerKind.PARAMETER else ()
    # `env[0].value` is named by another parameter or layer.
    by_index = any(name.endswith("].value") for name in named)
    for path, node in layer.node.leaves():
        value = "" if isinstance(node.value, bool | None) else str(node.value)
        if by_index or any(_SECRET_WORD.search(str(step)) for step in (*named, *path)) or _is_named(layer.node, path):
            yield value


def _is_named(root: Node, path: tuple[str | int, ...]) -> bool:
    """Whether a leaf is the `value` beside a `name` that sounds secret, as in a container's `env`."""
    name = root.get(*path[:-1], "name") if path[-1:] == ("value",) else None
    return name is not None and bool(_SECRET_WORD.search(name.text or ""))


def _forms(secret: str) -> Iterator[str]:
    coded = json.dumps(secret, ensure_ascii=False)[1:-1]
    go = "".join(f"\\u{ord(c):04x}" if c in "<>&" else c for c in coded)
    yield from (" ".join(secret.split()), " ".join(go.split()), " ".join(coded.split()), coded.strip("\\n"))
    for raw in (secret, secret.strip()):
        yield base64.b64encode(raw.encode()).decode()


def source_type(root: FileRoot, directory: str, source: Source) -> SourceType:
    """What Argo CD renders a folder with (argo-cd: reposerver/repository/repository.go `GetAppSourceType`)."""
    if source.chart:
        return SourceType.HELM
    if len(source.explicit_types) == 1:
        return SourceType(source.explicit_types[0])
    found = SourceType.DIRECTORY
    for name in sorted(entry.name for entry in root.resolve(directory).iterdir() if entry.is_file()):
        if name.endswith("Chart.yaml"):
            found = SourceType.HELM
        elif name in FILE_NAMES:
            found = SourceType.KUSTOMIZE
    return found


@dataclass
class Planner:
    """Makes drafts for the sources of Applications under one policy."""

    locator: Locator
    policy: Policy
    settings: Settings
    values_files: set[str] = field(default_factory=set)
    remote_dependencies: set[Dependency] = field(default_factory=set)
    _asks_capabilities: dict[str, bool] = field(default_factory=dict)
    _links: dict[tuple[FilePath, str], tuple[str, ...]] = field(default_factory=dict)

    def drafts(self, application: Application) -> list[Draft]:
        """A draft for every source that renders."""
        drafts = [self._draft(application, source) for source in application.sources if source.renders]
        if drafts or (application.multi_source and any(source.ref for source in application.sources)):
            return drafts
        return [self._draft(application, source) for source in application.sources[:1]]

    def _draft(self, application: Application, source: Source) -> Draft:
        draft = Draft(application, source)
        located = self.locator.locate(application, source)
        if isinstance(located, Problem):
            draft.problems.append(replace(located, field=_source_field(application, source)))
            return draft
        draft.root, draft.directory = located.root, located.directory
        draft.assumptions.extend(located.assumptions)
        if application.hydrated:
            draft.assumptions.append(HYDRATED)
        env = build_environment(application, source, self.policy.section(ArgoCDSection).namespace)
        changed = overridden(source, located.root, located.directory, env["ARGOCD_APP_NAME"])
        if isinstance(changed, Problem):
            draft.problems.append(changed)
            return draft
        draft.source = source = changed
        if len(source.explicit_types) > 1:
            place = application.place_of(*source.path_in_spec, source.explicit_types[1])
            found = " and ".join(source.explicit_types)
            draft.problems.append(
                Problem(
                    ProblemKind.BROKEN,
                    "source-type-ambiguous",
                    place,
                    found,
                    "one of helm, kustomize, directory, plugin",
                    field=_source_field(application, source),
                )
            )
            return draft
        draft.type = source_type(located.root, located.directory, source)
        if self._refused(draft):
            return draft
        plan = {
            SourceType.HELM: self._helm,
            SourceType.KUSTOMIZE: self._kustomize,
            SourceType.DIRECTORY: self._directory,
            SourceType.PLUGIN: self._plugin,
        }[draft.type]
        plan(draft)
        if draft.type is SourceType.HELM and draft.job is not None and not self._is_release(draft):
            draft.job = None
        return draft

    def own_chart(self, application: Application) -> Draft:
        """A draft for a chart of this tree that no Application uses."""
        source = application.sources[0]
        draft = Draft(application, source, SourceType.HELM, source.path, self.locator.root)
        if not self._refused(draft):
            self._helm(draft)
        return draft

    def _links_out_of(self, root: FileRoot, directory: str) -> tuple[str, ...]:
        """The symlinks by which a folder leaves its root: Helm would follow them, wherever the chart came from."""
        key = root.path, directory
        if key not in self._links:
            self._links[key] = tuple(root.links_out_of(directory))
        return self._links[key]

    def _refused(self, draft: Draft, root: FileRoot | None = None, directory: str = "") -> bool:
        """What stops a source whatever its type: links out of the repository, or of the `root` that it also reads."""
        assert draft.root is not None
        root, directory = (draft.root, draft.directory) if root is None else (root, directory)
        escaping = self._links_out_of(root, directory)
        if escaping:
            draft.problems.append(link_problem(root, escaping[0]))
        return bool(escaping)

    def _is_release(self, draft: Draft) -> bool:
        """Whether Helm takes the release name; a name that is a template itself is Helm's to judge."""
        written = draft.source.helm.release_name
        name = written or draft.application.name
        fault = None if "{{" in name else valid_release_name(name)
        if fault is not None:
            path = (*draft.source.path_in_spec, "helm", "releaseName") if written else ("metadata", "name")
            key = _source_field(draft.application, draft.source)
            place = draft.application.place_of(*path)
            draft.problems.append(Problem(ProblemKind.BROKEN, "release-name-invalid", place, name, fault, field=key))
        return fault is None

    def _plugin(self, draft: Draft) -> None:
        place = draft.application.place_of(*draft.source.path_in_spec, "plugin")
        draft.problems.append(
            Problem(
                ProblemKind.UNSUPPORTED,
                "source-plugin",
                place,
                "a config management plugin",
                "helm, kustomize or a directory",
            )
        )

    def _directory(self, draft: Draft) -> None:
        assert draft.root is not None
        output = read_directory(draft.root, draft.directory, draft.source.directory)
        draft.problems.extend(output.problems)
        limit = self.policy.section(ArgoCDSection).directory_bytes
        if 0 < limit < output.size:
            place = draft.application.place_of(*draft.source.path_in_spec, "path")
            found = f"{draft.directory or '.'} holds {output.size} bytes of manifests"
            problem = Problem(ProblemKind.BROKEN, "directory-too-large", place, found, f"at most {limit}")
            draft.problems.append(problem)
        draft.faults.extend(output.faults)
        draft.documents = [(file, index, node) for file, index, node in output.manifests]
        draft.engine = "directory"
        draft.done = True

    def _kustomize(self, draft: Draft) -> None:
        assert draft.root is not None
        application, source, root = draft.application, draft.source, draft.root
        env = build_environment(application, source, self.policy.section(ArgoCDSection).namespace)
        edits = source_edits(source.kustomize, env) if source.kustomize else SourceEdits()
        self._refused_settings(draft, source.kustomize, "kustomize")
        components = self._components(draft, edits)
        closure = closure_of(root, draft.directory, components)
        draft.problems.extend(closure.problems)
        draft.secrets, draft.folders = tuple(closure.secrets), tuple(closure.folders)
        if draft.problems:
            return
        command = self._kustomize_command()
        if command is None or (edits and not self.settings.kustomize):
            found = "neither kustomize nor kubectl" if command is None else "no kustomize, and kubectl cannot edit,"
            place = application.place_of(*source.path_in_spec)
            problem = Problem(
                ProblemKind.TOOL, "render-tool-missing", place, f"{found} on the PATH", "kustomize installed"
            )
            draft.problems.append(problem)
            return
        if any(
            "ARGOCD_APP_REVISION" in text for edit in _edit_texts(source.kustomize) for text in envsubst.variables(edit)
        ):
            draft.assumptions.append(REVISION)
        draft.job = KustomizeJob(
            str(root.resolve("")),
            draft.directory,
            command,
            editor=self.settings.kustomize or "" if edits else "",
            folders=tuple(closure.folders) if edits else (),
            edits=edits.commands,
            patches=edits.patches,
            components=tuple(entry.text or "" for entry in components),
        )

    def _components(self, draft: Draft, edits: SourceEdits) -> tuple[Node, ...]:
        """The components that the source adds: with `ignoreMissingComponents` the first that exists, and no other.

        Argo CD stops looking at the first one (argo-cd: util/kustomize/kustomize.go `Build`, `break component`).
        """
        assert draft.root is not None
        lenient = draft.source.kustomize and draft.source.kustomize.get("ignoreMissingComponents")
        if not (lenient and lenient.flag):
            return edits.components
        return tuple(islice((c for c in edits.components if self._is_component(draft, c.text or "")), 1))

    def _is_component(self, draft: Draft, path: str) -> bool:
        assert draft.root is not None
        folder = posixpath.normpath(posixpath.join(draft.directory, path))
        return any(draft.root.is_file(posixpath.join(folder, name)) for name in FILE_NAMES)

    def _kustomize_command(self) -> tuple[str, ...] | None:
        if self.settings.kustomize:
            return (self.settings.kustomize, "build")
        return (self.settings.kubectl, "kustomize") if self.settings.kubectl else None

    def _helm(self, draft: Draft) -> None:
        assert draft.root is not None
        application, source = draft.application, draft.source
        control_plane = self.policy.section(ArgoCDSection).namespace
        env = build_environment(application, source, control_plane)
        resolved = resolve_layers(application, source, draft.root, draft.directory, self._refs(application), env)
        draft.layers = tuple(resolved.layers)
        draft.problems.extend(resolved.problems)
        self.values_files.update(resolved.files)
        if any("ARGOCD_APP_REVISION" in name for name in _variables(source)):
            draft.assumptions.append(REVISION)
        if draft.problems:
            return
        dependencies = self._dependencies(draft, draft.root)
        if draft.problems:
            return
        cluster = self.policy.section(ClusterSection)
        helm = source.helm
        self._refused_settings(draft, source.node.get("helm"), "helm")
        if draft.problems:
            return
        named = helm.kube_version or cluster.kubernetes_version
        if not named and self._asks(draft):
            draft.assumptions.append(CAPABILITIES)
        draft.job = HelmJob(
            chart=str(draft.root.resolve(draft.directory)),
            release=helm.release_name or application.name,
            namespace=helm.namespace or application.destination.namespace,
            values=tuple(_texts(draft.layers)),
            sets=tuple(_sets(draft.layers)),
            kube_version=_kube_version(named),
            api_versions=helm.api_versions or (*api_versions(), *cluster.api_versions),
            include_crds=not helm.skip_crds,
            skip_tests=helm.skip_tests,
            skip_schema_validation=helm.skip_schema_validation,
            local_dependencies=dependencies,
            helm=self.settings.helm,
            embedded=self.settings.embedded_helm,
        )

    def _refused_settings(self, draft: Draft, block: Node | None, kind: str) -> None:
        """Settings that stop Argo CD before it asks Helm or kustomize."""
        version, kube_version = (_setting(block, key) for key in ("version", "kubeVersion"))
        for key, value, expected, refused in (
            ("version", version, "v3 or v4, which select nothing", kind == "helm" and version not in _HELM_VERSIONS),
            ("kubeVersion", kube_version, "a version such as 1.34.2", kube_version and not _kube_version(kube_version)),
        ):
            if refused:
                place = draft.application.place_of(*draft.source.path_in_spec, kind, key)
                field = _source_field(draft.application, draft.source)
                found = f"{kind}.{key} {value}, which Argo CD refuses"
                draft.problems.append(Problem(ProblemKind.BROKEN, "render-failed", place, found, expected, field=field))

    def _dependencies(self, draft: Draft, root: FileRoot) -> tuple[tuple[str, str], ...]:
        """What Argo CD's `helm dependency build` would bring into `charts/`, as far as this machine has it."""
        found = []
        for dependency in missing_dependencies(root, draft.directory):
            folder = dependency.folder(draft.directory)
            if folder is not None and root.is_dir(folder):
                self._refused(draft, root, folder)
                found.append((dependency.name, str(root.resolve(folder))))
            elif dependency.is_remote:
                self.remote_dependencies.add(dependency)
                stored = self.locator.stored(dependency.repository, dependency.name, dependency.version)
                if stored is not None:
                    self._refused(draft, FileRoot(stored.path, f"{dependency.name}@{stored.version}:"))
                    found.append((dependency.name, str(stored.path)))
        return tuple(found)

    def _refs(self, application: Application) -> Mapping[str, FileRoot | Problem]:
        return {
            source.ref: self.locator.repository(application, source) for source in application.sources if source.ref
        }

    def _asks(self, draft: Draft) -> bool:
        """Whether a template looks at the cluster's capabilities, or Chart.yaml names the versions that it wants."""
        assert draft.root is not None
        key = draft.root.display(draft.directory)
        if key not in self._asks_capabilities:
            folder = draft.root.resolve(draft.directory)
            chart = folder / "Chart.yaml"
            constrained = chart.is_file() and _KUBE_CONSTRAINT.search(chart.read_bytes())
            self._asks_capabilities[key] = bool(constrained) or any(
                _CAPABILITIES.search(path.read_bytes())
                for path in sorted(folder.rglob("templates/**/*"))
                if path.is_file() and path.suffix in (".yaml", ".yml", ".tpl")
            )
        return self._asks_capabilities[key]


def _source_field(application: Application, source: Source) -> str:
    return named_path(application.node.plain(), source.path_in_spec)


def _setting(block: Node | None, key: str) -> str:
    below = block.get(key) if block is not None else None
    return (below.text or "") if below is not None else ""


def _edit_texts(block: Node | None) -> list[str]:
    """The texts of a kustomize block in which Argo CD expands variables."""
    if block is None:
        return []
    images, labels = block.get("images"), block.get("commonLabels")
    texts = [entry.text or "" for entry in images.items] if images else []
    return texts + ([node.text or "" for node in labels.mapping.values()] if labels else [])


def _variables(source: Source) -> list[str]:
    texts = [entry.text for entry in source.helm.value_files]
    texts += [parameter.value for parameter in source.helm.parameters]
    texts += [parameter.path for parameter in source.helm.file_parameters]
    return [name for text in texts for name in envsubst.variables(text)]


def _texts(layers: tuple[ValuesLayer, ...]) -> list[str]:
    """What Helm gets by `--values`: the chart's own values.yaml is not among them, Helm reads it itself."""
    return [
        layer.text or values_text(layer.node.plain())
        for layer in layers
        if layer.kind in (LayerKind.VALUE_FILE, LayerKind.INLINE)
    ]


def _sets(layers: tuple[ValuesLayer, ...]) -> list[SetFlag]:
    return [
        SetFlag(layer.label, layer.text, str(layer.node.value))
        for layer in layers
        if layer.kind in (LayerKind.PARAMETER, LayerKind.FILE_PARAMETER)
    ]


def _kube_version(text: str) -> str:
    """`v1.31.2-gke.1` as `1.31.2`, which is what Argo CD passes; empty for what it cannot read.

    Source: argo-cd: reposerver/repository/repository.go `parseKubeVersion`, apimachinery: pkg/util/version/version.go
    `parse`.
    """
    match = _KUBE_VERSION.fullmatch(text)
    return ".".join(str(int(number)) for number in match[1].split(".")) if match else ""
