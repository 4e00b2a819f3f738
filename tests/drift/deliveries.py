"""What people do to delivered objects, and how Argo CD and helm deliver: by real clients, on a real control plane.

Argo CD is played by kubectl with the calls of gitops-engine (`pkg/utils/kube/resource_ops.go`): `kubectl apply` with
its own field manager, after `kubectl auth reconcile` for RBAC; server-side apply that forces conflicts; `replace`.
"""

from __future__ import annotations

import copy
import dataclasses
import http.client
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from driftgate.compare import Tracking, TrackingMethod, desired_object
from driftgate.drift.consequences import Consequence, Deliverer
from tests.controlplane.plane import ControlPlane

Json = dict[str, Any]
MANAGER = "--field-manager=argocd-controller"
APPLICATION = "shop"
RBAC = "rbac.authorization.k8s.io/v1"


class Way(StrEnum):
    """How objects are delivered."""

    APPLY = "apply"
    APPLY_FORCE = "apply --force"
    SERVER_SIDE = "server-side apply"
    REPLACE = "replace"
    REPLACE_FORCE = "replace --force"
    HELM_3 = "helm 3"
    HELM_4 = "helm 4"
    HELM_4_CLIENT_SIDE = "helm 4, client-side"

    @property
    def deliverer(self) -> Deliverer:
        """Who delivers in this way."""
        return Deliverer.HELM if self.value.startswith("helm") else Deliverer.ARGOCD


PLURALS = {"ingress": "ingresses", "networkpolicy": "networkpolicies"}
#: The sync options of an Application that make Argo CD deliver in a way; `Force=true` stands on the objects.
OPTIONS: Mapping[Way, tuple[str, ...]] = {
    Way.SERVER_SIDE: ("ServerSideApply=true",),
    Way.REPLACE: ("Replace=true",),
    Way.REPLACE_FORCE: ("Replace=true",),
}


class Outcome(StrEnum):
    """What a delivery made of a difference."""

    REVERTED = "reverted"
    SURVIVED = "survived"
    REFUSED = "refused"
    CREATED = "created"
    DELETED = "deleted"
    STAYED = "stayed"


@dataclass(frozen=True, slots=True)
class Kubectl:
    """A kubectl command; `{}` stands for kind/name."""

    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patched:
    """The request that `kubectl patch` makes; starting kubectl takes ten times as long."""

    content: Any
    form: str


@dataclass(frozen=True, slots=True)
class Recreated:
    """Somebody has deleted the object and created it anew, with other content."""

    content: Json


@dataclass(frozen=True, slots=True)
class Applied:
    """Somebody has applied the object by hand, with other content."""

    content: Json


@dataclass(frozen=True, slots=True)
class MadeByHand:
    """Somebody has created the object, with the metadata of a delivered one; nobody else ever had it."""


Drift = Kubectl | Patched | Recreated | Applied | MadeByHand | None


@dataclass(frozen=True, slots=True)
class Row:
    """One object, what is done to it after it was delivered, and what becomes of it when it is delivered again.

    `field` is the field in question, empty for the whole object. `before` is what Git had in the object besides, when
    it was first delivered; with `gone` Git does not have the object any more.
    """

    way: Way
    object: str
    drift: Drift
    field: str
    consequence: Consequence
    before: Json = dataclasses.field(default_factory=dict)
    gone: bool = False
    annotations: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def named(self, name: str) -> Json:
        """The manifest as Git has it in the end, under a name of its own."""
        manifest = copy.deepcopy(MANIFESTS[self.object])
        manifest["metadata"]["name"] = name
        if self.annotations:
            manifest["metadata"]["annotations"] = dict(self.annotations)
        return manifest


def kubectl(text: str, *more: str) -> Kubectl:
    """A kubectl command in one text, and arguments with spaces in them."""
    return Kubectl((*text.split(), *more))


