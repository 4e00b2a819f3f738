"""What is wrong with live objects, each trouble at the rendered object that it befalls, one cause with what follows.

The troubles themselves are `driftgate.health`'s, as `driftgate status` shows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from driftgate.compare import Verdict
from driftgate.compare.values import Json
from driftgate.drift.masking import without_credentials
from driftgate.drift.pairing import LiveApplication, LiveEnvironment, Pair
from driftgate.drift.state import ClusterState, key_of
from driftgate.health import READS, Family, Limits, Live, Ref, Trouble, lists_for, troubles_by_cause
from driftgate.live import Unread
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Path

__all__ = ["Suffered", "changed_cause", "concerns", "gone_cause", "suffered", "unread_for"]

_SECRET: Final = ("", "Secret")
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Suffered:
    """A trouble as it is told of an Application.

    `object` is in the form of a finding, `manifest` what Git renders for it; None for what Git does not have. `path` is
    what to look at in the manifest, `field` that in a finding's key. What has one `cause` belongs together; `is_cause`
    marks the trouble from which the others follow.
    """

    trouble: Trouble
    object: str
    manifest: Manifest | None
    path: Path
    field: str
    cause: str
    is_cause: bool
    is_drifted: bool

    @property
    def found(self) -> str:
        """What is wrong and what the cluster says of it, without what may be a credential."""
        evidence = [without_credentials(one) for one in self.trouble.evidence[:_SHOWN]]
        also = "; the live object is not as Git has it" if self.is_drifted else ""
        # Whose it is says the object; how many Pods there are does not.
        what = self.trouble.what
        what = what.partition(": ")[2] if what.startswith("of ") else what
        return "; ".join([without_credentials(what), *evidence]) + also


@dataclass(frozen=True, slots=True)
class _Ours:
    """A rendered object, and whose it is."""

    label: str
    pair: Pair


def suffered(live: LiveEnvironment, limits: Limits) -> Mapping[tuple[str, Family], tuple[Suffered, ...]]:
    """All troubles of an environment, by the label of the Application that tells of them and their family."""
    found: dict[tuple[str, Family], dict[tuple[str, str], Suffered]] = {}
    for state in live.states:
        for label, one in _of_cluster(state, live, limits):
            # Pods of two ReplicaSets may suffer from the same in other words.
            found.setdefault((label, one.trouble.family), {}).setdefault((one.object, one.field), one)
    return {about: tuple(several.values()) for about, several in found.items()}


def _of_cluster(state: ClusterState, live: LiveEnvironment, limits: Limits) -> Iterator[tuple[str, Suffered]]:
    there = [one for one in live.applications.values() if one.state is state]
    ours: dict[Ref, _Ours] = {}
    for application in there:
        for pair in application.pairs:
            if pair.manifest is not None and not pair.manifest.is_application:
                ours.setdefault(pair.key, _Ours(application.label, pair))
    spaces = {ref[2]: one.label for ref, one in reversed(ours.items()) if ref[2]}
    known = _live(state, limits)
    asked = {*ours, *(("", "Namespace", "", space) for space in spaces)}
    for head, followers in troubles_by_cause(known, asked):
        drift = next(_drift_behind(known, ours, head), "")
        cause = drift or f"trouble:{state.destination}:{'/'.join(head.ref)}:{head.family.value}"
        owner = next((found for one in (head, *followers) if (found := _owner(known, ours, one))), None)
        for one in (head, *followers):
            if _is_wanted(known, ours, one):
                continue
            mine = _owner(known, ours, one)
            whose = mine or (owner if one is head else None)
            label = whose.label if whose is not None else spaces.get(one.namespace or one.name, "")
            if label and (whose is not None or one is head):
                yield label, _told(one, mine, cause, is_cause=one is head and not drift)


def _live(state: ClusterState, limits: Limits) -> Live:
    """What was read in full, and which Secrets there are."""
    secrets = [one for one in state.others if key_of(one)[:2] == _SECRET]
    listed = {
        (one.group, one.kind, one.namespace)
        for one in state.listed
        if not one.metadata_only or ((one.group, one.kind) == _SECRET and not one.fields)
    }
    # What the cluster does not serve it has none of.
    kinds = {kind for reads in READS.values() for kind in (*reads.needs, *reads.also)}
    listed |= {(*kind, "") for kind in kinds if not state.kinds.find(*kind) and not state.kinds.fault_of(kind[0])}
    return Live([*state.objects, *secrets], listed, state.taken, limits)


def _owner(known: Live, ours: Mapping[Ref, _Ours], trouble: Trouble) -> _Ours | None:
    """The rendered object that a trouble befalls: itself, what owns it, or what else it accounts for."""
    for ref in (trouble.ref, *sorted(trouble.objects)):
        value = known.find(*ref)
        above = known.owners(value) if value is not None else ()
        for one in (ref, *above):
            if one in ours:
                return ours[one]
    return None


def _drift_behind(known: Live, ours: Mapping[Ref, _Ours], trouble: Trouble) -> Iterator[str]:
    """What is not as Git has it and because of which a trouble has come: a field that was changed, a missing object."""
    mine = _owner(known, ours, trouble)
    if mine is not None and mine.pair.manifest is not None:
        path = _path(mine.pair.manifest, trouble, is_itself=trouble.ref == mine.pair.key)
        yield from _changed(mine.pair, mine.pair.manifest.field(*path) if path else "")
    for ref in trouble.because if trouble.family is Family.ENDPOINTS else ():
        if ref in ours and dig(ours[ref].pair.live, ("spec", "replicas")) == 0:
            yield from _changed(ours[ref].pair, "spec.replicas")
    yield from _missing(known, ours, trouble)


def _changed(pair: Pair, field: str) -> Iterator[str]:
    """The difference at a field, or within it: of a selector one label may have been changed."""
    for one in pair.comparison.differences if field and pair.verdict is Verdict.CHANGED else ():
        if one.field == field or one.field.startswith((f"{field}.", f"{field}[")):
            yield changed_cause(pair, one.field)


def _missing(known: Live, ours: Mapping[Ref, _Ours], trouble: Trouble) -> Iterator[str]:
    """The rendered objects that are not there and because of which a trouble has come."""
    lacking = {ref: one for ref, one in ours.items() if one.pair.verdict is Verdict.MISSING}
    for ref in trouble.because:
        if ref in lacking:
            yield gone_cause(lacking[ref].pair)
    selector = dig(known.find(*trouble.ref), ("spec", "selector")) if trouble.family is Family.ENDPOINTS else None
    for ref, one in lacking.items():
        labels = dig(one.pair.desired, ("spec", "template", "metadata", "labels"))
        if selector and isinstance(labels, dict) and ref[2] == trouble.namespace and selector.items() <= labels.items():
            yield gone_cause(one.pair)


def changed_cause(pair: Pair, field: str) -> str:
    """The cause that everything has in common which follows from a field's not being as Git has it."""
    return f"changed:{'/'.join(pair.key)}:{field}"


