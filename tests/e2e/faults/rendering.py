"""Faults in what a source renders."""

from __future__ import annotations

from pathlib import Path

from driftgate.model.outcome import Outcome, Severity
from tests.e2e.seeding import (
    API,
    APPS,
    INGRESS,
    INGRESS_APP,
    LLM,
    OPENBAO,
    POLICY,
    ROOT,
    WEB,
    WEB_APP,
    At,
    Edit,
    Row,
    added,
    deleted,
    replaced,
    several,
    untouched,
)

DEPLOYMENT = f"{WEB}/templates/deployment.yaml"
SERVICE = f"{WEB}/templates/service.yaml"
VALUE_FILES = "      valueFiles:\n        - values-stg.yaml\n"
SPARE = "helm/tools/load-test"
# 10M, Argo CD's default for --max-combined-directory-manifests-size.
MOST = 10_000_000

SPARE_CHART = (
    added(f"{SPARE}/Chart.yaml", "apiVersion: v2\nname: load-test\nversion: 0.1.0\n"),
    added(f"{SPARE}/values.yaml", "users: 10\n"),
    added(
        f"{SPARE}/templates/settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: load-test\ndata:\n  users: {{ .Values.users | quote }}\n",
    ),
    replaced(POLICY, "  unusedChartsAllowed: []\n", "  unusedChartsAllowed: [helm/tools/*]\n"),
)


def _padded(size: int) -> Edit:
    """Bring the manifests of the app of apps to a size, with a comment at the end of one of them."""

    def edit(root: Path) -> None:
        there = sum(path.stat().st_size for path in (root / APPS).iterdir())
        with (root / WEB_APP).open("a", encoding="utf-8") as file:
            file.write("#" * (size - there))

    return edit


