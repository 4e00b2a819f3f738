"""Read a tree and render everything that its Applications name, children of children included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, Self

from driftgate.assembly.charts import chart_drafts, unlisted_values_files
from driftgate.assembly.dependencies import Dependency
from driftgate.assembly.plan import Draft, Planner
from driftgate.assembly.provenance import Blame, OriginFinder, ValuesProber, blamed
from driftgate.assembly.review import ChangeReview
from driftgate.assembly.schemas import environment_schemas
from driftgate.credentials import CredentialFinder
from driftgate.facts import kind_scope
from driftgate.files import FileRoot
from driftgate.model.application import API_GROUP, Application, AppProject, Source
from driftgate.model.changes import application_changes
from driftgate.model.environment import (
    Chart,
    Environment,
    LoadedApplication,
    Problem,
    ProblemKind,
    Reach,
    Render,
    SourceType,
)
from driftgate.model.manifest import Manifest, dig
from driftgate.model.node import Node, field_path
from driftgate.model.place import Place
from driftgate.model.secret import mask_secret
from driftgate.policy import ArgoCDSection, ClusterSection, Policy, RepositorySection
from driftgate.render.cache import RenderCache
from driftgate.render.jobs import Job, Reply
from driftgate.render.pool import WorkerPool
from driftgate.repository.discovery import Discovery, discover
from driftgate.repository.git import GitClone
from driftgate.repository.sources import Locator
from driftgate.repository.store import FetchStore
from driftgate.repository.texts import line_of, texts_of
from driftgate.settings import Settings
from driftgate.yaml_reader import read_yaml

__all__ = ["Assembly", "assemble"]

MAX_ROUNDS = 20
# Deeper than this, Applications that render each other are a loop if there are that many of them.
NESTED_ROUNDS = 3
MAX_NESTED = 200


@dataclass(slots=True)
class _Item:
    """One Application while the tree is being unfolded."""

    application: Application
    file: str
    document: int
    drafts: list[Draft] = field(default_factory=list)
    parents: list[_Item] = field(default_factory=list)
    label: str = ""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What two assemblies of one clone have in common."""

    pool: WorkerPool
    cache: RenderCache
    clone: GitClone


