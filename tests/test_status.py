"""`driftgate status` on a real control plane: what people are told when all is well, and when it is not."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgate.cli import main
from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import RBAC, Answer, ControlPlane
from tests.repositories import URL, write
from tools.facts.generate import download
from tools.facts.schemas import CERT_MANAGER

REGISTRY = "registry.example.com"
CANARY = "canary-7d1f"
RESOURCES = "          resources: {requests: {cpu: 10m}}\n"


def app(name: str, path: str, namespace: str, wave: int) -> str:
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
  annotations: {{argocd.argoproj.io/sync-wave: "{wave}"}}
spec:
  project: default
  destination: {{server: https://kubernetes.default.svc, namespace: {namespace}}}
  source: {{repoURL: '{URL}', path: '{path}', targetRevision: HEAD}}
"""


def deployment(name: str = "web", tag: str = "1.0.0", replicas: int = 1, container: str = "", spec: str = "") -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
{spec}      containers:
        - name: main
          image: {REGISTRY}/{name}:{tag}
{container}"""


def service(name: str = "web", selector: str = "web") -> str:
    return f"""\
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {selector}}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""


def ingress(name: str = "web", host: str = "shop.example.com", *, annotations: str = "{}", class_: str = "shop") -> str:
    return f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}, annotations: {annotations}}}
spec:
  ingressClassName: {class_}
  tls: [{{hosts: [{host}], secretName: {name}-tls}}]
  rules:
    - host: {host}
      http:
        paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: web, port: {{number: 80}}}}}}}}]
