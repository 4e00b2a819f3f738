"""Values that nothing reads: misspelt and misplaced keys, and what was left over when a chart changed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, check
from driftgate.model.environment import LayerKind, LoadedApplication, Render, SourceType, ValuesLayer, ValuesRead
from driftgate.model.manifest import named_path
from driftgate.model.node import Node, Path
from driftgate.model.outcome import Outcome, Related, Severity
from driftgate.model.place import Place
from driftgate.policy import Section, setting
from driftgate.semantics.globs import doublestar_match
from driftgate.semantics.helm_values import set_path
from driftgate.values.effect import effective_leaves, is_parameter

POLICY: dict[str, type[Section]] = {}


@dataclass(frozen=True, slots=True)
class ValuesReading(Section):
    """For which Applications it is found out which of their values nothing reads; it takes further renders."""

    applications: int = setting(
        50,
        "Up to so many Applications the values of every one are probed; where there are more, of those with findings "
        "and of those whose values were changed since the base of a change.",
    )
    probe: Literal["bounded", "always", "never"] = setting(
        "bounded", "Whether the values are probed whatever the number of Applications; meant for single Applications."
    )
    chart_defaults: tuple[str, ...] | None = setting(
        None, "Globs of charts of this repository whose own values.yaml is to hold nothing that is never read."
    )


POLICY["valuesRead"] = ValuesReading
SourceKey = tuple[str, int]


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def value_never_read(subject: Subject) -> Iterator[Result]:
    """A value is read by nothing

    Why: Helm takes any key without a word. One that no template reads, because it is misspelt, stands in the wrong
    block or belongs to another version of the chart, deploys nothing, and whoever edits it changes nothing. Told is
    what changes no rendered object when it says something else, is empty and is missing, in every Application that uses
    the line, and what no template writes out; a block that something else switches on is not told.

    Fix: Correct the key, move it to where the chart reads it, or delete it.
    """
    yield from _told(subject, _Usage.of(subject), defaults=False)


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def chart_default_never_read(subject: Subject) -> Iterator[Result]:
    """A chart's own default is read by nothing

    Why: Whoever wants to set something looks for it in the chart's values.yaml. A key there that no template reads is
    an offer that is not kept.

    Fix: Delete the key, or let a template read it.
    """
    if not subject.section(ValuesReading).chart_defaults:
        yield NotApplicable()
        return
    yield from _told(subject, _Usage.of(subject), defaults=True)


@check(severity=Severity.NOTE, scope=Scope.ENVIRONMENT)
def values_not_probed(subject: Subject) -> Iterator[Result]:
    """The values of some Applications were not looked at for keys that nothing reads

    Why: To find such keys takes further renders, so above a number of Applications only those with findings and those
    whose values were changed are probed. What was not probed may hold keys that do nothing.

    Fix: Raise valuesRead.applications in policy, or set valuesRead.probe to always for single Applications.
    """
    if subject.environment.revision:
        # The base of a change is asked whether it had this finding too; what is left out is a matter of the run.
        yield Breach(subject.policy.place_of("valuesRead"), "the base is not probed", "", field="valuesRead")
        return
    usage = _Usage.of(subject)
    if not usage.sources:
        yield NotApplicable()
        return
    left_out = sorted({label for label, index in usage.sources if (label, index) not in usage.read})
    if left_out:
        names = ", ".join(left_out[:5]) + (f" and {len(left_out) - 5} more" if len(left_out) > 5 else "")
        place = subject.policy.place_of("valuesRead")
        yield Breach(place, f"not probed: {names}", "every Application probed", field="valuesRead")


@dataclass
class _Usage:
    """The Helm sources whose values are the tree's own, and what was found out about those that were probed."""

    sources: dict[SourceKey, Render] = field(default_factory=dict)
    read: Mapping[SourceKey, ValuesRead] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject) -> _Usage:
        """Ask for all that are to be probed at once; the answers are remembered for the other checks."""
        every = {
            (loaded.label, render.source.index): (loaded, render)
            for loaded in subject.environment.applications
            for render in loaded.renders
            # A chart that renders to nothing reads nothing: that is another finding.
            if render.type is SourceType.HELM and render.complete and render.manifests
        }
        found = {one.application for one in subject.findings if one.outcome is Outcome.FAILED}
        wanted = {
            key: _defaults_count(subject, render)
            for key, (loaded, render) in every.items()
            if _is_probed(subject, loaded, render, found)
        }
        sources = {key: render for key, (_, render) in every.items() if _own_layers(subject, render)}
        wanted = {key: defaults for key, defaults in wanted.items() if defaults or key in sources}
        answers = subject.environment.values_read(wanted) if wanted else {}
        known = {key: answer for key, answer in answers.items() if not answer.given_up}
        return cls({**sources, **{key: every[key][1] for key in wanted}}, known)