class Assembly:
    """One environment, with the workers that may be asked again while it is judged. A context manager.

    A `pool` that is handed in is used and left running, so that a caller with many trees starts its workers once.
    `shared` is what the base of a change has of the head: its clone, its workers and, while both are read, its renders.
    """

    def __init__(
        self,
        root: Path,
        policy: Policy,
        settings: Settings,
        urls: Sequence[str] = (),
        pool: WorkerPool | None = None,
        *,
        shared: _Shared | None = None,
    ) -> None:
        self.policy = policy
        self.root = FileRoot(root)
        self.settings = settings
        self._pool_is_shared = pool is not None or shared is not None
        self.pool = shared.pool if shared else pool or WorkerPool(settings)
        self._rendered_before = self.pool.renders
        self.cache = shared.cache if shared else RenderCache(settings.cache)
        clone = shared.clone if shared else GitClone(root)
        configured = policy.section(RepositorySection).urls
        names = tuple(urls) or configured or clone.remotes()
        self._locator = Locator(self.root, clone, names, FetchStore(settings.store))
        self._drafts: dict[tuple[str, int], Draft] = {}
        self.environment = Environment(policy.environment, ())
        self._prober = ValuesProber({}, self.pool.run, self.cache)
        self.remote_dependencies: tuple[Dependency, ...] = ()

    def __enter__(self) -> Self:
        try:
            self.environment = self._load()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, unless they are shared, and remove what was exported."""
        if not self._pool_is_shared:
            self.pool.close()
        self._locator.close()

    @property
    def urls(self) -> tuple[str, ...]:
        """The names under which Applications name the repository."""
        return self._locator.urls

    @property
    def renders(self) -> dict[str, int]:
        """What the run cost: renders done by workers, those taken from the cache, and those that only probed values."""
        shared = {"shared with the base": self.cache.shared} if self.environment.base is not None else {}
        probes = self._prober.probes
        rendered = self.pool.renders - self._rendered_before - probes
        return {"rendered": rendered, "cached": self.cache.hits, "probes": probes, **shared}

    def share_renders(self) -> None:
        """Keep every reply until the base of the change has been read as well."""
        self.cache.memory = {}

    @contextmanager
    def compared_with(self, root: Path, revision: str, urls: Sequence[str] = ()) -> Iterator[Environment]:
        """The environment together with the one of an earlier tree, which is rendered as far as it is another one.

        `revision` is what the earlier tree is called in places. Whoever is going to ask for it calls `share_renders`
        before the tree is read.
        """
        shared = _Shared(self.pool, self.cache, self._locator.clone)
        with Assembly(root, self.policy, self.settings, urls, shared=shared) as base:
            self.cache.memory = None  # what findings have rendered to find their cause is not asked for again
            changes = application_changes(
                replace(self.environment, base=base.environment), self.policy.section(ArgoCDSection).namespace
            )
            names = {c.after.label: c.before.label for c in changes if c.after is not None and c.before is not None}
            review = ChangeReview(self.root, base.root, base._drafts, self._drafts, names, self._render_one)
            earlier = replace(base.environment, revision=revision)
            self.environment = replace(self.environment, base=earlier, review=review)
            yield self.environment

    @property
    def remote_sources(self) -> tuple[Source, ...]:
        """Every source whose files this tree does not hold, fetched before or not."""
        sources = (source for loaded in self.environment.applications for source in loaded.application.sources)
        return tuple(filter(self._locator.is_remote, sources))

    def job(self, label: str, source: int) -> Job | None:
        """What a source of an Application is rendered by, both as they are labelled; None where nothing renders it."""
        draft = self._drafts.get((label, source))
        return draft.job if draft is not None else None

    def blame(self, loaded: LoadedApplication) -> tuple[Blame, ...]:
        """What the values lines of an Application do, for each of its Helm sources that is rendered in full."""
        return blamed(loaded, self._drafts, self._render, self._prober)

    def _load(self) -> Environment:
        repository = self.policy.section(RepositorySection)
        found = discover(self.root, repository.exclude, self.policy.manifests)
        planner = Planner(self._locator, self.policy, self.settings)
        items = self._unfold(found, planner)
        problems = [*_outside(found.problems, planner.values_files), *self._duplicates(found)]
        _label(items)
        drafts_of = [(item.label, draft) for item in items for draft in item.drafts]
        charts = chart_drafts(self.root, found.charts, drafts_of, planner)
        self._take([chart.spare for chart in charts if chart.spare is not None])
        self.remote_dependencies = tuple(sorted(planner.remote_dependencies))
        scopes = self._scopes([*(d for _, d in drafts_of), *(c.spare for c in charts if c.spare is not None)])
        config, config_problem = self._argocd_config()
        loaded = tuple(self._loaded(item, scopes) for item in items)
        self._drafts = drafts = {(label, draft.source.index): draft for label, draft in drafts_of}
        self._prober = ValuesProber(drafts, self.pool.run, self.cache)
        manifests = [manifest for one in loaded for manifest in one.manifests]
        schemas, schema_problems = environment_schemas(self.root, self.policy, found.files, manifests)
        return Environment(
            name=self.policy.environment,
            applications=tuple(sorted(self._with_reach(loaded), key=lambda a: a.label)),
            projects=_projects(found, loaded),
            charts=tuple(
                Chart(c.path, c.name, c.library, c.users, _frozen(c.spare, "", scopes) if c.spare else None)
                for c in charts
            ),
            problems=(*problems, *config_problem, *schema_problems),
            application_sets=_application_sets(found, loaded),
            excluded=tuple(found.excluded),
            argocd_config=config,
            values_files=tuple(sorted(planner.values_files)),
            unlisted_values_files=unlisted_values_files(found.files, charts, planner.values_files),
            paths=found.files,
            origin=OriginFinder(drafts, self._render),
            values_read=self._prober,
            schemas=schemas,
            credentials=self._credential_finder(found, planner, [draft for _, draft in drafts_of]),
            line_of=partial(line_of, self.root),
            texts=partial(texts_of, self.root),
        )

    def _credential_finder(self, found: Discovery, planner: Planner, drafts: Sequence[Draft]) -> CredentialFinder:
        """A search of the tree's files that leaves out nothing that belongs to the environment."""
        own = [draft for draft in drafts if draft.root is not None and not draft.root.label]
        return CredentialFinder(
            self.root,
            self._locator.clone.ignored,
            self.settings.cache,
            folders=frozenset(draft.directory for draft in own),
            files=frozenset([*(manifest.file for manifest in found.applications), *planner.values_files]),
        )

    def _render_one(self, job: Job) -> Reply:
        return self._render([job])[0]

    def _render(self, jobs: Sequence[Job], folders: Sequence[tuple[str, ...]] = ()) -> list[Reply]:
        """Replies in the order of the jobs; what the cache knows is not rendered again.

        `folders` are those that each build reads.
        """
        keys = [self.cache.key(job, read) for job, read in zip(jobs, folders or repeat(()), strict=False)]
        replies = [self.cache.get(key) for key in keys]
        wanted = [index for index, reply in enumerate(replies) if reply is None]
        for index, reply in zip(wanted, self.pool.run([jobs[i] for i in wanted]), strict=True):
            self.cache.put(keys[index], reply)
            replies[index] = reply
        return [reply for reply in replies if reply is not None]

    def _take(self, drafts: Sequence[Draft]) -> None:
        """Render the drafts that wait for a worker."""
        waiting = [(draft, draft.job) for draft in drafts if draft.job is not None]
        replies = self._render([job for _, job in waiting], [draft.folders for draft, _ in waiting])
        for (draft, _), reply in zip(waiting, replies, strict=True):
            draft.take(reply)

    def _unfold(self, found: Discovery, planner: Planner) -> list[_Item]:
        """Render what stands in the tree, then what that renders, until nothing new comes."""
        items = [
            _Item(Application.from_manifest(manifest.node), manifest.file, manifest.document)
            for manifest in found.applications
        ]
        pending = list(items)
        for depth in range(MAX_ROUNDS):
            if depth > NESTED_ROUNDS and len(pending) > MAX_NESTED:
                break
            for item in pending:
                item.drafts = planner.drafts(item.application)
            self._take([draft for item in pending for draft in item.drafts])
            pending = [child for item in pending for child in self._children(item, items)]
            if not pending:
                return items
            known = set(map(id, items))
            items.extend(item for item in pending if id(item) not in known)
        for item in pending:
            item.drafts = [_too_deep(item.application, source, depth) for source in item.application.sources[:1]]
        return items

    def _children(self, parent: _Item, items: list[_Item]) -> list[_Item]:
        """The Applications that one renders: those that are new, or that it renders otherwise than they stand."""
        new: list[_Item] = []
        for draft in parent.drafts:
            for template, index, document in draft.documents:
                node = document if isinstance(document, Node) else None
                if not _is_application(document):
                    continue
                known = _known(items, template, document)
                if known is not None:
                    known.parents.append(parent)
                    continue
                base = self._base(items, document) if draft.type is SourceType.KUSTOMIZE else None
                if base is not None:
                    # The manifest in the tree is what kustomize renders from; the rendered one is applied.
                    grafted = Node.grafted(document, base.application.node, template)
                    base.application = Application.from_manifest(grafted, parent.application.name)
                    base.parents = [parent]
                    new.append(base)
                    continue
                child = Application.from_manifest(node or Node.from_plain(document, template), parent.application.name)
                new.append(_Item(child, template, index, parents=[parent]))
        return new

    def _base(self, items: list[_Item], document: Node | dict[str, Any]) -> _Item | None:
        """The manifest of the tree that a kustomization renders from: of that name, and not yet anybody's child."""
        plain: Any = document.plain() if isinstance(document, Node) else document
        name, namespace = dig(plain, ("metadata", "name")), dig(plain, ("metadata", "namespace"))
        for item in items:
            own = item.application
            if own.name == name and own.namespace in ("", namespace) and not item.parents and not own.origin:
                return item
        return None

    def _duplicates(self, found: Discovery) -> list[Problem]:
        return [
            Problem(
                ProblemKind.BROKEN,
                "manifest-duplicate-key",
                duplicate.second,
                f"{field_path(duplicate.path)} a second time",
                "each key once",
                ((duplicate.first, "the first one, which is dropped"),),
                f"{duplicate.second.file}:{field_path(duplicate.path)}",
            )
            for duplicates in found.duplicates.values()
            for duplicate in duplicates
        ]

    def _scopes(self, drafts: Sequence[Draft]) -> dict[tuple[str, str], bool]:
        """Whether custom kinds are namespaced, from the CRDs that the tree renders and from policy."""
        scopes: dict[tuple[str, str], bool] = {}
        for entry in self.policy.section(ClusterSection).cluster_scoped_kinds:
            group, _, kind = entry.rpartition("/")
            scopes[(group, kind)] = False
        for draft in drafts:
            for _, _, document in draft.documents:
                plain = (
                    document.plain()
                    if isinstance(document, Node) and _kind(document) == "CustomResourceDefinition"
                    else document
                )
                if isinstance(plain, dict) and plain.get("kind") == "CustomResourceDefinition":
                    spec: Any = plain.get("spec") if isinstance(plain.get("spec"), dict) else {}
                    names: Any = spec.get("names") if isinstance(spec.get("names"), dict) else {}
                    scopes[(str(spec.get("group")), str(names.get("kind")))] = spec.get("scope") != "Cluster"
        return scopes

    def _loaded(self, item: _Item, scopes: dict[tuple[str, str], bool]) -> LoadedApplication:
        renders = tuple(_frozen(draft, item.label, scopes, item.application) for draft in item.drafts)
        parents = tuple(dict.fromkeys(parent.label for parent in item.parents))
        manifests = tuple(manifest for render in renders for manifest in render.manifests)
        return LoadedApplication(item.label, item.application, renders, manifests, parents)

    def _with_reach(self, loaded: tuple[LoadedApplication, ...]) -> list[LoadedApplication]:
        """Who comes to the cluster how. Without declared roots, parents that nobody renders are the roots."""
        declared = set(self.policy.roots)
        by_label = {one.label: one for one in loaded}
        roots = {one.label for one in loaded if (one.application.name in declared if declared else _is_topmost(one))}
        reached: set[str] = set()
        frontier = set(roots)
        while frontier:
            reached |= frontier
            frontier = {one.label for one in by_label.values() if set(one.parents) & frontier} - reached
        result = []
        for one in loaded:
            if one.label in roots:
                reach = Reach.ROOT
            elif one.label in reached:
                reach = Reach.CHILD
            else:
                reach = Reach.UNREACHED if declared or one.parents else Reach.STANDALONE
            result.append(replace(one, reach=reach))
        return result

    def _argocd_config(self) -> tuple[dict[str, Node], tuple[Problem, ...]]:
        section = self.policy.section(ArgoCDSection)
        if not section.config:
            return {}, ()
        place = self.policy.place_of("argocd", "config")
        try:
            text = read_yaml(self.root.read(section.config), section.config)
        except OSError:
            return {}, (
                Problem(
                    ProblemKind.BROKEN,
                    "policy-entry-unmatched",
                    place,
                    section.config,
                    "the path of argocd-cm",
                ),
            )
        for node in text.roots:
            data = node.get("data")
            if _kind(node) == "ConfigMap" and data is not None:
                return data.mapping, ()
        found = text.fault.message if text.fault else "no ConfigMap in it"
        return {}, (Problem(ProblemKind.BROKEN, "policy-entry-unmatched", place, found, "the argocd-cm ConfigMap"),)


