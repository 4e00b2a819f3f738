"""The policy of one environment: its frame here, the sections of each topic beside their checks."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, TypeVar, cast

from driftgate.errors import PolicyError, UsageError
from driftgate.model.node import Node, field_path
from driftgate.model.outcome import Severity
from driftgate.model.place import Place
from driftgate.policy.acceptance import accepts
from driftgate.policy.destinations import destination_problems
from driftgate.policy.frame import FRAME, CheckSetting
from driftgate.policy.sections import Section, build, schema_of
from driftgate.policy.waivers import WAIVER_SCHEMA, Waiver
from driftgate.yaml_reader import read_yaml, resolve_scalar

__all__ = [
    "Policy",
    "policy_schema",
    "read_policies",
]

FORMAT = 1
DEFAULT_NAME = "default"
S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Policy:
    """One environment's policy, with the place of every entry.

    `section` gives the section of a topic with the shipped default, the environment's entries and those of one
    Application laid over each other, in this order. `others` are the policies of the tree's other environments.
    """

    environment: str
    file: str
    node: Node
    known_sections: Mapping[str, type[Section]] = field(default_factory=dict)
    manifests: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    inventory: tuple[str, ...] | None = None
    waivers: tuple[Waiver, ...] = ()
    others: tuple[Policy, ...] = field(default=(), repr=False, compare=False)
    _sections: dict[tuple[type[Section], str], Section] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def shipped(cls, sections: Mapping[str, type[Section]]) -> Policy:
        """The default policy: everything that is wrong by Argo CD's, Helm's and Kubernetes' own rules."""
        return cls(DEFAULT_NAME, "", Node({}, ""), sections)

    def section(self, kind: type[S], application: str = "") -> S:
        """The section of a topic for one Application, or for the environment as a whole."""
        key = (kind, application if application in self.overrides else "")
        if key not in self._sections:
            name = next(name for name, known in {**FRAME, **self.known_sections}.items() if known is kind)
            self._sections[key] = build(kind, self._merged(name, key[1]))
        return cast("S", self._sections[key])

    def _merged(self, name: str, application: str) -> Any:
        below = self.node.get(name)
        override = self.node.get("overrides", application, name) if application else None
        merged = below.plain() if below else {}
        return _overlay(merged, override.plain()) if override else merged

    @property
    def overrides(self) -> Mapping[str, Node]:
        """The entries for single Applications."""
        below = self.node.get("overrides")
        return below.mapping if below else {}

    def check_setting(self, check: str) -> CheckSetting:
        """What the team has decided about one check."""
        below = self.node.get("checks", check)
        return build(CheckSetting, below.plain()) if below else CheckSetting()

    def severity(self, check: str, default: Severity) -> Severity | None:
        """The severity of a check's findings; None where the check is off."""
        chosen = self.check_setting(check).severity
        if chosen == "off":
            return None
        return Severity(chosen) if chosen else default

    def place_of(self, *path: str | int) -> Place:
        """The place of a policy entry, or of its nearest ancestor; the file, where the policy is the default."""
        return self.node.place_of(*path) if self.file else Place(".")


def _overlay(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: _overlay(base.get(key), value) for key, value in over.items()}}
    return over


