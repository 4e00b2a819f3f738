"""What Kubernetes makes of the data of a Secret, and what people put there that is none.

Source of the rules: kubernetes ``pkg/apis/core/validation/validation.go`` (``ValidateSecret``) and the JSON form of
bytes in Go (``encoding/json``, ``encoding/base64``).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping

__all__ = [
    "content_fault",
    "decode_base64",
    "has_stray_newline",
    "is_double_encoded",
    "is_placeholder",
    "is_reference",
    "printable_text",
    "type_fault",
]

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
# Shorter ones are words more often than encodings: `test` and `true` are base64 too.
_MIN_DOUBLE = 12
_REQUIRED_JSON = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_SERVICE_ACCOUNT = "kubernetes.io/service-account.name"
_PEM = {
    ("kubernetes.io/tls", "tls.crt"): (re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----"), "PEM certificate"),
    ("kubernetes.io/tls", "tls.key"): (re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"), "PEM private key"),
    ("kubernetes.io/ssh-auth", "ssh-privatekey"): (
        re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
        "private key",
    ),
}
_TEXT_KEYS = {("kubernetes.io/basic-auth", "username"), ("kubernetes.io/basic-auth", "password")}
_PLACEHOLDER = re.compile(
    r"<(?!path:)[^<>]+>|\[[A-Za-z][\w -]*\]|x{3,}|\*{3,}|\.{3,}|…|to-?do|tbd|fixme|placeholder"
    r"|(?:please[-_ ]?)?change[-_ ]?(?:me|this|it)\W*|replace[-_ ]?(?:me|this|it|with[-_ ].*)\W*"
    r"|(?:your|insert|enter|put)[-_ ](?:.*[-_ ])?(?:here|password|passphrase|token|key|secret|value)",
    re.IGNORECASE,
)

_REFERENCE = re.compile(r"ref\+\w+://|vault:\S+#|ENC\[|<path:|\$\{|\$\(|\{\{")


def decode_base64(text: str) -> bytes | None:
    """The bytes of a value of `data`, or None where Go refuses it: standard alphabet, padded, line breaks left out."""
    joined = text.replace("\n", "").replace("\r", "")
    if not _BASE64.fullmatch(joined):
        return None
    try:
        return base64.b64decode(joined, validate=True)
    except (binascii.Error, ValueError):
        return None


def printable_text(data: bytes) -> str | None:
    """The bytes as text, or None where they are none: not UTF-8, or with control characters besides white space."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if text and all(c.isprintable() or c in "\t\r\n" for c in text) else None


def is_double_encoded(data: bytes) -> bool:
    """Whether decoded data is base64 again, of printable text.

    Words and hexadecimal digests are made of base64's letters too; decoded, they are no printable text of one script,
    but short ones may be by chance and do not count.
    """
    text = printable_text(data)
    inner = decode_base64(text.strip()) if text is not None and len(text.strip()) >= _MIN_DOUBLE else None
    return inner is not None and inner.isascii() and printable_text(inner) is not None


def has_stray_newline(key: str, text: str) -> bool:
    """Whether a single line ends in a line break, as `echo value | base64` leaves it.

    A text of several lines ends so by right, and so does what a key with a file name's dot, or an SSH key, holds.
    """
    is_file = "." in key or key.startswith(("id_", "ssh-"))
    stripped = text.rstrip("\r\n")
    return not is_file and stripped != text and bool(stripped) and "\n" not in stripped


def is_placeholder(text: str) -> bool:
    """Whether a text was clearly written to be replaced: `changeme`, `TODO`, `<token>`, `xxxx`, `REPLACE_ME`."""
    return _PLACEHOLDER.fullmatch(text.strip()) is not None


def is_reference(text: str) -> bool:
    """Whether a tool that runs after rendering puts the value in: vals, bank-vaults, SOPS or a vault plugin."""
    return _REFERENCE.match(text.strip()) is not None


def type_fault(kind: str, keys: Mapping[str, bytes | None], annotations: Mapping[str, object]) -> tuple[str, str]:
    """Why the API server refuses a Secret of a type, with the key at fault or ""; empty texts where it takes it.

    `keys` has every key of `data` and `stringData` with its bytes, None where they are not known.
    """
    if kind in _REQUIRED_JSON:
        return _json_fault(_REQUIRED_JSON[kind], keys)
    if kind == "kubernetes.io/tls":
        missing = [key for key in ("tls.crt", "tls.key") if key not in keys]
        return (f"no {' and no '.join(missing)}", "") if missing else ("", "")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & keys.keys():
        return "neither username nor password", ""
    if kind == "kubernetes.io/ssh-auth" and keys.get("ssh-privatekey", b"") == b"":
        return "no ssh-privatekey", "ssh-privatekey" if "ssh-privatekey" in keys else ""
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_SERVICE_ACCOUNT):
        return f"no annotation {_SERVICE_ACCOUNT}", ""
    return "", ""


def _json_fault(key: str, keys: Mapping[str, bytes | None]) -> tuple[str, str]:
    if key not in keys:
        return f"no {key}", ""
    data = keys[key]
    if data is None:
        return "", ""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return f"{key} that is no JSON", key
    return ("", "") if isinstance(document, dict) else (f"{key} that is no JSON object", key)


def content_fault(kind: str, key: str, data: bytes) -> tuple[str, str]:
    """What a value is not, though its Secret's type says so, and what it should be; empty texts where nothing is."""
    if (kind, key) in _PEM:
        pattern, what = _PEM[kind, key]
        return (f"{key} that is no {what}", f"a {what}") if data.strip() and not pattern.search(data) else ("", "")
    if (kind, key) in _TEXT_KEYS and data and printable_text(data) is None:
        return f"{key} that is binary", "text"
    return "", ""
