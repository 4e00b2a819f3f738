"""What is wrong with objects that depend on each other: each cause is told once, with what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftgate.health import Json, Trouble, health_of, ref_of, troubles
from driftgate.health.diagnose import by_cause
from tests.health.shapes import (
    NAMESPACE,
    ago,
    condition,
    deployment,
    event,
    live,
    pod,
    replica_set,
    summary,
    thing,
    told,
    waits,
)

CERT_MANAGER = "cert-manager.io/v1"
ACME = "acme.cert-manager.io/v1"
ESO = "external-secrets.io/v1"
LOGIN = "login: key token of Secret shop/bao-token; whether it has a value is not known, Secrets are not read"
FILL = (
    "Put the login into the key token of Secret bao-token: "
    """kubectl patch secret bao-token -n shop -p '{"stringData":{"token":"..."}}'"""
)
OPERATOR = "See whether External Secrets Operator runs: kubectl get pods -A -l app.kubernetes.io/name=external-secrets"
PROPAGATION = "Waiting for HTTP-01 challenge propagation: wrong status code '404'"
DNS = (
    "See whether DNS leads shop.example.com to this cluster, and whether "
    "http://shop.example.com/.well-known/acme-challenge/ gets through to it."
)
CONTROLLER = (
    "See whether the ingress controller runs, and whether its own Service has an address: kubectl get services -A"
)
NO_TLS = "its TLS Secret shop-tls does not exist"


def service(selector: str = "web", *, age: float = 300, **spec: Any) -> Json:
    ports = [{"port": 80, "targetPort": "http"}]
    return thing("v1", "Service", "web", age=age, spec={"selector": {"app": selector}, "ports": ports, **spec})


def endpoints(*ready: bool) -> Json:
    return thing(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "web-abc",
        metadata={"labels": {"kubernetes.io/service-name": "web"}},
        endpoints=[{"addresses": ["192.0.2.1"], "conditions": {"ready": each}} for each in ready],
    )


def ingress(name: str = "web", *, address: bool = True, annotations: Json | None = None) -> Json:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return thing(
        "networking.k8s.io/v1",
        "Ingress",
        name,
        metadata={"annotations": annotations or {}},
        spec={
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}],
            "rules": [{"host": "shop.example.com", "http": {"paths": [{"path": "/", "backend": backend}]}}],
        },
        status={"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}] if address else []}},
    )


NGINX = thing(
    "networking.k8s.io/v1", "IngressClass", "nginx", namespace="", spec={"controller": "k8s.io/ingress-nginx"}
)
TLS = thing("v1", "Secret", "shop-tls")


def certificate(*conditions: Json, age: float = 300, **status: Any) -> Json:
    return thing(
        CERT_MANAGER,
        "Certificate",
        "shop-tls",
        age=age,
        spec={
            "secretName": "shop-tls",
            "dnsNames": ["shop.example.com"],
            "issuerRef": {"kind": "ClusterIssuer", "name": "letsencrypt"},
        },
        status={"conditions": list(conditions), **status},
    )


def issuer(status: str = "True", message: str = "") -> Json:
    return thing(
        CERT_MANAGER,
        "ClusterIssuer",
        "letsencrypt",
        namespace="",
        status={"conditions": [condition("Ready", status, "ACMEAccount", message)]},
    )


def store(*conditions: Json, age: float = 300) -> Json:
    login = {"auth": {"tokenSecretRef": {"name": "bao-token", "key": "token"}}}
    return thing(
        ESO,
        "SecretStore",
        "bao",
        age=age,
        spec={"provider": {"vault": {"server": "https://bao.example.com", **login}}},
        status={"conditions": list(conditions)},
    )


def external(name: str = "db", *conditions: Json, age: float = 300) -> Json:
    spec = {"secretStoreRef": {"name": "bao"}, "target": {"name": name}}
    return thing(ESO, "ExternalSecret", name, age=age, spec=spec, status={"conditions": list(conditions)})


TOKEN = thing("v1", "Secret", "bao-token")
NOT_READY = condition("Ready", "False", "InvalidProviderConfig", "unable to log in: 503")
NOT_SYNCED = condition("Ready", "False", "SecretSyncedError", "could not get secret data from provider")


def test_a_service_follows_from_the_pods_behind_it() -> None:
    """A Deployment, its Service and its overdue rollout are told with the Pods that do not start, not beside them."""
    overdue = condition("Progressing", "False", "ProgressDeadlineExceeded", "ReplicaSet web-5d has timed out")
    web = deployment(conditions=[overdue])
    owner = replica_set(web, replicas=1, readyReplicas=0)
    failing = pod(owner=owner, containerStatuses=[waits("CrashLoopBackOff")])
    (found,) = told(web, owner, failing, service(), endpoints(False), NGINX, TLS, ingress())
    assert found.title == "Pod shop/web-1"
    assert found.what == "of Deployment web: container main ends again and again"
    assert found.follows == (
        "Deployment shop/web: its rollout made no progress within 600 seconds, 0 of 1 Pods are ready",
        "Service shop/web: no Pod behind it is ready (0 of 1)",
    )


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        pytest.param(
            [service("shop"), endpoints(), pod()],
            (
                "Service shop/web: its selector selects no Pod",
                ("selector: app=shop",),
                "Compare the selector with the labels of the Pod template, in the chart.",
                False,
            ),
            id="a selector that selects nobody",
        ),
        pytest.param(
            [service(), endpoints(), deployment(replicas=0)],
            (
                "Service shop/web: nobody is behind it: Deployment web has 0 replicas",
                ("selector: app=web",),
                "Raise the replicas of Deployment web in the values.",
                True,
            ),
            id="nobody is asked for",
        ),
        pytest.param(
            [service(), endpoints(), pod(conditions=[condition("Ready", "True")])],
            (
                "Service shop/web: 1 Pods behind it are ready, and none is an endpoint",
                ("target ports: http",),
                "Compare the target ports with those of the Pods.",
                False,
            ),
            id="a target port that no Pod has",
        ),
        pytest.param(
            [service(type="LoadBalancer"), endpoints(True)],
            (
                "Service shop/web: its load balancer has no address",
                ("no event tells why: does anybody provide load balancers here?",),
                "Look closer: kubectl describe service web -n shop",
                False,
            ),
            id="a load balancer without address",
        ),
    ],
)
def test_a_service_behind_which_nobody_answers(objects: list[Json], wanted: tuple[Any, ...]) -> None:
    """A Service without a ready endpoint says why nobody is behind it."""
    found = [each for each in told(*objects) if each.kind == "Service"]
    assert [summary(each) for each in found] == [wanted]


def test_a_service_is_well_with_one_ready_endpoint_or_when_nothing_is_known() -> None:
    """One ready endpoint is enough, and without the EndpointSlices nothing is said."""
    assert told(service(), endpoints(False, True)) == []
    assert told(service("shop"), without=["EndpointSlice"]) == []


def test_pods_that_a_quota_refuses_are_told_at_the_quota() -> None:
    """A ResourceQuota is told once, with its numbers, for all workloads whose Pods it refuses."""
    words = 'pods "web-5d-x" is forbidden: exceeded quota: small, requested: cpu=1, used: cpu=2, limited: cpu=2'
    workloads = [
        deployment(name, conditions=[condition("ReplicaFailure", "True", "FailedCreate", words)])
        for name in ("api", "web")
    ]
    quota = thing("v1", "ResourceQuota", "small", status={"hard": {"cpu": "2"}, "used": {"cpu": "2"}})
    (found,) = told(quota, *workloads)
    assert summary(found) == (
        "ResourceQuota shop/small: leaves no room for more Pods",
        (f"the API server: {words}", "cpu: 2 of 2 used"),
        "Raise the quota, or ask for less in the values: kubectl describe resourcequota small -n shop",
        False,
    )
    assert found.follows == (
        "Deployment shop/api: its Pods exceed ResourceQuota small",
        "Deployment shop/web: its Pods exceed ResourceQuota small",
    )


@pytest.mark.parametrize(
    ("message", "what", "hopeless"),
    [
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot', "its Pods are refused", True),
        (
            'pods "x" is forbidden: error looking up service account shop/web: serviceaccount "web" not found',
            "its Pods need ServiceAccount web, which does not exist",
            False,
        ),
    ],
)
def test_pods_that_are_refused_are_told_at_their_workload(message: str, what: str, *, hopeless: bool) -> None:
    """What the API server says against the Pods of a Deployment is told there."""
    web = deployment(conditions=[condition("ReplicaFailure", "True", "FailedCreate", message)])
    step = "Change what is refused in the chart or its values, or see: kubectl describe deployment web -n shop"
    assert [summary(each) for each in told(web)] == [
        (f"Deployment shop/web: {what}", (f"the API server: {message}",), step, hopeless)
    ]


def test_a_generation_that_nobody_looked_at_is_told() -> None:
    """Where no controller has seen the newest generation, the old status says nothing."""
    web = deployment(observedGeneration=0)
    assert [summary(each) for each in told(web)] == [
        (
            "Deployment shop/web: generation 1 has not been looked at, the status is of 0",
            (),
            "See whether the controller manager of the cluster runs: kubectl get pods -n kube-system",
            False,
        )
    ]


def test_a_job_that_failed_is_told_with_the_end_of_its_pod() -> None:
    """A Job says why it failed and how its last Pod ended; of a CronJob's Jobs the newest decides."""
    cron = thing("batch/v1", "CronJob", "renew", spec={}, status={"lastScheduleTime": ago(60)})
    failed = {"conditions": [condition("Failed", "True", "BackoffLimitExceeded", "Job has reached the backoff limit")]}
    old = thing("batch/v1", "Job", "renew-1", owner=cron, age=900, status=failed)
    job = thing("batch/v1", "Job", "renew-2", owner=cron, age=60, status=failed)
    end = {"name": "main", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}
    last = thing("v1", "Pod", "renew-2-x", owner=job, status={"phase": "Failed", "containerStatuses": [end]})
    words = (
        "condition Failed (BackoffLimitExceeded): Job has reached the backoff limit",
        "Pod renew-2-x: container main ended with exit code 3 (Error)",
    )
    assert [summary(each) for each in told(cron, old, job, last, ours=[ref_of(cron)])] == [
        ("Job shop/renew-2: has failed", words, "Read why: kubectl logs job/renew-2 -n shop", False)
    ]
    newer = thing("batch/v1", "Job", "renew-3", owner=cron, age=5, status={"active": 1})
    assert told(cron, old, job, last, newer, ours=[ref_of(cron)]) == []


