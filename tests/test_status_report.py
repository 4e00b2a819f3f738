"""When waiting ends, and how a status is written, without a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from driftgate.health import Health, Status, Trouble
from driftgate.live import ApiError, Why
from driftgate.report.status import Place, progress_line, status_text
from driftgate.status import ApplicationStatus, EnvironmentStatus, Unknown, Waiting, wait_until_settled

PLACE = Place("shop", "https://192.0.2.1:6443", "v1.36.3")
WEB = ("apps", "Deployment", "shop", "web")


def trouble(*, hopeless: bool, what: str = "is broken") -> Trouble:
    return Trouble(*WEB, what, ("it says so",), "Mend it.", hopeless=hopeless, objects=frozenset({WEB}))


def status(*applications: ApplicationStatus, unknown: Sequence[Unknown] = (), found: int = 1) -> EnvironmentStatus:
    return EnvironmentStatus("shop", "helm", applications, (), (), (), (), tuple(unknown), found, 7)


WELL = status(ApplicationStatus("web", 0, 1, Status.HEALTHY))
STARTING = status(
    ApplicationStatus("web", 0, 1, Status.PROGRESSING, waiting=(Waiting(WEB, Health(Status.PROGRESSING, "soon")),))
)
STUCK = status(ApplicationStatus("web", 0, 1, Status.DEGRADED, troubles=(trouble(hopeless=True),)))
FAILING = status(ApplicationStatus("web", 0, 1, Status.DEGRADED, troubles=(trouble(hopeless=False),)))
ABSENT = status(ApplicationStatus("web", 0, 0, Status.MISSING, missing=(WEB,)), found=0)
FORBIDDEN = status(
    ApplicationStatus("web", 0, 1, Status.HEALTHY), unknown=[Unknown("Secret in namespace shop", "forbidden", True)]
)
BUSY = status(ApplicationStatus("web", 0, 1, Status.HEALTHY), unknown=[Unknown("Pod", "server is busy", False)])
DOWN = ApiError(Why.UNREACHABLE, "GET /api", "connection refused")


@dataclass
class Script:
    """A cluster that shows these looks one after the other, the last for ever, and a clock that sleeping moves on."""

    looks: list[EnvironmentStatus | ApiError]
    now: float = 0.0
    told: list[tuple[float, int]] = field(default_factory=list)

    def look(self) -> EnvironmentStatus:
        """The next look."""
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, ApiError):
            raise found
        return found

    def sleep(self, seconds: float) -> None:
        """Move the clock on."""
        self.now += seconds

    def wait(self, seconds: float) -> EnvironmentStatus:
        """Wait by this clock."""
        return wait_until_settled(
            self,
            seconds,
            clock=lambda: self.now,
            sleep=self.sleep,
            tell=lambda found, passed: self.told.append((passed, found.exit_code)),
        )


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        pytest.param([STARTING, WELL], [(0, 1), (2, 0)], id="until all is well"),
        pytest.param([STARTING], [(0, 1), (2, 1), (4, 1), (5, 1)], id="until the time is up"),
        pytest.param([FAILING], [(0, 1), (2, 1), (4, 1), (5, 1)], id="while waiting may mend it"),
        pytest.param([STUCK], [(0, 1), (2, 1)], id="until it was hopeless twice"),
        pytest.param([STUCK, STARTING, WELL], [(0, 1), (2, 1), (4, 0)], id="hopeless for a moment"),
        pytest.param([ABSENT, STARTING, WELL], [(0, 5), (2, 1), (4, 0)], id="until there is something"),
        pytest.param([FORBIDDEN], [(0, 6), (2, 6)], id="until it is certain that it may not be read"),
        pytest.param([BUSY, WELL], [(0, 6), (2, 0)], id="while the server is busy"),
        pytest.param([DOWN, WELL], [(2, 0)], id="while the server is away"),
    ],
)
def test_waiting_ends(looks: list[EnvironmentStatus | ApiError], told: list[tuple[float, int]]) -> None:
    """It ends as soon as all is well, when the time is up, or when waiting is certain to be of no use."""
    script = Script(list(looks))
    script.wait(5)
    assert script.told == told


def test_a_server_that_stays_away_is_no_status() -> None:
    """When the time is up and the API server has not answered, that is what is told."""
    with pytest.raises(ApiError, match="connection refused"):
        Script([DOWN]).wait(5)


def test_a_cluster_does_not_steer_the_terminal() -> None:
    """Control characters in what the cluster says come out as text, in the report and in the progress line."""
    hostile = trouble(hopeless=False, what="\x1b[2Jgone\r")
    found = status(ApplicationStatus("web", 0, 1, Status.DEGRADED, troubles=(hostile,)))
    assert "\\x1b[2Jgone" in status_text(found, PLACE)
    assert "\x1b" not in status_text(found, PLACE) + progress_line(found)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (WELL, "1 of 1 Application healthy"),
        (STARTING, "0 of 1 Application healthy; web: Deployment shop/web: soon"),
        (STUCK, "0 of 1 Application healthy; web: Deployment shop/web: is broken"),
        (ABSENT, "0 of 1 Application healthy; web: Deployment shop/web is missing"),
        (FORBIDDEN, "1 of 1 Application healthy; could not read Secret in namespace shop"),
    ],
)
def test_progress_is_one_line(found: EnvironmentStatus, wanted: str) -> None:
    """How many are well, and the first reason why another one is not."""
    assert progress_line(found) == wanted


def test_a_trouble_that_others_share_is_told_once_and_pointed_at() -> None:
    """The second Application that a trouble touches says where it is told, and is not well either."""
    shared = trouble(hopeless=True)
    found = status(
        ApplicationStatus("web", 1, 1, Status.HEALTHY, troubles=(shared,)),
        ApplicationStatus("api", 2, 1, Status.PROGRESSING, elsewhere=(shared,)),
    )
    assert status_text(found, PLACE) == (
        "environment shop, context shop (https://192.0.2.1:6443, Kubernetes v1.36.3), delivered by helm\n"
        "\n"
        "TROUBLE      web  wave 1  1 object\n"
        "  TROUBLE      Deployment shop/web: is broken\n"
        "               | it says so\n"
        "               -> Mend it.\n"
        "Progressing  api  wave 2  1 object\n"
        "  see          the trouble of Deployment shop/web\n"
        "\n"
        "shop: 0 of 2 Applications healthy, 1 trouble; waiting does not mend it (7 API calls)\n"
    )
