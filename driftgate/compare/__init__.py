"""What a sync would change, decided by Argo CD's rules and without Argo CD.

`compare(desired, live, rules)` takes two objects as plain JSON and says which of the verdicts holds, field by field.
`predict` gives the two objects that the verdict rests on. Everything here is a pure function: the arguments are never
changed, and nothing is read but the tables of Kubernetes' types.

The way of one pair, with the module of each step: tracking metadata (`tracking`), rules for field managers
(`managed_fields`), the typed re-marshal of built-in kinds (`remarshal`, over the tables of `go_types`), normalisation
of kinds and ignore rules (`normalise`, `ignore`), the merge (`strategic_merge` for built-in kinds, `json_merge` for the
rest, `defaults` for what the API server fills in), and what differs after it (`differences`). Source: Argo CD v3.6.1,
`util/argo/diff/diff.go` (`StateDiffs`), `gitops-engine/pkg/diff/diff.go` (`Diff`).
"""

from driftgate.compare.problems import CompareError
from driftgate.compare.result import (
    ABSENT,
    Comparison,
    Difference,
    Prediction,
    Problem,
    ProblemKind,
    Step,
    Verdict,
    written_path,
)
from driftgate.compare.rules import (
    INSTANCE_LABEL,
    STATUS_RULE,
    IgnoreRule,
    KnownType,
    Origin,
    Rules,
    Tracking,
    TrackingMethod,
)
from driftgate.compare.tracking import desired_object
from driftgate.compare.verdict import compare, predict

__all__ = [
    "ABSENT",
    "INSTANCE_LABEL",
    "STATUS_RULE",
    "CompareError",
    "Comparison",
    "Difference",
    "IgnoreRule",
    "KnownType",
    "Origin",
    "Prediction",
    "Problem",
    "ProblemKind",
    "Rules",
    "Step",
    "Tracking",
    "TrackingMethod",
    "Verdict",
    "compare",
    "desired_object",
    "predict",
    "written_path",
]
