"""Live fixture cases: what a cluster says, written by hand, as the state that `driftgate drift` judges.

A live case holds its repository in `git/`. Its cluster has everything that Git renders, just as Git has it and tracked
by Applications that are Synced and Healthy; the case tells only in what it differs:

    cluster/        live objects, in full and in as many files as one likes; each stands in the place of the one that
                    Git renders, or beside them
    cluster.yaml    what no object tells; every field may be left out:
        taken: "2026-03-01T12:00:00Z"                  when the cluster was read
        absent: [Service/shop/web, Namespace/shop]     what Git renders and the cluster does not have
        kinds: [example.com/v1/Thing]                  what is served besides the kinds of Kubernetes and Argo CD, and
                                                       those of the objects here
        withoutGroups: [argoproj.io]                   what is not served
        unread: [{kind: Secret, namespace: shop}]      lists that were refused; `why`, `status` and `message` may follow
        unsettled: {shop: it still waits}              what had not come to rest after ten minutes of waiting
        unreached: no route to host                    that nothing was read, and why; the only field then
    before/         the cluster before a deploy, in the same way; a snapshot is taken of it

The state goes through a recording and back, so that it holds what a recording holds: no value of a Secret.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from driftgate.assembly import Assembly
from driftgate.clusters import differences_of
from driftgate.compare import Tracking, desired_object
from driftgate.compare.values import Json
from driftgate.deploys import Deploy, Unsettled, plan_of, snapshot_of
from driftgate.drift.pairing import wanted_of
from driftgate.drift.reading import gather
from driftgate.drift.recording import read_recording, write_recording
from driftgate.drift.state import ClusterState, Unreached, key_of
from driftgate.facts import kinds
from driftgate.live import Discovery, Identity, Listing, Resource, Unread, Wanted, Why
from driftgate.live.listing import opaque
from driftgate.model.secret import SecretValue
from driftgate.policy import ArgoCDSection
from driftgate.run import judge_drift
from driftgate.semantics.destinations import IN_CLUSTER

__all__ = ["deploy_of", "is_live", "live_state", "unreached_of"]

_TAKEN = "2026-03-01T12:00:00Z"
_FIELDS = {"taken", "absent", "kinds", "withoutGroups", "unread", "unsettled", "unreached"}
_VERBS = frozenset({"get", "list"})


def is_live(path: Path) -> bool:
    """Whether a case is one of clusters."""
    return (path / "git").is_dir()


def live_state(path: Path, assembly: Assembly) -> ClusterState:
    """What the cluster of a case says of the Applications that were assembled from its `git/`."""
    header = _header(path)
    taken = datetime.fromisoformat(header.get("taken", _TAKEN))
    namespace = assembly.policy.section(ArgoCDSection).namespace
    written = [_live(one, taken) for one in _documents(path / "cluster")]
    absent = set(header.get("absent", ()))
    there = {key_of(one) for one in written}
    delivered = [_live(one, taken) for one in _delivered(assembly, namespace, taken)]
    left = [one for one in delivered if key_of(one) not in there and _called(one) not in absent]
    assert absent <= set(map(_called, delivered)), f"{path}: what is absent is not in Git: {absent}"
    objects = [opaque(one) for one in (*left, *(_tracked(one, delivered) for one in written))]
    served = _served(objects, header.get("kinds", ()), set(header.get("withoutGroups", ())))
    wanted, namespaces = wanted_of(assembly.environment.applications)
    lists = _Lists(objects, header.get("unread", ()), served)
    found = gather(lists.read, served, wanted, namespace, namespaces)
    identity = Identity("https://127.0.0.1:6443", "3c1f3b52-0000-4000-8000-000000000001", "v1.36.3")
    parts = found.objects, found.others, served, found.listed, found.unread
    return _recorded(ClusterState("fixture", IN_CLUSTER, identity, taken, *parts, calls=0))


def unreached_of(path: Path, assembly: Assembly) -> Unreached | None:
    """The cluster of a case, where nothing of it was read."""
    why = _header(path).get("unreached")
    labels = tuple(loaded.label for loaded in assembly.environment.applications)
    return Unreached(IN_CLUSTER, "fixture", why, labels) if why is not None else None


def deploy_of(path: Path, assembly: Assembly) -> Deploy | None:
    """The deploy that a case looks back at; None where it does not."""
    unsettled = _header(path).get("unsettled")
    before = None
    if (path / "before").is_dir():
        judgement, live = judge_drift(assembly, [live_state(path / "before", assembly)])
        environment, policy = assembly.environment, assembly.policy
        planned = plan_of(differences_of(environment, policy, live), judgement.findings)
        before = snapshot_of(judgement, live, planned)
    if before is None and unsettled is None:
        return None
    waiting = tuple(Unsettled(label, why) for label, why in (unsettled or {}).items())
    return Deploy(before, waiting, 600, waited=unsettled is not None)


def _recorded(state: ClusterState) -> ClusterState:
    with TemporaryDirectory() as folder:
        write_recording(state, Path(folder))
        return read_recording(Path(folder))


def _header(path: Path) -> dict[str, Any]:
    file = path / "cluster.yaml"
    header: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    assert header.keys() <= _FIELDS, f"{file}: unknown fields {header.keys() - _FIELDS}"
    return header


def _documents(folder: Path) -> Iterator[Json]:
    for path in sorted(folder.rglob("*.yaml")):
        for document in yaml.load_all(path.read_text(encoding="utf-8"), _Loader):
            if document is not None:
                yield document


class _Loader(yaml.SafeLoader):
    """Leaves moments as texts, as they are in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _delivered(assembly: Assembly, argocd: str, taken: datetime) -> Iterator[Json]:
    """Everything that Git renders as Argo CD would have applied it, and the Applications that nobody renders."""
    rendered = set()
    for loaded in assembly.environment.applications:
        tracking = Tracking(application=loaded.application.name, namespace=loaded.application.destination.namespace)
        for manifest in loaded.manifests:
            rendered |= {manifest.name} if manifest.is_application else set()
            live = _opened(desired_object(manifest.object, tracking, namespaced=manifest.namespaced))
            yield {**live, **(_well(taken) if manifest.is_application else {})}
    for loaded in assembly.environment.applications:
        if loaded.application.name not in rendered:
            plain: Any = loaded.application.node.plain()
            metadata = {"namespace": argocd, **plain["metadata"]}
            yield {**json.loads(json.dumps(plain)), "metadata": metadata, **_well(taken)}
    for project in assembly.environment.projects:
        plain = project.node.plain()
        yield {**plain, "metadata": {"namespace": argocd, **plain["metadata"]}}


