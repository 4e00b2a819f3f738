"""What brings secrets and certificates: stores, ExternalSecrets, issuers and Certificates, as their operators say."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.checks.live_health import told

from driftgate.judge import Result, Subject, check
from driftgate.model.outcome import Severity


@check(live=True)
def secret_store_not_ready(subject: Subject) -> Iterator[Result]:
    """A SecretStore is not ready

    Why: No ExternalSecret that names it brings anything new: what is there grows old, and what is not there keeps its
    Pods from starting.

    Fix: Read the operator's message: most often the login of the store is missing, empty or has ended.
    """
    yield from told(subject, "secret-store-not-ready", "a store that is ready")


@check(live=True)
def external_secret_not_ready(subject: Subject) -> Iterator[Result]:
    """An ExternalSecret is not ready, or its Secret is not there

    Why: Its Secret is missing or keeps its old value, however often the value is renewed at its source.

    Fix: Read the operator's message: it names the entry that fails.
    """
    yield from told(subject, "external-secret-not-ready", "an ExternalSecret that is ready, and its Secret")


@check(live=True)
def certificate_not_ready(subject: Subject) -> Iterator[Result]:
    """A certificate is not issued, or an issuer is not ready

    Why: Its host has no certificate, or keeps one that will end.

    Fix: Follow the chain that is shown: request, order and challenge name what they wait for.
    """
    yield from told(subject, "certificate-not-ready", "a certificate that is issued")


@check(live=True, severity=Severity.WARNING)
def certificate_ending(subject: Subject) -> Iterator[Result]:
    """A certificate ends soon, or has ended

    Why: From that moment every client refuses the host. cert-manager renews long before; one that comes this far was
    left behind.

    Fix: See why it was not renewed: the events of the Certificate and of its last request.
    """
    yield from told(subject, "certificate-ending", "a certificate that is renewed in time")
