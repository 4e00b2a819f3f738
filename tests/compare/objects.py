"""Objects that the tests of the comparison start from."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from driftgate.compare import Comparison, Rules, Tracking, compare

Json = dict[str, Any]

SHOP = Tracking(application="shop", namespace="prod")
RULES = Rules(tracking=SHOP)

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/web:1
        args: [--port=8080]
        ports: [{name: http, containerPort: 8080, protocol: TCP}]
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        resources: {limits: {cpu: "1", memory: 1Gi}}
      - name: proxy
        image: registry.example/proxy:1
      volumes: [{name: tmp, emptyDir: {}}]
"""


def document(text: str) -> Json:
    """An object from YAML."""
    found: Json = yaml.safe_load(text)
    return found


def deployment(**spec: Any) -> Json:
    """The Deployment, with other fields of its spec."""
    found = document(DEPLOYMENT)
    found["spec"] |= spec
    return found


def custom(spec: Any) -> Json:
    """An object of a kind that nobody knows."""
    return {"apiVersion": "acme.test/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


def built_in(api_version: str, kind: str, **fields: Any) -> Json:
    """An object of a kind of Kubernetes' own."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


def fields_of(comparison: Comparison) -> list[str]:
    """The fields that differ, as they are written."""
    return [difference.field for difference in comparison.differences]


def verdict(desired: Json | None, live: Json | None, rules: Rules = RULES) -> str:
    """The verdict on a pair, and that comparing it leaves both objects as they are."""
    before = copy.deepcopy((desired, live))
    found = compare(desired, live, rules)
    assert (desired, live) == before
    return str(found.verdict)
