"""jq path expressions of ignore rules: what Argo CD can compile, and what it removes from an object.

Argo CD compiles every expression E as ``del(E)`` with gojq, and an error there fails the comparison of the whole
Application. Source: Argo CD ``util/argo/normalizers/diff_normalizer.go`` (``jqNormalizerPatch``); the language is
that of gojq 0.12.19, which differs from jq in C in some functions and corners.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

__all__ = ["JQSyntaxError", "compile_problem", "not_a_path", "removed_paths"]

#: A node of the syntax tree: its kind, then its parts.
_Tree = tuple[Any, ...]
_Path = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#(?:\\(?:\\|\r\n?|\n)?|[^\r\n\\])*)*")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_AFTER_NUMBER = re.compile(r"[A-Za-z_.]")
_TOKEN = re.compile(
    r"""(?P<field>\.[A-Za-z_]\w*)
      | (?P<variable>\$[A-Za-z_]\w*(?:::[A-Za-z_]\w*)?)
      | (?P<format>@\w+)
      | (?P<word>[A-Za-z_]\w*(?:::[A-Za-z_]\w*)?)
      | (?P<sign>\?//|\.\.|//=|//|\|=|\+=|-=|\*=|/=|%=|==|!=|<=|>=|[][(){}.,:;|?+*/%=<>"-])""",
    re.VERBOSE | re.ASCII,
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYWORDS = _words(
    "or and module import include def as label break null true false if then elif else end try catch reduce foreach"
)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
#: Binary operators with their binding power and whether they associate: left, right or not at all.
_OPERATORS = {
    "//": (1, "right"),
    **dict.fromkeys(("=", "|=", "+=", "-=", "*=", "/=", "%=", "//="), (2, "none")),
    "or": (3, "left"),
    "and": (4, "left"),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), (5, "none")),
    **dict.fromkeys(("+", "-"), (6, "left")),
    **dict.fromkeys(("*", "/", "%"), (7, "left")),
}
_MAX_DEPTH = 100
_MAX_COST = 1_000_000
_PLAIN_PATTERN = re.compile(r"\^?(?:[A-Za-z0-9_/ -]|\\[./-]|\.(?![*+?]))*(?:\.\*)?\$?")

#: The functions that a program may call without defining them, with the numbers of arguments that they take.
_BUILTINS = {
    name: frozenset(map(int, counts))
    for names, counts in {
        "abs acos acosh arrays ascii_downcase ascii_upcase asin asinh atan atanh booleans builtins cbrt ceil cos"
        " cosh empty env erf erfc exp exp10 exp2 explode expm1 fabs finites floor frexp from_entries fromdate"
        " fromdateiso8601 fromjson gamma gmtime halt implode infinite isfinite isinfinite isnan isnormal iterables"
        " j0 j1 keys length lgamma localtime log log10 log1p log2 logb ltrim max min mktime modf modulemeta nan"
        " nearbyint normals not now nulls numbers objects reverse rint round rtrim scalars significand sin sinh"
        " sort sqrt strings tan tanh tgamma to_entries toboolean todate todateiso8601 tojson tonumber tostream"
        " tostring transpose trim trunc type unique utf8bytelength values y0 y1": "0",
        "bsearch contains debug del delpaths endswith format fromstream getpath group_by has in index indices"
        " inside isempty join ltrimstr map map_values max_by min_by path pick repeat rindex rtrimstr select sort_by"
        " startswith strflocaltime strftime strptime trimstr truncate_stream unique_by walk with_entries": "1",
        "atan2 copysign drem fdim fmax fmin fmod hypot jn ldexp limit nextafter nexttoward pow remainder scalb"
        " scalbln setpath skip until while yn": "2",
        "fma": "3",
        "add combinations error first flatten halt_error last paths": "01",
        "recurse all any": "012",
        "IN INDEX capture match nth scan split splits test": "12",
        "range": "123",
        "gsub sub": "23",
        "JOIN": "234",
    }.items()
    for name in names.split()
}
#: Functions whose result is a new value, so that nothing in the object is addressed.
_VALUE_FUNCTIONS = _words(
    "add all any ascii_downcase ascii_upcase builtins contains delpaths endswith env explode flatten floor"
    " from_entries fromjson group_by gsub has implode in index indices inside isempty join keys length ltrim"
    " ltrimstr map map_values match max_by min_by not now path paths range reverse rindex rtrim rtrimstr scan"
    " setpath sort sort_by split splits startswith sub test to_entries tojson tonumber tostring transpose trim"
    " trimstr type unique unique_by utf8bytelength walk with_entries"
)


