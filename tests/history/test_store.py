"""The file of a history: whole whatever happens to the run, refused where it is none, bounded, for its owner alone."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.errors import UsageError
from driftgate.history import FORMAT, Entry, History, HistoryError, HistoryRules, Run, Seen, Standing, store
from driftgate.model.outcome import Finding, Outcome, Severity
from driftgate.model.place import Place
from tests.history.nights import big_runs, night, run_at, seen
from tests.history.test_entries import after, standings

RULES = HistoryRules()


def nights(*runs: Run) -> list[tuple[Run, HistoryRules]]:
    """Runs as they are written."""
    return [(run, RULES) for run in runs]


def entries(path: Path, environment: str = "shop") -> dict[str, Entry]:
    """What a file remembers of an environment."""
    return next((dict(one.entries) for one in History(path).environments() if one.environment == environment), {})


RUNS = [
    run_at(night(0), [seen("a1"), seen("a2"), seen("b1", "could-not-check")]),
    run_at(night(1), [seen("a1")], judged="a"),
    run_at(night(2), []),
    run_at(night(3), [seen("a1", "waived"), seen("a9", severity="note")]),
]


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    """Every entry comes back, written at once or run by run, beside the runs of another environment."""
    for number, batches in enumerate([[RUNS], [[run] for run in RUNS]]):
        path = tmp_path / f"{number}.db"
        for runs in batches:
            History(path).record(nights(*runs, run_at(night(0), [seen("b7")], name="other")))
        assert entries(path) == after(*RUNS)
        assert entries(path, "other").keys() == {seen("b7").key}
        (shop,) = [one for one in History(path).environments() if one.environment == "shop"]
        assert [(run.judged, run.failed, run.unchecked) for run in shop.runs] == [
            (2, 2, 1), (1, 1, 0), (2, 0, 0), (2, 0, 0),
        ]  # fmt: skip
        assert oct(path.stat().st_mode & 0o777) == "0o600"
        assert [each.name for each in tmp_path.glob(f"{number}*")] == [path.name]


def test_to_compare_writes_nothing(tmp_path: Path) -> None:
    """Only what was told is remembered, so that a run that is stopped before tells it again."""
    path = tmp_path / "history.db"
    assert standings(History(path).compared(RUNS[0]))["a1"] is Standing.FIRST
    assert not path.exists()
    History(path).record(nights(RUNS[0]))
    before = path.read_bytes()
    assert standings(History(path).compared(RUNS[1])) == {"a1": Standing.OLD}
    assert path.read_bytes() == before


def finding(field: str, outcome: Outcome = Outcome.FAILED) -> Finding:
    """A finding of a field."""
    return Finding("drifted-field", Severity.ERROR, outcome, Place("a.yaml"), "", "", "", "", "a", "", field)


def test_of_two_findings_with_one_key_the_heavier_one_is_remembered() -> None:
    """A judgement has it first; what could not be checked besides does not hide the drift."""
    several = [finding("x"), finding("y"), finding("x", Outcome.COULD_NOT_CHECK)]
    assert {(one.field, one.outcome) for one in Seen.all_of(several)} == {("x", "failed"), ("y", "failed")}


def test_a_key_that_is_no_text_is_remembered_all_the_same(tmp_path: Path) -> None:
    """Half a surrogate pair, which JSON can hold and a file cannot, is old the second time like any other."""
    odd = finding("\ud800")
    path = tmp_path / "history.db"
    History(path).record(nights(run_at(night(0), [Seen.of(odd)])))
    assert list(standings(History(path).compared(run_at(night(1), [Seen.of(odd)]))).items()) == [("", Standing.OLD)]


NO_HISTORIES = {
    "text": (b"driftgate: 1\n", "is no SQLite file; name another one, or move it away"),
    "cut": (b"SQLite format 3\0" + b"\xff" * 90, "move it away, and a new one begins"),
}


@pytest.mark.parametrize("name", NO_HISTORIES)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    """Whatever it is, it is somebody's."""
    path, (content, message) = tmp_path / name, NO_HISTORIES[name]
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        History(path)
    assert path.read_bytes() == content


