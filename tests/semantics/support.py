"""Reading of the test vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def vectors(name: str) -> list[Any]:
    """Return the cases of one vector file, each a list in the order of the file's columns."""
    document = json.loads((Path(__file__).parent / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
    assert document["written_by"]
    assert all(len(case) == len(document["columns"]) for case in document["cases"])
    cases: list[Any] = document["cases"]
    assert len(cases) > 8
    return cases
