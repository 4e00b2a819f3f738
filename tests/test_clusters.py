"""Several environments and clusters in one run: read at the same time, and judged each by itself."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftgate.clusters import ClusterReader, judge_clusters
from driftgate.drift.recording import read_recording
from driftgate.drift.state import ClusterState
from driftgate.errors import UsageError
from driftgate.live import ApiError, Why
from driftgate.model.environment import Environment
from driftgate.policy import Policy
from driftgate.run import policies_of
from driftgate.settings import Settings
from driftgate.target import Way
from tests.history.recordings import AS_GIT, SERVER, record, run
from tests.repositories import URL, application, config_map, write

FAR = "https://far.example.com:6443"
SETTINGS = Settings(cache=None, workers=1)


def two_environments(root: Path, more: str = "") -> Path:
    """`east` deploys to two clusters, `west` to one."""
    files: dict[str, str] = {}
    for environment, applications in {"east": ("web", "far"), "west": ("other",)}.items():
        for name in applications:
            text = application(name, f"{environment}/{name}")
            files[f"apps/{environment}/{name}.yaml"] = text.replace(SERVER, FAR) if name == "far" else text
            files[f"{environment}/{name}/one.yaml"] = config_map("one")
        entries = [f"{{server: '{server}', uid: uid, context: any}}" for server in (SERVER, FAR)]
        files[f"policies/{environment}.yaml"] = (
            f"driftgate: 1\nenvironment: {environment}\nmanifests: [apps/{environment}]\n"
            f"repository: {{urls: ['{URL}']}}\ncluster: {{destinations: [{', '.join(entries)}]}}\n{more}"
        )
    return write(root, files)


@dataclass
class Together(ClusterReader):
    """Reads a recording for every cluster, once as many are being read as there are."""

    state: ClusterState | None = None
    failing: str = ""
    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(3, timeout=20))

    def read(self, way: Way, environment: Environment, policy: Policy) -> ClusterState:  # noqa: ARG002
        """The state, as that of the destination."""
        self.barrier.wait()
        if way.destination == self.failing:
            raise ApiError(Why.UNREACHABLE, "GET /api", "Connection refused")
        assert self.state is not None
        return replace(self.state, destination=way.destination or SERVER)


@pytest.fixture
def state(tmp_path: Path) -> ClusterState:
    """A cluster that has everything as Git has it."""
    folder = record(tmp_path / "recording", datetime(2026, 1, 1, tzinfo=UTC), AS_GIT["one"])
    return read_recording(Path(folder))


@pytest.mark.parametrize("failing", ["", FAR])
def test_clusters_of_all_environments_are_read_at_the_same_time(
    tmp_path: Path, state: ClusterState, failing: str
) -> None:
    """None waits for another one, and the report of none is lost to one that fails."""
    root = two_environments(tmp_path / "tree")
    reader = Together(root, Way(), lambda *_: None, is_alone=False, state=state, failing=failing)
    with reader:
        found = list(judge_clusters(root, policies_of(root, None), SETTINGS, reader))
    east = ("web",) if failing else ("far", "web")
    assert [(one.environment.name, one.judgement.ledger.applications) for one in found] == [
        ("east", east), ("west", ("other",)),
    ]  # fmt: skip
    unreached = [(one.destination, one.context, one.why, one.applications) for one in found[0].live.unreached]
    assert unreached == ([(FAR, "any", "GET /api: not reachable: Connection refused", ("far",))] if failing else [])


def test_applications_may_be_of_one_environment_alone(tmp_path: Path, state: ClusterState) -> None:
    """The others are left out, and only their clusters are read; a name that nobody has is told."""
    root = two_environments(tmp_path / "tree")
    policies = policies_of(root, None)

    def chosen(*names: str, clusters: int) -> list[tuple[str, tuple[str, ...]]]:
        barrier = threading.Barrier(clusters, timeout=20)
        reader = Together(root, Way(), lambda *_: None, names, is_alone=False, state=state, barrier=barrier)
        with reader:
            judged = list(judge_clusters(root, policies, SETTINGS, reader))
        return [(one.environment.name, one.judgement.ledger.applications) for one in judged]

    assert chosen("other", clusters=1) == [("west", ("other",))]
    # The cluster that Argo CD runs in is read as well: it has the Applications themselves.
    assert chosen("far", clusters=2) == [("east", ("far",))]
    with pytest.raises(UsageError, match="no Application of east, west is called gone"):
        chosen("far", "gone", clusters=2)


def test_a_cluster_that_is_not_read_fails_whatever_policy_says(
    tmp_path: Path, state: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drift may be allowed to stay; a cluster of which nothing is known is no quiet night."""
    root = two_environments(tmp_path / "tree", "drift: {failOn: []}\n")

    def read(_: ClusterReader, way: Way, *_more: object) -> ClusterState:
        if way.destination == FAR:
            raise ApiError(Why.TLS, "GET /api", "certificate has expired")
        return replace(state, objects=(), destination=SERVER)

    monkeypatch.setattr(ClusterReader, "read", read)
    arguments = ("drift", "--no-cache", "--history", str(tmp_path / "history.db"), str(root))
    code, out, err = run(*arguments)
    assert (code, err) == (6, "")
    told = f"environment east COULD NOT READ {FAR} (context any): GET /api: TLS failure: certificate has expired"
    assert " ".join(out.split()).startswith(told)  # however wide the terminal is
    assert out.splitlines()[-1] == "2 environments: 1 not read: east (in part); 1 as policy wants it: west"
    assert run(*arguments, "--environment", "west")[0] == 0


INTERRUPTED = """
import signal, sys
from driftgate.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have it ignored
sys.exit(main(sys.argv[1:]))
"""


def test_an_interrupted_run_does_not_wait_for_a_server_that_says_nothing(tmp_path: Path) -> None:
    """Its clusters take the call and never answer; the run ends at once all the same, and no history is begun."""
    root, history = two_environments(tmp_path / "tree"), tmp_path / "history.db"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.getsockname()[1]}"}}],
            "users": [{"name": "u", "user": {"token": "x"}}],
            "contexts": [{"name": "any", "context": {"cluster": "c", "user": "u"}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
        arguments = ["drift", str(root), "--no-cache", "--kubeconfig", str(tmp_path / "kubeconfig")]
        command = [sys.executable, "-c", INTERRUPTED, *arguments, "--history", str(history)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = server.accept()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=15)
        connection.close()
    assert (process.returncode, out, err) == (130, "", "driftgate: interrupted; nothing was judged\n")
    assert not history.exists()
