"""Faults in the values layers."""

from __future__ import annotations

from driftgate.model.outcome import Outcome, Severity
from tests.e2e.seeding import (
    INGRESS,
    INGRESS_APP,
    POLICY,
    WEB,
    WEB_APP,
    At,
    Row,
    added,
    appended,
    replaced,
    rewritten,
    with_crlf,
)

VALUES = f"{WEB}/values-stg.yaml"
LISTED = "        - values-stg.yaml\n"
VALUE_FILES = f"      valueFiles:\n{LISTED}"
PARAMETER = "        - {name: env.RELEASE, value: plate}\n"
A_PARAMETER = (replaced(WEB_APP, VALUE_FILES, f"{VALUE_FILES}      parameters:\n{PARAMETER}"),)
URL = "https://github.com/cocdev/plate-gitops.git"
# The values file comes by ref from a second source, which is the same repository here.
BY_REF = (
    replaced(
        WEB_APP,
        f"""\
  source:
    repoURL: {URL}
    targetRevision: main
    path: helm/applications/plate-web
    helm:
      valueFiles:
        - values-stg.yaml
""",
        f"""\
  sources:
    - repoURL: {URL}
      targetRevision: main
      ref: config
    - repoURL: {URL}
      targetRevision: main
      path: helm/applications/plate-web
      helm:
        valueFiles:
          - $config/{VALUES}
""",
    ),
)

ROWS = (
    Row(
        "values-duplicate-key",
        appended(VALUES, "replicaCount: 1 # 한 번 더\n"),
        At(VALUES, "replicaCount: 1 # 한 번 더"),
        appended(VALUES, "# replicaCount: 1\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "parameter-shadows-layer",
        replaced(WEB_APP, PARAMETER, f"{PARAMETER}        - {{name: logging.level, value: debug}}\n"),
        At(WEB_APP, "        - {name: logging.level, value: debug}"),
        replaced(WEB_APP, PARAMETER, f"{PARAMETER}        - {{name: logging.format, value: json}}\n"),
        severity=Severity.WARNING,
        given=A_PARAMETER,
    ),
    Row(
        "parameter-shadows-layer",
        appended(f"{INGRESS}/values-stg.yaml", "appName: plate\n"),
        At(INGRESS_APP, "        appName: plate"),
        replaced(f"{INGRESS}/values.yaml", 'appName: ""\n', "appName: plate\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "values-file-unlisted",
        added(f"{WEB}/values-load.yaml", "replicaCount: 4\n"),
        At(f"{WEB}/values-load.yaml"),
        added(f"{WEB}/values-load.yaml.orig", "replicaCount: 4\n"),
        severity=Severity.WARNING,
    ),
    Row(
        "foreign-environment-token",
        replaced(VALUES, "https://stg.cocdev.co.kr", "https://dev.cocdev.co.kr"),
        At(VALUES, "https://dev.cocdev.co.kr"),
        replaced(VALUES, "https://stg.cocdev.co.kr", "https://stg.cocdev.co.kr/devices"),
    ),
    Row(
        "foreign-token-allowed-in-vain",
        replaced(
            POLICY,
            "    - text: letsencrypt-prod\n",
            "    - {text: plate-prod, reason: 예전 이름}\n    - text: letsencrypt-prod\n",
        ),
        At(POLICY, "    - {text: plate-prod, reason: 예전 이름}"),
        replaced(POLICY, "    - text: letsencrypt-prod\n", '    - text: "letsencrypt-prod"\n'),
        severity=Severity.WARNING,
    ),
    Row(
        "value-reads-otherwise",
        replaced(VALUES, "  tag: stg-1.4.2\n", "  tag: 1.10\n"),
        At(VALUES, "  tag: 1.10"),
        replaced(VALUES, "  tag: stg-1.4.2\n", '  tag: "1.10"\n'),
        severity=Severity.WARNING,
    ),
    Row(
        "value-file-missing",
        replaced(WEB_APP, LISTED, "        - values-stage.yaml\n"),
        At(WEB_APP, "        - values-stage.yaml"),
        replaced(WEB_APP, LISTED, "        - ./values-stg.yaml\n"),
    ),
    Row(
        "value-file-ref-unknown",
        replaced(WEB_APP, f"- $config/{VALUES}", f"- $configs/{VALUES}"),
        At(WEB_APP, f"- $configs/{VALUES}"),
        replaced(WEB_APP, f"- $config/{VALUES}", f'- "$config/{VALUES}"'),
        given=BY_REF,
    ),
    Row(
        "value-file-remote",
        replaced(WEB_APP, LISTED, f"{LISTED}        - https://config.example.com/values.yaml\n"),
        At(WEB_APP, "        - https://config.example.com/values.yaml"),
        replaced(WEB_APP, LISTED, f"        - /{VALUES}\n"),
        outcome=Outcome.COULD_NOT_CHECK,
    ),
    Row(
        "value-file-scheme",
        replaced(WEB_APP, LISTED, "        - s3://plate/values-stg.yaml\n"),
        At(WEB_APP, "        - s3://plate/values-stg.yaml"),
        replaced(WEB_APP, LISTED, "        - ../plate-web/values-stg.yaml\n"),
    ),
    Row(
        "value-file-unreadable",
        replaced(WEB_APP, LISTED, f"{LISTED}        - templates\n"),
        At(WEB_APP, "        - templates"),
        replaced(WEB_APP, LISTED, f"{LISTED}        # - templates\n"),
    ),
    Row(
        "value-file-not-yaml",
        replaced(VALUES, "replicaCount: 1\n", "replicaCount: 1: 1\n"),
        At(VALUES, "replicaCount: 1: 1"),
        with_crlf(VALUES),
    ),
    Row(
        "value-file-not-yaml",
        rewritten(VALUES, lambda _: "- replicaCount: 1\n"),
        At(VALUES, "- replicaCount: 1"),
        rewritten(VALUES, lambda text: "---\n" + text),
    ),
)
