"""Faults in what runs in the Pods."""

from __future__ import annotations

from tests.e2e.seeding import API, LLM, OPENBAO, POLICY, WEB, At, Row, replaced, with_crlf

WEB_VALUES = f"{WEB}/values-stg.yaml"
API_VALUES = f"{API}/values-stg.yaml"
LLM_VALUES = f"{LLM}/values-stg.yaml"
OPENBAO_VALUES = f"{OPENBAO}/values-staging.yaml"
WEB_DEPLOYMENT = f"{WEB}/templates/deployment.yaml"
LLM_DEPLOYMENT = f"{LLM}/templates/deployment.yaml"
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
            "limits: {{ toJson .Values.resources.limits }}",
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
        "replicas-out-of-policy",
        replaced(API_VALUES, "replicaCount: 1\n", "replicaCount: 2\n"),
        At(API_VALUES, "replicaCount: 2"),
        # Kubernetes takes 1 where nothing is set, but so does not the chart: its default is 2.
        replaced(API_VALUES, "replicaCount: 1\n", "replicaCount: 0x1\n"),
    ),
    Row(
        "image-pull-policy-unexpected",
        replaced(WEB_VALUES, "  pullPolicy: Always\n", ""),
        At(f"{WEB}/values.yaml", "  pullPolicy: IfNotPresent"),
        replaced(WEB_VALUES, "  pullPolicy: Always\n", "  pullPolicy: 'Always'\n"),
    ),
    Row(
        "image-pull-policy-unexpected",
        replaced(LLM_DEPLOYMENT, "          imagePullPolicy: {{ .Values.image.pullPolicy }}\n", ""),
        At(LLM_VALUES, "  repository: harbor.cocdev.co.kr/stg/plate-llm"),
        replaced(LLM_DEPLOYMENT, "{{ .Values.image.pullPolicy }}", "{{ .Values.image.pullPolicy | quote }}"),
    ),
    Row(
        "image-registry-unexpected",
        replaced(API_VALUES, "    repository: harbor.cocdev.co.kr/stg/plate-api\n", ""),
        At(f"{API}/values.yaml", "    repository: harbor.cocdev.co.kr/plate/plate-api"),
        replaced(
            API_VALUES,
            "repository: harbor.cocdev.co.kr/stg/plate-api",
            'repository: "harbor.cocdev.co.kr/stg/plate-api"',
        ),
    ),
    Row(
        "image-registry-unexpected",
        replaced(WEB_VALUES, "harbor.cocdev.co.kr/stg/plate-web", "harbor.cocdev.co.kr/stg2/plate-web"),
        At(WEB_VALUES, "harbor.cocdev.co.kr/stg2/plate-web"),
        replaced(POLICY, "imageRegistries: [harbor.cocdev.co.kr/stg]", "imageRegistries: [harbor.cocdev.co.kr/stg/]"),
    ),
    Row(
        "image-tag-mutable",
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", "  tag: stg-latest\n"),
        At(WEB_VALUES, "  tag: stg-latest"),
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", "  tag: stg-latest-1.4.2\n"),
    ),
    Row(
        "image-tag-mutable",
        replaced(LLM_DEPLOYMENT, ':{{ include "plate-llm.imageTag" . }}"', '"'),
        At(LLM_VALUES, "  repository: harbor.cocdev.co.kr/stg/plate-llm"),
        replaced(LLM_DEPLOYMENT, ':{{ include "plate-llm.imageTag" . }}"', f':latest@sha256:{"0" * 64}"'),
    ),
    Row(
        "image-invalid",
        replaced(WEB_VALUES, "  repository: harbor.cocdev.co.kr/stg/plate-web\n", '  repository: ""\n'),
        At(WEB_VALUES, '  repository: ""'),
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", '  tag: "stg-1.4.2"\n'),
    ),
    Row(
        "image-invalid",
        replaced(API_VALUES, "    tag: stg-1.4.2\n", "    tag: stg-1.4.2+hotfix\n"),
        At(API_VALUES, "    tag: stg-1.4.2+hotfix"),
        replaced(API_VALUES, "    tag: stg-1.4.2\n", "    tag: stg-1.4.2_hotfix\n"),
    ),
    Row(
        "probe-missing",
        replaced(WEB_DEPLOYMENT, "          readinessProbe:\n", "          readinessProbes:\n"),
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
