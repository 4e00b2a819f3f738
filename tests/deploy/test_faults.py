"""`scripts/deploy-stg.sh` when something is wrong: each fault is made for real, told with its evidence, and mended."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from tests.controlplane.operators import operators
from tests.controlplane.plane import ControlPlane
from tests.deploy.rig import Checkout, Ended

WEB = "helm/applications/plate-web/values-stg.yaml"
WEB_TAG = "tag: stg-1.4.2"
ONLY_WEB = ("--only", "plate-web-stg")
FIRST = "openbao-secrets-manager-stg"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def expect_refused(checkout: Checkout, ended: Ended, *words: str) -> None:
    """Refused with these words before anything was changed."""
    assert ended.code == 3, ended.out + ended.err
    assert "refused; nothing was changed" in ended.err
    for word in words:
        assert word in ended.out + ended.err, ended.out + ended.err
    assert not checkout.exists


def expect_failed(ended: Ended, *words: str) -> None:
    """Tried without success, with these words and the way on."""
    assert ended.code == 1, ended.out + ended.err
    assert "running it again goes on where it stopped" in ended.err
    for word in words:
        assert word in ended.out + ended.err, ended.out + ended.err


def test_a_gate_that_fails_stops_the_deploy(checkout: Checkout) -> None:
    """Findings stop it; going on all the same takes a reason, which stays in the release's history."""
    checkout.edit("helm/applications/plate-web/values-stg.yaml", "replicaCount: 1", "replicaCount: 2")
    ended = checkout.deploy(*ONLY_WEB)
    expect_refused(checkout, ended, "replicas-out-of-policy", "the gate does not pass", "--force REASON")
    ended = checkout.deploy(*ONLY_WEB, "--force", "the demo at noon")
    assert ended.code == 0, ended.out + ended.err
    (revision,) = checkout.helm_json("history", "plate-web-stg")
    assert revision["description"].endswith("with changes by tester, forced: the demo at noon")


def test_a_chart_that_does_not_lint_stops_the_deploy(checkout: Checkout) -> None:
    """Every chart is linted with its own layers before anything is changed, and lint's words are shown."""
    file = checkout.root / "helm/applications/plate-web/Chart.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "maintainers: [{name: web, email: nobody}]\n", encoding="utf-8")
    ended = checkout.deploy()
    expect_refused(checkout, ended, "plate-web-stg: helm lint fails", "invalid email 'nobody' for maintainer 'web'")


def test_a_chart_that_does_not_render_stops_the_deploy(checkout: Checkout) -> None:
    """What driftgate cannot render it cannot hand to helm, and says which template is to blame."""
    file = checkout.root / "helm/applications/plate-web/templates/service.yaml"
    file.write_text("{{ fail `no service today` }}\n", encoding="utf-8")
    expect_refused(checkout, checkout.deploy(), "plate-web-stg", "no service today", "templates/service.yaml")


def test_missing_rights_stop_the_deploy(checkout: Checkout) -> None:
    """Rights are asked of the API before anything is tried, and the missing ones are named."""
    ended = checkout.deploy("--context", "reader", identity="reader")
    expect_refused(checkout, ended, "reader", "create", "deployments.apps", "the cluster would not take the deploy")


def test_a_cluster_that_may_not_be_looked_at_stops_the_deploy(checkout: Checkout) -> None:
    """Where the identity of the cluster cannot be asked, nothing is deployed to it."""
    ended = checkout.deploy("--context", "limited", identity="limited")
    expect_refused(checkout, ended, "kube-system", 'User "limited" cannot get resource "namespaces"')


def test_another_cluster_stops_the_deploy(checkout: Checkout) -> None:
    """A cluster that is not the one that policy names is not touched, whatever its context is called."""
    policy = checkout.root / "policies/staging.yaml"
    uid = checkout.plane.request("GET", "/api/v1/namespaces/kube-system").body["metadata"]["uid"]
    other = "00000000-0000-4000-8000-000000000000"
    policy.write_text(policy.read_text(encoding="utf-8").replace(uid, other), encoding="utf-8")
    expect_refused(checkout, checkout.deploy(), uid, other)
    ended = checkout.run("delete", "--yes")
    assert ended.code == 3, ended.out + ended.err


def test_a_cluster_that_does_not_answer_stops_the_deploy(checkout: Checkout) -> None:
    """Nobody at the address of the API server: refused, with what was tried."""
    port = str(checkout.plane.port)
    kubeconfig = checkout.plane.kubeconfig().read_text(encoding="utf-8").replace(port, "1")
    path = checkout.scratch.parent / "kubeconfig"
    path.write_text(kubeconfig, encoding="utf-8")
    ended = checkout.deploy(env={"KUBECONFIG": str(path)})
    expect_refused(checkout, ended, "not reachable: Connection refused")


