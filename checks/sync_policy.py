"""How Applications are synced: automation, sync options, hooks and retries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from driftgate.judge import Breach, NotApplicable, Result, Subject, check
from driftgate.model.application import Automated, Retry
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.model.secret import SecretValue
from driftgate.policy import ArgoCDSection, Section, setting
from driftgate.semantics.go_text import trim_space
from driftgate.semantics.hooks import HELM_HOOK_ANNOTATION, HOOK_ANNOTATION, hook_types
from driftgate.semantics.numbers import parse_retry_duration
from driftgate.semantics.retry import DEFAULT_AUTOMATED_LIMIT, DEFAULT_FACTOR, RetryPlan
from driftgate.semantics.sync_options import (
    SYNC_OPTIONS_ANNOTATION,
    OptionVerdict,
    ParsedOption,
    nearest_option,
    parse_option,
)
from driftgate.semantics.sync_waves import SYNC_WAVE_ANNOTATION

POLICY: dict[str, type[Section]] = {}
COMPARE_OPTIONS_ANNOTATION = "argocd.argoproj.io/compare-options"
_ANNOTATIONS = ("metadata", "annotations")
_SYNC_POLICY = ("spec", "syncPolicy")
_AUTOMATED = (*_SYNC_POLICY, "automated")
_OPTIONS = (*_SYNC_POLICY, "syncOptions")
_RETRY = (*_SYNC_POLICY, "retry")
_DELETE_POLICIES = {
    "argocd.argoproj.io/hook-delete-policy": ("BeforeHookCreation", "HookSucceeded", "HookFailed"),
    "helm.sh/hook-delete-policy": ("before-hook-creation", "hook-succeeded", "hook-failed"),
}
_APPLICATION_COMPARE_OPTIONS = ("ServerSideDiff=true", "ServerSideDiff=false", "IncludeMutationWebhook=true")
_RESOURCE_COMPARE_OPTIONS = ("IgnoreExtraneous",)
# Argo CD defines these constants and reads them nowhere, so they do not even take back the Application's own option.
_NEVER_READ = ("Replace=false", "ApplyOutOfSyncOnly=false")


@dataclass(frozen=True, slots=True)
class RetryLimit(Section):
    """How often a failed sync may be repeated."""

    exact: int | None = setting(None, "The limit it must have.")
    minimum: int | None = setting(None, "The lowest limit it may have.")
    maximum: int | None = setting(None, "The highest limit it may have; endless retries are above every maximum.")


@dataclass(frozen=True, slots=True)
class SyncPolicySection(Section):
    """How Applications must be synced."""

    automated: bool = setting(False, "Whether every Application must sync by itself.")
    prune: bool = setting(False, "Whether automated sync must prune.")
    self_heal: bool = setting(False, "Whether automated sync must undo edits in the cluster.")
    allow_empty: bool = setting(True, "Whether automated sync may delete everything when nothing is rendered.")
    required_options: tuple[str, ...] = setting((), "Sync options that every Application must have, as name=value.")
    retry_limit: RetryLimit | None = setting(None, "How often a failed sync is repeated.")
    exponential_backoff: bool = setting(False, "Whether the waits between retries must grow.")
    maximum_retry_seconds: int | None = setting(None, "The longest that all waits of one sync may take together.")


POLICY["syncPolicy"] = SyncPolicySection


def _asked(subject: Subject, name: str) -> tuple[Related, ...]:
    """Where policy asks for it: the Application's own entry, or that of the environment."""
    own = ("overrides", subject.application.name, "syncPolicy", name)
    path = own if subject.policy.node.get(*own) is not None else ("syncPolicy", name)
    return (Related(subject.policy.place_of(*path), "what policy asks for"),)


def _is_told_by(subject: Subject, check_id: str) -> bool:
    """Whether another check, which knows more of the cause, is switched on."""
    return subject.policy.check_setting(check_id).severity != "off"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.lstrip("v").split(".")[:2] if part.isdigit())


def _knows(subject: Subject, since: str) -> bool:
    """Whether the environment's Argo CD is of the given release line or a later one."""
    return _version(subject.policy.section(ArgoCDSection).version) >= _version(since)


# Automation


