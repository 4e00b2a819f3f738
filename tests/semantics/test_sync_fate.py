"""What Argo CD does to objects that are gone from Git, or that cannot be updated."""

from __future__ import annotations

from typing import Any

import pytest

from driftgate.model.application import Application
from driftgate.model.node import Node
from driftgate.semantics.sync_fate import fate_when_application_deleted, fate_when_not_rendered, is_recreated

FINALIZER = "resources-finalizer.argocd.argoproj.io"
DEPLOYMENT = ("apps", "Deployment")


def application(*options: str, finalizers: tuple[str, ...] = (FINALIZER,), **automated: Any) -> Application:
    """An Application that is synced automatically if it is told how."""
    policy = {"syncOptions": list(options), **({"automated": automated} if automated else {})}
    manifest = {"metadata": {"name": "a", "finalizers": list(finalizers)}, "spec": {"syncPolicy": policy}}
    return Application.from_manifest(Node.from_plain(manifest, "a.yaml"))


def own(*options: str) -> dict[str, object]:
    return {"argocd.argoproj.io/sync-options": ",".join(options)}


@pytest.mark.parametrize(
    ("app", "annotations", "deleted", "words"),
    [
        (application(prune=True), {}, True, "the next sync deletes it"),
        (application("PruneLast=true", prune=True), {}, True, "after everything else"),
        (application(prune=True), own("PruneLast=true"), True, "after everything else"),
        (application(prune=False, selfHeal=True), {}, False, "prune is off"),
        (application(prune=True, enabled=False), {}, False, "until somebody syncs with prune"),
        (application(), {}, False, "until somebody syncs with prune"),
        (application(prune=True), own("Replace=true", " Prune=false"), False, "Prune=false"),
        (application(prune=True), own("Prune=confirm"), False, "confirms"),
        (application("Prune=false", prune=True), {}, False, "Prune=false"),
        (application("Prune=false", prune=True), own("Prune=true"), True, "the next sync deletes it"),
        # Helm's policy keeps an object from deletion, not from pruning.
        (application(prune=True), {"helm.sh/resource-policy": "keep"}, True, "the next sync deletes it"),
    ],
)
def test_an_object_that_is_not_rendered(
    app: Application, annotations: dict[str, object], deleted: bool, words: str
) -> None:
    """Pruning depends on automated sync, on its prune, and on Prune, of which the object's own word counts first."""
    fate = fate_when_not_rendered(app, annotations, app_wide=True)
    assert (fate.deleted, words in fate.text) == (deleted, True)


def test_an_older_argo_cd_reads_prune_on_the_object_only() -> None:
    """Before 3.4 the option in the Application's list does nothing, and on the object it holds."""
    assert fate_when_not_rendered(application("Prune=false", prune=True), {}, app_wide=False).deleted
    assert not fate_when_not_rendered(application(prune=True), own("Prune=false"), app_wide=False).deleted


@pytest.mark.parametrize(
    ("app", "kind", "annotations", "deleted"),
    [
        (application(), DEPLOYMENT, {}, True),
        (application(finalizers=(f"{FINALIZER}/background",)), DEPLOYMENT, {}, True),
        (application(finalizers=()), DEPLOYMENT, {}, False),
        (application(), ("apiextensions.k8s.io", "CustomResourceDefinition"), {}, False),
        (application(), DEPLOYMENT, own("Delete=false"), False),
        (application("Delete=false"), DEPLOYMENT, {}, False),
        (application("Delete=false"), DEPLOYMENT, own("Delete=true"), True),
        (application(), DEPLOYMENT, own("Delete=confirm"), False),
        (application(), DEPLOYMENT, {"helm.sh/resource-policy": "keep"}, False),
        (application(), DEPLOYMENT, own("Prune=false"), True),
    ],
)
def test_an_object_whose_application_is_deleted(
    app: Application, kind: tuple[str, str], annotations: dict[str, object], deleted: bool
) -> None:
    """Only the finalizer makes a cascade, which spares definitions of kinds and what says Delete=false or keep."""
    assert fate_when_application_deleted(app, kind, annotations, app_wide=True).deleted is deleted


@pytest.mark.parametrize(
    ("app", "kind", "before", "after", "recreated"),
    [
        (application(), DEPLOYMENT, {}, {}, False),
        (application("Force=true"), DEPLOYMENT, {}, {}, False),
        (application(), DEPLOYMENT, {}, own("Force=true"), True),
        (application(), DEPLOYMENT, own("Force=true"), {}, True),
        (application("Replace=true"), DEPLOYMENT, {}, {}, False),
        (application("Replace=true"), DEPLOYMENT, {}, own("Force=true"), True),
        (application("Replace=true"), ("", "Namespace"), {}, own("Force=true"), False),
        (application("ServerSideApply=true"), DEPLOYMENT, {}, own("Force=true"), False),
        (application("ServerSideApply=true"), DEPLOYMENT, {}, own("Force=true", "ServerSideApply=false"), True),
        (application("ServerSideApply=true", "Replace=true"), DEPLOYMENT, {}, own("Force=true"), True),
        (application(), ("rbac.authorization.k8s.io", "RoleBinding"), {}, {}, True),
        (application("ServerSideApply=true"), ("rbac.authorization.k8s.io", "RoleBinding"), {}, {}, False),
        (application("Replace=true"), ("rbac.authorization.k8s.io", "ClusterRoleBinding"), {}, {}, False),
        (application(), ("rbac.authorization.k8s.io", "Role"), {}, {}, False),
    ],
)
def test_an_object_that_cannot_be_updated(
    app: Application, kind: tuple[str, str], before: dict[str, object], after: dict[str, object], recreated: bool
) -> None:
    """Force on the object recreates it, Replace alone does not; a client-side apply recreates bindings first."""
    assert is_recreated(app, kind, before, after) is recreated
