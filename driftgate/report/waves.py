"""The order of Applications and what they need of each other: as text, as a Mermaid flowchart, as a list of names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from driftgate.graph.order import Dependency, Order, Strength, Turn
from driftgate.report.terminal import printable, wrapped

__all__ = ["waves_mermaid", "waves_names", "waves_text"]

_REMARKS = {
    Turn.AFTER: "",
    Turn.SAME: " (same wave)",
    Turn.BEFORE: " (later wave)",
    Turn.UNORDERED: " (no order)",
}
_WAITING = {
    True: "Each wave waits until the Applications of the one before are healthy.",
    False: "No wave waits for another one to be healthy: argocd-cm has no health check of Application.",
    None: "Whether waves wait for each other is not known: policy does not say where argocd-cm is.",
}
_LEGEND = (
    "needs: is refused or does not become healthy without it",
    "uses: becomes healthy, and does its work once it is there",
)
_LABEL_WIDTH = 10
_NAMED = 2
_BOX = "box"


def waves_names(order: Order) -> str:
    """One Application a line, each after everything that it needs, as far as that is possible."""
    names = dict.fromkeys(order.applications[label].application.name for label in order.in_order())
    return "".join(f"{printable(name)}\n" for name in names)


def waves_text(order: Order, environment: str, *, waits: bool | None, width: int = 100) -> str:
    """Parents, waves and children, each with what it needs and what it provides to others."""
    text = _Text(order, width)
    lines = [f"environment {printable(environment)}", *text.wrapped(_WAITING[waits], ""), ""]
    for label in order.sorted_by_needs(order.tops):
        lines += [*text.application(label, ""), ""]
    return "\n".join([*lines, *_LEGEND]) + "\n"


class _Text:
    """Writes the tree of Applications within a width."""

    def __init__(self, order: Order, width: int) -> None:
        self._order = order
        self._width = max(width, 60)
        self._provided: defaultdict[str, list[Dependency]] = defaultdict(list)
        self._needed: defaultdict[str, list[tuple[str, tuple[Dependency, ...]]]] = defaultdict(list)
        for (consumer, producer), needs in order.pairs.items():
            self._provided[producer] += needs
            self._needed[consumer].append((producer, needs))

    def wrapped(self, text: str, head: str) -> list[str]:
        """A text behind a head, within the width."""
        return wrapped(text, head, self._width)

    def application(self, label: str, indent: str) -> Iterator[str]:
        """An Application, what it provides and needs, and its children wave by wave."""
        complete = self._order.applications[label].complete
        yield f"{indent}{printable(label)}" + ("" if complete else "  not rendered in full: its needs are not known")
        if self._provided[label]:
            yield from self._entry("provides", [_things(self._provided[label])], indent)
        for word, wanted in (("needs", True), ("uses", False)):
            yield from self._entry(word, list(self._needs(label, hard=wanted)), indent)
        wave = None
        for child in self._order.children.get(label, ()):
            if self._order.step(child) != wave:
                wave = self._order.step(child)
                yield f"{indent}  wave {wave[1]}"
            yield from self.application(child, indent + "    ")

    def _needs(self, label: str, *, hard: bool) -> Iterator[str]:
        for producer, needs in self._needed[label]:
            chosen = [one for one in needs if (one.strength is not Strength.SOFT) == hard]
            if chosen:
                worst = max((self._order.standing(one).turn for one in chosen), key=list(Turn).index)
                yield f"{producer}{_REMARKS[worst]}: {_things(chosen)}"

    def _entry(self, word: str, entries: Sequence[str], indent: str) -> Iterator[str]:
        for entry in entries:
            yield from self.wrapped(entry, f"{indent}  {word:<{_LABEL_WIDTH}}")
            word = ""


def _things(needs: Iterable[Dependency]) -> str:
    """What is needed, by kind: `Secret a, b; Service c`."""
    names: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for need in needs:
        if need.is_webhook:
            names["webhook"][need.use.relation.removeprefix("webhook ")] = None
        elif need.is_crd:
            names["CustomResourceDefinition of"][need.use.manifest.kind] = None
        else:
            names[need.target.kind][need.target.name] = None
    return "; ".join(f"{kind} {', '.join(sorted(found))}" for kind, found in names.items())


def waves_mermaid(order: Order) -> str:
    """A Mermaid flowchart: a box for each parent and wave, arrows from who provides to who needs.

    A dashed arrow is a need without which the Application becomes healthy all the same; a thick one leads from an app
    of apps that is a child itself to its box.
    """
    ids = {label: f"a{number}" for number, label in enumerate(order.in_order(), 1)}
    lines = ["flowchart LR"]
    for label in order.in_order():
        if label in order.children:
            lines += _box(order, label, ids)
    for label in order.in_order():
        if label in order.tops and label not in order.children:
            lines.append(f"  {_node(label, ids)}")
    for label in order.in_order():
        if label in order.children and label not in order.tops:
            lines.append(f"  {ids[label]} ==> {ids[label]}{_BOX}")
    for (consumer, producer), needs in sorted(order.pairs.items()):
        is_hard = any(need.strength is not Strength.SOFT for need in needs)
        # The box of an app of apps stands for itself, where it is no child that has a node.
        start, end = (_end(order, one, ids) for one in (producer, consumer))
        # Mermaid draws no arrow between a box and what stands in it.
        if not any(one.endswith(_BOX) for one in (start, end)) or order.chain(producer)[0] != order.chain(consumer)[0]:
            arrow = "-->" if is_hard else "-.->"
            lines.append(f"  {start} {arrow}|{_quoted(_short(needs))}| {end}")
    return "\n".join(lines) + "\n"


def _box(order: Order, parent: str, ids: dict[str, str]) -> Iterator[str]:
    yield f"  subgraph {ids[parent]}{_BOX}[{_quoted(parent)}]"
    waves: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for child in order.children[parent]:
        waves[order.step(child)].append(child)
    for number, (step, children) in enumerate(sorted(waves.items()), 1):
        yield f"    subgraph {ids[parent]}wave{number}[{_quoted(f'wave {step[1]}')}]"
        for child in order.sorted_by_needs(children):
            yield f"      {_node(child, ids)}"
        yield "    end"
    yield "  end"


def _node(label: str, ids: dict[str, str]) -> str:
    return f"{ids[label]}[{_quoted(label)}]"


def _end(order: Order, label: str, ids: dict[str, str]) -> str:
    return f"{ids[label]}{_BOX}" if label in order.children and label in order.tops else ids[label]


def _short(needs: Sequence[Dependency]) -> str:
    things = list(dict.fromkeys(_things([need]) for need in needs))
    more = len(things) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _quoted(text: str) -> str:
    """A text for a label. Mermaid reads characters as codes, `#34;`, whatever they would mean otherwise."""
    return '"' + re.sub(r"[^\w\s./:,()-]|_", lambda found: f"#{ord(found[0])};", printable(text)) + '"'
