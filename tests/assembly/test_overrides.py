"""`.argocd-source.yaml`: the source as Argo CD renders it, each value with its own place."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.assembly.overrides import overridden
from driftgate.files import FileRoot
from driftgate.model.application import Application, Source
from driftgate.model.environment import Problem
from driftgate.yaml_reader import read_yaml

APPLICATION = """\
metadata: {name: shop}
spec:
  source:
    repoURL: https://git.example.com/shop.git
    path: charts/shop
    targetRevision: main
    helm:
      releaseName: own
      valueFiles: [values-test.yaml]
      parameters:
        - {name: greeting, value: own}
"""


def source() -> Source:
    return Application.from_manifest(read_yaml(APPLICATION, "app.yaml").roots[0]).sources[0]


def merged(root: Path, **files: str) -> Source | Problem:
    folder = root / "charts" / "shop"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / {"all": ".argocd-source.yaml", "one": ".argocd-source-shop.yaml"}[name]).write_text(text)
    return overridden(source(), FileRoot(root), "charts/shop", "shop")


def test_without_a_file_the_source_is_untouched(tmp_path: Path) -> None:
    """A folder without override files leaves the very same source."""
    (tmp_path / "charts/shop").mkdir(parents=True)
    before = source()
    assert overridden(before, FileRoot(tmp_path), "charts/shop", "shop") is before


def test_mappings_merge_and_lists_are_replaced(tmp_path: Path) -> None:
    """A merge patch keeps what it does not name, replaces lists whole, and null deletes."""
    result = merged(tmp_path, all="helm:\n  releaseName: null\n  parameters:\n    - {name: image.tag, value: '2'}\n")
    assert isinstance(result, Source)
    assert result.helm.release_name == ""
    assert [entry.text for entry in result.helm.value_files] == ["values-test.yaml"]
    assert [(p.name, p.value) for p in result.helm.parameters] == [("image.tag", "2")]


def test_every_value_keeps_its_own_place(tmp_path: Path) -> None:
    """What a file sets is found in that file, and what it leaves alone in the Application."""
    result = merged(tmp_path, all="# a comment\nhelm:\n  releaseName: other\n  valuesObject:\n    a: 1\n")
    assert isinstance(result, Source)
    file = "charts/shop/.argocd-source.yaml"
    places = {
        path: str(result.node.place_of("helm", *path.split(".")))
        for path in ("releaseName", "valueFiles", "valuesObject.a")
    }
    assert places == {
        "releaseName": f"{file}:3:16",
        "valueFiles": "app.yaml:9:7",
        "valuesObject.a": f"{file}:5:5",
    }


def test_the_applications_own_file_comes_last(tmp_path: Path) -> None:
    """The file with the Application's name is merged over the one for all."""
    result = merged(tmp_path, all="helm: {releaseName: all, skipCrds: true}\n", one="helm: {releaseName: one}\n")
    assert isinstance(result, Source)
    assert (result.helm.release_name, result.helm.skip_crds) == ("one", True)


def test_keys_are_found_in_any_case(tmp_path: Path) -> None:
    """Go's decoder takes `forcestring` for `forceString`, which is what image updaters write."""
    text = "Helm:\n  PARAMETERS:\n    - {name: image.tag, value: '1.10', forcestring: true}\n"
    result = merged(tmp_path, all=text)
    assert isinstance(result, Source)
    assert [(p.name, p.force_string) for p in result.helm.parameters] == [("image.tag", True)]


def test_what_names_the_files_cannot_be_changed(tmp_path: Path) -> None:
    """repoURL, path, chart and targetRevision stay, in whatever case they are written."""
    result = merged(
        tmp_path, all="path: elsewhere\nREPOURL: x\nchart: c\ntargetrevision: z\nkustomize: {namePrefix: p-}\n"
    )
    assert isinstance(result, Source)
    assert (result.repo_url, result.path, result.chart, result.target_revision) == (
        "https://git.example.com/shop.git", "charts/shop", "", "main",
    )  # fmt: skip
    assert result.explicit_types == ("kustomize", "helm")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- helm\n", 1),
        ("helm:\n  parameters:\n    greeting: hi\n", 3),
        ("helm:\n  valueFiles: values.yaml\n", 2),
        ("kustomize:\n  images:\n    - {name: x}\n", 3),
        ("helm:\n  skipCrds: 'true'\n", 2),
        ("helm: [\n", 2),
    ],
)
def test_a_file_that_go_cannot_decode_is_a_problem(text: str, line: int, tmp_path: Path) -> None:
    """Another type than the field's, or no YAML, fails the source at the line that is wrong."""
    problem = merged(tmp_path, all=text)
    assert isinstance(problem, Problem)
    assert (problem.fault, problem.place.file, problem.place.line) == (
        "source-override-invalid", "charts/shop/.argocd-source.yaml", line,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "~\n", "text\n", "- helm\n"])
def test_a_file_that_is_no_mapping_is_a_problem(text: str, tmp_path: Path) -> None:
    """Argo CD takes nothing but a mapping for a merge patch, and fails over a file of comments as well."""
    problem = merged(tmp_path, all=text)
    assert isinstance(problem, Problem)
    assert (problem.fault, problem.expected) == ("source-override-invalid", "a mapping")
