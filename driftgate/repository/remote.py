"""Bring remote charts and repositories to this machine: the one module that reaches for the network.

`helm` and `git` do the work with the user's own logins, without prompts, and with a time limit each. What they say is
handed on in their words, without credentials.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from driftgate.semantics.giturl import OCI_PREFIX, credentials_of, without_credentials
from driftgate.yaml_reader import read_yaml

__all__ = ["FetchError", "GitCommit", "fetch_chart", "fetch_commit", "is_exact_version", "resolve_commit"]

SECONDS = 300.0
MAX_BYTES = 1 << 30
_LONGEST_REASON = 500
# Shorter ones are parts of ordinary words.
_SHORTEST_SECRET = 3
_EXACT = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")
_CONSTRAINT = re.compile(r"[*~^<>=|,\s]|\.[xX]\b")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
# A hook runs with these, and they would turn git to another repository.
_OWN_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
_GIT_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "advice.detachedHead=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
)


class FetchError(Exception):
    """Something is not to be had; the text is the reason, in the server's words and without credentials."""


@dataclass(frozen=True, slots=True)
class GitCommit:
    """What a revision names at the moment. `ref` is the branch or tag by which the server gives it, "" without one."""

    commit: str
    ref: str = ""


def is_exact_version(version: str) -> bool:
    """Whether a chart's version is one, and no range: what it names stays the same."""
    return bool(_EXACT.fullmatch(version))


def fetch_chart(url: str, chart: str, version: str, folder: Path, helm: str | None) -> tuple[str, Path]:
    """Pull a chart below an empty folder; its version and its own folder. FetchError says why not.

    `url` is a chart repository, or an OCI registry where it begins with `oci://` or has no scheme, as Argo CD writes
    those; `version` may be a range, which Helm resolves, and "" for the newest. Without a `helm` command the embedded
    Helm pulls, in a process of its own.
    """
    reference, repository = _chart_reference(url, chart)
    user, password = credentials_of(url)
    if helm is not None:
        named = {"--repo": repository, "--version": version, "--username": user, "--password": password}
        options = [part for name, value in named.items() if value for part in (name, value)]
        command = [helm, "pull", *options, "--untar", "--untardir", str(folder), "--", reference]
        request = b""
    else:
        command = [sys.executable, "-I", "-m", "driftgate.render.pull"]
        named = {"reference": reference, "repository": repository, "version": version}
        request = json.dumps({**named, "user": user, "password": password, "folder": str(folder)}).encode()
    # The index that Helm keeps may be an old one.
    _run(command, url, folder, {"HELM_CACHE_HOME": str(folder / ".cache")}, request)
    charts = [path.parent for path in folder.glob("*/Chart.yaml")]
    if len(charts) != 1:
        raise FetchError("what was pulled holds no Chart.yaml")
    _refuse_size(charts[0])
    return _chart_version(charts[0]), charts[0]


def _chart_reference(url: str, chart: str) -> tuple[str, str]:
    """What to pull, and the repository to look it up in ("" for OCI, where the reference says everything)."""
    plain = without_credentials(url).rstrip("/")
    if plain.startswith(OCI_PREFIX) or "://" not in plain:
        plain = OCI_PREFIX + plain.removeprefix(OCI_PREFIX)
        return (f"{plain}/{chart}" if chart else plain), ""
    return chart, plain


def _chart_version(folder: Path) -> str:
    for node in read_yaml((folder / "Chart.yaml").read_bytes(), "Chart.yaml").roots[:1]:
        version = node.get("version")
        if version is not None and version.value is not None:
            return str(version.value)
    return ""


def resolve_commit(url: str, revision: str) -> GitCommit:
    """What a branch, tag or commit names on the server now; an abbreviated commit stays one. FetchError says why not.

    A branch comes before a tag of the same name. Argo CD also takes a version constraint over tags, which is refused
    here.
    """
    output = _git(["ls-remote", "--", url, "HEAD", "refs/heads/*", "refs/tags/*"], url, None)
    commits = {ref: commit for commit, _, ref in (line.partition("\t") for line in output.splitlines())}
    wanted = revision or "HEAD"
    for ref in ("HEAD",) if wanted == "HEAD" else (f"refs/heads/{wanted}", f"refs/tags/{wanted}", wanted):
        if ref in commits:
            return GitCommit(commits.get(f"{ref}^{{}}", commits[ref]), ref)
    if _COMMIT.fullmatch(wanted):
        return GitCommit(wanted)
    if _CONSTRAINT.search(wanted):
        raise FetchError(f"{wanted} is a version constraint over tags, which is not resolved here; name a tag")
    raise FetchError(f"the repository has no branch, tag or commit {wanted}" if commits else "the repository is empty")


