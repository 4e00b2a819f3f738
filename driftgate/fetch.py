"""`driftgate fetch`: store what Applications name and the tree does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from driftgate.assembly import Assembly, assemble
from driftgate.model.environment import Environment, Problem, ProblemKind, SourceType
from driftgate.policy import Policy
from driftgate.report.terminal import printable
from driftgate.repository.remote import FetchError, fetch_chart, fetch_commit, is_exact_version, resolve_commit
from driftgate.repository.store import FetchStore
from driftgate.semantics.giturl import is_oci, without_credentials
from driftgate.settings import Settings

__all__ = ["fetch_tree"]

NOTHING_EXIT = 5
FAILED_EXIT = 6
MAX_ROUNDS = 20
_SHORT_COMMIT = 12


def fetch_tree(
    root: Path,
    policies: Sequence[Policy],
    settings: Settings,
    urls: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> int:
    """Fetch every remote source and chart dependency of a tree, one line each; the exit code.

    0 when everything is stored, 5 when there is no Application to look at, 6 when something could not be fetched.
    """
    fetcher = _Fetcher(FetchStore(settings.store), settings.helm, say)
    environments = [_fetch_environment(root, policy, settings, urls, fetcher) for policy in policies]
    applications = {loaded.label for environment in environments for loaded in environment.applications}
    if not applications:
        say("nothing to look at: no Application in this tree")
        return NOTHING_EXIT
    left = dict.fromkeys(problem for environment in environments for problem in _out_of_reach(environment))
    for problem in left:
        say(_line("cannot fetch", f"{problem.place}: {problem.found}; keep {problem.expected or 'it in charts/'}"))
    if not fetcher.seen and not left:
        say(f"nothing remote in {len(applications)} Applications")
    return FAILED_EXIT if fetcher.failed or left else 0


def _fetch_environment(
    root: Path, policy: Policy, settings: Settings, urls: Sequence[str], fetcher: _Fetcher
) -> Environment:
    """Fetch until nothing new comes: what was fetched may render Applications with remote sources of their own."""
    for _ in range(MAX_ROUNDS):
        with assemble(root, policy, settings, urls) as assembly:
            environment = assembly.environment
            wanted = list(_wanted(assembly))
        if not fetcher.fetch(wanted):
            break
    return environment


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One chart or repository; `chart` is empty for Git repositories and for OCI references that say everything."""

    url: str
    chart: str
    revision: str

    @property
    def is_chart(self) -> bool:
        return bool(self.chart) or is_oci(self.url)

    def __str__(self) -> str:
        url = without_credentials(self.url)
        if self.is_chart:
            name = f"chart {self.chart}" if self.chart else "chart"
            return f"{name} {self.revision or 'at its newest'} from {url}"
        return f"repository {url} at {self.revision or 'HEAD'}"


def _wanted(assembly: Assembly) -> Iterator[_Wanted]:
    for source in assembly.remote_sources:
        yield _Wanted(source.repo_url, source.chart, source.target_revision)
    for dependency in assembly.remote_dependencies:
        yield _Wanted(dependency.repository, dependency.name, dependency.version)


def _out_of_reach(environment: Environment) -> Iterator[Problem]:
    """What is remote and not fetched: bases of kustomizations, values files, dependencies that no server is named for.

    A source that is not stored was told when fetching it failed.
    """
    for loaded in environment.applications:
        for render in loaded.renders:
            for problem in render.problems:
                told = problem.fault == "source-remote" and render.type is not SourceType.KUSTOMIZE
                if problem.kind is ProblemKind.REMOTE and not told:
                    yield problem


@dataclass
class _Fetcher:
    """Fetches each thing once, however many Applications name it."""

    store: FetchStore
    helm: str | None
    say: Callable[[str], None]
    seen: dict[_Wanted, None] = field(default_factory=dict)
    failed: bool = False

    def fetch(self, wanted: Iterable[_Wanted]) -> bool:
        """Fetch what was not asked for before; whether there was any."""
        new = [one for one in dict.fromkeys(wanted) if one not in self.seen]
        for one in new:
            self.seen[one] = None
            try:
                word, version = self._repository(one) if not one.is_chart else self._chart(one)
                self.say(_line(word, f"{one}: {version}"))
            except (FetchError, OSError) as error:
                self.failed = True
                reason = error.strerror if isinstance(error, OSError) else str(error)
                self.say(_line("failed", f"{one}: {reason}{self._older(one)}"))
        return bool(new)

    def _older(self, wanted: _Wanted) -> str:
        stored = self.store.find(wanted.url, wanted.chart, wanted.revision)
        return f"; what was stored before, {stored.version}, stays" if stored else ""

    def _chart(self, wanted: _Wanted) -> tuple[str, str]:
        """A chart; one whose version is exact is not asked for again."""
        stored = self.store.find(wanted.url, wanted.chart, wanted.revision)
        if stored is not None and is_exact_version(wanted.revision):
            return "already stored", stored.version
        with self.store.scratch() as folder:
            version, content = fetch_chart(wanted.url, wanted.chart, wanted.revision, folder, self.helm)
            fetched = self.store.add(wanted.url, wanted.chart, wanted.revision, version, content)
        return ("already stored" if fetched == stored else "fetched"), version

    def _repository(self, wanted: _Wanted) -> tuple[str, str]:
        """A repository; a revision that still names the stored commit is not fetched again."""
        stored = self.store.find(wanted.url, wanted.chart, wanted.revision)
        found = resolve_commit(wanted.url, wanted.revision)
        if stored is not None and stored.version.startswith(found.commit):
            return "already stored", stored.version[:_SHORT_COMMIT]
        with self.store.scratch() as folder:
            commit, content = fetch_commit(wanted.url, found, folder)
            self.store.add(wanted.url, wanted.chart, wanted.revision, commit, content)
        return "fetched", commit[:_SHORT_COMMIT]


def _line(word: str, text: str) -> str:
    return printable(f"{word:<16}{text}")
