"""The command: what it prints, writes and ends with, and what it never does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import driftgate
from driftgate.cli import main
from driftgate.facts import facts_versions
from driftgate.judge import load_catalogue
from driftgate.report.formats import format_names
from tests.repositories import URL, application, chart, config_map, write

ROOT = Path(__file__).resolve().parent.parent
POLICY = f"driftgate: 1\nenvironment: staging\nrepository: {{urls: ['{URL}']}}\n"
WAVE = "  annotations: {{argocd.argoproj.io/sync-wave: {}}}\n"
CLEAN: dict[str, str | bytes] = {
    "apps/web.yaml": application("web", "web"),
    "web/cm.yaml": config_map("web"),
    "policies/staging.yaml": POLICY,
}
BAD_WAVE = {"apps/web.yaml": application("web", "web", metadata=WAVE.format("first"))}
WAVE_KEY = "sync-wave-not-integer/web//argocd.argoproj.io~1sync-wave"


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A tree in which nothing is wrong."""
    return write(tmp_path / "tree", CLEAN)


def command(
    *arguments: str | Path, env: Mapping[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a process of its own."""
    program = Path(sys.executable).parent / "driftgate"
    return subprocess.run(
        [str(program), *map(str, arguments)], capture_output=True, text=True, check=False, env=env, timeout=60, **more
    )


def report_of(tree: Path, *arguments: str) -> dict[str, Any]:
    """The JSON report of a tree, which fits its schema."""
    file = tree.parent / "report.json"
    main(["check", "--no-cache", str(tree), "--report", f"json={file}", *arguments])
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    schema = json.loads(resources.files("driftgate.report").joinpath("report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(report)
    return report


def test_a_clean_tree_is_green_on_something(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A clean tree ends with 0, and the last lines say what was judged under which policy."""
    assert main(["check", "--no-cache", str(clean)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(
        "judged  environment staging, policy policies/staging.yaml\n  Applications  1, 1 rendered in full: web\n"
    )
    assert out.endswith("staging: no findings in 1 Application, 1 object\n")


def test_a_finding_is_shown_with_place_reason_and_way_out(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A finding names place, weight, check and Application, then found, expected, why and fix; the run ends with 1."""
    write(clean, BAD_WAVE)
    assert main(["check", "--no-cache", str(clean)]) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "apps/web.yaml:6:17  error  sync-wave-not-integer  (web)"
    assert [line.split()[0] for line in rest if line.startswith("  ") and line[2] != " "][:4] == [
        "found", "expected", "why", "fix",
    ]  # fmt: skip
    assert rest[-1] == "staging: 1 error in 1 Application, 1 object"


def test_the_report_has_every_field_of_a_finding(clean: Path) -> None:
    """The JSON report fits the published schema and holds every finding with every field, files below the root."""
    write(clean, BAD_WAVE)
    report = report_of(clean)
    (finding,) = report["findings"]
    check = load_catalogue().checks["sync-wave-not-integer"]
    assert finding == {
        "key": WAVE_KEY,
        "check": "sync-wave-not-integer",
        "severity": "error",
        "outcome": "failed",
        "environment": "staging",
        "application": "web",
        "object": "",
        "field": "argocd.argoproj.io/sync-wave",
        "file": "apps/web.yaml",
        "line": 6,
        "column": 17,
        "related": [],
        "found": finding["found"],
        "expected": finding["expected"],
        "why": check.why,
        "fix": check.fix,
        "waiver": "",
        "consequence_of": "",
        "new": None,
        "deploy": "",
        "drift": None,
    }
    assert (report["version"], report["driftgate"]) == (1, driftgate.__version__)
    (ledger,) = report["ledger"]
    assert (ledger["applications"], ledger["rendered"], ledger["kinds"]) == (["web"], ["web"], {"ConfigMap": 1})
    assert ledger["checks"]["sync-wave-not-integer"] == {
        "passed": 0, "failed": 1, "waived": 0, "not_applicable": 0, "could_not_check": 0,
    }  # fmt: skip


def test_the_report_tells_the_waived_and_the_unchecked(clean: Path) -> None:
    """Waived findings stay in the report with who accepted them; what was not checked has an outcome of its own."""
    waiver = f"waivers:\n  - {{finding: '{WAVE_KEY}', reason: agreed, owner: platform, expires: 2999-12-31}}\n"
    elsewhere = application("api", "api", url="https://git.example.com/other.git")
    write(clean, BAD_WAVE | {"policies/staging.yaml": POLICY + waiver, "apps/api.yaml": elsewhere})
    report = report_of(clean)
    assert [(f["check"], f["outcome"], f["waiver"]) for f in report["findings"]] == [
        ("source-remote", "could-not-check", ""),
        ("sync-wave-not-integer", "waived", "agreed (platform, until 2999-12-31)"),
    ]
    assert report["ledger"][0]["waived_failures"] == 1


def test_the_report_of_our_environment_fits_the_schema() -> None:
    """The staging environment of this repository is green, with six Applications and five charts, in a valid report."""
    file = ROOT / "environments"
    assert file.is_dir()
    out = command("check", ROOT, "--report", "json=/dev/stdout")
    assert out.returncode == 0, out.stdout + out.stderr
    report = json.JSONDecoder().raw_decode(out.stdout)[0]
    schema = json.loads(resources.files("driftgate.report").joinpath("report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(report)
    (ledger,) = report["ledger"]
    assert (len(ledger["applications"]), ledger["rendered"], len(ledger["charts"])) == (6, ledger["applications"], 5)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["check", "{tree}/nowhere"], 4, "driftgate: {tree}/nowhere: no such folder"),
        (["check", "{tree}/web/cm.yaml"], 4, "driftgate: {tree}/web/cm.yaml: no such folder"),
        (["check", "{tree}", "--policy", "gate"], 4, "driftgate: policy gate: no such file or folder in {tree}"),
        (["check", "{tree}", "--policy", "web"], 4,
         "driftgate: policy web: no policy in it (a policy file has `driftgate: 1` and `environment`)"),
        (["check", "{tree}", "--environment", "production"], 4,
         "driftgate: environment production: no policy of that name; there is staging"),
        (["check", "{tree}", "--report", "xml=a"], 4,
         f"driftgate: --report xml=a: expected FORMAT=FILE; FORMAT is {format_names()}"),
        (["check", "{tree}", "--report", "json="], 4,
         f"driftgate: --report json=: expected FORMAT=FILE; FORMAT is {format_names()}"),
        (["check", "{tree}", "--report", "json={tree}/no/a.json"], 4,
         "driftgate: --report json={tree}/no/a.json: there is no folder {tree}/no"),
        (["check", "{tree}", "--report", "json={tree}/web"], 4, "driftgate: report {tree}/web: Is a directory"),
        (["check", "{tree}/web"], 5, ""),
        (["render", "wbe", "{tree}"], 4, "driftgate: no Application is called wbe"),
        (["explain", "sync-wave-not-integr"], 4,
         "driftgate: no check is called sync-wave-not-integr; did you mean sync-wave-not-integer?"),
        (["explain", "qqq"], 4, "driftgate: no check is called qqq; `driftgate catalogue` lists them"),
    ],
)  # fmt: skip
def test_a_slip_is_one_line_and_an_exit_code(
    clean: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    """A user's mistake ends with 4 and one line that says what is missing; a tree without Applications with 5."""
    assert main([argument.format(tree=clean) for argument in arguments]) == code
    assert capsys.readouterr().err == (f"{message.format(tree=clean)}\n" if message else "")


@pytest.mark.parametrize(
    "arguments",
    [[], ["chek"], ["check", "--polcy", "x"], ["check", "--render-timeout", "soon"], ["check", "--render-timeout", "0"],
     ["check", "--render-timeout", "nan"], ["explain"]],
)  # fmt: skip
def test_an_unknown_option_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments that cannot be parsed end with 4, usage first, and never with a traceback."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 4
    assert capsys.readouterr().err.startswith("usage: driftgate")


def test_a_slip_in_policy_names_its_line(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every problem of a policy is told with file, line and the key that was meant, and nothing is judged."""
    write(clean, {"policies/staging.yaml": f"{POLICY}inventry: [web]\nargocd: {{verson: '3.6'}}\n"})
    assert main(["check", str(clean)]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "driftgate: policies/staging.yaml:4:1: unknown key inventry; did you mean inventory?",
        "policies/staging.yaml:5:10: argocd: unknown key verson; did you mean version?",
    ]


def test_explain_tells_everything_of_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    """`explain` prints id, title, why, fix, what it looks at and its severity, for every check."""
    for check in load_catalogue().checks.values():
        assert main(["explain", check.id]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{check.id}: {check.title}\n")
        words = " ".join(out.split())
        assert f"why {check.why} fix {check.fix} looks at" in words
        assert f"severity {check.severity.value} topic {check.topic}" in words


def test_render_prints_what_would_be_applied(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`render` prints every object with the file it came from, as YAML that says what the manifest says."""
    assert main(["render", "web", str(clean)]) == 0
    assert capsys.readouterr().out == (
        "---\n# web/cm.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  a: b\n"
    )


def test_render_tells_what_is_missing(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An Application that could not be rendered whole ends with 6, and the reason stands as a comment."""
    write(clean, {"apps/web.yaml": application("web", "web", url="https://git.example.com/other.git")})
    assert main(["render", "web", str(clean)]) == 6
    assert capsys.readouterr().out == (
        "# apps/web.yaml:12:5: source-remote: "
        "repository https://git.example.com/other.git at HEAD is not in this tree\n"
    )


def test_schema_and_catalogue_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`schema` prints JSON Schema that our own policy fits, and `catalogue` a page with every check and section."""
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert main(["catalogue"]) == 0
    page = capsys.readouterr().out
    catalogue = load_catalogue()
    assert [line for line in page.splitlines() if line.startswith("### ")] == [
        f"### {check.id}" for topic in catalogue.topics for check in catalogue.of_topic(topic)
    ]
    assert {f"## {name}" for name in catalogue.sections} <= set(page.splitlines())


def test_the_version_and_the_exit_codes_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` names the version and whose rules it follows, and `--help` of the command lists every exit code."""
    for arguments in (["--version"], ["check", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
    out = capsys.readouterr().out
    versions = facts_versions()
    followed = f"rules of Argo CD {versions['argocd']}, kinds of Kubernetes {versions['kubernetes']}"
    assert out.startswith(f"driftgate {driftgate.__version__}\n{followed}\n")
    codes = "Exit codes: 0 nothing found, 1 findings, 4 usage, 5 nothing was judged, 6 something could not be checked."
    assert codes in " ".join(out.split())


HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e\u2066\x9b31m\r\b"


def test_a_manifest_cannot_steer_the_terminal(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes, control characters and bidirectional marks in values, keys, names and paths are shown, not obeyed."""
    write(
        clean,
        {
            "apps/web.yaml": application("web", "web", metadata=WAVE.format(json.dumps(HOSTILE))),
            "apps/\x1b[31mred.yaml": application('"\\e[2Jname"', "nowhere"),
            "web/\x1b[31mcm.yaml": config_map("two", json.dumps(HOSTILE) + ": x"),
        },
    )
    assert main(["check", "--no-cache", str(clean)]) == 1
    assert main(["render", "web", str(clean)]) == 0
    write(clean, {"policies/staging.yaml": f'{POLICY}"\\e[2Jkey": 1\n'})
    assert main(["check", str(clean)]) == 4
    out, err = capsys.readouterr()
    shown = set(out + err) - {"\n"}
    assert not {character for character in shown if not character.isprintable()}
    assert "\\x1b]0;owned\\x07\\x1b[2J\\u202e\\u2066\\x9b31m\\x0d\\x08" in out
    assert "apps/\\x1b[31mred.yaml" in out
    assert "\\x1b[2Jkey" in err


def test_a_name_that_is_no_text_is_no_obstacle(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose name is not UTF-8 is judged, shown and reported like any other."""
    name = os.fsdecode(b"caf\xe9.yaml")
    (clean / "apps" / name).write_text(application("cafe", "nowhere"), encoding="utf-8")
    report = report_of(clean)
    assert "apps/caf\\xe9.yaml:13:5" in capsys.readouterr().out
    assert f"apps/{name}" in {finding["file"] for finding in report["findings"]}


def test_colour_is_for_terminals_only(clean: Path) -> None:
    """Nothing but text goes into a pipe, whatever the terminal could do."""
    write(clean, BAD_WAVE)
    done = command("check", clean, env={**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (1, "")
    assert "\x1b" not in done.stdout


def test_nothing_of_the_judged_tree_is_executed(clean: Path) -> None:
    """Code in the judged tree, named like what Python or pytest would load, is never run."""
    trap = f"import pathlib; pathlib.Path({str(clean.parent / 'sprung')!r}).touch()\n"
    names = [
        "conftest.py",
        "sitecustomize.py",
        "usercustomize.py",
        "yaml.py",
        "json.py",
        "driftgate.py",
        "checks/trap.py",
    ]
    write(clean, dict.fromkeys(names, trap) | {"helm": f"#!/bin/sh\ntouch {clean.parent}/sprung\n"})
    (clean / "helm").chmod(0o755)
    files = chart("charts/web", {"cm.yaml": config_map("x")})
    write(clean, files | {"apps/chart.yaml": application("chart", "charts/web")})
    done = command("check", "--no-cache", ".", cwd=clean)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (clean.parent / "sprung").exists()


def test_git_settings_of_the_judged_tree_are_not_obeyed(clean: Path) -> None:
    """A clone's own configuration cannot make git run a program while it is judged."""
    if (clean / ".git").exists():
        pytest.fail("the tree must not be a clone yet")
    sprung = clean.parent / "sprung"
    for arguments in (
        ["init", "-q"],
        ["config", "core.fsmonitor", f"touch {sprung}"],
        ["config", "core.sshCommand", f"touch {sprung}"],
        ["config", "remote.origin.url", f"ext::touch {sprung}"],
    ):
        subprocess.run(["git", "-C", str(clean), *arguments], check=True)
    write(clean, {"apps/web.yaml": application("web", "web").replace("HEAD", "v1.0.0")})
    command("check", "--no-cache", clean)
    assert not sprung.exists()


GUARD = """\
import pathlib, socket

def refuse(*arguments, **options):
    pathlib.Path({marker!r}).touch()
    raise OSError("no network in this test")

socket.socket.__init__ = socket.create_connection = socket.getaddrinfo = refuse
"""


def guarded(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment in which Python notes and refuses every socket, and the note."""
    marker = tmp_path / "opened"
    write(tmp_path, {"guard/sitecustomize.py": GUARD.format(marker=str(marker))})
    python_path = os.pathsep.join([str(tmp_path / "guard"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": python_path, "XDG_CACHE_HOME": str(tmp_path / "cache")}, marker


def test_judging_opens_no_socket(tmp_path: Path) -> None:
    """`check` of our whole environment asks nothing of the network, not even a name."""
    env, marker = guarded(tmp_path)
    done = command("check", ROOT, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert not marker.exists()
    # The guard itself works: what opens a socket is noted.
    subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], env=env, check=False, capture_output=True)
    assert marker.exists()


def test_judging_works_without_any_network(clean: Path) -> None:
    """With the network cut, workers and tools included, a tree with a remote source is judged to the same outcome."""
    prefix = ["unshare", "-rn"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode
    ):
        prefix = []  # nothing here can cut it; the sockets are watched in any case
    remote = application("redis", '""', "    chart: redis\n", url="https://charts.example.com").replace("HEAD", "1.2.3")
    files = chart("charts/web", {"cm.yaml": config_map("x")})
    write(clean, files | {"apps/chart.yaml": application("chart", "charts/web"), "apps/redis.yaml": remote})
    program = str(Path(sys.executable).parent / "driftgate")
    begun = time.monotonic()
    done = subprocess.run(
        [*prefix, program, "check", "--no-cache", str(clean)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (6, "")
    assert done.stdout.splitlines()[0] == "apps/redis.yaml:12:5  could not check  source-remote  (redis)"
    assert done.stdout.splitlines()[-1] == "staging: 1 could not be checked in 3 Applications, 2 objects"
    assert time.monotonic() - begun < 20


def test_a_cache_that_cannot_be_used_changes_nothing(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a cache folder that cannot be made, and without any cache, the verdict is that of a fresh one."""
    write(clean, chart("charts/web", {"cm.yaml": config_map("x")}) | {"apps/c.yaml": application("c", "charts/web")})
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    outputs = []
    for home, more in (("fresh", []), ("file", []), ("none", ["--no-cache"]), ("fresh", [])):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / home))
        assert main(["check", str(clean), *more]) == 0
        outputs.append(capsys.readouterr())
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0].err == ""
    cached = outputs[0].out.replace("renders       1 rendered, 0 cached", "renders       0 rendered, 1 cached")
    assert outputs[3].out == cached != outputs[0].out
    assert not (tmp_path / "none").exists()


def test_without_the_embedded_engine_the_command_renders(clean: Path, helm4: Path) -> None:
    """Without the library the helm command gives the same verdict, and without both the gap is told and not passed."""
    write(clean, chart("charts/web", {"cm.yaml": config_map("x")}) | {"apps/c.yaml": application("c", "charts/web")})
    bare = {"PATH": "/nonexistent", "HOME": str(clean.parent)}
    with_helm = command("check", "--no-cache", "--no-embedded-helm", clean, env={**bare, "DRIFTGATE_HELM": str(helm4)})
    embedded = command("check", "--no-cache", clean, env=bare)
    neither = command("check", "--no-cache", "--no-embedded-helm", clean, env=bare)
    assert (with_helm.returncode, with_helm.stdout) == (0, embedded.stdout)
    assert (neither.returncode, neither.stderr) == (6, "")
    assert "could not check  render-tool-missing  (c)" in neither.stdout


ENDLESS = "{{ range $i := until 100000 }}{{ range $j := until 100000 }}{{ end }}{{ end }}"


ENDS = {
    signal.SIGINT: (130, "driftgate: interrupted; nothing was judged\n"),
    signal.SIGTERM: (143, "driftgate: terminated\n"),
    signal.SIGHUP: (129, "driftgate: terminated\n"),
    signal.SIGKILL: (-9, ""),
}


@pytest.mark.parametrize("how", ENDS, ids=lambda how: how.name)
def test_an_end_from_outside_leaves_nothing_behind(clean: Path, tmp_path: Path, how: signal.Signals) -> None:
    """Interrupted, the command says so at once and ends with 130; killed or not, no worker or file outlives it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    write(clean, chart("charts/web", {"cm.yaml": ENDLESS}) | {"apps/c.yaml": application("c", "charts/web")})
    program = str(Path(sys.executable).parent / "driftgate")
    running = subprocess.Popen(
        [program, "check", "--no-cache", str(clean)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    workers = wait_for(lambda: children_of(running.pid), seconds=20)
    time.sleep(0.3)
    running.send_signal(how)
    begun = time.monotonic()
    out, err = running.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert (running.returncode, out, err) == (ENDS[how][0], "", ENDS[how][1])
    assert wait_for(lambda: not any(map(alive, workers)), seconds=10)
    assert wait_for(lambda: not list(temporary.iterdir()), seconds=10)


def wait_for(look: Any, *, seconds: float) -> Any:
    """What `look` sees once it sees something; the last it saw where the time runs out."""
    end = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return seen


def children_of(pid: int) -> list[int]:
    """The worker processes of a process."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == pid and "driftgate.render.worker" in row[2]]


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


def test_a_closed_pipe_is_no_traceback(clean: Path) -> None:
    """Output into a pipe that nobody reads to its end ends quietly."""
    program = str(Path(sys.executable).parent / "driftgate")
    done = subprocess.run(
        f"'{program}' check --no-cache '{clean}' | true", shell=True, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