def test_a_store_that_is_not_ready_is_told_with_all_that_waits_for_it() -> None:
    """ExternalSecrets, the Pods that need their Secrets and the Services before those follow from the store."""
    web = deployment()
    owner = replica_set(web)
    waiting = pod(
        owner=owner, phase="Pending", containerStatuses=[waits("CreateContainerConfigError", 'secret "db" not found')]
    )
    objects = [store(NOT_READY), external("db", NOT_SYNCED), TOKEN, web, owner, waiting, service(), endpoints(False)]
    (found,) = told(*objects)
    assert summary(found) == (
        "SecretStore shop/bao: is not ready",
        (
            "condition Ready (InvalidProviderConfig): unable to log in: 503",
            LOGIN,
        ),
        "See whether the key token has more than 0 bytes: kubectl describe secret bao-token -n shop",
        False,
    )
    assert found.follows == (
        "ExternalSecret shop/db: is not ready",
        "Pod shop/web-1: of Deployment web: container main: Secret db does not exist",
        "Service shop/web: no Pod behind it is ready (0 of 1)",
    )


def test_what_keeps_a_store_from_its_client_stands_in_its_event() -> None:
    """The condition names no cause; the event of the same reason does, and decides the next step."""
    value = store(condition("Ready", "False", "InvalidProviderConfig", "unable to create client"))
    cause = 'cannot find secret data for key: "token"'
    (found,) = told(value, TOKEN, event(value, "InvalidProviderConfig", cause))
    assert summary(found) == (
        "SecretStore shop/bao: is not ready",
        (
            "condition Ready (InvalidProviderConfig): unable to create client",
            f"event InvalidProviderConfig: {cause}",
            LOGIN,
        ),
        FILL,
        False,
    )


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        pytest.param(
            [store(NOT_READY)],
            (
                "SecretStore shop/bao: is not ready: the Secret bao-token of its login does not exist",
                ("condition Ready (InvalidProviderConfig): unable to log in: 503",),
                "Make Secret bao-token in namespace shop with the key token.",
                True,
            ),
            id="a login that is not there",
        ),
        pytest.param(
            [
                store(condition("Ready", "False", "InvalidProviderConfig", 'cannot find secret data for key: "token"')),
                TOKEN,
            ],
            (
                "SecretStore shop/bao: is not ready",
                (
                    'condition Ready (InvalidProviderConfig): cannot find secret data for key: "token"',
                    LOGIN,
                ),
                FILL,
                True,
            ),
            id="a login without the key",
        ),
        pytest.param(
            [external("db", NOT_SYNCED)],
            (
                "ExternalSecret shop/db: its SecretStore bao does not exist",
                ("condition Ready: could not get secret data from provider",),
                "Deploy the store first, or correct spec.secretStoreRef.",
                True,
            ),
            id="a store that is not there",
        ),
        pytest.param(
            [store(condition("Ready", "True")), external("db", NOT_SYNCED)],
            (
                "ExternalSecret shop/db: is not ready",
                ("condition Ready (SecretSyncedError): could not get secret data from provider",),
                "See which entry fails: kubectl describe externalsecret db -n shop",
                False,
            ),
            id="an entry that fails",
        ),
        pytest.param(
            [store(condition("Ready", "True")), external("db", condition("Ready", "True"))],
            (
                "ExternalSecret shop/db: is ready, and its Secret db does not exist",
                (),
                "Let the operator make it anew: kubectl annotate externalsecret db -n shop force-sync=1",
                False,
            ),
            id="a Secret that is gone",
        ),
        pytest.param(
            [store(condition("Ready", "True")), external("db")],
            (
                "ExternalSecret shop/db: nobody has looked at it for 300 seconds",
                ("it has no condition Ready",),
                OPERATOR,
                False,
            ),
            id="no operator",
        ),
    ],
)
def test_external_secrets_are_told_with_the_words_of_the_operator(objects: list[Json], wanted: tuple[Any, ...]) -> None:
    """Store, ExternalSecret and Secret each have their own trouble, with the way out."""
    assert [summary(each) for each in told(*objects)] == [wanted]


