"""`driftgate snapshot` before a deploy and `pytest -m live` after it, on recordings of a cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.history.recordings import AS_GIT, CHANGED, live, record, run, tree

SOURCE = Path(__file__).resolve().parent.parent.parent
BEFORE, AFTER = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC)
OPTIONS = ("-p", "no:cacheprovider", "--rootdir=.", "--driftgate", "--driftgate-root=tree", "--driftgate-no-cache")


def written_by(manager: str, document: dict[str, Any]) -> dict[str, Any]:
    """The object with everything of its data written by a manager, after the snapshot was taken."""
    entry = {
        "manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-03-01T12:30:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {f"f:{key}": {} for key in document["data"]}},
    }  # fmt: skip
    return {**document, "metadata": {**document["metadata"], "managedFields": [entry]}}


def snapshot(folder: Path, *objects: dict[str, Any], more: tuple[str, ...] = ()) -> tuple[int, str]:
    """A snapshot of these objects; exit code and output."""
    recording = record(folder / "before", BEFORE, *objects)
    root = str(folder / "tree")
    code, out, err = run(
        "snapshot", str(folder / "snapshot.json"), "--root", root, "--live-from", recording, "--no-cache", *more
    )
    return code, out + err


def after(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """The live items after the deploy."""
    return pytester.runpytest_inprocess(*OPTIONS, "-m", "live", "--driftgate-live-from=after", *arguments)


def report(pytester: pytest.Pytester) -> dict[str, Any]:
    """The JSON report, which keeps to its schema."""
    data: dict[str, Any] = json.loads((pytester.path / "report.json").read_text(encoding="utf-8"))
    schema = json.loads((SOURCE / "driftgate/report/report.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    return data


def test_a_deploy_is_told_apart(pytester: pytest.Pytester) -> None:
    """Done and not done, brought by the deploy, and changed by others meanwhile."""
    folder = pytester.path
    maps = {"web": ("changed", "made", "stuck", "ignored", "touched", "fought"), "api": ("three",)}
    tree(folder / "tree", applications=maps)
    there = {name: live(name, "web") for name in ("ignored", "touched", "fought")} | {"three": AS_GIT["three"]}
    extra = {**AS_GIT["three"]["data"], "extra": "1"}
    code, out = snapshot(
        folder,
        *there.values(),
        live("changed", "web", CHANGED),
        live("stuck", "web", CHANGED),
    )
    assert code == 0, out
    assert [line for line in out.splitlines() if line.startswith(("web", "api", "  +", "  ~", "  -", "shop:"))] == [
        "web",
        "  ~ ConfigMap/plate-stg/changed data.a: changed → b (web/changed.yaml:6:3)",
        "  + ConfigMap/plate-stg/made (web/made.yaml:4:3)",
        "  ~ ConfigMap/plate-stg/stuck data.a: changed → b (web/stuck.yaml:6:3)",
        "shop: the deploy will create 1 object, change 2 objects",
    ]
    record(
        folder / "after",
        AFTER,
        there["ignored"],
        live("changed", "web"),
        live("made", "web"),
        live("stuck", "web", CHANGED),
        written_by("kubectl-edit", live("touched", "web", CHANGED)),
        written_by("argocd-controller", live("fought", "web", CHANGED)),
        live("three", "api", extra),
    )
    result = after(pytester, "--driftgate-before=snapshot.json", "--driftgate-report=json=report.json")
    assert result.ret == 1
    found = {
        (one["check"], one["object"].rpartition("/")[2], one["field"]): one["deploy"]
        for one in report(pytester)["findings"]
    }
    new = "it was not so before the deploy"
    other = f"{new}, and is not the deploy's doing: somebody changed it meanwhile"
    assert found == {
        ("drifted-field", "stuck", "data.a"): "the deploy was to do away with it, and has not",
        ("drifted-field", "touched", "data.a"): other,
        ("drifted-field", "fought", "data.a"): new,
        ("added-field", "three", "data.extra"): other,
    }
    text = result.stdout.str()
    assert "deploy  since the snapshot of 2026-03-01 12:00:00 UTC" in text
    assert "  planned       3: 2 done, 1 not done" in text


def test_a_deploy_that_did_what_it_said_is_green(pytester: pytest.Pytester) -> None:
    """Everything that was planned is done and nothing else: every item passes."""
    tree(pytester.path / "tree")
    snapshot(pytester.path, AS_GIT["one"], AS_GIT["three"])
    record(pytester.path / "after", AFTER, *AS_GIT.values())
    result = after(pytester, "--driftgate-before=snapshot.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  planned       1: 1 done, 0 not done", "shop: no findings in 2 Applications*"])


def test_a_snapshot_holds_no_value(pytester: pytest.Pytester) -> None:
    """Neither a value of the cluster nor one of Git is in the file, which only its owner can read."""
    tree(pytester.path / "tree")
    snapshot(pytester.path, live("one", "web", {"a": "canary-of-the-cluster"}), AS_GIT["three"])
    file = pytester.path / "snapshot.json"
    assert "canary" not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0
    assert list(pytester.path.glob(".snapshot*")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(environment="other"), "is of environment other"),
        (lambda data: data["clusters"][0].update(uid="another"), "is of another cluster"),
        (lambda data: data["clusters"].clear(), "has nothing of https://kubernetes.default.svc"),
        (lambda data: data.update(format=2), "has the format 2, and this driftgate reads 1"),
        (lambda data: data.update(taken="yesterday"), "taken cannot be read"),
        (lambda data: data["planned"].append({"key": "x"}), "planned has an entry that is none"),
        (lambda data: data["objects"].update(x=1), "objects is no map"),
        (lambda data: data.update(there=[1]), "there is no list of texts"),
    ],
)
def test_another_snapshot_is_refused(pytester: pytest.Pytester, change: Any, words: str) -> None:
    """A snapshot of another environment or cluster, or one that is damaged, is a usage error that says which."""
    tree(pytester.path / "tree")
    snapshot(pytester.path, *AS_GIT.values())
    file = pytester.path / "snapshot.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    change(data)
    file.write_text(json.dumps(data), encoding="utf-8")
    record(pytester.path / "after", AFTER, *AS_GIT.values())
    result = after(pytester, "--driftgate-before=snapshot.json")
    assert result.ret == 4
    assert words in " ".join((result.stderr.str() + result.stdout.str()).split())


def test_nothing_of_a_cluster_is_asked_without_the_marker(pytester: pytest.Pytester) -> None:
    """Without `-m live` there is no live item, and an option of live items is a usage error."""
    tree(pytester.path / "tree")
    plain = pytester.runpytest_inprocess(*OPTIONS, "--collect-only", "-q")
    assert "drift.py" not in plain.stdout.str()
    negated = pytester.runpytest_inprocess(*OPTIONS, "--collect-only", "-q", "-m", "not live")
    assert "drift.py" not in negated.stdout.str()
    idle = pytester.runpytest_inprocess(*OPTIONS, "--driftgate-live-from=after")
    assert idle.ret == 4
    assert "--driftgate-live-from is for live checks: add -m live" in idle.stderr.str()


def test_only_live_items_are_made_with_the_marker(pytester: pytest.Pytester) -> None:
    """With `-m live` no file is judged, and nothing counts as deselected."""
    tree(pytester.path / "tree")
    record(pytester.path / "after", AFTER, *AS_GIT.values())
    result = after(pytester, "--collect-only", "-q")
    topics = {line.partition("::")[0].rpartition("/")[2] for line in result.outlines if "::" in line}
    assert "drift.py" in topics
    assert "ports.py" not in topics
    assert "deselected" not in result.stdout.str()


def test_an_incomplete_plan_is_told_by_the_exit_code(tmp_path: Path) -> None:
    """Where a list could not be read, the snapshot is written, the plan says so, and the exit code is 6."""
    tree(tmp_path / "tree")
    recording = record(tmp_path / "before", BEFORE, unread=True)
    code, out, _ = run(
        "snapshot", str(tmp_path / "one.json"), "--root", str(tmp_path / "tree"), "--live-from", recording, "--no-cache"
    )
    assert code == 6
    assert "configmaps is forbidden" in out
    assert (tmp_path / "one.json").exists()
