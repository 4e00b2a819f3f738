"""Substitution of the build environment, as in valueFiles, parameter values and file parameters.

Source: Argo CD ``types.go``, ``Env.Envsubst``, which is Go's ``os.Expand`` with ``$$`` for a literal dollar.
There is no shell syntax beyond ``$NAME`` and ``${NAME}``: ``${NAME:-default}`` is an unknown variable and
gives the empty text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# A brace that is never closed is dropped together with its dollar, and so is an empty pair.
_REFERENCE = re.compile(
    r"\$(?:\{(?P<special_braced>[*#$@!?0-9-])\}|\{(?P<braced>[^}]+)\}|\{\}|(?P<open>\{)"
    r"|(?P<special>[*#$@!?0-9-])|(?P<name>[A-Za-z0-9_]+))"
)


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace every variable by its value; one that *env* does not name becomes the empty text."""

    def value(match: re.Match[str]) -> str:
        name = _name(match)
        if name == "$":
            return "$"
        return env.get(name, "") if name else ""

    return _REFERENCE.sub(value, text)


def variables(text: str) -> list[str]:
    """List the names that :func:`expand` looks up, each once, in order of appearance; ``$$`` is none."""
    names = (_name(match) for match in _REFERENCE.finditer(text))
    return list(dict.fromkeys(name for name in names if name not in {"", "$"}))


def _name(match: re.Match[str]) -> str:
    return next((match[group] for group in ("special_braced", "braced", "special", "name") if match[group]), "")
