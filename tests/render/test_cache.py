"""Replies kept between runs: what is kept, what is not, and what a damaged or closed cache does."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.render.cache import RenderCache
from driftgate.render.jobs import HelmJob, KustomizeJob, RenderedDocument, Reply
from tests.render.charts import Tricky, chart_file, config_map

CHART = Tricky({"templates/a.yaml": config_map("a", "a: b"), "values.yaml": "x: 1\n"}, ("y: 2\n",))
REPLY = Reply((RenderedDocument("templates/a.yaml", 0, {"kind": "ConfigMap"}),), engine="helm")


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


@pytest.fixture
def job(tmp_path: Path) -> HelmJob:
    """A job whose chart lies in a folder of its own."""
    return CHART.job(tmp_path / "chart")


def test_a_reply_comes_back_as_it_was(tmp_path: Path, job: HelmJob) -> None:
    """A second run finds the reply whole, in a file that only its owner may read."""
    first = RenderCache(tmp_path / "cache")
    first.put(first.key(job), REPLY)
    second = RenderCache(tmp_path / "cache")
    assert second.get(second.key(job)) == REPLY
    assert second.hits == 1
    (entry,) = entries(tmp_path / "cache")
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


CHANGES: dict[str, Callable[[HelmJob], HelmJob]] = {
    "release": lambda job: replace(job, release="other"),
    "namespace": lambda job: replace(job, namespace="other"),
    "values": lambda job: replace(job, values=("y: 3\n",)),
    "values, reordered": lambda job: replace(job, values=("z: 1\n", *job.values)),
    "kube version": lambda job: replace(job, kube_version="1.30"),
    "api versions": lambda job: replace(job, api_versions=("v1",)),
    "crds": lambda job: replace(job, include_crds=False),
    "tests": lambda job: replace(job, skip_tests=True),
    "schema": lambda job: replace(job, skip_schema_validation=True),
    "engine": lambda job: replace(job, embedded=False),
    "a template": lambda job: _changed(job, "templates/a.yaml"),
    "a hidden file": lambda job: _changed(job, ".helmignore"),
    "a file's name": lambda job: _renamed(job, "templates/a.yaml", "templates/b.yaml"),
    "a subchart": lambda job: _changed(job, "charts/base/Chart.yaml"),
}


def _changed(job: HelmJob, name: str) -> HelmJob:
    path = Path(job.chart) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    return job


def _renamed(job: HelmJob, old: str, new: str) -> HelmJob:
    (Path(job.chart) / old).rename(Path(job.chart) / new)
    return job


@pytest.mark.parametrize("what", CHANGES)
def test_every_input_is_part_of_the_key(what: str, tmp_path: Path, job: HelmJob) -> None:
    """Whatever goes into a render and changes is rendered again."""
    before = RenderCache(tmp_path / "cache").key(job)
    assert RenderCache(tmp_path / "cache").key(CHANGES[what](job)) != before


def test_a_file_parameter_counts_by_its_content(tmp_path: Path) -> None:
    """The file that a parameter reads is part of the key; a file that is gone has no key at all."""
    tricky = Tricky(CHART.files, sets=(("--set-file", "motd", "../motd.txt"),))
    (tmp_path / "motd.txt").write_text("one")
    job = tricky.job(tmp_path / "chart")
    one = RenderCache(tmp_path / "cache").key(job)
    (tmp_path / "motd.txt").write_text("two")
    two = RenderCache(tmp_path / "cache").key(job)
    (tmp_path / "motd.txt").unlink()
    assert (one != two, RenderCache(tmp_path / "cache").key(job)) == (True, None)


def test_the_folder_is_no_part_of_the_key(tmp_path: Path) -> None:
    """The same chart in another checkout is the same render."""
    cache = RenderCache(tmp_path / "cache")
    assert cache.key(CHART.job(tmp_path / "one")) == cache.key(CHART.job(tmp_path / "two"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"ConfigMap", b"ConfigMop"),
        lambda _: b"",
        lambda _: b"\xff\n{}",
    ],
    ids=["cut short", "changed", "emptied", "not a text"],
)
def test_a_damaged_entry_counts_as_absent(damage: Callable[[bytes], bytes], tmp_path: Path, job: HelmJob) -> None:
    """What was cut, changed or emptied is not believed, and written anew."""
    cache = RenderCache(tmp_path / "cache")
    key = cache.key(job)
    cache.put(key, REPLY)
    (entry,) = entries(tmp_path / "cache")
    entry.write_bytes(damage(entry.read_bytes()))
    assert (cache.get(key), cache.hits) == (None, 0)
    cache.put(key, REPLY)
    assert cache.get(key) == REPLY


def test_an_entry_of_another_shape_counts_as_absent(tmp_path: Path, job: HelmJob) -> None:
    """An entry with the right digest that holds no reply is not believed either."""
    import hashlib

    cache = RenderCache(tmp_path / "cache")
    key = cache.key(job)
    cache.put(key, REPLY)
    (entry,) = entries(tmp_path / "cache")
    text = json.dumps({"documents": []})
    entry.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    assert cache.get(key) is None


@pytest.mark.parametrize(
    "reply",
    [
        replace(REPLY, unstable=("templates/a.yaml",)),
        replace(REPLY, fault="render-timeout"),
        replace(REPLY, fault="render-memory"),
        replace(REPLY, fault="engine-missing"),
        Reply(fault="render-failed", message="a value that a template put into its error"),
        Reply((RenderedDocument("t", 0, {"kind": "Secret", "data": {"a": "c2VjcmV0"}}),)),
        Reply((RenderedDocument("t", 0, {"kind": "Secret", "stringData": {"a": "secret"}}),)),
        Reply((RenderedDocument("t", 0, {"kind": "Secret", "data": "secret"}),)),
    ],
    ids=[
        "unstable",
        "timeout",
        "memory",
        "no engine",
        "failure",
        "secret",
        "secret as text",
        "secret of another shape",
    ],
)
def test_what_may_not_be_kept_is_not_kept(reply: Reply, tmp_path: Path, job: HelmJob) -> None:
    """Unstable renders, limits, failures and anything with Secret values leave no file behind."""
    cache = RenderCache(tmp_path / "cache")
    cache.put(cache.key(job), reply)
    assert (cache.get(cache.key(job)), entries(tmp_path / "cache")) == (None, [])


@pytest.mark.parametrize(
    "reply",
    [
        Reply((RenderedDocument("t", 0, {"kind": "Secret", "data": {"token": ""}}),)),
        Reply(fault="dependencies-missing"),
    ],
    ids=["a Secret without values", "dependencies missing"],
)
def test_what_holds_no_secret_is_kept(reply: Reply, tmp_path: Path, job: HelmJob) -> None:
    """A Secret that is filled by hand holds nothing, and a dependency that is not there stays away."""
    cache = RenderCache(tmp_path / "cache")
    cache.put(cache.key(job), reply)
    assert cache.get(cache.key(job)) == reply


def test_a_cache_that_cannot_be_written_is_no_cache(tmp_path: Path, job: HelmJob) -> None:
    """A file in the folder's place, which even root cannot write below, loses the entry and nothing else."""
    (tmp_path / "cache").write_text("in the way")
    cache = RenderCache(tmp_path / "cache")
    cache.put(cache.key(job), REPLY)
    assert cache.get(cache.key(job)) is None


def test_without_a_folder_nothing_is_kept(job: HelmJob) -> None:
    """Caching can be switched off; kustomize builds are never kept."""
    cache = RenderCache(None)
    assert cache.key(job) is None
    cache.put(None, REPLY)
    assert cache.get(None) is None


def test_a_kustomize_build_has_no_key(tmp_path: Path) -> None:
    """What a build reads is not covered by a key, so there is none."""
    assert RenderCache(tmp_path).key(KustomizeJob(str(tmp_path), "", ("kustomize", "build"))) is None


def test_local_dependencies_count_by_their_content(tmp_path: Path) -> None:
    """A `file://` dependency that changes renders its users again."""
    base = tmp_path / "base"
    Tricky({"Chart.yaml": chart_file("base"), "values.yaml": "a: 1\n"}).job(base)
    job = replace(CHART.job(tmp_path / "chart"), local_dependencies=(("base", str(base)),))
    before = RenderCache(tmp_path / "cache").key(job)
    (base / "values.yaml").write_text("a: 2\n")
    assert RenderCache(tmp_path / "cache").key(job) != before
