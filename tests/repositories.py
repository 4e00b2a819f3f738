"""Small repositories, written for one test and judged there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from driftgate.assembly import Assembly, assemble
from driftgate.judge import load_catalogue
from driftgate.model.outcome import Judgement
from driftgate.policy import Policy, read_policies
from driftgate.run import judge_tree, policies_of
from driftgate.settings import Settings
from tests.workers import shared_pool

__all__ = ["URL", "application", "assembly_of", "chart", "config_map", "judged", "policy_of", "write"]

URL = "https://git.example.com/platform/deployments.git"
SETTINGS = Settings(cache=None, workers=1)


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files below a root, and return the root."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def application(name: str, path: str, more: str = "", *, url: str = URL, metadata: str = "") -> str:
    """An Application of one source; `more` stands in the source, indented by four spaces."""
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
{metadata}spec:
  project: default
  destination:
    server: https://kubernetes.default.svc
    namespace: plate-stg
  source:
    repoURL: {url}
    path: {path}
    targetRevision: HEAD
{more}"""


def config_map(name: str, data: str = "a: b") -> str:
    """The smallest manifest that is worth something."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  {data}\n"


def chart(path: str, templates: Mapping[str, str], values: str = "") -> dict[str, str]:
    """The files of a chart."""
    name = path.rpartition("/")[2]
    files = {f"{path}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n", f"{path}/values.yaml": values}
    return files | {f"{path}/templates/{template}": text for template, text in templates.items()}


def policy_of(root: Path, text: str | None = None) -> Policy:
    """The shipped policy, or one with the text below its two first lines, written beside the tree."""
    catalogue = load_catalogue()
    if text is None:
        return Policy.shipped(catalogue.sections)
    write(root, {"policies/staging.yaml": f"driftgate: 1\nenvironment: staging\n{text}"})
    (policy,) = read_policies(root, "policies/staging.yaml", catalogue.sections, catalogue.checks)
    return policy


def assembly_of(
    root: Path, policy: str | None = None, *, urls: tuple[str, ...] = (URL,), settings: Settings = SETTINGS
) -> Assembly:
    """The assembly of a tree, to be entered."""
    return assemble(root, policy_of(root, policy), settings, urls, shared_pool(settings))


def judged(root: Path, *, settings: Settings = SETTINGS) -> Judgement:
    """The judgement of a tree's one environment."""
    (judgement,) = judge_tree(root, policies_of(root, None), settings, [URL], pool=shared_pool(settings))
    return judgement
