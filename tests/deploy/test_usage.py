"""`scripts/deploy-stg.sh`: its usage, and that shellcheck has nothing to say about it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/deploy-stg.sh"
SHELLCHECK = Path(sys.executable).with_name("shellcheck")


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a run that needs no cluster."""
    done = subprocess.run(
        ["bash", str(SCRIPT), *arguments], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
    )
    return done.returncode, done.stdout, done.stderr


def test_help_tells_every_command_and_option() -> None:
    """Commands, options, environment and exit codes are told, and asking for help is a success."""
    code, out, err = run("help")
    assert (code, err) == (0, "")
    for word in (
        "deploy", "status", "delete", "help", "--context", "--only", "--via", "--timeout", "--dry-run", "--yes",
        "--force", "--delete-namespace", "KUBECONFIG", "HELM", "KUBECTL", "DRIFTGATE", "DEPLOY_SLEEP", "Exit codes",
    ):  # fmt: skip
        assert word in out
    assert run("--help") == run("deploy", "--help") == (0, out, "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "name a command: deploy, status or delete"),
        (("destroy",), "no command is called destroy"),
        (("deploy", "--now"), "deploy has no option --now"),
        (("deploy", "plate-web-stg"), "deploy has no option plate-web-stg"),
        (("deploy", "--context"), "--context needs a value"),
        (("deploy", "--context", ""), "--context needs a value"),
        (("deploy", "--force="), "--force needs a value"),
        (("deploy", "--via", "hand"), "--via hand: helm or argocd"),
        (("deploy", "--timeout", "soon"), "--timeout soon: a number with s, m or h, such as 5m"),
        (("deploy", "--timeout=0s"), "--timeout 0s: a number with s, m or h, such as 5m"),
        (("status", "--force", "x"), "status has no option --force"),
        (("deploy", "--delete-namespace"), "deploy has no option --delete-namespace"),
        (("status", "--dry-run"), "status changes nothing anyway: leave --dry-run out"),
    ],
)
def test_a_mistake_in_usage_is_one_line(arguments: tuple[str, ...], complaint: str) -> None:
    """What cannot be understood ends with 2 before any program is started."""
    assert run(*arguments) == (2, "", f"deploy-stg.sh: {complaint}\nTry: deploy-stg.sh help\n")


def test_shellcheck_has_nothing_to_say() -> None:
    """The script passes shellcheck with every file that it sources, and there is no other one."""
    parts = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "scripts").glob("*/*.sh"))
    sourced = re.findall(r"^# shellcheck source=(\S+)\n", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sourced) == parts
    options = ("--external-sources", "--check-sourced", "--source-path", ROOT)
    done = subprocess.run([SHELLCHECK, *options, SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck_would_say_something(tmp_path: Path) -> None:
    """The linter that is asked is one that finds an unquoted variable."""
    script = tmp_path / "a.sh"
    script.write_text("#!/bin/sh\nrm -r $1\n", encoding="utf-8")
    done = subprocess.run([SHELLCHECK, script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "SC2086" in done.stdout
