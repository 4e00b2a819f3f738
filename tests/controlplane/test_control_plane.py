"""The whole control plane: what Pods do on it, and that `helm --wait` waits."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.plane import NODES, ControlPlane

CHART = Path(__file__).resolve().parents[2] / "helm/applications/plate-web"


def pod(plane: ControlPlane, namespace: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = plane.request("GET", f"/api/v1/namespaces/{namespace}/pods/{name}").body
    return found


def make_pod(plane: ControlPlane, tag: str, **spec: Any) -> tuple[str, str]:
    """Make a Pod in a namespace of its own; returns namespace and name."""
    namespace = plane.namespace()
    containers = [{"name": "main", "image": f"registry.test:5000/some/image:{tag}"}]
    body = {"metadata": {"name": "it"}, "spec": {"containers": containers, **spec}}
    plane.create(f"/api/v1/namespaces/{namespace}/pods", body)
    return namespace, "it"


def looks(plane: ControlPlane, namespace: str, name: str) -> tuple[str, str, str]:
    """Phase, the Ready condition, and what the first container runs or waits for."""
    status = pod(plane, namespace, name).get("status", {})
    ready = next((each["status"] for each in status.get("conditions", ()) if each["type"] == "Ready"), "")
    state: dict[str, Any] = next((each["state"] for each in status.get("containerStatuses", ())), {})
    (waits,) = [state[key].get("reason", key) for key in state] or [""]
    return status.get("phase", ""), ready, waits


def becomes(plane: ControlPlane, namespace: str, name: str, wanted: tuple[str, str, str]) -> None:
    plane.processes.wait_until(lambda: looks(plane, namespace, name) == wanted, f"Pod like {wanted}", 30)


@pytest.mark.parametrize(
    ("tag", "wanted", "event"),
    [
        ("1.0.0", ("Running", "True", "running"), None),
        ("ready-after-1s", ("Running", "True", "running"), None),
        ("never-pulled", ("Pending", "False", "ImagePullBackOff"), "Failed"),
        ("crashes", ("Running", "False", "CrashLoopBackOff"), "BackOff"),
    ],
)
def test_the_image_tag_decides_what_becomes_of_a_pod(
    control_plane: ControlPlane, tag: str, wanted: tuple[str, str, str], event: str | None
) -> None:
    """A Pod runs, waits for its image, or crashes, as the tag of its image says, and events tell the trouble."""
    namespace, name = make_pod(control_plane, tag)

    becomes(control_plane, namespace, name, wanted)
    assert pod(control_plane, namespace, name)["spec"]["nodeName"] in NODES
    if event is not None:
        control_plane.processes.wait_until(lambda: event in warnings(control_plane, namespace), event, 30)
    else:
        assert warnings(control_plane, namespace) == set()


def warnings(plane: ControlPlane, namespace: str) -> set[str]:
    events = plane.request("GET", f"/api/v1/namespaces/{namespace}/events").body["items"]
    return {event["reason"] for event in events if event["type"] == "Warning"}


def test_a_pod_that_never_starts_stays_on_its_node(control_plane: ControlPlane) -> None:
    """A Pod may be scheduled and still not start, as with a volume that cannot be mounted."""
    namespace, name = make_pod(control_plane, "never-starts")
    control_plane.processes.wait_until(
        lambda: pod(control_plane, namespace, name)["spec"].get("nodeName") in NODES, "node for the Pod", 30
    )
    time.sleep(1)

    assert looks(control_plane, namespace, name) == ("Pending", "", "")


def test_a_pod_without_room_is_not_scheduled(control_plane: ControlPlane) -> None:
    """A Pod that no node can take stays Pending, and the scheduler says why."""
    huge = [{"name": "main", "image": "x:1", "resources": {"requests": {"cpu": "64"}}}]
    namespace, name = make_pod(control_plane, "1.0.0", containers=huge)
    control_plane.processes.wait_until(
        lambda: "FailedScheduling" in warnings(control_plane, namespace), "FailedScheduling", 30
    )

    found = pod(control_plane, namespace, name)
    assert "nodeName" not in found["spec"]
    assert found["status"]["conditions"][0]["reason"] == "Unschedulable"
    assert "Insufficient cpu" in found["status"]["conditions"][0]["message"]


def test_a_running_pod_is_killed_on_demand(control_plane: ControlPlane) -> None:
    """The annotation ends a running container with the reason it names."""
    namespace, name = make_pod(control_plane, "1.0.0")
    becomes(control_plane, namespace, name, ("Running", "True", "running"))
    done = control_plane.kubectl("annotate", "pod", name, "-n", namespace, "driftgate.test/kill=OOMKilled")
    assert done.returncode == 0, done.stderr

    becomes(control_plane, namespace, name, ("Running", "False", "CrashLoopBackOff"))
    (container,) = pod(control_plane, namespace, name)["status"]["containerStatuses"]
    ended = container["lastState"]["terminated"]
    assert (container["restartCount"], ended["reason"], ended["exitCode"]) == (1, "OOMKilled", 137)


def test_a_job_completes(control_plane: ControlPlane) -> None:
    """The Pod of a Job runs to its end, and the Job is complete."""
    namespace = control_plane.namespace()
    assert control_plane.kubectl("create", "job", "once", "--image=x:1", "-n", namespace).returncode == 0

    done = control_plane.kubectl("wait", "job/once", "-n", namespace, "--for=condition=Complete", "--timeout=30s")
    assert done.stdout == "job.batch/once condition met\n", done.stderr


def test_a_namespace_goes_with_its_pods(control_plane: ControlPlane) -> None:
    """Deleting a namespace ends its Pods and comes to an end itself."""
    namespace, name = make_pod(control_plane, "1.0.0", terminationGracePeriodSeconds=1)
    becomes(control_plane, namespace, name, ("Running", "True", "running"))

    done = control_plane.kubectl("delete", "namespace", namespace, "--timeout=60s")
    assert done.returncode == 0, done.stderr
    assert control_plane.request("GET", f"/api/v1/namespaces/{namespace}").status == 404


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def install(plane: ControlPlane, helm: Path, namespace: str, tag: str, timeout: str) -> tuple[int, float, str]:
    """Install a chart of the staging environment with its own layers; returns status, seconds and errors."""
    began = time.monotonic()
    layers = ("--values", CHART / "values-stg.yaml", "--set", f"image.tag={tag}")
    command = (helm, "upgrade", "--install", "plate-web", CHART, "--namespace", namespace, *layers)
    done = plane.run(*command, "--wait", "--timeout", timeout)
    return done.returncode, time.monotonic() - began, done.stderr


def test_helm_waits_until_the_pods_are_ready(control_plane: ControlPlane, helm: Path) -> None:
    """`helm upgrade --install --wait` returns when the Deployment is available, and not before."""
    namespace = control_plane.namespace()
    status, seconds, errors = install(control_plane, helm, namespace, "ready-after-3s", "60s")
    deployment = control_plane.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/plate-web").body

    assert status == 0, errors
    assert 3 <= seconds < 30
    assert deployment["status"]["availableReplicas"] == deployment["spec"]["replicas"] == 1


def test_helm_gives_up_on_an_image_that_never_comes(control_plane: ControlPlane, helm: Path) -> None:
    """The release fails when its time is over, and the Pod shows the cause."""
    namespace = control_plane.namespace()
    status, seconds, errors = install(control_plane, helm, namespace, "never-pulled", "4s")
    pods = control_plane.kubectl("get", "pods", "-n", namespace, "-o", "json")
    (found,) = json.loads(pods.stdout)["items"]

    assert status == 1
    assert 4 <= seconds < 30, errors
    assert looks(control_plane, namespace, found["metadata"]["name"]) == ("Pending", "False", "ImagePullBackOff")
