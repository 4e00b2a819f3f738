"""Assembly: from a tree to one model of an environment, with an honest reason for everything that is not in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from driftgate.assembly import load
from driftgate.model.environment import Environment, Reach, RenderStatus
from tests.repositories import URL, application, assembly_of, chart, config_map, judged, write

OTHER = "https://git.example.com/other/repository.git"


def loaded(root: Path, policy: str | None = None, *, urls: tuple[str, ...] = (URL,)) -> Environment:
    """The environment that a tree yields."""
    with assembly_of(root, policy, urls=urls) as assembly:
        return assembly.environment


def overview(environment: Environment) -> dict[str, tuple[Reach, tuple[str, ...], list[str]]]:
    """For each Application how it is reached, by whom it is rendered, and the objects that it renders."""
    return {
        one.label: (one.reach, one.parents, [manifest.object_id for manifest in one.manifests])
        for one in environment.applications
    }


def problems(environment: Environment) -> dict[str, list[tuple[str, str, str, str]]]:
    """For each Application the kind, fault, place and finding of everything that kept it from being rendered."""
    return {
        one.label: [(p.kind.value, p.fault, str(p.place), p.found) for render in one.renders for p in render.problems]
        for one in environment.applications
    }


def test_an_app_of_apps_is_unfolded(tmp_path: Path) -> None:
    """Children of a folder are the manifests that stand there; each knows its parent, and nothing is judged twice."""
    root = write(
        tmp_path,
        {
            "root.yaml": application("root", "apps"),
            "apps/web.yaml": application("web", "web"),
            "apps/api.yaml": application("api", "api"),
            "web/cm.yaml": config_map("web"),
            "api/cm.yaml": config_map("api"),
            "alone.yaml": application("alone", "web"),
        },
    )
    environment = loaded(root)
    assert overview(environment) == {
        "alone": (Reach.STANDALONE, (), ["ConfigMap/plate-stg/web"]),
        "api": (Reach.CHILD, ("root",), ["ConfigMap/plate-stg/api"]),
        "root": (
            Reach.ROOT, (), ["argoproj.io/Application/argocd/api", "argoproj.io/Application/argocd/web"],
        ),
        "web": (Reach.CHILD, ("root",), ["ConfigMap/plate-stg/web"]),
    }  # fmt: skip
    assert all(one.complete for one in environment.applications)


def test_an_application_that_no_declared_root_reaches_is_told_apart(tmp_path: Path) -> None:
    """With roots in policy, what none of them reaches is unreached, and so is what only an unreached one renders."""
    files = {
        "root.yaml": application("root", "apps"),
        "apps/web.yaml": application("web", "web"),
        "old.yaml": application("old-root", "old"),
        "old/left.yaml": application("left", "web"),
        "web/cm.yaml": config_map("web"),
    }
    environment = loaded(write(tmp_path, files), "roots: [root]\n")
    assert {one.label: one.reach for one in environment.applications} == {
        "root": Reach.ROOT, "web": Reach.CHILD, "old-root": Reach.UNREACHED, "left": Reach.UNREACHED,
    }  # fmt: skip
    undeclared = loaded(tmp_path)
    assert {one.label: one.reach for one in undeclared.applications if one.reach is Reach.ROOT} == {
        "root": Reach.ROOT, "old-root": Reach.ROOT,
    }  # fmt: skip


def test_an_app_of_apps_that_renders_itself_ends(tmp_path: Path) -> None:
    """A root that manages itself is its own child and still a root, and unfolding it comes to an end."""
    root = write(
        tmp_path,
        {"apps/root.yaml": application("root", "apps"), "apps/web.yaml": application("web", "web"),
         "web/cm.yaml": config_map("web")},
    )  # fmt: skip
    environment = loaded(root)
    assert {one.label: (one.reach, one.parents) for one in environment.applications} == {
        "root": (Reach.ROOT, ("root",)),
        "web": (Reach.CHILD, ("root",)),
    }


CHILD = """\
{{- range .Values.apps }}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: {{ . }}-{{ $.Values.env }}, namespace: argocd}
spec:
  project: default
  destination: {name: in-cluster, namespace: {{ . }}}
  source: {repoURL: https://git.example.com/platform/deployments.git, path: {{ . }}}
{{- end }}
"""


def test_a_chart_may_render_the_children(tmp_path: Path) -> None:
    """Applications that a chart renders are judged like any other, in the namespaces that they name."""
    root = write(
        tmp_path,
        {
            "root.yaml": application("root", "apps", "    helm: {valuesObject: {env: stg}}\n"),
            **chart("apps", {"apps.yaml": CHILD}, "apps: [web, api]\n"),
            "web/cm.yaml": config_map("web"),
        },
    )
    environment = loaded(root)
    assert overview(environment) == {
        "api-stg": (Reach.CHILD, ("root",), []),
        "root": (Reach.ROOT, (), ["argoproj.io/Application/argocd/web-stg", "argoproj.io/Application/argocd/api-stg"]),
        "web-stg": (Reach.CHILD, ("root",), ["ConfigMap/web/web"]),
    }
    web = environment.find("web-stg")
    assert web is not None
    assert (str(web.application.place), web.application.origin) == ("apps/templates/apps.yaml", "root")
    assert problems(environment)["api-stg"] == [
        ("broken", "source-path-missing", "apps/templates/apps.yaml", "api does not exist")
    ]


ENDLESS = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: {{ .Release.Name }}x, namespace: argocd}
spec:
  project: default
  destination: {name: in-cluster, namespace: a}
  source: {repoURL: https://git.example.com/platform/deployments.git, path: again}
"""


def test_applications_that_render_ever_new_ones_are_stopped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chart whose child renders the same chart under a new name is followed to a bound, and the bound is told."""
    monkeypatch.setattr(load, "MAX_ROUNDS", 3)
    root = write(tmp_path, {"root.yaml": application("a", "again"), **chart("again", {"a.yaml": ENDLESS})})
    environment = loaded(root)
    assert problems(environment) == {
        "a": [],
        "ax": [],
        "axx": [],
        "axxx": [
            ("limit", "render-limit-exceeded", "again/templates/a.yaml", "rendered by 3 Applications inside each other")
        ],
    }
    assert environment.applications[-1].renders[0].status is RenderStatus.COULD_NOT


def test_applications_of_one_name_keep_apart(tmp_path: Path) -> None:
    """Two Applications of one name are both judged, told apart by their files, and a third by a number."""
    text = application("web", "web")
    root = write(tmp_path, {"a.yaml": text, "b.yaml": f"{text}---\n{text}", "web/cm.yaml": config_map("web")})
    labels = [one.label for one in loaded(root).applications]
    assert labels == ["web (a.yaml)", "web (b.yaml)", "web (b.yaml) #2"]


def test_an_application_without_a_name_is_still_judged(tmp_path: Path) -> None:
    """A manifest without metadata.name has a label with its file, so that its findings can be found."""
    root = write(tmp_path, {"a.yaml": application('""', "web"), "web/cm.yaml": config_map("web")})
    assert [one.label for one in loaded(root).applications] == ["(unnamed) (a.yaml)"]


SOURCES = {
    "missing": (application("a", "wbe"), ("broken", "source-path-missing", "a.yaml:13:5", "wbe does not exist")),
    "file": (application("a", "web/cm.yaml"),
             ("broken", "source-path-missing", "a.yaml:13:5", "web/cm.yaml is a file")),
    "absolute": (application("a", "/web"), ("broken", "source-path-missing", "a.yaml:13:5", "/web")),
    "outside": (application("a", "web/../../x"), ("broken", "path-leaves-repository", "a.yaml:13:5", "web/../../x")),
    "no path": (application("a", '""'),
                ("broken", "source-incomplete", "a.yaml:13:5", "neither path, chart nor ref")),
    "no repository": (application("a", "web", url='""'),
                      ("broken", "source-incomplete", "a.yaml:12:5", "no repoURL")),
    "placeholder": (application("a", "web", url="<REPO_URL>"),
                    ("placeholder", "source-placeholder", "a.yaml:12:5", "<REPO_URL>")),
    "template": (application("a", "'{{ .path }}'"),
                 ("placeholder", "source-placeholder", "a.yaml:13:5", "{{ .path }}")),
    "elsewhere": (application("a", "web", url=OTHER),
                  ("remote", "source-remote", "a.yaml:12:5", f"repository {OTHER} at HEAD is not in this tree")),
    "credentials": (application("a", "web", url="https://user:hunter2@git.example.com/other.git"),
                    ("remote", "source-remote", "a.yaml:12:5",
                     "repository https://git.example.com/other.git at HEAD is not in this tree")),
    "chart": (application("a", '""', "    chart: redis\n", url="https://charts.example.com").replace("HEAD", "1.2.3"),
              ("remote", "source-remote", "a.yaml:12:5", "chart redis at 1.2.3 is not in this tree")),
    "version": (application("a", "web").replace("HEAD", "v1.2.3"),
                ("pinned", "source-pinned", "a.yaml:14:5", "targetRevision v1.2.3 is not in this clone")),
    "two types": (application("a", "web", "    helm: {releaseName: a}\n    directory: {recurse: true}\n"),
                  ("broken", "source-type-ambiguous", "a.yaml:16:5", "helm and directory")),
    "plugin": (application("a", "web", "    plugin: {name: x}\n"),
               ("unsupported", "source-plugin", "a.yaml:15:5", "a config management plugin")),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), list(SOURCES.values()), ids=list(SOURCES))
def test_a_source_that_is_not_to_be_had_says_why(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    """What is broken, elsewhere, pinned, a placeholder or not supported is told apart, at the field that says so."""
    root = write(tmp_path, {"a.yaml": text, "web/cm.yaml": config_map("web")})
    environment = loaded(root)
    assert problems(environment) == {"a": [expected]}
    (one,) = environment.applications
    assert (one.complete, one.manifests) == (False, ())


@pytest.mark.parametrize(
    "url",
    ["git@git.example.com:platform/deployments.git", f"{URL}/", URL.removesuffix(".git"), URL.upper()],
)
def test_the_repository_is_recognised_however_its_url_is_written(tmp_path: Path, url: str) -> None:
    """SSH, a trailing slash, a missing suffix and letter case name the same repository, as they do for Argo CD."""
    root = write(tmp_path, {"a.yaml": application("a", "web", url=url), "web/cm.yaml": config_map("web")})
    assert problems(loaded(root)) == {"a": []}


def test_policy_and_remotes_name_the_repository_and_else_it_is_assumed(tmp_path: Path) -> None:
    """Without any URL a source whose path is here counts as ours, and that assumption is told."""
    root = write(tmp_path, {"a.yaml": application("a", "web", url=OTHER), "web/cm.yaml": config_map("web")})
    (assumed,) = loaded(root, urls=()).applications
    assert assumed.renders[0].assumptions
    (by_policy,) = loaded(root, f"repository: {{urls: ['{OTHER}']}}\n", urls=()).applications
    assert (by_policy.complete, by_policy.renders[0].assumptions) == (True, ())
    git(root, "init", "-q")
    git(root, "remote", "add", "origin", OTHER)
    (by_remote,) = loaded(root, urls=()).applications
    assert (by_remote.complete, by_remote.renders[0].assumptions) == (True, ())
    git(root, "remote", "set-url", "origin", URL)
    (elsewhere,) = loaded(root, urls=()).applications
    assert [problem.fault for problem in elsewhere.renders[0].problems] == ["source-remote"]


def git(root: Path, *arguments: str) -> None:
    """Run git in a tree with an identity of its own."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def test_a_tag_is_read_from_git_and_a_branch_from_the_work_tree(tmp_path: Path) -> None:
    """An Application at a tag is judged with the files of that tag, one at HEAD or a branch with those on disk."""
    root = write(tmp_path, {"web/cm.yaml": config_map("then")})
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "then")
    git(root, "tag", "v1.0.0")
    names = {"tag": "v1.0.0", "main": "main", "head": "HEAD", "gone": "v9.9.9"}
    write(root, {"web/cm.yaml": config_map("now")} | {
        f"{name}.yaml": application(name, "web").replace("HEAD", revision) for name, revision in names.items()
    })  # fmt: skip
    environment = loaded(root)
    assert {one.label: [m.name for m in one.manifests] for one in environment.applications} == {
        "gone": [], "head": ["now"], "main": ["now"], "tag": ["then"],
    }  # fmt: skip
    tagged = environment.find("tag")
    assert tagged is not None
    assert str(tagged.manifests[0].place_of("metadata", "name")) == "v1.0.0:web/cm.yaml:4:3"


