"""What becomes of a difference: by who delivers, how, and whose the field is.

Source: Argo CD v3.6.1, `controller/appcontroller.go` (`autoSync`), `controller/sync.go`,
`gitops-engine/pkg/sync/sync_context.go` (`applyObject`, `shouldUseServerSideApply`, `needsClientSideApplyMigration`);
helm v3.22.0 and v4.3.1, `pkg/kube/client.go` (`createPatch`, `Update`), `pkg/action/upgrade.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any

from driftgate.compare import (
    ABSENT,
    CompareError,
    Comparison,
    Difference,
    Rules,
    Step,
    Tracking,
    TrackingMethod,
    Verdict,
    predict,
    written_path,
)
from driftgate.compare.engine import LAST_APPLIED, object_type
from driftgate.compare.objects import annotations_of, opened, split_kind
from driftgate.compare.values import Json, equal
from driftgate.drift.additions import Addition
from driftgate.drift.owners import Hold, Writer, WriterKind, all_writers, holders, value_at, writers, writes_by_apply
from driftgate.model.application import Application
from driftgate.semantics.immutable import FIXED, Refusal, refusals
from driftgate.semantics.sync_fate import fate_when_not_rendered, is_recreated, options_of

__all__ = ["Consequence", "Deliverer", "Delivery", "Fate", "fate", "is_reordered"]


class Deliverer(StrEnum):
    """Who brings the objects into the cluster."""

    ARGOCD = "argocd"
    HELM = "helm"


class Consequence(StrEnum):
    """What becomes of a difference without anybody's doing more than delivering."""

    SELF_HEAL = "self-heal reverts it"
    NEXT_SYNC = "the next sync overwrites it"
    NEXT_UPGRADE = "the next helm upgrade overwrites it"
    #: Neither a sync nor an upgrade touches it.
    SURVIVES = "it survives"
    #: A rule of Argo CD's looks away.
    IGNORED = "it is ignored"
    #: No longer rendered, and the next sync or upgrade deletes it.
    PRUNED = "it is pruned"
    #: No longer rendered, and nothing deletes it.
    STAYS = "it stays"
    #: The next sync or upgrade fails over it.
    BLOCKS = "it blocks the delivery"
    #: Missing, and made anew.
    CREATED = "it is created anew"
    #: What Git, the object and the policy say does not tell.
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a difference, and in a sentence why, with the setting that decides."""

    consequence: Consequence
    why: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the objects of one Application get into the cluster.

    `application` has the sync policy and options that act; with `live_application`, the Application as the cluster has
    it, what is said knows of a sync that failed. `prune_on_application` says whether this Argo CD reads `Prune` in the
    Application's sync options (since 3.4).
    """

    deliverer: Deliverer
    application: Application
    live_application: Json | None = None
    prune_on_application: bool = True

    def has_option(self, option: str) -> bool:
        """Whether the Application has a sync option."""
        return self.application.sync_policy.has_option(option)


def fate(
    change: Comparison | Difference | Addition, desired: Json | None, live: Json | None, delivery: Delivery
) -> Fate:
    """What becomes of an object that is missing or extra, of a field that differs, or of a field that was added.

    The objects are as `compare` takes them, the live one with its managed fields. Raises ValueError for a comparison
    whose fields differ, as each of them has a fate of its own.
    """
    if isinstance(change, Comparison):
        return _fate_of_object(change, live, delivery)
    assert desired is not None
    assert live is not None
    pair = _Pair(opened(desired), opened(live), delivery)
    if isinstance(change, Addition):
        return _fate_of_addition(change, pair)
    return _fate_of_difference(change, pair)


# --- whole objects


def _fate_of_object(comparison: Comparison, live: Json | None, delivery: Delivery) -> Fate:
    match comparison.verdict:
        case Verdict.MISSING:
            return _missing(delivery)
        case Verdict.EXTRA:
            assert live is not None
            return _extra_of_release(live) if delivery.deliverer is Deliverer.HELM else _extra(live, delivery)
        case Verdict.ORPHANED:
            return Fate(Consequence.STAYS, f"Nobody who delivers here knows it: it is {comparison.reason}.")
        case Verdict.NOT_COMPARED:
            return Fate(Consequence.UNKNOWN, f"It is not compared: {comparison.reason}.")
        case Verdict.COULD_NOT_CHECK:
            return Fate(Consequence.UNKNOWN, "It could not be compared.")
    raise ValueError(f"{comparison.verdict}: each difference has a fate of its own")


