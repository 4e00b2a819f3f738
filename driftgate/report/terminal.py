"""What a person reads on a terminal: what is broken first, what was judged last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from driftgate.model.outcome import ChangeSummary, Finding, Judgement, Ledger, Outcome, Severity

__all__ = ["finding_text", "printable", "summary_text", "terminal_report", "verdict", "wrapped"]

_CONTROL = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)]}
_CONTROL.update({code: f"\\u{code:04x}" for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))})
# Bytes of a file name that are no UTF-8, which Python keeps as lone surrogates.
_CONTROL.update({0xDC00 + byte: f"\\x{byte:02x}" for byte in range(128, 256)})
_COLOURS = {"error": "31", "warning": "33", "note": "36", "could-not-check": "35", "waived": "2"}
_LONGEST = 400
_NAMED = 8


def terminal_report(judgements: Sequence[Judgement], *, width: int = 100, colour: bool = False) -> str:
    """The report of a run as text, with a last line that says the verdict."""
    lines: list[str] = []
    for judgement in judgements:
        following = _following(judgement)
        for finding in _heads(judgement):
            text = finding_text(finding, width=width, colour=colour, following=following.get(finding.key, ()))
            lines += [text, ""]
        lines += list(_waived(judgement))
        lines += [*_changes(judgement, width), *_ledger(judgement, width), verdict(judgement)]
    return "\n".join(lines) + "\n"


def _heads(judgement: Judgement) -> list[Finding]:
    """The open findings that do not follow from another one that is shown."""
    shown = [finding for finding in judgement.told if finding.outcome is not Outcome.WAIVED]
    keys = {finding.key for finding in shown}
    return [finding for finding in shown if finding.consequence_of not in keys]


def _following(judgement: Judgement) -> dict[str, list[Finding]]:
    """What follows from each finding, by its key."""
    following: dict[str, list[Finding]] = {}
    for finding in judgement.told:
        if finding.consequence_of and finding.outcome is not Outcome.WAIVED:
            following.setdefault(finding.consequence_of, []).append(finding)
    return following


def summary_text(judgements: Sequence[Judgement], *, width: int = 100) -> str:
    """What was waived and judged, without the findings: the end of a run whose findings were shown before."""
    lines: list[str] = []
    for judgement in judgements:
        lines += [
            *_notes(judgement, width),
            *_waived(judgement),
            *_changes(judgement, width),
            *_ledger(judgement, width),
            verdict(judgement),
        ]
    return "\n".join(lines)


def _notes(judgement: Judgement, width: int) -> Iterator[str]:
    following = _following(judgement)
    for finding in _heads(judgement):
        if finding.outcome is Outcome.FAILED and finding.severity is Severity.NOTE:
            yield finding_text(finding, width=width, following=following.get(finding.key, ()))
            yield ""


def finding_text(finding: Finding, *, width: int = 100, colour: bool = False, following: Sequence[Finding] = ()) -> str:
    """One finding: place, weight, check and subject, then found, expected, why and fix, and what follows from it."""
    unchecked = finding.outcome is Outcome.COULD_NOT_CHECK
    weight = "could not check" if unchecked else finding.severity.value
    subject = _subject(finding)
    painted = _paint(weight, "could-not-check" if unchecked else weight, colour)
    head = f"{printable(str(finding.place))}  {painted}  {finding.check}"
    head += f"  ({printable(subject)})" if subject else ""
    head += "  new" if finding.new else ""
    rows = [
        ("found", finding.found),
        ("age", finding.age),
        ("expected", finding.expected),
        ("why", finding.why),
        ("deploy", finding.deploy),
        ("fix", finding.fix),
    ]
    rows += [("see", f"{related.place}: {related.note}") for related in finding.related]
    rows += [("follows", f"from {finding.consequence_of}")] if finding.consequence_of else []
    rows += [("so", f"{one.place}: {one.check}: {_subject(one)}: {one.found}") for one in following]
    return "\n".join([head, *(line for name, text in rows if text for line in _row(name, text, width))])


def _subject(finding: Finding) -> str:
    return " ".join(part for part in (finding.application, finding.object) if part)


def _row(name: str, text: str, width: int) -> Iterator[str]:
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
    wrapped = textwrap.wrap(printable(short), max(40, width - 14), break_long_words=False, break_on_hyphens=False) or [
        ""
    ]
    yield f"  {name:<10}{wrapped[0]}"
    for line in wrapped[1:]:
        yield " " * 12 + line


def wrapped(text: str, head: str, width: int) -> list[str]:
    """A text behind a head, its further lines indented as far as the first; a word stays whole."""
    return textwrap.wrap(
        printable(" ".join(text.split())),
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def printable(text: str) -> str:
    """Without control characters: a manifest must not steer the terminal that shows it."""
    return text.translate(_CONTROL)


def _paint(text: str, name: str, colour: bool) -> str:
    return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if colour else text


def _waived(judgement: Judgement) -> Iterator[str]:
    waived = judgement.with_outcome(Outcome.WAIVED)
    if waived:
        yield "waived"
        for finding in waived:
            yield printable(f"  {finding.place}  {finding.check}  {finding.application}: {finding.waiver}")
        yield ""


def _changes(judgement: Judgement, width: int) -> Iterator[str]:
    """What the change does to each Application, in as many words as there are objects, up to a bound."""
    if not judgement.ledger.base:
        return
    differing = [change for change in judgement.changes if change.state != "unchanged" or not change.complete]
    same = len(judgement.changes) - len(differing)
    yield f"changed  since {judgement.ledger.base}"
    for change in differing:
        yield from _block(change.application, _change_text(change), width)
    if same:
        yield f"  {_count(same, 'Application')} as before"
    yield ""


def _change_text(change: ChangeSummary) -> str:
    parts = [f"{change.state} as a whole" if change.state in ("added", "removed") else ""]
    for what, names in (("added", change.added), ("removed", change.removed), ("changed", change.changed)):
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        parts += [f"{len(names)} {what}: {', '.join(names[:_NAMED])}{more}"] if names else []
    parts += ["" if change.complete else "not rendered in full, there may be more"]
    return "; ".join(part for part in parts if part)


def _block(name: str, text: str, width: int) -> Iterator[str]:
    yield f"  {printable(name)}"
    for line in textwrap.wrap(printable(text), max(40, width - 4), break_long_words=False, break_on_hyphens=False):
        yield f"    {line}"


def _schemas(ledger: Ledger) -> str:
    held = f"Kubernetes {ledger.kubernetes}"
    if not ledger.without_schema:
        return f"{held}, every object held to one"
    named = ", ".join(f"{count} {kind}" for kind, count in ledger.without_schema.items())
    return f"{held}; {_count(sum(ledger.without_schema.values()), 'object')} held to none: {named}"


def _ledger(judgement: Judgement, width: int) -> Iterator[str]:
    ledger = judgement.ledger
    judged = sum(tally.judged for tally in ledger.checks.values())
    yield f"judged  environment {ledger.environment}, policy {ledger.policy}"
    rows = [
        (
            "Applications",
            f"{len(ledger.applications)}, {len(ledger.rendered)} rendered in full: {', '.join(ledger.rendered)}",
        ),
        ("charts", f"{len(ledger.charts)}: {', '.join(ledger.charts)}"),
        ("values files", f"{len(ledger.values_files)}"),
        (
            "objects",
            f"{ledger.objects}: {', '.join(f'{count} {kind}' for kind, count in ledger.kinds.items())}",
        ),
        ("schemas", _schemas(ledger)),
        ("checks", f"{len(ledger.checks)}, {judged} judgements"),
        ("renders", ", ".join(f"{count} {what}" for what, count in ledger.renders.items())),
    ]
    if ledger.application_sets:
        rows.append(("not expanded", f"ApplicationSets {', '.join(ledger.application_sets)}"))
    if ledger.elsewhere:
        rows.append(("elsewhere", f"{len(ledger.elsewhere)} needed from there: {', '.join(ledger.elsewhere)}"))
    if ledger.excluded:
        rows.append(("excluded", f"{len(ledger.excluded)} manifests in folders that policy leaves out"))
    for name, text in rows:
        for number, line in enumerate(
            textwrap.wrap(printable(text), max(40, width - 18), break_long_words=False, break_on_hyphens=False) or [""]
        ):
            yield f"  {name if not number else '':<14}{line}"


def verdict(judgement: Judgement) -> str:
    """One line: how many findings of which sort, or that all is well and on what."""
    ledger = judgement.ledger
    if not ledger.applications and ledger.unreached:
        unread = _count(len(ledger.unreached), "Application")
        return f"{ledger.environment}: nothing judged: the clusters of {unread} could not be read"
    if not ledger.applications:
        return f"{ledger.environment}: nothing judged: no Application in this tree"
    open_ = [finding for finding in judgement.told if finding.outcome is not Outcome.WAIVED]
    heads = _heads(judgement)
    failed = [finding for finding in heads if finding.outcome is Outcome.FAILED]
    counts = [(severity, sum(f.severity is severity for f in failed)) for severity in Severity]
    parts = [_count(number, severity.value) for severity, number in counts if number]
    unchecked = len(heads) - len(failed)
    parts += [f"{unchecked} could not be checked"] if unchecked else []
    following = len(open_) - len(heads)
    parts += [f"{following} that follow{'s' if following == 1 else ''} from these"] if following else []
    parts += [_count(ledger.waived_failures, "waived finding")] if ledger.waived_failures else []
    parts += [f"{ledger.waived_unchecked} waived that could not be checked"] if ledger.waived_unchecked else []
    summary = ", ".join(parts) if parts else "no new findings" if judgement.new_only else "no findings"
    summary += _age(judgement, open_)
    judged = f"{_count(len(ledger.applications), 'Application')}, {_count(ledger.objects, 'object')}"
    return f"{ledger.environment}: {summary} in {judged}"


def _age(judgement: Judgement, open_: Sequence[Finding]) -> str:
    """How many findings the change has brought, or how many older ones were left aside."""
    base, older = judgement.ledger.base, len(judgement.older)
    if not base:
        return ""
    if judgement.new_only:
        return f" since {base}, {_count(older, 'older finding')} left aside"
    return f" ({len(open_) - older} new since {base})" if open_ else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
