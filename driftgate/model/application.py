"""Application and AppProject as frozen values, each with the node it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftgate.model.node import Node, Path
from driftgate.model.place import Place

__all__ = [
    "AppProject",
    "Application",
    "Automated",
    "Destination",
    "DirectorySource",
    "FileParameter",
    "HelmSource",
    "IgnoreDifference",
    "Located",
    "Parameter",
    "ProjectDestination",
    "ResourcePattern",
    "Retry",
    "Source",
    "SyncPolicy",
]

API_GROUP = "argoproj.io"
FINALIZERS = (
    "resources-finalizer.argocd.argoproj.io",
    "resources-finalizer.argocd.argoproj.io/foreground",
    "resources-finalizer.argocd.argoproj.io/background",
)


@dataclass(frozen=True, slots=True)
class Located:
    """A text together with the place where it stands."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of `helm.parameters`: what `--set` or, with `force_string`, `--set-string` gets."""

    name: str
    # Out of sight in representations, which end up in tracebacks: it may hold a credential.
    value: str = field(repr=False)
    force_string: bool
    place: Place


@dataclass(frozen=True, slots=True)
class FileParameter:
    """One entry of `helm.fileParameters`: what `--set-file` gets."""

    name: str
    path: str
    place: Place


@dataclass(frozen=True, slots=True)
class HelmSource:
    """The `helm` block of a source.

    `values` is the inline YAML text, `values_object` the inline mapping; where the latter is present, even empty,
    Argo CD takes it and drops the former (argo-cd: pkg/apis/application/v1alpha1/values.go).
    """

    release_name: str = ""
    namespace: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    value_files: tuple[Located, ...] = ()
    values: Node | None = None
    values_object: Node | None = None
    parameters: tuple[Parameter, ...] = ()
    file_parameters: tuple[FileParameter, ...] = ()
    ignore_missing_value_files: bool = False
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """The `directory` block of a source."""

    recurse: bool = False
    include: str = ""
    exclude: str = ""
    jsonnet: Node | None = None
    disable_extension_filter: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of `sources`, or `source` itself."""

    index: int
    path_in_spec: Path
    repo_url: str
    path: str
    chart: str
    target_revision: str
    ref: str
    node: Node
    helm: HelmSource = HelmSource()
    directory: DirectorySource = DirectorySource()
    kustomize: Node | None = None
    plugin: Node | None = None
    explicit_types: tuple[str, ...] = ()

    @property
    def renders(self) -> bool:
        """Whether the source yields objects: a `ref` source without path and chart only lends its files."""
        return bool(self.path or self.chart or self.repo_url.startswith("oci://"))

    @property
    def label(self) -> str:
        """How a person would name the source."""
        where = self.chart or self.path or self.ref or "."
        return f"{self.repo_url} {where}".strip()

    def with_node(self, node: Node) -> Source:
        """The same source as another node has it."""
        return _source(self.index, self.path_in_spec, node)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an Application goes: exactly one of `server` and `name`, and the default namespace of its objects."""

    server: str = ""
    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Automated:
    """The `automated` block: present means on, unless `enabled` is false."""

    enabled: bool = True
    prune: bool = False
    self_heal: bool = False
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """The `retry` block with what is written, not what Argo CD fills in; None where a field is absent."""

    limit: int | None = None
    duration: str | None = None
    factor: int | None = None
    max_duration: str | None = None
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """How an Application is synced."""

    automated: Automated | None = None
    sync_options: tuple[Located, ...] = ()
    retry: Retry | None = None
    managed_namespace_metadata: Node | None = None

    def has_option(self, option: str) -> bool:
        """Whether Argo CD sees the option: an exact, case-sensitive, untrimmed comparison."""
        return any(entry.text == option for entry in self.sync_options)

    @property
    def is_automated(self) -> bool:
        """Whether automated sync is on."""
        return self.automated is not None and self.automated.enabled


@dataclass(frozen=True, slots=True)
class IgnoreDifference:
    """One entry of `ignoreDifferences`, as written."""

    index: int
    group: str
    kind: str
    name: str
    namespace: str
    json_pointers: tuple[Located, ...]
    jq_path_expressions: tuple[Located, ...]
    managed_fields_managers: tuple[Located, ...]
    place: Place

    @property
    def label(self) -> str:
        """The rule's target as people write it."""
        target = f"{self.group}/{self.kind}" if self.group else self.kind
        return f"{target} {self.namespace + '/' if self.namespace else ''}{self.name}".strip()


