"""`driftgate drift` on a cluster that has never heard of Argo CD: helm delivers what the Applications say."""

from __future__ import annotations

from pathlib import Path

from tests.controlplane.plane import ControlPlane
from tests.drift.shop import SETTINGS, Shop


def test_applications_that_nobody_reads_are_no_gap(api_server: ControlPlane, helm3: Path, tmp_path: Path) -> None:
    """The root renders Applications, of which no cluster without Argo CD knows: all else is judged, and is green."""
    shop = Shop(api_server, tmp_path / "tree", api_server.namespace())
    shop.tree({"settings": SETTINGS})
    done = shop.plane.run(helm3, "upgrade", "--install", shop.web, shop.root / "web", "-n", shop.namespace)
    assert done.returncode == 0, done.stderr
    code, out, _ = shop.drift()
    text = shop.unwrapped(out)
    assert code == 0, out
    assert "not read" not in text
    assert "  objects       2: 1 not compared, 1 in sync\n" in text

    code, out, _ = shop.drift("--application", f"root-{shop.namespace}")
    assert code == 5, out
    assert "  objects       1: 1 not compared\n" in shop.unwrapped(out)


def test_where_argo_cd_is_said_to_deliver_they_are(api_server: ControlPlane, tmp_path: Path) -> None:
    """Whoever says that Argo CD delivers is told that the cluster serves none of its kinds."""
    shop = Shop(api_server, tmp_path / "tree", api_server.namespace())
    shop.tree({"settings": SETTINGS})
    code, out, _ = shop.drift("--via", "argocd")
    assert code == 1, out
    assert "  not read      1 list: Application.argoproj.io in argocd\n" in shop.unwrapped(out)
