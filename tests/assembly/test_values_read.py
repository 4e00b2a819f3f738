"""Which values nothing reads, found by effect: what is told, what is not, and what only waits for a switch."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from driftgate.assembly.provenance import prober, unread
from driftgate.model.environment import ValuesRead
from driftgate.model.manifest import named_path
from tests.repositories import SETTINGS, application, assembly_of, chart, config_map, write

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n"
FILES = "    helm:\n      valueFiles: [values-stg.yaml]\n"


def tree(root: Path, template: str, values: str, defaults: str = "", **more: str) -> Path:
    """A repository of one Application, whose chart has one template and a values file."""
    files = {"apps/web.yaml": application("web", "web", FILES), "web/values-stg.yaml": values}
    return write(root, {**chart("web", {"cm.yaml": template}, defaults), **files, **more})


def read(root: Path, *, defaults: bool = False, **settings: Any) -> ValuesRead:
    """What is found out about the Application's one source."""
    with assembly_of(root, settings=dataclasses.replace(SETTINGS, **settings)) as assembly:
        (answer,) = assembly.environment.values_read({("web", 0): defaults}).values()
    return answer


def unread_of(root: Path, *, defaults: bool = False) -> dict[str, str]:
    """The paths that nothing reads, each with the switch that would make a template read it."""
    answer = read(root, defaults=defaults)
    assert not answer.given_up
    return {named_path({}, one.path): one.switch for one in answer.unread}


@dataclasses.dataclass(frozen=True)
class Case:
    """A template below `data:`, the environment's values, and what of them is not read, with its switch."""

    template: str
    values: str
    expected: Mapping[str, str]


