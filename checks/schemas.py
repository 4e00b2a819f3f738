"""Objects: whether the API server takes them as they are written, by the schema of their kind and by its own rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, check, problems
from driftgate.model.environment import ValuesLayer
from driftgate.model.manifest import Manifest
from driftgate.model.node import Node, Path, field_path
from driftgate.model.outcome import Related, Severity
from driftgate.model.place import Place
from driftgate.policy import SchemasSection
from driftgate.schemas import Fault, FaultKind
from driftgate.semantics.object_names import label_value_fault, name_fault, qualified_name_fault

_SELECTORS = {
    ("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("apps", "ReplicaSet"),
    ("argoproj.io", "Rollout"),
}  # fmt: skip
_LAST_STRICT_SERVICES = 34
_CRD = "CustomResourceDefinition"


def _faults(subject: Subject, kind: FaultKind) -> Iterator[tuple[Manifest, Fault]]:
    """What schemas refuse of what the Application renders, of one sort, without what another check tells."""
    # What is left of two objects that became one document has fields of both.
    merged = {
        fault.template
        for render in subject.app.renders
        for fault in render.faults
        if fault.fault == "output-separator-swallowed"
    }
    for manifest in subject.manifests:
        if manifest.is_application or manifest.template in merged:
            continue
        for fault in subject.environment.schemas.faults(manifest.object):
            if fault.kind is kind and not _is_told(manifest, fault):
                yield manifest, fault


def _is_told(manifest: Manifest, fault: Fault) -> bool:
    """Whether a check that knows more tells the fault: of annotations, quantities, images, ports and parts of Pods."""
    path, kind = fault.path, fault.kind
    if kind is FaultKind.DUPLICATE:
        is_port = (manifest.group, manifest.kind) == ("", "Service") and path[:2] == ("spec", "ports")
        return is_port or path[-2] in ("containers", "initContainers", "volumes", "volumeMounts")
    if kind is not FaultKind.TYPE:
        return False
    if path[:2] == ("metadata", "annotations") and len(path) == 3:
        return manifest.kind != _CRD
    has_pods = manifest.pod_spec_path is not None
    is_amount = len(path) > 2 and path[-3:-1] in (("resources", "requests"), ("resources", "limits"))
    is_size = path[-2:] == ("emptyDir", "sizeLimit")
    if is_amount or is_size:
        return has_pods or manifest.kind == "PersistentVolumeClaim"
    return has_pods and path[-1] == "image" and isinstance(path[-2], int) and "containers" in str(path[-3]).lower()


def _judged(subject: Subject) -> Iterator[Result]:
    """Say that the check has nothing to judge where no object of the Application has a schema."""
    has = subject.environment.schemas.has
    if not any(has(one.api_version, one.kind) and not one.is_application for one in subject.manifests):
        yield NotApplicable()


@check()
def unknown_field(subject: Subject) -> Iterator[Result]:
    """An object has a field that its kind does not have

    Why: Argo CD applies with strict validation, so the API server refuses the object and the sync fails; with the
    option Validate=false it drops the field without a word, and the object stays out of sync for ever (argo-cd:
    gitops-engine/pkg/utils/kube/resource_ops.go). A server-side apply fails in either case.

    Fix: Correct the spelling, move the field to the place that is named, or delete it.
    """
    yield from _judged(subject)
    schemas = subject.environment.schemas
    for manifest, fault in _faults(subject, FaultKind.UNKNOWN):
        hint = schemas.hint(manifest.object, fault)
        until = f", which had it up to {hint.until}" if hint.until else ""
        found = f"{field_path(fault.path)}, which is no field of {schemas.origin(manifest.object)}{until}"
        place, related = _place_of_key(subject, manifest, fault.path)
        yield Breach(place, found, hint.expected, manifest.object_id, manifest.field(*fault.path), related)


def _place_of_key(subject: Subject, manifest: Manifest, path: Path) -> tuple[Place, tuple[Related, ...]]:
    """Where the name of a field is written: in the template, or in a block of values that the template takes over."""
    rendered = manifest.place_of(*path)
    if rendered.exact:
        return rendered, ()
    line = subject.environment.origin(manifest, _first_leaf(manifest, path), None)
    if line is not None:
        nodes = [layer.node for layer in _layers(subject, manifest)]
        keys = (_key_at(nodes, node, line, str(path[-1]), set(manifest.get(*path[:-1]))) for node in nodes)
        for key in filter(None, keys):
            return key, (Related(rendered, f"renders {manifest.kind} {manifest.name}"),)
    return rendered, ()


def _first_leaf(manifest: Manifest, path: Path) -> Path:
    value = manifest.get(*path)
    while isinstance(value, dict | list) and value:
        step = next(iter(value)) if isinstance(value, dict) else 0
        path, value = (*path, step), value[step]
    return path


def _layers(subject: Subject, manifest: Manifest) -> Iterator[ValuesLayer]:
    for render in subject.app.renders:
        if render.source.index == manifest.source_index:
            yield from render.layers


def _key_at(layers: list[Node], node: Node, place: Place, name: str, rendered: set[str]) -> Place | None:
    """The place of the key of that name on the way to the leaf that stands at a place; None where there is none.

    A template may have the same name by itself. So all of the mapping must be there, as every layer together makes it,
    and no key of it that is not `rendered`.
    """
    for path, _ in node.leaves():
        if node.place_of(*path) == place and name in path:
            above = path[: path.index(name)]
            keys = {key for layer in layers for key in _mapping_at(layer, above)}
            return node.place_of(*above, name) if keys <= rendered else None
    return None


def _mapping_at(node: Node, path: Path) -> Mapping[str, Node]:
    below = node.get(*path)
    return below.mapping if below is not None else {}


@check()
def field_type_wrong(subject: Subject) -> Iterator[Result]:
    """A field has a value of the wrong type

    Why: The API server cannot read the object and refuses it, and the sync fails. An unquoted number or boolean where
    text belongs is the usual reason, most of all in env; in a list, null is no value either.

    Fix: Quote the value in the manifest, or pass it through quote in the template; give numbers and booleans bare.
    """
    yield from _judged(subject)
    for manifest, fault in _faults(subject, FaultKind.TYPE):
        found = f"{fault.found} in {field_path(fault.path) or 'the object'}"
        yield subject.breach(manifest, fault.path, found, fault.expected)


@check()
def required_field_missing(subject: Subject) -> Iterator[Result]:
    """A field that the kind requires is missing

    Why: The API server refuses the object, and the sync fails. A null counts as missing: that is what a template
    renders of a value that is not set.

    Fix: Write the field, or set the value that the template takes it from.
    """
    yield from _judged(subject)
    for manifest, fault in _faults(subject, FaultKind.MISSING):
        parent = field_path(fault.path[:-1]) or "the object"
        missing = "null" if fault.found == "null" else "no"
        found = f"{missing} {'in ' if missing == 'null' else ''}{fault.path[-1]} of {parent}"
        yield subject.breach(
            manifest, fault.path, found, field_path(fault.path), part="" if missing == "null" else None
        )


@check()
def field_value_refused(subject: Subject) -> Iterator[Result]:
    """A field has a value that the API server refuses

    Why: The kind allows only certain values there: those that Kubernetes' own validation or the CRD lists, or text of
    a certain form. The object is refused, and the sync fails.

    Fix: Write one of the values that are named; capitals count.
    """
    yield from _judged(subject)
    for manifest, fault in _faults(subject, FaultKind.VALUE):
        found = f"{fault.found} in {field_path(fault.path) or 'the object'}"
        yield subject.breach(manifest, fault.path, found, fault.expected)


@check(severity=Severity.WARNING)
def list_entry_duplicate(subject: Subject) -> Iterator[Result]:
    """Two elements of a list have the same key

    Why: The list is a mapping to Kubernetes: of two variables of one name the last counts, a patch meets either, a
    server-side apply, or Argo CD's structured merge diff, fails over the list (structured-merge-diff: typed).

    Fix: Delete the element that is not meant.
    """
    yield from _judged(subject)
    for manifest, fault in _faults(subject, FaultKind.DUPLICATE):
        found = f"{fault.found} a second time in {field_path(fault.path[:-1])}"
        yield _twin_breach(subject, manifest, fault.path, fault.first, found)


def _twin_breach(subject: Subject, manifest: Manifest, path: Path, first: Path, found: str) -> Breach:
    """A breach about an element, told apart from its twin, whose merge key is the same, by its index."""
    place, related = _cause_of_element(subject, manifest, path)
    other, _ = _cause_of_element(subject, manifest, first)
    field = f"{manifest.field(*path[:-1])}[{path[-1]}]"
    return Breach(place, found, "each once", manifest.object_id, field, (*related, Related(other, "the first")))


def _cause_of_element(subject: Subject, manifest: Manifest, path: Path) -> tuple[Place, tuple[Related, ...]]:
    """The line that sets one of the element's fields; its key alone may be a key of the values, which no line sets."""
    element = manifest.get(*path)
    names = list(element) if isinstance(element, dict) else []
    causes = (subject.cause(manifest, *path, name) for name in names)
    return next((cause for cause in causes if cause[0].exact), (manifest.place_of(*path), ()))


