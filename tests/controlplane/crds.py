"""The CRDs that Argo CD, External Secrets and cert-manager publish, served by a control plane for a while."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from tests.controlplane.plane import ControlPlane
from tools.facts.generate import ARGOCD_MODULE, download
from tools.facts.schemas import CERT_MANAGER, CRDS, EXTERNAL_SECRETS

Crd = dict[str, Any]

DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ARGOCD_CRDS = tuple(f"manifests/crds/{name}-crd.yaml" for name in ("application", "applicationset", "appproject"))
# Seconds that a loaded machine takes to serve or to forget a dozen kinds; an idle one needs two.
WAIT_SECONDS = 120
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


def serve(plane: ControlPlane, crds: Sequence[Crd]) -> set[str]:
    """Let the API server serve these kinds from now on; returns the names of the CRDs that it did not have before."""
    there = {one["metadata"]["name"] for one in plane.request("GET", DEFINITIONS).body["items"]}
    new = {crd["metadata"]["name"]: crd for crd in crds if crd["metadata"]["name"] not in there}
    for crd in new.values():
        plane.create(DEFINITIONS, crd)
    plane.processes.wait_until(lambda: new.keys() <= _discovered(plane), "discovery of the CRDs", WAIT_SECONDS)
    _forget(plane)
    return set(new)


@contextlib.contextmanager
def served(plane: ControlPlane, crds: Sequence[Crd]) -> Iterator[None]:
    """Let the API server serve these kinds until the block ends; objects of those that it did not have go with them."""
    names = serve(plane, crds)
    try:
        yield
    finally:
        for name in names:
            plane.request("DELETE", f"{DEFINITIONS}/{name}")
        plane.processes.wait_until(lambda: not names & _discovered(plane), "end of the CRDs", WAIT_SECONDS)
        _forget(plane)


def _forget(plane: ControlPlane) -> None:
    # helm and kubectl remember the kinds of a server for hours.
    shutil.rmtree(plane.folder / ".kube", ignore_errors=True)


def _discovered(plane: ControlPlane) -> set[str]:
    """`plural.group` of every kind, from where helm and kubectl learn the kinds that there are."""
    groups = plane.request("GET", "/apis", accept=DISCOVERY).body["items"]
    return {
        f"{resource['resource']}.{group['metadata']['name']}"
        for group in groups
        for version in group["versions"]
        for resource in version["resources"]
    }
