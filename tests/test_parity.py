"""How environments are compared: names without their words, the structure of objects, and what is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.assembly import assemble
from driftgate.parity import Difference, Names, differences
from driftgate.run import judge_tree, policies_of
from driftgate.settings import Settings
from tests.cases import FIXTURES, REPOSITORY_URL, judge_case

NAMES = Names(["stg", "staging", "prod"])
TWO_POLICIES = FIXTURES / "parity-field-differs/bad/case-port-two-policies"


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("plate-web-stg", "plate-web"),
        ("stg-plate-web", "plate-web"),
        ("plate-STG-web", "plate-web"),
        ("plate-web", "plate-web"),
        ("stg.example.com", "example.com"),
        ("registry.example.com/stg/shop", "registry.example.com/shop"),
        ("secret/prod", "secret"),
        ("plate-staging/web", "plate/web"),
        ("stg", "stg"),
        # A part of a word is none.
        ("product", "product"),
        ("stg2", "stg2"),
    ],
)
def test_an_environments_word_is_taken_out_with_one_separator(text: str, without: str) -> None:
    """Names that differ in the environment's word alone become one; other words stay."""
    assert NAMES.without(text) == without


_WORDS = st.lists(st.sampled_from(["plate", "web", "api", "v2"]), min_size=1, max_size=4)


@given(_WORDS, st.integers(0, 4), st.sampled_from("-_./"))
def test_the_word_may_stand_anywhere_in_a_name(words: list[str], position: int, separator: str) -> None:
    """Wherever the environments' words stand in it, the name is the same as without one."""
    plain = separator.join(words)
    for word in ("stg", "prod"):
        assert NAMES.without(separator.join([*words[:position], word, *words[position:]])) == plain


def test_without_words_every_name_stays() -> None:
    """An environment that no word stands for leaves names alone."""
    assert Names([]).without("plate-stg") == "plate-stg"
    assert not Names([]).holds("plate-stg")


def _found(here: dict[str, Any], there: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(d.field, d.whole, d.found, d.expected) for d in differences(here, there, NAMES)]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"spec": {"replicas": 1}}, {"spec": {}}),
        ({"spec": {"limits": {"cpu": 1}}}, {"spec": {"limits": {"cpu": "500m"}}}),
        ({"spec": {"resources": {}}}, {"spec": {}}),
        ({"spec": {"args": ["--debug"]}}, {"spec": {"args": ["--quiet", "--fast"]}}),
        ({"data": {"type": "a", "port": "1"}}, {"data": {"type": "b", "port": "2"}}),
        ({"data": {"replicas": "1"}}, {"data": {"replicas": "2"}}),
        ({"metadata": {"name": "a", "labels": {"name": "x"}}}, {"metadata": {"name": "b", "labels": {"name": "y"}}}),
        ({"spec": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}},
         {"spec": {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "2"}]}}),
        ({"spec": {"secretName": "stg-tls"}}, {"spec": {"secretName": "prod-tls"}}),
        ({"spec": {"image": "stg.example.com/a/shop:1"}}, {"spec": {"image": "shop@sha256:" + "0" * 64}}),
        ({"status": {"port": 1}}, {}),
        ({"spec": {"hosts": None, "tolerations": []}}, {"spec": {}}),
    ],
)  # fmt: skip
def test_amounts_and_words_make_no_difference(here: dict[str, Any], there: dict[str, Any]) -> None:
    """Replicas, quantities, values of data and variables, tags, order, and the environment's word may differ."""
    assert _found(here, there) == []
    assert _found(there, here) == []


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ({"spec": {"port": 1}}, {"spec": {"port": 2}}, [("spec.port", "spec.port", "1", "2")]),
        ({"data": {"a": "1"}}, {"data": {}}, [("data.a", "data", "set", "")]),
        ({"spec": {"replicas": 1, "emptyDir": {}}}, {"spec": {}}, [("spec.emptyDir", "spec.emptyDir", "set", "")]),
        ({}, {"spec": {"x": {"a": 1, "b": [2]}}}, [("spec.x.a", "spec", "", "set"), ("spec.x.b", "spec", "", "set")]),
        ({"spec": {"verbs": ["get"]}}, {"spec": {"verbs": ["get", "list"]}},
         [("spec.verbs", "spec.verbs", "get", "get, list")]),
        ({"spec": {"x": {"a": 1}}}, {"spec": {"x": [1]}}, [("spec.x", "spec.x", "a mapping", "a list")]),
        # Two mounts of one volume are told apart by where they are mounted.
        ({"spec": {"volumeMounts": [{"name": "v", "mountPath": "/a"}]}},
         {"spec": {"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]}},
         [(f"spec.volumeMounts[mountPath=/b].{key}", "spec.volumeMounts[mountPath=/b]", "", "set")
          for key in ("name", "mountPath")]),
        # A password in an image stays where it is.
        ({"spec": {"image": "https://robot:hunter2@registry/x"}}, {"spec": {"image": "shop:1"}},
         [("spec.image", "spec.image", "no image reference", "shop")]),
        ({"spec": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a"}}}]}},
         {"spec": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "b"}}}]}},
         [("spec.env[name=A].valueFrom.secretKeyRef.key",) * 2 + ("a", "b")]),
    ],
)  # fmt: skip
def test_structure_makes_a_difference(
    here: dict[str, Any], there: dict[str, Any], found: list[tuple[str, str, str, str]]
) -> None:
    """Fields that only one side has are told by leaf and block, ports, names and rights with both values."""
    assert _found(here, there) == found


