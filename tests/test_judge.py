"""Judging: every outcome is counted where it belongs, and neither a crash nor a waiver can hide anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate.compare import Rules
from driftgate.drift.consequences import Deliverer
from driftgate.drift.pairing import LiveApplication, LiveEnvironment
from driftgate.drift.rules import ArgoCDSettings
from driftgate.judge import (
    Breach,
    Catalogue,
    Check,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    check,
    judge,
    load_catalogue,
)
from driftgate.judge.check import CheckFunction
from driftgate.model.application import Application
from driftgate.model.environment import Environment, LoadedApplication, Render, RenderStatus, SourceType
from driftgate.model.manifest import Manifest
from driftgate.model.outcome import Finding, Judgement, Outcome, Severity, Tally
from driftgate.model.place import Place
from driftgate.policy import Policy, read_policies
from driftgate.run import exit_code
from driftgate.yaml_reader import read_yaml

TODAY = dt.date(2030, 6, 15)
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
spec:
  project: default
  destination: {{name: in-cluster, namespace: plate-stg}}
  source: {{repoURL: https://git.example.com/a.git, path: a}}
"""


def loaded(name: str, *manifests: Manifest) -> LoadedApplication:
    """An Application that was rendered to the manifests."""
    (node,) = read_yaml(APPLICATION.format(name=name), f"apps/{name}.yaml").roots
    application = Application.from_manifest(node)
    render = Render(application.sources[0], SourceType.DIRECTORY, RenderStatus.RENDERED, manifests=manifests)
    return LoadedApplication(name, application, (render,), manifests)


def environment(*names: str) -> Environment:
    """An environment of Applications that render nothing."""
    return Environment("staging", tuple(loaded(name) for name in names))


def catalogue(*functions: CheckFunction, scope: Scope = Scope.APPLICATION, **severities: Severity) -> Catalogue:
    """A catalogue of checks that are all explained in the same words."""
    checks = [
        Check(
            function.__name__.replace("_", "-"), "topic", scope, severities.get(function.__name__, Severity.ERROR),
            "Title", "why it matters.", "what to do.", function,
        )
        for function in functions
    ]  # fmt: skip
    return Catalogue({check.id: check for check in checks}, {})


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    """A policy that decides nothing."""
    return with_policy(tmp_path, "")


def with_policy(root: Path, text: str) -> Policy:
    """A policy that decides what the text says, checks called `always`, `maybe` and `broken` being known."""
    (root / "p.yaml").write_text(f"driftgate: 1\nenvironment: staging\n{text}", encoding="utf-8")
    (policy,) = read_policies(root, "p.yaml", {}, ["always", "maybe", "broken"])
    return policy


def waived(*patterns: str, expires: str = "2030-12-31") -> str:
    """Policy text with a waiver for each pattern."""
    lines = [f"  - {{finding: '{p}', reason: agreed, owner: platform, expires: {expires}}}\n" for p in patterns]
    return "waivers:\n" + "".join(lines)


def always(subject: Subject) -> Iterator[Result]:
    """A breach in every Application."""
    yield Breach(subject.place("spec", "project"), "default", "another project", field="spec.project")


def maybe(subject: Subject) -> Iterator[Result]:
    """A breach and something unchecked in a, only the latter in b, nothing in c, not applicable to d."""
    name = subject.application.name
    if name == "a":
        yield Breach(subject.place(), "broken", "whole", field="one")
    if name in "ab":
        yield Unchecked(subject.place(), "unknown", "known", field="two")
    if name == "d":
        yield NotApplicable()


def broken(subject: Subject) -> Iterator[Result]:
    """A check that finds something in every Application and then crashes over the secret that it holds."""
    yield Breach(subject.place(), "seen before", "nothing", field="before")
    if subject.application.name == "a":
        raise KeyError("hunter2")


def counted(judgement: Judgement, name: str) -> Tally:
    """The tally of one check."""
    return judgement.ledger.checks[name]


def test_a_finding_carries_everything_that_a_person_needs(policy: Policy) -> None:
    """A breach becomes a finding with its place, its check's weight, why and fix, and a key without any line."""
    judgement = judge(environment("web"), policy, catalogue(always), today=TODAY)
    assert judgement.findings == (
        Finding(
            check="always",
            severity=Severity.ERROR,
            outcome=Outcome.FAILED,
            place=Place("apps/web.yaml", 6, 3),
            found="default",
            expected="another project",
            why="why it matters.",
            fix="what to do.",
            application="web",
            field="spec.project",
        ),
    )
    assert judgement.findings[0].key == "always/web//spec.project"


