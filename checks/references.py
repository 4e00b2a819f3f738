"""What objects name has to be there: Services, Secrets, ConfigMaps, accounts, claims, stores, issuers, roles, kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from driftgate.graph import CRD_GROUP, Answer, Definition, Need, State, Target, Use
from driftgate.judge import (
    Breach,
    NotApplicable,
    Result,
    Scope,
    Subject,
    Unchecked,
    check,
    graph_of,
    graphs_of,
    incomplete,
    is_judged,
    uses_by_application,
)
from driftgate.model.outcome import Related, Severity
from driftgate.policy import ReferencesSection

_ROUTERS = frozenset(
    {"GRPCRoute", "HTTPRoute", "Ingress", "IngressRoute", "Route", "TCPRoute", "TLSRoute", "UDPRoute"}
)  # fmt: skip
_SCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler"})
_STORES = frozenset({"ClusterSecretStore", "SecretStore"})
_CLASSES = frozenset({"GatewayClass", "IngressClass", "PriorityClass", "RuntimeClass", "StorageClass"})
_BY_RELATION = {
    "imagePullSecrets": "pull-secret-missing",
    "kind": "custom-resource-definition-missing",
    "namespace": "",  # namespace-not-created and object-namespace-missing
    "roleRef": "role-missing",
    "scaleTargetRef": "scale-target-missing",
    "serviceName": "governing-service-missing",
    "subjects": "role-subject-missing",
}
_BY_TARGET = {
    "ClusterIssuer": "issuer-missing",
    "ClusterSecretStore": "secret-store-missing",
    "ConfigMap": "config-map-missing",
    "Issuer": "issuer-missing",
    "PersistentVolumeClaim": "volume-claim-missing",
    "Secret": "secret-missing",
    "SecretStore": "secret-store-missing",
    "Service": "service-missing",
    "ServiceAccount": "service-account-missing",
}
_FURTHER_USES = 4
_NAMES_SHOWN = 5


def sort_of(use: Use) -> str:
    """The check that speaks of a use whose target is missing; "" for one that another topic judges."""
    if use.relation in _BY_RELATION:
        return _BY_RELATION[use.relation]
    kind, target = use.manifest.kind, use.target.kind
    if kind in _STORES:
        return "store-credential-missing"
    if kind in _SCALERS and use.relation == "targetRef":
        return "scale-target-missing"
    if target == "Service" and kind in _ROUTERS:
        return "ingress-backend-missing"
    if target in _CLASSES:
        return "class-missing"
    return _BY_TARGET.get(target, "referenced-object-missing")


def _by_sort(subject: Subject) -> dict[tuple[str, str], list[Use]]:
    """Every use that has to be met, by Application and check."""
    found: dict[tuple[str, str], list[Use]] = {}
    for label, uses in uses_by_application(subject).items():
        for use in uses:
            if use.need is not Need.OPTIONAL:
                found.setdefault((label, sort_of(use)), []).append(use)
    return found


def uses_of(subject: Subject, *sorts: str) -> list[Use]:
    """The Application's own uses that some checks speak of."""
    found = subject.once(_by_sort)
    return [use for sort in sorts for use in found.get((subject.app.label, sort), ())]


def _missing(subject: Subject, check_id: str) -> Iterator[Result]:
    """A finding for every object that the Application names and nobody brings, once; all its uses are told there."""
    uses = [use for use in uses_of(subject, check_id) if is_judged(subject, use)]
    if not uses:
        yield NotApplicable()
    graph, unknown = graph_of(subject), list[tuple[Answer, Use]]()
    for target, same in _grouped(uses).items():
        answer = graph.find(target)
        if answer.state is State.ABSENT:
            yield _absent(subject, answer, target, same)
        elif answer.incomplete and answer.state is State.CANNOT_TELL:
            unknown.append((answer, same[0]))
    if unknown:
        yield untold(subject, [(answer, use, str(use.target)) for answer, use in unknown])


