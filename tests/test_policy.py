"""Policy: what a team has decided is read whole or refused with every place, and waivers hold while they may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jsonschema
import pytest

from driftgate.errors import PolicyError, UsageError
from driftgate.judge import load_catalogue
from driftgate.model.node import Node
from driftgate.model.outcome import Finding, Outcome, Severity
from driftgate.model.place import Place
from driftgate.policy import (
    ArgoCDSection,
    CheckSetting,
    ClusterSection,
    Policy,
    RepositorySection,
    Section,
    Waiver,
    policy_schema,
    read_policies,
    setting,
)

TODAY = dt.date(2030, 6, 15)


@dataclass(frozen=True, slots=True)
class Limits(Section):
    """How much a container may take."""

    cpu: str = setting("", "The most CPU.")
    replicas: int | None = setting(None, "How many.")


@dataclass(frozen=True, slots=True)
class Sizes(Section):
    """Sizes of everything that a topic could decide about.

    The second paragraph is for readers of the code.
    """

    mode: Literal["strict", "loose"] = setting("strict", "How it is looked at.")
    ratio: float = setting(1.5, "A number.")
    on_by_default: bool = setting(default=False, text="Whether.")
    names: tuple[str, ...] = setting((), "Some names.")
    per_kind: dict[str, Limits] = setting({}, "Limits of each kind.")  # noqa: RUF009 - makes a field
    fallback: Limits | None = setting(None, "Limits of all others.")  # noqa: RUF009 - likewise


SECTIONS: dict[str, type[Section]] = {"sizes": Sizes}
CHECKS = ("sync-wave-required", "sync-wave-not-integer")
Read = Callable[..., tuple[Policy, ...]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write files below `policies/` and read what the tree says."""

    def _read(configured: str | None = None, **files: str) -> tuple[Policy, ...]:
        folder = tmp_path / "policies"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        return read_policies(tmp_path, configured, SECTIONS, CHECKS)

    return _read


def problems(read: Read, **files: str) -> list[str]:
    """Every line of the error that reading the files raises."""
    with pytest.raises(PolicyError) as caught:
        read(**files)
    lines = str(caught.value).splitlines()
    assert lines == [f"{place}: {text}" for place, text in caught.value.problems]
    return lines


def test_an_unknown_key_answers_with_the_nearest_one(read: Read) -> None:
    """A misspelt key is refused at its own line and column, at every depth, with the key that was meant."""
    text = """\
driftgate: 1
environment: staging
inventry: [web]
argocd:
  namespce: argocd
sizes:
  perKind:
    Deployment: {cpus: "1"}
checks:
  sync-wave-requird: {severity: note}
overrides:
  web:
    sizs: {}
waivers:
  - {finding: x, because: y}
"""
    assert problems(read, staging=text) == [
        "policies/staging.yaml:3:1: unknown key inventry; did you mean inventory?",
        "policies/staging.yaml:5:3: argocd: unknown key namespce; did you mean namespace?",
        "policies/staging.yaml:8:18: sizes.perKind.Deployment: unknown key cpus; did you mean cpu?",
        "policies/staging.yaml:10:3: checks: unknown key sync-wave-requird; did you mean sync-wave-required?",
        "policies/staging.yaml:13:5: overrides.web: unknown key sizs; did you mean sizes?",
        "policies/staging.yaml:15:18: waivers[0]: unknown key because; known here: expires, finding, owner, reason",
    ]


