"""The sections that every run needs, whatever its checks: repository, Argo CD, cluster, references."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from driftgate.policy.sections import Section, setting
from driftgate.semantics.destinations import cluster_called

__all__ = [
    "DEFAULT_EXCLUDES",
    "FRAME",
    "ArgoCDSection",
    "CheckSetting",
    "ClusterDestination",
    "ClusterSection",
    "DriftSection",
    "ExternalEntry",
    "ReferencesSection",
    "RepositorySection",
    "SchemasSection",
]

DEFAULT_EXCLUDES = (
    "**/fixtures/**",
    "**/testdata/**",
    "**/test/**",
    "**/tests/**",
    "**/docs/**",
    "**/examples/**",
    "**/samples/**",
)


@dataclass(frozen=True, slots=True)
class RepositorySection(Section):
    """Which URLs are this repository, and which folders hold material that is not deployed."""

    urls: tuple[str, ...] = setting((), "URLs under which Applications name this repository; else the clone's remotes.")
    exclude: tuple[str, ...] = setting(
        DEFAULT_EXCLUDES,
        "Globs of paths in which Application manifests are not looked for; ** crosses folders.",
    )


@dataclass(frozen=True, slots=True)
class ArgoCDSection(Section):
    """The Argo CD that reads the environment."""

    version: str = setting("3.6", "Argo CD's version, major and minor.")
    namespace: str = setting("argocd", "The namespace of its control plane.")
    config: str = setting("", "Path of the argocd-cm ConfigMap in the tree.")
    directory_bytes: int = setting(
        10_000_000, "The repo-server's --max-combined-directory-manifests-size in bytes; 0 for no limit."
    )

    def is_at_least(self, release: str) -> bool:
        """Whether this Argo CD is of a release line, such as 3.3, or of a later one."""
        return _release(self.version) >= _release(release)


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.lstrip("v").split(".")[:2] if part.isdigit())


@dataclass(frozen=True, slots=True)
class ClusterDestination(Section):
    """Which cluster a destination of Applications is, by the uid of its namespace kube-system, and the way there."""

    uid: str
    server: str | None = setting(None, "The destination as Applications have it in spec.destination.server, or")
    name: str | None = setting(None, "as they have it in spec.destination.name; exactly one of the two.")
    context: str | None = setting(None, "The kubeconfig context that leads there, where no other is given.")
    in_cluster: bool = setting(False, "Whether driftgate runs there, and its Pod's ServiceAccount is the way.")
    api_server: str | None = setting(None, "The URL of its API server; host and port have to be these.")

    @property
    def cluster(self) -> str:
        """The destination in one word, whichever way it is spelt."""
        return cluster_called(self.server or "", self.name or "")


@dataclass(frozen=True, slots=True)
class ClusterSection(Section):
    """The Kubernetes that the environment is deployed to."""

    kubernetes_version: str = setting("", "What charts see as .Capabilities.KubeVersion; the engine's own otherwise.")
    api_versions: tuple[str, ...] = setting((), "What charts see as .Capabilities.APIVersions, besides the built-in.")
    cluster_scoped_kinds: tuple[str, ...] = setting(
        (), "Custom kinds without namespace, as group/Kind, where the tree does not hold their CRD."
    )
    destinations: tuple[ClusterDestination, ...] = setting(
        (), "The identity of each cluster that Applications deploy to; what talks to a cluster looks at it first."
    )

    def destination(self, cluster: str) -> ClusterDestination | None:
        """The entry of a destination, which is called as `cluster_called` calls it."""
        return next((entry for entry in self.destinations if entry.cluster == cluster), None)


@dataclass(frozen=True, slots=True)
class ExternalEntry(Section):
    """Something that Applications need and that lives outside of this tree; `*` in its name stands for any text."""

    kind: str
    name: str
    reason: str
    group: str | None = setting(None, "Its API group, where the kind alone does not tell.")
    namespace: str = setting("*", "Its namespace; `*` stands for any text.")
    keys: tuple[str, ...] | None = setting(None, "The keys of a Secret or ConfigMap; any, where they are left out.")


@dataclass(frozen=True, slots=True)
class ReferencesSection(Section):
    """What Applications may need, and where it comes from."""

    complete: tuple[str, ...] = setting(
        (
            "ConfigMap",
            "Deployment",
            "PersistentVolumeClaim",
            "Pod",
            "Role",
            "Service",
            "ServiceAccount",
            "StatefulSet",
        ),
        "Kinds of which this tree holds all that its Applications need, but for what is declared external; `*` for "
        "every kind. Of other kinds, what the tree does not hold is taken to come from elsewhere, and counted.",
    )
    external: tuple[ExternalEntry, ...] = setting((), "What Applications need and this tree does not hold.")


@dataclass(frozen=True, slots=True)
class CheckSetting(Section):
    """What a team has decided about one check."""

    severity: Literal["error", "warning", "note", "off"] | None = setting(None, "How much a finding weighs, or off.")
    reason: str = setting("", "Why; required where a check is switched off.")


@dataclass(frozen=True, slots=True)
class SchemasSection(Section):
    """The schemas that rendered objects are held to, besides those of Kubernetes and of the tree's own CRDs."""

    folder: str = setting("", "Folder below the root with CRDs or JSON Schemas; they count before all others.")
    required: tuple[str, ...] = setting(
        (), "Kinds that must have a schema, as group/Kind (Kind alone for the core group); * stands for any text."
    )


@dataclass(frozen=True, slots=True)
class DriftSection(Section):
    """What `driftgate drift --history` fails on, and how long its history is kept."""

    fail_on: tuple[Literal["any", "new", "older-than", "flapping", "could-not-check"], ...] = setting(
        ("any",),
        "Which findings fail the run: any; new ones, which the last run did not have (the first run has none); those "
        "older-than olderThanDays; those that are flapping; and could-not-check, whatever could not be checked, new or "
        "not. A cluster that could not be read at all fails it always. Without a history every finding counts.",
    )
    older_than_days: int = setting(7, "From how many days on a finding counts as older-than.")
    flapping_times: int = setting(2, "How often a finding has to come back to be flapping,")
    flapping_days: int = setting(14, "and within how many days.")
    keep_days: int = setting(90, "For how many days the history remembers what was fixed, or not looked at again.")


FRAME: dict[str, type[Section]] = {
    "repository": RepositorySection,
    "argocd": ArgoCDSection,
    "cluster": ClusterSection,
    "drift": DriftSection,
    "references": ReferencesSection,
    "schemas": SchemasSection,
}
