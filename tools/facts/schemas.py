"""Writes `driftgate/data/schemas/*.json`: the fields of every kind that driftgate knows without a cluster.

`python -m tools.facts.schemas` writes them, with `--check` it names the files that differ and exits with 1. Built-in
kinds come from the OpenAPI schemas of every release that PyPI's kubernetes-validate bundles, their enumerations and
life cycles from the Go modules of the API, custom kinds from the CRDs that External Secrets and cert-manager release.

The built-in types are stored as one line a field, with the releases in which the field is there, so that thirteen
releases take little more than one. A line reads `TYPE[!][ FIRST-LAST]`, where `!` means required and TYPE is a name,
`[TYPE]` for a list, `[TYPE by KEY,KEY]` for a list whose elements are told apart by these keys, `{TYPE}` for a mapping
with free keys, or `string=A|B` for an enumeration.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.facts.generate import FactsError, Json, Source, download, layout, written

API_VERSION = "v0.37.1"
API_MODULES = ("k8s.io/api", "k8s.io/apiextensions-apiserver", "k8s.io/kube-aggregator")
EXTERNAL_SECRETS = "github.com/external-secrets/external-secrets@v1.3.2"
CERT_MANAGER = "github.com/cert-manager/cert-manager@v1.21.2"
CRDS = {
    EXTERNAL_SECRETS: (
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
        "config/crds/bases/external-secrets.io_clusterexternalsecrets.yaml",
        "config/crds/bases/external-secrets.io_secretstores.yaml",
        "config/crds/bases/external-secrets.io_clustersecretstores.yaml",
    ),
    CERT_MANAGER: (
        "deploy/crds/cert-manager.io_certificates.yaml",
        "deploy/crds/cert-manager.io_issuers.yaml",
        "deploy/crds/cert-manager.io_clusterissuers.yaml",
    ),
}

DATA = Path(__file__).resolve().parents[2] / "driftgate" / "data" / "schemas"

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
PREFIXES = (
    ("io.k8s.apimachinery.pkg.apis.", ""),
    ("io.k8s.apiextensions-apiserver.pkg.apis.", ""),
    ("io.k8s.kube-aggregator.pkg.apis.", ""),
    ("io.k8s.api.", ""),
)
# Types that are no mapping in a manifest, whatever the published document calls them.
PLAIN = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "object",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "object",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "any",
}
# What a structural schema holds besides rules for values. Rules in CEL need an interpreter of their own.
PROSE = frozenset({"default", "description", "example", "title", "x-kubernetes-list-type", "x-kubernetes-map-type"})
UNREAD = frozenset({"x-kubernetes-validations"})
RULES = frozenset(
    {"additionalProperties", "anyOf", "enum", "format", "items", "maxItems", "maxLength", "maxProperties", "maximum",
     "minItems", "minLength", "minProperties", "minimum", "nullable", "pattern", "properties", "required", "type",
     "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-preserve-unknown-fields"}
)  # fmt: skip


# --- built-in kinds


class Releases:
    """The OpenAPI definitions of every Kubernetes release that kubernetes-validate bundles, by minor version."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("kubernetes_validate")
        if spec is None or spec.origin is None:
            raise FactsError("no kubernetes-validate: install the development dependencies")
        self.name = f"kubernetes-validate=={importlib.metadata.version('kubernetes-validate')}"
        folder = Path(spec.origin).parent / "kubernetes-json-schema"
        self.definitions: dict[int, dict[str, Json]] = {}
        self.digest: dict[str, str] = {}
        for path in sorted(folder.glob("v1.*.0-local/_definitions.json")):
            data = path.read_bytes()
            minor = int(path.parent.name.split(".")[1])
            self.definitions[minor] = json.loads(data)["$defs"]
            self.digest[f"1.{minor}"] = hashlib.sha256(data).hexdigest()
        if not self.definitions:
            raise FactsError(f"{self.name} holds no schemas")

    @property
    def minors(self) -> list[int]:
        """The minor versions, oldest first."""
        return sorted(self.definitions)


def short(definition: str) -> str:
    """`io.k8s.api.core.v1.Container` as `core.v1.Container`."""
    for prefix, name in PREFIXES:
        if definition.startswith(prefix):
            return name + definition.removeprefix(prefix)
    raise FactsError(f"{definition}: a definition of an unknown package")


