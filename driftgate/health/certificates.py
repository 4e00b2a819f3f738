"""Certificates of cert-manager that are not there, or end soon, and the chain of objects that tells why.

A Certificate makes a CertificateRequest, an ACME issuer an Order for it and a Challenge for each name
(cert-manager `pkg/apis/certmanager/v1`, `pkg/apis/acme/v1`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from driftgate.health.fields import Json, Ref, condition, names, ref_of, text, time_of
from driftgate.health.live import Live
from driftgate.health.trouble import Family, Trouble, said, trouble_at
from driftgate.model.manifest import dig

__all__ = ["GROUP", "certificate_troubles", "secret_producers"]

GROUP = "cert-manager.io"
_ACME = "acme.cert-manager.io"
_SLOW_SECONDS = 60
# cert-manager renews before the last third of the lifetime; one that it did not renew an hour later is left behind.
_RENEWAL_GRACE = timedelta(hours=1)
_ENDED = ("invalid", "expired", "errored")


def secret_producers(live: Live) -> Iterator[tuple[Ref, Ref]]:
    """Each Secret that a Certificate is to make, with the Certificate."""
    for value in live.all(GROUP, "Certificate"):
        if name := text(value, "spec", "secretName"):
            yield ("", "Secret", text(value, "metadata", "namespace"), name), ref_of(value)


def certificate_troubles(live: Live) -> Iterator[Trouble]:
    """Issuers that are not ready, Certificates that are not issued or not renewed."""
    for kind in ("Issuer", "ClusterIssuer"):
        for issuer in live.all(GROUP, kind):
            ready = condition(issuer, "Ready")
            if ready is not None and text(ready, "status") == "False":
                _group, _kind, namespace, name = ref_of(issuer)
                flag = f" -n {namespace}" if namespace else ""
                words = said(f"condition Ready ({text(ready, 'reason')})", text(ready, "message"))
                step = f"Look closer: kubectl describe {kind.lower()} {name}{flag}"
                yield trouble_at(issuer, "is not ready", (words,), step, family=Family.CERTIFICATE)
    for certificate in live.all(GROUP, "Certificate"):
        if trouble := _not_issued(live, certificate):
            yield replace(trouble, family=Family.CERTIFICATE, field=("spec", "issuerRef", "name"))
        elif trouble := _ending(live, certificate):
            yield replace(trouble, family=Family.CERTIFICATE_ENDING, field=("spec", "secretName"))


def _not_issued(live: Live, certificate: Json) -> Trouble | None:
    ready = condition(certificate, "Ready")
    if ready is not None and text(ready, "status") == "True":
        return None
    issuer = _issuer(certificate)
    _group, _kind, namespace, name = ref_of(certificate)
    if live.lacks(*issuer):
        return trouble_at(
            certificate,
            f"its {issuer[1]} {issuer[3]} does not exist",
            (_words(certificate, "Ready"),),
            f"Install {issuer[1]} {issuer[3]}, or name another one in the values.",
            hopeless=True,
        )
    chain = list(_chain(live, certificate))
    reasons = tuple(line for value in chain for line in _reasons(live, value))
    failed = _has_failed(certificate) or any(_has_ended(value) for value in chain)
    if not reasons and not failed and not _is_slow(live, certificate):
        return None
    hosts = ", ".join(names(certificate, "spec", "dnsNames"))
    return trouble_at(
        certificate,
        f"is not issued ({hosts})" if hosts else "is not issued",
        (*reasons, _words(certificate, "Issuing"), _words(certificate, "Ready")),
        _step(chain, namespace, name),
        # A failed order is tried again in an hour at the earliest: cert-manager's back-off.
        hopeless=failed,
        because=(issuer,),
        objects=tuple(map(ref_of, chain)),
    )


def _is_slow(live: Live, certificate: Json) -> bool:
    return live.is_old(certificate, _SLOW_SECONDS)


def _has_failed(certificate: Json) -> bool:
    """Whether the last attempt has failed; the Certificate itself says so, also when its request is gone."""
    issuing = condition(certificate, "Issuing")
    return (text(issuing, "status"), text(issuing, "reason")) == ("False", "Failed")


def _issuer(certificate: Json) -> Ref:
    """The issuer; of another group than cert-manager's it is somebody else's kind."""
    reference = dig(certificate, ("spec", "issuerRef"))
    kind = text(reference, "kind") or "Issuer"
    namespace = "" if kind == "ClusterIssuer" else text(certificate, "metadata", "namespace")
    return (text(reference, "group") or GROUP, kind, namespace, text(reference, "name"))


def _chain(live: Live, certificate: Json) -> Iterator[Json]:
    """The newest request of a Certificate, its Order and the Challenges of that."""
    for request in live.owned(ref_of(certificate), GROUP, "CertificateRequest")[:1]:
        yield request
        for order in live.owned(ref_of(request), _ACME, "Order")[:1]:
            yield order
            yield from live.owned(ref_of(order), _ACME, "Challenge")


def _reasons(live: Live, value: Json) -> Iterator[str]:
    _group, kind, _namespace, name = ref_of(value)
    if kind == "CertificateRequest":
        for wanted in ("Denied", "InvalidRequest", "Ready"):
            found = condition(value, wanted)
            bad = found is not None and text(found, "status") == ("False" if wanted == "Ready" else "True")
            # One that waits for its Order says no more than that.
            if found is not None and bad and text(found, "reason") != "Pending":
                yield said(f"CertificateRequest {name} ({text(found, 'reason')})", text(found, "message"))
        return
    state, reason = text(value, "status", "state"), text(value, "status", "reason")
    if state != "valid" and (reason or state in _ENDED):
        host = text(value, "spec", "dnsName")
        about = f" for {host} by {text(value, 'spec', 'type')}" if host else ""
        yield said(f"{kind} {name}{about} is {state or 'new'}", reason or "no reason given")
    if kind == "Challenge" and state != "valid":
        yield from live.told(value, "PresentError", "CleanUpError", "Failed")


def _has_ended(value: Json) -> bool:
    kind = text(value, "kind")
    if kind == "CertificateRequest":
        ready = condition(value, "Ready") or {}
        denied = condition(value, "Denied", "InvalidRequest") or {}
        return text(ready, "reason") == "Failed" or text(denied, "status") == "True"
    return text(value, "status", "state") in _ENDED


def _step(chain: list[Json], namespace: str, name: str) -> str:
    challenge = next((value for value in chain if text(value, "kind") == "Challenge"), None)
    if challenge is None:
        return f"Look closer: kubectl describe certificate {name} -n {namespace}"
    host = text(challenge, "spec", "dnsName")
    if text(challenge, "spec", "type") == "HTTP-01":
        path = f"http://{host}/.well-known/acme-challenge/"
        return f"See whether DNS leads {host} to this cluster, and whether {path} gets through to it."
    return f"See whether the record _acme-challenge.{host} can be made and read."


def _words(value: Json, kind: str) -> str:
    found = condition(value, kind)
    return said(f"condition {kind} ({text(found, 'reason')})", text(found, "message")) if found else ""


def _ending(live: Live, certificate: Json) -> Trouble | None:
    ends, renewed = time_of(certificate, "status", "notAfter"), time_of(certificate, "status", "renewalTime")
    if ends is None:
        return None
    late = renewed is not None and live.now > renewed + _RENEWAL_GRACE
    began, limit = time_of(certificate, "status", "notBefore"), live.limits.certificate
    # One that lives for a few days only is always about to end, and its renewal is what counts.
    soon = ends <= live.now + limit and (began is None or ends - began > 2 * limit)
    if ends > live.now and not late and not soon:
        return None
    _group, _kind, namespace, name = ref_of(certificate)
    word = "ended" if ends <= live.now else "ends"
    when = f"{word} on {text(certificate, 'status', 'notAfter')}"
    past = "was" if renewed is not None and renewed <= live.now else "is"
    due = f"its renewal {past} due on {text(certificate, 'status', 'renewalTime')}" if renewed else ""
    step = f"Look closer: kubectl describe certificate {name} -n {namespace}"
    what = f"{when} and is not renewed" if late or ends <= live.now else when
    return trouble_at(certificate, what, (due, _words(certificate, "Issuing")), step,
                      because=(_issuer(certificate),))  # fmt: skip
