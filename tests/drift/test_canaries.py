"""Values that nobody may read are in no output of the live commands, wherever in the cluster or in Git they stand."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftgate.drift.changes import Changes
from tests.controlplane.crds import Crd, served
from tests.controlplane.plane import ControlPlane
from tests.drift.shop import AUTOMATED, Shop, run

#: By the place in which each stands. Of every one there is a first form, in Git, and a second, in the cluster.
PLACES = (
    "secret", "stored", "added", "environment", "login", "option", "setting", "file", "annotation", "snippet",
    "parameter", "values", "release", "left-over", "event", "reference",
)  # fmt: skip


def canary(place: str, form: int = 1) -> str:
    """The value in a place: letters and figures, as passwords have them."""
    return f"cAn{PLACES.index(place)}ry{form}x9Zq7Wv4T"


def _templates(form: int) -> dict[str, str]:
    value = {place.replace("-", "_"): canary(place, form) for place in PLACES}
    stored = base64.b64encode(value["stored"].encode()).decode()
    return {
        "secret": f"""\
apiVersion: v1
kind: Secret
metadata: {{name: db}}
stringData: {{password: {value["secret"]}}}
data: {{stored: {stored}}}
""",
        "settings": f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data:
  password: {value["setting"]}
  application.properties: |
    db.user=shop
    db.password={value["file"]}
""",
        "deployment": f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    shop.test/password: {value["annotation"]}
    shop.test/snippet: 'proxy_set_header Authorization "Bearer {value["snippet"]}";'
spec:
  replicas: {form}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: main
          image: registry.example.com/web:{form}.0.0
          args: [--port=80, --db-password={value["option"]}]
          env:
            - {{name: DB_PASSWORD, value: {value["environment"]}}}
            - {{name: DATABASE_URL, value: "postgres://app:{value["login"]}@db:5432/shop"}}
""",
    }


def _application(form: int) -> str:
    return f"""\
    helm:
      parameters: [{{name: db.password, value: {canary("parameter", form)}}}]
      valuesObject: {{auth: {{token: {canary("values", form)}}}}}
{AUTOMATED}"""


@pytest.fixture(scope="module")
def shop(
    api_server: ControlPlane, published_crds: dict[str, list[Crd]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop in which every canary of Git was delivered, and then replaced by another one."""
    with served(api_server, published_crds["argocd"]), api_server.namespaces("argocd"):
        shop = Shop(api_server, tmp_path_factory.mktemp("shop"), api_server.namespace())
        shop.tree(_templates(1), spec=_application(1))
        text = (shop.root / "apps/web.yaml").read_text(encoding="utf-8")
        (shop.root / "apps/web.yaml").write_text(_inside_of_source(text), encoding="utf-8")
        shop.deliver()
        _replace(shop)
        yield shop
        shop.close()


def _inside_of_source(text: str) -> str:
    """The Application with its source in block style, so that the helm part is in it."""
    head, _, rest = text.partition("  source: {")
    fields, _, rest = rest.partition("}\n")
    lines = "".join(f"    {field.strip()}\n" for field in fields.split(","))
    return f"{head}  source:\n{lines}{rest}"