@check()
def port_duplicate(subject: Subject) -> Iterator[Result]:
    """A port is there twice, or one of several has no name

    Why: Names of ports are unique in a Service and in a container, and so are port and protocol in a Service, node
    ports and host ports; a Service with several ports names each. The API server refuses the object (kubernetes:
    pkg/apis/core/validation).

    Fix: Give each port a name and a number of its own, or delete one.
    """
    lists = [(manifest, path) for manifest in subject.manifests for path in _port_lists(manifest)]
    if not lists:
        yield NotApplicable()
    for manifest, path in lists:
        is_service = path == ("spec", "ports")
        ports = [(index, port) for index, port in enumerate(manifest.get(*path)) if isinstance(port, dict)]
        for keys in _SERVICE_KEYS if is_service else (("name",),):
            yield from _twin_ports(subject, manifest, path, ports, keys)
        if is_service and len(ports) > 1:
            for index, port in ports:
                if port.get("name") in (None, ""):
                    found = f"port {port.get('port')} of {len(ports)} has no name"
                    yield subject.breach(manifest, (*path, index, "name"), found, "a name for each port")
    for manifest in subject.manifests:
        yield from _twin_host_ports(subject, manifest)


_SERVICE_KEYS = (("name",), ("port", "protocol"), ("nodePort", "protocol"))