def test_a_wrong_type_says_what_was_expected_and_what_was_found(read: Read) -> None:
    """A value of the wrong type is refused with both types, in YAML's words, at its key."""
    text = """\
driftgate: 1
environment: 7
manifests: environments
roots: [1]
cluster: {kubernetesVersion: 1.34}
checks:
  sync-wave-required: {severity: eror}
sizes:
  mode: stern
  ratio: "2"
  onByDefault: "no"
  fallback: {replicas: "2", cpus: "1"}
  names:
argocd:
waivers:
  - {reason: none}
"""
    assert problems(read, staging=text) == [
        "policies/staging.yaml:2:1: environment: expected string, found integer",
        "policies/staging.yaml:3:1: manifests: expected list, found string",
        "policies/staging.yaml:4:9: roots[0]: expected string, found integer",
        "policies/staging.yaml:5:11: cluster.kubernetesVersion: expected string, found number",
        (
            "policies/staging.yaml:7:24: checks.sync-wave-required.severity: "
            "'eror' is not one of error, warning, note, \"off\""
        ),
        "policies/staging.yaml:9:3: sizes.mode: 'stern' is not one of strict, loose",
        "policies/staging.yaml:10:3: sizes.ratio: expected number, found string",
        "policies/staging.yaml:11:3: sizes.onByDefault: expected boolean, found string",
        "policies/staging.yaml:12:14: sizes.fallback.replicas: expected integer, found string",
        "policies/staging.yaml:12:29: sizes.fallback: unknown key cpus; did you mean cpu?",
        "policies/staging.yaml:13:3: sizes.names: expected list, found null",
        "policies/staging.yaml:14:1: argocd: expected mapping, found null",
        "policies/staging.yaml:16:5: waivers[0] needs finding",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("driftgate: 2\nenvironment: a\n", "policies/p.yaml:1:1: driftgate: this driftgate reads format 1"),
        ("driftgate: 1\nenvironment: a\nroots: [a]\nroots: [b]\n",
         "policies/p.yaml:4:1: roots is already set at policies/p.yaml:3:1"),
        ("driftgate: 1\nenvironment: a\nargocd: {config: a, config: b}\n",
         "policies/p.yaml:3:21: argocd.config is already set at policies/p.yaml:3:10"),
        ("driftgate: 1\nenvironment: a\n---\ndriftgate: 1\nenvironment: b\n",
         "policies/p.yaml:4:1: a second document; a policy file has one"),
        ("driftgate: 1\ninventory: [web]\nsizes: {}\n",
         "policies/p.yaml:1:1: the policy needs environment, because it sets inventory, sizes"),
        ("driftgate: 1\nenvironment: [a\n",
         "policies/p.yaml:3:1: while parsing a flow sequence did not find expected ',' or ']'"),
        ("driftgate: 1\nenvironment: 가\n\troots: []\n",
         "policies/p.yaml:3:1: while scanning a plain scalar found a tab character that violates indentation"),
    ],
    ids=["format", "duplicate", "duplicate below", "two documents", "nameless", "not YAML", "tab"],
)  # fmt: skip
def test_a_policy_that_cannot_be_followed_is_refused(read: Read, text: str, line: str) -> None:
    """Whatever would have to be guessed is refused, with its place."""
    assert problems(read, p=text) == [line]


