"""Reads the clusters that environments deploy to, several at once, and judges; one that fails hides no other."""

from __future__ import annotations

import contextlib
import difflib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol, Self, TypeAlias

from driftgate.assembly import Assembly, assemble
from driftgate.deploys import Aftermath, Deploy, Snapshot, Told, Unsettled, aftermath_of, told_of
from driftgate.drift.consequences import Deliverer
from driftgate.drift.pairing import LiveEnvironment, wanted_of
from driftgate.drift.reading import read_state
from driftgate.drift.recording import read_recording
from driftgate.drift.state import ClusterState, Unreached
from driftgate.errors import UsageError
from driftgate.graph.index import cluster_of
from driftgate.live import ApiError, Cluster
from driftgate.model.environment import Environment, LoadedApplication
from driftgate.model.outcome import Judgement
from driftgate.policy import ArgoCDSection, ClusterDestination, ClusterSection, Policy
from driftgate.render.pool import WorkerPool
from driftgate.run import judge_drift
from driftgate.semantics.destinations import IN_CLUSTER
from driftgate.settings import Settings
from driftgate.settle import Settling
from driftgate.target import Target, Way, applications_of, connect, destinations_of, target_of

__all__ = [
    "CLUSTERS_AT_ONCE",
    "ClusterReader",
    "Judged",
    "LookBack",
    "Reader",
    "RecordingReader",
    "differences_of",
    "judge_clusters",
]

# Each is asked with a few connections besides (`driftgate.live.connection.WORKERS`); as many environments are held.
CLUSTERS_AT_ONCE = 4

#: Raises UsageError where a cluster that was reached is not to be looked at.
Permit: TypeAlias = Callable[[Target, str, Policy], None]


class Reader(Protocol):
    """Whatever says what the clusters of an environment are like, of all Applications or of those of these names."""

    @property
    def names(self) -> Sequence[str]:
        """The Applications that are chosen; none for all of them."""

    def begin(self, environment: Environment, policy: Policy) -> tuple[Future[ClusterState | Unreached], ...]:
        """Begin to find out; an answer for each cluster, and none where the environment has none of the names."""


@dataclass(frozen=True, slots=True)
class RecordingReader:
    """Says what was recorded, instead of asking a cluster."""

    folder: Path
    permit: Permit
    names: Sequence[str] = ()

    def begin(self, environment: Environment, policy: Policy) -> tuple[Future[ClusterState | Unreached], ...]:
        """The state that was recorded; UsageError where there is none, or where it is of another cluster."""
        state = read_recording(self.folder)
        entry = policy.section(ClusterSection).destination(state.destination)
        self.permit(Target(state.destination, state.identity, entry), state.context, policy)
        applications_of(environment, state.destination, self.names)
        answer: Future[ClusterState | Unreached] = Future()
        answer.set_result(state)
        return (answer,)


class _Threads:
    """A few threads that nobody waits for at the end of the process, as he would for those of an executor.

    Whoever interrupts a run must not wait until a server that says nothing is given up.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._started: list[threading.Thread] = []
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def submit(self, ask: Callable[[], ClusterState | Unreached]) -> Future[ClusterState | Unreached]:
        """Do it as soon as a thread is free."""
        answer: Future[ClusterState | Unreached] = Future()
        self._work.put(partial(_answer, ask, answer))
        if len(self._started) < self._most:
            self._started.append(threading.Thread(target=self._run, name="driftgate-cluster", daemon=True))
            self._started[-1].start()
        return answer

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def close(self) -> None:
        """Begin nothing more."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._work.get_nowait()
        for _ in self._started:
            self._work.put(None)


def _answer(ask: Callable[[], ClusterState | Unreached], answer: Future[ClusterState | Unreached]) -> None:
    try:
        found = ask()
    except BaseException as error:  # whatever it is, it is raised where the answer is waited for
        answer.set_exception(error)
    else:
        answer.set_result(found)


