"""Run the checks over an environment: the one place where outcomes, waivers and the ledger are decided."""

from __future__ import annotations

import datetime as dt
import traceback
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from driftgate.judge.check import (
    Breach,
    Catalogue,
    Check,
    EarlierPolicy,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
)
from driftgate.judge.graphs import from_elsewhere
from driftgate.judge.overview import overview_of
from driftgate.model.environment import Environment, LoadedApplication, RenderStatus
from driftgate.model.outcome import Finding, Judgement, Ledger, Outcome, Severity, Tally
from driftgate.policy import Policy

if TYPE_CHECKING:
    from driftgate.deploys.deploy import Deploy
    from driftgate.drift.pairing import LiveEnvironment

__all__ = ["judge"]


def judge(
    environment: Environment,
    policy: Policy,
    catalogue: Catalogue,
    *,
    today: dt.date | None = None,
    earlier: EarlierPolicy | None = None,
    only: Mapping[str, Collection[str]] | None = None,
    live: LiveEnvironment | None = None,
    deploy: Deploy | None = None,
) -> Judgement:
    """Every finding of every check, and the ledger of what was judged.

    A check that crashes becomes a finding under its own name and ends nothing else. `today` decides over waivers.
    `earlier` is the policy before the change. With `only` no other checks are run than those that it names, and on no
    other Applications. With `live` it is the live checks that are run, on the Applications whose clusters were read;
    some of them look back at a `deploy`.
    """
    bench = _Bench(environment, policy, catalogue, today or dt.datetime.now(tz=dt.UTC).date(), live)
    shared: dict[object, Any] = {}
    common = Subject(environment, policy, made=shared, earlier=earlier, live=live, deploy=deploy)
    judged = [one for one in environment.applications if live is None or one.label in live.applications]
    subjects = [replace(common, loaded=one) for one in judged]
    checks = tuple(catalogue.judging(live=live is not None).values())
    for check in checks:
        if check.scope is Scope.APPLICATION:
            for subject in subjects:
                if only is None or subject.app.label in only.get(check.id, ()):
                    bench.run(check, subject)
    # After all Applications, because what is looked at closely may depend on what was found about them.
    about_applications = tuple(bench.findings)
    for check in checks:
        if check.scope is Scope.ENVIRONMENT and (only is None or check.id in only):
            bench.run(check, replace(common, findings=about_applications))
    bench.find_consequences()
    bench.apply_waivers()
    for check in checks:
        if check.scope is Scope.RUN and only is None:
            bench.run(check, bench.run_subject())
    bench.find_consequences()
    bench.apply_waivers()
    told = replace(common, earlier=None)
    return Judgement(_in_order(bench.findings), _ledger(told, judged, bench), overview=overview_of(told))


