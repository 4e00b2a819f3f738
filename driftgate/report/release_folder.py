"""Releases as a folder of small text files, for a shell script that has no parser.

    DIR/order                    the folders of the releases, one a line, in the order of deployment
    DIR/roots                    the folders of the parents that a person applies for Argo CD, one a line
    DIR/not-releases             what helm cannot deliver: name, tab, reason
    DIR/01-shop/application      the Application's name; application-namespace the namespace that it is in itself
    DIR/01-shop/repository       from where Argo CD deploys it; revision which branch, tag or commit
    DIR/01-shop/release          Helm's name for it; likewise namespace, chart (a path), wave
    DIR/01-shop/context          the kubeconfig context that policy names for the destination; empty where it does not
    DIR/01-shop/create-namespace true or false
    DIR/01-shop/waits            seconds before each retry, one a line
    DIR/01-shop/arguments        for `helm upgrade`, `template`, and `lint` but for --skip-crds; one argument a line
    DIR/01-shop/kinds            group/Kind of what it creates, one a line; Kind alone in the core group
    DIR/01-shop/values-0.yaml    what the arguments name, copied, so that what was looked at is what is deployed
    DIR/root-01-all/manifest     a root's file; likewise application, application-namespace, repository, revision

`order` is written last: a folder without it is not complete.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from driftgate.errors import UsageError
from driftgate.releases import Parent, Release, Releases
from driftgate.render.commands import copy_chart, set_arguments
from driftgate.render.jobs import SetFlag
from driftgate.report.terminal import printable

__all__ = ["write_releases"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
# Helm splits `--values` at commas and quotes, and reads a path as a URL first.
_NOT_FOR_HELM = re.compile(r'[\x00-\x1f\x7f,"%]')
_LONGEST_NAME = 60


def write_releases(releases: Releases, root: Path, folder: Path) -> None:
    """Write an empty or new folder; UsageError where it is neither, or helm could not read a path below it.

    `root` is the tree. The folder may hold secrets, in values: nobody else can read it.
    """
    target = _private(folder)
    roots = [one for one in releases.parents if one.root]
    root_names = [f"root-{_folder_name(index, one)}" for index, one in enumerate(roots, 1)]
    for name, parent in zip(root_names, roots, strict=True):
        _write_root(parent, root, target / name)
    names = [_folder_name(index, one) for index, one in enumerate(releases.releases, 1)]
    for name, release in zip(names, releases.releases, strict=True):
        _write_release(release, target / name)
    _write_lines(target / "roots", root_names)
    others = (f"{printable(one.application)}\t{printable(one.reason)}" for one in releases.others)
    _write_lines(target / "not-releases", others)
    _write_lines(target / "order", names)


def _write_facts(folder: Path, facts: Mapping[str, str]) -> None:
    """A file for each fact, of one line; UsageError where it is none, which only a strange name can bring about."""
    for name, text in facts.items():
        if not text.isprintable():
            raise UsageError(f"{printable(text)}: a {name} with a line break or control character is for no script")
        _write_lines(folder / name, [text])


def _private(folder: Path) -> Path:
    target = Path(os.path.abspath(folder))
    if _NOT_FOR_HELM.search(str(target)):
        raise UsageError(f"--into {folder}: helm reads no path with a comma, a quote, a percent sign or a line break")
    try:
        if target.is_dir() and not target.is_symlink():
            if any(target.iterdir()):
                raise UsageError(f"--into {folder}: the folder is not empty")
            target.chmod(0o700)
        else:
            target.mkdir(mode=0o700)
    except OSError as error:
        raise UsageError(f"--into {folder}: {error.strerror}") from error
    return target


def _folder_name(index: int, one: Release | Parent) -> str:
    return f"{index:02}-{_UNSAFE.sub('-', one.application)[:_LONGEST_NAME]}"


def _write_root(parent: Parent, root: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    facts = {
        "application": parent.application,
        "application-namespace": parent.application_namespace,
        "manifest": str(root.resolve() / parent.manifest),
        "repository": parent.repository,
        "revision": parent.revision,
    }
    _write_facts(folder, facts)


def _write_release(release: Release, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    facts = {
        "application": release.application,
        "application-namespace": release.application_namespace,
        "repository": release.repository,
        "revision": release.revision,
        "context": release.context,
        "release": release.name,
        "namespace": release.namespace,
        "chart": str(_chart(release, folder)),
        "wave": str(release.wave),
        "create-namespace": "true" if release.create_namespace else "false",
    }
    _write_facts(folder, facts)
    _write_lines(folder / "waits", map(_seconds, release.waits))
    _write_lines(folder / "arguments", _arguments(release, folder))
    _write_lines(folder / "kinds", (f"{group}/{kind}" if group else kind for group, kind in release.kinds))


def _chart(release: Release, folder: Path) -> Path:
    if release.own_chart:
        return Path(release.job.chart)
    copy = folder / "chart-copy"
    copy_chart(release.job, copy)
    return copy


def _arguments(release: Release, folder: Path) -> Iterator[str]:
    """The arguments after release and chart, and the files that they name."""
    for index, text in enumerate(release.job.values):
        path = folder / f"values-{index}.yaml"
        _write(path, text)
        yield from ("--values", str(path))
    yield from set_arguments(_by_file(flag, folder / f"parameter-{i}") for i, flag in enumerate(release.job.sets))
    yield from release.flags


def _by_file(flag: SetFlag, path: Path) -> SetFlag:
    """A parameter that fits into a line: a file becomes a copy, and several lines become a file."""
    if flag.flag == "--set-file":
        shutil.copyfile(flag.value, path)
    elif "\n" in flag.value:
        _write(path, flag.value)
    else:
        return flag
    return replace(flag, flag="--set-file", value=str(path))


def _seconds(wait: float) -> str:
    """A number that `sleep` reads, without an exponent."""
    return f"{wait:.3f}".rstrip("0").rstrip(".")


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    _write(path, "".join(f"{line}\n" for line in lines))


def _write(path: Path, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
