"""Which differences between Git and the cluster Applications leave out of the comparison."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from driftgate.argocd_config import system_ignore_rules
from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, Unchecked, check
from driftgate.model.application import IgnoreDifference, Located
from driftgate.model.environment import ASSUMED_REPOSITORY
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.model.secret import SecretValue
from driftgate.policy import Section, setting
from driftgate.semantics.globs import gobwas_match
from driftgate.semantics.hooks import hook_types
from driftgate.semantics.ignore_rules import rule_matches
from driftgate.semantics.jq import compile_problem, not_a_path, removed_paths
from driftgate.semantics.jsonpointer import pointer_problem, remove

POLICY: dict[str, type[Section]] = {}
RESPECT = "RespectIgnoreDifferences=true"
_RULES = ("spec", "ignoreDifferences")
_EVALUATED = "fields, iteration and select with plain conditions"
_OPTIONS = ("spec", "syncPolicy", "syncOptions")
# Kinds whose controllers write Secrets that Argo CD does not render, with the field that names the Secret; without
# that field the Secret is called like the object.
_SECRET_MAKERS: dict[tuple[str, str], Path] = {
    ("external-secrets.io", "ExternalSecret"): ("spec", "target", "name"),
    ("bitnami.com", "SealedSecret"): ("spec", "template", "metadata", "name"),
    ("cert-manager.io", "Certificate"): ("spec", "secretName"),
}


@dataclass(frozen=True, slots=True)
class IgnoreRule(Section):
    """A rule of ignoreDifferences as policy speaks of it."""

    kind: str
    group: str = setting("", "The API group; empty is the core group, as in Argo CD.")
    name: str = setting("", "The object's name; empty is any.")
    namespace: str = setting("", "The object's namespace; empty is any.")
    json_pointers: tuple[str, ...] = setting((), "JSON pointers.")
    jq_path_expressions: tuple[str, ...] = setting((), "jq path expressions.")
    managed_fields_managers: tuple[str, ...] = setting((), "Field managers.")
    reason: str = setting("", "Why.")


@dataclass(frozen=True, slots=True)
class SystemRule(Section):
    """A system rule of argocd-cm that RespectIgnoreDifferences is meant for."""

    key: str = setting("", "The key in argocd-cm, such as resource.compareoptions.")
    reason: str = setting("", "What the option is for.")


@dataclass(frozen=True, slots=True)
class IgnoreDifferences(Section):
    """What Applications must and may leave out of the comparison."""

    required: tuple[IgnoreRule, ...] = setting((), "Rules that every Application must have.")
    allowed: tuple[IgnoreRule, ...] | None = setting(
        None, "All that Applications may ignore; an entry without expressions allows any on its objects."
    )
    forbidden: tuple[IgnoreRule, ...] = setting(
        (), "What no Application may ignore; an entry without expressions forbids any on its objects."
    )
    hidden_fields: Literal["whole", "any"] = setting(
        "whole", "Which rendered fields a rule must not hide: whole top-level ones such as /spec, or any."
    )
    accepted: tuple[IgnoreRule, ...] = setting(
        (), "Rules, also of argocd-cm, that may hide what is rendered, each with its reason."
    )
    respects: tuple[SystemRule, ...] = setting(
        (), "System rules that RespectIgnoreDifferences is meant for where an Application has no rule of its own."
    )
    field_managers: tuple[str, ...] = setting((), "The field managers that exist; any name, if none is listed.")
    maximum_ignored_share: float | None = setting(
        None, "How much of an object's fields may be left out of the comparison by all rules together, in percent."
    )


POLICY["ignoreDifferences"] = IgnoreDifferences


# Rules and their expressions


@dataclass(frozen=True, slots=True)
class _Expression:
    """One expression of a rule: a JSON pointer, a jq path expression or a field manager."""

    rule: IgnoreDifference
    field: str
    text: str
    place: Place

    @property
    def key(self) -> str:
        """How a finding's key names it: by the rule's target, so that reordering rules keeps the key."""
        return f"{_key(self.rule)}.{self.field}[{self.text}]"


def _key(rule: IgnoreDifference) -> str:
    return f"{field_path(_RULES)}[{rule.label}]"


def _expressions(rule: IgnoreDifference) -> list[_Expression]:
    lists: tuple[tuple[str, tuple[Located, ...]], ...] = (
        ("jsonPointers", rule.json_pointers),
        ("jqPathExpressions", rule.jq_path_expressions),
        ("managedFieldsManagers", rule.managed_fields_managers),
    )
    return [_Expression(rule, name, entry.text, entry.place) for name, entries in lists for entry in entries]


def _texts(rule: IgnoreRule, name: str) -> tuple[str, ...]:
    """The expressions of a policy rule, of one sort."""
    return {
        "jsonPointers": rule.json_pointers,
        "jqPathExpressions": rule.jq_path_expressions,
        "managedFieldsManagers": rule.managed_fields_managers,
    }[name]


def _wanted(rule: IgnoreRule) -> list[tuple[str, str]]:
    names = ("jsonPointers", "jqPathExpressions", "managedFieldsManagers")
    return [(name, text) for name in names for text in _texts(rule, name)]


def _label(rule: IgnoreRule) -> str:
    target = f"{rule.group}/{rule.kind}" if rule.group else rule.kind
    return f"{target} {rule.namespace + '/' if rule.namespace else ''}{rule.name}".strip()


def _applies(rule: IgnoreDifference, manifest: Manifest) -> bool:
    return rule_matches(
        rule.group,
        rule.kind,
        rule.name,
        rule.namespace,
        manifest.group,
        manifest.kind,
        manifest.name,
        manifest.target_namespace,
    )


def _compared(subject: Subject) -> list[Manifest]:
    """What Argo CD compares of an Application: everything it renders but hooks."""
    return _without_hooks(subject.manifests)


def _without_hooks(manifests: Sequence[Manifest]) -> list[Manifest]:
    verdicts = [(manifest, hook_types(manifest.annotations)) for manifest in manifests]
    return [manifest for manifest, verdict in verdicts if not (verdict.is_hook or verdict.skip)]


def _fully_known(subject: Subject) -> bool:
    """Whether there is surely no object besides those that are known."""
    assumed = {assumption for render in subject.app.renders for assumption in render.assumptions}
    return subject.app.complete and assumed <= {ASSUMED_REPOSITORY}


# What policy says


@check()
def ignore_difference_required(subject: Subject) -> Iterator[Result]:
    """A rule of ignoreDifferences that policy requires is missing

    Why: Without the rule Argo CD reports a field that somebody else writes as OutOfSync, and self-heal takes the
    value back for as long as the other one sets it (argo-cd: util/argo/normalizers/diff_normalizer.go).

    Fix: Add the rule, or change the policy.
    """
    required = subject.section(IgnoreDifferences).required
    if not required:
        yield NotApplicable()
    for index, rule in enumerate(required):
        missing = [text for name, text in _wanted(rule) if not _is_covered(subject, rule, name, text)]
        for text in missing:
            yield Breach(
                subject.place(*_RULES),
                f"no rule for {_label(rule)} with {text}",
                f"{text} of {_label(rule)} in ignoreDifferences",
                field=f"{field_path(_RULES)}[{_label(rule)}][{text}]",
                related=subject.policy_entry("ignoreDifferences", "required", index, note="what policy says"),
            )


def _is_covered(subject: Subject, wanted: IgnoreRule, name: str, text: str) -> bool:
    """Whether a rule of the Application ignores as much as policy requires, on as many objects."""
    target = (wanted.group, wanted.kind, wanted.name, wanted.namespace)
    return any(
        (expression.field, expression.text) == (name, text)
        and rule_matches(rule.group, rule.kind, rule.name, rule.namespace, *target)
        for rule in subject.application.ignore_differences
        for expression in _expressions(rule)
    )


@check()
def ignore_difference_not_allowed(subject: Subject) -> Iterator[Result]:
    """A rule ignores what policy does not allow to be ignored

    Why: Every ignored field is one in which the cluster may differ from Git without anybody being told; which fields
    those may be is decided once, not in each Application.

    Fix: Narrow the rule to what policy allows, or change the policy with a reason.
    """
    section = subject.section(IgnoreDifferences)
    if section.allowed is None and not section.forbidden:
        yield NotApplicable()
        return
    for rule in subject.application.ignore_differences:
        for expression in _expressions(rule):
            forbidden = next((entry for entry in section.forbidden if _touches(expression, entry)), None)
            if forbidden is not None:
                index = section.forbidden.index(forbidden)
                yield _refused(subject, expression, f"not {_label(forbidden)}", "forbidden", index)
            elif section.allowed is not None and not any(_is_within(expression, entry) for entry in section.allowed):
                yield _refused(subject, expression, "a rule that policy allows", "allowed")


def _refused(subject: Subject, expression: _Expression, expected: str, name: str, index: int | None = None) -> Breach:
    found = f"{expression.text} of {expression.rule.label}"
    entry = (name,) if index is None else (name, index)
    related = subject.policy_entry("ignoreDifferences", *entry, note="what policy says")
    return Breach(expression.place, found, expected, field=expression.key, related=related)


def _is_within(expression: _Expression, entry: IgnoreRule) -> bool:
    """Whether an allowed entry covers the expression; a pattern by the same pattern or by `*`."""
    rule = expression.rule
    return (
        gobwas_match(entry.group, rule.group)
        and gobwas_match(entry.kind, rule.kind)
        and entry.name in ("", rule.name)
        and entry.namespace in ("", rule.namespace)
        and (not _wanted(entry) or expression.text in _texts(entry, expression.field))
    )


def _touches(expression: _Expression, entry: IgnoreRule) -> bool:
    """Whether the expression ignores something that the entry forbids, or a field that contains it."""
    rule = expression.rule
    same_objects = (
        (gobwas_match(rule.group, entry.group) or gobwas_match(entry.group, rule.group))
        and (gobwas_match(rule.kind, entry.kind) or gobwas_match(entry.kind, rule.kind))
        and (not rule.name or entry.name in ("", rule.name))
        and (not rule.namespace or entry.namespace in ("", rule.namespace))
    )
    if not same_objects or not _wanted(entry):
        return same_objects
    texts = _texts(entry, expression.field)
    if expression.field == "jsonPointers":
        return any(f"{text}/".startswith(f"{expression.text}/") for text in texts)
    return expression.text in texts


def unused_entries(subject: Subject) -> Iterator[Breach]:
    """The allowed and accepted rules of policy that no Application makes use of, where every Application is known."""
    scopes: list[tuple[Path, str]] = [(("ignoreDifferences",), "")]
    scopes += [(("overrides", name, "ignoreDifferences"), name) for name in subject.policy.overrides]
    for path, application in scopes:
        entries = subject.policy.node.get(*path)
        users = [a.application for a in subject.environment.applications if application in ("", a.application.name)]
        used = [e for user in users for rule in user.ignore_differences for e in _expressions(rule)]
        by_system = [e for rule in subject.once(_system_rules) for e in _expressions(rule)]
        section = subject.policy.section(IgnoreDifferences, application)
        for name, rules in (("allowed", section.allowed or ()), ("accepted", section.accepted)):
            for index, entry in enumerate(rules if entries is not None and entries.get(name) else ()):
                # A required rule that nobody has is told as missing.
                known = [*used, *by_system] if name == "accepted" else used
                if users and entry not in section.required and not any(_is_within(e, entry) for e in known):
                    place = subject.policy.place_of(*path, name, index)
                    found = f"no Application ignores anything of {_label(entry)}"
                    field = f"{field_path((*path, name))}[{_label(entry)}]"
                    yield Breach(place, found, "a rule that an Application has", field=field)


# Rules that do nothing


@check(severity=Severity.WARNING)
def ignore_difference_unmatched(subject: Subject) -> Iterator[Result]:
    """A rule matches nothing that the Application renders

    Why: Argo CD compares what an Application renders, so a rule for anything else has no effect. Group and kind are
    patterns, and an omitted group is the core group only; name and namespace are exact, and a namespace never matches
    an object without one (argo-cd: util/argo/normalizers/diff_normalizer.go).

    Fix: Correct the part that misses, or delete the rule. What a controller creates needs none.
    """
    rules = subject.application.ignore_differences
    if not rules or not subject.app.complete:
        # What could not be rendered may be what the rule is for; that it could not is told as such.
        yield NotApplicable()
        return
    compared = _compared(subject)
    for rule in rules:
        if any(_applies(rule, manifest) for manifest in compared) or _is_managed_namespace(subject, rule):
            continue
        part, expected, related = _miss(rule, subject, compared)
        place = subject.place(*_RULES, rule.index, part) if part else rule.place
        if _fully_known(subject):
            yield Breach(place, f"{rule.label} matches nothing rendered", expected, field=_key(rule), related=related)
        else:
            found = f"{rule.label} matches nothing, as far as the Application could be rendered"
            yield Unchecked(place, found, expected, field=_key(rule), related=related)


def _is_managed_namespace(subject: Subject, rule: IgnoreDifference) -> bool:
    """Argo CD compares the destination namespace too, where the Application manages its metadata."""
    application = subject.application
    namespace = application.destination.namespace
    managed = application.sync_policy.managed_namespace_metadata is not None
    return managed and rule_matches(rule.group, rule.kind, rule.name, rule.namespace, "", "Namespace", namespace, "")


def _miss(rule: IgnoreDifference, subject: Subject, compared: list[Manifest]) -> tuple[str, str, tuple[Related, ...]]:
    """The first part of the rule with which nothing is left, what there is instead, and what else to look at."""
    kinds = [m for m in compared if gobwas_match(rule.kind, m.kind)]
    if not kinds:
        return "kind", _nearest("kind", rule.kind, [m.kind for m in compared]), _made_by(rule, subject)
    groups = [m for m in kinds if gobwas_match(rule.group, m.group)]
    if not groups:
        return "group", _nearest("group", rule.group, [m.group for m in kinds]), ()
    names = [m for m in groups if rule.name in ("", m.name)]
    if not names:
        return "name", _nearest("name", rule.name, [m.name for m in groups]), _made_by(rule, subject)
    if not [m for m in names if m.target_namespace]:
        return "namespace", "no namespace: the objects have none", ()
    return "namespace", _nearest("namespace", rule.namespace, [m.target_namespace for m in names]), ()


def _nearest(part: str, given: str, there: Sequence[str]) -> str:
    """What a part of the rule could be instead: the closest spelling, else what there is."""
    choices = sorted(set(there))
    lowered = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.7)
    if near:
        return f"{part} {lowered[near[0]] or 'left out, for the core group'}"
    shown = ", ".join(choice or "none (the core group)" for choice in choices[:5])
    return f"{part} of an object that is rendered" + (f": {shown}" if shown else "; there is none")


def _made_by(rule: IgnoreDifference, subject: Subject) -> tuple[Related, ...]:
    """The rendered objects whose controllers make the Secret that the rule means."""
    if not gobwas_match(rule.kind, "Secret") or rule.group:
        return ()
    return tuple(
        Related(
            manifest.place_of(*path),
            f"{manifest.kind} {manifest.name} has the Secret made in the cluster; Argo CD never compares that one",
        )
        for manifest in subject.manifests
        if (path := _SECRET_MAKERS.get((manifest.group, manifest.kind))) is not None
        and rule.name in ("", manifest.get(*path) or manifest.name)
    )


@check(severity=Severity.WARNING)
def ignore_difference_empty(subject: Subject) -> Iterator[Result]:
    """A rule names objects and nothing to ignore in them

    Why: A rule works through its JSON pointers, jq path expressions or field managers; without any it does not ignore
    the object, it does nothing (argo-cd: util/argo/normalizers/diff_normalizer.go).

    Fix: Say what to ignore, or delete the rule.
    """
    if not subject.application.ignore_differences:
        yield NotApplicable()
    for rule in subject.application.ignore_differences:
        if not _expressions(rule):
            found = f"{rule.label} without jsonPointers, jqPathExpressions and managedFieldsManagers"
            yield Breach(rule.place, found, "at least one of the three", field=_key(rule))


def _each(subject: Subject, name: str) -> list[_Expression]:
    """The expressions of one sort, of all rules."""
    rules = subject.application.ignore_differences
    return [expression for rule in rules for expression in _expressions(rule) if expression.field == name]


@check()
def json_pointer_invalid(subject: Subject) -> Iterator[Result]:
    """A JSON pointer cannot remove what its author means

    Why: Argo CD rejects no pointer. One without a leading slash loses its first segment and removes another field, one
    with an unescaped slash, a wildcard or a bracket matches nothing (argo-cd:
    util/argo/normalizers/diff_normalizer.go, evanphx/json-patch).

    Fix: Write the path with slashes, ~1 for a slash and ~0 for a tilde in a key; use jqPathExpressions for patterns.
    """
    pointers = _each(subject, "jsonPointers")
    if not pointers:
        yield NotApplicable()
    for pointer in pointers:
        problem = pointer_problem(pointer.text)
        if problem:
            yield Breach(pointer.place, f"{pointer.text!r}: {problem}", "a JSON pointer", field=pointer.key)


@check()
def jq_expression_invalid(subject: Subject) -> Iterator[Result]:
    """A jq path expression does not compile

    Why: Argo CD compiles every expression as del(…) with gojq, and an error there ends the comparison of the whole
    Application: every object turns Unknown and nothing syncs by itself (argo-cd:
    util/argo/normalizers/diff_normalizer.go).

    Fix: Correct the expression; keys with dashes, dots or slashes are written as .["a-b"].
    """
    expressions = _each(subject, "jqPathExpressions")
    if not expressions:
        yield NotApplicable()
    for expression in expressions:
        problem = compile_problem(expression.text)
        if problem:
            yield Breach(expression.place, f"{expression.text!r}: {problem}", "a jq path", field=expression.key)


@check(severity=Severity.WARNING)
def jq_expression_not_a_path(subject: Subject) -> Iterator[Result]:
    """A jq path expression makes a value instead of addressing a field

    Why: Only a path can be deleted. For anything else gojq ends with "invalid path", upon which Argo CD skips the
    expression for that object without a word, and the difference stays (argo-cd:
    util/argo/normalizers/diff_normalizer.go).

    Fix: Address the field itself, and choose list elements with select(…).
    """
    expressions = [e for e in _each(subject, "jqPathExpressions") if compile_problem(e.text) is None]
    if not expressions:
        yield NotApplicable()
    for expression in expressions:
        kind = not_a_path(expression.text)
        if kind:
            yield Breach(expression.place, f"{expression.text!r} yields {kind}", "a path", field=expression.key)


@check(severity=Severity.NOTE)
def managed_fields_manager_unknown(subject: Subject) -> Iterator[Result]:
    """A field manager is one that nobody is known by

    Why: The name is compared exactly with the manager that the API server recorded for a field, so a pattern or a
    misspelling ignores nothing; a name that nobody uses cannot be told from here unless policy lists those that exist
    (argo-cd: util/argo/managedfields/managed_fields.go).

    Fix: Take the name from kubectl get --show-managed-fields, or add it to ignoreDifferences.fieldManagers in policy.
    """
    managers = _each(subject, "managedFieldsManagers")
    if not managers:
        yield NotApplicable()
    known = subject.section(IgnoreDifferences).field_managers
    for manager in managers:
        if any(character in manager.text for character in "*?[{") or manager.text != manager.text.strip():
            yield Breach(manager.place, f"{manager.text!r}", "the exact name of a field manager", field=manager.key)
        elif known and manager.text not in known:
            near = difflib.get_close_matches(manager.text, known, n=1)
            yield Breach(
                manager.place, f"{manager.text!r}", near[0] if near else "a name from policy", field=manager.key
            )


# Rules that hide too much, and the sync option that belongs to them


def _hidden(expression: _Expression, manifest: Manifest) -> tuple[Path, ...] | None:
    """The rendered fields that an expression takes out of the comparison; None where only jq itself could tell."""
    if expression.field == "jsonPointers":
        document, removed = remove(manifest.object, expression.text)
        return _difference(manifest.object, document) if removed else ()
    if expression.field == "jqPathExpressions" and _is_path(expression.text):
        return removed_paths(expression.text, manifest.object)
    return ()


def _is_path(expression: str) -> bool:
    """Whether Argo CD gets so far as to apply the expression; where not, other checks tell."""
    return compile_problem(expression) is None and not_a_path(expression) is None


def _difference(before: Any, after: Any, path: Path = ()) -> tuple[Path, ...]:
    """The path of the one field that a JSON pointer removed."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                return ((*path, key),)
            if after[key] is not value:
                return _difference(value, after[key], (*path, key))
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            kept = next(
                (i for i, (old, new) in enumerate(zip(before, after, strict=False)) if old is not new), len(after)
            )
            return ((*path, kept),)
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if old is not new:
                return _difference(old, new, (*path, index))
    return ()


