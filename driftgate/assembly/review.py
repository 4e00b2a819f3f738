"""What the edits of a change do, found by effect: undo one, render again, look at what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from driftgate.assembly.plan import Draft
from driftgate.files import FileRoot
from driftgate.model.environment import LayerKind, ValuesLayer
from driftgate.model.node import Node, Path
from driftgate.model.place import Place
from driftgate.model.review import EditedValue
from driftgate.render.jobs import HelmJob, Job, Reply, SetFlag
from driftgate.semantics.helm_values import set_path, values_text
from driftgate.semantics.quantity import parse_quantity
from driftgate.values.effect import is_parameter, replaces

__all__ = ["ChangeReview"]

RENDERS_PER_SOURCE = 200
RENDERS_PER_RUN = 1500
# In place of an edit's number: all edits of the source.
_ALL = -1
Key = tuple[str, int]
Layers = tuple[ValuesLayer, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    """An edit with the layers that the source has once it is undone."""

    value: EditedValue
    undone: Layers = field(repr=False)


@dataclass
class ChangeReview:
    """Answers about one change, within a bound on the renders that this may cost.

    `before` and `after` hold the drafts of both sides by Application and source; `names` gives the label that an
    Application of the head has on the base.
    """

    root: FileRoot
    base: FileRoot
    before: Mapping[Key, Draft]
    after: Mapping[Key, Draft]
    names: Mapping[str, str]
    run: Callable[[Job], Reply]
    renders: int = 0
    _edits: dict[Key, tuple[_Edit, ...]] = field(default_factory=dict)
    _replies: dict[tuple[Key, int], Reply | None] = field(default_factory=dict)
    _edited: dict[str, bool] = field(default_factory=dict)

    def edited(self, path: str) -> bool:
        """Whether a file of the tree is another one than on the base, or stands on one side only."""
        if path not in self._edited:
            self._edited[path] = _read(self.root, path) != _read(self.base, path)
        return self._edited[path]

    def edits(self, application: str) -> tuple[EditedValue, ...]:
        """Every edited value that an Application of the head gets, of the highest layer first."""
        keys = sorted(key for key in self.after if key[0] == application)
        return tuple(edit.value for key in keys for edit in self._edits_of(key))

    def has_effect(self, edit: EditedValue) -> bool | None:
        """Whether anything is rendered otherwise with the edit undone; None where that cannot be told.

        A value without which the chart does not render has an effect: something reads it.
        """
        key = (edit.application, edit.source_index)
        reply, draft = self._undone(key, edit.number), self.after[key]
        if reply is None or not draft.done:
            return None
        return bool(reply.fault) or _comparable(draft.documents_of(reply), draft) != _comparable(draft.documents, draft)

    def cause(
        self, application: str, source_index: int, restored: Callable[[Iterable[Any]], bool]
    ) -> EditedValue | None:
        """The first edit that, undone by itself, makes `restored` true of the plain objects that the source renders.

        Where only all of them together do, it is the file of the first, without a line.
        """
        key = (application, source_index)
        edits = self._edits_of(key)
        for edit in edits:
            if _is_restored(self._undone(key, edit.value.number), restored):
                return edit.value
        if len(edits) < 2 or not _is_restored(self._undone(key, _ALL), restored):
            return None
        first, meant = edits[0].value, all(edit.value.is_removal for edit in edits)
        return replace(first, place=Place(first.place.file), path=(), is_removal=meant)

    def _undone(self, key: Key, number: int) -> Reply | None:
        if (key, number) not in self._replies:
            job = self.after[key].job
            within = number < RENDERS_PER_SOURCE and self.renders < RENDERS_PER_RUN
            reply = None
            if within and isinstance(job, HelmJob):
                self.renders += 1
                before = self.before[self.names[key[0]], key[1]]
                layers = before.layers if number == _ALL else self._edits_of(key)[number].undone
                reply = self.run(_job(job, layers, self.after[key].layers))
            self._replies[key, number] = reply
        return self._replies[key, number]

    def _edits_of(self, key: Key) -> tuple[_Edit, ...]:
        if key not in self._edits:
            before, after = self.before.get((self.names.get(key[0], ""), key[1])), self.after.get(key)
            known = before is not None and after is not None and isinstance(after.job, HelmJob)
            self._edits[key] = tuple(_edits(key, before, after)) if known else ()  # type: ignore[arg-type]
        return self._edits[key]


def _is_restored(reply: Reply | None, restored: Callable[[Iterable[Any]], bool]) -> bool:
    return reply is not None and not reply.fault and restored(document.object for document in reply.documents)


def _read(root: FileRoot, path: str) -> bytes | None:
    try:
        return root.read(path)
    except (OSError, ValueError):
        return None


def _comparable(documents: Iterable[tuple[str, int, Any]], draft: Draft) -> list[tuple[str, Any]]:
    """What can be compared between two renders: not what differs from one to the next anyway."""
    return [(template, plain) for template, _, plain in documents if template not in draft.unstable]


def _job(job: HelmJob, layers: Layers, judged: Layers) -> HelmJob:
    """The job with other layers than those that are judged; Helm reads the chart's own where that one stays."""
    chart_values, texts, flags = job.chart_values, [], []
    for layer in layers:
        if is_parameter(layer):
            flags.append(SetFlag(layer.label, layer.text, str(layer.node.value)))
        elif layer.kind is not LayerKind.CHART:
            texts.append(layer.text or values_text(layer.node.plain()))
        elif not any(layer is one for one in judged):
            chart_values = values_text(layer.node.plain())
    return replace(job, values=tuple(texts), sets=tuple(flags), chart_values=chart_values, once=True)


