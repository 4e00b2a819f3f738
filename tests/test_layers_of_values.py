"""The layers of Helm values: which files and blocks count, in which order, as Argo CD's repo-server resolves them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from driftgate.files import FileRoot
from driftgate.model.application import Application
from driftgate.model.environment import LayerKind, Problem, ProblemKind
from driftgate.model.node import Duplicate
from driftgate.model.place import Place
from driftgate.values.layers import Layers, build_environment, resolve_layers
from driftgate.yaml_reader import read_yaml

CHART = "charts/web"
FILES = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "replicas: 1\n",
    "charts/web/values-stg.yaml": "replicas: 2\n",
    "charts/web/motd.txt": "hello\n",
    "env/web.yaml": "replicas: 3\n",
    "env/plate.yaml": "replicas: 4\n",
    "env/a/x.yaml": "a: 1\n",
    "env/a/.hidden.yaml": "a: 2\n",
    "env/Z.yaml": "z: 1\n",
    "values.yaml": "root: true\n",
}
HEAD = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  project: plate
  destination: {name: in-cluster, namespace: plate-stg}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one chart and values beside it."""
    for name, text in FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "tree"


def application(helm: str, *, multi: bool = False) -> Application:
    """An Application with one Helm source whose block is the text, a flow mapping."""
    source = f"repoURL: https://git.example.com/a.git, path: {CHART}, targetRevision: HEAD"
    block = (
        f"  sources:\n  - {{{source},\n     helm: {helm}}}\n"
        if multi
        else f"  source: {{{source},\n    helm: {helm}}}\n"
    )
    (node,) = read_yaml(HEAD + block, "apps/web.yaml").roots
    return Application.from_manifest(node)


def resolve(
    tree: Path, helm: str, *, multi: bool = False, refs: Mapping[str, FileRoot | Problem] | None = None
) -> Layers:
    """The layers of that Application's source."""
    one = application(helm, multi=multi)
    environment = build_environment(one, one.sources[0], "argocd")
    return resolve_layers(one, one.sources[0], FileRoot(tree), CHART, refs or {}, environment)


def files(layers: Layers) -> list[str]:
    """What was read, in order, and that nothing else was wrong."""
    assert layers.problems == []
    return layers.files


