"""Strategic merge, for kinds whose Go type is known: the patch of a three-way apply, and what it makes of an object.

A patch is a document with directives: `$setElementOrder/<list>` for the order of a merged list,
`$deleteFromPrimitiveList/<list>` for what leaves a list of plain values, `$patch: delete` in an element that leaves,
`$retainKeys` for a struct whose other keys are cleared. Source: apimachinery `pkg/util/strategicpatch`
(`CreateThreeWayMergePatch`, `StrategicMergePatch`), whose odd corners are kept: they are what Argo CD shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from driftgate.compare.go_types import Field, GoType, Listing, Mapped, Plain, Pointer, Struct, pointed_to
from driftgate.compare.problems import CompareError
from driftgate.compare.quick import field_check
from driftgate.compare.result import ProblemKind
from driftgate.compare.values import Json, equal, go_kind, go_text

__all__ = ["applied", "can_be_filled_in", "three_way_patch", "two_way_patch"]

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETIONS = "$deleteFromPrimitiveList/"


def three_way_patch(original: Json, modified: Json, current: Json, kind: Struct) -> Json:
    """What makes the current object the modified one, without touching what neither the original nor it speaks of.

    Changes and additions are those from current to modified, deletions those from original to modified.
    """
    delta = _map_patch(current, modified, kind, _ADDITIONS)
    if original is modified:
        # There is nothing to delete then, but lists that cannot be merged still end it.
        _check_lists(modified, kind)
        deletions: Json = {}
    else:
        deletions = _map_patch(original, modified, kind, _REMOVALS)
    return _merged_map(deletions, delta, kind, onto_object=False)


def two_way_patch(original: Json, modified: Json, kind: Struct) -> Json:
    """What makes the original object the modified one; both are written as their type is encoded."""
    _check_lists(original, kind)
    return _map_patch(original, modified, kind, _EVERYTHING)


def applied(document: Json, patch: Json, kind: Struct) -> Json:
    """The object with the patch applied; neither is changed."""
    return _merged_map(document, patch, kind, onto_object=True)


# --- what a type says about merging


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which part of a difference goes into a patch, and whether the struct at hand clears other keys."""

    additions: bool
    deletions: bool
    retain_keys: bool = False

    def below(self, field: Field) -> _Wanted:
        return _WANTED[self.additions, self.deletions, field.retain_keys]


_WANTED = {
    (additions, deletions, retain): _Wanted(additions, deletions, retain)
    for additions in (False, True)
    for deletions in (False, True)
    for retain in (False, True)
}
_ADDITIONS = _WANTED[True, False, False]
_REMOVALS = _WANTED[False, True, False]
_EVERYTHING = _WANTED[True, True, False]


def _failure(message: str) -> CompareError:
    return CompareError(ProblemKind.MERGE, message)


def _field(kind: GoType, key: str) -> Field:
    struct = pointed_to(kind)
    if not isinstance(struct, Struct):
        raise _failure(f"the field {key!r} lies in a value that has no fields")
    field = struct.field(key)
    if field is None:
        raise _failure(f"{struct.name} has no field {key!r}")
    return field


def _list_field(kind: GoType, key: str) -> tuple[Field, GoType]:
    """The field of a list, and the type of its elements."""
    field = _field(kind, key)
    match field.type:
        case Listing(of) if isinstance(of, Listing):
            raise _failure(f"the field {key!r} is a list of lists")
        case Listing(of):
            return field, of
        case Pointer(to):
            return field, to.of if isinstance(to, Listing) else to
        case Plain("bytes"):
            return field, Plain("int32")
    raise _failure(f"the field {key!r} is no list")


def _element_kind(*lists: list[Any]) -> str:
    """The one kind that all elements have; lists of lists, mixtures and nulls cannot be merged."""
    kinds = [go_kind(item) for items in lists for item in items]
    if kinds[:1] == ["null"]:
        raise CompareError(ProblemKind.OBJECT, "a merged list begins with a null")
    if len(set(kinds)) != 1 or kinds[0] == "list":
        raise _failure("the elements of a merged list are not of one kind")
    return kinds[0]


