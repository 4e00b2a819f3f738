"""Directory sources: which files Argo CD applies, in which order, and over which it fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from driftgate.files import FileRoot
from driftgate.model.application import DirectorySource
from driftgate.model.environment import OutputFault, ProblemKind
from driftgate.model.place import Place
from driftgate.render.directory import DirectoryOutput, read_directory


def config_map(name: str) -> str:
    """The smallest manifest."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


def read(root: Path, files: Mapping[str, str | bytes], options: DirectorySource | None = None) -> DirectoryOutput:
    """Write files below `app/` and read that directory source."""
    for name, content in files.items():
        path = root / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_directory(FileRoot(root), "app", options or DirectorySource())


def names(output: DirectoryOutput) -> list[str]:
    """The file of each manifest without its folder, and the manifest's name."""
    found = []
    for file, _, node in output.manifests:
        name = node.get("metadata", "name")
        found.append(f"{file.removeprefix('app/')}:{name.text if name else None}")
    return found


def problems(output: DirectoryOutput) -> list[tuple[str, str, str]]:
    """Fault, place and what was found, of every problem; all of them the repository's own."""
    assert {problem.kind for problem in output.problems} <= {ProblemKind.BROKEN}
    return [(problem.fault, str(problem.place), problem.found) for problem in output.problems]


TREE: Mapping[str, str | bytes] = {
    name: config_map("x")
    for name in ("b.yaml", "a.yml", "a/z.yaml", "B.yaml", ".hidden.yaml", ".dir/x.yaml", "c.json.yaml")
} | {
    "upper.YAML": config_map("x"),
    "notes.yaml.txt": config_map("x"),
    "yaml": config_map("x"),
    "o.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}',
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (DirectorySource(), [".hidden.yaml", "B.yaml", "a.yml", "b.yaml", "c.json.yaml", "o.json"]),
        (DirectorySource(recurse=True),
         [".dir/x.yaml", ".hidden.yaml", "B.yaml", "a/z.yaml", "a.yml", "b.yaml", "c.json.yaml", "o.json"]),
        (DirectorySource(recurse=True, include="*.yml"), ["a.yml"]),
        (DirectorySource(recurse=True, include="{a,b}*"), ["a/z.yaml", "a.yml", "b.yaml"]),
        (DirectorySource(recurse=True, include="**/*.yaml"), [".dir/x.yaml", "a/z.yaml"]),
        (DirectorySource(recurse=True, exclude="*.yaml"), ["a.yml", "o.json"]),
        (DirectorySource(recurse=True, include="a*", exclude="*/z*"), ["a.yml"]),
        (DirectorySource(recurse=True, exclude="[!a]*"), ["a/z.yaml", "a.yml"]),
        (DirectorySource(include="{a"), []),
    ],
    ids=["flat", "recurse", "include", "alternatives", "two stars", "exclude", "exclude first", "negation", "invalid"],
)  # fmt: skip
def test_files_are_chosen_and_ordered_as_argo_cd_does(
    tmp_path: Path, options: DirectorySource, expected: list[str]
) -> None:
    """Names end in yaml, yml or json; hidden ones count; a star crosses folders; each folder is sorted by itself."""
    output = read(tmp_path, TREE, options)
    assert names(output) == [f"{name}:x" for name in expected]
    assert problems(output) == []


def test_a_file_may_hold_several_documents_and_lists(tmp_path: Path) -> None:
    """Documents count apart, empty ones not at all, and a list stands for its items."""
    text = (
        f"# 머리말\n---\n{config_map('a')}---\n---\nkind: List\nitems:\n- kind: A\n  metadata: {{name: b}}\n---\nnull\n"
    )
    output = read(tmp_path, {"x.yaml": text + "---\napiVersion: v1\nkind: List\nitems: null\n"})
    assert names(output) == ["x.yaml:a", "x.yaml:b"]
    assert [str(node.place_of("metadata", "name")) for _, _, node in output.manifests] == [
        "app/x.yaml:5:12",
        "app/x.yaml:11:14",
    ]
    assert problems(output) == []


def test_files_marked_to_be_skipped_are_skipped(tmp_path: Path) -> None:
    """The marker anywhere in a file, be it in a comment, keeps Argo CD from reading it."""
    output = read(tmp_path, {"a.yaml": f"# +argocd:skip-file-rendering\n{config_map('a')}", "b.yaml": config_map("b")})
    assert (names(output), output.skipped) == (["b.yaml:b"], ["app/a.yaml"])


@pytest.mark.parametrize(
    "text",
    ["a: [\n", "values: 1\n", "- a\n- b\n", "just text\n", "\ta: b\n", b"\xff\xff"],
    ids=["syntax", "no kind", "list", "text", "tab", "bytes"],
)
def test_an_unrelated_file_is_passed_over(tmp_path: Path, text: str | bytes) -> None:
    """A file that does not look like a manifest is ignored, as Argo CD does, and said to be."""
    output = read(tmp_path, {"a.yaml": text, "b.yaml": config_map("b")})
    assert (names(output), output.skipped, problems(output)) == (["b.yaml:b"], ["app/a.yaml"], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (config_map("a") + "data: [\n", ("manifest-not-yaml", "app/x.yaml:5:1", None)),
        ("apiVersion: v1\nkind:\nmetadata: {}\n",
         ("manifest-without-kind", "app/x.yaml:1:1", "a document without kind")),
        ("# apiVersion: kind: metadata:\na: 1\n",
         ("manifest-without-kind", "app/x.yaml:2:1", "a document without kind")),
        (config_map("a") + "data:\n{{- range .x }}\n  a: b\n", ("manifest-templated", "app/x.yaml:6:3", None)),
        (b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \xb0\xa1}\n",
         ("manifest-not-yaml", "app/x.yaml:3", "byte 48 is not UTF-8")),
    ],
    ids=["syntax", "null kind", "marks in a comment", "templated", "not UTF-8"],
)  # fmt: skip
def test_a_broken_manifest_fails_the_source(
    tmp_path: Path, text: str | bytes, expected: tuple[str, str, str | None]
) -> None:
    """A file that looks like a manifest and is none is a fault with its place, and the other files are still read."""
    output = read(tmp_path, {"x.yaml": text, "y.yaml": config_map("other")})
    ((fault, place, found),) = problems(output)
    assert (fault, place) == expected[:2]
    assert expected[2] is None or found == expected[2]
    assert names(output) == ["y.yaml:other"]