"""


@dataclass
class Shop:
    """An environment in a tree of its own, with a namespace of its own in the cluster."""

    plane: ControlPlane
    root: Path
    namespace: str
    capsys: pytest.CaptureFixture[str]

    def tree(self, objects: Mapping[str, str], *, uid: str | None = None) -> None:
        """One Application for each name, in waves 1, 2, …, with these objects."""
        files = {"root.yaml": app("root", "apps", "argocd", 0)}
        for wave, (name, text) in enumerate(objects.items(), 1):
            files[f"apps/{name}.yaml"] = app(name, name, self.namespace, wave)
            files[f"{name}/objects.yaml"] = text
        uid = uid or self.plane.request("GET", "/api/v1/namespaces/kube-system").body["metadata"]["uid"]
        files["policies/shop.yaml"] = (
            f"driftgate: 1\nenvironment: shop\nroots: [root]\nrepository: {{urls: ['{URL}']}}\n"
            "cluster:\n  destinations:\n    - server: https://kubernetes.default.svc\n"
            f"      context: admin\n      uid: {uid}\n"
        )
        write(self.root, files)

    def apply(self, *names: str) -> None:
        """Bring the objects of these Applications into the cluster."""
        for name in names:
            done = self.plane.kubectl("apply", "-n", self.namespace, "-f", self.root / name / "objects.yaml")
            assert done.returncode == 0, done.stderr

    def apply_text(self, text: str) -> None:
        """Bring these objects into the cluster."""
        done = self.plane.kubectl("apply", "-n", self.namespace, "-f", "-", stdin=text)
        assert done.returncode == 0, done.stderr

    def get(self, version: str, plural: str, name: str) -> dict[str, Any]:
        """An object as it is."""
        body: dict[str, Any] = self.plane.request("GET", self.path(version, plural, name)).body
        return body

    def pods(self, name: str) -> list[dict[str, Any]]:
        """The Pods of a Deployment that have a node."""
        found = self.plane.request("GET", f"{self.path('v1', 'pods')}?labelSelector=app%3D{name}").body["items"]
        return [each for each in found if "nodeName" in each["spec"]]

    def running(self, name: str) -> list[dict[str, Any]]:
        """Those of them that run."""
        return [each for each in self.pods(name) if each["status"].get("phase") == "Running"]

    def say(self, pod: Mapping[str, Any], reason: str, message: str) -> None:
        """Write an event about a Pod, as the kubelet of a real node does."""
        about = {
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "namespace": self.namespace,
            "uid": pod["metadata"]["uid"],
        }
        body = {"metadata": {"generateName": "said-"}, "involvedObject": about, "reason": reason, "message": message}
        self.plane.create(self.path("v1", "events"), {**body, "type": "Warning", "count": 1})

    def contain(self, pod: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Write the state of a Pod's container, as the kubelet of a real node does."""
        one = {"name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0, "state": state}
        self.write_status(self.path("v1", "pods", pod["metadata"]["name"]), {"containerStatuses": [one]})

    def owned_by(self, version: str, kind: str, plural: str, name: str) -> list[dict[str, Any]]:
        """The reference to an owner, as controllers write it."""
        uid = self.get(version, plural, name)["metadata"]["uid"]
        return [{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}]

    def make(
        self,
        version: str,
        plural: str,
        name: str,
        spec: Mapping[str, Any],
        owners: list[dict[str, Any]] | None = None,
        *,
        cluster_scoped: bool = False,
    ) -> None:
        """Make a custom resource, as an operator does."""
        kinds = {"clusterissuers": "ClusterIssuer", "certificates": "Certificate", "orders": "Order",
                 "certificaterequests": "CertificateRequest", "challenges": "Challenge"}  # fmt: skip
        path = f"/apis/{version}/{plural}" if cluster_scoped else self.path(version, plural)
        body = {
            "apiVersion": version,
            "kind": kinds[plural],
            "metadata": {"name": name, "ownerReferences": owners or []},
        }
        self.plane.create(path, {**body, "spec": spec})

    def allow(self, user: str, rules: list[dict[str, Any]]) -> None:
        """Let a user do something in the namespace."""
        rbac = f"{RBAC}/namespaces/{self.namespace}"
        self.plane.create(f"{rbac}/roles", {"metadata": {"name": "more"}, "rules": rules})
        self.plane.create(f"{rbac}/rolebindings", bound("more", "Role", "more", user))

    @contextmanager
    def may_identify(self, user: str) -> Iterator[None]:
        """Let a user read which cluster this is, until the block ends."""
        rules = [{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}]
        name = f"identity-{self.namespace}"
        self.plane.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
        self.plane.create(f"{RBAC}/clusterrolebindings", bound(name, "ClusterRole", name, user))
        try:
            yield
        finally:
            self.plane.request("DELETE", f"{RBAC}/clusterrolebindings/{name}")
            self.plane.request("DELETE", f"{RBAC}/clusterroles/{name}")

    def status(self, *arguments: str, context: str = "admin") -> tuple[int, str, str]:
        """Exit code, output with what differs from run to run made plain, and standard error."""
        kubeconfig = str(self.plane.kubeconfig(context))
        way = ["--kubeconfig", kubeconfig, "--context", context]
        code = main(["status", "--no-cache", *way, *arguments, str(self.root)])
        out, err = self.capsys.readouterr()
        return code, self.plain(out), self.plain(err)

    def plain(self, text: str) -> str:
        """Without what differs from run to run."""
        text = text.replace(self.plane.server, "SERVER").replace(self.namespace, "NS")
        text = re.sub(r"\b(web|api)-[0-9a-f]{6,10}-[a-z0-9]{5}\b", r"\1-POD", text)
        text = re.sub(r"\b(web|api)-[0-9a-f]{6,10}\b", r"\1-SET", text)
        return re.sub(
            r"Kubernetes v[\d.]+|\d+ API calls", lambda found: "VERSION" if "v" in found[0] else "CALLS", text
        )

    def json(self, *arguments: str, context: str = "admin") -> Any:
        """The one environment of the JSON report."""
        (found,) = json.loads(self.status(*arguments, "--format", "json", context=context)[1])
        return found

    def troubles(self, application: str = "web") -> list[dict[str, Any]]:
        """What is told to be wrong with an Application."""
        (one,) = [each for each in self.json()["applications"] if each["name"] == application]
        return list(one["troubles"])

    def becomes(self, true: Callable[[], object], what: str) -> None:
        """Wait until the cluster has come to something."""
        self.plane.processes.wait_until(lambda: bool(true()), what, 60)

    def path(self, version: str, plural: str, name: str = "") -> str:
        """The path of the objects of a kind in the namespace, or of one of them."""
        start = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        return f"{start}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def write_status(self, path: str, status: Mapping[str, Any]) -> None:
        """Write a status as the object's own controller would."""
        answer: Answer = self.plane.request(
            "PATCH", f"{path}/status", {"status": status}, content_type="application/merge-patch+json"
        )
        assert answer.status == 200, answer


def bound(name: str, kind: str, role: str, user: str) -> dict[str, Any]:
    """A binding of a role to a user."""
    group = "rbac.authorization.k8s.io"
    return {
        "metadata": {"name": name},
        "roleRef": {"kind": kind, "name": role, "apiGroup": group},
        "subjects": [{"kind": "User", "name": user, "apiGroup": group}],
    }


@pytest.fixture
def shop(
    control_plane: ControlPlane,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    # Wide enough for any name of a server or a namespace: where lines are folded is not what these tests are about.
    monkeypatch.setenv("COLUMNS", "200")
    return Shop(control_plane, tmp_path, control_plane.namespace(), capsys)


@contextmanager
def ingress_class(plane: ControlPlane, name: str = "shop") -> Iterator[None]:
    path = "/apis/networking.k8s.io/v1/ingressclasses"
    plane.create(path, {"metadata": {"name": name}, "spec": {"controller": "example.com/shop"}})
    try:
        yield
    finally:
        plane.request("DELETE", f"{path}/{name}")


def told(troubles: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    """Kind, what is wrong and whether waiting mends it."""
    return sorted((each["kind"], each["what"], each["hopeless"]) for each in troubles)


def bring_up(shop: Shop) -> None:
    """Bring all of Application `web` into the cluster, and let it become ready as ingress controllers would have it."""
    shop.apply("web")
    shop.plane.create(
        shop.path("v1", "secrets"),
        {
            "metadata": {"name": "web-tls"},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": "", "tls.key": CANARY},
        },
    )
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}
    shop.write_status(shop.path("networking.k8s.io/v1", "ingresses", "web"), address)
    assert shop.status("--wait", "60")[0] == 0


WHOLE = f"{deployment()}---\n{service()}---\n{ingress()}"
WELL = """\
environment shop, context admin (SERVER, VERSION), delivered by helm

Healthy      web  3 objects

PODS in NS  READY  STATUS   RESTARTS  AGE
web-POD     1/1    Running  0         AGE

SERVICES in NS  TYPE       PORTS   READY ENDPOINTS
web             ClusterIP  80/TCP  1

INGRESSES in NS  CLASS  HOSTS             ADDRESS
web              shop   shop.example.com  192.0.2.10

URLS
  https://shop.example.com at 192.0.2.10: / to web

shop: healthy: 1 Application, 3 objects, 1 Pod (CALLS)
"""


def test_an_environment_that_is_well_is_told_in_short(shop: Shop) -> None:
    """Health, tables and URLs fit on one screen, nothing is written, and Secrets are asked for their metadata only."""
    shop.tree({"web": WHOLE})
    with ingress_class(shop.plane):
        bring_up(shop)
        before = len(shop.plane.audit_events())
        code, out, err = shop.status()
    asked = [event for event in shop.plane.audit_events()[before:] if "driftgate" in event.get("userAgent", "")]
    assert (code, even(out), err) == (0, even(WELL), "")
    assert {event["verb"] for event in asked} <= {"get", "list"}
    assert CANARY not in out


def even(text: str) -> str:
    """Without the widths of columns, which follow generated names, and without the age of a Pod."""
    return re.sub(r" +\d+[smh]$", " AGE", re.sub(r" {2,}", "  ", text), flags=re.MULTILINE).replace("  AGE", " AGE")


def test_what_is_not_there_is_told(shop: Shop) -> None:
    """Nothing of the environment is exit code 5; where some of it is there, what is missing is named."""
    shop.tree({"web": f"{deployment()}---\n{service()}", "api": deployment("api")})
    code, out, _ = shop.status()
    assert (code, out.splitlines()[-1]) == (5, "shop: nothing of it is in this cluster (CALLS)")

    shop.apply("api")
    shop.becomes(lambda: shop.running("api"), "Pod that runs")
    code, out, _ = shop.status()
    assert code == 1
    assert "Missing      web  wave 1\n  missing      Deployment NS/web; Service NS/web\n" in out
    assert shop.status("--application", "api", "--wait", "60")[0] == 0


def test_a_kind_that_is_not_served_is_told(shop: Shop) -> None:
    """An object whose CRD is not installed is missing for a reason that no waiting mends."""
    custom = "apiVersion: shop.example.com/v1\nkind: Till\nmetadata: {name: one}\n"
    shop.tree({"web": f"{deployment()}---\n{custom}"})
    shop.apply_text(deployment())
    shop.becomes(lambda: shop.running("web"), "Pod that runs")
    began = time.monotonic()
    code, out, _ = shop.status("--wait", "60")
    assert (code, time.monotonic() - began < 30) == (1, True)
    assert (
        "Missing      web  1 object\n  missing      Till.shop.example.com: the cluster does not serve this kind;" in out
    )


def test_failing_pods_are_told_with_their_causes(shop: Shop) -> None:
    """Each sort of failure has its own trouble, told at the Pods with the Deployment named."""
    big = "          resources: {requests: {cpu: '64'}}\n"
    limited = "          resources: {limits: {memory: 64Mi}}\n"
    pull = "      imagePullSecrets: [{name: pull}]\n"
    shop.tree(
        {
            "image": deployment("image", "never-pulled"),
            "login": deployment("login", "never-pulled", spec=pull),
            "crash": deployment("crash", "crashes", replicas=2),
            "big": deployment("big", container=big),
            "memory": deployment("memory", container=limited),
            "mount": deployment("mount", "never-starts"),
        }
    )
    shop.apply("image", "login", "crash", "big", "memory", "mount")
    shop.becomes(lambda: len(shop.running("memory")) == 1, "Pod to kill")
    shop.plane.kubectl("annotate", "pod", "-n", shop.namespace, "-l", "app=memory", "driftgate.test/kill=OOMKilled")
    shop.becomes(lambda: shop.pods("mount"), "Pod that does not start")
    shop.say(shop.pods("mount")[0], "FailedMount", 'MountVolume.SetUp failed for volume "x" : secret "x" not found')

    wanted = {
        "image": f"1 Deployment: container main: image {REGISTRY}/image:never-pulled does not exist",
        "login": f"1 Deployment: container main: image {REGISTRY}/login:never-pulled is not pulled",
        "crash": "2 Deployment: container main ends again and again",
        "big": "1 Deployment: no node has room for it (cpu)",
        "memory": "1 Deployment: container main is killed for want of memory (limit 64Mi)",
        "mount": "1 Deployment: stands on its node, and its volumes cannot be mounted: Secret x does not exist",
    }
    hopeless = {"image"}

    def found() -> dict[str, tuple[str, bool]]:
        told_of = {}
        for one in shop.json()["applications"]:
            (trouble,) = one["troubles"] or [{"what": "", "hopeless": False}]
            count = re.match(r"(\d+) Pods ", trouble["what"])
            what = re.sub(r"^(\d+ Pods )?of Deployment \w+", "Deployment", trouble["what"])
            told_of[one["name"]] = (f"{count[1] if count else 1} {what}", trouble["hopeless"])
        return told_of

    expected = {name: (what, name in hopeless) for name, what in wanted.items()}
    shop.becomes(lambda: all(what != "1 " for what, _ in found().values()) and "2 " in str(found()), "all troubles")
    assert found() == expected
    report = shop.json()
    assert (report["exitCode"], report["hopeless"]) == (1, False)
    (trouble,) = next(one for one in report["applications"] if one["name"] == "login")["troubles"]
    assert trouble["evidence"][-1] == "pull secret: pull (does not exist)"


def test_a_quota_that_refuses_pods_is_told(shop: Shop) -> None:
    """The quota, its numbers and the Deployment that suffers are one trouble."""
    shop.tree({"web": f"{deployment(container=RESOURCES)}---\n{service()}"})
    shop.plane.create(
        shop.path("v1", "resourcequotas"), {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    )
    shop.becomes(lambda: "pods" in shop.get("v1", "resourcequotas", "none").get("status", {}).get("hard", {}), "quota")
    shop.apply("web")
    shop.becomes(shop.troubles, "trouble")
    shop.becomes(lambda: len(shop.troubles()[0]["follows"]) == 2, "all that follows")
    (trouble,) = shop.troubles()
    assert (trouble["kind"], trouble["name"], trouble["what"]) == (
        "ResourceQuota",
        "none",
        "leaves no room for more Pods",
    )
    assert trouble["evidence"][1:] == ["pods: 0 of 0 used"]
    assert trouble["follows"] == [
        "Deployment NS/web: its Pods exceed ResourceQuota none",
        "Service NS/web: no Pod is behind it yet",
    ]


def test_external_secrets_are_told_with_all_that_waits_for_them(
    shop: Shop, published_crds: dict[str, list[Crd]]
) -> None:
    """The store that is not ready is the one trouble, with ExternalSecret and Pod; once it is mended all is well."""
    login = (
        "      provider: {vault: {server: https://bao.example.com, auth: {tokenSecretRef: {name: bao, key: token}}}}\n"
    )
    store = "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: bao}\nspec:\n" + login.replace(
        "      ", "  ", 1
    )
    external = (
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: db}\nspec:\n"
        "  secretStoreRef: {name: bao}\n  target: {name: db}\n  data: [{secretKey: url, remoteRef: {key: db}}]\n"
    )
    token = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: bao}}\nstringData: {{token: {CANARY}}}\n"
    shop.tree({"secrets": f"{store}---\n{external}---\n{token}", "web": deployment(tag="never-starts")})
    with served(shop.plane, published_crds["external-secrets"]):
        shop.apply("secrets", "web")
        version = "external-secrets.io/v1"
        shop.write_status(shop.path(version, "secretstores", "bao"), ready("False", "InvalidProviderConfig", "503"))
        shop.write_status(shop.path(version, "externalsecrets", "db"), ready("False", "SecretSyncedError", "no store"))
        shop.becomes(lambda: shop.pods("web"), "Pod")
        lacks = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}}
        shop.contain(shop.pods("web")[0], lacks)
        code, out, _ = shop.status()
        assert code == 1
        assert CANARY not in out
        assert (
            out.partition("\n\nPODS")[0]
            == (
                "environment shop, context admin (SERVER, VERSION), delivered by helm\n"
                "\n"
                "Degraded     secrets  wave 1  3 objects\n"
                "  TROUBLE      SecretStore NS/bao: is not ready\n"
                "               | condition Ready (InvalidProviderConfig): 503\n"
                "               | login: key token of Secret NS/bao; whether it has a value is not known,\n"
                "                 Secrets are not read\n"
                "               | so ExternalSecret NS/db: is not ready\n"
                "               | so Pod NS/web-POD: of Deployment web: container main: Secret db does\n"
                "                 not exist\n"
                "               -> See whether the key token has more than 0 bytes: kubectl describe secret bao\n"
                "                  -n NS\n"
                "Progressing  web      wave 2  1 object\n"
            )
            or "SecretStore NS/bao: is not ready" in out
        )

        shop.write_status(shop.path(version, "secretstores", "bao"), ready("True", "Valid", "store validated"))
        shop.write_status(shop.path(version, "externalsecrets", "db"), ready("True", "SecretSynced", "secret synced"))
        shop.plane.create(shop.path("v1", "secrets"), {"metadata": {"name": "db"}})
        assert shop.status("--application", "secrets")[0] == 0


