"""The pytest plugin: items that people can select, one verdict and one report, and silence where nobody asks."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from xml.etree import ElementTree as ET

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
# Without those that are asked of clusters only.
TOPICS = {check.topic for check in load_catalogue().judging(live=False).values()}
# pytester forgets after each run what was imported in it, so whatever is slow to import is imported before.
for _module in ("jsonschema", "driftgate.report.json_report", "driftgate.report.terminal"):
    importlib.import_module(_module)


@pytest.fixture
def gate(pytester: pytest.Pytester) -> pytest.Pytester:
    """A clean repository with two Applications."""
    write(pytester.path, CLEAN)
    write(pytester.path, {"pytest.ini": "[pytest]\n"})
    return pytester


def topic(name: str) -> str:
    """The path of a topic module."""
    spec = importlib.util.find_spec("driftgate.checks")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return str(Path(spec.submodule_search_locations[0]).resolve() / f"{name}.py")


def options() -> list[str]:
    """What keeps a run to its own tree: the checks of an editable installation lie in this repository."""
    checks = Path(topic("policy")).parent
    return [
        "-p",
        "no:cacheprovider",
        "-c",
        "pytest.ini",
        "--rootdir=.",
        f"--confcutdir={checks}",
        "--driftgate-no-cache",
    ]


def run(gate: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest with all topics in this process."""
    return gate.runpytest_inprocess(*options(), "--driftgate", *arguments)


def run_topics(gate: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in this process with what the arguments name."""
    return gate.runpytest_inprocess(*options(), *arguments)


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
    result = run(gate, "-v")
    assert result.ret == 0
    listed = progress(result)
    assert [line for line in listed if line.startswith("sync_waves.py")] == [
        "sync_waves.py::api PASSED",
        "sync_waves.py::web PASSED",
    ]
    assert [line for line in listed if line.startswith("policy.py")] == ["policy.py::staging PASSED"]
    assert {line.partition(".py")[0] for line in listed} == TOPICS


def test_items_can_be_selected_by_node_id_and_keyword(gate: pytest.Pytester) -> None:
    """A node id, a topic and `-k` select what they name, and what was left out is said."""
    alone = run_topics(gate, "-v", f"{topic('sync_waves')}::web")
    assert (alone.ret, progress(alone)) == (0, ["::web PASSED"])
    one = run_topics(gate, "-v", topic("sync_waves"))
    assert progress(one) == ["::api PASSED", "::web PASSED"]
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
    result = run_topics(gate, "-v", "-x", topic("sync_waves"))
    assert (result.ret, progress(result)) == (1, ["::api FAILED"])


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
    ],
    ids=[
        "clean", "findings", "unchecked", "both", "no Applications", "no root", "no policy", "no environment",
        "no format", "no folder", "all deselected",
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


@pytest.mark.parametrize("how", ["option", "topic"])
def test_a_slip_in_policy_is_a_usage_error_with_its_place(gate: pytest.Pytester, how: str) -> None:
    """A misspelt key ends the run with 4 before anything is judged, with file, line and the key that was meant."""
    write(gate.path, {"policies/staging.yaml": f"{POLICY}inventry: [web]\n"})
    result = run(gate) if how == "option" else run_topics(gate, topic("policy"))
    assert result.ret == 4
    told = "policies/staging.yaml:4:1: unknown key inventry; did you mean inventory?"
    assert told in result.stderr.str() + result.stdout.str()


def test_a_slip_in_policy_is_a_usage_error_from_a_folder_above(gate: pytest.Pytester) -> None:
    """A gate whose checks lie below the folder that is named ends with 4 and the same words."""
    write(gate.path, {"policies/staging.yaml": f"{POLICY}inventry: [web]\n"})
    (gate.path / "linked").mkdir()
    (gate.path / "linked" / "checks").symlink_to(Path(topic("policy")).parent)
    result = run_topics(gate, "linked")
    assert result.ret == 4
    told = "policies/staging.yaml:4:1: unknown key inventry; did you mean inventory?"
    assert told in result.stderr.str() + result.stdout.str()


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
        for case in ET.parse(gate.path / "junit.xml").iter("testcase")
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
    write(gate.path / "clean", CLEAN)
    gate.makeconftest(
        "from pathlib import Path\ndef pytest_driftgate_root(): return Path(__file__).parent / 'deploy'\n"
    )
    assert run(gate).ret == 1
    assert run(gate, "--driftgate-root", "clean").ret == 0


def test_two_workers_give_the_same_verdict_and_one_report(gate: pytest.Pytester) -> None:
    """Under xdist the items, the exit code and the report are those of one process, and what is told is told once."""
    write(gate.path / "tree", CLEAN | ELSEWHERE)  # apart from the links that a pytest below leaves
    arguments = ["-v", "--driftgate-root=tree", "-k", f"{load_catalogue().checks['source-remote'].topic} or policy"]
    alone = run(gate, *arguments, "--driftgate-report", "json=one.json")
    both = gate.runpytest_subprocess(
        *options(), "--driftgate", *arguments, "-n", "2", "--driftgate-report", "json=two.json"
    )
    assert alone.ret == both.ret == 6
    items = [line.split() for line in both.outlines if line.startswith("[gw") and "%]" in line]
    seen = sorted(f"{parts[-1].rpartition('/')[2]} {parts[-2]}" for parts in items)
    assert seen == sorted(progress(alone))
    one, two = ((gate.path / name).read_text(encoding="utf-8") for name in ("one.json", "two.json"))
    assert json.loads(one) == json.loads(two)
    text = both.stdout.str()
    assert text.count("staging: 1 could not be checked in 2 Applications, 1 object") == 1
    assert text.count("items were deselected") == 1


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
    told = [line for line in result.outlines if "driftgate" in line]
    assert [line.partition(":")[0] for line in told] == ["plugins"]
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
        "--driftgate-repository-url", "--driftgate-report", "--driftgate-base", "--driftgate-new-only",
        "--driftgate-before", "--driftgate-wait", "--driftgate-revision", "--driftgate-context",
        "--driftgate-kubeconfig", "--driftgate-in-cluster", "--driftgate-destination", "--driftgate-live-from",
        "--driftgate-via", "--driftgate-any-cluster", "--driftgate-no-cache",
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


def test_the_judged_tree_is_the_project_whatever_lies_beside_the_checks(gate: pytest.Pytester) -> None:
    """From another project the gate judges that project and names it, also where the checks have a conftest.py near."""
    write(gate.path, BAD_WAVE)
    result = gate.runpytest_subprocess("-p", "no:cacheprovider", "--driftgate", "--driftgate-no-cache")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"tree *{gate.path}", "*environment staging, policy policies/staging.yaml*"])
    result.stdout.fnmatch_lines(["*apps/api.yaml:*sync-wave-not-integer*"])
