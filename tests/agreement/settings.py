"""The rules of an Application and the settings of Argo CD, read as `driftgate drift` reads them."""

from __future__ import annotations

from collections.abc import Mapping

from driftgate.compare import Rules
from driftgate.drift.rules import ArgoCDSettings, application_rules
from driftgate.model.application import Application
from driftgate.model.node import Node
from tests.agreement.rules import BLOB, OPTIONS, RULE, Setup


def rules_of(setup: Setup) -> Rules:
    """Everything that decides a comparison besides the objects."""
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"destination": {"namespace": "shop"}, "ignoreDifferences": list(setup.ignore_differences)},
    }
    settings = {key: Node(text, "argocd-cm.yaml") for key, text in setup.settings.items()}
    application = Application.from_manifest(Node.from_plain(manifest, "shop.yaml"))
    return application_rules(application, ArgoCDSettings.read(settings, "argocd"))


def without_rules(settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings, of an Argo CD that ignores nothing."""
    kept = {key: text for key, text in settings.items() if key != BLOB and not key.startswith(RULE)}
    aggregated = "ignoreAggregatedRoles: true" in settings.get(OPTIONS, "")
    more = "ignoreAggregatedRoles: true\n" if aggregated else ""
    return {**kept, OPTIONS: f"ignoreResourceStatusField: none\n{more}"}
