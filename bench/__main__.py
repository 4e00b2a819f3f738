"""`python -m bench`: measure driftgate as whole processes, and tell which goals are met."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.comparing import microseconds_per_pair
from bench.drift import beside_kubectl, generate_objects, judged_objects
from bench.generate import generate
from bench.measure import median_of, peak_memory, run
from bench.schemas import microseconds_per_object
from bench.table import Row, table_text

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
CHECK = (PYTHON, "-m", "driftgate.cli", "check")
MILLION = 1_000_000
# The index over all Applications of a tree, and an answer to every question that the tree asks of it.
CREDENTIALS = """\
import time
from pathlib import Path
from driftgate.credentials import CredentialFinder
from driftgate.files import FileRoot
root = FileRoot(Path({tree!r}))
list(root.files())  # which every run reads anyway
start = time.perf_counter()
scan = CredentialFinder(root, lambda paths: frozenset(), None)([])
assert scan.files and not scan.found
print("took", time.perf_counter() - start)
"""
GRAPH = """
import pathlib, time
from driftgate.assembly import assemble
from driftgate.graph import build_graphs
from driftgate.run import policies_of
from driftgate.settings import Settings
root = pathlib.Path({tree!r})
(policy,) = policies_of(root, None)
with assemble(root, policy, Settings()) as assembly:
    start = time.perf_counter()
    for graph in build_graphs(assembly.environment.applications).values():
        answers = [graph.find(use.target) for use in graph.uses]
        assert answers
    print("took", time.perf_counter() - start)
"""


def main() -> int:
    """Measure and print; 1 where a goal is missed."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as scratch:
        bench = Bench(Path(scratch), options.runs, options.helm)
        _note(f"Python {platform.python_version()}, medians of {options.runs} runs; {_machine()}")
        rows = [*bench.start(), *bench.environment(ROOT), *bench.values(), *bench.generated(options.applications)]
        rows += bench.drift(options.objects)
    print(table_text(rows))
    missed = [row.work for row in rows if not row.met]
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nevery goal is met")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each process runs (default: 5)")
    parser.add_argument(
        "--applications",
        type=int,
        default=500,
        help="how many Applications the generated repository has (default: 500)",
    )
    parser.add_argument(
        "--objects", type=int, default=10_000, help="how many live objects are held against Git (default: 10000)"
    )
    helm = os.environ.get("DRIFTGATE_HELM") or shutil.which("helm")
    parser.add_argument("--helm", default=helm, help="the helm command to compare with (default: the one on the PATH)")
    return parser.parse_args()


def _machine() -> str:
    """What else decides over the figures: on a machine that others use at the same time they mean little."""
    load = f", {os.getloadavg()[0]:.1f} processes running on them before" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores{load}"


def _note(text: str) -> None:
    print(text, flush=True)


