"""The merges, on the examples that the rules are explained by; drawn pairs are held to Argo CD's own code elsewhere."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from driftgate.compare import ProblemKind, Verdict, compare, predict
from driftgate.compare.problems import CompareError

from .objects import RULES, Json, built_in, custom, deployment, verdict

IN_SYNC, CHANGED = "in sync", "changed"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def pod(**spec: Any) -> Json:
    return built_in("v1", "Pod", spec={"containers": [{"name": "app", "image": "a:1"}], **spec})


def applied(live: Json, original: Json) -> Json:
    """The live object with what was applied once."""
    live = copy.deepcopy(live)
    live["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(original)
    return live


@pytest.mark.parametrize(
    ("desired", "live", "expected"),
    [
        # Map keys that only the live object has are somebody else's.
        ({"a": 1}, {"a": 1, "b": 2}, IN_SYNC),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "mode": "auto"}, IN_SYNC),
        # Lists are matched by index, and a longer one is another one.
        ({"rules": [{"host": "a"}]}, {"rules": [{"host": "a", "port": 80}]}, IN_SYNC),
        ({"rules": [{"host": "a"}]}, {"rules": [{"host": "a"}, {"host": "b"}]}, CHANGED),
        ({"rules": [{"host": "a"}]}, {"rules": []}, CHANGED),
        ({"l": [1, 2]}, {"l": [2, 1]}, CHANGED),
        # Nulls in the desired object say nothing; an empty map does.
        ({"a": None}, {"a": 1}, IN_SYNC),
        ({"a": {}}, {}, CHANGED),
        ({"a": {}}, {"a": {"b": 1}}, IN_SYNC),
        ({"a": [{"b": None}]}, {"a": [{}]}, IN_SYNC),
        # Nothing is made canonical, and true is no 1.
        ({"cpu": "1000m"}, {"cpu": "1"}, CHANGED),
        ({"a": 1.0}, {"a": 1}, IN_SYNC),
        ({"a": True}, {"a": 1}, CHANGED),
        ({"a": [True]}, {"a": [1]}, CHANGED),
    ],
)
def test_json_merge(desired: Json, live: Json, expected: str) -> None:
    """Custom resources are merged as JSON."""
    assert verdict(custom(desired), custom(live)) == expected


@pytest.mark.parametrize(
    ("desired", "live", "original", "expected"),
    [
        ({}, {"a": 1}, {"a": 1}, CHANGED),
        ({}, {"a": 1}, {}, IN_SYNC),
        ({"a": None}, {"a": 1}, {"a": 1}, CHANGED),
        ({"b": {}}, {"b": {"c": 1}}, {"b": {"c": 1}}, CHANGED),
        # What was never applied is not cut to the desired shape, so defaults in a new list count.
        ({"l": [{"a": 1}]}, {"l": [{"a": 1, "b": 2}]}, {}, CHANGED),
        ({"l": [{"a": 1}]}, {"l": [{"a": 1, "b": 2}]}, {"l": [{"a": 1}]}, IN_SYNC),
    ],
)
def test_json_merge_of_three(desired: Json, live: Json, original: Json, expected: str) -> None:
    """What was applied once and is not desired any more is drift as long as it is there."""
    assert verdict(custom(desired), applied(custom(live), custom(original))) == expected


@pytest.mark.parametrize(
    ("desired", "live", "expected"),
    [
        # A merged list: more elements are ignored, order and missing ones are not.
        (pod(), pod(containers=[{"name": "app", "image": "a:1"}, {"name": "side"}]), IN_SYNC),
        (pod(), pod(containers=[{"name": "side"}, {"name": "app", "image": "a:1"}]), IN_SYNC),
        (pod(), pod(containers=[{"name": "side"}]), CHANGED),
        (pod(hostAliases=[{"ip": "1"}, {"ip": "2"}]), pod(hostAliases=[{"ip": "2"}, {"ip": "1"}]), CHANGED),
        # Any other list is one value.
        (pod(tolerations=[{"key": "a"}]), pod(tolerations=[{"key": "a"}, {"key": "b"}]), CHANGED),
        # Volumes keep no keys of others.
        (
            pod(volumes=[{"name": "v", "emptyDir": {}}]),
            pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]),
            CHANGED,
        ),
        # Defaults are filled into what the merge has taken away.
        (pod(volumes=[{"name": "v"}]), pod(volumes=[{"name": "v", "emptyDir": {}}]), IN_SYNC),
        (
            pod(volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]),
            pod(
                volumes=[
                    {
                        "name": "v",
                        "projected": {
                            "defaultMode": 420,
                            "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                        },
                    }
                ]
            ),
            IN_SYNC,
        ),
    ],
)
def test_strategic_merge_of_lists(desired: Json, live: Json, expected: str) -> None:
    """Lists merge by their key, in the order that is desired, and replace each other where they have none."""
    assert verdict(desired, live) == expected


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, IN_SYNC),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": "25%"}}, CHANGED),
    ],
)
def test_a_strategy_keeps_only_its_own_keys(strategy: Json, expected: str) -> None:
    """A Deployment's strategy loses what is not desired, and gets the default instead."""
    assert verdict(deployment(strategy={"type": "RollingUpdate"}), deployment(strategy=strategy)) == expected


