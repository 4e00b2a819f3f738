"""`.argocd-source.yaml`: files beside the manifests that change the source while Argo CD renders it."""

from __future__ import annotations

import posixpath
from typing import Any

from driftgate.facts import application_schema
from driftgate.files import FileRoot
from driftgate.model.application import Source
from driftgate.model.environment import Problem, ProblemKind
from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.yaml_reader import read_yaml

__all__ = ["overridden"]

# What names the files to render cannot be changed from among them.
_FIXED = ("repoURL", "path", "chart", "targetRevision", "ref")
_TYPES: dict[str, tuple[str, ...]] = {
    "string": ("string",),
    "boolean": ("boolean",),
    "integer": ("integer",),
    "number": ("integer", "number"),
    "array": ("list",),
    "object": ("mapping",),
}


class _WrongTypeError(Exception):
    def __init__(self, place: Place, found: str, expected: str) -> None:
        super().__init__(found)
        self.place = place
        self.found = found
        self.expected = expected


def overridden(source: Source, root: FileRoot, directory: str, instance: str) -> Source | Problem:
    """The source with `.argocd-source.yaml` and `.argocd-source-<instance>.yaml` of its folder merged over it.

    Each file is a JSON merge patch; Go takes its keys in any case of letters. What they set keeps their own place.
    Source: argo-cd: reposerver/repository/repository.go `mergeSourceParameters`.
    """
    node = source.node
    for name in (".argocd-source.yaml", f".argocd-source-{instance}.yaml"):
        path = posixpath.join(directory, name)
        if not root.is_file(path):
            continue
        try:
            patch = _patch(root, path)
        except _WrongTypeError as error:
            return Problem(ProblemKind.BROKEN, "source-override-invalid", error.place, error.found, error.expected)
        node = _merged(node, patch)
    return source if node is source.node else source.with_node(node)


def _patch(root: FileRoot, path: str) -> Node:
    file = root.display(path)
    try:
        text = read_yaml(root.read(path), file)
    except OSError as error:
        raise _WrongTypeError(Place(file), str(error.strerror or error), "a readable file") from error
    if text.fault is not None:
        raise _WrongTypeError(text.fault.place, text.fault.message, "YAML in UTF-8")
    node = text.documents[0].root if text.documents else None
    if node is None or not isinstance(node.value, dict):
        found = "nothing" if node is None or node.value is None else f"a {node.type_name}"
        raise _WrongTypeError(Place(file) if node is None else node.place, found, "a mapping")
    schema = application_schema()["properties"]["spec"]["properties"]["source"]
    spelled = _spelled(node, schema)
    left = {key: below for key, below in spelled.mapping.items() if key not in _FIXED}
    return Node(left, node.file, node.line, node.column, spelled.keys)


def _spelled(node: Node, schema: dict[str, Any]) -> Node:
    """The node with the schema's spelling of each field, as Go's JSON decoder finds them.

    _WrongTypeError where a field has another type than the schema gives it.
    """
    if node.value is None:
        return node
    wanted = schema.get("type")
    kinds = [wanted] if isinstance(wanted, str) else list(wanted or ())
    names = {name for kind in kinds for name in _TYPES.get(kind, ())}
    if names and node.type_name not in names:
        raise _WrongTypeError(node.place, f"a {node.type_name}", f"a {' or a '.join(sorted(names))}")
    if isinstance(node.value, list):
        below = schema.get("items")
        items = [_spelled(item, below) for item in node.value] if isinstance(below, dict) else node.value
        return Node(items, node.file, node.line, node.column)
    properties = schema.get("properties")
    if not isinstance(node.value, dict) or not properties:
        return node
    by_lower = {name.lower(): name for name in properties}
    entries, keys = {}, {}
    for key, item in node.value.items():
        name = key if key in properties else by_lower.get(key.lower(), key)
        entries[name] = _spelled(item, properties.get(name, {}))
        if key in node.keys:
            keys[name] = node.keys[key]
    return Node(entries, node.file, node.line, node.column, keys)


def _merged(base: Node, patch: Node) -> Node:
    """A JSON merge patch (RFC 7386): mappings merge, null deletes, everything else replaces."""
    if not isinstance(patch.value, dict):
        return patch
    if not isinstance(base.value, dict):
        base = Node({}, patch.file, patch.line, patch.column)
    entries, keys = dict(base.mapping), dict(base.keys)
    for key, below in patch.mapping.items():
        if below.value is None:
            entries.pop(key, None)
        else:
            entries[key] = _merged(entries.get(key, Node(None, below.file)), below)
        if not isinstance(below.value, dict) or key not in base.mapping:
            # A key of the other file: its own line would be read as one of this file, so its value's place counts.
            keys.pop(key, None)
    if not base.mapping:
        keys = {key: place for key, place in patch.keys.items() if key in entries}
    return Node(entries, base.file, base.line, base.column, keys)