@dataclass
class ClusterReader:
    """Reads clusters in threads of its own; a context manager, and whoever leaves it by an error waits for nothing.

    `way` is what the user said about the cluster, `permit` decides over the cluster that was found, and `names` leaves
    only these Applications. With `is_alone` there is one environment and no more: a mistake of the user's then ends the
    run, if there is nothing else to read. Otherwise it is told of that one cluster.
    """

    root: Path
    way: Way
    permit: Permit
    names: Sequence[str] = ()
    is_alone: bool = True
    _threads: _Threads = field(init=False, repr=False)
    _open: set[Cluster] = field(default_factory=set, init=False, repr=False)
    # Logging in changes what the client library has one of in a process (`driftgate.live.kubeconfig`).
    _login: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._threads = _Threads(CLUSTERS_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for cluster in list(self._open):
                cluster.stop()
        self._threads.close()

    def begin(self, environment: Environment, policy: Policy) -> tuple[Future[ClusterState | Unreached], ...]:
        """Begin to read every cluster of an environment that is concerned."""
        ways = self.ways(environment)
        is_strict = self._is_named or (self.is_alone and len(ways) == 1)
        ask = self.read if is_strict else self._read_or_tell
        return tuple(self._threads.submit(partial(self._told, ask, way, environment, policy)) for way in ways)

    def ways(self, environment: Environment) -> tuple[Way, ...]:
        """The clusters to read: the one that the user names, or every one that the chosen Applications go to."""
        if self.is_alone:
            _refuse_unknown(environment, self.names)
        chosen = self._chosen(environment)
        if not chosen and self.names:
            return ()
        destinations = destinations_of(environment)
        if self._is_named or len(destinations) < 2:
            return (self.way,)
        concerned = {cluster_of(one.application) for one in chosen}
        if IN_CLUSTER in destinations:
            concerned.add(IN_CLUSTER)  # where Argo CD keeps its Applications
        return tuple(replace(self.way, destination=one) for one in destinations if one in concerned)

    @property
    def _is_named(self) -> bool:
        """Whether the user says which cluster is meant."""
        return bool(self.way.context or self.way.in_cluster or self.way.destination)

    def _chosen(self, environment: Environment) -> tuple[LoadedApplication, ...]:
        return tuple(one for one in environment.applications if not self.names or one.application.name in self.names)

    def _told(
        self,
        ask: Callable[[Way, Environment, Policy], ClusterState | Unreached],
        way: Way,
        environment: Environment,
        policy: Policy,
    ) -> ClusterState | Unreached:
        try:
            return ask(way, environment, policy)
        except ApiError as error:
            return self._unreached(way, environment, policy, str(error))

    def _read_or_tell(self, way: Way, environment: Environment, policy: Policy) -> ClusterState | Unreached:
        """The state of a cluster, a mistake in its configuration told as a reason not to have read it."""
        entry = policy.section(ClusterSection).destination(way.destination) if way.destination else None
        if way.destination and (entry is None or not _leads(entry)):
            why = f"policy has no context for {way.destination} under cluster.destinations"
            return self._unreached(way, environment, policy, why)
        try:
            return self.read(way, environment, policy)
        except UsageError as error:
            return self._unreached(way, environment, policy, str(error))

    def _unreached(self, way: Way, environment: Environment, policy: Policy, why: str) -> Unreached:
        destinations = destinations_of(environment)
        destination = way.destination or (destinations[0] if len(destinations) == 1 else "")
        entry = policy.section(ClusterSection).destination(destination)
        context = way.context or (entry.context if entry is not None else None) or ""
        labels = [one.label for one in self._chosen(environment) if destination in ("", cluster_of(one.application))]
        return Unreached(destination, context, why, tuple(labels))

    def read(self, way: Way, environment: Environment, policy: Policy) -> ClusterState:
        """What one cluster says; raises ApiError, and UsageError for a mistake or another cluster."""
        with self._login:
            cluster = connect(way, environment, policy, self.root)
        with cluster:
            self._open.add(cluster)
            try:
                return self._state(cluster, way, environment, policy)
            finally:
                self._open.discard(cluster)

    def settle(self, settling: Settling, assembly: Assembly) -> tuple[Unsettled, ...]:
        """Wait in every cluster until it has come to rest; what has not, and what of that is not known.

        A cluster that cannot be reached is waited for by nobody: reading it tells why.
        """
        unsettled: list[Unsettled] = []
        environment, policy = assembly.environment, assembly.policy
        for way in self.ways(environment):
            with suppress(ApiError, UsageError), connect(way, environment, policy, self.root) as cluster:
                target = target_of(cluster, way, environment, policy)
                self.permit(target, cluster.context, policy)
                there = [one for one in self._chosen(environment) if cluster_of(one.application) == target.destination]
                names = [one.application.name for one in there]
                unsettled += settling.wait(cluster, assembly, target.destination, names) if names else ()
        return tuple(unsettled)

    def _state(self, cluster: Cluster, way: Way, environment: Environment, policy: Policy) -> ClusterState:
        target = target_of(cluster, way, environment, policy)
        self.permit(target, cluster.context, policy)
        if self._is_named:
            there = applications_of(environment, target.destination, self.names)
        else:  # several clusters have these Applications between them
            there = tuple(one for one in self._chosen(environment) if cluster_of(one.application) == target.destination)
        wanted, namespaces = wanted_of(there)
        argocd = policy.section(ArgoCDSection).namespace if target.destination == IN_CLUSTER else None
        state = read_state(cluster, target.destination, target.identity, wanted, argocd, namespaces)
        return replace(state, calls=cluster.calls)


def _leads(entry: ClusterDestination) -> bool:
    return bool(entry.context or entry.in_cluster)


def _refuse_unknown(environment: Environment, names: Sequence[str]) -> None:
    known = sorted(one.application.name for one in environment.applications)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"no Application of {environment.name} is called {name}{hint}")