def _port_lists(manifest: Manifest) -> Iterator[Path]:
    if (manifest.group, manifest.kind) == ("", "Service"):
        candidates: list[Path] = [("spec", "ports")]
    else:
        candidates = [(*path, "ports") for path in _containers(manifest)]
    for path in candidates:
        if isinstance(manifest.get(*path), list):
            yield path


def _containers(manifest: Manifest) -> Iterator[Path]:
    spec = manifest.pod_spec_path
    for block in ("initContainers", "containers") if spec is not None else ():
        listed = manifest.get(*(spec or ()), block)
        for index in range(len(listed) if isinstance(listed, list) else 0):
            yield (*(spec or ()), block, index)


def _twin_ports(
    subject: Subject, manifest: Manifest, path: Path, ports: list[tuple[int, dict[str, Any]]], keys: tuple[str, ...]
) -> Iterator[Result]:
    seen: dict[tuple[object, ...], int] = {}
    for index, port in ports:
        texts = tuple(port.get(key) or ("TCP" if key == "protocol" else None) for key in keys)
        if not all(isinstance(text, str | int) for text in texts):
            continue
        if texts in seen:
            found = f"{', '.join(f'{key} {text}' for key, text in zip(keys, texts, strict=True))} a second time"
            place, related = subject.cause(manifest, *path, index, keys[0])
            first, _ = subject.cause(manifest, *path, seen[texts], keys[0])
            field = f"{manifest.field(*path)}[{index}].{keys[0]}"
            yield Breach(place, found, "each once", manifest.object_id, field, (*related, Related(first, "the first")))
        else:
            seen[texts] = index


