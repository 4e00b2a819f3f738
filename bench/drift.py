"""How long it takes to hold many live objects against Git: by themselves, and beside `kubectl diff --server-side`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import median_of
from driftgate.assembly import Assembly, assemble
from driftgate.compare import Tracking, desired_object
from driftgate.compare.objects import opened
from driftgate.drift.state import ClusterState
from driftgate.live import Discovery, Identity, Resource, Wanted
from driftgate.run import judge_drift, policies_of
from driftgate.semantics.destinations import IN_CLUSTER
from driftgate.settings import Settings

__all__ = ["Beside", "Judged", "beside_kubectl", "generate_objects", "judged_objects"]

_URL = "https://git.example.com/bench.git"
_NAMESPACE = "bench"
_POD = "metadata: {labels: {app: web}}, spec: {containers: [{name: main, image: 'registry.example.com/web:1.2.3', \
env: [{name: MODE, value: fast}], resources: {limits: {cpu: 500m, memory: 1Gi}}}], restartPolicy: %s}"
_SELECTS = f"selector: {{matchLabels: {{app: web}}}}, template: {{{_POD % 'Always'}}}"
#: Twenty kinds, with the API of each and what is in it besides its name.
KINDS = {
    "ConfigMap": ("v1", "data: {mode: fast, colour: blue}"),
    "Secret": ("v1", "stringData: {token: made-up}"),
    "Service": ("v1", "spec: {ports: [{port: 80}], selector: {app: web}}"),
    "ServiceAccount": ("v1", "automountServiceAccountToken: false"),
    "LimitRange": ("v1", "spec: {limits: [{type: Pod, max: {cpu: '2'}}]}"),
    "PersistentVolumeClaim": ("v1", "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}"),
    "PodTemplate": ("v1", f"template: {{{_POD % 'Always'}}}"),
    "ReplicationController": ("v1", f"spec: {{replicas: 0, selector: {{app: web}}, template: {{{_POD % 'Always'}}}}}"),
    "Deployment": ("apps/v1", f"spec: {{replicas: 0, {_SELECTS}}}"),
    "StatefulSet": ("apps/v1", f"spec: {{replicas: 0, serviceName: web, {_SELECTS}}}"),
    "DaemonSet": ("apps/v1", f"spec: {{{_SELECTS}}}"),
    "ReplicaSet": ("apps/v1", f"spec: {{replicas: 0, {_SELECTS}}}"),
    "Job": ("batch/v1", f"spec: {{suspend: true, template: {{{_POD % 'Never'}}}}}"),
    "CronJob": (
        "batch/v1",
        f"spec: {{schedule: '@yearly', jobTemplate: {{spec: {{template: {{{_POD % 'Never'}}}}}}}}}",
    ),
    "Ingress": ("networking.k8s.io/v1", "spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}"),
    "NetworkPolicy": ("networking.k8s.io/v1", "spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}"),
    "PodDisruptionBudget": ("policy/v1", "spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}"),
    "HorizontalPodAutoscaler": (
        "autoscaling/v2",
        "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}}",
    ),
    "Role": ("rbac.authorization.k8s.io/v1", "rules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]"),
    "RoleBinding": (
        "rbac.authorization.k8s.io/v1",
        "roleRef: {kind: Role, name: web, apiGroup: rbac.authorization.k8s.io}, subjects: [{kind: Group, name: a}]",
    ),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging took: seconds from the lists' arrival to the judgement, and the most bytes allocated meanwhile."""

    seconds: float
    peak: int


