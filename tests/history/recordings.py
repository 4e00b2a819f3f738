"""A small environment of plain manifests, and recordings of its cluster: nightly runs without a cluster."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from driftgate.cli import main
from driftgate.drift.recording import write_recording
from driftgate.drift.state import ClusterState
from driftgate.live import Discovery, Identity, Resource, Unread, Wanted, Why
from tests.repositories import URL, application, config_map, write

SERVER = "https://kubernetes.default.svc"
NAMESPACE = "plate-stg"
CANARY = "canary-7c1d-password"
_VERBS = frozenset({"get", "list"})


def tree(root: Path, more: str = "", applications: Mapping[str, tuple[str, ...]] | None = None) -> Path:
    """Applications of plain ConfigMaps, by their names, each in a file of its own; `more` stands in the policy."""
    several = {"web": ("one", "two"), "api": ("three",)} if applications is None else applications
    files = {f"apps/{name}.yaml": application(name, name) for name in several}
    for name, maps in several.items():
        files |= {f"{name}/{each}.yaml": config_map(each) for each in maps}
    policy = f"driftgate: 1\nenvironment: shop\nrepository: {{urls: ['{URL}']}}\n"
    policy += f"cluster: {{destinations: [{{server: {SERVER}, uid: uid}}]}}\n{more}"
    return write(root, {**files, "policies/shop.yaml": policy})


def live(name: str, of: str, data: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A ConfigMap in the cluster that an Application of this name has brought; by default as Git has it."""
    tracking = f"{of}:/ConfigMap:{NAMESPACE}/{name}"
    annotations = {"argocd.argoproj.io/tracking-id": tracking}
    metadata = {"name": name, "namespace": NAMESPACE, "uid": name, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data or {"a": "b"})}


AS_GIT = {"one": live("one", "web"), "two": live("two", "web"), "three": live("three", "api")}
CHANGED = {"a": "changed"}


def record(folder: Path, taken: datetime, *objects: dict[str, Any], unread: bool = False) -> str:
    """A recording of these objects; with `unread` the list of ConfigMaps was refused."""
    wanted = Wanted("", "ConfigMap", NAMESPACE, version="v1")
    kinds = Discovery({("", "ConfigMap"): Resource("", "ConfigMap", "configmaps", True, _VERBS, ("v1",))})
    state = ClusterState(
        "staging",
        SERVER,
        Identity("https://127.0.0.1:6443", "uid", "v1.36.3"),
        taken,
        () if unread else objects,
        (),
        kinds,
        () if unread else (wanted,),
        (Unread(wanted, Why.FORBIDDEN, 403, "configmaps is forbidden"),) if unread else (),
        3,
    )
    write_recording(state, folder)
    return str(folder)


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and standard error of `driftgate`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    assert CANARY not in out.getvalue() + err.getvalue()
    return code, out.getvalue(), err.getvalue()
