"""Trees that were written against whoever judges them: nothing is run, left, told or waited for."""

from __future__ import annotations

import http.server
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.assembly.provenance import ValuesProber
from driftgate.credentials import spot
from driftgate.files import FileRoot
from driftgate.model.outcome import Judgement
from driftgate.model.secret import SecretValue, mask_secret
from driftgate.report.rendered import rendered_text
from driftgate.report.terminal import terminal_report
from driftgate.repository.discovery import _CONTENT
from driftgate.repository.git import GitClone
from driftgate.repository.sources import _names_same, is_placeholder
from driftgate.schemas.patterns import matches
from driftgate.schemas.structural import Rules
from driftgate.semantics.giturl import without_credentials
from driftgate.semantics.helm_values import escape_set_file
from driftgate.semantics.jq import compile_problem, removed_paths
from driftgate.semantics.semver import ConstraintError, satisfies
from tests.reports import every_report
from tests.repositories import SETTINGS, URL, application, assembly_of, chart, config_map, judged, write

PASSWORD = "swordfish-8231"
READS = config_map("reads", 'x: {{ .Files.Get "s.txt" | quote }}')


def faults(judgement: Judgement) -> set[tuple[str, str]]:
    """(check, file) of every finding."""
    return {(finding.check, finding.place.file) for finding in judgement.findings}


def everything(root: Path) -> str:
    """All that can be printed about a tree."""
    with assembly_of(root) as assembly:
        rendered = "".join(map(rendered_text, assembly.environment.applications))
    judgement = judged(root)
    return rendered + terminal_report([judgement]) + every_report(judgement)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the tree, with what nobody in the tree may read."""
    files = {"kustomization.yaml": "resources: [cm.yaml]\n", "cm.yaml": config_map(PASSWORD), "s.txt": PASSWORD}
    return write(tmp_path / "outside", files)


@pytest.mark.parametrize("key", ["resources", "Resources", "re\u017fources", "components"])
@pytest.mark.usefixtures("outside")
def test_a_kustomization_stays_in_the_tree(key: str, tmp_path: Path) -> None:
    """A base out of the tree is refused before kustomize sees it, in whatever letters Go takes for the field."""
    files = {"a.yaml": application("web", "k"), "k/kustomization.yaml": f"{key}: [../../outside]\n"}
    tree = write(tmp_path / "tree", files)
    assert ("path-leaves-repository", "k/kustomization.yaml") in faults(judged(tree))
    assert PASSWORD not in everything(tree)


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The URL of a server on this machine, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


@pytest.mark.parametrize(
    "text",
    [
        "resources: [{url}/a.yaml]\n",
        "components: [{url}/a]\n",
        "resources: [cm.yaml]\npatches: [{{path: {url}/p.yaml}}]\n",
        "configMapGenerator: [{{name: x, files: [k={url}/f]}}]\n",
        "resources: [cm.yaml]\ntransformers: [{url}/t.yaml]\n",
        "resources: [cm.yaml]\ntransformers:\n- |\n  kind: PatchTransformer\n  path: {url}/p.yaml\n",
    ],
    ids=["resource", "component", "patch", "generator", "transformer", "inline transformer"],
)
def test_kustomize_asks_no_server(text: str, tmp_path: Path, kustomize: Path, asked: tuple[str, list[str]]) -> None:
    """A URL that kustomize would download is told before it starts, and nobody is asked, this machine included."""
    url, paths = asked
    files = {"a.yaml": application("web", "k"), "k/cm.yaml": config_map("x")}
    tree = write(tmp_path, {**files, "k/kustomization.yaml": text.format(url=url)})
    settings = replace(SETTINGS, kustomize=str(kustomize))
    assert ("source-remote", "k/kustomization.yaml") in faults(judged(tree, settings=settings))
    assert paths == []


def test_a_url_in_what_a_transformer_writes_is_no_file(tmp_path: Path, kustomize: Path) -> None:
    """An annotation that holds a URL is content: the overlay is built."""
    transformer = (
        "apiVersion: builtin\n  kind: AnnotationsTransformer\n  metadata: {name: x}\n"
        "  annotations: {docs: 'https://example.com/docs'}\n"
        "  fieldSpecs: [{path: metadata/annotations, create: true}]\n"
    )
    files = {"a.yaml": application("web", "k"), "k/cm.yaml": config_map("x")}
    overlay = f"resources: [cm.yaml]\ntransformers:\n- |\n  {transformer}"
    tree = write(tmp_path, {**files, "k/kustomization.yaml": overlay})
    assert faults(judged(tree, settings=replace(SETTINGS, kustomize=str(kustomize)))) == set()


@pytest.mark.usefixtures("outside")
def test_a_linked_kustomization_starts_from_where_it_is(tmp_path: Path) -> None:
    """`..` in a base that a deep link leads to is counted from the base, not from the link."""
    files = {
        "a.yaml": application("web", "x/y/z/k"),
        "x/y/z/k/kustomization.yaml": "resources: [../link]\n",
        "base/kustomization.yaml": "resources: [../../outside]\n",
    }
    tree = write(tmp_path / "tree", files)
    (tree / "x/y/z/link").symlink_to("../../../base")
    assert faults(judged(tree)) == {("path-leaves-repository", "base/kustomization.yaml")}


LINKS = {
    "a link to the chart": ("link", {"link": "c/web", "c/web/s.txt": "../../../outside/s.txt"}),
    "a folder that is skipped elsewhere": ("c/web", {"c/web/.venv/s.txt": "../../../../outside/s.txt"}),
    "a link through another folder": ("c/web", {"c/web/d": "../../other", "other/s.txt": "../../outside/s.txt"}),
    "dots after a link": ("c/web", {"p/q/r/s": "../../..", "c/web/s.txt": "../../p/q/r/s/../outside/s.txt"}),
}


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.usefixtures("outside")
def test_a_chart_is_not_rendered_through_a_link_out(name: str, tmp_path: Path) -> None:
    """Whatever way a link takes out of the tree, Helm is not started, because it would follow."""
    path, links = LINKS[name]
    tree = write(tmp_path / "tree", {"a.yaml": application("web", path), **chart("c/web", {"a.yaml": READS})})
    for link, target in links.items():
        (tree / link).parent.mkdir(parents=True, exist_ok=True)
        (tree / link).symlink_to(target)
    with assembly_of(tree) as assembly:
        (web,) = assembly.environment.applications
        assert [(p.fault, r.manifests) for r in web.renders for p in r.problems] == [("symlink-out-of-repository", ())]


def depending(name: str) -> dict[str, str]:
    """A chart whose dependency of that name is a folder of the tree."""
    text = f"dependencies: [{{name: '{name}', version: 1.0.0, repository: 'file://../lib'}}]\n"
    files = {"a.yaml": application("web", "web"), **chart("web", {"a.yaml": config_map("a")}), "web/charts/.keep": ""}
    files |= chart("lib", {"b.yaml": config_map("b")})
    return files | {"web/Chart.yaml": files["web/Chart.yaml"] + text}


@pytest.mark.parametrize("name", ["{tmp}/written", "../../../../../../../../../../..{tmp}/written", "**x", "../**/q"])
def test_a_dependency_is_written_nowhere_but_below_charts(name: str, tmp_path: Path) -> None:
    """A dependency's name is neither a path to write to nor a pattern to search the disk with."""
    tree = write(tmp_path / "tree", depending(name.format(tmp=tmp_path)))
    assert ("chart-dependency-not-vendored", "web/Chart.yaml") in faults(judged(tree))
    assert not (tmp_path / "written").exists()


