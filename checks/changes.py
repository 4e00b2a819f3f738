"""What a change does to what is deployed: read with `--base`, from the commit that it starts from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from driftgate.graph import Graph, Selection, State, Use, cluster_of
from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    check,
    graphs_of,
    incomplete,
    load_catalogue,
)
from driftgate.judge.change_review import Fates, Loss, place_of_change, reviewed, written_place
from driftgate.model.application import Application
from driftgate.model.changes import ApplicationChange, ObjectPair
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.model.review import EditedValue
from driftgate.policy.weakening import weakenings
from driftgate.semantics.immutable import Refusal
from driftgate.semantics.labels import matches
from driftgate.semantics.sync_fate import Fate, is_cascading

# Below these, a value may be a credential.
_UNSHOWN = frozenset({"env", "data", "stringData", "binaryData", "parameters", "args", "command", "annotations"})
_MANY = 5


@check()
def immutable_field_changed(subject: Subject) -> Iterator[Result]:
    """A field changes that the API server lets nobody change

    Why: The API server refuses the whole object, so the sync fails and nothing of the object's change arrives; with
    waves, nothing after it either (kubernetes: the update validation of each kind). Replace=true does not help: it
    updates as well (argo-cd: gitops-engine/pkg/sync/sync_context.go).

    Fix: Leave the field as it is, or give the object another name; deleting the object first is for somebody to decide.
    """
    yield from _immutable(subject, subject.once(reviewed).refused)


@check(severity=Severity.NOTE)
def object_recreated(subject: Subject) -> Iterator[Result]:
    """An object is deleted and created again

    Why: A field changes that cannot be changed on an object that exists. Force=true on the object lets Argo CD delete
    and create it, and a role binding is recreated by `kubectl auth reconcile`; in between it is not there.

    Fix: Nothing, if a moment without the object does no harm; else leave the field as it is.
    """
    yield from _immutable(subject, subject.once(reviewed).recreated)


def _immutable(subject: Subject, found: Iterable[tuple[ApplicationChange, ObjectPair, Refusal]]) -> Iterator[Result]:
    change = subject.once(reviewed).by_label.get(subject.app.label)
    if subject.environment.base is None or change is None or change.before is None or not change.kept:
        yield NotApplicable()
        return
    for other, pair, refusal in found:
        if other is change:
            yield _refused(subject, change, pair, refusal)


def _refused(subject: Subject, change: ApplicationChange, pair: ObjectPair, refusal: Refusal) -> Breach | Unchecked:
    before, after, base = pair.before, pair.after, subject.environment.base
    assert before is not None
    assert after is not None
    assert base is not None
    place = place_of_change(subject, change, pair, refusal)
    earlier = written_place(before, *refusal.differing)
    line = earlier if earlier.exact else base.origin(before, refusal.differing, None) or earlier
    related = [Related(base.at_revision(line), "what it was")]
    if after.node is None and place.file != after.template:
        related.append(Related(Place(after.template), f"renders {after.kind} {after.name}"))
    kind = Breach if refusal.certain else Unchecked
    return kind(
        place,
        _shown_change(before, after, refusal),
        refusal.rule,
        object=after.object_id,
        field=after.field(*refusal.field),
        related=tuple(related),
    )


def _shown_change(before: Manifest, after: Manifest, refusal: Refusal) -> str:
    path = field_path(refusal.differing)
    values = [dig(side.object, refusal.differing) for side in (before, after)]
    shown = all(value is None or isinstance(value, str | int | float) for value in values)
    if not shown or not _UNSHOWN.isdisjoint(map(str, refusal.differing)) or after.kind == "Secret":
        return f"{path} is another one than before"
    was, now = ("absent" if value is None else str(value) for value in values)
    return f"{path} is {now}, it was {was}"


@check(severity=Severity.NOTE)
def object_removed(subject: Subject) -> Iterator[Result]:
    """An object is taken out

    Why: What becomes of it depends on the Application: pruned with the next sync, or left behind until somebody looks
    (argo-cd: gitops-engine/pkg/sync/sync_context.go `pruneObject`).

    Fix: Nothing, if this is what the change is for.
    """
    yield from _lost(subject, meant=True)


@check(severity=Severity.WARNING)
def object_lost(subject: Subject) -> Iterator[Result]:
    """An object is gone that nobody took out

    Why: Its own file or template is as it was, and no switch was turned off: it disappeared as a side effect, such as
    of another name, another path or a values file that is not read any more; Argo CD prunes it all the same.

    Fix: Bring it back, or take it out where it stands, so that whoever reads the change sees it.
    """
    yield from _lost(subject, meant=False)


def _lost(subject: Subject, *, meant: bool) -> Iterator[Result]:
    review = subject.once(reviewed)
    change = review.by_label.get(subject.app.label)
    if subject.environment.base is None or change is None or change.before is None or not change.before.manifests:
        yield NotApplicable()
        return
    mine = [loss for loss in review.losses if loss.change is change and loss.meant is meant]
    if mine and not subject.app.complete:
        found = f"{_listed(loss.manifest for loss in mine)} may be gone, or not rendered"
        cause = incomplete(subject.app.label)
        yield Unchecked(subject.application.place, found, "an Application that renders in full", cause=cause)
        return
    for loss in mine:
        yield Breach(
            loss.place,
            f"{_named(loss.manifest)} is not rendered any more: {_fate(loss)}",
            "an object that is still wanted, or a change that says that it is not",
            object=loss.manifest.object_id,
            related=_origins(subject, loss),
            cause=f"lost:{subject.app.label}:{loss.place}",
        )


def _fate(loss: Loss) -> str:
    if loss.by:
        return f"{loss.by} renders it now, and takes it over if it syncs first; else {loss.fate.text}"
    return loss.fate.text


def _origins(subject: Subject, loss: Loss) -> tuple[Related, ...]:
    """Where the object stood, unless the finding is there already."""
    base = subject.environment.base
    assert base is not None
    place = base.at_revision(loss.manifest.place_of("metadata", "name"))
    return () if place == loss.place else (Related(place, "where it stood"),)


def _named(manifest: Manifest) -> str:
    return f"{manifest.kind} {manifest.name}"


def _listed(manifests: Iterable[Manifest]) -> str:
    names = list(map(_named, manifests))
    return ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")


@check(scope=Scope.ENVIRONMENT)
def data_object_removed(subject: Subject) -> Iterator[Result]:
    """An object goes that data goes with

    Why: A claim takes its volume with it unless that is retained, a namespace everything in it, and a definition of a
    kind every object of that kind in the cluster. Git brings none of it back.

    Fix: Keep the object with Prune=false or Delete=false in argocd.argoproj.io/sync-options, deployed before the
    change, until the data is safe.
    """
    review, base = subject.once(reviewed), subject.environment.base
    if base is None or not any(one.before is not None and one.before.manifests for one in _changes(subject)):
        yield NotApplicable()
        return
    for loss in review.losses:
        data = _data_of(loss.manifest)
        if data and loss.fate.deleted and not loss.by:
            found = f"{_named(loss.manifest)} goes, with {data}: {loss.fate.text}"
            yield _data_breach(subject, loss.change, loss.manifest, loss.place, found, _origins(subject, loss))
    for change, pair, refusal in review.recreated:
        data = _data_of(pair.either)
        if data and refusal.certain:
            place = place_of_change(subject, change, pair, refusal)
            found = f"{_named(pair.either)} is deleted and created again, and {data} with it (Force=true)"
            yield _data_breach(subject, change, pair.either, place, found, ())


def _data_breach(
    subject: Subject,
    change: ApplicationChange,
    manifest: Manifest,
    place: Place,
    found: str,
    related: tuple[Related, ...],
) -> Breach:
    loaded = change.either
    more = () if change.after is None else (Related(loaded.application.place, f"Application {loaded.label}"),)
    return Breach(
        place,
        found,
        "an object that stays as long as its data is wanted",
        object=manifest.object_id,
        field=change.label,
        related=(*related, *more),
        cause=f"lost:{change.label}:{place}" if not subject.is_on("object-removed") else "",
    )


def _data_of(manifest: Manifest) -> str:
    """What is lost with an object, as part of a sentence; "" for objects that hold nothing that Git does not."""
    group_kind = (manifest.group, manifest.kind)
    if group_kind == ("", "PersistentVolume"):
        policy = manifest.get("spec", "persistentVolumeReclaimPolicy")
        return "the volume behind it" if policy == "Delete" else ""
    if group_kind == ("apps", "StatefulSet"):
        policy = manifest.get("spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted")
        return "the claims of its Pods" if policy == "Delete" else ""
    return _DATA.get(group_kind, "")


_DATA = {
    ("", "PersistentVolumeClaim"): "its volume, unless that is retained",
    ("", "Namespace"): "everything in it",
    ("apiextensions.k8s.io", "CustomResourceDefinition"): "every object of its kind",
}


def _changes(subject: Subject) -> Iterable[ApplicationChange]:
    review = subject.once(reviewed)
    return (*review.by_label.values(), *review.removed, *(old for old, _ in review.renamed))


@check(severity=Severity.NOTE, scope=Scope.ENVIRONMENT)
def application_removed(subject: Subject) -> Iterator[Result]:
    """An Application is removed, and Argo CD removes what it deployed

    Why: Its parent prunes the Application, and the finalizer makes that a cascade: everything that the Application has
    deployed is deleted (argo-cd: controller/appcontroller.go `finalizeApplicationDeletion`).

    Fix: Nothing, if this is what the change is for.
    """
    for change, fate in _removed(subject):
        if change is None:
            yield NotApplicable()
        elif fate.deleted and is_cascading(_earlier(change).application):
            goes = len(change.removed)
            found = f"{change.label}: {fate.text}, and with it the {goes} object{'s' * (goes != 1)} that it deployed"
            yield _application_breach(subject, change, found, "an Application that is not wanted any more")


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def application_orphaned(subject: Subject) -> Iterator[Result]:
    """An Application is removed from Git and leaves things running

    Why: Without a parent that prunes it, an Application stays in the cluster and syncs on; without the finalizer, what
    it deployed stays and nobody owns it. In both cases something runs that Git does not know.

    Fix: Give it the finalizer resources-finalizer.argocd.argoproj.io and let its parent prune; remove it after that.
    """
    for change, fate in _removed(subject):
        if change is None:
            yield NotApplicable()
        elif not fate.deleted:
            yield _application_breach(subject, change, f"{change.label}: {fate.text}", "an Application that is deleted")
        elif not is_cascading(_earlier(change).application) and change.removed:
            found = f"{change.label} has no resources-finalizer: {_listed(change.removed)} stay and nobody owns them"
            yield _application_breach(subject, change, found, "the finalizer, before the Application is removed")


def _removed(subject: Subject) -> Iterator[tuple[ApplicationChange | None, Fate]]:
    """The Applications that the change removes, with their fate; None once where there was none before."""
    base = subject.environment.base
    if base is None or not base.applications:
        yield None, Fate(False, "")
        return
    fates = Fates(subject, tuple(_changes(subject)))
    for change in subject.once(reviewed).removed:
        yield change, fates.of_application(_earlier(change))


def _earlier(change: ApplicationChange) -> LoadedApplication:
    assert change.before is not None
    return change.before


def _application_breach(subject: Subject, change: ApplicationChange, found: str, expected: str) -> Breach:
    base = subject.environment.base
    assert base is not None
    return Breach(base.at_revision(_earlier(change).application.place), found, expected, field=change.label)


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def application_renamed(subject: Subject) -> Iterator[Result]:
    """An Application is renamed

    Why: To Argo CD it is another Application: the old one is deleted with all that it deployed, or stays beside the new
    one and claims the same objects. Where Helm derives names from the release, they change as well.

    Fix: Keep the name; or take the finalizer off the old Application first, so that its objects stay for the new one.
    """
    base, renamed = subject.environment.base, subject.once(reviewed).renamed
    if base is None or not base.applications:
        yield NotApplicable()
        return
    fates = Fates(subject, tuple(_changes(subject)))
    for old, new in renamed:
        assert new.after is not None
        before = _earlier(old)
        common = len({one.identity for one in old.removed} & {one.identity for one in new.added})
        yield Breach(
            new.after.application.place,
            f"{new.label} deploys what {old.label} did, {common} of {len(old.removed)} objects under the same names; "
            f"of {old.label}: {_old_fate(fates.of_application(before), before.application)}",
            f"the name {before.application.name}",
            field=f"{old.label} {new.label}",
            related=(Related(base.at_revision(before.application.place), "the name before"),),
        )


def _old_fate(fate: Fate, application: Application) -> str:
    if not fate.deleted:
        return f"{fate.text}, and both claim the same objects"
    if is_cascading(application):
        return f"{fate.text}, and all objects that {application.name} still owns by then"
    return f"{fate.text}, and its objects stay"


@check(scope=Scope.ENVIRONMENT)
def needed_producer_removed(subject: Subject) -> Iterator[Result]:
    """Something goes that is still needed, and nobody else brings it

    Why: What needs it was there before and stays: its Pods do not start again, its requests find nothing, or the API
    server refuses it. The next restart shows it, not the sync.

    Fix: Keep the object, bring it by another Application first, or take out what needs it in the same change.
    """
    base = subject.environment.base
    if base is None or not base.applications:
        yield NotApplicable()
        return
    losses = [loss for loss in subject.once(reviewed).losses if not loss.by]
    if not losses:
        return
    graphs, earlier = graphs_of(subject), graphs_of(Subject(base, subject.policy))
    for loss in losses:
        cluster = cluster_of(_earlier(loss.change).application)
        if cluster in graphs:
            yield from _still_needed(subject, loss, earlier[cluster], graphs[cluster])


def _still_needed(subject: Subject, loss: Loss, before: Graph, after: Graph) -> Iterator[Result]:
    targets = [
        target for target, known in before.definitions.items() if any(one.manifest is loss.manifest for one in known)
    ]
    for target in targets:
        users = [use for use in after.uses if use.target == target and use.need.value != "optional"]
        state = after.find(target).state if users else State.PRESENT
        if state is not State.PRESENT:
            # The same cause as of the references that it leaves without an end.
            cause = f"{after.cluster} {target}"
            yield _missing(subject, loss, str(target), users, cause, certain=state is State.ABSENT)
    for pods in (one for one in before.pods if one.manifest is loss.manifest):
        selecting = [one for one in after.selections if one.kind == "Pod" and _is_service(one.manifest)]
        waiting = [
            one
            for one in selecting
            if _selects(one, pods.namespace, pods.labels)
            and not any(_selects(one, other.namespace, other.labels) for other in after.pods)
        ]
        if waiting:
            what = f"{_named(loss.manifest)} of {loss.manifest.application}"
            yield _missing(subject, loss, what, waiting, f"{after.cluster} {what}", certain=not after.incomplete)


def _is_service(manifest: Manifest) -> bool:
    return (manifest.group, manifest.kind) == ("", "Service")


def _selects(selection: Selection, namespace: str, labels: dict[str, object]) -> bool:
    within = selection.namespaces is None or namespace in selection.namespaces
    return within and matches(selection.selector, labels)


def _missing(
    subject: Subject, loss: Loss, what: str, users: list[Use] | list[Selection], cause: str, *, certain: bool
) -> Breach | Unchecked:
    names = [f"{_named(use.manifest)} of {use.manifest.application}" for use in users]
    shown = ", ".join(names[:_MANY]) + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")
    places = [(use, subject.cause(use.manifest, *use.path)[0]) for use in users[:_MANY]]
    kind = Breach if certain else Unchecked
    return kind(
        loss.place,
        f"{what} is not rendered any more, and {shown} still need{'s' if len(names) == 1 else ''} it: {loss.fate.text}",
        "something that brings it, or nobody who needs it",
        object=loss.manifest.object_id,
        field=what,
        related=(
            *_origins(subject, loss),
            *(Related(place, f"{use.relation} of {_named(use.manifest)}") for use, place in places),
        ),
        cause=cause,
        is_cause=True,
    )


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def change_without_effect(subject: Subject) -> Iterator[Result]:
    """An edit of the values changes nothing

    Why: Whoever made it wanted something else to be deployed, and every Application renders as before: another layer
    replaces the value, a switch is off, or nothing reads it.

    Fix: Make the edit where the value counts, or take it back.
    """
    base = subject.environment.base
    if base is None or not base.applications:
        yield NotApplicable()
        return
    by_line: dict[tuple[Place, Path], list[EditedValue]] = {}
    for loaded in subject.environment.applications:
        for edit in subject.environment.review.edits(loaded.label):
            if not edit.gone:
                by_line.setdefault((edit.place, edit.path), []).append(edit)
    for (place, path), edits in by_line.items():
        effects = _effects(subject, edits)
        if True not in effects:
            yield _without_effect(subject, place, path, edits, certain=None not in effects)


def _effects(subject: Subject, edits: list[EditedValue]) -> list[bool | None]:
    """What an edit does to the Applications that get it, up to the first that it changes."""
    found: list[bool | None] = []
    for edit in edits:
        found.append(subject.environment.review.has_effect(edit))
        if found[-1]:
            break
    return found


def _without_effect(
    subject: Subject, place: Place, path: Path, edits: list[EditedValue], *, certain: bool
) -> Breach | Unchecked:
    labels = list(dict.fromkeys(edit.application for edit in edits))
    shadows = list(dict.fromkeys(edit.shadow for edit in edits if edit.shadow is not None))
    name = field_path(path) or "the values file"
    expected = f"an edit at {shadows[0]}" if shadows else "an edit that changes what is deployed"
    field = f"{place.file}:{name}"
    if not certain:
        unknown = [label for label in labels if (loaded := subject.environment.find(label)) and not loaded.complete]
        found = f"{name} is edited, and whether that changes anything could not be told"
        return Unchecked(place, found, expected, field=field, cause=incomplete(unknown[0]) if unknown else "")
    why = "another layer replaces it" if shadows else "the templates make nothing else of it"
    return Breach(
        place,
        f"{name} is edited, and nothing changes in {', '.join(labels[:_MANY])}: {why}",
        expected,
        field=field,
        related=tuple(Related(shadow, "what replaces it") for shadow in shadows[:_MANY]),
    )


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def required_subject_dropped(subject: Subject) -> Iterator[Result]:
    """The policy asks for less in the same change as what it guards

    Why: A guard that goes together with what it guarded has not guarded it. Whoever reviews the change should know
    that this run was judged by a weaker policy than the one before.

    Fix: Nothing, if both were decided together; else change the policy by itself, with its reason.
    """
    earlier = subject.earlier
    if earlier is None or (earlier.policy is None and not earlier.fault and not earlier.gone):
        yield NotApplicable()
        return
    if earlier.fault:
        place = subject.policy.place_of()
        yield Unchecked(place, f"the policy before the change: {earlier.fault}", "a policy that can be read")
    for file, environment in earlier.gone:
        found = f"the policy of environment {environment} is gone: nothing of it is judged any more"
        yield Breach(Place(f"{earlier.revision}:{file}"), found, "a policy for every environment", field=environment)
    if earlier.policy is None:
        return
    severities = {name: one.severity for name, one in load_catalogue().checks.items()}
    renamed = {
        _earlier(old).application.name: new.either.application.name for old, new in subject.once(reviewed).renamed
    }
    for one in weakenings(earlier.policy, subject.policy, severities, renamed):
        before = earlier.policy.place_of(*one.path)
        yield Breach(
            subject.policy.place_of(*_known_part(subject, one.path)),
            one.found,
            one.expected,
            field=one.key,
            related=(Related(Place(f"{earlier.revision}:{before.file}", before.line, before.column), "what it was"),),
        )


def _known_part(subject: Subject, path: Path) -> Path:
    """The path as far as the policy of now has it; an element that is gone stood in its list."""
    kept = path[:-1] if isinstance(path[-1], int) else path
    while kept and subject.policy.node.get(*kept) is None:
        kept = kept[:-1]
    return kept


@check(severity=Severity.NOTE, scope=Scope.ENVIRONMENT)
def waiver_added(subject: Subject) -> Iterator[Result]:
    """A waiver comes with the change

    Why: It may accept what the same change brings; then nobody but its author has accepted it yet.

    Fix: Nothing, if whoever approves the change approves the waiver too.
    """
    earlier = subject.earlier
    if earlier is None or earlier.policy is None:
        yield NotApplicable()
        return
    known = {waiver.finding for waiver in earlier.policy.waivers}
    for waiver in subject.policy.waivers:
        if waiver.finding not in known:
            found = f"{waiver.finding}: {waiver.reason or 'no reason'} ({waiver.owner or 'no owner'})"
            yield Breach(waiver.place, found, "an approval of the waiver as well", field=waiver.finding)


@check()
def base_not_rendered(subject: Subject) -> Iterator[Result]:
    """The Application could not be rendered as it was before the change

    Why: What the change adds, removes or alters is only known as far as both sides are; what was deployed before may
    hold more than could be seen.

    Fix: Look at the place: what it names was missing or broken on the base. Once the change is merged, it is gone.
    """
    base = subject.environment.base
    change = subject.once(reviewed).by_label.get(subject.app.label) if base is not None else None
    if base is None or change is None or change.before is None:
        yield NotApplicable()
        return
    before = change.before
    if before.complete:
        return
    problem = next((problem for render in before.renders for problem in render.problems), None)
    found = f"{problem.fault} at {base.at_revision(problem.place)}" if problem else "it did not render"
    both = not subject.app.complete
    yield Unchecked(
        subject.application.place, found, "both sides rendered in full", cause=incomplete(change.label) if both else ""
    )
