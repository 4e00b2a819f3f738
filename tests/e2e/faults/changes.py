"""Faults in a change: each row starts from our environment as it stands, and the edit is what the change does."""

from __future__ import annotations

from collections.abc import Callable

from driftgate.judge import Catalogue
from driftgate.model.outcome import Outcome, Severity
from tests.e2e.seeding import (
    INGRESS,
    ON_BASE,
    POLICY,
    WEB,
    WEB_APP,
    At,
    Row,
    added,
    appended,
    deleted,
    replaced,
    rewritten,
    several,
    untouched,
)

HELPERS = f"{WEB}/templates/_helpers.tpl"
INSTANCE = "app.kubernetes.io/instance: {{ .Release.Name }}\n"
SELECTOR = replaced(HELPERS, INSTANCE, INSTANCE.replace("Name }}", "Name | trunc 9 }}"))
LABEL = replaced(HELPERS, "app.kubernetes.io/part-of: plate\n", "app.kubernetes.io/part-of: plate-web\n")
FORCED = replaced(
    f"{WEB}/templates/deployment.yaml",
    "spec:\n  replicas",
    "  annotations:\n    argocd.argoproj.io/sync-options: Force=true\nspec:\n  replicas",
)
CLAIM = f"{WEB}/templates/claim.yaml"
ROUTES = f"{INGRESS}/values-stg.yaml"
CONSOLE = """\
  - name: console
    host: llm.cocdev.co.kr
    tlsSecretName: llm-cocdev-co-kr-tls
    # letsencrypt-prod issues this certificate as well, ordered by plate-llm's Ingress. With the issuer here
    # too, two Ingresses would claim one Certificate, and cert-manager refuses the second.
    clusterIssuer: ""
    paths:
      - path: /api
        service: plate-api
        port: 3006
"""
FINALIZER = "  finalizers:\n    - resources-finalizer.argocd.argoproj.io\n"
NAME = "\n  name: plate-web-stg"
WAIVER = """\
waivers:
  - finding: image-pull-policy-unexpected/plate-web-stg/*
    reason: the registry is slow
    owner: team-web
    expires: "2999-12-31"
"""


def just(check: str) -> Callable[[Catalogue], Catalogue]:
    """One check alone, where the fault is against other rules as well."""
    return lambda catalogue: Catalogue({check: catalogue.checks[check]}, catalogue.sections)


ORPHANED, REMOVED, DATA, NEEDED = map(
    just, ("application-orphaned", "application-removed", "data-object-removed", "needed-producer-removed")
)

ROWS = (
    Row("immutable-field-changed", SELECTOR, At(HELPERS), LABEL, base=()),
    Row("object-recreated", SELECTOR, At(HELPERS), LABEL, severity=Severity.NOTE, given=(FORCED,), base=()),
    # An entry of a list that renders an Ingress each.
    Row(
        "object-removed",
        replaced(ROUTES, CONSOLE, ""),
        At(ROUTES, "hosts:"),
        replaced(ROUTES, "accessLog: true", "accessLog: false"),
        severity=Severity.NOTE,
        base=(),
    ),
    # The entry stays, and what it renders is called something else.
    Row(
        "object-lost",
        replaced(ROUTES, "- name: console", "- name: llm-console"),
        At(ROUTES, "- name: llm-console"),
        replaced(ROUTES, "- name: console", '- name: "console"'),
        severity=Severity.WARNING,
        base=(),
    ),
    Row(
        "data-object-removed",
        deleted(CLAIM),
        At(f"{ON_BASE}{CLAIM}"),
        appended(CLAIM, "# for uploads\n"),
        given=(
            added(
                CLAIM,
                "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: uploads\nspec:\n"
                "  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Gi}}\n",
            ),
        ),
        catalogue=DATA,
        base=(),
    ),
    Row(
        "application-removed",
        deleted(WEB_APP),
        At(f"{ON_BASE}{WEB_APP}", NAME),
        appended(WEB_APP, "# until the portal is rewritten\n"),
        severity=Severity.NOTE,
        catalogue=REMOVED,
        base=(),
    ),
    Row(
        "application-orphaned",
        deleted(WEB_APP),
        At(f"{ON_BASE}{WEB_APP}", NAME),
        appended(WEB_APP, "# until the portal is rewritten\n"),
        severity=Severity.WARNING,
        given=(replaced(WEB_APP, FINALIZER, ""),),
        catalogue=ORPHANED,
        base=(),
    ),
    Row(
        "application-renamed",
        several(
            replaced(WEB_APP, NAME, "\n  name: plate-portal-stg"),
            rewritten(POLICY, lambda text: text.replace("plate-web-stg", "plate-portal-stg")),
            # The name of the release is that of the Application, and selectors are made of it.
            replaced(WEB_APP, "    helm:\n", "    helm:\n      releaseName: plate-web-stg\n"),
        ),
        At(WEB_APP, "\n  name: plate-portal-stg"),
        replaced(WEB_APP, "    environment: stg\n", "    environment: stg\n    team: web\n"),
        severity=Severity.WARNING,
        base=(),
    ),
    Row(
        "needed-producer-removed",
        deleted(f"{WEB}/templates/service.yaml"),
        At(f"{ON_BASE}{WEB}/templates/service.yaml"),
        appended(f"{WEB}/templates/service.yaml", "# reached by helm/ingress\n"),
        catalogue=NEEDED,
        base=(),
    ),
    # values-stg.yaml has its own number; and 1000m is what 1 was.
    Row(
        "change-without-effect",
        replaced(f"{WEB}/values.yaml", "replicaCount: 2\n", "replicaCount: 3\n"),
        At(f"{WEB}/values.yaml", "replicaCount: 3"),
        replaced(f"{WEB}/values.yaml", '    cpu: "1"\n', "    cpu: 1000m\n"),
        severity=Severity.WARNING,
        base=(),
    ),
    Row(
        "required-subject-dropped",
        replaced(
            POLICY,
            "  required: [CreateNamespace=true, ApplyOutOfSyncOnly=true]\n",
            "  required: [CreateNamespace=true]\n",
        ),
        At(POLICY, "\nsyncOptions:\n  required"),
        replaced(
            POLICY,
            "  required: [CreateNamespace=true, ApplyOutOfSyncOnly=true]\n",
            "  required:\n    - ApplyOutOfSyncOnly=true\n    - CreateNamespace=true\n",
        ),
        severity=Severity.WARNING,
        base=(),
    ),
    Row(
        "waiver-added",
        several(
            replaced(f"{WEB}/values-stg.yaml", "pullPolicy: Always", "pullPolicy: IfNotPresent"),
            appended(POLICY, WAIVER),
        ),
        At(POLICY, "- finding:"),
        appended(POLICY, "# waivers: none\n"),
        severity=Severity.NOTE,
        base=(),
    ),
    # The change mends it; what stood in the cluster before cannot be known.
    Row(
        "base-not-rendered",
        untouched,
        At(WEB_APP, NAME),
        appended(f"{WEB}/templates/service.yaml", "# reached by helm/ingress\n"),
        outcome=Outcome.COULD_NOT_CHECK,
        base=(appended(f"{WEB}/templates/service.yaml", "{{ end }}\n"),),
    ),
)