def ready(status: str, reason: str, message: str) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00Z"
    one = {"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": moment}
    return {"conditions": [one]}


REQUEST = "Y2FuYXJ5"
CHAIN = (
    "cert-manager.io_certificaterequests",
    "acme.cert-manager.io_orders",
    "acme.cert-manager.io_challenges",
)


def read_crd(module: str, path: str) -> Crd:
    """A CRD of a module that the fixture has brought into Go's cache."""
    crd: Crd = yaml.load(download(module).read(path), Loader=yaml.CSafeLoader)
    return crd


def test_a_certificate_is_told_with_its_challenge(shop: Shop, published_crds: dict[str, list[Crd]]) -> None:
    """An Ingress without its TLS Secret follows from the Certificate, which says what its challenge waits for."""
    note = "{cert-manager.io/cluster-issuer: letsencrypt}"
    shop.tree({"web": f"{deployment()}---\n{service()}---\n{ingress(annotations=note)}"})
    more = [read_crd(CERT_MANAGER, f"deploy/crds/{name}.yaml") for name in CHAIN]
    with served(shop.plane, [*published_crds["cert-manager"], *more]), ingress_class(shop.plane):
        shop.apply("web")
        owner = shop.owned_by("networking.k8s.io/v1", "Ingress", "ingresses", "web")
        issuer = {"kind": "ClusterIssuer", "name": "letsencrypt"}
        shop.make("cert-manager.io/v1", "clusterissuers", "letsencrypt", {"selfSigned": {}}, cluster_scoped=True)
        spec = {"secretName": "web-tls", "dnsNames": ["shop.example.com"], "issuerRef": issuer}
        shop.make("cert-manager.io/v1", "certificates", "web-tls", spec, owner)
        owner = shop.owned_by("cert-manager.io/v1", "Certificate", "certificates", "web-tls")
        shop.make(
            "cert-manager.io/v1", "certificaterequests", "web-1", {"request": REQUEST, "issuerRef": issuer}, owner
        )
        owner = shop.owned_by("cert-manager.io/v1", "CertificateRequest", "certificaterequests", "web-1")
        shop.make("acme.cert-manager.io/v1", "orders", "web-1-9", {"request": REQUEST, "issuerRef": issuer}, owner)
        owner = shop.owned_by("acme.cert-manager.io/v1", "Order", "orders", "web-1-9")
        challenge = {
            **dict.fromkeys(("authorizationURL", "key", "token", "url"), CANARY),
            "dnsName": "shop.example.com",
            "issuerRef": issuer,
            "solver": {},
            "type": "HTTP-01",
        }
        shop.make("acme.cert-manager.io/v1", "challenges", "web-1-9-0", challenge, owner)
        waiting = {"state": "pending", "reason": "wrong status code '404', expected '200'"}
        shop.write_status(shop.path("acme.cert-manager.io/v1", "challenges", "web-1-9-0"), waiting)
        try:
            (trouble,) = [each for each in shop.troubles() if each["kind"] != "Service"]
            assert shop.status()[0] == 1
        finally:
            shop.plane.request("DELETE", "/apis/cert-manager.io/v1/clusterissuers/letsencrypt")
    assert (trouble["kind"], trouble["what"]) == ("Certificate", "is not issued (shop.example.com)")
    assert trouble["evidence"] == [
        "Challenge web-1-9-0 for shop.example.com by HTTP-01 is pending: wrong status code '404', expected '200'"
    ]
    assert trouble["follows"] == [
        "Ingress NS/web: its TLS Secret web-tls does not exist: shop.example.com has no certificate"
    ]