def test_every_subject_counts_once_as_the_heaviest_of_what_was_said(policy: Policy) -> None:
    """A breach outweighs what could not be checked, that outweighs nothing said, and all five are counted apart."""
    judgement = judge(environment("a", "b", "c", "d"), policy, catalogue(maybe), today=TODAY)
    assert counted(judgement, "maybe") == Tally(passed=1, failed=1, not_applicable=1, could_not_check=1)
    assert [(f.application, f.field, f.outcome) for f in judgement.findings] == [
        ("a", "one", Outcome.FAILED),
        ("a", "two", Outcome.COULD_NOT_CHECK),
        ("b", "two", Outcome.COULD_NOT_CHECK),
    ]


def test_a_crash_is_a_finding_under_its_own_name_and_ends_nothing_else(policy: Policy) -> None:
    """A check that crashes on one Application still judges the others, as do all other checks."""
    judgement = judge(environment("a", "b"), policy, catalogue(broken, always), today=TODAY)
    assert [(f.check, f.application, f.field, f.outcome) for f in judgement.findings] == [
        ("broken", "a", "before", Outcome.FAILED),
        ("always", "a", "spec.project", Outcome.FAILED),
        ("broken", "b", "before", Outcome.FAILED),
        ("always", "b", "spec.project", Outcome.FAILED),
        ("broken", "a", "crash", Outcome.COULD_NOT_CHECK),
    ]
    crash = judgement.findings[-1]
    line = broken.__code__.co_firstlineno + 4
    assert crash.found == f"the check crashed: KeyError at test_judge.py:{line}"
    assert crash.place == Place("apps/a.yaml", 4, 3)
    assert crash.key == "broken/a//crash"
    assert counted(judgement, "broken") == Tally(failed=2)


def test_a_crash_never_shows_the_exceptions_text(policy: Policy) -> None:
    """An exception's text may hold a value of the judged tree, so no part of the judgement repeats it."""
    assert "hunter2" not in repr(judge(environment("a"), policy, catalogue(broken), today=TODAY))


def test_a_run_whose_only_check_crashed_is_not_green(policy: Policy) -> None:
    """A crash alone ends with exit code 6, whatever the check's scope and wherever it stands in the catalogue."""

    def crash(_subject: Subject) -> Iterator[Result]:
        yield from ()
        raise RuntimeError

    for scope in Scope:
        judgement = judge(environment("a"), policy, catalogue(crash, scope=scope), today=TODAY)
        assert [(f.check, f.outcome) for f in judgement.findings] == [("crash", Outcome.COULD_NOT_CHECK)]
        assert counted(judgement, "crash") == Tally(could_not_check=1)
        assert judgement.exit_code == 6


def test_a_waived_finding_is_listed_and_counted_as_waived(tmp_path: Path) -> None:
    """A waiver that holds takes a finding out of the failures, and keeps it with who accepted it and why."""
    policy = with_policy(tmp_path, waived("always/a/*"))
    judgement = judge(environment("a", "b"), policy, catalogue(always), today=TODAY)
    assert [(f.application, f.outcome, f.waiver) for f in judgement.findings] == [
        ("b", Outcome.FAILED, ""),
        ("a", Outcome.WAIVED, "agreed (platform, until 2030-12-31)"),
    ]
    assert counted(judgement, "always") == Tally(failed=1, waived=1)
    assert (judgement.ledger.waived_failures, judgement.ledger.waived_unchecked) == (1, 0)
    assert judgement.exit_code == 1


def test_what_could_not_be_checked_is_waived_and_counted_by_itself(tmp_path: Path) -> None:
    """Waiving what could not be checked makes the run green, and is never counted among the waived failures."""
    policy = with_policy(tmp_path, waived("maybe/b/*"))
    judgement = judge(environment("b"), policy, catalogue(maybe), today=TODAY)
    assert [(f.outcome, f.could_not_check) for f in judgement.findings] == [(Outcome.WAIVED, True)]
    assert counted(judgement, "maybe") == Tally(waived=1)
    assert (judgement.ledger.waived_failures, judgement.ledger.waived_unchecked) == (0, 1)
    assert judgement.exit_code == 0


