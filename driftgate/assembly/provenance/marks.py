"""Marks: values that can be told wherever they come out of a render, and what a render is compared by."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from driftgate.assembly.provenance.edits import Leaf, tailed
from driftgate.model.node import Path
from driftgate.render.jobs import RenderedDocument, Reply

__all__ = ["Marks", "as_text", "compared", "fields_of", "is_checksum"]

# Letters and digits only, so that a marked text still is a name, a host or a path, and in one case.
_TEXT = re.compile(r"qz(\d+)zq", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\d.])(\d{4})(?![\d.])")
# Four digits: larger ones would make `range until` of them render without end.
_NUMBERS = range(7001, 10_000)
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{8,}={0,2}(?![\w+/=])")
_HEX = re.compile(r"[0-9a-f]{32,128}")
# What shortened hashes and hashes in base64 look like, which other texts do as well: the key has to say it.
_HASH = re.compile(r"[0-9a-f]{6,128}|[A-Za-z0-9+/]{43,88}={0,2}")
_HASH_KEY = re.compile(r"checksum|hash|digest|sha\d", re.IGNORECASE)


@dataclass
class Marks:
    """Marks given to leaves, each its own; `taken` are texts in which numbers stand that no mark may be."""

    taken: Iterable[str] = ()
    _texts: dict[int, Leaf] = field(default_factory=dict)
    _numbers: dict[int, Leaf] = field(default_factory=dict)
    _by_leaf: dict[Leaf, Any] = field(default_factory=dict)
    _free: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        known = {match[1] for text in self.taken for match in _NUMBER.finditer(text)}
        self._free = (number for number in _NUMBERS if str(number) not in known)

    def of(self, leaf: Leaf) -> Any:
        """The marked value of a leaf, the same each time: a number stays one, everything else becomes a text."""
        if leaf not in self._by_leaf:
            self._by_leaf[leaf] = self._new(leaf)
        return self._by_leaf[leaf]

    def _new(self, leaf: Leaf) -> Any:
        value = leaf.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = next(self._free, None)
            if number is not None:
                self._numbers[number] = leaf
                return number
        mark = f"qz{len(self._texts)}zq"
        self._texts[len(self._texts)] = leaf
        if isinstance(value, list):
            return [mark]
        if isinstance(value, dict):
            return {mark: mark}
        return tailed(value, mark) if isinstance(value, str) else mark

    def seen(self, text: str) -> set[Leaf]:
        """The leaves whose marks show in a text, in base64 too."""
        text = f"{text} {' '.join(_decoded(text))}"
        texts = (self._texts.get(int(match[1])) for match in _TEXT.finditer(text))
        numbers = (self._numbers.get(int(match[1])) for match in _NUMBER.finditer(text))
        return {leaf for leaf in (*texts, *numbers) if leaf is not None}

    def seen_in(self, reply: Reply) -> set[Leaf]:
        """The leaves whose marks show in an object of a render."""
        return {leaf for document in reply.documents for leaf in self.seen(as_text(document.object))}


def _decoded(text: str) -> Iterator[str]:
    for match in _BASE64.finditer(text):
        with contextlib.suppress(binascii.Error):
            yield base64.b64decode(match[0], validate=True).decode("utf-8", "replace")


def as_text(document: dict[str, Any]) -> str:
    """An object as one text to be searched."""
    return json.dumps(document, ensure_ascii=False)


def compared(documents: Iterable[RenderedDocument], unstable: Iterable[str] = ()) -> list[str]:
    """What two renders are compared by: their objects, without annotations that are checksums.

    Objects of templates whose output is another each time are left out.
    """
    left_out = set(unstable)
    return [
        json.dumps(_without_hashes(document.object), sort_keys=True)
        for document in documents
        if document.template not in left_out
    ]


def _without_hashes(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_hashes(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _without_hashes(item) for key, item in value.items()}
    metadata = plain.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(metadata, dict) and isinstance(annotations, dict):
        kept = {key: "" if is_checksum(key, text) else text for key, text in annotations.items()}
        plain["metadata"] = {**metadata, "annotations": kept}
    return plain


def is_checksum(key: str, value: object) -> bool:
    """Whether an annotation holds a hash, which changes with anything that it is made of."""
    if not isinstance(value, str):
        return False
    pattern = _HASH if _HASH_KEY.search(key) else _HEX
    return pattern.fullmatch(value) is not None


def fields_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar and every empty container of an object, with its path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from fields_of(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from fields_of(item, (*path, index))
    else:
        yield path, value