def test_a_place_where_nothing_can_be_is_refused(tmp_path: Path) -> None:
    """No folder, or a folder in its place."""
    with pytest.raises(UsageError, match=r"there is no folder .*gone"):
        History(tmp_path / "gone/history.db")
    with pytest.raises(UsageError, match="is no plain file"):
        History(tmp_path)


def test_a_database_of_something_else_and_a_newer_format_are_refused(tmp_path: Path) -> None:
    """A browser's history is none of ours, and what a later driftgate wrote is not guessed at."""
    foreign, newer = tmp_path / "foreign.db", tmp_path / "newer.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE moz_places (url TEXT)")
    with pytest.raises(UsageError, match="is a database of something else"):
        History(foreign)
    History(newer).record(nights(RUNS[0]))
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(UsageError, match=f"has format {FORMAT + 1} and this driftgate reads up to {FORMAT}: update"):
        History(newer)


def test_an_older_format_is_brought_to_the_newest_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next run that is written, and not before; nothing of what was remembered is lost."""
    path = tmp_path / "history.db"
    History(path).record(nights(RUNS[0]))
    monkeypatch.setattr(store, "MIGRATIONS", (*store.MIGRATIONS, ("ALTER TABLE run ADD COLUMN version TEXT",)))
    monkeypatch.setattr(store, "FORMAT", FORMAT + 1)
    before = path.read_bytes()
    assert standings(History(path).compared(RUNS[1])) == {"a1": Standing.OLD}
    assert path.read_bytes() == before
    History(path).record(nights(RUNS[1]))
    assert entries(path) == after(*RUNS[:2])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT + 1,)
        assert connection.execute("SELECT version FROM run").fetchall() == [(None,), (None,)]


def test_what_is_long_gone_is_forgotten(tmp_path: Path) -> None:
    """Fixed or not looked at for longer than policy keeps it; what is seen each night stays with its whole age."""
    path, rules = tmp_path / "history.db", HistoryRules(keep=timedelta(days=10))
    first = run_at(night(0), [seen("a1"), seen("a2"), seen("b1")])
    History(path).record([(first, rules), (run_at(night(0), [seen("b1")], name="other"), rules)])
    for number in range(1, 12):
        History(path).record([(run_at(night(number), [seen("a1")], judged="a"), rules)])
    # a2 was found fixed in the first night, b1 was not looked at since.
    assert {entry.seen.object for entry in entries(path).values()} == {"a1", "a2"}
    assert entries(path)[seen("a1").key].first_seen == night(0)
    History(path).record([(run_at(night(12), [seen("a1")], judged="a"), rules)])
    assert {entry.seen.object for entry in entries(path).values()} == {"a1"}
    assert {entry.seen.object for entry in entries(path, "other").values()} == {"b1"}
    (shop,) = [one for one in History(path).environments() if one.environment == "shop"]
    assert [run.taken for run in shop.runs] == [night(number) for number in range(2, 13)]


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    """With other findings each night it comes to a size, and stays there."""
    path, rules, sizes = tmp_path / "history.db", HistoryRules(keep=timedelta(days=5)), []
    for number in range(20):
        findings = [seen(f"a{number}-{each}") for each in range(40)]
        History(path).record([(run_at(night(number), findings), rules)])
        sizes.append(path.stat().st_size)
    assert max(sizes[10:]) <= sizes[10] * 1.1
    assert len(entries(path)) == 40 * 7


# Ends itself at one statement of many, with pages of the transaction in the file already.
KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from driftgate.history import History
from tests.history.nights import big_runs
number, connect, count = int(sys.argv[2]), sqlite3.connect, 0
def told(statement):
    global count
    count += 1
    if count == number:
        os.kill(os.getpid(), signal.SIGKILL)
def small(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.execute("PRAGMA cache_size = 1")
    connection.set_trace_callback(told)
    return connection
history = History(Path(sys.argv[1]))
sqlite3.connect = small
history.record(big_runs())
print(count)
"""


