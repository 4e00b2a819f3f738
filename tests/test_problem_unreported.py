from __future__ import annotations

from dataclasses import replace

from driftgate.assembly import assemble
from driftgate.judge import judge, load_catalogue
from driftgate.model.environment import Problem, ProblemKind
from driftgate.model.outcome import Outcome
from driftgate.model.place import Place
from driftgate.run import policies_of
from driftgate.settings import Settings
from tests.cases import FIXTURES, REPOSITORY_URL


def test_a_problem_that_no_check_speaks_of_is_reported() -> None:
    """What could not be read is never lost: a fault that has no check of its own comes out as "could not check"."""
    place = Place("shop/strange.bin", 3)
    strange = Problem(ProblemKind.UNSUPPORTED, "strange-file", place, "a strange file", "a plain one")
    locked = Problem(ProblemKind.BROKEN, "file-unreadable", Place("shop/locked.yaml"), "no permission")
    root = FIXTURES / "automated-null" / "good"
    (policy,) = policies_of(root, None)
    with assemble(root, policy, Settings(cache=None, workers=1), [REPOSITORY_URL]) as assembly:
        environment = replace(assembly.environment, problems=(strange, locked))
        judgement = judge(environment, policy, load_catalogue())
    assert [(finding.check, finding.place, finding.outcome) for finding in judgement.findings] == [
        ("file-unreadable", locked.place, Outcome.FAILED),
        ("problem-unreported", place, Outcome.COULD_NOT_CHECK),
    ]