def _grouped(uses: Iterable[Use]) -> dict[Target, list[Use]]:
    found: dict[Target, list[Use]] = {}
    for use in uses:
        found.setdefault(use.target, []).append(use)
    return found


def _absent(subject: Subject, answer: Answer, target: Target, uses: list[Use]) -> Breach:
    found = f"{title(uses[0])} names {target}, which no Application brings"
    if target.group == CRD_GROUP:
        kind, _, group = target.name.partition(".")
        found = f"{uses[0].manifest.kind} {uses[0].manifest.name} is a {kind} of {group}, which no Application defines"
    if answer.hint:
        found += f"; {answer.hint}"
    where = f" in namespace {target.namespace}" if target.namespace else ""
    fix = ""
    if answer.guess is not None:
        fix = f"If {answer.guess.target} is meant, name it so. If not, render {target}, or declare it in policy under "
        fix += "references.external with the reason why it is not in the tree."
    place, related = subject.cause(uses[0].manifest, *uses[0].path, part=_part(uses[0]))
    return Breach(
        place,
        found,
        f"{target.kind} {target.name}{where}",
        object=id_of(target),
        related=(*related, *_further(subject, uses), *_seen_at(subject, answer.guess, "what may be meant")),
        fix=fix,
        cause=f"{graph_of(subject).cluster} {target}",
    )


def title(use: Use) -> str:
    """Who uses something, and by which field."""
    return f"{use.manifest.kind} {use.manifest.name} ({use.relation})"


def id_of(target: Target) -> str:
    """A target in a finding's key: group/Kind/namespace/name, empty parts left out."""
    return "/".join(part for part in (target.group, target.kind, target.namespace, target.name) if part)


def _part(use: Use) -> str | None:
    """The target's name, where the field holds more than it."""
    value = use.manifest.get(*use.path)
    return use.target.name if isinstance(value, str) and value != use.target.name and use.target.name in value else None


def _further(subject: Subject, uses: list[Use]) -> tuple[Related, ...]:
    """Where else the same thing is needed; each line once."""
    first, _ = subject.cause(uses[0].manifest, *uses[0].path, part=_part(uses[0]))
    told = {first}
    found = []
    for use in islice(uses, 1, 1 + _FURTHER_USES):
        place, _ = subject.cause(use.manifest, *use.path, part=_part(use))
        if place not in told:
            told.add(place)
            found.append(Related(place, f"{title(use)} names it too"))
    return tuple(found)


def _seen_at(subject: Subject, definition: Definition | None, note: str) -> tuple[Related, ...]:
    """Where a definition stands, if anywhere."""
    if definition is None:
        return ()
    if definition.manifest is None:
        return () if definition.place is None else (Related(definition.place, note),)
    place, _ = subject.cause(definition.manifest, *definition.path)
    return (Related(place, f"{definition.manifest.kind} {definition.manifest.name}, {note}"),)


def untold(subject: Subject, unknown: list[tuple[Answer, Use, str]]) -> Unchecked:
    """What cannot be told because some Application is not known in full: once for a check and an Application."""
    answer, use, _ = unknown[0]
    names = list(dict.fromkeys(name for _, _, name in unknown))
    rest = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    place, related = subject.cause(use.manifest, *use.path, part=_part(use))
    return Unchecked(
        place,
        f"{', '.join(names[:_NAMES_SHOWN])}{rest}: {answer.reason}",
        f"{answer.incomplete} with all its objects",
        field="incomplete",
        related=related,
        fix=f"Make {answer.incomplete} render in full; the findings about it say what keeps it from that.",
        cause=incomplete(answer.incomplete),
    )


def _keyed(subject: Subject) -> dict[tuple[str, str], list[Use]]:
    """Every use of a key that has to be there, by Application and kind."""
    found: dict[tuple[str, str], list[Use]] = {}
    for (label, _), uses in subject.once(_by_sort).items():
        for use in uses:
            if use.key_path and isinstance(use.key, str) and use.key:
                found.setdefault((label, use.target.kind), []).append(use)
    return found