def test_what_stands_before_a_broken_document_is_kept(tmp_path: Path) -> None:
    """Argo CD fails over a bad document after any good one, whatever else the file looks like; that one is known."""
    good = "kind: A\nmetadata: {name: a}\n"
    for text, fault in ((": [", "manifest-not-yaml"), ("values: 1", "manifest-without-kind")):
        output = read(tmp_path, {"x.yaml": f"{good}---\n{text}\n"})
        assert names(output) == ["x.yaml:a"]
        assert [(what, place.split(":")[1]) for what, place, _ in problems(output)] == [(fault, "4")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"kind": "A", "metadata": {"name": "a"}} {}', ("manifest-not-yaml", "app/x.json:1:42")),
        ("kind: A\nmetadata: {name: a}\n", ("manifest-not-yaml", "app/x.json:1:1")),
        ('{"title": "dashboard"}', ("manifest-without-kind", "app/x.json:1:1")),
        ('[{"kind": "A", "metadata": {"name": "a"}}]', ("manifest-without-kind", "app/x.json:1:1")),
    ],
    ids=["two objects", "YAML", "no kind", "array"],
)
def test_a_json_file_is_exactly_one_object(tmp_path: Path, text: str, expected: tuple[str, str]) -> None:
    """A JSON file with anything but one object with a kind fails the source, however little it looks like one."""
    output = read(tmp_path, {"x.json": text})
    assert [problem[:2] for problem in problems(output)] == [expected]
    assert names(output) == []


def test_a_key_that_stands_twice_is_a_fault_of_its_document(tmp_path: Path) -> None:
    """A duplicate key in a manifest is told with both lines; in a file that is passed over nobody minds."""
    output = read(tmp_path, {"x.yaml": f"{config_map('a')}kind: Secret\n", "values.yaml": "a: 1\na: 2\n"})
    assert output.faults == [
        OutputFault(
            "manifest-duplicate-key", "app/x.yaml", 0,
            "kind a second time; the first stands in line 2 and is dropped", Place("app/x.yaml", 4, 1),
            "app/x.yaml:kind",
        )
    ]  # fmt: skip


def test_jsonnet_could_not_be_read(tmp_path: Path) -> None:
    """A jsonnet file is a gap that is told, not a fault of the repository and not a pass."""
    output = read(tmp_path, {"x.jsonnet": "{}", "y.yaml": config_map("other")})
    assert [(p.kind, p.fault, p.place) for p in output.problems] == [
        (ProblemKind.UNSUPPORTED, "source-jsonnet", Place("app/x.jsonnet"))
    ]
    assert names(output) == ["y.yaml:other"]


def test_links_are_followed_inside_and_refused_outside(tmp_path: Path) -> None:
    """A link to a file of the repository is that file; one out of it is told and never read, one to nothing skipped."""
    (tmp_path / "tree/app").mkdir(parents=True)
    (tmp_path / "tree/shared.yaml").write_text(config_map("shared"), encoding="utf-8")
    (tmp_path / "outside.yaml").write_text(config_map("outside"), encoding="utf-8")
    (tmp_path / "tree/app/in.yaml").symlink_to("../shared.yaml")
    (tmp_path / "tree/app/out.yaml").symlink_to(tmp_path / "outside.yaml")
    (tmp_path / "tree/app/gone.yaml").symlink_to("nowhere.yaml")
    output = read(tmp_path / "tree", {})
    assert names(output) == ["in.yaml:shared"]
    assert problems(output) == [
        ("file-unreadable", "app/out.yaml", "app/out.yaml leads out of the repository"),
    ]


def test_the_size_of_all_files_is_known(tmp_path: Path) -> None:
    """What the repo-server's bound is compared with: every file that it opens, skipped ones too, and no jsonnet."""
    skipped = f"# +argocd:skip-file-rendering\n{config_map('c')}"
    files: dict[str, str | bytes] = {"a.yaml": config_map("a"), "c.yaml": skipped, "d.jsonnet": "{}", "e.txt": "text"}
    assert read(tmp_path, files).size == len(config_map("a")) + len(skipped)


def test_the_root_itself_can_be_a_source(tmp_path: Path) -> None:
    """Path `.` reads the files of the repository's root."""
    (tmp_path / "a.yaml").write_text(config_map("a"), encoding="utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.yaml").write_text(config_map("b"), encoding="utf-8")
    assert names(read_directory(FileRoot(tmp_path), "", DirectorySource())) == ["a.yaml:a"]
    everything = read_directory(FileRoot(tmp_path), "", DirectorySource(recurse=True))
    assert names(everything) == ["a.yaml:a", "sub/b.yaml:b"]