def test_bytes_that_are_no_text_are_refused_where_they_claim_to_be_a_policy(read: Read, tmp_path: Path) -> None:
    """A policy that is not UTF-8 is refused with the line of the byte."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_bytes(b"driftgate: 1\nenvironment: \xb0\xa1\n")
    assert problems(read) == ["policies/p.yaml:2: byte 26 is not UTF-8"]


def test_two_policies_of_one_environment_are_refused(read: Read) -> None:
    """One environment has one policy: a twin is refused and names the other."""
    text = "driftgate: 1\nenvironment: staging\n"
    assert problems(read, a=text, b=f"# 둘\n{text}") == [
        "policies/b.yaml:3:1: environment staging has a policy already, at policies/a.yaml:2:1"
    ]


def test_foreign_files_beside_policies_are_left_alone(read: Read) -> None:
    """A folder `policies/` may belong to another tool: what has no key `driftgate` is neither read nor judged."""
    foreign = {
        "kyverno": "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nspec: {a: 1, a: 2}\n",
        "templated": "{{- if .Values.on }}\nkind: ClusterPolicy\n{{- end }}\n",
        "broken": "a: [\n",
        "list": "- a\n- b\n",
        "empty": "",
    }
    (only,) = read(**foreign)
    assert (only.environment, only.file, only.waivers) == ("default", "", ())
    (staging,) = read(staging="driftgate: 1\nenvironment: staging\n")
    assert (staging.environment, staging.file) == ("staging", "policies/staging.yaml")


def test_without_policies_the_shipped_default_holds(tmp_path: Path) -> None:
    """A tree without `policies/` gets the default policy, whose places say that there is no file."""
    (policy,) = read_policies(tmp_path, None, SECTIONS, CHECKS)
    assert (policy.environment, policy.file, policy.roots, policy.inventory) == ("default", "", (), None)
    assert policy.place_of("checks", "x") == Place(".")
    assert policy.section(ArgoCDSection) == ArgoCDSection("3.6", "argocd", "")
    assert policy.section(ClusterSection) == ClusterSection("", (), ())
    assert policy.section(RepositorySection).exclude[:2] == ("**/fixtures/**", "**/testdata/**")


def test_policies_that_is_a_file_of_somebody_else_is_no_policy(tmp_path: Path) -> None:
    """A file that happens to be called `policies` is left alone like any foreign file."""
    (tmp_path / "policies").write_text("a: 1\n", encoding="utf-8")
    (policy,) = read_policies(tmp_path, None, SECTIONS, CHECKS)
    assert policy.file == ""


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        ("gate", "policy gate: no such file or folder in {root}"),
        ("policies", "policy policies: no policy in it (a policy file has `driftgate: 1` and `environment`)"),
        (
            "policies/a.yaml",
            "policy policies/a.yaml: no policy in it (a policy file has `driftgate: 1` and `environment`)",
        ),
    ],
)
def test_a_configured_place_without_a_policy_is_refused(
    read: Read, tmp_path: Path, configured: str, message: str
) -> None:
    """Who names a policy must get that policy: a place without one ends the run, it does not pass by default."""
    with pytest.raises(UsageError) as caught:
        read(configured, a="waivers: []\n", b="kind: ClusterPolicy\n")
    assert str(caught.value) == message.format(root=tmp_path)


def test_a_policy_may_lie_outside_the_tree(tmp_path: Path) -> None:
    """A policy for somebody else's repository can be kept elsewhere; its places lead there from the tree."""
    tree = tmp_path / "tree"
    tree.mkdir()
    policy = tmp_path / "mine.yaml"
    policy.write_text("driftgate: 1\nenvironment: theirs\nrooots: []\n", encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        read_policies(tree, str(policy), SECTIONS, CHECKS)
    assert str(caught.value) == "../mine.yaml:3:1: unknown key rooots; did you mean roots?"
    policy.write_text("driftgate: 1\nenvironment: theirs\n", encoding="utf-8")
    (read,) = read_policies(tree, str(policy), SECTIONS, CHECKS)
    assert (read.environment, read.file) == ("theirs", "../mine.yaml")


def test_environments_are_sorted_and_share_a_file_of_waivers(read: Read) -> None:
    """Policies come by name, and a file with waivers and no environment speaks for all of them."""
    waiver = "  - {finding: a/b, reason: r, owner: o, expires: 2030-01-01}\n"
    policies = read(
        z="driftgate: 1\nenvironment: alpha\n",
        a=f"driftgate: 1\nenvironment: beta\nwaivers:\n{waiver}",
        waivers=f"driftgate: 1\nwaivers:\n{waiver}",
    )
    assert [(p.environment, [str(w.place) for w in p.waivers]) for p in policies] == [
        ("alpha", ["policies/waivers.yaml:3:5"]),
        ("beta", ["policies/a.yaml:4:5", "policies/waivers.yaml:3:5"]),
    ]


def test_sections_are_laid_over_each_other(read: Read) -> None:
    """For one Application its own entries win over the environment's, key by key, and those over the default."""
    text = """\
driftgate: 1
environment: staging
sizes:
  mode: loose
  names: [a, b]
  perKind:
    Deployment: {cpu: "1", replicas: 1}
    Job: {cpu: "2"}
overrides:
  web:
    sizes:
      names: [c]
      perKind:
        Deployment: {replicas: null}
        StatefulSet: {cpu: "4"}
      fallback: {cpu: "8"}
"""
    (policy,) = read(staging=text)
    environment = Sizes("loose", 1.5, False, ("a", "b"), {"Deployment": Limits("1", 1), "Job": Limits("2")}, None)
    assert policy.section(Sizes) == environment
    assert policy.section(Sizes, "api") == environment
    assert policy.section(Sizes, "web") == Sizes(
        "loose", 1.5, False, ("c",),
        {"Deployment": Limits("1", None), "Job": Limits("2"), "StatefulSet": Limits("4")}, Limits("8"),
    )  # fmt: skip
    assert policy.place_of("overrides", "web", "sizes", "names") == Place("policies/staging.yaml", 12, 7)
    assert list(policy.overrides) == ["web"]


def test_severities_come_from_policy_before_the_check(read: Read) -> None:
    """A check has the severity that policy gives it, its own where policy says nothing, and none where it is off."""
    text = """\
driftgate: 1
environment: staging
checks:
  sync-wave-required: {severity: "off", reason: we deploy by hand}
  sync-wave-not-integer: {severity: note}
"""
    (policy,) = read(staging=text)
    assert policy.severity("sync-wave-required", Severity.ERROR) is None
    assert policy.severity("sync-wave-not-integer", Severity.ERROR) is Severity.NOTE
    assert policy.severity("another", Severity.WARNING) is Severity.WARNING
    assert policy.check_setting("sync-wave-required") == CheckSetting("off", "we deploy by hand")
    (reason_only,) = read(staging="driftgate: 1\nenvironment: staging\nchecks:\n  sync-wave-required: {reason: r}\n")
    assert reason_only.severity("sync-wave-required", Severity.WARNING) is Severity.WARNING


def test_an_unquoted_off_is_told_as_what_yaml_makes_of_it(read: Read) -> None:
    """YAML takes a bare `off` for false, so the message shows that and the choices."""
    text = "driftgate: 1\nenvironment: a\nchecks:\n  sync-wave-required: {severity: off}\n"
    assert problems(read, p=text) == [
        'policies/p.yaml:4:24: checks.sync-wave-required.severity: false is not one of error, warning, note, "off"'
    ]


def waiver(**entries: str) -> Waiver:
    """A waiver with every entry, some of them replaced."""
    whole = {"finding": "a/b", "reason": "accepted", "owner": "platform", "expires": "2030-06-15"} | entries
    return Waiver.from_node(Node.from_plain(whole, "policies/waivers.yaml"))


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ({}, ""),
        ({"expires": "2030-06-14"}, "it expired on 2030-06-14"),
        ({"expires": ""}, "it has no expiry"),
        ({"expires": "never"}, "its expiry 'never' is not a date"),
        ({"expires": "2030-02-30"}, "its expiry '2030-02-30' is not a date"),
        ({"owner": ""}, "it has no owner"),
        ({"owner": "  "}, "it has no owner"),
        ({"reason": " \n"}, "it has no reason"),
        ({"owner": "", "reason": "", "expires": ""}, "it has no owner"),
    ],
)
def test_a_waiver_holds_only_whole_and_until_its_day(entries: dict[str, str], fault: str) -> None:
    """A waiver holds through its last day, and never without owner, reason and a real date."""
    assert waiver(**entries).fault(TODAY) == fault