def _key_missing(subject: Subject, kind: str) -> Iterator[Result]:
    """A finding for every key that is not in a Secret or ConfigMap of which all keys are known."""
    keyed = subject.once(_keyed).get((subject.app.label, kind), [])
    if not keyed:
        yield NotApplicable()
    graph, told = graph_of(subject), set[tuple[Target, str | int]]()
    for use in keyed:
        answer = graph.find_key(use.target, str(use.key))
        if answer.state is State.ABSENT and answer.definitions and (use.target, use.key) not in told:
            told.add((use.target, use.key))
            same = [one for one in keyed if (one.target, one.key) == (use.target, use.key)]
            yield _no_key(subject, answer, same)


def _no_key(subject: Subject, answer: Answer, uses: list[Use]) -> Breach:
    uses = [replace(use, path=use.key_path) for use in uses]
    target, key = uses[0].target, uses[0].key
    place, related = subject.cause(uses[0].manifest, *uses[0].path)
    return Breach(
        place,
        f"{target} has no key {key}, which {title(uses[0])} names; {answer.hint}",
        f"a key of {target}",
        object=id_of(target),
        field=str(key),
        related=(*related, *_further(subject, uses), *_seen_at(subject, answer.guess, f"which makes {target}")),
        cause=f"{graph_of(subject).cluster} {target} {key}",
    )


# Services


@check()
def ingress_backend_missing(subject: Subject) -> Iterator[Result]:
    """A route leads to a Service that does not exist

    Why: The API server takes an Ingress or a route with any Service name; the controller finds no endpoints behind it
    and answers every request with 503 (Service Unavailable), or 500 for a Gateway's route.

    Fix: Name a Service of the route's own namespace, or render it; one from elsewhere is declared in policy under
    references.external.
    """
    yield from _missing(subject, "ingress-backend-missing")


@check()
def service_missing(subject: Subject) -> Iterator[Result]:
    """A webhook, API or rollout calls a Service that does not exist

    Why: With failurePolicy Fail the API server refuses every object that the webhook was to see, an APIService without
    its Service breaks kubectl's discovery, and Argo Rollouts stops at a Rollout whose Services are missing.

    Fix: Name the Service in the namespace that it is in, or render it; one from elsewhere is declared in policy under
    references.external.
    """
    yield from _missing(subject, "service-missing")


@check(severity=Severity.WARNING)
def governing_service_missing(subject: Subject) -> Iterator[Result]:
    """The Service that a StatefulSet names does not exist

    Why: The Pods start, but the names that they are to find each other by (`pod-0.service.namespace`) resolve to
    nothing, which clustered databases and queues do not survive (kubernetes: api/apps/v1 `StatefulSetSpec`).

    Fix: Render a headless Service of that name, or name the one that is there.
    """
    yield from _missing(subject, "governing-service-missing")


# What Pods need


@check()
def secret_missing(subject: Subject) -> Iterator[Result]:
    """A Secret that is needed does not exist

    Why: A container whose variables come from it waits in CreateContainerConfigError, a Pod that mounts it stays in
    ContainerCreating with FailedMount, and an Ingress serves the controller's own certificate instead (kubernetes:
    pkg/kubelet). Argo CD calls the sync a success and the Application Degraded some minutes later.

    Fix: Name the Secret that is there, add what makes it (an ExternalSecret, a Certificate), or declare it in policy
    under references.external with the reason why it is not in the tree.
    """
    yield from _missing(subject, "secret-missing")


@check()
def secret_key_missing(subject: Subject) -> Iterator[Result]:
    """A Secret lacks a key that is needed

    Why: A variable whose key is missing keeps the container in CreateContainerConfigError, and an item of a volume
    keeps the Pod from being mounted; a subPath that is missing becomes an empty folder where a file was meant.

    Fix: Name a key that the Secret has, add the key to what makes it, or mark the reference as optional.
    """
    yield from _key_missing(subject, "Secret")


