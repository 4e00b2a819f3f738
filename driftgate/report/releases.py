"""Releases for people and as JSON: names of files and parameters, never a value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from driftgate.releases import Parent, Release, Releases
from driftgate.report.terminal import printable, wrapped

__all__ = ["releases_json", "releases_text"]

_LABEL_WIDTH = 10


def releases_json(found: Sequence[Releases]) -> str:
    """Every environment with its releases, parents and others, in the order of deployment."""
    data = {"environments": [_environment(one) for one in found]}
    return json.dumps(data, indent=2) + "\n"


def _environment(releases: Releases) -> dict[str, Any]:
    return {
        "environment": releases.environment,
        "cluster": releases.cluster,
        "releases": [_release(one) for one in releases.releases],
        "parents": [_parent(one) for one in releases.parents],
        "notReleases": [{"application": one.application, "reason": one.reason} for one in releases.others],
    }


def _parent(parent: Parent) -> dict[str, Any]:
    return {
        "application": parent.application,
        "applicationNamespace": parent.application_namespace,
        "manifest": parent.manifest,
        "repository": parent.repository,
        "revision": parent.revision,
        "root": parent.root,
    }


def _release(release: Release) -> dict[str, Any]:
    return {
        "application": release.application,
        "applicationNamespace": release.application_namespace,
        "release": release.name,
        "namespace": release.namespace,
        "createNamespace": release.create_namespace,
        "cluster": release.cluster,
        "context": release.context,
        "chart": release.chart,
        "repository": release.repository,
        "revision": release.revision,
        "values": list(release.values),
        "parameters": [{"flag": flag.flag, "name": flag.name} for flag in release.job.sets],
        "flags": list(release.flags),
        "wave": release.wave,
        "retry": {"limit": release.limit, "waits": list(release.waits)},
        "kinds": [{"group": group, "kind": kind} for group, kind in release.kinds],
        "remarks": list(release.remarks),
    }


def releases_text(releases: Releases, *, width: int = 100) -> str:
    """An environment's releases one after the other, then what is none."""
    text = _Text(max(width, 60))
    lines = [f"environment {printable(releases.environment)}"]
    if releases.releases:
        lines.append(f"cluster {printable(releases.cluster)}")
    for number, release in enumerate(releases.releases, 1):
        lines += ["", f"{number}  {printable(release.application)}", *text.release(release)]
    if releases.parents:
        lines += ["", "handed to Argo CD, nothing for helm"]
        for parent in releases.parents:
            lines.append(f"  {printable(parent.application)}  {printable(parent.manifest)}")
    if releases.others:
        lines += ["", "not delivered by helm"]
        for other in releases.others:
            lines += [f"  {printable(other.application)}", *text.wrapped(other.reason, "    ")]
    return "\n".join(lines) + "\n"


class _Text:
    """Writes releases within a width."""

    def __init__(self, width: int) -> None:
        self._width = width

    def wrapped(self, text: str, head: str) -> list[str]:
        """A text behind a head, within the width."""
        return wrapped(text, head, self._width)

    def release(self, release: Release) -> Iterator[str]:
        """What helm is told, and how often it is tried."""
        created = ", created if missing" if release.create_namespace else ""
        yield from self._row("release", f"{release.name} in namespace {release.namespace}{created}")
        yield from self._row("chart", f"{release.chart} at {release.revision}")
        yield from self._row("values", ", ".join(release.values))
        yield from self._row("set", ", ".join(_parameter(release)))
        yield from self._row("flags", " ".join(release.flags))
        yield from self._row("wave", str(release.wave))
        yield from self._row("retries", _retries(release))
        for remark in release.remarks:
            yield from self._row("note", remark)

    def _row(self, name: str, text: str) -> Iterator[str]:
        if text:
            yield from self.wrapped(text, f"   {name:<{_LABEL_WIDTH}}")


def _parameter(release: Release) -> Iterator[str]:
    """The parameters by name; the flag is told where it is not the usual one."""
    for flag in release.job.sets:
        yield flag.name + ("" if flag.flag == "--set" else f" ({flag.flag.removeprefix('--set-')})")


def _retries(release: Release) -> str:
    if not release.waits:
        return "none"
    waits = [f"{wait:g} s" for wait in release.waits]
    count = "endless" if release.limit < 0 else str(release.limit)
    # A limit of hundreds is told by its beginning.
    shown = ", ".join(waits[:8]) + (", ..." if len(waits) > 8 else "")
    return f"{count}, after {shown}"