class JQSyntaxError(ValueError):
    """An expression that gojq does not compile."""


class _UnsupportedError(Exception):
    """Something that only jq itself can evaluate."""


class _RunError(Exception):
    """What jq would end with an error, upon which Argo CD skips the expression for the object."""


def compile_problem(expression: str) -> str | None:
    """Say why Argo CD cannot compile the expression; None when it can."""
    try:
        _compiled(expression)
    except JQSyntaxError as error:
        return str(error)
    return None


def not_a_path(expression: str) -> str | None:
    """Say what a compilable expression yields instead of a path into the object; None when it may be a path.

    gojq ends such a deletion with an error, and Argo CD then skips the expression without a word.
    """
    try:
        return _value_kind(_compiled(expression))
    except RecursionError:
        return None


def removed_paths(expression: str, document: Any) -> tuple[_Path, ...] | None:
    """List the paths that the expression removes from the document, those that exist only, without repeats.

    Empty where it removes nothing, be it that jq ends with an error. None where the answer takes a jq
    interpreter: what is evaluated here is fields, indexes, iteration, ``..``, ``?``, ``|``, ``,``, ``//`` and
    ``select`` with plain conditions. Raises JQSyntaxError for what does not compile.
    """
    tree = _compiled(expression)
    try:
        if _cost(tree, _size(document)) > _MAX_COST:
            return None
        found = [path for path, _ in _paths(tree, document, ()) if _exists(document, path)]
    except _RunError:
        return ()
    except (_UnsupportedError, RecursionError):
        return None
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> _Tree:
    """Parse the text that Argo CD compiles, and return the tree of the expression in it."""
    try:
        parser = _Parser(f"del({expression})")
        tree = parser.program()
    except RecursionError:
        raise JQSyntaxError("it is nested too deep") from None
    # More than one call, as in `.a) | del(.b`, is a program of its own.
    return tree[2][0] if tree[:2] == ("call", "del") else ("program", tree)


@dataclass(slots=True)
class _Scope:
    """The names that an expression may use besides the built-in ones."""

    variables: frozenset[str] = frozenset({"$ENV"})
    labels: frozenset[str] = frozenset()
    functions: frozenset[tuple[str, int]] = frozenset()


