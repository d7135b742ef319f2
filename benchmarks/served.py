"""The service as users run it: `earshot serve` in a process and a session of its own, from its start to its end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks import processes
from benchmarks.processes import Cpus, Memory, on_cpus
from benchmarks.wire import HOST
from contract.errors import EarshotError

PROGRAM = Path(__file__).parents[1] / "cli.py"

READY_S = 120.0
"""A service that is not ready by then never will be."""
STOP_S = 60.0
"""Twice the grace that it has to finish what it took."""
LOOK_S = 0.01
"""Between two looks at whether it is ready: a hundredth of what a start takes."""
ANSWER_S = 5.0

CALM_S, CALM_LOOKS, CALM_SHARE, LONGEST_CALMING_S = 0.2, 3, 0.1, 15.0
"""A service is idle when it used less than a tenth of a core in three looks in a row."""


class Served:
    """A service that runs; gone at the end of the `with`."""

    def __init__(self, flags: Sequence[str] = (), cpus: Cpus | None = None, program: Path = PROGRAM) -> None:
        """Start it, on these cores only, from the tree in which the program lies."""
        self.port = _free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        words = [sys.executable, str(program), "serve", "--port", str(self.port), *flags]
        self._started = time.perf_counter()
        with on_cpus(cpus):
            self._process = subprocess.Popen(  # noqa: S603  (our own program)
                words,
                env=environment_of(program.parent),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,
            )
        self.session = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind, whatever happened."""
        for pid in processes.processes_of(self.session):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def wait_until_ready(self) -> float:
        """Seconds from the start of the process until requests are taken."""
        while time.perf_counter() - self._started < READY_S:
            if self._process.poll() is not None:
                raise EarshotError(f"the service did not start: {self._last_words()}")
            with suppress(OSError, http.client.HTTPException):
                if self.get("/readyz")[0] == http.client.OK:
                    return time.perf_counter() - self._started
            time.sleep(LOOK_S)
        raise EarshotError(f"the service was not ready after {READY_S:g} s: {self._last_words()}")

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def model_facts(self) -> dict[str, Any]:
        """What it says that it serves."""
        facts: dict[str, Any] = json.loads(self.get("/v1/model")[1])
        return facts

    def cpu_seconds(self) -> float:
        """Spent so far."""
        return processes.cpu_seconds(self.session)

    def memory(self) -> Memory:
        """Held now."""
        return processes.memory(self.session)

    def has_loaded(self, library: str) -> bool:
        """Whether a file whose path has this in it is mapped."""
        return processes.has_loaded(self.session, library)

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

    def wait(self) -> int | None:
        """Its exit status; None where it does not end."""
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            return None

    def _last_words(self) -> str:
        self._log.seek(0)
        return last_words(self._log.read().decode(errors="replace"))


def environment_of(tree: Path) -> dict[str, str]:
    """In which a program finds the modules of its own tree, and none of the user's settings of a service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [str(tree), kept.get("PYTHONPATH")]))}


def last_words(text: str) -> str:
    """The last line that says something, out of the frame that it may be drawn in."""
    lines = (line.strip(" │").removeprefix("error: ") for line in reversed(text.splitlines()))
    return next((line for line in lines if any(map(str.isalpha, line))), "it said nothing")


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
