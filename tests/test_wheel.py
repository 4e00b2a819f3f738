"""The wheel: what it holds, and that it works where the source tree is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"driftgate": "driftgate", "checks": "driftgate/checks"}
SHIPPED = {".py", ".json", ".yaml", ".typed"}

IMPORT_EVERYTHING = """
import importlib, pkgutil, driftgate
names = [module.name for module in pkgutil.walk_packages(driftgate.__path__, "driftgate.")]
for name in names:
    importlib.import_module(name)
print(*sorted(names), sep="\\n")
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel by way of the source distribution, as a release is built, from a copy without leftovers."""
    source, target = tmp_path_factory.mktemp("source") / "tree", tmp_path_factory.mktemp("dist")
    source.mkdir()
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--outdir", target, source)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment that has the wheel and what the wheel asks for, nothing else."""
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, with_pip=True)
    pip = (home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--constraint", ROOT / "constraints.txt", wheel)
    return home / "bin"


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_wheel_holds_the_tree(wheel: Path) -> None:
    """Every module and data file of both folders is in the wheel under its import path, and nothing else."""
    expected = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, package in SOURCES.items()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SHIPPED
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == expected
    assert "driftgate/py.typed" in held


def test_every_module_imports_without_the_source_tree(installed: Path, tmp_path: Path) -> None:
    """No module needs a development dependency, or a file that only the source tree has."""
    imported = run(installed / "python", "-I", "-c", IMPORT_EVERYTHING, cwd=tmp_path).split()
    files = [
        Path(package, path.relative_to(ROOT / folder))
        for folder, package in SOURCES.items()
        for path in (ROOT / folder).rglob("*.py")
    ]
    modules = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files}

    assert set(imported) == modules - {"driftgate"}


def test_the_installed_command_judges_a_copy_of_the_environment(installed: Path, tmp_path: Path) -> None:
    """`driftgate check` of the installed wheel finds our environment green, with no source tree around."""
    for name in ("environments", "helm", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name)

    run(installed / "driftgate", "check", tmp_path, cwd=tmp_path)
