"""A state is written without a secret, and read back as it was or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.compare import Rules, Verdict, compare
from driftgate.drift.masking import LEFT_OUT, leave_out
from driftgate.drift.reading import Rendered, read_state
from driftgate.drift.recording import HEADER, read_recording, write_recording
from driftgate.drift.state import MASK, ClusterState, is_masked
from driftgate.errors import UsageError
from driftgate.live import Discovery, DiscoveryFault, Identity, Resource, Unread, Wanted, Why, open_cluster
from driftgate.live.listing import opaque
from driftgate.model.secret import SecretValue
from tests.controlplane.plane import ControlPlane
from tests.drift.clusters import CANARIES, fill, rendered

CANARY = "cAnary9Zx7Qw"
IN_BASE64 = "Y0FuYXJ5OVp4N1F3"


def settings(name: str = "settings", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def state(*objects: dict[str, Any], others: tuple[dict[str, Any], ...] = ()) -> ClusterState:
    verbs = frozenset({"get", "list"})
    kinds = Discovery(
        {("", "ConfigMap"): Resource("", "ConfigMap", "configmaps", True, verbs, ("v1",))},
        (DiscoveryFault("metrics.example.com", "v1", "down"),),
    )
    listed = (Wanted("", "ConfigMap", "shop", version="v1"), Wanted("", "Secret", "shop", True, fields="type=x"))
    unread = (Unread(Wanted("", "Secret", "shop", version="v1", secret_values=True), Why.FORBIDDEN, 403, "no"),)
    taken = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    identity = Identity("https://127.0.0.1:6443", "uid", "v1.36.3")
    return ClusterState("staging", "in-cluster", identity, taken, objects, others, kinds, listed, unread, 7)


def written(folder: Path) -> str:
    """Every file of a folder with its name."""
    return "\n".join(f"{path.name}: {path.read_text()}" for path in sorted(folder.rglob("*")) if path.is_file())


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    """Everything of a state that holds no secret comes back, in the order of the files, and marked as recorded."""
    left_over = settings("left-over")
    del left_over["data"]
    before = state(settings("a", colour="파랑"), settings("b", half="\ud800", n="1"), others=(left_over,))
    write_recording(before, tmp_path / "recording")
    assert read_recording(tmp_path / "recording") == replace(before, recorded=True)


def test_who_wrote_what_nobody_delivered_is_not_recorded(tmp_path: Path) -> None:
    """Of the other kinds only what a deliverer has marked keeps its managers: it is what may be left over."""
    managers = [{"manager": "kubectl", "operation": "Update"}]
    marked = {"name": "marked", "labels": {"app.kubernetes.io/instance": "shop"}, "managedFields": managers}
    plain = {"name": "plain", "labels": {"app": "shop"}, "managedFields": managers, "resourceVersion": "7"}
    others = [{"apiVersion": "v1", "kind": "Service", "metadata": metadata} for metadata in (marked, plain)]
    write_recording(state(others=tuple(others)), tmp_path / "recording")
    found = read_recording(tmp_path / "recording").others
    assert [one["metadata"] for one in found] == [marked, {"name": "plain", "labels": {"app": "shop"}}]


def test_files_are_sorted_and_for_their_owner_alone(tmp_path: Path) -> None:
    """One file for each kind, the same whatever order the server had, and readable by nobody else."""
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    for number, objects in enumerate([(settings("a"), settings("b"), scaler), (scaler, settings("b"), settings("a"))]):
        write_recording(state(*objects), tmp_path / str(number))
    files = sorted(path.relative_to(tmp_path / "0").as_posix() for path in (tmp_path / "0").rglob("*.json"))
    assert files == [
        HEADER,
        "kinds.json",
        "objects/ConfigMap.v1.json",
        "objects/HorizontalPodAutoscaler.v2.autoscaling.json",
    ]
    assert written(tmp_path / "0") == written(tmp_path / "1")
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*.json")} == {"0o600"}


def test_a_recording_replaces_an_older_one_and_nothing_else(tmp_path: Path) -> None:
    """Files of kinds that are gone go too; a folder with anything else in it is left as it is."""
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}}
    write_recording(state(scaler), tmp_path / "recording")
    write_recording(state(settings()), tmp_path / "recording")
    assert read_recording(tmp_path / "recording").objects == (settings(),)
    assert not (tmp_path / "recording/objects/HorizontalPodAutoscaler.v2.autoscaling.json").exists()

    (tmp_path / "work").mkdir()
    (tmp_path / "work/notes.json").write_text("mine")
    with pytest.raises(UsageError, match=r"work: the folder holds notes\.json; name a new one"):
        write_recording(state(), tmp_path / "work")
    assert written(tmp_path / "work") == "notes.json: mine"
    with pytest.raises(UsageError, match=r"work/notes\.json: "):
        write_recording(state(), tmp_path / "work/notes.json")


def env(name: str, value: str) -> dict[str, Any]:
    return {"env": [{"name": name, "value": value}]}


PLACES: dict[str, dict[str, Any]] = {
    "env value under a telling name": env("DB_PASSWORD", CANARY),
    "short env value": env("API_TOKEN", CANARY[:12]),
    "env value that reads like a name": env("DB_PASSWORD", f"shop-db-password-{CANARY.lower()}"),
    "login in a URL": env("DATABASE", f"postgres://app:{CANARY}@db:5432/shop"),
    "login of a manual in a URL": env("DATABASE", "amqp://app:secret@queue"),
    "argument": {"args": [f"--password={CANARY}"]},
    "argument after its option": {"args": ["--db-password", CANARY]},
    "shell command": {"command": ["sh", "-c", f"export API_TOKEN={CANARY}; run"]},
    "header": {"httpHeaders": [{"name": "Authorization", "value": f"Bearer {CANARY}"}]},
    "annotation": {"annotations": {"nginx/snippet": f'proxy_set_header Authorization "Basic {CANARY}";'}},
    "checksum of a Secret": {"annotations": {"checksum/secret": "cafe" * 16}},
    "key of a map": {"password": CANARY},
    "number": {"pinToken": 83472911},
    "map with a value": {"clientSecret": {"value": CANARY}},
    "list": {"tokens": [CANARY]},
    "YAML in a text": {"app.yaml": f"db:\n  user: shop\n  password: {CANARY}\n"},
    "next line in YAML": {"app.yaml": f"db:\n  password:\n    {CANARY}\n"},
    "block in YAML": {"app.yaml": f"db:\n  password: |\n    {CANARY}\n"},
    "JSON in a text": {"app.json": json.dumps({"db": {"password": CANARY}})},
    "properties": {"app.properties": f"db.user=shop\ndb.password={CANARY}\n"},
    "XML": {"app.xml": f"<db><password>{CANARY}</password></db>"},
    "base64 of a text": {"userData": "cGFzc3dvcmQ6IGNBbmFyeTlaeDdRdwo="},
    "compressed": {"applied": f"H4sIAAAAAAAA{CANARY}"},
    "parameter of Helm": {"parameters": [{"name": "db.password", "value": CANARY}]},
    "provider for tests": {"provider": {"fake": {"data": [{"key": "/shop/db", "value": CANARY}]}}},
    "private key": {"key.pem": f"-----BEGIN PRIVATE KEY-----\n{CANARY}Mz4x8vB2nK5\n-----END PRIVATE KEY-----"},
}


@pytest.mark.parametrize("place", PLACES)
def test_what_looks_like_a_credential_is_left_out(place: str) -> None:
    """In each place in which people put one, and in the annotation that repeats it; a replay knows nothing of it."""
    found = PLACES[place]
    whole = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": found}
    last_applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(whole)}
    document = {**whole, "metadata": {"name": "a", "annotations": last_applied}}

    kept, ways = leave_out(document)

    text = json.dumps(kept)
    hidden = [CANARY.lower(), IN_BASE64.lower(), "cafe" * 16, "83472911", "cgfzc3dvcmq6ignb"]
    assert not any(one in text.lower() for one in hidden)
    assert len(ways) == 2
    assert text.count(LEFT_OUT) == 2


@pytest.mark.parametrize(
    "harmless",
    [
        {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-auth", "key": "password"}}}]},
        env("DB_PASSWORD", "$(OTHER)"),
        env("COLOUR", "blue"),
        {"args": ["--token-file", "/var/run/token", "--replicas=3"]},
        {"automountServiceAccountToken": True, "tokenExpirationSeconds": 3600},
        {"template": {"data": {"password": "{{ .password }}"}}},
        {"annotations": {"checksum/config": "cafe" * 16}},
        {"image": "registry.example.com/shop/api@sha256:" + "0f" * 32, "url": "https://shop.example.com:8443/a@b"},
        {"existingSecret": "shop-db-auth", "passwordSecretKey": "password"},
        {"app.yaml": "db:\n  password:\n    secretKeyRef:\n      name: db\n"},
        {"app.yaml": "server:\n  port: 8080\n  passwordFile: /run/secrets/db\n"},
    ],
)
def test_what_is_none_stays(harmless: dict[str, Any]) -> None:
    """References, names, switches and digests of images are recorded as they are."""
    document = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": harmless}
    assert leave_out(document) == (document, ())


NAMES = st.sampled_from(["name", "kind", "items", "spec", "a/b", "0", "annotations", "metadata", "values"])
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "blue", "a: b", "x=y", "$(A)"])
TREES = st.recursive(LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3))
HIDDEN = st.sampled_from(list(PLACES.values()))


@given(tree=TREES, hidden=HIDDEN, keys=st.lists(NAMES, max_size=4), in_list=st.booleans())
def test_a_credential_is_left_out_wherever_it_stands(
    tree: Any, hidden: dict[str, Any], keys: list[str], *, in_list: bool
) -> None:
    """However deep it lies and whatever lies beside it; and each way that is told leads to what was left out."""
    below: Any = [tree, hidden] if in_list else {"tree": tree, **hidden}
    for key in keys:
        below = {key: below, "beside": tree}
    kept, ways = leave_out({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": below})
    assert CANARY.lower() not in json.dumps(kept).lower()
    assert ways
    for way in ways:
        found: Any = kept
        for step in way:
            found = found[step]
        assert LEFT_OUT in found


def test_a_secret_keeps_the_names_of_its_keys() -> None:
    """Values go, and hashes of them, and what last-applied repeats; names, types and tracking stay."""
    last_applied = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db"},
        "stringData": {"password": CANARY},
    }
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(last_applied),
        "reconcile.external-secrets.io/data-hash": "0f" * 16,
        "argocd.argoproj.io/tracking-id": "shop:/Secret:shop/db",
    }
    metadata = {"name": "db", "namespace": "shop", "annotations": annotations}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "data": {"password": IN_BASE64},
    }

    kept, ways = leave_out(opaque(document))

    assert kept["data"] == {"password": LEFT_OUT}
    assert kept["type"] == "Opaque"
    assert json.loads(kept["metadata"]["annotations"].pop("kubectl.kubernetes.io/last-applied-configuration")) == {
        **last_applied,
        "stringData": {"password": LEFT_OUT},
    }
    assert kept["metadata"]["annotations"] == {
        "reconcile.external-secrets.io/data-hash": LEFT_OUT,
        "argocd.argoproj.io/tracking-id": "shop:/Secret:shop/db",
    }
    assert len(ways) == 3


def test_a_key_that_is_a_credential_takes_its_map_with_it() -> None:
    """Keys are searched too; what stands beside such a key is left out with it."""
    token = "ghp_" + "7fQ2xLm9RtVw4sKzP1dYbN8cHjE5aUo3GiT6"
    document = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"known": {token: {}, "a": 1}}}
    kept, ways = leave_out(document)
    assert kept["spec"] == {"known": LEFT_OUT}
    assert ways == (("spec", "known"),)


def test_managers_of_fields_repeat_no_credential() -> None:
    """The key of an element of a set is its value; who wrote the object and when stays."""
    token = "ghp_" + "7fQ2xLm9RtVw4sKzP1dYbN8cHjE5aUo3GiT6"
    manager = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:tokens": {f'v:"{token}"': {}}}}}
    plain = {"manager": "helm", "fieldsV1": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}}
    document = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "managedFields": [manager, plain]}}
    kept, _ = leave_out(document)
    assert kept["metadata"]["managedFields"] == [{"manager": "kubectl"}, plain]


def test_a_real_recording_holds_no_canary_and_a_replay_never_says_in_sync(
    api_server: ControlPlane, tmp_path: Path
) -> None:
    """Applied by kubectl, read from a real server, written and compared: each canary is "cannot be told"."""
    namespace = fill(api_server)
    pod = {"containers": [{"name": "web", "image": "web:1", **env("DB_PASSWORD", CANARY)}]}
    template = {"metadata": {"labels": {"app": "web"}, "annotations": {"checksum/secret": "cafe" * 16}}, "spec": pod}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    texts = {"app.yaml": f"db:\n  password: {CANARY}\n", "colour": "blue"}
    config = {**settings("texts", **texts), "metadata": {"name": "texts", "namespace": namespace}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": namespace},
        "data": {"password": IN_BASE64},
    }
    desired = [deployment, config, secret]
    many = json.dumps({"apiVersion": "v1", "kind": "List", "items": desired})
    applied = api_server.kubectl("apply", "-f", "-", stdin=many)
    assert applied.returncode == 0, applied.stderr
    wanted = {*rendered(namespace), Rendered("apps/v1", "Deployment", namespace)}
    with open_cluster("admin", str(api_server.kubeconfig())) as cluster:
        live = read_state(cluster, "in-cluster", Identity(api_server.server, "uid", "v1"), wanted)

    write_recording(live, tmp_path / "recording")
    replayed = read_recording(tmp_path / "recording")

    text = written(tmp_path / "recording")
    canaries = [CANARY, IN_BASE64, "cafe" * 16, *CANARIES, "Y2FuYXJ5MnhaOQ"]
    assert [one for one in canaries if one.lower() in text.lower()] == []
    assert MASK not in text
    assert CANARY in json.dumps(desired)  # what is searched for is what was applied
    assert (replayed.listed, replayed.unread, replayed.calls) == (live.listed, live.unread, live.calls)

    told = {}
    for one in desired:
        about = (one["apiVersion"].rpartition("/")[0], one["kind"], namespace, one["metadata"]["name"])
        held, again = live.find(*about), replayed.find(*about)
        assert held is not None
        assert again is not None
        assert compare(one, held, Rules()).verdict is Verdict.IN_SYNC
        comparison = compare(one, again, Rules())
        assert comparison.verdict is Verdict.CHANGED
        assert all(is_masked(difference.live) for difference in comparison.differences)
        told[one["kind"]] = [difference.field for difference in comparison.differences]
    assert told == {
        "ConfigMap": ['data["app.yaml"]'],
        "Deployment": [
            'spec.template.metadata.annotations["checksum/secret"]',
            "spec.template.spec.containers[name=web].env[name=DB_PASSWORD].value",
        ],
        "Secret": ["data.password"],
    }


def test_a_recording_of_a_recording_is_the_same(tmp_path: Path) -> None:
    """What was not recorded the first time stays so."""
    first, second = tmp_path / "first", tmp_path / "second"
    login = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": IN_BASE64}}
    texts = {"password": CANARY, "app.yaml": f"db:\n  password: {CANARY}\n"}
    write_recording(state(settings(**texts), opaque(login)), first)
    replayed = read_recording(first)
    assert replayed.objects == (
        settings(**dict.fromkeys(texts, MASK)),
        {**login, "data": {"password": SecretValue(MASK)}},
    )
    write_recording(replayed, second)
    assert written(second) == written(first)


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def change(name: str, edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        edit(document)
        (folder / name).write_text(json.dumps(document))

    return apply


def text(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def link(folder: Path) -> None:
    (folder / "objects/ConfigMap.v1.json").unlink()
    (folder / "objects/ConfigMap.v1.json").symlink_to("/etc/passwd")


def linked_folder(folder: Path) -> None:
    (folder / "objects").rename(folder.parent / "elsewhere")
    (folder / "objects").symlink_to(folder.parent / "elsewhere")


OBJECTS = "objects/ConfigMap.v1.json"
FIRST = "object 1"


@pytest.mark.parametrize(
    ("damage", "file", "problem"),
    [
        (remove(HEADER), HEADER, "the folder is no recording"),
        (remove(OBJECTS), OBJECTS, f"is missing, though {HEADER} needs it"),
        (remove("kinds.json"), "kinds.json", f"is missing, though {HEADER} needs it"),
        (text(HEADER, b'{"format": 1,\n'), HEADER, "not readable as JSON: line 2, column 1: "),
        (text(OBJECTS, b'{"a": "\xff"}'), OBJECTS, "not readable as JSON: it is no UTF-8"),
        (text(OBJECTS, b'{"a": NaN}'), OBJECTS, "not readable as JSON: it is no UTF-8, or has a number"),
        (text(OBJECTS, b'{"objects": ' + b"[" * 100_000), OBJECTS, "nested too deeply"),
        (text(OBJECTS, b'{"objects": ' + b"[" * 300 + b"]" * 300 + b"}"), OBJECTS, "nested too deeply"),
        (text(OBJECTS, b"[]"), OBJECTS, "is no JSON object"),
        (link, OBJECTS, "ConfigMap.v1.json leads out of"),
        (linked_folder, OBJECTS, "ConfigMap.v1.json leads out of"),
        (
            change(HEADER, lambda one: one.update(format=2)),
            HEADER,
            "the recording has format 2 and this driftgate reads up to 1: update driftgate",
        ),
        (change(HEADER, lambda one: one.update(format="1")), HEADER, "format is no number of a format"),
        (change(HEADER, lambda one: one.update(format=True)), HEADER, "format is no number of a format"),
        (change(HEADER, lambda one: one.update(taken="yesterday")), HEADER, "taken cannot be read"),
        (change(HEADER, lambda one: one.update(taken="2026-01-02T03:04:05")), HEADER, "taken cannot be read"),
        (change(HEADER, lambda one: one.pop("context")), HEADER, "context is no text"),
        (change(HEADER, lambda one: one.update(calls="7")), HEADER, "calls is no whole number"),
        (change(HEADER, lambda one: one.pop("cluster")), HEADER, "cluster has an entry that is none"),
        (change(HEADER, lambda one: one["cluster"].pop("uid")), HEADER, "cluster has no uid"),
        (change(HEADER, lambda one: one.update(listed={})), HEADER, "listed is no list"),
        (change(HEADER, lambda one: one["listed"][0].update(x="")), HEADER, "listed has an entry that is none"),
        (
            change(HEADER, lambda one: one["listed"][0].update(metadata_only="no")),
            HEADER,
            "listed has an entry with a value of the wrong kind",
        ),
        (change(HEADER, lambda one: one["unread"][0].update(why="LAZY")), HEADER, "why of unread cannot be read"),
        (change(HEADER, lambda one: one["unread"][0].update(status="")), HEADER, "unread has an entry that is none"),
        (
            change(HEADER, lambda one: one["files"].update({"objects/../../x.json": 1})),
            HEADER,
            "files names 'objects/../../x.json', which is no file of a recording",
        ),
        (
            change("kinds.json", lambda one: one["resources"].append(1)),
            "kinds.json",
            "resources has an entry without verbs or versions",
        ),
        (change(OBJECTS, lambda one: one["objects"].pop()), OBJECTS, f"has 0 objects, and {HEADER} says 1"),
        (change(OBJECTS, lambda one: one.update(objects=["x"])), OBJECTS, f"{FIRST} is none"),
        (
            change(OBJECTS, lambda one: one["objects"][0]["object"].pop("metadata")),
            OBJECTS,
            f"{FIRST} is none: it has no metadata",
        ),
        (
            change(OBJECTS, lambda one: one["objects"][0]["object"].update(kind=7)),
            OBJECTS,
            f"{FIRST} is none: apiVersion, kind or name is missing or no text",
        ),
        (
            change(OBJECTS, lambda one: one["objects"][0]["object"]["metadata"].update(labels={"a": 1})),
            OBJECTS,
            f"{FIRST} is damaged: metadata.labels is no map of texts",
        ),
        (
            change(OBJECTS, lambda one: one["objects"][0]["object"]["metadata"].update(managedFields=["a"])),
            OBJECTS,
            f"{FIRST} is damaged: metadata.managedFields is no list of maps",
        ),
        (
            change(OBJECTS, lambda one: one["objects"][0]["notRecorded"].append(["data", "colour"])),
            OBJECTS,
            f"notRecorded of {FIRST} names a place where nothing was left out",
        ),
        (
            change(OBJECTS, lambda one: one["objects"][0].update(notRecorded=[[]])),
            OBJECTS,
            f"notRecorded of {FIRST} names a place where nothing was left out",
        ),
    ],
)
def test_a_damaged_recording_is_told_by_its_file(
    tmp_path: Path, damage: Callable[[Path], object], file: str, problem: str
) -> None:
    """Whatever is missing, broken, newer or of the wrong type: the error names the file and what is wrong with it."""
    folder = tmp_path / "recording"
    write_recording(state(settings(password=CANARY, colour="blue")), folder)
    damage(folder)
    with pytest.raises(UsageError) as caught:
        read_recording(folder)
    assert str(caught.value).startswith(f"{folder / file}: ")
    assert problem in str(caught.value)


def test_names_of_kinds_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    """What a cluster calls its kinds is not trusted with the name of a file."""
    odd = {"apiVersion": "../../x/v1", "kind": "../Evil name", "metadata": {"name": "a"}}
    odd["apiVersion"] = "..x/v1"
    write_recording(state(odd), tmp_path / "recording")
    assert [path.name for path in tmp_path.iterdir()] == ["recording"]
    assert read_recording(tmp_path / "recording").objects == (odd,)


@given(data=st.data(), junk=TREES | st.just(MASK) | st.just("x" * 70) | st.floats(allow_nan=False))
def test_no_damage_is_a_crash(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, junk: Any) -> None:
    """A recording in which anything stands where something else should is read, or refused with a file's name."""
    folder = tmp_path_factory.mktemp("damaged") / "recording"
    write_recording(state(settings(password=CANARY), others=(settings("b"),)), folder)
    path = data.draw(st.sampled_from(sorted(folder.rglob("*.json"))))
    document = json.loads(path.read_text())
    below: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(below) if isinstance(below, dict) else list(range(len(below)))))
        if not isinstance(below[key], dict | list) or not below[key] or data.draw(st.booleans()):
            break
        below = below[key]
    below[key] = junk
    path.write_text(json.dumps(document))
    try:
        assert read_recording(folder).recorded
    except UsageError as error:
        assert str(error).startswith(f"{folder}/")  # noqa: PT017 a recording that can still be read is as good
