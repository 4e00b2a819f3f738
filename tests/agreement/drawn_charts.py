"""Charts that print what they are given, with value files, parameters and settings in every order that counts."""

from __future__ import annotations

import random
import re
from typing import Any

from tests.agreement.kinds import Json

CHART = "apiVersion: v2\nname: web\nversion: 0.1.0\n"
#: Everything that a chart is told, as the text of one ConfigMap.
SHOWN = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-shown
data:
  values: {{ .Values | toJson | quote }}
  release: {{ .Release | toJson | quote }}
  printed: {{ .Values.a | quote }}
  kind: {{ kindOf .Values.a }} {{ kindOf .Values.num }}
"""
TEMPLATES: tuple[tuple[str, str], ...] = (
    ("templates/capabilities.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: capabilities}\ndata:\n  kube: {{ .Capabilities.KubeVersion.Version | quote }}\n  minor: {{ .Capabilities.KubeVersion.Minor | quote }}\n  ingress: {{ .Capabilities.APIVersions.Has \"networking.k8s.io/v1/Ingress\" | quote }}\n  widget: {{ .Capabilities.APIVersions.Has \"acme.test/v1\" | quote }}\n"),
    ("templates/hook.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: \"pre-install,post-upgrade\", helm.sh/hook-weight: \"-5\"}\n"),
    ("templates/tests/test.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {helm.sh/hook: test}\n"),
    ("templates/tests/both.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: both\n  annotations: {helm.sh/hook: \"test, pre-install\"}\n"),
    ("templates/tests/old.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: old\n  annotations: {helm.sh/hook: test-success}\n"),
    ("templates/odd-hook.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: odd\n  annotations: {helm.sh/hook: nonsense}\n"),
    ("templates/NOTES.txt", "Thanks for {{ .Values.a }}\n"),
    ("templates/_helpers.tpl", "{{ define \"name\" }}{{ .Release.Name }}{{ end }}\n"),
    ("templates/empty.yaml", "{{ if .Values.enabled }}\napiVersion: v1\nkind: Secret\nmetadata: {name: enabled}\n{{ end }}\n"),
    ("templates/comments.yaml", "# only a comment\n---\n# another\n"),
    ("templates/several.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: c}\n"),
    ("templates/twice.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {a: 1}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: {a: 2}\n"),
    ("templates/glued.yaml", "{{- range list 1 2 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: r{{ . }}}\n{{- end }}\n"),
    ("templates/stuck.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stuck}\n---apiVersion: v1\nkind: Secret\nmetadata: {name: stuck}\n"),
    ("templates/list.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}\n- {apiVersion: v1, kind: Secret, metadata: {name: l2}}\n"),
    ("templates/nolist.yaml", "apiVersion: v1\nkind: ConfigMapList\nitems: []\n"),
    ("templates/numbers.yaml", "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {name: numbers}\nspec:\n  n: {{ .Values.num }}\n  big: 9007199254740993\n  e: 1e3\n  octal: 0644\n  yes: yes\n  hex: 0x1F\n  f: 1.50\n  date: 2001-12-14\n  x: {{ .Values.list }}\n"),
    ("templates/lookup.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lookup}\ndata:\n  found: {{ lookup \"v1\" \"Secret\" \"shop\" \"a\" | toJson | quote }}\n  upgrade: {{ .Release.IsUpgrade | quote }}\n  revision: {{ .Release.Revision | quote }}\n"),
    ("templates/files.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: files}\ndata:\n{{ (.Files.Glob \"config/*\").AsConfig | indent 2 }}\n"),
    ("templates/tpl.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tpl}\ndata:\n  a: {{ tpl (.Values.template | default \"none\") . | quote }}\n  s: {{ .Values.s | toYaml | quote }}\n"),
    ("templates/required.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ required \"a name is missing\" .Values.name }}}\n"),
    ("templates/fails.yaml", "{{ if eq (toString .Values.a) \"x\" }}{{ fail \"no x\" }}{{ end }}\n"),
    ("templates/broken.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n"),
    ("templates/undefined.yaml", "{{ include \"nothing\" . }}\n"),
    ("templates/syntax.yaml", "{{ if }}\n"),
    ("templates/nokind.yaml", "apiVersion: v1\nmetadata: {name: nokind}\n"),
    ("templates/text.yaml", "just a text\n"),
    ("templates/duplicate.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: duplicate}\ndata: {a: 1}\ndata: {b: 2}\n"),
    ("templates/notyaml.txt", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: txt}\n"),
    ("templates/json.json", "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"json\"}}\n"),
    ("templates/namespace.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: namespaced, namespace: {{ .Release.Namespace | quote }}}\n"),
    ("crds/widget.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.acme.test}\n---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.acme.test}\n"),
    ("crds/readme.md", "no manifest"),
    ("templates/deep/er.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: deeper}\n"),
    ("config/a.conf", "a = {{ b }}\n"),
    (".helmignore", "templates/several.yaml\nconfig/\n"),
    (".helmignore", "*.json\n# comment\n/templates/hook.yaml\n"),
    ("values.schema.json", '{"type": "object", "properties": {"num": {"type": "integer"}}}'),
    ("values.schema.json", '{"type": "object", "required": ["name"]}'),
    ("values.schema.json", '{"properties": {"a": {"type": "string", "minLength": 2}}, "additionalProperties": true}'),
)  # fmt: skip
#: Templates after which nothing else counts.
FAILING = {f"templates/{name}.yaml" for name in ("required", "broken", "undefined", "syntax", "nokind", "text")}
SUBCHART = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-sub\ndata:\n  values: {{ .Values | toJson | quote }}\n"
DEPENDENCIES = (
    "dependencies:\n- {name: sub, version: 0.1.0}\n",
    "dependencies:\n- {name: sub, version: 0.1.0, condition: sub.enabled}\n",
    "dependencies:\n- {name: sub, version: 0.1.0, tags: [extra]}\n",
    "dependencies:\n- {name: sub, version: 0.1.0, alias: other, condition: 'other.enabled,enabled'}\n",
    "dependencies:\n- {name: sub, version: 0.1.0, import-values: [data]}\n",
    "dependencies:\n- {name: sub, version: 0.1.0}\n- {name: sub, version: 0.1.0, alias: second}\n",
    "dependencies:\n- {name: sub, version: '>=1.0.0'}\n",
    "dependencies:\n- {name: missing, version: 0.1.0, repository: 'https://charts.test'}\n",
    "dependencies:\n- {name: sub, version: 0.1.0, repository: 'file://../sub'}\n",
)
CHARTS = (
    *(CHART,) * 12,
    CHART + "type: library\n",
    CHART + "type: application\nappVersion: 1.10\n",
    CHART + "kubeVersion: '>=1.20.0-0'\n",
    CHART + "kubeVersion: '>=2.0.0'\n",
    "apiVersion: v1\nname: web\nversion: 0.1.0\n",
    "apiVersion: v2\nname: web\n",
    "apiVersion: v2\nversion: 0.1.0\n",
    "name: web\nversion: 0.1.0\n",
    "apiVersion: v3\nname: web\nversion: 0.1.0\n",
    "apiVersion: v2\nname: web\nversion: one\n",
    CHART + "unknown: field\n",
    "",
)

VALUES = (
    "a: 1\n", "a: one\nlist: [1, 2]\n", "num: 1\nmap: {x: 1, y: 2}\n", "a: ~\n", "map: ~\n", "list: []\n", "map: {x: ~}\n", "enabled: true\n", "enabled: false\n",
    "name: given\n", "num: 9007199254740993\n", "num: 1e3\na: 0755\n", "num: 1.0\na: 2001-12-14\n", "sub: {enabled: false, x: 1}\n", "sub: ~\n", "global: {g: 1}\n", "tags: {extra: false}\n",
    "", "# nothing\n", "~\n", "- a\n", "text\n", "a: [\n", "a: 1\na: 2\n", "a: 1\n---\na: 2\n", "---\na: 3\n", "x: &x {y: 1}\nmap:\n  <<: *x\n", "template: '{{ .Release.Name }}'\n",
    "list: [{b: 1}, {b: 2}]\n", "s: |\n  a\n  b\n", "a: yes\nn: 1_000\n", "other: {enabled: true}\n", "a: x\n", "map: {x: {deep: 1}}\nn: -5\n", "1: a\n", "a.b: c\n", "a: 'é😀'\n", "num: 123456789012345678901234567890\n",
)  # fmt: skip
SOUND_VALUES = tuple(text for text in VALUES if text not in {"- a\n", "text\n", "a: [\n", "a: x\n"})
BASES = (
    "a: base\nn: 1\nlist: [1]\nmap: {x: base, z: 3}\n",
    "a: base\nenabled: true\nsub: {x: 0, y: 1}\ns: text\n",
    "",
    "a: ~\nmap: {x: ~}\nlist:\n- b: 0\n  c: 1\n",
    "num: 5\nglobal: {g: 0}\nmap:\n  x:\n    deep: 0\n",
)
FILE_NAMES = ("values-a.yaml", "values-b.yaml", "env/a.yaml", "env/b.yaml", "env/deep/c.yaml", "../shared.yaml", "../../root.yaml", "vals/é.yaml", "env/with space.yaml", "env/a,b.yaml")  # fmt: skip
ENTRIES = (
    "values-a.yaml", "values-b.yaml", "./values-a.yaml", "env/a.yaml", "env/../values-a.yaml", "../shared.yaml", "../../root.yaml", "/root.yaml", "/apps/shared.yaml", "/apps/web/values-a.yaml",
    "env/*.yaml", "env/**/*.yaml", "env/**", "values-*.yaml", "values-[ab].yaml", "values-?.yaml", "*.yaml", "/apps/*/values-a.yaml", "env/{a,b}.yaml", "env/[!a].yaml", "none-*.yaml", "[",
    "missing.yaml", "values.yaml", "env", "../../../outside.yaml", "/", ".", "", "$ref/root.yaml", "$other/root.yaml", "$ref", "$ref/apps/*.yaml", "$ARGOCD_APP_NAME.yaml", "values-${ARGOCD_APP_NAME}.yaml", "env/$ARGOCD_ENV/a.yaml", "$$a.yaml", "values-${X:-a}.yaml",
    "https://files.test/values.yaml", "http://files.test/values.yaml", "ftp://files.test/values.yaml", "s3://bucket/values.yaml", "file:///etc/hostname", "C:/values.yaml", "a:b.yaml", "vals/é.yaml", "env/with space.yaml", "env/a,b.yaml", "%41.yaml", "values-a.yaml?x=1", "env//a.yaml", " values-a.yaml", "VALUES-A.yaml",
)  # fmt: skip
SAFE_ENTRIES = ENTRIES[:19]
NAMES = ("a", "a", "num", "map.x", "map.new", "list[0]", "list[2]", "list", "map", "list[0].b", "sub.x", "global.g", "a\\.b", "map.x\\.y", "enabled", "name", "map.x.deep", "a,b", "a=b", "", "list[-1]", "list[a]", "a.", ".a", "map[0]", "é", "a b", "list[0][1]")  # fmt: skip
TEXTS = (
    "text", "", "1", "0", "01", "1.5", "true", "false", "null", "yes", "9007199254740993", "9223372036854775808", "-1", "1e3", "0x1F", "a,b", "a\\,b", "{a,b}", "{1,2}", "{}", "{a}", "[1]", "a=b", "a\\b", "a\\\\b", "\\", "a\\\\,b", "'a'", '"a"', "a\nb", " a ", "${ARGOCD_APP_NAME}", "$ARGOCD_APP_NAMESPACE-x", "$ARGOCD_APP_NAME/$ARGOCD_APP_PROJECT_NAME", "${ARGOCD_APP_SOURCE_PATH}", "$ARGOCD_APP_SOURCE_TARGET_REVISION",
    "$ARGOCD_APP_SOURCE_REPO_URL", "$ARGOCD_APP_REVISION", "${ARGOCD_APP_REVISION_SHORT}", "$HOME", "$$", "$", "${", "${}", "$1", "$KUBE_VERSION", "x", "{a,{b,c}}", "a.b", "é😀", "{{ .Values.a }}", "a;b", "a|b", "2001-12-14", "{a,b", "a,b}", ",", "a,", "~", "0755", "1_000", "nil", "None", "+1", "{null,1}", "{ a , b }", "\t", "#a", "a: b", "1e400", "{a=b}", "b=1,n=2", "b\\=1",
)  # fmt: skip
SET_FILES = ("values-a.yaml", "config/a.conf", "../shared.yaml", "/root.yaml", "missing.conf", "$ref/root.yaml", "env/a,b.yaml", "env", "../../../outside.yaml", "https://files.test/a", "$ARGOCD_APP_NAME.conf", "vals/é.yaml")  # fmt: skip
OBJECTS: tuple[Any, ...] = ({"a": "object"}, {"map": {"x": None}}, {}, {"num": 1, "list": [{"b": 1}]}, {"sub": {"enabled": False}}, {"num": 9007199254740993}, {"num": 1.0}, {"a": "é😀"}, {"a": None}, {"num": 1e21}, {"a": "x\ny: z"})  # fmt: skip
CLUSTERS = ("v1.34.2", "1.34.2", "v1.33.0-gke.1", "v1.34.2+k3s1", "1.34")


def drawn_chart(chance: random.Random) -> tuple[dict[str, str | Json], Json]:
    """The files below the chart's folder, and what the source says besides its path."""
    files: dict[str, str | Json] = {"Chart.yaml": chance.choice(CHARTS) if chance.random() < 0.3 else CHART}
    if chance.random() < 0.9:
        files["values.yaml"] = chance.choice(BASES) if chance.random() < 0.9 else chance.choice(VALUES)
    files["templates/shown.yaml"] = SHOWN
    more = chance.sample(TEMPLATES, chance.choice((0, 1, 1, 2, 2, 4)))
    files.update({name: text for name, text in more if name not in FAILING or chance.random() < 0.3})
    if chance.random() < 0.25:
        _add_subchart(chance, files)
    for name in chance.sample(FILE_NAMES, chance.choice((1, 2, 4, 6))):
        linked = "/" not in name and chance.random() < 0.2
        files[name] = {"link": "values.yaml"} if linked else _values(chance)
    return files, _source(chance)


