"""What Git knows of the judged tree, asked of the git command without running anything of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["GitClone"]

TIMEOUT = 60
_MEMORY = "/dev/shm"  # noqa: S108 - only ever a private folder in it
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


class GitClone:
    """The clone that a root is the top of; every answer is empty where there is no Git.

    Only reading commands are run, with hooks, filters' configuration of the user and prompts switched off.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._present = (root / ".git").exists()

    def _run(self, *arguments: str, more: Mapping[str, str] | None = None, stdin: bytes | None = None) -> bytes | None:
        if not self._present:
            return None
        try:
            done = self._process(*arguments, more=more, stdin=stdin)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def _process(
        self, *arguments: str, more: Mapping[str, str] | None = None, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {
            # A Git hook hands down the repository that it runs for, which need not be the judged one.
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C",
            **(more or {}),
        }
        command = [
            "git",
            "-C",
            str(self._root),
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "safe.bareRepository=explicit",
        ]
        return subprocess.run(
            [*command, *arguments], capture_output=True, timeout=TIMEOUT, env=environment, check=False, input=stdin
        )

    def ignored(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of some paths that Git is told to leave out, and that it does not hold all the same."""
        listed = b"\0".join(map(os.fsencode, paths))
        output = self._run("check-ignore", "-z", "--stdin", stdin=listed) or b""
        return frozenset(os.fsdecode(path) for path in output.split(b"\0") if path)

    def remotes(self) -> tuple[str, ...]:
        """The URLs of the clone's remotes."""
        output = self._run("config", "--get-regexp", r"^remote\..*\.url$") or b""
        lines = output.decode("utf-8", "replace").splitlines()
        return tuple(dict.fromkeys(line.split(" ", 1)[1] for line in lines if " " in line))

    def pinned_commit(self, revision: str) -> str | None:
        """The commit that a tag or a commit hash names here; None where it is neither, or not in this clone."""
        candidates = [f"refs/tags/{revision}^{{commit}}"]
        if _COMMIT.fullmatch(revision):
            candidates.append(f"{revision}^{{commit}}")
        for candidate in candidates:
            output = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", candidate)
            if output:
                return output.decode().strip()
        return None

    def is_branch(self, name: str) -> bool:
        """Whether a branch of this clone, or of one of its remotes as last seen, has the name."""
        pattern = [f"refs/heads/{name}", f"refs/remotes/*/{name}"]
        return bool(self._run("for-each-ref", "--count=1", "--format=x", *pattern))

    def remote_names(self) -> tuple[str, ...]:
        """The names of the clone's remotes."""
        return tuple((self._run("remote") or b"").decode("utf-8", "replace").split())

    def commit(self, revision: str) -> str | None:
        """The commit that any expression of Git's names; None where it names none."""
        output = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return output.decode().strip() if output else None

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common commit of two commits; None where they have none in this clone."""
        output = self._run("merge-base", one, other)
        return output.decode().split()[0] if output else None

    def is_shallow(self) -> bool:
        """Whether the clone's history is cut off."""
        return (self._run("rev-parse", "--is-shallow-repository") or b"").strip() == b"true"

    def problem(self) -> str:
        """Why Git does not answer about this clone at all, in its own first line; "" where it does."""
        try:
            done = self._process("rev-parse", "--git-dir")
        except OSError:
            return "git is not on the PATH"
        except subprocess.TimeoutExpired:
            return f"git did not answer within {TIMEOUT} seconds"
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return "" if done.returncode == 0 else (said or ["git does not answer"])[0]

    @contextmanager
    def exported(self, commit: str) -> Iterator[Path | None]:
        """A folder with the files of a commit, gone afterwards; None where Git does not give it.

        Through an index of its own, so neither the work tree nor the user's index is touched; not by `git archive`,
        which leaves out what `.gitattributes` marks for leaving out, and Argo CD does not.
        """
        with tempfile.TemporaryDirectory(prefix="driftgate-git-", dir=self._scratch_for(commit)) as scratch:
            tree = Path(scratch) / "tree"
            tree.mkdir()
            own = self._own_repository(Path(scratch))
            read = None if own is None else self._run(f"--work-tree={tree}", "read-tree", commit, more=own)
            written = None if read is None else self._run(f"--work-tree={tree}", "checkout-index", "--all", more=own)
            if written is not None:
                self._fill_submodules(commit, tree)
            yield tree if written is not None else None

    def _scratch_for(self, commit: str) -> str | None:
        """Memory for the files of a commit that are few beside it, else where temporary files belong.

        To write and delete thousands of small files takes seconds on a disk, and they live as long as the run.
        """
        if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
            return None
        listed = (self._run("ls-tree", "-r", "-l", "-z", commit) or b"").split(b"\0")
        sizes = (entry.partition(b"\t")[0].split()[-1:] for entry in listed)
        # A file takes whole pages.
        needed = sum(int(size[0]) + 4096 for size in sizes if size and size[0].isdigit())
        return _MEMORY if listed and needed < shutil.disk_usage(_MEMORY).free // 4 else None

    def _fill_submodules(self, commit: str, tree: Path) -> None:
        """Put the files of those submodules in place that this clone has, at the commits that the tree names.

        One that was never fetched stays the empty folder that Git makes of it.
        """
        if not (tree / ".gitmodules").is_file():
            return
        for entry in (self._run("ls-tree", "-r", "-z", commit) or b"").split(b"\0"):
            mode, _, rest = entry.partition(b" ")
            if mode == b"160000":
                name, _, path = rest.partition(b"\t")
                self._fill_submodule(os.fsdecode(path), name.split()[-1].decode(), tree)

    def _fill_submodule(self, path: str, commit: str, tree: Path) -> None:
        own = self._run("rev-parse", "--path-format=absolute", "--git-common-dir")
        submodule = GitClone(self._root / path)
        theirs = submodule._run("rev-parse", "--path-format=absolute", "--git-dir")
        # A `.git` file may point anywhere: only what lies in this clone's own folder is a submodule of it.
        if own is None or theirs is None or not theirs.startswith(own.rstrip(b"\n") + b"/modules/"):
            return
        with submodule.exported(commit) as files:
            if files is not None:
                shutil.copytree(files, tree / path, symlinks=True, dirs_exist_ok=True)

    def _own_repository(self, scratch: Path) -> dict[str, str] | None:
        """The environment of a repository that has the clone's objects and nobody's configuration.

        `.gitattributes` names filters, and the clone's or the user's configuration says what they run: a command of
        somebody's, or a download of large files.
        """
        objects = self._run("rev-parse", "--path-format=absolute", "--git-path", "objects")
        hashes = self._run("rev-parse", "--show-object-format")
        if objects is None or hashes is None:
            return None
        folder = scratch / "git"
        for name in ("objects", "refs"):
            (folder / name).mkdir(parents=True)
        (folder / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        settings = f"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = {hashes.decode().strip()}\n"
        (folder / "config").write_text(settings, encoding="utf-8")
        return {
            "GIT_DIR": str(folder),
            "GIT_OBJECT_DIRECTORY": os.fsdecode(objects.removesuffix(b"\n")),
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
