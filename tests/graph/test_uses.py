"""What objects need: every field that names another object, with what it names and how hard it is needed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from driftgate.graph.terms import Need
from driftgate.graph.uses import uses_of
from driftgate.model.manifest import Manifest, named_path

# (field that names it, group/Kind/namespace/name, relation, need, key, field that holds the key)
Told = tuple[str, str, str, str, str | int, str]
POD_SPEC = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n"


def manifest_of(text: str, namespace: str = "shop") -> Manifest:
    """One object as it would have been rendered into a namespace; "" for a kind that has none."""
    return Manifest("web", 0, 0, yaml.safe_load(text), "web.yaml", namespace, None, namespace != "")


def told(text: str, namespace: str = "shop") -> list[Told]:
    """The uses of one object, without those of its namespace and of its kind."""
    manifest = manifest_of(text, namespace)
    return [
        (
            named_path(manifest.object, use.path),
            f"{use.target.group}/{use.target.kind}/{use.target.namespace}/{use.target.name}",
            use.relation,
            use.need.value,
            use.key,
            named_path(manifest.object, use.key_path),
        )
        for use in uses_of(manifest)
        if use.relation not in ("namespace", "kind")
    ]


def container(text: str) -> str:
    """A Pod whose one container has these fields."""
    return f"{POD_SPEC}  containers:\n    - {{name: web, {text}}}\n"


ENV = "spec.containers[name=web].env[name=A]"
PODS: dict[str, tuple[str, list[Told]]] = {
    "variable": (
        container("env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: url}}}]"),
        [
            (
                f"{ENV}.valueFrom.secretKeyRef.name",
                "/Secret/shop/db",
                "env",
                "hard",
                "url",
                f"{ENV}.valueFrom.secretKeyRef.key",
            )
        ],
    ),
    "optional variable": (
        container("env: [{name: A, valueFrom: {configMapKeyRef: {name: web, key: a, optional: true}}}]"),
        [
            (
                f"{ENV}.valueFrom.configMapKeyRef.name",
                "/ConfigMap/shop/web",
                "env",
                "optional",
                "a",
                f"{ENV}.valueFrom.configMapKeyRef.key",
            )
        ],
    ),
    "variables that name no object": (
        container("env: [{name: A, value: b}, {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, nonsense]"),
        [],
    ),
    "all variables": (
        container("envFrom: [{secretRef: {name: db}}, {configMapRef: {name: web, optional: true}}]"),
        [
            ("spec.containers[name=web].envFrom[0].secretRef.name", "/Secret/shop/db", "envFrom", "hard", "", ""),
            (
                "spec.containers[name=web].envFrom[1].configMapRef.name",
                "/ConfigMap/shop/web",
                "envFrom",
                "optional",
                "",
                "",
            ),
        ],
    ),
    "items of a volume": (
        f"{POD_SPEC}  volumes: [{{name: a, secret: {{secretName: db, items: [{{key: url, path: b}}]}}}}]\n",
        [
            ("spec.volumes[name=a].secret.secretName", "/Secret/shop/db", "volume", "hard", "", ""),
            (
                "spec.volumes[name=a].secret.secretName",
                "/Secret/shop/db",
                "items",
                "hard",
                "url",
                "spec.volumes[name=a].secret.items[path=b].key",
            ),
        ],
    ),
    "projected volume": (
        (
            f"{POD_SPEC}  volumes: [{{name: a, projected: {{sources: "
            "[{configMap: {name: web}}, {serviceAccountToken: {path: t}}]}}]\n"
        ),
        [("spec.volumes[name=a].projected.sources[0].configMap.name", "/ConfigMap/shop/web", "volume", "hard", "", "")],
    ),
    "one file of a volume": (
        (
            f"{POD_SPEC}  volumes: [{{name: a, configMap: {{name: web}}}}]\n"
            "  containers: [{name: web, volumeMounts: [{name: a, mountPath: /a, subPath: web.conf}]}]\n"
        ),
        [
            ("spec.volumes[name=a].configMap.name", "/ConfigMap/shop/web", "volume", "hard", "", ""),
            (
                "spec.volumes[name=a].configMap.name",
                "/ConfigMap/shop/web",
                "subPath",
                "hard",
                "web.conf",
                "spec.containers[name=web].volumeMounts[name=a].subPath",
            ),
        ],
    ),
    "claim, and an empty volume": (
        (
            f"{POD_SPEC}  volumes: [{{name: a, persistentVolumeClaim: {{claimName: data}}}}, "
            "{name: b, emptyDir: {}}]\n"
        ),
        [
            (
                "spec.volumes[name=a].persistentVolumeClaim.claimName",
                "/PersistentVolumeClaim/shop/data",
                "volume",
                "hard",
                "",
                "",
            )
        ],
    ),
    "secrets store": (
        (
            f"{POD_SPEC}  volumes: [{{name: a, csi: {{driver: secrets-store.csi.k8s.io, "
            "volumeAttributes: {secretProviderClass: v}}}]\n"
        ),
        [
            (
                "spec.volumes[name=a].csi.volumeAttributes.secretProviderClass",
                "secrets-store.csi.x-k8s.io/SecretProviderClass/shop/v",
                "volume",
                "hard",
                "",
                "",
            )
        ],
    ),
    "accounts and classes": (
        f"{POD_SPEC}  serviceAccountName: web\n  imagePullSecrets: [{{name: registry}}]\n  priorityClassName: high\n",
        [
            ("spec.serviceAccountName", "/ServiceAccount/shop/web", "serviceAccountName", "hard", "", ""),
            ("spec.imagePullSecrets[name=registry].name", "/Secret/shop/registry", "imagePullSecrets", "hard", "", ""),
            ("spec.priorityClassName", "scheduling.k8s.io/PriorityClass//high", "priorityClassName", "hard", "", ""),
        ],
    ),
}

INGRESS = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec:\n"
RULE = "  rules: [{host: a.example.com, http: {paths: [{path: /, backend: {service: %s}}]}}]\n"
BACKEND = "spec.rules[host=a.example.com].http.paths[path=/].backend.service"
HOOK = (
    "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: web}\n"
    "webhooks: [{name: a, failurePolicy: %s, clientConfig: {service: %s}}]\n"
)
SERVICE = "webhooks[name=a].clientConfig.service"
KINDS: dict[str, tuple[str, list[Told]]] = {
    "route by number": (
        INGRESS + RULE % "{name: web, port: {number: 80}}",
        [(f"{BACKEND}.name", "/Service/shop/web", "backend", "soft", 80, f"{BACKEND}.port.number")],
    ),
    "route by name": (
        INGRESS + RULE % "{name: web, port: {name: http}}",
        [(f"{BACKEND}.name", "/Service/shop/web", "backend", "soft", "http", f"{BACKEND}.port.name")],
    ),
    "a load balancer's own action": (INGRESS + RULE % "{name: redirect, port: {name: use-annotation}}", []),
    "certificate, class and issuer": (
        INGRESS.replace("{name: web}", "{name: web, annotations: {cert-manager.io/issuer: own}}")
        + "  ingressClassName: nginx\n  tls: [{hosts: [a.example.com], secretName: web-tls}]\n",
        [
            ("spec.tls[0].secretName", "/Secret/shop/web-tls", "tls", "soft", "", ""),
            ("spec.ingressClassName", "networking.k8s.io/IngressClass//nginx", "ingressClassName", "hard", "", ""),
            (
                'metadata.annotations["cert-manager.io/issuer"]',
                "cert-manager.io/Issuer/shop/own",
                "issuer",
                "soft",
                "",
                "",
            ),
        ],
    ),
    "webhook": (
        HOOK % ("Fail", "{name: web, namespace: tools, port: 8443}"),
        [(f"{SERVICE}.name", "/Service/tools/web", "clientConfig.service", "soft", 8443, f"{SERVICE}.port")],
    ),
    "webhook on the usual port, which may be left out": (
        HOOK % ("Ignore", "{name: web, namespace: tools}"),
        [(f"{SERVICE}.name", "/Service/tools/web", "clientConfig.service", "optional", 443, f"{SERVICE}.name")],
    ),
    "external secret": (
        (
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: db}\n"
            "spec: {secretStoreRef: {name: shared, kind: ClusterSecretStore}, "
            "data: [{secretKey: a, sourceRef: {storeRef: {name: own}}}]}\n"
        ),
        [
            (
                "spec.secretStoreRef.name",
                "external-secrets.io/ClusterSecretStore//shared",
                "secretStoreRef",
                "soft",
                "",
                "",
            ),
            (
                "spec.data[0].sourceRef.storeRef.name",
                "external-secrets.io/SecretStore/shop/own",
                "secretStoreRef",
                "soft",
                "",
                "",
            ),
        ],
    ),
    "secret store": (
        (
            "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: own}\n"
            "spec: {provider: {vault: {auth: {tokenSecretRef: {name: token, key: token}}}}}\n"
        ),
        [
            (
                "spec.provider.vault.auth.tokenSecretRef.name",
                "/Secret/shop/token",
                "tokenSecretRef",
                "soft",
                "token",
                "spec.provider.vault.auth.tokenSecretRef.key",
            )
        ],
    ),
    "scaler": (
        (
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
            "spec: {scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web}}\n"
        ),
        [("spec.scaleTargetRef.name", "argoproj.io/Rollout/shop/web", "scaleTargetRef", "soft", "", "")],
    ),
    "scaled object": (
        (
            "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web}\n"
            "spec: {scaleTargetRef: {name: web}, triggers: [{type: kafka, authenticationRef: {name: own}}]}\n"
        ),
        [
            ("spec.scaleTargetRef.name", "apps/Deployment/shop/web", "scaleTargetRef", "soft", "", ""),
            (
                "spec.triggers[type=kafka].authenticationRef.name",
                "keda.sh/TriggerAuthentication/shop/own",
                "authenticationRef",
                "soft",
                "",
                "",
            ),
        ],
    ),
    "binding": (
        (
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: web}\n"
            "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\n"
            "subjects: [{kind: ServiceAccount, name: web, namespace: tools}, {kind: User, name: somebody}]\n"
        ),
        [
            ("roleRef.name", "rbac.authorization.k8s.io/ClusterRole//view", "roleRef", "soft", "", ""),
            ("subjects[name=web].name", "/ServiceAccount/tools/web", "subjects", "soft", "", ""),
        ],
    ),
    "stateful set": (
        (
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n"
            "spec: {serviceName: db, template: {spec: {}}, "
            "volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: fast}}, "
            '{spec: {storageClassName: ""}}]}\n'
        ),
        [
            ("spec.serviceName", "/Service/shop/db", "serviceName", "soft", "", ""),
            (
                "spec.volumeClaimTemplates[0].spec.storageClassName",
                "storage.k8s.io/StorageClass//fast",
                "storageClassName",
                "hard",
                "",
                "",
            ),
        ],
    ),
    "account": (
        (
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n"
            "imagePullSecrets: [{name: a}]\nsecrets: [{name: b}]\n"
        ),
        [
            ("imagePullSecrets[name=a].name", "/Secret/shop/a", "imagePullSecrets", "soft", "", ""),
            ("secrets[name=b].name", "/Secret/shop/b", "secrets", "optional", "", ""),
        ],
    ),
    "gateway route": (
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\n"
            "spec: {parentRefs: [{name: front, namespace: edge}], rules: [{backendRefs: [{name: web, port: 80}]}]}\n"
        ),
        [
            (
                "spec.parentRefs[name=front].name",
                "gateway.networking.k8s.io/Gateway/edge/front",
                "parentRefs",
                "soft",
                "",
                "",
            ),
            (
                "spec.rules[0].backendRefs[name=web].name",
                "/Service/shop/web",
                "backendRefs",
                "soft",
                80,
                "spec.rules[0].backendRefs[name=web].port",
            ),
        ],
    ),
    "traefik route": (
        (
            "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: web}\nspec: {routes: [{services: "
            "[{name: web, port: http}, {name: weighted, kind: TraefikService}], "
            "middlewares: [{name: strip}, {name: a@file}]}]}\n"
        ),
        [
            (
                "spec.routes[0].services[name=web].name",
                "/Service/shop/web",
                "services",
                "soft",
                "http",
                "spec.routes[0].services[name=web].port",
            ),
            (
                "spec.routes[0].middlewares[name=strip].name",
                "traefik.io/Middleware/shop/strip",
                "middlewares",
                "soft",
                "",
                "",
            ),
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), PODS.values(), ids=PODS)
def test_what_pods_need(text: str, expected: list[Told]) -> None:
    """Each field of a Pod that names an object is one use of it."""
    assert told(text) == expected


@pytest.mark.parametrize(("text", "expected"), KINDS.values(), ids=KINDS)
def test_what_other_kinds_need(text: str, expected: list[Told]) -> None:
    """Each kind names others by its own fields and its own defaults."""
    assert told(text) == expected


@pytest.mark.parametrize(
    ("head", "path"),
    [
        ("apiVersion: apps/v1\nkind: Deployment\n", ("template",)),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n", ("template",)),
        ("apiVersion: batch/v1\nkind: CronJob\n", ("jobTemplate", "spec", "template")),
    ],
)
def test_pods_are_found_in_every_workload(head: str, path: tuple[str, ...]) -> None:
    """A workload needs what its Pods need, wherever it keeps them."""
    body: Any = {"spec": {"serviceAccountName": "web"}}
    for step in reversed(path):
        body = {step: body}
    text = f"{head}metadata: {{name: web}}\n{yaml.safe_dump({'spec': body})}"
    field = ".".join(("spec", *path, "spec", "serviceAccountName"))
    assert told(text) == [(field, "/ServiceAccount/shop/web", "serviceAccountName", "hard", "", "")]


def test_an_object_needs_its_namespace_and_a_custom_one_its_kind() -> None:
    """Kinds of Kubernetes and of Argo CD need no definition; what has no namespace needs none."""
    custom = manifest_of("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: web}\n")
    own = manifest_of("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\n")
    scoped = manifest_of("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n", "")
    seen = [[(use.relation, str(use.target), use.need) for use in uses_of(one)] for one in (custom, own, scoped)]
    namespace = ("namespace", "Namespace shop", Need.HARD)
    kind = ("kind", "CustomResourceDefinition Widget.example.com", Need.HARD)
    assert seen == [[kind, namespace], [namespace], []]
