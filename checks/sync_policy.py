"""How Applications are synced: automation and retries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from driftgate.judge import Breach, NotApplicable, Result, Subject, check
from driftgate.model.application import Automated, Retry
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Severity
from driftgate.policy import Section, setting
from driftgate.semantics.numbers import parse_retry_duration
from driftgate.semantics.retry import DEFAULT_AUTOMATED_LIMIT, DEFAULT_FACTOR, RetryPlan

POLICY: dict[str, type[Section]] = {}
_SYNC_POLICY = ("spec", "syncPolicy")
_AUTOMATED = (*_SYNC_POLICY, "automated")
_RETRY = (*_SYNC_POLICY, "retry")


@dataclass(frozen=True, slots=True)
class RetryLimit(Section):
    """How often a failed sync may be repeated."""

    exact: int | None = setting(None, "The limit it must have.")
    minimum: int | None = setting(None, "The lowest limit it may have.")
    maximum: int | None = setting(None, "The highest limit it may have; endless retries are above every maximum.")


@dataclass(frozen=True, slots=True)
class SyncPolicySection(Section):
    """How Applications must be synced."""

    automated: bool = setting(False, "Whether every Application must sync by itself.")
    prune: bool = setting(False, "Whether automated sync must prune.")
    self_heal: bool = setting(False, "Whether automated sync must undo edits in the cluster.")
    allow_empty: bool = setting(True, "Whether automated sync may delete everything when nothing is rendered.")
    retry_limit: RetryLimit | None = setting(None, "How often a failed sync is repeated.")
    exponential_backoff: bool = setting(False, "Whether the waits between retries must grow.")
    maximum_retry_seconds: int | None = setting(None, "The longest that all waits of one sync may take together.")


POLICY["syncPolicy"] = SyncPolicySection


@check()
def sync_not_automated(subject: Subject) -> Iterator[Result]:
    """An Application does not sync by itself

    Why: Without automated sync a merge changes nothing in the cluster until somebody presses the button, and what was
    merged meanwhile goes out together. A block with enabled: false is off as well
    (argo-cd: types.go IsAutomatedSyncEnabled).

    Fix: Set spec.syncPolicy.automated, or allow manual sync for this Application in policy.
    """
    if not subject.section(SyncPolicySection).automated:
        yield NotApplicable()
    elif not subject.application.sync_policy.is_automated:
        block = subject.application.node.get(*_AUTOMATED)
        if block is not None and block.value is None and subject.is_on("automated-null"):
            return
        disabled = subject.application.sync_policy.automated is not None
        found = "automated.enabled is false" if disabled else "no automated block"
        path: Path = (*_AUTOMATED, "enabled") if disabled else _AUTOMATED
        yield Breach(
            subject.place(*path),
            found,
            "automated sync",
            field=field_path(_AUTOMATED),
            related=subject.policy_entry("syncPolicy", "automated", note="what policy asks for"),
        )


@check(severity=Severity.WARNING)
def automated_null(subject: Subject) -> Iterator[Result]:
    """The automated block is empty, which switches automated sync off

    Why: `automated:` with nothing below it is null, and null is the same as no block at all; only a mapping, be it
    `{}`, switches automated sync on (argo-cd: types.go IsAutomatedSyncEnabled).

    Fix: Write `automated: {}`, give it a field such as prune, or delete the key.
    """
    block = subject.application.node.get(*_AUTOMATED)
    if block is None:
        yield NotApplicable()
    elif block.value is None:
        yield Breach(
            subject.place(*_AUTOMATED), "automated: null", "a mapping, or no key", field=field_path(_AUTOMATED)
        )


def _automated_flag(subject: Subject, *, wanted: bool, name: str, value: bool | None) -> Iterator[Result]:
    """Judge one flag of the automated block; `value` is None where automated sync is off, which another check tells."""
    if not wanted or value is None:
        yield NotApplicable()
    elif not value:
        path = (*_AUTOMATED, name)
        written = subject.application.node.get(*path) is not None
        yield Breach(
            subject.place(*path),
            f"{name}: false" if written else f"no {name}, which is off by default",
            f"{name}: true",
            field=field_path(path),
            related=subject.policy_entry("syncPolicy", name, note="what policy asks for"),
        )


def _automated(subject: Subject) -> Automated | None:
    return subject.application.sync_policy.automated if subject.application.sync_policy.is_automated else None


@check()
def prune_off(subject: Subject) -> Iterator[Result]:
    """Automated sync does not prune

    Why: What is deleted in Git stays in the cluster, running and unguarded, and the Application stays OutOfSync
    (argo-cd: controller/appcontroller.go autoSync).

    Fix: Set spec.syncPolicy.automated.prune to true.
    """
    block = _automated(subject)
    wanted = subject.section(SyncPolicySection).prune
    yield from _automated_flag(subject, wanted=wanted, name="prune", value=block.prune if block else None)


@check()
def self_heal_off(subject: Subject) -> Iterator[Result]:
    """Automated sync does not undo edits in the cluster

    Why: Without self-heal a revision is synced once; whatever is changed by hand afterwards stays until the next
    commit (argo-cd: controller/appcontroller.go autoSync).

    Fix: Set spec.syncPolicy.automated.selfHeal to true.
    """
    block = _automated(subject)
    wanted = subject.section(SyncPolicySection).self_heal
    yield from _automated_flag(subject, wanted=wanted, name="selfHeal", value=block.self_heal if block else None)


@check()
def allow_empty_on(subject: Subject) -> Iterator[Result]:
    """Automated sync may delete everything when nothing is rendered

    Why: A values file or a path that goes missing can render an empty list; with allowEmpty the next sync prunes every
    object of the Application instead of stopping (argo-cd: controller/appcontroller.go autoSync).

    Fix: Remove spec.syncPolicy.automated.allowEmpty, or set it to false.
    """
    block = _automated(subject)
    if block is None or subject.section(SyncPolicySection).allow_empty:
        yield NotApplicable()
    elif block.allow_empty:
        path = (*_AUTOMATED, "allowEmpty")
        related = subject.policy_entry("syncPolicy", "allowEmpty", note="what policy asks for")
        yield Breach(
            subject.place(*path), "allowEmpty: true", "allowEmpty: false", field=field_path(path), related=related
        )


@check(severity=Severity.WARNING)
def retry_without_limit(subject: Subject) -> Iterator[Result]:
    """A retry block has no limit, so nothing is retried

    Why: The limit's zero value is 0, which means no retries; an automated Application without any retry block has 5
    (argo-cd: controller/appcontroller.go autoSync, types.go RetryStrategy).

    Fix: Set spec.syncPolicy.retry.limit, or delete the block.
    """
    retry = subject.application.sync_policy.retry
    if retry is None:
        yield NotApplicable()
    elif retry.limit is None and not _is_invalid(subject, "limit"):
        path = (*_RETRY, "limit")
        yield Breach(subject.place(*path), "a retry block without limit", "a limit, such as 5", field=field_path(path))


def _is_invalid(subject: Subject, name: str) -> bool:
    """Whether the field is there with a value of the wrong type, which the schema check tells."""
    node = subject.application.node.get(*_RETRY, name)
    return node is not None and node.value is not None


def _limit(subject: Subject) -> int:
    """The retries that Argo CD makes: what is written, 0 for a block without limit, 5 or none without a block."""
    retry = subject.application.sync_policy.retry
    if retry is not None:
        return retry.limit or 0
    return DEFAULT_AUTOMATED_LIMIT if subject.application.sync_policy.is_automated else 0


@check()
def retry_limit_unexpected(subject: Subject) -> Iterator[Result]:
    """A failed sync is repeated more or less often than policy wants

    Why: Too few retries leave an Application broken after a fault of seconds, because a failed revision is not tried
    again by itself; too many keep a broken one busy and its alarm silent (argo-cd: controller/appcontroller.go).

    Fix: Set spec.syncPolicy.retry.limit to what policy names.
    """
    rule = subject.section(SyncPolicySection).retry_limit
    retry = subject.application.sync_policy.retry
    no_limit = retry is not None and retry.limit is None
    if rule is None or (no_limit and subject.is_on("retry-without-limit")):
        yield NotApplicable()
        return
    limit = _limit(subject)
    if not _within(limit, rule):
        path = (*_RETRY, "limit")
        found = "endless retries" if limit < 0 else f"{limit} retries" + ("" if retry else ", by default")
        related = subject.policy_entry("syncPolicy", "retryLimit", note="what policy asks for")
        yield Breach(subject.place(*path), found, _bounds(rule), field=field_path(path), related=related)


def _within(limit: int, rule: RetryLimit) -> bool:
    count = float("inf") if limit < 0 else limit
    return (
        (rule.exact is None or count == rule.exact)
        and (rule.minimum is None or count >= rule.minimum)
        and (rule.maximum is None or count <= rule.maximum)
    )


def _bounds(rule: RetryLimit) -> str:
    bounds = (("exactly", rule.exact), ("at least", rule.minimum), ("at most", rule.maximum))
    return " and ".join(f"{word} {value}" for word, value in bounds if value is not None)


@check()
def retry_backoff_invalid(subject: Subject) -> Iterator[Result]:
    """The backoff of retries is not what Argo CD can use

    Why: A duration is a number of seconds in a string or a Go duration such as "1m30s", without days; Argo CD reads it
    only when a sync fails, and then ends the operation with an error instead of retrying. A factor or a duration of 0
    or less retries without any wait (argo-cd: types.go NextRetryAt, parseStringToDuration).

    Fix: Write durations such as "5s" and "3m", and a factor of 1 or more.
    """
    retry = subject.application.sync_policy.retry
    if retry is None:
        yield NotApplicable()
        return
    for name, found, expected in _backoff_faults(retry):
        path = (*_RETRY, "backoff", name)
        yield Breach(subject.place(*path), found, expected, field=field_path(path))


def _backoff_faults(retry: Retry) -> Iterator[tuple[str, str, str]]:
    """The fields of a backoff that Argo CD cannot use, with what they hold and what they should."""
    for name, text in (("duration", retry.duration), ("maxDuration", retry.max_duration)):
        seconds = parse_retry_duration(text) if text else None
        if text and seconds is None:
            yield name, f"{text!r}", 'seconds, or a Go duration such as "1m30s"'
        elif seconds is not None and name == "duration" and seconds <= 0:
            yield name, f"{text!r}, no wait at all", "a duration above 0"
    if retry.factor is not None and retry.factor <= 0:
        yield "factor", f"{retry.factor}, no wait at all", "2, or 1 for waits of equal length"


def _plan(subject: Subject) -> RetryPlan | None:
    """The waits between the retries, or None where there are none or the backoff cannot be read."""
    retry = subject.application.sync_policy.retry or Retry()
    limit = _limit(subject)
    if limit == 0 or any(_backoff_faults(retry)):
        return None
    return RetryPlan.of(limit, retry.duration, retry.factor, retry.max_duration)


@check()
def retry_backoff_not_exponential(subject: Subject) -> Iterator[Result]:
    """The waits between retries do not grow

    Why: Retries at a constant pace hammer whatever is failing and are used up before it recovers; the wait grows with
    factor to the power of the retry, up to maxDuration (argo-cd: types.go NextRetryAt).

    Fix: Set factor to 2 or more and maxDuration well above duration.
    """
    plan = _plan(subject)
    if plan is None or not subject.section(SyncPolicySection).exponential_backoff:
        yield NotApplicable()
        return
    retry = subject.application.sync_policy.retry or Retry()
    factor = DEFAULT_FACTOR if retry.factor is None else retry.factor
    related = subject.policy_entry("syncPolicy", "exponentialBackoff", note="what policy asks for")
    if factor < 2:
        path = (*_RETRY, "backoff", "factor")
        yield Breach(subject.place(*path), f"factor {factor}", "2 or more", field=field_path(path), related=related)
    elif len(plan.waits) > 1 and plan.waits[0] == plan.waits[1]:
        path = (*_RETRY, "backoff", "maxDuration")
        found = f"the first wait is already cut to {plan.waits[0]:g}s"
        expected = "a maxDuration that lets the waits grow"
        yield Breach(subject.place(*path), found, expected, field=field_path(path), related=related)


@check()
def retry_total_too_long(subject: Subject) -> Iterator[Result]:
    """All retries of a sync together take longer than policy allows

    Why: While a sync is being retried the Application counts as progressing, nobody is told, and no newer revision is
    synced; the first wait is already duration times factor (argo-cd: types.go NextRetryAt).

    Fix: Lower limit, duration, factor or maxDuration.
    """
    longest = subject.section(SyncPolicySection).maximum_retry_seconds
    plan = _plan(subject)
    if plan is None or longest is None:
        yield NotApplicable()
    elif plan.total is None or plan.total > longest:
        found = (
            "endless retries" if plan.total is None else f"waits of {plan.total:g}s: {_shown(plan.waits, plan.limit)}"
        )
        related = subject.policy_entry("syncPolicy", "maximumRetrySeconds", note="what policy asks for")
        yield Breach(subject.place(*_RETRY), found, f"at most {longest}s", field=field_path(_RETRY), related=related)


def _shown(waits: Iterable[float], limit: int) -> str:
    shown = [f"{wait:g}" for wait in waits][:6]
    return ", ".join(shown) + (", …" if limit > len(shown) else "")
