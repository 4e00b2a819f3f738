"""Which lists tell of which trouble: what has to be read of a cluster, and what nobody can say without it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from driftgate.health.trouble import Family

__all__ = ["READS", "Kind", "Reads", "lists_beside", "lists_for"]

#: Group and kind.
Kind: TypeAlias = tuple[str, str]

_EVENT: Final[Kind] = ("", "Event")
_POD: Final[Kind] = ("", "Pod")
_SECRET: Final[Kind] = ("", "Secret")
_SERVICE: Final[Kind] = ("", "Service")
_CLAIM: Final[Kind] = ("", "PersistentVolumeClaim")
_INGRESS: Final[Kind] = ("networking.k8s.io", "Ingress")
_CRON_JOB: Final[Kind] = ("batch", "CronJob")
_JOB: Final[Kind] = ("batch", "Job")
_REPLICA_SET: Final[Kind] = ("apps", "ReplicaSet")
_ROLLED_OUT: Final = (("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"))
_WITH_PODS: Final = (*_ROLLED_OUT, _REPLICA_SET, _JOB, _CRON_JOB, _POD)
_CERTIFICATE: Final[Kind] = ("cert-manager.io", "Certificate")
_ISSUERS: Final = (("cert-manager.io", "Issuer"), ("cert-manager.io", "ClusterIssuer"))
_CHAIN: Final = (
    ("cert-manager.io", "CertificateRequest"),
    ("acme.cert-manager.io", "Order"),
    ("acme.cert-manager.io", "Challenge"),
)
_EXTERNAL: Final[Kind] = ("external-secrets.io", "ExternalSecret")
_STORES: Final = (("external-secrets.io", "SecretStore"), ("external-secrets.io", "ClusterSecretStore"))
# A Job is between a Pod and what is rendered only where a CronJob made it.
_ONLY_WITH: Final[Mapping[Kind, Kind]] = {_JOB: _CRON_JOB}


@dataclass(frozen=True, slots=True)
class Reads:
    """What a family of troubles is asked of, and what is read for it.

    `of` are the rendered kinds that it can befall; empty: any that has a namespace. Without one of the `needs` a
    trouble may be missed; the others of `also` only tell more about it. Of Secrets it is enough that they are there.
    """

    of: tuple[Kind, ...] = ()
    needs: tuple[Kind, ...] = ()
    also: tuple[Kind, ...] = ()


_OF_PODS: Final = Reads(_WITH_PODS, (_POD, _REPLICA_SET, _JOB), (_EVENT, _SECRET))

READS: Final[Mapping[Family, Reads]] = {
    Family.NAMESPACE_TERMINATING: Reads((), (("", "Namespace"),)),
    Family.QUOTA_EXHAUSTED: Reads(_WITH_PODS, (("", "ResourceQuota"),)),
    Family.STORE: Reads((_EXTERNAL, *_STORES), _STORES, (_SECRET, _EVENT)),
    Family.EXTERNAL: Reads((_EXTERNAL,), (_EXTERNAL, _SECRET), (_EVENT,)),
    Family.CERTIFICATE: Reads((_INGRESS, _CERTIFICATE, *_ISSUERS), (_CERTIFICATE, *_ISSUERS), (*_CHAIN, _EVENT)),
    Family.CERTIFICATE_ENDING: Reads((_INGRESS, _CERTIFICATE), (_CERTIFICATE,)),
    Family.VOLUME_CLAIM: Reads((_CLAIM, ("apps", "StatefulSet")), (_CLAIM,), (_EVENT,)),
    Family.POD_PENDING: Reads(_WITH_PODS, _OF_PODS.needs, (_EVENT, _SECRET, _CLAIM)),
    Family.POD_FAILED: _OF_PODS,
    Family.POD_REFUSED: Reads(_ROLLED_OUT, (_REPLICA_SET,), (_EVENT, ("", "ResourceQuota"))),
    Family.IMAGE: _OF_PODS,
    Family.CONTAINER_UNMADE: _OF_PODS,
    Family.CONTAINER_CRASHING: _OF_PODS,
    Family.OUT_OF_MEMORY: _OF_PODS,
    Family.CONTAINER_UNREADY: _OF_PODS,
    Family.ROLLOUT: Reads(_ROLLED_OUT, (_POD, _REPLICA_SET)),
    Family.JOB: Reads((_JOB, _CRON_JOB), (_JOB,), (_POD,)),
    Family.ENDPOINTS: Reads((_SERVICE,), (("discovery.k8s.io", "EndpointSlice"), _POD), (_REPLICA_SET,)),
    Family.LOAD_BALANCER: Reads((_SERVICE,), (), (_EVENT,)),
    Family.INGRESS_ADDRESS: Reads((_INGRESS,), (("networking.k8s.io", "IngressClass"),), (_EVENT,)),
    Family.INGRESS_BACKEND: Reads((_INGRESS,), (_SERVICE,)),
    Family.TLS: Reads((_INGRESS,), (_SECRET,), (_CERTIFICATE,)),
    Family.DEGRADED: Reads(),
}


def lists_for(family: Family, rendered: Collection[Kind]) -> tuple[Kind, ...]:
    """What has to be read so that no trouble of a family is missed, where these kinds are rendered."""
    return tuple(one for one in READS[family].needs if one not in _ONLY_WITH or _ONLY_WITH[one] in rendered)


def lists_beside(rendered: Collection[Kind]) -> frozenset[Kind]:
    """Everything that is read of a namespace into which these kinds are rendered."""
    kinds = set(rendered)
    concerned = [family for family, reads in READS.items() if not reads.of or not kinds.isdisjoint(reads.of)]
    needed = {one for family in concerned for one in (*lists_for(family, kinds), *READS[family].also)}
    return frozenset(needed)
