from __future__ import annotations

import pytest

from driftgate.semantics.projects import (
    DestinationRule,
    KindRule,
    destination_permitted,
    kind_permitted,
    source_permitted,
)

from .support import vectors


@pytest.mark.parametrize(("source_repos", "url", "permitted"), vectors("project_sources"))
def test_source(source_repos: list[str], url: str, permitted: bool) -> None:
    """A project admits the repositories that Argo CD admits, denials included."""
    assert source_permitted(source_repos, url) is permitted


@pytest.mark.parametrize(("rules", "destination", "permitted"), vectors("project_destinations"))
def test_destination(rules: list[list[str]], destination: list[str], permitted: bool) -> None:
    """A project admits the destinations that Argo CD admits, denials included."""
    assert destination_permitted([DestinationRule(*rule) for rule in rules], *destination) is permitted


def test_cluster_scoped_kinds_are_denied_by_default() -> None:
    """Without a list no cluster-scoped kind is allowed, and a blacklist beats a whitelist."""
    everything = [KindRule("*", "*")]
    role = [KindRule("rbac.authorization.k8s.io", "ClusterRole")]
    group, kind = "rbac.authorization.k8s.io", "ClusterRole"
    assert not kind_permitted(group, kind, namespaced=False)
    assert not kind_permitted(group, kind, namespaced=False, namespace_whitelist=everything)
    assert kind_permitted(group, kind, namespaced=False, cluster_whitelist=everything)
    assert kind_permitted(group, kind, namespaced=False, cluster_whitelist=role)
    assert not kind_permitted("", "Namespace", namespaced=False, cluster_whitelist=role)
    assert not kind_permitted(group, kind, namespaced=False, cluster_whitelist=everything, cluster_blacklist=role)


def test_cluster_scoped_names() -> None:
    """A name in a cluster list is a pattern; without one every name counts."""
    rules = [KindRule("", "Namespace", "team-*")]
    assert kind_permitted("", "Namespace", "team-a", namespaced=False, cluster_whitelist=rules)
    assert not kind_permitted("", "Namespace", "kube-system", namespaced=False, cluster_whitelist=rules)
    everything = [KindRule("*", "*")]
    assert not kind_permitted(
        "", "Namespace", "team-a", namespaced=False, cluster_whitelist=everything, cluster_blacklist=rules
    )
    assert kind_permitted(
        "", "Namespace", "other", namespaced=False, cluster_whitelist=everything, cluster_blacklist=rules
    )


def test_namespaced_kinds_are_allowed_by_default() -> None:
    """An absent list allows every namespaced kind, an empty one none, and a blacklist always wins."""
    deployments = [KindRule("apps", "Deploy*", "ignored-name")]
    assert kind_permitted("apps", "Deployment", "web", namespaced=True)
    assert not kind_permitted("apps", "Deployment", "web", namespaced=True, namespace_whitelist=[])
    assert kind_permitted("apps", "Deployment", "web", namespaced=True, namespace_whitelist=deployments)
    assert not kind_permitted("", "Secret", "s", namespaced=True, namespace_whitelist=deployments)
    assert not kind_permitted("apps", "Deployment", "web", namespaced=True, namespace_blacklist=deployments)
    assert not kind_permitted(
        "apps",
        "Deployment",
        namespaced=True,
        namespace_whitelist=deployments,
        namespace_blacklist=deployments,
    )
    assert kind_permitted("apps", "Deployment", namespaced=True, cluster_blacklist=[KindRule("*", "*")])
