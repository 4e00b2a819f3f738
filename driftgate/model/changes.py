"""What differs between an environment and its base: Applications and their objects, paired as Argo CD tells them apart.

Source: argo-cd, gitops-engine/pkg/utils/kube/kube.go `ResourceKey`: group, kind, namespace and name; no version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from driftgate.model.environment import Environment, LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.model.outcome import ChangeSummary

__all__ = ["ApplicationChange", "ObjectPair", "application_changes", "summaries"]

Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class ObjectPair:
    """One object on the base and on the head; None on the side that does not render it."""

    before: Manifest | None
    after: Manifest | None

    @property
    def either(self) -> Manifest:
        """The object as it is now, or as it was last."""
        found = self.after or self.before
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class ApplicationChange:
    """One Application on the base and on the head; None on the side that does not have it.

    `pairs` holds every object of either side. Objects with a generated name are left out: each sync makes another one.
    """

    label: str
    before: LoadedApplication | None
    after: LoadedApplication | None
    pairs: tuple[ObjectPair, ...]

    @property
    def either(self) -> LoadedApplication:
        """The Application as it is now, or as it was last."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def added(self) -> tuple[Manifest, ...]:
        """The objects that only the head renders."""
        return tuple(pair.after for pair in self.pairs if pair.before is None and pair.after is not None)

    @property
    def removed(self) -> tuple[Manifest, ...]:
        """The objects that only the base rendered, as they were."""
        return tuple(pair.before for pair in self.pairs if pair.after is None and pair.before is not None)

    @property
    def changed(self) -> tuple[ObjectPair, ...]:
        """The objects of both sides that are rendered otherwise than before."""
        return tuple(pair for pair in self.kept if pair.before.object != pair.after.object)  # type: ignore[union-attr]

    @property
    def kept(self) -> tuple[ObjectPair, ...]:
        """The objects of both sides."""
        return tuple(pair for pair in self.pairs if pair.before is not None and pair.after is not None)

    @property
    def complete(self) -> bool:
        """Whether every object of both sides is known."""
        return all(side.complete for side in (self.before, self.after) if side is not None)


def application_changes(head: Environment, control_plane: str) -> tuple[ApplicationChange, ...]:
    """Every Application of both sides, paired by name and namespace; without a base there is none.

    `control_plane` is Argo CD's own namespace, in which an Application without one ends up.
    """
    if head.base is None:
        return ()
    before = _by_key(head.base.applications, control_plane)
    changes = []
    for key, applications in _by_key(head.applications, control_plane).items():
        earlier = before.pop(key, [])
        for loaded in applications:
            # Two environments in one tree may share a name: the same label is the same manifest.
            same = next((one for one in earlier if one.label == loaded.label), next(iter(earlier), None))
            if same is not None:
                earlier.remove(same)
            changes.append(_change(same, loaded))
        changes += [_change(one, None) for one in earlier]
    changes += [_change(one, None) for rest in before.values() for one in rest]
    return tuple(sorted(changes, key=lambda change: change.label))


def summaries(changes: Iterable[ApplicationChange]) -> tuple[ChangeSummary, ...]:
    """What the changes come to, for people; an Application that stays as it is says so."""
    return tuple(map(_summary, changes))


def _summary(change: ApplicationChange) -> ChangeSummary:
    added, removed = (tuple(one.object_id for one in side) for side in (change.added, change.removed))
    changed = tuple(pair.either.object_id for pair in change.changed)
    if change.before is None or change.after is None:
        state = "added" if change.before is None else "removed"
    else:
        state = "changed" if added or removed or changed else "unchanged"
    return ChangeSummary(change.label, state, added, removed, changed, change.complete)


def _by_key(
    applications: Iterable[LoadedApplication], control_plane: str
) -> dict[tuple[str, str], list[LoadedApplication]]:
    found: dict[tuple[str, str], list[LoadedApplication]] = {}
    for loaded in applications:
        key = (loaded.application.name, loaded.application.namespace or control_plane)
        found.setdefault(key, []).append(loaded)
    return found


def _change(before: LoadedApplication | None, after: LoadedApplication | None) -> ApplicationChange:
    loaded = after or before
    assert loaded is not None
    return ApplicationChange(loaded.label, before, after, tuple(_pairs(before, after)))


def _pairs(before: LoadedApplication | None, after: LoadedApplication | None) -> Iterator[ObjectPair]:
    # The later of two equal ones is applied (argo-cd: controller/state.go `DeduplicateTargetObjects`).
    old, new = _by_identity(before), _by_identity(after)
    for identity, manifest in new.items():
        yield ObjectPair(old.pop(identity, None), manifest)
    for manifest in old.values():
        yield ObjectPair(manifest, None)


def _by_identity(loaded: LoadedApplication | None) -> dict[Identity, Manifest]:
    manifests = loaded.manifests if loaded is not None else ()
    return {manifest.identity: manifest for manifest in manifests if not manifest.name.endswith("*")}
