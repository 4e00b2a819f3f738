"""Endpoints in the order in which Argo CD compares them: by address, and for ports and subsets by a digest.

Source: Argo CD `gitops-engine/pkg/diff/diff.go` (`normalizeEndpoint`) and
`internal/kubernetes_vendor/pkg/api/v1/endpoints` (`SortSubsets`), which digests what go-spew prints of a value.
"""

from __future__ import annotations

import hashlib
from typing import Any

from driftgate.compare.go_types import named_type
from driftgate.compare.remarshal import UndecodableError, converted
from driftgate.compare.values import Json

__all__ = ["sorted_endpoints"]

#: The fields of the structs as Go declares them: name in Go, name in JSON, type as Go writes it.
_ADDRESS = (
    ("IP", "ip", "string"),
    ("Hostname", "hostname", "string"),
    ("NodeName", "nodeName", "*string"),
    ("TargetRef", "targetRef", "*v1.ObjectReference"),
)
_PORT = (
    ("Name", "name", "string"),
    ("Port", "port", "int32"),
    ("Protocol", "protocol", "v1.Protocol"),
    ("AppProtocol", "appProtocol", "*string"),
)
_REFERENCE = (
    ("Kind", "kind", "string"),
    ("Namespace", "namespace", "string"),
    ("Name", "name", "string"),
    ("UID", "uid", "types.UID"),
    ("APIVersion", "apiVersion", "string"),
    ("ResourceVersion", "resourceVersion", "string"),
    ("FieldPath", "fieldPath", "string"),
)
_SUBSET = (
    ("Addresses", "addresses", "[]v1.EndpointAddress"),
    ("NotReadyAddresses", "notReadyAddresses", "[]v1.EndpointAddress"),
    ("Ports", "ports", "[]v1.EndpointPort"),
)
_STRUCTS = {"v1.EndpointAddress": _ADDRESS, "v1.EndpointPort": _PORT, "v1.ObjectReference": _REFERENCE}


def sorted_endpoints(document: Json) -> Json:
    """The object with subsets, addresses and ports in order, and a protocol for each port.

    As it is where it does not fit its type.
    """
    try:
        whole: Json = converted(document, named_type("core.v1.Endpoints"))
    except UndecodableError:
        return document
    if whole.get("subsets"):
        subsets = [_sorted_subset(subset) for subset in whole["subsets"]]
        # A list without elements is not encoded, but it is not nil either.
        printed = [
            _struct({**(given or {}), **subset}, _SUBSET)
            for given, subset in zip(document["subsets"], subsets, strict=True)
        ]
        order = sorted(range(len(subsets)), key=lambda index: _digest(f"(v1.EndpointSubset){printed[index]}"))
        whole["subsets"] = [subsets[index] for index in order]
    return whole


def _sorted_subset(subset: Json) -> Json:
    result = dict(subset)
    for field in result.keys() & {"addresses", "notReadyAddresses"}:
        result[field] = sorted(result[field], key=_address)
    if "ports" in result:
        ports = [{**port, "protocol": port.get("protocol") or "TCP"} for port in result["ports"]]
        result["ports"] = sorted(ports, key=lambda port: _digest(f"(v1.EndpointPort){_struct(port, _PORT)}"))
    return result


def _address(address: Json) -> tuple[str, bool, str]:
    target = address.get("targetRef")
    return address["ip"], target is not None, (target or {}).get("uid", "")


def _digest(text: str) -> bytes:
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def _struct(value: Json, fields: tuple[tuple[str, str, str], ...]) -> str:
    return "{" + " ".join(f"{name}:({kind}){_printed(value.get(key), kind)}" for name, key, kind in fields) + "}"


def _printed(value: Any, kind: str) -> str:
    """A value without its type; what is absent is nil where Go has a nil for it."""
    if kind.startswith("[]"):
        items = (_struct(item, _STRUCTS[kind[2:]]) for item in value or ())
        return "<nil>" if value is None else f"[{' '.join(items)}]"
    if value is None:
        return "<nil>" if kind.startswith("*") else "0" if kind == "int32" else ""
    return _struct(value, _STRUCTS[kind[1:]]) if isinstance(value, dict) else str(value)
