"""What a staging cluster has besides Kubernetes, as clients of the real API server: three operators in one thread.

External Secrets Operator, an ingress controller of class nginx and cert-manager, as far as a deploy can see them: the
objects that they make, the statuses and events that they write, in the form of the releases whose CRDs tests serve
(external-secrets: pkg/controllers/*; cert-manager: pkg/controller/certificates and certificate-shim). Each can be away
or fail with a message, also while it works.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.controlplane.keys import self_signed
from tests.controlplane.plane import ControlPlane

Json = dict[str, Any]

ADDRESS = "192.0.2.80"
ISSUER_ANNOTATION = "cert-manager.io/cluster-issuer"
TICK_SECONDS = 0.2
_MERGE = "application/merge-patch+json"


@dataclass
class Operators:
    """The operators of one namespace: each works (True), is not there (False), or fails with a message.

    A test may change the three at any time; the next round sees it. What they brought stays, as it does when a real
    operator is stopped. `secret_value` is what the secret store holds for every key. With `token` somebody is there
    who fills the store's token Secret when it appears without data.
    """

    plane: ControlPlane
    namespace: str
    external_secrets: bool | str = True
    ingress_controller: bool = True
    cert_manager: bool | str = True
    token: str = field(default="", repr=False)
    secret_value: str = field(default="from-the-store", repr=False)

    def round(self) -> None:
        """Look at every object once, and bring each to where it should be."""
        if self.external_secrets:
            self._external_secrets("" if self.external_secrets is True else self.external_secrets)
        if self.ingress_controller:
            for ingress in self._list("networking.k8s.io/v1", "ingresses"):
                self._route(ingress)
        if self.cert_manager:
            for ingress in self._list("networking.k8s.io/v1", "ingresses"):
                self._certify(ingress, "" if self.cert_manager is True else self.cert_manager)

    def _external_secrets(self, fault: str) -> None:
        secrets = {one["metadata"]["name"]: one for one in self._list("v1", "secrets")}
        ready = set()
        for store in self._list("external-secrets.io/v1", "secretstores"):
            if self.token:
                self._fill_token(store, secrets)
            trouble = fault or _token_fault(store, secrets)
            self._judge_store(store, trouble)
            if not trouble:
                ready.add(store["metadata"]["name"])
        for wanted in self._list("external-secrets.io/v1", "externalsecrets"):
            if wanted["spec"]["secretStoreRef"]["name"] in ready:
                self._sync(wanted, secrets)
            else:
                self._not_synced(wanted)

    def _fill_token(self, store: Json, secrets: Mapping[str, Json]) -> None:
        reference = _token_reference(store)
        secret = secrets.get(reference["name"])
        if secret is not None and "data" not in secret:
            path = f"{self._path('v1', 'secrets')}/{reference['name']}"
            patch = {"stringData": {reference["key"]: self.token}}
            self.plane.request("PATCH", path, patch, content_type=_MERGE)

    def _judge_store(self, store: Json, trouble: str) -> None:
        if not trouble:
            condition = _condition("Ready", "True", "Valid", "store validated")
            self._status("external-secrets.io/v1", "secretstores", store, condition, {"capabilities": "ReadWrite"})
        elif self._status(
            "external-secrets.io/v1",
            "secretstores",
            store,
            _condition("Ready", "False", "InvalidProviderConfig", "unable to create client"),
        ):
            self._warn(store, "InvalidProviderConfig", trouble)

    def _sync(self, wanted: Json, secrets: Mapping[str, Json]) -> None:
        target = wanted["spec"].get("target", {})
        name = target.get("name") or wanted["metadata"]["name"]
        if name not in secrets:
            kind = target.get("template", {}).get("type", "Opaque")
            metadata = {
                "name": name,
                "labels": {"reconcile.external-secrets.io/managed": "true"},
                "ownerReferences": [_owner(wanted)],
            }
            body = {"metadata": metadata, "type": kind, "data": self._data(wanted, kind)}
            self._create("v1", "secrets", body)
        more = {"refreshTime": _now(), "binding": {"name": name}, "syncedResourceVersion": "1-of-the-store"}
        condition = _condition("Ready", "True", "SecretSynced", "secret synced")
        self._status("external-secrets.io/v1", "externalsecrets", wanted, condition, more)

    def _data(self, wanted: Json, kind: str) -> dict[str, str]:
        """The keys that are wanted; a template is not evaluated, but the API server looks at a pull secret."""
        keys = [one["secretKey"] for one in wanted["spec"].get("data", ())]
        if kind == "kubernetes.io/dockerconfigjson":
            return {".dockerconfigjson": base64.b64encode(b'{"auths":{}}').decode()}
        return {key: base64.b64encode(self.secret_value.encode()).decode() for key in keys}

    def _not_synced(self, wanted: Json) -> None:
        message = "could not get secret data from provider"
        condition = _condition("Ready", "False", "SecretSyncedError", message)
        if self._status("external-secrets.io/v1", "externalsecrets", wanted, condition):
            store = wanted["spec"]["secretStoreRef"]["name"]
            self._warn(wanted, "UpdateFailed", f'{message}: SecretStore "{store}" is not ready')

    def _route(self, ingress: Json) -> None:
        if ingress["spec"].get("ingressClassName") == "nginx" and not ingress["status"].get("loadBalancer"):
            status = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}
            self._patch("networking.k8s.io/v1", "ingresses", ingress, {"status": status})

    def _certify(self, ingress: Json, fault: str) -> None:
        issuer = ingress["metadata"].get("annotations", {}).get(ISSUER_ANNOTATION)
        for entry in ingress["spec"].get("tls", ()) if issuer else ():
            name, hosts = entry["secretName"], entry["hosts"]
            certificate = self._get("cert-manager.io/v1", "certificates", name)
            if certificate is None:
                spec = {
                    "secretName": name,
                    "dnsNames": hosts,
                    "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer},
                    "usages": ["digital signature", "key encipherment"],
                }
                metadata = {"name": name, "ownerReferences": [_owner(ingress)]}
                certificate = self._create("cert-manager.io/v1", "certificates", {"metadata": metadata, "spec": spec})
            if certificate is not None:
                self._issue(certificate, fault)

    def _issue(self, certificate: Json, fault: str) -> None:
        name, hosts = certificate["spec"]["secretName"], certificate["spec"]["dnsNames"]
        missing = "Issuing certificate as Secret does not exist"
        if fault:
            retried = f"The certificate request has failed to complete and will be retried: {fault}"
            conditions = [
                _condition("Ready", "False", "DoesNotExist", missing),
                _condition("Issuing", "False", "Failed", retried),
            ]
            if self._status("cert-manager.io/v1", "certificates", certificate, conditions):
                self._warn(certificate, "Failed", retried)
            return
        if self._get("v1", "secrets", name) is None:
            self._status(
                "cert-manager.io/v1", "certificates", certificate, _condition("Ready", "False", "DoesNotExist", missing)
            )
            crt, key = (base64.b64encode(pem).decode() for pem in self_signed(hosts))
            metadata = {"name": name, "annotations": {"cert-manager.io/certificate-name": name}}
            body = {"metadata": metadata, "type": "kubernetes.io/tls", "data": {"tls.crt": crt, "tls.key": key}}
            self._create("v1", "secrets", body)
        now = dt.datetime.now(dt.UTC)
        times = {
            "notBefore": _time(now),
            "renewalTime": _time(now + dt.timedelta(days=60)),
            "notAfter": _time(now + dt.timedelta(days=90)),
        }
        ready = _condition("Ready", "True", "Ready", "Certificate is up to date and has not expired")
        self._status("cert-manager.io/v1", "certificates", certificate, ready, {**times, "revision": 1})

    def _status(
        self,
        version: str,
        plural: str,
        item: Json,
        conditions: Json | list[Json],
        more: Mapping[str, Any] | None = None,
    ) -> bool:
        """Write a status where it says something else than before; whether that was so."""
        wanted = conditions if isinstance(conditions, list) else [conditions]
        before = [_said(one) for one in item.get("status", {}).get("conditions", ())]
        if before == [_said(one) for one in wanted]:
            return False
        self._patch(version, plural, item, {"status": {"conditions": wanted, **(more or {})}})
        return True

    def _warn(self, item: Json, reason: str, message: str) -> None:
        about = {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "name": item["metadata"]["name"],
            "namespace": self.namespace,
            "uid": item["metadata"]["uid"],
        }
        body = {
            "metadata": {"generateName": f"{item['metadata']['name']}."},
            "involvedObject": about,
            "type": "Warning",
            "reason": reason,
            "message": message,
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "count": 1,
            "source": {"component": "operators"},
        }
        self._create("v1", "events", body)

    def _path(self, version: str, plural: str) -> str:
        root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        return f"{root}/namespaces/{self.namespace}/{plural}"

    def _list(self, version: str, plural: str) -> list[Json]:
        """The objects of a kind, with what a list leaves out; none where the kind is not served."""
        answer = self.plane.request("GET", self._path(version, plural))
        if answer.status != 200:
            return []
        kind = answer.body["kind"].removesuffix("List")
        return [
            {"apiVersion": version, "kind": kind, "status": {}, **one}
            for one in answer.body["items"]
            if "deletionTimestamp" not in one["metadata"]
        ]

    def _get(self, version: str, plural: str, name: str) -> Json | None:
        answer = self.plane.request("GET", f"{self._path(version, plural)}/{name}")
        return answer.body if answer.status == 200 else None

    def _create(self, version: str, plural: str, body: Json) -> Json | None:
        """Create an object; somebody may have been quicker, and the namespace or the kind may be on their way out."""
        kind = {"apiVersion": version, "kind": plural.removesuffix("s").capitalize()}
        answer = self.plane.request("POST", self._path(version, plural), {**kind, **body})
        assert answer.status in (201, 403, 404, 409), answer
        return answer.body if answer.status == 201 else None

    def _patch(self, version: str, plural: str, item: Json, patch: Json) -> None:
        path = f"{self._path(version, plural)}/{item['metadata']['name']}/status"
        answer = self.plane.request("PATCH", path, patch, content_type=_MERGE)
        assert answer.status in (200, 404), answer


@contextlib.contextmanager
def operators(
    plane: ControlPlane,
    namespace: str,
    *,
    external_secrets: bool | str = True,
    ingress_controller: bool = True,
    cert_manager: bool | str = True,
    token: str = "",
) -> Iterator[Operators]:
    """Let the operators work until the block ends; what went wrong in their thread is raised then."""
    working = Operators(plane, namespace, external_secrets, ingress_controller, cert_manager, token)
    ended = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not ended.wait(TICK_SECONDS):
                working.round()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, name=f"operators of {namespace}")
    thread.start()
    try:
        yield working
    finally:
        ended.set()
        thread.join()
        if failures:  # also where the block failed, which it did because of this
            raise failures[0]


def _token_fault(store: Json, secrets: Mapping[str, Json]) -> str:
    """Why a store cannot log in; "" where its token is there."""
    name, key = (_token_reference(store)[part] for part in ("name", "key"))
    secret = secrets.get(name)
    if secret is None:
        return f'cannot get Kubernetes secret "{name}": Secret "{name}" not found'
    return "" if secret.get("data", {}).get(key) else f'cannot find secret data for key: "{key}"'


def _token_reference(store: Json) -> Json:
    """Name and key of the Secret that a store of Vault's kind logs in with."""
    reference: Json = store["spec"]["provider"]["vault"]["auth"]["tokenSecretRef"]
    return reference


def _owner(item: Json) -> Json:
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": item["metadata"]["name"],
        "uid": item["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _condition(kind: str, status: str, reason: str, message: str) -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": _now()}


def _said(condition: Json) -> tuple[str, ...]:
    return tuple(condition.get(key, "") for key in ("type", "status", "reason", "message"))


def _now() -> str:
    return _time(dt.datetime.now(dt.UTC))


def _time(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
