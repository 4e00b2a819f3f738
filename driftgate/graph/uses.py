"""What rendered objects need: one extractor per kind, each naming the field that names the other object.

Names and defaults are those of the kinds' own API references; where a kind leaves out a group, kind or namespace, the
value is what its controller assumes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from driftgate.facts import kinds
from driftgate.graph.pods import pod_template, pod_uses
from driftgate.graph.terms import Need, Target, Use, crd_target
from driftgate.graph.walk import entries, mapping, references_below, text
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path

__all__ = ["uses_of"]

_LEGACY_CLASS = "kubernetes.io/ingress.class"
_NGINX = "nginx.ingress.kubernetes.io"
CERT_MANAGER = "cert-manager.io"
EXTERNAL_SECRETS = "external-secrets.io"
GATEWAY = "gateway.networking.k8s.io"
_DEFAULT_GROUPS = {
    "Deployment": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "ReplicaSet": "apps",
    "Rollout": "argoproj.io",
}
Extractor = Callable[[Manifest], Iterator[Use]]


def uses_of(manifest: Manifest) -> Iterator[Use]:
    """Everything that one object names: by its Pods, by the fields of its kind, and by being of a custom kind."""
    pod = pod_template(manifest)
    if pod is not None:
        yield from pod_uses(pod)
    extract = _EXTRACTORS.get((manifest.group, manifest.kind))
    if extract is not None:
        yield from extract(manifest)
    if manifest.group and manifest.kind and (manifest.group, manifest.kind) not in kinds():
        yield Use(manifest, ("apiVersion",), crd_target(manifest.group, manifest.kind), "kind")
    if manifest.target_namespace and manifest.namespaced is not False:
        yield Use(
            manifest, ("metadata", "namespace"), Target("", "Namespace", "", manifest.target_namespace), "namespace"
        )


def _ref(
    manifest: Manifest,
    reference: Any,
    path: Path,
    default: tuple[str, str],
    relation: str,
    *,
    need: Need = Need.HARD,
    namespace: str | None = None,
) -> Iterator[Use]:
    """A reference of the usual shape: `name`, and perhaps `kind`, `group` or `apiVersion`, and `namespace`."""
    below = mapping(reference)
    name = text(below.get("name"))
    if not name:
        return
    kind = text(below.get("kind")) or default[1]
    group = default[0] if kind == default[1] else _DEFAULT_GROUPS.get(kind, default[0])
    if "apiVersion" in below or "apiGroup" in below or "group" in below:
        named = text(below.get("group")) or text(below.get("apiGroup")) or text(below.get("apiVersion"))
        group = named.partition("/")[0] if "/" in named or "apiVersion" not in below else ""
    where = manifest.target_namespace if namespace is None else namespace
    where = text(below.get("namespace")) or where
    if (
        kind.startswith("Cluster") and kind != "Cluster"
    ):  # ClusterRole, ClusterIssuer, ClusterSecretStore, …: none of them has a namespace
        where = ""
    key = below.get("key")
    key_path = (*path, "key") if isinstance(key, str) else ()
    yield Use(manifest, (*path, "name"), Target(group, kind, where, name), relation, need, text(key), key_path)


def _named(
    manifest: Manifest, path: Path, target: tuple[str, str], relation: str, need: Need = Need.HARD
) -> Iterator[Use]:
    """A field that holds nothing but the name of an object in the same namespace."""
    name = text(manifest.get(*path))
    if name:
        yield Use(manifest, path, Target(*target, manifest.target_namespace, name), relation, need)


def _class(manifest: Manifest, path: Path, group: str, kind: str) -> Iterator[Use]:
    name = text(manifest.get(*path))
    if name:
        yield Use(manifest, path, Target(group, kind, "", name), str(path[-1]))


def _backend(manifest: Manifest, backend: Any, path: Path) -> Iterator[Use]:
    service = mapping(mapping(backend).get("service"))
    name, port = text(service.get("name")), mapping(service.get("port"))
    # The AWS load balancer controller takes the name for one of its own annotations.
    if name and port.get("name") != "use-annotation":
        field = "name" if port.get("name") else "number"
        target = Target("", "Service", manifest.target_namespace, name)
        written = port.get(field)
        key = written if isinstance(written, str | int) else ""
        key_path: Path = (*path, "service", "port", field) if key else ()
        yield Use(manifest, (*path, "service", "name"), target, "backend", Need.SOFT, key, key_path)


def _ingress(manifest: Manifest) -> Iterator[Use]:
    spec = mapping(manifest.get("spec"))
    yield from _backend(manifest, spec.get("defaultBackend"), ("spec", "defaultBackend"))
    for rule_path, rule in entries(spec.get("rules"), ("spec", "rules")):
        for path, entry in entries(mapping(rule.get("http")).get("paths"), (*rule_path, "http", "paths")):
            yield from _backend(manifest, entry.get("backend"), (*path, "backend"))
    for path, _ in entries(spec.get("tls"), ("spec", "tls")):
        yield from _named(manifest, (*path, "secretName"), ("", "Secret"), "tls", Need.SOFT)
    yield from _class(manifest, ("spec", "ingressClassName"), "networking.k8s.io", "IngressClass")
    annotations: Path = ("metadata", "annotations")
    legacy = text(manifest.annotations.get(_LEGACY_CLASS))
    if legacy:
        # Controllers compare it with a name of their own; an IngressClass of that name need not be there.
        target = Target("networking.k8s.io", "IngressClass", "", legacy)
        yield Use(manifest, (*annotations, _LEGACY_CLASS), target, "ingressClassName", Need.OPTIONAL)
    fallback = text(manifest.annotations.get(f"{_NGINX}/default-backend"))
    if fallback:
        target = Target("", "Service", manifest.target_namespace, fallback)
        yield Use(manifest, (*annotations, f"{_NGINX}/default-backend"), target, "default-backend", Need.SOFT)
    for name in ("auth-secret", "auth-tls-secret", "proxy-ssl-secret"):
        value = text(manifest.annotations.get(f"{_NGINX}/{name}"))
        namespace, _, secret = value.rpartition("/")
        if secret:
            target = Target("", "Secret", namespace or manifest.target_namespace, secret)
            yield Use(manifest, (*annotations, f"{_NGINX}/{name}"), target, name, Need.SOFT)
    yield from _annotated_issuers(manifest)


def _annotated_issuers(manifest: Manifest) -> Iterator[Use]:
    """What cert-manager's annotations on an Ingress or a Gateway name (cert-manager.io/docs/usage/ingress)."""
    annotations: Path = ("metadata", "annotations")
    for field, kind, namespace in (
        ("issuer", "Issuer", manifest.target_namespace),
        ("cluster-issuer", "ClusterIssuer", ""),
    ):
        name = text(manifest.annotations.get(f"{CERT_MANAGER}/{field}"))
        if name and f"{CERT_MANAGER}/issuer-group" not in manifest.annotations:
            target = Target(CERT_MANAGER, kind, namespace, name)
            yield Use(manifest, (*annotations, f"{CERT_MANAGER}/{field}"), target, field, Need.SOFT)