def _own_layers(subject: Subject, render: Render) -> list[ValuesLayer]:
    """The layers that stand in the tree, without the chart's defaults, which are another check's."""
    return [
        layer
        for layer in render.layers
        if layer.file != _defaults_file(render)
        and (layer.file in subject.environment.paths or is_parameter(layer) or layer.kind is LayerKind.INLINE)
    ]


def _defaults_file(render: Render) -> str:
    return next((layer.file for layer in render.layers if layer.kind is LayerKind.CHART), "")


def _defaults_count(subject: Subject, render: Render) -> bool:
    globs = subject.section(ValuesReading).chart_defaults or ()
    return bool(render.chart) and any(doublestar_match(glob, render.chart) for glob in globs)


def _is_probed(subject: Subject, loaded: LoadedApplication, render: Render, found: set[str]) -> bool:
    """Whether the values are looked at; `found` are the labels of the Applications with findings."""
    section = subject.policy.section(ValuesReading, loaded.application.name)
    if section.probe != "bounded":
        return section.probe == "always"
    if len(subject.environment.applications) <= section.applications or loaded.label in found:
        return True
    # The base is judged to see what was there before, by checks that find something now: whichever they looked at.
    return bool(subject.environment.revision) or _is_changed(subject, loaded, render)


def _is_changed(subject: Subject, loaded: LoadedApplication, render: Render) -> bool:
    """Whether the change that is reviewed gave the source another layer of values than it had."""
    if subject.environment.base is None:
        return False
    before = subject.environment.base.find(loaded.label)
    known = {_content(layer) for one in before.renders for layer in one.layers} if before else set()
    return any(_content(layer) not in known for layer in render.layers)


def _content(layer: ValuesLayer) -> tuple[LayerKind, str, str, str]:
    return (
        layer.kind,
        layer.label,
        layer.text,
        "" if layer.text and not is_parameter(layer) else repr(layer.node.plain()),
    )


@dataclass
class _Lines:
    """One file, inline block or parameter, with what its leaves do in every source that it is a layer of."""

    layer: ValuesLayer
    label: str
    source: Render
    named: set[Path] = field(default_factory=set)
    # What no object of its first source depends on, whichever layer says it.
    unread: set[Path] = field(default_factory=set)
    never: set[Path] = field(default_factory=set)
    alive: set[Path] = field(default_factory=set)


def _told(subject: Subject, usage: _Usage, *, defaults: bool) -> Iterator[Result]:
    if not usage.read:
        yield NotApplicable()
        return
    if all(one.switch for answer in usage.read.values() for one in answer.unread):
        return
    for lines in _lines(subject, usage, defaults=defaults).values():
        dead = _dead(lines)
        if dead:
            yield from _breaches(subject, lines, dead)


def _lines(subject: Subject, usage: _Usage, *, defaults: bool) -> dict[tuple[str, str], _Lines]:
    """What is known of every layer, over all sources of all Applications: what was not probed counts as read."""
    found: dict[tuple[str, str], _Lines] = {}
    for loaded in subject.environment.applications:
        for render in loaded.renders:
            read = usage.read.get((loaded.label, render.source.index))
            own = _own_layers(subject, render)
            for position, layer in enumerate(render.layers):
                if (layer.file == _defaults_file(render)) is defaults and (layer in own or defaults):
                    shared = layer.kind in (LayerKind.CHART, LayerKind.VALUE_FILE)
                    owner = "" if shared else f"{loaded.label} {render.source.index} {layer.kind.value}"
                    key = (owner, layer.file if shared else f"{layer.label} {layer.text}")
                    lines = found.setdefault(key, _Lines(layer, loaded.label, render))
                    _add(lines, render, position, read)
    return found


def _add(lines: _Lines, render: Render, position: int, read: ValuesRead | None) -> None:
    """Add what one source makes of the layer; a leaf that a higher one replaces is as read as that one is."""
    layer = render.layers[position]
    never = {(one.position, one.path) for one in read.unread if not one.switch} if read is not None else set()
    for path, _ in _leaves(layer):
        replaced = any((above, path) in never for above in range(position, len(render.layers)))
        (lines.never if replaced else lines.alive).add(path)
    if read is not None:
        lines.named |= set(read.named)
        lines.unread |= {path for _, path in never}


