"""What a check is: a generator with an id, a docstring that explains it, and a subject."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from driftgate.model.application import Application
from driftgate.model.environment import Environment, LoadedApplication, Problem, ProblemKind
from driftgate.model.manifest import Manifest, named_path
from driftgate.model.node import Path
from driftgate.model.outcome import DriftFacts, Finding, Related, Severity
from driftgate.model.place import Place
from driftgate.policy import Policy, Section

if TYPE_CHECKING:  # what talks of clusters is not loaded where only files are judged
    from driftgate.deploys.deploy import Deploy
    from driftgate.drift.pairing import LiveApplication, LiveEnvironment

__all__ = [
    "Breach",
    "Catalogue",
    "Check",
    "EarlierPolicy",
    "NotApplicable",
    "Result",
    "Scope",
    "Subject",
    "Unchecked",
    "check",
    "incomplete",
    "load_catalogue",
    "missing_from",
    "problem_result",
    "problems",
]

S = TypeVar("S", bound=Section)
T = TypeVar("T")
CHECKS_PACKAGE = "driftgate.checks"


class Scope(Enum):
    """What a check is handed: one Application, the environment as a whole, or the run with its findings."""

    APPLICATION = "application"
    ENVIRONMENT = "environment"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach that a check saw: where, what was found there and what would have been right.

    `object` and `field` go into the finding's key. `fix` and `why` replace the check's where more is known.
    Results with the same `cause` come of one fault: those that follow from it are told under the one that is it
    (`is_cause`), or under the heaviest where none is. `drift` has the parts of a difference from the cluster.
    """

    place: Place
    found: str
    expected: str
    object: str = ""
    field: str = ""
    related: tuple[Related, ...] = ()
    fix: str = ""
    cause: str = ""
    is_cause: bool = False
    why: str = ""
    drift: DriftFacts | None = None


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that a check could not judge, and why: never a pass."""

    place: Place
    found: str
    expected: str = ""
    object: str = ""
    field: str = ""
    related: tuple[Related, ...] = ()
    fix: str = ""
    cause: str = ""
    is_cause: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The subject has nothing that the check speaks of."""


Result = Breach | Unchecked | NotApplicable


@dataclass(frozen=True, slots=True)
class EarlierPolicy:
    """The policy of the environment before a change: None where there was none, or with what keeps it from being read.

    `revision` is the commit that it is of. `gone` names the policies of other environments that the change deletes, by
    file and environment.
    """

    policy: Policy | None
    revision: str
    fault: str = ""
    gone: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Subject:
    """What a check is handed. `loaded` is there for Application checks.

    `findings` are all so far for run checks, and those about single Applications for environment checks.
    `earlier` is there in a change review, where the environment has a base, and `live` where its clusters were read;
    `deploy` then is the deploy that the run looks back at, where there is one.
    """

    environment: Environment
    policy: Policy
    loaded: LoadedApplication | None = None
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    made: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)
    earlier: EarlierPolicy | None = None
    live: LiveEnvironment | None = field(default=None, repr=False)
    deploy: Deploy | None = field(default=None, repr=False)

    def once(self, make: Callable[[Subject], T]) -> T:
        """What a function makes of the environment and the policy, made once a run for all checks and Applications."""
        if make not in self.made:
            self.made[make] = make(Subject(self.environment, self.policy, made=self.made, live=self.live))
        made: T = self.made[make]
        return made

    @property
    def app(self) -> LoadedApplication:
        """The Application with everything rendered of it."""
        assert self.loaded is not None
        return self.loaded

    @property
    def clusters(self) -> LiveEnvironment:
        """What the clusters of the environment said, for live checks."""
        assert self.live is not None
        return self.live

    @property
    def deployed(self) -> LiveApplication:
        """The Application as its cluster has it, for live checks."""
        return self.clusters.applications[self.app.label]

    @property
    def application(self) -> Application:
        """The Application as its manifest has it."""
        return self.app.application

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """What the Application renders."""
        return self.app.manifests

    def section(self, kind: type[S]) -> S:
        """The policy section of a topic, with the Application's own entries laid over."""
        return self.policy.section(kind, self.loaded.application.name if self.loaded else "")

    def place(self, *path: str | int) -> Place:
        """The place of a field of the Application's manifest, or of its nearest ancestor."""
        return self.application.place_of(*path)

    def key_of(self, path: Path) -> str:
        """A path of the Application's manifest for a finding's key: list elements by their merge key."""
        return named_path(self.application.node.plain(), path)

    def is_on(self, check_id: str) -> bool:
        """Whether another check, which may know more of a cause, is switched on."""
        return self.policy.check_setting(check_id).severity != "off"

    def policy_entry(self, *path: str | int, note: str = "the rule in policy") -> tuple[Related, ...]:
        """Where policy asks for something: the Application's own entry before the environment's; else nothing."""
        own = ("overrides", self.application.name, *path) if self.loaded is not None else path
        for candidate in (own, path):
            if self.policy.node.get(*candidate) is not None:
                return (Related(self.policy.place_of(*candidate), note),)
        return ()

    def cause(self, manifest: Manifest, *path: str | int, part: str | None = None) -> tuple[Place, tuple[Related, ...]]:
        """The line that sets a rendered field, and where it is rendered.

        For a chart that is the values line, found by effect; where no single line does it, the template's file.
        `part` is the piece of the field's text that is meant, such as the tag of an image, or "" for an empty one.
        """
        rendered = manifest.place_of(*path)
        if rendered.exact:
            return rendered, ()
        line = self.environment.origin(manifest, path, part)
        if line is None:
            return rendered, ()
        return line, (Related(rendered, f"renders {manifest.kind} {manifest.name}"),)

    def breach(
        self,
        manifest: Manifest,
        path: Path,
        found: str,
        expected: str,
        *,
        fix: str = "",
        anchor: Path | None = None,
        part: str | None = None,
    ) -> Breach:
        """A breach of a rendered field; `anchor` is another field whose line is the cause, where `path` is absent."""
        place, related = self.cause(manifest, *(path if anchor is None else anchor), part=part)
        return Breach(place, found, expected, manifest.object_id, manifest.field(*path), related, fix)


