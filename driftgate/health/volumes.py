"""PersistentVolumeClaims that get no volume."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.health.fields import ref_of, text
from driftgate.health.live import Live
from driftgate.health.trouble import Family, Trouble, trouble_at

__all__ = ["volume_troubles"]

_SLOW_SECONDS = 30


def volume_troubles(live: Live) -> Iterator[Trouble]:
    """Claims that are lost, or that nobody provides for; one that waits for its first Pod is as it should be."""
    for claim in live.all("", "PersistentVolumeClaim"):
        phase = text(claim, "status", "phase")
        told = live.told(claim, "ProvisioningFailed", "FailedBinding", "ExternalExpanding")
        waits = live.events(claim, "WaitForFirstConsumer") and not told
        if phase == "Lost" or (phase == "Pending" and not waits and (told or live.is_old(claim, _SLOW_SECONDS))):
            _group, _kind, namespace, name = ref_of(claim)
            storage = text(claim, "spec", "storageClassName")
            yield trouble_at(
                claim,
                "has lost its volume" if phase == "Lost" else "has no volume",
                told or (f"storage class: {storage or 'none is named'}",),
                f"Look closer: kubectl describe pvc {name} -n {namespace}",
                family=Family.VOLUME_CLAIM,
                field=("spec", "storageClassName"),
            )
