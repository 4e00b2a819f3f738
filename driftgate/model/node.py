"""A YAML value that remembers where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from driftgate.model.place import Place

__all__ = ["Duplicate", "Literal", "Node", "Path", "Plain", "Scalar", "field_path"]

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"
Path = tuple[str | int, ...]


class Node:
    """One YAML value: a mapping, a list or a scalar, with its file, line and column.

    `value` is a dict of Nodes, a list of Nodes, or a scalar as Argo CD's YAML parser reads it. `keys` maps each key of
    a mapping to the (line, column) of the key itself. `line` is 0 where the text was rendered and the line in the
    template is unknown. A Node is never changed after it has been read.
    """

    __slots__ = ("column", "file", "keys", "line", "value")

    def __init__(
        self,
        value: dict[str, Node] | list[Node] | Scalar,
        file: str,
        line: int = 0,
        column: int = 0,
        keys: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self.value = value
        self.file = file
        self.line = line
        self.column = column
        self.keys = keys or {}

    @classmethod
    def from_plain(cls, value: object, file: str) -> Node:
        """A Node tree for rendered data: the places name the file only."""
        if isinstance(value, dict):
            return cls({str(key): cls.from_plain(item, file) for key, item in value.items()}, file)
        if isinstance(value, list | tuple):
            return cls([cls.from_plain(item, file) for item in value], file)
        if value is None or isinstance(value, str | int | float | bool):
            return cls(value, file)
        return cls(str(value), file)

    @classmethod
    def grafted(cls, value: object, original: Node, file: str) -> Node:
        """Rendered data with the places of the manifest it was rendered from, wherever the two still agree."""
        if original.plain() == value:
            return original
        if isinstance(value, dict) and isinstance(original.value, dict):
            below = original.value
            entries = {
                str(key): cls.grafted(item, below[key], file) if key in below else cls.from_plain(item, file)
                for key, item in value.items()
            }
            keys = {key: place for key, place in original.keys.items() if key in entries}
            return cls(entries, original.file, original.line, original.column, keys)
        return cls.from_plain(value, file)

    def __repr__(self) -> str:
        # Without the value: a Node may hold a credential, and representations end up in tracebacks.
        return f"<Node {self.type_name} at {self.place}>"

    @property
    def place(self) -> Place:
        """Where the value begins."""
        return Place(self.file, self.line, self.column)

    @property
    def type_name(self) -> str:
        """The value's type in YAML's own words."""
        match self.value:
            case dict():
                return "mapping"
            case list():
                return "list"
            case None:
                return "null"
            case bool():
                return "boolean"
            case int():
                return "integer"
            case float():
                return "number"
        return "string"

    @property
    def mapping(self) -> dict[str, Node]:
        """The entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The elements of a list; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str | None:
        """The value if it is a string."""
        return self.value if isinstance(self.value, str) else None

    @property
    def integer(self) -> int | None:
        """The value if it is an integer."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    @property
    def flag(self) -> bool | None:
        """The value if it is a boolean."""
        return self.value if isinstance(self.value, bool) else None

    def get(self, *path: str | int) -> Node | None:
        """The value at a path of keys and list indexes, or None where the path ends early."""
        node: Node | None = self
        for step in path:
            if node is None:
                return None
            node = node.step(step)
        return node

    def step(self, step: str | int) -> Node | None:
        """The value under one key or index."""
        if isinstance(step, int):
            return self.items[step] if 0 <= step < len(self.items) else None
        return self.mapping.get(step)

    def lacks(self, *path: str | int) -> bool:
        """Whether nothing stands at a path, or only null or the empty text."""
        below = self.get(*path)
        return below is None or below.value in (None, "")

    def place_of(self, *path: str | int) -> Place:
        """The place of a path: its key where there is one, else of the nearest ancestor that exists."""
        node, place = self, self.place
        for step in path:
            below = node.step(step)
            if below is None:
                return place
            key = node.keys.get(step) if isinstance(step, str) else None
            place = Place(node.file, *key) if key else below.place
            node = below
        return place

    def plain(self) -> Plain:
        """The same value as plain dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Every scalar and every empty container below, with its path, in document order."""
        if isinstance(self.value, dict) and self.value:
            for key, item in self.value.items():
                yield from item.leaves((*path, key))
        elif isinstance(self.value, list) and self.value:
            for index, item in enumerate(self.value):
                yield from item.leaves((*path, index))
        else:
            yield path, self


class Literal(Node):
    """A string written as a literal block (`|`): its lines stand below the block's own, one by one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that one mapping holds twice; YAML keeps the second and drops the first without a word."""

    path: Path
    first: Place
    second: Place


def field_path(path: Path) -> str:
    """A path as people write it: `spec.template.spec.containers[0].image`; keys with dots are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or "[" in step or not step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text
