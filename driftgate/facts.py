"""What Argo CD and Kubernetes themselves publish: schemas, kinds and defaults, of one release each.

The files behind it (`driftgate/data`) are generated from the released sources; `facts_versions` names the
releases. Everything is read on first use and shared by all callers, so what is returned must not be changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

__all__ = [
    "Exclusion",
    "Kind",
    "api_versions",
    "application_schema",
    "appproject_schema",
    "default_exclusions",
    "facts_versions",
    "kind_scope",
    "kinds",
    "load_merge_types",
    "load_schemas",
    "load_types",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object that the API server can serve; `group` is empty for the core group.

    `versions` lists the preferred version first, and also those that a default API server has turned off.
    """

    group: str
    kind: str
    plural: str
    namespaced: bool
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One entry of Argo CD's `resource.exclusions`: every kind listed, in every group listed ("" is core)."""

    groups: tuple[str, ...]
    kinds: tuple[str, ...]


@cache
def application_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an Application manifest as its CRD has it, with unknown fields refused.

    `status` is known but open. An optional field may be null, a required one may not: the API server drops a
    null before it validates. The key `x-source` names the files that the schema was made from.
    """
    return _load("argocd-application.json")


@cache
def appproject_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an AppProject manifest, made like that of `application_schema`."""
    return _load("argocd-appproject.json")


def kind_scope(group: str, kind: str) -> bool | None:
    """Return True for a namespaced kind, False for a cluster-scoped one, None for one that is not in `kinds`.

    What None means is the caller's to decide: a CRD of the judged tree may tell, and Argo CD treats a kind
    that the cluster does not know as namespaced.
    """
    known = kinds().get((group, kind))
    return None if known is None else known.namespaced


@cache
def kinds() -> Mapping[tuple[str, str], Kind]:
    """Every kind of Kubernetes and of Argo CD, by group ("" is core) and kind."""
    entries = _load("kubernetes-kinds.json")["kinds"] | _load("argocd-defaults.json")["kinds"]
    known = [_kind(key, fact) for key, fact in entries.items()]
    return MappingProxyType({(kind.group, kind.kind): kind for kind in known})


@cache
def api_versions() -> tuple[str, ...]:
    """`group/version` and `group/version/Kind`, sorted: `.Capabilities.APIVersions` on a default cluster.

    Kinds that can be listed and watched, in stable versions and without any CRD: what Argo CD hands to Helm
    for a cluster that nobody has added anything to.
    """
    return tuple(_load("kubernetes-kinds.json")["apiVersions"])


@cache
def default_exclusions() -> tuple[Exclusion, ...]:
    """List the kinds that Argo CD neither shows nor deploys, unless its `argocd-cm` says otherwise."""
    entries = _load("argocd-defaults.json")["exclusions"]
    return tuple(Exclusion(tuple(entry["groups"]), tuple(entry["kinds"])) for entry in entries)


def load_schemas(name: str) -> dict[str, Any]:
    """The schemas of `kubernetes`, `external-secrets` or `cert-manager`, as `tools/facts/schemas.py` writes them."""
    return _load(f"schemas/{name}.json")


@cache
def load_types() -> dict[str, Any]:
    """The Go types of Kubernetes' own kinds, as `tools/facts/go_types.py` writes them: under `kinds` and `types`."""
    return _load("types/kubernetes.json")


@cache
def load_merge_types() -> dict[str, Any]:
    """How the fields of Kubernetes' own types merge on the server, as `tools/facts/merge_types.py` writes them."""
    return _load("types/merge.json")


def facts_versions() -> dict[str, str]:
    """Name the releases that the facts come from by their tags, under `argocd` and `kubernetes`."""
    return {
        "argocd": _load("argocd-defaults.json")["x-source"]["argocdVersion"],
        "kubernetes": _load("kubernetes-kinds.json")["x-source"]["kubernetesVersion"],
    }


def _kind(key: str, fact: dict[str, Any]) -> Kind:
    group, _, kind = key.partition("/")
    return Kind(group, kind, fact["plural"], fact["namespaced"], tuple(fact["versions"]))


@cache
def _load(name: str) -> dict[str, Any]:
    # Not at the top: this import takes 15 ms, which a project without Argo CD need not pay.
    from importlib import resources

    text = resources.files("driftgate").joinpath("data", name).read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts
