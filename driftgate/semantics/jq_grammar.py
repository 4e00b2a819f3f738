"""The grammar of gojq 0.12.19: from the text of an expression to its tree, or why it does not compile.

Written for this language because it is the one that Argo CD compiles: jq in C differs from gojq in names, arities and
corners, and an expression that does not compile fails the comparison of the whole Application.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

__all__ = ["JQSyntaxError", "Tree", "parse", "words"]


#: A node of the syntax tree: its kind, then its parts.
Tree = tuple[Any, ...]
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


def words(text: str) -> frozenset[str]:
    """The words of a text, for tables of names that read as prose."""
    return frozenset(text.split())


_KEYWORDS = words(
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
#: The side of a slice that is left away.
_NOTHING: Tree = ("value", None)
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


class JQSyntaxError(ValueError):
    """An expression that gojq does not compile."""


@lru_cache(maxsize=1024)
def parse(expression: str) -> Tree:
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

    def program(self) -> Tree:
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

    def _query(self) -> Tree:
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

    def _part(self) -> Tree:
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
        # A name alone binds the whole value; what takes it apart is only checked here.
        single = self.token if self.kind == "variable" else None
        names = self._pattern()
        while self._accept("?//"):
            names |= self._pattern()
            single = None
        self._expect("|")
        return ("bind", tree, self._inside(self._with(names)), single)

    def _inside(self, scope: _Scope, parse: Callable[[], Tree] | None = None) -> Tree:
        outer, self.scope = self.scope, scope
        tree = (parse or self._query)()
        self.scope = outer
        return tree

    def _with(self, variables: set[str]) -> _Scope:
        return _Scope(self.scope.variables | variables, self.scope.labels, self.scope.functions)

    def _definition(self) -> Tree:
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

    def _expression(self, floor: int = 0) -> Tree:
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

    def _term(self) -> Tree:
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

    def _after_dot(self, tree: Tree) -> Tree:
        if self._is('"'):
            return ("index", tree, self._string())
        if not self._is("["):
            self._unexpected()
        return self._suffix(tree)

    def _suffix(self, tree: Tree) -> Tree:
        self._expect("[")
        if self._accept("]"):
            return ("iterate", tree)
        if self._accept(":"):
            end = self._query()
            self._expect("]")
            return ("slice", tree, _NOTHING, end)
        key = self._query()
        if self._accept(":"):
            end = _NOTHING if self._is("]") else self._query()
            self._expect("]")
            return ("slice", tree, key, end)
        self._expect("]")
        return ("index", tree, key)

    def _primary(self) -> Tree:
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

    def _signed(self) -> Tree:
        if self._is('"'):
            return self._string()
        if self._accept(".."):
            return ("recurse",)
        if self._accept("."):
            return self._after_dot(("identity",)) if self._is('"', "[") else ("identity",)
        if self._is("+", "-"):
            sign = self._text_of("sign")
            return _signed_number(sign, self._term())
        if self._accept("("):
            tree = self._query()
            self._expect(")")
            return tree
        if self._accept("["):
            content: Tree = ("call", "empty", ()) if self._is("]") else self._query()
            self._expect("]")
            return ("make", "a list", content)
        if self._accept("{"):
            return self._object()
        self._unexpected()
        return ()

    def _object(self) -> Tree:
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

    def _variable(self) -> Tree:
        name = self._text_of("variable")
        if name not in self.scope.variables:
            raise JQSyntaxError(f"the variable {name} is not defined")
        return ("variable", name)

    def _call(self) -> Tree:
        name = self._text_of("word")
        arguments: list[Tree] = []
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

    def _keyword(self) -> Tree:
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

    def _condition(self) -> Tree:
        """What follows `if` or `elif`; without an `else` the value stays as it is."""
        condition = self._query()
        self._expect("then")
        branch = self._query()
        if self._accept("elif"):
            return ("if", condition, branch, self._condition())
        otherwise: Tree = self._query() if self._accept("else") else ("identity",)
        self._expect("end")
        return ("if", condition, branch, otherwise)

    def _fold(self) -> Tree:
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

    def _string(self) -> Tree:
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


def _signed_number(sign: str, tree: Tree) -> Tree:
    match tree:
        case ("value", int() | float() as number) if not isinstance(number, bool):
            return ("value", -number if sign == "-" else number)
    return ("sign", tree)


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() and len(text) < 20 else float(text)


def _unknown_function(name: str, count: int) -> str:
    if name in _BUILTINS:
        return f"the function {name} does not take {count} argument{'' if count == 1 else 's'}"
    return f'there is no function {name}: a key with a dash, slash or dot is written in brackets, .["a-b"]'
