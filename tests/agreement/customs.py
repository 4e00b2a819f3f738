"""Custom resources, of which Argo CD's code has no types: compared as plain JSON."""

from __future__ import annotations

from tests.agreement.kinds import Json

CUSTOM_RESOURCES: tuple[Json, ...] = (
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {"duration": "1h"}}, {"setWeight": 60}]}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "registry.test/web:1.2.3",
                            "ports": [{"containerPort": 8080}],
                            "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
                        }
                    ]
                },
            },
        },
    },
    {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"},
            "target": {"name": "web", "template": {"type": "Opaque", "data": {"url": "{{ .host }}"}}},
            "data": [
                {"secretKey": "host", "remoteRef": {"key": "shop/web", "property": "host"}},
                {"secretKey": "token", "remoteRef": {"key": "shop/web", "property": "token"}},
            ],
        },
    },
    {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {}},
        "spec": {
            "secretName": "web-tls",
            "dnsNames": ["web.test", "www.web.test"],
            "issuerRef": {"name": "ca", "kind": "Issuer"},
            "duration": "2160h",
        },
    },
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd", "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "source": {"repoURL": "https://git.test/shop.git", "path": "shop", "helm": {"valueFiles": ["values.yaml"]}},
            "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
        },
    },
    {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "web", "namespace": "shop", "labels": {}},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "endpoints": [
                {"port": "http", "interval": "30s", "scheme": None},
                {"port": "metrics", "honorLabels": False},
            ],
            "namespaceSelector": {},
        },
    },
    {
        "apiVersion": "acme.test/v1",
        "kind": "Widget",
        "metadata": {"name": "cluster-wide"},
        "spec": {
            "mode": "auto",
            "size": 3,
            "ratio": 0.5,
            "limits": {"cpu": "1", "memory": "1024Mi"},
            "rules": [{"host": "a.test"}, {"host": "b.test", "port": 80}],
            "nested": {"list": [[1, 2], [3]], "empty": {}, "none": None},
        },
    },
)
