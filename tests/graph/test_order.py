"""Who needs whom, and in which order Argo CD applies them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.graph import External, build_graphs
from driftgate.graph.order import Order, Strength, Turn, circles, late_needs, skips_dry_run
from driftgate.model.application import Application
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest
from driftgate.model.node import Node

IN_CLUSTER = "https://kubernetes.default.svc"
WAVE = "argocd.argoproj.io/sync-wave"
HOOK = "argocd.argoproj.io/hook"
Object = dict[str, Any]


@dataclass(frozen=True)
class App:
    """One Application of a small world, with what it renders besides its children."""

    name: str
    objects: tuple[Object, ...] = ()
    parents: tuple[str, ...] = ()
    wave: int | None = None
    namespace: str = "shop"
    server: str = IN_CLUSTER
    options: tuple[str, ...] = ()
    folder: str = "apps"

    def loaded(self) -> LoadedApplication:
        """The Application as the assembly would hand it on, without a file behind it."""
        node = Node.from_plain(
            {
                "metadata": {"name": self.name, "annotations": _wave(self.wave)},
                "spec": {
                    "destination": {"server": self.server, "namespace": self.namespace},
                    "syncPolicy": {"syncOptions": list(self.options)},
                },
            },
            f"{self.folder}/{self.name}.yaml",
        )
        manifests = tuple(
            Manifest(
                self.name,
                0,
                index,
                one,
                f"{self.name}.yaml",
                target_namespace=one["metadata"].get("namespace", self.namespace) if one["kind"] not in CLUSTER else "",
                namespaced=one["kind"] not in CLUSTER,
            )
            for index, one in enumerate(self.objects)
        )
        return LoadedApplication(self.name, Application.from_manifest(node), (), manifests, self.parents)


CLUSTER = ("Namespace", "CustomResourceDefinition", "ValidatingWebhookConfiguration")


def _wave(wave: int | None) -> dict[str, str]:
    return {} if wave is None else {WAVE: str(wave)}


def order_of(*apps: App, external: tuple[External, ...] = (), one_control_plane: bool = True) -> Order:
    """The order of a small world."""
    loaded = {app.name: app.loaded() for app in apps}
    return Order(loaded, build_graphs(loaded.values(), external), one_control_plane=one_control_plane)


def thing(kind: str, name: str, api: str = "v1", annotations: dict[str, str] | None = None, **more: Any) -> Object:
    """A rendered object."""
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "annotations": annotations or {}}, **more}


def workload(
    secret: str,
    kind: str = "Deployment",
    *,
    optional: bool = False,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Object:
    """A workload whose Pods need a Secret."""
    pods = {
        "spec": {"containers": [{"name": "main", "envFrom": [{"secretRef": {"name": secret, "optional": optional}}]}]}
    }
    body = {"jobTemplate": {"spec": {"template": pods}}} if kind == "CronJob" else {"template": pods}
    api = "apps/v1" if kind == "Deployment" else "batch/v1"
    return thing(kind, "web", api, annotations, spec={**body, **spec})


SECRET = thing("Secret", "db")
CRD = thing(
    "CustomResourceDefinition",
    "widgets.example.com",
    "apiextensions.k8s.io/v1",
    spec={"group": "example.com", "names": {"kind": "Widget", "plural": "widgets"}},
)
WIDGET = thing("Widget", "first", "example.com/v1")
INGRESS = thing(
    "Ingress",
    "web",
    "networking.k8s.io/v1",
    spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
)


def seen(order: Order) -> list[tuple[str, str, str, str]]:
    """(consumer, producer, what, how much) of every dependency."""
    return [(one.consumer, one.producer, one.needed, one.strength.value) for one in order.dependencies]


@pytest.mark.parametrize(
    ("needing", "bringing", "expected"),
    [
        (workload("db"), SECRET, [("web", "base", "Secret shop/db", "held")]),
        (workload("db", "Job"), SECRET, [("web", "base", "Secret shop/db", "held")]),
        (workload("db", optional=True), SECRET, []),
        (workload("db", replicas=0), SECRET, [("web", "base", "Secret shop/db", "soft")]),
        (workload("db", "CronJob"), SECRET, [("web", "base", "Secret shop/db", "soft")]),
        (workload("db", "Job", annotations={"helm.sh/hook": "test"}), SECRET, []),
        (workload("db", "Job", annotations={HOOK: "SyncFail"}), SECRET, []),
        (WIDGET, CRD, [("web", "base", "the CustomResourceDefinition of Widget", "refused")]),
        (INGRESS, thing("Service", "web"), [("web", "base", "Service shop/web", "soft")]),
        (thing("ConfigMap", "a"), thing("Namespace", "shop"), [("web", "base", "Namespace shop", "refused")]),
    ],
)
def test_a_need_weighs_what_happens_without_it(
    needing: Object, bringing: Object, expected: list[tuple[str, str, str, str]]
) -> None:
    """What the API server refuses, what keeps Pods from starting, and what comes up all the same are told apart."""
    order = order_of(App("web", (needing,)), App("base", (bringing,)))
    own = [found for found in seen(order) if found[0] == "web"]
    assert own == expected


@pytest.mark.parametrize(
    "order",
    [
        order_of(App("web", (workload("db"), SECRET)), App("base", (SECRET,))),
        order_of(App("web", (workload("db"),)), App("base", (SECRET,)), external=(External("Secret", "db"),)),
        order_of(App("web", (workload("db"),)), App("base", (SECRET,), namespace="other")),
        order_of(App("web", (workload("db"),)), App("base", (SECRET,), server="https://edge.example.com")),
        order_of(App("web", (workload("db"),), server=""), App("base", (SECRET,), server="")),
        order_of(
            App("web", (workload("db"),), folder="a"), App("base", (SECRET,), folder="b"), one_control_plane=False
        ),
        order_of(
            App("web", (thing("ConfigMap", "a"),), options=("CreateNamespace=true",)),
            App("base", (thing("Namespace", "shop"),)),
        ),
    ],
    ids=["own", "declared", "namespace", "cluster", "unknown-cluster", "another-control-plane", "creates-it-itself"],
)
def test_what_is_met_otherwise_depends_on_nobody(order: Order) -> None:
    """Own objects, declared ones, and what other namespaces, clusters and control planes hold make no dependency."""
    assert [found for found in seen(order) if found[0] == "web"] == []


def test_of_several_producers_the_best_placed_one_counts() -> None:
    """Where two bring the same, it is enough that one of them comes before."""
    order = order_of(
        App("root"),
        App("web", (workload("db"),), ("root",), 1),
        App("early", (SECRET,), ("root",), 0),
        App("late", (SECRET,), ("root",), 2),
    )
    assert seen(order) == [("web", "early", "Secret shop/db", "held")]


@pytest.mark.parametrize(
    ("consumer", "producer", "turn"), [(2, 1, Turn.AFTER), (1, 1, Turn.SAME), (None, 1, Turn.BEFORE)]
)
def test_waves_of_one_parent_are_an_order(consumer: int | None, producer: int, turn: Turn) -> None:
    """The wave of the one that needs something, seen from the one that brings it; none is wave 0."""
    order = order_of(
        App("root"), App("web", (workload("db"),), ("root",), consumer), App("base", (SECRET,), ("root",), producer)
    )
    (need,) = order.dependencies
    standing = order.standing(need)
    assert (standing.turn, standing.parent) == (turn, "root")
    assert (standing.consumer_wave, standing.producer_wave) == (consumer or 0, producer)


def test_applications_below_different_parents_stand_as_these_parents_do() -> None:
    """The waves count where the two ways part, however deep the Applications are."""
    order = order_of(
        App("root"),
        App("teams", (), ("root",), 1),
        App("platform", (), ("root",), 2),
        App("web", (workload("db"),), ("teams",), 9),
        App("base", (SECRET,), ("platform",), 0),
    )
    (need,) = order.dependencies
    standing = order.standing(need)
    assert (standing.turn, standing.parent, standing.consumer, standing.producer) == (
        Turn.BEFORE, "root", "teams", "platform",
    )  # fmt: skip


def test_nothing_orders_what_has_no_parent_in_common() -> None:
    """Two roots begin when they begin."""
    order = order_of(App("a"), App("b"), App("web", (workload("db"),), ("a",), 1), App("base", (SECRET,), ("b",), 0))
    (need,) = order.dependencies
    assert order.standing(need).turn is Turn.UNORDERED


@pytest.mark.parametrize(
    ("bringing", "turn"),
    [
        (SECRET, Turn.AFTER),
        (thing("Secret", "db", annotations={WAVE: "1"}), Turn.BEFORE),
        (thing("Secret", "db", annotations={HOOK: "PreSync", WAVE: "1"}), Turn.AFTER),
        (thing("ExternalSecret", "db", "external-secrets.io/v1"), Turn.SAME),
    ],
)
def test_what_a_parent_brings_itself_is_ordered_by_the_object(bringing: Object, turn: Turn) -> None:
    """A parent applies its own Secret before the children of the same wave; what a controller makes comes some time."""
    order = order_of(App("root", (bringing,)), App("web", (workload("db"),), ("root",)))
    (need,) = [one for one in order.dependencies if one.consumer == "web"]
    assert order.standing(need).turn is turn


def test_a_namespace_that_a_parents_sync_creates_is_there_before_its_children() -> None:
    """Argo CD makes the destination namespace before it applies anything, whatever wave the first object is in."""
    late = thing("ConfigMap", "late", annotations={WAVE: "9"})
    order = order_of(
        App("root", (late,), options=("CreateNamespace=true",)), App("web", (thing("ConfigMap", "a"),), ("root",))
    )
    (need,) = order.dependencies
    assert (need.needed, order.standing(need).turn) == ("Namespace shop", Turn.AFTER)


def test_children_of_a_ring_of_parents_are_listed_once() -> None:
    """Applications that render each other, or themselves, end in an order all the same."""
    order = order_of(App("a", (), ("b",)), App("b", (), ("a",)), App("c", (), ("c",)), App("d", (), ("b",)))
    assert order.in_order() == ("a", "b", "d", "c")


def test_a_circle_is_named_with_all_its_members() -> None:
    """Applications that need each other by way of others are one circle; what only uses them is not in it."""
    order = order_of(
        App("a", (workload("of-c"), thing("Secret", "of-a"))),
        App("b", (workload("of-a"), thing("Secret", "of-b"))),
        App("c", (workload("of-b"), thing("Secret", "of-c"))),
        App("d", (workload("of-c"), INGRESS)),
    )
    assert order.circles == (("a", "b", "c"),)


WEBHOOK_RULE = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["widgets"]}


@pytest.mark.parametrize(
    ("hook", "is_needed"),
    [
        ({}, True),
        ({"failurePolicy": "Ignore"}, False),
        ({"matchConditions": [{"name": "a", "expression": "true"}]}, False),
        ({"clientConfig": {"url": "https://policies.example.com"}}, False),
        ({"rules": [{**WEBHOOK_RULE, "operations": ["DELETE"]}]}, False),
        ({"rules": [{**WEBHOOK_RULE, "resources": ["widgets/status"]}]}, False),
        ({"rules": [{**WEBHOOK_RULE, "apiGroups": ["apps"]}]}, False),
        ({"rules": [{**WEBHOOK_RULE, "resources": ["*"]}]}, True),
        ({"rules": [{**WEBHOOK_RULE, "scope": "Cluster"}]}, False),
        ({"objectSelector": {"matchLabels": {"checked": "true"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}, False),
        ({"namespaceSelector": {"matchExpressions": [{"key": "exempt", "operator": "DoesNotExist"}]}}, False),
    ],
)
def test_a_webhook_is_needed_by_what_it_certainly_judges(hook: dict[str, Any], is_needed: bool) -> None:
    """Rules, selectors and failure policy decide; where labels are unknown or a program decides, nothing is said."""
    client = {"service": {"name": "policies", "namespace": "policies"}}
    entry = {"name": "a.example.com", "clientConfig": client, "rules": [WEBHOOK_RULE], **hook}
    api = "admissionregistration.k8s.io/v1"
    order = order_of(
        App("web", (WIDGET, CRD)),
        App(
            "policies",
            (thing("ValidatingWebhookConfiguration", "checks", api, webhooks=[entry]), thing("Service", "policies")),
            namespace="policies",
        ),
    )
    expected = [("web", "policies", "an answer of webhook checks for Widget first", "refused")]
    assert seen(order) == (expected if is_needed else [])


def _late(*objects: Object) -> list[tuple[str, str, bool]]:
    app = App("web", objects).loaded()
    (graph,) = build_graphs([app]).values()
    return [
        (late.use.manifest.kind, str(late.use.target), late.is_hook) for late in late_needs(graph, "web", graph.uses)
    ]


def test_pods_that_wait_for_a_later_turn_of_their_own_sync_are_found() -> None:
    """A hook before the ordinary objects, a wave before another, an ordinary object before a hook after it."""
    hook = workload("db", "Job", annotations={HOOK: "PreSync"})
    assert _late(hook, SECRET) == [("Job", "Secret shop/db", True)]
    assert _late(workload("db", annotations={WAVE: "-1"}), SECRET) == [("Deployment", "Secret shop/db", False)]
    assert _late(workload("db"), thing("Secret", "db", annotations={HOOK: "PostSync"})) == [
        ("Deployment", "Secret shop/db", False)
    ]


def test_pods_that_wait_for_nothing_later_are_left_alone() -> None:
    """The same turn, an earlier one, a second provider that is early enough, and what is never applied."""
    hook = workload("db", "Job", annotations={HOOK: "PreSync"})
    early = thing("Secret", "db", annotations={"helm.sh/hook": "pre-install", "helm.sh/hook-weight": "-5"})
    assert _late(hook, early) == []
    assert _late(hook, SECRET, early) == []
    assert _late(workload("db"), SECRET) == []
    assert _late(workload("db"), thing("Secret", "db", annotations={HOOK: "PostDelete"})) == []


@pytest.mark.parametrize(
    ("annotation", "options", "skips"),
    [
        ("SkipDryRunOnMissingResource=true", (), True),
        ("Prune=false, SkipDryRunOnMissingResource=true", (), True),
        ("", ("SkipDryRunOnMissingResource=true",), True),
        ("SkipDryRunOnMissingResource=false", (), False),
    ],
)
def test_a_missing_kind_is_passed_over_where_an_option_says_so(
    annotation: str, options: tuple[str, ...], skips: bool
) -> None:
    """The option counts on the object and on the Application."""
    loaded = App(
        "web", (thing("Widget", "a", annotations={"argocd.argoproj.io/sync-options": annotation}),), options=options
    )
    app = loaded.loaded()
    assert skips_dry_run(app, app.manifests[0]) is skips


NAMES = tuple("abcdefg")


@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES))))
def test_circles_are_what_reaches_each_other(edges: dict[str, set[str]]) -> None:
    """Two members are in one circle exactly when each is reached from the other."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        pending = list(edges.get(start, ()))
        while pending:
            label = pending.pop()
            if label not in found:
                found.add(label)
                pending += edges.get(label, ())
        return found

    mutual = {
        tuple(sorted(other for other in NAMES if other == one or (one in reached(other) and other in reached(one))))
        for one in NAMES
    }
    assert sorted(circles(edges)) == sorted(circle for circle in mutual if len(circle) > 1)


