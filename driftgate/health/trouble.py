"""One thing that is wrong in a cluster, as a person needs to hear of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from driftgate.health.fields import Json, Ref, ref_of

__all__ = ["Trouble", "named", "said", "trouble_at"]

_LONGEST = 300
# A name and password in a URL, which drivers like to repeat in their errors.
_LOGIN_IN_URL = re.compile(r"(?<=://)[^\s/@]+(?=@)")

Refs: TypeAlias = tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with an object, what the cluster says about it, and what to do next.

    `evidence` repeats conditions, events and messages of the cluster, which is untrusted text. `hopeless` says that
    waiting does not mend it: somebody has to change something. `objects` are those whose bad health it accounts for,
    itself among them. Where one of the objects `because` of which it may have come has a trouble of its own, that one
    is told, and this one is among what `follows` from it.
    """

    group: str
    kind: str
    namespace: str
    name: str
    what: str
    evidence: tuple[str, ...] = ()
    next_step: str = ""
    hopeless: bool = False
    objects: frozenset[Ref] = frozenset()
    because: Refs = ()
    follows: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        """The object that it is told of."""
        return (self.group, self.kind, self.namespace, self.name)

    @property
    def title(self) -> str:
        """The object as people say it."""
        return named(self.ref)


def trouble_at(
    value: Json,
    what: str,
    evidence: tuple[str, ...] = (),
    next_step: str = "",
    *,
    hopeless: bool = False,
    because: Refs = (),
    objects: Refs = (),
) -> Trouble:
    """The trouble of a live object; `objects` are others that it accounts for, empty evidence is left out."""
    ref = ref_of(value)
    told = tuple(dict.fromkeys(one for one in evidence if one))
    return Trouble(*ref, what, told, next_step, hopeless=hopeless, objects=frozenset((ref, *objects)), because=because)


def named(ref: Ref) -> str:
    """An object as people say it: `Deployment plate-stg/plate-web`."""
    _group, kind, namespace, name = ref
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def said(who: str, message: str) -> str:
    """What the cluster says, with who says it; one line, cut where it is long, without logins in URLs."""
    line = _LOGIN_IN_URL.sub("…", " ".join(message.split()))
    short = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} … ({len(line)} characters)"
    return f"{who}: {short}" if short else ""
