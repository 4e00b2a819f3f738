"""Version constraints, held to the library that Helm compares with."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from driftgate.semantics.semver import ConstraintError, satisfies

OPERATORS = ("", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^")
TEMPLATE = """\
{{- range .Values.constraints }}
{{- $constraint := . }}
{{ range $.Values.versions }}{{ if semverCompare $constraint . }}1{{ else }}0{{ end }}{{ end }}
{{- end }}
"""


def tables() -> tuple[list[str], list[str]]:
    """Constraints and versions of a seeded table, in which every operator meets every openness of a version."""
    draw = random.Random(20260822)
    numbers = ["0", "1", "2", "9", "28", "30"]
    bounds = [
        f"{a}{b}{c}" for a in ("0", "1", "28", "*") for b in ("", ".x", ".0", ".28") for c in ("", ".X", ".0", ".2")
    ]
    bounds = [bound for bound in bounds if bound.count(".") != 1 or not bound.endswith((".X", ".2"))]
    single = [f"{operator}{bound}{tail}" for operator in OPERATORS for bound in bounds for tail in ("", "-0", "-rc.1")]
    joined = [draw.choice([" ", ", ", " || ", ","]).join(draw.sample(single, draw.randint(2, 3))) for _ in range(150)]
    spans = [f"{draw.choice(bounds)} - {draw.choice(bounds)}" for _ in range(60)]
    spaced = ["  >= 1.28.0-0 ", "v1.28", ">=v1.28.0", ">= 1.28.0 < 1.30", "1.28.x || >=1.30.0", "*", "1.28.0+build"]
    versions = [f"{prefix}{a}.{b}.{c}" for prefix in ("", "v") for a in "012" for b in numbers for c in "02"]
    return [*single, *joined, *spans, *spaced], versions


def test_constraints_hold_where_helm_says_so(tmp_path: Path, helm4: Path) -> None:
    """Every constraint of the table that we can read comes to Helm's own verdict on every version."""
    constraints, versions = tables()
    readable = [text for text in constraints if _readable(text)]
    assert len(readable) > 1500
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: table\nversion: 0.1.0\n")
    (tmp_path / "values.yaml").write_text(json.dumps({"constraints": readable, "versions": versions}))
    (tmp_path / "templates" / "table.yaml").write_text(
        "kind: Table\ntable: |" + TEMPLATE.replace("\n{{ range", "\n  {{ range")
    )
    done = subprocess.run([str(helm4), "template", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.strip() for line in done.stdout.splitlines() if set(line.strip()) <= {"0", "1"} and line.strip()]
    ours = ["".join(str(int(satisfies(version, text))) for version in versions) for text in readable]
    assert [(text, ours[i]) for i, text in enumerate(readable)] == [(text, rows[i]) for i, text in enumerate(readable)]


def _readable(text: str) -> bool:
    try:
        satisfies("1.0.0", text)
    except ConstraintError:
        return False
    return True


@pytest.mark.parametrize(
    "text", ["", "latest", ">= ", "1.2.3.4", ">>1", "1.28 |", "1.a.0", "1|2", "1.0.0 -2.0.0", "1,,2"]
)
def test_what_is_refused_is_refused_by_helm_too(text: str, tmp_path: Path, helm4: Path) -> None:
    """A text that we cannot read as a constraint makes Helm's `semverCompare` fail, and the other way round."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: table\nversion: 0.1.0\n")
    (tmp_path / "templates" / "x.yaml").write_text(f'x: {{{{ semverCompare {json.dumps(text)} "1.28.0" }}}}\n')
    done = subprocess.run([str(helm4), "template", "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert _readable(text) is (done.returncode == 0), done.stderr
