from __future__ import annotations

import pytest

from driftgate.semantics.hooks import HELM_HOOK_ANNOTATION, HOOK_ANNOTATION, HookVerdict, hook_types


def _verdict(
    *types: str,
    annotation: str | None = HOOK_ANNOTATION,
    ignored: bool = False,
    skip: bool = False,
    unknown: tuple[str, ...] = (),
) -> HookVerdict:
    return HookVerdict(
        is_hook=bool(types) or ignored,
        types=types,
        ignored=ignored,
        skip=skip,
        annotation=annotation,
        unknown=unknown,
    )


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("PreSync", _verdict("PreSync")),
        (" PostSync ,PreSync,PreSync", _verdict("PreSync", "PostSync")),
        ("SyncFail,Sync", _verdict("Sync", "SyncFail")),
        ("PreDelete", _verdict("PreDelete")),
        ("PostDelete,PostSync", _verdict("PostSync", "PostDelete")),
        ("Skip", _verdict(skip=True)),
        ("Skip,Sync", _verdict("Sync")),
        ("presync", _verdict(ignored=True, unknown=("presync",))),
        ("PreSnyc,PostSync", _verdict("PostSync", unknown=("PreSnyc",))),
        ("", _verdict(ignored=True)),
        (",", _verdict(ignored=True)),
    ],
)
def test_argo_cd_annotation(value: str, verdict: HookVerdict) -> None:
    """The Argo CD annotation is a list of exact names; one without a valid name makes an ignored hook."""
    assert hook_types({HOOK_ANNOTATION: value}) == verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("pre-install", _verdict("PreSync", annotation=HELM_HOOK_ANNOTATION)),
        ("pre-install, pre-upgrade", _verdict("PreSync", annotation=HELM_HOOK_ANNOTATION)),
        ("pre-upgrade,post-install", _verdict("PreSync", "PostSync", annotation=HELM_HOOK_ANNOTATION)),
        ("pre-delete", _verdict("PreDelete", annotation=HELM_HOOK_ANNOTATION)),
        ("post-delete", _verdict("PostDelete", annotation=HELM_HOOK_ANNOTATION)),
        ("crd-install", _verdict(annotation=HELM_HOOK_ANNOTATION)),
        ("crd-install,pre-install", _verdict("PreSync", annotation=HELM_HOOK_ANNOTATION)),
        ("test", _verdict(ignored=True, annotation=HELM_HOOK_ANNOTATION)),
        ("post-rollback", _verdict(ignored=True, annotation=HELM_HOOK_ANNOTATION)),
        ("test,post-install", _verdict("PostSync", annotation=HELM_HOOK_ANNOTATION)),
        ("pre-instal", _verdict(ignored=True, annotation=HELM_HOOK_ANNOTATION, unknown=("pre-instal",))),
    ],
)
def test_helm_annotation(value: str, verdict: HookVerdict) -> None:
    """Helm's hooks are mapped to Argo CD's; tests and rollbacks are never applied."""
    assert hook_types({HELM_HOOK_ANNOTATION: value}) == verdict


@pytest.mark.parametrize(
    ("argo", "helm", "verdict"),
    [
        ("Sync", "pre-install", _verdict("Sync")),
        ("Synk", "pre-install", _verdict("PreSync", annotation=HELM_HOOK_ANNOTATION, unknown=("Synk",))),
        ("Synk", "test", _verdict(ignored=True, unknown=("Synk",))),
        ("Synk", "crd-install", _verdict(ignored=True, unknown=("Synk",))),
        ("Skip", "pre-install", _verdict(skip=True)),
        ("Sync", "pre-delete", _verdict("Sync", "PreDelete")),
        ("PreDelete", "pre-install", _verdict("PreSync", "PreDelete")),
        ("Skip", "post-delete", _verdict("PostDelete")),
        ("PreDelete,Skip", "test", _verdict("PreDelete")),
    ],
)
def test_both_annotations(argo: str, helm: str, verdict: HookVerdict) -> None:
    """Helm's annotation counts only when Argo CD's has no name of a sync, and for a deletion both count."""
    assert hook_types({HOOK_ANNOTATION: argo, HELM_HOOK_ANNOTATION: helm}) == verdict


@pytest.mark.parametrize("annotations", [{}, {"a": "b"}, {HOOK_ANNOTATION: None}, {HELM_HOOK_ANNOTATION: 1}])
def test_no_hook(annotations: dict[str, object]) -> None:
    """An object without hook annotations, or with ones that are not text, is an ordinary one."""
    assert hook_types(annotations) == _verdict(annotation=None)