def _sets_something(manifest: Manifest, path: Path) -> bool:
    """Whether Git gives the field a value; `/status` is never compared, whatever Git says of it."""
    value = dig(manifest.object, path)
    empty = value.empty if isinstance(value, SecretValue) else value in (None, "", [], {})
    return path[:1] != ("status",) and not empty


def _takes_jq(expression: _Expression, manifest: Manifest) -> Unchecked:
    found = f"{expression.text} is more than can be evaluated without jq"
    return Unchecked(expression.place, found, _EVALUATED, object=manifest.object_id, field=expression.key)


@check(severity=Severity.NOTE)
def ignore_difference_hides_rendered(subject: Subject) -> Iterator[Result]:
    """A rule hides what the Application itself renders

    Why: A field that Git sets and the comparison leaves out can drift for ever: Argo CD shows Synced, and a change in
    Git alone does not make it sync (argo-cd: util/argo/normalizers/diff_normalizer.go).

    Fix: Narrow the rule to what others write, take the field out of Git, or accept it in policy with a reason.
    """
    if not subject.application.ignore_differences or not subject.manifests:
        yield NotApplicable()
        return
    section = subject.section(IgnoreDifferences)
    compared = _compared(subject)
    for rule in subject.application.ignore_differences:
        for expression in _expressions(rule):
            if _is_accepted(expression, section):
                continue
            for manifest in filter(lambda m: _applies(rule, m), compared):
                yield from _hides(expression, manifest, section.hidden_fields)