def test_a_dependency_is_not_copied_through_a_link_out(tmp_path: Path, outside: Path) -> None:
    """A link in a dependency's folder is refused as one in the chart's own."""
    tree = write(tmp_path / "tree", depending("lib"))
    (tree / "lib/s.txt").symlink_to(outside / "s.txt")
    with assembly_of(tree) as assembly:
        (web,) = assembly.environment.applications
    assert [(p.fault, p.place.file) for r in web.renders for p in r.problems] == [
        ("symlink-out-of-repository", "lib/s.txt")
    ]


def test_a_file_parameter_names_one_file(tmp_path: Path, outside: Path) -> None:
    """Neither in its name nor in its path can a file parameter hide a second one of a file elsewhere."""
    path = f"x,b={outside}/s.txt"
    for name, file, value in ((f"b={outside}/s.txt,a", "x", "a"), ("a", path, "b")):
        more = f"    helm: {{fileParameters: [{{name: '{name}', path: '{file}'}}]}}\n"
        files = {"a.yaml": application("web", "web", more), "web/x": "x", f"web/{path}": "inside"}
        files |= chart("web", {"a.yaml": config_map("a", f"x: {{{{ .Values.{value} | quote }}}}")})
        with assembly_of(write(tmp_path / value, files)) as assembly:
            (web,) = assembly.environment.applications
            assert PASSWORD not in rendered_text(web)
    assert escape_set_file(r"a\,b") == r"a\\\,b"


