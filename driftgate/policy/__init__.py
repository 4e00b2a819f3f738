"""Policy: what a team has decided, read from `policies/<environment>.yaml` and its waivers."""

from driftgate.policy.policy import (
    ArgoCDSection,
    CheckSetting,
    ClusterSection,
    Policy,
    RepositorySection,
    policy_schema,
    read_policies,
)
from driftgate.policy.sections import Section, setting
from driftgate.policy.waivers import Waiver

__all__ = [
    "ArgoCDSection",
    "CheckSetting",
    "ClusterSection",
    "Policy",
    "RepositorySection",
    "Section",
    "Waiver",
    "policy_schema",
    "read_policies",
    "setting",
]
