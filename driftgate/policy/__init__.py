"""Policy: what a team has decided, read from `policies/<environment>.yaml` and its waivers."""

from driftgate.policy.frame import (
    ArgoCDSection,
    CheckSetting,
    ClusterDestination,
    ClusterSection,
    DriftSection,
    ExternalEntry,
    ReferencesSection,
    RepositorySection,
    SchemasSection,
)
from driftgate.policy.policy import Policy, policy_schema, read_policies
from driftgate.policy.sections import Section, setting
from driftgate.policy.waivers import Waiver

__all__ = [
    "ArgoCDSection",
    "CheckSetting",
    "ClusterDestination",
    "ClusterSection",
    "DriftSection",
    "ExternalEntry",
    "Policy",
    "ReferencesSection",
    "RepositorySection",
    "SchemasSection",
    "Section",
    "Waiver",
    "policy_schema",
    "read_policies",
    "setting",
]
