"""The commands of a shell script, as far as they can be told without running it.

A word is told where it is written out: quotes are removed, and a variable counts where the script sets it once, to a
literal. What depends on anything else (a parameter, a substitution, the environment) is UNKNOWN inside the word, so
that `"$ROOT/helm/web"` still has its end. Here-documents, comments and arithmetic are passed over. Conditions are not
followed: every command of the script counts (POSIX.1-2017, Shell Command Language, sections 2.2 to 2.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["UNKNOWN", "Command", "commands"]

#: What stands for text that only a run of the script would tell.
UNKNOWN = "\0"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(['\"\\]?)([A-Za-z0-9_.-]+)\2")
_DECLARING = frozenset({"export", "readonly", "local", "declare", "typeset"})
# Words before a command that are none of it.
_LEADING = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "time", "{", "sudo", "exec"})
_SETTING = frozenset({"read", "for", "select", "getopts", "mapfile", "readarray", "printf"})


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words, and the line on which each begins. Redirections are left out."""

    words: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass(slots=True)
class _Word:
    """A word before variables are put in: pieces of text, and names of variables."""

    line: int
    pieces: list[tuple[str, str]] = field(default_factory=list)

    def text(self, text: str) -> None:
        if self.pieces and self.pieces[-1][0] == "text":
            text = self.pieces.pop()[1] + text
        self.pieces.append(("text", text))

    def variable(self, name: str) -> None:
        self.pieces.append(("variable", name))

    @property
    def literal(self) -> str | None:
        """The word if it has no variable."""
        return "".join(text for _, text in self.pieces) if all(kind == "text" for kind, _ in self.pieces) else None

    def resolved(self, variables: dict[str, str | None]) -> str:
        """The word with every variable that is known put in."""
        parts = (t if kind == "text" else variables.get(t) or UNKNOWN for kind, t in self.pieces)
        return "".join(parts)


def commands(text: str) -> tuple[Command, ...]:
    """Every simple command of a script, in the order in which they stand."""
    raw = [words for words in _Reader(text.replace("\r\n", "\n")).commands() if words]
    variables = _variables(raw)
    found = []
    for words in raw:
        told = [(word.resolved(variables), word.line) for word in words]
        while told and (_ASSIGNMENT.match(told[0][0]) or told[0][0] in _LEADING):
            told.pop(0)
        if told:
            found.append(Command(tuple(t for t, _ in told), tuple(line for _, line in told)))
    return tuple(found)


def _variables(raw: list[list[_Word]]) -> dict[str, str | None]:
    """What each variable is set to; None where that is more than one thing, or nothing that is written out."""
    known: dict[str, str | None] = {}

    def put(name: str, value: str | None) -> None:
        known[name] = value if name not in known or known[name] == value else None

    for words in raw:
        first = words[0].literal
        if first in _SETTING:
            for word in words[1:]:
                if word.literal is not None and _NAME.fullmatch(word.literal):
                    put(word.literal, None)
        for position, word in enumerate(words):
            match = _assignment(word)
            if match is None and position and first not in _DECLARING:
                break
            if match is not None:
                name, value = match
                put(name, value.resolved(known) if value is not None else None)
    return {name: value if value is not None and UNKNOWN not in value else None for name, value in known.items()}


def _assignment(word: _Word) -> tuple[str, _Word | None] | None:
    """Name and value of `NAME=value`; the value is None for `+=` and for an array."""
    if not word.pieces or word.pieces[0][0] != "text":
        return None
    head = word.pieces[0][1]
    match = _ASSIGNMENT.match(head)
    if match is None:
        return None
    rest = _Word(word.line, [("text", head[match.end() :]), *word.pieces[1:]])
    return match[1], None if match[2] or (rest.literal or "").startswith("(") else rest


