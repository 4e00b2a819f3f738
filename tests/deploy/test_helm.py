"""`scripts/deploy-stg.sh` by helm: from nothing, again, after an edit, in part, and what it tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.controlplane.operators import ADDRESS, Operators, operators
from tests.deploy.rig import RELEASES, Checkout, Checkouts, Ended

WEB = "helm/applications/plate-web/values-stg.yaml"
WEB_TAG = "tag: stg-1.4.2"
URLS = ("https://llm.cocdev.co.kr", "https://stg.cocdev.co.kr")


def steps(checkout: Checkout, *, new_namespace: bool) -> list[str]:
    """What a deploy of everything says that it does."""
    made = [f"namespace {checkout.namespace}"] if new_namespace else []
    return [
        "gate: driftgate check",
        "preflight: context admin, delivery by helm",
        "lint: every chart with its own values",
        *made,
        *(f"{name}: release {name} in {checkout.namespace}" for name in RELEASES),
        "status",
        "done",
    ]


def expect_everything(checkout: Checkout, ended: Ended) -> None:
    """The environment stands, in the order that its waves ask for."""
    assert ended.steps == steps(checkout, new_namespace=True)
    # Progress, a line for each change.
    assert [line for line in ended.err.splitlines() if not re.match(r"\d+s  ", line)] == []
    assert checkout.releases() == dict.fromkeys(RELEASES, ("1", "deployed"))
    assert list(checkout.releases()) == list(RELEASES)
    workloads = checkout.objects("deployments")
    assert {name: one["status"].get("availableReplicas") for name, one in workloads.items()} == {
        "plate-api": 1, "plate-llm": 1, "plate-web": 1
    }  # fmt: skip
    assert {name: one["status"]["loadBalancer"]["ingress"] for name, one in checkout.objects("ingresses").items()} == {
        name: [{"ip": ADDRESS}] for name in ("plate-console", "plate-llm", "plate-portal")
    }
    for url in URLS:
        assert url in ended.out


def test_everything_is_deployed_from_nothing(deployed: Checkout) -> None:
    """Namespace and releases are made in the order of the waves, and the URLs are told."""
    assert deployed.first is not None
    expect_everything(deployed, deployed.first)


def test_helm_3_deploys_the_same(checkouts: Checkouts, helm3: Path, tmp_path: Path) -> None:
    """The main path with the older Helm: from nothing, again, and deleted."""
    with (
        checkouts.one(helm3, tmp_path) as checkout,
        operators(checkout.plane, checkout.namespace, token="of-a-test"),
    ):
        ended = checkout.deploy()
        assert ended.code == 0, ended.out + ended.err
        expect_everything(checkout, ended)
        assert checkout.deploy("--only", "plate-web-stg").code == 0
        assert checkout.releases()["plate-web-stg"] == ("2", "deployed")
        ended = checkout.run("delete", "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert checkout.releases() == {}


def test_a_deploy_without_a_change_changes_nothing(deployed: Checkout) -> None:
    """No object is touched and no Pod restarts; helm alone notes that it looked."""
    before = {name: version for name, version in deployed.everything().items() if "sh.helm.release" not in name}
    ended = deployed.deploy()
    assert ended.code == 0, ended.out + ended.err
    assert ended.steps == steps(deployed, new_namespace=False)
    assert ended.out.count("deployed: the same manifest as before") == len(RELEASES)
    after = {name: version for name, version in deployed.everything().items() if "sh.helm.release" not in name}
    assert after == before


def test_an_edit_reaches_what_it_is_about(checkout: Checkout, working: Operators) -> None:
    """A new tag replaces the Pods of its own Application and nothing else."""
    only = ("--only", "plate-api-stg,plate-web-stg")
    assert working.plane is checkout.plane
    assert checkout.deploy(*only).code == 0
    before = checkout.objects("pods")
    checkout.edit(WEB, WEB_TAG, "tag: stg-1.4.3")
    ended = checkout.deploy(*only)
    assert ended.code == 0, ended.out + ended.err
    checkout.plane.processes.wait_until(lambda: len(checkout.objects("pods")) == 2, "two Pods", 30)
    after = checkout.objects("pods")
    images = {one["spec"]["containers"][0]["image"].rpartition("/")[2] for one in after.values()}
    assert images == {"plate-api:stg-1.4.2", "plate-web:stg-1.4.3"}
    assert {name.rsplit("-", 2)[0] for name in after if name in before} == {"plate-api"}
    assert ended.out.count("deployed: the same manifest as before") == 1


def test_only_what_is_named_is_deployed(checkout: Checkout) -> None:
    """One Application can be deployed without the others; the release keeps who deployed which commit."""
    commit = checkout.git("rev-parse", "--short=12", "HEAD")
    ended = checkout.deploy("--only", "plate-web-stg")
    assert ended.code == 0, ended.out + ended.err
    assert checkout.releases() == {"plate-web-stg": ("1", "deployed")}
    (revision,) = checkout.helm_json("history", "plate-web-stg")
    assert revision["description"] == f"{commit} by tester"


def test_a_dry_run_changes_nothing(checkout: Checkout) -> None:
    """Everything is looked at and told, the namespace is not even made, and only reads reach the API server."""
    before = len(checkout.plane.audit_events())
    ended = checkout.run("deploy", "--dry-run")
    assert ended.code == 0, ended.out + ended.err
    assert ended.steps[-1] == "dry run: nothing was changed"
    for name in RELEASES:
        assert f"{name}: helm would install {name}" in ended.out
    assert not checkout.exists
    events = [one for one in checkout.plane.audit_events()[before:] if one["user"]["username"] == "admin"]
    written = {
        (one["verb"], one["objectRef"]["resource"])
        for one in events
        if one["verb"] not in ("get", "list", "watch")
        and checkout.namespace in one["requestURI"]
        and "dryRun=All" not in one["requestURI"]
    }
    assert written == set()


def test_a_dry_run_over_what_is_there_changes_nothing(deployed: Checkout) -> None:
    """A rehearsal of an upgrade leaves every object and every release as it is."""
    before = deployed.everything()
    ended = deployed.run("deploy", "--dry-run")
    assert ended.code == 0, ended.out + ended.err
    assert "plate-web-stg: helm would upgrade plate-web-stg from revision" in ended.out
    assert deployed.everything() == before


def test_status_shows_the_environment(deployed: Checkout) -> None:
    """Releases, workloads and URLs stand in it, and a healthy environment is a success."""
    before = deployed.everything()
    ended = deployed.run("status")
    assert ended.code == 0, ended.out + ended.err
    for word in (*RELEASES, *URLS, "plate-portal"):
        assert word in ended.out
    assert deployed.everything() == before


def test_status_of_nothing_is_no_success(checkout: Checkout) -> None:
    """Where nothing is deployed, status says so and fails."""
    ended = checkout.run("status")
    assert ended.code == 1
    assert not checkout.exists


def test_a_person_is_asked(checkout: Checkout) -> None:
    """On a terminal the script asks, and only yes is yes."""
    only = ("deploy", "--only", "plate-web-stg", "--timeout", "180s")
    refused = checkout.answer("", *only)
    assert (refused.code, checkout.exists) == (3, False)
    assert "not confirmed" in refused.err
    confirmed = checkout.answer("y", *only)
    assert confirmed.code == 0, confirmed.out + confirmed.err
    assert checkout.releases() == {"plate-web-stg": ("1", "deployed")}


@pytest.mark.parametrize("command", ["deploy", "delete"])
def test_nobody_to_ask_is_no_consent(deployed: Checkout, command: str) -> None:
    """Without a terminal and without --yes nothing is changed."""
    before = deployed.everything()
    ended = deployed.run(command)
    assert ended.code == 3, ended.out + ended.err
    assert "nobody is there to ask" in ended.err
    assert deployed.everything() == before


def test_delete_takes_the_releases_and_leaves_the_namespace(checkout: Checkout, working: Operators) -> None:
    """What goes is shown first; afterwards nothing of the releases is left, and doing it again is no fault."""
    ended = checkout.deploy()
    assert ended.code == 0, ended.out + ended.err
    assert working.plane is checkout.plane
    rehearsed = checkout.run("delete", "--dry-run")
    assert rehearsed.code == 0, rehearsed.out + rehearsed.err
    assert "dry run: nothing was deleted" in rehearsed.steps
    assert checkout.releases() == dict.fromkeys(RELEASES, ("1", "deployed"))
    for shown in ("deployment.apps/plate-web", "ingress.networking.k8s.io/plate-portal", "secret/openbao-token"):
        assert shown in rehearsed.out
    deleted = checkout.run("delete", "--yes")
    assert deleted.code == 0, deleted.out + deleted.err
    assert [step for step in deleted.steps if ": uninstalling " in step] == [
        f"{name}: uninstalling {name}" for name in reversed(RELEASES)
    ]
    assert checkout.releases() == {}
    for kind in ("deployments", "services", "ingresses", "cronjobs", "externalsecrets", "secretstores"):
        assert checkout.objects(kind) == {}
    assert checkout.exists
    again = checkout.run("delete", "--yes")
    assert again.code == 0, again.out + again.err
    assert "no release of this environment is in the cluster" in again.out


def test_delete_takes_the_namespace_where_it_is_told_to(checkout: Checkout) -> None:
    """With --delete-namespace everything goes, and a namespace that is gone already is no fault."""
    assert checkout.deploy("--only", "plate-web-stg").code == 0
    ended = checkout.run("delete", "--yes", "--delete-namespace")
    assert ended.code == 0, ended.out + ended.err
    assert not checkout.exists
    assert checkout.run("delete", "--yes", "--delete-namespace").code == 0


def test_delete_of_some_leaves_the_others(checkout: Checkout) -> None:
    """--only holds for delete as it does for deploy."""
    assert checkout.deploy("--only", "plate-web-stg,plate-api-stg").code == 0
    assert checkout.run("delete", "--yes", "--only", "plate-web-stg").code == 0
    assert checkout.releases() == {"plate-api-stg": ("1", "deployed")}


def test_delete_tolerates_what_is_gone(checkout: Checkout) -> None:
    """Objects and a release that somebody else has taken away do not stop it."""
    assert checkout.deploy("--only", "plate-web-stg,plate-api-stg").code == 0
    for words in (("delete", "deployment", "plate-web"), ("delete", "secret", "-l", "owner=helm,name=plate-api-stg")):
        done = checkout.plane.kubectl(*words, "--namespace", checkout.namespace)
        assert done.returncode == 0, done.stderr
    ended = checkout.run("delete", "--yes")
    assert ended.code == 0, ended.out + ended.err
    assert checkout.releases() == {}
