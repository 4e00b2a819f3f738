"""The schemas that an environment brings itself: the policy's folder, what is rendered, what stands in the tree."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from driftgate.files import FileRoot
from driftgate.model.environment import Problem, ProblemKind
from driftgate.model.manifest import Manifest
from driftgate.model.place import Place
from driftgate.policy import ClusterSection, Policy, RepositorySection, SchemasSection
from driftgate.schemas import SchemaFileError, Schemas
from driftgate.semantics.globs import doublestar_match
from driftgate.yaml_reader import read_yaml

__all__ = ["environment_schemas"]

_SUFFIXES = (".yaml", ".yml", ".json")
_CRD = b"CustomResourceDefinition"
_LARGEST = 5_000_000


def environment_schemas(
    root: FileRoot, policy: Policy, files: Iterable[str], manifests: Iterable[Manifest]
) -> tuple[Schemas, tuple[Problem, ...]]:
    """Every schema that the objects of an environment are held to, and the files that should hold one and do not.

    The policy's folder counts before CRDs that are rendered, and these before the ones that driftgate brings. CRDs
    that merely stand in the tree are read where an object is otherwise without a schema.
    """
    cluster = policy.section(ClusterSection)
    schemas = Schemas(cluster.kubernetes_version, cluster.api_versions)
    problems = list(_of_folder(root, policy, schemas))
    listed = tuple(manifests)
    for manifest in listed:
        if manifest.kind == _CRD.decode() and manifest.api_version == "apiextensions.k8s.io/v1":
            try:
                schemas.add(manifest.object, manifest.template)
            except SchemaFileError as error:
                problems.append(_unreadable(manifest.place_of("spec", "versions"), error, manifest.object_id))
    missing = {manifest.kind for manifest in listed if not schemas.has(manifest.api_version, manifest.kind)}
    missing.discard("")
    if missing:
        _of_tree(root, policy, files, missing, schemas)
    return schemas, tuple(problems)


def _of_folder(root: FileRoot, policy: Policy, schemas: Schemas) -> Iterator[Problem]:
    """Read the folder of the policy; what lies in it and is no schema is a problem, because it was put there as one."""
    folder = policy.section(SchemasSection).folder.strip("/")
    if not folder:
        return
    if not root.is_dir(folder):
        place = policy.place_of("schemas", "folder")
        yield Problem(ProblemKind.BROKEN, "policy-entry-unmatched", place, f"no folder {folder}", "a folder of schemas")
        return
    for name in sorted(root.files(folder)):
        if name.endswith(_SUFFIXES):
            try:
                for document in _documents(root, name):
                    schemas.add(document, root.display(name))
            except (SchemaFileError, OSError) as error:
                yield _unreadable(root.place(name), error, name)


def _documents(root: FileRoot, name: str) -> list[object]:
    data = root.read(name)
    if len(data) > _LARGEST:
        raise SchemaFileError(f"larger than {_LARGEST // 1_000_000} MB")
    if name.endswith(".json"):
        try:
            return [json.loads(data)]
        except (ValueError, RecursionError) as error:
            raise SchemaFileError("not JSON") from error
    text = read_yaml(data, name, exact=False)
    if text.fault is not None:
        raise SchemaFileError(text.fault.message)
    return [node.plain() for node in text.roots]


def _unreadable(place: Place, error: Exception, field: str) -> Problem:
    found = str(error) if isinstance(error, SchemaFileError) else "cannot be read"
    return Problem(ProblemKind.BROKEN, "schema-unreadable", place, found, "a CRD or a JSON Schema", field=field)


def _of_tree(root: FileRoot, policy: Policy, files: Iterable[str], kinds: set[str], schemas: Schemas) -> None:
    """Take in the CRDs of these kinds from files that nobody renders; other documents are somebody else's matter."""
    exclude = policy.section(RepositorySection).exclude
    named = re.compile(rb"kind:\s*[\"']?(?:" + b"|".join(re.escape(kind.encode()) for kind in sorted(kinds)) + rb")\b")
    for name in sorted(files):
        if not name.endswith(_SUFFIXES[:2]) or any(doublestar_match(pattern, name) for pattern in exclude):
            continue
        try:
            data = root.read(name)
        except OSError:
            continue  # told by the discovery of manifests
        if _CRD not in data or not named.search(data):
            continue
        try:
            for document in _documents(root, name):
                if isinstance(document, dict) and document.get("kind") == _CRD.decode():
                    schemas.add(document, root.display(name))
        except SchemaFileError:
            continue  # a template, or a CRD that no cluster takes either
