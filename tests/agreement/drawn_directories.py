"""Directories of manifests: what YAML can be, which files count, and what the `directory` block leaves out."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.agreement.kinds import Json

#: As a value stands in a file. Argo CD reads YAML 1.1 as go-yaml v2 does, and makes JSON of it.
SCALARS = (
    "yes", "No", "on", "OFF", "y", "n", "Y", "N", "true", "True", "TRUE", "tRue", "~", "null", "Null", "NULL", "", "nil",
    "0", "-0", "+1", "1_000", "0755", "0o755", "0x1F", "0X1F", "-0x1F", "0b101", "0b2", "08", "09", "0_7", "1__0", "_1",
    "1e3", "1E3", "1e+3", "-1e-3", "1.", ".5", "1.0", "1.50", "-.5", "1_0.5", "1e400", "1.e2", "0.1e", ".", "-", "+", "e3",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "18446744073709551616", "123456789012345678901234567890", "1e20", "1e21", "1e-7", "100000000000000000000.0",
    ".inf", "-.inf", "+.Inf", ".nan", ".NaN", "inf", "nan", "1:30", "1:30:45", "-1:30", "12:30:45.5", "190:20:30",
    "2001-12-14", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "2001-1-1", "2024-02-30", "'2001-12-14'",
    '"yes"', "'1'", "'it''s'", r'"a\tb\u00e9\x41"', r'"\U0001F600"', '"a\n      b"', "|\n      a\n      b", ">\n      a\n      b\n\n      c",
    "|-\n      a\n", "|+\n      a\n\n", "|2\n        a", ">-\n      a\n       b\n      c", "a b", "a: b", "a #b", "a#b", "#a", "- a", "[a, 1, yes]",
    "{a: 1, b: {c: ~}}", "{a, b: }", "[]", "{}", "[a,]", "{1: a}", "{yes: a}", "{1.5: a}", "{~: a}", "{null: a}", "{0x10: a}", "{2001-01-01: a}",
    "!!str 1", "!!int '1'", "!!float 1", "!!bool yes", "!!null ''", "!!binary aGFsbG8=", "!!binary '!'", "!!set {a, b}", "!own a", "!!timestamp 2001-12-14",
    "!!omap [a: 1]", "!!str ~", "!!int 0x1F", "!!float 1e3", "!!int a", "! a", "*missing", "&a b", "@a", "`a`", "%a", "a\tb", "\ta", "<<", "=", "a\u2028b", "\u00e9", "\U0001F600",
    "'a\\tb'", "a\\tb", "? a", "- - a", "[[a], {b: c}]", "\"\\/\"", "\"\\q\"", "'a", '"a', "[a", "{a", "a]", "}", "|", ">", "a,b", "1,000", "1 000", "+.5", "++1", "0x", "0b", "0o", "-0b1", "1e", "1.2.3", "v1", "12e03", "-2E+05", "0.0", "-0.0", "+0",
)  # fmt: skip

PLACES = (
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata:\n  name: {name}\nspec:\n  a: {value}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata:\n  name: {name}\nspec:\n  list:\n  - {value}\n  - b\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  a: {value}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata:\n  name: {name}\nspec: {{a: {value}, b: 1}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata:\n  name: {name}\n  annotations:\n    a: {value}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata:\n  name: {name}\n  labels:\n    a: {value}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {value}}}\n",
    "apiVersion: acme.test/v1\nkind: {value}\nmetadata: {{name: {name}}}\n",
    "apiVersion: {value}\nkind: Widget\nmetadata: {{name: {name}}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}, namespace: {value}}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec:\n  {value}: a\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\n{value}: a\n",
)

PLAIN = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  a: b\n"
DEPLOYMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: other}}\n"
    "spec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - {{name: web, image: 'web:1'}}\n"
)
CLUSTER_ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {name}}}\nrules: []\n"
CRD = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {name}}}\n"
    "spec: {{group: acme.test}}\n"
)
DOCUMENTS = (
    *(PLAIN,) * 6,
    DEPLOYMENT,
    CLUSTER_ROLE,
    CRD,
    # Anchors, merge keys, keys that stand twice.
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nx: &x {{a: 1, b: 2}}\nspec:\n  <<: *x\n  b: 3\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec:\n  b: 3\n  <<: {{b: 4, c: 5}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec:\n  <<: [{{a: 1}}, {{a: 2, b: 2}}]\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec:\n  <<: a\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: &a {{b: *a}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: [&a 1, *a, &a 2, *a]\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: {{a: 1, a: 2}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: {{a: 1}}\nspec: {{b: 2}}\n",
    "apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {{name: {name}}}\n",
    "? apiVersion\n: v1\n? kind\n: ConfigMap\nmetadata: {{name: {name}}}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n? [a, b]\n: c\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n? {{a: b}}\n: c\n",
    # Lists.
    "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n- {{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}}}\n",
    "apiVersion: v1\nkind: ConfigMapList\nmetadata: {{}}\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: {name}}}\n",
    "apiVersion: v1\nkind: List\nitems: []\n",
    "apiVersion: v1\nkind: List\nitems:\n",
    "apiVersion: v1\nkind: List\nspec: {{}}\nitems:\n",
    "apiVersion: v1\nkind: List\nitems: {{a: b}}\n",
    "apiVersion: v1\nkind: List\nitems: text\n",
    "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, metadata: {{name: {name}}}}}\n",
    "apiVersion: v1\nkind: List\nitems:\n- text\n",
    "apiVersion: v1\nkind: List\nitems:\n- ~\n",
    "apiVersion: v1\nkind: List\nitems:\n- {{kind: ConfigMap, metadata: {{name: {name}}}}}\n",
    "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {{metadata: {{name: {name}}}, data: {{a: b}}}}\n- {{metadata: {{name: x}}}}\n",
    "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: List, items: [{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}]}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nitems:\n- {{a: 1}}\n",
    "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {{name: {name}}}\nitems: []\n",
    # No manifests, or none for sure.
    "a: b\n", "- a\n- b\n", "text\n", "1\n", "~\n", "{{}}\n", "[]\n", "# only a comment\n", "\n", "false\n",
    "kind: ConfigMap\nmetadata: {{name: {name}}}\n",
    "apiVersion: v1\nmetadata: {{name: {name}}}\ndata: {{a: 'kind: x'}}\n",
    "apiVersion: v1\nkind: ''\nmetadata: {{name: {name}}}\n",
    "apiVersion: v1\nkind: ConfigMap\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: ~\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: text\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{generateName: {name}-}}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{a: 1}}}}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: {{a: ~, b: [c]}}}}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: ~, labels: ~}}\n",
    # Broken.
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: {name}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{{{ .Values.name }}}}\n",
    "kind: {{{{ .x }}}}\n", "a: [\n", "a: b: c\n", "\tb: c\n", "a: 'b\n", "apiVersion: v1\n kind: x\n metadata:\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n\x00",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: \x07}}\n",
    # JSON in a YAML file, and one behind another.
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}\n',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}\n{{"apiVersion": "v1", "kind": "Secret", "metadata": {{"name": "{name}"}}}}\n',
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n...\n",
    "%YAML 1.1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n",
    "# comment\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}} # comment\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  a: |\n    ---\n    b\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  a: |\n---\nb: c\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: '+argocd:skip-file-rendering'}}\n",
    "# +argocd:skip-file-rendering\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n",
)  # fmt: skip
SEPARATORS = ("---\n", "---\n", "---\n", "--- \n", "---  # comment\n", "---\n---\n", "\n---\n\n", "---\r\n", " ---\n", "--- a\n", "...\n---\n", "---\t\n", "-----\n", "---\n# comment\n---\n")  # fmt: skip
JSON_TEXTS = (
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}, "data": {{"a": "\\u00e9\\ud83d\\ude00"}}}}',
    '{{"apiVersion": "acme.test/v1", "kind": "Widget", "metadata": {{"name": "{name}"}}, "spec": {{"a": 9007199254740993, "b": 1e3, "c": 1.0, "d": -0, "e": 1E400}}}}',
    '{{"apiVersion": "acme.test/v1", "kind": "Widget", "metadata": {{"name": "{name}"}}, "spec": {{"a": 9007199254740993, "b": 1e3, "c": 1.0, "d": -0, "e": 123456789012345678901234567890}}}}',
    '{{"apiVersion": "acme.test/v1", "kind": "Widget", "metadata": {{"name": "{name}"}}, "spec": {{"a": 1, "a": 2, "A": 3}}}}',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}} {{}}',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}\n\n',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}]',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}},}}',
    '{{"apiVersion": "v1", "kind": "List", "items": [{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}]}}',
    '{{"apiVersion": "v1", "kind": "List", "items": []}}',
    '{{"apiVersion": "v1", "kind": "List", "items": null}}',
    '[{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}]',
    '{{"a": "b"}}', "{{}}", "[]", "null", '"text"', "", "  ", "1", "NaN", "{{'a': 1}}", "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n",
    '{{"schemaVersion": 2, "mediaType": "x"}}', '{{"schemaVersion": 2, "layers": []}}',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}, "data": {{"a": "\t"}}}}',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}, "data": {{"a": "\\ud800"}}}}',
    '{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}, "data": {{"a": NaN}}}}',
    '\ufeff{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}',
    '// a\n{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "{name}"}}}}',
    '{{"Kind": "ConfigMap", "apiVersion": "v1", "metadata": {{"name": "{name}"}}}}',
)  # fmt: skip
NAMES = ("a.yaml", "b.yml", "c.yaml", "B.yaml", ".hidden.yaml", "sub/a.yaml", "sub/deep/a.yaml", "sub.yaml", "a/z.yaml", "a-b.yaml", "a b.yaml", "\u00e9.yaml", "config.json.yaml", "_x.yaml", "10.yaml", "9.yaml", ".git2/a.yaml", "tests/a.yaml", "{a}.yaml", "a,b.yaml", "[a].yaml", "*.yaml")  # fmt: skip
IGNORED = ("upper.YAML", "notes.txt", "yaml", "a.yaml.txt", "values.yaml.bak", "README.md", ".yaml", "a.yam")
GLOBS = ("*.yaml", "a.yaml", "{a.yaml,b.yml}", "*", "**", "sub/*", "sub/**", "**/a.yaml", "*/a.yaml", "?.yaml", "[ab].y*", "[!a]*", "{a,b}*", "*.{yaml,yml}", "config.*", "{sub/*,a.yaml}", "sub/*.yaml,a.yaml", "a.yaml,b.yml", "[a-c].yaml", "\\*.yaml", "{a.yaml}", "{a.yaml,{b.yml,c.yaml}}", "a*b*", "[", "{a", "", "*[ab].yaml", "[^a].yaml", "./a.yaml", "/a.yaml", "*.json", "é*", "{*.yml,}", "a{,/z}.yaml", "s?b/*", "\\{a\\}.yaml", "{,a}.yaml", "}", "a]", "[]a]*", "[!]*")  # fmt: skip


def drawn_directory(chance: random.Random) -> tuple[dict[str, str | Json], Json]:
    """The files below the source's folder, and what the source says besides its path."""
    files: dict[str, str | Json] = {}
    for number in range(chance.choice((1, 1, 1, 2, 3))):
        name, content = _file(chance, number)
        files[name] = content
    for way in _ODD:
        if chance.random() < 0.04:
            way(chance, files)
    return _apart(files), _block(chance)


