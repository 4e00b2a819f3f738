"""Opens the cluster that a context of a kubeconfig names; no other one, and never the current context.

The user's kubeconfig is trusted, as kubectl trusts it: its exec plugins run. One that lies in the judged tree is not.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from driftgate.errors import UsageError
from driftgate.live.connection import Cluster
from driftgate.live.failure import ApiError, Why
from driftgate.live.login import plain_login
from driftgate.model.node import Node
from driftgate.yaml_reader import read_yaml

__all__ = ["IN_CLUSTER_CONTEXT", "open_cluster", "open_own_cluster"]

# What the way by a Pod's own ServiceAccount is called, where else the name of a context stands.
IN_CLUSTER_CONTEXT = "(in-cluster)"
# Of the providers that kubeconfigs may name, those that the client still knows.
_PROVIDERS = ("gcp", "oidc")


def open_cluster(
    context: str,
    kubeconfig: str | None = None,
    *,
    root: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Cluster:
    """The cluster of a context; `kubeconfig` is a path, else KUBECONFIG and the usual file are read as kubectl does.

    `root` is the judged tree. UsageError where the context cannot be followed, ApiError where its user cannot log
    in. Nothing is sent yet.
    """
    _need_library()
    files = _files(kubeconfig, root)
    cluster, user = _entries_of(files, context)
    plain = None if user is None else plain_login(cluster.mapping, user.mapping)
    if plain is not None:
        return Cluster(plain, context, sleep=sleep)
    client, config = _library()
    configuration = client.Configuration()
    problem = ""
    with _logged() as messages:
        try:
            config.load_kube_config(
                config_file=os.pathsep.join(map(str, files)),
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
        # The texts of the client's exceptions repeat entries of the kubeconfig, tokens included: none is passed on.
        except Exception as error:
            problem = type(error).__name__
    if problem:
        raise UsageError(f"context {context}: the client cannot follow its entries in {_named(files)} ({problem})")
    if user is not None and user.mapping and not (_has_token(configuration) or configuration.cert_file):
        words = messages[-1] if messages else "its user has neither token nor certificate nor a plugin that gives one"
        raise ApiError(Why.CREDENTIALS, f"context {context}", words)
    return Cluster(configuration, context, sleep=sleep)


def open_own_cluster(*, sleep: Callable[[float], None] = time.sleep) -> Cluster:
    """The cluster that this process runs in, by its Pod's ServiceAccount; UsageError outside of a cluster."""
    client, config = _library()
    configuration = client.Configuration()
    problem = ""
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as error:
        problem = str(error)
    if problem:
        raise UsageError(f"this process does not run in a cluster: {problem}")
    return Cluster(configuration, IN_CLUSTER_CONTEXT, sleep=sleep)


def _need_library() -> None:
    """UsageError where the client is not installed: whether it is needed must not hang on how a user logs in."""
    if importlib.util.find_spec("kubernetes") is None:
        raise UsageError("a live cluster needs the Kubernetes client: pip install 'driftgate[live]'")


def _library() -> tuple[Any, Any]:
    _need_library()
    from kubernetes import client, config

    return client, config


def _files(kubeconfig: str | None, root: Path | None) -> tuple[Path, ...]:
    """The files that kubectl would read: the one that is named, those of KUBECONFIG, or the usual one."""
    if kubeconfig is not None:
        named = [kubeconfig]
        if not Path(kubeconfig).is_file():
            raise UsageError(f"kubeconfig {kubeconfig}: no such file")
    else:
        named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part] or ["~/.kube/config"]
    files = tuple(path for path in (Path(part).expanduser() for part in named) if path.is_file())
    if not files:
        raise UsageError(f"no kubeconfig: {', '.join(named)} does not exist; name one by --kubeconfig or KUBECONFIG")
    for path in files:
        # A kubeconfig runs programs and chooses who gets the token. In a pull request's tree its author would choose.
        if root is not None and path.resolve().is_relative_to(root.resolve()):
            raise UsageError(f"kubeconfig {path} lies in the judged tree, whose authors it would obey: move it out")
    return files


def _entries_of(files: Sequence[Path], context: str) -> tuple[Node, Node | None]:
    """The entries of the context's cluster and user, None where it names none; UsageError where one is missing."""
    found = _entry(files, "contexts", context)
    if found is None:
        known = ", ".join(sorted(_names(files, "contexts"))) or "none"
        raise UsageError(f"context {context} is not in {_named(files)}; there is {known}")
    called = found.get("context", "cluster")
    name = (called.text if called else None) or ""
    entry = _entry(files, "clusters", name)
    cluster = entry.get("cluster") if entry else None
    server = cluster.get("server") if cluster else None
    if cluster is None or server is None or not server.text:
        raise UsageError(f"{found.place}: context {context} names cluster {name or '(none)'}, which has no server")
    user = found.get("context", "user")
    if user is None or not user.text:
        return cluster, None
    login = _entry(files, "users", user.text)
    if login is None:
        raise UsageError(f"{found.place}: context {context} names user {user.text}, whom {_named(files)} does not have")
    below = login.get("user")
    _refuse_unsupported(below, user.text)
    return cluster, below


def _refuse_unsupported(user: Node | None, name: str) -> None:
    """What kubectl follows and the client passes over in silence: it would ask as somebody else."""
    for key, node in (user.mapping if user else {}).items():
        if key == "as" or key.startswith("as-"):
            raise UsageError(f"{node.place}: user {name} impersonates ({key}), which driftgate does not follow")
        provider = node.get("name") if key == "auth-provider" else None
        if provider is not None and provider.text not in _PROVIDERS:
            raise UsageError(f"{node.place}: user {name} logs in by auth-provider {provider.text}; use an exec plugin")


def _entry(files: Sequence[Path], block: str, name: str) -> Node | None:
    """The first entry of a name, as kubectl merges kubeconfigs: what comes first counts."""
    return next((entry for found, entry in _entries(files, block) if found == name), None)


def _names(files: Sequence[Path], block: str) -> set[str]:
    return {name for name, _ in _entries(files, block)}


def _entries(files: Sequence[Path], block: str) -> Iterator[tuple[str, Node]]:
    for path in files:
        try:
            text = read_yaml(path.read_bytes(), str(path))
        except OSError as error:
            raise UsageError(f"kubeconfig {path}: {error.strerror}") from None
        if text.fault is not None:
            raise UsageError(f"kubeconfig {text.fault.place}: not readable as YAML")
        for document in text.roots:
            below = document.get(block)
            for entry in below.items if below else ():
                name = entry.get("name")
                if name is not None and name.text:
                    yield name.text, entry


def _named(files: Sequence[Path]) -> str:
    return ", ".join(map(str, files))


def _has_token(configuration: Any) -> bool:
    return any(configuration.api_key.values())


@contextmanager
def _logged() -> Iterator[list[str]]:
    """What is logged meanwhile, instead of printed: the client reports a failed login plugin in no other way."""
    messages: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage()[:600])

    root = logging.getLogger()
    before, root.handlers = root.handlers, [Keeper()]
    try:
        yield messages
    finally:
        root.handlers = before
