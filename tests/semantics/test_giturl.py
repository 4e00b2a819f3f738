from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.semantics.giturl import is_oci, normalize_git_url, same_repository

from .support import vectors


@pytest.mark.parametrize(("url", "normalized"), vectors("git_urls"))
def test_normalized(url: str, normalized: str) -> None:
    """Repository URLs are normalised, and refused, as Argo CD does."""
    assert normalize_git_url(url) == normalized


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("https://github.com/Org/Repo.git", " https://github.com/org/repo", True),
        ("git@github.com:org/repo.git", "ssh://git@github.com/org/repo", True),
        ("git@github.com:org/repo.git", "https://github.com/org/repo", False),
        ("ssh://git@github.com:22/org/repo", "ssh://git@github.com/org/repo", False),
        ("https://github.com/org/repo/", "https://github.com/org/repo", False),
        ("https://bad host/r", "https://bad host/r", True),
        ("https://bad host/r", "https://bad host/R", False),
        ("", "", False),
    ],
)
def test_same_repository(left: str, right: str, same: bool) -> None:
    """Two spellings of a URL are one repository only where Argo CD says so."""
    assert same_repository(left, right) is same
    assert same_repository(right, left) is same


@pytest.mark.parametrize(
    ("url", "oci"), [("oci://registry.example/charts", True), ("OCI://r", False), ("https://oci://", False)]
)
def test_oci(url: str, oci: bool) -> None:
    """Only the lower-case prefix makes an OCI source."""
    assert is_oci(url) is oci


@given(st.text())
def test_any_text_has_an_answer(url: str) -> None:
    """No text raises, and every text but the empty one is the same repository as itself."""
    assert isinstance(normalize_git_url(url), str)
    assert same_repository(url, url) is (url != "")


@given(st.from_regex(r"https://[a-z]{1,9}\.example/[a-zA-Z0-9_-]{1,9}/[a-zA-Z0-9_-]{1,9}", fullmatch=True))
def test_ordinary_urls_are_lower_cased_only(url: str) -> None:
    """An ordinary URL loses nothing but its capitals and a final .git."""
    assert normalize_git_url(url) == url.lower()
    assert normalize_git_url(url + ".git") == url.lower()
