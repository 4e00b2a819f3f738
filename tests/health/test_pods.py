"""What is told of Pods that do not run, in the words of scheduler and kubelet."""

from __future__ import annotations

from typing import Any

import pytest

from driftgate.health import Json
from tests.health.shapes import (
    ago,
    condition,
    deployment,
    event,
    pod,
    replica_set,
    summary,
    thing,
    told,
    waits,
)

IMAGE = "registry.example.com/web:1.0.0"
LOGS = "kubectl logs web-1 -n shop -c main --previous"
DESCRIBE = "Look closer: kubectl describe pod web-1 -n shop"
NODES = "See what the nodes have left: kubectl describe nodes; or ask for less in the values (resources.requests)."
NOT_FOUND = f'Back-off pulling image "{IMAGE}": ErrImagePull: failed to resolve reference: {IMAGE}: not found'
REFUSED = "ErrImagePull: failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized"
DOWN = "ErrImagePull: dial tcp 192.0.2.7:443: i/o timeout"


def pull_secret(name: str = "pull") -> dict[str, Any]:
    return {"imagePullSecrets": [{"name": name}]}


def ended(code: int, reason: str = "Error", **more: Any) -> Json:
    return {"terminated": {"exitCode": code, "reason": reason, **more}}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        pytest.param(
            pod(containerStatuses=[waits("ImagePullBackOff", NOT_FOUND)], phase="Pending"),
            (
                f"Pod shop/web-1: container main: image {IMAGE} does not exist",
                (f"ImagePullBackOff: {NOT_FOUND}", "pull secret: none is named"),
                f"Look whether the registry has {IMAGE}, and at the image and tag in the values.",
                True,
            ),
            id="an image that is not there",
        ),
        pytest.param(
            pod(spec=pull_secret(), containerStatuses=[waits("ErrImagePull", DOWN)], phase="Pending"),
            (
                f"Pod shop/web-1: container main: image {IMAGE} is not pulled",
                (f"ErrImagePull: {DOWN}", "pull secret: pull (does not exist)"),
                "Bring the pull secret pull into namespace shop, then see whether it pulls.",
                False,
            ),
            id="a pull secret that is not there",
        ),
        pytest.param(
            pod(spec=pull_secret(), containerStatuses=[waits("ImagePullBackOff", NOT_FOUND)], phase="Pending"),
            (
                f"Pod shop/web-1: container main: image {IMAGE} is not pulled",
                (f"ImagePullBackOff: {NOT_FOUND}", "pull secret: pull (does not exist)"),
                "Bring the pull secret pull into namespace shop, then see whether it pulls.",
                False,
            ),
            id="an image that may be hidden from strangers",
        ),
        pytest.param(
            pod(containerStatuses=[waits("ErrImagePull", REFUSED)], phase="Pending"),
            (
                f"Pod shop/web-1: container main: image {IMAGE} is not pulled: the registry refuses it",
                (f"ErrImagePull: {REFUSED}", "pull secret: none is named"),
                f"Look at the login in the pull secret, and whether it may read {IMAGE}.",
                False,
            ),
            id="a login that is refused",
        ),
        pytest.param(
            pod(containerStatuses=[waits("InvalidImageName", 'couldn\'t parse image name "Web:1"')], phase="Pending"),
            (
                f"Pod shop/web-1: container main: image {IMAGE} does not exist",
                ('InvalidImageName: couldn\'t parse image name "Web:1"', "pull secret: none is named"),
                f"Look whether the registry has {IMAGE}, and at the image and tag in the values.",
                True,
            ),
            id="a name that is no image",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    waits("CrashLoopBackOff", "back-off 40s", restartCount=4, lastState=ended(137, "Error"))
                ]
            ),
            (
                "Pod shop/web-1: container main ends again and again",
                (
                    "last end of container main: exit code 137, signal 9, Error",
                    "restarted 4 times",
                    "CrashLoopBackOff: back-off 40s",
                ),
                f"Read why it ends: {LOGS}",
                False,
            ),
            id="a crash loop",
        ),
        pytest.param(
            pod(containerStatuses=[{"name": "main", "ready": False, "restartCount": 1, "state": ended(2)}]),
            (
                "Pod shop/web-1: container main ends again and again",
                ("last end of container main: exit code 2, Error", "restarted 1 time"),
                f"Read why it ends: {LOGS}",
                False,
            ),
            id="a crash between two restarts",
        ),
        pytest.param(
            pod(
                spec={
                    "containers": [{"name": "main", "image": IMAGE, "resources": {"limits": {"memory": "64Mi"}}}],
                },
                containerStatuses=[waits("CrashLoopBackOff", restartCount=2, lastState=ended(137, "OOMKilled"))],
            ),
            (
                "Pod shop/web-1: container main is killed for want of memory (limit 64Mi)",
                ("last end of container main: exit code 137, signal 9, OOMKilled", "restarted 2 times"),
                f"Raise the memory limit in the values, or find what it needs so much for: {LOGS}",
                False,
            ),
            id="killed for want of memory",
        ),
        pytest.param(
            pod(containerStatuses=[waits("CreateContainerConfigError", 'secret "db" not found')], phase="Pending"),
            (
                "Pod shop/web-1: container main: Secret db does not exist",
                ('CreateContainerConfigError: secret "db" not found',),
                "See what there is: kubectl get secret -n shop; and who is to make it.",
                False,
            ),
            id="a Secret that is not there",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    waits("CreateContainerConfigError", "couldn't find key url in ConfigMap shop/settings")
                ],
                phase="Pending",
            ),
            (
                "Pod shop/web-1: container main: ConfigMap settings has no key url",
                ("CreateContainerConfigError: couldn't find key url in ConfigMap shop/settings",),
                "See which keys it has: kubectl describe configmap settings -n shop",
                False,
            ),
            id="a key that is not there",
        ),
        pytest.param(
            pod(
                spec={"nodeName": "", "containers": [{"name": "main", "resources": {"requests": {"cpu": "64"}}}]},
                phase="Pending",
                conditions=[
                    condition("PodScheduled", "False", "Unschedulable", "0/2 nodes are available: 2 Insufficient cpu.")
                ],
            ),
            (
                "Pod shop/web-1: no node has room for it (cpu)",
                (
                    "scheduler (Unschedulable): 0/2 nodes are available: 2 Insufficient cpu.",
                    "container main requests cpu 64",
                ),
                NODES,
                False,
            ),
            id="no room",
        ),
        pytest.param(
            pod(
                spec={"nodeName": ""},
                phase="Pending",
                conditions=[
                    condition(
                        "PodScheduled",
                        "False",
                        "Unschedulable",
                        "0/2 nodes are available: 2 didn't match node selector.",
                    )
                ],
            ),
            (
                "Pod shop/web-1: no node takes it",
                ("scheduler (Unschedulable): 0/2 nodes are available: 2 didn't match node selector.",),
                DESCRIBE,
                False,
            ),
            id="no node that fits",
        ),
        pytest.param(
            pod(spec={"nodeName": ""}, phase="Pending"),
            ("Pod shop/web-1: waits for a node, and no scheduler has looked at it", (), DESCRIBE, False),
            id="no scheduler",
        ),
        pytest.param(
            pod(phase="Pending", conditions=[condition("PodScheduled", "True")]),
            (
                "Pod shop/web-1: stands on its node, and its containers do not start",
                ("node node-1, for 290 seconds, and no event tells why",),
                DESCRIBE,
                False,
            ),
            id="on its node for long",
        ),
        pytest.param(
            pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
            (
                "Pod shop/web-1: was evicted",
                ("Evicted: The node was low on resource: memory.",),
                DESCRIBE,
                True,
            ),
            id="evicted",
        ),
        pytest.param(
            pod(
                spec={"initContainers": [{"name": "migrate", "image": IMAGE}]},
                phase="Pending",
                initContainerStatuses=[
                    {**waits("CrashLoopBackOff", restartCount=3, lastState=ended(1)), "name": "migrate"}
                ],
            ),
            (
                "Pod shop/web-1: init container migrate ends again and again",
                ("last end of init container migrate: exit code 1, Error", "restarted 3 times"),
                "Read why it ends: kubectl logs web-1 -n shop -c migrate --previous",
                False,
            ),
            id="an init container",
        ),
    ],
)
def test_a_pod_is_told_with_its_cause(value: Json, wanted: tuple[str, tuple[str, ...], str, bool]) -> None:
    """Each failure has one trouble with the cluster's words, the next step, and whether waiting mends it."""
    assert [summary(each) for each in told(value)] == [
        (wanted[0], tuple(line for line in wanted[1] if line), *wanted[2:]),
    ]


