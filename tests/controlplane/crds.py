"""The CRDs that Argo CD, External Secrets and cert-manager publish, served by a control plane for a while."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from tests.controlplane.plane import ControlPlane
from tools.facts.generate import ARGOCD_MODULE, download
from tools.facts.schemas import CERT_MANAGER, CRDS, EXTERNAL_SECRETS

Crd = dict[str, Any]

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ARGOCD_CRDS = tuple(f"manifests/crds/{name}-crd.yaml" for name in ("application", "applicationset", "appproject"))
FILES = {
    "argocd": (ARGOCD_MODULE, ARGOCD_CRDS),
    "external-secrets": (EXTERNAL_SECRETS, CRDS[EXTERNAL_SECRETS]),
    "cert-manager": (CERT_MANAGER, CRDS[CERT_MANAGER]),
}


def published() -> dict[str, list[Crd]]:
    """The CRDs of each project, from the Go module of the release whose facts driftgate carries.

    Raises `FactsError` when a module is neither in Go's cache nor to be had.
    """
    return {project: _read(module, paths) for project, (module, paths) in FILES.items()}


def _read(module: str, paths: Sequence[str]) -> list[Crd]:
    source = download(module)
    return [yaml.load(source.read(path), Loader=yaml.CSafeLoader) for path in paths]


@contextlib.contextmanager
def served(plane: ControlPlane, crds: Sequence[Crd]) -> Iterator[None]:
    """Let the API server serve these kinds until the block ends; objects of them go with them."""
    for crd in crds:
        plane.create(DEFINITIONS, crd)
    try:
        for crd in crds:
            _wait(plane, _collection(crd), http.client.OK)
        yield
    finally:
        definitions = [f"{DEFINITIONS}/{crd['metadata']['name']}" for crd in crds]
        for path in definitions:
            plane.request("DELETE", path)
        for path in definitions:
            _wait(plane, path, http.client.NOT_FOUND)


def _wait(plane: ControlPlane, path: str, status: int) -> None:
    answered = f"answer {status} for {path}"
    plane.processes.wait_until(lambda: plane.request("GET", path).status == status, answered, 30)


def _collection(crd: Mapping[str, Any]) -> str:
    spec = crd["spec"]
    version = next(version["name"] for version in spec["versions"] if version["served"])
    return f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
