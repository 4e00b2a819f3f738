"""Without the embedded engine the helm command takes over; without both the run says so."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from driftgate.render import worker
from driftgate.render.jobs import HelmJob

CHART = Path(__file__).resolve().parents[2] / "helm/applications/plate-web"


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python in which the engine's package cannot be imported."""
    monkeypatch.setitem(sys.modules, "helm_python", None)
    monkeypatch.delitem(sys.modules, "driftgate.render.helm_engine", raising=False)
    worker._load_engine.cache_clear()
    yield
    worker._load_engine.cache_clear()


@pytest.mark.usefixtures("without_engine")
def test_without_the_package_the_helm_command_renders_the_same(helm4: Path) -> None:
    """A chart of ours renders to the same objects, and the reply names the command as its engine."""
    job = HelmJob(str(CHART), "plate-web-stg", "plate-stg", kube_version="1.34.2", helm=str(helm4))
    reply = worker._answer(asdict(job))
    assert (reply.fault, reply.engine) == ("", "helm command")
    kinds = sorted(document.object["kind"] for document in reply.documents)
    assert kinds == ["Deployment", "Service", "ServiceAccount"]


@pytest.mark.usefixtures("without_engine")
def test_without_package_and_command_the_reply_says_what_is_missing() -> None:
    """Nothing renders, and both ways to mend it are named."""
    reply = worker._answer(asdict(HelmJob(str(CHART), "plate-web-stg", "plate-stg")))
    assert (reply.fault, reply.documents) == ("engine-missing", ())
    assert reply.message == "the package helm-python-sdk is not installed, and there is no helm command on the PATH"


def test_a_library_that_does_not_load_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the library raises while it loads, the worker goes on and says which error it was."""

    def broken(_name: str) -> None:
        raise RuntimeError("secret path")

    worker._load_engine.cache_clear()
    monkeypatch.setattr(importlib, "import_module", broken)
    assert worker._load_engine() == (None, "the embedded engine does not load (RuntimeError)")
    worker._load_engine.cache_clear()