def test_a_volume_that_is_not_mounted_names_what_is_missing() -> None:
    """The kubelet's event names the Secret of a volume that is not there."""
    value = pod(phase="Pending", conditions=[condition("PodScheduled", "True")])
    failed = event(value, "FailedMount", 'MountVolume.SetUp failed for volume "tls" : secret "tls" not found', count=7)
    assert [summary(each) for each in told(value, failed)] == [
        (
            "Pod shop/web-1: stands on its node, and its volumes cannot be mounted: Secret tls does not exist",
            ('event FailedMount (7 times): MountVolume.SetUp failed for volume "tls" : secret "tls" not found',),
            DESCRIBE,
            False,
        )
    ]


def test_a_probe_that_fails_is_told_with_what_it_asks() -> None:
    """A container that runs and is not ready has the event of its probe and the probe's address, never its command."""
    probes = {
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
        "livenessProbe": {"exec": {"command": ["check", "--password", "canary"]}},
    }
    value = pod(
        spec={"containers": [{"name": "main", "image": IMAGE, **probes}]},
        containerStatuses=[{"name": "main", "ready": False, "state": {"running": {"startedAt": ago(20)}}}],
    )
    ready = event(
        value,
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
        count=9,
        field_path="spec.containers{main}",
    )
    alive = event(value, "Unhealthy", "Liveness probe failed: no", age=5, field_path="spec.containers{main}")
    other = event(value, "Unhealthy", "Readiness probe failed: no", age=1, field_path="spec.containers{other}")
    step = "Read what it does: kubectl logs web-1 -n shop -c main; and look at the probe in the values."
    assert [summary(each) for each in told(value, ready, other)] == [
        (
            "Pod shop/web-1: container main runs and is not ready: its readiness probe fails",
            (
                "event Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503",
                "readiness probe: GET /readyz at port http",
            ),
            step,
            False,
        )
    ]
    assert [each.evidence for each in told(value, ready, alive)] == [
        ("event Unhealthy: Liveness probe failed: no", "liveness probe: a command")
    ]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(pod(containerStatuses=[{"name": "main", "ready": True, "state": {"running": {}}}]), id="ready"),
        pytest.param(pod(phase="Succeeded"), id="ended well"),
        pytest.param(
            pod(containerStatuses=[{"name": "main", "ready": False, "state": {"running": {"startedAt": ago(5)}}}]),
            id="starting",
        ),
        pytest.param(pod(phase="Pending", age=3, spec={"nodeName": ""}), id="just made"),
        pytest.param(
            pod(
                containerStatuses=[
                    {"name": "main", "ready": True, "restartCount": 2, "state": {"running": {}},
                     "lastState": ended(137, "OOMKilled")}
                ],
                conditions=[condition("Ready", "True")],
            ),
            id="ready again after it was killed",
        ),
    ],
)  # fmt: skip
def test_a_pod_that_is_well_or_starting_is_no_trouble(value: Json) -> None:
    """What works, has ended well or has only begun is not told."""
    assert told(value) == []


