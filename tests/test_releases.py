"""`driftgate releases`: what helm is told delivers what Argo CD would render, and what it cannot be told is said."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from driftgate.assembly import assemble
from driftgate.cli import main
from driftgate.errors import UsageError
from driftgate.releases import Release, Releases, releases_of
from driftgate.render.commands import _by_template
from driftgate.render.jobs import HelmJob
from driftgate.render.output import parse_output
from driftgate.report.release_folder import write_releases
from driftgate.run import policies_of
from driftgate.settings import Settings
from tests.repositories import URL, application, assembly_of, chart, config_map, policy_of, write

ROOT = Path(__file__).resolve().parent.parent
CANARY = "canary-7c1f"
# Everything that a template may see of what the Application says.
SEEN = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: seen, namespace: "{{ .Release.Namespace }}"}
data:
  values: {{ .Values | toJson | quote }}
  release: "{{ .Release.Name }} in {{ .Release.Namespace }}"
"""
CHART = chart("charts/shop", {"seen.yaml": SEEN}, "a: 1\nb: {c: default, d: default}\nhosts: [{name: x}, {name: y}]\n")
CRD = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n"
    "spec: {group: example.com, names: {kind: Thing, plural: things}, scope: Namespaced, versions: []}\n"
)
SCHEMA = '{"type": "object", "properties": {"a": {"type": "string"}}}'


@dataclass(frozen=True)
class Tricky:
    """The end of an Application's source, and files besides the chart."""

    more: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    manifest: str = ""

    def tree(self, root: Path) -> Path:
        """Write the tree."""
        manifest = self.manifest or application("shop", "charts/shop", self.more)
        return write(root, {**CHART, "apps/shop.yaml": manifest, **self.files})


def parameters(*entries: tuple[str, str, bool]) -> str:
    """The `helm` block of a source with these parameters: name, value, forceString."""
    lines = [
        f"        - {json.dumps({'name': name, 'value': value, 'forceString': force}, ensure_ascii=False)}\n"
        for name, value, force in entries
    ]
    return "    helm:\n      parameters:\n" + "".join(lines)


MULTI = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop, namespace: argocd}}
spec:
  project: default
  destination: {{server: "https://kubernetes.default.svc", namespace: plate-stg}}
  sources:
    - repoURL: {URL}
      targetRevision: HEAD
      ref: mine
    - repoURL: {URL}
      targetRevision: HEAD
      path: charts/shop
      helm: {{valueFiles: [own.yaml, $mine/layers/shared.yaml]}}