def test_external_secrets_that_are_ready_are_no_trouble() -> None:
    """A store and an ExternalSecret that are ready, with the Secret there, are as they should be."""
    ready = condition("Ready", "True")
    assert told(store(ready), external("db", ready), TOKEN, thing("v1", "Secret", "db")) == []


def test_a_certificate_is_told_with_the_challenge_that_holds_it() -> None:
    """Request, Order and Challenge of a Certificate say why it is not issued, and its Ingress follows from it."""
    value = certificate(
        condition("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist"),
        condition("Issuing", "True", "DoesNotExist", "Issuing certificate as Secret does not exist"),
    )
    pending = {"conditions": [condition("Ready", "False", "Pending", "Waiting on certificate issuance from order")]}
    request = thing(CERT_MANAGER, "CertificateRequest", "shop-tls-1", owner=value, status=pending)
    order = thing(ACME, "Order", "shop-tls-1-9", owner=request, status={"state": "pending"})
    challenge = thing(
        ACME,
        "Challenge",
        "shop-tls-1-9-0",
        owner=order,
        spec={"dnsName": "shop.example.com", "type": "HTTP-01"},
        status={"state": "pending", "reason": PROPAGATION},
    )
    web = service()
    objects = [NGINX, web, endpoints(True), ingress(), issuer(), value, request, order, challenge]
    (found,) = told(*objects, ours=[ref_of(ingress())])
    assert summary(found) == (
        "Certificate shop/shop-tls: is not issued (shop.example.com)",
        (
            f"Challenge shop-tls-1-9-0 for shop.example.com by HTTP-01 is pending: {PROPAGATION}",
            "condition Issuing (DoesNotExist): Issuing certificate as Secret does not exist",
            "condition Ready (DoesNotExist): Issuing certificate as Secret does not exist",
        ),
        DNS,
        False,
    )
    assert found.follows == (f"Ingress shop/web: {NO_TLS}: shop.example.com has no certificate",)


