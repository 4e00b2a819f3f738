"""What Git knows of the judged tree, asked of the git command without running anything of the tree."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["GitClone"]

TIMEOUT = 60
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


class GitClone:
    """The clone that a root is the top of; every answer is empty where there is no Git.

    Only reading commands are run, with hooks, filters' configuration of the user and prompts switched off.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._present = (root / ".git").exists()

    def _run(self, *arguments: str, more: Mapping[str, str] | None = None) -> bytes | None:
        if not self._present:
            return None
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
        try:
            done = subprocess.run(
                [*command, *arguments], capture_output=True, timeout=TIMEOUT, env=environment, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

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

    @contextmanager
    def exported(self, commit: str) -> Iterator[Path | None]:
        """A folder with the files of a commit, gone afterwards; None where Git does not give it.

        Through an index of its own, so neither the work tree nor the user's index is touched; not by `git archive`,
        which leaves out what `.gitattributes` marks for leaving out, and Argo CD does not.
        """
        with tempfile.TemporaryDirectory(prefix="driftgate-git-") as scratch:
            tree = Path(scratch) / "tree"
            tree.mkdir()
            own = self._own_repository(Path(scratch))
            read = None if own is None else self._run(f"--work-tree={tree}", "read-tree", commit, more=own)
            written = None if read is None else self._run(f"--work-tree={tree}", "checkout-index", "--all", more=own)
            yield tree if written is not None else None

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
