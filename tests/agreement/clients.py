"""Objects as real clients and controllers leave them in a real API server: with its defaults and field managers."""

from __future__ import annotations

import copy
import http.client
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from driftgate.compare import Tracking, desired_object
from tests.agreement.kinds import Json
from tests.controlplane.plane import ControlPlane

MANIFESTS: tuple[Json, ...] = tuple(
    yaml.safe_load_all(Path(__file__).with_name("served.yaml").read_text(encoding="utf-8"))
)
APPLICATION = "shop"

#: What people do by hand to what a client has applied, as the arguments of kubectl.
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("scale", "deployment/web", "--replicas=3"),
    ("set", "image", "deployment/web", "web=registry.test:5000/web:1.2.4"),
    ("set", "env", "deployment/web", "MODE=slow", "EXTRA=1"),
    ("set", "resources", "deployment/web", "-c=sidecar", "--limits=cpu=200m"),
    ("annotate", "deployment/web", "acme.test/by-hand=yes"),
    ("rollout", "restart", "statefulset/data"),
)

#: What other programs do to it: the object as API path and name, the kind of patch, and the patch.
PATCHES: tuple[tuple[str, str, Any], ...] = (
    (
        "apps/v1/deployments/recreate",
        "strategic-merge",
        {
            "spec": {
                "template": {"spec": {"containers": [{"name": "injected", "image": "registry.test:5000/injected"}]}}
            }
        },
    ),
    (
        "v1/services/public",
        "json",
        [
            {"op": "add", "path": "/spec/ports/-", "value": {"name": "admin", "port": 8443}},
            {"op": "add", "path": "/spec/ports/0/name", "value": "https"},
        ],
    ),
    ("v1/services/web", "merge", {"metadata": {"labels": {"acme.test/tier": "front"}}}),
    ("v1/configmaps/settings", "merge", {"data": {"a": "2", "b": "3"}}),
    ("v1/configmaps/nothing", "merge", {"data": {"a": "1"}}),
    ("v1/secrets/token", "merge", {"stringData": {"token": "changed"}}),
    ("v1/limitranges/limits", "merge", {"spec": {"limits": []}}),
    ("v1/serviceaccounts/web", "merge", {"imagePullSecrets": [{"name": "other"}]}),
    (
        "networking.k8s.io/v1/ingresses/web",
        "json",
        [{"op": "add", "path": "/spec/rules/-", "value": {"host": "other.test"}}],
    ),
    (
        "rbac.authorization.k8s.io/v1/roles/web",
        "json",
        [{"op": "add", "path": "/rules/0/verbs/-", "value": "watch"}],
    ),
    ("autoscaling/v2/horizontalpodautoscalers/web", "merge", {"spec": {"minReplicas": 2}}),
    ("policy/v1/poddisruptionbudgets/web", "merge", {"spec": {"selector": {"matchLabels": {"tier": "front"}}}}),
    ("batch/v1/cronjobs/clean", "merge", {"spec": {"suspend": False, "schedule": "@hourly"}}),
    ("cert-manager.io/v1/certificates/web", "merge", {"spec": {"dnsNames": ["www.web.test"], "duration": "24h"}}),
    ("external-secrets.io/v1/externalsecrets/web", "json", [{"op": "remove", "path": "/spec/data/0"}]),
)


@dataclass(frozen=True, slots=True)
class Served:
    """One desired object and what has become of it; `client` and `state` say how."""

    client: str
    state: str
    desired: Json = field(repr=False)
    live: Json = field(repr=False)

    @property
    def managers(self) -> list[str]:
        """The field managers of the live object."""
        return sorted({entry["manager"] for entry in self.live["metadata"].get("managedFields", ())})


Client = Callable[[ControlPlane, str, Sequence[Json]], None]


