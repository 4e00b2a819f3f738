"""Find credentials in one text.

What is certain is looked for: private key blocks, URLs with a password, logins of container registries, and the tokens
of vendors, each also in base64, once or twice. In scripts a variable or an option whose name says that it is a
credential counts too, as a suspicion. Nothing is judged by entropy.

Most files hold nothing of the kind, so a text is first asked in C: runs of the letters that tokens are made of, by one
translation and one search for a run of twenty; what has no such run needs no pattern at all.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from driftgate.credentials.vendors import SUSPECT, is_dummy, tokens
from driftgate.model.credentials import Spotted
from driftgate.semantics.secret_data import decode_base64, is_placeholder, printable_text
from driftgate.semantics.secret_names import may_be_literal, sounds_secret

__all__ = ["is_quiet", "spot"]

MAX_DEPTH = 2
# The shortest token of all: an AWS access key id.
_TOKEN_RUN = 20
# The base64 of that.
_BASE64_RUN = 28
# Longer than any token. The vendors' patterns take time by the square of a run, and longer ones are data.
_LONGEST_RUN = 4096


def _shape(letters: bytes) -> bytes:
    """A translation to `a` for the letters of a run, and to a space for everything else."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + letters
    return bytes(97 if byte in alphabet else 32 for byte in range(256))


_TOKEN = _shape(b"_-.")
_BASE64 = _shape(b"+/=")
_ANY_TOKEN = _shape(b"_-.+/=")
# What is drawn at random holds one of these; names in kebab case do not.
_DRAWN = re.compile(rb"[A-Z0-9]")
_AWS_SECRET = re.compile(rb"(?:^|=)([A-Za-z0-9/+]{40})$")
_AWS_NAME = re.compile(rb"aws.{0,40}secret|secret_?access_?key", re.IGNORECASE)
_AUTH_TOKEN = re.compile(rb"_authToken=[\"']?[A-Za-z0-9-]{36}(?![A-Za-z0-9-])")
_HOOK = re.compile(rb"hooks\.slack\.com/")
_KEY_BLOCK = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[23]:")
_KEY_BODY = re.compile(rb"[A-Za-z0-9+/=]{16,}")
_KEY_HEADER = re.compile(rb"[A-Za-z-]+: ")
_URL = re.compile(rb"://([^\s/?#@:\"'`<>(){}\[\],;|\\]*):([^\s/@\"'`<>]+)@[\w\[]")
_REGISTRY = re.compile(rb"\\?\"(auth|password)\\?\"\s*:\s*\\?\"([^\"\\\s]{4,})\\?\"")
_TEMPLATE = re.compile(r"\{|\$[({]|^\$\w|^%\w|^%.+%$")
_WEAK_URL = frozenset({"password", "passwd", "pass", "pwd", "pw", "secret", "token", "example"})
_ASSIGNMENT = re.compile(
    rb"^[ \t]*(?:export[ \t]+|readonly[ \t]+|local[ \t]+|declare[ \t]+(?:-\w+[ \t]+)*)*([A-Za-z_]\w*)"
    rb"[ \t]*[:?+]?=[ \t]*(\"[^\"\n]*\"|'[^'\n]*'|[^\s;&|]+)",
    re.MULTILINE,
)
_OPTION = re.compile(
    rb"--(?:from-literal[= ][\"']?)?([A-Za-z][\w.-]{0,99})[= ](\"[^\"\n]*\"|'[^'\n]*'|[^\s;&|\"']+)", re.MULTILINE
)


def spot(data: bytes, *, script: bool = False) -> tuple[Spotted, ...]:
    """The credentials of a text in UTF-8, by line; one that several forms match is told once.

    With `script` also the variables and options whose names say that a literal beside them is a credential.
    """
    found = dict.fromkeys(Spotted(line, kind) for line, kind in sorted(_certain(data, 0)))
    lines = {one.line for one in found}
    for line, key in sorted(set(_named(data))) if script else ():
        if line not in lines:
            found[Spotted(line, "literal", key)] = None
    return tuple(sorted(found, key=lambda one: one.line))


