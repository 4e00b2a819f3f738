"""The three glob dialects that Argo CD uses, matched without backtracking.

- gobwas/glob v0.2.3: ``ignoreDifferences`` group and kind, directory include and exclude, AppProject rules.
- bmatcuk/doublestar v4.10: ``valueFiles`` globs.
- Go's ``path/filepath.Match``: AppProject resource lists.

Each dialect is parsed into the same few tokens; one matcher walks the text once per token, carrying the set
of positions reached so far, so a hostile pattern costs time in proportion to its length times the text's.

gobwas/glob has slips of its own beside empty alternatives, ``***`` and the empty text. Only those are
repeated here that a real rule can meet: see ``_gobwas_shortcut``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

#: Braces nested deeper than this count as an invalid pattern: each level costs a stack frame.
MAX_NESTING = 64


@dataclass(frozen=True, slots=True)
class _Literal:
    text: str


@dataclass(frozen=True, slots=True)
class _One:
    """Any single character that is not excluded."""

    excluded: str


@dataclass(frozen=True, slots=True)
class _Star:
    """Any run of characters that are not excluded."""

    excluded: str


@dataclass(frozen=True, slots=True)
class _Class:
    """A character class, as inclusive ranges."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool
    excluded: str = ""

    def accepts(self, character: str) -> bool:
        if character in self.excluded:
            return False
        return any(low <= character <= high for low, high in self.ranges) != self.negated


@dataclass(frozen=True, slots=True)
class _Directories:
    """``**/``: any number of whole directories, none included."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """A closing ``**``: everything below."""


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[tuple[_Token, ...], ...]


_Token: TypeAlias = _Literal | _One | _Star | _Class | _Directories | _Rest | _Choice
_Pattern: TypeAlias = tuple[_Token, ...]


class _InvalidPatternError(ValueError):
    """Raised inside this module for a pattern that its dialect refuses."""


def gobwas_match(pattern: str, text: str, separators: str = "") -> bool:
    """Tell whether gobwas/glob matches the whole text.

    ``*`` and ``?`` stop at any character of *separators*; ``**``, classes and literals do not. An invalid
    pattern matches nothing, as in Argo CD's ``util/glob``.
    """
    tokens = _gobwas_tokens(pattern, separators)
    if tokens is None:
        return False
    return _gobwas_shortcut(tokens, text) or _matches(tokens, text)


def gobwas_valid(pattern: str, separators: str = "") -> bool:
    """Tell whether gobwas/glob compiles the pattern; it accepts an unclosed brace and a last backslash."""
    return _gobwas_tokens(pattern, separators) is not None


def doublestar_match(pattern: str, path: str) -> bool:
    """Tell whether Argo CD's expansion of a valueFiles glob lists the file with this slash-separated path.

    ``**`` is recursive only as a whole path segment, elsewhere it is ``*``; inside braces only where they end
    the pattern. A class never matches a slash, because the expansion compares one directory entry at a time.
    Dotfiles match. An invalid pattern matches nothing.
    """
    tokens = _doublestar_tokens(pattern)
    return tokens is not None and _matches(tokens, path)


def doublestar_valid(pattern: str) -> bool:
    """Tell whether doublestar accepts the pattern; Argo CD fails the render on one that it refuses."""
    return _doublestar_tokens(pattern) is not None


def go_bytes(text: str) -> bytes:
    """Return the bytes that Go compares where it sorts file names, also for names that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def filepath_match(pattern: str, name: str) -> bool:
    """Tell whether Go's ``filepath.Match`` matches the whole name; an invalid pattern matches nothing.

    ``*`` and ``?`` stop at a slash, ``[^a]`` negates (``!`` does not), braces are ordinary characters.
    """
    tokens = _filepath_tokens(pattern)
    return tokens is not None and _matches(tokens, name)


# --- matching ---


def _matches(tokens: _Pattern, text: str) -> bool:
    return len(text) in _advance(tokens, text, {0})


def _advance(tokens: _Pattern, text: str, positions: set[int]) -> set[int]:
    for token in tokens:
        if not positions:
            break
        positions = _step(token, text, positions)
    return positions


def _step(token: _Token, text: str, positions: set[int]) -> set[int]:
    match token:
        case _Literal(literal):
            return {at + len(literal) for at in positions if text.startswith(literal, at)}
        case _One(excluded):
            return {at + 1 for at in positions if at < len(text) and text[at] not in excluded}
        case _Class():
            return {at + 1 for at in positions if at < len(text) and token.accepts(text[at])}
        case _Star(excluded):
            return _spread(text, positions, excluded)
        case _Directories():
            return _step_directories(text, positions)
        case _Rest():
            return _step_rest(text, positions)
        case _Choice(options):
            return set().union(*(_advance(option, text, positions) for option in options))


