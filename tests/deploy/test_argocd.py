"""`scripts/deploy-stg.sh` where Argo CD delivers: it is given the root, and watched until it is there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.crds import Crd, served
from tests.controlplane.operators import operators
from tests.controlplane.plane import ControlPlane
from tests.deploy.argocd import ROOT, delivering, installation
from tests.deploy.rig import RELEASES, REPOSITORY, Checkout, Checkouts, Ended

FORCED = "deploy-stg/forced"


@pytest.fixture(scope="module")
def argocd(checkouts: Checkouts, published_crds: dict[str, list[Crd]]) -> Iterator[ControlPlane]:
    """A cluster with an installation of Argo CD, whose controller a test starts."""
    plane = checkouts.template.plane
    with served(plane, published_crds["argocd"]):
        for path, body in installation(checkouts.template):
            plane.request("POST", path, body)
        yield plane


@pytest.fixture
def pushed(argocd: ControlPlane, checkout: Checkout) -> Checkout:
    """A checkout whose commit is what its repository has, under the URL that the Applications name."""
    assert argocd is checkout.plane
    origin = origin_of(checkout)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", origin], check=True)
    checkout.git("push", "--quiet", str(origin), "main")
    return checkout


def origin_of(checkout: Checkout) -> Path:
    """Where the repository really is."""
    return checkout.scratch.parent / "origin.git"


def run(checkout: Checkout, *arguments: str) -> Ended:
    """Run the script with the repository's URL leading to our own."""
    redirected = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin_of(checkout)}.insteadOf",
        "GIT_CONFIG_VALUE_0": REPOSITORY,
    }
    return checkout.run(*arguments, env=redirected)


def deploy(checkout: Checkout, *arguments: str, timeout: str = "180s") -> Ended:
    """Deploy without a question."""
    return run(checkout, "deploy", "--yes", "--timeout", timeout, *arguments)


def head(checkout: Checkout) -> str:
    """The commit that is checked out."""
    return checkout.git("rev-parse", "HEAD")


def test_argo_cd_is_given_the_root_and_waited_for(pushed: Checkout) -> None:
    """Every Application reaches the pushed revision, Synced and Healthy; helm makes no release."""
    revision = head(pushed)
    with operators(pushed.plane, pushed.namespace, token="of-a-test"), delivering(pushed, revision) as working:
        ended = deploy(pushed)
        assert ended.code == 0, ended.out + ended.err
        found = working.applications()
        again = deploy(pushed)
        assert again.code == 0, again.out + again.err
    assert ended.steps == [
        "gate: driftgate check",
        "preflight: context admin, delivery by argocd",
        "lint: every chart with its own values",
        f"Application {ROOT}",
        f"waiting for revision {revision[:12]}: Synced and Healthy",
        "done",
    ]
    assert {name: one["status"]["sync"]["revision"] for name, one in found.items()} == dict.fromkeys(
        (ROOT, *RELEASES), revision
    )
    assert pushed.records() == []
    assert "https://llm.cocdev.co.kr" in ended.out


def test_what_is_not_pushed_is_not_what_argo_cd_deploys(pushed: Checkout) -> None:
    """A local edit, or a commit that nobody pushed, is refused; a reason goes on with what is pushed, and is kept."""
    revision = head(pushed)
    pushed.edit("helm/applications/plate-web/values-stg.yaml", "tag: stg-1.4.2", "tag: stg-1.4.3")
    edited = deploy(pushed)
    assert edited.code == 3, edited.out + edited.err
    assert "helm/applications/plate-web/values-stg.yaml" in edited.err
    pushed.commit("not pushed")
    ahead = deploy(pushed)
    assert ahead.code == 3, ahead.out + ahead.err
    assert f"this checkout is {head(pushed)[:12]}, main is {revision[:12]}" in ahead.err
    pushed.git("checkout", "--quiet", "--detach", revision)
    pushed.edit("helm/applications/plate-web/values-stg.yaml", "tag: stg-1.4.2", "tag: stg-1.4.3")
    with operators(pushed.plane, pushed.namespace, token="of-a-test"), delivering(pushed, revision) as working:
        assert working.applications() == {}
        forced = deploy(pushed, "--force", "the old one will do")
        annotations = working.applications()[ROOT]["metadata"]["annotations"]
    assert forced.code in (0, 1), forced.out + forced.err
    assert annotations[FORCED] == "the old one will do"
    assert f"forced: Argo CD deploys {revision[:12]}" in forced.out