@dataclass(frozen=True, slots=True)
class LookBack:
    """How a run looks back at a deploy: at the snapshot in a file, and only when everything has come to rest."""

    before: Snapshot | None = None
    file: Path = field(default_factory=Path)
    settling: Settling | None = None

    def deploy(self, reader: Reader, assembly: Assembly) -> Deploy:
        """The deploy, once there is nothing more to wait for. A recording has come to rest, or never will."""
        if self.settling is None or not isinstance(reader, ClusterReader):
            return Deploy(self.before)
        return Deploy(self.before, reader.settle(self.settling, assembly), self.settling.seconds, waited=True)


@dataclass(frozen=True, slots=True)
class Judged:
    """One environment that was judged against its clusters, and what came of the deploy that was looked back at."""

    policy: Policy
    environment: Environment = field(repr=False)
    judgement: Judgement = field(repr=False)
    live: LiveEnvironment = field(repr=False)
    aftermath: Aftermath | None = field(default=None, repr=False)


def judge_clusters(
    root: Path,
    policies: Sequence[Policy],
    settings: Settings,
    reader: Reader,
    *,
    urls: Sequence[str] = (),
    via: Deliverer | None = None,
    look_back: LookBack | None = None,
) -> Iterator[Judged]:
    """The judgement of each environment against its clusters, in order; those to come are read meanwhile.

    All of them are rendered by the same workers. With `look_back` each is waited for before it is read. An environment
    that has none of the reader's Applications is left out; UsageError at the end for a name that no environment has.
    """
    unknown = set(reader.names)
    with WorkerPool(settings) as pool, ExitStack() as stack:
        pending: deque[_Pending] = deque()
        for policy in policies:
            one = _Pending(stack.enter_context(ExitStack()), policy)
            one.assembly = one.open.enter_context(assemble(root, policy, settings, urls, pool))
            one.deploy = look_back.deploy(reader, one.assembly) if look_back is not None else None
            one.answers = reader.begin(one.assembly.environment, policy)
            unknown -= {loaded.application.name for loaded in one.assembly.environment.applications}
            pending.append(one)
            if len(pending) == CLUSTERS_AT_ONCE:
                yield from _judged(pending.popleft(), reader.names, via, look_back)
        while pending:
            yield from _judged(pending.popleft(), reader.names, via, look_back)
    for name in sorted(unknown):
        raise UsageError(f"no Application of {', '.join(policy.environment for policy in policies)} is called {name}")


@dataclass(slots=True)
class _Pending:
    """An environment that is rendered, and whose clusters are being read."""

    open: ExitStack
    policy: Policy
    assembly: Assembly = field(init=False)
    answers: tuple[Future[ClusterState | Unreached], ...] = field(init=False)
    deploy: Deploy | None = field(init=False)


def _judged(
    pending: _Pending, names: Sequence[str], via: Deliverer | None, look_back: LookBack | None
) -> Iterator[Judged]:
    with pending.open:
        answers = [answer.result() for answer in pending.answers]
        if not answers:
            return
        states = [one for one in answers if isinstance(one, ClusterState)]
        unreached = [one for one in answers if isinstance(one, Unreached)]
        environment, policy, deploy = pending.assembly.environment, pending.policy, pending.deploy
        judgement, live = judge_drift(pending.assembly, states, names, via=via, unreached=unreached, deploy=deploy)
        aftermath = None
        if deploy is not None and deploy.before is not None and look_back is not None:
            deploy.before.refuse_other(environment.name, live, look_back.file)
            aftermath = aftermath_of(deploy.before, judgement, live, differences_of(environment, policy, live))
            judgement = aftermath.told(judgement)
        yield Judged(policy, environment, judgement, live, aftermath)


def differences_of(environment: Environment, policy: Policy, live: LiveEnvironment) -> tuple[Told, ...]:
    """Every difference of an environment by the key under which it is told."""
    return told_of(environment, live, prune_on_application=policy.section(ArgoCDSection).is_at_least("3.4"))
