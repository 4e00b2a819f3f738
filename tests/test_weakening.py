"""What a later policy asks for less than an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.judge import load_catalogue
from driftgate.policy.weakening import weakenings
from tests.repositories import policy_of

BEFORE = """\
inventory: [shop, web]
syncPolicy: {automated: true, prune: true, retryLimit: {minimum: 3, maximum: 9}}
syncOptions: {required: [CreateNamespace=true, ApplyOutOfSyncOnly=true]}
workloads: {mutableTags: [latest, stg], imageRegistries: [a.example, b.example]}
values: {unlistedFilesAllowed: [a, b]}
checks: {image-tag-mutable: {severity: warning}}
overrides: {web: {workloads: {replicas: {exact: 1}}}}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[shop, web]", "[web]", [("inventory.shop", "inventory holds shop no more")]),
        (
            "inventory: [shop, web]\n",
            "",
            [("inventory.shop", "inventory holds shop no more"), ("inventory.web", "inventory holds web no more")],
        ),
        ("prune: true, ", "", [("syncPolicy.prune", "syncPolicy.prune is gone")]),
        ("prune: true", "prune: false", [("syncPolicy.prune", "syncPolicy.prune is false, it was true")]),
        (
            "minimum: 3",
            "minimum: 1",
            [("syncPolicy.retryLimit.minimum", "syncPolicy.retryLimit.minimum is 1, it was 3")],
        ),
        (
            "maximum: 9",
            "maximum: 12",
            [("syncPolicy.retryLimit.maximum", "syncPolicy.retryLimit.maximum is 12, it was 9")],
        ),
        (
            ", ApplyOutOfSyncOnly=true",
            "",
            [
                (
                    "syncOptions.required.ApplyOutOfSyncOnly=true",
                    "syncOptions.required holds ApplyOutOfSyncOnly=true no more",
                )
            ],
        ),
        ("[latest, stg]", "[latest]", [("workloads.mutableTags.stg", "workloads.mutableTags holds stg no more")]),
        ("overrides: {web: {workloads: {replicas: {exact: 1}}}}\n", "", [("overrides", "overrides is gone")]),
        ("overrides: {web: ", "overrides: {shop: ", [("overrides.web", "what held for web alone is gone")]),
        (
            "severity: warning",
            "severity: note",
            [("checks.image-tag-mutable", "image-tag-mutable is note, it was warning")],
        ),
        (
            "severity: warning",
            "severity: 'off'",
            [("checks.image-tag-mutable", "image-tag-mutable is off, it was warning")],
        ),
        (
            "{image-tag-mutable:",
            "{object-removed: {severity: error}, object-lost: {severity: note}, image-tag-mutable:",
            [("checks.object-lost", "object-lost is note, it was warning")],
        ),
        # Stricter, reordered, or less that is permitted.
        ("checks: {image-tag-mutable: {severity: warning}}\n", "", []),
        ("[a.example, b.example]", "[a.example]", []),
        ("[a, b]", "[]", []),
        ("[shop, web]", "[web, shop, more]", []),
        ("minimum: 3, maximum: 9", "maximum: 8, minimum: 4", []),
        ("repository", "repository", []),
    ],
)
def test_every_demand_that_is_gone_is_named(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, str]]
) -> None:
    """Dropped entries, elements of lists that demand, looser bounds and lighter checks are told; no stricter ones."""
    assert old in BEFORE or old == "repository"
    earlier, later = policy_of(tmp_path / "a", BEFORE), policy_of(tmp_path / "b", BEFORE.replace(old, new))
    severities = {name: check.severity for name, check in load_catalogue().checks.items()}
    assert [(one.key, one.found) for one in weakenings(earlier, later, severities, {})] == expected


def test_folders_that_are_not_looked_at_any_more_are_named(tmp_path: Path) -> None:
    """A glob that joins the excluded ones takes Applications out of sight."""
    earlier = policy_of(tmp_path / "a", "repository: {exclude: [docs/**]}\n")
    later = policy_of(tmp_path / "b", "repository: {exclude: [apps/**, docs/**]}\n")
    found = [(one.key, one.found) for one in weakenings(earlier, later, {}, {})]
    assert found == [("repository.exclude.apps/**", "apps/** is not looked at any more")]


def test_an_application_that_is_renamed_keeps_its_demands(tmp_path: Path) -> None:
    """Entries for the old name that stand under the new one are not gone."""
    earlier, later = policy_of(tmp_path / "a", BEFORE), policy_of(tmp_path / "b", BEFORE.replace("web", "portal"))
    severities = {name: check.severity for name, check in load_catalogue().checks.items()}
    assert list(weakenings(earlier, later, severities, {"web": "portal"})) == []
