"""Faults in what objects name: Services, ports, Secrets, keys, accounts, stores, issuers, roles, selectors, volumes."""

from __future__ import annotations

from driftgate.model.outcome import Severity
from tests.e2e.seeding import (
    API,
    INGRESS,
    LLM,
    OPENBAO,
    POLICY,
    WEB,
    At,
    Edit,
    Row,
    added,
    appended,
    deleted,
    replaced,
    several,
)

WEB_VALUES = f"{WEB}/values-stg.yaml"
API_VALUES = f"{API}/values-stg.yaml"
LLM_VALUES = f"{LLM}/values-stg.yaml"
INGRESS_VALUES = f"{INGRESS}/values-stg.yaml"
OPENBAO_VALUES = f"{OPENBAO}/values-staging.yaml"
WEB_DEPLOYMENT = f"{WEB}/templates/deployment.yaml"
WEB_SERVICE = f"{WEB}/templates/service.yaml"
API_DEPLOYMENT = f"{API}/templates/deployment.yaml"
STORE = f"{OPENBAO}/templates/secretstore.yaml"
RENEWER = f"{OPENBAO}/templates/token-renewer.yaml"
PULL_SECRET = f"{OPENBAO}/templates/externalsecret-harbor.yaml"
EXTRA = f"{WEB}/templates/extra.yaml"
EXTERNAL = "  external:\n"
NGINX = "    - kind: IngressClass\n      name: nginx\n"
LAST_VARIABLE = "            {{- range $name, $value := .Values.env }}\n"
VOLUME_MOUNTS = "          volumeMounts:\n"
VOLUMES = "      volumes:\n"
POD_LABELS = "app.kubernetes.io/instance: plate-web-stg"


def _extra(text: str) -> Edit:
    """One more template of plate-web."""
    return added(EXTRA, text)


def _external(kind: str, name: str) -> Edit:
    """One more declaration of what lives outside of the tree."""
    return replaced(POLICY, EXTERNAL, f"{EXTERNAL}    - kind: {kind}\n      name: {name}\n      reason: by hand\n")


def _cluster_scoped(kind: str) -> Edit:
    """Policy lets Applications render a kind that has no namespace."""
    group, _, name = kind.partition("/")
    entry = f"  clusterScoped: [{{group: {group}, kind: {name}}}]\n"
    return replaced(POLICY, "  clusterScoped: []\n", entry)


WEBHOOK = """\
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: plate-web
webhooks:
  - name: plate-web.cocdev.co.kr
    admissionReviewVersions: [v1]
    sideEffects: None
    clientConfig:
      service:
        name: plate-web
        namespace: plate-stg
        port: 80
"""
CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: plate-web-cache
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Gi
"""
SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: plate-web-settings
data:
  THEME: dark
"""
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
spec:
  maxReplicas: 1
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {name}
"""
BUDGET = f"""\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: plate-web
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {POD_LABELS}
"""
NETWORK_POLICY = f"""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: plate-web
spec:
  policyTypes: [Ingress]
  podSelector:
    matchLabels:
      {POD_LABELS}
"""
MONITOR = f"""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: plate-web
spec:
  selector:
    matchLabels:
      {POD_LABELS}
  endpoints:
    - port: http
