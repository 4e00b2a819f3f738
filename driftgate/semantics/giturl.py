"""Repository URLs in the form in which Argo CD compares them.

Source: Argo CD ``util/git/git.go`` (``NormalizeGitURL``, ``SameURL``), which passes them through Go's
``net/url``.
"""

from __future__ import annotations

import ipaddress
import re
import string
from urllib.parse import unquote

from driftgate.semantics.go_text import to_lower, trim_space

OCI_PREFIX = "oci://"

_SSH = re.compile(r"(ssh://)?([^/:]*?)@[^@]+", re.DOTALL)
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_PORT = re.compile(r"(:[0-9]*)?")
_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{0,30})://(?P<user>[^/?#\s@:]*)(?P<password>:[^/?#\s]*)?@")

_UNRESERVED = string.ascii_letters + string.digits + "-_.~"
#: What Go leaves as it is in each part when it writes a URL.
_PLAIN_PATH = frozenset(_UNRESERVED + "$&+,/:;=@")
_PLAIN_USER = frozenset(_UNRESERVED + "$&+,;=")
_PLAIN_HOST = frozenset(_UNRESERVED + "!$&'()*+,;=:[]<>\"")
_PLAIN_FRAGMENT = frozenset(_UNRESERVED + "$&+,/:;=?@!()*")
#: What makes Go keep a path or fragment as it was written.
_ALSO_VALID = frozenset("!$&'()*+,;=:@[]%")
_USERINFO = frozenset(_UNRESERVED + ":!$&'()*+,;=%@")


class _InvalidURLError(ValueError):
    """Raised inside this module for a URL that Go cannot parse."""


def is_oci(url: str) -> bool:
    """Tell whether Argo CD takes the repository for an OCI registry; the prefix is case-sensitive."""
    return url.startswith(OCI_PREFIX)


def without_credentials(text: str) -> str:
    """Return a text, such as a URL or a message, with the credentials cut from every URL in it.

    A user without password stays in SSH URLs, where it is part of the address; over HTTP it may be a token.
    """

    def cut(match: re.Match[str]) -> str:
        user = f"{match['user']}@" if match["user"] and "ssh" in match["scheme"].lower() else ""
        return f"{match['scheme']}://{user}"

    return _CREDENTIALS.sub(cut, text)


def credentials_of(url: str) -> tuple[str, str]:
    """Return user and password of an HTTP or OCI URL, with escapes undone; empty texts where it has none."""
    match = _CREDENTIALS.match(url)
    if match is None or "ssh" in match["scheme"].lower():
        return "", (match["password"] or "").removeprefix(":") if match else ""
    return unquote(match["user"]), unquote((match["password"] or "").removeprefix(":"))


def same_repository(a: str, b: str) -> bool:
    """Tell whether Argo CD takes two URLs for one repository; a URL that Go cannot parse equals only itself.

    The scheme, the user and the port count: ``https://host/o/r`` and ``git@host:o/r`` are two repositories.
    """
    left, right = normalize_git_url(a) or a, normalize_git_url(b) or b
    return bool(left) and left == right


def normalize_git_url(url: str) -> str:
    """Return the URL as Argo CD compares it; the empty text for one that Go cannot parse.

    Trimmed and lower-cased; ``git@host:o/r`` becomes ``git@host/o/r``; a final ``.git`` and a leading
    ``ssh://`` are cut. Neither ports nor users are unified. A pattern with characters that Go escapes in a
    path, such as braces, comes out escaped, and then matches nothing.
    """
    url = to_lower(trim_space(url))
    if _SSH.fullmatch(url) and not url.startswith("ssh://"):
        url = "ssh://" + url.replace(":", "/", 1).removeprefix("ssh://")
    try:
        return _rewrite(url.removesuffix(".git")).removeprefix("ssh://")
    except _InvalidURLError:
        return ""


