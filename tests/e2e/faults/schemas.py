"""Faults that the API server would find: fields, values, names and versions that it does not take."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import OPENBAO, POLICY, WEB, At, Row, added, appended, deleted, renamed, replaced

WEB_DEPLOYMENT = f"{WEB}/templates/deployment.yaml"
WEB_SERVICE = f"{WEB}/templates/service.yaml"
WEB_VALUES = f"{WEB}/values-stg.yaml"
WEB_DEFAULTS = f"{WEB}/values.yaml"
OPENBAO_DEFAULTS = f"{OPENBAO}/values.yaml"
CRONJOB = f"{OPENBAO}/templates/token-renewer.yaml"
STORE = f"{OPENBAO}/templates/secretstore.yaml"
PROJECT = "environments/argocd/projects/plate.yaml"
PROJECT_TEXT = """\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: plate, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{server: https://kubernetes.default.svc, namespace: plate-stg}]
"""
PLUGIN = f"{WEB}/templates/plugin.yaml"
PART_OF = "        app.kubernetes.io/part-of: plate"
SCHEMA = '{"x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Widget"}]}\n'
WIDGET = "kind: CustomResourceDefinition, name: Widget.example.com"
WITH_SCHEMA = (
    added("schemas/widget.json", SCHEMA),
    replaced(POLICY, "\nschemas:\n", "\nschemas:\n  folder: schemas\n"),
)

ROWS = (
    Row(
        "unknown-field",
        replaced(WEB_DEPLOYMENT, "terminationGracePeriodSeconds: 30", "terminationGracePeriod: 30"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, "terminationGracePeriodSeconds: 30", '"terminationGracePeriodSeconds": 31'),
    ),
    # The key itself stands in the values, so that line is the cause.
    Row(
        "unknown-field",
        replaced(WEB_VALUES, "resources:\n  requests:\n", "resources:\n  request: 1\n  requests:\n"),
        At(WEB_VALUES, "resources:\n  request: 1"),
        replaced(WEB_VALUES, "    memory: 512Mi\n", "    memory: 512Mi\n    ephemeral-storage: 1Gi\n"),
    ),
    Row(
        "unknown-field",
        replaced(STORE, "      path: {{ .Values.store.mount }}", "      mount: {{ .Values.store.mount }}"),
        At(STORE),
        replaced(STORE, "      version: v2\n", "      version: v2\n      readYourWrites: true\n"),
    ),
    Row(
        "field-type-wrong",
        replaced(WEB_DEPLOYMENT, "value: {{ .Values.containerPort | quote }}", "value: {{ .Values.containerPort }}"),
        At(WEB_DEFAULTS, "containerPort: 3000"),
        replaced(
            WEB_DEPLOYMENT,
            "value: {{ .Values.containerPort | quote }}",
            "value: {{ .Values.containerPort | toString | quote }}",
        ),
    ),
    Row(
        "required-field-missing",
        replaced(WEB_DEPLOYMENT, "path: /readyz\n              port: http\n", "path: /readyz\n"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, "              path: /readyz\n", ""),
    ),
    Row(
        "field-value-refused",
        replaced(WEB_DEPLOYMENT, "type: RuntimeDefault", "type: runtime/default"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, "type: RuntimeDefault", 'type: "RuntimeDefault"'),
    ),
    Row(
        "list-entry-duplicate",
        replaced(WEB_VALUES, "env:\n", 'env:\n  PORT: "3000"\n'),
        At(WEB_VALUES, 'env:\n  PORT: "3000"'),
        replaced(WEB_VALUES, "env:\n", 'env:\n  METRICS_PORT: "3000"\n'),
        Severity.WARNING,
    ),
    Row(
        "port-duplicate",
        appended(WEB_SERVICE, "    - name: http\n      port: 8081\n      targetPort: http\n"),
        At(WEB_SERVICE),
        appended(WEB_SERVICE, "    - name: http-alt\n      port: 8081\n      targetPort: http\n"),
    ),
    Row(
        "pod-part-duplicate",
        replaced(WEB_DEPLOYMENT, "mountPath: /app/.next/cache", "mountPath: /tmp"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, "mountPath: /app/.next/cache", "mountPath: /tmp/cache"),
    ),
    Row(
        "selector-does-not-match-labels",
        replaced(WEB_DEPLOYMENT, "    matchLabels:\n", "    matchLabels:\n      app.kubernetes.io/part-of: web\n"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, "    matchLabels:\n", "    matchLabels:\n      app.kubernetes.io/part-of: plate\n"),
    ),
    Row(
        "api-version-not-served",
        replaced(CRONJOB, "apiVersion: batch/v1\n", "apiVersion: batch/v1beta1\n"),
        At(CRONJOB),
        replaced(CRONJOB, "apiVersion: batch/v1\n", 'apiVersion: "batch/v1"\n'),
    ),
    Row(
        "api-version-deprecated",
        replaced(STORE, "external-secrets.io/v1\n", "external-secrets.io/v1beta1\n"),
        At(STORE),
        replaced(STORE, "external-secrets.io/v1\n", "external-secrets.io/v1 # served since 0.16\n"),
        Severity.NOTE,
    ),
    # An operator's kind, whose CRD is installed with the cluster: the policy's folder has its schema.
    Row(
        "schema-missing",
        deleted("schemas/widget.json"),
        At(PLUGIN),
        renamed("schemas/widget.json", "schemas/example.json"),
        given=(
            *WITH_SCHEMA,
            added(PLUGIN, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: web}\n"),
            replaced(POLICY, "  external:\n", f"  external:\n    - {{{WIDGET}, reason: An operator.}}\n"),
        ),
    ),
    Row(
        "schema-unreadable",
        added("schemas/notes.json", "{}\n"),
        At("schemas/notes.json"),
        added("schemas/notes.md", "Not a schema.\n"),
        given=WITH_SCHEMA,
    ),
    Row(
        "schema-version-assumed",
        replaced(POLICY, 'kubernetesVersion: "1.34.2"', 'kubernetesVersion: "1.99.2"'),
        At(POLICY, 'kubernetesVersion: "1.99.2"'),
        replaced(POLICY, 'kubernetesVersion: "1.34.2"', 'kubernetesVersion: "v1.34.9"'),
        Severity.NOTE,
    ),
    Row(
        "project-field-invalid",
        replaced(PROJECT, "  sourceRepos:", "  sourceRepo:"),
        At(PROJECT, '  sourceRepo: ["*"]'),
        replaced(PROJECT, '  sourceRepos: ["*"]', "  sourceRepos:\n    - '*'"),
        given=(added(PROJECT, PROJECT_TEXT),),
    ),
    Row(
        "object-head-incomplete",
        replaced(CRONJOB, "apiVersion: batch/v1\n", ""),
        At(CRONJOB),
        replaced(CRONJOB, "apiVersion: batch/v1\nkind: CronJob\n", "kind: CronJob\napiVersion: batch/v1\n"),
    ),
    Row(
        "object-name-invalid",
        replaced(OPENBAO_DEFAULTS, "  name: openbao-token-renewer\n", "  name: OpenBao-token-renewer\n"),
        (At(OPENBAO_DEFAULTS, "  name: OpenBao-token-renewer"),) * 2,  # of the CronJob and of its ServiceAccount
        replaced(OPENBAO_DEFAULTS, "  name: openbao-token-renewer\n", "  name: 1.openbao-token-renewer\n"),
    ),
    Row(
        "label-invalid",
        replaced(WEB_DEPLOYMENT, PART_OF, f"{PART_OF} and web"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, PART_OF, f"{PART_OF}_and.Web"),
    ),
)