def test_yesterdays_healthy_is_not_todays(pushed: Checkout) -> None:
    """Healthy at an older revision is no success: the one that was pushed is waited for, and named."""
    old = head(pushed)
    with operators(pushed.plane, pushed.namespace, token="of-a-test"), delivering(pushed, old):
        first = deploy(pushed)
        assert first.code == 0, first.out + first.err
        pushed.edit("helm/applications/plate-web/values-stg.yaml", "tag: stg-1.4.2", "tag: stg-1.4.3")
        new = pushed.commit("a new tag")
        pushed.git("push", "--quiet", str(origin_of(pushed)), "main")
        ended = deploy(pushed, timeout="10s")
    assert ended.code == 1, ended.out + ended.err
    assert new[:7] in ended.out + ended.err
    assert "Argo CD has not brought the environment there" in ended.err


def test_a_sync_that_fails_is_told_with_argo_cds_words(pushed: Checkout) -> None:
    """The message of the failed operation stands in the output, with the Application's name."""
    with operators(pushed.plane, pushed.namespace, token="of-a-test"), delivering(pushed, head(pushed)) as working:
        working.failing["plate-web-stg"] = "one or more objects failed to apply, reason: denied by the platform"
        ended = deploy(pushed, timeout="15s")
    assert ended.code == 1, ended.out + ended.err
    for word in ("plate-web-stg", "denied by the platform"):
        assert word in ended.out + ended.err, ended.out + ended.err


def test_helm_does_not_fight_argo_cd(pushed: Checkout) -> None:
    """What Argo CD manages is neither deployed nor deleted by helm."""
    with operators(pushed.plane, pushed.namespace, token="of-a-test"), delivering(pushed, head(pushed)):
        assert deploy(pushed).code == 0
        before = pushed.everything()
        ended = deploy(pushed, "--via", "helm")
        assert ended.code == 3, ended.out + ended.err
        assert "plate-web-stg" in ended.out
        deleted = run(pushed, "delete", "--yes", "--via", "helm")
        assert deleted.code == 3, deleted.out + deleted.err
        assert "Argo CD manages this environment" in deleted.err
        assert pushed.everything().keys() >= before.keys()
    assert pushed.records() == []


def test_argo_cd_does_not_take_over_from_helm_unasked(pushed: Checkout) -> None:
    """Where helm has releases of the same names, handing the environment to Argo CD is refused."""
    by_helm = deploy(pushed, "--via", "helm", "--only", "plate-web-stg")
    assert by_helm.code == 0, by_helm.out + by_helm.err
    ended = deploy(pushed, "--via", "argocd")
    assert ended.code == 3, ended.out + ended.err
    assert "plate-web-stg" in ended.out
    assert pushed.records() == [("plate-web-stg", 1, "deployed")]


def test_delete_takes_the_applications_and_what_they_deployed(pushed: Checkout) -> None:
    """The root goes first, the finalizers take the rest along, and doing it again is no fault."""
    with operators(pushed.plane, pushed.namespace, token="of-a-test"), delivering(pushed, head(pushed)) as working:
        assert deploy(pushed).code == 0
        rehearsed = run(pushed, "delete", "--dry-run")
        assert (rehearsed.code, len(working.applications())) == (0, 6)
        ended = run(pushed, "delete", "--yes", "--timeout", "90s")
        assert ended.code == 0, ended.out + ended.err
        assert working.applications() == {}
        again = run(pushed, "delete", "--yes")
        assert again.code == 0, again.out + again.err
        assert "no Application of this environment is in the cluster" in again.out
    pushed.plane.processes.wait_until(lambda: pushed.objects("deployments") == {}, "end of the Deployments", 30)
    assert pushed.exists
