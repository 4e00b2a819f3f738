"""`driftgate drift` on a real control plane: what does not run is told with its cause, evidence and line in Git."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import ControlPlane
from tests.drift.shop import CANARY, Shop, Told, run

# What the values of the chart say of each workload; the tag decides what becomes of its Pods.
VALUES = {"cart": "never-pulled", "desk": "crashes", "huge": "1.0.0", "idle": "1.0.0", "well": "1.0.0"}
BLIND = "liveHealth: {pendingMinutes: 0}\n"


def workload(name: str) -> str:
    cpu = "1000" if name == "huge" else "10m"
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: "registry.example.com/{name}:{{{{ .Values.{name} }}}}"
          env: [{{name: DB_PASSWORD, value: {CANARY}}}]
          resources: {{requests: {{cpu: "{cpu}"}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{port: 80}}], selector: {{app: {name}}}}}
"""


@pytest.fixture(scope="module")
def shop(
    control_plane: ControlPlane, published_crds: dict[str, list[Crd]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop that Argo CD has delivered, in which one workload of five runs as it should."""
    with served(control_plane, published_crds["argocd"]), control_plane.namespaces("argocd"):
        one = Shop(control_plane, tmp_path_factory.mktemp("shop"), control_plane.namespace())
        one.tree({name: workload(name) for name in VALUES}, more=BLIND, well=True)
        values = "".join(f"{name}: {tag}\n" for name, tag in VALUES.items())
        (one.root / "web/values.yaml").write_text(values, encoding="utf-8")
        one.deliver()
        one.kubectl("scale", "deployment/idle", "--replicas=0")
        one.kubectl("wait", "--for=condition=Available", "deployment/well", "--timeout=60s")
        until(lambda: reasons(one) >= {"ImagePullBackOff", "CrashLoopBackOff", "Unschedulable"})
        yield one
        one.close()


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(1)


def reasons(shop: Shop) -> set[str]:
    """Why Pods wait, as their status has it."""
    pods = shop.plane.request("GET", f"/api/v1/namespaces/{shop.namespace}/pods").body["items"]
    waiting = [one["state"].get("waiting", {}) for pod in pods for one in pod["status"].get("containerStatuses", ())]
    conditions = [one for pod in pods for one in pod["status"].get("conditions", ())]
    return {one.get("reason", "") for one in (*waiting, *conditions)}


@pytest.fixture(scope="module")
def seen(shop: Shop) -> tuple[int, str]:
    """Exit code and JSON report of one run."""
    code, out, _ = shop.drift("--format", "json")
    return code, out


# Check, object, place and what was found up to the first evidence; each Service behind what it follows from.
TOLD = [
    ("drifted-field", "apps/Deployment/NS/idle", "web/templates/idle.yaml", "spec.replicas: 0"),
    (
        "service-without-endpoints", "Service/NS/idle", "web/templates/idle.yaml",
        "nobody is behind it: Deployment idle has 0 replicas",
    ),
    (
        "image-not-pulled", "apps/Deployment/NS/cart", "web/values.yaml:1",
        "container main: image registry.example.com/cart:never-pulled does not exist",
    ),
    (
        "service-without-endpoints", "Service/NS/cart", "web/templates/cart.yaml",
        "no Pod behind it is ready (0 of 1)",
    ),
    ("container-crashing", "apps/Deployment/NS/desk", "web/values.yaml:2", "container main ends again and again"),
    (
        "service-without-endpoints", "Service/NS/desk", "web/templates/desk.yaml",
        "no Pod behind it is ready (0 of 1)",
    ),
    ("pod-pending", "apps/Deployment/NS/huge", "web/templates/huge.yaml", "no node has room for it (cpu)"),
    (
        "service-without-endpoints", "Service/NS/huge", "web/templates/huge.yaml",
        "no Pod behind it is ready (0 of 1)",
    ),
]  # fmt: skip


def test_each_trouble_is_told_at_its_line_with_the_service_that_follows_from_it(
    shop: Shop, seen: tuple[int, str]
) -> None:
    """An image, a crash, a Pod without a node and a scaled Deployment, each above its Service; nothing of what is well.

    Evidence and next step are the cluster's own words.
    """
    findings = json.loads(seen[1])["findings"]
    told = [Told.of(one, shop) for one in findings]
    assert seen[0] == 1
    assert [(one.check, one.object, one.place, one.found.partition("; ")[0]) for one in told] == TOLD
    follows = [one["consequence_of"] for one in findings]
    assert follows == [key for one in findings[::2] for key in ("", one["key"])]
    (image,) = [one for one in told if one.check == "image-not-pulled"]
    assert "event Failed: Failed to pull image: not found; pull secret: none is named" in image.found
    (crash,) = [one for one in findings if one["check"] == "container-crashing"]
    assert crash["fix"].startswith("Read why it ends: kubectl logs desk-")


def test_a_recording_tells_the_same_and_holds_no_password_of_a_pod(shop: Shop, tmp_path: Path) -> None:
    """Pods, events and endpoints are recorded; a variable that holds a password is not, and is told as not known."""
    way = ["--kubeconfig", str(shop.plane.kubeconfig()), "--context", "admin"]
    code, _, err = run("record", str(tmp_path / "it"), "--root", str(shop.root), "--no-cache", *way)
    assert (code, err) == (0, "")
    files = [path for path in (tmp_path / "it").rglob("*") if path.is_file()]
    assert "Pod.v1.json" in {path.name for path in files}
    assert not any(CANARY in path.read_text(encoding="utf-8") for path in files)
    again = shop.findings("--live-from", str(tmp_path / "it"))
    assert sorted((one.check, one.object, one.place) for one in again if one.outcome == "failed") == sorted(
        told[:3] for told in TOLD
    )
    assert {(one.check, one.expected) for one in again if one.outcome != "failed"} == {
        ("drift-unread", "the value that Git has")
    }
