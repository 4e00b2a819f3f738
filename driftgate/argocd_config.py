"""What ``argocd-cm`` says of every Application: what the comparison leaves out, and which kinds a script judges.

Source: Argo CD ``util/settings/settings.go`` (``GetResourceOverrides``, ``appendResourceOverridesFromSplitKeys``). The
rule that is on by default, ``/status`` of everything, is not among them: what reads a status from Git knows that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from driftgate.model.application import IgnoreDifference, Located
from driftgate.model.node import Literal, Node
from driftgate.yaml_reader import read_yaml

__all__ = ["content_of", "health_scripts", "system_ignore_rules"]

_BLOB = "resource.customizations"
_PREFIX = f"{_BLOB}.ignoreDifferences."
_HEALTH = f"{_BLOB}.health."
_EVERYTHING = "all"


def system_ignore_rules(config: Mapping[str, Node]) -> tuple[IgnoreDifference, ...]:
    """Every system rule in the data of ``argocd-cm``; what cannot be read as one is left out, as it has no effect.

    Group and kind are patterns, as in an Application's own rules; name and namespace are always empty.
    """
    found = [*_split_keys(config), *_blob(config)]
    return tuple(rule for index, (key, node) in enumerate(found) if (rule := _rule(index, key, node)) is not None)


def health_scripts(config: Mapping[str, Node]) -> tuple[str, ...]:
    """The kinds that a script in ``argocd-cm`` judges instead of Argo CD's own rules: ``group/Kind``, or a pattern."""
    found = [
        name.replace("_", "/", 1) if name != _EVERYTHING else "*/*"
        for key, text in config.items()
        if (name := key.removeprefix(_HEALTH)) != key and text.text
    ]
    older = [node for text in (config.get(_BLOB),) if text is not None for node in _inside(text)]
    for node in older:
        if isinstance(node.value, dict):
            found += [key for key, entry in node.mapping.items() if (script := entry.get("health.lua")) and script.text]
    return tuple(dict.fromkeys(found))


def content_of(config: Mapping[str, Node], key: str) -> Node | None:
    """The YAML in the text of a key; None where there is no such key, no text, or nothing that can be read."""
    return next(iter(_inside(config[key])), None) if key in config else None


def _split_keys(config: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    """The rules that have a key of their own, as ``group/Kind`` with what stands below the key."""
    for key, text in config.items():
        if not key.startswith(_PREFIX):
            continue
        name = key.removeprefix(_PREFIX)
        yield from ((("*/*" if name == _EVERYTHING else name.replace("_", "/", 1)), node) for node in _inside(text))


def _blob(config: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    """The rules of the older form, in which one key holds all customizations."""
    if _BLOB not in config:
        return
    for node in _inside(config[_BLOB]):
        for key, entry in node.mapping.items():
            rules = entry.get("ignoreDifferences")
            if rules is not None:
                yield from ((key, below) for below in _inside(rules))


def _inside(text: Node) -> tuple[Node, ...]:
    """The YAML that a text holds, with lines of the file where they are known."""
    exact = isinstance(text, Literal) and text.line > 0
    return read_yaml(text.text or "", text.file, exact=exact, below=text.line).roots[:1]


def _rule(index: int, key: str, node: Node) -> IgnoreDifference | None:
    if not isinstance(node.value, dict):
        return None
    group, slash, kind = key.partition("/")
    return IgnoreDifference(
        index=index,
        group=group if slash else "",
        kind=kind if slash else group,
        name="",
        namespace="",
        json_pointers=_texts(node, "jsonPointers"),
        jq_path_expressions=_texts(node, "jqPathExpressions"),
        managed_fields_managers=_texts(node, "managedFieldsManagers"),
        place=node.place,
    )


def _texts(node: Node, key: str) -> tuple[Located, ...]:
    below = node.get(key)
    return tuple(Located(entry.text, entry.place) for entry in (below.items if below else ()) if entry.text)
