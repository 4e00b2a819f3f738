"""The `kustomize` block of a source: what Argo CD changes in a kustomization before it builds.

Argo CD runs `kustomize edit` in the checkout, so it is run here as well, in a copy of the folders that the build reads.
Source: argo-cd: util/kustomize/kustomize.go `Build`.
"""

from __future__ import annotations

import json
import posixpath
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.files import SkippedFolders
from driftgate.model.node import Node
from driftgate.render.jobs import KustomizeJob
from driftgate.semantics import envsubst
from driftgate.yaml_reader import read_yaml

__all__ = ["FILE_NAMES", "EditError", "SourceEdits", "edited_copy", "source_edits"]

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


class EditError(Exception):
    """An edit that failed, with what was said."""


@dataclass(frozen=True, slots=True)
class SourceEdits:
    """What one source changes: the arguments of each `kustomize edit`, then patches to append, then components."""

    commands: tuple[tuple[str, ...], ...] = ()
    patches: tuple[dict[str, Any], ...] = ()
    components: tuple[Node, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.commands or self.patches or self.components)


def source_edits(block: Node, env: Mapping[str, str]) -> SourceEdits:
    """The edits of a `kustomize` block, in Argo CD's order; `env` is the build environment.

    Variables are expanded in images and label values, in annotation values only with `commonAnnotationsEnvsubst`.
    """
    patches = block.get("patches")
    components = block.get("components")
    return SourceEdits(
        tuple(_commands(block, env)),
        tuple(entry.plain() for entry in patches.items if isinstance(entry.value, dict)) if patches else (),  # type: ignore[misc]
        tuple(entry for entry in components.items if entry.text) if components else (),
    )


def _commands(block: Node, env: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for key, word in (("namePrefix", "nameprefix"), ("nameSuffix", "namesuffix")):
        if text := _text(block, key):
            yield ("set", word, "--", text)
    # An empty one is handed on as well, and refused.
    if images := [entry.text for entry in _items(block, "images") if entry.text is not None]:
        yield ("set", "image", *(envsubst.expand(image, env) for image in images))
    if replicas := [f"{_text(entry, 'name')}={_count(entry)}" for entry in _items(block, "replicas")]:
        yield ("set", "replicas", *replicas)
    if labels := _pairs(block, "commonLabels", env):
        yield ("add", "label", *_label_flags(block), *labels)
    expanded = env if _flag(block, "commonAnnotationsEnvsubst") else None
    if annotations := _pairs(block, "commonAnnotations", expanded):
        yield ("add", "annotation", *(("--force",) if _flag(block, "forceCommonAnnotations") else ()), *annotations)
    if namespace := _text(block, "namespace"):
        yield ("set", "namespace", "--", namespace)


def _label_flags(block: Node) -> Iterator[str]:
    flags = (
        ("forceCommonLabels", "--force"),
        ("labelWithoutSelector", "--without-selector"),
        ("labelIncludeTemplates", "--include-templates"),
    )
    return (flag for key, flag in flags if _flag(block, key))


def _text(block: Node, key: str) -> str:
    below = block.get(key)
    return (below.text or "") if below else ""


def _flag(block: Node, key: str) -> bool:
    below = block.get(key)
    return bool(below.flag) if below else False


def _items(block: Node, key: str) -> list[Node]:
    below = block.get(key)
    return below.items if below else []


def _count(replica: Node) -> str:
    count = replica.get("count")
    return "" if count is None or count.value is None else str(count.value)


def _pairs(block: Node, key: str, env: Mapping[str, str] | None) -> list[str]:
    below = block.get(key)
    pairs = {name: node.text or "" for name, node in below.mapping.items()} if below else {}
    expanded = pairs if env is None else {name: envsubst.expand(text, env) for name, text in pairs.items()}
    return [f"{name}:{text}" for name, text in expanded.items()]


def edited_copy(job: KustomizeJob, scratch: Path, edit: Callable[[tuple[str, ...], Path], None]) -> Path:
    """The folder to build: a copy in `scratch` of what the build reads, with the source's edits made in it.

    `edit` runs one `kustomize edit` with the arguments given, in the folder given, and raises what stops the render.
    """
    tree = scratch / "tree"
    for folder in _outermost(job.folders):
        origin, copy = Path(job.root) / folder, tree / folder
        ignored = shutil.ignore_patterns(*SkippedFolders)
        shutil.copytree(origin, copy, symlinks=True, ignore=ignored, dirs_exist_ok=True)
    target = tree / job.directory
    for arguments in job.edits:
        edit(arguments, target)
    if job.patches:
        _append_patches(target, job.patches)
    if job.components:
        edit(("add", "component", *job.components), target)
    return target


def _outermost(folders: tuple[str, ...]) -> list[str]:
    """The folders without those that lie in another of them."""
    found: list[str] = []
    for folder in sorted(folders):
        inside = any(not other or folder == other or folder.startswith(f"{other}/") for other in found)
        if not inside:
            found.append(folder)
    return found


def _append_patches(folder: Path, patches: tuple[dict[str, Any], ...]) -> None:
    path = next((path for name in FILE_NAMES if (path := folder / name).is_file()), None)
    if path is None:
        return
    text = read_yaml(path.read_bytes(), posixpath.basename(path.name))
    content: Any = text.roots[0].plain() if text.roots else {}
    if not isinstance(content, dict):
        raise EditError("the kustomization is no mapping, so that no patch can be added")
    own = content.get("patches", [])
    if not isinstance(own, list):
        raise EditError("the kustomization's patches are no list, so that none can be added")
    content["patches"] = [*own, *patches]
    # JSON is YAML, and what is written here nobody reads but kustomize.
    path.write_text(json.dumps(content), encoding="utf-8")
