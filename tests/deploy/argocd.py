"""Argo CD's application controller, as far as somebody who hands it Applications can see: a client in a thread.

It renders with helm what the Applications say, applies that, and writes sync, health and operation into their status in
the form of Argo CD's own (argo-cd: controller/state.go, controller/appcontroller.go). Sync waves it does not know.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.rig import Checkout

Json = dict[str, Any]

NAMESPACE = "argocd"
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
REFRESH = "argocd.argoproj.io/refresh"
ROOT = "app-of-apps-stg"
TICK_SECONDS = 0.3
_MERGE = "application/merge-patch+json"


@dataclass
class ArgoCD:
    """A controller that delivers a checkout at a revision.

    `revision` is what it finds in Git. The sync of an Application that `failing` names fails with the message there.
    What could not be applied is tried again in the next round.
    """

    checkout: Checkout
    revision: str
    plan: Path
    failing: dict[str, str] = field(default_factory=dict)

    def round(self) -> None:
        """Look at every Application once."""
        for application in self.applications().values():
            if "deletionTimestamp" in application["metadata"]:
                self._finalize(application)
            else:
                self._reconcile(application)

    def applications(self) -> dict[str, Json]:
        """The Applications that are in the cluster."""
        answer = self.checkout.plane.request("GET", APPLICATIONS)
        # A kind that is new is not served by every part of the API server at once.
        items: list[Json] = answer.body["items"] if answer.status == 200 else []
        return {one["metadata"]["name"]: one for one in items}

    def _reconcile(self, application: Json) -> None:
        name = application["metadata"]["name"]
        status = application.get("status", {})
        if REFRESH in application["metadata"].get("annotations", {}):
            self._patch(name, {"metadata": {"annotations": {REFRESH: None}}})
        wanted = (self.revision, self.failing.get(name, ""))
        result = status.get("operationState", {})
        reached = (result.get("syncResult", {}).get("revision"), result.get("message", ""))
        if reached != wanted:
            fault = wanted[1] or self._apply(application)
            self._patch(name, {"status": self._status(application, fault)})

    def _status(self, application: Json, fault: str) -> Json:
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        spec = application["spec"]
        before = application.get("status", {}).get("sync", {}).get("revision", "")
        synced = {
            "status": "OutOfSync" if fault else "Synced",
            "revision": self.revision if not fault else before or self.revision,
            "comparedTo": {"source": spec["source"], "destination": spec["destination"]},
        }
        operation = {
            "operation": {"sync": {"revision": self.revision}},
            "phase": "Failed" if fault else "Succeeded",
            "message": fault,
            "startedAt": now,
            "finishedAt": now,
            "syncResult": {"revision": self.revision, "source": spec["source"]},
        }
        return {
            "sync": synced,
            "health": {"status": "Missing" if fault else "Healthy", "lastTransitionTime": now},
            "operationState": operation,
            "reconciledAt": now,
            "sourceType": "Directory" if application["metadata"]["name"] == ROOT else "Helm",
        }

    def _apply(self, application: Json) -> str:
        """Apply what an Application renders; why that was refused, else nothing."""
        manifests = self._manifests(application)
        namespace = application["spec"]["destination"]["namespace"]
        plane = self.checkout.plane
        plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        done = plane.kubectl("apply", "--namespace", namespace, "--filename", "-", stdin=manifests)
        return done.stderr if done.returncode else ""

    def _manifests(self, application: Json) -> str:
        """What an Application renders: its chart by helm, for the root the manifests of the children."""
        name = application["metadata"]["name"]
        if name == ROOT:
            children = sorted((self.checkout.root / application["spec"]["source"]["path"]).glob("*.yaml"))
            return "\n---\n".join(path.read_text(encoding="utf-8") for path in children)
        (folder,) = self.plan.glob(f"[0-9]*-{name}")
        chart, namespace, release = ((folder / fact).read_text().strip() for fact in ("chart", "namespace", "release"))
        arguments = (folder / "arguments").read_text(encoding="utf-8").splitlines()
        done = self.checkout.plane.run(
            self.checkout.helm, "template", release, chart, "--namespace", namespace, *arguments
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _finalize(self, application: Json) -> None:
        """Delete what was deployed, then let the Application go: a root waits for its children."""
        name = application["metadata"]["name"]
        namespace = application["spec"]["destination"]["namespace"]
        deleted = ("delete", "--namespace", namespace, "--ignore-not-found", "--wait=false", "--filename", "-")
        done = self.checkout.plane.kubectl(*deleted, stdin=self._manifests(application))
        assert done.returncode == 0, done.stderr
        if name != ROOT or set(self.applications()) == {ROOT}:
            self._patch(name, {"metadata": {"finalizers": None}})

    def _patch(self, name: str, patch: Json) -> None:
        answer = self.checkout.plane.request("PATCH", f"{APPLICATIONS}/{name}", patch, content_type=_MERGE)
        assert answer.status in (200, 404), answer


@contextlib.contextmanager
def delivering(checkout: Checkout, revision: str) -> Iterator[ArgoCD]:
    """Let the controller work until the block ends; then every Application is gone, what it deployed stays."""
    plan = checkout.scratch.parent / "plan"
    assert checkout.driftgate("releases", "--into", str(plan)).returncode == 0
    working = ArgoCD(checkout, revision, plan)
    ended = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not ended.wait(TICK_SECONDS):
                working.round()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="application controller")
    thread.start()
    try:
        yield working
    finally:
        ended.set()
        thread.join()
        for name in working.applications():
            working._patch(name, {"metadata": {"finalizers": None}})
            checkout.plane.request("DELETE", f"{APPLICATIONS}/{name}")
        if failures:  # also where the block failed, which it did because of this
            raise failures[0]


def installation(checkout: Checkout) -> list[tuple[str, Json]]:
    """What an installation of Argo CD has besides its CRDs: namespace, default project, and the tree's argocd-cm."""
    config = checkout.root / "environments/argocd/argocd-cm.yaml"
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default"},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]},
    }
    return [
        ("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}),
        (f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/appprojects", project),
        (f"/api/v1/namespaces/{NAMESPACE}/configmaps", yaml.safe_load(config.read_text(encoding="utf-8"))),
    ]
