"""Kubernetes' rules for names of objects, for labels and for the keys of annotations.

Sources: apimachinery: pkg/util/validation/validation.go and pkg/api/validation/path; which rule a kind has: kubernetes:
pkg/apis/*/validation.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["label_value_fault", "name_fault", "qualified_name_fault", "stem_of_hashed"]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
# What kustomize appends to names (kustomize: api/hasher/hasher.go `encode`), and a hexadecimal digest or its beginning.
_HASHED = re.compile(r"(?P<stem>.+)-(?:[2456789bcdfghkmt]{10}|(?=[a-f]*[0-9])[0-9a-f]{7,64})")
_LONGEST_LABEL = 63
_LONGEST_SUBDOMAIN = 253
_RBAC = "rbac.authorization.k8s.io"
# A Pod's name adds eleven characters to that of its CronJob (kubernetes: pkg/apis/batch/validation).
_LONGEST = {("batch", "CronJob"): 52, ("batch", "Job"): 63}


@lru_cache(maxsize=65536)
def name_fault(group: str, kind: str, name: str, *, strict_services: bool = True) -> str:
    """What is wrong with `metadata.name`, as what it must be; empty for a name that is in order.

    `strict_services` is Kubernetes up to 1.34, where the name of a Service begins with a letter.
    """
    if group == _RBAC:
        bad = name in (".", "..") or "/" in name or "%" in name
        return "a name without / and %, other than . and .." if bad else ""
    if (group, kind) == ("", "Service"):
        rule = _LABEL_1035 if strict_services else _LABEL
        first = "a letter" if strict_services else "a letter or a digit"
        fits = len(name) <= _LONGEST_LABEL and rule.fullmatch(name)
        return "" if fits else f"at most 63 lower-case letters, digits and dashes, with {first} first"
    if (group, kind) == ("", "Namespace"):
        fits = len(name) <= _LONGEST_LABEL and _LABEL.fullmatch(name)
        return "" if fits else "at most 63 lower-case letters, digits and dashes, with a letter or a digit at both ends"
    longest = _LONGEST.get((group, kind), _LONGEST_SUBDOMAIN)
    if len(name) <= longest and _SUBDOMAIN.fullmatch(name):
        return ""
    return f"at most {longest} lower-case letters, digits, dashes and dots, with a letter or a digit at both ends"


@lru_cache(maxsize=65536)
def qualified_name_fault(key: str) -> str:
    """What is wrong with the key of a label or annotation: `name`, or `prefix/name` with a DNS name before it."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (len(prefix) <= _LONGEST_SUBDOMAIN and _SUBDOMAIN.fullmatch(prefix)):
        return "a DNS name before the slash"
    if len(name) <= _LONGEST_LABEL and _NAME.fullmatch(name):
        return ""
    return "at most 63 letters, digits, dashes, underscores and dots, with a letter or a digit at both ends"


@lru_cache(maxsize=65536)
def label_value_fault(value: str) -> str:
    """What is wrong with the value of a label; an empty one is in order."""
    if not value or (len(value) <= _LONGEST_LABEL and _NAME.fullmatch(value)):
        return ""
    return "at most 63 letters, digits, dashes, underscores and dots, with a letter or a digit at both ends"


def stem_of_hashed(name: str) -> str:
    """The part of a name before a hash of the object's content; empty for a name that ends in none."""
    match = _HASHED.fullmatch(name)
    return match["stem"] if match else ""
