"""Who owns what: objects that two Applications render, hosts and paths that two Ingresses claim, what nobody uses."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from driftgate.graph import cluster_of
from driftgate.graph.walk import entries, mapping
from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Scope,
    Subject,
    check,
    graph_of,
    order_of,
    uses_by_application,
)
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.semantics.hooks import hook_types

POLICY: dict[str, type[Section]] = {}
_CANARY = "nginx.ingress.kubernetes.io/canary"
_OLD_CLASS = "kubernetes.io/ingress.class"
_ALB_GROUP = "alb.ingress.kubernetes.io/group.name"
_OWN_BALANCER = ("alb", "gce")
_DEFAULT_CERTIFICATE = "the controller's default certificate"
_FAIL_ON_SHARED = "FailOnSharedResource=true"


@dataclass(frozen=True, slots=True)
class ClusterScopedRule(Section):
    """Objects without a namespace that Applications may render; `*` in the name stands for any text."""

    kind: str
    name: str = setting("*", "Its name, such as *-stg for those that carry the environment's token.")
    group: str = setting("", "Its API group; empty for the core group, * for any.")


@dataclass(frozen=True, slots=True)
class Ownership(Section):
    """Who may own what."""

    cluster_scoped: tuple[ClusterScopedRule, ...] | None = setting(
        None, "The objects without a namespace that may be rendered; any, where it is left out."
    )
    unused: tuple[Literal["ConfigMap", "Secret", "ServiceAccount"], ...] = setting(
        (), "Kinds of which every object has to be used by another one."
    )


POLICY["ownership"] = Ownership


@check(scope=Scope.ENVIRONMENT)
def object_owned_twice(subject: Subject) -> Iterator[Result]:
    """Two Applications render the same object

    Why: The tracking annotation names one owner, so each of the two finds the object changed by the other: both are
    OutOfSync in turns, self-heal overwrites it for ever, and whichever stops rendering it prunes it from under the
    other (argo-cd: controller/state.go, SharedResourceWarning).

    Fix: Let one Application render it, or give the second a name, namespace or cluster of its own.
    """
    if len(subject.environment.applications) < 2:
        yield NotApplicable()
    for first, second in _owned_twice(subject):
        yield _shared(subject, first, second)


def _owned_twice(subject: Subject) -> Iterator[tuple[Manifest, Manifest]]:
    """Pairs of rendered objects that are one object in the cluster, the earlier Application first."""
    owners: defaultdict[tuple[str, ...], list[Manifest]] = defaultdict(list)
    for loaded in subject.environment.applications:
        cluster = cluster_of(loaded.application)
        for manifest in loaded.manifests if cluster else ():
            owners[(cluster, *manifest.identity)].append(manifest)
    for found in owners.values():
        known: list[Manifest] = []
        for second in filter(_is_owned, found if len(found) > 1 else ()):
            if any(_is_same_crd(first, second) for first in known):
                continue
            first = next((one for one in known if one.application != second.application), None)
            if first is not None and _are_two(subject, first.application, second.application):
                yield first, second
            known.append(second)


def _are_two(subject: Subject, label: str, other: str) -> bool:
    """Whether two Applications come to one cluster, and as two."""
    return order_of(subject).meet(label, other) and _names_differ(subject, label, other)


def _names_differ(subject: Subject, label: str, other: str) -> bool:
    """Whether two Applications are two in the cluster as well; of one name only one is there, told elsewhere."""
    control_plane = subject.policy.section(ArgoCDSection).namespace
    applications = (order_of(subject).applications[one].application for one in (label, other))
    first, second = ((one.namespace or control_plane, one.name) for one in applications)
    return first != second


def _is_owned(manifest: Manifest) -> bool:
    """Whether the object belongs to who renders it; of Applications themselves another check tells."""
    verdict = hook_types(manifest.annotations)
    has_name = manifest.name != "" and not manifest.name.endswith("*")
    return has_name and not (verdict.is_hook or verdict.skip or manifest.is_application)


def _is_same_crd(first: Manifest, second: Manifest) -> bool:
    """Whether two are equal CRDs: these carry no owner, and applying one again changes nothing."""
    return second.kind == "CustomResourceDefinition" and first.get("spec") == second.get("spec")


def _shared(subject: Subject, first: Manifest, second: Manifest) -> Breach:
    applications = order_of(subject).applications
    owner, other = applications[first.application], applications[second.application]
    found = f"{second.kind} {second.name} of {other.label}, which {owner.label} renders too"
    failing = [one.label for one in (owner, other) if one.application.sync_policy.has_option(_FAIL_ON_SHARED)]
    if failing:
        found += f"; {_FAIL_ON_SHARED} fails the sync of {' and '.join(failing)}"
    # One file rendered into one namespace by two Applications: not the object is there twice, the Application is.
    namespaces = {one.application.destination.namespace for one in (owner, other)}
    is_copy = first.template == second.template and len(namespaces) == 1
    place, related = (other.application.place, ()) if is_copy else subject.cause(second, "metadata", "name")
    known, _ = (owner.application.place, ()) if is_copy else subject.cause(first, "metadata", "name")
    return Breach(
        place,
        found,
        "one Application that renders it",
        object=second.object_id,
        field=f"{owner.label} {other.label}",
        related=(*related, Related(known, f"{owner.label} renders it")),
        cause=f"owned-twice:{owner.label}:{other.label}",
    )


@check()
def application_has_two_parents(subject: Subject) -> Iterator[Result]:
    """Two Applications render the same child Application

    Why: Each parent takes the child for its own and finds it changed by the other, so both are OutOfSync in turns; and
    whichever stops rendering it deletes it, with everything that it deployed if it has the finalizer (argo-cd:
    controller/state.go, SharedResourceWarning).

    Fix: Let one parent's source read the manifest, by its path, include or exclude.
    """
    order = order_of(subject)
    parents = [order.applications[label] for label in subject.app.parents if label in order.applications]
    if not parents:
        yield NotApplicable()
        return
    first, *others = parents
    for other in others:
        one_cluster = cluster_of(first.application) == cluster_of(other.application)
        are_two = _names_differ(subject, first.label, other.label)
        if one_cluster and are_two and order.same_control_plane(first.label, other.label):
            yield Breach(
                subject.application.place,
                f"{first.label} and {other.label} both render it",
                "one parent",
                field=f"parents.{first.label}.{other.label}",
                related=tuple(Related(_source_place(one), f"the source of {one.label}") for one in (first, other)),
            )


def _source_place(loaded: LoadedApplication) -> Place:
    sources = loaded.application.sources
    return loaded.application.place_of(*sources[0].path_in_spec, "path") if sources else loaded.application.place


@check()
def cluster_scoped_object_unexpected(subject: Subject) -> Iterator[Result]:
    """An Application renders an object without a namespace that policy does not list

    Why: Such an object is the whole cluster's: another environment on the same cluster that renders it as well owns it
    in turns with this one, and pruning it here takes it away there.

    Fix: Use a Role and a RoleBinding, or give the object a name of its own in each environment, and list it under
    ownership.clusterScoped.
    """
    rules = subject.section(Ownership).cluster_scoped
    if rules is None:
        yield NotApplicable()
        return
    for manifest in subject.manifests:
        if manifest.namespaced is False and not any(_allows(rule, manifest) for rule in rules):
            breach = subject.breach(
                manifest, ("kind",), f"{manifest.kind} {manifest.name}", _allowed(rules), anchor=("metadata", "name")
            )
            yield _with_policy(breach, subject.policy_entry("ownership", "clusterScoped"))


def _allows(rule: ClusterScopedRule, manifest: Manifest) -> bool:
    same_kind = rule.kind == manifest.kind and rule.group in ("*", manifest.group)
    return same_kind and fnmatchcase(manifest.name, rule.name.replace("[", "[[]").replace("?", "[?]"))


def unmatched_rules(subject: Subject) -> Iterator[Breach]:
    """The rules of policy, of all Applications and of one, that allow no object that is there."""
    everybody = subject.environment.applications
    scopes: list[tuple[Path, tuple[LoadedApplication, ...]]] = [((), everybody)]
    for name in subject.policy.overrides:
        scopes.append((("overrides", name), tuple(one for one in everybody if one.application.name == name)))
    for above, applications in scopes:
        path: Path = (*above, "ownership", "clusterScoped")
        if subject.policy.node.get(*path) is None or not all(one.complete for one in applications):
            continue
        objects = [manifest for loaded in applications for manifest in loaded.manifests]
        rules = subject.policy.section(Ownership, str(above[1]) if above else "").cluster_scoped or ()
        for index, rule in enumerate(rules):
            if not any(_allows(rule, manifest) and manifest.namespaced is False for manifest in objects):
                place = subject.policy.place_of(*path, index)
                field = f"{field_path(path)}.{rule.kind}.{rule.name}"
                yield Breach(place, f"nobody renders {rule.kind} {rule.name}", "an object that is there", field=field)


def _allowed(rules: tuple[ClusterScopedRule, ...]) -> str:
    return ", ".join(f"{rule.kind} {rule.name}" for rule in rules) or "objects with a namespace"


def _with_policy(breach: Breach, policy: tuple[Related, ...]) -> Breach:
    related = (*breach.related, *policy)
    return Breach(breach.place, breach.found, breach.expected, breach.object, breach.field, related, breach.fix)


@check(severity=Severity.WARNING)
def object_unused(subject: Subject) -> Iterator[Result]:
    """A ConfigMap, Secret or ServiceAccount is used by nobody

    Why: Nothing that is rendered names it. Either it is left over, and keeps credentials or rights in the cluster that
    nobody needs, or what was to use it names another one.

    Fix: Delete it, or correct the name where it is meant to be used. A program that reads it through the API needs the
    right to in the same Application; what is picked up by a label or an annotation is known by that.
    """
    kinds = set(subject.section(Ownership).unused)
    candidates = [one for one in subject.manifests if one.kind in kinds and not one.group]
    if not candidates:
        yield NotApplicable()
        return
    named = subject.once(_named_objects)
    for manifest in candidates:
        is_known = manifest.identity in named or not _is_for_pods(subject, manifest)
        if not (is_known or _is_picked_up(subject, manifest) or _is_mentioned(subject, manifest)):
            found = f"{manifest.kind} {manifest.name}, which nothing names"
            yield subject.breach(manifest, ("metadata", "name"), found, "an object that uses it, or none")


_USABLE = ("ConfigMap", "Secret", "ServiceAccount")
_SECRET_TYPES = ("", "Opaque", "kubernetes.io/basic-auth", "kubernetes.io/dockerconfigjson", "kubernetes.io/ssh-auth")
_TLS = "kubernetes.io/tls"


def _named_objects(subject: Subject) -> set[tuple[str, str, str, str]]:
    """What the graph knows to be used."""
    targets = (use.target for uses in uses_by_application(subject).values() for use in uses)
    return {(one.group, one.kind, one.namespace, one.name) for one in targets}


def _is_for_pods(subject: Subject, manifest: Manifest) -> bool:
    """Whether everything that could use the object is known: Pods of its namespace, rendered by known Applications."""
    if manifest.kind == "ServiceAccount" and manifest.name == "default":
        return False
    if manifest.kind == "Secret" and str(manifest.get("type") or "") not in (*_SECRET_TYPES, _TLS):
        return False  # read by type, such as tokens and Helm's releases
    if hook_types(manifest.annotations).is_hook or manifest.target_namespace.startswith("kube-"):
        return False
    graph = graph_of(subject)
    in_namespace = [pod for pod in graph.pods if pod.namespace == manifest.target_namespace]
    return bool(in_namespace) and not graph.incomplete and not graph.unexpanded


# What everybody puts on objects; any other label or annotation may be what a controller picks the object up by.
_COMMON = re.compile(
    r"(app|chart|release|heritage|version|tier|component|team|environment|env|description"
    r"|app\.kubernetes\.io/(name|instance|version|component|managed-by|created-by)"
    r"|(meta\.)?helm\.sh/.*"
    r"|kubectl\.kubernetes\.io/.*"
    r"|argocd\.argoproj\.io/(sync-wave|sync-options|compare-options|tracking-id|instance))"
)


def _is_picked_up(subject: Subject, manifest: Manifest) -> bool:
    """Whether a controller may find the object by itself: by a label or annotation of its own, or with the right to.

    What objects of other kinds of the Application carry as well marks the Application, not the object.
    """
    labels = manifest.metadata.get("labels")
    marks = {**(labels if isinstance(labels, dict) else {}), **manifest.annotations}
    own = {(key, str(value)) for key, value in marks.items() if not _COMMON.fullmatch(str(key))}
    for other in subject.manifests if own else ():
        if other.kind not in _USABLE:
            others = other.metadata.get("labels")
            carried = {**(others if isinstance(others, dict) else {}), **other.annotations}
            own -= {(key, str(value)) for key, value in carried.items()}
    return bool(own) or (manifest.kind != "ServiceAccount" and _may_be_read(subject, manifest))


def _may_be_read(subject: Subject, manifest: Manifest) -> bool:
    """Whether a role of the Application lets a program read all objects of the kind."""
    plural = f"{manifest.kind.lower()}s"
    for role in subject.manifests:
        if role.group == "rbac.authorization.k8s.io" and role.kind in ("Role", "ClusterRole"):
            for _, rule in entries(role.get("rules"), ()):
                resources = rule.get("resources")
                if {plural, "*"} & set(map(str, resources if isinstance(resources, list) else ())):
                    return True
    return False


# Where an object's own name and marks stand; none of these fields names another object.
_NO_MENTION = frozenset({"labels", "matchLabels", "selector", "creationTimestamp"})
_WORD = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")


def _is_mentioned(subject: Subject, manifest: Manifest) -> bool:
    """Whether a text of another object, of any Application, has the object's name among its words."""
    return any(manifest.identity != identity for identity in subject.once(_mentions).get(manifest.name, ()))


