"""What the values lines of an Application do, as text for a person."""

from __future__ import annotations

import difflib
import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from driftgate.assembly import Assembly
from driftgate.assembly.provenance import ABSENT, Blame, FieldBlame, Line, Otherwise
from driftgate.errors import UsageError
from driftgate.model.environment import LoadedApplication, ValuesRead
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path, field_path
from driftgate.model.secret import SecretValue
from driftgate.report.terminal import printable
from driftgate.semantics.giturl import without_credentials

__all__ = ["blame_text", "nearest"]

_NAMED = 3
_LONGEST = 100
_HIDDEN = "<not shown>"
_SECRET = re.compile(r"pass(word|wd|phrase)?|pwd|token|secret|credential|private|key|auth|dsn|cert", re.IGNORECASE)
# `secretName` and `tokenSecretRef` name something, and are none.
_NAMES = re.compile(r"(name|names|ref|kind|namespace|issuer|policy)$", re.IGNORECASE)
# Where anything may be said, and credentials are.
_OPEN_FIELDS = frozenset(
    {"env", "args", "command", "data", "binaryData", "stringData", "valuesObject", "values", "httpHeaders"}
)
_SECRET_BLOCKS = ("data", "stringData")


def blame_text(
    assembly: Assembly, loaded: LoadedApplication, name: str | None, fields: Sequence[str], width: int = 100
) -> str:
    """What the values lines do: to some fields of an object, to all of it, or of the whole Application.

    UsageError for an object or a field that is not rendered.
    """
    blames = assembly.blame(loaded)
    if name is None:
        return _application_text(loaded, blames, width)
    manifest = _object_of(loaded, name)
    blame = next((one for one in blames if one.render.source.index == manifest.source_index), None)
    if not fields:
        return _object_text(manifest, blame.fields(manifest) if blame is not None else ())
    texts: list[str] = []
    for path in [_path_of(manifest, field) for field in fields]:
        found = blame.fields(manifest, path) if blame is not None else (FieldBlame(manifest, path),)
        texts += [_field_text(one, width) for one in found]
    return "\n".join(texts)