def patch(content: Any, form: str = "merge") -> Patched:
    """A patch as kubectl makes it."""
    return Patched(content, form)


def merged(document: Any, content: Any) -> Any:
    """A JSON merge patch, applied."""
    if not isinstance(document, dict) or not isinstance(content, dict):
        return content
    result = {**document, **{key: merged(document.get(key), below) for key, below in content.items()}}
    return {key: below for key, below in result.items() if below is not None}


MANIFESTS: dict[str, Json] = {
    document["kind"]: document
    for document in yaml.safe_load_all(Path(__file__).with_name("delivered.yaml").read_text(encoding="utf-8"))
}
#: A kind that nobody has types of: a map, a list that is one value, one with keys, and a default.
CRD: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.acme.test"},
    "spec": {
        "group": "acme.test",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "size": {"type": "integer"},
                                    "mode": {"type": "string", "default": "auto"},
                                    "colour": {"type": "string"},
                                    "hosts": {"type": "array", "items": {"type": "string"}},
                                    "parts": {
                                        "type": "array",
                                        "x-kubernetes-list-type": "map",
                                        "x-kubernetes-list-map-keys": ["name"],
                                        "items": {
                                            "type": "object",
                                            "required": ["name"],
                                            "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
                                        },
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """One row on the control plane: as it was delivered first, as it drifted, and after it was delivered again."""

    row: Row
    name: str
    desired: Json | None
    first: Json | None
    drifted: Json | None
    after: Json | None
    error: str
    tracking: Tracking


@dataclass(frozen=True, slots=True)
class Clients:
    """The programs, and where charts may lie."""

    plane: ControlPlane
    helm3: Path
    helm4: Path
    scratch: Path

    def kubectl(self, namespace: str, *arguments: str, objects: Iterable[Json] = ()) -> str:
        """Run kubectl, with objects for its standard input, and return what went wrong."""
        stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        done = self.plane.kubectl("-n", namespace, *arguments, stdin=stdin)
        return done.stderr if done.returncode else ""

    def live(self, namespace: str, objects: Sequence[Json]) -> dict[str, Json]:
        """The objects as they are, by name."""
        stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        arguments = ("get", "-f", "-", "--ignore-not-found", "-o", "json", "--show-managed-fields")
        done = self.plane.kubectl("-n", namespace, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout) if done.stdout else {"items": []}
        return {each["metadata"]["name"]: each for each in found.get("items", [found])}

    def deliver(self, way: Way, namespace: str, release: str, objects: list[Json], *, first: bool) -> str:
        """Deliver as Argo CD or helm does, and return what went wrong."""
        read = ("-f", "-")
        match way:
            case Way.APPLY | Way.APPLY_FORCE:
                rbac = [each for each in objects if each["apiVersion"] == RBAC]
                error = self.kubectl(namespace, "auth", "reconcile", *read, objects=rbac) if rbac else ""
                force = ("--force",) if way is Way.APPLY_FORCE else ()
                return error + self.kubectl(namespace, "apply", MANAGER, *force, *read, objects=objects)
            case Way.SERVER_SIDE:
                return self.kubectl(
                    namespace, "apply", "--server-side", "--force-conflicts", MANAGER, *read, objects=objects
                )
            case Way.REPLACE | Way.REPLACE_FORCE if first:
                return self.kubectl(namespace, "create", MANAGER, *read, objects=objects)
            case Way.REPLACE:
                return self.kubectl(namespace, "replace", MANAGER, *read, objects=objects)
            case Way.REPLACE_FORCE:
                return self.kubectl(namespace, "replace", "--force", *read, objects=objects)
        return self._helm(way, namespace, release, objects, first=first)

    def _helm(self, way: Way, namespace: str, release: str, objects: list[Json], *, first: bool) -> str:
        chart = self.scratch / release
        shutil.rmtree(chart, ignore_errors=True)
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {release}\nversion: 0.1.0\n", encoding="utf-8")
        for each in objects:
            (chart / "templates" / f"{each['metadata']['name']}.yaml").write_text(json.dumps(each), encoding="utf-8")
        program = self.helm3 if way is Way.HELM_3 else self.helm4
        flags = ("--server-side=false",) if way is Way.HELM_4_CLIENT_SIDE else ()
        done = self.plane.run(program, "install" if first else "upgrade", release, chart, "-n", namespace, *flags)
        return done.stderr if done.returncode else ""

    def change(self, row: Row, namespace: str, delivered: Json) -> None:
        """Do to a delivered object what its row says."""
        kind, name = delivered["kind"].lower(), delivered["metadata"]["name"]
        match row.drift:
            case Kubectl(arguments):
                error = self.kubectl(namespace, *(f"{kind}/{name}" if each == "{}" else each for each in arguments))
            case Patched(content, form):
                version = delivered["apiVersion"]
                root = "/apis" if "/" in version else "/api"
                path = f"{root}/{version}/namespaces/{namespace}/{PLURALS.get(kind, f'{kind}s')}/{name}"
                form = f"application/{form}-patch+json"
                answer = self.plane.request("PATCH", f"{path}?fieldManager=kubectl-patch", content, content_type=form)
                error = "" if answer.status == http.client.OK else str(answer.body)
            case Recreated(content):
                error = self.kubectl(namespace, "delete", kind, name, "--wait=true", "--cascade=background")
                error += self.kubectl(namespace, "create", "-f", "-", objects=[merged(delivered, content)])
            case Applied(content):
                error = self.kubectl(namespace, "apply", "-f", "-", objects=[merged(delivered, content)])
            case MadeByHand():
                error = self.kubectl(namespace, "create", "-f", "-", objects=[delivered])
            case None:
                error = ""
        assert error == "", f"{row}: {error}"


def deliver_all(clients: Clients, rows: Sequence[Row]) -> list[Delivered]:
    """Deliver every row, let it drift, and deliver it again; rows that are to fail come by a release of their own."""
    namespace = clients.plane.namespace()
    batches: dict[tuple[Way, str], list[tuple[Row, str]]] = {}
    for index, row in enumerate(rows):
        alone = row.way.deliverer is Deliverer.HELM and row.consequence is Consequence.BLOCKS
        release = f"{row.way.name.lower().replace('_', '-')}{f'-{index}' if alone else ''}"
        batches.setdefault((row.way, release), []).append((row, f"{row.object.lower()}-{index}"))
    found: list[Delivered] = []
    for (way, release), batch in batches.items():
        helm = way.deliverer is Deliverer.HELM
        tracking = Tracking(
            TrackingMethod.HELM if helm else TrackingMethod.ANNOTATION, release if helm else APPLICATION, namespace
        )
        plain = {name: row.named(name) for row, name in batch}
        objects = {name: desired_object(each, tracking, namespaced=True) for name, each in plain.items()}
        sent = plain if helm else objects
        first = [merged(sent[name], row.before) for row, name in batch if not isinstance(row.drift, MadeByHand)]
        error = clients.deliver(way, namespace, release, first, first=True)
        assert error == "", f"{way}: {error}"
        fresh = clients.live(namespace, list(objects.values()))
        for row, name in batch:
            clients.change(row, namespace, objects[name])
        drifted = clients.live(namespace, list(objects.values()))
        again = [sent[name] for row, name in batch if not row.gone and not isinstance(row.drift, MadeByHand)]
        error = clients.deliver(way, namespace, release, again, first=False)
        after = clients.live(namespace, list(objects.values()))
        for row, name in batch:
            kept = not row.gone and not isinstance(row.drift, MadeByHand)
            desired = objects[name] if kept else None
            about = "\n".join(line for line in error.splitlines() if name in line and not line.startswith("Warning"))
            found.append(
                Delivered(row, name, desired, fresh.get(name), drifted.get(name), after.get(name), about, tracking)
            )
    return found