def _mentions(subject: Subject) -> dict[str, set[tuple[str, str, str, str]]]:
    """Which objects have the names of ConfigMaps, Secrets and ServiceAccounts among their words."""
    everything = [one for loaded in subject.environment.applications for one in loaded.manifests]
    names = {one.name for one in everything if one.kind in _USABLE and not one.group}
    found: defaultdict[str, set[tuple[str, str, str, str]]] = defaultdict(set)
    for manifest in everything:
        if manifest.kind != "CustomResourceDefinition":
            below = {key: value for key, value in manifest.object.items() if key not in ("metadata", "kind")}
            for text in _texts({**below, "annotations": manifest.annotations}):
                words = set(_WORD.findall(text))
                for name in names & (words | {part for word in words for part in word.split(".")}):
                    found[name].add(manifest.identity)
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, below in value.items():
            if key not in _NO_MENTION:
                yield str(key)
                yield from _texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below)


@dataclass(frozen=True, slots=True)
class _Claim:
    """One claim of an Ingress on a host; `target` is what is claimed of it, `path` the field that says so."""

    manifest: Manifest
    cluster: str
    host: str
    target: tuple[str, ...]
    path: Path

    @property
    def owner(self) -> str:
        """The Ingress as people name it."""
        return f"{self.manifest.kind} {self.manifest.name} of {self.manifest.application}"


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def ingress_path_claimed_twice(subject: Subject) -> Iterator[Result]:
    """Two Ingresses of one cluster claim the same host and path

    Why: Which of the two backends answers is up to the controller; ingress-nginx refuses the second one at admission,
    and the Application that holds it stops syncing.

    Fix: Let one Ingress own the path, and give the other a path or a host of its own.
    """
    claims = [claim for ingress in _ingresses(subject) for claim in _paths(*ingress)]
    if not claims:
        yield NotApplicable()
    for claim, first in _contested(subject, claims, lambda claim: (claim.host, *claim.target)):
        found = f"{claim.host or 'every host'}{claim.target[1]}, which {first.owner} claims too"
        yield _second(subject, claim, first, found, "a host and path of its own")


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def ingress_host_tls_differs(subject: Subject) -> Iterator[Result]:
    """One host has two TLS Secrets in one namespace

    Why: A controller serves one certificate per host, so one of the two is never seen; where cert-manager issues both,
    they also count twice against the issuer's rate limit.

    Fix: Name the same TLS Secret in every Ingress of the host.
    """
    claims = [claim for ingress in _ingresses(subject) for claim in _tls(*ingress)]
    if not claims:
        yield NotApplicable()
    for claim, first in _contested(subject, claims, lambda claim: (claim.manifest.target_namespace, claim.host)):
        if first.target != claim.target:
            own, other = (one.target[0] or _DEFAULT_CERTIFICATE for one in (claim, first))
            yield _second(
                subject, claim, first, f"{claim.host} with {own}, and with {other} in {first.owner}", "one TLS Secret"
            )