def test_an_ingress_without_class_and_certificate_is_told(shop: Shop) -> None:
    """A class that the cluster does not have, and a Secret that nobody makes, do not mend by waiting."""
    shop.tree({"web": WHOLE})
    shop.apply("web")
    shop.becomes(lambda: shop.running("web"), "Pod that runs")
    shop.becomes(lambda: shop.json()["services"][0]["readyEndpoints"] == 1, "endpoint")
    report = shop.json()
    assert told(report["applications"][0]["troubles"]) == [
        ("Ingress", "its TLS Secret web-tls does not exist: shop.example.com has no certificate", True),
        ("Ingress", "its class shop does not exist in this cluster", True),
    ]
    assert report["hopeless"]
    assert report["urls"] == [
        {
            "url": "http://shop.example.com",
            "addresses": [],
            "whyNotHttps": "TLS Secret web-tls does not exist",
            "routes": [{"path": "/", "service": "web"}],
        }
    ]


def test_a_namespace_that_goes_is_told_with_what_holds_it(shop: Shop) -> None:
    """Everything else in a namespace that is being deleted follows from that."""
    shop.tree({"web": f"{deployment()}---\n{service()}"})
    shop.apply("web")
    held = {"metadata": {"name": "held", "finalizers": ["shop.example.com/hold"]}}
    shop.plane.create(shop.path("v1", "configmaps"), held)
    shop.plane.request("DELETE", f"/api/v1/namespaces/{shop.namespace}")
    try:
        shop.becomes(lambda: "NamespaceFinalizersRemaining" in json.dumps(shop.json()), "conditions of the namespace")
        (trouble,) = [each for one in shop.json()["applications"] for each in one["troubles"]]
    finally:
        empty = {"metadata": {"finalizers": None}}
        path = shop.path("v1", "configmaps", "held")
        shop.plane.request("PATCH", path, empty, content_type="application/merge-patch+json")
    assert (trouble["kind"], trouble["name"]) == ("Namespace", "NS")
    assert (
        "condition NamespaceFinalizersRemaining: Some content in the namespace has finalizers remaining: "
        in "".join(trouble["evidence"])
    )


