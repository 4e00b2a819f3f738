"""The rows of seeded faults, one module per topic of checks."""

from tests.e2e.faults import (
    applications,
    destinations,
    ignore_differences,
    ownership,
    policy,
    rendering,
    sync_policy,
    sync_waves,
    values,
    workloads,
)

ROWS = (
    *applications.ROWS,
    *destinations.ROWS,
    *ignore_differences.ROWS,
    *ownership.ROWS,
    *policy.ROWS,
    *rendering.ROWS,
    *sync_policy.ROWS,
    *sync_waves.ROWS,
    *values.ROWS,
    *workloads.ROWS,
)