def _file(chance: random.Random, number: int) -> tuple[str, str | Json]:
    if chance.random() < 0.12:
        return f"{chance.choice('abc')}.json", chance.choice(JSON_TEXTS).format(name=f"o{number}")
    name = chance.choice(NAMES[:8] if chance.random() < 0.7 else NAMES)
    text = _text(chance, number)
    if chance.random() < 0.04:
        return name, {"utf-16": text}
    return name, text


def _text(chance: random.Random, number: int) -> str:
    parts = [_document(chance, f"o{number}-{i}") for i in range(chance.choice((1, 1, 1, 1, 2, 3)))]
    text = parts[0]
    for part in parts[1:]:
        text += chance.choice(SEPARATORS) + part
    if chance.random() < 0.1:
        text = (
            chance.choice(
                ("---\n", "\ufeff", "\n\n", "# head\n---\n", "---\n---\n", "--- # a\n", "\ufeff---\n", " \n---\n")
            )
            + text
        )
    if chance.random() < 0.08:
        text = chance.choice(
            (text + "---\n", text.replace("\n", "\r\n"), text.rstrip("\n"), text + "---", text + "...\n", text + "\n\n")
        )
    return text


def _document(chance: random.Random, name: str) -> str:
    if chance.random() < 0.45:
        place = chance.choice(PLACES[:4] if chance.random() < 0.6 else PLACES)
        return place.format(name=name, value=chance.choice(SCALARS))
    if chance.random() < 0.3:
        return PLAIN.format(name=name)
    return chance.choice(DOCUMENTS).format(name=name)


