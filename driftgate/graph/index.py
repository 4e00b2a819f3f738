"""The index over everything that the Applications of one cluster render: who provides what, who needs it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from driftgate.facts import kinds
from driftgate.graph.pods import pod_template
from driftgate.graph.producers import CLUSTER_OWN, definitions_of
from driftgate.graph.selections import selections_of
from driftgate.graph.terms import (
    EVERY_NAMESPACE,
    Answer,
    Definition,
    External,
    Origin,
    PodTemplate,
    Selection,
    State,
    Target,
    Use,
)
from driftgate.graph.uses import uses_of
from driftgate.graph.walk import mapping, strings_below, text
from driftgate.model.application import Application
from driftgate.model.environment import LoadedApplication
from driftgate.model.manifest import Manifest, dig
from driftgate.semantics.destinations import IN_CLUSTER, cluster_called
from driftgate.semantics.hooks import hook_types

__all__ = ["IN_CLUSTER", "Graph", "build_graphs", "cluster_of"]

_NEAR = 0.75


def cluster_of(application: Application) -> str:
    """The cluster that an Application deploys to: the server's URL, or the name that Argo CD knows it by."""
    return cluster_called(application.destination.server, application.destination.name)


@dataclass
class Graph:
    """Definitions and uses of everything that goes to one cluster.

    `find` answers whether a target will be there; `keys` of it are asked by `find_key`. What is declared in policy and
    what controllers make counts like what is rendered. `unexpanded` names what makes Applications that nobody has
    seen, such as an ApplicationSet.
    """

    cluster: str
    applications: tuple[LoadedApplication, ...]
    external: tuple[External, ...] = ()
    unexpanded: tuple[str, ...] = ()
    definitions: dict[Target, list[Definition]] = field(default_factory=dict, repr=False)
    uses: list[Use] = field(default_factory=list, repr=False)
    selections: list[Selection] = field(default_factory=list, repr=False)
    pods: list[PodTemplate] = field(default_factory=list, repr=False)
    services: list[Manifest] = field(default_factory=list, repr=False)
    # Objects of kinds that are neither Kubernetes' nor a CRD.
    custom: list[Manifest] = field(default_factory=list, repr=False)
    # Definitions whose name or namespace is a pattern, by group and kind; few, so they are looked through one by one.
    _open: dict[tuple[str, str], list[Definition]] = field(default_factory=dict, repr=False)
    _names: dict[tuple[str, str], dict[str, list[Definition]]] = field(default_factory=dict, repr=False)
    _manifests: dict[str, list[Manifest]] = field(default_factory=dict, repr=False)
    _states: dict[Target, Answer] = field(default_factory=dict, repr=False)
    used_external: set[int] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        for definition in CLUSTER_OWN:
            self._define(definition)
        for loaded in self.applications:
            for definition in _namespace_made(loaded):
                self._define(definition)
            for manifest in loaded.manifests:
                if is_applied(manifest):
                    self._add(manifest)

    def _add(self, manifest: Manifest) -> None:
        self._manifests.setdefault(manifest.target_namespace, []).append(manifest)
        for definition in definitions_of(manifest):
            self._define(definition)
        self.uses.extend(uses_of(manifest))
        self.selections.extend(selections_of(manifest))
        pod = pod_template(manifest)
        if pod is not None:
            self.pods.append(pod)
        if (manifest.group, manifest.kind) == ("", "Service"):
            self.services.append(manifest)
        elif "." in manifest.group and (manifest.group, manifest.kind) not in kinds():
            self.custom.append(manifest)

    def _define(self, definition: Definition) -> None:
        target = definition.target
        if "*" in target.name or "*" in target.namespace:
            self._open.setdefault((target.group, target.kind), []).append(definition)
            return
        self.definitions.setdefault(target, []).append(definition)
        names = self._names.setdefault((target.group, target.kind), {})
        names.setdefault(target.name, []).append(definition)

    @cached_property
    def incomplete(self) -> tuple[str, ...]:
        """The Applications of which not every object is known, and what makes Applications that nobody has seen."""
        return (*(loaded.label for loaded in self.applications if not _is_known(loaded)), *self.unexpanded)

    def renders_into(self, namespace: str) -> bool:
        """Whether anything is rendered into a namespace."""
        return namespace in self._manifests

    def manifests_in(self, namespace: str) -> tuple[Manifest, ...]:
        """What is rendered into one namespace."""
        return tuple(self._manifests.get(namespace, ()))

    def find(self, target: Target) -> Answer:
        """Whether a target will be there, who brings it, and else what may be meant."""
        answer = self.state_of(target)
        if answer.state is not State.ABSENT:
            return answer
        guess, hint = self._guess(target)
        return Answer(State.ABSENT, guess=guess, hint=hint)

    def state_of(self, target: Target) -> Answer:
        """Whether a target will be there, and who brings it, without a guess at what may be meant."""
        if target not in self._states:
            self._states[target] = self._state(target)
        return self._states[target]

    def _state(self, target: Target) -> Answer:
        patterns = self._open.get((target.group, target.kind), ())
        known = [*self.definitions.get(target, ()), *(d for d in patterns if _covers(d.target, target))]
        known = known or self._of_unknown_scope(target)
        declared = self._declared(target)
        if known or declared:
            return Answer(State.PRESENT, (*known, *declared))
        incomplete = self.incomplete
        if incomplete:
            be = "is" if len(incomplete) == 1 else "are"
            reason = f"{', '.join(incomplete)} {be} not known in full and may hold it"
            return Answer(State.CANNOT_TELL, reason=reason, incomplete=incomplete[0])
        maker = self._possible_maker(target)
        if maker is not None:
            reason = f"the controller of {maker.kind} {maker.name} may make it"
            return Answer(State.CANNOT_TELL, reason=reason)
        job = self._job_that_names(target)
        if job is not None:
            return Answer(State.CANNOT_TELL, reason=f"{job.kind} {job.name} may make it")
        return Answer(State.ABSENT)

    def _of_unknown_scope(self, target: Target) -> list[Definition]:
        """Objects of a kind of which nobody says whether it has namespaces: uses and definitions may differ in that."""
        same = self._names.get((target.group, target.kind), {}).get(target.name, ()) if target.group else ()
        return [
            definition
            for definition in same
            if definition.manifest is not None
            and definition.origin is Origin.RENDERED
            and definition.manifest.namespaced is None
            and not (definition.manifest.namespace and target.namespace)
        ]

    def find_key(self, target: Target, key: str) -> Answer:
        """Whether a Secret or ConfigMap that is there will hold a key."""
        answer = self.find(target)
        if answer.state is not State.PRESENT:
            return answer
        if any(definition.keys is None for definition in answer.definitions):
            whose = next(definition for definition in answer.definitions if definition.keys is None)
            return Answer(State.CANNOT_TELL, answer.definitions, _why_unknown(whose))
        keys = {name for definition in answer.definitions for name in definition.keys or ()}
        if key in keys:
            return answer
        more = self._adds_keys(target)
        if more is not None:
            return Answer(State.CANNOT_TELL, answer.definitions, f"{more.kind} {more.name} may add it")
        near = difflib.get_close_matches(key, sorted(keys), n=1, cutoff=_NEAR)
        hint = f"it has {near[0]}" if near else f"it has {', '.join(sorted(keys)) or 'no key'}"
        return Answer(State.ABSENT, answer.definitions, guess=answer.definitions[0], hint=hint)

    def _declared(self, target: Target) -> list[Definition]:
        found = []
        for index, entry in enumerate(self.external):
            if _declares(entry, target):
                self.used_external.add(index)
                found.append(Definition(target, Origin.EXTERNAL, keys=entry.keys, place=entry.place))
        return found

    def _adds_keys(self, target: Target) -> Manifest | None:
        """What writes into a Secret or ConfigMap that somebody else makes: an ExternalSecret that merges, or a Job."""
        for manifest in self._manifests.get(target.namespace, ()):
            if manifest.kind == "ExternalSecret" and target.kind == "Secret":
                named = mapping(manifest.get("spec", "target"))
                if named.get("creationPolicy") == "Merge" and (text(named.get("name")) or manifest.name) == target.name:
                    return manifest
        return self._job_that_names(target)

    def _job_that_names(self, target: Target) -> Manifest | None:
        """A Job that has the name of a Secret or ConfigMap among its words, or in a script that it mounts.

        So do the Jobs of charts that make certificates and passwords as they are installed.
        """
        if target.group or target.kind not in ("Secret", "ConfigMap"):
            return None
        here = self._manifests.get(target.namespace, ())
        for manifest in here:
            is_job = manifest.group == "batch" and manifest.kind in ("Job", "CronJob")
            if is_job and any(_names(words, target.name) for words in _words_of(manifest, here)):
                return manifest
        return None

    def _possible_maker(self, target: Target) -> Manifest | None:
        """A custom resource whose controller may make the target: one whose name the target's begins with."""
        for manifest in self.custom:
            here = manifest.target_namespace == target.namespace
            same_kind = (manifest.group, manifest.kind) == (target.group, target.kind)
            if here and not same_kind and _is_begin(manifest.name, target.name) and _may_make_more(manifest):
                return manifest
        return None

    def _guess(self, target: Target) -> tuple[Definition | None, str]:
        """What may be meant: what an ExternalSecret makes under another name, a near name, the same name elsewhere."""
        names = self._names.get((target.group, target.kind), {})
        if target.kind == "Secret" and not target.group:
            maker = self._manifest("ExternalSecret", target)
            for definition in (d for found in names.values() for d in found if d.manifest is maker and maker):
                return definition, f"ExternalSecret {target.name} makes it under the name {definition.target.name}"
        here = {name: d for name, found in names.items() for d in found if d.target.namespace == target.namespace}
        near = difflib.get_close_matches(target.name, list(here), n=1, cutoff=_NEAR)
        near = near or [name for name in here if _is_begin(name, target.name) or _is_begin(target.name, name)]
        if near:
            return here[near[0]], f"there is {here[near[0]].target}"
        elsewhere = [one for one in names.get(target.name, []) if one.target.namespace != target.namespace]
        if elsewhere:
            return elsewhere[0], f"there is {elsewhere[0].target}, in another namespace"
        for kind in _TWINS.get(target.kind, ()):
            for twin in self._names.get((target.group, kind), {}).get(target.name, ()):
                if target.namespace in ("", twin.target.namespace) or twin.target.namespace == "":
                    return twin, f"there is {twin.target}"
        return None, ""

    def _manifest(self, kind: str, target: Target) -> Manifest | None:
        here = self._manifests.get(target.namespace, ())
        return next((one for one in here if one.kind == kind and one.name == target.name), None)

    def manifests_of(self, target: Target) -> Iterator[Manifest]:
        """The rendered objects that are the target itself."""
        for definition in self.definitions.get(target, ()):
            if definition.origin is Origin.RENDERED and definition.manifest is not None:
                yield definition.manifest


