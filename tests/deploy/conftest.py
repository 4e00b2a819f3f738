"""The staging cluster of these tests: a control plane with the CRDs and the classes that the platform team installs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.operators import Operators, operators
from tests.controlplane.plane import ControlPlane
from tests.deploy.rig import NAMESPACE, Checkout, Checkouts

CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
ISSUERS = "/apis/cert-manager.io/v1/clusterissuers"
READY = {"type": "Ready", "status": "True", "reason": "ACMEAccountRegistered", "message": "registered"}


@pytest.fixture(scope="package")
def cluster(operators_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with what an environment on it finds there already."""
    plane = operators_plane
    plane.create(CLASSES, {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}})
    issuer = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": "letsencrypt-prod"},
        "spec": {"selfSigned": {}},
    }
    plane.create(ISSUERS, issuer)
    plane.request(
        "PATCH",
        f"{ISSUERS}/letsencrypt-prod/status",
        {"status": {"conditions": [READY]}},
        content_type="application/merge-patch+json",
    )
    try:
        yield plane
    finally:
        for path in (f"{CLASSES}/nginx", f"{ISSUERS}/letsencrypt-prod"):
            plane.request("DELETE", path)


@pytest.fixture(scope="package")
def checkouts(cluster: ControlPlane, helm4: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkouts:
    """What makes checkouts of the environment for this cluster."""
    template = Checkout.make(cluster, helm4, tmp_path_factory.mktemp("template"), NAMESPACE)
    template.name_cluster()
    return Checkouts(template)


@pytest.fixture
def checkout(checkouts: Checkouts, helm4: Path, tmp_path: Path) -> Iterator[Checkout]:
    """A checkout for one test, with nothing deployed."""
    with checkouts.one(helm4, tmp_path) as found:
        yield found


@pytest.fixture
def working(checkout: Checkout) -> Iterator[Operators]:
    """The operators of the test's namespace, all of them at work, and the store's token filled."""
    with operators(checkout.plane, checkout.namespace, token="of-a-test") as found:
        yield found


@pytest.fixture(scope="module")
def deployed(checkouts: Checkouts, helm4: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout that is deployed from nothing; tests that share it leave the cluster as they find it."""
    with (
        checkouts.one(helm4, tmp_path_factory.mktemp("deployed")) as found,
        operators(found.plane, found.namespace, token="of-a-test"),
    ):
        found.first = found.deploy()
        assert found.first.code == 0, found.first.out + found.first.err
        yield found
