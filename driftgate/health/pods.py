"""Pods that do not run as they should, and why, as scheduler and kubelet say it.

Reasons are those of kubelet: Kubernetes `pkg/kubelet/images/types.go`, `pkg/kubelet/kuberuntime`, `pkg/kubelet/events`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from driftgate.health.fields import Json, Ref, condition, integer, items, ref_of, text
from driftgate.health.live import Live
from driftgate.health.trouble import Family, Trouble, said, trouble_at
from driftgate.model.manifest import dig

__all__ = ["pod_troubles"]

# Longer than an ordinary start takes before anything is said about it.
_SLOW_SECONDS = 60
_IMAGE_REASONS = frozenset(
    {"ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName",
     "RegistryUnavailable", "SignatureValidationFailed"}
)  # fmt: skip
_CONFIG_REASONS = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "PostStartHookError",
        "PreCreateHookError",
        "RunContainerError",
    }
)
_START_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume", "Failed")
# What registries and kubelet say of an image that no waiting brings; anything else may be a registry that is down.
_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|name unknown|does not exist|invalid reference format|couldn't parse image|"
    r"invalid image name|no matching manifest|not present with pull policy",
    re.IGNORECASE,
)
_NO_LOGIN = re.compile(r"unauthorized|authentication required|access denied|forbidden|denied:", re.IGNORECASE)
# Kubernetes `pkg/kubelet/kubelet_pods.go`, `pkg/volume/secret`, `pkg/volume/configmap`.
_LACKS_OBJECT = re.compile(r'(secret|configmap) "([^"]+)" not found|references non-existent (secret|config map) key')
_LACKS_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) [^/\s]+/(\S+)")


@dataclass(frozen=True, slots=True)
class _Container:
    """A container of a Pod: what was asked for, and what became of it."""

    spec: Json
    status: Json
    is_init: bool

    @property
    def name(self) -> str:
        """The name with its sort, where it is not an ordinary container."""
        return f"init container {text(self.spec, 'name')}" if self.is_init else f"container {text(self.spec, 'name')}"

    @property
    def waiting(self) -> Json:
        """What it waits for, {} where it does not."""
        return dig(self.status, ("state", "waiting")) or {}

    @property
    def ended(self) -> Json:
        """How it ended last, now or before its last start; {} where it never did."""
        return dig(self.status, ("state", "terminated")) or dig(self.status, ("lastState", "terminated")) or {}

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return dig(self.status, ("state", "running")) is not None

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return integer(self.status, "restartCount")


def pod_troubles(live: Live) -> Iterator[Trouble]:
    """One trouble for each sort of failure among the Pods of one owner."""
    alike: dict[tuple[Any, ...], list[tuple[Json, Trouble]]] = {}
    for pod in live.all("", "Pod"):
        trouble = _trouble_of(live, pod)
        if trouble is not None:
            owner = live.owner(pod) or ref_of(pod)
            alike.setdefault((owner, trouble.what, trouble.hopeless), []).append((pod, trouble))
    for same in alike.values():
        yield _together(live, same)


def _together(live: Live, same: Sequence[tuple[Json, Trouble]]) -> Trouble:
    """The trouble of the first of several Pods, told for all of them and for what owns them."""
    pods = [pod for pod, _ in same]
    first = same[0][1]
    owners = live.owners(pods[0])
    count = f"{len(pods)} Pods" if len(pods) > 1 else ""
    top = owners[-1] if owners else None
    whose = f"of {top[1]} {top[3]}" if top else ""
    prefix = " ".join(part for part in (count, whose) if part)
    evidence = tuple(dict.fromkeys(one for _, trouble in same for one in trouble.evidence))
    return replace(
        first,
        what=f"{prefix}: {first.what}" if prefix else first.what,
        evidence=evidence[:6],
        objects=frozenset((*map(ref_of, pods), *owners)),
        because=tuple(dict.fromkeys(ref for _, trouble in same for ref in trouble.because)),
    )


def _trouble_of(live: Live, pod: Json) -> Trouble | None:
    if dig(pod, ("metadata", "deletionTimestamp")) is not None:
        return _of(Family.POD_FAILED, _lingering(live, pod))
    if text(pod, "status", "phase") == "Succeeded":
        return None
    if text(pod, "status", "phase") == "Failed":
        return _of(Family.POD_FAILED, _failed(live, pod))
    if not text(pod, "spec", "nodeName"):
        return _of(Family.POD_PENDING, _unscheduled(live, pod))
    for container in _containers(pod):
        if trouble := _container_trouble(live, pod, container):
            return trouble
    return _of(Family.POD_PENDING, _not_starting(live, pod)) or _of(Family.CONTAINER_UNREADY, _gated(live, pod))


def _of(family: Family, trouble: Trouble | None, container: str = "", field: tuple[str, ...] = ()) -> Trouble | None:
    """The trouble as one of a family, with what to look at in Git unless it names that itself."""
    if trouble is None:
        return None
    if trouble.field:
        return replace(trouble, family=family)
    return replace(trouble, family=family, field=field, container=container)


def _containers(pod: Json) -> Iterator[_Container]:
    for specs, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        known = {text(status, "name"): status for status in items(pod, "status", statuses)}
        for spec in items(pod, "spec", specs):
            yield _Container(spec, known.get(text(spec, "name"), {}), specs == "initContainers")


def _lingering(live: Live, pod: Json) -> Trouble | None:
    grace = integer(pod, "metadata", "deletionGracePeriodSeconds")
    # The timestamp is the moment when the grace period is over.
    if live.since(pod, "metadata", "deletionTimestamp").total_seconds() < _SLOW_SECONDS:
        return None
    held = live.finalizers(pod)
    node = text(pod, "spec", "nodeName")
    return trouble_at(
        pod,
        f"does not go, although its {grace} seconds of grace are over",
        (f"finalizers: {', '.join(held)}" if held else "", f"node: {node}" if node else ""),
        f"See whether the node still answers: kubectl get node {node}" if node and not held else _describe(pod),
    )


def _failed(live: Live, pod: Json) -> Trouble | None:
    """A Pod that has ended for good: told for itself where nothing replaces it or judges it."""
    owner = live.owner(pod)
    if owner is not None and (owner[:2] == ("batch", "Job") or _is_replaced(live, owner)):
        return None
    reason = text(pod, "status", "reason") or "Failed"
    message = said(reason, text(pod, "status", "message"))
    ended = tuple(line for each in _containers(pod) if (line := _end(each)))
    what = "was evicted" if reason == "Evicted" else f"has failed ({reason})"
    return trouble_at(pod, what, (message, *ended, *live.told(pod, "Evicted")), _describe(pod), hopeless=owner is None)


def _is_replaced(live: Live, owner: Ref) -> bool:
    found = live.find(*owner)
    wanted = dig(found, ("spec", "replicas"))
    return found is not None and isinstance(wanted, int) and integer(found, "status", "readyReplicas") >= wanted


def _unscheduled(live: Live, pod: Json) -> Trouble | None:
    scheduled = condition(pod, "PodScheduled")
    if not live.is_old(pod, live.limits.pending):
        return None
    if scheduled is None or text(scheduled, "status") != "False":
        if not live.is_old(pod, _SLOW_SECONDS):
            return None
        return trouble_at(pod, "waits for a node, and no scheduler has looked at it", (), _describe(pod))
    message = text(scheduled, "message")
    claims = tuple(
        ("", "PersistentVolumeClaim", text(pod, "metadata", "namespace"), name)
        for volume in items(pod, "spec", "volumes")
        if (name := text(volume, "persistentVolumeClaim", "claimName"))
    )
    lacking = re.findall(r"[Ii]nsufficient ([\w./-]*\w)", message)
    evidence = (said(f"scheduler ({text(scheduled, 'reason')})", message), _requests(pod, lacking))
    # Not hopeless: a node may join, and Pods may end.
    return trouble_at(
        pod,
        f"no node has room for it ({', '.join(dict.fromkeys(lacking))})" if lacking else "no node takes it",
        evidence,
        "See what the nodes have left: kubectl describe nodes; or ask for less in the values (resources.requests)."
        if lacking
        else _describe(pod),
        because=claims if "PersistentVolumeClaim" in message or "volume" in message else (),
        field=("resources", "requests", lacking[0]) if lacking else (),
        container=next(
            (
                text(one.spec, "name")
                for one in _containers(pod)
                if lacking and lacking[0] in (dig(one.spec, ("resources", "requests")) or {})
            ),
            "",
        ),
    )


def _requests(pod: Json, resources: Sequence[str]) -> str:
    """What the containers ask for of these resources."""
    found = []
    for container in _containers(pod):
        asked = dig(container.spec, ("resources", "requests")) or {}
        wanted = [f"{name} {asked[name]}" for name in dict.fromkeys(resources) if name in asked]
        if wanted:
            found.append(f"{container.name} requests {', '.join(wanted)}")
    return "; ".join(found)


def _container_trouble(live: Live, pod: Json, container: _Container) -> Trouble | None:
    reason = text(container.waiting, "reason")
    name = text(container.spec, "name")
    if reason in _IMAGE_REASONS:
        return _of(Family.IMAGE, _image(live, pod, container), name, ("image",))
    if reason in _CONFIG_REASONS:
        return _of(Family.CONTAINER_UNMADE, _config(live, pod, container), name, ("name",))
    # Between two restarts a container that crashes is shown as ended.
    failed_now = integer(container.status, "state", "terminated", "exitCode") != 0
    if reason == "CrashLoopBackOff" or failed_now or _was_killed_lately(live, container):
        killed = text(container.ended, "reason") == "OOMKilled"
        family = Family.OUT_OF_MEMORY if killed else Family.CONTAINER_CRASHING
        field = ("resources", "limits", "memory") if killed else ("image",)
        return _of(family, _crash(pod, container), name, field)
    if container.is_running and not container.is_init and dig(container.status, ("ready",)) is not True:
        return _of(Family.CONTAINER_UNREADY, _unready(live, pod, container), name, ("readinessProbe",))
    return None


def _was_killed_lately(live: Live, container: _Container) -> bool:
    """Whether a container that runs again was killed for want of memory a while ago, and will be again."""
    ended = dig(container.status, ("lastState", "terminated")) or {}
    if text(ended, "reason") != "OOMKilled":
        return False
    return live.since(ended, "finishedAt") < live.limits.memory


def _image(live: Live, pod: Json, container: _Container) -> Trouble:
    image = text(container.spec, "image")
    message = text(container.waiting, "message")
    told = live.told(pod, "Failed", "ErrImageNeverPull", "InspectFailed")
    words = " ".join((message, *told))
    reason = text(container.waiting, "reason")
    secrets, missing = _pull_secrets(live, pod)
    refused = bool(_NO_LOGIN.search(words))
    absent = reason in ("InvalidImageName", "ErrImageNeverPull") or bool(_NO_SUCH_IMAGE.search(words))
    # A registry says "not found" of what it does not show to everybody, too.
    gone = absent and not refused and not missing
    cause = "does not exist" if gone else "is not pulled" + (": the registry refuses it" if refused else "")
    return trouble_at(
        pod,
        f"{container.name}: image {image} {cause}",
        (said(reason, message or "no message"), *told, secrets),
        _image_step(pod, image, missing, refused=refused),
        hopeless=gone,
        because=tuple(("", "Secret", text(pod, "metadata", "namespace"), name) for name in missing),
    )


def _image_step(pod: Json, image: str, missing: Sequence[str], *, refused: bool) -> str:
    namespace = text(pod, "metadata", "namespace")
    if missing:
        return f"Bring the pull secret {', '.join(missing)} into namespace {namespace}, then see whether it pulls."
    if refused:
        return f"Look at the login in the pull secret, and whether it may read {image}."
    return f"Look whether the registry has {image}, and at the image and tag in the values."


def _pull_secrets(live: Live, pod: Json) -> tuple[str, tuple[str, ...]]:
    """The pull secrets as evidence, and those that do not exist. A ServiceAccount's are in the Pod once it is made."""
    namespace = text(pod, "metadata", "namespace")
    named_ = tuple(live.secrets_of(pod))
    if not named_:
        return "pull secret: none is named", ()
    missing = tuple(name for name in named_ if live.lacks("", "Secret", namespace, name))
    states = [
        f"{name} ({'does not exist' if name in missing else _presence(live, namespace, name)})" for name in named_
    ]
    return f"pull secret: {', '.join(states)}", missing