def test_the_sources_of_an_application_add_up(tmp_path: Path) -> None:
    """Objects of all sources count, a source with only a ref renders nothing and lends its files."""
    text = application("web", "x").partition("  source:")[0] + f"""\
  sources:
    - {{repoURL: {URL}, path: one, targetRevision: HEAD}}
    - {{repoURL: {URL}, ref: values, targetRevision: HEAD}}
    - {{repoURL: {URL}, path: chart, targetRevision: HEAD, helm: {{valueFiles: [$values/env/web.yaml]}}}}
"""  # fmt: skip
    template = config_map("two").replace("a: b", "a: {{ .Values.a }}")
    root = write(
        tmp_path,
        {"web.yaml": text, "one/cm.yaml": config_map("one"), "env/web.yaml": "a: lent\n",
         **chart("chart", {"cm.yaml": template}, "a: own\n")},
    )  # fmt: skip
    with assembly_of(root) as assembly:
        environment = assembly.environment
        (one,) = environment.applications
        origin = environment.origin(one.manifests[1], ("data", "a"), None)
    assert [(m.name, m.source_index, m.object["data"]) for m in one.manifests] == [
        ("one", 0, {"a": "b"}),
        ("two", 2, {"a": "lent"}),
    ]
    assert environment.values_files == ("chart/values.yaml", "env/web.yaml")
    assert str(origin) == "env/web.yaml:1:1"