@pytest.mark.parametrize(
    ("patterns", "tally", "code"),
    [
        (["maybe/a//one"], Tally(could_not_check=2), 6),
        (["maybe/a//two"], Tally(failed=1, could_not_check=1), 1),
        (["maybe/*/two"], Tally(failed=1, waived=1), 1),
        (["maybe/a/*"], Tally(waived=1, could_not_check=1), 6),
        (["maybe/*"], Tally(waived=2), 0),
    ],
)
def test_a_subject_counts_as_waived_only_when_nothing_of_it_is_open(
    tmp_path: Path, patterns: list[str], tally: Tally, code: int
) -> None:
    """Waiving a part of what was said of a subject leaves the rest counted, and other subjects untouched."""
    judgement = judge(environment("a", "b"), with_policy(tmp_path, waived(*patterns)), catalogue(maybe), today=TODAY)
    assert counted(judgement, "maybe") == tally
    assert judgement.exit_code == code


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (waived("always/*", expires="2030-06-14"), "it expired on 2030-06-14"),
        ("waivers:\n  - {finding: always/*, reason: agreed, expires: 2030-12-31}\n", "it has no owner"),
        ("waivers:\n  - {finding: always/*, owner: platform, expires: 2030-12-31}\n", "it has no reason"),
        ("waivers:\n  - {finding: always/*, owner: platform, reason: agreed}\n", "it has no expiry"),
        (waived("always/*", expires="soon"), "its expiry 'soon' is not a date"),
    ],
    ids=["expired", "ownerless", "reasonless", "endless", "no date"],
)
def test_a_waiver_that_does_not_hold_waives_nothing_and_is_a_finding(tmp_path: Path, text: str, fault: str) -> None:
    """A waiver that expired or lacks a part leaves its finding failed, and is itself a finding at its own line."""
    checks = {**catalogue(always).checks, "waiver-invalid": load_catalogue().checks["waiver-invalid"]}
    judgement = judge(environment("a"), with_policy(tmp_path, text), Catalogue(checks, {}), today=TODAY)
    assert [(f.check, f.outcome, f.place, f.found) for f in judgement.findings] == [
        ("always", Outcome.FAILED, Place("apps/a.yaml", 6, 3), "default"),
        ("waiver-invalid", Outcome.FAILED, Place("p.yaml", 4, 5), f"always/*: {fault}"),
    ]


def test_a_waiver_that_matches_nothing_is_a_finding_and_cannot_be_waived(tmp_path: Path) -> None:
    """A waiver without a finding is told at its line, and no other waiver can silence that."""
    policy = with_policy(tmp_path, waived("always/gone/*", "waiver-unmatched/*", "always/a/*"))
    checks = {**catalogue(always).checks, "waiver-unmatched": load_catalogue().checks["waiver-unmatched"]}
    judgement = judge(environment("a"), policy, Catalogue(checks, {}), today=TODAY)
    assert [(f.check, f.outcome, f.place.line, f.found) for f in judgement.findings] == [
        ("waiver-unmatched", Outcome.FAILED, 4, "always/gone/* matches nothing"),
        ("waiver-unmatched", Outcome.FAILED, 5, "waiver-unmatched/* matches nothing"),
        ("always", Outcome.WAIVED, 6, "default"),
    ]


def live_environment(*names: str) -> LiveEnvironment:
    """The clusters of these Applications, which said nothing."""
    state: Any = None
    applications = {
        name: LiveApplication(name, Deliverer.ARGOCD, "told", Rules(), state, ()) for name in names
    }  # fmt: skip
    return LiveEnvironment((), ArgoCDSettings(), applications)


def test_live_checks_are_run_where_clusters_were_read_and_nowhere_else(policy: Policy) -> None:
    """A run over files neither runs nor counts live checks, one over clusters those alone, on what was read."""
    both = {
        "always": catalogue(always).checks["always"],
        "maybe": replace(catalogue(maybe).checks["maybe"], live=True),
        "broken": replace(catalogue(broken).checks["broken"], live=None),
    }
    files = judge(environment("b", "c"), policy, Catalogue(both, {}), today=TODAY)
    assert set(files.ledger.checks) == {"always", "broken"}
    clusters = judge(environment("b", "c"), policy, Catalogue(both, {}), today=TODAY, live=live_environment("b"))
    assert clusters.ledger.applications == ("b",)
    assert clusters.ledger.checks == {"broken": Tally(failed=1), "maybe": Tally(could_not_check=1)}


