"""An environment as a whole: what was read, laid out and rendered, ready to be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from driftgate.model.application import Application, AppProject, Source
from driftgate.model.credentials import CredentialScan
from driftgate.model.manifest import Manifest
from driftgate.model.node import Duplicate, Node, Path
from driftgate.model.place import Place
from driftgate.model.review import NO_REVIEW, Review
from driftgate.schemas import Schemas

__all__ = [
    "ASSUMED_REPOSITORY",
    "Chart",
    "Environment",
    "LayerKind",
    "LoadedApplication",
    "OutputFault",
    "Problem",
    "ProblemKind",
    "Render",
    "RenderStatus",
    "SourceType",
    "UnreadValue",
    "ValuesLayer",
    "ValuesRead",
]


ASSUMED_REPOSITORY = "the source was taken for this repository because its path is here"


class ProblemKind(Enum):
    """Why something could not be read or rendered; `broken` is the repository's fault, the rest is ours to tell."""

    BROKEN = "broken"
    REMOTE = "remote"
    PINNED = "pinned"
    UNSUPPORTED = "unsupported"
    LIMIT = "limit"
    TOOL = "tool"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that could not be read, resolved or rendered.

    `fault` names the sort of breach (a check with the same word reports it), `found` and `expected` are for people.
    `field` tells problems of one sort in one file apart in a finding's key; the file, where it is empty.
    """

    kind: ProblemKind
    fault: str
    place: Place
    found: str
    expected: str = ""
    related: tuple[tuple[Place, str], ...] = ()
    field: str = ""


class SourceType(Enum):
    """What Argo CD would render a source with."""

    HELM = "helm"
    KUSTOMIZE = "kustomize"
    DIRECTORY = "directory"
    PLUGIN = "plugin"
    NONE = "none"


class LayerKind(Enum):
    """The layers of Helm values, lowest first."""

    CHART = "chart values.yaml"
    VALUE_FILE = "valueFiles"
    INLINE = "values"
    PARAMETER = "parameters"
    FILE_PARAMETER = "fileParameters"


@dataclass(frozen=True, slots=True)
class ValuesLayer:
    """One layer of Helm values: a mapping of Nodes with the place each leaf came from.

    `text` is the YAML text that Helm gets, `entry` is where the Application names the layer. A parameter is a layer of
    its own: `text` is its name, `node` the one value that it sets (for a fileParameter the path of the file).
    """

    kind: LayerKind
    label: str
    node: Node
    entry: Place
    file: str = ""
    # Out of sight in representations, which end up in tracebacks: it may hold a credential.
    text: str = field(default="", repr=False)
    duplicates: tuple[Duplicate, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadValue:
    """A leaf of a layer that no rendered object depends on; `position` counts the layers of its source from 0.

    `switch` names what has to say something else before a template reads the leaf; "" where nothing makes one read it.
    """

    position: int
    path: Path
    switch: str = ""


@dataclass(frozen=True, slots=True)
class ValuesRead:
    """What was found out about the values of one source, by `probes` renders.

    `named` are the paths that the chart's templates write out. Where it took too many renders, `given_up` says so, and
    nothing is known.
    """

    unread: tuple[UnreadValue, ...] = ()
    probes: int = 0
    named: tuple[Path, ...] = ()
    given_up: bool = False


class RenderStatus(Enum):
    """What came of rendering one source."""

    RENDERED = "rendered"
    FAILED = "failed"
    COULD_NOT = "could-not-render"
    NOTHING_TO_RENDER = "nothing-to-render"


@dataclass(frozen=True, slots=True)
class OutputFault:
    """Something wrong with one rendered document that did not stop the render.

    `field` tells faults of one sort in one document apart in a finding's key.
    """

    fault: str
    template: str
    document: int
    found: str
    node_place: Place | None = None
    field: str = ""


@dataclass(frozen=True, slots=True)
class Render:
    """One source, rendered or not, and why.

    `assumptions` lists what a render rested on that the cluster might answer otherwise. `unstable` names the
    templates whose output differed between two renders with the same input.
    """

    source: Source
    type: SourceType
    status: RenderStatus
    directory: str = ""
    layers: tuple[ValuesLayer, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    problems: tuple[Problem, ...] = ()
    faults: tuple[OutputFault, ...] = ()
    assumptions: tuple[str, ...] = ()
    unstable: tuple[str, ...] = ()
    engine: str = ""
    chart: str = ""

    @property
    def complete(self) -> bool:
        """Whether every object that the source yields is known."""
        return self.status in (RenderStatus.RENDERED, RenderStatus.NOTHING_TO_RENDER) and not self.problems


class Reach(Enum):
    """How an Application comes to the cluster, as far as the tree tells."""

    ROOT = "root"
    CHILD = "child"
    STANDALONE = "standalone"
    UNREACHED = "unreached"


@dataclass(frozen=True, slots=True)
class LoadedApplication:
    """An Application with everything that the tree tells of it.

    `label` is its name, with its folder added where two Applications of one environment share the name. `parents`
    are the labels of the Applications that render it.
    """

    label: str
    application: Application
    renders: tuple[Render, ...]
    manifests: tuple[Manifest, ...]
    parents: tuple[str, ...] = ()
    reach: Reach = Reach.STANDALONE
    _is_parent: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Known once: a check that asks it of all Applications for each of them would ask a million times.
        object.__setattr__(self, "_is_parent", any(manifest.is_application for manifest in self.manifests))

    @property
    def complete(self) -> bool:
        """Whether every object of the Application is known."""
        return all(render.complete for render in self.renders)

    @property
    def problems(self) -> Iterator[tuple[str, Problem]]:
        """Every problem of its sources, with the Application's own label."""
        return ((self.label, problem) for render in self.renders for problem in render.problems)

    @property
    def is_parent(self) -> bool:
        """Whether it renders other Applications."""
        return self._is_parent


