"""Templates that would take the machine down: the worker ends, the pool goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from driftgate.render.pool import WorkerPool
from driftgate.settings import Settings
from tests.render.charts import Tricky, config_map

SETTINGS = Settings(cache=None, workers=1, render_seconds=10, render_bytes=512 << 20, helm=None)
GOOD = Tricky({"templates/a.yaml": config_map("good", "a: b")})


def chart(*data: str) -> Tricky:
    return Tricky({"templates/a.yaml": config_map("bad", *data)})


ENDLESS = chart("{{ range until 100000 }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}")
BOMBS = {
    "one huge text": (chart('x: {{ repeat 3000000000 "x" }}'), "render-memory"),
    "a text that doubles": (
        chart('{{ $x := "xxxxxxxx" }}{{ range until 40 }}{{ $x = printf "%s%s" $x $x }}{{ end }}x: {{ len $x }}'),
        "render-memory",
    ),
    "a huge list": (chart("x: {{ len (untilStep 0 2000000000 1) }}"), "render-memory"),
    "output without end": (
        chart('{{ range until 100000 }}{{ range until 100000 }}{{ repeat 1000 "x" }}{{ end }}{{ end }}'),
        "render-memory",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_memory_bomb_ends_its_worker_only(name: str, tmp_path: Path) -> None:
    """The bomb's reply says that memory was the limit, and the next job is rendered by a new worker."""
    bomb, fault = BOMBS[name]
    with WorkerPool(SETTINGS) as pool:
        (reply,) = pool.run([bomb.job(tmp_path / "bomb")])
        (after,) = pool.run([GOOD.job(tmp_path / "good")])
    assert (reply.fault, reply.documents) == (fault, ())
    assert [d.object["metadata"]["name"] for d in after.documents] == ["good"]


def test_a_render_without_end_is_stopped_in_time(tmp_path: Path) -> None:
    """A loop that no signal interrupts ends with its worker, soon after the limit, and says so."""
    settings = Settings(cache=None, workers=1, render_seconds=1, helm=None)
    with WorkerPool(settings) as pool:
        start = time.monotonic()
        (reply,) = pool.run([ENDLESS.job(tmp_path / "endless")])
        taken = time.monotonic() - start
        (after,) = pool.run([GOOD.job(tmp_path / "good")])
    assert (reply.fault, reply.message) == ("render-timeout", "the render did not end within 1 seconds")
    assert taken < 6
    assert after.fault == ""


T = TypeVar("T")


def until(ask: Callable[[], T], seconds: float = 20) -> T:
    """The first answer that is not false; a file that is not there yet is no answer."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := ask():
                return answer
        except FileNotFoundError:
            pass
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than an entry that nobody has collected."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which everything temporary is made meanwhile."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


ENDS = {
    "by itself": (GOOD, "", 10),
    "too much memory": (BOMBS["a huge list"][0], "render-memory", 10),
    "too much time": (ENDLESS, "render-timeout", 0.5),
}


@pytest.mark.parametrize("name", ENDS)
def test_no_end_of_a_worker_leaves_anything_behind(name: str, tmp_path: Path, temporary: Path) -> None:
    """However a worker ends, its own folder and the copy of a chart that it has made are gone after the run."""
    bomb, fault, seconds = ENDS[name]
    job = replace(bomb.job(tmp_path / "bomb"), chart_values="copied: true\n")
    with WorkerPool(replace(SETTINGS, render_seconds=seconds)) as pool:
        (reply,) = pool.run([job])
        while_it_runs = [path.name.partition("-worker-")[0] for path in temporary.iterdir()]
    assert reply.fault == fault
    assert while_it_runs == (["driftgate"] if not fault else [])
    assert list(temporary.iterdir()) == []


def test_a_run_that_is_killed_leaves_nothing_behind(tmp_path: Path, temporary: Path) -> None:
    """Worker, the helm that it has started and their folders end with the process that asked, killed as that was."""
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\necho $$ > $0.pid.new && mv $0.pid.new $0.pid\nexec sleep 60\n", encoding="utf-8")
    helm.chmod(0o755)
    chart_folder = GOOD.job(tmp_path / "chart").chart
    program = (
        "import sys\nfrom driftgate.render.jobs import HelmJob\nfrom driftgate.render.pool import WorkerPool\n"
        "from driftgate.settings import Settings\n"
        "job = HelmJob(chart=sys.argv[1], release='r', namespace='n', embedded=False, helm=sys.argv[2])\n"
        "WorkerPool(Settings(cache=None, workers=1)).run([job])\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", program, chart_folder, str(helm)])
    pid = until(lambda: int((tmp_path / "helm.pid").read_text(encoding="utf-8")))
    assert len(list(temporary.iterdir())) == 1
    asking.kill()
    asking.wait()
    until(lambda: not list(temporary.iterdir()))
    until(lambda: not is_running(pid))


def test_endless_recursion_is_an_error_of_the_template(tmp_path: Path) -> None:
    """`template` that calls itself is ended by the engine and told with the template's name, not as a crash."""
    files = {
        "templates/_helpers.tpl": '{{- define "loop" -}}{{ template "loop" . }}{{- end -}}\n',
        "templates/a.yaml": config_map("a", 'x: {{ template "loop" . }}'),
    }
    with WorkerPool(SETTINGS) as pool:
        (reply,) = pool.run([Tricky(files).job(tmp_path)])
    assert (reply.fault, reply.template) == ("render-failed", "templates/_helpers.tpl")


def test_the_good_jobs_of_a_batch_survive_the_bad_ones(tmp_path: Path) -> None:
    """Replies come in the order of the jobs, whatever happened to their workers."""
    bomb = BOMBS["one huge text"][0]
    jobs = [(GOOD if n % 2 else bomb).job(tmp_path / str(n)) for n in range(4)]
    with WorkerPool(Settings(cache=None, workers=2, render_bytes=512 << 20, helm=None)) as pool:
        replies = pool.run(jobs)
    assert [reply.fault for reply in replies] == ["render-memory", "", "render-memory", ""]


def test_a_worker_whose_parent_has_gone_before_it_began_ends(tmp_path: Path) -> None:
    """A worker that starts after the end of the process that asked for it renders for nobody, and takes its folder."""
    home = tmp_path / "home"
    home.mkdir()
    somebody_else = os.getppid()
    worker = subprocess.Popen(
        [sys.executable, "-I", "-m", "driftgate.render.worker", str(1 << 30), str(somebody_else), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert worker.wait(timeout=30) == 1
        assert not home.exists()
    finally:
        worker.kill()
        worker.communicate()