def expression(schema: Mapping[str, Any], where: str) -> str:
    """The type of a field in one line."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return PLAIN.get(name) or short(name)
    types = [kind for kind in _listed(schema.get("type", ())) if kind != "null"]
    if len(types) != 1:
        raise FactsError(f"{where}: a field of the types {types}")
    if types == ["array"]:
        keys = schema.get("x-kubernetes-list-map-keys")
        return f"[{expression(schema['items'], where)}{' by ' + ','.join(keys) if keys else ''}]"
    if types == ["object"]:
        others = schema.get("additionalProperties")
        return f"{{{expression(others, where)}}}" if isinstance(others, dict) else "object"
    return str(types[0])


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def kinds_of(definitions: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """(`group/version/Kind`, definition) of everything that can stand in a manifest: with metadata of its own."""
    for name, schema in definitions.items():
        marks = schema.get("x-kubernetes-group-version-kind", ())
        metadata = schema.get("properties", {}).get("metadata", {}).get("$ref", "")
        if len(marks) == 1 and metadata.rpartition("/")[2] == OBJECT_META:
            mark = marks[0]
            yield "/".join(filter(None, (mark["group"], mark["version"], mark["kind"]))), name


def fields_of(name: str, schema: Json, enums: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Every field of a definition as a line without releases; `status` is open, because controllers write it."""
    required = set(schema.get("required", ()))
    fields = {}
    for field, below in schema.get("properties", {}).items():
        text = expression(below, f"{name}.{field}")
        text = text.replace("string", enums.get((name, field), "string"), 1)
        fields[field] = ("object" if field == "status" else text) + ("!" if field in required else "")
    return fields


def kubernetes_types(releases: Releases, modules: Sequence[Source]) -> Json:
    """The kinds of all releases and every type that they are made of."""
    enums = enumerations(modules)
    kinds: dict[str, dict[int, str]] = {}
    types: dict[str, dict[str, dict[int, str]]] = {}
    for minor in releases.minors:
        definitions = releases.definitions[minor]
        pending = []
        for kind, name in kinds_of(definitions):
            kinds.setdefault(kind, {})[minor] = short(name)
            pending.append(name)
        seen: set[str] = set()
        while pending:
            name = pending.pop()
            if name in seen or name in PLAIN:
                continue
            seen.add(name)
            types.setdefault(short(name), {})
            for field, text in fields_of(name, definitions[name], enums).items():
                types.setdefault(short(name), {}).setdefault(field, {})[minor] = text
            pending += _references(definitions[name])
    minors = releases.minors
    return {
        "kinds": {kind: spans(texts, minors) for kind, texts in kinds.items()},
        "lifeCycles": life_cycles(modules),
        "types": {
            name: {field: spans(texts, minors) for field, texts in fields.items()} for name, fields in types.items()
        },
        "versions": [f"1.{minor}" for minor in minors],
        "x-source": {
            "definitions": {"package": releases.name, "sha256": releases.digest},
            "modules": [module.name for module in modules],
        },
    }


def _references(schema: Json) -> list[str]:
    found = []
    for field, below in schema.get("properties", {}).items():
        if field != "status":
            found += re.findall(r'"\$ref": "[^"]*/([^"/]+)"', json.dumps(below))
    return found


def spans(texts: Mapping[int, str], minors: Sequence[int]) -> str | list[str]:
    """One line for each run of releases in which a field reads the same; no releases where that is all of them."""
    lines: list[tuple[str, int, int]] = []
    for minor in minors:
        text = texts.get(minor)
        if text is None:
            continue
        if lines and lines[-1][0] == text and lines[-1][2] == minor - 1:
            lines[-1] = (text, lines[-1][1], minor)
        else:
            lines.append((text, minor, minor))
    written = [text + _span(first, last, minors) for text, first, last in lines]
    return written[0] if len(written) == 1 else written


def _span(first: int, last: int, minors: Sequence[int]) -> str:
    start, end = "" if first == minors[0] else str(first), "" if last == minors[-1] else str(last)
    return f" {start}-{end}" if start or end else ""


# --- enumerations and life cycles, as the Go sources of the API mark them

