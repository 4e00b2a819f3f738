"""Tokens of vendors by their form: the detectors of `detect-secrets` that are certain, and newer forms beside them.

Of the library's 27 detectors those are used that know a vendor's own prefix or structure. Left out are the ones that
judge by entropy, by the name of a variable or by two letters and hexadecimal digits: digests, UUIDs and certificates
are everywhere in manifests. The library takes its time to import, so it waits for a text in which one of its forms
may be: `SUSPECT` is looked for first, and a test holds it to the library's own patterns.
"""

from __future__ import annotations

import base64
import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any, Protocol

__all__ = ["SUSPECT", "detectors", "is_dummy", "tokens"]


class _Detector(Protocol):
    """What is used of a detector of the library; its own search hands out groups of a match, without their place."""

    @property
    def denylist(self) -> Iterable[re.Pattern[str]]: ...


# The forms that the library has no detector for, or an older one. Each is matched as a whole word.
_FORMS = (
    ("GitHub token", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("OpenBao or Vault token", r"hv[sbr]\.[A-Za-z0-9_-]{24,}"),
    ("OpenBao or Vault token", r"[sbr]\.(?=[A-Za-z]*[0-9])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{24}"),
    ("Google API key", r"AIza[A-Za-z0-9_-]{35}"),
    ("Google OAuth secret", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    ("Anthropic API key", r"sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{80,}"),
    ("OpenAI API key", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}"),
    ("Hugging Face token", r"hf_[A-Za-z]{34}"),
    ("npm token", r"npm_[A-Za-z0-9]{36}"),
    ("Docker Hub token", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}"),
    ("DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}"),
    ("Grafana token", r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}"),
    ("Slack token", r"xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-f0-9]{32,}"),
    ("Atlassian token", r"ATATT3xFfGF0[A-Za-z0-9_-]{100,}"),
    ("age secret key", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("Telegram bot token", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
)
# An AWS access key id; the library's patterns of Slack take shorter ones, which nobody issues.
_SHORTEST = 20
# One of these stands in every run of letters, digits and `_-.` that a form or a detector matches. Every alternative
# begins with a letter, which lets the engine skip to the next place where one may begin.
SUSPECT = re.compile(
    rb"A3T|AKIA|ASIA|ABIA|ACCA|gh[pousr]_|github_pat_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent)-|gloas-|GR1348941"
    rb"|xox[abposr]-|xapp-|eyJ|rk_live_|sk_live_|T3BlbkFJ|pypi-AgE|SG\.|sq0csp-|-us[0-9]|hv[sbr]\.|AIza|GOCSPX-"
    rb"|sk-(?:ant|proj|svcacct|admin)-|hf_|npm_|dckr_|do[opr]_v1_|glsa_|ATATT3|AGE-SECRET-KEY-1"
    rb"|s\.[A-Za-z0-9]{24}|b\.[A-Za-z0-9]{24}|r\.[A-Za-z0-9]{24}|AA[A-Za-z0-9_-]{33}"
)


class _LazyClient(ModuleType):
    """Stands in for the HTTP client until somebody uses it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def _lazy_http_client() -> Iterator[None]:
    """Import the library without its HTTP client, which it has for asking vendors whether a token is valid.

    Nobody is asked here. The client opens a socket as it is imported, and takes most of the time.
    """
    if "requests" in sys.modules:
        yield
        return
    sys.modules["requests"] = _LazyClient("requests")
    try:
        yield
    finally:
        del sys.modules["requests"]


@cache
def detectors() -> tuple[tuple[str, _Detector], ...]:
    """The library's detectors that are used, each with what it finds."""
    with _lazy_http_client():
        from detect_secrets.plugins.aws import AWSKeyDetector
        from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
        from detect_secrets.plugins.github_token import GitHubTokenDetector
        from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
        from detect_secrets.plugins.jwt import JwtTokenDetector
        from detect_secrets.plugins.mailchimp import MailchimpDetector
        from detect_secrets.plugins.openai import OpenAIDetector
        from detect_secrets.plugins.pypi_token import PypiTokenDetector
        from detect_secrets.plugins.sendgrid import SendGridDetector
        from detect_secrets.plugins.slack import SlackDetector
        from detect_secrets.plugins.square_oauth import SquareOAuthDetector
        from detect_secrets.plugins.stripe import StripeDetector
    return (
        ("AWS access key", AWSKeyDetector()),
        ("Azure storage key", AzureStorageKeyDetector()),
        ("GitHub token", GitHubTokenDetector()),
        ("GitLab token", GitLabTokenDetector()),
        ("JSON Web Token", JwtTokenDetector()),
        ("Mailchimp API key", MailchimpDetector()),
        ("OpenAI API key", OpenAIDetector()),
        ("PyPI token", PypiTokenDetector()),
        ("SendGrid API key", SendGridDetector()),
        ("Slack token", SlackDetector()),
        ("Square secret", SquareOAuthDetector()),
        ("Stripe live key", StripeDetector()),
    )


@cache
def _forms() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(rf"(?<![A-Za-z0-9_-])(?:{form})(?![A-Za-z0-9_-])")) for kind, form in _FORMS)


def tokens(line: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each token in one line; they may overlap, as one token may have two vendors' forms."""
    for kind, pattern in _forms():
        for match in pattern.finditer(line):
            if not is_dummy(match[0]):
                yield match.start(), match.end(), kind
    for kind, detector in detectors():
        for pattern in detector.denylist:
            for match in pattern.finditer(line):
                if _is_whole(line, match.start(), match.end()) and _is_valid(kind, match[0]):
                    yield match.start(), match.end(), kind


def _is_whole(line: str, start: int, end: int) -> bool:
    """Whether a match is no part of a longer word: inside base64 every short form turns up by chance."""
    before, after = line[start - 1 : start], line[end : end + 1]
    inside = bool(after) and after.isalnum() and line[end - 1].isalnum()
    return not (inside or (before and (before.isalnum() or before in "_-+/")))


def _is_valid(kind: str, token: str) -> bool:
    if kind == "JSON Web Token" and not _is_json_header(token):
        return False
    return len(token) >= _SHORTEST and not is_dummy(token)


def _is_json_header(token: str) -> bool:
    """Whether the first part of a token is JSON that names an algorithm (RFC 7515, section 4.1.1)."""
    header = token.partition(".")[0]
    try:
        decoded = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(decoded, dict) and "alg" in decoded


def is_dummy(token: str) -> bool:
    """Whether a token is one of a manual: it says EXAMPLE, or is made of very few different characters."""
    return "EXAMPLE" in token.upper() or len(set(token[-20:])) < 8
