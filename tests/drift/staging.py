"""Our own environment, delivered to a control plane as Argo CD does, with one more Application of other kinds."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import ssl
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from driftgate.assembly import Assembly, assemble
from driftgate.compare import Tracking, desired_object
from driftgate.compare.objects import opened
from driftgate.drift.pairing import LiveEnvironment, wanted_of
from driftgate.drift.reading import read_state
from driftgate.health import Family
from driftgate.live import identify, open_cluster
from driftgate.run import judge_drift, policies_of
from driftgate.semantics.destinations import IN_CLUSTER
from driftgate.settings import Settings
from tests.controlplane.plane import ControlPlane
from tests.drift.shop import CANARY, SERVER, Shop
from tests.repositories import chart, write

Json = dict[str, Any]
SOURCE = Path(__file__).resolve().parents[2]
NEIGHBOURS = "neighbours-stg"
MANAGER = "--field-manager=argocd-controller"
#: What sets the fields of `neighbours.yaml`, one line each.
VALUES = f"""\
greeting: hello
colour: blue
tier: front
password: {CANARY}
replicas: 2
service: store
image: registry.example.com/main:1.0.0
level: info
hostNetwork: false
minAvailable: 1
port: 8080
storage: 1Gi
maxReplicas: 5
account: shop
cpu: "2"
team: platform
size: 3
"""


@dataclass
class Staging(Shop):
    """A copy of our environment in a namespace of its own."""

    _rendered: dict[tuple[str, str], Json] = field(default_factory=dict)

    def copy(self) -> None:
        """Write the tree: the environment, and the Application of the kinds that it lacks."""
        for name in ("environments", "helm", "policies/staging.yaml"):
            source = SOURCE / name
            for path in source.rglob("*") if source.is_dir() else [source]:
                if path.is_file():
                    text = path.read_text(encoding="utf-8").replace("plate-stg", self.namespace)
                    write(self.root, {str(path.relative_to(SOURCE)): text})
        uid = self.plane.request("GET", "/api/v1/namespaces/kube-system").body["metadata"]["uid"]
        destination = f"cluster:\n  destinations: [{{server: {SERVER}, context: admin, uid: {uid}}}]\n"
        policy = self.root / "policies/staging.yaml"
        text = policy.read_text(encoding="utf-8").replace("cluster:\n", destination, 1)
        # Nothing here is brought to life: tests/drift/test_live_health.py looks at that.
        off = "".join(f"  {family.value}: {{severity: 'off', reason: nothing runs here}}\n" for family in Family)
        checks = f"checks:\n{off}"
        text = text.replace("checks:\n", checks, 1) if "\nchecks:\n" in text else f"{text}{checks}"
        write(self.root, {"policies/staging.yaml": text, **self._neighbours()})

    def _neighbours(self) -> dict[str, str]:
        """The files of the further Application: our own plate-web-stg with another chart."""
        own = yaml.safe_load((self.root / "environments/argocd/apps/plate-web-stg.yaml").read_text(encoding="utf-8"))
        own["metadata"]["name"], own["spec"]["source"]["path"] = NEIGHBOURS, "helm/neighbours"
        del own["spec"]["source"]["helm"]
        documents = Path(__file__).with_name("neighbours.yaml").read_text(encoding="utf-8").split("\n---\n")
        templates = {}
        for document in documents:
            kind, name = (document.partition(word)[2].split()[0].strip('{},"') for word in ("kind: ", "name: "))
            templates[f"{kind.lower()}-{name}.yaml".replace("{", "")] = document
        application = {"environments/argocd/apps/neighbours-stg.yaml": yaml.safe_dump(own)}
        return application | chart("helm/neighbours", templates, VALUES)

    def assembled(self) -> contextlib.AbstractContextManager[Assembly]:
        """The tree as it is judged."""
        (policy,) = policies_of(self.root, None, "staging")
        return assemble(self.root, policy, Settings(cache=None))

    def rendered(self) -> dict[tuple[str, str], Json]:
        """Every object that Argo CD delivers by kind and name, with its tracking id and its namespace."""
        if not self._rendered:
            self._rendered = self._render()
        return copy.deepcopy(self._rendered)

    def _render(self) -> dict[tuple[str, str], Json]:
        with self.assembled() as assembly:
            return {
                (one.kind, one.name): opened(desired_object(one.object, tracking, namespaced=one.namespaced))
                for loaded in assembly.environment.applications
                for tracking in [Tracking(application=loaded.label, namespace=loaded.application.destination.namespace)]
                for one in loaded.manifests
            }

    def deliver(self) -> None:
        """Bring everything into the cluster as Argo CD does, CRDs first, with Applications that it says are well."""
        objects = self.rendered()
        of_kind = objects.pop(("CustomResourceDefinition", "parts.shop.test"))
        self.sync([of_kind])
        self.plane.kubectl("wait", "--for=condition=established", "crd/parts.shop.test")
        self.sync(one for one in objects.values() if one["kind"] != "Application")
        root = yaml.safe_load((self.root / "environments/argocd/app-of-apps.yaml").read_text(encoding="utf-8"))
        for manifest in (root, *(one for one in objects.values() if one["kind"] == "Application")):
            self.make_application(manifest)

    def sync(self, objects: Iterable[Json]) -> str:
        """Apply objects as Argo CD does; what was refused."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        done = self.plane.kubectl("apply", MANAGER, "-f", "-", stdin=text)
        return done.stderr if done.returncode else ""

    def patch(self, path: str, content: Any, manager: str, form: str) -> None:
        """Make a request as `kubectl patch` does; behind the `!` the path goes on in the namespace, or with a `/`."""
        group, _, rest = path.partition("!")
        place = rest if rest.startswith("/") else f"/namespaces/{self.namespace}/{rest}"
        content_type = f"application/{form}-patch+json"
        path = f"{group}{place}?fieldManager={manager}"
        answer = self.plane.request("PATCH", path, content, content_type=content_type)
        assert answer.status == 200, answer

    def judged(self) -> LiveEnvironment:
        """Every object beside what Git renders, as `driftgate drift` pairs them."""
        with self.assembled() as assembly, open_cluster("admin", str(self.plane.kubeconfig())) as cluster:
            wanted, namespaces = wanted_of(assembly.environment.applications)
            state = read_state(cluster, IN_CLUSTER, identify(cluster), wanted, "argocd", namespaces)
            return judge_drift(assembly, [state])[1]

    def close(self) -> None:
        """Delete what is the whole cluster's, with nobody there who would see to the finalizers of Applications."""
        for name in self._made:
            self.patch_application(name, {"metadata": {"finalizers": None}})
        super().close()
        self.plane.kubectl("delete", "crd/parts.shop.test", f"namespace/{self.namespace}-jobs", "--wait=false")


@contextlib.contextmanager
def injecting(plane: ControlPlane, namespace: str, patch: list[Json]) -> Iterator[None]:
    """A webhook that changes every new Deployment of a namespace, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch"}
            answer["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
            body = json.dumps({**review, "request": None, "response": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plane.keys.server, plane.keys.server.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    name = f"inject-{namespace}"
    hooks = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    bundle = base64.b64encode(plane.keys.authority.read_bytes()).decode()
    creation = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}
    webhook = {
        "name": "inject.shop.test",
        "clientConfig": {"url": f"https://127.0.0.1:{server.server_address[1]}/", "caBundle": bundle},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [creation],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    try:
        plane.create(hooks, {"metadata": {"name": name}, "webhooks": [webhook]})
        yield
    finally:
        plane.request("DELETE", f"{hooks}/{name}")
        server.shutdown()
        server.server_close()
        thread.join()
