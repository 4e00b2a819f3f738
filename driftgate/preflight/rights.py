"""Whether our identity may do what a deploy does, asked of the API server and not guessed from roles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from driftgate.live import Access, Denied, Discovery, Right, Wanted
from driftgate.preflight.plan import Plan
from driftgate.preflight.points import Delivery, Point, State

__all__ = ["look_at_rights", "rights_of"]

# What helm does to an object (helm: pkg/kube/client.go; --force replaces, --wait lists and watches), in the order in
# which missing rights are told.
_HELM = ("get", "list", "watch", "create", "patch", "update", "delete")
# Where helm keeps its releases (helm: pkg/storage/driver/secrets.go).
_RELEASES = ("get", "list", "create", "update", "delete")
_APPLICATIONS = ("get", "list", "watch", "create", "patch")
# A list of one name is the right to that name (kubernetes: apiserver/pkg/endpoints/request/requestinfo.go).
_BY_NAME = "metadata.name="


def rights_of(
    plan: Plan, discovery: Discovery, delivery: Delivery, missing: Collection[str], reads: Iterable[Wanted]
) -> frozenset[Right]:
    """Every right that a deploy needs; `missing` are namespaces to create, `reads` what is read while it waits."""
    kinds = plan.kinds(discovery)
    rights = {Right("get", "", "namespaces", "", name) for name in plan.namespaces}
    for wanted in reads:
        resource = discovery.find(wanted.group, wanted.kind)
        if resource is not None:
            name = wanted.fields.removeprefix(_BY_NAME) if wanted.fields.startswith(_BY_NAME) else ""
            rights.add(Right("list", resource.group, resource.name, wanted.namespace, name))
    if delivery is Delivery.ARGOCD:
        return frozenset(
            rights | {Right(verb, "argoproj.io", "applications", plan.argocd_namespace) for verb in _APPLICATIONS}
        )
    rights |= {Right(verb, resource.group, resource.name, namespace) for resource, namespace in kinds for verb in _HELM}
    releases = {release.namespace for release in plan.releases}
    rights |= {Right(verb, "", "secrets", namespace) for namespace in releases for verb in _RELEASES}
    if missing:
        rights.add(Right("create", "", "namespaces"))
    return frozenset(rights)


def look_at_rights(access: Access, user: str, asked: int) -> Iterator[Point]:
    """What is denied, resources with the same verbs together, with the rule that would grant it."""
    denials: dict[tuple[str, _Resource], list[Denied]] = defaultdict(list)
    for denied in access.denied:
        right = denied.right
        denials[right.namespace, _Resource(right.group, right.resource, right.name)].append(denied)
    alike: dict[tuple[str, tuple[str, ...]], dict[_Resource, list[Denied]]] = defaultdict(dict)
    for (namespace, resource), found in sorted(denials.items()):
        verbs = tuple(sorted({one.right.verb for one in found}, key=_HELM.index))
        alike[namespace, verbs][resource] = found
    who = user or "the identity of this context"
    for (namespace, verbs), resources in alike.items():
        where = f" in {namespace}" if namespace else ""
        text = f"{who} cannot {', '.join(verbs)} {', '.join(resource.label for resource in resources)}{where}"
        reasons = dict.fromkeys(one.reason for found in resources.values() for one in found if one.reason)
        yield Point("rights", State.PROBLEM, text, tuple(reasons), _rule(list(resources), verbs, namespace, who))
    if access.unknown:
        errors = tuple(dict.fromkeys(f"{error}" for _, error in access.unknown))
        step = "Look again: the API server answers SelfSubjectAccessReview for everybody who is logged in."
        yield Point("rights", State.UNKNOWN, f"{len(access.unknown)} of {asked} rights", errors, step)
    elif not access.denied:
        yield Point("rights", State.OK, f"{who} has all {asked} rights that the deploy needs")


class _Resource(NamedTuple):
    """What a right is on; with a `name`, on that object alone."""

    group: str
    resource: str
    name: str

    @property
    def label(self) -> str:
        """As kubectl names it."""
        return (f"{self.resource}.{self.group}" if self.group else self.resource) + (
            f"/{self.name}" if self.name else ""
        )


def _rule(resources: list[_Resource], verbs: tuple[str, ...], namespace: str, who: str) -> str:
    groups = ", ".join(dict.fromkeys(f'"{resource.group}"' for resource in resources))
    kinds = ", ".join(dict.fromkeys(resource.resource for resource in resources))
    names = ", ".join(resource.name for resource in resources) if all(one.name for one in resources) else ""
    limit = f", resourceNames: [{names}]" if names else ""
    role = f"a Role in {namespace}" if namespace else "a ClusterRole"
    return (
        f"Bind {role} to {who} with {{apiGroups: [{groups}], resources: [{kinds}]{limit}, verbs: [{', '.join(verbs)}]}}"
    )