"""
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: plate-web
rules:
  - apiGroups: [""]
    resources: [endpoints]
    verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: plate-web
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: plate-web
subjects:
  - kind: ServiceAccount
    name: plate-web
    namespace: plate-stg
"""
WITH_WEBHOOK = (_extra(WEBHOOK), _cluster_scoped("admissionregistration.k8s.io/ValidatingWebhookConfiguration"))
WITH_MONITOR = (
    _extra(MONITOR),
    _external("CustomResourceDefinition", "servicemonitors.monitoring.coreos.com"),
    replaced(POLICY, 'schemas:\n  required: ["*"]\n', "schemas:\n  required: [Deployment]\n"),
)
WITH_CLAIM = (
    _extra(CLAIM),
    appended(WEB_VALUES, "cacheClaim: plate-web-cache\n"),
    replaced(
        WEB_DEPLOYMENT,
        "          emptyDir:\n            sizeLimit: 256Mi\n",
        "          persistentVolumeClaim:\n            claimName: {{ .Values.cacheClaim }}\n",
    ),
)
WITH_SETTINGS = (
    _extra(SETTINGS),
    appended(WEB_VALUES, "settings: plate-web-settings\nthemeKey: THEME\n"),
    replaced(
        WEB_DEPLOYMENT,
        LAST_VARIABLE,
        f"""\
            - name: THEME
              valueFrom:
                configMapKeyRef:
                  name: {{{{ .Values.settings }}}}
                  key: {{{{ .Values.themeKey }}}}
{LAST_VARIABLE}""",
    ),
)
WITH_SECRET_KEY = (
    appended(API_VALUES, "tokenVariable: JWT_SIGNING_KEY\n"),
    replaced(
        API_DEPLOYMENT,
        LAST_VARIABLE,
        f"""\
            - name: SIGNING_KEY
              valueFrom:
                secretKeyRef:
                  name: plate-api-secrets
                  key: {{{{ .Values.tokenVariable }}}}
{LAST_VARIABLE}""",
    ),
)
# With everything that policy asks of a container.
STATEFUL = """\
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: plate-web-cache
spec:
  serviceName: plate-web
  replicas: 1
  selector:
    matchLabels:
      app.kubernetes.io/name: cache
  template:
    metadata:
      labels:
        app.kubernetes.io/name: cache
    spec:
      automountServiceAccountToken: false
      imagePullSecrets:
        - name: harbor-pull-secret
      containers:
        - name: cache
          image: harbor.cocdev.co.kr/stg/cache:stg-1.4.2
          imagePullPolicy: Always
          startupProbe: &probe
            tcpSocket:
              port: 6379
          livenessProbe: *probe
          readinessProbe: *probe
          resources:
            requests:
              cpu: 10m
              memory: 64Mi
            limits:
              cpu: 500m
              memory: 512Mi
"""


