"""References over all Applications: what cannot be told, what comes from elsewhere, and how uses are told together."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from driftgate.checks.references import sort_of
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.graph.uses import uses_of
from driftgate.judge import Scope, Subject, load_catalogue
from driftgate.model.environment import Environment
from driftgate.model.outcome import Finding, Judgement
from tests.graph.test_uses import KINDS, PODS, manifest_of
from tests.repositories import application, assembly_of, chart, config_map, judged, policy_of, write

# Checks of other topics may speak of these small trees too.
TOPICS = ("ports", "pods", "references", "selectors")
MINE = {check.id for check in load_catalogue().checks.values() if check.topic in TOPICS}
POLICY = "driftgate: 1\nenvironment: staging\nreferences:\n  complete: [%s]\n"
REMOTE = application("remote", "charts/remote", url="https://git.example.com/other/charts.git")
SET = """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: previews, namespace: argocd}
spec: {generators: [{list: {elements: []}}], template: {}}
"""


def pod(name: str, *secrets: str, account: str = "") -> str:
    """A Pod that takes its variables from Secrets."""
    sources = ", ".join(f"{{secretRef: {{name: {secret}}}}}" for secret in secrets)
    own = f"  serviceAccountName: {account}\n" if account else ""
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n{own}"
        f"  containers: [{{name: {name}, image: registry.example.com/{name}:1, envFrom: [{sources}]}}]\n"
    )


def judge(root: Path, web: str, files: dict[str, str] | None = None, complete: str = "") -> Judgement:
    """The judgement of an Application `web` with further files, under a policy if one is given."""
    tree = {"apps/web.yaml": application("web", "web"), "web/web.yaml": web, **(files or {})}
    if complete:
        tree["policies/staging.yaml"] = POLICY % complete
    return judged(write(root, tree))


def told(judgement: Judgement) -> list[tuple[str, str, str, str]]:
    """Check, outcome, object and what it follows from, of every finding of these topics."""
    return [(f.check, f.outcome.value, f.object, f.consequence_of) for f in _own(judgement)]


def _own(judgement: Judgement) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.check in MINE]


def test_what_an_unknown_application_may_hold_is_told_once_and_follows_from_it(tmp_path: Path) -> None:
    """Of three missing Secrets one finding says that they cannot be told, under the finding about the Application."""
    judgement = judge(tmp_path, pod("web", "a", "b", "c"), {"apps/remote.yaml": REMOTE}, "Secret")
    (finding,) = _own(judgement)
    assert (finding.key, finding.outcome.value) == ("secret-missing/web//incomplete", "could-not-check")
    assert finding.found == (
        "Secret plate-stg/a, Secret plate-stg/b, Secret plate-stg/c: remote is not known in full and may hold it"
    )
    heads = {one.key: one.check for one in judgement.findings if not one.consequence_of}
    assert heads[finding.consequence_of] == "source-remote"


def test_an_application_set_may_hold_anything(tmp_path: Path) -> None:
    """What an ApplicationSet makes is not known, so what is missing cannot be told, and follows from it."""
    judgement = judge(tmp_path, pod("web", account="web"), {"apps/set.yaml": SET})
    expected = "application-set-not-expanded///previews"
    assert told(judgement) == [("service-account-missing", "could-not-check", "", expected)]


def test_what_the_inventory_has_and_the_tree_lacks_may_hold_it(tmp_path: Path) -> None:
    """A deleted Application is one finding; what others miss of it follows, also where only its file is broken."""
    inventory = {"policies/staging.yaml": POLICY % "Secret" + "inventory: [web, db]\n"}
    gone = judge(tmp_path / "gone", pod("web", "a"), inventory)
    assert told(gone) == [("secret-missing", "could-not-check", "", "application-missing///db")]
    broken_file = application("db", "db").replace("spec:", "spec: [")
    broken = judge(tmp_path / "broken", pod("web", "a"), inventory | {"apps/db.yaml": broken_file})
    assert told(broken) == [("secret-missing", "could-not-check", "", "manifest-not-yaml///apps~1db.yaml")]


def test_a_lost_document_may_have_held_it(tmp_path: Path) -> None:
    """Where a document of a render is not YAML, what is missing may have been in it."""
    broken = {"apps/db.yaml": application("db", "db"), "policies/staging.yaml": POLICY % "Secret"}
    broken |= chart("db", {"a.yaml": config_map("a"), "b.yaml": "kind: Secret\n  name: : a\n"})
    judgement = judge(tmp_path, pod("web", "a"), broken)
    assert told(judgement) == [("secret-missing", "could-not-check", "", "output-not-yaml/db//db~1templates~1b.yaml")]


def test_selectors_cannot_be_told_either(tmp_path: Path) -> None:
    """A Service whose Pods may be in what was not rendered is not said to select nothing."""
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
    )
    alone, with_remote = tmp_path / "alone", tmp_path / "remote"
    assert told(judge(alone, service)) == [("service-selects-nothing", "failed", "Service/plate-stg/web", "")]
    (finding,) = _own(judge(with_remote, service, {"apps/remote.yaml": REMOTE}))
    assert (finding.key, finding.outcome.value) == ("service-selects-nothing/web//incomplete", "could-not-check")


def test_what_is_not_expected_in_the_tree_is_counted_by_name(tmp_path: Path) -> None:
    """Objects of kinds that policy does not call complete are in the ledger, once each; optional ones are not."""
    optional = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: o}\nspec: {containers: [{name: o, image: a, envFrom: [%s]}]}\n"
    )
    web = "---\n".join([pod("web", "b", "a"), pod("api", "a"), optional % "{secretRef: {name: c, optional: true}}"])
    judgement = judge(tmp_path, web)
    assert (told(judgement), judgement.ledger.elsewhere) == ([], ("Secret plate-stg/a", "Secret plate-stg/b"))


def test_what_the_tree_may_make_does_not_come_from_elsewhere(tmp_path: Path) -> None:
    """A Secret that a Job names in its arguments is neither missing nor from elsewhere."""
    job = (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: make}\nspec: {template: {spec: {restartPolicy: Never, "
        "containers: [{name: make, image: a, args: [--secret=a]}]}}}\n"
    )
    for number, complete in enumerate(("", "Secret")):
        judgement = judge(tmp_path / str(number), f"{pod('web', 'a')}---\n{job}", complete=complete)
        assert (told(judgement), judgement.ledger.elsewhere) == ([], ())


@pytest.mark.parametrize(("complete", "is_judged"), [("ServiceAccount", False), ('"*"', True)])
def test_a_namespace_that_nothing_goes_to_is_somebody_elses(tmp_path: Path, complete: str, is_judged: bool) -> None:
    """An account of a namespace without any object comes from elsewhere, unless the tree is said to hold everything."""
    binding = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: web}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\n"
        "subjects: [{kind: ServiceAccount, name: runner, namespace: builds}]\n"
    )
    judgement = judge(tmp_path, binding, complete=complete)
    finding = ("role-subject-missing", "failed", "ServiceAccount/builds/runner", "")
    assert told(judgement) == ([finding] if is_judged else [])
    assert judgement.ledger.elsewhere == (() if is_judged else ("ServiceAccount builds/runner",))


def test_one_missing_object_is_one_finding_with_all_its_uses(tmp_path: Path) -> None:
    """Within an Application further uses are related places, over Applications they follow from the first one."""
    files = {"apps/api.yaml": application("api", "api"), "api/api.yaml": pod("api", "db")}
    judgement = judge(tmp_path, f"{pod('web', 'db')}---\n{pod('worker', 'db')}", files, "Secret")
    first, second = _own(judgement)
    assert (first.key, first.consequence_of) == ("secret-missing/api/Secret~1plate-stg~1db/", "")
    assert (second.key, second.consequence_of) == ("secret-missing/web/Secret~1plate-stg~1db/", first.key)
    assert [(str(one.place), one.note) for one in second.related] == [
        ("web/web.yaml:11:92", "Pod worker (envFrom) names it too")
    ]


def test_what_is_not_known_may_need_an_external(tmp_path: Path) -> None:
    """A declaration is only called unused where every Application is known."""
    external = POLICY % "Secret" + "  external: [{kind: Secret, name: db, reason: by hand}]\n"
    policy = {"policies/staging.yaml": external}
    alone = judge(tmp_path / "alone", config_map("web"), policy)
    with_remote = judge(tmp_path / "remote", config_map("web"), policy | {"apps/remote.yaml": REMOTE})
    assert [finding.key for finding in _own(alone)] == ["external-unmatched///references.external.Secret db"]
    assert told(with_remote) == []


@pytest.mark.parametrize("text", [text for text, _ in (*PODS.values(), *KINDS.values())], ids=[*PODS, *KINDS])
def test_every_use_has_a_check(text: str) -> None:
    """Whatever an object names, one check speaks of it where it is missing; namespaces have checks of their own."""
    for use in uses_of(manifest_of(text)):
        assert sort_of(use) in MINE or use.relation == "namespace"


SELECTING = """\
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web, tier: front}, ports: [{name: http, port: 80, targetPort: http}]}
"""
POLICIES = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {matchLabels: {app: web}, matchExpressions: [{key: app, operator: In, values: [web]}]}}
"""
MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, namespaceSelector: {any: true}, endpoints: [{port: http}]}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web, tier: front}}
spec:
  volumes: [{name: tmp, emptyDir: {}}]
  containers:
    - name: web
      env: [{name: A, value: $(B)}]
      args: [$(C)]
      ports: [{name: http, containerPort: 80}]
      volumeMounts: [{name: tmp, mountPath: /tmp}]