def _object_of(loaded: LoadedApplication, name: str) -> Manifest:
    """The one rendered object of a name: `Kind/name`, or as findings name it; UsageError with the nearest otherwise."""
    found = [one for one in loaded.manifests if name in _names(one)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{name} is {len(found)} objects: {', '.join(one.object_id for one in found)}")
    known = [name for one in loaded.manifests for name in _names(one)]
    raise UsageError(f"{loaded.label} renders no {name}{nearest(name, known)}")


def _names(manifest: Manifest) -> tuple[str, str]:
    return _called(manifest), manifest.object_id


def _called(manifest: Manifest) -> str:
    return f"{manifest.kind}/{manifest.name}"


def _path_of(manifest: Manifest, text: str) -> Path:
    """The path of a field as findings write it, or with indexes; UsageError with the nearest where there is none."""
    known: dict[str, Path] = {}
    for path in _paths(manifest.object, ()):
        for name in (manifest.field(*path), field_path(path)):
            known.setdefault(name, path)
    if text not in known:
        raise UsageError(f"{manifest.kind}/{manifest.name} has no field {text}{nearest(text, known)}")
    return known[text]


def _paths(value: Any, path: Path) -> Iterator[Path]:
    entries: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for step, below in entries:
        yield (*path, step)
        yield from _paths(below, (*path, step))


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean …` for the nearest of the known names, or nothing."""
    close = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"; did you mean {close[0]}" if close else ""


def _application_text(loaded: LoadedApplication, blames: Sequence[Blame], width: int) -> str:
    """Every values line of an Application with what it does."""
    rows = [loaded.label]
    for blame in blames:
        read = blame.unread
        for line in blame.lines:
            rows.append(f"  {line.place}  {line.key}")
            rows += _wrapped("    ", _effect_text(line, read), width)
    if len(rows) == 1:
        rows.append("  no values line: no Helm source of it was rendered in full")
    return _lines(rows)


def _effect_text(line: Line, read: ValuesRead) -> str:
    if line.refused:
        return "every other value that was tried fails the render"
    parts = _by_object(line)
    if parts:
        return ", ".join(_some(parts))
    switches = {one.path: one.switch for one in read.unread}
    if line.path not in switches:
        return "changes nothing as long as the other values are what they are"
    if switches[line.path]:
        return f"switched off: read once {switches[line.path]} says otherwise"
    return "changes nothing, though a template names it" if line.path in read.named else "read by nothing"


def _object_text(manifest: Manifest, fields: Sequence[FieldBlame]) -> str:
    """Every field of an object that a line sets or decides over, with the line."""
    rows = [f"{_called(manifest)}  {manifest.template}"]
    for blame in fields:
        rows.append(f"  {blame.name}")
        rows += [f"    set by      {line.place}  {line.key}" for line, _ in blame.set_by]
        rows += [f"    decided by  {line.place}  {line.key}" for line, _ in blame.decided_by]
    if not fields:
        rows.append("  no values line changes anything in it")
    return _lines(rows)


def _field_text(blame: FieldBlame, width: int) -> str:
    """One field: what it is, which lines make it so, what it would be otherwise, and what else they change."""
    manifest = blame.manifest
    keys = [step for line, _ in blame.set_by for step in line.path]
    told = _HIDDEN if any(_sets_secret(line) for line, _ in blame.set_by) else _shown(blame, blame.value, keys)
    rows = [f"{_called(manifest)} {blame.name}", f"  is          {told}"]
    for what, found in (("set by", blame.set_by), ("decided by", blame.decided_by)):
        for line, otherwise in found:
            rows.append(f"  {what:<10}  {line.place}  {line.key}")
            if otherwise is not None:
                rows += _wrapped("  otherwise   ", _otherwise(blame, line, otherwise), width)
            rows += _wrapped("  changes     ", _changes(blame, line), width)
    if not (blame.set_by or blame.decided_by):
        place = manifest.place_of(*blame.path)
        rows.append(f"  set by      {place}  {'as it stands' if place.exact else 'the template: no values line does'}")
    return _lines(rows)


def _wrapped(head: str, text: str, width: int) -> list[str]:
    room = max(40, width - len(head))
    lines = textwrap.wrap(printable(text), room, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{head if index == 0 else ' ' * len(head)}{line}" for index, line in enumerate(lines)]


def _otherwise(blame: FieldBlame, line: Line, otherwise: Otherwise) -> str:
    if otherwise.fails:
        return "nothing: the render fails without the line"
    below = f", by {otherwise.source}" if otherwise.source is not None else ""
    if otherwise.without_object:
        return f"no such object{below}"
    told = _HIDDEN if _sets_secret(line) else _shown(blame, otherwise.value, line.path)
    return f"{told}{below}"


def _sets_secret(line: Line) -> bool:
    """Whether a line sets a value of a Secret too: what it sets elsewhere is the same value, or made of it."""
    return any(
        object_.startswith("Secret/") and re.split(r"[.\[]", name)[0] in _SECRET_BLOCKS
        for object_, name in line.changes
    )


def _changes(blame: FieldBlame, line: Line) -> str:
    """What else a line does: fields of the same object by name, others by their number."""
    called = _called(blame.manifest)
    own = [name for object_, name in line.changes if object_ == called]
    parts = [*_some(own), *_some(_by_object(line, besides=called))]
    return f"also {', '.join(parts)}" if parts else "nothing else"


def _by_object(line: Line, besides: str = "") -> list[str]:
    counts = Counter(object_ for object_, _ in line.changes if object_ != besides)
    parts = [f"{_count(count, 'field')} of {object_}" for object_, count in counts.items()]
    return [*parts, *(f"whether there is {object_}" for object_ in (*line.comes, *line.goes))]


def _shown(blame: FieldBlame, value: Any, key: Iterable[str | int]) -> str:
    """A value as it may be shown: none of a Secret, none under a key that sounds secret, none where anything stands."""
    if value is ABSENT:
        return "absent"
    steps = [step for step in (*blame.path, *key) if isinstance(step, str)]
    is_open = any(step in _OPEN_FIELDS for step in blame.path)
    secret = any(_SECRET.search(step) and not _NAMES.search(step) for step in steps)
    if isinstance(value, SecretValue) or blame.manifest.kind.casefold() == "secret" or is_open or secret:
        return _HIDDEN
    text = without_credentials(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if "\n" in text.rstrip("\n"):
        return f"a text of {text.count(chr(10)) + 1} lines"
    return text.rstrip("\n") if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _some(parts: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    return [*parts[:_NAMED], f"{len(parts) - _NAMED} more"] if len(parts) > _NAMED + 1 else list(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{printable(row)}\n" for row in rows)