def _scaler(manifest: Manifest) -> Iterator[Use]:
    reference = manifest.get("spec", "scaleTargetRef")
    yield from _ref(
        manifest, reference, ("spec", "scaleTargetRef"), ("apps", "Deployment"), "scaleTargetRef", need=Need.SOFT
    )
    for path, trigger in entries(manifest.get("spec", "triggers"), ("spec", "triggers")):
        own, at = (_KEDA, "TriggerAuthentication"), (*path, "authenticationRef")
        yield from _ref(manifest, trigger.get("authenticationRef"), at, own, "authenticationRef", need=Need.SOFT)


def _trigger_authentication(manifest: Manifest) -> Iterator[Use]:
    """The Secrets of a KEDA trigger; those of a cluster-wide one lie in KEDA's own namespace."""
    if manifest.target_namespace and manifest.kind == "TriggerAuthentication":
        for path, entry in entries(manifest.get("spec", "secretTargetRef"), ("spec", "secretTargetRef")):
            yield from _ref(manifest, entry, path, ("", "Secret"), "secretTargetRef", need=Need.SOFT)


def _vertical_scaler(manifest: Manifest) -> Iterator[Use]:
    reference = manifest.get("spec", "targetRef")
    yield from _ref(manifest, reference, ("spec", "targetRef"), ("apps", "Deployment"), "targetRef", need=Need.SOFT)


