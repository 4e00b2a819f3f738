"""Imports point down only: the layers of driftgate, read from its source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "driftgate",
        "driftgate.model",
        "driftgate.errors",
        "driftgate.facts",
        "driftgate.semantics",
        "driftgate.schemas",
        "driftgate.health",
    ),
    (
        "driftgate.yaml_reader",
        "driftgate.policy",
        "driftgate.schema_fields",
        "driftgate.settings",
        "driftgate.files",
        "driftgate.argocd_config",
    ),
    (
        "driftgate.repository",
        "driftgate.values",
        "driftgate.parity",
        "driftgate.render",
        "driftgate.credentials",
        "driftgate.graph",
        "driftgate.live",
        "driftgate.compare",
    ),
    ("driftgate.judge", "driftgate.assembly", "driftgate.drift", "driftgate.history", "driftgate.deploys"),
    (
        "driftgate.report",
        "driftgate.run",
        "driftgate.releases",
        "driftgate.fetch",
        "driftgate.target",
        "driftgate.clusters",
        "driftgate.preflight",
        "driftgate.status",
        "driftgate.settle",
        "driftgate.live_run",
    ),
    ("driftgate.checks", "driftgate.cli", "driftgate.plugin", "driftgate.pytest_hooks"),
)
# Parts of one layer that may not know each other; other parts of a layer may, as long as they do not go in circles.
STRANGERS = (
    {
        "driftgate.repository",
        "driftgate.values",
        "driftgate.render",
        "driftgate.credentials",
        "driftgate.graph",
        "driftgate.live",
        "driftgate.compare",
    },
    {"driftgate.judge", "driftgate.assembly"},
    {"driftgate.checks", "driftgate.cli", "driftgate.plugin"},
)
# Above the lowest layer a part may import these besides the standard library.
LIBRARIES = {
    "driftgate.yaml_reader": {"yaml"},
    "driftgate.policy": {"jsonschema"},
    "driftgate.schema_fields": {"jsonschema"},
    "driftgate.credentials": {"detect_secrets"},
    "driftgate.live": {"kubernetes", "urllib3"},
    "driftgate.render": {"helm_python", "yaml"},
    "driftgate.report": {"yaml"},
    # What `-m` selects, pytest tells no plugin: its reading of the expression is in a module of its own.
    "driftgate.plugin": {"pytest", "_pytest"},
    "driftgate.pytest_hooks": {"pytest"},
}
# The check may import it, and what it imports must not be loaded before the check runs.
HEAVY = {"jsonschema", "detect_secrets", "helm_python", "kubernetes", "urllib3", "deepdiff"}

LAYER_OF = {part: number for number, parts in enumerate(LAYERS) for part in parts}


def modules() -> dict[str, Path]:
    """Every module of driftgate and of the checks, by its name."""
    found = {}
    for folder, package in ((ROOT / "driftgate", "driftgate"), (ROOT / "checks", "driftgate.checks")):
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *(part for part in parts if part != "__init__")])
            found[name] = path
    return found


MODULES = modules()


def part_of(module: str) -> str:
    """The part of driftgate that a module belongs to: the package or module right below `driftgate`."""
    return ".".join(module.split(".")[:2])


def imports(path: Path, known: set[str], *, top_only: bool = False) -> Iterator[tuple[int, str]]:
    """Line and module of everything that a file imports, a name from a package being its module where it is one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = top_level(tree) if top_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield node.lineno, below if below in known else node.module


def top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """What runs when a module is imported: not the bodies of functions, and not what only type checkers see."""
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.If) and not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            pending += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try | ast.With):
            pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def arrows() -> Iterator[tuple[str, int, str, str]]:
    """(module, line, its part, part that it imports) for every import of driftgate by driftgate."""
    for module, path in MODULES.items():
        for line, target in imports(path, set(MODULES)):
            if target.split(".")[0] == "driftgate" and part_of(target) != part_of(module):
                yield module, line, part_of(module), part_of(target)


def test_every_part_has_its_layer() -> None:
    """A new package or module below `driftgate` must be put into a layer before it is used."""
    parts = {part_of(module) for module in MODULES}
    assert parts == set(LAYER_OF)


