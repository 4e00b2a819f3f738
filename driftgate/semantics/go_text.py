"""Text operations in which Go and Python differ."""

from __future__ import annotations

_GO_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def trim_space(text: str) -> str:
    """Cut what Go's ``strings.TrimSpace`` cuts; Python's ``strip`` cuts four control characters more."""
    return text.strip(_GO_SPACE)


def to_lower(text: str) -> str:
    """Lower every character by itself, as Go's ``strings.ToLower`` does; Python looks at neighbours too."""
    return "".join(character.lower()[:1] for character in text)