"""
TRICKY = {
    "nothing": Tricky(""),
    "values files in order": Tricky(
        "    helm: {valueFiles: [b.yaml, a.yaml, /layers/c.yaml, ../../layers/d.yaml, gone.yaml],"
        " ignoreMissingValueFiles: true}\n",
        {
            "charts/shop/a.yaml": "b: {c: a}\nx: [1, 2]\n",
            "charts/shop/b.yaml": "b: {c: b, d: b}\nx: [3]\n",
            "layers/c.yaml": "y: yes\n한글: 값 # 주석\n",
            "layers/d.yaml": "---\nb: {d: null}\n---\n",
        },
    ),
    "bytes as they are": Tricky(
        "    helm: {valueFiles: [a.yaml]}\n",
        {"charts/shop/a.yaml": b"\xef\xbb\xbfb:\r\n  c: |\r\n    one\r\n    two\r\n"},
    ),
    "an empty values file": Tricky("    helm: {valueFiles: [a.yaml]}\n", {"charts/shop/a.yaml": "# nothing\n"}),
    "globs": Tricky(
        "    helm: {valueFiles: ['*-layer.yaml', 'deep/**/*.yaml', a-layer.yaml]}\n",
        {
            "charts/shop/a-layer.yaml": "b: {c: a}\n",
            "charts/shop/b-layer.yaml": "b: {c: b}\n",
            "charts/shop/deep/x/y.yaml": "b: {d: y}\n",
            "charts/shop/deep/z.yaml": "b: {d: z}\n",
        },
    ),
    "variables in the names of files": Tricky(
        "    helm: {valueFiles: ['$ARGOCD_APP_NAME.yaml', '${ARGOCD_APP_NAMESPACE}.yaml']}\n",
        {"charts/shop/shop.yaml": "b: {c: by-name}\n", "charts/shop/plate-stg.yaml": "b: {d: by-namespace}\n"},
    ),
    "valuesObject over values": Tricky(
        "    helm:\n      values: |\n        b: {c: text}\n        e: text\n"
        "      valuesObject: {b: {c: object}, n: null}\n"
    ),
    "an empty valuesObject over values": Tricky("    helm: {values: 'b: {c: text}', valuesObject: {}}\n"),
    "values as text": Tricky(
        "    helm:\n      values: |\n        # 주석\n        b:\n          c: &it 값\n          d: *it\n"
        "        e: 007\n        f: on\n"
    ),
    "values over a file": Tricky(
        "    helm: {valueFiles: [a.yaml], values: 'b: {c: text}'}\n", {"charts/shop/a.yaml": "b: {c: a, d: a}\n"}
    ),
    "parameters": Tricky(
        parameters(
            ("b.c", "plain", False),
            ("b.number", "42", False),
            ("b.float", "1.50", False),
            ("b.zero", "007", False),
            ("b.flag", "true", False),
            ("b.nothing", "null", False),
            ("b.empty", "", False),
            ("b.comma", "one,two", False),
            ("b.escaped", "one\\,two", False),
            ("b.list", "{one,2,three}", False),
            ("b.equals", "a=b", False),
            ("b.spaces", "  a  b ", False),
            ("b.quotes", "\"a\" 'b' `c` $(d) *", False),
            ("b.dotted\\.key", "dots", False),
            ("hosts[1].name", "second", False),
            ("hosts[2].name", "third", False),
            ("b.twice", "first", False),
            ("b.twice", "second", False),
            ("b.한글", "값 🙂", False),
            ("b.dollar", "$$x ${UNKNOWN}.", False),
            ("b.app", "$ARGOCD_APP_NAME in ${ARGOCD_APP_NAMESPACE} at $ARGOCD_APP_SOURCE_TARGET_REVISION", False),
            ("b.carriage", "a\rb", False),
        )
    ),
    "parameters that are strings": Tricky(
        parameters(
            ("a", "42", True),
            ("b.flag", "true", True),
            ("b.nothing", "null", True),
            ("b.comma", "one,two", True),
            ("b.c", "forced", True),
            ("b.c", "unforced", False),
        )
    ),
    "a null deletes a default": Tricky(parameters(("b.c", "null", False), ("hosts", "null", False))),
    "parameters of several lines": Tricky(
        parameters(("b.c", "one,\ntwo\n", False), ("b.d", "1\n2", True), ("b.e", "x", False), ("b.f", "\n", True))
    ),
    "parameters over everything": Tricky(
        "    helm:\n      valueFiles: [a.yaml]\n      valuesObject: {b: {c: object}}\n"
        "      parameters: [{name: b.c, value: parameter}]\n",
        {"charts/shop/a.yaml": "b: {c: a, d: a}\n"},
    ),
    "parameters from files": Tricky(
        "    helm:\n      parameters: [{name: b.d, value: x}]\n      fileParameters:\n"
        "        - {name: b.c, path: files/one.txt}\n        - {name: b.d, path: '/layers/odd, name.txt'}\n",
        {"charts/shop/files/one.txt": "one\ntwo, {three}\n", "layers/odd, name.txt": b"\xec\x95\x88\r\n= \\ "},
    ),
    "values from another source": Tricky(
        "", {"layers/shared.yaml": "b: {c: shared}\n", "charts/shop/own.yaml": "b: {c: own, d: own}\n"}, MULTI
    ),
    "another name and namespace": Tricky("    helm: {releaseName: other, namespace: elsewhere}\n"),
    "CRDs": Tricky("", {"charts/shop/crds/thing.yaml": CRD}),
    "CRDs left out": Tricky("    helm: {skipCrds: true}\n", {"charts/shop/crds/thing.yaml": CRD}),
    "a schema that is not looked at": Tricky(
        "    helm: {skipSchemaValidation: true}\n", {"charts/shop/values.schema.json": SCHEMA}
    ),
    "a dependency beside the chart": Tricky(
        "    helm: {values: 'base: {x: given}'}\n",
        {
            "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n"
            "- {name: base, version: 1.0.0, repository: 'file://../base'}\n",
            **chart("charts/base", {"seen.yaml": SEEN.replace("name: seen", "name: base")}, "x: default\n"),
        },
    ),
    "capabilities": Tricky(
        "",
        {
            "charts/shop/templates/version.yaml": config_map(
                "version", "is: {{ .Capabilities.KubeVersion.Version | quote }}"
            ),
            "policies/staging.yaml": "driftgate: 1\nenvironment: staging\ncluster: {kubernetesVersion: 1.31.4}\n",
        },
    ),
}  # fmt: skip


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def objects(texts: Mapping[str, str]) -> Counter[str]:
    """The objects of templates' outputs, each as JSON."""
    documents, faults = parse_output(sorted(texts.items()))
    assert faults == []
    return Counter(json.dumps(one.object, sort_keys=True) for one in documents)


