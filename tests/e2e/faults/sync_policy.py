"""Faults in how Applications are synced."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import OPENBAO_APP, WEB, WEB_APP, At, Row, added, replaced

AUTOMATED = "    automated:\n      prune: true\n      selfHeal: true\n"
OPTIONS = "    syncOptions:\n      - CreateNamespace=true\n      - ApplyOutOfSyncOnly=true\n"
RETRY = "    retry:\n      limit: 5\n      backoff:\n        duration: 5s\n        factor: 2\n        maxDuration: 3m\n"
SERVICE = f"{WEB}/templates/service.yaml"
HOOK = f"{WEB}/templates/notice.yaml"
COMPARE = "    argocd.argoproj.io/compare-options: ServerSideDiff=true\n"
WAVE = '    argocd.argoproj.io/sync-wave: "2"\n'
A_HOOK = (
    added(
        HOOK,
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plate-web-notice\n  annotations:\n"
        "    argocd.argoproj.io/hook: PostSync\n    argocd.argoproj.io/hook-delete-policy: HookSucceeded\n",
    ),
)

ROWS = (
    Row(
        "sync-not-automated",
        replaced(WEB_APP, AUTOMATED, AUTOMATED.replace("      prune", "      enabled: false\n      prune")),
        At(WEB_APP, "      enabled: false"),
        replaced(WEB_APP, AUTOMATED, AUTOMATED.replace("      prune", "      enabled: true\n      prune")),
    ),
    Row(
        "sync-not-automated",
        replaced(WEB_APP, AUTOMATED, ""),
        At(WEB_APP, "  syncPolicy:"),
        replaced(WEB_APP, AUTOMATED, "    automated: {selfHeal: true, prune: true}\n"),
    ),
    Row(
        "automated-null",
        replaced(WEB_APP, AUTOMATED, "    automated:\n"),
        At(WEB_APP, "    automated:"),
        replaced(WEB_APP, AUTOMATED, AUTOMATED.replace("automated:\n", "automated: # 자동 동기화\n")),
        severity=Severity.WARNING,
    ),
    Row(
        "prune-off",
        replaced(WEB_APP, "      prune: true\n", "      prune: false\n"),
        At(WEB_APP, "      prune: false"),
        replaced(WEB_APP, AUTOMATED, "    automated:\n      selfHeal: true\n      prune: true\n"),
    ),
    Row(
        "self-heal-off",
        replaced(WEB_APP, "      selfHeal: true\n", ""),
        At(WEB_APP, "    automated:"),
        replaced(WEB_APP, "      selfHeal: true\n", "      selfHeal: True\n"),
    ),
    Row(
        "allow-empty-on",
        replaced(OPENBAO_APP, "      allowEmpty: false\n", "      allowEmpty: true\n"),
        At(OPENBAO_APP, "      allowEmpty: true"),
        replaced(OPENBAO_APP, "      allowEmpty: false\n", ""),
    ),
    Row(
        "sync-option-required",
        replaced(WEB_APP, "      - ApplyOutOfSyncOnly=true\n", ""),
        At(WEB_APP, "    syncOptions:"),
        replaced(WEB_APP, OPTIONS, "    syncOptions: [ApplyOutOfSyncOnly=true, CreateNamespace=true]\n"),
    ),
    Row(
        "sync-option-required",
        replaced(WEB_APP, "      - CreateNamespace=true\n", "      - CreateNamespace=false\n"),
        At(WEB_APP, "      - CreateNamespace=false"),
        replaced(WEB_APP, "      - CreateNamespace=true\n", "      - 'CreateNamespace=true'\n"),
    ),
    Row(
        "sync-option-unknown",
        replaced(WEB_APP, "- ApplyOutOfSyncOnly=true\n", '- "ApplyOutOfSyncOnly=true "\n'),
        At(WEB_APP, '- "ApplyOutOfSyncOnly=true "'),
        replaced(WEB_APP, "- ApplyOutOfSyncOnly=true\n", '- "ApplyOutOfSyncOnly=true"\n'),
        severity=Severity.WARNING,
    ),
    Row(
        "sync-option-misplaced",
        replaced(WEB_APP, "- ApplyOutOfSyncOnly=true\n", "- ApplyOutOfSyncOnly=true\n      - Force=true\n"),
        At(WEB_APP, "      - Force=true"),
        replaced(WEB_APP, "- ApplyOutOfSyncOnly=true\n", "- ApplyOutOfSyncOnly=true\n      - Replace=true\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "sync-option-contradictory",
        replaced(WEB_APP, "- ApplyOutOfSyncOnly=true\n", "- ApplyOutOfSyncOnly=true\n      - CreateNamespace=false\n"),
        At(WEB_APP, "      - CreateNamespace=false"),
        replaced(
            WEB_APP, "- ApplyOutOfSyncOnly=true\n", "- ApplyOutOfSyncOnly=true\n      # - CreateNamespace=false\n"
        ),
        severity=Severity.WARNING,
    ),
    Row(
        "sync-option-ineffective",
        replaced(WEB_APP, "- ApplyOutOfSyncOnly=true\n", "- ApplyOutOfSyncOnly=true\n      - Replace=false\n"),
        At(WEB_APP, "      - Replace=false"),
        replaced(WEB_APP, "- ApplyOutOfSyncOnly=true\n", "- ApplyOutOfSyncOnly=true\n      - PruneLast=true\n"),
        severity=Severity.NOTE,
    ),
    Row(
        "compare-option-unknown",
        replaced(WEB_APP, COMPARE, COMPARE.replace("true", "True")),
        At(WEB_APP, COMPARE.replace("true", "True")),
        replaced(WEB_APP, COMPARE, COMPARE.replace("true", "true,IncludeMutationWebhook=true")),
        severity=Severity.WARNING,
        given=(replaced(WEB_APP, WAVE, COMPARE + WAVE),),
    ),
    Row(
        "hook-type-unknown",
        replaced(HOOK, "hook: PostSync", "hook: Postsync"),
        At(HOOK),
        replaced(HOOK, "hook: PostSync", 'hook: " PostSync ,"'),
        given=A_HOOK,
    ),
    Row(
        "hook-delete-policy-unknown",
        replaced(HOOK, "HookSucceeded", "HookSuceeded"),
        At(HOOK),
        replaced(HOOK, "HookSucceeded", "HookSucceeded,BeforeHookCreation"),
        severity=Severity.WARNING,
        given=A_HOOK,
    ),
    Row(
        "annotation-not-string",
        replaced(SERVICE, "spec:\n", "  annotations:\n    plate.example.com/port: {{ .Values.service.port }}\nspec:\n"),
        At(f"{WEB}/values.yaml", "service:\n  port: 80"),
        replaced(
            SERVICE,
            "spec:\n",
            "  annotations:\n    plate.example.com/port: {{ .Values.service.port | quote }}\nspec:\n",
        ),
    ),
    Row(
        "retry-without-limit",
        replaced(WEB_APP, "      limit: 5\n", ""),
        At(WEB_APP, "    retry:"),
        replaced(
            WEB_APP, RETRY, "    retry:\n      backoff: {maxDuration: 3m, factor: 2, duration: 5s}\n      limit: 5\n"
        ),
        severity=Severity.WARNING,
    ),
    Row(
        "retry-limit-unexpected",
        replaced(WEB_APP, "      limit: 5\n", "      limit: 4\n"),
        At(WEB_APP, "      limit: 4"),
        replaced(WEB_APP, "      limit: 5\n", "      limit: +5\n"),
    ),
    Row(
        "retry-backoff-invalid",
        replaced(WEB_APP, "        maxDuration: 3m\n", "        maxDuration: 3 m\n"),
        At(WEB_APP, "        maxDuration: 3 m"),
        replaced(WEB_APP, "        maxDuration: 3m\n", "        maxDuration: 2m60s\n"),
    ),
    Row(
        "retry-backoff-not-exponential",
        replaced(WEB_APP, "        factor: 2\n", "        factor: 1\n"),
        At(WEB_APP, "        factor: 1"),
        replaced(WEB_APP, "        factor: 2\n", ""),
    ),
    Row(
        "retry-backoff-not-exponential",
        replaced(WEB_APP, "        maxDuration: 3m\n", "        maxDuration: 10s\n"),
        At(WEB_APP, "        maxDuration: 10s"),
        replaced(WEB_APP, "        maxDuration: 3m\n", '        maxDuration: "180"\n'),
    ),
    Row(
        "retry-total-too-long",
        replaced(WEB_APP, "        duration: 5s\n", "        duration: 5001ms\n"),
        At(WEB_APP, "    retry:"),
        replaced(WEB_APP, "        duration: 5s\n", "        duration: 5000ms\n"),
    ),
)
