"""The pytest plugin: items that people can select, one verdict and one report, and silence where nobody asks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from driftgate.judge import load_catalogue
from tests.repositories import URL, application, config_map, write

POLICY = f"driftgate: 1\nenvironment: staging\nrepository: {{urls: ['{URL}']}}\n"
WAVE = "  annotations: {argocd.argoproj.io/sync-wave: first}\n"
CLEAN: dict[str, str | bytes] = {
    "apps/web.yaml": application("web", "web"),
    "apps/api.yaml": application("api", "api"),
    "web/cm.yaml": config_map("web"),
    "api/cm.yaml": config_map("api"),
    "policies/staging.yaml": POLICY,
}
# One thing that is wrong by Argo CD's own rules, and one that nobody can check here.
BAD_WAVE: dict[str, str | bytes] = {"apps/api.yaml": application("api", "api", metadata=WAVE)}
ELSEWHERE: dict[str, str | bytes] = {
    "apps/api.yaml": application("api", "api", url="https://git.example.com/other.git")
}
TOPICS = Path(sys.modules["driftgate.checks"].__file__ or "").parent if "driftgate.checks" in sys.modules else None


@pytest.fixture
def gate(pytester: pytest.Pytester) -> pytest.Pytester:
    """A clean repository with two Applications, in which nothing of this one is left."""
    load_catalogue()
    write(pytester.path, CLEAN)
    pytester.makeini("[pytest]\n")
    return pytester


def topic(name: str) -> str:
    """The path of a topic module."""
    return str(Path(sys.modules["driftgate.checks"].__path__[0]).resolve() / f"{name}.py")


def run(gate: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest with the gate in this process."""
    return gate.runpytest_inprocess("-p", "no:cacheprovider", "--driftgate", "--driftgate-no-cache", *arguments)


def outcomes(result: pytest.RunResult) -> dict[str, str]:
    """The outcome of every item, by its node id from the topic's file name on."""
    lines = [line.split() for line in result.outlines if "::" in line and line.split()[-1] in ("PASSED", "FAILED")]
    return {line[0].rpartition("/")[2]: line[-1] for line in lines}


def progress(result: pytest.RunResult) -> list[str]:
    """The items that `-v` listed, without their percentage."""
    found = []
    for line in result.outlines:
        parts = line.split()
        if len(parts) >= 2 and "::" in parts[0] and parts[1] in ("PASSED", "FAILED"):
            found.append(f"{parts[0].rpartition('/')[2]} {parts[1]}")
    return found


def test_there_is_an_item_for_each_topic_and_application(gate: pytest.Pytester) -> None:
    """Each topic has an item for every Application, and one for the environment where it looks at more."""
    result = run(gate, "-v", topic("sync_waves"), topic("policy"))
    assert result.ret == 0
    listed = progress(result)
    assert [line for line in listed if line.startswith("sync_waves.py")] == [
        "sync_waves.py::api PASSED",
        "sync_waves.py::web PASSED",
    ]
    assert [line for line in listed if line.startswith("policy.py")] == ["policy.py::staging PASSED"]
    topics = {line.partition(".py")[0] for line in listed}
    assert topics == set(load_catalogue().topics)


def test_items_can_be_selected_by_node_id_and_keyword(gate: pytest.Pytester) -> None:
    """A node id, a topic and `-k` select what they name, and what was left out is said."""
    alone = gate.runpytest_inprocess("-p", "no:cacheprovider", "-v", f"{topic('sync_waves')}::web")
    assert (alone.ret, progress(alone)) == (0, ["sync_waves.py::web PASSED"])
    one = gate.runpytest_inprocess("-p", "no:cacheprovider", "-v", topic("sync_waves"))
    assert progress(one) == ["sync_waves.py::api PASSED", "sync_waves.py::web PASSED"]
    keyword = run(gate, "-v", "-k", "web and sync_waves")
    assert progress(keyword) == ["sync_waves.py::web PASSED"]
    keyword.stdout.re_match_lines([r"\d+ items were deselected: what they would have said is not in this run"])