def _role_binding(manifest: Manifest) -> Iterator[Use]:
    group = "rbac.authorization.k8s.io"
    yield from _ref(manifest, manifest.get("roleRef"), ("roleRef",), (group, "Role"), "roleRef", need=Need.SOFT)
    for path, subject in entries(manifest.get("subjects"), ("subjects",)):
        if subject.get("kind") == "ServiceAccount":
            yield from _ref(manifest, subject, path, ("", "ServiceAccount"), "subjects", need=Need.SOFT)


def _stateful_set(manifest: Manifest) -> Iterator[Use]:
    yield from _named(manifest, ("spec", "serviceName"), ("", "Service"), "serviceName", Need.SOFT)
    for path, _ in entries(manifest.get("spec", "volumeClaimTemplates"), ("spec", "volumeClaimTemplates")):
        yield from _class(manifest, (*path, "spec", "storageClassName"), "storage.k8s.io", "StorageClass")


def _volume_claim(manifest: Manifest) -> Iterator[Use]:
    yield from _class(manifest, ("spec", "storageClassName"), "storage.k8s.io", "StorageClass")
    yield from _class(manifest, ("spec", "volumeName"), "", "PersistentVolume")


def _volume(manifest: Manifest) -> Iterator[Use]:
    yield from _class(manifest, ("spec", "storageClassName"), "storage.k8s.io", "StorageClass")


def _service_account(manifest: Manifest) -> Iterator[Use]:
    for field in ("imagePullSecrets", "secrets"):
        # `secrets` says what Pods may mount, and nothing asks whether it is there.
        need = Need.OPTIONAL if field == "secrets" else Need.SOFT
        for path, entry in entries(manifest.get(field), (field,)):
            yield from _ref(manifest, entry, path, ("", "Secret"), field, need=need)


def _called(manifest: Manifest, reference: Any, path: Path, relation: str, need: Need = Need.HARD) -> Iterator[Use]:
    """A Service that the API server calls, on port 443 where none is named."""
    below = mapping(reference)
    for use in _ref(manifest, {**below, "key": None}, path, ("", "Service"), relation, need=need):
        port = below.get("port")
        key_path: Path = use.path if port is None else (*path, "port")
        yield replace(use, key=port if isinstance(port, int) else 443, key_path=key_path)


def _api_service(manifest: Manifest) -> Iterator[Use]:
    yield from _called(manifest, manifest.get("spec", "service"), ("spec", "service"), "service")


def _webhooks(manifest: Manifest) -> Iterator[Use]:
    """Admission webhooks; with failurePolicy Ignore the API server goes on without an answer."""
    for path, hook in entries(manifest.get("webhooks"), ("webhooks",)):
        need = Need.OPTIONAL if hook.get("failurePolicy") == "Ignore" else Need.SOFT
        service = mapping(hook.get("clientConfig")).get("service")
        at = (*path, "clientConfig", "service")
        yield from _called(manifest, service, at, "clientConfig.service", need)


def _crd(manifest: Manifest) -> Iterator[Use]:
    path: Path = ("spec", "conversion", "webhook", "clientConfig", "service")
    yield from _called(manifest, manifest.get(*path), path, "conversion webhook", Need.SOFT)


def _external_secret(manifest: Manifest) -> Iterator[Use]:
    """The stores of an ExternalSecret, of each of its entries, and of a PushSecret or ClusterExternalSecret."""
    spec: Path = ("spec", "externalSecretSpec") if manifest.kind == "ClusterExternalSecret" else ("spec",)
    body = mapping(manifest.get(*spec))
    yield from _store(manifest, body.get("secretStoreRef"), (*spec, "secretStoreRef"))
    for block in ("data", "dataFrom"):
        for path, entry in entries(body.get(block), (*spec, block)):
            reference = mapping(entry.get("sourceRef")).get("storeRef")
            yield from _store(manifest, reference, (*path, "sourceRef", "storeRef"))
    for path, reference in entries(body.get("secretStoreRefs"), (*spec, "secretStoreRefs")):
        yield from _store(manifest, reference, path)
    if manifest.kind == "PushSecret":
        selected = manifest.get("spec", "selector", "secret")
        yield from _ref(manifest, selected, ("spec", "selector", "secret"), ("", "Secret"), "selector", need=Need.SOFT)
    for path, source in entries(
        mapping(mapping(body.get("target")).get("template")).get("templateFrom"),
        (*spec, "target", "template", "templateFrom"),
    ):
        yield from _ref(
            manifest, source.get("configMap"), (*path, "configMap"), ("", "ConfigMap"), "templateFrom", need=Need.SOFT
        )
        yield from _ref(
            manifest, source.get("secret"), (*path, "secret"), ("", "Secret"), "templateFrom", need=Need.SOFT
        )


