"""Read a directory source as Argo CD does: no tool, only files."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from driftgate.files import FileRoot
from driftgate.model.application import DirectorySource
from driftgate.model.environment import OutputFault, Problem, ProblemKind
from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.semantics.globs import gobwas_match
from driftgate.yaml_reader import YamlText, read_yaml

__all__ = ["DirectoryOutput", "read_directory"]

MAX_BYTES = 10_000_000
_NAME = re.compile(r"^.*\.(yaml|yml|json|jsonnet)$")
_SKIP_MARK = b"+argocd:skip-file-rendering"
_LOOKS_LIKE_MANIFEST = (b"apiVersion:", b"kind:", b"metadata:")


@dataclass(slots=True)
class DirectoryOutput:
    """The manifests of a directory with their files, and what could not be read.

    `skipped` counts files that Argo CD itself passes over.
    """

    manifests: list[tuple[str, int, Node]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    faults: list[OutputFault] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def read_directory(root: FileRoot, directory: str, options: DirectorySource) -> DirectoryOutput:
    """Every manifest of a directory source, in lexical order of the files.

    Source: argo-cd: reposerver/repository/repository.go `findManifests`, `getObjsFromYAMLOrJSON`.
    """
    output = DirectoryOutput()
    total = 0
    for relative in _selected(root, directory, options):
        path = posixpath.join(directory, relative)
        if relative.endswith(".jsonnet"):
            output.problems.append(
                Problem(
                    ProblemKind.UNSUPPORTED,
                    "source-jsonnet",
                    root.place(path),
                    "a jsonnet file",
                    "YAML or JSON",
                )
            )
            continue
        try:
            data = root.read(path)
        except OSError as error:
            output.problems.append(
                Problem(
                    ProblemKind.BROKEN,
                    "file-unreadable",
                    root.place(path),
                    str(error.strerror or error),
                    "a readable file",
                )
            )
            continue
        if _SKIP_MARK in data:
            output.skipped.append(path)
            continue
        total += len(data)
        _read(root.display(path), data, output)
    if total > MAX_BYTES:
        output.problems.append(
            Problem(
                ProblemKind.BROKEN,
                "directory-too-large",
                root.place(directory),
                f"{total} bytes of manifests",
                f"at most {MAX_BYTES}, the repo-server's default for --max-combined-directory-manifests-size",
            )
        )
    return output


def _selected(root: FileRoot, directory: str, options: DirectorySource) -> Iterator[str]:
    prefix = f"{directory}/" if directory else ""
    for name in sorted(root.files(directory)):
        relative = name.removeprefix(prefix)
        if not options.recurse and "/" in relative:
            continue
        if not _NAME.match(posixpath.basename(relative)):
            continue
        if options.exclude and gobwas_match(options.exclude, relative):
            continue
        if options.include and not gobwas_match(options.include, relative):
            continue
        yield relative


def _read(file: str, data: bytes, output: DirectoryOutput) -> None:
    if file.endswith(".json"):
        _check_single_json(file, data, output)
    text = read_yaml(data, file)
    if text.fault is not None:
        _fault(text, data, output)
        if text.fault.fault != "templated":
            return
    for document in text.documents:
        for duplicate in document.duplicates:
            output.faults.append(
                OutputFault(
                    "manifest-duplicate-key",
                    file,
                    document.index,
                    f"already set at {duplicate.first}",
                    duplicate.second,
                )
            )
        if document.root is not None and document.root.value is not None:
            _document(file, document.index, document.root, data, output)


def _check_single_json(file: str, data: bytes, output: DirectoryOutput) -> None:
    try:
        json.loads(data)
    except ValueError as error:
        output.problems.append(
            Problem(ProblemKind.BROKEN, "manifest-not-yaml", Place(file), str(error), "one JSON object")
        )


def _fault(text: YamlText, data: bytes, output: DirectoryOutput) -> None:
    """Argo CD fails over a file that looks like a manifest, and passes over any other that does not parse."""
    assert text.fault is not None
    if not text.documents and not all(mark in data for mark in _LOOKS_LIKE_MANIFEST):
        output.skipped.append(text.file)
        return
    fault = "manifest-templated" if text.fault.fault == "templated" else "manifest-not-yaml"
    output.problems.append(
        Problem(ProblemKind.BROKEN, fault, text.fault.place, text.fault.message, "YAML that Argo CD can read")
    )


def _document(file: str, index: int, root: Node, data: bytes, output: DirectoryOutput) -> None:
    items = root.get("items")
    if items is not None and isinstance(items.value, list):
        output.manifests.extend((file, index, item) for item in items.items if isinstance(item.value, dict))
        return
    kind = root.get("kind")
    if isinstance(root.value, dict) and kind is not None and kind.text:
        output.manifests.append((file, index, root))
    elif all(mark in data for mark in _LOOKS_LIKE_MANIFEST) or _has_manifest(output, file):
        found = "a document without kind" if isinstance(root.value, dict) else f"a {root.type_name}"
        output.problems.append(
            Problem(
                ProblemKind.BROKEN,
                "manifest-without-kind",
                root.place,
                found,
                "a Kubernetes object in every document",
            )
        )
    else:
        output.skipped.append(file)


def _has_manifest(output: DirectoryOutput, file: str) -> bool:
    """Whether an earlier document of the file was a manifest; then Argo CD does not pass over a bad one."""
    return any(name == file for name, _, _ in output.manifests)