def finding(field: str, *, object_id: str = "apps/Deployment/plate-stg/web") -> Finding:
    """A finding of web whose key ends in a field."""
    return Finding(
        "image-tag", Severity.ERROR, Outcome.FAILED, Place("a.yaml", 1), "found", "expected", "why", "fix",
        application="web", object=object_id, field=field,
    )  # fmt: skip


IMAGE = "spec.template.spec.containers[name=web].image"


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (f"image-tag/web/apps~1Deployment~1plate-stg~1web/{IMAGE}", True),
        ("image-tag/web/*", True),
        ("image-tag/*/spec.template.spec.containers[name=web].image", True),
        ("image-tag/*containers[name=*].image", True),
        ("image-tag/???/*", True),
        ("*", True),
        ("image-tag/web", False),
        ("image-tag/we/*", False),
        ("IMAGE-TAG/web/*", False),
        ("image-tag/*containers[namew].image", False),
        (f"image-tag/web/apps~1Deployment~1plate-stg~1web/{IMAGE[:-1]}", False),
    ],
)
def test_a_waiver_speaks_of_the_findings_that_its_pattern_matches(pattern: str, matches: bool) -> None:
    """A pattern is the whole key, `*` and `?` crossing every separator, and a bracket is only a bracket."""
    assert waiver(finding=pattern).matches(finding(IMAGE)) is matches


def test_a_bracket_in_a_pattern_opens_no_choice() -> None:
    """`[ab]` in a pattern stands for itself: it waives neither a nor b."""
    assert not waiver(finding="image-tag/web/*/x[ab]").matches(finding("xa"))
    assert waiver(finding="image-tag/web/*/x[ab]").matches(finding("x[ab]"))
    assert waiver(finding="image-tag/web/*/x[!a]").matches(finding("x[!a]"))


def test_the_schema_is_made_from_the_sections() -> None:
    """The schema of a policy file is JSON Schema, refuses unknown keys and describes every section and field."""
    schema = policy_schema(SECTIONS, CHECKS)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["sizes"] == {
        "type": "object",
        "description": "Sizes of everything that a topic could decide about.",
        "additionalProperties": False,
        "required": [],
        "properties": {
            "mode": {"enum": ["strict", "loose"], "description": "How it is looked at."},
            "ratio": {"type": "number", "description": "A number."},
            "onByDefault": {"type": "boolean", "description": "Whether."},
            "names": {"type": "array", "items": {"type": "string"}, "description": "Some names."},
            "perKind": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "description": "How much a container may take.",
                    "additionalProperties": False,
                    "required": [],
                    "properties": {
                        "cpu": {"type": "string", "description": "The most CPU."},
                        "replicas": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "How many."},
                    },
                },
                "description": "Limits of each kind.",
            },
            "fallback": {
                "anyOf": [
                    schema["properties"]["sizes"]["properties"]["perKind"]["additionalProperties"],
                    {"type": "null"},
                ],
                "description": "Limits of all others.",
            },
        },
    }
    assert sorted(schema["properties"]["checks"]["properties"]) == sorted(CHECKS)
    assert schema["properties"]["overrides"]["additionalProperties"]["properties"] == {
        "sizes": schema["properties"]["sizes"]
    }


def test_the_schema_of_the_installed_checks_is_valid_and_described() -> None:
    """With every installed topic the schema is still JSON Schema, and no setting is left without a description."""
    catalogue = load_catalogue()
    schema = policy_schema(catalogue.sections, catalogue.checks)
    jsonschema.Draft202012Validator.check_schema(schema)
    bare = [
        f"{name}.{key}"
        for name in catalogue.sections
        for key, below in schema["properties"][name]["properties"].items()
        if not below.get("description")
    ]
    assert bare == []