CASES: dict[str, Case] = {
    "a misspelt key": Case(
        """\
  a: {{ .Values.name }}
""",
        "name: x\nnmae: y\n",
        {"nmae": ""},
    ),
    "a key in the wrong block": Case(
        """\
  a: {{ with .Values.backend }}{{ .image.tag }}{{ end }}
""",
        "backend:\n  tag: y\n  image:\n    tag: x\n",
        {"backend.tag": ""},
    ),
    "a whole block": Case(
        """\
  a: x
""",
        "old:\n  a: 1\n  b: [x, {c: true}]\n  d: {}\n",
        {"old.a": "", "old.b[0]": "", "old.b[1].c": "", "old.d": ""},
    ),
    "every sort of value is read": Case(
        """\
  a: {{ toJson .Values.block | quote }}
""",
        "block: {text: x, none: '', size: 3, zero: 0, ratio: 0.5, up: true, off: false, no: null, list: [], map: {}}\n",
        {},
    ),
    "a range over a map": Case(
        """\
{{ range $k, $v := .Values.env }}  {{ $k }}: {{ $v | quote }}
{{ end }}
""",
        "env: {A: '1', B: ''}\n",
        {},
    ),
    "a text that is upper-cased, cut, hashed or coded": Case(
        """\
  a: {{ upper .Values.block.a }}
  b: {{ trunc 2 .Values.block.b }}
  c: {{ with .Values.block }}{{ .c | sha256sum }}{{ end }}
  d: {{ b64enc .Values.block.d }}
""",
        "block: {a: up, b: cut-here, c: hash, d: code}\n",
        {},
    ),
    "a text that is a template": Case(
        """\
  a: {{ with .Values.block }}{{ tpl .text $ }}{{ end }}
""",
        "block:\n  text: '{{ .Release.Name }}'\n",
        {},
    ),
    "a text that decides by comparison, and both that it decides between": Case(
        """\
  a: {{ with .Values.block }}{{ if eq .kind "Big" }}{{ .big }}{{ else }}{{ .small }}{{ end }}{{ end }}
""",
        "block: {kind: Big, big: x, small: y}\n",
        {},
    ),
    "a flag that decides": Case(
        """\
  a: {{ with .Values.block }}{{ ternary "x" "y" .active }}{{ end }}
""",
        "block: {active: true}\n",
        {},
    ),
    "a flag with what it guards": Case(
        """\
  a: x
{{ with .Values.block }}{{ if .enabled }}{{ range .more }}  {{ . }}: y
{{ end }}{{ end }}{{ end }}
""",
        "block: {enabled: false, more: [], typo: 1}\n",
        {"block.typo": ""},
    ),
    "a block behind its flag": Case(
        """\
  a: x
{{ with .Values.block }}{{ if .enabled }}  b: {{ .text }}{{ end }}{{ end }}
""",
        "block: {enabled: false, text: y, typo: z}\n",
        {"block.text": "block.enabled", "block.typo": ""},
    ),
    "a block behind two flags": Case(
        """\
  a: x
{{ with .Values.block }}{{ if .enabled }}  b: {{ if .tls.enabled }}{{ .tls.name }}{{ end }}{{ end }}{{ end }}
""",
        "block: {enabled: false, tls: {enabled: false, name: y}, typo: z}\n",
        {
            "block.tls.enabled": "block.enabled",
            "block.tls.name": "block.enabled and block.tls.enabled",
            "block.typo": "",
        },
    ),
    "a block behind a flag that nobody sets": Case(
        """\
  a: x
{{ with .Values.block }}{{ if .enabled }}  b: {{ .text }}{{ end }}{{ end }}
""",
        "block: {text: y}\n",
        {"block.text": "block.enabled"},
    ),
    "a block behind a kind": Case(
        """\
  a: x
{{ with .Values.block }}{{ if eq .type "NodePort" }}  b: {{ .nodePort | quote }}{{ end }}{{ end }}
""",
        "block: {type: ClusterIP, nodePort: 30080}\n",
        {"block.nodePort": "block.type", "block.type": "block.type"},
    ),
    "a block that requires a text once it is on": Case(
        """\
  a: x
{{ with .Values.block }}{{ if .enabled }}  b: {{ required "needed" .host }}{{ .path }}
{{ if .tls.on_top }}  c: d{{ end }}{{ end }}{{ end }}
""",
        "block: {enabled: false, host: '', path: /, tls: {on_top: false}, typo: 1}\n",
        {"block.path": "block.enabled", "block.tls.on_top": "block.enabled", "block.typo": ""},
    ),
    "a block whose flag the chart refuses": Case(
        """\
  a: x
{{ with .Values.block }}{{ if .enabled }}  b: {{ fail "not here" }}{{ .path }}{{ end }}{{ end }}
""",
        "block: {enabled: false, path: /}\ntypo: 1\n",
        {"block.path": "block.enabled", "typo": ""},
    ),
    "a block behind an empty text": Case(
        """\
  a: x
{{ with .Values.block }}{{ if .host }}  b: {{ .path }}{{ end }}{{ end }}
""",
        "block: {host: '', path: /}\n",
        {"block.path": "block.host"},
    ),
    "a block behind an API of the cluster": Case(
        """\
  a: x
{{ with .Values.block }}{{ if $.Capabilities.APIVersions.Has "example.com/v1" }}  b: {{ .text }}{{ end }}{{ end }}
""",
        "block: {text: y}\n",
        {"block.text": "the cluster's APIs"},
    ),
    "what a template writes out under a condition that nothing here turns": Case(
        """\
  a: x
{{ if .Release.IsUpgrade }}  b: {{ .Values.text }}{{ end }}
""",
        "text: y\n",
        {},
    ),
    "what only a comment names": Case(
        """\
  a: x {{/* .Values.text */}}
""",
        "text: y\n",
        {"text": ""},
    ),
    "what only a comment of the output holds": Case(
        """\
  # {{ .Values.block | toJson }}
  a: x
""",
        "block: {b: y}\n",
        {"block.b": ""},
    ),
    "a checksum of everything": Case(
        """\
  a: x
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: b
  annotations:
    checksum/values: {{ toJson .Values | sha256sum }}
""",
        "typo: x\n",
        {"typo": ""},
    ),
    "a hash in a name": Case(
        """\
  a: {{ toJson .Values | sha256sum | trunc 8 | quote }}
""",
        "anything: x\n",
        {},
    ),
    "an annotation that is a commit": Case(
        """\
  a: x
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: b
  annotations:
    {{ toYaml .Values.notes | nindent 4 }}
""",
        "notes: {commit: 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567}\n",
        {},
    ),
    "a value that validation refuses": Case(
        """\
  a: {{ with .Values.block }}{{ if not (has .size (list "s" "m")) }}{{ fail "no" }}{{ end }}{{ end }}x
""",
        "block: {size: m}\n",
        {},
    ),
    "numbers in an order of magnitude that would not end": Case(
        """\
  a: {{ with .Values.block }}{{ range until (int .count) }}x{{ end }}{{ end }}
""",
        "block: {count: 3}\n",
        {},
    ),
    "a text that only has to be something": Case(
        """\
  a: {{ with .Values.block }}{{ if .name }}on{{ else }}off{{ end }}{{ end }}
""",
        "block: {name: x, size: 3}\n",
        {"block.size": ""},
    ),
    "a key that only has to be there": Case(
        """\
  a: {{ with .Values.block }}{{ hasKey . "name" | quote }}{{ end }}
""",
        "block: {name: x, size: 3}\n",
        {"block.size": ""},
    ),
    "a key that is there and empty": Case(
        """\
  a: {{ with .Values.block }}{{ and (hasKey . "name") (not .name) | quote }}{{ end }}
""",
        "block: {name: x, size: 3}\n",
        {"block.size": ""},
    ),
    "an emoji": Case(
        """\
  a: {{ with .Values.block }}{{ .text }}{{ end }}
""",
        "block: {text: 🙂, typo: 🙂}\n",
        {"block.typo": ""},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_read_is_told_with_what_it_waits_for(tmp_path: Path, name: str) -> None:
    """The paths that nothing reads, and those that something else switches on, of one chart each."""
    case = CASES[name]
    assert unread_of(tree(tmp_path, f"{HEAD}{case.template}", case.values)) == case.expected


UNREAD = "name: x\nnmae: y\n"
NAMED = f"{HEAD}  a: {{{{ .Values.name }}}}\n"


def test_the_charts_own_defaults_are_looked_at_only_when_asked(tmp_path: Path) -> None:
    """A default that nothing reads is found with the chart's values, and not counted against the Application."""
    root = tree(tmp_path, NAMED, "name: x\n", "name: z\nold: {a: 1}\n")
    assert unread_of(root) == {}
    assert unread_of(root, defaults=True) == {"old.a": ""}


def test_a_template_that_differs_each_time_hides_no_key_that_it_writes(tmp_path: Path) -> None:
    """Beside random output only a key that no template writes at all is told, because its effect cannot be seen."""
    template = NAMED + "  b: {{ with .Values.block }}{{ randAlphaNum 8 }}{{ sha1sum .salt }}{{ end }}\n"
    root = tree(tmp_path, template, "name: x\nblock: {salt: s, other: o}\n")
    assert unread_of(root) == {"block.other": ""}


def test_parameters_count_like_lines(tmp_path: Path) -> None:
    """A parameter and a file parameter that nothing reads are told, whatever sort they are of."""
    helm = """\
    helm:
      parameters:
        - {name: name, value: x}
        - {name: flag, value: "true"}
        - {name: number, value: "3", forceString: true}
        - {name: "list", value: "{a,b}"}
        - {name: "hosts[0].name", value: h}
      fileParameters:
        - {name: motd, path: motd.txt}
"""
    files = {"apps/web.yaml": application("web", "web", helm), "web/motd.txt": "hello\n"}
    root = write(tmp_path, {**chart("web", {"cm.yaml": NAMED}), **files})
    assert unread_of(root) == dict.fromkeys(["flag", "number", "list", "hosts[0].name", "motd"], "")
    read_all = f"{HEAD}  a: {{{{ toJson .Values | quote }}}}\n"
    assert unread_of(write(tmp_path, {"web/templates/cm.yaml": read_all})) == {}


def test_one_render_is_enough_where_everything_shows(tmp_path: Path) -> None:
    """Texts and numbers that come out of the templates are known to be read after one render with marks."""
    template = HEAD + "{{ range $k, $v := .Values.env }}  {{ $k }}: {{ $v | quote }}\n{{ end }}"
    answer = read(tree(tmp_path, template, "env: {A: text, B: 3, C: 0.5, D: 'two\\nlines\\n'}\n"))
    assert (answer.unread, answer.probes) == ((), 1)


def test_what_templates_name_takes_no_render_at_all(tmp_path: Path) -> None:
    """A path that a template writes out is read, and nobody has to try."""
    assert read(tree(tmp_path, NAMED, "name: x\n")).probes == 0


def test_too_many_probes_are_given_up_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that takes more renders than it may has no answer instead of a wrong one."""
    monkeypatch.setattr(unread, "PROBES_PER_SOURCE", 2)
    answer = read(tree(tmp_path, NAMED, UNREAD))
    assert (answer.given_up, answer.unread) == (True, ())


def test_an_answer_is_kept_until_chart_or_values_change(tmp_path: Path) -> None:
    """The second run probes nothing, a changed line or template probes again, and a damaged entry is no entry."""
    root = tree(tmp_path / "tree", NAMED, UNREAD)
    cache = tmp_path / "cache"

    def probed() -> tuple[int, dict[str, str]]:
        with assembly_of(root, settings=dataclasses.replace(SETTINGS, cache=cache)) as assembly:
            (answer,) = assembly.environment.values_read({("web", 0): False}).values()
            return assembly.renders["probes"], {named_path({}, one.path): one.switch for one in answer.unread}

    first, found = probed()
    assert first > 0
    assert found == {"nmae": ""}
    assert probed() == (0, found)
    write(root, {"web/values-stg.yaml": "name: x\nnmea: y\n"})
    assert probed() == (first, {"nmea": ""})
    write(root, {"web/templates/cm.yaml": NAMED.replace(".name", ".nmea")})
    assert probed()[1] == {"name": ""}
    for path in (cache / "renders").iterdir():
        path.write_text("damaged", encoding="utf-8")
    assert probed()[0] > 0


def test_values_are_not_kept_in_the_answer(tmp_path: Path) -> None:
    """What the cache holds of an answer are paths; a credential that nothing reads is not written anywhere."""
    root = tree(tmp_path / "tree", NAMED, "name: x\npasswrod: hunter2hunter2\n")
    cache = tmp_path / "cache"
    with assembly_of(root, settings=dataclasses.replace(SETTINGS, cache=cache)) as assembly:
        assembly.environment.values_read({("web", 0): False})
    assert list((cache / "renders").iterdir())
    assert not [path for path in (cache / "renders").iterdir() if "hunter2" in path.read_text(encoding="utf-8")]


def test_an_application_that_does_not_render_has_no_answer(tmp_path: Path) -> None:
    """Of a source that could not be rendered nothing is said."""
    root = tree(tmp_path, '{{ fail "no" }}', UNREAD)
    with assembly_of(root) as assembly:
        assert assembly.environment.values_read({("web", 0): False}) == {}


def test_sources_share_their_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What several Applications have to try is rendered together, so that no worker waits for another."""
    root = tree(
        tmp_path, NAMED, UNREAD, **{"apps/other.yaml": application("other", "web", FILES), "x.yaml": config_map("x")}
    )
    sizes: list[int] = []
    rendered = prober.ValuesProber._rendered

    def counted(self: prober.ValuesProber, jobs: Any) -> Any:
        listed = list(jobs)
        sizes.append(len(listed))
        return rendered(self, listed)

    monkeypatch.setattr(prober.ValuesProber, "_rendered", counted)
    with assembly_of(root) as assembly:
        answers = assembly.environment.values_read({("web", 0): False, ("other", 0): False})
    assert len(set(answers.values())) == 1
    assert sizes
    assert not [size for size in sizes if size % 2]


def packed(folder: Path, files: Mapping[str, str]) -> bytes:
    """A packed chart of these files."""
    path = folder / "packed.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path.read_bytes()


@pytest.mark.parametrize("how", ["unpacked", "packed", "beside"])
def test_values_of_a_subchart_are_read_by_it(tmp_path: Path, how: str) -> None:
    """A subchart's values wait for its flag and its own comparisons, wherever the subchart comes from."""
    template = (
        HEAD.replace("web", "cache")
        + "  size: {{ .Values.size | quote }}\n  region: {{ .Values.global.region }}\n"
        + '{{ with .Values.service }}{{ if eq .type "NodePort" }}  port: {{ .nodePort | quote }}{{ end }}{{ end }}\n'
    )
    sub = chart("cache", {"cm.yaml": template})
    repository = "repository: file://../cache, " if how == "beside" else ""
    dependency = f"dependencies:\n  - {{name: cache, version: 1.0.0, {repository}condition: cache.enabled}}\n"
    files: dict[str, str | bytes] = {
        **chart("web", {"cm.yaml": f"{HEAD}  a: x\n"}),
        "web/Chart.yaml": f"apiVersion: v2\nname: web\nversion: 1.0.0\n{dependency}",
        "apps/web.yaml": application("web", "web", FILES),
        "web/values-stg.yaml": "global: {region: here}\ncache: {enabled: true, size: 1, typo: 2,"
        " service: {type: ClusterIP, nodePort: 30080}}\nchache: {size: 3}\n",
    }
    if how == "packed":
        files["web/charts/cache-1.0.0.tgz"] = packed(tmp_path, sub)
    else:
        files |= {name if how == "beside" else f"web/charts/{name}": text for name, text in sub.items()}
    root = write(tmp_path / "tree", files)
    expected = {
        "cache.service.nodePort": "cache.service.type",
        "cache.service.type": "cache.service.type",
        "cache.typo": "",
        "chache.size": "",
    }
    assert unread_of(root) == expected
    off = str(files["web/values-stg.yaml"]).replace("enabled: true", "enabled: false")
    found = unread_of(write(root, {"web/values-stg.yaml": off}))
    assert {path for path, switch in found.items() if not switch} == {"cache.typo", "chache.size"}
    assert found["cache.size"] == "cache.enabled"
