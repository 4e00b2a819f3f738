"""Pairs on which driftgate and Argo CD once disagreed: a file each, found by folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.agreement.pairs import Pair
from tests.agreement.run import REGRESSIONS, row, said
from tests.agreement.verdicts import judged
from tests.oracle import Oracle

ROWS = sorted(REGRESSIONS.glob("*.json"))


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_driftgate_agrees_now(path: Path, oracle: Oracle) -> None:
    """The disagreement that the row was kept for is gone, and Argo CD still says what it said."""
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    pair = Pair.of(kept)

    assert judged(pair, oracle).disagreement == ""
    assert row(pair, oracle, kept["title"]) == kept


def test_a_row_holds_what_argo_cd_says(oracle: Oracle) -> None:
    """A row of the folder holds an answer, or the text of an error or of a panic."""
    state = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}}
    broken = {**state, "metadata": "text"}
    bad = {"kind": "ConfigMap", "jqPathExpressions": ["|"]}

    assert said(oracle.diff(state, state)) == {"modified": False, "normalizedLive": state, "predictedLive": state}
    assert said(oracle.diff(state, state, [bad])) == {"error": 'failed to create diff normalizer: unexpected token "|"'}
    assert list(said(oracle.diff(broken, broken))) == ["panic"]