def _keyed(item: Any, key: str) -> Any:
    if type(item) is not dict:
        raise _failure("an element of a merged list is no map")
    if key not in item:
        raise _failure(f"an element of a merged list has no {key!r}")
    return item[key]


def _same(first: Any, second: Any) -> bool:
    """Whether two merge keys, or two plain values, are the same."""
    if type(first) is type(second) and type(first) in (dict, list):
        raise CompareError(ProblemKind.OBJECT, "an element of a merged list has a key that is no plain value")
    return equal(first, second)


def _find(items: list[Any], key: str, value: Any) -> int | None:
    """Where the first element with a value of the merge key stands."""
    for index, item in enumerate(items):
        if type(item) is not dict:
            raise _failure("an element of a merged list is no map")
        if key in item and _same(item[key], value):
            return index
    return None


def _index(items: list[Any], wanted: Any, key: str, kind: str) -> int:
    """Where the first element stands that has the merge key's value, or is the value itself; -1 for nowhere."""
    if kind != "map":
        return next((index for index, item in enumerate(items) if _same(item, wanted)), -1)
    value = wanted.get(key)
    for index, item in enumerate(items):
        if _same(item.get(key) if type(item) is dict else None, value):
            return index
    return -1


# --- making a patch


def _map_patch(original: Json, modified: Json, kind: GoType, wanted: _Wanted) -> Json:
    patch: Json = {}
    for key, value in modified.items():
        if key not in original:
            if wanted.additions:
                patch[key] = value
            continue
        before = original[key]
        if key == _DIRECTIVE:
            if not isinstance(before, str) or not isinstance(value, str):
                raise _failure(f"{_DIRECTIVE} is no text")
            if before != value:
                patch[key] = value
        elif go_kind(before) != go_kind(value):
            if wanted.additions:
                patch[key] = value
        elif type(value) is dict:
            _add_map(patch, key, before, value, kind, wanted)
        elif type(value) is list:
            _add_list(patch, key, before, value, kind, wanted)
        elif wanted.additions and before != value:
            patch[key] = value
    if wanted.deletions:
        patch.update((key, None) for key in original if key not in modified)
    if wanted.retain_keys:
        retained = sorted(key for key, value in modified.items() if value is not None)
        cleared = any(value is not None and key not in modified for key, value in original.items())
        if retained and (patch or cleared):
            patch[_RETAIN_KEYS] = retained
    return patch


def _check_lists(document: Json, kind: GoType) -> None:
    """Raise what making a patch from an object to itself would raise."""
    struct = pointed_to(kind)
    for key, value in document.items():
        field = struct.field(key) if isinstance(struct, Struct) and isinstance(value, dict | list) else None
        if field is None or field.strategy == "replace":
            continue
        if type(value) is dict:
            _check_lists(value, field.type)
        elif type(value) is list and value and field.strategy == "merge":
            of = _list_field(kind, key)[1]
            if _element_kind(value) == "map":
                for item in _by_key(value, field.merge_key):
                    _keyed(item, field.merge_key)
                    _check_lists(item, of)


def can_be_filled_in(document: Any, kind: GoType) -> bool:
    """Whether an object can surely be given its defaults.

    Not where elements of a merged list have no merge key, or the same one, or where plain values are no texts.
    """
    struct = pointed_to(kind)
    return not isinstance(struct, Struct) or _can_be_filled_in(document, struct)


def _can_be_filled_in(document: Any, struct: Struct) -> bool:
    if type(document) is not dict:
        return True
    for name, below, merges, key in _towards_lists(struct):
        value = document.get(name)
        if not value:
            continue
        items = value if type(value) is list else [value]
        if merges and not _can_be_merged(items, key, below):
            return False
        if below is not None:
            for item in items:
                if not _can_be_filled_in(item, below):
                    return False
    return True


def _can_be_merged(items: list[Any], key: str, of: Struct | None) -> bool:
    if not key:
        return all(type(item) is str for item in items)
    if of is None or not all(type(item) is dict and key in item for item in items):
        return False
    keys = {item[key] for item in items if type(item[key]) in (str, int)}
    # An empty key is not written at all where the type may leave it out.
    return len(keys) == len(items) and not ("" in keys and of.fields[key].omit_empty)