def assemble(
    root: Path, policy: Policy, settings: Settings, urls: Sequence[str] = (), pool: WorkerPool | None = None
) -> Assembly:
    """An assembly of the tree under one policy, to be entered; `urls` name the repository besides policy."""
    return Assembly(root, policy, settings, urls, pool)


def _kind(document: Node | dict[str, Any]) -> str:
    if isinstance(document, Node):
        kind = document.get("kind")
        return (kind.text or "") if kind else ""
    return str(document.get("kind", ""))


def _is_application(document: Node | dict[str, Any]) -> bool:
    if _kind(document) != "Application":
        return False
    plain = document.get("apiVersion")
    version = plain.text if isinstance(plain, Node) else plain
    return isinstance(version, str) and version.startswith("argoproj.io/")


def _known(items: list[_Item], template: str, document: Node | dict[str, Any]) -> _Item | None:
    """The item that stands for a rendered Application already: the same manifest, or an equal one.

    The same by its place, because a file is searched for Applications by other rules than it is rendered by.
    """
    if isinstance(document, Node):
        for item in items:
            node = item.application.node
            if item.file == template and node.place == document.place:
                return item
        return None
    return next((item for item in items if item.application.node.plain() == document), None)


def _too_deep(application: Application, source: Source, depth: int) -> Draft:
    found = f"rendered by {depth + 1 if depth == MAX_ROUNDS - 1 else depth} Applications inside each other"
    place = application.place
    problem = Problem(ProblemKind.LIMIT, "render-limit-exceeded", place, found, "an end to the Applications")
    return Draft(application, source, problems=[problem])