def test_objects_go_where_argo_cd_puts_them(tmp_path: Path) -> None:
    """The destination namespace fills in for namespaced and unknown kinds; cluster-scoped kinds have none."""
    crd = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Widget, plural: widgets}}
"""
    objects = [
        ("v1", "ConfigMap", ""), ("v1", "ConfigMap", "other"), ("v1", "Namespace", "x"),
        ("example.com/v1", "Widget", ""), ("example.com/v1", "Gadget", ""), ("example.com/v1", "Fence", ""),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", ""),
    ]  # fmt: skip
    documents = "".join(
        f"---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: a, namespace: '{namespace}'}}\n"
        for version, kind, namespace in objects
    )
    root = write(tmp_path, {"a.yaml": application("a", "web"), "web/all.yaml": crd + documents})
    (one,) = loaded(root, "cluster: {clusterScopedKinds: [example.com/Fence]}\n").applications
    assert [manifest.object_id for manifest in one.manifests] == [
        "apiextensions.k8s.io/CustomResourceDefinition/widgets.example.com",
        "ConfigMap/plate-stg/a",
        "ConfigMap/other/a",
        "Namespace/a",
        "example.com/Widget/a",
        "example.com/Gadget/plate-stg/a",
        "example.com/Fence/a",
        "rbac.authorization.k8s.io/ClusterRole/a",
    ]


def test_a_directory_over_the_repo_servers_bound_fails(tmp_path: Path) -> None:
    """A directory source fails past the bound that policy names, at its path, and passes exactly at it."""
    text = config_map("web")
    root = write(tmp_path, {"a.yaml": application("a", "web"), "web/a.yaml": text, "web/b.yaml": text})
    told = {}
    for bound in (2 * len(text), 2 * len(text) - 1):
        told[bound] = problems(loaded(root, f"argocd: {{directoryBytes: {bound}}}\n"))["a"]
    size = 2 * len(text)
    found = f"web holds {size} bytes of manifests"
    assert told == {size: [], size - 1: [("broken", "directory-too-large", "a.yaml:13:5", found)]}


def test_every_chart_is_known_with_its_users(tmp_path: Path) -> None:
    """Charts in use name their Applications, unused ones are rendered by themselves, libraries are left alone."""
    root = write(
        tmp_path,
        {
            "a.yaml": application("a", "charts/used"),
            **chart("charts/used", {"cm.yaml": config_map("x")}),
            "charts/used/values-old.yaml": "a: 1\n",
            **chart("charts/spare", {"cm.yaml": config_map("{{ .Release.Name }}")}),
            **chart("charts/broken", {"cm.yaml": '{{ fail "no" }}'}),
            "charts/lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
        },
    )  # fmt: skip
    environment = loaded(root)
    assert [(c.path, c.library, c.used_by, c.render.status if c.render else None) for c in environment.charts] == [
        ("charts/broken", False, (), RenderStatus.FAILED),
        ("charts/lib", True, (), None),
        ("charts/spare", False, (), RenderStatus.RENDERED),
        ("charts/used", False, ("a",), None),
    ]
    spare = environment.charts[2].render
    assert spare is not None
    assert [manifest.name for manifest in spare.manifests] == ["spare"]
    assert environment.unlisted_values_files == (("charts/used/values-old.yaml", "charts/used"),)


def test_application_sets_are_named_and_never_expanded(tmp_path: Path) -> None:
    """An ApplicationSet is known by name and place, wherever it comes from, and breaks nothing that refers to it."""
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: previews}\nspec: {generators: []}\n"
    )
    root = write(tmp_path, {"a.yaml": application("a", "sets"), "sets/previews.yaml": text})
    environment = loaded(root)
    assert [(name, str(place)) for name, place in environment.application_sets] == [
        ("previews", "sets/previews.yaml:3:12")
    ]
    assert [one.label for one in environment.applications] == ["a"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "cm.yaml"),
        ("kind: Secret\n", "no ConfigMap in it"),
        ("kind: [\n", "while parsing a flow node did not find expected node content"),
        ("kind: ConfigMap\n", "no ConfigMap in it"),
    ],
    ids=["missing", "another kind", "not YAML", "without data"],
)
def test_an_argocd_cm_that_policy_names_must_be_there(tmp_path: Path, text: str | None, found: str) -> None:
    """A path in policy that holds no argocd-cm is told at the policy's own line, and the rest is judged."""
    root = write(tmp_path, {"a.yaml": application("a", "web"), "web/cm.yaml": config_map("web")})
    if text is not None:
        write(root, {"cm.yaml": text})
    environment = loaded(root, "argocd: {config: cm.yaml}\n")
    assert [(p.fault, str(p.place), p.found) for p in environment.problems] == [
        ("policy-entry-unmatched", "policies/staging.yaml:3:10", found)
    ]
    assert [one.complete for one in environment.applications] == [True]


