"""Faults in what has to be there before what."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import (
    APPS,
    INGRESS_APP,
    OPENBAO,
    OPENBAO_APP,
    POLICY,
    WEB,
    WEB_APP,
    At,
    Row,
    added,
    renamed,
    replaced,
)

WAVE = 'argocd.argoproj.io/sync-wave: "2"'
# Without a rule for its wave, only what it needs says where plate-web has to be.
FREE = replaced(POLICY, "    plate-web-stg: {minimum: 2}\n", "    plate-web-stg: {minimum: 0}\n")
CRDS = replaced(
    POLICY,
    "  clusterScoped: []\n",
    "  clusterScoped: [{kind: CustomResourceDefinition, group: apiextensions.k8s.io}]\n",
)

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  namespace: {{{{ .Release.Namespace }}}}
  annotations:
    {annotation}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      imagePullSecrets:
        - name: harbor-pull-secret
      containers:
        - name: main
          image: harbor.cocdev.co.kr/stg/openbao:stg-2.4.4
          resources:
            requests: {{cpu: 10m, memory: 64Mi}}
            limits: {{cpu: 100m, memory: 128Mi}}
          envFrom:
            - configMapRef:
                name: {config}
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {{{{ .Release.Namespace }}}}
  annotations:
    {annotation}
data:
  DEPTH: "3"
"""
ORDINARY = 'argocd.argoproj.io/sync-wave: "0"'
HOOK = "argocd.argoproj.io/hook: PostSync"
MIGRATION, SETTINGS = f"{OPENBAO}/templates/migration.yaml", f"{OPENBAO}/templates/settings.yaml"
WARM_UP = f"{OPENBAO}/templates/warm-up.yaml"
SHARED = (
    added(f"{WEB}/templates/shared.yaml", CONFIG.format(name="web-shared", annotation=ORDINARY)),
    added(
        WARM_UP,
        JOB.format(name="openbao-warm-up", annotation=ORDINARY, config="web-shared")
        + "                optional: true\n",
    ),
)

CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: tenants.plate.cocdev.co.kr
spec:
  group: plate.cocdev.co.kr
  scope: Namespaced
  names: {kind: Tenant, plural: tenants, singular: tenant, listKind: TenantList}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
"""
TENANT = f"{APPS}/tenant.yaml"
SKIPPED = "argocd.argoproj.io/sync-options: SkipDryRunOnMissingResource=true"
TENANT_OBJECT = f"""\
apiVersion: plate.cocdev.co.kr/v1
kind: Tenant
metadata:
  name: first
  annotations:
    argocd.argoproj.io/sync-wave: "4"
    {SKIPPED}
spec: {{}}
"""

# The secrets, applied by hand and no longer a child of the app of apps.
ALONE = "environments/argocd/openbao.yaml"


MOVED = (
    renamed(OPENBAO_APP, ALONE),
    replaced(ALONE, '  annotations:\n    argocd.argoproj.io/sync-wave: "1"\n', ""),
    replaced(POLICY, "    openbao-secrets-manager-stg: {exact: 1}\n", ""),
    replaced(POLICY, "roots: [app-of-apps-stg]\n", "roots: [app-of-apps-stg, openbao-secrets-manager-stg]\n"),
    replaced(POLICY, "  strict: true\n", "  strict: false\n"),
)

ROWS = (
    Row(
        "wave-before-producer",
        replaced(WEB_APP, WAVE, WAVE.replace("2", "0")),
        At(WEB_APP, WAVE.replace("2", "0")),
        replaced(WEB_APP, WAVE, WAVE.replace("2", "3")),
        given=(FREE,),
    ),
    Row(
        "wave-before-used",
        replaced(INGRESS_APP, WAVE.replace("2", "3"), WAVE.replace("2", "1")),
        At(INGRESS_APP, WAVE.replace("2", "1")),
        replaced(INGRESS_APP, WAVE.replace("2", "3"), WAVE.replace("2", "4")),
        Severity.NOTE,
        given=(replaced(POLICY, "    ingress-stg: {minimum: 2}\n", "    ingress-stg: {minimum: 0}\n"),),
    ),
    Row(
        "wave-beside-producer",
        replaced(WEB_APP, WAVE, WAVE.replace("2", "1")),
        At(WEB_APP, WAVE.replace("2", "1")),
        replaced(WEB_APP, WAVE, WAVE.replace("2", "02")),
        severity=Severity.WARNING,
        given=(FREE,),
    ),
    # Two roots have no order; that Pods wait for their Secrets by themselves is enough for a policy that is not strict.
    Row(
        "producer-not-ordered",
        replaced(POLICY, "  strict: false\n", "  strict: true\n"),
        At(ALONE, "  name: openbao-secrets-manager-stg"),
        replaced(POLICY, "  strict: false\n", "  strict: no\n"),
        severity=Severity.NOTE,
        given=MOVED,
    ),
    # The first Job of the secrets is to read what plate-web brings, which is pulled with one of these secrets.
    Row(
        "applications-need-each-other",
        replaced(WARM_UP, "optional: true", "optional: false"),
        At(WARM_UP),
        replaced(WARM_UP, "optional: true", "optional: yes"),
        given=SHARED,
    ),
    Row(
        "kind-from-own-child",
        replaced(TENANT, f"    {SKIPPED}\n", "    note: SkipDryRunOnMissingResource=true\n"),
        At(TENANT, "kind: Tenant"),
        replaced(TENANT, SKIPPED, f"{SKIPPED},Prune=false"),
        given=(CRDS, added(f"{WEB}/templates/crd.yaml", CRD), added(TENANT, TENANT_OBJECT)),
    ),
    Row(
        "hook-needs-later-object",
        replaced(MIGRATION, "PostSync", "PreSync"),
        At(MIGRATION),
        replaced(MIGRATION, "PostSync", "Sync"),
        given=(
            added(MIGRATION, JOB.format(name="openbao-migration", annotation=HOOK, config="openbao-settings")),
            added(SETTINGS, CONFIG.format(name="openbao-settings", annotation=ORDINARY)),
        ),
    ),
    Row(
        "wave-deadlock",
        replaced(SETTINGS, ORDINARY, ORDINARY.replace("0", "1")),
        At(SETTINGS),
        replaced(SETTINGS, ORDINARY, ORDINARY.replace("0", "-1")),
        given=(
            added(MIGRATION, JOB.format(name="openbao-migration", annotation=ORDINARY, config="openbao-settings")),
            added(SETTINGS, CONFIG.format(name="openbao-settings", annotation=ORDINARY)),
        ),
    ),
)