def _identity(layer: ValuesLayer) -> tuple[Any, ...]:
    """What a layer is called on both sides: a parameter by its name, a file by its path."""
    return (layer.kind, layer.text) if is_parameter(layer) else (layer.kind, layer.file or layer.label)


def _edits(key: Key, draft_before: Draft, draft_after: Draft) -> Iterator[_Edit]:
    """Every difference between the layers of both sides, highest layer first."""
    before, after = draft_before.layers, draft_after.layers
    known = {_identity(layer): layer for layer in before}
    number = 0
    for position in range(len(after) - 1, -1, -1):
        layer, above = after[position], after[position + 1 :]
        earlier = _earlier(layer, known, after)
        if earlier is None and layer.kind is LayerKind.CHART:
            continue  # Another chart brings its defaults along: nobody has edited them.
        for path, old, new in _differences(earlier, layer):
            undone = (*after[:position], *_with(layer, path, old), *above)
            value = _edited_value(key, number, layer, above, path, old, new)
            if value.shadow is None or not _edited_too(value.shadow, above, before):
                yield _Edit(value, undone)
                number += 1
    for layer in known.values():
        # A layer that is gone stood somewhere; below the layers that stood above it is where it counts again.
        higher = {_identity(other) for other in before[before.index(layer) + 1 :]}
        position = next((i for i, other in enumerate(after) if _identity(other) in higher), len(after))
        place = draft_after.application.place_of(*draft_after.source.path_in_spec, "helm", "valueFiles")
        value = EditedValue(*key, number, place, (), gone=True)
        yield _Edit(value, (*after[:position], layer, *after[position:]))
        number += 1


def _earlier(layer: ValuesLayer, known: dict[tuple[Any, ...], ValuesLayer], after: Layers) -> ValuesLayer | None:
    """The layer as it was, taken out of those that are not accounted for: of the same name, else moved as it is."""
    name = _identity(layer)
    if name not in known and not is_parameter(layer):
        gone = known.keys() - {_identity(other) for other in after}
        moved = (other for other in known if other in gone and known[other].kind is layer.kind)
        name = next((other for other in moved if known[other].text == layer.text != ""), name)
    return known.pop(name, None)


def _edited_too(shadow: Place, above: Layers, before: Layers) -> bool:
    """Whether the layer that replaces a value is itself edited there: then the edit is made where it counts."""
    known = {_identity(layer): layer for layer in before}
    for layer in above:
        for path, _, new in _differences(known.get(_identity(layer)), layer):
            if new is not None and _place(layer, path, None, new) == shadow:
                return True
    return False


def _differences(before: ValuesLayer | None, after: ValuesLayer) -> Iterator[tuple[Path, Node | None, Node | None]]:
    """Every path at which a layer says something else: a whole block where it is new, a list as one."""
    if before is None:
        yield (), None, after.node
    elif before.text != after.text or is_parameter(after) or not after.text:
        yield from _node_differences(before.node, after.node, ())


