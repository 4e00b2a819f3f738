"""Discovery: Argo CD's manifests are found wherever they stand, and nothing in a tree can mislead the search."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from driftgate.files import FileRoot, OutOfRootError
from driftgate.model.environment import Problem, ProblemKind
from driftgate.model.node import Duplicate
from driftgate.model.place import Place
from driftgate.policy.frame import DEFAULT_EXCLUDES
from driftgate.repository.discovery import Discovery, Found, discover
from driftgate.yaml_reader import read_yaml


def manifest(name: str, kind: str = "Application") -> str:
    """The smallest manifest of Argo CD's group."""
    return f"apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n"


def tree(root: Path, files: Mapping[str, str | bytes]) -> FileRoot:
    """A repository of those files."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FileRoot(root)


def listed(found: list[Found]) -> list[str]:
    """File, document and name of each."""
    return [f"{one.file}:{one.document}:{one.name}" for one in found]


def faults(found: Discovery) -> list[tuple[str, str]]:
    """Fault and place of each problem."""
    return [(problem.fault, str(problem.place)) for problem in found.problems]


def test_manifests_are_found_wherever_they_stand(tmp_path: Path) -> None:
    """YAML and JSON, several documents, lists, hidden folders, any depth; and nothing that only looks like one."""
    root = tree(
        tmp_path,
        {
            "web.yaml": manifest("web"),
            "deep/er/.argo/api.yml": manifest("api"),
            "json/llm.json": '{"kind": "Application", "apiVersion": "argoproj.io/v1alpha1", "metadata":{"name":"llm"}}',
            "many.yaml": f"{manifest('one')}---\n---\n{manifest('fence', 'AppProject')}---\n{manifest('two')}",
            "list.yaml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: argoproj.io/v1alpha1\n  kind: Application\n"
            "  metadata: {name: in-list}\n- kind: Application\n  apiVersion: app.k8s.io/v1beta1\n",
            "sets.yaml": manifest("previews", "ApplicationSet"),
            "quoted.yaml": manifest("quoted").replace("kind: Application", "'kind' : \"Application\""),
            "crlf.yaml": "\ufeff" + manifest("crlf").replace("\n", "\r\n"),
            "other.yaml": "apiVersion: app.k8s.io/v1beta1\nkind: Application\nmetadata: {name: other} # argoproj.io/\n",
            "workflow.yaml": manifest("build", "Workflow"),
            "README.md": manifest("readme"),
            "web.yaml.bak": manifest("backup"),
        },
    )
    found = discover(root, ())
    assert listed(found.applications) == [
        "crlf.yaml:0:crlf",
        "deep/er/.argo/api.yml:0:api",
        "json/llm.json:0:llm",
        "list.yaml:0:in-list",
        "many.yaml:0:one",
        "many.yaml:3:two",
        "quoted.yaml:0:quoted",
        "web.yaml:0:web",
    ]
    assert listed(found.projects) == ["many.yaml:2:fence"]
    assert listed(found.application_sets) == ["sets.yaml:0:previews"]
    assert found.applications[5].node.place_of("metadata", "name") == Place("many.yaml", 15, 3)
    assert (found.problems, found.excluded, found.duplicates) == ([], [], {})


def test_test_material_is_left_out_and_counted(tmp_path: Path) -> None:
    """Manifests in folders of fixtures, tests, docs and samples are not deployed; they are listed as left out."""
    names = [f"{folder}/app.yaml" for folder in ("fixtures", "a/testdata/b", "tests", "x/docs", "examples", "samples")]
    root = tree(tmp_path, {name: manifest("x") for name in [*names, "fixture/app.yaml", "app-tests/app.yaml"]})
    found = discover(root, DEFAULT_EXCLUDES)
    assert sorted(found.excluded) == sorted(names)
    assert listed(found.applications) == ["app-tests/app.yaml:0:x", "fixture/app.yaml:0:x"]
    assert len(discover(root, ()).applications) == len(names) + 2


def test_a_broken_file_that_is_left_out_says_nothing(tmp_path: Path) -> None:
    """What policy leaves out is not read as YAML, so it cannot be a problem."""
    root = tree(tmp_path, {"docs/app.yaml": manifest("x") + "\tbroken: [\n"})
    assert faults(discover(root, DEFAULT_EXCLUDES)) == []


def test_policy_limits_the_search_to_its_manifests(tmp_path: Path) -> None:
    """With places given only these are searched: folders with or without a slash, and single files."""
    files: dict[str, str | bytes] = {
        name: manifest("x") for name in ("argocd/a.yaml", "argocd/apps/b.yaml", "argocd-old/c.yaml", "d.yaml", "e.yaml")
    }
    root = tree(tmp_path, files)
    found = {
        places: [one.file for one in discover(root, (), places).applications]
        for places in (("argocd",), ("argocd/",), ("argocd/apps", "d.yaml"), ("argocd/a",))
    }
    assert found == {
        ("argocd",): ["argocd/a.yaml", "argocd/apps/b.yaml"],
        ("argocd/",): ["argocd/a.yaml", "argocd/apps/b.yaml"],
        ("argocd/apps", "d.yaml"): ["argocd/apps/b.yaml", "d.yaml"],
        ("argocd/a",): [],
    }


@pytest.mark.parametrize(
    "text", ["", "\n\n", "---\n", "# gone\n", "\ufeff# 없음\r\n", "null\n", "{}\n", "---\n# x\n---\n"]
)
def test_an_emptied_manifest_is_told_where_policy_expects_one(tmp_path: Path, text: str) -> None:
    """A file that was emptied, or commented out, in the folder of manifests is a finding and not one fewer to judge."""
    root = tree(tmp_path, {"argocd/web.yaml": text, "elsewhere/values.yaml": text})
    assert faults(discover(root, (), ("argocd",))) == [("manifest-empty", "argocd/web.yaml")]
    assert faults(discover(root, ())) == []


def test_charts_are_found_and_their_templates_left_to_helm(tmp_path: Path) -> None:
    """A chart is its folder; what it vendors is part of it, and templates in it are not read as manifests."""
    root = tree(
        tmp_path,
        {
            "charts/web/Chart.yaml": "name: web\n",
            "charts/web/templates/app.yaml": f"{{{{- if .Values.on }}}}\n{manifest('templated')}{{{{- end }}}}\n",
            "charts/web/crds/app.yaml": manifest("crd"),
            "charts/web/charts/redis/Chart.yaml": "name: redis\n",
            "charts/web/charts/redis/templates/app.yaml": manifest("vendored"),
            "charts/web/argocd/app.yaml": manifest("beside"),
            "templates/app.yaml": manifest("no-chart"),
            "Chart.yaml/x": "a folder of that name\n",
            "fixtures/chart/Chart.yaml": "name: fixture\n",
        },
    )
    found = discover(root, DEFAULT_EXCLUDES)
    assert found.charts == ["charts/web"]
    assert listed(found.applications) == ["charts/web/argocd/app.yaml:0:beside", "templates/app.yaml:0:no-chart"]
    assert found.problems == []


def test_a_chart_at_the_root_is_the_empty_path(tmp_path: Path) -> None:
    """A repository that is itself a chart has the chart "", and what lies in its charts folder is vendored."""
    root = tree(tmp_path, {"Chart.yaml": "name: a\n", "charts/b/Chart.yaml": "name: b\n", "x/Chart.yaml": "name: x\n"})
    assert discover(root, ()).charts == ["", "x"]


def test_what_cannot_be_read_is_told_and_hides_nothing(tmp_path: Path) -> None:
    """Each broken file is a problem with its place and kind, and the documents before the fault still count."""
    root = tree(
        tmp_path,
        {
            "a-syntax.yaml": f"{manifest('before')}---\n{manifest('after')}spec: [\n",
            "b-bytes.yaml": manifest("bytes").encode() + b"# \xb0\xa1\n",
            "c-templated.yaml": f"{manifest('templated')}spec:\n{{{{- toYaml .x | nindent 2 }}}}\n",
            "d-bomb.yaml": f"{manifest('bomb')}spec: &x [*x]\n",
            "e-deep.yaml": f"{manifest('deep')}spec: {'[' * 5000}\n",
            "f-fine.yaml": manifest("fine"),
        },
    )
    found = discover(root, ())
    assert [(p.kind.value, p.fault, str(p.place)) for p in found.problems] == [
        ("broken", "manifest-not-yaml", "a-syntax.yaml:11:1"),
        ("broken", "manifest-not-yaml", "b-bytes.yaml:5"),
        ("unsupported", "manifest-templated", "c-templated.yaml:7:1"),
        ("broken", "manifest-not-yaml", "d-bomb.yaml:5:7"),
        ("broken", "manifest-not-yaml", "e-deep.yaml:5:156"),
    ]
    assert listed(found.applications) == ["a-syntax.yaml:0:before", "f-fine.yaml:0:fine"]


def test_keys_that_stand_twice_are_kept_with_both_places(tmp_path: Path) -> None:
    """A duplicate key of an Application is known with both places; of foreign manifests beside it nobody asks."""
    foreign = "kind: ConfigMap\nkind: ConfigMap\n"
    root = tree(tmp_path, {"web.yaml": f"{foreign}---\n{manifest('web')}spec: {{}}\nspec: {{}}\n"})
    assert discover(root, ()).duplicates == {
        "web.yaml": (Duplicate(("spec",), Place("web.yaml", 8, 1), Place("web.yaml", 9, 1)),)
    }


def test_links_that_leave_the_repository_are_told_and_never_followed(tmp_path: Path) -> None:
    """Absolute links and links to the outside are problems at the link; links inside, even broken ones, are not."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/app.yaml").write_text(manifest("outside"), encoding="utf-8")
    root = tree(tmp_path / "tree", {"web.yaml": manifest("web"), "sub/x": ""})
    for link, target in {
        "absolute.yaml": str(tmp_path / "tree/web.yaml"),
        "out.yaml": "../outside/app.yaml",
        "sub/folder": "../../outside",
        "in.yaml": "web.yaml",
        "sub/dangling": "nowhere",
        "sub/loop": "../sub",
    }.items():
        (tmp_path / "tree" / link).symlink_to(target)
    found = discover(root, ())
    told = [("symlink-out-of-repository", link) for link in ("absolute.yaml", "out.yaml", "sub/folder")]
    assert faults(found) == told
    assert listed(found.applications) == ["absolute.yaml:0:web", "in.yaml:0:web", "web.yaml:0:web"]


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    """A manifest that is a link to itself cannot be read, and says so."""
    root = tree(tmp_path, {"web.yaml": manifest("web")})
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    found = discover(root, ())
    assert [(p.fault, p.place, p.found) for p in found.problems] == [
        ("file-unreadable", Place("loop.yaml"), "Too many levels of symbolic links")
    ]
    assert listed(found.applications) == ["web.yaml:0:web"]


