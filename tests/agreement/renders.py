"""Render many more trees than the tests do: `python -m tests.agreement.renders --count 3000`.

Draws as many directories as that, and a fifth as many charts and kustomizations each, for which programs have to run.
Ends with 1 where driftgate and Argo CD disagree; the files that show it are then in `tests/agreement/renders`.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.agreement.figures import Run, keep_run, tree_versions
from tests.agreement.kinds import Json
from tests.agreement.rendering import Renderer, Tree
from tests.agreement.trees import DRAWERS, drawn_tree
from tests.oracle import Oracle
from tools import build

ROWS = Path(__file__).with_name("renders")
NAMES = {"directory": "Directories", "helm": "Charts", "kustomize": "Kustomizations"}
#: How many trees are drawn of a kind for each that is drawn of the others.
SHARES = {"directory": 5, "helm": 1, "kustomize": 1}


@dataclass(slots=True)
class RenderTally:
    """How many trees came out how, and the numbers of those on which driftgate and Argo CD disagree."""

    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    disagreements: dict[int, str] = field(default_factory=dict)

    @property
    def trees(self) -> int:
        """How many trees were rendered."""
        return self.outcomes.total()


def rendered(numbers: Iterable[int], kind: str, renderer: Renderer) -> RenderTally:
    """Render the trees of these numbers both ways."""
    tally = RenderTally()
    for number in numbers:
        found = renderer.judged(drawn_tree(number, kind))
        untold = [name for name in found.names if name.startswith("could not check")]
        outcome = next(iter([*untold, *found.names]), "no source renders")
        tally.outcomes["differs" if found.disagreement else outcome] += 1
        if found.disagreement:
            tally.disagreements[number] = found.disagreement
    return tally


def row(tree: Tree, renderer: Renderer, title: str) -> Json:
    """A tree with what Argo CD says of it, as a file of `renders` holds it."""
    return {"title": title, **tree.document(), "argocd": renderer.said(tree)}


def smallest(tree: Tree, renderer: Renderer) -> Tree:
    """Without every file, every line and every setting that a disagreement does not need."""
    wanted = _likeness(renderer.judged(tree).disagreement)

    def shows(other: Tree) -> bool:
        return _likeness(renderer.judged(other).disagreement) == wanted

    return _shrunk(tree, shows)


def _shrunk(tree: Tree, shows: Callable[[Tree], bool]) -> Tree:
    for smaller in _smaller(tree):
        if shows(smaller):
            return _shrunk(smaller, shows)
    return tree


def _smaller(tree: Tree) -> Iterator[Tree]:
    if tree.settings:
        yield replace(tree, settings={})
    for name in tree.files:
        yield replace(tree, files={other: content for other, content in tree.files.items() if other != name})
    for name, content in tree.files.items():
        lines = content.splitlines(keepends=True) if isinstance(content, str) else []
        for number in range(len(lines)):
            yield replace(tree, files={**tree.files, name: "".join(lines[:number] + lines[number + 1 :])})


def _likeness(disagreement: str) -> str:
    return disagreement.partition(":")[0].partition(" (")[0]


def keep(tree: Tree, renderer: Renderer, kind: str) -> Path:
    """Write the smallest tree that disagrees alike into `renders`; say where."""
    small = smallest(tree, renderer)
    text = json.dumps(row(small, renderer, renderer.judged(small).disagreement), indent=1, ensure_ascii=False) + "\n"
    path = ROWS / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    path.write_text(text, encoding="utf-8")
    return path


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description="Hold what driftgate renders to what Argo CD renders.")
    parser.add_argument("--count", type=int, default=3000, help="how many directories (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="the number of the first tree")
    parser.add_argument("--keep", action="store_true", help="write the figures beside those of the page")
    parser.add_argument("--no-rows", action="store_true", help="write no regression rows")
    chosen = parser.parse_args()
    began = time.monotonic()
    helm, kustomize = build.ensure("helm4"), build.ensure("kustomize")
    tallies = {}
    with Oracle(build.ensure("oracle")) as oracle, Renderer(oracle, helm=helm, kustomize=kustomize) as renderer:
        for kind in DRAWERS:
            count = chosen.count * SHARES[kind] // SHARES["directory"]
            tallies[kind] = tally = rendered(range(chosen.first, chosen.first + count), kind, renderer)
            print(f"{NAMES[kind]}: {tally.trees}, {len(tally.disagreements)} disagreements", flush=True)
            print(*(f"{count:7} {name}" for name, count in tally.outcomes.most_common()), sep="\n")
            for number, reason in tally.disagreements.items():
                print(f"{kind} {number}: {reason}")
                if not chosen.no_rows:
                    print(keep(drawn_tree(number, kind), renderer, kind), flush=True)
    if chosen.keep:
        _keep_figures(tallies, chosen.count, chosen.first, round(time.monotonic() - began))
    return 1 if any(tally.disagreements for tally in tallies.values()) else 0


def _keep_figures(tallies: dict[str, RenderTally], count: int, first: int, seconds: int) -> None:
    rows = {NAMES[kind]: dict(tally.outcomes.most_common()) for kind, tally in tallies.items()}
    command = f"python -m tests.agreement.renders --count {count} --first {first}"
    trees = sum(tally.trees for tally in tallies.values())
    print(keep_run("rendering", Run(command, first, trees, seconds, tree_versions(), rows)))


if __name__ == "__main__":
    sys.exit(main())