def _contested(
    subject: Subject, claims: list[_Claim], key: Callable[[_Claim], tuple[str, ...]]
) -> Iterator[tuple[_Claim, _Claim]]:
    """Each claim that is not the first of its key in a cluster, with the first one."""
    order = order_of(subject)
    seen: defaultdict[tuple[str, ...], list[_Claim]] = defaultdict(list)
    for claim in claims:
        known = seen[(claim.cluster, *key(claim))]
        label = claim.manifest.application
        first = next((one for one in known if order.meet(one.manifest.application, label)), None)
        # One Ingress that two Applications render is one object, of which another check tells.
        is_same = (
            first is not None and first.owner != claim.owner and first.manifest.identity == claim.manifest.identity
        )
        if first is not None and not is_same:
            yield claim, first
        known.append(claim)


def _second(subject: Subject, claim: _Claim, first: _Claim, found: str, expected: str) -> Breach:
    place, related = subject.cause(claim.manifest, *claim.path)
    other, _ = subject.cause(first.manifest, *first.path)
    return Breach(
        place,
        found,
        expected,
        object=claim.manifest.object_id,
        field=".".join((claim.host, *claim.target)),
        related=(*related, Related(other, f"the claim of {first.owner}")),
    )


def _ingresses(subject: Subject) -> Iterator[tuple[Manifest, str]]:
    """Every Ingress with the cluster and the controller's class that it goes to."""
    for loaded in subject.environment.applications:
        cluster = cluster_of(loaded.application)
        for manifest in loaded.manifests:
            if (manifest.group, manifest.kind) == ("networking.k8s.io", "Ingress"):
                yield manifest, f"{cluster} {_balancer(manifest)}"


