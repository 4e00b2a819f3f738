"""Whether the fields that a comparison shows are exactly those that differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from driftgate.compare import ABSENT, Difference
from driftgate.compare.result import Step
from driftgate.model.secret import SecretValue
from tests.agreement.kinds import Json


def made_good(live: Json, differences: Sequence[Difference], predicted: Json) -> Json:
    """The live state after every difference that is shown has been made good.

    Of `predicted` only one thing is taken, which differences leave out: in which order the elements of a list with a
    merge key stand. Raises LookupError for a difference about something that is not in the live state.
    """
    state = json.loads(json.dumps(live))
    ordered = sorted(differences, key=lambda difference: [_rank(step) for step in difference.path])
    for each in (each for each in ordered if each.desired is not ABSENT):
        _put(state, each.path, _opened(each.desired))
    # From the last one, because an element that goes moves those behind it.
    for each in reversed([each for each in ordered if each.desired is ABSENT]):
        above, last = _above(state, each.path)
        del above[_index(above, last)]
    for each in ordered:
        _put_in_order(state, each.path, predicted)
    return dict(state)


def _rank(step: Step) -> tuple[int, int, str]:
    return (1, step, "") if isinstance(step, int) else (0, 0, str(step))


def _opened(value: Any) -> Any:
    """A value with those of Secrets in the open; the Secrets here are made up."""
    if isinstance(value, SecretValue):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _opened(below) for key, below in value.items()}
    return [_opened(below) for below in value] if isinstance(value, list) else value


def _above(state: Any, path: tuple[Step, ...]) -> tuple[Any, Step]:
    for step in path[:-1]:
        state = state[_index(state, step)]
    return state, path[-1]


def _put(state: Any, path: tuple[Step, ...], value: Any) -> None:
    above, last = _above(state, path)
    if isinstance(above, list) and (isinstance(last, tuple) or last == len(above)):
        try:
            above[_index(above, last)] = value
        except LookupError:
            above.append(value)
    else:
        above[last] = value


def _put_in_order(state: Any, path: tuple[Step, ...], predicted: Any) -> None:
    """Give the lists on the way of a path, as far as they have merge keys, the order that they are predicted in."""
    for step in path:
        if isinstance(step, tuple):
            key = step[0]
            places = {json.dumps(item[key]): index for index, item in enumerate(predicted)}
            state.sort(key=lambda item, key=key, places=places: places[json.dumps(item[key])])
        try:
            state, predicted = state[_index(state, step)], predicted[_index(predicted, step)]
        except LookupError:
            return


def _index(above: Any, step: Step) -> Any:
    if not isinstance(step, tuple):
        return step
    key, value = step
    for index, item in enumerate(above):
        if item.get(key) == value:
            return index
    raise LookupError(f"no element whose {key} is {value}")
