"""Waivers: owned, reasoned, dated acceptances of a finding."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fnmatch import fnmatchcase

from driftgate.model.node import Node
from driftgate.model.outcome import Finding
from driftgate.model.place import Place

__all__ = ["WAIVER_SCHEMA", "Waiver"]

WAIVER_SCHEMA = {
    "type": "object",
    "description": "One accepted finding.",
    "additionalProperties": False,
    "required": ["finding"],
    "properties": {
        "finding": {"type": "string", "description": "The finding's key, or a pattern of it with * and ?."},
        "reason": {"type": "string", "description": "Why the finding is accepted."},
        "owner": {"type": "string", "description": "Who answers for it."},
        "expires": {"type": "string", "description": "The last day it holds, as YYYY-MM-DD."},
    },
}


@dataclass(frozen=True, slots=True)
class Waiver:
    """One acceptance. `expires` is the last day on which it holds; None where the date is missing or unreadable."""

    finding: str
    reason: str
    owner: str
    expires: dt.date | None
    expires_text: str
    place: Place

    @classmethod
    def from_node(cls, node: Node) -> Waiver:
        """Read one entry of a waiver file whose shape has been checked."""
        texts = {key: (below.text or "").strip() for key, below in node.mapping.items()}
        try:
            expires = dt.date.fromisoformat(texts.get("expires", ""))
        except ValueError:
            expires = None
        return cls(
            finding=texts.get("finding", ""),
            reason=texts.get("reason", ""),
            owner=texts.get("owner", ""),
            expires=expires,
            expires_text=texts.get("expires", ""),
            place=node.place,
        )

    def fault(self, today: dt.date) -> str:
        """Why the waiver does not hold, or "" where it does."""
        if not self.owner:
            return "it has no owner"
        if not self.reason:
            return "it has no reason"
        if self.expires is None:
            return f"its expiry {self.expires_text!r} is not a date" if self.expires_text else "it has no expiry"
        return f"it expired on {self.expires}" if self.expires < today else ""

    def matches(self, finding: Finding) -> bool:
        """Whether the waiver speaks of the finding; in patterns `*` crosses every separator, `[` is literal."""
        return fnmatchcase(finding.key, self.finding.replace("[", "[[]"))
