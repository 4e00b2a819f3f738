"""Change review: what a clone's change does to what is deployed, with real repositories."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from driftgate.cli import main
from driftgate.model.outcome import ChangeSummary, Finding, Judgement, Outcome, Severity
from driftgate.model.place import Place
from driftgate.report.terminal import terminal_report, verdict
from driftgate.run import base_of, judge_tree, policies_of
from driftgate.settings import Settings
from tests.reports import every_report, json_of
from tests.repositories import SETTINGS, URL, application, chart, config_map, write

PRUNED = "  syncPolicy:\n    automated: {prune: true}\n"
SHOP = {"apps/shop.yaml": application("shop", "shop") + PRUNED, "shop/one.yaml": config_map("one")}
LATEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "registry.example.com/web:latest"}]
"""
POLICY = f"driftgate: 1\nenvironment: live\nrepository: {{urls: [{URL}]}}\nworkloads: {{mutableTags: [latest]}}\n"


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    options = [*identity, "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", "-C", root, *options, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path, files: Mapping[str, str | bytes], message: str = "change") -> str:
    """Write and commit files; the commit as the reports write it."""
    write(root, files)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(root, "rev-parse", "HEAD")[:9]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with one Application on main, on a branch of its own."""
    root = tmp_path / "clone"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "remote", "add", "origin", URL)
    commit(root, SHOP, "first")
    git(root, "checkout", "--quiet", "-b", "feature")
    return root


def review(root: Path, base: str = "main", *, new_only: bool = False, settings: Settings = SETTINGS) -> Judgement:
    """The judgement of a clone's work tree and of its change."""
    with base_of(root, base) as found:
        (judgement,) = judge_tree(root, policies_of(root, None), settings, [URL], base=found, new_only=new_only)
    return judgement


def findings(judgement: Judgement) -> list[tuple[str, str, str]]:
    """(check, place, found) of everything that was found."""
    return [(finding.check, str(finding.place), finding.found) for finding in judgement.findings]


def changed(judgement: Judgement) -> list[ChangeSummary]:
    """The Applications that are not as they were."""
    return [change for change in judgement.changes if change.state != "unchanged"]


def test_the_head_is_the_work_tree_and_the_base_where_the_branch_left(clone: Path) -> None:
    """Edits that nobody has committed count, files that Git does not know too, and what main got since does not."""
    git(clone, "checkout", "--quiet", "main")
    commit(clone, {"shop/late.yaml": config_map("late")})
    git(clone, "checkout", "--quiet", "feature")
    base = git(clone, "rev-parse", "feature")[:9]
    commit(clone, {"shop/two.yaml": config_map("two")})
    write(clone, {"shop/one.yaml": config_map("one", "a: c"), "shop/three.yaml": config_map("three")})
    judgement = review(clone)
    names = tuple(f"ConfigMap/plate-stg/{name}" for name in ("one", "three", "two"))
    assert changed(judgement) == [ChangeSummary("shop", "changed", names[1:], (), names[:1])]
    assert (judgement.ledger.base, judgement.findings) == (base, ())


