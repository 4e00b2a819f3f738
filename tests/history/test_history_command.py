"""`driftgate drift --history` night by night, and `driftgate history`: read as the person on call reads them."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from driftgate.history import History, HistoryError
from tests.history.recordings import AS_GIT, CANARY, CHANGED, NAMESPACE, live, record, run, tree

SOURCE = Path(__file__).resolve().parents[2]
ONE, TWO = live("one", "web", CHANGED), live("two", "web", CHANGED)
ONE_KEY = f"drifted-field/web/ConfigMap~1{NAMESPACE}~1one/data.a"


def day(number: int) -> datetime:
    """When a night's recording was made: long before the tests are run, so that now never does in its place."""
    return datetime(2026, 1, number, 3, 0, tzinfo=UTC)


def tonight(
    root: Path,
    history: Path,
    number: int,
    *objects: dict[str, Any],
    arguments: tuple[str, ...] = (),
    unread: bool = False,
) -> tuple[int, str, str]:
    """One nightly run on these objects."""
    folder = root.parent / f"night-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    recording = record(folder, day(number), *objects, unread=unread)
    place = ["--live-from", recording, "--history", str(history), str(root)]
    return run("drift", "--no-cache", *place, *arguments)


def told(text: str) -> str:
    """What the report says of the history and of ages, its lines in one piece each."""
    flat = re.sub(r"\n {9,16}(?=\S)", " ", text)
    lines = flat.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("history"))
    block = lines[start : lines.index("", start)]
    rest = [line for line in lines if re.search(r"  (error|could not check)  |^  age ", line)]
    return "\n".join([*block, *rest])


