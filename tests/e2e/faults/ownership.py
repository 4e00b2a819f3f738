"""Faults in who owns what."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import (
    API,
    INGRESS,
    INGRESS_APP,
    LLM,
    OPENBAO,
    POLICY,
    REPOSITORY,
    ROOT,
    WEB,
    At,
    Edit,
    Row,
    added,
    deleted,
    replaced,
)

ROUTES = f"{INGRESS}/values-stg.yaml"
CONSOLE = '    clusterIssuer: ""\n    paths:\n      - path: /api\n'
LLM_SECRET = "    secretName: llm-cocdev-co-kr-tls\n"

RENEWER = "  name: openbao-token-renewer\n"
RUNS_AS = "serviceAccountName: {{ .Values.renewer.name }}"
ROLE = f"{WEB}/templates/role.yaml"
READER = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: plate-web-reader
rules:
  - apiGroups: [""]
    resources: [endpoints]
    verbs: [get]
"""
# A second app of apps, for the routes alone: its folder lies below that of the first, which does not recurse.
ROUTES_ROOT, ROUTES_APP = "environments/argocd/routes.yaml", "environments/argocd/apps/routes/ingress-stg.yaml"
SOURCE = "    path: environments/argocd/apps\n"


def _second_root() -> tuple[Edit, ...]:
    text = (REPOSITORY / ROOT).read_text(encoding="utf-8")
    text = text.replace("app-of-apps-stg", "routes-stg").replace(SOURCE, SOURCE.replace("apps", "apps/routes"))
    policy = (REPOSITORY / POLICY).read_text(encoding="utf-8")
    start = policy.index("  app-of-apps-stg:\n    syncOptions:")
    rules = policy[start : policy.index("  plate-web-stg:\n    workloads:")]
    return (
        added(ROUTES_ROOT, text),
        added(ROUTES_APP, (REPOSITORY / INGRESS_APP).read_text(encoding="utf-8")),
        deleted(INGRESS_APP),
        replaced(POLICY, rules, rules + rules.replace("app-of-apps-stg", "routes-stg")),
        replaced(POLICY, "roots: [app-of-apps-stg]\n", "roots: [app-of-apps-stg, routes-stg]\n"),
        replaced(POLICY, "  - ingress-stg\n", "  - ingress-stg\n  - routes-stg\n"),
    )


ROWS = (
    # The llm host is split path by path between the two charts; `/` is plate-llm's own.
    Row(
        "ingress-path-claimed-twice",
        replaced(ROUTES, CONSOLE, CONSOLE.replace("/api", "/")),
        At(f"{LLM}/values-stg.yaml", "  host: llm.cocdev.co.kr\n  path: /"),
        replaced(ROUTES, CONSOLE, CONSOLE.replace("/api", "/console")),
        severity=Severity.WARNING,
    ),
    # Both Ingresses order a certificate, so that the Secret is there under either name.
    Row(
        "ingress-host-tls-differs",
        replaced(ROUTES, "    tlsSecretName: llm-cocdev-co-kr-tls\n", "    tlsSecretName: llm-cocdev-co-kr\n"),
        At(f"{LLM}/values-stg.yaml", LLM_SECRET),
        replaced(ROUTES, "    tlsSecretName: llm-cocdev-co-kr-tls\n", '    tlsSecretName: "llm-cocdev-co-kr-tls"\n'),
        severity=Severity.WARNING,
        given=(replaced(ROUTES, CONSOLE, CONSOLE.replace('""', "letsencrypt-prod")),),
    ),
    # One of the two accounts is called as the other: who renders plate-api comes second by name.
    Row(
        "object-owned-twice",
        replaced(f"{OPENBAO}/values.yaml", RENEWER, "  name: plate-api\n"),
        At(f"{API}/values.yaml", "fullnameOverride: plate-api"),
        replaced(f"{OPENBAO}/values.yaml", RENEWER, "  name: plate-apis\n"),
    ),
    Row(
        "application-has-two-parents",
        replaced(ROOT, SOURCE, f"{SOURCE}    directory: {{recurse: true}}\n"),
        At(ROUTES_APP, "  name: ingress-stg"),
        replaced(ROOT, SOURCE, f"{SOURCE}    directory: {{recurse: false}}\n"),
        given=_second_root(),
    ),
    Row(
        "cluster-scoped-object-unexpected",
        replaced(ROLE, "kind: Role\n", "kind: ClusterRole\n"),
        At(ROLE),
        replaced(ROLE, "[get]", "[get, list]"),
        given=(added(ROLE, READER),),
    ),
    Row(
        "object-unused",
        replaced(f"{OPENBAO}/templates/token-renewer.yaml", RUNS_AS, "serviceAccountName: default"),
        At(f"{OPENBAO}/values.yaml", RENEWER),
        replaced(f"{OPENBAO}/templates/token-renewer.yaml", RUNS_AS, f"{RUNS_AS[:-3]} | quote }}}}"),
        severity=Severity.WARNING,
    ),
)