def problem(layers: Layers) -> tuple[str, str, str, str]:
    """The only problem: its kind, fault, place and what was found."""
    (one,) = layers.problems
    return one.kind.value, one.fault, str(one.place), one.found


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("[]", []),
        ("[values-stg.yaml]", ["charts/web/values-stg.yaml"]),
        ("[./values-stg.yaml]", ["charts/web/values-stg.yaml"]),
        ("[../../env/web.yaml]", ["env/web.yaml"]),
        ("[/env/web.yaml]", ["env/web.yaml"]),
        ("[//env/web.yaml]", ["env/web.yaml"]),
        ("[/charts/../env/web.yaml]", ["env/web.yaml"]),
        ("[/env/web.yaml, values-stg.yaml]", ["env/web.yaml", "charts/web/values-stg.yaml"]),
        ("[values-stg.yaml, /env/web.yaml, values-stg.yaml]", ["charts/web/values-stg.yaml", "env/web.yaml"]),
        ("[values-stg.yaml, ./x/../values-stg.yaml]", ["charts/web/values-stg.yaml"]),
        ("[values-stg.yaml, values.yaml]", ["charts/web/values-stg.yaml", "charts/web/values.yaml"]),
        ("[/env/*.yaml]", ["env/Z.yaml", "env/plate.yaml", "env/web.yaml"]),
        ("[/env/**/*.yaml]",
         ["env/Z.yaml", "env/plate.yaml", "env/web.yaml", "env/a/.hidden.yaml", "env/a/x.yaml"]),
        ("['/env/[pw]*.yaml']", ["env/plate.yaml", "env/web.yaml"]),
        ("['/env/{web,plate}.y?ml']", ["env/plate.yaml", "env/web.yaml"]),
        ("[/env/*.yaml, /env/plate.yaml]", ["env/Z.yaml", "env/web.yaml", "env/plate.yaml"]),
        ("[/env/plate.yaml, /env/*.yaml]", ["env/plate.yaml", "env/Z.yaml", "env/web.yaml"]),
        ("[/env/*.yaml, '../../env/[Z]*']", ["env/Z.yaml", "env/plate.yaml", "env/web.yaml"]),
        ("[/env/$ARGOCD_APP_NAME.yaml]", ["env/web.yaml"]),
        ("['/env/${ARGOCD_APP_PROJECT_NAME}.yaml']", ["env/plate.yaml"]),
        ("[$ARGOCD_APP_NOTHING/values.yaml]", ["values.yaml"]),
        ("['/env/${UNKNOWN}web.yaml']", ["env/web.yaml"]),
    ],
)  # fmt: skip
def test_value_files_are_resolved_in_order(tree: Path, entries: str, expected: list[str]) -> None:
    """Entries join the chart, or the root behind a slash; globs expand, variables are filled in, twins count once."""
    assert files(resolve(tree, f"{{valueFiles: {entries}}}")) == ["charts/web/values.yaml", *expected]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("values-stage.yaml",
         ("broken", "value-file-missing", "apps/web.yaml:8:25", "values-stage.yaml does not exist")),
        ("/env/none-*.yaml",
         ("broken", "value-file-missing", "apps/web.yaml:8:25", "/env/none-*.yaml matches no file")),
        ("'/env/${UNKNOWN:-web}.yaml'",
         ("broken", "value-file-missing", "apps/web.yaml:8:25", "/env/${UNKNOWN:-web}.yaml does not exist")),
        ("../../../outside.yaml",
         ("broken", "path-leaves-repository", "apps/web.yaml:8:25", "../../../outside.yaml")),
        ("/../outside.yaml", ("broken", "path-leaves-repository", "apps/web.yaml:8:25", "/../outside.yaml")),
        ("../..", ("broken", "path-leaves-repository", "apps/web.yaml:8:25", "../..")),
        ("'a:b.yaml'",
         ("broken", "value-file-scheme", "apps/web.yaml:8:25",
          "a:b.yaml: Argo CD takes 'a' for a URL scheme and refuses it")),
        ("s3://bucket/web.yaml",
         ("broken", "value-file-scheme", "apps/web.yaml:8:25",
          "s3://bucket/web.yaml: Argo CD takes 's3' for a URL scheme and refuses it")),
        ("https://example.com/web.yaml",
         ("remote", "value-file-remote", "apps/web.yaml:8:25", "https://example.com/web.yaml")),
        ("HTTP://example.com/web.yaml",
         ("remote", "value-file-remote", "apps/web.yaml:8:25", "HTTP://example.com/web.yaml")),
    ],
)  # fmt: skip
def test_an_entry_that_names_no_file_says_why(tree: Path, entry: str, expected: tuple[str, ...]) -> None:
    """A missing file, a way out of the repository and every scheme are told apart, at the entry's own place."""
    assert problem(resolve(tree, f"{{valueFiles: [{entry}]}}")) == expected


@pytest.mark.parametrize(
    ("entry", "nearest"),
    [
        ("values-stage.yaml", "charts/web/values-stage.yaml; the nearest that exists is charts/web/values-stg.yaml"),
        ("/envs/web.yaml", "envs/web.yaml; the nearest that exists is env/web.yaml"),
        ("/env/a/q/x.yaml", "env/a/q/x.yaml; the nearest that exists is env/a"),
    ],
)
def test_a_missing_file_names_the_nearest_that_exists(tree: Path, entry: str, nearest: str) -> None:
    """What was probably meant stands beside what is missing."""
    assert resolve(tree, f"{{valueFiles: [{entry}]}}").problems[0].expected == nearest


def test_missing_files_may_be_ignored_and_nothing_else(tree: Path) -> None:
    """With ignoreMissingValueFiles a missing file and an empty glob are passed over; a refused path still is not."""
    entries = "[values-none.yaml, /env/none-*.yaml, values-stg.yaml]"
    lenient = resolve(tree, f"{{ignoreMissingValueFiles: true, valueFiles: {entries}}}")
    assert files(lenient) == ["charts/web/values.yaml", "charts/web/values-stg.yaml"]
    refused = resolve(tree, "{ignoreMissingValueFiles: true, valueFiles: [../../../a.yaml, 'a:b.yaml', 'https://a/b']}")
    assert [p.fault for p in refused.problems] == ["path-leaves-repository", "value-file-scheme", "value-file-remote"]


