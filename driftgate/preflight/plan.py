"""What a deploy would bring to one cluster: Applications, objects, namespaces, helm releases."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from driftgate.assembly import Assembly
from driftgate.errors import UsageError
from driftgate.live import Discovery, Resource
from driftgate.model.application import API_GROUP
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.policy import ArgoCDSection
from driftgate.releases import Release, Releases, releases_of
from driftgate.target import applications_of

__all__ = ["Plan", "Wish", "plan_of"]


@dataclass(frozen=True, slots=True)
class Wish:
    """One rendered object and the Application that brings it."""

    application: str
    label: str
    manifest: Manifest

    @property
    def is_argocd(self) -> bool:
        """Whether it is Argo CD's own, so that only Argo CD can make anything of it."""
        return self.manifest.group == API_GROUP and self.manifest.kind in (
            "Application",
            "ApplicationSet",
            "AppProject",
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would go to one destination.

    `releases` are what helm could deliver of it; `others` tells by label why helm cannot deliver an Application.
    """

    destination: str
    argocd_namespace: str
    applications: tuple[LoadedApplication, ...]
    wishes: tuple[Wish, ...]
    releases: tuple[Release, ...]
    others: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the Applications, in order."""
        return tuple(dict.fromkeys(loaded.application.name for loaded in self.applications))

    @property
    def deployed(self) -> tuple[str, ...]:
        """The names of those that bring anything but Argo CD's own objects, which is all that helm could deliver."""
        return tuple(dict.fromkeys(wish.application for wish in self.objects))

    @property
    def objects(self) -> tuple[Wish, ...]:
        """What runs in the cluster besides Argo CD's own objects."""
        return tuple(wish for wish in self.wishes if not wish.is_argocd)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where objects go, and where helm keeps its releases."""
        found = {wish.manifest.target_namespace for wish in self.objects}
        return tuple(sorted((found | {release.namespace for release in self.releases}) - {""}))

    def brings_namespace(self, name: str) -> bool:
        """Whether Argo CD would make a namespace: an Application asks for it, or brings it as an object."""
        asked = any(
            loaded.application.destination.namespace == name
            and loaded.application.sync_policy.has_option("CreateNamespace=true")
            for loaded in self.applications
        )
        return asked or any(
            (wish.manifest.group, wish.manifest.kind, wish.manifest.name) == ("", "Namespace", name)
            for wish in self.objects
        )

    def brings_kind(self, group: str, kind: str) -> bool:
        """Whether the CRD of a kind comes with the deploy."""
        return any(
            wish.manifest.kind == "CustomResourceDefinition"
            and wish.manifest.get("spec", "group") == group
            and wish.manifest.get("spec", "names", "kind") == kind
            for wish in self.objects
        )

    def kinds(self, discovery: Discovery) -> dict[tuple[Resource, str], None]:
        """Each kind that is served, with each namespace that objects of it go to; "" for cluster-scoped kinds."""
        found: dict[tuple[Resource, str], None] = {}
        for wish in self.objects:
            resource = discovery.find(wish.manifest.group, wish.manifest.kind)
            if resource is not None:
                found[resource, wish.manifest.target_namespace if resource.namespaced else ""] = None
        return found


def plan_of(assembly: Assembly, destination: str, names: Collection[str] = ()) -> Plan:
    """What would go to a destination; `names` leaves only these Applications. UsageError for a name that is none's."""
    applications = applications_of(assembly.environment, destination, names)
    releases = Releases(assembly.environment.name)
    with contextlib.suppress(UsageError):  # nothing that goes there is a release: what Argo CD delivers needs none
        releases = releases_of(assembly, destination).only(names)
    return Plan(
        destination,
        assembly.policy.section(ArgoCDSection).namespace,
        applications,
        tuple(
            Wish(loaded.application.name, loaded.label, manifest)
            for loaded in applications
            for manifest in loaded.manifests
        ),
        releases.releases,
        {other.label: other.reason for other in releases.others},
    )