def test_a_file_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read is a problem with the system's own words, and the others are still found."""
    root = tree(tmp_path, {"locked.yaml": manifest("locked"), "web.yaml": manifest("web")})
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "locked.yaml":
            raise PermissionError(13, "Permission denied")
        return read(path)

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = discover(root, ())
    assert found.problems == [
        Problem(ProblemKind.BROKEN, "file-unreadable", Place("locked.yaml"), "Permission denied", "a readable file")
    ]
    assert listed(found.applications) == ["web.yaml:0:web"]


def test_folders_that_hold_no_content_are_not_searched(tmp_path: Path) -> None:
    """Git's own folder, virtual environments and installed modules hold nothing of the repository."""
    folders = [".git", ".venv", "node_modules", "__pycache__", "a/.terraform"]
    root = tree(tmp_path, {f"{folder}/app.yaml": manifest("x") for folder in folders} | {"app.yaml": manifest("x")})
    assert [one.file for one in discover(root, ()).applications] == ["app.yaml"]


def test_large_files_of_other_tools_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes of CRDs cost a look at their bytes: only a file that names a kind of Argo CD's is parsed."""
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {group: argoproj.io/}\n---\n"
    root = tree(tmp_path, {"crds.yaml": crd * 50_000, "web.yaml": manifest("web")})
    parsed: list[str] = []

    def watched(data: bytes, file: str) -> object:
        parsed.append(file)
        return read_yaml(data, file)

    monkeypatch.setattr("driftgate.repository.discovery.read_yaml", watched)
    assert listed(discover(root, ()).applications) == ["web.yaml:0:web"]
    assert parsed == ["web.yaml"]


