"""What is there once everything is synced: rendered objects, and what controllers make from them."""

from __future__ import annotations

import pytest

from driftgate.graph.producers import definitions_of
from driftgate.graph.terms import Origin
from tests.graph.test_uses import manifest_of

# (group/Kind/namespace/name, keys where they are known)
Made = tuple[str, tuple[str, ...] | None]

EXTERNAL = "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: db}\nspec: %s\n"
INGRESS = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, annotations: {%s}}\n"
TLS = "spec: {tls: [{secretName: web-tls}]}\n"
CERTIFICATE = ("ca.crt", "tls.crt", "tls.key")
CONTROLLERS: dict[str, tuple[str, list[Made]]] = {
    "target of its own name": (EXTERNAL % "{data: [{secretKey: url}]}", [("/Secret/shop/db", ("url",))]),
    "target of another name": (
        EXTERNAL % "{target: {name: credentials}, data: [{secretKey: url}]}",
        [("/Secret/shop/credentials", ("url",))],
    ),
    "keys that only the store knows": (
        EXTERNAL % "{data: [{secretKey: url}], dataFrom: [{extract: {key: a}}]}",
        [("/Secret/shop/db", None)],
    ),
    "a template replaces the keys": (
        EXTERNAL % "{target: {template: {data: {uri: x}}}, dataFrom: [{extract: {key: a}}]}",
        [("/Secret/shop/db", ("uri",))],
    ),
    "a template adds to the keys": (
        EXTERNAL % "{target: {template: {mergePolicy: Merge, data: {uri: x}}}, data: [{secretKey: url}]}",
        [("/Secret/shop/db", ("uri", "url"))],
    ),
    "a template from elsewhere": (
        EXTERNAL % "{target: {template: {templateFrom: [{configMap: {name: a}}]}}, data: [{secretKey: url}]}",
        [("/Secret/shop/db", None)],
    ),
    "merges into another one": (EXTERNAL % "{target: {creationPolicy: Merge}, data: [{secretKey: url}]}", []),
    "in every namespace": (
        (
            "apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\nmetadata: {name: db}\n"
            "spec: {externalSecretName: cache, externalSecretSpec: {data: [{secretKey: url}]}}\n"
        ),
        [("/Secret/*/cache", ("url",))],
    ),
    "certificate": (
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\nspec: {secretName: web-tls}\n",
        [("/Secret/shop/web-tls", CERTIFICATE)],
    ),
    "annotated ingress": (
        INGRESS % "cert-manager.io/cluster-issuer: a" + TLS,
        [("/Secret/shop/web-tls", CERTIFICATE)],
    ),
    "plain ingress": (INGRESS % "" + TLS, []),
    "sealed secret": (
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db}\nspec: {encryptedData: {url: x}}\n",
        [("/Secret/shop/db", ("url",))],
    ),
    "claims of a stateful set": (
        (
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n"
            "spec: {volumeClaimTemplates: [{metadata: {name: data}}]}\n"
        ),
        [("/PersistentVolumeClaim/shop/data-db-*", None)],
    ),
    "secrets store": (
        (
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata: {name: v}\n"
            "spec: {secretObjects: [{secretName: db, data: [{objectName: a, key: url}]}]}\n"
        ),
        [("/Secret/shop/db", ("url",))],
    ),
    "prometheus": (
        "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: main}\nspec: {}\n",
        [("/Service/shop/prometheus-operated", None), ("apps/StatefulSet/shop/prometheus-main*", None)],
    ),
    "copied into other namespaces": (
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca, annotations: {kubed.appscode.com/sync: ''}}\n"
            "data: {a: b}\n"
        ),
        [("/ConfigMap/*/ca", None)],
    ),
    "connection details": (
        (
            "apiVersion: db.example.com/v1\nkind: Instance\nmetadata: {name: a}\n"
            "spec: {writeConnectionSecretToRef: {name: db, namespace: tools}}\n"
        ),
        [("/Secret/tools/db", None)],
    ),
}
RENDERED: dict[str, tuple[str, Made]] = {
    "keys of a secret": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {a: x}\nstringData: {b: y}\n",
        ("/Secret/shop/db", ("a", "b")),
    ),
    "an empty secret, which somebody fills": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n",
        ("/Secret/shop/db", None),
    ),
    "an account's token": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: t}\ntype: kubernetes.io/service-account-token\ndata: {a: x}\n",
        ("/Secret/shop/t", None),
    ),
    "keys of a config map": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: x}\nbinaryData: {b: eA==}\n",
        ("/ConfigMap/shop/web", ("a", "b")),
    ),
    "a generated name": (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-}\n",
        ("batch/Job/shop/migrate-*", None),
    ),
    "a definition, by kind": (
        (
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
            "metadata: {name: widgets.example.com}\n"
            "spec: {group: example.com, names: {kind: Widget}}\n"
        ),
        ("apiextensions.k8s.io/CustomResourceDefinition//Widget.example.com", None),
    ),
}


def made(text: str, origin: Origin) -> list[Made]:
    """What one object brings, by one way."""
    return [
        (
            f"{one.target.group}/{one.target.kind}/{one.target.namespace}/{one.target.name}",
            None if one.keys is None else tuple(sorted(one.keys)),
        )
        for one in definitions_of(manifest_of(text))
        if one.origin is origin
    ]


@pytest.mark.parametrize(("text", "expected"), CONTROLLERS.values(), ids=CONTROLLERS)
def test_what_controllers_make(text: str, expected: list[Made]) -> None:
    """A controller makes objects from its own kind, under names and with keys that Git tells, or does not."""
    assert made(text, Origin.CONTROLLER) == expected


@pytest.mark.parametrize(("text", "expected"), RENDERED.values(), ids=RENDERED)
def test_what_is_rendered_is_there_itself(text: str, expected: Made) -> None:
    """A rendered object is there under its own name, with its keys where nobody else adds any."""
    assert made(text, Origin.RENDERED) == [expected]
