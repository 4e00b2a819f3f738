"""What of an object is not written down: the values of Secrets, and whatever else looks like a credential.

Nothing here is a verdict. Where a value could be one, it is left out, and replaying the recording says that it could
not be checked: too much left out costs an answer, too little costs a password.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from driftgate.compare.values import Json
from driftgate.credentials import spot
from driftgate.drift.state import MASK
from driftgate.model.secret import SecretValue
from driftgate.semantics.secret_data import decode_base64, printable_text
from driftgate.semantics.secret_names import sounds_secret

__all__ = ["LEFT_OUT", "LeftOut", "is_credential", "leave_out", "without_credentials"]

#: What is written in the place of a value.
LEFT_OUT: Final = "(not recorded)"
#: The way to a value: the keys of maps and the indexes of lists.
LeftOut = tuple[str | int, ...]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# What a Secret says without telling a value; `managedFields` name its keys.
_PLAIN_OF_SECRETS = frozenset({"apiVersion", "kind", "type", "immutable"})
_PLAIN_OF_METADATA = frozenset(
    {"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName", "generation",
     "labels", "managedFields", "name", "namespace", "ownerReferences", "resourceVersion", "selfLink", "uid"}
)  # fmt: skip
# Annotations of deliverers and of Kubernetes. Others may hold a hash of the values, which a weak one does not survive.
_PLAIN_ANNOTATION = re.compile(r"(?:argocd\.argoproj\.io|meta\.helm\.sh|helm\.sh|kubernetes\.io|cert-manager\.io)/")
_DIGEST = re.compile(r"(?:sha\d+[:-])?(?:[0-9a-fA-F]{16,}|[A-Za-z0-9+/_-]{22,}={0,2})")
_OF_SECRETS = re.compile(r"secret|passw|credential|token", re.IGNORECASE)
# Where a map is the value of a key that says credential, these of its keys hold it.
_VALUE_KEYS = frozenset({"value", "values", "plain", "plaintext", "literal", "inline", "raw", "content", "data"})
_HARMLESS = re.compile(r"|true|false|null|\$\([\w.-]+\)|\$\{[\w.:-]+\}|\{\{[^\"'`{}]*\}\}", re.IGNORECASE)
_URL_LOGIN = re.compile(r"://[^\s/?#@:]*:[^\s/@]+@")
_AUTHORIZATION = re.compile(r"\b(?:bearer|basic|token)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
# Looks ahead, so that the value of one entry may be the key of the next: `db:` and below it `password: …`.
_ENTRY = re.compile(
    r"(?:^|[\s{,;?&\"'<\[(])"
    r"(?=([A-Za-z][\w.-]{0,99})[\"']?(?:\s*[:=]\s*|>)(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&<}\"']+))"
)
_OPTION = re.compile(r"--?([A-Za-z][\w.-]{0,99})")
_GZIP = "H4sI"


def leave_out(document: Json) -> tuple[Json, tuple[LeftOut, ...]]:
    """The object with LEFT_OUT wherever a secret is or may be, and the ways to these places.

    The names of a Secret's keys stay, its values, hashes of them and its last-applied values do not. The annotation
    that repeats an object is searched as the object is. The object itself is not changed.
    """
    walk = _Walk()
    kept = walk.secret(document, ()) if _is_secret(document) else walk.value(document, ())
    return kept, tuple(sorted(walk.found, key=lambda way: tuple(map(str, way))))


def _is_secret(document: Json) -> bool:
    return str(document.get("kind")).strip().casefold() == "secret" and "/" not in str(document.get("apiVersion"))


@dataclass(slots=True)
class _Walk:
    """Copies an object, and remembers what it left out."""

    found: list[LeftOut] = field(default_factory=list)

    def nothing(self, way: LeftOut) -> str:
        self.found.append(way)
        return LEFT_OUT

    def secret(self, document: Json, way: LeftOut) -> Json:
        """A core Secret: all but what is known to be harmless goes."""
        kept: Json = {}
        for key, value in document.items():
            if key in _PLAIN_OF_SECRETS:
                kept[key] = self.value(value, (*way, key))
            elif key == "metadata" and isinstance(value, dict):
                kept[key] = self._metadata_of_secret(value, (*way, key))
            elif isinstance(value, dict):
                kept[key] = {name: self.nothing((*way, key, name)) for name in value}
            elif value is not None:
                kept[key] = self.nothing((*way, key))
        return kept

    def _metadata_of_secret(self, metadata: Json, way: LeftOut) -> Json:
        kept: Json = {}
        for key, value in metadata.items():
            if key == "annotations" and isinstance(value, dict):
                kept[key] = {
                    name: self._annotation_of_secret(name, one, (*way, key, name)) for name, one in value.items()
                }
            else:
                kept[key] = self.value(value, (*way, key)) if key in _PLAIN_OF_METADATA else self.nothing((*way, key))
        return kept

    def _annotation_of_secret(self, name: str, value: Any, way: LeftOut) -> Any:
        if name == _LAST_APPLIED:
            return self._last_applied(value.reveal() if isinstance(value, SecretValue) else value, way)
        is_plain = _PLAIN_ANNOTATION.match(name) or value in ("true", "false")
        return self.value(value, way) if is_plain else self.nothing(way)

    def value(self, value: Any, way: LeftOut, name: str = "") -> Any:
        """Any value; `name` is what says what it is, mostly its key."""
        if isinstance(value, dict):
            return self._map(value, way, name)
        if isinstance(value, list):
            return self._list(value, way, name)
        if isinstance(value, SecretValue) or is_credential(name, value):
            return self.nothing(way)
        return value

    def _map(self, document: Json, way: LeftOut, name: str) -> Any:
        if any(_is_telling(key) for key in document):
            return self.nothing(way)
        if way[-1:] == ("fake",):  # the values of External Secrets' provider for tests
            return {key: self._everything(value, (*way, key)) for key, value in document.items()}
        # `{name: DB_PASSWORD, value: …}`: the one names the other.
        called = next((text for key in ("name", "key") if isinstance(text := document.get(key), str)), "")
        kept = {}
        for key, value in document.items():
            below = (*way, key)
            if key == _LAST_APPLIED and way[-1:] == ("annotations",):
                kept[key] = self._last_applied(value, below)
            elif key == "managedFields" and way[-1:] == ("metadata",):
                kept[key] = [_without_values(one) for one in value] if isinstance(value, list) else value
            elif key.lower() in _VALUE_KEYS and (sounds_secret(name) or sounds_secret(called)):
                kept[key] = self.value(value, below, "password")
            else:
                kept[key] = self.value(value, below, key)
        return kept

    def _list(self, items: list[Any], way: LeftOut, name: str) -> list[Any]:
        kept = []
        before: Any = ""
        for index, item in enumerate(items):
            # `--password`, `…`: an option names the argument after it.
            option = _OPTION.fullmatch(before) if isinstance(before, str) else None
            kept.append(self.value(item, (*way, index), option[1] if option else name))
            before = item
        return kept

    def _everything(self, value: Any, way: LeftOut) -> Any:
        if isinstance(value, dict):
            return {
                key: below if key in ("key", "version") else self._everything(below, (*way, key))
                for key, below in value.items()
            }
        if isinstance(value, list):
            return [self._everything(below, (*way, index)) for index, below in enumerate(value)]
        return self.nothing(way)

    def _last_applied(self, text: Any, way: LeftOut) -> Any:
        """The annotation that repeats an object, which is searched as the object is."""
        try:
            document = json.loads(text)
        except (ValueError, TypeError):
            document = None
        if not isinstance(document, dict):
            return self.nothing(way)
        kept, ways = leave_out(document)
        if not ways:
            return text
        self.found.append(way)
        return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def is_credential(name: str, value: Any) -> bool:
    """Whether a value that is no map and no list may be a credential, by its form or by what it is called."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return sounds_secret(name)
    if not isinstance(value, str):
        return False
    if sounds_secret(name):
        return _HARMLESS.fullmatch(value.strip()) is None
    is_digest = _OF_SECRETS.search(name) and _DIGEST.fullmatch(value)
    return bool(is_digest) or _tells(value)