def lines(path: Path) -> list[str]:
    """The lines of a file, as bash's mapfile reads them."""
    text = path.read_bytes().decode()
    assert text == "" or text.endswith("\n")
    return text.split("\n")[:-1]


def templated(helm: Path, folder: Path, job: HelmJob) -> Counter[str]:
    """What `helm template` makes of a release that was written; an upgrade would ask the cluster for the versions."""
    release, namespace, chart_ = (
        (folder / name).read_text().removesuffix("\n") for name in ("release", "namespace", "chart")
    )
    arguments = lines(folder / "arguments")
    crds = [] if "--skip-crds" in arguments else ["--include-crds"]
    versions = ["--kube-version", job.kube_version] if job.kube_version else []
    apis = [part for api in job.api_versions for part in ("--api-versions", api)]
    command: list[str | Path] = [
        helm,
        "template",
        release,
        chart_,
        "--namespace",
        namespace,
        *arguments,
        *crds,
        *versions,
        *apis,
    ]
    done = subprocess.run(
        command, cwd="/", capture_output=True, text=True, env={"PATH": os.defpath, "HOME": str(folder)}
    )
    assert done.returncode == 0, done.stderr
    return objects(_by_template(done.stdout))


def compared(root: Path, into: Path, helm: Path, *, urls: tuple[str, ...] = (URL,)) -> dict[str, tuple[int, bool]]:
    """Of each release: how many objects it has, and whether helm makes the same ones of what was written."""
    settings = Settings(cache=None, workers=1, helm=str(helm))
    found = {}
    (policy,) = policies_of(root, None)
    with assemble(root, policy, settings, urls) as assembly:
        releases = releases_of(assembly)
        assert releases.others == ()
        write_releases(releases, root, into)
        for folder, release in zip(lines(into / "order"), releases.releases, strict=True):
            ((_, draft),) = [(key, draft) for key, draft in assembly._drafts.items() if draft.job is release.job]
            rendered = Counter(json.dumps(document, sort_keys=True) for _, _, document in draft.documents)
            found[release.application] = (rendered.total(), templated(helm, into / folder, release.job) == rendered)
    return found


@pytest.mark.parametrize("name", TRICKY)
def test_helm_makes_the_same_objects_of_what_is_written(name: str, tmp_path: Path, helm: Path) -> None:
    """Given exactly the arguments of the folder, helm renders what driftgate renders for the Application."""
    root = TRICKY[name].tree(tmp_path / "tree")
    found = compared(root, tmp_path / "into", helm)
    assert list(found) == ["shop"]
    count, same = found["shop"]
    assert count >= 1
    assert same


def test_helm_makes_the_same_objects_of_our_environment(tmp_path: Path, helm: Path) -> None:
    """The staging environment, deployed by helm, is what Argo CD would deploy: five releases, nineteen objects."""
    assert compared(ROOT, tmp_path / "into", helm, urls=()) == {
        "openbao-secrets-manager-stg": (7, True),
        "plate-api-stg": (3, True),
        "plate-llm-stg": (4, True),
        "plate-web-stg": (3, True),
        "ingress-stg": (2, True),
    }


def test_a_difference_would_be_seen(tmp_path: Path, helm4: Path) -> None:
    """The comparison fails when an argument is lost."""
    root = TRICKY["parameters over everything"].tree(tmp_path / "tree")
    settings = Settings(cache=None, workers=1, helm=str(helm4))
    with assemble(root, policy_of(root), settings, (URL,)) as assembly:
        (release,) = releases_of(assembly).releases
        write_releases(releases_of(assembly), root, tmp_path / "into")
        folder = tmp_path / "into/01-shop"
        before = templated(helm4, folder, release.job)
        arguments = lines(folder / "arguments")
        assert arguments[-2:] == ["--set", "b.c=parameter"]
        (folder / "arguments").write_text("".join(f"{one}\n" for one in arguments[:-2]), encoding="utf-8")
        assert templated(helm4, folder, release.job) != before


