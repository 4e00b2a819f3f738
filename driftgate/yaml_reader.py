"""Read YAML with places, as the Go parsers of Argo CD and Helm read it.

Scalars follow go-yaml v2, which Argo CD, Helm and Kubernetes use through sigs.k8s.io/yaml: YAML 1.1 booleans with bare
y and n, octal `0755`, underscores in numbers, timestamps and base-60 numbers as strings. PyYAML's own resolver is never
asked; libyaml only parses.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import yaml
from yaml.composer import Composer
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from driftgate.model.node import Duplicate, Literal, Node, Path, Scalar
from driftgate.model.place import Place

__all__ = ["Document", "ReadFault", "YamlText", "as_utf8", "read_yaml", "resolve_scalar"]

MAX_BYTES = 64 * 1024 * 1024
# Far beyond any manifest, and within what recursive Python can walk from a deep call stack.
MAX_DEPTH = 150
MAX_NODES = 4_000_000
# go-yaml refuses documents whose aliases multiply their size; ours is a plain bound on the multiplied size.
MAX_EXPANDED = 4_000_000

_PLAIN = "tag:driftgate,plain"
_YAML = "tag:yaml.org,2002:"
_STR = f"{_YAML}str"
_TAGGED: dict[str, tuple[type, ...]] = {
    f"{_YAML}int": (int,),
    f"{_YAML}float": (int, float),
    f"{_YAML}bool": (bool,),
    f"{_YAML}null": (type(None),),
}
_CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)")
_TEMPLATE_MARK = "{{"


@dataclass(frozen=True, slots=True)
class ReadFault:
    """Why a text is not YAML, or not read further: a word for the fault, the place and a person's sentence."""

    fault: str
    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document; `root` is None where it is empty."""

    index: int
    root: Node | None
    duplicates: tuple[Duplicate, ...] = ()


@dataclass(frozen=True, slots=True)
class YamlText:
    """The documents of one text, and the fault that ended reading, if any; what stood before it is kept."""

    file: str
    documents: tuple[Document, ...] = ()
    fault: ReadFault | None = None

    @property
    def roots(self) -> tuple[Node, ...]:
        """The documents that are not empty."""
        return tuple(d.root for d in self.documents if d.root is not None and d.root.value is not None)


def as_utf8(data: bytes) -> bytes:
    """The bytes as UTF-8 where a byte order mark says that they are UTF-16, which go-yaml reads as well."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        with contextlib.suppress(UnicodeError):
            return data.decode("utf-16").encode()
    return data


def read_yaml(data: bytes | str, file: str, *, exact: bool = True, below: int = 0) -> YamlText:
    """Read every document of a text, never raising for what the text says.

    `file` is the path that places name. With `exact` false (rendered text) places name the file only. `below` is the
    line of the file under which the text stands, for a text inside a literal block: places then have lines of the file
    and no columns, because the block's indentation is not part of the text. Faults: `not-utf8`, `too-large`,
    `templated` (not YAML, and holds template actions), `not-yaml`, `alias-bomb`, `too-deep`.
    """
    if isinstance(data, bytes) and len(data) < _REMEMBERED_BYTES:
        return _read_again(data, file, exact, below)
    return _read(data, file, exact, below)


# A manifest is read where it is found and again where a directory source renders it; what was read is never changed.
_REMEMBERED_BYTES = 64 * 1024


@lru_cache(maxsize=4096)
def _read_again(data: bytes, file: str, exact: bool, below: int) -> YamlText:
    return _read(data, file, exact, below)


def _read(data: bytes | str, file: str, exact: bool, below: int) -> YamlText:
    if len(data) > MAX_BYTES:
        return YamlText(file, (), ReadFault("too-large", Place(file), f"{len(data)} bytes, over {MAX_BYTES}"))
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1 if isinstance(data, bytes) else 0
        return YamlText(file, (), ReadFault("not-utf8", Place(file, line), f"byte {error.start} is not UTF-8"))
    return _read_text(text, _Positions(file, exact, below))


