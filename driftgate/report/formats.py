"""The formats that a run can be written in: one model for all of them, and the files that were asked for.

A format is a module of this package with one function that takes a `Report` and gives a text. It is imported when it
is asked for.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.errors import UsageError
from driftgate.model.outcome import Finding, Judgement, Outcome, Severity

if TYPE_CHECKING:
    from driftgate.deploys import Aftermath
    from driftgate.drift.pairing import LiveEnvironment
    from driftgate.history import Comparison, HistoryRules

__all__ = [
    "FORMATS",
    "Report",
    "ReportFile",
    "Section",
    "fails",
    "format_names",
    "level",
    "report_text",
    "target_of",
    "write_report",
]

#: By the name of each format: the module of this package, its function, and what it is in a few words.
FORMATS = {
    "json": ("json_report", "json_report", "everything, for programs; see report.schema.json"),
}


@dataclass(frozen=True)
class Section:
    """One environment: as its files were judged, or with `live` as its clusters were.

    `history` compares with the runs before, and `aftermath` says what came of a deploy. `failing` are the keys of the
    findings on which the run fails where policy chooses them; None for every finding that counts.
    """

    judgement: Judgement
    live: LiveEnvironment | None = None
    history: tuple[Comparison, HistoryRules] | None = None
    aftermath: Aftermath | None = None
    code: int | None = None

    @property
    def environment(self) -> str:
        """Its name."""
        return self.judgement.ledger.environment

    @property
    def exit_code(self) -> int:
        """What the command ends with, were this all."""
        return self.judgement.exit_code if self.code is None else self.code

    @cached_property
    def told(self) -> Judgement:
        """The judgement, with the age of each finding where there is a history."""
        if self.history is None:
            return self.judgement
        from driftgate.report.history import aged

        return aged(self.judgement, *self.history)

    @cached_property
    def heads(self) -> tuple[Finding, ...]:
        """The open findings that do not follow from another one, notes and what could not be checked among them."""
        open_ = [one for one in self.told.told if one.outcome is not Outcome.WAIVED]
        keys = {one.key for one in open_}
        return tuple(one for one in open_ if one.consequence_of not in keys)

    @cached_property
    def following(self) -> dict[str, tuple[Finding, ...]]:
        """What follows from each of these, by its key."""
        found: dict[str, tuple[Finding, ...]] = {}
        for one in self.told.told:
            if one.consequence_of and one.outcome is not Outcome.WAIVED:
                found[one.consequence_of] = (*found.get(one.consequence_of, ()), one)
        return found

    @property
    def waived(self) -> tuple[Finding, ...]:
        """What policy accepts for a time."""
        return self.told.with_outcome(Outcome.WAIVED)


@dataclass(frozen=True)
class Report:
    """Everything that a run has to tell, whatever the format.

    `root` is the judged tree, from which a report may quote, and `titles` are those of the checks by their ids.
    """

    sections: tuple[Section, ...]
    root: Path

    @property
    def exit_code(self) -> int:
        """Findings before nothing judged, nothing judged before could not check."""
        codes = [section.exit_code for section in self.sections] or [5]
        return next((code for code in (1, 5, 6) if code in codes), 0)

    @property
    def findings(self) -> tuple[tuple[Section, Finding], ...]:
        """Every open finding of every environment, the worst first, whatever it follows from."""
        found = [(section, one) for section in self.sections for one in section.told.told]
        return tuple(sorted((pair for pair in found if pair[1].outcome is not Outcome.WAIVED), key=_weight))


def _weight(pair: tuple[Section, Finding]) -> tuple[int, int, object]:
    finding = pair[1]
    unread = finding.check == "cluster-unreached"
    return (0 if unread else 1, 0 if finding.new else 1, finding.sort_key)


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that was asked for, and the file it goes to."""

    format: str
    file: Path


def target_of(option: str, text: str, folder: Path | None = None) -> ReportFile:
    """What `FORMAT=FILE` asks for; a relative file is below `folder`. UsageError for what cannot be written."""
    format_, equals, file = text.partition("=")
    if not equals or not file or format_ not in FORMATS:
        raise UsageError(f"{option} {text}: expected FORMAT=FILE; FORMAT is {format_names()}")
    path = Path(file) if folder is None else folder / file
    if not path.parent.is_dir():
        raise UsageError(f"{option} {text}: there is no folder {path.parent}")
    return ReportFile(format_, path)


def format_names() -> str:
    """The formats in words: `json, junit or html`."""
    *most, last = FORMATS
    return f"{', '.join(most)} or {last}" if most else last


def report_text(format_: str, report: Report) -> str:
    """The report in one of the formats."""
    module, function, _ = FORMATS[format_]
    text: str = getattr(importlib.import_module(f"driftgate.report.{module}"), function)(report)
    return text


def write_report(target: ReportFile, text: str) -> None:
    """Put a report in its file; UsageError where that fails."""
    try:
        target.file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"report {target.file}: {error.strerror}") from error


def level(finding: Finding) -> str:
    """How much a finding weighs, or that it could not be checked: error, warning, note or could-not-check."""
    return "could-not-check" if finding.outcome is Outcome.COULD_NOT_CHECK else finding.severity.value


def fails(finding: Finding) -> bool:
    """Whether a finding makes a run fail, as far as nothing else decides."""
    return finding.outcome is Outcome.COULD_NOT_CHECK or (
        finding.outcome is Outcome.FAILED and finding.severity is not Severity.NOTE
    )
