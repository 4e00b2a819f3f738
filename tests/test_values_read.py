"""What the findings about values that nothing reads say, and for which Applications they are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.judge import load_catalogue
from driftgate.judge.judge import judge
from driftgate.model.outcome import Finding, Severity
from tests.cases import FIXTURES, judge_case
from tests.repositories import application, assembly_of, chart, judged, write

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n"
FILES = "    helm:\n      valueFiles: [values-stg.yaml]\n"
POLICY = "driftgate: 1\nenvironment: staging\n"
CHECKS = ("value-never-read", "chart-default-never-read", "values-not-probed")

# The case of `value-never-read`: the finding's key without the check, what was found and what was expected.
FINDINGS = {
    "case-misspelt": (
        "///charts~1shop~1values-test.yaml:greting",
        "no rendered object depends on greting",
        "a key that the chart reads, such as greeting",
    ),
    "case-wrong-block": (
        "///charts~1shop~1values-test.yaml:backend.tag",
        "no rendered object depends on backend.tag",
        "a key that the chart reads, such as backend.image.tag",
    ),
    "case-block": (
        "///charts~1shop~1values-test.yaml:old",
        "no rendered object depends on old",
        "a key that the chart reads",
    ),
    "case-list-element": (
        "///charts~1shop~1values-test.yaml:ports[name=admin].prot",
        "no rendered object depends on ports[name=admin].prot",
        "a key that the chart reads, such as ports[name=admin].port",
    ),
    "case-values-text": (
        "///shop values:greting",
        "no rendered object depends on greting",
        "a key that the chart reads, such as greeting",
    ),
    "case-parameter": (
        "///shop parameter text.greeting",
        "no rendered object depends on text.greeting",
        "a key that the chart reads, such as greeting",
    ),
    "case-whole-file": (
        "///charts~1shop~1values-test.yaml",
        "no rendered object of shop depends on anything in it",
        "values that the chart reads",
    ),
}


def mine(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    """Check, place and words of the findings of this topic."""
    return [(one.check, str(one.place), one.found) for one in findings if one.check in CHECKS]


@pytest.mark.parametrize("case", FINDINGS)
def test_a_finding_names_the_key_and_what_was_probably_meant(case: str) -> None:
    """The key of the finding holds no line, and the nearest key that the chart reads is proposed."""
    (finding,) = judge_case(FIXTURES / "value-never-read" / "bad" / case).findings
    assert (finding.key.removeprefix("value-never-read"), finding.found, finding.expected) == FINDINGS[case]
    assert finding.severity is Severity.WARNING


def two(root: Path, policy: str, values: str = "name: x\nnmae: y\n") -> Path:
    """A repository of two Applications with a chart each, the second of which sets something that nothing reads."""
    template = {"cm.yaml": f"{HEAD}  a: {{{{ .Values.name }}}}\n"}
    return write(
        root,
        {
            **chart("one", template),
            **chart("two", template),
            "one/values-stg.yaml": "name: x\n",
            "two/values-stg.yaml": values,
            "apps/one.yaml": application("one", "one", FILES),
            "apps/two.yaml": application("two", "two", FILES),
            "policies/staging.yaml": f"{POLICY}{policy}",
        },
    )


NEVER = ("value-never-read", "two/values-stg.yaml:2:1", "no rendered object depends on nmae")


def test_up_to_the_bound_every_application_is_probed(tmp_path: Path) -> None:
    """With as many Applications as the bound allows nothing is left out."""
    assert mine(judged(two(tmp_path, "valuesRead: {applications: 2}\n")).findings) == [NEVER]


def test_above_the_bound_what_was_left_out_is_said(tmp_path: Path) -> None:
    """With more Applications nothing is probed that nobody has reason to look at, and a note names what was not."""
    note = ("values-not-probed", "policies/staging.yaml:3:1", "not probed: one, two")
    assert mine(judged(two(tmp_path, "valuesRead: {applications: 1}\n")).findings) == [note]


def test_above_the_bound_applications_with_findings_are_probed(tmp_path: Path) -> None:
    """Whoever has to look at an Application anyway is told of its values too."""
    root = two(tmp_path, "valuesRead: {applications: 1}\n")
    wave = "  annotations: {argocd.argoproj.io/sync-wave: first}\n"
    write(root, {"apps/two.yaml": application("two", "two", FILES, metadata=wave)})
    note = ("values-not-probed", "policies/staging.yaml:3:1", "not probed: one")
    assert mine(judged(root).findings) == [NEVER, note]


def test_an_application_is_probed_on_request(tmp_path: Path) -> None:
    """Policy may ask for single Applications, and leave single ones out, whatever their number."""
    override = "overrides: {{{}: {{valuesRead: {{probe: {}}}}}}}\n"
    asked = two(tmp_path / "asked", f"valuesRead: {{applications: 1}}\n{override.format('two', 'always')}")
    note = ("values-not-probed", "policies/staging.yaml:3:1", "not probed: one")
    assert mine(judged(asked).findings) == [NEVER, note]
    left_out = two(tmp_path / "left-out", override.format("two", "never"))
    assert mine(judged(left_out).findings) == [("values-not-probed", "policies/staging.yaml:1:1", "not probed: two")]


def test_above_the_bound_changed_layers_are_probed(tmp_path: Path) -> None:
    """In a change review the Applications whose values are others than on the base are probed, and no others."""
    policy = "valuesRead: {applications: 1}\n"
    before = two(tmp_path / "before", policy, "name: x\n")
    after = two(tmp_path / "after", policy)
    with assembly_of(after, policy) as head, head.compared_with(before, "base") as environment:
        found = judge(environment, head.policy, load_catalogue()).findings
    note = ("values-not-probed", "policies/staging.yaml:3:1", "not probed: one")
    assert mine(found) == [NEVER, note]


def test_a_line_that_another_application_reads_is_read(tmp_path: Path) -> None:
    """A values file that several Applications share holds nothing dead as long as one of them reads each line."""
    root = two(tmp_path, "", "name: x\n")
    shared = FILES.replace("values-stg.yaml", "/shared.yaml")
    write(
        root,
        {
            "apps/one.yaml": application("one", "one", shared),
            "apps/two.yaml": application("two", "two", shared),
            "two/templates/cm.yaml": f"{HEAD}  a: {{{{ .Values.other }}}}\n",
            "shared.yaml": "name: x\nother: y\nnobody: z\n",
        },
    )
    assert mine(judged(root).findings) == [
        ("value-never-read", "shared.yaml:3:1", "no rendered object depends on nobody")
    ]
    write(root, {"two/templates/cm.yaml": '{{ fail "no" }}'})
    assert mine(judged(root).findings) == []


def test_a_line_that_a_higher_layer_replaces_is_as_read_as_that_one(tmp_path: Path) -> None:
    """What shadows a line is another check's; a key that nothing reads is told in every layer that sets it."""
    root = two(tmp_path, "", "name: x\n")
    more = "      parameters:\n        - {name: name, value: z}\n        - {name: nmae, value: z}\n"
    write(root, {"apps/two.yaml": application("two", "two", FILES + more), "two/values-stg.yaml": "name: x\nnmae: y\n"})
    assert mine(judged(root).findings) == [
        ("value-never-read", "apps/two.yaml:19:11", "no rendered object depends on nmae"),
        NEVER,
    ]


def test_no_value_is_told(tmp_path: Path) -> None:
    """A finding names keys and places and never what stands there: it may be a credential."""
    root = two(tmp_path, "", "name: x\npasswrod: hunter2hunter2\nold: {token: hunter2hunter2}\n")
    found = [one for one in judged(root).findings if one.check in CHECKS]
    assert [one.field for one in found] == ["two/values-stg.yaml:passwrod", "two/values-stg.yaml:old"]
    assert "hunter2" not in "".join(map(repr, found))