@pytest.mark.parametrize(("variable", "name"), [("HELM", "helm"), ("KUBECTL", "kubectl"), ("DRIFTGATE", "driftgate")])
def test_a_missing_program_stops_the_deploy(checkout: Checkout, variable: str, name: str) -> None:
    """Without one of the programs nothing is begun, and the message says which."""
    ended = checkout.deploy(env={variable: f"/nonexistent/{name}"})
    expect_refused(checkout, ended, f"there is no {'driftgate' if name == 'driftgate' else f'/nonexistent/{name}'}")


@pytest.fixture
def held_namespace(checkout: Checkout) -> Iterator[Checkout]:
    """The namespace is terminating, and an object in it does not go."""
    checkout.make_namespace()
    held = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    path = f"/api/v1/namespaces/{checkout.namespace}/configmaps"
    checkout.plane.create(path, held)
    checkout.plane.request("DELETE", f"/api/v1/namespaces/{checkout.namespace}")
    namespace = f"/api/v1/namespaces/{checkout.namespace}"
    checkout.plane.processes.wait_until(
        lambda: "SomeFinalizersRemain" in str(checkout.plane.request("GET", namespace).body), "held namespace", 30
    )
    yield checkout
    checkout.plane.request(
        "PATCH", f"{path}/held", {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json"
    )


def test_a_namespace_that_terminates_stops_the_deploy(held_namespace: Checkout) -> None:
    """It is told that the namespace is on its way out, and what holds it."""
    ended = held_namespace.deploy()
    assert ended.code == 3, ended.out + ended.err
    for word in (f"namespace {held_namespace.namespace}", "it is being deleted", "example.com/hold"):
        assert word in ended.out + ended.err, ended.out + ended.err


def test_an_image_that_never_comes_is_told(checkout: Checkout) -> None:
    """The Pod's own words, with the image; the mended deploy goes on where it stopped."""
    checkout.edit(WEB, WEB_TAG, "tag: never-pulled")
    ended = checkout.deploy(*ONLY_WEB, timeout="8s")
    expect_failed(ended, "ImagePullBackOff", "harbor.cocdev.co.kr/stg/plate-web:never-pulled")
    assert ended.waits == ()
    checkout.edit(WEB, "tag: never-pulled", WEB_TAG)
    ended = checkout.deploy(*ONLY_WEB)
    assert ended.code == 0, ended.out + ended.err


def test_a_pod_that_no_node_has_room_for_is_told(checkout: Checkout) -> None:
    """The scheduler's own words: which resource is short."""
    checkout.edit(WEB, "    cpu: 100m\n", "    cpu: '64'\n")
    checkout.edit(WEB, "    cpu: 500m\n", "    cpu: '64'\n")
    ended = checkout.deploy(*ONLY_WEB, "--force", "to see it", timeout="8s")
    expect_failed(ended, "Insufficient cpu")


def test_a_pod_that_crashes_is_told(checkout: Checkout) -> None:
    """The exit of its container."""
    checkout.edit(WEB, WEB_TAG, "tag: crashes")
    expect_failed(checkout.deploy(*ONLY_WEB, timeout="8s"), "CrashLoopBackOff")


def test_a_missing_certificate_is_told(checkout: Checkout) -> None:
    """The TLS Secret that is not there, with cert-manager's own words about why."""
    fault = "too many certificates already issued"
    with operators(checkout.plane, checkout.namespace, cert_manager=fault):
        ended = checkout.deploy("--only", "plate-llm-stg", timeout="15s")
        expect_failed(ended, "TLS Secret llm-cocdev-co-kr-tls does not exist")
        checkout.plane.processes.wait_until(lambda: fault in str(checkout.objects("certificates")), "failure", 30)
    ended = checkout.run("status", "--only", "plate-llm-stg")
    assert ended.code == 1
    assert fault in ended.out, ended.out


def test_an_ingress_without_an_address_is_told(checkout: Checkout) -> None:
    """No controller has taken the Ingress."""
    with operators(checkout.plane, checkout.namespace, ingress_controller=False):
        ended = checkout.deploy("--only", "plate-llm-stg", timeout="15s")
    expect_failed(ended, "Ingress", "plate-llm", "address")


def test_a_store_without_a_token_holds_everything_back(checkout: Checkout) -> None:
    """What needs the Secrets is not deployed before they are there; with the token the next run finishes the job."""
    with operators(checkout.plane, checkout.namespace) as working:
        ended = checkout.deploy(timeout="15s")
        expect_failed(ended, "openbao", "InvalidProviderConfig", "openbao-token")
        assert list(checkout.releases()) == [FIRST]
        working.token = "of-a-test"
        ended = checkout.deploy()
        assert ended.code == 0, ended.out + ended.err
    assert checkout.releases()[FIRST] == ("2", "deployed")
    assert len(checkout.releases()) == 5


def test_an_external_secret_that_is_not_ready_is_told(checkout: Checkout) -> None:
    """The operator's own message stands in the output, and who needs the store."""
    with operators(checkout.plane, checkout.namespace, external_secrets="permission denied", token="of-a-test"):
        ended = checkout.deploy("--only", FIRST, timeout="15s")
        expect_failed(ended, "ExternalSecret", "cluster-env-secrets", "InvalidProviderConfig")
        checkout.plane.processes.wait_until(
            lambda: "permission denied" in str(checkout.objects("events")), "operator's event", 30
        )
    ended = checkout.run("status", "--only", FIRST)
    assert ended.code == 1
    assert "permission denied" in ended.out, ended.out


def test_a_missing_operator_is_told(checkout: Checkout) -> None:
    """Nobody works on the ExternalSecrets: they never become ready, and that is said of them."""
    ended = checkout.deploy("--only", FIRST, timeout="10s")
    expect_failed(ended, "cluster-env-secrets")


@pytest.fixture
def deaf_webhook(checkout: Checkout) -> Iterator[str]:
    """A webhook that guards the Services of the namespace and does not answer."""
    checkout.make_namespace()
    name = f"deaf.{checkout.namespace}.example.com"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["services"]}
    webhook = {
        "name": name,
        "rules": [rule],
        "clientConfig": {"url": "https://127.0.0.1:1/deaf"},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": checkout.namespace}},
    }
    checkout.plane.create(WEBHOOKS, {"metadata": {"name": name}, "webhooks": [webhook]})
    yield name
    checkout.plane.request("DELETE", f"{WEBHOOKS}/{name}")


