"""Render workers that the tests of a session share: to start one takes longer than most tests."""

from __future__ import annotations

from driftgate.render.pool import WorkerPool
from driftgate.settings import Settings

_pools: dict[tuple[int, float, int], WorkerPool] = {}


def shared_pool(settings: Settings) -> WorkerPool:
    """The pool of the session for these limits."""
    limits = settings.workers, settings.render_seconds, settings.render_bytes
    if limits not in _pools:
        _pools[limits] = WorkerPool(settings)
    return _pools[limits]


def end_shared_pools() -> None:
    """End the workers of every pool."""
    while _pools:
        _pools.popitem()[1].close()
