"""Some eighty drifts on our own environment, made by real clients: what is told of each, by whom, and what follows.

Everything is delivered once, drifts once, and is judged by one run. `kinds.txt` has every finding of that run. Argo
CD's own code is asked about every pair of objects, and then everything is applied as Argo CD does, to see what becomes
of each difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftgate.compare import Verdict
from driftgate.compare.objects import opened
from driftgate.drift.pairing import LiveEnvironment
from tests.agreement.pairs import Pair
from tests.agreement.rules import Setup
from tests.agreement.verdicts import judged
from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import ControlPlane
from tests.drift.kinds import SCALED, make_drifts
from tests.drift.shop import Told
from tests.drift.staging import Staging
from tests.oracle import Oracle

EXPECTED = Path(__file__).with_name("kinds.txt")
#: A sync does away with these.
REVERTED = ("Self-heal reverts it.", "The next sync overwrites it.", "It is created anew.")


@pytest.fixture(scope="module")
def staging(
    operators_plane: ControlPlane, published_crds: dict[str, list[Crd]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Staging]:
    """Our environment as Argo CD has delivered it, and nobody has touched it."""
    plane = operators_plane
    with served(plane, published_crds["argocd"]), plane.namespaces("argocd"):
        staging = Staging(plane, tmp_path_factory.mktemp("staging"), plane.namespace())
        staging.copy()
        staging.deliver()
        yield staging
        staging.close()


@pytest.fixture(scope="module")
def quiet(staging: Staging) -> tuple[int, str, str]:
    """What is told before anything has drifted."""
    return staging.drift()


@pytest.fixture(scope="module")
def told(staging: Staging, quiet: tuple[int, str, str], helm3: Path) -> list[Told]:
    """What is told after everything has drifted."""
    assert quiet[0] == 0, quiet[1]
    make_drifts(staging, helm3)
    return staging.findings()


@pytest.fixture(scope="module")
def live(staging: Staging, told: list[Told]) -> LiveEnvironment:
    """Every object beside what Git renders, after everything has drifted."""
    assert told
    return staging.judged()


@pytest.fixture(scope="module")
def synced(staging: Staging, live: LiveEnvironment) -> tuple[str, list[Told]]:
    """What is refused when Argo CD applies everything that is out of sync, and what is told then."""
    verdicts = {pair.key[1::2]: pair.verdict for one in live.applications.values() for pair in one.pairs}
    objects = staging.rendered()
    # The autoscaler that somebody made would write again what the sync takes back.
    staging.kubectl("delete", f"hpa/{SCALED}")
    staging.sync([one for one in objects.values() if one["kind"] == "Application"])
    chosen = [about for about in objects if about[0] != "Application" and verdicts[about] is not Verdict.IGNORED]
    refused = staging.sync(objects[about] for about in chosen)
    return refused, staging.findings()


def test_our_environment_shows_no_drift_when_it_was_just_delivered(quiet: tuple[int, str, str]) -> None:
    """Six Applications of ours and one of other kinds are in sync to the last field, and nothing was added."""
    code, out, err = quiet
    assert (code, err) == (0, ""), out
    assert "  objects       43: 43 in sync\n" in out


def test_every_drift_is_told_with_line_author_and_fate_and_nothing_else_is(told: list[Told]) -> None:
    """Check, object, line in Git, live value, who wrote it, desired value and consequence are those of the table."""
    wanted = EXPECTED.read_text(encoding="utf-8").strip().split("\n\n")
    found = sorted(_shown(one) for one in told)
    assert found == sorted(wanted)
    assert len(found) > 80


def test_argo_cd_calls_changed_what_is_told_as_changed(staging: Staging, live: LiveEnvironment, oracle: Oracle) -> None:
    """Of every object Argo CD's own code says the same: the verdict, the predicted state and the fields that differ."""
    with staging.assembled() as assembly:
        environment = assembly.environment
        manifests: dict[str, Any] = {one.label: one.application.node.plain() for one in environment.applications}
        settings = {key: str(node.value) for key, node in environment.argocd_config.items()}
    wrong = {}
    for label, one in live.applications.items():
        ignored = manifests[label]["spec"].get("ignoreDifferences", ())
        for pair in one.pairs:
            objects = [None if each is None else opened(each) for each in (pair.desired, pair.live)]
            outcome = judged(Pair(objects[0], objects[1], Setup(tuple(ignored), settings)), oracle)
            # By itself the comparison does not tell whose an object is that nobody desires.
            name = outcome.name if pair.desired is not None else str(pair.verdict)
            if (name, outcome.disagreement) != (str(pair.verdict), ""):
                wrong[pair.object_id] = (pair.verdict, outcome)
    assert wrong == {}
    verdicts = {pair.verdict for one in live.applications.values() for pair in one.pairs}
    assert verdicts == {Verdict.CHANGED, Verdict.IN_SYNC, Verdict.IGNORED, Verdict.MISSING, Verdict.EXTRA}


def test_a_sync_makes_of_each_drift_what_was_said(told: list[Told], synced: tuple[str, list[Told]]) -> None:
    """What is reverted is gone; what survives, is ignored or waits for a prune stays; what blocks was refused."""
    refused, left = synced
    assert {_field(one) for one in left} == {_field(one) for one in told if not one.why.startswith(REVERTED)}
    blocking = {one.object.rpartition("/")[2] for one in told if one.why.startswith("It blocks the delivery.")}
    assert set(re.findall(r'(?m)^for: "STDIN": .*?"([\w-]+)" is invalid', refused)) == blocking


def _shown(one: Told) -> str:
    """A finding as `kinds.txt` has it."""
    lines = (f"{one.check}  {one.object}", f"  place     {one.place}", f"  found     {one.found}")
    text = "\n".join((*lines, f"  expected  {one.expected}", f"  why       {one.why}"))
    return re.sub(r'"nodePort": \d+', '"nodePort": N', text).replace("\n\n", "\n")


def _field(one: Told) -> tuple[str, str]:
    return one.object, one.found.partition(": ")[0] if one.check != "extra-object" else ""
