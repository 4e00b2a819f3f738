"""Kubernetes quantities such as ``500m`` and ``1Gi``.

Source: ``k8s.io/apimachinery/pkg/api/resource`` (``ParseQuantity``, ``CanonicalizeBytes``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from driftgate.semantics.go_text import trim_space
from driftgate.semantics.numbers import parse_atoi

_GRAMMAR = re.compile(
    r"(?P<sign>[+-]?)0*(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<suffix>[eEinumkKMGTP]*[+-]?[0-9]*)"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIXES = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIXES = {exponent: suffix for suffix, exponent in _BINARY.items()}

_NANO = 10**9
#: The cap on quantities with a binary suffix.
_BINARY_MAX = 2**63 - 1
#: Numbers and exponents beyond these sizes are refused: no cluster holds them, and computing them takes
#: memory.
_MAX_DIGITS = 1_000
_MAX_EXPONENT = 1_000


@dataclass(frozen=True, slots=True)
class _Quantity:
    value: Fraction
    #: ``binary``, ``decimal`` or ``exponent``: the form it was written in, and is printed in where possible.
    form: str
    #: The text, where Kubernetes takes it for canonical and prints it again as it is.
    canonical_text: str | None = None


def parse_quantity(value: str | float) -> Fraction | None:
    """Return the exact amount, or None for what is no quantity.

    Takes what a manifest may hold: text, an integer or a float (not a boolean). Amounts finer than a
    billionth are rounded away from zero, and those with a binary suffix are capped at 2^63-1, as Kubernetes
    does.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    quantity = _parse(value if isinstance(value, str) else repr(value))
    return None if quantity is None else quantity.value


def format_quantity(text: str) -> str:
    """Return the quantity as Kubernetes prints it after reading it.

    ``1000m`` gives ``1``, ``1024Mi`` gives ``1Gi``, ``0.5`` gives ``500m``. Raises ValueError for what is no
    quantity.
    """
    quantity = _parse(text)
    if quantity is None:
        raise ValueError(f"{text!r} is no Kubernetes quantity")
    if quantity.canonical_text is not None:
        return quantity.canonical_text
    if quantity.value == 0:
        return "0"
    if quantity.form == "binary" and abs(quantity.value) >= 1024 and quantity.value.denominator == 1:
        return _format_binary(int(quantity.value))
    return _format_decimal(quantity.value, exponent_form=quantity.form == "exponent")


def _parse(text: str) -> _Quantity | None:
    text = trim_space(text)
    match = _GRAMMAR.fullmatch(text)
    if not text or match is None or len(text) > _MAX_DIGITS:
        return None
    suffix = match["suffix"]
    whole, fraction = match["whole"] or "0", match["fraction"] or ""
    if suffix in _BINARY:
        return _binary(text, match["sign"], whole, fraction, _BINARY[suffix])
    if suffix in _DECIMAL:
        return _decimal(text, match["sign"], whole, fraction, _DECIMAL[suffix], "decimal")
    exponent = parse_atoi(suffix[1:]) if suffix[:1] in {"e", "E"} else None
    if exponent is None:
        return None
    # Kubernetes narrows the exponent to 32 bits without looking.
    exponent = (exponent + 2**31) % 2**32 - 2**31
    if exponent > _MAX_EXPONENT:
        return None
    return _decimal(text, match["sign"], whole, fraction, max(exponent, -2 * _MAX_EXPONENT), "exponent")


def _decimal(text: str, sign: str, whole: str, fraction: str, exponent: int, form: str) -> _Quantity | None:
    digits = whole + fraction
    scale = exponent - len(fraction)
    quick = len(digits) <= 18 and scale >= -9
    if not quick and not _has_digits(text):
        return None
    amount = _round_to_nano(Fraction(int(digits)) * Fraction(10) ** scale)
    # The quick way through Kubernetes' parser keeps such a text, even where it is not the shortest one.
    kept = quick and scale % 3 == 0 and digits[0] != "0" and not digits.endswith("000")
    return _Quantity(-amount if sign == "-" else amount, form, text if kept else None)


def _binary(text: str, sign: str, whole: str, fraction: str, exponent: int) -> _Quantity | None:
    quick = not fraction and 15 - len(whole) - exponent * 3 // 10 - 1 >= 0
    if not quick and not _has_digits(text):
        return None
    amount = Fraction(int(whole + fraction), 10 ** len(fraction)) * 2**exponent
    amount = min(_round_to_nano(amount), Fraction(_BINARY_MAX))
    kept = quick and int(whole) % 8 != 0
    return _Quantity(-amount if sign == "-" else amount, "binary", text if kept else None)


def _has_digits(text: str) -> bool:
    """Tell whether a digit stands before the suffix; the quick way through the parser does not ask."""
    return any(character.isdigit() for character in re.split("[eE]", text)[0])


def _round_to_nano(amount: Fraction) -> Fraction:
    return Fraction(math.ceil(amount * _NANO), _NANO)


def _format_binary(value: int) -> str:
    exponent = 0
    while value % 1024 == 0:
        value //= 1024
        exponent += 10
    return f"{value}{_BINARY_SUFFIXES.get(exponent, '')}"


def _format_decimal(value: Fraction, *, exponent_form: bool) -> str:
    mantissa = int(value * _NANO)
    exponent = -9
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    mantissa *= 10 ** (exponent % 3)
    exponent -= exponent % 3
    if exponent_form:
        return f"{mantissa}e{exponent}" if exponent else f"{mantissa}"
    # Beyond exa there is no suffix, and Kubernetes then prints the mantissa alone.
    return f"{mantissa}{_DECIMAL_SUFFIXES.get(exponent, '')}"
