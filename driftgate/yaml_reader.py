"""Read YAML with places, as the Go parsers of Argo CD and Helm read it.

Scalars follow go-yaml v2, which Argo CD, Helm and Kubernetes use through sigs.k8s.io/yaml: YAML 1.1 booleans with bare
y and n, octal `0755`, underscores in numbers, timestamps and base-60 numbers as strings. PyYAML's own resolver is never
asked; libyaml only parses.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.cyaml import CParser
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from driftgate.model.node import Duplicate, Node, Path, Scalar
from driftgate.model.place import Place

__all__ = ["Document", "ReadFault", "YamlText", "read_yaml", "resolve_scalar"]

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 500
MAX_NODES = 4_000_000
# go-yaml refuses documents whose aliases multiply their size; ours is a plain bound on the multiplied size.
MAX_EXPANDED = 4_000_000

_PLAIN = "tag:driftgate,plain"
_STR = "tag:yaml.org,2002:str"
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


def read_yaml(data: bytes | str, file: str, *, exact: bool = True) -> YamlText:
    """Read every document of a text, never raising for what the text says.

    `file` is the path that places name. With `exact` false (rendered text) places name the file only. Faults:
    `not-utf8`, `too-large`, `templated` (not YAML, and holds template actions), `not-yaml`, `alias-bomb`, `too-deep`.
    """
    if len(data) > MAX_BYTES:
        return YamlText(file, (), ReadFault("too-large", Place(file), f"{len(data)} bytes, over {MAX_BYTES}"))
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1 if isinstance(data, bytes) else 0
        return YamlText(file, (), ReadFault("not-utf8", Place(file, line), f"byte {error.start} is not UTF-8"))
    return _read_text(text, file, exact)


def _read_text(text: str, file: str, exact: bool) -> YamlText:
    documents: list[Document] = []
    try:
        for index, composed in enumerate(_compose_all(text)):
            converter = _Converter(file, exact)
            root = converter.convert(composed) if composed is not None else None
            documents.append(Document(index, root, tuple(converter.duplicates)))
    except _TooMuch as error:
        mark = error.node.start_mark
        place = Place(file, mark.line + 1, mark.column + 1) if exact else Place(file)
        return YamlText(file, tuple(documents), ReadFault(error.fault, place, str(error)))
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        return YamlText(file, tuple(documents), _syntax_fault(error, text, file, exact))
    except (ValueError, RecursionError) as error:
        return YamlText(file, tuple(documents), ReadFault("not-yaml", Place(file), str(error)))
    return YamlText(file, tuple(documents))


def _syntax_fault(
    error: yaml.MarkedYAMLError | yaml.reader.ReaderError, text: str, file: str, exact: bool
) -> ReadFault:
    place, message = Place(file), "a character that YAML does not allow"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        if mark is not None and exact:
            place = Place(file, mark.line + 1, mark.column + 1)
        message = " ".join(part for part in (error.context, error.problem) if part)
    elif exact:
        place = Place(file, text[: error.position].count("\n") + 1)
    fault = "templated" if _TEMPLATE_MARK in text else "not-yaml"
    return ReadFault(fault, place, message)


class _Loader(CParser):  # type: ignore[misc]
    """libyaml's composer with every implicit resolution left open: a plain scalar keeps a tag of its own."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)

    def resolve(self, kind: type, value: str | None, implicit: tuple[bool, bool] | bool) -> str:
        if kind is ScalarNode:
            return _PLAIN if isinstance(implicit, tuple) and implicit[0] else _STR
        return "tag:yaml.org,2002:seq" if kind is SequenceNode else "tag:yaml.org,2002:map"

    def descend_resolver(self, current_node: object, current_index: object) -> None:
        """Nothing to do: no resolution depends on the path."""

    def ascend_resolver(self) -> None:
        """Nothing to do: no resolution depends on the path."""


def _compose_all(text: str) -> Iterator[yaml.Node | None]:
    _refuse_deep_nesting(text)
    loader = _Loader(text)
    try:
        while loader.check_node():
            yield loader.get_node()
    finally:
        loader.dispose()


def _refuse_deep_nesting(text: str) -> None:
    """Deep nesting overflows the composer's C stack, so it is refused before: flow brackets, `- - -`, indentation."""
    if len(text) < MAX_DEPTH:
        return
    if max(text.count("["), text.count("{")) > MAX_DEPTH * 4 or "- - - - - - - - " in text or " " * MAX_DEPTH in text:
        _measure_depth(text)


