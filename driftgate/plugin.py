"""The pytest plugin: one item per topic and Application, and one per topic and environment.

The items of a cluster have the marker `live`; they are made, and the cluster is read, only where `-m` asks for them.
Silent until asked: without a topic module of `driftgate.checks` among the collected files nothing is read, rendered or
imported beyond this module.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from driftgate.clusters import Judged as JudgedClusters
    from driftgate.judge import Scope
    from driftgate.model.outcome import Finding, Judgement
    from driftgate.policy import Policy
    from driftgate.report.formats import ReportFile
    from driftgate.settings import Settings

__all__ = ["DriftgateFailure"]

_GATE = pytest.StashKey["Gate"]()
_LIVE_OPTIONS = tuple(
    f"--driftgate-{name}"
    for name in (
        "before", "wait", "revision", "context", "kubeconfig", "in-cluster", "destination", "live-from", "via",
        "any-cluster",
    )
)  # fmt: skip
_USAGE_EXIT = 4
_NOTHING_EXIT = 5
_UNCHECKED_EXIT = 6


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("driftgate", "policy and drift of Argo CD environments")
    group.addoption(
        "--driftgate", action="store_true", help="Collect driftgate's checks, besides what else is collected."
    )
    group.addoption(
        "--driftgate-root",
        metavar="PATH",
        help="Root of the repository to judge (default: pytest's rootdir).",
    )
    group.addoption(
        "--driftgate-policy", metavar="PATH", help="Policy file or folder below the root (default: policies)."
    )
    group.addoption("--driftgate-environment", metavar="NAME", help="Judge only the environment of this name.")
    group.addoption(
        "--driftgate-repository-url", metavar="URL", action="append", default=[],
        help="A URL under which Applications name this repository; repeatable.",
    )  # fmt: skip
    group.addoption(
        "--driftgate-report", metavar="FORMAT=FILE", action="append", default=[],
        help="Write a report in one of the formats that `driftgate check --help` lists; repeatable.",
    )  # fmt: skip
    group.addoption(
        "--driftgate-base", metavar="REF", help="Also judge the change since HEAD left this branch, tag or commit."
    )
    group.addoption(
        "--driftgate-new-only",
        action="store_true",
        help="With --driftgate-base: show and fail on what the change brings; count the rest.",
    )
    group.addoption(
        "--driftgate-before", metavar="FILE", type=Path,
        help="With -m live: tell what came of a deploy by the snapshot that `driftgate snapshot` wrote before it.",
    )  # fmt: skip
    group.addoption(
        "--driftgate-wait", metavar="SECONDS", type=float,
        help="With -m live: the longest to wait until everything has come to rest (default: 300 with "
        "--driftgate-before, else 0).",
    )  # fmt: skip
    group.addoption(
        "--driftgate-revision", metavar="SHA",
        help="With -m live: the commit that Argo CD has to have synced (default: that of the snapshot).",
    )  # fmt: skip
    group.addoption(
        "--driftgate-context", metavar="NAME",
        help="With -m live: the kubeconfig context (default: those that policy has; never the current one).",
    )  # fmt: skip
    group.addoption("--driftgate-kubeconfig", metavar="FILE", help="With -m live: instead of KUBECONFIG.")
    group.addoption("--driftgate-in-cluster", action="store_true", help="With -m live: the cluster of this Pod.")
    group.addoption(
        "--driftgate-destination", metavar="SERVER|NAME",
        help="With -m live: which destination of the Applications the cluster is, where they have several.",
    )  # fmt: skip
    group.addoption("--driftgate-live-from", metavar="DIR", help="With -m live: a recording instead of a cluster.")
    group.addoption(
        "--driftgate-via", choices=("helm", "argocd"), help="With -m live: who delivers (default: what is found)."
    )
    group.addoption(
        "--driftgate-any-cluster", action="store_true",
        help="With -m live: also a cluster that policy does not name.",
    )  # fmt: skip
    group.addoption("--driftgate-no-cache", action="store_true", help="Neither read nor write rendered charts on disk.")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from driftgate import pytest_hooks

    pluginmanager.add_hookspecs(pytest_hooks)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "live: asks a cluster; driftgate makes these items only where -m selects them")
    config.stash[_GATE] = gate = Gate(config)
    config.pluginmanager.register(gate, "driftgate-gate")
    if config.getoption("--driftgate") and str(gate.checks) not in config.args:
        config.args.append(str(gate.checks))


def pytest_sessionstart(session: pytest.Session) -> None:
    """A policy that cannot be followed is a usage error, before anything is collected."""
    gate = session.config.stash[_GATE]
    if gate.wanted():
        gate.refuse_idle_options()
        gate.policies()
        gate.report_targets()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if parent.config.stash[_GATE].is_topic(file_path):
        return Topic.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A topic that is named on the command line is no test module: importing it twice would make two of each check."""
    if parent.config.stash[_GATE].is_topic(module_path):
        return _Empty.from_parent(parent, path=module_path)
    return None


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """A gate that was collected from a folder above has not been looked at before: the same usage error, later."""
    gate = config.stash[_GATE]
    if gate.usage_error:
        raise pytest.UsageError(gate.usage_error)


