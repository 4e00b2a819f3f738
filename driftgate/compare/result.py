"""What a comparison says: a verdict, the fields that differ, and what stood in the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from driftgate.compare.rules import IgnoreRule

__all__ = [
    "ABSENT",
    "Absent",
    "Comparison",
    "Difference",
    "Prediction",
    "Problem",
    "ProblemKind",
    "Step",
    "Verdict",
    "written_path",
]


class Absent:
    """The value of a field that is not there, which is not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<absent>"

    def __bool__(self) -> bool:
        return False


ABSENT = Absent()


class Verdict(StrEnum):
    """What became of one object."""

    #: Nothing that Argo CD compares differs.
    IN_SYNC = "in sync"
    #: Differs: Argo CD says OutOfSync.
    CHANGED = "changed"
    #: Desired, and not in the cluster: Argo CD says OutOfSync.
    MISSING = "missing"
    #: In the cluster, tracked to this Application, and no longer desired: OutOfSync, and prune would delete it.
    EXTRA = "extra"
    #: In the cluster, and of no Application that is known here.
    ORPHANED = "orphaned"
    #: Differs only where a rule looks away: Argo CD says Synced.
    IGNORED = "ignored"
    #: Argo CD gives it no sync status: a hook, one with `Skip`, a copy of another object's tracking.
    NOT_COMPARED = "not compared"
    #: No answer; `problem` says why.
    COULD_NOT_CHECK = "could not check"


class ProblemKind(StrEnum):
    """Why there is no verdict. The first four fail in Argo CD too, and make the whole Application's status Unknown."""

    JQ = "a jq expression does not compile"
    MERGE = "the objects cannot be merged"
    MANAGED_FIELDS = "the managed fields cannot be read"
    OBJECT = "Argo CD breaks off over the object"
    #: From here on it is driftgate that cannot tell.
    JQ_UNSUPPORTED = "a jq expression takes jq itself"
    SERVER_SIDE = "only the API server can tell"
    DEFAULTS = "the defaults of an old API version are not known"
    DUPLICATES = "elements of a list have the same key"


@dataclass(frozen=True, slots=True)
class Problem:
    """What stood in the way of a verdict."""

    kind: ProblemKind
    message: str

    @property
    def in_argocd(self) -> bool:
        """Whether Argo CD fails as well: the Application's sync status is Unknown then."""
        return self.kind in {ProblemKind.JQ, ProblemKind.MERGE, ProblemKind.MANAGED_FIELDS, ProblemKind.OBJECT}


#: One step of a path: the key of a map, the index in a list, or (merge key, value) of an element that has one.
Step = str | int | tuple[str, str | int]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs.

    `desired` is what the field would be after a sync, `live` what it is; `ABSENT` where there is no field. Values of
    Secrets are `SecretValue`, which have no printable form. `ignored_by` is the rule that looks away.
    """

    path: tuple[Step, ...]
    desired: Any
    live: Any
    ignored_by: IgnoreRule | None = None

    @property
    def field(self) -> str:
        """The path as it is written: `spec.template.spec.containers[name=app].image`."""
        return written_path(self.path)


def written_path(path: tuple[Step, ...]) -> str:
    """A path in one text, with the elements of lists by their merge key or index."""
    text = ""
    for step in path:
        if isinstance(step, tuple):
            text += f"[{step[0]}={step[1]}]"
        elif isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or "/" in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict on one object, with the fields that differ, sorted by path."""

    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    problem: Problem | None = None
    #: In words why there is no sync status, for `NOT_COMPARED`, and of whom it is, for `ORPHANED`.
    reason: str = ""

    @property
    def out_of_sync(self) -> bool:
        """Whether Argo CD would say OutOfSync of this object."""
        return self.verdict in {Verdict.CHANGED, Verdict.MISSING, Verdict.EXTRA}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The live object as it is compared, and what a sync would make of it; None for an object that is not there.

    Both are plain JSON and hold the values of Secrets, so neither has a place in a representation.
    """

    live: dict[str, Any] | None = field(repr=False)
    predicted: dict[str, Any] | None = field(repr=False)
    modified: bool
