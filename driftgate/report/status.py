"""The status of an environment for an operator: short when all is well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from driftgate.health import Ref, Status, Trouble, named, worst
from driftgate.report.terminal import printable, wrapped
from driftgate.status import ApplicationStatus, EnvironmentStatus

__all__ = ["Place", "progress_line", "reason_of", "status_text"]

_COLOURS = {
    "Healthy": "32",
    "Suspended": "33",
    "Progressing": "33",
    "Missing": "31",
    "Degraded": "31",
    "Unknown": "35",
    "TROUBLE": "31",
}
_LONGEST = 600
_NAMED = 6
_HEALTH_WIDTH = 13
_TROUBLE = "TROUBLE"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a status is from: the context, the address of the API server, and Kubernetes' version."""

    context: str
    api_server: str
    version: str


def status_text(
    status: EnvironmentStatus, place: Place, *, width: int = 100, colour: bool = False, brief: bool = False
) -> str:
    """Applications with what is wrong, what runs, where it answers, what could not be read, and a verdict.

    A `brief` one leaves out what runs and where it answers; nothing that is wrong is in there alone.
    """
    text = _Text(status, max(width, 60), colour=colour)
    by = "Argo CD" if status.delivery == "argocd" else "helm"
    head = f"environment {status.environment}, context {place.context} ({place.api_server}, Kubernetes {place.version})"
    applications = [line for one in status.applications for line in text.application(one)]
    judged = [[*text.unknown()], [*text.wrapped(_verdict(status), "")]]
    if brief:
        parts = [applications, *judged]
    else:
        tables = [[*text.pods()], [*text.services()], [*text.ingresses()], [*text.urls()]]
        parts = [[*text.wrapped(f"{head}, delivered by {by}", "")], applications, *tables, *judged]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


class _Text:
    """Writes a status within a width."""

    def __init__(self, status: EnvironmentStatus, width: int, *, colour: bool) -> None:
        self._status = status
        self._width = width
        self._colour = colour
        self._label = max((len(one.label) for one in status.applications), default=0)
        self._waves = len({one.wave for one in status.applications}) > 1

    def wrapped(self, text: str, head: str) -> list[str]:
        """A text behind a head, within the width."""
        return wrapped(text, head, self._width)

    def application(self, one: ApplicationStatus) -> Iterator[str]:
        """One line, and below it what is missing, waited for and wrong."""
        word = _word(one)
        wave = f"wave {one.wave}" if self._waves else ""
        rest = "  ".join(part for part in (wave, _contents(one)) if part)
        label = printable(one.label)
        yield f"{self._painted(word, f'{word:<{_HEALTH_WIDTH}}')}{label:<{self._label}}  {printable(rest)}".rstrip()
        if one.state is not None and not one.state.done:
            yield from self._row("Argo CD", one.state.words)
            for line in one.state.evidence:
                yield from self._row("", line, "| ")
        if one.absent:
            yield from self._row("missing", "the Application itself: Argo CD does not have it")
        for kind in one.unserved:
            yield from self._row(
                "missing", f"{kind}: the cluster does not serve this kind; install what brings its CRD"
            )
        if one.missing:
            yield from self._row("missing", _listed(one.missing))
        for each in one.waiting:
            message = f": {each.health.message}" if each.health.message else ""
            yield from self._row(each.health.status.value.lower(), f"{named(each.ref)}{message}")
        for trouble in one.troubles:
            yield from self._trouble(trouble)
        if one.elsewhere:
            yield from self._row("see", ", ".join(f"the trouble of {trouble.title}" for trouble in one.elsewhere))
        if one.unjudged:
            yield from self._row("not judged", f"{', '.join(one.unjudged)}: driftgate has no health rule for it")

    def _trouble(self, trouble: Trouble) -> Iterator[str]:
        yield from self._row(_TROUBLE, f"{trouble.title}: {trouble.what}")
        for line in trouble.evidence:
            yield from self._row("", line, "| ")
        for line in trouble.follows:
            yield from self._row("", f"so {line}", "| ")
        yield from self._row("", trouble.next_step, "-> ")

    def _row(self, name: str, text: str, mark: str = "") -> Iterator[str]:
        if not text:
            return
        short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
        head = f"  {name:<{_HEALTH_WIDTH}}"
        for number, line in enumerate(self.wrapped(short, f"{head}{mark}")):
            yield f"  {self._painted(name, name)}{line[2 + len(name) :]}" if name and not number else line

    def _painted(self, name: str, text: str) -> str:
        code = _COLOURS.get(name)
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text

    def pods(self) -> Iterator[str]:
        """The Pods, as `kubectl get pods` shows them."""
        rows = [
            (one.namespace, one.name, one.ready, one.state, str(one.restarts), _age(one.age))
            for one in self._status.pods
        ]
        yield from self._table(("PODS", "", "READY", "STATUS", "RESTARTS", "AGE"), rows)

    def services(self) -> Iterator[str]:
        """The Services, with how many Pods answer behind each."""
        rows = [
            (one.namespace, one.name, one.type, one.ports, "-" if one.endpoints is None else str(one.endpoints))
            for one in self._status.services
        ]
        yield from self._table(("SERVICES", "", "TYPE", "PORTS", "READY ENDPOINTS"), rows)

    def ingresses(self) -> Iterator[str]:
        """The Ingresses, with class, hosts and address."""
        rows = [
            (one.namespace, one.name, one.ingress_class or "(default)", one.hosts, one.address or "none")
            for one in self._status.ingresses
        ]
        yield from self._table(("INGRESSES", "", "CLASS", "HOSTS", "ADDRESS"), rows)

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        if not rows:
            return
        shared = {row[0] for row in rows}
        names = [row[1] if len(shared) == 1 else f"{row[0]}/{row[1]}" for row in rows]
        title = f"{head[0]} in {next(iter(shared))}" if len(shared) == 1 else head[0]
        cells = [(title, *head[2:]), *((name, *row[2:]) for name, row in zip(names, rows, strict=True))]
        shown = [[printable(cell) for cell in row] for row in cells]
        widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
        for row in shown:
            yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()

    def urls(self) -> Iterator[str]:
        """Each host with its paths, and why it is not HTTPS."""
        if not self._status.accesses:
            return
        yield "URLS"
        for one in self._status.accesses:
            paths = ", ".join(f"{route.path} to {route.service}" for route in one.routes)
            address = f" at {', '.join(one.addresses)}" if one.addresses else " (no address yet)"
            yield from self.wrapped(f"{one.url}{address}: {paths}", "  ")
            if one.why_not_https:
                yield from self.wrapped(f"no HTTPS: {one.why_not_https}", "    | ")

    def unknown(self) -> Iterator[str]:
        """What could not be read, so that nobody takes it for fine."""
        for one in self._status.unknown:
            yield from self.wrapped(f"{one.what}: {one.why}"[:_LONGEST], "COULD NOT READ  ")


