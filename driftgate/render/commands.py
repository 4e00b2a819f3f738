"""Run helm and kustomize as commands, with nothing of the user's configuration and no way to the network."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

from driftgate.render.jobs import HelmJob, KustomizeJob, Reply, SetFlag
from driftgate.render.kustomize_edits import FILE_NAMES, EditError, edited_copy
from driftgate.render.output import parse_output
from driftgate.semantics.helm_values import escape_set_file, escape_set_value

__all__ = [
    "INCOMPATIBLE",
    "chart_folder",
    "copy_chart",
    "incompatible",
    "offline_environment",
    "render_helm",
    "render_kustomize",
    "set_arguments",
]

# Nothing listens there: a proxy that refuses is how a Go program without a network switch is kept off the network.
_NO_PROXY_LISTENS = "http://127.0.0.1:9"
_SOURCE = re.compile(r"^# Source: (\S+)\s*$", re.MULTILINE)
_TEMPLATE_ERROR = re.compile(r"(?P<template>[\w.-]+/(?:[\w./-]+)):(?P<line>\d+)(?::(?P<column>\d+))?")
_LOG_HEADER = re.compile(r"^[EF]\d{4} \S+ +\d+ \S+\] ")
_REPEATED = re.compile(r" with config: `| from \[patch: ")
_MISSING_DEPENDENCY = "missing in charts/"
_INVALID_OUTPUT = "YAML parse error on"
INCOMPATIBLE = "chart requires kubeVersion:"


def offline_environment(home: str) -> dict[str, str]:
    """An environment with a home of its own and proxies that lead nowhere."""
    kept = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP") if key in os.environ}
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NO_PROXY_LISTENS)
    helm = {f"HELM_{name}_HOME": home for name in ("CACHE", "CONFIG", "DATA")}
    git = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "none"}
    return {
        **kept,
        **proxies,
        **helm,
        **git,
        "HOME": home,
        "NO_PROXY": "",
        "KUBECONFIG": os.path.join(home, "none"),
    }


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="driftgate-render-") as folder:
        yield Path(folder)


@contextmanager
def chart_folder(job: HelmJob, *, without_schemas: bool = False) -> Iterator[str]:
    """The chart itself, or a copy where dependencies have to be added, or schemas or values are others."""
    if not job.local_dependencies and not without_schemas and job.chart_values is None:
        yield job.chart
        return
    with _scratch() as scratch:
        folder = scratch / "chart"
        copy_chart(job, folder)
        for schema in folder.rglob("values.schema.json") if without_schemas else ():
            schema.unlink()
        if job.chart_values is not None:
            values = folder / "values.yaml"
            values.unlink(missing_ok=True)  # it may be a link to a file that is not ours
            values.write_text(job.chart_values, encoding="utf-8")
        yield str(folder)


def copy_chart(job: HelmJob, folder: Path) -> None:
    """Copy the chart of a job to a folder that does not exist yet, with the dependencies that it names by `file://`."""
    shutil.copytree(job.chart, folder)
    for name, origin in job.local_dependencies:
        shutil.copytree(origin, folder / "charts" / name, dirs_exist_ok=True)


def set_arguments(sets: Iterable[SetFlag]) -> Iterator[str]:
    """The arguments that give Helm its parameters, escaped as Argo CD escapes them."""
    for flag in sets:
        escape = escape_set_file if flag.flag == "--set-file" else escape_set_value
        yield from (flag.flag, f"{flag.name}={escape(flag.value)}")


def render_helm(job: HelmJob) -> Reply:
    """Render through the `helm` command with exactly the flags that Argo CD passes, and again to see what is stable."""
    assert job.helm is not None
    with _scratch() as scratch, chart_folder(job) as chart:
        arguments = [job.helm, "template", ".", *_helm_flags(job, scratch)]
        first = _run(arguments, chart, scratch)
        if first.returncode != 0 and _INVALID_OUTPUT in first.stderr:
            # Helm looks at the output once more before it prints it; with --debug it prints what it refuses, so that
            # the one bad document can be told from the good ones.
            arguments.append("--debug")
            first = _run(arguments, chart, scratch)
        elif first.returncode != 0:
            return _helm_failure(job, first.stderr)
        second = first if job.once else _run(arguments, chart, scratch)
    before, after = _by_template(first.stdout), _by_template(second.stdout)
    unstable = tuple(sorted(name for name in before if before[name] != after.get(name)))
    documents, faults = parse_output(sorted(before.items()))
    return Reply(tuple(documents), tuple(faults), unstable, engine="helm command")


def _helm_flags(job: HelmJob, scratch: Path) -> Iterator[str]:
    yield from ("--name-template", job.release)
    if job.namespace:
        yield from ("--namespace", job.namespace)
    if job.kube_version:
        yield from ("--kube-version", job.kube_version)
    yield from set_arguments(job.sets)
    for index, text in enumerate(job.values):
        path = scratch / f"values-{index}.yaml"
        path.write_text(text, encoding="utf-8")
        yield from ("--values", str(path))
    for api_version in job.api_versions:
        yield from ("--api-versions", api_version)
    if job.include_crds:
        yield "--include-crds"
    if job.skip_schema_validation:
        yield "--skip-schema-validation"
    if job.skip_tests:
        yield "--skip-tests"


def _run(arguments: list[str], folder: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments,
        cwd=folder,
        env=offline_environment(str(home)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _by_template(output: str) -> dict[str, str]:
    """Helm's output cut at its `# Source:` lines; each template's documents stay in order."""
    texts: dict[str, str] = {}
    marks = list(_SOURCE.finditer(output))
    for mark, following in zip_longest(marks, marks[1:]):
        part = output[mark.end() : following.start() if following else len(output)].rstrip()
        part = part.removesuffix("---").rstrip() if following else part
        name = mark[1].partition("/")[2] or mark[1]
        texts[name] = f"{texts[name]}\n---\n{part}" if name in texts else part
    return texts


def incompatible(job: HelmJob, message: str) -> Reply:
    """The reply for a chart whose `kubeVersion` excludes the cluster's, with the line that says so."""
    with contextlib.suppress(OSError):
        lines = (Path(job.chart) / "Chart.yaml").read_text(encoding="utf-8", errors="replace").splitlines()
        line = next((number for number, text in enumerate(lines, 1) if text.startswith("kubeVersion:")), 0)
        return Reply(fault="render-failed", message=message, template="Chart.yaml", line=line)
    return Reply(fault="render-failed", message=message)


