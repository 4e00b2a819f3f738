"""`driftgate waves`: order and needs as text, as Mermaid and as a list of names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from driftgate.cli import main
from tests.repositories import URL, config_map, write

ROOT = Path(__file__).resolve().parent.parent
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {url: x}\n"
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: main
          image: registry.example.com/web:1.0.0
          envFrom: [{secretRef: {name: db}}]
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
ROUTE = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
"""


def app(name: str, path: str, wave: str = "", url: str = URL) -> str:
    """A child Application, in a wave or without one."""
    annotations = f'  annotations: {{argocd.argoproj.io/sync-wave: "{wave}"}}\n' if wave else ""
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\n"
        f"{annotations}spec:\n  project: default\n  destination:\n    server: https://kubernetes.default.svc\n"
        f"    namespace: shop\n  source: {{repoURL: '{url}', path: '{path}', targetRevision: HEAD}}\n"
    )


SHOP = {
    "root.yaml": app("root", "apps"),
    "apps/web.yaml": app("web", "web", "1"),
    "apps/secrets.yaml": app("secrets", "secrets", "0"),
    "apps/a-routes.yaml": app("a-routes", "routes", "1"),
    "apps/late.yaml": app("late", "late", "2"),
    "web/objects.yaml": f"{WEB}---\n{SERVICE}",
    "secrets/objects.yaml": SECRET,
    "routes/objects.yaml": ROUTE,
    "late/objects.yaml": config_map("late"),
    "policies/shop.yaml": f"driftgate: 1\nenvironment: shop\nroots: [root]\nrepository: {{urls: ['{URL}']}}\n",
}


