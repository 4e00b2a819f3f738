"""What the JSON Schema cannot say of `cluster.destinations`: which entries contradict themselves or each other."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.semantics.destinations import cluster_called

__all__ = ["destination_problems"]


def destination_problems(node: Node) -> Iterator[tuple[Place, str]]:
    """Every contradiction in the destinations of a policy, with its place."""
    entries = node.get("cluster", "destinations")
    seen: dict[str, Place] = {}
    for index, entry in enumerate(entries.items if entries else ()):
        where = f"cluster.destinations[{index}]"
        texts = {key: below.text or "" for key, below in entry.mapping.items()}
        given = [key for key in ("server", "name") if texts.get(key)]
        if len(given) != 1:
            found = "both server and name" if given else "neither server nor name"
            yield entry.place, f"{where}: {found}; exactly one says which destination of Applications is meant"
            continue
        cluster = cluster_called(texts.get("server", ""), texts.get("name", ""))
        if cluster in seen:
            yield entry.place_of(given[0]), f"{where}: {cluster} has an entry already, at {seen[cluster]}"
        seen.setdefault(cluster, entry.place)
        yield from _own_problems(entry, texts, where)


def _own_problems(entry: Node, texts: dict[str, str], where: str) -> Iterator[tuple[Place, str]]:
    own = entry.get("inCluster")
    if texts.get("context") and own is not None and own.flag:
        yield entry.place_of("inCluster"), f"{where}: both context and inCluster; one way leads to the cluster"
    if "uid" in texts and not texts["uid"].strip():
        yield entry.place_of("uid"), f"{where}.uid: empty; `driftgate cluster` prints the cluster's"
    if "apiServer" in texts and not _is_address(texts["apiServer"]):
        yield entry.place_of("apiServer"), f"{where}.apiServer: expected a URL such as https://api.example.com:6443"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
