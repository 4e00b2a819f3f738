"""What will be there once everything is synced: rendered objects, and what controllers make from them.

Which objects a controller makes, and what it calls them, is from each project's own documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from driftgate.graph.pods import SECRETS_STORE
from driftgate.graph.terms import EVERY_NAMESPACE, Definition, Origin, Target, crd_target
from driftgate.graph.uses import CERT_MANAGER, EXTERNAL_SECRETS
from driftgate.graph.walk import entries, mapping, text
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path

__all__ = ["CLUSTER_OWN", "definitions_of"]

_TLS_KEYS = frozenset({"tls.crt", "tls.key"})
_CERTIFICATE_KEYS = _TLS_KEYS | {"ca.crt"}
Producer = Callable[[Manifest], Iterator[Definition]]


def definitions_of(manifest: Manifest) -> Iterator[Definition]:
    """The object itself, and what its controller makes from it."""
    if (manifest.group, manifest.kind) == ("apiextensions.k8s.io", "CustomResourceDefinition"):
        group, kind = text(manifest.get("spec", "group")), text(manifest.get("spec", "names", "kind"))
        yield Definition(crd_target(group, kind), Origin.RENDERED, manifest)
    elif manifest.name:
        yield Definition(Target(*manifest.identity), Origin.RENDERED, manifest, keys=_keys(manifest))
    produce = _PRODUCERS.get((manifest.group, manifest.kind))
    if produce is not None:
        yield from produce(manifest)
    yield from _copies(manifest)
    yield from _connection_secret(manifest)


def _keys(manifest: Manifest) -> frozenset[str] | None:
    """The keys of a Secret or ConfigMap; None where somebody adds some later."""
    if manifest.group or manifest.kind not in ("Secret", "ConfigMap"):
        return None
    blocks = ("data", "stringData") if manifest.kind == "Secret" else ("data", "binaryData")
    written = frozenset(key for block in blocks for key in mapping(manifest.get(block)))
    is_filled = manifest.get("type") == "kubernetes.io/service-account-token" or any(
        name.startswith(_INJECTED) for name in manifest.annotations
    )
    # One without any content is a place for what a person or a controller writes.
    return written if written and not is_filled else None


_INJECTED = ("cert-manager.io/inject", "service.beta.openshift.io/inject", "config.openshift.io/inject")


def _made(manifest: Manifest, kind: str, name: str, path: Path, **more: Any) -> Definition:
    """An object of Kubernetes' own kinds that a controller makes, in the namespace of the one that it makes it from."""
    namespace = more.pop("namespace", "") or manifest.target_namespace
    group = _GROUPS.get(kind, "")
    return Definition(Target(group, kind, namespace, name), Origin.CONTROLLER, manifest, path, **more)


def _external_secret(manifest: Manifest) -> Iterator[Definition]:
    """An ExternalSecret's target, with the keys that Git tells (external-secrets.io/latest/api/externalsecret).

    With creationPolicy Merge it adds to a Secret that somebody else makes, and with None it makes none.
    """
    is_cluster_wide = manifest.kind == "ClusterExternalSecret"
    spec: Path = ("spec", "externalSecretSpec") if is_cluster_wide else ("spec",)
    body = mapping(manifest.get(*spec))
    target = mapping(body.get("target"))
    if target.get("creationPolicy") in ("Merge", "None"):
        return
    path: Path = (*spec, "target", "name") if text(target.get("name")) else ("metadata", "name")
    name = text(target.get("name")) or text(manifest.get("spec", "externalSecretName")) or manifest.name
    kind = text(mapping(target.get("manifest")).get("kind")) or "Secret"
    where = EVERY_NAMESPACE if is_cluster_wide else ""
    yield _made(manifest, kind, name, path, keys=_external_keys(body), namespace=where)


def _external_keys(body: dict[str, Any]) -> frozenset[str] | None:
    """The keys of the target; None where the store, or a template somewhere else, decides."""
    template = mapping(mapping(body.get("target")).get("template"))
    if template.get("templateFrom"):
        return None
    own = mapping(template.get("data"))
    if own and template.get("mergePolicy") != "Merge":
        return frozenset(own)
    if body.get("dataFrom"):
        return None
    listed = [text(entry.get("secretKey")) for _, entry in entries(body.get("data"), ())]
    return frozenset(filter(None, (*listed, *own)))


