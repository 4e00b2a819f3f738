"""Kustomizations, and everything that the `kustomize` block of a source changes in them."""

from __future__ import annotations

import random
from typing import Any

from tests.agreement.kinds import Json

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - name: web
        image: example.test/web:1.0
        envFrom: [{configMapRef: {name: settings}}]
      - name: side
        image: busybox
"""
BASE: dict[str, str] = {
    "deployment.yaml": DEPLOYMENT,
    "settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: given}\ndata: {a: yes, b: 0644, c: '1'}\n",
    "service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n",
    "role.yaml": "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules: []\n",
    "crd.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.acme.test}\nspec: {group: acme.test, names: {kind: Widget}, scope: Namespaced}\n",
    "widget.yaml": "apiVersion: acme.test/v1\nkind: Widget\nmetadata: {name: widget}\nspec: {size: 1e3, big: 9007199254740993, when: 2001-12-14, on: yes, image: example.test/web}\n",
    "list.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}\n- {apiVersion: v1, kind: Secret, metadata: {name: l2}}\n",
    "several.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n---\n# only a comment\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n",
    "stateful.yaml": "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: store}\nspec: {replicas: 2, template: {spec: {containers: [{name: store, image: 'postgres@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3'}]}}}\n",
}  # fmt: skip
#: Among the resources only now and then: nothing else counts then.
BROKEN: dict[str, str] = {
    "broken.yaml": "apiVersion: v1\nkind: [\n",
    "nokind.yaml": "apiVersion: v1\nmetadata: {name: nokind}\n",
    "noname.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
}
LINES = (
    "namespace: own\n", "namePrefix: own-\n", "nameSuffix: -own\n", "commonLabels: {team: own}\n", "labels:\n- pairs: {team: own}\n  includeSelectors: false\n", "commonAnnotations: {note: own}\n",
    "images:\n- {name: example.test/web, newTag: '2.0'}\n", "replicas:\n- {name: web, count: 3}\n",
    "configMapGenerator:\n- name: made\n  literals: [a=1, b=yes]\n", "secretGenerator:\n- name: made\n  literals: [a=1]\ngeneratorOptions: {disableNameSuffixHash: true}\n", "configMapGenerator:\n- name: made\n  files: [config.txt]\n",
    "patches:\n- path: patch.yaml\n", "patches:\n- patch: '[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 7}]'\n  target: {kind: Deployment}\n", "patchesStrategicMerge: [patch.yaml]\n", "components: [../components/one]\n", "buildMetadata: [originAnnotations]\n",
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "sortOptions: {order: legacy}\n", "unknown: field\n", "patches: {}\n", "images: ~\n", "namespace: ''\n",
)  # fmt: skip
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
IMAGES = (
    "example.test/web:3", "example.test/web=other.test/web:4", "busybox:$ARGOCD_APP_NAME", "busybox=mirror.test/busybox", "example.test/web@sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3", "none:1", "", "a=b=c", "web:${ARGOCD_APP_REVISION_SHORT}", "example.test/web:3", "busybox=*:5", "*:1",
)  # fmt: skip
PAIRS: tuple[dict[str, Any], ...] = (
    {"team": "shop"}, {"app": "$ARGOCD_APP_NAME"}, {"a/b": "c"}, {"number": "1"}, {"flag": "true"}, {"empty": ""}, {"colon": "a:b"}, {"comma": "a,b"}, {"equals": "a=b"}, {"bad key": "x"}, {"team": "shop", "second": "two"}, {"env": "$ARGOCD_APP_NAMESPACE/${X}"}, {"quote": "'a'"}, {"space": "a b"}, {"revision": "$ARGOCD_APP_REVISION"}, {"note": "force"},
)  # fmt: skip
PATCHES: tuple[Json, ...] = (
    {"target": {"kind": "Deployment", "name": "web"}, "patch": "- op: replace\n  path: /spec/replicas\n  value: 9\n"},
    {"patch": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 8}\n"},
    {"path": "patch.yaml"},
    {"target": {"kind": "None"}, "patch": "- op: remove\n  path: /spec\n"},
    {"target": {"kind": "Deployment"}, "patch": "- op: remove\n  path: /none\n"},
    {"target": {"labelSelector": "app=web"}, "patch": "- op: add\n  path: /metadata/annotations\n  value: {a: b}\n"},
    {"target": {"kind": "Service"}, "patch": "- op: replace\n  path: /metadata/name\n  value: api\n", "options": {"allowNameChange": True}},
    {"patch": "no: patch\n"},
    {"path": "missing.yaml"},
)  # fmt: skip


def drawn_overlay(chance: random.Random) -> tuple[dict[str, str | Json], Json]:
    """The files below the overlay's folder, and what the source says besides its path."""
    resources = chance.sample([*BASE], chance.choice((1, 2, 3, 5)))
    files: dict[str, str | Json] = {name: BASE[name] for name in resources}
    if chance.random() < 0.06:
        name = chance.choice([*BROKEN])
        resources.append(name)
        files[name] = BROKEN[name]
    if chance.random() < 0.3:
        resources.append("../base")
        files["../base/kustomization.yaml"] = "resources: [base.yaml]\nnamePrefix: base-\n"
        files["../base/base.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: based}\ndata: {a: b}\n"
    if chance.random() < 0.05:
        resources.append(
            chance.choice(
                ("missing.yaml", "https://git.test/base.yaml", "../../../outside", "../web", "git@git.test:a/b")
            )
        )
    lines = chance.sample(LINES, chance.choice((0, 0, 1, 2, 3)))
    name = chance.choice(("kustomization.yaml",) * 8 + ("kustomization.yml", "Kustomization"))
    files[name] = f"resources: [{', '.join(resources)}]\n" + "".join(lines)
    files["config.txt"] = "a text\n"
    files["patch.yaml"] = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5}\n"
    for component in ("one", "two", "three")[: chance.choice((1, 1, 2, 3))]:
        files[f"../components/{component}/kustomization.yaml"] = (
            f"{COMPONENT}commonAnnotations: {{{component}: 'yes'}}\n"
        )
    return files, {"kustomize": _block(chance)} if chance.random() < 0.85 else {}


