"""What findings say: outcome, found, expected, key and the places that prove it, for cases of the fixtures."""

from __future__ import annotations

import pytest

from tests.cases import FIXTURES, judge_case

# Outcome, found, expected, key without the check's id, and the related places with their notes.
Row = tuple[str, str, str, str, list[tuple[str, str]]]

FINDINGS: dict[str, list[Row]] = {
    "application-field-invalid/case-number-for-path": [
        ("failed", "2026, which is of type integer", "string", "shop//spec.source.path", []),
    ],
    "application-field-unknown/case-misplaced": [
        ("failed", "spec.syncOptions", "spec.syncPolicy.syncOptions", "shop//spec.syncOptions", []),
    ],
    "application-missing": [
        ("failed", "no Application of that name", "an Application called shop-web; there is shop", "//shop-web", []),
    ],
    "application-name-duplicate/case-one-file": [
        ("failed", "argocd/shop is there 2 times", "one", "/argocd~1shop/", [("apps/shop.yaml:4:3", "the same name")]),
    ],
    "application-not-rendered/case-a-note": [
        (
            "failed",
            "source-path-missing: manifests/shop does not exist",
            "every source rendered",
            "shop//source-path-missing",
            [
                ("policies/test.yaml:4:5", "the inventory requires it"),
                ("policies/test.yaml:6:3", "the check that would tell"),
            ],
        ),
    ],
    "application-not-rendered/case-nothing-and-off": [
        (
            "failed",
            "no source renders anything",
            "every source rendered",
            "shop//render-nothing",
            [
                ("policies/test.yaml:4:5", "the inventory requires it"),
                ("policies/test.yaml:6:3", "the check that would tell"),
            ],
        ),
    ],
    "application-project-forbids/case-cluster-unknown": [
        (
            "could-not-check",
            "edge shop, and the project names clusters by server",
            "a cluster whose name and server the tree tells",
            "shop//spec.destination",
            [("projects/shop.yaml:9:3", "AppProject shop")],
        ),
    ],
    "application-project-forbids/case-destination": [
        (
            "failed",
            "https://kubernetes.default.svc shop-2",
            "a destination that the project permits",
            "shop//spec.destination",
            [("projects/shop.yaml:9:3", "AppProject shop")],
        ),
    ],
    "application-project-forbids/case-kind": [
        (
            "failed",
            "rbac.authorization.k8s.io/ClusterRole shop-reader",
            "a kind that AppProject shop permits",
            "shop//kinds.rbac.authorization.k8s.io~1ClusterRole",
            [("projects/shop.yaml:6:1", "AppProject shop")],
        ),
    ],
    "application-project-forbids/case-kind-of-unknown-scope": [
        (
            "failed",
            "cert-manager.io/Certificate shop",
            "a kind that AppProject shop permits",
            "shop//kinds.cert-manager.io~1Certificate",
            [("projects/shop.yaml:6:1", "AppProject shop")],
        ),
        (
            "could-not-check",
            "cert-manager.io/ClusterIssuer letsencrypt, a kind of unknown scope",
            "its CRD in the tree, or the kind in cluster.clusterScopedKinds",
            "shop//kinds.cert-manager.io~1ClusterIssuer",
            [("projects/shop.yaml:6:1", "AppProject shop")],
        ),
    ],
    "application-project-forbids/case-object-namespace": [
        (
            "failed",
            "https://kubernetes.default.svc kube-public",
            "a destination that the project permits",
            "shop//namespaces.kube-public",
            [("projects/shop.yaml:9:3", "AppProject shop")],
        ),
    ],
    "application-project-forbids/case-source": [
        (
            "failed",
            "https://git.example.com/platform/deployments.git",
            "one of sourceRepos: https://git.example.com/*",
            "shop//spec.source.repoURL",
            [("projects/shop.yaml:7:3", "AppProject shop")],
        ),
    ],
    "application-project-missing": [
        (
            "could-not-check",
            "no AppProject shops",
            "an AppProject of the tree; there is shop",
            "shop//spec.project",
            [],
        ),
    ],
    "application-project-unexpected": [
        ("failed", "default", "shop", "shop//spec.project", [("policies/test.yaml:4:3", "the allowed projects")]),
    ],
    "application-set-not-expanded/case-rendered": [
        ("could-not-check", "ApplicationSet previews", "Applications that stand in the tree", "//previews", []),
    ],
    "application-unexpected": [
        ("failed", "shop2", "a name of the inventory", "shop2//", [("policies/test.yaml:3:1", "the inventory")]),
    ],
    "application-unreachable": [
        (
            "failed",
            "no Application renders it",
            "rendered by root, or by one of their children",
            "billing//",
            [("policies/test.yaml:3:1", "the roots")],
        ),
    ],
    "destination-invalid/case-both": [
        (
            "failed",
            "server and name",
            "one of the two",
            "shop//spec.destination",
            [("apps/shop.yaml:13:5", "the server")],
        ),
    ],
    "destination-invalid/case-neither": [
        ("failed", "neither server nor name", "one of the two", "shop//spec.destination", []),
    ],
    "destination-server-unexpected/case-by-name": [
        (
            "failed",
            "edge",
            "https://kubernetes.default.svc",
            "shop//spec.destination.name",
            [("policies/test.yaml:4:3", "what policy allows")],
        ),
    ],
    "finalizer-missing/case-another": [
        (
            "failed",
            "resources-finalizer.argocd.argoproj.io/background",
            "resources-finalizer.argocd.argoproj.io",
            "shop//metadata.finalizers",
            [("policies/test.yaml:4:3", "the finalizer that policy asks for")],
        ),
    ],
    "finalizer-missing/case-none": [
        (
            "failed",
            "no finalizer",
            "resources-finalizer.argocd.argoproj.io",
            "shop//metadata.finalizers",
            [("policies/test.yaml:4:3", "the finalizer that policy asks for")],
        ),
    ],
    "info-missing/case-absent": [
        (
            "failed",
            "no description",
            "spec.info with description",
            "shop//spec.info.description",
            [("policies/test.yaml:4:3", "what policy asks for")],
        ),
    ],
    "info-missing/case-empty": [
        (
            "failed",
            "description without a value",
            "spec.info with description",
            "shop//spec.info.description",
            [("policies/test.yaml:4:3", "what policy asks for")],
        ),
    ],
    "managed-namespace-metadata-ineffective/case-manifest-wins": [
        (
            "failed",
            "a Namespace manifest beside it",
            "one of the two",
            "shop//spec.syncPolicy.managedNamespaceMetadata",
            [("manifests/shop/namespace.yaml:3:1", "the manifest of Namespace shop, which wins")],
        ),
    ],
    "manifest-duplicate-key/case-application": [
        (
            "failed",
            "spec.project a second time",
            "each key once",
            "//apps~1shop.yaml:spec.project",
            [("apps/shop.yaml:7:3", "the first one, which is dropped")],
        ),
    ],
    "manifest-duplicate-key/case-object": [
        (
            "failed",
            "data.mode a second time; the first stands in line 6 and is dropped",
            "each key once",
            "//manifests~1shop~1settings.yaml:data.mode",
            [],
        ),
    ],
    "manifest-not-yaml/case-json": [
        (
            "failed",
            "Expecting property name enclosed in double quotes",
            "one JSON object",
            "//manifests~1shop~1broken.json",
            [],
        ),
    ],
    "manifest-templated/case-application": [
        (
            "could-not-check",
            "a mapping or a list as a key is not supported",
            "plain YAML, or a chart that renders it",
            "//apps~1template.yaml",
            [],
        ),
    ],
    "manifest-templated/case-child": [
        (
            "failed",
            "a mapping or a list as a key is not supported",
            "YAML that Argo CD can read",
            "//apps~1template.yaml",
            [],
        ),
    ],
    "namespace-not-created/case-named-by-object": [
        (
            "failed",
            "nobody creates monitoring-2",
            "a Namespace manifest of monitoring-2",
            "shop//namespaces.monitoring-2",
            [],
        ),
    ],
    "namespace-not-created/case-not-all-rendered": [
        (
            "could-not-check",
            "nobody creates shop, as far as the Applications could be rendered",
            "CreateNamespace=true, or a Namespace manifest of shop",
            "shop//namespaces.shop",
            [],
        ),
    ],
    "namespace-not-created/case-option-misspelt": [
        (
            "failed",
            "nobody creates shop",
            "CreateNamespace=true, or a Namespace manifest of shop",
            "shop//namespaces.shop",
            [],
        ),
    ],
    "object-namespace-missing/case-known-kind": [
        (
            "failed",
            "no namespace for ConfigMap settings",
            "a destination namespace",
            "shop//spec.destination.namespace",
            [("manifests/shop/settings.yaml:2:1", "ConfigMap settings")],
        ),
    ],
    "object-namespace-missing/case-unknown-kind": [
        (
            "could-not-check",
            "no namespace for ClusterIssuer letsencrypt, if that is a namespaced kind",
            "a destination namespace, or the kind in cluster.clusterScopedKinds",
            "shop//spec.destination.namespace",
            [("manifests/shop/issuer.yaml:2:1", "ClusterIssuer letsencrypt")],
        ),
    ],
    "object-namespace-unexpected/case-chart": [
        (
            "failed",
            "grafana",
            "monitoring or shop",
            "shop/ConfigMap~1grafana~1shop-settings/metadata.namespace",
            [("charts/shop/templates/settings.yaml", "renders ConfigMap shop-settings")],
        ),
    ],
    "release-name-invalid/case-application-name": [
        (
            "failed",
            "shop-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy",
            "a release name has at most 53 characters, this one has 54",
            "shop-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy//spec.source",
            [],
        ),
    ],
    "revision-history-limit-out-of-bounds/case-below": [
        (
            "failed",
            "2",
            "at least 3 and at most 10",
            "shop//spec.revisionHistoryLimit",
            [("policies/test.yaml:4:3", "the bounds of policy")],
        ),
    ],
    "revision-history-limit-out-of-bounds/case-default": [
        (
            "failed",
            "10, Argo CD's default",
            "at least 3 and at most 9",
            "shop//spec.revisionHistoryLimit",
            [("policies/test.yaml:4:3", "the bounds of policy")],
        ),
    ],
    "source-incomplete/case-chart-without-version": [
        ("failed", "a chart without targetRevision", "the chart's version", "shop//spec.source.targetRevision", []),
    ],
    "source-incomplete/case-no-path": [
        (
            "failed",
            "no path or chart",
            "path or chart; the root of a repository is the path .",
            "shop//spec.source.path",
            [],
        ),
    ],
    "source-path-missing/case-a-file": [
        (
            "failed",
            "manifests/shop/settings.yaml is a file",
            "a folder of the repository; the nearest is manifests/shop",
            "shop//spec.source",
            [],
        ),
    ],
    "source-path-missing/case-gone": [
        (
            "failed",
            "manifests/shops does not exist",
            "a folder of the repository; the nearest is manifests/shop",
            "shop//spec.source",
            [],
        ),
    ],
    "source-repository-unexpected/case-with-credentials": [
        (
            "failed",
            "https://git.example.com/shop/deployments.git",
            "https://git.example.com/platform/*",
            "shop//spec.source.repoURL",
            [("policies/test.yaml:4:3", "the allowed repositories")],
        ),
    ],
    "source-revision-unexpected/case-absent": [
        (
            "failed",
            "HEAD",
            "main or release-*",
            "shop//spec.source.targetRevision",
            [("policies/test.yaml:4:3", "the allowed revisions")],
        ),
    ],
    "source-type-ambiguous": [
        ("failed", "helm and directory", "one of helm, kustomize, directory, plugin", "shop//spec.source", []),
    ],
}


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_says_what_was_found_and_what_proves_it(name: str) -> None:
    """Every finding of a case's own check has the outcome, the words, the key and the places that are written here."""
    check, _, case = name.partition("/")
    judgement = judge_case(FIXTURES / check / "bad" / case)
    seen = [
        (
            finding.outcome.value,
            finding.found,
            finding.expected,
            finding.key.partition("/")[2],
            [(str(related.place), related.note) for related in finding.related],
        )
        for finding in judgement.findings
        if finding.check == check
    ]
    assert seen == FINDINGS[name]
