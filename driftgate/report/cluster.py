"""Which cluster this is, and what policy says of it, as text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from driftgate.live import Cluster
from driftgate.policy import Policy
from driftgate.policy.writing import destination_lines
from driftgate.report.terminal import printable
from driftgate.target import Target

__all__ = ["cluster_json", "cluster_text"]


def cluster_text(target: Target, cluster: Cluster, policy: Policy) -> str:
    """The cluster's identity, and whether policy names it; what differs, or the lines of policy that would name it."""
    rows = [
        ("context", cluster.context),
        (
            "API server",
            target.identity.api_server + ("" if cluster.verified else "  (its certificate is not verified)"),
        ),
        ("uid", f"{target.identity.uid}  (of namespace kube-system)"),
        ("Kubernetes", target.identity.version),
        ("policy", _verdict(target, policy)),
        *(("", difference) for difference in target.differences),
    ]
    lines = [f"{head:<12}{printable(text)}" for head, text in rows]
    if target.entry is None:
        where = policy.file or "policies/NAME.yaml"
        entry = destination_lines(target.new_entry(cluster.context))
        lines += ["", f"These lines in {printable(where)} name it; --write puts them there:", ""]
        lines += ["cluster:", "  destinations:", *(f"    {printable(line)}" for line in entry)]
    return "\n".join(lines) + "\n"


def cluster_json(targets: Sequence[tuple[Target, Cluster, Policy]]) -> str:
    """The same as JSON: one element for each environment."""
    return json.dumps(
        [
            {
                "environment": policy.environment,
                "policy": policy.file,
                "destination": target.destination,
                "context": cluster.context,
                "apiServer": target.identity.api_server,
                "uid": target.identity.uid,
                "version": target.identity.version,
                "named": target.is_named,
                "differences": list(target.differences),
            }
            for target, cluster, policy in targets
        ],
        indent=2,
    )


def _verdict(target: Target, policy: Policy) -> str:
    if target.is_named:
        return f"{policy.file} names it for {target.destination}"
    if target.entry is None:
        return f"{policy.file or 'the default policy'} names no cluster for {target.destination}"
    return f"{policy.file} names ANOTHER cluster for {target.destination}:"
