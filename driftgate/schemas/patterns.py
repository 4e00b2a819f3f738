"""Patterns of schemas, matched only where that is sure to end.

Kubernetes matches with Go's regexp, which takes time in proportion to the text. Python's engine tries one way after
the other, and a schema may come from the judged tree: a pattern over which it could try for ever is not matched.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["matches"]

_LONGEST = 2048
_LONGEST_PATTERN = 4096
# How many ways of sharing a text among the repetitions and choices of a pattern are tried at most, by order of
# magnitude.
_EFFORT = 10**7
# What Go refuses: comments and spaces between the parts, references to what was matched, a look ahead or behind.
# What it reads otherwise: classes such as [[:alpha:]].
_NOT_BOTH = re.compile(r"\(\?(?!:|P<|[ims]+[:)])|\\[1-9]|\[\[:|\[\^\[:")
# The quantities of Kubernetes, as every generated CRD has them: each character leaves one way to go on.
_QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|.", re.DOTALL)
_SEPARATORS = frozenset({r"\.", r"\-", r"\/", r"\:", r"\_", r"\@", "-", "/", ":", "_", "@"})


def matches(pattern: str, text: str) -> bool:
    """Whether a text holds what the pattern describes; also where that cannot be told, which refuses nothing."""
    compiled, longest = _compiled(pattern)
    return compiled is None or len(text) > longest or compiled.search(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, int]:
    """The pattern for Python, None where it is wild or unreadable, and the longest text to try it on."""
    if pattern == _QUANTITY:
        return re.compile(rf"{pattern[:-1]}\Z"), _LONGEST
    if len(pattern) > _LONGEST_PATTERN or _NOT_BOTH.search(pattern):
        return None, 0
    atoms = _ATOM.findall(pattern)
    ways = _ways(atoms)
    if ways > _EFFORT or _is_wild(atoms):
        return None, 0
    # A pattern that is not held to the beginning is tried at every place.
    repetitions = sum(_repeats(atoms, index) for index in range(len(atoms))) + (atoms[:1] != ["^"])
    longest = min(_LONGEST, int((_EFFORT / ways) ** (1 / max(repetitions, 1))))
    # Go's `$` is the end of the text, Python's also the place before a last newline.
    ends = bool(atoms) and atoms[-1] == "$"
    try:
        return re.compile("".join(atoms[:-1]) + r"\Z" if ends else pattern), longest
    except (re.error, RecursionError, OverflowError):
        return None, 0


def _repeats(atoms: list[str], index: int) -> bool:
    """Whether the atom at an index may stand there often."""
    following = atoms[index + 1] if index + 1 < len(atoms) else ""
    return following in ("*", "+") or (following.startswith("{") and following not in ("{", "{0}", "{1}", "{0,1}"))


def _ways(atoms: list[str]) -> int:
    """How many ways the alternatives and the optional parts of a pattern leave, each taken with each."""
    ways, open_ = 1, [1]
    for index, atom in enumerate(atoms):
        if atom == "(":
            open_.append(1)
        elif atom == "|":
            open_[-1] += 1
        elif atom in ("?", "{0,1}", "{,1}") and atoms[index - 1 : index] not in ([], ["("]):
            ways *= 2
        elif atom == ")" and len(open_) > 1:
            ways *= open_.pop()
        if ways > _EFFORT:
            break
    return ways * open_[0]


def _is_wild(atoms: list[str]) -> bool:
    """Whether a repeated group leaves a choice, so that the number of ways to match grows with every round."""
    opened: list[int] = []
    for index, atom in enumerate(atoms):
        if atom == "(":
            opened.append(index)
        elif atom == ")" and opened:
            inner = atoms[opened.pop() + 1 : index]
            if _repeats(atoms, index) and _has_choice(inner) and not _is_separated(inner):
                return True
    return False


def _has_choice(inner: list[str]) -> bool:
    body = inner[2:] if inner[:2] == ["?", ":"] else inner
    return any(atom in ("|", "?", "*", "+") or (atom.startswith("{") and len(atom) > 1) for atom in body)


def _is_separated(inner: list[str]) -> bool:
    """Whether every round begins with a character that occurs nowhere else in it, as in `(-[a-z]+)*`."""
    body = inner[2:] if inner[:2] == ["?", ":"] else inner
    if not body or body[0] not in _SEPARATORS or "|" in body or _repeats(body, 0) or body[1:2] == ["?"]:
        return False
    separator = body[0].removeprefix("\\")
    return not any(_may_be(atom, separator) for atom in body[1:])


def _may_be(atom: str, character: str) -> bool:
    if len(atom) == 1:
        return atom in (".", character)
    try:
        return not atom.startswith("{") and re.fullmatch(atom, character) is not None
    except re.error:
        return True