def test_a_finding_fails_its_own_item_and_is_shown_as_a_finding(gate: pytest.Pytester) -> None:
    """The item of the topic and Application fails with place, found, expected, why and fix, and no traceback."""
    write(gate.path, BAD_WAVE)
    result = run(gate, "-v", "-k", "sync_waves")
    assert result.ret == 1
    assert progress(result) == ["sync_waves.py::api FAILED", "sync_waves.py::web PASSED"]
    result.stdout.fnmatch_lines(
        ["apps/api.yaml:6:17  error  sync-wave-not-integer  (api)", "  found * it counts as wave 0", "  expected *",
         "  why *", "  fix *", "staging: 1 error in 2 Applications, 2 objects"]
    )  # fmt: skip
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*DriftgateFailure*")


def test_the_run_stops_at_the_first_failure_if_told_to(gate: pytest.Pytester) -> None:
    """`-x` runs nothing after the first item that failed."""
    write(gate.path, BAD_WAVE | {"apps/web.yaml": application("web", "web", metadata=WAVE)})
    result = gate.runpytest_inprocess("-p", "no:cacheprovider", "-v", "-x", topic("sync_waves"))
    assert (result.ret, progress(result)) == (1, ["sync_waves.py::api FAILED"])


@pytest.mark.parametrize(
    ("files", "arguments", "code"),
    [
        ({}, [], 0),
        (BAD_WAVE, [], 1),
        (ELSEWHERE, [], 6),
        (ELSEWHERE | {"apps/web.yaml": BAD_WAVE["apps/api.yaml"]}, [], 1),
        ({}, ["--driftgate-root", "web"], 5),
        ({}, ["--driftgate-root", "nowhere"], 4),
        ({}, ["--driftgate-policy", "nowhere"], 4),
        ({}, ["--driftgate-environment", "production"], 4),
        ({}, ["--driftgate-report", "xml=a.xml"], 4),
        ({}, ["--driftgate-report", "json=nowhere/a.json"], 4),
        ({}, ["-k", "no_such_item"], 5),
        ({}, ["--deselect", "."], 0),
    ],
    ids=[
        "clean", "findings", "unchecked", "both", "no Applications", "no root", "no policy", "no environment",
        "no format", "no folder", "all deselected", "clean again",
    ],
)  # fmt: skip
def test_exit_codes_are_those_of_the_command(
    gate: pytest.Pytester, files: dict[str, str | bytes], arguments: list[str], code: int
) -> None:
    """0 clean, 1 findings, 4 usage, 5 nothing judged, 6 only what could not be checked; never green on nothing."""
    write(gate.path, files)
    assert run(gate, *arguments).ret == code


def test_failures_of_other_tests_stay_failures(gate: pytest.Pytester) -> None:
    """Where a test of the project fails beside something unchecked, the run ends with pytest's own 1."""
    write(gate.path, ELSEWHERE)
    gate.makepyfile(test_own="def test_own(): assert False")
    assert run(gate, ".").ret == 1
    gate.makepyfile(test_own="def test_own(): assert True")
    assert run(gate, ".").ret == 6


def test_a_tree_without_applications_says_so(gate: pytest.Pytester) -> None:
    """Every topic fails with the reason, and the last line says that nothing was judged."""
    result = run(gate, "--driftgate-root", "web", "-v", "-k", "sync_waves")
    assert (result.ret, progress(result)) == (5, ["sync_waves.py::default FAILED"])
    result.stdout.fnmatch_lines(["nothing judged: no Application in this tree", "default: nothing judged: *"])


def test_a_tree_of_which_only_faults_are_left_shows_them(gate: pytest.Pytester) -> None:
    """Where the only Application is broken, its finding is shown, and the run ends with 1 as the command does."""
    text = application("web", "web") + "  broken: [\n"
    write(gate.path / "alone", {"web.yaml": text})
    result = run(gate, "--driftgate-root", "alone")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["web.yaml:*  error  manifest-not-yaml*"])


