"""Secret values have no printable form: not in an output, not in a file that is written, not in an error."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.cli import main
from driftgate.model.outcome import Judgement
from driftgate.model.secret import SecretValue, mask_secret
from driftgate.report.rendered import rendered_text
from driftgate.report.terminal import terminal_report
from tests.reports import every_report
from tests.repositories import SETTINGS, URL, application, assembly_of, chart, config_map, judged, write

PASSWORD = "hunter2-swordfish"
CODED = base64.b64encode(PASSWORD.encode()).decode()
SECRET_TEMPLATE = """\
apiVersion: v1
kind: Secret
metadata: {name: rendered}
stringData:
  password: {{ .Values.password | quote }}
data:
  coded: {{ .Values.password | b64enc }}
"""
SECRET = f"""\
apiVersion: v1
kind: Secret
metadata:
  name: written
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{{"data": {{"password": "{CODED}"}}}}'
    argocd.argoproj.io/sync-wave: first
data: {{password: {CODED}}}
stringData: {{password: {PASSWORD}}}
"""


def tells(text: str) -> bool:
    """Whether a text holds the secret, as it is or encoded."""
    return PASSWORD in text or CODED in text


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree whose Secrets come from a chart, a folder, an inline value and a failing template's error."""
    failing = '{{ fail (printf "cannot use %s and %s" .Values.db.password .Values.db.user) }}'
    files = {
        "chart.yaml": application("chart", "web"),
        "folder.yaml": application("folder", "plain"),
        "inline.yaml": application("inline", "web", f"    helm: {{valuesObject: {{password: {PASSWORD}}}}}\n"),
        "failing.yaml": application(
            "failing", "bad", f"    helm: {{parameters: [{{name: db.password, value: {PASSWORD}}}]}}\n"
        ),
        "plain/secret.yaml": SECRET,
        "plain/empty.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: empty}\nstringData: {a: ''}\n",
        "plain/broken.yaml": f"{SECRET}data: [{PASSWORD}\n",
        **chart("web", {"secret.yaml": SECRET_TEMPLATE, "cm.yaml": config_map("web")}, f"password: {PASSWORD}\n"),
        **chart("bad", {"secret.yaml": failing}, f"db:\n  password: {PASSWORD}\n  user: operator\n"),
        "clean.yaml": application("clean", "clean"),
        **chart("clean", {"cm.yaml": config_map("x")}),
    }
    return write(tmp_path_factory.mktemp("secrets") / "tree", files)


@pytest.fixture(scope="module")
def judgement(tree: Path) -> Judgement:
    """What is judged of it."""
    return judged(tree)


def test_reports_hold_no_secret(judgement: Judgement) -> None:
    """Findings about Secrets and about templates that print them show neither value nor encoding in any report."""
    assert {finding.application for finding in judgement.findings} >= {"failing", "folder"}
    assert not tells(terminal_report([judgement]))
    assert not tells(every_report(judgement))
    assert not tells(repr(judgement))


def test_an_error_message_is_scrubbed_of_what_sounds_secret(judgement: Judgement) -> None:
    """A failing template's own words are kept, without the values of keys that sound secret."""
    (failed,) = [finding for finding in judgement.findings if "cannot use" in finding.found]
    assert "cannot use <secret> and operator" in failed.found


def test_rendered_output_holds_no_secret(tree: Path) -> None:
    """What `render` prints names every key of a Secret and no value; an empty value stays empty."""
    with assembly_of(tree) as assembly:
        texts = {loaded.label: rendered_text(loaded) for loaded in assembly.environment.applications}
        assert not tells(repr(assembly.environment))
    assert not any(tells(text) for text in texts.values())
    assert "stringData:\n  password: <secret>\n" in texts["inline"]
    assert "data:\n  coded: <secret>\n" in texts["chart"]
    assert "stringData:\n  a: ''\n" in texts["folder"]


def test_the_cache_holds_no_secret(tree: Path, tmp_path: Path) -> None:
    """Of renders without and with Secrets and of errors only the first are kept on disk, for their owner alone.

    What is kept of the values are the paths that nothing reads.
    """
    cache = tmp_path / "cache"
    judged(tree, settings=replace(SETTINGS, cache=cache))
    kept = {path: path.read_text(encoding="utf-8") for path in cache.rglob("*") if path.is_file()}
    (render,) = [text for text in kept.values() if '"documents"' in text]
    assert '"name": "x"' in render
    assert len(kept) > 1
    assert not [path for path, text in kept.items() if tells(text) or path.stat().st_mode & 0o777 != 0o600]


def test_the_command_prints_no_secret(tree: Path) -> None:
    """Nothing that the command writes, to either stream and to its report, holds the secret."""
    report = tree.parent / "report.json"
    commands = [
        ["check", "--no-cache", "--report", f"json={report}", str(tree)],
        ["render", "--no-cache", "chart", str(tree)],
        ["render", "--no-cache", "failing", str(tree)],
    ]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "driftgate.cli", *command], capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 1, 6)
        assert "Traceback" not in done.stderr
        assert not tells(done.stdout + done.stderr)
    assert not tells(report.read_text(encoding="utf-8"))