def _is_accepted(expression: _Expression, section: IgnoreDifferences) -> bool:
    return any(entry.reason.strip() and _is_within(expression, entry) for entry in section.accepted)


def _hides(expression: _Expression, manifest: Manifest, which: Literal["whole", "any"]) -> Iterator[Result]:
    hidden = _hidden(expression, manifest)
    if hidden is None:
        yield _takes_jq(expression, manifest)
    for path in hidden or ():
        if (which == "any" or len(path) <= 1) and _sets_something(manifest, path):
            shown = field_path(path) or "the whole object"
            yield Breach(
                expression.place,
                f"{expression.text} hides {shown} of {manifest.kind} {manifest.name}",
                "a rule for fields that Git does not set",
                object=manifest.object_id,
                field=f"{expression.key}.{manifest.field(*path)}",
                related=(Related(manifest.place_of(*path), "where Git sets it"),),
            )


def _system_rules(subject: Subject) -> tuple[IgnoreDifference, ...]:
    return system_ignore_rules(subject.environment.argocd_config)


@check(severity=Severity.NOTE, scope=Scope.ENVIRONMENT)
def system_rule_hides_rendered(subject: Subject) -> Iterator[Result]:
    """A system rule of argocd-cm hides what Applications render

    Why: A system rule counts for every Application of the Argo CD, and none of their manifests shows it. A field that
    Git sets and such a rule leaves out can drift everywhere at once (argo-cd: util/settings/settings.go
    GetResourceOverrides).

    Fix: Narrow the rule to what others write, give it to the one Application that needs it, or accept it in policy
    under ignoreDifferences.accepted with a reason.
    """
    section = subject.section(IgnoreDifferences)
    expressions = [e for rule in subject.once(_system_rules) for e in _expressions(rule)]
    if not expressions:
        yield NotApplicable()
    for expression in expressions:
        if not _is_accepted(expression, section):
            yield from _hides_of_all(subject, expression, section.hidden_fields)