def test_neither_work_tree_nor_index_nor_refs_are_touched(clone: Path) -> None:
    """Every file of the clone, those of Git's own folder included, is the same before and after, and none is added."""
    commit(clone, {"shop/two.yaml": config_map("two")})
    write(clone, {"shop/staged.yaml": config_map("staged")})
    git(clone, "add", "shop/staged.yaml")
    (clone / "shop/two.yaml").unlink()

    def state() -> dict[str, str]:
        files = (path for path in clone.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    judgement = review(clone)
    assert state() == before
    assert changed(judgement) == [ChangeSummary("shop", "changed", ("ConfigMap/plate-stg/staged",))]


def test_nothing_of_the_clone_is_executed(clone: Path) -> None:
    """Neither filters that attributes name nor hooks run, whatever the clone's configuration says they do."""
    ran = clone.parent / "ran"
    commit(clone, {".gitattributes": "shop/** filter=evil\n", "shop/two.yaml": config_map("two")})
    git(clone, "config", "filter.evil.smudge", f"touch {ran}; cat")
    git(clone, "config", "filter.evil.clean", f"touch {ran}; cat")
    git(clone, "config", "core.fsmonitor", f"touch {ran}")
    hook = clone / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    judgement = review(clone, "feature~1")
    assert changed(judgement) == [ChangeSummary("shop", "changed", ("ConfigMap/plate-stg/two",))]
    assert not ran.exists()


def test_a_detached_head_and_a_work_tree_of_its_own_are_clones_too(clone: Path) -> None:
    """The base is found from a detached HEAD, and from a linked work tree, whose `.git` is a file."""
    commit(clone, {"shop/two.yaml": config_map("two")})
    git(clone, "checkout", "--quiet", "--detach")
    linked = clone.parent / "linked"
    git(clone, "worktree", "add", "--quiet", str(linked), "feature")
    expected = [ChangeSummary("shop", "changed", ("ConfigMap/plate-stg/two",))]
    assert changed(review(clone)) == expected
    assert changed(review(linked)) == expected


def test_a_root_below_the_clone_is_compared_with_itself(tmp_path: Path) -> None:
    """Where the judged tree is a folder of the clone, so is the base; a folder that is new starts from nothing."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path, {"README.md": "text\n", **{f"deploy/{name}": text for name, text in SHOP.items()}})
    write(tmp_path, {f"other/{name}": text for name, text in SHOP.items()})
    (tmp_path / "deploy/shop/two.yaml").write_text(config_map("two"))
    assert changed(review(tmp_path / "deploy")) == [ChangeSummary("shop", "changed", ("ConfigMap/plate-stg/two",))]
    assert changed(review(tmp_path / "other")) == [ChangeSummary("shop", "added", ("ConfigMap/plate-stg/one",))]


@pytest.mark.parametrize("fetched", [True, False])
def test_a_submodule_is_filled_as_far_as_the_clone_has_it(clone: Path, fetched: bool) -> None:
    """The base has the files of a submodule at its own commit; where nobody fetched it, both sides lack them alike."""
    library = clone.parent / "library"
    library.mkdir()
    git(library, "init", "--quiet", "--initial-branch=main")
    commit(library, {"one.yaml": config_map("one")})
    git(clone, "submodule", "--quiet", "add", str(library), "shared")
    commit(clone, {"apps/shared.yaml": application("shared", "shared") + PRUNED})
    commit(library, {"two.yaml": config_map("two")})
    git(clone / "shared", "pull", "--quiet", "origin", "main")
    commit(clone, {})
    if not fetched:
        git(clone, "submodule", "deinit", "--quiet", "--force", "shared")
    judgement = review(clone, "HEAD~1")
    if fetched:
        assert changed(judgement) == [ChangeSummary("shared", "changed", ("ConfigMap/plate-stg/two",))]
    else:
        # An empty folder renders nothing, before and after.
        assert changed(judgement) == []


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and standard error of the command."""
    code = main(["check", *arguments, "--no-cache"])
    return code, capsys.readouterr().err.strip()


def test_a_shallow_clone_names_what_to_fetch(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the history ends before the base, the command ends with one line that says how to get the rest."""
    for name in ("two", "three"):
        commit(clone, {f"shop/{name}.yaml": config_map(name)})
    git(clone, "checkout", "--quiet", "main")
    commit(clone, {"shop/late.yaml": config_map("late")})
    shallow = clone.parent / "shallow"
    git(clone.parent, "clone", "--quiet", "--depth=1", "--branch=feature", clone.as_uri(), str(shallow))
    missing = (
        "driftgate: --base origin/main: this clone has no such revision; "
        "`git fetch origin +refs/heads/main:refs/remotes/origin/main` brings it"
    )
    assert run(capsys, str(shallow), "--base", "origin/main") == (4, missing)
    git(shallow, "fetch", "--quiet", "--depth=1", "origin", "+refs/heads/main:refs/remotes/origin/main")
    cut = (
        "driftgate: --base origin/main: this clone is shallow and ends before the commit at which HEAD left "
        "origin/main; `git fetch --unshallow` brings all of it, `git fetch --deepen=100` the last hundred commits"
    )
    assert run(capsys, str(shallow), "--base", "origin/main") == (4, cut)
    git(shallow, "fetch", "--quiet", "--unshallow")
    assert [change.added for change in changed(review(shallow, "origin/main"))] == [
        ("ConfigMap/plate-stg/three", "ConfigMap/plate-stg/two")
    ]


def test_a_clone_without_the_files_of_the_base_says_so(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A clone with a filter fetches nothing on the way: it is told which command brings the files."""
    commit(clone, {"shop/one.yaml": config_map("one", "a: c")})
    git(clone, "config", "uploadpack.allowFilter", "true")
    partial = clone.parent / "partial"
    git(clone.parent, "clone", "--quiet", "--filter=blob:none", "--branch=feature", clone.as_uri(), str(partial))
    base = git(clone, "rev-parse", "main")[:9]
    message = (
        f"driftgate: --base origin/main: this clone does not hold every file of {base}; a clone with a filter gets "
        f"them by `git fetch --refetch --no-filter`"
    )
    assert run(capsys, str(partial), "--base", "origin/main") == (4, message)


def test_what_is_no_base_is_one_line_and_a_usage_error(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name, an option in its place, unrelated history, an empty clone and no clone each have their line."""
    assert run(capsys, str(clone), "--base", "mian") == (
        4, "driftgate: --base mian: this clone has no such revision; `git fetch origin mian` brings it as FETCH_HEAD",
    )  # fmt: skip
    git(clone, "update-ref", "refs/remotes/origin/release", "main")
    assert run(capsys, str(clone), "--base", "release") == (
        4, "driftgate: --base release: this clone has no such revision; did you mean origin/release?",
    )  # fmt: skip
    assert run(capsys, str(clone), "--base=--all")[0] == 4
    git(clone, "checkout", "--quiet", "--orphan", "lonely")
    commit(clone, {})
    message = "driftgate: --base main: it has no commit in common with HEAD"
    assert run(capsys, str(clone), "--base", "main") == (4, message)
    folder = clone.parent / "folder"
    folder.mkdir()
    message = f"driftgate: --base main: {folder} is not in a Git clone"
    assert run(capsys, str(folder), "--base", "main") == (4, message)
    git(folder, "init", "--quiet")
    assert run(capsys, str(folder), "--base", "main") == (
        4, "driftgate: --base main: this clone has no commit yet",
    )  # fmt: skip
    message = "driftgate: --new-only: new since when? Name it by --base"
    assert run(capsys, str(folder), "--new-only") == (4, message)


@pytest.mark.parametrize("cached", [True, False])
def test_what_did_not_change_is_rendered_once(clone: Path, tmp_path: Path, cached: bool) -> None:
    """Both sides of an unchanged chart come of one render, on disk or not, even where each render is another one."""
    random = {"secret.yaml": config_map("random", "token: {{ randAlphaNum 20 }}")}
    same = chart("same", random)
    moving = chart("moving", {"a.yaml": config_map("a", "color: {{ .Values.color }}")}, "color: red\n")
    apps = {f"apps/{name}.yaml": application(name, name) + PRUNED for name in ("same", "moving")}
    commit(clone, {**apps, **same, **moving})
    write(clone, {"moving/values.yaml": "color: blue\n"})
    settings = Settings(cache=tmp_path / "cache" if cached else None, workers=1)
    judgement = review(clone, "HEAD", settings=settings)
    assert changed(judgement) == [ChangeSummary("moving", "changed", changed=("ConfigMap/plate-stg/a",))]
    renders = judgement.ledger.renders
    # Two on the head, one more on the base, and one to see that the edit has an effect.
    assert (renders["rendered"], renders["shared with the base"]) == (4, 1)


def test_an_unchanged_kustomization_is_built_once(clone: Path, kustomize: Path) -> None:
    """A build of folders that are the same on both sides is run once; an edit in any of them runs it again."""
    files = {
        "apps/site.yaml": application("site", "site/live") + PRUNED,
        "site/live/kustomization.yaml": "resources: [../common]\nnamePrefix: live-\n",
        "site/common/kustomization.yaml": "resources: [settings.yaml]\n",
        "site/common/settings.yaml": config_map("settings"),
    }
    commit(clone, files)
    settings = Settings(cache=None, workers=1, kustomize=str(kustomize))
    assert review(clone, "HEAD", settings=settings).ledger.renders["rendered"] == 1
    write(clone, {"site/common/settings.yaml": config_map("settings", "a: c")})
    judgement = review(clone, "HEAD", settings=settings)
    assert judgement.ledger.renders["rendered"] == 2
    assert changed(judgement) == [ChangeSummary("site", "changed", changed=("ConfigMap/plate-stg/live-settings",))]


def test_older_findings_are_told_apart_and_decide_nothing_with_new_only(clone: Path) -> None:
    """A finding that the base has too is an older one; with `--new-only` it is counted and the run passes."""
    commit(clone, {"policies/live.yaml": POLICY, "shop/web.yaml": LATEST})
    write(clone, {"shop/two.yaml": config_map("two")})
    judgement = review(clone, "HEAD")
    assert [(f.check, f.new) for f in judgement.findings] == [("image-tag-mutable", False)]
    assert (judgement.exit_code, review(clone, "HEAD", new_only=True).exit_code) == (1, 0)
    base = git(clone, "rev-parse", "HEAD")[:9]
    assert verdict(judgement) == f"live: 1 error (0 new since {base}) in 1 Application, 3 objects"
    told = f"live: no new findings since {base}, 1 older finding left aside in 1 Application, 3 objects"
    assert verdict(review(clone, "HEAD", new_only=True)) == told
    assert "image-tag-mutable" not in terminal_report([review(clone, "HEAD", new_only=True)])


def test_a_new_finding_beside_an_old_one_fails(clone: Path) -> None:
    """The same check on another object is new, is shown as such, and fails the run alone."""
    commit(clone, {"policies/live.yaml": POLICY, "shop/web.yaml": LATEST})
    write(clone, {"shop/other.yaml": LATEST.replace("web", "other")})
    judgement = review(clone, "HEAD", new_only=True)
    assert {(f.object, f.new) for f in judgement.findings} == {
        ("apps/Deployment/plate-stg/web", False),
        ("apps/Deployment/plate-stg/other", True),
    }
    assert judgement.exit_code == 1
    report = terminal_report([judgement])
    assert "(shop apps/Deployment/plate-stg/other)  new\n" in report
    assert "apps/Deployment/plate-stg/web)" not in report


def test_what_newly_follows_from_an_older_finding_is_shown(clone: Path) -> None:
    """A consequence that the change brings is told by itself where what it follows from is left aside."""
    judgement = review(clone, "HEAD")
    old = Finding(
        "render-failed", Severity.ERROR, Outcome.FAILED, Place("a.yaml", 1), "broken", "", "why", "fix", new=False
    )
    new = replace(old, check="config-map-missing", place=Place("b.yaml", 2), consequence_of=old.key, new=True)
    judgement = replace(judgement, findings=(old, new), new_only=True)
    assert [line for line in terminal_report([judgement]).splitlines() if "error" in line] == [
        "b.yaml:2  error  config-map-missing  new",
        f"default: 1 error since {judgement.ledger.base}, 1 older finding left aside in 1 Application, 1 object",
    ]


def test_a_finding_that_moved_is_an_older_one(clone: Path) -> None:
    """Lines and files are not part of what a finding is called: moved text brings no new finding."""
    commit(clone, {"policies/live.yaml": POLICY, "shop/web.yaml": LATEST})
    (clone / "shop/web.yaml").unlink()
    write(clone, {"shop/moved.yaml": f"# the web server\n\n{LATEST}"})
    judgement = review(clone, "HEAD")
    assert [(f.place.file, f.new) for f in judgement.findings] == [("shop/moved.yaml", False)]


def test_a_policy_check_knows_its_older_findings_too(clone: Path) -> None:
    """Findings of checks that look at all other findings are compared with those of the whole base."""
    waiver = "waivers:\n  - {finding: a/b, reason: r, owner: o, expires: '2999-01-01'}\n"
    commit(clone, {"policies/live.yaml": POLICY + waiver})
    write(clone, {"policies/live.yaml": POLICY + waiver + waiver[9:].replace("a/b", "c/d")})
    judgement = review(clone, "HEAD")
    news = [(f.check, f.field, f.new) for f in judgement.findings]
    assert sorted(news) == [
        ("waiver-added", "c/d", True), ("waiver-unmatched", "a/b", False), ("waiver-unmatched", "c/d", True),
    ]  # fmt: skip


def test_new_only_is_never_green_on_nothing(clone: Path) -> None:
    """A tree that lost its last Application is not passed, whatever is new in it."""
    (clone / "apps/shop.yaml").unlink()
    judgement = review(clone, new_only=True)
    assert judgement.exit_code == 1
    assert [finding.check for finding in judgement.told] == ["application-orphaned"]
    empty = review(clone, "HEAD", new_only=True)
    assert verdict(empty) == "default: nothing judged: no Application in this tree"


def test_the_reports_tell_what_the_change_does(clone: Path) -> None:
    """Terminal and JSON hold every Application's objects; the JSON follows the published schema."""
    commit(clone, {"apps/gone.yaml": application("gone", "gone") + PRUNED, "gone/a.yaml": config_map("a")})
    base = git(clone, "rev-parse", "HEAD")[:9]
    (clone / "apps/gone.yaml").unlink()
    write(
        clone,
        {
            "apps/new.yaml": application("new", "new") + PRUNED,
            "shop/one.yaml": config_map("one", "a: c"),
            **{f"new/{number}.yaml": config_map(f"n{number}") for number in range(9)},
        },
    )
    judgement = review(clone, "HEAD")
    lines = terminal_report([judgement], width=1000).splitlines()
    start = lines.index(f"changed  since {base}")
    assert lines[start + 1 : start + 7] == [
        "  gone",
        "    removed as a whole; 1 removed: ConfigMap/plate-stg/a",
        "  new",
        f"    added as a whole; 9 added: {', '.join(f'ConfigMap/plate-stg/n{n}' for n in range(8))} and 1 more",
        "  shop",
        "    1 changed: ConfigMap/plate-stg/one",
    ]
    data = json.loads(json_of(judgement))
    schema = json.loads(Path("driftgate/report/report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(data)
    assert [(c["application"], c["state"], len(c["added"])) for c in data["changes"]] == [
        ("gone", "removed", 0), ("new", "added", 9), ("shop", "changed", 0),
    ]  # fmt: skip
    assert data["ledger"][0]["base"] == base
    assert {finding["new"] for finding in data["findings"]} == {True}


def test_without_a_base_nothing_is_new(clone: Path) -> None:
    """A run without `--base` tells of no change, and its findings are neither new nor old."""
    commit(clone, {"policies/live.yaml": POLICY, "shop/web.yaml": LATEST})
    (judgement,) = judge_tree(clone, policies_of(clone, None), SETTINGS, [URL])
    assert (judgement.changes, judgement.ledger.base) == ((), "")
    assert [finding.new for finding in judgement.findings] == [None]
    assert verdict(judgement) == "live: 1 error in 1 Application, 2 objects"


def test_values_of_secrets_are_not_told(clone: Path) -> None:
    """An immutable Secret whose data changes is a finding that holds neither the old value nor the new one."""
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {{name: token}}\nimmutable: true\nstringData:\n  token: {value}\n"
    commit(clone, {"shop/secret.yaml": secret.format(value="old-value-1")})
    write(clone, {"shop/secret.yaml": secret.format(value="new-value-2")})
    judgement = review(clone, "HEAD")
    found = [f for f in judgement.findings if f.check == "immutable-field-changed"]
    told = [("shop/secret.yaml:6:3", "stringData.token is another one than before")]
    assert [(str(f.place), f.found) for f in found] == told
    text = terminal_report([judgement]) + every_report(judgement) + repr(judgement)
    assert "old-value-1" not in text
    assert "new-value-2" not in text


VALUES = 'name: web\nimage: {tag: "1"}\nextra: {enabled: false}\nboth: {one: false, two: false}\n'
LIVE = "extra:\n  enabled: true\nboth: {one: true, two: true}\n"
LOSSES = ("object-lost", "object-removed")
DATA = ("data-object-removed",)
PARAMETER = "      parameters:\n        - {name: name, value: x}\n"
HELM = "    helm:\n      valueFiles: [live.yaml]\n"
TEMPLATES = {
    "web.yaml": config_map("{{ .Values.name }}", "tag: {{ .Values.image.tag | quote }}"),
    "extra.yaml": "{{- if .Values.extra.enabled }}\n" + config_map("extra") + "{{- end }}\n",
    "pair.yaml": "{{- if and .Values.both.one .Values.both.two }}\n" + config_map("pair") + "{{- end }}\n",
}


@pytest.fixture
def charted(clone: Path) -> Path:
    """The clone with an Application of a chart, committed."""
    commit(
        clone,
        {
            "apps/web.yaml": application("web", "web", HELM) + PRUNED,
            **chart("web", TEMPLATES, VALUES),
            "web/live.yaml": LIVE,
        },
    )
    return clone


@pytest.mark.parametrize(
    ("files", "check", "place"),
    [
        ({"web/live.yaml": LIVE.replace("enabled: true", "enabled: false")}, "object-removed", "web/live.yaml:2:3"),
        ({"web/live.yaml": LIVE + "name: portal\n"}, "object-lost", "web/live.yaml:4:1"),
        ({"web/values.yaml": VALUES.replace("name: web", "name: portal")}, "object-lost", "web/values.yaml:1:1"),
        ({"apps/web.yaml": application("web", "web", HELM + PARAMETER) + PRUNED}, "object-lost", "apps/web.yaml:18:11"),
        ({"apps/web.yaml": application("web", "web") + PRUNED}, "object-lost", "apps/web.yaml:11:3"),
        ({"web/live.yaml": "# nothing\n"}, "object-removed", "web/live.yaml"),
        (
            {"web/live.yaml": LIVE.replace("one: true, two: true", "one: false, two: false")},
            "object-removed",
            "web/live.yaml",
        ),
        ({"web/templates/extra.yaml": "# none\n"}, "object-removed", "web/templates/extra.yaml"),
        ({"web/templates/extra.yaml": None}, "object-removed", "{base}:web/templates/extra.yaml"),
        ({"apps/web.yaml": application("web", "shop") + PRUNED}, "object-lost", "apps/web.yaml:13:5"),
    ],
    ids=("switch", "added line", "first line", "parameter", "no file", "emptied", "both", "template", "gone", "path"),
)
def test_a_loss_is_told_at_the_line_that_causes_it(
    charted: Path, files: dict[str, str | None], check: str, place: str
) -> None:
    """The edited line that alone brings the object back is the place; a switch turned off says that it was meant."""
    base = git(charted, "rev-parse", "HEAD")[:9]
    for name, text in files.items():
        (charted / name).unlink() if text is None else (charted / name).write_text(text)
    found = {(f.check, str(f.place)) for f in review(charted, "HEAD").findings if f.check in LOSSES}
    assert found == {(check, place.format(base=base))}


SELECTED = LATEST.replace("app: web", "app: {{ .Values.name }}").replace("latest", "1.0.0")


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"web/values.yaml": VALUES.replace("name: web", "name: portal")}, "web/values.yaml:1:1"),
        (
            {"web/templates/deploy.yaml": SELECTED.replace(".Values.name", ".Chart.Version")},
            "web/templates/deploy.yaml",
        ),
        ({"web/templates/_helpers.tpl": '{{ define "app" }}portal{{ end }}'}, "web/templates/_helpers.tpl"),
        (
            {
                **{name.replace("web/", "copy/"): text for name, text in chart("web", {}, VALUES).items()},
                "copy/templates/deploy.yaml": SELECTED.replace(".Values.name", ".Chart.Version"),
                "apps/web.yaml": application("web", "copy") + PRUNED,
            },
            "apps/web.yaml:13:5",
        ),
    ],
    ids=["values", "template", "helper", "path"],
)
def test_a_change_that_is_refused_is_told_at_the_edit_that_makes_it(
    clone: Path, files: dict[str, str], place: str
) -> None:
    """The values line that was edited, else the template, the one file of the chart or the source that is another."""
    template = SELECTED if "_helpers" not in place else SELECTED.replace(".Values.name", 'include "app" .')
    helper = '{{ define "app" }}web{{ end }}'
    app = {"apps/web.yaml": application("web", "web") + PRUNED}
    commit(clone, {**app, **chart("web", {"deploy.yaml": template, "_helpers.tpl": helper}, VALUES)})
    write(clone, files)
    found = [f for f in review(clone, "HEAD").findings if f.check == "immutable-field-changed"]
    assert [(str(f.place), f.field) for f in found] == [(place, "spec.selector")]


def test_an_object_that_another_application_takes_over_is_not_lost_to_anybody(charted: Path) -> None:
    """What moves between Applications is told as moving, and neither as lost data nor as something that is missed."""
    claim = (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
    )
    commit(charted, {"shop/claim.yaml": claim})
    (charted / "shop/claim.yaml").unlink()
    write(charted, {"web/templates/claim.yaml": claim})
    base = git(charted, "rev-parse", "HEAD")[:9]
    told = "web renders it now, and takes it over if it syncs first; else the next sync deletes it"
    assert findings(review(charted, "HEAD")) == [
        (
            "object-removed",
            f"{base}:shop/claim.yaml:3:12",
            f"PersistentVolumeClaim data is not rendered any more: {told}",
        )
    ]


CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  annotations: {argocd.argoproj.io/sync-options: "SOMETHING=else"}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.mark.parametrize(
    ("claim", "policy", "checks"),
    [
        (CLAIM, PRUNED, ["data-object-removed", "object-removed"]),
        (CLAIM.replace("SOMETHING=else", "Prune=false"), PRUNED, ["object-removed"]),
        (CLAIM, "  syncPolicy:\n    automated: {selfHeal: true}\n", ["object-removed"]),
        (CLAIM, "", ["object-removed"]),
    ],
    ids=["pruned", "kept", "no prune", "by hand"],
)
def test_data_that_argo_cd_does_not_delete_is_not_lost(clone: Path, claim: str, policy: str, checks: list[str]) -> None:
    """Only a claim that the next sync deletes takes data with it; one that stays is told as removed from Git."""
    commit(clone, {"apps/shop.yaml": application("shop", "shop") + policy, "shop/claim.yaml": claim})
    (clone / "shop/claim.yaml").unlink()
    assert sorted(f.check for f in review(clone, "HEAD").findings if f.check in (*LOSSES, *DATA)) == checks


def test_pairs_are_those_of_argo_cd(clone: Path) -> None:
    """An Application without a namespace is in Argo CD's own; API versions and made-up names are no identity."""
    budget = "apiVersion: VERSION\nkind: PodDisruptionBudget\nmetadata: {name: shop}\n"
    made = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: made-}\n"
    bare = application("shop", "shop").replace("  namespace: argocd\n", "") + PRUNED
    files = {"shop/budget.yaml": budget.replace("VERSION", "policy/v1beta1"), "shop/made.yaml": made}
    commit(clone, {"apps/shop.yaml": bare, **files})
    (clone / "shop/made.yaml").unlink()
    write(clone, {"apps/shop.yaml": SHOP["apps/shop.yaml"], "shop/budget.yaml": budget.replace("VERSION", "policy/v1")})
    identity = "policy/PodDisruptionBudget/plate-stg/shop"
    assert changed(review(clone, "HEAD")) == [ChangeSummary("shop", "changed", changed=(identity,))]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\nb: [1, 2]\n", "# why\na: 1\n\nb:\n  - 1\n  - 2\n"),
        ("a: 1\nb: [1, 2]\n", "b: [1, 2]\na: 1\n"),
        ("cpu: 1000m\n", "cpu: 1\n"),
        ('port: "80"\n', "port: 80\n"),
        ("on: true\n", 'on: "true"\n'),
        ("a: 1\nb: 2\n", "a: 1\n"),
    ],
    ids=["comment", "order", "quantity", "quotes", "boolean", "deleted"],
)
def test_an_edit_that_means_the_same_is_no_finding(charted: Path, before: str, after: str) -> None:
    """Comments, order, equal amounts, quotes, and lines that did nothing and are deleted are left alone."""
    unread = "valuesRead: {probe: never}\n"
    commit(charted, {"web/live.yaml": LIVE + before, "policies/live.yaml": POLICY + unread})
    write(charted, {"web/live.yaml": LIVE + after})
    judgement = review(charted, "HEAD")
    assert [finding for finding in judgement.findings if finding.check == "change-without-effect"] == []
    assert judgement.ledger.checks["change-without-effect"].passed == 1