def fetch_commit(url: str, found: GitCommit, folder: Path) -> tuple[str, Path]:
    """Check a commit out below an empty folder, submodules included; the full commit and the files' own folder."""
    tree = folder / "tree"
    _git(["init", "--quiet", "--template=", str(tree)], url, None)
    _git(["remote", "add", "origin", url], url, tree)
    commit = _received(url, found, tree)
    _git(["checkout", "--quiet", "--detach", commit], url, tree)
    if (tree / ".gitmodules").is_file():
        _git(["submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1"], url, tree)
    # Git's own files hold the URL, with whatever credentials it has, and are no part of what is judged.
    for directory, folders, names in os.walk(tree):
        if ".git" in folders:
            folders.remove(".git")
            shutil.rmtree(Path(directory, ".git"))
        if ".git" in names:
            Path(directory, ".git").unlink()
    _refuse_size(tree)
    return commit, tree


def _received(url: str, found: GitCommit, tree: Path) -> str:
    """Get the commit alone where the server gives it, else all history without the files' contents."""
    if found.ref or len(found.commit) == 40:
        # Some servers give neither a commit by its name nor a shallow history.
        with contextlib.suppress(FetchError):
            _git(["fetch", "--quiet", "--depth=1", "--no-tags", "origin", found.ref or found.commit], url, tree)
            return _git(["rev-parse", "--verify", "FETCH_HEAD^{commit}"], url, tree).strip()
    everything = "+refs/heads/*:refs/remotes/origin/*"
    _git(["fetch", "--quiet", "--filter=blob:none", "--tags", "origin", everything], url, tree)
    return _git(["rev-parse", "--verify", f"{found.commit}^{{commit}}"], url, tree).strip()


def _git(arguments: Sequence[str], url: str, folder: Path | None) -> str:
    if url.startswith("-"):
        raise FetchError("a URL that begins with a dash")
    settings = [part for setting in _GIT_SETTINGS for part in ("-c", setting)]
    variables = {
        # `ext::` and its like would run a command that the repository under review names, and a submodule of a
        # remote repository must not be a local one.
        "GIT_ALLOW_PROTOCOL": "https:http:ssh:git" + (":file" if url.startswith(("file://", "/")) else ""),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        "LC_ALL": "C",
    }
    return _run(["git", *settings, *arguments], url, folder, variables)


def _run(
    command: Sequence[str], url: str, folder: Path | None, variables: Mapping[str, str], request: bytes = b""
) -> str:
    """The command's output; FetchError with what it said on standard error, or that it took too long."""
    kept = {name: value for name, value in os.environ.items() if name not in _OWN_REPOSITORY}
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise FetchError(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        output, said = process.communicate(request, timeout=SECONDS)
    except BaseException as error:
        _kill(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise FetchError(f"no end after {SECONDS:g} seconds") from None
        raise
    if process.returncode != 0:
        raise FetchError(_reason(said.decode("utf-8", "replace"), url) or f"status {process.returncode}")
    return output.decode("utf-8", "replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a command and its helpers, which would hold its pipes open."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _reason(said: str, url: str) -> str:
    """What a program said, on one line, without the URL's credentials in any spelling."""
    text = without_credentials(" ".join(said.split())).removeprefix("Error: ")
    user, password = credentials_of(url)
    secret = password or user
    if len(secret) > _SHORTEST_SECRET:
        for spelling in (secret, quote(secret, safe="")):
            text = text.replace(spelling, "<secret>")
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} …"


def _refuse_size(folder: Path) -> None:
    size = sum(path.lstat().st_size for path in folder.rglob("*"))
    if size > MAX_BYTES:
        raise FetchError(f"{size} bytes, over {MAX_BYTES}")