@dataclass(frozen=True, slots=True)
class Chart:
    """One Helm chart of the tree; `used_by` are the labels of the Applications whose source it is.

    `render` is there only for charts that no Application uses, rendered with the chart's own values.
    """

    path: str
    name: str
    library: bool = False
    used_by: tuple[str, ...] = ()
    render: Render | None = None


def _no_origin(_manifest: Manifest, _path: Path, _part: str | None) -> Place | None:
    return None


def _not_read(_sources: Mapping[tuple[str, int], bool]) -> Mapping[tuple[str, int], ValuesRead]:
    return {}


def _no_sibling(_environment: str) -> Environment | None:
    return None


def _no_credentials(_exclude: Sequence[str]) -> CredentialScan:
    return CredentialScan()


def _no_texts(_globs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return ()


def _no_line(_file: str, _text: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that is judged under one policy.

    `origin` answers which values line sets a rendered field: given a manifest, a field path and the part of the
    field's text that is meant (None for all of it, "" for what is empty in it) it gives the place, or None where no
    single line does. It is a function because the answer takes further renders and is wanted for
    findings only.

    `values_read` answers for sources, by label and index, what of their values nothing reads; with the chart's own
    values.yaml where the entry is true. A source that it does not answer for was not rendered.

    In a change review `base` is the same environment before the change, and `review` answers what the change did to a
    render. `revision` is the commit that the files are of; "" for the work tree.

    `siblings` gives another environment of the tree by its name, None where no policy has that name. It is a function
    because the other one has to be read and rendered for it.
    """

    name: str
    applications: tuple[LoadedApplication, ...]
    projects: tuple[AppProject, ...] = ()
    charts: tuple[Chart, ...] = ()
    problems: tuple[Problem, ...] = ()
    application_sets: tuple[tuple[str, Place], ...] = ()
    excluded: tuple[str, ...] = ()
    argocd_config: Mapping[str, Node] = field(default_factory=dict)
    values_files: tuple[str, ...] = ()
    unlisted_values_files: tuple[tuple[str, str], ...] = ()
    paths: frozenset[str] = frozenset()
    origin: Callable[[Manifest, Path, str | None], Place | None] = field(default=_no_origin, repr=False)
    schemas: Schemas = field(default_factory=Schemas, repr=False, compare=False)
    credentials: Callable[[Sequence[str]], CredentialScan] = field(default=_no_credentials, repr=False)
    line_of: Callable[[str, str], int] = field(default=_no_line, repr=False)
    texts: Callable[[Sequence[str]], tuple[tuple[str, str], ...]] = field(default=_no_texts, repr=False)
    values_read: Callable[[Mapping[tuple[str, int], bool]], Mapping[tuple[str, int], ValuesRead]] = field(
        default=_not_read, repr=False
    )
    siblings: Callable[[str], Environment | None] = field(default=_no_sibling, repr=False)
    base: Environment | None = field(default=None, repr=False)
    review: Review = field(default=NO_REVIEW, repr=False)
    revision: str = ""

    def at_revision(self, place: Place) -> Place:
        """A place of this environment with the commit before its file, as `git show` takes it."""
        known = not self.revision or ":" in place.file
        return place if known else replace(place, file=f"{self.revision}:{place.file}")

    @property
    def all_problems(self) -> Iterator[tuple[str, Problem]]:
        """Every problem with the label of the Application that it keeps from being known in full, or with ""."""
        yield from (("", problem) for problem in self.problems)
        for loaded in self.applications:
            yield from loaded.problems

    def find(self, label: str) -> LoadedApplication | None:
        """The Application of a label."""
        return next((loaded for loaded in self.applications if loaded.label == label), None)
