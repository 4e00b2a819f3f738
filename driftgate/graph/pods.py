"""What Pods need: the uses of a Pod's spec (kubernetes: api/core/v1 `PodSpec`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from driftgate.graph.terms import Need, PodTemplate, Target, Use
from driftgate.graph.walk import entries, mapping, text
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Path

__all__ = ["CONTAINERS", "SECRETS_STORE", "pod_template", "pod_uses"]

_ENV_KINDS = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
_ENV_FROM_KINDS = {"secretRef": "Secret", "configMapRef": "ConfigMap"}
SECRETS_STORE = "secrets-store.csi.x-k8s.io"
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def pod_template(manifest: Manifest) -> PodTemplate | None:
    """The Pods of a workload; None for other kinds, and for a workload without a spec."""
    spec_path = manifest.pod_spec_path
    spec = dig(manifest.object, spec_path) if spec_path else None
    if spec_path is None or not isinstance(spec, dict):
        return None
    labels = dig(manifest.object, (*spec_path[:-1], "metadata", "labels"))
    return PodTemplate(manifest, mapping(labels), spec_path, spec)


def pod_uses(pod: PodTemplate) -> Iterator[Use]:
    """Everything that the Pods of a workload name, in document order of each block."""
    yield from _accounts(pod)
    volumes = dict(_volumes(pod))
    for uses in volumes.values():
        yield from uses
    for block in CONTAINERS:
        for path, container in entries(pod.spec.get(block), (*pod.spec_path, block)):
            yield from _environment(pod, container, path)
            yield from _sub_paths(pod, container, path, volumes)


def _target(pod: PodTemplate, kind: str, name: str) -> Target:
    return Target("", kind, pod.namespace, name)


def _accounts(pod: PodTemplate) -> Iterator[Use]:
    manifest, path = pod.manifest, pod.spec_path
    # `serviceAccount` is the field's deprecated name; the API server copies one into the other.
    field = "serviceAccountName" if pod.spec.get("serviceAccountName") else "serviceAccount"
    account = text(pod.spec.get(field))
    if account:
        yield Use(manifest, (*path, field), _target(pod, "ServiceAccount", account), "serviceAccountName")
    for secret_path, entry in entries(pod.spec.get("imagePullSecrets"), (*path, "imagePullSecrets")):
        name = text(entry.get("name"))
        if name:
            yield Use(manifest, (*secret_path, "name"), _target(pod, "Secret", name), "imagePullSecrets")
    for field, group, kind in (
        ("priorityClassName", "scheduling.k8s.io", "PriorityClass"),
        ("runtimeClassName", "node.k8s.io", "RuntimeClass"),
    ):
        name = text(pod.spec.get(field))
        if name:
            yield Use(manifest, (*path, field), Target(group, kind, "", name), field)


def _need(reference: dict[str, Any]) -> Need:
    return Need.OPTIONAL if reference.get("optional") is True else Need.HARD


def _environment(pod: PodTemplate, container: dict[str, Any], path: Path) -> Iterator[Use]:
    for entry_path, entry in entries(container.get("env"), (*path, "env")):
        for field, kind in _ENV_KINDS.items():
            reference = mapping(mapping(entry.get("valueFrom")).get(field))
            name, key = text(reference.get("name")), text(reference.get("key"))
            if name:
                at = (*entry_path, "valueFrom", field)
                target = _target(pod, kind, name)
                yield Use(pod.manifest, (*at, "name"), target, "env", _need(reference), key, (*at, "key"))
    for entry_path, entry in entries(container.get("envFrom"), (*path, "envFrom")):
        for field, kind in _ENV_FROM_KINDS.items():
            reference = mapping(entry.get(field))
            name = text(reference.get("name"))
            if name:
                at = (*entry_path, field, "name")
                yield Use(pod.manifest, at, _target(pod, kind, name), "envFrom", _need(reference))


def _volumes(pod: PodTemplate) -> Iterator[tuple[str, list[Use]]]:
    """The uses of each volume, by the volume's name."""
    for path, volume in entries(pod.spec.get("volumes"), (*pod.spec_path, "volumes")):
        yield text(volume.get("name")), list(_volume(pod, volume, path))


def _volume(pod: PodTemplate, volume: dict[str, Any], path: Path) -> Iterator[Use]:
    secret, config = mapping(volume.get("secret")), mapping(volume.get("configMap"))
    yield from _files(pod, secret, (*path, "secret"), "Secret", "secretName")
    yield from _files(pod, config, (*path, "configMap"), "ConfigMap", "name")
    sources = mapping(volume.get("projected")).get("sources")
    for source_path, source in entries(sources, (*path, "projected", "sources")):
        yield from _files(pod, mapping(source.get("secret")), (*source_path, "secret"), "Secret", "name")
        yield from _files(pod, mapping(source.get("configMap")), (*source_path, "configMap"), "ConfigMap", "name")
    claim = text(mapping(volume.get("persistentVolumeClaim")).get("claimName"))
    if claim:
        at = (*path, "persistentVolumeClaim", "claimName")
        yield Use(pod.manifest, at, _target(pod, "PersistentVolumeClaim", claim), "volume")
    provider = text(mapping(mapping(volume.get("csi")).get("volumeAttributes")).get("secretProviderClass"))
    if provider:
        at = (*path, "csi", "volumeAttributes", "secretProviderClass")
        target = Target(SECRETS_STORE, "SecretProviderClass", pod.namespace, provider)
        yield Use(pod.manifest, at, target, "volume")
    for field in ("nodePublishSecretRef", "secretRef"):  # a CSI driver's; those of the in-tree drivers
        for driver, source in volume.items():
            name = text(mapping(mapping(source).get(field)).get("name")) if isinstance(source, dict) else ""
            if name:
                yield Use(pod.manifest, (*path, driver, field, "name"), _target(pod, "Secret", name), "volume")


def _files(pod: PodTemplate, source: dict[str, Any], path: Path, kind: str, field: str) -> Iterator[Use]:
    """A Secret or ConfigMap as files: the object, and each key that `items` picks."""
    name = text(source.get(field))
    if not name:
        return
    target, need = _target(pod, kind, name), _need(source)
    yield Use(pod.manifest, (*path, field), target, "volume", need)
    for item_path, item in entries(source.get("items"), (*path, "items")):
        key = text(item.get("key"))
        if key:
            yield Use(pod.manifest, (*path, field), target, "items", need, key, (*item_path, "key"))


def _sub_paths(pod: PodTemplate, container: dict[str, Any], path: Path, volumes: dict[str, list[Use]]) -> Iterator[Use]:
    """A mount of one file of a volume: where the key is missing, the kubelet makes an empty folder in its place."""
    for mount_path, mount in entries(container.get("volumeMounts"), (*path, "volumeMounts")):
        file = text(mount.get("subPath")).strip("/").partition("/")[0]
        uses = volumes.get(text(mount.get("name")), [])
        # With `items` the files have names of their own, and a projected volume mixes several sources.
        if file and len(uses) == 1 and uses[0].relation == "volume" and "projected" not in uses[0].path:
            source = uses[0]
            if source.target.kind in ("Secret", "ConfigMap"):
                at = (*mount_path, "subPath")
                yield Use(pod.manifest, source.path, source.target, "subPath", source.need, file, at)
