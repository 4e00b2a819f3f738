"""Which line of which layer counts: what one layer sets, the layers above it may replace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from driftgate.model.environment import LayerKind, ValuesLayer
from driftgate.model.node import Node, Path
from driftgate.semantics.helm_values import set_path

__all__ = ["effective_leaves", "hits", "is_parameter", "replaces"]

_PARAMETERS = (LayerKind.PARAMETER, LayerKind.FILE_PARAMETER)


def is_parameter(layer: ValuesLayer) -> bool:
    """Whether the layer is one parameter, which sets a single path, and no mapping."""
    return layer.kind in _PARAMETERS


def effective_leaves(layers: Sequence[ValuesLayer]) -> Iterator[tuple[ValuesLayer, Path, Node]]:
    """Every leaf of the layers that are mappings, highest layer first, without those that a layer above replaces."""
    for position in range(len(layers) - 1, -1, -1):
        layer = layers[position]
        if is_parameter(layer):
            continue
        above = layers[position + 1 :]
        for path, leaf in layer.node.leaves():
            if not any(replaces(other, path, leaf) for other in above):
                yield layer, path, leaf


def replaces(layer: ValuesLayer, path: Path, leaf: Node) -> bool:
    """Whether a layer, laid over another one, leaves nothing of a leaf of that one."""
    if is_parameter(layer):
        target = set_path(layer.text)
        return target is not None and hits(target, path, leaf)
    return _mapping_replaces(layer.node, path, leaf)


def hits(target: Path, path: Path, leaf: Node) -> bool:
    """Whether setting `target` replaces the leaf at `path`: the leaf itself, all around it, or what it hangs from."""
    if path[: len(target)] == target:
        return True
    # A key set on a list, or an index on a mapping, replaces the whole of it.
    differing = next(((one, other) for one, other in zip(target, path, strict=False) if one != other), None)
    if differing is not None:
        return isinstance(differing[0], int) is not isinstance(differing[1], int)
    # Below an empty mapping there is room for more; anything else, null included, gives way to a mapping.
    return len(target) > len(path) and not isinstance(leaf.value, dict)


def _mapping_replaces(node: Node, path: Path, leaf: Node) -> bool:
    for step in path:
        if not isinstance(node.value, dict) or isinstance(step, int):
            return True  # Helm merges mappings only: a scalar or a list stands where the leaf's way leads
        below = node.step(step)
        if below is None:
            return False
        node = below
    # Two mappings merge, and an empty one adds nothing to the other.
    return not (isinstance(node.value, dict) and isinstance(leaf.value, dict))