def _presence(live: Live, namespace: str, name: str) -> str:
    return "is there" if live.find("", "Secret", namespace, name) else "not read"


def _config(live: Live, pod: Json, container: _Container) -> Trouble:
    message = text(container.waiting, "message")
    lacking = tuple(_lacking(pod, message))
    what = " and ".join(f"{ref[1]} {ref[3]} {how}" for ref, how in lacking) or "cannot be created"
    gone = any(how == "does not exist" for _, how in lacking)
    namespace = text(pod, "metadata", "namespace")
    step = (
        f"See what there is: kubectl get {lacking[0][0][1].lower()} -n {namespace}; and who is to make it."
        if gone
        else f"See which keys it has: kubectl describe {lacking[0][0][1].lower()} {lacking[0][0][3]} -n {namespace}"
        if lacking
        else _describe(pod)
    )
    return trouble_at(
        pod,
        f"{container.name}: {what}",
        (said(text(container.waiting, "reason"), message), *live.told(pod, "Failed")),
        step,
        because=tuple(ref for ref, _ in lacking),
    )


def _lacking(pod: Json, message: str) -> Iterator[tuple[Ref, str]]:
    """The Secrets and ConfigMaps that a message of the kubelet names, each with what is wrong with it."""
    namespace = text(pod, "metadata", "namespace")
    for kind, name, _key in _LACKS_OBJECT.findall(message):
        if name:
            yield ("", "Secret" if kind == "secret" else "ConfigMap", namespace, name), "does not exist"
    for key, kind, name in _LACKS_KEY.findall(message):
        yield ("", kind, namespace, name), f"has no key {key}"


