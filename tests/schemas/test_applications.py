"""The fast look at an Application says what the JSON Schema of its CRD says."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from driftgate.facts import application_schema
from driftgate.schemas import Schemas
from tests.schemas.test_index import fields

APPLICATION: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "shop", "labels": {"a": "b"}, "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
    "spec": {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "source": {
            "repoURL": "https://git.example.com/shop.git",
            "path": "shop",
            "helm": {"parameters": [{"name": "a", "value": "b"}], "valuesObject": {"a": [1, None]}},
        },
        "syncPolicy": {"automated": {"prune": True}, "retry": {"limit": 5, "backoff": {"factor": 2}}},
        "info": [{"name": "a", "value": "b"}],
        "ignoreDifferences": [{"kind": "Secret", "jsonPointers": ["/data"]}],
    },
    "status": {"anything": "goes"},
}
VALIDATOR = Draft202012Validator(application_schema())
(KNOWN,) = Schemas().kind("argoproj.io/v1alpha1", "Application")
EDITS = st.sampled_from(["text", 7, 1.0, True, None, [], {}, [None], ["a"], {"a": "b"}, {"a": None}, "REMOVE", "ADD"])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(fields(APPLICATION))), EDITS)
def test_both_accept_the_same_applications(path: tuple[str | int, ...], edit: Any) -> None:
    """With any one field edited, removed or added, the compiled schema and the JSON Schema come to one verdict."""
    document = copy.deepcopy(APPLICATION)
    target: Any = document
    for step in path[:-1]:
        target = target[step]
    if edit == "REMOVE":
        del target[path[-1]]
    elif edit == "ADD" and isinstance(target, dict):
        target["zzz"] = {}
    else:
        target[path[-1]] = edit
    assert KNOWN.accepts(document) is VALIDATOR.is_valid(document)