def _store(manifest: Manifest, reference: Any, path: Path) -> Iterator[Use]:
    # A ClusterExternalSecret makes its ExternalSecrets in namespaces that labels pick.
    if manifest.target_namespace or mapping(reference).get("kind") == "ClusterSecretStore":
        default = (EXTERNAL_SECRETS, "SecretStore")
        yield from _ref(manifest, reference, path, default, "secretStoreRef", need=Need.SOFT)


def _secret_store(manifest: Manifest) -> Iterator[Use]:
    """Credentials and accounts of a store; a cluster-wide one has to name their namespace."""
    provider = manifest.get("spec", "provider")
    for ending, kind in (("ecretRef", "Secret"), ("erviceAccountRef", "ServiceAccount")):
        for path, reference in references_below(provider, ("spec", "provider"), (ending,)):
            if manifest.target_namespace or reference.get("namespace"):
                yield from _ref(manifest, reference, path, ("", kind), str(path[-1]), need=Need.SOFT)
    for path, reference in references_below(provider, ("spec", "provider"), ("caProvider",)):
        kind = text(reference.get("type")) or "Secret"
        yield from _ref(manifest, {**reference, "kind": kind}, path, ("", kind), "caProvider", need=Need.SOFT)


def _certificate(manifest: Manifest) -> Iterator[Use]:
    yield from _ref(
        manifest,
        manifest.get("spec", "issuerRef"),
        ("spec", "issuerRef"),
        (CERT_MANAGER, "Issuer"),
        "issuerRef",
        need=Need.SOFT,
    )


def _issuer(manifest: Manifest) -> Iterator[Use]:
    """An Issuer's CA and credentials. A ClusterIssuer's lie in cert-manager's own namespace, which Git may not know."""
    if not manifest.target_namespace:
        return
    spec = manifest.get("spec")
    yield from _named(manifest, ("spec", "ca", "secretName"), ("", "Secret"), "ca", Need.SOFT)
    for path, reference in references_below(spec, ("spec",), ("ecretRef", "ecretAccessKeySecretRef")):
        if path[-1] != "privateKeySecretRef":  # cert-manager writes the account's key there
            yield from _ref(manifest, reference, path, ("", "Secret"), str(path[-1]), need=Need.SOFT)


def _gateway(manifest: Manifest) -> Iterator[Use]:
    yield from _class(manifest, ("spec", "gatewayClassName"), GATEWAY, "GatewayClass")
    for listener_path, listener in entries(manifest.get("spec", "listeners"), ("spec", "listeners")):
        certificates = mapping(listener.get("tls")).get("certificateRefs")
        for path, reference in entries(certificates, (*listener_path, "tls", "certificateRefs")):
            yield from _ref(manifest, reference, path, ("", "Secret"), "certificateRefs", need=Need.SOFT)
    yield from _annotated_issuers(manifest)


def _route(manifest: Manifest) -> Iterator[Use]:
    """HTTPRoute and its siblings: Gateways above, Services below, with the port's number."""
    for path, reference in entries(manifest.get("spec", "parentRefs"), ("spec", "parentRefs")):
        yield from _ref(manifest, reference, path, (GATEWAY, "Gateway"), "parentRefs", need=Need.SOFT)
    for rule_path, rule in entries(manifest.get("spec", "rules"), ("spec", "rules")):
        for path, reference in entries(rule.get("backendRefs"), (*rule_path, "backendRefs")):
            if text(reference.get("kind")) in ("", "Service"):
                yield from _ported(manifest, reference, path, "backendRefs")


def _ported(manifest: Manifest, reference: dict[str, Any], path: Path, relation: str) -> Iterator[Use]:
    for use in _ref(manifest, {**reference, "key": None}, path, ("", "Service"), relation, need=Need.SOFT):
        port = reference.get("port")
        if isinstance(port, int | str) and not isinstance(port, bool) and port != "":
            yield Use(manifest, use.path, use.target, relation, Need.SOFT, port, (*path, "port"))
        else:
            yield use


