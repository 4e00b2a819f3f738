"""The schemas that an environment brings itself, and what the ledger says of those that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from driftgate.model.outcome import Judgement, Outcome
from driftgate.report.terminal import terminal_report
from tests.repositories import application, chart, judged, write
from tests.schemas.support import crd, of_spec

SIZE = {"type": "object", "properties": {"size": {"type": "integer"}}}
NAME = {"type": "object", "properties": {"name": {"type": "string"}}}
WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: web}\nspec: {size: 3}\n"
APP = {"apps/shop.yaml": application("shop", "shop")}


def definition(schema: object) -> str:
    """The CRD of Widget as a file."""
    return yaml.safe_dump(crd(of_spec(schema)))


def found(root: Path, files: Mapping[str, str], policy: str = "") -> list[tuple[str, str, str]]:
    """(check, file, field) of every finding in a repository with the given files."""
    return sorted((one.check, one.place.file, one.field) for one in judgement_of(root, files, policy).findings)


def judgement_of(root: Path, files: Mapping[str, str], policy: str = "") -> Judgement:
    """The judgement of a repository with one Application."""
    own = {"policies/test.yaml": f"driftgate: 1\nenvironment: test\n{policy}"} if policy else {}
    return judged(write(root, {**APP, **files, **own}))


TYPELESS = '{"$schema": "x", "properties": {"spec": {"type": [{}]}}}'
MORE = {"type": "object", "properties": {"size": {"type": "integer", "exclusiveMinimum": []}}}
UNKNOWN = ("unknown-field", "shop/web.yaml", "spec.size")


@pytest.mark.parametrize(
    ("files", "policy", "expected"),
    [
        ({}, "", []),
        ({"shop/crd.yaml": definition(SIZE)}, "", []),
        ({"shop/crd.yaml": definition(NAME)}, "", [UNKNOWN]),
        ({"crds/widgets.yaml": definition(NAME)}, "", [UNKNOWN]),
        ({"docs/widgets.yaml": definition(NAME)}, "", []),
        ({"crds/widgets.yaml": definition(NAME), "shop/crd.yaml": definition(SIZE)}, "", []),
        ({"own/widgets.yaml": definition(SIZE), "shop/crd.yaml": definition(NAME)}, "schemas: {folder: own}\n", []),
        ({"own/widgets.yaml": definition(NAME)}, "schemas: {folder: own/}\n", [UNKNOWN]),
        ({}, "schemas: {folder: none}\n", [("policy-entry-unmatched", "policies/test.yaml", "policies/test.yaml")]),
        ({"own/a.json": "{"}, "schemas: {folder: own}\n", [("schema-unreadable", "own/a.json", "own/a.json")]),
        ({"own/a.yaml": "a: [\n"}, "schemas: {folder: own}\n", [("schema-unreadable", "own/a.yaml", "own/a.yaml")]),
        ({"own/a.json": TYPELESS}, "schemas: {folder: own}\n", [("schema-unreadable", "own/a.json", "own/a.json")]),
        ({"own/a.yaml": definition(MORE)}, "schemas: {folder: own}\n",
         [("schema-unreadable", "own/a.yaml", "own/a.yaml")]),
    ],
    ids=["none", "rendered", "rendered and broken", "standing", "excluded", "rendered before standing", "folder first",
         "folder", "no folder", "not JSON", "not YAML", "types that are mappings", "a bound that is a list"],
)  # fmt: skip
def test_the_schema_of_a_kind_is_looked_for_in_this_order(
    tmp_path: Path, files: dict[str, str], policy: str, expected: list[tuple[str, str, str]]
) -> None:
    """The policy's folder, what is rendered, what stands in the tree; folders that policy leaves out hold none."""
    found_here = found(tmp_path, {"shop/web.yaml": WIDGET, **files}, policy)
    assert [one for one in found_here if one[0] in SCHEMA_CHECKS] == expected


SCHEMA_CHECKS = {"unknown-field", "schema-unreadable", "policy-entry-unmatched", "field-type-wrong"}


def test_a_symlink_out_of_the_repository_is_no_schema(tmp_path: Path) -> None:
    """What lies outside of the root is not read, and a file of the folder that leads there is told."""
    write(tmp_path / "outside", {"widgets.yaml": definition(NAME)})
    root = write(tmp_path / "root", {**APP, "shop/web.yaml": WIDGET, "own/README.md": ""})
    (root / "own" / "widgets.yaml").symlink_to(tmp_path / "outside" / "widgets.yaml")
    checks = {one[0] for one in found(root, {}, "schemas: {folder: own}\n")}
    assert "unknown-field" not in checks
    assert "schema-unreadable" in checks


def test_the_ledger_names_what_was_held_to_no_schema(tmp_path: Path) -> None:
    """Objects without a schema are counted by kind, in the report for people too."""
    files = {
        "shop/web.yaml": WIDGET + "---\n" + WIDGET.replace("name: web", "name: api"),
        "shop/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n",
    }
    judgement = judgement_of(tmp_path, files, "cluster: {kubernetesVersion: '1.31.2'}\n")
    assert (judgement.ledger.kubernetes, judgement.ledger.without_schema) == ("1.31", {"example.com/Widget": 2})
    row = "  schemas       Kubernetes 1.31; 2 objects held to none: 2 example.com/Widget"
    assert row in terminal_report([judgement]).splitlines()


def test_an_app_project_that_is_rendered_is_told_once(tmp_path: Path) -> None:
    """A project that stands in the tree and is rendered too is held to its schema where it is rendered."""
    project = (
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: shop, namespace: argocd}\n"
        "spec: {sourceRepo: ['*']}\n"
    )
    checks = [one for one in found(tmp_path, {"shop/project.yaml": project}) if "field" in one[0]]
    assert checks == [("unknown-field", "shop/project.yaml", "spec.sourceRepo")]


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("stringData: {key: 4711}\n", "field-type-wrong"),
        ("stringdata: {key: hunter2}\n", "unknown-field"),
        ("data: [hunter2]\n", "field-type-wrong"),
        ("type: {key: hunter2}\n", "field-type-wrong"),
    ],
)
def test_no_finding_of_a_secret_tells_its_value(tmp_path: Path, text: str, check: str) -> None:
    """Whatever is wrong with a Secret, neither message nor key nor place holds what is in it."""
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: web}}\n{text}"
    judgement = judgement_of(tmp_path, {"shop/secret.yaml": secret})
    assert check in {one.check for one in judgement.with_outcome(Outcome.FAILED)}
    told = [one for one in judgement.findings if one.check == check]
    assert "hunter2" not in repr(told)
    assert "4711" not in repr(told)


def test_a_values_line_that_leads_to_a_wrong_type_is_the_place(tmp_path: Path) -> None:
    """The cause of a rendered field is found by effect, through the schema checks too."""
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {port: {{ .Values.port }}}\n"
    files = chart("shop", {"web.yaml": template}, "name: web\nport: 8080\n")
    (one,) = [one for one in judgement_of(tmp_path, files).findings if one.check == "field-type-wrong"]
    assert (str(one.place), one.found, one.expected) == (
        "shop/values.yaml:2:1", "an integer in data.port", "text in quotes",
    )  # fmt: skip
