"""The system rules of argocd-cm."""

from __future__ import annotations

import pytest

from driftgate.argocd_config import system_ignore_rules
from driftgate.model.node import Node
from driftgate.yaml_reader import read_yaml


def _config(text: str) -> dict[str, Node]:
    return read_yaml(text, "argocd-cm.yaml").roots[0].mapping


RULES = """\
resource.compareoptions: |
  ignoreResourceStatusField: all
resource.customizations.ignoreDifferences.all: |
  jsonPointers:
    - /spec/a
  managedFieldsManagers: [someone]
resource.customizations.ignoreDifferences.apps_Deployment: |
  jqPathExpressions:

    - .spec.b
resource.customizations.ignoreDifferences.Service: "jsonPointers: [/spec/c]"
resource.customizations: |
  "*.example.com/*":
    health.lua: return {}
    ignoreDifferences: |
      jsonPointers:
        - /spec/d
"""


def test_every_form_of_a_system_rule_is_read_with_its_line() -> None:
    """Rules with a key of their own, for everything, of a core kind, and in the older blob; each at its line."""
    found = [
        (rule.group, rule.kind, entry.text, entry.place.line)
        for rule in system_ignore_rules(_config(RULES))
        for entry in (*rule.json_pointers, *rule.jq_path_expressions, *rule.managed_fields_managers)
    ]
    assert found == [
        ("*", "*", "/spec/a", 5),
        ("*", "*", "someone", 6),
        ("apps", "Deployment", ".spec.b", 10),
        # A text that is no literal block folds its lines.
        ("", "Service", "/spec/c", 0),
        ("*.example.com", "*", "/spec/d", 17),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "resource.compareoptions: x",
        "resource.customizations.ignoreDifferences.all: '['",
        "resource.customizations.ignoreDifferences.all: '- /spec'",
        "resource.customizations.ignoreDifferences.all: ''",
        "resource.customizations: 'apps/Deployment: {health.lua: x}'",
        "resource.customizations: 'apps/Deployment: x'",
    ],
)
def test_what_is_no_rule_has_no_effect(text: str) -> None:
    """Other keys, broken YAML and customizations of another sort are no system rules."""
    assert system_ignore_rules(_config(text)) == ()
