"""Asks Argo CD's own code: a client of the program that `tools/oracle` builds around it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# Argo CD gives a jq expression a second for each of the objects that it is applied to; one request has few of them.
ANSWER_SECONDS = 60
# How the folders begin in which an oracle has its temporary files.
SCRATCH = "driftgate-oracle-"

Json = dict[str, Any]


class OracleError(Exception):
    """The oracle could not be asked: a request that it refuses, no answer in time, or a process that ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Argo CD's code came to: a value, or the text of its error or panic, and what it logged on the way.

    A value may hold what a Secret holds, so none of it has a place in a representation.
    """

    value: Any = field(repr=False)
    error: str
    panic: str
    log: tuple[str, ...] = field(repr=False)

    @property
    def failed(self) -> bool:
        """Whether Argo CD has no answer either."""
        return bool(self.error or self.panic)


class Oracle:
    """One process that answers thousands of requests; one that died is started again for the next request.

    `schema` is the OpenAPI v2 document that a cluster serves. With it Argo CD compares managed fields by the types of
    the kinds, as it does in a cluster.
    """

    def __init__(self, program: Path, schema: Path | None = None) -> None:
        self._program = program
        self._schema = schema
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        # Argo CD's code makes files for git and helm when it starts, and leaves removing them to its container.
        self._scratch = tempfile.TemporaryDirectory(prefix=SCRATCH)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._stop()
        self._complaints.close()
        self._scratch.cleanup()

    def version(self) -> str:
        """The version of Argo CD whose code answers, such as `v3.6.1`."""
        return str(self.ask("version").value)

    def diff(
        self,
        desired: Json | None,
        live: Json | None,
        ignore_differences: Sequence[Json] = (),
        settings: Mapping[str, str] | None = None,
        dry_run: Json | None = None,
    ) -> Answer:
        """Whether the pair is out of sync, with the two objects that decide it.

        `settings` is the data of `argocd-cm`; `dry_run` is what the API server made of a server-side apply in dry-run
        mode, and makes the comparison a server-side one.
        """
        asked: Json = {
            "desired": desired,
            "live": live,
            "ignoreDifferences": list(ignore_differences),
            "settings": dict(settings or {}),
        }
        return self.ask("diff", **asked, **({"dryRun": dry_run} if dry_run else {}))

    def ask(self, question: str, **asked: Any) -> Answer:
        """Ask any question; raises `OracleError` where there is no answer to trust."""
        if self._process is None:
            self._start()
        found = self._exchange({"ask": question, **asked})
        if "refused" in found:
            raise OracleError(f"{question}: {found['refused']}")
        return Answer(found.get("answer"), found.get("error", ""), found.get("panic", ""), tuple(found["log"]))

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [self._program],
            env={**os.environ, "TMPDIR": self._scratch.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        if self._schema is not None:
            self.ask("schema", path=str(self._schema))

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process, self._unread = None, b""

    def _exchange(self, request: Json) -> Json:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            # As an API server hands it on: an escaped emoji inside of a raw JSON value is none to every reader.
            text = json.dumps(request, ensure_ascii=False)
            self._process.stdin.write(text.encode("utf-8", "surrogatepass") + b"\n")
            self._process.stdin.flush()
            line = self._read_line(time.monotonic() + ANSWER_SECONDS)
        except (BrokenPipeError, EOFError) as error:
            self._stop()
            raise OracleError(f"the oracle ended: {self._last_words()}") from error
        except TimeoutError as error:
            self._stop()
            raise OracleError(f"no answer in {ANSWER_SECONDS} s") from error
        found: Json = json.loads(line)
        return found

    def _read_line(self, deadline: float) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            chunk = os.read(output, 1 << 20)
            if not chunk:
                raise EOFError
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _last_words(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        # The Go runtime tells the reason first, and the stacks of all goroutines after it.
        return " / ".join(lines[:3]) or "without a word"
