"""What decides the comparison of an Application's objects: its own ignore rules, those of `argocd-cm`, and tracking.

Argo CD reads the settings from the `argocd-cm` of its namespace; here they come from the one of the tree that policy
names (`argocd.config`), so that Git alone decides. Source: Argo CD `util/settings/settings.go`
(`GetResourceOverrides`, `GetResourceCompareOptions`, `GetResourcesFilter`, `GetTrackingMethod`), `controller/state.go`
(`CompareAppState`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from driftgate.argocd_config import content_of, system_ignore_rules
from driftgate.compare import (
    INSTANCE_LABEL,
    STATUS_RULE,
    IgnoreRule,
    KnownType,
    Origin,
    Rules,
    Tracking,
    TrackingMethod,
)
from driftgate.facts import Exclusion, default_exclusions
from driftgate.model.application import Application, IgnoreDifference
from driftgate.model.node import Node
from driftgate.model.place import Place
from driftgate.semantics.globs import gobwas_match

__all__ = ["ArgoCDSettings", "application_rules", "instance_name", "release_name", "release_rules", "rule_place"]

_METHOD = "application.resourceTrackingMethod"
_LABEL_KEY = "application.instanceLabelKey"
_INSTALLATION = "installationID"
_COMPARE_OPTIONS = "resource.compareoptions"
_EXCLUSIONS = "resource.exclusions"
_KNOWN_TYPES = "resource.customizations.knownTypeFields."
_SENSITIVE = "resource.sensitive.mask.annotations"
_ANNOTATION = "argocd.argoproj.io/compare-options"

_METHODS = {
    "": TrackingMethod.ANNOTATION,
    "annotation": TrackingMethod.ANNOTATION,
    "label": TrackingMethod.LABEL,
    "annotation+label": TrackingMethod.BOTH,
}
_STATUS_OF_CRDS = IgnoreRule(
    "apiextensions.k8s.io",
    "CustomResourceDefinition",
    json_pointers=("/status",),
    origin=Origin.DEFAULT,
    label="status of every CustomResourceDefinition",
)
_STATUS_RULES: Mapping[str, tuple[IgnoreRule, ...]] = {"none": (), "off": (), "false": (), "crd": (_STATUS_OF_CRDS,)}
#: Kinds that Argo CD never looks at, whatever its settings say (argo-cd: `util/settings/resources_filter.go`).
_NEVER = (
    Exclusion(("events.k8s.io", "metrics.k8s.io"), ("*",)),
    Exclusion(("",), ("Event",)),
    Exclusion(("coordination.k8s.io",), ("Lease",)),
)


@dataclass(frozen=True, slots=True)
class ArgoCDSettings:
    """The settings of one Argo CD that decide over a comparison, from the data of its `argocd-cm`.

    `namespace` is that of its control plane. `system` are the ignore rules for every Application, each with its place
    in `places` by its label.
    """

    namespace: str = "argocd"
    method: TrackingMethod = TrackingMethod.ANNOTATION
    label_key: str = INSTANCE_LABEL
    installation_id: str = ""
    system: tuple[IgnoreRule, ...] = (STATUS_RULE,)
    places: Mapping[str, Place] = field(default_factory=dict)
    ignore_aggregated_roles: bool = False
    known_types: tuple[KnownType, ...] = ()
    sensitive_annotations: frozenset[str] = frozenset()
    exclusions: tuple[Exclusion, ...] = ()

    @classmethod
    def read(cls, config: Mapping[str, Node], namespace: str) -> ArgoCDSettings:
        """The settings in the data of an `argocd-cm`; what it leaves out is as Argo CD ships it."""
        options = content_of(config, _COMPARE_OPTIONS)
        rules = [(_system_rule(rule), rule.place) for rule in system_ignore_rules(config)]
        status = _text(options.get("ignoreResourceStatusField") if options is not None else None) or "all"
        aggregated = options.get("ignoreAggregatedRoles") if options is not None else None
        return cls(
            namespace=namespace,
            method=_METHODS.get(_text(config.get(_METHOD)), TrackingMethod.OTHER),
            label_key=_text(config.get(_LABEL_KEY)) or INSTANCE_LABEL,
            installation_id=_text(config.get(_INSTALLATION)),
            system=(*(rule for rule, _ in rules), *_STATUS_RULES.get(status.lower(), (STATUS_RULE,))),
            places={rule.label: place for rule, place in reversed(rules)},
            ignore_aggregated_roles=aggregated is not None and aggregated.flag is True,
            known_types=tuple(_known_types(config)),
            sensitive_annotations=frozenset(_listed(_text(config.get(_SENSITIVE)))),
            exclusions=(*_NEVER, *_exclusions(config)),
        )

    def excludes(self, group: str, kind: str) -> bool:
        """Whether Argo CD takes no notice of a kind: it neither deploys nor compares nor prunes it."""
        return any(
            any(gobwas_match(pattern, group) for pattern in entry.groups)
            and any(wanted in ("*", kind) for wanted in entry.kinds)
            for entry in self.exclusions
        )


def instance_name(application: Application, namespace: str) -> str:
    """How objects refer to an Application: with its own namespace in front where that is not Argo CD's."""
    own = application.namespace
    return application.name if own in ("", namespace) else f"{own}_{application.name}"