def _ignored(chance: random.Random, files: dict[str, str | Json]) -> None:
    files[chance.choice(IGNORED)] = PLAIN.format(name="ignored")


def _link(chance: random.Random, files: dict[str, str | Json]) -> None:
    name = chance.choice(("link.yaml", "linked", "sub/link.yaml", "link.json"))
    target = chance.choice(("a.yaml", "b.yml", "missing.yaml", "sub", "../other/x.yaml", "../../outside.yaml", "/etc/hostname", "../a.yaml"))  # fmt: skip
    files[name] = {"link": target}


def _type(chance: random.Random, files: dict[str, str | Json]) -> None:
    name = chance.choice(("Chart.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization", "OtherChart.yaml", "sub/Chart.yaml", "chart.yaml", "Chart.yml", "kustomization.YAML", "sub/kustomization.yaml"))  # fmt: skip
    texts = {
        "C": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
        "O": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    }
    files[name] = texts.get(name[0], "resources: []\n")


def _jsonnet(chance: random.Random, files: dict[str, str | Json]) -> None:
    files[chance.choice(("a.jsonnet", "sub/a.jsonnet", "lib.libsonnet"))] = "{a: 1}"


def _override(chance: random.Random, files: dict[str, str | Json]) -> None:
    name = chance.choice((".argocd-source.yaml", ".argocd-source-shop.yaml", ".argocd-source-other.yaml", ".argocd-source-team_shop.yaml"))  # fmt: skip
    files[name] = chance.choice(
        (
            "directory: {recurse: true}\n", "directory: {exclude: 'a*'}\n", "Directory: {Include: 'a*'}\n", "directory: ~\n",
            "helm: {}\n", "kustomize: {}\n", "path: other\n", "directory: {recurse: 'yes'}\n", "directory: [a]\n", "- a\n", "", "a: b\n",
            "directory: {recurse: yes}\n---\ndirectory: {recurse: no}\n", "directory: {\n", "directory: {recurse: ~}\n", "text\n", "~\n",
            "directory: {disableExtensionFilter: true}\n", "kustomize: {namePrefix: x-}\n", "chart: web\n", "repoURL: x\n",
        )
    )  # fmt: skip


_ODD: tuple[Callable[[random.Random, dict[str, str | Json]], None], ...] = (_ignored, _link, _type, _jsonnet, _override)


def _apart(files: dict[str, str | Json]) -> dict[str, str | Json]:
    """Without a file where another file needs a folder."""
    folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    return {name: content for name, content in files.items() if name not in folders}


def _block(chance: random.Random) -> Json:
    if chance.random() < 0.4:
        return {}
    block: Json = {}
    if chance.random() < 0.6:
        block["recurse"] = chance.random() < 0.8
    if chance.random() < 0.35:
        block["include"] = chance.choice(GLOBS)
    if chance.random() < 0.35:
        block["exclude"] = chance.choice(GLOBS)
    if chance.random() < 0.06:
        block["disableExtensionFilter"] = True
    if chance.random() < 0.04:
        block["jsonnet"] = chance.choice(({}, {"tlas": [{"name": "a", "value": "b"}]}))
    return {"directory": block}
