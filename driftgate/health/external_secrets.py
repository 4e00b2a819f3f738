"""Secrets that External Secrets Operator should bring, the stores they come from, and the logins of those.

Conditions and messages are the operator's (external-secrets `apis/externalsecrets/v1`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from driftgate.health.fields import Json, Ref, condition, items, ref_of, text
from driftgate.health.live import Live
from driftgate.health.trouble import Family, Trouble, said, trouble_at
from driftgate.model.manifest import dig

__all__ = ["GROUP", "external_secret_troubles", "secret_producers", "target_of"]

GROUP = "external-secrets.io"
_SLOW_SECONDS = 60
# What only a person mends; a provider that does not answer may do so later.
_SETTLED = re.compile(
    r"cannot find secret data for key|no such key|does not exist|permission denied|\b403\b", re.IGNORECASE
)
_NO_KEY = "cannot find secret data for key"
_STORES = ("SecretStore", "ClusterSecretStore")
# A store's condition says that no client can be made; what keeps it from that stands in the event of the same reason
# (external-secrets `pkg/controllers/secretstore/common.go`).
_STORE_EVENTS = ("InvalidProviderConfig", "ValidationFailed")


def secret_producers(live: Live) -> Iterator[tuple[Ref, Ref]]:
    """Each Secret that an ExternalSecret is to make, with the ExternalSecret."""
    for value in live.all(GROUP, "ExternalSecret"):
        yield target_of(value), ref_of(value)


def target_of(value: Json) -> Ref:
    """The Secret that an ExternalSecret makes: by default of its own name."""
    _group, _kind, namespace, name = ref_of(value)
    return ("", "Secret", namespace, text(value, "spec", "target", "name") or name)


def external_secret_troubles(live: Live) -> Iterator[Trouble]:
    """Stores and ExternalSecrets that are not ready, or that nobody looks at."""
    for kind in _STORES:
        for store in live.all(GROUP, kind):
            if trouble := _store_trouble(live, store):
                yield replace(trouble, family=Family.STORE, field=("spec", "provider"))
    for value in live.all(GROUP, "ExternalSecret"):
        if dig(value, ("metadata", "deletionTimestamp")) is None and (trouble := _secret_trouble(live, value)):
            yield replace(trouble, family=Family.EXTERNAL, field=("spec", "secretStoreRef"))


def _store_trouble(live: Live, store: Json) -> Trouble | None:
    ready = condition(store, "Ready")
    if ready is None:
        return _unseen(live, store)
    if text(ready, "status") != "False":
        return None
    _group, kind, namespace, name = ref_of(store)
    message = said(f"condition Ready ({text(ready, 'reason')})", text(ready, "message"))
    logins = list(_logins(store))
    missing = [one for one in logins if live.lacks("", "Secret", one[0], one[1])]
    if missing:
        space, secret, key = missing[0]
        return trouble_at(
            store,
            f"is not ready: the Secret {secret} of its login does not exist",
            (message,),
            f"Make Secret {secret} in namespace {space} with the key {key}.",
            hopeless=True,
            because=tuple(("", "Secret", one[0], one[1]) for one in missing),
        )
    step = f"Look closer: kubectl describe {kind.lower()} {name}" + (f" -n {namespace}" if namespace else "")
    evidence = [message, *live.told(store, *_STORE_EVENTS)]
    if logins:
        space, secret, key = logins[0]
        evidence.append(
            f"login: key {key} of Secret {space}/{secret}; whether it has a value is not known, Secrets are not read"
        )
        step = f"See whether the key {key} has more than 0 bytes: kubectl describe secret {secret} -n {space}"
        if any(_NO_KEY in words for words in evidence):
            patch = f'kubectl patch secret {secret} -n {space} -p \'{{"stringData":{{"{key}":"..."}}}}\''
            step = f"Put the login into the key {key} of Secret {secret}: {patch}"
    return trouble_at(store, "is not ready", tuple(evidence), step, hopeless=bool(_SETTLED.search(message)))


def _logins(store: Json) -> Iterator[tuple[str, str, str]]:
    """Namespace, name and key of every Secret that a store logs in with: `…SecretRef` and `…SecretSecretRef` fields."""
    pending: list[tuple[str, Any]] = [("", dig(store, ("spec", "provider")))]
    while pending:
        field, value = pending.pop()
        if isinstance(value, dict):
            if field.lower().endswith(("secretref", "secretkeysecretref")) and text(value, "name"):
                space = text(value, "namespace") or text(store, "metadata", "namespace")
                yield space, text(value, "name"), text(value, "key") or "(any)"
            pending += value.items()
        elif isinstance(value, list):
            pending += [(field, each) for each in value]


def _secret_trouble(live: Live, value: Json) -> Trouble | None:
    ready = condition(value, "Ready")
    stores = tuple(_stores(value))
    absent = [store for store in stores if live.lacks(*store)]
    if absent:
        _group, kind, _namespace, name = absent[0]
        what = f"its {kind} {name} does not exist"
        message = said("condition Ready", text(ready, "message")) if ready else ""
        step = "Deploy the store first, or correct spec.secretStoreRef."
        return trouble_at(value, what, (message,), step, hopeless=True)
    if ready is None:
        return _unseen(live, value, because=stores)
    _group, _kind, namespace, name = ref_of(value)
    if text(ready, "status") == "False":
        message = text(ready, "message")
        return trouble_at(
            value,
            "is not ready",
            (said(f"condition Ready ({text(ready, 'reason')})", message), *live.told(value, "UpdateFailed")),
            f"See which entry fails: kubectl describe externalsecret {name} -n {namespace}",
            hopeless=bool(_SETTLED.search(message)),
            because=stores,
        )
    target = target_of(value)
    makes_none = text(value, "spec", "target", "creationPolicy") in ("None", "Merge")
    if live.lacks(*target) and not makes_none and text(ready, "status") == "True":
        step = f"Let the operator make it anew: kubectl annotate externalsecret {name} -n {namespace} force-sync=1"
        return trouble_at(value, f"is ready, and its Secret {target[3]} does not exist", (), step)
    return None


def _stores(value: Json) -> Iterator[Ref]:
    namespace = text(value, "metadata", "namespace")
    references = [dig(value, ("spec", "secretStoreRef"))]
    references += [dig(each, ("sourceRef", "storeRef")) for each in items(value, "spec", "data")]
    references += [dig(each, ("sourceRef", "storeRef")) for each in items(value, "spec", "dataFrom")]
    for reference in references:
        kind = text(reference, "kind") or "SecretStore"
        if text(reference, "name") and kind in _STORES:
            yield (GROUP, kind, "" if kind == "ClusterSecretStore" else namespace, text(reference, "name"))


def _unseen(live: Live, value: Json, because: tuple[Ref, ...] = ()) -> Trouble | None:
    """An object that the operator should have looked at by now."""
    if not live.is_old(value, _SLOW_SECONDS):
        return None
    what = f"nobody has looked at it for {int(live.age(value).total_seconds())} seconds"
    step = "See whether External Secrets Operator runs: kubectl get pods -A -l app.kubernetes.io/name=external-secrets"
    return trouble_at(value, what, ("it has no condition Ready",), step, because=because)
