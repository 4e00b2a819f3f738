"""Which line sets a rendered field: the answers of `driftgate blame`, and the places of findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftgate.cli import main
from tests.repositories import URL, application, assembly_of, chart, config_map, write

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Values.name | default .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  revisionHistoryLimit: 3
  template:
    spec:
      containers:
        - name: app
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default "latest" }}"
          terminationGracePeriodSeconds: {{ ternary 60 3 .Values.debug }}
          env:
            - {name: REGION, value: {{ .Values.region | quote }}}
          ports:
            {{- if .Values.debug }}
            - {name: debug, containerPort: 9229}
            {{- end }}
            - {name: http, containerPort: {{ .Values.port }}}
{{- with .Values.worker }}
{{- if .enabled }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: worker
data:
  size: {{ .size | quote }}
{{- end }}
{{- end }}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: web
stringData:
  password: {{ .Values.password | quote }}
  coded: {{ .Values.password | b64enc | quote }}
"""
DEFAULTS = """\
replicas: 1
image:
  repository: registry.example.com/web
port: 8080
debug: false
region: here
worker:
  enabled: true
  size: 1
password: none
"""
VALUES = """\
replicas: 2
image:
  tag: "1.4"
debug: true
password: hunter2hunter2
region: there
"""
APPLICATION = """\
    helm:
      valueFiles: [values-stg.yaml]
      valuesObject:
        replicas: 3
      parameters:
        - {name: image.tag, value: "1.5"}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one chart with all sorts of layers, and one Application of a folder."""
    monkeypatch.setenv("COLUMNS", "100")
    files = chart("web", {"deployment.yaml": DEPLOYMENT, "secret.yaml": SECRET}, DEFAULTS)
    return write(
        tmp_path / "tree",
        {
            **files,
            "web/values-stg.yaml": VALUES,
            "apps/web.yaml": application("web", "web", APPLICATION),
            "apps/plain.yaml": application("plain", "plain"),
            "plain/cm.yaml": config_map("plain"),
        },
    )