@check()
def config_map_missing(subject: Subject) -> Iterator[Result]:
    """A ConfigMap that is needed does not exist

    Why: A container whose variables come from it waits in CreateContainerConfigError, and a Pod that mounts it stays in
    ContainerCreating with FailedMount (kubernetes: pkg/kubelet).

    Fix: Name the ConfigMap that is there, render it, or declare it in policy under references.external. In a
    kustomization, let configMapGenerator make it, so that the reference follows its name.
    """
    yield from _missing(subject, "config-map-missing")


@check()
def config_map_key_missing(subject: Subject) -> Iterator[Result]:
    """A ConfigMap lacks a key that is needed

    Why: A variable whose key is missing keeps the container in CreateContainerConfigError, and an item of a volume
    keeps the Pod from being mounted; a subPath that is missing becomes an empty folder where a file was meant.

    Fix: Name a key that the ConfigMap has, add the key, or mark the reference as optional.
    """
    yield from _key_missing(subject, "ConfigMap")


@check()
def service_account_missing(subject: Subject) -> Iterator[Result]:
    """The ServiceAccount of Pods does not exist

    Why: The API server refuses each Pod (`error looking up service account`): the workload is there, and has no Pod at
    all (kubernetes: plugin/pkg/admission/serviceaccount).

    Fix: Render the ServiceAccount, name one that is there, or leave the field out for the namespace's default.
    """
    yield from _missing(subject, "service-account-missing")


@check()
def volume_claim_missing(subject: Subject) -> Iterator[Result]:
    """A PersistentVolumeClaim that Pods mount does not exist

    Why: The scheduler places no Pod whose claim it cannot find; the Pods stay Pending.

    Fix: Render the claim, name one that is there, or let a StatefulSet make it from volumeClaimTemplates.
    """
    yield from _missing(subject, "volume-claim-missing")


@check()
def pull_secret_missing(subject: Subject) -> Iterator[Result]:
    """The Secret that images are pulled with does not exist

    Why: The kubelet leaves out a pull Secret that it does not find and asks the registry as nobody
    (FailedToRetrieveImagePullSecret); a private registry refuses, and the Pods wait in ImagePullBackOff.

    Fix: Name the pull Secret that is there, add what makes it in this namespace, or declare it in policy under
    references.external.
    """
    yield from _missing(subject, "pull-secret-missing")


@check()
def pull_secret_of_wrong_type(subject: Subject) -> Iterator[Result]:
    """The Secret that images are pulled with is of a type that the kubelet does not read

    Why: The kubelet looks into Secrets of type kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg and passes
    over all others without a word (kubernetes: pkg/credentialprovider/secrets). An ExternalSecret makes an Opaque one
    unless its template gives the type.

    Fix: Set the type: in the Secret itself, or in target.template.type of the ExternalSecret.
    """
    made = subject.once(_pull_secrets).get(subject.app.label, ())
    if not made:
        yield NotApplicable()
    for definition, uses in made:
        found = _type_of(definition)
        if found is not None and found not in _PULL_TYPES:
            yield _wrong_type(subject, uses, definition, found)


def _pull_secrets(subject: Subject) -> dict[str, list[tuple[Definition, list[Use]]]]:
    """The Secrets that images are pulled with, by the Application that makes them; with who pulls with them."""
    made: dict[str, list[tuple[Definition, list[Use]]]] = {}
    for graph in graphs_of(subject).values():
        for target, uses in _grouped(use for use in graph.uses if use.relation == "imagePullSecrets").items():
            definitions = graph.state_of(target).definitions
            if len(definitions) == 1:  # of several, nobody knows which one is there
                made.setdefault(definitions[0].application, []).append((definitions[0], uses))
    return made


_PULL_TYPES = frozenset({"kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson"})
# Where the type of a Secret stands, for each kind that it comes from.
_TYPE_PATHS = {
    ("", "Secret"): ("type",),
    ("bitnami.com", "SealedSecret"): ("spec", "template", "type"),
    ("external-secrets.io", "ExternalSecret"): ("spec", "target", "template", "type"),
}