@dataclass
class Bench:
    """The measures, with one cache below `scratch` that is emptied where a run must find nothing."""

    scratch: Path
    runs: int
    helm: str | None

    @property
    def cache(self) -> Path:
        """Where driftgate keeps rendered charts during a measure."""
        return self.scratch / "cache"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of every process: our own cache, and bytecode written once, as an installation has it."""
        foreign = ("PYTEST", "PYTHON", "DRIFTGATE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        ours = {"XDG_CACHE_HOME": str(self.cache), "PYTHONPYCACHEPREFIX": str(self.scratch / "bytecode")}
        return {**kept, **ours, **({"DRIFTGATE_HELM": self.helm} if self.helm else {})}

    def _seconds(self, *command: str, folder: Path | None = None, cold: bool = False) -> float:
        def once() -> float:
            if cold:
                shutil.rmtree(self.cache, ignore_errors=True)
            return run(command, self.variables, folder or self.scratch).seconds

        once()  # writes bytecode and caches
        return median_of(self.runs, once)

    def start(self) -> list[Row]:
        """What driftgate costs a project that has nothing to do with Argo CD."""
        _note("a project without Argo CD")
        project = self.scratch / "project"
        project.mkdir()
        (project / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        self.bare = self._seconds(PYTHON, "-m", "pytest", "-q", "-p", "no:driftgate", folder=project)
        full = self._seconds(PYTHON, "-m", "pytest", "-q", folder=project)
        return [
            Row("import of the plugin", self._plugin_import(), "ms", 30),
            Row("bare pytest, one test", self.bare, "s"),
            Row("the same with the plugin", full, "s", base=self.bare, against="bare pytest"),
        ]

    def _plugin_import(self) -> float:
        """Milliseconds that importing the plugin adds where pytest is imported already, by Python's own account."""
        return 1000 * self._told(
            "import pytest, time; start = time.perf_counter(); import driftgate.plugin; "
            "print('took', time.perf_counter() - start)"
        )

    def _told(self, program: str) -> float:
        """Seconds that a program tells by itself, as `took SECONDS`."""

        def once() -> float:
            found = re.search(r"took (\S+)", run((PYTHON, "-c", program), self.variables, self.scratch).output)
            assert found is not None
            return float(found[1])

        once()
        return median_of(self.runs, once)

    def environment(self, root: Path) -> list[Row]:
        """The environment of this repository."""
        _note("the environment of this repository")
        self._judged(root, 6)
        check = (*CHECK, str(root))
        cold, warm = self._seconds(*check, cold=True), self._seconds(*check)
        gate = (PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider")
        rows = [
            Row("check, nothing cached", cold, "s", 1.0, self.bare, "bare pytest"),
            Row("check, cached", warm, "s", 0.6, self.bare, "bare pytest"),
        ]
        for name, seconds, known in (
            ("pytest, nothing cached", self._seconds(*gate, folder=root, cold=True), cold),
            ("pytest, cached", self._seconds(*gate, folder=root), warm),
        ):
            rows.append(
                Row(name, seconds, "s", round(self.bare + known + 0.5, 2), self.bare + known, "bare pytest + check")
            )
        compiled, first = microseconds_per_object(root, self.runs)
        rows.append(Row("schema check of an object", compiled, "µs", 20.0, first, "with reading and compiling it"))
        in_sync, changed = microseconds_per_pair(self.runs)
        rows.append(Row("compare a Deployment that is in sync", in_sync, "µs", 200.0, changed, "one that has changed"))
        if self.helm:
            command = self._seconds(*check, "--no-cache", "--no-embedded-helm")
            rows.append(Row("check, embedded rendering", cold, "s", None, command, "check by the helm command"))
        return rows

    def values(self, applications: int = 40) -> list[Row]:
        """What it costs to find the values of an Application that nothing reads, beside rendering and judging it."""
        _note(f"the values of {applications} Applications")
        seconds = {}
        for probe in ("never", "always"):
            tree = self.scratch / f"values-{probe}"
            generate(tree, applications)
            for policy in (tree / "policies").iterdir():
                policy.write_text(f"{policy.read_text(encoding='utf-8')}valuesRead: {{probe: {probe}}}\n", "utf-8")
            self._judged(tree, applications + 1)
            check = (*CHECK, str(tree))
            seconds[probe] = self._seconds(*check, cold=True), self._seconds(*check)
        blame = (PYTHON, "-m", "driftgate.cli", "blame", "plate-web-stg", "--root", str(ROOT))
        cold, warm = (
            1000 * (with_probes - without) / applications
            for with_probes, without in zip(seconds["always"], seconds["never"], strict=True)
        )
        return [
            Row("values probed, nothing cached, for each Application", cold, "ms"),
            Row("values probed, cached, for each Application", warm, "ms"),
            Row("blame of a whole Application, nothing cached", self._seconds(*blame, cold=True), "s"),
        ]

    def generated(self, applications: int) -> list[Row]:
        """A generated repository in which every Application has a chart of its own."""
        _note(f"a generated repository of {applications} Applications")
        tree = self.scratch / "generated"
        generate(tree, applications)
        self._judged(tree, applications + 1)
        check = (*CHECK, str(tree))
        cold, warm = self._seconds(*check, cold=True), self._seconds(*check)
        goals = (8.0, 3.0, 400.0) if applications == 500 else (None, None, None)
        what = f"check, {applications} Applications"
        rows = [
            Row(f"{what}, nothing cached", cold, "s", goals[0], self.bare, "bare pytest"),
            Row(f"{what}, cached", warm, "s", goals[1], cold, "nothing cached"),
            self._reviewed(tree, what, warm),
            Row("the graph of these", self._told(GRAPH.format(tree=str(tree))), "s", None, warm, "check, cached"),
            Row("the search for credentials", self._searched(tree), "s", 0.5, warm, "check, cached"),
        ]
        shutil.rmtree(self.cache, ignore_errors=True)
        peak = peak_memory(check, self.variables, self.scratch)
        if peak is not None:
            rows.append(Row(f"{what}, memory of all processes", peak / MILLION, "MB", goals[2]))
        return rows

    def drift(self, objects: int, beside: int = 1_000) -> list[Row]:
        """Live objects of twenty kinds held against Git: by themselves, and some beside `kubectl diff`."""
        _note(f"{objects} live objects, and {beside} on an API server")
        tree = self.scratch / "drift"
        generate_objects(tree, objects)
        judged = judged_objects(tree, self.runs)
        both = beside_kubectl(self.scratch / "beside", beside, self.runs)
        return [
            Row(f"drift, {objects} objects, from lists to judgement", judged.seconds, "s"),
            Row("memory that this takes", judged.peak / MILLION, "MB"),
            Row(
                f"drift, {beside} objects of an API server",
                both.ours,
                "s",
                round(both.kubectls / 12, 2),
                both.kubectls,
                "kubectl diff --server-side",
            ),
            Row("API calls of this", both.calls, "calls"),
        ]

    def _reviewed(self, tree: Path, what: str, warm: float) -> Row:
        """The same with the change of one values line, against a commit of the tree as it was."""
        for arguments in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "base")):
            identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false")
            run(("git", *identity, *arguments), self.variables, tree)
        values = min((tree / "charts").glob("*/values-live.yaml"))
        before = values.read_text(encoding="utf-8")
        values.write_text(before.replace("replicas: ", "replicas: 1"), encoding="utf-8")
        report = self.scratch / "review.json"
        run((*CHECK, str(tree), "--base", "HEAD", "--report", f"json={report}"), self.variables, self.scratch)
        changes = json.loads(report.read_text(encoding="utf-8"))["changes"]
        assert [change["state"] for change in changes].count("changed") == 1, changes
        seconds = self._seconds(*CHECK, str(tree), "--base", "HEAD")
        values.write_text(before, encoding="utf-8")
        return Row(f"{what}, cached, with --base", seconds, "s", None, warm, "check, cached")

    def _searched(self, tree: Path) -> float:
        """Seconds that looking for credentials in every file of a tree takes by itself."""
        return self._told(CREDENTIALS.format(tree=str(tree)))

    def _judged(self, tree: Path, applications: int) -> None:
        """A measurement of a run that judged less than it should would be worth nothing."""
        report = self.scratch / "report.json"
        run((*CHECK, str(tree), "--report", f"json={report}"), self.variables, self.scratch)
        (ledger,) = json.loads(report.read_text(encoding="utf-8"))["ledger"]
        assert len(ledger["rendered"]) == applications, ledger


if __name__ == "__main__":
    sys.exit(main())
