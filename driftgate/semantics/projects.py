"""What an AppProject permits: sources, destinations and kinds.

Source: Argo CD v3.5 ``pkg/apis/application/v1alpha1/app_project_types.go`` and ``types.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from driftgate.semantics.giturl import normalize_git_url
from driftgate.semantics.globs import filepath_match, gobwas_match

_DENY = "!"


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """One item of ``spec.destinations``; an omitted field matches only the empty text."""

    server: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class KindRule:
    """One item of a resource list; *name* counts only in the cluster lists, empty means any (since 3.3)."""

    group: str
    kind: str
    name: str = ""


def source_permitted(repos: Iterable[str], url: str) -> bool:
    """Tell whether ``spec.sourceRepos`` admits the repository URL; an empty list admits nothing.

    Both sides are normalised, then compared as a glob in which ``*`` stops at a slash; a lone ``*`` is any.
    An item ``!pattern`` that matches refuses at once, one that does not match counts as a positive match.
    """
    normalized_url = normalize_git_url(url)
    permitted = False
    for repo in repos:
        denies = repo.startswith(_DENY)
        pattern = normalize_git_url(repo.removeprefix(_DENY))
        matched = _glob(_DENY + pattern if denies else pattern, normalized_url, "/")
        if denies and not matched:
            return False
        permitted = permitted or matched
    return permitted


def destination_permitted(destinations: Iterable[DestinationRule], server: str, name: str, namespace: str) -> bool:
    """Tell whether ``spec.destinations`` admits a cluster and namespace; an empty list admits nothing.

    *server* and *name* are those of the resolved cluster, so both are usually known even though an
    Application states only one of them. A field starting with ``!`` is negated, and a violated one may refuse
    at once.
    """
    permitted = False
    for rule in destinations:
        name_matched = bool(name) and _glob(rule.name, name)
        server_matched = bool(server) and _glob(rule.server, server)
        namespace_matched = _glob(rule.namespace, namespace)
        if (server_matched or name_matched) and namespace_matched:
            permitted = True
        elif (
            (rule.name.startswith(_DENY) and not name_matched)
            or (rule.server.startswith(_DENY) and not server_matched and namespace_matched)
            or (rule.namespace.startswith(_DENY) and not namespace_matched and server_matched)
        ):
            return False
    return permitted


def kind_permitted(
    group: str,
    kind: str,
    name: str = "",
    *,
    namespaced: bool,
    cluster_whitelist: Sequence[KindRule] = (),
    cluster_blacklist: Sequence[KindRule] = (),
    namespace_whitelist: Sequence[KindRule] | None = None,
    namespace_blacklist: Sequence[KindRule] = (),
) -> bool:
    """Tell whether an object of the kind may be deployed.

    Cluster-scoped kinds are denied unless listed. Namespaced kinds are allowed unless *namespace_whitelist*
    is given; None stands for an absent list, an empty one allows nothing. A blacklist always wins.
    """
    if namespaced:
        allowed = namespace_whitelist is None or _listed(namespace_whitelist, group, kind, None)
        return allowed and not _listed(namespace_blacklist, group, kind, None)
    return _listed(cluster_whitelist, group, kind, name) and not _listed(cluster_blacklist, group, kind, name)


def _listed(rules: Iterable[KindRule], group: str, kind: str, name: str | None) -> bool:
    return any(
        filepath_match(rule.kind, kind)
        and filepath_match(rule.group, group)
        and (name is None or not rule.name or filepath_match(rule.name, name))
        for rule in rules
    )


def _glob(pattern: str, text: str, separators: str = "") -> bool:
    if pattern.startswith(_DENY):
        return not gobwas_match(pattern[1:], text, separators)
    return pattern == "*" or gobwas_match(pattern, text, separators)