# What is wrong with a rendered document so that the objects in it are not known.
_LOSING = frozenset({"output-not-object", "output-not-yaml", "output-separator-swallowed"})


def _is_known(loaded: LoadedApplication) -> bool:
    """Whether every object of an Application is known: all sources were rendered, and no document of them was lost.

    One that renders nothing at all was emptied by mistake, until the finding about it says otherwise.
    """
    lost = (fault for render in loaded.renders for fault in render.faults if fault.fault in _LOSING)
    return loaded.complete and bool(loaded.manifests) and next(lost, None) is None


def is_applied(manifest: Manifest) -> bool:
    """Whether Argo CD ever applies an object: it leaves out hooks without a phase, such as Helm's tests, and `Skip`."""
    hook = hook_types(manifest.annotations)
    return not (hook.ignored or hook.skip)


def build_graphs(
    applications: Iterable[LoadedApplication], external: Sequence[External] = (), unexpanded: Sequence[str] = ()
) -> dict[str, Graph]:
    """A graph for every destination cluster, by `cluster_of`."""
    clusters: dict[str, list[LoadedApplication]] = {}
    for loaded in applications:
        clusters.setdefault(cluster_of(loaded.application), []).append(loaded)
    return {
        cluster: Graph(cluster, tuple(found), tuple(external), tuple(unexpanded)) for cluster, found in clusters.items()
    }


