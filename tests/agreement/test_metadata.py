"""What an object's own metadata makes of it: driftgate reads hooks and waves as Argo CD reads them."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftgate.semantics.hooks import (
    DELETE_HOOK_TYPES,
    HELM_HOOK_ANNOTATION,
    HOOK_ANNOTATION,
    SYNC_HOOK_TYPES,
    hook_types,
)
from driftgate.semantics.sync_waves import HOOK_WEIGHT_ANNOTATION, SYNC_WAVE_ANNOTATION, sync_wave
from tests.oracle import Oracle

RUN = settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)

spaces = st.sampled_from(("", "", " ", "\t", "\u00a0"))
argo = st.sampled_from((*SYNC_HOOK_TYPES, "PreDelete", "PostDelete", "Skip", "presync", "Presync", "", "x"))
HELM = "pre-install pre-upgrade post-install post-upgrade pre-delete post-delete test pre-rollback crd-install Test x"
helm = st.sampled_from((*HELM.split(), ""))


def lists(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(spaces, items, spaces).map("".join), min_size=1, max_size=3).map(",".join)


numbers = st.sampled_from(("0", "5", "-5", "+2", "007", " 1", "1.0", "", "1e3", "1_000", "0x10", "two", "9" * 19, "-0"))
metadata: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {},
    optional={
        HOOK_ANNOTATION: lists(argo),
        HELM_HOOK_ANNOTATION: lists(helm),
        SYNC_WAVE_ANNOTATION: numbers,
        HOOK_WEIGHT_ANNOTATION: numbers,
    },
)


@RUN
@given(metadata)
def test_hooks_and_waves_are_read_the_same(oracle: Oracle, found: dict[str, str]) -> None:
    """Hook or not, without effect or not, of which phases, and in which wave."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": found}}
    said = oracle.ask("object", object=manifest).value
    verdict = hook_types(found)

    # What runs when the Application is deleted is the controller's business, and to a sync it is no type at all.
    deleted_with = [name for name in verdict.types if name in DELETE_HOOK_TYPES]
    if not deleted_with:
        assert (verdict.is_hook, verdict.skip) == (said["hook"], said["skipped"])
    assert sync_wave(found)[0] == said["wave"]
    if verdict.is_hook:
        phases = [name for name in SYNC_HOOK_TYPES if name in said["hookTypes"]]
        assert [name for name in verdict.types if name in SYNC_HOOK_TYPES] == phases
        assert deleted_with or verdict.ignored == (said["ignored"] or said["hookTypes"] == ["Skip"])