def _spread(text: str, positions: set[int], excluded: str) -> set[int]:
    reached: set[int] = set()
    end = -1
    for start in sorted(positions):
        if start <= end:
            continue
        end = start
        while end < len(text) and text[end] not in excluded:
            end += 1
        reached.update(range(start, end + 1))
    return reached


def _step_directories(text: str, positions: set[int]) -> set[int]:
    reached = {at for at in positions if _starts_segment(text, at)}
    if reached:
        first = min(reached)
        reached.update(at + 1 for at in range(first, len(text)) if text[at] == "/")
    # Not at the start of a segment, `**/` is what `*/` is.
    for at in positions - reached:
        slash = text.find("/", at)
        if slash >= 0:
            reached.add(slash + 1)
    return reached


def _step_rest(text: str, positions: set[int]) -> set[int]:
    if any(_starts_segment(text, at) for at in positions):
        return {len(text)}
    return _spread(text, positions, "/")


def _starts_segment(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] == "/"


def _gobwas_shortcut(tokens: _Pattern, text: str) -> bool:
    """Repeat two slips of gobwas: ``a*a`` matches ``a``; a lone ``?`` or negated class matches ``''``."""
    match tokens:
        case (_Literal(prefix), _Star(""), _Literal(suffix)):
            return text.startswith(prefix) and text.endswith(suffix)
        case (_One(),) | (_Class(negated=True),):
            return not text
        case _:
            return False


# --- gobwas ---


@lru_cache(maxsize=2048)
def _gobwas_tokens(pattern: str, separators: str) -> _Pattern | None:
    # The lexer of gobwas takes NUL for the end of the pattern and refuses the replacement character.
    pattern = pattern.partition("\0")[0]
    if "\ufffd" in pattern:
        return None
    try:
        tokens, _ = _gobwas_sequence(pattern, 0, separators, depth=0)
    except _InvalidPatternError:
        return None
    return tokens


def _gobwas_sequence(pattern: str, at: int, separators: str, depth: int) -> tuple[_Pattern, int]:
    """Parse up to the end of the pattern or, inside braces, up to the end of the alternative."""
    tokens: list[_Token] = []
    while at < len(pattern) and not (depth and pattern[at] in ",}"):
        character = pattern[at]
        if character == "*":
            recursive = pattern.startswith("**", at)
            tokens.append(_Star("" if recursive else separators))
            at += 2 if recursive else 1
        elif character == "?":
            tokens.append(_One(separators))
            at += 1
        elif character == "[":
            members, at = _gobwas_class(pattern, at + 1)
            tokens.append(members)
        elif character == "{":
            choice, at = _gobwas_choice(pattern, at + 1, separators, depth + 1)
            tokens.append(choice)
        else:
            text, at = _unescape_until(pattern, at, "?*[{,}" if depth else "?*[{")
            if text:
                tokens.append(_Literal(text))
    return tuple(tokens), at


def _gobwas_choice(pattern: str, at: int, separators: str, depth: int) -> tuple[_Choice, int]:
    if depth > MAX_NESTING:
        raise _InvalidPatternError(pattern)
    options: list[_Pattern] = []
    while True:
        option, at = _gobwas_sequence(pattern, at, separators, depth)
        options.append(option)
        if at >= len(pattern) or pattern[at] == "}":
            return _Choice(tuple(options)), at + 1
        at += 1


def _gobwas_class(pattern: str, at: int) -> tuple[_Class, int]:
    """Parse after ``[``: one range (``a-z``) or a plain list of characters, never a mix of both."""
    negated = pattern.startswith("!", at)
    at += negated
    if pattern[at + 1 : at + 2] == "-":
        low, high, close = pattern[at], pattern[at + 2 : at + 3], pattern[at + 3 : at + 4]
        if not high or close != "]" or high < low:
            raise _InvalidPatternError(pattern)
        return _Class(((low, high),), negated), at + 4
    members, at = _unescape_until(pattern, at, "]")
    if not members or at >= len(pattern):
        raise _InvalidPatternError(pattern)
    return _Class(tuple((member, member) for member in members), negated), at + 1


def _unescape_until(pattern: str, at: int, breakers: str) -> tuple[str, int]:
    """Read literal text up to an unescaped breaker; gobwas drops a backslash at the very end."""
    text: list[str] = []
    while at < len(pattern) and pattern[at] not in breakers:
        if pattern[at] == "\\":
            at += 1
        text.append(pattern[at : at + 1])
        at += 1
    return "".join(text), min(at, len(pattern))


# --- doublestar ---


@lru_cache(maxsize=2048)
def _doublestar_tokens(pattern: str) -> _Pattern | None:
    try:
        tokens, at = _doublestar_sequence(pattern, 0, depth=0, after="", at_segment_start=True)
    except _InvalidPatternError:
        return None
    return tokens if at == len(pattern) else None