def _twin_host_ports(subject: Subject, manifest: Manifest) -> Iterator[Result]:
    """Host ports count for the Pod as a whole; init containers run before and may use them again."""
    spec = manifest.pod_spec_path
    seen: dict[tuple[object, ...], Path] = {}
    for container in _containers(manifest):
        listed = manifest.get(*container, "ports")
        for index, port in enumerate(listed if isinstance(listed, list) and container[-2] == "containers" else ()):
            if not isinstance(port, dict) or not isinstance(port.get("hostPort"), int) or not port["hostPort"]:
                continue
            key = (port["hostPort"], port.get("protocol") or "TCP", port.get("hostIP") or "")
            path = (*container, "ports", index, "hostPort")
            if key in seen:
                found = f"hostPort {key[0]} {key[1]} a second time in {field_path(spec or ())}"
                first, _ = subject.cause(manifest, *seen[key])
                place, related = subject.cause(manifest, *path)
                field = f"{manifest.field(*container)}.ports[{index}].hostPort"
                yield Breach(
                    place, found, "each once", manifest.object_id, field, (*related, Related(first, "the first"))
                )
            else:
                seen[key] = path


@check()
def pod_part_duplicate(subject: Subject) -> Iterator[Result]:
    """Two containers, volumes or mounts of a Pod have the same name

    Why: Containers and init containers share one set of names, volumes have theirs, and each path of a container is
    mounted once; the API server refuses the Pod (kubernetes: pkg/apis/core/validation).

    Fix: Rename or delete one of them.
    """
    pods = [manifest for manifest in subject.manifests if manifest.pod_spec_path is not None]
    if not pods:
        yield NotApplicable()
    for manifest in pods:
        spec = manifest.pod_spec_path or ()
        containers = list(_containers(manifest))
        yield from _twin_parts(subject, manifest, containers, "name", "container")
        yield from _twin_parts(subject, manifest, _elements(manifest, (*spec, "volumes")), "name", "volume")
        for container in containers:
            mounts = _elements(manifest, (*container, "volumeMounts"))
            yield from _twin_parts(subject, manifest, mounts, "mountPath", "mount")


def _elements(manifest: Manifest, path: Path) -> list[Path]:
    listed = manifest.get(*path)
    return [(*path, index) for index in range(len(listed) if isinstance(listed, list) else 0)]


def _twin_parts(subject: Subject, manifest: Manifest, paths: list[Path], key: str, what: str) -> Iterator[Result]:
    seen: dict[str, Path] = {}
    for path in paths:
        name = manifest.get(*path, key)
        if not isinstance(name, str):
            continue
        if name in seen:
            place, related = subject.cause(manifest, *path, key)
            first, _ = subject.cause(manifest, *seen[name], key)
            field = f"{manifest.field(*path[:-1])}[{path[-1]}].{key}"
            found = f"{what} {name} a second time"
            yield Breach(place, found, "each once", manifest.object_id, field, (*related, Related(first, "the first")))
        else:
            seen[name] = path


@check()
def selector_does_not_match_labels(subject: Subject) -> Iterator[Result]:
    """A workload's selector does not match the labels of its own Pods

    Why: The API server refuses a workload that would not own the Pods it makes, and an empty selector too (kubernetes:
    pkg/apis/apps/validation). The selector cannot be changed later, so a label that is renamed has to stay in step.

    Fix: Give the Pod template the labels that the selector names; in an installed workload, change the labels back.
    """
    judged = [one for one in subject.manifests if (one.group, one.kind) in _SELECTORS]
    if not judged:
        yield NotApplicable()
    for manifest in judged:
        selector = manifest.get("spec", "selector")
        labels = manifest.get("spec", "template", "metadata", "labels")
        known = labels if isinstance(labels, dict) else {}
        # A Rollout may take its Pods from a Deployment (`workloadRef`) and then has no template of its own.
        if isinstance(selector, dict) and not manifest.get("spec", "workloadRef"):
            yield from _unmatched(subject, manifest, selector, known)


