"""Whether an environment is like another one: the same Applications, objects, structure and values keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import Literal

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, Unchecked, check, incomplete
from driftgate.model.environment import Environment, LayerKind, LoadedApplication, Render, SourceType, ValuesLayer
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.parity import Difference, Names, differences
from driftgate.policy import Section, setting
from driftgate.semantics.helm_values import set_path
from driftgate.values.effect import is_parameter

POLICY: dict[str, type[Section]] = {}
What = Literal["object", "field", "values"]


@dataclass(frozen=True, slots=True)
class AllowedDifference(Section):
    """Something in which two environments may differ: patterns, with names as they are without environments' words."""

    reason: str = field(metadata={"help": "Why they differ there."})
    application: str = setting("", "The Application; alone, it may be missing in one of them.")
    kind: str = setting("", "The kind of objects; without a field these may be missing or differ in anything.")
    name: str = setting("", "The object's name; empty is any.")
    field: str = setting("", "The field, such as spec.template.spec.containers*.startupProbe, with all below it.")
    values: str = setting("", "The values key, such as debug or env.*, with all below it.")


@dataclass(frozen=True, slots=True)
class Parity(Section):
    """Which environment this one has to be like; amounts, tags, hosts and values of variables and data are free."""

    like: str = setting(
        "", "The environment to be like: that of another policy, or, in one tree with several, one that tokens names."
    )
    tokens: dict[str, tuple[str, ...]] = setting(
        {}, "The words that stand for each environment in names; an environment's own name, where it is not listed."
    )
    allowed: tuple[AllowedDifference, ...] = setting((), "What may differ.")


POLICY["parity"] = Parity


# What is compared with what


@dataclass(frozen=True, slots=True)
class _Sides:
    """The Applications of this environment and of the one that it has to be like, in pairs.

    `pairs` gives the other side's Application by the label of this side's, `lacking` those of the other side without
    a counterpart, with the name of the environment that lacks them.
    """

    like: str
    other: Environment
    names: Names
    here: tuple[LoadedApplication, ...]
    there: tuple[LoadedApplication, ...]
    pairs: dict[str, LoadedApplication]
    extra: tuple[LoadedApplication, ...]
    lacking: tuple[tuple[str, LoadedApplication], ...]

    @property
    def known(self) -> bool:
        """Whether every object of both sides is known."""
        return all(loaded.complete for loaded in (*self.here, *self.there))


def _sides(subject: Subject) -> _Sides | None:
    """The two sides; None where policy asks for no parity, or names an environment that is not there."""
    section, environment = subject.section(Parity), subject.environment
    if not section.like:
        return None
    other = environment.siblings(section.like)
    if other is not None:
        words = [word for name in (environment.name, section.like) for word in _words(section, name)]
        here = {environment.name: environment.applications}
        return _matched(section.like, other, Names(words), here, other.applications)
    groups = _by_environment(section, environment.applications)
    there = tuple(groups.pop(section.like, ()))
    if not there:
        return None
    words = [word for name in section.tokens for word in _words(section, name)]
    return _matched(section.like, environment, Names(words), groups, there)


def _words(section: Parity, environment: str) -> tuple[str, ...]:
    return section.tokens.get(environment, (environment,))


def _by_environment(
    section: Parity, applications: Iterable[LoadedApplication]
) -> dict[str, tuple[LoadedApplication, ...]]:
    """The Applications of each environment that tokens names; one with an empty list gets those without any word."""
    known = {name: Names(words) for name, words in section.tokens.items()}
    wordless = next((name for name, words in section.tokens.items() if not words), "")
    groups: dict[str, tuple[LoadedApplication, ...]] = {}
    for loaded in applications:
        name = _environment_of(loaded, known) or wordless
        if name:
            groups[name] = (*groups.get(name, ()), loaded)
    return groups


