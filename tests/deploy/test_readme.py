"""The runs of the deploy script that README.md shows are real ones.

`DRIFTGATE_WRITE_README=1 pytest tests/deploy/test_readme.py` puts the runs of today into it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.operators import operators
from tests.controlplane.plane import ControlPlane
from tests.deploy.rig import NAMESPACE, ROOT, Checkout

README = ROOT / "README.md"
BLOCK = re.compile(r"<!-- deploy: (?P<arguments>[^>]+) -->\n(?P<text>.*?)<!-- end -->", re.DOTALL)
CONTEXT = "staging"
# What is another one in every run, and what stands for it.
VARYING = (
    (re.compile(r"https://127\.0\.0\.1:\d+"), "https://127.0.0.1:6443"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "5f1c7a52-6a0e-4a44-9d3c-1f7f2f0c9b1e"),
    (re.compile(r"\b(plate-\w+-[0-9a-f]{8,10})-[a-z0-9]{5}\b"), r"\1-x7k2p"),
    (re.compile(r"(\d/\d +\w+ +\d+ +)\d+s\b *"), r"\g<1>9s"),
)


@pytest.fixture
def staging(cluster: ControlPlane, helm4: Path, tmp_path: Path) -> Iterator[Checkout]:
    """A checkout that differs from this one in nothing but the cluster, which is called staging."""
    config = json.loads(cluster.kubeconfig().read_text(encoding="utf-8"))
    config["contexts"][0]["name"] = CONTEXT
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(config), encoding="utf-8")
    checkout = Checkout.make(cluster, helm4, tmp_path, NAMESPACE)
    checkout.context = CONTEXT
    checkout.settings = {"KUBECONFIG": str(kubeconfig), "COLUMNS": "100"}
    checkout.name_cluster()
    yield checkout
    checkout.close()


def test_the_readme_shows_real_runs(staging: Checkout) -> None:
    """The blocks of README.md are what the script prints, but for names and times that no two runs share."""
    text = README.read_text(encoding="utf-8")
    first, second = BLOCK.finditer(text)
    with operators(staging.plane, NAMESPACE, token="of-a-test"):
        shown = {first["arguments"]: run(staging, first["arguments"])}
        staging.edit("helm/applications/plate-web/values-stg.yaml", "tag: stg-1.4.2", "tag: never-pulled")
        shown[second["arguments"]] = run(staging, second["arguments"])
    written = BLOCK.sub(lambda match: block(match["arguments"], shown[match["arguments"]]), text)
    if os.environ.get("DRIFTGATE_WRITE_README") == "1":
        README.write_text(written, encoding="utf-8")
    assert written == README.read_text(encoding="utf-8")


def run(checkout: Checkout, arguments: str) -> str:
    """What the script prints; what is wrong comes last."""
    ended = checkout.start(*arguments.split()).end()
    text = ended.out + ended.err
    for pattern, standing in VARYING:
        text = pattern.sub(standing, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def block(arguments: str, output: str) -> str:
    """A run as README.md shows it."""
    return f"<!-- deploy: {arguments} -->\n```console\n$ scripts/deploy-stg.sh {arguments}\n{output}\n```\n<!-- end -->"