@check()
def sync_not_automated(subject: Subject) -> Iterator[Result]:
    """An Application does not sync by itself

    Why: Without automated sync a merge changes nothing in the cluster until somebody presses the button, and what was
    merged meanwhile goes out together. A block with enabled: false is off as well
    (argo-cd: types.go IsAutomatedSyncEnabled).

    Fix: Set spec.syncPolicy.automated, or allow manual sync for this Application in policy.
    """
    if not subject.section(SyncPolicySection).automated:
        yield NotApplicable()
    elif not subject.application.sync_policy.is_automated:
        block = subject.application.node.get(*_AUTOMATED)
        if block is not None and block.value is None and _is_told_by(subject, "automated-null"):
            return
        disabled = subject.application.sync_policy.automated is not None
        found = "automated.enabled is false" if disabled else "no automated block"
        path: Path = (*_AUTOMATED, "enabled") if disabled else _AUTOMATED
        yield Breach(
            subject.place(*path),
            found,
            "automated sync",
            field=field_path(_AUTOMATED),
            related=_asked(subject, "automated"),
        )


@check(severity=Severity.WARNING)
def automated_null(subject: Subject) -> Iterator[Result]:
    """The automated block is empty, which switches automated sync off

    Why: `automated:` with nothing below it is null, and null is the same as no block at all; only a mapping, be it
    `{}`, switches automated sync on (argo-cd: types.go IsAutomatedSyncEnabled).

    Fix: Write `automated: {}`, give it a field such as prune, or delete the key.
    """
    block = subject.application.node.get(*_AUTOMATED)
    if block is None:
        yield NotApplicable()
    elif block.value is None:
        yield Breach(
            subject.place(*_AUTOMATED), "automated: null", "a mapping, or no key", field=field_path(_AUTOMATED)
        )


def _automated_flag(subject: Subject, *, wanted: bool, name: str, value: bool | None) -> Iterator[Result]:
    """Judge one flag of the automated block; `value` is None where automated sync is off, which another check tells."""
    if not wanted or value is None:
        yield NotApplicable()
    elif not value:
        path = (*_AUTOMATED, name)
        written = subject.application.node.get(*path) is not None
        yield Breach(
            subject.place(*path),
            f"{name}: false" if written else f"no {name}, which is off by default",
            f"{name}: true",
            field=field_path(path),
            related=_asked(subject, name),
        )


def _automated(subject: Subject) -> Automated | None:
    return subject.application.sync_policy.automated if subject.application.sync_policy.is_automated else None


@check()
def prune_off(subject: Subject) -> Iterator[Result]:
    """Automated sync does not prune

    Why: What is deleted in Git stays in the cluster, running and unguarded, and the Application stays OutOfSync
    (argo-cd: controller/appcontroller.go autoSync).

    Fix: Set spec.syncPolicy.automated.prune to true.
    """
    block = _automated(subject)
    wanted = subject.section(SyncPolicySection).prune
    yield from _automated_flag(subject, wanted=wanted, name="prune", value=block.prune if block else None)


@check()
def self_heal_off(subject: Subject) -> Iterator[Result]:
    """Automated sync does not undo edits in the cluster

    Why: Without self-heal a revision is synced once; whatever is changed by hand afterwards stays until the next
    commit (argo-cd: controller/appcontroller.go autoSync).

    Fix: Set spec.syncPolicy.automated.selfHeal to true.
    """
    block = _automated(subject)
    wanted = subject.section(SyncPolicySection).self_heal
    yield from _automated_flag(subject, wanted=wanted, name="selfHeal", value=block.self_heal if block else None)


@check()
def allow_empty_on(subject: Subject) -> Iterator[Result]:
    """Automated sync may delete everything when nothing is rendered

    Why: A values file or a path that goes missing can render an empty list; with allowEmpty the next sync prunes every
    object of the Application instead of stopping (argo-cd: controller/appcontroller.go autoSync).

    Fix: Remove spec.syncPolicy.automated.allowEmpty, or set it to false.
    """
    block = _automated(subject)
    if block is None or subject.section(SyncPolicySection).allow_empty:
        yield NotApplicable()
    elif block.allow_empty:
        path = (*_AUTOMATED, "allowEmpty")
        related = _asked(subject, "allowEmpty")
        yield Breach(
            subject.place(*path), "allowEmpty: true", "allowEmpty: false", field=field_path(path), related=related
        )