def _crash(pod: Json, container: _Container) -> Trouble:
    ended = container.ended
    killed = text(ended, "reason") == "OOMKilled"
    limit = dig(container.spec, ("resources", "limits", "memory"))
    name, namespace = text(pod, "metadata", "name"), text(pod, "metadata", "namespace")
    flags = f"-n {namespace} -c {text(container.spec, 'name')} --previous"
    logs = f"kubectl logs {name} {flags}"
    what = (
        f"is killed for want of memory (limit {limit or 'none: the node ran out'})"
        if killed
        else "ends again and again"
    )
    restarts = f"restarted {container.restarts} time{'' if container.restarts == 1 else 's'}"
    waiting = said(text(container.waiting, "reason"), text(container.waiting, "message"))
    # Not hopeless: what it needs may come up in the meantime.
    return trouble_at(
        pod,
        f"{container.name} {what}",
        (_end(container), restarts if container.restarts else "", waiting),
        f"Raise the memory limit in the values, or find what it needs so much for: {logs}"
        if killed
        else f"Read why it ends: {logs}",
    )


def _end(container: _Container) -> str:
    """How a container ended. Not its own last words: they may hold what a log may."""
    ended = container.ended
    if not ended:
        return ""
    code, signal = integer(ended, "exitCode"), integer(ended, "signal")
    # A shell and the container runtimes report a signal as 128 + its number.
    by_signal = signal or (code - 128 if 128 < code < 160 else 0)
    parts = [f"exit code {code}", f"signal {by_signal}" if by_signal else "", text(ended, "reason")]
    return f"last end of {container.name}: {', '.join(part for part in parts if part)}"


