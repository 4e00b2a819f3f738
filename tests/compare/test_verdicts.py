from __future__ import annotations

import json

import pytest

from driftgate.compare import (
    ABSENT,
    Comparison,
    Difference,
    IgnoreRule,
    Origin,
    Problem,
    ProblemKind,
    Rules,
    Tracking,
    TrackingMethod,
    Verdict,
    compare,
    predict,
)
from driftgate.compare.problems import CompareError
from driftgate.model.secret import SecretValue

from .objects import RULES, SHOP, Json, built_in, custom, deployment, fields_of

TRACKING = "argocd.argoproj.io/tracking-id"


def tracked(identity: str, **metadata: object) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "old", "namespace": "prod", "annotations": {TRACKING: identity}, **metadata},
    }


def test_a_difference_has_its_path_and_both_values() -> None:
    """Elements of lists are named by their merge key, values stand as they are compared."""
    live = deployment()
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/web:2"
    path = ("spec", "template", "spec", "containers", ("name", "app"), "image")

    assert compare(deployment(), live, RULES) == Comparison(
        Verdict.CHANGED, (Difference(path, "registry.example/web:1", "registry.example/web:2"),)
    )
    assert Difference(path, 1, 2).field == "spec.template.spec.containers[name=app].image"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (("metadata", "annotations", "acme.test/x"), 'metadata.annotations["acme.test/x"]'),
        (("spec", "rules", 0, "host"), "spec.rules[0].host"),
        (("spec", "ports", ("port", 80), "name"), "spec.ports[port=80].name"),
    ],
)
def test_a_path_is_written_so_that_it_reads(path: tuple[str | int | tuple[str, str | int], ...], written: str) -> None:
    """Keys with dots or slashes are quoted, indexes and merge keys stand in brackets."""
    assert Difference(path, 1, 2).field == written


def test_a_field_that_one_side_lacks_is_absent_there() -> None:
    """Absent is told from null, and an element that is missing is one difference."""
    desired, live = deployment(), deployment()
    del live["spec"]["template"]["spec"]["containers"][1]
    (difference,) = compare(desired, live, RULES).differences

    assert (difference.field, difference.live) == ("spec.template.spec.containers[name=proxy]", ABSENT)
    assert repr(ABSENT) == "<absent>"
    assert not ABSENT


def test_another_order_is_a_difference_of_the_list() -> None:
    """The same elements in another order are drift, and no single element is blamed for it."""
    live = deployment()
    live["spec"]["template"]["spec"]["containers"].reverse()

    assert fields_of(compare(deployment(), live, RULES)) == ["spec.template.spec.containers"]


def test_what_is_not_there_is_missing_or_extra() -> None:
    """Without live object the desired one is missing; without desired object the live one is extra, if it is ours."""
    assert compare(deployment(), None, RULES) == Comparison(Verdict.MISSING)
    assert compare(None, tracked("shop:/ConfigMap:prod/old"), RULES) == Comparison(Verdict.EXTRA)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (tracked("other:/ConfigMap:prod/old"), Comparison(Verdict.ORPHANED, reason="of Application other")),
        (tracked("nonsense"), Comparison(Verdict.ORPHANED, reason="of no Application")),
        (
            tracked("shop:/ConfigMap:prod/copied"),
            Comparison(Verdict.NOT_COMPARED, reason="its tracking id is that of another object"),
        ),
        (
            tracked("shop:/ConfigMap:prod/old", ownerReferences=[{"uid": "1"}]),
            Comparison(Verdict.NOT_COMPARED, reason="another object owns it"),
        ),
    ],
)
def test_an_extra_object_is_ours_only_by_its_own_tracking_id(live: Json, expected: Comparison) -> None:
    """Other Applications' objects, copies of a tracking id and what a controller owns are nobody's to prune."""
    assert compare(None, live, RULES) == expected


def test_a_release_owns_what_helm_marked() -> None:
    """Where helm delivered, its own label and annotations tell what belongs to the release."""
    rules = Rules(tracking=Tracking(TrackingMethod.HELM, "web", "prod"))
    live = built_in("v1", "ConfigMap")
    live["metadata"] |= {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "prod"},
    }

    assert compare(None, live, rules) == Comparison(Verdict.EXTRA)
    live["metadata"]["annotations"]["meta.helm.sh/release-namespace"] = "other"
    assert compare(None, live, rules) == Comparison(Verdict.ORPHANED, reason="of release other/web")
    live["metadata"]["labels"] = {}
    assert compare(None, live, rules) == Comparison(Verdict.ORPHANED, reason="of no release")


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ({"argocd.argoproj.io/hook": "PreSync"}, "it is a hook"),
        ({"helm.sh/hook": "test"}, "it is a hook"),
        ({"argocd.argoproj.io/hook": "Skip"}, "its hook annotation says Skip"),
    ],
)
def test_hooks_are_not_compared(annotations: Json, reason: str) -> None:
    """Hooks, ignored hooks and objects with Skip have no sync status."""
    desired = built_in("batch/v1", "Job")
    desired["metadata"]["annotations"] = annotations

    assert compare(desired, None, RULES) == Comparison(Verdict.NOT_COMPARED, reason=reason)
    assert compare(None, desired, RULES).verdict == (
        Verdict.NOT_COMPARED if reason == "it is a hook" else Verdict.ORPHANED
    )