_ENUM = re.compile(r"// \+enum\n(?://[^\n]*\n)*type (\w+) string\b")
_CONSTANT = re.compile(r"^\t\w+\s+(\w+)\s*=\s*\"([^\"]+)\"", re.MULTILINE)
_STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^\t\w+\s+(?:\[\]|\*)*([\w.]+)\s+`json:\"(\w+)", re.MULTILINE)
_GROUP = re.compile(r"^const GroupName = \"([^\"]*)\"", re.MULTILINE)
_CYCLE = re.compile(
    r"^func \(in \*(\w+)\) APILifecycle(Introduced|Deprecated|Removed|Replacement)\(\)[^\n]*\n\treturn ([^\n]*)",
    re.MULTILINE,
)


def packages(modules: Sequence[Source]) -> Iterator[tuple[str, Path]]:
    """(`core.v1`, folder) of every API package of the modules."""
    for module in modules:
        for path in sorted(module.directory.rglob("types.go")):
            folder = path.parent
            if re.fullmatch(r"v\d+((alpha|beta)\d+)?", folder.name) and (folder / "register.go").is_file():
                yield f"{folder.parent.name}.{folder.name}", folder


def enumerations(modules: Sequence[Source]) -> dict[tuple[str, str], str]:
    """(definition, field) to `string=A|B` for each field whose Go type is marked as an enumeration."""
    values: dict[str, dict[str, list[str]]] = {}
    sources: dict[str, str] = {}
    for package, folder in packages(modules):
        sources[package] = text = (folder / "types.go").read_text(encoding="utf-8")
        marked = set(_ENUM.findall(text))
        for name, value in _CONSTANT.findall(text):
            if name in marked:
                values.setdefault(package, {}).setdefault(name, []).append(value)
    found = {}
    for package, text in sources.items():
        for struct, body in _STRUCT.findall(text):
            for kind, field in _FIELD.findall(body):
                home = package if "." not in kind else _imported(kind.partition(".")[0])
                known = values.get(home, {}).get(kind.rpartition(".")[2])
                if known:
                    found[(f"io.k8s.api.{package}.{struct}", field)] = f"string={'|'.join(dict.fromkeys(known))}"
    return found


def _imported(alias: str) -> str:
    """`core.v1` for a Go alias such as `corev1` or `v1`, by the convention that the API's own sources keep."""
    match = re.fullmatch(r"([a-z]*?)(v\d+\w*)", alias)
    return f"{match[1] or 'core'}.{match[2]}" if match else ""


def life_cycles(modules: Sequence[Source]) -> Json:
    """`group/version/Kind` to the minors of 1.x in which it came, is deprecated and went, and what replaces it."""
    found: Json = {}
    for package, folder in packages(modules):
        path = folder / "zz_generated.prerelease-lifecycle.go"
        if not path.is_file():
            continue
        register = _GROUP.search((folder / "register.go").read_text(encoding="utf-8"))
        if register is None:
            raise FactsError(f"{folder}: no group name")
        for kind, event, value in _CYCLE.findall(path.read_text(encoding="utf-8")):
            if kind.endswith("List"):
                continue
            key = "/".join(filter(None, (register[1], package.rpartition(".")[2], kind)))
            found.setdefault(key, {})[event.lower()] = _event(event, value)
    return found


def _event(event: str, value: str) -> int | str:
    if event != "Replacement":
        major, minor = value.split(", ")
        if major != "1":
            raise FactsError(f"a life cycle of version {major}")
        return int(minor)
    parts = re.findall(r'(?:Group|Version|Kind): "([^"]*)"', value)
    return "/".join(filter(None, parts))


# --- custom kinds


def custom_kinds(source: Source, paths: Sequence[str]) -> Json:
    """`group/version/Kind` to its structural schema without prose; equal parts of kinds are stored once."""
    kinds: Json = {}
    shared: Json = {}
    for path in paths:
        crd = yaml.load(source.read(path), Loader=yaml.CSafeLoader)
        spec = crd["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            for_users = {**schema["properties"]}
            for field in ("apiVersion", "kind", "metadata", "status"):
                for_users.pop(field, None)
            rules = terse({**schema, "properties": for_users}, path)
            properties = rules["properties"]
            for field, below in properties.items():
                properties[field] = _stored_once(below, f"{spec['names']['kind']}.{version['name']}.{field}", shared)
            key = f"{spec['group']}/{version['name']}/{spec['names']['kind']}"
            kinds[key] = {"schema": rules, "served": version["served"], "namespaced": spec["scope"] == "Namespaced"}
    return {
        "kinds": kinds,
        "shared": shared,
        "x-source": {"files": [source.origin(path) for path in paths], "version": source.name.rpartition("@")[2]},
    }


def _stored_once(schema: Json, name: str, shared: Json) -> Json:
    for known, other in shared.items():
        if other == schema:
            return {"$ref": known}
    shared[name] = schema
    return {"$ref": name}


def terse(schema: Mapping[str, Any], where: str) -> Json:
    """A structural schema without prose; a keyword without a rule here stops the generator."""
    unknown = sorted(set(schema) - RULES - PROSE - UNREAD)
    if unknown:
        raise FactsError(f"{where}: no rule for the schema keywords {', '.join(unknown)}")
    result: Json = {key: value for key, value in schema.items() if key in RULES}
    if "properties" in schema:
        result["properties"] = {name: terse(below, f"{where}.{name}") for name, below in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            result[key] = terse(schema[key], f"{where}.{key}")
    if "anyOf" in schema:
        result["anyOf"] = [terse(below, f"{where}.anyOf") for below in schema["anyOf"]]
    return result


# --- writing


def generate() -> dict[str, str]:
    """File name to content, for every file in `driftgate/data/schemas`."""
    modules = [download(f"{module}@{API_VERSION}") for module in API_MODULES]
    facts = {
        "cert-manager.json": custom_kinds(download(CERT_MANAGER), CRDS[CERT_MANAGER]),
        "external-secrets.json": custom_kinds(download(EXTERNAL_SECRETS), CRDS[EXTERNAL_SECRETS]),
        "kubernetes.json": kubernetes_types(Releases(), modules),
    }
    return {name: layout(value) + "\n" for name, value in facts.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when written or equal, 1 when `--check` finds a difference, 2 when the sources cannot be had."""
    parser = argparse.ArgumentParser(description="Write the schemas of the kinds that driftgate knows.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the files")
    options = parser.parse_args(arguments)
    try:
        contents = generate()
    except FactsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return written(contents, options.data, check=options.check)


if __name__ == "__main__":
    sys.exit(main())
