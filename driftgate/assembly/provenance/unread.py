"""Which values of a source nothing reads: those that change no object, whatever they say.

Marks show most values in one render. What did not show is changed, emptied and removed, many leaves at once: where none
of the three changes anything, none of the leaves does. What is left then may still be read once something else is
switched on, so whatever templates decide by is turned, one by one, and the leaves are marked again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from driftgate.assembly.plan import Draft
from driftgate.assembly.provenance.conditions import USUAL_SWITCHES, Templates
from driftgate.assembly.provenance.edits import Leaf, SourceEditor, another, emptied, leaves_of, removed
from driftgate.assembly.provenance.marks import Marks, as_text, compared
from driftgate.model.environment import LayerKind, UnreadValue, ValuesRead
from driftgate.model.manifest import named_path
from driftgate.model.node import Path
from driftgate.render.jobs import HelmJob, Reply

__all__ = ["Probing", "Scope", "TooManyProbesError", "unread_values"]

PROBES_PER_SOURCE = 800
SWITCHES_PER_SOURCE = 80
# How deep blocks that are off may lie in each other, each switched by something else.
NESTED_BLOCKS = 3
# Jobs out, their replies back in: so the sources of many Applications share the workers, a batch of each at a time.
Probing = Generator[list[HelmJob], list[Reply], ValuesRead]
_Asking = Generator[list[HelmJob], list[Reply], Any]
_VARIANTS: tuple[Callable[[Leaf], Any], ...] = (another, emptied, removed)


def unread_values(draft: Draft, scope: Scope) -> Probing:
    """What no object of a rendered Helm source depends on."""
    reader = _Reader.of(draft, scope)
    if reader is None:
        return ValuesRead()
    try:
        never, switched = yield from reader.read()
    except TooManyProbesError:
        return ValuesRead(probes=reader.probes, given_up=True)
    named = tuple(sorted(reader.templates.named)) if never else ()
    unread = [*(UnreadValue(leaf.position, leaf.path) for leaf in never), *switched]
    return ValuesRead(tuple(sorted(unread, key=lambda one: (one.position, str(one.path)))), reader.probes, named)


class Scope(Enum):
    """Which values are looked at: those of the Application's layers, with the chart's own, with what templates name."""

    LAYERS = "layers"
    DEFAULTS = "defaults"
    EVERYTHING = "everything"


class TooManyProbesError(Exception):
    """The values of a source take more renders, or more time, than they may."""


@dataclass(frozen=True)
class _Switch:
    """One thing that is turned to see what comes alive: leaves, values that nobody sets, or the cluster's APIs."""

    name: str
    changes: dict[Leaf, Any] = field(default_factory=dict)
    more: dict[Path, Any] = field(default_factory=dict)
    api_versions: tuple[str, ...] = ()

    def with_(self, other: _Switch) -> _Switch:
        """Both turned, the other one where they contradict each other."""
        names = [name for name in (self.name, other.name) if name]
        return _Switch(
            " and ".join(dict.fromkeys(names)),
            {**self.changes, **other.changes},
            {**self.more, **other.more},
            (*self.api_versions, *other.api_versions),
        )