def _word(one: ApplicationStatus) -> str:
    """The health, but for what Argo CD does not add up: objects that are missing, and troubles of healthy ones."""
    if one.health is not None:
        lacking = one.missing or one.unserved
        health = worst([one.health, Status.MISSING if lacking else Status.HEALTHY])
        return _TROUBLE if health is Status.HEALTHY and one.is_unwell else health.value
    if one.state is not None:
        return one.state.health
    return "Missing" if one.absent else "Unknown"


def _contents(one: ApplicationStatus) -> str:
    objects = f"{one.objects} object" + ("" if one.objects == 1 else "s") if one.objects else ""
    revisions = ", ".join(each[:12] for each in one.state.revisions) if one.state is not None else ""
    state = one.state.sync + (f" at {revisions}" if revisions else "") if one.state is not None else ""
    unread = f"{one.unread} not read" if one.unread else ""
    return ", ".join(part for part in (objects, unread, state) if part)


def _listed(refs: Sequence[Ref]) -> str:
    """Objects by kind and namespace, which stand before the first name of each."""
    more = len(refs) - _NAMED
    parts: dict[tuple[str, ...], str] = {}
    for ref in refs[:_NAMED]:
        parts[ref[:3]] = f"{parts[ref[:3]]}, {ref[3]}" if ref[:3] in parts else named(ref)
    return "; ".join(parts.values()) + (f"; and {more} more" if more > 0 else "")


def _age(seconds: int) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _verdict(status: EnvironmentStatus) -> str:
    calls = f"({_count(status.calls, 'API call')})"
    unread = f"; {len(status.unknown)} could not be read" if status.unknown else ""
    if status.exit_code == 5:
        return f"{status.environment}: nothing of it is in this cluster {calls}"
    well = sum(one.is_well for one in status.applications)
    total = _count(len(status.applications), "Application")
    if status.exit_code == 1:
        troubles = f", {_count(len(status.troubles), 'trouble')}" if status.troubles else ""
        waiting = "; waiting does not mend it" if status.is_hopeless else ""
        return f"{status.environment}: {well} of {total} healthy{troubles}{waiting}{unread} {calls}"
    if status.exit_code == 6:
        return f"{status.environment}: not known to be healthy{unread} {calls}"
    rest = f"{_count(status.found, 'object')}, {_count(len(status.pods), 'Pod')}"
    return f"{status.environment}: healthy: {total}, {rest} {calls}"


def progress_line(status: EnvironmentStatus) -> str:
    """One line on how far it is, without a time, so that equal lines mean that nothing has changed."""
    well = sum(one.is_well for one in status.applications)
    first = next((one for one in status.applications if not one.is_well), None)
    what = f"{well} of {_count(len(status.applications), 'Application')} healthy"
    reason = reason_of(first) if first is not None else ""
    unread = f"; could not read {status.unknown[0].what}" if status.unknown else ""
    return printable(f"{what}{f'; {first.label}: {reason}' if first is not None else ''}{unread}")


def reason_of(one: ApplicationStatus) -> str:
    """The first thing that keeps an Application from being well."""
    for trouble in (*one.troubles, *one.elsewhere):
        return f"{trouble.title}: {trouble.what}"
    if one.unserved:
        return f"the cluster does not serve {one.unserved[0]}"
    if one.missing:
        return f"{_listed(one.missing[:1])} is missing"
    if one.waiting:
        waiting = one.waiting[0]
        return f"{named(waiting.ref)}: {waiting.health.message or waiting.health.status.value}"
    return one.state.words if one.state is not None else "not there"