def blame(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code and output of the command."""
    code = main(["blame", *arguments, "--root", str(root), "--repository-url", URL, "--no-cache"])
    said = capsys.readouterr()
    return code, said.out, said.err


FIELDS = {
    "spec.replicas": """\
Deployment/web spec.replicas
  is          3
  set by      apps/web.yaml:18:9  replicas
  otherwise   2, by web/values-stg.yaml:1:1
  changes     nothing else
""",
    "spec.template.spec.containers[name=app].image": """\
Deployment/web spec.template.spec.containers[name=app].image
  is          registry.example.com/web:1.5
  set by      apps/web.yaml:20:11  image.tag
  otherwise   registry.example.com/web:1.4, by web/values-stg.yaml:3:3
  changes     nothing else
  set by      web/values.yaml:3:3  image.repository
  otherwise   :1.5
  changes     nothing else
""",
    "spec.template.spec.containers[0].terminationGracePeriodSeconds": """\
Deployment/web spec.template.spec.containers[name=app].terminationGracePeriodSeconds
  is          60
  decided by  web/values-stg.yaml:4:1  debug
  otherwise   3, by web/values.yaml:5:1
  changes     also spec.template.spec.containers[name=app].ports[name=debug].name,
              spec.template.spec.containers[name=app].ports[name=debug].containerPort
""",
    "spec.template.spec.containers[name=app].ports[name=http].containerPort": """\
Deployment/web spec.template.spec.containers[name=app].ports[name=http].containerPort
  is          8080
  set by      web/values.yaml:4:1  port
  otherwise   absent
  changes     nothing else
""",
    "spec.revisionHistoryLimit": """\
Deployment/web spec.revisionHistoryLimit
  is          3
  set by      web/templates/deployment.yaml  the template: no values line does
""",
    "metadata.name": """\
Deployment/web metadata.name
  is          web
  set by      apps/web.yaml:4:3  metadata.name
  changes     nothing else
""",
    "spec.template.spec.containers[name=app].env[name=REGION].value": """\
Deployment/web spec.template.spec.containers[name=app].env[name=REGION].value
  is          <not shown>
  set by      web/values-stg.yaml:6:1  region
  otherwise   <not shown>, by web/values.yaml:6:1
  changes     nothing else
""",
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_blamed_on_its_line(root: Path, capsys: pytest.CaptureFixture[str], field: str) -> None:
    """File and line that set a field, what it would be without, the layer below, and what else changes."""
    assert blame(root, capsys, "web", "Deployment/web", field) == (0, FIELDS[field], "")


def test_a_block_is_blamed_field_by_field(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that leads to a block means every field in it; several paths are told one after another."""
    code, out, _ = blame(
        root, capsys, "web", "Deployment/web", "spec.template.spec.containers[0].ports", "spec.replicas"
    )
    assert code == 0
    assert [line for line in out.splitlines() if line and not line.startswith(" ")] == [
        "Deployment/web spec.template.spec.containers[name=app].ports[name=debug].name",
        "Deployment/web spec.template.spec.containers[name=app].ports[name=debug].containerPort",
        "Deployment/web spec.template.spec.containers[name=app].ports[name=http].name",
        "Deployment/web spec.template.spec.containers[name=app].ports[name=http].containerPort",
        "Deployment/web spec.replicas",
    ]


def test_an_object_is_blamed_as_a_whole(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a field every field that some line decides over is told, and no other."""
    assert (
        blame(root, capsys, "web", "ConfigMap/worker")[1]
        == """\
ConfigMap/worker  web/templates/deployment.yaml
  data.size
    set by      web/values.yaml:9:3  worker.size
"""
    )


def test_an_application_is_told_line_by_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an object every line that counts is told with what it does, lowest layer first."""
    write(root, {"web/values-stg.yaml": f"{VALUES}typo: 1\nworker: {{enabled: false}}\n"})
    assert (
        blame(root, capsys, "web")[1]
        == """\
web
  web/values.yaml:3:3  image.repository
    1 field of Deployment/web
  web/values.yaml:4:1  port
    1 field of Deployment/web
  web/values.yaml:9:3  worker.size
    switched off: read once worker.enabled says otherwise
  web/values-stg.yaml:4:1  debug
    3 fields of Deployment/web
  web/values-stg.yaml:5:1  password
    2 fields of Secret/web
  web/values-stg.yaml:6:1  region
    1 field of Deployment/web
  web/values-stg.yaml:7:1  typo
    read by nothing
  web/values-stg.yaml:8:10  worker.enabled
    whether there is ConfigMap/worker
  apps/web.yaml:18:9  replicas
    1 field of Deployment/web
  apps/web.yaml:20:11  image.tag
    1 field of Deployment/web
"""
    )


def test_no_secret_is_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a value of a Secret nor one of the environment or under a key that sounds secret is printed anywhere."""
    outputs = [
        blame(root, capsys, "web"),
        blame(root, capsys, "web", "Secret/web"),
        blame(root, capsys, "web", "Secret/web", "stringData"),
        blame(root, capsys, "web", "Deployment/web"),
    ]
    assert [code for code, _, _ in outputs] == [0] * 4
    said = "".join(out for _, out, _ in outputs)
    assert not [text for text in ("hunter2", "aHVudGVy", "none") if text in said]
    assert (
        outputs[2][1]
        == """\
Secret/web stringData.password
  is          <not shown>
  set by      web/values-stg.yaml:5:1  password
  otherwise   <not shown>, by web/values.yaml:10:1
  changes     also stringData.coded

Secret/web stringData.coded
  is          <not shown>
  set by      web/values-stg.yaml:5:1  password
  otherwise   <not shown>, by web/values.yaml:10:1
  changes     also stringData.password
"""
    )


def test_a_manifest_that_stands_in_a_file_is_its_own_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not rendered from values is set where it stands."""
    assert (
        blame(root, capsys, "plain", "ConfigMap/plain", "data.a")[1]
        == """\
ConfigMap/plain data.a
  is          <not shown>
  set by      plain/cm.yaml:6:3  as it stands
"""
    )
    assert blame(root, capsys, "plain")[1] == "plain\n  no values line: no Helm source of it was rendered in full\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wbe"], "no Application is called wbe; did you mean web"),
        (["web", "Deploymnt/web"], "web renders no Deploymnt/web; did you mean Deployment/web"),
        (["web", "ConfigMap/worker", "data.siz"], "ConfigMap/worker has no field data.siz; did you mean data.size"),
        (["nothing-like-it"], "no Application is called nothing-like-it"),
    ],
)  # fmt: skip
def test_an_unknown_name_gets_the_nearest(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """A name that is not there ends with exit code 4 and the nearest one that is."""
    assert blame(root, capsys, *arguments) == (4, "", f"driftgate: {message}\n")


def test_an_application_that_is_not_rendered_in_full_could_not_be_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What could not be rendered has exit code 6, as for `render`."""
    write(root, {"web/templates/bad.yaml": '{{ fail "no" }}'})
    code, out, _ = blame(root, capsys, "web")
    assert (code, out) == (6, "web\n  no values line: no Helm source of it was rendered in full\n")


ORIGINS = {
    "a text in another case": ("  a: {{ upper .Values.b.text }}", "b: {text: here}\n", "web/values-stg.yaml:1:5"),
    "a text in a longer one": ("  a: x-{{ .Values.b.text }}-y", "b: {text: here}\n", "web/values-stg.yaml:1:5"),
    "a number that is calculated with": ("  a: {{ mul .Values.n 2 | quote }}", "n: 4\n", None),
    "a text of the template that a value repeats": ("  a: here", "block: {text: here}\n", None),
    "a cut text": ("  a: {{ trunc 4 .Values.text }}", "text: here\n", "web/values-stg.yaml:1:1"),
}  # fmt: skip


@pytest.mark.parametrize("name", ORIGINS)
def test_a_finding_points_at_the_line_that_a_field_is_made_of(tmp_path: Path, name: str) -> None:
    """The place of a rendered field is the line whose text it shows, and never one that merely says the same."""
    template, values, expected = ORIGINS[name]
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n"
    files = {
        **chart("web", {"cm.yaml": f"{head}{template}\n"}),
        "apps/web.yaml": application("web", "web", "    helm:\n      valueFiles: [values-stg.yaml]\n"),
        "web/values-stg.yaml": values,
    }
    with assembly_of(write(tmp_path, files)) as assembly:
        (one,) = assembly.environment.applications
        place = assembly.environment.origin(one.manifests[0], ("data", "a"), None)
    assert (str(place) if place else None) == expected


def test_the_name_of_a_marked_object_does_not_hide_its_fields(tmp_path: Path) -> None:
    """An object whose own name is a value is found again in the marked render, and so are its fields' lines."""
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.name }}\ndata:\n  a: {{ upper .Values.a }}\n"
    )
    files = {
        **chart("web", {"cm.yaml": template}, "name: web\na: here\n"),
        "apps/web.yaml": application("web", "web"),
    }
    with assembly_of(write(tmp_path, files)) as assembly:
        (one,) = assembly.environment.applications
        places = [
            assembly.environment.origin(one.manifests[0], path, None) for path in (("metadata", "name"), ("data", "a"))
        ]
    assert [str(place) for place in places] == ["web/values.yaml:1:1", "web/values.yaml:2:1"]