def served_objects(plane: ControlPlane, name: str, client: Client) -> list[Served]:
    """Let a client deploy everything into a namespace of its own, then others change it; both states of each object."""
    namespace = plane.namespace()
    tracking = Tracking(application=APPLICATION, namespace=namespace)
    wanted = [desired_object(copy.deepcopy(manifest), tracking, namespaced=True) for manifest in MANIFESTS]
    client(plane, namespace, wanted)
    _settle(plane, namespace)
    found = [Served(name, "deployed", *pair) for pair in zip(wanted, _live(plane, namespace, wanted), strict=True)]
    for command in COMMANDS:
        _succeed(plane.kubectl("-n", namespace, *command))
    for where, form, patch in PATCHES:
        _patch(plane, namespace, where, form, patch)
    _settle(plane, namespace)
    return [
        *found,
        *(Served(name, "edited", *pair) for pair in zip(wanted, _live(plane, namespace, wanted), strict=True)),
    ]


def _patch(plane: ControlPlane, namespace: str, where: str, form: str, patch: Any) -> None:
    version, plural, name = where.rsplit("/", 2)
    root = "/apis" if "/" in version else "/api"
    path = f"{root}/{version}/namespaces/{namespace}/{plural}/{name}?fieldManager=operator"
    answer = plane.request("PATCH", path, patch, content_type=f"application/{form}-patch+json")
    assert answer.status == http.client.OK, answer


def _settle(plane: ControlPlane, namespace: str) -> None:
    """Wait until the controllers have seen what is new, so that their fields are there."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"

    def seen() -> bool:
        return all(
            each.get("status", {}).get("observedGeneration") == each["metadata"]["generation"]
            for each in plane.request("GET", path).body["items"]
        )

    plane.processes.wait_until(seen, "Deployments that their controller has seen", 60)
    time.sleep(0.5)


def _live(plane: ControlPlane, namespace: str, wanted: Sequence[Json]) -> list[Json]:
    arguments = ("-n", namespace, "get", "-f", "-", "-o", "json", "--show-managed-fields")
    answer = plane.kubectl(*arguments, stdin=_list(wanted))
    _succeed(answer)
    items: list[Json] = json.loads(answer.stdout)["items"]
    return items


def _list(objects: Sequence[Json]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


def _succeed(done: Any) -> None:
    assert done.returncode == 0, done.stderr


# --- clients


def kubectl(*arguments: str) -> Client:
    """A client that hands everything to kubectl."""

    def deploy(plane: ControlPlane, namespace: str, wanted: Sequence[Json]) -> None:
        _succeed(plane.kubectl("-n", namespace, *arguments, "-f", "-", stdin=_list(wanted)))

    return deploy


def kubectl_twice(plane: ControlPlane, namespace: str, wanted: Sequence[Json]) -> None:
    """A client that has applied an older commit before, with more in it."""
    older = copy.deepcopy(list(wanted))
    for each in older:
        each["metadata"].setdefault("labels", {})["acme.test/older"] = "yes"
        for container in each["spec"]["template"]["spec"]["containers"] if each["kind"] == "Deployment" else ():
            container.setdefault("env", []).append({"name": "OLDER", "value": "1"})
    _succeed(plane.kubectl("-n", namespace, "apply", "-f", "-", stdin=_list(older)))
    _succeed(plane.kubectl("-n", namespace, "apply", "-f", "-", stdin=_list(wanted)))


def helm(program: Path, scratch: Path) -> Client:
    """A client that installs everything as a chart, and then upgrades it without a change."""

    def deploy(plane: ControlPlane, namespace: str, wanted: Sequence[Json]) -> None:
        chart = scratch / program.parent.name
        shutil.rmtree(chart, ignore_errors=True)
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n", encoding="utf-8")
        for index, each in enumerate(wanted):
            (chart / "templates" / f"{index:02}.yaml").write_text(json.dumps(each), encoding="utf-8")
        _succeed(plane.run(program, "install", "shop", chart, "--namespace", namespace))
        _succeed(plane.run(program, "upgrade", "shop", chart, "--namespace", namespace))

    return deploy
