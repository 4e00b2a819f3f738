"""Sync and compare options: required, unknown, misplaced, contradictory and without effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from driftgate.judge import Breach, NotApplicable, Result, Subject, check
from driftgate.model.manifest import Manifest
from driftgate.model.node import field_path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.semantics.go_text import trim_space
from driftgate.semantics.sync_options import (
    SYNC_OPTIONS_ANNOTATION,
    OptionVerdict,
    ParsedOption,
    nearest_option,
    parse_option,
)

POLICY: dict[str, type[Section]] = {}
COMPARE_OPTIONS_ANNOTATION = "argocd.argoproj.io/compare-options"
_ANNOTATIONS = ("metadata", "annotations")
_SYNC_POLICY = ("spec", "syncPolicy")
_OPTIONS = (*_SYNC_POLICY, "syncOptions")
_APPLICATION_COMPARE_OPTIONS = ("ServerSideDiff=true", "ServerSideDiff=false", "IncludeMutationWebhook=true")
_RESOURCE_COMPARE_OPTIONS = ("IgnoreExtraneous",)
# Argo CD defines these constants and reads them nowhere, so they do not even take back the Application's own option.
_NEVER_READ = ("Replace=false", "ApplyOutOfSyncOnly=false")


@dataclass(frozen=True, slots=True)
class SyncOptions(Section):
    """Which sync options Applications must have."""

    required: tuple[str, ...] = setting((), "Sync options that every Application must have, as name=value.")


POLICY["syncOptions"] = SyncOptions


@dataclass(frozen=True, slots=True)
class AnnotationHolder:
    """Whose annotations are looked at: a rendered object, or the Application itself where `manifest` is None."""

    subject: Subject
    manifest: Manifest | None = None

    def get(self, annotation: str) -> str | None:
        """The annotation's value, if it is a string."""
        if self.manifest is not None:
            value = self.manifest.annotations.get(annotation)
            return value if isinstance(value, str) else None
        node = self.subject.application.annotations.get(annotation)
        return node.text if node else None

    def items(self, annotation: str) -> tuple[str, ...]:
        """The annotation's value as Argo CD splits it: at commas, trimmed; empty items say nothing."""
        return tuple(item for part in (self.get(annotation) or "").split(",") if (item := trim_space(part)))

    def breach(
        self, annotation: str, item: str, found: str, expected: str, related: tuple[Related, ...] = ()
    ) -> Breach:
        """A breach of one item of the annotation."""
        path = (*_ANNOTATIONS, annotation)
        field = f"{field_path(path)}[{item}]"
        if self.manifest is None:
            return Breach(self.subject.place(*path), found, expected, field=field, related=related)
        place, cause = self.subject.cause(self.manifest, *path)
        return Breach(place, found, expected, self.manifest.object_id, field, (*cause, *related))


def _holders(subject: Subject) -> Iterator[AnnotationHolder]:
    yield AnnotationHolder(subject)
    yield from (AnnotationHolder(subject, manifest) for manifest in subject.manifests if not manifest.is_application)


@dataclass(frozen=True, slots=True)
class _Option:
    """One sync option where it stands: in the Application's list if `holder` is None, else in an annotation."""

    subject: Subject
    parsed: ParsedOption
    holder: AnnotationHolder | None
    list_place: Place | None = None

    @property
    def place(self) -> Place:
        """The option's own line."""
        if self.list_place is not None:
            return self.list_place
        assert self.holder is not None
        return self.breach("", "").place

    @property
    def acts(self) -> bool:
        """Whether it changes anything where it stands."""
        if self.holder is None:
            return self.parsed.acts_on_application
        return self.parsed.acts_on_resource or self._takes_back()

    def _takes_back(self) -> bool:
        """Whether a default on a resource overrules what the Application's list says of the same option."""
        listed = map(parse_option, (entry.text for entry in self.subject.application.sync_policy.sync_options))
        return (
            self.holder is not None
            and self.holder.manifest is not None
            and self.is_default
            and self.parsed.text not in _NEVER_READ
            and any(other.name == self.parsed.name and other.acts_on_application for other in listed)
            and bool(self.parsed.option and self.parsed.option.resource_values)
        )

    @property
    def is_default(self) -> bool:
        """Whether it only states what holds anyway."""
        return self.parsed.option is not None and self.parsed.value in self.parsed.option.default_values

    def breach(self, found: str, expected: str, related: tuple[Related, ...] = ()) -> Breach:
        """A breach of this option."""
        if self.holder is not None:
            return self.holder.breach(SYNC_OPTIONS_ANNOTATION, self.parsed.text, found, expected, related)
        assert self.list_place is not None
        return Breach(
            self.list_place, found, expected, field=f"{field_path(_OPTIONS)}[{self.parsed.text}]", related=related
        )


