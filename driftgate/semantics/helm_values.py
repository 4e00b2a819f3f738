"""How Helm combines values, and how Argo CD hands single values to it.

Source: Helm v4.2 ``pkg/chart/v2/loader`` (``MergeMaps``) and ``pkg/chart/common/util/coalesce.go``; Argo CD
``util/helm/cmd.go`` (``cleanSetParameters``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

MAX_RELEASE_NAME = 53

_NAME_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_RELEASE_NAME = re.compile(rf"{_NAME_PART}(\.{_NAME_PART})*")
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")


def merge_layers(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two values layers of one Application, the later one winning.

    Mappings merge key by key, everything else is replaced whole, lists included. A null stays in the result:
    it is what later deletes a default of the chart. Neither argument is changed; parts are shared with the
    result.
    """
    merged = dict(base)
    for key, value in override.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge_layers(below, value)
        else:
            merged[key] = value
    return merged


def coalesce_chart_values(
    chart_values: Mapping[str, Any], layers: Mapping[str, Any], subcharts: Collection[str] = ()
) -> dict[str, Any]:
    """Put the merged layers on top of one chart's own ``values.yaml``, as its templates see the outcome.

    A null in the layers deletes the chart's default, at any depth; where the chart has no such default the
    null stays below the top level, and at the top level too. Nulls in the chart's own values disappear. A
    mapping is never replaced by a plain chart default, nor the other way round: the layers win. Values under
    the name of a subchart keep their nulls, because the subchart's own defaults are coalesced with them
    afterwards; that second step, globals and ``import-values`` are not done here.
    """
    result = dict(layers)
    for key, default in chart_values.items():
        if key not in result:
            if default is not None:
                result[key] = _without_nulls(default)
        elif result[key] is None:
            del result[key]
        elif isinstance(result[key], Mapping) and isinstance(default, Mapping):
            if key in subcharts:
                result[key] = _coalesce_tables(result[key], default, keep_nulls=True)
            else:
                result[key] = _coalesce_tables(result[key], _without_nulls(default), keep_nulls=False)
    return result


def _coalesce_tables(table: Mapping[str, Any], defaults: Mapping[str, Any], *, keep_nulls: bool) -> dict[str, Any]:
    result = dict(table)
    for key, default in defaults.items():
        if key not in result:
            result[key] = default
        elif result[key] is None:
            if not keep_nulls and default is not None:
                del result[key]
        elif isinstance(result[key], Mapping) and isinstance(default, Mapping):
            result[key] = _coalesce_tables(result[key], default, keep_nulls=keep_nulls)
    return result


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: _without_nulls(below) for key, below in value.items() if below is not None}


def escape_set_value(value: str) -> str:
    """Escape a parameter's value for ``--set`` as Argo CD does.

    Every comma that no backslash precedes gets one, unless the whole value is in braces, which is Helm's list
    form.
    """
    if value.startswith("{") and value.endswith("}"):
        return value
    return _UNESCAPED_COMMA.sub(r"\\,", value)


def valid_release_name(name: str) -> str | None:
    """Say why Helm refuses the release name; None when it accepts it."""
    if not name:
        return "a release needs a name"
    length = len(name.encode())
    if length > MAX_RELEASE_NAME:
        return f"a release name has at most {MAX_RELEASE_NAME} characters, this one has {length}"
    if not _RELEASE_NAME.fullmatch(name):
        return (
            "a release name consists of lower-case letters, digits, '-' and '.', "
            "and each part between dots starts and ends with a letter or digit"
        )
    return None