def test_an_edit_has_an_effect_if_one_application_shows_it(charted: Path) -> None:
    """A default that one environment overrides and another one uses is edited with effect; then nobody uses it."""
    other = application("other", "web").replace("plate-stg", "plate-dev") + PRUNED
    commit(charted, {"apps/other.yaml": other, "web/live.yaml": LIVE + 'image: {tag: "2"}\n'})
    edited = {"web/values.yaml": VALUES.replace('"1"', '"3"')}
    write(charted, edited)
    checks = [finding.check for finding in review(charted, "HEAD").findings]
    assert "change-without-effect" not in checks
    git(charted, "checkout", "--quiet", ".")
    git(charted, "rm", "--quiet", "apps/other.yaml")
    commit(charted, {})
    write(charted, edited)
    found = [f for f in review(charted, "HEAD").findings if f.check == "change-without-effect"]
    assert [(str(f.place), [str(r.place) for r in f.related]) for f in found] == [
        ("web/values.yaml:2:9", ["web/live.yaml:4:9"])
    ]


def test_a_render_that_fails_now_leaves_the_losses_open(charted: Path) -> None:
    """What is not rendered because the chart is broken is not called lost: it follows from the broken chart."""
    write(charted, {"web/templates/extra.yaml": "{{ end }}\n"})
    judgement = review(charted, "HEAD")
    told = {(f.check, f.outcome, f.consequence_of.partition("/")[0]) for f in judgement.findings}
    assert ("render-failed", Outcome.FAILED, "") in told
    assert ("object-lost", Outcome.COULD_NOT_CHECK, "render-failed") in told
    (summary,) = changed(judgement)
    assert (summary.application, summary.complete) == ("web", False)


