"""What is told of live objects that are unwell: under what they come of, and without a credential."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from driftgate.drift.masking import without_credentials
from driftgate.drift.state import MASK
from driftgate.health import READS, Family
from driftgate.judge import load_catalogue
from driftgate.model.outcome import Judgement
from tests.cases import FIXTURES, judge_case

FOLLOWS = {
    "image-not-pulled/bad/case-set-by-hand": [("image-not-pulled", "drifted-field")],
    "service-without-endpoints/bad/case-selector-changed": [("service-without-endpoints", "drifted-field")],
    "service-without-endpoints/bad/case-workload-missing": [("service-without-endpoints", "missing-object")],
    "secret-store-not-ready/bad": [("external-secret-not-ready", "secret-store-not-ready")],
    "image-not-pulled/bad/case-pods-not-read": [
        (check, "cluster-unread")
        for check in (
            "container-crashing", "container-not-created", "container-not-ready", "container-out-of-memory",
            "image-not-pulled", "pod-failed", "pod-pending", "rollout-incomplete",
        )
    ],
}  # fmt: skip


def follows(judgement: Judgement) -> list[tuple[str, str]]:
    """Each finding that follows from another one, with the check of that."""
    heads = {one.key: one.check for one in judgement.findings}
    return sorted((one.check, heads[one.consequence_of]) for one in judgement.findings if one.consequence_of)


@pytest.mark.parametrize("case", FOLLOWS)
def test_what_comes_of_something_is_told_under_it(case: str) -> None:
    """Of a field changed by hand, an object that lacks, a store without its login, a list that was refused."""
    assert follows(judge_case(FIXTURES / case)) == FOLLOWS[case]


def test_every_family_of_troubles_has_its_check_and_its_lists() -> None:
    """No trouble is found that nobody tells, and none is looked for without a word of what has to be read for it."""
    live = set(load_catalogue().judging(live=True))
    assert {family.value for family in Family} <= live
    assert set(READS) == set(Family)


def test_a_pod_is_told_as_what_git_has_of_it() -> None:
    """The key of a finding has no name of a Pod in it, which would be new each day, and no number of a container."""
    (finding,) = judge_case(FIXTURES / "container-crashing/bad").findings
    assert finding.object == "apps/Deployment/shop/web"
    assert finding.field == "spec.template.spec.containers[name=main].image"


def test_what_a_cluster_says_is_told_without_a_credential(tmp_path: Path) -> None:
    """An event that repeats a password loses it on the way into the recording, and is told without it."""
    root = shutil.copytree(FIXTURES / "container-not-ready/bad", tmp_path / "case")
    file = root / "cluster/web.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("HTTP probe failed", "password=canary-81c4-Zq9 refused"), encoding="utf-8")
    (finding,) = judge_case(root).findings
    assert finding.found == (
        "container main runs and is not ready: its readiness probe fails; "
        "event Unhealthy: (not recorded); readiness probe: GET /ready at port 8080"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("login failed: password=canary-81c4-Zq9", "<hidden: it may be a credential>"),
        (f"event Failed: {MASK}", "event Failed: (not recorded)"),
        (
            f"container main: image registry.example.com/web@sha256:{'0a1b2c3d' * 8} is not pulled",
            f"container main: image registry.example.com/web@sha256:{'0a1b2c3d' * 8} is not pulled",
        ),
    ],
    ids=["live", "recorded", "digest of an image"],
)
def test_only_what_may_be_a_credential_is_hidden(text: str, told: str) -> None:
    """Straight from a cluster as well as from a recording; the digest of an image is none."""
    assert without_credentials(text) == told