def _is_topmost(one: LoadedApplication) -> bool:
    """Whether an app of apps is nobody's child; one that renders itself, as a self-managing one does, still is not."""
    return one.is_parent and not set(one.parents) - {one.label}


def _label(items: list[_Item]) -> None:
    """Call each Application by a name of its own: with its file, and a number, where others share the name."""
    names = Counter(item.application.name for item in items)
    seen: Counter[str] = Counter()
    for item in items:
        name = item.application.name or "(unnamed)"
        label = name if names[item.application.name] == 1 and item.application.name else f"{name} ({item.file})"
        seen[label] += 1
        item.label = label if seen[label] == 1 else f"{label} #{seen[label]}"


def _outside(problems: list[Problem], values_files: set[str]) -> list[Problem]:
    """The problems without those of empty files that turned out to be values files, which may be empty."""
    return [p for p in problems if p.fault != "manifest-empty" or p.place.file not in values_files]


def _projects(found: Discovery, loaded: Sequence[LoadedApplication]) -> tuple[AppProject, ...]:
    """AppProjects as they are applied: what is rendered counts before a manifest of that name in the tree."""
    rendered = [AppProject.from_manifest(node) for node in _rendered(loaded, "AppProject")]
    names = {project.name for project in rendered}
    standing = [AppProject.from_manifest(manifest.node) for manifest in found.projects]
    return (*rendered, *(project for project in standing if project.name not in names))


