"""What the findings about values and rendering say, how they are called, and what they never say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from driftgate.model.outcome import Finding
from tests.cases import FIXTURES, Case, cases, judge_case

TOPICS = (
    "values",
    "value-",
    "parameter-",
    "foreign-",
    "render-",
    "output-",
    "object-repeated",
    "chart-",
    "source-override",
)
OURS = [case for case in cases("bad") if case.check.startswith(TOPICS)]

# Check and case: each finding's key without the check, what was found, and the places that prove it.
FINDINGS: dict[str, list[tuple[str, str, list[str]]]] = {
    "values-duplicate-key/case-two-applications": [
        (
            "//charts~1shop~1values-test.yaml:nested.a",
            "nested.a a second time",
            ["charts/shop/values-test.yaml:3:3"],
        )
    ],
    "values-duplicate-key/case-inline-block": [
        ("//shop values:greeting", "greeting a second time", ["apps/shop.yaml:15"])
    ],
    "parameter-shadows-layer/case-parameter": [
        (
            "shop//greeting in charts~1shop~1values-test.yaml",
            "greeting, which charts/shop/values-test.yaml sets as well",
            ["charts/shop/values-test.yaml:1:1"],
        )
    ],
    "parameter-shadows-layer/case-block": [
        (
            "shop//hosts in charts~1shop~1values-test.yaml",
            "hosts, which charts/shop/values-test.yaml sets as well",
            ["charts/shop/values-test.yaml:1:1"],
        )
    ],
    "foreign-environment-token/case-values-file": [
        ("shop//values.database.host", '"prod" in values.database.host', []),
        ("shop//values.hosts[name=a].url", '"PROD" in values.hosts[name=a].url', []),
    ],
    "foreign-environment-token/case-rendered-from-chart-default": [
        (
            "shop/ConfigMap~1shop~1shop/data.greeting",
            '"prod" in data.greeting',
            ["charts/shop/templates/settings.yaml"],
        )
    ],
    "value-file-missing": [
        ("shop//values-tset.yaml", "values-tset.yaml does not exist", []),
        ("shop//~1values-test.yaml", "/values-test.yaml does not exist", []),
        ("shop//env~1*.yaml", "env/*.yaml matches no file", []),
    ],
    "value-reads-otherwise": [
        ("//charts~1shop~1values-test.yaml:image.tag", "image.tag: 1.10 is read as 1.1", []),
        ("//charts~1shop~1values-test.yaml:appVersion", "appVersion: 2.0 is read as 2", []),
        ("//charts~1shop~1values-test.yaml:commit", "commit: 12345e7 is read as 1.2345e+11", []),
        ("//charts~1shop~1values-test.yaml:revision", "revision: 0123456 is read as 42798", []),
        ("//charts~1shop~1values-test.yaml:pin", "pin: a number with a leading zero is octal", []),
        ("//charts~1shop~1values-test.yaml:answer", "answer: y is read as true", []),
        ("//charts~1shop~1values-test.yaml:big", "big: a large number is rendered with an exponent", []),
    ],
    "object-repeated/case-two-sources": [
        (
            "shop/ConfigMap~1shop~1shop/",
            "ConfigMap shop a second time",
            ["manifests/shop/settings.yaml:4:3"],
        )
    ],
    "output-duplicate-key": [
        (
            "shop//charts~1shop~1templates~1settings.yaml:metadata.labels",
            "document 1 of the output: metadata.labels",
            [],
        ),
        (
            "shop//charts~1shop~1templates~1settings.yaml:data.greeting",
            "document 1 of the output: data.greeting",
            [],
        ),
    ],
}


def found(check: str, path: Path) -> list[Finding]:
    return [finding for finding in judge_case(path).findings if finding.check == check]


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_is_called_and_proved_as_written_here(name: str) -> None:
    """Key, words and related places of every finding of the case."""
    check, _, case = name.partition("/")
    findings = found(check, FIXTURES / check / "bad" / case)
    seen = [
        (finding.key.partition("/")[2], finding.found, [str(related.place) for related in finding.related])
        for finding in findings
    ]
    assert sorted(seen) == sorted(FINDINGS[name])


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.id)
def test_no_two_findings_of_a_case_share_a_key(case: Case) -> None:
    """A waiver for one finding must not take another one with it."""
    findings = judge_case(case.path).findings
    assert [key for key, count in Counter(finding.key for finding in findings).items() if count > 1] == []


@pytest.mark.parametrize("case", ["case-values-file", "case-parameter", "case-values-object", "case-values-text"])
def test_the_value_around_a_token_is_not_told(case: str) -> None:
    """A foreign token is named, the text that holds it is not: it may be a connection string."""
    findings = found("foreign-environment-token", FIXTURES / "foreign-environment-token" / "bad" / case)
    assert findings
    said = " ".join(f"{finding.found} {finding.expected} {finding.key}" for finding in findings)
    assert not [text for text in ("example.com", "shop_prod", "shop/prod", "https") if text in said]
