"""Make a repository of many Applications, each with a chart of its own: the same bytes for the same seed."""

from __future__ import annotations

import random
from pathlib import Path

__all__ = ["ENVIRONMENT", "REPOSITORY_URL", "generate"]

ENVIRONMENT = "generated"
REPOSITORY_URL = "https://git.example.com/platform/generated.git"
NAMES = ("orders", "billing", "search", "catalog", "session", "mail", "export", "report", "payment", "stock")
ROLES = ("api", "worker", "web", "sync", "gateway")

_HELPERS = """\
{{- define "chart.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "chart.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
"""

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "chart.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      {{- include "chart.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "chart.labels" . | nindent 8 }}
      annotations:
        checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
    spec:
      serviceAccountName: {{ .Release.Name }}
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: app
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
          imagePullPolicy: IfNotPresent
          ports:
            - {name: http, containerPort: {{ .Values.port }}}
          envFrom:
            - configMapRef: {name: {{ .Release.Name }}}
          env:
            {{- range $name, $value := .Values.env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          readinessProbe:
            httpGet: {path: /ready, port: http}
          livenessProbe:
            httpGet: {path: /live, port: http}
            initialDelaySeconds: 10
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
"""

_CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "chart.labels" . | nindent 4 }}
data:
  {{- range $name, $value := .Values.config }}
  {{ $name }}: {{ $value | quote }}
  {{- end }}
"""

_SERVICE_ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "chart.labels" . | nindent 4 }}
automountServiceAccountToken: false
"""

_SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "chart.labels" . | nindent 4 }}
spec:
  type: ClusterIP
  ports:
    - {name: http, port: 80, targetPort: http}
  selector:
    {{- include "chart.selector" . | nindent 4 }}
"""

_INGRESS = """\
{{- if .Values.ingress.enabled }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .Release.Name }}
  labels:
    {{- include "chart.labels" . | nindent 4 }}
spec:
  ingressClassName: nginx
  rules:
    - host: {{ .Values.ingress.host }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ .Release.Name }}
                port: {name: http}
{{- end }}
"""

_TEMPLATES = {
    "_helpers.tpl": _HELPERS,
    "deployment.yaml": _DEPLOYMENT,
    "configmap.yaml": _CONFIG_MAP,
    "serviceaccount.yaml": _SERVICE_ACCOUNT,
    "service.yaml": _SERVICE,
    "ingress.yaml": _INGRESS,
}


def generate(folder: Path, applications: int = 500, seed: int = 1) -> None:
    """Write a repository: an app of apps, `applications` children, a chart each, and a policy that names it.

    Each chart renders four or five objects: Deployment, ConfigMap, ServiceAccount, Service, and every other one an
    Ingress. `folder` must not exist.
    """
    chance = random.Random(seed)  # noqa: S311 - sizes of a benchmark, no secret
    folder.mkdir(parents=True)
    names = [f"{chance.choice(NAMES)}-{chance.choice(ROLES)}-{number:04d}" for number in range(applications)]
    for name in names:
        _chart(folder / "charts" / name, name, chance)
        _write(folder / "apps" / f"{name}.yaml", _application(name, f"charts/{name}", "values-live.yaml"))
    _write(folder / "root.yaml", _application("root", "apps", ""))
    _write(folder / "policies" / f"{ENVIRONMENT}.yaml", _policy())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _chart(folder: Path, name: str, chance: random.Random) -> None:
    version = f"{chance.randrange(9)}.{chance.randrange(30)}.{chance.randrange(9)}"
    chart = f"apiVersion: v2\nname: {name}\ntype: application\nversion: {version}\nappVersion: {version}\n"
    _write(folder / "Chart.yaml", chart)
    _write(folder / "values.yaml", _values(name, version, chance))
    _write(folder / "values-live.yaml", _live_values(name, chance))
    for file, text in _TEMPLATES.items():
        _write(folder / "templates" / file, text)


def _values(name: str, version: str, chance: random.Random) -> str:
    config = "".join(f"  SETTING_{index}: value-{chance.randrange(10**6)}\n" for index in range(chance.randint(3, 20)))
    return (
        f"replicas: 1\nport: {chance.randint(3000, 9999)}\n"
        f"image:\n  repository: registry.example.com/{name}\n  tag: {version}\n"
        "env:\n  LOG_LEVEL: info\n"
        f"config:\n{config}"
        "ingress:\n  enabled: false\n  host: placeholder.example.com\n"
        "resources:\n  requests: {cpu: 50m, memory: 64Mi}\n  limits: {cpu: 200m, memory: 128Mi}\n"
    )


def _live_values(name: str, chance: random.Random) -> str:
    ingress = str(chance.random() < 0.5).lower()
    return (
        f"replicas: {chance.randint(2, 6)}\n"
        f"env:\n  LOG_LEVEL: warning\n  REGION: region-{chance.randrange(4)}\n"
        f"ingress:\n  enabled: {ingress}\n  host: {name}.example.com\n"
        f"resources:\n  requests: {{cpu: {chance.randint(1, 9)}00m, memory: {chance.randint(1, 8) * 64}Mi}}\n"
        "  limits: {cpu: '1', memory: 1Gi}\n"
    )


def _application(name: str, path: str, values_file: str) -> str:
    helm = f"    helm:\n      valueFiles: [{values_file}]\n" if values_file else ""
    namespace = "live" if values_file else "argocd"
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        f"metadata:\n  name: {name}\n  namespace: argocd\n"
        "  finalizers: [resources-finalizer.argocd.argoproj.io]\n"
        f"spec:\n  project: default\n  source:\n    repoURL: {REPOSITORY_URL}\n"
        f"    targetRevision: main\n    path: {path}\n"
        f"{helm}"
        f"  destination:\n    server: https://kubernetes.default.svc\n    namespace: {namespace}\n"
        "  syncPolicy:\n    automated: {prune: true, selfHeal: true}\n    syncOptions: [CreateNamespace=true]\n"
        "    retry:\n      limit: 3\n      backoff: {duration: 5s, factor: 2, maxDuration: 3m}\n"
    )


def _policy() -> str:
    return (
        f"driftgate: 1\nenvironment: {ENVIRONMENT}\nmanifests: [root.yaml, apps]\nroots: [root]\n"
        f"repository:\n  urls: [{REPOSITORY_URL}]\n"
        'cluster:\n  kubernetesVersion: "1.34.2"\n'
    )