def without_credentials(text: str) -> str:
    """What a cluster says, as it may be printed: hidden where it may tell a secret, with what a recording left out."""
    if MASK in text:
        text = text.replace(MASK, LEFT_OUT)
    return "<hidden: it may be a credential>" if _tells(text) else text


@lru_cache(maxsize=65_536)
def _is_telling(key: str) -> bool:
    """Whether the key of a map is itself a credential."""
    return bool(spot(key.encode("utf-8", "replace")))


@lru_cache(maxsize=65_536)
def _tells(text: str) -> bool:
    """Whether a text holds a credential: by its form, by a name beside it, or within what it encodes."""
    if len(text) < 6:
        return False
    if MASK in text or text.startswith(_GZIP) or _URL_LOGIN.search(text) or _AUTHORIZATION.search(text):
        return True
    if spot(text.encode("utf-8", "replace"), script=True) or any(_named(text)):
        return True
    decoded = decode_base64(text) if len(text) >= 16 else None
    inner = printable_text(decoded) if decoded else None
    return inner is not None and _tells(inner)


def _named(text: str) -> Iterator[bool]:
    """For each entry of a text that is YAML, JSON, XML, properties or a command line: whether it is a credential."""
    for match in _ENTRY.finditer(text):
        value = match[2].strip("\"'").strip()
        # A key on the next line is no value: `password:` and below it `secretKeyRef:`.
        yield sounds_secret(match[1]) and not value.endswith(":") and _HARMLESS.fullmatch(value) is None


def _without_values(entry: Any) -> Any:
    """One manager of an object's fields, without the fields where they repeat values that tell a credential."""
    if not isinstance(entry, dict) or not any(map(_repeats, _keys(entry.get("fieldsV1")))):
        return entry
    return {key: value for key, value in entry.items() if key != "fieldsV1"}


def _repeats(key: str) -> bool:
    return key.startswith(("v:", "k:")) and _tells(key[2:])


def _keys(fields: Any) -> Iterator[str]:
    pending = [fields]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            yield from (key for key in one if isinstance(key, str))
            pending += one.values()
