"""A small environment to look at clusters with, and the commands run on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from driftgate.cli import main
from tests.controlplane.plane import ControlPlane
from tests.repositories import URL, application, chart, write

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: registry.example.com/web:1}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}], selector: {app: web}}
"""
SECRET_STORE = """\
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: vault}
spec: {provider: {fake: {data: []}}}
"""
TOKEN_SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\n"
CREATES = "  syncPolicy: {syncOptions: [CreateNamespace=true]}\n"
SERVER = "https://kubernetes.default.svc"


def uid_of(plane: ControlPlane) -> str:
    uid: str = plane.request("GET", "/api/v1/namespaces/kube-system").body["metadata"]["uid"]
    return uid


def policy(destinations: str = "", *, more: str = "") -> str:
    listed = f"cluster:\n  destinations:\n{destinations}" if destinations else ""
    return f"driftgate: 1\nenvironment: staging\nrepository: {{urls: ['{URL}']}}\n{listed}{more}"


def shop(
    root: Path, namespace: str, templates: Mapping[str, str] | None = None, *, uid: str = "", more: str = ""
) -> Path:
    """A tree with the Application `web`, a chart of a Deployment and a Service by default.

    With a `uid` policy names the cluster of that uid; `more` is further policy.
    """
    manifest = application("web", "web").replace("plate-stg", namespace) + CREATES
    files = {
        "apps/web.yaml": manifest,
        "policies/staging.yaml": policy(f"    - {{server: {SERVER}, uid: {uid}}}\n" if uid else "", more=more),
        **chart("web", templates or {"deployment.yaml": DEPLOYMENT, "service.yaml": SERVICE}),
    }
    return write(root, files)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)

    @property
    def points(self) -> list[tuple[str, str, str]]:
        """Topic, state and what was found of each point of the first environment."""
        return [(point["topic"], point["state"], point["found"]) for point in self.json[0]["points"]]

    def point(self, topic: str, state: str = "problem") -> dict[str, Any]:
        """The one point of a topic and a state."""
        (found,) = (p for p in self.json[0]["points"] if (p["topic"], p["state"]) == (topic, state))
        return dict(found)


def run(
    capsys: pytest.CaptureFixture[str], plane: ControlPlane, *arguments: str | Path, identity: str = "admin"
) -> Done:
    """Run a command as an identity of a control plane."""
    capsys.readouterr()
    way = () if "--kubeconfig" in arguments else ("--kubeconfig", plane.kubeconfig(identity))
    context = () if "--context" in arguments else ("--context", identity)
    try:
        code = main([*map(str, [*arguments, *way, *context]), "--no-cache"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    captured = capsys.readouterr()
    return Done(code, captured.out, captured.err)