def test_a_certificate_whose_last_attempt_failed_says_so_itself() -> None:
    """The words stand on the Certificate, also when its request is gone, and it is not tried again for an hour."""
    failed = "The certificate request has failed to complete and will be retried: too many certificates"
    value = certificate(
        condition("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist"),
        condition("Issuing", "False", "Failed", failed),
        age=5,
    )
    assert [summary(each) for each in told(issuer(), value)] == [
        (
            "Certificate shop/shop-tls: is not issued (shop.example.com)",
            (
                f"condition Issuing (Failed): {failed}",
                "condition Ready (DoesNotExist): Issuing certificate as Secret does not exist",
            ),
            "Look closer: kubectl describe certificate shop-tls -n shop",
            True,
        )
    ]


def test_a_certificate_follows_from_its_issuer() -> None:
    """An issuer that is not ready is told once, and one that is not there at the Certificate."""
    value = certificate(condition("Ready", "False", "DoesNotExist", "no Secret"), age=300)
    (found,) = told(issuer("False", "Failed to register ACME account: 503"), value)
    assert summary(found) == (
        "ClusterIssuer letsencrypt: is not ready",
        ("condition Ready (ACMEAccount): Failed to register ACME account: 503",),
        "Look closer: kubectl describe clusterissuer letsencrypt",
        False,
    )
    assert found.follows == ("Certificate shop/shop-tls: is not issued (shop.example.com)",)
    assert [summary(each) for each in told(value)] == [
        (
            "Certificate shop/shop-tls: its ClusterIssuer letsencrypt does not exist",
            ("condition Ready (DoesNotExist): no Secret",),
            "Install ClusterIssuer letsencrypt, or name another one in the values.",
            True,
        )
    ]