def _type_of(definition: Definition) -> str | None:
    """The type of a Secret, Opaque where none is written; None where Git does not tell."""
    manifest = definition.manifest
    path = _TYPE_PATHS.get((manifest.group, manifest.kind)) if manifest is not None else None
    if manifest is None or path is None:
        return None
    written = manifest.get(*path)
    return written if isinstance(written, str) and written else "Opaque"


def _wrong_type(subject: Subject, uses: list[Use], definition: Definition, found: str) -> Breach:
    maker = definition.manifest
    assert maker is not None
    path = _TYPE_PATHS[(maker.group, maker.kind)]
    written = maker.get(*path) is not None
    place, related = subject.cause(maker, *(path if written else definition.path))
    user, _ = subject.cause(uses[0].manifest, *uses[0].path)
    return Breach(
        place,
        f"{definition.target} of type {found}" + ("" if written else ", because none is given"),
        "kubernetes.io/dockerconfigjson",
        object=id_of(definition.target),
        field="type",
        related=(*related, Related(user, f"{title(uses[0])} names it")),
    )


# Stores, certificates, scaling, rights


@check()
def secret_store_missing(subject: Subject) -> Iterator[Result]:
    """An ExternalSecret names a store that does not exist

    Why: External Secrets Operator cannot read anything for it (SecretSyncedError): the Secret is never made, and
    everything that needs it waits.

    Fix: Name the store that is there; a ClusterSecretStore needs `kind: ClusterSecretStore`, because SecretStore is the
    default.
    """
    yield from _missing(subject, "secret-store-missing")


@check()
def store_credential_missing(subject: Subject) -> Iterator[Result]:
    """The credential that a secret store logs in with does not exist

    Why: The store stays invalid (InvalidProviderConfig), and so does every ExternalSecret that reads from it.

    Fix: Name the Secret or ServiceAccount that is there, or declare the one that is put there by hand in policy under
    references.external.
    """
    yield from _missing(subject, "store-credential-missing")


@check()
def issuer_missing(subject: Subject) -> Iterator[Result]:
    """A certificate is asked of an issuer that does not exist

    Why: cert-manager leaves the request pending (IssuerNotFound) and the TLS Secret is never made; an Ingress serves
    the controller's own certificate, which browsers refuse.

    Fix: Name the issuer that is there; the annotation cert-manager.io/issuer means one of the same namespace,
    cert-manager.io/cluster-issuer one for all.
    """
    yield from _missing(subject, "issuer-missing")


@check()
def scale_target_missing(subject: Subject) -> Iterator[Result]:
    """An autoscaler scales a workload that does not exist

    Why: The autoscaler stays without a target (FailedGetScale) and scales nothing; the workload that was meant keeps
    the replicas it has, under whatever load.

    Fix: Name the workload with its kind and its apiVersion.
    """
    yield from _missing(subject, "scale-target-missing")


@check(scope=Scope.ENVIRONMENT)
def scale_target_claimed_twice(subject: Subject) -> Iterator[Result]:
    """Two autoscalers scale one workload

    Why: The controller refuses to act for either of them (AmbiguousSelector), or both set the replicas in turn. A KEDA
    ScaledObject makes a HorizontalPodAutoscaler of its own (kubernetes: pkg/controller/podautoscaler).

    Fix: Keep one autoscaler for the workload, with the metrics of both.
    """
    uses = [use for uses in uses_by_application(subject).values() for use in uses if use.relation == "scaleTargetRef"]
    if not uses:
        yield NotApplicable()
    for graph in graphs_of(subject).values():
        first: dict[Target, Use] = {}
        for use in (use for use in graph.uses if use.relation == "scaleTargetRef"):
            other = first.setdefault(use.target, use)
            if other.manifest.identity != use.manifest.identity:
                yield _second_scaler(subject, use, other)


