"""Compare many more pairs than the tests do: `python -m tests.agreement --pairs 20000`.

Prints how many pairs came out how. Ends with 1 where driftgate and Argo CD disagree; the smallest pair of each kind of
disagreement is then in `tests/agreement/regressions`, where a test keeps it.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.agreement.kinds import kubernetes_schema
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
    parser.add_argument("--no-rows", action="store_true", help="write no regression rows")
    chosen = parser.parse_args()
    began = time.monotonic()
    with Oracle(build.ensure("oracle"), kubernetes_schema().path) as oracle:
        if chosen.only is not None:
            print(smallest(chosen.only, oracle)[1], end="")
            return 0
        print(f"Argo CD {oracle.version()}, {chosen.pairs} pairs from number {chosen.first}", flush=True)
        tally = run(range(chosen.first, chosen.first + chosen.pairs), oracle, _progress)
        print(*tally.lines(), sep="\n")
        print(f"{time.monotonic() - began:.0f} s", flush=True)
        if not chosen.no_rows:
            _keep_rows(tally, oracle)
    return 1 if tally.disagreements else 0


def _progress(tally: Tally) -> None:
    if sys.stderr.isatty() and tally.pairs % 100 == 0:
        print(f"\r{tally.pairs} pairs, {len(tally.disagreements)} disagreements", end="", file=sys.stderr, flush=True)


def _keep_rows(tally: Tally, oracle: Oracle) -> None:
    kept: dict[str, int] = {}
    for number, reason in tally.disagreements.items():
        kept[reason] = kept.get(reason, 0) + 1
        if kept[reason] <= ROWS_OF_A_KIND:
            print(f"pair {number} made small: {keep(number, oracle)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