def test_a_certificate_that_ends_and_is_not_renewed_is_told() -> None:
    """Only one whose renewal is overdue, or that has ended, is a trouble: cert-manager renews in time by itself."""
    ready = condition("Ready", "True")
    late = certificate(ready, notAfter=ago(-86400), renewalTime=ago(86400))
    gone = certificate(ready, notAfter=ago(60), renewalTime=ago(86400))
    soon = certificate(ready, notAfter=ago(-86400), renewalTime=ago(60))
    due = "its renewal was due on 2026-02-28T12:00:00Z"
    step = "Look closer: kubectl describe certificate shop-tls -n shop"
    name = "Certificate shop/shop-tls"
    assert [[summary(each) for each in told(issuer(), TLS, one)] for one in (late, gone, soon)] == [
        [(f"{name}: ends on 2026-03-02T12:00:00Z and is not renewed", (due,), step, False)],
        [(f"{name}: ended on 2026-03-01T11:59:00Z and is not renewed", (due,), step, False)],
        [],
    ]


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        pytest.param(
            [TLS, ingress()],
            (
                "Ingress shop/web: its class nginx does not exist in this cluster",
                ("ingress classes: none",),
                "Install the ingress controller of class nginx, or name another class in the values.",
                True,
            ),
            id="a class that is not there",
        ),
        pytest.param(
            [NGINX, TLS, ingress(address=False), ingress("api", address=False)],
            (
                "Ingress shop/api: has no address (also of web)",
                ("the controller of class nginx (k8s.io/ingress-nginx) has not answered",),
                CONTROLLER,
                False,
            ),
            id="no address",
        ),
        pytest.param(
            [NGINX, ingress(), ingress("api")],
            (
                f"Ingress shop/api: {NO_TLS} (also of web): shop.example.com has no certificate",
                ("no Certificate and no cert-manager annotation brings it",),
                "Make Secret shop-tls of type kubernetes.io/tls in namespace shop, or name an issuer in the values.",
                True,
            ),
            id="a Secret that nobody makes",
        ),
        pytest.param(
            [NGINX, ingress(annotations={"cert-manager.io/cluster-issuer": "letsencrypt"})],
            (
                f"Ingress shop/web: {NO_TLS}: shop.example.com has no certificate",
                (
                    "cert-manager.io/cluster-issuer: letsencrypt",
                    "no Certificate brings it: cert-manager has not made one",
                ),
                "See whether cert-manager runs: kubectl get pods -A -l app.kubernetes.io/name=cert-manager",
                False,
            ),
            id="an annotation that nobody followed",
        ),
        pytest.param(
            [NGINX, issuer(), ingress(), certificate(age=5)],
            (
                f"Ingress shop/web: {NO_TLS}: shop.example.com has no certificate",
                ("Certificate shop-tls is to bring it and is not issued yet",),
                "kubectl describe certificate shop-tls -n shop",
                False,
            ),
            id="a Certificate that is being issued",
        ),
    ],
)
def test_an_ingress_that_leads_nowhere(objects: list[Json], wanted: tuple[Any, ...]) -> None:
    """Class, address, certificate: each is told with the cluster's words; a shared Secret is told once."""
    found = told(*objects, service(), endpoints(True))
    assert [summary(each) for each in found] == [wanted]


