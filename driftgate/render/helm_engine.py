"""Helm as a library: the one module that knows `helm_python`, loaded in workers only.

The library is young, so everything of it that we use is here. `Chart.render` hides two options that the C library
offers (`kube_version`, `api_versions`), so the call goes to the library's JSON interface, whose keys are its ABI.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import helm_python
from helm_python import HelmError, _native

from driftgate.render.commands import INCOMPATIBLE, chart_folder, incompatible
from driftgate.render.jobs import HelmJob, Reply
from driftgate.render.output import parse_output
from driftgate.semantics.helm_values import (
    escape_set_file,
    escape_set_value,
    merge_layers,
    set_conflict,
    values_documents,
)
from driftgate.semantics.semver import ConstraintError, satisfies

__all__ = ["HelmError", "pull", "render"]

_POSITION = re.compile(r"(?P<template>[\w.-]+/(?:[\w./-]+)):(?P<line>\d+)(?::(?P<column>\d+))?")
HELM_HOOK = "helm.sh/hook"
_TESTS = frozenset({"test", "test-success"})
# helm: pkg/release/v1/util/manifest_sorter.go `events`.
_EVENTS = ("install", "delete", "upgrade", "rollback")
_HOOKS = _TESTS | {f"{when}-{event}" for when in ("pre", "post") for event in _EVENTS}
INTEGER_PARAMETERS = "integers in parameters were given to the templates as floating-point numbers"


def version() -> str:
    """The Helm version that the library carries."""
    return helm_python.helm_sdk_version().removeprefix("v")


def render(job: HelmJob) -> Reply:
    """Render a chart twice, from a fresh load each time, because rendering changes the loaded chart.

    The two outputs tell whether the templates are stable (`randAlphaNum`, `genCA`, `now`).
    """
    engine = f"helm {version()} (embedded)"
    try:
        values, integers = _values(job)
        helm_python.validate_release_name(job.release)
        with chart_folder(job, without_schemas=job.skip_schema_validation) as folder:
            with helm_python.Chart.load(folder) as chart:
                refused = _refused(job, chart)
                if refused:
                    return replace(refused, engine=engine)
                first = _render_once(job, chart, values)
                # Rendering has taken out the subcharts that are switched off.
                crds = [(str(crd["filename"]), str(crd["data"])) for crd in chart.crds] if job.include_crds else []
            second = first
            if not job.once:
                with helm_python.Chart.load(folder) as chart:
                    second = _render_once(job, chart, values)
    except HelmError as error:
        return _failure(engine, str(error))
    unstable = tuple(sorted(name for name in first if first[name] != second.get(name)))
    texts = [*crds, *sorted(first.items())]
    documents, faults = parse_output((_relative(name), text) for name, text in texts if _is_manifest(name))
    from_crds = {_relative(name) for name, _ in crds}
    documents = [d for d in documents if d.template in from_crds or not _is_unknown_hook(d.object)]
    if job.skip_tests:
        documents = [d for d in documents if not _is_test(d.object)]
    assumptions = (INTEGER_PARAMETERS,) if integers else ()
    return Reply(
        tuple(documents),
        tuple(faults),
        tuple(map(_relative, unstable)),
        assumptions=assumptions,
        engine=engine,
    )


def pull(*, reference: str, repository: str, version: str, user: str, password: str, folder: str) -> None:
    """Download a chart and unpack it below a folder; `repository` is empty for an OCI reference. Raises HelmError."""
    helm_python.pull(
        reference,
        repo_url=repository or None,
        version=version or None,
        username=user or None,
        password=password or None,
        destination=folder,
        untar=True,
        untar_dir=folder,
    )


def _values(job: HelmJob) -> tuple[dict[str, Any], bool]:
    """The override values, and whether a parameter became an integer.

    Helm's `--set` makes an int64 of a number, but values reach the library as JSON and come out as float64.
    """
    values: dict[str, Any] = {}
    for text in job.values:
        for part in values_documents(text):
            values = merge_layers(values, helm_python.values_from_yaml(part) or {})
    integers = False
    for flag in job.sets:
        if flag.flag == "--set-file":
            parsed = helm_python.parse_set_file(f"{flag.name}={escape_set_file(flag.value)}")
        elif flag.flag == "--set-string":
            parsed = helm_python.parse_set_string_values(f"{flag.name}={escape_set_value(flag.value)}")
        else:
            parsed = helm_python.parse_set_string(f"{flag.name}={escape_set_value(flag.value)}")
            integers = integers or _has_integer(parsed)
        if conflict := set_conflict(values, flag.name):
            raise HelmError(f"failed parsing {flag.flag} data: unable to parse key: {conflict}")
        values = _merge_set(values, parsed, indexed="[" in flag.name)
    return values, integers


def _has_integer(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_integer, value.values()))
    if isinstance(value, list):
        return any(map(_has_integer, value))
    return isinstance(value, int) and not isinstance(value, bool)


def _merge_set(base: Any, parsed: Any, *, indexed: bool) -> Any:
    """Lay one parsed parameter over the values, as Helm's parser does it in place.

    With an index in the name (`hosts[1].name`) the parsed list holds nulls where nothing was said: those keep what
    is there. Without one a list replaces the other whole.
    """
    if isinstance(base, dict) and isinstance(parsed, dict):
        return {
            **base,
            **{key: _merge_set(base.get(key), value, indexed=indexed) for key, value in parsed.items()},
        }
    if indexed and isinstance(base, list) and isinstance(parsed, list):
        merged = [_merge_set(old, new, indexed=True) for old, new in zip(base, parsed, strict=False)]
        return [*merged, *base[len(parsed) :], *parsed[len(base) :]]
    return base if indexed and parsed is None and base is not None else parsed


def _refused(job: HelmJob, chart: helm_python.Chart) -> Reply | None:
    """What `helm template` refuses before it renders, and the library does not look at."""
    metadata = chart.metadata
    present = {dependency.get("name") for dependency in chart.dependencies}
    declared = [d.get("name") for d in metadata.get("dependencies") or []]
    missing = [name for name in declared if name not in present]
    if missing:
        found = f"found in Chart.yaml, but missing in charts/: {', '.join(map(str, missing))}"
        return Reply(fault="dependencies-missing", message=found)
    if metadata.get("apiVersion") not in ("v1", "v2"):
        return Reply(fault="render-failed", message="invalid chart apiVersion")
    if metadata.get("type") == "library":
        return Reply(fault="render-failed", message="a library chart cannot be rendered by itself")
    constraint = str(metadata.get("kubeVersion") or "")
    if constraint and job.kube_version and not _compatible(job.kube_version, constraint):
        return incompatible(job, f"{INCOMPATIBLE} {constraint}, and Kubernetes is {job.kube_version}")
    return None


def _compatible(version: str, constraint: str) -> bool:
    try:
        return satisfies(version, constraint)
    except ConstraintError:
        return False


def _render_once(job: HelmJob, chart: helm_python.Chart, values: dict[str, Any]) -> dict[str, str]:
    options: dict[str, Any] = {"name": job.release, "namespace": job.namespace}
    if job.kube_version:
        options["kube_version"] = job.kube_version
    if job.api_versions:
        options["api_versions"] = list(job.api_versions)
    texts = _native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options))
    rendered: dict[str, str] = json.loads(texts)
    return rendered


def _is_manifest(template: str) -> bool:
    name = template.rpartition("/")[2]
    return not name.startswith("_") and not name.endswith("NOTES.txt")


def _relative(template: str) -> str:
    """`chart/templates/x.yaml` as `templates/x.yaml`: the chart's name is not its folder's."""
    return template.partition("/")[2] or template


def _is_unknown_hook(document: dict[str, Any]) -> bool:
    """Whether Helm leaves the object out for a hook that it does not know, such as `crd-install` of Helm 2."""
    hooks = ((document.get("metadata") or {}).get("annotations") or {}).get(HELM_HOOK)
    return hooks is not None and any(hook.strip().lower() not in _HOOKS for hook in str(hooks).split(","))


def _is_test(document: dict[str, Any]) -> bool:
    annotations = (document.get("metadata") or {}).get("annotations") or {}
    hooks = str(annotations.get(HELM_HOOK, "")).split(",")
    return any(hook.strip().lower() in _TESTS for hook in hooks)


def _failure(engine: str, message: str) -> Reply:
    """The library's error with the innermost template position that it names."""
    positions = list(_POSITION.finditer(message))
    if not positions:
        return Reply(engine=engine, fault="render-failed", message=message)
    last = positions[-1]
    return Reply(
        engine=engine,
        fault="render-failed",
        message=message,
        template=_relative(last["template"]),
        line=int(last["line"]),
        column=int(last["column"] or 0),
    )