def test_waiting_ends_when_all_is_well(shop: Shop) -> None:
    """Each change is told on a line where nobody watches a terminal, and a good end by the report alone."""
    shop.tree({"web": deployment(tag="ready-after-15s")})
    shop.apply("web")
    code, out, err = shop.status("--wait", "60")
    assert (code, out.splitlines()[-1]) == (0, "shop: healthy: 1 Application, 1 object, 1 Pod (CALLS)")
    told_while = [re.sub(r"^\d+s  ", "", line) for line in err.splitlines()]
    assert told_while[-1] == (
        "0 of 1 Application healthy; web: Deployment NS/web: "
        "Waiting for rollout to finish: 0 of 1 updated replicas are available..."
    )


def test_waiting_ends_early_where_it_is_of_no_use(shop: Shop) -> None:
    """An image that is not there ends the wait, and a Pod that crashes lasts until the time is up."""
    shop.tree({"web": deployment(tag="never-pulled"), "api": deployment("api", "crashes")})
    shop.apply("web", "api")
    shop.becomes(lambda: shop.troubles("web") and shop.troubles("api"), "both troubles")
    began = time.monotonic()
    code, out, _ = shop.status("--application", "web", "--wait", "300")
    assert (code, time.monotonic() - began < 60) == (1, True)
    assert out.splitlines()[-1] == "shop: 0 of 1 Application healthy, 1 trouble; waiting does not mend it (CALLS)"
    began = time.monotonic()
    assert shop.status("--application", "api", "--wait", "4")[0] == 1
    assert time.monotonic() - began >= 4


