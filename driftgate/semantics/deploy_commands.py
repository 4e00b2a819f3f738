"""What the commands of a deployment name: paths, namespaces, Applications and releases, objects and label selectors.

Only what kubectl, helm and argocd take by their own usage is read, and only where it is written out; a word with an
UNKNOWN in it says nothing, except for the end of a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from driftgate.semantics.shell import UNKNOWN, Command, commands

__all__ = ["Mention", "mentions", "selector_labels"]

_KUBECTL = frozenset({"kubectl", "oc"})
# Verbs after which the first words are a kind and names; `create` and `run` make what they name.
_ON_OBJECTS = frozenset({"get", "describe", "scale", "patch", "label", "annotate", "wait", "edit", "autoscale"})
_ON_ONE = frozenset({"logs", "exec", "port-forward", "attach", "debug", "cp"})
_ROLLOUT = frozenset({"status", "restart", "undo", "history", "pause", "resume"})
_HELM_NAMED = frozenset({"status", "history", "rollback", "uninstall", "test", "delete"})
_ARGOCD_NAMED = frozenset(
    {"sync", "get", "wait", "diff", "history", "rollback", "set", "unset", "manifests", "resources", "logs", "delete",
     "terminate-op", "actions"}
)  # fmt: skip
# Options with a value that tell nothing here; what follows them is no argument.
_VALUED = frozenset(
    {"-o", "--output", "--context", "--kubeconfig", "--cluster", "--user", "--timeout", "--for", "-c", "--container",
     "-p", "--patch", "--type", "--replicas", "--set", "--set-string", "--set-file", "--version", "--repo", "--tail",
     "--since", "--field-selector", "--sort-by", "--template", "--kube-context", "--kube-version", "--description",
     "--history-max", "--api-versions", "--revision", "--server", "--auth-token", "--username", "--password",
     "--project", "--resource", "--to-revision", "--container-port", "--address", "--field-manager", "--overwrite",
     "--retry-limit", "--sync-option", "--path", "--dest-server", "--show-only", "-s", "--output-dir"}
)  # fmt: skip
_NAMESPACE = frozenset({"-n", "--namespace", "--dest-namespace"})
_SELECTOR = frozenset({"-l", "--selector"})
_FILES = frozenset({"-f", "--filename", "-k", "--kustomize", "--values", "--file"})
_WRITES = frozenset({"-o", "--output", "--output-dir", "--output-file"})
# Commands that make the paths that they name, or ask whether they are there.
_MAKES = frozenset({"mkdir", "touch", "tee", "rm", "rmdir", "mv", "cp", "ln", "install", "[", "[[", "test", "echo",
                    "printf", "export", "readonly", "local", "declare", "for", "case", "curl", "wget"})  # fmt: skip
_LABEL = re.compile(r"([A-Za-z0-9][\w./-]*)\s*==?\s*([\w.-]*)")
_DNS_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Mention:
    """One thing that a script names: `what` is path, namespace, application, release, object or selector.

    An object has its kind as the command writes it. `namespace` is the command's own; "" where it names none, and
    UNKNOWN where that is not told.
    """

    line: int
    what: str
    text: str
    kind: str = ""
    namespace: str = ""


def mentions(script: str) -> Iterator[Mention]:
    """Everything that the commands of a script name."""
    for command in commands(script):
        program = command.words[0].rpartition("/")[2]
        yield from _paths(command, program)
        if program in _KUBECTL:
            yield from _kubectl(_Arguments.of(command))
        elif program == "helm":
            yield from _helm(_Arguments.of(command))
        elif program == "argocd":
            yield from _argocd(_Arguments.of(command))


def selector_labels(selector: str) -> dict[str, str] | None:
    """The labels that a selector asks for; None where it asks for more than equal values."""
    labels = {}
    for part in selector.split(","):
        match = _LABEL.fullmatch(part.strip())
        if match is None:
            return None
        labels[match[1]] = match[2]
    return labels


@dataclass(frozen=True, slots=True)
class _Arguments:
    """The arguments of a command without its options, and the options that are of interest, with their lines."""

    plain: tuple[tuple[str, int], ...]
    namespaces: tuple[tuple[str, int], ...]
    selectors: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, command: Command) -> _Arguments:
        plain: list[tuple[str, int]] = []
        found: dict[str, list[tuple[str, int]]] = {"namespace": [], "selector": []}
        words = list(zip(command.words, command.lines, strict=True))[1:]
        while words:
            word, line = words.pop(0)
            if word == "--":
                break
            if not word.startswith("-") or word == "-":
                plain.append((word, line))
                continue
            name, equals, value = word.partition("=")
            if not equals and name in _NAMESPACE | _SELECTOR | _FILES | _VALUED and words:
                value, line = words.pop(0)
            kind = "namespace" if name in _NAMESPACE else "selector" if name in _SELECTOR else ""
            if kind:
                found[kind].append((value, line))
        return cls(tuple(plain), tuple(found["namespace"]), tuple(found["selector"]))

    @property
    def namespace(self) -> str:
        return self.namespaces[-1][0] if self.namespaces else ""

    def told(self) -> Iterator[Mention]:
        """The namespaces and selectors that are written out."""
        for text, line in self.namespaces:
            if _DNS_NAME.fullmatch(text):
                yield Mention(line, "namespace", text)
        for text, line in self.selectors:
            if UNKNOWN not in text and UNKNOWN not in self.namespace:
                yield Mention(line, "selector", text, namespace=self.namespace)


def _paths(command: Command, program: str) -> Iterator[Mention]:
    if program in _MAKES:
        return
    # To these a word with a slash is a kind and a name, unless an option says that it is a file.
    only_files = program in _KUBECTL or program == "argocd"
    previous = ""
    for word, line in zip(command.words, command.lines, strict=True):
        option = word.partition("=")[0] if word.startswith("-") else previous
        after = word.rpartition(UNKNOWN)[2]
        value = after.rpartition("=")[2] if word.startswith("-") else after
        whole = value.removeprefix("./").strip("/") if not value.startswith("/") or UNKNOWN in word else ""
        # Text that ends in something unknown is the beginning of a path only.
        told = "/" in whole and "://" not in word and not word.endswith(UNKNOWN) and option not in _WRITES
        if told and (option in _FILES or not only_files):
            yield Mention(line, "path", whole)
        previous = word


def _kubectl(arguments: _Arguments) -> Iterator[Mention]:
    words = [word for word, _ in arguments.plain]
    verb = words[0] if words else ""
    if verb in ("create", "run", "apply", "expose", "delete", "config", "api-resources", "cluster-info", "version"):
        if verb == "apply" or (verb == "create" and words[1:2] not in (["namespace"], ["ns"])):
            yield from arguments.told()
        return
    yield from arguments.told()
    if UNKNOWN in arguments.namespace:
        return
    rest = arguments.plain[2:] if verb == "rollout" and words[1:2] and words[1] in _ROLLOUT else arguments.plain[1:]
    if verb in _ON_OBJECTS or verb == "rollout":
        yield from _objects(rest, arguments.namespace)
    elif verb in _ON_ONE:
        yield from _objects(rest[:1] if rest and "/" in rest[0][0] else (), arguments.namespace)


def _objects(words: Sequence[tuple[str, int]], namespace: str) -> Iterator[Mention]:
    """`kind/name …`, or a kind and names; what is unknown in part is left out."""
    if not words:
        return
    kind, separate = words[0][0], "/" not in words[0][0]
    for word, line in words[1:] if separate else words:
        of, slash, name = word.rpartition("/")
        if separate and slash:
            continue
        if _DNS_NAME.fullmatch(name) and UNKNOWN not in (of or kind) and "," not in kind:
            yield Mention(line, "object", name, of or kind, namespace)


def _helm(arguments: _Arguments) -> Iterator[Mention]:
    yield from arguments.told()
    words = arguments.plain
    verb = words[0][0] if words else ""
    named = words[1:2]
    if verb == "get":
        named = words[2:3]
    elif verb not in _HELM_NAMED | {"upgrade", "install"} or (verb in ("upgrade", "install") and len(words) < 3):
        return
    for name, line in named:
        if _DNS_NAME.fullmatch(name):
            yield Mention(line, "release", name, namespace=arguments.namespace)


def _argocd(arguments: _Arguments) -> Iterator[Mention]:
    words = arguments.plain
    if len(words) < 2 or words[0][0] not in ("app", "application") or words[1][0] not in _ARGOCD_NAMED:
        return
    names = words[3:] if words[1][0] == "actions" else words[2:]
    single = words[1][0] in ("rollback", "actions", "logs", "set", "unset")
    for name, line in names[:1] if single else names:
        own = name.rpartition("/")[2]
        if _DNS_NAME.fullmatch(own) and UNKNOWN not in name:
            yield Mention(line, "application", own)