def _lists(subject: Subject) -> list[list[_Option]]:
    """The sync options of the Application, then those of every annotation; lists without any are left out."""
    own = [
        _Option(subject, parse_option(entry.text), None, entry.place)
        for entry in subject.application.sync_policy.sync_options
    ]
    annotated = [
        [_Option(subject, parse_option(item), holder) for item in holder.items(SYNC_OPTIONS_ANNOTATION)]
        for holder in _holders(subject)
    ]
    return [options for options in [own, *annotated] if options]


def _options(subject: Subject) -> list[_Option]:
    return [option for options in _lists(subject) for option in options]


@check()
def sync_option_required(subject: Subject) -> Iterator[Result]:
    """A sync option that policy requires is not set

    Why: Argo CD compares options as exact texts and ignores everything else without a word, so an option that is
    missing shows only in what a sync does (argo-cd: types.go HasOption).

    Fix: Add the option to spec.syncPolicy.syncOptions, or allow its absence for this Application in policy.
    """
    required = subject.section(SyncOptions).required
    if not required:
        yield NotApplicable()
        return
    policy = subject.application.sync_policy
    nearly = {nearest_option(entry.text) for entry in policy.sync_options}
    for option in required:
        if policy.has_option(option) or (option in nearly and subject.is_on("sync-option-unknown")):
            continue
        name = option.partition("=")[0]
        other = next((entry for entry in policy.sync_options if entry.text.partition("=")[0] == name), None)
        yield Breach(
            other.place if other else subject.place(*_OPTIONS),
            other.text if other else f"no {option}",
            option,
            field=f"{field_path(_OPTIONS)}[{option}]",
            related=subject.policy_entry("syncOptions", "required", note="what policy asks for"),
        )


@check(severity=Severity.WARNING)
def sync_option_unknown(subject: Subject) -> Iterator[Result]:
    """Argo CD does not know a sync option

    Why: In spec.syncPolicy.syncOptions an option counts only as the exact text, capitals and spaces included; in the
    annotation of an object it is trimmed first. Anything else is ignored without a word
    (argo-cd: types.go HasOption, docs/user-guide/sync-options.md).

    Fix: Write the option as it is proposed, or delete it.
    """
    options = _options(subject)
    if not options:
        yield NotApplicable()
    for option in options:
        parsed = option.parsed
        near = nearest_option(parsed.text)
        if parsed.verdict is OptionVerdict.UNKNOWN:
            yield option.breach(f"{parsed.text!r}", near or "an option of Argo CD")
        elif parsed.verdict is OptionVerdict.UNKNOWN_VALUE and parsed.option is not None:
            yield option.breach(
                f"{parsed.text!r}", " or ".join(f"{parsed.name}={value}" for value in parsed.option.values)
            )
        elif option.holder is None and option.acts and parsed.option and parsed.option.application_since:
            since = parsed.option.application_since
            if not subject.policy.section(ArgoCDSection).is_at_least(since):
                found = f"{parsed.text}, with Argo CD {subject.policy.section(ArgoCDSection).version}"
                yield option.breach(found, f"Argo CD {since} or later, or the option in annotations of objects")


@check(severity=Severity.WARNING)
def sync_option_misplaced(subject: Subject) -> Iterator[Result]:
    """A sync option stands where Argo CD does not read it

    Why: Some options are read from the Application's list only, some from the annotation of an object only; in the
    other place they do nothing (argo-cd: docs/user-guide/sync-options.md, gitops-engine/pkg/sync/common/types.go).

    Fix: Move the option to the place that is named.
    """
    options = _options(subject)
    if not options:
        yield NotApplicable()
    for option in options:
        if option.acts or option.is_default or option.parsed.verdict is not OptionVerdict.KNOWN:
            continue
        if option.holder is None:
            expected = f"the annotation {SYNC_OPTIONS_ANNOTATION} of the objects that need it"
            yield option.breach(f"{option.parsed.text} in the list of an Application", expected)
        else:
            on = "an Application" if option.holder.manifest is None else f"a {option.holder.manifest.kind}"
            yield option.breach(f"{option.parsed.text} in the annotation of {on}", "spec.syncPolicy.syncOptions")


