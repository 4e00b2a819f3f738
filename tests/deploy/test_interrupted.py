"""`scripts/deploy-stg.sh` interrupted anywhere, killed, or run twice at once: the next run finishes the job."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.controlplane.operators import Operators
from tests.deploy.rig import RELEASES, Checkout, Ended, Running

WEB = "helm/applications/plate-web/values-stg.yaml"
TAG = "tag: stg-1.4.2"
SLOW = "tag: ready-after-90s"
ONLY_WEB = ("--only", "plate-web-stg")
DEPLOY = ("deploy", "--yes", "--timeout", "120s", *ONLY_WEB)
PENDING = [("plate-web-stg", 1, "pending-install")]


def started(checkout: Checkout, *arguments: str) -> Running:
    """A deploy that is in the middle of its one release, and would be for a long time."""
    checkout.edit(WEB, TAG, SLOW)
    running = checkout.start(*(arguments or DEPLOY))
    checkout.plane.processes.wait_until(lambda: checkout.records() == PENDING, "release in the making", 60)
    return running


def expect_finished(checkout: Checkout) -> Ended:
    """The next run brings the release to its end, and nothing of the one before is left."""
    checkout.edit(WEB, SLOW, TAG)
    ended = checkout.deploy(*ONLY_WEB)
    assert ended.code == 0, ended.out + ended.err
    assert checkout.releases()["plate-web-stg"][1] == "deployed"
    assert [status for _, _, status in checkout.records() if status.startswith("pending")] == []
    assert checkout.objects("deployments")["plate-web"]["status"]["availableReplicas"] == 1
    return ended


@pytest.mark.parametrize(
    ("number", "send", "code"),
    [
        (signal.SIGINT, Running.send_all, 130),
        (signal.SIGINT, Running.send, 130),
        (signal.SIGTERM, Running.send, 143),
        (signal.SIGTERM, Running.send_all, 143),
    ],
    ids=["Ctrl-C", "INT to the script", "TERM to the script", "TERM to all"],
)
def test_an_interrupted_deploy_is_finished_by_the_next(
    checkout: Checkout, number: signal.Signals, send: Callable[[Running, signal.Signals], None], code: int
) -> None:
    """Helm is told to stop and waited for: no process, no file and no pending release is left behind."""
    running = started(checkout)
    send(running, number)
    ended = running.end(60)
    assert ended.code == code, ended.out + ended.err
    assert "running deploy again goes on where it stopped" in ended.err
    assert (running.left(), checkout.left()) == ([], [])
    assert checkout.records() == [("plate-web-stg", 1, "failed")]
    expect_finished(checkout)


def test_a_deploy_that_was_killed_with_its_helm_is_taken_over(checkout: Checkout) -> None:
    """Nobody works on the pending release any more, which is seen at once; what the dead run wrote down is removed."""
    running = started(checkout)
    running.kill()
    running.end(60)
    assert checkout.records() == PENDING
    assert len(checkout.left()) == 1
    ended = expect_finished(checkout)
    assert "revision 1 was left pending-install by a run that is gone; its record is removed" in ended.out
    assert ended.waits == ()


def test_helm_that_outlives_its_script_is_waited_for(checkout: Checkout) -> None:
    """While Helm still works on a release nobody else does, although the script that started it was killed."""
    checkout.edit(WEB, TAG, "tag: ready-after-20s")
    running = checkout.start(*DEPLOY)
    checkout.plane.processes.wait_until(lambda: checkout.records() == PENDING, "release in the making", 60)
    running.send(signal.SIGKILL)
    running.process.wait(60)
    assert [args for args in running.left() if "upgrade --install" in args] != []
    ended = checkout.deploy(*ONLY_WEB, env={"DEPLOY_SLEEP": "sleep"})
    assert ended.code == 0, ended.out + ended.err
    assert "plate-web-stg is pending-install by process" in ended.out
    assert checkout.records() == [("plate-web-stg", 1, "superseded"), ("plate-web-stg", 2, "deployed")]
    running.end(60)


def test_a_deploy_that_another_one_is_doing_is_refused(checkout: Checkout) -> None:
    """Two at once never touch the same release: the second is told who is at work, and the first ends well."""
    checkout.edit(WEB, TAG, "tag: ready-after-40s")
    first = checkout.start(*DEPLOY)
    checkout.plane.processes.wait_until(lambda: checkout.records() == PENDING, "release in the making", 60)
    second = checkout.start(*DEPLOY).end()
    assert second.code == 3, second.out + second.err
    assert f"plate-web-stg is being deployed by process {first.process.pid} on this machine" in second.err
    ended = first.end()
    assert ended.code == 0, ended.out + ended.err
    assert checkout.records() == [("plate-web-stg", 1, "deployed")]
    assert (first.left(), checkout.left()) == ([], [])


@pytest.mark.parametrize("step", ["gate: ", "preflight: ", "lint: "])
def test_before_the_first_change_an_interruption_changes_nothing(checkout: Checkout, step: str) -> None:
    """Whatever is being looked at, it ends at once, and the cluster is as before."""
    running = checkout.start(*DEPLOY)
    running.await_step(step)
    running.send(signal.SIGTERM)
    ended = running.end(30)
    assert ended.code == 143, ended.out + ended.err
    assert (running.left(), checkout.left()) == ([], [])
    assert not checkout.exists


def test_a_deploy_of_all_goes_on_where_it_stopped(checkout: Checkout, working: Operators) -> None:
    """What was deployed before the interruption is found as it is, and the rest follows."""
    assert working.namespace == checkout.namespace
    checkout.edit("helm/applications/plate-server/values-stg.yaml", "tag: stg-1.4.2", SLOW)
    running = checkout.start("deploy", "--yes", "--timeout", "120s")
    running.await_step("plate-api-stg: release")
    checkout.plane.processes.wait_until(lambda: len(checkout.records()) == 2, "second release", 60)
    running.send(signal.SIGTERM)
    assert running.end(60).code == 143
    checkout.edit("helm/applications/plate-server/values-stg.yaml", SLOW, "tag: stg-1.4.2")
    ended = checkout.deploy()
    assert ended.code == 0, ended.out + ended.err
    assert sorted(checkout.releases()) == sorted(RELEASES)
    assert {status for _, status in checkout.releases().values()} == {"deployed"}


def test_delete_takes_what_an_interrupted_deploy_left(checkout: Checkout) -> None:
    """A release that is still pending goes like any other."""
    running = started(checkout)
    running.kill()
    running.end(60)
    ended = checkout.run("delete", "--yes")
    assert ended.code == 0, ended.out + ended.err
    assert (checkout.records(), checkout.objects("deployments")) == ([], {})


def test_an_interrupted_delete_is_finished_by_the_next(checkout: Checkout) -> None:
    """A release that is held while it goes stays uninstalling; the next delete, or deploy, finishes that first."""
    assert checkout.deploy(*ONLY_WEB).code == 0
    path = f"/api/v1/namespaces/{checkout.namespace}/services/plate-web"
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    checkout.plane.request("PATCH", path, hold, content_type="application/merge-patch+json")
    running = checkout.start("delete", "--yes", "--timeout", "120s", *ONLY_WEB)
    checkout.plane.processes.wait_until(
        lambda: checkout.records() == [("plate-web-stg", 1, "uninstalling")], "release on its way out", 60
    )
    running.send(signal.SIGTERM)
    assert running.end(60).code == 143
    assert (running.left(), checkout.left()) == ([], [])
    free = {"metadata": {"finalizers": None}}
    checkout.plane.request("PATCH", path, free, content_type="application/merge-patch+json")
    ended = checkout.deploy(*ONLY_WEB)
    assert ended.code == 0, ended.out + ended.err
    assert "a delete that was interrupted is finished first" in ended.out
    assert checkout.records() == [("plate-web-stg", 1, "deployed")]
