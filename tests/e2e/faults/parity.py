"""Faults in which the environment is unlike the one that it has to be like."""

from __future__ import annotations

from pathlib import Path

from driftgate.model.outcome import Severity
from tests.e2e.seeding import POLICY, WEB, WEB_APP, At, Row, added, appended, replaced

VALUES = f"{WEB}/values-stg.yaml"
DEPLOYMENT = f"{WEB}/templates/deployment.yaml"
LEVEL = f"{WEB}/templates/level.yaml"
PRODUCTION = "environments/production/plate-web-prod.yaml"
PRODUCTION_VALUES = "environments/production/plate-web.yaml"
OTHERS = ("app-of-apps", "ingress", "openbao-secrets-manager", "plate-api", "plate-llm")
PARITY = """
parity:
  like: production
  tokens: {staging: [stg], production: [prod]}
  allowed:
"""


def _production(root: Path) -> None:
    """A production of one Application, with the values of staging in its own words."""
    folder = (root / PRODUCTION).parent
    folder.mkdir()
    application = (root / WEB_APP).read_text(encoding="utf-8")
    values = (root / VALUES).read_text(encoding="utf-8")
    application = application.replace("stg", "prod").replace("values-prod.yaml", f"../../../{PRODUCTION_VALUES}")
    (root / PRODUCTION).write_text(application, encoding="utf-8")
    more = values.replace("stg", "prod").replace("replicaCount: 1", "replicaCount: 3").replace("512Mi", "2Gi")
    (root / PRODUCTION_VALUES).write_text(more, encoding="utf-8")
    policy = "driftgate: 1\nenvironment: production\nmanifests: [environments/production]\n"
    (root / "policies/production.yaml").write_text(policy, encoding="utf-8")


GIVEN = (
    _production,
    appended(
        POLICY, PARITY + "".join(f"    - {{application: {name}, reason: 운영은 아직 웹뿐이다.}}\n" for name in OTHERS)
    ),
)
# What the chart renders for one log level only.
BY_LEVEL = added(
    LEVEL,
    '{{- if eq .Values.logging.level "debug" }}\napiVersion: v1\nkind: LimitRange\nmetadata:\n  name: plate-web\n'
    "  namespace: {{ .Release.Namespace }}\nspec:\n  limits:\n    - type: Pod\n      max: {cpu: 2}\n{{- end }}\n",
)

ROWS = (
    Row(
        "parity-application-missing",
        replaced(PRODUCTION, "name: plate-web-prod", "name: plate-webs-prod"),
        (At(WEB_APP, "  name: plate-web-stg"), At(POLICY, "  like: production")),
        replaced(PRODUCTION, "name: plate-web-prod", "name: prod.plate-web"),
        given=GIVEN,
        environment="staging",
    ),
    Row(
        "parity-object-missing",
        replaced(PRODUCTION_VALUES, "  level: debug\n", "  level: info\n"),
        At(LEVEL),
        replaced(PRODUCTION_VALUES, "  level: debug\n", "  level: 'debug'\n"),
        given=(*GIVEN, BY_LEVEL),
        environment="staging",
    ),
    # The debugger brings a port and a variable along; its patience with the probe is an amount.
    Row(
        "parity-field-differs",
        replaced(PRODUCTION_VALUES, "debug:\n  enabled: true\n", "debug:\n  enabled: false\n"),
        (At(DEPLOYMENT), At(DEPLOYMENT)),
        replaced(PRODUCTION_VALUES, "  level: debug\n", "  level: info\n"),
        given=GIVEN,
        environment="staging",
    ),
    Row(
        "parity-values-key-missing",
        appended(PRODUCTION_VALUES, "service:\n  port: 80\n"),
        At(VALUES),
        appended(PRODUCTION_VALUES, "# service:\n#   port: 80\n"),
        severity=Severity.WARNING,
        given=GIVEN,
        environment="staging",
    ),
)