def _missing(delivery: Delivery) -> Fate:
    if delivery.deliverer is Deliverer.HELM:
        return Fate(
            Consequence.CREATED, "The next helm upgrade creates whatever the chart has and the cluster does not."
        )
    when = _when(delivery)
    return Fate(Consequence.CREATED, f"{when.text} {'Self-heal' if when.heals else 'That sync'} creates it anew.")


def _extra(live: Json, delivery: Delivery) -> Fate:
    waits = _deletion(live)
    if waits:
        return Fate(Consequence.PRUNED, waits)
    annotations: Mapping[str, object] = annotations_of(live)
    found = fate_when_not_rendered(delivery.application, annotations, app_wide=delivery.prune_on_application)
    if not found.deleted:
        return Fate(Consequence.STAYS, _sentence(found.text))
    when = _when(delivery)
    text = found.text
    if "IgnoreExtraneous" in _listed(annotations.get("argocd.argoproj.io/compare-options")):
        text += (
            ", when one comes for another reason: IgnoreExtraneous keeps the Application from being OutOfSync over it"
        )
    elif not when.heals:
        text += f". {when.text.removesuffix('.')}"
    finalizers = _finalizers(live)
    if finalizers:
        text += f"; it is gone only when somebody has removed its finalizers ({', '.join(finalizers)})"
    return Fate(Consequence.PRUNED, _sentence(text))


def _deletion(live: Json) -> str:
    """In words that somebody has deleted the object already; empty where nobody has."""
    if value_at(live, ("metadata", "deletionTimestamp")) in (ABSENT, None):
        return ""
    finalizers = _finalizers(live)
    waits = f", and waits for its finalizers ({', '.join(finalizers)})" if finalizers else ""
    return f"It is being deleted already{waits}."


def _finalizers(live: Json) -> list[str]:
    found = value_at(live, ("metadata", "finalizers"))
    return [str(item) for item in found] if isinstance(found, list) else []


def _extra_of_release(live: Json) -> Fate:
    waits = _deletion(live)
    if waits:
        return Fate(Consequence.PRUNED, waits)
    if annotations_of(live).get("helm.sh/resource-policy") == "keep":
        return Fate(Consequence.STAYS, "helm keeps it, as its annotation helm.sh/resource-policy: keep says.")
    found = writers(live, ("metadata", "annotations", "meta.helm.sh/release-name"))
    if not found:
        why = "helm deletes it if the last release still has it, which only the release itself tells."
        return Fate(Consequence.UNKNOWN, why)
    if any(writer.kind is WriterKind.HELM for writer in found):
        return Fate(
            Consequence.PRUNED, "helm made it, and the next helm upgrade deletes what the chart does not have any more."
        )
    why = f"{found[0].manager} made it, and helm deletes only what its own last release has."
    return Fate(Consequence.STAYS, why)


def _listed(text: object) -> list[str]:
    return [item.strip() for item in text.split(",")] if isinstance(text, str) else []


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# --- when Argo CD syncs next


@dataclass(frozen=True, slots=True)
class _When:
    """Whether a difference starts a sync by itself, and a sentence about it."""

    heals: bool
    text: str


def _when(delivery: Delivery) -> _When:
    policy = delivery.application.sync_policy
    if value_at(delivery.live_application, ("metadata", "deletionTimestamp")) not in (ABSENT, None):
        return _When(False, "The Application is being deleted, and syncs no more.")
    if not policy.is_automated or policy.automated is None:
        return _When(False, "Automated sync is off: it stays until somebody syncs.")
    phase = _failed_sync(delivery.live_application)
    if phase:
        return _When(
            False, f"The last sync to this revision ended as {phase}, and Argo CD does not try it again by itself."
        )
    if not policy.automated.self_heal:
        return _When(False, "selfHeal is off: it stays until the next commit, or until somebody syncs.")
    return _When(True, "selfHeal is on: Argo CD syncs the object as soon as it sees the difference.")


def _failed_sync(application: Json | None) -> str:
    """The phase of the last sync where it failed, and was to the revision that is compared with; else empty."""
    phase = value_at(application, ("status", "operationState", "phase"))
    if phase not in ("Failed", "Error"):
        return ""
    tried, compared = (
        (value_at(application, (*path, "revision")), value_at(application, (*path, "revisions")))
        for path in (("status", "operationState", "syncResult"), ("status", "sync"))
    )
    return str(phase) if tried == compared else ""


