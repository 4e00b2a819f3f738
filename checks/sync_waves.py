"""In which order Applications and their objects are applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from driftgate.judge import Breach, NotApplicable, Result, Subject, Unchecked, check
from driftgate.model.application import Application
from driftgate.model.manifest import Manifest
from driftgate.model.node import Node
from driftgate.model.outcome import Related, Severity
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.semantics.hooks import SYNC_HOOK_TYPES, hook_types
from driftgate.semantics.numbers import parse_atoi
from driftgate.semantics.sync_waves import (
    APPLICATION_HEALTH_KEY,
    HOOK_WEIGHT_ANNOTATION,
    SYNC_WAVE_ANNOTATION,
    judges_applications,
    sync_turns,
    sync_wave,
)

POLICY: dict[str, type[Section]] = {}
# What says of an object that it is not to run; Argo CD calls such an object Suspended and waits for it.
_SUSPENDED = {
    ("apps", "Deployment"): ("spec", "paused"),
    ("argoproj.io", "Rollout"): ("spec", "paused"),
    ("batch", "Job"): ("spec", "suspend"),
}
_ANNOTATIONS = ("metadata", "annotations")
_NOT_INTEGER = "sync-wave-not-integer"


@dataclass(frozen=True, slots=True)
class WaveRule(Section):
    """The wave that one Application must have: exactly, or at least."""

    exact: int | None = setting(None, "The wave it must have.")
    minimum: int | None = setting(None, "The lowest wave it may have.")


@dataclass(frozen=True, slots=True)
class SyncWaves(Section):
    """The order of the Applications, by sync wave."""

    applications: dict[str, WaveRule] = setting({}, "The wave of each Application that has to have one.")


POLICY["syncWaves"] = SyncWaves


def _plain(annotations: Any) -> dict[str, object]:
    return {key: node.plain() for key, node in annotations.items()}


@check()
def sync_wave_not_integer(subject: Subject) -> Iterator[Result]:
    """A sync wave is not an integer in a string

    Why: Argo CD reads the wave like Go's Atoi and says nothing when that fails: the Helm hook weight counts instead,
    or wave 0, and the object is applied with the first. A value that is no string at all fails the whole manifest.

    Fix: Write the wave as a quoted integer, such as "2" or "-1".
    """
    value = subject.application.annotations.get(SYNC_WAVE_ANNOTATION)
    waved = [(m, a) for m in subject.manifests if not m.is_application and (a := _wave_annotation(m.annotations))]
    if value is None and not waved:
        yield NotApplicable()
    if value is not None:
        yield from _not_integer(subject, value)
    for manifest, annotation in waved:
        wave = manifest.annotations[annotation]
        if not _is_wave(wave):
            found = _shown(wave, manifest.annotations, annotation)
            yield subject.breach(manifest, (*_ANNOTATIONS, annotation), found, 'an integer in a string, such as "1"')


def _wave_annotation(annotations: dict[str, Any]) -> str | None:
    """The annotation that is to set an object's wave; of a hook weight that is no string, another check tells."""
    if SYNC_WAVE_ANNOTATION in annotations:
        return SYNC_WAVE_ANNOTATION
    return HOOK_WEIGHT_ANNOTATION if isinstance(annotations.get(HOOK_WEIGHT_ANNOTATION), str) else None


def _not_integer(subject: Subject, value: Node) -> Iterator[Result]:
    if not _is_wave(value.plain()):
        found = _shown(value.plain(), _plain(subject.application.annotations))
        yield Breach(
            subject.place(*_ANNOTATIONS, SYNC_WAVE_ANNOTATION),
            found,
            'an integer in a string, such as "1"',
            field=SYNC_WAVE_ANNOTATION,
        )


def _is_wave(value: object) -> bool:
    return isinstance(value, str) and parse_atoi(value) is not None


def _shown(value: object, annotations: dict[str, Any], annotation: str = SYNC_WAVE_ANNOTATION) -> str:
    effective, source = sync_wave({key: item for key, item in annotations.items() if isinstance(item, str)})
    counted = (
        f"{HOOK_WEIGHT_ANNOTATION} counts, wave {effective}"
        if source == HOOK_WEIGHT_ANNOTATION
        else "it counts as wave 0"
    )
    if isinstance(value, str):
        weight = "" if annotation == SYNC_WAVE_ANNOTATION else "the hook weight "
        return f'{weight}"{value}": {counted}'
    return f"{value} without quotes: no annotation may be anything but a string"


@check()
def sync_wave_required(subject: Subject) -> Iterator[Result]:
    """An Application is not in the sync wave that policy gives it

    Why: What others need must be applied before them; the wave is the only order that Argo CD keeps between the
    children of one parent.

    Fix: Set the annotation argocd.argoproj.io/sync-wave to the wave that policy names, or change the policy.
    """
    application = subject.application
    rule = subject.section(SyncWaves).applications.get(application.name)
    if rule is None:
        yield NotApplicable()
        return
    written = application.annotations.get(SYNC_WAVE_ANNOTATION)
    if written is not None and not _is_wave(written.plain()) and subject.policy.severity(_NOT_INTEGER, Severity.ERROR):
        return  # told as such
    wave, _ = sync_wave(_plain(application.annotations))
    wanted = f"exactly {rule.exact}" if rule.exact is not None else f"{rule.minimum} or later"
    if _misses(rule, wave):
        policy = Related(
            subject.policy.place_of("syncWaves", "applications", application.name), "the wave that policy gives it"
        )
        found = f"wave {wave}" + (
            "" if SYNC_WAVE_ANNOTATION in application.annotations else ", because there is no annotation"
        )
        yield Breach(
            subject.place(*_ANNOTATIONS, SYNC_WAVE_ANNOTATION),
            found,
            f"wave {wanted}",
            field=SYNC_WAVE_ANNOTATION,
            related=(policy,),
        )