def _well(taken: datetime) -> Json:
    compared = (taken - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    sync = {"status": "Synced", "revision": "a" * 40}
    return {"status": {"sync": sync, "health": {"status": "Healthy"}, "reconciledAt": compared}}


def _opened(value: Any) -> Any:
    if isinstance(value, SecretValue):
        return value.reveal()
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    return [_opened(each) for each in value] if isinstance(value, list) else value


def _live(document: Json, taken: datetime) -> Json:
    """An object with what every live one has."""
    metadata = document["metadata"]
    key = "/".join((document["kind"], metadata.get("namespace", ""), metadata["name"]))
    made = (taken - timedelta(days=30)).isoformat().replace("+00:00", "Z")
    texts = document.get("stringData")
    if document["kind"] == "Secret" and texts:
        data = {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}
        rest = {name: value for name, value in document.items() if name != "stringData"}
        document = {**rest, "data": {**document.get("data", {}), **data}}
    return {**document, "metadata": {"uid": f"uid-of-{key}", "creationTimestamp": made, **metadata}}


def _tracked(document: Json, delivered: Collection[Json]) -> Json:
    """A live object that Git renders with Argo CD's mark on it, unless it has marks of its own."""
    rendered = next((one for one in delivered if key_of(one) == key_of(document)), None)
    marks = rendered["metadata"].get("annotations") if rendered is not None else None
    if not marks or "annotations" in document["metadata"]:
        return document
    return {**document, "metadata": {**document["metadata"], "annotations": marks}}


def _called(document: Json) -> str:
    metadata = document["metadata"]
    return "/".join(filter(None, (document["kind"], metadata.get("namespace"), metadata["name"])))


@cache
def _builtin() -> Mapping[tuple[str, str], Resource]:
    return {
        about: Resource(one.group, one.kind, one.plural, one.namespaced, _VERBS, one.versions)
        for about, one in kinds().items()
    }


def _served(objects: Collection[Json], more: Collection[str], without: Collection[str]) -> Discovery:
    resources = dict(_builtin())
    for text in more:
        group, version, kind = text.split("/")
        resources[group, kind] = Resource(group, kind, f"{kind.lower()}s", True, _VERBS, (version,))
    for one in objects:
        group, kind, namespace, _ = key_of(one)
        version = one["apiVersion"].rpartition("/")[2]
        known = resources.get((group, kind))
        if known is None:
            known = Resource(group, kind, f"{kind.lower()}s", bool(namespace), _VERBS, (version,))
        elif version not in known.versions:
            known = replace(known, versions=(*known.versions, version))
        resources[group, kind] = known
    return Discovery({about: one for about, one in resources.items() if about[0] not in without})


class _Lists:
    """Answers lists out of a handful of objects."""

    def __init__(self, objects: Collection[Json], unread: Collection[Mapping[str, Any]], served: Discovery) -> None:
        self._objects, self._unread, self._served = objects, unread, served

    def read(self, lists: Collection[Wanted]) -> Listing:
        objects: list[Json] = []
        refused = []
        for wanted in sorted(lists):
            found = next((one for one in self._unread if _is_refused(one, wanted)), None)
            if found is not None:
                message = found.get("message", f"{wanted.kind} is forbidden")
                refused.append(Unread(wanted, Why[found.get("why", "FORBIDDEN")], found.get("status", 403), message))
            elif (served := self._served.find(wanted.group, wanted.kind)) is None:
                message = f"the cluster serves no {wanted.kind} of {wanted.group}"
                refused.append(Unread(wanted, Why.NOT_SERVED, 0, message))
            else:
                objects += filter(None, (_answer(one, wanted, served) for one in self._objects))
        return Listing(tuple(objects), tuple(refused))


def _is_refused(entry: Mapping[str, Any], wanted: Wanted) -> bool:
    about = entry["kind"], entry.get("group", ""), entry.get("namespace", wanted.namespace)
    return about == (wanted.kind, wanted.group, wanted.namespace)


def _answer(one: Json, wanted: Wanted, served: Resource) -> Json | None:
    """An object as a list has it; None where it is not in it."""
    group, kind, namespace, name = key_of(one)
    is_there = (group, kind) == (wanted.group, wanted.kind) and wanted.namespace in ("", namespace)
    is_release = kind == "Secret" and one.get("type") == "helm.sh/release.v1"
    if not is_there or (wanted.fields.startswith("type=") and not is_release):
        return None
    if wanted.fields.startswith("metadata.name=") and wanted.fields != f"metadata.name={name}":
        return None
    if wanted.metadata_only:
        return {key: one[key] for key in ("apiVersion", "kind", "metadata")}
    version = wanted.version or served.version
    return None if is_release else {**one, "apiVersion": f"{group}/{version}" if group else version}
