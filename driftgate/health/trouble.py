"""One thing that is wrong in a cluster, as a person needs to hear of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from driftgate.health.fields import Json, Ref, ref_of

__all__ = ["Family", "Trouble", "named", "said", "trouble_at"]

_LONGEST = 300
# A name and password in a URL, which drivers like to repeat in their errors.
_LOGIN_IN_URL = re.compile(r"(?<=://)[^\s/@]+(?=@)")

Refs: TypeAlias = tuple[Ref, ...]


class Family(Enum):
    """What sort of trouble it is; the value is the check that tells of it."""

    NAMESPACE_TERMINATING = "namespace-terminating"
    QUOTA_EXHAUSTED = "quota-exhausted"
    STORE = "secret-store-not-ready"
    EXTERNAL = "external-secret-not-ready"
    CERTIFICATE = "certificate-not-ready"
    CERTIFICATE_ENDING = "certificate-ending"
    VOLUME_CLAIM = "volume-claim-not-bound"
    POD_PENDING = "pod-pending"
    POD_FAILED = "pod-failed"
    POD_REFUSED = "pod-refused"
    IMAGE = "image-not-pulled"
    CONTAINER_UNMADE = "container-not-created"
    CONTAINER_CRASHING = "container-crashing"
    OUT_OF_MEMORY = "container-out-of-memory"
    CONTAINER_UNREADY = "container-not-ready"
    ROLLOUT = "rollout-incomplete"
    JOB = "job-failed"
    ENDPOINTS = "service-without-endpoints"
    LOAD_BALANCER = "service-without-address"
    INGRESS_ADDRESS = "ingress-without-address"
    INGRESS_BACKEND = "ingress-backend-not-there"
    TLS = "tls-secret-not-there"
    DEGRADED = "object-degraded"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with an object, what the cluster says about it, and what to do next.

    `evidence` repeats conditions, events and messages of the cluster, which is untrusted text. `hopeless` says that
    waiting does not mend it: somebody has to change something. `objects` are those whose bad health it accounts for,
    itself among them. Where one of the objects `because` of which it may have come has a trouble of its own, that one
    is told, and this one is among what `follows` from it. `field` is what to look at in Git first: a path within the
    object, or within the container of this name in its Pod template.
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
    family: Family = Family.DEGRADED
    field: tuple[str | int, ...] = ()
    container: str = ""

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
    family: Family = Family.DEGRADED,
    field: tuple[str | int, ...] = (),
    container: str = "",
) -> Trouble:
    """The trouble of a live object; `objects` are others that it accounts for, empty evidence is left out."""
    ref = ref_of(value)
    told = tuple(dict.fromkeys(one for one in evidence if one))
    return Trouble(
        *ref,
        what,
        told,
        next_step,
        hopeless=hopeless,
        objects=frozenset((ref, *objects)),
        because=because,
        family=family,
        field=field,
        container=container,
    )


def named(ref: Ref) -> str:
    """An object as people say it: `Deployment plate-stg/plate-web`."""
    _group, kind, namespace, name = ref
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def said(who: str, message: str) -> str:
    """What the cluster says, with who says it; one line, cut where it is long, without logins in URLs."""
    line = _LOGIN_IN_URL.sub("…", " ".join(message.split()))
    short = line if len(line) <= _LONGEST else f"{line[:_LONGEST]} … ({len(line)} characters)"
    return f"{who}: {short}" if short else ""