def test_an_ingress_to_a_service_that_is_not_there_is_told_with_its_paths() -> None:
    """A route whose Service does not exist is an error page for whoever comes."""
    assert [summary(each) for each in told(NGINX, TLS, ingress())] == [
        (
            "Ingress shop/web: leads to Service web, which does not exist",
            ("paths: shop.example.com/",),
            "Deploy what brings Service web: kubectl get services -n shop",
            False,
        )
    ]


def test_everything_in_a_namespace_that_goes_follows_from_it() -> None:
    """A namespace that is being deleted is told with what holds it, and nothing in it is told beside it."""
    holding = [
        condition("NamespaceContentRemaining", "True", "SomeResourcesRemain", "pods. has 1 resource instances"),
        condition("NamespaceDeletionContentFailure", "False", "ContentDeleted", "fine"),
    ]
    space = thing(
        "v1",
        "Namespace",
        NAMESPACE,
        namespace="",
        metadata={"deletionTimestamp": ago(60)},
        status={"conditions": holding},
    )
    (found,) = told(space, external("db", NOT_SYNCED))
    assert summary(found) == (
        "Namespace shop: is being deleted: nothing can be made in it, and what is in it goes",
        ("condition NamespaceContentRemaining: pods. has 1 resource instances",),
        "Wait until it is gone: kubectl get namespace shop -o yaml names what holds it; deploy again afterwards.",
        False,
    )
    assert found.follows == ("ExternalSecret shop/db: its SecretStore bao does not exist",)


