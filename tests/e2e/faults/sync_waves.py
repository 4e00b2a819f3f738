"""Faults in the order of what is applied."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import ARGOCD_CM, OPENBAO_APP, ROOT, WEB, WEB_APP, At, Row, replaced

SERVICE = f"{WEB}/templates/service.yaml"
WAVE = 'argocd.argoproj.io/sync-wave: "2"'

ROWS = (
    Row(
        "sync-wave-not-integer",
        replaced(WEB_APP, WAVE, WAVE.replace("2", "2.0")),
        At(WEB_APP, WAVE.replace("2", "2.0")),
        replaced(WEB_APP, WAVE, WAVE.replace("2", "+2")),
    ),
    Row(
        "sync-wave-not-integer",
        replaced(WEB_APP, WAVE, WAVE.replace('"', "")),
        At(WEB_APP, WAVE.replace('"', "")),
        replaced(WEB_APP, WAVE, WAVE.replace('"', "'")),
    ),
    Row(
        "sync-wave-not-integer",
        replaced(SERVICE, "spec:\n", '  annotations:\n    argocd.argoproj.io/sync-wave: "1 "\nspec:\n'),
        At(SERVICE),
        replaced(SERVICE, "spec:\n", '  annotations:\n    argocd.argoproj.io/sync-wave: "-1"\nspec:\n'),
    ),
    Row(
        "sync-wave-required",
        replaced(OPENBAO_APP, 'sync-wave: "1"', 'sync-wave: "0"'),
        At(OPENBAO_APP, 'sync-wave: "0"'),
        replaced(OPENBAO_APP, 'sync-wave: "1"', 'sync-wave: "01"'),
    ),
    Row(
        "sync-wave-required",
        replaced(WEB_APP, WAVE, WAVE.replace("2", "1")),
        At(WEB_APP, WAVE.replace("2", "1")),
        replaced(WEB_APP, WAVE, WAVE.replace("2", "3")),
    ),
    Row(
        "sync-wave-required",
        replaced(WEB_APP, f"  annotations:\n    {WAVE}\n", ""),
        At(WEB_APP, "metadata:"),
        replaced(WEB_APP, f"  annotations:\n    {WAVE}\n", f"  annotations:\n    note: 순서\n    {WAVE}\n"),
    ),
    Row(
        "sync-wave-ineffective",
        replaced(ROOT, "  finalizers:\n", '  annotations:\n    argocd.argoproj.io/sync-wave: "0"\n  finalizers:\n'),
        At(ROOT, '    argocd.argoproj.io/sync-wave: "0"'),
        replaced(ROOT, "  finalizers:\n", "  annotations:\n    note: 손으로 적용\n  finalizers:\n"),
        severity=Severity.NOTE,
    ),
    # A paused Deployment holds up what comes after it; in the last wave nothing does.
    Row(
        "sync-wave-never-ends",
        replaced(SERVICE, '    argocd.argoproj.io/sync-wave: "0"\n', '    argocd.argoproj.io/sync-wave: "1"\n'),
        At(f"{WEB}/templates/deployment.yaml"),
        replaced(SERVICE, '    argocd.argoproj.io/sync-wave: "0"\n', '    argocd.argoproj.io/sync-wave: "-1"\n'),
        severity=Severity.WARNING,
        given=(
            replaced(f"{WEB}/templates/deployment.yaml", "  revisionHistoryLimit: 3\n", "  paused: true\n"),
            replaced(SERVICE, "spec:\n", '  annotations:\n    argocd.argoproj.io/sync-wave: "0"\nspec:\n'),
        ),
    ),
    Row(
        "sync-waves-do-not-wait",
        replaced(ARGOCD_CM, "health.argoproj.io_Application:", "health.argoproj.io_AppProject:"),
        At(ROOT, "  name: app-of-apps-stg"),
        replaced(ARGOCD_CM, "    local health", "    -- 하위 Application의 상태\n    local health"),
        severity=Severity.WARNING,
    ),
)