def _environment_of(loaded: LoadedApplication, known: dict[str, Names]) -> str:
    """The one environment whose word an Application's name holds, else its namespace, its cluster, or its file."""
    application = loaded.application
    destination = application.destination
    cluster = destination.name or destination.server
    for text in (application.name, destination.namespace, cluster, application.place.file):
        holding = [name for name, names in known.items() if names.holds(text)]
        if holding:
            return holding[0] if len(holding) == 1 else ""
    return ""


def _matched(
    like: str,
    other: Environment,
    names: Names,
    groups: dict[str, tuple[LoadedApplication, ...]],
    there: tuple[LoadedApplication, ...],
) -> _Sides:
    pairs: dict[str, LoadedApplication] = {}
    extra: list[LoadedApplication] = []
    lacking: list[tuple[str, LoadedApplication]] = []
    for environment, here in groups.items():
        own, others = _by_name(here, names), _by_name(there, names)
        for name in dict.fromkeys((*own, *others)):
            for one, another in zip_longest(own.get(name, ()), others.get(name, ())):
                if one is not None and another is not None:
                    pairs[one.label] = another
                elif one is not None:
                    extra.append(one)
                else:
                    lacking.append((environment, another))
    everybody = tuple(loaded for here in groups.values() for loaded in here)
    return _Sides(like, other, names, everybody, there, pairs, tuple(extra), tuple(lacking))


def _by_name(applications: Iterable[LoadedApplication], names: Names) -> dict[str, list[LoadedApplication]]:
    found: dict[str, list[LoadedApplication]] = {}
    for loaded in applications:
        found.setdefault(names.without(loaded.application.name), []).append(loaded)
    return found


# In what a pair differs


@dataclass(frozen=True, slots=True)
class _Key:
    """A values key that one side's own layers set: the layer, and the key's path in it."""

    layer: ValuesLayer
    path: Path

    def place(self, depth: int) -> Place:
        """The line of the key, or of the block above it that `depth` steps lead to."""
        if is_parameter(self.layer):
            return self.layer.entry
        place = self.layer.node.place_of(*self.path[:depth])
        return place if place.exact else self.layer.entry


@dataclass(frozen=True, slots=True)
class _Seen:
    """One thing in which a pair of Applications differs, for policy to allow and for a check to tell.

    `whole` is the block that one side lacks as a whole, of which this is a part; of a values key `depth` is how many
    steps lead to it.
    """

    what: What
    application: str
    field: str = ""
    whole: str = ""
    kind: str = ""
    name: str = ""
    here: Manifest | None = None
    there: Manifest | None = None
    difference: Difference | None = None
    depth: int = 0
    own_key: _Key | None = None
    other_key: _Key | None = None


def _differing(subject: Subject) -> dict[str, tuple[_Seen, ...]]:
    """Everything in which the pairs differ, by the label of this side's Application."""
    sides = subject.once(_sides)
    if sides is None:
        return {}
    return {
        loaded.label: tuple(_of_pair(loaded, sides.pairs[loaded.label], sides.names))
        for loaded in sides.here
        if loaded.label in sides.pairs
    }


def _of_pair(here: LoadedApplication, there: LoadedApplication, names: Names) -> Iterator[_Seen]:
    application = names.without(here.application.name)
    own, others = _objects(here, names), _objects(there, names)
    for key in dict.fromkeys((*own, *others)):
        _, kind, name = key
        for one, another in zip_longest(own.get(key, ()), others.get(key, ())):
            if one is None or another is None:
                yield _Seen("object", application, kind=kind, name=name, here=one, there=another)
                continue
            for found in differences(one.object, another.object, names):
                yield _Seen("field", application, found.field, found.whole, kind, name, one, another, found)
    for first, second in _same_charts(here, there, names):
        yield from _values(application, first, second, names)


def _objects(loaded: LoadedApplication, names: Names) -> dict[tuple[str, str, str], list[Manifest]]:
    """What an Application renders by group, kind and name; child Applications are compared as Applications."""
    found: dict[tuple[str, str, str], list[Manifest]] = {}
    for manifest in sorted(loaded.manifests, key=lambda manifest: names.without(manifest.target_namespace)):
        if not manifest.is_application:
            key = (manifest.group, manifest.kind, names.without(manifest.name))
            found.setdefault(key, []).append(manifest)
    return found


