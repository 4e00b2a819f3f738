"""How long it takes to hold one rendered object to its schema, once the schema is compiled."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from driftgate.assembly import assemble
from driftgate.run import policies_of
from driftgate.schemas import Acceptor
from driftgate.settings import Settings

__all__ = ["microseconds_per_object"]

_ROUNDS = 200
_MILLION = 1_000_000


def microseconds_per_object(root: Path, runs: int) -> tuple[float, float]:
    """(compiled, first of all) for the objects of a tree, Applications left out: the best of several runs of one core.

    The first is what an object costs on average where every schema is still to be read and compiled.
    """
    (policy,) = policies_of(root, None)
    with assemble(root, policy, Settings(cache=None)) as assembly:
        schemas = assembly.environment.schemas
        manifests = [one for loaded in assembly.environment.applications for one in loaded.manifests]
    objects = [one.object for one in manifests if not one.is_application]
    start = time.process_time()
    assert not any(schemas.faults(one) for one in objects), "the measured objects must be in order"
    first = (time.process_time() - start) / len(objects)
    known = [(schemas.kind(one["apiVersion"], one["kind"])[0].accepts, one) for one in objects]
    best = min(_timed(known) for _ in range(max(runs, 3)))
    return best * _MILLION, first * _MILLION


def _timed(known: list[tuple[Acceptor, dict[str, Any]]]) -> float:
    start = time.process_time()
    for _ in range(_ROUNDS):
        for accepts, one in known:
            accepts(one)
    return (time.process_time() - start) / (_ROUNDS * len(known))
