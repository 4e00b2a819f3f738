"""Every check, proven on a copy of our own environment: one fault, one finding, and a neighbour that stays green."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from driftgate.judge import load_catalogue
from driftgate.render.pool import WorkerPool
from driftgate.run import judge_tree, policies_of
from driftgate.settings import Settings
from tests.e2e.faults import ROWS
from tests.e2e.seeding import Bench, Row, Seen, clean_ledger, seen


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One pool of workers and one cache for all rows, and a folder for the copies."""
    folder = tmp_path_factory.mktemp("seeded")
    settings = Settings(cache=folder / "cache", store=folder / "store", workers=1)
    with WorkerPool(settings) as pool:
        yield Bench(folder, pool, settings)


def _named(rows: tuple[Row, ...]) -> list[object]:
    """The rows with their names: the check's id, and a number from the second row on."""
    counted: Counter[str] = Counter()
    named: list[object] = []
    for row in rows:
        counted[row.check] += 1
        suffix = f"-{counted[row.check]}" if counted[row.check] > 1 else ""
        named.append(pytest.param(row, id=f"{row.check}{suffix}"))
    return named


@pytest.mark.parametrize("row", _named(ROWS))
def test_a_fault_is_found_where_it_is_and_nothing_else_is(bench: Bench, row: Row) -> None:
    """A seeded fault yields its check's finding in its file and line, with its severity, and no other finding."""
    bench.clean_ledger(row)
    root = bench.copy(*row.given, row.fault)
    found = seen(bench.judge(root, row, row.settings, base=row.base or ()))
    lines = [(at.file, at.line(bench.root_of(at, root, row))) for at in row.places]
    assert found == sorted(Seen(row.check, *line, row.severity.value, row.outcome.value) for line in lines)


@pytest.mark.parametrize("row", _named(ROWS))
def test_its_innocent_neighbour_stays_green_with_the_same_ledger(bench: Bench, row: Row) -> None:
    """An edit that looks like the fault and is none yields no finding, and as much is judged as before."""
    judgement = bench.judge(bench.copy(*row.given, row.innocent), row)
    assert seen(judgement) == []
    assert clean_ledger(judgement) == bench.clean_ledger(row)


def test_every_check_has_a_seeded_fault() -> None:
    """The rows and the catalogue name the same checks of files."""
    assert {row.check for row in ROWS} == set(load_catalogue().judging(live=False))


def test_a_shared_pool_counts_each_run_by_itself(bench: Bench) -> None:
    """Runs that share their workers say of themselves how much they rendered."""
    root = bench.copy()
    settings = replace(bench.settings, cache=None)
    policies = policies_of(root, None)
    counts = [judge_tree(root, policies, settings, pool=bench.pool)[0].ledger.renders for _ in range(2)]
    assert counts == [{"rendered": 5, "cached": 0, "probes": 6}] * 2
