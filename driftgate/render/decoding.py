"""A file of manifests cut into documents as Kubernetes' decoder cuts it, which is neither quite YAML nor quite JSON.

Source: apimachinery: pkg/util/yaml/decoder.go `YAMLOrJSONDecoder`, `YAMLReader`.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.yaml_reader import Document, ReadFault, YamlText, read_yaml

__all__ = ["JsonError", "read_json", "read_manifests"]

_SPACE = " \t\r\n"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
# The smallest integers that Go reads into a float.
_INT64 = 1 << 63


class JsonError(ValueError):
    """A text that Go's decoder does not take for JSON; `line` and `column` count from 1."""

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message)
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)


def read_manifests(data: bytes, file: str) -> YamlText:
    """Every document of a YAML file, which may hold JSON objects one behind another; only its places are the file's.

    A separator stands at the beginning of a line, with nothing but a comment behind it; a text between two of them is
    read to the end of its first document.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return read_yaml(data, file)
    documents: list[Document] = []
    position = 0
    if text.lstrip(_SPACE).startswith("{"):
        try:
            for node, end in _json_values(text, file):
                documents.append(Document(len(documents), node))
                position = end
        except JsonError as error:
            if len(documents) > 1:
                fault = ReadFault("not-yaml", Place(file, error.line, error.column), str(error))
                return YamlText(file, tuple(documents), fault)
            position = _after_space(text, position) if documents else 0
        else:
            return YamlText(file, tuple(documents))
    return _yaml_rest(text, position, file, documents)


def read_json(data: bytes, file: str) -> Node:
    """The one object of a JSON file; JsonError where there is none, or another behind it.

    Go's decoder takes a closing bracket for the end of what it reads, whether or not one was open.
    """
    text = data.decode("utf-8-sig", "replace")
    for node, end in _json_values(text, file):
        rest = text[end:].lstrip(_SPACE)
        if rest and rest[0] not in "]}":
            raise JsonError("another object in the file", text, len(text) - len(rest))
        return node
    raise JsonError("no object in the file", text, 0)


# --- JSON


def _json_values(text: str, file: str) -> Iterator[tuple[Node, int]]:
    """Each JSON value with the position of its end."""
    position = len(text) - len(text.lstrip(_SPACE))
    while position < len(text):
        value, end = _decoded(text, position)
        yield _placed(value, text, position, end, file), end
        position = len(text) - len(text[end:].lstrip(_SPACE))


def _decoded(text: str, position: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise JsonError(error.msg, text, error.pos) from error
    except (ValueError, RecursionError) as error:
        raise JsonError(str(error) or "nested too deep", text, position) from error


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _integer(text: str) -> int | float:
    number = int(text)
    return number if -_INT64 <= number < _INT64 else _float(text)


def _float(text: str) -> int | float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is out of range")
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=_integer, parse_float=_float)


def _placed(value: Any, text: str, start: int, end: int, file: str) -> Node:
    """The value with its places, which YAML's reader finds in nearly every JSON text."""
    line = text.count("\n", 0, start)
    column = start - text.rfind("\n", 0, start) - 1
    read = read_yaml("\n" * line + " " * column + text[start:end], file)
    plain = _with_text(value)
    if read.fault is None and len(read.documents) == 1 and (root := read.documents[0].root) and root.plain() == plain:
        return root
    found = Node.from_plain(plain, file)
    return Node(found.value, file, line + 1, column + 1)


def _with_text(value: Any) -> Any:
    """With what Go makes of half a character that stands alone."""
    if isinstance(value, dict):
        return {_with_text(key): _with_text(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_with_text(below) for below in value]
    return _LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _after_space(text: str, position: int) -> int:
    """Behind the white space that follows, up to the end of the line."""
    while position < len(text) and text[position].isspace():
        position += 1
        if text[position - 1] == "\n":
            break
    return position


# --- YAML


def _yaml_rest(text: str, position: int, file: str, documents: list[Document]) -> YamlText:
    first = text.count("\n", 0, position)
    for line, part in _parts(text[position:]):
        if isinstance(part, _Separator):
            fault = ReadFault(
                "not-yaml", Place(file, first + line + 1, 1), f"{part.text!r} behind a document separator"
            )
            return YamlText(file, tuple(documents), fault)
        escaped = _escaped_slash(part) if "\\/" in part else None
        if escaped is not None:
            place = Place(file, first + line + escaped[0] + 1, escaped[1] + 1)
            return YamlText(file, tuple(documents), ReadFault("not-yaml", place, "found unknown escape character"))
        read = read_yaml("\n" * (first + line) + part, file)
        if not read.documents:
            if read.fault is not None:
                return YamlText(file, tuple(documents), read.fault)
            continue
        one = read.documents[0]
        documents.append(Document(len(documents), one.root, one.duplicates))
    return YamlText(file, tuple(documents))


def _escaped_slash(text: str) -> tuple[int, int] | None:
    """Where a scalar in quotes has an escaped slash, which is JSON and YAML 1.2, but an error to Go's parser."""
    with contextlib.suppress(yaml.YAMLError):
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentEndEvent):
                break
            if isinstance(event, yaml.ScalarEvent) and event.style == '"' and event.start_mark and event.end_mark:
                written = text[event.start_mark.index : event.end_mark.index]
                if "/" in _ESCAPED.findall(written):
                    return event.start_mark.line, event.start_mark.column
    return None


class _Separator:
    """A line that begins like a separator and goes on otherwise."""

    def __init__(self, text: str) -> None:
        self.text = text


def _parts(text: str) -> Iterator[tuple[int, str | _Separator]]:
    """The texts between separators, each with the number of its first line from 0.

    A separator ends the text before it; where there is none, it begins the one behind it.
    """
    lines = text.split("\n")
    begun, part = 0, ""
    for number, whole in enumerate(lines):
        line = whole.removesuffix("\r") if number < len(lines) - 1 else whole
        if line.startswith("---"):
            behind = line[3:].strip()
            if behind and not behind.startswith("#"):
                yield number, _Separator(behind)
                return
            if part:
                yield begun, part
                begun, part = number + 1, ""
            else:
                begun, part = number, f"{line}\n"
        elif number < len(lines) - 1 or line:
            part += f"{line}\n"
    if part:
        yield begun, part
