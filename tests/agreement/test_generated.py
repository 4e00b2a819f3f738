"""Pairs that are drawn: driftgate says of each what Argo CD says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import pytest

from driftgate.compare import Problem, ProblemKind, Verdict
from tests.agreement.figures import SAMPLE, SAMPLED, SAMPLES, runs
from tests.agreement.kinds import WEIGHTS, kubernetes_schema
from tests.agreement.old_versions import drawn_old_pair, old_versions
from tests.agreement.pairs import Pair, drawn_pair
from tests.agreement.run import pair_of, run
from tests.agreement.verdicts import judged
from tests.oracle import Oracle

OLD_PAIRS = 400
UNKNOWN_DEFAULTS = f"{Verdict.COULD_NOT_CHECK}: {ProblemKind.DEFAULTS}"
CHUNKS = SAMPLES
CHUNK = SAMPLE
#: The share of pairs, in percent, of which driftgate may say that it cannot tell although Argo CD can. Far more of the
#: drawn rules take jq itself, and far more of the drawn objects have an old version, than of those that people write.
UNTOLD = 3


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_driftgate_says_what_argo_cd_says(
    chunk: int, oracle: Oracle, tallied: Callable[[Mapping[str, int]], None]
) -> None:
    """The same verdict, the same states, the same kind of error, and the same fields, for every pair of a run."""
    tally = run(range(chunk * CHUNK, (chunk + 1) * CHUNK), oracle)
    tallied(tally.outcomes)

    assert tally.disagreements == {}
    assert tally.pairs == CHUNK
    # What has come out otherwise than in the run on the page takes a new one: python -m tests.agreement --keep
    (kept,) = (each.sample[chunk] for each in runs(SAMPLED) if each.first == 0)
    assert dict(tally.outcomes) == kept
    untold = sum(count for name, count in tally.outcomes.items() if name in NO_ANSWER)
    assert untold * 100 <= UNTOLD * CHUNK


#: Where driftgate has no answer although Argo CD may have one.
NO_ANSWER = {f"{Verdict.COULD_NOT_CHECK}: {kind}" for kind in ProblemKind if not Problem(kind, "").in_argocd}


def test_a_run_meets_every_outcome(oracle: Oracle) -> None:
    """The pairs of one run come out in every way there is, most of them with an answer."""
    tally = run(range(CHUNKS * CHUNK, CHUNKS * CHUNK + 600), oracle)

    answered = {Verdict.IN_SYNC, Verdict.CHANGED, Verdict.MISSING, Verdict.EXTRA, Verdict.ORPHANED, Verdict.IGNORED}
    failed = {ProblemKind.JQ, ProblemKind.MERGE}
    expected = {*map(str, answered), *(f"{Verdict.COULD_NOT_CHECK}: {kind}" for kind in failed)}
    assert expected <= set(tally.outcomes)
    # A run in which nearly everything is changed would prove little.
    assert tally.outcomes[Verdict.IN_SYNC] > 100


def test_retired_api_versions_are_filled_in_alike(oracle: Oracle) -> None:
    """Of every version that Argo CD's code still has types of both say the same, but for certificate requests."""
    outcomes = {number: judged(drawn_old_pair(number), oracle) for number in range(OLD_PAIRS)}

    assert {number: each.disagreement for number, each in outcomes.items() if each.disagreement} == {}
    unknown = {number for number, each in outcomes.items() if each.name == UNKNOWN_DEFAULTS}
    kinds = {(drawn_old_pair(number).desired or {})["kind"] for number in unknown}
    assert kinds == {"CertificateSigningRequest"}
    assert {version for versions in old_versions().values() for version in versions} >= {
        "apps/v1beta1",
        "extensions/v1beta1",
        "admissionregistration.k8s.io/v1beta1",
        "rbac.authorization.k8s.io/v1alpha1",
    }


def test_a_number_always_gives_the_same_pair(oracle: Oracle) -> None:
    """What one run found can be looked at again by its number."""
    assert [pair_of(number, oracle) for number in range(20)] == [pair_of(number, oracle) for number in range(20)]


def test_pairs_are_of_all_kinds_and_rules() -> None:
    """Every listed kind is drawn, and so are custom resources, each kind of rule and every part of an annotation."""
    schema = kubernetes_schema()
    pairs = [drawn_pair(number, schema, lambda state: state) for number in range(1500)]

    kinds = {f"{each['apiVersion']}/{each['kind']}" for pair in pairs if (each := _object(pair))}
    assert set(WEIGHTS) <= kinds
    assert {"argoproj.io/v1alpha1/Rollout", "acme.test/v1/Widget"} <= kinds
    rules = list(itertools.chain.from_iterable(pair.setup.ignore_differences for pair in pairs))
    fields = set(itertools.chain.from_iterable(rules))
    assert fields >= {"jsonPointers", "jqPathExpressions", "managedFieldsManagers", "name", "namespace"}
    metadata = [pair.live["metadata"] for pair in pairs if pair.live and isinstance(pair.live.get("metadata"), dict)]
    assert sum("managedFields" in each for each in metadata) > 500
    last_applied = "kubectl.kubernetes.io/last-applied-configuration"
    assert sum(last_applied in (each.get("annotations") or {}) for each in metadata) > 400


def _object(pair: Pair) -> dict[str, object] | None:
    found = pair.desired or pair.live
    return found if found is not None and {"apiVersion", "kind"} <= set(found) else None