def _doublestar_sequence(pattern: str, at: int, depth: int, after: str, at_segment_start: bool) -> tuple[_Pattern, int]:
    """Parse one alternative; *after* is the pattern's text behind the braces it stands in."""
    tokens: list[_Token] = []
    while at < len(pattern) and not (depth and pattern[at] == ","):
        character = pattern[at]
        if character == "}":
            if not depth:
                raise _InvalidPatternError(pattern)
            break
        if character == "*":
            token, at = _doublestar_star(pattern, at, depth, after, at_segment_start)
            tokens.append(token)
            at_segment_start = isinstance(token, _Directories)
            continue
        if character == "?":
            tokens.append(_One("/"))
            at += 1
        elif character == "[":
            token, at = _bracket_class(pattern, at + 1, "!^", "/")
            tokens.append(token)
        elif character == "{":
            token, at = _doublestar_choice(pattern, at + 1, depth + 1, after, at_segment_start)
            tokens.append(token)
            # What an alternative ends with is known only while matching, which looks again.
            at_segment_start = True
            continue
        else:
            text, at = _escaped_character(pattern, at)
            tokens.append(_Literal(text))
            at_segment_start = text == "/"
            continue
        at_segment_start = False
    return tuple(tokens), at


def _doublestar_star(pattern: str, at: int, depth: int, after: str, at_segment_start: bool) -> tuple[_Token, int]:
    if not pattern.startswith("**", at):
        return _Star("/"), at + 1
    at += 2
    if not at_segment_start:
        return _Star("/"), at
    if pattern.startswith("/", at):
        return _Directories(), at + 1
    ends_alternative = at == len(pattern) or (depth > 0 and pattern[at] in ",}")
    if ends_alternative and not after:
        return _Rest(), at
    return _Star("/"), at


def _doublestar_choice(pattern: str, at: int, depth: int, after: str, at_segment_start: bool) -> tuple[_Choice, int]:
    close = _closing_brace(pattern, at)
    if close < 0 or depth > MAX_NESTING:
        raise _InvalidPatternError(pattern)
    behind = pattern[close + 1 :] + after
    options: list[_Pattern] = []
    while True:
        option, at = _doublestar_sequence(pattern[: close + 1], at, depth, behind, at_segment_start)
        options.append(option)
        if at >= close:
            return _Choice(tuple(options)), close + 1
        at += 1


def _closing_brace(pattern: str, at: int) -> int:
    depth = 1
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
        elif pattern[at] == "{":
            depth += 1
        elif pattern[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    return -1


def _escaped_character(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at] == "\\":
        at += 1
        if at >= len(pattern):
            raise _InvalidPatternError(pattern)
    return pattern[at], at + 1


def _bracket_class(pattern: str, at: int, negations: str, excluded: str) -> tuple[_Class, int]:
    """Parse after ``[`` a class in which characters and ranges may be mixed and a backslash escapes."""
    negated = at < len(pattern) and pattern[at] in negations
    at += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if at >= len(pattern) or (pattern[at] == "]" and not ranges):
            raise _InvalidPatternError(pattern)
        if pattern[at] == "]":
            return _Class(tuple(ranges), negated, excluded), at + 1
        low, at = _escaped_character(pattern, at)
        high = low
        if pattern.startswith("-", at) and at + 1 < len(pattern) and pattern[at + 1] != "]":
            high, at = _escaped_character(pattern, at + 1)
        ranges.append((low, high))


# --- filepath.Match ---


@lru_cache(maxsize=2048)
def _filepath_tokens(pattern: str) -> _Pattern | None:
    tokens: list[_Token] = []
    at = 0
    try:
        while at < len(pattern):
            if pattern[at] == "*":
                tokens.append(_Star("/"))
                at += 1
            elif pattern[at] == "?":
                tokens.append(_One("/"))
                at += 1
            elif pattern[at] == "[":
                token, at = _filepath_class(pattern, at + 1)
                tokens.append(token)
            else:
                text, at = _escaped_character(pattern, at)
                tokens.append(_Literal(text))
    except _InvalidPatternError:
        return None
    return tuple(tokens)


def _filepath_class(pattern: str, at: int) -> tuple[_Class, int]:
    """Parse after ``[``; unlike in doublestar, a bare dash is allowed only between two characters."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if pattern.startswith("]", at) and ranges:
            return _Class(tuple(ranges), negated), at + 1
        low, at = _filepath_member(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _filepath_member(pattern, at + 1)
        ranges.append((low, high))


def _filepath_member(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern) or pattern[at] in "-]":
        raise _InvalidPatternError(pattern)
    return _escaped_character(pattern, at)
