"""The values lines of a Helm source, one by one, and the job in which some of them say something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from driftgate.assembly.plan import Draft
from driftgate.model.environment import LayerKind, ValuesLayer
from driftgate.model.node import Node, Path
from driftgate.model.place import Place
from driftgate.render.jobs import HelmJob, SetFlag
from driftgate.semantics.helm_values import set_path, values_text
from driftgate.values.effect import is_parameter, replaces

__all__ = ["REMOVED", "Change", "Leaf", "SourceEditor", "another", "emptied", "leaves_of", "removed"]

_NUMBER = re.compile(r"-?(0|[1-9]\d*)")


class _Gone(Enum):
    REMOVED = "removed"


REMOVED = _Gone.REMOVED
Change = Mapping["Leaf", Any]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One scalar or empty container that a layer sets and no layer above replaces.

    `position` counts the layers of the source, lowest first. `path` is the place in the values. Equal by these two.
    """

    position: int
    path: Path
    node: Node = field(repr=False, compare=False)
    layer: ValuesLayer = field(repr=False, compare=False)

    @property
    def place(self) -> Place:
        """The line that sets it: the key's own, or the Application's entry where the layer has no lines."""
        if is_parameter(self.layer) or not self.node.line:
            return self.layer.entry
        return self.layer.node.place_of(*self.path)

    @property
    def value(self) -> Any:
        """The value as Helm gets it; of a parameter what `--set` makes of its text."""
        if self.layer.kind is not LayerKind.PARAMETER or self.layer.label == "--set-string":
            return self.node.plain()
        text = str(self.node.value)
        words = {"true": True, "false": False, "null": None}
        return int(text) if _NUMBER.fullmatch(text) else words.get(text, text)


def leaves_of(layers: tuple[ValuesLayer, ...]) -> Iterator[Leaf]:
    """Every leaf that counts, of the highest layer first and in the order of its lines."""
    for position in range(len(layers) - 1, -1, -1):
        layer, above = layers[position], layers[position + 1 :]
        for path, node in _leaves(layer):
            if not any(replaces(other, path, node) for other in above):
                yield Leaf(position, path, node, layer)


def _leaves(layer: ValuesLayer) -> Iterator[tuple[Path, Node]]:
    if not is_parameter(layer):
        yield from ((path, node) for path, node in layer.node.leaves() if path)
        return
    path = set_path(layer.text)
    if path is not None:
        yield path, layer.node


def another(leaf: Leaf) -> Any:
    """Another value of the same type that works where the old one does: a quantity or a port stays one."""
    value = leaf.value
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.5
    if isinstance(value, list | dict):
        return ["x"] if isinstance(value, list) else {"x": "x"}
    text = "" if value is None else str(value)
    # Digits go up so that a quantity or a port stays one; any other text begins otherwise, in case its end is cut off.
    for index, character in enumerate(text):
        if character.isdigit():
            return f"{text[:index]}{(int(character) + 1) % 9 + 1}{text[index + 1 :]}"
    if "{{" not in text and text[:1].isalpha():
        return f"{'y' if text[0] == 'x' else 'x'}{text[1:]}"
    return tailed(text, "x")


def tailed(text: str, tail: str) -> str:
    """A text with a tail: before the white space at its end, and inside the braces of Helm's list form."""
    body = text.rstrip()
    if body.startswith("{") and body.endswith("}") and "\n" not in body and "{{" not in body:
        return f"{body[:-1]},{tail}}}"
    return f"{body}{tail}{text[len(body) :]}"


def emptied(leaf: Leaf) -> Any:
    """The empty value of the leaf's type."""
    value = leaf.value
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return 0
    return type(value)() if isinstance(value, list | dict) else ""


def removed(_leaf: Leaf) -> Any:
    """No value at all: what a lower layer or the chart says comes through, if anything does."""
    return REMOVED


@dataclass(frozen=True)
class SourceEditor:
    """Makes jobs of a source in which leaves are changed where they stand, so that layers above still count.

    Every job is rendered once: whether the templates are stable is known from the render that is judged.
    """

    job: HelmJob
    layers: tuple[ValuesLayer, ...]

    @classmethod
    def of(cls, draft: Draft) -> SourceEditor | None:
        """The editor of a Helm source; None for any other, and for one that has nothing to render."""
        return cls(draft.job, draft.layers) if isinstance(draft.job, HelmJob) else None

    def each(self, leaves: Iterable[Leaf], change: Callable[[Leaf], Any]) -> HelmJob:
        """The job in which every one of the leaves is changed by the function."""
        return self.edited({leaf: change(leaf) for leaf in leaves})

    def edited(self, changes: Change, more: Mapping[Path, Any] | None = None) -> HelmJob:
        """The job with some leaves changed and with values added on top of all files and inline blocks."""
        by_layer: dict[int, dict[Path, Any]] = {}
        for leaf, value in changes.items():
            by_layer.setdefault(leaf.position, {})[leaf.path] = value
        chart_values, texts, flags = None, [], []
        for position, layer in enumerate(self.layers):
            edits = by_layer.get(position, {})
            if is_parameter(layer):
                flags += _flag(layer, next(iter(edits.values())) if edits else None, changed=bool(edits))
            elif layer.kind is not LayerKind.CHART:
                texts.append(_text(layer, edits))
            elif edits:
                chart_values = _text(layer, edits)
        if more:
            texts.append(values_text(_tree(more)))
        return replace(self.job, values=tuple(texts), sets=tuple(flags), chart_values=chart_values, once=True)


def _flag(layer: ValuesLayer, value: Any, *, changed: bool) -> list[SetFlag]:
    if not changed:
        return [SetFlag(layer.label, layer.text, str(layer.node.value))]
    if value is REMOVED:
        return []
    flag = "--set-string" if layer.kind is LayerKind.FILE_PARAMETER else layer.label
    words = {True: "true", False: "false"}
    return [SetFlag(flag, layer.text, words[value] if isinstance(value, bool) else str(value))]


def _text(layer: ValuesLayer, edits: Mapping[Path, Any]) -> str:
    if not edits:
        return layer.text or values_text(layer.node.plain())
    edited = _edited(layer.node.plain(), _tree(edits))
    return values_text({} if edited is REMOVED else edited)


class _Tree(dict[str | int, Any]):
    """Edits below one value: a step leads to what is to stand there, or to another tree."""


def _tree(edits: Mapping[Path, Any]) -> _Tree:
    tree = _Tree()
    for path, value in edits.items():
        below = tree
        for step in path[:-1]:
            below = below.setdefault(step, _Tree())
        below[path[-1]] = value
    return tree


def _edited(value: Any, edits: _Tree) -> Any:
    """The value with the edits made; a container that loses all that it held is removed with it."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    changed = []
    for step, below in entries:
        edit = edits.get(step, below)
        new = _edited(below, edit) if isinstance(edit, _Tree) else edit
        if new is not REMOVED:
            changed.append((step, new))
    if not changed:
        return REMOVED
    return dict(changed) if isinstance(value, dict) else [new for _, new in changed]