@dataclass(frozen=True, slots=True)
class Application:
    """One Argo CD Application.

    `origin` says where it came from: "" for a manifest that stands in the tree, else the name of the Application that
    renders it. `file_place` is the manifest's beginning.
    """

    name: str
    namespace: str
    project: str
    destination: Destination
    sources: tuple[Source, ...]
    multi_source: bool
    sync_policy: SyncPolicy
    ignore_differences: tuple[IgnoreDifference, ...]
    node: Node
    revision_history_limit: int | None = None
    finalizers: tuple[Located, ...] = ()
    annotations: Mapping[str, Node] = field(default_factory=dict)
    labels: Mapping[str, Node] = field(default_factory=dict)
    info: tuple[tuple[str, str], ...] = ()
    hydrated: bool = False
    origin: str = ""

    @classmethod
    def from_manifest(cls, node: Node, origin: str = "") -> Application:
        """Read a manifest of kind Application.

        A field of the wrong type counts as absent here: the schema check tells it, with its place, and nothing else
        is lost over it. Which source block counts follows argo-cd: types.go `GetSources`.
        """
        metadata, spec = _sub(node, "metadata"), _sub(node, "spec")
        destination = _sub(spec, "destination")
        sources, multi = _sources(spec)
        return cls(
            name=_text(metadata, "name"),
            namespace=_text(metadata, "namespace"),
            project=_text(spec, "project") or "default",
            destination=Destination(
                _text(destination, "server"), _text(destination, "name"), _text(destination, "namespace")
            ),
            sources=sources,
            multi_source=multi,
            sync_policy=_sync_policy(_sub(spec, "syncPolicy")),
            ignore_differences=tuple(
                _ignore_difference(index, entry) for index, entry in enumerate(_items(spec, "ignoreDifferences"))
            ),
            node=node,
            revision_history_limit=_integer(spec, "revisionHistoryLimit"),
            finalizers=_texts(metadata, "finalizers"),
            annotations=_sub(metadata, "annotations").mapping,
            labels=_sub(metadata, "labels").mapping,
            info=tuple((_text(entry, "name"), _text(entry, "value")) for entry in _items(spec, "info")),
            hydrated=spec.get("sourceHydrator") is not None,
            origin=origin,
        )

    @property
    def place(self) -> Place:
        """The manifest's name line, or the nearest place that exists."""
        return self.node.place_of("metadata", "name")

    def place_of(self, *path: str | int) -> Place:
        """The place of a field of the manifest, or of its nearest ancestor that exists."""
        return self.node.place_of(*path)


@dataclass(frozen=True, slots=True)
class ProjectDestination:
    """One entry of `destinations` of an AppProject; an omitted field is the empty pattern."""

    server: str
    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """One entry of a white- or blacklist of kinds."""

    group: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class AppProject:
    """The fence around Applications: allowed repositories, destinations and kinds.

    A list that is absent is None where Argo CD tells absent from empty (`namespaceResourceWhitelist`).
    """

    name: str
    namespace: str
    source_repos: tuple[str, ...]
    destinations: tuple[ProjectDestination, ...]
    cluster_resource_whitelist: tuple[ResourcePattern, ...]
    cluster_resource_blacklist: tuple[ResourcePattern, ...]
    namespace_resource_whitelist: tuple[ResourcePattern, ...] | None
    namespace_resource_blacklist: tuple[ResourcePattern, ...]
    source_namespaces: tuple[str, ...]
    node: Node

    @classmethod
    def from_manifest(cls, node: Node) -> AppProject:
        """Read a manifest of kind AppProject; a field of the wrong type counts as absent."""
        spec = _sub(node, "spec")
        whitelist = spec.get("namespaceResourceWhitelist")
        return cls(
            name=_text(_sub(node, "metadata"), "name"),
            namespace=_text(_sub(node, "metadata"), "namespace"),
            source_repos=tuple(entry.text for entry in _texts(spec, "sourceRepos")),
            destinations=tuple(
                ProjectDestination(_text(entry, "server"), _text(entry, "name"), _text(entry, "namespace"))
                for entry in _items(spec, "destinations")
            ),
            cluster_resource_whitelist=_patterns(spec, "clusterResourceWhitelist"),
            cluster_resource_blacklist=_patterns(spec, "clusterResourceBlacklist"),
            namespace_resource_whitelist=(
                None if whitelist is None or whitelist.value is None else _patterns(spec, "namespaceResourceWhitelist")
            ),
            namespace_resource_blacklist=_patterns(spec, "namespaceResourceBlacklist"),
            source_namespaces=tuple(entry.text for entry in _texts(spec, "sourceNamespaces")),
            node=node,
        )

    @property
    def place(self) -> Place:
        """The manifest's name line, or the nearest place that exists."""
        return self.node.place_of("metadata", "name")


def _sub(node: Node, key: str) -> Node:
    return node.get(key) or Node(None, node.file, node.line, node.column)


def _text(node: Node, key: str) -> str:
    below = node.get(key)
    return (below.text or "") if below else ""


def _integer(node: Node, key: str) -> int | None:
    below = node.get(key)
    return below.integer if below else None


def _flag(node: Node, key: str) -> bool:
    below = node.get(key)
    return bool(below.flag) if below else False


def _items(node: Node, key: str) -> list[Node]:
    below = node.get(key)
    return below.items if below else []


def _texts(node: Node, key: str) -> tuple[Located, ...]:
    return tuple(Located(entry.text, entry.place) for entry in _items(node, key) if entry.text is not None)


def _patterns(node: Node, key: str) -> tuple[ResourcePattern, ...]:
    return tuple(
        ResourcePattern(_text(entry, "group"), _text(entry, "kind"), _text(entry, "name"))
        for entry in _items(node, key)
    )


