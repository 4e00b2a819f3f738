"""What a selector reaches, and who else may make what it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.graph import differences, labelled, nearest, selected, who_may_match
from tests.graph.test_index import graph_of

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {%s}}\nspec: {}\n"
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: find}\nspec: {selector: {%s}}\n"
ROLE = (
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: own}\n"
    "rules: [{apiGroups: [''], resources: [%s], verbs: [%s]}]\n"
    "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: own}\n"
    "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: own}\n"
    "subjects: [{kind: ServiceAccount, name: %s}]\n"
)


def found(root: Path, selector: str, *objects: str) -> tuple[list[str], str]:
    """The Pods that a Service selects among the objects, and who else may make some."""
    texts = {f"object-{number}": text for number, text in enumerate(objects)}
    with graph_of(root, {"service": SERVICE % selector, **texts}) as graph:
        (selection,) = graph.selections
        among = labelled(graph, "Pod")
        return [one.name for one in selected(selection, among)], who_may_match(graph, selection, among)


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app: web", ["web"]),
        ("app: web, tier: front", []),
        ("app: web, statefulset.kubernetes.io/pod-name: web-0", ["web"]),
        ("team: shop", ["web", "api"]),
    ],
)
def test_a_selector_reaches_what_has_all_its_labels(tmp_path: Path, selector: str, names: list[str]) -> None:
    """Labels that controllers put on the Pods that they make are not asked of the template."""
    assert found(tmp_path, selector, POD % ("web", "app: web, team: shop"), POD % ("api", "app: api, team: shop")) == (
        names,
        "",
    )


def test_another_namespace_is_out_of_reach(tmp_path: Path) -> None:
    """A Service looks into its own namespace; what would match elsewhere is the nearest."""
    other = (POD % ("web", "app: web")).replace("name: web", "name: web, namespace: other", 1)
    with graph_of(tmp_path, {"service": SERVICE % "app: web", "pod": other}) as graph:
        (selection,) = graph.selections
        among = labelled(graph, "Pod")
        near = nearest(selection, among)
        assert near is not None
        seen = (selected(selection, among), near[0].target_namespace, differences(selection, near[1]))
    assert seen == ([], "other", [])


def test_the_nearest_has_most_of_the_labels(tmp_path: Path) -> None:
    """What agrees in most labels is most likely meant, and the rest are its differences."""
    pods = {"api": POD % ("api", "tier: front"), "web": POD % ("web", "app: web, tier: front")}
    with graph_of(tmp_path, {"service": SERVICE % "app: web, tier: front, team: shop", **pods}) as graph:
        (selection,) = graph.selections
        near = nearest(selection, labelled(graph, "Pod"))
    assert near is not None
    assert (near[0].name, differences(selection, near[1])) == ("web", ["team"])


@pytest.mark.parametrize(
    ("selector", "head", "who"),
    [
        (
            "db.example.com/cluster: x",
            "apiVersion: db.example.com/v1\nkind: Cluster\n",
            "the controller of Cluster own",
        ),
        ("app: own-primary", "apiVersion: db.example.com/v1\nkind: Cluster\n", "the controller of Cluster own"),
        (
            "app: prometheus",
            "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\n",
            "the controller of Prometheus own",
        ),
        ("app: web", "apiVersion: db.example.com/v1\nkind: Cluster\n", ""),
        ("app: own", "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\n", ""),
        ("app: own", "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n", ""),
        ("app: own", "apiVersion: v1\nkind: ConfigMap\n", ""),
    ],
)
def test_a_controller_may_make_what_speaks_of_its_object(tmp_path: Path, selector: str, head: str, who: str) -> None:
    """A custom resource may make Pods that are labelled with its name, kind or group; known others make none."""
    assert found(tmp_path, selector, f"{head}metadata: {{name: own}}\nspec: {{}}\n") == ([], who)


@pytest.mark.parametrize(
    ("selector", "role", "who"),
    [
        ("app: web, web-active: 'true'", ROLE % ("pods", "patch", "default"), "Pod web itself"),
        ("app: web, web-active: 'true'", ROLE % ("pods", "get", "default"), ""),
        ("app: web, web-active: 'true'", ROLE % ("secrets", "patch", "default"), ""),
        ("app: web, web-active: 'true'", ROLE % ("pods", "patch", "another"), ""),
        ("app: webb", ROLE % ("pods", "patch", "default"), ""),
        ("app: web, tier: front", ROLE % ("pods", "patch", "default"), ""),
    ],
)
def test_who_may_change_pods_may_label_its_own(tmp_path: Path, selector: str, role: str, who: str) -> None:
    """A label that the template lacks may be set while it runs; one that it has otherwise is wrong."""
    assert found(tmp_path, selector, POD % ("web", "app: web, tier: back"), role) == ([], who)