ROWS = (
    Row(
        "ingress-backend-missing",
        replaced(INGRESS_VALUES, "service: plate-web\n", "service: plate-webs\n"),
        At(INGRESS_VALUES, "service: plate-webs"),
        replaced(INGRESS_VALUES, "service: plate-web\n", 'service: "plate-web"\n'),
    ),
    # The Service is renamed in another chart than the one that routes to it.
    Row(
        "ingress-backend-missing",
        replaced(f"{WEB}/values.yaml", "fullnameOverride: plate-web\n", "fullnameOverride: plate-website\n"),
        At(INGRESS_VALUES, "service: plate-web"),
        replaced(f"{WEB}/values.yaml", "fullnameOverride: plate-web\n", "fullnameOverride: 'plate-web'\n"),
    ),
    Row(
        "ingress-backend-port-missing",
        replaced(INGRESS_VALUES, "        port: 80\n", "        port: 3000\n"),
        At(INGRESS_VALUES, "        port: 3000"),
        replaced(INGRESS_VALUES, "        port: 80\n", "        port: 0x50\n"),
    ),
    Row(
        "ingress-backend-port-missing",
        appended(WEB_VALUES, "service:\n  port: 8080\n"),
        At(INGRESS_VALUES, "        port: 80"),
        appended(WEB_VALUES, "service:\n  port: 80\n"),
    ),
    Row(
        "service-missing",
        replaced(EXTRA, "        name: plate-web\n", "        name: plate-web-hook\n"),
        At(EXTRA),
        replaced(EXTRA, "        name: plate-web\n", '        name: "plate-web"\n'),
        given=WITH_WEBHOOK,
    ),
    Row(
        "service-port-missing",
        replaced(EXTRA, "        port: 80\n", ""),
        At(EXTRA),
        replaced(EXTRA, "        port: 80\n", "        port: 0x50\n"),
        given=WITH_WEBHOOK,
    ),
    Row(
        "governing-service-missing",
        replaced(EXTRA, "  serviceName: plate-web\n", "  serviceName: plate-cache\n"),
        At(EXTRA),
        replaced(EXTRA, "  serviceName: plate-web\n", '  serviceName: "plate-web" # its Pods\n'),
        severity=Severity.WARNING,
        given=(_extra(STATEFUL),),
    ),
    Row(
        "secret-missing",
        replaced(f"{API}/values.yaml", "  - plate-api-secrets\n", "  - plate-api-secret\n"),
        At(f"{API}/values.yaml", "  - plate-api-secret"),
        replaced(f"{API}/values.yaml", "  - plate-api-secrets\n", '  - "plate-api-secrets"\n'),
    ),
    # One Secret renamed where it is made: of the two Applications that need it one is told under the other.
    Row(
        "secret-missing",
        replaced(OPENBAO_VALUES, "  cluster-env-secrets:\n", "  cluster-secrets:\n"),
        At(LLM_VALUES, "  - cluster-env-secrets"),
        replaced(OPENBAO_VALUES, "  cluster-env-secrets:\n", "  'cluster-env-secrets':\n"),
    ),
    Row(
        "secret-key-missing",
        replaced(OPENBAO_VALUES, "      JWT_SIGNING_KEY: jwt_signing_key\n", "      SIGNING_KEY: jwt_signing_key\n"),
        At(API_VALUES, "tokenVariable: JWT_SIGNING_KEY"),
        replaced(
            OPENBAO_VALUES, "      JWT_SIGNING_KEY: jwt_signing_key\n", "      JWT_SIGNING_KEY: 'jwt_signing_key'\n"
        ),
        given=WITH_SECRET_KEY,
    ),
    Row(
        "config-map-missing",
        deleted(EXTRA),
        At(WEB_VALUES, "settings: plate-web-settings"),
        replaced(WEB_VALUES, "settings: plate-web-settings\n", "settings: 'plate-web-settings'\n"),
        given=WITH_SETTINGS,
    ),
    Row(
        "config-map-key-missing",
        replaced(WEB_VALUES, "themeKey: THEME\n", "themeKey: theme\n"),
        At(WEB_VALUES, "themeKey: theme"),
        replaced(WEB_VALUES, "themeKey: THEME\n", "themeKey: 'THEME'\n"),
        given=WITH_SETTINGS,
    ),
    Row(
        "service-account-missing",
        deleted(f"{WEB}/templates/serviceaccount.yaml"),
        At(f"{WEB}/values.yaml", "fullnameOverride: plate-web"),
        replaced(f"{WEB}/templates/serviceaccount.yaml", 'include "plate-web.fullname" .', ".Values.fullnameOverride"),
    ),
    Row(
        "volume-claim-missing",
        replaced(WEB_VALUES, "cacheClaim: plate-web-cache\n", "cacheClaim: plate-web-data\n"),
        At(WEB_VALUES, "cacheClaim: plate-web-data"),
        replaced(WEB_VALUES, "cacheClaim: plate-web-cache\n", "cacheClaim: 'plate-web-cache'\n"),
        given=WITH_CLAIM,
    ),
    Row(
        "pull-secret-missing",
        replaced(f"{WEB}/values.yaml", "  - name: harbor-pull-secret\n", "  - name: harbor-secret\n"),
        At(f"{WEB}/values.yaml", "  - name: harbor-secret"),
        replaced(f"{WEB}/values.yaml", "  - name: harbor-pull-secret\n", "  - name: 'harbor-pull-secret'\n"),
    ),
    Row(
        "pull-secret-of-wrong-type",
        replaced(PULL_SECRET, "      type: kubernetes.io/dockerconfigjson\n", ""),
        At(f"{OPENBAO}/values.yaml", "  secretName: harbor-pull-secret"),
        replaced(
            PULL_SECRET,
            "      type: kubernetes.io/dockerconfigjson\n",
            '      type: "kubernetes.io/dockerconfigjson"\n',
        ),
    ),
    Row(
        "secret-store-missing",
        replaced(STORE, "  name: {{ .Values.store.name }}\n", "  name: {{ .Values.store.name }}-store\n"),
        At(f"{OPENBAO}/values.yaml", "store:\n  name: openbao"),
        replaced(STORE, "  name: {{ .Values.store.name }}\n", "  name: {{ .Values.store.name | quote }}\n"),
    ),
    Row(
        "store-credential-missing",
        replaced(STORE, "name: {{ .Values.store.tokenSecret.name }}", "name: openbao-credential"),
        At(STORE),
        replaced(
            STORE, "name: {{ .Values.store.tokenSecret.name }}", "name: {{ .Values.store.tokenSecret.name | quote }}"
        ),
    ),
    Row(
        "issuer-missing",
        replaced(INGRESS_VALUES, "clusterIssuer: letsencrypt-prod\n", "clusterIssuer: letsencrypt\n"),
        At(INGRESS_VALUES, "clusterIssuer: letsencrypt"),
        replaced(INGRESS_VALUES, "clusterIssuer: letsencrypt-prod\n", "clusterIssuer: 'letsencrypt-prod'\n"),
    ),
    Row(
        "scale-target-missing",
        replaced(EXTRA, "    name: plate-web\n", "    name: plate-www\n"),
        At(EXTRA),
        replaced(EXTRA, "    name: plate-web\n", "    name: {{ .Values.fullnameOverride }}\n"),
        given=(_extra(SCALER.format(name="plate-web")),),
    ),
    Row(
        "scale-target-claimed-twice",
        replaced(EXTRA, "    name: plate-llm\n", "    name: plate-web\n"),
        At(EXTRA),
        replaced(EXTRA, "    name: plate-llm\n", "    name: plate-api\n"),
        given=(_extra(f"{SCALER.format(name='plate-web')}---\n{SCALER.format(name='plate-llm')}"),),
    ),
    Row(
        "role-missing",
        replaced(EXTRA, "  kind: Role\n  name: plate-web\n", "  kind: Role\n  name: plate-reader\n"),
        At(EXTRA),
        replaced(EXTRA, "  kind: Role\n  name: plate-web\n", "  kind: ClusterRole\n  name: view\n"),
        severity=Severity.WARNING,
        given=(_extra(BINDING),),
    ),
    Row(
        "role-subject-missing",
        replaced(EXTRA, "    name: plate-web\n    namespace", "    name: plate-www\n    namespace"),
        At(EXTRA),
        replaced(EXTRA, "    name: plate-web\n    namespace", '    name: "plate-web"\n    namespace'),
        severity=Severity.WARNING,
        given=(_extra(BINDING),),
    ),
    Row(
        "custom-resource-definition-missing",
        replaced(POLICY, "      name: secretstores.external-secrets.io\n", "      name: externalsecrets.*\n"),
        At(STORE),
        replaced(POLICY, "      name: secretstores.external-secrets.io\n", "      name: secretstores.*\n"),
    ),
    Row(
        "class-missing",
        replaced(f"{INGRESS}/values.yaml", "className: nginx\n", "className: ngnix\n"),
        At(f"{INGRESS}/values.yaml", "className: ngnix"),
        replaced(f"{INGRESS}/values.yaml", "className: nginx\n", "className: 'nginx'\n"),
    ),
    Row(
        "referenced-object-missing",
        replaced(EXTRA, "spec:\n", "spec:\n  volumeName: cache-disk\n"),
        At(EXTRA),
        replaced(EXTRA, "spec:\n", 'spec:\n  volumeName: ""\n'),
        given=WITH_CLAIM,
    ),
    Row(
        "external-unmatched",
        _external("StorageClass", "fast"),
        At(POLICY, "    - kind: StorageClass"),
        replaced(POLICY, NGINX, NGINX.replace("nginx", '"ngin*"')),
        severity=Severity.WARNING,
    ),
    Row(
        "service-target-port-missing",
        replaced(WEB_SERVICE, "targetPort: http\n", "targetPort: web\n"),
        At(WEB_SERVICE),
        replaced(WEB_SERVICE, "targetPort: http\n", "targetPort: debug\n"),
    ),
    Row(
        "service-target-port-undeclared",
        replaced(WEB_SERVICE, "targetPort: 3000\n", "targetPort: 3001\n"),
        At(WEB_SERVICE),
        replaced(WEB_SERVICE, "targetPort: 3000\n", "targetPort: 9229\n"),
        severity=Severity.NOTE,
        given=(replaced(WEB_SERVICE, "targetPort: http\n", "targetPort: 3000\n"),),
    ),
    Row(
        "monitor-port-missing",
        replaced(EXTRA, "    - port: http\n", "    - port: metrics\n"),
        At(EXTRA),
        replaced(EXTRA, "    - port: http\n", '    - port: "http"\n'),
        severity=Severity.WARNING,
        given=WITH_MONITOR,
    ),
    Row(
        "monitor-selects-nothing",
        replaced(EXTRA, POD_LABELS, "app.kubernetes.io/instance: plate-web"),
        At(EXTRA),
        replaced(EXTRA, POD_LABELS, "app.kubernetes.io/name: plate-web"),
        severity=Severity.WARNING,
        given=WITH_MONITOR,
    ),
    Row(
        "service-selects-nothing",
        replaced(WEB_SERVICE, "  ports:\n", "    app.kubernetes.io/component: web\n  ports:\n"),
        At(WEB_SERVICE),
        replaced(WEB_SERVICE, "  ports:\n", "    app.kubernetes.io/part-of: plate\n  ports:\n"),
    ),
    Row(
        "disruption-budget-selects-nothing",
        replaced(EXTRA, POD_LABELS, "app.kubernetes.io/instance: plate-web"),
        At(EXTRA),
        replaced(EXTRA, POD_LABELS, "app.kubernetes.io/part-of: plate"),
        severity=Severity.WARNING,
        given=(_extra(BUDGET),),
    ),
    Row(
        "network-policy-selects-nothing",
        replaced(EXTRA, POD_LABELS, "app.kubernetes.io/instance: plate-web"),
        At(EXTRA),
        replaced(EXTRA, POD_LABELS, "app.kubernetes.io/part-of: plate"),
        severity=Severity.WARNING,
        given=(_extra(NETWORK_POLICY),),
    ),
    Row(
        "volume-mount-without-volume",
        replaced(
            WEB_DEPLOYMENT, VOLUME_MOUNTS, f"{VOLUME_MOUNTS}            - name: data\n              mountPath: /data\n"
        ),
        At(WEB_DEPLOYMENT),
        replaced(
            WEB_DEPLOYMENT, VOLUME_MOUNTS, f"{VOLUME_MOUNTS}            - name: tmp\n              mountPath: /data\n"
        ),
    ),
    Row(
        "volume-not-mounted",
        replaced(WEB_DEPLOYMENT, VOLUMES, f"{VOLUMES}        - name: data\n          emptyDir: {{}}\n"),
        At(WEB_DEPLOYMENT),
        several(
            replaced(WEB_DEPLOYMENT, VOLUMES, f"{VOLUMES}        - name: data\n          emptyDir: {{}}\n"),
            replaced(
                WEB_DEPLOYMENT,
                VOLUME_MOUNTS,
                f"{VOLUME_MOUNTS}            - name: data\n              mountPath: /data\n",
            ),
        ),
        severity=Severity.NOTE,
    ),
    Row(
        "variable-reference-unresolved",
        replaced(WEB_VALUES, "PUBLIC_ORIGIN: https://127.0.0.1:$(PORT)\n", "PUBLIC_ORIGIN: https://$(HOST)\n"),
        At(WEB_VALUES, "PUBLIC_ORIGIN: https://$(HOST)"),
        replaced(WEB_VALUES, "PUBLIC_ORIGIN: https://127.0.0.1:$(PORT)\n", "PUBLIC_ORIGIN: https://$$(HOST)\n"),
        severity=Severity.WARNING,
        given=(
            replaced(
                WEB_VALUES, "PUBLIC_ORIGIN: https://stg.cocdev.co.kr\n", "PUBLIC_ORIGIN: https://127.0.0.1:$(PORT)\n"
            ),
        ),
    ),
)