def test_what_only_looks_like_a_scheme_is_a_path(tree: Path) -> None:
    """Go's URL parser takes no scheme that begins with a digit, so such a name stays a path."""
    (tree / CHART / "1a:b.yaml").write_text("a: 1\n", encoding="utf-8")
    assert files(resolve(tree, "{valueFiles: ['1a:b.yaml']}")) == ["charts/web/values.yaml", "charts/web/1a:b.yaml"]
    (tree / CHART / "x").mkdir()
    (tree / CHART / "x" / "a:b.yaml").write_text("a: 1\n", encoding="utf-8")
    assert files(resolve(tree, "{valueFiles: ['x/a:b.yaml']}"))[1:] == ["charts/web/x/a:b.yaml"]


def test_a_folder_that_a_glob_matches_cannot_be_read(tree: Path) -> None:
    """A glob matches folders too, and Helm cannot read one as values: that is told, not passed over."""
    assert problem(resolve(tree, "{valueFiles: ['/env/[a]*']}")) == (
        "broken", "value-file-unreadable", "env/a", "Is a directory",
    )  # fmt: skip


def test_refs_lead_into_the_other_source(tree: Path, tmp_path: Path) -> None:
    """`$name/` takes the file from the root of the source with that ref, and the label says which one."""
    other = tmp_path / "other"
    (other / "teams").mkdir(parents=True)
    (other / "teams" / "web.yaml").write_text("replicas: 9\n", encoding="utf-8")
    refs = {"cfg": FileRoot(other, "values@v1:")}
    entries = "[$cfg/teams/$ARGOCD_APP_NAME.yaml, $cfg/teams/*.yaml, values-stg.yaml]"
    layers = resolve(tree, f"{{valueFiles: {entries}}}", multi=True, refs=refs)
    assert files(layers) == ["charts/web/values.yaml", "values@v1:teams/web.yaml", "charts/web/values-stg.yaml"]
    assert layers.layers[1].node.place_of("replicas") == Place("values@v1:teams/web.yaml", 1, 1)
    outside = resolve(tree, "{valueFiles: [$cfg/../tree/values.yaml]}", multi=True, refs=refs)
    assert problem(outside)[:2] == ("broken", "path-leaves-repository")


def test_a_name_that_no_source_has_is_refused_in_multi_source(tree: Path) -> None:
    """With several sources every leading dollar is a ref, so a variable there is refused and the refs are named."""
    (one,) = resolve(
        tree,
        "{valueFiles: [$ARGOCD_APP_NAME/values.yaml]}",
        multi=True,
        refs={"cfg": FileRoot(tree), "b": FileRoot(tree)},
    ).problems
    assert (one.fault, one.found, one.expected) == (
        "value-file-ref-unknown", "$ARGOCD_APP_NAME names no source", "one of: $b, $cfg",
    )  # fmt: skip
    (none,) = resolve(tree, "{valueFiles: [$cfg/a.yaml]}", multi=True).problems
    assert none.expected == "one of: no source has a ref"


def test_a_ref_that_could_not_be_read_passes_its_reason_on(tree: Path) -> None:
    """A file of a source that is elsewhere could not be read for that source's reason, told at the entry."""
    elsewhere = Problem(ProblemKind.REMOTE, "source-remote", Place("apps/web.yaml", 20), "not here", "driftgate fetch")
    (one,) = resolve(tree, "{valueFiles: [$cfg/a.yaml]}", multi=True, refs={"cfg": elsewhere}).problems
    assert (one.kind, one.fault, one.place, one.found, one.expected, one.related) == (
        ProblemKind.REMOTE, "source-remote", Place("apps/web.yaml", 9, 26), "$cfg/a.yaml: not here", "driftgate fetch",
        ((Place("apps/web.yaml", 20), "the source that lends the file"),),
    )  # fmt: skip


def shape(layers: Layers) -> list[tuple[LayerKind, str, Any]]:
    """Kind, label and content of every layer."""
    assert layers.problems == []
    return [(layer.kind, layer.label, layer.node.plain()) for layer in layers.layers]


