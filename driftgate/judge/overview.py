"""What was judged, for reports: the Applications of an environment in the order in which they are applied."""

from __future__ import annotations

from driftgate.graph.order import Order, Strength, Turn
from driftgate.judge.check import Subject
from driftgate.judge.order import order_of, waves_wait
from driftgate.model.environment import LoadedApplication, Render
from driftgate.model.overview import ApplicationOverview, NeedOverview, Overview, SourceOverview
from driftgate.semantics.giturl import without_credentials

__all__ = ["overview_of"]


def overview_of(subject: Subject) -> Overview:
    """The Applications of the environment, their waves and what they need of each other."""
    order = order_of(subject)
    return Overview(
        tuple(_application(order, label) for label in order.in_order()),
        tuple(_needs(order)),
        waves_wait(subject),
    )


def _application(order: Order, label: str) -> ApplicationOverview:
    loaded = order.applications[label]
    chain = order.chain(label)
    destination = loaded.application.destination
    return ApplicationOverview(
        label,
        loaded.application.place,
        without_credentials(destination.name or destination.server),
        destination.namespace,
        parent=chain[-2] if len(chain) > 1 else "",
        wave=order.wave(label) if len(chain) > 1 else 0,
        sources=tuple(_source(render) for render in loaded.renders),
        objects=_objects(loaded),
        complete=loaded.complete,
    )


def _source(render: Render) -> SourceOverview:
    source = render.source
    at = render.directory or without_credentials(source.label)
    values = tuple((layer.kind.value, layer.file or layer.label) for layer in render.layers)
    return SourceOverview(render.type.value, at, values, render.status.value)


def _objects(loaded: LoadedApplication) -> tuple[str, ...]:
    return tuple("/".join(part for part in manifest.identity if part) for manifest in loaded.manifests)


def _needs(order: Order) -> list[NeedOverview]:
    found = []
    for (consumer, producer), needs in sorted(order.pairs.items()):
        things = dict.fromkeys(
            need.use.relation if need.is_webhook else need.needed if need.is_crd else str(need.target) for need in needs
        )
        is_hard = any(need.strength is not Strength.SOFT for need in needs)
        worst = max((order.standing(one).turn for one in needs), key=list(Turn).index)
        found.append(NeedOverview(consumer, producer, tuple(things), is_hard, worst.value))
    return found
