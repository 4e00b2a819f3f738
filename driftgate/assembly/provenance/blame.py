"""What every values line of an Application does to what is rendered, and what would be rendered without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from driftgate.assembly.plan import Draft
from driftgate.assembly.provenance.edits import Leaf, SourceEditor, another, leaves_of, removed
from driftgate.assembly.provenance.marks import Marks, as_text, fields_of, is_checksum
from driftgate.assembly.provenance.prober import ValuesProber
from driftgate.assembly.provenance.progress import Progress
from driftgate.assembly.provenance.unread import Scope
from driftgate.model.environment import LoadedApplication, Render, ValuesLayer, ValuesRead
from driftgate.model.manifest import Manifest, dig, named_path
from driftgate.model.node import Path, field_path
from driftgate.model.place import Place
from driftgate.model.secret import mask_secret
from driftgate.render.jobs import HelmJob, Job, RenderedDocument, Reply
from driftgate.semantics.helm_values import printed_value, set_path
from driftgate.values.effect import is_parameter

__all__ = ["ABSENT", "Blame", "FieldBlame", "Line", "Otherwise", "blamed"]

JOBS_AT_ONCE = 32


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What a field would be without a line: `value` is ABSENT for none, and `fails` tells that nothing would render.

    `source` is the line of a lower layer that would count then.
    """

    value: Any = field(default=ABSENT, repr=False)
    source: Place | None = None
    fails: bool = False
    without_object: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line that something rendered depends on: of the values, or of the Application itself (`key` says which).

    `changes` are the object (`Kind/name`) and path of every field that another value changes, `comes` and `goes` the
    objects that it brings or takes; with `refused` every other value that was tried fails the render. `shadows` are
    the lines of lower layers that say something about the same key.
    """

    place: Place
    key: str
    path: Path
    changes: tuple[tuple[str, str], ...] = ()
    comes: tuple[str, ...] = ()
    goes: tuple[str, ...] = ()
    refused: bool = False
    shadows: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldBlame:
    """One rendered field: the lines whose text shows in it, and those that only decide over it.

    A line of the Application itself, such as its name, cannot be left out: nothing is said of it otherwise.
    """

    manifest: Manifest
    path: Path
    set_by: tuple[tuple[Line, Otherwise | None], ...] = ()
    decided_by: tuple[tuple[Line, Otherwise | None], ...] = ()

    @property
    def value(self) -> Any:
        """The value as it is rendered; one of a Secret has no printable form."""
        return dig(self.manifest.object, self.path)

    @property
    def name(self) -> str:
        """The path as findings write it."""
        return self.manifest.field(*self.path)


@dataclass(frozen=True)
class _Effect:
    """What came of another value of one line; `replies` pairs the objects of the two renders by their number."""

    leaf: Leaf | None
    line: Line
    fields: frozenset[tuple[int, Path]] = frozenset()
    shown: frozenset[tuple[int, Path]] = frozenset()


@dataclass
class Blame:
    """The lines of one Helm source and what they do: a render for each, done when first asked for."""

    loaded: LoadedApplication
    render: Render
    editor: SourceEditor
    run: Callable[[Sequence[Job]], list[Reply]]
    prober: ValuesProber

    @property
    def unread(self) -> ValuesRead:
        """What changes nothing, whatever it says, and what has to be switched on before it does."""
        key = (self.loaded.label, self.render.source.index)
        return self.prober.ask({key: Scope.EVERYTHING}).get(key, ValuesRead())

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every values line that counts, with what it does, lowest layer first and in the order of the files."""
        effects = [effect for effect in self._effects if effect.leaf is not None]
        order = {effect.line.place: effect.leaf.position for effect in effects if effect.leaf is not None}
        return tuple(
            sorted((effect.line for effect in effects), key=lambda line: (order[line.place], line.place, line.key))
        )

    def fields(self, manifest: Manifest, path: Path | None = None) -> tuple[FieldBlame, ...]:
        """The fields of an object that some line decides over; with a path that field, or all below it.

        A field that was asked for and that no line changes is there without lines.
        """
        paths = [found for found, _ in fields_of(manifest.object) if path is None or found[: len(path)] == path]
        blames = [self._field(manifest, found) for found in paths]
        return tuple(blame for blame in blames if path is not None or blame.set_by or blame.decided_by)

    def _field(self, manifest: Manifest, path: Path) -> FieldBlame:
        key = (manifest.index, path)
        mine = [effect for effect in self._effects if key in effect.fields]
        shown = [effect for effect in mine if key in effect.shown]
        decides = [effect for effect in mine if effect not in shown]
        return FieldBlame(
            manifest, path, tuple(self._with_otherwise(effect, manifest, path) for effect in shown),
            tuple(self._with_otherwise(effect, manifest, path) for effect in decides),
        )  # fmt: skip

    def _with_otherwise(self, effect: _Effect, manifest: Manifest, path: Path) -> tuple[Line, Otherwise | None]:
        own = (f"{manifest.kind}/{manifest.name}", manifest.field(*path))
        line = replace(effect.line, changes=tuple(change for change in effect.line.changes if change != own))
        if effect.leaf is None:
            return line, None
        (reply,) = self.run([self.editor.each([effect.leaf], removed)])
        if reply.fault:
            return line, Otherwise(fails=True)
        twin = _paired(self._base.documents, reply.documents).get(manifest.index)
        source = line.shadows[-1] if line.shadows else None
        if twin is None:
            return line, Otherwise(source=source, without_object=True)
        there = _by_name(twin.object).get(manifest.field(*path), (path, None))[0]
        value = dig(mask_secret(twin.object), there)
        return line, Otherwise(ABSENT if value is None else value, source)

    @cached_property
    def _base(self) -> Reply:
        (reply,) = self.run([self.editor.edited({})])
        return reply

    @cached_property
    def _effects(self) -> list[_Effect]:
        """The effect of every leaf, highest layer first, and of what the Application gives its release."""
        marks = Marks([as_text(document.object) for document in self._base.documents])
        leaves = list(leaves_of(self.editor.layers))
        replies = self._replies([self._changed(leaf, marks) for leaf in leaves], "probing values")
        failed = [index for index, reply in enumerate(replies) if reply.fault]
        again = self._replies([self.editor.each([leaves[index]], another) for index in failed], "probing values")
        for index, reply in zip(failed, again, strict=True):
            replies[index] = reply
        found = [self._effect(leaf, reply, marks) for leaf, reply in zip(leaves, replies, strict=True)]
        return found + self._of_the_application()

    def _changed(self, leaf: Leaf, marks: Marks) -> HelmJob:
        flag = isinstance(leaf.value, bool)
        return self.editor.edited({leaf: another(leaf) if flag else marks.of(leaf)})

    def _replies(self, jobs: list[HelmJob], work: str) -> list[Reply]:
        replies: list[Reply] = []
        with Progress(work, "lines", len(jobs)) as progress:
            for start in range(0, len(jobs), JOBS_AT_ONCE):
                replies += self.run(jobs[start : start + JOBS_AT_ONCE])
                progress.show(len(replies))
        return replies

    def _effect(self, leaf: Leaf, reply: Reply, marks: Marks) -> _Effect:
        line = Line(leaf.place, _key(leaf), leaf.path, shadows=tuple(_shadowed(self.editor.layers, leaf)))
        if reply.fault:
            return _Effect(leaf, replace(line, refused=True))
        flipped = printed_value(not leaf.value) if isinstance(leaf.value, bool) else ""

        def shows(text: str) -> bool:
            return text.lower() == flipped if flipped else leaf in marks.seen(text)

        return self._compared(leaf, line, reply, shows)

    def _of_the_application(self) -> list[_Effect]:
        """What the release's name and namespace do, which the Application gives and no values line."""
        application, source = self.loaded.application, self.render.source
        named = bool(source.helm.release_name)
        release = (*source.path_in_spec, "helm", "releaseName") if named else ("metadata", "name")
        own = bool(source.helm.namespace)
        namespace = (*source.path_in_spec, "helm", "namespace") if own else ("spec", "destination", "namespace")
        job = self.editor.edited({})
        changes = [(release, replace(job, release="qz-release")), (namespace, replace(job, namespace="qz-namespace"))]
        found = []
        for (path, changed), reply in zip(changes, self.run([job for _, job in changes]), strict=True):
            mark = changed.release if changed.release != job.release else changed.namespace
            key = named_path(application.node.plain(), path)
            line = Line(application.place_of(*path), key, path)
            if not reply.fault:
                found.append(self._compared(None, line, reply, partial(_holds, mark)))
        return found

    def _compared(self, leaf: Leaf | None, line: Line, reply: Reply, shows: Callable[[str], bool]) -> _Effect:
        """What is another in a render: fields by object, and objects that come and go."""
        pairs = _paired(self._base.documents, reply.documents)
        fields: set[tuple[int, Path]] = set()
        shown: set[tuple[int, Path]] = set()
        names: list[tuple[int, str]] = []
        for index, twin in pairs.items():
            before = self._base.documents[index].object
            for path, name, value in _differences(before, twin.object):
                fields.add((index, path))
                names.append((index, name))
                if shows(str(value)):
                    shown.add((index, path))
        goes = tuple(_called(document) for index, document in enumerate(self._base.documents) if index not in pairs)
        known = set(map(id, pairs.values()))
        comes = tuple(_called(document) for document in reply.documents if id(document) not in known)
        changes = tuple((_called(self._base.documents[index]), name) for index, name in names)
        return _Effect(
            leaf, replace(line, changes=changes, comes=comes, goes=goes), frozenset(fields), frozenset(shown)
        )


