"""What a deploy will change, and what has come of it, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from driftgate.model.outcome import Finding, Judgement, Outcome
from driftgate.report.terminal import printable, wrapped

if TYPE_CHECKING:
    from driftgate.deploys import Aftermath, Planned

__all__ = ["aftermath_text", "plan_text"]

_SIGNS = {"create": "+", "change": "~", "delete": "-"}


def plan_text(judgement: Judgement, planned: Sequence[Planned], *, width: int = 100) -> str:
    """What a deploy will do, by Application, what it leaves as it is, and what nobody knows."""
    by_key = {finding.key: finding for finding in judgement.findings}
    lines: list[str] = []
    for label in dict.fromkeys(one.application for one in planned):
        lines.append(printable(label))
        for one in planned:
            if one.application == label:
                lines += _planned(one, by_key[one.key], width)
    lines += ["", *_rest(judgement, planned, width)] if lines else list(_rest(judgement, planned, width))
    return "\n".join(lines) + "\n"


def _planned(one: Planned, finding: Finding, width: int) -> Iterator[str]:
    what = f" {one.field}: {_values(one, finding)}" if one.action.value == "change" else ""
    yield from wrapped(f"{one.object}{what} ({finding.place})", f"  {_SIGNS[one.action.value]} ", width)


def _values(one: Planned, finding: Finding) -> str:
    """From what to what; who wrote the live value is told by `driftgate drift`."""
    now = finding.found.removeprefix(f"{one.field}: ").partition(", written by ")[0].partition(", made so by ")[0]
    return f"{now} → {finding.expected}"


def _rest(judgement: Judgement, planned: Sequence[Planned], width: int) -> Iterator[str]:
    plan = {one.key for one in planned}
    stays = [one for one in judgement.findings if one.outcome is Outcome.FAILED and one.key not in plan]
    unknown = judgement.with_outcome(Outcome.COULD_NOT_CHECK)
    for title, findings in (("stays as it is", stays), ("not known", unknown)):
        for finding in findings:
            about = " ".join(filter(None, (finding.check, finding.application, finding.object, finding.field)))
            yield from wrapped(f"{about}: {finding.found}", f"{title}: ", width)
    yield _plan_verdict(judgement, planned, len(stays), len(unknown))


def _plan_verdict(judgement: Judgement, planned: Sequence[Planned], stays: int, unknown: int) -> str:
    name = printable(judgement.ledger.environment)
    if not judgement.ledger.applications:
        return f"{name}: nothing was compared"
    objects = Counter(action for action, _ in {(one.action.value, one.object): None for one in planned})
    does = [f"{action} {_count(objects[action], 'object')}" for action in _SIGNS if objects[action]]
    more = [f"{_count(stays, 'finding')} will stay"] if stays else []
    more += [f"{unknown} not known"] if unknown else []
    return f"{name}: the deploy will {', '.join(does) or 'change nothing'}" + (f"; {', '.join(more)}" if more else "")


def aftermath_text(aftermath: Aftermath, judgement: Judgement, *, width: int = 100) -> str:
    """What has come of a deploy: done and not done, fixed beside the plan, and what there is now, by when it came."""
    snapshot = aftermath.snapshot
    lines = [f"deploy  since the snapshot of {snapshot.taken:%Y-%m-%d %H:%M:%S} UTC"]
    total = len(snapshot.planned)
    rows = [("planned", f"{total}: {len(aftermath.done)} done, {len(aftermath.not_done)} not done" if total else "0")]
    if aftermath.unknown:
        rows.append(("not known", _names([one.key for one in aftermath.unknown])))
    if aftermath.fixed:
        rows.append(("gone besides", _names(aftermath.fixed)))
    open_now = [finding for finding in judgement.findings if finding.outcome is not Outcome.WAIVED]
    for phase, count in Counter(finding.deploy for finding in open_now if finding.deploy).items():
        rows.append(("open", f"{_count(count, 'finding')}: {phase}"))
    for name, text in rows:
        lines += wrapped(text, f"  {name:<14}", width)
    return "\n".join(lines) + "\n"


def _names(keys: Sequence[str]) -> str:
    return "; ".join(" ".join(part.replace("~1", "/") for part in key.split("/") if part) for key in keys)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
