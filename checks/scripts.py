"""Scripts and prose: what the scripts of the tree and the info of Applications name, and nothing renders."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from driftgate.checks.destinations import SYSTEM_NAMESPACES, Destinations

from driftgate.facts import kinds
from driftgate.graph import State, Target
from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, check, graphs_of
from driftgate.model.manifest import Manifest, dig
from driftgate.model.outcome import Severity
from driftgate.model.place import Place
from driftgate.policy import ArgoCDSection, ReferencesSection, RepositorySection, Section, setting
from driftgate.semantics.deploy_commands import Mention, mentions, selector_labels
from driftgate.semantics.globs import doublestar_match

POLICY: dict[str, type[Section]] = {}
_DEFAULT_FILES = ("scripts/**", "**/*.sh")
_SHELLS = (".sh", ".bash", ".ksh")


@dataclass(frozen=True, slots=True)
class ExternalHost(Section):
    """A host that something outside of this tree routes, and why."""

    host: str = field(metadata={"help": "The host; * stands for any text."})
    reason: str = field(metadata={"help": "Who routes it."})


@dataclass(frozen=True, slots=True)
class Scripts(Section):
    """The scripts that work on the environment, and the info of Applications that names hosts."""

    files: tuple[str, ...] | None = setting(
        None,
        "Globs of the shell scripts that work on this environment; without a policy scripts/** and **/*.sh, with one "
        "none until it names them, because other environments have scripts of their own.",
    )
    info_hosts: tuple[str, ...] = setting((), "Names of the info entries of an Application that hold hosts.")
    external_hosts: tuple[ExternalHost, ...] = setting((), "Hosts that something outside of this tree routes.")


POLICY["scripts"] = Scripts

_SHORT = {
    "deploy": "Deployment", "svc": "Service", "sts": "StatefulSet", "ds": "DaemonSet", "cm": "ConfigMap",
    "ing": "Ingress", "sa": "ServiceAccount", "pvc": "PersistentVolumeClaim", "cj": "CronJob", "ns": "Namespace",
    "hpa": "HorizontalPodAutoscaler", "pdb": "PodDisruptionBudget", "netpol": "NetworkPolicy", "po": "Pod",
    "es": "ExternalSecret", "ss": "SecretStore", "css": "ClusterSecretStore", "app": "Application",
    "appproj": "AppProject", "proj": "AppProject",
}  # fmt: skip
# Made by controllers under names that nobody renders, or by the cluster itself.
_NOT_OURS = frozenset({"Pod", "ReplicaSet", "Event", "Node", "Job", "Certificate", "CertificateRequest", "Endpoints"})
# Labels that Argo CD, Helm and controllers write, by their beginnings.
_WRITTEN = (
    "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "argocd.argoproj.io/", "helm.sh/", "kubernetes.io/",
    "batch.kubernetes.io/", "controller-", "job-name", "pod-template-hash", "statefulset.kubernetes.io/", "owner",
)  # fmt: skip
_HOST = re.compile(r"(?:[a-z]+://)?([A-Za-z0-9*](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+)(?::\d+)?(?:/.*)?")


@dataclass(frozen=True, slots=True)
class _Named:
    """A mention and the script in which it stands."""

    file: str
    mention: Mention

    @property
    def place(self) -> Place:
        return Place(self.file, self.mention.line)

    def breach(self, found: str, expected: str, near: str = "") -> Breach:
        """A breach at the line; `near` is what may be meant."""
        hint = f"; {near} is the nearest" if near else ""
        name = f"{self.file}:{self.mention.what} {self.mention.kind} {self.mention.text}"
        return Breach(self.place, found, f"{expected}{hint}", field=name)


def _named(subject: Subject) -> tuple[_Named, ...] | None:
    """Everything that the scripts name, the same thing in one script once; None where there is no script."""
    globs = subject.section(Scripts).files
    if globs is None:
        globs = () if subject.policy.file else _DEFAULT_FILES
    exclude = subject.section(RepositorySection).exclude
    found: dict[tuple[str, str, str, str, str], _Named] = {}
    scripts = 0
    for file, text in subject.environment.texts(globs) if globs else ():
        first = text.partition("\n")[0]
        if not (file.endswith(_SHELLS) or (first.startswith("#!") and "sh" in first)):
            continue
        if any(doublestar_match(glob, file) for glob in exclude):
            continue
        scripts += 1
        for mention in mentions(text):
            key = (file, mention.what, mention.kind, mention.text, mention.namespace)
            found.setdefault(key, _Named(file, mention))
    return tuple(found.values()) if scripts else None


def _of(subject: Subject, *what: str) -> Iterator[_Named]:
    for named in subject.once(_named) or ():
        if named.mention.what in what:
            yield named


def _near(text: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(text, sorted(known), n=1, cutoff=0.6)), "")


def _is_complete(subject: Subject) -> bool:
    """Whether all is known that the environment renders: what is not known may be what a script names.

    An Application that renders nothing is a finding of its own, and may have held it too.
    """
    environment = subject.environment
    return not environment.application_sets and all(one.complete and one.manifests for one in environment.applications)


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def script_path_missing(subject: Subject) -> Iterator[Result]:
    """A script names a path that is not in the tree

    Why: A chart or a manifest that was moved takes its script along only if somebody thinks of it, and the script
    fails when it is needed. Only paths whose first folder is at the top of the tree, or beside the script, count; what
    the script makes itself does not.

    Fix: Correct the path in the script.
    """
    if subject.once(_named) is None:
        yield NotApplicable()
    tree = subject.once(_folders)
    for named in _of(subject, "path"):
        path = named.mention.text
        if path.partition("/")[0] in tree and path not in tree and not any(p.endswith(f"/{path}") for p in tree):
            yield named.breach(path, "a path of the tree", _near(path, tree))


def _folders(subject: Subject) -> frozenset[str]:
    """Every file and every folder of the tree."""
    paths = subject.environment.paths
    folders = {"/".join(parts[:depth]) for parts in (p.split("/") for p in paths) for depth in range(1, len(parts))}
    return frozenset(folders | paths)


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def script_namespace_unknown(subject: Subject) -> Iterator[Result]:
    """A script works in a namespace that nothing is deployed to

    Why: kubectl answers that it found nothing, and a script takes that for an answer; helm even makes the namespace
    and installs a second copy there.

    Fix: Correct the namespace in the script, or name it in destinations.existingNamespaces where it is somebody else's.
    """
    if subject.once(_named) is None:
        yield NotApplicable()
    known = subject.once(_namespaces)
    for named in _of(subject, "namespace"):
        name = named.mention.text
        if name not in known and _is_complete(subject):
            yield named.breach(f"namespace {name}", "a namespace of the environment", _near(name, known))


def _namespaces(subject: Subject) -> frozenset[str]:
    known = {*SYSTEM_NAMESPACES, subject.section(ArgoCDSection).namespace}
    known.update(subject.section(Destinations).existing_namespaces or ())
    known.update(e.name for e in subject.section(ReferencesSection).external if e.kind == "Namespace")
    for loaded in subject.environment.applications:
        known |= {loaded.application.namespace, loaded.application.destination.namespace}
        for manifest in loaded.manifests:
            known |= {manifest.target_namespace, manifest.name if manifest.kind == "Namespace" else ""}
    return frozenset(known - {""})


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def script_application_unknown(subject: Subject) -> Iterator[Result]:
    """A script names an Application or a release that does not exist

    Why: argocd and helm end with an error, or helm installs a release beside the one that Argo CD manages. Argo CD
    calls the release as helm.releaseName says, else as the Application.

    Fix: Correct the name in the script.
    """
    if subject.once(_named) is None:
        yield NotApplicable()
    applications = {loaded.application.name for loaded in subject.environment.applications}
    releases = {
        source.helm.release_name or loaded.application.name
        for loaded in subject.environment.applications
        for source in loaded.application.sources
    }
    for named in _of(subject, "application", "release"):
        name, known = named.mention.text, applications if named.mention.what == "application" else releases
        if name not in known and _is_complete(subject):
            what = "Application" if named.mention.what == "application" else "release"
            yield named.breach(f"{what} {name}", f"{what} of the environment", _near(name, known))


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def script_object_unknown(subject: Subject) -> Iterator[Result]:
    """A script names an object that nothing renders

    Why: An object that a chart has renamed is gone under its old name, and the script that waits for it, restarts it or
    reads its logs fails. What ExternalSecrets and other controllers make counts as rendered, and so does what policy
    declares under references.external; a namespace that is none of the environment's is somebody else's business.

    Fix: Correct the name in the script, or declare the object under references.external.
    """
    if subject.once(_named) is None:
        yield NotApplicable()
    for named in _of(subject, "object"):
        kind = _kind(subject, named.mention.kind)
        if kind is not None and kind[1] not in _NOT_OURS and _is_absent(subject, kind, named.mention):
            known = [m.name for m in _manifests(subject) if m.kind == kind[1]]
            name = named.mention.text
            yield named.breach(f"{kind[1]} {name}", f"{kind[1]} of the environment", _near(name, known))


def _manifests(subject: Subject) -> Iterator[Manifest]:
    for loaded in subject.environment.applications:
        yield from loaded.manifests


def _kind(subject: Subject, written: str) -> tuple[str, str] | None:
    """Group and kind of what a command calls `deploy`, `deployments` or `deployment.apps`; None for an unknown one."""
    name, _, group = written.partition(".")
    name = _SHORT.get(name, name).casefold()
    for manifest in _manifests(subject):
        if name in (manifest.kind.casefold(), f"{manifest.kind.casefold()}s"):
            return manifest.group, manifest.kind
    for known in kinds().values():
        if name in (known.kind.casefold(), known.plural) and group in ("", known.group):
            return known.group, known.kind
    return None


def _is_absent(subject: Subject, kind: tuple[str, str], mention: Mention) -> bool:
    """Whether the object is surely nowhere: not in any of the namespaces that may be meant, in no cluster."""
    here = subject.once(_own_namespaces)
    if mention.namespace and mention.namespace not in here:
        return False
    spaces = {mention.namespace} if mention.namespace else {"", *here}
    answers = [
        graph.state_of(Target(*kind, space, mention.text)).state
        for graph in graphs_of(subject).values()
        for space in spaces | {""}
    ]
    return _is_complete(subject) and bool(answers) and all(answer is State.ABSENT for answer in answers)


def _own_namespaces(subject: Subject) -> frozenset[str]:
    """The namespaces that something is rendered into.

    Kubernetes' own are never among them: whoever binds a role in kube-system has not deployed what else is there.
    """
    return frozenset(
        m.target_namespace
        for m in _manifests(subject)
        if m.target_namespace and not m.target_namespace.startswith("kube-")
    )


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def script_selector_unmatched(subject: Subject) -> Iterator[Result]:
    """A script selects by labels that nothing rendered has

    Why: kubectl answers a selector without a match with success and no object: a check for Pods that are not ready
    passes on none. Labels that Argo CD, Helm and controllers write are left out.

    Fix: Correct the selector in the script.
    """
    if subject.once(_named) is None:
        yield NotApplicable()
    here = subject.once(_own_namespaces)
    for named in _of(subject, "selector"):
        labels = selector_labels(named.mention.text)
        space = named.mention.namespace
        if labels is None or any(key.startswith(_WRITTEN) for key in labels) or (space and space not in here):
            continue
        matching = [m for m in _manifests(subject) if space in ("", m.target_namespace) and _has(m, labels)]
        if not matching and _is_complete(subject):
            yield named.breach(f"selector {named.mention.text}", "labels that an object of the environment has")


def _has(manifest: Manifest, labels: dict[str, str]) -> bool:
    """Whether the object, or a Pod that it makes, has the labels."""
    spec = manifest.pod_spec_path
    own = [manifest.metadata.get("labels")]
    own += [dig(manifest.object, (*spec[:-1], "metadata", "labels"))] if spec is not None else []
    return any(_holds(labels, found) for found in own)


def _holds(labels: dict[str, str], found: Any) -> bool:
    return isinstance(found, dict) and all(str(found.get(key)) == value for key, value in labels.items())


@check(severity=Severity.WARNING)
def info_host_unrouted(subject: Subject) -> Iterator[Result]:
    """The info of an Application names a host that nothing routes

    Why: People open what the Application's page names. A host that no Ingress and no HTTPRoute of the environment has
    leads nowhere, or to what stood there before.

    Fix: Correct the entry, or declare the host in policy under scripts.externalHosts.
    """
    section = subject.section(Scripts)
    entries = [entry for entry in enumerate(subject.application.info) if entry[1][0] in section.info_hosts]
    if not entries:
        yield NotApplicable()
    routed = subject.once(_routed)
    for index, (name, value) in entries:
        for host in _hosts(value):
            elsewhere = any(fnmatchcase(host, entry.host) for entry in section.external_hosts)
            if not elsewhere and not any(_routes(route, host) for route in routed) and _is_complete(subject):
                near = _near(host, routed)
                hint = f"; {near} is the nearest" if near else ""
                yield Breach(
                    subject.place("spec", "info", index, "value"),
                    f"{name} {host}",
                    f"a host of an Ingress or HTTPRoute{hint}",
                    field=f"spec.info[name={name}].value {host}",
                )


def _hosts(value: str) -> Iterator[str]:
    """The hosts of an entry: names or URLs, with commas or white space between them."""
    for part in re.split(r"[,\s]+", value):
        match = _HOST.fullmatch(part)
        if match is not None:
            yield match[1].lower()


def _routes(route: str, host: str) -> bool:
    """Whether a rule answers for a host: one without host does for all, a wildcard for one label (IngressRule.host)."""
    return route in ("", host) or (route.startswith("*.") and host.partition(".")[2] == route[2:])


def _routed(subject: Subject) -> frozenset[str]:
    found: set[str] = set()
    for manifest in _manifests(subject):
        if (manifest.group, manifest.kind) == ("networking.k8s.io", "Ingress"):
            rules = manifest.get("spec", "rules")
            found |= {str(dig(rule, ("host",)) or "") for rule in (rules if isinstance(rules, list) else ())}
        elif manifest.group == "gateway.networking.k8s.io" and manifest.kind in ("HTTPRoute", "GRPCRoute", "TLSRoute"):
            hosts = manifest.get("spec", "hostnames")
            found |= set(map(str, hosts)) if isinstance(hosts, list) else set()
    return frozenset(found)