def pytest_deselected(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, Judged):
            item.config.stash[_GATE].deselected += 1


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    gate = config.stash[_GATE]
    data = gate.summary()
    if data is None:
        return
    terminalreporter.section("driftgate")
    terminalreporter.write_line(f"tree    {data['root']}")
    terminalreporter.write_line(data["text"])
    if data["deselected"]:
        terminalreporter.write_line(
            f"{data['deselected']} items were deselected: what they would have said is not in this run"
        )
    if gate.write_error:
        terminalreporter.write_line(f"ERROR: {gate.write_error}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    gate = session.config.stash[_GATE]
    data = gate.summary()
    if data is None:
        return
    worker = getattr(session.config, "workeroutput", None)
    if worker is not None:
        worker["driftgate"] = data
        return
    session.exitstatus = gate.exit_status(exitstatus, nothing=data["nothing"])
    gate.write_reports(data)
    if gate.write_error:
        session.exitstatus = _USAGE_EXIT


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Under xdist the workers judge and the controller alone reports; each worker has judged everything."""
    data = getattr(node, "workeroutput", {}).get("driftgate")
    if data is not None:
        node.config.stash[_GATE].received = data


class DriftgateFailure(AssertionError):  # noqa: N818 - findings, not an error of the test
    """What one item has to say, shown as findings and not as a traceback; `nothing` where nothing was judged."""

    def __init__(self, findings: tuple[Finding, ...], *, nothing: bool = False) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings = findings
        self.nothing = nothing


class Gate:
    """The run behind the items: read, rendered and judged once, when the first topic is collected."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._policies: tuple[Policy, ...] | None = None
        self._judgements: tuple[Judgement, ...] | None = None
        self._live: tuple[JudgedClusters, ...] | None = None
        self.received: dict[str, Any] | None = None
        self.deselected = 0
        self.write_error = ""
        self.usage_error = ""
        self._failures: set[str] = set()
        spec = importlib.util.find_spec("driftgate.checks")
        self.checks = Path((spec.submodule_search_locations or [""])[0]).resolve() if spec else Path()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Kept from the reports, because under xdist these are all that the controller sees of an item."""
        if report.failed:
            self._failures.add(str(dict(report.user_properties).get("driftgate") or "other"))

    def is_topic(self, path: Path) -> bool:
        """Whether a file is a topic module of the checks."""
        return path.suffix == ".py" and path.name != "__init__.py" and path.resolve().parent == self.checks

    def wanted(self) -> bool:
        """Whether the arguments can lead to a topic at all."""
        base = self._config.invocation_params.dir
        for argument in self._config.args:
            path = (base / str(argument).split("::", 1)[0]).resolve()
            if path == self.checks or path in self.checks.parents or self.is_topic(path):
                return bool(self._config.getoption("--driftgate")) or path == self.checks or self.is_topic(path)
        return False

    @functools.cached_property
    def root(self) -> Path:
        """The tree to judge: the option, else what a conftest.py says, else pytest's rootdir.

        Asked when the session starts and kept: collecting the checks may load the conftest.py that lies beside them,
        and what that one says is about another tree.
        """
        option = self._config.getoption("--driftgate-root")
        if option:
            return Path(self._config.invocation_params.dir, option)
        named: Path | None = self._config.hook.pytest_driftgate_root()
        return named if named is not None else Path(self._config.rootpath)

    def policies(self) -> tuple[Policy, ...]:
        """The policies of the tree, read once; UsageError for what cannot be followed."""
        if self._policies is None:
            from driftgate.errors import DriftgateError
            from driftgate.run import policies_of

            option = self._config.getoption
            try:
                self._policies = policies_of(self.root, option("--driftgate-policy"), option("--driftgate-environment"))
            except DriftgateError as error:
                raise pytest.UsageError(str(error)) from None
        return self._policies

    def usable(self) -> bool:
        """Whether policies and base can be had; where not, the end of the collection tells why."""
        if not self.usage_error:
            try:
                if self.asks_files:
                    self.judgements()
                if self.asks_clusters:
                    self.live()
            except pytest.UsageError as error:
                self.usage_error = str(error)
        return not self.usage_error

    @functools.cached_property
    def asks_files(self) -> bool:
        """Whether items without a marker are selected: those of the files."""
        return self._selects(frozenset()) or not self.asks_clusters

    @functools.cached_property
    def asks_clusters(self) -> bool:
        """Whether `-m` selects what has the marker `live`; without `-m` nothing of a cluster is asked."""
        return bool(self._config.option.markexpr) and self._selects(frozenset({"live"}))

    def _selects(self, marks: frozenset[str]) -> bool:
        """Whether `-m` selects an item with these marks, by pytest's own reading, which it shows to no plugin."""
        from _pytest.mark.expression import Expression

        def is_there(name: str, /, **_: object) -> bool:
            return name in marks

        text = self._config.option.markexpr
        try:
            return not text or Expression.compile(text).evaluate(is_there)
        except SyntaxError:  # pytest itself tells of it
            return False

    def refuse_idle_options(self) -> None:
        """UsageError for an option that has no effect, because no cluster is asked."""
        given = [name for name in _LIVE_OPTIONS if self._config.getoption(name) not in (None, False)]
        if given and not self.asks_clusters:
            raise pytest.UsageError(f"{given[0]} is for live checks: add -m live")

    def live(self) -> tuple[JudgedClusters, ...]:
        """What the clusters of every environment were judged to be."""
        if self._live is None:
            from driftgate.errors import DriftgateError
            from driftgate.live_run import live_run

            tell = self._config.pluginmanager.get_plugin("terminalreporter")
            try:
                self._live = live_run(self.root, self.policies(), self.settings(), self._config.getoption, tell)
            except DriftgateError as error:
                raise pytest.UsageError(str(error)) from None
        return self._live

    def settings(self) -> Settings:
        """The settings that the options ask for."""
        from dataclasses import replace

        from driftgate.settings import Settings

        settings = Settings()
        return replace(settings, cache=None) if self._config.getoption("--driftgate-no-cache") else settings

    def judgements(self) -> tuple[Judgement, ...]:
        """The judgement of every environment."""
        if self._judgements is None:
            from driftgate.errors import DriftgateError
            from driftgate.run import base_of, judge_tree

            option = self._config.getoption
            urls, new_only = option("--driftgate-repository-url"), option("--driftgate-new-only")
            if new_only and option("--driftgate-base") is None:
                raise pytest.UsageError("--driftgate-new-only: new since when? Name it by --driftgate-base")
            try:
                with base_of(self.root, option("--driftgate-base"), option("--driftgate-policy")) as base:
                    self._judgements = judge_tree(
                        self.root, self.policies(), self.settings(), urls, base=base, new_only=new_only
                    )
            except DriftgateError as error:
                raise pytest.UsageError(str(error)) from None
        return self._judgements

    def report_targets(self) -> list[ReportFile]:
        """The reports that were asked for; UsageError for what cannot be written."""
        from driftgate.errors import UsageError
        from driftgate.report.formats import target_of

        folder = self._config.invocation_params.dir
        try:
            return [
                target_of("--driftgate-report", text, folder) for text in self._config.getoption("--driftgate-report")
            ]
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    def summary(self) -> dict[str, Any] | None:
        """What is shown and written at the end, as plain data; None where nothing was judged here."""
        if self._judgements is None and self._live is None:
            return self.received
        from driftgate.report.formats import Report, Section, report_text
        from driftgate.report.terminal import summary_text

        files, clusters = self._judgements or (), self._live or ()
        judgements = (*files, *(one.judgement for one in clusters))
        live = [Section(one.judgement, one.live, aftermath=one.aftermath) for one in clusters]
        report = Report((*map(Section, files), *live), self.root)
        formats = {target.format for target in self.report_targets()}
        return {
            "root": str(self.root),
            "text": "\n".join(filter(None, (summary_text(files), *map(_live_text, clusters)))),
            # Written where it was judged: under xdist only text comes from there to the file.
            "reports": {format_: report_text(format_, report) for format_ in formats},
            "nothing": not any(judgement.ledger.applications for judgement in judgements),
            "deselected": self.deselected,
        }

    def write_reports(self, data: dict[str, Any]) -> None:
        """Write what was asked for; what could not be written is in `write_error`."""
        from driftgate.errors import UsageError
        from driftgate.report.formats import write_report

        for target in self.report_targets():
            try:
                write_report(target, data["reports"][target.format])
            except UsageError as error:
                self.write_error = str(error)

    def exit_status(self, exitstatus: int, *, nothing: bool) -> int:
        """The session's exit status, told apart as `driftgate check` does; failures of other tests stay failures."""
        if exitstatus == 1 and self._failures == {"unchecked"}:
            return _UNCHECKED_EXIT
        if (exitstatus == 1 and self._failures and self._failures <= {"nothing", "unchecked"}) or (
            exitstatus == 0 and nothing
        ):
            return _NOTHING_EXIT
        return exitstatus


def _live_text(one: JudgedClusters) -> str:
    """What is told at the end of clusters: which, what came of a deploy, and what was judged."""
    from driftgate.report.deploys import aftermath_text
    from driftgate.report.drift import clusters_lines
    from driftgate.report.terminal import summary_text

    after = aftermath_text(one.aftermath, one.judgement) if one.aftermath is not None else ""
    return "\n".join(filter(None, (*clusters_lines(one.live, 100), after.rstrip(), summary_text((one.judgement,)))))


def _crash(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    """A fault of driftgate's own, without local variables whatever `--showlocals` asks: they may hold Secrets."""
    return excinfo.getrepr(style="short", showlocals=False)


class _Empty(pytest.Module):
    def collect(self) -> Iterator[pytest.Item]:
        return iter(())


class Topic(pytest.File):
    """A topic module of the checks."""

    def collect(self) -> Iterator[pytest.Item]:
        from driftgate.judge import Scope, load_catalogue

        gate = self.config.stash[_GATE]
        if not gate.usable():
            return
        checks = load_catalogue().of_topic(self.path.stem)
        if gate.asks_files:
            scopes = {check.scope for check in checks if check.judges(live=False)}
            yield from self._items(gate.judgements(), scopes, Scope.APPLICATION)
        if gate.asks_clusters:
            scopes = {check.scope for check in checks if check.judges(live=True)}
            for item in self._items([one.judgement for one in gate.live()], scopes, Scope.APPLICATION):
                item.add_marker("live")
                yield item

    def _items(self, judgements: Sequence[Judgement], scopes: set[Scope], application: Scope) -> Iterator[pytest.Item]:
        """An item for each environment and each Application that checks of these scopes look at."""
        for judgement in judgements if scopes else ():
            suffix = f"[{judgement.ledger.environment}]" if len(judgements) > 1 else ""
            if scopes - {application} or not judgement.ledger.applications:
                yield self._item(judgement.ledger.environment, judgement, "")
            if application in scopes:
                for label in judgement.ledger.applications:
                    yield self._item(label + suffix, judgement, label)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ARG002
        if isinstance(excinfo.value, self.CollectError | pytest.UsageError):
            return super().repr_failure(excinfo)
        return _crash(excinfo)

    def _item(self, name: str, judgement: Judgement, label: str) -> pytest.Item:
        item: pytest.Item = Judged.from_parent(self, name=name, judgement=judgement, label=label, topic=self.path.stem)
        return item


class Judged(pytest.Item):
    """What one topic says of one Application, or of the environment as a whole."""

    def __init__(self, *, judgement: Judgement, label: str, topic: str, **more: Any) -> None:
        super().__init__(**more)
        self._judgement = judgement
        self._label = label
        self._topic = topic

    def runtest(self) -> None:
        from driftgate.judge import load_catalogue
        from driftgate.model.outcome import Outcome, Severity

        ids = {check.id for check in load_catalogue().of_topic(self._topic)}
        mine = [f for f in self._judgement.told if f.check in ids and f.application == self._label]
        failed = [f for f in mine if f.outcome is Outcome.FAILED and f.severity is not Severity.NOTE]
        unchecked = [f for f in mine if f.outcome is Outcome.COULD_NOT_CHECK]
        nothing = not self._judgement.ledger.applications
        if failed or unchecked or nothing:
            kind = "failed" if failed else "nothing" if nothing else "unchecked"
            self.user_properties.append(("driftgate", kind))
            raise DriftgateFailure((*failed, *unchecked), nothing=nothing)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ARG002
        if isinstance(excinfo.value, DriftgateFailure):
            from driftgate.report.terminal import finding_text

            texts = [finding_text(finding) for finding in excinfo.value.findings]
            return "\n\n".join(
                [*texts, *(["nothing judged: no Application in this tree"] if excinfo.value.nothing else [])]
            )
        return _crash(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self._topic}: {self.name}"
