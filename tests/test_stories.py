"""Four foreign repositories, judged under the default policy and held to what helm and kustomize make of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftgate.assembly import assemble
from driftgate.judge import judge, load_catalogue
from driftgate.model.environment import Environment, Reach
from driftgate.model.outcome import Judgement, Outcome
from driftgate.model.secret import mask_secret
from driftgate.policy import Policy
from driftgate.settings import Settings
from tests.cases import FIXTURES

STORIES = sorted(path.stem for path in (FIXTURES / "repos").glob("*.expected"))


@pytest.fixture(scope="module", params=STORIES)
def story(request: pytest.FixtureRequest, kustomize: Path) -> tuple[str, dict[str, Any], Environment, Judgement]:
    """One repository, what is known of it, and what driftgate made of it."""
    root = FIXTURES / "repos" / request.param
    outcome = yaml.safe_load((root.with_name(f"{root.name}.expected") / "outcome.yaml").read_text(encoding="utf-8"))
    catalogue = load_catalogue()
    policy = Policy.shipped(catalogue.sections)
    settings = replace(Settings(cache=None), kustomize=str(kustomize))
    with assemble(root, policy, settings, [outcome["repository"]]) as assembly:
        environment = assembly.environment
        return request.param, outcome, environment, judge(environment, policy, catalogue)


Story = tuple[str, dict[str, Any], Environment, Judgement]


def test_every_application_has_the_outcome_that_it_deserves(story: Story) -> None:
    """Each Application is rendered or could not be, and is reached by the parent that renders it."""
    _, outcome, environment, _ = story
    expected = {name: (entry["outcome"], entry["parent"]) for name, entry in outcome["applications"].items()}
    seen = {
        loaded.application.name: (
            "rendered" if loaded.complete else "could-not-check",
            loaded.parents[0] if loaded.parents else None,
        )
        for loaded in environment.applications
    }
    assert seen == expected
    assert {loaded.reach for loaded in environment.applications} <= {Reach.ROOT, Reach.CHILD}


def test_rendered_objects_are_those_of_the_tools_themselves(story: Story) -> None:
    """Every Application's objects equal those that helm and kustomize print, in content and in number."""
    name, _, environment, _ = story
    compared = 0
    for loaded in environment.applications:
        file = FIXTURES / "repos" / f"{name}.expected" / f"{loaded.application.name}.json"
        if file.exists():
            expected = [mask_secret(item) for item in json.loads(file.read_text(encoding="utf-8"))]
            assert _sorted([m.object for m in loaded.manifests]) == _sorted(expected), loaded.label
            compared += 1
    assert compared >= 6


def test_nothing_is_found_that_is_not_wrong(story: Story) -> None:
    """Under the default policy a sound repository has no finding, and what could not be checked is what it says."""
    _, outcome, _, judgement = story
    assert [f for f in judgement.findings if f.outcome is Outcome.FAILED and f.severity.value != "note"] == []
    unchecked = {f.application for f in judgement.with_outcome(Outcome.COULD_NOT_CHECK)} - {""}
    expected = {name for name, entry in outcome["applications"].items() if entry["outcome"] == "could-not-check"}
    assert unchecked == expected


def _sorted(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(objects, key=lambda item: json.dumps(item, sort_keys=True, default=repr))