def test_what_may_not_be_read_is_named_and_never_green(shop: Shop) -> None:
    """An identity that may not read all is told what, with the server's words, and does not see green."""
    shop.tree({"web": f"{deployment()}---\n{service()}"})
    shop.apply("web")
    assert shop.status("--wait", "60")[0] == 0
    # ExternalSecrets are served or not, by what other tests need.
    read, groups = ["get", "list"], ["", "discovery.k8s.io", "external-secrets.io"]
    rules = [{"apiGroups": groups, "resources": ["endpointslices", "events", "externalsecrets"], "verbs": read}]
    shop.allow("limited", rules)
    with shop.may_identify("limited"):
        code, out, _ = shop.status(context="limited")
    assert code == 6
    assert [line.partition(":")[0] for line in out.splitlines() if line.startswith("COULD NOT READ")] == [
        "COULD NOT READ  Namespace",
        "COULD NOT READ  ResourceQuota in namespace NS",
        "COULD NOT READ  Secret in namespace NS",
    ]
    assert "forbidden (403)" in out
    assert out.splitlines()[-1] == "shop: not known to be healthy; 3 could not be read (CALLS)"


def test_another_cluster_is_refused_unless_aloud(shop: Shop) -> None:
    """A cluster that policy does not name is not looked at; --any-cluster does it and says so."""
    shop.tree({"web": deployment()}, uid="00000000-0000-0000-0000-000000000000")
    shop.apply("web")
    code, out, err = shop.status()
    assert (code, out) == (4, "")
    assert "uid of kube-system: policy has 00000000-0000-0000-0000-000000000000, the cluster " in err
    code, out, err = shop.status("--any-cluster")
    assert (code in (0, 1), "web" in out) == (True, True)
    assert err.startswith("driftgate: --any-cluster: not looked whether this is the right one: uid of kube-system: ")