def _application_sets(found: Discovery, loaded: Sequence[LoadedApplication]) -> tuple[tuple[str, Place], ...]:
    """ApplicationSets of the tree and those that an Application renders, each once, with the place of its name.

    One that stands in the tree and comes out of a kustomization too is told of where it stands.
    """
    standing = [manifest.node for manifest in found.application_sets]
    known = {_name_and_namespace(node) for node in standing}
    rendered = [
        node
        for node in _rendered(loaded, "ApplicationSet")
        if _name_and_namespace(node) not in known and (_name_and_namespace(node)[0], "") not in known
    ]
    nodes = [*standing, *rendered]
    return tuple(dict.fromkeys((_name_and_namespace(node)[0], node.place_of("metadata", "name")) for node in nodes))


def _name_and_namespace(node: Node) -> tuple[str, str]:
    name, namespace = node.get("metadata", "name"), node.get("metadata", "namespace")
    return (name.text or "") if name else "", (namespace.text or "") if namespace else ""


def _rendered(loaded: Sequence[LoadedApplication], kind: str) -> list[Node]:
    """The manifests of one of Argo CD's kinds that Applications render."""
    manifests = [manifest for one in loaded for manifest in one.manifests]
    return [
        manifest.node or Node.from_plain(manifest.object, manifest.template)
        for manifest in manifests
        if (manifest.group, manifest.kind) == (API_GROUP, kind)
    ]


def _frozen(
    draft: Draft, label: str, scopes: dict[tuple[str, str], bool], application: Application | None = None
) -> Render:
    default = application.destination.namespace if application else ""
    manifests = []
    for number, (template, _, document) in enumerate(draft.documents):
        node = document if isinstance(document, Node) else None
        plain: Any = node.plain() if node is not None else document
        manifest = Manifest(label, draft.source.index, number, mask_secret(plain), template, "", node)
        manifests.append(_in_namespace(manifest, default, scopes))
    return draft.render(tuple(manifests))


def _in_namespace(manifest: Manifest, default: str, scopes: dict[tuple[str, str], bool]) -> Manifest:
    """Fill in the destination namespace; unknown kinds count as namespaced, as for Argo CD."""
    group_kind = (manifest.group, manifest.kind)
    namespaced = scopes.get(group_kind, kind_scope(*group_kind))
    target = "" if namespaced is False else manifest.namespace or default
    return replace(manifest, target_namespace=target, namespaced=namespaced)