def _values(chance: random.Random) -> str:
    """The text of a values file; few of them are none, because nothing else counts then."""
    return chance.choice(VALUES if chance.random() < 0.4 else SOUND_VALUES)


def _add_subchart(chance: random.Random, files: dict[str, str | Json]) -> None:
    dependency = chance.choice(DEPENDENCIES)
    files["Chart.yaml"] = f"{files['Chart.yaml']}{dependency}" if chance.random() < 0.85 else files["Chart.yaml"]
    place = "../sub" if "file://" in dependency and chance.random() < 0.8 else "charts/sub"
    library = "type: library\n" if chance.random() < 0.15 else ""
    files[f"{place}/Chart.yaml"] = f"apiVersion: v2\nname: sub\nversion: 0.1.0\n{library}"
    files[f"{place}/values.yaml"] = "x: sub\ny: {z: 1}\nexports: {data: {a: exported}}\nenabled: true\n"
    files[f"{place}/templates/sub.yaml"] = SUBCHART
    if chance.random() < 0.2:
        files[f"{place}/crds/sub.yaml"] = (
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: subs.acme.test}\n"
        )


def _source(chance: random.Random) -> Json:
    helm: Json = {}
    if chance.random() < 0.7:
        safe = chance.random() < 0.7
        count = chance.choice((1, 1, 2, 3))
        helm["valueFiles"] = [chance.choice(SAFE_ENTRIES if safe else ENTRIES) for _ in range(count)]
        helm["ignoreMissingValueFiles"] = chance.random() < 0.85
    if chance.random() < 0.3:
        helm["values"] = _values(chance)
    if chance.random() < 0.2:
        helm["valuesObject"] = chance.choice(OBJECTS)
    if chance.random() < 0.45:
        helm["parameters"] = _apart([_parameter(chance) for _ in range(chance.choice((1, 1, 2, 3)))])
    if chance.random() < 0.12:
        name = chance.choice(NAMES[:14] if chance.random() < 0.9 else NAMES)
        helm["fileParameters"] = [{"name": name, "path": chance.choice(SET_FILES)}]
    _add_settings(chance, helm)
    # `helm: {}` names the type as well as any other block does.
    return {"helm": helm} if helm or chance.random() < 0.5 else {}


