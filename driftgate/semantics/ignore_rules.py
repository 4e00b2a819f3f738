"""Which objects a rule of ``ignoreDifferences`` applies to.

Source: Argo CD ``util/argo/normalizers/diff_normalizer.go``, ``Normalize``.
"""

from __future__ import annotations

from driftgate.semantics.globs import gobwas_match


def rule_matches(
    rule_group: str,
    rule_kind: str,
    rule_name: str,
    rule_namespace: str,
    group: str,
    kind: str,
    name: str,
    namespace: str,
) -> bool:
    """Tell whether a rule applies to an object; what a rule omits is passed as the empty text.

    Group and kind are globs without separators, so an omitted group matches only the core group, and ``*``
    crosses dots. Name and namespace are exact, and any when omitted. *namespace* is the object's after
    defaulting, empty for a cluster-scoped one.
    """
    return (
        gobwas_match(rule_group, group)
        and gobwas_match(rule_kind, kind)
        and rule_name in {"", name}
        and rule_namespace in {"", namespace}
    )