def gone_cause(pair: Pair) -> str:
    """The cause that everything has in common which follows from an object's not being there."""
    return f"missing:{'/'.join(pair.key)}"


def _is_wanted(known: Live, ours: Mapping[Ref, _Ours], trouble: Trouble) -> bool:
    """Whether nobody is behind a Service because Git asks for no replicas."""
    makers = [ours[ref].pair.desired if ref in ours else known.find(*ref) for ref in trouble.because]
    idle = [one for one in makers if one is not None and dig(one, ("spec", "replicas")) == 0]
    return trouble.family is Family.ENDPOINTS and bool(makers) and len(idle) == len(makers)


def _told(trouble: Trouble, mine: _Ours | None, cause: str, *, is_cause: bool) -> Suffered:
    # Names of Pods are new each day, so that a Pod is told as what Git has of it.
    if mine is None:
        name = "/".join(filter(None, trouble.ref))
        return Suffered(trouble, name, None, (), "", cause, is_cause, is_drifted=False)
    manifest = mine.pair.manifest
    assert manifest is not None
    path = _path(manifest, trouble, is_itself=trouble.ref == mine.pair.key)
    drifted = mine.pair.verdict is Verdict.CHANGED
    field = manifest.field(*path) if path else ""
    return Suffered(trouble, mine.pair.object_id, manifest, path, field, cause, is_cause, drifted)


def _path(manifest: Manifest, trouble: Trouble, *, is_itself: bool) -> Path:
    """The field that a trouble is of, or the nearest around it that the manifest has."""
    if trouble.container:
        spec = manifest.pod_spec_path
        for sort in ("containers", "initContainers") if spec is not None else ():
            assert spec is not None
            containers = dig(manifest.object, (*spec, sort))
            for index, one in enumerate(containers if isinstance(containers, list) else ()):
                if isinstance(one, dict) and one.get("name") == trouble.container:
                    return _there(manifest.object, (*spec, sort, index, *trouble.field))
        return ()
    return _there(manifest.object, trouble.field) if is_itself else ()


def _there(document: Json, path: tuple[str | int, ...]) -> Path:
    while path and dig(document, path) is None:
        path = path[:-1]
    return path


def concerns(application: LiveApplication, family: Family) -> bool:
    """Whether an Application renders anything that a family of troubles can befall."""
    wanted = READS[family].of
    return any(not wanted or kind in wanted for kinds in _rendered(application).values() for kind in kinds)


def unread_for(application: LiveApplication, family: Family) -> Iterator[Unread]:
    """The lists that were not read and without which troubles of a family may be missed."""
    state, told = application.state, set()
    for namespace, kinds in _rendered(application).items():
        wanted = READS[family].of
        if wanted and kinds.isdisjoint(wanted):
            continue
        for group, kind in (*lists_for(family, kinds), *(one for one in kinds if one in wanted)):
            resource = state.kinds.find(group, kind)
            place = namespace if resource is None or resource.namespaced else ""
            unread = state.unread_of(group, kind, place, metadata_only=(group, kind) == _SECRET)
            if unread is not None and unread not in told:
                told.add(unread)
                yield unread


def _rendered(application: LiveApplication) -> dict[str, set[tuple[str, str]]]:
    """Group and kind of what an Application renders, by namespace."""
    found: dict[str, set[tuple[str, str]]] = {}
    for pair in application.pairs:
        if pair.manifest is not None and not pair.manifest.is_application:
            group, kind, namespace, _ = pair.key
            found.setdefault(namespace, set()).add((group, kind))
    return found
