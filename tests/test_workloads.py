"""What the fixtures of the workloads and images topics cannot show."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.judge import load_catalogue
from tests.cases import REPOSITORY_URL, judge_case

APPLICATION = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop, namespace: argocd}}
spec:
  project: default
  source: {{repoURL: {REPOSITORY_URL}, targetRevision: main, path: shop}}
  destination: {{server: https://kubernetes.default.svc, namespace: shop}}
  syncPolicy: {{syncOptions: [CreateNamespace=true]}}
"""


def _found(root: Path, container: str, policy: str = "") -> list[tuple[str, str, str]]:
    """Check, key's field and message of what is found about one container of a Pod."""
    manifest = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: shop}}\nspec:\n  containers:\n    - {container}\n"
    files = {"applications/shop.yaml": APPLICATION, "shop/pod.yaml": manifest}
    if policy:
        files["policies/example.yaml"] = f"driftgate: 1\nenvironment: example\nworkloads: {policy}\n"
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    topics = {check.id: check.topic for check in load_catalogue().checks.values()}
    findings = [f for f in judge_case(root).findings if topics[f.check] in ("images", "workloads")]
    return [(finding.check, finding.field, finding.found) for finding in findings]


@pytest.mark.parametrize(
    "image", ["robot:hunter2@registry.example.com/shop:1", "https://robot:hunter2@registry.example.com/shop:1"]
)
def test_a_password_in_an_image_is_not_printed(tmp_path: Path, image: str) -> None:
    """An image reference that holds a password is told without its text."""
    assert _found(tmp_path, f"{{name: shop, image: '{image}'}}") == [
        (
            "image-invalid",
            "spec.containers[name=shop].image",
            "a text with a URL or a password in it in container shop",
        )
    ]


def test_shapes_that_are_none_are_told_and_crash_nothing(tmp_path: Path) -> None:
    """Blocks of the wrong type end no check; what they should have held counts as absent or invalid."""
    container = "{name: shop, image: [a], resources: [b], livenessProbe: c, imagePullPolicy: 1}"
    policy = "{resources: {limits: {cpu: {}}}, probes: [liveness], imagePullPolicies: [Always], mutableTags: ['*']}"
    assert sorted(_found(tmp_path, container, f"{policy[:-1]}, probeKinds: [Pod]}}")) == [
        ("image-invalid", "spec.containers[name=shop].image", "a list in container shop"),
        ("image-pull-policy-unexpected", "spec.containers[name=shop].imagePullPolicy", "1 in container shop"),
        ("probe-missing", "spec.containers[name=shop].livenessProbe", "no liveness probe in container shop"),
        (
            "resources-missing",
            "spec.containers[name=shop].resources.limits.cpu",
            "no limits.cpu in container shop",
        ),
    ]


def test_the_rules_of_one_container_leave_those_of_all_in_place(tmp_path: Path) -> None:
    """A container's own entry replaces single rules, and an amount in it leaves the other amounts as they are."""
    container = "{name: shop, image: registry.example.com/shop:1, resources: {limits: {cpu: 2, memory: 2Gi}}}"
    policy = (
        "{resources: {limits: {cpu: {maximum: 1}, memory: {maximum: 1Gi}}}, "
        "containers: {shop: {resources: {limits: {cpu: {maximum: 2}}}}}}"
    )
    assert _found(tmp_path, container, policy) == [
        (
            "resources-out-of-policy",
            "spec.containers[name=shop].resources.limits.memory",
            "limits.memory 2Gi in container shop",
        )
    ]