def test_alike_pods_of_one_replica_set_are_told_once() -> None:
    """Pods that fail alike are one trouble with a count, the Deployment named; another failure is another trouble."""
    web = deployment(replicas=3)
    owner = replica_set(web)
    alike = [pod(f"web-{n}", owner=owner, containerStatuses=[waits("ErrImagePull", NOT_FOUND)]) for n in (1, 2)]
    other = pod("web-3", owner=owner, containerStatuses=[waits("CrashLoopBackOff", restartCount=1, lastState=ended(1))])
    assert [summary(each)[0] for each in told(web, owner, *alike, other)] == [
        f"Pod shop/web-1: 2 Pods of Deployment web: container main: image {IMAGE} does not exist",
        "Pod shop/web-3: of Deployment web: container main ends again and again",
    ]


def test_a_pod_that_does_not_go_is_told_with_what_holds_it() -> None:
    """A Pod whose grace is long over names its finalizers; one that has just been told to go is no trouble."""
    held = {"deletionGracePeriodSeconds": 30, "finalizers": ["example.com/hold"]}
    value = thing("v1", "Pod", "web-1", metadata={**held, "deletionTimestamp": ago(120)}, spec={"nodeName": "node-1"})
    going = thing("v1", "Pod", "web-2", metadata={**held, "deletionTimestamp": ago(10)}, spec={"nodeName": "node-1"})
    assert [summary(each) for each in told(value, going)] == [
        (
            "Pod shop/web-1: does not go, although its 30 seconds of grace are over",
            ("finalizers: example.com/hold", "node: node-1"),
            DESCRIBE,
            False,
        )
    ]


def test_logins_in_urls_and_long_messages_are_cut() -> None:
    """What the cluster says is shown on one line, bounded, and without the login of a URL."""
    message = "pull https://user:canary@registry.example.com/web failed:\n" + "x" * 400
    (found,) = told(pod(containerStatuses=[waits("ErrImagePull", message)]))
    assert found.evidence == (
        f"ErrImagePull: pull https://…@registry.example.com/web failed: {'x' * 252} … (448 characters)",
        "pull secret: none is named",
    )


def test_events_of_an_object_that_is_gone_are_not_those_of_its_namesake() -> None:
    """An event of another uid does not count."""
    value = pod(phase="Pending", conditions=[condition("PodScheduled", "True")], age=5)
    value["status"]["conditions"][0]["lastTransitionTime"] = ago(5)
    old = event(value, "FailedMount", "MountVolume failed")
    old["involvedObject"]["uid"] = "another"
    assert told(value, old) == []


def test_a_pod_whose_secret_could_not_be_read_is_not_said_to_lack_it() -> None:
    """Where Secrets were not read, nothing is said to be missing among them."""
    value = pod(spec=pull_secret(), containerStatuses=[waits("ErrImagePull", DOWN)], phase="Pending")
    assert [each.evidence[1] for each in told(value, without=["Secret"])] == ["pull secret: pull (not read)"]
