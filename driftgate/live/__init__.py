"""The edge to a live cluster: read-only, and every failure told as what it is.

The only part of driftgate that imports the `kubernetes` client, and only when a cluster is opened.
"""

from driftgate.live.access import Access, Denied, Right, User, access_of, who_am_i
from driftgate.live.connection import Cluster
from driftgate.live.discovery import Discovery, DiscoveryFault, Resource, discover
from driftgate.live.failure import ApiError, Why
from driftgate.live.identity import Identity, identify
from driftgate.live.kubeconfig import IN_CLUSTER_CONTEXT, open_cluster, open_own_cluster
from driftgate.live.listing import Listing, Unread, Wanted, read_objects

__all__ = [
    "IN_CLUSTER_CONTEXT",
    "Access",
    "ApiError",
    "Cluster",
    "Denied",
    "Discovery",
    "DiscoveryFault",
    "Identity",
    "Listing",
    "Resource",
    "Right",
    "Unread",
    "User",
    "Wanted",
    "Why",
    "access_of",
    "discover",
    "identify",
    "open_cluster",
    "open_own_cluster",
    "read_objects",
    "who_am_i",
]
