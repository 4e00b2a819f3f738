"""`driftgate drift` on a real API server: each kind of drift, made by a real client, and everything that is told of it.

Most of them are made on one delivery, each on an object of its own, and told by one run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from driftgate.assembly import assemble
from driftgate.health import Family
from driftgate.history import History
from driftgate.judge import load_catalogue
from driftgate.releases import releases_of
from driftgate.run import policies_of
from driftgate.settings import Settings
from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import RBAC, ControlPlane
from tests.drift.shop import CANARY, SECRET, SERVER, SERVICE, SETTINGS, Shop, Told, application, run
from tests.repositories import URL, config_map, write
from tests.test_status import bound

SOURCE = Path(__file__).resolve().parents[2]
PROJECTS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects"
HEALS = "selfHeal is on: Argo CD syncs the object as soon as it sees the difference."


def deployment(name: str, cpu: str = "100m") -> str:
    """A Deployment whose replicas, tag and colour come from the values."""
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: {{{{ .Values.replicas }}}}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: main
          image: "registry.example.com/web:{{{{ .Values.tag }}}}"
          env:
            - {{name: COLOUR, value: {{{{ .Values.colour }}}}}}
            - {{name: SIZE, value: small}}
          resources: {{requests: {{cpu: {cpu}}}}}
"""


IGNORES = """\
  ignoreDifferences:
    - {group: apps, kind: Deployment, name: ignored, jsonPointers: [/spec/replicas]}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
"""
TEMPLATES = {
    **{name: deployment(name) for name in ("scaled", "imaged", "added", "reordered", "ignored", "untouched")},
    "quantity": deployment("quantity", cpu='"0.1"'),
    "service": SERVICE,
    "settings": SETTINGS,
    "secret": SECRET,
}
SWAPPED = json.dumps(
    [{"op": "move", "from": "/spec/template/spec/containers/0/env/1", "path": "/spec/template/spec/containers/0/env/0"}]
)


def break_everything(shop: Shop) -> None:
    """Make one drift of each kind."""
    shop.kubectl("scale", "deployment/scaled", "--replicas=5")
    shop.kubectl("scale", "deployment/ignored", "--replicas=5")
    shop.kubectl("set", "image", "deployment/imaged", "main=registry.example.com/web:2.0.0")
    shop.kubectl("set", "env", "deployment/added", "DEBUG=1")
    shop.kubectl("patch", "deployment/reordered", "--type=json", "-p", SWAPPED)
    shop.kubectl("label", "service/web", "team=night")
    shop.kubectl("delete", "configmap/settings")
    shop.kubectl("patch", "secret/db", "-p", json.dumps({"stringData": {"password": f"{CANARY}-new"}}))
    tracking = f"argocd.argoproj.io/tracking-id: '{shop.web}:/ConfigMap:{shop.namespace}/left-over'"
    left = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: left-over, annotations: {{{tracking}}}}}\n"
    shop.kubectl("create", "-f", "-", stdin=left)


@pytest.fixture(scope="module")
def argocd(api_server: ControlPlane, published_crds: dict[str, list[Crd]]) -> Iterator[ControlPlane]:
    """The API server with Argo CD's kinds and namespace."""
    with served(api_server, published_crds["argocd"]), api_server.namespaces("argocd"):
        yield api_server


@pytest.fixture
def make(argocd: ControlPlane, tmp_path: Path) -> Iterator[Callable[[], Shop]]:
    """What makes shops whose Applications go with the test."""
    made: list[Shop] = []

    def one() -> Shop:
        made.append(Shop(argocd, tmp_path / str(len(made)), argocd.namespace()))
        return made[-1]

    yield one
    for shop in made:
        shop.close()


