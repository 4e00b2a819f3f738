"""The history of an installation in one SQLite file.

A rollback journal and not a write-ahead log: all of it is then in one file between runs, which a CI cache, a backup or
a network file system keeps as it is; and there is one short write in a run, so that nothing would be gained. A run is
written in one transaction when everything of it has been told: whoever is killed leaves the file as it was, at worst
with a journal beside it from which the next one to open it restores it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from driftgate.errors import DriftgateError, UsageError
from driftgate.history.entries import Comparison, Entry, HistoryRules, PastRun, Run, Seen, advance, compare_run
from driftgate.model.outcome import Outcome, Severity

__all__ = ["FORMAT", "History", "HistoryError", "Remembered"]

#: "dgh" and the number of the family, in the header of the file: what `file` and we know it by.
APPLICATION_ID: Final = 0x64676831
# How long a run waits for another one that writes; one writes for a fraction of a second.
BUSY_SECONDS = 30.0
_MAGIC = b"SQLite format 3\0"

# Each brings a file of the format of its number, from 0 for an empty one, to the next. What was released stays.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE run (
            id INTEGER PRIMARY KEY,
            environment TEXT NOT NULL,
            taken TEXT NOT NULL,
            judged INTEGER NOT NULL,
            unjudged INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            unchecked INTEGER NOT NULL
        )""",
        "CREATE INDEX run_by_time ON run (environment, taken)",
        """CREATE TABLE finding (
            environment TEXT NOT NULL,
            key TEXT NOT NULL,
            check_id TEXT NOT NULL,
            application TEXT NOT NULL,
            object TEXT NOT NULL,
            field TEXT NOT NULL,
            severity TEXT NOT NULL,
            outcome TEXT NOT NULL,
            first_seen TEXT NOT NULL,
            since TEXT NOT NULL,
            last_seen TEXT NOT NULL,
            times INTEGER NOT NULL,
            fixed_at TEXT,
            PRIMARY KEY (environment, key)
        ) WITHOUT ROWID""",
        """CREATE TABLE comeback (
            environment TEXT NOT NULL,
            key TEXT NOT NULL,
            taken TEXT NOT NULL,
            PRIMARY KEY (environment, key, taken)
        ) WITHOUT ROWID""",
    ),
)
#: The format that this driftgate writes.
FORMAT = len(MIGRATIONS)


class HistoryError(DriftgateError):
    """The history could not be written, or not be read in the middle of a run."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Everything that a history has of one environment: its runs, the last one last, and the entries by key."""

    environment: str
    runs: tuple[PastRun, ...]
    entries: Mapping[str, Entry]

    @property
    def last(self) -> PastRun | None:
        """The last run that judged anything."""
        return next((one for one in reversed(self.runs) if one.judged), None)

    @property
    def latest(self) -> datetime | None:
        """The time of the last run."""
        return self.runs[-1].taken if self.runs else None


class History:
    """The history in a file, which comes into being with the first run that is written."""

    def __init__(self, path: Path) -> None:
        """Look whether the file is a history, or can become one; UsageError where it is neither."""
        self._path = path
        try:
            self._look_at_it()
        except OSError as error:
            raise UsageError(f"history {path}: {error.strerror or error}") from None
        except sqlite3.Error as error:
            raise UsageError(f"history {path}: {_words(error)}; move it away, and a new one begins") from None

    def _look_at_it(self) -> None:
        path = self._path
        if not path.exists():
            if not path.parent.is_dir():
                raise UsageError(f"history {path}: there is no folder {path.parent}")
            if not os.access(path.parent, os.W_OK | os.X_OK):
                raise UsageError(f"history {path}: the folder may not be written")
            return
        if not path.is_file():
            raise UsageError(f"history {path}: is no plain file")
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
        if head and head != _MAGIC:
            raise UsageError(f"history {path}: is no SQLite file; name another one, or move it away")
        with closing(self._connect()) as connection:
            _refuse_foreign(connection, path)
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise UsageError(f"history {path}: is damaged ({problem}); move it away, and a new one begins")

    def refuse_unwritable(self) -> None:
        """UsageError where the file may be read and not be written: better said before a cluster is asked."""
        if self._path.exists() and not os.access(self._path, os.W_OK):
            raise UsageError(f"history {self._path}: may not be written")

    def compared(self, run: Run) -> Comparison:
        """What a run tells beside what is remembered; nothing is written. Raises HistoryError."""
        remembered = next((one for one in self.environments() if one.environment == run.environment), None)
        known = remembered or Remembered(run.environment, (), {})
        return compare_run(known.entries, run, known.last, known.latest)

    def environments(self) -> tuple[Remembered, ...]:
        """Everything that is remembered, by environment. Raises HistoryError."""
        if not self._path.exists() or not self._path.stat().st_size:
            return ()
        with self._transaction(write=False) as connection:
            names = connection.execute("SELECT DISTINCT environment FROM run ORDER BY environment").fetchall()
            return tuple(_remembered(connection, name) for (name,) in names)

    def record(self, runs: Sequence[tuple[Run, HistoryRules]]) -> None:
        """Write runs, all of them or none, each after what others have written meanwhile. Raises HistoryError."""
        try:
            # For its owner alone, and so is the journal, which takes after it.
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError as error:
            raise HistoryError(f"history {self._path}: {error.strerror or error}") from None
        with self._transaction(write=True) as connection:
            for run, rules in runs:
                _write(connection, run, rules)

    def _connect(self) -> sqlite3.Connection:
        # Without the module's own transactions: they begin late, and two runs could then read the same state.
        return sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        """A transaction over a file of our format; an older one is brought to it, for good only where it is written."""
        try:
            with closing(self._connect()) as connection:
                connection.execute("BEGIN IMMEDIATE" if write or _format(connection) < FORMAT else "BEGIN")
                try:
                    _migrate(connection, self._path)
                    yield connection
                    connection.execute("COMMIT" if write else "ROLLBACK")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise HistoryError(f"history {self._path}: {_words(error)}") from None


