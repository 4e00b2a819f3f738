"""What a search for credentials found in the files of a tree: kinds and lines, never a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CredentialScan", "Spotted"]


@dataclass(frozen=True, slots=True)
class Spotted:
    """One credential in a text: the line it begins on, and what it is in a person's words, such as `GitHub token`.

    `key` is set where the name of a variable alone speaks for it, and is that name.
    """

    line: int
    kind: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class CredentialScan:
    """The credentials of each file that has some, by path; how many files were read, and which could not be and why."""

    found: tuple[tuple[str, tuple[Spotted, ...]], ...] = ()
    files: int = 0
    unread: tuple[tuple[str, str], ...] = ()
