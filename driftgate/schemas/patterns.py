"""Patterns of schemas, matched only where that is sure to end.

Kubernetes matches with Go's regexp, which takes time in proportion to the text. Python's engine tries one way after
the other, and a schema may come from the judged tree: a pattern over which it could try for ever is not matched.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["matches"]

_LONGEST = 2048
# How many ways of sharing a text among the repetitions of a pattern are tried at most, by order of magnitude.
_EFFORT = 10**7
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d*,?\d*\}|.", re.DOTALL)
_SEPARATORS = frozenset({r"\.", r"\-", r"\/", r"\:", r"\_", r"\@", "-", "/", ":", "_", "@"})


def matches(pattern: str, text: str) -> bool:
    """Whether a text holds what the pattern describes; also where that cannot be told, which refuses nothing."""
    compiled, longest = _compiled(pattern)
    return compiled is None or len(text) > longest or compiled.search(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, int]:
    """The pattern for Python, None where it is wild or unreadable, and the longest text to try it on."""
    atoms = _ATOM.findall(pattern)
    if _is_wild(atoms):
        return None, 0
    repetitions = sum(_repeats(atoms, index) for index in range(len(atoms)))
    longest = min(_LONGEST, int(_EFFORT ** (1 / max(repetitions, 1))))
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