@dataclass(frozen=True, slots=True)
class _Positions:
    """From the composer's marks to places in the file."""

    file: str
    exact: bool
    below: int

    def of(self, mark: Any) -> tuple[int, int]:
        if not self.exact or mark is None:
            return 0, 0
        return mark.line + 1 + self.below, 0 if self.below else mark.column + 1

    def place(self, mark: Any) -> Place:
        return Place(self.file, *self.of(mark))


def _read_text(text: str, positions: _Positions) -> YamlText:
    file = positions.file
    documents: list[Document] = []
    try:
        for composed in _compose_all(text):
            converter = _Converter(positions)
            root = converter.convert(composed)
            documents.append(Document(len(documents), root, tuple(converter.duplicates)))
    except _TooMuchError as error:
        place = positions.place(error.node.start_mark)
        return YamlText(file, tuple(documents), ReadFault(_templated_or(error.fault, text), place, str(error)))
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        return YamlText(file, tuple(documents), _syntax_fault(error, text, positions))
    except ValueError as error:
        return YamlText(file, tuple(documents), ReadFault("not-yaml", Place(file), str(error)))
    return YamlText(file, tuple(documents))


def _syntax_fault(error: yaml.MarkedYAMLError | yaml.reader.ReaderError, text: str, positions: _Positions) -> ReadFault:
    place, message = Place(positions.file), "a character that YAML does not allow"
    if isinstance(error, yaml.MarkedYAMLError):
        place = positions.place(error.problem_mark or error.context_mark)
        message = " ".join(part for part in (error.context, error.problem) if part)
    elif positions.exact:
        # libyaml counts bytes here, unlike everywhere else.
        place = Place(positions.file, text.encode()[: error.position].count(b"\n") + 1 + positions.below)
    return ReadFault(_templated_or("not-yaml", text), place, message)


def _templated_or(fault: str, text: str) -> str:
    return "templated" if fault == "not-yaml" and _TEMPLATE_MARK in text else fault


class _Loader(CParser):
    """libyaml's composer with every implicit resolution left open: a plain scalar keeps a tag of its own."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)

    def resolve(self, kind: type, _value: str | None, implicit: tuple[bool, bool] | bool) -> str:
        if kind is ScalarNode:
            return _PLAIN if isinstance(implicit, tuple) and implicit[0] else _STR
        return "tag:yaml.org,2002:seq" if kind is SequenceNode else "tag:yaml.org,2002:map"

    def descend_resolver(self, current_node: object, current_index: object) -> None:
        """Nothing to do: no resolution depends on the path."""

    def ascend_resolver(self) -> None:
        """Nothing to do: no resolution depends on the path."""


class _Again(Composer, _Loader):
    """The slow composer, for the one thing that the fast one refuses: an anchor's name used a second time."""

    def __init__(self, text: str) -> None:
        _Loader.__init__(self, text)
        Composer.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if not self.check_event(yaml.AliasEvent):
            self.anchors.pop(getattr(self.peek_event(), "anchor", None), None)
        return super().compose_node(parent, index)


def _compose_all(text: str) -> Iterator[yaml.Node]:
    """The root of every document, read as far as reading is safe."""
    refusal, end = _refusal(text) if _suspicious(text) else (None, len(text))
    given = 0
    try:
        for composed in _composed(_Loader, text[:end]):
            yield composed
            given += 1
    except yaml.composer.ComposerError as error:
        if not str(error.context).startswith("found duplicate anchor"):
            raise
        for number, composed in enumerate(_composed(_Again, text[:end])):
            if number >= given:
                yield composed
    if refusal is not None:
        raise refusal


def _composed(kind: type[_Loader], text: str) -> Iterator[yaml.Node]:
    loader = kind(text)
    try:
        while loader.check_node():
            composed = loader.get_node()
            assert composed is not None
            yield composed
    finally:
        loader.dispose()


# Levels that open without indentation, and indentation that hides as many.
_DEEP = re.compile(r"(?:[-?] +){16}| {500}")
_DIRECTIVE = re.compile(r"^%YAML", re.MULTILINE)
# What the composer's C stack surely bears.
_SAFE_BRACKETS = 4000


