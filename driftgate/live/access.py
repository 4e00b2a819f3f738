"""Asks the API server what the identity of a connection may do, and who it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from driftgate.live.connection import Cluster
from driftgate.live.failure import ApiError, Why

__all__ = ["Access", "Denied", "Right", "User", "access_of", "who_am_i"]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; without a namespace, everywhere. `resource` is the plural name in paths."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """A right that the API server does not grant, with its reason where it gives one."""

    right: Right
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """Which of the rights are missing, and which questions had no answer."""

    denied: tuple[Denied, ...] = ()
    unknown: tuple[tuple[Right, ApiError], ...] = ()


@dataclass(frozen=True, slots=True)
class User:
    """Who the API server takes us for."""

    name: str
    groups: tuple[str, ...] = ()


def access_of(cluster: Cluster, rights: Iterable[Right]) -> Access:
    """What is denied of these rights, by SelfSubjectAccessReview: each question once, a few at a time."""
    questions = sorted(set(rights))
    answers = cluster.each(lambda right: _ask(cluster, right), questions)
    denied = tuple(answer for answer in answers if isinstance(answer, Denied))
    unknown = zip(questions, answers, strict=True)
    return Access(denied, tuple((right, answer) for right, answer in unknown if isinstance(answer, ApiError)))


def who_am_i(cluster: Cluster) -> User | None:
    """Name and groups of our own identity; None where the cluster is older than the question (Kubernetes 1.28)."""
    try:
        found = cluster.review("SelfSubjectReview").get("userInfo")
    except ApiError as failure:
        if failure.why is Why.NOT_FOUND:
            return None
        raise
    user = found if isinstance(found, dict) else {}
    groups = user.get("groups")
    return User(str(user.get("username", "")), tuple(map(str, groups if isinstance(groups, list) else ())))


def _ask(cluster: Cluster, right: Right) -> Denied | ApiError | None:
    wanted = {
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "namespace": right.namespace,
        "name": right.name,
    }
    try:
        status = cluster.review("SelfSubjectAccessReview", {"resourceAttributes": wanted})
    except ApiError as failure:
        return failure
    if status.get("allowed") is True:
        return None
    # An authorizer that failed has denied nothing, but neither has anybody allowed it.
    reason = status.get("reason") or status.get("evaluationError") or ""
    return Denied(right, str(reason))
