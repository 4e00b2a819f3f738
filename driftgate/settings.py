"""Where this machine keeps things and how far a render may go: nothing here changes a verdict."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["RENDER_SECONDS", "Settings"]

RENDER_SECONDS = 30.0


def _cache_home() -> Path:
    configured = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(configured) if os.path.isabs(configured) else Path.home() / ".cache") / "driftgate"


def _command(variable: str, name: str) -> str | None:
    return os.environ.get(variable) or shutil.which(name)


@dataclass(frozen=True, slots=True)
class Settings:
    """Tools, folders and limits of one run.

    `render_seconds` and `render_bytes` bound one render; a render past either is "could not check" and its worker is
    replaced. `embedded_helm` off makes every Helm render go through the `helm` command.
    """

    cache: Path | None = field(default_factory=_cache_home)
    store: Path = field(default_factory=lambda: _cache_home() / "fetched")
    workers: int = field(default_factory=lambda: max(1, min(8, os.cpu_count() or 1)))
    render_seconds: float = RENDER_SECONDS
    render_bytes: int = 1 << 30
    embedded_helm: bool = True
    helm: str | None = field(default_factory=lambda: _command("DRIFTGATE_HELM", "helm"))
    kustomize: str | None = field(default_factory=lambda: _command("DRIFTGATE_KUSTOMIZE", "kustomize"))
    kubectl: str | None = field(default_factory=lambda: _command("DRIFTGATE_KUBECTL", "kubectl"))
