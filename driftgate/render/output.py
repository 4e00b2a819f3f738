"""From rendered text to documents: split as Helm splits, parsed as Argo CD parses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from driftgate.model.node import Duplicate, Node, field_path
from driftgate.render.jobs import Fault, RenderedDocument
from driftgate.yaml_reader import read_yaml

__all__ = ["parse_output", "split_manifests"]

# helm: pkg/release/v1/util/manifest.go `sep`.
_SEPARATOR = re.compile(r"(?:^|\s*\n)---\s*")


def split_manifests(text: str) -> list[str]:
    """The documents of one template's output, as Helm tells them apart and prints them; empty ones are dropped."""
    return [f"{part.strip()}\n" for part in _SEPARATOR.split(text.strip()) if part.strip()]


def parse_output(texts: Iterable[tuple[str, str]]) -> tuple[list[RenderedDocument], list[Fault]]:
    """The objects of (template, text) pairs, lists expanded as Argo CD expands them, and what is wrong with any.

    Source: argo-cd: gitops-engine/pkg/utils/kube/kube.go `SplitYAML`, reposerver/repository/repository.go
    `GenerateManifests`.
    """
    documents: list[RenderedDocument] = []
    faults: list[Fault] = []
    for template, text in texts:
        for index, part in enumerate(split_manifests(text)):
            _parse(template, index, part, documents, faults)
    return documents, faults


def _parse(template: str, index: int, text: str, documents: list[RenderedDocument], faults: list[Fault]) -> None:
    read = read_yaml(text, template, exact=False)
    if read.fault is not None:
        faults.append(Fault("output-not-yaml", template, index, read.fault.message))
        return
    for document in read.documents:
        faults.extend(_duplicate_faults(template, index, document.duplicates))
        if document.root is not None and document.root.value is not None:
            _object(template, index, document.root, documents, faults)


def _duplicate_faults(template: str, index: int, duplicates: tuple[Duplicate, ...]) -> Iterator[Fault]:
    """Two objects run together show as `apiVersion` or `kind` twice at the top: the separator was trimmed away."""
    top = {d.path[0] for d in duplicates if len(d.path) == 1}
    if {"apiVersion", "kind"} & top:
        names = ", ".join(sorted(str(name) for name in top))
        yield Fault("output-separator-swallowed", template, index, f"{names} stand twice in one document")
        return
    for duplicate in duplicates:
        yield Fault("output-duplicate-key", template, index, field_path(duplicate.path))


def _object(template: str, index: int, root: Node, documents: list[RenderedDocument], faults: list[Fault]) -> None:
    plain = root.plain()
    if not isinstance(plain, dict):
        faults.append(Fault("output-not-object", template, index, f"a {root.type_name}"))
        return
    if not plain.get("kind"):
        faults.append(Fault("output-not-object", template, index, "a document without kind"))
        return
    items = plain.get("items")
    if not isinstance(items, list):
        documents.append(RenderedDocument(template, index, plain))
        return
    for item in items:
        if isinstance(item, dict) and item.get("kind"):
            documents.append(RenderedDocument(template, index, item))
        else:
            faults.append(Fault("output-not-object", template, index, "an item without kind in a list"))
