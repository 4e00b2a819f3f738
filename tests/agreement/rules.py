"""Ignore rules and settings, good and bad, about places that the objects have or nearly have."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.agreement.changes import places
from tests.agreement.kinds import Json, Path_
from tests.agreement.managed import MANAGERS

BLOB = "resource.customizations"
METHOD = "application.resourceTrackingMethod"
OPTIONS = "resource.compareoptions"
RULE = f"{BLOB}.ignoreDifferences."
TYPES = f"{BLOB}.knownTypeFields."

#: The data of `argocd-cm`, without what depends on the order of its rules, because Argo CD applies them in no
#: fixed one.
SETTINGS: tuple[Mapping[str, str], ...] = (
    {METHOD: "label"},
    {METHOD: "annotation+label"},
    {METHOD: "annotation+label", "application.instanceLabelKey": "acme.test/app"},
    {METHOD: "unknown"},
    {OPTIONS: "ignoreResourceStatusField: none\n"},
    {OPTIONS: "ignoreResourceStatusField: crd\n"},
    {OPTIONS: "ignoreResourceStatusField: off\n"},
    {OPTIONS: "ignoreResourceStatusField: nonsense\n"},
    {OPTIONS: "ignoreAggregatedRoles: true\n"},
    {f"{RULE}all": "jsonPointers: [/spec/replicas]\n"},
    {f"{RULE}all": "managedFieldsManagers: [kube-controller-manager, hpa]\n"},
    {f"{RULE}apps_Deployment": "jsonPointers: [/spec/replicas, /spec/template]\n"},
    {f"{RULE}apps_Deployment": "jqPathExpressions: ['.spec.template.spec.containers[].image']\n"},
    {f"{RULE}apps_StatefulSet": "managedFieldsManagers: [kubectl-edit]\n"},
    {f"{RULE}ConfigMap": "jsonPointers: [/data]\nmanagedFieldsManagers: [kubectl-edit]\n"},
    {f"{RULE}Secret": "jsonPointers: [/data/password]\n"},
    {BLOB: "'*.k8s.io/*':\n  ignoreDifferences: |\n    jsonPointers: [/metadata/labels, /spec/rules]\n"},
    {BLOB: "'apps/*':\n  ignoreDifferences: |\n    jsonPointers: [/metadata/annotations]\n"},
    {f"{TYPES}acme.test_Widget": "- field: spec.limits\n  type: core/v1/ResourceList\n"},
    {f"{TYPES}acme.test_Widget": "- field: spec.limits.cpu\n  type: core/Quantity\n"},
    {f"{TYPES}argoproj.io_Rollout": "- field: spec.template\n  type: core/v1/PodTemplateSpec\n"},
)

#: `{0}` and `{1}` are path expressions to places of the objects.
JQ_FORMS = (
    "{0}",
    "{0}",
    "{0}",
    "{0}, {1}",
    "{0}?",
    "{0}[]?",
    "{0}[]",
    "{0}.missing",
    "{0} // {1}",
    "{0} | select(. != null)",
    '{0} | select(type == "string")',
    "{0} | ..",
    '{0}[]? | select(.name == "web")',
    '{0}[]? | select(.name == "web") | .image?',
    '{0}[]? | select(.name | test("^w"))',
    '{0}[]? | select(.name? // "" | startswith("a"))',
    "{0}[0]?",
    "{0}[-1]?",
    "{0}[1:]?",
    ".. | .image?",
    '.. | select(type == "number")',
    'select(.kind == "Deployment") | {0}',
    'if .kind == "Deployment" then {0} else {1} end',
    "{0} | to_entries",
    "{0} | keys",
    "{0} as $x | {1}",
    "first({0}, {1})",
    "path({0})",
    "to_entries[] | .value",
    "{0} | with_entries(.value = 1)",
    '{0} | map(select(.name == "web"))',
    "recurse",
    'getpath(["spec", "replicas"])',
    '{0} | getpath(["name"])',
    ".",
    "empty",
    'error("x")',
    # These do not compile.
    "{0} |",
    "{0} # why",
    "{0}[",
    "nosuchfunction({0})",
    "{0} | $nosuchvariable",
    "",
    "spec.replicas",
)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an Application and its Argo CD say about comparing: `ignoreDifferences`, and the data of `argocd-cm`."""

    ignore_differences: tuple[Json, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


def drawn_setup(chance: random.Random, desired: Json, live: Json) -> Setup:
    """Rules and settings for a pair; half of all pairs have none."""
    rules: list[Json] = []
    if chance.random() < 0.45:
        rules = [_rule(chance, desired, live) for _ in range(chance.choice((1, 1, 2, 3)))]
    return Setup(tuple(rules), chance.choice(SETTINGS) if chance.random() < 0.25 else {})


def _rule(chance: random.Random, desired: Json, live: Json) -> Json:
    group, kind = desired["apiVersion"].rpartition("/")[0], desired["kind"]
    found = [path for path, _ in (*places(desired), *places(live)) if path]
    rule: Json = {
        "group": chance.choice((group,) * 6 + ("*", "", f"{group[:3]}*", "{apps,batch}")),
        "kind": chance.choice((kind,) * 6 + ("*", kind.lower(), f"{kind[:2]}*", "[")),
    }
    if chance.random() < 0.15:
        rule["name"] = chance.choice((desired["metadata"]["name"], "we*", "other"))
    if chance.random() < 0.15:
        rule["namespace"] = chance.choice(("shop", "sh*", "other"))
    match chance.choice(("pointers", "pointers", "jq", "jq", "managers")):
        case "pointers":
            rule["jsonPointers"] = [_pointer(chance, found) for _ in range(chance.choice((1, 1, 2, 3)))]
        case "jq":
            rule["jqPathExpressions"] = [_expression(chance, found) for _ in range(chance.choice((1, 1, 2)))]
        case "managers":
            rule["managedFieldsManagers"] = chance.sample(MANAGERS, chance.randint(1, 2))
    return rule


def _pointer(chance: random.Random, found: list[Path_]) -> str:
    path = chance.choice(found)
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in path]
    match chance.randrange(20):
        case 0:
            return "/".join(steps)
        case 1:
            return "/" + "/".join(map(str, path))
        case 2:
            return "/" + "/".join([*steps, chance.choice(("", "-", "0", "missing", "-1", "+0", "00", "~2"))])
        case 3:
            return "/" + "/".join(["-1" if step.isdecimal() else step for step in steps])
        case 4:
            return chance.choice(("", "/", "//", "spec", "/spec/", "/spec//template"))
    return "/" + "/".join(steps)


def _expression(chance: random.Random, found: list[Path_]) -> str:
    return chance.choice(JQ_FORMS).format(_jq(chance, found), _jq(chance, found))


def _jq(chance: random.Random, found: list[Path_]) -> str:
    text = ""
    for step in chance.choice(found):
        if isinstance(step, int):
            text += chance.choice((f"[{step}]", "[]"))
        elif step.isidentifier():
            text += f".{step}"
        else:
            text += f"[{json.dumps(step)}]" if text else f".[{json.dumps(step)}]"
    return text