def _rewrite(url: str) -> str:
    """Parse and write a URL as Go does (``url.Parse`` and ``URL.String``)."""
    url, _, fragment = url.partition("#")
    if any(character < " " or character == "\x7f" for character in url):
        raise _InvalidURLError(url)
    if url == "*":
        return url + _fragment(fragment)
    scheme, rest = _cut_scheme(url)
    rest, query = _cut_query(rest)
    if scheme and not rest.startswith("/"):
        return f"{scheme}:{rest}{query}{_fragment(fragment)}"
    if not scheme and ":" in rest.partition("/")[0]:
        raise _InvalidURLError(url)
    authority = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        host, slash, path = rest[2:].partition("/")
        authority, rest = _authority(scheme, host), slash + path
        if authority or (scheme and rest):
            authority = "//" + authority
    path = _written(rest, _PLAIN_PATH)
    prefix = f"{scheme}:" if scheme else ""
    if not prefix and not authority and ":" in path.partition("/")[0]:
        path = "./" + path
    return prefix + authority + path + query + _fragment(fragment)


def _cut_scheme(url: str) -> tuple[str, str]:
    if url.startswith(":"):
        raise _InvalidURLError(url)
    match = _SCHEME.match(url)
    return (match[1], url[match.end() :]) if match else ("", url)


def _cut_query(rest: str) -> tuple[str, str]:
    rest, mark, query = rest.partition("?")
    return rest, mark + query


def _fragment(fragment: str) -> str:
    return "#" + _written(fragment, _PLAIN_FRAGMENT) if fragment else ""


def _authority(scheme: str, authority: str) -> str:
    user, at, host = authority.rpartition("@")
    host = _host(scheme, host)
    if not at:
        return host
    if not _USERINFO.issuperset(user):
        raise _InvalidURLError(authority)
    name, colon, password = user.partition(":")
    return f"{_escape(_unescape(name), _PLAIN_USER)}{colon}{_escape(_unescape(password), _PLAIN_USER)}@{host}"


def _host(scheme: str, host: str) -> str:
    if "[" in host:
        return _bracketed_host(host)
    # Only http and https insist that the first colon starts the port.
    colon = host.find(":") if scheme in {"http", "https"} else host.rfind(":")
    if colon >= 0 and not _PORT.fullmatch(host[colon:]):
        raise _InvalidURLError(host)
    return _escape(_unescape_host(host), _PLAIN_HOST)


def _bracketed_host(host: str) -> str:
    address, bracket, port = host[1:].rpartition("]")
    if not host.startswith("[") or not bracket or not _PORT.fullmatch(port):
        raise _InvalidURLError(host)
    try:
        ipaddress.IPv6Address(address.replace("%25", "%"))
    except ValueError as error:
        raise _InvalidURLError(host) from error
    return host


def _unescape_host(host: str) -> bytes:
    """Undo percent escapes, which a host may use only for bytes beyond ASCII (and for the percent sign)."""
    for match in re.finditer(r"%(..?)?", host):
        if match[0] != "%25" and not re.fullmatch(r"%[89a-fA-F][0-9a-fA-F]", match[0]):
            raise _InvalidURLError(host)
    if any(character.isascii() and character not in _PLAIN_HOST and character != "%" for character in host):
        raise _InvalidURLError(host)
    return _unescape(host)


def _written(part: str, plain: frozenset[str]) -> str:
    """Return a path or fragment as Go writes it: unchanged when it holds nothing odd, else escaped anew."""
    decoded = _unescape(part)
    if (plain | _ALSO_VALID).issuperset(part):
        return part
    return _escape(decoded, plain)


def _unescape(part: str) -> bytes:
    if _ESCAPE.search(part):
        raise _InvalidURLError(part)
    return re.sub(
        rb"%([0-9a-fA-F]{2})",
        lambda match: bytes([int(match[1], 16)]),
        part.encode("utf-8", "surrogatepass"),
    )


def _escape(part: bytes, plain: frozenset[str]) -> str:
    return "".join(chr(byte) if chr(byte) in plain else f"%{byte:02X}" for byte in part)