@cache
def _towards_lists(kind: Struct) -> tuple[tuple[str, Struct | None, bool, str], ...]:
    """The fields that are, or lead to, merged lists: name, type of what lies below, whether it merges, by which key."""
    found = []
    for name, field in kind.fields.items():
        if _leads_to_lists(field, frozenset({kind.name})):
            of = pointed_to(field.type)
            below = pointed_to(of.of) if isinstance(of, Listing) else of
            merges = field.strategy == "merge"
            found.append((name, below if isinstance(below, Struct) else None, merges, field.merge_key))
    return tuple(found)


def _leads_to_lists(field: Field, above: frozenset[str]) -> bool:
    if field.strategy == "merge":
        return True
    below = pointed_to(field.type)
    # Lists that do not merge are not looked into.
    if not isinstance(below, Struct) or below.name in above:
        return False
    return any(_leads_to_lists(inner, above | {below.name}) for inner in below.fields.values())


def _stands(kind: GoType, key: str, original: Any, modified: Any, wanted: _Wanted) -> bool:
    """Whether there is surely nothing to add or change."""
    struct = pointed_to(kind)
    if wanted.deletions:
        # Lists that cannot be merged have been found by now, and two encoded values are of the same types.
        return wanted.additions and original == modified and not _replaces(struct, key)
    if not isinstance(struct, Struct):
        return False
    field = struct.fields.get(key)
    return field is not None and field_check(field)(modified, original)


@cache
def _replaces(kind: GoType, key: str) -> bool:
    """Whether a field, or one below it, goes into a patch whole even where nothing has changed."""
    field = kind.field(key) if isinstance(kind, Struct) else None
    if field is None or field.strategy == "replace" or (field.strategy == "merge" and not field.merge_key):
        return field is not None
    below = pointed_to(field.type)
    below = pointed_to(below.of) if isinstance(below, Listing | Mapped) else below
    if not isinstance(below, Struct) or below is kind:
        return False
    return any(_replaces(below, name) for name in below.fields)


def _add_map(patch: Json, key: str, original: Json, modified: Json, kind: GoType, wanted: _Wanted) -> None:
    if _stands(kind, key, original, modified, wanted):
        return
    try:
        field = _field(kind, key)
    except CompareError:
        # A field that the type does not have matters only where it differs.
        if equal(original, modified):
            return
        raise
    if field.strategy == "replace":
        if wanted.additions:
            patch[key] = modified
        return
    below = _map_patch(original, modified, field.type, wanted.below(field))
    if below:
        patch[key] = below


def _add_list(patch: Json, key: str, original: list[Any], modified: list[Any], kind: GoType, wanted: _Wanted) -> None:
    if _stands(kind, key, original, modified, wanted):
        return
    try:
        field, of = _list_field(kind, key)
    except CompareError:
        if equal(original, modified):
            return
        raise
    if field.strategy != "merge":
        if wanted.additions and not equal(original, modified):
            patch[key] = modified
        return
    changes, deletions, order = _list_patch(original, modified, of, field.merge_key, wanted.below(field))
    if changes:
        patch[key] = changes
    if deletions:
        patch[_DELETIONS + key] = deletions
    if order:
        patch[_ORDER + key] = order


_ListPatch = tuple[list[Any], list[Any], list[Any]]


def _list_patch(original: list[Any], modified: list[Any], of: GoType, key: str, wanted: _Wanted) -> _ListPatch:
    """The changed elements, the plain values that leave, and the order to be kept."""
    if not original:
        return (modified if wanted.additions else [], [], [])
    if _element_kind(original, modified) == "map":
        return _map_list_patch(original, modified, of, key, wanted)
    return _plain_list_patch(original, modified, key, wanted)