def _sources(spec: Node) -> tuple[tuple[Source, ...], bool]:
    hydrator = spec.get("sourceHydrator")
    if hydrator is not None and hydrator.mapping:
        dry = hydrator.get("drySource")
        return ((_source(0, ("spec", "sourceHydrator", "drySource"), dry),) if dry else ()), False
    several = _items(spec, "sources")
    if several:
        return tuple(_source(i, ("spec", "sources", i), node) for i, node in enumerate(several)), True
    single = spec.get("source")
    if single is not None and single.mapping:
        return (_source(0, ("spec", "source"), single),), False
    return (), False


def _source(index: int, path: Path, node: Node) -> Source:
    blocks = {name: node.get(name) for name in ("kustomize", "helm", "directory", "plugin")}
    present = tuple(name for name, block in blocks.items() if block is not None and block.value is not None)
    directory = blocks["directory"]
    return Source(
        index=index,
        path_in_spec=path,
        repo_url=_text(node, "repoURL"),
        path=_text(node, "path"),
        chart=_text(node, "chart"),
        target_revision=_revision(node),
        ref=_text(node, "ref"),
        node=node,
        helm=_helm(blocks["helm"]) if blocks["helm"] else HelmSource(),
        directory=_directory(directory) if directory else DirectorySource(),
        kustomize=blocks["kustomize"] if "kustomize" in present else None,
        plugin=blocks["plugin"] if "plugin" in present else None,
        explicit_types=present,
    )


def _revision(node: Node) -> str:
    """An unquoted `targetRevision: 1.10` is a number to YAML; the schema check tells, here it stays readable."""
    below = node.get("targetRevision")
    return "" if below is None or below.value is None else str(below.value)


def _helm(node: Node) -> HelmSource:
    values_object = node.get("valuesObject")
    values = node.get("values")
    return HelmSource(
        release_name=_text(node, "releaseName"),
        namespace=_text(node, "namespace"),
        kube_version=_text(node, "kubeVersion"),
        api_versions=tuple(entry.text for entry in _texts(node, "apiVersions")),
        value_files=_texts(node, "valueFiles"),
        values=values if values is not None and values.text else None,
        values_object=values_object if values_object is not None and values_object.value is not None else None,
        parameters=tuple(
            Parameter(_text(entry, "name"), _text(entry, "value"), _flag(entry, "forceString"), entry.place)
            for entry in _items(node, "parameters")
        ),
        file_parameters=tuple(
            FileParameter(_text(entry, "name"), _text(entry, "path"), entry.place)
            for entry in _items(node, "fileParameters")
        ),
        ignore_missing_value_files=_flag(node, "ignoreMissingValueFiles"),
        skip_crds=_flag(node, "skipCrds"),
        skip_tests=_flag(node, "skipTests"),
        skip_schema_validation=_flag(node, "skipSchemaValidation"),
    )


def _directory(node: Node) -> DirectorySource:
    jsonnet = node.get("jsonnet")
    return DirectorySource(
        recurse=_flag(node, "recurse"),
        include=_text(node, "include"),
        exclude=_text(node, "exclude"),
        jsonnet=jsonnet if jsonnet is not None and jsonnet.mapping else None,
        disable_extension_filter=_flag(node, "disableExtensionFilter"),
    )


def _sync_policy(node: Node) -> SyncPolicy:
    automated, retry = node.get("automated"), node.get("retry")
    metadata = node.get("managedNamespaceMetadata")
    return SyncPolicy(
        automated=_automated(automated) if automated is not None and automated.value is not None else None,
        sync_options=_texts(node, "syncOptions"),
        retry=_retry(retry) if retry is not None and retry.value is not None else None,
        managed_namespace_metadata=metadata if metadata is not None and metadata.value is not None else None,
    )


def _automated(node: Node) -> Automated:
    enabled = node.get("enabled")
    return Automated(
        enabled=not (enabled is not None and enabled.flag is False),
        prune=_flag(node, "prune"),
        self_heal=_flag(node, "selfHeal"),
        allow_empty=_flag(node, "allowEmpty"),
    )


def _retry(node: Node) -> Retry:
    backoff = _sub(node, "backoff")
    duration, longest = backoff.get("duration"), backoff.get("maxDuration")
    return Retry(
        limit=_integer(node, "limit"),
        duration=duration.text if duration else None,
        factor=_integer(backoff, "factor"),
        max_duration=longest.text if longest else None,
        refresh=_flag(node, "refresh"),
    )


def _ignore_difference(index: int, node: Node) -> IgnoreDifference:
    return IgnoreDifference(
        index=index,
        group=_text(node, "group"),
        kind=_text(node, "kind"),
        name=_text(node, "name"),
        namespace=_text(node, "namespace"),
        json_pointers=_texts(node, "jsonPointers"),
        jq_path_expressions=_texts(node, "jqPathExpressions"),
        managed_fields_managers=_texts(node, "managedFieldsManagers"),
        place=node.place,
    )
