"""Let helm and kustomize write the objects that the stories under ``fixtures/repos`` must render to.

For development only, and deliberately a stranger to driftgate: what is written here is what driftgate is
measured against, so neither its reader nor its renderer may take part. Each file
``fixtures/repos/<story>.expected/render.yaml`` states, per Application, the commands that Argo CD would run;
``<application>.json`` beside it holds the result.

    python tools/expected_objects.py                 write all files again
    python tools/expected_objects.py --check         write nothing; exit 1 and say what would change

helm 4 and kustomize 5 are taken from ``--helm`` and ``--kustomize``, else from the variables DRIFTGATE_HELM4
and DRIFTGATE_KUSTOMIZE, else from the PATH.

An entry of render.yaml is a list with one step per source that renders something:

    tool: helm        ``helm template . <arguments>`` inside ``directory``; ``values``, when given, is written
                      to a file of its own, and ``{values}`` in the arguments becomes its path
    tool: kustomize   ``kustomize build <directory>``, after ``kustomize edit <words>`` for each of ``edit``
    tool: directory   ``files`` of ``directory``, read by Helm's YAML parser, which is also Argo CD's
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

STORIES = Path(__file__).resolve().parent.parent / "fixtures" / "repos"
SUFFIX = ".expected"

# Block scalars are indented in what the tools print and in the stories' files, so three dashes in the first
# column always separate.
SEPARATOR = re.compile(r"^---[ \t]*$", re.MULTILINE)

# Helm reads YAML as Argo CD does (sigs.k8s.io/yaml), Python does not: `off`, 0440, 06:30 and 2021-04-01 would
# each become something else. So Helm turns the documents into JSON, too.
TO_JSON = """\
{{- $documents := list -}}
{{- range $path, $_ := .Files.Glob "documents/*" -}}
{{- $documents = append $documents ($.Files.Get $path | fromYaml) -}}
{{- end -}}
{{ dict "apiVersion" "v1" "kind" "List" "items" $documents | toJson }}
"""


class RenderError(Exception):
    """A tool failed, or its result cannot be an expectation."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The two foreign renderers, as paths of their binaries."""

    helm: str
    kustomize: str


def run(command: Sequence[str], directory: Path) -> str:
    """Return what a command prints; raise RenderError with its own words when it fails.

    Helm's settings and plugins of the person at the keyboard stay outside: they could change the result.
    """
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": home}
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, encoding="utf-8", check=False
        )
    if done.returncode:
        raise RenderError(f"{' '.join(command)} in {directory}: {done.stderr.strip()}")
    return done.stdout


def as_objects(text: str, tools: Tools) -> list[dict[str, Any]]:
    """Return the objects of a multi-document YAML text, read by Helm; empty documents are left out."""
    documents = [document for document in SEPARATOR.split(text) if not is_blank(document)]
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder)
        (chart / "templates").mkdir()
        (chart / "documents").mkdir()
        (chart / "Chart.yaml").write_text("{apiVersion: v2, name: to-json, version: 0.0.0}\n", encoding="utf-8")
        (chart / "templates" / "documents.yaml").write_text(TO_JSON, encoding="utf-8")
        for number, document in enumerate(documents):
            (chart / "documents" / f"{number:05}.yaml").write_text(document, encoding="utf-8")
        printed = run([tools.helm, "template", "to-json", "."], chart)
    objects: list[dict[str, Any]] = json.loads(printed[printed.index("{") :])["items"]
    if len(objects) != len(documents):
        raise RenderError(f"{len(documents)} documents became {len(objects)} objects")
    for item in objects:
        # Helm's fromYaml does not fail; it returns the message under this key.
        if "Error" in item or not item.get("kind"):
            raise RenderError(f"not a Kubernetes object: {json.dumps(item)[:200]}")
    return objects


def is_blank(document: str) -> bool:
    """Whether a document holds nothing but comments and white space."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in document.splitlines())


def helm(step: Mapping[str, Any], story: Path, tools: Tools) -> str:
    """Return what ``helm template`` prints for one step."""
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder) / "values.yaml"
        values.write_text(json.dumps(step.get("values", {})), encoding="utf-8")
        arguments = [str(word).replace("{values}", str(values)) for word in step["arguments"]]
        return run([tools.helm, "template", ".", *arguments], story / step["directory"])


def kustomize(step: Mapping[str, Any], story: Path, tools: Tools) -> str:
    """Return what ``kustomize build`` prints for one step; edits are made in a copy of the whole story."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "story"
        shutil.copytree(story, copy)
        for words in step.get("edit", []):
            run([tools.kustomize, "edit", *words], copy / step["directory"])
        return run([tools.kustomize, "build", step["directory"]], copy)