def _apart(parameters: list[Json]) -> list[Json]:
    """Without those that go where another one of their flag goes: Argo CD hands them to Helm in no fixed order."""
    kept: list[Json] = []
    for one in parameters:
        roots = [(_root(other), other.get("forceString")) for other in kept if other["name"] != one["name"]]
        if (_root(one), one.get("forceString")) not in roots:
            kept.append(one)
    return kept


def _root(parameter: Json) -> str:
    return re.split(r"[.\[,=]", parameter["name"])[0]


def _parameter(chance: random.Random) -> Json:
    name = chance.choice(NAMES[:14] if chance.random() < 0.85 else NAMES)
    parameter: Json = {"name": name, "value": chance.choice(TEXTS)}
    if chance.random() < 0.35:
        parameter["forceString"] = True
    return parameter


def _add_settings(chance: random.Random, helm: Json) -> None:
    drawn: tuple[tuple[float, str, tuple[Any, ...]], ...] = (
        (0.15, "releaseName", ("web", "a" * 53, "a" * 54, "Upper", "with_underscore", "dotted.name", "-a", "a b", "", "9", "é")),
        (0.1, "namespace", ("other", "", "Bad Namespace")),
        (0.12, "skipCrds", (True, False)),
        (0.12, "skipTests", (True, False)),
        (0.1, "skipSchemaValidation", (True, False)),
        (0.1, "version", ("v3", "v4", "v2", "", "3")),
        (0.06, "passCredentials", (True,)),
        (0.12, "kubeVersion", ("1.30.0", "v1.30", "1.30.1-gke.5", "v1.31.2+k3s1", "nonsense", "1", "1.2.3.4")),
        (0.1, "apiVersions", (["acme.test/v1"], ["v1", "acme.test/v1/Widget"], [])),
    )  # fmt: skip
    for share, key, values in drawn:
        if chance.random() < share:
            helm[key] = chance.choice(values)
