"""Names in scripts and in the info of Applications that nothing has."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import API_APP, At, Row, added, replaced

SCRIPT = "scripts/deploy-stg.sh"
LINES = """\
#!/usr/bin/env bash
# 스테이징 배포
set -euo pipefail

ROOT="$(cd "$(dirname "$0")/.." && pwd)"
NAMESPACE=plate-stg
APP=plate-web

helm lint "$ROOT/helm/applications/plate-web" -f "$ROOT/helm/applications/plate-web/values-stg.yaml"
kubectl apply -n argocd -f environments/argocd/app-of-apps.yaml
argocd app sync app-of-apps-stg
argocd app wait "$APP-stg" --health --timeout 300
kubectl -n "$NAMESPACE" rollout status deploy/plate-api --timeout=5m
kubectl -n "$NAMESPACE" get pods -l app.kubernetes.io/name=plate-web
kubectl get secret cluster-env-secrets -n "$NAMESPACE" >/dev/null
"""
ENV_SECRETS = 'get secret cluster-env-secrets -n "$NAMESPACE"'
SCRIPTED = (added(SCRIPT, LINES),)


def script(check: str, old: str, new: str, innocent: str) -> Row:
    """A row about one line of the script."""
    return Row(
        check,
        replaced(SCRIPT, old, new),
        At(SCRIPT, new),
        replaced(SCRIPT, old, innocent),
        severity=Severity.WARNING,
        given=SCRIPTED,
    )


ROWS = (
    script(
        "script-path-missing",
        'helm lint "$ROOT/helm/applications/plate-web"',
        'helm lint "$ROOT/helm/application/plate-web"',
        'helm lint "$ROOT/helm/applications/plate-web/"',
    ),
    script(
        "script-path-missing",
        "environments/argocd/app-of-apps.yaml",
        "environments/argocd/app-of-apps.yml",
        "./environments/argocd/app-of-apps.yaml",
    ),
    Row(
        "script-namespace-unknown",
        replaced(SCRIPT, ENV_SECRETS, "get secret cluster-env-secrets -n plate-stag"),
        At(SCRIPT, "-n plate-stag"),
        replaced(SCRIPT, ENV_SECRETS, "get pods --namespace=kube-system"),
        severity=Severity.WARNING,
        given=SCRIPTED,
    ),
    script(
        "script-application-unknown",
        "argocd app sync app-of-apps-stg",
        "argocd app sync app-of-apps",
        "argocd app sync argocd/app-of-apps-stg",
    ),
    script(
        "script-application-unknown",
        'argocd app wait "$APP-stg" --health --timeout 300',
        'helm status "$APP"',
        'helm status "$APP-stg"',
    ),
    script(
        "script-object-unknown",
        "rollout status deploy/plate-api",
        "rollout status deploy/plate-apis",
        "logs deploy/plate-llm",
    ),
    script(
        "script-selector-unmatched",
        "app.kubernetes.io/name=plate-web",
        "app=plate-web",
        "app.kubernetes.io/name=plate-llm",
    ),
    Row(
        "info-host-unrouted",
        replaced(API_APP, "      value: stg.cocdev.co.kr/api\n", "      value: api.stg.cocdev.co.kr\n"),
        At(API_APP, "      value: api.stg.cocdev.co.kr"),
        replaced(API_APP, "      value: stg.cocdev.co.kr/api\n", "      value: https://stg.cocdev.co.kr/api\n"),
        severity=Severity.WARNING,
    ),
)