@check(severity=Severity.WARNING)
def sync_option_contradictory(subject: Subject) -> Iterator[Result]:
    """Two sync options contradict each other

    Why: Which of two values of an option wins is nowhere promised, and of Replace and ServerSideApply it is Replace
    that does (argo-cd: gitops-engine/pkg/sync/sync_context.go applyObject).

    Fix: Keep the one that is meant.
    """
    lists = _lists(subject)
    if not lists:
        yield NotApplicable()
    for options in lists:
        yield from _contradictions(options)


def _contradictions(options: list[_Option]) -> Iterator[Result]:
    first: dict[str, _Option] = {}
    for option in options:
        name, text = option.parsed.name, option.parsed.text
        earlier = first.setdefault(name, option)
        if option.parsed.option is not None and earlier.parsed.text != text:
            related = (Related(earlier.place, f"{earlier.parsed.text}, which it contradicts"),)
            yield option.breach(f"{earlier.parsed.text} and {text}", f"one value of {name}", related)
    texts = {option.parsed.text: option for option in options}
    if "Replace=true" in texts and "ServerSideApply=true" in texts:
        related = (Related(texts["Replace=true"].place, "Replace=true, which wins"),)
        found = "ServerSideApply=true beside Replace=true"
        yield texts["ServerSideApply=true"].breach(found, "one of the two", related)


@check(severity=Severity.NOTE)
def sync_option_ineffective(subject: Subject) -> Iterator[Result]:
    """A sync option changes nothing

    Why: It states what holds without it, or something that it needs is missing; whoever reads it expects an effect
    that is not there.

    Fix: Delete the option, or add what it needs.
    """
    lists = _lists(subject)
    if not lists:
        yield NotApplicable()
    required = {parse_option(text).name for text in subject.section(SyncOptions).required}
    for options in lists:
        for option in options:
            others = {other.parsed.text for other in options if other.parsed.name == option.parsed.name}
            found, expected = _ineffective(subject, option)
            told = option.holder is None and option.parsed.name in required and option.is_default
            if found and len(others) == 1 and not told:
                yield option.breach(found, expected)


def _ineffective(subject: Subject, option: _Option) -> tuple[str, str]:
    """What makes a known option idle, and what it would need; two empty texts where nothing does."""
    text = option.parsed.text
    if option.is_default and not option.acts:
        return f"{text}, which holds anyway", "no such option"
    if option.holder is not None:
        return "", ""
    if text == "CreateNamespace=true" and not subject.application.destination.namespace:
        return f"{text} without a destination namespace", "spec.destination.namespace"
    if text == "ClientSideApplyMigration=false" and not _applies_server_side(subject):
        return f"{text} without server-side apply", "ServerSideApply=true"
    return "", ""


def _applies_server_side(subject: Subject) -> bool:
    return any(option.parsed.text == "ServerSideApply=true" for option in _options(subject)) or not subject.app.complete


@check(severity=Severity.WARNING)
def compare_option_unknown(subject: Subject) -> Iterator[Result]:
    """Argo CD does not know a compare option, or does not read it there

    Why: The items of the annotation are exact texts: ServerSideDiff and IncludeMutationWebhook on an Application,
    IgnoreExtraneous on an object, where it counts once the object is gone from Git. Anything else is ignored without a
    word (argo-cd: docs/user-guide/compare-options.md, controller/state.go).

    Fix: Write one of the options that are named, or delete the item.
    """
    items = [(holder, item) for holder in _holders(subject) for item in holder.items(COMPARE_OPTIONS_ANNOTATION)]
    if not items:
        yield NotApplicable()
    for holder, item in items:
        # An Application may be the object of another one, too.
        known = (*(_APPLICATION_COMPARE_OPTIONS if holder.manifest is None else ()), *_RESOURCE_COMPARE_OPTIONS)
        if item not in known:
            yield holder.breach(COMPARE_OPTIONS_ANNOTATION, item, f"{item!r}", " or ".join(known))