@pytest.mark.parametrize(
    ("spec", "live", "original", "expected"),
    [
        # The table of the documentation: replicas that are not desired, with and without having been applied.
        ({}, {"replicas": 5}, None, IN_SYNC),
        ({}, {"replicas": 5}, {"replicas": 2}, CHANGED),
        ({}, {"replicas": 1}, {"replicas": 1}, IN_SYNC),
        ({}, {"paused": True}, {"paused": True}, CHANGED),
        ({"paused": False}, {"paused": True}, None, IN_SYNC),
        ({"paused": False}, {"paused": True}, {"paused": False}, CHANGED),
    ],
)
def test_what_was_applied_once(spec: Json, live: Json, original: Json | None, expected: str) -> None:
    """A field that is no longer desired is drift only where it was applied, and is not the default."""
    desired, there = built_in("apps/v1", "Deployment", spec=spec), built_in("apps/v1", "Deployment", spec=live)
    if original is not None:
        there = applied(there, built_in("apps/v1", "Deployment", spec=original))
    assert verdict(desired, there) == expected


def test_an_environment_variable_that_was_removed() -> None:
    """An element of a merged list that was applied and is desired no more is drift."""
    live = deployment()
    desired = deployment()
    del desired["spec"]["template"]["spec"]["containers"][0]["env"][0]

    assert verdict(desired, live) == IN_SYNC
    assert verdict(desired, applied(live, deployment())) == CHANGED


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "null"])
def test_a_last_applied_object_that_cannot_be_read_is_none(text: str) -> None:
    """Without a readable last-applied object the target stands in for it."""
    live = deployment(paused=True)
    live["metadata"]["annotations"] = {LAST_APPLIED: text}

    assert verdict(deployment(), live) == IN_SYNC


def test_a_last_applied_object_that_cannot_be_merged_is_none() -> None:
    """Where the merge of three fails, that of two decides."""
    original = deployment()
    del original["spec"]["template"]["spec"]["containers"][0]["name"]

    assert verdict(deployment(), applied(deployment(), original)) == IN_SYNC


def test_the_namespace_and_empty_annotations_do_not_count() -> None:
    """A live object has a namespace, and may lack what the desired one has nothing in."""
    desired, live = deployment(), deployment()
    del desired["metadata"]["namespace"]
    desired["metadata"]["annotations"] = {}

    assert verdict(desired, live) == IN_SYNC


def test_claim_templates_are_cut_to_what_is_desired() -> None:
    """What the API server fills into the claim templates of a StatefulSet is no drift, another size is."""
    wanted: Json = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    there: Json = copy.deepcopy(wanted) | {"status": {"phase": "Pending"}, "kind": "PersistentVolumeClaim"}
    there["spec"] |= {"volumeMode": "Filesystem"}
    desired = built_in("apps/v1", "StatefulSet", spec={"volumeClaimTemplates": [wanted]})
    live = built_in("apps/v1", "StatefulSet", spec={"volumeClaimTemplates": [there]})

    assert verdict(desired, live) == IN_SYNC
    there["spec"]["resources"]["requests"]["storage"] = "2Gi"
    assert verdict(desired, live) == CHANGED


@pytest.mark.parametrize(
    ("containers", "kind"),
    [
        ([{"image": "a"}], ProblemKind.MERGE),
        ([{"name": "a"}, "b"], ProblemKind.MERGE),
        ([["a"]], ProblemKind.MERGE),
        ([None, {"name": "a"}], ProblemKind.OBJECT),
    ],
)
def test_lists_that_cannot_be_merged(containers: list[Any], kind: ProblemKind) -> None:
    """Elements without their key, of several kinds or in lists of their own fail in Argo CD as well."""
    live = built_in("v1", "Pod", spec={})
    desired = pod(containers=containers, nobodyKnows=True)

    with pytest.raises(CompareError) as failure:
        predict(desired, live, RULES)
    assert failure.value.problem.kind is kind
    assert failure.value.problem.in_argocd


def test_an_unknown_map_that_differs_cannot_be_merged() -> None:
    """A field that the type does not have ends the merge where it is a map and differs, and only there."""
    desired, live = pod(unknown={"a": 1}), pod(unknown={"a": 1})

    assert verdict(desired, live) == IN_SYNC
    live["spec"]["unknown"]["a"] = 2
    assert compare(desired, live, RULES).verdict is Verdict.COULD_NOT_CHECK


def test_many_elements_with_one_key_are_not_guessed() -> None:
    """Go's sort leaves the order of equal keys in a long list to chance; there is no verdict then."""
    ports = [{"port": 80, "name": f"p{number}"} for number in range(13)]
    found = compare(
        built_in("v1", "Service", spec={"ports": ports}), built_in("v1", "Service", spec={"ports": ports[:-1]}), RULES
    )

    assert found.problem is not None
    assert found.problem.kind is ProblemKind.DUPLICATES


def test_a_prediction_is_what_a_sync_would_make_of_the_live_object() -> None:
    """What is desired is in it, with all that only the live object has."""
    live = deployment(replicas=5, progressDeadlineSeconds=60)
    prediction = predict(deployment(), live, RULES)

    assert prediction.predicted is not None
    assert prediction.predicted["spec"]["replicas"] == 2
    assert prediction.predicted["spec"]["progressDeadlineSeconds"] == 60
    assert prediction.modified
    assert "replicas" not in repr(prediction)
