"""The policy itself: entries and waivers that hold nothing, checks that crashed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from driftgate.checks.ignore_differences import unused_entries
from driftgate.checks.images import unused_registries
from driftgate.checks.ownership import unmatched_rules
from driftgate.checks.parity import unmatched_parity

from driftgate.graph.index import cluster_of
from driftgate.judge import Breach, NotApplicable, Result, Scope, Subject, Unchecked, check, incomplete, problems
from driftgate.model.environment import LoadedApplication
from driftgate.model.node import Path, field_path
from driftgate.model.outcome import Severity
from driftgate.policy import ClusterSection


@check(scope=Scope.RUN)
def policy_entry_unmatched(subject: Subject) -> Iterator[Result]:
    """A policy entry speaks of something that does not exist

    Why: An entry that matches nothing guards nothing, and looks as if it did; most often the thing was renamed.

    Fix: Correct the name, or delete the entry.
    """
    if not subject.policy.file:
        yield NotApplicable()
        return
    yield from problems(subject, "policy-entry-unmatched")
    # What the inventory has and the tree lacks is told as a missing Application, once.
    names = {*(one.application.name for one in subject.environment.applications), *(subject.policy.inventory or ())}
    yield from _unknown_names(subject, names)
    for path in subject.policy.manifests:
        place = path.rstrip("/")
        if not any(name == place or name.startswith(place + "/") for name in subject.environment.paths):
            index = subject.policy.manifests.index(path)
            yield Breach(
                subject.policy.place_of("manifests", index),
                f"{path} is not in the tree",
                "a path that exists",
                field=f"manifests.{path}",
            )
    yield from _unmatched_workloads(subject)
    yield from _unmatched_clusters(subject)
    yield from unused_entries(subject)
    yield from unused_registries(subject)
    yield from unmatched_rules(subject)
    yield from unmatched_parity(subject)


def _unknown_names(subject: Subject, names: set[str]) -> Iterator[Result]:
    policy = subject.policy
    entries: list[tuple[Path, str]] = [(("overrides", name), name) for name in policy.overrides]
    entries += [(("roots", index), name) for index, name in enumerate(policy.roots)]
    waves = policy.node.get("syncWaves", "applications")
    entries += [(("syncWaves", "applications", name), name) for name in (waves.mapping if waves else {})]
    for path, name in entries:
        if name not in names:
            field = ".".join(str(step) for step in path if not isinstance(step, int))
            yield Breach(
                policy.place_of(*path),
                f"no Application is called {name}",
                "the name of an Application",
                field=f"{field}.{name}",
            )


def _unmatched_workloads(subject: Subject) -> Iterator[Result]:
    """Rules of containers that no Pod has, and rules of workloads for an Application that renders none of them."""
    everybody = subject.environment.applications
    scopes: list[tuple[Path, tuple[LoadedApplication, ...]]] = [(("workloads",), everybody)]
    for name in subject.policy.overrides:
        own = tuple(loaded for loaded in everybody if loaded.application.name == name)
        scopes.append((("overrides", name, "workloads"), own))
    for path, applications in scopes:
        rules = subject.policy.node.get(*path)
        # What was not rendered may hold the container; an Application that renders nothing at all is told elsewhere.
        if rules is None or not applications or not all(one.complete and one.manifests for one in applications):
            continue
        names = _container_names(applications)
        containers = rules.get("containers")
        for name in containers.mapping if containers else ():
            if name not in names:
                place = subject.policy.place_of(*path, "containers", name)
                yield Breach(
                    place, f"no container is called {name}", "a container's name", field=field_path((*path, name))
                )
        if len(path) > 1 and not names and set(rules.mapping) - {"serviceTypes"}:
            found = f"{path[1]} renders no workload"
            yield Breach(subject.policy.place_of(*path), found, "a Deployment or the like", field=field_path(path))


def _unmatched_clusters(subject: Subject) -> Iterator[Result]:
    """Entries of clusters that no Application goes to; what was not rendered may hold one that does."""
    applications = subject.environment.applications
    if not applications or not all(loaded.complete for loaded in applications):
        return
    known = {cluster_of(loaded.application) for loaded in applications}
    for index, entry in enumerate(subject.section(ClusterSection).destinations):
        if entry.cluster not in known:
            yield Breach(
                subject.policy.place_of("cluster", "destinations", index),
                f"no Application goes to {entry.cluster}",
                "a destination of an Application",
                field=f"cluster.destinations.{entry.cluster}",
            )


def _container_names(applications: tuple[LoadedApplication, ...]) -> set[str]:
    names: set[str] = set()
    for manifest in (manifest for loaded in applications for manifest in loaded.manifests):
        for block in ("initContainers", "containers") if manifest.pod_spec_path is not None else ():
            listed = manifest.get(*(manifest.pod_spec_path or ()), block)
            names |= {str(entry.get("name")) for entry in listed or () if isinstance(entry, dict)}
    return names


@check(scope=Scope.RUN)
def policy_check_off_without_reason(subject: Subject) -> Iterator[Result]:
    """A check is switched off and nobody says why

    Why: A check that is off passes everything; whoever meets it later has to be able to tell a decision from a slip.

    Fix: Give checks.<id>.reason, or switch the check on.
    """
    settings = subject.policy.node.get("checks")
    if settings is None:
        yield NotApplicable()
        return
    for name in settings.mapping:
        setting = subject.policy.check_setting(name)
        if setting.severity == "off" and not setting.reason.strip():
            yield Breach(subject.policy.place_of("checks", name), f"{name} is off", "a reason", field=f"checks.{name}")


@check(scope=Scope.RUN, live=None)
def waiver_invalid(subject: Subject) -> Iterator[Result]:
    """A waiver does not hold

    Why: A waiver is a decision of somebody, for a reason, until a day; one that lacks any of them, or has expired,
    waives nothing.

    Fix: Give finding, reason, owner and an expiry in the future, or delete the waiver and mend the finding.
    """
    if not subject.policy.waivers:
        yield NotApplicable()
    for waiver in subject.policy.waivers:
        fault = waiver.fault(subject.facts["today"])
        if fault:
            yield Breach(
                waiver.place,
                f"{waiver.finding}: {fault}",
                "owner, reason and an expiry in the future",
                field=waiver.finding,
            )


@check(scope=Scope.RUN, live=None)
def waiver_unmatched(subject: Subject) -> Iterator[Result]:
    """A waiver matches no finding

    Why: What it waived is mended or renamed; left in place it would silently accept the next finding of that name.

    Fix: Delete the waiver, or correct its pattern.
    """
    if not subject.policy.waivers:
        yield NotApplicable()
    known, judging = subject.facts["check_ids"], subject.facts["judging"]
    for waiver in subject.policy.waivers:
        if waiver.fault(subject.facts["today"]) or _is_of_others(waiver.finding, known - judging, judging):
            continue
        if not any(map(waiver.matches, subject.findings)):
            yield Breach(
                waiver.place, f"{waiver.finding} matches nothing", "the key of a finding", field=waiver.finding
            )


def _is_of_others(pattern: str, others: Collection[str], judging: Collection[str]) -> bool:
    """Whether a waiver speaks only of checks that are not run here: live ones without a cluster, others with one."""
    check_id = pattern.partition("/")[0]
    return any(fnmatchcase(one, check_id) for one in others) and not any(fnmatchcase(one, check_id) for one in judging)


@check(scope=Scope.RUN, severity=Severity.ERROR)
def problem_unreported(subject: Subject) -> Iterator[Result]:
    """Something could not be read and no check speaks of it

    Why: Nothing that is lost may go unsaid: what was not read was not judged.

    Fix: Report it; the place says what could not be read.
    """
    known = subject.facts["check_ids"]
    for label, problem in subject.environment.all_problems:
        if problem.fault not in known:
            found = f"{problem.fault}: {problem.found}"
            cause = incomplete(label) if label else ""
            yield Unchecked(problem.place, found, problem.expected, field=problem.fault, cause=cause, is_cause=True)
