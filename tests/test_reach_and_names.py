"""How Applications of a tree are told apart and reached, and which AppProjects and ApplicationSets count."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.assembly import assemble
from driftgate.judge import load_catalogue
from driftgate.model.environment import Environment, Reach
from driftgate.policy import Policy
from driftgate.settings import Settings
from tests.cases import REPOSITORY_URL

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
spec:
  project: default
  source:
    repoURL: {url}
    path: {path}
  destination:
    name: in-cluster
    namespace: argocd
"""
PROJECT = """\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: shop
spec:
  sourceRepos: [{repository}]
"""
SET = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata:\n  name: {name}\nspec: {{}}\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"


def application(name: str, path: str) -> str:
    """An Application that reads a folder of its own repository."""
    return APPLICATION.format(name=name, path=path, url=REPOSITORY_URL)


def loaded(root: Path, files: dict[str, str]) -> Environment:
    """The environment of a tree with these files, under the default policy."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    policy = Policy.shipped(load_catalogue().sections)
    with assemble(root, policy, Settings(cache=None, workers=1), [REPOSITORY_URL]) as assembly:
        return assembly.environment


def test_an_app_of_apps_that_renders_itself_is_a_root(tmp_path: Path) -> None:
    """Being one's own child does not hide a root, so what it renders is reached."""
    files = {
        "apps/root.yaml": application("root", "apps"),
        "apps/shop.yaml": application("shop", "manifests"),
        "manifests/settings.yaml": CONFIG_MAP,
    }
    environment = loaded(tmp_path, files)
    assert {one.label: one.reach for one in environment.applications} == {"root": Reach.ROOT, "shop": Reach.CHILD}


def test_two_parents_of_each_other_are_no_roots(tmp_path: Path) -> None:
    """Where nobody applies one of a circle by hand, none of it comes to the cluster."""
    files = {"a/one.yaml": application("two", "b"), "b/two.yaml": application("one", "a")}
    environment = loaded(tmp_path, files)
    assert {one.reach for one in environment.applications} == {Reach.UNREACHED}


def test_every_application_has_a_label_of_its_own(tmp_path: Path) -> None:
    """Applications of one name are called by their file, and by a number where even that is the same."""
    twins = application("shop", "manifests") + "---\n" + application("shop", "manifests")
    files = {"a.yaml": twins, "b.yaml": application("shop", "manifests"), "manifests/settings.yaml": CONFIG_MAP}
    environment = loaded(tmp_path, files)
    assert [one.label for one in environment.applications] == ["shop (a.yaml)", "shop (a.yaml) #2", "shop (b.yaml)"]


def test_a_rendered_project_counts_before_one_of_its_name_in_the_tree(tmp_path: Path) -> None:
    """What an Application renders is what is applied; a project that nobody renders still counts."""
    files = {
        "root.yaml": application("root", "chart"),
        "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
        "chart/templates/project.yaml": PROJECT.format(repository="rendered"),
        "chart/templates/set.yaml": SET.format(name="of-the-chart"),
        "projects/shop.yaml": PROJECT.format(repository="standing"),
        "projects/other.yaml": PROJECT.format(repository="standing").replace("shop", "other"),
        "sets/one.yaml": SET.format(name="of-the-tree"),
    }
    environment = loaded(tmp_path, files)
    assert [(one.name, one.source_repos) for one in environment.projects] == [
        ("shop", ("rendered",)),
        ("other", ("standing",)),
    ]
    assert [(name, str(place)) for name, place in environment.application_sets] == [
        ("of-the-tree", "sets/one.yaml:4:3"),
        ("of-the-chart", "chart/templates/set.yaml"),
    ]


@pytest.mark.parametrize("name", [".venv", "node_modules"])
def test_a_link_that_git_does_not_keep_is_no_symlink_of_the_repository(tmp_path: Path, name: str) -> None:
    """A virtual environment or package folder that is a link elsewhere is not told as leaving the repository."""
    (tmp_path / name).symlink_to("/usr")
    assert loaded(tmp_path, {"apps/shop.yaml": application("shop", "apps")}).problems == ()
