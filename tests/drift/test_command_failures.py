"""`driftgate drift` before an API server that fails in each way: exit code, and every list that is named as unread."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from driftgate.live import connection, listing
from tests.controlplane.keys import write_keys
from tests.controlplane.plane import ControlPlane
from tests.drift.shop import SECRET, SERVICE, SETTINGS, Shop, run
from tests.live.faults import Fault, Proxy, kubeconfig, proxy_before, status
from tests.live.test_reading import configmaps, dead_api

Spoil = Callable[[str, str], Fault | None]
THING = "apiVersion: gone.example.com/v1\nkind: Thing\nmetadata: {name: one}\n"


@pytest.fixture(scope="module")
def shop(api_server: ControlPlane, helm3: Path, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A release of helm's that is as Git has it."""
    shop = Shop(api_server, tmp_path_factory.mktemp("shop"), api_server.namespace())
    shop.tree({"settings": SETTINGS, "service": SERVICE, "secret": SECRET})
    done = shop.plane.run(helm3, "upgrade", "--install", shop.web, shop.root / "web", "-n", shop.namespace)
    assert done.returncode == 0, done.stderr
    return shop


@pytest.fixture(scope="module")
def proxy(api_server: ControlPlane) -> Iterator[Proxy]:
    with proxy_before(api_server) as opened:
        yield opened


