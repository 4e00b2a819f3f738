"""The rules of an Application and the settings of Argo CD, as driftgate's comparison takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from driftgate.argocd_config import system_ignore_rules
from driftgate.compare import (
    INSTANCE_LABEL,
    STATUS_RULE,
    IgnoreRule,
    KnownType,
    Origin,
    Rules,
    Tracking,
    TrackingMethod,
)
from driftgate.model.application import IgnoreDifference
from driftgate.model.node import Node
from driftgate.yaml_reader import read_yaml
from tests.agreement.rules import BLOB, METHOD, OPTIONS, RULE, TYPES, Setup

METHODS = {
    "": TrackingMethod.ANNOTATION,
    "annotation": TrackingMethod.ANNOTATION,
    "label": TrackingMethod.LABEL,
    "annotation+label": TrackingMethod.BOTH,
}
#: Where the settings of `ignoreResourceStatusField` put the rule about `/status`; any other value means everywhere.
STATUS_OF_CRDS = IgnoreRule(
    "apiextensions.k8s.io", "CustomResourceDefinition", json_pointers=("/status",), origin=Origin.DEFAULT
)
STATUS_RULES = {"none": (), "off": (), "false": (), "crd": (STATUS_OF_CRDS,)}


def rules_of(setup: Setup) -> Rules:
    """Everything that decides a comparison besides the objects."""
    method = setup.settings.get(METHOD, "")
    options = _content(setup.settings.get(OPTIONS, "")) or {}
    status = str(options.get("ignoreResourceStatusField", "all")).lower()
    return Rules(
        ignore=tuple(_rule(index, entry) for index, entry in enumerate(setup.ignore_differences)),
        system=(
            *map(_system_rule, system_ignore_rules({key: _node(text) for key, text in setup.settings.items()})),
            *STATUS_RULES.get(status, (STATUS_RULE,)),
        ),
        tracking=Tracking(
            method=METHODS.get(method, TrackingMethod.OTHER),
            application="shop",
            namespace="shop",
            label_key=setup.settings.get("application.instanceLabelKey", INSTANCE_LABEL),
        ),
        ignore_aggregated_roles=options.get("ignoreAggregatedRoles") is True,
        known_types=tuple(_known_types(setup.settings)),
    )


def without_rules(settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings, of an Argo CD that ignores nothing."""
    kept = {key: text for key, text in settings.items() if key != BLOB and not key.startswith(RULE)}
    aggregated = "ignoreAggregatedRoles: true" in settings.get(OPTIONS, "")
    more = "ignoreAggregatedRoles: true\n" if aggregated else ""
    return {**kept, OPTIONS: f"ignoreResourceStatusField: none\n{more}"}


def _rule(index: int, entry: Mapping[str, Any]) -> IgnoreRule:
    return IgnoreRule(
        group=entry.get("group", ""),
        kind=entry["kind"],
        name=entry.get("name", ""),
        namespace=entry.get("namespace", ""),
        json_pointers=tuple(entry.get("jsonPointers", ())),
        jq_path_expressions=tuple(entry.get("jqPathExpressions", ())),
        managed_fields_managers=tuple(entry.get("managedFieldsManagers", ())),
        label=f"ignoreDifferences[{index}]",
    )


def _system_rule(rule: IgnoreDifference) -> IgnoreRule:
    return IgnoreRule(
        group=rule.group,
        kind=rule.kind,
        json_pointers=tuple(entry.text for entry in rule.json_pointers),
        jq_path_expressions=tuple(entry.text for entry in rule.jq_path_expressions),
        managed_fields_managers=tuple(entry.text for entry in rule.managed_fields_managers),
        origin=Origin.SYSTEM,
        label=f"argocd-cm: {rule.group}/{rule.kind}",
    )


def _known_types(settings: Mapping[str, str]) -> Iterator[KnownType]:
    for key, text in settings.items():
        if key.startswith(TYPES):
            group, _, kind = key.removeprefix(TYPES).rpartition("_")
            for entry in _content(text):
                yield KnownType(group, kind, entry["field"], entry["type"])


def _node(text: str) -> Node:
    return Node(text, "argocd-cm.yaml")


def _content(text: str) -> Any:
    roots = read_yaml(text, "argocd-cm.yaml").roots
    return roots[0].plain() if roots else None
