"""The typed re-marshal: a built-in object as it reads after a trip through its Go type.

Argo CD decodes target and live into the struct of client-go's scheme, encodes that again, and keeps the keys that were
there before. Quantities become canonical, empty values of fields with `omitempty` go. An object with an unknown field,
or with a value that its field cannot hold, stays as it is. Source: Argo CD `gitops-engine/pkg/diff/diff.go`
(`remarshal`), `gitops-engine/pkg/utils/json`; apimachinery `pkg/runtime/converter.go`; Go `encoding/json`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from driftgate.compare.go_types import Field, GoType, Listing, Mapped, Plain, Pointer, Struct
from driftgate.compare.values import Json
from driftgate.semantics.numbers import format_go_duration, parse_go_duration
from driftgate.semantics.quantity import format_quantity
from driftgate.semantics.secret_data import decode_base64

__all__ = ["UndecodableError", "converted", "encoded", "remarshalled", "zero"]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?P<fraction>[.,]\d+)?(?:Z|[+-]\d\d:\d\d)")
_INT32, _INT64 = 2**31, 2**63
#: A field that the encoder leaves out.
_OMITTED: Any = object()


class UndecodableError(Exception):
    """A value that the field cannot hold, or a field that the type does not have."""


def remarshalled(document: Json, kind: Struct) -> Json:
    """The object after the trip; the object itself where it cannot be made."""
    try:
        result: Json = _trimming(kind)(document)
    except UndecodableError:
        return document
    return result


def encoded(document: Any, kind: GoType) -> Any:
    """A value decoded and encoded again, with everything that the encoder adds; unknown fields fall away.

    Raises UndecodableError for what the type cannot hold.
    """
    return zero(kind) if document is None else _whole(kind)(document)


def converted(document: Any, kind: GoType) -> Any:
    """As `encoded`, but decoded from a tree of values instead of text, which lets integers overflow."""
    return zero(kind) if document is None else _wrapping(kind)(document)


def zero(kind: GoType) -> Any:
    """What the zero value of a type is encoded as, which is what a null decodes to."""
    match kind:
        case Struct():
            fields = kind.fields.values()
            return {field.name: below for field in fields if (below := _null(field)) is not _OMITTED}
        case Plain(name):
            zeros = {"string": "", "bool": False, "quantity": "0", "duration": "0s"}
            return zeros.get(name, 0 if name in {"int32", "int64", "float64", "intstr"} else None)
    return None


def _null(field: Field) -> Any:
    if field.omit_zero or (field.omit_empty and _may_be_empty(field.type)):
        return _OMITTED
    return zero(field.type)


def _may_be_empty(kind: GoType) -> bool:
    """Whether `omitempty` has an effect on a type: a struct is never empty."""
    return not isinstance(kind, Struct) and not (
        isinstance(kind, Plain) and kind.name in {"quantity", "intstr", "time", "microtime", "duration", "raw"}
    )


def _drops_empty(field: Field) -> bool:
    """Whether a value that is empty goes; what a pointer points to does not."""
    return field.omit_empty and _may_be_empty(field.type) and not isinstance(field.type, Pointer)


_Encoder = Callable[[Any], Any]


@cache
def _trimming(kind: GoType) -> _Encoder:
    """The trip of a value of a type, cut back to the keys that were there; a field that is not known ends it."""
    return _encoder(kind, _trimming, _trimmed_struct)


@cache
def _whole(kind: GoType) -> _Encoder:
    """The trip of a value of a type with all that the encoder adds, past fields that are not known."""
    return _encoder(kind, _whole, lambda struct: _whole_struct(struct, _whole))


@cache
def _wrapping(kind: GoType) -> _Encoder:
    """As `_whole`, with integers cut to the bits of their type."""
    if isinstance(kind, Plain) and kind.name in {"int32", "int64"}:
        return _overflowing(_INT32 if kind.name == "int32" else _INT64)
    if kind == Plain("bytes"):
        return _bytes_or_numbers
    return _encoder(kind, _wrapping, lambda struct: _whole_struct(struct, _wrapping))


def _encoder(kind: GoType, below: Callable[[GoType], _Encoder], struct: Callable[[Struct], _Encoder]) -> _Encoder:
    match kind:
        case Struct():
            return struct(kind)
        case Pointer(to):
            return below(to)
        case Listing(of):
            return _listing(below(of), of)
        case Mapped(of):
            return _mapped(below(of), of)
        case Plain(name):
            return _PLAIN[name]


def _listing(encode: _Encoder, of: GoType) -> _Encoder:
    def encode_list(value: Any) -> Any:
        if type(value) is not list:
            raise UndecodableError
        return [zero(of) if item is None else encode(item) for item in value]

    return encode_list


def _mapped(encode: _Encoder, of: GoType) -> _Encoder:
    def encode_map(value: Any) -> Any:
        if type(value) is not dict:
            raise UndecodableError
        return {key: zero(of) if item is None else encode(item) for key, item in value.items()}

    return encode_map


def _trimmed_struct(kind: Struct) -> _Encoder:
    # By key: how to encode the field, what null is there, whether an empty value goes.
    known: dict[str, tuple[_Encoder, Any, bool]] = {}

    def look_up(key: str) -> tuple[_Encoder, Any, bool]:
        field = kind.field(key)
        if field is None:
            raise UndecodableError
        encode, null = _trimming(field.type), _null(field)
        if field.name != key:
            # The decoder takes the value, and the encoder writes it under the field's own name: nothing is left here.
            known[key] = (_swallowed(encode), _OMITTED, True)
        else:
            known[key] = (encode, null, _drops_empty(field))
        return known[key]

    def encode_struct(value: Any) -> Any:
        if type(value) is not dict:
            raise UndecodableError
        result = {}
        for key, item in value.items():
            encode, null, drops_empty = known.get(key) or look_up(key)
            if item is None:
                if null is not _OMITTED:
                    result[key] = null
                continue
            below = encode(item)
            if below or not drops_empty:
                result[key] = below
        return result

    return encode_struct


def _swallowed(encode: _Encoder) -> _Encoder:
    def encode_nothing(value: Any) -> Any:
        encode(value)

    return encode_nothing


def _whole_struct(kind: Struct, below: Callable[[GoType], _Encoder]) -> _Encoder:
    @cache
    def fields() -> tuple[tuple[str, _Encoder, Any, bool], ...]:
        return tuple(
            (field.name, below(field.type), _null(field), _drops_empty(field)) for field in kind.fields.values()
        )

    def encode_struct(value: Any) -> Any:
        if type(value) is not dict:
            raise UndecodableError
        result = {}
        for name, encode, null, drops_empty in fields():
            item = value.get(name)
            if item is None:
                if null is not _OMITTED:
                    result[name] = null
                continue
            written = encode(item)
            if written or not drops_empty:
                result[name] = written
        return result

    return encode_struct


# --- types without fields


def _string(value: Any) -> Any:
    if type(value) is not str:
        raise UndecodableError
    return value


def _boolean(value: Any) -> Any:
    if type(value) is not bool:
        raise UndecodableError
    return value


def _integer(limit: int) -> _Encoder:
    def encode_integer(value: Any) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not -limit <= value < limit:
            raise UndecodableError
        return value

    return encode_integer


def _overflowing(limit: int) -> _Encoder:
    def encode_integer(value: Any) -> Any:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise UndecodableError
        # A float beyond 64 bits becomes the smallest integer, whatever its sign.
        value = value if -_INT64 <= value < _INT64 else -_INT64
        return (value + limit) % (2 * limit) - limit

    return encode_integer


def _number(value: Any) -> Any:
    if type(value) is not int and type(value) is not float:
        raise UndecodableError
    return value


def _int_or_string(value: Any) -> Any:
    return value if type(value) is str else _PLAIN["int32"](value)


def _quantity(value: Any) -> Any:
    if type(value) is int or type(value) is float:
        value = str(int(value)) if value == int(value) else repr(value)
    return _canonical(_string(value))


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    try:
        return format_quantity(text)
    except ValueError as error:
        raise UndecodableError from error


def _bytes(value: Any) -> Any:
    data = decode_base64(_string(value))
    if data is None:
        raise UndecodableError
    return base64.b64encode(data).decode()


def _bytes_or_numbers(value: Any) -> Any:
    if type(value) is not list:
        return _bytes(value)
    number = _overflowing(128)
    return base64.b64encode(bytes(number(0 if item is None else item) % 256 for item in value)).decode()


def _time(value: Any) -> Any:
    return _moment(value).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(value: Any) -> Any:
    return _moment(value, digits=7).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(value: Any, digits: int = 0) -> datetime:
    match = _TIME.fullmatch(_string(value))
    if match is None or (digits and len(match["fraction"] or "") != digits):
        raise UndecodableError
    try:
        # Fractions beyond what Python keeps are cut, as Kubernetes cuts them.
        return datetime.fromisoformat(value.replace(",", ".")).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UndecodableError from error


def _duration(value: Any) -> Any:
    seconds = parse_go_duration(_string(value))
    if seconds is None:
        raise UndecodableError
    return format_go_duration(seconds)


def _raw(value: Any) -> Any:
    return value


_PLAIN: dict[str, _Encoder] = {
    "bool": _boolean,
    "bytes": _bytes,
    "duration": _duration,
    "float64": _number,
    "int32": _integer(_INT32),
    "int64": _integer(_INT64),
    "intstr": _int_or_string,
    "microtime": _micro_time,
    "quantity": _quantity,
    "raw": _raw,
    "string": _string,
    "time": _time,
}