def deployment(server: str = "https://kubernetes.default.svc", namespace: str = "plate-stg", more: str = "") -> str:
    """An Application of the chart for a destination; `more` stands in its spec, indented by two spaces."""
    text = application("shop", "charts/shop").replace("https://kubernetes.default.svc", server)
    return text.replace("namespace: plate-stg", f"namespace: '{namespace}'") + more


def told(root: Path, policy: str | None = None) -> Releases:
    """The releases of a tree."""
    with assembly_of(root, policy) as assembly:
        return releases_of(assembly)


BARE = config_map("bare")
REFUSED = {
    "kustomize": (
        Tricky("", manifest=application("shop", "k"), files={"k/kustomization.yaml": "resources: []\n"}),
        "its source is of type kustomize, not a Helm chart",
    ),
    "directory": (
        Tricky("", manifest=application("shop", "d"), files={"d/a.yaml": BARE}),
        "its source is of type directory, not a Helm chart",
    ),
    "plugin": (
        Tricky("    plugin: {name: x}\n"),
        "source-plugin: a config management plugin (apps/shop.yaml:15:5)",
    ),
    "two that render": (
        Tricky("",
               manifest=MULTI.replace("ref: mine", "path: charts/other").replace(", $mine/layers/shared.yaml", ""),
               files={**chart("charts/other", {"a.yaml": BARE}), "charts/shop/own.yaml": ""}),
        "has 2 sources that render, and a release has one chart",
    ),
    "a chart of a registry": (
        Tricky("", manifest=application("shop", "x", url="https://charts.example.com").replace("path: x", "chart: x")),
        "source-remote: chart x at HEAD is not in this tree (apps/shop.yaml:12:5)",
    ),
    "a chart that does not render": (
        Tricky("", {"charts/shop/templates/bad.yaml": 'x: {{ fail "no luck" }}\n'}),
        "render-failed: execution error at (shop/templates/bad.yaml:1:6): no luck (charts/shop/templates/bad.yaml:1:6)",
    ),
    "output that is no object": (
        Tricky("", {"charts/shop/templates/bad.yaml": "just: data\n"}),
        "output-not-object: a document without kind (charts/shop/templates/bad.yaml)",
    ),
    "hydrated": (
        Tricky("", manifest=deployment().partition("  source:")[0] + "  sourceHydrator:\n"
               f"    drySource: {{repoURL: '{URL}', path: charts/shop, targetRevision: HEAD}}\n"),
        "the dry source: Argo CD deploys what its hydrator has committed to the sync branch",
    ),
    "no destination": (
        Tricky("", manifest=deployment(server="")),
        "names no destination cluster",
    ),
    "no namespace": (
        Tricky("", manifest=deployment(namespace="")),
        ("its namespace '' is not at most 63 lower-case letters, digits and dashes, with a letter or a digit at both "
         "ends; helm keeps the release in it"),
    ),
    "a version of Kubernetes": (
        Tricky("    helm: {kubeVersion: 1.30.0}\n"),
        "sets helm.kubeVersion; `helm upgrade` asks the cluster instead",
    ),
    "API versions": (
        Tricky("    helm: {apiVersions: [a/v1]}\n"),
        "sets helm.apiVersions; `helm upgrade` asks the cluster instead",
    ),
    "the revision that is synced": (
        Tricky(parameters(("b.c", "at $ARGOCD_APP_REVISION", False))),
        "its values depend on the revision that is synced, which no variable holds before the sync",
    ),
    "objects in two namespaces": (
        Tricky("    helm: {namespace: elsewhere}\n", {"charts/shop/templates/bare.yaml": BARE}),
        "ConfigMap bare names no namespace: Argo CD applies it in plate-stg, helm in elsewhere",
    ),
    "Applications among other objects": (
        Tricky("", {"charts/shop/templates/child.yaml": application("child", "charts/other"),
                    **chart("charts/other", {"a.yaml": BARE})}),
        "renders Applications besides other objects, which nobody but Argo CD acts on",
    ),
    "values in two documents": (
        Tricky("    helm: {valueFiles: [a.yaml]}\n", {"charts/shop/a.yaml": "a: 1\n---\na: 2\n"}),
        "charts/shop/a.yaml has several YAML documents: Helm 3 reads the first, Helm 4 all",
    ),
    "lines in a list": (
        Tricky(parameters(("b.c", "{a,\nb}", False))),
        "parameter b.c has several lines, and a list or a backslash in them",
    ),
    "lines with a backslash": (
        Tricky(parameters(("b.c", "a\\\nb", False))),
        "parameter b.c has several lines, and a list or a backslash in them",
    ),
    "lines below another parameter": (
        Tricky(parameters(("b.c", "a\nb", False), ("b", "x", True))),
        "parameter b.c has several lines, and another parameter sets a part of it",
    ),
    "lines in a name": (
        Tricky(parameters(("b.c\nd", "a", False))),
        "the name of a parameter holds a line break or a control character",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_helm_cannot_deliver_is_told_with_the_reason(name: str, tmp_path: Path) -> None:
    """An Application that helm cannot be told about is no release, and the reason is said."""
    tricky, reason = REFUSED[name]
    releases = told(tricky.tree(tmp_path))
    found = {one.application: one.reason for one in releases.others}
    assert found["shop"] == reason
    assert "shop" not in {one.application for one in releases.releases}


def test_a_release_name_that_is_a_template_is_refused(tmp_path: Path, helm4: Path) -> None:
    """Argo CD lets `helm template` evaluate the name; an upgrade takes it as it is."""
    tree = Tricky("    helm: {releaseName: 'x-{{ 1 }}'}\n").tree(tmp_path)
    settings = Settings(cache=None, workers=1, helm=str(helm4), embedded_helm=False)
    with assembly_of(tree, settings=settings) as assembly:
        assert [one.reason for one in releases_of(assembly).others] == ["its release name is a template"]


def test_one_run_goes_to_one_cluster(tmp_path: Path) -> None:
    """The cluster of the first release counts, or the one that is named; what goes elsewhere is told."""
    files = {
        **CHART,
        "a.yaml": deployment().replace("name: shop", "name: a"),
        "b.yaml": deployment("https://b.example.com/").replace("name: shop", "name: b"),
    }
    with assembly_of(write(tmp_path, files)) as assembly:
        first, second = releases_of(assembly), releases_of(assembly, "https://b.example.com")
        assert releases_of(assembly, "in-cluster") == first
        with pytest.raises(
            UsageError, match=r"no release goes to c; there is https://kubernetes\.default\.svc, https://b"
        ):
            releases_of(assembly, "c")
    assert ([one.application for one in first.releases], first.cluster) == (["a"], "https://kubernetes.default.svc")
    assert [(one.application, one.reason) for one in first.others] == [
        ("b", "goes to another cluster, https://b.example.com")
    ]
    assert ([one.application for one in second.releases], second.cluster) == (["b"], "https://b.example.com")


def test_two_applications_never_share_a_release(tmp_path: Path) -> None:
    """Where two Applications have one release name in one namespace, helm would let each undo the other."""
    more = "    helm: {releaseName: same}\n"
    files = {**CHART, "a.yaml": application("a", "charts/shop", more), "b.yaml": application("b", "charts/shop", more)}
    assert [(one.application, one.reason) for one in told(write(tmp_path, files)).others] == [
        ("a", "shares release same of namespace plate-stg with another Application"),
        ("b", "shares release same of namespace plate-stg with another Application"),
    ]


WAVE = '  annotations: {{argocd.argoproj.io/sync-wave: "{}"}}\n'
PARENTS = {
    **CHART,
    "root.yaml": application("root", "children"),
    "children/nested.yaml": application("nested", "grandchildren", metadata=WAVE.format(-1)),
    "children/late.yaml": application("late", "charts/shop", metadata=WAVE.format(7)),
    "children/early.yaml": application("early", "charts/shop"),
    "grandchildren/first.yaml": application("first", "charts/shop"),
    "stray.yaml": application("stray", "charts/shop"),
}  # fmt: skip


def test_parents_are_told_and_releases_come_in_the_order_of_deployment(tmp_path: Path) -> None:
    """Parents are no releases, only the topmost is applied by hand, and what no root leads to is not deployed."""
    releases = told(write(tmp_path, PARENTS), "roots: [root]\n")
    assert [(one.application, one.manifest, one.root) for one in releases.parents] == [
        ("root", "root.yaml", True),
        ("nested", "children/nested.yaml", False),
    ]
    assert [(one.application, one.wave) for one in releases.releases] == [("first", 0), ("early", 0), ("late", 7)]
    assert [(one.application, one.reason) for one in releases.others] == [
        ("stray", "no root of the policy leads to it, so Argo CD would not deploy it")
    ]


@pytest.mark.parametrize(
    ("policy", "limit", "waits", "remarks"),
    [
        ("", 0, (), ()),
        ("    automated: {}\n", 5, (10.0, 20.0, 40.0, 80.0, 160.0), ()),
        ("    automated: {}\n    retry: {}\n", 0, (), ()),
        ("    retry: {limit: 3, backoff: {duration: 1s, factor: 3, maxDuration: 20s}}\n", 3, (3.0, 9.0, 20.0), ()),
        ("    retry: {limit: -1, backoff: {duration: '1', maxDuration: 2s}}\n", -1, (2.0,) * 100, ()),
        (
            "    retry: {limit: 3, backoff: {duration: soon}}\n", 0, (),
            ("the backoff of its retries cannot be read, so Argo CD would not retry, and neither is it done here",),
        ),
    ],
)  # fmt: skip
def test_retries_are_those_of_the_application(
    tmp_path: Path, policy: str, limit: int, waits: tuple[float, ...], remarks: tuple[str, ...]
) -> None:
    """Limit and waits are what Argo CD makes of the Application's own block, or of its absence."""
    more = f"  syncPolicy:\n    syncOptions: [CreateNamespace=true]\n{policy}"
    (release,) = told(write(tmp_path, {**CHART, "a.yaml": deployment(more=more)})).releases
    assert (release.limit, release.waits, release.remarks, release.create_namespace) == (limit, waits, remarks, True)


def test_what_helm_does_otherwise_is_remarked(tmp_path: Path) -> None:
    """CRDs that helm leaves alone later, and Argo CD's hooks and waves, which helm does not read."""
    hook = BARE.replace("metadata:\n", "metadata:\n  annotations: {argocd.argoproj.io/hook: PreSync}\n")
    test = BARE.replace("ConfigMap", "Pod").replace("metadata:\n", "metadata:\n  annotations: {helm.sh/hook: test}\n")
    files = {"crds/thing.yaml": CRD, "templates/hook.yaml": hook, "templates/test.yaml": test}
    tree = Tricky("", {f"charts/shop/{name}": text for name, text in files.items()}).tree(tmp_path)
    (release,) = told(tree).releases
    assert release.remarks == (
        "helm installs what is in crds/ with the first revision and leaves it alone afterwards",
        "helm does not read the hooks and waves of Argo CD on its objects: it applies all at once",
    )
    assert release.kinds == (("", "ConfigMap"), ("apiextensions.k8s.io", "CustomResourceDefinition"))


def shown(tree: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, output and what stood on standard error."""
    code = main(["releases", "--no-cache", "--repository-url", URL, str(tree), *arguments])
    out, err = capsys.readouterr()
    return code, out, err


SHOP = Tricky(
    "    helm:\n      releaseName: till\n      valueFiles: [a.yaml]\n      values: 'b: {c: " + CANARY + "}'\n"
    "      skipCrds: true\n      skipSchemaValidation: true\n      parameters:\n"
    "        - {name: b.token, value: " + CANARY + "}\n"
    "        - {name: b.text, value: '" + CANARY + "', forceString: true}\n"
    "      fileParameters: [{name: b.file, path: a.txt}]\n",
    {"charts/shop/a.yaml": f"password: {CANARY}\n", "charts/shop/a.txt": f"{CANARY}\n",
     "k.yaml": application("over", "k"), "k/kustomization.yaml": "resources: []\n"},
)  # fmt: skip


def test_a_person_is_told_everything_but_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Release, chart, layers, names of parameters, flags and retries stand in the text; no value does."""
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = shown(SHOP.tree(tmp_path), capsys=capsys)
    assert (code, err) == (6, "")
    assert out == (
        "environment default\n"
        "cluster https://kubernetes.default.svc\n"
        "\n"
        "1  shop\n"
        "   release   till in namespace plate-stg\n"
        "   chart     charts/shop at HEAD\n"
        "   values    charts/shop/a.yaml, values of apps/shop.yaml\n"
        "   set       b.token, b.text (string), b.file (file)\n"
        "   flags     --skip-crds --skip-schema-validation\n"
        "   wave      0\n"
        "   retries   none\n"
        "\n"
        "not delivered by helm\n"
        "  over\n"
        "    its source is of type kustomize, not a Helm chart\n"
    )


def test_json_tells_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON form holds what the text holds, and no value either."""
    tree = SHOP.tree(tmp_path)
    write(tree, {"policies/p.yaml": "driftgate: 1\nenvironment: p\ncluster: {destinations: "
                 "[{server: 'https://kubernetes.default.svc', uid: u, context: stage}]}\n"})  # fmt: skip
    code, out, err = shown(tree, "--format", "json", capsys=capsys)
    assert (code, err) == (6, "")
    assert CANARY not in out
    assert json.loads(out) == {
        "environments": [
            {
                "environment": "p",
                "cluster": "https://kubernetes.default.svc",
                "releases": [
                    {
                        "application": "shop",
                        "applicationNamespace": "argocd",
                        "release": "till",
                        "namespace": "plate-stg",
                        "createNamespace": False,
                        "cluster": "https://kubernetes.default.svc",
                        "context": "stage",
                        "chart": "charts/shop",
                        "repository": URL,
                        "revision": "HEAD",
                        "values": ["charts/shop/a.yaml", "values of apps/shop.yaml"],
                        "parameters": [
                            {"flag": "--set", "name": "b.token"},
                            {"flag": "--set-string", "name": "b.text"},
                            {"flag": "--set-file", "name": "b.file"},
                        ],
                        "flags": ["--skip-crds", "--skip-schema-validation"],
                        "wave": 0,
                        "retry": {"limit": 0, "waits": []},
                        "kinds": [{"group": "", "kind": "ConfigMap"}],
                        "remarks": [],
                    }
                ],
                "parents": [],
                "notReleases": [{"application": "over", "reason": "its source is of type kustomize, not a Helm chart"}],
            }
        ]
    }


def test_the_folder_says_all_that_a_script_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One small file per fact, in a folder that nobody else can read, with copies of everything that helm is given."""
    tree, into = SHOP.tree(tmp_path / "tree"), tmp_path / "into"
    write(tree, {"root.yaml": application("all", "apps")})
    assert shown(tree, "--into", str(into), capsys=capsys)[0] == 6
    shop = into / "01-shop"
    files = [path for path in into.rglob("*") if path.is_file()]
    assert {path.relative_to(into).as_posix(): path.read_text(encoding="utf-8") for path in files} == {
        "order": "01-shop\n",
        "roots": "root-01-all\n",
        "not-releases": "over\tits source is of type kustomize, not a Helm chart\n",
        "root-01-all/application": "all\n",
        "root-01-all/application-namespace": "argocd\n",
        "root-01-all/manifest": f"{tree}/root.yaml\n",
        "root-01-all/repository": f"{URL}\n",
        "root-01-all/revision": "HEAD\n",
        "01-shop/application": "shop\n",
        "01-shop/application-namespace": "argocd\n",
        "01-shop/repository": f"{URL}\n",
        "01-shop/revision": "HEAD\n",
        "01-shop/context": "\n",
        "01-shop/release": "till\n",
        "01-shop/namespace": "plate-stg\n",
        "01-shop/create-namespace": "false\n",
        "01-shop/chart": f"{tree}/charts/shop\n",
        "01-shop/wave": "0\n",
        "01-shop/waits": "",
        "01-shop/kinds": "ConfigMap\n",
        "01-shop/arguments": f"--values\n{shop}/values-0.yaml\n--values\n{shop}/values-1.yaml\n"
        f"--set\nb.token={CANARY}\n--set-string\nb.text={CANARY}\n--set-file\nb.file={shop}/parameter-2\n"
        "--skip-crds\n--skip-schema-validation\n",
        "01-shop/values-0.yaml": f"password: {CANARY}\n",
        "01-shop/values-1.yaml": f"b: {{c: {CANARY}}}",
        "01-shop/parameter-2": f"{CANARY}\n",
    }  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in (into, shop)} == {0o700}


def test_helm_lint_takes_the_arguments_too(tmp_path: Path, helm: Path) -> None:
    """Everything but --skip-crds, which lint does not know, is an argument of `helm lint` as well."""
    tree, into = SHOP.tree(tmp_path / "tree"), tmp_path / "into"
    with assembly_of(tree) as assembly:
        write_releases(releases_of(assembly), tree, into)
    arguments = lines(into / "01-shop/arguments")
    arguments.remove("--skip-crds")
    command: list[str | Path] = [helm, "lint", tree / "charts/shop", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.defpath, "HOME": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_waits_are_numbers_that_sleep_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One a line, without exponents and without zeros that say nothing."""
    policy = "    retry: {limit: 4, backoff: {duration: 250ms, factor: 1000, maxDuration: 300000h}}\n"
    files = {**CHART, "a.yaml": deployment(more=f"  syncPolicy:\n{policy}")}
    assert shown(write(tmp_path / "tree", files), "--into", str(tmp_path / "into"), capsys=capsys)[0] == 0
    assert lines(tmp_path / "into/01-shop/waits") == ["250", "250000", "250000000", "1080000000"]


def test_a_chart_that_is_not_in_the_tree_is_copied(tmp_path: Path) -> None:
    """What a tag pins is gone once driftgate has ended, so the script is given a copy."""
    tree = write(tmp_path / "tree", {**CHART, "a.yaml": application("shop", "charts/shop")})
    git = ("git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@example.com")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "x"), ("tag", "v1.0.0")):
        subprocess.run([*git, *arguments], check=True)
    write(tree, {"a.yaml": application("shop", "charts/shop").replace("HEAD", "v1.0.0"),
                 "charts/shop/templates/seen.yaml": BARE})  # fmt: skip
    with assembly_of(tree) as assembly:
        releases = releases_of(assembly)
        write_releases(releases, tree, tmp_path / "into")
    folder = tmp_path / "into/01-shop"
    assert lines(folder / "chart") == [f"{folder}/chart-copy"]
    assert (folder / "chart-copy/templates/seen.yaml").read_text(encoding="utf-8") == SEEN
    assert [one.chart for one in releases.releases] == ["charts/shop"]


def test_some_applications_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are named are told, in the order of deployment; for an unknown name nothing is written."""
    tree, into = write(tmp_path / "tree", PARENTS), tmp_path / "into"
    names = ("--application", "late", "--application", "first")
    assert shown(tree, *names, "--into", str(into), capsys=capsys)[0] == 0
    assert (lines(into / "order"), lines(into / "roots")) == (["01-first", "02-late"], ["root-01-root"])
    code, out, err = shown(tree, "--application", "lat", "--into", str(tmp_path / "other"), capsys=capsys)
    assert (code, out, err) == (4, "", "driftgate: no Application is called lat; did you mean late\n")
    assert not (tmp_path / "other").exists()
    assert shown(tree, "--application", "root", capsys=capsys)[0] == 5


def test_nothing_to_deliver_ends_with_five(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tree without Applications is no success."""
    assert shown(write(tmp_path, {"a.yaml": "a: 1\n"}), capsys=capsys)[:2] == (5, "environment default\n")


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written never mixes with what is there, goes through no link, and helm can read its path."""
    tree = write(tmp_path / "tree", {**CHART, "a.yaml": application("shop", "charts/shop")})
    (tmp_path / "full").mkdir()
    (tmp_path / "full/it").touch()
    (tmp_path / "empty").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to("empty")
    for name, reason in {
        "full": "the folder is not empty",
        "full/it": "File exists",
        "link": "File exists",
        "missing/below": "No such file or directory",
        "a,b": "helm reads no path with a comma, a quote, a percent sign or a line break",
    }.items():
        code, out, err = shown(tree, "--into", str(tmp_path / name), capsys=capsys)
        assert (code, out, err) == (4, "", f"driftgate: --into {tmp_path / name}: {reason}\n")
    assert shown(tree, "--into", str(tmp_path / "empty"), capsys=capsys)[0] == 0
    assert stat.S_IMODE((tmp_path / "empty").stat().st_mode) == 0o700


def test_a_folder_is_of_one_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several environments are shown one after the other, and written one by one."""
    policies = {f"policies/{name}.yaml": f"driftgate: 1\nenvironment: {name}\n" for name in ("one", "two")}
    tree = write(tmp_path / "tree", {**CHART, **policies, "a.yaml": application("shop", "charts/shop")})
    code, out, _ = shown(tree, capsys=capsys)
    assert (code, [line for line in out.splitlines() if line.startswith("environment")]) == (
        0, ["environment one", "environment two"]
    )  # fmt: skip
    code, out, err = shown(tree, "--into", str(tmp_path / "into"), capsys=capsys)
    assert (code, out) == (4, "")
    assert err == "driftgate: --into is for one environment: name it by --environment (one, two)\n"
    assert shown(tree, "--into", str(tmp_path / "into"), "--environment", "two", capsys=capsys)[0] == 0


def test_no_representation_holds_a_value(tmp_path: Path) -> None:
    """What ends up in a traceback names parameters and files only."""
    releases = told(SHOP.tree(tmp_path))
    assert isinstance(releases.releases[0], Release)
    assert CANARY not in repr(releases)
    assert CANARY not in repr(releases.releases[0].job)