def _unready(live: Live, pod: Json, container: _Container) -> Trouble | None:
    field_path = f"spec.containers{{{text(container.spec, 'name')}}}"
    # One that is ready again and again has probes that failed before; only this container's own events count.
    told = [
        event
        for event in live.events(pod, "Unhealthy", "ProbeWarning")
        if text(event, "involvedObject", "fieldPath") in ("", field_path)
    ]
    running = live.since(container.status, "state", "running", "startedAt").total_seconds()
    if (not told and running < _SLOW_SECONDS) or running < live.limits.pending:
        return None
    message = text(told[0], "message") if told else ""
    probe = message.split(" probe ")[0].lower() if " probe " in message else "readiness"
    evidence = (
        said(f"event {text(told[0], 'reason')}", message) if told else "no event tells why",
        _probe(container, probe),
    )
    restarts = f"restarted {container.restarts} times" if container.restarts else ""
    return trouble_at(
        pod,
        f"{container.name} runs and is not ready: its {probe} probe fails"
        if told
        else f"{container.name} is not ready",
        (*evidence, restarts),
        f"Read what it does: kubectl logs {text(pod, 'metadata', 'name')} -n {text(pod, 'metadata', 'namespace')} "
        f"-c {text(container.spec, 'name')}; and look at the probe in the values.",
    )


