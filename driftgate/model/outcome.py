"""What judging yields: outcomes, findings and the ledger of what was judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from driftgate.model.overview import Overview
from driftgate.model.place import Place

__all__ = ["ChangeSummary", "DriftFacts", "Finding", "Judgement", "Ledger", "Outcome", "Related", "Severity", "Tally"]


class Severity(Enum):
    """How much a finding weighs; errors and warnings fail the run, notes are only told."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the heaviest."""
        return list(Severity).index(self)


class Outcome(Enum):
    """What came of one check on one subject."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    NOT_APPLICABLE = "not-applicable"
    COULD_NOT_CHECK = "could-not-check"


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that proves a finding, and what stands there."""

    place: Place
    note: str


@dataclass(frozen=True, slots=True)
class DriftFacts:
    """What is known of one difference from the cluster, a text each, none with a secret; "" for what is not known.

    `live` and `desired` are the values, `by` is the field manager that wrote the live one, `writer` what that is, and
    `time` when, in UTC; `consequence` says what becomes of it.
    """

    live: str
    desired: str
    by: str = ""
    writer: str = ""
    time: str = ""
    consequence: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach at one place, or one thing that could not be checked.

    `object` names the Kubernetes object as group/Kind/namespace/name, or is empty; `field` is the path of the field,
    list elements named by their merge key. `waiver` holds the accepted reason of a waived finding; `could_not_check`
    tells a waived "could not check" from a waived failure. `consequence_of` is the key of the finding that this one
    follows from, where mending that one mends this one. `new` tells whether the base of the change lacks a finding of
    this key, or the last run where there is a history; None where there is neither. `age` says since when it has been
    there, where a history knows. `deploy` says what a deploy has to do with it, where a snapshot was taken before.
    `drift` has the parts of a difference from the cluster.
    """

    check: str
    severity: Severity
    outcome: Outcome
    place: Place
    found: str
    expected: str
    why: str
    fix: str
    application: str = ""
    object: str = ""
    field: str = ""
    related: tuple[Related, ...] = ()
    waiver: str = ""
    could_not_check: bool = False
    consequence_of: str = ""
    new: bool | None = None
    age: str = ""
    deploy: str = ""
    drift: DriftFacts | None = None

    @property
    def key(self) -> str:
        """What this finding is called across runs: no file, line or message, so that moving text keeps the key."""
        return self.key_of(self.check, self.application, self.object, self.field)

    @staticmethod
    def key_of(check: str, application: str, object_: str, field: str) -> str:
        """The key of a finding that a check makes of an Application, an object and a field."""
        return "/".join(part.replace("/", "~1") for part in (check, application, object_, field))

    @property
    def sort_key(self) -> tuple[int, int, Place, str, str]:
        """Failures before the unchecked, heavy before light, then by place."""
        order = [Outcome.FAILED, Outcome.COULD_NOT_CHECK, Outcome.WAIVED]
        return (order.index(self.outcome), self.severity.rank, self.place, self.check, self.key)


@dataclass(frozen=True, slots=True)
class Tally:
    """How often one check came to each outcome."""

    passed: int = 0
    failed: int = 0
    waived: int = 0
    not_applicable: int = 0
    could_not_check: int = 0

    @property
    def judged(self) -> int:
        """How many subjects the check really judged."""
        return self.passed + self.failed + self.waived


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was judged, by name where names matter: the answer to "green on what?"."""

    environment: str
    policy: str
    applications: tuple[str, ...] = ()
    rendered: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    values_files: tuple[str, ...] = ()
    objects: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    kubernetes: str = ""
    without_schema: dict[str, int] = field(default_factory=dict)
    application_sets: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    # What Applications need, the tree does not hold, and policy does not ask of it.
    elsewhere: tuple[str, ...] = ()
    waived_failures: int = 0
    waived_unchecked: int = 0
    checks: dict[str, Tally] = field(default_factory=dict)
    renders: dict[str, int] = field(default_factory=dict)
    base: str = ""
    # Applications of which nothing was judged, because nothing could be read of their cluster.
    unreached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """What a change does to one Application, by object id; `state` is added, removed, changed or unchanged.

    `complete` is false where a side could not be rendered in full, so that more may differ than is listed.
    """

    application: str
    state: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings and the ledger of one environment; in a change review also what the change does.

    With `new_only` the findings that the base has as well are counted, and neither shown nor a failure. `overview` is
    what the environment consists of.
    """

    findings: tuple[Finding, ...]
    ledger: Ledger
    changes: tuple[ChangeSummary, ...] = ()
    new_only: bool = False
    overview: Overview = field(default=Overview(), repr=False, compare=False)

    def with_outcome(self, outcome: Outcome) -> tuple[Finding, ...]:
        """The findings that came to one outcome and count in this run."""
        return tuple(finding for finding in self.told if finding.outcome is outcome)

    @property
    def told(self) -> tuple[Finding, ...]:
        """The findings that are shown and that decide over the run."""
        return tuple(finding for finding in self.findings if not (self.new_only and finding.new is False))

    @property
    def older(self) -> tuple[Finding, ...]:
        """The findings that are open and that the base has as well."""
        return tuple(f for f in self.findings if f.new is False and f.outcome is not Outcome.WAIVED)

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings, 5 nothing judged, 6 no findings but something could not be checked."""
        if any(finding.severity is not Severity.NOTE for finding in self.with_outcome(Outcome.FAILED)):
            return 1
        if not self.ledger.applications:
            return 6 if self.ledger.unreached else 5
        return 6 if self.with_outcome(Outcome.COULD_NOT_CHECK) else 0