def wait_for_refusals(plane: ControlPlane, namespace: str) -> None:
    """A webhook takes a moment to be known to the API server."""
    path = f"/api/v1/namespaces/{namespace}/services?dryRun=All"
    body = {"metadata": {"name": "probe"}, "spec": {"ports": [{"port": 80}]}}
    plane.processes.wait_until(
        lambda: plane.request("POST", path, body).status == http.client.INTERNAL_SERVER_ERROR, "deaf webhook", 30
    )


def test_what_passes_by_itself_is_tried_again(checkout: Checkout, deaf_webhook: str) -> None:
    """The waits are those of the Application's own retry policy, and after the last one it is told what refuses."""
    wait_for_refusals(checkout.plane, checkout.namespace)
    ended = checkout.deploy(*ONLY_WEB)
    expect_failed(ended, deaf_webhook, "connection refused", "attempt 6 of 6 in 160 s")
    assert ended.waits == ("10", "20", "40", "80", "160")


def test_a_retry_that_works_ends_the_retries(checkout: Checkout, deaf_webhook: str) -> None:
    """When the fault is gone after two waits, the third attempt finishes the deploy."""
    wait_for_refusals(checkout.plane, checkout.namespace)
    sleep = checkout.scratch.parent / "mending-sleep"
    waits = checkout.scratch.parent / "waits"
    kubectl, kubeconfig = checkout.plane.programs["kubectl"], checkout.plane.kubeconfig()
    sleep.write_text(
        f'#!/bin/sh\necho "$1" >>"{waits}"\n'
        f'[ "$1" != 20 ] || "{kubectl}" --kubeconfig "{kubeconfig}" delete '
        f"validatingwebhookconfiguration {deaf_webhook} >/dev/null\n"
        f'[ "$1" != 20 ] || sleep 2\n',
        encoding="utf-8",
    )
    sleep.chmod(0o755)
    ended = checkout.deploy(*ONLY_WEB, env={"DEPLOY_SLEEP": str(sleep)})
    assert ended.code == 0, ended.out + ended.err
    assert ended.waits == ("10", "20")


def test_what_stays_refused_is_not_tried_again(checkout: Checkout) -> None:
    """A quota refuses the same tomorrow: one attempt, its words, and where to look."""
    checkout.make_namespace()
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/services": "0"}}}
    checkout.plane.create(f"/api/v1/namespaces/{checkout.namespace}/resourcequotas", quota)
    checkout.plane.processes.wait_until(
        lambda: checkout.objects("resourcequotas")["none"]["status"].get("hard") is not None, "quota in force", 30
    )
    ended = checkout.deploy(*ONLY_WEB)
    expect_failed(ended, "exceeded quota: none", "describe quota")
    assert ended.waits == ()


def test_somebody_elses_object_is_not_taken(checkout: Checkout) -> None:
    """An object of the same name that helm does not own stops the deploy, and stays as it is."""
    checkout.make_namespace()
    service = {"metadata": {"name": "plate-web"}, "spec": {"ports": [{"port": 81}]}}
    checkout.plane.create(f"/api/v1/namespaces/{checkout.namespace}/services", service)
    ended = checkout.deploy(*ONLY_WEB)
    assert ended.code == 3, ended.out + ended.err
    assert "Service/plate-web: made without helm" in ended.out
    assert checkout.objects("services")["plate-web"]["spec"]["ports"][0]["port"] == 81