# --- fields


class _Way(Enum):
    """How an object is written."""

    #: `kubectl apply`, and helm's merge of its last and its new manifest.
    MERGE = "client-side apply"
    #: The API server keeps book of who owns what.
    SERVER_SIDE = "server-side apply"
    REPLACE = "replace"
    #: A custom resource by helm without server-side apply: only what the chart has changed is sent.
    CHART_CHANGES = "the chart's changes"


@dataclass(frozen=True, slots=True)
class _Pair:
    """A desired and a live object, and how the one is written over the other."""

    desired: Json
    live: Json
    delivery: Delivery

    @property
    def by_helm(self) -> bool:
        return self.delivery.deliverer is Deliverer.HELM

    @property
    def way(self) -> _Way:
        if self.by_helm:
            if writes_by_apply(self.live, WriterKind.HELM):
                return _Way.SERVER_SIDE
            return _Way.CHART_CHANGES if object_type(self.live) is None else _Way.MERGE
        own, there = (options_of(annotations_of(document)) for document in (self.desired, self.live))
        if self.delivery.has_option("Replace=true") or "Replace=true" in {*own, *there}:
            return _Way.REPLACE
        if "ServerSideApply=false" in own:
            return _Way.MERGE
        server_side = self.delivery.has_option("ServerSideApply=true") or "ServerSideApply=true" in own
        return _Way.SERVER_SIDE if server_side else _Way.MERGE

    @property
    def recreated(self) -> bool:
        """Whether an object that cannot be updated is deleted and created anew."""
        return not self.by_helm and is_recreated(
            self.delivery.application, split_kind(self.live), annotations_of(self.live), annotations_of(self.desired)
        )

    def written(self) -> Json | None:
        """What would become of the live object by a merge; None where that cannot be told."""
        live = self.live
        if self.by_helm or self.way is not _Way.MERGE:
            # Only `kubectl apply` goes by what was applied last.
            live = _without_annotation(live, LAST_APPLIED)
        try:
            return predict(self.desired, live, _NO_RULES).predicted
        except CompareError:
            return None

    def refusal(self) -> Refusal | None:
        """The first field that the API server will not let be changed."""
        written = self.written()
        if written is None:
            return None
        return next(refusals(*split_kind(self.live), self.live, written), None)


#: Nothing is ignored, and tracking metadata is written like anything else.
_NO_RULES = Rules(system=(), tracking=Tracking(TrackingMethod.LABEL))


def _without_annotation(live: Json, key: str) -> Json:
    annotations = value_at(live, ("metadata", "annotations"))
    if not isinstance(annotations, dict) or key not in annotations:
        return live
    rest = {name: value for name, value in annotations.items() if name != key}
    return {**live, "metadata": {**live["metadata"], "annotations": rest}}


def _fate_of_difference(difference: Difference, pair: _Pair) -> Fate:
    if difference.ignored_by is not None and not pair.by_helm:
        return _ignored(difference, pair)
    blocked = _blocked(difference.path, pair)
    if blocked is not None:
        return blocked
    if pair.way is _Way.CHART_CHANGES:
        return _by_chart_changes(difference.path, pair)
    if pair.way is _Way.SERVER_SIDE and pair.by_helm:
        rival = _rival(difference, pair)
        if rival is not None:
            why = (
                f"The next helm upgrade fails: {rival.manager} owns it, and helm takes it only with --force-conflicts."
            )
            return Fate(Consequence.BLOCKS, why)
    if not _is_overwritten(difference, pair):
        return _survives(difference.path, pair)
    return _overwritten(difference.path, pair)


def _ignored(difference: Difference, pair: _Pair) -> Fate:
    assert difference.ignored_by is not None
    rule = difference.ignored_by.label or "a rule"
    delivery = pair.delivery
    if delivery.has_option("RespectIgnoreDifferences=true"):
        why = f"{rule} looks away, and with RespectIgnoreDifferences=true a sync keeps the live value as well."
        return Fate(Consequence.IGNORED, why)
    blocked = _blocked(difference.path, pair)
    if blocked is not None:
        return replace(blocked, why=f"{rule} looks away, but a sync does not. {blocked.why}")
    when = (
        "when something else in the object differs" if _only_out_of_sync(delivery) else "that comes for another reason"
    )
    why = f"{rule} looks away, so nothing happens by itself; a sync {when} still writes the desired value."
    return Fate(Consequence.IGNORED, why)


