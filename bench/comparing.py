"""How long it takes to compare one desired Deployment with the live one."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import yaml

from driftgate.compare import Rules, Tracking, Verdict, compare, desired_object

__all__ = ["microseconds_per_pair"]

_PAIRS = 1_000
_TRACKING = Tracking(application="shop", namespace="shop")
_RULES = Rules(tracking=_TRACKING)
_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app.kubernetes.io/name: web, app.kubernetes.io/managed-by: Helm, helm.sh/chart: web-1.2.3}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata:
      labels: {app: web}
      annotations: {checksum/config: 0123456789abcdef0123456789abcdef}
    spec:
      serviceAccountName: web
      securityContext: {runAsNonRoot: true, fsGroup: 1000}
      containers:
      - name: app
        image: registry.example/shop/web:1.2.3
        imagePullPolicy: IfNotPresent
        args: [--port=8080, --log=info]
        ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]
        env:
        - {name: MODE, value: staging}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: PASSWORD, valueFrom: {secretKeyRef: {name: web, key: password}}}
        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {cpu: "1", memory: 512Mi}}
        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5}
        livenessProbe: {httpGet: {path: /live, port: http}, initialDelaySeconds: 10}
        volumeMounts: [{name: tmp, mountPath: /tmp}, {name: config, mountPath: /etc/web, readOnly: true}]
      volumes: [{name: tmp, emptyDir: {}}, {name: config, configMap: {name: web}}]
"""
# What the API server fills in, by the place where it does.
_CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_POD = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "serviceAccount": "web",
    "terminationGracePeriodSeconds": 30,
}
_PROBE = {"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}


def microseconds_per_pair(runs: int) -> tuple[float, float]:
    """(in sync, changed) for Deployments as a sync has left them: the best of several runs of one core."""
    desired = [_desired(number) for number in range(_PAIRS)]
    live = [_live(each) for each in desired]
    changed = copy.deepcopy(live)
    for each in changed:
        each["spec"]["replicas"] = 5
    return (
        min(_timed(desired, live, Verdict.IN_SYNC) for _ in range(max(runs, 3))),
        min(_timed(desired, changed, Verdict.CHANGED) for _ in range(max(runs, 3))),
    )


def _timed(desired: list[dict[str, Any]], live: list[dict[str, Any]], verdict: Verdict) -> float:
    start = time.process_time()
    verdicts = {compare(wanted, there, _RULES).verdict for wanted, there in zip(desired, live, strict=True)}
    seconds = time.process_time() - start
    assert verdicts == {verdict}, "the measured comparisons must come out as expected"
    return seconds / len(desired) * 1_000_000


def _desired(number: int) -> dict[str, Any]:
    document = yaml.safe_load(_DEPLOYMENT)
    document["metadata"]["name"] = f"web-{number}"
    return desired_object(document, _TRACKING, namespaced=True)


def _live(desired: dict[str, Any]) -> dict[str, Any]:
    """The object as the API server holds it after a client-side apply."""
    live = copy.deepcopy(desired)
    live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json.dumps(desired)
    live["metadata"] |= {"uid": "4711", "resourceVersion": "42", "generation": 1}
    live["spec"] |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10}
    pod = live["spec"]["template"]["spec"]
    pod |= _POD
    (container,) = pod["containers"]
    container |= _CONTAINER
    for name in ("readinessProbe", "livenessProbe"):
        container[name] = {**_PROBE, **container[name]}
        container[name]["httpGet"]["scheme"] = "HTTP"
    for port in container["ports"]:
        port["protocol"] = "TCP"
    container["env"][1]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    pod["volumes"][1]["configMap"]["defaultMode"] = 0o644
    live["status"] = {"observedGeneration": 1, "readyReplicas": 3, "replicas": 3, "updatedReplicas": 3}
    return live