def test_a_rule_that_looks_away_is_named() -> None:
    """A pair that differs only where a rule looks away is ignored, and each field says by which rule."""
    other = IgnoreRule("apps", "Deployment", json_pointers=("/metadata/annotations",), label="first")
    rule = IgnoreRule("apps", "*", json_pointers=("/spec/replicas",), origin=Origin.SYSTEM, label="second")
    rules = Rules(ignore=(other,), system=(rule,), tracking=SHOP)

    assert compare(deployment(), deployment(replicas=5), rules) == Comparison(
        Verdict.IGNORED, (Difference(("spec", "replicas"), 2, 5, ignored_by=rule),)
    )
    assert compare(deployment(), deployment(), rules) == Comparison(Verdict.IN_SYNC)


def test_a_field_manager_that_is_trusted_is_named() -> None:
    """What a trusted manager has changed is ignored, and the rule that trusts it is told."""
    rule = IgnoreRule("apps", "Deployment", managed_fields_managers=("autoscaler",))
    live = deployment(replicas=5)
    live["metadata"]["managedFields"] = [{"manager": "autoscaler", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]

    found = compare(deployment(), live, Rules(ignore=(rule,), tracking=SHOP))
    assert found == Comparison(Verdict.IGNORED, (Difference(("spec", "replicas"), 2, 5, ignored_by=rule),))


def test_a_bad_expression_fails_the_application() -> None:
    """A jq expression that does not compile leaves every object without a verdict, whatever it is about."""
    rules = Rules(ignore=(IgnoreRule("", "Secret", jq_path_expressions=(".data |",), label="ignoreDifferences[0]"),))
    for desired, live in ((deployment(), deployment()), (deployment(), None), (None, deployment())):
        problem = compare(desired, live, rules).problem

        assert problem is not None
        assert (problem.kind, problem.in_argocd) == (ProblemKind.JQ, True)
        assert problem.message.startswith("ignoreDifferences[0]: ")


def test_what_takes_jq_itself_is_said() -> None:
    """An expression that is not evaluated here is no pass: there is no verdict, and Argo CD would have one."""
    expression = "[.spec.replicas] | implode"
    rule = IgnoreRule("apps", "Deployment", jq_path_expressions=(f"getpath({expression} | [.])",), label="rule")
    found = compare(deployment(), deployment(replicas=5), Rules(ignore=(rule,)))

    assert found == Comparison(
        Verdict.COULD_NOT_CHECK,
        problem=Problem(ProblemKind.JQ_UNSUPPORTED, f"rule: getpath({expression} | [.])"),
    )
    assert found.problem is not None
    assert not found.problem.in_argocd


def test_only_the_api_server_can_tell_a_server_side_diff() -> None:
    """Where Argo CD asks the API server, nothing is claimed for a pair; missing objects are missing all the same."""
    rules = Rules(tracking=SHOP, server_side=True)
    problem = Problem(ProblemKind.SERVER_SIDE, "Argo CD asks the API server what a sync would change")

    assert compare(deployment(), deployment(), rules) == Comparison(Verdict.COULD_NOT_CHECK, problem=problem)
    assert compare(deployment(), None, rules) == Comparison(Verdict.MISSING)


def test_no_object_is_no_verdict() -> None:
    """Neither object, or one without a kind, is said to be unreadable."""
    for desired, live in ((None, None), ({"apiVersion": "v1"}, None), (None, {"kind": ""})):
        found = compare(desired, live, RULES)
        assert found.verdict is Verdict.COULD_NOT_CHECK
        assert found.problem is not None
        assert found.problem.kind is ProblemKind.OBJECT
    with pytest.raises(CompareError, match="metadata is no mapping"):
        predict({**custom({}), "metadata": "x"}, {**custom({}), "metadata": "x"}, RULES)


def test_a_secret_shows_no_value() -> None:
    """The values of a Secret compare, and no representation of a comparison or prediction holds one of them."""
    desired = built_in("v1", "Secret", stringData={"password": "hunter2", "user": "admin"})
    live = built_in("v1", "Secret", data={"password": "aHVudGVyMw==", "user": "YWRtaW4="}, type="Opaque")
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(desired)}
    live["metadata"]["annotations"] = applied
    found = compare(desired, live, RULES)
    (difference,) = found.differences

    assert difference.field == "data.password"
    assert isinstance(difference.desired, SecretValue)
    assert isinstance(difference.live, SecretValue)
    shown = repr((found, predict(desired, live, RULES)))
    assert [text for text in ("hunter2", "aHVudGVy", "YWRtaW4", "admin") if text in shown] == []


def test_masked_secrets_compare_like_open_ones() -> None:
    """A Secret whose values are out of sight already comes out as the same Secret in the open."""
    live = built_in("v1", "Secret", data={"password": "aHVudGVyMg=="}, type="Opaque")
    masked = built_in("v1", "Secret", stringData={"password": SecretValue("hunter2")})

    assert compare(masked, live, RULES) == Comparison(Verdict.IN_SYNC)
    masked["stringData"]["password"] = SecretValue("hunter3")
    assert fields_of(compare(masked, live, RULES)) == ["data.password"]


def test_sensitive_annotations_are_not_shown() -> None:
    """Annotations that the configuration calls sensitive differ without telling how."""
    desired, live = built_in("v1", "ConfigMap"), built_in("v1", "ConfigMap")
    desired["metadata"]["annotations"], live["metadata"]["annotations"] = {"token": "alpha"}, {"token": "omega"}
    found = compare(desired, live, Rules(sensitive_annotations=frozenset({"token"})))

    assert fields_of(found) == ["metadata.annotations.token"]
    assert [text for text in ("alpha", "omega") if text in repr(found)] == []