# Sync options


@dataclass(frozen=True, slots=True)
class _Holder:
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


def _is_application(manifest: Manifest) -> bool:
    """Children are judged as Applications of their own."""
    return (manifest.group, manifest.kind) == ("argoproj.io", "Application")


def _holders(subject: Subject) -> Iterator[_Holder]:
    yield _Holder(subject)
    yield from (_Holder(subject, manifest) for manifest in subject.manifests if not _is_application(manifest))


@dataclass(frozen=True, slots=True)
class _Option:
    """One sync option where it stands: in the Application's list if `holder` is None, else in an annotation."""

    subject: Subject
    parsed: ParsedOption
    holder: _Holder | None
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
    required = subject.section(SyncPolicySection).required_options
    if not required:
        yield NotApplicable()
        return
    policy = subject.application.sync_policy
    nearly = {nearest_option(entry.text) for entry in policy.sync_options}
    for option in required:
        if policy.has_option(option) or (option in nearly and _is_told_by(subject, "sync-option-unknown")):
            continue
        name = option.partition("=")[0]
        other = next((entry for entry in policy.sync_options if entry.text.partition("=")[0] == name), None)
        yield Breach(
            other.place if other else subject.place(*_OPTIONS),
            other.text if other else f"no {option}",
            option,
            field=f"{field_path(_OPTIONS)}[{option}]",
            related=_asked(subject, "requiredOptions"),
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
            if not _knows(subject, since):
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
    required = {parse_option(text).name for text in subject.section(SyncPolicySection).required_options}
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


# Hooks and annotations of rendered objects


@check()
def hook_type_unknown(subject: Subject) -> Iterator[Result]:
    """A hook has a type that Argo CD does not know

    Why: The annotation alone makes the object a hook, and a hook without a valid type is neither applied nor compared:
    it is missing in the cluster and nothing says so (argo-cd: gitops-engine/pkg/sync/hook/hook.go). Helm's test and
    rollback hooks are known and left out on purpose.

    Fix: Write PreSync, Sync, PostSync, SyncFail, PreDelete, PostDelete or Skip, with these capitals; or a hook of Helm.
    """
    hooks = [
        manifest
        for manifest in subject.manifests
        if {HOOK_ANNOTATION, HELM_HOOK_ANNOTATION} & set(manifest.annotations)
    ]
    if not hooks:
        yield NotApplicable()
    for manifest in hooks:
        verdict = hook_types(manifest.annotations)
        effect = (
            "the object is never applied" if verdict.ignored else f"only {', '.join(verdict.types) or 'Skip'} counts"
        )
        holder = _Holder(subject, manifest)
        for annotation in (HOOK_ANNOTATION, HELM_HOOK_ANNOTATION):
            for item in dict.fromkeys(holder.items(annotation)):
                if item in verdict.unknown:
                    yield holder.breach(annotation, item, f"{item!r}: {effect}", "a type that Argo CD knows")
        if verdict.ignored and not holder.items(HOOK_ANNOTATION) and not holder.items(HELM_HOOK_ANNOTATION):
            yield holder.breach(
                verdict.annotation or HOOK_ANNOTATION, "", f"no type: {effect}", "a type that Argo CD knows"
            )
        if "PreDelete" in verdict.types and not _knows(subject, "3.3"):
            found = f"PreDelete, with Argo CD {subject.policy.section(ArgoCDSection).version}"
            yield holder.breach(verdict.annotation or HOOK_ANNOTATION, "PreDelete", found, "Argo CD 3.3 or later")


@check(severity=Severity.WARNING)
def hook_delete_policy_unknown(subject: Subject) -> Iterator[Result]:
    """A hook has a delete policy that Argo CD does not know

    Why: Unknown policies are ignored, and a hook without a valid one is deleted only before it is created again: a Job
    that was to go once it succeeded stays (argo-cd: gitops-engine/pkg/sync/hook/delete_policy.go).

    Fix: Write one of the policies that are named.
    """
    hooks = [_Holder(subject, m) for m in subject.manifests if hook_types(m.annotations).is_hook]
    if not any(hook.items(annotation) for hook in hooks for annotation in _DELETE_POLICIES):
        yield NotApplicable()
    for hook in hooks:
        for annotation, known in _DELETE_POLICIES.items():
            for item in dict.fromkeys(hook.items(annotation)):
                if item not in known:
                    yield hook.breach(annotation, item, f"{item!r}", " or ".join(known))


@check()
def annotation_not_string(subject: Subject) -> Iterator[Result]:
    """An annotation of a rendered object is not a string

    Why: Argo CD cannot put its tracking annotation beside it, and one such value on any object fails the manifest
    generation of the whole Application; only CustomResourceDefinitions are not tracked and escape
    (argo-cd: util/kube/kube.go SetAppInstanceAnnotation).

    Fix: Quote the value in the manifest, or pass it through quote in the template.
    """
    judged = [manifest for manifest in subject.manifests if manifest.kind != "CustomResourceDefinition"]
    if not judged:
        yield NotApplicable()
    for manifest in judged:
        for name, value in manifest.annotations.items():
            # A wave has its own check, and of a child Application the schema tells everything but null.
            told = name == SYNC_WAVE_ANNOTATION or (_is_application(manifest) and value is not None)
            if not (isinstance(value, str | SecretValue) or told):
                path = (*_ANNOTATIONS, name)
                yield subject.breach(manifest, path, f"{_kind_of(value)}", "a string in quotes")


def _kind_of(value: object) -> str:
    """What YAML made of it, without the value, which may be anybody's."""
    if value is None:
        return "nothing, which is null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a mapping"


# Retries


@check(severity=Severity.WARNING)
def retry_without_limit(subject: Subject) -> Iterator[Result]:
    """A retry block has no limit, so nothing is retried

    Why: The limit's zero value is 0, which means no retries; an automated Application without any retry block has 5
    (argo-cd: controller/appcontroller.go autoSync, types.go RetryStrategy).

    Fix: Set spec.syncPolicy.retry.limit, or delete the block.
    """
    retry = subject.application.sync_policy.retry
    if retry is None:
        yield NotApplicable()
    elif retry.limit is None and not _is_invalid(subject, "limit"):
        path = (*_RETRY, "limit")
        yield Breach(subject.place(*path), "a retry block without limit", "a limit, such as 5", field=field_path(path))


def _is_invalid(subject: Subject, name: str) -> bool:
    """Whether the field is there with a value of the wrong type, which the schema check tells."""
    node = subject.application.node.get(*_RETRY, name)
    return node is not None and node.value is not None


def _limit(subject: Subject) -> int:
    """The retries that Argo CD makes: what is written, 0 for a block without limit, 5 or none without a block."""
    retry = subject.application.sync_policy.retry
    if retry is not None:
        return retry.limit or 0
    return DEFAULT_AUTOMATED_LIMIT if subject.application.sync_policy.is_automated else 0


@check()
def retry_limit_unexpected(subject: Subject) -> Iterator[Result]:
    """A failed sync is repeated more or less often than policy wants

    Why: Too few retries leave an Application broken after a fault of seconds, because a failed revision is not tried
    again by itself; too many keep a broken one busy and its alarm silent (argo-cd: controller/appcontroller.go).

    Fix: Set spec.syncPolicy.retry.limit to what policy names.
    """
    rule = subject.section(SyncPolicySection).retry_limit
    retry = subject.application.sync_policy.retry
    no_limit = retry is not None and retry.limit is None
    if rule is None or (no_limit and _is_told_by(subject, "retry-without-limit")):
        yield NotApplicable()
        return
    limit = _limit(subject)
    if not _within(limit, rule):
        path = (*_RETRY, "limit")
        found = "endless retries" if limit < 0 else f"{limit} retries" + ("" if retry else ", by default")
        related = _asked(subject, "retryLimit")
        yield Breach(subject.place(*path), found, _bounds(rule), field=field_path(path), related=related)


def _within(limit: int, rule: RetryLimit) -> bool:
    count = float("inf") if limit < 0 else limit
    return (
        (rule.exact is None or count == rule.exact)
        and (rule.minimum is None or count >= rule.minimum)
        and (rule.maximum is None or count <= rule.maximum)
    )


def _bounds(rule: RetryLimit) -> str:
    bounds = (("exactly", rule.exact), ("at least", rule.minimum), ("at most", rule.maximum))
    return " and ".join(f"{word} {value}" for word, value in bounds if value is not None)


@check()
def retry_backoff_invalid(subject: Subject) -> Iterator[Result]:
    """The backoff of retries is not what Argo CD can use

    Why: A duration is a number of seconds in a string or a Go duration such as "1m30s", without days; Argo CD reads it
    only when a sync fails, and then ends the operation with an error instead of retrying. A factor or a duration of 0
    or less retries without any wait (argo-cd: types.go NextRetryAt, parseStringToDuration).

    Fix: Write durations such as "5s" and "3m", and a factor of 1 or more.
    """
    retry = subject.application.sync_policy.retry
    if retry is None:
        yield NotApplicable()
        return
    for name, found, expected in _backoff_faults(retry):
        path = (*_RETRY, "backoff", name)
        yield Breach(subject.place(*path), found, expected, field=field_path(path))


def _backoff_faults(retry: Retry) -> Iterator[tuple[str, str, str]]:
    """The fields of a backoff that Argo CD cannot use, with what they hold and what they should."""
    for name, text in (("duration", retry.duration), ("maxDuration", retry.max_duration)):
        seconds = parse_retry_duration(text) if text else None
        if text and seconds is None:
            yield name, f"{text!r}", 'seconds, or a Go duration such as "1m30s"'
        elif seconds is not None and name == "duration" and seconds <= 0:
            yield name, f"{text!r}, no wait at all", "a duration above 0"
    if retry.factor is not None and retry.factor <= 0:
        yield "factor", f"{retry.factor}, no wait at all", "2, or 1 for waits of equal length"


def _plan(subject: Subject) -> RetryPlan | None:
    """The waits between the retries, or None where there are none or the backoff cannot be read."""
    retry = subject.application.sync_policy.retry or Retry()
    limit = _limit(subject)
    if limit == 0 or any(_backoff_faults(retry)):
        return None
    return RetryPlan.of(limit, retry.duration, retry.factor, retry.max_duration)


@check()
def retry_backoff_not_exponential(subject: Subject) -> Iterator[Result]:
    """The waits between retries do not grow

    Why: Retries at a constant pace hammer whatever is failing and are used up before it recovers; the wait grows with
    factor to the power of the retry, up to maxDuration (argo-cd: types.go NextRetryAt).

    Fix: Set factor to 2 or more and maxDuration well above duration.
    """
    plan = _plan(subject)
    if plan is None or not subject.section(SyncPolicySection).exponential_backoff:
        yield NotApplicable()
        return
    retry = subject.application.sync_policy.retry or Retry()
    factor = DEFAULT_FACTOR if retry.factor is None else retry.factor
    related = _asked(subject, "exponentialBackoff")
    if factor < 2:
        path = (*_RETRY, "backoff", "factor")
        yield Breach(subject.place(*path), f"factor {factor}", "2 or more", field=field_path(path), related=related)
    elif len(plan.waits) > 1 and plan.waits[0] == plan.waits[1]:
        path = (*_RETRY, "backoff", "maxDuration")
        found = f"the first wait is already cut to {plan.waits[0]:g}s"
        expected = "a maxDuration that lets the waits grow"
        yield Breach(subject.place(*path), found, expected, field=field_path(path), related=related)


@check()
def retry_total_too_long(subject: Subject) -> Iterator[Result]:
    """All retries of a sync together take longer than policy allows

    Why: While a sync is being retried the Application counts as progressing, nobody is told, and no newer revision is
    synced; the first wait is already duration times factor (argo-cd: types.go NextRetryAt).

    Fix: Lower limit, duration, factor or maxDuration.
    """
    longest = subject.section(SyncPolicySection).maximum_retry_seconds
    plan = _plan(subject)
    if plan is None or longest is None:
        yield NotApplicable()
    elif plan.total is None or plan.total > longest:
        found = (
            "endless retries" if plan.total is None else f"waits of {plan.total:g}s: {_shown(plan.waits, plan.limit)}"
        )
        related = _asked(subject, "maximumRetrySeconds")
        yield Breach(subject.place(*_RETRY), found, f"at most {longest}s", field=field_path(_RETRY), related=related)


def _shown(waits: Iterable[float], limit: int) -> str:
    shown = [f"{wait:g}" for wait in waits][:6]
    return ", ".join(shown) + (", …" if limit > len(shown) else "")
