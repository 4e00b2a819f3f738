"""Starts a control plane, and gives tests its identities, its commands and its audit log."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.controlplane.keys import Keys, write_keys
from tests.controlplane.processes import PortTakenError, Processes

# By name, the programs that a test may ask for: the second for what the first does not have.
API_SERVER = ("etcd", "kube-apiserver", "kubectl")
CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kwok")
NODES = ("node-1", "node-2")
STAGES = Path(__file__).with_name("stages.yaml")

# A first start on a loaded machine; a start that hangs is rare, and its logs are shown then.
START_SECONDS = 120
# For the programs, all of them in Go: their memory is small beside the machine's, and its collection is not.
FEWER_COLLECTIONS = {"GOGC": "400"}

# The API server itself knows what system:masters and its own parts may do.
GROUPS = {
    "admin": "system:masters",
    "reader": "",
    "limited": "",
    "deployer": "",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
READ = ["get", "list", "watch"]
# Not Kubernetes' own role `view`: only a controller fills it.
ROLES = {
    "reader": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": READ},
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
    ],
    "limited": [
        {"apiGroups": [""], "resources": ["configmaps", "pods", "services", "serviceaccounts"], "verbs": READ},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": READ},
    ],
}
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered: the HTTP status and the body, parsed where it is JSON."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane.

    `admin` may do everything, `reader` may get, list and watch everything, `limited` may read
    ConfigMaps, Pods, Services, ServiceAccounts and the kinds of `apps`, but no Secrets, Ingresses or anything else.
    `deployer` may do nothing until a test grants it.
    """

    processes: Processes
    programs: Mapping[str, Path]
    port: int
    keys: Keys
    tokens: Mapping[str, str] = field(repr=False)

    @property
    def server(self) -> str:
        """The address of the API server, as a kubeconfig has it."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """A folder that goes with the control plane."""
        return self.processes.folder

    def kubeconfig(self, identity: str = "admin") -> Path:
        """The kubeconfig of an identity; its context is named like the identity."""
        return self.folder / f"{identity}.kubeconfig"

    def environment(self, identity: str = "admin") -> dict[str, str]:
        """The environment for helm and kubectl: this cluster, and nothing of the developer's settings."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        return {**kept, **FEWER_COLLECTIONS, "HOME": str(self.folder), "KUBECONFIG": str(self.kubeconfig(identity))}

    def run(self, *command: str | Path, identity: str = "admin", stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run helm, kubectl or another client as an identity, and return whatever came of it."""
        environment = self.environment(identity)
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)

    def kubectl(
        self, *arguments: str | Path, identity: str = "admin", stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as an identity, and return whatever came of it."""
        return self.run(self.programs["kubectl"], *arguments, identity=identity, stdin=stdin)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        identity: str = "admin",
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Ask the API server.

        Raises `OSError` when it cannot be reached, `ssl.SSLError` among them when it is not ours.
        """
        context = ssl.create_default_context(cafile=str(self.keys.authority))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=context)
        headers = {
            "Authorization": f"Bearer {self.tokens[identity]}",
            "Content-Type": content_type,
            "Accept": accept,
        }
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        is_json = response.getheader("Content-Type", "").startswith("application/json")
        return Answer(response.status, json.loads(text) if is_json else text)

    @contextlib.contextmanager
    def namespaces(self, *names: str) -> Iterator[None]:
        """Have namespaces of these names until the block ends; those that were there before stay.

        For an API server alone: with no controller nobody ends a namespace that is being deleted, and what is in it
        stays for the next one of its name.
        """
        paths = [f"/api/v1/namespaces/{name}" for name in names]
        made = [path for path in paths if self.request("GET", path).status != http.client.OK]
        for path in made:
            self.create("/api/v1/namespaces", {"metadata": {"name": path.rpartition("/")[2]}})
        try:
            yield
        finally:
            for path in made:
                self.request("DELETE", path)
                found = self.request("GET", path).body | {"spec": {"finalizers": []}}
                self.request("PUT", f"{path}/finalize", found)

    def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object as admin; anything but success is an error of the test's own."""
        answer = self.request("POST", path, body)
        assert answer.status == http.client.CREATED, answer
        created: dict[str, Any] = answer.body
        return created

    def namespace(self) -> str:
        """A new namespace, so that tests of one session do not meet; it goes with the control plane."""
        body = {"metadata": {"generateName": "test-"}}
        name: str = self.create("/api/v1/namespaces", body)["metadata"]["name"]
        if "kube-controller-manager" in self.processes.pids:
            account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
            self.processes.wait_until(lambda: self.request("GET", account).status == 200, f"{account}", 30)
        return name

    def audit_events(self) -> list[dict[str, Any]]:
        """What the API server was asked, oldest first: one event of audit.k8s.io/v1 for each request it answered."""
        text = (self.folder / "audit.log").read_text(encoding="utf-8")
        # The last line may still be in the writing.
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@contextlib.contextmanager
def running(programs: Mapping[str, Path], *, controllers: bool = False) -> Iterator[ControlPlane]:
    """Start a control plane and end it; `controllers` adds controllers, scheduler and nodes.

    `programs` maps the names of `API_SERVER`, and of `CONTROLLERS` where wanted, to paths. Raises
    `ControlPlaneError` when a part does not start.
    """
    with contextlib.ExitStack() as stack:
        for attempt in range(5):
            processes = Processes()
            started = stack.enter_context(contextlib.closing(processes))
            try:
                plane = _start(started, programs, controllers=controllers)
                break
            except PortTakenError:
                stack.close()
                if attempt == 4:
                    raise
        yield plane


def _start(processes: Processes, programs: Mapping[str, Path], *, controllers: bool) -> ControlPlane:
    keys = write_keys(processes.folder / "keys")
    etcd_port, peer_port, api_port = _free_ports(3)
    tokens = {identity: secrets.token_hex(16) for identity in GROUPS}
    plane = ControlPlane(processes, programs, api_port, keys, tokens)
    environment = {**FEWER_COLLECTIONS, "HOME": str(plane.folder), "PATH": os.defpath}
    _write_settings(plane)
    processes.start("etcd", [programs["etcd"], *_etcd(plane, etcd_port, peer_port)], environment)
    api_server = _api_server(plane, etcd_port, controllers=controllers)
    processes.start("kube-apiserver", [programs["kube-apiserver"], *api_server], environment)
    processes.wait_until(lambda: _is_ready(plane), "API server that is ready", START_SECONDS)
    _grant(plane)
    if controllers:
        for name, flags in _controllers(plane).items():
            processes.start(name, [programs[name], *flags], environment)
        _add_nodes(plane)
    return plane


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        # All open at once, so that no port is given twice.
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [int(opened.getsockname()[1]) for opened in sockets]


def _write_settings(plane: ControlPlane) -> None:
    lines = [f'{token},{identity},{identity},"{GROUPS[identity]}"\n' for identity, token in plane.tokens.items()]
    _write_private(plane.folder / "tokens.csv", "".join(lines))
    _write_private(plane.folder / "audit-policy.json", json.dumps(AUDIT_POLICY))
    for identity in plane.tokens:
        _write_private(plane.kubeconfig(identity), json.dumps(_kubeconfig(plane, identity)))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _kubeconfig(plane: ControlPlane, identity: str) -> dict[str, Any]:
    cluster = {"server": plane.server, "certificate-authority": str(plane.keys.authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": identity, "user": {"token": plane.tokens[identity]}}],
        "contexts": [{"name": identity, "context": {"cluster": "test", "user": identity}}],
        "current-context": identity,
    }


def _etcd(plane: ControlPlane, port: int, peer_port: int) -> list[str]:
    client, peer = f"https://127.0.0.1:{port}", f"https://127.0.0.1:{peer_port}"
    keys = plane.keys
    return [
        "--name=etcd",
        f"--data-dir={plane.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=etcd={peer}",
        # Another session's API server must not get in, should it ever be given our port.
        *(
            flag
            for prefix in ("", "peer-")
            for flag in (
                f"--{prefix}client-cert-auth",
                f"--{prefix}trusted-ca-file={keys.authority}",
                f"--{prefix}cert-file={keys.etcd}",
                f"--{prefix}key-file={keys.etcd.with_suffix('.key')}",
            )
        ),
        # Nothing here outlives the process.
        "--unsafe-no-fsync",
    ]


def _api_server(plane: ControlPlane, etcd_port: int, *, controllers: bool) -> list[str]:
    keys = plane.keys
    flags = [
        "--bind-address=127.0.0.1",
        f"--secure-port={plane.port}",
        f"--tls-cert-file={keys.server}",
        f"--tls-private-key-file={keys.server.with_suffix('.key')}",
        f"--etcd-servers=https://127.0.0.1:{etcd_port}",
        f"--etcd-cafile={keys.authority}",
        f"--etcd-certfile={keys.etcd}",
        f"--etcd-keyfile={keys.etcd.with_suffix('.key')}",
        f"--token-auth-file={plane.folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys.accounts}",
        f"--service-account-signing-key-file={keys.accounts}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # An address of loopback may not stand in an Endpoints object, and nobody asks for this one.
        "--endpoint-reconciler-type=none",
        f"--audit-policy-file={plane.folder / 'audit-policy.json'}",
        f"--audit-log-path={plane.folder / 'audit.log'}",
        f"--cert-dir={plane.folder / 'keys'}",
        "--profiling=false",
    ]
    if not controllers:
        # It refuses Pods until a controller has made their namespace's ServiceAccount.
        flags.append("--disable-admission-plugins=ServiceAccount")
    return flags


def _is_ready(plane: ControlPlane) -> bool:
    try:
        return plane.request("GET", "/readyz").status == http.client.OK
    except OSError:
        return False


def _grant(plane: ControlPlane) -> None:
    for identity, rules in ROLES.items():
        name = f"driftgate:{identity}"
        plane.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": identity}],
        }
        plane.create(f"{RBAC}/clusterrolebindings", binding)


def _controllers(plane: ControlPlane) -> dict[str, Sequence[str]]:
    manager, scheduler, admin = (
        f"--kubeconfig={plane.kubeconfig(identity)}"
        for identity in ("system:kube-controller-manager", "system:kube-scheduler", "admin")
    )
    # Port 0: they serve nothing, so no port of theirs can be taken.
    alone = ("--leader-elect=false", "--secure-port=0")
    return {
        "kube-controller-manager": (
            manager,
            *alone,
            # Each controller by its own ServiceAccount, as in a cluster of kubeadm's: the audit log tells them apart.
            "--use-service-account-credentials",
            f"--service-account-private-key-file={plane.keys.accounts}",
            f"--root-ca-file={plane.keys.authority}",
            # It asks a lot as it starts; by default it would hold itself back to 20 requests a second.
            "--kube-api-qps=1000",
            "--kube-api-burst=1000",
            # By default an autoscaler waits 15 seconds before it looks for the first time.
            "--horizontal-pod-autoscaler-sync-period=2s",
        ),
        "kube-scheduler": (scheduler, *alone),
        # Nodes with an address that leads nowhere (RFC 5737): nothing listens for them.
        "kwok": (
            admin,
            "--manage-all-nodes",
            f"--config={STAGES}",
            "--node-lease-duration-seconds=40",
            "--node-ip=192.0.2.1",
        ),
    }


def _add_nodes(plane: ControlPlane) -> None:
    for name in NODES:
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        plane.create("/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})
    plane.processes.wait_until(lambda: _can_schedule(plane), "node that Pods can be scheduled to", START_SECONDS)


def _can_schedule(plane: ControlPlane) -> bool:
    nodes = plane.request("GET", "/api/v1/nodes").body["items"]
    account = plane.request("GET", "/api/v1/namespaces/default/serviceaccounts/default").status
    return account == http.client.OK and all(
        not node["spec"].get("taints")
        and any(
            (condition["type"], condition["status"]) == ("Ready", "True")
            for condition in node["status"].get("conditions", ())
        )
        for node in nodes
    )
