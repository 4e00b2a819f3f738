"""Files of one root, read without ever leaving it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from driftgate.model.place import Place

__all__ = ["FileRoot", "OutOfRootError", "SkippedFolders"]

# Folders that hold no repository content of their own; an Application that names one as its path is still followed.
SkippedFolders = frozenset(
    {".git", ".hg", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache",
     ".pytest_cache", ".terraform", ".hypothesis", ".eggs"}
)  # fmt: skip


class OutOfRootError(OSError):
    """A path leads out of the root, by `..` or through a symlink."""


@dataclass(frozen=True, slots=True)
class FileRoot:
    """One folder on disk that stands for a repository's root.

    `label` is put before paths in places ("" for the judged tree itself, else what was fetched or exported). Every
    relative path uses forward slashes.
    """

    path: Path
    label: str = ""
    _real: Path = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_real", self.path.resolve())

    def place(self, relative: str, line: int = 0, column: int = 0) -> Place:
        """The place of a file of this root."""
        return Place(self.display(relative), line, column)

    def display(self, relative: str) -> str:
        """How a file of this root is called in a place."""
        return f"{self.label}{relative}" if self.label else relative

    def resolve(self, relative: str) -> Path:
        """The file on disk, symlinks followed; OutOfRootError where that leads out of the root."""
        target = (self._real / relative).resolve()
        if target != self._real and self._real not in target.parents:
            raise OutOfRootError(f"{relative} leads out of the repository")
        return target

    def is_file(self, relative: str) -> bool:
        """Whether a file stands there, inside the root."""
        try:
            return self.resolve(relative).is_file()
        except (OSError, ValueError, RuntimeError):
            return False

    def is_dir(self, relative: str) -> bool:
        """Whether a folder stands there, inside the root."""
        try:
            return self.resolve(relative).is_dir()
        except (OSError, ValueError, RuntimeError):
            return False

    def read(self, relative: str) -> bytes:
        """The bytes of a file; OSError where it cannot be read or leads out of the root."""
        return self.resolve(relative).read_bytes()

    def files(self, below: str = "") -> Iterator[str]:
        """Every file below a folder, in byte order of the whole path; links to folders are not followed."""
        start = self._real / below if below else self._real
        for directory, folders, names in os.walk(start):
            folders[:] = [name for name in folders if name not in SkippedFolders]
            base = Path(directory).relative_to(self._real).as_posix()
            for name in names:
                yield name if base == "." else f"{base}/{name}"

    def escaping_links(self) -> list[str]:
        """Every symlink that is absolute or leads out of the root, sorted.

        Argo CD refuses the whole repository over one of them (argo-cd: util/app/path/path.go
        `CheckOutOfBoundsSymlinks`).
        """
        found = []
        for directory, folders, names in os.walk(self._real):
            base = Path(directory)
            for name in [*folders, *names]:
                if (base / name).is_symlink() and self._escapes(base / name):
                    found.append((base / name).relative_to(self._real).as_posix())
            folders[:] = [name for name in folders if name not in SkippedFolders]
        return sorted(found)

    def _escapes(self, link: Path) -> bool:
        target = os.readlink(link)
        if os.path.isabs(target):
            return True
        landing = Path(os.path.normpath(link.parent / target))
        return landing != self._real and self._real not in landing.parents

    def nearest(self, relative: str) -> str:
        """The existing path most like one that does not exist: "did you mean"; "" where nothing is near."""
        import difflib

        parts = relative.strip("/").split("/")
        here = self._real
        for depth, part in enumerate(parts):
            if (here / part).exists():
                here = here / part
                continue
            try:
                names = sorted(entry.name for entry in here.iterdir())
            except OSError:
                return ""
            near = difflib.get_close_matches(part, names, n=1, cutoff=0.5)
            if not near:
                return "/".join(parts[:depth])
            here = here / near[0]
            tail = here.joinpath(*parts[depth + 1 :])
            found = tail if tail.exists() else here
            return found.relative_to(self._real).as_posix()
        return "/".join(parts)
