"""What a look at a cluster before a deploy found, for an operator at a glance, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from driftgate.preflight import Point, Preflight, State
from driftgate.report.terminal import printable, wrapped

__all__ = ["preflight_json", "preflight_text"]

_MARKS = {State.OK: "ok", State.NOTE: "note", State.PROBLEM: "PROBLEM", State.UNKNOWN: "UNKNOWN"}
_COLOURS = {State.OK: "32", State.NOTE: "36", State.PROBLEM: "31", State.UNKNOWN: "35"}
_MARK, _LONGEST = 9, 600


def preflight_text(found: Preflight, *, width: int = 100, colour: bool = False) -> str:
    """One entry for each thing that was looked at, in the order in which it would stop a deploy, and a verdict."""
    topic = max((len(point.topic) for point in found.points), default=0) + 2
    lines = [printable(f"environment {found.environment}, context {found.context}"), ""]
    for point in found.points:
        lines += _entry(point, topic, max(width, 60), colour=colour)
    return "\n".join([*lines, "", *wrapped(_verdict(found), "", max(width, 60))]) + "\n"


def _entry(point: Point, topic: int, width: int, *, colour: bool) -> Iterator[str]:
    mark = f"{_MARKS[point.state]:<{_MARK}}"
    text = f"could not check {point.found}" if point.state is State.UNKNOWN else point.found
    for index, line in enumerate(wrapped(text, f"{mark}{printable(point.topic):<{topic}}", width)):
        is_marked = colour and index == 0
        yield f"\x1b[{_COLOURS[point.state]}m{mark}\x1b[0m{line[_MARK:]}" if is_marked else line
    margin = " " * (_MARK + topic)
    for line in point.evidence:
        yield from wrapped(line[:_LONGEST], f"{margin}| ", width)
    if point.next_step:
        yield from wrapped(point.next_step, f"{margin}-> ", width)


def _verdict(found: Preflight) -> str:
    counts = {state: sum(point.state is state for point in found.points) for state in State}
    by = f" by {found.delivery.value}" if found.delivery is not None else ""
    what = f"{len(found.applications)} Application" + ("" if len(found.applications) == 1 else "s")
    if not found.applications:
        return f"nothing to deploy: no Application goes to {found.destination}"
    calls = f"({found.calls} API calls)"
    if counts[State.PROBLEM]:
        unknown = f", {counts[State.UNKNOWN]} could not be checked" if counts[State.UNKNOWN] else ""
        plural = "" if counts[State.PROBLEM] == 1 else "s"
        return f"NOT READY for {what}{by}: {counts[State.PROBLEM]} problem{plural}{unknown} {calls}"
    if counts[State.UNKNOWN]:
        return f"NOT KNOWN whether it would take {what}{by}: {counts[State.UNKNOWN]} could not be checked {calls}"
    return f"ready for {what}{by} {calls}"


def preflight_json(found: Sequence[Preflight]) -> str:
    """The same as JSON: one element for each environment."""
    return json.dumps([_plain(one) for one in found], indent=2)


def _plain(found: Preflight) -> dict[str, object]:
    return {
        "environment": found.environment,
        "destination": found.destination,
        "context": found.context,
        "apiServer": found.identity.api_server,
        "uid": found.identity.uid,
        "version": found.identity.version,
        "user": found.user,
        "delivery": found.delivery.value if found.delivery is not None else None,
        "applications": list(found.applications),
        "apiCalls": found.calls,
        "exitCode": found.exit_code,
        "points": [
            {
                "topic": point.topic,
                "state": point.state.value,
                "found": point.found,
                "evidence": list(point.evidence),
                "nextStep": point.next_step,
            }
            for point in found.points
        ],
    }
