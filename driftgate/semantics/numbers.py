"""Numbers and durations as Go reads them (``strconv.Atoi``, ``time.ParseDuration``)."""

from __future__ import annotations

import re

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SMALL_UNITS = (("ms", 1_000_000), ("µs", 1_000), ("ns", 1))
_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DURATION_TERM = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]+)")


def parse_atoi(text: str) -> int | None:
    """Read an integer as Go's ``strconv.Atoi`` does on 64 bits; None when it refuses.

    A sign and leading zeros are fine; spaces, underscores, a decimal point and non-ASCII digits are not.
    """
    if not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > 19:
        return None
    value = int(digits or "0")
    value = -value if text.startswith("-") else value
    return value if _INT64_MIN <= value <= _INT64_MAX else None


def parse_go_duration(text: str) -> float | None:
    """Read a duration such as ``1m30s`` as Go's ``time.ParseDuration`` does; None when it refuses.

    In seconds. Every number but a lone ``0`` needs a unit (ns, us, ms, s, m, h; there is no day).
    """
    nanoseconds = _duration_nanoseconds(text)
    return None if nanoseconds is None else nanoseconds / 1e9


def format_go_duration(seconds: float) -> str:
    """Write a duration as Go's ``time.Duration.String`` does: ``1h30m0s``, ``1.5s``, ``20ms``, ``0s``."""
    nanoseconds = round(abs(seconds) * 1e9)
    sign = "-" if seconds < 0 and nanoseconds else ""
    if 0 < nanoseconds < 1_000_000_000:
        unit, scale = next(pair for pair in _SMALL_UNITS if nanoseconds >= pair[1])
        return f"{sign}{_decimal(nanoseconds, scale)}{unit}"
    minutes, rest = divmod(nanoseconds, _NANOSECONDS["m"])
    hours, minutes = divmod(minutes, 60)
    larger = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{larger}{_decimal(rest, _NANOSECONDS['s'])}s"


def _decimal(amount: int, scale: int) -> str:
    whole, rest = divmod(amount, scale)
    fraction = f"{rest:0{len(str(scale)) - 1}}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else f"{whole}"


def parse_retry_duration(text: str) -> float | None:
    """Read a duration of an Argo CD retry block, in seconds: a bare integer counts seconds, else Go's form.

    Source: Argo CD ``types.go``, ``parseStringToDuration``. A number of seconds beyond 64 bits of nanoseconds
    wraps around there, and here.
    """
    seconds = parse_atoi(text)
    if seconds is None:
        return parse_go_duration(text)
    return ((seconds * 1_000_000_000 - _INT64_MIN) % 2**64 + _INT64_MIN) / 1e9


def _duration_nanoseconds(text: str) -> int | None:
    sign = -1 if text.startswith("-") else 1
    body = text[1:] if text[:1] in {"+", "-"} else text
    if body == "0":
        return 0
    total = 0
    at = 0
    while at < len(body):
        term = _DURATION_TERM.match(body, at)
        if term is None:
            return None
        nanoseconds = _term_nanoseconds(term[1], (term[2] or "")[1:], term[3])
        if nanoseconds is None or total + nanoseconds > 2**63:
            return None
        total += nanoseconds
        at = term.end()
    if not body or (sign > 0 and total > _INT64_MAX):
        return None
    return sign * total


def _term_nanoseconds(whole: str, fraction: str, unit: str) -> int | None:
    scale = _NANOSECONDS.get(unit)
    if scale is None or not (whole or fraction):
        return None
    digits = whole.lstrip("0")
    if len(digits) > 19 or int(digits or "0") > 2**63 // scale:
        return None
    nanoseconds = int(digits or "0") * scale + _fraction_nanoseconds(fraction, scale)
    return nanoseconds if nanoseconds <= 2**63 else None


def _fraction_nanoseconds(fraction: str, scale: int) -> int:
    """Round towards zero in float arithmetic, on the digits that fit 63 bits, which is what Go does."""
    value, power = 0, 1.0
    for digit in fraction:
        if value * 10 + int(digit) > 2**63:
            break
        value = value * 10 + int(digit)
        power *= 10
    return int(float(value) * (float(scale) / power))