@dataclass(slots=True)
class _Parser:
    """A parser by recursive descent that also resolves names, as gojq does when it compiles."""

    text: str
    at: int = 0
    kind: str = ""
    token: str = ""
    start: int = 0
    depth: int = 0
    scope: _Scope = field(default_factory=_Scope)

    def program(self) -> _Tree:
        """Parse the whole text."""
        self._next()
        tree = self._query()
        if self.kind != "end":
            self._unexpected()
        return tree

    # Reading tokens.

    def _next(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = self.start = match.end() if match else self.at
        if self.at == len(self.text):
            self.kind, self.token = "end", ""
            return
        number = _NUMBER.match(self.text, self.at)
        if number:
            self._take("number", number.end())
            if _AFTER_NUMBER.match(self.text, self.at):
                raise JQSyntaxError(f"{self.token + self.text[self.at]!r} is no number")
            return
        token = _TOKEN.match(self.text, self.at)
        if token is None or token.lastgroup is None:
            raise JQSyntaxError(f"{self.text[self.at]!r} means nothing here")
        self._take(token.lastgroup, token.end())
        if self.kind == "word" and self.token in _KEYWORDS:
            self.kind = "keyword"

    def _take(self, kind: str, end: int) -> None:
        self.kind, self.token, self.at = kind, self.text[self.at : end], end

    def _unexpected(self) -> None:
        if self.kind == "end":
            raise JQSyntaxError("it ends too early")
        # The bracket that closes `del(` is not the author's.
        if self.start == len(self.text) - 1:
            raise JQSyntaxError("it is incomplete")
        raise JQSyntaxError(f"{self.token!r} is not expected there")

    def _is(self, *tokens: str) -> bool:
        return self.kind in ("sign", "keyword") and self.token in tokens

    def _accept(self, *tokens: str) -> bool:
        if not self._is(*tokens):
            return False
        self._next()
        return True

    def _expect(self, *tokens: str) -> None:
        if not self._accept(*tokens):
            self._unexpected()

    def _text_of(self, kind: str) -> str:
        if self.kind != kind:
            self._unexpected()
        token = self.token
        self._next()
        return token

    # The grammar, loosest binding first.

    def _query(self) -> _Tree:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise JQSyntaxError("it is nested too deep")
        trees = [self._part()]
        while self._accept(","):
            trees.append(self._part())
        tree = trees[0] if len(trees) == 1 else ("comma", *trees)
        if self._accept("|"):
            tree = ("pipe", tree, self._query())
        self.depth -= 1
        return tree

    def _part(self) -> _Tree:
        """One member of a comma list; definitions, labels and bindings reach to the end of the query."""
        if self._accept("def"):
            return self._definition()
        if self._accept("label"):
            label = self._text_of("variable")
            self._expect("|")
            return (
                "label",
                self._inside(_Scope(self.scope.variables, self.scope.labels | {label}, self.scope.functions)),
            )
        tree = self._expression()
        if not self._accept("as"):
            return tree
        names, patterns = set(self._pattern()), 1
        while self._accept("?//"):
            names |= self._pattern()
            patterns += 1
        self._expect("|")
        return ("bind", tree, self._inside(self._with(names)))

    def _inside(self, scope: _Scope, parse: Callable[[], _Tree] | None = None) -> _Tree:
        outer, self.scope = self.scope, scope
        tree = (parse or self._query)()
        self.scope = outer
        return tree

    def _with(self, variables: set[str]) -> _Scope:
        return _Scope(self.scope.variables | variables, self.scope.labels, self.scope.functions)

    def _definition(self) -> _Tree:
        name = self._text_of("word")
        parameters: list[str] = []
        if self._accept("("):
            parameters.append(self._parameter())
            while self._accept(";"):
                parameters.append(self._parameter())
            self._expect(")")
        self._expect(":")
        known = self.scope.functions | {(name, len(parameters))}
        closures = {(parameter.removeprefix("$"), 0) for parameter in parameters}
        values = {parameter for parameter in parameters if parameter.startswith("$")}
        self._inside(_Scope(self.scope.variables | values, self.scope.labels, known | closures))
        self._expect(";")
        return ("define", self._inside(_Scope(self.scope.variables, self.scope.labels, known)))

    def _parameter(self) -> str:
        return self._text_of("variable" if self.kind == "variable" else "word")

    def _pattern(self) -> set[str]:
        if self.kind == "variable":
            return {self._text_of("variable")}
        names: set[str] = set()
        if self._accept("["):
            names |= self._pattern()
            while self._accept(","):
                names |= self._pattern()
            self._expect("]")
            return names
        self._expect("{")
        names |= self._pattern_entry()
        while self._accept(","):
            names |= self._pattern_entry()
        self._expect("}")
        return names

    def _pattern_entry(self) -> set[str]:
        if self.kind == "variable":
            names = {self._text_of("variable")}
            return names | (self._pattern() if self._accept(":") else set())
        if self._accept("("):
            self._query()
            self._expect(")")
        elif self._is('"'):
            self._string()
        else:
            self._text_of("keyword" if self.kind == "keyword" else "word")
        self._expect(":")
        return self._pattern()

    def _expression(self, floor: int = 0) -> _Tree:
        left = self._term()
        while self.kind in ("sign", "keyword") and self.token in _OPERATORS:
            operator = self.token
            power, side = _OPERATORS[operator]
            if power <= floor:
                break
            self._next()
            left = ("operator", operator, left, self._expression(power - 1 if side == "right" else power))
            if side == "none" and self._is(*(other for other, entry in _OPERATORS.items() if entry[0] == power)):
                self._unexpected()
        return left

    def _term(self) -> _Tree:
        tree = self._primary()
        while True:
            if self.kind == "field":
                tree = ("index", tree, ("value", self._text_of("field")[1:]))
            elif self._is("["):
                tree = self._suffix(tree)
            elif self._accept("?"):
                tree = ("optional", tree)
            elif self._is("."):
                self._next()
                tree = self._after_dot(tree)
            else:
                return tree

    def _after_dot(self, tree: _Tree) -> _Tree:
        if self._is('"'):
            return ("index", tree, self._string())
        if not self._is("["):
            self._unexpected()
        return self._suffix(tree)

    def _suffix(self, tree: _Tree) -> _Tree:
        self._expect("[")
        if self._accept("]"):
            return ("iterate", tree)
        if self._accept(":"):
            self._query()
            self._expect("]")
            return ("slice", tree)
        key = self._query()
        if self._accept(":"):
            if not self._is("]"):
                self._query()
            self._expect("]")
            return ("slice", tree)
        self._expect("]")
        return ("index", tree, key)

    def _primary(self) -> _Tree:
        if self.kind == "number":
            return ("value", _number(self._text_of("number")))
        if self.kind == "field":
            return ("index", ("identity",), ("value", self._text_of("field")[1:]))
        if self.kind == "format":
            self._next()
            return ("make", "a string", self._string()) if self._is('"') else ("make", "a string")
        if self.kind == "variable":
            return self._variable()
        if self.kind == "word":
            return self._call()
        if self.kind == "keyword":
            return self._keyword()
        return self._signed()

    def _signed(self) -> _Tree:
        if self._is('"'):
            return self._string()
        if self._accept(".."):
            return ("recurse",)
        if self._accept("."):
            return self._after_dot(("identity",)) if self._is('"', "[") else ("identity",)
        if self._accept("+", "-"):
            return ("sign", self._term())
        if self._accept("("):
            tree = self._query()
            self._expect(")")
            return tree
        if self._accept("["):
            if not self._is("]"):
                self._query()
            self._expect("]")
            return ("make", "a list")
        if self._accept("{"):
            return self._object()
        self._unexpected()
        return ()

    def _object(self) -> _Tree:
        while not self._is("}"):
            self._object_entry()
            if not self._accept(","):
                break
        self._expect("}")
        return ("make", "an object")

    def _object_entry(self) -> None:
        alone = True
        if self.kind == "variable":
            self._variable()
        elif self._is('"'):
            self._string()
        elif self._accept("("):
            self._query()
            self._expect(")")
            alone = False
        else:
            self._text_of("keyword" if self.kind == "keyword" else "word")
        if alone and not self._is(":"):
            return
        self._expect(":")
        self._expression()
        while self._accept("|"):
            self._expression()

    def _variable(self) -> _Tree:
        name = self._text_of("variable")
        if name not in self.scope.variables:
            raise JQSyntaxError(f"the variable {name} is not defined")
        return ("variable", name)

    def _call(self) -> _Tree:
        name = self._text_of("word")
        arguments: list[_Tree] = []
        if self._accept("("):
            arguments.append(self._query())
            while self._accept(";"):
                arguments.append(self._query())
            self._expect(")")
        if (name, len(arguments)) in self.scope.functions:
            return ("defined", name, tuple(arguments))
        if name in ("input", "inputs") and not arguments:
            raise JQSyntaxError(f"{name} is not allowed")
        if len(arguments) not in _BUILTINS.get(name, ()):
            raise JQSyntaxError(_unknown_function(name, len(arguments)))
        return ("call", name, tuple(arguments))

    def _keyword(self) -> _Tree:
        constants = {"null": None, "true": True, "false": False}
        if self.token in constants:
            return ("value", constants[self._text_of("keyword")])
        if self._accept("if"):
            return self._condition()
        if self._accept("try"):
            body = self._term()
            return ("catch", body, self._term()) if self._accept("catch") else ("try", body)
        if self._is("reduce", "foreach"):
            return self._fold()
        if self._accept("break"):
            label = self._text_of("variable")
            if label not in self.scope.labels:
                raise JQSyntaxError(f"the label {label} is not defined")
            return ("break",)
        self._unexpected()
        return ()

    def _condition(self) -> _Tree:
        self._query()
        self._expect("then")
        branches = [self._query()]
        while self._accept("elif"):
            self._query()
            self._expect("then")
            branches.append(self._query())
        if self._accept("else"):
            branches.append(self._query())
        self._expect("end")
        return ("if", *branches)

    def _fold(self) -> _Tree:
        word = self._text_of("keyword")
        self._expression()
        self._expect("as")
        scope = self._with(self._pattern())
        self._expect("(")
        self._query()
        self._expect(";")
        self._inside(scope)
        if word == "foreach" and self._accept(";"):
            self._inside(scope)
        self._expect(")")
        return ("fold",)

    def _string(self) -> _Tree:
        """Read a string from its opening quote on; the scanner stands behind that quote."""
        text, constant = "", True
        while True:
            if self.at >= len(self.text):
                raise JQSyntaxError("a string has no end")
            character = self.text[self.at]
            self.at += 1
            if character == '"':
                self._next()
                return ("value", text) if constant else ("interpolation",)
            if character != "\\":
                text += character
            elif self.text[self.at : self.at + 1] == "(":
                constant = False
                self._interpolation()
            else:
                text += self._escape()

    def _interpolation(self) -> None:
        self.at += 1
        self._next()
        self._query()
        if not self._is(")"):
            self._unexpected()

    def _escape(self) -> str:
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        if letter == "u":
            digits = _HEX.match(self.text, self.at)
            if digits:
                self.at = digits.end()
                return chr(int(digits[0], 16))
        if letter not in _ESCAPES or not letter:
            raise JQSyntaxError(f"a string holds the unknown escape \\{letter}")
        return _ESCAPES[letter]


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() and len(text) < 20 else float(text)


def _unknown_function(name: str, count: int) -> str:
    if name in _BUILTINS:
        return f"the function {name} does not take {count} argument{'' if count == 1 else 's'}"
    return f'there is no function {name}: a key with a dash, slash or dot is written in brackets, .["a-b"]'


def _value_kind(tree: _Tree) -> str | None:
    """Say what a tree yields if that is surely a new value."""
    match tree:
        case ("pipe", _, right) | ("bind", _, right) | ("label", right) | ("define", right):
            return _value_kind(right)
        case ("comma", *parts):
            return next((kind for part in parts if (kind := _value_kind(part))), None)
        case ("try", inner) | ("optional", inner) | ("index", inner, _) | ("iterate", inner) | ("slice", inner):
            return _value_kind(inner)
        case ("value", value):
            return f"the constant {value!r}" if isinstance(value, str) else "a constant"
        case ("make", what, *_):
            return str(what)
        case ("operator", "//", left, right):
            return _value_kind(left) and _value_kind(right)
        case ("operator", operator, _, _):
            return (
                "true or false"
                if operator in ("and", "or", "==", "!=", "<", "<=", ">", ">=")
                else f"the result of {operator}"
            )
        case ("call", name, _) if name in _VALUE_FUNCTIONS:
            return f"what {name} makes"
    return None


def _cost(tree: Any, size: int) -> int:
    """How many values a tree may come to: `..` is all of the document, and what is piped or nested multiplies."""
    match tree:
        case ("recurse",) | ("call", "recurse", ()):
            return size
        case ("comma", *parts):
            return sum(_cost(part, size) for part in parts)
        case tuple():
            return math.prod(_cost(part, size) for part in tree)
    return 1


def _size(document: Any) -> int:
    below = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return 1 + sum(map(_size, below))


def _paths(tree: _Tree, value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Yield the paths that a tree addresses below a value, each with what stands there."""
    match tree:
        case ("identity",):
            yield path, value
        case ("index", inner, key):
            for at, found in _paths(inner, value, path):
                for step in _values(key, value):
                    yield (*at, step), _at(found, step)
        case ("iterate", inner):
            for at, found in _paths(inner, value, path):
                yield from _iterated(found, at)
        case ("recurse",) | ("call", "recurse", ()):
            yield from _descendants(value, path)
        case ("try", inner):
            yield from _until_error(_paths(inner, value, path))
        case ("optional", (kind, inner, *key)) if kind in ("index", "iterate"):
            # The mark guards the last step only: what comes after an element without that field still counts.
            for at, found in _paths(inner, value, path):
                yield from _until_error(_paths((kind, ("identity",), *key), found, at))
        case ("pipe", left, right):
            for at, found in _paths(left, value, path):
                yield from _paths(right, found, at)
        case ("comma", *parts):
            for part in parts:
                yield from _paths(part, value, path)
        case ("call", "select", (condition,)):
            for verdict in _values(condition, value):
                if _is_true(verdict):
                    yield path, value
        case ("call", "empty", ()):
            return
        case ("call", "first" | "last" as end, ()):
            step = 0 if end == "first" else -1
            yield (*path, step), _at(value, step)
        case ("operator", "//", left, right) if not _value_kind(left):
            found = [item for item in _until_error(_paths(left, value, path)) if _is_true(item[1])]
            yield from found or _paths(right, value, path)
        case _:
            if _value_kind(tree) and tree[0] != "operator":
                raise _RunError
            raise _UnsupportedError


def _values(tree: _Tree, value: Any) -> Iterator[Any]:
    """Yield the values of a tree as a condition or a key."""
    match tree:
        case ("value", constant):
            yield constant
        case ("operator", "==" | "!=" as operator, left, right):
            for second in _values(right, value):
                for first in _values(left, value):
                    yield _equal(first, second) == (operator == "==")
        case ("operator", "and" | "or" as operator, left, right):
            for first in _values(left, value):
                truth = _is_true(first)
                if truth == (operator == "or"):
                    yield truth
                else:
                    yield from map(_is_true, _values(right, value))
        case ("call", "not", ()):
            yield not _is_true(value)
        case ("call", "startswith" | "endswith" | "contains" | "test" as name, (argument,)):
            for part in _values(argument, value):
                yield _text_test(name, value, part)
        case ("call", "has", (argument,)) if isinstance(value, dict):
            for key in _values(argument, value):
                if not isinstance(key, str):
                    raise _RunError
                yield key in value
        case ("pipe", left, right):
            for found in _values(left, value):
                yield from _values(right, found)
        case _ if _value_kind(tree):
            raise _UnsupportedError
        case (
            ("identity",)
            | ("index", *_)
            | ("iterate", *_)
            | ("optional", *_)
            | ("try", _)
            | ("recurse",)
            | ("call", "select", _)
        ):
            for _, found in _paths(tree, value, ()):
                yield found
        case _:
            raise _UnsupportedError


def _is_true(value: Any) -> bool:
    return value is not None and value is not False


def _text_test(name: str, value: Any, part: Any) -> bool:
    if not (isinstance(value, str) and isinstance(part, str)):
        if name == "contains":
            raise _UnsupportedError
        raise _RunError
    if name == "test":
        # Beyond the plain patterns, Python's dialect is not RE2's, and may take for ever.
        if not _PLAIN_PATTERN.fullmatch(part):
            raise _UnsupportedError
        return re.search(part.removesuffix("$") + (r"\Z" if part.endswith("$") else ""), value) is not None
    if name == "contains":
        return part in value
    return value.startswith(part) if name == "startswith" else value.endswith(part)


def _equal(first: Any, second: Any) -> bool:
    """Compare as JSON: true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_equal, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    return bool(first == second)


def _at(value: Any, step: Any) -> Any:
    if isinstance(step, str) and (value is None or isinstance(value, dict)):
        return value.get(step) if value else None
    if isinstance(step, int) and not isinstance(step, bool) and (value is None or isinstance(value, list)):
        return value[step] if value and -len(value) <= step < len(value) else None
    if isinstance(step, float) or step is None or isinstance(step, list | dict):
        raise _UnsupportedError
    raise _RunError


def _iterated(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict):
        yield from (((*path, key), value[key]) for key in sorted(value))
    elif isinstance(value, list):
        yield from (((*path, index), item) for index, item in enumerate(value))
    else:
        raise _RunError


def _descendants(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    yield path, value
    if isinstance(value, dict | list):
        for at, item in _iterated(value, path):
            yield from _descendants(item, at)


def _until_error(found: Iterator[tuple[_Path, Any]]) -> Iterator[tuple[_Path, Any]]:
    try:
        yield from found
    except _RunError:
        return


def _exists(document: Any, path: _Path) -> bool:
    for step in path:
        if isinstance(document, dict):
            if step not in document:
                return False
        elif not isinstance(document, list) or not isinstance(step, int) or not -len(document) <= step < len(document):
            return False
        document = document[step]
    return True