def test_a_waiver_of_a_check_that_is_not_run_is_left_alone(tmp_path: Path) -> None:
    """A run over files does not say of the waiver of a live finding that it matches nothing, nor the reverse."""
    policy = with_policy(tmp_path, waived("always/gone/*", "maybe/gone/*", "*/gone/*"))
    unmatched = {"waiver-unmatched": load_catalogue().checks["waiver-unmatched"]}
    both = {**catalogue(always).checks, "maybe": replace(catalogue(maybe).checks["maybe"], live=True), **unmatched}
    files = judge(environment("c"), policy, Catalogue(both, {}), today=TODAY)
    assert [f.found for f in files.findings if f.check == "waiver-unmatched"] == [
        "always/gone/* matches nothing",
        "*/gone/* matches nothing",
    ]
    clusters = judge(environment("c"), policy, Catalogue(both, {}), today=TODAY, live=live_environment("c"))
    assert [f.found for f in clusters.findings] == ["maybe/gone/* matches nothing", "*/gone/* matches nothing"]


def test_a_result_may_say_why_it_matters_itself(policy: Policy) -> None:
    """What is known of one breach stands in the place of what holds for all of them."""

    def told(subject: Subject) -> Iterator[Result]:
        yield Breach(subject.place(), "one", "none", field="one", why="It is reverted.")
        yield Breach(subject.place(), "two", "none", field="two")

    judgement = judge(environment("a"), policy, catalogue(told), today=TODAY)
    assert [(f.found, f.why) for f in judgement.findings] == [("one", "It is reverted."), ("two", "why it matters.")]


def test_policy_sets_severities_and_reasons(tmp_path: Path) -> None:
    """A check weighs what policy says, tells the team's reason, and a check that is off judges nothing."""
    text = "checks:\n  always: {severity: warning, reason: we agreed}\n  broken: {severity: 'off', reason: slow}\n"
    judgement = judge(environment("a"), with_policy(tmp_path, text), catalogue(always, broken), today=TODAY)
    assert [(f.check, f.severity, f.why) for f in judgement.findings] == [
        ("always", Severity.WARNING, "why it matters. Policy: we agreed")
    ]
    assert counted(judgement, "broken") == Tally(not_applicable=1)


@pytest.mark.parametrize(("severity", "code"), [("error", 1), ("warning", 1), ("note", 0)])
def test_errors_and_warnings_fail_the_run_and_notes_do_not(tmp_path: Path, severity: str, code: int) -> None:
    """A note is told and lets the run pass; an error and a warning end it with 1."""
    policy = with_policy(tmp_path, f"checks:\n  always: {{severity: {severity}}}\n")
    judgement = judge(environment("a"), policy, catalogue(always), today=TODAY)
    assert len(judgement.findings) == 1
    assert judgement.exit_code == code


def test_exit_codes_say_what_came_of_the_run(policy: Policy) -> None:
    """0 is judged and clean, 1 findings, 5 nothing judged, 6 no findings but something unchecked."""
    codes = {
        names: judge(environment(*names), policy, catalogue(maybe), today=TODAY).exit_code
        for names in ((), ("c",), ("b",), ("a",), ("a", "b", "c"))
    }
    assert codes == {(): 5, ("c",): 0, ("b",): 6, ("a",): 1, ("a", "b", "c"): 1}


def test_several_environments_end_with_the_gravest_code(policy: Policy) -> None:
    """Findings outrank nothing judged, that outranks what could not be checked, and no environment at all is 5."""
    by_code = {
        judgement.exit_code: judgement
        for names in ((), ("c",), ("b",), ("a",))
        for judgement in [judge(environment(*names), policy, catalogue(maybe), today=TODAY)]
    }
    assert sorted(by_code) == [0, 1, 5, 6]
    assert exit_code([by_code[code] for code in (0, 6, 5, 1)]) == 1
    assert exit_code([by_code[code] for code in (0, 6, 5)]) == 5
    assert exit_code([by_code[code] for code in (0, 6)]) == 6
    assert exit_code([by_code[0]]) == 0
    assert exit_code([]) == 5


def deployment(*containers: str, application: str = "web") -> Manifest:
    """A Deployment with containers of those names."""
    spec = {"template": {"spec": {"containers": [{"name": name, "image": f"{name}:latest"} for name in containers]}}}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    return Manifest(application, 0, 0, body, "templates/deployment.yaml", "plate-stg")


