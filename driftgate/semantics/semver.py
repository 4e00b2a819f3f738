"""Version constraints as Helm compares them, for `kubeVersion` in Chart.yaml.

Source: github.com/Masterminds/semver v3 ``constraints.go``; helm ``pkg/chart/v2/util/compatible.go``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["ConstraintError", "satisfies"]

_PART = r"[0-9|xX*]+"
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = rf"v?({_PART})(\.{_PART})?(\.{_PART})?(-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"
_PLAIN_VERSION = re.sub(r"\((?!\?)", "(?:", _VERSION)
_OPERATOR = r"(?:!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)"
_CONSTRAINT = re.compile(rf"\s*({_OPERATOR})\s*{_VERSION}\s*")
_FIND = re.compile(rf"{_OPERATOR}\s*{_PLAIN_VERSION}")
# Without a second way to take any space: a chart's constraint is anybody's text, and may be made to fail late.
_VALID = re.compile(
    rf"\s*+{_OPERATOR}\s*+{_PLAIN_VERSION}\s*+(?:(?:,\s*+|(?<=\s)){_OPERATOR}\s*+{_PLAIN_VERSION}\s*+)*+"
)
_RANGE = re.compile(rf"\s*({_PLAIN_VERSION})\s+-\s+({_PLAIN_VERSION})\s*")
_WILDCARDS = ("", "x", "X", "*")

Version = tuple[int, int, int]


class ConstraintError(ValueError):
    """A text that is no constraint, or no version."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """The version in a constraint; a part that is open is zero, and so are those after it."""

    version: Version
    prerelease: bool
    open_minor: bool = False
    open_patch: bool = False
    open_all: bool = False

    @property
    def is_open(self) -> bool:
        return self.open_minor or self.open_patch or self.open_all


def satisfies(version: str, constraint: str) -> bool:
    """Whether a released version, such as a cluster's, is within a constraint, such as `>= 1.28.0-0 < 1.33 || 1.35.x`.

    The version may carry a `v` and lack minor and patch. Prereleases as versions are not supported: Argo CD cuts
    every suffix of a cluster's version before Helm sees it. ConstraintError for what Helm cannot parse; for a chart
    that is the same as a constraint that does not hold.
    """
    parts = re.fullmatch(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    if parts is None:
        raise ConstraintError(f"{version} is no released version")
    major, minor, patch = (int(part or 0) for part in parts.groups())
    constraint = " ".join(constraint.split())
    groups = [_group(text) for text in _RANGE.sub(r">=\1 <=\2", constraint).split("||")]
    return any(all(holds((major, minor, patch), bound) for holds, bound in group) for group in groups)


def _group(text: str) -> list[tuple[Callable[[Version, _Bound], bool], _Bound]]:
    if not _VALID.fullmatch(text):
        raise ConstraintError(f"{text.strip()} is no version constraint")
    return [_constraint(part) for part in _FIND.findall(text)]


def _constraint(text: str) -> tuple[Callable[[Version, _Bound], bool], _Bound]:
    match = _CONSTRAINT.fullmatch(text)
    assert match is not None
    operator, major, minor, patch, prerelease = match.groups()
    minor, patch = (minor or "").removeprefix("."), (patch or "").removeprefix(".")
    before = prerelease is not None
    if major in _WILDCARDS:
        bound = _Bound((0, 0, 0), before, open_all=True)
    elif minor in _WILDCARDS:
        bound = _Bound((_number(major), 0, 0), before, open_minor=True)
    elif patch in _WILDCARDS:
        bound = _Bound((_number(major), _number(minor), 0), before, open_patch=True)
    else:
        bound = _Bound((_number(major), _number(minor), _number(patch)), before)
    return _OPERATORS[operator], bound


def _number(text: str) -> int:
    if not text.isdigit():
        raise ConstraintError(f"{text} is no number")
    return int(text)


def _compare(version: Version, bound: _Bound) -> int:
    """-1, 0 or 1; a release comes after every prerelease of itself."""
    if version == bound.version:
        return 1 if bound.prerelease else 0
    return 1 if version > bound.version else -1


def _equal(version: Version, bound: _Bound) -> bool:
    return _tilde(version, bound) if bound.is_open else _compare(version, bound) == 0


def _not_equal(version: Version, bound: _Bound) -> bool:
    if not bound.is_open:
        return _compare(version, bound) != 0
    if version[0] != bound.version[0]:
        return True
    if version[1] != bound.version[1] and not bound.open_minor:
        return True
    if bound.open_minor:
        return False
    if bound.open_patch:
        return bound.prerelease  # `!=1.28-0` names a prerelease, and no release is one
    return _compare(version, bound) != 0


def _greater(version: Version, bound: _Bound) -> bool:
    if not bound.is_open:
        return _compare(version, bound) == 1
    if version[0] != bound.version[0]:
        return version[0] > bound.version[0]
    if bound.open_minor:
        return False
    if bound.open_patch:
        return version[1] > bound.version[1]
    return _compare(version, bound) == 1


def _at_most(version: Version, bound: _Bound) -> bool:
    if not bound.is_open:
        return _compare(version, bound) <= 0
    if version[0] != bound.version[0]:
        return version[0] < bound.version[0]
    return bound.open_minor or version[1] <= bound.version[1]


def _tilde(version: Version, bound: _Bound) -> bool:
    if _compare(version, bound) < 0:
        return False
    if bound.version == (0, 0, 0) and not bound.open_minor and not bound.open_patch:
        return True
    return version[0] == bound.version[0] and (bound.open_minor or version[1] == bound.version[1])


def _caret(version: Version, bound: _Bound) -> bool:
    if _compare(version, bound) < 0:
        return False
    if bound.version[0] > 0 or bound.open_minor:
        return version[0] == bound.version[0]
    if version[0] > 0:
        return False
    if bound.version[1] > 0 or bound.open_patch:
        return version[1] == bound.version[1]
    return version[1] == 0 and version[2] == bound.version[2]


_OPERATORS: dict[str, Callable[[Version, _Bound], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": lambda version, bound: _compare(version, bound) < 0,
    ">=": lambda version, bound: _compare(version, bound) >= 0,
    "=>": lambda version, bound: _compare(version, bound) >= 0,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
