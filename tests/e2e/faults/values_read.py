"""Faults in values that nothing reads."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import INGRESS, INGRESS_APP, LLM, OPENBAO, POLICY, WEB, WEB_APP, At, Row, appended, replaced

VALUES = f"{WEB}/values-stg.yaml"
FILES = "      valueFiles:\n        - values-stg.yaml\n"
PARAMETERS = "      parameters:\n        - {name: env.RELEASE, value: plate}\n"

ROWS = (
    Row(
        "value-never-read",
        replaced(VALUES, "logging:\n  level: debug\n", "logging:\n  levle: debug\n"),
        At(VALUES, "  levle: debug"),
        replaced(VALUES, "logging:\n  level: debug\n", "logging:\n  level: info\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "value-never-read",
        appended(
            VALUES, "autoscaling:\n  enabled: false\n  minReplicas: 1\n  metrics:\n    - {type: cpu, target: 80}\n"
        ),
        At(VALUES, "autoscaling:"),
        # Nothing shows of it while the chart's Ingress is off, and it is read once that is on.
        replaced(VALUES, "ingress:\n  enabled: false\n", "ingress:\n  enabled: false\n  path: /\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "value-never-read",
        replaced(f"{INGRESS}/values-stg.yaml", "        port: 80\n", "        port: 80\n        pathType: Exact\n"),
        At(f"{INGRESS}/values-stg.yaml", "        pathType: Exact"),
        replaced(f"{INGRESS}/values-stg.yaml", "        port: 80\n", "        # pathType: Exact\n        port: 80\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "value-never-read",
        replaced(INGRESS_APP, "        appName: plate\n", "        appName: plate\n        appname: plate\n"),
        At(INGRESS_APP, "        appname: plate"),
        replaced(INGRESS_APP, "        appName: plate\n", "        appName: plate\n        className: nginx\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "value-never-read",
        replaced(WEB_APP, PARAMETERS, f"{PARAMETERS}        - {{name: image.digest, value: none}}\n"),
        At(WEB_APP, "        - {name: image.digest, value: none}"),
        replaced(WEB_APP, PARAMETERS, f"{PARAMETERS}        - {{name: env.REGION, value: seoul}}\n"),
        severity=Severity.WARNING,
        given=(replaced(WEB_APP, FILES, f"{FILES}{PARAMETERS}"),),
    ),
    Row(
        "chart-default-never-read",
        appended(f"{LLM}/values.yaml", "nodeSelector: {}\n"),
        At(f"{LLM}/values.yaml", "nodeSelector: {}"),
        replaced(f"{WEB}/values.yaml", "  annotations: {}\n", "  annotations: {example.com/team: web}\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "chart-default-never-read",
        replaced(f"{OPENBAO}/values.yaml", "logging:\n  level: info\n", "logging:\n  level: info\n  format: json\n"),
        At(f"{OPENBAO}/values.yaml", "  format: json"),
        replaced(f"{OPENBAO}/values.yaml", "logging:\n  level: info\n", "logging:\n  level: warn\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "values-not-probed",
        replaced(POLICY, "valuesRead:\n", "valuesRead:\n  applications: 5\n"),
        At(POLICY, "valuesRead:"),
        replaced(POLICY, "valuesRead:\n", "valuesRead:\n  applications: 6\n"),
        severity=Severity.NOTE,
    ),
)
