"""Faults that are put into a copy of our own environment, and the innocent edits beside them.

A row makes one edit that breaks one thing, and one edit that looks alike and breaks nothing. `given` are edits that
lay the ground where the environment as it stands has none for the fault; what they leave is judged too, and clean.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from driftgate.judge import Catalogue, load_catalogue
from driftgate.model.outcome import Finding, Judgement, Ledger, Outcome, Severity
from driftgate.render.pool import WorkerPool
from driftgate.repository.base import BaseTree
from driftgate.run import Base, judge_tree, policies_of
from driftgate.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("environments", "helm", "policies")
Edit = Callable[[Path], None]
Means = Callable[[Catalogue], Catalogue]

APPS = "environments/argocd/apps"
ROOT = "environments/argocd/app-of-apps.yaml"
ARGOCD_CM = "environments/argocd/argocd-cm.yaml"
INGRESS_APP = f"{APPS}/ingress-stg.yaml"
OPENBAO_APP = f"{APPS}/openbao-secrets-manager-stg.yaml"
API_APP = f"{APPS}/plate-api-stg.yaml"
LLM_APP = f"{APPS}/plate-llm-stg.yaml"
WEB_APP = f"{APPS}/plate-web-stg.yaml"
WEB = "helm/applications/plate-web"
API = "helm/applications/plate-server"
LLM = "helm/applications/plate-llm"
INGRESS = "helm/ingress"
OPENBAO = "helm/shared-configs/openbao-secrets-manager"
POLICY = "policies/staging.yaml"
# How a file of the base of a change is named.
ON_BASE = "base:"


def replaced(file: str, old: str, new: str) -> Edit:
    """Replace a text that stands in the file exactly once."""

    def edit(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
        (root / file).write_text(text.replace(old, new), encoding="utf-8", newline="")

    return edit


def appended(file: str, text: str) -> Edit:
    """Put a text at the end of a file."""
    return rewritten(file, lambda before: before + text)


def rewritten(file: str, change: Callable[[str], str]) -> Edit:
    """Pass a file's text through a function that changes it."""

    def edit(root: Path) -> None:
        before = (root / file).read_text(encoding="utf-8")
        after = change(before)
        assert after != before, f"{file} stays as it is"
        (root / file).write_text(after, encoding="utf-8", newline="")

    return edit


def added(file: str, content: str | bytes) -> Edit:
    """Put a file where there is none."""

    def edit(root: Path) -> None:
        path = root / file
        assert not path.exists(), f"{file} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return edit


def deleted(file: str) -> Edit:
    """Delete a file."""
    return lambda root: (root / file).unlink()


def renamed(file: str, name: str) -> Edit:
    """Give a file or folder another path."""

    def edit(root: Path) -> None:
        (root / file).rename(root / name)

    return edit


def linked(file: str, target: str) -> Edit:
    """Put a symlink where there is nothing."""
    return lambda root: (root / file).symlink_to(target)


def for_web(sections: str) -> Edit:
    """Give policy sections to plate-web-stg alone: lines below `overrides.plate-web-stg`, indented by four."""
    head = "  plate-web-stg:\n    workloads:\n"
    return replaced(POLICY, head, head.replace("    workloads:\n", f"{sections}    workloads:\n"))


def with_crlf(file: str) -> Edit:
    """End every line of a file as Windows does."""
    return rewritten(file, lambda text: text.replace("\n", "\r\n"))


def untouched(root: Path) -> None:
    """Leave a tree as it is, where settings and not an edit make the fault."""
    assert root.is_dir()


def several(*edits: Edit) -> Edit:
    """Edits that only together make sense, such as two files of one new chart."""

    def edit(root: Path) -> None:
        for one in edits:
            one(root)

    return edit


@dataclass(frozen=True)
class At:
    """A place, by the text that marks it: the line on which the marker ends, or the file as a whole without one."""

    file: str
    marker: str = ""

    def line(self, root: Path) -> int:
        """The line in a tree; the marker has to stand there exactly once."""
        if not self.marker:
            return 0
        file = self.file.removeprefix(ON_BASE)
        text = (root / file).read_text(encoding="utf-8")
        assert text.count(self.marker) == 1, f"{self.file} holds {self.marker!r} {text.count(self.marker)} times"
        return text[: text.index(self.marker) + len(self.marker)].rstrip("\n").count("\n") + 1