class _Reader:
    """Cuts a script into words. Every character is looked at once, whatever it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.heredocs: list[tuple[str, bool]] = []
        self.word: _Word | None = None
        self.words: list[_Word] = []
        # Behind `>` and `<`: the next word is a file of the redirection.
        self.redirected = False

    def commands(self) -> Iterator[list[_Word]]:
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in "\n;|&()":
                yield from self._end_of_command(character)
            elif character in " \t":
                self._end_of_word()
                self.at += 1
            elif character == "#" and self.word is None:
                self._skip_to("\n")
            elif character in "<>":
                self._redirection()
            else:
                self._piece(character)
        self._end_of_word()
        yield self.words

    def _end_of_command(self, character: str) -> Iterator[list[_Word]]:
        self._end_of_word()
        self.redirected = False
        if self.words:
            yield self.words
        self.words = []
        self._step()
        if character == "\n" and self.heredocs:
            for delimiter, stripped in self.heredocs:
                self._skip_heredoc(delimiter, stripped)
            self.heredocs = []

    def _step(self, count: int = 1) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _skip_to(self, mark: str) -> str:
        """Step before the next mark, or to the end; what was passed over."""
        end = self.text.find(mark, self.at)
        end = len(self.text) if end < 0 else end
        passed = self.text[self.at : end]
        self._step(end - self.at)
        return passed

    def _skip_heredoc(self, delimiter: str, stripped: bool) -> None:
        while self.at < len(self.text):
            line = self._skip_to("\n")
            self._step()
            if (line.lstrip("\t") if stripped else line) == delimiter:
                return

    def _end_of_word(self) -> None:
        if self.word is not None:
            if self.redirected:
                self.redirected = False
            else:
                self.words.append(self.word)
        self.word = None

    def _current(self) -> _Word:
        if self.word is None:
            self.word = _Word(self.line)
        return self.word

    def _redirection(self) -> None:
        if self.word is not None and (self.word.literal or "").isdigit():
            self.word = None  # the number of a file, as in 2>
        self._end_of_word()
        match = _HEREDOC.match(self.text, self.at)
        if match is not None and not self.text.startswith("<<<", self.at):
            self.heredocs.append((match[3], bool(match[1])))
            self._step(match.end() - self.at)
            return
        while self.at < len(self.text) and self.text[self.at] in "<>&|":
            self._step()
        self.redirected = True

    def _piece(self, character: str) -> None:
        if character == "\\":
            if self.text.startswith("\\\n", self.at):
                self._step(2)
                return
            self._current().text(self.text[self.at + 1 : self.at + 2])
            self._step(2)
        elif character == "'":
            word = self._current()
            self._step()
            word.text(self._skip_to("'"))
            self._step()
        elif character == '"':
            self._double_quoted()
        elif character in "$`":
            self._expansion(character)
        elif character in "*?" or (character in "[~" and (self.word is None) is (character == "~")):
            self._current().text(UNKNOWN)
            self._step()
        else:
            self._current().text(character)
            self._step()

    def _double_quoted(self) -> None:
        word = self._current()
        word.text("")
        self._step()
        while self.at < len(self.text) and self.text[self.at] != '"':
            character = self.text[self.at]
            if character == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                word.text("" if escaped == "\n" else escaped if escaped in '$`"\\' else character + escaped)
                self._step(2)
            elif character in "$`":
                self._expansion(character)
            else:
                word.text(character)
                self._step()
        self._step()

    def _expansion(self, character: str) -> None:
        word = self._current()
        rest = self.text[self.at + 1 : self.at + 2]
        name = _NAME.match(self.text, self.at + 1)
        if character == "`":
            self._step()
            self._skip_to("`")
            self._step()
            word.text(UNKNOWN)
        elif rest == "(":
            self._step()
            self._skip_nested("(", ")")
            word.text(UNKNOWN)
        elif rest == "{":
            start = self.at + 2
            self._step()
            self._skip_nested("{", "}")
            inside = self.text[start : self.at - 1]
            if _NAME.fullmatch(inside):
                word.variable(inside)
            else:
                word.text(UNKNOWN)
        elif name is not None:
            word.variable(name[0])
            self._step(1 + len(name[0]))
        else:
            # `$1`, `$@`, `$?` and a lone `$`, which is text to the shell and nothing to a reader.
            word.text(UNKNOWN)
            self._step(2 if rest and rest in "0123456789@*#?$!-" else 1)

    def _skip_nested(self, opening: str, closing: str) -> None:
        """Past the bracket that closes the one at hand; quotes inside are passed over whole."""
        depth = 0
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "\\":
                self._step(2)
                continue
            self._step()
            if character == "'":
                self._skip_to("'")
                self._step()
            elif character == opening:
                depth += 1
            elif character == closing:
                depth -= 1
                if depth == 0:
                    return