def test_an_argocd_cm_is_read_with_places(tmp_path: Path) -> None:
    """The settings of argocd-cm are known as written."""
    root = write(tmp_path, {"a.yaml": application("a", "web"), "web/cm.yaml": config_map("web"),
                            "cm.yaml": config_map("argocd-cm", "application.instanceLabelKey: x")})  # fmt: skip
    config = loaded(root, "argocd: {config: cm.yaml}\n").argocd_config
    assert {key: (node.text, str(node.place)) for key, node in config.items()} == {
        "application.instanceLabelKey": ("x", "cm.yaml:6:33")
    }


def test_a_broken_application_hides_no_other(tmp_path: Path) -> None:
    """Each Application that cannot be rendered is told, and every other one is rendered and counted as judged."""
    files = {"fine.yaml": application("fine", "web"), "web/cm.yaml": config_map("web")}
    files |= {f"{name.replace(' ', '-')}.yaml": text.replace("name: a\n", f"name: {name.replace(' ', '-')}\n")
              for name, (text, _) in SOURCES.items()}  # fmt: skip
    judgement = judged(write(tmp_path, files))
    assert judgement.ledger.rendered == ("fine",)
    assert len(judgement.ledger.applications) == len(SOURCES) + 1
    named = {finding.application for finding in judgement.findings}
    assert named >= {name.replace(" ", "-") for name in SOURCES}