def directory(step: Mapping[str, Any], story: Path, _tools: Tools) -> str:
    """Return the stated files of a plain directory as one multi-document text.

    Not through kustomize, which rewrites what Argo CD would not: `off` becomes text, a date gets a time.
    """
    texts = [(story / step["directory"] / name).read_text(encoding="utf-8") for name in step["files"]]
    return "\n---\n".join(texts)


RENDERERS = {"helm": helm, "kustomize": kustomize, "directory": directory}


def items(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a List, or the object itself.

    Argo CD takes apart anything whose ``items`` is a list, whatever its kind is called.
    """
    inner = document.get("items")
    return inner if isinstance(inner, list) else [document]


def identity(item: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return API version, kind, namespace and name: the order of the expected files."""
    metadata = item["metadata"]
    return item["apiVersion"], item["kind"], metadata.get("namespace", ""), metadata["name"]


def render(steps: Sequence[Mapping[str, Any]], story: Path, tools: Tools) -> list[dict[str, Any]]:
    """Return the objects of one Application, sorted by identity; raise RenderError for a repeated one."""
    printed = [RENDERERS[step["tool"]](step, story, tools) for step in steps]
    documents = [document for text in printed for document in as_objects(text, tools)]
    objects = sorted((item for document in documents for item in items(document)), key=identity)
    for first, second in pairwise(objects):
        if identity(first) == identity(second):
            raise RenderError(f"rendered twice: {identity(first)}")
    return objects


def expected_files(expected: Path, tools: Tools) -> Iterator[tuple[Path, str]]:
    """Yield path and text of every file that render.yaml of one story asks for."""
    story = expected.with_name(expected.name.removesuffix(SUFFIX))
    stated = yaml.safe_load((expected / "render.yaml").read_text(encoding="utf-8"))
    outcomes = yaml.safe_load((expected / "outcome.yaml").read_text(encoding="utf-8"))["applications"]
    promised = {
        name for name, outcome in outcomes.items() if outcome["outcome"] == "rendered" or outcome.get("partial")
    }
    if promised != set(stated):
        raise RenderError(f"{expected.name}: render.yaml and outcome.yaml differ in {sorted(promised ^ set(stated))}")
    for application, steps in stated.items():
        objects = render(steps, story, tools)
        text = json.dumps(objects, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        yield expected / f"{application}.json", text


def differences(expected: Path, tools: Tools) -> list[str]:
    """Return one line per file of a story that is missing, out of date or asked for by nobody."""
    wanted = dict(expected_files(expected, tools))
    present = set(expected.glob("*.json"))
    lines = [f"{path}: nobody asks for it" for path in sorted(present - set(wanted))]
    for path, text in wanted.items():
        if path not in present:
            lines.append(f"{path}: missing")
        elif path.read_text(encoding="utf-8") != text:
            lines.append(f"{path}: out of date")
    return lines


def write(expected: Path, tools: Tools) -> None:
    """Write the files of a story, all or none, and remove those that nobody asks for any more."""
    wanted = dict(expected_files(expected, tools))
    for path in set(expected.glob("*.json")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


@contextmanager
def told_as_exit() -> Iterator[None]:
    """Turn a RenderError into its message and exit code 2."""
    try:
        yield
    except RenderError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def main() -> int:
    """Run the command line; return 0, or 1 when ``--check`` found a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("story", nargs="*", help="names below fixtures/repos; all when none is given")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--helm", default=os.environ.get("DRIFTGATE_HELM4", "helm"))
    parser.add_argument("--kustomize", default=os.environ.get("DRIFTGATE_KUSTOMIZE", "kustomize"))
    options = parser.parse_args()
    tools = Tools(options.helm, options.kustomize)
    folders = [STORIES / f"{name}{SUFFIX}" for name in options.story] or sorted(STORIES.glob(f"*{SUFFIX}"))
    with told_as_exit():
        if not options.check:
            for expected in folders:
                write(expected, tools)
            return 0
        lines = [line for expected in folders for line in differences(expected, tools)]
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
