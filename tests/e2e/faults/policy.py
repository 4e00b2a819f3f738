"""Faults in the policy itself, and in the checks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

from driftgate.judge import Catalogue, Result, Subject
from driftgate.model.outcome import Outcome
from tests.e2e.seeding import ARGOCD_CM, POLICY, WEB, WEB_APP, At, Row, appended, deleted, replaced, with_crlf

TODAY = dt.datetime.now(tz=dt.UTC).date()
YESTERDAY = TODAY - dt.timedelta(days=1)
# An Application that renders no workload.
INGRESS_RULES = "  ingress-stg:\n"
VERSION = '  kubernetesVersion: "1.34.2"\n'
REPLICAS = "replicas-out-of-policy/plate-web-stg/*"


def _waiver(expires: object, finding: str = REPLICAS) -> str:
    return f'  - {{finding: "{finding}", reason: 부하 시험, owner: platform, expires: "{expires}"}}\n'


# A finding that a waiver holds for, so that another waiver can go wrong without anything else changing.
WAIVED = (
    replaced(f"{WEB}/values-stg.yaml", "replicaCount: 1\n", "replicaCount: 2\n"),
    appended(POLICY, "\nwaivers:\n" + _waiver("2999-12-31")),
)


def _crashing(catalogue: Catalogue) -> Catalogue:
    """The catalogue with a check that cannot deal with an Application without a history."""
    check = catalogue.checks["source-jsonnet"]

    def crash(subject: Subject) -> Iterator[Result]:
        if subject.application.revision_history_limit is None:
            raise ValueError("no history")
        yield from check.function(subject)

    return replace(catalogue, checks={**catalogue.checks, check.id: replace(check, function=crash)})


def _without_source_path_missing(catalogue: Catalogue) -> Catalogue:
    return replace(
        catalogue, checks={name: one for name, one in catalogue.checks.items() if name != "source-path-missing"}
    )


ROWS = (
    Row(
        "policy-entry-unmatched",
        replaced(POLICY, "    plate-web-stg: {minimum: 2}\n", "    plate-webb-stg: {minimum: 2}\n"),
        At(POLICY, "    plate-webb-stg: {minimum: 2}"),
        replaced(POLICY, "    plate-web-stg: {minimum: 2}\n", '    "plate-web-stg": {minimum: +2}\n'),
    ),
    Row(
        "policy-entry-unmatched",
        replaced(POLICY, INGRESS_RULES, f"{INGRESS_RULES}    workloads: {{replicas: {{exact: 1}}}}\n"),
        At(POLICY, "    workloads: {replicas: {exact: 1}}"),
        replaced(POLICY, INGRESS_RULES, f"{INGRESS_RULES}    workloads: {{serviceTypes: [ClusterIP]}}\n"),
    ),
    Row(
        "policy-entry-unmatched",
        replaced(
            POLICY,
            "  probes: [liveness, readiness, startup]\n",
            "  probes: [liveness, readiness, startup]\n  containers: {renewer: {probes: []}}\n",
        ),
        At(POLICY, "  containers: {renewer:"),
        replaced(
            POLICY,
            "  probes: [liveness, readiness, startup]\n",
            "  probes: [liveness, readiness, startup]\n  containers: {renew: {probes: []}}\n",
        ),
    ),
    Row(
        "policy-entry-unmatched",
        deleted(ARGOCD_CM),
        At(POLICY, "  config: environments/argocd/argocd-cm.yaml"),
        with_crlf(ARGOCD_CM),
    ),
    Row(
        "policy-entry-unmatched",
        replaced(POLICY, VERSION, f"{VERSION}  destinations: [{{server: https://10.0.0.1, uid: u}}]\n"),
        At(POLICY, "  destinations: [{server: https://10.0.0.1"),
        replaced(POLICY, VERSION, f"{VERSION}  destinations: [{{server: https://kubernetes.default.svc/, uid: u}}]\n"),
    ),
    Row(
        "policy-check-off-without-reason",
        replaced(POLICY, ", reason: 아직 쓰지 않는다}", "}"),
        At(POLICY, '  application-project-forbids: {severity: "off"'),
        replaced(POLICY, ", reason: 아직 쓰지 않는다}", ", reason: not in use yet}"),
        given=(
            replaced(
                POLICY,
                "\nchecks:\n",
                '\nchecks:\n  application-project-forbids: {severity: "off", reason: 아직 쓰지 않는다}\n',
            ),
        ),
    ),
    Row(
        "waiver-invalid",
        appended(POLICY, _waiver(YESTERDAY)),
        At(POLICY, f'expires: "{YESTERDAY}"'),
        appended(POLICY, _waiver(TODAY)),
        given=WAIVED,
    ),
    Row(
        "waiver-invalid",
        appended(POLICY, _waiver("2999-12-31").replace("owner: platform, ", "")),
        At(POLICY, "reason: 부하 시험, expires:"),
        appended(POLICY, _waiver("2999-12-31").replace("owner: platform, ", 'owner: "platform", ')),
        given=WAIVED,
    ),
    Row(
        "waiver-unmatched",
        appended(POLICY, _waiver("2999-12-31", "replicas-out-of-policy/plate-api-stg/*")),
        At(POLICY, '  - {finding: "replicas-out-of-policy/plate-api-stg/*"'),
        appended(POLICY, _waiver("2999-12-31", "replicas-out-of-policy/plate-???-stg/*")),
        given=WAIVED,
    ),
    # A check that crashes is could-not-check under its own name.
    Row(
        "source-jsonnet",
        replaced(WEB_APP, "  revisionHistoryLimit: 5\n", ""),
        At(WEB_APP, "  name: plate-web-stg"),
        replaced(WEB_APP, "  revisionHistoryLimit: 5\n", "  revisionHistoryLimit: 10\n"),
        outcome=Outcome.COULD_NOT_CHECK,
        catalogue=_crashing,
    ),
    Row(
        "problem-unreported",
        replaced(WEB_APP, "    path: helm/applications/plate-web\n", "    path: helm/applications/plate-webb\n"),
        At(WEB_APP, "    path: helm/applications/plate-webb"),
        replaced(WEB_APP, "    path: helm/applications/plate-web\n", "    path: ./helm/applications/plate-web\n"),
        outcome=Outcome.COULD_NOT_CHECK,
        catalogue=_without_source_path_missing,
    ),
)
