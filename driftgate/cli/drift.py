"""The commands that hold a cluster against Git: what differs, and what the cluster said, to look at it again."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.cli.options import (
    EXIT_CODES,
    AddCommand,
    cluster_options,
    report_option,
    report_targets,
    settings_of,
    tree_options,
    write_reports,
)
from driftgate.cli.readers import cluster_reader, reader_of, refuse_two_ways
from driftgate.errors import DriftgateError, UsageError
from driftgate.report.terminal import printable
from driftgate.run import policies_of

if TYPE_CHECKING:
    from driftgate.clusters import Judged
    from driftgate.history import Comparison, History, HistoryRules
    from driftgate.model.outcome import Judgement

__all__ = ["add_drift_commands"]

_UNREAD_EXIT = 6
_RECORD_EXIT_CODES = "Exit codes: 0 recorded, 4 usage, 6 recorded, and something could not be read, or nothing could."


def add_drift_commands(add: AddCommand) -> None:
    """Add the commands of this module to the parser of the command line."""
    drift = add(
        "drift",
        help="what differs between Git and the cluster, who did it, and what will become of it",
        description="Compare everything that Git renders with the live objects, by Argo CD's own rules: what was "
        "changed, deleted, added or left over, who wrote it and when, whether it will be reverted, and which line of "
        "Git says otherwise. Only get and list; no value of a Secret is printed.",
        epilog=EXIT_CODES,
    )
    tree_options(drift, several=True)
    cluster_options(drift)
    drift.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    drift.add_argument("--live-from", metavar="DIR", help="a recording instead of a cluster: see `driftgate record`")
    drift.add_argument(
        "--via", choices=("helm", "argocd"), help="who delivers (default: what the cluster shows, by Application)"
    )
    drift.add_argument("--any-cluster", action="store_true", help="also a cluster that policy does not name")
    drift.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    report_option(drift)
    drift.add_argument(
        "--history",
        metavar="FILE",
        help="remember in this SQLite file what was found, and tell what is new since the last run, old, fixed and "
        "flapping; what then fails the run stands in policy under drift.failOn. The file is written last: where that "
        "fails, the exit code is 6 instead of 0",
    )
    drift.set_defaults(run=_drift)
    history = add(
        "history",
        help="what a history of `driftgate drift --history` remembers",
        description="The runs and the findings that a history holds, by environment: new, old, not looked at of late, "
        "waived and fixed, each with its times. No cluster is asked.",
        epilog="Exit codes: 0 told, 4 usage.",
    )
    history.add_argument("file", metavar="FILE", help="the history")
    history.add_argument(
        "--environment", action="append", default=[], metavar="NAME", help="only this environment; repeatable"
    )
    history.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    history.set_defaults(run=_history)
    record = add(
        "record",
        help="write down what a cluster says, without any secret, for `driftgate drift --live-from`",
        description="Read what `driftgate drift` reads, and write it into a folder: one file for each kind, without "
        "the values of Secrets and without what looks like a credential.",
        epilog=_RECORD_EXIT_CODES,
    )
    record.add_argument("folder", metavar="DIR", help="where to write; a folder that is not there yet, or empty")
    tree_options(record, root="--root")
    cluster_options(record)
    record.add_argument(
        "--application", action="append", default=[], metavar="NAME", help="only this Application; repeatable"
    )
    record.add_argument("--any-cluster", action="store_true", help="also a cluster that policy does not name")
    record.set_defaults(run=_record)


def _drift(options: argparse.Namespace) -> int:
    from driftgate.clusters import judge_clusters
    from driftgate.drift.consequences import Deliverer
    from driftgate.report.drift import drift_text, summary_line
    from driftgate.report.formats import Report, Section, report_text

    root = Path(options.path)
    via = Deliverer(options.via) if options.via else None
    width = shutil.get_terminal_size((100, 24)).columns
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    refuse_two_ways(options)
    policies = policies_of(root, options.policy, options.environment)
    past = _Past.of(options.history)
    targets = report_targets(options)
    sections: list[Section] = []
    with reader_of(options, is_alone=len(policies) == 1) as reader:
        settings, urls = settings_of(options), options.repository_url
        for one in judge_clusters(root, policies, settings, reader, urls=urls, via=via):
            beside = past.beside(one)
            sections.append(Section(one.judgement, one.live, beside, code=_code(one.judgement, beside)))
            if options.format == "text":
                text = drift_text(one.judgement, one.live, beside, width=width, colour=colour)
                if len(policies) > 1:
                    print("\n" * (len(sections) > 1) + printable(f"environment {one.environment.name}"))
                print(text, end="", flush=True)
    report = Report(tuple(sections), root)
    write_reports(targets, report)
    if options.format == "json":
        print(report_text("json", report), end="")
    elif len(sections) > 1:
        print("\n" + printable(summary_line([(one.judgement, one.exit_code) for one in sections])))
    sys.stdout.flush()  # what nobody was told is not written down as told
    codes = {section.exit_code for section in sections} or {5}
    codes |= {0} if past.is_written() else {_UNREAD_EXIT}
    return next((code for code in (1, 5, 6) if code in codes), 0)


@dataclass
class _Past:
    """The history of a run: what it compares, and writes when everything has been told."""

    history: History | None
    comparisons: list[tuple[Comparison, HistoryRules]] = field(default_factory=list)
    is_broken: bool = False

    @classmethod
    def of(cls, file: str | None) -> _Past:
        """The history in a file, looked at before any cluster is asked; UsageError where it is none."""
        if file is None:
            return cls(None)
        from driftgate.history import History

        history = History(Path(file))
        history.refuse_unwritable()
        return cls(history)

    def beside(self, one: Judged) -> tuple[Comparison, HistoryRules] | None:
        """A run of an environment beside what is remembered; None without a history that can be read."""
        if self.history is None:
            return None
        from driftgate.history import HistoryError, HistoryRules, run_of
        from driftgate.judge import load_catalogue
        from driftgate.policy import DriftSection

        run = run_of(one.judgement, one.live, one.environment, one.policy, load_catalogue())
        try:
            compared = self.history.compared(run)
        except HistoryError as error:
            _say(error)
            self.history, self.is_broken = None, True
            return None
        self.comparisons.append((compared, HistoryRules.of(one.policy.section(DriftSection))))
        return self.comparisons[-1]

    def is_written(self) -> bool:
        """Write the runs; False, and said aloud, where that fails."""
        if self.history is None:
            return not self.is_broken
        from driftgate.history import HistoryError

        try:
            self.history.record([(comparison.run, rules) for comparison, rules in self.comparisons])
        except HistoryError as error:
            _say(error)
            return False
        return True


def _say(error: DriftgateError) -> None:
    text = f"driftgate: {error}: nothing of this run is remembered, and the next one tells the same as new"
    print(printable(text), file=sys.stderr)


def _code(judgement: Judgement, beside: tuple[Comparison, HistoryRules] | None) -> int:
    """The exit code of an environment: by every finding, or by those on which policy fails."""
    if beside is None:
        return judgement.exit_code
    from driftgate.history import Seen, failing

    failed = failing(*beside)
    # A cluster of which nothing is known never looks like a quiet night, whatever policy says.
    counted = [one for one in judgement.findings if Seen.of(one).key in failed or one.check == "cluster-unreached"]
    return replace(judgement, findings=tuple(counted)).exit_code


def _history(options: argparse.Namespace) -> int:
    from driftgate.history import History
    from driftgate.report.history import history_text, remembered_data

    path = Path(options.file)
    if not path.exists():
        raise UsageError(f"history {path}: no such file")
    found = History(path).environments()
    for name in options.environment:
        if name not in [one.environment for one in found]:
            known = ", ".join(one.environment for one in found) or "none"
            raise UsageError(f"history {path}: no run of environment {name}; there is {known}")
    chosen = [one for one in found if not options.environment or one.environment in options.environment]
    if options.format == "json":
        print(json.dumps(remembered_data(chosen), indent=2, ensure_ascii=False))
    else:
        print(history_text(chosen, width=shutil.get_terminal_size((100, 24)).columns), end="")
    return 0


def _record(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.drift.recording import write_recording
    from driftgate.live import ApiError

    root = Path(options.path)
    policies = policies_of(root, options.policy, options.environment)
    if len(policies) > 1:
        names = ", ".join(policy.environment for policy in policies)
        raise UsageError(f"a recording is of one environment: name it by --environment ({names})")
    (policy,) = policies
    assembly = assemble(root, policy, settings_of(options), options.repository_url)
    with assembly, cluster_reader(options, is_alone=True) as reader:
        ways = reader.ways(assembly.environment)
        if len(ways) > 1:
            known = ", ".join(str(way.destination) for way in ways)
            raise UsageError(f"a recording is of one cluster: name it by --destination ({known})")
        try:
            state = reader.read(ways[0], assembly.environment, policy)
        except ApiError as error:
            print(printable(f"driftgate: {error}"), file=sys.stderr)
            return _UNREAD_EXIT
    write_recording(state, Path(options.folder))
    objects = len(state.objects) + len(state.others)
    print(printable(f"{options.folder}: {objects} objects of {state.context}, {state.calls} API calls"))
    for unread in state.unread:
        where = f" in namespace {unread.wanted.namespace}" if unread.wanted.namespace else ""
        print(printable(f"  not read: {unread.wanted.kind}{where}: {unread.why.value}: {unread.message}"))
    return _UNREAD_EXIT if state.unread else 0
