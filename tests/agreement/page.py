"""The page about agreement, `docs/agreement.md`, made of the figures of long runs and of what is known."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.agreement.figures import Run, is_different, is_untold, runs
from tests.agreement.known import KNOWN, UNTOLD

PAGE = Path(__file__).resolve().parents[2] / "docs" / "agreement.md"

#: The areas with their title, and what is counted in them; the first three are of the same pairs.
AREAS = {
    "kinds": ("Pairs, by kind", "pairs of a desired and a live object"),
    "changes": ("Pairs, by what differs", "the same pairs"),
    "rules": ("Pairs, by the rules about them", "the same pairs"),
    "servers": ("Pairs from real servers", "pairs from a real API server, after kubectl, helm and controllers"),
    "old-versions": ("Retired API versions", "pairs of versions that Argo CD's code still knows"),
    "applications": ("Refreshes of whole Applications", "refreshes, each of up to a dozen objects"),
    "health": ("Health", "live objects"),
    "order": ("Hooks, waves and order", "syncs"),
    "rendering": ("Rendering", "Applications"),
}
#: Areas whose rows say no more than their sum.
_IN_SUM = ("old-versions",)
_NOTES = {
    "rules": """\
Rules stand in `spec.ignoreDifferences` of an Application, in `argocd-cm`, or on the object itself: the annotation
`argocd.argoproj.io/ignore-differences` in Git holds a YAML mapping, of which `jsonPointers` count and nothing else.""",
}
#: Where known differences and reasons of an area are said: those of all pairs under one name.
_SAID_UNDER = dict.fromkeys(("kinds", "changes", "rules", "servers", "old-versions", "applications"), "pairs")

_HEAD = """\
# Agreement with Argo CD

<!-- Written by `python -m tests.agreement --page`; a test holds it to the figures. -->

driftgate compares, judges health, orders a sync and renders by Argo CD's rules, written anew in Python. How well that
agrees is measured: a program around Argo CD's own packages (`tools/oracle`) answers the same questions, and every
answer is compared. This page says what was asked, how it came out, and what is known to differ.

*Same* means the same verdict, the same two states where something differs, the same fields shown, and where Argo CD has
no answer, no answer here for the same reason. *Could not check* means that driftgate says so where Argo CD may have an
answer; it never says "in sync" instead. *Different* is a bug: each one found so far has become a test.
"""

_COLUMNS = "| compared | same | could not check | different |"
_RULE = "|---|--:|--:|--:|--:|"
_FOOT = """\
## Repeat it

`make test` compares some thousand pairs of these each time. The long runs are commands of their own; with `--keep` they
write their figures beside those of this page, and `python -m tests.agreement --page` writes the page.
"""


def page() -> str:
    """The text of the page."""
    areas = {area: found for area in AREAS if (found := runs(area))}
    parts = [_HEAD, "\n".join(_versions(areas)), "\n".join(_overview(areas))]
    parts += ["\n".join(_details(area, found)) for area, found in areas.items() if area not in _IN_SUM]
    parts += ["\n".join(_reasons(areas)), "\n".join(_differences()), _FOOT + "\n" + "\n".join(_commands(areas))]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _versions(areas: dict[str, list[Run]]) -> Iterator[str]:
    yield from ("## Versions", "")
    found: dict[str, set[str]] = {}
    for run in (each for group in areas.values() for each in group):
        for name, version in run.versions.items():
            found.setdefault(name, set()).add(version)
    yield ", ".join(f"{name} {'/'.join(sorted(versions))}" for name, versions in found.items()) + "."


def _overview(areas: dict[str, list[Run]]) -> Iterator[str]:
    yield from (
        "## At a glance",
        "",
        "| what | compared | same | could not check | different |",
        "|---|--:|--:|--:|--:|",
    )
    for area, found in areas.items():
        if area not in ("changes", "rules"):
            yield _line(f"{AREAS[area][0].removesuffix(', by kind')}: {AREAS[area][1]}", _together(found))


def _details(area: str, found: Sequence[Run]) -> Iterator[str]:
    yield from (
        f"## {AREAS[area][0]}",
        "",
        "| | compared | same | could not check | different |",
        "|---|--:|--:|--:|--:|",
    )
    rows: dict[str, collections.Counter[str]] = {}
    for run in found:
        for row, outcomes in run.rows.items():
            rows.setdefault(row, collections.Counter()).update(outcomes)
    for row, outcomes in rows.items():
        yield _line(row, outcomes)
    if area in _NOTES:
        yield from ("", _NOTES[area])


def _together(found: Iterable[Run]) -> collections.Counter[str]:
    return sum((run.outcomes for run in found), collections.Counter())


def _line(title: str, outcomes: collections.Counter[str]) -> str:
    untold = sum(count for name, count in outcomes.items() if is_untold(name))
    different = sum(count for name, count in outcomes.items() if is_different(name))
    compared = outcomes.total()
    share = f" ({100 * untold / compared:.1f} %)" if untold else ""
    cells = (f"{compared:,}", f"{compared - untold - different:,}", f"{untold:,}{share}", f"{different:,}")
    return f"| {title} | {' | '.join(cells)} |"


def _reasons(areas: dict[str, list[Run]]) -> Iterator[str]:
    yield from ("## Why some could not be checked", "", "| reason | how many | why | test |", "|---|--:|---|---|")
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for area, found in areas.items():
        if area not in ("changes", "rules"):
            for outcome, count in _together(found).items():
                if is_untold(outcome):
                    counts[_SAID_UNDER.get(area, area), outcome] += count
    for each in UNTOLD:
        key = (_SAID_UNDER.get(each.area, each.area), each.outcome)
        yield f"| {each.outcome.partition(': ')[2]} | {counts[key]:,} | {each.why} | {_test(each.test)} |"


def _differences() -> Iterator[str]:
    yield from ("## Known differences", "", "| what | why | test |", "|---|---|---|")
    for each in KNOWN:
        yield f"| {each.what} | {each.why} | {_test(each.test)} |"


def _test(name: str) -> str:
    path, _, function = name.partition("::")
    return f"[`{function}`](../{path})"


def _commands(areas: dict[str, list[Run]]) -> Iterator[str]:
    yield from ("| command | compared | seconds |", "|---|--:|--:|")
    told = set()
    for run in (each for group in areas.values() for each in group):
        if run.command not in told:
            told.add(run.command)
            yield f"| `{run.command}` | {run.outcomes.total():,} | {run.seconds:,} |"


def unexplained() -> set[tuple[str, str]]:
    """The outcomes without an answer that nobody has given a reason for, each with its area."""
    told = {(_SAID_UNDER.get(each.area, each.area), each.outcome) for each in UNTOLD}
    found = {
        (_SAID_UNDER.get(area, area), outcome)
        for area in AREAS
        for run in runs(area)
        for outcome in run.outcomes
        if is_untold(outcome)
    }
    return found - told