def _second_scaler(subject: Subject, use: Use, other: Use) -> Breach:
    place, related = subject.cause(use.manifest, *use.path)
    there, _ = subject.cause(other.manifest, *other.path)
    owner = f"{other.manifest.kind} {other.manifest.name} of {other.manifest.application}"
    return Breach(
        place,
        f"{use.target}, which {owner} scales too",
        "one autoscaler for each workload",
        object=use.manifest.object_id,
        field=id_of(use.target),
        related=(*related, Related(there, f"the target of {owner}")),
    )


@check(severity=Severity.WARNING)
def role_missing(subject: Subject) -> Iterator[Result]:
    """A binding gives a role that does not exist

    Why: The API server takes the binding and grants nothing by it: the program that was to have the rights is told
    Forbidden (kubernetes: plugin/pkg/auth/authorizer/rbac).

    Fix: Name the Role of the binding's namespace, or the ClusterRole with `kind: ClusterRole`. roleRef cannot be
    changed later: the binding has to be made anew.
    """
    yield from _missing(subject, "role-missing")


@check(severity=Severity.WARNING)
def role_subject_missing(subject: Subject) -> Iterator[Result]:
    """A binding gives its role to a ServiceAccount that does not exist

    Why: Nobody has the rights then; whoever makes an account of that name later gets them without being asked.

    Fix: Name the account with the namespace that it is in, or delete the subject.
    """
    yield from _missing(subject, "role-subject-missing")


# Kinds and classes


@check()
def custom_resource_definition_missing(subject: Subject) -> Iterator[Result]:
    """An object is of a kind that nobody defines

    Why: The API server knows no such kind (`no matches for kind`), and Argo CD fails the whole sync before it applies
    anything of it, unless the option SkipDryRunOnMissingResource=true is set.

    Fix: Render the CustomResourceDefinition, correct apiVersion and kind, or declare it in policy under
    references.external, where the operator comes from outside of the tree.
    """
    yield from _missing(subject, "custom-resource-definition-missing")


@check()
def class_missing(subject: Subject) -> Iterator[Result]:
    """A class that is named does not exist

    Why: No controller takes an Ingress or a Gateway of an unknown class, a claim of an unknown StorageClass stays
    Pending, and a Pod of an unknown PriorityClass or RuntimeClass is refused.

    Fix: Name a class that the cluster has, or declare it in policy under references.external.
    """
    yield from _missing(subject, "class-missing")


@check()
def referenced_object_missing(subject: Subject) -> Iterator[Result]:
    """An object names another one that does not exist

    Why: A route without its Gateway is never served, an IngressRoute without its Middleware is dropped as a whole, and
    a claim without its volume stays Pending; what names another object does not work without it.

    Fix: Name the object that is there, render it, or declare it in policy under references.external.
    """
    yield from _missing(subject, "referenced-object-missing")


@check(severity=Severity.WARNING, scope=Scope.ENVIRONMENT)
def external_unmatched(subject: Subject) -> Iterator[Result]:
    """Policy declares something external that nobody needs

    Why: An entry for what is no longer needed, or no longer called so, hides the next reference of that name that
    leads nowhere.

    Fix: Delete the entry, or correct kind, namespace and name.
    """
    entries = subject.policy.section(ReferencesSection).external
    graphs = graphs_of(subject).values()
    if not entries or any(graph.incomplete for graph in graphs):  # what is not known may need it
        yield NotApplicable()
        return
    for graph in graphs:
        for use in graph.uses:
            graph.state_of(use.target)
    used = {index for graph in graphs for index in graph.used_external}
    for index, entry in enumerate(entries):
        if index not in used:
            name = f"{entry.kind} {entry.name}"
            yield Breach(
                subject.policy.place_of("references", "external", index),
                f"nothing needs {name}" + (f" in namespace {entry.namespace}" if entry.namespace != "*" else ""),
                "something that an Application names",
                field=f"references.external.{name}",
            )