ROWS = (
    Row(
        "render-failed",
        replaced(DEPLOYMENT, "{{ .Values.replicaCount }}", "{{ .Values.replicaCount.web }}"),
        At(DEPLOYMENT, "{{ .Values.replicaCount.web }}"),
        replaced(
            DEPLOYMENT, "{{ .Values.replicaCount }}", "{{ .Values.replicaCount }}{{/* .Values.replicaCount.web */}}"
        ),
    ),
    Row(
        "render-nothing",
        replaced(f"{INGRESS}/templates/ingress.yaml", "{{- range .Values.hosts }}", "{{- range .Values.host }}"),
        At(INGRESS_APP, "    path: helm/ingress"),
        replaced(f"{INGRESS}/templates/ingress.yaml", "{{- range .Values.hosts }}", "{{- range $.Values.hosts }}"),
    ),
    Row(
        "render-assumed",
        replaced(WEB_APP, "value: $ARGOCD_APP_NAME}", "value: $ARGOCD_APP_REVISION}"),
        At(WEB_APP, "  source:"),
        replaced(WEB_APP, "value: $ARGOCD_APP_NAME}", "value: $ARGOCD_APP_SOURCE_TARGET_REVISION}"),
        severity=Severity.NOTE,
        given=(
            replaced(
                WEB_APP,
                VALUE_FILES,
                f"{VALUE_FILES}      parameters:\n        - {{name: env.RELEASE, value: $ARGOCD_APP_NAME}}\n",
            ),
        ),
    ),
    Row(
        "render-unstable",
        replaced(
            SERVICE,
            "  type: ClusterIP\n",
            "  type: ClusterIP\n  clusterIP: 10.96.{{ randInt 0 255 }}.{{ randInt 1 255 }}\n",
        ),
        At(SERVICE),
        replaced(SERVICE, "  type: ClusterIP\n", '  type: ClusterIP\n  clusterIP: 10.96.0.{{ "plate" | len }}\n'),
        severity=Severity.WARNING,
    ),
    Row(
        "output-not-yaml",
        replaced(SERVICE, "  type: ClusterIP\n", "  type: ClusterIP: always\n"),
        At(SERVICE),
        replaced(SERVICE, "  type: ClusterIP\n", '  "type" : ClusterIP\n'),
    ),
    Row(
        "output-duplicate-key",
        replaced(SERVICE, "  type: ClusterIP\n", "  type: ClusterIP\n  type: ClusterIP\n"),
        At(SERVICE),
        replaced(SERVICE, "  type: ClusterIP\n", "  type: ClusterIP\n  # type: ClusterIP\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "output-separator-swallowed",
        replaced(f"{OPENBAO}/templates/token-renewer.yaml", "\n---\n", '\n{{- "" -}}\n---\n'),
        At(f"{OPENBAO}/templates/token-renewer.yaml"),
        replaced(f"{OPENBAO}/templates/token-renewer.yaml", "\n---\n", '\n{{ "" }}\n---\n'),
    ),
    Row(
        "output-not-object",
        added(f"{WEB}/templates/note.yaml", "note: {{ .Chart.Name }}\n"),
        At(f"{WEB}/templates/note.yaml"),
        added(f"{WEB}/templates/note.yaml", "# note: {{ .Chart.Name }}\n---\n"),
    ),
    Row(
        "object-repeated",
        replaced(f"{INGRESS}/values-stg.yaml", "  - name: console\n", "  - name: portal\n"),
        At(f"{INGRESS}/templates/ingress.yaml"),
        replaced(f"{INGRESS}/values-stg.yaml", "  - name: console\n", "  - name: consoles\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "repository-assumed",
        replaced(POLICY, "repository:\n  urls: [https://github.com/cocdev/plate-gitops.git]\n", ""),
        At(ROOT, "    repoURL: https://github.com/cocdev/plate-gitops.git"),
        replaced(POLICY, "cocdev/plate-gitops.git]\n\nargocd", "cocdev/plate-gitops]\n\nargocd"),
        severity=Severity.NOTE,
    ),
    Row(
        "chart-dependency-not-vendored",
        replaced(
            f"{WEB}/Chart.yaml",
            "type: application\n",
            "type: application\ndependencies:\n  - {name: common, version: 2.31.0, repository: https://charts.example.com}\n",
        ),
        At(f"{WEB}/Chart.yaml"),
        replaced(f"{WEB}/Chart.yaml", "type: application\n", "type: application\ndependencies: []\n"),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "render-limit-exceeded",
        replaced(DEPLOYMENT, "  revisionHistoryLimit: 3\n", '  revisionHistoryLimit: {{ repeat 3000000000 "3" }}\n'),
        At(f"{WEB}/Chart.yaml"),
        replaced(DEPLOYMENT, "  revisionHistoryLimit: 3\n", '  revisionHistoryLimit: {{ repeat 1 "3" }}\n'),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "render-tool-missing",
        untouched,
        tuple(At(f"{chart}/Chart.yaml") for chart in (API, INGRESS, LLM, OPENBAO, WEB)),
        untouched,
        outcome=Outcome.COULD_NOT_CHECK,
        settings={"embedded_helm": False, "helm": None},
    ),
    Row(
        "directory-too-large",
        _padded(MOST + 1),
        At(ROOT, "    path: environments/argocd/apps"),
        _padded(MOST),
    ),
    Row(
        "render-kustomize-helm",
        added(f"{APPS}/kustomization.yaml", "helmCharts:\n  - {name: plate, repo: https://charts.example.com}\n"),
        At(f"{APPS}/kustomization.yaml", "helmCharts:"),
        added(f"{APPS}/kustomization.yaml.md", "helmCharts:\n  - {name: plate, repo: https://charts.example.com}\n"),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "source-override-invalid",
        added(f"{WEB}/.argocd-source.yaml", "- helm\n"),
        At(f"{WEB}/.argocd-source.yaml", "- helm"),
        added(f"{WEB}/.argocd-source.yaml", "helm: {}\n"),
    ),
    Row(
        "source-plugin",
        replaced(
            ROOT,
            "    path: environments/argocd/apps\n",
            "    path: environments/argocd/apps\n    plugin: {name: envsubst}\n",
        ),
        At(ROOT, "    plugin: {name: envsubst}"),
        replaced(
            ROOT,
            "    path: environments/argocd/apps\n",
            "    path: environments/argocd/apps\n    directory: {recurse: false}\n",
        ),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "source-jsonnet",
        added(f"{APPS}/preview.jsonnet", "{}\n"),
        At(f"{APPS}/preview.jsonnet"),
        added(f"{APPS}/preview.jsonnet.md", "{}\n"),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "unused-chart-render-failed",
        replaced(f"{SPARE}/templates/settings.yaml", "| quote }}", "| quote }"),
        At(f"{SPARE}/templates/settings.yaml", "| quote }"),
        replaced(f"{SPARE}/templates/settings.yaml", "| quote }}", "|quote}}"),
        given=SPARE_CHART,
    ),
    Row(
        "chart-unused",
        added("helm/left-over/Chart.yaml", "apiVersion: v2\nname: left-over\nversion: 0.1.0\n"),
        At("helm/left-over/Chart.yaml"),
        added("helm/left-over/README.md", "apiVersion: v2\nname: left-over\nversion: 0.1.0\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "chart-unused",
        several(
            deleted(f"{SPARE}/Chart.yaml"), deleted(f"{SPARE}/values.yaml"), deleted(f"{SPARE}/templates/settings.yaml")
        ),
        At(POLICY, "  unusedChartsAllowed: [helm/tools/*]"),
        replaced(POLICY, "[helm/tools/*]", "['helm/tools/**']"),
        severity=Severity.WARNING,
        given=SPARE_CHART,
    ),
)