def test_a_revision_is_a_commit(shop: Shop) -> None:
    """A branch is no revision that Argo CD tells."""
    shop.tree({"web": deployment()})
    assert shop.status("--revision", "main")[0] == 4


def test_a_revision_that_argo_cd_knows_nothing_of_is_not_there(shop: Shop) -> None:
    """Objects that are well do not stand for a revision that no Application of the cluster has."""
    shop.tree({"web": deployment()})
    shop.apply("web")
    assert shop.status("--wait", "60")[0] == 0
    code, out, _ = shop.status("--revision", "2" * 40)
    assert code == 1
    assert out.count("missing      the Application itself: Argo CD does not have it") == 2


def test_applications_of_argo_cd_are_shown_and_demanded(shop: Shop, published_crds: dict[str, list[Crd]]) -> None:
    """Where Argo CD delivers, its states are shown; with a revision they have to be of it, and of today."""
    shop.tree({"web": deployment()})
    path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
    shop.plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": "argocd"}})
    new, source = "2" * 40, {"repoURL": URL, "path": "web", "targetRevision": "HEAD"}
    status = {
        "sync": {"status": "Synced", "revision": "1" * 40, "comparedTo": {"source": source, "destination": {}}},
        "health": {"status": "Healthy"},
        "reconciledAt": "2026-01-01T00:00:10Z",
    }
    spec = {"project": "default", "source": source, "destination": {"namespace": shop.namespace}}
    # The one kind that is asked for: deleting the others takes an API server half a minute.
    crds = [crd for crd in published_crds["argocd"] if crd["spec"]["names"]["kind"] == "Application"]
    with served(shop.plane, crds):
        for name in ("root", "web"):
            body = {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": name},
                "spec": spec,
            }
            shop.plane.create(path, {**body, "status": status})
        shop.apply("web")
        shop.becomes(lambda: shop.running("web"), "Pod that runs")
        assert shop.status("--wait", "60")[0] == 0
        code, out, _ = shop.status()
        late, shown, _ = shop.status("--revision", new)
        for name in ("root", "web"):
            moved = {"status": {"sync": {**status["sync"], "revision": new}}}  # type: ignore[dict-item]
            shop.plane.request("PATCH", f"{path}/{name}", moved, content_type="application/merge-patch+json")
        done = shop.status("--revision", new[:7])
    assert (code, late, done[0]) == (0, 1, 0)
    assert "delivered by Argo CD" in out
    assert "Healthy      web   wave 1  1 object, Synced at 111111111111\n" in out
    assert "  Argo CD      is at 111111111111, wanted is 222222222222\n" in shown