def blamed(
    loaded: LoadedApplication,
    drafts: dict[tuple[str, int], Draft],
    run: Callable[[Sequence[Job]], list[Reply]],
    prober: ValuesProber,
) -> tuple[Blame, ...]:
    """The Helm sources of an Application that are rendered, each ready to be asked."""
    found = []
    for render in loaded.renders:
        draft = drafts.get((loaded.label, render.source.index))
        editor = SourceEditor.of(draft) if draft is not None and render.complete else None
        if editor is not None:
            found.append(Blame(loaded, render, editor, run, prober))
    return tuple(found)


def _holds(mark: str, text: str) -> bool:
    return mark in text


def _key(leaf: Leaf) -> str:
    return leaf.layer.text if is_parameter(leaf.layer) else named_path(leaf.layer.node.plain(), leaf.path)


def _shadowed(layers: tuple[ValuesLayer, ...], leaf: Leaf) -> Iterator[Place]:
    """The lines of lower layers about the same key, lowest first; none for an element of a list, which counts whole."""
    if any(isinstance(step, int) for step in leaf.path):
        return
    for layer in layers[: leaf.position]:
        if is_parameter(layer):
            if set_path(layer.text) == leaf.path:
                yield layer.entry
        elif layer.node.get(*leaf.path) is not None:
            place = layer.node.place_of(*leaf.path)
            yield place if place.exact else layer.entry


