"""Pointers and jq expressions by their grammars: driftgate takes out of an object what Argo CD takes out of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftgate.compare import ProblemKind, Verdict
from tests.agreement.pairs import Pair
from tests.agreement.rules import Setup
from tests.agreement.verdicts import judged
from tests.oracle import Oracle

Json = dict[str, Any]
UNTOLD = f"{Verdict.COULD_NOT_CHECK}: {ProblemKind.JQ_UNSUPPORTED}"
RUN = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)

KEYS = ("a", "b", "name", "a/b", "x~y", "0", "")
scalars = st.sampled_from(("web", "api", "", 0, 1, -1, 2.5, True, False, None, "1"))
values = st.recursive(
    scalars,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), below, max_size=3)
        | st.lists(st.fixed_dictionaries({"name": st.sampled_from(("web", "api")), "a": below}), max_size=3)
    ),
    max_leaves=8,
)


def widget(spec: Any) -> Json:
    return {
        "apiVersion": "acme.test/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "labels": {"a": "b"}},
        "spec": spec,
    }


def pair(desired: Any, live: Any, **rule: Any) -> Pair:
    return Pair(widget(desired), widget(live), Setup(({"group": "*", "kind": "Widget", **rule},)))


# --- pointers

segments = st.sampled_from(
    ("spec", "a", "b", "name", "a~1b", "x~0y", "0", "1", "-1", "-", "+0", "00", "-0", "", "~", "~2", "9")
)
pointers = st.builds(
    lambda start, parts: start + "/".join(parts),
    st.sampled_from(("/spec/", "/spec/", "/spec/", "/", "", "spec/")),
    st.lists(segments, max_size=4),
)


@RUN
@given(values, values, st.lists(pointers, min_size=1, max_size=3))
def test_pointers_take_out_the_same(oracle: Oracle, desired: Any, live: Any, found: list[str]) -> None:
    """Whatever a pointer looks like, and whatever it leads to, both take out the same."""
    assert judged(pair(desired, live, jsonPointers=found), oracle).disagreement == ""


# --- jq


def _joined(*parts: Any) -> st.SearchStrategy[str]:
    """The parts one after another; a text stands for itself."""
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


names = st.sampled_from((".a", ".b", ".name", '."a/b"', '.["a"]', '["b"]', ".a?", '."0"'))
indexes = st.sampled_from(("[0]", "[-1]", "[1]", "[]", "[]?", "[0]?", "[1:]", "[:1]", "[-1:]"))
paths = _joined(".spec", st.lists(names | indexes, max_size=3).map("".join)) | st.sampled_from(
    (".", "..", ".spec | ..")
)
below = _joined(".", st.lists(st.sampled_from(("a", "b", "name")), min_size=1, max_size=2).map(".".join))
literals = scalars.map(json.dumps)
conditions = st.one_of(
    _joined(below, st.sampled_from((" == ", " != ", " < ", " >= ")), literals),
    _joined(below, " | ", st.sampled_from(('test("^w")', 'startswith("a")', 'endswith("b")', 'contains("e")', "not"))),
    _joined("has(", literals, ")"),
    _joined("type == ", st.sampled_from(('"object"', '"array"', '"string"', '"number"'))),
    _joined(below, "? == ", literals, st.sampled_from((" and ", " or ")), below, "? != null"),
    _joined("(", below, ' // "") | test("', st.sampled_from(("^a", "b$", "w.b", "(", "[ab]", r"\\d", "(?i)WEB")), '")'),
    st.sampled_from(("true", "false", "null", ".", "length > 1", "any", "IN(1, 2)", '. as $x | $x == "web"')),
)
selections = _joined(paths, st.sampled_from(("", "[]", "[]?")), " | select(", conditions, ")")


def _larger(expression: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _joined(expression, ", ", expression),
        _joined(expression, " // ", expression),
        _joined(
            "(", expression, ") | ", st.sampled_from((".a", ".[]?", "..", "select(. == 1)", "first", "last", ".a?.b"))
        ),
        _joined("(", expression, ")", st.sampled_from(("", "?", ".a", "[0]", "[]"))),
        _joined("if ", conditions, " then ", expression, " else ", expression, " end"),
        _joined("first(", expression, ")"),
        _joined("try ", expression),
        _joined(expression, st.sampled_from((" | to_entries", " | keys", " | map(.a)", " | length", " | tostring"))),
        _joined(expression, " as $x | ", expression, st.sampled_from(("", " | select(. == $x)", ", $x", " | $x"))),
        _joined(expression, st.sampled_from((" | keys?", " | .. | $__loc__", " | path(.)", " | [.a]", " == 1", "?"))),
        _joined("path(", expression, ")"),
        _joined("(", expression, ") | getpath(", st.sampled_from(("[]", '["a"]', '["a", 0]', "[0]", '"a"')), ")"),
        _joined(expression, st.sampled_from((", error", ' | error("x")', " | empty", ", (error)?", ", ({} | empty)"))),
        _joined(literals, " | ", expression),
        _joined(expression, st.sampled_from((" |", " #", ")", " | nosuch", " as $x | $y"))),
    )


expressions = st.recursive(paths | selections | selections, _larger, max_leaves=3)


@RUN
@given(values, values, expressions)
def test_jq_expressions_take_out_the_same(oracle: Oracle, desired: Any, live: Any, expression: str) -> None:
    """An expression is refused by both, takes out the same for both, or takes jq itself; nothing else."""
    outcome = judged(pair(desired, live, jqPathExpressions=[expression]), oracle)
    assert outcome.disagreement == "", expression


@pytest.mark.parametrize(
    "expression",
    [
        # A value that was made on the way ends the expression only where a place is asked of it.
        ".spec.a, (1 | empty)",
        ".spec.a, (1 | select(. == 2))",
        '.spec.a, ("x" | .a?)',
        ".spec.a, path(.spec.b[]?)",
        '.spec.a, (.spec.b | . == "web" | select(.))',
        '.spec.a, (.spec.b | "web")',
        # At the end a question mark is too late.
        ".spec.a, (1)?",
        ".spec.a, (try 1)",
        ".spec.a, (.spec.c | keys?)",
        # One value at two places.
        ".spec.c as $x | $x",
        ".spec.c | . as $x | $x",
        ".spec.b as $x | .spec.a, $x",
        ".spec.e | []",
        ".spec.e | path(.)",
        # What is found and cannot be taken out.
        ".spec.b[0]",
        ".spec.b[0]?, .spec.a",
        ".spec.b, .spec.b[0]",
        ".spec.b[1:]?, .spec.a",
        '.spec | getpath(["b", 0])',
        '.spec | getpath(["c", "missing", "more"])',
        'error("x"), .spec.a',
        'error("x")?, .spec.a',
        # The whole object.
        ".",
        "., .spec[0]",
        'select(.spec.b == "web")',
        "select(.spec.a == 2)",
    ],
)
@pytest.mark.parametrize("version", ["acme.test/v1/Widget", "apps/v1/Deployment"])
def test_values_that_are_no_places(oracle: Oracle, expression: str, version: str) -> None:
    """Both skip the same expressions, take out the same, and have no answer to the same pairs."""
    head, _, kind = version.rpartition("/")
    rule = Setup(({"group": "*", "kind": "*", "jqPathExpressions": [expression]},))
    for spec in ({"a": 1, "b": "web", "c": {"d": 1}, "e": []}, {"a": 2, "b": "web", "c": {"d": 2}, "e": []}):
        for desired, live in ((spec, {**spec, "a": 3}), ({**spec, "a": 3}, spec), (spec, None), (None, spec)):
            states = [each and {**widget(each), "apiVersion": head, "kind": kind} for each in (desired, live)]
            assert judged(Pair(states[0], states[1], rule), oracle).disagreement == ""


#: Expressions as people write them in Applications.
WRITTEN = (
    ".spec.replicas",
    ".spec.template.spec.containers[].image",
    ".spec.template.spec.containers[0].resources",
    '.spec.template.spec.containers[] | select(.name == "istio-proxy")',
    '.spec.template.spec.initContainers[]? | select(.name == "istio-init" or .name == "linkerd-init")',
    '.spec.template.spec.containers[]?.env[]? | select(.name | startswith("DD_"))',
    '.spec.template.metadata.annotations["checksum/config"]',
    ".metadata.annotations",
    '.metadata.labels."app.kubernetes.io/version"',
    ".webhooks[]?.clientConfig.caBundle",
    '.webhooks[].namespaceSelector.matchExpressions[] | select(.key == "control-plane")',
    ".spec.versions[].schema.openAPIV3Schema | .. | .description?",
    ".spec.conversion.webhook.clientConfig.caBundle",
    '.data | to_entries[] | select(.key | test("password")) | .value',
    ".spec.ports[]?.nodePort",
    '.spec.volumes[]? | select(.name | test("^aws-iam-token$"))',
    '.spec.rules[]? | select(has("verbs") | not)',
    ".status, .metadata.generation, .metadata.managedFields",
    ".spec.metrics[1:]",
    '.spec.metrics[]? | select(.type != "Resource")',
    'select(.metadata.name == "w") | .spec.replicas',
    '.spec.template.spec.tolerations[]? | select(.key == "dedicated" and .operator == "Exists")',
    "if .spec.replicas == 1 then .spec.replicas else empty end",
    '.spec.template.spec.containers | map(select(.name == "web"))',
    ".spec.template.spec.containers | first",
    ".spec.names.shortNames | select(length > 0)",
    '.spec.template.spec.containers[] | select(.image | test("(?i)^registry")) | .image',
    ".spec.template.spec.containers[] | select(.ports[]?.containerPort == 8080)",
    '.spec.template.spec.containers[] | select(.resources.limits.cpu | type == "string")',
    ".spec.selector // .spec.template",
)

OBJECT: Json = {
    "replicas": 1,
    "template": {
        "metadata": {"annotations": {"checksum/config": "0"}},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "registry.test/web",
                    "env": [{"name": "DD_ENV", "value": "x"}],
                    "ports": [{"containerPort": 8080}],
                    "resources": {"limits": {"cpu": "1"}},
                },
                {"name": "istio-proxy", "image": "registry.test/proxy"},
            ],
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        },
    },
    "volumes": [{"name": "aws-iam-token"}],
    "ports": [{"port": 80, "nodePort": 30000}],
    "rules": [{"verbs": ["get"]}, {}],
    "metrics": [{"type": "Resource"}, {"type": "External"}],
    "names": {"shortNames": ["w"]},
}

#: What nobody but jq itself can tell; the others all have an answer.
TAKES_JQ: set[str] = set()


def test_expressions_that_people_write_have_an_answer(oracle: Oracle) -> None:
    """The same answer as Argo CD's, against a live object that differs in every field; few take jq itself."""
    other = json.loads(json.dumps(OBJECT).replace("registry.test", "other.test").replace("30000", "30001"))
    other["replicas"] = 3
    live = {**other, "metrics": other["metrics"][::-1]}
    outcomes = {each: judged(pair(OBJECT, live, jqPathExpressions=[each]), oracle) for each in WRITTEN}

    assert {each: outcome.disagreement for each, outcome in outcomes.items() if outcome.disagreement} == {}
    assert {each for each, outcome in outcomes.items() if outcome.name == UNTOLD} == TAKES_JQ


@pytest.mark.parametrize("expression", ["..", "recurse", ".[]", ".kind", ".", "del(.)", ".metadata", ".apiVersion"])
def test_an_object_that_loses_its_head_is_left_alone(oracle: Oracle, expression: str) -> None:
    """A rule that takes out what makes it an object is without effect, or nobody can tell."""
    assert judged(pair({"a": 1}, {"a": 2}, jqPathExpressions=[expression]), oracle).disagreement == ""