def generate_objects(tree: Path, count: int, uid: str = "") -> None:
    """Write a tree with one Application that renders `count` objects, of each of the twenty kinds as many."""
    files = {
        "apps/shop.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        "metadata: {name: shop, namespace: argocd}\n"
        f"spec:\n  project: default\n  destination: {{server: {IN_CLUSTER}, namespace: {_NAMESPACE}}}\n"
        f"  source: {{repoURL: '{_URL}', path: chart, targetRevision: HEAD}}\n",
        "policies/bench.yaml": f"driftgate: 1\nenvironment: bench\nroots: [shop]\nrepository: {{urls: ['{_URL}']}}\n"
        + (f"cluster: {{destinations: [{{server: {IN_CLUSTER}, uid: {uid}}}]}}\n" if uid else ""),
        "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    }
    for kind, (version, content) in KINDS.items():
        head = f"apiVersion: {version}, kind: {kind}, metadata: {{name: web-{{{{ . }}}}, labels: {{app: web}}}}"
        body = f"---\n{{{head}, {content}}}\n"
        files[f"chart/templates/{kind.lower()}.yaml"] = (
            f"{{{{ range until {count // len(KINDS)} }}}}\n{body}{{{{ end }}}}\n"
        )
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")


def judged_objects(tree: Path, runs: int) -> Judged:
    """Judge live objects that are as Git has them, but for one replica in each Deployment."""
    with _assembled(tree) as assembly:
        state = _state([_live(one) for one in _desired(assembly)])

        def once() -> float:
            start = time.perf_counter()
            judgement, live = judge_drift(assembly, [state])
            seconds = time.perf_counter() - start
            assert len(judgement.findings) == len(state.objects) // len(KINDS), len(judgement.findings)
            assert sum(len(one.pairs) for one in live.applications.values()) == len(state.objects)
            return seconds

        seconds = median_of(runs, once)
        tracemalloc.start()
        once()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Judged(seconds, peak)


@dataclass(frozen=True, slots=True)
class Beside:
    """Seconds of `driftgate drift` and of `kubectl diff --server-side` on the same objects, and our API calls."""

    ours: float
    kubectls: float
    calls: int


def beside_kubectl(tree: Path, count: int, runs: int) -> Beside:
    """Deliver objects to an API server of our own, and hold them against Git in both ways, as whole processes.

    Raises ToolError where the programs of the API server can be neither found nor built.
    """
    from tests.controlplane.plane import API_SERVER, running
    from tools.build import ensure

    with contextlib.ExitStack() as stack:
        plane = stack.enter_context(running({name: ensure(name) for name in API_SERVER}))
        stack.enter_context(plane.namespaces(_NAMESPACE))
        generate_objects(tree, count)
        with _assembled(tree) as assembly:
            objects = [opened(one) for one in _desired(assembly) if one["kind"] in KINDS]
        file = tree / "objects.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
        done = plane.kubectl("apply", "--server-side", "--field-manager=argocd-controller", "-f", file)
        assert done.returncode == 0, done.stderr
        way = ("--kubeconfig", str(plane.kubeconfig()), "--context", "admin", "--any-cluster", "--via", "argocd")
        ours = (
            sys.executable,
            "-m",
            "driftgate.cli",
            "drift",
            "--format",
            "json",
            "--repository-url",
            _URL,
            *way,
            tree,
        )
        report: list[str] = []

        def judged() -> float:
            start = time.perf_counter()
            told = subprocess.run(ours, capture_output=True, text=True, check=False)
            report.append(told.stdout)
            return time.perf_counter() - start

        def compared() -> float:
            start = time.perf_counter()
            told = plane.kubectl("diff", "--server-side", "--field-manager=argocd-controller", "-f", file)
            assert told.returncode == 0, told.stderr
            return time.perf_counter() - start

        judged()  # writes bytecode and renders
        found = Beside(median_of(runs, judged), median_of(min(runs, 3), compared), 0)
        (cluster,) = json.loads(report[-1])["clusters"]
        # The API server alone serves no Applications, of which there is one.
        assert cluster["verdicts"].get("in sync") == len(objects), cluster["verdicts"]
        return Beside(found.ours, found.kubectls, cluster["calls"])


def _assembled(tree: Path) -> Assembly:
    (policy,) = policies_of(tree, None)
    return assemble(tree, policy, Settings(cache=None, render_seconds=300), [_URL])


def _desired(assembly: Assembly) -> Iterator[dict[str, Any]]:
    tracking = Tracking(application="shop", namespace=_NAMESPACE)
    for loaded in assembly.environment.applications:
        for manifest in loaded.manifests:
            yield desired_object(manifest.object, tracking, namespaced=manifest.namespaced)


def _live(desired: dict[str, Any]) -> dict[str, Any]:
    """As an API server has it after a client-side apply, with one replica more where there are replicas."""
    content = {key: value for key, value in desired.items() if key not in ("apiVersion", "kind", "metadata")}
    if desired["kind"] == "Deployment":
        content["spec"] = {**content["spec"], "replicas": 1}
    if "stringData" in content:
        content["data"] = {"token": "bWFkZS11cA=="}
        del content["stringData"]
    if desired["kind"] == "PersistentVolumeClaim":
        content["status"] = {"phase": "Bound"}
    owned = {f"f:{key}": _fields(below) for key, below in content.items()}
    entry = {
        "manager": "argocd-controller",
        "operation": "Update",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:labels": {"f:app": {}}}, **owned},
    }
    metadata = {**desired["metadata"], "uid": f"{desired['kind']}-{desired['metadata']['name']}"}
    about = {"apiVersion": desired["apiVersion"], "kind": desired["kind"]}
    return {**about, "metadata": {**metadata, "managedFields": [entry]}, **content}


def _fields(value: Any) -> dict[str, Any]:
    return {f"f:{key}": _fields(below) for key, below in value.items()} if isinstance(value, dict) else {}


def _state(objects: list[dict[str, Any]]) -> ClusterState:
    resources, listed = {}, []
    for kind, (version, _) in KINDS.items():
        group, _, number = version.rpartition("/")
        verbs = frozenset({"get", "list"})
        resources[group, kind] = Resource(group, kind, f"{kind.lower()}s", True, verbs, (number,))
        listed.append(Wanted(group, kind, _NAMESPACE, version=number))
    identity = Identity(IN_CLUSTER, "uid", "v1.34.0")
    now = datetime.now(UTC)
    return ClusterState(
        "bench", IN_CLUSTER, identity, now, tuple(objects), (), Discovery(resources, ()), tuple(listed), (), 0
    )