def _balancer(manifest: Manifest) -> str:
    """What serves an Ingress: all of a class are served by one controller, but some make a load balancer for each."""
    named = str(manifest.get("spec", "ingressClassName") or manifest.annotations.get(_OLD_CLASS) or "")
    if named.startswith(_OWN_BALANCER):
        return f"{named} {manifest.annotations.get(_ALB_GROUP) or manifest.object_id}"
    return named


def _paths(manifest: Manifest, cluster: str) -> Iterator[_Claim]:
    if str(manifest.annotations.get(_CANARY)).lower() == "true":
        return  # a canary claims its host and path a second time on purpose
    for rule_path, rule in entries(manifest.get("spec", "rules"), ("spec", "rules")):
        for at, entry in entries(mapping(rule.get("http")).get("paths"), (*rule_path, "http", "paths")):
            path, kind = str(entry.get("path") or "/"), str(entry.get("pathType"))
            if kind == "Prefix":  # compared element by element: a slash at the end changes nothing
                path = path.rstrip("/") or "/"
            target = ("Exact" if kind == "Exact" else "Prefix", path)
            yield _Claim(manifest, cluster, str(rule.get("host") or ""), target, (*at, "path"))


def _tls(manifest: Manifest, cluster: str) -> Iterator[_Claim]:
    for at, entry in entries(manifest.get("spec", "tls"), ("spec", "tls")):
        hosts = entry.get("hosts")
        for host in hosts if isinstance(hosts, list) else ():
            target = (str(entry.get("secretName") or ""),)
            yield _Claim(manifest, cluster, str(host), target, (*at, "secretName"))