def shown(tree: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, output and what stood on standard error."""
    code = main(["waves", "--no-cache", str(tree), *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_parents_waves_and_needs_are_told_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each child stands in its wave, with what it provides, what it cannot do without, and what it works with."""
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = shown(write(tmp_path, SHOP), capsys=capsys)
    assert (code, err) == (0, "")
    assert out == (
        "environment shop\n"
        "Whether waves wait for each other is not known: policy does not say where argocd-cm is.\n"
        "\n"
        "root\n"
        "  wave 0\n"
        "    secrets\n"
        "      provides  Secret db\n"
        "  wave 1\n"
        "    a-routes\n"
        "      uses      web (same wave): Service web\n"
        "    web\n"
        "      provides  Service web\n"
        "      needs     secrets: Secret db\n"
        "  wave 2\n"
        "    late\n"
        "\n"
        "needs: is refused or does not become healthy without it\n"
        "uses: becomes healthy, and does its work once it is there\n"
    )


def test_a_need_that_waves_turn_round_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes later than it is needed is told at the one who needs it."""
    tree = write(tmp_path, {**SHOP, "apps/secrets.yaml": app("secrets", "secrets", "3")})
    assert "      needs     secrets (later wave): Secret db\n" in shown(tree, capsys=capsys)[1]


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            "health.argoproj.io_Application: return {}",
            "Each wave waits until the Applications of the one before are healthy.",
        ),
        ("health.argoproj.io_AppProject: return {}", "No wave waits for another one to be healthy: "),
    ],
)
def test_it_is_said_whether_waves_wait(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], config: str, sentence: str
) -> None:
    """Where policy names argocd-cm, its health check of Application decides."""
    files = {
        **SHOP,
        "policies/shop.yaml": SHOP["policies/shop.yaml"] + "argocd: {config: argocd-cm.yaml}\n",
        "argocd-cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\n"
        f"data:\n  resource.customizations.{config}\n",
    }
    assert shown(write(tmp_path, files), capsys=capsys)[1].splitlines()[1].startswith(sentence)


def test_names_are_one_a_line_in_an_order_to_apply_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parent, waves, and within a wave whoever is needed first; the name decides only what nothing else does."""
    code, out, err = shown(write(tmp_path, SHOP), "--format", "names", capsys=capsys)
    assert (code, out, err) == (0, "root\nsecrets\nweb\na-routes\nlate\n", "")


def test_what_was_not_rendered_is_told_and_ends_with_six(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The order is shown as far as it is known, and standard error says whose needs are not."""
    tree = write(tmp_path, {**SHOP, "apps/far.yaml": app("far", "x", "1", "https://git.example.com/other/place.git")})
    code, out, err = shown(tree, "--format", "names", capsys=capsys)
    assert (code, out) == (6, "root\nsecrets\nfar\nweb\na-routes\nlate\n")
    assert err == "driftgate: far is not rendered in full; its needs are not known\n"
    code, out, err = shown(tree, capsys=capsys)
    assert (code, err) == (6, "")
    assert "    far  not rendered in full: its needs are not known\n" in out


def test_no_application_ends_with_five(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without Applications has no order to show, and that is no success."""
    assert shown(write(tmp_path, {"a.yaml": "a: 1\n"}), "--format", "names", capsys=capsys)[:2] == (5, "")


def test_one_list_of_names_is_of_one_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several environments have to be asked for one by one, where the output is for a program."""
    other = "driftgate: 1\nenvironment: other\nrepository: {urls: ['" + URL + "']}\n"
    tree = write(tmp_path, {**SHOP, "policies/other.yaml": other})
    code, out, err = shown(tree, "--format", "names", capsys=capsys)
    assert (code, out) == (4, "")
    assert err == ("driftgate: --format names shows one environment: name it by --environment (other, shop)\n")
    assert shown(tree, "--format", "names", "--environment", "shop", capsys=capsys)[0] == 0


# The part of Mermaid's flowcharts that we write: boxes, nodes and arrows with quoted labels.
_LABEL = r'"(?:[^"#&<>`\\]|#\d+;)*"'
_LINES = (
    r"flowchart LR",
    rf"  subgraph \w+\[{_LABEL}\]",
    rf"    subgraph \w+\[{_LABEL}\]",
    rf"      (?P<deep>\w+)\[{_LABEL}\]",
    r"    end",
    r"  end",
    rf"  (?P<flat>\w+)\[{_LABEL}\]",
    r"  \w+ ==> \w+",
    rf"  \w+ (?:-->|-\.->)\|{_LABEL}\| \w+",
)


def parsed(text: str) -> set[str]:
    """The ids of a flowchart, each defined once; AssertionError where a line is none that Mermaid reads."""
    ids: list[str] = []
    depth = 0
    for line in text.splitlines():
        assert any(re.fullmatch(form, line) for form in _LINES), line
        defined = re.match(r" +(?:subgraph )?(\w+)\[", line)
        ids += [defined[1]] if defined else []
        depth += line.strip().startswith("subgraph") - (line.strip() == "end")
        assert depth in (0, 1, 2)
    assert depth == 0
    assert len(ids) == len(set(ids))
    for line in text.splitlines():
        arrow = re.match(r"  (\w+) (?:==>|-->|-\.->)(?:\|.*\|)? (\w+)$", line)
        assert arrow is None or {arrow[1], arrow[2]} <= set(ids), line
    return set(ids)


def test_mermaid_draws_waves_and_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Boxes for parent and waves, a plain arrow to who cannot do without, a dashed one to who works with it."""
    code, out, _ = shown(write(tmp_path, SHOP), "--format", "mermaid", capsys=capsys)
    assert code == 0
    assert out == (
        "flowchart LR\n"
        '  subgraph a1box["root"]\n'
        '    subgraph a1wave1["wave 0"]\n'
        '      a2["secrets"]\n'
        "    end\n"
        '    subgraph a1wave2["wave 1"]\n'
        '      a3["web"]\n'
        '      a4["a-routes"]\n'
        "    end\n"
        '    subgraph a1wave3["wave 2"]\n'
        '      a5["late"]\n'
        "    end\n"
        "  end\n"
        '  a3 -.->|"Service web"| a4\n'
        '  a2 -->|"Secret db"| a3\n'
    )
    parsed(out)


def test_mermaid_draws_an_app_of_apps_below_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A child that is a parent has a node in its wave, a box for its children, and an arrow from one to the other."""
    files = {
        **SHOP,
        "apps/team.yaml": app("team", "team", "1"),
        "team/own.yaml": SECRET.replace("db", "cache"),
        "team/child.yaml": app("child", "child"),
        "child/objects.yaml": WEB.replace("name: web", "name: child").replace("db", "cache"),
    }
    _, out, _ = shown(write(tmp_path, files), "--format", "mermaid", capsys=capsys)
    parsed(out)
    assert [line for line in out.splitlines() if "==>" in line or "cache" in line] == [
        "  a3 ==> a3box",
        '  a3 -->|"Secret cache"| a4',
    ]


@pytest.mark.parametrize("name", ['a"]; b[("c', "a`b`", "ㄱ#quot;<script>", "end", "x|y\\n"])
def test_names_cannot_break_the_flowchart(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Whatever an Application is called, its label is read as text."""
    quoted = "'" + name.replace("'", "''") + "'"
    tree = write(tmp_path, {"apps/a.yaml": app(quoted, "web"), "web/objects.yaml": config_map("a")})
    main(["waves", "--no-cache", str(tree), "--format", "mermaid", "--repository-url", URL])
    assert parsed(capsys.readouterr().out) == {"a1"}


def test_our_own_environment_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """The secrets come before the workloads, and the routes last."""
    code, out, err = shown(ROOT, "--format", "names", capsys=capsys)
    assert (code, err) == (0, "")
    workloads = ["plate-api-stg", "plate-llm-stg", "plate-web-stg"]
    assert out.split() == ["app-of-apps-stg", "openbao-secrets-manager-stg", *workloads, "ingress-stg"]
