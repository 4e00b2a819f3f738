"""Read a directory source as Argo CD does: no tool, only files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from driftgate.files import FileRoot
from driftgate.model.application import DirectorySource
from driftgate.model.environment import OutputFault, Problem, ProblemKind
from driftgate.model.node import Duplicate, Node, field_path
from driftgate.model.place import Place
from driftgate.render.decoding import JsonError, read_json, read_manifests
from driftgate.semantics.globs import gobwas_match
from driftgate.yaml_reader import YamlText, as_utf8

__all__ = ["DirectoryOutput", "read_directory"]

_NAME = re.compile(r"^.*\.(yaml|yml|json|jsonnet)$")
_SKIP_MARK = b"+argocd:skip-file-rendering"
_LOOKS_LIKE_MANIFEST = (b"apiVersion:", b"kind:", b"metadata:")


@dataclass(slots=True)
class DirectoryOutput:
    """The manifests of a directory with their files, and what could not be read.

    `skipped` counts files that Argo CD itself passes over. `size` is the bytes of all files but jsonnet, which are what
    the repo-server limits.
    """

    manifests: list[tuple[str, int, Node]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    faults: list[OutputFault] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    size: int = 0


def read_directory(root: FileRoot, directory: str, options: DirectorySource) -> DirectoryOutput:
    """Every manifest of a directory source, in lexical order of the files.

    Source: argo-cd: reposerver/repository/repository.go `findManifests`, `getObjsFromYAMLOrJSON`.
    """
    output = DirectoryOutput()
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
            data = as_utf8(root.read(path))
        except FileNotFoundError:
            output.skipped.append(path)  # a link to nothing
            continue
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
        output.size += len(data)
        if _SKIP_MARK in data:
            output.skipped.append(path)
            continue
        _read(root.display(path), data, output)
    return output


def _selected(root: FileRoot, directory: str, options: DirectorySource) -> Iterator[str]:
    prefix = f"{directory}/" if directory else ""
    # Go's filepath.Walk sorts each folder by itself, so a folder `a` comes before a file `a.yaml`.
    for name in sorted(root.files(directory), key=lambda name: name.split("/")):
        relative = name.removeprefix(prefix)
        if not options.recurse and "/" in relative:
            continue
        if not options.disable_extension_filter and not _NAME.match(posixpath.basename(relative)):
            continue
        if options.exclude and gobwas_match(options.exclude, relative):
            continue
        if options.include and not gobwas_match(options.include, relative):
            continue
        yield relative


def _read(file: str, data: bytes, output: DirectoryOutput) -> None:
    if file.endswith(".json"):
        _read_json(file, data, output)
        return
    text = read_manifests(data, file)
    known = len(output.manifests)
    for document in text.documents:
        if document.root is None or document.root.value is None:
            continue
        before = len(output.manifests)
        if not _is_object(document.root):
            # Argo CD reads no further. A file without any manifest may be anything.
            if before > known or _looks_like_manifest(data):
                output.problems.append(_without_kind(document.root))
            else:
                output.skipped.append(file)
            return
        _document(file, document.index, document.root, output)
        # What Argo CD passes over may hold a key twice.
        if len(output.manifests) > before:
            output.faults.extend(_duplicate_fault(file, document.index, twice) for twice in document.duplicates)
    if text.fault is not None:
        _fault(text, data, output, known)


def _read_json(file: str, data: bytes, output: DirectoryOutput) -> None:
    try:
        root = read_json(data, file)
    except JsonError as error:
        place = Place(file, error.line, error.column)
        output.problems.append(Problem(ProblemKind.BROKEN, "manifest-not-yaml", place, str(error), "one JSON object"))
        return
    if _is_object(root):
        _document(file, 0, root, output)
    else:
        output.problems.append(_without_kind(root))


def _duplicate_fault(file: str, index: int, duplicate: Duplicate) -> OutputFault:
    path = field_path(duplicate.path)
    found = f"{path} a second time; the first stands in line {duplicate.first.line} and is dropped"
    return OutputFault("manifest-duplicate-key", file, index, found, duplicate.second, f"{file}:{path}")


def _fault(text: YamlText, data: bytes, output: DirectoryOutput, known: int) -> None:
    """Argo CD fails over a file that looks like a manifest, and passes over any other that does not parse."""
    assert text.fault is not None
    if len(output.manifests) == known and not text.roots and not _looks_like_manifest(data):
        output.skipped.append(text.file)
        return
    fault = "manifest-templated" if text.fault.fault == "templated" else "manifest-not-yaml"
    output.problems.append(
        Problem(ProblemKind.BROKEN, fault, text.fault.place, text.fault.message, "YAML that Argo CD can read")
    )


def _document(file: str, index: int, root: Node, output: DirectoryOutput) -> None:
    items = root.get("items")
    if items is not None and isinstance(items.value, list):
        output.manifests.extend((file, index, item) for item in items.items if _is_object(item))
        output.problems.extend(_without_kind(item) for item in items.items if not _is_object(item))
        return
    if items is not None and items.value is None and root.get("spec") is None and root.get("status") is None:
        return  # an empty list, as kubectl writes it
    output.manifests.append((file, index, root))


def _looks_like_manifest(data: bytes) -> bool:
    return all(mark in data for mark in _LOOKS_LIKE_MANIFEST)


def _is_object(node: Node) -> bool:
    kind = node.get("kind") if isinstance(node.value, dict) else None
    return bool(kind is not None and kind.text)


def _without_kind(node: Node) -> Problem:
    found = "a document without kind" if isinstance(node.value, dict) else f"a {node.type_name}"
    expected = "a Kubernetes object in every document"
    return Problem(ProblemKind.BROKEN, "manifest-without-kind", node.place, found, expected)