def is_quiet(data: bytes) -> bool:
    """Whether a text surely holds no credential, told without the patterns of vendors; nearly every text is quiet."""
    if b"PRIVATE KEY" in data or b"PuTTY-User" in data or b'"auths' in data:
        return False
    if b"@" in data and _URL.search(data):
        return False
    return next(_suspicious_lines(data), None) is None and next(_encoded_texts(data), None) is None


def _certain(data: bytes, depth: int) -> Iterator[tuple[int, str]]:
    yield from _private_keys(data)
    if b"@" in data:
        yield from _urls(data)
    if b'"auths' in data:
        yield from _registry_logins(data)
    lines = _Lines(data)
    for start, end in _suspicious_lines(data):
        line = lines.of(start)
        yield from ((line, kind) for kind in _token_kinds(data[start:end]))
    if depth < MAX_DEPTH:
        yield from _encoded(data, depth)


@dataclass(slots=True)
class _Lines:
    """The line numbers of offsets that are asked for in their order, so that a text is gone through once."""

    data: bytes
    _offset: int = 0
    _line: int = 1

    def of(self, offset: int) -> int:
        self._line += self.data.count(b"\n", self._offset, offset)
        self._offset = offset
        return self._line


def _runs(data: bytes, table: bytes, length: int) -> Iterator[tuple[int, int]]:
    """Start and end of every run of a table's letters that has at least a length."""
    shape = data.translate(table)
    needle = b"a" * length
    start = shape.find(needle)
    while start >= 0:
        end = shape.find(b" ", start)
        end = len(shape) if end < 0 else end
        yield start, end
        start = shape.find(needle, end)


def _suspicious_lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the lines in which a vendor's token may be."""
    done = -1
    hits = [
        start
        for start, end in _runs(data, _TOKEN, _TOKEN_RUN)
        if _DRAWN.search(data, start, end) and SUSPECT.search(data, start, end)
    ]
    hits += [start for start, end in _runs(data, _BASE64, _BASE64_RUN) if _is_long_form(data, start, end)]
    hits += [match.start() for match in _AUTH_TOKEN.finditer(data)] if b"_authToken" in data else []
    hits += [match.start() for match in _HOOK.finditer(data)] if b"hooks.slack.com" in data else []
    for hit in sorted(hits):
        if hit > done:
            start = data.rfind(b"\n", 0, hit) + 1
            done = data.find(b"\n", hit)
            done = len(data) if done < 0 else done
            yield start, done


def _is_long_form(data: bytes, start: int, end: int) -> bool:
    """Whether a run of base64's letters may be a secret key of AWS or Azure."""
    run = data[start:end]
    return b"AccountKey=" in run or _AWS_SECRET.search(run) is not None


def _token_kinds(raw: bytes) -> list[str]:
    """What stands in one line, a kind for each token."""
    line = _without_data(raw).decode("utf-8", "replace")
    spans = [*tokens(line), *_aws_secrets(raw), *((m.start(), m.end(), "npm token") for m in _AUTH_TOKEN.finditer(raw))]
    kinds, reached = [], -1
    for start, end, kind in sorted(spans):
        if start >= reached:
            kinds.append(kind)
        reached = max(reached, end)
    return kinds


def _without_data(line: bytes) -> bytes:
    """A line without the runs of letters that are too long to be a token."""
    kept, reached = [], 0
    for start, end in _runs(line, _ANY_TOKEN, _LONGEST_RUN):
        kept.append(line[reached:start])
        reached = end
    return b" ".join([*kept, line[reached:]])


def _aws_secrets(line: bytes) -> Iterator[tuple[int, int, str]]:
    if not _AWS_NAME.search(line):
        return
    for start, end in _runs(line, _BASE64, 40):
        match = _AWS_SECRET.search(line[start:end])
        if match and not is_dummy(match[1].decode()):
            yield start, end, "AWS secret key"


