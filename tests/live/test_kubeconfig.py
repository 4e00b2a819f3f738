"""Which cluster is opened: the one that is named, as kubectl would, and no other."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from driftgate.errors import UsageError
from driftgate.live import ApiError, Why, open_cluster, open_own_cluster, who_am_i
from tests.controlplane.plane import ControlPlane
from tests.live.faults import kubeconfig, proxy_before


def refusal(context: str, file: Path | None, root: Path | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        open_cluster(context, None if file is None else str(file), root=root)
    return f"{caught.value}"


def user_of(context: str, file: str | None = None) -> str:
    with open_cluster(context, file) as cluster:
        user = who_am_i(cluster)
    assert user is not None
    return user.name


def test_the_context_is_never_the_current_one(api_server: ControlPlane) -> None:
    """A context that is not there is refused with those that are, although there is a current one."""
    file = api_server.kubeconfig("admin")
    assert refusal("staging", file) == f"context staging is not in {file}; there is admin"


def test_files_are_merged_as_kubectl_merges_them(
    api_server: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several files in KUBECONFIG the first that has an entry counts, and one that is missing is passed over."""
    first = kubeconfig(api_server, tmp_path / "first", "reader")
    second = kubeconfig(api_server, tmp_path / "second", "limited")
    both = json.loads(second.read_text())
    both["users"].append({"name": "reader", "user": {"token": "of-another"}})
    second.write_text(json.dumps(both))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(first), str(tmp_path / "missing"), str(second)]))

    assert [user_of("reader"), user_of("limited")] == ["reader", "limited"]
    assert refusal("admin", None) == f"context admin is not in {first}, {second}; there is limited, reader"


def test_without_any_file_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where kubectl would fall back to localhost, the missing file is told."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "gone"))
    assert refusal("a", None) == (
        f"no kubeconfig: {tmp_path / 'gone'} does not exist; name one by --kubeconfig or KUBECONFIG"
    )
    assert refusal("a", tmp_path / "gone") == f"kubeconfig {tmp_path / 'gone'}: no such file"


def test_a_kubeconfig_of_the_judged_tree_is_refused(
    api_server: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull request cannot bring the kubeconfig, whose plugins would run, not even through a symlink."""
    root, ran = tmp_path / "tree", tmp_path / "ran"
    root.mkdir()
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [str(ran)]}
    inside = kubeconfig(api_server, root / "config", user={"exec": plugin})
    link = tmp_path / "link"
    link.symlink_to(inside)

    for file in (inside, link):
        assert refusal("admin", file, root) == (
            f"kubeconfig {file} lies in the judged tree, whose authors it would obey: move it out"
        )
    monkeypatch.setenv("KUBECONFIG", str(inside))
    assert "lies in the judged tree" in refusal("admin", None, root)
    assert not ran.exists()


def _edited(api_server: ControlPlane, path: Path, **blocks: Any) -> Path:
    document = json.loads(api_server.kubeconfig("admin").read_text())
    path.write_text(json.dumps(document | blocks))
    return path


def test_what_the_client_would_pass_over_is_told(api_server: ControlPlane, tmp_path: Path) -> None:
    """An entry that cannot be followed as kubectl follows it is refused: it would ask as somebody else."""
    file = tmp_path / "config"
    place = f"{file}:1"
    lonely = [{"name": "admin", "context": {"cluster": "gone", "user": "admin"}}]
    stranger = [{"name": "admin", "context": {"cluster": "test", "user": "gone"}}]
    _edited(api_server, file, contexts=lonely)
    assert refusal("admin", file).endswith("context admin names cluster gone, which has no server")
    _edited(api_server, file, contexts=stranger)
    assert refusal("admin", file).endswith(f"context admin names user gone, whom {file} does not have")
    kubeconfig(api_server, file, user={"token": "abc", "as": "system:admin"})
    assert refusal("admin", file).startswith(place)
    assert refusal("admin", file).endswith("user admin impersonates (as), which driftgate does not follow")
    kubeconfig(api_server, file, user={"auth-provider": {"name": "azure"}})
    assert refusal("admin", file).endswith("user admin logs in by auth-provider azure; use an exec plugin")


def test_what_cannot_be_read_is_told_without_its_text(api_server: ControlPlane, tmp_path: Path) -> None:
    """A kubeconfig that is broken is named with a line; what stands in it is not repeated, it may be a token."""
    broken = tmp_path / "broken"
    broken.write_text("users:\n- name: a\n  user: {token: s3cret-t0ken\n")
    wrong = kubeconfig(api_server, tmp_path / "wrong", user={"token": "s3cret-t0ken"}, authority=tmp_path / "gone.crt")
    kept = json.loads(wrong.read_text())
    del kept["contexts"][0]["context"]["user"]
    nameless = tmp_path / "nameless"
    nameless.write_text(json.dumps(kept | {"users": [{"user": {"token": "s3cret-t0ken"}}]}))

    texts = [refusal("admin", broken), refusal("admin", wrong), refusal("admin", nameless)]
    assert texts[0].startswith(f"kubeconfig {broken}:")
    assert texts[1].startswith(f"context admin: the client cannot follow its entries in {wrong} (")
    assert "s3cret" not in "".join(texts)


def test_an_exec_plugin_logs_in(api_server: ControlPlane, tmp_path: Path) -> None:
    """The user's own kubeconfig is trusted, and its plugin runs as with kubectl."""
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": api_server.tokens["limited"]},
    }
    (tmp_path / "answer").write_text(json.dumps(answer))
    plugin = {"apiVersion": answer["apiVersion"], "command": "cat", "args": [str(tmp_path / "answer")]}
    assert user_of("admin", str(kubeconfig(api_server, tmp_path / "config", user={"exec": plugin}))) == "limited"