def test_what_lies_outside_is_not_named(tmp_path: Path, outside: Path) -> None:
    """The nearest path of one that is missing is looked for inside the tree, also where a link leads out."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "link").symlink_to(outside)
    assert FileRoot(root).nearest("link/s.tx") == ""
    assert FileRoot(root).nearest("x" * 300) == ""


def test_an_export_runs_no_filter(tmp_path: Path) -> None:
    """What `.gitattributes` and the clone's configuration would run on a checkout is not run for an export."""
    tree = write(tmp_path / "tree", {"a.txt": "text\n"})

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tree), "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "--quiet")
    write(tree, {".gitattributes": "*.txt filter=evil\n"})
    git("add", ".")
    git("commit", "--quiet", "--message=a")
    git("config", "filter.evil.smudge", f"touch {tmp_path}/ran; cat")
    with GitClone(tree).exported(git("rev-parse", "HEAD")) as folder:
        assert folder is not None
        assert {path.name: path.read_text() for path in folder.iterdir()} == {
            "a.txt": "text\n",
            ".gitattributes": "*.txt filter=evil\n",
        }
    assert not (tmp_path / "ran").exists()


FAILING = {
    "a variable's value": (f"env: [{{name: DB_PASSWORD, value: {PASSWORD}}}]\n", "(index .Values.env 0).value", ""),
    "a URL": (f"dsn: postgres://u:{PASSWORD}@db/x\n", ".Values.dsn", ""),
    "JSON": (f'password: "{PASSWORD}\\"<x>"\n', "(toJson .Values)", ""),
    "quoted lines": (f"privateKey: |\n  BEGIN\n  {PASSWORD}\n", "(quote .Values.privateKey)", ""),
    "base64": (f"password: {PASSWORD}\n", "(b64enc .Values.password | b64dec)", ""),
    "a file": ("", ".Values.x", "    helm: {fileParameters: [{name: x, path: s.txt}]}\n"),
}


@pytest.mark.parametrize("name", FAILING)
def test_an_error_tells_no_secret(name: str, tmp_path: Path) -> None:
    """A template that fails with a secret in its error leaves it out, in whatever shape the template gave it."""
    values, expression, more = FAILING[name]
    template = f'{{{{ fail (printf "cannot use %s" (toString {expression})) }}}}'
    files = {"a.yaml": application("web", "web", more), "web/s.txt": f"{PASSWORD}\n"}
    tree = write(tmp_path, {**files, **chart("web", {"a.yaml": template}, values)})
    text = everything(tree)
    assert "cannot use" in text
    assert PASSWORD not in text


KUSTOMIZATIONS = {
    "a literal": f"secretGenerator: [{{name: a, literals: [{PASSWORD}]}}]\n",
    "a patch": f'patches: [{{patch: \'{{"kind": "Secret", "stringData": {{"a": "{PASSWORD}"}}}}\'}}]\n',
    "a remote base": f"resources: ['https://u:{PASSWORD}@example.com/x.yaml']\n",
}


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_kustomize_tells_no_secret(name: str, tmp_path: Path) -> None:
    """What kustomize repeats of a kustomization that fails is told without the values of Secrets and of URLs."""
    tree = write(tmp_path, {"a.yaml": application("web", "k"), "k/kustomization.yaml": KUSTOMIZATIONS[name]})
    assert PASSWORD not in everything(tree)


def test_credentials_in_urls_are_not_told(tmp_path: Path) -> None:
    """User and password in a placeholder, in a remote values file and in a project's repositories stay unsaid."""
    host = f"https://u:{PASSWORD}@"
    project = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: default}\n"
    files = {
        "a.yaml": application("a", "web", url=f"{host}<HOST>/x.git"),
        "b.yaml": application("b", "web", f"    helm: {{valueFiles: ['{host}example.com/v.yaml']}}\n"),
        "p.yaml": f"{project}spec: {{sourceRepos: ['{host}example.com/*'], destinations: []}}\n",
    }
    tree = write(tmp_path, {**files, **chart("web", {"a.yaml": config_map("a")})})
    assert {"source-placeholder", "value-file-remote", "application-project-forbids"} <= {
        check for check, _ in faults(judged(tree))
    }
    assert PASSWORD not in everything(tree)


def test_a_misspelt_secret_is_masked() -> None:
    """Whatever a Secret holds beside what is known to be harmless is a value, wherever it was put by mistake."""
    metadata = {"name": "a", "data": {"a": PASSWORD}, "annotations": [PASSWORD]}
    body: dict[str, object] = {"apiVersion": "v1", "kind": "Secret ", "metadata": metadata}
    body["stringdata"] = {"a": PASSWORD}
    assert mask_secret(body) == {
        "apiVersion": "v1",
        "kind": "Secret ",
        "metadata": {"name": "a", "data": SecretValue({"a": PASSWORD}), "annotations": SecretValue([PASSWORD])},
        "stringdata": {"a": SecretValue(PASSWORD)},
    }


