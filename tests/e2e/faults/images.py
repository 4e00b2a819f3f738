"""Faults in which images run, and with what they are pulled."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import API, LLM, POLICY, WEB, At, Row, replaced

WEB_VALUES = f"{WEB}/values-stg.yaml"
API_VALUES = f"{API}/values-stg.yaml"
LLM_VALUES = f"{LLM}/values-stg.yaml"
WEB_DEPLOYMENT = f"{WEB}/templates/deployment.yaml"
LLM_DEPLOYMENT = f"{LLM}/templates/deployment.yaml"
PRIVATE = "  privateRegistries: [harbor.cocdev.co.kr]\n"
DIGEST = f"sha256:{'0' * 64}"
WEB_IMAGE = 'image: "{{ .Values.image.repository }}:{{ include "plate-web.imageTag" . }}'
NO_SECRETS = replaced(
    f"{WEB}/values.yaml", "imagePullSecrets:\n  - name: harbor-pull-secret\n", "imagePullSecrets: []\n"
)
# A second use of the image, which brings what policy asks of every container.
CONTAINERS = "      containers:\n        - name: plate-web\n"
WARM_UP_TAG = "{{ .Values.image.tag | toString }}"
WITH_WARM_UP = replaced(
    WEB_DEPLOYMENT,
    CONTAINERS,
    f"""\
      initContainers:
        - name: warm-up
          image: "{{{{ .Values.image.repository }}}}:{WARM_UP_TAG}"
          imagePullPolicy: Always
          resources:
            {{{{- toYaml .Values.resources | nindent 12 }}}}
{CONTAINERS}""",
)
# A tag that a template holds comes from below every values file.
ANY_LAYER = replaced(POLICY, "  tagWithRepository: true\n", "")


ROWS = (
    Row(
        "image-pull-policy-unexpected",
        replaced(WEB_VALUES, "  pullPolicy: Always\n", ""),
        At(f"{WEB}/values.yaml", "  pullPolicy: IfNotPresent"),
        replaced(WEB_VALUES, "  pullPolicy: Always\n", "  pullPolicy: 'Always'\n"),
    ),
    Row(
        "image-pull-policy-unexpected",
        # Only what is not the usual is written down, and the API server's default is another one.
        replaced(
            LLM_DEPLOYMENT,
            "          imagePullPolicy: {{ .Values.image.pullPolicy }}\n",
            '          {{- if ne .Values.image.pullPolicy "Always" }}\n'
            "          imagePullPolicy: {{ .Values.image.pullPolicy }}\n          {{- end }}\n",
        ),
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
        given=(ANY_LAYER,),
    ),
    Row(
        "image-invalid",
        replaced(WEB_VALUES, "  repository: harbor.cocdev.co.kr/stg/plate-web\n", '  repository: ""\n'),
        At(WEB_VALUES, '  repository: ""'),
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", '  tag: "stg-1.4.2"\n'),
    ),
    Row(
        "image-invalid",
        replaced(API_VALUES, "/stg/plate-api\n", "/stg/Plate-api\n"),
        At(API_VALUES, "/stg/Plate-api"),
        replaced(API_VALUES, "    tag: stg-1.4.2\n", "    tag: stg-1.4.2_hotfix\n"),
    ),
    # Nobody gives this Pod a Secret any more: neither the Pod nor its ServiceAccount names one.
    Row(
        "private-image-without-pull-secret",
        NO_SECRETS,
        At(WEB_VALUES, "  repository: harbor.cocdev.co.kr/stg/plate-web"),
        replaced(
            f"{WEB}/values.yaml",
            "imagePullSecrets:\n  - name: harbor-pull-secret\n",
            "imagePullSecrets: [{name: harbor-pull-secret}]\n",
        ),
    ),
    Row(
        "image-without-usual-pull-secret",
        NO_SECRETS,
        At(WEB_VALUES, "  repository: harbor.cocdev.co.kr/stg/plate-web"),
        replaced(
            f"{WEB}/values.yaml", "imagePullSecrets:\n  - name: harbor", "imagePullSecrets: # 하버\n  - name: harbor"
        ),
        severity=Severity.NOTE,
        given=(replaced(POLICY, PRIVATE, ""),),
    ),
    Row(
        "image-tags-differ",
        replaced(WEB_DEPLOYMENT, WARM_UP_TAG, "stg-1.4.1"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, WARM_UP_TAG, "{{ .Values.image.tag | trim }}"),
        given=(WITH_WARM_UP, ANY_LAYER),
    ),
    Row(
        "image-digest-under-two-tags",
        replaced(WEB_DEPLOYMENT, WARM_UP_TAG, f"stg-1.4.1@{DIGEST}"),
        At(WEB_DEPLOYMENT),
        replaced(WEB_DEPLOYMENT, WARM_UP_TAG, f"stg-1.4.2@{DIGEST}"),
        severity=Severity.NOTE,
        given=(
            WITH_WARM_UP,
            ANY_LAYER,
            replaced(POLICY, "  sameTag: environment\n", ""),
            replaced(WEB_DEPLOYMENT, WEB_IMAGE, f"{WEB_IMAGE}@{DIGEST}"),
        ),
    ),
    # The tag of another registry's project is left to run from this one.
    Row(
        "image-tag-below-repository",
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", ""),
        At(WEB_VALUES, "  repository: harbor.cocdev.co.kr/stg/plate-web"),
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", '  "tag": "stg-1.4.2"\n'),
    ),
    # An image of another environment is told by the word that names it.
    Row(
        "foreign-environment-token",
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", "  tag: 1.4.2-prod\n"),
        At(WEB_VALUES, "  tag: 1.4.2-prod"),
        replaced(WEB_VALUES, "  tag: stg-1.4.2\n", "  tag: 1.4.2-product\n"),
    ),
)
