"""Names without the word that stands for the environment."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Names"]


class Names:
    """Takes an environment's words out of names: `plate-web-stg`, `stg.plate-web` and `plate-web` are one name.

    A word counts where it stands by itself: everything but letters and digits separates. One separator goes with it.
    """

    def __init__(self, words: Iterable[str]) -> None:
        # The longest first, so that `prod` leaves nothing of `prod-eu` where both are words.
        choice = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if word)
        word = rf"(?<![^\W_])(?:{choice})(?![^\W_])"
        self._word = re.compile(rf"[-_./]{word}|{word}[-_./]?", re.IGNORECASE) if choice else None

    def without(self, text: str) -> str:
        """The text without the words; as it is where nothing else would be left."""
        return (self._word.sub("", text) or text) if self._word else text

    def holds(self, text: str) -> bool:
        """Whether one of the words stands in the text."""
        return self._word is not None and self._word.search(text) is not None