def _helm_failure(job: HelmJob, message: str) -> Reply:
    text = " ".join(line for line in message.splitlines() if line and not line.startswith("Use --debug")).strip()
    if _MISSING_DEPENDENCY in text:
        return Reply(engine="helm command", fault="dependencies-missing", message=text)
    if INCOMPATIBLE in text:
        return replace(incompatible(job, text), engine="helm command")
    found = list(_TEMPLATE_ERROR.finditer(text))
    if not found:
        return Reply(engine="helm command", fault="render-failed", message=text)
    last = found[-1]
    return Reply(
        engine="helm command",
        fault="render-failed",
        message=text,
        template=last["template"].partition("/")[2],
        line=int(last["line"]),
        column=int(last["column"] or 0),
    )


def render_kustomize(job: KustomizeJob) -> Reply:
    """Build an overlay, with the source's edits; every base was seen to be local before this was asked."""
    with _scratch() as scratch:

        def edit(arguments: tuple[str, ...], folder: Path) -> None:
            done = _run([job.editor, "edit", *arguments], str(folder), scratch)
            if done.returncode != 0:
                # Cobra prints the command's usage after the error.
                said = done.stderr.partition("Usage:")[0]
                raise EditError(f"kustomize edit {' '.join(arguments[:2])}: {said}".replace(str(scratch), ""))

        folder = Path(job.root) / job.directory
        if job.editor:
            try:
                folder = edited_copy(job, scratch, edit)
            except EditError as error:
                return Reply(engine="kustomize", fault="render-failed", message=" ".join(str(error).split()))
        done = _run([*job.command, str(folder)], str(folder), scratch)
        said = done.stderr.replace(str(scratch / "tree"), "").replace(job.root, "")
    names = [name for name in FILE_NAMES if (Path(job.root) / job.directory / name).is_file()]
    name = names[0] if names else ""
    if done.returncode != 0:
        return Reply(engine="kustomize", fault="render-failed", message=_kustomize_cause(said), template=name)
    documents, faults = parse_output([(name, done.stdout)])
    return Reply(tuple(documents), tuple(faults), engine="kustomize")


def _kustomize_cause(said: str) -> str:
    """Why a build failed, without the warnings before it and without kubectl's log header, which holds the time."""
    cause = " ".join(line for line in said.splitlines() if not line.startswith("# Warning:"))
    # A patch that fails is repeated word by word, and may be one of a Secret.
    return _LOG_HEADER.sub("", _REPEATED.split(" ".join(cause.split()))[0])
