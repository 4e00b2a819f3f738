"""Applications rendered twice from the same files: by driftgate, and by the code of Argo CD's repo server."""

from __future__ import annotations

import collections
import contextlib
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from driftgate.assembly.plan import REVISION, Draft, Planner
from driftgate.compare import Tracking, desired_object
from driftgate.errors import DriftgateError
from driftgate.facts import api_versions
from driftgate.files import FileRoot
from driftgate.model.application import Application
from driftgate.model.environment import Problem, ProblemKind, SourceType
from driftgate.model.node import Node
from driftgate.policy import ArgoCDSection, Policy
from driftgate.render.pool import WorkerPool
from driftgate.repository.git import GitClone
from driftgate.repository.sources import Locator
from driftgate.repository.store import FetchStore
from driftgate.settings import Settings
from tests.agreement.kinds import Json
from tests.agreement.rules import Setup
from tests.agreement.settings import rules_of
from tests.agreement.verdicts import first_difference
from tests.oracle import SCRATCH, Oracle

REPOSITORY = "https://git.test/shop.git"
OTHER_REPOSITORY = "https://git.test/other.git"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LINK, UTF_16 = "link", "utf-16"
#: Where Argo CD writes the values of an Application before it asks Helm.
_VALUES_FILE = re.compile(f"{re.escape(tempfile.gettempdir())}/{SCRATCH}[^/]+/[0-9a-f-]{{36}}")


@dataclass(frozen=True, slots=True)
class Tree:
    """An Application, the files of its repository, and what the cluster tells of itself.

    A file is its text, `{"link": target}` for a symlink, or `{"utf-16": text}`.
    """

    application: Json
    files: Mapping[str, str | Json] = field(repr=False)
    kubernetes: str = "v1.34.2"
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Json) -> Tree:
        """The tree of a row."""
        return cls(document["application"], document["files"], document["kubernetes"], document["settings"])

    def document(self) -> Json:
        """What a row keeps of it."""
        return {
            "application": self.application,
            "files": dict(self.files),
            "kubernetes": self.kubernetes,
            "settings": dict(self.settings),
        }

    def write(self, root: Path) -> None:
        """Write the files below a root."""
        for name, content in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_bytes(content.encode("utf-8", "surrogateescape"))
            elif LINK in content:
                path.symlink_to(content[LINK])
            else:
                path.write_bytes(content[UTF_16].encode("utf-16"))

    @property
    def tracking(self) -> Tracking:
        """What driftgate's comparison marks objects with."""
        found = rules_of(Setup(settings=self.settings)).tracking
        metadata, spec = self.application["metadata"], self.application["spec"]
        outside = metadata.get("namespace", "argocd") != "argocd"
        return Tracking(
            method=found.method,
            application=f"{metadata['namespace']}_{metadata['name']}" if outside else metadata["name"],
            namespace=spec.get("destination", {}).get("namespace", ""),
            label_key=found.label_key,
            installation_id=self.settings.get("installationID", ""),
        )


@dataclass(frozen=True, slots=True)
class Rendered:
    """How a tree came out, in a word for each of its sources, and where the two disagree, in words."""

    names: tuple[str, ...]
    disagreement: str = ""