def test_no_import_climbs() -> None:
    """A module imports from its own layer or from below."""
    climbing = [
        f"{module}:{line} imports {target}"
        for module, line, part, target in arrows()
        if LAYER_OF[target] > LAYER_OF[part]
    ]
    assert climbing == []


@pytest.mark.parametrize("strangers", STRANGERS, ids=lambda group: " ".join(sorted(group)))
def test_strangers_do_not_know_each_other(strangers: set[str]) -> None:
    """Parts that are meant to be exchanged by themselves never import each other."""
    meetings = [
        f"{module}:{line} imports {target}" for module, line, part, target in arrows() if {part, target} <= strangers
    ]
    assert meetings == []


def test_imports_do_not_go_in_circles() -> None:
    """No module reaches itself by imports, so that every one can be imported first."""
    graph = {
        module: {target for _, target in imports(path, set(MODULES), top_only=True) if target in MODULES} - {module}
        for module, path in MODULES.items()
    }
    # A package and its own modules are one: `__init__` gathers what the modules define.
    circles, done = [], set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        if module in way:
            circles.append(" -> ".join((*way[way.index(module) :], module)))
        elif module not in done:
            for target in sorted(graph[module]):
                visit(target, (*way, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
    assert circles == []


def test_the_lowest_layer_knows_the_standard_library_only() -> None:
    """Model, errors, facts and semantics can be used wherever Python runs, and every part names its libraries."""
    foreign = [
        f"{module}:{line} imports {target}"
        for module, path in MODULES.items()
        for line, target in imports(path, set(MODULES))
        if (top := target.split(".")[0]) != "driftgate"
        and top not in sys.stdlib_module_names
        and top not in LIBRARIES.get(part_of(module), set())
    ]
    assert foreign == []


def test_heavy_libraries_wait_until_they_are_used() -> None:
    """What is slow to import is imported where it is needed; the engine's own module runs in workers alone."""
    eager = [
        f"{module}:{line} imports {target}"
        for module, path in MODULES.items()
        if module != "driftgate.render.helm_engine"
        for line, target in imports(path, set(MODULES), top_only=True)
        if target.split(".")[0] in HEAVY
    ]
    assert eager == []


def test_only_one_module_knows_the_embedded_engine() -> None:
    """The library that renders charts is young: everything that depends on it stands in one module."""
    knowing = [
        module
        for module, path in MODULES.items()
        if any(target.split(".")[0] == "helm_python" for _, target in imports(path, set(MODULES)))
    ]
    assert knowing == ["driftgate.render.helm_engine"]


def test_checks_read_no_file_and_start_no_program() -> None:
    """A check is handed everything: it imports nothing that reads files, starts programs or reaches the network."""
    forbidden = {"os", "pathlib", "io", "subprocess", "socket", "urllib", "shutil", "tempfile", "glob", "importlib"}
    reaching = [
        f"{module}:{line} imports {target}"
        for module, path in MODULES.items()
        if part_of(module) == "driftgate.checks"
        for line, target in imports(path, set(MODULES))
        if target.split(".")[0] in forbidden or target in ("driftgate.files", "driftgate.settings")
    ]
    assert reaching == []


def test_an_arrow_that_climbs_is_seen(tmp_path: Path) -> None:
    """The reader of imports sees every form: plain, from, of a module in a package, inside a function."""
    text = (
        "import driftgate.cli\nfrom driftgate import plugin\nfrom driftgate.judge import judge, Breach\n"
        "if True:\n    import json\ndef f():\n    import yaml\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import kubernetes\n"
    )
    path = tmp_path / "module.py"
    path.write_text(text, encoding="utf-8")
    known = set(MODULES)
    assert sorted(imports(path, known)) == [
        (1, "driftgate.cli"), (2, "driftgate.plugin"), (3, "driftgate.judge"), (3, "driftgate.judge.judge"),
        (5, "json"), (7, "yaml"), (8, "typing"), (10, "kubernetes"),
    ]  # fmt: skip
    assert sorted({target for _, target in imports(path, known, top_only=True)}) == [
        "driftgate.cli", "driftgate.judge", "driftgate.judge.judge", "driftgate.plugin", "json", "typing",
    ]  # fmt: skip
