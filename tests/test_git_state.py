"""Which Git state a source is rendered from, with a real clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from driftgate.assembly import assemble
from driftgate.judge import load_catalogue
from driftgate.model.environment import LoadedApplication
from driftgate.policy import Policy
from driftgate.settings import Settings
from tests.cases import REPOSITORY_URL

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: pinned
  namespace: argocd
spec:
  project: default
  destination:
    server: https://kubernetes.default.svc
    namespace: shop
  source:
    repoURL: {url}
    path: manifests
    targetRevision: {revision}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: state\ndata:\n  state: {state}\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with a tag `v1.0.0` on its first commit, a later commit, and an edit that is not committed."""
    (tmp_path / "manifests").mkdir()
    _git(tmp_path, "init", "--quiet", "--initial-branch=main")
    _git(tmp_path, "remote", "add", "origin", REPOSITORY_URL)
    (tmp_path / ".gitattributes").write_text("manifests/** export-ignore\n")
    for state in ("first", "second"):
        (tmp_path / "manifests/state.yaml").write_text(CONFIG.format(state=state))
        _git(tmp_path, "add", ".")
        _git(tmp_path, "commit", "--quiet", "--message", state)
        if state == "first":
            _git(tmp_path, "tag", "v1.0.0")
    (tmp_path / "manifests/state.yaml").write_text(CONFIG.format(state="edited"))
    return tmp_path


def _git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", root, *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _judge(root: Path, revision: str) -> LoadedApplication:
    (root / "application.yaml").write_text(APPLICATION.format(url=REPOSITORY_URL, revision=revision))
    policy = Policy.shipped(load_catalogue().sections)
    with assemble(root, policy, Settings(cache=None)) as assembly:
        (loaded,) = assembly.environment.applications
    return loaded


@pytest.mark.parametrize("revision", ["HEAD", "main", "feature/not-here-yet", '""'])
def test_branches_are_judged_from_the_work_tree(clone: Path, revision: str) -> None:
    """HEAD and branches mean what stands in the work tree, edits included."""
    (manifest,) = _judge(clone, revision).manifests
    assert manifest.get("data", "state") == "edited"
    assert str(manifest.place_of("data", "state")) == "manifests/state.yaml:6:3"


def test_a_tag_is_rendered_from_the_git_object(clone: Path) -> None:
    """A tag of this clone is rendered as it was then, whatever the attributes say of archives."""
    (manifest,) = _judge(clone, "v1.0.0").manifests
    assert manifest.get("data", "state") == "first"
    assert str(manifest.place_of("data", "state")) == "v1.0.0:manifests/state.yaml:6:3"


def test_the_variables_of_a_git_hook_mean_nothing(
    clone: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run from a hook of another repository, the judged clone is still asked about itself."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path_factory.mktemp("other")))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path_factory.mktemp("index") / "index"))
    (clone / "application.yaml").write_text(APPLICATION.format(url=REPOSITORY_URL, revision="v1.0.0"))
    with assemble(clone, Policy.shipped(load_catalogue().sections), Settings(cache=None)) as assembly:
        (loaded,) = assembly.environment.applications
    assert [manifest.get("data", "state") for manifest in loaded.manifests] == ["first"]


def test_a_commit_is_rendered_from_the_git_object(clone: Path) -> None:
    """A commit of this clone is rendered as it was then, and neither work tree nor index is touched by it."""
    commit = _git(clone, "rev-parse", "HEAD")
    before = _git(clone, "status", "--porcelain", "--untracked-files=no")
    (manifest,) = _judge(clone, commit).manifests
    assert manifest.get("data", "state") == "second"
    assert _git(clone, "status", "--porcelain", "--untracked-files=no") == before


@pytest.mark.parametrize("revision", ["v2.0.0", "0123456789012345678901234567890123456789", "v1.*", "1.x"])
def test_a_revision_that_the_clone_lacks_could_not_be_checked(clone: Path, revision: str) -> None:
    """A tag or commit that is not here, or a range of tags, is told as pinned, at its line, and never guessed."""
    loaded = _judge(clone, f'"{revision}"')
    (problem,) = loaded.renders[0].problems
    assert (problem.fault, str(problem.place)) == ("source-pinned", "application.yaml:14:5")
    assert revision in problem.found
    assert not loaded.complete
