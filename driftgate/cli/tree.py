"""The commands that need no cluster: what a repository says, judged and shown."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from driftgate.cli.options import (
    EXIT_CODES,
    AddCommand,
    report_option,
    report_targets,
    settings_of,
    tree_options,
    write_reports,
)
from driftgate.errors import UsageError
from driftgate.judge import load_catalogue
from driftgate.report.terminal import printable
from driftgate.run import base_of, exit_code, judge_tree, policies_of

__all__ = ["add_tree_commands"]

_WAVES_EXIT_CODES = "Exit codes: 0 shown, 4 usage, 5 no Application to show, 6 something was not rendered in full."
_FETCH_EXIT_CODES = (
    "Exit codes: 0 all is stored, 4 usage, 5 no Application to look at, 6 something could not be fetched."
)


def add_tree_commands(add: AddCommand) -> None:
    """Add the commands of this module to the parser of the command line."""
    check = add(
        "check",
        help="judge a repository without a cluster",
        description="Judge a repository without a cluster or a network.",
        epilog=EXIT_CODES,
    )
    tree_options(check)
    report_option(check)
    check.add_argument(
        "--base",
        metavar="REF",
        help="also judge the change since HEAD left this branch, tag or commit, such as origin/main",
    )
    check.add_argument(
        "--new-only", action="store_true", help="with --base: show and fail on what the change brings; count the rest"
    )
    check.set_defaults(run=_check)
    explain = add("explain", help="what a check looks at, why, and what to do", description="Explain one check.")
    explain.add_argument("check", help="the check's id, as findings name it")
    explain.set_defaults(run=_explain)
    render = add(
        "render",
        help="print what an Application renders to",
        description="Print what Argo CD would apply for one Application.",
    )
    render.add_argument("application", help="the Application's name")
    tree_options(render)
    render.set_defaults(run=_render)
    blame = add(
        "blame",
        help="which line of the values sets a rendered field, and what else it changes",
        description="Name the values line that sets a rendered field, what the field would be without it, and what "
        "else the line changes. Without FIELD every field of the object that a line decides over, without OBJECT every "
        "values line and what it does. Values that may be secret are not shown.",
        epilog="Exit codes: 0 told, 4 usage, 6 the Application could not be rendered in full.",
    )
    blame.add_argument("application", metavar="APPLICATION", help="the Application's name")
    blame.add_argument("object", metavar="OBJECT", nargs="?", help="Kind/name of a rendered object")
    blame.add_argument("fields", metavar="FIELD", nargs="*", help="paths as findings write them; blocks as well")
    tree_options(blame, root="--root")
    blame.set_defaults(run=_blame)
    waves = add(
        "waves",
        help="show in which order Applications are applied, and what they need of each other",
        description="Show in which order Argo CD applies the Applications: parents, sync waves and children, with what "
        "each provides to others and needs of them. The names come one a line, each after all that it needs.",
        epilog=_WAVES_EXIT_CODES,
    )
    tree_options(waves)
    waves.add_argument("--format", choices=("text", "mermaid", "names"), default="text", help="default: text")
    waves.set_defaults(run=_waves)
    fetch = add(
        "fetch",
        help="store remote charts and repositories, so that everything else is offline",
        description="Store the remote charts, repositories and chart dependencies that Applications name, so that "
        "checks can render them offline. Uses your own logins of helm and git, and never asks for one. Not fetched, "
        "and yours to keep in the repository: remote bases of kustomizations, values files behind a URL, "
        "dependencies from repositories that only `helm repo add` knows.",
        epilog=_FETCH_EXIT_CODES,
    )
    tree_options(fetch)
    fetch.set_defaults(run=_fetch)
    catalogue = add("catalogue", help="print every check as Markdown", description="Print every check as Markdown.")
    catalogue.set_defaults(run=_catalogue)
    schema = add(
        "schema",
        help="print the JSON Schema of policy files",
        description="Print the JSON Schema of policy files.",
    )
    schema.set_defaults(run=_schema)


def _check(options: argparse.Namespace) -> int:
    from driftgate.report.formats import Report, Section
    from driftgate.report.terminal import terminal_report

    targets = report_targets(options)
    root = Path(options.path)
    if options.new_only and options.base is None:
        raise UsageError("--new-only: new since when? Name it by --base")
    policies = policies_of(root, options.policy, options.environment)
    with base_of(root, options.base, options.policy) as base:
        judgements = judge_tree(
            root, policies, settings_of(options), options.repository_url, base=base, new_only=options.new_only
        )
    write_reports(targets, Report(tuple(map(Section, judgements)), root))
    width = shutil.get_terminal_size((100, 24)).columns
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(terminal_report(judgements, width=width, colour=colour), end="")
    return exit_code(judgements)


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
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            for loaded in assembly.environment.applications:
                if options.application in (loaded.label, loaded.application.name):
                    found = max(found, 1 if loaded.complete else 2)
                    print(rendered_text(loaded), end="")
    if not found:
        raise UsageError(f"no Application is called {options.application}")
    return 0 if found == 1 else 6


def _blame(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.report.blame import blame_text, nearest

    root = Path(options.path)
    width = shutil.get_terminal_size((100, 24)).columns
    texts: dict[str, bool] = {}
    known: list[str] = []
    for policy in policies_of(root, options.policy, options.environment):
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            for loaded in assembly.environment.applications:
                known.append(loaded.application.name)
                if options.application in (loaded.label, loaded.application.name):
                    text = blame_text(assembly, loaded, options.object, options.fields, width)
                    texts[text] = texts.get(text, True) and loaded.complete
    if not texts:
        raise UsageError(f"no Application is called {options.application}{nearest(options.application, known)}")
    print("\n".join(texts), end="")
    return 0 if all(texts.values()) else 6


def _waves(options: argparse.Namespace) -> int:
    from driftgate.assembly import assemble
    from driftgate.judge import Subject, order_of, waves_wait
    from driftgate.report.waves import waves_mermaid, waves_names, waves_text

    root = Path(options.path)
    policies = policies_of(root, options.policy, options.environment)
    if options.format != "text" and len(policies) > 1:
        names = ", ".join(policy.environment for policy in policies)
        raise UsageError(f"--format {options.format} shows one environment: name it by --environment ({names})")
    parts, unknown, found = [], [], False
    for policy in policies:
        with assemble(root, policy, settings_of(options), options.repository_url) as assembly:
            subject = Subject(assembly.environment, policy)
            order = order_of(subject)
        found = found or bool(order.applications)
        unknown += [label for label, loaded in order.applications.items() if not loaded.complete]
        if options.format == "text":
            width = shutil.get_terminal_size((100, 24)).columns
            parts.append(waves_text(order, policy.environment, waits=waves_wait(subject), width=width))
        else:
            parts.append(waves_mermaid(order) if options.format == "mermaid" else waves_names(order))
    print("\n".join(parts), end="")
    for label in unknown if options.format != "text" else ():
        print(printable(f"driftgate: {label} is not rendered in full; its needs are not known"), file=sys.stderr)
    return 6 if unknown else 0 if found else 5


def _fetch(options: argparse.Namespace) -> int:
    from driftgate.fetch import fetch_tree

    root = Path(options.path)
    return fetch_tree(
        root,
        policies_of(root, options.policy, options.environment),
        settings_of(options),
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