def _words(error: sqlite3.Error) -> str:
    """SQLite's words, and what they mean where they do not say it."""
    said = str(error)
    meanings = {
        "database is locked": f"another run has been writing for more than {BUSY_SECONDS:g} seconds",
        "disk I/O error": "disk I/O error (a full disk, a quota or a limit of the size of files)",
        "database or disk is full": "the disk is full",
    }
    return meanings.get(said, said)


def _format(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    number = _format(connection)
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if owner != APPLICATION_ID and not is_empty:
        raise UsageError(f"history {path}: is a database of something else; name another file")
    if number > FORMAT:
        raise UsageError(
            f"history {path}: has format {number} and this driftgate reads up to {FORMAT}: update driftgate"
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    # Another run may have been of a newer driftgate since the file was looked at.
    _refuse_foreign(connection, path)
    number = _format(connection)
    for statement in (statement for migration in MIGRATIONS[number:] for statement in migration):
        connection.execute(statement)
    if number < FORMAT:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _remembered(connection: sqlite3.Connection, environment: str) -> Remembered:
    runs = connection.execute(
        "SELECT taken, judged, unjudged, failed, unchecked FROM run WHERE environment = ? ORDER BY taken, id",
        (environment,),
    )
    comebacks: dict[str, list[datetime]] = {}
    for key, taken in connection.execute(
        "SELECT key, taken FROM comeback WHERE environment = ? ORDER BY key, taken", (environment,)
    ):
        comebacks.setdefault(key, []).append(_time(taken))
    found = connection.execute(
        "SELECT key, check_id, application, object, field, severity, outcome, first_seen, since, last_seen, times,"
        " fixed_at FROM finding WHERE environment = ? ORDER BY key",
        (environment,),
    )
    return Remembered(
        environment,
        tuple(PastRun(_time(taken), *counts) for taken, *counts in runs.fetchall()),
        {row[0]: _entry(row, comebacks.get(row[0], ())) for row in found.fetchall()},
    )


def _entry(row: Sequence[Any], returns: Sequence[datetime]) -> Entry:
    first, since, last, times, fixed = row[7:]
    return Entry(
        Seen(*row[:7]), _time(first), _time(since), _time(last), times, _time(fixed) if fixed else None, tuple(returns)
    )


def _write(connection: sqlite3.Connection, run: Run, rules: HistoryRules) -> None:
    before = _remembered(connection, run.environment)
    after = advance(before.entries, run, before.latest)
    for key, entry in after.items():
        if before.entries.get(key) != entry:
            _write_entry(connection, run.environment, entry)
    outcomes = [one.outcome for one in run.seen if one.severity != Severity.NOTE.value]
    unchecked = [one for one in run.seen if one.outcome == Outcome.COULD_NOT_CHECK.value]
    connection.execute(
        "INSERT INTO run (environment, taken, judged, unjudged, failed, unchecked) VALUES (?, ?, ?, ?, ?, ?)",
        (
            run.environment,
            _text(run.taken),
            run.judged,
            run.unjudged,
            outcomes.count(Outcome.FAILED.value),
            len(unchecked),
        ),
    )
    _forget(connection, run, rules)


def _write_entry(connection: sqlite3.Connection, environment: str, entry: Entry) -> None:
    seen = entry.seen
    connection.execute(
        "INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            environment, seen.key, seen.check, seen.application, seen.object, seen.field, seen.severity, seen.outcome,
            _text(entry.first_seen), _text(entry.since), _text(entry.last_seen), entry.times,
            _text(entry.fixed_at) if entry.fixed_at else None,
        ),
    )  # fmt: skip
    connection.executemany(
        "INSERT OR IGNORE INTO comeback VALUES (?, ?, ?)",
        [(environment, seen.key, _text(one)) for one in entry.returns],
    )


def _forget(connection: sqlite3.Connection, run: Run, rules: HistoryRules) -> None:
    """Drop what nobody has seen for as long as policy keeps it, and the runs and comebacks of before; never the last.

    Measured from this run, of this environment alone, so that a run of another time touches nobody else's.
    """
    place = {"environment": run.environment}
    oldest = {**place, "bound": _text(run.taken - max(rules.keep, timedelta(0)))}
    connection.execute(
        "DELETE FROM finding WHERE environment = :environment AND last_seen < :bound"
        " AND coalesce(fixed_at, last_seen) < :bound",
        oldest,
    )
    connection.execute(
        "DELETE FROM run WHERE environment = :environment AND taken < :bound AND id NOT IN"
        " (SELECT id FROM run WHERE environment = :environment AND judged > 0 ORDER BY taken DESC, id DESC LIMIT 1)",
        oldest,
    )
    connection.execute(
        "DELETE FROM comeback WHERE environment = :environment AND (taken < :bound OR key NOT IN"
        " (SELECT key FROM finding WHERE environment = :environment))",
        {**place, "bound": _text(run.taken - max(rules.flapping_within, timedelta(0)))},
    )


def _text(time: datetime) -> str:
    """A time in UTC whose texts sort as the times do."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
