"""The rules of an Application's comparison, as they are read from its manifest and from the tree's argocd-cm."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from driftgate.compare import IgnoreRule, Origin, Tracking, TrackingMethod
from driftgate.drift.rules import ArgoCDSettings, application_rules, instance_name, release_rules, rule_place
from driftgate.model.application import Application
from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.yaml_reader import read_yaml

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm}
data:
  installationID: one
  resource.customizations.ignoreDifferences.apps_Deployment: |
    jsonPointers: [/spec/replicas]
  resource.sensitive.mask.annotations: acme.test/key, acme.test/token
  resource.exclusions: |
    - {apiGroups: ["*.acme.test"], kinds: [Widget], clusters: ["*"]}
"""


def config(text: str = CONFIG) -> Mapping[str, Node]:
    (root,) = read_yaml(text, "argocd-cm.yaml").roots
    data = root.get("data")
    assert data is not None
    return data.mapping


def application(spec: str = "", metadata: str = "") -> Application:
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
        f"metadata:\n  name: web\n{metadata}"
        "spec:\n  project: default\n  destination: {server: https://kubernetes.default.svc, namespace: shop}\n"
        f"  source:\n    repoURL: https://git.example.com/a.git\n    path: web\n{spec}"
    )
    (root,) = read_yaml(text, "apps/web.yaml").roots
    return Application.from_manifest(root)


def test_rules_of_an_application_keep_their_places() -> None:
    """An ignore rule is told by its number, and leads back to the line on which it is written."""
    spec = "  ignoreDifferences:\n    - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}\n"
    spec += "    - {kind: Secret, name: db, managedFieldsManagers: [vault]}\n"
    settings = ArgoCDSettings.read(config(), "argocd")
    found = application_rules(application(spec), settings)
    assert found.ignore == (
        IgnoreRule("apps", "Deployment", json_pointers=("/spec/replicas",), label="ignoreDifferences[0]"),
        IgnoreRule("", "Secret", "db", managed_fields_managers=("vault",), label="ignoreDifferences[1]"),
    )
    assert rule_place(found.ignore[1], application(spec), settings) == Place("apps/web.yaml", 13, 7)
    (system, status) = found.system
    assert (system.origin, system.label) == (Origin.SYSTEM, "argocd-cm: apps/Deployment")
    assert rule_place(system, application(spec), settings) == Place("argocd-cm.yaml", 7)
    assert rule_place(status, application(spec), settings) is None


def test_tracking_names_the_application_as_live_objects_do() -> None:
    """Outside of Argo CD's own namespace an Application's own comes first; installation id and destination go along."""
    settings = ArgoCDSettings.read(config(), "argocd")
    elsewhere = application(metadata="  namespace: team-a\n")
    assert [instance_name(one, "argocd") for one in (application(), elsewhere)] == ["web", "team-a_web"]
    assert application_rules(elsewhere, settings).tracking == Tracking(
        application="team-a_web", namespace="shop", installation_id="one"
    )


def test_a_release_is_tracked_by_helms_own_name_and_namespace() -> None:
    """Where helm delivers, objects belong to the release, and what the Application ignores stays ignored."""
    spec = "    helm: {releaseName: web-1, namespace: other}\n"
    spec += "  ignoreDifferences: [{kind: ConfigMap, jsonPointers: [/data]}]\n"
    release = application(spec)
    found = release_rules(release, ArgoCDSettings())
    assert found.tracking == Tracking(TrackingMethod.HELM, "web-1", "other")
    assert [rule.json_pointers for rule in found.ignore] == [("/data",)]


@pytest.mark.parametrize(
    ("options", "asks"),
    [
        ("ServerSideDiff=true", True),
        ("ServerSideDiff=true,ServerSideDiff=false", False),
        ("serversidediff=true", False),
        ("IncludeMutationWebhook=true, ServerSideDiff=true", True),
    ],
)
def test_the_application_may_have_the_server_asked(options: str, asks: bool) -> None:
    """ServerSideDiff is the exact text among the Application's compare options, and a false one wins."""
    metadata = f"  annotations: {{argocd.argoproj.io/compare-options: '{options}'}}\n"
    assert application_rules(application(metadata=metadata), ArgoCDSettings()).server_side is asks


def test_kinds_that_argocd_leaves_out() -> None:
    """The settings' own exclusions replace those that Argo CD ships, and never those that it has built in."""
    settings = ArgoCDSettings.read(config(), "argocd")
    kinds = [("a.acme.test", "Widget"), ("", "Event"), ("discovery.k8s.io", "EndpointSlice"), ("apps", "Deployment")]
    assert [settings.excludes(*kind) for kind in kinds] == [True, True, False, False]
    shipped = ArgoCDSettings.read({}, "argocd")
    assert [shipped.excludes(*kind) for kind in kinds] == [False, True, True, False]
    assert settings.sensitive_annotations == {"acme.test/key", "acme.test/token"}
