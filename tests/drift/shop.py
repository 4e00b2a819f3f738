"""A small environment that Argo CD or helm has delivered to a test cluster, and `driftgate drift` run on it."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from driftgate.cli import main
from driftgate.compare import Tracking, desired_object
from driftgate.health import Family
from driftgate.model.secret import SecretValue
from tests.controlplane.plane import ControlPlane
from tests.repositories import URL, assembly_of, chart, write

SERVER = "https://kubernetes.default.svc"
CANARY = "canary-2b9e-password"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
_MERGE = "application/merge-patch+json"

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: main
          image: "registry.example.com/web:{{ .Values.tag }}"
          env:
            - {name: COLOUR, value: {{ .Values.colour }}}
            - {name: SIZE, value: small}
          resources: {requests: {cpu: 100m, memory: 1Gi}}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}], selector: {app: web}}
"""
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {greeting: {{ .Values.greeting }}}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: {{ .Values.password }}}\n"
VALUES = f"replicas: 2\ntag: 1.0.0\ncolour: blue\ngreeting: hello\npassword: {CANARY}\n"


def application(name: str, path: str, namespace: str, spec: str = "") -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
spec:
  project: default
  destination: {{server: {SERVER}, namespace: {namespace}}}
  source: {{repoURL: '{URL}', path: '{path}', targetRevision: HEAD}}
{spec}"""


AUTOMATED = "  syncPolicy: {automated: {prune: true, selfHeal: true}}\n"


@dataclass
class Shop:
    """The Applications `root` and `web` in a tree, and a namespace of a cluster for what `web` renders."""

    plane: ControlPlane
    root: Path
    namespace: str
    web: str = "web"
    _made: list[str] = field(default_factory=list)

    def tree(
        self,
        templates: Mapping[str, str] | None = None,
        *,
        spec: str = AUTOMATED,
        more: str = "",
        uid: str = "",
        well: bool = False,
    ) -> None:
        """Write the tree; `spec` stands in the spec of `web`, `more` in the policy.

        Whether the objects are `well` is judged only where that is asked for.
        """
        web, top = f"web-{self.namespace}", f"root-{self.namespace}"
        self.web = web
        parts = templates or {"deployment": DEPLOYMENT, "service": SERVICE, "settings": SETTINGS, "secret": SECRET}
        # What nobody brings to life is unwell soon: tests/drift/test_live_health.py looks at that.
        off = "".join(f"  {one.value}: {{severity: 'off', reason: nothing runs here}}\n" for one in Family)
        more = more if well else f"{more}checks:\n{off}"
        uid = uid or self.plane.request("GET", "/api/v1/namespaces/kube-system").body["metadata"]["uid"]
        files = {
            "root.yaml": application(top, "apps", "argocd"),
            "apps/web.yaml": application(web, "web", self.namespace, spec),
            "policies/shop.yaml": (
                f"driftgate: 1\nenvironment: shop\nroots: [{top}]\nrepository: {{urls: ['{URL}']}}\n"
                f"cluster:\n  destinations:\n    - server: {SERVER}\n      context: admin\n      uid: {uid}\n{more}"
            ),
        }
        write(self.root, {**files, **chart("web", {f"{name}.yaml": text for name, text in parts.items()}, VALUES)})

    def deliver(self) -> None:
        """Bring everything into the cluster as Argo CD does, with Applications that it says are well."""
        self.deliver_objects()
        for path in ("root.yaml", "apps/web.yaml"):
            self.make_application(yaml.safe_load((self.root / path).read_text(encoding="utf-8")))

    def deliver_objects(self) -> None:
        """Apply what `web` renders as Argo CD does: with its tracking id, by a client-side apply."""
        tracking = Tracking(application=self.web, namespace=self.namespace)
        with assembly_of(self.root) as assembly:
            manifests = [one for loaded in assembly.environment.applications for one in loaded.manifests]
        objects = [
            _opened(desired_object(one.object, tracking, namespaced=one.namespaced))
            for one in manifests
            if not one.is_application
        ]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "--field-manager=argocd-controller", "-f", "-", stdin=text)

    def make_application(self, manifest: dict[str, Any], **status: Any) -> None:
        """Create a live Application that was compared just now."""
        name = manifest["metadata"]["name"]
        if name == self.web:
            tracking = f"root-{self.namespace}:argoproj.io/Application:argocd/{name}"
            manifest["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": tracking}
        self.plane.create(APPLICATIONS, manifest)
        self._made.append(name)
        well = {
            "sync": {"status": "Synced", "revision": "a" * 40},
            "health": {"status": "Healthy"},
            "reconciledAt": "2999-01-01T00:00:00Z",
        }
        self.patch_application(name, {"status": {**well, **status}})

    def patch_application(self, name: str, patch: Mapping[str, Any]) -> None:
        """Change a live Application, as a person does in the user interface."""
        answer = self.plane.request("PATCH", f"{APPLICATIONS}/{name}", patch, content_type=_MERGE)
        assert answer.status == 200, answer

    def kubectl(self, *arguments: str, stdin: str = "") -> None:
        """Run kubectl in the namespace."""
        done = self.plane.kubectl(*arguments, "-n", self.namespace, stdin=stdin)
        assert done.returncode == 0, done.stderr

    def drift(self, *arguments: str, context: str = "admin") -> tuple[int, str, str]:
        """Exit code, output and standard error of `driftgate drift`."""
        way = [] if "--live-from" in arguments else ["--kubeconfig", str(self.plane.kubeconfig(context))]
        way += [] if "--live-from" in arguments else ["--context", context]
        return run("drift", "--no-cache", *way, *arguments, str(self.root))

    def findings(self, *arguments: str) -> list[Told]:
        """What is told, without what differs from run to run."""
        _, out, err = self.drift("--format", "json", *arguments)
        assert out, err
        return [Told.of(each, self) for each in json.loads(out)["findings"]]

    def plain(self, text: str) -> str:
        """Without names and moments of this run."""
        text = text.replace(self.namespace, "NS").replace(self.plane.server, "SERVER")
        text = re.sub(r"\d+ days ago", "N days ago", text)
        return re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:Z| UTC)", "TIME", text)

    def unwrapped(self, text: str) -> str:
        """The plain text with the lines of the heading in one piece each."""
        return self.plain(text.replace(f"\n{' ' * 16}", " "))

    def close(self) -> None:
        """Delete the Applications, which other tests would see."""
        for name in self._made:
            self.plane.request("DELETE", f"{APPLICATIONS}/{name}")


@dataclass(frozen=True)
class Told:
    """A finding as a person reads it."""

    check: str
    outcome: str
    object: str
    place: str
    found: str
    expected: str
    why: str
    related: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any], shop: Shop) -> Told:
        """A finding of the JSON report."""
        place = f"{data['file']}:{data['line']}" if data["line"] else data["file"]
        related = tuple(
            shop.plain(f"{each['file']}:{each['line']}" if each["line"] else each["file"]) + f" {each['note']}"
            for each in data["related"]
        )
        return cls(
            data["check"],
            data["outcome"],
            shop.plain(data["object"]),
            place,
            shop.plain(data["found"]),
            shop.plain(data["expected"]),
            shop.plain(data["why"]),
            related,
        )


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and standard error of `driftgate`; no secret is in either."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    assert CANARY not in out.getvalue() + err.getvalue()
    return code, out.getvalue(), err.getvalue()


def _opened(value: Any) -> Any:
    if isinstance(value, SecretValue):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    return [_opened(each) for each in value] if isinstance(value, list) else value
