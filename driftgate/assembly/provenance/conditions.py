"""What the templates of a chart say about values: the paths that they name, and the keys that decide over blocks."""

from __future__ import annotations

import contextlib
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath

from driftgate.model.node import Path
from driftgate.render.jobs import HelmJob

__all__ = ["USUAL_SWITCHES", "Templates"]

_ACTION = re.compile(r"\{\{-?(?P<text>.*?)-?\}\}", re.DOTALL)
_COMMENT = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", re.DOTALL)
_NAMED = re.compile(r"\.Values((?:\.[A-Za-z_]\w*)+)")
_INDEXED = re.compile(r"index\s+\$?\.Values((?:\.[A-Za-z_]\w*)*)((?:\s+\"[^\"]+\")+)")
_DECIDES = re.compile(r"^\s*(?:else\s+)?(?:if|with)\b|\b(?:ternary|eq|ne|and|or|not|has|contains)\b")
_KEY = re.compile(r"\.([A-Za-z_]\w*)(?![\w.])")
_LITERAL = re.compile(r'"([^"\\\s]{1,40})"')
_API = re.compile(r"APIVersions\.Has\s+\"([^\"]+)\"")
_SUFFIXES = (".yaml", ".yml", ".tpl", ".txt", ".json")
# How blocks are switched on wherever charts are written; a switch may be named by no template, but by Chart.yaml.
USUAL_SWITCHES = ("enabled", "create")
MAX_LITERALS = 8


@dataclass(frozen=True)
class Templates:
    """The texts of a chart's own templates, and of all with those of its subcharts, without their comments.

    What NOTES.txt prints is no object, so it does not count.
    """

    own: tuple[str, ...]
    all: tuple[str, ...]

    @classmethod
    def of(cls, job: HelmJob) -> Templates:
        """The templates of a chart that was rendered, and of every chart that it brings along."""
        own = dict(_below(FilePath(job.chart)))
        brought = [text for _, folder in job.local_dependencies for _, text in _below(FilePath(folder))]
        packed = [text for path in sorted(FilePath(job.chart).glob("charts/*.tgz")) for text in _packed(path)]
        first = tuple(text for name, text in own.items() if name.startswith("templates/"))
        return cls(first, (*own.values(), *brought, *packed))

    @cached_property
    def named(self) -> frozenset[Path]:
        """Every path of values that the chart's own templates name in full."""
        found: set[Path] = set()
        for action in self._actions(self.own):
            found |= {tuple(match[1][1:].split(".")) for match in _NAMED.finditer(action)}
            for match in _INDEXED.finditer(action):
                keys = [key for key in match[1].split(".") if key]
                found.add((*keys, *re.findall(r'"([^"]+)"', match[2])))
        return frozenset(found)

    def names(self, path: Path) -> bool:
        """Whether a template names the path itself, or something below it."""
        return any(named[: len(path)] == path for named in self.named)

    @cached_property
    def deciding(self) -> dict[str, frozenset[str]]:
        """Keys of which a block may depend, each with the texts that it is compared with."""
        found: dict[str, set[str]] = {key: set() for key in USUAL_SWITCHES}
        for action in self._actions(self.all):
            if _DECIDES.search(action):
                literals = _LITERAL.findall(action)[:MAX_LITERALS]
                for key in _KEY.findall(action):
                    found.setdefault(key, set()).update(literals)
        return {key: frozenset(literals) for key, literals in found.items()}

    @cached_property
    def api_versions(self) -> tuple[str, ...]:
        """What templates ask the cluster for."""
        return tuple(sorted({name for text in self.all for name in _API.findall(text)}))

    def holds_word(self, word: str) -> bool:
        """Whether any template holds a word, wherever."""
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        return any(pattern.search(text) for text in self.all)

    def _actions(self, texts: Iterable[str]) -> Iterable[str]:
        return (match["text"] for text in texts for match in _ACTION.finditer(text))


def _is_template(name: str) -> bool:
    parts = name.split("/")
    return name.endswith(_SUFFIXES) and "templates" in parts[:-1] and parts[-1] != "NOTES.txt"


def _below(folder: FilePath) -> Iterator[tuple[str, str]]:
    """The templates in a folder, by their path in it."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _is_template(name) and path.is_file():
            yield name, _text(path.read_bytes())


def _packed(archive: FilePath) -> Iterator[str]:
    """The templates in a packed chart; Helm has read it, so it is as small as Helm wants it."""
    with contextlib.suppress(OSError, tarfile.TarError), tarfile.open(archive) as members:
        for member in members:
            file = members.extractfile(member) if member.isfile() and _is_template(member.name) else None
            if file is not None:
                yield _text(file.read())


def _text(data: bytes) -> str:
    return _COMMENT.sub("", data.decode("utf-8", "replace"))