def _hides_of_all(subject: Subject, expression: _Expression, which: Literal["whole", "any"]) -> Iterator[Result]:
    """What one system rule hides of all that is rendered, as one result with the first object as its example."""
    seen: list[tuple[Manifest, Path]] = []
    for manifest in (m for loaded in subject.environment.applications for m in _without_hooks(loaded.manifests)):
        hidden = _hidden(expression, manifest) if _applies(expression.rule, manifest) else ()
        if hidden is None:
            found, expected = f"{expression.text} is more than can be evaluated without jq", _EVALUATED
            yield Unchecked(expression.place, found, expected, field=_system_key(expression))
            return
        seen += [
            (manifest, path) for path in hidden if which == "any" or len(path) <= 1 if _sets_something(manifest, path)
        ]
    if seen:
        manifest, path = seen[0]
        others = len({id(manifest) for manifest, _ in seen}) - 1
        shown = f"{field_path(path) or 'the whole'} of {manifest.kind} {manifest.name}"
        found = f"{expression.text} hides {shown}" + (f" and of {others} more" if others else "")
        related = (Related(manifest.place_of(*path), "where Git sets it"),)
        expected = "a rule for fields that Git does not set"
        yield Breach(expression.place, found, expected, field=_system_key(expression), related=related)


def _system_key(expression: _Expression) -> str:
    return f"argocd-cm[{expression.rule.label}].{expression.field}[{expression.text}]"


