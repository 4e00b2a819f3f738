"""What an environment asks a cluster for, without the rendered objects themselves: they are not needed to watch it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from driftgate.assembly import Assembly
from driftgate.health import Ref
from driftgate.judge import Subject, order_of
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.policy import ArgoCDSection
from driftgate.semantics.hooks import hook_types
from driftgate.target import applications_of

__all__ = ["Desired", "desired_of"]


@dataclass(frozen=True, slots=True)
class Desired:
    """One Application and the objects that it renders, hooks left out.

    `argocd_namespace` is where the Application itself stands. `children` are the Applications that it renders, by name.
    `destination_namespace` is "" where it names none. `follows_revision` says whether one of its sources is this
    repository, so that a commit of it can be waited for. `complete` is False where objects may be missing in `refs`.
    """

    label: str
    name: str
    argocd_namespace: str
    destination_namespace: str
    wave: int
    refs: tuple[Ref, ...]
    children: tuple[str, ...]
    follows_revision: bool
    complete: bool

    @property
    def is_parent(self) -> bool:
        """Whether it renders Applications only, so that without Argo CD nothing of it is ever in a cluster."""
        return bool(self.children) and not self.refs


def desired_of(assembly: Assembly, destination: str, names: Collection[str] = ()) -> tuple[Desired, ...]:
    """The Applications that go to a destination, or those of these names, in the order in which they are applied.

    UsageError for a name that no Application has.
    """
    order = order_of(Subject(assembly.environment, assembly.policy))
    chosen = {one.label: one for one in applications_of(assembly.environment, destination, names)}
    namespace = assembly.policy.section(ArgoCDSection).namespace
    remote = {id(source) for source in assembly.remote_sources}
    return tuple(
        _desired(chosen[label], order.wave(label), namespace, remote) for label in order.in_order() if label in chosen
    )


def _desired(loaded: LoadedApplication, wave: int, argocd_namespace: str, remote: Collection[int]) -> Desired:
    application = loaded.application
    return Desired(
        label=loaded.label,
        name=application.name,
        argocd_namespace=application.namespace or argocd_namespace,
        destination_namespace=application.destination.namespace,
        wave=wave,
        refs=tuple(dict.fromkeys(_refs(loaded))),
        children=tuple(one.name for one in loaded.manifests if one.is_application),
        follows_revision=any(id(source) not in remote for source in application.sources),
        complete=loaded.complete,
    )


def _refs(loaded: LoadedApplication) -> Iterator[Ref]:
    for manifest in loaded.manifests:
        if not manifest.is_application and _stays(manifest):
            yield manifest.identity


def _stays(manifest: Manifest) -> bool:
    """Whether the object is part of the desired state: hooks come and go, and a generated name is not known."""
    verdict = hook_types(manifest.annotations)
    return not (verdict.is_hook or verdict.skip) and bool(manifest.name) and not manifest.name.endswith("*")