def _leaves(layer: ValuesLayer) -> Iterator[tuple[Path, Node]]:
    if is_parameter(layer):
        yield set_path(layer.text) or (layer.text,), layer.node
    else:
        yield from ((path, leaf) for path, leaf in layer.node.leaves() if path)


def _dead(lines: _Lines) -> set[Path]:
    """The leaves that no source reads. A line that an alias repeats elsewhere is read if any of its copies is."""
    dead = lines.never - lines.alive
    leaves = [(path, Place(leaf.file, leaf.line, leaf.column)) for path, leaf in _leaves(lines.layer)]
    read = {place for path, place in leaves if path not in dead and place.exact}
    return {path for path, place in leaves if path in dead and place not in read}


def _breaches(subject: Subject, lines: _Lines, dead: set[Path]) -> Iterator[Result]:
    layer, label = lines.layer, lines.label
    if is_parameter(layer):
        yield _breach(lines, layer.entry, layer.text, next(iter(dead)), f"{label} parameter {layer.text}")
        return
    blocks = list(_blocks(layer.node, (), dead, _known(lines)))
    keys = layer.node.mapping
    if len(keys) > 1 and {path for path in blocks if len(path) == 1} >= {(key,) for key in keys}:
        place = Place(layer.file) if layer.kind is not LayerKind.INLINE else layer.entry
        name = layer.file if layer.kind is not LayerKind.INLINE else f"{label} {layer.label}"
        users = ", ".join(_users(subject, layer.file)) if layer.kind is not LayerKind.INLINE else label
        related = () if place == layer.entry else (Related(layer.entry, "where it is listed"),)
        found = f"no rendered object of {users} depends on anything in it"
        yield Breach(place, found, "values that the chart reads", field=name, related=related)
        return
    for path in blocks:
        name = named_path(layer.node.plain(), path)
        owner = layer.file if layer.kind is not LayerKind.INLINE else f"{label} {layer.label}"
        place = layer.node.place_of(*path)
        below = layer.node.get(*path)
        place = place if below is not None and below.line else layer.entry
        yield _breach(lines, place, name, path, f"{owner}:{name}")


def _users(subject: Subject, file: str) -> list[str]:
    return [
        loaded.label
        for loaded in subject.environment.applications
        if any(layer.file == file for render in loaded.renders for layer in render.layers)
    ]


def _blocks(node: Node, path: Path, dead: set[Path], known: set[Path]) -> Iterator[Path]:
    """The highest keys below which nothing is read, in this layer or in any other."""
    below = list(node.leaves(path))
    if path and all(leaf in dead for leaf, _ in below) and not any(other[: len(path)] == path for other in known):
        yield path
        return
    steps: Iterable[tuple[str | int, Node]] = node.mapping.items() or enumerate(node.items)
    for step, entry in steps:
        yield from _blocks(entry, (*path, step), dead, known)


def _known(lines: _Lines) -> set[Path]:
    """What the chart reads, as far as templates write it out or a layer sets it."""
    leaves = {path for _, path, _ in effective_leaves(lines.source.layers) if path and path not in lines.unread}
    return lines.named | leaves


def _breach(lines: _Lines, place: Place, name: str, path: Path, key: str) -> Breach:
    near = _nearest(lines, path)
    beside = lines.layer.node.plain()
    expected = (
        f"a key that the chart reads, such as {named_path(beside, near)}" if near else "a key that the chart reads"
    )
    return Breach(place, f"no rendered object depends on {name}", expected, field=key)


def _nearest(lines: _Lines, path: Path) -> Path | None:
    """What was probably meant: a key of the same block with nearly this name, else the same key in another block."""
    known = _known(lines)
    blocks = {other[:depth] for other in known for depth in range(1, len(other) + 1)}
    beside = sorted(str(other[-1]) for other in blocks if other[:-1] == path[:-1] and isinstance(other[-1], str))
    close = difflib.get_close_matches(str(path[-1]), [name for name in beside if name != path[-1]], 1)
    if close:
        return (*path[:-1], close[0])
    same = [other for other in sorted(known, key=str) if other[-1] == path[-1] and other != path]
    return same[0] if len(same) == 1 else None
