"""Charts that are hard on an engine, written from a table: what they hold, and how Argo CD would call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driftgate.render.jobs import HelmJob, SetFlag

__all__ = ["FAILING", "TRICKY", "Tricky", "chart_file", "config_map"]


def chart_file(name: str, more: str = "") -> str:
    """A Chart.yaml."""
    return f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n{more}"


def config_map(name: str, *data: str) -> str:
    """A ConfigMap whose data are the given lines."""
    lines = "".join(f"  {line}\n" for line in data)
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}"


@dataclass(frozen=True)
class Tricky:
    """One chart as files, and the job's options; `set_file` gives the names of parameters read from a chart's file."""

    files: Mapping[str, str]
    values: tuple[str, ...] = ()
    sets: tuple[tuple[str, str, str], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def job(self, folder: Path) -> HelmJob:
        """Write the chart into an empty folder and give the job that renders it."""
        for name, text in {"Chart.yaml": chart_file("tricky"), **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        sets = tuple(
            SetFlag(flag, name, str(folder / value) if flag == "--set-file" else value)
            for flag, name, value in self.sets
        )
        options = {"namespace": "shop", "kube_version": "1.34.2", **self.options}
        return HelmJob(chart=str(folder), release="shop", values=self.values, sets=sets, **options)


SUBCHART = {
    "charts/base/Chart.yaml": chart_file("base"),
    "charts/base/values.yaml": (
        "enabled: true\nimage: base\nport: 80\nnested: {a: 1, b: 2}\nexports: {shared: {from: base}}\n"
    ),
    "charts/base/templates/settings.yaml": config_map(
        "{{ .Release.Name }}-base",
        "image: {{ .Values.image | quote }}",
        "values: {{ .Values | toJson | quote }}",
        "global: {{ .Values.global | toJson | quote }}",
    ),
}
VALUES = {"templates/values.yaml": config_map("values", "all: {{ .Values | toJson | quote }}")}
REQUIRES = "dependencies:\n- name: base\n  version: 0.1.0\n"
CRD = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata:\n  name: {name}\nspec: {{group: x}}\n"
)

TRICKY: dict[str, Tricky] = {
    "subchart without condition": Tricky({"Chart.yaml": chart_file("tricky", REQUIRES), **SUBCHART, **VALUES}),
    "condition switched off by a layer": Tricky(
        {"Chart.yaml": chart_file("tricky", REQUIRES + "  condition: base.enabled\n"), **SUBCHART, **VALUES},
        ("base: {enabled: false}\n",),
    ),
    "condition switched off by a parameter": Tricky(
        {
            "Chart.yaml": chart_file("tricky", REQUIRES + "  condition: base.enabled,other.enabled\n"),
            **SUBCHART,
            **VALUES,
        },
        sets=(("--set", "base.enabled", "false"),),
    ),
    "tags": Tricky(
        {"Chart.yaml": chart_file("tricky", REQUIRES + "  tags: [back, front]\n"), **SUBCHART, **VALUES},
        ("tags: {back: false, front: false}\n",),
    ),
    "tag that one of two keeps": Tricky(
        {"Chart.yaml": chart_file("tricky", REQUIRES + "  tags: [back, front]\n"), **SUBCHART, **VALUES},
        ("tags: {back: false, front: true}\n",),
    ),
    "alias, twice": Tricky(
        {
            "Chart.yaml": chart_file(
                "tricky", REQUIRES + "  alias: one\n- name: base\n  version: 0.1.0\n  alias: two\n"
            ),
            **SUBCHART,
            **VALUES,
        },
        ("one: {image: first}\ntwo: {image: second}\n",),
    ),
    "import-values from exports": Tricky(
        {"Chart.yaml": chart_file("tricky", REQUIRES + "  import-values: [shared]\n"), **SUBCHART, **VALUES}
    ),
    "import-values by child and parent": Tricky(
        {
            "Chart.yaml": chart_file(
                "tricky", REQUIRES + "  import-values:\n  - {child: nested, parent: taken.from}\n"
            ),
            **SUBCHART,
            **VALUES,
            "values.yaml": "taken: {from: {b: own}}\n",
        }
    ),
    "globals from every side": Tricky(
        {
            "Chart.yaml": chart_file("tricky", REQUIRES),
            **SUBCHART,
            **VALUES,
            "values.yaml": "global: {a: chart, b: chart}\nbase: {global: {c: under-base, a: under-base}}\n",
        },
        ("global: {b: layer}\n",),
        (("--set", "global.d", "set"),),
    ),
    "nulls delete defaults": Tricky(
        {
            "Chart.yaml": chart_file("tricky", REQUIRES),
            **SUBCHART,
            **VALUES,
            "values.yaml": "keep: 1\ndrop: 2\nnested: {keep: 1, drop: {x: 1}}\nlist: [1, 2]\nbase: {port: 8080}\n",
        },
        ("drop: null\nnested: {drop: null}\nbase: {port: null, image: null}\n", "absent: null\n"),
    ),
    "null by a parameter": Tricky(
        {**VALUES, "values.yaml": "keep: 1\ndrop: {x: 1}\nalso: 1\n"},
        sets=(("--set", "drop", "null"), ("--set", "also", "NULL")),
    ),
    "null that a later layer fills": Tricky(
        {**VALUES, "values.yaml": "block: {a: 1, b: 2}\n"}, ("block: null\n", "block: {c: 3}\n")
    ),
    "a table over a scalar and back": Tricky(
        {**VALUES, "values.yaml": "a: text\nb: {x: 1}\nc: {x: 1}\n"}, ("a: {x: 1}\nb: text\n", "c: [1]\n")
    ),
    "lists are replaced": Tricky(
        {**VALUES, "values.yaml": "list: [1, 2, 3]\n"}, ("list: [9]\n", "list: []\nother: [{}]\n")
    ),
    "large numbers": Tricky(
        {
            "values.yaml": "big: 1000000\nbigger: 12345678901234567890\nratio: 0.00001\nround: 2.0\nport: 8080\n",
            "templates/numbers.yaml": config_map(
                "numbers",
                'a: "{{ .Values.big }} {{ .Values.bigger }} {{ .Values.ratio }} {{ .Values.round }}"',
                'b: "{{ .Values.big | int64 }} {{ add .Values.port 1 }} {{ .Values.port | toString }}"',
                "kind: {{ kindOf .Values.port }}",
                "c: {{ .Values.layer }}.",
                "d: {{ toJson .Values | quote }}",
            ),
        },
        ("layer: 5000000\n",),
    ),
    "texts that look like something else": Tricky(
        {
            "values.yaml": (
                "a: y\nb: on\nc: 0755\nd: 1_000\ne: 2021-04-01\nf: 22:30\ng: 0o17\n"
                'h: "1.10"\ni: 1.10\nj: ~\nk: .5\nl: 1e3\n'
            ),
            **VALUES,
        }
    ),
    "parameter with commas": Tricky(VALUES, sets=(("--set", "text", "a,b,c"), ("--set", "list", "{a,b}"))),
    "parameter with escapes": Tricky(
        VALUES,
        sets=(
            ("--set", "text", r"a\,b"),
            ("--set", r"labels.app\.kubernetes\.io/name", "shop"),
            ("--set", "eq", "a=b"),
        ),
    ),
    "parameter with indexes": Tricky(
        {**VALUES, "values.yaml": "hosts: [{name: a, port: one}, {name: b, port: two}]\nplain: [a, b, c]\n"},
        ("hosts: [{name: c, port: one}, {name: d, port: two}]\n",),
        (("--set", "hosts[1].name", "changed"), ("--set", "plain[2]", "z"), ("--set", "fresh[1].x", "y")),
    ),
    "parameters of every class": Tricky(
        {**VALUES, "motd.txt": "line one\nline two: with, comma\n"},
        ("text: from a layer\n",),
        (
            ("--set", "flag", "true"),
            ("--set", "leading", "0755"),
            ("--set", "float", "1.50"),
            ("--set", "empty", ""),
            ("--set-string", "number", "1.10"),
            ("--set-string", "integer", "12"),
            ("--set-string", "yes", "true"),
            ("--set-file", "motd", "motd.txt"),
            ("--set-file", "deep.motd", "motd.txt"),
        ),
    ),
    "string parameter over the typed one": Tricky(
        VALUES,
        sets=(
            ("--set", "port", "true"),
            ("--set-string", "port", "false"),
            ("--set", "a.b", "x"),
            ("--set-string", "a.c", "y"),
        ),
    ),
    "crds, rendered": Tricky(
        {
            "crds/widgets.yaml": CRD.format(name="widgets.x") + "---\n" + CRD.format(name="gadgets.x"),
            "crds/deep/more.yaml": CRD.format(name="more.x"),
            "crds/notes.txt": "no CRD\n",
            "templates/crd.yaml": CRD.format(name="templated-{{ .Release.Name }}"),
        }
    ),
    "crds, skipped": Tricky(
        {"crds/widgets.yaml": CRD.format(name="widgets.x"), "templates/crd.yaml": CRD.format(name="templated.x")},
        options={"include_crds": False},
    ),
    "crds of a subchart": Tricky(
        {"Chart.yaml": chart_file("tricky", REQUIRES), **SUBCHART, "charts/base/crds/x.yaml": CRD.format(name="base.x")}
    ),
    "hooks": Tricky(
        {
            "templates/hook.yaml": config_map("hook").replace(
                "  name: hook\n",
                "  name: hook\n  annotations: {helm.sh/hook: 'pre-install,pre-upgrade', helm.sh/hook-weight: '5'}\n",
            )
            + "---\n"
            + config_map("plain", "a: b")
        }
    ),
    "tests, kept": Tricky(
        {
            "templates/tests/a.yaml": config_map("t").replace(
                "  name: t\n", "  name: t\n  annotations: {helm.sh/hook: test}\n"
            )
        }
    ),
    "tests, skipped": Tricky(
        {
            "templates/tests/a.yaml": config_map("t").replace(
                "  name: t\n", "  name: t\n  annotations: {helm.sh/hook: test}\n"
            ),
            "templates/tests/b.yaml": config_map("b").replace(
                "  name: b\n", "  name: b\n  annotations: {helm.sh/hook: 'test-success'}\n"
            ),
            "templates/tests/c.yaml": config_map("c").replace(
                "  name: c\n", "  name: c\n  annotations: {helm.sh/hook: 'pre-install, test'}\n"
            ),
            "templates/kept.yaml": config_map("kept", "a: b"),
        },
        options={"skip_tests": True},
    ),
    "files": Tricky(
        {
            "files/a.txt": "first\nsecond\n",
            "files/b.txt": "ümlaut {{ .Values.x }}\n",
            ".helmignore": "files/secret.txt\n*.bak\n",
            "files/secret.txt": "ignored\n",
            "templates/files.yaml": config_map(
                "files",
                'a: {{ .Files.Get "files/a.txt" | quote }}',
                'lines: {{ .Files.Lines "files/a.txt" | toJson | quote }}',
                'secret: {{ .Files.Get "files/secret.txt" | quote }}',
                '{{- (.Files.Glob "files/*.txt").AsConfig | nindent 2 }}',
                'b: {{ tpl (.Files.Get "files/b.txt") . | quote }}',
            ),
            "templates/left.yaml.bak": "not: rendered\n",
            "values.yaml": "x: y\n",
        }
    ),
    "tpl, include and partials": Tricky(
        {
            "values.yaml": "name: '{{ .Release.Name }}-x'\n",
            "templates/_helpers.tpl": '{{- define "tricky.name" -}}\n{{ tpl .Values.name . | trunc 63 }}\n{{- end }}\n',
            "templates/_partial.yaml": 'this: {{ fail "partials are no manifests" }}\n',
            "templates/a.yaml": config_map(
                '{{ include "tricky.name" . }}', "ns: {{ .Release.Namespace }}", "svc: {{ .Release.Service }}"
            ),
        }
    ),
    "built-in objects": Tricky(
        {
            "templates/a.yaml": config_map(
                "built-in",
                "install: {{ .Release.IsInstall | quote }}",
                "upgrade: {{ .Release.IsUpgrade | quote }}",
                "revision: {{ .Release.Revision | quote }}",
                "chart: {{ .Chart.Name }}-{{ .Chart.Version }}",
                "template: {{ .Template.Name | quote }} ",
                "base: {{ .Template.BasePath | quote }}",
                "kube: {{ .Capabilities.KubeVersion.Version }}",
                "major: {{ .Capabilities.KubeVersion.Minor | quote }}",
                'has: {{ .Capabilities.APIVersions.Has "example.com/v1/Widget" | quote }}',
                'hasnot: {{ .Capabilities.APIVersions.Has "example.com/v2" | quote }}',
                'lookup: {{ lookup "v1" "Secret" "shop" "x" | toJson | quote }}',
            )
        },
        options={"api_versions": ("example.com/v1", "example.com/v1/Widget")},
    ),
    "notes and text": Tricky(
        {
            "templates/NOTES.txt": "Thank you for {{ .Chart.Name }}\n",
            "templates/other.txt": config_map("from-a-text-file", "a: b"),
            "templates/a.yaml": config_map("a", "a: b"),
        }
    ),
    "notes only": Tricky({"templates/NOTES.txt": "Thank you\n"}),
    "nothing at all": Tricky(
        {"templates/a.yaml": "{{- if .Values.on }}\n" + config_map("a") + "{{- end }}\n# a comment\n"}
    ),
    "separators": Tricky(
        {
            "templates/a.yaml": "---\n"
            + config_map("one", "a: b")
            + "\n---   \n\n"
            + config_map("two", "a: b")
            + "---\n# only a comment\n---\n",
            "templates/b.yaml": config_map("three", "a: |", "  text", "  --- not a separator", "  end")
            + "--- # with a comment\n"
            + config_map("four", "a: b"),
            "templates/c.yaml": "\n\n"
            + config_map("five", "a: b")
            + "---\n---\n---\n"
            + config_map("six", "a: b")
            + "...\n",
            "templates/d.yaml": "---\r\n"
            + config_map("seven", "a: b").replace("\n", "\r\n")
            + "---\r\n"
            + config_map("eight", "a: b"),
            "templates/e.yaml": config_map("nine", "a: b").rstrip("\n")
            + "\n--- \n"
            + config_map("ten", "a: b").rstrip("\n"),
        }
    ),
    "range over separators": Tricky(
        {
            "values.yaml": "names: [a, b, c]\n",
            "templates/a.yaml": "{{- range .Values.names }}\n---\n"
            + config_map("{{ . }}", "n: {{ . | quote }}")
            + "{{- end }}\n",
            "templates/b.yaml": "{{- range .Values.names -}}\n---\n"
            + config_map("b-{{ . }}", "n: {{ . | quote }}")
            + "{{- end -}}\n",
        }
    ),
    "lists and json": Tricky(
        {
            "templates/list.yaml": (
                "apiVersion: v1\nkind: List\nitems:\n"
                "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
                "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
            ),
            "templates/object.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}}\n',
            "templates/toyaml.yaml": "{{ .Values.object | toYaml }}\n",
            "values.yaml": "object: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: 'true'}}\n",
        }
    ),
    "templates in folders": Tricky(
        {
            "templates/deep/er/a.yaml": config_map("deep", "a: b"),
            "templates/_deep/b.yaml": config_map("under-a-folder-with-underscore", "a: b"),
            "templates/deep/_c.yaml": '{{ fail "never" }}',
        }
    ),
    "schema that holds": Tricky(
        {
            **VALUES,
            "values.schema.json": '{"type": "object", "properties": {"port": {"type": "integer"}}}',
            "values.yaml": "port: 80\n",
        }
    ),
    "schema that is skipped": Tricky(
        {**VALUES, "values.schema.json": '{"type": "object", "required": ["gone"]}'},
        options={"skip_schema_validation": True},
    ),
    "unicode and anchors": Tricky(
        {**VALUES, "values.yaml": 'base: &b {이름: 값, emoji: "\\U0001F600"}\ncopy: {<<: *b, more: 1}\n'},
        ("이름: 스테이징\n",),
    ),
    "old chart with requirements": Tricky(
        {
            "Chart.yaml": "apiVersion: v1\nname: tricky\nversion: 0.1.0\n",
            "requirements.yaml": REQUIRES + "  condition: base.enabled\n",
            **SUBCHART,
            **VALUES,
        },
        ("base: {image: changed}\n",),
    ),
    "subchart in a subchart": Tricky(
        {
            "Chart.yaml": chart_file("tricky", REQUIRES),
            **SUBCHART,
            "charts/base/Chart.yaml": chart_file("base", "dependencies:\n- name: inner\n  version: 0.1.0\n"),
            "charts/base/charts/inner/Chart.yaml": chart_file("inner"),
            "charts/base/charts/inner/values.yaml": "x: inner\n",
            "charts/base/charts/inner/templates/i.yaml": config_map("inner", "all: {{ .Values | toJson | quote }}"),
        },
        ("base: {inner: {x: from-the-top}}\nglobal: {g: 1}\n",),
    ),
    "undeclared subchart": Tricky({**SUBCHART, **VALUES}),
    "mutation of values": Tricky(
        {
            "values.yaml": "a: {b: 1}\n",
            "templates/a.yaml": '{{- $_ := set .Values.a "c" "added" }}\n'
            + config_map("a", "all: {{ .Values | toJson | quote }}"),
            "templates/b.yaml": config_map("b", "all: {{ .Values | toJson | quote }}"),
        }
    ),
}

# Charts that do not render: how the reply calls the fault, and the template and line that it names.
FAILING: dict[str, tuple[Tricky, tuple[str, str, int]]] = {
    "a value that nobody sets": (
        Tricky({"templates/a.yaml": config_map("a", "x: {{ .Values.gone.x }}")}),
        ("render-failed", "templates/a.yaml", 6),
    ),
    "required": (
        Tricky({"templates/deep/a.yaml": config_map("a", 'x: {{ required "x is missing" .Values.x }}')}),
        ("render-failed", "templates/deep/a.yaml", 6),
    ),
    "a helper that fails": (
        Tricky(
            {
                "templates/_helpers.tpl": '{{- define "bad" -}}\n{{ fail "always" }}\n{{- end -}}\n',
                "templates/a.yaml": config_map("a", 'x: {{ include "bad" . }}'),
            }
        ),
        ("render-failed", "templates/a.yaml", 6),
    ),
    "a function that does not exist": (
        Tricky({"templates/a.yaml": config_map("a", "x: {{ toYml . }}")}),
        ("render-failed", "templates/a.yaml", 6),
    ),
    "an action that is not closed": (
        Tricky({"templates/a.yaml": "{{ if true }}\n" + config_map("a")}),
        ("render-failed", "templates/a.yaml", 7),
    ),
    "a schema that does not hold": (
        Tricky({**VALUES, "values.schema.json": '{"type": "object", "required": ["gone"]}'}),
        ("render-failed", "", 0),
    ),
    "a cluster that is too old": (
        Tricky({"Chart.yaml": chart_file("tricky", "# a comment\nkubeVersion: '>=1.99.0-0'\n"), **VALUES}),
        ("render-failed", "Chart.yaml", 5),
    ),
    "a constraint that is none": (
        Tricky({"Chart.yaml": chart_file("tricky", "kubeVersion: new\n"), **VALUES}),
        ("render-failed", "Chart.yaml", 4),
    ),
    "a dependency that is not vendored": (
        Tricky({"Chart.yaml": chart_file("tricky", REQUIRES), **VALUES}),
        ("dependencies-missing", "", 0),
    ),
    "a library": (
        Tricky({"Chart.yaml": chart_file("tricky", "type: library\n"), **VALUES}),
        ("render-failed", "", 0),
    ),
    "a template that includes itself": (
        Tricky(
            {
                "templates/_helpers.tpl": '{{- define "loop" -}}{{ include "loop" . }}{{- end -}}\n',
                "templates/a.yaml": config_map("a", 'x: {{ include "loop" . }}'),
            }
        ),
        ("render-failed", "templates/_helpers.tpl", 1),
    ),
    "a parameter that cannot be set": (
        Tricky({**VALUES}, sets=(("--set", "a[x]", "1"),)),
        ("render-failed", "", 0),
    ),
    "values that are no mapping": (
        Tricky({**VALUES}, ("- a\n",)),
        ("render-failed", "", 0),
    ),
}
