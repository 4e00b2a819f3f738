"""Secrets with nulls and with nothing in them: driftgate evens them out as Argo CD does."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.agreement.pairs import LAST_APPLIED, Pair
from tests.agreement.verdicts import judged
from tests.oracle import Oracle

Json = dict[str, Any]
ABSENT = "absent"
DATA: tuple[Any, ...] = (
    {"a": None},
    {"a": ""},
    {"a": "eA=="},
    {},
    None,
    ABSENT,
    {"a": None, "b": "eA=="},
    {"b": "eA=="},
    {"a": 1},
)
TEXTS: tuple[Any, ...] = (ABSENT, {"a": "x"}, {"a": None}, {"b": ""}, {}, None)


def secret(data: Any, texts: Any = ABSENT, applied: Json | None = None) -> Json:
    annotations = {} if applied is None else {"annotations": {LAST_APPLIED: json.dumps(applied)}}
    fields = {"data": data, "stringData": texts}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a", **annotations},
        **{field: value for field, value in fields.items() if value is not ABSENT},
    }


def test_nulls_and_nothing_in_the_data(oracle: Oracle) -> None:
    """Every form of data that says little, on either side and as it was applied last, has the same states for both."""
    pairs = [
        Pair(secret(desired), secret(live, applied=applied))
        for desired, live in itertools.product(DATA, DATA)
        for applied in (None, secret(desired), secret({"a": None, "b": "eQ=="}))
    ]
    pairs += [Pair(secret(data, texts), secret({"a": "eA=="})) for data, texts in itertools.product(DATA, TEXTS)]
    found = [(pair.document(), reason) for pair in pairs if (reason := judged(pair, oracle).disagreement)]

    assert found == []