def policy_schema(sections: Mapping[str, type[Section]], check_ids: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of a policy file, made from the sections and the ids of the checks."""
    topics = {name: schema_of(kind) for name, kind in sections.items()}
    names = {"type": "array", "items": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "driftgate policy",
        "type": "object",
        "additionalProperties": False,
        "required": ["driftgate"],
        "properties": {
            "driftgate": {"const": FORMAT, "description": "The format of this file."},
            "environment": {"type": "string", "description": "The environment's name."},
            "manifests": {
                **names,
                "description": "Folders or files whose Applications make up the environment.",
            },
            "roots": {
                **names,
                "description": "Applications that are applied by hand; all others must be reached.",
            },
            "inventory": {**names, "description": "Every Application of the environment, by name."},
            "checks": {
                "type": "object",
                "description": "Severity and reason per check.",
                "additionalProperties": False,
                "properties": dict.fromkeys(sorted(check_ids), schema_of(CheckSetting)),
            },
            **{name: schema_of(kind) for name, kind in FRAME.items()},
            **topics,
            "overrides": {
                "type": "object",
                "description": "Sections for single Applications, laid over the environment's.",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": topics,
                },
            },
            "waivers": {"type": "array", "items": WAIVER_SCHEMA, "description": "Accepted findings."},
        },
    }


def read_policies(
    root: FilePath,
    configured: str | None,
    sections: Mapping[str, type[Section]],
    check_ids: Iterable[str],
) -> tuple[Policy, ...]:
    """The policies of a tree, one per environment, sorted by name.

    `configured` is a file or a folder relative to the root. Without it `policies/` is looked at, and files there
    without a key `driftgate` belong to somebody else. A configured place without a policy is a UsageError; what is
    wrong inside a policy is a PolicyError with every place.
    """
    place = root / (configured or "policies")
    if not place.exists():
        if configured:
            raise UsageError(f"policy {configured}: no such file or folder in {root}")
        return (Policy.shipped(sections),)
    strict = configured is not None and place.is_file()
    nodes = [node for path in _policy_files(place) if (node := _policy_node(root, path, strict=strict)) is not None]
    environments = [node for node in nodes if node.get("environment") is not None]
    if not environments and configured:
        raise UsageError(f"policy {configured}: no policy in it (a policy file has `driftgate: 1` and `environment`)")
    known = frozenset(check_ids)
    problems = tuple(problem for node in nodes for problem in _problems_of(node, sections, known))
    if problems:
        raise PolicyError(problems)
    shared = [entry for node in nodes if node.get("environment") is None for entry in _entries(node, "waivers")]
    policies = tuple(_policy(node, shared, sections) for node in environments)
    _refuse_twins(policies)
    if not policies:
        return (Policy.shipped(sections),)
    ordered = sorted(policies, key=lambda p: p.environment)
    return tuple(replace(one, others=tuple(other for other in ordered if other is not one)) for one in ordered)


def _policy_files(place: FilePath) -> list[FilePath]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.iterdir() if path.suffix in (".yaml", ".yml") and path.is_file())


def _problems_of(
    node: Node, sections: Mapping[str, type[Section]], check_ids: Collection[str]
) -> list[tuple[Place, str]]:
    is_right = accepts(_small_schema(node, sections, check_ids), node.plain())
    shape = [*([] if is_right else _schema_problems(node, policy_schema(sections, check_ids))), *_nameless(node)]
    return shape or list(destination_problems(node))


def _small_schema(node: Node, sections: Mapping[str, type[Section]], check_ids: Collection[str]) -> dict[str, Any]:
    """The schema without the topics and checks that a policy does not name: what it accepts, the whole one accepts."""
    overrides, checks = node.get("overrides"), node.get("checks")
    blocks = [node, *(overrides.mapping.values() if overrides else ())]
    named = {key for block in blocks for key in block.mapping}
    return policy_schema(
        {name: kind for name, kind in sections.items() if name in named},
        [check for check in check_ids if checks is not None and check in checks.mapping],
    )


def _nameless(node: Node) -> list[tuple[Place, str]]:
    """A policy without a name would be passed over; only a file of waivers, which all environments share, has none."""
    decided = [key for key in node.mapping if key not in ("driftgate", "environment", "waivers")]
    if node.get("environment") is not None or not decided:
        return []
    return [(node.place, f"the policy needs environment, because it sets {', '.join(decided)}")]


def _policy_node(root: FilePath, path: FilePath, *, strict: bool) -> Node | None:
    name = FilePath(os.path.relpath(path, root)).as_posix()
    try:
        text = read_yaml(path.read_bytes(), name)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error
    ours = strict or any(root_node.get("driftgate") is not None for root_node in text.roots)
    if text.fault is not None and (ours or b"driftgate:" in path.read_bytes()):
        raise PolicyError(((text.fault.place, text.fault.message),))
    duplicates = [d for document in text.documents for d in document.duplicates]
    if ours and duplicates:
        raise PolicyError(tuple((d.second, f"{field_path(d.path)} is already set at {d.first}") for d in duplicates))
    if ours and len(text.roots) > 1:
        raise PolicyError(((text.roots[1].place, "a second document; a policy file has one"),))
    return text.roots[0] if ours and text.roots else None


def _refuse_twins(policies: tuple[Policy, ...]) -> None:
    seen: dict[str, Policy] = {}
    for policy in policies:
        if policy.environment in seen:
            other = seen[policy.environment].place_of("environment")
            text = f"environment {policy.environment} has a policy already, at {other}"
            raise PolicyError(((policy.place_of("environment"), text),))
        seen[policy.environment] = policy


def _policy(node: Node, shared: list[Node], sections: Mapping[str, type[Section]]) -> Policy:
    inventory = node.get("inventory")
    return Policy(
        environment=str(node.get("environment").plain()),  # type: ignore[union-attr]
        file=node.file,
        node=node,
        known_sections=sections,
        manifests=tuple(entry.text or "" for entry in _entries(node, "manifests")),
        roots=tuple(entry.text or "" for entry in _entries(node, "roots")),
        inventory=None if inventory is None else tuple(entry.text or "" for entry in inventory.items),
        waivers=tuple(Waiver.from_node(entry) for entry in [*_entries(node, "waivers"), *shared]),
    )


def _entries(node: Node, key: str) -> list[Node]:
    below = node.get(key)
    return below.items if below else []


def _schema_problems(node: Node, schema: dict[str, Any]) -> list[tuple[Place, str]]:
    import jsonschema  # heavy, and wanted only where there is a policy to read

    validator = jsonschema.Draft202012Validator(schema)
    problems = [problem for error in validator.iter_errors(node.plain()) for problem in _rewritten(error, node)]
    return sorted(problems)


def _rewritten(error: Any, node: Node) -> list[tuple[Place, str]]:
    """A schema error in a person's words, with the nearest spelling where a key is unknown."""
    path = tuple(error.absolute_path)
    where = field_path(path)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        return [
            (node.place_of(*path, key), _unknown_key(where, key, known)) for key in error.instance if key not in known
        ]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [(node.place_of(*path), f"{where or 'the policy'} needs {', '.join(missing)}")]
    if error.validator == "enum":
        # A bare `off` is false to YAML, so such choices are shown with the quotes that they need.
        choices = ", ".join(
            value if resolve_scalar(value) == value else f'"{value}"' for value in error.validator_value
        )
        shown = repr(error.instance) if isinstance(error.instance, str) else json.dumps(error.instance)
        return [(node.place_of(*path), f"{where}: {shown} is not one of {choices}")]
    if error.validator == "anyOf":
        # `T | None`: what is wrong is told of T, not of the null that would also do.
        return [problem for below in error.context if below.schema_path[0] == 0 for problem in _rewritten(below, node)]
    if error.validator == "const":
        return [(node.place_of(*path), f"{where}: this driftgate reads format {error.validator_value}")]
    found = node.get(*path)
    text = f"expected {_YAML_TYPES[error.validator_value]}, found {found.type_name if found else 'nothing'}"
    return [(node.place_of(*path), f"{where + ': ' if where else ''}{text}")]


# JSON Schema's types in the words that Node.type_name has.
_YAML_TYPES = {
    "object": "mapping",
    "array": "list",
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}


def _unknown_key(where: str, key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(sorted(known))}"
    return f"{where + ': ' if where else ''}unknown key {key}{hint}"