def _certificate(manifest: Manifest) -> Iterator[Definition]:
    name = text(manifest.get("spec", "secretName"))
    if name:
        keys: frozenset[str] | None = _CERTIFICATE_KEYS
        if manifest.get("spec", "keystores") or manifest.get("spec", "additionalOutputFormats"):
            keys = None
        yield _made(manifest, "Secret", name, ("spec", "secretName"), keys=keys)


def _issuer(manifest: Manifest) -> Iterator[Definition]:
    """An ACME issuer's account key, which cert-manager makes; a ClusterIssuer's lies in its own namespace."""
    path: Path = ("spec", "acme", "privateKeySecretRef", "name")
    name = text(manifest.get(*path))
    if name:
        where = "" if manifest.target_namespace else EVERY_NAMESPACE
        yield _made(manifest, "Secret", name, path, namespace=where)


def _shimmed(manifest: Manifest) -> Iterator[Definition]:
    """The TLS Secrets that cert-manager makes for an annotated Ingress or Gateway."""
    wanted = {f"{CERT_MANAGER}/issuer", f"{CERT_MANAGER}/cluster-issuer"}
    if not wanted & manifest.annotations.keys() and manifest.annotations.get("kubernetes.io/tls-acme") != "true":
        return
    for path, entry in entries(manifest.get("spec", "tls"), ("spec", "tls")):
        if text(entry.get("secretName")):
            yield _made(manifest, "Secret", entry["secretName"], (*path, "secretName"), keys=_CERTIFICATE_KEYS)
    for path, listener in entries(manifest.get("spec", "listeners"), ("spec", "listeners")):
        references = mapping(listener.get("tls")).get("certificateRefs")
        for at, reference in entries(references, (*path, "tls", "certificateRefs")):
            if text(reference.get("name")):
                yield _made(manifest, "Secret", reference["name"], (*at, "name"), keys=_CERTIFICATE_KEYS)


def _sealed_secret(manifest: Manifest) -> Iterator[Definition]:
    path: Path = ("spec", "template", "metadata", "name")
    if not text(manifest.get(*path)):
        path = ("metadata", "name")
    keys = frozenset(
        {*mapping(manifest.get("spec", "encryptedData")), *mapping(manifest.get("spec", "template", "data"))}
    )
    yield _made(manifest, "Secret", text(manifest.get(*path)), path, keys=keys or None)


def _provider_class(manifest: Manifest) -> Iterator[Definition]:
    """The Secrets that the driver makes of what a Pod mounts (secrets-store-csi-driver.sigs.k8s.io)."""
    for path, entry in entries(manifest.get("spec", "secretObjects"), ("spec", "secretObjects")):
        name = text(entry.get("secretName"))
        if name:
            keys = frozenset(text(item.get("key")) for _, item in entries(entry.get("data"), ()))
            yield _made(manifest, "Secret", name, (*path, "secretName"), keys=keys or None)


def _claims(manifest: Manifest) -> Iterator[Definition]:
    """The claims of a StatefulSet's Pods, `<template>-<StatefulSet>-<ordinal>`."""
    for path, template in entries(manifest.get("spec", "volumeClaimTemplates"), ("spec", "volumeClaimTemplates")):
        name = text(mapping(template.get("metadata")).get("name"))
        yield _made(manifest, "PersistentVolumeClaim", f"{name}-{manifest.name}-*", (*path, "metadata", "name"))


def _service(manifest: Manifest) -> Iterator[Definition]:
    name = text(manifest.annotations.get("service.beta.openshift.io/serving-cert-secret-name"))
    if name:
        path: Path = ("metadata", "annotations", "service.beta.openshift.io/serving-cert-secret-name")
        yield _made(manifest, "Secret", name, path, keys=_TLS_KEYS)