@pytest.mark.parametrize("how", ["option", "folder"])
def test_a_slip_in_policy_is_a_usage_error_with_its_place(gate: pytest.Pytester, how: str) -> None:
    """A misspelt key ends the run with 4 before anything is judged, with file, line and the key that was meant."""
    write(gate.path, {"policies/staging.yaml": f"{POLICY}inventry: [web]\n"})
    result = run(gate) if how == "option" else gate.runpytest_inprocess("-p", "no:cacheprovider", topic("policy"))
    assert result.ret == 4
    told = "policies/staging.yaml:4:1: unknown key inventry; did you mean inventory?"
    assert told in result.stderr.str() + result.stdout.str()


def test_a_slip_in_policy_is_a_usage_error_when_a_folder_above_is_named(gate: pytest.Pytester) -> None:
    """A gate that is collected from a folder above its checks ends with 4 too."""
    write(gate.path, {"policies/staging.yaml": f"{POLICY}inventry: [web]\n"})
    result = gate.runpytest_inprocess(
        "-p", "no:cacheprovider", f"--rootdir={gate.path}", str(Path(topic("x")).parent.parent / "checks")
    )
    assert result.ret == 4


def test_reports_are_written_where_asked(gate: pytest.Pytester) -> None:
    """The JSON report has every finding and the ledger of the whole run, whatever was selected; it may go twice."""
    write(gate.path, BAD_WAVE)
    result = run(gate, "-k", "web", "--driftgate-report", "json=a.json", "--driftgate-report", "json=b.json")
    assert result.ret == 0
    first = json.loads((gate.path / "a.json").read_text(encoding="utf-8"))
    assert first == json.loads((gate.path / "b.json").read_text(encoding="utf-8"))
    assert [finding["check"] for finding in first["findings"]] == ["sync-wave-not-integer"]
    assert first["ledger"][0]["applications"] == ["api", "web"]


def test_a_report_that_cannot_be_written_ends_with_4(gate: pytest.Pytester) -> None:
    """A report's path that is a folder is told, and the run does not pass without its report."""
    (gate.path / "a.json").mkdir()
    result = run(gate, "--driftgate-report", "json=a.json")
    assert result.ret == 4
    result.stdout.fnmatch_lines(["ERROR: report *a.json: Is a directory"])


def test_junit_xml_holds_the_findings(gate: pytest.Pytester) -> None:
    """CI systems that read JUnit files see one case per item and the finding's text in the failed one."""
    write(gate.path, BAD_WAVE)
    run(gate, "-k", "sync_waves", "--junitxml=junit.xml")
    cases = {
        case.get("name"): [failure.text or "" for failure in case.iter("failure")]
        for case in ElementTree.parse(gate.path / "junit.xml").iter("testcase")
    }
    assert sorted(str(name) for name in cases) == ["api", "web"]
    assert cases["web"] == []
    assert "apps/api.yaml:6:17  error  sync-wave-not-integer  (api)" in cases["api"][0]


def test_several_environments_keep_their_items_apart(gate: pytest.Pytester) -> None:
    """With two policies the items carry the environment's name, and each is judged by its own policy."""
    other = POLICY.replace("staging", "production") + "checks:\n  sync-wave-not-integer: {severity: note}\n"
    write(gate.path, BAD_WAVE | {"policies/production.yaml": other})
    result = run(gate, "-v", "-k", "sync_waves")
    assert result.ret == 1
    assert progress(result) == [
        "sync_waves.py::api[production] PASSED",
        "sync_waves.py::web[production] PASSED",
        "sync_waves.py::api[staging] FAILED",
        "sync_waves.py::web[staging] PASSED",
    ]
    assert run(gate, "--driftgate-environment", "production").ret == 0


def test_a_conftest_may_name_the_root(gate: pytest.Pytester) -> None:
    """A project's conftest.py can say where its Argo CD tree is, and the option wins over it."""
    write(gate.path / "deploy", CLEAN | BAD_WAVE)
    gate.makeconftest(
        "from pathlib import Path\ndef pytest_driftgate_root(): return Path(__file__).parent / 'deploy'\n"
    )
    assert run(gate).ret == 1
    assert run(gate, "--driftgate-root", ".").ret == 0