def _same_charts(here: LoadedApplication, there: LoadedApplication, names: Names) -> Iterator[tuple[Render, Render]]:
    """The sources of two Applications that are one chart."""
    others = {_chart(render, names): render for render in there.renders if render.type is SourceType.HELM}
    for render in here.renders:
        if render.type is SourceType.HELM and _chart(render, names) in others:
            yield render, others[_chart(render, names)]


def _chart(render: Render, names: Names) -> str:
    return names.without(render.source.chart or render.source.path)


def _values(application: str, here: Render, there: Render, names: Names) -> Iterator[_Seen]:
    """The values keys that one side's own layers set, and none of the other's."""
    own, others = _keys(here, names), _keys(there, names)
    for path in _not_in(own, others):
        block = _block(path, others)
        yield _Seen("values", application, field_path(path), field_path(block), depth=len(block), own_key=own[path])
    for path in _not_in(others, own):
        block = _block(path, own)
        key = others[path]
        yield _Seen("values", application, field_path(path), field_path(block), depth=len(block), other_key=key)


def _keys(render: Render, names: Names) -> dict[Path, _Key]:
    """The keys that a source's layers above the chart's own values set; a list is one value."""
    defaults = {layer.file for layer in render.layers if layer.kind is LayerKind.CHART}
    found: dict[Path, _Key] = {}
    for layer in render.layers:
        if layer.file in defaults:  # also where valueFiles names the chart's own values a second time
            continue
        paths = [set_path(layer.text) or ()] if is_parameter(layer) else [path for path, _ in layer.node.leaves()]
        for path in paths:
            key = _without_indexes(path)
            if key:
                found[tuple(names.without(step) for step in key)] = _Key(layer, key)
    return found


def _without_indexes(path: Path) -> tuple[str, ...]:
    keys: list[str] = []
    for step in path:
        if isinstance(step, int):
            break
        keys.append(step)
    return tuple(keys)


def _not_in(own: dict[Path, _Key], others: dict[Path, _Key]) -> list[Path]:
    """The keys of one side of which the other has neither the key, nor anything below it, nor a value in its place."""
    there = _blocks(others)
    return [path for path in own if path not in there and not any(path[:n] in others for n in range(1, len(path)))]


def _blocks(keys: Iterable[Path]) -> set[Path]:
    return {path[:length] for path in keys for length in range(1, len(path) + 1)}


def _block(path: Path, others: dict[Path, _Key]) -> Path:
    """The highest block above a key of which the other side has nothing."""
    there = _blocks(others)
    return next(path[:length] for length in range(1, len(path) + 1) if path[:length] not in there)


# What policy allows


def _allows(entry: AllowedDifference, seen: _Seen) -> bool:
    """Whether policy lets a pair differ in something."""
    if not _matches(seen.application, entry.application):
        return False
    if entry.values:
        return seen.what == "values" and _is_within(seen.field, entry.values)
    if not (entry.kind or entry.field) or seen.what == "values":
        return False
    if not (_matches(seen.kind, entry.kind) and _matches(seen.name, entry.name)):
        return False
    return seen.what == "field" and _is_within(seen.field, entry.field) if entry.field else True


def _allows_application(entry: AllowedDifference, name: str) -> bool:
    alone = not (entry.kind or entry.name or entry.field or entry.values)
    return alone and bool(entry.application) and _matches(name, entry.application)


def _matches(text: str, pattern: str) -> bool:
    return not pattern or fnmatchcase(text, _literal(pattern))


def _is_within(text: str, pattern: str) -> bool:
    """Whether a field or key is the one of the pattern, or stands below it."""
    return any(fnmatchcase(text, _literal(pattern) + below) for below in ("", ".*", "[[]*"))


