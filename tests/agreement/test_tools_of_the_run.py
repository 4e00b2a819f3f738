"""What the agreement tests rest on: that a disagreement is seen, made small and told without values."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from driftgate.compare import ABSENT, Difference, ProblemKind, compare
from driftgate.compare.result import Step
from tests.agreement.kinds import kubernetes_schema
from tests.agreement.pairs import Pair, drawn_pair
from tests.agreement.rules import Setup
from tests.agreement.settings import rules_of
from tests.agreement.shown import made_good
from tests.agreement.shrinking import shrunk
from tests.agreement.verdicts import agreement, first_difference
from tests.oracle import Answer

Json = dict[str, Any]


def config_map(**data: Any) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def says(live: Json, predicted: Json) -> Answer:
    """An Argo CD that says so."""
    return Answer(
        {"modified": live != predicted, "normalizedLive": live, "predictedLive": predicted}, error="", panic="", log=()
    )


SAME = Pair(config_map(a="1"), config_map(a="1"))
CHANGED = Pair(config_map(a="2"), config_map(a="1"))


@pytest.mark.parametrize(
    ("pair", "answer", "bare", "disagreement"),
    [
        pytest.param(SAME, says(config_map(a="1"), config_map(a="1")), None, "", id="both in sync"),
        pytest.param(CHANGED, says(config_map(a="1"), config_map(a="2")), None, "", id="both changed"),
        pytest.param(
            SAME,
            says(config_map(a="1"), config_map(a="2")),
            None,
            "modified: driftgate False, Argo CD True",
            id="changed only for Argo CD",
        ),
        pytest.param(
            CHANGED,
            says(config_map(a="1"), config_map(a="3")),
            None,
            "predicted state: .data.a differs",
            id="another prediction",
        ),
        pytest.param(
            SAME,
            says(config_map(a="1"), config_map(a="1")),
            says(config_map(a="1"), config_map(a="2")),
            "driftgate says in sync, and by Argo CD it is ignored",
            id="ignored only for Argo CD",
        ),
        pytest.param(
            SAME,
            Answer(None, "failed to calculate diff: because", "", ()),
            None,
            "driftgate says in sync, and Argo CD fails: the objects cannot be merged",
            id="only Argo CD fails",
        ),
        pytest.param(
            Pair(config_map(), config_map(), Setup(({"kind": "ConfigMap", "jqPathExpressions": ["|"]},))),
            says(config_map(), config_map()),
            None,
            "driftgate has no answer (a jq expression does not compile), and Argo CD has one",
            id="only driftgate fails",
        ),
        pytest.param(
            Pair(config_map(), config_map(), Setup(({"kind": "ConfigMap", "jqPathExpressions": ["|"]},))),
            Answer(None, "", "oops", ()),
            None,
            f"driftgate says a jq expression does not compile, and Argo CD {ProblemKind.OBJECT}",
            id="another error",
        ),
    ],
)
def test_a_disagreement_is_seen(pair: Pair, answer: Answer, bare: Answer | None, disagreement: str) -> None:
    """A test that compares the two fails for each way in which they can differ."""
    assert agreement(pair, answer, bare or answer).disagreement == disagreement


def test_a_disagreement_is_told_without_values() -> None:
    """A path is enough to find it, and a value may be a Secret's."""
    assert first_difference({"a": ["x", "secret"]}, {"a": ["x", "other"]}) == ".a[1] differs"
    assert first_difference({"a": 1}, {"a": True}) == ".a differs"
    assert first_difference({"a": 1}, {"a": 1.0}) == ""
    assert "secret" not in repr(Pair({"data": "secret"}, {"data": "secret"}))


CONTAINERS = [{"name": "b", "image": "1"}, {"name": "c", "image": "1"}]


@pytest.mark.parametrize(
    ("live", "predicted", "differences"),
    [
        pytest.param({"a": 1}, {"b": 2}, [(("a",), ABSENT), (("b",), 2)], id="fields"),
        pytest.param(
            {"l": [1, 2, 3]}, {"l": [9]}, [(("l", 0), 9), (("l", 1), ABSENT), (("l", 2), ABSENT)], id="shorter"
        ),
        pytest.param({"l": []}, {"l": [1, 2]}, [(("l", 0), 1), (("l", 1), 2)], id="longer"),
        pytest.param(
            {"l": CONTAINERS},
            {"l": [{"name": "a"}, {"name": "c", "image": "2"}]},
            [
                (("l", ("name", "a")), {"name": "a"}),
                (("l", ("name", "b")), ABSENT),
                (("l", ("name", "c"), "image"), "2"),
            ],
            id="elements with a key",
        ),
    ],
)
def test_fields_that_are_shown_lead_to_the_prediction(
    live: Json, predicted: Json, differences: list[tuple[tuple[Step, ...], Any]]
) -> None:
    """Made good one by one, the differences turn the live state into the predicted one, and the live one stays."""
    before = copy.deepcopy(live)
    found = [Difference(path, desired, None) for path, desired in differences]

    assert made_good(live, found[::-1], predicted) == predicted
    assert live == before
    assert made_good(live, found[:-1], predicted) != predicted


def test_differences_of_driftgate_lead_to_the_prediction() -> None:
    """The same for what a real comparison shows."""
    pair = Pair(config_map(a="1", b="2"), config_map(a="0", c="3"))
    assert pair.desired is not None
    assert pair.live is not None
    shown = compare(pair.desired, pair.live, rules_of(pair.setup)).differences

    predicted = config_map(a="1", b="2", c="3")
    assert made_good(pair.live, shown, predicted) == predicted


def test_a_pair_is_made_small() -> None:
    """What has nothing to do with the matter goes, from both objects, from the rules and from the settings."""
    pair = next(
        found
        for number in range(500)
        if _about_replicas(found := drawn_pair(number, kubernetes_schema(), lambda state: state))
    )
    small = shrunk(pair, _about_replicas)

    metadata = {"name": pair.desired["metadata"]["name"]} if pair.desired else {}
    bare = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
    assert small.desired == bare
    assert small.live is not None
    assert small.live == {**bare, "spec": {"replicas": small.live["spec"]["replicas"]}}
    assert small.setup == Setup()


def _about_replicas(pair: Pair) -> bool:
    live = pair.live or {}
    spec = live.get("spec")
    return bool(pair.desired) and live.get("kind") == "Deployment" and isinstance(spec, dict) and "replicas" in spec


def test_the_session_tells_the_counts(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary adds up what the tests of a session counted, also those of workers."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    pytester.makeconftest('pytest_plugins = ["tests.agreement.report"]')
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_pairs(tallied, number):
            tallied({"in sync": 5, "changed": number})
    """)
    for arguments in ((), ("-n", "2")):
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
        result.stdout.fnmatch_lines(
            ["*13 pairs compared with Argo CD's own code*", "     10 in sync", "      3 changed"]
        )