def test_two_workers_give_the_same_verdict_and_one_report(gate: pytest.Pytester) -> None:
    """Under xdist the findings, the exit code and the report are those of one process, and shown once."""
    write(gate.path, BAD_WAVE | {"apps/web.yaml": application("web", "web", url="https://git.example.com/other.git")})
    arguments = ["-p", "no:cacheprovider", "--driftgate", "--driftgate-no-cache", "-v", "-k", "web or api"]
    alone = gate.runpytest_inprocess(*arguments, "--driftgate-report", "json=one.json")
    both = gate.runpytest_subprocess(*arguments, "-n", "2", "--driftgate-report", "json=two.json")
    assert alone.ret == both.ret == 1
    items = [line.split() for line in both.outlines if line.startswith("[gw")]
    seen = sorted(f"{parts[-1].rpartition('/')[2]} {parts[-2]}" for parts in items)
    assert seen == sorted(progress(alone))
    one, two = ((gate.path / name).read_text(encoding="utf-8") for name in ("one.json", "two.json"))
    assert one == two
    assert both.stdout.str().count("1 error, 1 could not be checked in 2 Applications") == 1
    assert both.stdout.str().count("items were deselected") == 1


def test_two_workers_and_only_what_could_not_be_checked_end_with_6(gate: pytest.Pytester) -> None:
    """The exit code of what could not be checked survives the way through the workers."""
    write(gate.path, ELSEWHERE)
    result = gate.runpytest_subprocess(
        "-p", "no:cacheprovider", "--driftgate", "--driftgate-no-cache", "-n", "2", "-k", "applications or policy"
    )
    assert result.ret == 6


def test_the_plugin_is_silent_where_nobody_asks(pytester: pytest.Pytester) -> None:
    """In a project of its own the plugin imports no engine, prints nothing and changes no exit code."""
    pytester.makepyfile(
        """
        import sys

        def test_nothing_of_the_engine_is_loaded():
            loaded = {name for name in sys.modules if name.startswith("driftgate")}
            assert loaded <= {"driftgate", "driftgate.plugin", "driftgate.pytest_hooks"}
            assert not {"yaml", "jsonschema", "helm_python"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*driftgate*")
    empty = pytester.mkdir("empty")
    assert pytester.runpytest_subprocess("-p", "no:cacheprovider", str(empty)).ret == 5


def test_options_of_other_projects_do_not_collide(pytester: pytest.Pytester) -> None:
    """A project whose conftest.py defines --environment, --report and --policy still runs with the plugin installed."""
    pytester.makeconftest(
        "def pytest_addoption(parser):\n"
        "    for name in ('--environment', '--report', '--policy', '--root', '--repository-url', '--no-cache'):\n"
        "        parser.addoption(name)\n"
    )
    pytester.makepyfile("def test_own(request): assert request.config.getoption('--environment') == 'x'")
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "--environment=x").assert_outcomes(passed=1)


def test_every_option_is_explained(pytester: pytest.Pytester) -> None:
    """`pytest --help` lists each option of the plugin with a sentence."""
    text = pytester.runpytest_inprocess("--help").stdout.str()
    section = text.partition("policy and drift of Argo CD environments:")[2].partition("\n\n")[0]
    names = [line.split()[0].partition("=")[0] for line in section.splitlines() if line.strip().startswith("--")]
    assert names == [
        "--driftgate", "--driftgate-root", "--driftgate-policy", "--driftgate-environment",
        "--driftgate-repository-url", "--driftgate-report", "--driftgate-no-cache",
    ]  # fmt: skip


def test_collecting_alone_runs_no_check_twice(gate: pytest.Pytester) -> None:
    """`--collect-only` lists the items and ends well, also where there are findings."""
    write(gate.path, BAD_WAVE)
    result = run(gate, "--collect-only", "-q", "-k", "sync_waves")
    assert result.ret == 0
    names = [line.rpartition("/")[2] for line in result.outlines if "::" in line]
    assert names == ["sync_waves.py::api", "sync_waves.py::web"]


def test_this_repository_wires_its_own_gate() -> None:
    """The conftest.py at the root names the tree that is judged, and does nothing else."""
    import conftest

    root = Path(conftest.__file__).parent
    assert conftest.pytest_driftgate_root() == root
    assert (root / "environments").is_dir()
    assert not os.path.relpath(topic("policy"), root).startswith("..")
