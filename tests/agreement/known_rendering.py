"""What the page says in words about rendering: the differences that have a tree each, and what is not rendered."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.agreement.known_words import Known, Untold
from tests.agreement.renders import ROWS

_TEST = "tests/agreement/test_rendering.py"


def _trees() -> Iterator[Known]:
    for path in sorted((ROWS / "known").glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        yield Known("rendering", kept["what"], kept["why"], f"{_TEST}::test_a_known_difference_is_still_there")


KNOWN = (
    *_trees(),
    Known(
        "rendering",
        "Helm 3",
        "Argo CD 3.6 renders with Helm 4, as driftgate does; Helm 3 reads only the first document of a values file, "
        "and keeps nulls that Helm 4 takes for deletions.",
        f"{_TEST}::test_helm_3_renders_otherwise_where_it_is_known",
    ),
    Known(
        "rendering",
        "Parameters of which one leads into another",
        "Argo CD hands the parameters of one flag to Helm in no fixed order, so that it renders one of two results; "
        "none are drawn.",
        f"{_TEST}::test_trees_are_of_every_kind",
    ),
)
UNTOLD = (
    Untold(
        "rendering",
        "could not check: source-jsonnet",
        "Jsonnet is a program of the judged tree, and driftgate runs none.",
        f"{_TEST}::test_what_is_not_rendered_is_told",
    ),
    Untold(
        "rendering",
        "could not check: value-file-remote",
        "A values file behind a URL is not in the tree.",
        f"{_TEST}::test_what_is_not_rendered_is_told",
    ),
    Untold(
        "rendering",
        "could not check: source-remote",
        "A kustomization's remote base, or the repository of a `ref`, is not in the tree.",
        f"{_TEST}::test_what_is_not_rendered_is_told",
    ),
    Untold(
        "rendering",
        "could not check: chart-dependency-not-vendored",
        "A chart's dependency is neither in the tree nor fetched.",
        f"{_TEST}::test_what_is_not_rendered_is_told",
    ),
)