def _block(chance: random.Random) -> Json:
    block: Json = {}
    drawn: tuple[tuple[float, str, tuple[Any, ...]], ...] = (
        (0.2, "namePrefix", ("pre-", "-odd", "$ARGOCD_APP_NAME-", "UP", "")),
        (0.15, "nameSuffix", ("-post", "--x", "")),
        (0.2, "namespace", ("target", "", "Bad")),
        (0.25, "commonLabels", PAIRS),
        (0.25, "commonAnnotations", PAIRS),
        (0.15, "forceCommonLabels", (True,)),
        (0.15, "forceCommonAnnotations", (True,)),
        (0.15, "labelWithoutSelector", (True,)),
        (0.15, "labelIncludeTemplates", (True,)),
        (0.15, "commonAnnotationsEnvsubst", (True,)),
        (0.3, "ignoreMissingComponents", (True,)),
        (0.03, "version", ("v4.5.7",)),
        (0.05, "kubeVersion", ("1.30.0", "nonsense")),
        (0.03, "apiVersions", (["v1"],)),
    )
    for share, key, values in drawn:
        if chance.random() < share:
            block[key] = chance.choice(values)
    if chance.random() < 0.3:
        some = IMAGES[:5] if chance.random() < 0.7 else IMAGES
        block["images"] = [chance.choice(some) for _ in range(chance.choice((1, 1, 2)))]
    if chance.random() < 0.2:
        replica = {
            "name": chance.choice(("web", "store", "none")),
            "count": chance.choice((4, "5", 0, 2, 4, "x", "07", -1)),
        }
        block["replicas"] = [replica]
    if chance.random() < 0.2:
        block["patches"] = [
            chance.choice(PATCHES[:4] if chance.random() < 0.7 else PATCHES) for _ in range(chance.choice((1, 1, 2)))
        ]
    if chance.random() < 0.25:
        places = (
            "../components/one",
            "../components/two",
            "../components/three",
            "../components/missing",
            "../base",
            "../../../out",
        )
        block["components"] = chance.sample(places[:3] if chance.random() < 0.75 else places, chance.choice((1, 2, 3)))
    return block