def _literal(pattern: str) -> str:
    """The pattern with brackets as they are: they name the elements of lists."""
    return pattern.replace("[", "[[]")


def _told(subject: Subject, what: What) -> Iterator[tuple[_Seen, str]]:
    """What policy does not allow, with the field to tell: a whole block, where nothing of it is allowed."""
    allowed = subject.section(Parity).allowed
    groups: dict[tuple[object, ...], list[_Seen]] = {}
    for seen in subject.once(_differing)[subject.app.label]:
        if seen.what == what:
            groups.setdefault((id(seen.here), id(seen.there), seen.own_key is None, seen.whole), []).append(seen)
    for group in groups.values():
        left = [seen for seen in group if not any(_allows(entry, seen) for entry in allowed)]
        if len(left) == len(group):
            yield left[0], left[0].whole
        else:
            yield from ((seen, seen.field) for seen in left)


def unmatched_parity(subject: Subject) -> Iterator[Breach]:
    """The entries of policy's parity that nothing is like: an unknown environment, an allowance that nobody needs."""
    section, place_of = subject.section(Parity), subject.policy.place_of
    if not section.like:
        return
    sides = subject.once(_sides)
    if sides is None:
        found, expected = f"no Application belongs to {section.like}", "the environment of another policy, or of tokens"
        yield Breach(place_of("parity", "like"), found, expected, field="parity.like")
    elif sides.known:
        yield from _unneeded(subject, sides)


def _unneeded(subject: Subject, sides: _Sides) -> Iterator[Breach]:
    differing = subject.once(_differing)
    lone = [loaded.application.name for loaded in (*sides.extra, *(one for _, one in sides.lacking))]
    scopes: list[tuple[Path, str]] = [(("parity",), "")]
    scopes += [(("overrides", name, "parity"), name) for name in subject.policy.overrides]
    for path, application in scopes:
        node = subject.policy.node.get(*path, "allowed")
        entries = subject.policy.section(Parity, application).allowed if node is not None else ()
        for index, entry in enumerate(entries):
            needed = any(
                _allows(entry, seen)
                for loaded in sides.here
                if application in ("", loaded.application.name)
                for seen in differing.get(loaded.label, ())
            ) or any(_allows_application(entry, sides.names.without(name)) for name in lone)
            if not needed:
                label = " ".join(filter(None, (entry.application, entry.kind, entry.name, entry.field, entry.values)))
                place, text = subject.policy.place_of(*path, "allowed", index), label or "an entry with a reason alone"
                found = f"{text}: nothing differs there"
                field_name = f"{field_path((*path, 'allowed'))}[{label}]"
                yield Breach(place, found, "a difference that there is", field=field_name)


# The checks


@check(scope=Scope.ENVIRONMENT)
def parity_application_missing(subject: Subject) -> Iterator[Result]:
    """An Application is in one environment and not in the one that it has to be like

    Why: What one environment lacks is not tried out before it meets the other, and nobody decided that; most often it
    was added to one and forgotten in the other. Applications belong together when their names are the same without
    the environments' words.

    Fix: Add the Application, or allow it in policy under parity.allowed with the reason.
    """
    sides = subject.once(_sides)
    if sides is None:
        yield NotApplicable()
        return
    allowed = subject.section(Parity).allowed
    asked = subject.policy_entry("parity", "like")
    for loaded in sides.extra:
        name = sides.names.without(loaded.application.name)
        if not any(_allows_application(entry, name) for entry in allowed):
            found, expected = f"{sides.like} has no {name}", f"the Application in {sides.like} too"
            kind = _lacks(sides.there)
            yield kind(loaded.application.place, found, expected, field=name, related=asked)
    for environment, missing in sides.lacking:
        name = sides.names.without(missing.application.name)
        if not any(_allows_application(entry, name) for entry in allowed):
            found, expected = f"{environment} has no {name}", f"{missing.application.name} of {sides.like} here too"
            related = (Related(missing.application.place, f"the Application of {sides.like}"),)
            kind = _lacks(sides.here)
            yield kind(subject.policy.place_of("parity", "like"), found, expected, field=name, related=related)