def _rollout(manifest: Manifest) -> Iterator[Use]:
    """The Services that Argo Rollouts switches between."""
    for path in (
        ("spec", "strategy", "canary", "canaryService"),
        ("spec", "strategy", "canary", "stableService"),
        ("spec", "strategy", "blueGreen", "activeService"),
        ("spec", "strategy", "blueGreen", "previewService"),
    ):
        yield from _named(manifest, path, ("", "Service"), path[-1])
    reference = manifest.get("spec", "workloadRef")
    yield from _ref(manifest, reference, ("spec", "workloadRef"), ("apps", "Deployment"), "workloadRef")


def _ingress_route(manifest: Manifest) -> Iterator[Use]:
    """Traefik's routes: Services with ports, middlewares and the TLS Secret."""
    yield from _named(manifest, ("spec", "tls", "secretName"), ("", "Secret"), "tls", Need.SOFT)
    for route_path, route in entries(manifest.get("spec", "routes"), ("spec", "routes")):
        for path, service in entries(route.get("services"), (*route_path, "services")):
            if text(service.get("kind")) in ("", "Service"):
                yield from _ported(manifest, service, path, "services")
        for path, middleware in entries(route.get("middlewares"), (*route_path, "middlewares")):
            if "@" not in text(middleware.get("name")):  # another provider's
                yield from _ref(
                    manifest, middleware, path, (manifest.group, "Middleware"), "middlewares", need=Need.SOFT
                )


def _openshift_route(manifest: Manifest) -> Iterator[Use]:
    yield from _ref(manifest, manifest.get("spec", "to"), ("spec", "to"), ("", "Service"), "to", need=Need.SOFT)


def _monitor(manifest: Manifest) -> Iterator[Use]:
    """Credentials of a ServiceMonitor's or PodMonitor's endpoints; what it selects is a selection."""
    for field in ("endpoints", "podMetricsEndpoints"):
        for path, endpoint in entries(manifest.get("spec", field), ("spec", field)):
            blocks = (
                ("basicAuth", "username"),
                ("basicAuth", "password"),
                ("bearerTokenSecret",),
                ("authorization", "credentials"),
            )
            for block in blocks:
                reference: Any = endpoint
                for step in block:
                    reference = mapping(reference).get(step)
                yield from _ref(manifest, reference, (*path, *block), ("", "Secret"), block[-1], need=Need.SOFT)


_RBAC, _KEDA = "rbac.authorization.k8s.io", "keda.sh"
_ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")
_EXTRACTORS: dict[tuple[str, str], Extractor] = {
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _volume_claim,
    ("", "ServiceAccount"): _service_account,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _crd,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("apps", "StatefulSet"): _stateful_set,
    ("argoproj.io", "Rollout"): _rollout,
    ("autoscaling", "HorizontalPodAutoscaler"): _scaler,
    ("autoscaling.k8s.io", "VerticalPodAutoscaler"): _vertical_scaler,
    (CERT_MANAGER, "Certificate"): _certificate,
    (CERT_MANAGER, "ClusterIssuer"): _issuer,
    (CERT_MANAGER, "Issuer"): _issuer,
    (EXTERNAL_SECRETS, "ClusterExternalSecret"): _external_secret,
    (EXTERNAL_SECRETS, "ClusterSecretStore"): _secret_store,
    (EXTERNAL_SECRETS, "ExternalSecret"): _external_secret,
    (EXTERNAL_SECRETS, "PushSecret"): _external_secret,
    (EXTERNAL_SECRETS, "SecretStore"): _secret_store,
    (GATEWAY, "Gateway"): _gateway,
    (_KEDA, "ScaledObject"): _scaler,
    (_KEDA, "TriggerAuthentication"): _trigger_authentication,
    ("monitoring.coreos.com", "PodMonitor"): _monitor,
    ("monitoring.coreos.com", "ServiceMonitor"): _monitor,
    ("networking.k8s.io", "Ingress"): _ingress,
    (_RBAC, "ClusterRoleBinding"): _role_binding,
    (_RBAC, "RoleBinding"): _role_binding,
    ("route.openshift.io", "Route"): _openshift_route,
    ("traefik.containo.us", "IngressRoute"): _ingress_route,
    ("traefik.io", "IngressRoute"): _ingress_route,
    **{(GATEWAY, kind): _route for kind in _ROUTES},
}
