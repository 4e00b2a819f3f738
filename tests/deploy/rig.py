"""A checkout of our environment in a namespace of its own, and its deploy script, run as people and pipelines do."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.controlplane.leash import leashed
from tests.controlplane.plane import ControlPlane

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("environments", "helm", "policies", "scripts")
NAMESPACE = "plate-stg"
REPOSITORY = "https://github.com/cocdev/plate-gitops.git"
DRIFTGATE = Path(sys.executable).with_name("driftgate")
# The order that the manifests ask for.
RELEASES = ("openbao-secrets-manager-stg", "plate-api-stg", "plate-llm-stg", "plate-web-stg", "ingress-stg")
SECONDS = 400


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of the script ended: exit code, standard output, standard error, and the waits it was told to make."""

    code: int
    out: str
    err: str
    waits: tuple[str, ...] = ()

    @property
    def steps(self) -> list[str]:
        """What the script says it does, without the details."""
        return [line.removeprefix("==> ") for line in self.out.splitlines() if line.startswith("==> ")]


@dataclass
class Checkout:
    """A clone of the environment, deployed to a namespace that no other test has."""

    plane: ControlPlane
    helm: Path
    root: Path
    namespace: str
    scratch: Path
    context: str = "admin"
    settings: dict[str, str] = field(default_factory=dict)
    first: Ended | None = None
    _runs: list[Running] = field(default_factory=list)

    @classmethod
    def make(cls, plane: ControlPlane, helm: Path, folder: Path, namespace: str, template: Path = ROOT) -> Checkout:
        """Copy the environment of a folder, give it a namespace, and commit it."""
        root, scratch = folder / "checkout", folder / "scratch"
        scratch.mkdir()
        for part in PARTS:
            shutil.copytree(template / part, root / part)
        for path in (path for part in PARTS for path in (root / part).rglob("*") if path.is_file()):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(NAMESPACE, namespace), encoding="utf-8")
        checkout = cls(plane, helm, root, namespace, scratch)
        checkout.git("init", "--quiet", "--initial-branch=main")
        checkout.commit("the environment")
        return checkout

    def name_cluster(self) -> None:
        """Let policy name the test cluster, as a person would."""
        done = self.driftgate("cluster", "--context", self.context, "--write")
        assert done.returncode == 0, done.stdout + done.stderr

    def driftgate(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of driftgate on the checkout."""
        words = [str(DRIFTGATE), command, str(self.root), *arguments]
        return subprocess.run(words, env=self.environment(), capture_output=True, text=True)

    def git(self, *arguments: str) -> str:
        """Run git in the checkout, as somebody whose settings do not matter."""
        who = ("-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.scratch), "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-C", str(self.root), *who, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a file exactly once."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def environment(self, identity: str = "admin", more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the script sees of its surroundings."""
        return {
            **self.plane.environment(identity),
            "HELM": str(self.helm),
            "KUBECTL": str(self.plane.programs["kubectl"]),
            "DRIFTGATE": str(DRIFTGATE),
            "DEPLOY_SLEEP": str(self._sleep()),
            "TMPDIR": str(self.scratch),
            "USER": "tester",
            "GIT_CONFIG_NOSYSTEM": "1",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **self.settings,
            **(more or {}),
        }

    def _sleep(self) -> Path:
        """A program that writes down how long it was to wait, and does not."""
        path = self.scratch.parent / "sleep"
        if not path.exists():
            path.write_text(f'#!/bin/sh\necho "$1" >>"{self._waits}"\n', encoding="utf-8")
            path.chmod(0o755)
        return path

    @property
    def _waits(self) -> Path:
        return self.scratch.parent / "waits"

    def start(self, *arguments: str, identity: str = "admin", env: Mapping[str, str] | None = None) -> Running:
        """Start the script, in a session of its own and with nobody at its standard input."""
        return self._started(subprocess.DEVNULL, arguments, self.environment(identity, env))

    def _started(self, stdin: int, arguments: Sequence[str], environment: Mapping[str, str]) -> Running:
        number = len(self._runs)
        out, err = (self.scratch.parent / f"{name}-{number}" for name in ("out", "err"))
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                leashed("bash", str(self.root / "scripts/deploy-stg.sh"), *arguments),
                cwd="/",
                env=environment,
                stdin=stdin,
                stdout=out_file,
                stderr=err_file,
                start_new_session=True,
            )
        self._runs.append(Running(process, out, err))
        return self._runs[-1]

    def run(self, *arguments: str, identity: str = "admin", env: Mapping[str, str] | None = None) -> Ended:
        """Run the script to its end; it leaves no process and no temporary file behind."""
        self._waits.unlink(missing_ok=True)
        running = self.start(*arguments, identity=identity, env=env)
        ended = running.end()
        assert running.left() == []
        assert self.left() == []
        waits = self._waits.read_text(encoding="utf-8").split() if self._waits.exists() else []
        return Ended(ended.code, ended.out, ended.err, tuple(waits))

    def answer(self, text: str, *arguments: str) -> Ended:
        """Run the script on a terminal, with an answer to its question."""
        primary, terminal = pty.openpty()
        try:
            running = self._started(terminal, arguments, self.environment())
            os.write(primary, f"{text}\n".encode())
            return running.end()
        finally:
            os.close(terminal)
            os.close(primary)

    def deploy(
        self, *arguments: str, timeout: str = "180s", identity: str = "admin", env: Mapping[str, str] | None = None
    ) -> Ended:
        """Deploy without a question."""
        return self.run("deploy", "--yes", "--timeout", timeout, *arguments, identity=identity, env=env)

    def left(self) -> list[str]:
        """What lies in the folder for temporary files."""
        return sorted(path.name for path in self.scratch.iterdir())

    def helm_json(self, *arguments: str) -> Any:
        """What helm answers, parsed."""
        done = self.plane.run(self.helm, *arguments, "--namespace", self.namespace, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def releases(self) -> dict[str, tuple[str, str]]:
        """Revision and status of each release, in the order in which they were deployed."""
        found = self.helm_json("list", "--all", "--date") if self._is_helm3 else self.helm_json("list", "--date")
        return {one["name"]: (one["revision"], one["status"]) for one in found}

    def records(self) -> list[tuple[str, int, str]]:
        """Release, revision and status of every record that helm keeps, as the labels of its Secrets have them."""
        query = "labelSelector=owner%3Dhelm"
        answer = self.plane.request("GET", f"/api/v1/namespaces/{self.namespace}/secrets?{query}")
        labels = [one["metadata"]["labels"] for one in answer.body["items"]]
        return sorted((one["name"], int(one["version"]), one["status"]) for one in labels)

    @property
    def _is_helm3(self) -> bool:
        return self.helm.name == "helm3"

    def objects(self, kind: str) -> dict[str, dict[str, Any]]:
        """The objects of a kind in the namespace by name, as kubectl lists them."""
        done = self.plane.kubectl("get", kind, "--namespace", self.namespace, "--output", "json")
        assert done.returncode == 0, done.stderr
        return {one["metadata"]["name"]: one for one in json.loads(done.stdout)["items"]}

    def everything(self) -> dict[str, str]:
        """Uid and resourceVersion of every object that a deploy could have touched."""
        kinds = (
            "configmaps,secrets,services,serviceaccounts,pods,deployments,replicasets,cronjobs,ingresses,"
            "externalsecrets,secretstores,certificates"
        )
        done = self.plane.kubectl("get", kinds, "--namespace", self.namespace, "--output", "json")
        assert done.returncode == 0, done.stderr
        return {
            f"{one['kind']}/{one['metadata']['name']}": f"{one['metadata']['uid']} {one['metadata']['resourceVersion']}"
            for one in json.loads(done.stdout)["items"]
        }

    @property
    def exists(self) -> bool:
        """Whether the namespace is in the cluster."""
        return self.plane.request("GET", f"/api/v1/namespaces/{self.namespace}").status == 200

    def make_namespace(self) -> None:
        """Make the namespace beforehand."""
        self.plane.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})

    def close(self) -> None:
        """End what still runs; the namespace goes with the control plane."""
        for running in self._runs:
            running.kill()


