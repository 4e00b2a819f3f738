"""Pairs from a real control plane, after real clients: driftgate says of each what Argo CD says."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.compare import ProblemKind, Verdict, compare
from tests.agreement.changes import Changes
from tests.agreement.clients import Served, helm, kubectl, kubectl_twice, served_objects
from tests.agreement.figures import Run, keep_run, tree_versions
from tests.agreement.kinds import Json, Kind, kubernetes_schema
from tests.agreement.pairs import Pair
from tests.agreement.rules import Setup, drawn_setup
from tests.agreement.run import Tally
from tests.agreement.settings import rules_of
from tests.agreement.verdicts import judged
from tests.controlplane.plane import ControlPlane
from tests.oracle import Oracle

#: The area of the figures, and what makes a run of this module write them.
SERVERS = "servers"
KEEP = "DRIFTGATE_KEEP_FIGURES"
PLACE = "tests/agreement/test_real_servers.py"
#: Changed commits, and rules, that each pair is compared with besides the ones below.
DRAWN = 6


@pytest.fixture(scope="module")
def deployed(
    operators_plane: ControlPlane,
    helm3: Path,
    helm4: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Served]:
    """Every object of `served.yaml`, after each client, as it was deployed and after it was edited."""
    scratch = tmp_path_factory.mktemp("charts")
    clients = {
        "kubectl create": kubectl("create"),
        "kubectl apply": kubectl("apply"),
        "kubectl apply, twice": kubectl_twice,
        "kubectl apply --server-side": kubectl("apply", "--server-side", "--field-manager=argocd-controller"),
        "helm 3": helm(helm3, scratch),
        "helm 4": helm(helm4, scratch),
    }
    return [each for name, client in clients.items() for each in served_objects(operators_plane, name, client)]


def test_driftgate_says_what_argo_cd_says(
    deployed: list[Served], oracle: Oracle, tallied: Callable[[Mapping[str, int]], None]
) -> None:
    """For what every client deployed and others edited: without rules, with rules of each kind, and after commits."""
    began = time.monotonic()
    tally = Tally()
    reasons: dict[str, str] = {}
    for number, (each, pair) in enumerate(_pairs(deployed)):
        outcome = judged(pair, oracle)
        tally.add(number, outcome, [(SERVERS, each.client)])
        if outcome.disagreement:
            reasons[f"{number}: {each.client}, {each.state} {each.desired['kind']}"] = outcome.disagreement
    tallied(tally.outcomes)
    if os.environ.get(KEEP):
        rows = {row: dict(found.most_common()) for row, found in sorted(tally.rows[SERVERS].items())}
        seconds = round(time.monotonic() - began)
        keep_run(SERVERS, Run(f"{KEEP}=1 pytest {PLACE}", 0, tally.pairs, seconds, tree_versions(), rows))

    assert reasons == {}
    assert tally.pairs == len(deployed) * (3 + DRAWN) + sum(len(each.managers) for each in deployed)
    assert {str(Verdict.IN_SYNC), str(Verdict.CHANGED), str(Verdict.IGNORED)} <= set(tally.outcomes)


def test_nothing_is_changed_that_nobody_changed(deployed: list[Served], oracle: Oracle) -> None:
    """What was deployed and left alone is in sync by both, although the API server has written it otherwise."""
    changed = {
        f"{each.client}: {each.desired['kind']} {each.desired['metadata']['name']}"
        for each in deployed
        if each.state == "deployed" and judged(Pair(each.desired, each.live), oracle).name != Verdict.IN_SYNC
    }
    assert changed == KNOWN_TO_DIFFER


#: Argo CD itself calls these out of sync right after they have been applied.
KNOWN_TO_DIFFER: set[str] = set()


@pytest.mark.parametrize(("state", "modified"), [("deployed", False), ("edited", True)])
def test_what_only_the_server_can_tell_is_not_claimed(
    deployed: list[Served], control_plane: ControlPlane, oracle: Oracle, state: str, modified: bool
) -> None:
    """Where Argo CD has the API server predict the outcome of a sync, driftgate says that it cannot tell."""
    (each,) = (
        found
        for found in deployed
        if (found.client, found.state) == ("kubectl apply --server-side", state)
        and (found.desired["kind"], found.desired["metadata"]["name"]) == ("Deployment", "web")
    )
    # The cluster has gone on since it was deployed: then the server's answer was the live object itself.
    dry_run = _dry_run(control_plane, each.desired) if state == "edited" else each.live
    answer = oracle.diff(each.desired, each.live, dry_run=dry_run)

    assert (answer.error, answer.panic) == ("", "")
    assert answer.value["modified"] is modified
    compared = compare(each.desired, each.live, replace(rules_of(Setup()), server_side=True))
    assert compared.verdict is Verdict.COULD_NOT_CHECK
    assert compared.problem is not None
    assert compared.problem.kind is ProblemKind.SERVER_SIDE


def _dry_run(plane: ControlPlane, desired: Json) -> Json:
    """What the API server would make of a server-side apply by Argo CD."""
    arguments = ("--server-side", "--dry-run=server", "--force-conflicts", "--field-manager=argocd-controller")
    done = plane.kubectl(
        "apply", *arguments, "--show-managed-fields", "-o", "json", "-f", "-", stdin=json.dumps(desired)
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _pairs(deployed: list[Served]) -> Iterator[tuple[Served, Pair]]:
    for number, each in enumerate(deployed):
        for setup in _setups(each):
            yield each, Pair(each.desired, each.live, setup)
        for draw in range(DRAWN):
            yield each, _drawn(each, random.Random(number * DRAWN + draw))


def _setups(each: Served) -> Iterator[Setup]:
    """No rule, and one of each kind."""
    group, _, kind = each.desired["apiVersion"].rpartition("/")[0], "", each.desired["kind"]
    yield Setup()
    for rule in (
        {"jsonPointers": ["/spec/replicas", "/spec/template/spec/containers/0/image", "/data/a"]},
        {
            "jqPathExpressions": [
                '.spec.template.spec.containers[]? | select(.name == "injected")',
                ".data?",
                ".spec.ports",
            ]
        },
        *({"managedFieldsManagers": [manager]} for manager in each.managers),
    ):
        yield Setup(({"group": group, "kind": kind, **rule},))


def _drawn(each: Served, chance: random.Random) -> Pair:
    """The pair after another commit, with rules as the generator draws them."""
    schema = kubernetes_schema()
    version, kind = each.desired["apiVersion"], each.desired["kind"]
    known = schema.kinds.get(f"{version}/{kind}", Kind(version, kind, ""))
    desired: Json = Changes(chance, schema, known).changed(each.desired, chance.choice((0, 1, 1, 2)))
    return Pair(desired, each.live, drawn_setup(chance, desired, each.live))
