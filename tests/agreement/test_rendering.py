"""What driftgate renders is what Argo CD's repo server renders from the same files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.agreement.drawn_charts import SHOWN
from tests.agreement.known_rendering import UNTOLD
from tests.agreement.rendering import OTHERWISE, REPOSITORY, Renderer, Tree
from tests.agreement.renders import ROWS, SHARES, rendered, row, smallest
from tests.agreement.trees import DRAWERS, drawn_tree
from tests.oracle import Oracle

#: How many trees of a kind one run of the tests renders, in chunks.
TREES = {"directory": 900, "helm": 60, "kustomize": 60}
CHUNKS = 3
ROWS_AGREED = sorted(ROWS.glob("*.json"))
ROWS_KNOWN = sorted((ROWS / "known").glob("*.json"))


@pytest.fixture(scope="module")
def renderer(oracle: Oracle, helm4: Path, kustomize: Path) -> Iterator[Renderer]:
    """Renders trees both ways, by the helm that Argo CD brings."""
    with Renderer(oracle, helm=helm4, kustomize=kustomize) as found:
        yield found


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("kind", DRAWERS)
def test_driftgate_renders_what_argo_cd_renders(
    kind: str, chunk: int, renderer: Renderer, tallied: Callable[[Mapping[str, int]], None]
) -> None:
    """The same type, the same objects with the same tracking, in the order that counts, or the same sort of error."""
    size = TREES[kind] // CHUNKS
    tally = rendered(range(chunk * size, (chunk + 1) * size), kind, renderer)
    tallied({f"rendering, {name}": count for name, count in tally.outcomes.items()})

    assert tally.disagreements == {}
    assert tally.trees == size
    # Where both fail over different things, nothing is known but that.
    assert tally.outcomes[OTHERWISE] * 100 <= 15 * size
    untold = {name for name in tally.outcomes if name.startswith("could not check")}
    assert untold <= {each.outcome for each in UNTOLD}


@pytest.mark.parametrize("path", ROWS_AGREED, ids=lambda path: path.stem)
def test_driftgate_agrees_now(path: Path, renderer: Renderer) -> None:
    """The disagreement that the tree was kept for is gone, and Argo CD still says what it said."""
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    tree = Tree.of(kept)

    assert renderer.judged(tree).disagreement == ""
    assert row(tree, renderer, kept["title"]) == kept


@pytest.mark.parametrize("path", ROWS_KNOWN, ids=lambda path: path.stem)
def test_a_known_difference_is_still_there(path: Path, renderer: Renderer) -> None:
    """What the page tells of is so; once it no longer is, the page has to be told."""
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))

    assert kept["difference"]
    assert renderer.judged(Tree.of(kept)).disagreement == kept["difference"]


CHART = {
    "web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "web/values.yaml": "a: ~\n",
    "web/templates/shown.yaml": SHOWN,
}
DEPENDENCY = "dependencies:\n- {name: db, version: 1.0.0, repository: 'https://charts.test'}\n"


def tree(files: Mapping[str, str], **source: Any) -> Tree:
    """A tree with its source in `web`."""
    spec = {"destination": {"namespace": "shop"}, "source": {"repoURL": REPOSITORY, "path": "web", **source}}
    return Tree({"metadata": {"name": "shop", "namespace": "argocd"}, "spec": spec}, dict(files))


@pytest.mark.parametrize(
    ("files", "source", "fault"),
    [
        ({"web/a.jsonnet": "{}"}, {}, "source-jsonnet"),
        (CHART, {"helm": {"valueFiles": ["https://files.test/a.yaml"]}}, "value-file-remote"),
        ({"web/kustomization.yaml": "resources: ['https://git.test/base.yaml']\n"}, {}, "source-remote"),
        (
            {**CHART, "web/Chart.yaml": CHART["web/Chart.yaml"] + DEPENDENCY},
            {},
            "chart-dependency-not-vendored",
        ),
    ],
)  # fmt: skip
def test_what_is_not_rendered_is_told(
    files: Mapping[str, str], source: Mapping[str, Any], fault: str, renderer: Renderer
) -> None:
    """What driftgate does not render counts neither as rendered nor as failed."""
    found = renderer.judged(tree(files, **source))

    assert (found.names, found.disagreement) == ((f"could not check: {fault}",), "")


def test_helm_3_renders_otherwise_where_it_is_known(
    oracle: Oracle, helm3: Path, kustomize: Path, renderer: Renderer
) -> None:
    """The page's words about Helm 3 hold: one document of a values file, and nulls that stay."""
    several = tree({**CHART, "web/more.yaml": "x: 1\n---\nx: 2\n"}, helm={"valueFiles": ["more.yaml"]})
    with Renderer(oracle, helm=helm3, kustomize=kustomize) as older:
        found = [_values(each.said(several)) for each in (older, renderer)]

    assert found == [{"a": None, "x": 1}, {"x": 2}]


def _values(said: Any) -> Any:
    return json.loads(said[0]["manifests"][0]["data"]["values"])


def test_the_helm_command_renders_what_argo_cd_renders(oracle: Oracle, helm4: Path, kustomize: Path) -> None:
    """Where the embedded engine is switched off, the command gives the same, which is what Argo CD runs."""
    with Renderer(oracle, helm=helm4, kustomize=kustomize, embedded=False) as commanded:
        tally = rendered(range(5000, 5012), "helm", commanded)

    assert tally.disagreements == {}


def test_a_disagreement_is_found_and_made_small(renderer: Renderer) -> None:
    """A difference is told, and what does not show it goes: files, lines, settings."""
    kept = json.loads((ROWS / "known/directory-tool-folder.json").read_text(encoding="utf-8"))
    small = Tree.of(kept)
    large = Tree(
        small.application,
        {**small.files, "apps/web/b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"},
        settings={"application.resourceTrackingMethod": "label"},
    )

    assert renderer.judged(large).disagreement != ""
    found = smallest(large, renderer)
    assert (set(found.files), found.settings) == (set(small.files), {})
    assert renderer.judged(found).disagreement != ""


def test_trees_are_of_every_kind() -> None:
    """Every kind is drawn, and a number always gives the same tree; no parameter leads into another one of its flag."""
    assert set(SHARES) == set(TREES) == set(DRAWERS)
    for kind in DRAWERS:
        trees = [drawn_tree(number, kind) for number in range(200)]
        assert trees == [drawn_tree(number, kind) for number in range(200)]
        fields = {key for each in trees for key in _source(each).get(kind, {})}
        assert len(fields) > 3
    for number in range(400):
        parameters = _source(drawn_tree(number, "helm")).get("helm", {}).get("parameters", [])
        roots = {(one["name"].split(".")[0].split("[")[0], one.get("forceString")): one["name"] for one in parameters}
        assert len(roots) == len({(one["name"], one.get("forceString")) for one in parameters})


def _source(drawn: Tree) -> dict[str, Any]:
    spec = drawn.application["spec"]
    found: dict[str, Any] = spec["source"] if "source" in spec else spec["sources"][0]
    return found