"""
TEXTS = [SELECTING, POLICIES, MONITOR, POD, *(text for text, _ in (*PODS.values(), *KINDS.values()))]
BROKEN: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 7, "x", "$(X)", [], {}, [[]], [{}], {"x": []}, [None, {"name": {}}]]
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for step, below in steps for found in ((*path, step), *_paths(below, (*path, step)))]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment of one Application."""
    root = write(tmp_path_factory.mktemp("any"), {"apps/web.yaml": application("web", "web"), "web/a.yaml": POD})
    with assembly_of(root) as assembly:
        return assembly.environment


@settings(max_examples=80, deadline=None)
@given(data=st.data(), number=st.integers(0, len(TEXTS) - 1))
def test_no_shape_of_an_object_ends_a_check(environment: Environment, number: int, data: st.DataObject) -> None:
    """Whatever stands where a field was meant, every check of references comes to its end."""
    manifests = [replace(manifest_of(text, "plate-stg"), index=index) for index, text in enumerate(TEXTS)]
    body = copy.deepcopy(manifests[number].object)
    for path in data.draw(st.lists(st.sampled_from(_paths(body)), min_size=1, max_size=3)):
        *above, last = path
        holder: Any = body
        for step in above:
            holder = holder[step] if _has(holder, step) else None
        if _has(holder, last) and path != ("kind",):
            holder[last] = data.draw(BROKEN)
    manifests[number] = replace(manifests[number], object=body)
    (loaded,) = environment.applications
    one = replace(loaded, manifests=tuple(manifests))
    broken, policy = replace(environment, applications=(one,)), policy_of(Path())
    made: dict[object, Any] = {}
    for check in load_catalogue().checks.values():
        if check.topic in TOPICS:
            list(check.function(Subject(broken, policy, one if check.scope is Scope.APPLICATION else None, made=made)))


def _has(holder: Any, step: Any) -> bool:
    return step in holder if isinstance(holder, dict) else isinstance(holder, list) and step in range(len(holder))