def _only_out_of_sync(delivery: Delivery) -> bool:
    return delivery.has_option("ApplyOutOfSyncOnly=true")


def _blocked(path: tuple[Step, ...], pair: _Pair) -> Fate | None:
    """The fate of a field of an object that the API server refuses to update; None where it does not."""
    refusal = pair.refusal() if pair.way is not _Way.CHART_CHANGES else None
    if refusal is None:
        return None
    name = written_path(tuple(refusal.field))
    fixed = f"{name} cannot be changed{'' if refusal.rule == FIXED else f' ({refusal.rule})'}"
    if pair.recreated:
        when = _when(pair.delivery)
        consequence = Consequence.SELF_HEAL if when.heals else Consequence.NEXT_SYNC
        why = f"{fixed}, so the sync deletes the object and creates it anew. {when.text}"
        return Fate(consequence, why)
    who = "helm upgrade" if pair.by_helm else "sync"
    fails = "fails" if refusal.certain else "fails if the cluster has filled in another value"
    own = path[: len(refusal.field)] == tuple(refusal.field)[: len(path)]
    what = "the object has to be deleted first, or Git has to follow" if own else f"until then {name} is in the way"
    return Fate(Consequence.BLOCKS, f"The next {who} {fails}: {fixed}; {what}.")


def _by_chart_changes(path: tuple[Step, ...], pair: _Pair) -> Fate:
    found = writers(pair.live, path)
    so = "helm sends of a custom resource only what the chart has changed since the last release"
    if found and found[0].kind is WriterKind.HELM:
        return Fate(Consequence.NEXT_UPGRADE, f"helm wrote the live value, and the chart has changed since; {so}.")
    if found:
        return Fate(Consequence.SURVIVES, f"{so[0].upper()}{so[1:]}, and not what {found[0].manager} has changed.")
    return Fate(Consequence.UNKNOWN, f"{so[0].upper()}{so[1:]}, and who changed the field is not known.")


def _rival(difference: Difference, pair: _Pair) -> Writer | None:
    """Who else than the deliverer's own apply owns a field that it writes; None for nobody."""
    hold, found = holders(pair.live, difference.path)
    # What is not desired is written only as part of a list that is one value.
    if hold < Hold.WHOLE or (difference.desired is ABSENT and hold is not Hold.WHOLE):
        return None
    return next((one for one in found if not _is_applier(one, pair)), None)


def _is_applier(writer: Writer, pair: _Pair) -> bool:
    """Whether a writer's fields are the deliverer's to remove by server-side apply."""
    if writer.operation == "Apply" and not writer.subresource:
        return writer.kind is (WriterKind.HELM if pair.by_helm else WriterKind.ARGOCD)
    # Argo CD takes over what was applied by hand before it applies.
    migrates = not pair.by_helm and not pair.delivery.has_option("ClientSideApplyMigration=false")
    return migrates and writer.operation == "Update" and writer.manager == "kubectl-client-side-apply"


def _is_overwritten(change: Difference | Addition, pair: _Pair) -> bool:
    """Whether a delivery writes over the live value, or removes it."""
    wanted = change.desired if isinstance(change, Difference) else ABSENT
    if wanted is not ABSENT or pair.way is _Way.REPLACE:
        return True
    if pair.way is _Way.SERVER_SIDE:
        hold, found = holders(pair.live, change.path)
        # A list that is one value is written whole; otherwise a field goes when its last owner lets go of it.
        return hold is Hold.WHOLE or (
            bool(found) and hold is Hold.FIELD and all(_is_applier(one, pair) for one in found)
        )
    written = pair.written()
    return written is not None and not equal(
        _plain(value_at(written, change.path)), _plain(value_at(pair.live, change.path))
    )


def _plain(value: Any) -> Any:
    return None if value is ABSENT else value


def _overwritten(path: tuple[Step, ...], pair: _Pair) -> Fate:
    again = _writes_again(path, pair)
    if pair.by_helm:
        return Fate(
            Consequence.NEXT_UPGRADE, f"The next helm upgrade writes what the chart says, changed or not.{again}"
        )
    when = _when(pair.delivery)
    return Fate(Consequence.SELF_HEAL if when.heals else Consequence.NEXT_SYNC, f"{when.text}{again}")