@dataclass
class Running:
    """A run of the script that has not ended yet, or not been asked how."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def await_step(self, beginning: str) -> None:
        """Wait until the script says that it does something."""
        end = time.monotonic() + SECONDS
        while not any(step.startswith(beginning) for step in self._so_far().steps):
            assert self.process.poll() is None, self._so_far()
            assert time.monotonic() < end, self._so_far()
            time.sleep(0.02)

    def _so_far(self) -> Ended:
        out, err = (path.read_text(encoding="utf-8") for path in (self.out, self.err))
        return Ended(self.process.poll() or 0, out, err)

    def end(self, seconds: float = SECONDS) -> Ended:
        """Wait for the end."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds:g} s: {self._so_far()}") from None
        return self._so_far()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the script alone, as a pipeline does."""
        self.process.send_signal(number)

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to the script and everything that it has started, as a terminal does."""
        os.killpg(self.process.pid, number)

    def left(self) -> list[str]:
        """The processes of this run that are still there."""
        time.sleep(0.1)  # a process that was just ended may still be listed
        listed = subprocess.run(
            ["ps", "-e", "-ww", "-o", "sess=,stat=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        return [args for session, state, args in rows if session == str(self.process.pid) and "Z" not in state]

    def kill(self) -> None:
        """End whatever is left of the run."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Checkouts:
    """Makes checkouts, each with a namespace that no other one has, from one whose policy names the cluster."""

    template: Checkout
    count: int = 0

    @contextlib.contextmanager
    def one(self, helm: Path, folder: Path) -> Iterator[Checkout]:
        """A checkout in an empty folder; what still runs at its end is killed."""
        self.count += 1
        plane = self.template.plane
        checkout = Checkout.make(plane, helm, folder, f"plate-t{self.count}", self.template.root)
        try:
            yield checkout
        finally:
            checkout.close()