def test_a_tree_without_applications_is_an_empty_environment(tmp_path: Path) -> None:
    """A tree without Applications yields an environment without any, and judging it ends with 5."""
    write(tmp_path, {"README.md": "# nothing\n", "values.yaml": "a: 1\n"})
    assert loaded(tmp_path).applications == ()
    assert judged(tmp_path).exit_code == 5


def test_a_values_object_may_hold_any_character(tmp_path: Path) -> None:
    """What YAML can write reaches the chart as it is: emoji, which JSON would escape, and control characters."""
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n"
    template += "".join(f"  {key}: {{{{ .Values.{key} | quote }}}}\n" for key in "abc")
    helm = '    helm:\n      valuesObject: {a: "🙂 ✓", b: "\\x7f\\x85", c: "한"}\n'
    files = {**chart("web", {"cm.yaml": template}), "web.yaml": application("web", "web", helm)}
    (one,) = loaded(write(tmp_path, files)).applications
    assert one.manifests[0].object["data"] == {"a": "🙂 ✓", "b": "\x7f\x85", "c": "한"}


def test_a_template_of_an_aliased_subchart_is_placed_in_its_own_file(tmp_path: Path) -> None:
    """Helm names templates by the alias; the file stands in the folder of the chart's own name, at any depth."""
    entries = [f"- {{name: base, version: 1.0.0, alias: {alias}}}\n" for alias in ("first", "second")]
    deep = "dependencies:\n- {name: leaf, version: 1.0.0, alias: tip}\n"
    files = {"app.yaml": application("shop", "shop"), **chart("shop", {"a.yaml": config_map("own")})}
    files |= chart("shop/charts/base", {"b.yaml": config_map("{{ .Chart.Name }}")})
    files |= chart("shop/charts/base/charts/leaf", {"c.yaml": config_map("{{ .Values.global.x }}-leaf")})
    files["shop/values.yaml"] = "global: {x: y}\n"
    files["shop/Chart.yaml"] += "dependencies:\n" + "".join(entries)
    files["shop/charts/base/Chart.yaml"] += deep
    (shop,) = loaded(write(tmp_path, files)).applications
    assert {manifest.template for manifest in shop.manifests} == {
        "shop/templates/a.yaml",
        "shop/charts/base/templates/b.yaml",
        "shop/charts/base/charts/leaf/templates/c.yaml",
    }
