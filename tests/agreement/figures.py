"""The figures of long runs, kept in the tree: `figures/AREA.json`, written by the run itself."""

from __future__ import annotations

import collections
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from driftgate.compare import Problem, ProblemKind, Verdict
from driftgate.facts import load_types
from tests.agreement.known_words import DIFFERENT, NO_ANSWER
from tools import build

FIGURES = Path(__file__).with_name("figures")
#: The area whose figures hold the samples.
SAMPLED = "kinds"
#: How many parts the sample of a run has, and of how many numbers each.
SAMPLES = 8
SAMPLE = 250
#: The modules of Argo CD's side, by what the page calls them.
MODULES = {
    "Argo CD": "github.com/argoproj/argo-cd/v3",
    "gitops-engine": "github.com/argoproj/argo-cd/gitops-engine/v3",
    "client-go": "k8s.io/client-go",
    "Kubernetes": "k8s.io/kubernetes",
    "gojq": "github.com/itchyny/gojq",
}
#: Outcomes of pairs to which Argo CD has no answer either.
NEITHER = {f"{Verdict.COULD_NOT_CHECK}: {kind}" for kind in ProblemKind if Problem(kind, "").in_argocd}


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what to repeat it with, how long it took, and how many of what came out how.

    The rows share nothing, so their sum is what was compared. `sample` has the outcomes of its first numbers, so many
    each: the tests compare those again, and notice when the figures are of another time.
    """

    command: str
    first: int
    count: int
    seconds: int
    versions: Mapping[str, str]
    rows: Mapping[str, Mapping[str, int]]
    sample: Sequence[Mapping[str, int]] = ()

    @property
    def outcomes(self) -> collections.Counter[str]:
        """All rows together."""
        found: collections.Counter[str] = collections.Counter()
        for row in self.rows.values():
            found.update(row)
        return found


def keep_run(area: str, run: Run) -> Path:
    """Write a run beside the others of its area; it takes the place of one with the same command and first number."""
    others = [each for each in runs(area) if (each.command, each.first) != (run.command, run.first)]
    kept = sorted((*others, run), key=lambda each: (each.command, each.first))
    FIGURES.mkdir(exist_ok=True)
    path = FIGURES / f"{area}.json"
    path.write_text(
        json.dumps({"runs": list(map(asdict, kept))}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return path


def runs(area: str) -> list[Run]:
    """The runs of an area."""
    path = FIGURES / f"{area}.json"
    if not path.exists():
        return []
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return [Run(**each) for each in content["runs"]]


def is_untold(outcome: str) -> bool:
    """Whether an outcome is no answer where Argo CD may have one."""
    return outcome.startswith(NO_ANSWER) and outcome not in NEITHER


def is_different(outcome: str) -> bool:
    """Whether the two disagree."""
    return outcome.startswith(DIFFERENT)


@cache
def tree_versions() -> dict[str, str]:
    """The versions that this tree compares with."""
    lines = (build.TOOLS["oracle"].directory / "go.mod").read_text(encoding="utf-8").splitlines()
    words = [line.split() for line in lines]
    required = {each[0]: each[1] for each in words if len(each) >= 2 and each[1].startswith("v")}
    replaced = {each[0]: each[-1] for each in words if "=>" in each}
    found = {name: replaced.get(module, required.get(module, "")) for name, module in MODULES.items()}
    return {
        **found,
        "types of": str(load_types()["x-source"]["module"]).rpartition("/")[2],
        "control plane": build.TOOLS["kube-apiserver"].version,
        **{name: build.TOOLS[name].version for name in ("helm3", "helm4", "kustomize")},
    }
