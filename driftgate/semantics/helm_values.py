"""How Helm combines values, and how Argo CD hands single values to it.

Source: Helm v4.2 ``pkg/chart/v2/loader`` (``MergeMaps``) and ``pkg/chart/common/util/coalesce.go``; Argo CD
``util/helm/cmd.go`` (``cleanSetParameters``).
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

MAX_RELEASE_NAME = 53
# strconv.FormatFloat with 'g' and the shortest precision.
_EXPONENT_FROM = 6

_NAME_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_RELEASE_NAME = re.compile(rf"{_NAME_PART}(\.{_NAME_PART})*")
_SET_KEY = re.compile(r"(?P<key>(?:\\.|[^\\.\[\],=])+)(?P<indexes>(?:\[\d+\])*)")
_INDEX = re.compile(r"\[(\d+)\]")
_ESCAPED = re.compile(r"\\(.)")
_FILE_SPECIAL = re.compile(r"[\\,]")
_DOCUMENT_LINE = re.compile(r"^---[ \t\r]*(?:#.*)?$\n?", re.MULTILINE)
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
# What go-yaml takes in a text only when it is escaped.
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\ufeff\ufffe\uffff]")


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


def values_text(value: Any) -> str:
    """Plain values as the text of a values file: JSON that a YAML parser reads as well.

    Not in ASCII: JSON escapes a character beyond 16 bits, such as an emoji, as two, and go-yaml refuses both.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escape_set_value(value: str) -> str:
    """Escape a parameter's value for ``--set`` as Argo CD does.

    Every comma that no backslash precedes gets one, unless the whole value is in braces, which is Helm's list
    form.
    """
    if value.startswith("{") and value.endswith("}"):
        return value
    return _UNESCAPED_COMMA.sub(r"\\,", value)


def escape_set_file(path: str) -> str:
    """Escape a file's path for ``--set-file``: a comma in it would start another parameter, which may name any file."""
    return _FILE_SPECIAL.sub(r"\\\g<0>", path)


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


def set_path(name: str) -> tuple[str | int, ...] | None:
    """The path that a parameter's name sets, as Helm's `--set` reads it: dots part keys, `[1]` is a list's index.

    A backslash takes the next character as it is. None for a name that Helm reads as something else than one path:
    one with a bare comma or equals sign, an index that is no number, an empty key.
    Source: helm ``pkg/strvals/parser.go``.
    """
    path: list[str | int] = []
    rest = name
    while rest:
        match = _SET_KEY.match(rest)
        if match is None:
            return None
        rest = rest[match.end() :]
        key = _ESCAPED.sub(r"\1", match["key"])
        indexes = [int(index) for index in _INDEX.findall(match["indexes"])]
        path += [key, *indexes]
        if rest:
            if rest[0] != "." or len(rest) == 1:
                return None
            rest = rest[1:]
    return tuple(path) or None


def set_conflict(values: Mapping[str, Any], name: str) -> str:
    """Why Helm cannot go where a parameter's name leads, through what layers below it have set; empty where it can.

    It looks into the values of the Application only: the chart's own are laid under them afterwards.
    Source: helm ``pkg/strvals/parser.go`` (``key``, ``listItem``).
    """
    path = set_path(name) or ()
    here: Any = values
    for step, following in itertools.pairwise(path):
        if isinstance(step, str):
            if step not in here:
                return ""
            here = here[step]
        elif step >= len(here) or (here[step] is None and isinstance(following, int)):
            return ""
        else:
            here = here[step]
            if isinstance(following, str) and not isinstance(here, Mapping):
                return ""  # an element of a list is replaced
        if not isinstance(here, Mapping if isinstance(following, str) else list):
            return f"{name} leads into {_go_type(here)}"
    return ""


def _go_type(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "a boolean", type(None): "a null"}
    return names.get(type(value), "a number")


def values_documents(text: str) -> list[str]:
    """The documents of a values file, all of which Helm 4 lays over each other; Helm 3 reads the first.

    Source: helm ``pkg/chart/v2/loader/load.go`` (``LoadValues``).
    """
    return [part for part in _DOCUMENT_LINE.split(text) if part.strip()] or [""]


def printed_value(value: bool | float) -> str:
    """What a template prints for a boolean or a number of a values file.

    Values files pass through JSON, so every number is a float64 to the templates, and Go's `%v` prints those with an
    exponent from a million on and below a ten-thousandth.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    number = float(value)
    if not math.isfinite(number):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(number, "NaN")
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int)
    power = exponent + len(digits) - 1
    if number and (power < -4 or power >= _EXPONENT_FROM):
        tail = "".join(map(str, digits[1:]))
        mantissa = f"{digits[0]}.{tail}" if tail else str(digits[0])
        return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return f"{Decimal(repr(number)).normalize():f}"
