"""Field managers of an object, as an API server records them: who owns which field."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from tests.agreement.kinds import Json, Kind, Path_, Schema

MANAGERS = ("argocd-controller", "kubectl-client-side-apply", "kube-controller-manager", "kubectl-edit", "hpa", "helm")
#: Nobody owns these.
UNOWNED = frozenset({("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")})


def managed_fields(chance: random.Random, schema: Schema, kind: Kind, owned: Json) -> list[Json]:
    """Entries that share out the fields of an object among a few managers; some fields have two owners."""
    managers = chance.sample(MANAGERS, chance.randint(1, 3))
    sets: dict[str, Json] = {manager: {} for manager in managers}
    for path in _fields(schema, schema.definitions.get(kind.definition), owned):
        for manager in chance.sample(managers, 2 if len(managers) > 1 and chance.random() < 0.1 else 1):
            _add(sets[manager], path)
    return [
        {
            "manager": manager,
            "operation": "Apply" if manager == "argocd-controller" else "Update",
            "apiVersion": kind.api_version,
            "time": "2026-03-01T10:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        for manager, fields in sets.items()
        if fields
    ]


def _add(fields: Json, path: Sequence[str]) -> None:
    for element in path:
        fields = fields.setdefault(element, {})


def _fields(
    schema: Schema, node: Json | None, value: Any, path: tuple[str, ...] = (), way: Path_ = ()
) -> Iterator[tuple[str, ...]]:
    """The fields that an owner may own, each as the elements of its path in the form of `fieldsV1`."""
    if way in UNOWNED or way[:2] == ("metadata", "managedFields"):
        return
    content = schema.resolved(node)[1] if node is not None else {}
    if isinstance(value, dict) and value and content.get("x-kubernetes-map-type") != "atomic":
        if path:
            yield (*path, ".")
        for name, below in value.items():
            step = schema.below(node, name) if node is not None else None
            yield from _fields(schema, step, below, (*path, f"f:{name}"), (*way, name))
    elif isinstance(value, list) and content.get("x-kubernetes-list-type") in {"map", "set"}:
        yield from _elements(schema, content, value, path, way)
    else:
        yield path


def _elements(
    schema: Schema, content: Json, items: list[Any], path: tuple[str, ...], way: Path_
) -> Iterator[tuple[str, ...]]:
    yield (*path, ".")
    for index, item in enumerate(items):
        if content["x-kubernetes-list-type"] == "set":
            yield (*path, f"v:{json.dumps(item)}")
        elif isinstance(item, dict):
            keys = {key: item[key] for key in content["x-kubernetes-list-map-keys"] if key in item}
            element = "k:" + json.dumps(keys, sort_keys=True, separators=(",", ":"))
            yield from _fields(schema, content["items"], item, (*path, element), (*way, index))