@st.composite
def worlds(draw: st.DrawFn) -> list[App]:
    """A forest of Applications with waves, each with a Secret of its own and needs of others'."""
    apps: list[App] = []
    for name in NAMES[: draw(st.integers(1, len(NAMES)))]:
        parent = draw(st.sampled_from([None, *(app.name for app in apps)]))
        needs = draw(st.sets(st.sampled_from(NAMES)))
        objects = (thing("Secret", name), *(workload(other) for other in sorted(needs)))
        apps.append(App(name, objects, (parent,) if parent else (), draw(st.none() | st.integers(-1, 1))))
    return apps


@given(worlds())
def test_the_order_keeps_parents_waves_and_needs(apps: list[App]) -> None:
    """Every Application once; parents first, then waves, then whoever is needed, unless two need each other."""
    order = order_of(*apps)
    listed = order.in_order()
    assert sorted(listed) == sorted(app.name for app in apps)
    place = {name: index for index, name in enumerate(listed)}
    by_name = {app.name: app for app in apps}
    for app in apps:
        for parent in app.parents:
            assert place[parent] < place[app.name]
    siblings = [(a, b) for a in apps for b in apps if a.parents == b.parents and a.parents]
    for first, second in siblings:
        if (first.wave or 0) < (second.wave or 0):
            assert place[first.name] < place[second.name]
    if not circles(order._before[True]):  # needs as siblings have them, for what is below them too
        for consumer, producers in order._before[True].items():
            for producer in producers:
                is_level = (by_name[consumer].wave or 0) == (by_name[producer].wave or 0) or not by_name[
                    consumer
                ].parents
                assert not is_level or place[producer] < place[consumer]


def test_strengths_are_listed_from_the_heaviest() -> None:
    """The most compelling need is told first."""
    assert list(Strength) == [Strength.REFUSED, Strength.HELD, Strength.SOFT]
    order = order_of(App("web", (workload("db"), WIDGET, INGRESS)), App("base", (SECRET, CRD, thing("Service", "web"))))
    assert [one.needed for one in order.pairs[("web", "base")]] == [
        "the CustomResourceDefinition of Widget", "Secret shop/db", "Service shop/web",
    ]  # fmt: skip