@pytest.fixture(scope="module")
def delivered(argocd: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that Argo CD has delivered and nobody has touched."""
    shop = Shop(argocd, tmp_path_factory.mktemp("shop"), argocd.namespace())
    shop.tree(TEMPLATES, spec=IGNORES)
    shop.deliver()
    yield shop
    shop.close()


@pytest.fixture(scope="module")
def quiet(delivered: Shop) -> tuple[int, str, str]:
    """What is told before anything is broken."""
    return delivered.drift()


@pytest.fixture(scope="module")
def broken(delivered: Shop, quiet: tuple[int, str, str]) -> Shop:
    """The shop after everything was broken, which needs that it was looked at before."""
    assert quiet[0] == 0, quiet[1]
    break_everything(delivered)
    return delivered


@pytest.fixture(scope="module")
def told(broken: Shop) -> Mapping[str, list[Told]]:
    """What is told of each object, by kind and name."""
    by_object: dict[str, list[Told]] = {}
    for one in broken.findings():
        by_object.setdefault(one.object.replace("/NS/", "/").removeprefix("apps/"), []).append(one)
    return by_object


def test_what_was_just_delivered_shows_no_drift(quiet: tuple[int, str, str], delivered: Shop) -> None:
    """Everything is in sync, a quantity written differently too; the report names the cluster and the deliverer."""
    code, out, err = quiet
    lines = delivered.unwrapped(out).splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("cluster  admin: SERVER, Kubernetes v")
    assert lines[2:4] == [
        "  Argo CD       delivers root-NS, web-NS (Application root-NS is in namespace argocd, and the like)",
        "  objects       11: 11 in sync",
    ]
    assert lines[-1] == "shop: no findings in 2 Applications, 11 objects"


DRIFTS = {
    "Deployment/scaled": Told(
        "drifted-field", "failed", "apps/Deployment/NS/scaled", "web/values.yaml:1",
        "spec.replicas: 5, written by kubectl (scale)", "2", f"Self-heal reverts it. {HEALS}",
        ("web/templates/scaled.yaml renders Deployment scaled",),
    ),
    "Deployment/imaged": Told(
        "drifted-field", "failed", "apps/Deployment/NS/imaged", "web/values.yaml:2",
        "spec.template.spec.containers[name=main].image: registry.example.com/web:2.0.0, "
        "written by kubectl-set at TIME",
        "registry.example.com/web:1.0.0", f"Self-heal reverts it. {HEALS}",
        ("web/templates/imaged.yaml renders Deployment imaged",),
    ),
    "Secret/db": Told(
        "drifted-field", "failed", "Secret/NS/db", "web/values.yaml:5",
        "data.password: another secret value, written by kubectl-patch at TIME", "the secret value that Git has",
        f"Self-heal reverts it. {HEALS}", ("web/templates/secret.yaml renders Secret db",),
    ),
    "Deployment/added": Told(
        "added-field", "failed", "apps/Deployment/NS/added", "web/templates/added.yaml",
        'spec.template.spec.containers[name=main].env[name=DEBUG]: {"name": "DEBUG", "value": "1"}, '
        "written by kubectl-set at TIME",
        "nothing: Git has no such field",
        "It survives. It is not in Git, and a sync removes only what Argo CD applied before; this is kubectl-set's.",
    ),
    "Service/web": Told(
        "added-field", "failed", "Service/NS/web", "web/templates/service.yaml",
        "metadata.labels.team: night, written by kubectl-label at TIME", "nothing: Git has no such field",
        "It survives. It is not in Git, and a sync removes only what Argo CD applied before; this is kubectl-label's.",
    ),
    "ConfigMap/settings": Told(
        "missing-object", "failed", "ConfigMap/NS/settings", "web/templates/settings.yaml",
        "not in the cluster", "ConfigMap settings in namespace NS",
        f"It is created anew. {HEALS} Self-heal creates it anew.",
    ),
    "Deployment/ignored": Told(
        "ignored-drift", "failed", "apps/Deployment/NS/ignored", "web/values.yaml:1",
        "spec.replicas: 5, written by kubectl (scale)", "2",
        "It is ignored. ignoreDifferences[0] looks away, so nothing happens by itself; a sync that comes for another "
        "reason still writes the desired value.",
        ("web/templates/ignored.yaml renders Deployment ignored", "apps/web.yaml:11 ignored by ignoreDifferences[0]"),
    ),
    "ConfigMap/left-over": Told(
        "extra-object", "failed", "ConfigMap/NS/left-over", "apps/web.yaml:4",
        "there since TIME, last written by kubectl-create at TIME",
        "not in the cluster: the Application does not render it",
        "It is pruned. The next sync deletes it.",
    ),
    "Deployment/reordered": Told(
        "drifted-field", "failed", "apps/Deployment/NS/reordered", "web/values.yaml:3",
        'spec.template.spec.containers[name=main].env: [{"name": "SIZE", "value": "small"}, '
        '{"name": "COLOUR", "value": "blue"}]: the same in another order, which leaves no name',
        '[{"name": "COLOUR", "value": "blue"}, {"name": "SIZE", "value": "small"}]',
        f"Self-heal reverts it. {HEALS}", ("web/templates/reordered.yaml renders Deployment reordered",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRIFTS)
def test_each_drift_is_told_with_its_place_its_author_and_its_fate(told: Mapping[str, list[Told]], name: str) -> None:
    """Place, live value, who wrote it and when, desired value and what becomes of it are those of the real cluster."""
    assert told.get(name) == [DRIFTS[name]]


def test_nothing_else_is_told(told: Mapping[str, list[Told]]) -> None:
    """What nobody touched is not told, nor a quantity that is written differently."""
    assert set(told) == set(DRIFTS)


def test_another_cluster_is_refused_unless_the_user_says_so(broken: Shop, tmp_path: Path) -> None:
    """Nothing is told of a cluster that policy does not name; with --any-cluster it is told, and that is said aloud."""
    other = replace(broken, root=tmp_path)
    other.tree(TEMPLATES, spec=IGNORES, uid="another")
    code, out, err = other.drift()
    assert (code, out) == (4, "")
    assert "uid of kube-system: policy has another" in err
    code, out, err = other.drift("--any-cluster", "--application", other.web)
    assert code == 1
    assert err.startswith("driftgate: --any-cluster: not looked whether this is the right one: uid of kube-system")


def test_a_recording_is_judged_as_its_cluster_was(broken: Shop, told: Mapping[str, list[Told]], tmp_path: Path) -> None:
    """Everything is told again without a cluster, but for the values of Secrets, of which nothing is known."""
    folder = str(tmp_path / "recording")
    way = ["--kubeconfig", str(broken.plane.kubeconfig()), "--context", "admin"]
    code, _, err = run("record", folder, "--root", str(broken.root), "--no-cache", *way)
    assert (code, err) == (0, "")
    assert not any(CANARY in path.read_text(encoding="utf-8") for path in Path(folder).rglob("*") if path.is_file())
    again = broken.findings("--live-from", folder)
    assert [one for one in again if "Secret/" not in one.object] == [
        one for found in told.values() for one in found if "Secret/" not in one.object
    ]
    assert [(one.check, one.outcome, one.found) for one in again if "Secret/" in one.object] == [
        ("drift-unread", "could-not-check", "data.password: the recording does not hold its value")
    ]


def test_what_may_not_be_read_is_named_and_the_rest_is_judged(broken: Shop) -> None:
    """Without the right to list Secrets these are told as unread, under the list that was refused."""
    user, name = "limited", f"drift-{broken.namespace}"
    rules = [
        {"apiGroups": ["*"], "resources": [kind], "verbs": ["get", "list"]}
        for kind in ("namespaces", "configmaps", "services", "deployments", "applications", "appprojects")
    ]
    role = {"metadata": {"name": name}, "rules": rules}
    broken.plane.create(f"{RBAC}/clusterroles", role)
    broken.plane.create(f"{RBAC}/clusterrolebindings", bound(name, "ClusterRole", name, user))
    try:
        code, out, err = broken.drift("--format", "json", context=user)
    finally:
        broken.plane.request("DELETE", f"{RBAC}/clusterrolebindings/{name}")
        broken.plane.request("DELETE", f"{RBAC}/clusterroles/{name}")
    assert (code, err) == (1, "")
    schema = json.loads((SOURCE / "driftgate/report/report.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(out), schema)
    found = json.loads(out)["findings"]
    (secret,) = [each for each in found if each["check"] == "drift-unread"]
    (refused,) = [each for each in found if each["key"] == secret["consequence_of"]]
    assert secret["object"] == f"Secret/{broken.namespace}/db"
    assert (refused["check"], refused["outcome"]) == ("cluster-unread", "could-not-check")
    assert refused["found"].startswith(f"Secret in namespace {broken.namespace}: forbidden (403): secrets is forbidden")
    lists = [each["found"] for each in found if each["check"] == "cluster-unread"]
    assert {"CronJob.batch", "Secret"} <= {text.split(" ")[0].rstrip(":") for text in lists}
    assert all(": forbidden (403): " in text for text in lists)
    assert {each["check"] for each in found if each["outcome"] == "failed"} == {
        "drifted-field", "added-field", "missing-object", "ignored-drift", "extra-object",
    }  # fmt: skip


OLD = (
    "It compares every Application again and again; one that it has not looked at for long is of yesterday: its Synced "
)
OLD += "and Healthy mean nothing, and what changes in Git is not delivered."
BY_SYNC = "The next sync overwrites it. Automated sync is off: it stays until somebody syncs."
APPLICATIONS = [
    Told(
        "live-application-not-reconciled", "failed", "", "apps/web.yaml:4",
        "last compared N days ago", "compared in the last 30 min", OLD,
    ),
    Told(
        "live-application-changed", "failed", "", "apps/web.yaml:9",
        "spec.source.targetRevision: trial, written by unknown at TIME", "HEAD", BY_SYNC,
    ),
    Told(
        "live-application-changed", "failed", "", "apps/web.yaml:10",
        "spec.syncPolicy.automated.selfHeal: false, written by unknown at TIME", "true", BY_SYNC,
    ),
    # The live Application decides, and self-heal was switched off there.
    Told(
        "drifted-field", "failed", "ConfigMap/NS/settings", "web/values.yaml:4",
        "data.greeting: good night, written by kubectl-patch at TIME", "hello",
        "The next sync overwrites it. selfHeal is off: it stays until the next commit, or until somebody syncs.",
        ("web/templates/settings.yaml renders ConfigMap settings",),
    ),
    Told(
        "live-application-unwell", "failed", "", "apps/web.yaml:4",
        "is Unknown: condition ComparisonError: no such branch", "Synced and Healthy",
        "It is Argo CD that delivers: what it cannot sync or compare stays as it is, whatever Git says.",
    ),
    Told(
        "live-application-unknown", "failed", "argoproj.io/Application/argocd/trial-NS", "policies/shop.yaml:1",
        "Application trial-NS in namespace argocd, made TIME, deploys web at HEAD", "only Applications that Git has",
        "It delivers from our own charts what nobody reviews as part of this environment; most often it is left over "
        "from a trial, or was renamed.",
    ),
]  # fmt: skip
RELEASE = [
    (
        "missing-object", "Service/NS/web", "not in the cluster",
        "It is created anew. The next helm upgrade creates whatever the chart has and the cluster does not.",
    ),
    (
        "drifted-field", "ConfigMap/NS/settings", "data.greeting: good night, written by kubectl-patch at TIME",
        "The next helm upgrade overwrites it. The next helm upgrade writes what the chart says, changed or not.",
    ),
    (
        "extra-object", "ConfigMap/NS/left-over", "there since TIME, last written by kubectl-create at TIME",
        "It stays. kubectl-create made it, and helm deletes only what its own last release has.",
    ),
]  # fmt: skip
SMALL = {"settings": SETTINGS, "service": SERVICE}


def test_an_application_that_was_changed_by_hand_is_told(make: Callable[[], Shop]) -> None:
    """Revision, self-heal, an old comparison, what Argo CD itself complains of, and an Application that Git lacks."""
    shop = make()
    shop.tree(SMALL)
    shop.deliver()
    assert shop.drift()[0] == 0
    spec = {"source": {"targetRevision": "trial"}, "syncPolicy": {"automated": {"selfHeal": False}}}
    condition = {"type": "ComparisonError", "message": "no such branch", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    status = {"reconciledAt": "2020-01-01T00:00:00Z", "sync": {"status": "Unknown"}, "conditions": [condition]}
    shop.patch_application(shop.web, {"spec": spec, "status": status})
    stranger = yaml.safe_load((shop.root / "apps/web.yaml").read_text(encoding="utf-8"))
    stranger["metadata"]["name"] = f"trial-{shop.namespace}"
    shop.make_application(stranger)
    shop.kubectl("patch", "configmap/settings", "-p", '{"data":{"greeting":"good night"}}')
    assert shop.findings() == APPLICATIONS


def test_what_argocd_was_never_given_is_told(make: Callable[[], Shop]) -> None:
    """An Application without a live one is missing; a project that was widened is told by its field."""
    shop = make()
    shop.tree(SMALL)
    name = f"fence-{shop.namespace}"
    project = (
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata:\n"
        f"  name: {name}\n  namespace: argocd\nspec:\n  sourceRepos: ['https://git.example.com/a.git']\n"
    )
    write(shop.root, {"projects/fence.yaml": project})
    shop.deliver_objects()
    shop.make_application(yaml.safe_load((shop.root / "root.yaml").read_text(encoding="utf-8")))
    live = yaml.safe_load(project)
    shop.plane.create(PROJECTS, {**live, "spec": {"sourceRepos": ["*"]}})
    try:
        found = shop.findings()
    finally:
        shop.plane.request("DELETE", f"{PROJECTS}/{name}")
    assert [(one.check, one.place, one.found, one.expected, one.why) for one in found] == [
        (
            "live-application-missing", "apps/web.yaml:4", "not in the cluster",
            "Application web-NS in namespace argocd",
            "It is created anew. Automated sync is off: it stays until somebody syncs. That sync creates it anew.",
        ),
        (
            "live-project-changed", "projects/fence.yaml:7", "spec.sourceRepos[0]: *",
            "https://git.example.com/a.git", load_catalogue().checks["live-project-changed"].why,
        ),
    ]  # fmt: skip


def test_a_release_of_helm_is_judged_by_what_helm_does(make: Callable[[], Shop], helm3: Path) -> None:
    """A fresh release shows no drift; what is changed, deleted or left over is told with what an upgrade does."""
    shop = make()
    shop.tree(SMALL)
    done = shop.plane.run(helm3, "upgrade", "--install", shop.web, shop.root / "web", "-n", shop.namespace)
    assert done.returncode == 0, done.stderr
    code, out, _ = shop.drift()
    assert code == 0, out
    reason = "(helm release web-NS is in namespace NS: deployed, and the like)"
    assert f"  helm          delivers root-NS, web-NS {reason}\n" in shop.unwrapped(out)
    shop.kubectl("delete", "service/web")
    shop.kubectl("patch", "configmap/settings", "-p", '{"data":{"greeting":"good night"}}')
    owner = f"meta.helm.sh/release-name: {shop.web}, meta.helm.sh/release-namespace: {shop.namespace}"
    labels = "labels: {app.kubernetes.io/managed-by: Helm}"
    left = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: left-over, annotations: {{{owner}}}, {labels}}}\n"
    shop.kubectl("create", "-f", "-", stdin=left)
    found = shop.findings()
    assert [(one.check, one.object, one.found, one.why) for one in found] == RELEASE


def test_our_own_environment_shows_no_drift_after_helm_has_delivered_it(
    argocd: ControlPlane, helm4: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of our Applications, delivered by the plan that the deploy script follows, are in sync with Git."""
    monkeypatch.setenv("COLUMNS", "200")
    root = SOURCE
    (policy,) = policies_of(root, None, "staging")
    with argocd.namespaces("plate-stg"), assemble(root, policy, Settings(cache=None)) as assembly:
        chosen = releases_of(assembly).only(["plate-web-stg", "plate-llm-stg"]).releases
        for release in chosen:
            arguments = [word for text in release.job.values for word in ("--values", write_values(tmp_path, text))]
            where = ("--namespace", release.namespace)
            done = argocd.run(helm4, "install", release.name, release.job.chart, *where, *arguments)
            assert done.returncode == 0, done.stderr
        names = [word for release in chosen for word in ("--application", release.application)]
        way = ("--kubeconfig", str(argocd.kubeconfig()), "--context", "admin", "--any-cluster")
        _, out, _ = run("drift", "--no-cache", "--format", "json", *way, *names, str(root))
        for release in chosen:
            done = argocd.run(helm4, "uninstall", release.name, "--namespace", release.namespace)
            assert done.returncode == 0, done.stderr
    (cluster,) = json.loads(out)["clusters"]
    assert len(chosen) == 2
    assert cluster["verdicts"] == {"in sync": 7}
    assert [one["reason"] for one in cluster["applications"]] == [
        f"helm release {release.name} is in namespace plate-stg: deployed"
        for release in sorted(chosen, key=lambda one: one.name)
    ]
    # No controller is there to bring it to life.
    unwell = {one.value for one in Family}
    assert [one for one in json.loads(out)["findings"] if one["check"] not in unwell] == []


FAR, WAYLESS, WRONG = (f"https://{name}.example.com:6443" for name in ("far", "wayless", "wrong"))


def several_environments(shop: Shop) -> None:
    """`east` of one cluster, `north` of four, of which one has no context and one is another than policy names."""
    uid = shop.plane.request("GET", "/api/v1/namespaces/kube-system").body["metadata"]["uid"]
    files: dict[str, str] = {}
    for environment, servers in {"east": [SERVER], "north": [SERVER, FAR, WAYLESS, WRONG]}.items():
        for number, server in enumerate(servers):
            name = f"{environment}-{number}"
            text = application(name, name, shop.namespace).replace(SERVER, server)
            files |= {f"apps/{environment}/{name}.yaml": text, f"{name}/one.yaml": config_map(name)}
        files[f"policies/{environment}.yaml"] = (
            f"driftgate: 1\nenvironment: {environment}\nmanifests: [apps/{environment}]\n"
            f"repository: {{urls: ['{URL}']}}\ncluster:\n  destinations:\n"
            f"    - {{server: '{SERVER}', context: admin, uid: {uid}}}\n"
            f"    - {{server: '{FAR}', context: far, uid: {uid}}}\n"
            f"    - {{server: '{WRONG}', context: admin, uid: another}}\n"
        )
    write(shop.root, files)


def kubeconfig(plane: ControlPlane, folder: Path, far: str) -> str:
    """A kubeconfig with one more context, `far`, which leads to this server as the administrator."""
    text = yaml.safe_load(plane.kubeconfig().read_text(encoding="utf-8"))
    (cluster,) = text["clusters"]
    text["clusters"].append({"name": "far", "cluster": {**cluster["cluster"], "server": far}})
    (context,) = text["contexts"]
    text["contexts"].append({"name": "far", "context": {**context["context"], "cluster": "far"}})
    path = folder / "kubeconfig"
    path.write_text(json.dumps(text), encoding="utf-8")
    return str(path)


def test_a_cluster_that_cannot_be_read_hides_no_other_one(argocd: ControlPlane, tmp_path: Path) -> None:
    """Environments and clusters in one run; those that fail are told first, and nothing of them counts as fixed."""
    shop = Shop(argocd, tmp_path / "tree", argocd.namespace())
    several_environments(shop)
    history, near = tmp_path / "history.db", [f"{environment}-0" for environment in ("east", "north")]
    common = ("drift", "--no-cache", "--history", str(history), str(shop.root), "--kubeconfig")

    code, out, err = run(*common, kubeconfig(argocd, tmp_path, argocd.server), "--format", "json")
    data = json.loads(out)
    schema = json.loads((SOURCE / "driftgate/report/report.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    assert (code, err) == (1, "")
    why = {
        WAYLESS: f"policy has no context for {WAYLESS} under cluster.destinations",
        WRONG: f"context admin: uid of kube-system: policy has another, the cluster {data['clusters'][0]['uid']}; "
        "take another context, or --any-cluster looks all the same",
    }
    assert {one["destination"]: one["why"] for one in data["unreached"]} == why
    missing = [each["application"] for each in data["findings"] if each["check"] == "missing-object"]
    assert sorted(missing) == [near[0], near[1], "north-1"]
    told = [(each["object"], each["found"]) for each in data["findings"] if each["check"] == "cluster-unreached"]
    unknown = "not compared: nothing is known of what it runs"
    compared = [(f"argoproj.io/Application/argocd/north-{number}", unknown) for number in (2, 3)]
    assert sorted(told) == sorted([*(("", each) for each in why.values()), *compared])

    dead = kubeconfig(argocd, tmp_path, "https://127.0.0.1:1")
    code, out, err = run(*common, dead)
    assert (code, err) == (1, "")
    text = shop.unwrapped(out)
    north = text[text.index("COULD NOT READ") :]
    lines = north.splitlines()
    assert lines[0].startswith(f"COULD NOT READ  {FAR} (context far): GET /")
    assert "not reachable: Connection refused" in lines[0] + lines[1]
    assert [line for line in lines if line.startswith("  not compared  ")] == [
        f"  not compared  north-{number}" for number in (1, 2, 3)
    ]  # fmt: skip
    assert text.splitlines()[-1] == "2 environments: 1 not read: north (in part); 2 drifted: east, north"
    with_far = f"missing-object/north-1/ConfigMap~1{shop.namespace}~1north-1/"
    (remembered,) = [one for one in History(history).environments() if one.environment == "north"]
    assert remembered.entries[with_far].fixed_at is None
    assert [(run.judged, run.unjudged) for run in remembered.runs] == [(2, 2), (1, 3)]

    files = [shop.root / f"apps/north/north-{number}.yaml" for number in (0, 2, 3)]
    for path in files:
        path.unlink()
    code, out, err = run(*common, dead, "--environment", "north", "--destination", FAR)
    assert (code, err) == (6, "")
    assert out.splitlines()[-1] == "north: nothing judged: the clusters of 1 Application could not be read"


def write_values(folder: Path, text: str) -> str:
    """A file of values for helm."""
    path = folder / f"{len(list(folder.iterdir()))}.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)