def _probe(container: _Container, sort: str) -> str:
    """What a probe asks for, without the command of one that runs something: it may hold a password."""
    probe = dig(container.spec, (f"{sort}Probe",))
    if not isinstance(probe, dict):
        return ""
    if (http := dig(probe, ("httpGet",))) is not None:
        return f"{sort} probe: GET {dig(http, ('path',)) or '/'} at port {dig(http, ('port',))}"
    if (tcp := dig(probe, ("tcpSocket",))) is not None:
        return f"{sort} probe: TCP port {dig(tcp, ('port',))}"
    return f"{sort} probe: gRPC port {dig(probe, ('grpc', 'port'))}" if "grpc" in probe else f"{sort} probe: a command"


def _not_starting(live: Live, pod: Json) -> Trouble | None:
    """A Pod on a node whose containers do not start: volumes that cannot be mounted, mostly."""
    if text(pod, "status", "phase") != "Pending":
        return None
    told = live.told(pod, *_START_EVENTS)
    scheduled = condition(pod, "PodScheduled") or {}
    waited = live.since(scheduled, "lastTransitionTime").total_seconds()
    if (not told and waited < _SLOW_SECONDS) or waited < live.limits.pending:
        return None
    words = " ".join(told)
    lacking = tuple(_lacking(pod, words))
    node = text(pod, "spec", "nodeName")
    missing = " and ".join(f"{ref[1]} {ref[3]} {how}" for ref, how in lacking)
    mount = "its volumes cannot be mounted" if "Mount" in words or "Volume" in words else "its containers do not start"
    return trouble_at(
        pod,
        f"stands on its node, and {mount}" + (f": {missing}" if missing else ""),
        told or (f"node {node}, for {int(waited)} seconds, and no event tells why",),
        _describe(pod),
        because=tuple(ref for ref, _ in lacking),
    )


def _gated(live: Live, pod: Json) -> Trouble | None:
    """A Pod whose containers are ready and which somebody else has still to release."""
    ready = condition(pod, "ContainersReady")
    if ready is None or text(ready, "status") != "True" or not live.is_old(pod, live.limits.pending):
        return None
    for gate in items(pod, "spec", "readinessGates"):
        kind = text(gate, "conditionType")
        found = condition(pod, kind) or {}
        if text(found, "status") != "True":
            words = said(kind, text(found, "message") or text(found, "reason") or "no such condition yet")
            return trouble_at(pod, f"waits for its readiness gate {kind}", (words,), _describe(pod))
    return None


def _describe(pod: Json) -> str:
    return f"Look closer: kubectl describe pod {text(pod, 'metadata', 'name')} -n {text(pod, 'metadata', 'namespace')}"