def application_rules(application: Application, settings: ArgoCDSettings) -> Rules:
    """The rules by which Argo CD compares the objects of an Application."""
    return Rules(
        ignore=tuple(map(_own_rule, application.ignore_differences)),
        system=settings.system,
        tracking=Tracking(
            method=settings.method,
            application=instance_name(application, settings.namespace),
            namespace=application.destination.namespace,
            label_key=settings.label_key,
            installation_id=settings.installation_id,
        ),
        ignore_aggregated_roles=settings.ignore_aggregated_roles,
        known_types=settings.known_types,
        server_side=_asks_the_server(application),
        sensitive_annotations=settings.sensitive_annotations,
    )


def release_name(application: Application) -> tuple[str, str]:
    """Name and namespace of the helm release that an Application amounts to; both empty where it has no chart."""
    for source in application.sources:
        if source.renders:
            name = source.helm.release_name or application.name
            return name, source.helm.namespace or application.destination.namespace
    return "", ""


def release_rules(application: Application, settings: ArgoCDSettings) -> Rules:
    """The rules by which the objects of a helm release are compared.

    Helm has no ignore rules of its own. What the Application ignores is written by somebody else whoever delivers, so
    its rules and the system's hold for a release too.
    """
    name, namespace = release_name(application)
    return Rules(
        ignore=tuple(map(_own_rule, application.ignore_differences)),
        system=settings.system,
        tracking=Tracking(method=TrackingMethod.HELM, application=name, namespace=namespace),
        ignore_aggregated_roles=settings.ignore_aggregated_roles,
        known_types=settings.known_types,
        sensitive_annotations=settings.sensitive_annotations,
    )


def rule_place(rule: IgnoreRule, application: Application, settings: ArgoCDSettings) -> Place | None:
    """Where an ignore rule is written; None for the one that nobody wrote, and for one on the object itself."""
    for written in application.ignore_differences:
        if rule.origin is Origin.APPLICATION and rule.label == _own_label(written):
            return written.place
    return settings.places.get(rule.label) if rule.origin is Origin.SYSTEM else None


def _own_label(rule: IgnoreDifference) -> str:
    return f"ignoreDifferences[{rule.index}]"


def _own_rule(rule: IgnoreDifference) -> IgnoreRule:
    return IgnoreRule(
        group=rule.group,
        kind=rule.kind,
        name=rule.name,
        namespace=rule.namespace,
        json_pointers=tuple(entry.text for entry in rule.json_pointers),
        jq_path_expressions=tuple(entry.text for entry in rule.jq_path_expressions),
        managed_fields_managers=tuple(entry.text for entry in rule.managed_fields_managers),
        label=_own_label(rule),
    )


def _system_rule(rule: IgnoreDifference) -> IgnoreRule:
    return IgnoreRule(
        group=rule.group,
        kind=rule.kind,
        json_pointers=tuple(entry.text for entry in rule.json_pointers),
        jq_path_expressions=tuple(entry.text for entry in rule.jq_path_expressions),
        managed_fields_managers=tuple(entry.text for entry in rule.managed_fields_managers),
        origin=Origin.SYSTEM,
        label=f"argocd-cm: {rule.label}",
    )


def _asks_the_server(application: Application) -> bool:
    """Whether the Application has its objects compared by the API server; a `false` wins over a `true`."""
    node = application.annotations.get(_ANNOTATION)
    options = _listed(_text(node))
    return "ServerSideDiff=true" in options and "ServerSideDiff=false" not in options


def _known_types(config: Mapping[str, Node]) -> Iterator[KnownType]:
    for key in config:
        if key.startswith(_KNOWN_TYPES):
            group, _, kind = key.removeprefix(_KNOWN_TYPES).rpartition("_")
            content = content_of(config, key)
            for entry in content.items if content is not None else ():
                yield KnownType(group, kind, _text(entry.get("field")), _text(entry.get("type")))


def _exclusions(config: Mapping[str, Node]) -> tuple[Exclusion, ...]:
    """Those of the settings; the ones that Argo CD ships where these have none, as an excerpt of `argocd-cm` does."""
    content = content_of(config, _EXCLUSIONS)
    if content is None:
        return default_exclusions()
    return tuple(Exclusion(_texts(entry, "apiGroups"), _texts(entry, "kinds")) for entry in content.items)


def _texts(node: Node, key: str) -> tuple[str, ...]:
    below = node.get(key)
    return tuple(entry.text for entry in (below.items if below is not None else ()) if entry.text is not None)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _text(node: Node | None) -> str:
    """A setting as text; an unquoted `false` is one too, as Argo CD reads it out of a text."""
    if node is None or isinstance(node.value, dict | list) or node.value is None:
        return ""
    return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