@dataclass
class _Reader:
    editor: SourceEditor
    templates: Templates
    leaves: list[Leaf]
    suspects: list[Leaf]
    unstable: tuple[str, ...]
    marks: Marks
    probes: int = 0
    base: list[str] = field(default_factory=list)
    # Leaves that were off and show once they are on: what guards them shows only together with them.
    context: list[Leaf] = field(default_factory=list)

    @classmethod
    def of(cls, draft: Draft, scope: Scope) -> _Reader | None:
        editor = SourceEditor.of(draft)
        if editor is None:
            return None
        templates = Templates.of(editor.job)
        leaves = list(leaves_of(draft.layers))
        defaults = next((layer.file for layer in draft.layers if layer.kind is LayerKind.CHART), "")
        suspects = [
            leaf
            for leaf in leaves
            if (scope is Scope.EVERYTHING or not templates.names(leaf.path))
            and (scope is not Scope.LAYERS or leaf.layer.file != defaults)
        ]
        rendered = [as_text(object_) for _, _, object_ in draft.documents if isinstance(object_, dict)]
        return cls(editor, templates, leaves, suspects, draft.unstable_templates, Marks(rendered))

    def read(self) -> Generator[list[HelmJob], list[Reply], tuple[list[Leaf], list[UnreadValue]]]:
        unseen = yield from self._unmarked(self.suspects)
        if not unseen:
            return [], []
        (reply,) = yield from self._ask([self.editor.edited({})])
        self.base = self._compared(reply)
        without = yield from self._without_effect(unseen)
        if self.unstable:  # their effect may be on what is another each time, so only a name nobody writes is unread
            without = [leaf for leaf in without if not self._is_written(leaf)]
        off = yield from self._switched_off(without)
        never = [leaf for leaf in without if leaf not in off]
        return never, [UnreadValue(leaf.position, leaf.path, switch) for leaf, switch in off.items()]

    def _ask(self, jobs: list[HelmJob]) -> _Asking:
        self.probes += len(jobs)
        if self.probes > PROBES_PER_SOURCE:
            raise TooManyProbesError
        return (yield jobs)

    def _compared(self, reply: Reply) -> list[str]:
        faults = [f"{fault.fault} {fault.template} {fault.document}" for fault in reply.faults]
        return [reply.fault, *compared(reply.documents, self.unstable), *faults]

    def _unmarked(self, leaves: list[Leaf]) -> _Asking:
        """The leaves whose marks show nowhere; a mark may hide others behind a comparison, so there are rounds.

        Texts and numbers first; then what is true, as a text that is as true; then what is false, null or empty, which
        may switch something on.
        """
        switches = [leaf for leaf in leaves if _is_switch(leaf)]
        unseen = yield from self._round([leaf for leaf in leaves if not _is_switch(leaf)])
        unseen = yield from self._round([*unseen, *(leaf for leaf in switches if leaf.value)])
        off = [leaf for leaf in switches if not leaf.value]
        unseen_off = yield from self._round(off)
        self.context = [leaf for leaf in off if leaf not in unseen_off]
        unseen += unseen_off
        order = {leaf: index for index, leaf in enumerate(leaves)}
        return sorted(unseen, key=order.__getitem__)

    def _round(self, leaves: list[Leaf]) -> _Asking:
        """The leaves that do not show when all are marked; where a mark is refused, its leaf is read."""
        pending, unseen = [leaves] if leaves else [], []
        while pending:
            replies = yield from self._ask([self.editor.each(group, self.marks.of) for group in pending])
            refused = []
            for group, reply in zip(pending, replies, strict=True):
                if reply.fault:
                    refused.append(group)
                else:
                    seen = self.marks.seen_in(reply)
                    unseen += [leaf for leaf in group if leaf not in seen]
            pending = [half for group in refused for half in _halves(group)]
        return unseen

    def _without_effect(self, leaves: list[Leaf]) -> _Asking:
        """The leaves that change nothing in any of three ways, alone and all together; to fail is a change."""
        pending, dead = [leaves], []
        while pending:
            outcomes = yield from self._outcomes(pending)
            changing = []
            for group, outcome in zip(pending, outcomes, strict=True):
                if all(one == self.base for one in outcome):
                    dead += group
                else:
                    changing.append(group)
            pending = [half for group in changing for half in _halves(group)]
        return (yield from self._unentangled(dead)) if len(dead) + len(self.context) > 1 else dead

    def _unentangled(self, leaves: list[Leaf]) -> _Asking:
        """Those that change nothing either while all the others do: a flag and what it guards need each other."""
        context, everything = yield from self._outcomes([self.context, [*self.context, *leaves]])
        if everything == context:
            return leaves
        without = [[*self.context, *(other for other in leaves if other != leaf)] for leaf in leaves]
        outcomes = yield from self._outcomes(without)
        return [leaf for leaf, outcome in zip(leaves, outcomes, strict=True) if outcome == everything]

    def _outcomes(self, groups: list[list[Leaf]]) -> _Asking:
        """For each group what is rendered when all of it says something else, is empty, and is missing."""
        jobs = [self.editor.each(group, variant) for group in groups for variant in _VARIANTS]
        seen = [self._compared(reply) for reply in (yield from self._ask(jobs))]
        return [seen[start : start + len(_VARIANTS)] for start in range(0, len(seen), len(_VARIANTS))]

    def _is_written(self, leaf: Leaf) -> bool:
        key = next((step for step in reversed(leaf.path) if isinstance(step, str)), "")
        return self.templates.holds_word(key)

    def _switched_off(self, leaves: list[Leaf]) -> _Asking:
        """Those that come alive under another value of something else, with the name of what has to be turned.

        What has brought some to life stays turned while the others are tried again: a block may lie in another.
        """
        off: dict[Leaf, str] = {}
        turned = _Switch("")
        for _ in range(NESTED_BLOCKS):
            known, base = len(off), turned
            for switches in self._switches(leaves):
                left = [leaf for leaf in leaves if leaf not in off]
                if not left:
                    return off
                merged = [base.with_(switch) for switch in switches]
                for switch, alive in zip(merged, (yield from self._try(merged, left)), strict=True):
                    if any(leaf not in off for leaf in alive):
                        turned = turned.with_(switch)
                    for leaf in alive:
                        off.setdefault(leaf, switch.name)
            if len(off) == known:
                break
        return off

    def _try(self, switches: list[_Switch], leaves: list[Leaf]) -> _Asking:
        """For each switch the leaves that do something under it."""
        plain = [self._turned(switch, []) for switch in switches]
        changed = [self._turned(switch, leaves) for switch in switches]
        replies = yield from self._ask([*plain, *changed])
        found = []
        for switch, before, after in zip(switches, replies, replies[len(switches) :], strict=False):
            if before.fault:
                found.append((yield from self._alive_together(switch, leaves)))
            else:
                found.append((yield from self._alive(switch, before, after, leaves)))
        return found

    def _alive_together(self, switch: _Switch, leaves: list[Leaf]) -> _Asking:
        """Which leaves do something under a switch that fails the render as long as they say what they do.

        A template may require a text once its block is on, so they are marked first. Where that fails too, it cannot
        be told what a single switch brings, and what lies in one block with it counts as waiting for it.
        """
        texts = [leaf for leaf in (*self.context, *leaves) if not isinstance(leaf.value, bool)]
        marks = {leaf: self.marks.of(leaf) for leaf in texts}
        marked = replace(switch, changes={**marks, **switch.changes})
        (before,) = yield from self._ask([self._turned(marked, [])])
        if before.fault:
            turned = [leaf.path for leaf in switch.changes] + list(switch.more)
            block = turned[0][:-1] if len(turned) == 1 else ()
            return [leaf for leaf in leaves if block and leaf.path[: len(block)] == block]
        seen = self.marks.seen_in(before)
        flags = [leaf for leaf in leaves if leaf not in marks]
        if not flags:
            return [leaf for leaf in leaves if leaf in seen]
        (after,) = yield from self._ask([self._turned(marked, flags)])
        alive = yield from self._alive(marked, before, after, flags)
        return [leaf for leaf in leaves if leaf in seen or leaf in alive]

    def _alive(self, switch: _Switch, before: Reply, after: Reply, leaves: list[Leaf]) -> _Asking:
        """Which of the leaves do something under a switch: those whose marks show, and of the rest those that count."""
        plain, found = self._compared(before), []
        pending = [(leaves, after)]
        while pending:
            groups: list[list[Leaf]] = []
            for group, reply in pending:
                seen = self.marks.seen_in(reply) if not reply.fault else set()
                shown = [leaf for leaf in group if leaf in seen]
                found += shown
                if shown:
                    groups += [[leaf for leaf in group if leaf not in seen]]
                elif self._compared(reply) != plain:
                    found += group if len(group) == 1 else []
                    groups += _halves(group)
            groups = [group for group in groups if group]
            jobs = [self._turned(switch, group) for group in groups]
            pending = list(zip(groups, (yield from self._ask(jobs)) if jobs else [], strict=True))
        return found

    def _turned(self, switch: _Switch, leaves: list[Leaf]) -> HelmJob:
        """The job with a switch turned and leaves changed under it: flags the other way, everything else marked."""
        flags = {leaf: switch.changes.get(leaf, leaf.value) for leaf in leaves if isinstance(leaf.value, bool)}
        changes = {leaf: not flags[leaf] if leaf in flags else self.marks.of(leaf) for leaf in leaves}
        job = self.editor.edited({**switch.changes, **changes}, switch.more)
        return replace(job, api_versions=(*job.api_versions, *switch.api_versions))

    def _switches(self, leaves: list[Leaf]) -> Iterator[list[_Switch]]:
        """What to turn, in batches: flags around the leaves, all other deciding values, everything on at once."""
        blocks = {leaf.path[:depth] for leaf in leaves for depth in range(len(leaf.path))}
        flags = [leaf for leaf in self.leaves if isinstance(leaf.value, bool)]
        near = [leaf for leaf in flags if leaf.path[:-1] in blocks]
        others = [leaf for leaf in self.leaves if leaf not in flags and leaf.path[-1] in self.templates.deciding]
        absent = list(self._absent(blocks))
        apis = [_Switch("the cluster's APIs", api_versions=self.templates.api_versions)]
        singles = [
            *map(_flipped, near),
            *(apis if self.templates.api_versions else []),
            *(_flipped(leaf) for leaf in flags if leaf not in near),
            *(switch for leaf in others for switch in self._turns(leaf)),
            *absent,
        ]
        yield from _batches(singles[:SWITCHES_PER_SOURCE])
        off = [leaf for leaf in flags if not leaf.value]
        more = {path: value for switch in absent for path, value in switch.more.items() if value is True}
        if off:
            yield [_Switch(_names(map(_name, off)), dict.fromkeys(off, True))]
        if more:
            yield [_Switch(_names(named_path({}, path) for path in more), dict.fromkeys(off, True), more)]

    def _turns(self, leaf: Leaf) -> Iterator[_Switch]:
        """Other values of a leaf that is no flag: nothing, something, and what templates compare it with."""
        if not _is_empty(leaf):
            yield _Switch(_name(leaf), {leaf: emptied(leaf)})
        else:
            yield _Switch(_name(leaf), {leaf: another(leaf)})
        for text in sorted(self.templates.deciding.get(str(leaf.path[-1]), ())):
            if text != leaf.value:
                yield _Switch(_name(leaf), {leaf: text})

    def _absent(self, blocks: set[Path]) -> Iterator[_Switch]:
        """Values that nobody sets: named in full by a template, or a deciding key in a block around the leaves."""
        layers = [layer.node for layer in self.editor.layers]
        deciding = self.templates.deciding
        named = sorted(path for path in self.templates.named if path[-1] in deciding)
        usual_first = sorted(deciding, key=lambda key: (key not in USUAL_SWITCHES, key))
        lists = {
            leaf.path[:depth] for leaf in self.leaves for depth, step in enumerate(leaf.path) if isinstance(step, int)
        }
        # A parameter makes a list of a block that no layer below it has, and Helm sets no key in one.
        mappings = [block for block in sorted(blocks - lists, key=str) if _is_mapping_path(block)]
        around = [(*block, key) for key in usual_first for block in mappings]
        for path in dict.fromkeys([*named, *around]):
            if not any(node.get(*path) is not None or _is_blocked(node, path) for node in layers):
                for value in (True, *sorted(deciding[str(path[-1])])):
                    yield _Switch(named_path({}, path), more={path: value})


