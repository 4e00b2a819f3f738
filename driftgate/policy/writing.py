"""Puts a cluster's identity into a policy file, and leaves every other byte of the file as it is."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driftgate.errors import UsageError
from driftgate.files import FileRoot
from driftgate.model.node import Node
from driftgate.policy.frame import ClusterDestination
from driftgate.policy.policy import Policy
from driftgate.yaml_reader import read_yaml, resolve_scalar

__all__ = ["destination_lines", "with_destination", "write_destination"]

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@-]*(?::[A-Za-z0-9._/@-]+)*")


def destination_lines(entry: ClusterDestination) -> tuple[str, ...]:
    """The YAML lines of one entry of `cluster.destinations`, from the dash on."""
    lines = [f"{key}: {_scalar(value)}" for key, value in _mapping(entry).items()]
    return tuple(("- " if index == 0 else "  ") + line for index, line in enumerate(lines))


def with_destination(text: str, file: str, entry: ClusterDestination) -> str:
    """The text of a policy file with one more entry under `cluster.destinations`.

    UsageError where the file is written in a style that cannot be added to without changing more of it; it is never
    changed to anything that reads otherwise than before plus the entry.
    """
    roots = read_yaml(text.encode(), file).roots
    if len(roots) == 1:
        for edited in _edits(text, roots[0], destination_lines(entry)):
            if _reads_as(edited, file, _expected(roots[0], entry)):
                return edited
    raise UsageError(f"{file}: its style leaves no place for the entry; put the lines there by hand")


def write_destination(root: Path, policy: Policy, entry: ClusterDestination) -> None:
    """Put the entry into the file of a policy, in one step: who reads it meanwhile reads all of the old or the new one.

    UsageError where there is no file, or none that can be changed.
    """
    if not policy.file:
        raise UsageError(f"{root} has no policy to write to; make policies/NAME.yaml with the lines that it prints")
    try:
        path = FileRoot(root).resolve(policy.file)
        edited = with_destination(path.read_bytes().decode(), policy.file, entry)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(edited.encode())
        try:
            Path(file.name).chmod(path.stat().st_mode & 0o7777)
            os.replace(file.name, path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{policy.file}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{policy.file}: not UTF-8; put the lines there by hand") from None


def _mapping(entry: ClusterDestination) -> dict[str, Any]:
    known = {
        "server": entry.server,
        "name": entry.name,
        "context": entry.context,
        "inCluster": entry.in_cluster or None,
        "apiServer": entry.api_server,
        "uid": entry.uid,
    }
    return {key: value for key, value in known.items() if value is not None}


def _scalar(value: str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = _PLAIN.fullmatch(value) is not None and resolve_scalar(value) == value
    if plain:
        return value
    # JSON is YAML, but for characters that YAML does not take as they are.
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(value, ensure_ascii=False))


def _expected(root: Node, entry: ClusterDestination) -> Any:
    document = root.plain()
    assert isinstance(document, dict)
    cluster = document.get("cluster")
    section: dict[str, Any] = dict(cluster) if isinstance(cluster, dict) else {}
    listed = section.get("destinations")
    section["destinations"] = [*(listed if isinstance(listed, list) else ()), _mapping(entry)]
    return {**document, "cluster": section}


def _reads_as(text: str, file: str, expected: Any) -> bool:
    read = read_yaml(text.encode(), file)
    clean = read.fault is None and not any(document.duplicates for document in read.documents)
    return clean and len(read.roots) == 1 and read.roots[0].plain() == expected


def _edits(text: str, root: Node, entry: tuple[str, ...]) -> Iterator[str]:
    """Where the entry may go, likeliest first; whoever takes one makes sure that it reads as it should."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = list(io.StringIO(text, newline=""))  # where YAML ends a line, unlike str.splitlines
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    block = [*(f"    {line}" for line in entry)]
    cluster, listed = root.get("cluster"), root.get("cluster", "destinations")
    if cluster is None:
        blank = [""] if lines and lines[-1].strip() else []
        yield _inserted(lines, len(lines), [*blank, "cluster:", "  destinations:", *block], newline)
        return
    start, column = root.keys["cluster"]
    inner = next(iter(cluster.keys.values()), (0, column + 2))[1] - 1
    if listed is None:
        end = _end_of_block(lines, start, column)
        indented = [f"{' ' * inner}destinations:", *(f"{' ' * (inner + 2)}{line}" for line in entry)]
        yield _inserted(lines, end, indented, newline)
        return
    key_line, key_column = cluster.keys["destinations"]
    emptied = [*lines]
    emptied[key_line - 1] = re.sub(r"(destinations:)[ \t]*(\[[ \t]*\]|null|~)?", r"\1", emptied[key_line - 1], count=1)
    # A list may stand as far to the left as its key: what is there already says how this one is written.
    for indent in (_dash(lines, listed), key_column + 1, key_column - 1):
        end = _end_of_block(lines, key_line, key_column, dashes=True)
        yield _inserted(emptied, end, [f"{' ' * indent}{line}" for line in entry], newline)


def _dash(lines: list[str], listed: Node) -> int:
    """The indentation of a list's first dash; 0 where there is none."""
    if not listed.items:
        return 0
    line = lines[listed.items[0].line - 1]
    return len(line) - len(line.lstrip(" "))


def _end_of_block(lines: list[str], start: int, column: int, *, dashes: bool = False) -> int:
    """How many lines there are up to the end of the block whose key stands at this line and column, both from 1.

    Blank lines and comments behind it belong to what follows, unless they are indented as deeply as the block. With
    `dashes`, list elements may stand in the key's own column.
    """
    end = start
    for index in range(start, len(lines)):
        content = lines[index].strip()
        indent = len(lines[index]) - len(lines[index].lstrip(" "))
        deeper = indent >= column or (dashes and indent == column - 1 and content.startswith("- "))
        if not content:
            continue
        if not deeper and not content.startswith("#"):
            break
        if deeper:
            end = index + 1
    return end


def _inserted(lines: list[str], at: int, new: list[str], newline: str) -> str:
    return "".join([*lines[:at], *(line + newline for line in new), *lines[at:]])
