"""Who answers: Services without endpoints, Ingresses without address, backend or certificate."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.checks.live_health import told

from driftgate.judge import Result, Subject, check
from driftgate.model.outcome import Severity


@check(live=True)
def service_without_endpoints(subject: Subject) -> Iterator[Result]:
    """No ready endpoint is behind a Service

    Why: Every request to it is refused. Argo CD calls a Service healthy, whoever is behind it or not.

    Fix: Bring a Pod behind it to be ready, or let the selector match the labels of the Pods.
    """
    yield from told(subject, "service-without-endpoints", "a ready endpoint")


@check(live=True, severity=Severity.WARNING)
def service_without_address(subject: Subject) -> Iterator[Result]:
    """A Service of type LoadBalancer has no address

    Why: Nobody reaches it from outside; where nothing provides load balancers, it stays so.

    Fix: See what the provider says in the events of the Service; else take another type.
    """
    yield from told(subject, "service-without-address", "an address")


@check(live=True, severity=Severity.WARNING)
def ingress_without_address(subject: Subject) -> Iterator[Result]:
    """An Ingress has no address: no controller has taken it up

    Why: Its hosts lead nowhere, or to whoever had them before.

    Fix: See whether the ingress controller of its class runs in this cluster, or name another class.
    """
    yield from told(subject, "ingress-without-address", "an address from the controller of its class")


@check(live=True)
def ingress_backend_not_there(subject: Subject) -> Iterator[Result]:
    """An Ingress leads to a Service that is not in the cluster

    Why: Its paths are answered with 503 by the controller.

    Fix: Deploy what brings the Service, or correct its name in the values.
    """
    yield from told(subject, "ingress-backend-not-there", "a Service that is there")


@check(live=True)
def tls_secret_not_there(subject: Subject) -> Iterator[Result]:
    """The TLS Secret of an Ingress is not in the cluster

    Why: The controller answers with a certificate of its own, which browsers and clients refuse.

    Fix: See who is to make it: cert-manager by a Certificate or an annotation, or somebody by hand.
    """
    yield from told(subject, "tls-secret-not-there", "the Secret with the certificate")