def _suspicious(text: str) -> bool:
    """Whether a text could overflow the composer's stack, which ends the process, or names another YAML version."""
    if _DEEP.search(text) or ("%YAML" in text and _DIRECTIVE.search(text)):
        return True
    if text.count("[") + text.count("{") < _SAFE_BRACKETS:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return True
    return False


def _refusal(text: str) -> tuple[_TooMuchError | None, int]:
    """The first event that no Go parser, or no composer, would survive, and where the document before it ends.

    Events are flat, so this is safe on any text; an error of syntax is left to the composer.
    """
    depth, start = 0, 0
    with contextlib.suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                start = event.start_mark.index if event.start_mark else 0
                if event.version not in (None, (1, 1)):
                    return _TooMuchError("not-yaml", event, "only YAML 1.1 is read by Go's parsers"), start
            elif isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    return _too_deep(event), start
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    return None, len(text)


def _too_deep(node: yaml.Node | yaml.Event) -> _TooMuchError:
    return _TooMuchError("too-deep", node, f"nested deeper than {MAX_DEPTH} levels")


class _TooMuchError(Exception):
    def __init__(self, fault: str, node: yaml.Node | yaml.Event, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.node = node


class _Converted(NamedTuple):
    """A node of ours, with its size and depth where every alias counts as what it stands for."""

    node: Node
    size: int = 1
    depth: int = 0


@dataclass(slots=True)
class _Converter:
    """Turns composed nodes into ours; aliases share one Node, and their multiplied size and depth are bounded."""

    positions: _Positions
    duplicates: list[Duplicate] = field(default_factory=list)
    _done: dict[int, _Converted] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _count: int = 0

    def convert(self, root: yaml.Node) -> Node:
        return self._convert(root, ()).node

    def _convert(self, composed: yaml.Node, path: Path) -> _Converted:
        if isinstance(composed, ScalarNode):
            self._counted(composed)
            line, column = self.positions.of(composed.start_mark)
            kind = Literal if composed.style == "|" else Node
            return _Converted(kind(_scalar(composed), self.positions.file, line, column))
        identity = id(composed)
        done = self._done.get(identity)
        if done is not None:
            return done
        if identity in self._open:
            raise _TooMuchError("alias-bomb", composed, "an anchor contains itself")
        self._counted(composed)
        line, column = self.positions.of(composed.start_mark)
        self._open.add(identity)
        if len(self._open) > MAX_DEPTH:
            raise _too_deep(composed)
        if isinstance(composed, SequenceNode):
            result = self._sequence(composed, path, line, column)
        else:
            assert isinstance(composed, MappingNode)
            result = self._mapping(composed, path, line, column)
        self._open.discard(identity)
        if result.size > MAX_EXPANDED:
            raise _TooMuchError("alias-bomb", composed, f"aliases multiply this to more than {MAX_EXPANDED} values")
        if result.depth > MAX_DEPTH:
            raise _too_deep(composed)
        self._done[identity] = result
        return result

    def _counted(self, composed: yaml.Node) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise _TooMuchError("too-large", composed, f"more than {MAX_NODES} values in one document")

    def _sequence(self, composed: SequenceNode, path: Path, line: int, column: int) -> _Converted:
        items = [self._convert(item, (*path, index)) for index, item in enumerate(composed.value)]
        return _around(Node([item.node for item in items], self.positions.file, line, column), items)

    def _mapping(self, composed: MappingNode, path: Path, line: int, column: int) -> _Converted:
        """The entries in the order that they stand in: as in go-yaml, what `<<` brings replaces what was before it."""
        entries: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        written: dict[str, tuple[int, int]] = {}
        values = []
        for key_node, value_node in composed.value:
            if key_node.value == "<<" and key_node.tag in (_PLAIN, f"{_YAML}merge"):
                values.append(self._convert(value_node, path))
                for source in _merge_sources(value_node, values[-1].node):
                    entries.update(source.mapping)
                    keys.update(source.keys)
                continue
            key = _key(key_node)
            position = self.positions.of(key_node.start_mark)
            if key in written:
                first = Place(self.positions.file, *written[key])
                self.duplicates.append(Duplicate((*path, key), first, Place(self.positions.file, *position)))
            values.append(self._convert(value_node, (*path, key)))
            entries[key], keys[key], written[key] = values[-1].node, position, position
        return _around(Node(entries, self.positions.file, line, column, keys), values)


def _around(node: Node, below: list[_Converted]) -> _Converted:
    size = depth = 1
    for item in below:
        size += item.size
        depth = max(depth, item.depth + 1)
    return _Converted(node, size, depth)


def _merge_sources(composed: yaml.Node, value: Node) -> list[Node]:
    """What `<<` brings, the last to win at the end: one mapping, or a list of mappings of which the first wins."""
    sources = [value] if isinstance(value.value, dict) else list(reversed(value.items))
    if not all(isinstance(source.value, dict) for source in sources) or not isinstance(value.value, dict | list):
        raise _TooMuchError("not-yaml", composed, "<< takes a mapping or a list of mappings")
    return sources


def _key(composed: yaml.Node) -> str:
    """A key as JSON has it, where every key is a string (sigs.k8s.io/yaml: yaml.go `convertToJSONableObject`)."""
    if not isinstance(composed, ScalarNode):
        raise _TooMuchError("not-yaml", composed, "a mapping or a list as a key is not supported")
    value = _scalar(composed, as_key=True)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, int) and value >= 2**63):
        raise _TooMuchError("not-yaml", composed, f"{'null' if value is None else value} as a key is not supported")
    return str(value) if isinstance(value, int) else _float_key(value)


