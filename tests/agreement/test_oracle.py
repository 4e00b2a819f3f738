"""The oracle: what it answers, and that nothing that it is asked ends it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import SCRATCH, Oracle, OracleError
from tools import build

Json = dict[str, Any]


def deployment(**spec: Any) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


def config_map(name: str, hook: str = "", tracked: str = "", **data: str) -> Json:
    annotations = {"argocd.argoproj.io/tracking-id": tracked} if tracked else {}
    annotations |= {"argocd.argoproj.io/hook": hook} if hook else {}
    metadata = {"name": name, "namespace": "shop", "uid": name, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_it_is_built_from_the_pinned_argo_cd(oracle: Oracle) -> None:
    """Its answers are those of the release in its go.mod."""
    assert oracle.version() == build.TOOLS["oracle"].version


def test_it_compares_as_a_controller_does(oracle: Oracle) -> None:
    """A changed field is out of sync, a status is ignored by default, and both states are told."""
    live = {**deployment(replicas=3), "status": {"replicas": 3}}
    answer = oracle.diff(deployment(replicas=2), live)

    assert answer.value["modified"] is True
    assert answer.value["normalizedLive"]["spec"]["replicas"] == 3
    assert answer.value["predictedLive"]["spec"]["replicas"] == 2
    assert "status" not in answer.value["normalizedLive"]
    assert oracle.diff(deployment(replicas=3), live).value["modified"] is False


def test_rules_and_settings_are_those_of_argo_cd(oracle: Oracle) -> None:
    """Rules of the Application and those of argocd-cm look away alike; a new content of argocd-cm replaces the old."""
    pair = deployment(replicas=2), deployment(replicas=3)
    rule = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
    system = {"resource.customizations.ignoreDifferences.apps_Deployment": "jsonPointers: [/spec/replicas]"}

    found = [
        oracle.diff(*pair, ignore_differences, settings).value["modified"]
        for ignore_differences, settings in (([], {}), ([rule], {}), ([], system), ([], {"x": "y"}), ([], system))
    ]
    assert found == [True, False, False, True, False]


def test_an_error_of_argo_cd_is_told_as_its_own(oracle: Oracle) -> None:
    """A rule that does not compile has the text of Argo CD's error; one that fails on an object is in the log."""
    bad = {"group": "apps", "kind": "Deployment", "jqPathExpressions": [".spec |"]}
    answer = oracle.diff(deployment(), deployment(), [bad])
    assert (answer.value, answer.error) == (None, 'failed to create diff normalizer: unexpected token ")"')

    skipped = {"group": "apps", "kind": "Deployment", "jqPathExpressions": [".spec.replicas[]"]}
    ignored = oracle.ask("ignore", object=deployment(replicas=1), ignoreDifferences=[skipped])
    assert ignored.value == deployment(replicas=1)
    assert ignored.log == (
        "Failed to apply normalization patch: JQ patch returned error: cannot iterate over: number (1)",
    )


def test_a_panic_is_an_answer_and_ends_nothing(oracle: Oracle) -> None:
    """What Argo CD's code panics with is told, and the same process answers the next question."""
    broken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": "text"}
    answer = oracle.diff(broken, broken)

    assert answer.panic == "interface conversion: interface {} is string, not map[string]interface {}"
    assert answer.failed
    assert oracle.diff(deployment(), deployment()).value["modified"] is False


@pytest.mark.parametrize(
    ("question", "asked", "reason"),
    [
        ("weather", {}, 'weather: no question "weather"'),
        ("diff", {}, "diff: neither a desired nor a live object"),
        ("health", {}, "health: no object"),
        ("schema", {"path": "/nonexistent"}, "schema: open /nonexistent: no such file or directory"),
    ],
)
def test_a_wrong_question_is_not_taken_for_an_answer(oracle: Oracle, question: str, asked: Json, reason: str) -> None:
    """What the oracle cannot take is an error of the asker, told apart from errors of Argo CD."""
    with pytest.raises(OracleError) as refused:
        oracle.ask(question, **asked)
    assert str(refused.value) == reason