def _writes_again(path: tuple[Step, ...], pair: _Pair) -> str:
    """A further sentence, where the value will most likely come back."""
    found = writers(pair.live, path)
    # Who turns the elements of a list round takes none of them over from whoever wrote it.
    if not found or is_reordered(value_at(pair.live, path), value_at(pair.desired, path)):
        return ""
    newest = found[0]
    if newest.kind is WriterKind.CONTROLLER:
        return f" {newest.manager} wrote the live value, and will most likely write it again."
    if newest.kind is (WriterKind.HELM if pair.by_helm else WriterKind.ARGOCD):
        return (
            f" {newest.manager} itself wrote the live value: either Git has changed since, or an admission webhook"
            " changes what is applied, and will do so again."
        )
    return ""


def is_reordered(live: Any, desired: Any) -> bool:
    """Whether two lists have the same elements in another order: an order is nobody's field."""
    if not (isinstance(live, list) and isinstance(desired, list) and len(live) == len(desired)):
        return False
    rest = list(desired)
    for one in live:
        if one not in rest:
            return False
        rest.remove(one)
    return True


def _survives(path: tuple[Step, ...], pair: _Pair) -> Fate:
    who = _owner(path, pair)
    if pair.by_helm and pair.way is _Way.SERVER_SIDE:
        return Fate(Consequence.SURVIVES, f"It is not in the chart, and helm removes only fields that it owns; {who}.")
    if pair.by_helm:
        why = f"It is not in the chart, and helm removes only what its last release had; {who}."
        return Fate(Consequence.SURVIVES, why)
    if pair.way is _Way.SERVER_SIDE:
        why = f"It is not in Git, and a server-side apply removes only fields that Argo CD owns; {who}."
        return Fate(Consequence.SURVIVES, why)
    return Fate(Consequence.SURVIVES, f"It is not in Git, and a sync removes only what Argo CD applied before; {who}.")


def _owner(path: tuple[Step, ...], pair: _Pair) -> str:
    found = writers(pair.live, path)
    if found and found[0].manager:
        return f"this is {found[0].manager}'s"
    webhook = ", as with what an admission webhook adds" if all_writers(pair.live) else ""
    return f"whose this is the object does not say{webhook}"


def _fate_of_addition(addition: Addition, pair: _Pair) -> Fate:
    path = addition.path
    if addition.desired is not ABSENT:
        return _fate_of_unseen(addition, pair)
    if pair.by_helm and pair.way is not _Way.SERVER_SIDE:
        found = writers(pair.live, path)
        if found and all(one.kind is WriterKind.HELM for one in found):
            why = "helm wrote it: the next upgrade removes it if the last release had it, and not what a webhook added."
            return Fate(Consequence.UNKNOWN, why)
    if not _is_overwritten(addition, pair):
        return _survives(path, pair)
    if pair.by_helm:
        return _overwritten(path, pair)
    # The object is in sync, so nothing starts a sync; one that comes anyway may pass it over.
    if pair.way is _Way.REPLACE and _only_out_of_sync(pair.delivery):
        why = "A sync replaces the whole object, but passes it over while it is in sync (ApplyOutOfSyncOnly=true)."
        return Fate(Consequence.SURVIVES, why)
    how = (
        "replaces the whole object (Replace=true)" if pair.way is _Way.REPLACE else "takes back what Argo CD owns alone"
    )
    why = f"Argo CD says Synced and starts no sync over it, but a sync that comes for another reason {how}."
    return Fate(Consequence.NEXT_SYNC, why)


def _fate_of_unseen(addition: Addition, pair: _Pair) -> Fate:
    """The fate of a field for which Git has a `false`, 0 or empty value: it is written, though it is not compared."""
    blocked = _blocked(addition.path, pair)
    if blocked is not None:
        return blocked
    if pair.by_helm:
        difference = Difference(addition.path, addition.desired, addition.live)
        return _fate_of_difference(difference, pair)
    if _only_out_of_sync(pair.delivery):
        why = "A sync writes what Git has, but passes the object over while it is in sync (ApplyOutOfSyncOnly=true)."
        return Fate(Consequence.SURVIVES, why)
    why = "Argo CD says Synced and starts no sync over it, but one that comes for another reason writes what Git has."
    return Fate(Consequence.NEXT_SYNC, why)
