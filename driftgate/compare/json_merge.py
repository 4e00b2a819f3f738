"""JSON merge, for kinds whose type Argo CD does not know: custom resources, CustomResourceDefinition, APIService.

Source: apimachinery `pkg/util/jsonmergepatch` (`CreateThreeWayJSONMergePatch`), evanphx/json-patch (`CreateMergePatch`,
`MergePatch`), Argo CD `gitops-engine/pkg/utils/json` (`RemoveMapFields`).
"""

from __future__ import annotations

from typing import Any

from driftgate.compare.values import Json, as_floats, equal

__all__ = ["merged", "shared_fields", "three_way_patch"]


def three_way_patch(original: Json, modified: Json, current: Json) -> Json:
    """Changes and additions from current to modified, and deletions from original to modified."""
    original, modified, current = as_floats(original), as_floats(modified), as_floats(current)
    changes = _additions(_difference(current, modified))
    deletions = _deletions(_difference(original, modified))
    return merged(deletions, changes)


def merged(document: Json, patch: Json) -> Json:
    """The document with the patch merged in; neither is changed."""
    result = dict(document)
    for key, value in patch.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif type(before) is dict and type(value) is dict:
            result[key] = merged(before, value)
        elif type(before) is dict:
            # Replaced as it is; everywhere else a value that comes in loses its nulls.
            result[key] = value
        else:
            result[key] = _without_nulls(value)
    return result


def shared_fields(wanted: Json, live: Json) -> Json:
    """The live object cut back to the fields that another one has; lists are matched by index, and keep their ends."""
    return {key: _shared(value, live[key]) for key, value in wanted.items() if key in live}


def _shared(wanted: Any, live: Any) -> Any:
    if type(wanted) is dict and type(live) is dict:
        return shared_fields(wanted, live)
    if type(wanted) is list and type(live) is list:
        paired = [_shared(first, second) for first, second in zip(wanted, live, strict=False)]
        return [*paired, *live[len(paired) :]]
    return live


def _difference(original: Json, modified: Json) -> Json:
    patch: Json = {}
    for key, value in modified.items():
        before = original.get(key)
        if key in original and type(before) is dict and type(value) is dict:
            below = _difference(before, value)
            if below:
                patch[key] = below
        elif key not in original or not equal(before, value):
            patch[key] = value
    patch.update((key, None) for key in original if key not in modified)
    return patch


def _additions(patch: Json) -> Json:
    """A patch without its nulls; an empty map counts only where it is the value itself."""
    result: Json = {}
    for key, value in patch.items():
        if type(value) is dict and value:
            below = _additions(value)
            if below:
                result[key] = below
        elif value is not None:
            result[key] = value
    return result


def _deletions(patch: Json) -> Json:
    """Nothing but the nulls of a patch."""
    result: Json = {}
    for key, value in patch.items():
        if value is None:
            result[key] = None
        elif type(value) is dict:
            below = _deletions(value)
            if below:
                result[key] = below
    return result


def _without_nulls(value: Any) -> Any:
    if type(value) is dict:
        return {key: _without_nulls(below) for key, below in value.items() if below is not None}
    if type(value) is list:
        return [_without_nulls(item) for item in value]
    return value
