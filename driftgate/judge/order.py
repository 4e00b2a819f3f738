"""The order of the Applications of the environment that is judged, made once a run."""

from __future__ import annotations

from driftgate.graph.order import Order
from driftgate.judge.check import Subject
from driftgate.judge.graphs import graphs_of
from driftgate.policy import ArgoCDSection
from driftgate.semantics.sync_waves import judges_applications

__all__ = ["order_of", "waves_wait"]


def order_of(subject: Subject) -> Order:
    """Parents, waves and needs of all Applications."""
    return subject.once(_built)


def waves_wait(subject: Subject) -> bool | None:
    """Whether a wave waits for the Applications of the one before to be healthy; None where argocd-cm is not known."""
    if not subject.policy.section(ArgoCDSection).config:
        return None
    return any(judges_applications(key, node.text or "") for key, node in subject.environment.argocd_config.items())


def _built(subject: Subject) -> Order:
    applications = {loaded.label: loaded for loaded in subject.environment.applications}
    # The control plane's own namespace is there wherever an Application is, and so is what policy says exists.
    listed = subject.policy.node.get("destinations", "existingNamespaces")
    existing = {entry.text for entry in (listed.items if listed else ()) if entry.text}
    existing.add(subject.policy.section(ArgoCDSection).namespace)
    # A policy describes one environment; without one the tree may hold several, each with an Argo CD of its own.
    return Order(applications, graphs_of(subject), frozenset(existing), one_control_plane=bool(subject.policy.file))