def _namespace_made(loaded: LoadedApplication) -> Iterator[Definition]:
    """The destination namespace, where the Application lets Argo CD create it."""
    application = loaded.application
    namespace = application.destination.namespace
    if namespace and application.sync_policy.has_option("CreateNamespace=true") and loaded.manifests:
        target = Target("", "Namespace", "", namespace)
        yield Definition(target, Origin.SYNC, loaded.manifests[0], (), place=application.place)


def _words_of(job: Manifest, here: Sequence[Manifest]) -> Iterator[str]:
    """The texts that a Job runs with: commands, arguments and variables, and the ConfigMaps that it mounts."""
    spec = dig(job.object, job.pod_spec_path or ())
    for block in ("initContainers", "containers"):
        for container in mapping(spec).get(block) or ():
            body = mapping(container)
            yield from strings_below([body.get("command"), body.get("args")])
            variables = body.get("env")
            yield from (
                text(mapping(entry).get("value")) for entry in (variables if isinstance(variables, list) else ())
            )
    volumes = mapping(spec).get("volumes")
    scripts = {text(mapping(mapping(one).get("configMap")).get("name")) for one in volumes or () if one}
    for manifest in here:
        if manifest.kind == "ConfigMap" and manifest.name in scripts - {""}:
            yield from strings_below(manifest.get("data"))


