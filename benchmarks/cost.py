"""A load, and what it cost the service that was under it."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import load
from benchmarks.answers import OK, Answers
from benchmarks.processes import Cpus, busy_seconds, on_cpus
from benchmarks.server import Server

Load = Callable[[], Coroutine[Any, Any, Answers]]


@dataclass(frozen=True)
class Cost:
    """Not a number where nothing is known of the service's process."""

    server_cpu_ms: float = float("nan")
    """Per request that was answered well."""
    foreign_cores: float = float("nan")
    """That others used of the service's cores meanwhile: what makes figures worse than they are."""


class Meter:
    """Runs loads on a service, from cores of the client's own or from the same."""

    def __init__(self, served: Server, server: Cpus, client: Cpus) -> None:
        self._served, self._server, self._client = served, server, client

    def charged(self, made: Load) -> tuple[Answers, Cost]:
        """Its answers, and its cost."""
        spent = self._spent()
        with on_cpus(self._client):
            answers = load.run(made())
        busy, cpu, own, elapsed = np.subtract(self._spent(), spent).tolist()
        foreign = busy - cpu - (own if self._client & self._server else 0.0)
        return answers, Cost(1000 * cpu / max(1, answers.count(OK)), max(0.0, foreign) / elapsed)

    def _spent(self) -> tuple[float, float, float, float]:
        """By all on the service's cores, by the service, by this client; and the time."""
        return busy_seconds(self._server), self._served.cpu_seconds(), time.process_time(), time.perf_counter()