def killed_at(path: Path, number: int) -> subprocess.CompletedProcess[str]:
    """Write the big night in a process of its own, which is killed at a statement; 0 for never."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(number)], capture_output=True, text=True, check=False
    )


def test_a_run_that_is_killed_leaves_the_history_as_it_was(tmp_path: Path) -> None:
    """Whatever it has written already, of one environment or of both, nothing or everything of it is remembered."""
    whole = tmp_path / "whole.db"
    History(whole).record(nights(RUNS[0]))
    before = entries(whole)
    statements = int(killed_at(whole, 0).stdout)
    done = {name: entries(whole, name) for name in ("shop", "other")}
    was_dirty = False
    for number in (4, statements // 3, statements - 20, statements):
        path = tmp_path / f"{number}.db"
        History(path).record(nights(RUNS[0]))
        first = path.read_bytes()
        assert killed_at(path, number).returncode == -9
        was_dirty |= path.read_bytes() != first
        assert {name: entries(path, name) for name in ("shop", "other")} == {"shop": before, "other": {}}
        History(path).record(big_runs())
        assert {name: entries(path, name) for name in ("shop", "other")} == done
    assert was_dirty


FULL = """
import resource, sys
from pathlib import Path
from driftgate.history import History, HistoryError
from tests.history.nights import big_runs
history = History(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    history.record(big_runs())
except HistoryError as error:
    print(error)
"""


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_leaves_the_history_as_it_was(tmp_path: Path, *, exists: bool) -> None:
    """What does not fit is not remembered, and said; the file is as good as before, also one that was to be made."""
    path = tmp_path / "history.db"
    if exists:
        History(path).record(nights(RUNS[0]))
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"history {path}: ")
    assert "disk" in done.stdout
    assert entries(path) == (after(RUNS[0]) if exists else {})
    History(path).record(nights(RUNS[1]))
    assert entries(path) == (after(*RUNS[:2]) if exists else after(RUNS[1]))


AT_ONCE = """
import sys
from pathlib import Path
from driftgate.history import History
from driftgate.history import HistoryRules
from tests.history.nights import night, run_at, seen
own = seen("b" + sys.argv[2])
sys.stdin.readline()
for number in range(6):
    run = run_at(night(0), [seen("a1"), own], judged="a")
    History(Path(sys.argv[1])).record([(run, HistoryRules())])
"""


def test_runs_at_once_are_all_remembered(tmp_path: Path) -> None:
    """They wait for each other, also for the first one, which makes the file."""
    path = tmp_path / "history.db"
    runs = [
        subprocess.Popen([sys.executable, "-c", AT_ONCE, str(path), str(number)], stdin=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    for run in runs:
        run.communicate("go\n")
    assert [run.returncode for run in runs] == [0, 0, 0]
    times = {entry.seen.object: entry.times for entry in entries(path).values()}
    assert times == {"a1": 18, "b0": 6, "b1": 6, "b2": 6}


def test_a_run_that_comes_in_the_middle_of_another_one_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads what the other one has written, and neither fails nor undoes anything."""
    path, remembered = tmp_path / "history.db", store._remembered
    History(path).record(nights(RUNS[0]))
    second = threading.Thread(target=lambda: History(path).record(nights(RUNS[0])))

    def slowly(connection: sqlite3.Connection, environment: str) -> store.Remembered:
        found = remembered(connection, environment)
        if not second.ident:
            second.start()
            second.join(timeout=0.5)
        return found

    monkeypatch.setattr(store, "_remembered", slowly)
    History(path).record(nights(RUNS[0]))
    second.join()
    assert {entry.times for entry in entries(path).values()} == {3}


def test_a_run_that_never_ends_does_not_hold_the_others_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while it is said that the history is being written by another run."""
    path = tmp_path / "history.db"
    History(path).record(nights(RUNS[0]))
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match=r"another run has been writing for more than 0\.1 seconds"):
            History(path).record(nights(RUNS[1]))
    assert entries(path) == after(RUNS[0])


def test_a_history_that_may_not_be_written_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may read it only can still list it; and where no file may be made, none can become one."""
    path = tmp_path / "history.db"
    History(path).record(nights(RUNS[0]))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root, who may run the tests, may write everything
    with pytest.raises(UsageError, match="may not be written"):
        History(path).refuse_unwritable()
    assert entries(path) == after(RUNS[0])
    with pytest.raises(UsageError, match="the folder may not be written"):
        History(tmp_path / "new.db")