@pytest.fixture
def drift(shop: Shop, proxy: Proxy, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Exit code, JSON report and standard error of the command behind a proxy that spoils answers."""

    def look(spoil: Spoil = lambda _method, _path: None, **changes: Any) -> tuple[int, str, str]:
        proxy.spoil = spoil
        file = kubeconfig(shop.plane, tmp_path / "kubeconfig", **{"server": proxy.server, **changes})
        way = ("--kubeconfig", str(file), "--context", "admin", "--any-cluster", "--format", "json")
        return run("drift", "--no-cache", *way, str(shop.root))

    return look


def unread(out: str, namespace: str) -> dict[str, tuple[str, int]]:
    """Every list that the report names as unread, with the reason and the status of HTTP."""
    (cluster,) = json.loads(out)["clusters"]
    lists = {each["kind"].replace(namespace, "NS"): (each["why"], each["status"]) for each in cluster["unread"]}
    named = {
        each["found"].partition(":")[0].replace(" namespace", "").replace(namespace, "NS")
        for each in json.loads(out)["findings"]
        if each["check"] == "cluster-unread"
    }
    assert named == set(lists)
    return lists


def verdicts(out: str) -> Mapping[str, int]:
    (cluster,) = json.loads(out)["clusters"]
    found: Mapping[str, int] = cluster["verdicts"]
    return found


def on(text: str, fault: Fault) -> Spoil:
    """Spoil every request for which the path with its query holds a text."""
    return lambda _method, path: fault if text in unquote(path) else None


def test_without_a_fault_it_is_green(shop: Shop, drift: Callable[..., tuple[int, str, str]]) -> None:
    """Behind the proxy everything is read, judged and in sync."""
    code, out, err = drift()
    assert (code, err, unread(out, shop.namespace)) == (0, "", {})
    assert verdicts(out) == {"in sync": 3, "not compared": 1}


FAULTS: dict[str, tuple[Fault, tuple[str, int]]] = {
    "403": (Fault(status=403, body=status(403, "services is forbidden")), ("forbidden", 403)),
    "401": (Fault(status=401, body=status(401, "Unauthorized")), ("not logged in", 401)),
    "429": (Fault(status=429, body=status(429, "busy"), headers=(("Retry-After", "0"),)), ("server is busy", 429)),
    "410": (Fault(status=410, body=status(410, "too old")), ("list expired", 410)),
    "500": (Fault(status=500, body=status(500, "etcd has no leader")), ("server error", 500)),
    "cut short": (Fault(keep=100), ("answer cut short", 0)),
    "no JSON": (Fault(status=200, body=b"<html>"), ("no Kubernetes answer", 200)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_kind_that_is_not_read_is_named_and_the_rest_is_judged(
    shop: Shop, drift: Callable[..., tuple[int, str, str]], name: str
) -> None:
    """One list fails in one way: exit code 6, this list and no other is named, and its object is not called in sync."""
    fault, why = FAULTS[name]
    code, out, err = drift(on("/services?", fault))
    assert (code, err) == (6, "")
    # The root deploys to namespace argocd, where something of an earlier deploy may be left over.
    assert unread(out, shop.namespace) == {"Service in NS": why, "Service in argocd": why}
    assert verdicts(out) == {"in sync": 2, "could not check": 1, "not compared": 1}


def test_a_list_that_expires_in_the_middle(
    shop: Shop, drift: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """410 on the second page starts the list over once; where it comes again, the kind is unread and not half read."""
    monkeypatch.setattr(listing, "PAGE", 20)
    gone, once = Fault(status=410, body=status(410, "too old")), itertools.count()

    def is_second(path: str) -> bool:
        return "/configmaps?" in path and "continue=" in path

    configmaps(shop.plane, shop.namespace, 20)
    assert drift(lambda _method, path: gone if is_second(path) and next(once) < 1 else None)[0] == 0
    code, out, _ = drift(lambda _method, path: gone if is_second(path) else None)
    assert (code, unread(out, shop.namespace)) == (6, {"ConfigMap in NS": ("list expired", 410)})
    assert verdicts(out) == {"in sync": 2, "could not check": 1, "not compared": 1}


def test_a_list_without_an_answer_in_time(
    shop: Shop, drift: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out takes one kind, and the others do not wait for it."""
    monkeypatch.setattr(connection, "SILENT_SECONDS", 0.5)

    def slow(_method: str, path: str) -> Fault | None:
        if "/services?" in path:
            time.sleep(1)
        return None

    code, out, _ = drift(slow)
    late = ("no answer in time", 0)
    assert (code, unread(out, shop.namespace)) == (6, {"Service in NS": late, "Service in argocd": late})


def test_a_server_that_dies_in_the_middle(shop: Shop, drift: Callable[..., tuple[int, str, str]]) -> None:
    """Every list is named but those that were read before, and of what was not read nothing is called in sync."""
    code, out, _ = drift(on("limit=", Fault()))
    everything = unread(out, shop.namespace)
    assert (code, verdicts(out)) == (6, {"could not check": 3, "not compared": 1})
    asked = itertools.count()
    code, out, err = drift(lambda _method, path: Fault() if "limit=" in path and next(asked) >= 2 else None)
    found = unread(out, shop.namespace)
    assert (code, err) == (6, "")
    assert set(found.values()) == {("not reachable", 0)}
    assert found.keys() < everything.keys()
    assert len(everything.keys() - found.keys()) <= 2
    assert verdicts(out).get("in sync", 0) <= 2


def test_an_api_that_is_down(shop: Shop, drift: Callable[..., tuple[int, str, str]]) -> None:
    """A group whose own server does not answer is named as a whole: it may hold what is left over."""
    with dead_api(shop.plane, "metrics.example.com"):
        code, out, _ = drift()
    assert (code, unread(out, shop.namespace)) == (6, {"*.metrics.example.com": ("server error", 0)})
    assert verdicts(out) == {"in sync": 3, "not compared": 1}


def test_a_kind_that_is_not_installed(shop: Shop, drift: Callable[..., tuple[int, str, str]]) -> None:
    """An object of a kind that the cluster does not serve could not be checked, and the kind is named."""
    template = shop.root / "web/templates/thing.yaml"
    template.write_text(THING, encoding="utf-8")
    try:
        code, out, _ = drift()
    finally:
        template.unlink()
    assert (code, unread(out, shop.namespace)) == (6, {"Thing.gone.example.com in NS": ("kind not served", 0)})
    assert verdicts(out) == {"in sync": 3, "could not check": 1, "not compared": 1}


def test_who_cannot_begin_judges_nothing(drift: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """Without trust, login, server or discovery nothing is judged: exit code 6, and a report of what is not known."""
    busy = Fault(status=503, body=status(503, "apiserver is shutting down"))
    for words, spoil, changes in (
        ("certificate", _none, {"authority": write_keys(tmp_path / "keys").authority}),
        ("Unauthorized", _none, {"token": "0"}),
        ("refused", _none, {"server": "https://127.0.0.1:1"}),
        ("shutting down", lambda _method, path: busy if path.startswith("/api") else None, {}),
    ):
        code, out, err = drift(spoil, **changes)
        assert (code, err) == (6, ""), (words, out)
        assert json.loads(out)["clusters"] == []
        findings = json.loads(out)["findings"]
        assert {(each["check"], each["outcome"]) for each in findings} == {("cluster-unreached", "could-not-check")}
        assert words in findings[0]["found"]
        assert all("nothing is known" in each["found"] for each in findings[1:])


def _none(_method: str, _path: str) -> Fault | None:
    return None
