"""Whole Applications: which live object belongs to which desired one, whose it is, and which have a status at all."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from driftgate.compare import Comparison, Rules, Verdict, compare, desired_object
from driftgate.errors import DriftgateError
from tests.agreement.kinds import Json
from tests.agreement.rules import METHOD, Setup
from tests.agreement.settings import rules_of
from tests.agreement.verdicts import first_difference
from tests.oracle import Oracle

TRACKING = "argocd.argoproj.io/tracking-id"
INSTANCE = "app.kubernetes.io/instance"
#: The scope of the kinds here; of one the cluster knows nothing.
NAMESPACED = {
    "/ConfigMap": True,
    "/Service": True,
    "/Namespace": False,
    "apps/Deployment": True,
    "rbac.authorization.k8s.io/ClusterRole": False,
    "apiextensions.k8s.io/CustomResourceDefinition": False,
    "acme.test/Widget": True,
}
KINDS: tuple[Json, ...] = (
    {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}},
    {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}},
    {"apiVersion": "v1", "kind": "Namespace"},
    {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 1}},
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []},
    {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"group": "acme.test"}},
    {"apiVersion": "acme.test/v1", "kind": "Widget", "spec": {"size": 1}},
    {"apiVersion": "unknown.test/v1", "kind": "Gadget", "spec": {"size": 1}},
)
NAMES = ("a", "b", "c")
SPACES = ("", "", "shop", "other")
#: What metadata may say of an object's part in a sync.
PARTS = (
    ("argocd.argoproj.io/hook", "PreSync"),
    ("argocd.argoproj.io/hook", "Skip"),
    ("argocd.argoproj.io/hook", "Skip, Sync"),
    ("argocd.argoproj.io/hook", "Nonsense"),
    ("argocd.argoproj.io/hook", "PostDelete"),
    ("argocd.argoproj.io/hook", "PreDelete,Sync"),
    ("argocd.argoproj.io/hook", ""),
    ("helm.sh/hook", "pre-install,pre-upgrade"),
    ("helm.sh/hook", "test"),
    ("helm.sh/hook", "crd-install"),
    ("helm.sh/hook", "post-delete"),
    ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
    ("argocd.argoproj.io/sync-options", "Prune=false"),
)
SETTINGS: tuple[Mapping[str, str], ...] = (
    {},
    {},
    {METHOD: "annotation"},
    {METHOD: "label"},
    {METHOD: "annotation+label"},
    {METHOD: "annotation+label", "application.instanceLabelKey": "acme.test/app"},
    {METHOD: "label", "application.instanceLabelKey": "acme.test/app"},
    {"installationID": "one"},
    {METHOD: "annotation+label", "installationID": "one"},
    {METHOD: "nonsense"},
)
LONG_NAME = "a-name-of-an-application-that-is-too-long-for-a-label-of-kubernetes-by-far-and-more"


@dataclass(frozen=True, slots=True)
class Refresh:
    """An Application, what its sources render to, and every object of the cluster."""

    name: str
    namespace: str
    rendered: list[Json] = field(repr=False)
    live: list[Json] = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def instance(self) -> str:
        """The name by which objects refer to the Application."""
        return self.name if self.namespace == "argocd" else f"{self.namespace}_{self.name}"

    @property
    def rules(self) -> Rules:
        """Everything that decides about its objects besides themselves."""
        rules = rules_of(Setup(settings=self.settings))
        tracking = replace(
            rules.tracking,
            application=self.instance,
            namespace="shop",
            installation_id=self.settings.get("installationID", ""),
        )
        return replace(rules, tracking=tracking)


def drawn_refresh(number: int) -> Refresh:
    """The Application of a number: the same one every time."""
    chance = random.Random(number)
    name = chance.choice(("shop", "shop", "shop", LONG_NAME, f"{LONG_NAME[:60]}--x"))
    refresh = Refresh(name, chance.choice(("argocd", "argocd", "team")), [], [], chance.choice(SETTINGS))
    for _ in range(chance.randint(1, 4)):
        written = _written(chance)
        refresh.rendered.append(written)
        if chance.random() < 0.8:
            refresh.live.append(_live(chance, refresh, written))
    for _ in range(chance.randint(0, 4)):
        refresh.live.append(_live(chance, refresh, _written(chance)))
    return replace(refresh, live=_told_apart(refresh.live))


def _written(chance: random.Random) -> Json:
    written = copy.deepcopy(chance.choice(KINDS))
    metadata: Json = {"name": chance.choice(NAMES)}
    if space := chance.choice(SPACES):
        metadata["namespace"] = space
    if chance.random() < 0.35:
        key, value = chance.choice(PARTS)
        metadata["annotations"] = {key: value}
    if chance.random() < 0.15:
        metadata.setdefault("annotations", {})["argocd.argoproj.io/installation-id"] = chance.choice(("one", "two"))
    if chance.random() < 0.15:
        metadata["labels"] = {chance.choice((INSTANCE, "app")): chance.choice(("shop", "own"))}
    if chance.random() < 0.03:
        metadata.setdefault("annotations", {})["acme.test/number"] = chance.choice((1, None, True))
    return {**written, "metadata": metadata}


def _live(chance: random.Random, refresh: Refresh, written: Json) -> Json:
    live = copy.deepcopy(written)
    metadata = live["metadata"]
    group = live["apiVersion"].rpartition("/")[0]
    if NAMESPACED.get(f"{group}/{live['kind']}", True):
        metadata.setdefault("namespace", "shop")
    else:
        metadata.pop("namespace", None)
    # An API server takes texts only.
    metadata.get("annotations", {}).pop("acme.test/number", None)
    if chance.random() < 0.3:
        live["data" if live["kind"] == "ConfigMap" else "spec"] = {"a": "changed"}
    if chance.random() < 0.15:
        metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "1"}]
    owner = chance.choice((refresh.instance, refresh.instance, refresh.instance, "other", ""))
    if owner and chance.random() < 0.85:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), TRACKING: _tracking(chance, owner, live)}
    if owner and chance.random() < 0.5:
        key = refresh.settings.get("application.instanceLabelKey", INSTANCE)
        metadata["labels"] = {**metadata.get("labels", {}), key: owner}
    if refresh.settings.get("installationID") and chance.random() < 0.8:
        metadata.setdefault("annotations", {})["argocd.argoproj.io/installation-id"] = chance.choice(
            ("one", "one", "two")
        )
    return live


def _tracking(chance: random.Random, owner: str, live: Json) -> str:
    group, metadata = live["apiVersion"].rpartition("/")[0], live["metadata"]
    own = f"{owner}:{group}/{live['kind']}:{metadata.get('namespace', 'shop')}/{metadata['name']}"
    odd = (owner, f"{owner}:apps/Deployment:shop/a", f"{owner}:{group}/{live['kind']}:shop", f"{own}/x", f"{own}:x")
    return own if chance.random() < 0.75 else chance.choice(odd)


def _told_apart(live: list[Json]) -> list[Json]:
    """One object of each name, as a cluster has them, each with a uid."""
    found = {_key(each): each for each in live}
    for number, each in enumerate(found.values()):
        each["metadata"]["uid"] = f"uid-{number}"
    return list(found.values())


Key = tuple[str, str, str, str]


def _key(manifest: Json) -> Key:
    group, metadata = manifest["apiVersion"].rpartition("/")[0], manifest["metadata"]
    return group, manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def disagreement(refresh: Refresh, oracle: Oracle) -> str:
    """Where driftgate and Argo CD disagree about an Application, in words; empty where they do not."""
    answer = oracle.ask(
        "application",
        application={
            "metadata": {"name": refresh.name, "namespace": refresh.namespace},
            "spec": {"destination": {"namespace": "shop"}},
        },
        rendered=refresh.rendered,
        live=refresh.live,
        settings=dict(refresh.settings),
        namespaced=NAMESPACED,
    )
    try:
        desired = _desired(refresh)
    except DriftgateError as error:
        return (
            ""
            if answer.failed or _is_unmade(answer.value)
            else f"driftgate cannot make the desired objects ({error}), and Argo CD can"
        )
    if answer.failed:
        return f"Argo CD fails, and driftgate does not: {answer.error or answer.panic}"
    said = {(each["group"], each["kind"], each["namespace"], each["name"]): each for each in answer.value["resources"]}
    live = {_key(each): each for each in refresh.live}
    for key in sorted({*desired, *live}):
        compared = compare(desired.get(key), live.get(key), refresh.rules)
        if found := _differs(desired.get(key), compared, said.pop(key, None)):
            return f"{'/'.join(key)}: {found}"
    return f"only Argo CD sees {sorted(said)}" if said else ""


def _is_unmade(said: Json) -> bool:
    """Whether Argo CD goes on without desired objects: it says so in a condition only."""
    return any(each["message"].startswith("Failed to normalize target state") for each in said["conditions"])


def _desired(refresh: Refresh) -> dict[Key, Json]:
    desired = {}
    for each in refresh.rendered:
        namespaced = NAMESPACED.get(f"{each['apiVersion'].rpartition('/')[0]}/{each['kind']}")
        made = desired_object(each, refresh.rules.tracking, namespaced=namespaced)
        desired[_key(made)] = made
    return desired


#: What Argo CD's status of an object is for each verdict; None where the object is not among the resources.
STATUS: Mapping[Verdict, set[Any]] = {
    Verdict.IN_SYNC: {"Synced"},
    Verdict.IGNORED: {"Synced"},
    Verdict.CHANGED: {"OutOfSync"},
    Verdict.MISSING: {"OutOfSync"},
    Verdict.EXTRA: {"OutOfSync"},
    Verdict.ORPHANED: {None},
    Verdict.NOT_COMPARED: {"", None},
}


def _differs(desired: Json | None, compared: Comparison, said: Json | None) -> str:
    status = said["status"] if said is not None else None
    if status not in STATUS.get(compared.verdict, set()):
        return f"driftgate says {compared.verdict} ({compared.reason}), and Argo CD {status!r}"
    if said is None or desired is None or said["desired"] is None:
        return ""
    if found := first_difference(desired, said["desired"]):
        return f"desired object: {found}"
    if said["requiresPruning"] != (compared.verdict is Verdict.EXTRA):
        return f"driftgate says {compared.verdict}, and for Argo CD pruning is {said['requiresPruning']}"
    return ""