def _float_key(value: float) -> str:
    """A float as Go's FormatFloat writes it with 'g', the shortest precision and 32 bits."""
    try:
        (single,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else "-.inf" if single < 0 else ".inf"
    texts = (f"{single:.{digits}e}" for digits in range(9))
    shortest = next(text for text in texts if struct.pack("<f", float(text)) == struct.pack("<f", single))
    exponent = int(shortest.partition("e")[2])
    digits = shortest.partition("e")[0].lstrip("-").replace(".", "")
    return f"{single:.{max(0, len(digits) - 1 - exponent)}f}" if -4 <= exponent < 6 else shortest


def _scalar(composed: ScalarNode, *, as_key: bool = False) -> Scalar:
    tag, text = composed.tag, composed.value
    if tag == _STR or not (tag == _PLAIN or tag.startswith(_YAML)):
        return str(text)
    if tag == _PLAIN and not isinstance(plain := _resolved(text), float):
        return plain  # nearly always
    if tag == f"{_YAML}binary":
        try:
            return base64.b64decode(text, validate=True).decode("utf-8", "replace")
        except binascii.Error:
            raise _TooMuchError("not-yaml", composed, "!!binary without valid base64") from None
    value = _resolved(text)
    wanted = _TAGGED.get(tag)
    if wanted is not None and type(value) not in wanted:
        raise _TooMuchError("not-yaml", composed, f"the value is not what its tag !!{tag.rpartition(':')[2]} says")
    if as_key or not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise _TooMuchError(
            "not-yaml", composed, f"{text} cannot be written as JSON, through which Argo CD and Helm read"
        )
    return _as_json(value)


def resolve_scalar(text: str) -> Scalar:
    """What go-yaml v2 makes of a plain scalar, after the passage through JSON that sigs.k8s.io/yaml adds.

    A float without a fraction comes out as an integer, because JSON writes `1e3` as `1000`.
    """
    value = _resolved(text)
    return _as_json(value) if isinstance(value, float) else value


def _resolved(text: str) -> Scalar:
    if not text:
        return None
    first = text[0]
    if first in "yYnNtTfFoO~":
        return _CONSTANTS.get(text, text)
    if first in "+-.0123456789":
        return _number(text)
    return text


def _number(text: str) -> Scalar:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    plain = text.replace("_", "")
    match = _INTEGER.fullmatch(plain)
    if match is not None:
        number = _integer(match[1], match[2])
        if -(2**63) <= number < 2**64:
            return number
    if _FLOAT.fullmatch(plain) and math.isfinite(value := float(plain)):
        return value
    return text


def _integer(sign: str, digits: str) -> int:
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8 if octal else 0)
    return -value if sign == "-" else value


def _as_json(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
