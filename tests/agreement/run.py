"""Thousands of pairs in a row: how many came out how, and every disagreement as a row that a test can keep."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.agreement.figures import SAMPLE, SAMPLES
from tests.agreement.groups import AREAS, groups
from tests.agreement.kinds import Json, kubernetes_schema
from tests.agreement.known_words import DIFFERENT
from tests.agreement.pairs import Pair, drawn_pair
from tests.agreement.shrinking import shrunk
from tests.agreement.verdicts import Outcome, judged
from tests.oracle import Answer, Oracle

REGRESSIONS = Path(__file__).with_name("regressions")


@dataclass(slots=True)
class Tally:
    """How many pairs came out how, and the numbers of those on which driftgate and Argo CD disagree."""

    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    #: The same outcomes by area and row of the page.
    rows: dict[str, dict[str, collections.Counter[str]]] = field(default_factory=dict)
    #: The outcomes of the first numbers, so many together as a test of `make test` compares.
    sample: list[collections.Counter[str]] = field(default_factory=list)
    disagreements: dict[int, str] = field(default_factory=dict)

    @property
    def pairs(self) -> int:
        """How many pairs were compared."""
        return self.outcomes.total()

    def add(self, number: int, outcome: Outcome, rows: Iterable[tuple[str, str]] = ()) -> None:
        """Count one pair, in these rows of the page."""
        part, place = divmod(self.pairs, SAMPLE)
        if part < SAMPLES:
            if not place:
                self.sample.append(collections.Counter())
            self.sample[-1][outcome.name] += 1
        self.outcomes[outcome.name] += 1
        counted = f"{DIFFERENT}: {outcome.name}" if outcome.disagreement else outcome.name
        for area, row in rows:
            self.rows.setdefault(area, {}).setdefault(row, collections.Counter())[counted] += 1
        if outcome.disagreement:
            self.disagreements[number] = outcome.disagreement

    def lines(self) -> list[str]:
        """The counts, most frequent first, and every disagreement."""
        share = 100 * (self.pairs - len(self.disagreements)) / self.pairs if self.pairs else 0.0
        return [
            *(f"{count:7} {name}" for name, count in self.outcomes.most_common()),
            f"{self.pairs:7} pairs, {len(self.disagreements)} disagreements: {share:.2f} % agreement",
            *(f"pair {number}: {reason}" for number, reason in self.disagreements.items()),
        ]


def run(numbers: Iterable[int], oracle: Oracle, shown: Callable[[Tally], None] = lambda _: None) -> Tally:
    """Judge the pairs of these numbers; `shown` is called after each."""
    tally = Tally()
    for number in numbers:
        pair = pair_of(number, oracle)
        tally.add(number, judged(pair, oracle), zip(AREAS, groups(pair), strict=True))
        shown(tally)
    return tally


def pair_of(number: int, oracle: Oracle) -> Pair:
    """The pair of a number; the API server's defaults in it are those that Argo CD's code fills in."""
    return drawn_pair(number, kubernetes_schema(), lambda state: _defaulted(state, oracle))


def _defaulted(state: Json, oracle: Oracle) -> Json:
    answer = oracle.diff(state, state)
    return state if answer.failed else dict(_without_directives(answer.value["normalizedLive"]))


def _without_directives(value: Any) -> Any:
    """Without what a patch tells the server, such as `$retainKeys`, which the comparison leaves in its states."""
    if isinstance(value, dict):
        return {key: _without_directives(below) for key, below in value.items() if not key.startswith("$")}
    return [_without_directives(below) for below in value] if isinstance(value, list) else value


# --- rows


def row(pair: Pair, oracle: Oracle, title: str) -> Json:
    """A pair with what Argo CD says of it, as a file of `regressions` holds it."""
    answer = oracle.diff(pair.desired, pair.live, pair.setup.ignore_differences, pair.setup.settings)
    return {"title": title, **pair.document(), "argocd": said(answer)}


def said(answer: Answer) -> Json:
    """What Argo CD says, as JSON."""
    if answer.panic:
        return {"panic": answer.panic}
    return {"error": answer.error} if answer.error else dict(answer.value)


def smallest(number: int, oracle: Oracle) -> tuple[Json, str]:
    """The smallest pair that disagrees like the pair of a number, as a row, with the text of the row."""
    pair = pair_of(number, oracle)
    before = _likeness(judged(pair, oracle))
    small = shrunk(pair, lambda smaller: _likeness(judged(smaller, oracle)) == before)
    reason = judged(small, oracle).disagreement
    found = row(small, oracle, reason)
    return found, json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def keep(number: int, oracle: Oracle) -> Path:
    """Write the smallest pair that disagrees like the pair of a number into `regressions`; say where."""
    found, text = smallest(number, oracle)
    kind = (found["desired"] or found["live"])["kind"]
    path = REGRESSIONS / f"{kind.lower()}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    path.write_text(text, encoding="utf-8")
    return path


def _likeness(outcome: Outcome) -> str:
    # A path in a disagreement may change while the pair shrinks; what it is about may not.
    return (
        outcome.disagreement if outcome.disagreement.startswith("modified") else outcome.disagreement.partition(":")[0]
    )
