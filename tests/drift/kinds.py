"""Kinds of drift, made with real clients on our own environment; `kinds.txt` has what is told of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.drift.shop import CANARY
from tests.drift.staging import Json, Staging, injecting

#: The Deployment that an autoscaler scales.
SCALED = "plate-llm"
PROXY = {"name": "proxy", "image": "registry.example.com/proxy:1"}
INJECTED: list[Json] = [
    {"op": "add", "path": "/spec/template/spec/containers/-", "value": PROXY},
    {"op": "replace", "path": "/spec/template/spec/containers/0/imagePullPolicy", "value": "Never"},
]


def make_drifts(staging: Staging, helm: Path) -> None:
    """Make all of them, those first that write whole objects."""
    staging.kubectl("autoscale", f"deployment/{SCALED}", "--min=2", "--max=4", "--cpu=70%")
    _upgrade(staging, helm)
    _inject(staging)
    for command in COMMANDS:
        staging.kubectl(*command.replace("NS", staging.namespace).split())
    for name, script in EDITS.items():
        _edit(staging, name, script)
    for one in PATCHES:
        staging.patch(one.path, one.content, one.manager, one.form)
    for kind, name, path, value in ANEW:
        _make_anew(staging, kind, name, path, value)
    _apply(staging)
    scaled = f"/apis/apps/v1/namespaces/{staging.namespace}/deployments/{SCALED}"
    staging.plane.processes.wait_until(
        lambda: staging.plane.request("GET", scaled).body["spec"]["replicas"] == 2, "what the autoscaler wants", 60
    )


COMMANDS = (
    "set image deployment/plate-web plate-web=registry.example.com/trial:9",
    "set env deployment/plate-web LOG_LEVEL=trace EXTRA=1",
    "set env deployment/plate-llm LOG_FORMAT-",
    "set resources deployment/plate-web --limits=cpu=2 --requests=ephemeral-storage=1Gi",
    "set serviceaccount deployment/plate-llm default",
    "set selector service/plate-llm app=other",
    "set subject rolebinding/reader --user=somebody",
    "label deployment/plate-web tier=trial",
    "label secretstore/openbao app.kubernetes.io/part-of-",
    "label namespace/NS-jobs team=other --overwrite",
    "label namespace/NS-jobs pod-security.kubernetes.io/enforce=privileged",
    "annotate deployment/plate-web shop.test/note=by-hand",
    # Argo CD takes its instance label for the one that is gone; who has none is out of sync without.
    "annotate serviceaccount/plate-api argocd.argoproj.io/tracking-id-",
    "annotate poddisruptionbudget/store argocd.argoproj.io/tracking-id-",
    "annotate serviceaccount/plate-llm kubectl.kubernetes.io/last-applied-configuration-",
    "rollout restart deployment/plate-web",
    "rollout pause deployment/plate-llm",
    "scale statefulset/queue --replicas=4",
    "delete service/plate-api",
    # Nobody misses an object that nobody tracks.
    "create configmap nobodys",
)
#: `kubectl edit`, with an editor that is a script of sed.
EDITS = {
    "ingress/plate-portal": "s/proxy-body-size: 16m/proxy-body-size: 64m/",
    "cronjob/openbao-token-renewer": "s/startingDeadlineSeconds: 600/startingDeadlineSeconds: 60/",
    "externalsecret/cluster-env-secrets": "s/refreshInterval: .*/refreshInterval: 24h0m0s/",
}


class Patch(NamedTuple):
    """A request as `kubectl patch` makes it, or another client; starting kubectl takes ten times as long."""

    path: str
    content: Any
    form: str = "merge"
    manager: str = "kubectl-patch"


def _of_pods(**spec: Any) -> Json:
    return {"spec": {"template": {"spec": spec}}}


def _added(path: str, value: Any) -> list[Json]:
    return [{"op": "add", "path": path, "value": value}]


def _replaced(path: str, value: Any) -> list[Json]:
    return [{"op": "replace", "path": path, "value": value}]


_APPS, _CORE, _NET = "/apis/apps/v1!", "/api/v1!", "/apis/networking.k8s.io/v1!"
_SECRETS, _BATCH = "/apis/external-secrets.io/v1!", "/apis/batch/v1!"
_ENV = "/spec/template/spec/containers/0/env"
_COMMAND = "/spec/jobTemplate/spec/template/spec/containers/0/command/2"
_READS_SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
_LOG_OF = "nginx.ingress.kubernetes.io/enable-access-log"
PATCHES = (
    Patch(f"{_APPS}deployments/plate-web", _of_pods(containers=[PROXY]), "strategic-merge"),
    Patch(f"{_APPS}deployments/plate-api", [{"op": "move", "from": f"{_ENV}/0", "path": f"{_ENV}/1"}], "json"),
    Patch(
        f"{_APPS}deployments/plate-llm",
        _of_pods(
            containers=[{"name": "plate-llm", "livenessProbe": {"failureThreshold": 3}}],
            # The first is 2Gi in Git, and the same.
            volumes=[
                {"name": "cache", "emptyDir": {"sizeLimit": "2048Mi"}},
                {"name": "scratch", "emptyDir": {}},
            ],
        ),
        "strategic-merge",
    ),
    Patch(f"{_APPS}deployments/plate-llm", {"spec": {"strategy": {"rollingUpdate": {"maxSurge": "50%"}}}}),
    Patch(f"{_CORE}services/plate-web", {"spec": {"type": "NodePort"}}),
    Patch(f"{_CORE}services/plate-web", {"spec": {"ports": [{"name": "admin", "port": 8443}]}}, "strategic-merge"),
    Patch(
        f"{_CORE}services/plate-llm",
        {"spec": {"ports": [{"port": 8000, "targetPort": 9}], "externalIPs": ["192.0.2.1"]}},
        "strategic-merge",
    ),
    Patch(f"{_CORE}serviceaccounts/plate-web", {"automountServiceAccountToken": True}),
    Patch(f"{_CORE}serviceaccounts/plate-llm", {"imagePullSecrets": [{"name": "other"}]}),
    Patch(f"{_NET}ingresses/plate-portal", _replaced("/spec/rules/0/host", "other.example.com"), "json", "curl"),
    Patch(f"{_NET}ingresses/plate-console", {"metadata": {"annotations": {_LOG_OF: None}}}),
    Patch(f"{_NET}ingresses/plate-console", _added("/spec/rules/-", {"host": "b.example.com"}), "json"),
    Patch(f"{_NET}ingresses/plate-llm", {"spec": {"ingressClassName": "other", "tls": None}}),
    Patch(
        f"{_SECRETS}externalsecrets/plate-api-secrets",
        _added("/spec/data/-", {"secretKey": "MORE", "remoteRef": {"key": "more"}}),
        "json",
    ),
    Patch(f"{_SECRETS}externalsecrets/harbor-pull-secret", {"spec": {"target": {"deletionPolicy": "Delete"}}}),
    Patch(f"{_SECRETS}externalsecrets/harbor-pull-secret", {"metadata": {"finalizers": ["shop.test/keep"]}}),
    Patch(
        f"{_SECRETS}secretstores/openbao",
        {"spec": {"provider": {"vault": {"server": "https://other.example.com"}}}},
        manager="dashboard",
    ),
    Patch(f"{_BATCH}cronjobs/openbao-token-renewer", {"spec": {"suspend": True, "schedule": "@yearly"}}),
    Patch(f"{_BATCH}cronjobs/openbao-token-renewer", _replaced(_COMMAND, "true"), "json"),
    Patch(
        "/apis/argoproj.io/v1alpha1!/namespaces/argocd/applications/ingress-stg",
        {"spec": {"syncPolicy": {"automated": {"selfHeal": False}}}},
        manager="argocd-server",
    ),
    Patch(f"{_CORE}configmaps/settings", {"data": {"greeting": "bye", "colour": None, "more": "1"}}),
    Patch(f"{_CORE}configmaps/frozen", {"data": {"greeting": "bye"}, "immutable": True}),
    Patch(f"{_CORE}secrets/database", {"stringData": {"password": f"{CANARY}-2", "other": f"{CANARY}-3"}}),
    # Git says false of the first, which Argo CD drops unless it was applied before.
    Patch(f"{_APPS}daemonsets/agent", _of_pods(hostNetwork=True, nodeSelector={"gpu": "yes"})),
    Patch(
        f"{_APPS}daemonsets/agent",
        _of_pods(containers=[{"name": "main", "tty": True, "args": ["--verbose", "--level=debug"]}]),
        "strategic-merge",
    ),
    Patch("/apis/policy/v1!poddisruptionbudgets/store", {"spec": {"minAvailable": 2}}),
    Patch(f"{_NET}networkpolicies/store", _added("/spec/ingress/-", {}), "json"),
    Patch("/apis/autoscaling/v2!horizontalpodautoscalers/store", {"spec": {"maxReplicas": 9, "minReplicas": 3}}),
    Patch(
        "/apis/rbac.authorization.k8s.io/v1!roles/reader",
        _added("/rules/0/verbs/-", "delete") + _added("/rules/-", _READS_SECRETS),
        "json",
    ),
    # Git says "2" of the first, which is the same.
    Patch(
        f"{_CORE}limitranges/limits",
        _replaced("/spec/limits/0/max/cpu", "2000m") + _added("/spec/limits/0/max/memory", "1Gi"),
        "json",
    ),
    Patch(
        "/apis/apiextensions.k8s.io/v1!/customresourcedefinitions/parts.shop.test",
        {"spec": {"names": {"shortNames": ["pt", "pts"], "categories": ["all"]}}},
    ),
    Patch(
        "/apis/shop.test/v1!parts/bolt",
        {"spec": {"size": 9, "colour": "red", "hosts": ["a.test", "b.test"]}},
        manager="part-operator",
    ),
)
#: What cannot be changed: somebody has deleted it, and created it with another value.
ANEW: tuple[tuple[str, str, tuple[str | int, ...], str], ...] = (
    ("StatefulSet", "store", ("spec", "serviceName"), "other"),
    ("Job", "migrate", ("spec", "template", "spec", "containers", 0, "image"), "registry.example.com/other:1"),
    ("PersistentVolumeClaim", "store", ("spec", "resources", "requests", "storage"), "2Gi"),
)


def _upgrade(staging: Staging, helm: Path) -> None:
    """Somebody upgrades by helm what Argo CD has delivered, with values of his own."""
    chart = staging.root / "helm/applications/plate-web"
    values = (
        "--values",
        chart / "values-stg.yaml",
        "--set",
        "replicaCount=3,logging.format=text,monitoring.path=/stats",
    )
    where = ("--namespace", staging.namespace, "--take-ownership")
    done = staging.plane.run(helm, "upgrade", "--install", "plate-web-stg", chart, *where, *values)
    assert done.returncode == 0, done.stderr


def _inject(staging: Staging) -> None:
    """A webhook changes a Deployment that was deleted and that Argo CD creates anew."""
    with injecting(staging.plane, staging.namespace, INJECTED):
        staging.kubectl("delete", "deployment/plate-api", "--cascade=orphan")
        assert staging.sync([staging.rendered()["Deployment", "plate-api"]]) == ""


def _edit(staging: Staging, name: str, script: str) -> None:
    kubectl, where = staging.plane.programs["kubectl"], ("-n", staging.namespace)
    done = staging.plane.run("env", f"KUBE_EDITOR=sed -i -e '{script}'", kubectl, "edit", name, *where)
    assert (done.returncode, "edited" in done.stdout) == (0, True), done


def _make_anew(staging: Staging, kind: str, name: str, path: tuple[str | int, ...], value: str) -> None:
    manifest = copy.deepcopy(staging.rendered()[kind, name])
    place: Any = manifest
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    staging.kubectl("delete", kind, name, "--cascade=background", "--wait=true")
    staging.kubectl("create", "-f", "-", stdin=json.dumps(manifest))


def _apply(staging: Staging) -> None:
    """Somebody applies on the client's side, and two pipelines on the server's; a trial leaves an object behind."""
    objects = staging.rendered()
    applied = objects["ConfigMap", "applied"]
    del applied["metadata"]["labels"]["tier"]
    applied["data"]["more"] = "1"
    token = objects["Secret", "openbao-token"] | {"stringData": {"token": CANARY}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [applied, token]}
    staging.kubectl("apply", "-f", "-", stdin=json.dumps(listed))
    for manager, seconds in (("pipeline", 10), ("second-pipeline", 20)):
        alias = {"ip": f"192.0.2.{seconds}", "hostnames": ["a"]}
        spec = _of_pods(terminationGracePeriodSeconds=seconds, hostAliases=[alias])
        part = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "plate-llm"}, **spec}
        way = ("--server-side", "--force-conflicts", f"--field-manager={manager}")
        staging.kubectl("apply", *way, "-f", "-", stdin=json.dumps(part))
    tracking = f"argocd.argoproj.io/tracking-id: 'neighbours-stg:/ConfigMap:{staging.namespace}/left-over'"
    left = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: left-over, annotations: {{{tracking}}}}}\n"
    staging.kubectl("create", "-f", "-", stdin=left)
