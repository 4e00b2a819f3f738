"""Fixture cases: small repositories under `fixtures/<check-id>/{good,bad}/`, marked with what they expect.

A line that has to be found carries `# expect: <check-id>` (several ids with commas). A finding whose place is a file
as a whole is expected with `# expect-file: <check-id>` anywhere in that file. Files that take no comment are
described by lines `<file>:<line> <check-id>` (or `<file> <check-id>`) in a file `expect.txt` at the case's root.

A case of a change holds two repositories: `head/`, which is judged, and `base/`, from which the change starts. What
is found on the base is marked there. A case of a live check holds its repository in `git/`, and beside it what the
cluster says (tests/live_cases.py).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from driftgate.assembly import assemble
from driftgate.model.outcome import Judgement, Outcome
from driftgate.repository.base import BaseTree
from driftgate.run import Base, judge_drift, judge_tree, policies_of
from driftgate.settings import Settings
from tests.live_cases import deploy_of, is_live, live_state, unreached_of
from tests.workers import shared_pool

__all__ = ["REPOSITORY_URL", "Case", "cases", "judge_case"]

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
REPOSITORY_URL = "https://git.example.com/platform/deployments.git"
_MARK = re.compile(rb"(?:#|//|<!--)\s*expect(?P<file>-file)?:\s*(?P<ids>[a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)")


@dataclass(frozen=True)
class Case:
    """One fixture case of a check."""

    check: str
    kind: str
    path: Path

    @property
    def id(self) -> str:
        """How pytest calls it."""
        return self.path.relative_to(FIXTURES).as_posix()

    def expected(self) -> Counter[tuple[str, int, str]]:
        """(file, line, check) of every finding that the case must yield; line 0 for a whole file."""
        found: Counter[tuple[str, int, str]] = Counter()
        for path in sorted((self.path / "git" if is_live(self.path) else self.path).rglob("*")):
            if path.is_file() and not path.is_symlink():
                self._marks(path, found)
        return found

    def _name(self, path: Path) -> str:
        """A file as findings name it."""
        name = path.relative_to(self.path).as_posix()
        if not (self.path / "base").is_dir():
            return name.removeprefix("git/") if is_live(self.path) else name
        return f"base:{name.removeprefix('base/')}" if name.startswith("base/") else name.removeprefix("head/")

    def _marks(self, path: Path, found: Counter[tuple[str, int, str]]) -> None:
        name = self._name(path)
        if name == "expect.txt":
            for text in path.read_text(encoding="utf-8").splitlines():
                place, _, check = text.partition(" ")
                file, _, line = place.partition(":")
                found[(file, int(line or 0), check.strip())] += 1
            return
        for number, data in enumerate(path.read_bytes().splitlines(), 1):
            for mark in _MARK.finditer(data):
                for check in mark["ids"].decode().split(","):
                    found[(name, 0 if mark["file"] else number, check.strip())] += 1


def cases(kind: str) -> list[Case]:
    """The cases of every check: the folder itself, or each of its folders if it holds nothing but folders."""
    found = []
    for folder in sorted(FIXTURES.glob(f"*/{kind}")):
        if folder.parent.name == "repos":
            continue
        entries = sorted(folder.iterdir())
        several = all(entry.is_dir() and entry.name.startswith("case-") for entry in entries)
        found += [Case(folder.parent.name, kind, path) for path in (entries if several else [folder])]
    return found


def judge_case(path: Path, settings: Settings | None = None) -> Judgement:
    """The judgement of a case's one environment, without any cache.

    A case may state in `case.json` under which `urls` its repository is known, which `settings` it is judged with, and
    which `environment` is judged where there are several.
    """
    file = path / "case.json"
    options = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if is_live(path):
        return _judge_live(path, settings or Settings(cache=None, workers=1))
    changed = (path / "base").is_dir()
    base = Base.read(BaseTree(path / "base", "base")) if changed else None
    root = path / "head" if changed else path
    policies = policies_of(root, None, options.get("environment"))
    settings = replace(settings or Settings(cache=None, workers=1), **options.get("settings", {}))
    urls = options.get("urls", [REPOSITORY_URL])
    (judgement,) = judge_tree(root, policies, settings, urls, base=base, pool=shared_pool(settings))
    return judgement


def _judge_live(path: Path, settings: Settings) -> Judgement:
    """The judgement of a live case: its repository against what its cluster says."""
    (policy,) = policies_of(path / "git", None)
    with assemble(path / "git", policy, settings, [REPOSITORY_URL], shared_pool(settings)) as assembly:
        if (unreached := unreached_of(path, assembly)) is not None:
            return judge_drift(assembly, [], unreached=[unreached])[0]
        return judge_drift(assembly, [live_state(path, assembly)], deploy=deploy_of(path, assembly))[0]


def seen(judgement: Judgement) -> Counter[tuple[str, int, str]]:
    """(file, line, check) of every finding that is not waived."""
    return Counter((f.place.file, f.place.line, f.check) for f in judgement.findings if f.outcome is not Outcome.WAIVED)