def test_a_claim_without_a_volume_is_told_and_its_pod_follows() -> None:
    """A claim that nobody provides for is told with the provisioner's words; one that waits for a Pod is not."""
    claim = thing("v1", "PersistentVolumeClaim", "data", spec={"storageClassName": "fast"}, status={"phase": "Pending"})
    failed = event(claim, "ProvisioningFailed", 'storageclass "fast" not found')
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    words = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    waiting = pod(
        spec={"nodeName": "", **volume},
        phase="Pending",
        conditions=[condition("PodScheduled", "False", "Unschedulable", words)],
    )
    (found,) = told(claim, failed, waiting)
    assert summary(found) == (
        "PersistentVolumeClaim shop/data: has no volume",
        ('event ProvisioningFailed: storageclass "fast" not found',),
        "Look closer: kubectl describe pvc data -n shop",
        False,
    )
    assert found.follows == ("Pod shop/web-1: no node takes it",)
    assert told(claim, event(claim, "WaitForFirstConsumer", "waiting for first consumer")) == []


def test_what_no_topic_knows_is_told_with_its_health() -> None:
    """An object that Argo CD calls degraded or suspended is never passed over."""
    request = thing(
        ESO, "PushSecret", "up", status={"conditions": [condition("Ready", "False", "Errored", "no right")]}
    )
    paused = deployment()
    paused["spec"]["paused"] = True
    assert [summary(each) for each in told(request, paused)] == [
        (
            "PushSecret shop/up: is Degraded",
            ("Argo CD: no right",),
            "Look closer: kubectl describe pushsecret up -n shop",
            False,
        ),
        (
            "Deployment shop/web: is Suspended",
            ("Argo CD: Deployment is paused",),
            "kubectl rollout resume deployment web -n shop",
            True,
        ),
    ]


def test_troubles_of_others_are_not_ours() -> None:
    """In a shared namespace only what touches our objects, or what they own, is told."""
    theirs = pod("other", containerStatuses=[waits("CrashLoopBackOff")])
    web = deployment()
    mine = pod(owner=replica_set(web), containerStatuses=[waits("CrashLoopBackOff")])
    found = told(theirs, web, replica_set(web), mine, ours=[ref_of(web)])
    assert [each.title for each in found] == ["Pod shop/web-1"]


NAMES = st.sampled_from("abcdef")


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=3)), max_size=8))
def test_every_trouble_is_told_once(links: list[tuple[str, list[str]]]) -> None:
    """However causes point at each other, in rings too, each trouble is a cause or follows from exactly one."""
    found = [
        Trouble("", "Pod", NAMESPACE, name, f"trouble {number}", objects=frozenset({("", "Pod", NAMESPACE, name)}),
                because=tuple(("", "Pod", NAMESPACE, other) for other in because))
        for number, (name, because) in enumerate(links)
    ]  # fmt: skip
    groups = list(by_cause(found, {}))
    told_once = [each.what for cause, followers in groups for each in (cause, *followers)]
    assert sorted(told_once) == sorted(each.what for each in found)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
CUSTOM = [store(NOT_READY), external("db", NOT_SYNCED), certificate(condition("Ready", "False")), issuer("False", "x")]
FIELDS = ("spec", "status", "conditions", "provider", "secretStoreRef", "issuerRef", "message", "type")


def mangled(value: Any, field: str, junk: Any) -> Any:
    if isinstance(value, dict):
        return {key: junk if key == field else mangled(each, field, junk) for key, each in value.items()}
    return [mangled(each, field, junk) for each in value] if isinstance(value, list) else value


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CUSTOM), st.sampled_from(FIELDS), JUNK)
def test_a_custom_resource_may_say_anything(value: Json, field: str, junk: Any) -> None:
    """Whatever stands in the fields of a custom resource, it is judged without an error."""
    broken = mangled(value, field, junk)
    health_of(broken)
    troubles(live(broken), [ref_of(broken)])
