"""Files of one root, read without ever leaving it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
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
class _Walk:
    """The files and the symlinks below a folder; a link to a file is both."""

    files: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def add(self, entry: os.DirEntry[str], path: str, folders: list[str]) -> None:
        """Sort one entry in, or put it among the folders that are still to be read."""
        is_link = entry.is_symlink()
        if is_link and entry.name not in SkippedFolders:
            self.links.append(path)
        if not _is_folder(entry):
            self.files.append(path)
        elif not is_link and entry.name not in SkippedFolders:
            folders.append(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of symlinks
        return False


@dataclass(frozen=True, slots=True)
class FileRoot:
    """One folder on disk that stands for a repository's root.

    `label` is put before paths in places ("" for the judged tree itself, else what was fetched or exported). Every
    relative path uses forward slashes.
    """

    path: Path
    label: str = ""
    _real: Path = field(init=False, repr=False, compare=False)
    # A tree does not change while it is judged, and is asked for the same folders again and again.
    _folders: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    _walked: dict[str, _Walk] = field(default_factory=dict, init=False, repr=False, compare=False)

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
        target, real = self._real_path(relative), str(self._real)
        if target != real and not target.startswith(os.path.join(real, "")):
            raise OutOfRootError(f"{relative} leads out of the repository")
        return Path(target)

    def _real_path(self, relative: str) -> str:
        """The path with every symlink followed; one that a loop of symlinks keeps from ending stays as it is."""
        folder, _, name = relative.rpartition("/")
        if name in ("", ".", ".."):
            return os.path.realpath(os.path.join(self._real, relative))
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(os.path.join(self._real, folder))
        path = os.path.join(self._folders[folder], name)
        return os.path.realpath(path) if os.path.islink(path) else path

    def is_file(self, relative: str) -> bool:
        """Whether a file stands there, inside the root."""
        try:
            return self.resolve(relative).is_file()
        except (OSError, ValueError):
            return False

    def is_dir(self, relative: str) -> bool:
        """Whether a folder stands there, inside the root."""
        try:
            return self.resolve(relative).is_dir()
        except (OSError, ValueError):
            return False

    def read(self, relative: str) -> bytes:
        """The bytes of a file; OSError where it cannot be read or leads out of the root."""
        return self.resolve(relative).read_bytes()

    def head(self, relative: str, most: int) -> tuple[bytes, int] | None:
        """The first bytes of a file that `files` named, and its size; None for a link and for what is no plain file.

        Quicker than `read` for the thousands of files of a tree: `files` has walked to them without following a link.
        """
        try:
            handle = os.open(f"{self._real}/{relative}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                return None  # a link, or a socket
            raise
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return None
            return os.read(handle, min(status.st_size, most)), status.st_size
        finally:
            os.close(handle)

    def files(self, below: str = "") -> Iterator[str]:
        """Every file below a folder, in no order; links to folders are not followed."""
        return iter(self._walk(below).files)

    def escaping_links(self) -> list[str]:
        """Every symlink that is absolute or leads out of the root, sorted.

        Argo CD refuses the whole repository over one of them (argo-cd: util/app/path/path.go
        `CheckOutOfBoundsSymlinks`).
        """
        return sorted(link for link in self._walk("").links if self._escapes(self._real / link))

    def links_out_of(self, directory: str) -> list[str]:
        """Every symlink that leaves the root, below a folder or below what its links lead to, sorted.

        Without the folders that are skipped elsewhere: Helm and kustomize follow links in them as in any other.
        """
        found: set[str] = set()
        seen: set[str] = set()
        pending = [str(self.resolve(directory))]
        while pending:
            folder = pending.pop()
            if folder in seen or os.path.basename(folder) == ".git":
                continue
            seen.add(folder)
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_symlink() and self._escapes(Path(entry.path)):
                        found.add(os.path.relpath(entry.path, self._real))
                    elif _is_folder(entry):
                        pending.append(os.path.realpath(entry.path))
        return sorted(found)

    def _walk(self, below: str) -> _Walk:
        if below not in self._walked:
            self._walked[below] = walk = _Walk()
            folders = [below]
            while folders:
                folder = folders.pop()
                with contextlib.suppress(OSError), os.scandir(os.path.join(self._real, folder)) as entries:
                    for entry in entries:
                        walk.add(entry, f"{folder}/{entry.name}" if folder else entry.name, folders)
        return self._walked[below]

    def _escapes(self, link: Path) -> bool:
        target = os.readlink(link)
        if os.path.isabs(target):
            return True
        # As written, which is how Argo CD looks at it, and as the system follows it: `..` of a link is not its parent.
        landings = Path(os.path.normpath(link.parent / target)), Path(os.path.realpath(link))
        return any(landing != self._real and self._real not in landing.parents for landing in landings)

    def nearest(self, relative: str) -> str:
        """The existing path most like one that does not exist: "did you mean"; "" where nothing is near."""
        import difflib

        parts = relative.strip("/").split("/")
        here = self._real
        for depth, part in enumerate(parts):
            if self._holds(here / part):
                here = here / part
                continue
            try:
                names = sorted(entry.name for entry in here.iterdir() if self._holds(entry))
            except OSError:
                return ""
            near = difflib.get_close_matches(part, names, n=1, cutoff=0.5)
            if not near:
                return "/".join(parts[:depth])
            here = here / near[0]
            tail = here.joinpath(*parts[depth + 1 :])
            found = tail if self._holds(tail) else here
            return found.relative_to(self._real).as_posix()
        return "/".join(parts)

    def _holds(self, path: Path) -> bool:
        """Whether a path exists inside the root: what lies elsewhere is not even named."""
        with contextlib.suppress(OSError, ValueError):
            return path.exists() and path.resolve().is_relative_to(self._real)
        return False
