"""Faults in where Applications go."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import POLICY, WEB, WEB_APP, At, Row, for_web, replaced

SERVER = "    server: https://kubernetes.default.svc\n"
NAMESPACE = "    namespace: plate-stg\n"
SERVICE = f"{WEB}/templates/service.yaml"
SERVICE_NAMESPACE = "  namespace: {{ .Release.Namespace }}\n"
# What goes astray is missed by whoever names it, and names what it misses itself: findings of another topic.
NOTHING_EXPECTED = replaced(POLICY, '  complete: ["*"]\n', "  complete: []\n")


ROWS = (
    Row(
        "destination-invalid",
        replaced(WEB_APP, SERVER, f"{SERVER}    name: in-cluster\n"),
        At(WEB_APP, "    name: in-cluster"),
        replaced(WEB_APP, SERVER, "    name: in-cluster\n"),
    ),
    Row(
        "destination-server-unexpected",
        replaced(WEB_APP, SERVER, "    server: https://kubernetes.default.svc.cluster.local\n"),
        At(WEB_APP, "    server: https://kubernetes.default.svc.cluster.local"),
        replaced(WEB_APP, SERVER, "    server: https://kubernetes.default.svc/\n"),
        given=(NOTHING_EXPECTED,),
    ),
    Row(
        "destination-namespace-unexpected",
        replaced(WEB_APP, NAMESPACE, "    namespace: plate-stag\n"),
        At(WEB_APP, "    namespace: plate-stag"),
        replaced(WEB_APP, NAMESPACE, '    namespace: "plate-stg" # 스테이징\n'),
        given=(NOTHING_EXPECTED,),
    ),
    Row(
        "object-namespace-unexpected",
        replaced(SERVICE, SERVICE_NAMESPACE, "  namespace: argocd\n"),
        At(SERVICE),
        replaced(SERVICE, SERVICE_NAMESPACE, "  namespace: plate-stg\n"),
        given=(NOTHING_EXPECTED,),
    ),
    Row(
        "object-namespace-missing",
        replaced(WEB_APP, NAMESPACE, ""),
        At(WEB_APP, "  destination:"),
        replaced(WEB_APP, NAMESPACE, '    namespace: "plate-stg"\n'),
        given=(
            NOTHING_EXPECTED,
            for_web("    destinations: {namespaces: []}\n    syncOptions: {required: []}\n"),
            replaced(WEB_APP, "      - CreateNamespace=true\n", ""),
            *(
                replaced(f"{WEB}/templates/{kind}.yaml", SERVICE_NAMESPACE, "")
                for kind in ("deployment", "service", "serviceaccount")
            ),
        ),
    ),
    # The other Applications create plate-stg; nobody creates what only a template names.
    Row(
        "namespace-not-created",
        replaced(SERVICE, SERVICE_NAMESPACE, "  namespace: plate-tools\n"),
        At(SERVICE),
        replaced(SERVICE, SERVICE_NAMESPACE, "  namespace: {{ $.Release.Namespace }}\n"),
        given=(NOTHING_EXPECTED, for_web("    destinations: {objectNamespaces: [plate-tools]}\n")),
    ),
    Row(
        "managed-namespace-metadata-ineffective",
        replaced(WEB_APP, "      - CreateNamespace=true\n", ""),
        At(WEB_APP, "    managedNamespaceMetadata:"),
        replaced(WEB_APP, "      - CreateNamespace=true\n", '      - "CreateNamespace=true"\n'),
        severity=Severity.WARNING,
        given=(
            for_web("    syncOptions: {required: []}\n"),
            replaced(
                WEB_APP,
                "    syncOptions:\n",
                "    managedNamespaceMetadata:\n      labels: {team: plate}\n    syncOptions:\n",
            ),
        ),
    ),
)