def _private_keys(data: bytes) -> Iterator[tuple[int, str]]:
    if b"PRIVATE KEY" in data or b"PuTTY-User" in data:
        lines = _Lines(data)
        for match in _KEY_BLOCK.finditer(data):
            if match[0].startswith(b"PuTTY") or _has_body(data[match.end() : match.end() + 600]):
                yield lines.of(match.start()), "private key"


def _has_body(after: bytes) -> bool:
    """Whether a key follows its first line: a manual shows the line alone, or three dots below it."""
    for raw in after.replace(b"\\r", b"").replace(b"\\n", b"\n").splitlines():
        line = raw.strip(b" \t\"',#*|>+\\")
        if line and not _KEY_HEADER.match(line):
            body = _KEY_BODY.match(line)
            return body is not None and not is_dummy(body[0].decode())
    return False


def _urls(data: bytes) -> Iterator[tuple[int, str]]:
    lines = _Lines(data)
    for match in _URL.finditer(data):
        password = unquote(match[2].decode("utf-8", "replace"))
        if _is_real(password) and not _TEMPLATE.search(match[1].decode("utf-8", "replace")):
            yield lines.of(match.start()), "URL with a password"


def _is_real(password: str) -> bool:
    """Whether a password is none of a manual, and no template."""
    dummy = is_placeholder(password) or password.lower() in _WEAK_URL or len(set(password)) < 3
    return not dummy and not _TEMPLATE.search(password)


def _registry_logins(data: bytes) -> Iterator[tuple[int, str]]:
    """The logins of a Docker configuration: `auth` is user and password in base64."""
    lines = _Lines(data)
    for match in _REGISTRY.finditer(data):
        text = match[2].decode("utf-8", "replace")
        if match[1] == b"auth":
            decoded = decode_base64(text)
            login = (printable_text(decoded) if decoded else None) or ""
            text = login.partition(":")[2]
        if text and _is_real(text):
            yield lines.of(match.start()), "container registry login"


def _encoded(data: bytes, depth: int) -> Iterator[tuple[int, str]]:
    """What is found after base64 decoding, at the line where the base64 begins."""
    lines = _Lines(data)
    for start, text in _encoded_texts(data):
        line = lines.of(start)
        kinds = {kind for _, kind in _certain(text, depth + 1)}
        yield from ((line, kind if kind.endswith("base64") else f"{kind} in base64") for kind in sorted(kinds))


def _encoded_texts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Where base64 begins that encodes a printable text, and the text."""
    for start, end in _runs(data, _BASE64, _BASE64_RUN):
        text = _decoded(data[start:end])
        if text is not None:
            yield start, text


def _decoded(run: bytes) -> bytes | None:
    """The printable text that a run ends in; a piece of a longer one counts as far as it goes."""
    padded = run.rstrip(b"=")
    body = padded[padded.rfind(b"=") + 1 :]
    if len(body) < _BASE64_RUN - 1 or len(run) - len(padded) > 2:
        return None
    try:
        # The first bytes tell: digests, paths and words decode to anything but text.
        head = base64.b64decode(body[:24])
        if not head.isascii() or printable_text(head) is None:
            return None
        data = base64.b64decode(body + b"=" * (-len(body) % 4)) if len(body) % 4 != 1 else base64.b64decode(body[:-1])
    except (binascii.Error, ValueError):
        return None
    return data if printable_text(data) is not None else None


def _named(data: bytes) -> Iterator[tuple[int, str]]:
    """Line and name of each variable and option of a script that is given a credential as a literal."""
    for pattern in (_ASSIGNMENT, _OPTION):
        lines = _Lines(data)
        for match in pattern.finditer(data):
            name, value = match[1].decode("utf-8", "replace"), match[2].decode("utf-8", "replace").strip("\"'")
            if sounds_secret(name) and may_be_literal(value) and not value.startswith(("$", "`", "-")):
                yield lines.of(match.start(1)), name