def images(subject: Subject) -> Iterator[Result]:
    """A breach for the image of every container called web."""
    for manifest in subject.manifests:
        for index, container in enumerate(manifest.get("spec", "template", "spec", "containers")):
            if container["name"] == "web":
                path = ("spec", "template", "spec", "containers", index, "image")
                yield subject.breach(manifest, path, container["image"], "a tag")


def test_keys_survive_moved_lines_and_reordered_lists(policy: Policy) -> None:
    """A finding keeps its key when lines move in its file and when the list it stands in is reordered."""
    keys = []
    for names in (("web", "proxy"), ("proxy", "sidecar", "web")):
        whole = Environment("staging", (loaded("web", deployment(*names)),))
        keys.append([finding.key for finding in judge(whole, policy, catalogue(images), today=TODAY).findings])
    expected = "images/web/apps~1Deployment~1plate-stg~1web/spec.template.spec.containers[name=web].image"
    assert keys == [[expected], [expected]]
    moved = []
    for text in (APPLICATION, f"# 이동\n# of lines\n{APPLICATION}"):
        (node,) = read_yaml(text.format(name="web"), "apps/web.yaml").roots
        one = replace(loaded("web"), application=Application.from_manifest(node))
        (finding,) = judge(Environment("staging", (one,)), policy, catalogue(always), today=TODAY).findings
        moved.append((finding.key, finding.place.line))
    assert moved == [("always/web//spec.project", 6), ("always/web//spec.project", 8)]


def test_the_ledger_names_what_was_judged(policy: Policy) -> None:
    """The ledger lists Applications by name, tells those that were not rendered apart, and counts objects by kind."""
    failed = loaded("broken")
    renders = (replace(failed.renders[0], status=RenderStatus.FAILED),)
    whole = Environment(
        "staging",
        (loaded("web", deployment("web")), replace(failed, renders=renders)),
        values_files=("values.yaml",),
        application_sets=(("previews", Place("sets.yaml", 4)),),
        excluded=("docs/app.yaml",),
    )
    ledger = judge(whole, policy, catalogue(always), today=TODAY).ledger
    assert (ledger.environment, ledger.policy) == ("staging", "p.yaml")
    assert (ledger.applications, ledger.rendered) == (("web", "broken"), ("web",))
    assert (ledger.objects, ledger.kinds) == (1, {"Deployment": 1})
    assert (ledger.values_files, ledger.application_sets, ledger.excluded) == (
        ("values.yaml",), ("previews",), ("docs/app.yaml",),
    )  # fmt: skip
    assert {name: tally.judged for name, tally in ledger.checks.items()} == {"always": 2}


def test_findings_come_in_one_order(policy: Policy) -> None:
    """Failures before the unchecked and the waived, heavy before light, then by place: the same in every run."""
    weights = catalogue(always, maybe, always=Severity.WARNING)
    judgement = judge(environment("b", "a"), policy, weights, today=TODAY)
    assert [(f.check, f.application, f.severity.value) for f in judgement.findings] == [
        ("maybe", "a", "error"),
        ("always", "a", "warning"),
        ("always", "b", "warning"),
        ("maybe", "a", "error"),
        ("maybe", "b", "error"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Only a title",
        "Title\n\nWhy: a reason.",
        "Title\n\nFix: a fix.\n\nWhy: a reason.",
        "Title\nWhy: x.\n\nFix: y.",
    ],
)
def test_a_check_that_does_not_explain_itself_is_refused(text: str) -> None:
    """A check without title, why and fix does not load."""
    from driftgate.judge.check import _explained

    with pytest.raises(TypeError, match="the docstring of sync_wave must be a title"):
        _explained("sync_wave", text)


def test_every_installed_check_is_explained_in_sentences() -> None:
    """Each installed check has a title without a full stop, and why and fix that end like sentences."""
    for one in load_catalogue().checks.values():
        assert not one.title.endswith("."), one.id
        assert one.why.endswith((".", ").", "?")), one.id
        assert one.fix.endswith("."), one.id


def test_the_decorator_leaves_the_generator_callable() -> None:
    """A check stays a plain generator that a unit test can call."""
    decorated = check(severity=Severity.NOTE)(always)
    (result,) = decorated(Subject(environment("a"), Policy.shipped({}), loaded("a")))
    assert isinstance(result, Breach)