def test_one_that_died_is_started_again(tmp_path: Path) -> None:
    """A process that ends in the middle is an error with its last words, and the next question starts another."""
    program = tmp_path / "oracle"
    program.write_text(
        '#!/bin/sh\nread line\nif [ -e "$0.once" ]; then echo \'{"answer": "v1", "log": []}\'; else\n'
        'touch "$0.once"; echo "fatal error: stack overflow" >&2; fi\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    with Oracle(program) as oracle:
        with pytest.raises(OracleError, match="the oracle ended: fatal error: stack overflow"):
            oracle.version()
        assert oracle.version() == "v1"


def test_it_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Argo CD's code makes for itself among the temporary files, and never removes, goes with the process."""
    program, temporary = tmp_path / "oracle", tmp_path / "temporary"
    program.write_text(
        '#!/bin/sh\nread line\ntouch "$TMPDIR/argocd-git-wrapper-1"\necho \'{"answer": "v1", "log": []}\'\nread line\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with Oracle(program) as oracle:
        assert oracle.version() == "v1"
        assert [path.name for path in temporary.glob(f"{SCRATCH}*/*")] == ["argocd-git-wrapper-1"]
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        pytest.param({"apiVersion": "v1", "kind": "ConfigMap"}, None, id="no health"),
        pytest.param(
            {"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Pending"}}, {"status": "Progressing"}, id="in Go"
        ),
        pytest.param(
            {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"suspend": True}},
            {"status": "Healthy", "message": "CronJob is Suspended"},
            id="in Lua",
        ),
    ],
)
def test_it_tells_health(oracle: Oracle, manifest: Json, expected: Json | None) -> None:
    """Health comes from the engine's own checks and from the scripts that Argo CD ships."""
    found = oracle.ask("health", object={**manifest, "metadata": {"name": "x"}})
    assert found.value == {"health": expected}


def test_it_tells_what_metadata_makes_of_an_object(oracle: Oracle) -> None:
    """Hook types, delete policies, wave and owner are read as a sync reads them."""
    manifest = config_map("a", hook="PreSync, Sync", tracked="shop:/ConfigMap:shop/a")
    manifest["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = "-5"

    assert oracle.ask("object", object=manifest).value == {
        "hook": True,
        "ignored": False,
        "skipped": False,
        "hookTypes": ["PreSync", "Sync"],
        "deletePolicies": ["BeforeHookCreation"],
        "wave": -5,
        "application": "shop",
    }


def test_it_refreshes_an_application(oracle: Oracle) -> None:
    """A refresh gives each object of an Application its status: those of others, hooks and copies have none."""
    application = {"metadata": {"name": "shop", "namespace": "argocd"}, "spec": {"destination": {"namespace": "shop"}}}
    answer = oracle.ask(
        "application",
        application=application,
        rendered=[
            config_map("same"),
            config_map("changed", a="1"),
            config_map("missing"),
            config_map("hook", "PreSync"),
        ],
        live=[
            config_map("same", tracked="shop:/ConfigMap:shop/same"),
            config_map("changed", tracked="shop:/ConfigMap:shop/changed", a="2"),
            config_map("extra", tracked="shop:/ConfigMap:shop/extra"),
            config_map("copy", tracked="shop:/ConfigMap:shop/extra"),
            config_map("other", tracked="other:/ConfigMap:shop/other"),
        ],
        namespaced={"/ConfigMap": True},
    )

    assert (answer.error, answer.panic) == ("", "")
    assert answer.value["sync"] == "OutOfSync"
    assert {
        each["name"]: (each["status"], each["requiresPruning"], each["modified"]) for each in answer.value["resources"]
    } == {
        "same": ("Synced", False, False),
        "changed": ("OutOfSync", False, True),
        "missing": ("OutOfSync", False, True),
        "extra": ("OutOfSync", True, False),
        "copy": ("", False, False),
    }