def _names(words: str, name: str) -> bool:
    """Whether a text holds a name as a word of its own: a name of its own goes on with a dash, a dot or a letter."""
    return name in words and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", words) is not None


# Kinds that are taken for one another.
_TWINS = {
    "ConfigMap": ("Secret",),
    "Secret": ("ConfigMap",),
    "SecretStore": ("ClusterSecretStore",),
    "ClusterSecretStore": ("SecretStore",),
    "Issuer": ("ClusterIssuer",),
    "ClusterIssuer": ("Issuer",),
    "Role": ("ClusterRole",),
    "ClusterRole": ("Role",),
    "Deployment": ("StatefulSet",),
    "StatefulSet": ("Deployment",),
}

# Groups whose kinds make what `definitions_of` says and nothing else.
_KNOWN_GROUPS = (
    "argoproj.io",
    "bitnami.com",
    "cert-manager.io",
    "external-secrets.io",
    "k8s.io",
    "keda.sh",
    "monitoring.coreos.com",
    "traefik.io",
)


def _may_make_more(manifest: Manifest) -> bool:
    """Whether a custom resource is of a kind of which we do not know all that its controller makes."""
    group = manifest.group
    return not any(group == known or group.endswith(f".{known}") for known in _KNOWN_GROUPS)


def _is_begin(begin: str, name: str) -> bool:
    """Whether a name begins with another one, as the names of what a controller makes do."""
    return begin != "" and name.startswith(begin) and name[len(begin) : len(begin) + 1] in ("", "-", ".")


def _covers(pattern: Target, target: Target) -> bool:
    """Whether a target of the same kind fits the pattern; another namespace than `*` leaves out cluster-wide ones."""
    everywhere = pattern.namespace == EVERY_NAMESPACE
    return (everywhere or fnmatchcase(target.namespace, pattern.namespace)) and fnmatchcase(target.name, pattern.name)


def _declares(entry: External, target: Target) -> bool:
    if entry.kind != target.kind or entry.group not in (None, target.group):
        return False
    if target.namespace and not fnmatchcase(target.namespace, _pattern(entry.namespace)):
        return False
    names = [target.name]
    if target.kind == "CustomResourceDefinition":
        kind, _, group = target.name.partition(".")
        names += [f"{kind.lower()}{ending}.{group}" for ending in ("", "s", "es")]
        names += [f"{kind.lower()[:-1]}ies.{group}"]
    return any(fnmatchcase(name, _pattern(entry.name)) for name in names)


def _pattern(text: str) -> str:
    """A pattern in which only `*` is special."""
    return text.replace("[", "[[]").replace("?", "[?]")


def _why_unknown(definition: Definition) -> str:
    if definition.origin is Origin.EXTERNAL:
        return "policy declares it without its keys"
    if definition.manifest is not None and definition.origin is Origin.CONTROLLER:
        return f"what {definition.manifest.kind} {definition.manifest.name} yields is not in Git"
    return "what it holds is not in Git"
