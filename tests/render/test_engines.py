"""The embedded engine and the helm command: the same objects out of the same chart."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.render.commands import render_helm
from driftgate.render.helm_engine import render
from driftgate.render.jobs import HelmJob, Reply
from tests.render.charts import FAILING, TRICKY

ROOT = Path(__file__).resolve().parents[2]
CHARTS = sorted(path.parent for path in (ROOT / "helm").rglob("Chart.yaml"))


def objects(reply: Reply) -> Counter[tuple[str, str]]:
    """(template, object as JSON) of everything that a reply holds; the order of templates is not the engine's."""
    assert reply.fault == "", reply.message
    return Counter((d.template, json.dumps(d.object, sort_keys=True)) for d in reply.documents)


@pytest.mark.parametrize("name", TRICKY)
def test_both_engines_make_the_same_of_a_tricky_chart(name: str, tmp_path: Path, helm4: Path) -> None:
    """Objects, templates and faults are equal, whatever the chart and its values do."""
    job = replace(TRICKY[name].job(tmp_path), helm=str(helm4))
    embedded, command = render(job), render_helm(job)
    assert objects(embedded) == objects(command)
    assert Counter(embedded.faults) == Counter(command.faults)
    assert (embedded.unstable, command.unstable) == ((), ())


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_both_engines_make_the_same_of_our_charts(chart: Path, helm4: Path, helm3: Path) -> None:
    """Each chart of this repository renders alike with the engine, helm 4 and helm 3, with each of its values files."""
    layers = sorted(chart.glob("values-*.yaml"))
    assert layers
    for layer in layers:
        texts = (layer.read_text(encoding="utf-8"),)
        job = HelmJob(str(chart), "plate", "plate-stg", texts, kube_version="1.34.2", helm=str(helm4))
        embedded = objects(render(job))
        assert embedded
        assert embedded == objects(render_helm(job)) == objects(render_helm(replace(job, helm=str(helm3))))


@pytest.mark.parametrize("name", FAILING)
def test_both_engines_fail_alike(name: str, tmp_path: Path, helm4: Path) -> None:
    """What does not render fails with the same fault, and with the same template and line where one is to blame."""
    tricky, expected = FAILING[name]
    job = replace(tricky.job(tmp_path), helm=str(helm4))
    replies = [render(job), render_helm(job)]
    assert [(r.fault, r.template, r.line) for r in replies] == [expected, expected], [r.message for r in replies]