def _in_field(kind: str, path: Path, *, namespace: Path = ()) -> Producer:
    """A producer of what one field names; `namespace` is the field for another namespace."""

    def produce(manifest: Manifest) -> Iterator[Definition]:
        name = text(manifest.get(*path))
        if name:
            where = text(manifest.get(*namespace)) if namespace else ""
            yield _made(manifest, kind, name, path, namespace=where)

    return produce


def _by_name(*patterns: tuple[str, str], namespace: str = "") -> Producer:
    """A producer of objects whose names follow from the object's own; `{}` stands for it in each (kind, name)."""

    def produce(manifest: Manifest) -> Iterator[Definition]:
        for kind, pattern in patterns:
            name = pattern.format(manifest.name)
            yield _made(manifest, kind, name, ("metadata", "name"), namespace=namespace)

    return produce


def _connection_secret(manifest: Manifest) -> Iterator[Definition]:
    """The Secret that Crossplane and its like write connection details to, whatever the kind."""
    path: Path = ("spec", "writeConnectionSecretToRef", "name")
    name = text(manifest.get(*path)) if manifest.group else ""
    if name:
        yield _made(manifest, "Secret", name, path, namespace=text(manifest.get(*path[:-1], "namespace")))


_REPLICATION = (
    "reflector.v1.k8s.emberstack.com/reflection-auto-enabled",
    "replicator.v1.mittwald.de/replicate-to",
    "replicator.v1.mittwald.de/replicate-to-matching",
    "kubed.appscode.com/sync",
)


def _copies(manifest: Manifest) -> Iterator[Definition]:
    """A Secret or ConfigMap that a controller copies into other namespaces."""
    if not manifest.group and manifest.kind in ("Secret", "ConfigMap"):
        template: dict[str, Any] = {}
    else:
        kind_template = mapping(mapping(mapping(manifest.get("spec")).get("target")).get("template"))
        template = mapping(kind_template.get("metadata")) or mapping(manifest.get("spec", "secretTemplate"))
    annotations = manifest.annotations | mapping(template.get("annotations"))
    if any(name in annotations for name in _REPLICATION):
        kind = manifest.kind if manifest.kind == "ConfigMap" else "Secret"
        name = text(manifest.get("spec", "target", "name")) or text(manifest.get("spec", "secretName")) or manifest.name
        yield _made(manifest, kind, name, ("metadata", "name"), namespace=EVERY_NAMESPACE)