@dataclass
class _Bench:
    environment: Environment
    policy: Policy
    catalogue: Catalogue
    today: dt.date
    live: LiveEnvironment | None
    findings: list[Finding] = field(default_factory=list)
    # By check and then by Application, "" for the environment and the run.
    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    # Positions in `findings` by what they come of, those that are the cause itself apart.
    _causes: dict[str, list[int]] = field(default_factory=dict)
    _following: dict[str, list[int]] = field(default_factory=dict)
    _severities: dict[str, Severity | None] = field(default_factory=dict)

    def run(self, check: Check, subject: Subject) -> None:
        """Run one check on one subject and keep what came of it."""
        severity = self.severity(check)
        label = subject.loaded.label if subject.loaded else ""
        outcomes = self.outcomes.setdefault(check.id, {})
        if severity is None:
            outcomes[label] = Outcome.NOT_APPLICABLE
            return
        results = _results(check, subject)
        if not results:  # nearly always
            outcomes[label] = Outcome.PASSED
            return
        outcomes[label] = _subject_outcome(results)
        for result in results:
            if not isinstance(result, NotApplicable):
                outcome = Outcome.COULD_NOT_CHECK if isinstance(result, Unchecked) else Outcome.FAILED
                if result.cause:
                    known = self._causes if result.is_cause else self._following
                    known.setdefault(result.cause, []).append(len(self.findings))
                self.findings.append(self._finding(check, severity, outcome, label, result))

    def severity(self, check: Check) -> Severity | None:
        """The severity that policy gives a check, asked once a run."""
        if check.id not in self._severities:
            self._severities[check.id] = self.policy.severity(check.id, check.severity)
        return self._severities[check.id]

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
            why=f"{result.why or check.why} Policy: {reason}" if reason else result.why or check.why,
            fix=result.fix or check.fix,
            application=label,
            object=result.object,
            field=result.field,
            related=result.related,
            could_not_check=outcome is Outcome.COULD_NOT_CHECK,
            drift=result.drift if isinstance(result, Breach) else None,
        )

    def find_consequences(self) -> None:
        """Put what follows from one fault under the finding that tells of it."""
        for cause, following in self._following.items():
            heads = self._causes.get(cause) or following
            head = min(heads, key=lambda index: self.findings[index].sort_key)
            for index in following:
                if index != head:
                    self.findings[index] = replace(self.findings[index], consequence_of=self.findings[head].key)

    def run_subject(self) -> Subject:
        """What a run check is handed: the findings so far."""
        facts = {
            "check_ids": frozenset(self.catalogue.checks),
            "judging": frozenset(self.catalogue.judging(live=self.live is not None)),
            "today": self.today,
        }
        return Subject(self.environment, self.policy, findings=tuple(self.findings), facts=facts, live=self.live)

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
        self._waive_consequences()

    def _waive_consequences(self) -> None:
        """Whoever accepts a fault accepts what follows from it."""
        accepted = {finding.key: finding.waiver for finding in self.findings if finding.outcome is Outcome.WAIVED}
        for index, finding in enumerate(self.findings):
            reason = accepted.get(finding.consequence_of)
            if finding.consequence_of and reason and finding.outcome is not Outcome.WAIVED:
                self.findings[index] = replace(finding, outcome=Outcome.WAIVED, waiver=reason)

    def tallies(self) -> dict[str, Tally]:
        """How often each check came to each outcome: a subject of which everything was waived counts as waived."""
        left: dict[tuple[str, str], list[Outcome]] = {}
        for finding in self.findings:
            left.setdefault((finding.check, finding.application), []).append(finding.outcome)
        for (check, label), outcomes in left.items():
            self.outcomes[check][label] = _heaviest(outcomes)
        return {check: _tally(Counter(subjects.values())) for check, subjects in sorted(self.outcomes.items())}


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Heavy before light, and every consequence behind what it follows from."""
    heads = {finding.key: finding.sort_key for finding in findings}
    return tuple(
        sorted(
            findings,
            key=lambda finding: (
                heads.get(finding.consequence_of, finding.sort_key),
                finding.consequence_of != "",
                finding.sort_key,
            ),
        )
    )


def _results(check: Check, subject: Subject) -> list[Result]:
    """What a check yields; a crash is one more result, because a broken check must neither hide others nor pass."""
    results: list[Result] = []
    try:
        results.extend(check.function(subject))  # what came before a crash stays
    except Exception as error:
        place = subject.application.place if subject.loaded else subject.policy.place_of("checks", check.id)
        found = f"the check crashed: {_where(error)}"
        results.append(
            Unchecked(place, found, "a check that ends; this is a fault of the check", field="crash", fix=_REPORT)
        )
    return results


_REPORT = "Report it with the place that is named; until then policy can switch the check off, with this reason."


def _subject_outcome(results: list[Result]) -> Outcome:
    """The heaviest of what a check said of one subject."""
    return _heaviest([_OUTCOMES[type(result)] for result in results])


_OUTCOMES = {Breach: Outcome.FAILED, Unchecked: Outcome.COULD_NOT_CHECK, NotApplicable: Outcome.NOT_APPLICABLE}
_BY_WEIGHT = (Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.WAIVED, Outcome.COULD_NOT_CHECK, Outcome.FAILED)


def _heaviest(outcomes: Sequence[Outcome]) -> Outcome:
    if len(outcomes) == 1:
        return outcomes[0]
    return max(outcomes, key=_BY_WEIGHT.index)


def _where(error: Exception) -> str:
    """The error's type and where it was raised: not its text, which may hold a value."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {FilePath(frame.filename).name}:{frame.lineno}"


def _ledger(subject: Subject, judged: Sequence[LoadedApplication], bench: _Bench) -> Ledger:
    environment, policy = subject.environment, subject.policy
    kinds = Counter(manifest.kind for loaded in judged for manifest in loaded.manifests)
    waived = [finding for finding in bench.findings if finding.outcome is Outcome.WAIVED]
    return Ledger(
        environment=environment.name,
        policy=policy.file or "default",
        applications=tuple(loaded.label for loaded in judged),
        rendered=tuple(loaded.label for loaded in judged if _is_rendered(loaded)),
        charts=tuple(chart.path for chart in environment.charts),
        values_files=environment.values_files,
        objects=sum(kinds.values()),
        kinds=dict(sorted(kinds.items())),
        kubernetes=environment.schemas.kubernetes.version,
        without_schema=_without_schema(environment),
        application_sets=tuple(name for name, _ in environment.application_sets),
        excluded=environment.excluded,
        elsewhere=from_elsewhere(subject),
        waived_failures=sum(not finding.could_not_check for finding in waived),
        waived_unchecked=sum(finding.could_not_check for finding in waived),
        checks=bench.tallies(),
    )


def _without_schema(environment: Environment) -> dict[str, int]:
    """How many objects of which `group/Kind` have been held to no schema."""
    without = Counter(
        f"{manifest.group}/{manifest.kind}" if manifest.group else manifest.kind
        for loaded in environment.applications
        for manifest in loaded.manifests
        if not environment.schemas.has(manifest.api_version, manifest.kind)
    )
    return dict(sorted(without.items()))


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