NIGHTS = [
    ("the first", (ONE, AS_GIT["two"], AS_GIT["three"]), 1, """\
history  first run: 1 finding remembered; from the next run on it is told what is new
web/one.yaml:6:3  error  drifted-field  (web ConfigMap/plate-stg/one)"""),
    ("one more", (ONE, TWO, AS_GIT["three"]), 1, """\
history  since the last run, 2026-01-01 03:00 UTC (24 hours before): 1 new, 1 old, 0 fixed
web/two.yaml:6:3  error  drifted-field  (web ConfigMap/plate-stg/two)  new
  age       new: it was not there in the last run
web/one.yaml:6:3  error  drifted-field  (web ConfigMap/plate-stg/one)
  age       24 hours: first seen 2026-01-01 03:00 UTC, in 2 runs"""),
    ("nothing can be read", None, 6, """\
history  since the last run, 2026-01-02 03:00 UTC (24 hours before): could not check 4 (4 new); 0 new, 0 old, 0 fixed; \
2 not looked at this time
  not looked at drifted-field web ConfigMap/plate-stg/one data.a (last seen 2026-01-02 03:00 UTC; whether it still \
is there is not known)
  not looked at drifted-field web ConfigMap/plate-stg/two data.a (last seen 2026-01-02 03:00 UTC; whether it still \
is there is not known)
policies/shop.yaml:4:26  could not check  cluster-unread  new
  age       new: it was not there in the last run"""),
    ("one is mended", (ONE, AS_GIT["two"], AS_GIT["three"]), 1, """\
history  since the last run, 2026-01-03 03:00 UTC (24 hours before): 4 could be checked again; 0 new, 1 old, 1 fixed
  fixed         drifted-field web ConfigMap/plate-stg/two data.a (first seen 2026-01-02, last 2026-01-02)
web/one.yaml:6:3  error  drifted-field  (web ConfigMap/plate-stg/one)
  age       3 days: first seen 2026-01-01 03:00 UTC, in 3 runs"""),
    ("all is well", tuple(AS_GIT.values()), 0, """\
history  since the last run, 2026-01-04 03:00 UTC (24 hours before): 0 new, 0 old, 1 fixed
  fixed         drifted-field web ConfigMap/plate-stg/one data.a (first seen 2026-01-01, last 2026-01-04)"""),
    ("it is back", (ONE, AS_GIT["two"], AS_GIT["three"]), 1, """\
history  since the last run, 2026-01-05 03:00 UTC (24 hours before): 1 new, 0 old, 0 fixed
web/one.yaml:6:3  error  drifted-field  (web ConfigMap/plate-stg/one)  new
  age       back again: it was gone in the last run; first seen 2026-01-01 03:00 UTC, in 4 runs"""),
    ("and gone", tuple(AS_GIT.values()), 0, """\
history  since the last run, 2026-01-06 03:00 UTC (24 hours before): 0 new, 0 old, 1 fixed
  fixed         drifted-field web ConfigMap/plate-stg/one data.a (first seen 2026-01-01, last 2026-01-06)"""),
    ("and back", (ONE, AS_GIT["two"], AS_GIT["three"]), 1, """\
history  since the last run, 2026-01-07 03:00 UTC (24 hours before): 1 new, 0 old, 0 fixed; 1 flapping
web/one.yaml:6:3  error  drifted-field  (web ConfigMap/plate-stg/one)  new
  age       back again: it was gone in the last run; first seen 2026-01-01 03:00 UTC, in 5 runs; flapping: it came \
back 2 times in 14 days"""),
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of two Applications."""
    return tree(tmp_path_factory.mktemp("shop") / "tree")


@pytest.fixture(scope="module")
def past(root: Path) -> tuple[Path, list[tuple[int, str, str]]]:
    """The history after all nights, and what each of them told."""
    history = root.parent / "history.db"
    runs = [
        tonight(root, history, number, *(objects or ()), unread=objects is None)
        for number, (_, objects, _, _) in enumerate(NIGHTS, 1)
    ]
    return history, runs


@pytest.mark.parametrize("number", range(len(NIGHTS)), ids=[night[0] for night in NIGHTS])
def test_each_night_tells_what_is_new_and_what_is_old(
    past: tuple[Path, list[tuple[int, str, str]]], number: int
) -> None:
    """New first, each with its age; what could not be read is neither fixed nor new drift."""
    code, out, err = past[1][number]
    assert (code, err) == (NIGHTS[number][2], "")
    assert told(out) == NIGHTS[number][3]


def copy_of(history: Path, folder: Path) -> Path:
    """A history of one's own."""
    return Path(shutil.copy(history, folder / "history.db"))


def test_a_renamed_file_and_another_order_make_nothing_new(
    past: tuple[Path, list[tuple[int, str, str]]], tmp_path: Path
) -> None:
    """The line in Git is another one, the finding is the same."""
    root = tree(tmp_path / "tree")
    text = (root / "web/one.yaml").read_text(encoding="utf-8")
    (root / "web/one.yaml").unlink()
    (root / "web/zz-renamed.yaml").write_text(f"# moved\n\n{text}", encoding="utf-8")
    (root / "apps/web.yaml").rename(root / "apps/a-first.yaml")
    history = copy_of(past[0], tmp_path)
    code, out, _ = tonight(root, history, 9, ONE, AS_GIT["two"], AS_GIT["three"])
    assert code == 1
    assert "web/zz-renamed.yaml:8:3  error  drifted-field" in out
    assert "(24 hours before): 0 new, 1 old, 0 fixed; 1 flapping" in told(out)


def test_an_application_that_was_left_out_keeps_its_findings(
    past: tuple[Path, list[tuple[int, str, str]]], root: Path, tmp_path: Path
) -> None:
    """With --application the others are not looked at, and nothing of them is fixed."""
    history = copy_of(past[0], tmp_path)
    code, out, _ = tonight(root, history, 9, *AS_GIT.values(), arguments=("--application", "api"))
    assert code == 0
    assert "0 new, 0 old, 0 fixed; 1 not looked at this time" in told(out)
    code, out, _ = tonight(root, history, 10, ONE, AS_GIT["two"], AS_GIT["three"])
    assert "0 new, 1 old, 0 fixed" in told(out)


def test_a_recording_of_an_earlier_time_decides_nothing(
    past: tuple[Path, list[tuple[int, str, str]]], root: Path, tmp_path: Path
) -> None:
    """What it saw is added; that it is not of today is said."""
    history = copy_of(past[0], tmp_path)
    _, out, _ = tonight(root, history, 3, *AS_GIT.values())
    assert "  out of order  this is of an earlier time than the last run: " in out
    _, out, _ = tonight(root, history, 9, ONE, AS_GIT["two"], AS_GIT["three"])
    assert "2026-01-08 03:00 UTC (24 hours before): 0 new, 1 old, 0 fixed" in told(out)


FAILS = {
    "new": ("[new]", 0, "  fails on      new: 0 of 1 finding"),
    "older": ("[new, older-than]", 1, "  fails on      new, older-than 8 days: 1 of 1 finding"),
    "younger": ("[older-than], olderThanDays: 30", 0, "  fails on      older-than 30 days: 0 of 1 finding"),
    "nothing": ("[]", 0, "  fails on      nothing: 0 of 1 finding"),
}


@pytest.mark.parametrize("name", FAILS)
def test_policy_decides_what_fails_the_run(tmp_path: Path, name: str) -> None:
    """Drift that is neither new nor too old is told and does not fail; the report says on what it would."""
    fail_on, expected, line = FAILS[name]
    days = "" if "olderThanDays" in fail_on else ", olderThanDays: 8"
    root = tree(tmp_path / "tree", f"drift: {{failOn: {fail_on}{days}}}\n")
    history, objects = tmp_path / "history.db", (ONE, AS_GIT["two"], AS_GIT["three"])
    assert tonight(root, history, 1, *objects)[0] == 0
    code, out, _ = tonight(root, history, 9, *objects)
    assert (code, line in out.splitlines(), "age       8 days: first seen" in out) == (expected, True, True)


@pytest.mark.parametrize(("fail_on", "codes"), [("[new]", (6, 0)), ("[new, could-not-check]", (6, 6))])
def test_what_could_not_be_checked_fails_by_its_own_code(tmp_path: Path, fail_on: str, codes: tuple[int, int]) -> None:
    """New like any other finding, and each night where policy says so."""
    root, history = tree(tmp_path / "tree", f"drift: {{failOn: {fail_on}}}\n"), tmp_path / "history.db"
    assert tonight(root, history, 1, *AS_GIT.values())[0] == 0
    assert tuple(tonight(root, history, number, unread=True)[0] for number in (2, 3)) == codes


def test_without_a_history_everything_fails(tmp_path: Path) -> None:
    """Policy may ask for new findings only; who has no history cannot know which these are."""
    root = tree(tmp_path / "tree", "drift: {failOn: [new]}\n")
    recording = record(tmp_path / "recording", day(1), ONE, AS_GIT["two"], AS_GIT["three"])
    assert run("drift", "--no-cache", "--live-from", recording, str(root))[0] == 1


def test_the_report_for_programs_has_the_same(past: tuple[Path, list[tuple[int, str, str]]], tmp_path: Path) -> None:
    """Every finding with its times and whether it fails, as the published schema says."""
    root, history = tree(tmp_path / "tree"), copy_of(past[0], tmp_path)
    _, out, _ = tonight(root, history, 9, ONE, AS_GIT["two"], arguments=("--format", "json"))
    data = json.loads(out)
    schema = json.loads((SOURCE / "driftgate/report/report.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    (shop,) = data["history"]
    assert {one["key"]: (one["standing"], one["times"], one["fails"]) for one in shop["findings"]} == {
        ONE_KEY: ("old", 6, True),
        f"missing-object/api/ConfigMap~1{NAMESPACE}~1three/": ("new", 1, True),
    }
    assert (shop["taken"], shop["last_run"]) == ("2026-01-09T03:00:00+00:00", "2026-01-08T03:00:00+00:00")
    assert [(one["check"], one["new"]) for one in data["findings"]] == [
        ("missing-object", True), ("drifted-field", False),
    ]  # fmt: skip


def test_a_history_is_listed(past: tuple[Path, list[tuple[int, str, str]]]) -> None:
    """The last run, and each finding with its times: open ones first, then what was fixed, the latest first."""
    code, out, err = run("history", str(past[0]))
    flat = re.sub(r"\n {16}(?=\S)", " ", out)
    assert (code, err) == (0, "")
    new = "drifted-field web ConfigMap/plate-stg/one data.a: first seen 2026-01-01 03:00 UTC, in 5 runs; "
    assert flat.splitlines()[:3] == [
        "shop  8 runs, the last one 2026-01-08 03:00 UTC",
        "  last run      2 Applications judged, 1 finding, 0 could not be checked",
        f"  new           {new}came back 2 times, last 2026-01-08 03:00 UTC",
    ]
    assert flat.splitlines()[3] == (
        "  fixed         cluster-unread https://kubernetes.default.svc/ConfigMap/v1/plate-stg: first seen 2026-01-03 "
        "03:00 UTC, in 1 run; last seen 2026-01-03 03:00 UTC, gone 2026-01-04 03:00 UTC"
    )
    code, out, _ = run("history", str(past[0]), "--format", "json", "--environment", "shop")
    (shop,) = json.loads(out)["environments"]
    assert {one["key"]: one["state"] for one in shop["findings"]}[ONE_KEY] == "new"
    assert run("history", str(past[0]), "--environment", "sjop")[::2] == (
        4,
        f"driftgate: history {past[0]}: no run of environment sjop; there is shop\n",
    )


def test_what_is_no_history_is_refused_before_anything_is_read(root: Path, tmp_path: Path) -> None:
    """By its name, and before a recording that is not even there."""
    wrong = tmp_path / "notes.txt"
    wrong.write_text("mine", encoding="utf-8")
    code, out, err = run("drift", "--history", str(wrong), "--live-from", str(tmp_path / "gone"), str(root))
    assert (code, out) == (4, "")
    assert err == f"driftgate: history {wrong}: is no SQLite file; name another one, or move it away\n"
    assert run("history", str(tmp_path / "gone.db"))[::2] == (
        4,
        f"driftgate: history {tmp_path / 'gone.db'}: no such file\n",
    )


FULL = """
import resource, sys
from driftgate.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_is_told_and_the_report_as_well(root: Path, tmp_path: Path) -> None:
    """A night without drift ends with 6, because the next one will not know of it."""
    history = tmp_path / "history.db"
    recording = record(tmp_path / "recording", day(1), *AS_GIT.values())
    arguments = ["drift", "--no-cache", "--live-from", recording, "--history", str(history), str(root)]
    done = subprocess.run([sys.executable, "-c", FULL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert done.stdout.splitlines()[-1] == "shop: no findings in 2 Applications, 3 objects"
    assert done.stderr.startswith(f"driftgate: history {history}: ")
    assert "disk" in done.stderr
    assert done.stderr.endswith(": nothing of this run is remembered, and the next one tells the same as new\n")
    assert run("history", str(history))[1] == "nothing is remembered yet\n"


@pytest.mark.parametrize("method", ["compared", "record"])
def test_a_history_that_fails_hides_no_drift(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The report is printed, and the exit code tells of the drift before it tells of the history."""

    def broken(*_: object) -> None:
        raise HistoryError("history h: disk I/O error")

    monkeypatch.setattr(History, method, broken)
    for objects, expected, last in (
        (tuple(AS_GIT.values()), 6, "shop: no findings in 2 Applications, 3 objects"),
        ((ONE, AS_GIT["two"], AS_GIT["three"]), 1, "shop: 1 error in 2 Applications, 3 objects"),
    ):
        code, out, err = tonight(root, tmp_path / "history.db", 1, *objects)
        assert (code, out.splitlines()[-1]) == (expected, last)
        assert err.startswith("driftgate: history h: disk I/O error: nothing of this run is remembered")


def test_no_secret_is_in_the_file(tmp_path: Path) -> None:
    """What somebody changed, in Git or in the cluster, is told by its place alone."""
    root = tree(tmp_path / "tree")
    secret = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: one}}\ndata: {{DB_PASSWORD: {CANARY}-git, a: {CANARY}}}\n"
    )
    (root / "web/one.yaml").write_text(secret, encoding="utf-8")
    changed = live("one", "web", {"DB_PASSWORD": f"{CANARY}-live", "a": "b", "extra": "c"})
    changed["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = f'"{CANARY}"'
    recording = record(tmp_path / "recording", day(1), changed, AS_GIT["two"], AS_GIT["three"])
    history = tmp_path / "history.db"
    arguments = ["drift", "--no-cache", "--live-from", recording, "--history", str(history), str(root)]
    done = subprocess.run(
        [sys.executable, "-m", "driftgate.cli", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert CANARY.encode() not in history.read_bytes()
    with closing(sqlite3.connect(history)) as connection:
        fields = {field for (field,) in connection.execute("SELECT field FROM finding")}
    assert {"data.DB_PASSWORD", "data.a", "data.extra"} <= fields
