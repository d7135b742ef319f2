"""Any server that is measured: a process in a session of its own, on cores of its own, from its start to its end."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from benchmarks import processes
from benchmarks.processes import Cpus, Memory, on_cpus
from benchmarks.wire import HOST
from contract.errors import EarshotError

READY_S = 120.0
"""A server that is not ready by then never will be."""
STOP_S = 60.0
"""Twice the grace that ours has to finish what it took."""
LOOK_S = 0.01
"""Between two looks at whether it is ready: a hundredth of what a start takes."""
ANSWER_S = 5.0

CALM_S, CALM_LOOKS, CALM_SHARE, LONGEST_CALMING_S = 0.2, 3, 0.1, 15.0
"""A server is idle when it used less than a tenth of a core in three looks in a row."""


class Server(ABC):
    """A process that serves at a port; it and all that it started are gone at the end of the `with`."""

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        port: int,
        cpus: Cpus | None = None,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start it, on these cores only."""
        self.name, self.port = name, port
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        self._started = time.perf_counter()
        with on_cpus(cpus):
            self._process = subprocess.Popen(  # noqa: S603  (a program of ours, or one that is measured)
                words,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,
            )
        self.session = self._process.pid
        self._sessions = {self.session}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind, whatever happened."""
        while pids := self.processes():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(LOOK_S)
        self._process.wait()
        self._log.close()

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it takes requests; it may fail to connect."""

    def wait_until_ready(self) -> float:
        """Seconds from the start of the process until requests are taken."""
        while time.perf_counter() - self._started < READY_S:
            if self._process.poll() is not None:
                raise EarshotError(f"{self.name} did not start: {self._last_words()}")
            with suppress(OSError, http.client.HTTPException):
                if self.is_ready():
                    return time.perf_counter() - self._started
            time.sleep(LOOK_S)
        raise EarshotError(f"{self.name} was not ready after {READY_S:g} s: {self._last_words()}")

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        return self._asked("GET", path)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The same, of a sound."""
        return self._asked("POST", path, body, {"Content-Type": "audio/wav"})

    def processes(self) -> list[int]:
        """All that live of it, those too that were left by their parents."""
        return processes.processes_of(*self._known_sessions())

    def cpu_seconds(self) -> float:
        """Spent so far."""
        return processes.cpu_seconds(*self._known_sessions())

    def memory(self) -> Memory:
        """Held now."""
        return processes.memory(*self._known_sessions())

    def wait_until_calm(self) -> None:
        """Until it has finished what was left over from clients that are gone."""
        stop, calm = time.perf_counter() + LONGEST_CALMING_S, 0
        while calm < CALM_LOOKS and time.perf_counter() < stop:
            before = self.cpu_seconds()
            time.sleep(CALM_S)
            calm = calm + 1 if self.cpu_seconds() - before <= CALM_SHARE * CALM_S else 0

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def wait(self, patience_s: float = STOP_S) -> int | None:
        """Its exit status; None where it does not end."""
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return None

    def _known_sessions(self) -> set[int]:
        if self._process.poll() is None:
            self._sessions |= processes.sessions_below(self.session)
        return self._sessions

    def _asked(
        self, method: str, path: str, body: bytes | None = None, fields: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_S)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        return last_words(self._log.read().decode(errors="replace"))


def last_words(text: str) -> str:
    """The last line that says something, out of the frame that it may be drawn in."""
    lines = (line.strip(" │").removeprefix("error: ") for line in reversed(text.splitlines()))
    return next((line for line in lines if any(map(str.isalpha, line))), "it said nothing")


def end_tidily() -> None:
    """Told to end by SIGTERM, this process ends what it has started, as it does for any other reason."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
