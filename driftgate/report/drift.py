"""What a run against clusters prints besides its findings: which clusters, who delivers, what was compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from driftgate.model.outcome import Judgement, Outcome
from driftgate.report.terminal import terminal_report, wrapped

if TYPE_CHECKING:
    from driftgate.drift.pairing import LiveApplication, LiveEnvironment
    from driftgate.drift.state import ClusterState, Unreached
    from driftgate.history import Comparison, HistoryRules
    from driftgate.live import Unread

__all__ = ["clusters_lines", "drift_text", "list_name", "summary_line", "verdicts"]

_DELIVERERS = {"argocd": "Argo CD", "helm": "helm"}


def drift_text(
    judgement: Judgement,
    live: LiveEnvironment,
    history: tuple[Comparison, HistoryRules] | None = None,
    *,
    width: int = 100,
    colour: bool = False,
) -> str:
    """The report of one environment: what could not be read, what was, the findings, and what was judged."""
    lines = clusters_lines(live, width)
    if history is not None:
        from driftgate.report.history import aged, history_lines

        lines += history_lines(*history, width)
        judgement = aged(judgement, *history)
    return "\n".join([*lines, ""]) + "\n" + terminal_report((judgement,), width=width, colour=colour)


def clusters_lines(live: LiveEnvironment, width: int) -> list[str]:
    """What could not be read, and what was."""
    lines = [line for one in live.unreached for line in _unreached(one, width)]
    if live.states and not live.has_compared:
        text = "no object that Git renders was held against a cluster"
        lines += wrapped(text, "NOTHING COMPARED  ", width)
    return [*lines, *(line for state in live.states for line in _cluster(state, live, width))]


def _unreached(one: Unreached, width: int) -> Iterator[str]:
    where = f"{one.destination or 'a cluster'}{f' (context {one.context})' if one.context else ''}"
    yield from wrapped(f"{where}: {one.why}", "COULD NOT READ  ", width)
    if one.applications:
        yield from wrapped(", ".join(one.applications), "  not compared  ", width)


def summary_line(judgements: Sequence[tuple[Judgement, int]]) -> str:
    """The last line over several environments, each with its exit code; what is not known comes first."""
    groups: dict[str, list[str]] = {"not read": [], "not checked in full": [], "drifted": [], "as policy wants it": []}
    for judgement, code in judgements:
        ledger = judgement.ledger
        if ledger.unreached or not ledger.applications:
            groups["not read"].append(ledger.environment + (" (in part)" if ledger.applications else ""))
        elif judgement.with_outcome(Outcome.COULD_NOT_CHECK):
            groups["not checked in full"].append(ledger.environment)
        if code == 1:
            groups["drifted"].append(ledger.environment)
        if code == 0:
            groups["as policy wants it"].append(ledger.environment)
    parts = [f"{len(names)} {words}: {', '.join(names)}" for words, names in groups.items() if names]
    return f"{len(judgements)} environments: {'; '.join(parts)}"


def _cluster(state: ClusterState, live: LiveEnvironment, width: int) -> Iterator[str]:
    identity = state.identity
    yield from wrapped(f"{state.context}: {identity.api_server}, Kubernetes {identity.version}", "cluster  ", width)
    when = "recorded" if state.recorded else "read"
    calls = "" if state.recorded else f", {state.calls} API calls"
    rows = [(when, f"{state.taken:%Y-%m-%d %H:%M:%S} UTC{calls}")]
    there = [one for one in live.applications.values() if one.state is state]
    for deliverer, name in _DELIVERERS.items():
        ours = [one for one in there if one.deliverer == deliverer]
        rows += [(name, f"delivers {', '.join(one.label for one in ours)} ({_reasons(ours)})")] if ours else []
    counts = verdicts(there)
    compared = sum(counts.values())
    rows.append(("objects", f"{compared}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())))
    gaps = live.gaps(state)
    if gaps:
        rows.append(("not read", f"{len(gaps)} list{'s' * (len(gaps) > 1)}: {', '.join(map(list_name, gaps))}"))
    for name, text in rows:
        yield from wrapped(text, f"  {name:<14}", width)


def _reasons(applications: Sequence[LiveApplication]) -> str:
    reasons = sorted({one.reason: None for one in applications}, key=lambda reason: reason.endswith(" others"))
    return reasons[0] if len(reasons) == 1 else f"{reasons[0]}, and the like"


def verdicts(applications: Sequence[LiveApplication]) -> Mapping[str, int]:
    """How many objects of some Applications came to each verdict, the most frequent first."""
    counts: dict[str, int] = {}
    for verdict in (pair.verdict for one in applications for pair in one.pairs):
        counts[verdict.value] = counts.get(verdict.value, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def list_name(unread: Unread) -> str:
    """What a list that was not read is called: `Deployment.apps in shop`."""
    wanted = unread.wanted
    kind = f"{wanted.kind}.{wanted.group}" if wanted.group else wanted.kind
    return f"{kind} in {wanted.namespace}" if wanted.namespace else kind
