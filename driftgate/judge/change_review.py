"""A change gone through once for all checks: what is lost, renamed, refused or recreated, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from driftgate.graph import cluster_of
from driftgate.judge.check import Subject
from driftgate.model.application import Application
from driftgate.model.changes import ApplicationChange, ObjectPair, application_changes
from driftgate.model.environment import Environment, LoadedApplication
from driftgate.model.manifest import Manifest, dig
from driftgate.model.place import Place
from driftgate.model.secret import mask_secret
from driftgate.policy import ArgoCDSection
from driftgate.semantics.hooks import hook_types
from driftgate.semantics.immutable import Refusal, refusals, same
from driftgate.semantics.object_names import stem_of_hashed
from driftgate.semantics.sync_fate import (
    Fate,
    fate_when_application_deleted,
    fate_when_not_rendered,
    is_recreated,
)

__all__ = ["Fates", "Loss", "Reviewed", "place_of_change", "reviewed", "written_place"]

# Whose names take a hash of what is in them, so that Pods start anew, or a Job runs again.
_NAMED_BY_CONTENT = frozenset({("", "ConfigMap"), ("", "Secret"), ("batch", "Job")})


@dataclass(frozen=True, slots=True)
class Loss:
    """One object that nobody renders any more: what becomes of it, the place to look at, and whether it was meant."""

    change: ApplicationChange
    manifest: Manifest
    fate: Fate
    place: Place
    meant: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What every check of this topic starts from."""

    by_label: dict[str, ApplicationChange]
    losses: tuple[Loss, ...]
    renamed: tuple[tuple[ApplicationChange, ApplicationChange], ...]
    removed: tuple[ApplicationChange, ...]
    recreated: tuple[tuple[ApplicationChange, ObjectPair, Refusal], ...]
    refused: tuple[tuple[ApplicationChange, ObjectPair, Refusal], ...]


def reviewed(subject: Subject) -> Reviewed:
    """The change, gone through once a run."""
    changes = application_changes(subject.environment, subject.policy.section(ArgoCDSection).namespace)
    renamed = tuple(_renamed(changes))
    removed = tuple(one for one in changes if one.after is None and all(one is not old for old, _ in renamed))
    refused: list[tuple[ApplicationChange, ObjectPair, Refusal]] = []
    recreated: list[tuple[ApplicationChange, ObjectPair, Refusal]] = []
    for change in changes:
        for pair in change.changed if change.before and change.after else ():
            for refusal in _refusals(pair):
                (recreated if _recreated(change, pair) else refused).append((change, pair, refusal))
    return Reviewed(
        {change.label: change for change in changes if change.after is not None},
        tuple(_losses(subject, changes)),
        renamed,
        removed,
        tuple(recreated),
        tuple(refused),
    )


def _refusals(pair: ObjectPair) -> Iterator[Refusal]:
    before, after = pair.before, pair.after
    assert before is not None
    assert after is not None
    # A hook is deleted before it is created again (argo-cd: gitops-engine/pkg/sync/hook/delete_policy.go).
    if not hook_types(after.annotations).is_hook:
        yield from refusals(after.group, after.kind, before.object, after.object)


def _recreated(change: ApplicationChange, pair: ObjectPair) -> bool:
    assert change.after is not None
    assert pair.before is not None
    group_kind = (pair.either.group, pair.either.kind)
    return is_recreated(change.after.application, group_kind, pair.before.annotations, pair.either.annotations)


def _app_wide(subject: Subject) -> bool:
    """Whether this Argo CD reads Prune and Delete among the options of an Application."""
    return subject.policy.section(ArgoCDSection).is_at_least("3.4")


def _losses(subject: Subject, changes: Iterable[ApplicationChange]) -> Iterator[Loss]:
    changes = tuple(changes)
    owners: dict[tuple[object, ...], str] = {}
    for loaded in subject.environment.applications:
        for manifest in loaded.manifests:
            owners.setdefault((cluster_of(loaded.application), *manifest.identity), loaded.label)
    fates = Fates(subject, changes)
    for change in changes:
        before = change.before
        for manifest in change.removed if before is not None else ():
            if hook_types(manifest.annotations).is_hook or manifest.is_application or _follows(change, manifest):
                continue
            assert before is not None
            owner = owners.get((cluster_of(before.application), *manifest.identity), "")
            place, meant = _place_of_loss(subject.environment, change, manifest)
            yield Loss(change, manifest, fates.of_object(change, manifest), place, meant, owner)


def _follows(change: ApplicationChange, gone: Manifest) -> bool:
    """Whether an object that is named by its content goes on under the name of another content."""
    stem = stem_of_hashed(gone.name) if (gone.group, gone.kind) in _NAMED_BY_CONTENT else ""
    return bool(stem) and any(
        (one.group, one.kind, one.target_namespace, stem_of_hashed(one.name))
        == (gone.group, gone.kind, gone.target_namespace, stem)
        for one in change.added
    )