@pytest.mark.parametrize(
    ("missing", "nearest"),
    [
        ("helm/applications/plate-wbe", "helm/applications/plate-web"),
        ("helm/aplications/plate-web", "helm/applications/plate-web"),
        ("helm/applications/plate-web/values-stage.yaml", "helm/applications/plate-web/values-stg.yaml"),
        ("helm/applications/unlike-anything", "helm/applications"),
        ("nothing/like/it", ""),
        ("helm/applications", "helm/applications"),
    ],
)
def test_the_nearest_path_is_what_was_probably_meant(tmp_path: Path, missing: str, nearest: str) -> None:
    """A path with one slip leads to the path that exists, one unlike anything to the part of it that exists."""
    root = tree(tmp_path, {"helm/applications/plate-web/values-stg.yaml": "", "helm/ingress/Chart.yaml": ""})
    assert root.nearest(missing) == nearest


@pytest.mark.parametrize("path", ["../outside.yaml", "/etc/passwd", "link/passwd", "a/../../outside.yaml"])
def test_no_path_leads_out_of_a_root(tmp_path: Path, path: str) -> None:
    """However a path is written, reading it never leaves the root, and it counts as no file."""
    (tmp_path / "outside.yaml").write_text("secret", encoding="utf-8")
    root = tree(tmp_path / "tree", {"a/x": ""})
    (tmp_path / "tree/link").symlink_to("/etc")
    with pytest.raises(OutOfRootError, match="leads out of the repository"):
        root.read(path)
    assert not root.is_file(path)
    assert not root.is_dir(os.path.dirname(path) or "..")


