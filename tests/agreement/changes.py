"""What happens to an object in a cluster and in a repository: fields come, go, are spelt otherwise, change places."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.agreement.kinds import INTEGERS, ODD_NUMBERS, QUANTITIES, WORDS, Json, Kind, Path_, Schema, Values

#: What makes the object this one. A change of it would make another pair, not another state.
IDENTITY = frozenset({("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"), ("metadata", "namespace")})

METADATA = ("metadata",)

#: The same amount in other words.
RESPELT = {
    "1": "1000m",
    "1000m": "1",
    "500m": "0.5",
    "0.5": "500m",
    "1Gi": "1024Mi",
    "1024Mi": "1Gi",
    "1.5Gi": "1536Mi",
    "128Mi": "134217728",
    "134217728": "128Mi",
    "1e3": "1k",
    "1k": "1000",
    "0": "0m",
}


def places(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value inside an object with its path, the object itself first."""
    yield path, value
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield from places(below, (*path, step))


def at(value: Any, path: Path_) -> Any:
    """The value at a path that exists."""
    for step in path:
        value = value[step]
    return value


@dataclass(frozen=True, slots=True)
class Changes:
    """Draws changes of an object of one kind; the schema, where there is one, says what else could be there."""

    chance: random.Random
    schema: Schema
    kind: Kind

    def changed(self, state: Json, times: int) -> Json:
        """A copy of an object after some changes."""
        state = copy.deepcopy(state)
        for _ in range(times):
            self.change(state)
        return state

    def change(self, state: Json) -> None:
        """Change one place of an object; the place may turn out to allow nothing."""
        found = [(path, value) for path, value in places(state) if (path and path not in IDENTITY) or path == METADATA]
        if not found:
            return
        path, value = self.chance.choice(found)
        above = at(state, path[:-1])
        self.chance.choice(self._possible(value, path))(above, path)

    def _possible(self, value: Any, path: Path_) -> list[Callable[[Any, Path_], None]]:
        if path == METADATA:
            return [self._extra_field, self._extra_field, self._unknown_field]
        common = [self._delete, self._other_value, self._other_value, self._nothing]
        if isinstance(value, dict):
            return [*common, self._extra_field, self._extra_field, self._unknown_field, self._empty]
        if isinstance(value, list):
            return [
                *common,
                self._reorder,
                self._reorder,
                self._extra_element,
                self._extra_element,
                self._lose_element,
                self._twice,
                self._empty,
            ]
        if isinstance(path[-1], str):
            return [*common, self._other_value, self._zero, self._respell, self._other_type]
        return [*common, self._zero]

    # Each of these is given what holds the value, and the path whose last step leads there.

    def _delete(self, above: Any, path: Path_) -> None:
        del above[path[-1]]

    def _nothing(self, above: Any, path: Path_) -> None:
        above[path[-1]] = None

    def _empty(self, above: Any, path: Path_) -> None:
        above[path[-1]] = type(above[path[-1]])()

    def _zero(self, above: Any, path: Path_) -> None:
        above[path[-1]] = type(above[path[-1]])() if above[path[-1]] is not None else ""

    def _other_value(self, above: Any, path: Path_) -> None:
        node = self.schema.at(self.kind, path)
        if node is not None:
            above[path[-1]] = Values(self.chance, self.schema).value(node, str(path[-1]), len(path))
            return
        match above[path[-1]]:
            case bool() as flag:
                above[path[-1]] = not flag
            case int() | float():
                above[path[-1]] = self.chance.choice(INTEGERS)
            case _:
                above[path[-1]] = self.chance.choice(WORDS)

    def _respell(self, above: Any, path: Path_) -> None:
        value = above[path[-1]]
        above[path[-1]] = RESPELT.get(str(value), value) if not isinstance(value, bool) else value

    def _other_type(self, above: Any, path: Path_) -> None:
        match above[path[-1]]:
            case bool() as flag:
                above[path[-1]] = str(flag).lower()
            case int() as number:
                above[path[-1]] = self.chance.choice((str(number), float(number), self.chance.choice(ODD_NUMBERS)))
            case str() as text:
                above[path[-1]] = int(text) if text.isdecimal() else self.chance.choice((1, True, [text], {"a": text}))
            case _:
                above[path[-1]] = self.chance.choice(QUANTITIES)

    def _extra_field(self, above: Any, path: Path_) -> None:
        node = self.schema.at(self.kind, path)
        content = self.schema.resolved(node)[1] if node is not None else {}
        absent = [name for name in content.get("properties", {}) if name not in above[path[-1]]]
        if absent:
            name = self.chance.choice(absent)
            below = content["properties"][name]
            above[path[-1]][name] = Values(self.chance, self.schema).value(below, name, len(path) + 1)
        else:
            above[path[-1]][self.chance.choice(("extra", "acme.test/extra"))] = self.chance.choice(WORDS)

    def _unknown_field(self, above: Any, path: Path_) -> None:
        above[path[-1]]["nobodyKnows"] = self.chance.choice((1, "x", {}, {"a": "b"}, None))

    def _extra_element(self, above: Any, path: Path_) -> None:
        items = above[path[-1]]
        node = self.schema.at(self.kind, (*path, 0))
        if node is not None:
            new = Values(self.chance, self.schema).value(node, str(path[-1]).removesuffix("s"), len(path) + 1)
        else:
            new = copy.deepcopy(self.chance.choice(items)) if items else self.chance.choice(WORDS)
        items.insert(self.chance.randint(0, len(items)), new)

    def _lose_element(self, above: Any, path: Path_) -> None:
        if items := above[path[-1]]:
            items.pop(self.chance.randrange(len(items)))

    def _reorder(self, above: Any, path: Path_) -> None:
        self.chance.shuffle(above[path[-1]])

    def _twice(self, above: Any, path: Path_) -> None:
        if items := above[path[-1]]:
            items.append(copy.deepcopy(self.chance.choice(items)))