class Renderer:
    """Renders trees both ways. `programs` are the helm and the kustomize for both."""

    def __init__(self, oracle: Oracle, *, helm: Path, kustomize: Path, embedded: bool = True) -> None:
        self._oracle = oracle
        self._open = contextlib.ExitStack()
        self._programs = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="programs-")))
        for name, program in (("helm", helm), ("kustomize", kustomize)):
            (self._programs / name).symlink_to(program)
        self._settings = Settings(
            cache=None,
            store=self._programs / "nothing-fetched",
            workers=1,
            embedded_helm=embedded,
            helm=str(helm),
            kustomize=str(kustomize),
        )
        self._pool = self._open.enter_context(WorkerPool(self._settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def judged(self, tree: Tree) -> Rendered:
        """What both make of a tree."""
        with tempfile.TemporaryDirectory(prefix="tree-") as folder:
            roots = Path(folder) / "ours", Path(folder) / "theirs"
            for root in roots:
                root.mkdir()
                tree.write(root)
            drafts = self._ours(tree, roots[0])
            answer = self._theirs(tree, roots[1])
        if isinstance(answer, str):
            failed = any(_failures(draft) for draft in drafts)
            return Rendered(("fails",), "" if failed else f"Argo CD refuses the sources, driftgate does not: {answer}")
        names, found = [], []
        for draft in drafts:
            said = answer[draft.source.index]
            name, disagreement = _held(tree, draft, said)
            names.append(name)
            found.append(disagreement)
        untouched = {i for i, said in enumerate(answer) if said["type"]} - {draft.source.index for draft in drafts}
        found.append(f"only Argo CD renders sources {sorted(untouched)}" if untouched else "")
        return Rendered(tuple(names), next(filter(None, found), ""))

    def said(self, tree: Tree) -> Any:
        """What Argo CD alone makes of a tree: an answer for each source, or the text of an error."""
        with tempfile.TemporaryDirectory(prefix="tree-") as folder:
            tree.write(Path(folder))
            return self._theirs(tree, Path(folder))

    def _ours(self, tree: Tree, root: Path) -> list[Draft]:
        policy = Policy("test", "", Node.from_plain({"cluster": {"kubernetesVersion": tree.kubernetes}}, "policy.yaml"))
        locator = Locator(FileRoot(root), GitClone(root), (REPOSITORY,), FetchStore(self._settings.store))
        application = Application.from_manifest(Node.from_plain(tree.application, "shop.yaml"))
        drafts = Planner(locator, policy, self._settings).drafts(application)
        waiting = [(draft, draft.job) for draft in drafts if draft.job is not None]
        for (draft, _), reply in zip(waiting, self._pool.run([job for _, job in waiting]), strict=True):
            draft.take(reply)
        return drafts

    def _theirs(self, tree: Tree, root: Path) -> list[Json] | str:
        answer = self._oracle.ask(
            "manifests",
            application=tree.application,
            folders={REPOSITORY: str(root)},
            revision=COMMIT,
            kubeVersion=tree.kubernetes,
            apiVersions=api_versions(),
            directoryBytes=ArgoCDSection().directory_bytes,
            settings=dict(tree.settings),
            programs=str(self._programs),
        )
        if answer.failed:
            return _lasting(answer.error, root) or f"panic: {answer.panic}"
        return [{**said, "error": _lasting(said.get("error", ""), root)} for said in answer.value]


def _lasting(error: str, root: Path) -> str:
    """The text of an error without the folders of this run."""
    return _VALUES_FILE.sub("<values>", error.replace(str(root), "<root>"))


# --- what agreement is

#: What Argo CD says where driftgate has a word for what is wrong.
ERRORS: Mapping[str, str] = {
    "directory-too-large": "exceeded max combined manifest file size",
    "file-unreadable": "Failed to open|failed to read|illegal filepath|failed to evaluate symlink",
    "manifest-not-yaml": "[Ff]ailed to unmarshal|Found multiple objects",
    "manifest-templated": "Failed to unmarshal",
    "manifest-without-kind": "Failed to unmarshal|items member is not an object|'Kind' is missing",
    "output-not-object": "unmarshal|Kind' is missing|unexpected type",
    "output-not-yaml": "unmarshal|YAML parse error|converting YAML|yaml: ",
    "path-leaves-repository": "outside repository root|outside root|failed to resolve path|must not contain",
    "release-name-invalid": "invalid release name|release name",
    "render-failed": (
        "failed to execute helm template|helm version '.*' is not supported|error reading helm chart|`kustomize |"
        "could not parse kubernetes version|integer value for count|expected 'patches' field|failed to unmarshal"
    ),
    "chart-dependency-not-vendored": "error building helm chart dependencies|missing in charts|are not permitted",
    "source-incomplete": "",
    "source-override-invalid": "error while parsing source parameters",
    "source-path-missing": "app path",
    "source-type-ambiguous": "multiple application sources defined",
    "symlink-out-of-repository": "out-of-bounds symlinks",
    "value-file-missing": "no such file or directory|matched no files|error expanding glob pattern",
    "value-file-not-yaml": "failed to parse|cannot unmarshal|error converting YAML|yaml:",
    "value-file-ref-unknown": "source referenced",
    "value-file-scheme": "URL scheme",
    "value-file-unreadable": "is a directory|no such file|permission denied",
}
#: Faults of single documents over which Argo CD fails; it passes over the others.
FATAL = frozenset({"output-not-object", "output-not-yaml"})
#: Both fail, and begin with something else.
OTHERWISE = "fails, beginning with something else"
NO_TRACKING = "failed to set app instance tracking info"
#: What a tree may be untold for: Argo CD has an answer or not, and driftgate says that it could not check.
UNTOLD = frozenset({"chart-dependency-not-vendored", "source-jsonnet", "source-remote", "value-file-remote"})


def _failures(draft: Draft) -> list[tuple[str, str]]:
    """(word, what was found) of everything for which driftgate says that Argo CD renders nothing."""
    problems = [(p.fault, p.found) for p in draft.problems if p.kind is ProblemKind.BROKEN]
    return [*problems, *((fault.fault, fault.found) for fault in draft.faults if fault.fault in FATAL)]


def _held(tree: Tree, draft: Draft, said: Json) -> tuple[str, str]:
    """How one source came out, and where driftgate and Argo CD disagree about it."""
    untold = _untold(draft.problems)
    failures = _failures(draft)
    error = said.get("error", "")
    if untold and not failures:
        return f"could not check: {untold}", "" if untold in UNTOLD else f"driftgate cannot tell: {untold}"
    try:
        ours = _marked(tree, draft)
    except DriftgateError as failure:
        if failures and NO_TRACKING not in error:
            return _fails(failures, error)
        return (
            "fails: no place for tracking",
            "" if NO_TRACKING in error else f"only driftgate fails: {failure}; {error}",
        )
    if failures:
        return _fails(failures, error)
    if error:
        return "fails", f"only Argo CD fails: {error}"
    kind = draft.type.value
    if said["type"].casefold() != kind:
        return kind, f"driftgate takes it for {kind}, Argo CD for {said['type']}"
    if REVISION in draft.assumptions:
        return f"{kind}: revision assumed", _differs(_bare(ours), _bare(said["manifests"]), ordered=False)
    theirs = [_namespaced(tree, manifest) for manifest in said["manifests"]]
    name = f"{kind}: nothing" if not theirs else kind
    return name, _differs(ours, theirs, ordered=draft.type is not SourceType.HELM)


def _untold(problems: Iterable[Problem]) -> str:
    return next((problem.fault for problem in problems if problem.kind is not ProblemKind.BROKEN), "")


def _fails(failures: Sequence[tuple[str, str]], error: str) -> tuple[str, str]:
    """How a source came out for which driftgate tells what is wrong.

    Of several things that are wrong Argo CD tells the first, and driftgate those of the first step that fails.
    """
    shown = "; ".join(f"{fault} ({found})" for fault, found in failures)
    if not error:
        return f"fails: {failures[0][0]}", f"only driftgate fails: {shown}"
    if any(re.search(ERRORS[fault], error) for fault, _ in failures if fault in ERRORS):
        return f"fails: {failures[0][0]}", ""
    if any(re.search(pattern, error) for pattern in ERRORS.values() if pattern):
        return OTHERWISE, ""
    return f"fails: {failures[0][0]}", f"driftgate fails with {shown}, Argo CD otherwise: {error}"


def _marked(tree: Tree, draft: Draft) -> list[Json]:
    """The objects with the metadata that Argo CD puts on what it has rendered."""
    tracking = tree.tracking
    plain: list[Any] = [each.plain() if isinstance(each, Node) else each for _, _, each in draft.documents]
    return [desired_object(document, tracking, namespaced=not _is_crd(document)) for document in plain]


def _namespaced(tree: Tree, manifest: Json) -> Json:
    """With the namespace that the controller fills in before it compares."""
    metadata = manifest.get("metadata", {})
    namespace = tree.tracking.namespace
    if _is_crd(manifest) or not namespace or not isinstance(metadata, dict) or metadata.get("namespace"):
        return manifest
    return {**manifest, "metadata": {**metadata, "namespace": namespace}}


def _is_crd(document: Json) -> bool:
    group = str(document.get("apiVersion")).partition("/")[0]
    return document.get("kind") == "CustomResourceDefinition" and group == "apiextensions.k8s.io"


def _bare(documents: Iterable[Json]) -> list[Json]:
    return [{"kind": each.get("kind")} for each in documents]


def _differs(ours: list[Json], theirs: list[Json], *, ordered: bool) -> str:
    """Where two lists of objects differ. Of helm's only the order among objects of the same name counts."""
    ours, theirs = _with_floats(ours), _with_floats(theirs)
    if not ordered:
        ours, theirs = sorted(ours, key=_key), sorted(theirs, key=_key)
    if [_key(each) for each in ours] != [_key(each) for each in theirs]:
        left, right = collections.Counter(map(_key, ours)), collections.Counter(map(_key, theirs))
        if left == right:
            return f"another order: {[*map(_key, ours)]}, Argo CD {[*map(_key, theirs)]}"
        return f"objects: only driftgate has {sorted(left - right)}, only Argo CD {sorted(right - left)}"
    found = (first_difference(one, other, f"{'/'.join(_key(one))} ") for one, other in zip(ours, theirs, strict=True))
    return next(filter(None, found), "")


def _with_floats(value: Any) -> Any:
    """With floats for the integers that are floats to everything that is written in Go."""
    if isinstance(value, dict):
        return {key: _with_floats(below) for key, below in value.items()}
    if isinstance(value, list):
        return [*map(_with_floats, value)]
    huge = isinstance(value, int) and not -(1 << 63) <= value < 1 << 63
    return float(value) if huge else value


def _key(document: Json) -> tuple[str, str, str, str]:
    metadata = document.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    texts = (document.get("apiVersion"), document.get("kind"), named.get("namespace"), named.get("name"))
    version, kind, namespace, name = ("" if text is None else str(text) for text in texts)
    return version, kind, namespace, name