def _map_list_patch(original: list[Any], modified: list[Any], of: GoType, key: str, wanted: _Wanted) -> _ListPatch:
    changes, deletions = [], []
    befores, afters = _by_key(original, key), _by_key(modified, key)
    at = to = 0
    while at < len(befores) or to < len(afters):
        before = go_text(_keyed(befores[at], key)) if at < len(befores) else None
        after = go_text(_keyed(afters[to], key)) if to < len(afters) else None
        if before is not None and before == after:
            below = _map_patch(befores[at], afters[to], of, wanted)
            if below:
                changes.append({**below, key: afters[to][key]})
            at, to = at + 1, to + 1
        elif before is None or (after is not None and before > after):
            if wanted.additions:
                changes.append(afters[to])
            to += 1
        else:
            if wanted.deletions:
                deletions.append({key: befores[at][key], _DIRECTIVE: "delete"})
            at += 1
    changes = _ordered(changes, modified, key, "map")
    same_order = len(original) == len(modified) and all(
        _same(_keyed(before, key), _keyed(after, key)) for before, after in zip(original, modified, strict=True)
    )
    changes += deletions
    if (wanted.additions and (changes or not same_order)) or (wanted.deletions and changes):
        return changes, [], [{key: _keyed(item, key)} for item in modified]
    return changes, [], []


def _plain_list_patch(original: list[Any], modified: list[Any], key: str, wanted: _Wanted) -> _ListPatch:
    befores, afters = sorted(original, key=go_text), sorted(modified, key=go_text)
    additions, deletions = [], []
    at = to = 0
    while at < len(befores) or to < len(afters):
        before = go_text(befores[at]) if at < len(befores) else None
        after = go_text(afters[to]) if to < len(afters) else None
        if before is not None and before == after:
            at, to = at + 1, to + 1
        elif before is None or (after is not None and before > after):
            additions.append(afters[to])
            to += 1
        else:
            deletions.append(befores[at])
            at += 1
    additions = _ordered(additions if wanted.additions else [], modified, key, "plain")
    deletions = _distinct(deletions) if wanted.deletions else []
    # The library has sorted the current list by now, so it asks whether the modified one equals it in that order.
    if deletions or (wanted.additions and not equal(befores, modified)):
        return additions, deletions, modified
    return additions, deletions, []


def _by_key(items: list[Any], key: str) -> list[Any]:
    """The elements sorted by their merge key as text."""
    if not items:
        return items
    _element_kind(items)
    texts = [go_text(item.get(key)) for item in items]
    if len(set(texts)) == len(texts):
        return [item for _, item in sorted(zip(texts, items, strict=True), key=lambda pair: pair[0])]
    if len(items) > 12:
        raise CompareError(ProblemKind.DUPLICATES, f"a long list has several elements with the same {key!r}")
    # Go sorts short lists by insertion, with a comparison that takes equal ones for smaller: they change places.
    result: list[tuple[str, Any]] = []
    for text, item in zip(texts, items, strict=True):
        at = len(result)
        while at > 0 and text <= result[at - 1][0]:
            at -= 1
        result.insert(at, (text, item))
    return [item for _, item in result]


def _distinct(items: list[Any]) -> list[Any]:
    """Each value once, in the library's own way: the last one takes the place of a repeated one."""
    memory = list(items)
    return memory[: _make_distinct(memory)]


def _make_distinct(memory: list[Any]) -> int:
    """Bring each value once to the front of a list, in its own memory; how many these are. The rest stays as it was."""
    length = len(memory)
    at = 0
    while at < length - 1:
        then = at + 1
        while then < length:
            if equal(memory[at], memory[then]):
                length -= 1
                memory[then] = memory[length]
            else:
                then += 1
        at += 1
    return length


# --- order


def _ordered(items: list[Any], order: list[Any], key: str, kind: str) -> list[Any]:
    """The elements in the order in which another list has them, those to be deleted last."""
    deleted: list[Any] = []
    if kind == "map":
        for item in (*items, *order):
            _keyed(item, key)
        deleted = [item for item in items if item.get(_DIRECTIVE) == "delete"]
        items = [item for item in items if item.get(_DIRECTIVE) != "delete"]
    return [*sorted(items, key=lambda item: _index(order, item, key, kind)), *deleted]


def _interleaved(patched: list[Any], other: list[Any], order: list[Any], live: list[Any], key: str) -> list[Any]:
    """Elements that the patch speaks of, in its order, and the others put among them where the live list has them."""
    kind = "map" if key else "plain"
    left = _ordered(other, live, key, kind)
    right = _ordered(patched, order, key, kind)
    result: list[Any] = []
    while left and right:
        first, second = _index(live, left[0], key, kind), _index(live, right[0], key, kind)
        result.append((left if 0 <= first < second else right).pop(0))
    return [*result, *left, *right]


