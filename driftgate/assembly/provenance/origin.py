"""Which values line sets a rendered field, found by effect: change the line, render again, look at the field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from driftgate.assembly.plan import Draft
from driftgate.assembly.provenance.edits import Leaf, SourceEditor, another, leaves_of
from driftgate.assembly.provenance.marks import Marks, as_text
from driftgate.model.environment import LayerKind
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Path
from driftgate.model.place import Place
from driftgate.model.secret import SecretValue
from driftgate.render.jobs import Job, RenderedDocument, Reply

__all__ = ["OriginFinder"]

PROBES_PER_FIELD = 16
PROBES_PER_RUN = 400
# As many at a time as keep the workers busy without asking much more than the first hit needs.
PROBES_AT_ONCE = 4


@dataclass
class OriginFinder:
    """Answers for the findings of one run, within a bound on the renders that this may cost.

    First one render of the source in which every text and number carries a mark: what a field shows there, sets it.
    Leaves that did not show are tried singly, for fields that some value is made into.
    """

    drafts: dict[tuple[str, int], Draft]
    run: Callable[[Sequence[Job]], list[Reply]]
    probes: int = 0
    _sources: dict[tuple[str, int], _Source | None] = field(default_factory=dict)

    def __call__(self, manifest: Manifest, path: Path, part: str | None = None) -> Place | None:
        """The place of the values leaf that the field is made of, highest layer first; None where no leaf is.

        With `part`, only leaves that show in that piece of the field's text are meant; with "" those that are empty.
        """
        source = self._source((manifest.application, manifest.source_index))
        value = dig(manifest.object, path)
        if source is None or isinstance(value, dict | list) or value is None:
            return None
        text = str(value) if part is None else part
        candidates = [leaf for leaf in source.leaves if _shows(leaf.value, text)]
        marked = self._marked(source, manifest, path)
        found = next((leaf for leaf in candidates if leaf in marked), None)
        if found is None and part is None:
            found = next((leaf for leaf in source.leaves if leaf in marked), None)
        secret = isinstance(value, SecretValue)
        if found is None and not (secret and part is None):
            # What a Secret holds is compared with what it holds otherwise; `part` says which leaves may be in it.
            found = self._probed(source, manifest, path, value.reveal() if secret else value, candidates)
        return found.place if found else None

    def _source(self, key: tuple[str, int]) -> _Source | None:
        if key not in self._sources:
            draft = self.drafts.get(key)
            editor = SourceEditor.of(draft) if draft is not None else None
            if draft is None or editor is None:
                self._sources[key] = None
            else:
                rendered = [as_text(object_) for _, _, object_ in draft.documents if isinstance(object_, dict)]
                self._sources[key] = _Source(editor, Marks(rendered))
        return self._sources[key]

    def _marked(self, source: _Source, manifest: Manifest, path: Path) -> set[Leaf]:
        """The leaves whose marks show in the field; a mark may move an object's name, so its template finds it too."""
        if source.documents is None:
            source.documents = ()
            if self.probes < PROBES_PER_RUN:
                self.probes += 1
                (reply,) = self.run([source.editor.each(source.markable, source.marks.of)])
                source.documents = () if reply.fault else reply.documents
                # From the back, so that of two objects of one name the first one stays.
                source.named = {_named(document.object): document for document in reversed(source.documents)}
        shown: set[Leaf] = set()
        there = source.named.get(_named(manifest.object))
        for document in _twins(source.documents, manifest) if there is None else (there,):
            shown |= source.marks.seen(str(dig(document.object, path)))
        return shown

    def _probed(
        self, source: _Source, manifest: Manifest, path: Path, value: object, candidates: Iterable[Leaf]
    ) -> Leaf | None:
        waiting = iter(islice(candidates, PROBES_PER_FIELD))
        while batch := list(islice(waiting, min(PROBES_AT_ONCE, PROBES_PER_RUN - self.probes))):
            self.probes += len(batch)
            replies = self.run([source.editor.each([leaf], another) for leaf in batch])
            for leaf, reply in zip(batch, replies, strict=True):
                if _field_changed(manifest, path, value, reply):
                    return leaf
        return None


@dataclass
class _Source:
    """One Helm source with its leaves, and the objects of the render in which they are marked, once there is one."""

    editor: SourceEditor
    marks: Marks
    leaves: list[Leaf] = field(init=False)
    documents: tuple[RenderedDocument, ...] | None = None
    named: dict[tuple[str, str, str], RenderedDocument] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # What a file's content does is not looked for: the line that names the file would not tell more.
        whole = leaves_of(self.editor.layers)
        self.leaves = [leaf for leaf in whole if leaf.layer.kind is not LayerKind.FILE_PARAMETER]

    @property
    def markable(self) -> list[Leaf]:
        """Texts and numbers: another boolean, or something for nothing, would switch blocks on and off."""
        return [leaf for leaf in self.leaves if leaf.value and not isinstance(leaf.value, bool)]


def _shows(value: Any, rendered: str) -> bool:
    if not rendered:
        return value is None or value == ""
    if isinstance(value, bool):
        return rendered in (str(value), str(value).lower())
    if isinstance(value, int | float):
        return str(value) == rendered or str(value) in rendered.replace(":", " ").split()
    return isinstance(value, str) and len(value) > 0 and value in rendered


def _named(body: Mapping[str, Any]) -> tuple[str, str, str]:
    """What an object is found by in another render."""
    return str(body.get("apiVersion", "")), str(body.get("kind")), str(dig(body, ("metadata", "name")))


def _same_object(document: RenderedDocument, manifest: Manifest) -> bool:
    body = document.object
    return (body.get("apiVersion", ""), body.get("kind"), dig(body, ("metadata", "name"))) == (
        manifest.api_version, manifest.kind, dig(manifest.object, ("metadata", "name")),
    )  # fmt: skip


def _twins(documents: Iterable[RenderedDocument], manifest: Manifest) -> list[RenderedDocument]:
    """The manifest in another render: the object of its name, else the only one of its kind in its template."""
    documents = list(documents)
    same = [document for document in documents if _same_object(document, manifest)]
    if same:
        return same[:1]
    near = [
        document
        for document in documents
        if document.object.get("kind") == manifest.kind and manifest.template.endswith(f"/{document.template}")
    ]
    return near if len(near) == 1 else []


def _field_changed(manifest: Manifest, path: Path, value: object, reply: Reply) -> bool:
    """Whether the object is still there and the field is another; a render that fails tells nothing."""
    if reply.fault:
        return False
    # The name itself may be what the line sets, so its template finds the object too.
    return any(dig(found.object, path) != value for found in _twins(reply.documents, manifest))