_S, _C, _SVC, _SET = "Secret", "ConfigMap", "Service", "StatefulSet"
_GROUPS = {_SET: "apps"}
_PRODUCERS: dict[tuple[str, str], Producer] = {
    ("", "Service"): _service,
    ("acid.zalan.do", "postgresql"): _by_name(
        (_S, "*.{}.credentials.postgresql.acid.zalan.do"), (_SVC, "{}"), (_SVC, "{}-repl"), (_SVC, "{}-pooler")
    ),
    ("apps", "StatefulSet"): _claims,
    ("bitnami.com", "SealedSecret"): _sealed_secret,
    (CERT_MANAGER, "Certificate"): _certificate,
    (CERT_MANAGER, "ClusterIssuer"): _issuer,
    (CERT_MANAGER, "Issuer"): _issuer,
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): _by_name(
        (_S, "{}-es-elastic-user"), (_S, "{}-es-http-certs-public"), (_SVC, "{}-es-*")
    ),
    (EXTERNAL_SECRETS, "ClusterExternalSecret"): _external_secret,
    (EXTERNAL_SECRETS, "ExternalSecret"): _external_secret,
    ("gateway.networking.k8s.io", "Gateway"): _shimmed,
    ("infisical.com", "InfisicalSecret"): _in_field(_S, ("spec", "managedSecretReference", "secretName")),
    ("k8s.bitwarden.com", "BitwardenSecret"): _in_field(_S, ("spec", "secretName")),
    ("kafka.strimzi.io", "Kafka"): _by_name(
        (_S, "{}-cluster-ca-cert"), (_S, "{}-clients-ca-cert"), (_SVC, "{}-kafka-*")
    ),
    ("kafka.strimzi.io", "KafkaUser"): _by_name((_S, "{}")),
    ("kibana.k8s.elastic.co", "Kibana"): _by_name((_SVC, "{}-kb-http"), (_S, "{}-kb-http-certs-public")),
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity"): _by_name((_S, "{}-*"), (_SVC, "{}-svc")),
    ("monitoring.coreos.com", "Alertmanager"): _by_name((_SVC, "alertmanager-operated"), (_SET, "alertmanager-{}")),
    ("monitoring.coreos.com", "Prometheus"): _by_name((_SVC, "prometheus-operated"), (_SET, "prometheus-{}*")),
    ("monitoring.coreos.com", "ThanosRuler"): _by_name((_SVC, "thanos-ruler-operated")),
    ("networking.k8s.io", "Ingress"): _shimmed,
    ("objectbucket.io", "ObjectBucketClaim"): _by_name((_S, "{}"), (_C, "{}")),
    ("onepassword.com", "OnePasswordItem"): _by_name((_S, "{}")),
    ("postgresql.cnpg.io", "Cluster"): _by_name(
        *((_S, f"{{}}-{name}") for name in ("app", "superuser", "ca", "server", "replication")),
        *((_SVC, f"{{}}-{name}") for name in ("rw", "r", "ro")),
    ),
    ("postgresql.cnpg.io", "Pooler"): _by_name((_SVC, "{}")),
    ("rabbitmq.com", "RabbitmqCluster"): _by_name((_S, "{}-default-user"), (_SVC, "{}"), (_SVC, "{}-nodes")),
    ("databases.spotahome.com", "RedisFailover"): _by_name((_SVC, "rf*-{}")),
    ("secrets.doppler.com", "DopplerSecret"): _in_field(
        _S, ("spec", "managedSecret", "name"), namespace=("spec", "managedSecret", "namespace")
    ),
    ("secrets.hashicorp.com", "VaultDynamicSecret"): _in_field(_S, ("spec", "destination", "name")),
    ("secrets.hashicorp.com", "VaultPKISecret"): _in_field(_S, ("spec", "destination", "name")),
    ("secrets.hashicorp.com", "VaultStaticSecret"): _in_field(_S, ("spec", "destination", "name")),
    ("secrets.infisical.com", "InfisicalSecret"): _in_field(
        _S,
        ("spec", "managedSecretReference", "secretName"),
        namespace=("spec", "managedSecretReference", "secretNamespace"),
    ),
    (SECRETS_STORE, "SecretProviderClass"): _provider_class,
    ("serving.knative.dev", "Service"): _by_name((_SVC, "{}")),
    ("trust.cert-manager.io", "Bundle"): _by_name((_C, "{}"), (_S, "{}"), namespace=EVERY_NAMESPACE),
}

# What every cluster has without anybody asking (kubernetes: the controllers' and the API server's own objects).
CLUSTER_OWN: tuple[Definition, ...] = tuple(
    Definition(Target(group, kind, namespace, name), Origin.CLUSTER, keys=keys)
    for group, kind, namespace, name, keys in (
        ("", "ConfigMap", EVERY_NAMESPACE, "kube-root-ca.crt", frozenset({"ca.crt"})),
        ("", "ConfigMap", EVERY_NAMESPACE, "openshift-service-ca.crt", frozenset({"service-ca.crt"})),
        ("", "Namespace", "", "default", None),
        ("", "Namespace", "", "kube-*", None),
        ("", "Service", "default", "kubernetes", None),
        ("", "Service", "kube-system", "kube-dns", None),
        ("", "ServiceAccount", EVERY_NAMESPACE, "default", None),
        ("", "ServiceAccount", "kube-system", "*", None),
        ("rbac.authorization.k8s.io", "ClusterRole", "", "admin", None),
        ("rbac.authorization.k8s.io", "ClusterRole", "", "cluster-admin", None),
        ("rbac.authorization.k8s.io", "ClusterRole", "", "edit", None),
        ("rbac.authorization.k8s.io", "ClusterRole", "", "system:*", None),
        ("rbac.authorization.k8s.io", "ClusterRole", "", "view", None),
        ("rbac.authorization.k8s.io", "Role", "kube-*", "*", None),
        ("scheduling.k8s.io", "PriorityClass", "", "system-*", None),
    )
)