@dataclass
class Fates:
    """What Argo CD does to objects and Applications that are gone from the tree."""

    subject: Subject
    changes: tuple[ApplicationChange, ...]

    def of_object(self, change: ApplicationChange, manifest: Manifest) -> Fate:
        """The fate of an object that its Application does not render any more, or that went with its Application."""
        wide = _app_wide(self.subject)
        if change.after is not None:
            return fate_when_not_rendered(change.after.application, manifest.annotations, app_wide=wide)
        assert change.before is not None
        of_application = self.of_application(change.before)
        if not of_application.deleted:
            return Fate(False, "it keeps running, because its Application is not deleted")
        group_kind = (manifest.group, manifest.kind)
        return fate_when_application_deleted(change.before.application, group_kind, manifest.annotations, app_wide=wide)

    def of_application(self, loaded: LoadedApplication, seen: tuple[str, ...] = ()) -> Fate:
        """The fate of an Application that is gone: what its parents do about it."""
        texts = {name: node.text for name, node in loaded.application.annotations.items()}
        wide = _app_wide(self.subject)
        fates = []
        for label in loaded.parents:
            parent = next((one for one in self.changes if one.before is not None and one.before.label == label), None)
            if parent is None or parent.before is None or label in seen:
                continue
            if parent.after is not None:
                fates.append(fate_when_not_rendered(parent.after.application, texts, app_wide=wide))
            elif self.of_application(parent.before, (*seen, loaded.label)).deleted:
                kind = ("argoproj.io", "Application")
                fates.append(fate_when_application_deleted(parent.before.application, kind, texts, app_wide=wide))
        if not fates:
            return Fate(False, "it was applied by hand and stays until somebody deletes it")
        return next((fate for fate in fates if fate.deleted), fates[0])


def _place_of_loss(environment: Environment, change: ApplicationChange, manifest: Manifest) -> tuple[Place, bool]:
    """Where an object was lost, and whether somebody took it out there: its own file, or a value that switches it."""
    base = environment.base
    assert base is not None
    if change.after is None:
        assert change.before is not None
        return base.at_revision(change.before.application.place), True
    gone = base.at_revision(manifest.place_of("metadata", "name"))
    edit = environment.review.cause(
        change.label, manifest.source_index, lambda objects: _find(objects, manifest) is not None
    )
    if edit is not None:
        return edit.place, edit.is_removal
    if environment.review.edited(manifest.template):
        known = manifest.template in environment.paths and manifest.node is None
        return Place(manifest.template) if known else gone, True
    source = _other_source(change, manifest.source_index)
    return source or _edited_file(environment, change, manifest.source_index) or gone, False


def _other_source(change: ApplicationChange, index: int) -> Place | None:
    """The place of a source of the Application that is another one than before; None where it is the same."""
    assert change.before is not None
    assert change.after is not None
    before, after = (
        next((one for one in side.application.sources if one.index == index), None)
        for side in (change.before, change.after)
    )
    if after is None:
        return change.after.application.place_of("spec", "sources")
    if before is not None and before.node.plain() == after.node.plain():
        return None
    return change.after.application.place_of(*after.path_in_spec, "chart" if after.chart else "path")


def _edited_file(environment: Environment, change: ApplicationChange, index: int) -> Place | None:
    """The one file of a source's folder that was edited, such as a helper of a chart; None where there are several."""
    assert change.after is not None
    render = next((one for one in change.after.renders if one.source.index == index), None)
    below = f"{render.directory}/" if render is not None and render.directory else None
    files = [name for name in environment.paths if below and name.startswith(below) and environment.review.edited(name)]
    return Place(files[0]) if len(files) == 1 else None


def _find(objects: Iterable[Any], manifest: Manifest) -> dict[str, Any] | None:
    """The plain object of a render that is a manifest's own."""
    wanted = (manifest.group, manifest.kind, dig(manifest.object, ("metadata", "name")), manifest.namespace)
    for plain in objects:
        version = str(plain.get("apiVersion") or "")
        group = version.rpartition("/")[0]
        names = (dig(plain, ("metadata", "name")), dig(plain, ("metadata", "namespace")) or "")
        if (group, plain.get("kind"), *names) == wanted:
            return dict(plain)
    return None


def _renamed(changes: Iterable[ApplicationChange]) -> Iterator[tuple[ApplicationChange, ApplicationChange]]:
    """Applications of the base that go on under another name: the same sources to the same destination."""
    added: dict[object, list[ApplicationChange]] = {}
    removed: dict[object, list[ApplicationChange]] = {}
    for change in changes:
        if change.before is None or change.after is None:
            side = added if change.before is None else removed
            side.setdefault(_content(change.either.application), []).append(change)
    for content, old in removed.items():
        new = added.get(content, [])
        if len(old) == len(new) == 1:
            yield old[0], new[0]


def _content(application: Application) -> tuple[object, ...]:
    sources = tuple((source.repo_url, source.path, source.chart, source.ref) for source in application.sources)
    return (application.destination, application.project, sources)


def written_place(manifest: Manifest, *path: str | int) -> Place:
    """The line of a field where the object stands in a file as written; of its name, where it has no such field."""
    known = path
    while known and manifest.node is not None and manifest.node.get(*known) is None:
        known = known[:-1]
    return manifest.place_of(*(known or ("metadata", "name")))


def place_of_change(subject: Subject, change: ApplicationChange, pair: ObjectPair, refusal: Refusal) -> Place:
    """The line that changed the field: of the object itself, of the values, or else the file that was edited."""
    before, after = pair.before, pair.after
    assert before is not None
    assert after is not None
    rendered = written_place(after, *refusal.differing)
    if rendered.exact:
        return rendered
    old = dig(before.object, refusal.field)

    def restored(objects: Iterable[Any]) -> bool:
        found = _find(objects, after)
        return found is not None and same(dig(mask_secret(found), refusal.field), old)

    edit = subject.environment.review.cause(change.label, after.source_index, restored)
    if edit is not None:
        return edit.place
    source = _other_source(change, after.source_index)
    if source is not None or subject.environment.review.edited(after.template):
        return source or rendered
    return _edited_file(subject.environment, change, after.source_index) or rendered