def _lacks(applications: Sequence[LoadedApplication]) -> type[Breach | Unchecked]:
    """How it is told that Applications lack one: not for sure, while one of them may render it."""
    return Breach if all(loaded.complete for loaded in applications) else Unchecked


def _pair(subject: Subject) -> tuple[_Sides, LoadedApplication] | None:
    """The two sides, and the Application that this one has to be like."""
    sides = subject.once(_sides)
    there = sides.pairs.get(subject.app.label) if sides is not None else None
    return (sides, there) if sides is not None and there is not None else None


@check()
def parity_object_missing(subject: Subject) -> Iterator[Result]:
    """An object is in one environment and not in the one that it has to be like

    Why: A Deployment without its HorizontalPodAutoscaler, or a NetworkPolicy that only one environment has, makes the
    one say nothing about the other. Objects are the same by kind and by name without the environments' words.

    Fix: Render the object in both, most often by one values switch, or allow its kind in policy under parity.allowed.
    """
    pair = _pair(subject)
    if pair is None:
        yield NotApplicable()
        return
    sides, there = pair
    yield from _incomplete(subject.app, there)
    for seen, _ in _told(subject, "object"):
        key = f"{seen.kind}/{seen.name}"
        if seen.here is not None and there.complete:
            found = f"{seen.kind} {seen.here.name}, which {sides.like} lacks"
            related = (Related(there.application.place, f"the Application of {sides.like}"),)
            yield Breach(seen.here.place_of("kind"), found, f"the same objects as {sides.like}", key, related=related)
        elif seen.there is not None and subject.app.complete:
            at_all = "" if any(one.kind == seen.kind for one in subject.manifests) else ", nor any other"
            found = f"no {seen.kind} {seen.name}{at_all}"
            related = (Related(seen.there.place_of("kind"), f"the one of {sides.like}"),)
            source = subject.application.sources[0].path_in_spec if subject.application.sources else ("spec",)
            expected = f"the {seen.kind} that {sides.like} has"
            yield Breach(subject.place(*source), found, expected, key, related=related)


def _incomplete(here: LoadedApplication, there: LoadedApplication) -> Iterator[Result]:
    for loaded in (here, there):
        if not loaded.complete:
            found = f"what {loaded.application.name} renders is not known in full"
            expected = "both Applications rendered in full"
            yield Unchecked(
                here.application.place, found, expected, field=loaded.application.name, cause=incomplete(loaded.label)
            )


