"""What `pytest -m live` asks of clusters: its options as they are meant, and one judgement of each environment."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.clusters import ClusterReader, Judged, LookBack, RecordingReader, judge_clusters
from driftgate.deploys import Snapshot, read_snapshot
from driftgate.drift.consequences import Deliverer
from driftgate.errors import UsageError
from driftgate.policy import Policy
from driftgate.report.status import progress_line
from driftgate.report.terminal import printable
from driftgate.settings import Settings
from driftgate.settle import Settling
from driftgate.status import EnvironmentStatus
from driftgate.target import Target, Way

__all__ = ["WAIT_SECONDS", "live_run"]

#: The longest that a run waits after a deploy, where nobody says otherwise.
WAIT_SECONDS = 300.0


def live_run(
    root: Path, policies: Sequence[Policy], settings: Settings, option: Callable[[str], Any], terminal: Any = None
) -> tuple[Judged, ...]:
    """The judgement of each environment; `option` knows the options of pytest, `terminal` writes lines of progress.

    Raises UsageError for options that go against each other, a snapshot that is none or of another cluster, and a
    cluster that policy does not name.
    """
    way = Way(
        option("--driftgate-context"),
        option("--driftgate-kubeconfig"),
        bool(option("--driftgate-in-cluster")),
        option("--driftgate-destination"),
    )
    recording = option("--driftgate-live-from")
    if recording and (way.context or way.in_cluster):
        raise UsageError("--driftgate-live-from reads no cluster: leave out the options that name one")
    if way.context and way.in_cluster:
        raise UsageError("--driftgate-context and --driftgate-in-cluster: name one of the two")
    via = option("--driftgate-via")
    permit = _Permit(any_cluster=bool(option("--driftgate-any-cluster")), terminal=terminal)
    look_back = _look_back(policies, option, terminal)
    urls = option("--driftgate-repository-url")
    deliverer = Deliverer(via) if via else None
    if recording:
        reader = RecordingReader(Path(recording), permit)
        return tuple(judge_clusters(root, policies, settings, reader, urls=urls, via=deliverer, look_back=look_back))
    with ClusterReader(root, way, permit, is_alone=len(policies) == 1) as cluster:
        return tuple(judge_clusters(root, policies, settings, cluster, urls=urls, via=deliverer, look_back=look_back))


def _look_back(policies: Sequence[Policy], option: Callable[[str], Any], terminal: Any) -> LookBack | None:
    file, seconds = option("--driftgate-before"), option("--driftgate-wait")
    before: Snapshot | None = None
    if file is not None:
        before = read_snapshot(file)
        if [policy.environment for policy in policies] != [before.environment]:
            raise UsageError(
                f"snapshot {file}: is of environment {before.environment}: "
                f"name it by --driftgate-environment {before.environment}"
            )
    if seconds is None:
        seconds = WAIT_SECONDS if before is not None else 0.0
    if not 0 <= seconds < math.inf:
        raise UsageError(f"--driftgate-wait {seconds}: is not a time to wait")
    revision = option("--driftgate-revision") or (before.revision if before is not None else "")
    settling = Settling(seconds, revision, _Progress(terminal)) if seconds else None
    return LookBack(before, file or Path(), settling) if before is not None or settling is not None else None


@dataclass(frozen=True, slots=True)
class _Permit:
    """Whether a cluster may be looked at: one that policy names, or any that the user allows, which is told aloud."""

    any_cluster: bool
    terminal: Any

    def __call__(self, target: Target, context: str, policy: Policy) -> None:
        """Raise UsageError for another cluster."""
        refusal = target.refusal(context, policy.environment, "--driftgate-any-cluster")
        if refusal and not self.any_cluster:
            raise UsageError(refusal)
        if refusal:
            _write(self.terminal, f"not looked whether {context} is the right cluster: {target.mismatch}")


def _write(terminal: Any, text: str) -> None:
    if terminal is not None:  # under xdist only the controller has one
        terminal.ensure_newline()
        terminal.write_line(printable(f"driftgate: {text}"))


class _Progress:
    """How far it is, a line for each change."""

    def __init__(self, terminal: Any) -> None:
        self._terminal, self._last = terminal, ""

    def __call__(self, status: EnvironmentStatus, seconds: float) -> None:
        """Show a look."""
        line = progress_line(status)
        if line != self._last and status.exit_code != 0:
            _write(self._terminal, f"{seconds:.0f}s  {line}")
        self._last = line
