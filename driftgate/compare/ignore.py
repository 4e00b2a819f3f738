"""Ignore rules at work: which of them are about an object, and what they take out of it.

Each expression is applied by itself to target, live and last-applied object. One that fails on an object is skipped
there; a jq expression that does not compile fails the whole Application. Source: Argo CD
`util/argo/normalizers/diff_normalizer.go`, `util/argo/diff/ignore.go`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from driftgate.compare.objects import annotations_of, metadata_text, split_kind
from driftgate.compare.problems import CompareError
from driftgate.compare.result import ProblemKind
from driftgate.compare.rules import IgnoreRule, Origin
from driftgate.compare.values import Json, as_floats, without
from driftgate.semantics.globs import gobwas_match
from driftgate.semantics.ignore_rules import rule_matches
from driftgate.semantics.jq import JQRunError, JQSyntaxError, addressed_paths, compile_problem
from driftgate.semantics.jsonpointer import remove

__all__ = ["IGNORE_ANNOTATION", "NO_RULES", "IgnoreRules", "Path", "annotated_rule", "removals"]

IGNORE_ANNOTATION = "argocd.argoproj.io/ignore-differences"

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The rules of an Application and of the system, in the order in which Argo CD applies them."""

    application: tuple[IgnoreRule, ...]
    system: tuple[IgnoreRule, ...]

    def check(self) -> None:
        """Raise CompareError for the first jq expression that Argo CD cannot compile, whatever object it is about."""
        for rule in (*self.application, *self.system):
            for expression in rule.jq_path_expressions:
                problem = _compile_problem(expression)
                if problem is not None:
                    raise CompareError(ProblemKind.JQ, f"{rule.label or 'ignoreDifferences'}: {problem}")

    def about(self, document: Json, extra: tuple[IgnoreRule, ...] = ()) -> list[IgnoreRule]:
        """The rules with pointers or jq that are about an object; `extra` are those that its own annotation adds."""
        group, kind = split_kind(document)
        name, namespace = metadata_text(document, "name"), metadata_text(document, "namespace")
        # The rule that an annotation makes is about its own object, and any other of the same name.
        every = (_of_kind(rules, group, kind) for rules in (self.application, extra, self.system))
        rules = itertools.chain.from_iterable(every)
        return [rule for rule in rules if rule.name in {"", name} and rule.namespace in {"", namespace}]

    def managers(self, target: Json) -> dict[str, IgnoreRule]:
        """The field managers whose changes to an object are left alone, each with the first rule that says so.

        System rules are looked up by their exact key here, which for kinds of the core group never fits.
        """
        group, kind = split_kind(target)
        name, namespace = metadata_text(target, "name"), metadata_text(target, "namespace")
        found: dict[str, IgnoreRule] = {}
        for rule in (*_with_managers(self.system), *_with_managers(self.application)):
            if rule.origin is Origin.APPLICATION:
                own = (rule.group, rule.kind, rule.name, rule.namespace)
                about = rule_matches(*own, group, kind, name, namespace)
            else:
                about = (rule.group, rule.kind) in {("*", "*"), (group or None, kind)}
            for manager in rule.managed_fields_managers if about else ():
                found.setdefault(manager, rule)
        return found


#: What to go by to see what would differ if no rule looked away.
NO_RULES = IgnoreRules((), ())


@lru_cache(maxsize=64)
def _with_managers(rules: tuple[IgnoreRule, ...]) -> tuple[IgnoreRule, ...]:
    return tuple(rule for rule in rules if rule.managed_fields_managers)


@lru_cache(maxsize=1024)
def _of_kind(rules: tuple[IgnoreRule, ...], group: str, kind: str) -> tuple[IgnoreRule, ...]:
    return tuple(
        rule
        for rule in rules
        if (rule.json_pointers or rule.jq_path_expressions)
        and gobwas_match(rule.group, group)
        and gobwas_match(rule.kind, kind)
    )


@lru_cache(maxsize=1024)
def _compile_problem(expression: str) -> str | None:
    return compile_problem(expression)


def annotated_rule(target: Json) -> tuple[IgnoreRule, ...]:
    """The rule that a target's own annotation makes for itself: a YAML mapping with `jsonPointers`, nothing else."""
    text = annotations_of(target).get(IGNORE_ANNOTATION)
    pointers = _annotated_pointers(text) if text else ()
    if not pointers:
        return ()
    group, kind = split_kind(target)
    name, namespace = metadata_text(target, "name"), metadata_text(target, "namespace")
    return (IgnoreRule(group, kind, name, namespace, pointers, origin=Origin.ANNOTATION, label=IGNORE_ANNOTATION),)


@lru_cache(maxsize=256)
def _annotated_pointers(text: str) -> tuple[str, ...]:
    # Few objects have the annotation, and reading YAML takes its time to import.
    from driftgate.yaml_reader import read_yaml

    roots = read_yaml(text, IGNORE_ANNOTATION).roots[:1]
    pointers = roots[0].get("jsonPointers") if roots else None
    items = [item.value for item in pointers.items] if pointers is not None else []
    # Read as a list of texts: a number or a boolean among them is one, as Go's YAML library has it.
    if any(isinstance(item, dict | list) for item in items):
        return ()
    return tuple(item if isinstance(item, str) else "" if item is None else json.dumps(item) for item in items)


def removals(document: Json, rules: list[IgnoreRule]) -> tuple[Json | None, list[tuple[IgnoreRule, Path]]]:
    """The object without what the rules take out, and what each of them took; the given object is not changed.

    None where a rule has taken out the object itself, which no other rule brings back. Raises CompareError for an
    expression that only jq itself can evaluate.
    """
    taken: list[tuple[IgnoreRule, Path]] = []
    result: Any = document
    for rule in rules:
        for pointer in rule.json_pointers:
            changed, removed = remove(result, pointer)
            if removed:
                taken.append((rule, _path(result, pointer)))
                result = changed
        for expression in rule.jq_path_expressions:
            paths = _jq_paths(expression, result, rule)
            if paths is not None:
                taken.extend((rule, path) for path in paths)
                if () in paths:
                    return None, taken
                # Whatever it removes, jq takes every number for a float.
                result = as_floats(without(result, paths) if paths else result)
    return result, taken


def _path(document: Any, pointer: str) -> Path:
    return tuple(_steps(document, pointer))


def _steps(document: Any, pointer: str) -> Iterator[str | int]:
    for segment in pointer.split("/")[1:]:
        step: str | int = segment.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list):
            step = int(step)
            step += len(document) if step < 0 else 0
        yield step
        document = document[step]


def _jq_paths(expression: str, document: Any, rule: IgnoreRule) -> tuple[Path, ...] | None:
    """What an expression removes; None where it fails on the object."""
    label = rule.label or "ignoreDifferences"
    try:
        paths = addressed_paths(expression, document)
    except JQRunError:
        return None
    except JQSyntaxError as error:
        raise CompareError(ProblemKind.JQ, f"{label}: {error}") from error
    if paths is None:
        raise CompareError(ProblemKind.JQ_UNSUPPORTED, f"{label}: {expression}")
    return paths