def _measure_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _TooMuch("too-deep", event, f"nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _TooMuch(Exception):
    def __init__(self, fault: str, node: yaml.Node | yaml.Event, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.node = node


@dataclass(slots=True)
class _Converter:
    """Turns composed nodes into ours; aliases share one Node, and their multiplied size is bounded."""

    file: str
    exact: bool
    duplicates: list[Duplicate] = field(default_factory=list)
    _done: dict[int, tuple[Node, int]] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _count: int = 0

    def convert(self, root: yaml.Node) -> Node:
        return self._convert(root, ())[0]

    def _convert(self, composed: yaml.Node, path: Path) -> tuple[Node, int]:
        identity = id(composed)
        done = self._done.get(identity)
        if done is not None:
            return done
        if identity in self._open:
            raise _TooMuch("alias-bomb", composed, "an anchor contains itself")
        self._count += 1
        if self._count > MAX_NODES:
            raise _TooMuch("too-large", composed, f"more than {MAX_NODES} values in one document")
        line, column = self._position(composed)
        if isinstance(composed, ScalarNode):
            result = (Node(_scalar(composed), self.file, line, column), 1)
        else:
            self._open.add(identity)
            if isinstance(composed, SequenceNode):
                result = self._sequence(composed, path, line, column)
            else:
                result = self._mapping(composed, path, line, column)
            self._open.discard(identity)
        if result[1] > MAX_EXPANDED:
            raise _TooMuch("alias-bomb", composed, f"aliases multiply this to more than {MAX_EXPANDED} values")
        self._done[identity] = result
        return result

    def _position(self, composed: yaml.Node) -> tuple[int, int]:
        if not self.exact:
            return 0, 0
        mark = composed.start_mark
        return mark.line + 1, mark.column + 1

    def _sequence(self, composed: SequenceNode, path: Path, line: int, column: int) -> tuple[Node, int]:
        pairs = [self._convert(item, (*path, index)) for index, item in enumerate(composed.value)]
        return Node([node for node, _ in pairs], self.file, line, column), 1 + sum(size for _, size in pairs)

    def _mapping(self, composed: MappingNode, path: Path, line: int, column: int) -> tuple[Node, int]:
        entries: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        merged: dict[str, Node] = {}
        size = 1
        for key_node, value_node in composed.value:
            if key_node.tag == _PLAIN and key_node.value == "<<":
                value, grown = self._convert(value_node, path)
                merged.update(_merge_entries(value, merged))
                size += grown
                continue
            key = self._key(key_node)
            position = self._position(key_node)
            if key in entries:
                first = Place(self.file, *keys[key])
                self.duplicates.append(Duplicate((*path, key), first, Place(self.file, *position)))
            value, grown = self._convert(value_node, (*path, key))
            size += grown
            entries[key], keys[key] = value, position
        return Node({**merged, **entries}, self.file, line, column, keys), size

    def _key(self, composed: yaml.Node) -> str:
        if not isinstance(composed, ScalarNode):
            raise _TooMuch("not-yaml", composed, "a mapping or a list as a key is not supported")
        value = _scalar(composed)
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        return "null" if value is None else str(value)


def _merge_entries(value: Node, merged: dict[str, Node]) -> dict[str, Node]:
    """What `<<` brings: one mapping, or a list of mappings of which the earlier win."""
    if isinstance(value.value, list):
        found: dict[str, Node] = {}
        for item in value.items:
            found = {**item.mapping, **found}
        return {**found, **merged}
    return {**merged, **value.mapping}


def _scalar(composed: ScalarNode) -> Scalar:
    tag, text = composed.tag, composed.value
    if tag == _PLAIN:
        return resolve_scalar(text)
    if tag == _STR or not tag.startswith("tag:yaml.org,2002:"):
        return str(text)
    if tag.endswith(":binary"):
        try:
            return base64.b64decode(text).decode("utf-8", "replace")
        except binascii.Error:
            return str(text)
    return resolve_scalar(text)


def resolve_scalar(text: str) -> Scalar:
    """What go-yaml v2 makes of a plain scalar, after the passage through JSON that sigs.k8s.io/yaml adds.

    A float without a fraction comes out as an integer, because JSON writes `1e3` as `1000`.
    """
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
    if _FLOAT.fullmatch(plain):
        return _float(plain)
    return text


def _integer(sign: str, digits: str) -> int:
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        value = int(digits, 8)
    else:
        value = int(digits, 0)
    return -value if sign == "-" else value


def _float(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