def _node_differences(old: Node, new: Node, path: Path) -> Iterator[tuple[Path, Node | None, Node | None]]:
    if old.mapping and new.mapping:
        for name in [*new.mapping, *(name for name in old.mapping if name not in new.mapping)]:
            one, other = old.mapping.get(name), new.mapping.get(name)
            if one is not None and other is not None:
                yield from _node_differences(one, other, (*path, name))
            else:
                yield (*path, name), one, other
    elif not _equal(old, new):
        yield path, old, new


def _equal(old: Node, new: Node) -> bool:
    """Whether two values are one, whatever they are written as: `"80"` and 80, 1000m and 1."""
    one, other = old.plain(), new.plain()
    if isinstance(one, list | dict) or isinstance(other, list | dict):
        return one == other
    return _word(one) == _word(other) or (
        one is not None and _amount(one) is not None and _amount(one) == _amount(other)
    )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _amount(value: Any) -> Any:
    return parse_quantity(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _with(layer: ValuesLayer, path: Path, old: Node | None) -> Layers:
    """The layer with what it said at a path before; nothing, where there was no such layer."""
    if not path and old is None:
        return ()
    plain = _laid(layer.node.plain(), path, old)
    if is_parameter(layer):
        return (replace(layer, node=old or layer.node),)
    return (replace(layer, node=Node.from_plain(plain, layer.file), text=""),)


def _laid(value: Any, path: Path, old: Node | None) -> Any:
    if not path:
        return old.plain() if old is not None else None
    kept = dict(value) if isinstance(value, dict) else {}
    if len(path) == 1 and old is None:
        kept.pop(str(path[0]), None)
        return kept
    return {**kept, str(path[0]): _laid(kept.get(str(path[0])), path[1:], old)}


def _edited_value(
    key: Key, number: int, layer: ValuesLayer, above: Layers, path: Path, old: Node | None, new: Node | None
) -> EditedValue:
    leaf = new or old
    assert leaf is not None
    full = path if not is_parameter(layer) else set_path(layer.text) or ()
    shadow = next((_shadow(other, full) for other in reversed(above) if full and replaces(other, full, leaf)), None)
    return EditedValue(
        *key,
        number,
        _place(layer, path, old, new),
        full,
        gone=new is None,
        is_removal=_is_removal(old, new),
        shadow=shadow,
    )


def _shadow(layer: ValuesLayer, path: Path) -> Place:
    return layer.entry if is_parameter(layer) else _line(layer, path)


def _line(layer: ValuesLayer, path: Path) -> Place:
    """The line of a path; the layer's entry where the layer has no lines, its file where it has no such block."""
    if not layer.node.line:
        return Place(layer.file) if layer.kind in (LayerKind.CHART, LayerKind.VALUE_FILE) else layer.entry
    known = path
    while known and layer.node.get(*known) is None:
        known = known[:-1]
    return layer.node.place_of(*known) if known else Place(layer.node.file)


def _place(layer: ValuesLayer, path: Path, old: Node | None, new: Node | None) -> Place:
    if is_parameter(layer) or (not path and old is None):
        return layer.entry
    return _line(layer, (*path, *_first_difference(old, new)))


def _first_difference(old: Node | None, new: Node | None) -> Path:
    """Which element of a list of unchanged length is another one, and what in it."""
    if old is None or new is None:
        return ()
    if len(old.items) == len(new.items):
        for index, (one, other) in enumerate(zip(old.items, new.items, strict=True)):
            if one.plain() != other.plain():
                return (index, *_first_difference(one, other))
    if old.mapping and new.mapping:
        for name, below in new.mapping.items():
            earlier = old.mapping.get(name)
            if earlier is None or earlier.plain() != below.plain():
                return (name, *_first_difference(earlier, below))
    return ()


def _is_removal(old: Node | None, new: Node | None) -> bool:
    """Whether an edit takes something away: a switch turned off, a key or an element gone, a value emptied."""
    if old is None:
        return False
    if new is None or new.value in (None, "", False):
        return old.value not in (None, "", False)
    if old.items:
        return len(new.items) < len(old.items)
    return bool(old.mapping) and not new.mapping
