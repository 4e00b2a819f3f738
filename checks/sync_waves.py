"""In which order Applications and their objects are applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from driftgate.judge import Breach, NotApplicable, Result, Subject, check
from driftgate.model.node import Node
from driftgate.model.outcome import Related, Severity
from driftgate.policy import Section, setting
from driftgate.semantics.numbers import parse_atoi
from driftgate.semantics.sync_waves import HOOK_WEIGHT_ANNOTATION, SYNC_WAVE_ANNOTATION, sync_wave

POLICY: dict[str, type[Section]] = {}
_HEALTH_KEY = "resource.customizations.health.argoproj.io_Application"
_ANNOTATIONS = ("metadata", "annotations")


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
    if value is not None:
        yield from _not_integer(subject, value)
    for manifest in subject.manifests:
        if SYNC_WAVE_ANNOTATION in manifest.annotations and not _is_child(manifest.kind):
            wave = manifest.annotations[SYNC_WAVE_ANNOTATION]
            if not _is_wave(wave):
                path = (*_ANNOTATIONS, SYNC_WAVE_ANNOTATION)
                yield subject.breach(
                    manifest, path, _shown(wave, manifest.annotations), 'an integer in a string, such as "1"'
                )


def _not_integer(subject: Subject, value: Node) -> Iterator[Result]:
    if not _is_wave(value.plain()):
        found = _shown(value.plain(), _plain(subject.application.annotations))
        yield Breach(
            subject.place(*_ANNOTATIONS, SYNC_WAVE_ANNOTATION),
            found,
            'an integer in a string, such as "1"',
            field=SYNC_WAVE_ANNOTATION,
        )


def _is_child(kind: str) -> bool:
    """Children are judged as Applications of their own."""
    return kind == "Application"


def _is_wave(value: object) -> bool:
    return isinstance(value, str) and parse_atoi(value) is not None


def _shown(value: object, annotations: dict[str, Any]) -> str:
    effective, source = sync_wave({key: item for key, item in annotations.items() if isinstance(item, str)})
    counted = (
        f"{HOOK_WEIGHT_ANNOTATION} counts, wave {effective}"
        if source == HOOK_WEIGHT_ANNOTATION
        else "it counts as wave 0"
    )
    if isinstance(value, str):
        return f'"{value}": {counted}'
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
    wave, _ = sync_wave(_plain(application.annotations))
    wanted = f"exactly {rule.exact}" if rule.exact is not None else f"{rule.minimum} or later"
    if (rule.exact is not None and wave != rule.exact) or (rule.minimum is not None and wave < rule.minimum):
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


@check(severity=Severity.WARNING)
def sync_waves_do_not_wait(subject: Subject) -> Iterator[Result]:
    """The children of an app of apps are in waves that do not wait for each other

    Why: Argo CD has no health check for Applications of its own, so a child counts as done once it is applied: the
    next wave follows two seconds later, whether the first is healthy or not (argo-cd: docs/operator-manual/health.md).

    Fix: Add resource.customizations.health.argoproj.io_Application to argocd-cm and name that file in policy as
    argocd.config.
    """
    children = [m for m in subject.manifests if m.kind == "Application" and m.group == "argoproj.io"]
    waves = {sync_wave(child.annotations)[0] for child in children}
    # Without a policy nobody has said where argocd-cm stands, and it need not be in this repository.
    if len(waves) < 2 or not subject.policy.file:
        yield NotApplicable()
        return
    script = subject.environment.argocd_config.get(_HEALTH_KEY)
    if script is not None and script.text and script.text.strip():
        return
    shown = ", ".join(map(str, sorted(waves)))
    yield Breach(
        subject.application.place,
        f"children in the waves {shown}",
        f"{_HEALTH_KEY} in argocd-cm",
        field=SYNC_WAVE_ANNOTATION,
    )
