"""The page about agreement: it is what the figures say, and what it names is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.agreement.figures import FIGURES, is_different, runs, tree_versions
from tests.agreement.known import KNOWN, UNTOLD
from tests.agreement.page import AREAS, PAGE, page, unexplained

ROOT = Path(__file__).resolve().parents[2]
#: How many there are at least, in all runs of an area.
LEAST = {"kinds": 40_000, "old-versions": 5_000, "applications": 3_000, "health": 20_000, "order": 4_000}


def test_the_page_is_what_the_figures_make_of_it() -> None:
    """Nobody writes a figure by hand: `python -m tests.agreement --page` makes the page."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_figures_are_of_the_versions_of_the_tree() -> None:
    """A newer Argo CD, Helm or Kubernetes takes new figures."""
    known = tree_versions()
    for area in AREAS:
        for run in runs(area):
            other = {name: version for name, version in run.versions.items() if known.get(name) != version}
            assert other == {}, f"{area}: {run.command}"


@pytest.mark.parametrize("area", sorted(path.stem for path in FIGURES.glob("*.json")))
def test_every_figure_is_on_the_page_and_adds_up(area: str) -> None:
    """An area of the figures is one of the page; its runs have counted every number, and no difference."""
    assert area in AREAS
    for run in runs(area):
        assert run.outcomes.total() == run.count
        assert [outcome for outcome in run.outcomes if is_different(outcome)] == []
    assert sum(run.count for run in runs(area)) >= LEAST.get(area, 1)


def test_the_three_views_of_the_pairs_are_of_the_same_pairs() -> None:
    """By kind, by what differs and by rules, the outcomes of the pairs are the same."""
    views = [[(run.command, run.outcomes) for run in runs(area)] for area in ("kinds", "changes", "rules")]

    assert views[0] == views[1] == views[2]


def test_every_outcome_without_an_answer_has_a_reason() -> None:
    """Nothing is left out silently: what could not be checked is counted under a reason that the page gives."""
    assert unexplained() == set()


@pytest.mark.parametrize("name", sorted({*(each.test for each in KNOWN), *(each.test for each in UNTOLD)}))
def test_the_tests_that_the_page_names_exist(name: str) -> None:
    """A known difference is pinned by a test that is there."""
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))

    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
