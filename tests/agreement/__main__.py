"""Compare many more pairs than the tests do: `python -m tests.agreement --pairs 20000`.

`--area` compares something else than pairs, `--keep` writes the figures into the tree, and `--page` makes
`docs/agreement.md` of them.

Prints how many pairs came out how. Ends with 1 where driftgate and Argo CD disagree; the smallest pair of each kind of
disagreement is then in `tests/agreement/regressions`, where a test keeps it.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.agreement.areas import AREAS, run_area
from tests.agreement.figures import SAMPLED, Run, is_different, keep_run, tree_versions
from tests.agreement.kinds import kubernetes_schema
from tests.agreement.page import PAGE, page
from tests.agreement.run import Tally, keep, run, smallest
from tests.oracle import Oracle
from tools import build

#: Of disagreements with the same words only so many are made small; each takes up to half a minute.
ROWS_OF_A_KIND = 1


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description="Hold driftgate's comparison to Argo CD's own, on many pairs.")
    parser.add_argument("--pairs", type=int, default=20_000, help="how many pairs (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="the number of the first pair")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="print one pair that disagrees, made small")
    parser.add_argument("--area", choices=AREAS, help="compare something else than pairs")
    parser.add_argument("--page", action="store_true", help="write docs/agreement.md from the figures, and end")
    parser.add_argument("--keep", action="store_true", help="write the figures beside those of the page")
    parser.add_argument("--no-rows", action="store_true", help="write no regression rows")
    chosen = parser.parse_args()
    if chosen.page:
        PAGE.write_text(page(), encoding="utf-8")
        print(PAGE)
        return 0
    began = time.monotonic()
    with Oracle(build.ensure("oracle"), kubernetes_schema().path) as oracle:
        if chosen.only is not None:
            print(smallest(chosen.only, oracle)[1], end="")
            return 0
        if chosen.area:
            return _area(chosen.area, chosen.first, chosen.pairs, oracle, keep_it=chosen.keep)
        print(f"Argo CD {oracle.version()}, {chosen.pairs} pairs from number {chosen.first}", flush=True)
        tally = run(range(chosen.first, chosen.first + chosen.pairs), oracle, _progress)
        print(*tally.lines(), sep="\n")
        seconds = round(time.monotonic() - began)
        print(f"{seconds} s", flush=True)
        if chosen.keep:
            _keep_figures(tally, chosen.first, seconds)
        if not chosen.no_rows:
            _keep_rows(tally, oracle)
    return 1 if tally.disagreements else 0


def _area(area: str, first: int, count: int, oracle: Oracle, *, keep_it: bool) -> int:
    found = run_area(area, first, count, oracle)
    for outcome, number in found.outcomes.most_common():
        print(f"{number:7} {outcome}")
    print(f"{found.seconds} s")
    if keep_it:
        print(keep_run(area, found))
    return 1 if any(map(is_different, found.outcomes)) else 0


def _progress(tally: Tally) -> None:
    if sys.stderr.isatty() and tally.pairs % 100 == 0:
        print(f"\r{tally.pairs} pairs, {len(tally.disagreements)} disagreements", end="", file=sys.stderr, flush=True)


def _keep_figures(tally: Tally, first: int, seconds: int) -> None:
    command = f"python -m tests.agreement --pairs {tally.pairs} --first {first}"
    for area, rows in tally.rows.items():
        ordered = {row: dict(rows[row].most_common()) for row in sorted(rows)}
        sample = [dict(part.most_common()) for part in tally.sample] if area == SAMPLED else []
        print(keep_run(area, Run(command, first, tally.pairs, seconds, tree_versions(), ordered, sample)))


def _keep_rows(tally: Tally, oracle: Oracle) -> None:
    kept: dict[str, int] = {}
    for number, reason in tally.disagreements.items():
        kept[reason] = kept.get(reason, 0) + 1
        if kept[reason] <= ROWS_OF_A_KIND:
            print(f"pair {number} made small: {keep(number, oracle)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
