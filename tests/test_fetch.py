from __future__ import annotations

import functools
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgate.assembly import assemble
from driftgate.fetch import fetch_tree
from driftgate.model.outcome import Finding, Judgement, Outcome
from driftgate.repository import remote
from driftgate.repository.store import folder_digest
from driftgate.run import judge_tree, policies_of
from driftgate.settings import Settings
from tests.cases import REPOSITORY_URL

CHART_YAML = "apiVersion: v2\nname: {name}\nversion: {version}\n"
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-%s}
data: {tier: {{ .Values.tier | quote }}}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  project: default
  destination: {{server: https://kubernetes.default.svc, namespace: shop}}
  {sources}
"""


class World:
    """A judged tree, a store, and servers on this machine; `lines` is what fetching said."""

    def __init__(self, folder: Path, helm: Path | None) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.helm = helm
        self.lines: list[str] = []

    @property
    def settings(self) -> Settings:
        """No cache, so that every judgement reads the store."""
        helm = str(self.helm) if self.helm else None
        return Settings(cache=None, store=self.folder / "store", workers=1, helm=helm)

    def application(self, name: str, sources: str) -> None:
        """Put an Application into the tree."""
        (self.tree / f"{name}.yaml").write_text(APPLICATION.format(name=name, sources=sources))

    def fetch(self) -> int:
        """Fetch, and keep the lines of this time."""
        self.lines.clear()
        policies = policies_of(self.tree, None)
        return fetch_tree(self.tree, policies, self.settings, [REPOSITORY_URL], self.lines.append)

    def judge(self) -> Judgement:
        """Judge the tree with what is stored."""
        (judgement,) = judge_tree(self.tree, policies_of(self.tree, None), self.settings, [REPOSITORY_URL])
        return judgement

    def unread(self) -> list[tuple[str, str]]:
        """Check and found of everything that was not read or rendered."""
        return [(f.check, f.found) for f in self.judge().findings if _is_about_reading(f)]

    def field(self, kind: str, name: str) -> object:
        """The field of the one rendered object of a kind."""
        (policy,) = policies_of(self.tree, None)
        with assemble(self.tree, policy, self.settings, [REPOSITORY_URL]) as assembly:
            manifests = [m for loaded in assembly.environment.applications for m in loaded.manifests]
        (manifest,) = (manifest for manifest in manifests if manifest.kind == kind)
        return manifest.get(name)

    def rendered(self) -> dict[str, int]:
        """How many objects of each kind were rendered."""
        return self.judge().ledger.kinds


def _is_about_reading(finding: Finding) -> bool:
    reading = finding.check.startswith(("source-", "render-", "chart-dependency", "symlink-", "problem-unreported"))
    return finding.outcome is Outcome.COULD_NOT_CHECK or reading


class ChartServer:
    """A chart repository under a folder, packed and indexed by helm."""

    def __init__(self, folder: Path, helm: Path) -> None:
        self.folder = folder
        self.helm = helm
        folder.mkdir()
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.requests: list[str] = []
        self._server.requests = self.requests  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The repository's address."""
        return f"http://{self.address}"

    def publish(self, name: str, version: str) -> None:
        """Pack a chart that renders one ConfigMap."""
        chart = self.folder.parent / f"{name}-{version}"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(CHART_YAML.format(name=name, version=version))
        (chart / "values.yaml").write_text("tier: chart\n")
        (chart / "templates" / "config.yaml").write_text(CONFIG_MAP % name)
        subprocess.run([self.helm, "package", chart, "--destination", self.folder], check=True, capture_output=True)
        subprocess.run([self.helm, "repo", "index", self.folder], check=True, capture_output=True)

    def stop(self) -> None:
        """End the server: nobody answers at its address any more."""
        self._server.shutdown()
        self._server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        self.server.requests.append(format % args)  # type: ignore[attr-defined]


class GitServer:
    """A repository that is served through `file://`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"file://{folder}"
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        """Run git in the repository and give its output."""
        who = ["-c", "user.name=tester", "-c", "user.email=tester@example.com"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        """Commit everything, with these files (`a__b_yaml` is `a/b.yaml`), and give the commit."""
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_yaml", ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def world(tmp_path: Path, helm4: Path) -> World:
    return World(tmp_path, helm4)


@pytest.fixture
def charts(tmp_path: Path, helm4: Path) -> Iterator[ChartServer]:
    server = ChartServer(tmp_path / "charts", helm4)
    server.publish("web", "1.2.0")
    server.publish("web", "1.3.0")
    yield server
    server.stop()


@pytest.fixture
def repository(tmp_path: Path) -> GitServer:
    server = GitServer(tmp_path / "remote")
    server.commit(base__service_yaml="apiVersion: v1\nkind: Service\nmetadata: {name: shop}\n")
    return server


def _manifest(kind: str, name: str) -> str:
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"


def _chart_source(url: str, version: str, more: str = "") -> str:
    return f'source: {{repoURL: "{url}", chart: web, targetRevision: "{version}"{more}}}'


def _git_source(url: str, revision: str, path: str = "base") -> str:
    return f'source: {{repoURL: "{url}", targetRevision: "{revision}", path: {path}}}'


@pytest.mark.parametrize("embedded", [False, True], ids=["helm command", "embedded helm"])
def test_chart_is_stored_and_renders_when_the_server_is_gone(
    world: World, charts: ChartServer, *, embedded: bool
) -> None:
    """A remote chart could not be checked, is fetched, and renders from the store alone."""
    world.helm = None if embedded else world.helm
    world.application("shop", _chart_source(charts.url, "1.2.0"))
    asked = ("source-remote", "chart web at 1.2.0 is not in this tree")
    assert world.unread() == [asked]
    assert world.fetch() == 0
    assert world.lines == [f"fetched         chart web 1.2.0 from {charts.url}: 1.2.0"]
    charts.stop()
    assert (world.unread(), world.rendered()) == ([], {"ConfigMap": 1})


def test_exact_version_is_not_asked_for_twice(world: World, charts: ChartServer) -> None:
    """A chart of an exact version that is stored costs no request."""
    world.application("shop", _chart_source(charts.url, "1.2.0"))
    world.fetch()
    charts.requests.clear()
    assert world.fetch() == 0
    assert world.lines == [f"already stored  chart web 1.2.0 from {charts.url}: 1.2.0"]
    assert charts.requests == []


def test_range_is_resolved_anew_each_time(world: World, charts: ChartServer) -> None:
    """A version range names the newest chart in it, and a newer one is noticed."""
    world.application("shop", _chart_source(charts.url, "1.x"))
    said = []
    for _ in range(2):
        assert world.fetch() == 0
        said += world.lines
    charts.publish("web", "1.4.0")
    assert world.fetch() == 0
    what = f"chart web 1.x from {charts.url}"
    assert [*said, *world.lines] == [
        f"fetched         {what}: 1.3.0",
        f"already stored  {what}: 1.3.0",
        f"fetched         {what}: 1.4.0",
    ]


def test_branch_tag_and_commit_are_told_apart(world: World, repository: GitServer) -> None:
    """Each of branch, annotated tag, commit, abbreviated commit and HEAD brings the files of its own commit."""
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "--annotate", "--message=release", "v1")
    repository.git("branch", "live")
    second = repository.commit(base__config_yaml=_manifest("ConfigMap", "settings"))
    third = repository.commit(base__account_yaml=_manifest("ServiceAccount", "robot"))
    wanted = {"live": first, "v1": first, second: second, second[:9]: second, "HEAD": third, "main": third}
    for index, revision in enumerate(wanted):
        world.application(f"shop-{index}", _git_source(repository.url, revision))
    assert world.fetch() == 0
    what = f"fetched         repository {repository.url} at"
    assert world.lines == [f"{what} {revision}: {commit[:12]}" for revision, commit in wanted.items()]
    shutil.rmtree(repository.folder)
    assert world.unread() == []
    assert world.rendered() == {"ConfigMap": 4, "Service": 6, "ServiceAccount": 2}


def test_branch_that_moved_is_fetched_again(world: World, repository: GitServer) -> None:
    """A branch is asked for its commit each time, and its files are fetched again only when that is another."""
    world.application("shop", _git_source(repository.url, "main"))
    first = repository.git("rev-parse", "HEAD")
    said = []
    for _ in range(2):
        assert world.fetch() == 0
        said += world.lines
    second = repository.commit(base__config_yaml=_manifest("ConfigMap", "settings"))
    assert world.fetch() == 0
    what = f"repository {repository.url} at main"
    assert [*said, *world.lines] == [
        f"fetched         {what}: {first[:12]}",
        f"already stored  {what}: {first[:12]}",
        f"fetched         {what}: {second[:12]}",
    ]
    assert world.rendered() == {"ConfigMap": 1, "Service": 1}


@pytest.mark.parametrize(
    ("revision", "reason"),
    [
        ("v9", "the repository has no branch, tag or commit v9"),
        (">=1.0 <2", ">=1.0 <2 is a version constraint over tags, which is not resolved here; name a tag"),
    ],
)
def test_revision_that_is_not_there_is_told(world: World, repository: GitServer, revision: str, reason: str) -> None:
    """A revision that names nothing, or a constraint over tags, fails with its own reason."""
    world.application("shop", _git_source(repository.url, revision))
    assert world.fetch() == 6
    assert world.lines == [f"failed          repository {repository.url} at {revision}: {reason}"]


def test_values_of_a_fetched_repository_reach_a_fetched_chart(
    world: World, charts: ChartServer, repository: GitServer
) -> None:
    """The files that a `ref` source lends come from the store too."""
    repository.commit(live_yaml="tier: lent\n")
    chart = f"{{repoURL: {charts.url}, chart: web, targetRevision: 1.3.0, helm: {{valueFiles: [$lent/live.yaml]}}}}"
    world.application("shop", f"sources:\n    - {chart}\n    - {{repoURL: {repository.url}, ref: lent}}")
    assert world.fetch() == 0
    commit = repository.git("rev-parse", "HEAD")
    judgement = world.judge()
    assert judgement.ledger.values_files == (f"{repository.url}@{commit}:live.yaml", "web@1.3.0:values.yaml")
    assert world.field("ConfigMap", "data") == {"tier": "lent"}


def test_children_in_a_fetched_repository_are_fetched_too(
    world: World, charts: ChartServer, repository: GitServer
) -> None:
    """What is fetched may hold Applications, whose own remote sources are fetched in the same run."""
    child = APPLICATION.format(name="child", sources=_chart_source(charts.url, "1.3.0"))
    repository.commit(apps__child_yaml=child)
    world.application("parent", _git_source(repository.url, "main", "apps"))
    assert world.fetch() == 0
    assert [line.split()[:3] for line in world.lines] == [
        ["fetched", "repository", repository.url],
        ["fetched", "chart", "web"],
    ]
    assert (world.unread(), world.rendered()) == ([], {"Application": 1, "ConfigMap": 1})


def test_each_thing_is_fetched_once(world: World, charts: ChartServer) -> None:
    """Two Applications of one chart are one line and one download."""
    for name in ("shop", "till"):
        world.application(name, _chart_source(charts.url, "1.2.0"))
    assert world.fetch() == 0
    assert len(world.lines) == 1
    assert sum(".tgz" in line for line in charts.requests) == 1


@pytest.mark.parametrize("embedded", [False, True], ids=["helm command", "embedded helm"])
def test_dependency_that_is_not_vendored_is_fetched(world: World, charts: ChartServer, *, embedded: bool) -> None:
    """A chart of the tree whose dependency is not vendored renders with the fetched one, as the lock names it."""
    chart = world.tree / "chart"
    (chart / "templates").mkdir(parents=True)
    wanted = f"dependencies: [{{name: web, repository: '{charts.url}', version: %s}}]\n"
    (chart / "Chart.yaml").write_text(CHART_YAML.format(name="shop", version="0.1.0") + wanted % "1.x")
    (chart / "Chart.lock").write_text(wanted % "1.2.0")
    (chart / "templates" / "service.yaml").write_text(_manifest("Service", "shop"))
    world.application("shop", _git_source(REPOSITORY_URL, "main", "chart"))
    assert [check for check, _ in world.unread()] == ["chart-dependency-not-vendored"]
    assert world.fetch() == 0
    assert world.lines == [f"fetched         chart web 1.2.0 from {charts.url}: 1.2.0"]
    charts.stop()
    world.helm = None if embedded else world.helm
    settings = Settings(cache=None, store=world.settings.store, helm=world.settings.helm, embedded_helm=embedded)
    (judgement,) = judge_tree(world.tree, policies_of(world.tree, None), settings, [REPOSITORY_URL])
    assert judgement.ledger.kinds == {"ConfigMap": 1, "Service": 1}
    assert not judgement.with_outcome(Outcome.COULD_NOT_CHECK)


def test_damaged_entry_counts_as_absent_and_is_replaced(world: World, charts: ChartServer) -> None:
    """A judgement rests on no stored file that has changed; fetching again mends the store."""
    world.application("shop", _chart_source(charts.url, "1.2.0"))
    world.fetch()
    (template,) = (world.folder / "store").glob("*/templates/config.yaml")
    template.write_text(_manifest("ConfigMap", "other"))
    assert world.unread() == [("source-remote", "chart web at 1.2.0 is not in this tree")]
    assert world.fetch() == 0
    assert world.lines == [f"fetched         chart web 1.2.0 from {charts.url}: 1.2.0"]
    assert world.unread() == []


@pytest.mark.parametrize("embedded", [False, True], ids=["helm command", "embedded helm"])
def test_server_that_is_down_is_exit_code_6_and_said(world: World, *, embedded: bool) -> None:
    """What cannot be fetched is told in the words of whoever refused, and the exit code says so."""
    world.helm = None if embedded else world.helm
    port = _closed_port()
    world.application("shop", _chart_source(f"http://127.0.0.1:{port}", "1.2.0"))
    world.application("till", _git_source(f"http://127.0.0.1:{port}/till.git", "main"))
    assert world.fetch() == 6
    chart, repository = world.lines
    assert chart.startswith(f"failed          chart web 1.2.0 from http://127.0.0.1:{port}: ")
    assert "connection refused" in chart
    assert repository.startswith(f"failed          repository http://127.0.0.1:{port}/till.git at main: ")
    assert "Failed to connect" in repository


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_what_was_stored_before_stays_when_a_refresh_fails(world: World, repository: GitServer) -> None:
    """A branch that cannot be asked again is a failure, and the line names the commit that stays."""
    world.application("shop", _git_source(repository.url, "main"))
    world.fetch()
    commit = repository.git("rev-parse", "HEAD")
    shutil.rmtree(repository.folder)
    assert world.fetch() == 6
    assert world.lines[0].endswith(f"; what was stored before, {commit}, stays")
    assert world.unread() == []


def test_server_that_never_answers_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes a connection and says nothing ends in a failure, not in waiting."""
    monkeypatch.setattr(remote, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.git"
        world.application("shop", _git_source(url, "main"))
        assert world.fetch() == 6
    assert world.lines == [f"failed          repository {url} at main: no end after 0.5 seconds"]


def test_symlinks_of_a_fetched_repository_lead_nowhere(world: World, repository: GitServer) -> None:
    """Links out of a fetched repository are neither followed by the store nor by a render; the finding names them."""
    secret = world.folder / "secret.yaml"
    secret.write_text(_manifest("ConfigMap", "outside"))
    (repository.folder / "base" / "stolen.yaml").symlink_to(secret)
    (repository.folder / "base" / "everything").symlink_to("/")
    repository.commit()
    world.application("shop", _git_source(repository.url, "main"))
    assert world.fetch() == 0
    (finding,) = [f for f in world.judge().findings if f.check == "symlink-out-of-repository"]
    commit = repository.git("rev-parse", "HEAD")
    assert finding.place.file == f"{repository.url}@{commit}:base/everything"
    assert world.rendered() == {}
    (stored,) = [path for path in (world.folder / "store").iterdir() if path.is_dir()]
    before = folder_digest(stored)
    secret.write_text("changed: true\n")
    assert folder_digest(stored) == before == stored.name


def test_nothing_of_git_itself_is_stored(world: World, repository: GitServer) -> None:
    """Git's own folder, which holds the URL, is not stored; submodules are, without theirs."""
    inner = GitServer(world.folder / "inner")
    inner.commit(part__account_yaml=_manifest("ServiceAccount", "robot"))
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.url, "base/inner")
    repository.commit()
    world.application("shop", _git_source(repository.url, "main", "base/inner/part"))
    assert world.fetch() == 0
    assert [path for path in (world.folder / "store").rglob("*") if path.name == ".git"] == []
    assert world.rendered() == {"ServiceAccount": 1}


def test_transport_that_runs_a_command_is_refused(world: World) -> None:
    """A URL that would make git run a program is refused, because the URL comes from the tree under review."""
    proof = world.folder / "proof"
    world.application("shop", _git_source(f"ext::touch {proof}", "main"))
    world.application("till", _git_source(f"--upload-pack=touch {proof}", "main"))
    assert world.fetch() == 6
    assert [line.split()[0] for line in world.lines] == ["failed", "failed"]
    assert not proof.exists()


@pytest.mark.parametrize("embedded", [False, True], ids=["helm command", "embedded helm"])
def test_credentials_are_used_and_never_shown(
    world: World, charts: ChartServer, capsys: pytest.CaptureFixture[str], *, embedded: bool
) -> None:
    """A password in a URL shows neither in lines, nor in findings, nor in the store, whether fetching works or not."""
    world.helm = None if embedded else world.helm
    secret = "kirsch%40wasser"
    good = f"http://user:{secret}@{charts.address}"
    gone = f"127.0.0.1:{_closed_port()}"
    world.application("shop", _chart_source(good, "1.2.0"))
    world.application("till", _chart_source(f"http://user:{secret}@{gone}", "1.2.0"))
    world.application("lamp", _git_source(f"http://user:{secret}@{gone}/lamp.git", "main"))
    before = world.judge()
    assert world.fetch() == 6
    assert sorted(line.split()[0] for line in world.lines) == ["failed", "failed", "fetched"]
    after = world.judge()
    shown = "\n".join([*world.lines, repr(before.findings), repr(after.findings), *capsys.readouterr()])
    kept = b"".join(p.read_bytes() for p in (world.folder / "store").rglob("*") if p.is_file())
    assert "kirsch" not in shown
    assert b"kirsch" not in kept
    assert after.ledger.kinds == {"ConfigMap": 1}


@pytest.mark.parametrize(
    ("url", "said", "shown"),
    [
        ("https://u:kirsch@h/r", "unable to access 'https://u:kirsch@h/r': no", "unable to access 'https://h/r': no"),
        ("https://kirsch@h/r", "https://kirsch@h/r: no", "https://h/r: no"),
        ("https://u:kir%2Fsch@h/r", "password kir/sch\n or  kir%2Fsch", "password <secret> or <secret>"),
        ("ssh://git:kirsch@h/r", "ssh://git:kirsch@h/r", "ssh://git@h/r"),
        ("git@h:r", "git@h: Permission denied", "git@h: Permission denied"),
    ],
)
def test_reason_of_a_server_is_shown_without_credentials(url: str, said: str, shown: str) -> None:
    """What a program says is on one line and holds no password and no token, in no spelling."""
    assert remote._reason(said, url) == shown


@pytest.mark.parametrize(
    ("url", "chart", "reference", "repository"),
    [
        ("https://u:p@charts.example.com/stable/", "web", "web", "https://charts.example.com/stable"),
        ("oci://u:p@registry.example.com/team", "web", "oci://registry.example.com/team/web", ""),
        ("registry.example.com:5000/team", "web", "oci://registry.example.com:5000/team/web", ""),
        ("oci://registry.example.com/team/web", "", "oci://registry.example.com/team/web", ""),
    ],
)
def test_chart_is_named_as_helm_wants_it(url: str, chart: str, reference: str, repository: str) -> None:
    """A repository without scheme is a registry, as for Argo CD, and no credentials are part of what Helm is asked."""
    assert remote._chart_reference(url, chart) == (reference, repository)


def test_what_fetching_leaves_out_is_told(world: World) -> None:
    """Remote bases and remote values files are not fetched; each is named with its place, and the exit code is 6."""
    overlay = world.tree / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources:\n  - https://git.example.com/base//x?ref=v1\n")
    world.application("shop", _git_source(REPOSITORY_URL, "main", "overlay"))
    assert world.fetch() == 6
    (line,) = world.lines
    place, _, advice = line.removeprefix("cannot fetch    ").partition(": ")
    assert place == "overlay/kustomization.yaml:2:5"
    assert advice == "the remote base https://git.example.com/base//x?ref=v1; keep a local base"


def test_tree_without_applications_is_exit_code_5(world: World) -> None:
    """Nothing to look at is its own outcome, never success."""
    assert world.fetch() == 5
    assert world.lines == ["nothing to look at: no Application in this tree"]


def test_tree_without_remote_sources_needs_nothing(world: World) -> None:
    """An environment that holds everything itself is complete without a request."""
    (world.tree / "base").mkdir()
    (world.tree / "base" / "service.yaml").write_text(_manifest("Service", "shop"))
    world.application("shop", _git_source(REPOSITORY_URL, "main"))
    assert world.fetch() == 0
    assert world.lines == ["nothing remote in 1 Applications"]


def test_command_prints_lines_and_exits_with_6(world: World, helm4: Path) -> None:
    """`driftgate fetch` is the same from a shell, with the lines on standard output."""
    port = _closed_port()
    world.application("shop", _git_source(f"http://127.0.0.1:{port}/x.git", "main"))
    environment = {**os.environ, "XDG_CACHE_HOME": str(world.folder / "cache"), "DRIFTGATE_HELM": str(helm4)}
    done = subprocess.run(
        [sys.executable, "-m", "driftgate.cli", "fetch", world.tree], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (6, "")
    assert done.stdout.startswith(f"failed          repository http://127.0.0.1:{port}/x.git at main: ")
