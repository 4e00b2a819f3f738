from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.glob_expansion import expand_doublestar
from driftgate.semantics.globs import (
    MAX_NESTING,
    doublestar_match,
    doublestar_valid,
    filepath_match,
    gobwas_match,
    gobwas_valid,
)

from .support import vectors

_PLAIN = st.text(alphabet="abcXYZ019.-_/한é")


@pytest.mark.parametrize(("pattern", "text", "separators", "valid", "matches"), vectors("gobwas"))
def test_gobwas(pattern: str, text: str, separators: str, valid: bool, matches: bool) -> None:
    """Patterns are accepted and matched as gobwas/glob does."""
    assert (gobwas_valid(pattern, separators), gobwas_match(pattern, text, separators)) == (valid, matches)


@pytest.mark.parametrize(("pattern", "files", "listed"), vectors("doublestar_expansion"))
def test_doublestar_expansion(pattern: str, files: list[str], listed: list[str] | None) -> None:
    """A valueFiles glob lists the same paths in the same order as doublestar on a real tree."""
    assert doublestar_valid(pattern) == (listed is not None)
    assert expand_doublestar(pattern, files) == (listed or [])


@pytest.mark.parametrize(("pattern", "files", "listed"), vectors("doublestar_expansion"))
def test_doublestar_match(pattern: str, files: list[str], listed: list[str] | None) -> None:
    """Matching file by file finds exactly the files that the expansion lists."""
    matched = {file for file in files if doublestar_match(pattern, file)}
    assert matched == set(listed or []).intersection(files)


@pytest.mark.parametrize(("pattern", "name", "matches"), vectors("filepath_match"))
def test_filepath_match(pattern: str, name: str, matches: bool) -> None:
    """Patterns of AppProject resource lists match as filepath.Match does."""
    assert filepath_match(pattern, name) is matches


@pytest.mark.parametrize("match", [gobwas_match, doublestar_match, filepath_match])
def test_stars_do_not_backtrack(match: object) -> None:
    """A pattern made to blow up a backtracking matcher is answered at once."""
    assert callable(match)
    started = time.perf_counter()
    assert match("*a" * 60 + "*b", "a" * 400) is False
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(("valid", "depth", "expected"), [
    (gobwas_valid, MAX_NESTING, True),
    (gobwas_valid, MAX_NESTING + 1, False),
    (gobwas_valid, 100_000, False),
    (doublestar_valid, MAX_NESTING, True),
    (doublestar_valid, MAX_NESTING + 1, False),
    (doublestar_valid, 3_000, False),
])  # fmt: skip
def test_deep_braces_are_refused(valid: object, depth: int, expected: bool) -> None:
    """Braces nested without measure are an invalid pattern, not a crash."""
    assert callable(valid)
    assert valid("{" * depth + "a" + "}" * depth) is expected


@given(_PLAIN)
def test_plain_text_matches_itself(text: str) -> None:
    """Text without special characters matches itself in every dialect."""
    assert gobwas_match(text, text)
    assert gobwas_match(text, text, "/")
    assert doublestar_match(text, text)
    assert filepath_match(text, text)


@given(_PLAIN, _PLAIN)
def test_plain_text_matches_nothing_else(pattern: str, text: str) -> None:
    """Text without special characters matches only itself in every dialect."""
    expected = pattern == text
    assert gobwas_match(pattern, text) is expected
    assert doublestar_match(pattern, text) is expected
    assert filepath_match(pattern, text) is expected


@given(st.text(), st.text())
def test_any_pattern_has_an_answer(pattern: str, text: str) -> None:
    """No pattern raises, and an invalid one matches nothing."""
    assert gobwas_valid(pattern) or not gobwas_match(pattern, text)
    assert doublestar_valid(pattern) or not doublestar_match(pattern, text)
    assert filepath_match(pattern, text) in {True, False}


@given(st.lists(st.text(alphabet="abc-", min_size=1), min_size=1, max_size=4), st.data())
def test_braces_mean_any_of_their_alternatives(options: list[str], data: st.DataObject) -> None:
    """A choice in braces matches what one of its alternatives matches."""
    text = data.draw(st.one_of(st.sampled_from(options), st.text(alphabet="abc-")))
    pattern = "x{" + ",".join(options) + "}y"
    expected = text in options
    assert gobwas_match(pattern, f"x{text}y") is expected
    assert doublestar_match(pattern, f"x{text}y") is expected


@given(st.text(alphabet="ab*?[]{}!^-,\\/."), st.text(alphabet="ab/"))
def test_escaped_text_is_literal(text: str, other: str) -> None:
    """With every character escaped, a pattern matches exactly that text."""
    pattern = "".join("\\" + character for character in text)
    assert gobwas_match(pattern, text)
    assert filepath_match(pattern, text)
    assert gobwas_match(pattern, other) is (text == other)
