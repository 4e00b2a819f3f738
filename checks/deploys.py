"""What a deploy has left: Applications that have not come to rest, and changes that were no part of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftgate.checks.drift import changes_of

from driftgate.judge import Breach, NotApplicable, Result, Subject, Unchecked, check
from driftgate.model.outcome import Severity

if TYPE_CHECKING:
    from driftgate.deploys.aftermath import Collateral


@check(live=True)
def deploy_not_settled(subject: Subject) -> Iterator[Result]:
    """An Application has not come to rest after the deploy

    Why: It is still on its way, or stuck: what is said of its objects now may be of the time before the deploy, and
    does not tell whether the new version works.

    Fix: Look at what it waits for; if it only needs longer, wait longer (`--driftgate-wait`).
    """
    deploy = subject.deploy
    if deploy is None or not deploy.waited:
        yield NotApplicable()
        return
    for one in deploy.unsettled:
        if one.label == subject.app.label:
            place, expected = subject.application.place, f"at rest within {deploy.seconds:g} seconds"
            yield (Breach if one.is_known else Unchecked)(place, one.why, expected)


@check(severity=Severity.WARNING, live=True)
def changed_outside_plan(subject: Subject) -> Iterator[Result]:
    """A live object has changed since the snapshot, and neither the plan nor who delivers has done it

    Why: Somebody or something else was at work while the deploy ran. Git says nothing of the field, so no comparison
    with Git would ever show it.

    Fix: Ask whoever wrote it; put it into Git if it is needed, or undo it.
    """
    from driftgate.deploys.aftermath import collateral_of
    from driftgate.drift.changes import manifest_path

    if subject.deploy is None or subject.deploy.before is None or not subject.manifests:
        yield NotApplicable()
        return
    changes = changes_of(subject)
    told = {(one.pair.object_id, one.field) for one in (*changes.drifted(), *changes.added(), *changes.ignored())}
    for one in collateral_of(subject.deploy.before, subject.clusters, subject.app.label):
        if not _is_told(one, told):
            assert one.pair.manifest is not None
            path, _ = manifest_path(one.pair.manifest, one.path or ("metadata", "name"))
            place = one.pair.manifest.place_of(*path)
            yield Breach(place, _found(one), "as it was before the deploy", one.pair.object_id, one.field)


def _is_told(one: Collateral, told: set[tuple[str, str]]) -> bool:
    """Whether a difference with Git tells it: of the same field, or of one around it or in it."""
    return any(
        name == one.pair.object_id and (field.startswith(one.field) or one.field.startswith(field))
        for name, field in told
    )


def _found(one: Collateral) -> str:
    from driftgate.drift.changes import shown, written
    from driftgate.drift.owners import value_at
    from driftgate.model.secret import SecretValue

    assert one.pair.live is not None
    if not one.path:
        return f"another object of the same name{written(one.writers, 'last written')}: it was deleted and made anew"
    if one.gone:
        return f"{one.field}: no longer there, which leaves no name"
    value = value_at(one.pair.live, one.path)
    text = "another secret value" if isinstance(value, SecretValue) else shown(value, one.path)
    return f"{one.field}: {text}{written(one.writers, 'written')}"