def _refused_constraint() -> None:
    with pytest.raises(ConstraintError):
        satisfies("1.2.3", ">=1" + ",   1" * 60 + " !")


DEEP: dict[str, object] = {}
for _ in range(60):
    DEEP = {"a": DEEP, "b": [1, 2, 3]}

NO_NAMES = Rules(lambda _name: {})
SLOW: dict[str, Callable[[], object]] = {
    "repository URLs": lambda: _names_same("a" + "/" * 5000 + "\nx", "https://b/c/d"),
    "open braces": lambda: is_placeholder("{{" * 100_000),
    "open variables": lambda: is_placeholder("${" * 100_000),
    "a version constraint": _refused_constraint,
    "spaces in a constraint": lambda: satisfies("1.2.3", " " * 50_000 + "1"),
    "a line of spaces": lambda: _CONTENT.search(b" " * 100_000 + b"x"),
    "a long word for a scheme": lambda: without_credentials("a" * 100_000),
    "all of all of all": lambda: removed_paths("|".join([".."] * 8), DEEP),
    "four of four of four": lambda: removed_paths("|".join(["(.,.,.,.)"] * 20), {}),
    "a number without end": lambda: compile_problem("1" * 6000),
    "choices of a pattern": lambda: matches("(a|aa)" * 25 + "$", "a" * 40 + "!"),
    "optional parts of a pattern": lambda: matches("(?:ab?)?" * 2 + "a?" * 40 + "a" * 40 + "[bc]", "a" * 40),
    "a multiple beyond every float": lambda: list(NO_NAMES.faults({"type": "integer", "multipleOf": 1.5}, 10**400)),
    "spaces in a pattern": lambda: matches("(?x)(a+) +$", "a" * 40 + "!"),
    "a pattern held to no beginning": lambda: [matches(".*.*x" + "y" * n, "a" * 2048) for n in range(5)],
    "a pattern of groups": lambda: matches("(" * 60_000 + ")" * 60_000, "a"),
    "beginnings of tokens": lambda: spot(b"eyJ" * 100_000 + b" " + b"sk-" * 100_000 + b"T3BlbkFJ"),
    "dashes without an option": lambda: spot(b"--a" * 100_000, script=True),
    "letters without base64": lambda: spot(b"aA" * 200_000 + b"=x"),
    "a credential a line": lambda: spot(b"PASSWORD=a1b2c3d4e5\n" * 40_000, script=True),
}


@pytest.mark.parametrize("name", SLOW)
def test_a_text_takes_no_time(name: str) -> None:
    """A text that was made to keep a pattern or an expression busy for hours is answered at once."""
    start = time.process_time()
    SLOW[name]()
    assert time.process_time() - start < 2


def test_applications_that_multiply_come_to_an_end(tmp_path: Path) -> None:
    """A chart that renders three Applications of itself is stopped after a few hundred, and said to be so."""
    template = f"""\
{{{{ range list "a" "b" "c" }}}}
---
{application("{{ $.Release.Name }}{{ . }}", "web", url=URL)}
{{{{ end }}}}
"""
    tree = write(tmp_path, {"a.yaml": application("x", "web"), **chart("web", {"a.yaml": template})})
    found = {finding.found for finding in judged(tree).findings if finding.check == "render-limit-exceeded"}
    assert found == {"rendered by 5 Applications inside each other"}


def test_probes_that_take_their_limit_come_to_an_end(tmp_path: Path) -> None:
    """Values of which any other keeps the chart busy are given up once all probing of a run has had its time."""
    template = '{{ if ne (toString .Values.a) "1" }}{{ range until 1000000 }}{{ end }}{{ end }}'
    values = "".join(f"{name}: 1\n" for name in "abcdefgh")
    files = chart("web", {"a.yaml": config_map("a", f'x: "{template}"')}, values)
    tree = write(tmp_path, {"a.yaml": application("web", "web"), **files})
    for seconds, given_up in ((0.01, True), (60.0, False)):
        with assembly_of(tree) as assembly:
            prober = assembly.environment.values_read
            assert isinstance(prober, ValuesProber)
            prober.seconds_left = seconds
            answer = prober({("web", 0): True})["web", 0]
        assert (answer.given_up, [one.path for one in answer.unread]) == (
            given_up,
            [] if given_up else [(name,) for name in "bcdefgh"],
        )