@check()
def ignored_share_too_large(subject: Subject) -> Iterator[Result]:
    """More of an object is left out of the comparison than policy allows

    Why: Rule upon rule, each small, an object ends up of which nothing is compared any more: it shows Synced whatever
    runs. Counted are the fields that Git sets below spec, data and the like, and every rule that applies: the
    Application's own and those of argocd-cm. What a rule with field managers hides is not known without the cluster.

    Fix: Narrow the rules to what others write, or accept one in policy under ignoreDifferences.accepted with a reason.
    """
    maximum = subject.section(IgnoreDifferences).maximum_ignored_share
    if maximum is None or not subject.manifests:
        yield NotApplicable()
        return
    rules = (*subject.application.ignore_differences, *subject.once(_system_rules))
    section = subject.section(IgnoreDifferences)
    expressions = [e for rule in rules for e in _expressions(rule) if not _is_accepted(e, section)]
    for manifest in _compared(subject):
        applying = [expression for expression in expressions if _applies(expression.rule, manifest)]
        yield from _share(subject, manifest, applying, maximum)


def _share(subject: Subject, manifest: Manifest, expressions: list[_Expression], maximum: float) -> Iterator[Result]:
    fields = [path for path in _fields(manifest.object, ()) if _counts(manifest, path)]
    hidden = {id(expression): _hidden(expression, manifest) for expression in expressions}
    ignored = {id(e): {field for field in fields if _is_below(field, hidden[id(e)] or ())} for e in expressions}
    together = set().union(*ignored.values())
    if fields and len(together) * 100 > maximum * len(fields):
        most, *others = sorted(expressions, key=lambda e: -len(ignored[id(e)]))
        texts = ", ".join(e.text for e in (most, *others) if ignored[id(e)])
        share = f"{len(together)} of {len(fields)} fields ({len(together) * 100 / len(fields):.0f} %)"
        found = f"{share} of {manifest.kind} {manifest.name} are left out of the comparison by {texts}"
        related = tuple(Related(e.place, "a rule that hides more of it") for e in others if ignored[id(e)])
        asked = subject.policy_entry("ignoreDifferences", "maximumIgnoredShare", note="what policy says")
        expected = f"at most {maximum:g} %"
        yield Breach(most.place, found, expected, manifest.object_id, "ignored share", (*related, *asked))
        return
    yield from (_takes_jq(e, manifest) for e in expressions if hidden[id(e)] is None)


