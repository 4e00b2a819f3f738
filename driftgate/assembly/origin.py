"""Which values line sets a rendered field, found by effect: change the line, render again, look at the field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from driftgate.assembly.plan import Draft
from driftgate.model.environment import LayerKind, ValuesLayer
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Node, Path
from driftgate.model.place import Place
from driftgate.render.jobs import HelmJob, Job, Reply, SetFlag

__all__ = ["OriginFinder"]

PROBES_PER_FIELD = 16
PROBES_PER_RUN = 400


@dataclass
class OriginFinder:
    """Answers for the findings of one run, within a bound on the renders that this may cost."""

    drafts: dict[tuple[str, int], Draft]
    run: Callable[[Job], Reply]
    probes: int = 0

    def __call__(self, manifest: Manifest, path: Path, part: str | None = None) -> Place | None:
        """The place of the values leaf whose change changes the field, highest layer first; None where none does.

        With `part`, only leaves that show in that piece of the field's text are tried; with "" those that are empty.
        """
        draft = self.drafts.get((manifest.application, manifest.source_index))
        if draft is None or not isinstance(draft.job, HelmJob):
            return None
        value = dig(manifest.object, path)
        if isinstance(value, dict | list) or value is None:
            return None
        for tried, (place, job) in enumerate(_probes(draft, str(value) if part is None else part)):
            if tried >= PROBES_PER_FIELD or self.probes >= PROBES_PER_RUN:
                return None
            self.probes += 1
            if _field_changed(manifest, path, value, self.run(job)):
                return place
        return None


def _probes(draft: Draft, rendered: str) -> Iterator[tuple[Place, HelmJob]]:
    """Jobs in which one leaf, whose value shows in the field, is another; leaves of higher layers come first."""
    assert isinstance(draft.job, HelmJob)
    for position in range(len(draft.layers) - 1, -1, -1):
        layer = draft.layers[position]
        if layer.kind is LayerKind.FILE_PARAMETER:
            continue
        if layer.kind is LayerKind.PARAMETER:
            if str(layer.node.value) in rendered:
                yield layer.entry, _with_parameter(draft.job, layer)
            continue
        for path, leaf in layer.node.leaves():
            if path and _shows(leaf.value, rendered):
                yield _leaf_place(layer, path, leaf), _with_leaf(draft, draft.job, position, path, leaf)


def _shows(value: object, rendered: str) -> bool:
    if not rendered:
        return value is None or value == ""
    if isinstance(value, bool):
        return rendered in (str(value), str(value).lower())
    if isinstance(value, int | float):
        return str(value) == rendered or str(value) in rendered.replace(":", " ").split()
    return isinstance(value, str) and len(value) > 0 and value in rendered


def _leaf_place(layer: ValuesLayer, path: Path, leaf: Node) -> Place:
    return layer.node.place_of(*path) if leaf.line else layer.entry


def _changed(value: object) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.5
    text = "" if value is None else str(value)
    # Digits go up so that a quantity or a port stays one; any other text gets a tail.
    for index, character in enumerate(text):
        if character.isdigit():
            return f"{text[:index]}{(int(character) + 1) % 9 + 1}{text[index + 1 :]}"
    return f"{text}x"


def _with_leaf(draft: Draft, job: HelmJob, position: int, path: Path, leaf: Node) -> HelmJob:
    """The job with one leaf changed, in the layer that it stands in."""
    layer = draft.layers[position]
    edited = _edited(layer.node.plain(), path, _changed(leaf.value))
    if layer.kind is LayerKind.CHART:
        return replace(job, values=(json.dumps(_minimal(edited, path)), *job.values))
    texts = [entry for entry in draft.layers if entry.kind in (LayerKind.VALUE_FILE, LayerKind.INLINE)]
    index = texts.index(layer)
    return replace(job, values=(*job.values[:index], json.dumps(edited), *job.values[index + 1 :]))


def _edited(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    step, *rest = path
    if isinstance(value, dict):
        return {**value, step: _edited(value.get(step), tuple(rest), new)}
    return [_edited(item, tuple(rest), new) if index == step else item for index, item in enumerate(value)]


def _minimal(value: Any, path: Path) -> Any:
    """Only the way to the edited leaf; a list on the way stays whole, because Helm replaces lists."""
    if not path or not isinstance(value, dict):
        return value
    return {path[0]: _minimal(value[path[0]], path[1:])}


def _with_parameter(job: HelmJob, layer: ValuesLayer) -> HelmJob:
    changed = tuple(
        SetFlag(flag.flag, flag.name, str(_changed(flag.value)))
        if flag.name == layer.text and flag.flag == layer.label
        else flag
        for flag in job.sets
    )
    return replace(job, sets=changed)


def _field_changed(manifest: Manifest, path: Path, value: object, reply: Reply) -> bool:
    """Whether the object is still there and the field is another; a render that fails tells nothing."""
    if reply.fault:
        return False
    for document in reply.documents:
        body = document.object
        same = (body.get("kind"), dig(body, ("metadata", "name"))) == (
            manifest.kind,
            dig(manifest.object, ("metadata", "name")),
        )
        if same and str(body.get("apiVersion", "")) == manifest.api_version:
            return bool(dig(body, path) != value)
    return False
