"""Which keys sound as if they held a credential, and which values under them are certainly none.

These are heuristics, for advice and never for a verdict by themselves. A key counts by its last words, so that
`passwordSecretKey`, `tokenReviewer` and `existingSecret`, which name or switch something, do not.
"""

from __future__ import annotations

import re
from functools import lru_cache

from driftgate.semantics.secret_data import is_placeholder

__all__ = ["may_be_literal", "sounds_secret"]

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LAST = frozenset({"password", "passwd", "passphrase", "passwort", "pwd", "token", "apikey", "credential"})
_PAIRS = frozenset(
    (first, "key") for first in ("api", "access", "private", "signing", "encryption", "auth", "license", "master")
) | frozenset(
    (first, "secret")
    for first in (
        "client",
        "shared",
        "jwt",
        "cookie",
        "session",
        "signing",
        "hmac",
        "webhook",
        "oauth",
        "consumer",
        "app",
    )
)
# Written as an environment variable it is the value; `secretKey` names a key in Kubernetes.
_SNAKE_PAIRS = frozenset({("secret", "key"), ("secret", "access", "key")})
_WEAK = frozenset(
    {"password", "passwd", "pass", "secret", "token", "example", "sample", "dummy", "fake", "none", "null", "nil",
     "undefined", "unset", "empty", "redacted", "hidden", "masked", "string", "value", "default", "required",
     "optional", "disabled", "enabled", "true", "false", "basic", "bearer", "jwt", "static", "auto"}
)  # fmt: skip
_REFERENCE = re.compile(
    r"\{\{|\$\{|\$\(|%\(|^\$\w|^(?:vault|ref\+\w+|env|file|secret|sops|awssm|arn|op|bao):|^ENC\[|^@|^(?:/|\./|\.\./|~/)"
    r"|^[a-z][a-z0-9+.-]*://"
)
# Lower-case words with separators: the name of a Secret or of a key of one, such as `shop-db-password`.
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_./][a-z0-9]+)*")
_NAME_WORDS = re.compile(r"pass|secret|token|key|cred|auth|tls|cert")
_MIN_LENGTH = 4


@lru_cache(maxsize=16_384)
def sounds_secret(key: str) -> bool:
    """Whether the last words of a key say that its value is a credential: `dbPassword`, `API_TOKEN`."""
    words = [word.lower() for word in _WORDS.findall(key)]
    while words and (words[-1].isdigit() or words[-1] in ("value", "b", "base")):
        words.pop()
    if not words:
        return False
    if words[-1] == "pass" or words[-1].removesuffix("s") in _LAST:
        return True
    if tuple(words[-2:]) in _PAIRS:
        return True
    return key.isupper() and (tuple(words[-2:]) in _SNAKE_PAIRS or tuple(words[-3:]) in _SNAKE_PAIRS)


def may_be_literal(value: object) -> bool:
    """Whether a value under such a key may be the credential itself.

    Not so: what is empty, no text, a placeholder, a template, a reference, a path, a URL, or a name of lower-case
    words of which one says what it names.
    """
    text = str(value).strip() if isinstance(value, str) or _is_number(value) else ""
    if len(text) < _MIN_LENGTH or is_placeholder(text) or _REFERENCE.search(text):
        return False
    return not (text.lower() in _WEAK or (_NAME.fullmatch(text) and _NAME_WORDS.search(text)))


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