def test_layers_come_lowest_first(tree: Path) -> None:
    """Chart, files, inline block, --set, --set-string, --set-file: Helm's order, whatever order the Application has."""
    helm = (
        "{fileParameters: [{name: motd, path: motd.txt}],"
        " parameters: [{name: tag, value: '1.10', forceString: true}, {name: replicas, value: '5'}],"
        " valuesObject: {replicas: 4}, valueFiles: [values-stg.yaml]}"
    )
    assert shape(resolve(tree, helm)) == [
        (LayerKind.CHART, "charts/web/values.yaml", {"replicas": 1}),
        (LayerKind.VALUE_FILE, "charts/web/values-stg.yaml", {"replicas": 2}),
        (LayerKind.INLINE, "valuesObject", {"replicas": 4}),
        (LayerKind.PARAMETER, "--set", "5"),
        (LayerKind.PARAMETER, "--set-string", "1.10"),
        (LayerKind.FILE_PARAMETER, "--set-file", str((tree / CHART / "motd.txt").resolve())),
    ]


def test_an_inline_object_replaces_the_inline_text(tree: Path) -> None:
    """`valuesObject`, even an empty one, drops `values` whole; a null one does not."""
    text = "values: 'replicas: 7'"
    inline = (LayerKind.INLINE, "values", {"replicas": 7})
    assert shape(resolve(tree, f"{{{text}, valuesObject: {{}}}}"))[1:] == [(LayerKind.INLINE, "valuesObject", {})]
    assert shape(resolve(tree, f"{{{text}, valuesObject: null}}"))[1:] == [inline]
    assert shape(resolve(tree, f"{{{text}}}"))[1:] == [inline]
    assert shape(resolve(tree, "{values: ''}"))[1:] == []


def test_the_last_parameter_of_a_name_counts(tree: Path) -> None:
    """Of two parameters with one name the later counts, among those of its own class."""
    helm = (
        "{parameters: [{name: a, value: '1'}, {name: a, value: '2'}, {name: a, value: '3', forceString: true},"
        " {name: b, value: 'x-$ARGOCD_APP_NAMESPACE'}, {name: '$c', value: '$$x'}]}"
    )
    layers = resolve(tree, helm)
    assert [(layer.label, layer.text, layer.node.value) for layer in layers.layers[1:]] == [
        ("--set", "a", "2"),
        ("--set", "b", "x-plate-stg"),
        ("--set", "$c", "$x"),
        ("--set-string", "a", "3"),
    ]


def test_inline_values_are_not_substituted(tree: Path) -> None:
    """Variables are filled in where Argo CD does it, and a dollar in inline values stays."""
    assert shape(resolve(tree, "{values: 'a: $ARGOCD_APP_NAME'}"))[1:] == [
        (LayerKind.INLINE, "values", {"a": "$ARGOCD_APP_NAME"})
    ]


def test_a_missing_file_parameter_is_never_ignored(tree: Path) -> None:
    """--set-file has no leniency: a missing file is told, although missing value files may be ignored."""
    helm = "{ignoreMissingValueFiles: true, fileParameters: [{name: a, path: moto.txt}, {name: b, path: /env/*.yaml}]}"
    assert [(p.fault, p.found) for p in resolve(tree, helm).problems] == [
        ("value-file-missing", "moto.txt does not exist"),
        ("value-file-missing", "/env/*.yaml does not exist"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        (b"a: [1\n", "env/web.yaml:2:1", None),
        (b"a: \xff\n", "env/web.yaml:1", "byte 3 is not UTF-8"),
        (b"- a\n", "env/web.yaml:1:1", "a list"),
        (b"just text\n", "env/web.yaml:1:1", "a string"),
        (b"a: {{ .Values.a }}\n", "env/web.yaml:1:5", None),
    ],
)
def test_a_file_that_holds_no_values_is_told_at_its_line(
    tree: Path, text: bytes, place: str, found: str | None
) -> None:
    """A values file that is not YAML or no mapping is told at the line in that file, and the rest is still read."""
    (tree / "env/web.yaml").write_bytes(text)
    layers = resolve(tree, "{valueFiles: [/env/web.yaml, values-stg.yaml]}")
    kind, fault, where, what = problem(layers)
    assert (kind, fault, where) == ("broken", "value-file-not-yaml", place)
    assert found is None or what == found
    assert [layer.label for layer in layers.layers] == ["charts/web/values.yaml", "charts/web/values-stg.yaml"]


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"---\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_empty_layer(tree: Path, text: bytes) -> None:
    """A values file without content sets nothing and is no fault."""
    (tree / "env/web.yaml").write_bytes(text)
    assert shape(resolve(tree, "{valueFiles: [/env/web.yaml]}"))[1:] == [(LayerKind.VALUE_FILE, "env/web.yaml", {})]