def test_a_difference_leads_to_both_objects() -> None:
    """The paths of a difference are those of the objects as they are, or of what is nearest to the missing field."""
    here = {"spec": {"ports": [{"name": "http", "port": 80}, {"name": "web-stg", "port": 1}]}}
    there = {"spec": {"ports": [{"name": "web-prod", "port": 2}]}}
    assert list(differences(here, there, NAMES)) == [
        Difference(
            "spec.ports[name=http].name", "spec.ports[name=http]",
            ("spec", "ports", 0, "name"), ("spec", "ports"), "set", "",
        ),
        Difference(
            "spec.ports[name=http].port", "spec.ports[name=http]",
            ("spec", "ports", 0, "port"), ("spec", "ports"), "set", "",
        ),
        Difference(
            "spec.ports[name=web].port", "spec.ports[name=web].port",
            ("spec", "ports", 1, "port"), ("spec", "ports", 0, "port"), "1", "2",
        ),
    ]  # fmt: skip


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "stg", "x-prod"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "port", "spec", "data", "image", "rules", "replicas"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.sampled_from(["spec", "data", "metadata"]), _JSON, max_size=3)


@given(_OBJECTS)
def test_an_object_is_like_itself(document: dict[str, Any]) -> None:
    """Nothing differs between an object and itself, whatever it holds."""
    assert list(differences(document, document, NAMES)) == []


@given(_OBJECTS, _OBJECTS)
def test_what_one_side_lacks_the_other_has(here: dict[str, Any], there: dict[str, Any]) -> None:
    """Both directions tell of the same fields, with the sides exchanged."""
    forth = {(d.field, d.found, d.expected) for d in differences(here, there, NAMES)}
    back = {(d.field, d.expected, d.found) for d in differences(there, here, NAMES)}
    assert forth == back


def _assembled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The environments that a run reads, in order, as they are read."""
    read: list[str] = []

    def recording(root: Path, policy: Any, *rest: Any) -> Any:
        read.append(policy.environment)
        return assemble(root, policy, *rest)

    monkeypatch.setattr("driftgate.run.assemble", recording)
    return read


def _judge(root: Path, environment: str) -> list[str]:
    settings = Settings(cache=None, workers=1)
    judgements = judge_tree(root, policies_of(root, None, environment), settings, [REPOSITORY_URL])
    return [finding.check for judgement in judgements for finding in judgement.findings]


def test_the_other_environment_is_read_for_the_one_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a policy that asks for parity pays for it, once, also where its own environment alone is judged."""
    read = _assembled(monkeypatch)
    assert _judge(TWO_POLICIES, "staging") == ["parity-field-differs"]
    assert read == ["staging", "production"]
    read.clear()
    assert _judge(TWO_POLICIES, "production") == []
    assert read == ["production"]


def test_every_environment_is_judged_beside_the_one_it_is_like(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all environments are judged, the comparison is made for the one that asks, and given up after it."""
    read = _assembled(monkeypatch)
    settings = Settings(cache=None, workers=1)
    judgements = judge_tree(TWO_POLICIES, policies_of(TWO_POLICIES, None), settings, [REPOSITORY_URL])
    found = {judgement.ledger.environment: [f.check for f in judgement.findings] for judgement in judgements}
    assert found == {"production": [], "staging": ["parity-field-differs"]}
    assert read == ["production", "staging", "production"]


def test_what_policy_allows_of_a_block_leaves_the_rest_to_be_told() -> None:
    """Where a part of a missing block is allowed, its other parts are told one by one; else the block as a whole."""
    case = FIXTURES / "parity-field-differs/bad"
    resources = "spec.template.spec.containers[name=shop].resources"
    assert _fields(case / "case-part-allowed") == ["resources.requests.cpu", f"{resources}.requests.cpu"]
    assert _fields(case / "case-resources-set") == ["resources", resources]


def _fields(case: Path) -> list[str]:
    """The field of every finding, and that those about fields follow from the values key."""
    head, *rest = judge_case(case).findings
    assert [finding.consequence_of for finding in rest] == [head.key] * len(rest)
    return [finding.field for finding in (head, *rest)]
