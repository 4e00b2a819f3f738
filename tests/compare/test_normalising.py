from __future__ import annotations

from typing import Any

import pytest

from driftgate.compare import IgnoreRule, KnownType, ProblemKind, Rules, compare
from driftgate.compare.go_types import kind_type, named_type
from driftgate.compare.ignore import IgnoreRules, annotated_rule
from driftgate.compare.remarshal import remarshalled
from driftgate.compare.values import as_decoded, as_floats, equal, without

from .objects import RULES, Json, built_in, custom, deployment, fields_of, verdict


def again(spec: Any, kind: str = "apps/v1/Deployment") -> Any:
    """The spec of an object after the typed re-marshal."""
    version, _, name = kind.rpartition("/")
    found = kind_type(version, name)
    assert found is not None
    return remarshalled(built_in(version, name, spec=spec), found)["spec"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"replicas": 0, "paused": False, "minReadySeconds": 0}, {"replicas": 0}),
        ({"replicas": None, "selector": None}, {"selector": None}),
        ({"strategy": {}, "template": {"metadata": {"labels": {}}}}, {"strategy": {}, "template": {"metadata": {}}}),
        (
            {"template": {"spec": {"containers": [{"name": "", "args": [], "resources": None}]}}},
            {"template": {"spec": {"containers": [{"name": "", "resources": {}}]}}},
        ),
        (
            {"template": {"spec": {"containers": [{"resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}]}}},
            {"template": {"spec": {"containers": [{"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}]}}},
        ),
        ({"template": {"metadata": {"labels": {"a": None}}}}, {"template": {"metadata": {"labels": {"a": ""}}}}),
        ({"Replicas": 3}, {}),
        ({"replicas": 3.0}, {"replicas": 3}),
    ],
)
def test_remarshal(spec: Json, expected: Json) -> None:
    """Empty values of fields that may be empty go, quantities become canonical, pointers keep their zeros."""
    assert again(spec) == expected


@pytest.mark.parametrize(
    "broken",
    [
        {"unknown": 1},
        {"replicas": "2"},
        {"replicas": 2.5},
        {"replicas": 2**31},
        {"replicas": True},
        {"paused": "true"},
        {"template": []},
        {"template": {"spec": {"containers": {}}}},
        {"template": {"metadata": {"labels": {"a": 1}}}},
        {"template": {"metadata": {"deletionTimestamp": "yesterday"}}},
        {"template": {"spec": {"containers": [{"resources": {"limits": {"cpu": "lots"}}}]}}},
    ],
)
def test_what_does_not_fit_its_type_stays_as_it_is(broken: Json) -> None:
    """One unknown field or unfit value switches the re-marshal off for the whole object."""
    spec = {"paused": False, **broken}
    assert again(spec) is spec


def test_times_and_bytes_are_written_in_one_way() -> None:
    """Times are in UTC without fractions, micro times with six digits, and bytes are padded base64."""
    lease = again(
        {"renewTime": "2026-03-01T10:00:00.000001+09:00", "leaseTransitions": 0}, "coordination.k8s.io/v1/Lease"
    )
    assert lease == {"renewTime": "2026-03-01T01:00:00.000001Z", "leaseTransitions": 0}
    kind = kind_type("v1", "Secret")
    assert kind is not None
    secret = built_in("v1", "Secret", data={"a": "YQ=\n="})
    secret["metadata"]["deletionTimestamp"] = "2026-03-01T10:00:00.5+09:00"
    written = remarshalled(secret, kind)
    assert (written["data"], written["metadata"]["deletionTimestamp"]) == ({"a": "YQ=="}, "2026-03-01T01:00:00Z")


def test_quantities_are_compared_as_amounts_unless_a_field_is_unknown() -> None:
    """One typo makes every quantity of the object a difference, as in Argo CD."""
    desired, live = deployment(), deployment()
    desired["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] = {"cpu": "1000m", "memory": "1024Mi"}
    assert verdict(desired, live) == "in sync"

    desired["spec"]["template"]["spec"]["containers"][0]["comand"] = ["x"]
    assert fields_of(compare(desired, live, RULES)) == [
        "spec.template.spec.containers[name=app].comand",
        "spec.template.spec.containers[name=app].resources.limits.cpu",
        "spec.template.spec.containers[name=app].resources.limits.memory",
    ]


@pytest.mark.parametrize(
    ("desired", "live", "expected"),
    [
        ({"stringData": {"a": "x"}}, {"data": {"a": "eA=="}}, "in sync"),
        ({"stringData": {"a": "x"}, "data": {"a": "eQ=="}}, {"data": {"a": "eA=="}}, "in sync"),
        ({"data": {"a": None}}, {"data": {"a": ""}}, "in sync"),
        ({"data": {"a": "eA=="}}, {"data": {"a": "eQ=="}}, "changed"),
        ({"data": {"a": "no base64"}}, {"data": {"a": "eA=="}}, "changed"),
        ({"data": {"a": "eA=="}}, {"data": {"a": "eA=="}, "type": "Opaque"}, "in sync"),
    ],
)
def test_secrets(desired: Json, live: Json, expected: str) -> None:
    """`stringData` is compared as the `data` it becomes, and nulls as empty."""
    assert verdict(built_in("v1", "Secret", **desired), built_in("v1", "Secret", **live)) == expected


def test_roles() -> None:
    """An empty list of rules is none, and an aggregated role's rules are left alone where so configured."""
    role, kind = "rbac.authorization.k8s.io/v1", "ClusterRole"
    assert verdict(built_in(role, kind, rules=[]), built_in(role, kind)) == "in sync"
    assert verdict(built_in(role, kind, rules=[]), built_in(role, kind, rules=[{"verbs": ["get"]}])) == "changed"
    desired = built_in(role, kind, rules=[], aggregationRule={"clusterRoleSelectors": []})
    live = built_in(role, kind, rules=[{"verbs": ["get"]}], aggregationRule={"clusterRoleSelectors": []})
    assert verdict(desired, live) == "changed"
    assert verdict(desired, live, Rules(ignore_aggregated_roles=True)) == "in sync"


def test_endpoints_are_compared_without_their_order() -> None:
    """Subsets, addresses and ports count, their order and an omitted TCP do not."""
    first: Json = {"addresses": [{"ip": "10.0.0.2"}, {"ip": "10.0.0.1"}], "ports": [{"port": 80}, {"port": 81}]}
    second = {"addresses": [{"ip": "10.0.0.3"}], "ports": [{"port": 80, "protocol": "TCP"}]}
    turned = {"addresses": first["addresses"][::-1], "ports": [{"port": 81, "protocol": "TCP"}, {"port": 80}]}

    desired = built_in("v1", "Endpoints", subsets=[first, second])
    assert verdict(desired, built_in("v1", "Endpoints", subsets=[second, turned])) == "in sync"
    assert verdict(desired, built_in("v1", "Endpoints", subsets=[second])) == "changed"


def test_creation_timestamps_do_not_count() -> None:
    """A null that an export has left behind is no difference."""
    desired = custom({})
    desired["metadata"]["creationTimestamp"] = None
    live = custom({})
    live["metadata"]["creationTimestamp"] = "2026-03-01T10:00:00Z"
    assert verdict(desired, live) == "in sync"


def test_known_types() -> None:
    """Fields of custom resources are read as the types configured for them, and a Rollout's pod spec always."""
    desired = custom({"limits": {"cpu": "1000m"}, "wait": "90s", "parts": [{"size": "1024Mi"}]})
    live = custom({"limits": {"cpu": "1"}, "wait": "1m30s", "parts": [{"size": "1Gi"}]})
    assert fields_of(compare(desired, live, RULES)) == ["spec.limits.cpu", "spec.parts[0].size", "spec.wait"]
    known = (
        KnownType("acme.test", "Widget", "spec.limits", "core/v1/ResourceList"),
        KnownType("acme.test", "Widget", "spec.wait", "meta/v1/Duration"),
        KnownType("acme.test", "Widget", "spec.parts.size", "core/Quantity"),
        KnownType("acme.test", "Widget", "spec", "acme/v1/Unknown"),
    )
    assert verdict(desired, live, Rules(known_types=known)) == "in sync"

    def rollout(cpu: str) -> Json:
        container = {"name": "a", "resources": {"limits": {"cpu": cpu}}}
        return built_in("argoproj.io/v1alpha1", "Rollout", spec={"template": {"spec": {"containers": [container]}}})

    assert verdict(rollout("1000m"), rollout("1")) == "in sync"


# --- ignore rules


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (IgnoreRule("apps", "Deployment", json_pointers=("/spec/replicas",)), "ignored"),
        (IgnoreRule("apps", "Deployment", json_pointers=("spec/replicas",)), "changed"),
        (IgnoreRule("apps", "Deployment", jq_path_expressions=(".spec.replicas",)), "ignored"),
        (IgnoreRule("", "Deployment", json_pointers=("/spec/replicas",)), "changed"),
        (IgnoreRule("apps", "deployment", json_pointers=("/spec/replicas",)), "changed"),
        (IgnoreRule("{apps,batch}", "*", json_pointers=("/spec/replicas",)), "ignored"),
        (IgnoreRule("apps", "*", name="web", json_pointers=("/spec/replicas",)), "ignored"),
        (IgnoreRule("apps", "*", name="we*", json_pointers=("/spec/replicas",)), "changed"),
        (IgnoreRule("apps", "*", namespace="prod", json_pointers=("/spec/replicas",)), "ignored"),
        (IgnoreRule("apps", "*", namespace="other", json_pointers=("/spec/replicas",)), "changed"),
        (IgnoreRule("apps", "*", managed_fields_managers=("autoscaler",)), "changed"),
    ],
)
def test_which_rules_are_about_an_object(rule: IgnoreRule, expected: str) -> None:
    """Group and kind are globs, name and namespace exact, and a pointer without its slash points elsewhere."""
    assert verdict(deployment(), deployment(replicas=5), Rules(ignore=(rule,))) == expected


def test_status_is_ignored_unless_switched_off() -> None:
    """A status in Git counts only where the system rule about it is gone."""
    desired, live = custom({}) | {"status": {"phase": "a"}}, custom({}) | {"status": {"phase": "b"}}
    assert verdict(desired, live) == "ignored"
    assert verdict(desired, live, Rules(system=())) == "changed"


def test_a_rule_about_an_element_shifts_the_rest() -> None:
    """Pointers and expressions are applied one after the other, each to target and live object alike."""
    rule = IgnoreRule(
        "apps", "Deployment", jq_path_expressions=('.spec.template.spec.containers[] | select(.name == "proxy")',)
    )
    live = deployment()
    live["spec"]["template"]["spec"]["containers"][1]["image"] = "registry.example/proxy:2"
    assert verdict(deployment(), live, Rules(ignore=(rule,))) == "ignored"


def test_an_annotation_of_the_target_is_a_rule_for_itself() -> None:
    """`argocd.argoproj.io/ignore-differences` adds pointers for its own object; what is no list of texts adds none."""
    desired, live = deployment(), deployment(replicas=5)
    key = "argocd.argoproj.io/ignore-differences"
    for text, expected in (("jsonPointers: [/spec/replicas]", "ignored"), ("jsonPointers: /spec/replicas", "changed")):
        desired["metadata"]["annotations"] = live["metadata"]["annotations"] = {key: text}
        assert verdict(desired, live) == expected
    desired["metadata"]["annotations"] = {key: "jsonPointers: [1, true, null, /a]"}
    assert [rule.json_pointers for rule in annotated_rule(desired)] == [("1", "true", "", "/a")]
    desired["metadata"]["annotations"] = {key: "jsonPointers: [[a]]"}
    assert annotated_rule(desired) == ()


def test_managers_of_system_rules_have_no_globs() -> None:
    """A system rule about field managers is found by its exact group and kind, and for no kind of the core group."""
    exact = IgnoreRule("apps", "Deployment", managed_fields_managers=("a",), origin=RULES.system[0].origin)
    glob = IgnoreRule("a*", "*", managed_fields_managers=("b",), origin=RULES.system[0].origin)
    core = IgnoreRule("", "ConfigMap", managed_fields_managers=("c",), origin=RULES.system[0].origin)
    every = IgnoreRule("*", "*", managed_fields_managers=("d",), origin=RULES.system[0].origin)
    rules = IgnoreRules((), (exact, glob, core, every))

    assert rules.managers(deployment()) == {"a": exact, "d": every}
    assert rules.managers(built_in("v1", "ConfigMap")) == {"d": every}


# --- field managers


def managed(live: Json, *fields: Json) -> Json:
    entries = [{"manager": "trusted", "fieldsV1": each} for each in fields]
    return {**live, "metadata": {**live["metadata"], "managedFields": entries}}


TRUSTED = Rules(ignore=(IgnoreRule("*", "*", managed_fields_managers=("trusted",)),))


@pytest.mark.parametrize(
    ("owned", "expected"),
    [
        ({"f:spec": {"f:replicas": {}}}, "ignored"),
        ({"f:spec": {"f:paused": {}}}, "changed"),
        ({"f:spec": {}}, "changed"),
        ({}, "changed"),
    ],
)
def test_only_owned_fields_are_left_out(owned: Json, expected: str) -> None:
    """Of what differs, exactly what the trusted manager owns is left out."""
    assert verdict(deployment(), managed(deployment(replicas=5), owned), TRUSTED) == expected


def test_elements_are_owned_by_their_keys() -> None:
    """An element of a list is found by all its keys, those that are only a default included."""
    desired, live = deployment(), deployment()
    live["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "web"
    del desired["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"]
    ports: Json = {'k:{"containerPort":8080,"protocol":"TCP"}': {"f:name": {}}}
    pod = {"f:containers": {'k:{"name":"app"}': {"f:ports": ports}}}

    assert verdict(desired, managed(live, {"f:spec": {"f:template": {"f:spec": pod}}}), TRUSTED) == "ignored"


def test_a_selector_is_one_value() -> None:
    """A map that is one value is owned whole or not at all."""
    live = deployment(selector={"matchLabels": {"app": "other"}})
    assert verdict(deployment(), managed(live, {"f:spec": {"f:selector": {"f:matchLabels": {}}}}), TRUSTED) == "changed"
    assert verdict(deployment(), managed(live, {"f:spec": {"f:selector": {}}}), TRUSTED) == "ignored"


def test_lists_of_custom_resources_may_have_keys_that_nobody_told() -> None:
    """Without its schema a list of a custom resource is one value, unless managers own its elements."""
    desired, live = custom({"l": [{"name": "a", "v": 1}]}), custom({"l": [{"name": "a", "v": 2}]})
    assert verdict(desired, managed(live, {"f:spec": {"f:l": {}}}), TRUSTED) == "ignored"

    found = compare(desired, managed(live, {"f:spec": {"f:l": {'k:{"name":"a"}': {"f:v": {}}}}}), TRUSTED)
    assert found.problem is not None
    assert found.problem.kind is ProblemKind.SERVER_SIDE


def test_a_review_merges_as_only_the_server_knows() -> None:
    """A built-in kind without merge types, which nobody deploys, is not guessed."""
    review = built_in("authorization.k8s.io/v1", "LocalSubjectAccessReview")
    found = compare(review, managed(review, {"f:metadata": {}}), TRUSTED)
    assert found.problem is not None
    assert found.problem.kind is ProblemKind.SERVER_SIDE


def test_an_object_that_does_not_fit_its_type_is_left_alone() -> None:
    """Field managers count only for objects that the server could hold."""
    desired = deployment(unknown=1)
    assert verdict(desired, managed(deployment(replicas=5), {"f:spec": {"f:replicas": {}}}), TRUSTED) == "changed"


@pytest.mark.parametrize("owned", [{"spec": {}}, {"f:spec": []}, {"k:{": {}}])
def test_managed_fields_that_cannot_be_read(owned: Json) -> None:
    """Broken managed fields fail in Argo CD, too."""
    found = compare(deployment(), managed(deployment(), owned), TRUSTED)
    assert found.problem is not None
    assert (found.problem.kind, found.problem.in_argocd) == (ProblemKind.MANAGED_FIELDS, True)


# --- tables and values


def test_the_tables_know_what_kubernetes_publishes() -> None:
    """Merge keys and strategies are those of the Go structs; kinds that Argo CD does not decode are not there."""
    container = named_type("core.v1.Container").fields
    assert (container["env"].strategy, container["env"].merge_key) == ("merge", "name")
    assert (container["command"].strategy, container["command"].merge_key) == ("", "")
    assert named_type("core.v1.PodSpec").fields["volumes"].retain_keys
    assert named_type("policy.v1.PodDisruptionBudgetSpec").fields["selector"].strategy == "replace"
    assert kind_type("apiextensions.k8s.io/v1", "CustomResourceDefinition") is None
    assert kind_type("argoproj.io/v1alpha1", "Application") is None


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [(1, 1.0, True), (True, 1, False), ([True], [1], False), ({"a": 0}, {"a": False}, False), ("1", 1, False)],
)
def test_values_are_equal_as_go_has_it(first: Any, second: Any, same: bool) -> None:
    """Numbers are equal whatever their form; a boolean is no number, at any depth."""
    assert equal(first, second) is same
    assert equal(second, first) is same


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        ((("a", 0), ("a", 2)), {"a": [2], "b": {"c": 1}}),
        ((("a", -1), ("b",)), {"a": [1, 2]}),
        ((("b", "c"), ("b",)), {"a": [1, 2, 3]}),
        ((("b",), ("b", "c")), {"a": [1, 2, 3]}),
        ((("x", "y"), ("a", "z")), {"a": [1, 2, 3], "b": {"c": 1}}),
        ((), {"a": [1, 2, 3], "b": {"c": 1}}),
    ],
)
def test_paths_are_taken_out_at_once(paths: tuple[tuple[str | int, ...], ...], left: Json) -> None:
    """All paths mean the document as it was, and nothing else is touched."""
    if ("a", "z") in paths:
        paths = tuple(path for path in paths if path != ("a", "z"))
    assert without({"a": [1, 2, 3], "b": {"c": 1}}, paths) == left


def test_numbers_lose_the_digits_that_go_loses() -> None:
    """Beyond 64 bits a number is a float, beyond 53 it is one where every number is read as such."""
    assert as_decoded([2**63, 2**63 - 1, 1.0, 1.5, True]) == [9223372036854776000, 2**63 - 1, 1, 1.5, True]
    assert as_floats({"a": [2**53 + 1, 2**53]}) == {"a": [2**53, 2**53]}