def _unmatched(
    subject: Subject, manifest: Manifest, selector: Mapping[str, Any], labels: Mapping[str, Any]
) -> Iterator[Result]:
    base: Path = ("spec", "selector")
    if not any(selector.get(part) for part in ("matchLabels", "matchExpressions")):
        yield subject.breach(manifest, base, "an empty selector", "the labels of the Pod template")
        return
    wanted = selector.get("matchLabels")
    for name, value in wanted.items() if isinstance(wanted, dict) else ():
        own = labels.get(name)
        if isinstance(value, str) and own != value and (own is None or isinstance(own, str)):
            found = f"{name}: {value} in the selector, {'no such label' if own is None else own} in the Pod template"
            path = (*base, "matchLabels", name)
            breach = subject.breach(manifest, path, found, f"{name}: {value} in both")
            yield breach
    expressions = selector.get("matchExpressions")
    for index, expression in enumerate(expressions if isinstance(expressions, list) else ()):
        if isinstance(expression, dict) and not _expression_fits(expression, labels):
            found = f"{expression.get('key')} {expression.get('operator')} does not fit the labels of the Pod template"
            yield subject.breach(manifest, (*base, "matchExpressions", index, "key"), found, "a selector that fits")


def _expression_fits(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Whether labels fulfil one requirement; one that cannot be read is the schema's matter (LabelSelector)."""
    key, values = expression.get("key"), expression.get("values")
    listed = values if isinstance(values, list) else []
    tests: dict[Any, Callable[[], bool]] = {
        "In": lambda: labels.get(str(key)) in listed,
        "NotIn": lambda: labels.get(str(key)) not in listed,
        "Exists": lambda: key in labels,
        "DoesNotExist": lambda: key not in labels,
    }
    operator = expression.get("operator")
    test = tests.get(operator) if isinstance(operator, str) and isinstance(key, str) else None
    return test is None or test()


@check()
def api_version_not_served(subject: Subject) -> Iterator[Result]:
    """The API version of an object is not served

    Why: The API server does not know the kind in that version, so nothing of the sync is applied (argo-cd:
    gitops-engine/pkg/sync/sync_context.go: the server could not find the requested resource). Versions are removed
    with Kubernetes releases; others come with one, or with a CRD.

    Fix: Write the version that is named, and check which fields have moved between the two.
    """
    yield from _api_faults(subject, served=False)


@check(severity=Severity.NOTE)
def api_version_deprecated(subject: Subject) -> Iterator[Result]:
    """The API version of an object is deprecated

    Why: It is still served, and will be removed with a later release of Kubernetes, or of the operator whose kind it
    is; an upgrade then stops every sync of the Application.

    Fix: Write the version that is named before the next upgrade.
    """
    yield from _api_faults(subject, served=True)


def _api_faults(subject: Subject, *, served: bool) -> Iterator[Result]:
    if not subject.manifests:
        yield NotApplicable()
    for manifest in subject.manifests:
        if not (manifest.api_version and manifest.kind):
            continue
        fault = subject.environment.schemas.api_fault(manifest.api_version, manifest.kind)
        if fault is not None and fault.served is served:
            related = subject.policy_entry("cluster", "kubernetesVersion", note="the version that policy names")
            breach = subject.breach(manifest, ("apiVersion",), fault.found, fault.expected)
            yield Breach(
                breach.place, breach.found, breach.expected, breach.object, breach.field, (*breach.related, *related)
            )


@check()
def schema_missing(subject: Subject) -> Iterator[Result]:
    """An object has no schema, and policy requires one for its kind

    Why: What no schema describes has not been validated: an unknown or misspelt field of it passes unseen. Policy says
    for which kinds that is not enough; of all others the ledger names the kinds and counts the objects.

    Fix: Put the kind's CRD, or a JSON Schema of it, into the folder that schemas.folder names.
    """
    required = subject.policy.section(SchemasSection).required
    if not required:
        yield NotApplicable()
        return
    related = subject.policy_entry("schemas", "required", note="the kinds that must have one")
    for manifest in subject.manifests:
        name = f"{manifest.group}/{manifest.kind}" if manifest.group else manifest.kind
        is_required = any(fnmatchcase(name, pattern) for pattern in required)
        if is_required and _is_schemaless(subject, manifest):
            place = manifest.place_of("apiVersion")
            found = f"no schema of {manifest.api_version} {manifest.kind}"
            yield Breach(place, found, "a schema", manifest.object_id, "apiVersion", related)


def _is_schemaless(subject: Subject, manifest: Manifest) -> bool:
    """Whether there is no schema, and not because the API version is missing or not served, which is told as such."""
    schemas = subject.environment.schemas
    if not manifest.api_version or schemas.has(manifest.api_version, manifest.kind):
        return False
    fault = schemas.api_fault(manifest.api_version, manifest.kind)
    return fault is None or fault.served


@check(scope=Scope.ENVIRONMENT)
def schema_unreadable(subject: Subject) -> Iterator[Result]:
    """A schema cannot be used

    Why: It was put into the policy's folder, or is a CustomResourceDefinition that is deployed, and describes nothing
    that could be judged; the API server refuses such a definition too.

    Fix: Correct what is named; a JSON Schema says of which kind it is by x-kubernetes-group-version-kind.
    """
    yield from problems(subject, "schema-unreadable")


@check(scope=Scope.ENVIRONMENT, severity=Severity.NOTE)
def schema_version_assumed(subject: Subject) -> Iterator[Result]:
    """Objects are held to the schemas of another Kubernetes than policy names

    Why: Schemas of that release are not part of this driftgate, so the nearest one stands in; a field that only one of
    the two has is judged by the wrong one.

    Fix: Use a driftgate that knows the release, or name one that this driftgate knows.
    """
    assumed = subject.environment.schemas.kubernetes.assumed
    if not subject.environment.applications:
        yield NotApplicable()
    elif assumed:
        place = subject.policy.place_of("cluster", "kubernetesVersion")
        yield Breach(place, assumed, "a release whose schemas are there", field="cluster.kubernetesVersion")


@check(scope=Scope.ENVIRONMENT)
def project_field_invalid(subject: Subject) -> Iterator[Result]:
    """A field of an AppProject is unknown, missing or of the wrong type

    Why: The project stands in the tree and no Application renders it, so it is applied by hand or by another tool; the
    API server refuses it, or drops the field, and the fence is another than the one that is written (argo-cd:
    manifests/crds/appproject-crd.yaml).

    Fix: Correct the field at the place that is named.
    """
    schemas = subject.environment.schemas
    rendered = {
        one.name for loaded in subject.environment.applications for one in loaded.manifests if one.kind == "AppProject"
    }
    projects = [project for project in subject.environment.projects if project.name not in rendered]
    if not projects:
        yield NotApplicable()
    for project in projects:
        document: Any = project.node.plain()
        for fault in schemas.faults(document):
            hint = schemas.hint(document, fault).expected if fault.kind is FaultKind.UNKNOWN else fault.expected
            found = f"{fault.found} in {field_path(fault.path[:-1]) or 'the project'}"
            if fault.kind is not FaultKind.UNKNOWN:
                found = f"{fault.found} in {field_path(fault.path)}"
            yield Breach(
                project.node.place_of(*fault.path), found, hint, f"AppProject/{project.name}", field_path(fault.path)
            )


@check()
def object_head_incomplete(subject: Subject) -> Iterator[Result]:
    """An object has no apiVersion or no name

    Why: Nothing can be created without both: the API server refuses the object, and Argo CD cannot even tell it from
    others. In a chart, a value that is not set is the usual reason.

    Fix: Write what is missing, or set the value that the template takes it from.
    """
    if not subject.manifests:
        yield NotApplicable()
    for manifest in subject.manifests:
        if manifest.is_application:
            continue
        if not manifest.api_version:
            yield subject.breach(manifest, ("apiVersion",), f"a {manifest.kind} without apiVersion", "group/version")
        name, generated = (manifest.metadata.get(key) for key in ("name", "generateName"))
        if name in (None, "") and generated in (None, "") and isinstance(manifest.object.get("metadata", {}), dict):
            part = "" if "name" in manifest.metadata else None
            found = f"a {manifest.kind} without a name"
            yield subject.breach(manifest, ("metadata", "name"), found, "metadata.name", part=part)


@check()
def object_name_invalid(subject: Subject) -> Iterator[Result]:
    """An object's name is none that Kubernetes takes

    Why: The API server refuses the object, and the sync fails: names are DNS names for nearly all kinds, shorter ones
    for Services, Namespaces and CronJobs (apimachinery: pkg/util/validation).

    Fix: Use lower-case letters, digits and dashes, and stay below the length that is named.
    """
    strict = subject.environment.schemas.kubernetes.real_minor <= _LAST_STRICT_SERVICES
    own = subject.application.name
    fault = name_fault("argoproj.io", "Application", own) if own else ""
    if fault:
        yield Breach(subject.place("metadata", "name"), f"name {own}", fault, field="metadata.name")
    for manifest in subject.manifests:
        key = "name" if manifest.metadata.get("name") else "generateName"
        name = manifest.metadata.get(key)
        if manifest.is_application or not isinstance(name, str) or not name:
            continue
        # What is generated gets a tail of letters and digits, so that a dash at its end is in order.
        whole = name if key == "name" else f"{name}x"
        expected = name_fault(manifest.group, manifest.kind, whole, strict_services=strict)
        if expected:
            yield subject.breach(manifest, ("metadata", key), f"name {name}", expected)


@check()
def label_invalid(subject: Subject) -> Iterator[Result]:
    """A label or the key of an annotation is none that Kubernetes takes

    Why: The API server refuses the object, and the sync fails. Longer texts, URLs and texts with spaces belong into
    annotations, whose keys follow the same rule (apimachinery: pkg/apis/meta/v1/validation). A chart's version with +
    in it is the usual reason.

    Fix: Shorten the text, and use letters, digits, dashes, underscores and dots only.
    """
    if not subject.manifests:
        yield NotApplicable()
    for manifest in subject.manifests:
        for path in _label_blocks(manifest):
            block = manifest.get(*path)
            for key, value in block.items() if isinstance(block, dict) else ():
                yield from _label_faults(subject, manifest, path, str(key), value)


_METADATA: Path = ("metadata",)


def _label_blocks(manifest: Manifest) -> Iterator[Path]:
    metadata = [_METADATA]
    if manifest.pod_spec_path and len(manifest.pod_spec_path) > 1:
        metadata.append((*manifest.pod_spec_path[:-1], "metadata"))
    for path in metadata:
        yield (*path, "labels")
        yield (*path, "annotations")
    if (manifest.group, manifest.kind) in _SELECTORS:
        yield ("spec", "selector", "matchLabels")
    if (manifest.group, manifest.kind) == ("", "Service"):
        yield ("spec", "selector")


def _label_faults(subject: Subject, manifest: Manifest, path: Path, key: str, value: Any) -> Iterator[Result]:
    # The prefix of an annotation is compared in lower case (apimachinery: pkg/api/validation/objectmeta.go).
    is_annotation = path[-1] == "annotations"
    expected = qualified_name_fault(key.lower() if is_annotation else key)
    if expected:
        place, related = _place_of_key(subject, manifest, (*path, key))
        found = f"the key {key!r} in {field_path(path)}"
        yield Breach(place, found, expected, manifest.object_id, manifest.field(*path, key), related)
    elif not is_annotation and isinstance(value, str):
        expected = label_value_fault(value)
        if expected:
            found = f"{key}: {value!r} in {field_path(path)}"
            yield subject.breach(manifest, (*path, key), found, expected)
