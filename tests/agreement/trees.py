"""The tree of a number: an Application with the files of its repository, the same one every time."""

from __future__ import annotations

import posixpath
import random
from collections.abc import Callable, Mapping

from tests.agreement.drawn_charts import CLUSTERS, drawn_chart
from tests.agreement.drawn_directories import drawn_directory
from tests.agreement.drawn_overlays import drawn_overlay
from tests.agreement.kinds import Json
from tests.agreement.rendering import REPOSITORY, Tree
from tests.agreement.rules import METHOD

Drawn = Callable[[random.Random], tuple[dict[str, str | Json], Json]]

DRAWERS: Mapping[str, Drawn] = {"directory": drawn_directory, "helm": drawn_chart, "kustomize": drawn_overlay}
SETTINGS: tuple[Mapping[str, str], ...] = (
    *({},) * 6,
    {METHOD: "annotation"},
    {METHOD: "label"},
    {METHOD: "annotation+label"},
    {METHOD: "annotation+label", "application.instanceLabelKey": "acme.test/app", "installationID": "one"},
)
FOLDER = "apps/web"


def drawn_tree(number: int, kind: str) -> Tree:
    """A tree with a source of a kind: `directory`, `helm` or `kustomize`."""
    chance = random.Random(f"{kind} {number}")
    files, drawn = DRAWERS[kind](chance)
    plain = any(name.startswith("../") for name in files)
    folder = FOLDER if plain else chance.choice((FOLDER,) * 8 + (".", "./apps//web/", "apps/../apps/web"))
    below = "" if folder == "." else FOLDER
    source = {"repoURL": REPOSITORY, "path": folder, "targetRevision": "HEAD", **drawn}
    spec: Json = {"project": "default", "destination": {"namespace": chance.choice(("shop",) * 12 + ("",))}}
    if kind == "helm" and chance.random() < 0.3:
        spec["sources"] = [source, {"repoURL": REPOSITORY, "targetRevision": "HEAD", "ref": "ref"}]
    else:
        spec["source"] = source
    return Tree(
        {"metadata": {"name": "shop", "namespace": chance.choice(("argocd",) * 8 + ("team",))}, "spec": spec},
        {posixpath.normpath(posixpath.join(below, name)): content for name, content in files.items()},
        kubernetes=chance.choice(CLUSTERS),
        settings=chance.choice(SETTINGS),
    )