def _misses(rule: WaveRule, wave: int) -> bool:
    return (rule.exact is not None and wave != rule.exact) or (rule.minimum is not None and wave < rule.minimum)


def is_told_of_wave(subject: Subject, application: Application) -> bool:
    """Whether a check of this topic finds fault with an Application's wave; what follows from it need not be told."""
    annotations = _plain(application.annotations)
    if SYNC_WAVE_ANNOTATION in annotations and not _is_wave(annotations[SYNC_WAVE_ANNOTATION]):
        return subject.is_on(_NOT_INTEGER)
    rule = subject.policy.section(SyncWaves, application.name).applications.get(application.name)
    return rule is not None and _misses(rule, sync_wave(annotations)[0]) and subject.is_on("sync-wave-required")


@check(severity=Severity.WARNING)
def sync_waves_do_not_wait(subject: Subject) -> Iterator[Result]:
    """The children of an app of apps are in waves that do not wait for each other

    Why: Argo CD has no health check for Applications of its own, so a child counts as done once it is applied: the
    next wave follows two seconds later, whether the first is healthy or not (argo-cd: docs/operator-manual/health.md).

    Fix: Add resource.customizations.health.argoproj.io_Application to argocd-cm and name that file in policy as
    argocd.config.
    """
    waves = {sync_wave(child.annotations)[0] for child in subject.manifests if child.is_application}
    # Without a policy nobody has said where argocd-cm stands, and it need not be in this repository.
    if len(waves) < 2 or not subject.policy.file or _config_is_lost(subject):
        yield NotApplicable()
        return
    if any(judges_applications(key, node.text or "") for key, node in subject.environment.argocd_config.items()):
        return
    found = f"children in the waves {', '.join(map(str, sorted(waves)))}"
    expected = f"{APPLICATION_HEALTH_KEY} in argocd-cm"
    if subject.policy.section(ArgoCDSection).config:
        yield Breach(subject.application.place, found, expected, field=SYNC_WAVE_ANNOTATION)
    else:
        unknown = f"{found}, and policy does not say where argocd-cm is"
        yield Unchecked(subject.application.place, unknown, expected, field=SYNC_WAVE_ANNOTATION)


def _config_is_lost(subject: Subject) -> bool:
    """Whether argocd-cm is not where policy says, which is told of the policy."""
    place = subject.policy.place_of("argocd", "config")
    return any(problem.place == place for problem in subject.environment.problems)


@check(severity=Severity.NOTE)
def sync_wave_ineffective(subject: Subject) -> Iterator[Result]:
    """An Application that is applied by hand has a sync wave

    Why: A wave orders the objects of one sync. An Application that policy calls a root is no object of any other, so
    nothing ever waits for it, or it for anything (argo-cd: gitops-engine/pkg/sync/syncwaves/waves.go).

    Fix: Delete the annotation, or have the Application rendered by a parent.
    """
    application = subject.application
    if application.name not in subject.policy.roots:
        yield NotApplicable()
    elif SYNC_WAVE_ANNOTATION in application.annotations and not subject.app.parents:
        yield Breach(
            subject.place(*_ANNOTATIONS, SYNC_WAVE_ANNOTATION),
            "a sync wave on a root",
            "no wave, or a parent",
            field=SYNC_WAVE_ANNOTATION,
        )


@check(severity=Severity.WARNING)
def sync_wave_never_ends(subject: Subject) -> Iterator[Result]:
    """A wave holds an object that never becomes healthy

    Why: A paused Deployment and a suspended Job are Suspended, and Argo CD waits for such an object without limit
    before it begins the next wave; a hook is waited for in any case. Only the last wave of ordinary objects is not
    waited for (argo-cd: gitops-engine/pkg/sync/sync_context.go).

    Fix: Put the object into the last wave, or let it run.
    """
    tasks = [(manifest, task) for manifest in subject.manifests for task in sync_turns(manifest.annotations)]
    still = [(manifest, task) for manifest, task in tasks if _is_suspended(manifest)]
    if not still:
        yield NotApplicable()
    last = max((task for _, task in tasks), default=None)
    for manifest, task in still:
        path = _SUSPENDED[(manifest.group, manifest.kind)]
        phase, wave = SYNC_HOOK_TYPES[task[0]], task[1]
        if task != last or hook_types(manifest.annotations).is_hook:
            found = f"{manifest.kind} {manifest.name} is suspended in wave {wave} of {phase}"
            yield subject.breach(manifest, path, found, "an object that runs, or the last wave")
        elif not subject.app.complete:
            place, related = subject.cause(manifest, *path)
            found = f"{manifest.kind} {manifest.name} is suspended, and whether later waves follow is not known"
            yield Unchecked(place, found, "", manifest.object_id, manifest.field(*path), related)


def _is_suspended(manifest: Manifest) -> bool:
    path = _SUSPENDED.get((manifest.group, manifest.kind))
    return path is not None and manifest.get(*path) is True