def test_a_policy_that_could_not_be_read_before_is_said(clone: Path) -> None:
    """Whether policy asks for less than before cannot be told where the one before is no policy."""
    commit(clone, {"policies/live.yaml": "driftgate: 1\nenvironment: live\nnonsense: 1\n"})
    write(clone, {"policies/live.yaml": POLICY})
    judgement = review(clone, "HEAD")
    assert [(f.check, f.outcome) for f in judgement.findings] == [("required-subject-dropped", Outcome.COULD_NOT_CHECK)]


def test_a_policy_that_is_deleted_is_said_once(clone: Path) -> None:
    """An environment that loses its policy is not judged any more; one of those that are left tells it."""
    dev = POLICY.replace("live", "dev")
    stg = POLICY.replace("live", "stg")
    commit(clone, {"policies/live.yaml": POLICY, "policies/dev.yaml": dev, "policies/stg.yaml": stg})
    (clone / "policies/live.yaml").unlink()
    with base_of(clone, "HEAD") as base:
        judgements = judge_tree(clone, policies_of(clone, None), SETTINGS, [URL], base=base)
    found = [(j.ledger.environment, f.check, f.field) for j in judgements for f in j.findings]
    assert found == [("dev", "required-subject-dropped", "live")]


def test_the_plugin_reviews_a_change(clone: Path, pytester: pytest.Pytester) -> None:
    """The plugin takes the same options: new findings fail their items, older ones are counted, misuse is usage."""
    commit(clone, {"policies/live.yaml": POLICY, "shop/web.yaml": LATEST})
    write(clone, {"shop/two.yaml": config_map("two")})
    arguments = ("--driftgate", f"--driftgate-root={clone}", "--driftgate-no-cache", "-q", "-p", "no:cacheprovider")
    old = pytester.runpytest_subprocess(*arguments, "--driftgate-base=HEAD", "--driftgate-new-only")
    assert old.ret == 0
    old.stdout.fnmatch_lines(["live: no new findings since *, 1 older finding left aside in 1 Application, 3 objects"])
    every = pytester.runpytest_subprocess(*arguments, "--driftgate-base=HEAD")
    assert every.ret == 1
    every.stdout.fnmatch_lines(["*image-tag-mutable*", "changed  since *", "live: 1 error (0 new since *"])
    wrong = pytester.runpytest_subprocess(*arguments, "--driftgate-base=nowhere")
    assert wrong.ret == 4
    wrong.stderr.fnmatch_lines(["*--base nowhere: this clone has no such revision*"])
    alone = pytester.runpytest_subprocess(*arguments, "--driftgate-new-only")
    assert alone.ret == 4