def test_a_plugin_that_fails_is_told_in_its_own_words(
    api_server: ControlPlane, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A login that fails ends there: nothing is asked without credentials, and nothing is logged beside the error."""
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", "import sys; sys.exit('your session has expired')"],
    }
    file = kubeconfig(api_server, tmp_path / "config", user={"exec": plugin})
    with pytest.raises(ApiError) as caught:
        open_cluster("admin", str(file))
    assert (caught.value.why, caught.value.message) == (
        Why.CREDENTIALS,
        "exec: process returned 1. your session has expired",
    )
    assert capfd.readouterr() == ("", "")


def test_client_certificates_log_in(api_server: ControlPlane, tmp_path: Path) -> None:
    """A kubeconfig with a certificate instead of a token is followed: a server that wants one talks to us."""
    certificate = api_server.keys.server
    key = certificate.with_suffix(".key")
    embedded = {
        "client-certificate-data": base64.b64encode(certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(key.read_bytes()).decode(),
    }
    named = {"client-certificate": str(certificate), "client-key": str(key)}
    with proxy_before(api_server, certificates=True) as proxy:
        for user in (named, embedded):
            file = kubeconfig(api_server, tmp_path / "config", user=user, server=proxy.server)
            with open_cluster("admin", str(file)) as cluster:
                assert "gitVersion" in cluster.get("/version")
        without = kubeconfig(api_server, tmp_path / "without", server=proxy.server)
        with open_cluster("admin", str(without)) as cluster, pytest.raises(ApiError) as caught:
            cluster.get("/version")
    assert caught.value.why is Why.TLS


def test_outside_of_a_cluster_there_is_no_own_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Pod's own cluster is only there for Pods."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(UsageError, match="this process does not run in a cluster: "):
        open_own_cluster()


def test_a_server_that_is_not_verified_is_marked(api_server: ControlPlane, tmp_path: Path) -> None:
    """insecure-skip-tls-verify is followed, without a warning at each request, and whoever prints the cluster knows."""
    file = kubeconfig(api_server, tmp_path / "config")
    document = json.loads(file.read_text())
    document["clusters"][0]["cluster"] = {"server": api_server.server, "insecure-skip-tls-verify": True}
    file.write_text(json.dumps(document))
    with open_cluster("admin", str(file)) as cluster:
        assert "gitVersion" in cluster.get("/version")
        assert not cluster.verified


def test_without_the_client_the_way_to_get_it_is_told() -> None:
    """Where `kubernetes` is not installed, a command says what to install, with the exit code of usage."""
    code = (
        "import sys; sys.modules['kubernetes'] = None\n"
        "from driftgate.live import open_cluster\nfrom driftgate.errors import UsageError\n"
        "try:\n    open_cluster('a')\nexcept UsageError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "a live cluster needs the Kubernetes client: pip install 'driftgate[live]'\n"