def _split(items: list[Any], by: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """The elements that another list has too, and the rest."""
    if not key:
        return [item for item in items if _has(by, item)], [item for item in items if not _has(by, item)]
    there = [_find(by, key, _keyed(item, key)) is not None for item in items]
    return (
        [item for item, found in zip(items, there, strict=True) if found],
        [item for item, found in zip(items, there, strict=True) if not found],
    )


def _has(items: list[Any], wanted: Any) -> bool:
    return any(equal(item, wanted) for item in items)


# --- applying a patch


def _merged_map(document: Json, patch: Json, kind: GoType, *, onto_object: bool) -> Json:
    """Merge a patch into an object, or into another patch, whose directives then stay."""
    if _DIRECTIVE in patch:
        if patch[_DIRECTIVE] == "replace":
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        if patch[_DIRECTIVE] == "delete":
            return {}
        raise _failure(f"the object holds the directive {_DIRECTIVE}: {patch[_DIRECTIVE]!r}")
    document, patch = dict(document), dict(patch)
    _retain_keys(document, patch, onto_object=onto_object)
    _merge_ordered_lists(document, patch, kind, onto_object=onto_object)
    for key, value in patch.items():
        _merge_key(document, key, value, kind, onto_object=onto_object)
    return document


def _retain_keys(document: Json, patch: Json, *, onto_object: bool) -> None:
    if _RETAIN_KEYS not in patch:
        return
    retained = patch.pop(_RETAIN_KEYS)
    if not onto_object:
        if not equal(document.setdefault(_RETAIN_KEYS, retained), retained):
            raise _failure("two patches of one element keep different keys")
        return
    if any(value is not None and key not in retained and not key.startswith("$") for key, value in patch.items()):
        raise _failure("a patch sets a key that it does not keep")
    for key in [key for key in document if key not in retained]:
        del document[key]


def _merge_ordered_lists(document: Json, patch: Json, kind: GoType, *, onto_object: bool) -> None:
    for directive in [key for key in patch if key.startswith(_ORDER)]:
        order = patch.pop(directive)
        key = directive.removeprefix(_ORDER)
        if not onto_object:
            if directive in document and not equal(document[directive], order):
                raise _failure("the orders of a list in two patches differ")
            document.setdefault(directive, order)
        elements, changes = document.get(key), patch.get(key)
        if type(elements) not in (list, type(None)) or type(changes) not in (list, type(None)):
            raise _failure(f"the field {key!r} is no list")
        if (key in document and elements is None) or (key in patch and changes is None):
            raise _failure(f"the field {key!r} is no list")
        field, of = _list_field(kind, key)
        _validate_order(changes or [], order, field.merge_key)
        if elements is None and changes is None:
            continue
        live = elements or []
        if changes is None:
            merged = live
        elif elements is None:
            merged = _without_directives(changes)
        else:
            merged = _merged_list(elements, changes, of, field, onto_object=onto_object, deletes=False)
            live = _overwritten(elements, changes, field.merge_key)
        patched, other = _split(merged, order, field.merge_key)
        _element_kind(elements or [], changes or [])
        document[key] = _interleaved(patched, other, order, live, field.merge_key)
        patch.pop(key, None)


def _overwritten(elements: list[Any], changes: list[Any], key: str) -> list[Any]:
    """The list that the order of other elements is taken from, once the library has merged in its place.

    It deletes in the list's own memory, and what it appends then lands where the last elements were. Plain values it
    appends there as well where there is room, and makes them distinct in that memory.
    """
    if _is_of_maps(elements):
        if not key:
            return elements
        remaining, rest = _without_deleted(elements, changes, key)
        added = [item for item in rest if _find(remaining, key, _keyed(item, key)) is None]
        return [*remaining, *added[: len(elements) - len(remaining)]]
    if not changes or len(elements) + len(changes) > _room(len(elements)):
        return elements
    memory = [*elements, *changes]
    _make_distinct(memory)
    return memory[: len(elements)]


def _is_of_maps(elements: list[Any]) -> bool:
    return bool(elements) and type(elements[0]) is dict


def _room(length: int) -> int:
    """How many elements fit into a slice that Go's decoder of JSON filled one by one: it doubles, up to 512."""
    return 1 << (length - 1).bit_length() if length else 0


def _validate_order(changes: list[Any], order: list[Any], key: str) -> None:
    """The elements of a patch stand in the order that it names; anything else ends the merge."""
    if not changes or not order:
        return
    at = 0
    items = [item for item in changes if not (key and _directive(item) == "delete")]
    for wanted in order:
        while at < len(items) and _directive(items[at]) is not None:
            at += 1
        if at == len(items):
            return
        at += _same(_keyed(items[at], key), _keyed(wanted, key)) if key else _same(items[at], wanted)
    if at < len(items):
        raise _failure("the elements of a patch do not stand in the order that it names")


def _directive(item: Any) -> Any:
    return item.get(_DIRECTIVE) if type(item) is dict else None


def _merge_key(document: Json, key: str, value: Any, kind: GoType, *, onto_object: bool) -> None:
    deletes = key.startswith(_DELETIONS)
    if deletes:
        if not onto_object:
            document[key] = value
            return
        key = key.removeprefix(_DELETIONS)
    if value is None:
        document.pop(key, None)
        if onto_object:
            return
    if key not in document or go_kind(document[key]) != go_kind(value):
        if not deletes:
            kept = _without_directives(_without_nulls(value) if onto_object else value)
            if kept is _GONE:
                document.pop(key, None)
            else:
                document[key] = kept
        return
    if type(value) is dict:
        field = _field(kind, key)
        replaces = field.strategy == "replace"
        below = value if replaces else _merged_map(document[key], value, field.type, onto_object=onto_object)
        document[key] = below
    elif type(value) is list:
        field, of = _list_field(kind, key)
        document[key] = _merged_list(document[key], value, of, field, onto_object=onto_object, deletes=deletes)
    else:
        document[key] = value


def _merged_list(
    elements: list[Any], patch: list[Any], of: GoType, field: Field, *, onto_object: bool, deletes: bool
) -> list[Any]:
    if field.strategy != "merge" and not deletes:
        return patch
    if not elements and not patch:
        return elements
    key = field.merge_key
    if _element_kind(elements, patch) != "map":
        if onto_object and deletes:
            return [item for item in elements if not _has(patch, item)]
        merged = _distinct([*elements, *patch])
    else:
        if not key:
            raise _failure(f"the elements of {field.name!r} have no merge key")
        elements, patch = _without_deleted(elements, patch, key)
        merged = _merged_elements(elements, patch, of, key, onto_object=onto_object)
    patched, other = _split(merged, patch, key)
    live = elements if key else _overwritten(elements, patch, key)
    return _interleaved(patched, other, patch, live, key)


def _without_deleted(elements: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """The elements without those that the patch deletes, and the patch without what says so."""
    rest = []
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if _DIRECTIVE not in item:
            rest.append(item)
        elif directive == "delete":
            gone = _keyed(item, key)
            elements = [element for element in elements if not (key in element and _same(element[key], gone))]
        else:
            raise _failure(f"an element holds the directive {_DIRECTIVE}: {directive!r}")
    return elements, rest


def _merged_elements(elements: list[Any], patch: list[Any], of: GoType, key: str, *, onto_object: bool) -> list[Any]:
    elements = list(elements)
    for item in patch:
        at = _find(elements, key, _keyed(item, key))
        if at is None:
            elements.append(item)
        else:
            elements[at] = _merged_map(elements[at], item, of, onto_object=onto_object)
    return elements


#: What stands for a value that was nothing but a directive.
_GONE: Any = object()


def _without_directives(value: Any) -> Any:
    if type(value) is dict:
        if _DIRECTIVE in value:
            return _GONE
        kept = ((key, _without_directives(below)) for key, below in value.items())
        return {key: below for key, below in kept if below is not _GONE}
    if type(value) is list:
        return [below for item in value if (below := _without_directives(item)) is not _GONE]
    return value


def _without_nulls(value: Any) -> Any:
    """A value that is new to the object, without the nulls in its maps; nulls in lists stay."""
    if type(value) is dict:
        return {key: _without_nulls(below) for key, below in value.items() if below is not None}
    if type(value) is list:
        return [_without_nulls(item) for item in value]
    return value
