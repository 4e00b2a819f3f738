"""What a worker is asked and what it answers: plain data that travels as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Fault", "HelmJob", "Job", "KustomizeJob", "RenderedDocument", "Reply", "SetFlag", "job_data"]


@dataclass(frozen=True, slots=True)
class SetFlag:
    """One parameter: `flag` is --set, --set-string or --set-file; a file's `value` is its path."""

    flag: str
    name: str
    # Out of sight in representations, which end up in tracebacks: it may hold a credential.
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HelmJob:
    """One `helm template`, as Argo CD would run it.

    `values` are YAML texts, lowest first. `chart` is a folder on this machine; `local_dependencies` maps the names of
    `file://` dependencies that are not vendored to their folders, which Argo CD's `helm dependency build` would bring.
    `chart_values` stands in for the chart's own values.yaml. With `once` nobody asks whether the output is stable.
    """

    chart: str
    release: str
    namespace: str
    values: tuple[str, ...] = field(default=(), repr=False)
    sets: tuple[SetFlag, ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    include_crds: bool = True
    skip_tests: bool = False
    skip_schema_validation: bool = False
    local_dependencies: tuple[tuple[str, str], ...] = ()
    helm: str | None = None
    embedded: bool = True
    chart_values: str | None = field(default=None, repr=False)
    once: bool = False
    type: str = "helm"


@dataclass(frozen=True, slots=True)
class KustomizeJob:
    """One `kustomize build` of a folder below a root that it must not leave.

    With `edits`, `patches` or `components` the build happens in a copy of `folders`, which are all that it reads;
    `editor` is the program for `kustomize edit`.
    """

    root: str
    directory: str
    command: tuple[str, ...]
    editor: str = ""
    folders: tuple[str, ...] = ()
    edits: tuple[tuple[str, ...], ...] = ()
    patches: tuple[dict[str, Any], ...] = ()
    components: tuple[str, ...] = ()
    type: str = "kustomize"


Job = HelmJob | KustomizeJob


def job_data(job: Job) -> dict[str, Any]:
    """A job as JSON data."""
    data = _shallow(job)
    return {**data, "sets": [_shallow(flag) for flag in job.sets]} if isinstance(job, HelmJob) else data


def _shallow(value: Any) -> dict[str, Any]:
    """A dataclass's fields. `asdict` would copy everything below them too, which is slow for whole manifests."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """One object of the output, and the template it came from (relative to the chart, or to the root)."""

    template: str
    index: int
    object: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with one document of the output."""

    fault: str
    template: str
    document: int
    found: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a job.

    `fault` is empty for a render that came through, else one of: `render-failed`, `dependencies-missing`,
    `render-timeout`, `render-memory`, `render-crashed`, `engine-missing`. `template` and `line` say where it failed.
    """

    documents: tuple[RenderedDocument, ...] = ()
    faults: tuple[Fault, ...] = ()
    unstable: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    engine: str = ""
    fault: str = ""
    message: str = field(default="", repr=False)
    template: str = ""
    line: int = 0
    column: int = 0

    def to_json(self) -> dict[str, Any]:
        """The reply as JSON data."""
        lists = {"documents": [*map(_shallow, self.documents)], "faults": [*map(_shallow, self.faults)]}
        return {**_shallow(self), **lists}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reply:
        """The reply that JSON data holds."""
        lists = {
            "documents": tuple(RenderedDocument(**item) for item in data["documents"]),
            "faults": tuple(Fault(**item) for item in data["faults"]),
            "unstable": tuple(data["unstable"]),
            "assumptions": tuple(data["assumptions"]),
        }
        return cls(**{**data, **lists})