def _is_mapping_path(path: Path) -> bool:
    return not any(isinstance(step, int) for step in path)


def _is_blocked(node: Any, path: Path) -> bool:
    """Whether something stands on the way to a path that is no mapping."""
    above = [node.get(*path[:depth]) for depth in range(1, len(path))]
    return any(one is not None and not isinstance(one.value, dict) for one in above)


def _is_empty(leaf: Leaf) -> bool:
    return leaf.value is None or leaf.value in ("", [], {})


def _is_switch(leaf: Leaf) -> bool:
    """Whether another value may switch blocks on or off: a flag, or something where nothing was."""
    return isinstance(leaf.value, bool) or _is_empty(leaf)


def _flipped(leaf: Leaf) -> _Switch:
    return _Switch(_name(leaf), {leaf: not leaf.value})


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    return " and ".join(listed if len(listed) < 3 else [listed[0], f"{len(listed) - 1} more"])


def _name(leaf: Leaf) -> str:
    return named_path(leaf.layer.node.plain(), leaf.path)


def _halves(group: list[Leaf]) -> list[list[Leaf]]:
    """A group in two; nothing of a single leaf, which is known by then."""
    middle = len(group) // 2
    return [group[:middle], group[middle:]] if middle else []


def _batches(switches: Sequence[_Switch], size: int = 16) -> Iterator[list[_Switch]]:
    for start in range(0, len(switches), size):
        yield list(switches[start : start + size])
