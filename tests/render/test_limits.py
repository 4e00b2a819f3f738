"""Templates that would take the machine down: the worker ends, the pool goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from driftgate.render.pool import WorkerPool
from driftgate.settings import Settings
from tests.render.charts import Tricky, config_map

SETTINGS = Settings(cache=None, workers=1, render_seconds=10, render_bytes=512 << 20, helm=None)
GOOD = Tricky({"templates/a.yaml": config_map("good", "a: b")})


def chart(*data: str) -> Tricky:
    return Tricky({"templates/a.yaml": config_map("bad", *data)})


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
    endless = chart(
        "{{ range until 100000 }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}"
    )
    settings = Settings(cache=None, workers=1, render_seconds=1, helm=None)
    with WorkerPool(settings) as pool:
        start = time.monotonic()
        (reply,) = pool.run([endless.job(tmp_path / "endless")])
        taken = time.monotonic() - start
        (after,) = pool.run([GOOD.job(tmp_path / "good")])
    assert (reply.fault, reply.message) == ("render-timeout", "the render did not end within 1 seconds")
    assert taken < 6
    assert after.fault == ""


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


def test_a_worker_whose_parent_has_gone_before_it_began_ends() -> None:
    """A worker that starts after the end of the process that asked for it renders for nobody, and leaves."""
    somebody_else = os.getppid()
    worker = subprocess.Popen(
        [sys.executable, "-I", "-m", "driftgate.render.worker", str(1 << 30), str(somebody_else)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert worker.wait(timeout=30) == 1
    finally:
        worker.kill()
        worker.communicate()
