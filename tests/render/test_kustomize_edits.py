"""The `kustomize` block of a source, held to a kustomization that says the same by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from driftgate.files import FileRoot
from driftgate.model.node import Node
from driftgate.render.commands import render_kustomize
from driftgate.render.jobs import KustomizeJob, Reply
from driftgate.render.kustomize import closure_of
from driftgate.render.kustomize_edits import source_edits

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: own}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: registry.example.com/web:1}
      - {name: side, image: side}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
BASE = {"base/web.yaml": DEPLOYMENT, "base/kustomization.yaml": "resources: [web.yaml]\n"}
COMPONENTS = {
    "components/extra/kustomization.yaml": (
        "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [cm.yaml]\n"
    ),
    "components/extra/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n",
}
PATCH = {"target": {"kind": "Deployment"}, "patch": '[{"op": "replace", "path": "/spec/replicas", "value": 7}]'}
OWN_PATCH = {"target": {"kind": "Service"}, "patch": '[{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]'}

# The source's block, and what a kustomization that needs no edit would hold instead.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "namePrefix": ({"namePrefix": "stg-"}, {"namePrefix": "stg-"}),
    "nameSuffix with a dash": ({"nameSuffix": "-stg"}, {"nameSuffix": "-stg"}),
    "namespace": ({"namespace": "shop"}, {"namespace": "shop"}),
    "images": (
        {"images": ["registry.example.com/web:2", "side=registry.example.com/side@sha256:" + "a" * 64]},
        {
            "images": [
                {"name": "registry.example.com/web", "newTag": "2"},
                {"name": "side", "newName": "registry.example.com/side", "digest": "sha256:" + "a" * 64},
            ]
        },
    ),
    "image with a variable": (
        {"images": ["side=registry.example.com/$ARGOCD_APP_NAME:3"]},
        {"images": [{"name": "side", "newName": "registry.example.com/shop", "newTag": "3"}]},
    ),
    "replicas as number and text": (
        {"replicas": [{"name": "web", "count": 3}]},
        {"replicas": [{"name": "web", "count": 3}]},
    ),
    "replicas as text": ({"replicas": [{"name": "web", "count": "4"}]}, {"replicas": [{"name": "web", "count": 4}]}),
    "commonLabels reach selectors": (
        {"commonLabels": {"team": "shop", "of": "$ARGOCD_APP_NAMESPACE"}},
        {"labels": [{"pairs": {"team": "shop", "of": "stage"}, "includeSelectors": True}]},
    ),
    "labels without selectors": (
        {"commonLabels": {"team": "shop"}, "labelWithoutSelector": True},
        {"labels": [{"pairs": {"team": "shop"}}]},
    ),
    "labels in templates": (
        {"commonLabels": {"team": "shop"}, "labelWithoutSelector": True, "labelIncludeTemplates": True},
        {"labels": [{"pairs": {"team": "shop"}, "includeTemplates": True}]},
    ),
    "commonAnnotations as they are": (
        {"commonAnnotations": {"a": "$ARGOCD_APP_NAME, and more: x"}},
        {"commonAnnotations": {"a": "$ARGOCD_APP_NAME, and more: x"}},
    ),
    "commonAnnotations with variables": (
        {"commonAnnotations": {"a": "$ARGOCD_APP_NAME"}, "commonAnnotationsEnvsubst": True},
        {"commonAnnotations": {"a": "shop"}},
    ),
    "patches after its own": ({"patches": [PATCH]}, {"patches": [OWN_PATCH, PATCH]}),
    "components": ({"components": ["../components/extra"]}, {"components": ["../components/extra"]}),
    "everything at once": (
        {
            "namePrefix": "a-",
            "nameSuffix": "-z",
            "namespace": "shop",
            "images": ["side:9"],
            "replicas": [{"name": "web", "count": 2}],
            "commonLabels": {"x": "y"},
            "commonAnnotations": {"n": "m"},
            "patches": [PATCH],
            "components": ["../components/extra"],
            "version": "v5.8.1",
        },
        {
            "namePrefix": "a-",
            "nameSuffix": "-z",
            "namespace": "shop",
            "images": [{"name": "side", "newTag": "9"}],
            "replicas": [{"name": "web", "count": 2}],
            "labels": [{"pairs": {"x": "y"}, "includeSelectors": True}],
            "commonAnnotations": {"n": "m"},
            "patches": [OWN_PATCH, PATCH],
            "components": ["../components/extra"],
        },
    ),
    "an empty block": ({"namePrefix": "", "images": [], "commonLabels": {}}, {}),
}
ENV = {"ARGOCD_APP_NAME": "shop", "ARGOCD_APP_NAMESPACE": "stage"}


def tree(folder: Path, kustomization: dict[str, Any]) -> Path:
    files = {
        **BASE,
        **COMPONENTS,
        "overlay/kustomization.yaml": json.dumps({"resources": ["../base"], **kustomization}),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def job(root: Path, kustomize: Path, block: dict[str, Any]) -> KustomizeJob:
    edits = source_edits(Node.from_plain(block, "app.yaml"), ENV)
    closure = closure_of(FileRoot(root), "overlay", edits.components)
    assert closure.problems == []
    return KustomizeJob(
        str(root),
        "overlay",
        (str(kustomize), "build"),
        editor=str(kustomize) if edits else "",
        folders=tuple(closure.folders),
        edits=edits.commands,
        patches=edits.patches,
        components=tuple(str(entry.text) for entry in edits.components),
    )


def objects(reply: Reply) -> list[dict[str, Any]]:
    assert reply.fault == "", reply.message
    return [document.object for document in reply.documents]


def content(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield from (
        (str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()
    )


@pytest.mark.parametrize("name", CASES)
def test_a_block_does_what_the_kustomization_would(name: str, tmp_path: Path, kustomize: Path) -> None:
    """The edited build equals that of a kustomization that holds the same by itself; the tree stays as it was."""
    block, by_itself = CASES[name]
    edited = tree(tmp_path / "edited", {"patches": [OWN_PATCH]})
    plain = tree(tmp_path / "plain", {"patches": [OWN_PATCH], **by_itself})
    before = list(content(edited))
    wanted = objects(render_kustomize(KustomizeJob(str(plain), "overlay", (str(kustomize), "build"))))
    assert objects(render_kustomize(job(edited, kustomize, block))) == wanted
    assert list(content(edited)) == before


def test_a_label_that_is_there_needs_force(tmp_path: Path, kustomize: Path) -> None:
    """`kustomize edit` refuses a label that the kustomization has, and takes it with forceCommonLabels."""
    root = tree(tmp_path, {"commonLabels": {"team": "one"}})
    refused = render_kustomize(job(root, kustomize, {"commonLabels": {"team": "two"}}))
    forced = render_kustomize(job(root, kustomize, {"commonLabels": {"team": "two"}, "forceCommonLabels": True}))
    assert refused.fault == "render-failed"
    assert "edit add label" in refused.message
    assert str(tmp_path) not in refused.message
    assert {document["metadata"]["labels"]["team"] for document in objects(forced)} == {"two"}


def test_patches_keep_what_a_yaml_1_1_reader_would_change(tmp_path: Path, kustomize: Path) -> None:
    """A kustomization that is written again for its patches keeps its texts: `"on"` and `"1.10"` stay strings."""
    root = tree(tmp_path, {"commonAnnotations": {"switch": "on", "version": "1.10", "day": "2021-04-01"}})
    first = objects(render_kustomize(job(root, kustomize, {"patches": [PATCH]})))[0]
    annotations = first["metadata"]["annotations"]
    assert annotations == {"switch": "on", "version": "1.10", "day": "2021-04-01"}


def test_a_remote_component_is_found_before_kustomize_fetches_it(tmp_path: Path) -> None:
    """A component from elsewhere is a problem of the closure, at the place where the source names it."""
    block = Node.from_plain({"components": ["https://git.example.com/parts//extra?ref=v1"]}, "app.yaml")
    edits = source_edits(block, {})
    (problem,) = closure_of(FileRoot(tree(tmp_path, {})), "overlay", edits.components).problems
    assert (problem.fault, problem.place.file) == ("source-remote", "app.yaml")


def test_a_failed_build_tells_its_cause(tmp_path: Path) -> None:
    """Neither the warnings that precede the cause nor kubectl's log header, with time and process, are told."""
    root = tree(tmp_path / "tree", {})
    tool = tmp_path / "tool"
    tool.write_text(
        "#!/bin/sh\n"
        "echo \"# Warning: 'vars' is deprecated.\" >&2\n"
        'echo \'E1123 12:33:21.254549    9509 run.go:72] "command failed" err="no base"\' >&2\n'
        "exit 1\n",
        encoding="utf-8",
    )
    tool.chmod(0o755)
    reply = render_kustomize(KustomizeJob(str(root), "overlay", (str(tool),)))
    assert (reply.fault, reply.message) == ("render-failed", '"command failed" err="no base"')
