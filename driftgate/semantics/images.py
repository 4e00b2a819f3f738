"""Image references such as ``registry.example.com/team/app:1.2@sha256:…``.

Source: ``github.com/distribution/reference`` (``ParseNormalizedNamed``), which the kubelet asks before it pulls, and
``k8s.io/kubernetes/pkg/util/parsers`` (``ParseImageName``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Image", "default_pull_policy", "parse_image"]

DEFAULT_REGISTRY = "docker.io"
_OFFICIAL = "library"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_MAX_PATH = 255


@dataclass(frozen=True, slots=True)
class Image:
    """An image reference in its normal form.

    `registry` and `path` are filled in as container runtimes do: `nginx` is `docker.io` and `library/nginx`. `tag`
    and `digest` are empty where they are not written, `registry` where the parser accepts no part of it as a host.
    """

    registry: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def repository(self) -> str:
        """Registry and path together."""
        return f"{self.registry}/{self.path}" if self.registry else self.path

    @property
    def effective_tag(self) -> str:
        """The tag that is pulled: `latest` where neither tag nor digest is written."""
        return self.tag or ("" if self.digest else "latest")

    def is_below(self, prefix: str) -> bool:
        """Whether the image comes from a registry, or from a path of it: whole path components are compared."""
        wanted = prefix.strip("/")
        return self.repository == wanted or self.repository.startswith(f"{wanted}/")


@lru_cache(maxsize=4096)  # a handful of images, asked for by every check that speaks of them
def parse_image(text: str) -> Image | None:
    """Read an image reference; None for what a kubelet refuses as InvalidImageName."""
    if _IDENTIFIER.fullmatch(text):
        return None
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return None
    registry, path = _split_registry(rest)
    path, colon, tag = path.partition(":")
    if (colon and not _TAG.fullmatch(tag)) or not _PATH.fullmatch(path):
        return None
    if not _DOMAIN.fullmatch(registry):
        # A host with an underscore is no host; the parser then takes it for the path's first component.
        registry, path = "", f"{registry}/{path}"
    if not _PATH.fullmatch(path) or len(path) > _MAX_PATH:
        return None
    return Image(registry, path, tag, digest)


def _split_registry(text: str) -> tuple[str, str]:
    """The registry and the rest: the first component is a registry only if it looks like a host."""
    first, slash, rest = text.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    registry, path = (first, rest) if is_host else (DEFAULT_REGISTRY, text)
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"{_OFFICIAL}/{path}"
    return registry, path


def default_pull_policy(image: Image) -> str:
    """The pull policy that the API server fills in (kubernetes: pkg/apis/core/v1/defaults.go)."""
    return "Always" if image.effective_tag == "latest" else "IfNotPresent"
