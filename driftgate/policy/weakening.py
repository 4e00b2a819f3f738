"""What a later policy asks for less than an earlier one: entries that are gone, checks that are off, looser bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from driftgate.model.manifest import named_path
from driftgate.model.node import Node, Path, field_path
from driftgate.model.outcome import Severity
from driftgate.policy.policy import Policy
from driftgate.semantics.quantity import parse_quantity

__all__ = ["Weakening", "weakenings"]

# Lists of which every element asks for something; of others one less may ask for more.
_DEMANDS = frozenset(
    {"complete", "finalizers", "foreignTokens", "info", "inventory", "manifests", "mutableTags", "probes", "required",
     "roots"}
)  # fmt: skip
_FRAME = frozenset({"argocd", "checks", "cluster", "driftgate", "environment", "repository", "waivers"})
# What permits, declares or excuses: without it the rest asks for more.
_PERMITS = ("allowed", "except", "exclude", "existing", "external", "ignore", "objectNamespaces", "reason")


@dataclass(frozen=True, slots=True)
class Weakening:
    """One demand of the earlier policy that the later one makes no more, or not as strictly.

    `path` is its place in the earlier policy, `key` names it in a finding's key, `subject` is the element of a list.
    """

    path: Path
    key: str
    found: str
    expected: str
    subject: str = ""


def weakenings(
    earlier: Policy, later: Policy, severities: Mapping[str, Severity], renamed: Mapping[str, str]
) -> Iterator[Weakening]:
    """Every demand that a policy makes less of.

    `severities` are those that the checks come with; `renamed` gives the new name of an Application by its old one.
    """
    yield from _checks(earlier, later, severities)
    yield from _exclusions(earlier, later)
    for name, node in earlier.node.mapping.items():
        if name not in _FRAME:
            yield from _lost(node, later.node.get(name), (name,), earlier, renamed)


def _checks(earlier: Policy, later: Policy, severities: Mapping[str, Severity]) -> Iterator[Weakening]:
    named = [policy.node.get("checks") for policy in (earlier, later)]
    for check in dict.fromkeys(name for node in named if node for name in node.mapping):
        before, after = (policy.severity(check, severities[check]) for policy in (earlier, later))
        if before is not None and (after is None or after.rank > before.rank):
            path: Path = ("checks", check)
            found = f"{check} is {after.value if after else 'off'}, it was {before.value}"
            yield Weakening(path, field_path(path), found, f"{before.value}, as before")


def _exclusions(earlier: Policy, later: Policy) -> Iterator[Weakening]:
    before, after = (policy.node.get("repository", "exclude") for policy in (earlier, later))
    known = {entry.text for entry in before.items} if before else set()
    for entry in after.items if after else ():
        if before is not None and entry.text not in known:
            path: Path = ("repository", "exclude")
            found = f"{entry.text} is not looked at any more"
            yield Weakening(path, f"{field_path(path)}.{entry.text}", found, "all that was looked at before")


def _lost(
    before: Node, after: Node | None, path: Path, policy: Policy, renamed: Mapping[str, str]
) -> Iterator[Weakening]:
    name = str(path[-1])
    if name.startswith(_PERMITS) or name.endswith("Allowed"):
        return
    if before.items:
        yield from _lost_elements(before, after, path, policy, renamed)
    elif after is None:
        if path[0] == "overrides" and len(path) == 2:
            yield _weakening(path, f"what held for {name} alone is gone", policy, name)
        else:
            yield _weakening(path, f"{field_path(path)} is gone", policy)
    elif before.mapping:
        for key, below in before.mapping.items():
            yield from _lost(below, after.get(key) or after.get(renamed.get(key, key)), (*path, key), policy, renamed)
    elif _is_looser(name, before, after):
        yield _weakening(path, f"{field_path(path)} is {_shown(after)}, it was {_shown(before)}", policy)


def _lost_elements(
    before: Node, after: Node | None, path: Path, policy: Policy, renamed: Mapping[str, str]
) -> Iterator[Weakening]:
    if after is None and path[-1] not in ("inventory", "roots"):
        yield _weakening(path, f"{field_path(path)} is gone", policy)
        return
    if path[-1] not in _DEMANDS:
        return
    kept = [_demand(item) for item in after.items] if after is not None else []
    for index, item in enumerate(before.items):
        if _demand(item) not in kept and renamed.get(item.text or "") not in kept:
            subject = item.text or named_path(before.plain(), (index,))
            yield _weakening((*path, index), f"{field_path(path)} holds {subject} no more", policy, subject)


def _demand(item: Node) -> object:
    """What an element asks for: its reason may be told in other words."""
    plain = item.plain()
    return {key: value for key, value in plain.items() if key != "reason"} if isinstance(plain, Mapping) else plain


def _weakening(path: Path, found: str, policy: Policy, subject: str = "") -> Weakening:
    steps = [step for step in path if not isinstance(step, int)]
    key = ".".join(map(str, steps)) + (f".{subject}" if subject and subject != steps[-1] else "")
    place = policy.node.place_of(*path)
    return Weakening(path, key, found, f"what {place.file}:{place.line} asked for", subject)


def _is_looser(name: str, before: Node, after: Node) -> bool:
    one, other = before.value, after.value
    if isinstance(one, bool) and isinstance(other, bool):
        return one and not other
    if name not in ("minimum", "maximum") or isinstance(one, list | dict) or isinstance(other, list | dict):
        return False
    amounts = [parse_quantity(value) for value in (one, other) if isinstance(value, str | int | float)]
    if len(amounts) < 2 or amounts[0] is None or amounts[1] is None:
        return False
    return amounts[1] < amounts[0] if name == "minimum" else amounts[1] > amounts[0]


def _shown(node: Node) -> str:
    return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