CheckFunction = Callable[[Subject], Iterator[Result]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the catalogue; title, why and fix come from its function's docstring.

    A `live` check is run only where clusters were read, another only where they were not; with None it is run in both.
    """

    id: str
    topic: str
    scope: Scope
    severity: Severity
    title: str
    why: str
    fix: str
    function: CheckFunction
    live: bool | None = False

    def judges(self, *, live: bool) -> bool:
        """Whether it is run where clusters were read, or where they were not."""
        return self.live is None or self.live is live


_MARK = "__driftgate_check__"


def check(
    *, severity: Severity = Severity.ERROR, scope: Scope = Scope.APPLICATION, live: bool | None = False
) -> Callable[[CheckFunction], CheckFunction]:
    """Mark a generator as a check. Its id is its name with dashes; its docstring is title, `Why: …`, `Fix: …`.

    `live` is as in `Check`.
    """

    def mark(function: CheckFunction) -> CheckFunction:
        setattr(function, _MARK, (severity, scope, live))
        return function

    return mark


@dataclass(frozen=True)
class Catalogue:
    """Every check by id, and the policy sections that the topics own, by their name in YAML."""

    checks: Mapping[str, Check]
    sections: Mapping[str, type[Section]]

    def of_topic(self, topic: str) -> tuple[Check, ...]:
        """The checks of one topic, in the order of their module."""
        return tuple(check for check in self.checks.values() if check.topic == topic)

    def judging(self, *, live: bool) -> Mapping[str, Check]:
        """The checks by id that are run where clusters were read, or where they were not."""
        return {id_: check for id_, check in self.checks.items() if check.judges(live=live)}

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics, sorted."""
        return tuple(sorted({check.topic for check in self.checks.values()}))


@cache
def load_catalogue() -> Catalogue:
    """The catalogue of the installed checks; TypeError for a check whose docstring or id is not in order."""
    package = importlib.import_module(CHECKS_PACKAGE)
    checks: dict[str, Check] = {}
    sections: dict[str, type[Section]] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{CHECKS_PACKAGE}.{info.name}")
        sections.update(getattr(module, "POLICY", {}))
        for found in _checks_of(module, info.name):
            if found.id in checks:
                raise TypeError(f"two checks are called {found.id}")
            checks[found.id] = found
    return Catalogue(checks, sections)


def _checks_of(module: ModuleType, topic: str) -> Iterator[Check]:
    for name, function in vars(module).items():
        mark = getattr(function, _MARK, None)
        if mark is None or function.__module__ != module.__name__:
            continue
        severity, scope, live = mark
        title, why, fix = _explained(name, inspect.getdoc(function) or "")
        yield Check(name.replace("_", "-"), topic, scope, severity, title, why, fix, function, live)


def _explained(name: str, text: str) -> tuple[str, str, str]:
    title, _, rest = text.partition("\n\n")
    why, _, fix = rest.partition("\n\nFix: ")
    if not (title.strip() and why.startswith("Why: ") and fix.strip()):
        raise TypeError(f"the docstring of {name} must be a title, `Why: …` and `Fix: …`, with empty lines between")
    return " ".join(title.split()), " ".join(why.removeprefix("Why: ").split()), " ".join(fix.split())


def problems(subject: Subject, fault: str) -> Iterator[Result]:
    """The results for what could not be read or rendered, of one sort: the repository's own faults are breaches.

    For an Application these are the problems of its sources; for the environment everybody's, each place once.
    """
    if subject.loaded is None:
        found = list(subject.environment.all_problems)
    else:
        if not subject.loaded.renders:
            yield NotApplicable()
        found = list(subject.loaded.problems)
    # The same place may be told twice, as something not read and as what a source fails over: the latter weighs more,
    # and tells which Application is not known because of it.
    found.sort(key=lambda pair: (pair[1].kind is not ProblemKind.BROKEN, pair[0] == ""))
    places: set[Place] = set()
    for owner, problem in found:
        if problem.fault == fault and problem.place not in places:
            places.add(problem.place)
            yield problem_result(problem, owner or missing_from(subject, problem))


def missing_from(subject: Subject, problem: Problem) -> str:
    """The Application of the inventory that a broken file should have held: the missing one that it is called like."""
    name = problem.place.file.rpartition("/")[2].partition(".")[0]
    is_missing = all(loaded.application.name != name for loaded in subject.environment.applications)
    return name if name in (subject.policy.inventory or ()) and is_missing else ""


def incomplete(label: str) -> str:
    """The cause that everything has in common which follows from an Application's not being rendered in full."""
    return f"incomplete:{label}"


def problem_result(problem: Problem, label: str = "") -> Breach | Unchecked:
    """One problem as a check's result; `label` names the Application whose objects are not all known because of it."""
    kind = Breach if problem.kind is ProblemKind.BROKEN else Unchecked
    related = tuple(Related(place, note) for place, note in problem.related)
    return kind(
        problem.place,
        problem.found,
        problem.expected,
        field=problem.field or problem.place.file,
        related=related,
        cause=incomplete(label) if label else "",
        is_cause=True,
    )
