"""Faults in which differences are left out of the comparison."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import (
    ARGOCD_CM,
    INGRESS_APP,
    OPENBAO_APP,
    POLICY,
    WEB_APP,
    At,
    Edit,
    Row,
    appended,
    for_web,
    replaced,
)

RESPECT = "      - RespectIgnoreDifferences=true\n"
OPTION = "      - ApplyOutOfSyncOnly=true\n"
SHARE = "  maximumIgnoredShare: 0\n"
SYSTEM_RULE = """\
  resource.customizations.ignoreDifferences.apps_Deployment: |
    jsonPointers:
      - {pointer}
"""
EXISTING_SYSTEM_RULE = appended(ARGOCD_CM, SYSTEM_RULE.format(pointer="/status").replace("apps_Deployment", "Service"))
POINTERS = "jsonPointers: [/spec/progressDeadlineSeconds]"
RULE = f"    - {{group: apps, kind: Deployment, {POINTERS}}}\n"
JQ = RULE.replace(POINTERS, "jqPathExpressions: [.spec.paused]")
MANAGERS = RULE.replace(POINTERS, "managedFieldsManagers: [kube-controller-manager]")


def _ignoring(rule: str, field_managers: str = "") -> tuple[Edit, ...]:
    """Let plate-web-stg have a rule, as its policy then allows."""
    allowed = f"    ignoreDifferences: {{allowed: [{{group: '*', kind: '*'}}]{field_managers}}}\n"
    return (for_web(allowed), replaced(WEB_APP, "  info:\n", f"  ignoreDifferences:\n{rule}  info:\n"))


ROWS = (
    Row(
        "ignore-difference-required",
        replaced(OPENBAO_APP, "        - /status\n", "        - /status/conditions\n"),
        At(OPENBAO_APP, "  ignoreDifferences:"),
        replaced(OPENBAO_APP, "        - /status\n", '        - "/status"\n'),
        given=(replaced(POLICY, "      allowed: *openbao-rules\n", "      allowed: [{group: '*', kind: '*'}]\n"),),
    ),
    Row(
        "ignore-difference-not-allowed",
        replaced(OPENBAO_APP, "        - /status\n", "        - /status\n        - /spec/refreshPolicy\n"),
        At(OPENBAO_APP, "        - /spec/refreshPolicy"),
        replaced(OPENBAO_APP, "        - /status\n", "        - /status # 상태\n"),
    ),
    Row(
        "ignore-difference-unmatched",
        replaced(WEB_APP, "kind: Deployment,", "kind: DaemonSet,"),
        At(WEB_APP, "kind: DaemonSet,"),
        replaced(WEB_APP, "kind: Deployment,", "kind: Deploy*,"),
        severity=Severity.WARNING,
        given=_ignoring(RULE),
    ),
    Row(
        "ignore-difference-unmatched",
        replaced(WEB_APP, "{group: apps, kind: Deployment,", "{kind: Deployment,"),
        At(WEB_APP, f"{{kind: Deployment, {POINTERS}"),
        replaced(WEB_APP, "{group: apps, kind: Deployment,", "{kind: Deployment, name: plate-web, group: apps,"),
        severity=Severity.WARNING,
        given=_ignoring(RULE),
    ),
    Row(
        "ignore-difference-empty",
        replaced(WEB_APP, POINTERS, "jsonPointers: []"),
        At(WEB_APP, "jsonPointers: []"),
        replaced(WEB_APP, POINTERS, f"jqPathExpressions: [], {POINTERS}"),
        severity=Severity.WARNING,
        given=_ignoring(RULE + "    - {kind: Service, jsonPointers: [/spec/sessionAffinity]}\n"),
    ),
    Row(
        "json-pointer-invalid",
        replaced(WEB_APP, "[/spec/progress", "[spec/progress"),
        At(WEB_APP, "[spec/progress"),
        replaced(WEB_APP, "[/spec/progress", "[/spec/a~1b/progress"),
        given=_ignoring(RULE),
    ),
    Row(
        "jq-expression-invalid",
        replaced(WEB_APP, "[.spec.paused]", "['.spec.paused[']"),
        At(WEB_APP, "['.spec.paused[']"),
        replaced(WEB_APP, "[.spec.paused]", "['.spec | .paused']"),
        given=_ignoring(JQ),
    ),
    Row(
        "jq-expression-not-a-path",
        replaced(WEB_APP, "[.spec.paused]", "['.spec.paused == true']"),
        At(WEB_APP, "['.spec.paused == true']"),
        replaced(WEB_APP, "[.spec.paused]", "['.spec | select(.paused == true) | .paused']"),
        severity=Severity.WARNING,
        given=_ignoring(JQ),
    ),
    Row(
        "managed-fields-manager-unknown",
        replaced(WEB_APP, "[kube-controller-manager]", "[kube-controller-managers]"),
        At(WEB_APP, "[kube-controller-managers]"),
        replaced(WEB_APP, "[kube-controller-manager]", "['kube-controller-manager']"),
        severity=Severity.NOTE,
        given=_ignoring(MANAGERS, ", fieldManagers: [kube-controller-manager]"),
    ),
    # A Deployment whose whole spec is ignored may drift for ever. How much that is of it is another question.
    Row(
        "ignore-difference-hides-rendered",
        replaced(WEB_APP, "[/spec/progressDeadlineSeconds]", "[/spec]"),
        At(WEB_APP, "[/spec]"),
        replaced(WEB_APP, "[/spec/progressDeadlineSeconds]", "[/status]"),
        severity=Severity.NOTE,
        given=(*_ignoring(RULE), replaced(WEB_APP, OPTION, OPTION + RESPECT), replaced(POLICY, SHARE, "")),
    ),
    Row(
        "ignored-share-too-large",
        replaced(WEB_APP, "[/spec/progressDeadlineSeconds]", "[/spec/revisionHistoryLimit]"),
        At(WEB_APP, "[/spec/revisionHistoryLimit]"),
        replaced(WEB_APP, "[/spec/progressDeadlineSeconds]", "[/spec/paused]"),
        given=(*_ignoring(RULE), replaced(WEB_APP, OPTION, OPTION + RESPECT)),
    ),
    Row(
        "system-rule-hides-rendered",
        appended(ARGOCD_CM, SYSTEM_RULE.format(pointer="/spec")),
        At(ARGOCD_CM, "      - /spec"),
        appended(ARGOCD_CM, SYSTEM_RULE.format(pointer="/status/conditions")),
        severity=Severity.NOTE,
        given=(EXISTING_SYSTEM_RULE, replaced(POLICY, SHARE, "")),
    ),
    Row(
        "respect-ignore-differences-without-rules",
        replaced(WEB_APP, OPTION, OPTION + RESPECT),
        At(WEB_APP, RESPECT),
        replaced(WEB_APP, OPTION, f"{OPTION}      # - RespectIgnoreDifferences=true\n"),
        severity=Severity.NOTE,
    ),
    Row(
        "respect-ignore-differences-without-rules",
        replaced(POLICY, "        - key: resource.compareoptions\n", "        - key: resource.compareOptions\n"),
        At(INGRESS_APP, RESPECT),
        replaced(POLICY, "        - key: resource.compareoptions\n", '        - key: "resource.compareoptions"\n'),
        severity=Severity.NOTE,
    ),
    Row(
        "ignore-differences-without-respect",
        replaced(WEB_APP, "[/spec/progressDeadlineSeconds]", "[/spec/replicas]"),
        At(WEB_APP, "[/spec/replicas]"),
        replaced(WEB_APP, "[/spec/progressDeadlineSeconds]", "[/spec/paused]"),
        severity=Severity.NOTE,
        given=(*_ignoring(RULE), replaced(POLICY, SHARE, "")),
    ),
)
