"""What the page about agreement says in words: differences that are known, and why some pairs have no answer."""

from __future__ import annotations

from dataclasses import dataclass

#: How the name of an outcome begins that is no answer, and that of one on which the two disagree.
NO_ANSWER = "could not check"
DIFFERENT = "differs"


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that is known, why it is there, and the test that notices when it goes: `path::name`."""

    area: str
    what: str
    why: str
    test: str


@dataclass(frozen=True, slots=True)
class Untold:
    """An outcome without an answer, why there is none, and the test that counts or provokes it: `path::name`."""

    area: str
    outcome: str
    why: str
    test: str
