"""Asks for many sources at once which of their values nothing reads, and remembers the answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from driftgate.assembly.plan import Draft
from driftgate.assembly.provenance.progress import Progress
from driftgate.assembly.provenance.unread import Probing, Scope, TooManyProbesError, unread_values
from driftgate.model.environment import RenderStatus, UnreadValue, ValuesRead
from driftgate.render.cache import RenderCache
from driftgate.render.jobs import Job, Reply

__all__ = ["ValuesProber"]

FORMAT = 1
# What all probing of a run may take together: a chart can be written so that every other value takes a render's limit.
PROBING_SECONDS = 120.0
JOBS_AT_ONCE = 32
SourceKey = tuple[str, int]


@dataclass
class ValuesProber:
    """Answers of one run; what was answered before, for the same chart and values, comes from the cache.

    The probes themselves are not cached: the answer is a list of paths, they are hundreds of renders.
    """

    drafts: Mapping[SourceKey, Draft]
    run: Callable[[Sequence[Job]], list[Reply]]
    cache: RenderCache
    probes: int = 0
    seconds_left: float = PROBING_SECONDS
    _known: dict[tuple[SourceKey, Scope], ValuesRead] = field(default_factory=dict)

    def __call__(self, wanted: Mapping[SourceKey, bool]) -> dict[SourceKey, ValuesRead]:
        """For each source what nothing reads, with the chart's own values.yaml where the entry is true.

        What a template names counts as read. A source that was not rendered in full has no answer.
        """
        return self.ask({key: Scope.DEFAULTS if defaults else Scope.LAYERS for key, defaults in wanted.items()})

    def ask(self, wanted: Mapping[SourceKey, Scope]) -> dict[SourceKey, ValuesRead]:
        """For each source what nothing reads of the values that are looked at."""
        asked = [(key, scope) for key, scope in wanted.items() if self._is_rendered(key)]
        fresh: dict[tuple[SourceKey, Scope], tuple[str | None, Probing]] = {}
        for key, scope in asked:
            if (key, scope) not in self._known:
                name = self._name(self.drafts[key], scope)
                kept = _from_json(self.cache.recall(name))
                if kept is not None:
                    self._known[key, scope] = kept
                else:
                    fresh[key, scope] = name, unread_values(self.drafts[key], scope)
        answers = self._answers([probing for _, probing in fresh.values()])
        for (known, (name, _)), answer in zip(fresh.items(), answers, strict=True):
            self._known[known] = answer
            if not answer.given_up or self.seconds_left > 0:  # what was given up for time may be told another day
                self.cache.keep(name, _to_json(answer))
        return {key: self._known[key, scope] for key, scope in asked}

    def _is_rendered(self, key: SourceKey) -> bool:
        draft = self.drafts.get(key)
        return draft is not None and draft.status is RenderStatus.RENDERED and not draft.problems

    def _name(self, draft: Draft, scope: Scope) -> str | None:
        """What the cache calls the answer: everything that goes into the render, and how its layers are told apart."""
        render = self.cache.key(draft.job) if draft.job is not None else None
        if render is None:
            return None
        layers = [[layer.kind.value, layer.file] for layer in draft.layers]
        text = json.dumps(["values", FORMAT, render, layers, draft.unstable_templates, scope.value])
        return hashlib.sha256(text.encode()).hexdigest()

    def _answers(self, probings: list[Probing]) -> list[ValuesRead]:
        """Let all probings go on by turns, with one batch of jobs of every one of them at a time."""
        answers: dict[int, ValuesRead] = {}
        waiting: dict[int, list[Any]] = {}
        with Progress("probing values", "Applications", len(probings)) as progress:
            for index, probing in enumerate(probings):
                self._advance(index, probing, None, waiting, answers)
            while waiting:
                progress.show(len(answers))
                turn = dict(waiting)
                replies = iter(self._rendered(job for jobs in turn.values() for job in jobs))
                for index, jobs in turn.items():
                    self._advance(index, probings[index], list(islice(replies, len(jobs))), waiting, answers)
        return [answers[index] for index in range(len(probings))]

    def _rendered(self, jobs: Iterable[Job]) -> list[Reply]:
        """The replies to the jobs, in order; to the first of them only, where the time is up before the last."""
        listed = list(jobs)
        replies: list[Reply] = []
        while len(replies) < len(listed) and self.seconds_left > 0:
            start = time.monotonic()
            replies += self.run(listed[len(replies) : len(replies) + JOBS_AT_ONCE])
            self.seconds_left -= time.monotonic() - start
        self.probes += len(replies)
        return replies

    def _advance(
        self,
        index: int,
        probing: Probing,
        replies: list[Reply] | None,
        waiting: dict[int, list[Any]],
        answers: dict[int, ValuesRead],
    ) -> None:
        asked = waiting.pop(index, [])
        start = time.monotonic()
        try:
            if replies is None:
                waiting[index] = next(probing)
            elif len(replies) < len(asked) or self.seconds_left <= 0:
                probing.throw(TooManyProbesError())
            else:
                waiting[index] = probing.send(replies)
        except StopIteration as end:
            answers[index] = end.value
        self.seconds_left -= time.monotonic() - start


def _to_json(answer: ValuesRead) -> dict[str, Any]:
    unread = [[one.position, list(one.path), one.switch] for one in answer.unread]
    return {
        "unread": unread,
        "probes": answer.probes,
        "named": [list(path) for path in answer.named],
        "given_up": answer.given_up,
    }


def _from_json(data: Any) -> ValuesRead | None:
    if not isinstance(data, dict):
        return None
    unread = tuple(UnreadValue(position, tuple(path), switch) for position, path, switch in data["unread"])
    named = tuple(tuple(path) for path in data["named"])
    return ValuesRead(unread, data["probes"], named, data["given_up"])
