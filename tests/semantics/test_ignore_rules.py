from __future__ import annotations

import pytest

from driftgate.semantics.ignore_rules import rule_matches


@pytest.mark.parametrize(
    ("rule", "target", "matches"),
    [
        (("", "Deployment", "", ""), ("apps", "Deployment", "web", "prod"), False),
        (("", "ConfigMap", "", ""), ("", "ConfigMap", "c", "prod"), True),
        (("*", "*", "", ""), ("apps", "Deployment", "web", "prod"), True),
        (("*", "*", "", ""), ("", "Secret", "s", "prod"), True),
        (("*.crossplane.io", "*", "", ""), ("ec2.aws.crossplane.io", "VPC", "v", ""), True),
        (("{apps,batch}", "*", "", ""), ("batch", "Job", "j", "prod"), True),
        (("{apps,batch}", "*", "", ""), ("", "Pod", "p", "prod"), False),
        (("apps", "deployment", "", ""), ("apps", "Deployment", "web", "prod"), False),
        (("apps", "Deployment", "web-*", ""), ("apps", "Deployment", "web-1", "prod"), False),
        (("apps", "Deployment", "web-1", ""), ("apps", "Deployment", "web-1", "prod"), True),
        (("apps/v1", "Deployment", "", ""), ("apps", "Deployment", "web", "prod"), False),
        (("apps", "Deployment", "", "prod"), ("apps", "Deployment", "web", "prod"), True),
        (("apps", "Deployment", "", "prod"), ("apps", "Deployment", "web", "dev"), False),
        (("apps", "Deployment", "", "pr*"), ("apps", "Deployment", "web", "prod"), False),
        (("*", "ClusterRole", "", "prod"), ("rbac.authorization.k8s.io", "ClusterRole", "r", ""), False),
        (("apps", "", "", ""), ("apps", "Deployment", "web", "prod"), False),
        (("[", "*", "", ""), ("apps", "Deployment", "web", "prod"), False),
    ],
)
def test_rule_matches(rule: tuple[str, str, str, str], target: tuple[str, str, str, str], matches: bool) -> None:
    """Group and kind are globs, name and namespace exact; an omitted group is the core group."""
    assert rule_matches(*rule, *target) is matches