def _replace(shop: Shop) -> None:
    for text in _templates(2).values():
        shop.kubectl("apply", "-f", "-", stdin=text)
    shop.kubectl("patch", "secret/db", "-p", json.dumps({"stringData": {"added": canary("added", 2)}}))
    helm = {"parameters": [{"name": "db.password", "value": canary("parameter", 2)}]}
    spec = {"source": {"helm": {**helm, "valuesObject": {"auth": {"token": canary("values", 2)}}}}}
    condition = {"type": "ComparisonError", "message": f"https://git:{canary('reference', 2)}@git.example.com: denied"}
    status = {"conditions": [{**condition, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    shop.patch_application(shop.web, {"spec": spec, "status": status})
    core = f"/api/v1/namespaces/{shop.namespace}"
    labels = {"owner": "helm", "name": "web", "version": "1", "status": "deployed"}
    release = {"name": "sh.helm.release.v1.web.v1", "labels": labels}
    body = {"metadata": release, "type": "helm.sh/release.v1", "stringData": {"release": canary("release", 2)}}
    shop.plane.create(f"{core}/secrets", body)
    tracking = {"argocd.argoproj.io/tracking-id": f"{shop.web}:/Secret:{shop.namespace}/left-over"}
    left = {"metadata": {"name": "left-over", "annotations": tracking}, "stringData": {"a": canary("left-over", 2)}}
    shop.plane.create(f"{core}/secrets", left)
    about = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": shop.namespace}
    event = {
        "metadata": {"name": "web.1"},
        "involvedObject": about,
        "type": "Warning",
        "reason": "Failed",
        "message": f"pull https://robot:{canary('event', 2)}@registry.example.com/v2/: denied",
        "lastTimestamp": "2999-01-01T00:00:00Z",
    }
    shop.plane.create(f"{core}/events", event)


def _way(shop: Shop) -> tuple[str, ...]:
    return "--kubeconfig", str(shop.plane.kubeconfig()), "--context", "admin"


def _all(shop: Shop, *arguments: str) -> str:
    _, out, err = run(*arguments, *_way(shop), "--no-cache", str(shop.root))
    return out + err


def _recorded(shop: Shop, folder: Path) -> str:
    _, out, err = run("record", str(folder / "recording"), "--root", str(shop.root), "--no-cache", *_way(shop))
    assert len(list((folder / "recording").rglob("*"))) > 3
    return out + err + _texts(folder / "recording")


def _from_recording(shop: Shop, folder: Path) -> str:
    _recorded(shop, folder)
    _, out, err = run("drift", "--live-from", str(folder / "recording"), "--no-cache", str(shop.root))
    return out + err


def _cached(shop: Shop, folder: Path) -> str:
    code, out, err = run("drift", *_way(shop), str(shop.root))
    assert (code, err) == (1, ""), out
    return out + _texts(folder)


def _remembered(shop: Shop, folder: Path) -> str:
    """What a history holds, as bytes and as it is listed."""
    file = folder / "history.db"
    text = _all(shop, "drift", "--history", str(file)) + _all(shop, "drift", "--history", str(file))
    _, out, err = run("history", str(file))
    return text + out + err + file.read_bytes().decode("latin-1")


def _around_a_deploy(shop: Shop, folder: Path) -> str:
    """A snapshot and what is told of it, and what pytest says afterwards."""
    file = folder / "snapshot.json"
    _, out, err = run("snapshot", str(file), "--root", str(shop.root), "--no-cache", *_way(shop))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--driftgate", "-m", "live", "--showlocals"]
    command += [f"--rootdir={folder}", f"--driftgate-root={shop.root}", "--driftgate-no-cache", "--driftgate-wait=0"]
    command += [f"--driftgate-kubeconfig={shop.plane.kubeconfig()}", f"--driftgate-before={file}"]
    done = subprocess.run([*command, f"--driftgate-report=json={folder / 'report.json'}"], cwd=folder,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "  planned " in done.stdout, done.stdout + done.stderr
    return out + err + done.stdout + done.stderr + _texts(folder)


def _crashed(shop: Shop, _folder: Path) -> str:
    """What a check, and what the command, says that crashes over the objects themselves."""

    def crash(self: Changes) -> Iterator[None]:
        raise ValueError([(pair.desired, pair.live) for pair in self.deployed.pairs])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Changes, "drifted", crash)
        text = _all(shop, "drift")
        assert "the check crashed: ValueError at test_canaries.py" in text
    return text


def _broken(shop: Shop, _folder: Path) -> str:
    """The traceback of a command that ends in the middle, with an error that holds what was read."""

    def crash(*arguments: object, **_: object) -> None:
        raise ValueError(arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("driftgate.clusters.judge_drift", crash)
        try:
            return _all(shop, "drift")
        except ValueError:
            _, error, trace = sys.exc_info()
            return "".join(traceback.format_exception(None, error, trace))


#: Whatever a command prints, writes or leaves behind; a new one takes one line.
OUTPUTS: dict[str, Callable[[Shop, Path], str]] = {
    "drift": lambda shop, _folder: _all(shop, "drift"),
    "drift --format json": lambda shop, _folder: _all(shop, "drift", "--format", "json"),
    "record": _recorded,
    "drift --live-from": _from_recording,
    "status": lambda shop, _folder: _all(shop, "status"),
    "status --format json": lambda shop, _folder: _all(shop, "status", "--format", "json"),
    "drift --history": _remembered,
    "snapshot, and pytest -m live": _around_a_deploy,
    "the cache of renders": _cached,
    "a check that crashes": _crashed,
    "a traceback": _broken,
}


def _texts(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_canary_is_in_any_output(shop: Shop, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what Git has nor what the cluster has of any place is there, plain or in base64."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = OUTPUTS[output](shop, tmp_path)
    assert text
    forms = {(place, form): canary(place, form) for place in PLACES for form in (1, 2)}
    leaked = [about for about, value in forms.items() if any(each in text for each in _spellings(value))]
    assert leaked == []


def _spellings(value: str) -> tuple[str, ...]:
    """As it is, and the middle of it in base64, wherever in a text it begins."""
    coded = [base64.b64encode(b" " * shift + value.encode()).decode()[4:-4] for shift in range(3)]
    return value, *coded


def test_every_canary_is_in_the_cluster(shop: Shop) -> None:
    """The test would see a leak: each value of the second form is in what the API server tells its administrator."""
    kinds = "secrets,configmaps,deployments,events"
    listed = shop.plane.kubectl("get", kinds, "-n", shop.namespace, "-o", "json").stdout
    listed += shop.plane.kubectl("get", "applications", "-n", "argocd", "-o", "json").stdout
    assert [place for place in PLACES if not any(each in listed for each in _spellings(canary(place, 2)))] == []
