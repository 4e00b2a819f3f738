"""Names of objects, labels and keys of annotations."""

from __future__ import annotations

import pytest

from driftgate.semantics.object_names import label_value_fault, name_fault, qualified_name_fault, stem_of_hashed

SUBDOMAIN = "at most 253 lower-case letters, digits, dashes and dots, with a letter or a digit at both ends"
LABEL = "at most 63 letters, digits, dashes, underscores and dots, with a letter or a digit at both ends"


@pytest.mark.parametrize(
    ("group", "kind", "name", "fault"),
    [
        ("", "ConfigMap", "a", ""),
        ("", "ConfigMap", "1.a-b.example.com", ""),
        ("", "ConfigMap", "a" * 253, ""),
        ("", "ConfigMap", "a" * 254, SUBDOMAIN),
        ("", "ConfigMap", "A", SUBDOMAIN),
        ("", "ConfigMap", "a_b", SUBDOMAIN),
        ("", "ConfigMap", "-a", SUBDOMAIN),
        ("", "ConfigMap", "a-", SUBDOMAIN),
        ("", "ConfigMap", "a..b", SUBDOMAIN),
        ("", "ConfigMap", "a\n", SUBDOMAIN),
        ("", "Service", "a" * 63, ""),
        ("", "Service", "a.b", "at most 63 lower-case letters, digits and dashes, with a letter first"),
        ("", "Service", "1a", "at most 63 lower-case letters, digits and dashes, with a letter first"),
        ("", "Namespace", "1a", ""),
        ("", "Namespace", "a.b",
         "at most 63 lower-case letters, digits and dashes, with a letter or a digit at both ends"),
        ("batch", "CronJob", "a" * 52, ""),
        ("batch", "CronJob", "a" * 53, SUBDOMAIN.replace("253", "52")),
        ("rbac.authorization.k8s.io", "ClusterRole", "system:Shop_Reader", ""),
        ("rbac.authorization.k8s.io", "Role", "a/b", "a name without / and %, other than . and .."),
        ("rbac.authorization.k8s.io", "Role", "..", "a name without / and %, other than . and .."),
    ],
)  # fmt: skip
def test_a_name_follows_the_rule_of_its_kind(group: str, kind: str, name: str, fault: str) -> None:
    """DNS names for nearly all kinds, shorter ones for some, free ones for roles; the boundary on both sides."""
    assert name_fault(group, kind, name) == fault


def test_a_service_of_later_releases_may_begin_with_a_digit() -> None:
    """The rule of Services is relaxed, not gone."""
    assert name_fault("", "Service", "1a", strict_services=False) == ""
    assert name_fault("", "Service", "a.b", strict_services=False) != ""


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("app", ""),
        ("App_1.x", ""),
        ("app.kubernetes.io/name", ""),
        ("a" * 63, ""),
        ("a" * 64, LABEL),
        ("", LABEL),
        ("-a", LABEL),
        ("example.com/", LABEL),
        ("/a", "a DNS name before the slash"),
        ("Example.com/a", "a DNS name before the slash"),
        ("example.com/a/b", "a DNS name before the slash"),
    ],
)
def test_a_key_is_a_name_with_a_dns_name_before_it_at_most(key: str, fault: str) -> None:
    """The key of a label; that of an annotation is compared in lower case by its check."""
    assert qualified_name_fault(key) == fault


@pytest.mark.parametrize(
    ("value", "fault"),
    [("", ""), ("Web_1.4.2-rc", ""), ("a" * 63, ""), ("a" * 64, LABEL), ("a b", LABEL), ("1+x", LABEL), ("a-", LABEL)],
)  # fmt: skip
def test_the_value_of_a_label_is_short_and_plain(value: str, fault: str) -> None:
    """Empty, or letters and digits at both ends."""
    assert label_value_fault(value) == fault


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("settings-5ggk85dt2d", "settings"),
        ("a-b-t9hbm2c74k", "a-b"),
        ("migrate-3f2a91c", "migrate"),
        ("settings", ""),
        ("settings-production", ""),
        ("cafe-deadbeef", ""),
        ("web-1", ""),
        ("-5ggk85dt2d", ""),
    ],
)
def test_a_name_that_ends_in_a_hash_has_a_stem(name: str, stem: str) -> None:
    """What kustomize and digests append is told apart from words and numbers."""
    assert stem_of_hashed(name) == stem