def _identity(document: RenderedDocument) -> tuple[Any, ...]:
    body = document.object
    group = str(body.get("apiVersion", "")).rpartition("/")[0]
    return group, body.get("kind"), dig(body, ("metadata", "namespace")), dig(body, ("metadata", "name"))


def _called(document: RenderedDocument) -> str:
    return f"{document.object.get('kind')}/{dig(document.object, ('metadata', 'name'))}"


def _paired(before: Sequence[RenderedDocument], after: Sequence[RenderedDocument]) -> dict[int, RenderedDocument]:
    """Every object of one render with the same one of another: by its name, else by its turn in the template."""
    left = {id(document): document for document in after}
    by_name = {_identity(document): document for document in after}
    pairs: dict[int, RenderedDocument] = {}
    for index, document in enumerate(before):
        twin = by_name.get(_identity(document))
        if twin is not None and id(twin) in left:
            pairs[index] = left.pop(id(twin))
    for index, document in enumerate(before):
        if index not in pairs:
            same = [
                one
                for one in left.values()
                if (one.template, one.object.get("kind")) == (document.template, document.object.get("kind"))
            ]
            if same:
                pairs[index] = left.pop(id(same[0]))
    return pairs


def _differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """The path and name of every field that is another, gone or new, with what it is now; checksums aside.

    Elements of lists are the same by their merge key, so that one more does not change all behind it.
    """
    old, new = _by_name(before), _by_name(after)
    renamed = {path: name for name, (path, _) in new.items() if name not in old}
    for name, (path, _) in old.items():
        # What the element is called may be what has changed: then it is the one at the same index.
        if name not in new and path in renamed:
            new[name] = new.pop(renamed[path])
    for name in {**old, **new}:
        path, was = old.get(name) or (new[name][0], ABSENT)
        value = new[name][1] if name in new else ABSENT
        if type(was) is type(value) and was == value:
            continue
        key = str(path[-1])
        if not ("annotations" in path[:-1] and is_checksum(key, was) and is_checksum(key, value)):
            yield path, name, value


def _by_name(body: dict[str, Any]) -> dict[str, tuple[Path, Any]]:
    """The fields of an object by name, or by index where the names of a list's elements do not tell them apart."""
    fields: dict[str, tuple[Path, Any]] = {}
    for path, value in fields_of(body):
        name = named_path(body, path)
        fields[field_path(path) if name in fields else name] = path, value
    return fields