def _fields(value: Any, path: Path) -> Iterator[Path]:
    """The paths of everything that has no parts."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not parts and not isinstance(value, dict | list):
        yield path
    for step, below in parts:
        yield from _fields(below, (*path, step))


def _counts(manifest: Manifest, path: Path) -> bool:
    """Whether a field is part of what the object is for: not what names it, and not nothing."""
    return path[0] not in ("apiVersion", "kind", "metadata") and _sets_something(manifest, path)


def _is_below(field: Path, hidden: Sequence[Path]) -> bool:
    return any(field[: len(path)] == path for path in hidden)


@check(severity=Severity.NOTE)
def respect_ignore_differences_without_rules(subject: Subject) -> Iterator[Result]:
    """RespectIgnoreDifferences is on and the Application has no rule

    Why: The option keeps ignored fields from being overwritten by a sync. Without own rules it acts on the system
    rules of argocd-cm alone, and a reader cannot tell whether that is meant or a rule was lost
    (argo-cd: controller/sync.go normalizeTargetResources).

    Fix: Delete the option, add the rule that it is for, or name the system rule in policy under
    ignoreDifferences.respects, with a reason.
    """
    application = subject.application
    option = next((entry for entry in application.sync_policy.sync_options if entry.text == RESPECT), None)
    if option is None:
        yield NotApplicable()
        return
    if application.ignore_differences:
        return
    respects = subject.section(IgnoreDifferences).respects
    field = f"{field_path(_OPTIONS)}[{RESPECT}]"
    if not any(rule.reason.strip() for rule in respects):
        yield Breach(option.place, f"{RESPECT} without ignoreDifferences", "a rule that it is for", field=field)
    config = subject.environment.argocd_config
    for index, rule in enumerate(respects):
        if config and rule.key not in config:
            found = f"{RESPECT} for {rule.key}, which argocd-cm does not have"
            expected = "a key of argocd-cm"
            related = subject.policy_entry("ignoreDifferences", "respects", index, note="what policy says")
            yield Breach(option.place, found, expected, field=f"{field}.{rule.key}", related=related)


@check(severity=Severity.NOTE)
def ignore_differences_without_respect(subject: Subject) -> Iterator[Result]:
    """A sync overwrites what the Application ignores

    Why: A rule keeps a field out of the comparison only. When a sync applies the object for another reason, the value
    that Git renders goes to the cluster all the same, unless RespectIgnoreDifferences is on
    (argo-cd: controller/sync.go normalizeTargetResources). Fields that Git does not render are not touched.

    Fix: Add RespectIgnoreDifferences=true to spec.syncPolicy.syncOptions, or take the field out of Git.
    """
    application = subject.application
    if not application.ignore_differences or application.sync_policy.has_option(RESPECT):
        yield NotApplicable()
        return
    for rule in application.ignore_differences:
        matched = [manifest for manifest in _compared(subject) if _applies(rule, manifest)]
        for expression in _expressions(rule):
            yield from _overwritten(expression, matched)


def _overwritten(expression: _Expression, matched: list[Manifest]) -> Iterator[Result]:
    hidden = [(manifest, _hidden(expression, manifest)) for manifest in matched]
    fields = [(manifest, path) for manifest, paths in hidden for path in paths or () if path[:1] != ("status",)]
    if fields:
        manifest, path = fields[0]
        more = f" and {len(fields) - 1} more" if len(fields) > 1 else ""
        yield Breach(
            expression.place,
            f"{expression.text} is ignored; Git sets {field_path(path)} of {manifest.kind} {manifest.name}{more}",
            RESPECT,
            field=expression.key,
            related=(Related(manifest.place_of(*path), "the value that a sync applies"),),
        )
        return
    yield from (_takes_jq(expression, manifest) for manifest, paths in hidden if paths is None)
