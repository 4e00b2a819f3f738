"""The tree that a change starts from: the files of the commit at which HEAD left another revision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from driftgate.errors import UsageError
from driftgate.repository.git import GitClone

__all__ = ["BaseTree", "base_tree"]

SHORT = 9


@dataclass(frozen=True, slots=True)
class BaseTree:
    """A folder with the tree as it was; `revision` is the commit as people write it."""

    path: Path
    revision: str


@contextlib.contextmanager
def base_tree(root: Path, reference: str) -> Iterator[BaseTree]:
    """The tree below `root` at the merge base of a revision and HEAD, gone afterwards.

    `root` may be a folder of the clone. UsageError where there is no clone, the revision is not in it, the two have no
    common commit here, or the commit's files are not all here; it names what to fetch.
    """
    top = _top_of(root)
    if top is None:
        raise UsageError(f"--base {reference}: {root} is not in a Git clone")
    clone = GitClone(top)
    commit = _merge_base(clone, reference)
    below = root.resolve().relative_to(top)
    with clone.exported(commit) as tree:
        if tree is None:
            raise UsageError(
                f"--base {reference}: this clone does not hold every file of {commit[:SHORT]}; a clone with a filter "
                f"gets them by `git fetch --refetch --no-filter`"
            )
        folder = tree / below
        folder.mkdir(parents=True, exist_ok=True)  # one that the base does not have yet is empty
        yield BaseTree(folder, commit[:SHORT])


def _top_of(root: Path) -> Path | None:
    """The clone's folder: the root itself, or the nearest one above it with a `.git`."""
    folder = root.resolve()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)


def _merge_base(clone: GitClone, reference: str) -> str:
    head = clone.commit("HEAD")
    if head is None:
        problem = clone.problem()
        raise UsageError(f"--base {reference}: {problem or 'this clone has no commit yet'}")
    other = clone.commit(reference)
    if other is None:
        raise UsageError(f"--base {reference}: this clone has no such revision{_how_to_fetch(clone, reference)}")
    base = clone.merge_base(other, head)
    if base is not None:
        return base
    if clone.is_shallow():
        raise UsageError(
            f"--base {reference}: this clone is shallow and ends before the commit at which HEAD left {reference}; "
            f"`git fetch --unshallow` brings all of it, `git fetch --deepen=100` the last hundred commits"
        )
    raise UsageError(f"--base {reference}: it has no commit in common with HEAD")


def _how_to_fetch(clone: GitClone, reference: str) -> str:
    remote, slash, branch = reference.partition("/")
    names = clone.remote_names()
    if slash and remote in names:
        return f"; `git fetch {remote} +refs/heads/{branch}:refs/remotes/{reference}` brings it"
    if names and clone.commit(f"{names[0]}/{reference}") is not None:
        return f"; did you mean {names[0]}/{reference}?"
    return f"; `git fetch {names[0]} {reference}` brings it as FETCH_HEAD" if names else ""