@check()
def parity_field_differs(subject: Subject) -> Iterator[Result]:
    """An object's structure differs from that of the environment that it has to be like

    Why: Another port, a probe that only one environment has, a volume that is missing, limits that are not set: what
    was tried out here is not what runs there. Compared are which fields there are, and the values of ports, of probes'
    targets, mount paths, types and names; amounts, tags, hosts and the values of variables may differ.

    Fix: Let both environments set the field alike, or allow it in policy under parity.allowed with the reason.
    """
    pair = _pair(subject)
    if pair is None:
        yield NotApplicable()
        return
    lines = _Lines.of(subject)
    for seen, whole in _told(subject, "field"):
        yield _field_breach(subject, pair[0], seen, whole, lines)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of values keys that only one side sets, with the block that each is part of."""

    own: dict[Place, str]
    other: dict[Place, str]

    @classmethod
    def of(cls, subject: Subject) -> _Lines:
        own: dict[Place, str] = {}
        other: dict[Place, str] = {}
        for seen in subject.once(_differing)[subject.app.label]:
            for key, lines in ((seen.own_key, own), (seen.other_key, other)):
                if key is not None:
                    lines[key.place(len(key.path))] = seen.whole
        return cls(own, other)


def _field_breach(subject: Subject, sides: _Sides, seen: _Seen, whole: str, lines: _Lines) -> Breach:
    """The breach of one field, at the values line behind it where that line is one side's own."""
    here, there, found = seen.here, seen.there, seen.difference
    assert here is not None
    assert there is not None
    assert found is not None
    other = Subject(sides.other, subject.policy)
    if found.only_here:
        place, related = _cause_or_template(subject.cause, here, found.here, lines.own)
        second = Related(there.place_of(*found.there), f"the {there.kind} of {sides.like}")
        text, expected = f"{whole} of {here.kind} {here.name}, which {sides.like} lacks", f"the same in {sides.like}"
        cause = lines.own.get(place, "")
    elif found.only_there:
        place, related = here.place_of(*found.here), ()
        line, _ = _cause_or_template(other.cause, there, found.there, lines.other)
        second = Related(line, f"where {sides.like} has it")
        text, expected = f"no {whole} in {here.kind} {here.name}", f"the field that {sides.like} has"
        cause = lines.other.get(line, "")
    else:
        place, related = subject.cause(here, *found.here)
        line, _ = other.cause(there, *found.there)
        second = Related(line, f"what {sides.like} has")
        text = f"{found.field} of {here.kind} {here.name} is {found.found}"
        expected, cause = f"{found.expected}, as in {sides.like}", lines.own.get(place, "")
    key = f"parity {subject.app.label} {cause}" if cause else ""
    return Breach(place, text, expected, here.object_id, whole, (*related, second), cause=key)


def _cause_or_template(
    cause: Callable[..., tuple[Place, tuple[Related, ...]]], manifest: Manifest, path: Path, lines: dict[Place, str]
) -> tuple[Place, tuple[Related, ...]]:
    """The line of a values key that only this side sets, if the field comes of it; else where it is rendered.

    A line that both sides have does not tell them apart: there the switch that lets the field in is unknown.
    """
    rendered = manifest.place_of(*path)
    if rendered.exact or not lines:
        return rendered, ()
    place, related = cause(manifest, *path)
    return (place, related) if place in lines else (rendered, ())


@check(severity=Severity.WARNING)
def parity_values_key_missing(subject: Subject) -> Iterator[Result]:
    """A values key is set by one environment and not by the one that it has to be like

    Why: The other environment silently takes the chart's default there. Whoever adds a key to one environment's file
    most often means both. A key in a file that both list is set by both, and a list counts as one value.

    Fix: Set the key in both, or move it to the chart's values.yaml; or allow it in policy under parity.allowed.
    """
    pair = _pair(subject)
    if pair is None:
        yield NotApplicable()
        return
    sides, there = pair
    for seen, whole in _told(subject, "values"):
        cause = f"parity {subject.app.label} {seen.whole}"
        key = seen.own_key or seen.other_key
        assert key is not None
        line = key.place(seen.depth if whole == seen.whole else len(key.path))
        if seen.own_key is not None:
            found, expected = f"{whole}, which {sides.like} does not set", f"the key in {sides.like} too"
            place, related = line, Related(there.application.place, f"the Application of {sides.like}")
        else:
            found, expected = f"no {whole}, which {sides.like} sets", "the key here too"
            place, related = _nearest(subject, key), Related(line, f"the line of {sides.like}")
        yield Breach(place, found, expected, field=whole, related=(related,), cause=cause, is_cause=True)


def _nearest(subject: Subject, key: _Key) -> Place:
    """Where this side would set a key: below the block of its own files that reaches furthest, else its last file."""
    layers = [
        layer
        for render in subject.app.renders
        for layer in render.layers
        if layer.kind is not LayerKind.CHART and not is_parameter(layer)
    ]
    for length in range(len(key.path) - 1, 0, -1):
        for layer in reversed(layers):
            if layer.node.get(*key.path[:length]) is not None:
                place = layer.node.place_of(*key.path[:length])
                return place if place.exact else layer.entry
    return Place(layers[-1].file) if layers else subject.place("spec")