def test_places_carry_the_label_of_their_root(tmp_path: Path) -> None:
    """A file that was exported or fetched is named with where it came from; one of the judged tree by its path."""
    assert FileRoot(tmp_path).place("a.yaml", 3, 1) == Place("a.yaml", 3, 1)
    assert str(FileRoot(tmp_path, "redis@1.2.3:").place("values.yaml", 4)) == "redis@1.2.3:values.yaml:4"


@pytest.mark.parametrize(
    "content",
    [
        manifest("web").encode("utf-16"),
        manifest("web").encode("utf-16-be").join((b"\xfe\xff", b"")),
        manifest("web").replace("kind: ", "kind: !!str "),
        manifest("web").replace("kind: ", "kind: &kind "),
        manifest("web").replace("kind: ", "kind:\n  "),
    ],
    ids=["utf-16-le", "utf-16-be", "tagged", "anchored", "on-the-next-line"],
)
def test_an_unusual_spelling_hides_no_application(tmp_path: Path, content: str | bytes) -> None:
    """What go-yaml reads as an Application is found, whatever the encoding and however the kind is written."""
    found = discover(tree(tmp_path, {"web.yaml": content}), ())
    assert (listed(found.applications), faults(found)) == (["web.yaml:0:web"], [])


def test_a_key_twice_in_a_listed_application_is_told(tmp_path: Path) -> None:
    """An Application inside a List has its duplicate keys told as one that stands alone."""
    item = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: argoproj.io/v1alpha1\n  kind: Application\n"
    found = discover(tree(tmp_path, {"list.yaml": f"{item}  metadata: {{name: a}}\n  metadata: {{name: b}}\n"}), ())
    assert [(str(d.first), str(d.second)) for d in found.duplicates["list.yaml"]] == [
        ("list.yaml:6:3", "list.yaml:7:3")
    ]
