"""The `driftgate` command."""

from __future__ import annotations

import argparse
import atexit
import gc
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import driftgate
from driftgate.errors import DriftgateError, UsageError
from driftgate.judge import load_catalogue
from driftgate.model.outcome import Judgement
from driftgate.report.terminal import printable
from driftgate.run import exit_code, judge_tree, policies_of
from driftgate.settings import RENDER_SECONDS, Settings

__all__ = ["main"]

USAGE_EXIT = 4
_FETCH_EXIT_CODES = (
    "Exit codes: 0 all is stored, 4 usage, 5 no Application to look at, 6 something could not be fetched."
)
_EXIT_CODES = (
    "Exit codes: 0 nothing found, 1 findings, 4 usage, 5 nothing was judged, 6 something could not be checked."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; a user's mistake is one line on standard error."""
    if arguments is None:  # the process is ours and ends soon: no cycle is worth looking for, nor at its end
        gc.disable()
        atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no Korean still gets its report
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except DriftgateError as error:
        for line in f"driftgate: {error}".splitlines():
            print(printable(line), file=sys.stderr)
        return USAGE_EXIT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        print("driftgate: interrupted; nothing was judged", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(USAGE_EXIT)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="driftgate", description=driftgate.__doc__, epilog=_EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"driftgate {driftgate.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    check = commands.add_parser(
        "check",
        help="judge a repository without a cluster",
        description="Judge a repository without a cluster or a network.",
        epilog=_EXIT_CODES,
    )
    _tree_options(check)
    check.add_argument(
        "--report",
        action="append",
        default=[],
        metavar="FORMAT=FILE",
        help="also write a report; FORMAT is json; repeatable",
    )
    check.set_defaults(run=_check)
    explain = commands.add_parser(
        "explain", help="what a check looks at, why, and what to do", description="Explain one check."
    )
    explain.add_argument("check", help="the check's id, as findings name it")
    explain.set_defaults(run=_explain)
    render = commands.add_parser(
        "render",
        help="print what an Application renders to",
        description="Print what Argo CD would apply for one Application.",
    )
    render.add_argument("application", help="the Application's name")
    _tree_options(render)
    render.set_defaults(run=_render)
    fetch = commands.add_parser(
        "fetch",
        help="store remote charts and repositories; the only command that uses the network",
        description="Store the remote charts, repositories and chart dependencies that Applications name, so that "
        "checks can render them offline. Uses your own logins of helm and git, and never asks for one. Not fetched, "
        "and yours to keep in the repository: remote bases of kustomizations, values files behind a URL, "
        "dependencies from repositories that only `helm repo add` knows.",
        epilog=_FETCH_EXIT_CODES,
    )
    _tree_options(fetch)
    fetch.set_defaults(run=_fetch)
    catalogue = commands.add_parser(
        "catalogue", help="print every check as Markdown", description="Print every check as Markdown."
    )
    catalogue.set_defaults(run=_catalogue)
    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of policy files",
        description="Print the JSON Schema of policy files.",
    )
    schema.set_defaults(run=_schema)
    return parser


def _tree_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", nargs="?", default=".", help="the root of the repository (default: this folder)")
    parser.add_argument("--policy", metavar="PATH", help="policy file or folder below the root (default: policies)")
    parser.add_argument("--environment", metavar="NAME", help="only the environment of this name")
    parser.add_argument(
        "--repository-url",
        action="append",
        default=[],
        metavar="URL",
        help="a URL under which Applications name this repository; repeatable",
    )
    parser.add_argument("--no-cache", action="store_true", help="neither read nor write rendered charts on disk")
    parser.add_argument("--no-embedded-helm", action="store_true", help="render with the helm command only")
    parser.add_argument(
        "--render-timeout",
        type=_seconds,
        default=RENDER_SECONDS,
        metavar="SECONDS",
        help="the longest that one render may take (default: 30)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time to wait")
    return seconds


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings(embedded_helm=not options.no_embedded_helm, render_seconds=options.render_timeout)
    return replace(settings, cache=None) if options.no_cache else settings


def _check(options: argparse.Namespace) -> int:
    from driftgate.report.terminal import terminal_report

    reports = [_report_target(text) for text in options.report]
    root = Path(options.path)
    policies = policies_of(root, options.policy, options.environment)
    judgements = judge_tree(root, policies, _settings(options), options.repository_url)
    for format_, file in reports:
        _write_report(format_, file, judgements)
    width = shutil.get_terminal_size((100, 24)).columns
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(terminal_report(judgements, width=width, colour=colour), end="")
    return exit_code(judgements)


def _report_target(text: str) -> tuple[str, Path]:
    format_, equals, file = text.partition("=")
    if not equals or not file or format_ != "json":
        raise UsageError(f"--report {text}: expected json=FILE")
    if not Path(file).parent.is_dir():
        raise UsageError(f"--report {text}: there is no folder {Path(file).parent}")
    return format_, Path(file)


def _write_report(format_: str, file: Path, judgements: Sequence[Judgement]) -> None:
    from driftgate.report.json_report import json_report

    assert format_ == "json"
    try:
        file.write_text(json_report(judgements), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"report {file}: {error.strerror}") from error


def _explain(options: argparse.Namespace) -> int:
    from driftgate.report.catalogue import check_text, nearest_check

    check = load_catalogue().checks.get(options.check)
    if check is None:
        raise UsageError(f"no check is called {options.check}{nearest_check(options.check)}")
    print(check_text(check))
    return 0


def _render(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.report.rendered import rendered_text

    root = Path(options.path)
    found = 0
    for policy in policies_of(root, options.policy, options.environment):
        with assemble(root, policy, _settings(options), options.repository_url) as assembly:
            for loaded in assembly.environment.applications:
                if options.application in (loaded.label, loaded.application.name):
                    found = max(found, 1 if loaded.complete else 2)
                    print(rendered_text(loaded), end="")
    if not found:
        raise UsageError(f"no Application is called {options.application}")
    return 0 if found == 1 else 6


def _fetch(options: argparse.Namespace) -> int:
    from driftgate.fetch import fetch_tree

    root = Path(options.path)
    return fetch_tree(
        root,
        policies_of(root, options.policy, options.environment),
        _settings(options),
        options.repository_url,
    )


def _catalogue(_options: argparse.Namespace) -> int:
    from driftgate.report.catalogue import catalogue_text

    print(catalogue_text(load_catalogue()), end="")
    return 0


def _schema(_options: argparse.Namespace) -> int:
    from driftgate.policy import policy_schema

    catalogue = load_catalogue()
    print(json.dumps(policy_schema(catalogue.sections, catalogue.checks), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
