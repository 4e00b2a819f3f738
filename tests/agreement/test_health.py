"""Health: driftgate says of a live object what Argo CD says, and of what it does not judge it says so."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from driftgate.argocd_config import health_scripts
from driftgate.facts import kinds
from driftgate.health import Health, Status, has_rule, health_of, is_scripted
from driftgate.model.node import Node
from tests.agreement.healths import KINDS, drawn_object, judged_health
from tests.oracle import Oracle
from tools.facts.generate import ARGOCD_MODULE, download

OBJECTS = 3000
#: Kinds with a rule in Argo CD's Go code that driftgate does not have.
NOT_JUDGED_IN_GO = {("argoproj.io", "Workflow")}


def test_driftgate_says_what_argo_cd_says(oracle: Oracle, tallied: Callable[[Mapping[str, int]], None]) -> None:
    """Every object has the same status and the same message, or makes both rules fail."""
    outcomes = {number: judged_health(drawn_object(number), oracle) for number in range(OBJECTS)}
    counted = collections.Counter(outcome.name for outcome in outcomes.values())
    tallied(counted)

    assert {number: each.disagreement for number, each in outcomes.items() if each.disagreement} == {}
    assert set(counted) == {"Healthy", "Progressing", "Degraded", "Suspended", "Unknown"}
    assert len({drawn_object(number)["kind"] for number in range(len(KINDS))}) == len({kind for _, kind in KINDS})


def scripted() -> set[tuple[str, str]]:
    """The kinds that Argo CD brings a script for."""
    root = download(ARGOCD_MODULE).directory / "resource_customizations"
    return {(path.parent.parent.name, path.parent.name) for path in root.glob("*/*/health.lua")}


def test_every_script_that_is_not_known_makes_a_kind_unjudged(oracle: Oracle) -> None:
    """Argo CD's own scripts are either followed, or their kinds are none that driftgate takes for without health."""
    unknown = {each for each in scripted() if not has_rule(*each)} | NOT_JUDGED_IN_GO

    assert len(unknown) > 250
    assert {each for each in unknown if each in kinds()} == set()
    for group, kind in sorted(unknown):
        value = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "x"}}
        assert health_of(value) is None
    # The other way round: what is judged here is judged there.
    for group, kind in KINDS:
        value = {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": {"name": "x"}}
        answer = oracle.ask("health", object={**value, "spec": {}, "status": {"conditions": []}})
        assert answer.failed or answer.value["health"] is not None, kind


def test_built_in_kinds_without_a_rule_have_no_health_in_argo_cd(oracle: Oracle) -> None:
    """What is not judged and not said to be unjudged has no health in Argo CD."""
    without = [each for each in kinds() if not has_rule(*each)]
    found = {}
    for group, kind in without:
        version = kinds()[group, kind].versions[0]
        value = {"apiVersion": f"{group}/{version}" if group else version, "kind": kind, "metadata": {"name": "x"}}
        found[group, kind] = oracle.ask("health", object=value).value["health"]

    assert {each: health for each, health in found.items() if health is not None} == {}


SCRIPT = 'hs = {}\nhs.status = "Degraded"\nhs.message = "by script"\nreturn hs\n'
DEPLOYMENT: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}


@pytest.mark.parametrize(
    ("settings", "about"),
    [
        ({"resource.customizations.health.apps_Deployment": SCRIPT}, {"Deployment"}),
        ({"resource.customizations.health.Pod": SCRIPT}, {"Pod"}),
        ({"resource.customizations.health.apps_*": SCRIPT}, {"Deployment"}),
        ({"resource.customizations.health.*": SCRIPT}, {"Deployment", "Pod", "Certificate", "ConfigMap"}),
        ({"resource.customizations.health.all": SCRIPT}, {"Deployment", "Certificate"}),
        ({"resource.customizations.health.cert-manager.io_Certificate": SCRIPT}, {"Certificate"}),
        ({"resource.customizations.health.apps_Deployment": ""}, set()),
        ({"resource.customizations.actions.apps_Deployment": "{}"}, set()),
        (
            {"resource.customizations": "apps/Deployment:\n  health.lua: |\n    return {status = 'Degraded'}\n"},
            {"Deployment"},
        ),
        (
            {"resource.customizations": '"*.io/*":\n  health.lua: |\n    return {status = "Degraded"}\n'},
            {"Certificate"},
        ),
        ({"resource.customizations": "apps/Deployment:\n  actions: |\n    {}\n"}, set()),
    ],
)
def test_a_script_in_argocd_cm_leaves_its_kinds_unjudged(
    oracle: Oracle, settings: dict[str, str], about: set[str]
) -> None:
    """A kind is judged here exactly as long as no script in argocd-cm judges it in Argo CD."""
    found = health_scripts({key: Node(text, "argocd-cm.yaml") for key, text in settings.items()})
    for version, kind in (
        ("apps/v1", "Deployment"),
        ("v1", "Pod"),
        ("cert-manager.io/v1", "Certificate"),
        ("v1", "ConfigMap"),
    ):
        value = {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "status": {"phase": "Succeeded"}}
        said = oracle.ask("health", object=value, settings=settings).value["health"]
        by_script = said is not None and said["status"] == "Degraded"
        group = version.rpartition("/")[0]

        assert by_script == (kind in about)
        assert is_scripted(group, kind, found) == by_script
        ours = health_of(value, found)
        expected = None if by_script or said is None else Health(Status(said["status"]), said.get("message", ""))
        assert ours == expected


def test_the_scripts_of_the_module_are_those_of_the_oracle(oracle: Oracle) -> None:
    """The scripts that are listed here are of the release that answers."""
    assert Path(download(ARGOCD_MODULE).directory).name.endswith(f"@{oracle.version()}")