def test_a_secret_value_has_no_printable_form() -> None:
    """However a secret value is turned into text, that text does not hold it."""
    secret = SecretValue(PASSWORD)
    texts = [
        repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", f"{secret:s}", "%s %r".__mod__((secret, secret)),
        "{} {!s}".format(*[secret, secret]), repr([secret]), repr({"a": secret}), str(vars(type(secret))),
    ]  # fmt: skip
    assert not any(map(tells, texts))
    assert texts[:3] == ["<secret>"] * 3


@pytest.mark.parametrize("write_out", [pickle.dumps, json.dumps, copy.deepcopy], ids=["pickle", "json", "copy"])
def test_a_secret_value_is_never_serialised(write_out: object) -> None:
    """Serialising a secret value is an error, and the error does not hold it."""
    with pytest.raises(TypeError) as caught:
        write_out(SecretValue(PASSWORD))  # type: ignore[operator]
    assert not tells("".join(traceback.format_exception(caught.value)))


def test_secret_values_can_be_told_apart() -> None:
    """Equal values are equal and different ones differ, among themselves only, by comparison and by fingerprint."""
    one, same, other = SecretValue(PASSWORD), SecretValue(PASSWORD), SecretValue("other")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != PASSWORD
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 16
    assert one.reveal() == PASSWORD


def test_fingerprints_mean_nothing_outside_the_run() -> None:
    """Two runs give one value two fingerprints, so that no report can be searched for a guess."""
    program = f"from driftgate.model.secret import SecretValue; print(SecretValue({PASSWORD!r}).fingerprint)"
    runs = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 2


def test_a_failing_assertion_shows_no_secret(pytester: pytest.Pytester) -> None:
    """A failed comparison of secret values, or of whole Secrets, is explained by pytest without their values."""
    pytester.makepyfile(
        f"""
        from driftgate.model.manifest import Manifest
        from driftgate.model.secret import SecretValue, mask_secret

        BODY = {{"apiVersion": "v1", "kind": "Secret", "stringData": {{"a": "{PASSWORD[:8]}" + "{PASSWORD[8:]}"}}}}

        def test_values():
            left, right = SecretValue(BODY["stringData"]["a"]), SecretValue("other")
            assert left == right

        def test_manifests():
            bodies = BODY, {{**BODY, "stringData": {{}}}}
            left, right = (Manifest("web", 0, 0, mask_secret(body), "a.yaml") for body in bodies)
            assert left == right
        """
    )
    result = pytester.runpytest_subprocess("-vv", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=2)
    assert "<secret>" in result.stdout.str()
    assert not tells(result.stdout.str())


def plain(values: object) -> dict[str, object]:
    """A core Secret with those blocks."""
    return {"apiVersion": "v1", "kind": "Secret", **(values if isinstance(values, dict) else {})}


def test_every_block_of_a_secret_is_masked() -> None:
    """data, stringData and the last applied configuration are masked, of whatever type; names and labels stay."""
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    masked = mask_secret(
        plain({
            "metadata": {"name": "a", "annotations": {annotation: PASSWORD, "note": "kept"}},
            "data": {"a": CODED, "b": None, "c": 7},
            "stringData": PASSWORD,
        })
    )  # fmt: skip
    assert masked == plain({
        "metadata": {"name": "a", "annotations": {annotation: SecretValue(PASSWORD), "note": "kept"}},
        "data": {"a": SecretValue(CODED), "b": SecretValue(None), "c": SecretValue(7)},
        "stringData": SecretValue(PASSWORD),
    })  # fmt: skip
    assert not tells(repr(masked))


def test_only_core_secrets_are_masked() -> None:
    """A kind of another group that is called Secret stays readable; one without apiVersion is masked to be safe."""
    body: dict[str, object] = {"kind": "Secret", "data": {"a": "b"}}
    assert mask_secret({"apiVersion": "example.com/v1", **body}) == {"apiVersion": "example.com/v1", **body}
    assert mask_secret(body) == {"kind": "Secret", "data": {"a": SecretValue("b")}}
    config: dict[str, object] = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    assert mask_secret(config) is config


def test_blame_hides_what_a_secret_holds_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value is hidden in every object where its line has a key that sounds secret, or sets a Secret as well."""
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {b: {{ .Values.plain }}}\n"
    widget = (
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n"
        "spec: {one: {{ .Values.plain }}, two: {{ .Values.db.password }}, three: {{ .Values.open }}}\n"
    )
    values = f"plain: {PASSWORD}\ndb: {{password: {PASSWORD}}}\nopen: shown\n"
    files = {"a.yaml": application("web", "web"), **chart("web", {"s.yaml": secret, "w.yaml": widget}, values)}
    tree = write(tmp_path, files)
    arguments = ["Widget/a", "spec.one", "spec.two", "spec.three", "--root", str(tree), "--repository-url", URL]
    assert main(["blame", "web", *arguments, "--no-cache"]) == 0
    out = capsys.readouterr().out
    shown = [line.split("  ")[-1].strip() for line in out.splitlines() if line.startswith("  is ")]
    assert (shown, tells(out)) == (["<not shown>", "<not shown>", "shown"], False)
