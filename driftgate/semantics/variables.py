"""References to variables, `$(NAME)`, in the commands, arguments and variables of containers.

Source: kubernetes ``third_party/forked/golang/expansion/expand.go``; ``pkg/kubelet/kubelet_pods.go``,
``makeEnvironmentVariables``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["is_service_link", "references"]

# The variables of Services of the same namespace: kubernetes pkg/kubelet/envvars/envvars.go.
_SERVICE_LINK = re.compile(r"[A-Z0-9_]+_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_[A-Z]+(_[A-Z]+)?)?)")


def references(text: str) -> Iterator[str]:
    """The names of a text's references, in order; `$$` stands for a dollar sign, and an open `$(` for itself."""
    position = 0
    while (position := text.find("$", position)) >= 0:
        following = text[position + 1 : position + 2]
        end = text.find(")", position) if following == "(" else -1
        if end >= 0:
            yield text[position + 2 : end]
            position = end + 1
        else:
            # An escape takes its second dollar sign with it; any other sign stands for itself.
            position += 2 if following == "$" else 1


def is_service_link(name: str) -> bool:
    """Whether a variable is called like those that the kubelet sets for each Service of the namespace."""
    return _SERVICE_LINK.fullmatch(name) is not None