def test_all_documents_count(tree: Path) -> None:
    """Helm 4 lays the documents of a values file over each other, as Argo CD's Helm does, and reads every one."""
    (tree / "env/web.yaml").write_text("a: 1\na: 2\nm: {x: 1}\n---\n---\nm: {z: 2}\nb: 3\n", encoding="utf-8")
    layers = resolve(tree, "{valueFiles: [/env/web.yaml]}")
    assert shape(layers)[1:] == [(LayerKind.VALUE_FILE, "env/web.yaml", {"a": 2, "m": {"x": 1, "z": 2}, "b": 3})]
    assert layers.layers[1].duplicates == (Duplicate(("a",), Place("env/web.yaml", 1, 1), Place("env/web.yaml", 2, 1)),)
    assert [str(layers.layers[1].node.place_of(*path)) for path in (("a",), ("m", "z"), ("b",))] == [
        "env/web.yaml:2:1", "env/web.yaml:6:5", "env/web.yaml:7:1",
    ]  # fmt: skip

    (tree / "env/web.yaml").write_text("a: 1\n---\nb: [\n", encoding="utf-8")
    (problem,) = resolve(tree, "{valueFiles: [/env/web.yaml]}").problems
    assert (problem.fault, problem.place.line) == ("value-file-not-yaml", 4)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ("|\n        # 값\n        image:\n          tag: x\n", "apps/web.yaml:14"),
        ("|-\n\n        image: {tag: x}", "apps/web.yaml:13"),
        ('"image: {tag: x}"', "apps/web.yaml"),
    ],
    ids=["block", "stripped block", "quoted"],
)
def test_places_of_inline_text_are_lines_of_the_manifest(tree: Path, values: str, place: str) -> None:
    """A value in a literal block stands at its own line of the Application; in folded text no line is guessed."""
    source = (
        f"  source:\n    repoURL: https://git.example.com/a.git\n    path: {CHART}\n    helm:\n      values: {values}\n"
    )
    (node,) = read_yaml(HEAD + source, "apps/web.yaml").roots
    one = Application.from_manifest(node)
    layer = resolve_layers(one, one.sources[0], FileRoot(tree), CHART, {}, {}).layers[-1]
    assert (layer.kind, str(layer.entry)) == (LayerKind.INLINE, "apps/web.yaml:11:7")
    assert str(layer.node.place_of("image", "tag")) == place


@pytest.mark.parametrize(
    ("namespace", "name"), [("argocd", "web"), ("team-a", "team-a_web")], ids=["control plane", "outside"]
)
def test_the_build_environment_is_argo_cds(namespace: str, name: str) -> None:
    """The variables are those of the repo-server, an Application outside the control plane with its namespace."""
    (node,) = read_yaml(
        HEAD.replace("namespace: argocd", f"namespace: {namespace}")
        + f"  source: {{repoURL: https://git.example.com/a.git, path: {CHART}, targetRevision: main}}\n",
        "apps/web.yaml",
    ).roots
    one = Application.from_manifest(node)
    assert build_environment(one, one.sources[0], "argocd") == {
        "ARGOCD_APP_NAME": name,
        "ARGOCD_APP_NAMESPACE": "plate-stg",
        "ARGOCD_APP_PROJECT_NAME": "plate",
        "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example.com/a.git",
        "ARGOCD_APP_SOURCE_PATH": CHART,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": "main",
    }


def test_a_link_out_of_the_repository_lends_no_values(tree: Path, tmp_path: Path) -> None:
    """A values file that is a symlink to the outside is never read."""
    (tmp_path / "secret.yaml").write_text("a: 1\n", encoding="utf-8")
    (tree / CHART / "linked.yaml").symlink_to(tmp_path / "secret.yaml")
    layers = resolve(tree, "{valueFiles: [linked.yaml]}")
    assert [layer.label for layer in layers.layers] == ["charts/web/values.yaml"]
    assert [p.fault for p in layers.problems] == ["value-file-missing"]
    (tree / CHART / "inside.yaml").symlink_to("../../env/web.yaml")
    assert files(resolve(tree, "{valueFiles: [inside.yaml]}"))[1:] == ["charts/web/inside.yaml"]
