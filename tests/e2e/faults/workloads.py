"""Faults in what runs in the Pods."""

from __future__ import annotations

from tests.e2e.seeding import API, LLM, OPENBAO, WEB, At, Row, replaced, with_crlf

WEB_VALUES = f"{WEB}/values-stg.yaml"
API_VALUES = f"{API}/values-stg.yaml"
LLM_VALUES = f"{LLM}/values-stg.yaml"
OPENBAO_VALUES = f"{OPENBAO}/values-staging.yaml"
WEB_DEPLOYMENT = f"{WEB}/templates/deployment.yaml"
WEB_LIMITS = "  limits:\n    cpu: 500m\n    memory: 512Mi\n"

ROWS = (
    # The layer takes a quantity of the defaults away: null in a higher layer deletes the key.
    Row(
        "resources-missing",
        replaced(OPENBAO_VALUES, "      cpu: 10m\n", "      cpu: null\n"),
        At(OPENBAO_VALUES, "    requests:\n      cpu: null\n      memory: 64Mi"),
        replaced(OPENBAO_VALUES, "      cpu: 10m\n      memory: 64Mi\n", "      memory: 64Mi\n      cpu: 0.01\n"),
    ),
    Row(
        "resources-missing",
        replaced(
            WEB_DEPLOYMENT,
            "{{- toYaml .Values.resources | nindent 12 }}",
            # The requests are named, so that nothing but the missing ones is wrong.
            "limits: {{ toJson .Values.resources.limits }}"
            " # {{ .Values.resources.requests.cpu }} {{ .Values.resources.requests.memory }}",
        ),
        (At(WEB_VALUES, WEB_LIMITS.replace("    memory: 512Mi\n", "")), At(WEB_VALUES, WEB_LIMITS)),
        replaced(
            WEB_DEPLOYMENT,
            "{{- toYaml .Values.resources | nindent 12 }}",
            "{{- .Values.resources | toYaml | nindent 12 }}",
        ),
    ),
    Row(
        "resources-out-of-policy",
        replaced(WEB_VALUES, "    cpu: 500m\n", "    cpu: 501m\n"),
        At(WEB_VALUES, "    cpu: 501m"),
        replaced(WEB_VALUES, "    cpu: 500m\n", "    cpu: 0.5\n"),
    ),
    Row(
        "resources-out-of-policy",
        replaced(LLM_VALUES, "    memory: 2Gi\n", "    memory: 2G\n"),
        At(LLM_VALUES, "    memory: 2G"),
        replaced(LLM_VALUES, "    memory: 2Gi\n", "    memory: 2048Mi # the same\n"),
    ),
    Row(
        "resources-out-of-policy",
        replaced(API_VALUES, "    memory: 1Gi\n", "    memory: 1025Mi\n"),
        At(API_VALUES, "    memory: 1025Mi"),
        with_crlf(API_VALUES),
    ),
    Row(
        "requests-above-limits",
        replaced(WEB_VALUES, "    memory: 256Mi\n", "    memory: 513Mi\n"),
        At(WEB_VALUES, "    memory: 513Mi"),
        replaced(WEB_VALUES, "    memory: 256Mi\n", "    memory: 524288Ki\n"),
    ),
    Row(
        "quantity-invalid",
        replaced(OPENBAO_VALUES, "      memory: 256Mi\n", "      memory: 256MB\n"),
        At(OPENBAO_VALUES, "      memory: 256MB"),
        replaced(OPENBAO_VALUES, "      memory: 256Mi\n", "      memory: 256M\n"),
    ),
    Row(
        "quantity-invalid",
        replaced(WEB_DEPLOYMENT, "sizeLimit: 256Mi", "sizeLimit: 256 Mi"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, "sizeLimit: 256Mi", "sizeLimit: 0.25Gi"),
    ),
    Row(
        "resource-name-unknown",
        replaced(OPENBAO_VALUES, "      memory: 256Mi\n", "      memory: 256Mi\n      memry: 256Mi\n"),
        At(OPENBAO_VALUES, "      memry: 256Mi"),
        replaced(OPENBAO_VALUES, "      memory: 256Mi\n", "      memory: 256Mi\n      ephemeral-storage: 1Gi\n"),
    ),
    Row(
        "replicas-out-of-policy",
        replaced(API_VALUES, "replicaCount: 1\n", "replicaCount: 2\n"),
        At(API_VALUES, "replicaCount: 2"),
        # Kubernetes takes 1 where nothing is set, but so does not the chart: its default is 2.
        replaced(API_VALUES, "replicaCount: 1\n", "replicaCount: 0x1\n"),
    ),
    Row(
        "probe-missing",
        replaced(WEB_DEPLOYMENT, "            httpGet:\n              path: /readyz\n              port: http\n", ""),
        At(WEB_DEPLOYMENT),
        replaced(
            WEB_DEPLOYMENT,
            "          readinessProbe:\n            httpGet:\n              path: /readyz\n              port: http\n",
            "          readinessProbe:\n            tcpSocket:\n              port: http\n",
        ),
    ),
    Row(
        "service-type-unexpected",
        replaced(f"{WEB}/templates/service.yaml", "  type: ClusterIP\n", "  type: NodePort\n"),
        At(f"{WEB}/templates/service.yaml"),
        replaced(f"{WEB}/templates/service.yaml", "  type: ClusterIP\n", ""),
    ),
)
