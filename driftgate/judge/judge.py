"""Run the checks over an environment: the one place where outcomes, waivers and the ledger are decided."""

from __future__ import annotations

import datetime as dt
import traceback
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from driftgate.judge.check import Breach, Catalogue, Check, NotApplicable, Result, Scope, Subject, Unchecked
from driftgate.model.environment import Environment, LoadedApplication, RenderStatus
from driftgate.model.outcome import Finding, Judgement, Ledger, Outcome, Severity, Tally
from driftgate.policy import Policy

__all__ = ["judge"]


def judge(
    environment: Environment,
    policy: Policy,
    catalogue: Catalogue,
    *,
    today: dt.date | None = None,
    renders: dict[str, int] | None = None,
) -> Judgement:
    """Every finding of every check, and the ledger of what was judged.

    A check that crashes becomes a finding under its own name and ends nothing else. `today` decides over waivers.
    """
    bench = _Bench(environment, policy, catalogue, today or dt.datetime.now(tz=dt.UTC).date())
    for check in catalogue.checks.values():
        if check.scope is Scope.APPLICATION:
            for loaded in environment.applications:
                bench.run(check, Subject(environment, policy, loaded))
        elif check.scope is Scope.ENVIRONMENT:
            bench.run(check, Subject(environment, policy))
    bench.apply_waivers()
    for check in catalogue.checks.values():
        if check.scope is Scope.RUN:
            bench.run(check, bench.run_subject())
    bench.apply_waivers()
    findings = tuple(sorted(bench.findings, key=lambda finding: finding.sort_key))
    return Judgement(findings, _ledger(environment, policy, bench, renders or {}))


@dataclass
class _Bench:
    environment: Environment
    policy: Policy
    catalogue: Catalogue
    today: dt.date
    findings: list[Finding] = field(default_factory=list)
    crashes: list[tuple[str, str, str]] = field(default_factory=list)
    tallies: dict[str, Counter[Outcome]] = field(default_factory=dict)

    def run(self, check: Check, subject: Subject) -> None:
        """Run one check on one subject and count what came of it."""
        severity = self.policy.severity(check.id, check.severity)
        tally = self.tallies.setdefault(check.id, Counter())
        if severity is None:
            tally[Outcome.NOT_APPLICABLE] += 1
            return
        label = subject.loaded.label if subject.loaded else ""
        try:
            results = list(check.function(subject))
        except Exception as error:  # a broken check must not hide the others, nor pass
            self.crashes.append((check.id, label, _where(error)))
            tally[Outcome.COULD_NOT_CHECK] += 1
            return
        tally[_subject_outcome(results)] += 1
        for result in results:
            if not isinstance(result, NotApplicable):
                outcome = Outcome.COULD_NOT_CHECK if isinstance(result, Unchecked) else Outcome.FAILED
                self.findings.append(self._finding(check, severity, outcome, label, result))

    def _finding(
        self, check: Check, severity: Severity, outcome: Outcome, label: str, result: Breach | Unchecked
    ) -> Finding:
        reason = self.policy.check_setting(check.id).reason
        return Finding(
            check=check.id,
            severity=severity,
            outcome=outcome,
            place=result.place,
            found=result.found,
            expected=result.expected,
            why=f"{check.why} Policy: {reason}" if reason else check.why,
            fix=result.fix or check.fix,
            application=label,
            object=result.object,
            field=result.field,
            related=result.related,
            could_not_check=outcome is Outcome.COULD_NOT_CHECK,
        )

    def run_subject(self) -> Subject:
        """What a run check is handed: the findings so far and what crashed."""
        facts = {"check_ids": frozenset(self.catalogue.checks), "today": self.today}
        return Subject(
            self.environment,
            self.policy,
            findings=tuple(self.findings),
            crashes=tuple(self.crashes),
            facts=facts,
        )

    def apply_waivers(self) -> None:
        """Waive what a holding waiver matches; findings about waivers themselves cannot be waived."""
        holding = [waiver for waiver in self.policy.waivers if not waiver.fault(self.today)]
        for index, finding in enumerate(self.findings):
            if finding.outcome is Outcome.WAIVED or finding.check.startswith("waiver-"):
                continue
            waiver = next((waiver for waiver in holding if waiver.matches(finding)), None)
            if waiver is not None:
                text = f"{waiver.reason} ({waiver.owner}, until {waiver.expires_text})"
                self.findings[index] = replace(finding, outcome=Outcome.WAIVED, waiver=text)
                self._recount(finding)

    def _recount(self, finding: Finding) -> None:
        """A subject whose last open finding was waived counts as waived."""
        tally = self.tallies[finding.check]
        open_left = any(
            other.check == finding.check
            and other.application == finding.application
            and other.outcome is finding.outcome
            for other in self.findings
        )
        if not open_left and tally[finding.outcome]:
            tally[finding.outcome] -= 1
            tally[Outcome.WAIVED] += 1


def _subject_outcome(results: list[Result]) -> Outcome:
    """The heaviest of what a check said of one subject; a check that said nothing has passed it."""
    kinds = {type(result) for result in results}
    outcomes = {
        Breach: Outcome.FAILED,
        Unchecked: Outcome.COULD_NOT_CHECK,
        NotApplicable: Outcome.NOT_APPLICABLE,
    }
    return next((outcome for kind, outcome in outcomes.items() if kind in kinds), Outcome.PASSED)


def _where(error: Exception) -> str:
    """The error's type and where it was raised: not its text, which may hold a value."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {FilePath(frame.filename).name}:{frame.lineno}"


def _ledger(environment: Environment, policy: Policy, bench: _Bench, renders: dict[str, int]) -> Ledger:
    kinds = Counter(manifest.kind for loaded in environment.applications for manifest in loaded.manifests)
    waived = [finding for finding in bench.findings if finding.outcome is Outcome.WAIVED]
    return Ledger(
        environment=environment.name,
        policy=policy.file or "default",
        applications=tuple(loaded.label for loaded in environment.applications),
        rendered=tuple(loaded.label for loaded in environment.applications if _is_rendered(loaded)),
        charts=tuple(chart.path for chart in environment.charts),
        values_files=environment.values_files,
        objects=sum(kinds.values()),
        kinds=dict(sorted(kinds.items())),
        application_sets=tuple(name for name, _ in environment.application_sets),
        excluded=environment.excluded,
        waived_failures=sum(not finding.could_not_check for finding in waived),
        waived_unchecked=sum(finding.could_not_check for finding in waived),
        checks={name: _tally(counts) for name, counts in sorted(bench.tallies.items())},
        renders=renders,
    )


def _is_rendered(loaded: LoadedApplication) -> bool:
    """Whether all of it was rendered: an Application of which nothing was is not judged, whatever its checks say."""
    return bool(loaded.renders) and all(render.status is RenderStatus.RENDERED for render in loaded.renders)


def _tally(counts: Counter[Outcome]) -> Tally:
    return Tally(
        passed=counts[Outcome.PASSED],
        failed=counts[Outcome.FAILED],
        waived=counts[Outcome.WAIVED],
        not_applicable=counts[Outcome.NOT_APPLICABLE],
        could_not_check=counts[Outcome.COULD_NOT_CHECK],
    )