@dataclass(frozen=True)
class Row:
    """One seeded fault of a check, where it is found, and its nearest innocent neighbour.

    `settings` hold for the fault alone, `catalogue` for every judgement of the row, and so does `environment`, which
    is needed where the row makes a second one. With `base` the edits are a change that starts from the copy without
    them; what `base` holds is done to that copy where the fault is judged.
    """

    check: str
    fault: Edit
    at: At | tuple[At, ...]
    innocent: Edit
    severity: Severity = Severity.ERROR
    outcome: Outcome = Outcome.FAILED
    given: tuple[Edit, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    catalogue: Means | None = None
    environment: str | None = None
    base: tuple[Edit, ...] | None = None

    @property
    def places(self) -> tuple[At, ...]:
        """Where the findings are; nearly always one."""
        return self.at if isinstance(self.at, tuple) else (self.at,)


@dataclass(frozen=True, order=True)
class Seen:
    """What a test compares of a finding."""

    check: str
    file: str
    line: int
    severity: str
    outcome: str

    @classmethod
    def of(cls, finding: Finding) -> Seen:
        """The finding as it is compared."""
        return cls(finding.check, finding.place.file, finding.place.line, finding.severity.value, finding.outcome.value)


@dataclass
class Bench:
    """Copies of our environment, judged with one pool of workers and one cache of renders."""

    folder: Path
    pool: WorkerPool
    settings: Settings
    _clean: dict[tuple[object, ...], Ledger] = field(default_factory=dict)
    _bases: dict[tuple[Edit, ...], Path] = field(default_factory=dict)
    _copies: int = 0

    def copy(self, *edits: Edit) -> Path:
        """A copy of the environment with the edits made in it."""
        self._copies += 1
        root = self.folder / f"tree-{self._copies}"
        for name in FOLDERS:
            shutil.copytree(REPOSITORY / name, root / name)
        for edit in edits:
            edit(root)
        return root

    def judge(
        self, root: Path, row: Row, settings: Mapping[str, object] | None = None, *, base: tuple[Edit, ...] = ()
    ) -> Judgement:
        """The judgement of a copy's one environment, and of the change that led to it if the row is about one."""
        catalogue = row.catalogue(load_catalogue()) if row.catalogue else None
        # Workers keep the limits that they were started with, so other settings take a pool of their own.
        pool, chosen = (None, replace(self.settings, **settings)) if settings else (self.pool, self.settings)  # type: ignore[arg-type]
        policies = policies_of(root, None, row.environment)
        (judgement,) = judge_tree(root, policies, chosen, catalogue=catalogue, pool=pool, base=self.base(row, base))
        return judgement

    def base(self, row: Row, edits: tuple[Edit, ...]) -> Base | None:
        """What a change of the row starts from, if it is one."""
        return None if row.base is None else Base.read(BaseTree(self._base_root(row, edits), ON_BASE.rstrip(":")))

    def _base_root(self, row: Row, edits: tuple[Edit, ...]) -> Path:
        key = (*row.given, *edits)
        if key not in self._bases:
            self._bases[key] = self.copy(*key)
        return self._bases[key]

    def root_of(self, at: At, root: Path, row: Row) -> Path:
        """The tree in which a place is looked for."""
        return self._base_root(row, row.base or ()) if at.file.startswith(ON_BASE) else root

    def clean_ledger(self, row: Row) -> Ledger:
        """The ledger of what the row starts from, which must be without a finding."""
        key = (*row.given, row.catalogue, row.environment, row.base is None)
        if key not in self._clean:
            judgement = self.judge(self.copy(*row.given), row)
            assert seen(judgement) == [], "the row does not start from a clean environment"
            self._clean[key] = clean_ledger(judgement)
        return self._clean[key]


def seen(judgement: Judgement) -> list[Seen]:
    """Every finding that is not waived and stands for itself, sorted: what follows from one is told under it."""
    heads = (one for one in judgement.findings if not one.consequence_of)
    return sorted(Seen.of(one) for one in heads if one.outcome is not Outcome.WAIVED)


def clean_ledger(judgement: Judgement) -> Ledger:
    """The ledger without what the run cost."""
    return replace(judgement.ledger, renders={})
